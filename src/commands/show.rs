//! `throughline show ID`: the path of a request in the terminal.
//!
//! Guarantees: the same figures as the page and the document; bars are sized to the width; nothing is coloured when piped. An unknown
//! id is an error with the way out, several readings are listed. Never guesses which of several was meant.

use crate::{
    commands::{Out, Style, cut, safe},
    model::{
        clock_words, format,
        trace::{Breakdown, LogLine, Outcome, Span, Trace},
    },
    query::view::{ChoiceView, Found, PathView, UnknownView},
};
use anyhow::{Result, bail};
use std::{borrow::Cow, collections::BTreeMap};

/// Columns of the step names.
const NAME_WIDTH: usize = 34;

/// Prints what an id means.
pub fn run(out: &mut Out<'_>, asked: &str, found: &Found, json: bool, log: bool) -> Result<()> {
    match found {
        Found::Path(view) if json => {
            serde_json::to_writer(&mut *out.to, &view.trace)?;
            out.line("")?;
        }
        Found::Path(view) => path(out, view, log)?,
        Found::Choices { choices, more } => {
            choose(out, asked, choices, json)?;
            bail!("{}{} requests carry this id; name one of them", if *more { "at least " } else { "" }, choices.len());
        }
        Found::Unknown(view) => bail!("{}", unknown(asked, view)),
    }
    Ok(())
}

fn unknown(asked: &str, view: &UnknownView) -> String {
    use std::fmt::Write;
    let mut text = format!("no line carries the id {}", cut(&safe(asked), 80));
    if !view.unreadable.is_empty() {
        let _ = write!(text, "; it stands in a line that could not be read: {}", view.unreadable.join(", "));
    }
    if !view.near.is_empty() {
        let near: Vec<String> = view.near.iter().take(5).map(|n| safe(n)).collect();
        let _ = write!(text, "; ids that begin alike: {}", near.join(", "));
    }
    let spans = view.coverage.iter().map(|(_, a, b)| (*a, *b));
    if let Some((first, last)) = spans.reduce(|x, y| (x.0.min(y.0), x.1.max(y.1))) {
        let _ = write!(text, "; the index covers {} to {}", format::instant(first), format::instant(last));
    }
    text
}

fn choose(out: &mut Out<'_>, asked: &str, choices: &[ChoiceView], json: bool) -> Result<()> {
    for c in choices {
        if json {
            let line = serde_json::json!({"id": c.id, "scope": c.scope, "kind": c.kind, "route": c.route, "start": c.start, "state": c.state, "total_ns": c.total_ns});
            out.line(&line.to_string())?;
            continue;
        }
        let scope = c.scope.as_ref().map(|s| format!(" --scope {}", quoted(&safe(s)))).unwrap_or_default();
        let total = c.total_ns.map(format::length).unwrap_or_default();
        let start = c.start.map(format::instant).unwrap_or_default();
        out.line(&format!("throughline show {}{scope}    {}  {start}  {total}  {}", quoted(&safe(&c.id)), c.state.word(), safe(c.route.as_deref().unwrap_or(&c.kind))))?;
    }
    let _ = asked;
    Ok(())
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '=' | '/' | '@' | '+' | ','));
    if is_plain { word.into() } else { format!("'{}'", word.replace('\'', "'\\''")).into() }
}

fn path(out: &mut Out<'_>, view: &PathView, log: bool) -> Result<()> {
    let t = &view.trace;
    header(out, t)?;
    part(out, "Where the response went", &t.breakdown)?;
    if t.completion.total_ns > t.breakdown.total_ns {
        part(out, "After the response", &after(t))?;
    }
    timeline(out, t)?;
    warnings(out, t)?;
    if log {
        merged_log(out, t, &view.log)?;
    }
    Ok(())
}

fn header(out: &mut Out<'_>, t: &Trace) -> Result<()> {
    let state = t.status.map_or_else(|| t.state.word().to_owned(), |s| format!("{s} {}", t.state.word()));
    let marks = if t.marks.is_empty() { String::new() } else { format!(" ({})", t.marks.join(", ")) };
    let style = if matches!(t.state, crate::model::trace::State::Ok) { Style::Good } else { Style::Bad };
    let head = out.styled(&state.replace('_', " "), style);
    out.line(&format!("{head}{marks}  {}", safe(t.route.as_deref().unwrap_or(""))))?;
    let sentence = safe(&t.verdict.sentence);
    for row in wrap(&sentence, out.width.clamp(40, 120)) {
        let row = out.styled(&row, Style::Strong);
        out.line(&row)?;
    }
    let mut figures = Vec::new();
    figures.extend(t.response_ns.map(|ns| format!("{} to response", format::length(ns))));
    figures.extend(t.completion_ns.map(|ns| format!("{} to completion", format::length(ns))));
    figures.extend(t.coverage.map(|c| format!("{} accounted for", format::fraction(c))));
    figures.extend(t.start.map(|s| format!("began {}", format::instant(s))));
    out.line(&figures.join(" · "))?;
    for id in &t.ids {
        let scope = id.scope.as_ref().map(|s| format!(" ({})", safe(s))).unwrap_or_default();
        let proof = id.proof.as_ref().and_then(|p| p.lines.first().map(|l| format!("  {} in {l}", p.rule.word().replace('_', " ")))).unwrap_or_default();
        let proof = out.styled(&safe(&proof), Style::Faint);
        out.line(&format!("  {:<9} {}{scope}{proof}", id.kind, safe(&id.value)))?;
    }
    Ok(())
}

/// The part of the completion that comes after the response.
fn after(t: &Trace) -> Breakdown {
    let Some(start) = t.start else { return Breakdown::default() };
    let answered = start.0 + t.breakdown.total_ns;
    let segments: Vec<_> = t.completion.segments.iter().filter(|s| s.start.0 >= answered).cloned().collect();
    let mut by_kind_ns = BTreeMap::new();
    segments.iter().for_each(|s| *by_kind_ns.entry(s.kind).or_insert(0) += s.ns);
    Breakdown { total_ns: t.completion.total_ns - t.breakdown.total_ns, segments, by_kind_ns }
}

fn part(out: &mut Out<'_>, title: &str, b: &Breakdown) -> Result<()> {
    if b.total_ns <= 0 {
        return Ok(());
    }
    let title = out.styled(title, Style::Strong);
    out.line(&format!("\n{title}  {}, adds up exactly", format::length(b.total_ns)))?;
    let mut kinds: Vec<_> = b.by_kind_ns.iter().collect();
    kinds.sort_by_key(|(_, ns)| std::cmp::Reverse(**ns));
    let bar_width = out.width.saturating_sub(46).clamp(10, 60);
    for (kind, ns) in kinds {
        let share = *ns as f64 / b.total_ns as f64;
        let letter = kind.stage().map_or('·', crate::model::trace::Stage::letter);
        let fill = if kind.is_wait() { '░' } else { '█' };
        let bar: String = std::iter::repeat_n(fill, ((share * bar_width as f64).round() as usize).min(bar_width)).collect();
        let bar = if kind.is_wait() { out.styled(&bar, Style::Wait) } else { bar };
        out.line(&format!("  {letter} {:<18} {:>9} {:>7}  {bar}", kind.word().replace('_', " "), format::length(*ns), format::fraction(share)))?;
    }
    Ok(())
}

fn timeline(out: &mut Out<'_>, t: &Trace) -> Result<()> {
    let (Some(start), Some(total)) = (t.start, t.completion_ns.filter(|n| *n > 0)) else { return Ok(()) };
    let title = out.styled("Timeline", Style::Strong);
    out.line(&format!("\n{title}  {} steps", t.spans.len()))?;
    let width = out.width.saturating_sub(NAME_WIDTH + 36).clamp(12, 80);
    for (span, depth) in tree_order(t) {
        let name = cut(&format!("{}{} {}", "  ".repeat(depth.min(8)), span.kind.stage().letter(), safe(&span.name)), NAME_WIDTH);
        let pad = NAME_WIDTH.saturating_sub(name.chars().count());
        let bar = bar(span, start.0, total, width);
        let bad = !matches!(span.outcome, Outcome::Ok | Outcome::Unknown);
        let bar = if bad {
            out.styled(&bar, Style::Bad)
        } else if span.kind.is_wait() {
            out.styled(&bar, Style::Wait)
        } else {
            bar
        };
        let mut notes = vec![span.evidence.word().to_owned()];
        notes.extend(span.attempt.map(|a| format!("attempt {a}")));
        notes.extend(bad.then(|| format!("✕ {}", span.error.as_ref().and_then(|e| e.kind.clone()).map_or_else(|| span.outcome.word().to_owned(), |k| safe(&k)))));
        notes.extend(span.unfinished.then(|| "no end seen".to_owned()));
        let took = if span.unfinished && span.end.is_none() { "–".to_owned() } else { format::length(span.duration_ns()) };
        out.line(&format!("{name}{} {:>9} {took:>9} {bar} {}", " ".repeat(pad), format::offset(span.start.0 - start.0), notes.join(" · ")))?;
    }
    Ok(())
}

/// Spans in tree order with their depth.
fn tree_order(t: &Trace) -> Vec<(&Span, usize)> {
    let mut children: BTreeMap<Option<&str>, Vec<&Span>> = BTreeMap::new();
    t.spans.iter().for_each(|s| children.entry(s.parent.as_deref()).or_default().push(s));
    let mut out = Vec::with_capacity(t.spans.len());
    let mut stack: Vec<(&Span, usize)> = children.get(&None).into_iter().flatten().rev().map(|s| (*s, 0)).collect();
    while let Some((span, depth)) = stack.pop() {
        out.push((span, depth));
        stack.extend(children.get(&Some(span.id.as_str())).into_iter().flatten().rev().map(|s| (*s, depth + 1)));
    }
    out
}

fn bar(span: &Span, start: i64, total: i64, width: usize) -> String {
    let column = |ns: i64| ((ns as f64 / total as f64) * width as f64).clamp(0.0, width as f64);
    let from = column(span.start.0 - start).floor() as usize;
    let to = (column(span.end_or_start().0 - start).ceil() as usize).clamp(from + 1, width.max(from + 1));
    let fill = match span.kind {
        k if k.is_wait() => '░',
        _ if span.evidence == crate::model::trace::Evidence::Observed => '▒',
        _ => '█',
    };
    let mut text: String = std::iter::repeat_n(' ', from).chain(std::iter::repeat_n(fill, to - from)).collect();
    text.extend(std::iter::repeat_n(' ', width.saturating_sub(to)));
    text
}

fn warnings(out: &mut Out<'_>, t: &Trace) -> Result<()> {
    let missing = t.missing.iter().map(|m| format!("not seen: {} {} ({})", m.stage.word(), safe(&m.id), safe(&m.text)));
    let anomalies = t.anomalies.iter().map(|a| {
        let lines: Vec<String> = a.lines.iter().take(3).map(ToString::to_string).collect();
        format!("{}{}{}", safe(&a.text), if lines.is_empty() { "" } else { "  " }, safe(&lines.join(", ")))
    });
    let links = t.links.iter().map(|l| format!("{}: {}{}", l.rule.replace('_', " "), safe(&l.to), l.lines.first().map(|x| format!("  {x}")).unwrap_or_default()));
    let clocks = t
        .skew
        .iter()
        .filter_map(clock_words::sentence)
        .map(|(text, is_off)| safe(&if is_off && !t.skew.iter().any(|s| s.applied) { format!("{text} (shift them with --apply-skew)") } else { text }));
    let all: Vec<String> = missing.chain(clocks).chain(anomalies).chain(links).collect();
    if !all.is_empty() {
        let title = out.styled("Warnings and neighbours", Style::Strong);
        out.line(&format!("\n{title}"))?;
        for text in all {
            out.line(&format!("  {text}"))?;
        }
    }
    let sources: Vec<String> = t.sources.iter().map(|s| format!("{} ({})", safe(&s.file), s.lines)).collect();
    let sources = out.styled(&format!("\n{} lines of {} sources: {}", t.lines.len() + t.unplaced.len(), t.sources.len(), sources.join(", ")), Style::Faint);
    out.line(&sources)?;
    Ok(())
}

fn merged_log(out: &mut Out<'_>, t: &Trace, log: &[LogLine]) -> Result<()> {
    let title = out.styled("Lines", Style::Strong);
    out.line(&format!("\n{title}"))?;
    let start = t.start.map_or(0, |s| s.0);
    for line in log {
        let offset = line.time.map(|x| format::offset(x.0 - start)).unwrap_or_default();
        let level = line.severity.map_or("", crate::model::entry::Severity::word);
        let stage = line.stage.map_or('·', crate::model::trace::Stage::letter);
        let place = out.styled(&safe(&line.line.to_string()), Style::Faint);
        let unplaced = match line.placed_by {
            _ if line.unplaced => " (fits no step)".to_owned(),
            Some(by) => format!(" ({})", by.short()),
            None => String::new(),
        };
        out.line(&format!("{offset:>10} {stage} {level:<5} {:<12} {}{unplaced}  {place}", cut(&safe(&line.service), 12), safe(line.text.trim_end())))?;
    }
    Ok(())
}

/// Words in rows of at most so many characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match rows.last_mut() {
            Some(row) if row.chars().count() + word.chars().count() < width => {
                row.push(' ');
                row.push_str(word);
            }
            _ => rows.push(word.to_owned()),
        }
    }
    rows
}
