//! Lines that no sane system writes, or that something broke: each request still has its own path, what is odd is told with its lines, nothing is
//! merged and every breakdown adds up.

use crate::support::Bench;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn instant(at_ms: i64) -> String {
    let (second, ms) = (at_ms.div_euclid(1_000), at_ms.rem_euclid(1_000));
    format!("2026-11-23T{:02}:{:02}:{:02}.{ms:03}Z", 9 + second / 3_600, second / 60 % 60, second % 60)
}

fn id(kind: u64, n: u64) -> String {
    format!("{kind:04x}{n:04x}-6c5e-4c7a-9c1d-0f2a3b4c5d6e")
}

fn said(at_ms: i64, message: &str, more: &Value) -> Value {
    let mut line = json!({"time": instant(at_ms), "level": "info", "msg": message});
    line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    line
}

/// What an API and a worker write of one request: three lines each.
fn request(n: u64, at: i64) -> [Value; 6] {
    let (request, task) = (id(1, n), id(2, n));
    [
        said(at, "request received", &json!({"service": "api", "request_id": request, "method": "POST", "path": "/v1/answers"})),
        said(at + 10, "job enqueued", &json!({"service": "api", "request_id": request, "task_id": task, "queue": "answers"})),
        said(at + 20, "request completed", &json!({"service": "api", "request_id": request, "status": 202, "duration_ms": 20})),
        said(at + 100, "job started", &json!({"service": "worker", "request_id": request, "task_id": task, "queue": "answers", "attempt": 1})),
        said(at + 900, "model call finished", &json!({"service": "worker", "task_id": task, "model": "gpt-4o", "duration_ms": 700})),
        said(at + 1_000, "job finished", &json!({"service": "worker", "task_id": task, "duration_ms": 900})),
    ]
}

fn requests(count: u64) -> Vec<Value> {
    (0..count).flat_map(|n| request(n, n as i64 * 700)).collect()
}

/// The paths of lines in one file, by the number of the request.
fn paths(lines: &[Value]) -> Vec<Value> {
    let bench = Bench::new();
    bench.write("all.log", lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    indexed(&bench, &["all.log"])
}

fn indexed(bench: &Bench, files: &[&str]) -> Vec<Value> {
    bench.ok(&[&["index"], files, &["--data", "d"]].concat());
    let paths: Vec<Value> = bench.ok(&["export", "--data", "d", "--format", "path-ndjson"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    paths.iter().for_each(sound);
    paths
}

/// Breakdowns add up to the nanosecond, nothing ends before it starts, every line a path names is told once.
fn sound(path: &Value) {
    for (part, total) in [("breakdown", "response_ns"), ("completion", "completion_ns")] {
        let sum: i64 = path[part]["segments"].as_array().unwrap().iter().map(|s| s["ns"].as_i64().unwrap()).inspect(|ns| assert!(*ns >= 0, "{path}")).sum();
        assert_eq!(sum, path[part]["total_ns"].as_i64().unwrap(), "{path}");
        assert_eq!(path[part]["total_ns"].as_i64(), path[total].as_i64().or(Some(0)), "{path}");
    }
    for span in path["spans"].as_array().unwrap() {
        assert!(span["start"].as_str() <= span["end"].as_str(), "{span}");
    }
    let lines = held(path);
    assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), lines.len(), "{path}");
}

fn held(path: &Value) -> Vec<&str> {
    ["lines", "unplaced"].into_iter().flat_map(|part| path[part].as_array().unwrap()).map(|line| line.as_str().unwrap()).collect()
}

fn oddities(path: &Value) -> Vec<(&str, &str)> {
    path["anomalies"].as_array().unwrap().iter().map(|a| (a["kind"].as_str().unwrap(), a["text"].as_str().unwrap())).collect()
}

/// No path holds lines of two requests of [`requests`], `each` lines apart in the file.
fn unmixed(paths: &[Value], each: usize) {
    let owners = |path: &Value| held(path).iter().map(|line| (line.rsplit_once(':').unwrap().1.parse::<usize>().unwrap() - 1) / each).collect::<BTreeSet<_>>();
    for path in paths {
        assert_eq!(owners(path).len(), 1, "{path}");
    }
}

/// A path without what tells where its lines stand.
fn without_lines(path: &Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                ["lines", "unplaced", "sources", "anomalies"].iter().for_each(|key| drop(fields.remove(*key)));
                fields.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut path = path.clone();
    strip(&mut path);
    path
}

fn by_id(paths: &[Value]) -> BTreeMap<String, Value> {
    paths.iter().map(|path| (path["request_id"].as_str().unwrap().to_owned(), without_lines(path))).collect()
}

#[test]
fn a_chain_of_two_thousand_tasks_is_one_path_with_each_line_once() {
    let mut lines = vec![said(0, "request received", &json!({"request_id": id(1, 0)})), said(1, "task enqueued", &json!({"request_id": id(1, 0), "task_id": id(2, 0)}))];
    for n in 0..2_000 {
        let at = 10 + n as i64 * 10;
        let parent = if n == 0 { json!({"task_id": id(2, 0)}) } else { json!({"task_id": id(2, n), "parent_task_id": id(2, n - 1)}) };
        lines.push(said(at, "task started", &parent));
        lines.push(said(at + 8, "task finished", &json!({"task_id": id(2, n), "duration_ms": 8})));
    }
    let paths = paths(&lines);
    assert_eq!(paths.len(), 1);
    assert_eq!((held(&paths[0]).len(), paths[0]["ids"].as_array().unwrap().len()), (4_002, 2_001));
    assert_eq!(paths[0]["completion_ns"], json!(20_008_000_000_i64));
}

#[test]
fn two_thousand_tasks_of_one_request_are_one_path_with_each_line_once() {
    let mut lines = vec![said(0, "request received", &json!({"request_id": id(1, 0)}))];
    for n in 0..2_000 {
        let at = 10 + n as i64 * 2;
        lines.push(said(at, "task enqueued", &json!({"request_id": id(1, 0), "task_id": id(2, n)})));
        lines.push(said(at + 30, "task started", &json!({"task_id": id(2, n)})));
        lines.push(said(at + 38, "task finished", &json!({"task_id": id(2, n), "duration_ms": 8})));
    }
    let paths = paths(&lines);
    assert_eq!(paths.len(), 1);
    assert_eq!((held(&paths[0]).len(), paths[0]["ids"].as_array().unwrap().len()), (6_001, 2_001));
}

#[test]
fn an_id_on_more_lines_than_a_path_takes_is_cut_with_its_count_and_harms_no_other() {
    let mut lines: Vec<Value> = (0..50_100).map(|n| said(n, "row stored", &json!({"service": "import", "request_id": id(9, 0), "row": n}))).collect();
    lines.extend(requests(3));
    let paths = paths(&lines);
    let (big, others): (Vec<_>, Vec<_>) = paths.iter().partition(|path| path["request_id"] == json!(id(9, 0)));
    assert_eq!((big.len(), others.len()), (1, 3));
    assert_eq!(oddities(big[0]), vec![("hub_refused", &*format!("request {} stands on 50100 lines; the first 50000 are used", id(9, 0)))]);
    assert!(others.iter().all(|path| held(path).len() == 6 && oddities(path).is_empty()));
}

#[test]
fn tasks_that_are_each_others_parents_are_one_path_and_the_circle_is_told() {
    let mut lines = requests(3);
    for (task, parent) in [(0, 2), (1, 0), (2, 1)] {
        lines.push(said(5_000, "task started", &json!({"service": "odd", "task_id": id(3, task), "parent_task_id": id(3, parent)})));
        lines.push(said(6_000, "task finished", &json!({"service": "odd", "task_id": id(3, task), "duration_ms": 1_000})));
    }
    // And one that is its own.
    lines.push(said(7_000, "task finished", &json!({"service": "odd", "task_id": id(4, 0), "parent_task_id": id(4, 0), "duration_ms": 10})));
    let paths = paths(&lines);
    let circle: Vec<&Value> = paths.iter().filter(|path| !oddities(path).is_empty()).collect();
    assert_eq!(paths.len(), 5);
    assert_eq!(circle.len(), 1);
    let text = format!("task {} is stated to be above task {}, below which it stands: a circle, cut here", id(3, 2), id(3, 0));
    assert_eq!(oddities(circle[0]), vec![("cycle", &*text)]);
    assert_eq!(held(circle[0]).len(), 6);
}

#[test]
fn a_parent_that_no_line_shows_is_told_and_joins_nothing() {
    let lines: Vec<Value> = (0..5)
        .flat_map(|n| {
            let parent = json!({"task_id": id(2, n), "parent_task_id": id(3, 0)});
            [said(n as i64 * 100, "task started", &parent), said(n as i64 * 100 + 500, "task finished", &json!({"task_id": id(2, n), "duration_ms": 500}))]
        })
        .collect();
    let paths = paths(&lines);
    unmixed(&paths, 2);
    assert_eq!(paths.len(), 5);
    for path in &paths {
        let of = path["ids"][0]["value"].as_str().unwrap();
        assert_eq!(oddities(path), vec![("orphan", &*format!("task {of} names a parent that no line shows: {}", id(3, 0)))]);
    }
}

#[test]
fn times_that_cannot_be_are_told_and_leave_the_rest_as_it_was() {
    let mut lines = requests(4);
    lines[4]["time"] = json!("0001-01-01T00:00:00.000Z");
    lines[8]["time"] = json!("9999-12-31T23:59:59.999Z");
    let paths = paths(&lines);
    unmixed(&paths, 6);
    assert_eq!(paths.iter().map(|path| held(path).len()).collect::<Vec<_>>(), vec![6; 4]);
    let told: Vec<_> = paths.iter().map(oddities).collect();
    let text = "1 line has no time, or one that cannot be: it stands behind the others and in no step";
    assert_eq!(told.iter().filter(|odd| **odd == vec![("no_time", text)]).count(), 2, "{told:?}");
    assert_eq!(told.iter().filter(|odd| odd.is_empty()).count(), 2);
}

#[test]
fn lines_of_one_instant_stay_with_their_requests() {
    let mut lines = requests(30);
    lines.iter_mut().for_each(|line| line["time"] = json!(instant(0)));
    let paths = paths(&lines);
    unmixed(&paths, 6);
    assert_eq!(paths.len(), 30);
}

#[test]
fn ends_before_starts_and_absurd_lengths_make_no_negative_and_no_endless_step() {
    let mut lines = requests(20);
    for (n, line) in lines.iter_mut().enumerate() {
        if line["msg"] == "job finished" && n % 12 < 6 {
            line["time"] = json!(instant(n as i64 * 100 - 600));
        }
        if line["duration_ms"].is_number() {
            line["duration_ms"] =
                [json!(-5), json!(-1e18), json!(1e300), json!(9_223_372_036_854_775_807_i64), json!(1e15), json!("NaN"), json!(null), json!("-5ms"), json!(0.000_000_1)][n % 9]
                    .clone();
        }
    }
    let paths = paths(&lines);
    unmixed(&paths, 6);
    assert_eq!(paths.len(), 20);
    assert!(paths.iter().all(|path| held(path).len() == 6));
}

#[test]
fn two_workers_of_one_name_whose_clocks_differ_by_an_hour_mix_nothing() {
    let mut lines = requests(20);
    for (n, line) in lines.iter_mut().enumerate().filter(|(n, _)| n % 12 >= 9) {
        line["time"] = json!(instant(n as i64 / 6 * 700 + 3_600_000));
        line["host"] = json!("h2");
    }
    let paths = paths(&lines);
    unmixed(&paths, 6);
    assert_eq!(paths.len(), 20);
}

#[test]
fn an_id_that_is_the_name_of_the_queue_joins_nothing() {
    let mut lines = requests(20);
    for n in 0..20 {
        lines.push(said(n * 700 + 50, "queue polled", &json!({"service": "worker", "queue": "answers", "task_id": "answers", "request_id": "answers"})));
    }
    let paths = paths(&lines);
    let own: Vec<Value> = paths.iter().filter(|path| path["request_id"] != json!("answers")).cloned().collect();
    unmixed(&own, 6);
    assert_eq!(own.len(), 20);
    assert!(own.iter().all(|path| held(path).len() == 6));
}

#[test]
fn lines_that_stand_twice_count_once_and_are_told() {
    let (once, bench) = (paths(&requests(10)), Bench::new());
    let text = |lines: &[Value]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    // One copy behind each line, as a shipper that delivers at least once leaves them; and the whole file again under another name.
    let twice: Vec<Value> = requests(10).into_iter().flat_map(|line| [line.clone(), line]).collect();
    bench.write("all.log", text(&twice));
    let shipped = indexed(&bench, &["all.log"]);
    assert_eq!(by_id(&shipped), by_id(&once));
    let bench = Bench::new();
    bench.write("all.log", text(&requests(10)));
    bench.write("copy.log", text(&requests(10)));
    let copied = indexed(&bench, &["all.log", "copy.log"]);
    assert_eq!(by_id(&copied), by_id(&once));
    for path in shipped.iter().chain(&copied) {
        assert_eq!(oddities(path), vec![("repeated_lines", "6 lines were written again, word for word, and count once")]);
        assert_eq!(held(path).len(), 12);
    }
}

#[test]
fn what_happens_twice_in_one_second_of_a_clock_of_seconds_is_no_copy() {
    let at = |line: &mut Value| line["time"] = json!("2026-11-23T09:00:00Z");
    let mut lines = vec![said(0, "request received", &json!({"request_id": id(1, 0), "method": "GET", "path": "/v1/answers"}))];
    lines.extend(vec![said(0, "cache asked", &json!({"request_id": id(1, 0)})); 2]);
    lines.iter_mut().for_each(at);
    let paths = paths(&lines);
    assert_eq!((held(&paths[0]).len(), oddities(&paths[0]).iter().any(|(kind, _)| *kind == "repeated_lines")), (3, false));
}

#[test]
fn what_happens_twice_in_one_millisecond_is_a_copy_only_where_most_of_the_path_stands_twice() {
    let of = |twice: usize| {
        let mut lines = vec![said(0, "request received", &json!({"request_id": id(1, 0), "method": "GET", "path": "/v1/answers"}))];
        for asked in ["cache asked", "index asked", "policy asked", "quota asked"].into_iter().take(twice) {
            lines.extend(vec![said(10, asked, &json!({"request_id": id(1, 0)})); 2]);
        }
        paths(&lines).remove(0)
    };
    // Three of four texts stand twice, then four of five.
    let (apart, copied) = (of(3), of(4));
    let told = |path: &Value| path["anomalies"].as_array().unwrap().iter().find(|a| a["kind"] == "repeated_lines").map(|a| a["text"].clone());
    assert_eq!((held(&apart).len(), told(&apart)), (7, None));
    assert_eq!((held(&copied).len(), told(&copied)), (9, Some(json!("4 lines were written again, word for word, and count once"))));
}

#[test]
fn a_worker_log_whose_middle_is_lost_leaves_every_request_its_own_lines() {
    let lines = requests(30);
    // What stands in the lost file is not there: the worker's lines of the requests in the middle.
    let kept: Vec<(usize, Value)> = lines.into_iter().enumerate().filter(|(n, line)| line["service"] == "api" || !(60..120).contains(n)).collect();
    let owner: Vec<usize> = kept.iter().map(|(n, _)| n / 6).collect();
    let paths = paths(&kept.into_iter().map(|(_, line)| line).collect::<Vec<_>>());
    assert_eq!(paths.len(), 30);
    for path in &paths {
        let owners: BTreeSet<usize> = held(path).iter().map(|line| owner[line.rsplit_once(':').unwrap().1.parse::<usize>().unwrap() - 1]).collect();
        assert_eq!(owners.len(), 1);
        let lost = (10..20).contains(owners.first().unwrap());
        assert_eq!((held(path).len(), path["missing"].as_array().unwrap().len()), if lost { (3, 1) } else { (6, 0) }, "{path}");
    }
}

fn of_request(at: i64, message: &str, more: Value) -> Value {
    let mut more = more;
    more["request_id"] = json!(id(1, 0));
    more["service"] = more.get("service").cloned().unwrap_or_else(|| json!("api"));
    said(at, message, &more)
}

/// A request that calls a model under one call id, between its begin and its end.
fn with_call(call: Vec<Value>) -> Value {
    let mut lines = vec![of_request(0, "request received", json!({"method": "POST", "path": "/v1/answers"}))];
    lines.extend(call);
    lines.push(of_request(6_000, "request completed", json!({"status": 200, "duration_ms": 6_000})));
    paths(&lines).remove(0)
}

fn called(at: i64, message: &str, more: Value) -> Value {
    let mut more = more;
    more["call_id"] = json!("call_7Hq2LmX9vB3kT5rW8yZ1");
    more["model"] = json!("gpt-4o");
    of_request(at, message, more)
}

fn calls(path: &Value) -> Vec<(u64, &str, i64, i64)> {
    let spans = path["spans"].as_array().unwrap().iter().filter(|s| s["kind"] == "model_call");
    let ms = |at: &Value| at.as_str().unwrap()[17..23].replace('.', "").parse::<i64>().unwrap();
    spans.map(|s| (s["attempt"].as_u64().unwrap_or(0), s["outcome"].as_str().unwrap(), ms(&s["start"]), ms(&s["end"]))).collect()
}

#[test]
fn a_failure_that_is_told_by_two_lines_is_one_attempt_and_the_next_begins_behind_the_wait() {
    let path = with_call(vec![
        called(1_000, "model call started", json!({"attempt": 1})),
        called(2_000, "model call failed", json!({"attempt": 1, "error": "503 overloaded"})),
        called(2_500, "retrying model call", json!({"attempt": 2})),
        called(5_500, "model call finished", json!({"attempt": 2})),
    ]);
    assert_eq!(calls(&path), vec![(1, "error", 1_000, 2_000), (2, "ok", 2_500, 5_500)]);
    assert_eq!(path["verdict"]["retries"], json!(1));
}

#[test]
fn attempts_of_a_gateway_that_tells_its_whole_length_last_are_drawn_where_they_failed() {
    let path = with_call(vec![
        called(1_000, "completion requested", json!({"service": "gateway"})),
        called(2_000, "provider attempt failed", json!({"service": "gateway", "attempt": 1, "err": "no response within 1000 ms", "latencyMs": 990})),
        called(5_000, "completion served", json!({"service": "gateway", "attempts": 2, "latencyMs": 4_000})),
    ]);
    assert_eq!(calls(&path), vec![(1, "timeout", 1_010, 2_000), (2, "ok", 2_000, 5_000)]);
    assert_eq!((&path["verdict"]["retries"], &path["verdict"]["retry_class"]), (&json!(1), &json!("transient")));
}

#[test]
fn a_fallback_that_counts_its_attempts_anew_hides_no_failure() {
    let of = |at, model: &str, message: &str, more: Value| {
        let mut line = called(at, message, more);
        line["model"] = json!(model);
        line
    };
    let path = with_call(vec![
        of(1_000, "gpt-4o", "provider attempt failed", json!({"attempt": 1, "err": "503 overloaded", "latencyMs": 500})),
        of(3_000, "claude-haiku-4-5", "completion served", json!({"attempt": 1, "latencyMs": 1_900})),
    ]);
    assert_eq!(calls(&path).iter().map(|call| (call.1, call.2, call.3)).collect::<Vec<_>>(), vec![("error", 500, 1_000), ("ok", 1_100, 3_000)]);
    assert_eq!((&path["verdict"]["fallback_from"], &path["verdict"]["fallback_to"]), (&json!("gpt-4o"), &json!("claude-haiku-4-5")));
}

#[test]
fn a_warning_about_a_call_that_ends_well_under_its_number_is_no_failed_attempt() {
    let path = with_call(vec![
        called(500, "model call started", json!({"attempt": 1})),
        called(1_500, "failed to write cache", json!({"attempt": 1, "level": "warn"})),
        called(5_500, "model call finished", json!({"attempt": 1, "duration_ms": 5_000})),
    ]);
    assert_eq!(calls(&path), vec![(1, "ok", 500, 5_500)]);
    assert_eq!(path["verdict"]["retries"], json!(0));
}

#[test]
fn a_single_line_whose_length_reaches_out_of_its_request_is_no_visit_of_that_length() {
    let session = of_request(100, "session opened", json!({"service": "auth", "duration": "15m"}));
    let path = with_call(vec![session]);
    assert_eq!((&path["response_ns"], &path["start"]), (&json!(6_000_000_000_i64), &json!("2026-11-23T09:00:00.000000000Z")));
    // One that lies inside is how long the service took.
    let path = with_call(vec![of_request(400, "policy lookup", json!({"service": "policies", "duration_ms": 150}))]);
    let visit = path["spans"].as_array().unwrap().iter().find(|s| s["service"] == "policies").unwrap();
    assert_eq!((&visit["start"], &visit["evidence"]), (&json!("2026-11-23T09:00:00.250000000Z"), &json!("stated")));
}

#[test]
fn a_service_whose_lines_are_all_steps_is_at_work_from_the_begin_of_the_first_to_the_end_of_the_last() {
    let step = |at, message: &str, more: Value| {
        let mut more = more;
        more["service"] = json!("agent");
        of_request(at, message, more)
    };
    let path = with_call(vec![
        step(1_000, "db insert", json!({"table": "notes", "duration_ms": 400})),
        step(3_000, "tool call finished", json!({"tool": "search", "tool_call_id": "call_00000300000001xy", "duration_ms": 1_500})),
        step(3_500, "db insert", json!({"table": "notes", "duration_ms": 100})),
        step(5_000, "tool call finished", json!({"tool": "fetch", "tool_call_id": "call_00000300000002xy", "duration_ms": 900})),
    ]);
    let spans = path["spans"].as_array().unwrap();
    let visit = spans.iter().find(|s| s["kind"] == "app" && s["service"] == "agent").unwrap();
    assert_eq!((&visit["name"], &visit["evidence"]), (&json!("agent"), &json!("observed")));
    assert_eq!((&visit["start"], &visit["end"]), (&json!("2026-11-23T09:00:00.600000000Z"), &json!("2026-11-23T09:00:05.000000000Z")));
    let inside: Vec<&str> = spans.iter().filter(|s| s["parent"] == visit["id"]).map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(inside, ["notes", "search", "notes", "fetch"]);
}

#[test]
fn a_length_that_is_of_no_step_does_not_stretch_what_a_service_was_seen_at() {
    let other = |at, message: &str, more: Value| {
        let mut more = more;
        more["service"] = json!("auth");
        of_request(at, message, more)
    };
    for (message, length) in [("user session", 3_600_000), ("nightly export queued", 600_000)] {
        let path = with_call(vec![other(1_000, "token checked", json!({})), other(1_500, message, json!({"duration_ms": length})), other(2_000, "token kept", json!({}))]);
        let seen = path["spans"].as_array().unwrap().iter().find(|s| s["service"] == "auth").unwrap();
        assert_eq!((&path["response_ns"], &seen["start"]), (&json!(6_000_000_000_i64), &json!("2026-11-23T09:00:01.000000000Z")), "{message}");
        assert_eq!(&path["start"], &json!("2026-11-23T09:00:00.000000000Z"), "{message}");
    }
}

#[test]
fn in_a_log_of_whole_seconds_a_failed_call_with_a_status_is_no_visit_beside_the_requests_own() {
    let mut lines = vec![
        of_request(0, "request received", json!({"method": "POST", "path": "/v1/answers"})),
        of_request(0, "model call started", json!({"attempt": 1})),
        of_request(0, "model call failed", json!({"attempt": 1, "status_code": 408, "error_type": "Timeout", "duration_ms": 8_022.5})),
        of_request(0, "request completed", json!({"status": 200, "duration_ms": 11_956.7})),
    ];
    // By what the seconds cut off, the call seems to begin before the request.
    for (line, second) in lines.iter_mut().zip([20, 20, 28, 32]) {
        line["time"] = json!(format!("2026-11-23T09:00:{second}Z"));
    }
    let path = paths(&lines).remove(0);
    let visits: Vec<_> = path["spans"].as_array().unwrap().iter().filter(|s| s["kind"] == "app").map(|s| (&s["start"], &s["outcome"])).collect();
    assert_eq!((&path["response_ns"], visits), (&json!(11_956_700_000_i64), vec![(&json!("2026-11-23T09:00:20.043300000Z"), &json!("ok"))]));
}

#[test]
fn an_error_that_holds_a_calls_id_tells_who_made_it_only_as_the_call_ends() {
    let task = || json!({"service": "worker", "task_id": id(2, 0)});
    let gateway = |at, message: &str| said(at, message, &json!({"service": "gateway", "call_id": "gw_FOaCFCJbAl9", "model": "gpt-4o", "latencyMs": 900}));
    let told = |at| {
        let mut more = task();
        more["error"] = json!("gateway answered 502 (gw_FOaCFCJbAl9): all providers failed");
        said(at, "job failed", &more)
    };
    let begun = || vec![said(0, "job started", &task()), gateway(1_000, "completion failed")];
    let held_by = |lines: Vec<Value>| {
        let mut held: Vec<usize> = paths(&lines).iter().map(|path| held(path).len()).collect();
        held.sort_unstable();
        held
    };
    assert_eq!(held_by([begun(), vec![told(1_050)]].concat()), vec![3]);
    // Ten minutes later it only speaks of it; and nothing is made before it begins.
    assert_eq!(held_by([begun(), vec![told(600_000)]].concat()), vec![1, 2]);
    assert_eq!(held_by(vec![gateway(1_000, "completion failed"), said(20_000, "job started", &task()), told(20_050)]), vec![1, 2]);
}

#[test]
fn the_name_of_a_job_beside_random_ids_of_its_length_is_no_id_of_all_its_runs() {
    let random = ["k2J8sQ0xVb1LmZp", "Rt4Yw7Ue9Io2Pa5", "Sd6Fg8Hj0Kl3Zx1", "Cv5Bn7Mq9We2Rt4"];
    let mut lines: Vec<Value> = Vec::new();
    for n in 0..60_usize {
        let value = format!("job_{}{}", &random[n % 4][..13], n + 10);
        lines.push(said(n as i64 * 100, "job finished", &json!({"service": "worker", "job_id": value, "duration_ms": 50})));
    }
    for (n, service) in ["mail", "billing", "web"].into_iter().enumerate() {
        lines.push(said(20_000 + n as i64 * 3_000_000, "job finished", &json!({"service": service, "job_id": "job_ProcessDocument", "duration_ms": 50})));
    }
    assert!(paths(&lines).iter().all(|path| held(path).len() == 1));
    // One without a digit that is no word is known by the make of the others, also in another service.
    let mut lines: Vec<Value> = lines.into_iter().take(60).collect();
    for (at, service) in [(30_000, "api"), (30_050, "worker")] {
        lines.push(said(at, "job seen", &json!({"service": service, "job_id": "job_SqpomvuxRKoWbXy"})));
    }
    assert_eq!(paths(&lines).iter().map(|path| held(path).len()).max(), Some(2));
}

#[test]
fn a_search_for_a_parent_that_no_line_shows_finds_each_of_its_children() {
    let bench = Bench::new();
    let line = |n: u64| said(n as i64 * 1_000, "job finished", &json!({"task_id": id(2, n), "parent_task_id": id(3, 0), "duration_ms": 5}));
    bench.write("all.log", (0..5).map(|n| format!("{}\n", line(n))).collect::<String>());
    bench.ok(&["index", "all.log", "--data", "d"]);
    let found = bench.ok(&["search", &id(3, 0), "--data", "d"]);
    assert!((0..5).all(|n| found.contains(&id(2, n)[..28])), "{found}");
}
