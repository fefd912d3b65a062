//! `throughline export`: paths or lines as newline-delimited JSON.
//!
//! Guarantees: `path-ndjson` is the public path document, one a line, oldest request first; `lines-ndjson` gives every stored record
//! with its byte range and its raw text exactly (base64 when it is no UTF-8). Streams: memory does not grow with the number of lines.

use crate::{
    commands::Out,
    model::summary::{RowQuery, SortKey},
    query::{
        engine::Engine,
        lines::{IndexLines, Lineages},
        view::Answers,
    },
    store::{LineReader, StoredRecord},
};
use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use std::sync::Arc;

/// Requests of one page while walking.
const PAGE: usize = 500;

/// Every path that matches. Returns the notices of the query.
pub fn paths(out: &mut Out<'_>, engine: &Engine, query: &str) -> Result<Vec<crate::query::view::Notice>> {
    let snapshot = engine.snapshot()?;
    let mut after = None;
    loop {
        let rows = RowQuery { sort: Some(SortKey::Start), ascending: true, after, limit: PAGE, overview: false, ..RowQuery::default() };
        let view = engine.list(query, rows)?;
        for row in &view.page.rows {
            let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, engine.tables(), None);
            let (built, _, _) = engine.build(&snapshot, &index, &Arc::from(row.root.as_str()))?;
            serde_json::to_writer(&mut *out.to, &built.trace)?;
            out.line("")?;
        }
        match view.page.next {
            Some(next) => after = Some(next),
            None => return Ok(view.notices),
        }
    }
}

/// Every stored record.
pub fn lines(out: &mut Out<'_>, reader: &LineReader, lineages: &Lineages) -> Result<()> {
    for stored in reader.all() {
        let stored = stored?;
        let file = lineages.get(&stored.file).map_or("(unknown file)", |l| &l.shown);
        out.line(&line(file, &stored))?;
    }
    Ok(())
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
