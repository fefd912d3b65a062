//! Standard input, kept in segment files until it is stored: a pipe cannot be read twice.
//!
//! Guarantees: from the spool on reading is exactly-once like that of any file; what is lost when the process is killed is at most what the pipe held
//! and one read buffer. Segments end where a record begins. Bounded: the pipe is left waiting while more than [`MAX_UNREAD_BYTES`] are unread, and
//! segments are deleted once their records are committed. Segments of an earlier run are read to their end. Gzip and zstd are unpacked on the way in,
//! what is no log by its first bytes is refused. Never reorders, never drops; only its owner can read what is kept.

use crate::{
    model::{
        checkpoint::{Checkpoint, FileCheckpoint, FileKind, FileState},
        entry::FileId,
        status::SourceStatus,
    },
    source::{
        SourceError,
        compressed::Unpacking,
        discover::{Found, Listing},
        events::WakeHandle,
        identity::Stat,
        sniff::{self, Looks},
    },
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
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
/// So many bytes, or a line, say what the input is.
const JUDGED_BYTES: usize = 16;
/// Longest piece of a line of packed input that waits for its end.
const HELD_BYTES: usize = 1 << 20;
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
                create_private(&dir).map_err(failed)?;
                let pump = Pump { file: None, number: first, size: 0, held: Vec::new(), dir: dir.clone(), shared: Arc::clone(&shared), bell };
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

    /// Says on the status what hinders the input: on the newest of the segments, which are given with their path, or on its own.
    pub fn comment<'a>(&self, sources: &mut Vec<SourceStatus>, segments: impl Iterator<Item = (&'a str, FileId)>) {
        let trouble = self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if trouble.is_none() {
            return;
        }
        let of_this_run = segments.filter(|(path, _)| self.owns(Path::new(path)) && number_of(Path::new(path)).is_some_and(|number| number >= self.first));
        let newest = of_this_run.max_by_key(|(path, _)| number_of(Path::new(path))).map(|(_, id)| id);
        match sources.iter_mut().find(|source| Some(source.id) == newest) {
            Some(source) => source.trouble = source.trouble.take().or(trouble),
            None => sources.push(SourceStatus { path: SHOWN.to_owned(), name: SHOWN.to_owned(), kind: FileKind::Spool, trouble, ..SourceStatus::default() }),
        }
    }
}

/// Input may hold what no other user of the machine should read.
fn create_private(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    fs::set_permissions(dir, Permissions::from_mode(0o700))
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
    /// A line of packed input whose end did not come yet: where the data breaks, half a line is none.
    held: Vec<u8>,
    shared: Arc<Shared>,
    bell: WakeHandle,
}

impl Pump {
    fn run(mut self, input: Input) {
        if let Err(trouble) = self.pass_on(input) {
            self.shared.trouble(Some(trouble));
        }
        self.shared.over.store(true, Ordering::SeqCst);
        self.bell.relist();
    }

    /// Moves everything; the error is said on the status.
    fn pass_on(&mut self, mut input: Input) -> Result<(), String> {
        let first = first_bytes(&mut input).map_err(|cause| format!("standard input cannot be read: {cause}"))?;
        let kind = match sniff::looks(&first) {
            Looks::Empty => return Err("nothing came on standard input".to_owned()),
            Looks::Other(reason) if !sniff::is_hole(&first) => return Err(format!("standard input is not a log: {reason}")),
            Looks::Gzip => FileKind::Gzip,
            Looks::Zstd => FileKind::Zstd,
            Looks::Text | Looks::Other(_) => {
                self.keep(&first);
                return self.pump(&mut input, false).map_err(|cause| format!("standard input cannot be read: {cause}"));
            }
        };
        let mut unpacking = Unpacking::new(io::Cursor::new(first).chain(input), kind).map_err(|cause| format!("standard input cannot be unpacked: {cause}"))?;
        self.pump(&mut unpacking, true).map_err(|cause| format!("standard input: {}", unpacking.end(&cause).words(unpacking.out_bytes()).unwrap_or_default()))
    }

    fn pump(&mut self, input: &mut dyn Read, packed: bool) -> io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            self.bell.written();
            while self.shared.written.load(Ordering::SeqCst) > self.shared.consumed.load(Ordering::SeqCst) + MAX_UNREAD_BYTES {
                thread::sleep(PAUSE);
            }
            match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) if packed => self.keep_lines(&buffer[..n]),
                Ok(n) => self.keep(&buffer[..n]),
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        let rest = std::mem::take(&mut self.held);
        self.keep(&rest);
        Ok(())
    }

    fn keep_lines(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        let whole = match memchr::memrchr(b'\n', &self.held) {
            None if self.held.len() > HELD_BYTES => self.held.len(),
            end => end.map_or(0, |end| end + 1),
        };
        let rest = self.held.split_off(whole);
        let lines = std::mem::replace(&mut self.held, rest);
        self.keep(&lines);
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
            self.file = Some(OpenOptions::new().create(true).append(true).mode(0o600).open(path)?);
            self.bell.relist();
        }
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }
}

/// Enough to judge the input by; it may come in small pieces.
fn first_bytes(input: &mut Input) -> io::Result<Vec<u8>> {
    let mut first = vec![0; READ_BYTES];
    let mut filled = 0;
    while filled < JUDGED_BYTES && !first[..filled].contains(&b'\n') {
        match input.read(&mut first[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    first.truncate(filled);
    Ok(first)
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
