//! Lines without an id that a thread or a worker wrote while it ran one unit (`reconstruction.md` 2.6, rule b).
//!
//! A lane is a thread or a worker of one process in one file: it does one thing at a time, and its lines stand in the order it wrote them. A line of
//! it belongs to a unit when it stands between two lines of that unit before it has ended, or between its begin and a line that states a length
//! reaching back to that begin or to the line behind it, or that repeats the call it began with as it ends; or it is an error that is told at once
//! behind the unit's failure. Pure functions of the lines of a lane. Guarantees: a lane in which two units interleave proves nothing; a template that is
//! also written while nothing runs is never placed; a line with a work id of its own is never placed. Nearness in time proves nothing here.

use crate::{
    model::{
        entry::{Entry, Severity},
        id::{IdKind, IdRelation},
    },
    reconstruct::{
        item::{Item, WorkRef},
        solo::is_below,
        words,
    },
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::{fmt::Write as _, sync::Arc};

/// Lines without an id are looked up by pieces of time of 2^34 ns, about 17 s.
pub const PIECE_SHIFT: u32 = 34;

/// An error handler is called as the unit fails.
const REPEATED_NS: i64 = 50_000_000;
/// A second line about one end stands right behind the first.
const AT_ONCE_NS: u64 = 1_000_000_000;

/// The time a line is found by: as written, no zone applied.
pub fn written_ns(entry: &Entry) -> Option<i64> {
    entry.time.or(entry.received).map(|t| t.unix_ns)
}

/// What wrote an entry, as far as it says: its file, service, host and process. Others of the same names are others.
pub fn writer(entry: &Entry) -> String {
    let parts = [&entry.service, &entry.host, &entry.process].map(|part| part.as_deref().unwrap_or(""));
    let mut out = String::with_capacity(19 + parts.iter().map(|part| part.len()).sum::<usize>());
    let _ = write!(out, "{:x}", entry.at.file.0);
    for part in parts {
        out.push('\u{1f}');
        out.push_str(part);
    }
    out
}

/// The lane of an entry: its writer and what in it ran the line, when that runs one thing at a time. A name that is a number or has none is that of a kind of
/// thread; those of event loops and of pools that units leave and come back to run many.
pub fn lane(entry: &Entry) -> Option<String> {
    let context = entry.context.as_deref()?;
    let (kind, name) = context.split_once('=')?;
    let lower = name.to_ascii_lowercase();
    let many =
        ["eventloop", "event-loop", "event_loop", "reactor", "tokio", "threadid(", "uvloop", "asyncio", "dispatcher", "coroutine", "compute", "main", "forkjoinpool", "fiber"];
    let is_one = name.bytes().any(|b| b.is_ascii_digit()) && name.bytes().any(|b| b.is_ascii_alphabetic()) && !many.iter().any(|word| lower.contains(word));
    (kind == "tid" || (is_one && matches!(kind, "thread" | "worker" | "process"))).then(|| format!("{}\u{1f}{context}", writer(entry)))
}

/// A stretch of a lane in which one unit ran.
struct Run {
    key: Arc<str>,
    unit: WorkRef,
    began_ns: Option<i64>,
    /// Its second line: what a length reaches back to may be what that one tells of.
    next_ns: Option<i64>,
    quantum_ns: i64,
    /// Its words said that it ended; they may have been about a part of it.
    over: bool,
    /// A length that reaches back to its begin did.
    closed: bool,
    /// When it was told that it ended.
    closed_ns: Option<i64>,
    /// It was told that it failed.
    failed: bool,
    /// Where its placements begin.
    placed_from: usize,
    /// Lines without an id since its last line.
    since: Vec<usize>,
    /// What its lines say it is done for.
    above: FxHashSet<Arc<str>>,
    /// What was called, with what, as the line that began it writes it.
    call: Option<Box<str>>,
}

/// What was found in a lane so far.
#[derive(Default)]
struct Found {
    placed: Vec<(usize, WorkRef)>,
    idle: FxHashSet<String>,
    /// Units seen before: whether a length closed them, and where their placements began.
    before: FxHashMap<Arc<str>, (bool, usize)>,
}

/// Which unit each line without an id is of; lines in the order of the file.
pub fn owners(lines: &[Item]) -> Vec<(usize, WorkRef)> {
    let mut found = Found::default();
    let mut families = Families::of(lines);
    let mut run: Option<Run> = None;
    for (index, line) in lines.iter().enumerate() {
        if line.refs.iter().all(is_below) {
            if let Some(run) = &mut run {
                without_id(run, &mut found, lines, index);
                run.next_ns = run.next_ns.or(line.time_ns);
            }
            continue;
        }
        let Some(subject) = line.subject().or_else(|| line.refs.first()) else { continue };
        let key = families.key(subject);
        // What runs may speak of what it is done for: that one does not run here.
        let speaks_of_its_parent = run.as_ref().is_some_and(|now| now.key != key && !now.over && now.above.contains(&subject.key));
        if speaks_of_its_parent && line.verb == words::Verb::None {
            continue;
        }
        let parents = line.refs.iter().filter(|r| r.relation == IdRelation::Parent).map(|r| r.key.clone());
        match &mut run {
            Some(now) if now.key == key && !((now.over || now.closed) && line.verb.is_start()) => {
                // What stands behind its end is not known to be its work.
                if !now.over && !now.closed {
                    found.placed.extend(now.since.drain(..).map(|i| (i, now.unit.clone())));
                }
                now.since.clear();
                now.next_ns = now.next_ns.or(line.time_ns);
                if line.verb.is_terminal() {
                    (now.over, now.closed_ns) = (true, now.closed_ns.or(line.time_ns));
                    now.failed |= tells_of_failure(line);
                }
                now.above.extend(parents);
            }
            _ => {
                if let Some(old) = run.take() {
                    found.leave(old, lines);
                }
                found.enter(&key, line);
                let (over, placed_from) = (line.verb.is_terminal(), found.placed.len());
                let (began_ns, quantum_ns, above, call) = (line.time_ns, line.quantum_ns, parents.collect(), words::call(&line.entry).map(Into::into));
                run = Some(Run {
                    key,
                    unit: subject.as_own(),
                    began_ns,
                    next_ns: None,
                    quantum_ns,
                    over,
                    closed: false,
                    closed_ns: line.time_ns.filter(|_| over),
                    failed: over && tells_of_failure(line),
                    placed_from,
                    since: Vec::new(),
                    above,
                    call,
                });
            }
        }
    }
    found.placed.retain(|(index, _)| !found.idle.contains(&template(&lines[*index])));
    found.placed
}

impl Found {
    fn leave(&mut self, old: Run, lines: &[Item]) {
        if old.over {
            self.idle.extend(old.since.iter().map(|i| template(&lines[*i])));
        }
        self.before.insert(old.key, (old.closed, old.placed_from));
    }

    /// A unit goes on though another ran meanwhile: the lane ran several at a time since then. One that a length closed is only spoken of.
    fn enter(&mut self, key: &Arc<str>, line: &Item) {
        if let Some((false, from)) = self.before.get(key)
            && !line.verb.is_start()
        {
            self.placed.truncate(*from);
        }
    }
}

/// What lines of one make have in common: their words, and what they wrote to.
pub fn template(line: &Item) -> String {
    let target = line.entry.write.as_ref().and_then(|w| w.target.as_deref()).unwrap_or("");
    format!("{}\u{1f}{target}", words::step_name(&line.entry))
}

/// A line without an id behind one that has: it may state a length that reaches back to the begin of what runs.
fn without_id(run: &mut Run, found: &mut Found, lines: &[Item], index: usize) {
    let line = &lines[index];
    if ends_the_call(run, line) {
        // What stands between is of that call too, unless its end was said before.
        let between = if run.over || run.closed { Vec::new() } else { std::mem::take(&mut run.since) };
        found.placed.extend(between.into_iter().chain([index]).map(|i| (i, run.unit.clone())));
        run.since.clear();
        (run.closed, run.call) = (true, None);
        return;
    }
    if repeats_the_failure(run, line) {
        found.placed.push((index, run.unit.clone()));
        return;
    }
    if run.closed {
        found.idle.insert(template(line));
        return;
    }
    run.since.push(index);
    let ends = line.verb.is_terminal() && super::spans::line_kind(line).is_none() && line.duration_ns().is_some_and(|d| reaches(run, line, d));
    if ends {
        found.placed.extend(run.since.drain(..).map(|i| (i, run.unit.clone())));
        (run.closed, run.closed_ns) = (true, line.time_ns);
    }
}

/// The line tells of the end of the very call that the run began with; behind an end that was told already, only at once.
fn ends_the_call(run: &Run, line: &Item) -> bool {
    let (Some(call), Some(body)) = (run.call.as_deref(), line.entry.body.as_deref()) else { return false };
    let is_whole = body.find(call).is_some_and(|at| !body[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.')));
    let at_once = run.closed_ns.zip(line.time_ns).is_none_or(|(closed, at)| at.abs_diff(closed) <= AT_ONCE_NS);
    is_whole && matches!(line.verb, words::Verb::End | words::Verb::Fail) && at_once
}

fn tells_of_failure(line: &Item) -> bool {
    line.failed || matches!(line.verb, words::Verb::Fail | words::Verb::Retry | words::Verb::Dead)
}

/// What failed is told again at once, with the error itself: by whatever catches it, which knows the unit no more (Sidekiq's error handlers).
fn repeats_the_failure(run: &Run, line: &Item) -> bool {
    let at_once = run.closed_ns.zip(line.time_ns).is_some_and(|(closed, at)| (0..=REPEATED_NS).contains(&at.saturating_sub(closed)));
    let is_error = || line.entry.failure.is_some() || names_an_error(line.entry.body.as_deref().unwrap_or_default());
    run.failed && run.since.is_empty() && at_once && line.entry.severity.is_some_and(|severity| severity >= Severity::Warn) && is_error()
}

/// `Brain::Error: brain answered 502`, or the stack behind it.
fn names_an_error(body: &str) -> bool {
    let head = body.split_whitespace().next().unwrap_or_default();
    let is_class =
        head.strip_suffix(':').is_some_and(|class| class.contains("::") || ["Error", "Exception", "Failed", "Failure", "Timeout"].iter().any(|word| class.ends_with(word)));
    let is_stack = body.lines().nth(1).is_some_and(|line| line.contains(":in `") || line.contains(":in '") || line.trim_start().starts_with("at "));
    is_class || is_stack
}

/// From the end that a line states back to the begin that another did, or to the line behind that.
fn reaches(run: &Run, line: &Item, length: i64) -> bool {
    let (Some(at), Some(begun)) = (line.time_ns, run.began_ns) else { return false };
    let slack = (2 * line.quantum_ns.max(run.quantum_ns)).max(5_000_000);
    let next = run.next_ns.filter(|next| next.saturating_sub(begun) <= length / 10).unwrap_or(begun).max(begun);
    (begun.saturating_sub(slack)..=next.saturating_add(slack)).contains(&at.saturating_sub(length))
}

/// Units that stand on one line as its own are one family: a task with the request it is done for, a call with its task.
pub struct Families {
    number: FxHashMap<Arc<str>, usize>,
    above: Vec<usize>,
    names: Vec<Arc<str>>,
}

impl Families {
    /// Of the units on these lines.
    pub fn of(lines: &[Item]) -> Self {
        let mut out = Self { number: FxHashMap::default(), above: Vec::new(), names: Vec::new() };
        for line in lines {
            let mut own = line.refs.iter().filter(|r| r.relation == IdRelation::Own && !r.listed);
            if let Some(first) = own.next() {
                let first = out.number(&first.key);
                own.for_each(|r| out.join(first, &r.key));
            }
        }
        out
    }

    /// The number of a unit's family.
    pub fn number(&mut self, key: &Arc<str>) -> usize {
        let next = self.above.len();
        let number = *self.number.entry(key.clone()).or_insert(next);
        if number == next {
            self.above.push(next);
            self.names.push(key.clone());
        }
        self.top(number)
    }

    fn key(&mut self, unit: &WorkRef) -> Arc<str> {
        // Two tasks of one request are two things that run.
        if unit.kind == IdKind::Task {
            return unit.key.clone();
        }
        let number = self.number(&unit.key);
        self.names[number].clone()
    }

    fn top(&self, mut number: usize) -> usize {
        while self.above[number] != number {
            number = self.above[number];
        }
        number
    }

    fn join(&mut self, family: usize, key: &Arc<str>) {
        let (a, b) = (self.top(family), self.number(key));
        self.above[a.max(b)] = a.min(b);
    }
}
