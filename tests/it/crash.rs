//! SIGKILL at any moment loses no line and repeats none.

use crate::{support::Bench, tailing::gzip};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::Write,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// Lines between two rotations.
const ROTATE_EVERY: u64 = 5_000;

/// Writes numbered lines into two logs until told to stop. One is rotated by rename and packed later, the other by copy and truncate.
fn write_lines(dir: PathBuf, stop: &AtomicBool, written: &AtomicU64) {
    let open = |name: &str| OpenOptions::new().create(true).append(true).open(dir.join(name)).unwrap();
    let (mut a, mut b) = (open("a.log"), open("b.log"));
    let mut n = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..50 {
            let line = format!(
                "{{\"time\":\"2026-11-18T13:{:02}:{:02}.{:03}Z\",\"level\":\"info\",\"request_id\":\"req_{:026}\",\"msg\":\"line {n}\"}}\n",
                n / 60_000 % 60,
                n / 1_000 % 60,
                n % 1_000,
                n / 40
            );
            let to = if n.is_multiple_of(2) { &mut a } else { &mut b };
            // Halves, so that a kill meets half lines on disk.
            let (head, tail) = line.split_at(line.len() / 2);
            to.write_all(head.as_bytes()).unwrap();
            to.write_all(tail.as_bytes()).unwrap();
            n += 1;
        }
        written.store(n, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(5));
        let rotated = |name: &str| dir.join(format!("{name}.{}", n / ROTATE_EVERY));
        match n % ROTATE_EVERY {
            0 => {
                fs::rename(dir.join("a.log"), rotated("a.log")).unwrap();
                a = open("a.log");
            }
            // `b` appends: behind the truncation it goes on at 0.
            1_500 => {
                fs::copy(dir.join("b.log"), rotated("b.log")).unwrap();
                b.set_len(0).unwrap();
            }
            3_000 if n > ROTATE_EVERY => {
                fs::write(rotated("a.log").with_extension(format!("{}.gz", n / ROTATE_EVERY)), gzip(&fs::read(rotated("a.log")).unwrap())).unwrap();
                fs::remove_file(rotated("a.log")).unwrap();
            }
            _ => {}
        }
    }
}

#[test]
fn each_line_is_indexed_exactly_once_whatever_moment_the_process_is_killed_at() {
    let bench = Bench::new();
    let logs = bench.path("logs");
    fs::create_dir_all(&logs).unwrap();
    File::create(logs.join("a.log")).unwrap();
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writer = {
        let (logs, stop, written) = (logs.clone(), stop.clone(), written.clone());
        thread::spawn(move || write_lines(logs, &stop, &written))
    };
    for pause_ms in [150, 700, 1_300, 400, 2_100, 950] {
        let mut served = bench.command(&["serve", "logs", "--data", "data", "--listen", "127.0.0.1:0"]).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(pause_ms));
        served.kill().unwrap();
        served.wait().unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    bench.ok(&["index", "logs", "--data", "data"]);
    let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
    for line in bench.ok(&["export", "--format", "lines-ndjson", "--data", "data"]).lines() {
        let stored: serde_json::Value = serde_json::from_str(line).unwrap();
        let raw: serde_json::Value = serde_json::from_str(stored["raw"].as_str().unwrap()).expect("a whole line");
        let number = raw["msg"].as_str().unwrap().strip_prefix("line ").unwrap().parse().unwrap();
        *seen.entry(number).or_default() += 1;
    }
    let total = written.load(Ordering::Relaxed);
    assert!(total > 2 * ROTATE_EVERY, "only {total} lines were written");
    let names: BTreeSet<String> = fs::read_dir(&logs).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(["a.log.1.gz", "b.log.1"].iter().all(|name| names.contains(*name)), "{names:?}");
    assert_eq!(seen.len() as u64, total, "lines are missing");
    assert_eq!(seen.values().filter(|n| **n > 1).count(), 0, "lines are there twice");
    assert_eq!(seen.keys().next_back(), Some(&(total - 1)));
}
