//! The top of the page: state, verdict sentence, four figures, identity.
//!
//! Guarantees: the sentence is the verdict's own; its links go to steps of this page; every id is there in full, to be copied, with the
//! line that proves it.

use super::{context::Context, view::View};
use crate::{
    model::trace::{PathId, Proof, SpanKind},
    web::{
        format, links,
        pages::parts::{self, LineLink, StateView},
    },
};

/// Ids shown in the line; all stand in the table behind it.
const IDS_IN_LINE: usize = 7;
/// Ids shown in the table.
const IDS_IN_TABLE: usize = 200;

/// The top of the page.
pub struct Head {
    /// State.
    pub state: StateView,
    /// Marks with what they mean.
    pub marks: Vec<(String, &'static str)>,
    /// The sentence.
    pub sentence: Vec<Part>,
    /// Figures.
    pub figures: Vec<Figure>,
    /// The first ids.
    pub ids: Vec<IdView>,
    /// All ids with their proofs.
    pub proofs: Vec<IdView>,
    /// Words for the table: `12 ids and what joins them`.
    pub proofs_title: String,
    /// Ids that are not in the table.
    pub more_ids: String,
    /// Route, versions, tokens, cost: word and value.
    pub facts: Vec<(&'static str, String)>,
    /// Lines, sources, first and last time.
    pub when: String,
}

/// A piece of the sentence.
pub struct Part {
    /// Text.
    pub text: String,
    /// The step that proves it.
    pub href: Option<String>,
    /// A figure.
    pub strong: bool,
}

/// A number with its name.
pub struct Figure {
    /// The number.
    pub value: String,
    /// Its name.
    pub label: &'static str,
    /// What it is, at length.
    pub title: String,
}

/// An id.
pub struct IdView {
    /// Kind.
    pub kind: String,
    /// In full.
    pub value: String,
    /// Scope of a weak id.
    pub scope: String,
    /// Its address.
    pub href: String,
    /// Why it belongs.
    pub why: String,
    /// Proving lines.
    pub lines: Vec<LineLink>,
    /// Kind and proof, for pointing at.
    pub title: String,
}

/// The top of the page.
pub fn head(c: &Context<'_>, view: &View) -> Head {
    let t = c.trace;
    let ids: Vec<IdView> = t.ids.iter().take(IDS_IN_TABLE).map(|id| id_view(c, id)).collect();
    let asked = t.ids.iter().any(|id| id.value == view.id && id.proof.is_some());
    let mut first: Vec<IdView> = t.ids.iter().take(IDS_IN_LINE).map(|id| id_view(c, id)).collect();
    if asked && !first.iter().any(|id| id.value == view.id) {
        first.extend(t.ids.iter().filter(|id| id.value == view.id).take(1).map(|id| id_view(c, id)));
    }
    Head {
        state: parts::state_view(t.state, t.status, t.verdict.serving, t.verdict.degraded),
        marks: t.marks.iter().map(|m| (m.clone(), parts::mark_words(m))).collect(),
        sentence: sentence(c),
        figures: figures(c),
        proofs_title: format!("{} and what joins them", format::counted(t.ids.len() as u64, "id", "ids")),
        more_ids: if t.ids.len() > IDS_IN_TABLE { format!("{} further ids are in the JSON form.", format::count((t.ids.len() - IDS_IN_TABLE) as u64)) } else { String::new() },
        ids: first,
        proofs: ids,
        facts: facts(c),
        when: when(c),
    }
}

fn sentence(c: &Context<'_>) -> Vec<Part> {
    let verdict = &c.trace.verdict;
    if verdict.parts.is_empty() {
        return vec![Part { text: verdict.sentence.clone(), href: None, strong: false }];
    }
    let part = |p: &crate::model::trace::VerdictPart| Part { text: p.text.clone(), href: p.span.as_deref().and_then(|s| c.step_href(s)), strong: p.strong };
    verdict.parts.iter().map(part).collect()
}

fn figures(c: &Context<'_>) -> Vec<Figure> {
    let t = c.trace;
    let typical = c.view.typical.filter(|t| t.n >= super::context::TYPICAL_FROM);
    let compared = typical.map_or_else(String::new, |t| {
        format!(" · its route: median {}, p95 {}, {}", format::length(t.p50_ns), format::length(t.p95_ns), format::counted(t.n, "request", "requests"))
    });
    let calls = t.spans.iter().filter(|s| s.kind == SpanKind::ModelCall).count() as u64;
    let runs = t.spans.iter().filter(|s| s.kind == SpanKind::Task).count() as u64;
    let (attempts, label) = if calls > 0 { (calls, if calls == 1 { "model call" } else { "model calls" }) } else { (runs, if runs == 1 { "task run" } else { "task runs" }) };
    let mut out = vec![
        Figure { value: format::length_or_none(t.response_ns), label: "to response", title: "from the begin of the request to its answer".into() },
        Figure { value: format::length_or_none(t.completion_ns), label: "to completion", title: format!("until the last work was done{compared}") },
        Figure {
            value: format::count(attempts),
            label,
            title: format!("{} · {}", format::counted(u64::from(t.verdict.retries), "retry", "retries"), format::counted(runs, "task run", "task runs")),
        },
    ];
    let coverage = t.coverage.map_or_else(|| format::NONE.to_owned(), format::fraction);
    out.push(Figure { value: coverage, label: "accounted for", title: "share of the response that some line vouches for".into() });
    out
}

fn id_view(c: &Context<'_>, id: &PathId) -> IdView {
    let scope = id.scope.clone().unwrap_or_default();
    let (why, lines) = match &id.proof {
        None => ("the request's own".to_owned(), Vec::new()),
        Some(Proof { rule, parent, lines }) => (format!("{} {}", parts::rule_words(*rule), parent.replacen(':', " ", 1)), c.lines(lines, 3).0),
    };
    let proof = lines.iter().map(|l| l.text.as_str()).collect::<Vec<_>>().join(", ");
    let scoped = if scope.is_empty() { String::new() } else { format!(", {scope}") };
    let shown = if proof.is_empty() { String::new() } else { format!(" in {proof}") };
    IdView {
        title: format!("{} {}{scoped}: {why}{shown}", id.kind, id.value),
        href: links::request(&id.value, id.scope.as_deref()),
        kind: id.kind.clone(),
        value: id.value.clone(),
        scope,
        why,
        lines,
    }
}

fn facts(c: &Context<'_>) -> Vec<(&'static str, String)> {
    let t = c.trace;
    let mut out = Vec::new();
    let mut add = |word, text: String| {
        if !text.is_empty() {
            out.push((word, text));
        }
    };
    add("route", t.route.clone().unwrap_or_default());
    add(if t.models.len() == 1 { "model" } else { "models" }, listed(&t.models));
    add(if t.prompt_versions.len() == 1 { "prompt" } else { "prompts" }, listed(&t.prompt_versions));
    add("configuration", listed(&t.config_versions));
    if let Some(tokens) = t.tokens {
        let side = |n: Option<u64>| n.map_or_else(|| format::NONE.to_owned(), format::count);
        add("tokens", format!("{} in, {} out", side(tokens.input), side(tokens.output)));
    }
    add("cost", t.cost_usd.map(format::cost).unwrap_or_default());
    out
}

/// Up to five names, and how many more.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(5).map(|n| format::head(n, 40)).collect::<Vec<_>>().join(", ");
    if names.len() > 5 { format!("{shown} and {} more", names.len() - 5) } else { shown }
}

fn when(c: &Context<'_>) -> String {
    let t = c.trace;
    let lines = (t.lines.len() + t.unplaced.len()) as u64;
    let mut out = format!("{} of {}", format::counted(lines, "line", "lines"), format::counted(t.sources.len() as u64, "source", "sources"));
    let times = c.view.log.iter().filter_map(|l| l.time).chain(t.spans.iter().flat_map(|s| [s.start, s.end_or_start()]));
    if let Some((from, to)) = times.map(|t| (t, t)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) {
        out = format!("{out} · {} UTC", format::span(from, to));
    }
    out
}
