//! Lines without an owner that were written while one task ran that writes such lines (`reconstruction.md` 2.6, rule d).
//!
//! A task runs in a source from a line that says it begins to one that says it ended. A line in between that names no unit of its own, from the same
//! process as far as it says, is the task's when its kind writes such lines and no other of that kind can have been at work. A kind writes a template when it
//! ran at every one of its lines, alone at many, and the kinds beside it ran by themselves without any. Pure functions of the lines of a writer in a stretch of
//! time. Guarantees: a unit whose begin or end is not stated counts as running for others and owns nothing itself; a template that is also
//! written while nothing runs is nobody's.

use crate::{
    model::id::{IdKind, IdRelation},
    reconstruct::{
        item::{Item, WorkRef},
        lanes::{Families, template},
        roles,
        words::Verb,
    },
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// So many lines of a template must have been written.
const TELLING: u32 = 5;
/// How likely it may be that they all stand in the runs of a kind that does not write them.
const CHANCE: f64 = 1e-4;
/// How likely it may be that another kind writes them too, though its runs by themselves show none.
const DOUBT: f64 = 0.02;
/// So many runs of another kind by itself, without such a line, show that it writes none.
const CLEARED: usize = 3;

/// The line has a time and names no unit that runs: at most what it hands over, or a call that something made.
pub fn is_ownerless(item: &Item) -> bool {
    item.time_ns.is_some() && item.refs.iter().all(is_below)
}

/// An id that says nothing of whose the line is.
pub fn is_below(r: &WorkRef) -> bool {
    roles::is_below_work(r.kind, r.relation)
}

/// A time in which a unit ran.
struct Stretch<'i> {
    family: usize,
    task: Option<&'i WorkRef>,
    /// What it is called: the job's name, else its queue.
    kind: &'i str,
    /// When it can have been at work.
    from: i64,
    to: i64,
    /// When it said that it was: from its begin to its first end.
    began: Option<i64>,
    ended: Option<i64>,
}

impl Stretch<'_> {
    fn is_whole(&self) -> bool {
        self.began.is_some() && self.ended.is_some()
    }
}

/// Which task each ownerless line is of; lines in order of time, of one writer.
pub fn owners(lines: &[Item]) -> Vec<(usize, WorkRef)> {
    if !lines.iter().any(is_ownerless) {
        return Vec::new();
    }
    let stretches = stretches(lines);
    let beside = beside(&stretches);
    let mut templates: FxHashMap<String, Template<'_>> = FxHashMap::default();
    let mut found: Vec<(usize, String, Vec<usize>)> = Vec::new();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| is_ownerless(line)) {
        let Some(at) = line.time_ns else { continue };
        let running: Vec<usize> = (0..stretches.len()).filter(|s| stretches[*s].from <= at && at <= stretches[*s].to).collect();
        let name = template(line);
        templates.entry(name.clone()).or_default().seen(&running, &stretches);
        found.push((index, name, running));
    }
    let owner = |(index, name, running): (usize, String, Vec<usize>)| {
        let seen = templates.get(&name)?;
        let kind = seen.kind()?;
        let mut of_kind = running.iter().map(|s| &stretches[*s]).filter(|s| s.kind == kind);
        let (only, other) = (of_kind.next()?, of_kind.next());
        let at = lines[index].time_ns?;
        let inside = only.began.is_some_and(|began| began < at) && only.ended.is_some_and(|ended| at < ended);
        let others: BTreeSet<&str> = running.iter().map(|s| stretches[*s].kind).filter(|other| *other != kind).collect();
        let runs = stretches.iter().filter(|s| s.kind == kind).count().max(1);
        let proved = seen.is_no_chance(covered(&stretches, kind, lines)) && others.iter().all(|other| beside.is_cleared(other, kind, f64::from(seen.lines) / runs as f64));
        let is_its = inside && other.is_none() && (proved || seen.is_once_a_run(kind, &others, &stretches, &beside));
        is_its.then(|| Some((index, only.task?.clone())))?
    };
    found.into_iter().filter_map(owner).collect()
}

/// For each whole run (its begin and its end are stated) the kinds that ran beside it at some time of it.
struct Beside<'i>(Vec<Option<BTreeSet<&'i str>>>, Vec<&'i str>);

impl Beside<'_> {
    /// So many whole runs of a kind beside which none of the other ran wrote none of its lines, that they would have, did they write as many a run.
    fn is_cleared(&self, kind: &str, of: &str, lines_a_run: f64) -> bool {
        let runs = self.0.iter().zip(&self.1).filter(|(beside, k)| **k == kind && beside.as_ref().is_some_and(|kinds| !kinds.contains(of))).count();
        !kind.is_empty() && runs >= CLEARED && (1.0 - lines_a_run.min(0.99)).powf(runs as f64) <= DOUBT
    }
}

/// The share of the time of these lines in which a kind ran.
fn covered(stretches: &[Stretch<'_>], kind: &str, lines: &[Item]) -> f64 {
    let times = || lines.iter().filter_map(|l| l.time_ns);
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return 1.0 };
    let mut ran: Vec<(i64, i64)> = stretches.iter().filter(|s| s.kind == kind).map(|s| (s.from.max(first), s.to.min(last))).collect();
    ran.sort_unstable();
    let (mut total, mut until) = (0_i64, first);
    for (from, to) in ran {
        total = total.saturating_add(to.saturating_sub(from.max(until)).max(0));
        until = until.max(to);
    }
    (total as f64 / last.saturating_sub(first).max(1) as f64).min(1.0)
}

fn beside<'i>(stretches: &[Stretch<'i>]) -> Beside<'i> {
    let of = |(n, one): (usize, &Stretch<'i>)| {
        let others = stretches.iter().enumerate().filter(|(m, other)| *m != n && other.from <= one.to && one.from <= other.to);
        one.is_whole().then(|| others.map(|(_, other)| other.kind).collect())
    };
    Beside(stretches.iter().enumerate().map(of).collect(), stretches.iter().map(|s| s.kind).collect())
}

/// What ran while lines of a template were written.
#[derive(Default)]
struct Template<'i> {
    /// Nothing did.
    idle: bool,
    /// Kinds that ran at every line so far.
    always: Option<Vec<&'i str>>,
    lines: u32,
    /// How many of them were written while one kind alone ran.
    alone: u32,
    /// How many while each stretch ran.
    during: FxHashMap<usize, u32>,
}

impl<'i> Template<'i> {
    fn seen(&mut self, running: &[usize], stretches: &[Stretch<'i>]) {
        self.idle |= running.is_empty();
        let mut kinds: Vec<&'i str> = running.iter().map(|s| stretches[*s].kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        self.lines += 1;
        self.alone += u32::from(kinds.len() == 1);
        running.iter().for_each(|s| *self.during.entry(*s).or_default() += 1);
        match &mut self.always {
            Some(always) => always.retain(|kind| kinds.contains(kind)),
            None => self.always = Some(kinds),
        }
    }

    /// The one kind of task that ran at every line of it.
    fn kind(&self) -> Option<&'i str> {
        match self.always.as_deref() {
            Some([kind]) if !kind.is_empty() && !self.idle && self.alone > 0 => Some(kind),
            _ => None,
        }
    }

    /// So many lines would not all have stood in the time the kind ran, were they not its own. `covered`: its share of the whole time.
    fn is_no_chance(&self, covered: f64) -> bool {
        self.lines >= TELLING && covered.powf(f64::from(self.lines)) <= CHANCE
    }

    /// Every run of the kind writes one, never two, whatever runs beside it: did another kind write them, a run beside it would show two.
    fn is_once_a_run(&self, kind: &str, others: &BTreeSet<&str>, stretches: &[Stretch<'_>], beside: &Beside<'_>) -> bool {
        let runs = || (0..stretches.len()).filter(|s| stretches[*s].kind == kind).filter_map(|s| Some((s, beside.0[s].as_ref().filter(|kinds| !kinds.contains(kind))?)));
        let lines = |s: usize| self.during.get(&s).copied().unwrap_or(0);
        let (all, once) = (runs().count(), runs().filter(|(s, _)| lines(*s) == 1).count());
        let shown = |other: &&str| runs().filter(|(s, kinds)| kinds.contains(other) && lines(*s) == 1).count() >= TELLING as usize;
        once >= TELLING as usize && once * 5 >= all * 4 && runs().all(|(s, _)| lines(s) <= 1) && others.iter().all(|other| !other.is_empty() && shown(other))
    }
}

/// A stretch while its lines are gone through.
struct Seen<'i> {
    stretch: Stretch<'i>,
    first_ns: i64,
}

/// When which unit ran.
fn stretches(lines: &[Item]) -> Vec<Stretch<'_>> {
    let mut families = Families::of(lines);
    let kinds = kinds(lines);
    let (first, last) = (lines.iter().filter_map(|l| l.time_ns).min().unwrap_or(0), lines.iter().filter_map(|l| l.time_ns).max().unwrap_or(0));
    let mut open: FxHashMap<Arc<str>, Seen<'_>> = FxHashMap::default();
    let mut out = Vec::new();
    let mut has_task: FxHashSet<usize> = FxHashSet::default();
    for line in lines {
        let Some(at) = line.time_ns else { continue };
        // To hand a task over is not to run it.
        for r in line.refs.iter().filter(|r| r.relation == IdRelation::Own && !r.listed && line.verb != Verb::Queue && !is_below(r)) {
            let family = families.number(&r.key);
            if r.kind == IdKind::Task {
                has_task.insert(family);
            }
            let (starts, ends) = (line.verb.is_start(), line.verb.is_terminal());
            if starts && open.get(&r.key).is_some_and(|seen| seen.stretch.ended.is_some()) {
                out.extend(open.remove(&r.key).map(|seen| seen.stretch));
            }
            let task = (r.kind == IdKind::Task).then_some(r);
            let kind = kinds.get(&r.key).copied().unwrap_or("");
            let fresh = || Seen { stretch: Stretch { family, task, kind, from: first, to: last, began: None, ended: None }, first_ns: at };
            let seen = open.entry(r.key.clone()).or_insert_with(fresh);
            let stretch = &mut seen.stretch;
            if starts && stretch.began.is_none() && stretch.ended.is_none() {
                // What begins now did not run before it was first spoken of.
                (stretch.from, stretch.began) = (seen.first_ns, Some(at));
            }
            if stretch.ended.is_some() {
                // A line behind its end (that its result is kept) may still be its work.
                stretch.to = stretch.to.max(at);
            } else if ends {
                (stretch.to, stretch.ended) = (at, Some(at));
            }
        }
    }
    out.extend(open.into_values().map(|seen| seen.stretch));
    // What is done for a request is its tasks' time; a request without a task runs by itself.
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
