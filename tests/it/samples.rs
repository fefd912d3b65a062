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
