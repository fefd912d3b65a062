//! Servers that are called: which request or task asked them, what they call its id, how they count their calls, and what their attempts tell.

use crate::handover::{document, id, indexed, numbers, said};
use serde_json::{Value, json};

fn spans(document: &Value, kind: &str) -> Vec<Value> {
    document["spans"].as_array().unwrap().iter().filter(|span| span["kind"] == kind).cloned().collect()
}

fn interval(span: &Value) -> [&str; 2] {
    ["start", "end"].map(|end| span[end].as_str().unwrap().split('T').nth(1).unwrap().strip_suffix("000000Z").unwrap())
}

const ANSWER: &str = "chatcmpl-OcNbXuGIYf8P6eOuAdrYbIJNtthb";

/// A task that asks a gateway, which gives the request an id of its own and is told no other; `more` names the answer too.
fn asked(more: &[String]) -> Vec<String> {
    let (task, own) = (id(2, 1), "gw-408351618c7626eb");
    let mut lines = vec![
        said(0, "worker", "started", &json!({"task_id": task})),
        said(20, "gateway", "completion started", &json!({"req_id": own, "model": "gpt-4.1"})),
        said(520, "gateway", "completion finished", &json!({"req_id": own, "model": "gpt-4.1", "completion_id": ANSWER, "dur_ms": 500})),
        said(521, "gateway", "request", &json!({"req_id": own, "method": "POST", "path": "/v1/chat/completions", "status": 200, "dur_ms": 502})),
        said(530, "worker", &format!("turn 1 answered by gpt-4.1 ({ANSWER})"), &json!({"task_id": task})),
        said(600, "worker", "finished", &json!({"task_id": task})),
    ];
    lines.extend_from_slice(more);
    lines
}

#[test]
fn a_server_that_is_told_no_id_was_asked_by_whoever_names_its_answer_as_it_comes() {
    let bench = indexed(&asked(&[]));
    assert_eq!(numbers(&bench, &id(2, 1)), [1, 2, 3, 4, 5, 6]);
    let path = document(&bench, "gw-408351618c7626eb");
    let (run, visit, call) = (spans(&path, "task"), spans(&path, "app"), spans(&path, "model_call"));
    assert_eq!([run.len(), visit.len(), call.len()], [1, 1, 1]);
    assert_eq!((&visit[0]["parent"], &call[0]["parent"]), (&run[0]["id"], &visit[0]["id"]));
}

#[test]
fn who_names_an_answer_later_did_not_ask_for_it() {
    let task = id(2, 1);
    // A judge begins behind the answer; a report was at work all the time, and names it long after.
    let judged = [said(700, "judge", "started", &json!({"task_id": id(2, 2)})), said(710, "judge", &format!("scored {ANSWER}"), &json!({"task_id": id(2, 2)}))];
    assert_eq!(numbers(&indexed(&asked(&judged)), &id(2, 2)), [7, 8]);
    let mut reported = asked(&[]);
    reported.remove(4);
    reported.insert(0, said(0, "report", "started", &json!({"task_id": id(2, 3)})));
    reported.push(said(9_000, "report", &format!("counted {ANSWER}"), &json!({"task_id": id(2, 3)})));
    let bench = indexed(&reported);
    assert_eq!((numbers(&bench, &id(2, 3)), numbers(&bench, &task)), (vec![1, 7], vec![2, 6]));
    // Of two that name it in time nothing says which asked.
    let two = [said(0, "other", "started", &json!({"task_id": id(2, 4)})), said(531, "other", &format!("answered ({ANSWER})"), &json!({"task_id": id(2, 4)}))];
    let bench = indexed(&asked(&two));
    assert_eq!((numbers(&bench, &task), numbers(&bench, &id(2, 4))), (vec![1, 5, 6], vec![7, 8]));
}

#[test]
fn a_server_stays_with_its_caller_whatever_is_told_of_its_answer_later() {
    let feedback = [
        said(40_000, "api", "feedback stored", &json!({"request_id": id(1, 7), "completion_id": ANSWER})),
        said(40_001, "api", "request", &json!({"request_id": id(1, 7), "method": "POST", "path": "/feedback", "status": 200, "duration_ms": 3})),
    ];
    let bench = indexed(&asked(&feedback));
    assert_eq!((numbers(&bench, &id(2, 1)), numbers(&bench, &id(1, 7))), (vec![1, 2, 3, 4, 5, 6], vec![7, 8]));
    // What no model answered was no server of one: a receipt of the answer is not below who got it.
    let mut receipts = asked(&[]);
    receipts.push(said(540, "events", "answer rendered", &json!({"request_id": id(1, 8), "completion_id": ANSWER})));
    receipts.push(said(541, "events", "request", &json!({"request_id": id(1, 8), "method": "POST", "path": "/rendered", "status": 204, "duration_ms": 2})));
    let bench = indexed(&receipts);
    assert_eq!((numbers(&bench, &id(2, 1)), numbers(&bench, &id(1, 8))), (vec![1, 2, 3, 4, 5, 6], vec![7, 8]));
    // The next turn speaks of the last answer as it begins, by a clock that is behind: it had not waited for it.
    let turn = [
        said(10, "chat", "conversation goes on", &json!({"request_id": id(1, 9), "completion_id": ANSWER})),
        said(900, "chat", "request", &json!({"request_id": id(1, 9), "method": "POST", "path": "/chat", "status": 200, "duration_ms": 890})),
    ];
    let mut lines = asked(&turn);
    lines.remove(4);
    assert_eq!(numbers(&indexed(&lines), &id(1, 9)), [6, 7]);
}

/// A task whose id a text of the request tells, and which others ask about.
fn queued(more: &[String]) -> [Vec<u64>; 2] {
    let (request, task, poll) = (id(1, 1), id(2, 1), id(1, 2));
    let path = format!("/api/tasks/{task}");
    let mut lines = vec![
        said(0, "api", &format!("queued cv.parse {task} for candidate 4181"), &json!({"request_id": request})),
        said(1, "api", "POST /api/candidates 202 68 4ms", &json!({"request_id": request})),
        said(9, "worker", "task received", &json!({"task_id": task})),
        said(20, "gateway", "request started", &json!({"req_id": task, "method": "POST", "path": "/v1/chat/completions"})),
        said(90, "gateway", "request", &json!({"req_id": task, "method": "POST", "path": "/v1/chat/completions", "status": 200, "dur_ms": 71})),
        said(100, "worker", "task succeeded", &json!({"task_id": task})),
        said(
            300,
            "edge",
            "access",
            &json!({"request_id": poll, "method": "GET", "path": path, "status": 200, "ttms": 8, "traceparent": "00-2abd0bb45c2edffedb6a3e22207d4f46-7caed8ae434c34f8-01"}),
        ),
        said(301, "api", &format!("task {task} is parsed"), &json!({"request_id": poll})),
        said(302, "api", &format!("GET {path} 200 62 3ms"), &json!({"request_id": poll})),
    ];
    lines.extend_from_slice(more);
    let bench = indexed(&lines);
    [numbers(&bench, &request), numbers(&bench, &poll)]
}

#[test]
fn a_task_that_a_text_hands_over_is_its_requests_whoever_asks_about_it_later() {
    assert_eq!(queued(&[]), [vec![1, 2, 3, 4, 5, 6], vec![7, 8, 9]]);
    // Its worker knows better.
    let stated = said(8, "worker", "task for request", &json!({"task_id": id(2, 1), "parent_request_id": id(1, 9)}));
    assert_eq!(queued(&[stated])[0], [1, 2]);
}

#[test]
fn a_server_that_is_told_the_id_of_a_task_is_visited_inside_its_run() {
    let (request, task) = (id(1, 1), id(2, 1));
    let lines = [
        said(0, "api", "task enqueued", &json!({"request_id": request, "task_id": task})),
        said(9, "worker", "task started", &json!({"task_id": task})),
        said(20, "gateway", "request started", &json!({"req_id": task, "method": "POST", "path": "/v1/chat/completions"})),
        said(95, "gateway", "request", &json!({"req_id": task, "method": "POST", "path": "/v1/chat/completions", "status": 200, "dur_ms": 75})),
        said(99, "gateway", "flushed", &json!({"req_id": task})),
        said(100, "gateway", "flushed again", &json!({"req_id": task})),
        said(100, "worker", "task finished", &json!({"task_id": task})),
    ];
    let path = document(&indexed(&lines), &request);
    let (run, visit) = (spans(&path, "task"), spans(&path, "app"));
    assert_eq!(run.iter().map(interval).collect::<Vec<_>>(), [["09:00:00.009", "09:00:00.100"]]);
    assert_eq!(
        visit.iter().filter(|v| v["service"] == "gateway").map(|v| (interval(v), v["parent"].clone())).collect::<Vec<_>>(),
        [(["09:00:00.020", "09:00:00.095"], run[0]["id"].clone())]
    );
}

#[test]
fn waits_between_the_tries_of_a_server_that_a_task_asked_are_waits_of_the_whole() {
    let (request, task) = (id(1, 1), id(2, 1));
    let failed = said(150, "gateway", "upstream failed, retrying", &json!({"call_id": "gw_SqpomvuxRKo81", "attempt": 1, "status": 503, "backoff_ms": 200}));
    let lines = [
        said(0, "api", "task enqueued", &json!({"request_id": request, "task_id": task})),
        said(1, "api", "request", &json!({"request_id": request, "method": "POST", "path": "/jobs", "status": 202, "duration_ms": 2})),
        said(100, "worker", "task started", &json!({"task_id": task})),
        said(120, "gateway", "completion started", &json!({"req_id": task, "call_id": "gw_SqpomvuxRKo81", "model": "gpt-4.1"})),
        failed.replace(r#""level":"info""#, r#""level":"warn""#),
        said(500, "gateway", "completion finished", &json!({"req_id": task, "call_id": "gw_SqpomvuxRKo81", "model": "gpt-4.1", "dur_ms": 380})),
        said(501, "gateway", "request", &json!({"req_id": task, "method": "POST", "path": "/v1/chat/completions", "status": 200, "dur_ms": 381})),
        said(520, "worker", "task finished", &json!({"task_id": task})),
    ];
    let path = document(&indexed(&lines), &request);
    let by_kind = |kind: &str| path["completion"]["by_kind_ns"][kind].as_i64();
    assert_eq!((by_kind("retry_wait"), by_kind("model_call")), (Some(200_000_000), Some(180_000_000)));
}

/// Calls of a gateway that counts them: three lines each, of which only the first and the last name the request.
fn counted(number: impl Fn(u64) -> u64) -> Vec<String> {
    let of = |n: u64| {
        let (at, request, call) = (n * 1_000, id(1, n), number(n));
        [
            said(at, "gateway", "completion started", &json!({"req_id": request, "call": call, "model": "gpt-4.1"})),
            said(at + 40, "gateway", "upstream slow", &json!({"call": call})),
            said(
                at + 90,
                "gateway",
                "completion finished",
                &json!({"req_id": request, "call": call, "model": "gpt-4.1-2025-04-14", "completion_id": format!("chatcmpl-{:028}", n + 7_000_000_000), "dur_ms": 90}),
            ),
        ]
    };
    (0..24).flat_map(of).collect()
}

#[test]
fn short_numbers_of_calls_are_ids_where_the_process_counts_them_all() {
    let bench = indexed(&counted(|n| n + 1));
    assert_eq!(numbers(&bench, &id(1, 4)), [13, 14, 15]);
    // The number and the provider's name are one call.
    let path = document(&bench, &id(1, 4));
    assert_eq!(spans(&path, "model_call").iter().map(interval).collect::<Vec<_>>(), [["09:00:04.000", "09:00:04.090"]]);
    assert_eq!((&path["models"], &path["marks"]), (&json!(["gpt-4.1-2025-04-14"]), &json!([])));
    // Which call of its request it is, or of its process that counts to ten, is nobody's name.
    assert_eq!(numbers(&indexed(&counted(|n| n % 2 + 1)), &id(1, 4)), [13, 15]);
    assert_eq!(numbers(&indexed(&counted(|n| n % 10)), &id(1, 4)), [13, 15]);
}

#[test]
fn a_number_that_a_process_counted_twice_is_nobodys() {
    let of = |n: u64| {
        let call = n % 60 + 1;
        [
            said(n * 1_000, "gateway", "completion started", &json!({"req_id": id(1, n), "call": call})),
            said(n * 1_000 + 40, "gateway", "completion finished", &json!({"call": call})),
        ]
    };
    // Of sixty calls one more came after a start.
    let bench = indexed(&(0..61).flat_map(of).collect::<Vec<_>>());
    assert_eq!((numbers(&bench, &id(1, 0)), numbers(&bench, &id(1, 1)), numbers(&bench, &id(1, 60))), (vec![1], vec![3, 4], vec![121]));
    let exported = bench.ok(&["export", "--data", "d", "--format", "path-ndjson"]);
    assert_eq!(exported.lines().filter(|line| line.contains(":122\"")).count(), 0, "the second end of call 1 stands on no page");
}

#[test]
fn attempts_follow_each_other_behind_the_waits_that_are_told_and_a_fallback_is_told_between_them() {
    let (request, call) = (id(1, 1), "gw_SqpomvuxRKo81");
    let failed = |at: u64, provider: &str, attempt: u64, backoff: Option<u64>| {
        let mut more = json!({"call_id": call, "provider": provider, "attempt": attempt, "status": 503});
        if let Some(ms) = backoff {
            more["backoff_ms"] = ms.into();
        }
        let line = said(at, "gateway", if backoff.is_some() { "upstream failed, retrying" } else { "upstream failed" }, &more);
        line.replace(r#""level":"info""#, r#""level":"warn""#)
    };
    let lines = [
        said(0, "gateway", "completion started", &json!({"request_id": request, "call_id": call, "model": "gpt-4.1", "prompt": "screen@3"})),
        failed(30, "openai", 1, Some(200)),
        failed(260, "openai", 2, None),
        said(260, "gateway", "falling back", &json!({"request_id": request, "call_id": call, "from": "gpt-4.1", "to": "mistral-large"})),
        failed(290, "mistral", 1, Some(100)),
        said(600, "gateway", "completion finished", &json!({"request_id": request, "call_id": call, "model": "mistral-large", "dur_ms": 600})),
        said(601, "gateway", "request", &json!({"request_id": request, "method": "POST", "path": "/v1/chat", "status": 200, "dur_ms": 601})),
    ];
    let path = document(&indexed(&lines), &request);
    let times = |kind: &str| spans(&path, kind).iter().map(|span| interval(span).map(str::to_owned)).collect::<Vec<_>>();
    let at = |from: &str, to: &str| [from.to_owned(), to.to_owned()];
    assert_eq!(
        times("model_call"),
        [at("09:00:00.000", "09:00:00.030"), at("09:00:00.230", "09:00:00.260"), at("09:00:00.260", "09:00:00.290"), at("09:00:00.390", "09:00:00.600")]
    );
    assert_eq!(times("retry_wait"), [at("09:00:00.030", "09:00:00.230"), at("09:00:00.290", "09:00:00.390")]);
    let verdict = &path["verdict"];
    assert_eq!((&verdict["fallback_from"], &verdict["fallback_to"], &verdict["degraded"]), (&json!("gpt-4.1"), &json!("mistral-large"), &json!(true)));
    assert_eq!((&verdict["retries"], &path["prompt_versions"]), (&json!(2), &json!(["screen@3"])));
}

#[test]
fn what_falls_back_from_one_place_to_another_is_no_model() {
    let request = id(1, 1);
    let failed = said(30, "gateway", "upstream failed", &json!({"request_id": request, "call_id": "gw_SqpomvuxRKo81", "model": "gpt-4o", "attempt": 1, "status": 503}));
    let lines = [
        failed.replace(r#""level":"info""#, r#""level":"warn""#),
        said(31, "gateway", "region failover", &json!({"request_id": request, "call_id": "gw_SqpomvuxRKo81", "from": "eu-west", "to": "us-east"})),
        said(600, "gateway", "completion finished", &json!({"request_id": request, "call_id": "gw_SqpomvuxRKo81", "model": "gpt-4o", "attempt": 2, "dur_ms": 560})),
    ];
    let verdict = document(&indexed(&lines), &request)["verdict"].clone();
    assert_eq!((&verdict["retries"], verdict.get("fallback_from").filter(|from| !from.is_null())), (&json!(1), None));
}

#[test]
fn an_answer_that_says_that_work_was_queued_ended_when_it_was_written() {
    let request = id(1, 1);
    let lines = [
        said(0, "edge", "access", &json!({"request_id": request, "method": "POST", "path": "/reviews", "status": 202, "duration_ms": 20})),
        said(0, "api", "auth checked", &json!({"request_id": request})),
        said(9, "api", "review queued", &json!({"request_id": request, "method": "POST", "path": "/reviews", "status": 202, "duration_ms": 10})),
    ];
    let path = document(&indexed(&lines), &request);
    assert_eq!(spans(&path, "app").iter().map(interval).collect::<Vec<_>>(), [["08:59:59.999", "09:00:00.009"]]);
}

#[test]
fn an_answer_that_its_caller_finds_not_to_fit_failed_and_was_asked_for_again_in_vain() {
    let (request, other) = (id(1, 1), "chatcmpl-skzoaSs4tBwEx8aX8ILYfXPJLxnv");
    let finished = |at: u64, answer: &str| {
        said(at, "gateway", "completion finished", &json!({"request_id": request, "model": "gpt-4.1-mini", "prompt": "screen@4", "completion_id": answer, "duration_ms": 300}))
    };
    let complaint = |text: &str| {
        said(310, "api", text, &json!({"request_id": request, "completion": ANSWER, "error": "score must be a number"})).replace(r#""level":"info""#, r#""level":"warn""#)
    };
    let retries = |text: &str| {
        let answered = said(640, "api", "request", &json!({"request_id": request, "method": "POST", "path": "/api/screen", "status": 200, "duration_ms": 640}));
        let path = document(&indexed(&[finished(300, ANSWER), complaint(text), finished(620, other), answered]), &request);
        (path["verdict"]["retries"].clone(), path["verdict"]["retry_class"].clone())
    };
    assert_eq!(retries("answer does not match schema"), (json!(1), json!("semantic")));
    assert_eq!(retries("answer took longer than usual"), (json!(0), json!("none")));
}

#[test]
fn a_read_of_a_store_is_no_write_and_holds_nothing_that_comes_behind_it() {
    let request = id(1, 1);
    let lines = [
        said(0, "api", "request started", &json!({"request_id": request, "method": "POST", "path": "/ask"})),
        said(9, "api", "db select", &json!({"request_id": request, "table": "documents", "duration_ms": 5})),
        said(90, "api", "completion", &json!({"request_id": request, "model": "gpt-4.1", "duration_ms": 70})),
        said(99, "api", "db insert", &json!({"request_id": request, "table": "answers", "duration_ms": 4})),
        said(100, "api", "request finished", &json!({"request_id": request, "status": 200, "duration_ms": 100})),
    ];
    let path = document(&indexed(&lines), &request);
    let (app, steps) = (spans(&path, "app"), ["other", "model_call", "db_write"].map(|kind| spans(&path, kind)));
    assert_eq!(steps.iter().map(|of| of.iter().map(|s| s["name"].clone()).collect::<Vec<_>>()).collect::<Vec<_>>(), [[json!("documents")], [json!("gpt-4.1")], [json!("answers")]]);
    assert!(steps.iter().flatten().all(|step| step["parent"] == app[0]["id"]));
}

#[test]
fn the_slower_of_two_calls_that_is_called_off_fails_nothing() {
    let (request, call) = (id(1, 1), "call_5f0a3c2d71b94e88");
    let hedged = |last: &str, more: Value| {
        let mut told = json!({"request_id": request, "call_id": call, "model": "gpt-4o"});
        told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let lines = [
            said(0, "api", "request received", &json!({"request_id": request, "method": "POST", "path": "/ask"})),
            said(50, "gateway", "completion started", &json!({"request_id": request, "call_id": call, "model": "gpt-4o"})),
            said(350, "gateway", "hedging, second request sent", &json!({"request_id": request, "call_id": call})),
            said(800, "gateway", "completion finished", &json!({"request_id": request, "call_id": call, "model": "gpt-4o", "completion_id": ANSWER, "dur_ms": 450})),
            said(900, "gateway", last, &told),
            said(1_000, "api", "request completed", &json!({"request_id": request, "method": "POST", "path": "/ask", "status": 200, "duration_ms": 1_000})),
        ];
        let path = document(&indexed(&lines), &request);
        (path["state"].as_str().unwrap().to_owned(), spans(&path, "app")[1]["outcome"].as_str().unwrap().to_owned())
    };
    let outcome = |state: &str, outcome: &str| (state.to_owned(), outcome.to_owned());
    assert_eq!(hedged("completion cancelled", json!({})), outcome("ok", "cancelled"));
    assert_eq!(hedged("completion canceled", json!({"error": "context canceled"})), outcome("ok", "cancelled"));
    assert_eq!(hedged("completion failed", json!({})), outcome("failed", "error"));
    assert_eq!(hedged("completion cancelled after timeout", json!({"error": "deadline exceeded"})).1, "timeout");
}
