//! What a file is that no lineage holds: a copy of one that stands, the continuation of one that lost its file, no log, or new.
//!
//! Guarantees: decided on decompressed content, after all known files were checked; a compressed file that is still being written waits, and so
//! does a copy as long as its original stands. Names only say which way a copy can have been made: from the live name to a rotated one, never
//! back, so files that begin with the same banner stay apart. Never decides by inode or by name alone.

use crate::{
    model::{
        checkpoint::{FileKind, FileState},
        entry::FileId,
        format,
        record::RECORD_MAX_BYTES,
    },
    source::{
        Sources,
        compare::{is_prefix, lost_content, original_file},
        compressed::{End, Inflater, glimpse},
        discover::{Found, Listing},
        follow::{Lineage, fresh, mark_hash},
        identity::{HEAD_BYTES, Seed, Stat, hash64, read_at, seed_at},
        names::{Generation, LogName, log_name},
        scan::{Aside, Why, unix_s},
        sniff::{self, Looks},
    },
};
use std::{
    collections::{BTreeSet, HashSet},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

/// From this position on equal content under an unrelated name is no accident.
const SURE_BYTES: u64 = 4 << 10;
/// The same for a file that replaced another one under its name: it may begin with the same banner.
const SURE_RECREATED_BYTES: u64 = 16 << 10;
/// Unrelated files with fewer equal bytes are not held for copies.
const COPY_MIN_BYTES: u64 = HEAD_BYTES as u64;
/// How long files that lost their name are looked for beside it, seconds.
const KIN_S: i64 = 86_400;

/// A file that no lineage holds, opened.
struct Unknown<'a> {
    found: &'a Found,
    log: LogName,
    file: Arc<File>,
    stat: Stat,
    kind: FileKind,
    head: Vec<u8>,
    changed: Instant,
    is_kin: bool,
}

impl Unknown<'_> {
    fn is_packed(&self) -> bool {
        matches!(self.kind, FileKind::Gzip | FileKind::Zstd)
    }
}

impl Sources {
    /// Classifies every file that was not recognised; live names first, so that originals are known before their copies.
    pub(super) fn classify_all(&mut self, mut unknown: Vec<Found>, listing: &Listing, now: Instant) {
        let names: HashSet<&Path> = listing.found.iter().map(|found| found.path.as_path()).collect();
        unknown.sort_by_cached_key(|found| {
            let log = self.name_of(&found.path, &names);
            let rank = match log.generation {
                Generation::Base => 0,
                Generation::Number(number) => number.saturating_add(1),
                Generation::Date(_) | Generation::Old => 1,
            };
            (log.compressed, rank, found.path.clone())
        });
        for found in &unknown {
            if !self.stays_aside(found, now) {
                self.classify(found, &self.name_of(&found.path, &names), false, now);
            }
        }
        self.look_for_kin(&names, now);
    }

    /// It was judged before and nothing changed.
    fn stays_aside(&mut self, found: &Found, now: Instant) -> bool {
        let Some(aside) = self.aside.get(&found.stat.inode) else { return false };
        let stays = !aside.stat.differs(&found.stat)
            && match &aside.why {
                Why::Empty | Why::NoLog(_) | Why::AlreadyRead(_) | Why::NoKin => true,
                Why::Incomplete => self.watch.follow && now < aside.changed + self.timing.settle,
                Why::CopyOf { file, sure, .. } => self.stands(*file) && (*sure || now < aside.changed + self.timing.settle * 6),
                Why::Unreadable(_) | Why::Unsettled => false,
            };
        if stays && let Some(aside) = self.aside.get_mut(&found.stat.inode) {
            aside.listed = true;
            aside.shown.clone_from(&found.shown);
        }
        stays
    }

    fn stands(&self, file: FileId) -> bool {
        self.lineages.iter().any(|lineage| lineage.mark.id == file && holds_file(lineage) && !self.is_free(lineage, Instant::now()))
    }

    fn classify(&mut self, found: &Found, log: &LogName, is_kin: bool, now: Instant) {
        match self.judge(found, log.clone(), is_kin, now) {
            Ok(None) => {}
            Ok(Some((stat, why))) => self.put_aside(found, &log.name, stat, why, is_kin, now),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => self.put_aside(found, &log.name, found.stat, Why::Unreadable(format::cause(&cause)), is_kin, now),
        }
    }

    /// `None`: it is read from now on, or was known under another name.
    fn judge(&mut self, found: &Found, log: LogName, is_kin: bool, now: Instant) -> io::Result<Option<(Stat, Why)>> {
        let file = Arc::new(self.open_file(&found.path)?);
        let stat = Stat::of(&file)?;
        if self.by_inode.contains_key(&stat.inode) {
            return Ok(None);
        }
        let first = read_at(&file, 0, sniff::SNIFF_BYTES)?;
        if self.spool.as_ref().is_some_and(|spool| spool.owns(&found.path)) && !first.is_empty() {
            self.begin(&Unknown { found, log, file, stat, kind: FileKind::Spool, head: Vec::new(), changed: now, is_kin });
            return Ok(None);
        }
        let (kind, head) = match content(&file, &first, stat.size) {
            Ok(content) => content,
            Err(why) => return Ok(Some((stat, why))),
        };
        let changed = self.changed_at(stat, now);
        let unknown = Unknown { found, log, file, stat, kind, head, changed, is_kin };
        let mut length = None;
        if unknown.is_packed() && self.watch.follow {
            let settled = now >= changed + self.timing.settle;
            let looks_ambiguous = settled && self.lineages.iter().any(|l| l.mark.off > 0 && head_fits(&unknown, l));
            if !settled || looks_ambiguous {
                let whole = glimpse(&unknown.file, kind, &[], true);
                if whole.end == Some(End::Early) && (!settled || now < changed + self.timing.settle * 30) {
                    return Ok(Some((stat, Why::Incomplete)));
                }
                length = Some(whole.length);
            }
        }
        if let Some(why) = self.copy_of(&unknown, now)? {
            return Ok(Some((stat, why)));
        }
        // A lineage that is between two names may turn out to stand, or to be continued here.
        if self.lineages.iter().any(|l| l.mark.state == FileState::Live && !l.listed && !l.is_open() && head_fits(&unknown, l)) {
            return Ok(Some((stat, Why::Unsettled)));
        }
        // First, as it compares farther into the file than a continuation could start.
        if let Some(shown) = self.already_read(&unknown, length, now)? {
            return Ok(Some((stat, Why::AlreadyRead(shown))));
        }
        if let Some((at, seed, inflater)) = self.continued(&unknown, now)? {
            self.take_up(at, &unknown, seed, inflater);
            return Ok(None);
        }
        if is_kin {
            return Ok(Some((stat, Why::NoKin)));
        }
        self.begin(&unknown);
        Ok(None)
    }

    /// When its size or time last moved, as far as is known.
    #[expect(clippy::disallowed_methods, reason = "files are told apart and marked by the clock of the machine they stand on")]
    fn changed_at(&self, stat: Stat, now: Instant) -> Instant {
        if let Some(aside) = self.aside.get(&stat.inode) {
            return if aside.stat.differs(&stat) { now } else { aside.changed };
        }
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i64);
        let age = Duration::from_nanos(u64::try_from(wall.saturating_sub(stat.mtime_ns)).unwrap_or(0));
        now.checked_sub(age.min(self.timing.settle * 60)).unwrap_or(now)
    }

    /// Its bytes are so far those of a file that stands.
    fn copy_of(&mut self, unknown: &Unknown, now: Instant) -> io::Result<Option<Why>> {
        let before = self.aside.get(&unknown.stat.inode).and_then(|aside| match &aside.why {
            Why::CopyOf { file, verified, .. } if !unknown.is_packed() => Some((*file, *verified)),
            _ => None,
        });
        // A name that was read before is a log that was rotated, not the target of a copy.
        let was_read = self.lineages.iter().any(|lineage| lineage.path() == unknown.found.path);
        let patient = self.watch.follow && !was_read && !unknown.is_kin && unknown.stat.size >= COPY_MIN_BYTES && now < unknown.changed + self.timing.settle * 6;
        for lineage in &self.lineages {
            if !holds_file(lineage) || self.is_free(lineage, now) || lineage.stat.inode == unknown.stat.inode || !head_may_fit(unknown, lineage) {
                continue;
            }
            let sure = can_be_copy(unknown, lineage);
            if !sure && (!patient || unknown.log.name == lineage.log.name) {
                continue;
            }
            let Ok(original) = original_file(lineage) else { continue };
            let verified = before.filter(|(file, _)| *file == lineage.mark.id && !lineage.is_packed()).map_or(0, |(_, verified)| verified);
            if let Some(verified) = is_prefix((&unknown.file, unknown.kind), (&original, lineage.mark.kind), verified)? {
                return Ok(Some(Why::CopyOf { file: lineage.mark.id, shown: lineage.mark.shown.clone(), verified, sure }));
            }
            // Truncated while it was compared: then the comparison says nothing.
            if sure && lost_content(lineage, &original)? {
                return Ok(Some(Why::Unsettled));
            }
        }
        Ok(None)
    }

    /// The lineage that goes on in this file: of those that lost theirs the one whose position fits, the farthest.
    fn continued(&mut self, unknown: &Unknown, now: Instant) -> io::Result<Option<(usize, Seed, Option<Inflater>)>> {
        let mut candidates: Vec<usize> = (0..self.lineages.len())
            .filter(|at| {
                let lineage = &self.lineages[*at];
                self.is_free(lineage, now) && head_fits(unknown, lineage) && may_continue(unknown, lineage)
            })
            .collect();
        candidates.sort_by_key(|at| std::cmp::Reverse(self.lineages[*at].mark.off));
        if !unknown.is_packed() {
            for at in candidates.into_iter().filter(|at| self.lineages[*at].mark.off <= unknown.stat.size) {
                let off = self.lineages[at].mark.off;
                let seed = seed_at(&unknown.file, off)?;
                // Kin is looked at for what is left of a log; a half line that nobody ends is let go once, not at every listing.
                if seed.fits(&self.lineages[at].mark) && (!unknown.is_kin || holds_line(&unknown.file, off)?) {
                    return Ok(Some((at, seed, None)));
                }
            }
            return Ok(None);
        }
        let positions: BTreeSet<u64> = candidates.iter().map(|at| self.lineages[*at].mark.off).collect();
        if positions.is_empty() {
            return Ok(None);
        }
        let seen = glimpse(&unknown.file, unknown.kind, &positions.into_iter().collect::<Vec<_>>(), false);
        let fits = |at: &usize| {
            let mark = &self.lineages[*at].mark;
            seen.guards.iter().any(|(off, guard)| *off == mark.off && guard.len() == mark.guard_len as usize && hash64(guard) == mark.guard_hash)
        };
        let Some(at) = candidates.into_iter().find(fits) else { return Ok(None) };
        let mut inflater = Inflater::new(Arc::clone(&unknown.file), unknown.kind);
        Ok(inflater.advance(self.lineages[at].mark.off).map(|seed| (at, seed, Some(inflater))))
    }

    /// A copy made shortly before a truncation can end before the position: everything in it was read from the original. The marks stand at every
    /// record's end there, so at most a piece of one line is taken on trust.
    fn already_read(&mut self, unknown: &Unknown, length: Option<u64>, now: Instant) -> io::Result<Option<String>> {
        if let Some(Aside { why: Why::CopyOf { file, shown, verified, .. }, stat, .. }) = self.aside.get(&unknown.stat.inode)
            && !stat.differs(&unknown.stat)
            && self.lineages.iter().any(|lineage| lineage.mark.id == *file && lineage.mark.off >= *verified)
        {
            return Ok(Some(shown.clone()));
        }
        let candidates: Vec<&Lineage> = self
            .lineages
            .iter()
            .filter(|l| {
                self.is_free(l, now)
                    && l.marks().next().is_some()
                    && head_may_fit(unknown, l)
                    && l.log.name == unknown.log.name
                    && (unknown.is_packed() || unknown.log.generation != Generation::Base)
            })
            .collect();
        if candidates.is_empty() {
            return Ok(None);
        }
        let length = match length {
            Some(length) => length,
            None if unknown.is_packed() => glimpse(&unknown.file, unknown.kind, &[], true).length,
            None => unknown.stat.size,
        };
        for lineage in candidates.into_iter().filter(|lineage| lineage.mark.off > length) {
            let Some((position, hash)) = lineage.marks().filter(|(position, _)| *position <= length).max() else { continue };
            let beyond = usize::try_from(length - position).unwrap_or(usize::MAX);
            let (guard, rest) = match unknown.kind {
                FileKind::Plain => (seed_at(&unknown.file, position)?.guard, read_at(&unknown.file, position, beyond.min(RECORD_MAX_BYTES))?),
                _ if beyond > 0 => continue,
                kind => (glimpse(&unknown.file, kind, &[position], false).guards.pop().map(|(_, guard)| guard).unwrap_or_default(), Vec::new()),
            };
            // A whole line behind the mark would be another line than the one that was read there.
            if beyond > RECORD_MAX_BYTES || rest.contains(&b'\n') {
                continue;
            }
            if mark_hash(&guard) == hash {
                return Ok(Some(lineage.mark.shown.clone()));
            }
        }
        Ok(None)
    }

    fn take_up(&mut self, at: usize, unknown: &Unknown, seed: Seed, inflater: Option<Inflater>) {
        let is_final = self.is_final(&unknown.found.path);
        let lineage = &mut self.lineages[at];
        self.by_inode.remove(&lineage.stat.inode);
        lineage.mark.kind = unknown.kind;
        lineage.attach(Arc::clone(&unknown.file), unknown.stat, seed, inflater);
        lineage.changed = unknown.changed;
        lineage.trouble = None;
        lineage.is_final = is_final;
        self.settle_in(at, unknown);
    }

    fn begin(&mut self, unknown: &Unknown) {
        let mut mark = fresh(unknown.kind, unknown.stat, &unknown.found.path, &unknown.found.shown);
        mark.state = FileState::Live;
        let mut lineage = Lineage::new(mark, unknown.log.clone());
        let inflater = unknown.is_packed().then(|| Inflater::new(Arc::clone(&unknown.file), unknown.kind));
        lineage.attach(Arc::clone(&unknown.file), unknown.stat, Seed::default(), inflater);
        lineage.changed = unknown.changed;
        lineage.is_final = self.is_final(&unknown.found.path);
        self.lineages.push(lineage);
        self.settle_in(self.lineages.len() - 1, unknown);
    }

    fn settle_in(&mut self, at: usize, unknown: &Unknown) {
        let lineage = &mut self.lineages[at];
        lineage.listed = !unknown.is_kin;
        lineage.mark.path = unknown.found.path.to_string_lossy().into_owned();
        lineage.mark.shown.clone_from(&unknown.found.shown);
        lineage.mark.seen_unix_s = unix_s();
        lineage.source = unknown.log.name.as_str().into();
        lineage.log = unknown.log.clone();
        self.by_inode.insert(unknown.stat.inode, at);
        self.aside.remove(&unknown.stat.inode);
    }

    fn put_aside(&mut self, found: &Found, name: &str, stat: Stat, why: Why, is_kin: bool, now: Instant) {
        let changed = self.changed_at(stat, now);
        let aside = Aside { shown: found.shown.clone(), name: name.to_owned(), stat, changed, listed: true, is_kin, why };
        self.aside.insert(stat.inode, aside);
    }

    /// Nobody reads this lineage's file any more, so another file may continue it.
    fn is_free(&self, lineage: &Lineage, now: Instant) -> bool {
        match lineage.mark.state {
            FileState::Detached => true,
            FileState::Done => !lineage.listed,
            FileState::Live => lineage.is_open() && !lineage.listed && lineage.stat.nlink == 0 && lineage.is_drained() && now >= lineage.changed + self.timing.held,
        }
    }

    /// The rest of a log whose file was rotated out of what is watched: looked for in its folder, by the name's kin.
    fn look_for_kin(&mut self, names: &HashSet<&Path>, now: Instant) {
        let since = unix_s() - KIN_S;
        let lost = |l: &&Lineage| l.mark.state == FileState::Detached && l.mark.kind == FileKind::Plain && l.mark.seen_unix_s > since;
        let lost: HashSet<(PathBuf, String)> = self.lineages.iter().filter(lost).filter_map(|l| Some((l.path().parent()?.to_owned(), l.log.name.clone()))).collect();
        for (dir, name) in lost {
            for (path, stat) in files_of(&dir) {
                let log = log_name(&path, &|_| false);
                let is_rotated = log.compressed || log.generation != Generation::Base;
                if log.name != name || !is_rotated || names.contains(path.as_path()) || self.by_inode.contains_key(&stat.inode) {
                    continue;
                }
                let found = Found { shown: self.shown_beside(&path), path, stat, link: false };
                if !self.stays_aside(&found, now) {
                    self.classify(&found, &log, true, now);
                }
            }
        }
    }

    /// Kin found nothing to continue; ask again once something was lost.
    pub(super) fn forget_kin(&mut self) {
        self.aside.retain(|_, aside| !aside.is_kin);
    }

    /// Live lineages whose name vanished while nobody ran: the same inode under another name in the same folder.
    pub(super) fn follow_renamed(&mut self, now: Instant) {
        let lost: Vec<usize> = (0..self.lineages.len()).filter(|at| self.lineages[*at].mark.state == FileState::Live && !self.lineages[*at].listed).collect();
        for at in lost {
            let Some(dir) = self.lineages[at].path().parent().map(Path::to_owned) else { continue };
            let Some((path, stat)) = files_of(&dir).into_iter().find(|(_, stat)| stat.is_inode_of(&self.lineages[at].mark)) else { continue };
            let found = Found { shown: self.shown_beside(&path), path, stat, link: false };
            if self.claim(at, &found, now) {
                self.by_inode.insert(stat.inode, at);
                let is_final = self.is_final(&found.path);
                let lineage = &mut self.lineages[at];
                lineage.is_final = is_final;
                lineage.mark.path = found.path.to_string_lossy().into_owned();
                lineage.mark.shown = found.shown;
            }
        }
    }

    fn shown_beside(&self, path: &Path) -> String {
        let beside = self.lineages.iter().find(|l| l.path().parent() == path.parent()).map(|l| Path::new(&l.mark.shown).with_file_name(path.file_name().unwrap_or_default()));
        beside.unwrap_or_else(|| path.to_owned()).to_string_lossy().into_owned()
    }
}

/// Regular files of a folder; none when it cannot be read.
fn files_of(dir: &Path) -> Vec<(PathBuf, Stat)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok().filter(fs::Metadata::is_file).map(|meta| (entry.path(), Stat::from(&meta)))).collect()
}

/// Kind and first content bytes, or why it is no log.
fn content(file: &Arc<File>, first: &[u8], size: u64) -> Result<(FileKind, Vec<u8>), Why> {
    let kind = match sniff::looks(first) {
        Looks::Empty => return Err(Why::Empty),
        // A truncated log that its writer went on with at the old place: its newest bytes say what it is.
        Looks::Other(_) if sniff::is_hole(first) && ends_in_text(file, size) => return Ok((FileKind::Plain, first[..HEAD_BYTES].to_vec())),
        Looks::Other(reason) => return Err(Why::NoLog(reason.to_owned())),
        Looks::Text => return Ok((FileKind::Plain, first[..first.len().min(HEAD_BYTES)].to_vec())),
        Looks::Gzip => FileKind::Gzip,
        Looks::Zstd => FileKind::Zstd,
    };
    let mut inside = Vec::new();
    Inflater::new(Arc::clone(file), kind).read(&mut inside, sniff::SNIFF_BYTES);
    match sniff::looks(&inside) {
        Looks::Other(reason) => Err(Why::NoLog(format!("compressed, and inside: {reason}"))),
        Looks::Gzip | Looks::Zstd => Err(Why::NoLog("compressed twice: unpack it once".into())),
        Looks::Empty | Looks::Text => {
            inside.truncate(HEAD_BYTES);
            Ok((kind, inside))
        }
    }
}

/// A line ends behind this position.
fn holds_line(file: &File, mut from: u64) -> io::Result<bool> {
    loop {
        let bytes = read_at(file, from, 64 << 10)?;
        if bytes.is_empty() || bytes.contains(&b'\n') {
            return Ok(!bytes.is_empty());
        }
        from += bytes.len() as u64;
    }
}

fn ends_in_text(file: &File, size: u64) -> bool {
    let length = sniff::SNIFF_BYTES as u64;
    size > length && read_at(file, size - length, sniff::SNIFF_BYTES).is_ok_and(|last| sniff::looks(&last) == Looks::Text)
}

/// Its file is there and is read, or was read to the end.
fn holds_file(lineage: &Lineage) -> bool {
    match lineage.mark.state {
        FileState::Live => lineage.listed || lineage.is_open(),
        FileState::Done => lineage.listed,
        FileState::Detached => false,
    }
}

/// The first bytes are those the position was made from.
fn head_fits(unknown: &Unknown, lineage: &Lineage) -> bool {
    let length = lineage.mark.head_len as usize;
    lineage.mark.off > 0 && unknown.head.len() >= length && hash64(&unknown.head[..length]) == lineage.mark.head_hash
}

/// As [`head_fits`], where a file that is shorter than the hashed head is not excluded.
fn head_may_fit(unknown: &Unknown, lineage: &Lineage) -> bool {
    unknown.head.len() < lineage.mark.head_len as usize || lineage.mark.off == 0 || head_fits(unknown, lineage)
}

/// Rotation would make this file from that one by copying or compressing.
fn can_be_copy(unknown: &Unknown, lineage: &Lineage) -> bool {
    let same_name = unknown.log.name == lineage.log.name;
    let repacked = unknown.is_packed() != lineage.is_packed() && unknown.log.generation == lineage.log.generation;
    same_name && (repacked || unknown.log.generation.can_copy(&lineage.log.generation))
}

fn may_continue(unknown: &Unknown, lineage: &Lineage) -> bool {
    let (mark, log) = (&lineage.mark, &unknown.log);
    let is_rotated = log.generation != Generation::Base || unknown.is_packed();
    if log.name == lineage.log.name && is_rotated {
        return true;
    }
    if lineage.path() == unknown.found.path {
        let moved = mark.dev != 0 && mark.dev != unknown.stat.inode.0;
        return moved || mark.off >= SURE_RECREATED_BYTES;
    }
    mark.off >= SURE_BYTES
}
