//! A source teaches how its lines are read; what it cannot teach stays open.

use super::*;
use crate::{
    model::{
        entry::FileId,
        record::{Chunk, Record, RecordSpan},
    },
    recognise::Reader,
};

const ID: &str = "req_01HV0000000000000000";

/// Lines of a logger nobody described: `zeit` is the clock, `stufe` the severity, `was` the text, `dauer` a length in milliseconds.
fn unknown_logger(n: u64) -> Vec<String> {
    let pair = |i: u64| {
        let (begin, took) = (1_795_423_039_000 + i * 5_000, 120 + i * 37);
        let level = if i.is_multiple_of(5) { "WARN" } else { "INFO" };
        [
            format!(r#"{{"zeit":{begin},"stufe":"INFO","was":"begins the work of {i}","request_id":"{ID}{i:02}","gilt_bis":{}}}"#, begin + 9_000_000_000_000),
            format!(r#"{{"zeit":{},"stufe":"{level}","was":"ends the work of {i}","request_id":"{ID}{i:02}","duration":{took}}}"#, begin + took + 3),
        ]
    };
    (0..n).flat_map(pair).collect()
}

fn record<'r>(source: &'r Arc<str>, line: &'r str) -> Record<'r> {
    Record { file: FileId(0), source, start: 0, line: 1, raw: line.as_bytes() }
}

/// A chunk as it comes from a file.
fn chunk(source: &Arc<str>, lines: &[String]) -> Chunk {
    let mut bytes = Vec::new();
    let mut records = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        let start = bytes.len();
        bytes.extend_from_slice(line.as_bytes());
        let at = start..bytes.len();
        bytes.push(b'\n');
        records.push(RecordSpan { start: start as u64, end: bytes.len() as u64, line: n as u64 + 1, lines: 1, at, cut: None });
    }
    Chunk { file: FileId(0), source: source.clone(), bytes, records }
}

/// A reader that has met the lines, and what each of them is then read as.
fn read(tables: Arc<Tables>, lines: &[String]) -> (Reader, Vec<Entry>) {
    let source: Arc<str> = "app".into();
    let mut reader = Reader::new(tables);
    reader.meet(&chunk(&source, lines));
    reader.count();
    let mut out = Vec::new();
    lines.iter().for_each(|line| reader.read(&record(&source, line), &mut out));
    (reader, out)
}

fn habits(lines: &[String]) -> Habits {
    let (mut reader, _) = read(Tables::builtin(), lines);
    reader.take_counted().habits.remove("app").unwrap_or_default()
}

#[test]
fn keys_nobody_knows_are_told_by_how_their_values_behave() {
    let lines: Vec<String> = unknown_logger(12).iter().map(|l| l.replace("\"zeit\"", "\"q1\"").replace("\"stufe\"", "\"q2\"").replace("\"was\"", "\"q3\"")).collect();
    let (_, entries) = read(Tables::builtin(), &lines);
    let last = &entries[21];
    assert_eq!(last.time.map(|t| t.unix_ns), Some((1_795_423_039_000 + 50_000 + 120 + 370 + 3) * 1_000_000));
    assert_eq!(last.severity, Some(crate::model::entry::Severity::Warn));
    assert_eq!(last.body.as_deref(), Some("ends the work of 10"));
    assert_eq!(last.duration.and_then(|d| d.ns), Some(490_000_000));
}

#[test]
fn names_of_people_and_places_are_no_message() {
    let lines: Vec<String> = (0..20).map(|i| format!(r#"{{"time":{},"kunde":"Anna Smith","stadt":"New York"}}"#, 1_795_423_039_000_u64 + i)).collect();
    assert!(read(Tables::builtin(), &lines).1.iter().all(|e| e.body.is_none()));
}

#[test]
fn to_meet_another_source_loses_nothing_of_the_first() {
    let (mut reader, _) = read(Tables::builtin(), &unknown_logger(12));
    let other: Arc<str> = "other".into();
    reader.meet(&chunk(&other, &unknown_logger(10)));
    let counted = reader.take_counted().habits;
    assert_eq!(counted.iter().map(|(name, habits)| (name.as_str(), habits.objects)).collect::<Vec<_>>(), [("app", 24)]);
}

#[test]
fn few_lines_teach_nothing() {
    let lines: Vec<String> = unknown_logger(3).iter().map(|l| l.replace("\"zeit\"", "\"q1\"")).collect();
    let (_, entries) = read(Tables::builtin(), &lines);
    assert!(entries.iter().all(|e| e.time.is_none()));
}

#[test]
fn what_was_taught_goes_on_being_taught() {
    let lines: Vec<String> = unknown_logger(12).iter().map(|l| l.replace("\"zeit\"", "\"q1\"")).collect();
    let found = habits(&lines).customs();
    assert_eq!(found.keys.get("q1").map(String::as_str), Some("time"), "{:?}", found.why);
    assert_eq!(found.keys.get("duration").map(String::as_str), Some("duration ms"), "{:?}", found.why);
}

#[test]
fn counts_do_not_depend_on_how_lines_are_split() {
    let lines = unknown_logger(12);
    let (mut a, b) = (habits(&lines[..10]), habits(&lines[10..]));
    let mut other = b.clone();
    other.merge(&a);
    a.merge(&b);
    assert_eq!(a, other);
    assert_eq!(a.customs(), habits(&lines).customs());
}

#[test]
fn a_line_without_the_signature_follows_its_source_and_a_stranger_does_not() {
    let mut lines: Vec<String> =
        (0..20).map(|i| format!(r#"{{"level":30,"time":{},"pid":17,"hostname":"web-1","msg":"request done","reqId":"{ID}{i:02}"}}"#, 1_795_423_039_000_u64 + i)).collect();
    lines.push(r#"{"level":20,"time":1795423040000,"msg":"without process and host"}"#.into());
    lines.push(r#"{"msg":"of another logger","severity":"INFO"}"#.into());
    let (_, entries) = read(Tables::builtin(), &lines);
    let named: Vec<&str> = entries[19..].iter().map(|e| e.reading.convention).collect();
    assert_eq!(named, ["pino", "pino", ""]);
    assert_eq!(entries[20].severity, Some(crate::model::entry::Severity::Debug));
}

#[test]
fn an_upgrade_in_the_middle_is_read_on_both_sides() {
    let old = (0..20).map(|i| format!(r#"{{"level":30,"time":{},"pid":17,"hostname":"web-1","msg":"old"}}"#, 1_795_423_039_000_u64 + i));
    let new = (0..20).map(|i| format!(r#"{{"@timestamp":"2026-11-27T12:00:00.{i:03}Z","log.level":"info","message":"new","ecs.version":"1.6.0"}}"#));
    let (_, entries) = read(Tables::builtin(), &old.chain(new).collect::<Vec<_>>());
    let named = |e: &Entry| e.reading.convention;
    assert_eq!((named(&entries[0]), named(&entries[39])), ("pino", "ecs"));
    assert!(entries.iter().all(|e| e.time.is_some() && e.severity.is_some() && e.body.is_some()));
}

#[test]
fn what_the_user_says_goes_before_what_was_learned() {
    let text = "[keys]\nduration = \"duration s\"\ngilt_bis = \"ignore\"\n[source.app.keys]\nwas = \"job_name\"\n";
    let tables = Tables::under(&[], "throughline.toml", text).unwrap();
    let (_, entries) = read(tables, &unknown_logger(12));
    assert_eq!(entries[1].duration.and_then(|d| d.ns), Some(120_000_000_000));
    assert_eq!(entries[1].body, None);
}

#[test]
fn what_the_user_leaves_out_is_not_found_again_by_the_shape_of_the_line() {
    let text = "[keys]\ntag = \"ignore\"\nargs = \"ignore\"\n\"time.nanos\" = \"ignore\"\n";
    let line = r#"{"time":{"seconds":1795957850,"nanos":5},"date":"2026-11-29T13:10:50Z","level":"info","tag":"mail","args":["sent"]}"#.to_owned();
    let said = |tables| read(tables, std::slice::from_ref(&line)).1.remove(0);
    let (all, without) = (said(Tables::builtin()), said(Tables::under(&[], "throughline.toml", text).unwrap()));
    assert_eq!((all.logger.as_deref(), all.body.as_deref(), all.time.map(|t| t.quantum_ns)), (Some("mail"), Some("sent"), Some(1)));
    assert_eq!((without.logger, without.body, without.time.map(|t| t.quantum_ns)), (None, None, Some(1_000_000_000)));
}

#[test]
fn memory_is_bounded_whatever_the_keys_and_sources() {
    let mut reader = Reader::new(Tables::builtin());
    reader.count();
    let (mut out, mut largest, mut all) = (Vec::new(), 0, 0);
    // A million keys, each once, over many sources.
    for n in 0..20_000_u64 {
        let source: Arc<str> = format!("source {}", n % 1_500).into();
        let members: Vec<String> = (0..50).map(|k| format!(r#""k{}":"some words that say {k}""#, n * 50 + k)).collect();
        out.clear();
        reader.read(&record(&source, &format!("{{{}}}", members.join(","))), &mut out);
        if n % 5_000 == 4_999 {
            let sizes: Vec<usize> = reader.take_counted().habits.values().map(|h| postcard::to_allocvec(h).unwrap_or_default().len()).collect();
            largest = largest.max(sizes.iter().copied().max().unwrap_or(0));
            all = all.max(sizes.iter().sum());
        }
    }
    assert!(largest > 1_000 && largest < 64 * 1_024, "{largest} bytes of one source");
    assert!(all < 16 * 1_024 * 1_024, "{all} bytes of all sources");
}

#[test]
fn numbers_of_a_severity_mean_what_the_words_on_other_lines_say() {
    let line = |level: u8, kind: &str| format!(r#"{{"date":"2026-11-29T13:12:13.973Z","args":["a line"],"type":"{kind}","level":{level}}}"#);
    let mut lines: Vec<String> = [(3, "info"), (1, "warn"), (4, "debug"), (3, "info")].iter().cycle().take(12).map(|(level, kind)| line(*level, kind)).collect();
    lines.extend([line(3, "start"), line(2, "log"), line(0, "error"), line(5, "box")]);
    let (_, entries) = read(Tables::builtin(), &lines);
    let said: Vec<_> = entries[12..].iter().map(|e| e.severity).collect();
    use crate::model::entry::Severity::{Error, Info};
    assert_eq!(said, [Some(Info), Some(Info), Some(Error), None]);
}
