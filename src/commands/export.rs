//! `throughline export`: paths or lines as newline-delimited JSON.
//!
//! Guarantees: `path-ndjson` is the public path document, one a line, oldest request first; `lines-ndjson` gives every stored record
//! (or those a query means) with its byte range and its raw text exactly (base64 when it is no UTF-8). Streams: memory does not grow with the number of lines.

use crate::{
    commands::Out,
    model::summary::{RowQuery, SortKey},
    query::{
        engine::{Engine, Snapshot},
        hits, search,
        view::{Notice, Times},
    },
    store::StoredRecord,
};
use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

/// Requests of one page while walking: each page asks all rows.
const PAGE: usize = 5_000;

/// Every path that matches. Returns the notices of the query.
pub fn paths(out: &mut Out<'_>, engine: &Engine, snapshot: &Snapshot, query: &str, times: Times) -> Result<Vec<Notice>> {
    let rows = RowQuery { sort: Some(SortKey::Start), ascending: true, limit: PAGE, overview: false, ..RowQuery::default() };
    let mut plan = search::plan(engine, snapshot, query, rows, None)?;
    loop {
        let page = snapshot.rows.list(&plan.query)?;
        let roots: Vec<String> = page.rows.iter().map(|row| row.root.clone()).collect();
        engine.documents(snapshot, &roots, times, |trace| -> Result<()> {
            serde_json::to_writer(&mut *out.to, trace)?;
            Ok(out.line("")?)
        })?;
        match page.next {
            Some(next) => plan.query.after = Some(next),
            None => return Ok(plan.notices),
        }
    }
}

/// Every stored record, or with a query those that match. Returns the notices of the query.
pub fn lines(out: &mut Out<'_>, engine: &Engine, snapshot: &Snapshot, query: &str) -> Result<Vec<Notice>> {
    let mut write = |stored: &StoredRecord| -> Result<()> {
        let file = snapshot.lineages.get(&stored.file).map_or("(unknown file)", |l| &l.shown);
        Ok(out.line(&line(file, stored))?)
    };
    if !query.trim().is_empty() {
        return hits::each_record(engine, snapshot, query, write);
    }
    for stored in snapshot.reader.all() {
        write(&stored?)?;
    }
    Ok(Vec::new())
}

fn line(file: &str, stored: &StoredRecord) -> String {
    let mut object = json!({"file": file, "line": stored.line, "start": stored.start, "end": stored.end});
    if let Some(map) = object.as_object_mut() {
        match std::str::from_utf8(&stored.raw) {
            Ok(text) => map.insert("raw".into(), text.into()),
            Err(_) => map.insert("raw_base64".into(), STANDARD.encode(&stored.raw).into()),
        };
        if let Some(cut) = &stored.cut {
            map.insert("cut".into(), true.into());
            map.insert("length".into(), cut.length.into());
            map.insert("sha256".into(), cut.sha256.clone().into());
        }
    }
    object.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{entry::FileId, record::Cut};

    #[test]
    fn raw_text_is_exact_and_bytes_that_are_no_text_are_base64() {
        let mut record = StoredRecord { file: FileId(1), start: 10, end: 14, line: 2, lines: 1, raw: b"a\"b".to_vec(), cut: None };
        let first: serde_json::Value = serde_json::from_str(&line("a.log", &record)).unwrap();
        assert_eq!(first, json!({"file": "a.log", "line": 2, "start": 10, "end": 14, "raw": "a\"b"}));
        record.raw = vec![0xff, 0x41];
        record.cut = Some(Box::new(Cut { length: 5_000_000, sha256: "ab".into() }));
        let second: serde_json::Value = serde_json::from_str(&line("a.log", &record)).unwrap();
        assert_eq!(second["raw_base64"], "/0E=");
        assert_eq!((second["cut"].as_bool(), second["length"].as_u64()), (Some(true), Some(5_000_000)));
    }
}
