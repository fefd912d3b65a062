//! The whole request on a strip of lanes: where work, waits and failures lie, for finding the way on a long timeline.
//!
//! Guarantees: pure; at most [`LANES`] lanes whose pieces are merged where they touch, so that the size is bounded whatever the number of
//! steps; failures are kept apart, to be painted last.

use super::{
    Row,
    bars::{self, Look},
    failed,
};
use crate::{
    model::trace::{Span, Stage},
    web::{scale::WIDTH, time_map::TimeMap},
};

/// Most lanes.
pub const LANES: usize = 20;
/// Pieces of a lane nearer than this become one.
const NEAR: f64 = 3.0;
/// Narrowest piece.
const LEAST: f64 = 2.0;

/// A piece of a lane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Lane from above.
    pub lane: usize,
    /// Left edge.
    pub x: f64,
    /// Width.
    pub width: f64,
    /// Stage; waits are of their own.
    pub stage: Stage,
    /// Waiting.
    pub is_wait: bool,
    /// It ended badly.
    pub failed: bool,
}

/// Lanes of some rows.
pub fn overview(spans: &[Span], rows: &[Row], map: &TimeMap) -> (usize, Vec<Part>) {
    let lanes = rows.len().clamp(1, LANES);
    let mut parts: Vec<Part> = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let members = match row {
            Row::Step(step) => std::slice::from_ref(&step.span),
            Row::Group { spans, .. } => spans.as_slice(),
        };
        parts.extend(members.iter().map(|m| part(&spans[*m], i * lanes / rows.len().max(1), map)));
    }
    parts.sort_by(|a, b| (a.failed, a.lane, a.is_wait, a.stage).cmp(&(b.failed, b.lane, b.is_wait, b.stage)).then(a.x.total_cmp(&b.x)));
    let mut out: Vec<Part> = Vec::new();
    for part in parts {
        let same = |a: &Part, b: &Part| (a.failed, a.lane, a.is_wait, a.stage) == (b.failed, b.lane, b.is_wait, b.stage);
        match out.last_mut() {
            Some(last) if same(last, &part) && part.x <= last.x + last.width + NEAR => last.width = last.width.max(part.x + part.width - last.x),
            _ => out.push(part),
        }
    }
    (lanes, out)
}

fn part(span: &Span, lane: usize, map: &TimeMap) -> Part {
    let pieces = bars::pieces(span, &[], map);
    let (from, to) = bars::edges(&pieces);
    let width = (to - from).max(LEAST);
    let is_wait = pieces.iter().any(|p| p.look == Look::Wait);
    Part { lane, x: from.clamp(0.0, WIDTH - width), width, stage: span.kind.stage(), is_wait, failed: failed(span) }
}
