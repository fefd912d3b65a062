//! Stretches of a request in which nothing worked: what a timeline may draw as a break.
//!
//! Guarantees: pure; gaps are disjoint, in order, at least a tenth of the whole and a second long. A step that runs is never inside one; a
//! wait may be.

use super::bars::own_time;
use crate::model::trace::Span;

/// Shortest gap that is drawn as a break.
const LEAST_NS: i64 = 1_000_000_000;
/// As a part of the whole: a tenth.
const LEAST_PART: i64 = 10;

/// The gaps between two instants. A step works in its own time, in which none of the steps below it is; a wait never works.
pub fn gaps(spans: &[Span], children: &[Vec<usize>], from: i64, to: i64) -> Vec<(i64, i64)> {
    let least = LEAST_NS.max(to.saturating_sub(from) / LEAST_PART);
    let mut works: Vec<(i64, i64)> = Vec::with_capacity(spans.len());
    for (span, below) in spans.iter().zip(children).filter(|(s, _)| !s.kind.is_wait()) {
        let below: Vec<&Span> = below.iter().map(|i| &spans[*i]).collect();
        // An instant is activity too.
        works.push((span.start.0, span.start.0));
        works.push((span.end_or_start().0, span.end_or_start().0));
        works.extend(own_time(span, &below));
    }
    works.sort_unstable();
    let (mut out, mut at) = (Vec::new(), from);
    for (a, b) in works.into_iter().chain([(to, to)]) {
        if a > at && a.min(to).saturating_sub(at) >= least {
            out.push((at, a.min(to)));
        }
        at = at.max(b);
    }
    out
}
