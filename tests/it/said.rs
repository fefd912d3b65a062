//! Records of answers that name no request, as application servers write them to standard output: whose they may be. They are offered, and decide nothing.

use crate::support::Bench;
use serde_json::{Value, json};

const TRACE: &str =
    "ERROR:    Exception in ASGI application\nTraceback (most recent call last):\n  File \"/srv/api.py\", line 318, in traced\n    await inner(scope)\nValueError: no draft\n";

/// What the application says of the answers it gave, one request each.
fn answers(given: &[(&str, u16)]) -> String {
    let line = |(n, (request, status)): (usize, &(&str, u16))| {
        let (method, path) = request.split_once(' ').unwrap();
        json!({"time": format!("2026-11-23T09:00:{n:02}.000Z"), "level": "info", "service": "api", "request_id": id(n), "msg": "answered", "method": method, "path": path, "status": status, "duration_ms": 120})
            .to_string()
            + "\n"
    };
    given.iter().enumerate().map(line).collect()
}

fn id(n: usize) -> String {
    format!("req_01JDC9V6Q8Z4M2K7T3W5X{n:05}")
}

/// What its server prints.
fn printed(request: &str, status: &str) -> String {
    format!("INFO:     127.0.0.1:56064 - \"{request} HTTP/1.1\" {status}\n")
}

/// The lines of `out.log` that may belong to the requests by number.
fn possible(given: &[(&str, u16)], out: &str) -> Vec<Vec<u64>> {
    let bench = Bench::new();
    bench.write("api.log", answers(given));
    bench.write("out.log", out);
    bench.ok(&["index", "api.log", "out.log", "--data", "d"]);
    let of = |n: usize| {
        let path: Value = serde_json::from_str(&bench.ok(&["show", &id(n), "--data", "d", "--json"])).unwrap();
        assert!(path["unplaced"].as_array().unwrap().is_empty() && path["anomalies"].as_array().unwrap().is_empty(), "{path}");
        assert_eq!((path["lines"].as_array().unwrap().len(), path["spans"].as_array().unwrap().len()), (1, 1), "what may belong is in no number: {path}");
        let number = |line: &Value| line.as_str().unwrap().strip_prefix("out.log:").unwrap().parse().unwrap();
        path["possible"].as_array().unwrap().iter().map(number).collect()
    };
    (0..given.len()).map(of).collect()
}

#[test]
fn a_line_of_an_answer_that_one_request_alone_gave_may_be_of_that_request() {
    let given = [("GET /tickets/T-10569", 200), ("GET /tickets/T-10570", 200), ("POST /kb/reindex", 202), ("POST /kb/reindex", 202)];
    let out = [printed(given[1].0, "200 OK"), printed(given[0].0, "200 OK"), printed(given[2].0, "202 Accepted"), printed(given[2].0, "202 Accepted")].concat();
    assert_eq!(possible(&given, &out), [vec![2], vec![1], vec![], vec![]]);
}

#[test]
fn an_answer_that_two_requests_gave_or_two_lines_tell_of_is_nobodys() {
    let twice = [("GET /tickets/T-10569", 200), ("GET /tickets/T-10569", 200)];
    assert_eq!(possible(&twice, &printed(twice[0].0, "200 OK")), [Vec::<u64>::new(), vec![]]);
    let once = [("GET /tickets/T-10569", 200), ("GET /healthz", 200)];
    assert_eq!(possible(&once, &printed(once[0].0, "200 OK").repeat(2)), [Vec::<u64>::new(), vec![]]);
    // Another status is another answer, and a path that names nothing says nothing, though it was asked for once.
    assert_eq!(possible(&once, &(printed(once[0].0, "404 Not Found") + &printed(once[1].0, "200 OK"))), [Vec::<u64>::new(), vec![]]);
}

#[test]
fn the_stack_trace_right_behind_an_answer_that_failed_may_be_of_its_request() {
    let given = [("POST /tickets/T-10507/reply", 500), ("POST /tickets/T-10508/reply", 500), ("GET /tickets/T-10509", 200)];
    let [failed, other, fine] = [printed(given[0].0, "500 Internal Server Error"), printed(given[1].0, "500 Internal Server Error"), printed(given[2].0, "200 OK")];
    assert_eq!(possible(&given, &[failed.as_str(), TRACE, &fine].concat()), [vec![1, 2], vec![], vec![7]]);
    // Behind two such answers it may be of the first; behind another line, or an answer that went well, of anybody.
    assert_eq!(possible(&given, &[failed.as_str(), &other, TRACE].concat()), [vec![1], vec![2], vec![]]);
    assert_eq!(possible(&given, &[failed.as_str(), &fine, TRACE].concat()), [vec![1], vec![], vec![2]]);
}

#[test]
fn a_line_that_was_written_at_another_time_tells_of_another_answer() {
    let given = [("GET /tickets/T-10569", 200)];
    let at = |time: &str| format!("10.0.0.7 - - [23/Nov/2026:{time} +0000] \"{} HTTP/1.1\" 200 512\n", given[0].0);
    assert_eq!(possible(&given, &at("09:00:01")), [vec![1]]);
    assert_eq!(possible(&given, &at("10:00:01")), [Vec::<u64>::new()]);
}

#[test]
fn what_may_belong_draws_nothing_and_decides_nothing() {
    let edge = json!({"time": "2026-11-23T09:00:01.003Z", "service": "nginx", "request_id": "a0ffca2ddb61e741b6e3f8dcda212aef", "method": "POST", "uri": "/tickets/T-10507/reply", "status": 500, "request_time": 0.003});
    let accepted = json!({"time": "2026-11-23T09:00:01.001Z", "service": "out", "level": "info", "request_id": id(1), "parent_request_id": "a0ffca2ddb61e741b6e3f8dcda212aef", "msg": "accepted POST /tickets/T-10507/reply"});
    let answered = json!({"time": "2026-11-23T09:00:01.002Z", "service": "out", "level": "info", "request_id": id(1), "msg": "answered in 0.5 ms", "duration_ms": 0.5});
    let spans = |out: &str| {
        let bench = Bench::new();
        bench.write("edge.log", format!("{edge}\n"));
        bench.write("api.log", format!("{accepted}\n{answered}\n"));
        bench.write("out.log", out);
        bench.ok(&["index", "edge.log", "api.log", "out.log", "--data", "d"]);
        let path: Value = serde_json::from_str(&bench.ok(&["show", &id(1), "--data", "d", "--json"])).unwrap();
        (path["spans"].clone(), path["lines"].as_array().unwrap().len())
    };
    let (without, lines) = spans("INFO:     Started server process [12105]\n");
    let (with, more) = spans(&(printed("POST /tickets/T-10507/reply", "500 Internal Server Error") + TRACE));
    assert_eq!((lines, more), (3, 3));
    assert_eq!(with, without);
}

#[test]
fn what_may_belong_is_offered_on_the_page_with_its_text() {
    let bench = Bench::new();
    bench.write("api.log", answers(&[("POST /tickets/T-10507/reply", 500)]));
    bench.write("out.log", printed("POST /tickets/T-10507/reply", "500 Internal Server Error") + TRACE);
    bench.ok(&["index", "api.log", "out.log", "--data", "e"]);
    let said = bench.ok(&["show", &id(0), "--log", "--data", "e"]);
    assert!(said.contains("May belong, not proved\n") && said.contains("Exception in ASGI application  out.log:2"), "{said}");
    let served = bench.serve(&["api.log", "out.log", "--no-follow", "--data", "d"]);
    let (status, page) = served.get(&format!("/r/{}", id(0)));
    assert_eq!(status, 200);
    assert!(page.contains("2 further lines may belong and are not proved; no number counts them") && page.contains("ValueError: no draft"), "{page}");
    assert!(page.contains("1 line of 1 source"), "{page}");
}

#[test]
fn a_line_that_names_work_of_its_own_is_nobody_elses() {
    let bench = Bench::new();
    bench.write("api.log", answers(&[("GET /tickets/T-10569", 200)]));
    let tool = json!({"time": "2026-11-23T09:00:00.000Z", "service": "tools", "tool": "fetch", "tool_call_id": "call_AbCdEf0123456789GhIj", "method": "GET", "path": "/tickets/T-10569", "status": 200});
    bench.write("tools.log", format!("{tool}\n"));
    bench.ok(&["index", "api.log", "tools.log", "--data", "d"]);
    let path: Value = serde_json::from_str(&bench.ok(&["show", &id(0), "--data", "d", "--json"])).unwrap();
    assert_eq!(path["possible"], json!([]));
}
