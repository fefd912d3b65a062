//! Lines that name no unit: which path they stand in, and which they must not.

use crate::support::Bench;
use serde_json::{Value, json};

/// A line of a worker with threads, as Dramatiq writes them.
fn threaded(at_ms: u64, thread: &str, message: &str, more: &Value) -> String {
    let mut line = json!({"timestamp": instant(at_ms), "level": "INFO", "logger": "worker", "service": "kb", "threadName": thread, "message": message});
    line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    line.to_string()
}

fn instant(at_ms: u64) -> String {
    format!("2026-11-23T09:{:02}:{:02}.{:03}Z", 46 + at_ms / 60_000, at_ms / 1_000 % 60, at_ms % 1_000)
}

fn task(n: u64) -> String {
    format!("{n:08x}-6c5e-4c7a-9c1d-0f2a3b4c5d6e")
}

fn document(bench: &Bench, id: &str) -> Value {
    serde_json::from_str(&bench.ok(&["show", id, "--data", "d", "--json"])).unwrap()
}

/// The messages of the lines of a path.
fn messages(bench: &Bench, id: &str, log: &str) -> Vec<String> {
    let document = document(bench, id);
    let lines: Vec<&str> = log.lines().collect();
    let numbers = ["lines", "unplaced"].into_iter().flat_map(|part| document[part].as_array().unwrap().clone());
    let mut numbers: Vec<usize> = numbers.map(|line| line.as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap()).collect();
    numbers.sort_unstable();
    let message = |n: &usize| serde_json::from_str::<Value>(lines[n - 1]).unwrap()["message"].as_str().unwrap().to_owned();
    numbers.iter().map(message).collect()
}

fn indexed(log: &str) -> Bench {
    let bench = Bench::new();
    bench.write("worker.log", log);
    bench.ok(&["index", "worker.log", "--data", "d"]);
    bench
}

/// One run of a task in a thread: taken, a row without an id, the end with its length and no id.
fn run(at_ms: u64, thread: &str, n: u64) -> Vec<String> {
    vec![
        threaded(at_ms, thread, "received task", &json!({"task_id": task(n)})),
        threaded(at_ms + 10, thread, &format!("row {n} stored"), &json!({})),
        threaded(at_ms + 40, thread, "completed", &json!({"duration_ms": 39})),
    ]
}

#[test]
fn a_thread_that_runs_one_task_says_whose_its_lines_are() {
    let mut lines = run(0, "Thread-1", 1);
    lines.extend(run(20, "Thread-2", 2));
    lines.push(threaded(50, "Thread-1", "idle", &json!({})));
    lines.extend(run(100, "Thread-1", 3));
    lines.sort_by_key(|line| serde_json::from_str::<Value>(line).unwrap()["timestamp"].as_str().unwrap().to_owned());
    let log = lines.join("\n") + "\n";
    let bench = indexed(&log);
    for n in 1..=3 {
        assert_eq!(messages(&bench, &task(n), &log), ["received task".to_owned(), format!("row {n} stored"), "completed".to_owned()], "task {n}");
    }
}

#[test]
fn a_thread_in_which_tasks_interleave_proves_nothing() {
    let of = |at, n: u64, text: &str| threaded(at, "Thread-1", text, &json!({"task_id": task(n)}));
    let free = |at, text: &str| threaded(at, "Thread-1", text, &json!({}));
    let lines = [of(0, 1, "received task"), of(5, 2, "received task"), free(8, "row stored"), of(10, 1, "half done"), free(12, "row stored"), of(20, 2, "done"), of(30, 1, "done")];
    let log = lines.join("\n") + "\n";
    let bench = indexed(&log);
    assert_eq!(messages(&bench, &task(1), &log), ["received task", "half done", "done"]);
    assert_eq!(messages(&bench, &task(2), &log), ["received task", "done"]);
}

#[test]
fn what_a_thread_also_writes_while_nothing_runs_is_no_tasks() {
    let mut lines = run(0, "Thread-1", 1);
    lines.insert(1, threaded(5, "Thread-1", "alive", &json!({})));
    lines.push(threaded(60, "Thread-1", "alive", &json!({})));
    lines.extend(run(100, "Thread-1", 2));
    let log = lines.join("\n") + "\n";
    let bench = indexed(&log);
    assert_eq!(messages(&bench, &task(1), &log), ["received task", "row 1 stored", "completed"]);
}

#[test]
fn an_event_loop_runs_many_and_says_nothing() {
    let lines: Vec<String> = run(0, "tokio-runtime-worker", 1);
    let log = lines.join("\n") + "\n";
    assert_eq!(messages(&indexed(&log), &task(1), &log), ["received task"]);
}

/// A line of a worker that names neither thread nor worker.
fn plain(at_ms: u64, message: &str, more: &Value) -> String {
    let mut line = json!({"timestamp": instant(at_ms), "level": "INFO", "service": "jobs", "message": message});
    line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    line.to_string()
}

/// A run of a task of a kind, with a row that says nothing of it.
fn job(at_ms: u64, n: u64, kind: &str, row: &str) -> Vec<String> {
    let of = |message: &str| json!({"task_id": task(n), "task_name": kind, "at": message});
    vec![plain(at_ms, "task begins", &of("begin")), plain(at_ms + 20, row, &json!({})), plain(at_ms + 40, "task finished", &of("end"))]
}

fn sorted(mut lines: Vec<String>) -> String {
    lines.sort_by_key(|line| serde_json::from_str::<Value>(line).unwrap()["timestamp"].as_str().unwrap().to_owned());
    lines.join("\n") + "\n"
}

#[test]
fn a_line_is_of_the_only_task_of_its_kind_that_ran_and_of_nobody_when_two_did() {
    let mut lines: Vec<String> = (0..6).flat_map(|n| job(2_000 + n * 1_000, 10 + n, "triage", "row stored")).collect();
    lines.extend(job(0, 1, "triage", "row stored"));
    lines.extend(job(1_000, 2, "triage", "row stored"));
    lines.extend(job(1_010, 3, "triage", "row stored"));
    let log = sorted(lines);
    let bench = indexed(&log);
    assert_eq!(messages(&bench, &task(1), &log), ["task begins", "row stored", "task finished"]);
    assert_eq!(messages(&bench, &task(2), &log), ["task begins", "task finished"]);
    assert_eq!(messages(&bench, &task(3), &log), ["task begins", "task finished"]);
}

/// What a path offers as possible, by the words of the lines.
fn offered(bench: &Bench, id: &str, log: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(&bench.ok(&["show", id, "--data", "d", "--json"])).unwrap();
    let number = |line: &Value| line.as_str().unwrap().rsplit(':').next().unwrap().parse::<usize>().unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let message = |n: usize| serde_json::from_str::<Value>(lines[n - 1]).unwrap()["message"].as_str().unwrap().to_owned();
    document["possible"].as_array().map_or_else(Vec::new, |list| list.iter().map(|line| format!("{} {}", number(line), message(number(line)))).collect())
}

#[test]
fn the_line_that_is_left_for_one_of_two_runs_may_be_its_and_is_not_placed() {
    let mut lines: Vec<String> = (0..6).flat_map(|n| job(2_000 + n * 1_000, 10 + n, "triage", "row stored")).collect();
    // 1 is alone when its row is stored; then 2 runs, and a row is stored while both do.
    let of = |n: u64, message: &str, at: &str, ms: u64| plain(ms, message, &json!({"task_id": task(n), "task_name": "triage", "at": at}));
    lines.extend([of(1, "task begins", "begin", 0), plain(10, "row stored", &json!({})), of(2, "task begins", "begin", 15)]);
    lines.extend([of(1, "task finished", "end", 30), of(2, "task finished", "end", 40)]);
    lines.insert(19, plain(20, "row stored", &json!({})));
    let log = sorted(lines.clone());
    let bench = indexed(&log);
    assert_eq!(messages(&bench, &task(1), &log), ["task begins", "row stored", "task finished"]);
    assert_eq!(messages(&bench, &task(2), &log), ["task begins", "task finished"], "it may have written none");
    assert_eq!((offered(&bench, &task(1), &log), offered(&bench, &task(2), &log)), (vec![], vec!["4 row stored".to_owned()]));
    // A second one that is left, a run that may have been at work, one that wrote its own: nothing tells. A line with the call of another is that one's.
    let two = sorted([lines.clone(), vec![plain(22, "row stored", &json!({}))]].concat());
    let open = sorted([lines.clone(), vec![of(3, "task begins", "begin", 5)]].concat());
    let own = sorted([lines.clone(), vec![of(2, "row stored", "done", 25)]].concat()).replace("\"at\":\"done\",", "");
    for (log, rows) in [(two, 0), (open, 0), (own, 1)] {
        let bench = indexed(&log);
        assert_eq!(offered(&bench, &task(2), &log), Vec::<String>::new());
        assert_eq!(messages(&bench, &task(2), &log).len(), 2 + rows);
    }
    let call = "call_01JDC9V6Q8Z4C00000001ABCD";
    lines[19] = plain(20, "row stored", &json!({"call_id": call}));
    lines.push(plain(5, "calling", &json!({"task_id": task(1), "task_name": "triage", "call_id": call})));
    let log = sorted(lines);
    assert_eq!(offered(&indexed(&log), &task(2), &log), Vec::<String>::new());
}

#[test]
fn a_line_that_was_seen_once_is_nobodys() {
    let log = sorted(job(0, 1, "triage", "user 42 left"));
    assert_eq!(messages(&indexed(&log), &task(1), &log), ["task begins", "task finished"]);
}

#[test]
fn a_line_of_another_service_in_the_same_file_is_not_the_tasks() {
    let mut lines: Vec<String> = (0..7).flat_map(|n| job(n * 1_000, 1 + n, "triage", "row stored")).collect();
    lines[1] = lines[1].replace("\"jobs\"", "\"web\"");
    let log = sorted(lines);
    assert_eq!(messages(&indexed(&log), &task(1), &log), ["task begins", "task finished"]);
}

#[test]
fn of_two_kinds_that_run_the_one_that_writes_such_lines_owns_them() {
    let mut lines: Vec<String> = (0..6).flat_map(|n| [job(n * 1_000, 10 + n, "triage", "labels stored"), job(n * 1_000 + 500, 20 + n, "mail", "mail sent")].concat()).collect();
    lines.extend(job(20_000, 1, "triage", "labels stored"));
    lines.extend(job(20_005, 2, "mail", "mail sent"));
    let log = sorted(lines);
    let bench = indexed(&log);
    assert_eq!(messages(&bench, &task(1), &log), ["task begins", "labels stored", "task finished"]);
    assert_eq!(messages(&bench, &task(2), &log), ["task begins", "mail sent", "task finished"]);
}

#[test]
fn a_task_whose_end_is_not_stated_owns_nothing_and_keeps_others_from_it() {
    let mut lines = job(1_000, 1, "triage", "row stored");
    lines.insert(0, plain(0, "task begins", &json!({"task_id": task(9), "task_name": "triage"})));
    let log = sorted(lines);
    let bench = indexed(&log);
    assert_eq!(messages(&bench, &task(1), &log), ["task begins", "task finished"]);
    assert_eq!(messages(&bench, &task(9), &log), ["task begins"]);
}

#[test]
fn a_hand_over_that_names_only_the_new_job_is_of_the_task_that_ran() {
    let scheduled = |n: u64| {
        let mut lines = job(n * 1_000, 1 + n, "triage", "");
        lines[1] = plain(n * 1_000 + 20, "hook scheduled", &json!({"webhook_job": (17 + n).to_string()}));
        lines
    };
    let mut lines: Vec<String> = (0..6).flat_map(scheduled).collect();
    lines.push(plain(100, "job picked up", &json!({"jobId": "17", "queue": "webhook"})));
    lines.push(plain(120, "job finished", &json!({"jobId": "17", "queue": "webhook"})));
    let log = sorted(lines);
    let bench = indexed(&log);
    let all = ["task begins", "hook scheduled", "task finished", "job picked up", "job finished"];
    assert_eq!(messages(&bench, &task(1), &log), all);
}

#[test]
fn a_batch_line_over_requests_is_a_line_of_none_of_them() {
    let request = |n: u64, at| plain(at, "request done", &json!({"request_id": format!("req_{}", task(n)), "duration_ms": 5, "status": 200, "method": "GET", "path": "/a"}));
    let batch = plain(900, "usage flushed", &json!({"request_ids": [format!("req_{}", task(1)), format!("req_{}", task(2))]}));
    let log = sorted(vec![request(1, 100), request(2, 200), batch]);
    let bench = indexed(&log);
    for n in [1, 2] {
        assert_eq!(messages(&bench, &format!("req_{}", task(n)), &log), ["request done"]);
    }
}

#[test]
fn lines_that_state_their_begin_are_told_by_what_their_parents_hold() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let span = |n: u64| format!("{:016x}", 0x00f0_67aa_0ba9_02b0 + n);
    let line = |n: u64, at: u64, length: u64| {
        let mut more = json!({"trace_id": trace, "span_id": span(n), "elapsed_ms": length});
        if n > 0 {
            more["parent_span_id"] = json!(span(n - 1));
        }
        plain(at, &format!("step {n}"), &more)
    };
    let log = sorted((0..24).map(|n| line(n, n * 10, 600 - n * 20)).collect());
    let bench = indexed(&log);
    let document = document(&bench, trace);
    let steps: Vec<(&str, &str)> = document["spans"].as_array().unwrap().iter().map(|s| (s["start"].as_str().unwrap(), s["end"].as_str().unwrap())).collect();
    assert!(steps.contains(&("2026-11-23T09:46:00.010000000Z", "2026-11-23T09:46:00.590000000Z")), "{steps:?}");
}

#[test]
fn a_thread_of_the_same_name_in_another_process_is_another() {
    let of = |at, pid: u64, message: &str, more: Value| {
        let mut more = more;
        more["pid"] = json!(pid);
        threaded(at, "Thread-1", message, &more)
    };
    let own = || json!({"task_id": task(1)});
    let log = sorted(vec![of(0, 1, "received task", own()), of(10, 2, "card charged", json!({})), of(20, 1, "row stored", json!({})), of(30, 1, "task done", own())]);
    assert_eq!(messages(&indexed(&log), &task(1), &log), ["received task", "row stored", "task done"]);
}

#[test]
fn work_that_goes_from_thread_to_thread_is_no_threads() {
    let own = |at, thread, message| threaded(at, thread, message, &json!({"task_id": task(1)}));
    let log = sorted(vec![own(0, "pool-7", "received task"), own(10, "pool-9", "asking"), threaded(20, "pool-7", "mail delivered", &json!({})), own(30, "pool-7", "task done")]);
    assert_eq!(messages(&indexed(&log), &task(1), &log), ["received task", "asking", "task done"]);
}

#[test]
fn what_a_thread_writes_behind_the_end_of_its_task_is_not_the_tasks() {
    let own = |at, message| threaded(at, "Thread-1", message, &json!({"task_id": task(1)}));
    let log = sorted(vec![own(0, "received task"), own(20, "task finished"), threaded(5_000, "Thread-1", "old rows removed", &json!({})), own(9_000, "audit written")]);
    assert_eq!(messages(&indexed(&log), &task(1), &log), ["received task", "task finished", "audit written"]);
}

#[test]
fn of_one_instant_the_order_of_the_file_decides() {
    let own = |at, message| threaded(at, "Thread-1", message, &json!({"task_id": task(1)}));
    let log = [threaded(0, "Thread-1", "sessions purged", &json!({})), own(0, "received task"), own(20, "task finished")].join("\n") + "\n";
    assert_eq!(messages(&indexed(&log), &task(1), &log), ["received task", "task finished"]);
}

#[test]
fn a_list_of_one_is_a_line_of_its_request() {
    let id = format!("req_{}", task(1));
    let own = |at, message, status: u64| plain(at, message, &json!({"request_id": id, "status": status, "method": "GET", "path": "/a", "duration_ms": 5}));
    let log = sorted(vec![own(100, "request done", 200), plain(90, "answer refused", &json!({"request_ids": [id]}))]);
    assert_eq!(messages(&indexed(&log), &id, &log), ["answer refused", "request done"]);
}

/// A line of a Dramatiq worker as python-json-logger writes it.
fn dramatiq(at_ms: u64, logger: &str, thread: &str, message: &str) -> String {
    json!({"epoch": 1_795_427_268.0 + at_ms as f64 / 1_000.0, "lvl": "DEBUG", "logger": logger, "thread": thread, "message": message}).to_string()
}

fn received(at_ms: u64, thread: &str, call: &str, n: u64) -> String {
    dramatiq(at_ms, "dramatiq.worker.WorkerThread", thread, &format!("Received message {call} with id '{}'.", task(n)))
}

#[test]
fn a_line_that_repeats_the_call_is_of_the_run_in_its_thread_though_a_length_closed_it() {
    let failed = |at, thread: &str, call: &str| dramatiq(at, "dramatiq.worker.WorkerThread", thread, &format!("Failed to process message {call} with unhandled exception."));
    let lines = [
        received(0, "Thread-1", "embed(8, 'a')", 1),
        dramatiq(40, "embed", "Thread-1", "Completed after 39.9ms."),
        failed(41, "Thread-1", "embed(8, 'a')"),
        received(100, "Thread-1", "embed(9, 'a')", 2),
        dramatiq(140, "embed", "Thread-1", "Completed after 39.9ms."),
        // Another call's: that of a run whose begin is not in this thread.
        failed(141, "Thread-1", "embed(7, 'a')"),
    ];
    let log = lines.join("\n") + "\n";
    let bench = indexed(&log);
    assert_eq!(messages(&bench, &task(1), &log).len(), 3);
    assert_eq!(messages(&bench, &task(2), &log).len(), 2);
}

#[test]
fn a_length_may_reach_back_to_the_line_behind_the_begin_and_no_further() {
    let run = |at: u64, n: u64, second: u64| {
        [
            received(at, "Thread-1", &format!("embed({n})"), n),
            dramatiq(at + second, "embed", "Thread-1", "args are there"),
            dramatiq(at + 1_000, "embed", "Thread-1", &format!("Completed after {}.0ms.", 1_000 - second)),
        ]
    };
    let log = [run(0, 1, 30), run(2_000, 2, 300)].concat().join("\n") + "\n";
    let bench = indexed(&log);
    assert_eq!(messages(&bench, &task(1), &log).len(), 3);
    assert_eq!(messages(&bench, &task(2), &log).len(), 1, "a third of its time lies before what the length is of");
}

#[test]
fn a_task_whose_argument_names_what_it_follows_stands_below_it_where_many_show_so() {
    let both = |n: u64| {
        [
            received(n * 1_000, "Thread-1", "reindex(3)", 100 + n),
            dramatiq(n * 1_000 + 40, "reindex", "Thread-1", "Completed after 39.9ms."),
            received(n * 1_000 + 200, "Thread-2", &format!("publish_index('{}')", task(100 + n)), 200 + n),
            dramatiq(n * 1_000 + 205, "kb", "Thread-2", "index goes live"),
            dramatiq(n * 1_000 + 240, "publish_index", "Thread-2", "Completed after 39.9ms."),
        ]
    };
    for (runs, below) in [(30, 5), (10, 2)] {
        let log = (0..runs).flat_map(both).collect::<Vec<_>>().join("\n") + "\n";
        assert_eq!(messages(&indexed(&log), &task(100), &log).len(), below, "{runs} runs");
    }
}

#[test]
fn what_every_run_writes_once_is_its_own_whatever_runs_beside_it() {
    // `mail` runs only while a triage does, so no mail by itself shows that it writes no such line; but no triage ever shows two.
    let pair = |n: u64| [job(n * 1_000, 10 + n, "triage", "labels stored"), job(n * 1_000 + 5, 50 + n, "mail", "")[..1].to_vec(), vec![mail_ends(n * 1_000 + 35, 50 + n)]].concat();
    let mut lines: Vec<String> = (0..6).flat_map(pair).collect();
    lines.extend(job(7_000, 1, "triage", "labels stored"));
    let log = sorted(lines.clone());
    assert_eq!(messages(&indexed(&log), &task(10), &log), ["task begins", "labels stored", "task finished"]);
    // A mail that writes one too.
    lines.push(plain(3_025, "labels stored", &json!({})));
    let log = sorted(lines);
    assert_eq!(messages(&indexed(&log), &task(10), &log), ["task begins", "task finished"]);
}

fn mail_ends(at_ms: u64, n: u64) -> String {
    plain(at_ms, "task finished", &json!({"task_id": task(n), "task_name": "mail", "at": "end"}))
}

#[test]
fn a_task_that_says_what_it_is_done_for_is_not_below_its_argument() {
    let both = |n: u64| {
        let request = |n: u64| json!({"request_id": format!("{n:08x}-1111-4c7a-9c1d-0f2a3b4c5d6e")});
        let with = |line: String, more: &Value| {
            let mut line: Value = serde_json::from_str(&line).unwrap();
            line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            line.to_string()
        };
        [
            with(received(n * 1_000, "Thread-1", "answer(3)", 100 + n), &request(1_000 + n)),
            with(received(n * 1_000 + 200, "Thread-2", &format!("rate('{}')", task(100 + n)), 200 + n), &request(2_000 + n)),
        ]
    };
    let log = (0..40).flat_map(both).collect::<Vec<_>>().join("\n") + "\n";
    let bench = indexed(&log);
    assert_eq!(messages(&bench, "000003e8-1111-4c7a-9c1d-0f2a3b4c5d6e", &log).len(), 1);
    assert_eq!(messages(&bench, "000007d0-1111-4c7a-9c1d-0f2a3b4c5d6e", &log).len(), 1);
}

#[test]
fn visits_and_users_that_come_while_a_task_runs_are_not_the_tasks() {
    let visit = json!({"method": "GET", "path": "/jobs/status", "status": 200, "duration_ms": 2});
    for more in [visit, json!({"user_id": "u21"})] {
        let run = |n: u64| {
            let mut lines = job(n * 1_000, 10 + n, "triage", "");
            lines[1] = plain(n * 1_000 + 20, "state of the job was asked", &more);
            lines
        };
        let log = sorted((0..20).flat_map(run).collect());
        assert_eq!(messages(&indexed(&log), &task(10), &log), ["task begins", "task finished"], "{more}");
    }
}

#[test]
fn a_run_that_shows_more_than_any_by_itself_shows_anothers() {
    // Mails are silent by themselves; two of those beside a triage are not.
    let triage = |n: u64| job(n * 1_000, 10 + n, "triage", "model was slow");
    let mail = |at: u64, n: u64| vec![job(at, 60 + n, "mail", "")[0].clone(), mail_ends(at + 40, 60 + n)];
    let mut lines: Vec<String> = (0..30).flat_map(triage).collect();
    lines.extend((0..5).flat_map(|n| mail(n * 1_000 + 500, n)));
    lines.extend((5..20).flat_map(|n| mail(n * 1_000 + 2, n)));
    lines.extend([plain(7_030, "model was slow", &json!({})), plain(9_030, "model was slow", &json!({}))]);
    let log = sorted(lines);
    let bench = indexed(&log);
    assert_eq!(messages(&bench, &task(11), &log), ["task begins", "model was slow", "task finished"]);
    assert_eq!(messages(&bench, &task(17), &log), ["task begins", "task finished"]);
}

#[test]
fn a_call_is_repeated_by_its_whole_name_its_end_and_at_once() {
    let failed = |at, call: &str| dramatiq(at, "worker", "Thread-1", &format!("Failed to process message {call} with unhandled exception."));
    let done = |at| dramatiq(at, "send", "Thread-1", "Completed after 39.9ms.");
    for (name, behind) in [
        ("another name", failed(50, "resend('u1')")),
        ("much later", failed(60_000, "send('u1')")),
        ("no end", dramatiq(50, "worker", "Thread-1", "Slow call: send('u1') waits in queue")),
    ] {
        let log = [received(0, "Thread-1", "send('u1')", 1), done(40), behind].join("\n") + "\n";
        assert_eq!(messages(&indexed(&log), &task(1), &log).len(), 2, "{name}");
    }
}

#[test]
fn a_task_that_another_request_enqueued_is_that_requests_whatever_its_argument() {
    let request = |n: u64| format!("{n:08x}-1111-4c7a-9c1d-0f2a3b4c5d6e");
    let both = |n: u64| {
        let enqueued = |kind: u64| plain(n, "job enqueued", &json!({"request_id": request(kind * 10 + n), "job_id": task(kind + n)}));
        let rated = received(n * 1_000 + 200, "Thread-2", &format!("rate('{}')", task(100 + n)), 200 + n);
        [enqueued(100), received(n * 1_000, "Thread-1", "answer(3)", 100 + n), enqueued(200), rated]
    };
    let log = (0..40).flat_map(both).collect::<Vec<_>>().join("\n") + "\n";
    let bench = indexed(&log);
    for kind in [100, 200] {
        let found = messages(&bench, &request(kind * 10), &log);
        assert_eq!((found.len(), &*found[0]), (2, "job enqueued"), "{found:?}");
    }
}

#[test]
fn a_task_that_names_a_parent_which_no_line_shows_does_not_fall_to_its_argument() {
    let both = |n: u64| [received(n * 1_000, "Thread-1", "answer(3)", 100 + n), received(n * 1_000 + 200, "Thread-2", &format!("rate('{}')", task(100 + n)), 200 + n)];
    let mut lines: Vec<String> = (0..40).flat_map(both).collect();
    lines.push(plain(300, "half done", &json!({"task_id": task(200), "parent_task_id": task(999)})));
    let log = lines.join("\n") + "\n";
    let bench = indexed(&log);
    assert_eq!(messages(&bench, &task(101), &log).len(), 2);
    assert_eq!(messages(&bench, &task(100), &log).len(), 1);
}
