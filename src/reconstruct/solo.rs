//! Lines without an owner that were written while one task ran that writes such lines (`reconstruction.md` 2.6, rule d), and those that are left for one where
//! several ran (rule e): these may be its, no more, for a run may have written none.
//!
//! A task runs in a source from a line that says it begins to one that says it ended. A line in between that names no unit of its own, from the same
//! process as far as it says, is the task's when its kind writes such lines and no other of that kind can have been at work. A kind writes a template when it
//! ran at every one of its lines, which is no chance, and the kinds beside it ran often enough by themselves without any; or when its runs show one each and never two. Pure functions of the lines of a writer in a stretch of
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
const CLEARED: u32 = 3;
/// From so many lines a run on another kind is taken to write as many, did it write any.
const OFTEN: f64 = 0.5;
/// Else it may be this seldom.
const SELDOM: f64 = 0.15;
/// More runs than this are not told apart.
const MAX_STRETCHES: usize = 2_000;

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

    /// An instant lies between its stated begin and end.
    fn holds(&self, at: i64) -> bool {
        self.began.is_some_and(|began| began < at) && self.ended.is_some_and(|ended| at < ended)
    }
}

/// What was found of ownerless lines.
#[derive(Default)]
pub struct Owners {
    /// The task that a line is of.
    pub is: Vec<(usize, WorkRef)>,
    /// The task that a line may be of: nothing proves it.
    pub may_be: Vec<(usize, WorkRef)>,
}

/// An ownerless line, its template, and what ran as it was written.
struct Ownerless {
    index: usize,
    name: String,
    running: Vec<usize>,
}

/// Which task each ownerless line is of; lines in order of time, of one writer.
pub fn owners(lines: &[Item]) -> Owners {
    if !lines.iter().any(is_ownerless) {
        return Owners::default();
    }
    let stretches = stretches(lines);
    if stretches.len() > MAX_STRETCHES {
        return Owners::default();
    }
    let beside = Beside::of(&stretches);
    let mut templates: FxHashMap<String, Template<'_>> = FxHashMap::default();
    let mut found: Vec<Ownerless> = Vec::new();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| is_ownerless(line)) {
        let Some(at) = line.time_ns else { continue };
        let running: Vec<usize> = (0..stretches.len()).filter(|s| stretches[*s].from <= at && at <= stretches[*s].to).collect();
        let name = template(line);
        templates.entry(name.clone()).or_default().seen(&running, &stretches);
        found.push(Ownerless { index, name, running });
    }
    let judged: FxHashMap<&str, Judged<'_>> = templates.iter().filter_map(|(name, seen)| Some((&**name, Judged::of(seen, &stretches, &beside, lines)?))).collect();
    let may_be_of_kind = |line: &Ownerless, judged: &Judged<'_>| {
        let mut others = line.running.iter().map(|s| stretches[*s].kind).filter(|other| *other != judged.kind);
        !is_anothers(&lines[line.index]) && others.all(|other| judged.is_not_of(other, &beside))
    };
    let owner = |line: &Ownerless| {
        let (seen, judged) = (templates.get(&line.name)?, judged.get(&*line.name)?);
        let mut of_kind = line.running.iter().copied().filter(|s| stretches[*s].kind == judged.kind);
        let (only, other) = (of_kind.next()?, of_kind.next());
        // A run that shows more of them than any does by itself shows another's.
        let as_usual = seen.during.get(&only).is_some_and(|lines| *lines <= judged.most_alone);
        let is_its = stretches[only].holds(lines[line.index].time_ns?) && other.is_none() && as_usual && (judged.no_chance || judged.once_a_run);
        (is_its && may_be_of_kind(line, judged)).then_some(only)
    };
    let owned: Vec<Option<usize>> = found.iter().map(owner).collect();
    let may_be_one = |line: &Ownerless| judged.get(&*line.name).filter(|judged| judged.once_a_run && may_be_of_kind(line, judged)).map(|judged| judged.kind);
    let open: Vec<(&Ownerless, &str)> = found.iter().zip(&owned).filter(|(_, run)| run.is_none()).filter_map(|(line, _)| Some((line, may_be_one(line)?))).collect();
    let has = found.iter().zip(&owned).filter_map(|(line, run)| Some((line.name.clone(), (*run)?)));
    let may_be = if open.is_empty() { Vec::new() } else { eliminated(&open, has.collect(), &stretches, lines) };
    let task = |(index, run): (usize, usize)| Some((index, stretches[run].task.cloned()?));
    let is = found.iter().zip(&owned).filter_map(|(line, run)| task((line.index, (*run)?))).collect();
    Owners { is, may_be: may_be.into_iter().filter_map(task).collect() }
}

/// Lines that are left for one run of their kind, as all others that were at work have theirs (rule e, elimination); `has` are the runs that have.
fn eliminated(open: &[(&Ownerless, &str)], mut has: FxHashSet<(String, usize)>, stretches: &[Stretch<'_>], lines: &[Item]) -> Vec<(usize, usize)> {
    // What a run says under its own id it has said.
    has.extend(lines.iter().filter(|line| !is_ownerless(line)).flat_map(|line| runs_named(line, stretches).map(|run| (template(line), run))));
    let mut left: FxHashMap<(&str, usize), Vec<usize>> = FxHashMap::default();
    for (line, kind) in open {
        let of_kind = || line.running.iter().copied().filter(|s| stretches[*s].kind == *kind);
        let mut without = of_kind().filter(|s| !has.contains(&(line.name.clone(), *s)));
        let (Some(only), None) = (without.next(), without.next()) else { continue };
        if of_kind().all(|s| stretches[s].is_whole()) && lines[line.index].time_ns.is_some_and(|at| stretches[only].holds(at)) {
            left.entry((&line.name, only)).or_default().push(line.index);
        }
    }
    // Of two that are left for one run, one is another's.
    left.into_iter().filter(|(_, lines)| lines.len() == 1).map(|((_, run), lines)| (lines[0], run)).collect()
}

/// The runs whose task a line names.
fn runs_named<'s>(line: &'s Item, stretches: &'s [Stretch<'_>]) -> impl Iterator<Item = usize> + 's {
    let is_named = |task: &WorkRef| line.refs.iter().any(|r| r.key == task.key && r.relation == IdRelation::Own && !r.listed);
    let at = line.time_ns;
    (0..stretches.len()).filter(move |s| stretches[*s].task.is_some_and(is_named) && at.is_some_and(|at| stretches[*s].from <= at && at <= stretches[*s].to))
}

/// The line tells of a visit of its own, or of a user, a tenant or a session: that work is done while a task runs proves nothing of whose it is.
fn is_anothers(line: &Item) -> bool {
    let visit = line.entry.http.as_ref().is_some_and(|h| h.method.is_some() || h.path.is_some() || h.status.is_some());
    visit || line.entry.ids.iter().any(|id| id.kind == IdKind::Group)
}

/// For each whole run (its begin and its end are stated) the kinds that ran beside it at some time of it.
struct Beside<'i> {
    kinds: Vec<Option<BTreeSet<&'i str>>>,
    whole: FxHashMap<&'i str, u32>,
    /// Whole runs of the first kind beside which one of the second ran.
    with: FxHashMap<(&'i str, &'i str), u32>,
}

impl<'i> Beside<'i> {
    fn of(stretches: &[Stretch<'i>]) -> Self {
        let kinds = |(n, one): (usize, &Stretch<'i>)| {
            let others = stretches.iter().enumerate().filter(|(m, other)| *m != n && other.from <= one.to && one.from <= other.to);
            one.is_whole().then(|| others.map(|(_, other)| other.kind).collect::<BTreeSet<&str>>())
        };
        let mut out = Self { kinds: stretches.iter().enumerate().map(kinds).collect(), whole: FxHashMap::default(), with: FxHashMap::default() };
        for (run, kinds) in stretches.iter().zip(&out.kinds) {
            let Some(kinds) = kinds else { continue };
            *out.whole.entry(run.kind).or_default() += 1;
            kinds.iter().for_each(|kind| *out.with.entry((run.kind, *kind)).or_default() += 1);
        }
        out
    }

    /// Whole runs of a kind beside which none of the other ran.
    fn without(&self, kind: &str, of: &str) -> u32 {
        self.whole.get(kind).copied().unwrap_or(0) - self.with.get(&(kind, of)).copied().unwrap_or(0)
    }
}

/// What the lines of a template say of the kind that writes it.
struct Judged<'i> {
    kind: &'i str,
    /// So many would not all have stood in the time the kind ran, were they not its own.
    no_chance: bool,
    lines_a_run: f64,
    /// Nearly every run shows one, none two.
    once_a_run: bool,
    /// Such runs by the kinds that ran beside them.
    shown: FxHashMap<&'i str, u32>,
    /// The most that a run shows while no other kind runs.
    most_alone: u32,
}

impl<'i> Judged<'i> {
    fn of(seen: &Template<'i>, stretches: &[Stretch<'i>], beside: &Beside<'i>, lines: &[Item]) -> Option<Self> {
        let kind = seen.kind()?;
        let all = stretches.iter().filter(|s| s.kind == kind).count().max(1);
        let no_chance = seen.lines >= TELLING && covered(stretches, kind, lines).powf(f64::from(seen.lines)) <= CHANCE;
        let mut out = Self {
            kind,
            no_chance,
            lines_a_run: f64::from(seen.lines) / all as f64,
            once_a_run: false,
            shown: FxHashMap::default(),
            most_alone: seen.alone_during.values().copied().max().unwrap_or(0),
        };
        let (mut runs, mut once, mut two) = (0_u32, 0_u32, false);
        for (run, kinds) in beside.kinds.iter().enumerate() {
            let Some(kinds) = kinds.as_ref().filter(|kinds| stretches[run].kind == kind && !kinds.contains(kind)) else { continue };
            let lines = seen.during.get(&run).copied().unwrap_or(0);
            (runs, once, two) = (runs + 1, once + u32::from(lines == 1), two || lines > 1);
            if lines == 1 {
                kinds.iter().for_each(|other| *out.shown.entry(other).or_default() += 1);
            }
        }
        out.once_a_run = !two && once >= TELLING && once * 5 >= runs * 4;
        out.most_alone = out.most_alone.max(u32::from(out.once_a_run));
        Some(out)
    }

    /// Another kind, which ran beside, does not write such lines: its runs by themselves show none, though they would, or its runs beside ours never add one.
    fn is_not_of(&self, other: &str, beside: &Beside<'_>) -> bool {
        let runs = beside.without(other, self.kind);
        let rate = if self.lines_a_run >= OFTEN { self.lines_a_run.min(0.99) } else { self.lines_a_run.min(SELDOM) };
        let cleared = self.no_chance && runs >= CLEARED && (1.0 - rate).powf(f64::from(runs)) <= DOUBT;
        !other.is_empty() && (cleared || (self.once_a_run && self.shown.get(other).is_some_and(|runs| *runs >= TELLING)))
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

/// What ran while lines of a template were written.
#[derive(Default)]
struct Template<'i> {
    /// Nothing did.
    idle: bool,
    /// Kinds that ran at every line so far.
    always: Option<Vec<&'i str>>,
    lines: u32,
    /// How many while each stretch ran.
    during: FxHashMap<usize, u32>,
    /// Of them, those while no other kind did.
    alone_during: FxHashMap<usize, u32>,
}

impl<'i> Template<'i> {
    fn seen(&mut self, running: &[usize], stretches: &[Stretch<'i>]) {
        self.idle |= running.is_empty();
        let mut kinds: Vec<&'i str> = running.iter().map(|s| stretches[*s].kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        self.lines += 1;
        running.iter().for_each(|s| *self.during.entry(*s).or_default() += 1);
        if kinds.len() == 1 {
            running.iter().for_each(|s| *self.alone_during.entry(*s).or_default() += 1);
        }
        match &mut self.always {
            Some(always) => always.retain(|kind| kinds.contains(kind)),
            None => self.always = Some(kinds),
        }
    }

    /// The one kind of task that ran at every line of it.
    fn kind(&self) -> Option<&'i str> {
        match self.always.as_deref() {
            Some([kind]) if !kind.is_empty() && !self.idle && !self.alone_during.is_empty() => Some(kind),
            _ => None,
        }
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
