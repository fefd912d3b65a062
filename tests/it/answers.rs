//! What records of answers tell: when they were asked, who had left, what ended them; and how often a model was asked before another was.

use crate::support::Bench;
use serde_json::{Value, json};

fn instant(at_ms: u64) -> String {
    format!("2026-11-23T09:{:02}:{:02}.{:03}Z", at_ms / 60_000 % 60, at_ms / 1_000 % 60, at_ms % 1_000)
}

fn line(at_ms: u64, service: &str, more: &Value) -> String {
    let mut line = json!({"time": instant(at_ms), "level": "info", "service": service});
    line.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    line.to_string()
}

fn id(n: u64) -> String {
    format!("{n:08x}-6c5e-4c7a-9c1d-0f2a3b4c5d6e")
}

fn document(lines: &[String], id: &str) -> Value {
    let bench = Bench::new();
    bench.write("all.log", lines.join("\n") + "\n");
    bench.ok(&["index", "all.log", "--data", "d"]);
    serde_json::from_str(&bench.ok(&["show", id, "--data", "d", "--json"])).unwrap()
}

fn spans<'d>(document: &'d Value, kind: &str) -> Vec<&'d Value> {
    document["spans"].as_array().unwrap().iter().filter(|span| span["kind"] == kind).collect()
}

/// Requests of lengths that differ: the edge writes when it was asked, the application as it begins and ends.
fn asked(requests: u64) -> Vec<String> {
    (0..requests)
        .flat_map(|n| {
            let (at, length) = (n * 3_000, 100 + n * 40);
            [
                line(at, "edge", &json!({"unique": id(n), "method": "POST", "path": "/ask", "status": 200, "duration_ms": length})),
                line(at + 5, "api", &json!({"msg": "request started", "request_id": id(n), "method": "POST", "path": "/ask"})),
                line(at + length - 5, "api", &json!({"msg": "request finished", "request_id": id(n), "method": "POST", "path": "/ask", "status": 200, "duration_ms": length - 10})),
            ]
        })
        .collect()
}

#[test]
fn an_edge_that_writes_when_it_was_asked_is_drawn_around_what_it_let_in() {
    let document = document(&asked(20), &id(3));
    let edge = spans(&document, "edge")[0];
    assert_eq!((&edge["start"], &edge["end"]), (&json!("2026-11-23T09:00:09.000000000Z"), &json!("2026-11-23T09:00:09.220000000Z")));
    assert_eq!(document["response_ns"], 220_000_000_u64);
}

#[test]
fn too_few_answers_leave_the_time_the_end() {
    let document = document(&asked(6), &id(3));
    assert_eq!(spans(&document, "edge")[0]["end"], "2026-11-23T09:00:09.000000000Z");
}

#[test]
fn a_client_that_left_is_told_by_a_proxys_letters_whatever_the_status() {
    let of = |letters: &str| {
        let record = json!({"Tq": 1, "Tw": 0, "Tc": 0, "Tr": -1, "Ta": 553, "method": "POST", "path": "/chat", "status": 400, "request_id": id(1), "term": letters});
        document(&[line(600, "edge", &record)], &id(1))["state"].clone()
    };
    assert_eq!((of("CH--"), of("PR--")), (json!("client_disconnect"), json!("rejected")));
}

#[test]
fn an_answer_without_a_length_ends_the_visit_that_a_step_states_one_in() {
    let lines = [
        line(0, "api", &json!({"msg": "request started", "request_id": id(1), "method": "POST", "path": "/ask"})),
        line(900, "api", &json!({"msg": "agent gave up", "request_id": id(1), "duration_ms": 890})),
        line(1_000, "api", &json!({"msg": "request finished", "request_id": id(1), "status": 502})),
    ];
    let document = document(&lines, &id(1));
    let visit = spans(&document, "app")[0];
    assert_eq!(
        (&visit["start"], &visit["end"], &visit["status"]),
        (&json!(format!("{}000000Z", &instant(0)[..23])), &json!(format!("{}000000Z", &instant(1_000)[..23])), &json!(502))
    );
}

#[test]
fn the_tries_before_a_fallback_are_those_of_the_calls_that_fell_back() {
    let mut lines = vec![line(0, "api", &json!({"msg": "request started", "request_id": id(1), "method": "POST", "path": "/ask"}))];
    for (call, prompt) in [(0_u64, "draft"), (1, "check")] {
        for (n, model) in ["nova", "nova", "nova", "swift"].into_iter().enumerate() {
            let at = 1_000 + call * 4_000 + n as u64 * 500;
            let status = if model == "nova" { 500 } else { 200 };
            lines.push(line(
                at,
                "api",
                &json!({"msg": "model call", "request_id": id(1), "model": model, "prompt_name": prompt, "attempt": n + 1, "status": status, "latency_ms": 100, "input_tokens": 10}),
            ));
        }
    }
    let document = document(&lines, &id(1));
    let sentence = document["verdict"]["sentence"].as_str().unwrap();
    assert!(sentence.contains("6 tries of nova failed and swift answered"), "{sentence}");
}
