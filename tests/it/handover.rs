//! Who hands work to whom where names alone do not say it: main labels, other names, ids in texts, sessions, numbers of two products.

use crate::support::Bench;
use serde_json::{Value, json};

pub fn instant(at_ms: u64) -> String {
    format!("2026-11-23T{:02}:{:02}:{:02}.{:03}Z", 9 + at_ms / 3_600_000, at_ms / 60_000 % 60, at_ms / 1_000 % 60, at_ms % 1_000)
}

pub fn id(kind: u64, n: u64) -> String {
    format!("{kind:04x}{n:04x}-6c5e-4c7a-9c1d-0f2a3b4c5d6e")
}

/// A line of a service.
pub fn said(at_ms: u64, service: &str, message: &str, more: &Value) -> String {
    let mut line = json!({"time": instant(at_ms), "level": "info", "service": service, "msg": message});
    line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    line.to_string()
}

pub fn indexed(lines: &[String]) -> Bench {
    let bench = Bench::new();
    bench.write("all.log", lines.join("\n") + "\n");
    bench.ok(&["index", "all.log", "--data", "d"]);
    bench
}

pub fn document(bench: &Bench, id: &str) -> Value {
    serde_json::from_str(&bench.ok(&["show", id, "--data", "d", "--json"])).unwrap()
}

/// The numbers of the lines of a path.
pub fn numbers(bench: &Bench, id: &str) -> Vec<u64> {
    let document = document(bench, id);
    let lines = ["lines", "unplaced"].into_iter().flat_map(|part| document[part].as_array().unwrap().clone());
    let mut numbers: Vec<u64> = lines.map(|line| line.as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn the_trace_of_a_poll_is_not_inside_the_task_it_asks_about() {
    let (request, task, poll) = (id(1, 1), id(2, 1), id(1, 2));
    let trace = |n: u64| format!("{n:08x}7dcbad6b443ebce1a4a67301");
    let lines = [
        said(0, "api", "job enqueued", &json!({"request_id": request, "trace_id": trace(1), "job_id": task})),
        said(5, "worker", "started", &json!({"job_id": task})),
        said(9, "worker", "halfway", &json!({"job_id": task})),
        said(20, "worker", "done", &json!({"job_id": task})),
        said(30, "api", "job status", &json!({"request_id": poll, "trace_id": trace(2), "job_id": task, "state": "done"})),
        said(31, "api", "request finished", &json!({"request_id": poll, "trace_id": trace(2), "method": "GET", "path": format!("/jobs/{task}"), "status": 200, "duration_ms": 2})),
    ];
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &request), [1, 2, 3, 4]);
    assert_eq!(numbers(&bench, &poll), [5, 6]);
}

#[test]
fn whoever_asks_about_a_task_later_is_known_by_the_path_of_its_own_request() {
    // "reviews" is no word for a task, and the line that names both says neither path nor verb.
    let (request, task, poll, other) = (id(1, 1), id(2, 1), id(1, 2), id(1, 3));
    let lines = [
        said(0, "api", "request started", &json!({"request_id": request, "method": "POST", "path": "/contracts"})),
        said(3, "api", "review queued", &json!({"request_id": request, "message_id": task})),
        said(5, "worker", "review started", &json!({"message_id": task})),
        said(20, "worker", "review done", &json!({"message_id": task})),
        said(30, "api", "request started", &json!({"request_id": poll, "method": "GET", "path": format!("/reviews/{task}")})),
        said(31, "api", "review status asked", &json!({"request_id": poll, "message_id": task})),
        said(32, "api", "request finished", &json!({"request_id": poll, "status": 200})),
        // One that asks by the body of its request: another had queued the task.
        said(40, "api", "request started", &json!({"request_id": other, "method": "POST", "path": "/status"})),
        said(41, "api", "review status asked", &json!({"request_id": other, "message_id": task})),
    ];
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &request), [1, 2, 3, 4]);
    assert_eq!(numbers(&bench, &poll), [5, 6, 7]);
    assert_eq!(numbers(&bench, &other), [8, 9]);
    assert_eq!(numbers(&bench, &task), [1, 2, 3, 4], "asked by its own id, too");
}

#[test]
fn a_number_in_a_queue_is_asked_about_by_the_request_whose_path_holds_it() {
    let (request, poll) = (id(1, 1), id(1, 2));
    let lines = [
        said(0, "api", "export queued", &json!({"request_id": request, "job_id": 17})),
        said(30, "api", "request started", &json!({"request_id": poll, "method": "GET", "path": "/exports/17"})),
        said(31, "api", "export status read", &json!({"request_id": poll, "job_id": 17})),
    ];
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &request), [1]);
    assert_eq!(numbers(&bench, &poll), [2, 3]);
}

#[test]
fn what_a_provider_calls_an_attempt_is_a_name_of_the_call_and_no_request() {
    let request = id(1, 1);
    let lines = [
        said(0, "gateway", "accepted", &json!({"request_id": request, "call_no": 71_011})),
        said(
            40,
            "gateway",
            "upstream refused",
            &json!({"call_no": 71_011, "upstream_request_id": "req_5aead906f49e59503bfa26e049e13351", "status": 500, "latency_ms": 34, "attempt": 1, "model": "gpt-4.1-mini"}),
        ),
        said(
            90,
            "gateway",
            "completed",
            &json!({"call_no": 71_011, "response_id": "chatcmpl-6XVWUmNxuj2fHLT4EmAz0xj85Hge", "model": "gpt-4.1-mini", "attempt": 2, "latency_ms": 45}),
        ),
    ];
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &request), [1, 2, 3]);
    assert_eq!(document(&bench, "chatcmpl-6XVWUmNxuj2fHLT4EmAz0xj85Hge")["request_id"], request.as_str(), "its name leads there");
    let found = bench.ok(&["search", "", "--data", "d", "--json"]);
    assert_eq!(found.lines().count(), 1, "one row: {found}");
    let document = document(&bench, &request);
    let calls = document["spans"].as_array().unwrap().iter().filter(|span| span["kind"] == "model_call").count();
    assert_eq!(calls, 2, "each attempt once");
}

#[test]
fn an_answer_that_two_calls_name_joins_neither_to_the_other() {
    let (first, second) = (id(1, 1), id(1, 2));
    let call = |at: u64, request: &str, number: u64| {
        [
            said(at, "gateway", "accepted", &json!({"request_id": request, "call_no": number})),
            said(at + 20, "gateway", "completed", &json!({"call_no": number, "response_id": "chatcmpl-6XVWUmNxuj2fHLT4EmAz0xj85Hge", "latency_ms": 18})),
        ]
    };
    let bench = indexed(&[call(0, &first, 71_011), call(500, &second, 71_012)].concat());
    // The second came from a cache, under the id of the first.
    assert_eq!(numbers(&bench, &first), [1, 2]);
    assert_eq!(numbers(&bench, &second), [3, 4]);
}

#[test]
fn a_trace_that_no_request_names_is_inside_the_task_that_opened_it() {
    let (run, message, trace) = ("run-e66d37ecd718", id(2, 1), "39373d03d60914a803cc17586bbc08ba");
    let lines = [
        said(0, "front", "published", &json!({"request_id": id(1, 1), "run_id": run, "message_id": message})),
        said(3, "worker", &format!("handling msg {message} for run {run}: summarise"), &json!({})),
        said(4, "worker", &format!("asking the model for msg {message}, trace {trace}"), &json!({})),
        said(40, "models", "answered", &json!({"trace_id": trace, "duration_ms": 30})),
        said(41, "models", "call finished", &json!({"trace_id": trace})),
        said(42, "models", "counted", &json!({"trace_id": trace})),
        said(50, "worker", &format!("done with msg {message} in 47 ms"), &json!({})),
    ];
    assert_eq!(numbers(&indexed(&lines), &id(1, 1)), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_span_that_hands_a_run_over_stays_the_requests() {
    let (run, trace, span) = ("run-e66d37ecd718", "ab0e93bd5ece58f1bebd542e7639f52e", "47fc3599641bb8c7");
    let of = |at, text: &str, more: Value| {
        let mut all = json!({"req_id": "dc5sjblqmd2s2tg9mo0g", "trace_id": trace, "span_id": span});
        all.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        said(at, "front", text, &all)
    };
    let lines = [
        of(0, "run saved", json!({"run_id": run})),
        of(2, "request", json!({"method": "POST", "path": "/notes", "status": 202, "duration_ms": 3})),
        said(900, "worker", &format!("run {run} marked in 641 us"), &json!({})),
    ];
    let document = document(&indexed(&lines), "dc5sjblqmd2s2tg9mo0g");
    assert_eq!((&document["status"], &document["response_ns"]), (&json!(202), &json!(3_000_000)));
}

#[test]
fn a_line_about_an_id_that_no_word_names_is_of_the_unit_of_that_id() {
    let (task, other) = (id(2, 1), id(2, 2));
    let lines = [
        said(0, "worker", "received", &json!({"task_id": task})),
        said(1, "worker", &format!("executing app.tasks.summarise: {task}"), &json!({})),
        said(2, "worker", "received", &json!({"task_id": other})),
        said(3, "worker", &format!("compare({task}, 7) begins"), &json!({})),
        said(4, "worker", &format!("{task} waits for {other}"), &json!({})),
        said(5, "worker", &format!("seen {}", id(9, 9)), &json!({})),
        said(6, "worker", &format!("lock held by {task}, giving up"), &json!({})),
        said(7, "worker", &format!("ran while {task} was open"), &json!({})),
        said(8, "worker", &format!("skipping duplicate of {task}"), &json!({})),
    ];
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &task), [1, 2]);
    assert_eq!(document(&bench, &task)["placed"][0]["rule"], "text");
    assert_eq!(numbers(&bench, &other), [3]);
}

/// A request of a session: begin, a row that names the session only, end.
fn of_session(at_ms: u64, n: u64, session: &str) -> Vec<String> {
    vec![
        said(at_ms, "api", "incoming request", &json!({"request_id": id(1, n), "session_id": session})),
        said(at_ms + 5, "api", "rows written", &json!({"session_id": session, "table": "turns"})),
        said(at_ms + 10, "api", "request completed", &json!({"request_id": id(1, n), "status": 200})),
    ]
}

#[test]
fn a_line_that_names_a_session_is_of_the_only_request_of_that_session() {
    let mut lines = of_session(0, 1, "s_28b5e");
    lines.extend(of_session(2, 2, "s_2c93c"));
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &id(1, 1)), [1, 2, 3]);
    assert_eq!(numbers(&bench, &id(1, 2)), [4, 5, 6]);
    assert_eq!(document(&bench, &id(1, 2))["placed"][0]["rule"], "session");
}

#[test]
fn two_requests_of_one_session_at_a_time_leave_its_lines_alone() {
    let mut lines = of_session(0, 1, "s_28b5e");
    lines.extend(of_session(2, 2, "s_28b5e"));
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &id(1, 1)), [1, 3]);
    assert_eq!(numbers(&bench, &id(1, 2)), [4, 6]);
}

#[test]
fn a_session_that_writes_such_lines_between_its_requests_proves_nothing() {
    let mut lines = of_session(0, 1, "s_28b5e");
    lines.push(said(50, "api", "rows written", &json!({"session_id": "s_28b5e", "table": "turns"})));
    lines.extend(of_session(100, 2, "s_28b5e"));
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &id(1, 1)), [1, 3]);
    assert_eq!(numbers(&bench, &id(1, 2)), [5, 7]);
}

#[test]
fn work_is_known_under_a_name_of_the_other_side_that_says_nothing() {
    let (first, next) = (id(2, 1), id(2, 2));
    let lines = [
        said(0, "worker", "started", &json!({"task_id": first})),
        said(5, "worker", "follow-up queued", &json!({"task_id": first, "follow_up_id": next, "gadget_id": id(9, 9)})),
        said(9, "worker", "started", &json!({"task_id": next})),
        said(12, "worker", "done", &json!({"task_id": next})),
        said(15, "worker", "done", &json!({"task_id": first})),
    ];
    assert_eq!(numbers(&indexed(&lines), &first), [1, 2, 3, 4, 5]);
}

#[test]
fn a_number_that_two_services_run_is_of_two_products() {
    let lines = [
        said(0, "billing", "published", &json!({"request_id": id(1, 1), "run_id": "run-e258faeb8cce", "queue": "store", "job": 1})),
        said(1, "billing", "handling", &json!({"run_id": "run-e258faeb8cce", "queue": "store", "job": 1})),
        said(9, "billing", "done", &json!({"run_id": "run-e258faeb8cce", "queue": "store", "job": 1})),
        said(20, "writer", "handling", &json!({"queue": "store", "job": 1})),
        said(25, "writer", "published", &json!({"queue": "store", "job": 1, "msg_id": id(2, 9)})),
        said(29, "writer", "done", &json!({"queue": "store", "job": 1})),
    ];
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &id(1, 1)), [1, 2, 3]);
    let rows = bench.ok(&["search", "--json", "--data", "d", ""]);
    assert!(!rows.contains("\"1\""), "{rows}");
}

#[test]
fn what_a_services_lines_are_about_hands_over_what_is_named_once() {
    // Every hop knows its own id under a name of its own, and names the next hop's once.
    let mut lines = Vec::new();
    for n in 0..24 {
        let (call, task, at) = (id(3, n), id(2, n), n * 100);
        lines.push(said(at, "edge", "compose started", &json!({"operation.id": call})));
        lines.push(said(at + 1, "edge", "calling reviews", &json!({"operation.id": call, "task_id": task})));
        lines.push(said(at + 3, "reviews", "review begin", &json!({"request_id": task})));
        lines.push(said(at + 7, "reviews", "review end", &json!({"request_id": task})));
        lines.push(said(at + 9, "edge", "compose finished", &json!({"operation.id": call})));
    }
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &id(3, 7)), [36, 37, 38, 39, 40]);
    assert_eq!(document(&bench, &id(2, 7))["ids"][0]["value"], id(3, 7));
}

#[test]
fn a_bare_id_is_work_where_a_service_knows_no_other_and_an_entity_where_it_comes_back() {
    let (mut work, mut entity) = (Vec::new(), Vec::new());
    for n in 0..24 {
        let at = n * 1_000;
        for lines in [&mut work, &mut entity] {
            lines.push(said(at, "front", "calling text", &json!({"request_id": id(1, n), "downstream_id": id(7, n)})));
            lines.push(said(at + 1, "text", "processing", &json!({"id": id(7, n)})));
            lines.push(said(at + 5, "text", "calling words", &json!({"id": id(7, n), "downstream_id": id(8, n)})));
            lines.push(said(at + 9, "words", "begin", &json!({"request_id": id(8, n)})));
        }
        // An entity is touched again much later.
        entity.push(said(at + 20_000, "text", "touched", &json!({"id": id(7, n)})));
    }
    assert_eq!(numbers(&indexed(&work), &id(1, 3)), [13, 14, 15, 16]);
    let bench = indexed(&entity);
    assert!(!numbers(&bench, &id(1, 3)).contains(&19), "an entity's lines are nobody's: {:?}", numbers(&bench, &id(1, 3)));
}

#[test]
fn what_a_provider_calls_a_call_is_no_request() {
    let mut lines = Vec::new();
    for n in 0..24 {
        let (job, at) = (json!(n + 1), n * 1_000);
        lines.push(said(at, "api", "job enqueued", &json!({"correlationId": id(1, n), "queue": "summarise", "jobId": job})));
        lines.push(said(at + 2, "worker", "received", &json!({"queue": "summarise", "job": job})));
        let call = json!({"queue": "summarise", "job": job, "model": "claude-haiku-5-5", "provider": "anthropic", "requestId": format!("req_011C{n:020}"), "ms": 40});
        lines.push(said(at + 50, "worker", "model answered", &call));
        lines.push(said(at + 60, "worker", "done", &json!({"queue": "summarise", "job": job})));
    }
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &id(1, 5)), [21, 22, 23, 24]);
    let kinds: Vec<Value> = document(&bench, &id(1, 5))["ids"].as_array().unwrap().iter().map(|id| id["kind"].clone()).collect();
    assert_eq!(kinds, [json!("request"), json!("job"), json!("call")]);
}

#[test]
fn the_tools_a_model_asked_for_are_its_units() {
    let lines = [
        said(0, "api", "incoming request", &json!({"request_id": id(1, 1)})),
        said(9, "api", "model answered", &json!({"request_id": id(1, 1), "model": "claude-sonnet-5-5", "ms": 8, "toolCalls": ["toolu_01WkvhvHriV2eveI4RYL2B"]})),
        said(20, "api", "tool finished", &json!({"tool": "search_kb", "callId": "toolu_01WkvhvHriV2eveI4RYL2B", "ms": 9})),
        said(30, "api", "request completed", &json!({"request_id": id(1, 1), "status": 200})),
    ];
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &id(1, 1)), [1, 2, 3, 4]);
    assert_eq!(document(&bench, &id(1, 1))["ids"][1]["kind"], "tool");
}

#[test]
fn an_access_record_with_status_0_says_that_the_client_left() {
    let lines = [said(0, "edge", "handled request", &json!({"request_id": id(1, 1), "method": "POST", "path": "/ask", "status": 0, "duration_ms": 400}))];
    assert_eq!(document(&indexed(&lines), &id(1, 1))["state"], "client_disconnect");
    // A code of another protocol says that all went well.
    let lines = [said(0, "api", "finished call", &json!({"request_id": id(1, 1), "method": "/search.v1.Search/Ask", "status": 0, "duration_ms": 4}))];
    assert_eq!(document(&indexed(&lines), &id(1, 1))["state"], "ok");
}

#[test]
fn an_id_under_an_unknown_name_hands_over_neither_a_request_nor_what_began_long_before_or_is_claimed_twice() {
    let (job, deploy) = (id(2, 1), id(2, 2));
    let mut lines = vec![
        said(0, "worker", "job started", &json!({"job_id": job})),
        said(2_000, "worker", "job finished", &json!({"job_id": job, "duration_ms": 2000})),
        said(7_000, "api", "scheduled after the last", &json!({"request_id": id(1, 1), "lock_id": job})),
        said(7_100, "worker", "rollout started", &json!({"job_id": deploy})),
    ];
    for n in 2..5 {
        lines.push(said(7_000 + n, "api", "enqueued behind", &json!({"request_id": id(1, n), "rollout_id": deploy, "cached_from_id": id(1, n - 1)})));
    }
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &id(1, 1)), [3]);
    assert_eq!(numbers(&bench, &job), [1, 2]);
    assert_eq!((2..5).map(|n| numbers(&bench, &id(1, n))).collect::<Vec<_>>(), [[5], [6], [7]]);
}

#[test]
fn entities_that_came_before_and_come_after_join_no_requests() {
    let lines: Vec<String> = (0..6)
        .flat_map(|n| {
            let more = json!({"request_id": id(1, n), "previous": id(9, n), "new": id(9, n + 1), "origin": id(8, 1), "dispatched": id(8, 2)});
            [said(n * 100, "api", "request started", &json!({"request_id": id(1, n)})), said(n * 100 + 9, "api", "starting with a new owner", &more)]
        })
        .collect();
    assert_eq!(numbers(&indexed(&lines), &id(1, 2)), [5, 6]);
}

#[test]
fn a_call_that_a_later_turn_lists_again_stays_where_it_was_made() {
    let call = "toolu_01WkvhvHriV2eveI4RYL2B";
    let lines = [
        said(0, "api", "tool call finished", &json!({"request_id": id(1, 1), "tool": "search", "tool_call_id": call, "duration_ms": 20})),
        said(900, "api", "history loaded", &json!({"request_id": id(1, 2), "toolCalls": [call]})),
    ];
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &id(1, 1)), [1]);
    assert_eq!(numbers(&bench, &id(1, 2)), [2]);
}

#[test]
fn a_request_without_a_session_may_be_whose_session_line_it_is() {
    let mut lines = of_session(0, 1, "s_28b5e");
    lines.insert(1, said(2, "api", "incoming request", &json!({"request_id": id(1, 2)})));
    lines.push(said(20, "api", "request completed", &json!({"request_id": id(1, 2), "status": 200})));
    assert_eq!(numbers(&indexed(&lines), &id(1, 1)), [1, 4]);
}

#[test]
fn texts_that_look_like_a_task_runners_name_no_task() {
    let lines: Vec<String> = ["GET /x: 200 executed in 3s", "Executing statement: SELECT", "Requeueing 14, 2 retries"]
        .iter()
        .enumerate()
        .map(|(n, text)| said(n as u64, "api", text, &json!({"request_id": id(1, n as u64)})))
        .collect();
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &id(1, 1)), [2]);
    assert_eq!(document(&bench, &id(1, 1))["ids"].as_array().unwrap().len(), 1);
}

#[test]
fn a_job_that_failed_on_one_worker_and_ended_on_another_is_one() {
    let lines = [
        said(0, "api", "job enqueued", &json!({"request_id": id(1, 1), "queue": "mail", "job_id": 100})),
        said(5, "worker-1", "job started", &json!({"queue": "mail", "job_id": 100, "attempt": 1})),
        said(9, "worker-1", "job failed", &json!({"queue": "mail", "job_id": 100, "attempt": 1})),
        said(50, "worker-2", "job started", &json!({"queue": "mail", "job_id": 100, "attempt": 2})),
        said(60, "worker-2", "job finished", &json!({"queue": "mail", "job_id": 100, "attempt": 2})),
    ];
    assert_eq!(numbers(&indexed(&lines), &id(1, 1)), [1, 2, 3, 4, 5]);
}

fn answered(at_ms: u64, ids: &Value) -> String {
    let mut line = json!({"timestamp": instant(at_ms), "service": "edge", "method": "POST", "path": "/chat", "status": 200, "duration_ms": 40});
    line.as_object_mut().unwrap().extend(ids.as_object().cloned().unwrap());
    line.to_string()
}

#[test]
fn a_record_of_an_answer_is_of_the_request_whose_id_it_alone_holds_whatever_it_calls_it() {
    let (request, other) = (id(1, 1), id(1, 2));
    let lines = [
        said(2, "api", "chat asked", &json!({"request_id": request})),
        answered(42, &json!({"ray": request})),
        said(50, "api", "chat asked", &json!({"request_id": other})),
        // Which of two says it, no line tells; and what is no record of an answer may hold the id of anything.
        answered(91, &json!({"ray": other, "visitor": id(9, 1)})),
        said(92, "audit", "noted", &json!({"entry": other})),
        answered(130, &json!({"ray": id(8, 8)})),
    ];
    let bench = indexed(&lines);
    assert_eq!((numbers(&bench, &request), numbers(&bench, &other)), (vec![1, 2], vec![3]));
    assert_eq!(document(&bench, &request)["spans"][0]["kind"], "edge");
}

#[test]
fn small_numbers_under_a_name_that_may_mean_a_trace_join_nothing() {
    let lines: Vec<String> = (0..4).map(|n| answered(n * 900, &json!({"Tr": 2, "Tq": n}))).collect();
    let bench = indexed(&lines);
    assert_eq!(bench.ok(&["export", "--data", "d", "--format", "path-ndjson"]).lines().count(), 0);
}

#[test]
fn a_call_that_a_process_counts_is_known_by_its_number_and_one_that_a_request_counts_is_not() {
    let (request, other) = (id(1, 1), id(1, 2));
    let lines = [
        said(0, "gateway", "call accepted", &json!({"call": 40_006, "request_id": request})),
        said(90, "gateway", "upstream ok", &json!({"call": 40_006, "model": "gpt-4.1", "duration_ms": 88})),
        said(91, "gateway", "call finished", &json!({"call": 40_006, "status": 200})),
        said(200, "gateway", "call accepted", &json!({"call": 3, "request_id": other})),
        said(290, "gateway", "upstream ok", &json!({"call": 3, "model": "gpt-4.1", "duration_ms": 88})),
        // The process was started again and counts anew: of two requests that claim a number it is of neither.
        said(300, "gateway", "call accepted", &json!({"call": 70_001, "request_id": other})),
        said(310, "gateway", "call accepted", &json!({"call": 70_001, "request_id": id(1, 3)})),
        said(320, "gateway", "upstream ok", &json!({"call": 70_001, "model": "gpt-4.1", "duration_ms": 88})),
    ];
    let bench = indexed(&lines);
    assert_eq!((numbers(&bench, &request), numbers(&bench, &other)), (vec![1, 2, 3], vec![4, 6]));
    // That a call began does not leave the gateway's visit open.
    assert_eq!(document(&bench, &request)["marks"], json!([]));
}
