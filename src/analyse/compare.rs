//! Two paths side by side, or one beside the medians of its route: which part made the difference.
//!
//! Guarantees: pure functions of paths. The time of a part is its time on the critical path to completion, so the differences of all rows,
//! the one of unaccounted time among them, add up to the difference of the two totals to the nanosecond. Medians do not add up to the
//! median of the totals: what is left is a row of its own. Never decides what a page shows and never guesses a part for a side without it.

use crate::model::{
    summary::Typical,
    trace::{Outcome, SegmentKind, Span, SpanKind, Stage, Trace},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// From this many finished requests up a route has medians to compare with.
pub const ENOUGH: u64 = 20;

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// Steps of a kind.
    Steps(SpanKind),
    /// Time that belongs to no step: unaccounted.
    Time(SegmentKind),
}

impl What {
    /// The stage; `None` for unaccounted time.
    pub fn stage(self) -> Option<Stage> {
        match self {
            Self::Steps(kind) => Some(kind.stage()),
            Self::Time(kind) => kind.stage(),
        }
    }

    /// The word of its kind.
    pub fn word(self) -> &'static str {
        match self {
            Self::Steps(kind) => kind.word(),
            Self::Time(kind) => kind.word(),
        }
    }
}

/// A part of one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Its name there.
    pub name: String,
    /// Queue it waited in or was taken from.
    pub queue: Option<String>,
    /// Steps.
    pub steps: u64,
    /// Steps that failed.
    pub failed: u64,
    /// Time on the critical path.
    pub path_ns: i64,
    /// The same by kind, in the order of time.
    pub by_kind_ns: Vec<(SegmentKind, i64)>,
    /// Lengths of the steps together: may exceed the time on the path where they ran side by side or beside it.
    pub duration_ns: i64,
    /// Its step with most time on the path, by index.
    pub step: Option<usize>,
    /// Begin of its first step, from the begin of the request.
    start_ns: i64,
    step_path_ns: i64,
}

/// A part in both, or in one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub what: What,
    /// Which attempt, from the second on; first attempts and steps that state none are one row.
    pub attempt: Option<u32>,
    /// In A.
    pub a: Option<Side>,
    /// In B.
    pub b: Option<Side>,
    /// B less A, on the critical path.
    pub difference_ns: i64,
}

impl Row {
    fn new(what: What, attempt: Option<u32>, a: Option<Side>, b: Option<Side>) -> Self {
        let path_ns = |side: &Option<Side>| side.as_ref().map_or(0, |s| s.path_ns);
        Self { what, attempt, difference_ns: path_ns(&b) - path_ns(&a), a, b }
    }
}

/// Two paths, part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Time of A to completion.
    pub a_total_ns: i64,
    /// Time of B to completion.
    pub b_total_ns: i64,
    /// Parts in the order of the paths, unaccounted time last.
    pub rows: Vec<Row>,
    /// The row that contributes most to the difference; none when no part differs.
    pub largest: Option<usize>,
}

impl Comparison {
    /// B less A.
    pub fn difference_ns(&self) -> i64 {
        self.b_total_ns - self.a_total_ns
    }
}

/// Aligns two paths by kind, name and attempt.
pub fn compare(a: &Trace, b: &Trace) -> Comparison {
    let (ours, theirs) = (parts(a), parts(b));
    let names = other_names(&ours, &theirs);
    let mut rows: Vec<(Key, Option<Side>, Option<Side>)> = ours.into_iter().map(|(key, side)| (key, Some(side), None)).collect();
    let places: HashMap<Key, usize> = rows.iter().enumerate().map(|(i, row)| (row.0.clone(), i)).collect();
    for (mut key, side) in theirs {
        if let Some(name) = names.get(&(key.0, key.1.clone())) {
            key.1.clone_from(name);
        }
        match places.get(&key) {
            Some(at) => rows[*at].2 = Some(side),
            None => rows.push((key, None, Some(side))),
        }
    }
    let start = |side: &Option<Side>| side.as_ref().map_or(i64::MAX, |s| s.start_ns);
    rows.sort_by_key(|(key, a, b)| (!matches!(key.0, What::Steps(_)), start(a).min(start(b))));
    let mut rows: Vec<Row> = rows.into_iter().map(|((what, _, attempt), a, b)| Row::new(what, attempt, a, b)).collect();
    let (a_total_ns, b_total_ns) = (a.completion.total_ns, b.completion.total_ns);
    rows.extend(unaccounted(a_total_ns, b_total_ns, &rows));
    let largest = largest(rows.iter().map(|r| r.difference_ns), b_total_ns - a_total_ns);
    Comparison { a_total_ns, b_total_ns, rows, largest }
}

/// Kind, name and attempt.
type Key = (What, String, Option<u32>);

/// The parts of a path in the order of their first step.
fn parts(trace: &Trace) -> Vec<(Key, Side)> {
    let by_id: HashMap<&str, usize> = trace.spans.iter().enumerate().map(|(i, s)| (s.id.as_str(), i)).collect();
    let mut times: Vec<Vec<(SegmentKind, i64)>> = vec![Vec::new(); trace.spans.len()];
    let mut without_step: BTreeMap<SegmentKind, i64> = BTreeMap::new();
    for segment in trace.completion.segments.iter().filter(|s| s.kind != SegmentKind::Unaccounted) {
        match segment.span.as_deref().and_then(|id| by_id.get(id)) {
            Some(at) => add_time(&mut times[*at], segment.kind, segment.ns),
            None => *without_step.entry(segment.kind).or_default() += segment.ns,
        }
    }
    let zero = trace.start.or_else(|| trace.spans.iter().map(|s| s.start).min()).map_or(0, |t| t.0);
    let mut order: Vec<usize> = (0..trace.spans.len()).collect();
    order.sort_by_key(|i| trace.spans[*i].start);
    let (mut places, mut out): (HashMap<Key, usize>, Vec<(Key, Side)>) = (HashMap::new(), Vec::new());
    for i in order {
        let span = &trace.spans[i];
        let key = (What::Steps(span.kind), span.name.clone(), span.attempt.filter(|n| *n > 1));
        let place = *places.entry(key.clone()).or_insert(out.len());
        if place == out.len() {
            out.push((key, Side::empty(&span.name, span.start.0.saturating_sub(zero))));
        }
        out[place].1.add(i, span, &times[i]);
    }
    out.extend(without_step.into_iter().map(|(kind, ns)| ((What::Time(kind), String::new(), None), Side::of_time(kind, ns))));
    out
}

fn add_time(times: &mut Vec<(SegmentKind, i64)>, kind: SegmentKind, ns: i64) {
    match times.iter_mut().find(|(k, _)| *k == kind) {
        Some(time) => time.1 += ns,
        None => times.push((kind, ns)),
    }
}

impl Side {
    fn empty(name: &str, start_ns: i64) -> Self {
        Self { name: name.to_owned(), queue: None, steps: 0, failed: 0, path_ns: 0, by_kind_ns: Vec::new(), duration_ns: 0, step: None, start_ns, step_path_ns: -1 }
    }

    fn of_time(kind: SegmentKind, ns: i64) -> Self {
        Self { path_ns: ns, duration_ns: ns, by_kind_ns: vec![(kind, ns)], ..Self::empty("", i64::MAX) }
    }

    fn add(&mut self, index: usize, span: &Span, times: &[(SegmentKind, i64)]) {
        let path_ns: i64 = times.iter().map(|(_, ns)| ns).sum();
        self.steps += 1;
        self.failed += u64::from(matches!(span.outcome, Outcome::Error | Outcome::Timeout));
        self.path_ns += path_ns;
        self.duration_ns = self.duration_ns.saturating_add(span.duration_ns());
        times.iter().for_each(|(kind, ns)| add_time(&mut self.by_kind_ns, *kind, *ns));
        if path_ns > self.step_path_ns {
            (self.step, self.step_path_ns) = (Some(index), path_ns);
        }
        if self.queue.is_none() {
            self.queue.clone_from(&span.queue);
        }
    }
}

/// A name says by whom or for what a step of this kind was done, not what was done: the model, the route, the task waited for. The steps
/// of two names are then the same stage of two paths. Of tools, writes and whatever else another name is other work.
fn may_bear_other_names(kind: SpanKind) -> bool {
    !matches!(kind, SpanKind::Tool | SpanKind::DbWrite | SpanKind::Other)
}

/// For names that B alone has, the name that A alone has in its place: by kind, in the order of the paths.
fn other_names(ours: &[(Key, Side)], theirs: &[(Key, Side)]) -> HashMap<(What, String), String> {
    let mut out = HashMap::new();
    for kind in SpanKind::ALL.iter().copied().filter(|kind| may_bear_other_names(*kind)) {
        let what = What::Steps(kind);
        let (of_a, of_b) = (names(ours, what), names(theirs, what));
        let known: (BTreeSet<&str>, BTreeSet<&str>) = (of_a.iter().copied().collect(), of_b.iter().copied().collect());
        let in_a_alone = of_a.iter().filter(|n| !known.1.contains(*n));
        let in_b_alone = of_b.iter().filter(|n| !known.0.contains(*n));
        out.extend(in_b_alone.zip(in_a_alone).map(|(b, a)| ((what, (*b).to_owned()), (*a).to_owned())));
    }
    out
}

/// The names of a kind, each once, in the order of the path.
fn names(parts: &[(Key, Side)], what: What) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    parts.iter().filter(|(key, _)| key.0 == what).map(|(key, _)| key.1.as_str()).filter(|name| seen.insert(*name)).collect()
}

/// What the steps leave of the totals.
fn unaccounted(a_total_ns: i64, b_total_ns: i64, rows: &[Row]) -> Option<Row> {
    let left = |total: i64, of: fn(&Row) -> &Option<Side>| {
        let ns = total - rows.iter().filter_map(|r| of(r).as_ref()).map(|s| s.path_ns).sum::<i64>();
        (ns != 0).then(|| Side::of_time(SegmentKind::Unaccounted, ns))
    };
    let (a, b) = (left(a_total_ns, |r| &r.a), left(b_total_ns, |r| &r.b));
    (a.is_some() || b.is_some()).then(|| Row::new(What::Time(SegmentKind::Unaccounted), None, a, b))
}

/// The first of the largest differences in the direction of the whole one; of two that take the same time, the largest in either direction.
fn largest(differences: impl Iterator<Item = i64>, whole_ns: i64) -> Option<usize> {
    let weight = |ns: i64| if whole_ns == 0 { ns.saturating_abs() } else { ns.saturating_mul(whole_ns.signum()) };
    let weighed = differences.map(weight).enumerate().filter(|(_, w)| *w > 0);
    weighed.max_by_key(|(i, w)| (*w, std::cmp::Reverse(*i))).map(|(i, _)| i)
}

/// A kind of time beside its median.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsualRow {
    /// The kind; `None`: what the medians of the kinds leave of the median of the totals.
    pub kind: Option<SegmentKind>,
    /// Time of the request.
    pub path_ns: i64,
    /// Median.
    pub p50_ns: i64,
    /// 95th percentile; 0 where there is no kind.
    pub p95_ns: i64,
    /// The request less the median.
    pub difference_ns: i64,
}

/// One path beside the medians of its route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usual {
    /// Time of the request to completion.
    pub total_ns: i64,
    /// What is typical of the totals.
    pub typical: Typical,
    /// Kinds in the order of the path, then those it lacks, then what the medians leave.
    pub rows: Vec<UsualRow>,
    /// The kind that contributes most to the difference; never what the medians leave.
    pub largest: Option<usize>,
}

impl Usual {
    /// The request less the median.
    pub fn difference_ns(&self) -> i64 {
        self.total_ns - self.typical.p50_ns
    }
}

/// Why there is nothing to compare with, or the comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// The request has no route, or none of its route is finished.
    Nothing,
    /// Fewer than [`ENOUGH`].
    TooFew {
        /// How many.
        n: u64,
    },
    /// Enough.
    Usual(Usual),
}

/// One path beside what is typical of its route.
pub fn against_usual(trace: &Trace, typical: Option<Typical>, by_kind: &BTreeMap<SegmentKind, Typical>) -> Against {
    let Some(typical) = typical.filter(|t| t.n > 0) else { return Against::Nothing };
    if typical.n < ENOUGH {
        return Against::TooFew { n: typical.n };
    }
    let row = |kind: SegmentKind| {
        let (path_ns, usual) = (trace.completion.by_kind_ns.get(&kind).copied().unwrap_or(0), by_kind.get(&kind).copied().unwrap_or_default());
        UsualRow { kind: Some(kind), path_ns, p50_ns: usual.p50_ns, p95_ns: usual.p95_ns, difference_ns: path_ns - usual.p50_ns }
    };
    let mut rows: Vec<UsualRow> = kinds_in_order(trace, by_kind).into_iter().map(row).filter(|r| r.path_ns != 0 || r.p50_ns != 0).collect();
    let total_ns = trace.completion.total_ns;
    let largest = largest(rows.iter().map(|r| r.difference_ns), total_ns - typical.p50_ns);
    let (path_ns, p50_ns) = rows.iter().fold((total_ns, typical.p50_ns), |(path, p50), r| (path - r.path_ns, p50 - r.p50_ns));
    if path_ns != 0 || p50_ns != 0 {
        rows.push(UsualRow { kind: None, path_ns, p50_ns, p95_ns: 0, difference_ns: path_ns - p50_ns });
    }
    Against::Usual(Usual { total_ns, typical, rows, largest })
}

/// Kinds of time in the order of a path, then those that others have; unaccounted time last.
fn kinds_in_order(trace: &Trace, by_kind: &BTreeMap<SegmentKind, Typical>) -> Vec<SegmentKind> {
    let mut seen = BTreeSet::new();
    let own = trace.completion.segments.iter().map(|s| s.kind).chain(trace.completion.by_kind_ns.keys().copied());
    let mut out: Vec<SegmentKind> = own.chain(by_kind.keys().copied()).filter(|kind| seen.insert(*kind)).collect();
    out.sort_by_key(|kind| *kind == SegmentKind::Unaccounted);
    out
}

#[cfg(test)]
mod tests;
