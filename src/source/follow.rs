//! One lineage: the content of one log file from its first byte on, read through whatever file holds it now.
//!
//! Guarantees: a plain file is checked after every read (size, the bytes before the old position, the bytes just read), and a pass over a file that
//! changed under it is thrown away; a last line without newline is handed out only when no more can come; a held record is handed on after
//! [`Timing::held`] without a write. Never decides what an unknown file is: that is `classify`.

use crate::{
    model::{
        checkpoint::{FileCheckpoint, FileKind, FileState},
        record::Chunk,
    },
    recognise::frame,
    source::{
        Timing,
        compressed::{End, Inflater, glimpse},
        identity::{self, GUARD_BYTES, HEAD_BYTES, Seed, Stat, hash64, read_at, seed_at},
        lines::{Splitter, Taken, joined_tail},
        names::LogName,
    },
};
use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// Ends of the newest records, remembered for copies that were made a little before a truncation.
const MARKS: usize = 512;
/// Of them, those that go into the checkpoint of a file that was written lately.
const KEPT_MARKS: usize = 64;
/// Lately: a rotator does not take longer between copying and truncating.
const MARKED_FOR: Duration = Duration::from_secs(60);
/// How far ahead the time of the next record is looked for.
const PEEK_BYTES: usize = 4096;

/// What one step over a lineage brought.
pub enum Step {
    /// Records.
    Chunk(Chunk),
    /// Nothing, but more can be read at once.
    Again,
    /// Nothing until the file changes.
    Idle,
    /// The file holds other content than was read: this lineage has lost it.
    Replaced,
}

struct Reader {
    file: Arc<File>,
    inflater: Option<Inflater>,
    splitter: Splitter,
}

/// One lineage.
pub struct Lineage {
    /// What a restart needs; always as of the last hand-out.
    pub mark: FileCheckpoint,
    /// Name and generation of the file that holds it now.
    pub log: LogName,
    /// `log.name`, shared by all chunks.
    pub source: Arc<str>,
    /// Newest knowledge about the file.
    pub stat: Stat,
    /// When `stat` last changed.
    pub changed: Instant,
    /// It is in the newest listing.
    pub listed: bool,
    /// Listings without it, one after another.
    pub absent: u32,
    /// Its file was checked against the record since the start.
    pub verified: bool,
    /// No more can come, whatever the file system says (read-once runs, closed spool segments).
    pub is_final: bool,
    /// Why it waits or stopped.
    pub trouble: Option<String>,
    /// Not to be tried before.
    pub retry_at: Option<Instant>,
    /// Turn in which it was read last.
    pub served: u64,
    /// Bytes of the last line without newline.
    pub pending: u64,
    reader: Option<Reader>,
    dirty: bool,
    /// Its size promises bytes that a read does not bring (made-up files of the system, some network file systems).
    hollow: bool,
    next_time: Option<Option<i64>>,
    marks: VecDeque<(u64, u64)>,
}

impl Lineage {
    /// A lineage as a checkpoint left it, or a new one at 0.
    pub fn new(mark: FileCheckpoint, log: LogName) -> Self {
        let stat = Stat { inode: (mark.dev, mark.ino), size: mark.size, mtime_ns: mark.mtime_ns, nlink: 1, born_ns: mark.born_ns };
        Self {
            source: if mark.source.is_empty() { log.name.as_str().into() } else { mark.source.as_str().into() },
            log,
            stat,
            changed: Instant::now(),
            listed: false,
            absent: 0,
            verified: false,
            is_final: false,
            trouble: None,
            retry_at: None,
            served: 0,
            pending: 0,
            reader: None,
            dirty: true,
            hollow: false,
            next_time: None,
            marks: mark.marks.iter().copied().collect(),
            mark,
        }
    }

    /// Absolute path.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(&self.mark.path)
    }

    /// It holds a descriptor.
    pub fn is_open(&self) -> bool {
        self.reader.is_some()
    }

    /// The open file.
    pub fn file(&self) -> Option<&Arc<File>> {
        self.reader.as_ref().map(|reader| &reader.file)
    }

    /// Everything that is there was read, apart from a line that is not complete.
    pub fn is_drained(&self) -> bool {
        match &self.reader {
            Some(reader) if reader.inflater.is_none() => {
                let splitter = &reader.splitter;
                !splitter.is_ready() && !splitter.holds() && (self.hollow || splitter.read_pos() >= self.stat.size)
            }
            Some(_) => false,
            None => !self.dirty,
        }
    }

    /// Bytes on disk that were not handed out; estimated for compressed files.
    pub fn lag_bytes(&self) -> u64 {
        match (self.mark.state, self.mark.kind) {
            (FileState::Live, FileKind::Plain | FileKind::Spool) => self.stat.size.saturating_sub(self.mark.off),
            (FileState::Live, _) => {
                let (raw, out) = self.reader.as_ref().and_then(|r| r.inflater.as_ref()).map_or((1, 8), |i| (i.raw_bytes().max(1), i.out_bytes()));
                self.stat.size.saturating_sub(raw).saturating_mul(out.max(raw) / raw)
            }
            _ => 0,
        }
    }

    /// Of them, those that reading brings without another write.
    pub fn readable_bytes(&self) -> u64 {
        let waits = self.hollow || self.retry_at.is_some() || (self.reader.is_none() && !(self.dirty && self.listed));
        let unfinished = self.is_packed() && !self.dirty;
        if waits || unfinished { 0 } else { self.lag_bytes().saturating_sub(self.pending) }
    }

    /// Position behind everything that was read, handed out or not.
    pub fn read_pos(&self) -> u64 {
        self.reader.as_ref().map_or(self.mark.off, |reader| reader.splitter.read_pos())
    }

    /// Ends of the newest records, one after another, newest first: position and [`mark_hash`] of the bytes before it.
    pub fn marks(&self) -> impl Iterator<Item = (u64, u64)> {
        self.marks.iter().copied()
    }

    /// Takes in what the file system says now.
    pub fn observe(&mut self, stat: Stat, now: Instant) {
        if stat.differs(&self.stat) {
            self.changed = now;
            (self.dirty, self.hollow) = (true, false);
        }
        self.stat = stat;
    }

    /// Asks the open descriptor.
    pub fn poll(&mut self, now: Instant) {
        if let Some(Ok(stat)) = self.reader.as_ref().map(|reader| Stat::of(&reader.file)) {
            self.observe(stat, now);
        }
    }

    /// A step would bring something.
    pub fn is_readable(&self, now: Instant, timing: &Timing) -> bool {
        if self.mark.state != FileState::Live || self.retry_at.is_some_and(|at| at > now) {
            return false;
        }
        let Some(reader) = &self.reader else { return self.dirty && self.listed };
        if self.dirty || reader.splitter.is_ready() {
            return true;
        }
        match &reader.inflater {
            Some(_) => self.due_at(timing).is_some_and(|due| due <= now),
            None => (!self.hollow && reader.splitter.read_pos() != self.stat.size) || self.due_at(timing).is_some_and(|due| due <= now),
        }
    }

    /// When something becomes due without a write.
    pub fn due_at(&self, timing: &Timing) -> Option<Instant> {
        if self.mark.state != FileState::Live {
            return None;
        }
        let reader = self.reader.as_ref()?;
        if reader.inflater.is_some() {
            return Some(if self.is_final { self.changed } else { self.changed + timing.settle });
        }
        let pending = reader.splitter.pending_bytes() > 0;
        if self.is_final {
            return Some(self.changed);
        }
        (reader.splitter.holds() || (pending && self.stat.nlink == 0)).then(|| self.changed + timing.held)
    }

    /// Opens a file that was checked to hold this lineage.
    pub fn attach(&mut self, file: Arc<File>, stat: Stat, seed: Seed, inflater: Option<Inflater>) {
        let splitter = Splitter::new(seed, self.mark.off, self.mark.lines);
        self.reader = Some(Reader { file, inflater, splitter });
        self.stat = stat;
        (self.mark.dev, self.mark.ino) = stat.inode;
        self.mark.born_ns = stat.born_ns;
        (self.mark.size, self.mark.mtime_ns) = (stat.size, stat.mtime_ns);
        self.mark.state = FileState::Live;
        self.verified = true;
        (self.dirty, self.hollow) = (true, false);
        self.retry_at = None;
        self.absent = 0;
    }

    /// Opens its path and checks that it still holds this lineage; false when it does not.
    pub fn reopen(&mut self) -> io::Result<bool> {
        let file = Arc::new(File::open(self.path())?);
        let stat = Stat::of(&file)?;
        if !stat.is_inode_of(&self.mark) {
            return Ok(false);
        }
        let Some((seed, inflater)) = verify(&file, stat, &self.mark)? else { return Ok(false) };
        if stat.differs(&self.stat) {
            self.changed = Instant::now();
        }
        self.attach(file, stat, seed, inflater);
        Ok(true)
    }

    /// The open plain file no longer holds what was read from it.
    pub fn is_replaced(&self) -> bool {
        let Some(Reader { file, inflater: None, splitter }) = &self.reader else { return false };
        let Ok(stat) = Stat::of(file) else { return false };
        stat.size < splitter.read_pos() || ((self.dirty || stat.differs(&self.stat)) && !guard_holds(file, splitter).unwrap_or(true))
    }

    /// Gives its descriptor back; reading goes on at the mark when the file changes, or at once when something was left.
    pub fn close(&mut self) {
        self.dirty = !self.is_drained();
        self.reader = None;
    }

    /// It lost its file; a copy may turn up.
    pub fn detach(&mut self, trouble: Option<String>) {
        self.mark.state = FileState::Detached;
        (self.mark.dev, self.mark.ino) = (0, 0);
        self.reader = None;
        self.pending = 0;
        self.trouble = trouble;
    }

    /// Complete records that were read and would be lost with the reader.
    pub fn flush(&mut self) -> Option<Chunk> {
        let splitter = &mut self.reader.as_mut()?.splitter;
        splitter.close_held();
        self.absorb()
    }

    /// Reads on.
    pub fn step(&mut self, max_bytes: usize, now: Instant, timing: &Timing) -> io::Result<Step> {
        self.poll(now);
        let Some(reader) = &self.reader else { return Ok(Step::Idle) };
        if reader.inflater.is_some() { self.step_packed(max_bytes, now, timing) } else { self.step_plain(max_bytes, now, timing) }
    }

    fn step_plain(&mut self, max_bytes: usize, now: Instant, timing: &Timing) -> io::Result<Step> {
        let Some(reader) = &mut self.reader else { return Ok(Step::Idle) };
        let pos = reader.splitter.read_pos();
        if self.stat.size < pos || (self.stat.size == pos && self.dirty && !guard_holds(&reader.file, &reader.splitter)?) {
            return Ok(Step::Replaced);
        }
        if self.stat.size > pos {
            let before = reader.splitter.buffer().len();
            let mut file: &File = &reader.file;
            file.seek(SeekFrom::Start(pos))?;
            let guard = reader.splitter.tail();
            reader.splitter.buffer().reserve(max_bytes.min(usize::try_from(self.stat.size - pos).unwrap_or(max_bytes)) + 32);
            let n = file.take(max_bytes as u64).read_to_end(reader.splitter.buffer())?;
            let after = Stat::of(file)?;
            let kept = after.size >= pos && read_at(file, pos - guard.len() as u64, guard.len())? == guard;
            let read = &reader.splitter.buffer()[before..];
            let tail = &read[n.saturating_sub(GUARD_BYTES)..];
            let sound = kept && after.size >= pos + n as u64 && read_at(file, pos + (n - tail.len()) as u64, tail.len())? == tail;
            if !sound {
                reader.splitter.buffer().truncate(before);
                self.observe(after, now);
                self.dirty = true;
                return Ok(if kept { Step::Again } else { Step::Replaced });
            }
            reader.splitter.feed();
            let more = n > 0 && reader.splitter.read_pos() < after.size;
            self.observe(after, now);
            self.hollow = n == 0 && after.size > pos;
            if more {
                return Ok(self.absorb().map_or(Step::Again, Step::Chunk));
            }
        }
        self.dirty = false;
        Ok(self.conclude(now, timing).map_or(Step::Idle, Step::Chunk))
    }

    /// At the end of a plain file: what can be handed out although no newline or no further record came.
    fn conclude(&mut self, now: Instant, timing: &Timing) -> Option<Chunk> {
        let due = self.due_at(timing).is_some_and(|due| due <= now);
        let splitter = &mut self.reader.as_mut()?.splitter;
        if due && (self.is_final || self.stat.nlink == 0) {
            splitter.finish();
        } else if due {
            splitter.close_held();
        }
        let chunk = self.absorb();
        if self.is_final {
            self.mark.state = FileState::Done;
            self.reader = None;
        }
        chunk
    }

    fn step_packed(&mut self, max_bytes: usize, now: Instant, timing: &Timing) -> io::Result<Step> {
        let ended = self.reader.as_ref().and_then(|r| r.inflater.as_ref()).is_some_and(|i| i.end().is_some());
        if ended && self.dirty {
            self.reader = None;
            return Ok(if self.reopen()? { Step::Again } else { Step::Replaced });
        }
        let Some(Reader { splitter, inflater: Some(inflater), .. }) = &mut self.reader else { return Ok(Step::Idle) };
        inflater.read(splitter.buffer(), max_bytes);
        splitter.feed();
        let bytes = inflater.out_bytes();
        let Some(end) = inflater.end().cloned() else { return Ok(self.absorb().map_or(Step::Again, Step::Chunk)) };
        self.dirty = false;
        self.trouble = end.words(bytes);
        if end == End::Early && !self.is_final && now < self.changed + timing.settle {
            self.trouble = Some("still being written".into());
            return Ok(self.absorb().map_or(Step::Idle, Step::Chunk));
        }
        if end.is_complete() {
            splitter.finish();
        } else {
            splitter.close_held();
        }
        let chunk = self.absorb();
        self.mark.state = FileState::Done;
        self.reader = None;
        Ok(chunk.map_or(Step::Idle, Step::Chunk))
    }

    /// Moves the mark behind everything finished, and makes a chunk of it.
    fn absorb(&mut self) -> Option<Chunk> {
        let splitter = &mut self.reader.as_mut()?.splitter;
        let guard_before = splitter.guard().to_vec();
        let Taken { bytes, records, tally } = splitter.take();
        if matches!(self.mark.kind, FileKind::Plain) {
            for record in &records[records.len().saturating_sub(MARKS)..] {
                // Of a cut record the bytes before its end are not all there.
                if record.cut.is_none() {
                    let end = (record.at.end + 1).min(bytes.len());
                    self.marks.push_front((record.end, mark_hash(&joined_tail(&guard_before, &bytes[end.saturating_sub(GUARD_BYTES)..end]))));
                }
            }
            self.marks.truncate(MARKS);
        }
        let mark = &mut self.mark;
        self.pending = splitter.pending_bytes();
        self.next_time = None;
        if mark.off != splitter.off() {
            (mark.off, mark.lines) = (splitter.off(), splitter.lines());
            (mark.head_len, mark.head_hash) = (splitter.head().len() as u32, hash64(splitter.head()));
            (mark.guard_len, mark.guard_hash) = (splitter.guard().len() as u32, hash64(splitter.guard()));
        }
        (mark.size, mark.mtime_ns) = (self.stat.size, self.stat.mtime_ns);
        mark.counters.blank += tally.blank;
        mark.counters.blank_bytes += tally.blank_bytes;
        mark.counters.cut += tally.cut;
        mark.counters.cut_bytes += tally.cut_bytes;
        (!records.is_empty()).then(|| Chunk { file: mark.id, source: Arc::clone(&self.source), bytes, records })
    }

    /// The record for a commit.
    pub fn checkpoint(&self) -> FileCheckpoint {
        let mut mark = self.mark.clone();
        mark.source = self.source.to_string();
        let lately = self.changed.elapsed() < MARKED_FOR || mark.state == FileState::Detached;
        mark.marks = if lately { self.marks.iter().take(KEPT_MARKS).copied().collect() } else { Vec::new() };
        mark
    }

    /// About when its next record happened, as far as that is cheap to know.
    pub fn next_time_ns(&mut self) -> Option<i64> {
        if self.next_time.is_none() {
            self.next_time = Some(self.peek());
        }
        self.next_time.flatten()
    }

    fn peek(&self) -> Option<i64> {
        let off = self.mark.off;
        let bytes = match &self.reader {
            Some(reader) if reader.inflater.is_some() || memchr::memchr(b'\n', reader.splitter.ahead()).is_some() => {
                let ahead = reader.splitter.ahead();
                if ahead.is_empty() && off == 0 {
                    return self.peek_packed(&reader.file);
                }
                ahead[..ahead.len().min(PEEK_BYTES)].to_vec()
            }
            Some(reader) => read_at(&reader.file, off, PEEK_BYTES).ok()?,
            None => {
                let file = Arc::new(File::open(self.path()).ok()?);
                return match self.mark.kind {
                    FileKind::Plain | FileKind::Spool => first_time(&read_at(&file, off, PEEK_BYTES).ok()?),
                    _ if off == 0 => self.peek_packed(&file),
                    _ => None,
                };
            }
        };
        first_time(&bytes)
    }

    fn peek_packed(&self, file: &Arc<File>) -> Option<i64> {
        first_time(&glimpse(file, self.mark.kind, &[], false).head)
    }
}

fn first_time(bytes: &[u8]) -> Option<i64> {
    bytes.split(|b| *b == b'\n').find_map(frame::peek_time_ns)
}

/// A fast hash of the bytes before a mark; the same between runs.
pub fn mark_hash(guard: &[u8]) -> u64 {
    u64::from(crc32fast::hash(guard))
}

fn guard_holds(file: &File, splitter: &Splitter) -> io::Result<bool> {
    let guard = splitter.tail();
    Ok(read_at(file, splitter.read_pos() - guard.len() as u64, guard.len())? == guard)
}

/// The file holds what the record was made from: its identifying bytes, and the unpacking stream at the position.
pub fn verify(file: &Arc<File>, stat: Stat, mark: &FileCheckpoint) -> io::Result<Option<(Seed, Option<Inflater>)>> {
    if matches!(mark.kind, FileKind::Plain | FileKind::Spool) {
        if stat.size < mark.off {
            return Ok(None);
        }
        let seed = seed_at(file, mark.off)?;
        return Ok(seed.fits(mark).then_some((seed, None)));
    }
    let mut inflater = Inflater::new(Arc::clone(file), mark.kind);
    let seed = inflater.advance(mark.off);
    Ok(seed.filter(|seed| seed.fits(mark)).map(|seed| (seed, Some(inflater))))
}

/// A record for content that was never read before.
pub fn fresh(kind: FileKind, stat: Stat, path: &std::path::Path, shown: &str) -> FileCheckpoint {
    FileCheckpoint {
        id: identity::new_id(),
        dev: stat.inode.0,
        ino: stat.inode.1,
        born_ns: stat.born_ns,
        kind,
        head_hash: hash64(&[]),
        guard_hash: hash64(&[]),
        size: stat.size,
        mtime_ns: stat.mtime_ns,
        path: path.to_string_lossy().into_owned(),
        shown: shown.to_owned(),
        ..FileCheckpoint::default()
    }
}

const _: () = assert!(HEAD_BYTES >= GUARD_BYTES);
