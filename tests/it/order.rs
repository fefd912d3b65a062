//! A path is a function of the lines alone: not of their order in a file, of the cut into files and runs, or of what was asked in between.
//!
//! Compared are whole path documents of `sample-logs/`, with every `file:line` replaced by the text of the line it names.

use crate::support::Bench;
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::Read,
    sync::OnceLock,
};

pub(super) type Logs = BTreeMap<String, Vec<String>>;

/// The first JSON lines of each file of the samples; enough for some hundred requests. The rotated file stands before its successor.
pub(super) fn samples() -> Logs {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs");
    let mut out = Logs::new();
    for name in ["api.log.1.gz", "api.log", "edge/access.log", "gateway.log", "worker-index.log", "worker-render.log", "worker-reviews.log"] {
        let mut bytes = fs::read(dir.join(name)).unwrap();
        if std::path::Path::new(name).extension().is_some_and(|e| e == "gz") {
            let packed = std::mem::take(&mut bytes);
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<String> = text.lines().filter(|l| l.starts_with('{')).map(str::to_owned).collect();
        // Of the two of one log the older ends where the newer begins.
        let kept = if name == "api.log.1.gz" { &lines[lines.len() - 600..] } else { &lines[..300.min(lines.len())] };
        out.insert(name.trim_end_matches(".gz").replace('/', "-"), kept.to_vec());
    }
    out
}

/// Indexes each state of the logs in turn into one data directory, asking for the paths after each; the paths of the last.
pub(super) fn paths(states: &[&Logs]) -> BTreeMap<String, Value> {
    let bench = Bench::new();
    let mut exported = String::new();
    for logs in states {
        for (name, lines) in *logs {
            bench.write(&format!("logs/{name}"), lines.iter().flat_map(|l| [l, "\n"]).collect::<String>());
        }
        bench.ok(&["index", "logs", "--data", "d"]);
        exported = bench.ok(&["export", "--data", "d", "--format", "path-ndjson"]);
    }
    let logs = states[states.len() - 1];
    let documents = exported.lines().map(|line| {
        let mut doc: Value = serde_json::from_str(line).unwrap();
        doc.as_object_mut().unwrap().remove("sources");
        by_content(&mut doc, logs);
        // A path whose request was cut off is known by its first id.
        (doc["ids"][0].to_string(), doc)
    });
    documents.collect()
}

/// `logs/api.log:7` becomes the seventh line of that file.
fn by_content(value: &mut Value, logs: &Logs) {
    match value {
        Value::String(text) => {
            let line = text.strip_prefix("logs/").and_then(|rest| rest.split_once(':')).and_then(|(file, n)| logs.get(file)?.get(n.parse::<usize>().ok()? - 1));
            if let Some(line) = line {
                text.clone_from(line);
            }
        }
        Value::Array(values) => {
            values.iter_mut().for_each(|v| by_content(v, logs));
            if values.iter().all(|v| v.as_str().is_some_and(|s| s.starts_with('{'))) {
                values.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            }
        }
        Value::Object(fields) => fields.values_mut().for_each(|v| by_content(v, logs)),
        _ => {}
    }
}

/// Which of two lines of one instant proves a step is told by their order in the file: that order is what was changed.
fn without_proofs(mut paths: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    for doc in paths.values_mut() {
        for part in ["spans", "anomalies"] {
            for entry in doc[part].as_array_mut().unwrap() {
                entry.as_object_mut().unwrap().remove("lines");
            }
        }
    }
    paths
}

pub(super) fn base() -> &'static BTreeMap<String, Value> {
    static ONCE: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    ONCE.get_or_init(|| {
        let base = paths(&[&samples()]);
        assert!(base.len() > 200, "{}", base.len());
        base
    })
}

fn same(found: &BTreeMap<String, Value>, expected: &BTreeMap<String, Value>) -> Result<(), TestCaseError> {
    let strangers: Vec<_> = found.keys().filter(|id| !expected.contains_key(*id)).chain(expected.keys().filter(|id| !found.contains_key(*id))).collect();
    prop_assert_eq!(strangers, Vec::<&String>::new());
    for (id, doc) in expected {
        difference(&found[id], doc).map_or(Ok(()), |at| Err(TestCaseError::fail(format!("{id}: {at}"))))?;
    }
    Ok(())
}

/// The first place where two documents differ.
fn difference(a: &Value, b: &Value) -> Option<String> {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) if x.keys().eq(y.keys()) => x.iter().find_map(|(key, v)| difference(v, &y[key]).map(|at| format!("{key}.{at}"))),
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => x.iter().zip(y).enumerate().find_map(|(n, (v, w))| difference(v, w).map(|at| format!("{n}.{at}"))),
        _ => (a != b).then(|| format!("is {a:.300}, was {b:.300}")),
    }
}

/// Few cases: each indexes the samples anew.
pub(super) fn check<S: Strategy>(strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases: 2, max_shrink_iters: 12, failure_persistence: None, ..Config::default() };
    if let Err(error) = TestRunner::new(config).run(strategy, test) {
        panic!("{error}");
    }
}

/// Where each file is cut, in thousandths of its lines.
fn cuts() -> impl Strategy<Value = HashMap<String, usize>> {
    let names: Vec<String> = samples().into_keys().collect();
    proptest::collection::vec(0..=1000usize, names.len()).prop_map(move |at| names.iter().cloned().zip(at).collect())
}

#[test]
fn the_paths_are_the_same_when_the_files_grew_between_two_runs() {
    check(&cuts(), |cuts| {
        let whole = samples();
        let begun = whole.iter().map(|(name, lines)| (name.clone(), lines[..lines.len() * cuts[name] / 1000].to_vec())).collect();
        same(&paths(&[&begun, &whole]), base())
    });
}

#[test]
fn the_paths_are_the_same_when_the_files_were_rotated_anywhere() {
    check(&cuts(), |cuts| {
        let mut rotated = Logs::new();
        for (name, lines) in samples().into_iter().filter(|(name, _)| !name.ends_with(".1")) {
            let (old, new) = lines.split_at(lines.len() * cuts[&name] / 1000);
            let is_api = name == "api.log";
            let before = if is_api { samples()["api.log.1"].clone() } else { Vec::new() };
            rotated.insert(format!("{name}.1"), [before, old.to_vec()].concat());
            rotated.insert(name, new.to_vec());
        }
        // A cut between two lines of one instant changes their order as a shuffle does.
        same(&without_proofs(paths(&[&rotated])), &without_proofs(base().clone()))
    });
}

#[test]
fn the_paths_are_the_same_when_the_lines_of_every_file_are_shuffled() {
    let expected = without_proofs(base().clone());
    let orders: Vec<_> = samples().into_iter().map(|(name, lines)| (Just(name), Just(lines).prop_shuffle())).collect();
    check(&orders, |shuffled| same(&without_proofs(paths(&[&shuffled.into_iter().collect()])), &expected));
}
