//! Exports as other tools take them: checked against what their formats demand, on requests made by hand, at random, and from the samples.

use crate::{
    fixtures::{self, Demo, MS, ZERO, span},
    support::Bench,
};
use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Request},
};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use throughline::{
    export::{otlp, perfetto},
    model::trace::{Evidence, Outcome, SpanKind},
    query::view::PathView,
    web,
};
use tower::ServiceExt;

const LINE: &str = "{\"time\":\"2026-11-18T13:20:00.000Z\",\"level\":\"info\",\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\",\"msg\":\"POST /summarise started\",\"prompt\":\"Sum up the merger of Foo\"}\n\
{\"time\":\"2026-11-18T13:20:00.250Z\",\"level\":\"error\",\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\",\"msg\":\"POST /summarise finished\",\"error\":\"no answer to Sum up the merger of Foo\",\"status\":500,\"duration_ms\":250,\"api_key\":\"k-very-secret-1\"}\n";
const ID: &str = "req_01JDC9V6Q8Z4M2K7T3W5XH0B1N";

fn by_hand() -> Vec<PathView> {
    vec![fixtures::rich(), fixtures::failed(), fixtures::open(), fixtures::hostile(), fixtures::huge(), fixtures::bare()]
}

/// Trace Event Format: "JSON Object Format" and the keys each phase must have.
fn check_perfetto(text: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(text).unwrap();
    let events = document["traceEvents"].as_array().unwrap().clone();
    assert!(matches!(document["displayTimeUnit"].as_str(), Some("ms" | "ns")));
    assert!(document["otherData"].is_object());
    let (mut named, mut threads, mut spans): (HashSet<u64>, HashMap<u64, u64>, HashMap<u64, Vec<(f64, f64)>>) = Default::default();
    let mut flows: HashMap<u64, (Option<f64>, Option<f64>)> = HashMap::new();
    let (mut first, mut last) = (f64::MAX, f64::MIN);
    for e in &events {
        assert!(e["name"].is_string() && e["pid"].is_u64() && e["tid"].is_u64() && e["ts"].is_number(), "{e}");
        let (pid, tid, ts) = (e["pid"].as_u64().unwrap(), e["tid"].as_u64().unwrap(), e["ts"].as_f64().unwrap());
        if e["ph"] != "M" {
            assert!(e["cat"].is_string() && named.contains(&pid), "a process is named before its events: {e}");
            assert_eq!(threads.get(&tid), Some(&pid), "a thread is named before its events, and is of one process: {e}");
        }
        match e["ph"].as_str().unwrap() {
            "M" => match e["name"].as_str().unwrap() {
                "process_name" => assert!(e["args"]["name"].is_string() && named.insert(pid)),
                "thread_name" => assert!(e["args"]["name"].is_string() && threads.insert(tid, pid).is_none()),
                "process_sort_index" | "thread_sort_index" => assert!(e["args"]["sort_index"].is_u64()),
                other => panic!("{other} is no metadata"),
            },
            "X" => {
                let dur = e["dur"].as_f64().unwrap();
                assert!(dur >= 0.0 && e["args"].is_object(), "{e}");
                spans.entry(tid).or_default().push((ts, ts + dur));
                (first, last) = (first.min(ts), last.max(ts + dur));
            }
            "i" => assert!(matches!(e["s"].as_str(), Some("t" | "p" | "g"))),
            "s" => assert!(flows.entry(e["id"].as_u64().unwrap()).or_default().0.replace(ts).is_none()),
            "f" => {
                assert_eq!(e["bp"], "e");
                assert!(flows.entry(e["id"].as_u64().unwrap()).or_default().1.replace(ts).is_none());
            }
            other => panic!("{other} is no phase that is written"),
        }
    }
    for (from, to) in flows.values() {
        assert!(from.unwrap() <= to.unwrap(), "an arrow does not point back");
        assert!(from.unwrap() >= first && to.unwrap() <= last);
    }
    for (tid, spans) in &spans {
        assert_nested(*tid, spans);
    }
    events
}

/// Each pair on a thread is apart or one inside the other.
fn assert_nested(tid: u64, spans: &[(f64, f64)]) {
    const ROUNDING: f64 = 1e-4;
    let mut open: Vec<(f64, f64)> = Vec::new();
    for (start, end) in spans {
        while open.last().is_some_and(|(_, e)| *e <= start + ROUNDING) {
            open.pop();
        }
        if let Some((s, e)) = open.last() {
            assert!(*start + ROUNDING >= *s && *end <= e + ROUNDING, "thread {tid}: {start}..{end} crosses {s}..{e}");
        }
        open.push((*start, *end));
    }
}

/// OTLP's JSON: what `ExportTraceServiceRequest` holds, by the protocol's own mapping.
fn check_otlp(document: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(document).unwrap();
    let mut spans = Vec::new();
    for resource in document["resourceSpans"].as_array().unwrap() {
        attributes(&resource["resource"]["attributes"]);
        assert!(attribute(&resource["resource"], "service.name").is_some());
        for scope in resource["scopeSpans"].as_array().unwrap() {
            assert_eq!(scope["scope"]["name"], "throughline");
            spans.extend(scope["spans"].as_array().unwrap().clone());
        }
    }
    let hex = |v: &Value, digits: usize| {
        let text = v.as_str().unwrap();
        assert!(text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) && text.bytes().any(|b| b != b'0'), "{text}");
        text.to_owned()
    };
    let nanos = |v: &Value| v.as_str().unwrap().parse::<u64>().unwrap();
    let ids: Vec<String> = spans.iter().map(|s| hex(&s["spanId"], 16)).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "span ids are unique");
    for s in &spans {
        assert_eq!(hex(&s["traceId"], 32), hex(&spans[0]["traceId"], 32));
        assert!(s.get("parentSpanId").is_none() || ids.contains(&hex(&s["parentSpanId"], 16)), "a parent is there");
        assert!(s["name"].is_string() && (1..=5).contains(&s["kind"].as_u64().unwrap()));
        assert!(nanos(&s["startTimeUnixNano"]) <= nanos(&s["endTimeUnixNano"]));
        assert!(s["status"].is_object() && s["status"]["code"].as_u64().unwrap_or(0) <= 2);
        attributes(&s["attributes"]);
        for event in s["events"].as_array().unwrap() {
            nanos(&event["timeUnixNano"]);
            assert!(event["name"].is_string());
            attributes(&event["attributes"]);
        }
    }
    spans
}

fn attributes(list: &Value) {
    let mut keys = HashSet::new();
    for pair in list.as_array().unwrap() {
        assert!(keys.insert(pair["key"].as_str().unwrap().to_owned()), "{} stands twice", pair["key"]);
        value(&pair["value"]);
    }
}

fn value(v: &Value) {
    let (kind, inner) = v.as_object().unwrap().iter().next().unwrap();
    assert_eq!(v.as_object().unwrap().len(), 1, "one of the kinds");
    match kind.as_str() {
        "stringValue" => assert!(inner.is_string()),
        "intValue" => assert!(inner.as_str().unwrap().parse::<i64>().is_ok()),
        "doubleValue" => assert!(inner.is_number()),
        "boolValue" => assert!(inner.is_boolean()),
        "arrayValue" => inner["values"].as_array().unwrap().iter().for_each(value),
        other => panic!("{other} is no kind of value"),
    }
}

fn attribute<'a>(of: &'a Value, key: &str) -> Option<&'a Value> {
    of["attributes"].as_array()?.iter().find(|a| a["key"] == key).and_then(|a| a["value"].as_object()?.values().next())
}

fn named<'a>(spans: &'a [Value], name: &str) -> &'a Value {
    spans.iter().find(|s| s["name"] == name).unwrap()
}

#[test]
fn trace_events_of_every_kind_of_request_are_well_formed() {
    for view in by_hand() {
        for hide in [false, true] {
            let events = check_perfetto(&perfetto::document(&view.trace, &view.log, hide));
            let drawn = events.iter().filter(|e| e["ph"] == "X").count();
            assert_eq!(drawn, view.trace.spans.len(), "every step is drawn");
            assert!(events.iter().all(|e| e["ts"].as_f64().unwrap() >= 0.0));
        }
    }
}

#[test]
fn trace_events_say_when_where_and_how_each_step_is_known() {
    let view = fixtures::rich();
    let events = check_perfetto(&perfetto::document(&view.trace, &view.log, false));
    let step = |id: &str| events.iter().find(|e| e["args"]["step"] == id).unwrap();
    let failed = step("s4");
    assert_eq!((failed["ts"].as_f64(), failed["dur"].as_f64()), (Some(70_000.0), Some(632_000.0)));
    assert_eq!((failed["args"]["evidence"].as_str(), failed["args"]["attempt"].as_str(), failed["args"]["error"].as_str()), (Some("stated"), Some("1"), Some("RateLimitError")));
    let process = |name: &str| events.iter().find(|e| e["name"] == "process_name" && e["args"]["name"] == name).unwrap()["pid"].clone();
    assert_eq!(failed["pid"], process("gateway"));
    let arrows: Vec<(f64, f64)> = events
        .iter()
        .filter(|e| e["ph"] == "s")
        .map(|s| (s["ts"].as_f64().unwrap(), events.iter().find(|f| f["ph"] == "f" && f["id"] == s["id"]).unwrap()["ts"].as_f64().unwrap()))
        .collect();
    assert_eq!(arrows, [(4_301_000.0, 10_522_000.0), (14_296_000.0, 14_521_000.0)]);
    let marks: Vec<&str> = events.iter().filter(|e| e["ph"] == "i").map(|e| e["args"]["line"].as_str().unwrap()).collect();
    assert_eq!(marks.len(), view.log.iter().filter(|l| l.severity >= Some(throughline::model::entry::Severity::Warn)).count());
    let open = fixtures::open();
    let events = check_perfetto(&perfetto::document(&open.trace, &open.log, false));
    let step = events.iter().find(|e| e["args"]["step"] == "s3").unwrap();
    assert_eq!((step["name"].as_str(), step["dur"].as_f64(), step["args"]["unfinished"].as_str()), (Some("summarize (no end seen)"), Some(0.0), Some("true")));
}

#[test]
fn steps_that_ran_at_once_get_lanes_of_their_own() {
    let spans = vec![
        span("s1", "", SpanKind::App, "root", "api", 0, 100),
        span("s2", "s1", SpanKind::Tool, "a", "api", 10, 50),
        span("s3", "s1", SpanKind::Tool, "b", "api", 20, 20),
        span("s4", "s1", SpanKind::Tool, "c", "api", 60, 10),
        span("s5", "s3", SpanKind::HttpCall, "d", "api", 20, 20),
    ];
    let trace = fixtures::trace_of("req_1", "x", spans, 100);
    let events = check_perfetto(&perfetto::document(&trace, &[], false));
    let lane = |id: &str| events.iter().find(|e| e["args"]["step"] == id).unwrap()["tid"].as_u64().unwrap();
    // b lies inside a by time and not by cause: on one lane it would seem a part of a.
    assert_eq!(["s1", "s2", "s3", "s4", "s5"].map(lane), [1, 1, 2, 1, 2]);
}

#[test]
fn spans_of_every_kind_of_request_are_well_formed() {
    for view in by_hand() {
        for hide in [false, true] {
            assert_eq!(check_otlp(&otlp::document(&view.trace, &view.log, hide)).len(), view.trace.spans.len());
        }
    }
}

#[test]
fn spans_carry_the_names_of_the_conventions() {
    let view = fixtures::rich();
    let document = otlp::document(&view.trace, &view.log, false);
    let spans = check_otlp(&document);
    assert_eq!(spans[0]["traceId"], "5f0c1d7e9a3b4c2d8e6f00112233445e", "the id that a line states");
    assert_eq!(document, otlp::document(&view.trace, &view.log, false));
    let call = named(&spans, "gpt-4.1-nano");
    let text = |span: &Value, key: &str| attribute(span, key).and_then(Value::as_str).map(str::to_owned);
    assert_eq!(text(call, "gen_ai.request.model").as_deref(), Some("gpt-4.1"));
    assert_eq!(text(call, "gen_ai.response.model").as_deref(), Some("gpt-4.1-nano-2025-04-14"));
    assert_eq!(text(call, "gen_ai.usage.input_tokens").as_deref(), Some("412"));
    assert_eq!(text(call, "gen_ai.response.id").as_deref(), Some("chatcmpl-9xT2Qm4LwZ81"));
    assert_eq!((call["kind"].as_u64(), call["status"]["code"].as_u64()), (Some(3), Some(1)));
    let root = spans.iter().find(|s| s.get("parentSpanId").is_none()).unwrap();
    assert_eq!(text(root, "http.response.status_code").as_deref(), Some("200"));
    assert_eq!(text(root, "http.route").as_deref(), Some("/tickets/{id}/reply"));
    let failed = spans.iter().find(|s| s["status"]["code"] == 2).unwrap();
    assert_eq!(text(failed, "error.type").as_deref(), Some("RateLimitError"));
    let task = named(&spans, "follow_up");
    assert_eq!((text(task, "messaging.destination.name").as_deref(), text(task, "throughline.evidence").as_deref()), (Some("default"), Some("paired")));
    let open = fixtures::open();
    let spans = check_otlp(&otlp::document(&open.trace, &open.log, false));
    let step = named(&spans, "summarize");
    assert_eq!(step["startTimeUnixNano"], step["endTimeUnixNano"]);
    assert_eq!(attribute(step, "throughline.unfinished"), Some(&Value::Bool(true)));
}

#[test]
fn only_a_valid_trace_id_is_taken_for_one() {
    let mut trace = (*fixtures::rich().trace).clone();
    let own = otlp::trace_id(&trace);
    for wrong in ["212bade9-bd07-4f16-b0a1-e1b946bb0f89", "00000000000000000000000000000000", "5f0c1d7e", "zf0c1d7e9a3b4c2d8e6f00112233445e"] {
        trace.ids.iter_mut().filter(|i| i.kind == "trace").for_each(|i| i.value = wrong.into());
        let made = otlp::trace_id(&trace);
        assert!(made != own && made.len() == 32, "{wrong}: {made}");
        assert_eq!(made, otlp::trace_id(&trace), "the same every time");
    }
}

fn spans_at_random() -> impl Strategy<Value = Vec<throughline::model::trace::Span>> {
    let one = (0..40_i64, 0..60_i64, any::<prop::sample::Index>(), 0..5_u8, 0..3_usize, any::<bool>());
    prop::collection::vec(one, 1..40).prop_map(|rows| {
        let mut spans = Vec::new();
        for (n, (from, took, parent, kind, service, open)) in rows.into_iter().enumerate() {
            let parent = if n == 0 { String::new() } else { format!("s{}", parent.index(n) + 1) };
            let kind = [SpanKind::App, SpanKind::Task, SpanKind::QueueWait, SpanKind::ModelCall, SpanKind::DbWrite][usize::from(kind)];
            let mut s = span(&format!("s{}", n + 1), &parent, kind, "x", ["", "api", "worker"][service], from, took);
            s.ids = vec!["task:t".into()];
            if open {
                (s.end, s.unfinished, s.outcome, s.evidence) = (None, true, Outcome::Unknown, Evidence::Observed);
            }
            spans.push(s);
        }
        spans
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn export_of_any_steps_nests_and_keeps_ids_and_parents(spans in spans_at_random()) {
        let trace = fixtures::trace_of("req_1", "x", spans, 100);
        let drawn = check_perfetto(&perfetto::document(&trace, &[], false)).iter().filter(|e| e["ph"] == "X").count();
        prop_assert_eq!(drawn, trace.spans.len());
        prop_assert_eq!(check_otlp(&otlp::document(&trace, &[], false)).len(), trace.spans.len());
    }
}

fn indexed() -> Bench {
    let bench = Bench::new();
    bench.write("logs/app.log", LINE);
    bench.ok(&["index", "logs"]);
    bench
}

#[test]
fn an_id_exports_its_request_and_a_query_all_that_match() {
    let bench = indexed();
    for asked in [vec![ID], vec!["status:failed"], vec![]] {
        let run = |format: &str| bench.ok(&[vec!["export", "--format", format], asked.clone()].concat());
        assert!(run("md").starts_with("# 500 failed: `POST /summarise` `req_01JDC9V6Q8Z4M2K7T3W5XH0B1N`"), "{}", run("md"));
        check_perfetto(&run("perfetto"));
        assert_eq!(run("otlp").lines().map(|l| check_otlp(l).len()).collect::<Vec<_>>(), [1]);
        let lines: Vec<Value> = run("ndjson").lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.iter().map(|l| l["raw"].as_str().unwrap()).collect::<Vec<_>>(), LINE.lines().collect::<Vec<_>>());
    }
    assert_eq!(bench.ok(&["export", "--format", "ndjson", "status:ok"]), "");
    check_perfetto(&bench.ok(&["export", "--format", "perfetto", "status:ok"]));
    assert_eq!(bench.ok(&["export", "--format", "md", "req_01JDC9"]), "", "the first characters of an id are no id");
}

#[test]
fn content_is_hidden_when_asked_and_secrets_of_exports_always() {
    let bench = indexed();
    for format in ["md", "perfetto", "otlp", "ndjson"] {
        let (open, hidden) = (bench.ok(&["export", "--format", format, ID]), bench.ok(&["export", "--format", format, ID, "--hide-content"]));
        assert!(open.contains("merger of Foo") && !hidden.contains("merger of Foo"), "{format}: {hidden}");
        assert!(hidden.contains("[content hidden, 24 characters]"), "{format}: {hidden}");
        assert!(!hidden.contains("k-very-secret-1"), "{format}");
        assert_eq!(open.contains("k-very-secret-1"), format == "ndjson", "{format}: the exact text alone holds it");
    }
}

#[test]
fn an_id_of_several_requests_is_no_choice_made_for_the_reader() {
    let bench = Bench::new();
    let line = |queue: &str, at: u32| {
        format!(
            "{{\"time\":\"2026-11-18T13:20:{at:02}Z\",\"queue\":\"{queue}\",\"job_id\":\"1187\",\"msg\":\"job started\"}}\n{{\"time\":\"2026-11-18T13:20:{:02}Z\",\"queue\":\"{queue}\",\"job_id\":\"1187\",\"msg\":\"job completed\"}}\n",
            at + 2
        )
    };
    bench.write("logs/worker.log", line("mail", 1) + &line("embed", 20));
    bench.ok(&["index", "logs"]);
    let out = bench.run(&["export", "--format", "md", "1187"]);
    let (shown, said) = (String::from_utf8_lossy(&out.stdout).into_owned(), String::from_utf8_lossy(&out.stderr).into_owned());
    assert_eq!(out.status.code(), Some(1), "{shown}{said}");
    assert_eq!(shown.lines().filter(|l| l.starts_with("throughline export --format md 1187 --scope queue=")).count(), 2, "{shown}");
    assert!(said.contains("2 requests carry this id; name one of them"), "{said}");
    let one = bench.ok(&["export", "--format", "ndjson", "1187", "--scope", "queue=mail"]);
    assert_eq!(one.lines().count(), 2);
    assert_eq!(bench.run(&["export", "--format", "md", "1187", "--scope", "queue=none"]).status.code(), Some(1));
}

#[test]
fn wrong_arguments_of_an_export_are_one_line() {
    let bench = indexed();
    assert_eq!(bench.fails(2, &["export", "--format", "path-ndjson", "--hide-content"]), "throughline: --hide-content goes with --format md, perfetto, otlp or ndjson");
    assert_eq!(bench.fails(2, &["export", "--format", "md", "--scope", "queue=x"]), "throughline: --scope makes a short id unique, and no id is given");
    assert!(bench.fails(2, &["export", "--format", "pdf"]).contains("pdf"));
}

#[test]
fn an_export_of_many_holds_each_request_and_each_line_once() {
    let bench = Bench::new();
    let logs = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs");
    bench.ok(&["index", logs, "--data", "d"]);
    let run = |format: &str| bench.ok(&["export", "--data", "d", "--format", format, "status:dead_letter"]);
    let ids: Vec<String> = bench
        .ok(&["search", "--data", "d", "--json", "status:dead_letter"])
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap()["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(ids.len() >= 3, "{ids:?}");
    let tickets = run("md");
    let headings: Vec<&str> = tickets.lines().filter(|l| l.starts_with("# ")).collect();
    assert_eq!((headings.len(), tickets.lines().filter(|l| *l == "---").count()), (ids.len(), ids.len() - 1));
    assert!(ids.iter().all(|id| headings.iter().any(|h| h.contains(id.as_str()))));
    let events = check_perfetto(&run("perfetto"));
    assert!(ids.iter().all(|id| events.iter().any(|e| e["name"] == "process_name" && e["args"]["name"] == format!("{id} · api"))));
    assert!(events.iter().filter(|e| e["ph"] == "s").count() >= ids.len());
    let spans: Vec<usize> = run("otlp").lines().map(|l| check_otlp(l).len()).collect();
    assert_eq!(spans.len(), ids.len());
    let lines = run("ndjson");
    let places: HashSet<String> = lines.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()).map(|l| format!("{}:{}", l["file"], l["line"])).collect();
    assert_eq!(places.len(), lines.lines().count());
    assert!(places.len() > 20 * ids.len());
}

async fn get(uri: &str) -> (u16, HeaderMap, String) {
    let (sender, status) = tokio::sync::watch::channel(fixtures::status());
    std::mem::forget(sender);
    let router = web::router(web::State { answers: Demo::new(), status, hosts: Vec::new(), listen_port: 7171, version: "0.0.0" });
    let request = Request::builder().uri(uri).header("host", "127.0.0.1:7171").body(Body::empty()).unwrap();
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let bytes = to_bytes(body, 64 << 20).await.unwrap();
    (parts.status.as_u16(), parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn each_export_has_an_address_a_type_and_a_name() {
    for (ending, kind, way) in [
        ("md", "text/markdown; charset=utf-8", "inline"),
        ("ndjson", "application/x-ndjson", "attachment"),
        ("perfetto.json", "application/json", "attachment"),
        ("otlp.json", "application/json", "attachment"),
    ] {
        let (status, headers, text) = get(&format!("/r/{}.{ending}", fixtures::RICH)).await;
        assert_eq!((status, &headers["content-type"]), (200, &kind.parse().unwrap()));
        assert_eq!(headers["content-disposition"], format!("{way}; filename=\"{}.{ending}\"", fixtures::RICH));
        match ending {
            "md" => assert!(text.starts_with("# 200 ok: `POST /tickets/{id}/reply`")),
            "ndjson" => assert_eq!(text.lines().count(), 23),
            "perfetto.json" => drop(check_perfetto(&text)),
            _ => drop(check_otlp(&text)),
        }
        let hidden = get(&format!("/r/{}.{ending}?content=hidden", fixtures::RICH)).await.2;
        assert!(!hidden.contains("small bakery"), "{ending}");
        assert_eq!(get(&format!("/r/1187.{ending}?scope=queue%3Dmail")).await.0, 200);
        let (status, _, several) = get(&format!("/r/1187.{ending}")).await;
        assert_eq!((status, serde_json::from_str::<Value>(&several).unwrap()["choices"][0]["scope"].as_str()), (300, Some("queue=mail")));
        assert_eq!(get(&format!("/r/req_nobody1.{ending}")).await.0, 404);
    }
    let hostile = get(&format!("/r/{}.otlp.json", web::links::encode(fixtures::HOSTILE))).await;
    assert_eq!(hostile.1["content-disposition"], "attachment; filename=\"req__script_alert_1___script.otlp.json\"");
}

#[test]
fn times_of_trace_events_keep_the_nanosecond() {
    let mut root = span("s1", "", SpanKind::App, "x", "api", 0, 90_000_000);
    root.start.0 = ZERO + 1;
    let mut child = span("s2", "s1", SpanKind::Tool, "y", "api", 0, 0);
    (child.start.0, child.end) = (ZERO + 80_000_000 * MS + 123, Some(throughline::model::time::UnixNanos(ZERO + 80_000_000 * MS + 1_456)));
    let trace = fixtures::trace_of("req_1", "x", vec![root, child], 100);
    let text = perfetto::document(&trace, &[], false);
    assert!(text.contains("\"ts\":80000000000.123") && text.contains("\"dur\":1.333"), "{text}");
}

#[test]
fn an_id_that_ends_like_a_form_has_its_page_and_its_forms() {
    let bench = Bench::new();
    let line = |id: &str| format!("{{\"time\":\"2026-11-18T13:20:00.000Z\",\"level\":\"info\",\"request_id\":\"{id}\",\"msg\":\"done\",\"duration_ms\":5}}\n");
    bench.write("logs/api.log", ["report-2026.md", "export-77.json", "plain-2026-11"].map(line).concat());
    bench.run(&["index", "logs", "--data", "d"]);
    let served = bench.serve(&["--data", "d", "--no-follow", "logs"]);
    let kind = |uri: &str| {
        let (status, body) = served.get(uri);
        (status, ["<!doctype html>", "# ", "{\"schema\""].into_iter().find(|head| body.starts_with(head)).unwrap_or(""))
    };
    for (uri, head) in [
        ("/r/report-2026.md", "<!doctype html>"),
        ("/r/export-77.json", "<!doctype html>"),
        ("/r/report-2026.md.md", "# "),
        ("/r/export-77.json.json", "{\"schema\""),
        ("/r/plain-2026-11.md", "# "),
        ("/r/plain-2026-11.json", "{\"schema\""),
    ] {
        assert_eq!(kind(uri), (200, head), "{uri}");
    }
}

/// More text than is kept beside what was read of it: the rest is read again where it is shown.
#[test]
fn a_request_of_many_long_records_is_shown_and_exported_to_the_letter() {
    let bench = Bench::new();
    let line = |n: usize| {
        let letter = char::from(b'a' + (n % 26) as u8);
        let text: String = std::iter::repeat_n(letter, 60_000).collect();
        format!("{{\"time\":\"2026-11-23T09:{:02}:{:02}.000Z\",\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5X6Y7Z8\",\"msg\":\"step {n}\",\"detail\":\"{text}\"}}", n / 60, n % 60)
    };
    let lines: Vec<String> = (0..120).map(line).collect();
    bench.write("long.log", lines.join("\n") + "\n");
    bench.ok(&["index", "long.log", "--data", "d"]);
    let exported = bench.ok(&["export", "req_01JDC9V6Q8Z4M2K7T3W5X6Y7Z8", "--format", "ndjson", "--data", "d"]);
    let raws: Vec<String> = exported.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["raw"].as_str().unwrap().to_owned()).collect();
    assert_eq!(raws, lines);
    let served = bench.serve(&["long.log", "--data", "d", "--no-follow"]);
    let (status, page) = served.get("/r/req_01JDC9V6Q8Z4M2K7T3W5X6Y7Z8.html");
    assert_eq!(status, 200);
    // Of each record as much as a page shows of one.
    for n in [0, 60, 119] {
        let letter = char::from(b'a' + (n % 26) as u8).to_string();
        assert!(page.contains(&format!("step {n}")) && page.contains(&letter.repeat(400)), "the text of line {}", n + 1);
    }
}
