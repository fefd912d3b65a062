//! A row of the timeline: name, source, begin, length, evidence, bar, and what opens below.
//!
//! Guarantees: a row says as one sentence what its columns show; a folded one says what it hides. Beyond [`WITH_DETAILS`] rows what opens
//! below a row is left to an address of its own, except where something failed or the reader asked.

use super::{
    super::{
        context::Context,
        detail::{self, Detail},
        view::{Folded, MAX_FOLDED, View},
    },
    bar::{self, Bar},
};
use crate::{
    model::{
        entry::Severity,
        trace::{Evidence, Span, SpanKind},
    },
    web::{
        format,
        pages::parts::Badge,
        time_map::TimeMap,
        waterfall::{self, Below, Row, StepRow, bars},
    },
};

/// Deepest indent that is drawn; beyond it rows stay there.
const DEEPEST: usize = 12;
/// Rows up to this number carry what opens below each.
const WITH_DETAILS: usize = 300;

/// A row.
pub struct RowView {
    /// Anchor, and its name in addresses.
    pub anchor: String,
    /// Depth, 0 to 12.
    pub indent: usize,
    /// Depth from 1, as read out.
    pub level: usize,
    /// What the row says, as a sentence.
    pub sentence: String,
    /// Stage.
    pub badge: Badge,
    /// Name.
    pub name: String,
    /// Attempt, fallback.
    pub suffix: String,
    /// Address that folds or unfolds what is below; `None`: there is nothing.
    pub caret: Option<String>,
    /// What is below is folded by the reader.
    pub is_folded: bool,
    /// What is below, for when it is folded.
    pub below: String,
    /// Steps below that are over the bound, with a link to them.
    pub hidden: Option<(String, String)>,
    /// Source or service.
    pub source: String,
    /// Begin, as the reader wants instants.
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
    /// Address of the page with what opens below, when it is not here.
    pub open: Option<String>,
    /// It is the step that was asked for.
    pub is_open: bool,
    /// It matches what is searched for.
    pub is_match: bool,
    /// It does not match.
    pub is_dim: bool,
    /// Begin and end in nanoseconds from the begin of the request, for scripts.
    pub at: String,
}

/// Makes rows.
pub struct Rows<'a, 'b> {
    c: &'a Context<'b>,
    view: &'a View,
    map: &'a TimeMap,
    lines: Vec<Vec<(i64, Severity)>>,
    path: Vec<Vec<(i64, i64)>>,
    raw: detail::Budget,
    has_details: bool,
    /// The wishes, with what is folded named step by step: what a fold or unfold of one of them starts from.
    by_step: View,
}

impl<'a, 'b> Rows<'a, 'b> {
    /// For the rows of a table.
    pub fn new(c: &'a Context<'b>, view: &'a View, map: &'a TimeMap, rows: &[Row]) -> Self {
        let path = if view.shows_path { path_by_span(c) } else { vec![Vec::new(); c.trace.spans.len()] };
        let mut by_step = view.clone();
        if matches!(view.fold, Folded::Levels(_)) {
            let folded = rows.iter().filter_map(|r| if let Row::Step(s) = r { s.is_folded.then(|| c.chosen.keys[s.span].clone()) } else { None });
            by_step.fold = Folded::Steps(folded.take(MAX_FOLDED).collect());
        }
        Self { c, view, map, lines: lines_by_span(c), path, raw: detail::Budget::default(), has_details: view.is_single || rows.len() <= WITH_DETAILS, by_step }
    }

    /// A row.
    pub fn row(&mut self, row: &Row) -> RowView {
        match row {
            Row::Step(step) => self.step(step),
            Row::Group { spans, depth } => self.group(spans, *depth),
        }
    }

    fn step(&mut self, step: &StepRow) -> RowView {
        let (c, index) = (self.c, step.span);
        let span = &c.trace.spans[index];
        let key = &c.chosen.keys[index];
        let failed = waterfall::failed(span);
        let is_open = c.chosen.step == Some(index);
        let detail = (self.has_details || failed || is_open).then(|| detail::detail(c, self.view, index, &mut self.raw));
        let over = if step.is_folded { Below::default() } else { step.hidden };
        let evidence = if span.unfinished { "unfinished" } else { span.evidence.word() };
        RowView {
            indent: step.depth.min(DEEPEST),
            level: step.depth + 1,
            sentence: sentence(c, span),
            badge: span.kind.stage().into(),
            name: span.name.clone(),
            suffix: suffix(c, span),
            caret: (step.below.steps > 0).then(|| self.by_step.toggled(key, &format!("#{key}"))),
            is_folded: step.is_folded,
            below: if step.below.steps > 0 { below(c, step.below) } else { String::new() },
            hidden: (over.steps > 0).then(|| (below(c, over), self.view.href(|v| v.root = Some(key.clone()), "#timeline"))),
            source: source(span),
            start: c.when(span.start.0),
            took: if span.end.is_none() { "no end".into() } else { format::length(span.duration_ns()) },
            failed,
            evidence,
            evidence_title: evidence_words(span),
            bar: bar::bar(c, self.map, index, &self.lines[index], &self.path[index]),
            open: detail.is_none().then(|| self.view.href(|v| v.step = Some(key.clone()), &format!("#{key}"))),
            detail,
            is_open,
            is_match: c.chosen.matches.as_ref().is_some_and(|m| m[index]),
            is_dim: c.chosen.is_dim(index),
            at: format!("{},{}", span.start.0.saturating_sub(c.zero), span.end_or_start().0.saturating_sub(c.zero)),
            anchor: key.clone(),
        }
    }

    fn group(&self, members: &[usize], depth: usize) -> RowView {
        let c = self.c;
        let spans: Vec<&Span> = members.iter().map(|i| &c.trace.spans[*i]).collect();
        let first = spans[0];
        let longest = format::length(spans.iter().map(|s| s.duration_ns()).max().unwrap_or(0));
        let sum = format::length(spans.iter().map(|s| s.duration_ns()).fold(0, i64::saturating_add));
        let pieces = bars::merged(spans.iter().filter(|s| bars::in_view(s, self.map) == bars::InView::Inside).flat_map(|s| bars::pieces(s, &[], self.map)).collect());
        let edges = bars::edges(&pieces);
        let mut bar = bar::labelled(pieces.iter().map(|p| bar::piece_view(first, *p)).collect(), edges, format!("longest of these {longest}"));
        if pieces.is_empty() {
            bar.label = "outside of what is in view".into();
        }
        let count = format::count(members.len() as u64);
        let found = members.iter().filter(|i| !c.chosen.is_dim(**i)).count();
        RowView {
            anchor: format!("{}-and-equals", c.chosen.keys[members[0]]),
            indent: depth.min(DEEPEST),
            level: depth + 1,
            sentence: format!("{count} steps like {} {}, together {sum}, longest {longest}", first.kind.stage().word(), first.name),
            badge: first.kind.stage().into(),
            name: first.name.clone(),
            suffix: format!("× {count}"),
            caret: None,
            is_folded: false,
            below: String::new(),
            hidden: Some(("draw each".into(), self.view.href(|v| v.is_whole = true, "#timeline"))),
            source: source(first),
            start: c.when(first.start.0),
            took: sum,
            failed: false,
            evidence: "sum",
            evidence_title: "lengths of all of them together",
            bar,
            detail: None,
            open: None,
            is_open: false,
            is_match: c.chosen.matches.is_some() && found > 0,
            is_dim: found == 0,
            at: String::new(),
        }
    }
}

/// Times and severities of the lines of every span.
fn lines_by_span(c: &Context<'_>) -> Vec<Vec<(i64, Severity)>> {
    let mut out = vec![Vec::new(); c.trace.spans.len()];
    for line in c.view.log.iter() {
        if let (Some(span), Some(time)) = (line.span.as_deref().and_then(|s| c.span(s)), line.time) {
            out[span].push((time.0, line.severity.unwrap_or(Severity::Info)));
        }
    }
    out
}

/// Stretches of every span on the critical path to completion, in order.
fn path_by_span(c: &Context<'_>) -> Vec<Vec<(i64, i64)>> {
    let mut out = vec![Vec::new(); c.trace.spans.len()];
    for segment in &c.trace.completion.segments {
        if let Some(span) = segment.span.as_deref().and_then(|s| c.span(s)) {
            out[span].push((segment.start.0, segment.start.0.saturating_add(segment.ns)));
        }
    }
    out
}

/// `12 steps below, 1 failed, 34 % of the critical path`.
fn below(c: &Context<'_>, below: Below) -> String {
    let mut out = format!("{} below", format::counted(below.steps as u64, "step", "steps"));
    if below.failed > 0 {
        out.push_str(&format!(", {} failed", format::count(below.failed as u64)));
    }
    let total = c.trace.completion.total_ns;
    if below.path_ns > 0 && total > 0 {
        out.push_str(&format!(", {} of the critical path", format::share(below.path_ns, total)));
    }
    out
}

/// What a row says, read out.
fn sentence(c: &Context<'_>, span: &Span) -> String {
    let mut out = format!("{} {}", span.kind.word().replace('_', " "), span.name);
    out.extend(span.attempt.map(|n| format!(", attempt {n}")));
    out.extend(span.service.as_deref().map(|s| format!(", in {s}")));
    out.push_str(&format!(", begins at {}", format::offset(span.start.0 - c.zero)));
    if span.unfinished {
        out.push_str(", no end seen");
    } else {
        out.push_str(&format!(", took {}, {}", format::length(span.duration_ns()), span.evidence.word()));
    }
    if waterfall::failed(span) {
        let why = span.error.as_ref().and_then(|e| e.kind.as_deref()).map(|k| format!(" with {k}")).unwrap_or_default();
        out.push_str(&format!(", failed{why}"));
    }
    out
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
