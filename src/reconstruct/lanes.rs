//! Lines without an id that a thread or a worker wrote while it ran one unit (`reconstruction.md` 2.6, rule b).
//!
//! A lane is what one source calls a thread or a worker: it does one thing at a time. A line of it belongs to a unit when it stands between
//! two lines of that unit, or between them and a line that states a length reaching back to the unit's begin. Pure functions of the lines of a
//! lane. Guarantees: a lane in which two units interleave proves nothing; a template that is also written while nothing runs is never
//! placed; a line with a work id of its own is never placed. Nearness in time alone proves nothing here.

use crate::{
    model::{
        entry::Entry,
        id::{IdKind, IdRelation},
        trace::PlacedBy,
    },
    reconstruct::{
        build::Tree,
        item::{Item, WorkRef},
        words,
    },
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::{collections::BTreeMap, sync::Arc};

/// A lane is looked up by pieces of time of 2^34 ns, about 17 s.
pub const PIECE_SHIFT: u32 = 34;
/// Longest part of a lane that is looked at for one tree, in pieces.
pub const MAX_PIECES: i64 = 40;
/// Most lanes of one tree.
const MAX_LANES: usize = 64;

/// The lane of an entry: what ran it, when that runs one thing at a time. Threads of event loops run many.
fn lane(entry: &Entry) -> Option<&str> {
    let context = entry.context.as_deref()?;
    let (kind, name) = context.split_once('=')?;
    let lower = name.to_ascii_lowercase();
    let many = ["eventloop", "event-loop", "event_loop", "reactor", "tokio", "threadid(", "uvloop", "asyncio", "dispatcher", "coroutine"];
    (matches!(kind, "thread" | "worker" | "process") && !many.iter().any(|word| lower.contains(word))).then_some(context)
}

/// The time a line is found by: as written, no zone applied.
pub fn written_ns(entry: &Entry) -> Option<i64> {
    entry.time.or(entry.received).map(|t| t.unix_ns)
}

fn term(kind: char, source: &str, context: &str, piece: i64) -> String {
    // Sorts apart from every id, and nobody can type it.
    format!("{kind}{source}\u{1f}{context}\u{1f}{piece:x}")
}

const ALL: char = '\u{1e}';
const FREE: char = '\u{1c}';

/// The terms under which a line is found by its lane and time: with all of its lane, and with those that name no unit.
pub fn lane_terms(entry: &Entry) -> impl Iterator<Item = String> + use<> {
    let of = |kind| Some(term(kind, &entry.source, lane(entry)?, written_ns(entry)? >> PIECE_SHIFT));
    let is_free = !entry.ids.iter().any(|id| super::roles::is_work(id.kind));
    [of(ALL), if is_free { of(FREE) } else { None }].into_iter().flatten()
}

/// A part of a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    source: Arc<str>,
    context: Box<str>,
    first: i64,
    last: i64,
}

impl Window {
    /// The terms its lines are found by.
    pub fn terms(&self) -> impl Iterator<Item = String> + '_ {
        (self.first..=self.last).map(|piece| term(ALL, &self.source, &self.context, piece))
    }

    /// The terms of those lines in it that name no unit: without any there is nothing to look for.
    pub fn free_terms(&self) -> impl Iterator<Item = String> + '_ {
        (self.first..=self.last).map(|piece| term(FREE, &self.source, &self.context, piece))
    }

    /// Whether a line stands in it: one record may hold entries of several lanes.
    pub fn holds(&self, entry: &Entry) -> bool {
        *entry.source == *self.source && lane(entry) == Some(&*self.context)
    }
}

/// Where lines of the tree's units stand in lanes, with a piece on both sides: there others would be seen that ran meanwhile.
pub fn windows<'i>(items: impl Iterator<Item = &'i Item>) -> Vec<Window> {
    let mut found: BTreeMap<(Arc<str>, Box<str>), (i64, i64)> = BTreeMap::new();
    for item in items {
        let Some((context, at)) = lane(&item.entry).zip(written_ns(&item.entry)) else { continue };
        let piece = at >> PIECE_SHIFT;
        let extent = found.entry((item.entry.source.clone(), context.into())).or_insert((piece, piece));
        *extent = (extent.0.min(piece), extent.1.max(piece));
    }
    let windows = found.into_iter().map(|((source, context), (first, last))| Window { source, context, first: first.saturating_sub(1), last: last.saturating_add(1) });
    windows.filter(|w| w.last - w.first < MAX_PIECES).take(MAX_LANES).collect()
}

/// A stretch of a lane in which one unit ran.
struct Run {
    unit: Arc<str>,
    ours: bool,
    began_ns: i64,
    quantum_ns: i64,
    /// It said that it ended, or a length did.
    over: bool,
    closed: bool,
    /// Lines without an id since its last line.
    since: Vec<usize>,
}

/// What was seen of a lane so far.
#[derive(Default)]
struct Lane {
    placed: Vec<(usize, Arc<str>)>,
    idle: FxHashSet<String>,
    /// Units seen before: whether their last stretch had ended, and the number of the stretch.
    before: FxHashMap<Arc<str>, (bool, usize)>,
    /// Number of the stretch.
    stretch: usize,
    /// The last stretch of a unit of the tree.
    last_of_ours: usize,
    interleaves: bool,
}

/// The lines of a lane, in order of time, that belong to a unit of the tree by it: their indexes with the unit.
pub fn place(lines: &[Item], tree: &Tree) -> Vec<(usize, Arc<str>)> {
    let mut seen = Lane::default();
    let mut run: Option<Run> = None;
    for (index, line) in lines.iter().enumerate() {
        let Some(at) = line.time_ns else { continue };
        if line.refs.is_empty() {
            if let Some(run) = &mut run {
                without_id(run, &mut seen, lines, index, at);
            }
            continue;
        }
        let owner = owner(line, tree);
        let ours = tree.units.contains_key(&owner);
        match &mut run {
            Some(now) if now.unit == owner && !(now.over && line.verb.is_start()) => {
                if now.ours {
                    seen.placed.extend(now.since.drain(..).map(|i| (i, now.unit.clone())));
                }
                now.since.clear();
                now.over = line.verb.is_terminal();
                now.closed = false;
            }
            _ => {
                if let Some(old) = run.take() {
                    seen.leave(&old);
                }
                seen.enter(&owner, ours, line);
                run = Some(Run { unit: owner, ours, began_ns: at, quantum_ns: line.quantum_ns, over: line.verb.is_terminal(), closed: false, since: Vec::new() });
            }
        }
    }
    if seen.interleaves {
        return Vec::new();
    }
    seen.placed.retain(|(index, _)| !seen.idle.contains(&words::step_name(&lines[*index].entry)));
    seen.placed
}

impl Lane {
    fn leave(&mut self, old: &Run) {
        self.before.insert(old.unit.clone(), (old.over, self.stretch));
    }

    /// A unit that goes on though another ran since it was seen, and it had not ended: the lane runs several at a time. Two units that are not
    /// the tree's may be parts of one.
    fn enter(&mut self, unit: &Arc<str>, ours: bool, line: &Item) {
        if let Some((over, stretch)) = self.before.get(unit) {
            self.interleaves |= !over && !line.verb.is_start() && (ours || self.last_of_ours > *stretch);
        }
        self.stretch += 1;
        if ours {
            self.last_of_ours = self.stretch;
        }
    }
}

/// A line without an id: it may state a length that reaches back to the begin of what runs.
fn without_id(run: &mut Run, seen: &mut Lane, lines: &[Item], index: usize, at: i64) {
    let line = &lines[index];
    if run.closed {
        seen.idle.insert(words::step_name(&line.entry));
        return;
    }
    run.since.push(index);
    let reaches_back = line.verb.is_terminal() && super::spans::line_kind(line).is_none() && line.duration_ns().is_some_and(|d| reaches(run, at, d, line.quantum_ns));
    if reaches_back {
        if run.ours {
            seen.placed.extend(run.since.iter().map(|i| (*i, run.unit.clone())));
        }
        run.since.clear();
        (run.over, run.closed) = (true, true);
    }
}

/// From the end that a line states back to the begin that another did: never before it, and not long after it.
fn reaches(run: &Run, at: i64, length: i64, quantum_ns: i64) -> bool {
    let began = at.saturating_sub(length);
    let slack = 2 * quantum_ns.max(run.quantum_ns) + 2_000_000;
    began >= run.began_ns.saturating_sub(slack) && began <= run.began_ns.saturating_add(slack.max(5_000_000).max(length / 10))
}

/// The unit that a line of a lane shows running: of the tree's the task above what the line is about, of others what it is about.
fn owner(line: &Item, tree: &Tree) -> Arc<str> {
    let subject = line.subject().or_else(|| line.refs.first()).map_or_else(|| Arc::from(""), |r| r.key.clone());
    let mut key = subject.clone();
    for _ in 0..64 {
        let Some(unit) = tree.units.get(&key) else { return subject };
        if unit.kind == IdKind::Task {
            return key;
        }
        match &unit.parent {
            Some(link) => key = link.parent.clone(),
            None => return subject,
        }
    }
    subject
}

/// The line as one of the unit: its lane names it.
pub fn as_line_of(mut line: Item, tree: &Tree, unit: &Arc<str>) -> Item {
    if let Some(found) = tree.units.get(unit) {
        let label = line.entry.context.clone().unwrap_or_default();
        line.refs = vec![WorkRef { key: unit.clone(), kind: found.kind, relation: IdRelation::Own, listed: false, label, value: found.value.clone(), scope: found.scope.clone() }];
        line.placed_by = Some(PlacedBy::Lane);
    }
    line
}
