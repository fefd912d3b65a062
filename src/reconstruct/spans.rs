//! Spans from lines: what each unit did and when, with the evidence (`reconstruction.md` section 3).
//!
//! Precedence for one unit: explicit start and end, a begin and an end line, one line with a duration, first to last line.
//! Guarantees: a span never starts after it ends; an interval no line vouches for is never drawn. It never moves a time.

use crate::{
    model::{
        entry::NEVER_ANSWERED,
        id::{IdKind, IdRelation},
        profile::Profile,
        trace::{Anomaly, AnomalyKind, Evidence, LineRef, Outcome, SpanKind},
    },
    reconstruct::{
        calls, classify, client_calls, enclosing,
        executions::{self, Execution},
        holders::Holders,
        item::{Item, WorkRef},
        owners, roles,
        tree::{Tree, Unit},
        unclaimed, visits,
        words::{self, Verb},
    },
};
use rustc_hash::FxHashMap;
use std::sync::Arc;

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
    /// It was over with what its line says (a read of a store): nothing else happened inside it.
    pub holds_nothing: bool,
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
    /// A span of a unit on one line, with what that line says of its place.
    pub(super) fn of(kind: SpanKind, unit: &Unit, item: &Item, index: usize, start: i64, end: i64, evidence: Evidence) -> Self {
        Self {
            kind,
            name: String::new(),
            service: item.service().to_owned(),
            host: item.entry.host.as_deref().map(str::to_owned),
            start: start.min(end),
            end: end.max(start),
            evidence,
            unfinished: false,
            holds_nothing: false,
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

    /// A span on a line that says nothing, for tests of what is done with intervals.
    #[cfg(test)]
    pub(super) fn sample(kind: SpanKind, start: i64, end: i64) -> Self {
        let unit = Unit { key: "req_1".into(), kind: IdKind::Request, label: "request_id".into(), value: "req_1".into(), scope: None, parent: None, depth: 0 };
        let item = Item::new(Arc::default(), &"a.log".into(), &Profile::default());
        Self::of(kind, &unit, &item, 0, start, end, Evidence::Stated)
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
    /// Calls that a task's worker made whose lines name its request alone: for each the task.
    pub made_in: FxHashMap<Arc<str>, Arc<str>>,
    /// Lines that HTTP clients write, in the order of their times.
    pub clients: Vec<usize>,
    /// Where there are any: the lines that state how long a model took, with that.
    pub stated_calls: Vec<(i64, i64, usize)>,
    /// Stages handed over and never seen: unit key.
    pub missing: Vec<Arc<str>>,
    /// For each unit of the tree, by its place: its spans.
    by_unit: Vec<Vec<usize>>,
    /// What of it may hold further steps.
    holders: Vec<Holders>,
    /// Items that name it.
    naming: Vec<Vec<usize>>,
    /// The source in which a task's worker writes, by task.
    main_sources: FxHashMap<Arc<str>, Arc<str>>,
}

impl<'a> Builder<'a> {
    fn new(tree: &'a Tree, profile: &'a Profile) -> Self {
        let mut naming: Vec<Vec<usize>> = vec![Vec::new(); tree.units.len()];
        for (index, item) in tree.items.iter().enumerate() {
            for unit in item.refs.iter().filter_map(|r| tree.units.place(&r.key)) {
                if naming[unit].last() != Some(&index) {
                    naming[unit].push(index);
                }
            }
        }
        let tasks = tree.units.values().zip(&naming).filter(|(u, _)| u.kind == IdKind::Task);
        let main_sources = tasks.filter_map(|(u, naming)| Some((u.key.clone(), tree.main_source(&u.key, naming)?.clone()))).collect();
        let owners = owners::owners(tree);
        let mut out = Self {
            tree,
            profile,
            spans: Vec::new(),
            anomalies: Vec::new(),
            owner: owners.of_lines,
            made_in: owners.made_in,
            clients: client_calls::lines_of_clients(tree),
            stated_calls: Vec::new(),
            missing: Vec::new(),
            by_unit: Vec::new(),
            holders: Vec::new(),
            naming,
            main_sources,
        };
        if !out.clients.is_empty() {
            out.stated_calls = client_calls::stated_calls(tree, profile);
        }
        out.reindex();
        out
    }

    /// Adds a span.
    pub(super) fn draw(&mut self, draft: Draft) {
        self.index(self.spans.len(), &draft);
        self.spans.push(draft);
    }

    /// To be called after spans were put in another order.
    pub(super) fn reindex(&mut self) {
        self.by_unit = vec![Vec::new(); self.tree.units.len()];
        self.holders = vec![Holders::default(); self.tree.units.len()];
        let spans = std::mem::take(&mut self.spans);
        spans.iter().enumerate().for_each(|(index, d)| self.index(index, d));
        self.spans = spans;
    }

    fn index(&mut self, index: usize, d: &Draft) {
        if let Some(unit) = self.tree.units.place(&d.unit) {
            self.by_unit[unit].push(index);
            self.holders[unit].add(index, d);
        }
    }

    /// Spans of a unit, in their order.
    pub fn spans_of(&self, unit: &str) -> &[usize] {
        self.tree.units.place(unit).map_or(&[], |unit| &self.by_unit[unit])
    }

    /// Items that name a unit, in their order.
    pub fn naming(&self, unit: &str) -> &[usize] {
        self.tree.units.place(unit).map_or(&[], |unit| &self.naming[unit])
    }

    /// Those of them between two instants: they stand in the order of their times, those without one behind.
    pub fn within(&self, unit: &str, (from, to): (i64, i64)) -> &[usize] {
        let naming = self.naming(unit);
        let up_to = |is_before: &dyn Fn(i64) -> bool| naming.partition_point(|i| self.tree.items[*i].time_ns.is_some_and(is_before));
        let (begin, end) = (up_to(&|t| t < from), up_to(&|t| t <= to));
        &naming[begin.min(end)..end]
    }

    /// The source in which a task's worker writes.
    pub fn main_source(&self, task: &str) -> Option<&Arc<str>> {
        self.main_sources.get(task)
    }
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
    let duration = item.duration_ns().filter(|d| *d >= 0);
    match (started, ended, duration) {
        (Some(s), Some(e), _) if e >= s => Some(Stated { start: s, end: e, evidence: Evidence::Stated }),
        (Some(s), None, Some(d)) => Some(Stated { start: s, end: s.saturating_add(d), evidence: Evidence::Stated }),
        (None, Some(e), Some(d)) => Some(Stated { start: e.saturating_sub(d), end: e, evidence: Evidence::Stated }),
        (None, None, Some(d)) => {
            let t = item.time_ns?;
            if item.stamped_at_begin {
                Some(Stated { start: t, end: t.saturating_add(d), evidence: Evidence::Stated })
            } else if matches!(item.verb, Verb::Begin | Verb::Queue | Verb::Take) && item.entry.http.as_ref().is_none_or(|http| http.status.is_none()) {
                // Beside a status it tells of the answer, whatever was begun or queued.
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
    let mut b = Builder::new(tree, profile);
    // Depth order: a parent's spans exist before its children look for them.
    let owned = owned(&b);
    let mut order: Vec<(&Unit, &[usize])> = tree.units.values().zip(owned.iter().map(Vec::as_slice)).collect();
    // Of one depth they stay in the order of their keys; what a run made comes behind the run.
    let below = |unit: &Unit| b.made_in.get(&unit.key).and_then(|task| tree.units.get(task)).map_or(unit.depth, |task| unit.depth.max(task.depth + 1));
    order.sort_by_cached_key(|(unit, _)| below(unit));
    for (unit, indexes) in order.iter().filter(|(u, _)| roles::level(u.kind) == 0) {
        visits::root_spans(&mut b, unit, indexes);
    }
    visits::nest_visits(&mut b);
    for (unit, indexes) in order.iter().filter(|(u, _)| roles::level(u.kind) != 0) {
        match unit.kind {
            IdKind::Task => {
                let (served, run): (Vec<usize>, Vec<usize>) = indexes.iter().partition(|i| visits::is_served(unit, &tree.items[**i]));
                executions::task_spans(&mut b, unit, &run);
                visits::served_spans(&mut b, unit, &served);
            }
            IdKind::Call => calls::call_spans(&mut b, unit, indexes, SpanKind::ModelCall),
            IdKind::Tool => calls::call_spans(&mut b, unit, indexes, SpanKind::Tool),
            _ => span_unit(&mut b, unit, indexes),
        }
    }
    visits::hang_called(&mut b, order.iter().map(|(unit, _)| *unit));
    executions::outlive(&mut b);
    enclosing::take_apart(&mut b);
    unclaimed::draw(&mut b);
    b
}

/// For each unit, by its place: the lines that belong to it.
fn owned(b: &Builder<'_>) -> Vec<Vec<usize>> {
    let mut out = vec![Vec::new(); b.tree.units.len()];
    for (index, owner) in b.owner.iter().enumerate() {
        if let Some(unit) = owner.as_ref().and_then(|owner| b.tree.units.place(owner)) {
            out[unit].push(index);
        }
    }
    out
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
    d.holds_nothing = kind == SpanKind::Other;
    d.parent = parent_at(b, &unit.key, d.start, d.end);
    let attempts = if kind == SpanKind::ModelCall { client_calls::attempts(b, unit, &d, &[index]) } else { None };
    attempts.unwrap_or_else(|| vec![d]).into_iter().for_each(|d| b.draw(d));
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
    let asked = || client_calls::answered(e).and(e.body.as_deref()).map(|body| client_calls::address(body).to_owned());
    name.filter(|n| !n.is_empty()).or_else(asked).unwrap_or_else(|| {
        let step = words::step_name(e);
        if step.is_empty() { kind.word().to_owned() } else { step }
    })
}

/// `openai/gpt-4.1` is the model `gpt-4.1` of a provider.
pub fn bare_model(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_owned()
}

/// What a status says of an answer that is none to be glad of.
pub fn outcome_of(status: u16) -> Option<Outcome> {
    match status {
        499 | NEVER_ANSWERED => Some(Outcome::Cancelled),
        408 | 504 => Some(Outcome::Timeout),
        400.. => Some(Outcome::Error),
        _ => None,
    }
}

/// How a line says its unit ended.
pub fn outcome(item: &Item) -> Outcome {
    let status = item.entry.http.as_ref().and_then(|h| h.status);
    // A proxy may write the status of an answer that nobody was there to read.
    let is_left = status.is_some() && item.entry.http.as_ref().is_some_and(|h| h.client_left);
    if let Some(bad) = if is_left { Some(Outcome::Cancelled) } else { status.and_then(outcome_of) } {
        return bad;
    }
    if words::client_left(&item.entry) {
        return Outcome::Cancelled;
    }
    if is_called_off(item) {
        return Outcome::Cancelled;
    }
    let is_bad = item.failed || matches!(item.verb, Verb::Fail | Verb::Dead | Verb::Retry | Verb::Stall);
    if is_bad {
        return if classify::is_timeout(&item.entry) { Outcome::Timeout } else { Outcome::Error };
    }
    Outcome::Ok
}

/// A call that was no longer wanted, as the slower of two that were sent at once.
pub fn is_called_off(item: &Item) -> bool {
    let is_call = |r: &WorkRef| matches!(r.kind, IdKind::Call | IdKind::Tool) && r.relation == IdRelation::Own;
    item.verb == Verb::Fail && item.refs.iter().any(is_call) && words::called_off(&item.entry)
}

/// The span of a unit, or of its nearest ancestor that has one, that best covers an interval.
pub fn parent_at(b: &Builder<'_>, unit: &str, start: i64, end: i64) -> Option<usize> {
    parent_in(b, unit, "", start, end)
}

/// The same of what a service did: of those that cover it whole its own visit comes first.
pub fn parent_in(b: &Builder<'_>, unit: &str, service: &str, start: i64, end: i64) -> Option<usize> {
    let mut unit = b.tree.units.place(unit)?;
    for _ in 0..64 {
        if let Some(found) = containing(b, unit, service, start, end) {
            return Some(found);
        }
        unit = b.tree.units.place(&b.tree.units.at(unit).parent.as_ref()?.parent)?;
    }
    None
}

fn containing(b: &Builder<'_>, unit: usize, service: &str, start: i64, end: i64) -> Option<usize> {
    b.holders[unit]
        .of(start)
        .map(|i| (i, &b.spans[i]))
        // A single step is a parent only of what happened inside it.
        .filter(|(_, d)| !matches!(d.kind, SpanKind::ModelCall | SpanKind::Tool | SpanKind::HttpCall) || (d.start <= start && end <= d.end))
        .max_by_key(|(i, d)| {
            let shared = d.end.min(end) - d.start.max(start);
            let is_its_visit = d.kind == SpanKind::App && d.service == service && d.start <= start && end <= d.end;
            (!matches!(d.kind, SpanKind::Edge), shared >= 0, d.start <= start, is_its_visit, shared, std::cmp::Reverse(*i))
        })
        .map(|(i, _)| i)
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
    b.draw(d);
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
    b.spans_of(unit).iter().copied().filter(|i| b.spans[*i].kind == SpanKind::Task).collect()
}

/// A draft of a task execution.
pub fn execution_draft(unit: &Unit, item: &Item, index: usize, e: &Execution) -> Draft {
    Draft::of(SpanKind::Task, unit, item, index, e.start, e.end, e.evidence)
}

/// A draft of a wait.
pub fn wait_draft(kind: SpanKind, unit: &Unit, item: &Item, index: usize, start: i64, end: i64, evidence: Evidence) -> Draft {
    Draft::of(kind, unit, item, index, start, end, evidence)
}
