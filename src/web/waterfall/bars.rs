//! Geometry of one row: the pieces of a bar, the side of its label, the marks of its lines, as numbers.
//!
//! Guarantees: pure; a bar that lies in view is at least [`MIN_WIDTH`] wide and none leaves the drawing. Never formats a number.

use crate::{
    model::{
        entry::Severity,
        trace::{Evidence, Span},
    },
    web::{scale::WIDTH, time_map::TimeMap},
};

/// Narrowest bar: about two pixels on a wide screen.
pub const MIN_WIDTH: f64 = 2.4;
/// Own parts of a step up to this number are drawn one by one.
const MANY: usize = 120;
/// Width within which own parts of a step with more of them are joined.
const THIN: f64 = 4.0;
/// Log marks nearer than this become one.
const CLUSTER: f64 = 7.0;
/// Width of a character of a label, for choosing its side.
const CHARACTER: f64 = 8.6;

/// How a piece of a bar looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Look {
    /// Its own time.
    Own,
    /// Time in which a child runs.
    Child,
    /// Waiting.
    Wait,
    /// Before the first token.
    FirstToken,
    /// From the first token on.
    Stream,
    /// First to last line: a lower bound.
    Observed,
    /// Began, no end seen.
    Open,
}

/// A piece of a bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// Left edge.
    pub x: f64,
    /// Width.
    pub width: f64,
    /// Look.
    pub look: Look,
}

/// Side of a bar on which its label stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// To the right of the bar.
    Right,
    /// To its left.
    Left,
    /// On it, from its left edge.
    Over,
}

/// Log lines of a step that stand close together.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Place.
    pub x: f64,
    /// Lines.
    pub count: usize,
    /// Worst severity.
    pub worst: Severity,
}

/// Where a step lies beside the time in view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InView {
    /// Some of it is in view.
    Inside,
    /// It ended before.
    Before,
    /// It begins after.
    After,
}

/// Where a step lies beside the time in view.
pub fn in_view(span: &Span, map: &TimeMap) -> InView {
    let end = if span.unfinished && span.end.is_none() { i64::MAX } else { span.end_or_start().0 };
    if end < map.from() {
        InView::Before
    } else if span.start.0 > map.to() {
        InView::After
    } else {
        InView::Inside
    }
}

/// First begin to last end of some spans; an unfinished one reaches at least to its begin.
pub fn extent<'a>(spans: impl Iterator<Item = &'a Span>) -> Option<(i64, i64)> {
    spans.map(|s| (s.start.0, s.end_or_start().0)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// The pieces of a span's bar: one, or its own parts before a pale whole, or first token and stream.
pub fn pieces(span: &Span, children: &[&Span], map: &TimeMap) -> Vec<Piece> {
    let (from, to) = (span.start.0, span.end_or_start().0);
    let whole = |look| piece(map, from, to, look);
    if span.kind.is_wait() {
        return vec![whole(if span.unfinished { Look::Open } else { Look::Wait })];
    }
    if span.unfinished {
        return vec![piece(map, from, if span.end.is_some() && to > from { to } else { map.to() }, Look::Open)];
    }
    if let Some(first) = span.model.as_ref().and_then(|m| m.first_token_ns).filter(|f| *f > 0 && *f < to - from) {
        let (a, b) = (piece(map, from, from + first, Look::FirstToken), piece(map, from + first, to, Look::Stream));
        return vec![a, b];
    }
    let outer = if span.evidence == Evidence::Observed { Look::Observed } else { Look::Child };
    if children.is_empty() {
        return vec![whole(if outer == Look::Observed { outer } else { Look::Own })];
    }
    let mut out = vec![whole(outer)];
    out.extend(visible(own_time(span, children).into_iter().map(|(a, b)| (map.x(a), map.x(b)))));
    out
}

/// Own parts as they can be seen: of a step with very many, those narrower than [`THIN`] are joined with what lies beside them, drawn as
/// wide as they are together, so that their number is bounded by the width.
fn visible(parts: impl Iterator<Item = (f64, f64)>) -> Vec<Piece> {
    let parts: Vec<(f64, f64)> = parts.collect();
    let own = |x: f64, width: f64| Piece { x: x.min(WIDTH - width), width, look: Look::Own };
    if parts.len() <= MANY {
        // Widening them would claim time that children have.
        return parts.into_iter().map(|(a, b)| own(a, (b - a).max(1.0))).collect();
    }
    let mut out: Vec<Piece> = Vec::new();
    let (mut from, mut sum) = (0.0, 0.0);
    for (a, b) in parts {
        if sum == 0.0 {
            from = a;
        }
        sum += b - a;
        if b - from >= THIN {
            if sum >= THIN / 4.0 {
                out.push(own(from, sum.max(1.0)));
            }
            sum = 0.0;
        }
    }
    out
}

/// The parts of a span's interval in which none of its children is.
pub fn own_time(span: &Span, children: &[&Span]) -> Vec<(i64, i64)> {
    let (from, to) = (span.start.0, span.end_or_start().0);
    let mut busy: Vec<(i64, i64)> = children.iter().map(|c| (c.start.0.clamp(from, to), c.end_or_start().0.clamp(from, to))).filter(|(a, b)| b > a).collect();
    busy.sort_unstable();
    let (mut at, mut out) = (from, Vec::new());
    for (a, b) in busy {
        if a > at {
            out.push((at, a));
        }
        at = at.max(b);
    }
    if to > at {
        out.push((at, to));
    }
    out
}

fn piece(map: &TimeMap, from: i64, to: i64, look: Look) -> Piece {
    let (a, b) = (map.x(from), map.x(to));
    let width = (b - a).max(MIN_WIDTH);
    Piece { x: a.min(WIDTH - width), width, look }
}

/// The pieces of many bars on one row: those that touch become one, so that their number is bounded by the width.
pub fn merged(mut pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.sort_by(|a, b| a.x.total_cmp(&b.x));
    let mut out: Vec<Piece> = Vec::new();
    for piece in pieces {
        match out.last_mut() {
            Some(last) if piece.x <= last.x + last.width && piece.look == last.look => last.width = last.width.max(piece.x + piece.width - last.x),
            _ => out.push(piece),
        }
    }
    out
}

/// Where a bar ends on both sides.
pub fn edges(pieces: &[Piece]) -> (f64, f64) {
    pieces.iter().fold((WIDTH, 0.0), |(a, b), p| (p.x.min(a), (p.x + p.width).max(b)))
}

/// The side of a bar with room for a label of so many characters.
pub fn side(edges: (f64, f64), characters: usize) -> Side {
    let needed = characters as f64 * CHARACTER + 10.0;
    if WIDTH - edges.1 >= needed {
        Side::Right
    } else if edges.0 >= needed {
        Side::Left
    } else {
        Side::Over
    }
}

/// Log lines as marks; those that would touch become one with the worst severity.
pub fn marks(map: &TimeMap, mut lines: Vec<(i64, Severity)>) -> Vec<Mark> {
    lines.sort_unstable();
    let mut out: Vec<Mark> = Vec::new();
    for (at, severity) in lines {
        let x = map.x(at);
        match out.last_mut() {
            Some(last) if x - last.x < CLUSTER => {
                last.count += 1;
                last.worst = last.worst.max(severity);
            }
            _ => out.push(Mark { x, count: 1, worst: severity }),
        }
    }
    out
}
