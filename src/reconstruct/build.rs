//! A tree of units with their lines becomes the public path document.
//!
//! Guarantees: the result depends on the lines and the profile alone, never on their order; every span but the root hangs under another.
//! It never decides which lines belong: the tree was built before. What a document says of the spans is `document`'s.

use crate::{
    model::{
        id::IdKind,
        profile::Profile,
        trace::{ClockBound, Evidence, LineRef, SpanKind, State, Trace},
    },
    reconstruct::{
        attempts, document,
        spans::{self, Builder},
        tree::Tree,
    },
};

/// A path with the lines a page shows beside it.
#[derive(Debug, Clone)]
pub struct Built {
    /// The document.
    pub trace: Trace,
    /// For each item of the tree in order: the span it belongs to.
    pub placed: Vec<Option<usize>>,
    /// Lines of severity error or worse.
    pub errors: u32,
    /// What it says of the clocks of its hosts.
    pub clocks: Vec<ClockBound>,
}

/// Rebuilds the path of a tree.
pub fn build(tree: &Tree, profile: &Profile) -> Built {
    let mut b = spans::build(tree, profile);
    let mut attempts = attempts::model_attempts(&mut b);
    let new_index = order_spans(&mut b);
    attempts.fallback_span = attempts.fallback_span.map(|span| new_index[span]);
    let root = root_span(&b);
    if let Some(root) = root {
        hang_orphans(&mut b, root);
        mark_blocking(&mut b, root);
    }
    document::finish(&b, root, &attempts)
}

/// The outermost span: the edge that began first, else the visit, else whatever began first without a parent.
fn root_span(b: &Builder<'_>) -> Option<usize> {
    (0..b.spans.len()).filter(|i| b.spans[*i].parent.is_none()).min_by_key(|i| {
        let d = &b.spans[*i];
        let rank = match d.kind {
            SpanKind::Edge => 0,
            SpanKind::App => 1,
            SpanKind::Task => 2,
            k if k.is_wait() => 4,
            _ => 3,
        };
        // A wait is never the root of anything: the task behind it is.
        (rank, d.start, std::cmp::Reverse(d.end), *i)
    })
}

fn hang_orphans(b: &mut Builder<'_>, root: usize) {
    for i in 0..b.spans.len() {
        if i != root && b.spans[i].parent.is_none() {
            b.spans[i].parent = Some(root);
        }
    }
}

/// Sorts spans by start (parents before children at one instant) and renumbers their parents; the new number of each old one.
fn order_spans(b: &mut Builder<'_>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..b.spans.len()).collect();
    let rank = |k: SpanKind| SpanKind::ALL.iter().position(|x| *x == k);
    order.sort_by(|x, y| {
        let key = |i: usize| {
            let d = &b.spans[i];
            (d.start, rank(d.kind), std::cmp::Reverse(d.end), &d.name, &d.unit, d.attempt)
        };
        key(*x).cmp(&key(*y)).then_with(|| lines_of(b, *x).cmp(&lines_of(b, *y)))
    });
    let mut new_index = vec![0; order.len()];
    for (new, old) in order.iter().enumerate() {
        new_index[*old] = new;
    }
    // In place: of a long request the spans are megabytes.
    let mut to = new_index.clone();
    for at in 0..to.len() {
        while to[at] != at {
            let next = to[at];
            b.spans.swap(at, next);
            to.swap(at, next);
        }
    }
    for d in &mut b.spans {
        d.parent = d.parent.map(|p| new_index[p]);
    }
    b.reindex();
    new_index
}

fn lines_of(b: &Builder<'_>, span: usize) -> Vec<LineRef> {
    b.spans[span].items.iter().map(|i| b.tree.items[*i].line.clone()).collect()
}

/// The response waits for a span unless it, or a span above it, went through a queue the parent did not wait for.
fn mark_blocking(b: &mut Builder<'_>, root: usize) {
    let root_end = b.spans[root].end;
    let slack = 2 * b.spans[root].quantum_ns + 5_000_000;
    let by_itself: Vec<bool> = (0..b.spans.len()).map(|i| i == root || !is_handed_over(b, i) || awaited(b, i)).collect();
    // What hangs under work that nobody waits for is not waited for either.
    let mut known: Vec<Option<bool>> = vec![None; b.spans.len()];
    for i in 0..b.spans.len() {
        let (mut path, mut cursor, mut found) = (Vec::new(), Some(i), true);
        while let Some(at) = cursor.filter(|_| path.len() <= b.spans.len()) {
            if let Some(above) = known[at] {
                found = above;
                break;
            }
            path.push(at);
            if !by_itself[at] {
                found = false;
                break;
            }
            cursor = b.spans[at].parent;
        }
        path.into_iter().for_each(|at| known[at] = Some(found));
    }
    for (d, known) in b.spans.iter_mut().zip(known) {
        d.blocking = known == Some(true) && d.start < root_end.saturating_add(slack);
    }
}

fn is_handed_over(b: &Builder<'_>, span: usize) -> bool {
    matches!(b.spans[span].kind, SpanKind::Task | SpanKind::QueueWait | SpanKind::ScheduledDelay) || is_task_retry(b, span)
}

fn is_task_retry(b: &Builder<'_>, span: usize) -> bool {
    let d = &b.spans[span];
    d.kind == SpanKind::RetryWait && b.tree.units.get(&d.unit).is_some_and(|u| u.kind == IdKind::Task) && b.spans[span].main.is_none() && !model_wait(b, span)
}

fn model_wait(b: &Builder<'_>, span: usize) -> bool {
    let d = &b.spans[span];
    b.spans.iter().any(|m| m.kind == SpanKind::ModelCall && m.start == d.end && m.parent == d.parent && m.unit == d.unit)
        || b.spans.iter().any(|m| m.kind == SpanKind::ModelCall && m.end == d.start && m.parent == d.parent)
}

/// A hand-over is awaited when its parent is a call that outlasts it (a tool that runs a job), or the parent logs a line naming the
/// task after the task ended.
fn awaited(b: &Builder<'_>, span: usize) -> bool {
    let d = &b.spans[span];
    let Some(parent) = d.parent.map(|p| &b.spans[p]) else { return true };
    let runs = b.spans_of(&d.unit).iter().map(|i| &b.spans[*i]).filter(|t| t.kind == SpanKind::Task);
    let last_end = runs.map(|t| t.end).max().unwrap_or(d.end);
    // Clocks of other hosts may stand off; one quantum of either is no argument.
    let slack = 2 * parent.quantum_ns.max(d.quantum_ns);
    if parent.kind == SpanKind::Tool || parent.kind == SpanKind::HttpCall {
        return parent.end + slack >= d.start;
    }
    if parent.end + slack < last_end {
        return false;
    }
    b.naming(&d.unit).iter().map(|i| (*i, &b.tree.items[*i])).any(|(i, item)| {
        item.time_ns.is_some_and(|t| t + slack >= last_end && t <= parent.end + slack)
            && item.reference(&d.unit).is_some()
            && (b.owner[i].as_deref() == Some(&*parent.unit) || item.service() == parent.service)
            && !d.items.contains(&i)
    })
}

/// Whether a state means that something went wrong.
pub fn is_bad(state: State) -> bool {
    !matches!(state, State::Ok)
}

/// Evidence is a lower bound only.
pub fn is_bound(evidence: Evidence) -> bool {
    evidence == Evidence::Observed
}
