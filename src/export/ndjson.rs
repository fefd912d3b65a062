//! Lines of logs as newline-delimited JSON: where each stands and its text as it was written.
//!
//! Guarantees: `raw` is the record byte for byte, `raw_base64` when it is no UTF-8; only with a veil is anything hidden, and then content and secrets both. A
//! record is one line, in whatever it holds. Never reorders.

use crate::{export::veil::Veil, store::StoredRecord};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

/// One record.
pub fn line(file: &str, stored: &StoredRecord, veil: Option<&Veil>) -> String {
    let mut object = json!({"file": file, "line": stored.line, "start": stored.start, "end": stored.end});
    if let Some(map) = object.as_object_mut() {
        match (std::str::from_utf8(&stored.raw), veil) {
            (Ok(text), None) => map.insert("raw".into(), text.into()),
            (Err(_), None) => map.insert("raw_base64".into(), STANDARD.encode(&stored.raw).into()),
            (_, Some(veil)) => map.insert("raw".into(), veil.record(&String::from_utf8_lossy(&stored.raw)).into()),
        };
        if let Some(cut) = &stored.cut {
            map.insert("cut".into(), true.into());
            map.insert("length".into(), cut.length.into());
            map.insert("sha256".into(), cut.sha256.clone().into());
        }
    }
    object.to_string()
}

/// What is to be hidden in the records of a request.
pub fn veil<'a>(records: impl Iterator<Item = &'a StoredRecord>) -> Veil {
    let texts: Vec<_> = records.map(|r| String::from_utf8_lossy(&r.raw)).collect();
    Veil::of(texts.iter().map(AsRef::as_ref), true)
}

/// The records of one request, in the order given.
pub fn request<'a>(records: impl Iterator<Item = (&'a str, &'a StoredRecord)> + Clone, hide_content: bool) -> String {
    let veil = hide_content.then(|| veil(records.clone().map(|(_, record)| record)));
    records.map(|(file, record)| line(file, record, veil.as_ref()) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{entry::FileId, record::Cut};

    #[test]
    fn raw_text_is_exact_and_bytes_that_are_no_text_are_base64() {
        let mut record = StoredRecord { file: FileId(1), start: 10, end: 14, line: 2, lines: 1, raw: b"a\"b".to_vec(), cut: None };
        let first: serde_json::Value = serde_json::from_str(&line("a.log", &record, None)).unwrap();
        assert_eq!(first, json!({"file": "a.log", "line": 2, "start": 10, "end": 14, "raw": "a\"b"}));
        record.raw = vec![0xff, 0x41];
        record.cut = Some(Box::new(Cut { length: 5_000_000, sha256: "ab".into() }));
        let second: serde_json::Value = serde_json::from_str(&line("a.log", &record, None)).unwrap();
        assert_eq!(second["raw_base64"], "/0E=");
        assert_eq!((second["cut"].as_bool(), second["length"].as_u64()), (Some(true), Some(5_000_000)));
    }

    #[test]
    fn what_one_line_marks_is_hidden_in_all_of_them() {
        let record = |line, raw: &str| StoredRecord { line, raw: raw.as_bytes().to_vec(), ..StoredRecord::default() };
        let records = [record(1, r#"{"prompt":"the secret recipe"}"#), record(2, "plain: the secret recipe")];
        let shown = request(records.iter().map(|r| ("a.log", r)), true);
        assert_eq!(shown.lines().count(), 2);
        assert!(!shown.contains("recipe"), "{shown}");
        assert!(request(records.iter().map(|r| ("a.log", r)), false).contains("plain: the secret recipe"));
    }
}
