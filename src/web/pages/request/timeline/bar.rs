//! A bar with its label, the marks of its lines and what reaches beyond it.
//!
//! Guarantees: a label never hides a bar: it stands beside it, on the side with room, or on it with a ground of its own; a step outside of
//! what is in view has no bar and says on which side it lies.

use super::super::context::Context;
use crate::{
    model::{
        entry::Severity,
        trace::{Evidence, SegmentKind, Span, SpanKind},
    },
    web::{
        format,
        pages::parts,
        scale::Units,
        time_map::TimeMap,
        waterfall::{
            self,
            bars::{self, InView, Look, Side},
        },
    },
};

/// A bar.
pub struct Bar {
    /// Pieces.
    pub pieces: Vec<PieceView>,
    /// Thin lines to children that begin before it or end after it.
    pub reach: Vec<(Units, Units)>,
    /// Its time on the critical path.
    pub path: Vec<(Units, Units)>,
    /// Lines of the log.
    pub marks: Vec<MarkView>,
    /// Right edge, for the mark of a failure.
    pub end: Units,
    /// Text beside it.
    pub label: String,
    /// Where the text begins or ends.
    pub label_x: Units,
    /// `right`, `left` or `over`.
    pub side: &'static str,
    /// On which side of what is in view it lies; empty: it is in view.
    pub outside: &'static str,
}

/// A piece of a bar.
pub struct PieceView {
    /// Left edge.
    pub x: Units,
    /// Width.
    pub width: Units,
    /// Classes.
    pub class: String,
}

/// A mark.
pub struct MarkView {
    /// Place.
    pub x: Units,
    /// `info`, `warn` or `error`: which shape.
    pub shape: &'static str,
    /// Number of lines, when it is worth a word.
    pub count: String,
    /// Words.
    pub title: String,
}

/// The bar of a step. `path` are its stretches on the critical path, `lines` the times and severities of its lines.
pub fn bar(c: &Context<'_>, map: &TimeMap, index: usize, lines: &[(i64, Severity)], path: &[(i64, i64)]) -> Bar {
    let span = &c.trace.spans[index];
    let outside = match bars::in_view(span, map) {
        InView::Inside => "",
        InView::Before => return out_of_view(span, "◂ before"),
        InView::After => return out_of_view(span, "after ▸"),
    };
    let children: Vec<&Span> = c.children[index].iter().map(|i| &c.trace.spans[*i]).collect();
    let pieces = bars::pieces(span, &children, map);
    let edges = bars::edges(&pieces);
    let mut bar = labelled(pieces.iter().map(|p| piece_view(span, *p)).collect(), edges, label(c, span));
    bar.marks = marks(c, map, index, lines, edges);
    bar.reach = reach(span, &children, map);
    bar.path = stretches(path, map);
    bar.outside = outside;
    bar
}

fn out_of_view(span: &Span, words: &'static str) -> Bar {
    let (side, x) = if words.starts_with('◂') { ("right", 0.0) } else { ("left", 1_000.0) };
    let label = format!("{words}, {}", format::length(span.duration_ns()));
    Bar { pieces: Vec::new(), reach: Vec::new(), path: Vec::new(), marks: Vec::new(), end: Units(0.0), label, label_x: Units(x), side, outside: words }
}

/// A bar with its label on the side with room.
pub fn labelled(pieces: Vec<PieceView>, edges: (f64, f64), label: String) -> Bar {
    let (side, x) = match bars::side(edges, label.chars().count()) {
        Side::Right => ("right", edges.1),
        Side::Left => ("left", edges.0),
        Side::Over => ("over", edges.0),
    };
    // On the bar there is room for what the column of lengths does not say, not for saying it again.
    let label = if side == "over" && !label.contains('·') { String::new() } else { label };
    Bar { pieces, reach: Vec::new(), path: Vec::new(), marks: Vec::new(), end: Units(edges.1), label, label_x: Units(x), side, outside: "" }
}

/// Stretches of time as places: those that touch become one.
fn stretches(times: &[(i64, i64)], map: &TimeMap) -> Vec<(Units, Units)> {
    let mut out: Vec<(f64, f64)> = Vec::new();
    for (from, to) in times {
        let (a, b) = (map.x(*from), map.x(*to));
        match out.last_mut() {
            Some(last) if a <= last.1 + 0.5 => last.1 = last.1.max(b),
            _ if b > a => out.push((a, b)),
            _ => {}
        }
    }
    out.into_iter().map(|(a, b)| (Units(a), Units(b - a))).collect()
}

/// From the bar to the first begin and the last end of its children, where those lie beyond it.
fn reach(span: &Span, children: &[&Span], map: &TimeMap) -> Vec<(Units, Units)> {
    let (from, to) = (span.start.0, span.end_or_start().0);
    let first = children.iter().map(|c| c.start.0).min().unwrap_or(from);
    let last = children.iter().map(|c| c.end_or_start().0).max().unwrap_or(to);
    let line = |a: i64, b: i64| (map.x(a), map.x(b));
    [(first < from).then(|| line(first, from)), (last > to).then(|| line(to, last))]
        .into_iter()
        .flatten()
        .filter(|(a, b)| b - a > 1.0)
        .map(|(a, b)| (Units(a), Units(b - a)))
        .collect()
}

fn marks(c: &Context<'_>, map: &TimeMap, index: usize, lines: &[(i64, Severity)], edges: (f64, f64)) -> Vec<MarkView> {
    let span = &c.trace.spans[index];
    let inside = lines.iter().filter(|(at, _)| (map.from()..=map.to()).contains(at)).copied().collect();
    bars::marks(map, inside)
        .into_iter()
        // What the bar says by itself needs no mark: a single plain line, or the error at the red edge.
        .filter(|m| if m.worst >= Severity::Error { !waterfall::failed(span) || edges.1 - m.x > 12.0 } else { m.worst == Severity::Warn || c.children[index].len() + m.count > 1 })
        .map(|m| MarkView {
            x: Units(m.x),
            shape: match m.worst {
                Severity::Error | Severity::Fatal => "error",
                Severity::Warn => "warn",
                _ => "info",
            },
            count: if m.count > 2 { format::count(m.count as u64) } else { String::new() },
            title: format!("{}, {}", format::counted(m.count as u64, "line", "lines"), m.worst.word()),
        })
        .collect()
}

/// A piece with its classes.
pub fn piece_view(span: &Span, piece: bars::Piece) -> PieceView {
    let look = match piece.look {
        Look::Own | Look::FirstToken => "",
        Look::Child => " pale",
        Look::Stream => " stream",
        Look::Observed => " observed",
        Look::Open => " open",
        Look::Wait => return PieceView { x: Units(piece.x), width: Units(piece.width), class: "wait".into() },
    };
    let failed = if waterfall::failed(span) { " err" } else { "" };
    PieceView { x: Units(piece.x), width: Units(piece.width), class: format!("{}{look}{failed}", parts::stage_fill(span.kind.stage())) }
}

/// Length and what is odd or telling about the step.
fn label(c: &Context<'_>, span: &Span) -> String {
    let mut out = vec![if span.end.is_none() { String::new() } else { format::length(span.duration_ns()) }];
    if waterfall::failed(span) {
        let why = span.error.as_ref().and_then(|e| e.kind.as_deref()).map(|k| format!(" {}", format::head(k, 32))).unwrap_or_default();
        out.push(format!("✕{why}"));
    }
    if let Some(status) = span.status.filter(|_| matches!(span.kind, SpanKind::Edge | SpanKind::App | SpanKind::HttpCall)) {
        out.push(status.to_string());
    }
    if span.unfinished {
        out.push("no end seen".into());
    } else if span.evidence == Evidence::Observed {
        out.push("a lower bound".into());
    }
    out.extend(wait_remark(c, span));
    if let Some(m) = span.model.as_ref().filter(|_| !waterfall::failed(span)) {
        out.extend(m.first_token_ns.map(|ns| format!("first token {}", format::length(ns))));
        if let (Some(input), Some(output)) = (m.input_tokens, m.output_tokens) {
            out.push(format!("{} → {} tokens", format::count(input), format::count(output)));
        }
    }
    out.retain(|p| !p.is_empty());
    out.join(" · ")
}

fn wait_remark(c: &Context<'_>, span: &Span) -> Option<String> {
    let segment = SegmentKind::from_word(span.kind.word()).filter(|k| k.is_wait())?;
    let alone = c.trace.spans.iter().filter(|s| s.kind == span.kind).take(2).count() == 1;
    if let Some(t) = c.typical(segment).filter(|t| alone && t.p50_ns > 0) {
        let ratio = span.duration_ns() as f64 / t.p50_ns as f64;
        if ratio >= 2.0 {
            return Some(format!("{} the median wait", format::times(ratio)));
        }
    }
    span.stated_wait_ns.map(|ns| format!("stated {}", format::length(ns)))
}
