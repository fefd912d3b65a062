//! The visits of a request: its time at the edge and in each service, and how they contain each other.
//!
//! Guarantees: one visit for each answered request of a service, or one for all its lines when none states an answer; the edge is outermost.
//! It never draws the work of a task, call or tool: `spans` does.

use crate::{
    model::{
        entry::{FileId, Severity},
        id::{IdKind, IdRelation},
        profile::Profile,
        trace::{Evidence, Outcome, SpanKind},
    },
    reconstruct::{
        client_calls, executions,
        item::Item,
        roles, route,
        spans::{Builder, Draft, bounds, line_kind, line_span, outcome, parent_at, stated},
        tree::{Tree, Unit},
        words::{self, Verb},
    },
};
use rustc_hash::FxHashMap;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// More answers of one visit, or that begin beside one, are not held against each other.
const MOST_AT_ONCE: usize = 64;

/// Spans of a request or trace id: one visit a service, the edge's from access lines; and the single-line spans under them.
pub(super) fn root_spans(b: &mut Builder<'_>, unit: &Unit, indexes: &[usize]) {
    // Lines of the request that name a child unit vouch for the request's service being at work.
    let mut visits: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let child_lines = b.naming(&unit.key).iter().map(|i| (*i, &b.tree.items[*i])).filter(|(i, item)| {
        let is_named = || item.reference(&unit.key).is_some_and(|r| r.relation == IdRelation::Own) && (unit.kind != IdKind::Task || is_served(unit, item));
        b.owner[*i].as_ref().is_some_and(|o| o != &unit.key) && is_named() && is_makers_line(b, item, *i)
    });
    let all: Vec<usize> = indexes.iter().copied().chain(child_lines.map(|(i, _)| i)).collect();
    for index in all {
        visits.entry(b.tree.items[index].service().to_owned()).or_default().push(index);
    }
    // A service that knows a trace inside a request by its calls alone made those calls and nothing else.
    let owned = |i: &usize| indexes.contains(i);
    visits.retain(|service, lines| unit.kind != IdKind::Trace || unit.parent.is_none() || lines.iter().any(owned) || !makes_calls(b, service));
    for indexes in visits.into_values() {
        let (access, rest): (Vec<usize>, Vec<usize>) = indexes.iter().partition(|i| is_access(&b.tree.items[**i], b.profile));
        let edge_like = rest.is_empty();
        if edge_like {
            for index in access {
                let item = &b.tree.items[index];
                if let Some(s) = stated(item, b.profile) {
                    let mut d = Draft::of(SpanKind::Edge, unit, item, index, s.start, s.end, s.evidence);
                    d.name = route::of_item(item).unwrap_or_else(|| "request".into());
                    d.outcome = outcome(item);
                    b.draw(d);
                }
            }
        } else {
            visit_spans(b, unit, &rest, &access);
        }
    }
}

/// The line is of a server that was told a task's id as that of its request.
pub(super) fn is_served(unit: &Unit, item: &Item) -> bool {
    unit.kind == IdKind::Task && item.reference(&unit.key).is_some_and(|r| r.kind == IdKind::Request && r.relation == IdRelation::Own)
}

/// Visits of servers that were told a task's id as that of their request: inside the run of the task that is at work as they begin.
pub(super) fn served_spans(b: &mut Builder<'_>, unit: &Unit, indexes: &[usize]) {
    let before = b.spans.len();
    if !indexes.is_empty() {
        root_spans(b, unit, indexes);
    }
    let runs: Vec<(i64, usize)> = b.spans_of(&unit.key).iter().filter(|i| b.spans[**i].kind == SpanKind::Task).map(|i| (b.spans[*i].start, *i)).collect();
    for visit in before..b.spans.len() {
        let d = &b.spans[visit];
        if matches!(d.kind, SpanKind::Edge | SpanKind::App) && d.parent.is_none() {
            let run = runs.iter().filter(|(start, _)| *start <= d.start).max().or_else(|| runs.iter().min()).map(|(_, run)| *run);
            (b.spans[visit].kind, b.spans[visit].parent) = (SpanKind::App, run);
        }
    }
}

/// Lines of the service state the length of calls.
fn makes_calls(b: &Builder<'_>, service: &str) -> bool {
    let is_call = |i: usize| b.owner[i].as_ref().and_then(|o| b.tree.units.get(o)).is_some_and(|u| u.kind == IdKind::Call);
    (0..b.tree.items.len()).any(|i| b.tree.items[i].service() == service && is_call(i) && stated(&b.tree.items[i], b.profile).is_some())
}

/// A line under a deeper unit that was written by whoever made that unit (a hand-over), not by the unit's own worker.
fn is_makers_line(b: &Builder<'_>, item: &Item, index: usize) -> bool {
    let Some(owner) = &b.owner[index] else { return false };
    let Some(unit) = b.tree.units.get(owner) else { return false };
    match unit.kind {
        IdKind::Task => {
            let is_work = |i: &usize| b.owner[*i].as_ref() == Some(owner) && line_kind(&b.tree.items[*i]).is_none();
            executions::is_enqueue(b, unit, item) && !executions::is_at_work(b, b.naming(owner), is_work, item)
        }
        // The application's own line about a call (`reply drafted`, completion id) beside the gateway's record of it.
        IdKind::Call | IdKind::Tool => stated(item, b.profile).is_none() && !item.refs.iter().any(|r| r.kind == IdKind::Task),
        _ => false,
    }
}

/// An access record: method, path and status of an answered request, with its length.
fn is_access(item: &Item, profile: &Profile) -> bool {
    item.entry.http.as_ref().is_some_and(|h| h.access && h.status.is_some()) && stated(item, profile).is_some()
}

/// Visits of one service: each closing line (status or end verb with a duration, about no single step) is one; without any, begin
/// and end lines; without those, first to last line.
fn visit_spans(b: &mut Builder<'_>, unit: &Unit, rest: &[usize], access: &[usize]) {
    let tree = b.tree;
    let mut plain: Vec<usize> = Vec::new();
    for &index in rest {
        if !line_span(b, unit, index) {
            plain.push(index);
        }
    }
    let timed: Vec<usize> = rest.iter().chain(access).copied().filter(|i| tree.items[*i].time_ns.is_some()).collect();
    let Some((first, last)) = bounds(tree, &timed) else { return };
    let mut closing: Vec<usize> = plain.iter().chain(access).copied().filter(|i| is_closing(&tree.items[*i], b.profile)).collect();
    closing.sort_by_key(|i| tree.items[*i].time_ns);
    drop_begins(tree, b.profile, &mut closing);
    // Of several, those with a status are the answers; else the one that covers the most.
    if closing.iter().any(|i| has_status(&tree.items[*i])) {
        closing.retain(|i| has_status(&tree.items[*i]));
    } else if closing.is_empty() && access.is_empty() && rest.len() == 1 && plain.len() == 1 {
        // All that the service says of the request is how long it took, if it took it among the other lines.
        closing.extend(plain.first().filter(|i| is_among(tree, b.profile, **i)));
    } else if closing.len() > 1 {
        closing = closing.into_iter().max_by_key(|i| stated(&tree.items[*i], b.profile).map(|s| s.end - s.start)).into_iter().collect();
    }
    if answers_without_a_length(tree, &plain, &closing) {
        closing.clear();
    }
    drop_inner(tree, b.profile, &mut closing);
    closing.retain(|i| covers_most(tree, b.profile, *i, first, last, closing_count(rest, access)));
    let service = tree.items[timed[0]].service();
    let of_visit = |item: &Item| item.service() == service && !has_status(item) && item.reference(&unit.key).is_some_and(|r| r.relation == IdRelation::Own);
    let said: Vec<usize> = b.naming(&unit.key).iter().copied().filter(|i| of_visit(&tree.items[*i])).collect();
    // What a line says begins is what it is about: that a call was begun does not leave the visit open.
    let is_own = |i: usize| b.owner[i].as_ref() == Some(&unit.key);
    let begin = plain.iter().copied().find(|i| (is_own(*i) && tree.items[*i].verb.is_start()) || opens(&tree.items[*i]));
    let name = rest.iter().chain(access).find_map(|i| route::of_item(&tree.items[*i]));
    if closing.is_empty() {
        let calls = calls_of(b, unit, service);
        let end = plain.iter().rev().copied().find(|i| matches!(tree.items[*i].verb, Verb::End | Verb::Fail) && (has_status(&tree.items[*i]) || Some(*i) == plain.last().copied()));
        let paired = begin.zip(end).filter(|(s, e)| s != e);
        let evidence = if paired.is_some() { Evidence::Paired } else { Evidence::Observed };
        let (start, finish) = match paired {
            Some((_, e)) => (first, tree.items[e].time_ns.unwrap_or(last).max(first)),
            None => at_work(b, (first, last), rest.iter().chain(&calls).copied()),
        };
        let mut d = Draft::of(SpanKind::App, unit, &tree.items[plain.first().copied().unwrap_or(timed[0])], timed[0], start, finish, evidence);
        // Lines that are steps name the steps; what all of them were done in only if they are of one name and all there is.
        let mut steps = rest.iter().map(|i| words::step_name(&tree.items[*i].entry));
        let first_step = steps.next();
        let is_mixed = plain.is_empty() && (!calls.is_empty() || !steps.all(|step| Some(&step) == first_step.as_ref()));
        let name = name.clone().or_else(|| is_mixed.then(|| service.to_owned()));
        d.unfinished = begin.is_some() && end.is_none() && !plain.iter().any(|i| tree.items[*i].verb.is_terminal());
        finish_visit(b, d, (&timed, &said), end, name);
    }
    for &index in &closing {
        let item = &tree.items[index];
        let Some(s) = stated(item, b.profile) else { continue };
        let d = Draft::of(SpanKind::App, unit, item, index, s.start, s.end, s.evidence);
        finish_visit(b, d, (if closing.len() == 1 { &timed } else { &[] }, &said), Some(index), name.clone());
    }
}

/// The visit is told of by its begin and by its answer, which states a status and no length: what ended before and states a length is a part of it.
fn answers_without_a_length(tree: &Tree, plain: &[usize], closing: &[usize]) -> bool {
    let items = || plain.iter().map(|i| &tree.items[*i]).filter(|item| item.time_ns.is_some());
    let Some(last) = items().max_by_key(|item| item.time_ns) else { return false };
    let is_answer = has_status(last) && last.duration_ns().is_none() && matches!(last.verb, Verb::End | Verb::Fail);
    let is_part = |i: &usize| !has_status(&tree.items[*i]) && tree.items[*i].time_ns <= last.time_ns;
    is_answer && !closing.is_empty() && closing.iter().all(is_part) && items().any(|item| item.verb.is_start() || opens(item))
}

/// From the first to the last that a service is seen at work on a request: the steps that its lines state the length of were part of that, if they lie among the
/// lines of the request. Any other length may be of anything.
fn at_work(b: &Builder<'_>, seen: (i64, i64), lines: impl Iterator<Item = usize>) -> (i64, i64) {
    let times = || b.tree.items.iter().filter_map(|item| item.time_ns);
    let (Some(from), Some(to)) = (times().min(), times().max()) else { return seen };
    let steps = lines.map(|i| &b.tree.items[i]).filter(|item| line_kind(item).is_some());
    let stated = steps.filter_map(|item| Some((stated(item, b.profile)?, slack_of(item)))).filter(|(s, _)| s.evidence == Evidence::Stated);
    let among = stated.filter(|(s, slack)| from.saturating_sub(*slack) <= s.start && s.end <= to.saturating_add(*slack));
    among.fold(seen, |(first, last), (s, _)| (first.min(s.start), last.max(s.end)))
}

/// Lines of the calls that a service made for a request.
fn calls_of(b: &Builder<'_>, unit: &Unit, service: &str) -> Vec<usize> {
    let is_made = |i: usize| {
        let owner = b.owner[i].as_ref().and_then(|o| b.tree.units.get(o));
        owner.is_some_and(|o| matches!(o.kind, IdKind::Call | IdKind::Tool) && o.parent.as_ref().is_some_and(|p| p.parent == unit.key))
    };
    b.naming(&unit.key).iter().copied().filter(|i| b.tree.items[*i].service() == service && is_made(*i)).collect()
}

/// What a step may stick out of what surrounds it.
fn slack_of(item: &Item) -> i64 {
    item.quantum_ns.saturating_mul(2).saturating_add(5_000_000)
}

/// What a line states the length of lies between the first and the last of the other lines, if there are any.
fn is_among(tree: &Tree, profile: &Profile, index: usize) -> bool {
    let Some(s) = stated(&tree.items[index], profile) else { return false };
    let others = || tree.items.iter().enumerate().filter(|(i, _)| *i != index).filter_map(|(_, item)| item.time_ns);
    let slack = slack_of(&tree.items[index]);
    let inside = |(first, last): (i64, i64)| first.saturating_sub(slack) <= s.start && (s.end <= last.saturating_add(slack) || tree.items[index].stamped_at_begin);
    others().min().zip(others().max()).is_none_or(inside)
}

/// A line with a status inside the interval of another closing line of the same visit ends a step (a call that failed, retried), unless
/// it is a record of a request of its own.
fn drop_inner(tree: &Tree, profile: &Profile, closing: &mut Vec<usize>) {
    let interval = |i: usize| stated(&tree.items[i], profile).map(|s| (s.start, s.end, tree.items[i].quantum_ns));
    let all = closing.clone();
    let told_twice = told_twice(tree, profile, closing);
    closing.retain(|&i| {
        if told_twice.contains(&i) {
            return false;
        }
        let own_request = tree.items[i].entry.http.as_ref().is_some_and(|h| h.method.is_some() || h.path.is_some());
        let Some((start, end, quantum)) = interval(i).filter(|_| !own_request) else { return true };
        // What a coarse clock cuts off may put the begin of a step before that of its visit.
        let inside = |(s, e, q): (i64, i64, i64)| s.saturating_sub(q.max(quantum)) <= start && end <= e.saturating_add(q.max(quantum)) && e - s > end - start;
        !all.iter().any(|&j| j != i && interval(j).is_some_and(inside))
    });
}

/// A record of an answer, to be held against others.
struct Answer<'t> {
    index: usize,
    start: i64,
    end: i64,
    quantum_ns: i64,
    /// Of what, by which process: log, host, method, path and status.
    of: (FileId, Option<&'t str>, Option<&'t str>, &'t str, u16),
    /// Who says so, and how.
    says: (Option<&'t str>, Option<String>),
}

/// The answer that an application tells of is the one that its server records around it: one method, path and status, by two writers of one process, begun and
/// ended at the same moments. Each record is one other's at most. Those that are told around.
fn told_twice(tree: &Tree, profile: &Profile, closing: &[usize]) -> BTreeSet<usize> {
    let answer = |index: usize| {
        let item = &tree.items[index];
        let (http, s) = (item.entry.http.as_deref()?, stated(item, profile)?);
        let of = (item.entry.at.file, item.entry.host.as_deref(), http.method.as_deref(), http.path.as_deref()?.split('?').next()?, http.status?);
        let says = (item.entry.logger.as_deref(), item.entry.body.as_deref().map(|body| body.chars().filter(|c| !c.is_ascii_digit()).take(80).collect()));
        Some(Answer { index, start: s.start, end: s.end, quantum_ns: item.quantum_ns, of, says })
    };
    let mut answers: Vec<Answer> = closing.iter().filter_map(|i| answer(*i)).collect();
    answers.sort_by(|a, b| (&a.of, a.start, a.end, a.index).cmp(&(&b.of, b.start, b.end, b.index)));
    let (mut inner, mut outer) = (BTreeSet::new(), BTreeSet::new());
    for (place, one) in answers.iter().enumerate() {
        let is_same = |other: &&Answer| {
            let slack = slack_of_visits((one.end - one.start).max(other.end - other.start), one.quantum_ns.max(other.quantum_ns));
            one.of == other.of && one.says != other.says && one.start.abs_diff(other.start) <= slack.unsigned_abs() && one.end.abs_diff(other.end) <= slack.unsigned_abs()
        };
        let free = |other: &&Answer| !inner.contains(&other.index) && !outer.contains(&other.index);
        if !free(&one) {
            continue;
        }
        if let Some(other) = answers[place + 1..].iter().take(MOST_AT_ONCE).filter(free).find(is_same) {
            let (within, around) = if (one.end - one.start, one.end, one.index) < (other.end - other.start, other.end, other.index) { (one, other) } else { (other, one) };
            inner.insert(within.index);
            outer.insert(around.index);
        }
    }
    inner
}

/// `response started` states a status and how long that took; what a later line says ended with the same begin is the whole of it.
fn drop_begins(tree: &Tree, profile: &Profile, closing: &mut Vec<usize>) {
    let interval = |i: usize| stated(&tree.items[i], profile).map(|s| (s.start, s.end, tree.items[i].quantum_ns));
    let says_begin = |item: &Item| item.verb.is_start() || item.entry.body.as_deref().is_some_and(|body| words::verb_of_text(body) == Verb::Begin);
    let is_begin = |i: usize| has_status(&tree.items[i]) && says_begin(&tree.items[i]);
    let goes_on = |(start, end, quantum): (i64, i64, i64), other: usize| {
        !says_begin(&tree.items[other])
            && interval(other).is_some_and(|(from, to, coarse)| from.abs_diff(start) <= slack_of_visits(to - from, quantum.max(coarse)).unsigned_abs() && to > end)
    };
    let all = closing.clone();
    if all.len() > MOST_AT_ONCE {
        return;
    }
    let begun: Vec<usize> = all.iter().copied().filter(|&i| is_begin(i) && interval(i).is_some_and(|own| all.iter().any(|&j| j != i && goes_on(own, j)))).collect();
    if begun.is_empty() {
        return;
    }
    // The line that ends a stream names no status: the one that was sent before counts for it.
    closing.retain(|i| !begun.contains(i) && (has_status(&tree.items[*i]) || begun.iter().any(|begin| interval(*begin).is_some_and(|own| goes_on(own, *i)))));
}

fn closing_count(rest: &[usize], access: &[usize]) -> usize {
    rest.len() + access.len()
}

/// `lines` stand in the visit; `said` is all the service said of the request before it closed.
fn finish_visit(b: &mut Builder<'_>, mut d: Draft, (lines, said): (&[usize], &[usize]), end: Option<usize>, name: Option<String>) {
    let tree = b.tree;
    d.name = name.unwrap_or_else(|| d.main.map(|i| words::step_name(&tree.items[i].entry)).filter(|n| !n.is_empty()).unwrap_or_else(|| d.service.clone()));
    d.outcome = end.map_or(if d.unfinished { Outcome::Unknown } else { Outcome::Ok }, |i| outcome(&tree.items[i]));
    d.status = end.and_then(|i| tree.items[i].entry.http.as_ref().and_then(|h| h.status)).or(d.status);
    d.main = end.or(d.main);
    if matches!(d.outcome, Outcome::Ok | Outcome::Error) {
        d.outcome = broken_off(tree, &d, said).unwrap_or(d.outcome);
    }
    d.items.extend(lines.iter().copied().filter(|i| Some(*i) != d.main));
    d.items.sort_unstable();
    d.items.dedup();
    b.draw(d);
}

/// A status is sent before a stream is: what the lines of a visit say after it counts. The caller is gone, or the last thing said before
/// the closing line is an error.
fn broken_off(tree: &Tree, visit: &Draft, said: &[usize]) -> Option<Outcome> {
    let during = |item: &&Item| item.time_ns.is_some_and(|t| visit.start <= t && t <= visit.end + 2 * visit.quantum_ns);
    let said: Vec<&Item> = said.iter().map(|i| &tree.items[*i]).filter(during).collect();
    if said.iter().any(|item| words::client_left(&item.entry)) {
        return Some(Outcome::Cancelled);
    }
    let last = said.last()?;
    (last.failed && last.entry.severity.is_some_and(|s| s >= Severity::Error)).then_some(Outcome::Error)
}

/// The closing line's interval must not be a small part of what the service logged for the request: then it ends a step of it.
fn covers_most(tree: &Tree, profile: &Profile, index: usize, first: i64, last: i64, lines: usize) -> bool {
    let Some(s) = stated(&tree.items[index], profile) else { return false };
    has_status(&tree.items[index]) || lines == 1 || (s.end - s.start).saturating_mul(10) >= (last - first).saturating_mul(6)
}

fn has_status(item: &Item) -> bool {
    item.entry.http.as_ref().is_some_and(|h| h.status.is_some())
}

fn opens(item: &Item) -> bool {
    item.entry.http.as_ref().is_some_and(|h| h.method.is_some() && h.status.is_none())
}

fn is_closing(item: &Item, profile: &Profile) -> bool {
    stated(item, profile).is_some()
        && line_kind(item).is_none()
        && client_calls::answered(&item.entry).is_none()
        && (has_status(item) || item.stamped_at_begin || matches!(item.verb, Verb::End | Verb::Fail))
}

/// Visits contain each other: the smallest visit that covers another is its parent; the edge is outermost.
pub(super) fn nest_visits(b: &mut Builder<'_>) {
    let n = b.spans.len();
    let is_visit = |d: &Draft| matches!(d.kind, SpanKind::Edge | SpanKind::App);
    let visits: Vec<usize> = (0..n).filter(|&i| is_visit(&b.spans[i])).collect();
    let parents = parents(&b.spans, &visits);
    for (i, parent) in visits.iter().zip(parents) {
        b.spans[*i].parent = parent;
    }
    for i in &visits {
        // What another visit holds with time to spare on both sides is called from there: it is no edge, though it writes nothing but answers.
        let spare = |p: &Draft, d: &Draft| (d.start - p.start).min(p.end - d.end) > 2 * p.quantum_ns.max(d.quantum_ns);
        let is_inner = |p: usize| b.spans[p].kind != SpanKind::App || b.spans[p].unit != b.spans[*i].unit;
        if b.spans[*i].kind == SpanKind::Edge && b.spans[*i].parent.is_some_and(|p| is_inner(p) && spare(&b.spans[p], &b.spans[*i])) {
            b.spans[*i].kind = SpanKind::App;
        }
    }
    for i in 0..n {
        // What began inside a visit of its own service was over when that had answered.
        let answered = |p: usize| b.spans[p].kind == SpanKind::App && b.spans[p].service == b.spans[i].service && !b.spans[p].unfinished && b.spans[p].main.is_some();
        if b.spans[i].kind == SpanKind::App && b.spans[i].unfinished && b.spans[i].parent.is_some_and(answered) {
            b.spans[i].unfinished = false;
        }
    }
    // Single-line spans found before their visit existed hang under it now.
    let mut of_unit: FxHashMap<Arc<str>, Vec<usize>> = FxHashMap::default();
    for i in visits {
        of_unit.entry(b.spans[i].unit.clone()).or_default().push(i);
    }
    for i in 0..n {
        if !is_visit(&b.spans[i]) && b.spans[i].parent.is_none() {
            let visits = of_unit.get(&b.spans[i].unit).map_or(&[][..], Vec::as_slice);
            b.spans[i].parent = visit_of(b, visits, &b.spans[i]);
        }
    }
}

/// The visits of a request that a task or a call made are inside that.
pub(super) fn hang_called<'t>(b: &mut Builder<'t>, units: impl Iterator<Item = &'t Unit>) {
    for unit in units.filter(|unit| roles::level(unit.kind) == 0) {
        let Some(above) = unit.parent.as_ref().and_then(|link| b.tree.units.get(&link.parent)).filter(|above| roles::level(above.kind) > 0) else { continue };
        for i in b.spans_of(&unit.key).to_vec() {
            let (d, is_outer) = (&b.spans[i], b.spans[i].parent.is_none_or(|p| b.spans[p].unit != unit.key));
            if is_outer && matches!(d.kind, SpanKind::Edge | SpanKind::App) {
                let parent = parent_at(b, &above.key, d.start, d.end);
                b.spans[i].kind = SpanKind::App;
                b.spans[i].parent = parent.or(b.spans[i].parent);
            }
        }
    }
}

/// For each visit the smallest that holds it. Looked for among those that are there as it begins: of a request of thousands of visits all pairs are too many.
fn parents(spans: &[Draft], visits: &[usize]) -> Vec<Option<usize>> {
    let quantum_ns = visits.iter().map(|i| spans[*i].quantum_ns).max().unwrap_or(0);
    let slack = |i: &usize| slack_of_visits(spans[*i].ns(), quantum_ns);
    let mut coming: Vec<usize> = visits.to_vec();
    coming.sort_by_key(|i| std::cmp::Reverse(spans[*i].start - slack(i)));
    let mut order: Vec<usize> = (0..visits.len()).collect();
    order.sort_by_key(|place| spans[visits[*place]].start);
    let mut there: BTreeSet<(i64, usize)> = BTreeSet::new();
    let mut out = vec![None; visits.len()];
    for place in order {
        let (i, me) = (visits[place], &spans[visits[place]]);
        while let Some(next) = coming.pop_if(|next| spans[*next].start - slack(next) <= me.start) {
            there.insert((spans[next].end + slack(&next), next));
        }
        while there.first().is_some_and(|(until, _)| *until < me.start) {
            there.pop_first();
        }
        let holding = there.iter().map(|(_, j)| *j).filter(|j| holds(spans, *j, i));
        out[place] = holding.min_by_key(|j| ((spans[*j].start - me.start).abs() / 20_000_000, spans[*j].ns(), *j));
    }
    out
}

/// How far a visit of that length may stick out of one that holds it.
fn slack_of_visits(ns: i64, quantum_ns: i64) -> i64 {
    2 * quantum_ns + ns / 50 + 5_000_000
}

/// One visit holds another, of another service or unit.
fn holds(spans: &[Draft], outer: usize, inner: usize) -> bool {
    let (other, me) = (&spans[outer], &spans[inner]);
    let slack = slack_of_visits(other.ns(), me.quantum_ns.max(other.quantum_ns));
    // A moment before a begin that is known to the millisecond may be inside it.
    let meets = overlap(other, me) > 0 || (me.ns() == 0 && other.ns() > 0 && me.start <= other.end);
    let covers = other.start <= me.start + slack && other.end + slack >= me.end && meets;
    let is_outer = (other.kind == SpanKind::Edge, other.ns(), std::cmp::Reverse(outer)) > (me.kind == SpanKind::Edge, me.ns(), std::cmp::Reverse(inner));
    // An edge whose client left, or that timed out, ends before the work it started.
    let cut = other.kind == SpanKind::Edge && me.kind != SpanKind::Edge && other.start <= me.start + slack && me.start <= other.end;
    ((covers && is_outer) || cut) && outer != inner && (other.service != me.service || other.unit != me.unit)
}

fn overlap(a: &Draft, c: &Draft) -> i64 {
    (a.end.min(c.end) - a.start.max(c.start)).max(0) + i64::from(a.start <= c.start && c.end <= a.end)
}

/// The visit of its unit that best covers a step; of its service when it has one there.
fn visit_of(b: &Builder<'_>, visits: &[usize], step: &Draft) -> Option<usize> {
    visits.iter().copied().max_by_key(|i| {
        let d = &b.spans[*i];
        let shared = (d.end.min(step.end) - d.start.max(step.start)).max(-1);
        (d.service == step.service, d.start <= step.start && step.end <= d.end, d.kind != SpanKind::Edge, shared, std::cmp::Reverse(d.ns()), std::cmp::Reverse(*i))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_visit_that_holds_another_is_the_one_that_all_pairs_show(
            given in prop::collection::vec((any::<bool>(), 0..3_u8, 0..400_i64, prop::sample::select(vec![0_i64, 1, 5, 30, 300, 2_000]), prop::sample::select(vec![1_i64, 1_000_000, 20_000_000])), 0..40),
        ) {
            let visit = |(is_edge, service, start, ns, quantum_ns): (bool, u8, i64, i64, i64)| {
                let kind = if is_edge && service == 0 { SpanKind::Edge } else { SpanKind::App };
                let (start, end) = (start * 1_000_000, (start + ns) * 1_000_000);
                Draft { service: format!("s{service}"), quantum_ns, ..Draft::sample(kind, start, end) }
            };
            let spans: Vec<Draft> = given.into_iter().map(visit).collect();
            let visits: Vec<usize> = (0..spans.len()).collect();
            let of_all = |i: usize| (0..spans.len()).filter(|j| holds(&spans, *j, i)).min_by_key(|j| ((spans[*j].start - spans[i].start).abs() / 20_000_000, spans[*j].ns(), *j));
            prop_assert_eq!(parents(&spans, &visits), visits.iter().map(|i| of_all(*i)).collect::<Vec<_>>());
        }
    }
}
