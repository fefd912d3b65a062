//! Samples of conventions: what a line must become, held against what it becomes.
//!
//! Guarantees: a sample is compared whole, every entry and every key of it. Never changes a table.

use crate::{
    model::{entry::FileId, record::Record},
    recognise::{Reader, Sample, TableError, Tables, explain},
};
use serde_json::Value;
use std::sync::Arc;

/// The readings of a line, as a sample writes them.
pub fn readings(reader: &mut Reader, line: &str) -> Vec<Value> {
    let source: Arc<str> = "s".into();
    let mut entries = Vec::new();
    reader.read(&Record { file: FileId(1), source: &source, start: 0, line: 1, raw: line.as_bytes() }, &mut entries);
    let one = |entry| {
        let mut reading = explain::reading(entry, 1, false);
        if let Some(map) = reading.as_object_mut() {
            map.remove("line");
            map.remove("host");
        }
        reading
    };
    entries.iter().map(one).collect()
}

/// The samples of the conventions that came from outside are read as they say, or the first that is not.
pub fn check_own(tables: &Arc<Tables>) -> Result<(), TableError> {
    let mut reader = Reader::new(tables.clone());
    for (file, name) in &tables.own {
        for (n, (_, sample)) in tables.samples.iter().filter(|(table, _)| table == name).enumerate() {
            check(&mut reader, sample).map_err(|what| TableError { file: file.clone(), what: format!("sample {} {what}", n + 1) })?;
        }
    }
    Ok(())
}

/// A sample is read as it says, or what it is read as.
pub fn check(reader: &mut Reader, sample: &Sample) -> Result<(), String> {
    let want: Result<Vec<Value>, _> = sample.want.iter().map(|text| serde_json::from_str(text)).collect();
    let want = want.map_err(|e| format!("wants what is no JSON: {e}"))?;
    let found = readings(reader, &sample.line);
    if found == want { Ok(()) } else { Err(format!("is read as {}", Value::from(found))) }
}
