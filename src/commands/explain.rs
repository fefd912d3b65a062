//! `throughline explain FILE`: each physical line as it is understood.
//!
//! Guarantees: one output line (or JSON object) for each physical line, in order; what continues a record says so. Reads the file as
//! ingest does (same framing, same conventions, any compression). Never needs an index.

use crate::{
    commands::{Out, Style, cut, safe},
    model::{entry::Entry, format, habits::KeyUse, record::Chunk, time::UnixNanos},
    recognise::{
        Reader, Tables, UNUSED, explain,
        sensitive::{self, Sensitive},
    },
};
use anyhow::Result;
use std::{collections::BTreeMap, sync::Arc};

/// Reads one file.
pub struct Explainer {
    reader: Reader,
    json: bool,
    next_line: u64,
    met: bool,
}

impl Explainer {
    /// With these tables; `json`: for programs.
    pub fn new(tables: &Arc<Tables>, json: bool) -> Self {
        Self { reader: Reader::new(tables.clone()), json, next_line: 1, met: false }
    }

    fn meet(&mut self, chunk: &Chunk) {
        if !std::mem::replace(&mut self.met, true) {
            self.reader.meet(chunk);
        }
    }

    /// Prints the records of one chunk; blank lines between records are printed as such.
    pub fn chunk(&mut self, out: &mut Out<'_>, chunk: &Chunk) -> Result<()> {
        self.meet(chunk);
        let mut entries: Vec<Entry> = Vec::new();
        for span in &chunk.records {
            self.blank(out, span.line)?;
            let record = chunk.record(span);
            entries.clear();
            self.reader.read(&record, &mut entries);
            let Some(first) = entries.first() else { continue };
            if self.json {
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
                continuation(out, span.line + n, span.line, self.json)?;
            }
            self.next_line = span.line + u64::from(span.lines);
        }
        Ok(())
    }

    /// Blank lines up to a line number.
    pub fn blank(&mut self, out: &mut Out<'_>, until: u64) -> Result<()> {
        while self.next_line < until {
            if self.json {
                out.line(&serde_json::json!({"line": self.next_line, "json": false, "ts": null, "level": null, "message": null, "blank": true}).to_string())?;
            } else {
                let text = out.styled(&format!("{:>6}  (blank)", self.next_line), Style::Faint);
                out.line(&text)?;
            }
            self.next_line += 1;
        }
        Ok(())
    }

    /// Takes note of a chunk without printing it.
    pub fn count(&mut self, chunk: &Chunk) {
        self.meet(chunk);
        self.reader.count();
        let mut entries = Vec::new();
        for span in &chunk.records {
            entries.clear();
            self.reader.read(&chunk.record(span), &mut entries);
        }
    }

    /// Prints what the file taught and what was done with each key.
    pub fn keys(&mut self, out: &mut Out<'_>) -> Result<()> {
        let habits = self.reader.take_counted().habits.into_values().next().unwrap_or_default();
        let customs = habits.customs();
        let mut keys: Vec<(&String, &KeyUse)> = habits.keys.iter().collect();
        keys.sort_by(|a, b| b.1.lines.cmp(&a.1.lines).then_with(|| a.0.cmp(b.0)));
        if self.json {
            let conventions: BTreeMap<&String, u64> = habits.conventions.iter().map(|(name, lead)| (name, lead.lines)).collect();
            let keys: BTreeMap<&String, &KeyUse> = keys.into_iter().collect();
            let all = serde_json::json!({"objects": habits.objects, "conventions": conventions, "why": customs.why, "keys": keys, "further_keys": habits.further_keys});
            return Ok(out.line(&all.to_string())?);
        }
        for (name, lead) in &habits.conventions {
            out.line(&format!("{:>8}  {}", format::count(lead.lines), if name.is_empty() { "objects by the generic rules" } else { name }))?;
        }
        for why in &customs.why {
            out.line(&format!("          {}", safe(why)))?;
        }
        out.line("")?;
        for (key, found) in keys {
            let uses: Vec<&str> = found.uses.keys().map(String::as_str).collect();
            let (uses, count) = (uses.join("; "), format::count(found.lines));
            let text = if uses == UNUSED { out.styled(&uses, Style::Faint) } else { uses };
            out.line(&format!("{count:>8}  {:<40} {text}", safe(key)))?;
        }
        if habits.further_keys > 0 {
            out.line(&format!("{:>8}  values of further keys", format::count(habits.further_keys)))?;
        }
        Ok(())
    }
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
