//! Reading: files, directories, globs and standard input turned into chunks of records, exactly once across rotation and restarts.
//!
//! A synchronous machine for one thread: [`Sources::next`] hands out the next run of records, [`Sources::wait`] sleeps until there may be more,
//! [`Sources::checkpoint`] says where a restart goes on after everything handed out. Guarantees: a position stands at the start of a record that
//! was not handed out; nothing on disk is written except the spool of standard input; a damaged or unreadable file is a line of the status, never
//! an error that stops the others. Never understands a record, never commits anything.

mod classify;
mod compare;
mod compressed;
mod discover;
mod events;
mod follow;
mod identity;
mod lines;
mod names;
mod scan;
mod sniff;
mod spool;

pub use events::WakeHandle;
pub use names::{Generation, LogName, log_name};

use crate::model::{
    checkpoint::{Checkpoint, FileCheckpoint, FileState},
    format,
    record::Chunk,
    status::{Skipped, SourceStatus},
};
use discover::Discover;
use events::Events;
use follow::{Lineage, Step};
use identity::Inode;
use scan::Aside;
use spool::{Input, Spool};
use std::{
    collections::{HashMap, VecDeque},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Unread bytes from which files are read in order of time.
const BACKLOG_BYTES: u64 = 4 << 20;
/// Most records that are kept for files that are gone.
const MAX_GONE: usize = 10_000;
/// How long they are kept at least, seconds.
const GONE_S: i64 = 30 * 86_400;
/// Smallest and largest read.
const READ_BYTES: (usize, usize) = (64 << 10, 4 << 20);

/// What to read.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// Files, directories, globs, `-` for standard input.
    pub paths: Vec<String>,
    /// Go on reading what is appended, and files that come later.
    pub follow: bool,
    /// Where standard input is kept until it is stored.
    pub spool_dir: PathBuf,
    /// Use no file events (network file systems, tests).
    pub poll_only: bool,
}

/// How patient reading is. The default is right for everything but tests.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// A record that may be continued is handed on after this long without a write.
    pub held: Duration,
    /// A compressed file that is not complete counts as being written until it was left alone this long.
    pub settle: Duration,
    /// A renamed or deleted file is let go after this long without a write.
    pub retire: Duration,
    /// Names are listed this often.
    pub listing: Duration,
    /// Open files are looked at this often.
    pub look: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self { held: ms(1000), settle: ms(10_000), retire: ms(60_000), listing: ms(1000), look: ms(250) }
    }
}

/// Why reading cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A given path is not there.
    #[error("{path}: no such file or directory")]
    Missing {
        /// As given.
        path: String,
    },
    /// A glob matches nothing, and nothing is waited for.
    #[error("{glob}: no file matches")]
    NoMatch {
        /// As given.
        glob: String,
    },
    /// A glob cannot be read.
    #[error("{glob}: not a glob: {cause}")]
    BadGlob {
        /// As given.
        glob: String,
        /// Why.
        cause: globset::Error,
    },
    /// There are files, but none is a log.
    #[error("no logs in {paths}{}", skipped_words(.skipped))]
    NoLogs {
        /// The given paths.
        paths: String,
        /// What was looked at.
        skipped: Vec<Skipped>,
    },
    /// A given path cannot be read.
    #[error("{path}: {}", format::cause(.cause))]
    Io {
        /// As given.
        path: String,
        /// Why.
        cause: io::Error,
    },
}

fn skipped_words(skipped: &[Skipped]) -> String {
    let mut words: Vec<String> = skipped.iter().take(3).map(|s| format!("{}: {}", s.path, s.reason)).collect();
    if skipped.len() > 3 {
        words.push(format!("{} more", skipped.len() - 3));
    }
    if words.is_empty() { String::new() } else { format!(" ({})", words.join("; ")) }
}

/// All sources, with their positions.
pub struct Sources {
    watch: Watch,
    timing: Timing,
    discover: Discover,
    events: Events,
    spool: Option<Spool>,
    lineages: Vec<Lineage>,
    by_inode: HashMap<Inode, usize>,
    aside: HashMap<Inode, Aside>,
    skipped: Vec<Skipped>,
    troubles: Vec<Skipped>,
    flushed: VecDeque<Chunk>,
    turn: u64,
    max_open: usize,
    next_listing: Instant,
    next_look: Instant,
    relist_from: Instant,
}

impl Sources {
    /// Finds every file, checks the known ones against the checkpoint, and classifies the others. Errors: a given path does not exist (and the
    /// checkpoint does not know it either); read once: a glob matches nothing, a path cannot be read, no file is a log.
    pub fn open(watch: Watch, checkpoint: &Checkpoint) -> Result<Self, SourceError> {
        let reads_stdin = watch.paths.iter().any(|path| path == "-");
        let stdin: Option<Input> = if reads_stdin { Some(Box::new(io::stdin())) } else { None };
        Self::open_with(watch, checkpoint, Timing::default(), stdin)
    }

    /// [`Self::open`] with another patience, and with something that stands in for standard input.
    pub fn open_with(watch: Watch, checkpoint: &Checkpoint, timing: Timing, stdin: Option<Input>) -> Result<Self, SourceError> {
        let discover = Discover::new(&watch.paths)?;
        let known = |path: &Path| checkpoint.files.iter().any(|file| Path::new(&file.path) == path);
        if let Some(error) = discover.complaint(watch.follow, &known) {
            return Err(error);
        }
        let events = Events::new(watch.poll_only || !watch.follow);
        let spool = Spool::open(&watch.spool_dir, stdin, checkpoint, events.handle())?;
        let now = Instant::now();
        let mut sources = Self {
            max_open: scan::descriptor_limit(),
            timing,
            discover,
            events,
            spool,
            lineages: Vec::new(),
            by_inode: HashMap::new(),
            aside: HashMap::new(),
            skipped: Vec::new(),
            troubles: Vec::new(),
            flushed: VecDeque::new(),
            turn: 0,
            next_listing: now,
            next_look: now,
            relist_from: now,
            watch,
        };
        sources.restore(checkpoint);
        sources.first_scan(now);
        sources.refuse_nothing()?;
        Ok(sources)
    }

    /// Goes back to the positions of a checkpoint. Standard input is one stream: it goes on being kept meanwhile.
    pub fn rewind(&mut self, checkpoint: &Checkpoint) {
        self.lineages.clear();
        self.by_inode.clear();
        self.aside.clear();
        self.flushed.clear();
        self.restore(checkpoint);
        self.first_scan(Instant::now());
    }

    fn refuse_nothing(&self) -> Result<(), SourceError> {
        let waits = self.watch.follow || self.spool.is_some() || self.aside.values().any(Aside::is_harmless);
        if waits || self.lineages.iter().any(|lineage| lineage.listed) {
            return Ok(());
        }
        let (_, skipped) = self.status();
        Err(SourceError::NoLogs { paths: self.watch.paths.join(", "), skipped })
    }

    /// The next run of records of one file, read in pieces of about `max_bytes`. `None`: nothing to read now. While much is unread the file
    /// whose next record is oldest comes first, else they take turns; of one log's generations the older comes first.
    pub fn next(&mut self, max_bytes: usize) -> Result<Option<Chunk>, SourceError> {
        let max_bytes = max_bytes.clamp(READ_BYTES.0, READ_BYTES.1);
        loop {
            self.look(Instant::now());
            if let Some(chunk) = self.flushed.pop_front() {
                return Ok(Some(chunk));
            }
            let Some(at) = self.pick(Instant::now()) else { return Ok(None) };
            if let Some(chunk) = self.step(at, max_bytes) {
                return Ok(Some(chunk));
            }
            if self.events.is_woken() {
                return Ok(None);
            }
        }
    }

    /// Sleeps until there may be something to read, a wake, or the timeout.
    pub fn wait(&mut self, timeout: Duration) {
        let until = Instant::now() + timeout;
        loop {
            let now = Instant::now();
            self.look(now);
            if !self.flushed.is_empty() || now >= until || self.lineages.iter().any(|l| l.is_readable(now, &self.timing)) {
                self.events.clear_wake();
                return;
            }
            let due = self.lineages.iter().filter_map(|l| l.due_at(&self.timing)).filter(|due| *due > now).min();
            let look = if self.watch.follow || self.spool.is_some() { self.next_look } else { until };
            let hints = self.events.sleep_until(until.min(look).min(due.unwrap_or(until)));
            if hints.woken {
                return;
            }
            self.heed(hints);
        }
    }

    /// Positions after everything that [`Self::next`] has handed out so far. `counters` holds blank and cut ranges up to date; what the opening
    /// checkpoint said of `ok`, `text` and `unparsed` is passed on unchanged, so whoever understands records adds what it read since.
    pub fn checkpoint(&self) -> Vec<FileCheckpoint> {
        let gone = |lineage: &&Lineage| !lineage.listed && lineage.mark.state != FileState::Live;
        let too_old = if self.lineages.iter().filter(gone).count() > MAX_GONE { scan::unix_s() - GONE_S } else { i64::MIN };
        self.lineages.iter().filter(|l| !(gone(l) && l.mark.seen_unix_s < too_old)).map(Lineage::checkpoint).collect()
    }

    /// Tells that these positions are stored for good: spooled input before them is deleted.
    pub fn committed(&mut self, files: &[FileCheckpoint]) {
        if let Some(spool) = &mut self.spool {
            spool.committed(files);
        }
    }

    /// Bytes on disk that were not handed out yet; estimated for compressed files.
    pub fn unread_bytes(&self) -> u64 {
        self.lineages.iter().map(Lineage::lag_bytes).sum()
    }

    /// Of them, those that reading brings without another write: no half line, no file that cannot be read now.
    pub fn readable_bytes(&self) -> u64 {
        self.lineages.iter().map(Lineage::readable_bytes).sum()
    }

    /// How many files were read to their end for good.
    pub fn ended(&self) -> usize {
        self.lineages.iter().filter(|lineage| lineage.mark.state == FileState::Done).count()
    }

    /// Read once: everything that can be read was handed out.
    pub fn finished(&self) -> bool {
        let open = |lineage: &Lineage| lineage.mark.state == FileState::Live && (lineage.listed || lineage.is_open()) && lineage.retry_at.is_none();
        !self.watch.follow && self.flushed.is_empty() && !self.lineages.iter().any(open) && self.spool.as_ref().is_none_or(Spool::is_known_to_the_end)
    }

    /// Why files are looked at instead of watched by events.
    pub fn polling(&self) -> Option<&str> {
        self.events.polling().filter(|_| self.watch.follow)
    }

    /// How every source stands, in order of path, and what is not read.
    pub fn status(&self) -> (Vec<SourceStatus>, Vec<Skipped>) {
        let mut sources: Vec<SourceStatus> = self.lineages.iter().map(Lineage::status).collect();
        sources.extend(self.aside.values().filter_map(Aside::status));
        if let Some(spool) = &self.spool {
            spool.comment(&mut sources, self.lineages.iter().map(|lineage| (lineage.mark.path.as_str(), lineage.mark.id)));
        }
        sources.sort_by(|a, b| (&a.path, a.id).cmp(&(&b.path, b.id)));
        let mut skipped: Vec<Skipped> = self.skipped.iter().cloned().chain(self.aside.values().filter_map(Aside::skipped)).collect();
        skipped.extend(self.troubles.iter().cloned());
        skipped.sort_by(|a, b| (a.loss, &a.path).cmp(&(b.loss, &b.path)));
        (sources, skipped)
    }

    /// A handle that ends [`Self::wait`] from another thread.
    pub fn wake_handle(&self) -> WakeHandle {
        self.events.handle()
    }

    fn step(&mut self, at: usize, max_bytes: usize) -> Option<Chunk> {
        self.turn += 1;
        self.lineages[at].served = self.turn;
        let now = Instant::now();
        if !self.lineages[at].is_open() && !self.open_reader(at, now) {
            return None;
        }
        let lineage = &mut self.lineages[at];
        match lineage.step(max_bytes, now, &self.timing) {
            Ok(Step::Chunk(chunk)) => Some(chunk),
            Ok(Step::Again | Step::Idle) => None,
            Ok(Step::Replaced) => self.replaced(at, now),
            Err(cause) => {
                lineage.trouble = Some(format!("cannot be read: {cause}"));
                lineage.retry_at = Some(now + self.timing.listing);
                lineage.close();
                None
            }
        }
    }

    /// Which lineage is read next.
    fn pick(&mut self, now: Instant) -> Option<usize> {
        let readable: Vec<usize> = (0..self.lineages.len()).filter(|at| self.lineages[*at].is_readable(now, &self.timing)).collect();
        if readable.len() <= 1 {
            return readable.first().copied();
        }
        let backlog = self.unread_bytes() > BACKLOG_BYTES;
        let first: Vec<(usize, Option<i64>)> = self.first_of_chains(&readable).into_iter().map(|at| (at, if backlog { self.lineages[at].next_time_ns() } else { None })).collect();
        let oldest = first.iter().filter_map(|(at, time)| time.map(|time| (time, *at))).min().map(|(_, at)| at);
        let longest_waiting = first.iter().filter(|(_, time)| time.is_none()).map(|(at, _)| *at).min_by_key(|at| self.lineages[*at].served);
        [oldest, longest_waiting].into_iter().flatten().min_by_key(|at| self.lineages[*at].served)
    }

    /// Of the generations of one log only the oldest that has something to read.
    fn first_of_chains(&mut self, readable: &[usize]) -> Vec<usize> {
        let mut first: HashMap<(Option<PathBuf>, String), usize> = HashMap::new();
        for at in readable {
            let lineage = &self.lineages[*at];
            let chain = (lineage.path().parent().map(Path::to_owned), lineage.log.name.clone());
            match first.get(&chain).copied() {
                Some(other) if !self.is_older(*at, other) => {}
                _ => {
                    first.insert(chain, *at);
                }
            }
        }
        let mut first: Vec<usize> = first.into_values().collect();
        first.sort_unstable();
        first
    }

    fn is_older(&mut self, a: usize, b: usize) -> bool {
        if let (Some(time_a), Some(time_b)) = (self.lineages[a].next_time_ns(), self.lineages[b].next_time_ns())
            && time_a != time_b
        {
            return time_a < time_b;
        }
        let (a, b) = (&self.lineages[a], &self.lineages[b]);
        a.log.generation.older_first(&b.log.generation).then(a.stat.mtime_ns.cmp(&b.stat.mtime_ns)).is_lt()
    }
}
