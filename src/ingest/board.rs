//! What reading and writing know of the sources together: counters, what was learned, and the state that is published.
//!
//! Guarantees: one picture at a time on the `watch` channel; the reason of a pause stays on it until something was committed again, or nothing
//! was left to commit. Never a truth: the checkpoint is.

use crate::{
    model::{
        checkpoint::{Checkpoint, Counters, FileCheckpoint, FileKind, FileState},
        entry::FileId,
        profile::Profile,
        status::{KeyStatus, Skipped, SourceStatus, Status},
        time::UnixNanos,
    },
    reconstruct::{answer_stamps, learn::Learned, units},
    source::Sources,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// How the sources stand at one moment, as reading sees them.
pub struct Seen {
    sources: Vec<SourceStatus>,
    skipped: Vec<Skipped>,
    backlog_bytes: u64,
}

impl Seen {
    /// Now.
    pub fn of(sources: &Sources) -> Self {
        let (list, skipped) = sources.status();
        Self { sources: list, skipped, backlog_bytes: sources.readable_bytes() }
    }
}

struct Shared {
    tally: BTreeMap<FileId, Counters>,
    learned: Arc<Learned>,
    spooled: Vec<FileCheckpoint>,
}

/// Shared by the reader and the writer of one run.
#[derive(Clone)]
pub struct Board {
    shared: Arc<Mutex<Shared>>,
    follow: bool,
    status: watch::Sender<Status>,
}

impl Board {
    /// As the last commit left it.
    pub fn new(checkpoint: &Checkpoint, learned: &Learned, follow: bool, status: watch::Sender<Status>) -> Self {
        let tally = checkpoint.files.iter().map(|f| (f.id, f.counters)).collect();
        Self { shared: Arc::new(Mutex::new(Shared { tally, learned: Arc::new(learned.clone()), spooled: Vec::new() })), follow, status }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a worker counted.
    pub fn count(&self, counters: &BTreeMap<FileId, Counters>) {
        let mut shared = self.lock();
        counters.iter().for_each(|(file, c)| shared.tally.entry(*file).or_default().add(c));
    }

    /// What reading counts (blank, cut) and what recognition counts (ok, text, unparsed) come together.
    pub fn fill_in(&self, checkpoint: &mut Checkpoint) {
        let shared = self.lock();
        for file in &mut checkpoint.files {
            if let Some(mine) = shared.tally.get(&file.id) {
                take_counts(&mut file.counters, mine);
            }
        }
    }

    /// A commit stands, and is told at once: who follows lines waits for it.
    pub fn committed(&self, checkpoint: &Checkpoint, learned: Arc<Learned>, generation: u64) {
        {
            let mut shared = self.lock();
            shared.learned = learned;
            shared.spooled = checkpoint.files.iter().filter(|f| f.kind == FileKind::Spool && f.state == FileState::Done).cloned().collect();
        }
        let lines = checkpoint.files.iter().map(|f| f.counters.ok + f.counters.unparsed).sum();
        self.status.send_modify(|status| (status.generation, status.lines) = (generation, lines));
    }

    /// Segments of standard input that were committed to their end since this was asked.
    pub fn take_spooled(&self) -> Vec<FileCheckpoint> {
        std::mem::take(&mut self.lock().spooled)
    }

    /// Writing goes well again.
    pub fn resumed(&self) {
        self.status.send_if_modified(|status| status.paused.take().is_some());
    }

    /// Publishes the state of the sources.
    pub fn publish(&self, seen: Seen) {
        let Seen { sources: mut list, skipped, backlog_bytes } = seen;
        let (tally, learned) = {
            let shared = self.lock();
            (shared.tally.clone(), shared.learned.clone())
        };
        let profile = learned.profile();
        let mut newest: Option<i64> = None;
        for source in &mut list {
            if let Some(mine) = tally.get(&source.id) {
                take_counts(&mut source.counters, mine);
            }
            tell_learned(source, &learned, &profile);
            newest = newest.max(source.coverage.map(|c| c.1.0));
        }
        let read_bytes = list.iter().map(|s| s.counters.bytes()).sum();
        let (following, newest) = (self.follow, newest.map(UnixNanos));
        self.status.send_modify(|status| {
            let (paused, list_behind) = (status.paused.take(), status.list_behind.take());
            let (generation, lines) = (status.generation, status.lines);
            *status = Status { sources: list, skipped, backlog_bytes, read_bytes, following, generation, lines, newest, paused, list_behind };
        });
    }
}

/// What the lines of a source taught about it.
pub fn tell_learned(source: &mut SourceStatus, learned: &Learned, profile: &Profile) {
    let Some(facts) = learned.sources.get(&source.name) else { return };
    let zone = profile.zones.get(&source.name);
    let offset = zone.map_or(0, |z| i64::from(z.offset_s) * 1_000_000_000);
    source.coverage = facts.span(offset).map(|(a, b)| (UnixNanos(a), UnixNanos(b)));
    source.conventions = facts.conventions();
    source.evidence = facts.evidence();
    source.services = facts.services();
    source.zone = facts.zone_words(zone);
    if let Some(habits) = learned.habits.get(&source.name) {
        source.decided = habits.customs().why;
        source.keys = habits.keys.iter().map(|(key, found)| KeyStatus { key: key.clone(), lines: found.lines, read_as: found.uses.keys().cloned().collect() }).collect();
        source.keys.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.key.cmp(&b.key)));
    }
    source.decided.extend(profile.units.get(&source.name).map(units::words));
    source.decided.extend(answer_stamps::words(profile, &source.name));
    if profile.begins.contains(&source.name) {
        source.decided.push("lines that state a length are written as it begins: only so do the steps hold what names them as its parent".into());
    }
}

fn take_counts(to: &mut Counters, mine: &Counters) {
    (to.ok, to.text, to.unparsed) = (mine.ok, mine.text, mine.unparsed);
    (to.ok_bytes, to.unparsed_bytes) = (mine.ok_bytes, mine.unparsed_bytes);
}
