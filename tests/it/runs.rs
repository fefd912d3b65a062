//! Runs of a job: which lines are of which, what is another delivery and what is no more than a step tried again, and how long each is known to have run.

use crate::handover::{document, id, indexed, said};
use crate::sdk::{REQUEST, answered, ms, noted, only, path, step, steps};
use serde_json::{Value, json};

#[test]
fn what_a_worker_says_of_the_request_while_it_runs_its_task_is_of_the_run() {
    let work = [
        noted(30, "info", "contract loaded"),
        said(
            530,
            "worker",
            "extraction received",
            &json!({"request_id": REQUEST, "completion_id": "chatcmpl-AQ22IkVe5MR0gMp4kJeYyImBIi", "model": "gpt-4.1", "input_tokens": 1500, "output_tokens": 464, "duration_ms": 480}),
        ),
        said(545, "worker", "obligations stored", &json!({"request_id": REQUEST, "table": "obligations", "operation": "insert", "duration_ms": 9})),
    ];
    let path = path(&work, 550);
    // The one visit is the request's own.
    assert_eq!(only(&path, "app")["service"], "api");
    let run = only(&path, "task");
    assert!(run["lines"].as_array().unwrap().contains(&json!("all.log:5")), "{run}");
    // "received" takes nothing off a queue: the length that is told ends there.
    assert_eq!(steps(&path), [step("model_call", "gpt-4.1", 50, 530, "ok"), step("db_write", "obligations", 536, 545, "ok")]);
    assert_eq!([&only(&path, "model_call")["parent"], &only(&path, "db_write")["parent"]], [&run["id"], &run["id"]]);
}

#[test]
fn a_service_that_serves_the_request_too_keeps_its_lines() {
    // The same service answers the request and runs the task: what it says is of either.
    let task = id(2, 1);
    let lines = [
        said(0, "app", "request started", &json!({"request_id": REQUEST, "method": "POST", "path": "/contracts"})),
        said(4, "app", "job started", &json!({"request_id": REQUEST, "job_id": task})),
        said(8, "app", "contract loaded", &json!({"request_id": REQUEST})),
        said(12, "app", "request finished", &json!({"request_id": REQUEST, "method": "POST", "path": "/contracts", "status": 202, "duration_ms": 12})),
        said(50, "app", "job finished", &json!({"request_id": REQUEST, "job_id": task})),
    ];
    let path = document(&indexed(&lines), REQUEST);
    assert!(only(&path, "app")["lines"].as_array().unwrap().contains(&json!("all.log:3")), "{path}");
}

#[test]
fn a_delivery_that_is_counted_is_no_retry_where_nothing_failed() {
    let (task, both) = (id(2, 1), |attempt: u64| json!({"request_id": REQUEST, "job": {"id": id(2, 1), "attempt": attempt}}));
    let lines = |failed: bool| {
        let mut lines = vec![
            said(0, "api", "job enqueued", &json!({"request_id": REQUEST, "job_id": task})),
            said(10, "worker", "job started", &both(1)),
            said(20_000, "worker", "job started", &both(2)),
            said(20_100, "worker", "job finished", &both(2)),
        ];
        if failed {
            lines.insert(
                2,
                said(50, "worker", "job failed (Overloaded), next attempt in 20 s", &json!({"request_id": REQUEST, "job": {"id": task, "attempt": 1}, "level": "warning"})),
            );
        }
        document(&indexed(&lines), REQUEST)
    };
    let (lost, failed) = (lines(false), lines(true));
    assert_eq!((&lost["verdict"]["retries"], &lost["verdict"]["duplicate_delivery"]), (&json!(0), &json!(true)));
    assert_eq!((&failed["verdict"]["retries"], &failed["verdict"]["duplicate_delivery"]), (&json!(1), &json!(false)));
}

#[test]
fn a_run_in_which_a_model_failed_was_tried_again_and_not_delivered_again() {
    let both = |attempt: u64| json!({"request_id": REQUEST, "job": {"id": id(2, 1), "attempt": attempt}});
    let lines = [
        said(0, "api", "job enqueued", &json!({"request_id": REQUEST, "job_id": id(2, 1)})),
        said(10, "worker", "job started", &both(1)),
        answered(200, "chat/completions", "429 Too Many Requests"),
        said(4_000, "worker", "job started", &both(2)),
        said(4_100, "worker", "job finished", &both(2)),
    ];
    let path = document(&indexed(&lines), REQUEST);
    assert_eq!((&path["verdict"]["retries"], &path["verdict"]["duplicate_delivery"]), (&json!(1), &json!(false)));
}

#[test]
fn pods_of_one_name_in_one_log_keep_their_lines() {
    let (task, pod) = (id(2, 1), |host: &str, more: Value| {
        let mut told = json!({"request_id": REQUEST, "host": host});
        told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        told
    });
    let lines = [
        said(0, "app", "request started", &pod("web-1", json!({"method": "POST", "path": "/ask"}))),
        said(10, "app", "task queued", &pod("web-1", json!({"job_id": task}))),
        said(20, "app", "task started", &pod("work-1", json!({"job_id": task}))),
        said(30, "app", "composing answer", &pod("web-1", json!({}))),
        said(1_300, "app", "answer sent", &pod("web-1", json!({}))),
        said(2_000, "app", "task finished", &pod("work-1", json!({"job_id": task}))),
    ];
    let path = document(&indexed(&lines), REQUEST);
    assert!(only(&path, "app")["lines"].as_array().unwrap().contains(&json!("all.log:5")), "{path}");
}

#[test]
fn a_model_that_is_called_again_and_again_in_a_run_is_no_second_delivery() {
    let call = |at: u64, n: u64| {
        let both = json!({"request_id": REQUEST, "job_id": id(2, 1), "model": "gpt-4.1"});
        let ends =
            json!({"request_id": REQUEST, "job_id": id(2, 1), "model": "gpt-4.1", "completion_id": format!("chatcmpl-{}", id(6, n)), "output_tokens": 5, "duration_ms": 200});
        [said(at, "worker", "calling model", &both), said(at + 200, "worker", "model call finished", &ends)]
    };
    let path = path(&[call(30, 1), call(300, 2), call(600, 3)].concat(), 900);
    assert_eq!((&only(&path, "task")["name"], &path["verdict"]["duplicate_delivery"]), (&json!("task"), &json!(false)));
    assert_eq!(steps(&path).len(), 3);
}

#[test]
fn a_delivery_that_is_left_alone_since_the_job_was_done_is_a_run_of_its_own() {
    let task = id(2, 1);
    let of = |at: u64, service: &str, message: &str| said(at, service, message, &json!({"request_id": REQUEST, "job_id": task, "kind": "extract"}));
    let lines = [of(0, "api", "job queued"), of(20, "worker", "job started"), of(500, "worker", "job done"), of(4_500, "worker", "job is done already, skipping")];
    let path = document(&indexed(&lines), REQUEST);
    let runs: Vec<_> =
        path["spans"].as_array().unwrap().iter().filter(|span| span["kind"] == "task").map(|run| (run["name"].as_str().unwrap(), ms(run, "start"), ms(run, "end"))).collect();
    assert_eq!(runs, [("extract", 20, 500), ("extract", 4_500, 4_500)]);
    assert_eq!(path["verdict"]["duplicate_delivery"], true);
}

#[test]
fn what_another_worker_found_stalled_is_known_to_have_run_only_as_long_as_its_own_worker_was_heard_of() {
    let task = id(2, 1);
    let of = |at: u64, host: &str, message: &str| said(at, "worker", message, &json!({"request_id": REQUEST, "job_id": task, "host": host}));
    let lines = [
        of(0, "a", "job queued"),
        of(20, "a", "job started"),
        of(60, "a", "document loaded"),
        of(7_200, "b", "job stalled, put back into the queue"),
        of(7_210, "a", "job started"),
        of(7_900, "a", "job done"),
    ];
    let path = document(&indexed(&lines), REQUEST);
    let runs: Vec<_> = path["spans"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|span| span["kind"] == "task")
        .map(|run| (ms(run, "start"), ms(run, "end"), run["evidence"].as_str().unwrap(), run["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(runs, [(20, 60, "observed", "unknown"), (7_210, 7_900, "paired", "ok")]);
}

#[test]
fn attempts_of_a_model_are_no_runs_of_the_job_that_makes_them() {
    let ask = |at: u64, attempt: u64, message: &str, more: &Value| {
        let mut all = json!({"request_id": REQUEST, "job_id": id(2, 1), "llm": "gpt-4.1", "try": attempt});
        all.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        said(at, "worker", message, &all)
    };
    let work = [
        ask(30, 1, "llm request", &json!({})),
        ask(60, 1, "llm request failed with 503", &json!({"level": "warn", "http_status": 503, "took_ms": 30})),
        ask(560, 2, "llm request", &json!({})),
        ask(900, 2, "llm response", &json!({"completion": "chatcmpl-AQ22IkVe5MR0gMp4kJeYyImBIi", "in_tokens": 860, "out_tokens": 696, "took_ms": 340})),
    ];
    let path = path(&work, 910);
    let run = only(&path, "task");
    assert_eq!((ms(run, "start"), ms(run, "end"), &path["verdict"]["duplicate_delivery"], &path["verdict"]["retries"]), (20, 910, &json!(false), &json!(1)));
    let want = [step("model_call", "gpt-4.1", 30, 60, "error"), step("retry_wait", "retry wait before gpt-4.1", 60, 560, "ok"), step("model_call", "gpt-4.1", 560, 900, "ok")];
    assert_eq!(steps(&path), want);
}

#[test]
fn of_two_runs_at_once_each_has_the_lines_of_its_number() {
    let of = |at: u64, run: u64, message: &str| said(at, "worker", message, &json!({"request_id": REQUEST, "task": id(2, 1), "kind": "triage", "run": run}));
    let lines = [of(20, 1, "job started"), of(90, 2, "job started"), of(430, 2, "job done"), of(580, 1, "job done")];
    let path = document(&indexed(&lines), REQUEST);
    let mut runs: Vec<_> =
        path["spans"].as_array().unwrap().iter().filter(|span| span["kind"] == "task").map(|run| (run["attempt"].as_u64().unwrap(), ms(run, "start"), ms(run, "end"))).collect();
    runs.sort_unstable();
    assert_eq!((runs, &path["verdict"]["duplicate_delivery"]), (vec![(1, 20, 580), (2, 90, 430)], &json!(true)));
}

#[test]
fn work_that_a_second_delivery_did_is_done_though_the_first_gave_up_behind_it() {
    let of = |at: u64, run: u64, level: &str, message: &str| said(at, "worker", message, &json!({"request_id": REQUEST, "job_id": id(2, 1), "attempt": run, "level": level}));
    let lines =
        [of(20, 1, "info", "job received"), of(4_000, 2, "info", "job received"), of(4_500, 2, "info", "job done"), of(6_000, 1, "warn", "job failed, will be tried again")];
    let path = document(&indexed(&lines), REQUEST);
    assert_eq!((&path["state"], &path["verdict"]["duplicate_delivery"]), (&json!("ok"), &json!(true)), "{path:#}");
}

#[test]
fn what_is_skipped_within_a_run_ends_none() {
    let task = id(2, 1);
    let of = |at: u64, message: &str| said(at, "worker", message, &json!({"request_id": REQUEST, "job_id": task}));
    for skipped in ["chunk 3 already processed, skipping", "ignoring duplicate page 3", "job part already done, skipping"] {
        let lines = [of(20, "job started"), of(60, "file downloaded"), of(70, skipped), of(300, "vectors upserted"), of(400, "job completed")];
        let path = document(&indexed(&lines), REQUEST);
        let run = only(&path, "task");
        assert_eq!((ms(run, "start"), ms(run, "end"), &path["verdict"]["duplicate_delivery"]), (20, 400, &json!(false)), "{skipped}");
    }
    for again in ["duplicate delivery ignored", "already processed, skipping"] {
        let lines = [of(20, "job started"), of(400, "job completed"), of(4_400, again), of(4_401, again)];
        let path = document(&indexed(&lines), REQUEST);
        let runs: Vec<_> = path["spans"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|span| span["kind"] == "task")
            .map(|run| (ms(run, "start"), ms(run, "end"), run["outcome"].as_str().unwrap()))
            .collect();
        assert_eq!((runs, &path["state"]), (vec![(20, 400, "ok"), (4_400, 4_401, "ok")], &json!("ok")), "{again}");
    }
}

#[test]
fn a_delivery_that_another_worker_begins_in_its_own_words_is_another() {
    let of = |at: u64, message: &str| said(at, "worker", message, &json!({"request_id": REQUEST, "job_id": id(2, 1)}));
    let lines = [of(20, "worker host-1 started job"), of(3_000, "worker host-2 started job"), of(3_300, "worker host-2 started job"), of(3_400, "job finished")];
    let path = document(&indexed(&lines), REQUEST);
    assert_eq!((path["spans"].as_array().unwrap().iter().filter(|span| span["kind"] == "task").count(), &path["verdict"]["duplicate_delivery"]), (2, &json!(true)));
}
