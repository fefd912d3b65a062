//! Numbers that count from one again after a restart, and in every process: each request stays its own, also while logs are read bit by bit.

use crate::support::Bench;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// 12:00 of some day.
const NOON_MS: u64 = 1_795_608_000_000;

/// What a Fastify server writes with its logger on, for three requests a boot: an id that counts from `req-1`.
fn boot(begins_ms: u64, pid: u64) -> Vec<(u64, String)> {
    let mut lines = Vec::new();
    for n in 1..=3 {
        let at = begins_ms + n * 3_000;
        let line = |ms: u64, message: &str, more: Value| {
            let mut line = json!({"level": 30, "time": ms, "pid": pid, "hostname": "web-1", "reqId": format!("req-{n}"), "msg": message});
            line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
            (ms, line.to_string())
        };
        lines.push(line(at, "incoming request", json!({"req": {"method": "POST", "url": "/v1/chat", "host": "a", "remoteAddress": "10.0.0.1"}})));
        lines.push(line(at + 400, "model call finished", json!({"model": "gpt-4o", "duration_ms": 390})));
        lines.push(line(at + 450, "request completed", json!({"res": {"statusCode": 200}, "responseTime": 450.2})));
        lines.push(line(at + 700, "usage stored", json!({})));
    }
    lines
}

fn text(mut lines: Vec<(u64, String)>) -> String {
    lines.sort();
    lines.into_iter().map(|(_, line)| line + "\n").collect()
}

/// The lines of each path, by its id with its scope.
fn paths(bench: &Bench) -> BTreeMap<String, Vec<u64>> {
    let exported = bench.ok(&["export", "--data", "d", "--format", "path-ndjson"]);
    let documents = exported.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let number = |line: &Value| line.as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
    let lines = |doc: &Value| ["lines", "unplaced"].into_iter().flat_map(|part| doc[part].as_array().unwrap().iter().map(number)).collect();
    documents.map(|doc| (format!("{} {}", doc["ids"][0]["value"].as_str().unwrap(), doc["ids"][0]["scope"].as_str().unwrap_or("-")), lines(&doc))).collect()
}

#[test]
fn a_number_that_begins_again_with_its_process_names_another_request() {
    let bench = Bench::new();
    let mut written = boot(NOON_MS, 1);
    written.extend(boot(NOON_MS + 3_600_000, 1));
    bench.write("app.log", text(written));
    bench.ok(&["index", "app.log", "--data", "d"]);
    let expected = [("12", 0), ("13", 12)].into_iter().flat_map(|(hour, before)| {
        (1..=3).map(move |n| (format!("req-{n} service=app since 2026-11-25T{hour}:00:{:02}.000Z", n * 3), (before + n * 4 - 3..=before + n * 4).collect()))
    });
    assert_eq!(paths(&bench), expected.collect());

    let (code, said) = bench.said(&["show", "req-2", "--data", "d"]);
    assert!(said.contains("2 requests carry this id"), "{code:?} {said}");
    let choices = String::from_utf8(bench.run(&["show", "req-2", "--data", "d"]).stdout).unwrap();
    assert!(choices.contains("throughline show req-2 --scope 'service=app since 2026-11-25T13:00:06.000Z'    ok"), "{choices}");
    let one: Value = serde_json::from_str(&bench.ok(&["show", "req-2", "--scope", "service=app since 2026-11-25T13:00:06.000Z", "--data", "d", "--json"])).unwrap();
    assert_eq!(one["lines"], json!(["app.log:17", "app.log:18", "app.log:19", "app.log:20"]));
}

#[test]
fn processes_that_count_alike_at_one_time_mix_no_requests() {
    let bench = Bench::new();
    let mut written = boot(NOON_MS, 17);
    written.extend(boot(NOON_MS + 100, 18));
    bench.write("app.log", text(written));
    bench.ok(&["index", "app.log", "--data", "d"]);
    let mut found: Vec<Vec<u64>> = paths(&bench).into_values().collect();
    found.sort();
    assert_eq!(found, (0..3).flat_map(|n| [[1, 3, 4, 7], [2, 5, 6, 8]].map(|lines| lines.map(|line| n * 8 + line).to_vec())).collect::<Vec<_>>());
}

#[test]
fn a_line_at_the_end_alone_tells_the_requests_of_one_number_apart() {
    let bench = Bench::new();
    // What pino-http writes: one line, when the answer is sent. Lines of the application stand before it.
    let of = |at: u64, n: u64| {
        let line = |ms: u64, message: &str, more: Value| {
            let mut line = json!({"level": 30, "time": ms, "pid": 1, "hostname": "web-1", "req": {"id": n, "method": "POST", "url": format!("/v1/chats/{at}"), "headers": {}}, "msg": message});
            line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
            (ms, line.to_string())
        };
        let chosen = json!({"level": 30, "time": at, "pid": 1, "hostname": "web-1", "req_id": n, "msg": "prompt chosen"}).to_string();
        [(at, chosen), line(at + 300, "request completed", json!({"res": {"statusCode": 200}, "responseTime": 310}))]
    };
    let written = (0..4).flat_map(|boot| (1..=3).flat_map(move |n| of(NOON_MS + boot * 60_000 + n * 1_000, n))).collect();
    bench.write("app.log", text(written));
    bench.ok(&["index", "app.log", "--data", "d"]);
    let mut found: Vec<Vec<u64>> = paths(&bench).into_values().collect();
    found.sort();
    assert_eq!(found, (0..12).map(|n| vec![n * 2 + 1, n * 2 + 2]).collect::<Vec<_>>());
}

/// A line of a service behind no edge, with an id that counts.
fn counted(at_ms: u64, id: &str, message: &str, more: Value) -> (u64, String) {
    let mut line = json!({"time": NOON_MS + at_ms, "level": "info", "service": "app", "request_id": id, "msg": message});
    line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    (at_ms, line.to_string())
}

/// The lines of the paths of some lines, by their place in time.
fn apart(written: Vec<(u64, String)>) -> Vec<Vec<u64>> {
    let bench = Bench::new();
    bench.write("app.log", text(written));
    bench.ok(&["index", "app.log", "--data", "d"]);
    let mut found: Vec<Vec<u64>> = paths(&bench).into_values().collect();
    found.iter_mut().for_each(|lines| lines.sort_unstable());
    found.sort();
    found
}

#[test]
fn a_number_that_comes_once_is_one_request_whatever_its_lines_repeat() {
    let path = || json!({"method": "GET", "path": "/v1/report"});
    // pino-http's child logger puts the request on every line.
    let chunks: Vec<_> = (0..3).map(|n| counted(20 + n * 20, "req-7", "loading chunk", path())).collect();
    let with_path = [
        vec![counted(0, "req-7", "query planned", path())],
        chunks,
        vec![counted(100, "req-7", "request completed", json!({"method": "GET", "path": "/v1/report", "status": 200, "duration_ms": 100}))],
    ]
    .concat();
    assert_eq!(apart(with_path), vec![vec![1, 2, 3, 4, 5]]);
    // Calls it makes have paths, status and length of their own.
    let call = |at| {
        [
            counted(at, "req-7", "calling users", json!({"method": "GET", "path": "/users/1"})),
            counted(at + 60, "req-7", "users answered", json!({"method": "GET", "path": "/users/1", "status": 200, "duration_ms": 60})),
        ]
    };
    let begin = || counted(0, "req-7", "request received", path());
    let end = |at| counted(at, "req-7", "request completed", json!({"status": 200, "duration_ms": at}));
    assert_eq!(apart([vec![begin()], call(10).to_vec(), call(100).to_vec(), vec![end(300)]].concat()), vec![vec![1, 2, 3, 4, 5, 6]]);
    // A redirect, and work behind the answer that speaks of a request.
    let late = || counted(400, "req-7", "request to billing started", json!({}));
    assert_eq!(apart(vec![begin(), counted(50, "req-7", "request received", path()), end(300), late()]), vec![vec![1, 2, 3, 4]]);
}

#[test]
fn a_slow_request_that_outlives_a_restart_is_told_by_the_length_it_states() {
    let begin = |at| counted(at, "req-2", "request received", json!({"method": "GET", "path": "/v1/report"}));
    let end = |at, length: u64| counted(at, "req-2", "request completed", json!({"status": 200, "duration_ms": length}));
    assert_eq!(apart(vec![begin(0), begin(2_000), end(2_500, 500), end(5_000, 5_000)]), vec![vec![1, 4], vec![2, 3]]);
    // Without lengths nothing tells which ended: such lines are of neither, and those of other times are whole.
    let end = |at| counted(at, "req-2", "request completed", json!({"status": 200}));
    assert_eq!(apart(vec![begin(0), begin(500), end(900), end(1_500), begin(60_000), end(60_100)]), vec![vec![5, 6]]);
}

#[test]
fn a_workers_line_is_of_the_request_that_queued_its_job_and_not_of_the_newest() {
    let job = |n: u64| format!("6bfea2d9-7585-445c-a7f6-e617bc8a88a{n}");
    let api = |at, n| {
        let mut lines = vec![counted(at, "req-1", "request received", json!({"pid": 1, "method": "POST", "path": "/v1/reports"}))];
        lines.push(counted(at + 10, "req-1", "job queued", json!({"pid": 1, "job_id": job(n), "queue": "reports"})));
        lines.push(counted(at + 20, "req-1", "request completed", json!({"pid": 1, "status": 202, "duration_ms": 20})));
        lines
    };
    let worker = |at, n| {
        vec![
            counted(at, "req-1", "job started", json!({"pid": 9, "job_id": job(n)})),
            counted(at + 50, "req-1", "job finished", json!({"pid": 9, "job_id": job(n), "duration_ms": 50})),
        ]
    };
    assert_eq!(apart([api(0, 1), api(60_000, 2), worker(61_000, 1), worker(62_000, 2)].concat()), vec![vec![1, 2, 3, 7, 8], vec![4, 5, 6, 9, 10]]);
    // A line of another process that names neither job is of neither.
    let stray = counted(63_000, "req-1", "mail rendered", json!({"pid": 9}));
    assert_eq!(apart([api(0, 1), api(60_000, 2), vec![stray]].concat()), vec![vec![1, 2, 3], vec![4, 5, 6]]);
}

#[test]
fn a_number_that_stands_in_a_path_as_well_is_still_what_its_request_is_counted_by() {
    // The seventh request of the process asks for the seventh report.
    let request = |at: u64, n: u64| {
        let id = n.to_string();
        vec![
            counted(at, &id, "request received", json!({"method": "GET", "path": format!("/v1/reports/{n}")})),
            counted(at + 40, &id, "report loaded", json!({})),
            counted(at + 50, &id, "request completed", json!({"method": "GET", "path": format!("/v1/reports/{n}"), "status": 200, "duration_ms": 50})),
        ]
    };
    assert_eq!(apart([request(0, 7), request(1_000, 8)].concat()), vec![vec![1, 2, 3], vec![4, 5, 6]]);
}

#[test]
fn a_request_that_spans_a_rotation_is_whole() {
    let bench = Bench::new();
    let begin = counted(0, "req-1", "request received", json!({"method": "GET", "path": "/v1/report"}));
    let end = counted(800, "req-1", "request completed", json!({"status": 200, "duration_ms": 800}));
    bench.write("logs/app.log.1", text(vec![begin]));
    bench.write("logs/app.log", text(vec![end]));
    bench.ok(&["index", "logs", "--data", "d"]);
    assert_eq!(paths(&bench).into_values().collect::<Vec<_>>(), vec![vec![1, 1]]);
}

#[test]
fn numbers_at_the_ends_of_time_with_absurd_lengths_come_to_an_end() {
    let at = |time: &str, message: &str, more: Value| {
        let mut line = json!({"time": time, "level": "info", "service": "app", "request_id": "req-1", "msg": message});
        line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        line.to_string()
    };
    let bench = Bench::new();
    let mut lines = Vec::new();
    for time in ["1677-09-21T00:12:44.000Z", "1900-01-01T00:00:00.000Z", "2026-11-25T12:00:00.000Z", "2149-12-31T23:59:59.999Z", "2262-04-11T23:47:16.854Z"] {
        for pid in 0..3 {
            lines.push(at(time, "request received", json!({"pid": pid, "method": "GET", "path": "/v1/report"})));
            lines.push(at(time, "request completed", json!({"pid": pid, "status": 200, "duration_ms": 300_000_000_000_u64})));
        }
    }
    bench.write("app.log", lines.join("\n") + "\n");
    bench.ok(&["index", "app.log", "--data", "d"]);
    // Of each process three; what no log can tell of has no time, and may be of any of them.
    assert_eq!(paths(&bench).into_values().map(|lines| lines.len()).collect::<Vec<_>>(), vec![2; 9]);
}

#[test]
fn read_bit_by_bit_the_list_is_what_it_is_of_the_whole() {
    let (whole, parts) = (Bench::new(), Bench::new());
    let boots: Vec<Vec<(u64, String)>> = (0..3).map(|n| boot(NOON_MS + n * 600_000, 1)).collect();
    // The newest file is read first, and each grows in the middle of a request.
    for (n, half) in [(2, true), (2, false), (0, true), (1, false), (0, false)] {
        let lines = if half { boots[n][..6].to_vec() } else { boots[n].clone() };
        parts.write(&format!("logs/app-{n}.log"), text(lines));
        parts.ok(&["index", "logs", "--data", "d"]);
        whole.write(&format!("logs/app-{n}.log"), text(boots[n].clone()));
    }
    whole.ok(&["index", "logs", "--data", "d"]);
    assert_eq!(paths(&parts), paths(&whole));
    assert_eq!(paths(&whole).len(), 9);
    assert!(paths(&whole).values().all(|lines| lines.len() == 4));
}

#[test]
fn a_client_that_asks_again_with_a_long_id_is_one_request() {
    let bench = Bench::new();
    let id = "req_01JDC9V6Q8Z4M2K7T3W5XH0B1N";
    let line = |at: u64, message: &str, more: Value| {
        let mut line = json!({"time": NOON_MS + at, "level": "info", "request_id": id, "msg": message});
        line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        (at, line.to_string())
    };
    let turn = |at: u64| [line(at, "request received", json!({"method": "POST", "path": "/v1/answers"})), line(at + 90, "request completed", json!({"status": 503}))];
    bench.write("app.log", text([turn(0), turn(2_000)].concat()));
    bench.ok(&["index", "app.log", "--data", "d"]);
    assert_eq!(paths(&bench).into_values().collect::<Vec<_>>(), vec![vec![1, 2, 3, 4]]);
}
