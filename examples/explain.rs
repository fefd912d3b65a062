//! Prints how each line of a file is read: one JSON object a physical line.

use std::{fs, io::Write, sync::Arc};
use throughline::{
    model::{entry::FileId, record::Record},
    recognise::{
        Reader, Tables, explain,
        frame::{Framer, Join},
    },
};

fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_default();
    let bytes = fs::read(&path)?;
    let name = std::path::Path::new(&path).file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let source: Arc<str> = name.into();
    let mut framer = Framer::default();
    let mut records: Vec<(usize, usize, u64)> = Vec::new();
    let (mut at, mut line) = (0, 0);
    let mut numbers: Vec<(u64, bool)> = Vec::new();
    for physical in bytes.split_inclusive(|b| *b == b'\n') {
        line += 1;
        let bare = physical.strip_suffix(b"\n").unwrap_or(physical);
        let starts = matches!(framer.next(bare), Join::Starts) || records.is_empty();
        if starts {
            records.push((at, at + bare.len(), line));
        } else if let Some(last) = records.last_mut() {
            last.1 = at + bare.len();
        }
        numbers.push((line, starts));
        at += physical.len();
    }
    let mut reader = Reader::new(Tables::builtin());
    let mut out = std::io::stdout().lock();
    let mut entries = Vec::new();
    let mut next = records.iter().peekable();
    for (line, starts) in numbers {
        if !starts {
            writeln!(out, "{}", serde_json::json!({"line": line, "continues": true}))?;
            continue;
        }
        let Some((start, end, first)) = next.next() else { continue };
        entries.clear();
        reader.read(&Record { file: FileId(0), source: &source, start: *start as u64, line: *first, raw: &bytes[*start..*end] }, &mut entries);
        for entry in &entries {
            writeln!(out, "{}", explain::reading(entry, line, false))?;
        }
    }
    Ok(())
}
