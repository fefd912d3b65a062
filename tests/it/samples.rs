//! The README's first command on `sample-logs/`: every finding of its own README is found by the filter it names.

use crate::support::Bench;
use std::sync::OnceLock;

fn indexed() -> &'static Bench {
    static ONCE: OnceLock<Bench> = OnceLock::new();
    ONCE.get_or_init(|| {
        let bench = Bench::new();
        let logs = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs");
        bench.ok(&["index", logs, "--data", "d"]);
        bench
    })
}

fn rows(query: &str) -> Vec<serde_json::Value> {
    indexed().ok(&["search", "--data", "d", "--json", "--limit", "500", query]).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn path(id: &str) -> serde_json::Value {
    serde_json::from_str(&indexed().ok(&["show", "--data", "d", "--json", id])).unwrap()
}

#[test]
fn the_prompt_that_made_the_slow_ones_slower_is_found_by_the_version_filter() {
    let p95 = |query: &str| {
        let mut totals: Vec<i64> = rows(query).iter().filter_map(|r| r["completion_ns"].as_i64()).collect();
        totals.sort_unstable();
        assert!(totals.len() > 150, "{query}: {}", totals.len());
        totals[totals.len() * 95 / 100]
    };
    assert!(p95("prompt:summarise@9") as f64 > 1.3 * p95("prompt:summarise@8") as f64);
}

#[test]
fn semantic_failures_retried_into_the_dead_letters_are_exactly_the_three() {
    let mut ids: Vec<String> = rows("preset:semantic-retried").iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    assert_eq!(ids, ["req_01M7QDEYA7CFRCCH4EH6WVA5R8", "req_01M7QFEWN4W75RQ80FQHHVX9GG", "req_01M7QH2YA6XMN1QPGV9WEQ0AH6"]);
    let doc = path("req_01M7QDEYA7CFRCCH4EH6WVA5R8");
    assert_eq!((doc["state"].as_str(), doc["verdict"]["retries"].as_u64()), (Some("dead_letter"), Some(3)));
    assert_eq!(doc["spans"].as_array().unwrap().iter().filter(|s| s["kind"] == "retry_wait").count(), 3);
}

#[test]
fn a_fallback_that_answered_is_said_and_a_queue_that_backed_up_is_measured() {
    let doc = path("req_01M7QDR9APRHT2H0HF90CN64CK");
    assert_eq!(doc["verdict"]["serving"], "fallback", "{}", doc["verdict"]["sentence"]);
    let waited = path("req_01M7QGFP4Z7RT7ZZGYQE2G9KB0");
    let wait = waited["completion"]["by_kind_ns"]["queue_wait"].as_i64().unwrap();
    assert!((40_000_000_000..50_000_000_000).contains(&wait), "{wait}");
}

#[test]
fn every_breakdown_of_the_samples_adds_up_and_any_id_leads_to_the_same_path() {
    let mut seen = 0;
    for line in indexed().ok(&["export", "--data", "d", "--format", "path-ndjson"]).lines() {
        let doc: serde_json::Value = serde_json::from_str(line).unwrap();
        for part in ["breakdown", "completion"] {
            let sum: i64 = doc[part]["segments"].as_array().unwrap().iter().map(|s| s["ns"].as_i64().unwrap()).sum();
            assert_eq!(Some(sum), doc[part]["total_ns"].as_i64(), "{}", doc["request_id"]);
        }
        seen += 1;
    }
    assert!(seen > 900, "{seen}");
    assert_eq!(path("09067a52-90b0-48b1-aa54-2ea128c3745a"), path("req_01M7QGFP4Z7RT7ZZGYQE2G9KB0"));
}

#[test]
fn a_caller_that_left_is_not_a_failure_of_the_work() {
    let stream = path("req_01M7QEWF9ZMR6S11Q9RWH59TF2");
    assert_eq!((stream["state"].as_str(), stream["status"].as_u64()), (Some("client_disconnect"), Some(200)), "{}", stream["verdict"]["sentence"]);
}

fn spans(doc: &serde_json::Value, kind: &str) -> Vec<serde_json::Value> {
    doc["spans"].as_array().unwrap().iter().filter(|s| s["kind"] == kind).cloned().collect()
}

#[test]
fn the_sentence_of_a_fallback_points_at_the_call_that_answered() {
    let doc = path("req_01M7QDR9APRHT2H0HF90CN64CK");
    let answered = spans(&doc, "model_call").into_iter().find(|s| s["outcome"] == "ok").unwrap();
    assert_eq!((answered["name"].as_str(), doc["verdict"]["degraded"].as_bool()), (Some("gpt-4.1-nano-2025-04-14"), Some(true)));
    let served = indexed().serve(&["--data", "served", "--no-follow", concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs")]);
    let (_, page) = served.get("/r/req_01M7QDR9APRHT2H0HF90CN64CK");
    let line = answered["lines"][0].as_str().unwrap().rsplit('/').next().unwrap().replace(".log.1.gz:", ".log-").replace(':', "-");
    let linked = format!("href=\"#{line}-model_call\">gpt-4.1-nano-2025-04-14 answered</a>");
    assert!(page.contains(&linked), "{linked}");
}

#[test]
fn time_after_the_response_that_steps_state_is_theirs_and_waits_between_tries_are_waits() {
    let overlapping = path("req_01M7QD7GMJ1B8Y8SA36ZH1JYK2");
    assert_eq!(overlapping["completion"]["by_kind_ns"]["unaccounted"].as_i64(), None, "{}", overlapping["completion"]["by_kind_ns"]);
    let retried = path("req_01M7QENEH7GPYFT1TS3MF4CQCP");
    let stated: i64 = spans(&retried, "retry_wait").iter().map(|s| time(&s["end"]) - time(&s["start"])).sum();
    assert_eq!(retried["completion"]["by_kind_ns"]["retry_wait"].as_i64(), Some(stated));
}

fn time(value: &serde_json::Value) -> i64 {
    chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap().timestamp_nanos_opt().unwrap()
}

#[test]
fn a_step_hangs_under_another_only_when_it_happened_inside_it() {
    for id in ["req_01M7QEWF9ZMR6S11Q9RWH59TF2", "req_01M7QE7PKEVS6NG7AG2ZSJX0KW"] {
        let doc = path(id);
        let app = spans(&doc, "app").remove(0);
        assert!(spans(&doc, "db_write").iter().chain(&spans(&doc, "other")).all(|s| s["parent"] == app["id"]), "{id}");
    }
}

#[test]
fn a_message_delivered_twice_that_ran_twice_at_once_is_said_so_and_half_a_record_is_no_request() {
    let twice = path("req_01M7QERANGYWT20V016GM0PGZE");
    let said: Vec<&str> = twice["anomalies"].as_array().unwrap().iter().filter(|a| a["kind"] == "duplicate_delivery").map(|a| a["text"].as_str().unwrap()).collect();
    assert_eq!(said, ["index_document was running twice at the same time"]);
    // The half of an id leads to the whole one, as any beginning does.
    assert!(path("b6906")["ids"].as_array().unwrap().iter().any(|id| id["value"] == "b690658f-1e8c-41d1-849c-8cc138eaa822"));
    let whole = path("req_01M7QG7YB96FP5QWW85W7Q14SZ");
    assert!(whole["ids"].as_array().unwrap().iter().any(|id| id["value"] == "99848239-a049-43bd-8ef9-7fab4c23a4a9"));
}

#[test]
fn the_tokens_of_a_call_that_its_caller_and_the_gateway_log_count_once() {
    assert_eq!(path("req_01M7QD3SPE77Z291S0ASJ7NCFR")["tokens"]["input"].as_u64(), Some(7_523));
}

#[test]
fn a_task_in_the_dead_letters_ran_from_its_own_queue() {
    let doc = path("req_01M7QDEYA7CFRCCH4EH6WVA5R8");
    let queues: Vec<_> = spans(&doc, "task").iter().chain(&spans(&doc, "retry_wait")).map(|s| s["queue"].as_str().unwrap_or("-").to_owned()).collect();
    assert_eq!(queues, ["reviews"; 7]);
}

#[test]
fn a_path_in_the_terminal_keeps_to_its_width() {
    for width in ["60", "100", "160"] {
        for id in ["req_01M7QDEYA7CFRCCH4EH6WVA5R8", "req_01M7QDR9APRHT2H0HF90CN64CK", "req_01M7QEWF9ZMR6S11Q9RWH59TF2", "req_01M7QGFP4Z7RT7ZZGYQE2G9KB0"] {
            let out = indexed().command(&["show", "--data", "d", id]).env("COLUMNS", width).output().unwrap();
            let shown = String::from_utf8(out.stdout).unwrap().replace(concat!(env!("CARGO_MANIFEST_DIR"), "/"), "");
            let wide: Vec<&str> = shown.lines().filter(|row| row.chars().count() > width.parse().unwrap()).collect();
            // An id and the words of where it is proved are never cut.
            assert!(wide.iter().all(|row| row.starts_with("  call ") || row.starts_with("            ")), "{width}: {wide:#?}");
            assert!(shown.contains('▏') || shown.contains('█'), "{shown}");
        }
    }
}

#[test]
fn a_path_in_the_terminal_looks_as_it_did() {
    for (name, id) in [("dead_letter", "req_01M7QDEYA7CFRCCH4EH6WVA5R8"), ("fallback", "req_01M7QDR9APRHT2H0HF90CN64CK"), ("client_left", "req_01M7QEWF9ZMR6S11Q9RWH59TF2")] {
        let shown = indexed().ok(&["show", "--data", "d", id]).replace(concat!(env!("CARGO_MANIFEST_DIR"), "/"), "");
        insta::assert_snapshot!(name, shown);
    }
}
