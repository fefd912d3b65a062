//! Standard input, kept in segment files until it is stored: a pipe cannot be read twice.
//!
//! Guarantees: from the spool on reading is exactly-once like that of any file; what is lost when the process is killed is at most what the pipe held
//! and one read buffer. Segments end where a record begins. Bounded: the pipe is left waiting while more than [`MAX_UNREAD_BYTES`] are unread, and
//! segments are deleted once their records are committed. Segments of an earlier run are read to their end. Never reorders, never drops.

use crate::{
    model::{
        checkpoint::{Checkpoint, FileCheckpoint, FileKind, FileState},
        status::SourceStatus,
    },
    source::{
        SourceError,
        discover::{Found, Listing},
        events::WakeHandle,
        identity::Stat,
    },
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// How standard input is shown.
pub const SHOWN: &str = "stdin";
/// A segment ends at the first record after this many bytes.
const SEGMENT_BYTES: u64 = 64 << 20;
/// Input waits while more than this is unread.
const MAX_UNREAD_BYTES: u64 = 256 << 20;
const READ_BYTES: usize = 256 << 10;
const PAUSE: Duration = Duration::from_millis(20);
const RETRY: Duration = Duration::from_secs(1);

/// What stands in for standard input.
pub type Input = Box<dyn Read + Send>;

#[derive(Default)]
struct Shared {
    /// Number of the segment that is written.
    writing: AtomicU64,
    over: AtomicBool,
    written: AtomicU64,
    consumed: AtomicU64,
    trouble: Mutex<Option<String>>,
}

impl Shared {
    fn trouble(&self, text: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }
}

/// The segments of standard input.
pub struct Spool {
    dir: PathBuf,
    shared: Arc<Shared>,
    first: u64,
    deleted_bytes: u64,
    /// The end of input was known before the newest listing.
    is_listed_to_the_end: bool,
}

impl Spool {
    /// Starts keeping `input`, and takes over what an earlier run left. `None`: there is neither.
    pub fn open(dir: &Path, input: Option<Input>, checkpoint: &Checkpoint, bell: WakeHandle) -> Result<Option<Self>, SourceError> {
        let failed = |cause| SourceError::Io { path: dir.display().to_string(), cause };
        let done = |path: &Path| checkpoint.files.iter().any(|f| f.kind == FileKind::Spool && f.state == FileState::Done && Path::new(&f.path) == path);
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let (finished, left): (Vec<_>, Vec<_>) = segments(&dir).into_iter().partition(|(_, path)| done(path));
        for (_, path) in finished {
            let _ = fs::remove_file(path);
        }
        let first = left.iter().map(|(number, _)| number + 1).max().unwrap_or(1);
        if input.is_none() && left.is_empty() {
            return Ok(None);
        }
        let shared = Arc::new(Shared::default());
        shared.writing.store(first, Ordering::SeqCst);
        match input {
            Some(input) => {
                fs::create_dir_all(&dir).map_err(failed)?;
                let pump = Pump { file: None, number: first, size: 0, dir: dir.clone(), shared: Arc::clone(&shared), bell };
                let started = thread::Builder::new().name("stdin".into()).spawn(move || pump.run(input));
                started.map_err(failed)?;
            }
            None => shared.over.store(true, Ordering::SeqCst),
        }
        Ok(Some(Self { dir, shared, first, deleted_bytes: 0, is_listed_to_the_end: false }))
    }

    /// Adds the segments to a listing.
    pub fn list(&self, listing: &mut Listing) {
        for (_, path) in segments(&self.dir) {
            if let Ok(meta) = fs::metadata(&path) {
                listing.found.push(Found { path, shown: SHOWN.to_owned(), stat: Stat::from(&meta), link: false });
            }
        }
    }

    /// To be called before listing, with the answer of [`Self::is_over`] at that time.
    pub fn listed(&mut self, was_over: bool) {
        self.is_listed_to_the_end |= was_over;
    }

    /// No more input comes.
    pub fn is_over(&self) -> bool {
        self.shared.over.load(Ordering::SeqCst)
    }

    /// No more input comes, and every segment was listed.
    pub fn is_known_to_the_end(&self) -> bool {
        self.is_listed_to_the_end
    }

    /// It is one of the segments.
    pub fn owns(&self, path: &Path) -> bool {
        number_of(path).is_some() && path.parent() == Some(&self.dir)
    }

    /// Nothing is written to this segment any more.
    pub fn is_closed(&self, path: &Path) -> bool {
        self.is_over() || number_of(path).is_some_and(|number| number < self.shared.writing.load(Ordering::SeqCst))
    }

    /// Lets input go on as far as it was read: path and read position of each segment.
    pub fn consumed<'a>(&self, positions: impl Iterator<Item = (&'a str, u64)>) {
        let own = positions.filter(|(path, _)| number_of(Path::new(path)).is_some_and(|number| number >= self.first) && self.owns(Path::new(path)));
        let standing: u64 = own.filter(|(path, _)| fs::symlink_metadata(path).is_ok()).map(|(_, position)| position).sum();
        self.shared.consumed.store(self.deleted_bytes + standing, Ordering::SeqCst);
    }

    /// Deletes segments that were stored to their end.
    pub fn committed(&mut self, files: &[FileCheckpoint]) {
        for file in files.iter().filter(|file| file.kind == FileKind::Spool && file.state == FileState::Done) {
            let path = Path::new(&file.path);
            if self.owns(path) && self.is_closed(path) && fs::remove_file(path).is_ok() && number_of(path).is_some_and(|number| number >= self.first) {
                self.deleted_bytes += file.off;
            }
        }
    }

    /// Says on the status what hinders the input.
    pub fn comment(&self, sources: &mut [SourceStatus]) {
        let trouble = self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for source in sources.iter_mut().filter(|source| source.path == SHOWN && source.state == FileState::Live && source.trouble.is_none()) {
            source.trouble.clone_from(&trouble);
        }
    }
}

fn number_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("stdin-")?.strip_suffix(".log")?.parse().ok()
}

fn segments(dir: &Path) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut segments: Vec<_> = entries.filter_map(|entry| Some((number_of(&entry.path())?, entry.path()))).collect();
    segments.sort_unstable();
    segments
}

/// The thread that moves input into segments.
struct Pump {
    dir: PathBuf,
    number: u64,
    file: Option<File>,
    size: u64,
    shared: Arc<Shared>,
    bell: WakeHandle,
}

impl Pump {
    fn run(mut self, mut input: Input) {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => self.keep(&buffer[..n]),
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => {
                    self.shared.trouble(Some(format!("standard input cannot be read: {cause}")));
                    break;
                }
            }
            self.bell.written();
            while self.shared.written.load(Ordering::SeqCst) > self.shared.consumed.load(Ordering::SeqCst) + MAX_UNREAD_BYTES {
                thread::sleep(PAUSE);
            }
        }
        self.shared.over.store(true, Ordering::SeqCst);
        self.bell.relist();
    }

    fn keep(&mut self, bytes: &[u8]) {
        let cut = if self.size >= SEGMENT_BYTES { boundary(bytes, self.size >= 2 * SEGMENT_BYTES) } else { None };
        self.write(&bytes[..cut.unwrap_or(bytes.len())]);
        if let Some(cut) = cut {
            self.file = None;
            self.number += 1;
            self.size = 0;
            self.shared.writing.store(self.number, Ordering::SeqCst);
            self.bell.relist();
            self.write(&bytes[cut..]);
        }
        self.shared.written.fetch_add(bytes.len() as u64, Ordering::SeqCst);
    }

    /// Writes everything, however long the disk is full.
    fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.write_some(bytes) {
                Ok(n) => {
                    self.size += n as u64;
                    bytes = &bytes[n..];
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => {
                    self.shared.trouble(Some(format!("standard input waits, its spool {} cannot be written: {cause}", self.dir.display())));
                    thread::sleep(RETRY);
                    continue;
                }
            }
            self.shared.trouble(None);
        }
    }

    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.is_none() {
            let path = self.dir.join(format!("stdin-{:06}.log", self.number));
            self.file = Some(OpenOptions::new().create(true).append(true).open(path)?);
            self.bell.relist();
        }
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }
}

/// Behind the last newline that a record seems to begin after; behind any newline when it is urgent.
fn boundary(bytes: &[u8], urgent: bool) -> Option<usize> {
    let begins = |at: &usize| urgent || bytes.get(at + 1).is_some_and(|next| !next.is_ascii_whitespace() && !b"}])".contains(next));
    memchr::memrchr_iter(b'\n', bytes).find(begins).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_ends_where_a_record_begins() {
        assert_eq!(boundary(b"a\n{\n  1\n}\n{\"b\"", false), Some(10));
        assert_eq!(boundary(b"a\n  b\n  c\n", false), None);
        assert_eq!(boundary(b"a\n  b\n  c\n", true), Some(10));
        assert_eq!(boundary(b"no newline", true), None);
    }
}
