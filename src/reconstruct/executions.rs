//! Executions of a task: which lines are one run of it, when it was enqueued, how long it waited, and what lies between runs.
//!
//! Guarantees: a wait is never negative (a clock that disagrees makes it zero, and is told); a run ends at its last terminal line.
//! It never guesses an enqueue that no line shows: a wait behind a parent that a task names is a lower bound, and says so.

use crate::{
    model::{
        entry::Severity,
        format,
        id::{ARGUMENT, IdKind, IdRelation},
        trace::{Anomaly, AnomalyKind, Evidence, LineRef, LinkRule, Outcome, PlacedBy, SpanKind},
    },
    reconstruct::{
        client_calls, clocks,
        item::Item,
        link, roles,
        spans::{self, Builder},
        tree::{Tree, Unit},
        words::{self, Verb},
    },
};
use std::collections::BTreeMap;

/// One run of a task.
#[derive(Debug, Clone)]
pub struct Execution {
    /// Indexes of its lines, in order.
    pub items: Vec<usize>,
    /// Begin.
    pub start: i64,
    /// End.
    pub end: i64,
    /// How the interval is known.
    pub evidence: Evidence,
    /// Verb of the line that ended it.
    pub ended_by: Verb,
    /// Attempt as logged.
    pub attempt: Option<u32>,
    /// Worker, thread or process that ran it.
    pub context: Option<Box<str>>,
}

/// The line hands the task to a queue: its verb says so, or it was written by another unit (a request's or another task's id
/// stands on it and it is no start of the task itself).
pub fn is_enqueue(b: &Builder<'_>, unit: &Unit, item: &Item) -> bool {
    let Some(own) = item.reference(&unit.key) else { return false };
    if own.relation == IdRelation::Child {
        return true;
    }
    if item.verb == Verb::Queue {
        // Workers also "schedule" a further attempt; those lines name no other unit and come from the worker.
        return item.entry.attempt.is_none() || item.refs.iter().any(|r| r.key != unit.key && r.relation == IdRelation::Own);
    }
    if item.verb.is_start() || item.entry.attempt.is_some() {
        return false;
    }
    // A terminal line with the request's id beside it is the worker's.
    if item.verb.is_terminal() || spans::stated(item, b.profile).is_some() {
        return false;
    }
    let foreign = item.refs.iter().any(|r| r.key != unit.key && r.relation == IdRelation::Own && matches!(r.kind, IdKind::Request | IdKind::Trace | IdKind::Task | IdKind::Tool));
    foreign && b.main_source(&unit.key).is_none_or(|main| **main != *item.entry.source)
}

/// Spans of a task: queue wait, runs, waits between runs.
pub fn task_spans(b: &mut Builder<'_>, unit: &Unit, indexes: &[usize]) {
    let tree = b.tree;
    let (queueing, mut work): (Vec<usize>, Vec<usize>) = indexes.iter().partition(|i| is_enqueue(b, unit, &tree.items[**i]));
    // What a task at work queues or pushes is another's.
    let (own, enqueues): (Vec<usize>, Vec<usize>) = queueing.iter().partition(|i| is_at_work(b, &work, |_| true, &tree.items[**i]));
    // Lines owned by another unit that hand this one over (`fanned out`, `mail handed over`).
    let mut handed: Vec<usize> = b
        .naming(&unit.key)
        .iter()
        .map(|i| (*i, &tree.items[*i]))
        .filter(|(i, item)| {
            b.owner[*i].as_ref().is_some_and(|o| *o != unit.key) && item.reference(&unit.key).is_some_and(|r| r.relation != IdRelation::Parent && !link::asks_about(item, r))
        })
        .map(|(i, _)| i)
        .filter(|i| tree.items[*i].reference(&unit.key).is_some_and(|r| r.relation == IdRelation::Child || hands_over(&tree.items[*i])))
        .collect();
    handed.extend(enqueues);
    handed.sort_by_key(|i| (tree.items[*i].time_ns, *i));
    // Single-line steps (model calls, writes) under the task are its children, not its frame.
    let steps: Vec<usize> = work.iter().copied().filter(|i| spans::line_kind(&tree.items[*i]).is_some() && spans::stated(&tree.items[*i], b.profile).is_some()).collect();
    work.retain(|i| !steps.contains(i) && tree.items[*i].time_ns.is_some());
    let is_of_another = |i: &usize| tree.items[*i].subject().is_some_and(|s| s.key != unit.key && tree.units.contains_key(&s.key));
    let (beside, work): (Vec<usize>, Vec<usize>) = work.into_iter().partition(is_of_another);
    let runs = split(b, &work);
    let drawn = draw_runs(b, unit, &runs, &handed);
    stand_with(b, &drawn, own.into_iter().chain(beside));
    for index in steps {
        spans::line_span(b, unit, index);
    }
    if drawn.is_empty() && !handed.is_empty() {
        b.missing.push(unit.key.clone());
    }
}

/// The worker that wrote the line runs the task: it has said that it began, and not that it ended. Whoever hands a task over names what that is done for, which
/// the worker's first line may not.
pub(super) fn is_at_work(b: &Builder<'_>, lines: &[usize], is_work: impl Fn(&usize) -> bool, item: &Item) -> bool {
    let names_no_more = |begin: &Item| item.refs.iter().all(|r| r.relation != IdRelation::Own || roles::level(r.kind) > 1 || begin.reference(&r.key).is_some());
    let is_same_worker = |begin: &Item| {
        begin.service() == item.service() && (&begin.entry.source, &begin.entry.host, &begin.entry.context) == (&item.entry.source, &item.entry.host, &item.entry.context)
    };
    // Lines of a tree stand in the order of their times: the last before it that begins or ends tells.
    let before = lines.partition_point(|i| b.tree.items[*i].time_ns.is_some_and(|at| Some(at) < item.time_ns));
    let mut told = lines[..before].iter().rev().filter(|i| is_work(i)).map(|i| &b.tree.items[*i]);
    told.find_map(|line| if line.verb.is_terminal() { Some(false) } else { (line.verb == Verb::Begin && is_same_worker(line) && names_no_more(line)).then_some(true) })
        .unwrap_or(false)
}

/// Lines that tell of nothing by themselves stand in the last run that had begun.
fn stand_with(b: &mut Builder<'_>, runs: &[usize], lines: impl Iterator<Item = usize>) {
    for index in lines {
        let at = b.tree.items[index].time_ns;
        if let Some(run) = runs.iter().rev().find(|run| Some(b.spans[**run].start) <= at) {
            b.spans[*run].items.push(index);
        }
    }
}

fn hands_over(item: &Item) -> bool {
    // A step that names the queue it was done for (a model call of a worker) hands nothing over.
    item.verb == Verb::Queue || (spans::line_kind(item).is_none() && item.entry.job.as_ref().is_some_and(|j| j.queue.is_some() || j.delay.is_some()))
}

/// Splits the lines of a task into runs. A start after an end, a higher attempt number, or the same start in another worker begins
/// a new one; anything else belongs to the run of its worker, or to the latest.
fn split(b: &Builder<'_>, work: &[usize]) -> Vec<Execution> {
    let tree = b.tree;
    let mut order = work.to_vec();
    order.sort_by_key(|i| (tree.items[*i].time_ns, tree.items[*i].verb.causal_rank(), tree.items[*i].line.clone()));
    let mut runs: Vec<Execution> = Vec::new();
    for (place, index) in order.iter().copied().enumerate() {
        let item = &tree.items[index];
        // What a step of the run counts (a model that is asked again) are no runs.
        let attempt = item
            .entry
            .attempt
            .as_ref()
            .filter(|_| item.entry.model.is_none() || item.entry.job.as_ref().is_some_and(|job| job.name.is_some() || job.kind.is_some()))
            .map(|a| a.number);
        let context = item.entry.context.clone();
        let of_context = |r: &&mut Execution| context.is_some() && r.context == context;
        let verb = verb_of_run(item);
        let starts = verb.is_start();
        // A run that was only taken so far (reserved, prefetched, waiting for its delay) is begun by whoever begins it.
        let reserved = starts && runs.last().is_some_and(|r| r.ended_by == Verb::None && r.items.iter().all(|i| tree.items[*i].verb == Verb::Take) && verb == Verb::Begin);
        // Of two runs at once the number says which it is.
        let of_number = |r: &Execution| !starts && attempt.is_some() && r.attempt == attempt && r.context == context && r.ended_by == Verb::None;
        let current = if reserved {
            runs.last_mut()
        } else if runs.iter().any(of_number) {
            runs.iter_mut().rev().find(|r| of_number(r))
        } else if runs.iter().any(|r| context.is_some() && r.context == context) {
            runs.iter_mut().rev().find(of_context)
        } else {
            runs.last_mut()
        };
        let fresh = match &current {
            None => true,
            Some(run) => {
                let over = run.ended_by != Verb::None;
                // Some queues count the attempt when it ends: an end line with a higher number ends the run that is open.
                // So does one that repeats a good end, when the run had a begin line.
                let repeats = run.ended_by == Verb::End && verb == Verb::End && run.items.iter().any(|i| tree.items[*i].verb.is_start());
                let counted_at_end = verb.is_terminal() && (!over || repeats);
                let higher = !reserved && !counted_at_end && attempt.zip(run.attempt).is_some_and(|(a, r)| a > r);
                // "Received" then "begins" are one start; the same verb twice without an end is a second delivery.
                let again = starts && !over && repeated_start(tree, run, item);
                let is_skipped = |i: &usize| words::is_done_already(&tree.items[*i].entry);
                let skipped = run.ended_by == Verb::End && is_skipped(&index) && !run.items.iter().all(is_skipped) && !goes_on(tree, &order[place + 1..]);
                (starts && over) || higher || again || skipped
            }
        };
        let t = item.time_ns.unwrap_or_default();
        if fresh {
            runs.push(Execution { items: vec![index], start: t, end: t, evidence: Evidence::Observed, ended_by: Verb::None, attempt, context });
            let last = runs.len() - 1;
            note_end(&mut runs[last], item, t);
        } else if let Some(run) = current {
            run.items.push(index);
            run.attempt = if reserved { attempt.or(run.attempt) } else { run.attempt.or(attempt) };
            if run.context.is_none() || (reserved && context.is_some()) {
                run.context = context;
            }
            note_end(run, item, t);
        }
    }
    for run in &mut runs {
        measure(b, run);
    }
    runs
}

/// What follows goes on with a run that has begun: its next line begins none, and leaves none alone.
fn goes_on(tree: &Tree, later: &[usize]) -> bool {
    later.first().is_some_and(|i| !tree.items[*i].verb.is_start() && !words::is_done_already(&tree.items[*i].entry))
}

/// A line that begins the run is written again. A step within it, as the call of a model, may begin again and again.
fn repeated_start(tree: &Tree, run: &Execution, item: &Item) -> bool {
    let opener = run.items.iter().find(|i| tree.items[**i].verb == item.verb).map(|i| &tree.items[*i].entry.body);
    if spans::line_kind(item).is_some() && opener != Some(&item.entry.body) {
        return false;
    }
    run.items.iter().any(|i| {
        let other = &tree.items[*i];
        other.verb == item.verb
            && other.verb.is_start()
            && other.entry.body == item.entry.body
            && other.entry.source == item.entry.source
            && (other.entry.context != item.entry.context || other.entry.attempt == item.entry.attempt)
    })
}

/// `model call start`, `retrying model call`, under the id of the task that makes it: the run goes on.
fn is_of_a_step(item: &Item) -> bool {
    let is_named = || item.entry.job.as_ref().is_some_and(|job| job.name.is_some() || job.kind.is_some());
    spans::line_kind(item) == Some(SpanKind::ModelCall) && !is_named() && !words::speaks_of(&item.entry, &["job", "task"])
}

/// What a line says of its run. One that was placed without an id speaks of a step inside ("retrying the call"), unless it states a length: what
/// that is of, [`measure`] sees.
fn verb_of_run(item: &Item) -> Verb {
    match item.placed_by {
        Some(PlacedBy::Lane | PlacedBy::Alone | PlacedBy::Session) if item.duration_ns().is_none() || spans::line_kind(item).is_some() => Verb::None,
        _ if is_of_a_step(item) => Verb::None,
        _ if !item.verb.is_terminal() && words::is_done_already(&item.entry) => Verb::End,
        _ => item.verb,
    }
}

fn note_end(run: &mut Execution, item: &Item, t: i64) {
    let verb = verb_of_run(item);
    if verb.is_terminal() {
        // A word of failure inside a run that goes on ("cache error, continuing") is no end; a later end takes its place.
        if run.ended_by == Verb::None || run.ended_by == Verb::Fail || verb != Verb::End {
            run.ended_by = if run.ended_by == Verb::None || verb.causal_rank() >= run.ended_by.causal_rank() { verb } else { run.ended_by };
        }
        run.end = run.end.max(t);
    }
}

/// The interval of a run: a stated length of its last terminal line, else start and end line, else first to last line.
fn measure(b: &Builder<'_>, run: &mut Execution) {
    let tree = b.tree;
    let Some((first, last)) = spans::bounds(tree, &run.items) else { return };
    // Taken is reserved; it runs from its begin line on, when there is one.
    let begun = run.items.iter().filter(|i| verb_of_run(&tree.items[**i]) == Verb::Begin).find_map(|i| tree.items[*i].time_ns);
    let only_taken_before = |t: i64| run.items.iter().all(|i| verb_of_run(&tree.items[*i]) == Verb::Take || tree.items[*i].time_ns.is_none_or(|x| x >= t));
    let first = begun.filter(|t| only_taken_before(*t)).unwrap_or(first);
    let terminal: Vec<usize> = run.items.iter().copied().filter(|i| verb_of_run(&tree.items[*i]).is_terminal()).collect();
    let long_enough = |s: &spans::Stated| (s.end - s.start).saturating_mul(2) >= last - first || run.items.len() <= 2;
    let stated = terminal.iter().rev().find_map(|i| spans::stated(&tree.items[*i], b.profile).filter(long_enough));
    let started = run.items.first().is_some_and(|i| verb_of_run(&tree.items[*i]).is_start());
    if let Some(s) = stated {
        // A begin line that stands earlier than the stated length reaches is still the begin of the run.
        run.start = if started { s.start.min(first) } else { s.start };
        run.end = s.end.max(terminal.iter().filter_map(|i| tree.items[*i].time_ns).max().unwrap_or(s.end));
        run.evidence = Evidence::Stated;
    } else if let Some(own) = signs_of_a_lost_run(tree, run, &terminal) {
        run.ended_by = Verb::Stall;
        (run.start, run.end) = (first, spans::bounds(tree, &own).map_or(first, |(_, last)| last.max(first)));
    } else if run.ended_by != Verb::None {
        run.start = first;
        run.end = terminal.iter().filter_map(|i| tree.items[*i].time_ns).max().unwrap_or(last);
        run.evidence = if started || terminal.len() < run.items.len() { Evidence::Paired } else { Evidence::Observed };
    } else {
        // What another worker says of it later (it goes back to the queue) is no sign of life.
        let is_own = |i: &usize| tree.items[*i].entry.context.is_none() || tree.items[*i].entry.context == run.context;
        let own: Vec<usize> = run.items.iter().copied().filter(is_own).collect();
        (run.start, run.end) = (first, spans::bounds(tree, &own).map_or(last, |(_, last)| last.max(first)));
    }
}

/// All that is said of its end is said by another process, which found it gone: when that was nobody says. The lines of the one that ran it.
fn signs_of_a_lost_run(tree: &Tree, run: &Execution, terminal: &[usize]) -> Option<Vec<usize>> {
    let by = |i: &usize| (&tree.items[*i].entry.source, tree.items[*i].entry.host.as_deref(), tree.items[*i].entry.process.as_deref());
    let begun = by(run.items.iter().find(|i| verb_of_run(&tree.items[**i]).is_start())?);
    let is_found = terminal.iter().any(|i| verb_of_run(&tree.items[*i]) == Verb::Stall) && terminal.iter().all(|i| by(i) != begun);
    is_found.then(|| run.items.iter().copied().filter(|i| by(i) == begun).collect())
}

fn draw_runs(b: &mut Builder<'_>, unit: &Unit, runs: &[Execution], handed: &[usize]) -> Vec<usize> {
    let tree = b.tree;
    let mut drawn: Vec<usize> = Vec::new();
    let parent_unit = unit.parent.as_ref().map(|p| p.parent.clone());
    let enqueued_at = handed.iter().filter_map(|i| tree.items[*i].time_ns.map(|t| (t, *i))).collect::<Vec<_>>();
    let first_handed = enqueued_at.last().map(|(t, _)| *t);
    for (n, run) in runs.iter().enumerate() {
        let main = run.items.iter().rev().copied().find(|i| verb_of_run(&tree.items[*i]).is_terminal()).unwrap_or(run.items[0]);
        let mut d = spans::execution_draft(unit, &tree.items[main], main, run);
        d.items.clone_from(&run.items);
        d.name = task_name(b, unit, run, handed);
        d.queue = queue_of(b, unit, &run.items, handed);
        d.attempt = run.attempt.or_else(|| (runs.len() > 1).then_some(n as u32 + 1));
        // Behind one that another run follows nothing is to be awaited.
        let is_last = n + 1 == runs.len();
        d.unfinished = is_last && matches!(run.ended_by, Verb::None | Verb::Stall) && !b.profile.open_ended.contains(tree.items[main].service());
        d.outcome = match run.ended_by {
            Verb::None | Verb::Stall => Outcome::Unknown,
            Verb::End => Outcome::Ok,
            _ => spans::outcome(&tree.items[main]),
        };
        d.parent = parent_unit.as_ref().and_then(|p| spans::parent_at(b, p, first_handed.unwrap_or(d.start).min(d.start), d.start));
        if n == 0 {
            queue_wait(b, unit, &d, &enqueued_at, main);
        } else if let Some(previous) = drawn.last().copied() {
            between(b, unit, &d, &runs[n - 1], previous, main);
        }
        b.draw(d);
        drawn.push(b.spans.len() - 1);
    }
    drawn
}

fn task_name(b: &Builder<'_>, unit: &Unit, run: &Execution, handed: &[usize]) -> String {
    let named = |i: &usize| b.tree.items[*i].entry.job.as_ref().and_then(|j| j.name.as_deref()).map(str::to_owned);
    let queued = |i: &usize| b.tree.items[*i].entry.job.as_ref().and_then(|j| j.queue.as_deref()).map(str::to_owned);
    let operation = |i: &usize| b.tree.items[*i].entry.operation.as_deref().filter(|o| !o.is_empty()).map(str::to_owned);
    // A step has a kind, too: what begins or ends the run, or hands it over, says that of the task.
    let of_kind = |i: &usize| {
        let item = &b.tree.items[*i];
        let is_bound = item.verb == Verb::Queue || verb_of_run(item).is_start() || verb_of_run(item).is_terminal();
        item.entry.job.as_ref().and_then(|j| j.kind.as_deref()).filter(|_| is_bound && spans::line_kind(item).is_none()).map(str::to_owned)
    };
    run.items
        .iter()
        .find_map(named)
        .or_else(|| run.items.iter().find_map(of_kind))
        .or_else(|| handed.iter().find_map(of_kind))
        .or_else(|| handed.iter().filter(|i| b.tree.items[**i].subject().is_none_or(|s| s.key == unit.key || crate::reconstruct::roles::level(s.kind) == 0)).find_map(named))
        .or_else(|| run.items.iter().find_map(queued))
        .or_else(|| handed.iter().find_map(queued))
        .or_else(|| unit.scope.as_deref().and_then(|s| s.strip_prefix("queue=")).map(str::to_owned))
        .or_else(|| run.items.iter().find_map(operation))
        .unwrap_or_else(|| "task".to_owned())
}

fn queue_of(b: &Builder<'_>, unit: &Unit, items: &[usize], handed: &[usize]) -> Option<String> {
    // The line that parks a task names the queue it is parked in, not the one it ran from.
    let ran = items.iter().filter(|i| b.tree.items[**i].verb != Verb::Dead);
    ran.chain(handed)
        .find_map(|i| b.tree.items[*i].entry.job.as_ref().and_then(|j| j.queue.as_deref()).map(str::to_owned))
        .or_else(|| unit.scope.as_deref().and_then(|s| s.strip_prefix("queue=")).map(str::to_owned))
}

/// A line of the worker's log says that anything failed between the begin of a run and that of the next.
fn went_wrong(b: &Builder<'_>, before: &Execution, next: &spans::Draft) -> bool {
    let items = &b.tree.items;
    let Some(file) = before.items.first().map(|i| items[*i].entry.at.file) else { return false };
    let is_bad = |item: &Item| {
        let status = item.entry.http.as_ref().and_then(|http| http.status).or_else(|| client_calls::answered(&item.entry).map(|answer| answer.status));
        item.failed || item.entry.severity.is_some_and(|severity| severity >= Severity::Warn) || status.is_some_and(|status| spans::outcome_of(status).is_some())
    };
    // Lines of a tree stand in the order of their times, those without one behind.
    let from = items.partition_point(|item| item.time_ns.is_some_and(|at| at < before.start));
    let meanwhile = items[from..].iter().take_while(|item| item.time_ns.is_some_and(|at| at <= next.start));
    meanwhile.filter(|item| item.entry.at.file == file).any(is_bad)
}

/// A run whose worker never ended it was at work as long as what it called was seen at work.
pub(super) fn outlive(b: &mut Builder<'_>) {
    let mut ends: BTreeMap<usize, i64> = BTreeMap::new();
    for d in b.spans.iter().filter(|d| !d.kind.is_wait()) {
        if let Some(parent) = d.parent.filter(|p| b.spans[*p].kind == SpanKind::Task && b.spans[*p].outcome == Outcome::Unknown && b.spans[*p].end < d.end) {
            ends.entry(parent).and_modify(|end| *end = d.end.max(*end)).or_insert(d.end);
        }
    }
    for (run, end) in ends {
        let unit = b.spans[run].unit.clone();
        let (start, before) = (b.spans[run].start, b.spans[run].end);
        let next = spans::executions_of(b, &unit).into_iter().map(|i| b.spans[i].start).filter(|next| *next > start).min();
        let end = end.min(next.unwrap_or(i64::MAX)).max(before);
        b.spans[run].end = end;
        for i in b.spans_of(&unit).to_vec() {
            let wait = &mut b.spans[i];
            if wait.redelivery && wait.start == before {
                wait.start = end.min(wait.end);
            }
        }
    }
}

/// The wait before the first run: from the hand-over nearest before it, a stated enqueue time, or a stated wait. A stated delay is a
/// segment of its own.
fn queue_wait(b: &mut Builder<'_>, unit: &Unit, run: &spans::Draft, enqueued: &[(i64, usize)], main: usize) {
    let tree = b.tree;
    let states_wait = run.items.iter().find_map(|i| {
        let job = tree.items[*i].entry.job.as_ref()?;
        let at = job.enqueued.map(|t| tree.items[*i].corrected(t, b.profile));
        let wait = job.queue_wait.and_then(|w| w.ns).map(|ns| run.start.saturating_sub(ns));
        at.or(wait)
    });
    // Said late, or by another clock; by that of the run itself nobody handed it over after it ended.
    let clock = |i: usize| (&tree.items[i].entry.source, &tree.items[i].entry.host);
    let may_be_late = |(at, i): &&(i64, usize)| *at <= run.end || clock(*i) != clock(main);
    let before = enqueued.iter().rev().find(|(t, _)| *t <= run.start).or_else(|| enqueued.iter().find(may_be_late));
    let paired = before.map(|(t, i)| (*t, *i, Evidence::Paired));
    let known = paired.or_else(|| Some((states_wait?, main, Evidence::Stated))).or_else(|| handed_over_by(b, unit, run).map(|(t, i)| (t, i, Evidence::Observed)));
    let Some((start, index, evidence)) = known else { return };
    let item = &tree.items[index];
    let late = start.saturating_sub(run.start);
    if late > clocks::LATE_NS + 2 * item.quantum_ns.max(run.quantum_ns) {
        let text = format!(
            "{} took the task {} before {} says that it was handed over: the clocks disagree, or it was said late; the wait is shown as zero",
            run.service,
            format::length(late),
            item.service()
        );
        b.anomalies.push(Anomaly { kind: AnomalyKind::ClockSkew, text, lines: vec![item.line.clone(), tree.items[main].line.clone()] });
    }
    let delay = item.entry.job.as_ref().and_then(|j| j.delay).and_then(|d| d.ns).filter(|d| *d > 0);
    let mut start = start.min(run.start);
    if let Some(delay) = delay {
        let until = start.saturating_add(delay).min(run.start);
        if until > start {
            let mut d = spans::wait_draft(SpanKind::ScheduledDelay, unit, item, index, start, until, Evidence::Stated);
            decorate_wait(&mut d, run, "scheduled delay");
            d.stated_wait_ns = Some(delay);
            b.draw(d);
            start = until;
        }
    }
    let mut d = spans::wait_draft(SpanKind::QueueWait, unit, item, index, start, run.start, evidence);
    decorate_wait(&mut d, run, "wait for");
    if let Some(first) = run.items.first() {
        d.items.push(*first);
    }
    b.draw(d);
}

/// When a task that names its parent was handed over at the latest: at the end of the parent's run, if that was over before it began. The wait is longer than
/// what lies between, so this is a lower bound.
fn handed_over_by(b: &Builder<'_>, unit: &Unit, run: &spans::Draft) -> Option<(i64, usize)> {
    let parent = unit.parent.as_ref().filter(|p| p.rule == LinkRule::StatedParent && p.kind == IdKind::Task)?;
    let names_it = |i: &usize| b.tree.items[*i].reference(&parent.parent).is_some_and(|r| r.relation == IdRelation::Parent && &*r.label != ARGUMENT);
    if !run.items.iter().any(names_it) {
        return None;
    }
    let runs = spans::executions_of(b, &parent.parent).into_iter().map(|i| &b.spans[i]);
    let latest = runs.filter(|parent| parent.start <= run.start).max_by_key(|parent| (parent.start, parent.end))?;
    (latest.end < run.start && !latest.unfinished).then_some((latest.end, latest.main?))
}

fn decorate_wait(d: &mut spans::Draft, run: &spans::Draft, word: &str) {
    d.name = format!("{word} {}", run.name);
    d.queue.clone_from(&run.queue);
    d.parent = run.parent;
    d.outcome = Outcome::Ok;
    d.attempt = None;
    d.status = None;
    d.main = None;
    // The wait is the queue's; it is counted with the worker that ended it.
    d.service = run.queue.clone().unwrap_or_else(|| run.service.clone());
    d.host = None;
}

/// Between two runs: a retry wait after a failure, a second wait in the queue after a lost worker, nothing between deliveries that
/// overlap or follow a success.
fn between(b: &mut Builder<'_>, unit: &Unit, run: &spans::Draft, before: &Execution, previous: usize, main: usize) {
    let tree = b.tree;
    let previous_end = b.spans[previous].end;
    let lines: Vec<LineRef> = before.items.first().into_iter().chain(run.items.first()).map(|i| tree.items[*i].line.clone()).collect();
    match before.ended_by {
        _ if previous_end > run.start => {
            b.anomalies.push(Anomaly { kind: AnomalyKind::DuplicateDelivery, text: format!("{} was running twice at the same time", run.name), lines });
        }
        Verb::End => b.anomalies.push(Anomaly { kind: AnomalyKind::DuplicateDelivery, text: format!("{} ran again after it had ended well", run.name), lines }),
        ended => {
            // Some queues count deliveries: where nothing went wrong in its log meanwhile, it was not tried again for a failure.
            let is_counted_up = run.attempt.zip(before.attempt).is_some_and(|(a, p)| a > p);
            let lost = matches!(ended, Verb::None | Verb::Stall) && (!is_counted_up || !went_wrong(b, before, run));
            let kind = if lost { SpanKind::QueueWait } else { SpanKind::RetryWait };
            let from = before.items.iter().rev().copied().find(|i| verb_of_run(&tree.items[*i]).is_terminal()).unwrap_or(main);
            let mut d = spans::wait_draft(kind, unit, &tree.items[from], from, previous_end.min(run.start), run.start, Evidence::Paired);
            decorate_wait(&mut d, run, if lost { "redelivery of" } else { "retry wait before" });
            d.redelivery = lost;
            d.items.extend(run.items.first());
            if lost {
                b.anomalies.push(Anomaly { kind: AnomalyKind::DuplicateDelivery, text: format!("{} was delivered again: its first worker never ended it", run.name), lines });
                if let Some(p) = b.spans.get_mut(previous) {
                    p.outcome = Outcome::Unknown;
                }
            }
            b.draw(d);
        }
    }
}
