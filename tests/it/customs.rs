//! What a log teaches of its own keys, and what a user says of them: the same in the index, on the pages and in `explain`.

use crate::support::{Bench, eventually};
use std::{fmt::Write as _, fs, io::Write as _};

const ID: &str = "req_01HV00000000000000000";

/// A log of a logger nobody described: `q1` is its clock in milliseconds, `q2` the severity, `q3` the text, `duration` has no unit.
fn odd(requests: std::ops::Range<u64>) -> String {
    requests.fold(String::new(), |mut log, i| {
        let (begin, took) = (1_795_423_039_000 + i * 5_000, 120 + i * 37);
        let _ = writeln!(log, r#"{{"q1":{begin},"q2":"INFO","q3":"request begins at last","request_id":"{ID}{i:03}"}}"#);
        let _ = writeln!(
            log,
            r#"{{"q1":{},"q2":"{}","q3":"request ends at last","request_id":"{ID}{i:03}","duration":{took},"status":200}}"#,
            begin + took + 2,
            if i % 7 == 3 { "WARN" } else { "INFO" }
        );
        log
    })
}

/// The documents of all requests.
fn exported(bench: &Bench, data: &str) -> String {
    let mut lines: Vec<String> = bench.ok(&["export", "--format", "path-ndjson", "--data", data]).lines().map(str::to_owned).collect();
    lines.sort();
    lines.join("\n")
}

#[test]
fn a_log_with_unknown_keys_is_read_by_how_their_values_behave() {
    let bench = Bench::new();
    bench.write("logs/odd.log", odd(0..12));
    bench.ok(&["index", "logs", "--data", "d"]);
    let shown = bench.ok(&["show", &format!("{ID}005"), "--data", "d"]);
    assert!(shown.contains("305 ms") && shown.contains("2026-11-23"), "{shown}");
    let listed = bench.ok(&["search", "level:warn", "--data", "d"]);
    assert!(listed.contains(&format!("{ID}003")), "{listed}");
    let keys = bench.ok(&["explain", "logs/odd.log", "--keys"]);
    insta::assert_snapshot!(keys);
}

#[test]
fn lines_that_came_one_by_one_are_read_as_lines_that_were_there() {
    let bench = Bench::new();
    let log = bench.write("logs/odd.log", "");
    let served = bench.serve(&["logs", "--data", "live"]);
    for i in 0..12 {
        fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(odd(i..i + 1).as_bytes()).unwrap();
        let wanted = format!("{ID}{i:03}");
        eventually("the line is found", || served.get(&format!("/r/{wanted}.json")).0 == 200);
    }
    eventually("the first request has its time", || served.get(&format!("/r/{ID}000.json")).1.contains("2026-11-23T"));
    assert_eq!(served.stop(), Some(0));
    bench.ok(&["index", "logs", "--data", "once"]);
    let (live, once) = (exported(&bench, "live"), exported(&bench, "once"));
    assert!(live == once, "{}\n{}", &live[..1_000], &once[..1_000]);
}

#[test]
fn an_index_keeps_the_settings_it_was_made_with_and_new_ones_make_its_list_anew() {
    let bench = Bench::new();
    bench.write("logs/odd.log", odd(0..12));
    bench.write("throughline.toml", "[keys]\nduration = \"duration s\"\n");
    bench.ok(&["index", "logs", "--data", "d"]);
    fs::remove_file(bench.path("throughline.toml")).unwrap();
    let kept = bench.ok(&["show", &format!("{ID}005"), "--data", "d"]);
    assert!(kept.contains("5 m 05 s"), "{kept}");
    bench.ok(&["index", "logs", "--data", "d"]);
    let anew = bench.ok(&["show", &format!("{ID}005"), "--data", "d"]);
    assert!(anew.contains("305 ms"), "{anew}");
    let listed = bench.ok(&["search", "status:200", "--data", "d"]);
    assert!(listed.contains("305 ms") && !listed.contains("5 m 05 s"), "{listed}");
}

#[test]
fn settings_that_say_nothing_are_refused_in_one_line_and_nothing_is_made() {
    let bench = Bench::new();
    bench.write("logs/odd.log", odd(0..2));
    for (text, want) in [
        ("[keys]\nq1 = \"tiem\"\n", "throughline.toml: key \"q1\": unknown role \"tiem\""),
        ("[keys\n", "throughline.toml: line 1: "),
        ("[source.\"*\"]\nconvention = \"nobody\"\n", "throughline.toml: source \"*\": unknown convention \"nobody\""),
        ("[source.\"[\"]\n", "throughline.toml: source \"[\": "),
    ] {
        bench.write("throughline.toml", text);
        let said = bench.fails(2, &["index", "logs", "--data", "d"]);
        assert!(said.contains(want) && said.trim().lines().count() == 1, "{said}");
        assert!(!bench.path("d").try_exists().unwrap());
    }
    assert!(bench.fails(2, &["index", "logs", "--data", "d", "--config", "absent.toml"]).contains("absent.toml: "));
}

#[test]
fn every_key_of_every_sample_log_is_accounted_for() {
    let bench = Bench::new();
    let logs = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs");
    let status: serde_json::Value = serde_json::from_str(&bench.ok(&["index", logs, "--data", "d", "--json"])).unwrap();
    // Rotated parts of one log share its name and its keys.
    let mut records = std::collections::BTreeMap::<&str, (u64, u64)>::new();
    for source in status["sources"].as_array().unwrap() {
        let entry = records.entry(source["name"].as_str().unwrap()).or_default();
        entry.0 += source["counters"]["ok"].as_u64().unwrap() - source["counters"]["text"].as_u64().unwrap();
        entry.1 = source["keys"].as_array().unwrap().iter().map(|key| key["lines"].as_u64().unwrap()).max().unwrap_or(0);
    }
    assert!(records.len() > 4, "{records:?}");
    for (name, (objects, most_frequent)) in records {
        assert!(most_frequent * 10 >= objects * 9 && most_frequent <= objects + 10, "{name}: {most_frequent} of {objects}");
    }
}

#[test]
fn a_question_that_makes_the_list_makes_it_with_the_settings_of_the_index() {
    let bench = Bench::new();
    bench.write("logs/odd.log", odd(0..12));
    bench.write("s.toml", "[keys]\nduration = \"duration s\"\n");
    bench.ok(&["index", "logs", "--data", "d", "--config", "s.toml"]);
    fs::remove_dir_all(bench.path("d/rows")).unwrap();
    let first = bench.run(&["search", "status:200", "--data", "d"]);
    assert!(String::from_utf8_lossy(&first.stdout).contains("5 m 05 s"), "{first:?}");
    let again = bench.run(&["search", "status:200", "--data", "d"]);
    assert!(!String::from_utf8_lossy(&again.stderr).contains("made now"), "{again:?}");
}

#[test]
fn settings_that_go_out_of_force_and_settings_that_cannot_be_read_are_said() {
    let bench = Bench::new();
    bench.write("logs/odd.log", odd(0..12));
    bench.write("s.toml", "[keys]\nduration = \"duration s\"\n");
    let said = |args: &[&str]| String::from_utf8_lossy(&bench.run(args).stderr).into_owned();
    assert!(!said(&["index", "logs", "--data", "d", "--config", "s.toml"]).contains("note:"));
    assert!(said(&["index", "logs", "--data", "d"]).contains("note: this index was made with settings"));
    assert!(!said(&["index", "logs", "--data", "d"]).contains("note:"));
    bench.write("d/reading.json", "{");
    assert!(bench.fails(1, &["search", "status:200", "--data", "d"]).contains("reading.json: it does not say how lines were read"));
    bench.ok(&["index", "logs", "--data", "d"]);
    bench.ok(&["search", "status:200", "--data", "d"]);
}

#[test]
fn what_is_no_settings_file_is_refused() {
    let bench = Bench::new();
    bench.write("logs/odd.log", odd(0..2));
    fs::create_dir(bench.path("throughline.toml")).unwrap();
    assert!(bench.fails(2, &["index", "logs", "--data", "d"]).contains("throughline.toml: no file with settings"));
    fs::remove_dir(bench.path("throughline.toml")).unwrap();
    assert!(bench.fails(2, &["index", "logs", "--data", "d", "--config", "/dev/zero"]).contains("/dev/zero: no file with settings"));
    bench.write("long.toml", " ".repeat((1 << 20) + 1));
    assert!(bench.fails(2, &["index", "logs", "--data", "d", "--config", "long.toml"]).contains("long.toml: longer than a MiB"));
}

#[test]
fn with_more_logs_than_are_counted_rows_say_what_pages_say() {
    let bench = Bench::new();
    for n in 0..300_u64 {
        bench.write(&format!("logs/pod{n}.log"), odd(n * 10..n * 10 + 5).replace(ID, &format!("req_01HV{n:03}000000000000")));
    }
    bench.ok(&["index", "logs", "--data", "d"]);
    let rows = bench.ok(&["search", "--data", "d", "--json", "--limit", "500", ""]);
    let rows: Vec<serde_json::Value> = rows.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(rows.len() > 400, "{}", rows.len());
    for row in rows.iter().step_by(41) {
        let id = row["id"].as_str().unwrap();
        let page: serde_json::Value = serde_json::from_str(&bench.ok(&["show", "--data", "d", "--json", id])).unwrap();
        assert_eq!((&row["state"], &row["completion_ns"]), (&page["state"], &page["completion_ns"]), "{id}");
    }
}
