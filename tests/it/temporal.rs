//! Workflow histories with known truth (`tests/temporal`): every run is one path, and its jobs waited, ran and ended as they did.

use crate::support::Bench;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::PathBuf,
};

fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/temporal").join(name);
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

fn values(text: &str) -> Vec<Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn instant(text: &Value) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap().timestamp_nanos_opt().unwrap()
}

#[test]
fn every_run_is_one_path_and_its_jobs_are_as_they_were() {
    let (log, runs) = (file("history.jsonl.gz"), values(&file("runs.jsonl.gz")));
    let bench = Bench::new();
    bench.write("history.jsonl", &log);
    bench.ok(&["index", "history.jsonl", "--data", "d"]);
    let documents = values(&bench.ok(&["export", "--data", "d", "--format", "path-ndjson"]));
    let owner: Vec<String> = values(&log).iter().map(|l| l["run_id"].as_str().unwrap().to_owned()).collect();
    let mut by_run: BTreeMap<String, &Value> = BTreeMap::new();
    for document in &documents {
        let lines = ["lines", "unplaced"].into_iter().flat_map(|part| document[part].as_array().unwrap());
        let of: BTreeSet<&String> = lines.map(|l| &owner[l.as_str().unwrap().rsplit_once(':').unwrap().1.parse::<usize>().unwrap() - 1]).collect();
        assert_eq!(of.len(), 1, "{of:?}");
        assert!(by_run.insert((*of.first().unwrap()).clone(), document).is_none(), "two paths of {of:?}");
    }
    assert_eq!((by_run.len(), documents.len()), (23, 23));
    let lines: usize = documents.iter().map(|d| d["lines"].as_array().unwrap().len() + d["unplaced"].as_array().unwrap().len()).sum();
    assert_eq!(lines, owner.len());

    let (mut right, mut wrong) = (0, Vec::new());
    for run in &runs {
        let document = by_run[run["run"].as_str().unwrap()];
        // A timer is no job, and what starts a child workflow says that it was initiated, not queued.
        let told = |job: &&Value| job["started_ns"].is_i64() && job["type"] != "child_workflow" && job["type"] != "timer";
        for job in run["jobs"].as_array().unwrap().iter().filter(told) {
            if as_it_was(document, job) { right += 1 } else { wrong.push(format!("{} job {}", run["run"].as_str().unwrap(), job["job"])) }
        }
    }
    assert_eq!((right, wrong), (RIGHT, WRONG.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()));
}

/// It was queued, began and ended when it did, in the attempt it was, with the outcome it had.
fn as_it_was(document: &Value, job: &Value) -> bool {
    let id = format!("task:{}", job["job"]);
    let spans = |kind: &str| -> Vec<&Value> {
        let of = |s: &&Value| s["kind"] == kind && s["ids"].as_array().unwrap().iter().any(|i| *i == id);
        document["spans"].as_array().unwrap().iter().filter(of).collect()
    };
    let (tasks, waits) = (spans("task"), spans("queue_wait"));
    let ([task], [wait]) = (&tasks[..], &waits[..]) else { return false };
    let outcome = match job["outcome"].as_str() {
        Some(o) if o.ends_with("Completed") => "ok",
        Some(o) if o.ends_with("TimedOut") => "timeout",
        Some(o) if o.ends_with("Failed") => "error",
        _ => "unknown",
    };
    let ended = job["ended_ns"].as_i64().is_none_or(|ns| instant(&task["end"]) == ns);
    let times = Some(instant(&task["start"])) == job["started_ns"].as_i64() && Some(instant(&wait["start"])) == job["queued_ns"].as_i64() && wait["end"] == task["start"];
    times && ended && task["outcome"] == outcome && task["attempt"].as_i64().unwrap_or(1) == job["attempt"].as_i64().unwrap_or(1)
}

const RIGHT: usize = 105;
/// The clock of its history runs backwards: it ends 0.9 s before it starts.
const WRONG: &[&str] = &["d092d6cb-78a2-4d76-840b-6013be8e2ebe job 10"];
