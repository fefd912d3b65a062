//! Lines without an owner that were written while exactly one unit of work ran in their source (`reconstruction.md` 2.6, rule d).
//!
//! A task runs in a source from a line that says it begins to one that says it ended. A line in between that names no unit of its own is
//! the task's when no other unit of the source can have been at work, or no other of the kind that writes such lines: the kind that ran at
//! every one of many of them. Pure functions of the lines of a source in a stretch of time. Guarantees: a unit
//! whose begin or end is not stated counts as running for others and owns nothing itself; a template that is also written while nothing runs is
//! nobody's. It never looks at another source.

use crate::{
    model::{
        entry::Entry,
        id::{IdKind, IdRelation},
    },
    reconstruct::{
        item::{Item, WorkRef},
        lanes::{self, PIECE_SHIFT},
        words::{self, Verb},
    },
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::{collections::BTreeMap, sync::Arc};

/// Pieces that are looked through at once, about 140 s: enough lines of one template to tell which kind of task writes it.
pub const BLOCK: i64 = 8;
/// Pieces before a block that are looked at too: a task that is silent for longer (about 50 s) is not seen.
pub const PIECES_BEFORE: i64 = 3;
/// Pieces behind it.
pub const PIECES_AFTER: i64 = 1;
/// So many lines of a template must have been written while one kind of task alone ran.
const TELLING: u32 = 5;

/// The term under which all lines of a source in a piece of time are found.
pub fn source_term(source: &str, piece: i64) -> String {
    // As with lanes: sorts apart from every id.
    format!("\u{1d}{source}\u{1f}{piece:x}")
}

/// Whether a term is one of those.
pub fn is_source_term(term: &str) -> bool {
    term.starts_with(['\u{1d}', '\u{1b}'])
}

/// The term of those of them that name no unit: where there are none there is nothing to look for.
pub fn free_term(source: &str, piece: i64) -> String {
    format!("\u{1b}{source}\u{1f}{piece:x}")
}

/// Those of an entry.
pub fn entry_terms(entry: &Entry) -> impl Iterator<Item = String> + use<> {
    let piece = piece_of(entry);
    let is_free = !entry.ids.iter().any(|id| id.relation != IdRelation::Child && super::roles::is_work(id.kind));
    let all = piece.map(|piece| source_term(&entry.source, piece));
    all.into_iter().chain(piece.filter(|_| is_free).map(|piece| free_term(&entry.source, piece)))
}

/// The piece of time an entry stands in.
pub fn piece_of(entry: &Entry) -> Option<i64> {
    lanes::written_ns(entry).map(|ns| ns >> PIECE_SHIFT)
}

/// The line has a time and names no unit that it is of: at most what it hands over.
pub fn is_ownerless(item: &Item) -> bool {
    item.time_ns.is_some() && item.refs.iter().all(|r| r.relation == IdRelation::Child)
}

/// A time in which a unit ran.
struct Stretch<'i> {
    family: usize,
    task: Option<&'i WorkRef>,
    /// What it is called: the job's name, else its queue.
    kind: &'i str,
    from: i64,
    to: i64,
    /// Both ends are stated.
    stated: bool,
}

/// A stretch while its lines are gone through.
struct Seen<'i> {
    stretch: Stretch<'i>,
    first_ns: i64,
    over: bool,
}

/// Which task each ownerless line is of; lines in order of time.
pub fn owners(lines: &[Item]) -> Vec<(usize, WorkRef)> {
    if !lines.iter().any(is_ownerless) {
        return Vec::new();
    }
    let stretches = stretches(lines);
    let mut templates: FxHashMap<String, Template<'_>> = FxHashMap::default();
    let mut found: Vec<(usize, String, Vec<&Stretch<'_>>)> = Vec::new();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| is_ownerless(line)) {
        let Some(at) = line.time_ns else { continue };
        let running: Vec<&Stretch<'_>> = stretches.iter().filter(|s| s.from <= at && at <= s.to).collect();
        let name = template(line);
        templates.entry(name.clone()).or_default().seen(&running);
        found.push((index, name, running));
    }
    let owner = |(index, name, running): (usize, String, Vec<&Stretch<'_>>)| {
        let template = templates.get(&name).filter(|t| !t.idle)?;
        let kind = template.kind();
        let mut of_kind = running.iter().filter(|s| running.len() == 1 || kind.is_some_and(|kind| s.kind == kind || s.kind.is_empty() || !s.stated));
        let (only, other) = (of_kind.next()?, of_kind.next());
        let at = lines[index].time_ns?;
        (other.is_none() && only.stated && only.from < at && at < only.to).then(|| Some((index, only.task?.clone())))?
    };
    found.into_iter().filter_map(owner).collect()
}

/// What lines of one make have in common: their words, and what they wrote to.
fn template(line: &Item) -> String {
    let target = line.entry.write.as_ref().and_then(|w| w.target.as_deref()).unwrap_or("");
    format!("{}\u{1f}{target}", words::step_name(&line.entry))
}

/// What ran while lines of a template were written.
#[derive(Default)]
struct Template<'i> {
    /// Nothing did.
    idle: bool,
    /// Kinds that ran at every line so far.
    always: Option<Vec<&'i str>>,
    /// How many lines were written while one kind alone ran.
    alone: u32,
}

impl<'i> Template<'i> {
    fn seen(&mut self, running: &[&Stretch<'i>]) {
        self.idle |= running.is_empty();
        let mut kinds: Vec<&'i str> = running.iter().map(|s| s.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        self.alone += u32::from(kinds.len() == 1);
        match &mut self.always {
            Some(always) => always.retain(|kind| kinds.contains(kind)),
            None => self.always = Some(kinds),
        }
    }

    /// The kind of task that writes it.
    fn kind(&self) -> Option<&'i str> {
        match self.always.as_deref() {
            Some([kind]) if self.alone >= TELLING => Some(kind),
            _ => None,
        }
    }
}

/// When which unit ran. Units that stand on one line as its own are one family: a task with the request it is done for.
fn stretches(lines: &[Item]) -> Vec<Stretch<'_>> {
    let mut families = Families::default();
    for line in lines {
        let mut own = line.refs.iter().filter(|r| r.relation == IdRelation::Own && !r.listed);
        if let Some(first) = own.next() {
            let first = families.of(&first.key);
            own.for_each(|r| families.join(first, &r.key));
        }
    }
    let kinds = kinds(lines);
    let (first, last) = (lines.iter().filter_map(|l| l.time_ns).min().unwrap_or(0), lines.iter().filter_map(|l| l.time_ns).max().unwrap_or(0));
    let mut open: FxHashMap<Arc<str>, Seen<'_>> = FxHashMap::default();
    let mut out = Vec::new();
    let mut has_task: FxHashSet<usize> = FxHashSet::default();
    for line in lines {
        let Some(at) = line.time_ns else { continue };
        // To hand a task over is not to run it.
        for r in line.refs.iter().filter(|r| r.relation == IdRelation::Own && !r.listed && line.verb != Verb::Queue) {
            let family = families.of(&r.key);
            if r.kind == IdKind::Task {
                has_task.insert(family);
            }
            let (starts, ends) = (line.verb.is_start(), line.verb.is_terminal());
            if starts && open.get(&r.key).is_some_and(|seen| seen.over) {
                out.extend(open.remove(&r.key).map(|seen| seen.stretch));
            }
            let task = (r.kind == IdKind::Task).then_some(r);
            let fresh =
                || Seen { stretch: Stretch { family, task, kind: kinds.get(&r.key).copied().unwrap_or(""), from: first, to: last, stated: false }, first_ns: at, over: false };
            let seen = open.entry(r.key.clone()).or_insert_with(fresh);
            if starts && !seen.stretch.stated && !seen.over {
                // What begins now did not run before it was first spoken of.
                (seen.stretch.from, seen.stretch.stated) = (seen.first_ns, true);
            }
            if ends || seen.over {
                // A line behind its end (that its result is kept) may still be its work.
                seen.stretch.to = if seen.over { seen.stretch.to.max(at) } else { at };
                seen.over = true;
            }
        }
    }
    out.extend(open.into_values().map(|mut seen| {
        seen.stretch.stated &= seen.over;
        seen.stretch
    }));
    // What is done for a request is its tasks' time; a request without a task in this source runs by itself.
    out.retain(|s| s.task.is_some() || !has_task.contains(&s.family));
    out
}

/// What each task is called: the name most of its lines give the job, else its queue. One word for all its runs.
fn kinds(lines: &[Item]) -> FxHashMap<Arc<str>, &str> {
    let mut found: FxHashMap<Arc<str>, BTreeMap<(u8, &str), u32>> = FxHashMap::default();
    for line in lines {
        let job = line.entry.job.as_deref();
        let (name, queue) = (job.and_then(|j| j.name.as_deref()), job.and_then(|j| j.queue.as_deref()));
        for r in line.refs.iter().filter(|r| r.kind == IdKind::Task && r.relation == IdRelation::Own && !r.listed) {
            let scope = r.scope.as_deref().and_then(|scope| scope.strip_prefix("queue="));
            if let Some(word) = name.map(|name| (0, name)).or(queue.or(scope).map(|queue| (1, queue))) {
                *found.entry(r.key.clone()).or_default().entry(word).or_default() += 1;
            }
        }
    }
    found.into_iter().filter_map(|(key, words)| Some((key, best(words)?))).collect()
}

fn best(words: BTreeMap<(u8, &str), u32>) -> Option<&str> {
    words.into_iter().min_by_key(|((rank, word), count)| (*rank, std::cmp::Reverse(*count), *word)).map(|((_, word), _)| word)
}

/// Sets of units, by the smallest number of each.
#[derive(Default)]
struct Families {
    number: FxHashMap<Arc<str>, usize>,
    above: Vec<usize>,
}

impl Families {
    fn of(&mut self, key: &Arc<str>) -> usize {
        let next = self.above.len();
        let number = *self.number.entry(key.clone()).or_insert(next);
        if number == next {
            self.above.push(next);
        }
        self.top(number)
    }

    fn top(&self, mut number: usize) -> usize {
        while self.above[number] != number {
            number = self.above[number];
        }
        number
    }

    fn join(&mut self, family: usize, key: &Arc<str>) {
        let (a, b) = (self.top(family), self.of(key));
        self.above[a.max(b)] = a.min(b);
    }
}
