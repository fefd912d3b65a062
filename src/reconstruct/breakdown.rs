//! The breakdown: every nanosecond of the response, and of the time to completion, belongs to exactly one segment.
//!
//! Guarantees: segments are disjoint, ordered, and add up to the total exactly; what no line vouches for is *unaccounted* and spread
//! over nothing. It never changes a span.

use crate::{
    model::trace::{Breakdown, Evidence, SegmentKind, SpanKind},
    reconstruct::{
        critical_path::{self, Node, Piece},
        spans::Draft,
    },
};
use std::collections::BTreeMap;

/// A segment before spans have their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Kind.
    pub kind: SegmentKind,
    /// Span.
    pub span: Option<usize>,
    /// Begin.
    pub start: i64,
    /// Length.
    pub ns: i64,
}

/// First token of a model span, as nanoseconds from its start.
pub type FirstTokens = BTreeMap<usize, i64>;

/// Parts of the response: the root's interval along its blocking children.
pub fn response(spans: &[Draft], root: usize, first_tokens: &FirstTokens) -> Vec<Part> {
    let nodes = nodes(spans);
    let children = children(spans);
    let blocking = |of: usize| children[of].iter().copied().filter(|c| spans[*c].blocking).collect::<Vec<_>>();
    let r = &spans[root];
    let pieces = critical_path::walk(&nodes, &[root], &blocking, r.start, r.end, &|owner| tolerance(&spans[owner.unwrap_or(root)]));
    parts(spans, &pieces, first_tokens)
}

/// Parts from `from` (the response's end) to `to` (the last end): work that nobody waited for, each run of a task a frame of its own.
pub fn after(spans: &[Draft], root: usize, from: i64, to: i64, first_tokens: &FirstTokens) -> Vec<Part> {
    let nodes = nodes(spans);
    let detached = |i: &usize| *i != root && (!spans[*i].blocking || spans[*i].end > from);
    let top: Vec<usize> = (0..spans.len())
        .filter(detached)
        .filter(|i| {
            let inside_detached = std::iter::successors(spans[*i].parent, |p| spans[*p].parent).any(|p| detached(&p) && starts_frame(spans, p) && spans[*i].start <= spans[p].end);
            starts_frame(spans, *i) || !inside_detached
        })
        .collect();
    let children = children(spans);
    let kids = |of: usize| children[of].iter().copied().filter(|c| !starts_frame(spans, *c)).collect::<Vec<_>>();
    let pieces = critical_path::walk(&nodes, &top, &kids, from, to, &|_| 0);
    parts(spans, &pieces, first_tokens)
}

/// Runs of tasks and waits stand beside each other after the response: a task that hands over and ends is no parent in time. A wait
/// between two tries inside a run, or inside a visit that the run makes, is a part of that.
fn starts_frame(spans: &[Draft], i: usize) -> bool {
    let d = &spans[i];
    let inside_run =
        d.kind == SpanKind::RetryWait && d.parent.is_some_and(|p| matches!(spans[p].kind, SpanKind::Task | SpanKind::App) && spans[p].start <= d.start && d.end <= spans[p].end);
    d.kind == SpanKind::Task || (d.kind.is_wait() && !inside_run)
}

/// Totals of parts as the document states them; span names are filled in by the caller.
pub fn totals(parts: &[Part], name: &dyn Fn(usize) -> String) -> Breakdown {
    let mut by_kind_ns = BTreeMap::new();
    let mut total_ns = 0;
    let segments = parts
        .iter()
        .map(|p| {
            *by_kind_ns.entry(p.kind).or_insert(0) += p.ns;
            total_ns += p.ns;
            crate::model::trace::Segment { kind: p.kind, span: p.span.map(name), start: crate::model::time::UnixNanos(p.start), ns: p.ns }
        })
        .collect();
    Breakdown { total_ns, segments, by_kind_ns }
}

fn nodes(spans: &[Draft]) -> Vec<Node> {
    spans.iter().map(|d| Node { start: d.start, end: d.end }).collect()
}

fn children(spans: &[Draft]) -> Vec<Vec<usize>> {
    let mut out = vec![Vec::new(); spans.len()];
    for (index, span) in spans.iter().enumerate() {
        if let Some(parent) = span.parent {
            out[parent].push(index);
        }
    }
    out
}

/// Two quanta or one hundredth of the parent, whichever is more (`reconstruction.md` section 5).
fn tolerance(parent: &Draft) -> i64 {
    (2 * parent.quantum_ns).max((parent.end - parent.start) / 100)
}

fn parts(spans: &[Draft], pieces: &[Piece], first_tokens: &FirstTokens) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::with_capacity(pieces.len());
    let mut add = |part: Part| {
        if part.ns <= 0 {
            return;
        }
        match out.last_mut() {
            Some(last) if last.kind == part.kind && last.span == part.span && last.start + last.ns == part.start => last.ns += part.ns,
            _ => out.push(part),
        }
    };
    for piece in pieces {
        let (start, end) = (piece.start, piece.end);
        let Some(owner) = piece.owner else {
            add(Part { kind: SegmentKind::Unaccounted, span: None, start, ns: end - start });
            continue;
        };
        let d = &spans[owner];
        if d.kind == SpanKind::ModelCall
            && let Some(first) = first_tokens.get(&owner)
        {
            let cut = (d.start + first).clamp(start, end);
            add(Part { kind: SegmentKind::ModelFirstToken, span: Some(owner), start, ns: cut - start });
            add(Part { kind: SegmentKind::ModelStream, span: Some(owner), start: cut, ns: end - cut });
            continue;
        }
        add(Part { kind: own_kind(d), span: Some(owner), start, ns: end - start });
    }
    out
}

fn own_kind(d: &Draft) -> SegmentKind {
    match d.kind {
        SpanKind::Edge => SegmentKind::Edge,
        SpanKind::App => SegmentKind::App,
        SpanKind::Task => SegmentKind::Task,
        SpanKind::ModelCall => SegmentKind::ModelCall,
        SpanKind::Tool => SegmentKind::Tool,
        SpanKind::DbWrite => SegmentKind::DbWrite,
        SpanKind::HttpCall => SegmentKind::HttpCall,
        SpanKind::QueueWait => SegmentKind::QueueWait,
        SpanKind::ScheduledDelay => SegmentKind::ScheduledDelay,
        SpanKind::RetryWait => SegmentKind::RetryWait,
        SpanKind::Other => SegmentKind::Other,
    }
}

/// Wall time covered by each kind.
pub fn busy(spans: &[Draft]) -> BTreeMap<SpanKind, i64> {
    let mut by_kind: BTreeMap<SpanKind, Vec<(i64, i64)>> = BTreeMap::new();
    for d in spans.iter().filter(|d| d.end > d.start && !(d.unfinished && d.evidence == Evidence::Assumed)) {
        by_kind.entry(d.kind).or_default().push((d.start, d.end));
    }
    by_kind.into_iter().map(|(kind, intervals)| (kind, union(intervals))).collect()
}

fn union(mut intervals: Vec<(i64, i64)>) -> i64 {
    intervals.sort_unstable();
    let mut total = 0;
    let mut end = i64::MIN;
    for (s, e) in intervals {
        if s >= end {
            total += e - s;
            end = e;
        } else if e > end {
            total += e - end;
            end = e;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::union;

    #[test]
    fn overlapping_intervals_count_once() {
        assert_eq!(union(vec![(0, 10), (5, 15), (20, 25)]), 20);
        assert_eq!(union(vec![(5, 7), (0, 10)]), 10);
    }
}
