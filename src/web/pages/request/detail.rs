//! What opens below a step: facts, error, why it belongs, the raw lines it stands on.
//!
//! Guarantees: the proof is on the page: the line as written, the joining ids marked. Raw text is bounded a line and a page; what is left
//! out is said.

use super::{
    content,
    context::{Context, TYPICAL_FROM},
    timeline::evidence_words,
    view::View,
};
use crate::{
    model::trace::{FailureClass, LineRef, Outcome, Span},
    web::{
        format,
        pages::parts::{self, LineLink},
    },
};

/// Most bytes of one raw line.
pub const RAW_LINE_BYTES: usize = 4 * 1024;
/// Most bytes of raw lines below all steps together.
const RAW_PAGE_BYTES: usize = 768 * 1024;
/// Characters of an error's text; the raw line below it has the rest.
const MESSAGE: usize = 600;
/// Raw lines below one step.
const RAW_LINES: usize = 3;
/// Names of lines below one step.
const LINES: usize = 12;

/// Bytes of raw lines that may still be shown.
pub struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(RAW_PAGE_BYTES)
    }
}

/// What opens below a step.
pub struct Detail {
    /// Facts.
    pub facts: Vec<Fact>,
    /// What went wrong.
    pub error: Option<ErrorView>,
    /// Raw lines.
    pub raw: Vec<Raw>,
    /// Why it belongs.
    pub proofs: Vec<ProofView>,
    /// Lines it stands on.
    pub lines: Vec<LineLink>,
    /// Lines that are not named.
    pub more_lines: String,
    /// Where to go from here.
    pub acts: Vec<Act>,
}

/// Where to go from a step.
pub struct Act {
    /// Name by which a script finds it.
    pub name: &'static str,
    /// Words.
    pub words: &'static str,
    /// Address.
    pub href: String,
}

/// A fact.
pub struct Fact {
    /// Its name.
    pub name: &'static str,
    /// The fact.
    pub value: String,
    /// A remark on it.
    pub remark: String,
    /// It is a name or an id: set in the font of code.
    pub code: bool,
}

/// What went wrong.
pub struct ErrorView {
    /// Class name and class.
    pub title: String,
    /// Its text.
    pub message: String,
    /// The rule that decided the class.
    pub rule: String,
}

/// A raw line.
pub struct Raw {
    /// Where.
    pub line: LineLink,
    /// The text, cut at what joins, what is secret and what was said.
    pub pieces: Vec<content::Piece>,
    /// What is left out.
    pub cut: String,
}

/// Why an id of the step belongs.
pub struct ProofView {
    /// `task fup_…`.
    pub id: String,
    /// `was handed over by request:req_…`.
    pub why: String,
    /// Proving lines.
    pub lines: Vec<LineLink>,
}

/// What opens below a step.
pub fn detail(c: &Context<'_>, view: &View, index: usize, budget: &mut Budget) -> Detail {
    let span = &c.trace.spans[index];
    let (lines, more) = c.lines(&span.lines, LINES);
    Detail {
        facts: facts(c, span),
        error: error(span),
        raw: span.lines.iter().filter_map(|l| raw(c, l, budget)).take(RAW_LINES).collect(),
        proofs: proofs(c, span),
        lines,
        more_lines: if more > 0 { format!("and {} more", format::count(more as u64)) } else { String::new() },
        acts: acts(c, view, index),
    }
}

fn acts(c: &Context<'_>, view: &View, index: usize) -> Vec<Act> {
    let (span, key) = (&c.trace.spans[index], &c.chosen.keys[index]);
    let mut out = Vec::new();
    if !c.children[index].is_empty() {
        out.push(Act { name: "root", words: "only this and below", href: view.href(|v| v.root = Some(key.clone()), "#timeline") });
    }
    let (from, to) = (span.start.0.saturating_sub(c.zero), span.end_or_start().0.saturating_sub(c.zero));
    if to > from {
        // A little of what stands around it.
        let margin = (to - from) / 20;
        let zoom = Some((from.saturating_sub(margin), to.saturating_add(margin)));
        out.push(Act { name: "zoom", words: "zoom here", href: view.href(|v| v.zoom = zoom, &format!("#{key}")) });
    }
    out.push(Act { name: "find", words: "similar steps", href: view.href(|v| v.find = Some(format::head(&span.name, 120)), "#timeline") });
    out.push(Act { name: "link", words: "link to this step", href: view.href(|v| v.step = Some(key.clone()), &format!("#{key}")) });
    out
}

/// A raw line as far as the budget goes.
pub fn raw(c: &Context<'_>, line: &LineRef, budget: &mut Budget) -> Option<Raw> {
    let text = &c.log.get(line)?.raw;
    if text.is_empty() || budget.0 == 0 {
        return None;
    }
    let limit = RAW_LINE_BYTES.min(budget.0);
    budget.0 -= text.len().min(limit);
    let (pieces, left_out) = content::pieces(text, limit, &c.ids, c.veil());
    let cut = if left_out > 0 { format!("… {} more of this line", format::bytes(left_out as u64)) } else { String::new() };
    Some(Raw { line: c.line(line), pieces, cut })
}

fn facts(c: &Context<'_>, span: &Span) -> Vec<Fact> {
    let mut out = model_facts(span);
    let mut add = |name, value: Option<String>, remark: &str, code| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            out.push(Fact { name, value, remark: remark.to_owned(), code });
        }
    };
    add("evidence", Some(if span.unfinished { "unfinished".into() } else { span.evidence.word().to_owned() }), evidence_words(span), false);
    add("outcome", Some(span.outcome.word().to_owned()).filter(|_| span.outcome != Outcome::Unknown), "", false);
    add("attempt", span.attempt.map(|a| a.to_string()), "", false);
    add("queue", span.queue.clone(), "", true);
    add("stated wait", span.stated_wait_ns.map(format::length), "what the line says; the bar is what was measured", false);
    add("status", span.status.map(|s| s.to_string()), "", false);
    add("service", span.service.clone(), "", true);
    add("host", span.host.clone(), "", true);
    add("begin", Some(format!("{} UTC", format::instant(span.start))), "", false);
    let usual = c.view.typical_by_operation.get(&(span.kind, span.name.clone())).filter(|t| t.n >= TYPICAL_FROM && !span.kind.is_wait());
    add(
        "typical here",
        usual.map(|t| format!("median {}, p95 {}", format::length(t.p50_ns), format::length(t.p95_ns))),
        &usual.map_or_else(String::new, |t| format!("of {} of other requests", format::counted(t.n, "such step", "such steps"))),
        false,
    );
    let held = if span.blocking { "the response waited for it" } else { "the response did not wait for it" };
    add("on the way", Some(held.to_owned()).filter(|_| c.trace.response_ns.is_some()), "", false);
    out
}

fn model_facts(span: &Span) -> Vec<Fact> {
    let Some(m) = &span.model else { return Vec::new() };
    let mut out = Vec::new();
    let mut add = |name, value: Option<String>, remark: String, code| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            out.push(Fact { name, value, remark, code });
        }
    };
    let names = match (&m.requested, &m.served) {
        (Some(a), Some(b)) if a != b => Some(format!("{a} → {b}")),
        (a, b) => b.clone().or_else(|| a.clone()),
    };
    let title = if m.served.is_some() && m.requested.is_some() { "requested → served" } else { "model" };
    add(title, names, m.provider.as_deref().map(|p| format!("from {p}")).unwrap_or_default(), true);
    let version = m.prompt_version.as_deref().map(|v| format!("version {v}")).unwrap_or_default();
    add("prompt", m.prompt.clone().or_else(|| m.prompt_version.as_ref().map(|_| String::new())).map(|p| format!("{p} {version}").trim().to_owned()), String::new(), false);
    add("configuration", m.config_version.clone(), String::new(), true);
    if m.input_tokens.is_some() || m.output_tokens.is_some() {
        let side = |n: Option<u64>| n.map_or_else(|| format::NONE.to_owned(), format::count);
        let cached = m.cached_tokens.filter(|n| *n > 0).map(|n| format!("{} of them from a cache", format::count(n)));
        let remark = [cached, m.cost_usd.map(format::cost)].into_iter().flatten().collect::<Vec<_>>().join(" · ");
        add("tokens in / out", Some(format!("{} / {}", side(m.input_tokens), side(m.output_tokens))), remark, false);
    }
    if let Some(first) = m.first_token_ns {
        let stream = span.duration_ns() - first;
        let rate = m.output_tokens.filter(|_| stream > 0).map(|n| format!("{} tokens a second", format::count((n as f64 * 1e9 / stream as f64).round() as u64)));
        add("first token / stream", Some(format!("{} / {}", format::length(first), format::length(stream.max(0)))), rate.unwrap_or_default(), false);
    }
    add("stopped by", m.finish_reason.clone(), String::new(), true);
    out
}

fn error(span: &Span) -> Option<ErrorView> {
    let e = span.error.as_ref()?;
    let class = match e.class {
        FailureClass::Transient => "transient: may be tried again",
        FailureClass::Semantic => "semantic: trying again cannot help",
        FailureClass::Unknown => "of unknown class",
    };
    Some(ErrorView {
        title: e.kind.as_deref().map_or_else(|| class.to_owned(), |k| format!("{k}, {class}")),
        message: e.message.as_deref().map(|m| format::head(m, MESSAGE)).unwrap_or_default(),
        rule: e.rule.clone().unwrap_or_default(),
    })
}

fn proofs(c: &Context<'_>, span: &Span) -> Vec<ProofView> {
    let of = |word: &String| c.trace.ids.iter().find(|id| word.split_once(':').is_some_and(|(kind, value)| id.kind == kind && id.value == value));
    span.ids
        .iter()
        .filter_map(|word| {
            let id = of(word)?;
            let proof = id.proof.as_ref()?;
            Some(ProofView {
                id: format!("{} {}", id.kind, id.value),
                why: format!("{} {}", parts::rule_words(proof.rule), proof.parent.replacen(':', " ", 1)),
                lines: c.lines(&proof.lines, 3).0,
            })
        })
        .take(4)
        .collect()
}
