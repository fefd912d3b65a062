//! Hosts whose clocks stand off: what is found, what is moved when the reader asks, and what never moves.

use crate::support::Bench;
use serde_json::{Value, json};

/// 2026-11-23T09:46:40Z in milliseconds.
const BASE_MS: i64 = 1_795_427_200_000;
const MS: i64 = 1_000_000;

fn id(kind: u64, n: i64) -> String {
    format!("{kind:04x}{n:04x}-6c5e-4c7a-9c1d-0f2a3b4c5d6e")
}

fn said(at_ms: i64, host: &str, message: &str, more: &Value) -> String {
    let mut line = json!({"ts": BASE_MS + at_ms, "level": "info", "service": "all", "host": host, "msg": message});
    line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    line.to_string()
}

/// Requests that enqueue a job and a worker whose clock is `off_ms` ahead; the worker calls a gateway whose clock is right.
fn logs(off_ms: i64, calls: bool) -> String {
    let one = |n: i64| {
        let at = n * 1_000;
        let (request, job, call) = (id(1, n), id(2, n), id(3, n));
        let mut lines = vec![
            said(at, "api-1", "request started", &json!({"request_id": request, "method": "POST", "path": "/reply"})),
            said(at + 8, "api-1", "job enqueued", &json!({"request_id": request, "job_id": job})),
            said(at + 10, "api-1", "request finished", &json!({"request_id": request, "status": 202, "duration_ms": 10})),
            said(at + 20 + n % 7 + off_ms, "worker-1", "job started", &json!({"job_id": job, "request_id": request})),
            said(at + 80 + off_ms, "worker-1", "job finished", &json!({"job_id": job, "request_id": request})),
        ];
        if calls {
            let stated = |from: i64, to: i64| json!({"startTime": (BASE_MS + from) as f64 / 1e3, "endTime": (BASE_MS + to) as f64 / 1e3});
            // The api calls the gateway too, so that its clock is known.
            let own = id(4, n);
            let mut made = json!({"call_id": own, "model": "text-embedding-3-small", "input_tokens": 3});
            made.as_object_mut().unwrap().extend(stated(at + 2, at + 6).as_object().unwrap().clone());
            lines.push(said(at + 6, "gateway-1", "completion done", &made));
            lines.push(said(at + 1, "api-1", "calling the model", &json!({"request_id": request, "dispatched": own})));
            lines.push(said(
                at + 7,
                "api-1",
                "model call finished",
                &json!({"request_id": request, "call_id": own, "model": "text-embedding-3-small", "input_tokens": 3, "duration_ms": 6}),
            ));
            let mut model = json!({"call_id": call, "model": "gpt-4.1", "input_tokens": 10});
            model.as_object_mut().unwrap().extend(stated(at + 29, at + 59).as_object().unwrap().clone());
            lines.push(said(
                at + 60 + off_ms,
                "worker-1",
                "model call finished",
                &json!({"job_id": job, "call_id": call, "model": "gpt-4.1", "input_tokens": 10, "duration_ms": 32}),
            ));
            lines.push(said(at + 59, "gateway-1", "completion done", &model));
        }
        lines
    };
    (0..40).flat_map(one).collect::<Vec<_>>().join("\n") + "\n"
}

fn indexed(log: &str) -> Bench {
    let bench = Bench::new();
    bench.write("all.log", log);
    bench.ok(&["index", "all.log", "--data", "d"]);
    bench
}

fn shown(bench: &Bench, n: i64, more: &[&str]) -> Value {
    let id = id(1, n);
    serde_json::from_str(&bench.ok(&[&["show", id.as_str(), "--data", "d", "--json"], more].concat())).unwrap()
}

/// Bounds of a host's clock in milliseconds, and whether its times were moved.
fn skew(document: &Value, host: &str) -> Option<(Option<i64>, Option<i64>, bool)> {
    let found = document["skew"].as_array().unwrap().iter().find(|s| s["host"] == host)?;
    Some((found["min_ns"].as_i64().map(|ns| ns / MS), found["max_ns"].as_i64().map(|ns| ns / MS), found["applied"].as_bool().unwrap()))
}

fn span(document: &Value, kind: &str) -> (i64, i64) {
    let instant = |text: &Value| chrono::DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap().timestamp_nanos_opt().unwrap();
    let span = document["spans"].as_array().unwrap().iter().find(|s| s["kind"] == kind).unwrap();
    (instant(&span["start"]) - BASE_MS * MS, instant(&span["end"]) - BASE_MS * MS)
}

#[test]
fn a_worker_that_is_behind_is_found_and_moved_only_when_asked() {
    let bench = indexed(&logs(-300, false));
    let written = shown(&bench, 4, &[]);
    // The shortest wait is 12 ms; each clock is read to the millisecond, and a line of an enqueue may come 5 ms late.
    assert_eq!(skew(&written, "worker-1"), Some((None, Some(-300 + 12 + 2 + 5), false)));
    assert_eq!(span(&written, "task"), (4_024 * MS - 300 * MS, 4_080 * MS - 300 * MS));
    assert_eq!(span(&written, "queue_wait").0, span(&written, "queue_wait").1, "no wait is negative");
    let shifted = shown(&bench, 4, &["--apply-skew"]);
    assert_eq!(skew(&shifted, "worker-1"), Some((None, Some(-281), true)));
    assert_eq!(span(&shifted, "task"), (4_024 * MS - 19 * MS, 4_080 * MS - 19 * MS), "its length is the same");
    assert_eq!(span(&shifted, "app"), span(&written, "app"));
    assert_eq!(shifted["response_ns"], written["response_ns"]);
    assert_eq!(shifted["lines"].as_array().unwrap().len(), written["lines"].as_array().unwrap().len());
    let said = bench.ok(&["show", &id(1, 4), "--data", "d"]);
    assert!(said.contains("worker-1's clock is at least 281 ms behind api-1's"), "{said}");
}

#[test]
fn what_was_odd_of_the_lines_is_told_once_also_when_clocks_are_shifted() {
    let lost = said(4_015, "worker-1", "job noted", &json!({"job_id": id(2, 4), "request_id": id(1, 4)})).replace(&format!("{}", BASE_MS + 4_015), "\"0001-01-01T00:00:00Z\"");
    let bench = indexed(&(logs(-300, false) + &lost + "\n"));
    let odd = |more: &[&str]| shown(&bench, 4, more)["anomalies"].as_array().unwrap().iter().filter(|odd| odd["kind"] == "no_time").count();
    assert_eq!((odd(&[]), odd(&["--apply-skew"])), (1, 1));
}

#[test]
fn calls_that_a_host_makes_bound_its_clock_from_below() {
    let bench = indexed(&logs(1_700, true));
    let written = shown(&bench, 4, &[]);
    let (min, max, _) = skew(&written, "worker-1").unwrap();
    assert!((1_680..=1_700).contains(&min.unwrap()) && (1_700..=1_720).contains(&max.unwrap()), "{min:?} {max:?}");
    let exported = bench.ok(&["export", "--data", "d", "--format", "path-ndjson", "--apply-skew"]);
    let document: Value = exported.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()).find(|d| d["request_id"] == id(1, 4)).unwrap();
    let (start, end) = span(&document, "task");
    assert_eq!(end - start, 56 * MS);
    assert!((4_024 * MS..4_044 * MS).contains(&start), "{start}");
}

#[test]
fn clocks_that_agree_are_left_alone_and_all_shifted_alike_are_one() {
    let (plain, later) = (indexed(&logs(0, true)), indexed(&logs(0, true).replace("1795427", "1795467")));
    for bench in [&plain, &later] {
        let document = shown(bench, 4, &["--apply-skew"]);
        assert!(!document["skew"].as_array().unwrap().is_empty());
        for skew in document["skew"].as_array().unwrap() {
            assert!(skew["min_ns"].as_i64().is_none_or(|ns| ns <= 0) && skew["max_ns"].as_i64().is_none_or(|ns| ns >= 0), "{skew}");
            assert_eq!(skew["applied"], false);
        }
    }
    assert_eq!(shown(&plain, 4, &[])["skew"], shown(&later, 4, &[])["skew"]);
}

#[test]
fn what_is_found_does_not_depend_on_the_order_of_files_or_lines() {
    let log = logs(-300, true);
    let mut lines: Vec<&str> = log.lines().collect();
    lines.reverse();
    let backwards = lines.join("\n") + "\n";
    let found = &shown(&indexed(&log), 4, &[])["skew"];
    assert!(!found.as_array().unwrap().is_empty());
    assert_eq!(*found, shown(&indexed(&backwards), 4, &[])["skew"]);
}

#[test]
fn what_all_lines_taught_of_clocks_and_ids_is_there_as_data() {
    let bench = indexed(&logs(-300, false));
    let roles: Vec<Value> = bench.ok(&["roles", "--json", "--data", "d"]).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let served = bench.serve(&["all.log", "--data", "d", "--no-follow"]);
    let (status, text) = served.get("/sources.json");
    assert_eq!(status, 200);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["sources"][0]["counters"]["ok"], 200);
    assert_eq!(json["clocks"], json!([{"host": "worker-1", "against": "api-1", "min_ns": null, "max_ns": -281 * MS, "hand_overs": 40, "applied": false}]));
    let by_label = |of: &Value| of["label"].as_str().unwrap().to_owned();
    let mut listed = json["roles"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 2);
    listed.sort_by_key(by_label);
    let mut printed = roles;
    printed.sort_by_key(by_label);
    assert_eq!(listed, printed);
}

#[test]
fn what_is_queued_during_a_visit_or_a_run_bounds_no_clock_and_hands_nothing_over_that_was_at_work() {
    let one = |n: i64| {
        let at = n * 1_000;
        let (request, job, next) = (id(1, n), id(2, n), id(5, n));
        [
            said(
                at,
                "edge-1",
                "handled",
                &json!({"request_id": request, "method": "POST", "path": "/reply", "status": 202, "duration_ms": 40, "start_time": (BASE_MS + at) as f64 / 1e3}),
            ),
            said(at + 20, "api-1", "job enqueued", &json!({"request_id": request, "job_id": job})),
            said(at + 24, "api-1", "reply queued", &json!({"request_id": request})),
            said(at + 26, "worker-1", "job started", &json!({"job_id": job, "request_id": request})),
            said(at + 70, "worker-1", "mail queued", &json!({"job_id": job})),
            said(at + 71, "worker-1", "job finished", &json!({"job_id": job, "request_id": request, "next_job": next})),
            said(at + 39, "api-1", "request finished", &json!({"request_id": request, "status": 202, "duration_ms": 38})),
        ]
    };
    let bench = indexed(&((0..60).flat_map(one).collect::<Vec<_>>().join("\n") + "\n"));
    let path = shown(&bench, 4, &[]);
    assert_eq!(path["anomalies"], json!([]));
    // Of the edge nothing is known: it served the request while that queued something.
    assert_eq!(path["skew"].as_array().unwrap().iter().map(|skew| skew["host"].as_str().unwrap()).collect::<Vec<_>>(), ["worker-1"]);
    assert_eq!(span(&path, "queue_wait"), (4_020 * MS, 4_026 * MS));
    let run = path["spans"].as_array().unwrap().iter().find(|span| span["kind"] == "task").unwrap();
    assert!(run["lines"].as_array().unwrap().contains(&json!("all.log:33")), "{run}");
}

#[test]
fn a_hand_over_that_is_said_late_in_the_same_log_is_a_wait_of_nothing() {
    let one = |n: i64| {
        let (at, request, job) = (n * 1_000, id(1, n), id(2, n));
        let own = json!({"job_id": job});
        [
            said(at, "host-1", "request started", &json!({"request_id": request, "method": "POST", "path": "/reply"})),
            said(at + 10, "host-1", "job started", &own),
            said(at + 13, "host-1", "job enqueued", &json!({"request_id": request, "job_id": job})),
            said(at + 14, "host-1", "request finished", &json!({"request_id": request, "status": 202, "duration_ms": 14})),
            said(at + 60, "host-1", "job finished", &own),
        ]
    };
    let path = shown(&indexed(&((0..60).flat_map(one).collect::<Vec<_>>().join("\n") + "\n")), 4, &[]);
    assert_eq!((span(&path, "queue_wait"), path["anomalies"].clone()), ((4_010 * MS, 4_010 * MS), json!([])));
}
