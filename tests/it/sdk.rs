//! Calls of models that an SDK and its HTTP client tell of, each by its own lines: attempts, waits, fallbacks, and what is one call told twice.

use crate::handover::{document, id, indexed, said};
use serde_json::{Value, json};

pub const REQUEST: &str = "req_4a946f9cec8c42d384c006d98cb6f6a7";

/// What a model's server answered, as the HTTP client tells.
pub fn answered(at_ms: u64, path: &str, status: &str) -> String {
    said(at_ms, "worker", &format!("HTTP Request: POST https://models.example.com/v1/{path} \"HTTP/1.1 {status}\""), &json!({"request_id": REQUEST, "logger": "httpx"}))
}

pub fn noted(at_ms: u64, level: &str, message: &str) -> String {
    said(at_ms, "worker", message, &json!({"request_id": REQUEST, "level": level}))
}

/// A request that queues a task at 10 ms, which runs from 20 ms; `work` is what its worker says meanwhile.
pub fn path(work: &[String], ends_ms: u64) -> Value {
    let task = id(2, 1);
    let both = json!({"request_id": REQUEST, "job_id": task});
    let mut lines = vec![
        said(0, "api", "request started", &json!({"request_id": REQUEST, "method": "POST", "path": "/contracts"})),
        said(10, "api", "job enqueued", &both),
        said(12, "api", "request finished", &json!({"request_id": REQUEST, "method": "POST", "path": "/contracts", "status": 202, "duration_ms": 12})),
        said(20, "worker", "job started", &both),
    ];
    lines.extend_from_slice(work);
    lines.push(said(ends_ms, "worker", "job finished", &both));
    document(&indexed(&lines), REQUEST)
}

pub fn ms(span: &Value, end: &str) -> u64 {
    let text = span[end].as_str().unwrap();
    let (seconds, part) = text[17..].trim_end_matches('Z').split_once('.').unwrap();
    seconds.parse::<u64>().unwrap() * 1_000 + part[..3].parse::<u64>().unwrap()
}

/// Kind, name, begin, end and outcome of the steps below the task.
pub fn steps(path: &Value) -> Vec<(String, String, u64, u64, String)> {
    let spans = path["spans"].as_array().unwrap();
    let word = |span: &Value, key: &str| span[key].as_str().unwrap_or_default().to_owned();
    let inner = |kind: &str| matches!(kind, "model_call" | "retry_wait" | "tool" | "db_write");
    let of = |span: &Value| (word(span, "kind"), word(span, "name"), ms(span, "start"), ms(span, "end"), word(span, "outcome"));
    spans.iter().filter(|span| inner(span["kind"].as_str().unwrap())).map(of).collect()
}

pub fn step(kind: &str, name: &str, start: u64, end: u64, outcome: &str) -> (String, String, u64, u64, String) {
    (kind.into(), name.into(), start, end, outcome.into())
}

/// A span of a kind, of which there is one.
pub fn only<'p>(path: &'p Value, kind: &str) -> &'p Value {
    let mut found = path["spans"].as_array().unwrap().iter().filter(|span| span["kind"] == kind);
    let span = found.next().unwrap();
    assert_eq!(found.next(), None);
    span
}

#[test]
fn attempts_that_only_the_http_client_tells_of_are_drawn_with_the_waits_between_them_and_the_fallback() {
    let work = [
        answered(60, "chat/completions", "503 Service Unavailable"),
        noted(61, "info", "Retrying request in 0.400000 seconds"),
        answered(520, "chat/completions", "503 Service Unavailable"),
        noted(522, "warning", "gpt-4.1 failed with InternalServerError, trying claude-sonnet-4-5"),
        answered(600, "messages", "200 OK"),
        said(602, "worker", "extraction done", &json!({"request_id": REQUEST, "model": "claude-sonnet-4-5", "output_tokens": 64})),
    ];
    let path = path(&work, 640);
    assert_eq!(
        steps(&path),
        [
            step("model_call", "gpt-4.1", 20, 60, "error"),
            step("retry_wait", "retry wait before gpt-4.1", 60, 461, "ok"),
            step("model_call", "gpt-4.1", 461, 520, "error"),
            step("model_call", "claude-sonnet-4-5", 522, 600, "ok"),
        ]
    );
    let verdict = &path["verdict"];
    assert_eq!((&verdict["serving"], &verdict["fallback_from"], &verdict["fallback_to"]), (&json!("fallback"), &json!("gpt-4.1"), &json!("claude-sonnet-4-5")));
    assert_eq!((&verdict["retries"], &verdict["retry_class"]), (&json!(1), &json!("transient")));
}

#[test]
fn a_time_limit_is_told_by_the_notice_alone_and_two_that_may_have_been_asked_at_once_are_not_chained() {
    let limit = path(&[noted(3_020, "info", "Retrying request to /chat/completions in 0.500000 seconds"), answered(3_900, "chat/completions", "200 OK")], 4_000);
    assert_eq!(
        steps(&limit),
        [
            step("model_call", "model call", 20, 3_020, "timeout"),
            step("retry_wait", "retry wait before chat/completions", 3_020, 3_520, "ok"),
            step("model_call", "chat/completions", 3_520, 3_900, "ok"),
        ]
    );
    let two = path(&[answered(400, "chat/completions", "200 OK"), answered(450, "chat/completions", "200 OK")], 500);
    assert_eq!(steps(&two), [step("model_call", "chat/completions", 20, 400, "ok")]);
}

#[test]
fn a_call_of_a_gateway_is_not_told_again_by_the_client_that_asked_it() {
    let asked = json!({"request_id": REQUEST, "call_id": "call-5f0a3c2d71b94e88", "model": "gpt-4.1", "input_tokens": 10, "output_tokens": 4, "duration_ms": 340});
    let path = path(&[said(395, "gateway", "completion finished", &asked), answered(400, "chat/completions", "200 OK")], 500);
    assert_eq!(steps(&path), [step("model_call", "gpt-4.1", 55, 395, "ok")]);
}

#[test]
fn the_calls_of_an_agent_are_drawn_and_not_the_loop_that_one_line_counts() {
    let work = [
        answered(400, "chat/completions", "200 OK"),
        said(
            460,
            "worker",
            "tool lookup_clause done",
            &json!({"request_id": REQUEST, "tool_call_id": "call_hHw7zF4xptteBOiBYL55e38R", "tool": "lookup_clause", "duration_ms": 40}),
        ),
        answered(900, "chat/completions", "200 OK"),
        said(
            905,
            "worker",
            "agent finished",
            &json!({"request_id": REQUEST, "completion_id": "chatcmpl-fCq4IH2avM9RNursDkkJUMgl9A", "model": "gpt-4.1", "input_tokens": 7732, "output_tokens": 1012, "duration_ms": 880}),
        ),
    ];
    let path = path(&work, 950);
    assert_eq!(steps(&path), [step("model_call", "gpt-4.1", 20, 400, "ok"), step("tool", "lookup_clause", 420, 460, "ok"), step("model_call", "gpt-4.1", 460, 900, "ok")]);
    assert_eq!(path["tokens"], json!({"input": 7732, "output": 1012}), "counted once");
    assert_eq!(path["unplaced"], json!([]));
}

/// A request whose model calls are told answer by answer, and as a whole.
fn twice(lines: &[(u64, &str, &str, Value)], whole_ms: u64, more: Value) -> Value {
    let line = |at_ms: u64, level: &str, message: &str, more: &Value| {
        let mut told = json!({"request_id": REQUEST, "level": level});
        told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        said(at_ms, "api", message, &told)
    };
    let ends = lines.last().unwrap().0 + 2;
    let mut out = vec![said(0, "api", "request started", &json!({"request_id": REQUEST, "method": "POST", "path": "/ask"}))];
    out.extend(lines.iter().map(|(at, level, message, more)| line(*at, level, message, more)));
    let mut whole = json!({"model": "gpt-4.1-mini", "response_id": "chatcmpl-IzraUX8f07kN3KGgWlUEJDxj7r", "input_tokens": 3732, "output_tokens": 603, "finish_reason": "stop", "duration_ms": whole_ms});
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    out.push(line(ends, "info", "model call finished", &whole));
    out.push(said(ends + 10, "api", "request finished", &json!({"request_id": REQUEST, "method": "POST", "path": "/ask", "status": 200, "duration_ms": ends + 10})));
    document(&indexed(&out), REQUEST)
}

fn answer(status: u16, duration_ms: u64) -> Value {
    json!({"provider": "openai", "model": "gpt-4.1-mini", "status": status, "duration_ms": duration_ms, "upstream_request_id": format!("req_cf775f44b12cbaa62f6379082d{status:06x}{duration_ms:04x}")})
}

#[test]
fn a_call_that_is_told_by_its_answers_and_as_a_whole_is_drawn_once() {
    let plain = twice(&[(500, "info", "provider answered", answer(200, 480))], 484, json!({}));
    assert_eq!(steps(&plain), [step("model_call", "gpt-4.1-mini", 20, 500, "ok")]);
    assert_eq!(only(&plain, "model_call")["lines"], json!(["all.log:2", "all.log:3"]));
    assert_eq!(only(&plain, "model_call")["model"]["output_tokens"], 603);
    let retried = twice(&[(120, "warning", "provider answered", answer(429, 100)), (1_500, "info", "provider answered", answer(200, 400))], 1_482, json!({}));
    assert_eq!(
        steps(&retried),
        [
            step("model_call", "gpt-4.1-mini", 20, 120, "error"),
            step("retry_wait", "retry wait before gpt-4.1-mini", 120, 1_100, "ok"),
            step("model_call", "gpt-4.1-mini", 1_100, 1_500, "ok"),
        ]
    );
    // The status of a stream comes first.
    let streamed = twice(&[(500, "info", "provider answered", answer(200, 480)), (1_998, "info", "still streaming", json!({}))], 1_985, json!({"ttft_ms": 520}));
    assert_eq!(steps(&streamed), [step("model_call", "gpt-4.1-mini", 20, 2_000, "ok")]);
}

#[test]
fn an_answer_that_its_program_finds_not_to_fit_is_a_semantic_retry() {
    let asked_again = [
        (500, "info", "provider answered", answer(200, 480)),
        (502, "warning", "answer does not match the schema, asking again", json!({})),
        (900, "info", "provider answered", answer(200, 390)),
    ];
    let path = twice(&asked_again, 884, json!({}));
    assert_eq!(steps(&path), [step("model_call", "gpt-4.1-mini", 20, 500, "error"), step("model_call", "gpt-4.1-mini", 510, 900, "ok")]);
    assert_eq!((&path["verdict"]["retries"], &path["verdict"]["retry_class"]), (&json!(1), &json!("semantic")));
    // Without a complaint they are two calls.
    let two = twice(&[asked_again[0].clone(), asked_again[2].clone()], 884, json!({}));
    assert_eq!(two["verdict"]["retries"], 0);
}

#[test]
fn what_is_tried_again_is_a_call_of_a_model_only_where_that_is_said() {
    let work = [
        noted(100, "warning", "connection to redis lost, retrying in 2 seconds"),
        noted(300, "warning", "webhook answered 503, retrying in 1.5 s"),
        said(400, "worker", "HTTP Request: POST http://conversations.internal/v1/conversations/42/messages \"HTTP/1.1 201 Created\"", &json!({"request_id": REQUEST})),
        noted(450, "warning", "job failed: ECONNRESET, next attempt in 4 s"),
    ];
    let path = path(&work, 500);
    assert_eq!(steps(&path), []);
    assert_eq!((&path["verdict"]["retries"], &path["verdict"]["serving"]), (&json!(0), &json!("unknown")));
}

#[test]
fn names_that_are_no_models_of_the_path_are_no_fallback() {
    let work =
        [answered(300, "embeddings", "503 Service Unavailable"), noted(301, "warning", "vector-store failed, using bm25-search"), answered(900, "chat/completions", "200 OK")];
    let first = path(&work, 950);
    assert_eq!((&first["verdict"]["fallback_from"], &first["verdict"]["degraded"]), (&Value::Null, &json!(false)), "{}", first["verdict"]);
    // Another host may be another's model: neither a retry.
    let other = answered(900, "chat/completions", "200 OK").replace("models.example.com", "spare.example.org");
    let second = path(&[answered(300, "chat/completions", "503 Service Unavailable"), noted(301, "warning", "azure-east failed, trying openai-direct"), other], 950);
    assert_eq!(second["verdict"]["retries"], 0);
}

#[test]
fn of_two_that_were_asked_at_once_the_one_that_failed_is_not_tried_again_by_the_other() {
    let path = path(&[answered(900, "chat/completions", "400 Bad Request"), answered(1_000, "chat/completions", "200 OK")], 1_100);
    assert_eq!(steps(&path), [step("model_call", "chat/completions", 20, 900, "error")]);
    assert_eq!(path["verdict"]["retries"], 0);
}

#[test]
fn a_warning_between_two_calls_is_no_complaint_about_the_first() {
    let call = |at_ms: u64, n: u64| {
        said(
            at_ms,
            "worker",
            "model answered",
            &json!({"request_id": REQUEST, "logger": "models", "completion_id": format!("chatcmpl-IzraUX8f07kN3KGgWlUEJDx{n:03}"), "model": "gpt-4.1", "output_tokens": 8, "duration_ms": 200}),
        )
    };
    for warning in ["couldn't parse Accept-Language", "user's attachment could not parse as PDF, skipping", "chunk 0: answer failed validation, dropped"] {
        let path = path(&[call(300, 1), noted(301, "warning", warning), call(600, 2)], 700);
        assert_eq!((steps(&path)[0].4.as_str(), &path["verdict"]["retries"]), ("ok", &json!(0)), "{warning}");
    }
}

#[test]
fn a_loop_whose_last_answer_cannot_be_drawn_stays_as_it_is_told() {
    let tool = said(460, "worker", "tool lookup done", &json!({"request_id": REQUEST, "tool_call_id": "call_hHw7zF4xptteBOiBYL55e38R", "tool": "lookup", "duration_ms": 40}));
    let whole =
        json!({"request_id": REQUEST, "completion_id": "chatcmpl-fCq4IH2avM9RNursDkkJUMgl9A", "model": "gpt-4.1", "input_tokens": 900, "output_tokens": 200, "duration_ms": 1_280});
    let work = [
        answered(400, "chat/completions", "200 OK"),
        tool,
        answered(900, "chat/completions", "200 OK"),
        answered(1_300, "chat/completions", "200 OK"),
        said(1_305, "worker", "agent finished", &whole),
    ];
    let path = path(&work, 1_350);
    assert_eq!(steps(&path), [step("model_call", "gpt-4.1", 25, 1_305, "ok"), step("tool", "lookup", 420, 460, "ok")]);
    assert_eq!(path["tokens"], json!({"input": 900, "output": 200}));
}

#[test]
fn what_is_not_known_to_have_begun_is_at_most_so_much_of_the_whole() {
    let lines = [
        said(0, "api", "request started", &json!({"request_id": REQUEST, "method": "POST", "path": "/ask"})),
        said(8_500, "api", "HTTP Request: POST https://models.example.com/v1/chat/completions \"HTTP/1.1 200 OK\"", &json!({"request_id": REQUEST})),
        said(8_600, "api", "request finished", &json!({"request_id": REQUEST, "method": "POST", "path": "/ask", "status": 200, "duration_ms": 8_600})),
    ];
    let path = document(&indexed(&lines), REQUEST);
    assert_eq!(path["verdict"]["sentence"], "Answered in 8.60 s. At most 98 % of it was chat/completions. ");
    assert_eq!(only(&path, "model_call")["evidence"], "assumed");
}

/// What an SDK writes of an attempt, under its own marks.
fn sdk(at_ms: u64, mark: &str, said_of_it: &str) -> String {
    let provider = format!("req_{}", id(7, at_ms));
    noted(at_ms, "info", &format!("[{mark}, x-request-id: \"{provider}\"] post https://api.openai.com/v1/chat/completions {said_of_it}"))
}

fn model(at_ms: u64, message: &str, more: &Value) -> String {
    let mut all = json!({"request_id": REQUEST, "model": "gpt-4.1"});
    all.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    said(at_ms, "worker", message, &all)
}

#[test]
fn attempts_that_an_sdk_tells_the_length_of_are_drawn_with_the_waits_between_them() {
    let work = [
        model(50, "calling model", &json!({})),
        sdk(91, "log_c51795", "failed with status 503 in 41ms - retrying, 2 attempts remaining"),
        sdk(641, "log_c95363, retryOf: log_c51795", "failed with status 500 in 82ms - retrying, 1 attempts remaining"),
        sdk(1_470, "log_176759, retryOf: log_c51795", "succeeded with status 200 in 300ms"),
        model(1_530, "first token", &json!({"ttft_ms": 1_480})),
        model(2_050, "model call finished", &json!({"completion_id": "chatcmpl-AQ22IkVe5MR0gMp4kJeYyImBIi", "output_tokens": 554, "duration_ms": 2_000})),
    ];
    let path = path(&work, 2_060);
    let want = [
        step("model_call", "gpt-4.1", 50, 91, "error"),
        step("retry_wait", "retry wait before gpt-4.1", 91, 559, "ok"),
        step("model_call", "gpt-4.1", 559, 641, "error"),
        step("retry_wait", "retry wait before gpt-4.1", 641, 1_170, "ok"),
        step("model_call", "gpt-4.1", 1_170, 2_050, "ok"),
    ];
    assert_eq!(steps(&path), want);
    assert_eq!((&path["verdict"]["retries"], &path["verdict"]["retry_class"]), (&json!(2), &json!("transient")));
}

#[test]
fn attempts_that_run_into_a_time_limit_take_as_long_as_the_first_that_did() {
    let lost = |at_ms: u64, mark: &str, what: &str| noted(at_ms, "info", &format!("[{mark}] connection timed out - {what}"));
    let work = [
        model(50, "calling model", &json!({})),
        lost(4_053, "log_c06a7d", "retrying, 1 attempts remaining"),
        lost(8_437, "log_c77f2d", "error; no more retries left"),
        model(8_437, "model call failed", &json!({"level": "warn", "errorType": "APIConnectionTimeoutError", "duration_ms": 8_387})),
    ];
    let path = path(&work, 8_450);
    let want = [
        step("model_call", "gpt-4.1", 50, 4_053, "timeout"),
        step("retry_wait", "retry wait before gpt-4.1", 4_053, 4_434, "ok"),
        step("model_call", "gpt-4.1", 4_434, 8_437, "timeout"),
    ];
    assert_eq!(steps(&path), want);
    let second = path["spans"].as_array().unwrap().iter().rfind(|span| span["kind"] == "model_call").unwrap();
    assert_eq!(second["evidence"], "assumed");
}

#[test]
fn attempts_are_left_alone_where_another_call_is_open_beside_them() {
    let work = [
        model(50, "calling model", &json!({})),
        sdk(91, "log_c51795", "failed with status 503 in 41ms - retrying, 2 attempts remaining"),
        model(400, "calling model", &json!({"model": "gpt-4.1-mini"})),
        sdk(641, "log_c95363, retryOf: log_c51795", "succeeded with status 200 in 82ms"),
        model(700, "model call finished", &json!({"completion_id": "chatcmpl-AQ22IkVe5MR0gMp4kJeYyImBIi", "output_tokens": 554, "duration_ms": 650})),
        model(900, "model call finished", &json!({"model": "gpt-4.1-mini", "completion_id": "chatcmpl-BQ22IkVe5MR0gMp4kJeYyImBIi", "output_tokens": 12, "duration_ms": 500})),
    ];
    assert_eq!(steps(&path(&work, 910)), [step("model_call", "gpt-4.1", 50, 700, "ok"), step("model_call", "gpt-4.1-mini", 400, 900, "ok")]);
}

#[test]
fn an_answer_that_is_begun_ends_with_the_line_that_ends_its_stream() {
    let of = |at: u64, message: &str, more: &Value| {
        let mut all = json!({"request_id": REQUEST});
        all.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        said(at, "api", message, &all)
    };
    let begun = |at: u64| of(at, "response started", &json!({"method": "POST", "path": "/letters", "status": 200, "duration_ms": 652}));
    let stream = |ends: u64, message: &str| {
        [of(4, "request started", &json!({"method": "POST", "path": "/letters"})), begun(656), of(ends, message, &json!({"chunks": 28, "duration_ms": ends - 4}))]
    };
    let visit = |lines: &[String]| {
        let path = document(&indexed(lines), REQUEST);
        let span = only(&path, "app");
        (ms(span, "start"), ms(span, "end"), span["outcome"].as_str().unwrap().to_owned())
    };
    assert_eq!(visit(&stream(2_228, "stream finished")), (4, 2_228, "ok".into()));
    assert_eq!(visit(&stream(1_100, "client closed the stream")), (4, 1_100, "cancelled".into()));
    assert_eq!(visit(&stream(1_100, "stream broken")), (4, 1_100, "error".into()));
    // Where nothing ends it, its begin is all that is known.
    assert_eq!(visit(&stream(2_228, "stream finished")[..2]), (4, 656, "ok".into()));
}

#[test]
fn an_answer_that_does_not_match_and_is_asked_for_again_is_a_semantic_retry() {
    let model = |at: u64, n: u64, took: u64| {
        said(
            at,
            "worker",
            "llm response",
            &json!({"request_id": REQUEST, "job_id": id(2, 1), "llm": "gpt-4.1", "completion": format!("chatcmpl-{}", id(6, n)), "out_tokens": 319, "took_ms": took}),
        )
    };
    let work = [
        model(470, 1, 440),
        said(471, "worker", "llm output does not match Triage, asking again", &json!({"request_id": REQUEST, "job_id": id(2, 1), "level": "warning", "problems": 3})),
        model(2_180, 2, 1_700),
    ];
    let path = path(&work, 2_190);
    assert_eq!((&path["verdict"]["retries"], &path["verdict"]["retry_class"]), (&json!(1), &json!("semantic")));
}

#[test]
fn attempts_under_two_marks_are_of_two_calls_and_a_call_that_goes_on_behind_another_keeps_its_time() {
    let finished = |at: u64, n: u64, took: u64| model(at, "model call finished", &json!({"output_tokens": n, "duration_ms": took}));
    // Another chain of attempts was open beside the one whose end is told.
    let chains = [
        sdk(90, "log_aaaaaa, retryOf: log_111111", "failed with status 500 in 40ms - error; no more retries left"),
        sdk(690, "log_bbbbbb", "succeeded with status 200 in 640ms"),
        finished(700, 12, 650),
    ];
    assert_eq!(steps(&path(&chains, 710)), [step("model_call", "gpt-4.1", 50, 700, "ok")]);
    let crossing = [
        sdk(460, "log_aaaaaa", "failed with status 503 in 40ms - retrying, 2 attempts remaining"),
        sdk(600, "log_bbbbbb", "succeeded with status 200 in 570ms"),
        finished(610, 12, 600),
        sdk(900, "log_cccccc, retryOf: log_aaaaaa", "succeeded with status 200 in 300ms"),
        finished(910, 13, 500),
    ];
    assert_eq!(steps(&path(&crossing, 920)), [step("model_call", "gpt-4.1", 10, 610, "ok"), step("model_call", "gpt-4.1", 410, 910, "ok")]);
}

#[test]
fn what_other_sdks_of_the_same_make_tell_is_no_call_of_a_model() {
    let other =
        |at: u64, said_of_it: &str| noted(at, "info", &format!("[log_c5179{at}, x-request-id: \"req_{}\"] post https://api.cards.example.com/v1/cards {said_of_it}", id(7, at)));
    let work = [
        other(91, "failed with status 503 in 41ms - retrying, 2 attempts remaining"),
        noted(800, "info", "[log_ee01] connection timed out - retrying, 1 attempts remaining"),
        other(990, "succeeded with status 200 in 40ms"),
    ];
    let path = path(&work, 1_000);
    assert_eq!((steps(&path), &path["verdict"]["retries"]), (vec![], &json!(0)));
}
