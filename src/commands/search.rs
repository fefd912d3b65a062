//! `throughline search QUERY`: requests, or with `--lines` lines, that match.
//!
//! Guarantees: secrets are hidden in what is printed for people (`--json` has texts as written); what could not be used of the query is said on standard error and the rest still counts. Never an error for no match.

use crate::{
    commands::{Out, Style, cut, safe},
    export::veil::Veil,
    model::{format, summary::RequestSummary, trace::State},
    query::{hits::LinesFound, view::ListView},
};
use anyhow::Result;
use std::io::Write;

/// Notices for standard error, a line each.
pub fn notices(view: &[crate::query::view::Notice], to: &mut dyn Write) -> Result<()> {
    for n in view {
        if n.part.is_empty() {
            writeln!(to, "note: {}", safe(&n.text))?;
        } else {
            writeln!(to, "note: {}: {}", safe(&n.part), safe(&n.text))?;
        }
    }
    Ok(())
}

/// Prints requests.
pub fn requests(out: &mut Out<'_>, view: &ListView, json: bool) -> Result<()> {
    for row in &view.page.rows {
        if json {
            serde_json::to_writer(&mut *out.to, row)?;
            out.line("")?;
        } else {
            let line = row_line(out, row);
            out.line(&line)?;
        }
    }
    if !json {
        let shown = view.page.rows.len() as u64;
        let figures = view.page.p50_ns.zip(view.page.p95_ns).map(|(a, b)| format!(", median {}, p95 {}", format::length(a), format::length(b))).unwrap_or_default();
        let text = out.styled(&format!("{shown} of {} requests that match{figures}", format::count(view.page.matched)), Style::Faint);
        out.line(&text)?;
        if let Some((condition, n)) = &view.drop_hint {
            out.line(&format!("without “{}”: {}", safe(condition), format::count(*n)))?;
        }
    }
    Ok(())
}

fn row_line(out: &Out<'_>, row: &RequestSummary) -> String {
    let style = if row.state == State::Ok { Style::Good } else { Style::Bad };
    let state = out.styled(&std::format!("{:<17}", row.state.word().replace('_', " ")), style);
    let start = row.start.map(format::instant).unwrap_or_default();
    let total = row.total_ns().map(format::length).unwrap_or_default();
    let wait = if row.queue_wait_ns > 0 { std::format!("  wait {}", format::length(row.queue_wait_ns)) } else { String::new() };
    let mut words = Vec::new();
    if row.retries > 0 {
        words.push(std::format!("{} retries ({})", row.retries, row.retry_class.word()));
    }
    if row.serving == crate::model::trace::Serving::Fallback {
        words.push("fell back".to_owned());
    }
    words.extend(row.error_type.as_deref().map(safe));
    std::format!("{state} {start}  {total:>9}  {:<32} {:<30}{wait}  {}", cut(&safe(&row.id), 32), cut(&safe(row.route.as_deref().unwrap_or("")), 30), words.join(" · "))
        .trim_end()
        .to_owned()
}

/// Prints lines.
pub fn lines(out: &mut Out<'_>, found: &LinesFound, json: bool) -> Result<()> {
    for hit in &found.hits {
        if json {
            serde_json::to_writer(&mut *out.to, hit)?;
            out.line("")?;
            continue;
        }
        let time = hit.time.map(format::instant).unwrap_or_default();
        let level = hit.level.map_or("", crate::model::entry::Severity::word);
        let place = out.styled(&safe(&hit.line.to_string()), Style::Faint);
        let id = hit.id.as_deref().map(|i| std::format!("  {}", cut(&safe(i), 36))).unwrap_or_default();
        let text = Veil::of_record(&hit.raw, &hit.secrets).text(&hit.text, &hit.raw);
        let text = std::format!("{time:<27} {level:<5} {:<14} {}{id}  {place}", cut(&safe(&hit.service), 14), safe(text.lines().next().unwrap_or("")));
        out.line(text.trim_end())?;
    }
    Ok(())
}
