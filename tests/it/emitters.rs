//! Lines of emitters that nobody wrote a convention for before they were collected, against what the programs were asked to log.
//!
//! Every line that is not read wholly right is named in [`NOT_YET`]: a line that becomes right, or wrong, fails the test.

use crate::support::Bench;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::PathBuf};

const KEYS: [&str; 20] = [
    "ts",
    "ts_naive",
    "level",
    "message",
    "service",
    "logger",
    "ids",
    "duration_ms",
    "ttft_ms",
    "status",
    "error_type",
    "error_message",
    "model",
    "provider",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "finish_reason",
    "prompt_version",
    "attempt",
];

/// File, what is read wrongly, on how many lines: nothing today.
const NOT_YET: [(&str, &str, usize); 0] = [];

fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.values().all(is_absent),
        _ => false,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned())
}

fn same(key: &str, want: &Value, got: &Value) -> bool {
    if is_absent(want) || is_absent(got) {
        return is_absent(want) && is_absent(got);
    }
    match key {
        "duration_ms" | "ttft_ms" | "cost_usd" => want.as_f64().zip(got.as_f64()).is_some_and(|(a, b)| (a - b).abs() <= 1e-6 * a.abs().max(b.abs())),
        "ids" => {
            let kinds = |ids: &Value| -> BTreeMap<String, Vec<String>> {
                let of = |list: &Value| {
                    let mut list: Vec<String> = list.as_array().into_iter().flatten().map(plain).collect();
                    list.sort();
                    list
                };
                ids.as_object().into_iter().flatten().filter(|(_, list)| !is_absent(list)).map(|(kind, list)| (kind.clone(), of(list))).collect()
            };
            kinds(want) == kinds(got)
        }
        "ts" => {
            let instant = |value: &Value| chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap_or("")).ok();
            instant(want) == instant(got)
        }
        _ => plain(want).eq_ignore_ascii_case(&plain(got)),
    }
}

fn readings<'a>(expected: &'a Value, key: &str) -> Vec<&'a Value> {
    std::iter::once(&expected[key]).chain(expected["alt"][key].as_array().into_iter().flatten()).collect()
}

fn is_right(expected: &Value, got: &Value, key: &str) -> bool {
    if readings(expected, key).into_iter().any(|want| same(key, want, &got[key])) {
        return true;
    }
    if !matches!(key, "service" | "logger") {
        return false;
    }
    // A name is as good under the other of the two keys.
    let wanted: Vec<String> = ["service", "logger"].into_iter().flat_map(|k| readings(expected, k)).filter(|v| !is_absent(v)).map(plain).collect();
    let found: Vec<String> = ["service", "logger"].into_iter().map(|k| &got[k]).filter(|v| !is_absent(v)).map(plain).collect();
    found.iter().all(|v| wanted.contains(v)) && (!found.is_empty() || wanted.is_empty())
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_line_of_a_further_emitter_is_read_as_it_was_meant_but_for_those_named() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/emitters");
    let bench = Bench::new();
    let mut wrong: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut lines = 0;
    for path in fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "log")) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let found = objects(&bench.ok(&["explain", "--json", path.to_str().unwrap()]));
        for expected in objects(&fs::read_to_string(path.with_extension("expect.jsonl")).unwrap()) {
            lines += 1;
            let got = found.iter().find(|got| got["line"] == expected["line"]).unwrap();
            for key in KEYS.iter().filter(|key| !is_right(&expected, got, key)) {
                *wrong.entry((name.clone(), (*key).to_owned())).or_default() += 1;
            }
        }
    }
    assert!(lines > 1_400, "{lines}");
    let known: BTreeMap<(String, String), usize> = NOT_YET.iter().map(|(file, key, n)| (((*file).to_owned(), (*key).to_owned()), *n)).collect();
    assert_eq!(wrong, known);
}
