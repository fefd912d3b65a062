//! Spans from lines: what each unit did and when, with the evidence (`reconstruction.md` section 3).
//!
//! Precedence for one unit: explicit start and end, a begin and an end line, one line with a duration, first to last line.
//! Guarantees: a span never starts after it ends; an interval no line vouches for is never drawn. It never moves a time.

use crate::{
    model::{
        id::IdKind,
        profile::Profile,
        trace::{Anomaly, AnomalyKind, Evidence, LineRef, Outcome, SpanKind},
    },
    reconstruct::{
        build::{Tree, Unit},
        classify,
        executions::{self, Execution},
        item::Item,
        link::ParentLink,
        route,
        words::{self, Verb},
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// A span before it gets its name in the document.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What it is.
    pub kind: SpanKind,
    /// Name.
    pub name: String,
    /// Service.
    pub service: String,
    /// Host.
    pub host: Option<String>,
    /// Begin.
    pub start: i64,
    /// End.
    pub end: i64,
    /// How the interval is known.
    pub evidence: Evidence,
    /// No end was seen.
    pub unfinished: bool,
    /// Attempt.
    pub attempt: Option<u32>,
    /// How it ended.
    pub outcome: Outcome,
    /// Unit it belongs to.
    pub unit: Arc<str>,
    /// Indexes of the items it stands on.
    pub items: Vec<usize>,
    /// Index of the parent span.
    pub parent: Option<usize>,
    /// HTTP status.
    pub status: Option<u16>,
    /// Queue.
    pub queue: Option<String>,
    /// Stated wait.
    pub stated_wait_ns: Option<i64>,
    /// The item that states model, failure and the like.
    pub main: Option<usize>,
    /// The response waits for it.
    pub blocking: bool,
    /// Resolution of its ends.
    pub quantum_ns: i64,
    /// Redelivery after a crash, not a first wait.
    pub redelivery: bool,
}

impl Draft {
    fn of(kind: SpanKind, unit: &Unit, item: &Item, index: usize, start: i64, end: i64, evidence: Evidence) -> Self {
        Self {
            kind,
            name: String::new(),
            service: item.service().to_owned(),
            host: item.entry.host.as_deref().map(str::to_owned),
            start: start.min(end),
            end: end.max(start),
            evidence,
            unfinished: false,
            attempt: None,
            outcome: Outcome::Unknown,
            unit: unit.key.clone(),
            items: vec![index],
            parent: None,
            status: item.entry.http.as_ref().and_then(|h| h.status),
            queue: None,
            stated_wait_ns: None,
            main: Some(index),
            blocking: true,
            quantum_ns: item.quantum_ns,
            redelivery: false,
        }
    }

    /// Length.
    pub fn ns(&self) -> i64 {
        self.end - self.start
    }
}

/// Everything spans are made from and into.
pub struct Builder<'a> {
    /// The tree.
    pub tree: &'a Tree,
    /// The profile.
    pub profile: &'a Profile,
    /// Spans so far.
    pub spans: Vec<Draft>,
    /// Oddities so far.
    pub anomalies: Vec<Anomaly>,
    /// For each item, the unit it belongs to.
    pub owner: Vec<Option<Arc<str>>>,
    /// Stages handed over and never seen: unit key.
    pub missing: Vec<Arc<str>>,
}

/// The interval one line states by itself.
#[derive(Debug, Clone, Copy)]
pub struct Stated {
    /// Begin.
    pub start: i64,
    /// End.
    pub end: i64,
    /// Stated or assumed (which end the time is, was inferred).
    pub evidence: Evidence,
}

/// The interval a line states: explicit ends, or a duration with the line's time as its end (its start for a begin line).
pub fn stated(item: &Item, profile: &Profile) -> Option<Stated> {
    let entry = &item.entry;
    let (started, ended) = (entry.started.map(|t| item.corrected(t, profile)), entry.ended.map(|t| item.corrected(t, profile)));
    let duration = item.duration_ns(profile).filter(|d| *d >= 0);
    match (started, ended, duration) {
        (Some(s), Some(e), _) if e >= s => Some(Stated { start: s, end: e, evidence: Evidence::Stated }),
        (Some(s), None, Some(d)) => Some(Stated { start: s, end: s.saturating_add(d), evidence: Evidence::Stated }),
        (None, Some(e), Some(d)) => Some(Stated { start: e.saturating_sub(d), end: e, evidence: Evidence::Stated }),
        (None, None, Some(d)) => {
            let t = item.time_ns?;
            if matches!(item.verb, Verb::Begin | Verb::Queue | Verb::Take) {
                Some(Stated { start: t, end: t.saturating_add(d), evidence: Evidence::Assumed })
            } else {
                Some(Stated { start: t.saturating_sub(d), end: t, evidence: Evidence::Stated })
            }
        }
        _ => None,
    }
}

/// Spans of every unit of the tree, with their parents.
pub fn build<'a>(tree: &'a Tree, profile: &'a Profile) -> Builder<'a> {
    let owner = tree.items.iter().map(|item| owner_of(item, tree)).collect();
    let mut b = Builder { tree, profile, spans: Vec::new(), anomalies: Vec::new(), owner, missing: Vec::new() };
    // Depth order: a parent's spans exist before its children look for them.
    let mut order: Vec<&Unit> = tree.units.values().collect();
    order.sort_by(|x, y| (x.depth, &x.key).cmp(&(y.depth, &y.key)));
    let by_unit = items_by_unit(&b);
    for unit in order.iter().filter(|u| crate::reconstruct::roles::level(u.kind) == 0) {
        root_spans(&mut b, unit, by_unit.get(&unit.key).map_or(&[][..], Vec::as_slice));
    }
    nest_visits(&mut b);
    for unit in order.iter().filter(|u| crate::reconstruct::roles::level(u.kind) != 0) {
        let indexes = by_unit.get(&unit.key).map_or(&[][..], Vec::as_slice);
        match unit.kind {
            IdKind::Task => executions::task_spans(&mut b, unit, indexes),
            IdKind::Call => call_spans(&mut b, unit, indexes, SpanKind::ModelCall),
            IdKind::Tool => call_spans(&mut b, unit, indexes, SpanKind::Tool),
            _ => span_unit(&mut b, unit, indexes),
        }
    }
    b
}

/// The unit of a line: its subject when that is in the tree, else any own id of it that is.
fn owner_of(item: &Item, tree: &Tree) -> Option<Arc<str>> {
    if let Some(subject) = item.subject()
        && tree.units.contains_key(&subject.key)
    {
        return Some(subject.key.clone());
    }
    let mut known: Vec<_> = item.refs.iter().filter(|r| tree.units.contains_key(&r.key)).collect();
    known.sort_by_key(|r| (r.relation != crate::model::id::IdRelation::Own, std::cmp::Reverse(crate::reconstruct::roles::level(r.kind))));
    known.first().map(|r| r.key.clone())
}

fn items_by_unit(b: &Builder<'_>) -> BTreeMap<Arc<str>, Vec<usize>> {
    let mut map: BTreeMap<Arc<str>, Vec<usize>> = BTreeMap::new();
    for (index, owner) in b.owner.iter().enumerate() {
        if let Some(owner) = owner {
            map.entry(owner.clone()).or_default().push(index);
        }
    }
    // A line about a task that its maker wrote (an enqueue) also vouches for the maker.
    map
}

/// What a single line is a span of, besides its unit: a write, a tool, a model call, an outgoing call.
pub fn line_kind(item: &Item) -> Option<SpanKind> {
    let e = &item.entry;
    if e.model.as_ref().is_some_and(|m| m.requested.is_some() || m.served.is_some() || m.input_tokens.is_some() || m.operation.is_some()) {
        return Some(SpanKind::ModelCall);
    }
    if let Some(write) = &e.write {
        return Some(if is_write(write.operation.as_deref()) { SpanKind::DbWrite } else { SpanKind::Other });
    }
    if e.tool.is_some() {
        return Some(SpanKind::Tool);
    }
    None
}

fn is_write(operation: Option<&str>) -> bool {
    operation.is_none_or(|op| {
        let word = op.split(|c: char| !c.is_alphabetic()).find(|w| !w.is_empty()).unwrap_or(op).to_ascii_lowercase();
        !matches!(word.as_str(), "select" | "get" | "find" | "read" | "query" | "fetch" | "list" | "scan" | "head" | "count" | "exists" | "lookup" | "search")
    })
}

/// Spans of a request or trace id: one visit a service, the edge's from access lines; and the single-line spans under them.
fn root_spans(b: &mut Builder<'_>, unit: &Unit, indexes: &[usize]) {
    // Lines of the request that name a child unit vouch for the request's service being at work.
    let mut visits: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let child_lines = b.tree.items.iter().enumerate().filter(|(i, item)| {
        b.owner[*i].as_ref().is_some_and(|o| o != &unit.key)
            && item.reference(&unit.key).is_some_and(|r| r.relation == crate::model::id::IdRelation::Own)
            && is_makers_line(b, item, *i)
    });
    let all: Vec<usize> = indexes.iter().copied().chain(child_lines.map(|(i, _)| i)).collect();
    for index in all {
        visits.entry(b.tree.items[index].service().to_owned()).or_default().push(index);
    }
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
                    b.spans.push(d);
                }
            }
        } else {
            visit_spans(b, unit, &rest, &access);
        }
    }
}

/// A line under a deeper unit that was written by whoever made that unit (a hand-over), not by the unit's own worker.
fn is_makers_line(b: &Builder<'_>, item: &Item, index: usize) -> bool {
    let Some(owner) = &b.owner[index] else { return false };
    let Some(unit) = b.tree.units.get(owner) else { return false };
    match unit.kind {
        IdKind::Task => executions::is_enqueue(b, unit, item),
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
    // Of several, those with a status are the answers; else the one that covers the most.
    if closing.iter().any(|i| has_status(&tree.items[*i])) {
        closing.retain(|i| has_status(&tree.items[*i]));
    } else if closing.len() > 1 {
        closing = closing.into_iter().max_by_key(|i| stated(&tree.items[*i], b.profile).map(|s| s.end - s.start)).into_iter().collect();
    }
    drop_inner(tree, b.profile, &mut closing);
    closing.retain(|i| covers_most(tree, b.profile, *i, first, last, closing_count(rest, access)));
    let begin = plain.iter().copied().find(|i| tree.items[*i].verb.is_start() || opens(&tree.items[*i]));
    let name = rest.iter().chain(access).find_map(|i| route::of_item(&tree.items[*i]));
    if closing.is_empty() {
        let end = plain.iter().rev().copied().find(|i| matches!(tree.items[*i].verb, Verb::End | Verb::Fail) && (has_status(&tree.items[*i]) || Some(*i) == plain.last().copied()));
        let paired = begin.zip(end).filter(|(s, e)| s != e);
        let evidence = if paired.is_some() { Evidence::Paired } else { Evidence::Observed };
        let (start, finish) = paired.map_or((first, last), |(_, e)| (first, tree.items[e].time_ns.unwrap_or(last).max(first)));
        let mut d = Draft::of(SpanKind::App, unit, &tree.items[plain.first().copied().unwrap_or(timed[0])], timed[0], start, finish, evidence);
        d.unfinished = begin.is_some() && end.is_none() && !plain.iter().any(|i| tree.items[*i].verb.is_terminal());
        finish_visit(b, d, &timed, end, name.clone());
    }
    for &index in &closing {
        let item = &tree.items[index];
        let Some(s) = stated(item, b.profile) else { continue };
        let d = Draft::of(SpanKind::App, unit, item, index, s.start, s.end, s.evidence);
        finish_visit(b, d, if closing.len() == 1 { &timed } else { &[] }, Some(index), name.clone());
    }
}

/// A line with a status inside the interval of another closing line of the same visit ends a step (a call that failed, retried), unless
/// it is a record of a request of its own.
fn drop_inner(tree: &Tree, profile: &Profile, closing: &mut Vec<usize>) {
    let interval = |i: usize| stated(&tree.items[i], profile).map(|s| (s.start, s.end));
    let all = closing.clone();
    closing.retain(|&i| {
        let own_request = tree.items[i].entry.http.as_ref().is_some_and(|h| h.method.is_some() || h.path.is_some());
        let Some((start, end)) = interval(i).filter(|_| !own_request) else { return true };
        !all.iter().any(|&j| j != i && interval(j).is_some_and(|(s, e)| s <= start && end <= e && e - s > end - start))
    });
}

fn closing_count(rest: &[usize], access: &[usize]) -> usize {
    rest.len() + access.len()
}

fn finish_visit(b: &mut Builder<'_>, mut d: Draft, lines: &[usize], end: Option<usize>, name: Option<String>) {
    let tree = b.tree;
    d.name = name.unwrap_or_else(|| d.main.map(|i| words::step_name(&tree.items[i].entry)).filter(|n| !n.is_empty()).unwrap_or_else(|| d.service.clone()));
    d.outcome = end.map_or(if d.unfinished { Outcome::Unknown } else { Outcome::Ok }, |i| outcome(&tree.items[i]));
    d.status = end.and_then(|i| tree.items[i].entry.http.as_ref().and_then(|h| h.status)).or(d.status);
    d.main = end.or(d.main);
    d.items.extend(lines.iter().copied().filter(|i| Some(*i) != d.main));
    d.items.sort_unstable();
    d.items.dedup();
    b.spans.push(d);
}

/// The closing line's interval must not be a small part of what the service logged for the request: then it ends a step of it.
fn covers_most(tree: &Tree, profile: &Profile, index: usize, first: i64, last: i64, lines: usize) -> bool {
    let Some(s) = stated(&tree.items[index], profile) else { return false };
    has_status(&tree.items[index]) || lines == 1 || (s.end - s.start) * 10 >= (last - first) * 6
}

fn has_status(item: &Item) -> bool {
    item.entry.http.as_ref().is_some_and(|h| h.status.is_some())
}

fn opens(item: &Item) -> bool {
    item.entry.http.as_ref().is_some_and(|h| h.method.is_some() && h.status.is_none())
}

fn is_closing(item: &Item, profile: &Profile) -> bool {
    stated(item, profile).is_some() && line_kind(item).is_none() && (has_status(item) || matches!(item.verb, Verb::End | Verb::Fail))
}

/// First and last time of some items.
pub fn bounds(tree: &Tree, indexes: &[usize]) -> Option<(i64, i64)> {
    let times = || indexes.iter().filter_map(|i| tree.items[*i].time_ns);
    Some((times().min()?, times().max()?))
}

/// A line that is a step by itself (write, tool, model call) and states its length becomes a span under its unit.
pub fn line_span(b: &mut Builder<'_>, unit: &Unit, index: usize) -> bool {
    let item = &b.tree.items[index];
    let Some(kind) = line_kind(item) else { return false };
    let Some(s) = stated(item, b.profile) else { return false };
    let mut d = Draft::of(kind, unit, item, index, s.start, s.end, s.evidence);
    d.name = step_title(item, kind);
    d.outcome = outcome(item);
    d.attempt = item.entry.attempt.as_ref().map(|a| a.number);
    d.parent = parent_at(b, &unit.key, d.start, d.end);
    b.spans.push(d);
    true
}

/// The name a step is shown under.
pub fn step_title(item: &Item, kind: SpanKind) -> String {
    let e = &item.entry;
    let name = match kind {
        SpanKind::ModelCall => e.model.as_ref().and_then(|m| m.served.as_deref().or(m.requested.as_deref()).or(m.group.as_deref()).or(m.operation.as_deref()).map(bare_model)),
        SpanKind::DbWrite | SpanKind::Other => e.write.as_ref().and_then(|w| w.target.as_deref().or(w.operation.as_deref()).or(w.system.as_deref()).map(str::to_owned)),
        SpanKind::Tool => e.tool.as_deref().map(str::to_owned),
        _ => None,
    };
    name.filter(|n| !n.is_empty()).unwrap_or_else(|| {
        let step = words::step_name(e);
        if step.is_empty() { kind.word().to_owned() } else { step }
    })
}

/// `openai/gpt-4.1` is the model `gpt-4.1` of a provider.
pub fn bare_model(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_owned()
}

/// How a line says its unit ended.
pub fn outcome(item: &Item) -> Outcome {
    let status = item.entry.http.as_ref().and_then(|h| h.status);
    match status {
        Some(499) => return Outcome::Cancelled,
        Some(408 | 504) => return Outcome::Timeout,
        Some(s) if s >= 400 => return Outcome::Error,
        _ => {}
    }
    if classify::is_timeout(&item.entry) && item.failed {
        return Outcome::Timeout;
    }
    if item.failed || matches!(item.verb, Verb::Fail | Verb::Dead | Verb::Retry | Verb::Stall) {
        return Outcome::Error;
    }
    Outcome::Ok
}

/// Visits contain each other: the smallest visit that covers another is its parent; the edge is outermost.
fn nest_visits(b: &mut Builder<'_>) {
    let n = b.spans.len();
    let is_visit = |d: &Draft| matches!(d.kind, SpanKind::Edge | SpanKind::App);
    let parents: Vec<Option<usize>> = (0..n)
        .map(|i| {
            let me = &b.spans[i];
            if !is_visit(me) {
                return None;
            }
            (0..n)
                .filter(|&j| j != i && is_visit(&b.spans[j]) && (b.spans[j].service != me.service || b.spans[j].unit != me.unit))
                .filter(|&j| {
                    let other = &b.spans[j];
                    let slack = 2 * me.quantum_ns.max(other.quantum_ns) + other.ns() / 50 + 5_000_000;
                    let covers = other.start <= me.start + slack && other.end + slack >= me.end && overlap(other, me) > 0;
                    let outer = (other.kind == SpanKind::Edge, other.ns(), std::cmp::Reverse(j)) > (me.kind == SpanKind::Edge, me.ns(), std::cmp::Reverse(i));
                    // An edge whose client left, or that timed out, ends before the work it started.
                    let cut = other.kind == SpanKind::Edge && me.kind != SpanKind::Edge && other.start <= me.start + slack && me.start <= other.end;
                    (covers && outer) || cut
                })
                .min_by_key(|&j| ((b.spans[j].start - me.start).abs() / 20_000_000, b.spans[j].ns(), j))
        })
        .collect();
    for (i, parent) in parents.into_iter().enumerate() {
        if is_visit(&b.spans[i]) {
            b.spans[i].parent = parent;
        }
    }
    // Single-line spans found before their visit existed hang under it now.
    for i in 0..n {
        if !is_visit(&b.spans[i]) && b.spans[i].parent.is_none() {
            b.spans[i].parent = visit_at(b, &b.spans[i].unit, Some(&b.spans[i].service), b.spans[i].start, b.spans[i].end);
        }
    }
}

fn overlap(a: &Draft, c: &Draft) -> i64 {
    (a.end.min(c.end) - a.start.max(c.start)).max(0) + i64::from(a.start <= c.start && c.end <= a.end)
}

/// The visit of a unit that best covers an interval; of the given service when it has one there.
fn visit_at(b: &Builder<'_>, unit: &str, service: Option<&str>, start: i64, end: i64) -> Option<usize> {
    let candidates = b.spans.iter().enumerate().filter(|(_, d)| matches!(d.kind, SpanKind::App | SpanKind::Edge | SpanKind::Task) && &*d.unit == unit);
    candidates
        .max_by_key(|(i, d)| {
            let shared = (d.end.min(end) - d.start.max(start)).max(-1);
            (service.is_some_and(|s| s == d.service), d.start <= start && end <= d.end, d.kind != SpanKind::Edge, shared, std::cmp::Reverse(d.ns()), std::cmp::Reverse(*i))
        })
        .map(|(i, _)| i)
}

/// The span of a unit, or of its nearest ancestor that has one, that best covers an interval.
pub fn parent_at(b: &Builder<'_>, unit: &str, start: i64, end: i64) -> Option<usize> {
    let mut key: Option<Arc<str>> = Some(unit.into());
    for _ in 0..64 {
        let current = key?;
        if let Some(found) = containing(b, &current, start, end) {
            return Some(found);
        }
        key = b.tree.units.get(&current).and_then(|u| u.parent.as_ref()).map(|p: &ParentLink| p.parent.clone());
    }
    None
}

fn containing(b: &Builder<'_>, unit: &str, start: i64, end: i64) -> Option<usize> {
    b.spans
        .iter()
        .enumerate()
        .filter(|(_, d)| &*d.unit == unit && !d.kind.is_wait() && !matches!(d.kind, SpanKind::DbWrite))
        .max_by_key(|(i, d)| {
            let shared = d.end.min(end) - d.start.max(start);
            (!matches!(d.kind, SpanKind::Edge), shared >= 0, d.start <= start, shared, std::cmp::Reverse(*i))
        })
        .map(|(i, _)| i)
}

/// Spans of a call or tool call: a line that states its interval, else begin and end lines, else nothing but lines.
fn call_spans(b: &mut Builder<'_>, unit: &Unit, indexes: &[usize], kind: SpanKind) {
    let tree = b.tree;
    let parent_unit = unit.parent.as_ref().map_or_else(|| unit.key.clone(), |p| p.parent.clone());
    let best = indexes
        .iter()
        .copied()
        .filter_map(|i| stated(&tree.items[i], b.profile).map(|s| (i, s)))
        .max_by_key(|(i, s)| (s.evidence == Evidence::Stated, s.end - s.start, std::cmp::Reverse(*i)));
    let kind_of = |i: usize| line_kind(&tree.items[i]).unwrap_or(kind);
    let mut draft = if let Some((index, s)) = best {
        let mut d = Draft::of(kind_of(index), unit, &tree.items[index], index, s.start, s.end, s.evidence);
        d.outcome = outcome(&tree.items[index]);
        d
    } else {
        let begin = indexes.iter().copied().find(|i| tree.items[*i].verb.is_start());
        let end = indexes.iter().rev().copied().find(|i| tree.items[*i].verb.is_terminal());
        let Some((first, last)) = bounds(tree, indexes) else { return };
        let paired = begin.is_some() && end.is_some() && begin != end;
        // One line without a length is a mention; a lone begin is a call that never came back.
        if !paired && (first == last && begin.is_none()) {
            return;
        }
        let main = end.or(begin).unwrap_or(indexes[0]);
        let mut d = Draft::of(kind_of(main), unit, &tree.items[main], main, first, last, if paired { Evidence::Paired } else { Evidence::Observed });
        d.unfinished = begin.is_some() && end.is_none();
        d.outcome = end.map_or(Outcome::Unknown, |i| outcome(&tree.items[i]));
        d
    };
    let main = draft.main.unwrap_or(indexes[0]);
    draft.name = step_title(&tree.items[main], draft.kind);
    draft.attempt = tree.items[main].entry.attempt.as_ref().map(|a| a.number);
    draft.items = indexes.to_vec();
    draft.parent = parent_at(b, &parent_unit, draft.start, draft.end);
    b.spans.push(draft);
}

/// A unit with a span id: stated, paired or observed; its kind by what its lines say, a visit when it is in another service.
fn span_unit(b: &mut Builder<'_>, unit: &Unit, indexes: &[usize]) {
    let tree = b.tree;
    let Some((first, last)) = bounds(tree, indexes) else { return };
    let best = indexes.iter().copied().filter_map(|i| stated(&tree.items[i], b.profile).map(|s| (i, s))).max_by_key(|(i, s)| (s.end - s.start, std::cmp::Reverse(*i)));
    let begin = indexes.iter().copied().find(|i| tree.items[*i].verb.is_start());
    let end = indexes.iter().rev().copied().find(|i| tree.items[*i].verb.is_terminal());
    let paired = begin.is_some() && end.is_some() && begin != end;
    let main = best.map(|(i, _)| i).or(end).or(begin).unwrap_or(indexes[0]);
    let (start, finish, evidence) = match best {
        Some((_, s)) => {
            conflict(b, indexes, s, paired.then_some((first, last)));
            (s.start, s.end, s.evidence)
        }
        None => (first, last, if paired { Evidence::Paired } else { Evidence::Observed }),
    };
    let mut d = Draft::of(SpanKind::Other, unit, &tree.items[main], main, start, finish, evidence);
    d.unfinished = best.is_none() && begin.is_some() && end.is_none();
    d.outcome = if d.unfinished { Outcome::Unknown } else { outcome(&tree.items[main]) };
    d.items = indexes.to_vec();
    d.parent = unit.parent.as_ref().and_then(|p| parent_at(b, &p.parent, d.start, d.end));
    let parent_service = d.parent.map(|p| b.spans[p].service.clone());
    d.kind = indexes.iter().find_map(|i| line_kind(&tree.items[*i])).unwrap_or_else(|| if parent_service.as_deref() == Some(&d.service) { SpanKind::Other } else { SpanKind::App });
    d.name = if matches!(d.kind, SpanKind::App | SpanKind::Other) {
        indexes.iter().map(|i| words::step_name(&tree.items[*i].entry)).find(|n| !n.is_empty()).unwrap_or_else(|| d.service.clone())
    } else {
        step_title(&tree.items[main], d.kind)
    };
    b.spans.push(d);
}

/// A stated duration and a pair of lines that differ by more than two quanta and 1 %: the stated one is kept, the conflict told.
fn conflict(b: &mut Builder<'_>, indexes: &[usize], s: Stated, pair: Option<(i64, i64)>) {
    let Some((first, last)) = pair else { return };
    let (a, p) = (s.end - s.start, last - first);
    let quantum = indexes.iter().map(|i| b.tree.items[*i].quantum_ns).max().unwrap_or(1);
    if (a - p).abs() > (2 * quantum).max(a.max(p) / 100).max(1_000_000) {
        let lines: Vec<LineRef> = indexes.iter().take(2).map(|i| b.tree.items[*i].line.clone()).collect();
        let ms = |ns: i64| ns as f64 / 1e6;
        b.anomalies.push(Anomaly {
            kind: AnomalyKind::DurationConflict,
            text: format!("a line states {:.3} ms, the begin and end lines are {:.3} ms apart; the stated length is used", ms(a), ms(p)),
            lines,
        });
    }
}

/// Convenience for neighbours: executions of a task already drawn.
pub fn executions_of(b: &Builder<'_>, unit: &str) -> Vec<usize> {
    b.spans.iter().enumerate().filter(|(_, d)| d.kind == SpanKind::Task && &*d.unit == unit).map(|(i, _)| i).collect()
}

/// A draft of a task execution.
pub fn execution_draft(unit: &Unit, item: &Item, index: usize, e: &Execution) -> Draft {
    Draft::of(SpanKind::Task, unit, item, index, e.start, e.end, e.evidence)
}

/// A draft of a wait.
pub fn wait_draft(kind: SpanKind, unit: &Unit, item: &Item, index: usize, start: i64, end: i64, evidence: Evidence) -> Draft {
    Draft::of(kind, unit, item, index, start, end, evidence)
}
