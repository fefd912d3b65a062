//! The timeline: a table whose rows are steps, with a bar each on one common scale.
//!
//! Guarantees: begin and length stand as text beside every bar; what is grouped or folded says how many steps it holds and links to them.
//! All geometry comes from [`waterfall`].

use super::{
    View,
    context::Context,
    detail::{self, Detail},
};
use crate::{
    model::{
        entry::Severity,
        trace::{Evidence, SegmentKind, Span, SpanKind, Stage},
    },
    query::view::PathView,
    web::{
        format, links,
        pages::parts::Badge,
        scale::{self, Scale, Tick, Units},
        waterfall::{self, Look, Row, Side},
    },
};

/// Deepest indent that is drawn; beyond it rows stay there.
const DEEPEST: usize = 12;
/// Ticks of the ruler this near to the mark of the answer lose their label.
const CROWDED: f64 = 70.0;

/// The timeline.
#[derive(Default)]
pub struct Timeline {
    /// Rows.
    pub rows: Vec<RowView>,
    /// Ruler.
    pub ticks: Vec<Tick>,
    /// Where the response ended.
    pub answered: Option<Answered>,
    /// Words beside the title.
    pub caption: String,
    /// Links beside the title.
    pub tools: Vec<(String, String)>,
}

/// The mark of the answer.
pub struct Answered {
    /// Place.
    pub x: Units,
    /// Its label stands to the left.
    pub left: bool,
}

/// A row.
pub struct RowView {
    /// Anchor.
    pub anchor: String,
    /// Depth, 0 to 12.
    pub indent: usize,
    /// Stage.
    pub badge: Badge,
    /// Name.
    pub name: String,
    /// Attempt, fallback.
    pub suffix: String,
    /// Steps below that are not drawn, with a link to them.
    pub hidden: Option<(String, String)>,
    /// Source or service.
    pub source: String,
    /// Offset of its begin.
    pub start: String,
    /// Length.
    pub took: String,
    /// It failed.
    pub failed: bool,
    /// Evidence word.
    pub evidence: &'static str,
    /// What the word means.
    pub evidence_title: &'static str,
    /// The bar.
    pub bar: Bar,
    /// What opens below.
    pub detail: Option<Detail>,
}

/// A bar with its label and the marks of its lines.
pub struct Bar {
    /// Pieces.
    pub pieces: Vec<PieceView>,
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
    /// Words.
    pub title: String,
}

/// Which steps get a row.
pub fn lay_out(path: &PathView, view: &View) -> waterfall::Layout {
    let spans = &path.trace.spans;
    let root = view.root.as_deref().filter(|r| spans.iter().any(|s| s.id == *r));
    waterfall::layout(spans, waterfall::Wish { root, ungrouped: view.all, ..waterfall::Wish::default() })
}

/// The timeline of a path.
pub fn timeline(c: &Context<'_>, view: &View, laid: &waterfall::Layout) -> Timeline {
    if c.trace.spans.is_empty() {
        return Timeline::default();
    }
    let root = view.root.as_deref().filter(|r| c.span(r).is_some());
    let scale = scale_of(c, laid, root.is_some());
    let raw_budget = &mut detail::Budget::default();
    let marks = marks_by_span(c);
    let rows = laid
        .rows
        .iter()
        .map(|row| match row {
            Row::Step { span, depth, hidden } => step(c, view, scale, *span, *depth, *hidden, &marks, raw_budget),
            Row::Group { spans, depth } => group(c, view, scale, spans, *depth),
        })
        .collect();
    let answered = answered(c, scale);
    let mut ticks = scale::ruler(scale, c.zero);
    if let Some(mark) = &answered {
        ticks.iter_mut().filter(|t| (t.x.0 - mark.x.0).abs() < CROWDED).for_each(|t| t.label.clear());
    }
    // A label needs room to the right of its tick.
    ticks.iter_mut().filter(|t| t.x.0 > 960.0).for_each(|t| t.label.clear());
    Timeline { rows, ticks, answered, caption: caption(c, laid), tools: tools(view, laid, root.is_some()) }
}

fn scale_of(c: &Context<'_>, laid: &waterfall::Layout, subtree: bool) -> Scale {
    let shown = laid.rows.iter().flat_map(|r| match r {
        Row::Step { span, .. } => std::slice::from_ref(span),
        Row::Group { spans, .. } => spans.as_slice(),
    });
    let (from, mut to) = waterfall::extent(shown.map(|i| &c.trace.spans[*i])).unwrap_or((c.zero, c.zero));
    if !subtree && c.trace.spans.iter().any(|s| s.end.is_none()) {
        to = c.view.log.iter().filter_map(|l| l.time).map(|t| t.0).chain([to]).max().unwrap_or(to);
    }
    Scale::new(from, to)
}

fn answered(c: &Context<'_>, scale: Scale) -> Option<Answered> {
    let at = c.trace.start?.0 + c.trace.response_ns?;
    // At the right edge the mark would say nothing.
    (at > scale.from() && at < scale.to() - scale.ns() / 100).then(|| Units(scale.x(at))).map(|x| Answered { x, left: x.0 > 880.0 })
}

fn caption(c: &Context<'_>, laid: &waterfall::Layout) -> String {
    let sources = format::counted(c.trace.sources.len() as u64, "source", "sources");
    let steps = format::counted(laid.total as u64, "step", "steps");
    if laid.drawn < laid.total {
        format!("{} of {steps} drawn: the upper levels, then the failed and the longest · {sources}", format::count(laid.drawn as u64))
    } else {
        format!("{steps} · {sources}")
    }
}

fn tools(view: &View, laid: &waterfall::Layout, subtree: bool) -> Vec<(String, String)> {
    let mut out = Vec::new();
    if subtree {
        out.push(("whole request".into(), view.href(|v| v.root = None, "#timeline")));
    }
    if laid.rows.iter().any(|r| matches!(r, Row::Group { .. })) {
        out.push(("draw every step".into(), view.href(|v| v.all = true, "#timeline")));
    } else if view.all {
        out.push(("group equal steps".into(), view.href(|v| v.all = false, "#timeline")));
    }
    out
}

/// Times and severities of the lines of every span.
fn marks_by_span(c: &Context<'_>) -> Vec<Vec<(i64, Severity)>> {
    let mut out = vec![Vec::new(); c.trace.spans.len()];
    for line in &c.view.log {
        if let (Some(span), Some(time)) = (line.span.as_deref().and_then(|s| c.span(s)), line.time) {
            out[span].push((time.0, line.severity.unwrap_or(Severity::Info)));
        }
    }
    out
}

#[expect(clippy::too_many_arguments, reason = "one row of the table, made from everything that is shown in it")]
fn step(c: &Context<'_>, view: &View, scale: Scale, index: usize, depth: usize, hidden: waterfall::Hidden, marks: &[Vec<(i64, Severity)>], raw: &mut detail::Budget) -> RowView {
    let span = &c.trace.spans[index];
    let failed = waterfall::failed(span);
    RowView {
        anchor: links::anchor(&span.id),
        indent: depth.min(DEEPEST),
        badge: span.kind.stage().into(),
        name: span.name.clone(),
        suffix: suffix(c, span),
        hidden: (hidden.steps > 0).then(|| {
            let bad = if hidden.failed > 0 { format!(", {} failed", format::count(hidden.failed as u64)) } else { String::new() };
            (format!("{} below{bad}", format::counted(hidden.steps as u64, "step", "steps")), view.href(|v| v.root = Some(span.id.clone()), "#timeline"))
        }),
        source: source(span),
        start: format::offset(span.start.0 - c.zero),
        took: if span.end.is_none() { "no end".into() } else { format::length(span.duration_ns()) },
        failed,
        evidence: if span.unfinished { "unfinished" } else { span.evidence.word() },
        evidence_title: evidence_words(span),
        bar: bar(c, scale, index, &marks[index]),
        detail: Some(detail::detail(c, view, index, raw)),
    }
}

fn group(c: &Context<'_>, view: &View, scale: Scale, members: &[usize], depth: usize) -> RowView {
    let spans: Vec<&Span> = members.iter().map(|i| &c.trace.spans[*i]).collect();
    let first = spans[0];
    let longest = spans.iter().map(|s| s.duration_ns()).max().unwrap_or(0);
    let pieces = waterfall::merged(spans.iter().flat_map(|s| waterfall::pieces(s, &[], scale)).collect());
    let edges = waterfall::edges(&pieces);
    let label = format!("longest of these {}", format::length(longest));
    RowView {
        anchor: format!("{}-and-equals", links::anchor(&first.id)),
        indent: depth.min(DEEPEST),
        badge: first.kind.stage().into(),
        name: first.name.clone(),
        suffix: format!("× {}", format::count(members.len() as u64)),
        hidden: Some(("draw each".into(), view.href(|v| v.all = true, "#timeline"))),
        source: source(first),
        start: format::offset(first.start.0 - c.zero),
        took: format::length(spans.iter().map(|s| s.duration_ns()).sum()),
        failed: false,
        evidence: "sum",
        evidence_title: "lengths of all of them together",
        bar: labelled(pieces.iter().map(|p| piece_view(first, *p)).collect(), Vec::new(), edges, label),
        detail: None,
    }
}

fn suffix(c: &Context<'_>, span: &Span) -> String {
    let mut out = Vec::new();
    if let Some(n) = span.attempt.filter(|n| *n > 1 || (waterfall::failed(span) && matches!(span.kind, SpanKind::ModelCall | SpanKind::Task))) {
        out.push(format!("attempt {n}"));
    }
    let served = span.model.as_ref().and_then(|m| m.served.as_deref().or(m.requested.as_deref()));
    if let Some(to) = c.trace.verdict.fallback_to.as_deref().filter(|_| span.kind == SpanKind::ModelCall)
        && (span.name == to || served == Some(to))
    {
        out.push("fallback".into());
    }
    out.iter().map(|s| format!("· {s}")).collect::<Vec<_>>().join(" ")
}

fn source(span: &Span) -> String {
    match (&span.service, &span.queue) {
        (_, Some(queue)) if span.kind.is_wait() => format!("queue {queue}"),
        (Some(service), _) => service.clone(),
        _ => String::new(),
    }
}

/// What an evidence word means for this step.
pub fn evidence_words(span: &Span) -> &'static str {
    if span.unfinished {
        return "a line begins it and no line ends it";
    }
    match span.evidence {
        Evidence::Stated => "a line states its length, or both its ends",
        Evidence::Paired => "one line begins it and another ends it",
        Evidence::Observed => "from its first to its last line: it took at least this long",
        Evidence::Assumed => "one of its ends is inferred from its neighbours",
    }
}

fn bar(c: &Context<'_>, scale: Scale, index: usize, lines: &[(i64, Severity)]) -> Bar {
    let span = &c.trace.spans[index];
    let children: Vec<&Span> = c.children[index].iter().map(|i| &c.trace.spans[*i]).collect();
    let pieces = waterfall::pieces(span, &children, scale);
    let edges = waterfall::edges(&pieces);
    let marks = waterfall::marks(scale, lines.to_vec());
    let marks = marks
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
            title: format!("{}, {}", format::counted(m.count as u64, "line", "lines"), m.worst.word()),
        })
        .collect();
    labelled(pieces.iter().map(|p| piece_view(span, *p)).collect(), marks, edges, label(c, span))
}

fn labelled(pieces: Vec<PieceView>, marks: Vec<MarkView>, edges: (f64, f64), label: String) -> Bar {
    let (side, x) = match waterfall::side(edges, label.chars().count()) {
        Side::Right => ("right", edges.1),
        Side::Left => ("left", edges.0),
        Side::Over => ("over", edges.0),
    };
    // On the bar there is room for what the column of lengths does not say, not for saying it again.
    let label = if side == "over" && !label.contains('·') { String::new() } else { label };
    Bar { pieces, marks, end: Units(edges.1), label, label_x: Units(x), side }
}

fn piece_view(span: &Span, piece: waterfall::Piece) -> PieceView {
    let fill = match span.kind.stage() {
        Stage::Edge => "f-edge",
        Stage::App => "f-app",
        Stage::Queue => "f-queue",
        Stage::Worker => "f-worker",
        Stage::Model => "f-model",
        Stage::Tool => "f-tool",
        Stage::Write => "f-write",
        Stage::Http => "f-http",
        Stage::Other => "f-other",
    };
    let look = match piece.look {
        Look::Own | Look::FirstToken => "",
        Look::Child => " pale",
        Look::Stream => " stream",
        Look::Observed => " observed",
        Look::Open => " open",
        Look::Wait => return PieceView { x: Units(piece.x), width: Units(piece.width), class: "wait".into() },
    };
    let failed = if waterfall::failed(span) { " err" } else { "" };
    PieceView { x: Units(piece.x), width: Units(piece.width), class: format!("{fill}{look}{failed}") }
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
    let alone = c.trace.spans.iter().filter(|s| s.kind == span.kind).count() == 1;
    if let Some(t) = c.typical(segment).filter(|t| alone && t.p50_ns > 0) {
        let ratio = span.duration_ns() as f64 / t.p50_ns as f64;
        if ratio >= 2.0 {
            return Some(format!("{} the median wait", format::times(ratio)));
        }
    }
    span.stated_wait_ns.map(|ns| format!("stated {}", format::length(ns)))
}
