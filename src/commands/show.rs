//! `throughline show ID`: the path of a request in the terminal.
//!
//! Guarantees: the same figures as the page and the document; bars are sized to the width; nothing is coloured when piped; secrets are hidden, but in `--json`. An unknown
//! id is an error with the way out, several readings are listed. Never guesses which of several was meant.

use crate::{
    commands::{Out, Style, cut, safe},
    export::veil::Veil,
    model::{
        clock_words, format,
        trace::{Breakdown, Evidence, LogLine, Outcome, SegmentKind, Span, Stage, Trace},
    },
    query::{
        engine::ENOUGH,
        view::{ChoiceView, Found, PathView, UnknownView},
    },
};
use anyhow::{Result, bail};
use std::borrow::Cow;

/// Least cells of a bar of the timeline.
const LEAST_BAR: usize = 8;
/// From so many columns on a breakdown has room for what is typical.
const COMPARED_FROM: usize = 84;

/// Prints what an id means.
pub fn run(out: &mut Out<'_>, asked: &str, found: &Found, json: bool, log: bool) -> Result<()> {
    match found {
        Found::Path(view) if json => {
            serde_json::to_writer(&mut *out.to, &view.trace)?;
            out.line("")?;
        }
        Found::Path(view) => {
            let (trace, lines) = Veil::of_log(&view.log, false).path(&view.trace, &view.log);
            path(out, &PathView { trace, log: lines, ..(**view).clone() }, log)?;
        }
        Found::Choices { choices, more } => {
            choose(out, "show", choices, json)?;
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

/// Several requests: for each the command that names it.
pub fn choose(out: &mut Out<'_>, command: &str, choices: &[ChoiceView], json: bool) -> Result<()> {
    for c in choices {
        if json {
            let line = serde_json::json!({"id": c.id, "scope": c.scope, "kind": c.kind, "route": c.route, "start": c.start, "state": c.state, "total_ns": c.total_ns});
            out.line(&line.to_string())?;
            continue;
        }
        let scope = c.scope.as_ref().map(|s| format!(" --scope {}", quoted(&safe(s)))).unwrap_or_default();
        let total = c.total_ns.map(format::length).unwrap_or_default();
        let start = c.start.map(format::instant).unwrap_or_default();
        out.line(&format!("throughline {command} {}{scope}    {}  {start}  {total}  {}", quoted(&safe(&c.id)), c.state.word(), safe(c.route.as_deref().unwrap_or(&c.kind))))?;
    }
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
    let after = t.after_response();
    part(out, if t.status.is_some() || after.total_ns > 0 { "Where the response went" } else { "Where the time went" }, &t.breakdown, view)?;
    part(out, "After the response", &after, view)?;
    whole(out, view)?;
    timeline(out, t)?;
    warnings(out, t)?;
    if log {
        merged_log(out, t, &view.log)?;
        possible(out, &view.possible)?;
    }
    Ok(())
}

fn header(out: &mut Out<'_>, t: &Trace) -> Result<()> {
    let state = t.status.map_or_else(|| t.state.word().to_owned(), |s| format!("{s} {}", t.state.word()));
    let marks = if t.marks.is_empty() { String::new() } else { format!(" ({})", t.marks.join(", ")) };
    let style = if matches!(t.state, crate::model::trace::State::Ok) { Style::Good } else { Style::Bad };
    let head = out.styled(&state.replace('_', " "), style);
    let route = safe(t.route.as_deref().unwrap_or(""));
    let gap = if state.chars().count() + marks.chars().count() + route.chars().count() + 2 <= out.width { "  " } else { "\n  " };
    out.line(format!("{head}{marks}{gap}{}", cut(&route, out.width.saturating_sub(2))).trim_end())?;
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
    for row in in_rows(&figures, out.width) {
        out.line(&row)?;
    }
    for id in &t.ids {
        let scope = id.scope.as_ref().map(|s| format!(" ({})", safe(s))).unwrap_or_default();
        let name = format!("  {:<9} {}{scope}", safe(&id.kind), safe(&id.value));
        let proof = id.proof.as_ref().and_then(|p| p.lines.first().map(|l| safe(&format!("{} in {l}", p.rule.word().replace('_', " "))))).unwrap_or_default();
        let gap = if name.chars().count() + proof.chars().count() + 2 <= out.width { "  " } else { "\n            " };
        let proof = if proof.is_empty() { proof } else { format!("{gap}{}", out.styled(&proof, Style::Faint)) };
        out.line(&format!("{name}{proof}"))?;
    }
    Ok(())
}

/// Figures side by side, in as many rows as they need.
fn in_rows(figures: &[String], width: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for figure in figures {
        match rows.last_mut() {
            Some(row) if row.chars().count() + figure.chars().count() + 3 <= width => {
                row.push_str(" · ");
                row.push_str(figure);
            }
            _ => rows.push(figure.clone()),
        }
    }
    rows
}

/// A breakdown; each kind is compared with what its route is used to where the whole of it stands in this part.
fn part(out: &mut Out<'_>, title: &str, b: &Breakdown, view: &PathView) -> Result<()> {
    if b.total_ns <= 0 {
        return Ok(());
    }
    let title = out.styled(title, Style::Strong);
    out.line(&format!("\n{title}  {}, adds up exactly", format::length(b.total_ns)))?;
    let mut kinds: Vec<_> = b.by_kind_ns.iter().filter(|(_, ns)| **ns > 0).collect();
    kinds.sort_by_key(|(kind, ns)| (**kind == SegmentKind::Unaccounted, std::cmp::Reverse(**ns)));
    let shares = format::shares(&kinds.iter().map(|(_, ns)| **ns).collect::<Vec<_>>());
    let typical = |kind: &SegmentKind, ns: i64| {
        let is_whole = view.trace.completion.by_kind_ns.get(kind).is_none_or(|whole| *whole == ns);
        view.typical_by_kind.get(kind).filter(|t| is_whole && t.n >= ENOUGH).copied()
    };
    let compared = out.width >= COMPARED_FROM && kinds.iter().any(|(kind, ns)| typical(kind, **ns).is_some());
    if compared {
        let head = out.styled(&format!("  {:<20} {:>9} {:>7} {:>9} {:>10}", "", "time", "share", "median", "difference"), Style::Faint);
        out.line(head.trim_end())?;
    }
    let bar_width = out.width.saturating_sub(if compared { 64 } else { 43 }).clamp(8, 60);
    for ((kind, ns), share) in kinds.into_iter().zip(shares) {
        let letter = kind.stage().map_or('·', Stage::letter);
        let cells = typical(kind, *ns).map_or_else(|| format!("{:>9} {:>10}", "", ""), |t| format!("{:>9} {:>10}", format::length(t.p50_ns), format::offset(ns - t.p50_ns)));
        let cells = if compared { format!(" {cells}") } else { String::new() };
        let bar = blocks(0.0, *ns as f64 / b.total_ns as f64 * bar_width as f64, bar_width, if kind.is_wait() { WAITING } else { WORKING });
        let bar = if kind.is_wait() { out.styled(bar.trim_end(), Style::Wait) } else { bar.trim_end().to_owned() };
        out.line(&format!("  {letter} {:<18} {:>9} {share:>7}{cells}  {bar}", kind.word().replace('_', " "), format::length(*ns)))?;
    }
    Ok(())
}

/// What is typical of the route, below the parts.
fn whole(out: &mut Out<'_>, view: &PathView) -> Result<()> {
    let (Some(typical), Some(total)) = (view.typical, view.trace.completion_ns.or(view.trace.response_ns)) else { return Ok(()) };
    let requests = format::counted(typical.n, "finished request", "finished requests");
    let text = if typical.n < ENOUGH {
        format!("{requests} of this route so far: too few to compare")
    } else {
        let difference = format::offset(total - typical.p50_ns);
        format!(
            "whole request {} against a median of {} ({difference}), 95 % within {}, of {requests} of this route",
            format::length(total),
            format::length(typical.p50_ns),
            format::length(typical.p95_ns)
        )
    };
    for row in wrap(&text, out.width.saturating_sub(2)) {
        let row = out.styled(&row, Style::Faint);
        out.line(&format!("  {row}"))?;
    }
    Ok(())
}

/// Columns of the timeline: what its texts need, and the rest for the bars.
struct Columns {
    name: usize,
    bar: usize,
    notes: usize,
}

impl Columns {
    /// Beside name, bar and notes: two figures and the blanks between.
    const FIGURES: usize = 22;

    fn of(rows: &[(String, Vec<String>)], width: usize) -> Self {
        let share = width * 3 / 10;
        let name = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).clamp(8, share.max(18));
        let bar = width / 5;
        let room = width.saturating_sub(name + Self::FIGURES + bar).min(share).max(8);
        // What is longer than its room goes below its row.
        let notes = rows.iter().map(|(_, notes)| notes.join(" · ").chars().count()).filter(|n| *n <= room).max().unwrap_or(8).max(8);
        Self { name, bar: width.saturating_sub(name + Self::FIGURES + notes).clamp(LEAST_BAR, 100), notes }
    }
}

fn timeline(out: &mut Out<'_>, t: &Trace) -> Result<()> {
    let (Some(start), Some(total)) = (t.start, t.completion_ns.filter(|n| *n > 0)) else { return Ok(()) };
    let title = out.styled("Timeline", Style::Strong);
    out.line(&format!("\n{title}  {}", format::counted(t.spans.len() as u64, "step", "steps")))?;
    let order = t.in_tree_order();
    let name = |span: &Span, depth: usize| format!("{}{} {}", "  ".repeat(depth.min(8)), span.kind.stage().letter(), safe(&span.name));
    let rows: Vec<(String, Vec<String>)> = order.iter().map(|(span, depth)| (name(span, *depth), notes(span))).collect();
    let columns = Columns::of(&rows, out.width);
    for ((span, depth), (name, notes)) in order.iter().zip(&rows) {
        let name = cut(name, columns.name);
        let pad = " ".repeat(columns.name.saturating_sub(name.chars().count()));
        let bar = bar(span, start.0, total, columns.bar);
        let bar = if failed(span) {
            out.styled(&bar, Style::Bad)
        } else if span.kind.is_wait() {
            out.styled(&bar, Style::Wait)
        } else {
            bar
        };
        let took = if span.unfinished && span.end.is_none() { format::NONE.to_owned() } else { format::length(span.duration_ns()) };
        let fits = notes.join(" · ").chars().count() <= columns.notes;
        let beside = if fits { notes.join(" · ") } else { notes.first().cloned().unwrap_or_default() };
        out.line(&format!("{name}{pad} {:>9} {took:>9} {bar} {beside}", format::offset(span.start.0.saturating_sub(start.0))))?;
        if !fits {
            let indent = " ".repeat(2 * depth.min(&8) + 2);
            out.line(&format!("{indent}{}", cut(&notes.get(1..).unwrap_or_default().join(" · "), out.width.saturating_sub(indent.len()))))?;
        }
    }
    Ok(())
}

/// How a step is known, and what is special about it.
fn notes(span: &Span) -> Vec<String> {
    let mut notes = vec![span.evidence.word().to_owned()];
    notes.extend(span.attempt.map(|a| format!("attempt {a}")));
    notes.extend(failed(span).then(|| format!("✕ {}", span.error.as_ref().and_then(|e| e.kind.as_ref()).map_or_else(|| span.outcome.word().to_owned(), |k| safe(k)))));
    notes.extend(span.unfinished.then(|| "no end seen".to_owned()));
    notes
}

fn failed(span: &Span) -> bool {
    !matches!(span.outcome, Outcome::Ok | Outcome::Unknown)
}

/// From the left edge of a cell, in eighths, and a whole one.
const WORKING: ([char; 7], char) = (['▏', '▎', '▍', '▌', '▋', '▊', '▉'], '█');
const WAITING: ([char; 7], char) = (['░'; 7], '░');
const BOUNDED: ([char; 7], char) = (['▒'; 7], '▒');

fn bar(span: &Span, start: i64, total: i64, width: usize) -> String {
    let column = |ns: i64| ((ns as f64 / total as f64) * width as f64).clamp(0.0, width as f64);
    let fill = match span.kind {
        k if k.is_wait() => WAITING,
        _ if span.evidence == Evidence::Observed => BOUNDED,
        _ => WORKING,
    };
    blocks(column(span.start.0.saturating_sub(start)), column(span.end_or_start().0.saturating_sub(start)), width, fill)
}

/// A bar from one place to another, in cells; its end is drawn to an eighth of a cell, and something is drawn however short it is.
fn blocks(from: f64, to: f64, width: usize, (parts, full): ([char; 7], char)) -> String {
    let first = (from.floor() as usize).min(width.saturating_sub(1));
    let eighths = (((to - first as f64) * 8.0).round() as usize).clamp(1, 8 * (width - first).max(1));
    let mut text: String = std::iter::repeat_n(' ', first).chain(std::iter::repeat_n(full, eighths / 8)).collect();
    text.extend((eighths % 8).checked_sub(1).and_then(|part| parts.get(part)));
    let used = first + eighths.div_ceil(8);
    text.extend(std::iter::repeat_n(' ', width.saturating_sub(used)));
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
            for (n, row) in wrap(&text, out.width.saturating_sub(4)).iter().enumerate() {
                out.line(&format!("{}{row}", if n == 0 { "  " } else { "    " }))?;
            }
        }
    }
    let sources: Vec<String> = t.sources.iter().map(|s| format!("{} ({})", safe(&s.file), s.lines)).collect();
    let (lines, logs) = (format::counted((t.lines.len() + t.unplaced.len()) as u64, "line", "lines"), format::counted(t.sources.len() as u64, "source", "sources"));
    out.line("")?;
    for row in wrap(&format!("{lines} of {logs}: {}", sources.join(", ")), out.width) {
        let row = out.styled(&row, Style::Faint);
        out.line(&row)?;
    }
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

/// Lines that may belong, each with the head of its text.
fn possible(out: &mut Out<'_>, lines: &[LogLine]) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let title = out.styled("May belong, not proved", Style::Strong);
    out.line(&format!("\n{title}"))?;
    for line in lines {
        let place = out.styled(&safe(&line.line.to_string()), Style::Faint);
        let text = Veil::of_record(&line.raw, &[]).text(&line.text, &line.raw);
        out.line(&format!("  {}  {place}", safe(text.lines().next().unwrap_or_default().trim_end())))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_ends_on_an_eighth_and_is_never_nothing() {
        assert_eq!(blocks(0.0, 2.5, 4, WORKING), "██▌ ");
        assert_eq!(blocks(1.0, 1.0, 4, WORKING), " ▏  ");
        assert_eq!(blocks(4.0, 4.0, 4, WORKING), "   █");
        assert_eq!(blocks(0.0, 4.0, 4, WAITING), "░░░░");
        assert_eq!(blocks(0.2, 1.2, 4, BOUNDED), "▒▒  ");
    }

    #[test]
    fn columns_leave_the_bar_its_share_and_put_long_notes_below() {
        let rows = |name: &str, notes: &[&str]| vec![(name.to_owned(), notes.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())];
        let c = Columns::of(&rows(&"n".repeat(90), &["stated", "attempt 3"]), 100);
        assert_eq!((c.name, c.bar, c.notes), (30, 30, 18));
        let c = Columns::of(&rows("A x", &["paired", "attempt 1", "✕ ContractValidationError"]), 100);
        assert_eq!((c.name, c.bar, c.notes), (8, 62, 8));
    }
}
