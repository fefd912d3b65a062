//! The listing, which is the truth about names: known files are recognised by inode and content, the others are classified.
//!
//! Guarantees: files are opened before they are judged; one inode counts once however many names it has; a name that is missing is not yet a
//! deletion. Never reads records.

use crate::{
    model::{
        checkpoint::{Checkpoint, FileKind, FileState},
        entry::FileId,
        record::Chunk,
        status::{Loss, Skipped, SourceStatus},
    },
    source::{
        Sources,
        discover::{Found, Listing},
        events::Hints,
        follow::{Lineage, verify},
        identity::{Inode, Stat},
        names::{LogName, log_name},
        spool::{self, Spool},
    },
};
use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Most descriptors that are held for reading.
const MAX_OPEN: usize = 256;
/// Events relist at most this often.
const RELIST_PAUSE: Duration = Duration::from_millis(100);

/// A file that is not read, for now or for good.
#[derive(Debug, Clone)]
pub struct Aside {
    /// As shown.
    pub shown: String,
    /// Log name.
    pub name: String,
    /// When it was judged.
    pub stat: Stat,
    /// When `stat` last changed.
    pub changed: Instant,
    /// In the newest listing.
    pub listed: bool,
    /// Beside the watched files: only looked at for the rest of a log that was rotated away.
    pub is_kin: bool,
    /// Why.
    pub why: Why,
}

/// Why a file is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// No bytes yet.
    Empty,
    /// Being written.
    Incomplete,
    /// So far the same bytes as a file that stands: a copy in progress, or one that was made on purpose.
    CopyOf {
        /// The original.
        file: FileId,
        /// Its path as shown.
        shown: String,
        /// Content bytes compared.
        verified: u64,
        /// The names say so too.
        sure: bool,
    },
    /// Something about it is changing right now: judge again at the next listing.
    Unsettled,
    /// Nothing continues in it.
    NoKin,
    /// All its bytes were read from the file it is a copy of.
    AlreadyRead(String),
    /// It is no log.
    NoLog(String),
    /// It could not be opened or read.
    Unreadable(String),
}

impl Aside {
    /// It may become a log, or is nothing to complain about.
    pub fn is_harmless(&self) -> bool {
        matches!(self.why, Why::Empty | Why::CopyOf { .. } | Why::AlreadyRead(_))
    }

    /// As a source that waits.
    pub fn status(&self) -> Option<SourceStatus> {
        let (trouble, lag_bytes) = match &self.why {
            _ if self.is_kin => return None,
            Why::Empty => (None, 0),
            Why::Incomplete => (Some("still being written".to_owned()), self.stat.size),
            _ => return None,
        };
        Some(SourceStatus { path: self.shown.clone(), name: self.name.clone(), lag_bytes, trouble, ..SourceStatus::default() })
    }

    /// As a file that is not read.
    pub fn skipped(&self) -> Option<Skipped> {
        let (reason, loss) = match &self.why {
            _ if self.is_kin => return None,
            Why::Empty | Why::Incomplete | Why::Unsettled | Why::NoKin => return None,
            Why::CopyOf { shown, .. } => (format!("the same content as {shown}"), Loss::Nothing),
            Why::AlreadyRead(shown) => (format!("a copy of what was read from {shown}"), Loss::Nothing),
            Why::NoLog(reason) => (reason.clone(), Loss::NoLog),
            Why::Unreadable(cause) => (cause.clone(), Loss::Unreadable),
        };
        Some(Skipped { path: self.shown.clone(), reason, loss })
    }
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "files are told apart and marked by the clock of the machine they stand on")]
pub fn unix_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}

/// A quarter of what the process may open, the rest is for the store and connections.
pub fn descriptor_limit() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let soft = limits.lines().find(|line| line.starts_with("Max open files")).and_then(|line| line.split_whitespace().nth(3)?.parse::<usize>().ok());
    soft.map_or(64, |soft| soft / 4).clamp(4, MAX_OPEN)
}

impl Sources {
    /// Takes over what a checkpoint knows.
    pub(super) fn restore(&mut self, checkpoint: &Checkpoint) {
        // Where nothing was read there is nothing to recognise: an inode alone says nothing.
        for mark in checkpoint.files.iter().filter(|mark| mark.off > 0) {
            let log = log_name(Path::new(&mark.path), &|_| false);
            self.lineages.push(Lineage::new(mark.clone(), log));
        }
    }

    /// Does what is due: a listing, a look at the open files.
    pub(super) fn look(&mut self, now: Instant) {
        let hints = self.events.take();
        self.heed(hints);
        if !self.watch.follow && self.spool.is_none() && now < self.next_listing {
            return;
        }
        if now >= self.next_listing && (self.watch.follow || self.spool.is_some()) {
            self.scan(now);
        }
        if now >= self.next_look {
            self.next_look = now + self.timing.look;
            for lineage in &mut self.lineages {
                lineage.poll(now);
            }
            if let Some(spool) = &self.spool {
                let spooled = self.lineages.iter().filter(|l| l.mark.kind == FileKind::Spool);
                spool.consumed(spooled.map(|l| (l.mark.path.as_str(), l.read_pos())));
            }
        }
    }

    /// Events bring forward what would be done anyway.
    pub(super) fn heed(&mut self, hints: Hints) {
        let now = Instant::now();
        if hints.written {
            self.next_look = self.next_look.min(now);
        }
        if hints.relist {
            self.next_listing = self.next_listing.min(self.relist_from.max(now));
        }
    }

    /// One listing.
    pub(super) fn scan(&mut self, now: Instant) {
        let was_over = self.spool.as_ref().is_some_and(Spool::is_over);
        let mut listing = self.listing();
        if let Some(spool) = &mut self.spool {
            spool.listed(was_over);
        }
        self.next_listing = now + self.timing.listing;
        self.relist_from = now + RELIST_PAUSE.min(self.timing.listing);
        self.events.watch(&listing.dirs);
        self.skipped = std::mem::take(&mut listing.skipped);
        self.troubles = std::mem::take(&mut listing.troubles);
        for lineage in &mut self.lineages {
            lineage.listed = false;
        }
        for aside in self.aside.values_mut() {
            aside.listed = false;
        }
        self.check_known(now);
        let unknown = self.match_known(&listing, now);
        self.miss_absent(now);
        self.classify_all(unknown, &listing, now);
        self.aside.retain(|_, aside| aside.listed);
    }

    /// The first listing of a run: what vanished since the checkpoint is looked for once more, then counts as gone.
    pub(super) fn first_scan(&mut self, now: Instant) {
        let mut listing = self.listing();
        for _ in 0..2 {
            self.match_known(&listing, now);
            if self.lineages.iter().all(|l| l.listed || l.mark.state != FileState::Live) {
                break;
            }
            listing = self.listing();
        }
        self.follow_renamed(now);
        if listing.troubles.is_empty() {
            for lineage in self.lineages.iter_mut().filter(|l| l.mark.state == FileState::Live && !l.listed && !l.is_open()) {
                lineage.lose("it is gone");
            }
        }
        self.scan(now);
    }

    fn listing(&self) -> Listing {
        let mut listing = self.discover.list();
        if let Some(spool) = &self.spool {
            spool.list(&mut listing);
        }
        listing
    }

    /// Content that was replaced under an open descriptor must be known before anything is compared with it.
    fn check_known(&mut self, now: Instant) {
        for at in 0..self.lineages.len() {
            self.lineages[at].poll(now);
            if self.lineages[at].is_open() && self.lineages[at].is_replaced() {
                let chunk = self.give_up(at);
                self.flushed.extend(chunk);
            }
        }
    }

    /// Recognises known files; returns the others, each inode once.
    fn match_known(&mut self, listing: &Listing, now: Instant) -> Vec<Found> {
        let names: HashSet<&Path> = listing.found.iter().map(|found| found.path.as_path()).collect();
        let mut by_inode: HashMap<Inode, Vec<&Found>> = HashMap::new();
        for found in &listing.found {
            by_inode.entry(found.stat.inode).or_default().push(found);
        }
        let mut groups: Vec<_> = by_inode.into_values().collect();
        groups.sort_by(|a, b| a[0].path.cmp(&b[0].path));
        let mut unknown = Vec::new();
        for group in groups {
            match self.recognise(&group, now) {
                Some(at) => self.see(at, best_name(&group, Some(&self.lineages[at].path())), &names),
                None => unknown.push(best_name(&group, None).clone()),
            }
        }
        unknown
    }

    fn recognise(&mut self, group: &[&Found], now: Instant) -> Option<usize> {
        let stat = group[0].stat;
        if let Some(at) = self.by_inode.get(&stat.inode).copied().filter(|at| stat.is_inode_of(&self.lineages[*at].mark)) {
            if !self.lineages[at].is_open() {
                self.lineages[at].observe(stat, now);
            }
            if self.lineages[at].mark.state != FileState::Done || !stat_moved(&self.lineages[at], stat) {
                return Some(at);
            }
        }
        let rank = |lineage: &Lineage| (lineage.mark.state == FileState::Live, lineage.mark.state == FileState::Done, lineage.mark.off);
        let mut candidates: Vec<usize> = (0..self.lineages.len()).filter(|at| stat.is_inode_of(&self.lineages[*at].mark)).collect();
        candidates.sort_by_key(|at| std::cmp::Reverse(rank(&self.lineages[*at])));
        for at in candidates {
            if self.claim(at, group[0], now) {
                self.by_inode.insert(stat.inode, at);
                return Some(at);
            }
        }
        self.by_inode.remove(&stat.inode);
        None
    }

    /// Checks that a file with the right inode holds the right content.
    pub(super) fn claim(&mut self, at: usize, found: &Found, now: Instant) -> bool {
        let lineage = &self.lineages[at];
        if lineage.mark.state == FileState::Done && !stat_moved(lineage, found.stat) {
            self.lineages[at].verified = true;
            return true;
        }
        let file = match self.open_file(&found.path) {
            Ok(file) => Arc::new(file),
            Err(cause) => {
                let lineage = &mut self.lineages[at];
                lineage.trouble = Some(format!("cannot be read: {cause}"));
                // It was written since it was read to its end.
                if lineage.mark.state == FileState::Done {
                    lineage.mark.state = FileState::Live;
                }
                return lineage.mark.state == FileState::Live;
            }
        };
        let Ok(stat) = Stat::of(&file) else { return false };
        let lineage = &mut self.lineages[at];
        if stat.inode != found.stat.inode {
            return false;
        }
        match verify(&file, stat, &lineage.mark) {
            Ok(Some((seed, inflater))) => {
                lineage.attach(file, stat, seed, inflater);
                lineage.changed = now;
                lineage.trouble = None;
                true
            }
            Ok(None) => {
                lineage.lose("its content was replaced");
                false
            }
            Err(cause) => {
                lineage.trouble = Some(format!("cannot be read: {cause}"));
                true
            }
        }
    }

    fn see(&mut self, at: usize, found: &Found, names: &HashSet<&Path>) {
        let is_final = self.is_final(&found.path);
        let log = self.name_of(&found.path, names);
        let lineage = &mut self.lineages[at];
        lineage.listed = true;
        lineage.absent = 0;
        lineage.is_final = is_final;
        lineage.mark.seen_unix_s = unix_s();
        let path = found.path.to_string_lossy();
        if lineage.mark.path != path || lineage.log != log {
            lineage.mark.path = path.into_owned();
            // Readings depend on the name of the log: once a record was handed out it stays.
            if lineage.mark.off == 0 {
                lineage.source = log.name.as_str().into();
            }
            lineage.log = log;
        }
        lineage.mark.shown.clone_from(&found.shown);
    }

    /// Name and generation of a listed file, judged among the listed ones.
    pub(super) fn name_of(&self, path: &Path, names: &HashSet<&Path>) -> LogName {
        if self.spool.as_ref().is_some_and(|spool| spool.owns(path)) {
            return LogName { name: spool::SHOWN.to_owned(), ..LogName::default() };
        }
        log_name(path, &|sibling| path.parent().is_some_and(|dir| names.contains(dir.join(sibling).as_path())))
    }

    /// Whether no more can come once the end of the file is reached.
    pub(super) fn is_final(&self, path: &Path) -> bool {
        match &self.spool {
            Some(spool) if spool.owns(path) => spool.is_closed(path),
            _ => !self.watch.follow,
        }
    }

    /// Lineages without a name: deleted, renamed away, or between two names.
    fn miss_absent(&mut self, now: Instant) {
        let unsure = !self.troubles.is_empty();
        let retire = self.timing.retire;
        let mut lost = false;
        for lineage in self.lineages.iter_mut().filter(|l| !l.listed && l.mark.state != FileState::Detached) {
            lineage.absent += 1;
            lineage.poll(now);
            let quiet = lineage.is_drained() && now >= lineage.changed + retire;
            let gone = if lineage.is_open() { quiet } else { lineage.mark.state == FileState::Live && lineage.absent >= 2 && !unsure };
            if gone {
                lost = true;
                self.by_inode.remove(&lineage.stat.inode);
                let inode = (lineage.mark.dev, lineage.mark.ino);
                lineage.lose("it is gone");
                // Renamed away: it may come back.
                if lineage.stat.nlink > 0 {
                    (lineage.mark.dev, lineage.mark.ino) = inode;
                }
            }
        }
        if lost {
            self.forget_kin();
        }
    }

    /// The content of an open file was replaced under its name.
    pub(super) fn replaced(&mut self, at: usize, now: Instant) -> Option<Chunk> {
        let chunk = self.give_up(at);
        self.next_listing = now;
        if !self.watch.follow {
            self.scan(now);
        }
        chunk
    }

    /// A lineage lost its content; complete records that were read already are handed out.
    fn give_up(&mut self, at: usize) -> Option<Chunk> {
        let lineage = &mut self.lineages[at];
        let chunk = lineage.flush();
        self.by_inode.remove(&lineage.stat.inode);
        lineage.lose("its content was replaced");
        self.forget_kin();
        chunk
    }

    /// Opens the reader of a lineage whose descriptor was given back, or was never taken.
    pub(super) fn open_reader(&mut self, at: usize, now: Instant) -> bool {
        self.make_room(at);
        let lineage = &mut self.lineages[at];
        match lineage.reopen() {
            Ok(true) => return true,
            Ok(false) => {
                if let Some(chunk) = self.replaced(at, now) {
                    self.flushed.push_back(chunk);
                }
            }
            Err(cause) => {
                lineage.retry_at = Some(now + self.timing.listing);
                // While names are listed again it may only have been renamed.
                if cause.kind() != io::ErrorKind::NotFound || !self.watch.follow {
                    lineage.trouble = Some(format!("cannot be read: {cause}"));
                }
            }
        }
        false
    }

    /// Opens a file, at the price of another descriptor when they run out.
    pub(super) fn open_file(&mut self, path: &Path) -> io::Result<File> {
        self.make_room(usize::MAX);
        match File::open(path) {
            Err(cause) if cause.raw_os_error() == Some(24) && self.lineages.iter().any(Lineage::is_open) => {
                let open = self.lineages.iter().filter(|l| l.is_open()).count();
                self.max_open = (open * 3 / 4).max(1);
                self.make_room(usize::MAX);
                File::open(path)
            }
            other => other,
        }
    }

    /// Closes the quietest files until one more fits.
    fn make_room(&mut self, keep: usize) {
        let mut open: Vec<usize> = (0..self.lineages.len()).filter(|at| *at != keep && self.lineages[*at].is_open()).collect();
        if open.len() < self.max_open {
            return;
        }
        open.sort_by_key(|at| {
            let lineage = &self.lineages[*at];
            // A file without a name cannot be opened again; unpacking again is dear.
            (!lineage.listed, lineage.is_packed() && lineage.mark.off > 0, !lineage.is_drained(), lineage.changed, lineage.served)
        });
        let surplus = open.len() + 1 - self.max_open;
        for at in open.into_iter().take(surplus) {
            self.lineages[at].close();
        }
    }
}

fn stat_moved(lineage: &Lineage, stat: Stat) -> bool {
    lineage.mark.size != stat.size || lineage.mark.mtime_ns != stat.mtime_ns
}

/// Of several names of one file: the one it has already, else no link, the live name, the first.
fn best_name<'a>(group: &[&'a Found], current: Option<&PathBuf>) -> &'a Found {
    let rank = |found: &&&Found| {
        let log = log_name(&found.path, &|_| false);
        (Some(&found.path) != current, found.link, log.generation != super::Generation::Base, found.path.clone())
    };
    group.iter().min_by_key(rank).copied().unwrap_or(group[0])
}

impl Lineage {
    /// Its file is gone or holds something else.
    fn lose(&mut self, what: &str) {
        let unread = if self.is_packed() { 0 } else { self.stat.size.max(self.mark.size).saturating_sub(self.mark.off) };
        self.detach((unread > 0).then(|| format!("{what}, {unread} bytes of it were not read")));
    }

    /// Gzip or zstd.
    pub fn is_packed(&self) -> bool {
        matches!(self.mark.kind, FileKind::Gzip | FileKind::Zstd)
    }

    /// How it stands.
    pub fn status(&self) -> SourceStatus {
        SourceStatus {
            id: self.mark.id,
            path: self.mark.shown.clone(),
            name: self.log.name.clone(),
            kind: self.mark.kind,
            state: self.mark.state,
            counters: self.mark.counters,
            lag_bytes: self.lag_bytes(),
            pending_bytes: self.pending,
            trouble: self.trouble.clone(),
            ..SourceStatus::default()
        }
    }
}
