//! The promises of the line index: one atom, clear refusals, nothing lost, nothing twice.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod damage;
mod faults;

use super::{
    directory::{Faults, GuardedDirectory, Op},
    *,
};
use crate::model::{
    checkpoint::{Checkpoint, FileCheckpoint},
    entry::{FileId, Severity},
    record::Cut,
};
use std::{
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};
use tantivy::{Index, IndexWriter, TantivyDocument, directory::RamDirectory};

const FILE: FileId = FileId(0x9e37_79b9_7f4a_7c15);

/// Record number `n` of the file: 100 bytes with its newline.
fn doc(n: u64) -> LineDoc {
    let raw = format!("{:<99}", format!(r#"{{"request_id":"req_{n:06}","msg":"Charged card number {n}"}}"#));
    LineDoc {
        file: FILE,
        start: n * 100,
        end: n * 100 + 100,
        line: n + 1,
        lines: 1,
        raw: raw.into_bytes(),
        cut: None,
        ids: vec![format!("req_{n:06}"), "tenant-7".to_owned()],
        words: format!("Charged card number {n}"),
        level: Some(if n.is_multiple_of(10) { Severity::Error } else { Severity::Info }),
        source: "api".into(),
        service: n.is_multiple_of(2).then(|| "billing".into()),
        time_ns: Some(1_000_000 * n as i64),
    }
}

fn checkpoint(off: u64) -> Checkpoint {
    Checkpoint { files: vec![FileCheckpoint { id: FILE, off, lines: off / 100, path: "/var/log/api.log".to_owned(), ..FileCheckpoint::default() }], ..Checkpoint::default() }
}

fn options() -> WriterOptions {
    WriterOptions { heap_bytes: 6_000_000, ..WriterOptions::default() }
}

/// Writes records `from..to` in one commit.
fn write(writer: &mut LineWriter, from: u64, to: u64) -> Result<u64, StoreError> {
    for n in from..to {
        writer.add(doc(n))?;
    }
    writer.commit(&checkpoint(to * 100), format!("learned up to {to}").as_bytes())
}

fn starts(records: &[StoredRecord]) -> Vec<u64> {
    records.iter().map(|record| record.start).collect()
}

/// The invariant: the records tile the file exactly up to the committed position.
fn assert_agrees(reader: &LineReader) -> u64 {
    let off = reader.checkpoint().files.first().map_or(0, |file| file.off);
    let tiling = reader.tiling(FILE).unwrap();
    assert_eq!((tiling.end, tiling.bytes, tiling.records), (off, off, off / 100));
    assert_eq!((tiling.gaps, tiling.overlaps), (vec![], vec![]));
    assert_eq!(reader.doc_count(), off / 100);
    let learned = if off == 0 { String::new() } else { format!("learned up to {}", off / 100) };
    assert_eq!(reader.learned(), learned.as_bytes());
    off / 100
}

#[test]
fn a_commit_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = Store::open_writer(dir.path()).unwrap();
        let mut writer = store.writer(&options()).unwrap();
        assert_eq!(write(&mut writer, 0, 30).unwrap(), 1);
        assert_eq!(write(&mut writer, 30, 50).unwrap(), 2);
        writer.close().unwrap();
    }
    let store = Store::open_reader(dir.path()).unwrap();
    let reader = store.reader();
    assert_eq!((reader.generation(), assert_agrees(&reader)), (2, 50));
    let found = reader.records("req_000031", 10).unwrap();
    let LineDoc { file, start, end, line, lines, raw, cut, .. } = doc(31);
    assert_eq!(found, vec![StoredRecord { file, start, end, line, lines, raw, cut }]);
    assert_eq!(reader.all().collect::<Result<Vec<_>, _>>().unwrap().len(), 50);
    let names: Vec<_> = std::fs::read_dir(dir.path().join("lines")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).filter(|n| n.starts_with("learned")).collect();
    assert_eq!(names, vec!["learned.2"]);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_enter_a_data_directory() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let _store = Store::open_writer(&data).unwrap();
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn records_added_after_the_last_commit_vanish_with_the_writer() {
    let directory = RamDirectory::create();
    let store = Store::in_memory_with(directory.clone(), Faults::default()).unwrap();
    let mut writer = store.writer(&options()).unwrap();
    write(&mut writer, 0, 20).unwrap();
    for n in 20..35 {
        writer.add(doc(n)).unwrap();
    }
    drop(writer);
    let store = Store::in_memory_with(directory, Faults::default()).unwrap();
    assert_eq!(assert_agrees(&store.reader()), 20);
    let mut writer = store.writer(&options()).unwrap();
    assert_eq!(writer.checkpoint().files[0].off, 2000);
    write(&mut writer, 20, 40).unwrap();
    assert_eq!(assert_agrees(&store.reload().unwrap()), 40);
}

#[test]
fn a_reader_keeps_its_commit_until_it_is_reloaded() {
    let store = Store::in_memory().unwrap();
    let mut writer = store.writer(&options()).unwrap();
    write(&mut writer, 0, 10).unwrap();
    let old = store.reload().unwrap();
    write(&mut writer, 10, 25).unwrap();
    assert_eq!((old.generation(), old.doc_count(), old.count("tenant-7")), (1, 10, 10));
    let new = store.reload().unwrap();
    assert_eq!((new.generation(), new.doc_count(), new.count("tenant-7")), (2, 25, 25));
    assert_eq!(assert_agrees(&old), 10);
}

#[test]
fn shards_of_several_threads_are_one_commit() {
    let store = Store::in_memory().unwrap();
    let mut writer = store.writer(&options()).unwrap();
    let shards = [writer.shard(), writer.shard()];
    let sealed: Vec<Sealed> = std::thread::scope(|scope| {
        let workers: Vec<_> = shards
            .into_iter()
            .enumerate()
            .map(|(w, mut shard)| {
                scope.spawn(move || {
                    for n in (0..100).filter(|n| n % 2 == w as u64) {
                        shard.add(doc(n)).unwrap();
                    }
                    shard.seal().unwrap()
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    for sealed in sealed {
        writer.take(sealed).unwrap();
    }
    writer.commit(&checkpoint(10_000), b"learned up to 100").unwrap();
    let reader = store.reload().unwrap();
    assert_eq!(assert_agrees(&reader), 100);
    assert_eq!(starts(&reader.records("tenant-7", 5).unwrap()), vec![0, 100, 200, 300, 400]);
}

#[test]
fn a_commit_that_would_miss_records_of_a_shard_is_refused() {
    let store = Store::in_memory().unwrap();
    let mut writer = store.writer(&options()).unwrap();
    let mut shard = writer.shard();
    shard.add(doc(0)).unwrap();
    drop(shard);
    let error = writer.commit(&checkpoint(100), b"").unwrap_err();
    assert_eq!(error.to_string(), "nothing more is written after an error: 1 records were added to a shard and not handed over");
    assert!(writer.commit(&checkpoint(0), b"").is_err(), "a poisoned writer stays so");
    drop(writer);
    assert_eq!(store.reload().unwrap().generation(), 0);
    assert!(store.writer(&options()).is_ok());
}

#[test]
fn a_shard_of_an_earlier_writer_cannot_slip_into_a_later_one() {
    let store = Store::in_memory().unwrap();
    let first = store.writer(&options()).unwrap();
    let mut shard = first.shard();
    shard.add(doc(0)).unwrap();
    let sealed = shard.seal().unwrap();
    drop(first);
    let mut second = store.writer(&options()).unwrap();
    assert!(matches!(second.take(sealed), Err(StoreError::Poisoned { .. })));
}

#[test]
fn a_shard_that_outlives_its_writer_writes_nothing_more() {
    let store = Store::in_memory().unwrap();
    let mut first = store.writer(&options()).unwrap();
    let mut shard = first.shard();
    write(&mut first, 0, 10).unwrap();
    drop(first);
    assert!(shard.add(doc(10)).is_err());
    let mut second = store.writer(&options()).unwrap();
    write(&mut second, 10, 20).unwrap();
    assert_eq!(assert_agrees(&store.reload().unwrap()), 20);
}

#[test]
fn an_id_of_70000_bytes_is_found_and_its_neighbour_is_not() {
    let store = Store::in_memory().unwrap();
    let mut writer = store.writer(&options()).unwrap();
    let (long, other) = (format!("job-{}", "é".repeat(35_000)), format!("job-{}f", "é".repeat(35_000)));
    writer.add(LineDoc { ids: vec![long.clone(), String::new()], ..doc(0) }).unwrap();
    writer.commit(&checkpoint(100), b"").unwrap();
    let reader = store.reload().unwrap();
    assert_eq!((reader.count(&long), reader.count(&other), reader.count("")), (1, 0, 0));
    assert_eq!(starts(&reader.records(&long, 1).unwrap()), vec![0]);
    let hits = reader.search(&LineQuery { must: vec![Clause::Id(long)], ..LineQuery::default() }, 10, true, None).unwrap();
    assert_eq!((hits.count, hits.exact), (1, true));
    assert_eq!(reader.prefixed("job-éé", 5).len(), 1);
}

#[test]
fn prefixes_are_sorted_over_all_segments() {
    let store = Store::in_memory().unwrap();
    let mut writer = store.writer(&options()).unwrap();
    for (generation, ids) in [["aab", "abz"], ["aaa", "b"], ["aab", "aac"]].into_iter().enumerate() {
        for (i, id) in ids.into_iter().enumerate() {
            writer.add(LineDoc { ids: vec![id.to_owned()], ..doc(generation as u64 * 2 + i as u64) }).unwrap();
        }
        writer.commit(&checkpoint(0), b"").unwrap();
    }
    let reader = store.reload().unwrap();
    assert_eq!(reader.prefixed("aa", 10), vec!["aaa", "aab", "aac"]);
    assert_eq!(reader.prefixed("aa", 2), vec!["aaa", "aab"]);
    assert_eq!(reader.prefixed("c", 10), Vec::<String>::new());
    assert_eq!(reader.count("aab"), 2);
}

#[test]
fn records_of_an_id_come_in_order_of_file_and_offset_once() {
    let store = Store::in_memory().unwrap();
    let mut writer = store.writer(&options()).unwrap();
    for n in [5, 3, 9] {
        writer.add(doc(n)).unwrap();
    }
    writer.commit(&checkpoint(0), b"").unwrap();
    for n in [4, 3] {
        writer.add(doc(n)).unwrap();
    }
    writer.add(LineDoc { file: FileId(1), ..doc(700) }).unwrap();
    writer.commit(&checkpoint(0), b"").unwrap();
    let reader = store.reload().unwrap();
    assert_eq!(starts(&reader.records("tenant-7", 100).unwrap()), vec![70_000, 300, 400, 500, 900]);
    assert_eq!(starts(&reader.records("tenant-7", 2).unwrap()), vec![70_000, 300]);
}

fn searched(reader: &LineReader, must: Vec<Clause>, must_not: Vec<Clause>) -> Vec<u64> {
    let hits = reader.search(&LineQuery { must, must_not }, 100, false, None).unwrap();
    assert!(hits.exact);
    assert_eq!(hits.count, hits.records.len() as u64);
    hits.records.iter().map(|record| record.start / 100).collect()
}

#[test]
fn conditions_are_combined() {
    let store = Store::in_memory().unwrap();
    let mut writer = store.writer(&options()).unwrap();
    write(&mut writer, 0, 20).unwrap();
    write(&mut writer, 20, 40).unwrap();
    let reader = store.reload().unwrap();
    let word = |w: &str| Clause::Word(w.to_owned());
    assert_eq!(searched(&reader, vec![Clause::Level(Severity::Error)], vec![]), vec![0, 10, 20, 30]);
    assert_eq!(searched(&reader, vec![Clause::Level(Severity::Error), Clause::Time(Some(10_000_000), Some(20_000_000))], vec![]), vec![10, 20]);
    assert_eq!(searched(&reader, vec![word("CHARGED 7")], vec![]), vec![7]);
    assert_eq!(searched(&reader, vec![word("...")], vec![]), Vec::<u64>::new());
    assert_eq!(searched(&reader, vec![Clause::WordPrefix("card 3".to_owned())], vec![]), vec![3, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39]);
    assert_eq!(searched(&reader, vec![Clause::IdPrefix("req_00001".to_owned())], vec![Clause::Service("billing".to_owned())]), vec![11, 13, 15, 17, 19]);
    assert_eq!(searched(&reader, vec![Clause::Any(vec![word("5"), Clause::Id("req_000038".to_owned())]), Clause::Source("api".to_owned())], vec![]), vec![5, 38]);
    assert_eq!(searched(&reader, vec![], vec![Clause::Time(Some(2_000_000), None)]), vec![0, 1]);
    assert_eq!(searched(&reader, vec![Clause::Time(None, None), Clause::Source("web".to_owned())], vec![]), Vec::<u64>::new());
}

#[test]
fn the_newest_come_first_and_those_without_time_last() {
    let store = Store::in_memory().unwrap();
    let mut writer = store.writer(&options()).unwrap();
    for (n, time_ns) in [(0, Some(50)), (1, None), (2, Some(-7)), (3, Some(90))] {
        writer.add(LineDoc { time_ns, ..doc(n) }).unwrap();
    }
    writer.commit(&checkpoint(400), b"").unwrap();
    let reader = store.reload().unwrap();
    let order = |limit, newest| starts(&reader.search(&LineQuery::default(), limit, newest, None).unwrap().records);
    assert_eq!(order(9, true), vec![300, 0, 200, 100]);
    assert_eq!(order(2, true), vec![300, 0]);
    assert_eq!(order(9, false), vec![200, 0, 300, 100]);
}

#[test]
fn a_search_past_its_deadline_says_that_its_count_is_a_lower_bound() {
    let store = Store::in_memory().unwrap();
    let mut writer = store.writer(&options()).unwrap();
    write(&mut writer, 0, 20).unwrap();
    let hits = store.reload().unwrap().search(&LineQuery::default(), 5, true, Some(Instant::now())).unwrap();
    assert!(!hits.exact);
}

#[test]
fn any_bytes_come_back_as_they_were() {
    let store = Store::in_memory().unwrap();
    let mut writer = store.writer(&options()).unwrap();
    let cut = Some(Box::new(Cut { length: u64::MAX - 1, sha256: "ab".repeat(32) }));
    let odd = [
        LineDoc { raw: vec![], lines: 0, ..doc(0) },
        LineDoc { raw: (0..=255).collect(), end: 100 + 257, ..doc(1) },
        LineDoc { raw: vec![0xff; 300_000], cut, line: u64::from(u32::MAX) + 5, lines: u32::MAX, ..doc(40) },
        LineDoc { file: FileId(u64::MAX), start: u64::MAX - 1, end: u64::MAX, ..doc(2) },
    ];
    for (i, doc) in odd.iter().enumerate() {
        writer.add(LineDoc { ids: vec![format!("odd-{i}")], ..doc.clone() }).unwrap();
    }
    writer.commit(&checkpoint(0), b"").unwrap();
    let reader = store.reload().unwrap();
    for (i, LineDoc { file, start, end, line, lines, raw, cut, .. }) in odd.into_iter().enumerate() {
        assert_eq!(reader.records(&format!("odd-{i}"), 1).unwrap(), vec![StoredRecord { file, start, end, line, lines, raw, cut }]);
    }
}

#[test]
fn words_are_runs_of_letters_and_digits_in_lower_case() {
    assert_eq!(words("Timeout: HTTP/1.1 504 from_upstream ÄRGER—naïve 模型"), vec!["timeout", "http", "1", "1", "504", "from", "upstream", "ärger", "naïve", "模型"]);
    assert_eq!(words(&format!("{} {} end", "a".repeat(255), "b".repeat(256))), vec!["a".repeat(255), "end".to_owned()]);
}

#[test]
fn a_second_writer_is_refused_and_a_reader_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_writer(dir.path()).unwrap();
    let mut writer = store.writer(&options()).unwrap();
    write(&mut writer, 0, 10).unwrap();
    let error = Store::open_writer(dir.path()).unwrap_err();
    let path = dir.path().display();
    assert_eq!(error.to_string(), format!("the data directory {path} is in use by another throughline; stop that one, or choose another directory with --data"));
    assert!(matches!(store.writer(&options()), Err(StoreError::Locked { .. })));
    let other = Store::open_reader(dir.path()).unwrap();
    assert_eq!(assert_agrees(&other.reader()), 10);
    assert!(matches!(other.writer(&options()), Err(StoreError::ReadOnly { .. })));
    write(&mut writer, 10, 12).unwrap();
    assert_eq!(assert_agrees(&other.reload().unwrap()), 12);
    drop((writer, store));
    assert!(Store::open_writer(dir.path()).is_ok(), "the lock file that stays is harmless");
}

#[test]
fn a_directory_without_an_index_is_absent_to_a_reader() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Store::open_reader(dir.path()), Err(StoreError::Absent { .. })));
    assert!(matches!(Store::open_reader(&dir.path().join("nowhere")), Err(StoreError::Absent { .. })));
}
