//! `throughline explain FILE`: each physical line as it is understood.
//!
//! Guarantees: one output line (or JSON object) for each physical line, in order; what continues a record says so. Reads the file as
//! ingest does (same framing, same conventions, any compression). Never needs an index.

use crate::{
    commands::{Out, Style, cut, safe},
    model::{
        entry::{Entry, FileId},
        format,
        record::{Chunk, Record},
        time::UnixNanos,
    },
    recognise::{
        Reader, Tables, explain,
        sensitive::{self, Sensitive},
    },
};
use anyhow::Result;
use std::sync::Arc;

/// Prints the records of one chunk. `next_line` is the number of the first physical line not printed yet; blank lines between records
/// are printed as such.
pub fn chunk(out: &mut Out<'_>, tables: &Arc<Tables>, chunk: &Chunk, next_line: &mut u64, json: bool) -> Result<()> {
    let mut reader = Reader::new(tables.clone());
    let mut entries: Vec<Entry> = Vec::new();
    for span in &chunk.records {
        blank(out, next_line, span.line, json)?;
        let record = Record { file: FileId(0), source: &chunk.source, start: span.start, line: span.line, raw: &chunk.bytes[span.at.clone()] };
        entries.clear();
        reader.read(&record, &mut entries);
        let Some(first) = entries.first() else { continue };
        if json {
            let mut object = explain::reading(first, span.line, first.reading.continues);
            if let Some(map) = object.as_object_mut() {
                if entries.len() > 1 {
                    map.insert("entries".into(), entries.len().into());
                }
                let marks = sensitive::marks(&String::from_utf8_lossy(record.raw), Sensitive::builtin());
                if !marks.is_empty() {
                    map.insert("sensitive".into(), marks.iter().map(|m| serde_json::json!([m.at.start, m.at.end, m.kind.word()])).collect());
                }
            }
            out.line(&object.to_string())?;
        } else {
            let text = line(out, first, span.line);
            out.line(&text)?;
        }
        for n in 1..u64::from(span.lines) {
            continuation(out, span.line + n, span.line, json)?;
        }
        *next_line = span.line + u64::from(span.lines);
    }
    Ok(())
}

/// Blank lines up to a line number.
pub fn blank(out: &mut Out<'_>, next_line: &mut u64, until: u64, json: bool) -> Result<()> {
    while *next_line < until {
        if json {
            out.line(&serde_json::json!({"line": *next_line, "json": false, "ts": null, "level": null, "message": null, "blank": true}).to_string())?;
        } else {
            let text = out.styled(&format!("{:>6}  (blank)", *next_line), Style::Faint);
            out.line(&text)?;
        }
        *next_line += 1;
    }
    Ok(())
}

fn continuation(out: &mut Out<'_>, line: u64, of: u64, json: bool) -> Result<()> {
    if json {
        out.line(&serde_json::json!({"line": line, "continues": of, "json": false, "ts": null, "level": null, "message": null}).to_string())?;
    } else {
        let text = out.styled(&format!("{line:>6}  continues {of}"), Style::Faint);
        out.line(&text)?;
    }
    Ok(())
}

fn line(out: &Out<'_>, e: &Entry, number: u64) -> String {
    let convention = match e.reading.convention {
        "" if e.reading.unparsed => "unreadable",
        "" if e.reading.json => "generic",
        "" => "text",
        name => name,
    };
    let time =
        e.time.map_or_else(|| "no time".to_owned(), |t| format!("{}{}", format::instant(UnixNanos(t.unix_ns)).trim_end_matches(" UTC"), if t.naive { " (no zone)" } else { "Z" }));
    let level = e.severity.map_or("–", crate::model::entry::Severity::word);
    let mut facts: Vec<String> = e.ids.iter().map(|i| format!("{}={}", safe(&i.label), safe(&i.value))).collect();
    facts.extend(e.duration.and_then(|d| d.ns).map(|ns| format!("took {}", format::length(ns))));
    facts.extend(e.http.as_ref().and_then(|h| h.status).map(|s| format!("status {s}")));
    facts.extend(e.model.as_ref().and_then(|m| m.served.as_deref().or(m.requested.as_deref())).map(|m| format!("model {}", safe(m))));
    facts.extend(e.attempt.as_ref().map(|a| format!("attempt {}", a.number)));
    facts.extend(e.failure.as_ref().and_then(|f| f.kind.as_deref()).map(|k| format!("error {}", safe(k))));
    let facts = out.styled(&facts.join("  "), Style::Faint);
    let body = cut(&safe(e.body.as_deref().unwrap_or("").lines().next().unwrap_or("")), 100);
    format!("{number:>6}  {convention:<16} {time:<30} {level:<5} {body}  {facts}").trim_end().to_owned()
}
