//! Who made a task or a call that several requests name, and whose lines are whose then.

use crate::handover::{document, id, indexed, numbers, said};
use serde_json::{Value, json};

/// A task that a request makes, a worker runs, and a second request names later.
fn named_by_two(made: &str, later: &str, more: &[String]) -> [Vec<u64>; 2] {
    let (request, task, other) = (id(1, 1), id(2, 1), id(1, 2));
    let mut lines = vec![
        said(0, "api", made, &json!({"request_id": request, "task_id": task})),
        said(3, "api", "request", &json!({"request_id": request, "method": "POST", "path": "/jobs", "status": 202, "duration_ms": 4})),
        said(100, "worker", "started", &json!({"task_id": task})),
        said(300, "worker", "rows read", &json!({"task_id": task})),
        said(500, "api", later, &json!({"request_id": other, "task_id": task})),
        said(502, "api", "row loaded", &json!({"request_id": other})),
        said(510, "api", "request", &json!({"request_id": other, "method": "POST", "path": "/jobs/it", "status": 200, "duration_ms": 11})),
        said(900, "worker", "finished", &json!({"task_id": task})),
    ];
    lines.extend_from_slice(more);
    let bench = indexed(&lines);
    [numbers(&bench, &request), numbers(&bench, &other)]
}

#[test]
fn whoever_names_a_task_first_made_it_whatever_the_later_one_says() {
    for (made, later) in [
        ("job created", "job status"),
        ("job created", "starting status check"),
        ("job created", "queued cancel for job"),
        ("waiting for approval", "approved, enqueued"),
        ("enqueued", "cancel requested"),
    ] {
        assert_eq!(named_by_two(made, later, &[]), [vec![1, 2, 3, 4, 8], vec![5, 6, 7]], "{made}; {later}");
    }
}

#[test]
fn a_task_that_two_requests_hand_over_the_same_way_or_that_begins_anew_is_expanded_in_neither() {
    assert_eq!(named_by_two("enqueued", "enqueued", &[]), [vec![1, 2], vec![5, 6, 7]], "a job that two requests joined");
    let again = said(1_000, "worker", "started", &json!({"task_id": id(2, 1)}));
    assert_eq!(named_by_two("enqueued", "re-enqueued job", &[again]), [vec![1, 2], vec![5, 6, 7]], "which begin is whose is not told");
}

#[test]
fn a_task_of_nobody_holds_no_line_of_those_who_claim_it() {
    let task = id(2, 1);
    let lines = [
        said(0, "api", "enqueued", &json!({"request_id": id(1, 1), "task_id": task})),
        said(9, "api", "enqueued", &json!({"request_id": id(1, 2), "task_id": task})),
        said(20, "worker", "started", &json!({"task_id": task})),
        said(30, "worker", "finished", &json!({"task_id": task})),
    ];
    let document = document(&indexed(&lines), &task);
    let held = |part: &str| document[part].as_array().unwrap().iter().filter_map(Value::as_str).map(|line| line.rsplit_once(':').unwrap().1.to_owned()).collect::<Vec<_>>();
    assert_eq!([held("lines"), held("unplaced")].concat(), ["3", "4"]);
}

/// A request that asks a model through a gateway, whose line holds `more`.
fn asked(at: u64, n: u64, more: &Value) -> Vec<String> {
    let answer = format!("resp_{:08x}4f5e6a7b8c9d0e1f2a3b4c5d", n + 77);
    let mut line = json!({"response_id": answer, "call_id": id(3, n)});
    line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    vec![
        said(at, "api", "calling model", &json!({"request_id": id(1, n), "call_id": id(3, n)})),
        said(at + 400, "gateway", "completion", &line),
        said(at + 410, "api", "model answered", &json!({"request_id": id(1, n), "response_id": answer})),
    ]
}

#[test]
fn an_earlier_answer_that_a_later_call_names_joins_no_two_requests() {
    for label in ["previous_response_id", "parent_response", "prior_completion_id", "lastResponseId", "completion_id"] {
        let first = format!("resp_{:08x}4f5e6a7b8c9d0e1f2a3b4c5d", 78);
        let bench = indexed(&[asked(0, 1, &json!({})), asked(5_000, 2, &json!({ label: first }))].concat());
        assert_eq!(numbers(&bench, &id(1, 1)), [1, 2, 3], "{label}");
        let second = numbers(&bench, &id(1, 2));
        assert!(second.iter().all(|n| *n > 3) && second.len() >= 2, "{label}: {second:?}");
    }
}

#[test]
fn what_a_provider_calls_a_batch_of_tasks_is_of_none_of_them() {
    let batch = "req_5aead906f49e59503bfa26e049e13351";
    let of = |at: u64, n: u64| {
        [
            said(at, "api", "enqueued embed", &json!({"request_id": id(1, n), "task_id": id(2, n)})),
            said(at + 20, "worker", "started", &json!({"task_id": id(2, n)})),
            said(at + 600, "worker", "embedded", &json!({"task_id": id(2, n), "provider_request_id": batch})),
        ]
    };
    let bench = indexed(&[of(0, 1), of(30, 2)].concat());
    assert_eq!(numbers(&bench, &id(1, 1)), [1, 2, 3]);
    assert_eq!(numbers(&bench, &id(1, 2)), [4, 5, 6]);
}

#[test]
fn a_job_is_known_by_its_number_where_application_and_worker_count_alike() {
    let (mut lines, mut at) = (Vec::new(), 0);
    for n in 1..=40_u64 {
        at += 100 + n * 7_919 % 1_000;
        let queue = ["fast", "slow"][n as usize / 2 % 2];
        lines.push((at, said(at, "api", "export queued", &json!({"request_id": id(1, n), "job_id": 500 + n}))));
        lines.push((at + 20, said(at + 20, "worker", "rendering", &json!({"job": 500 + n, "queue": queue}))));
        lines.push((at + 90, said(at + 90, "worker", "rendered", &json!({"job": 500 + n, "queue": queue}))));
        // Another counter of numbers that meet these.
        lines.push((at + 30, said(at + 30, "billing", "charged", &json!({"job": 480 + n}))));
    }
    lines.sort();
    let place = |at: u64, text: &str| lines.iter().position(|(a, line)| *a == at && line.contains(text)).unwrap() as u64 + 1;
    let mut at = 0;
    let bench = indexed(&lines.iter().map(|(_, line)| line.clone()).collect::<Vec<_>>());
    for n in 1..=40_u64 {
        at += 100 + n * 7_919 % 1_000;
        let mut own = [place(at, "queued"), place(at + 20, "rendering"), place(at + 90, "rendered")];
        own.sort_unstable();
        assert_eq!(numbers(&bench, &id(1, n)), own, "{n}");
    }
    let roles = bench.ok(&["roles", "--data", "d"]);
    assert!(roles.contains("40 of 40 of its numbers are those of queue=fast, queue=slow"), "{roles}");
}
