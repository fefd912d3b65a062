//! Who made a task or a call that several requests name, and whose lines are whose then.

use crate::handover::{document, id, indexed, instant, numbers, said};
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

/// A request that makes a job, and a model service that the job calls under a request id of its own.
fn called(caller: &Value) -> [Vec<u64>; 2] {
    let (request, job, inner) = (id(1, 1), id(2, 1), id(1, 9));
    let mut begins = json!({"correlation_id": inner, "generation": "gen_5c65b6484c00e76d"});
    begins.as_object_mut().unwrap().extend(caller.as_object().cloned().unwrap());
    let lines = [
        said(0, "web", "Import enqueued", &json!({"request_id": request, "job_id": job})),
        said(9, "worker", "start", &json!({"job_id": job})),
        said(20, "brain", "generation started", &begins),
        said(480, "brain", "model answered", &json!({"correlation_id": inner, "model": "gpt-4o-mini", "duration_ms": 455})),
        said(490, "brain", "request finished", &json!({"correlation_id": inner, "method": "POST", "path": "/v1/generate", "status": 200, "duration_ms": 471})),
        said(500, "worker", "done", &json!({"job_id": job})),
    ];
    let bench = indexed(&lines);
    [numbers(&bench, &request), numbers(&bench, &inner)]
}

#[test]
fn a_request_that_a_job_made_is_inside_it_where_the_field_says_who_called() {
    let job = id(2, 1);
    assert_eq!(called(&json!({"caller": {"service": "worker", "job": job}})), [vec![1, 2, 3, 4, 5, 6], vec![1, 2, 3, 4, 5, 6]]);
    // Without the word it may as well have asked about the job.
    assert_eq!(called(&json!({"job_id": job})), [vec![1, 2, 6], vec![3, 4, 5]]);
}

#[test]
fn the_steps_of_a_called_service_stand_in_its_visit_and_that_in_the_run_that_called() {
    let (request, job, inner) = (id(1, 1), id(2, 1), id(1, 9));
    let lines = [
        said(0, "web", "request finished", &json!({"request_id": request, "method": "POST", "path": "/imports", "status": 202, "duration_ms": 5})),
        said(0, "web", "Import enqueued", &json!({"request_id": request, "job_id": job})),
        said(9, "worker", "start", &json!({"job_id": job})),
        said(490, "brain", "request finished", &json!({"correlation_id": inner, "caller_job": job, "method": "POST", "path": "/v1/generate", "status": 200, "duration_ms": 471})),
        said(500, "worker", "done", &json!({"job_id": job})),
    ];
    let document = document(&indexed(&lines), &request);
    let spans = document["spans"].as_array().unwrap();
    let find = |name: &str| spans.iter().find(|span| span["name"].as_str().unwrap().contains(name)).unwrap_or_else(|| panic!("{name}: {spans:#?}"));
    let (visit, run) = (find("/v1/generate"), spans.iter().find(|span| span["kind"] == "task").unwrap());
    assert_eq!((&visit["kind"], &visit["parent"]), (&json!("app"), &run["id"]));
}

#[test]
fn work_that_something_started_is_its_and_what_a_user_started_is_nobodys() {
    let (request, job, user) = (id(1, 1), id(2, 1), id(7, 1));
    let lines = |by: &str| {
        [
            said(0, "web", "request finished", &json!({"request_id": request, "method": "POST", "path": "/plans", "status": 202, "duration_ms": 5})),
            said(9, "worker", "start", &json!({"job_id": job})),
            said(20, "worker", &format!("planning week requested_by={by}"), &json!({"job_id": job})),
            said(50, "worker", "done", &json!({"job_id": job, "triggeredBy": by})),
        ]
    };
    assert_eq!(numbers(&indexed(&lines(&request)), &request), [1, 2, 3, 4]);
    let bench = indexed(&lines(&user));
    assert_eq!(numbers(&bench, &request), [1]);
    let document = document(&bench, &job);
    assert!(document["anomalies"].as_array().unwrap().iter().all(|a| !a["text"].as_str().unwrap().contains("parent")), "{document:#}");
}

#[test]
fn a_text_that_names_a_job_before_any_other_line_hands_it_over() {
    let (request, job, next) = (id(1, 1), id(2, 1), id(2, 2));
    let lines = |told_at: u64, text: &str| {
        [
            (0, said(0, "web", "enqueued", &json!({"request_id": request, "job_id": job}))),
            (9, said(9, "worker", "start", &json!({"job_id": job, "class": "Import"}))),
            (told_at, said(told_at, "worker", &format!("{text} {next}"), &json!({"job_id": job, "class": "Import"}))),
            (101, said(101, "worker", "start", &json!({"job_id": next, "class": "Embed"}))),
            (160, said(160, "worker", "done", &json!({"job_id": next, "class": "Embed"}))),
        ]
    };
    let found = |told_at: u64, text: &str| {
        let mut lines = lines(told_at, text);
        lines.sort();
        let bench = indexed(&lines.map(|(_, line)| line));
        (numbers(&bench, &request), document(&bench, &request)["spans"].as_array().unwrap().iter().filter(|s| s["kind"] == "queue_wait").count())
    };
    assert_eq!(found(100, "next EmbedWorker"), (vec![1, 2, 3, 4, 5], 2));
    // It was there already.
    assert_eq!(found(150, "looking at EmbedWorker"), (vec![1, 2, 4], 1));
}

#[test]
fn the_attempts_of_a_call_are_those_that_its_http_client_tells_of() {
    let (request, call) = (id(1, 1), "gen_5c65b6484c00e76d");
    let client =
        |at: u64, status: &str| said(at, "brain", &format!("HTTP Request: POST https://api.openai.com/v1/chat/completions \"HTTP/1.1 {status}\""), &json!({"request_id": request}));
    let own = |at: u64, text: &str, more: &Value| {
        let mut all = json!({"request_id": request, "generation": call});
        all.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        said(at, "brain", text, &all)
    };
    let lines = [
        own(0, "generation started", &json!({})),
        client(120, "429 Too Many Requests"),
        said(121, "brain", "Retrying request in 0.500000 seconds (retry 1 of 2)", &json!({"request_id": request})),
        // The second ran into its time limit.
        said(3_621, "brain", "Retrying request in 0.400000 seconds (retry 2 of 2)", &json!({"request_id": request})),
        client(4_521, "200 OK"),
        own(4_530, "model answered", &json!({"model": "gpt-4o-mini", "output_tokens": 17})),
        own(4_540, "generation finished", &json!({"duration_ms": 4540})),
        said(4_550, "brain", "request finished", &json!({"request_id": request, "method": "POST", "path": "/ask", "status": 200, "duration_ms": 4551})),
    ];
    let document = document(&indexed(&lines), &request);
    let steps = |kind: &str| {
        let of_kind = document["spans"].as_array().unwrap().iter().filter(|span| span["kind"] == kind);
        of_kind.map(|s| format!("{} {} {}", &s["start"].as_str().unwrap()[17..23], &s["end"].as_str().unwrap()[17..23], s["outcome"].as_str().unwrap())).collect::<Vec<_>>()
    };
    let (calls, waits) = (steps("model_call"), steps("retry_wait"));
    assert_eq!(calls.len(), 3, "{calls:?}");
    assert!(calls[0].ends_with("error") && calls[1].ends_with("timeout") && calls[2].ends_with("ok"), "{calls:?}");
    assert_eq!(waits.len(), 2, "{waits:?}");
    assert_eq!((&document["verdict"]["retries"], &document["verdict"]["retry_class"]), (&json!(2), &json!("transient")));
}

#[test]
fn an_error_that_a_thread_tells_as_its_job_fails_is_the_jobs() {
    let job = |n: u64| id(2, n);
    let of = |at: u64, pid: u64, n: u64, text: &str| {
        format!("{{\"ts\":\"{}\",\"pid\":{pid},\"tid\":\"dun\",\"lvl\":\"INFO\",\"msg\":\"{text}\",\"ctx\":{{\"class\":\"Import\",\"jid\":\"{}\"}}}}", instant(at), job(n))
    };
    let bare = |at: u64, pid: u64, text: &str| format!("{{\"ts\":\"{}\",\"pid\":{pid},\"tid\":\"dun\",\"lvl\":\"WARN\",\"msg\":\"{text}\"}}", instant(at));
    let lines = [
        of(0, 7, 1, "start"),
        of(1, 8, 2, "start"),
        of(90, 7, 1, "fail"),
        bare(91, 7, "RuntimeError: pantry answered 500"),
        of(95, 8, 2, "done"),
        bare(96, 8, "slow fetch"),
        bare(400, 7, "RuntimeError: connection lost"),
    ];
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &job(1)), [1, 3, 4]);
    assert_eq!(numbers(&bench, &job(2)), [2, 5]);
}

#[test]
fn a_run_that_ended_in_silence_is_as_long_as_what_it_called() {
    let (job, inner) = (id(2, 1), id(1, 9));
    let of = |at: u64, worker: &str, text: &str| said(at, "worker", text, &json!({"job_id": job, "worker": worker}));
    let lines = [
        of(0, "w1", "start"),
        said(700, "brain", "request finished", &json!({"correlation_id": inner, "caller_job": job, "method": "POST", "path": "/v1/generate", "status": 200, "duration_ms": 690})),
        of(60_000, "w2", "back to the queue"),
        of(60_010, "w2", "start"),
        of(60_500, "w2", "done"),
    ];
    let document = document(&indexed(&lines), &job);
    let runs: Vec<i64> = document["spans"].as_array().unwrap().iter().filter(|s| s["kind"] == "task").map(|s| s["end"].as_str().unwrap()[17..19].parse::<i64>().unwrap()).collect();
    assert_eq!(runs.len(), 2, "{document:#}");
    assert_eq!(document["busy_ns"]["task"], json!(700_000_000_i64 + 490_000_000), "{runs:?}");
}

#[test]
fn a_draft_that_another_request_runs_and_a_job_that_one_stops_before_it_ran_are_expanded_in_neither() {
    let (first, second, task) = (id(1, 1), id(1, 2), id(2, 1));
    for (made, later) in [("draft created", "enqueued run"), ("job created", "queued cancel for job")] {
        let lines = [
            said(0, "api", made, &json!({"request_id": first, "task_id": task})),
            said(4, "api", "request finished", &json!({"request_id": first, "method": "POST", "path": "/jobs", "status": 201, "duration_ms": 5})),
            said(30_000, "api", later, &json!({"request_id": second, "task_id": task})),
            said(30_020, "worker", "started", &json!({"task_id": task})),
            said(30_900, "worker", "finished", &json!({"task_id": task})),
        ];
        let bench = indexed(&lines);
        assert_eq!([numbers(&bench, &first), numbers(&bench, &second)], [vec![1, 2], vec![3]], "{later}");
    }
}

#[test]
fn a_text_that_speaks_of_a_job_hands_nothing_over() {
    let (request, job, other) = (id(1, 1), id(2, 1), id(2, 2));
    for text in
        ["status of {}: pending", "cancel {} requested", "{} is at position 3", "waiting for EmbedWorker {}", "lock taken by {}, waiting", "dedup: already queued {}", "picked {}"]
    {
        let lines = [
            said(0, "web", "enqueued", &json!({"request_id": request, "job_id": job})),
            said(9, "worker", "start", &json!({"job_id": job})),
            said(100, "worker", &text.replace("{}", &other), &json!({"job_id": job})),
            said(101, "worker", "start", &json!({"job_id": other})),
            said(160, "worker", "done", &json!({"job_id": other})),
        ];
        assert_eq!(numbers(&indexed(&lines), &request), [1, 2, 3], "{text}");
    }
}

#[test]
fn what_was_triggered_long_after_or_by_what_triggers_many_is_no_part_of_that() {
    let (request, schedule) = (id(1, 1), id(2, 99));
    let late = [
        said(0, "web", "schedule stored", &json!({"request_id": request})),
        said(300_000, "worker", "start", &json!({"job_id": id(2, 1), "triggered_by": request})),
        said(300_100, "worker", "done", &json!({"job_id": id(2, 1)})),
    ];
    assert_eq!(numbers(&indexed(&late), &request), [1]);
    let mut many: Vec<String> = (0..20_u64).map(|n| said(n * 1_000, "worker", "start", &json!({"job_id": id(2, n), "triggered_by": schedule}))).collect();
    many.extend((0..20_u64).map(|n| said(n * 1_000 + 500, "supervisor", "heartbeat", &json!({"run_id": schedule}))));
    assert_eq!(numbers(&indexed(&many), &id(2, 3)), [4]);
}

#[test]
fn the_warning_of_the_next_job_is_none_of_the_one_that_failed() {
    let of = |at: u64, n: u64, text: &str| said(at, "worker", text, &json!({"job_id": id(2, n), "thread": "worker-1"}));
    let bare = |at: u64, text: &str| said(at, "worker", text, &json!({"thread": "worker-1", "level": "warn"}));
    let lines = [
        of(0, 1, "start"),
        of(90, 1, "fail"),
        bare(94, "RuntimeError: pantry answered 500"),
        bare(110, "payload is 2 MB, consider a reference"),
        of(111, 2, "start"),
        of(190, 2, "done"),
    ];
    let bench = indexed(&lines);
    assert_eq!(numbers(&bench, &id(2, 1)), [1, 2, 3]);
    assert_eq!(numbers(&bench, &id(2, 2)), [5, 6]);
}

/// The spans of model calls of a request whose lines are given as time, text and further members.
fn calls_of(lines: &[(u64, &str, Value)]) -> Vec<(i64, Option<u64>)> {
    let request = id(1, 1);
    let lines: Vec<String> = lines
        .iter()
        .map(|(at, text, more)| {
            let mut all = json!({"request_id": request});
            all.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
            said(*at, "brain", text, &all)
        })
        .collect();
    let document = document(&indexed(&lines), &request);
    let length = |span: &Value| {
        let ms = |end: &str| span[end].as_str().unwrap()[17..23].replace('.', "").parse::<i64>().unwrap();
        ms("end") - ms("start")
    };
    document["spans"].as_array().unwrap().iter().filter(|span| span["kind"] == "model_call").map(|span| (length(span), span["attempt"].as_u64())).collect()
}

#[test]
fn calls_one_after_the_other_and_other_calls_beside_one_are_no_attempts() {
    let chat = |status: u64| format!("HTTP Request: POST https://api.openai.com/v1/chat/completions \"HTTP/1.1 {status} X\"");
    let embeds = "HTTP Request: POST https://api.openai.com/v1/embeddings \"HTTP/1.1 500 X\"";
    let call = |n: u64| json!({"call_id": id(3, n)});
    let (ok, bad) = (chat(200), chat(503));
    // An agent's turns.
    let mut turns = Vec::new();
    for n in 0..3_u64 {
        turns.extend([
            (n * 710, "calling model", call(n)),
            (n * 710 + 695, &*ok, json!({})),
            (n * 710 + 700, "model answered", json!({"call_id": id(3, n), "model": "gpt-4o", "duration_ms": 700})),
        ]);
    }
    assert_eq!(calls_of(&turns), [(700, None); 3]);
    let ended = (900, "model answered", json!({"call_id": id(3, 1), "model": "gpt-4o", "duration_ms": 900}));
    let one = |between: &[(u64, &'static str)]| {
        let mut lines = vec![(0, "calling model", call(1))];
        lines.extend(between.iter().map(|(at, text)| (*at, *text, json!({}))));
        lines.extend([(890, &*ok, json!({})), ended.clone()]);
        calls_of(&lines)
    };
    assert_eq!(one(&[(200, embeds)]), [(900, None)], "a cache that could not be asked");
    let warned = [
        (0, "calling model", call(1)),
        (300, &*ok, json!({})),
        (600, "slow: no token for 1 s", json!({"call_id": id(3, 1), "level": "warn"})),
        (890, &*ok, json!({})),
        ended.clone(),
    ];
    assert_eq!(calls_of(&warned), [(900, None)]);
    let tried = [(0, "calling model", call(1)), (300, &*bad, json!({})), (890, &*ok, json!({})), ended.clone()];
    assert_eq!(calls_of(&tried).len(), 2);
}
