//! A request as a ticket to paste: what happened, where the time went, which step decided, and the lines that show it.
//!
//! Guarantees: the figures of the page; its tables add up; what is left out for length is counted where it would stand; nothing of a log is markup when the
//! ticket is rendered (`inert`); every claim names its `file:line`. Short enough for the trackers that cut at 65,536 characters, but for extreme texts.

use crate::{
    export::{
        inert::{cell, code, prose},
        veil::Veil,
    },
    model::{
        clock_words,
        entry::Severity,
        format,
        trace::{Breakdown, LineRef, LogLine, Outcome, SegmentKind, Span, Trace},
    },
};
use rustc_hash::{FxHashMap, FxHashSet};

/// Most steps in the table.
const MAX_STEPS: usize = 60;
/// Most steps that are told of one by one.
const MAX_TOLD: usize = 10;
/// Most lines.
const MAX_LINES: usize = 40;
/// Most ids, oddities and the like.
const MAX_LISTED: usize = 20;
/// Most characters of a text of a log.
const MAX_TEXT: usize = 300;
/// Most characters of a name.
const MAX_NAME: usize = 100;

/// The ticket.
pub fn ticket(trace: &Trace, log: &[LogLine], hide_content: bool) -> String {
    let mut ticket = Ticket { t: trace, log, veil: Veil::of_log(log, hide_content), out: String::new() };
    ticket.head();
    ticket.identity();
    let has_after = trace.completion.total_ns > trace.breakdown.total_ns;
    ticket.breakdown(if has_after || trace.status.is_some() { "Where the response went" } else { "Where the time went" }, &trace.breakdown);
    ticket.breakdown("After the response", &trace.after_response());
    ticket.steps();
    ticket.decided();
    ticket.missing();
    ticket.notes();
    ticket.lines();
    ticket.out
}

struct Ticket<'a> {
    t: &'a Trace,
    log: &'a [LogLine],
    veil: Veil,
    out: String,
}

impl<'a> Ticket<'a> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.line(&format!("\n## {text}\n"));
    }

    fn name(&self, text: &str) -> String {
        format::head(&self.veil.name(text), MAX_NAME)
    }

    fn text(&self, text: &str) -> String {
        format::head(self.veil.prose(text).trim(), MAX_TEXT)
    }

    fn head(&mut self) {
        let t = self.t;
        let state = t.status.map_or_else(|| t.state.word().to_owned(), |s| format!("{s} {}", t.state.word())).replace('_', " ");
        let id = t.request_id.as_deref().or(t.ids.first().map(|i| i.value.as_str())).unwrap_or("");
        let route = t.route.as_ref().map(|r| format!(" {}", code(&self.name(r)))).unwrap_or_default();
        self.line(&format!("# {state}:{route} {}\n", code(&self.name(id))));
        let sentence = prose(self.veil.name(&t.verdict.sentence).trim());
        self.line(&format!("**{sentence}**\n"));
        let mut figures = Vec::new();
        figures.extend(t.response_ns.map(|ns| format!("{} to response", format::length(ns))));
        figures.extend(t.completion_ns.map(|ns| format!("{} to completion", format::length(ns))));
        figures.extend(t.coverage.map(|c| format!("{} accounted for", format::fraction(c))));
        figures.extend(t.start.map(|s| format!("began {} UTC", format::instant(s))));
        if !t.marks.is_empty() {
            figures.push(prose(&t.marks.join(", ")));
        }
        self.line(&figures.join(" · "));
    }

    fn identity(&mut self) {
        let t = self.t;
        self.heading("Ids");
        for id in t.ids.iter().take(MAX_LISTED) {
            let scope = id.scope.as_ref().map(|s| format!(" ({})", code(&self.name(s)))).unwrap_or_default();
            let proof = id.proof.as_ref().map(|p| format!(": {} in {}", p.rule.word().replace('_', " "), places(&p.lines))).unwrap_or_default();
            let row = format!("- {} {}{scope}{proof}", prose(&id.kind), code(&self.name(&id.value)));
            self.line(&row);
        }
        self.left_out(t.ids.len(), MAX_LISTED, "id", "ids");
        let facts = [("models", &t.models), ("prompts", &t.prompt_versions), ("configuration", &t.config_versions)];
        for (what, values) in facts.into_iter().filter(|(_, values)| !values.is_empty()) {
            let values: Vec<String> = values.iter().take(MAX_LISTED).map(|v| code(&self.name(v))).collect();
            self.line(&format!("- {what}: {}", values.join(", ")));
        }
        if let Some(tokens) = t.tokens {
            let count = |n: Option<u64>| n.map_or_else(|| format::NONE.to_owned(), format::count);
            self.line(&format!("- tokens: {} in, {} out", count(tokens.input), count(tokens.output)));
        }
        if let Some(cost) = t.cost_usd {
            self.line(&format!("- cost as logged: {}", format::cost(cost).replace('$', "\\$")));
        }
    }

    fn breakdown(&mut self, title: &str, b: &Breakdown) {
        if b.total_ns <= 0 {
            return;
        }
        self.heading(title);
        let mut kinds: Vec<_> = b.by_kind_ns.iter().filter(|(_, ns)| **ns > 0).collect();
        kinds.sort_by_key(|(kind, ns)| (**kind == SegmentKind::Unaccounted, std::cmp::Reverse(**ns)));
        let shares = format::shares(&kinds.iter().map(|(_, ns)| **ns).collect::<Vec<_>>());
        self.line("| on the critical path | time | share |\n|---|---:|---:|");
        for ((kind, ns), share) in kinds.iter().zip(shares) {
            let share = share.replace('<', "&lt;");
            self.line(&format!("| {} | {} | {share} |", kind.word().replace('_', " "), format::length(**ns)));
        }
        self.line(&format!("| **together** | **{}** | **100 %** |", format::length(b.total_ns)));
    }

    fn steps(&mut self) {
        let t = self.t;
        if t.spans.is_empty() {
            return;
        }
        self.heading("Steps");
        let order = t.in_tree_order();
        let kept = kept(t);
        self.line("| step | start | took | evidence | attempt | error |\n|---|---:|---:|---|---:|---|");
        let zero = t.start.map_or(0, |s| s.0);
        for (span, depth) in order.iter().filter(|(s, _)| kept.contains(s.id.as_str())) {
            let took = if span.unfinished && span.end.is_none() { "no end seen".to_owned() } else { format::length(span.duration_ns()) };
            let name = format!("{}{} {}", "› ".repeat((*depth).min(12)), span.kind.stage().letter(), cell(&self.name(&span.name)));
            let row = format!(
                "| {name} | {} | {took} | {} | {} | {} |",
                format::offset(span.start.0.saturating_sub(zero)),
                span.evidence.word(),
                span.attempt.map(|a| a.to_string()).unwrap_or_default(),
                if failed(span) { cell(&self.error_word(span)) } else { String::new() }
            );
            self.line(&row);
        }
        let left = order.len().saturating_sub(kept.len());
        if left > 0 {
            self.line(&format!("\n{} left out: none of them failed, was repeated or is among the longest.", format::counted(left as u64, "step is", "steps are")));
        }
    }

    fn error_word(&self, span: &Span) -> String {
        self.name(span.error.as_ref().and_then(|e| e.kind.as_deref()).unwrap_or(span.outcome.word()))
    }

    /// The steps that failed, were repeated, have no end or took most, each with the line that says so.
    fn decided(&mut self) {
        let own = own_ns(self.t);
        let slowest = self.t.spans.iter().filter_map(|s| Some((s, *own.get(s.id.as_str())?))).max_by_key(|(_, ns)| *ns).map(|(s, _)| s.id.as_str());
        let is_told = |s: &&Span| failed(s) || s.unfinished || s.attempt.is_some_and(|a| a > 1) || Some(s.id.as_str()) == slowest;
        let told: Vec<&Span> = self.t.spans.iter().filter(is_told).collect();
        if told.is_empty() {
            return;
        }
        self.heading("What decided");
        for span in told.iter().take(MAX_TOLD) {
            let mut facts = Vec::new();
            facts.extend(span.attempt.map(|a| format!("attempt {a}")));
            facts.extend((Some(span.id.as_str()) == slowest).then(|| format!("most of the time: {}", format::length(own.get(span.id.as_str()).copied().unwrap_or(0)))));
            facts.extend(span.unfinished.then(|| "no end seen".to_owned()));
            if failed(span) {
                let class = span.error.as_ref().map(|e| format!(", {}", e.class.word())).unwrap_or_default();
                facts.push(format!("failed with {}{class}", code(&self.error_word(span))));
                facts.extend(span.error.as_ref().and_then(|e| e.message.as_ref()).map(|m| code(&self.text(m))));
            }
            let deciding = self.deciding(span).map(|l| format!("\n  {}: {}", place(&l.line), code(&format::head(self.veil.line(l).trim(), MAX_TEXT))));
            let line = deciding.unwrap_or_else(|| span.lines.first().map(|l| format!("\n  {}", place(l))).unwrap_or_default());
            let row = format!("- {} {}: {}{line}", span.kind.stage().letter(), code(&self.name(&span.name)), facts.join("; "));
            self.line(&row);
        }
        self.left_out(told.len(), MAX_TOLD, "such step", "such steps");
    }

    /// The last line of a step that warns or worse, else its last.
    fn deciding(&self, span: &Span) -> Option<&'a LogLine> {
        let of_span = || self.log.iter().rev().filter(|l| l.span.as_deref() == Some(&span.id));
        let worst = of_span().filter_map(|l| l.severity).max();
        of_span().find(|l| worst < Some(Severity::Warn) || l.severity == worst)
    }

    fn missing(&mut self) {
        if self.t.missing.is_empty() {
            return;
        }
        self.heading("Missing");
        for m in self.t.missing.iter().take(MAX_LISTED) {
            let row = format!("- {} {}: {}", m.stage.word(), code(&self.name(&m.id)), prose(&self.text(&m.text)));
            self.line(&row);
        }
        self.left_out(self.t.missing.len(), MAX_LISTED, "stage", "stages");
    }

    fn notes(&mut self) {
        let t = self.t;
        let clocks = t.skew.iter().filter_map(clock_words::sentence).map(|(text, _)| prose(&self.text(&text)));
        let oddities = t.anomalies.iter().map(|a| format!("{}{}", prose(&self.text(&a.text)), if a.lines.is_empty() { String::new() } else { format!(" ({})", places(&a.lines)) }));
        let links = t.links.iter().map(|l| format!("not part of it, {}: {} ({})", prose(&l.rule.replace('_', " ")), code(&self.name(&l.to)), places(&l.lines)));
        let all: Vec<String> = clocks.chain(oddities).chain(links).collect();
        if all.is_empty() {
            return;
        }
        self.heading("Clocks and oddities");
        for text in all.iter().take(MAX_LISTED) {
            self.line(&format!("- {text}"));
        }
        self.left_out(all.len(), MAX_LISTED, "remark", "remarks");
    }

    fn lines(&mut self) {
        let t = self.t;
        if self.log.is_empty() {
            return;
        }
        self.heading("Lines");
        let chosen = self.chosen();
        self.line("| at | line | level | text |\n|---:|---|---|---|");
        let zero = t.start.map_or(0, |s| s.0);
        for line in self.log.iter().filter(|l| chosen.contains(&l.line)) {
            let at = line.time.map_or_else(|| format::NONE.to_owned(), |x| format::offset(x.0.saturating_sub(zero)));
            let text = cell(&format::head(self.veil.line(line).trim(), MAX_TEXT));
            self.line(&format!("| {at} | {} | {} | {text} |", cell(&line.line.to_string()), line.severity.map_or("", Severity::word)));
        }
        let all = t.lines.len() + t.unplaced.len();
        let left = all.max(self.log.len()).saturating_sub(chosen.len());
        let sources: Vec<String> = t.sources.iter().take(MAX_LISTED).map(|s| format!("{} ({})", code(&s.file), s.lines)).collect();
        let left = if left > 0 { format!("{} left out. ", format::counted(left as u64, "line is", "lines are")) } else { String::new() };
        self.line(&format!("\n{left}Sources: {}", sources.join(", ")));
    }

    /// Lines that warn or worse first, then those that prove an id, then the first and last of the rest.
    fn chosen(&self) -> FxHashSet<&'a LineRef> {
        let mut out: FxHashSet<&'a LineRef> = FxHashSet::default();
        let proofs: FxHashSet<&LineRef> = self.t.ids.iter().filter_map(|i| i.proof.as_ref()?.lines.first()).collect();
        let is_bad = |least: Severity| move |l: &&LogLine| l.severity.is_some_and(|s| s >= least);
        let ends = self.log.first().into_iter().chain(self.log.last());
        let wanted = self.log.iter().filter(is_bad(Severity::Error)).chain(self.log.iter().filter(is_bad(Severity::Warn)));
        let wanted = wanted.chain(self.log.iter().filter(|l| proofs.contains(&l.line))).chain(ends).chain(self.log);
        for line in wanted {
            if out.len() >= MAX_LINES {
                break;
            }
            out.insert(&line.line);
        }
        out
    }

    fn left_out(&mut self, all: usize, shown: usize, one: &str, many: &str) {
        if all > shown {
            let left = (all - shown) as u64;
            self.line(&format!("- and {} more", format::counted(left, one, many)));
        }
    }
}

fn failed(span: &Span) -> bool {
    !matches!(span.outcome, Outcome::Ok | Outcome::Unknown)
}

fn place(line: &LineRef) -> String {
    code(&line.to_string())
}

fn places(lines: &[LineRef]) -> String {
    let more = lines.len().saturating_sub(3);
    let shown: Vec<String> = lines.iter().take(3).map(place).collect();
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

/// Time on the critical path by step.
fn own_ns(t: &Trace) -> FxHashMap<&str, i64> {
    let whole = if t.completion.segments.is_empty() { &t.breakdown } else { &t.completion };
    let mut out: FxHashMap<&str, i64> = FxHashMap::default();
    whole.segments.iter().filter_map(|s| Some((s.span.as_deref()?, s.ns))).for_each(|(span, ns)| *out.entry(span).or_default() += ns);
    out
}

/// The steps that the table has room for: what went wrong first, then the longest, with the root.
fn kept(t: &Trace) -> FxHashSet<&str> {
    let mut order: Vec<&Span> = t.spans.iter().collect();
    order.sort_by_key(|s| (s.parent.is_some(), !(failed(s) || s.unfinished || s.attempt.is_some_and(|a| a > 1)), std::cmp::Reverse(s.duration_ns()), s.start));
    order.into_iter().take(MAX_STEPS).map(|s| s.id.as_str()).collect()
}
