//! Jobs that go by two names: the number of a row beside the id that a queue gave it, known each to other lines; answers that two writers of one service
//! tell of.

use crate::handover::{document, id, indexed, said};
use serde_json::{Value, json};

fn request(n: u64) -> String {
    id(1, n)
}

/// A request that queues job number `n` under the task id of its queue.
fn queued(n: u64, at_ms: u64) -> Vec<String> {
    let (request, task) = (request(n), id(2, n));
    vec![
        said(at_ms, "api", "request started", &json!({"request_id": request, "method": "POST", "path": "/reviews"})),
        said(at_ms + 8, "api", "job queued", &json!({"request_id": request, "job_no": 4_200 + n, "task_id": task})),
        said(at_ms + 9, "api", "request finished", &json!({"request_id": request, "method": "POST", "path": "/reviews", "status": 202, "duration_ms": 9})),
    ]
}

/// A run of it: the library's line bears the task id, the worker's own the number.
fn run(n: u64, service: &str, at_ms: u64, end: &str) -> Vec<String> {
    let own = json!({"correlation_id": request(n), "job_no": 4_200 + n});
    vec![
        said(at_ms, service, &format!("Executing task reviews.classify with ID: {}", id(2, n)), &json!({})),
        said(at_ms + 2, service, "job started", &own),
        said(at_ms + 300, service, end, &own),
    ]
}

fn spans<'p>(path: &'p Value, kind: &str) -> Vec<&'p Value> {
    path["spans"].as_array().unwrap().iter().filter(|span| span["kind"] == kind).collect()
}

fn proofs(path: &Value) -> Vec<(String, String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    path["ids"].as_array().unwrap().iter().map(|id| (word(&id["value"]), word(&id["proof"]["rule"]), word(&id["proof"]["parent"]))).collect()
}

#[test]
fn a_number_and_the_id_of_its_queue_are_one_job_and_each_keeps_its_proof() {
    let lines: Vec<String> = (0..30).flat_map(|n| [queued(n, n * 1_000), run(n, "worker", n * 1_000 + 20, "job finished")].concat()).collect();
    let path = document(&indexed(&lines), &request(7));
    let (tasks, waits) = (spans(&path, "task"), spans(&path, "queue_wait"));
    assert_eq!((tasks.len(), waits.len(), &path["state"]), (1, 1, &json!("ok")), "{path:#}");
    assert_eq!(tasks[0]["name"], "reviews.classify");
    assert_eq!(tasks[0]["lines"], json!(["all.log:46", "all.log:47", "all.log:48"]));
    let (request, task) = (format!("request:{}", request(7)), format!("task:{}", id(2, 7)));
    let proved = proofs(&path);
    assert!(proved.contains(&(id(2, 7), "stated_root".into(), request.clone())), "{proved:?}");
    // Each log's own number: below the task beside which it was queued, and below the request that the worker names with it.
    assert_eq!(
        proved.iter().filter(|(value, ..)| value == "4207").map(|(_, rule, parent)| (&**rule, parent)).collect::<Vec<_>>(),
        [("stated_root", &request), ("hand_over", &task)]
    );
}

#[test]
fn a_number_that_hundreds_of_logs_speak_of_is_that_of_one_job() {
    let mut lines: Vec<String> = (0..30).flat_map(|n| [queued(n, n * 1_000), run(n, "worker", n * 1_000 + 20, "job finished")].concat()).collect();
    let own = json!({"correlation_id": request(7), "job_id": 4_207});
    lines.extend((0..300).map(|n| said(7_040 + n / 2, &format!("desk{n}"), "contract looked at", &own)));
    let path = document(&indexed(&lines), &request(7));
    let runs: Vec<(&Value, &Value, &Value)> = spans(&path, "task").iter().map(|run| (&run["service"], &run["name"], &run["outcome"])).collect();
    assert_eq!(runs, [(&json!("worker"), &json!("reviews.classify"), &json!("ok"))]);
    // Each log's own name of it keeps the scope in which that counts.
    let scopes = path["ids"].as_array().unwrap().iter().filter(|id| id["value"] == "4207").map(|id| id["scope"].as_str().unwrap()).collect::<std::collections::BTreeSet<_>>();
    assert_eq!((scopes.len(), scopes.contains("service=desk299")), (302, true));
}

#[test]
fn a_worker_that_never_says_when_it_is_done_leaves_no_request_unfinished() {
    let told = |n: u64| [queued(n, n * 100), run(n, "worker", n * 100 + 20, "").into_iter().take(1).collect()].concat();
    let state = |requests: u64| {
        let path = document(&indexed(&(0..requests).flat_map(told).collect::<Vec<_>>()), &request(7));
        (path["state"].as_str().unwrap().to_owned(), path["verdict"]["sentence"].as_str().unwrap().to_owned())
    };
    assert_eq!(state(250), ("ok".into(), "Answered in 9.00 ms. Work was last seen after 20.0 ms; the longest wait was 12.0 ms for reviews.classify.".into()));
    // So few may all hang.
    assert_eq!(state(150).0, "unfinished");
}

#[test]
fn runs_of_one_number_in_two_workers_are_runs_of_one_job() {
    let again = |n: u64| [queued(n, n * 5_000), run(n, "worker-1", n * 5_000 + 20, "job failed, will be retried"), run(n, "worker-2", n * 5_000 + 2_000, "job finished")].concat();
    let lines: Vec<String> = (0..30).flat_map(again).collect();
    let path = document(&indexed(&lines), &request(3));
    let runs: Vec<(&Value, &Value)> = spans(&path, "task").iter().map(|run| (&run["service"], &run["outcome"])).collect();
    assert_eq!(runs, [(&json!("worker-1"), &json!("error")), (&json!("worker-2"), &json!("ok"))]);
    assert_eq!((spans(&path, "retry_wait").len(), &path["verdict"]["retries"]), (1, &json!(1)));
}

#[test]
fn two_jobs_that_one_line_queues_stay_two() {
    let both = |n: u64, at: u64, [one, other]: [&str; 2]| {
        let (first, second) = (id(3, n), id(4, n));
        let of = |service: &str, job: &str, at: u64, end: u64| {
            let own = json!({"request_id": request(n), "job_id": job});
            [said(at, service, &format!("{service} job started"), &own), said(end, service, &format!("{service} job finished"), &own)]
        };
        let mut lines = vec![said(at, "api", "jobs queued", &json!({"request_id": request(n), one: first, other: second}))];
        lines.extend(of("mailer", &first, at + 10, at + 400).into_iter().chain(of("indexer", &second, at + 30, at + 200)));
        lines
    };
    for names in [["notify_job_id", "index_job_id"], ["job_id", "index_job_id"], ["job_id", "task_id"]] {
        let lines: Vec<String> = (0..30).flat_map(|n| both(n, n * 1_000, names)).collect();
        let path = document(&indexed(&lines), &request(5));
        let services: Vec<&Value> = spans(&path, "task").iter().map(|run| &run["service"]).collect();
        assert_eq!(services, [&json!("mailer"), &json!("indexer")], "{names:?}");
    }
}

#[test]
fn numbers_of_two_queues_that_one_request_uses_are_two_jobs_where_their_runs_say_other_things() {
    let of = |n: u64, service: &str, at: u64, what: &str| {
        let own = json!({"request_id": request(n), "job_no": 7_100 + n});
        [said(at, service, &format!("{what} started"), &own), said(at + 90, service, &format!("{what} finished"), &own)].to_vec()
    };
    let lines: Vec<String> = (0..30).flat_map(|n| [of(n, "mailer", n * 1_000, "mail job"), of(n, "thumbs", n * 1_000 + 5, "thumbnail job")].concat()).collect();
    let path = document(&indexed(&lines), &request(5));
    let services: Vec<&Value> = spans(&path, "task").iter().map(|run| &run["service"]).collect();
    assert_eq!(services, [&json!("mailer"), &json!("thumbs")]);
}

#[test]
fn what_a_task_at_work_queues_stands_below_its_run() {
    let follow = |n: u64| {
        let at = n * 2_000;
        let own = json!({"correlation_id": request(n), "job_no": 4_200 + n});
        let next = json!({"correlation_id": request(n), "job_no": 9_200 + n});
        let mut lines = queued(n, at);
        lines.extend([
            said(at + 20, "worker", "job started", &own),
            said(
                at + 250,
                "worker",
                "llm call finished",
                &json!({"correlation_id": request(n), "job_no": 4_200 + n, "completion_id": format!("chatcmpl-{}", id(6, n)), "model": "gpt-4.1", "duration_ms": 200}),
            ),
            said(at + 290, "worker", "follow-up queued", &json!({"correlation_id": request(n), "job_no": 4_200 + n, "next_job_no": 9_200 + n, "task_id": id(5, n)})),
            said(at + 300, "worker", "job finished", &own),
            said(at + 400, "worker", "job started", &next),
            said(at + 600, "worker", "job finished", &next),
        ]);
        lines
    };
    let lines: Vec<String> = (0..12).flat_map(follow).collect();
    let path = document(&indexed(&lines), &request(4));
    let runs = spans(&path, "task");
    assert_eq!(runs.len(), 2, "{path:#}");
    assert_eq!((&runs[1]["parent"], spans(&path, "app").len()), (&runs[0]["id"], 1), "{path:#}");
    let parent = proofs(&path).into_iter().find(|(value, ..)| *value == id(5, 4)).unwrap();
    assert_eq!(parent, (id(5, 4), "hand_over".into(), "job:4204".into()));
}

/// A visit of a shop: what it says between its first line and its answer.
fn visit(n: u64, at_ms: u64, says: &[(u64, &str, Value)]) -> Vec<String> {
    let of = |more: &Value| {
        let mut all = json!({"request_id": request(n)});
        all.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        all
    };
    let mut lines = vec![said(at_ms, "shop", "request started", &of(&json!({"method": "POST", "path": "/orders"})))];
    lines.extend(says.iter().map(|(at, message, more)| said(at_ms + at, "shop", message, &of(more))));
    lines.push(said(at_ms + 20, "shop", "request finished", &of(&json!({"method": "POST", "path": "/orders", "status": 201, "duration_ms": 20, "job_no": 5_000 + n}))));
    lines
}

#[test]
fn a_number_that_nothing_hands_over_is_one_of_the_business() {
    // A print shop: each order has a number, which is worked on in an office.
    let order = |n: u64| visit(n, n * 1_000, &[(2, "quote calculated", json!({"job_no": 5_000 + n})), (8, "processing order", json!({"job_no": 5_000 + n}))]);
    // Each night all of them are indexed, by nobody's request.
    let night = |n: u64| said(400_000 + n, "shop", "order indexed", &json!({"job_no": 5_000 + n}));
    let lines: Vec<String> = (0..40).flat_map(order).chain((0..400).map(night)).collect();
    let path = document(&indexed(&lines), &request(7));
    assert_eq!((&path["state"], path["lines"].as_array().unwrap().len(), spans(&path, "task").len(), spans(&path, "app").len()), (&json!("ok"), 4, 0, 1), "{path:#}");
}

#[test]
fn a_number_that_is_handed_over_for_one_request_after_another_is_one_of_the_business() {
    let ticket = |n: u64| visit(n, n * 1_000, &[(5, "job queued", json!({"job_no": 5_000 + n % 10}))]);
    let lines: Vec<String> = (0..60).flat_map(ticket).collect();
    let path = document(&indexed(&lines), &request(7));
    assert_eq!((&path["state"], path["lines"].as_array().unwrap().len(), path["ids"].as_array().unwrap().len()), (&json!("ok"), 3, 1), "{path:#}");
}

#[test]
fn the_answer_to_whoever_asked_is_the_requests_though_it_names_the_job() {
    let lines: Vec<String> = (0..30)
        .flat_map(|n| {
            [
                visit(n, n * 1_000, &[(5, "job queued", json!({"job_no": 5_000 + n}))]),
                vec![
                    said(n * 1_000 + 50, "worker", "job started", &json!({"request_id": request(n), "job_no": 5_000 + n})),
                    said(n * 1_000 + 90, "worker", "job finished", &json!({"request_id": request(n), "job_no": 5_000 + n})),
                ],
            ]
            .concat()
        })
        .collect();
    let path = document(&indexed(&lines), &request(7));
    assert_eq!((&path["state"], &path["response_ns"], spans(&path, "app").len()), (&json!("ok"), &json!(20_000_000), 1), "{path:#}");
    let services: Vec<&Value> = spans(&path, "task").iter().map(|run| &run["service"]).collect();
    assert_eq!(services, [&json!("worker")]);
}

#[test]
fn jobs_of_two_services_with_one_number_are_two_whatever_both_say_of_their_runs() {
    let of = |n: u64, service: &str, at: u64, end: &str| {
        let own = json!({"request_id": request(n), "job_id": 7_100 + n});
        [said(at, service, "job started", &own), said(at + 90, service, end, &own)].to_vec()
    };
    let lines: Vec<String> = (0..30).flat_map(|n| [of(n, "ocr", n * 1_000, "job failed"), of(n, "embedder", n * 1_000 + 300, "job finished")].concat()).collect();
    let path = document(&indexed(&lines), &request(5));
    let runs: Vec<(&Value, &Value)> = spans(&path, "task").iter().map(|run| (&run["service"], &run["outcome"])).collect();
    assert_eq!(runs, [(&json!("ocr"), &json!("error")), (&json!("embedder"), &json!("ok"))]);
    assert_eq!((&path["state"], &path["verdict"]["retries"]), (&json!("failed"), &json!(0)));
}

#[test]
fn two_jobs_of_one_worker_that_one_line_queues_stay_two() {
    let both = |n: u64| {
        let (at, first, second) = (n * 1_000, json!({"request_id": request(n), "job_id": id(3, n)}), json!({"request_id": request(n), "task_id": id(4, n)}));
        vec![
            said(at, "api", "work queued", &json!({"request_id": request(n), "job_id": id(3, n), "task_id": id(4, n)})),
            said(at + 10, "worker", "indexing started", &first),
            said(at + 20, "worker", "mail started", &second),
            said(at + 200, "worker", "mail finished", &second),
            said(at + 500, "worker", "indexing finished", &first),
        ]
    };
    let path = document(&indexed(&(0..30).flat_map(both).collect::<Vec<_>>()), &request(5));
    assert_eq!(spans(&path, "task").len(), 2, "{path:#}");
}

#[test]
fn a_job_that_began_before_its_hand_over_was_logged_stays_in_its_path() {
    let of = |n: u64| {
        let (at, outer, inner) = (n * 5_000, json!({"request_id": request(n), "job_id": id(3, n)}), json!({"message_id": id(4, n)}));
        vec![
            said(at, "api", "job queued", &outer),
            said(at + 10, "worker", "job started", &outer),
            said(at + 99, "worker", "message started", &inner),
            said(at + 100, "worker", "message queued", &json!({"job_id": id(3, n), "message_id": id(4, n)})),
            said(at + 400, "worker", "message done", &inner),
            said(at + 500, "worker", "job done", &outer),
        ]
    };
    let path = document(&indexed(&(0..30).flat_map(of).collect::<Vec<_>>()), &request(5));
    assert_eq!((path["lines"].as_array().unwrap().len(), spans(&path, "task").len()), (6, 2), "{path:#}");
}

#[test]
fn an_answer_that_the_application_and_its_server_tell_of_is_one_visit() {
    let told = |n: u64, at: u64| {
        let request = request(n);
        vec![
            said(at, "api", "request started", &json!({"request_id": request, "method": "GET", "path": "/reviews/7"})),
            said(at + 30, "api", "request finished", &json!({"request_id": request, "method": "GET", "path": "/reviews/7", "status": 200, "duration_ms": 29})),
            said(
                at + 31,
                "api",
                "",
                &json!({"request_id": request, "logger": "server.access", "request": "GET http://api.example.com/reviews/7", "status": 200, "duration": "30.5ms"}),
            ),
        ]
    };
    let once = document(&indexed(&told(1, 0)), &request(1));
    let visits = spans(&once, "app");
    assert_eq!((visits.len(), &visits[0]["lines"]), (1, &json!(["all.log:1", "all.log:2", "all.log:3"])), "{once:#}");
    // A client that asks twice under one id is answered twice, and so it is told.
    let twice = document(&indexed(&[told(1, 0), told(1, 500)].concat()), &request(1));
    assert_eq!(spans(&twice, "app").len(), 2, "{twice:#}");
    // One writer that tells of two answers, one within the other, tells of two.
    let inner = |at: u64, ms: u64| said(at, "api", "answered", &json!({"request_id": request(1), "method": "GET", "path": "/reviews/7", "status": 200, "duration_ms": ms}));
    let begun = said(4, "api", "request started", &json!({"request_id": request(1)}));
    let nested = document(&indexed(&[begun, inner(90, 20), inner(100, 95)]), &request(1));
    assert_eq!(spans(&nested, "app").len(), 2, "{nested:#}");
    // So does one service that asks itself, on another machine or for another thing.
    let told = |at: u64, ms: u64, path: &str, host: &str| {
        let own = json!({"request_id": request(1), "method": "GET", "path": path, "status": 200, "duration_ms": ms, "host": host});
        [said(at, "api", "answered", &own), said(at + 1, "api", "request completed", &own)].to_vec()
    };
    let leader = document(
        &indexed(
            &[told(100, 90, "/reviews/7", "api-1"), told(96, 75, "/reviews/7", "api-2"), vec![said(4, "api", "request started", &json!({"request_id": request(1)}))]].concat(),
        ),
        &request(1),
    );
    assert_eq!(spans(&leader, "app").len(), 2, "{leader:#}");
    let parts = [
        told(100, 90, "/reviews/7", "api-1"),
        told(60, 30, "/reviews/8", "api-1"),
        told(96, 30, "/reviews/9", "api-1"),
        vec![said(4, "api", "request started", &json!({"request_id": request(1)}))],
    ];
    assert_eq!(spans(&document(&indexed(&parts.concat()), &request(1)), "app").len(), 3);
}
