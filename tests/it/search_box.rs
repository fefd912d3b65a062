//! The search box over real logs: what each kind of text leads to, in the order it is tried.

#![allow(clippy::unwrap_used, missing_docs)]

use crate::{
    fixtures,
    pages::{Got, ask, encoded, sel, site, texts},
    support::Bench,
};
use axum::Router;
use std::sync::Arc;
use throughline::{
    query::{engine::Engine, view::Answers},
    recognise::Tables,
    store::{RowStore, Store},
};

const REQUEST: &str = "req_01JDC9V6Q8Z4M2K7T3W5XH0B1N";
const TASK: &str = "0978a751-63fb-453a-8a02-24e5360da344";
const TRACE: &str = "5f0c1d7e9a3b4c2d8e6f00112233445e";

/// A request whose task runs in a worker, another that begins alike, a line that cannot be read, and a number under two queues.
const API: &str = r#"{"time":"2026-11-18T13:20:00.000Z","level":"info","service":"api","request_id":"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N","trace_id":"5f0c1d7e9a3b4c2d8e6f00112233445e","msg":"POST /summarise started"}
{"time":"2026-11-18T13:20:00.100Z","level":"info","service":"api","request_id":"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N","task_id":"0978a751-63fb-453a-8a02-24e5360da344","msg":"task summarise enqueued","queue":"default"}
{"time":"2026-11-18T13:20:00.250Z","level":"warn","service":"api","request_id":"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N","msg":"POST /summarise finished","status":200,"duration_ms":250}
{"time":"2026-11-18T13:21:00.000Z","level":"info","service":"api","request_id":"req_01JDC9V6Q8AAAAAAAAAAAAAAA1","msg":"GET /health finished","status":200,"duration_ms":4}
{"a":1,,"ref" K4711x
"#;
const WORKER: &str = r#"{"time":"2026-11-18T13:20:00.900Z","level":"info","service":"worker","task_id":"0978a751-63fb-453a-8a02-24e5360da344","msg":"task summarise started"}
{"time":"2026-11-18T13:20:02.900Z","level":"info","service":"worker","task_id":"0978a751-63fb-453a-8a02-24e5360da344","msg":"task summarise succeeded","duration_ms":2000}
"#;

fn served(bench: &Bench) -> Router {
    let data = bench.path("d");
    let (store, rows) = (Store::open_reader(&data).unwrap(), RowStore::open_reader(&data).unwrap().0);
    let engine: Arc<dyn Answers> = Arc::new(Engine::new(Arc::new(store), Arc::new(rows), Tables::builtin()));
    site(engine, fixtures::status())
}

fn logs() -> Bench {
    let bench = Bench::new();
    bench.write("logs/api.log", API);
    bench.write("logs/worker.log", WORKER);
    bench.ok(&["index", "logs", "--data", "d"]);
    bench
}

async fn typed(router: &Router, text: &str) -> Got {
    ask(router.clone(), &format!("/go?id={}", encoded(text))).await
}

/// Where a text leads.
async fn to(router: &Router, text: &str) -> String {
    let got = typed(router, text).await;
    assert_eq!(got.status, 303, "{text}: {:?}", texts(&got.html(), "h1"));
    got.headers["location"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_id_of_any_kind_in_any_dress_leads_to_its_request_at_the_step() {
    let bench = logs();
    let router = served(&bench);
    let page = format!("/r/{REQUEST}");
    for text in [
        REQUEST.to_owned(),
        format!("  {REQUEST}\n"),
        format!("\"{REQUEST}\""),
        format!("'{REQUEST}',"),
        format!("<{REQUEST}>"),
        REQUEST.to_lowercase(),
        TRACE.to_owned(),
        TRACE.to_uppercase(),
        API.lines().next().unwrap().to_owned(),
        format!("https://app.example/requests/{REQUEST}?tab=log"),
        format!("{{\"request_id\": \"{REQUEST}\"}}"),
        format!("2026-11-18 13:20:00 INFO [{REQUEST}] it went wrong"),
    ] {
        assert_eq!(to(&router, &text).await, page, "{text}");
    }
    let step = format!("{page}#worker.log-1-task");
    let dashless = TASK.replace('-', "");
    for text in [TASK, &TASK.to_uppercase(), &dashless, "0978a751", "0978A751-63fb", "0978a75163fb", WORKER.lines().next().unwrap(), &format!("https://queue.example/jobs/{TASK}")]
    {
        assert_eq!(to(&router, text).await, step, "{text}");
    }
}

#[tokio::test]
async fn first_characters_lead_on_when_they_are_of_one_and_several_are_offered() {
    let bench = logs();
    let router = served(&bench);
    assert_eq!(to(&router, "req_01JDC9V6Q8Z").await, format!("/r/{REQUEST}"));
    let several = typed(&router, "req_01JDC9V6Q8").await;
    let html = several.html();
    assert_eq!((several.status.as_u16(), texts(&html, "h1")), (200, vec!["2 requests can be meant by req_01JDC9V6Q8".to_owned()]));
    let rows: Vec<String> = texts(&html, "tbody tr");
    assert!(rows[0].contains("req_01JDC9V6Q8AAAAAAAAAAAAAAA1") && rows[0].contains("2026-11-18 13:20:59.996"), "{rows:?}");
    assert!(rows[1].contains(REQUEST) && rows[1].contains("2026-11-18 13:20:00.000"), "{rows:?}");
}

#[tokio::test]
async fn a_part_from_the_middle_is_offered_and_never_followed() {
    let bench = logs();
    let router = served(&bench);
    for (part, of) in [("M2K7T3", REQUEST), ("m2k7t3", REQUEST), ("63fb-453a", REQUEST), ("63fb453a", REQUEST), ("9a3b4c2d8e6f", REQUEST)] {
        let got = typed(&router, part).await;
        let html = got.html();
        assert_eq!((got.status.as_u16(), texts(&html, "h1")), (200, vec![format!("1 request has an id that contains {part}")]), "{part}");
        assert_eq!(html.select(&sel(".rid a")).next().unwrap().attr("href").unwrap(), format!("/r/{of}"), "{part}");
    }
    assert_eq!(typed(&router, "M2K7T").await.status, 404, "five characters are too few");
}

#[tokio::test]
async fn what_is_no_id_is_a_query_and_what_looks_like_one_is_missed() {
    let bench = logs();
    let router = served(&bench);
    for query in
        ["status:failed", "timeout", "POST /summarise", "\"two words\"", "-word", "http.status:500", "stage:model", "step.dur:>2s", "since:15m", "level:error source:worker"]
    {
        assert_eq!(to(&router, query).await, format!("/?q={}", encoded(query)), "{query}");
    }
    let torn = typed(&router, "K4711x").await;
    assert_eq!(torn.status, 404);
    let said = texts(&torn.html(), ".note").join(" ");
    assert!(said.starts_with("In a line that could not be read.") && said.contains("api.log:5"), "{said}");
    let never = typed(&router, "req_zzzz9999").await;
    assert!(never.status == 404 && texts(&never.html(), ".note").join(" ").starts_with("Never seen."));
    let outside = typed(&router, "req_01JDC9V6Q9Z4M2K7T3W5XH0B1N").await;
    assert!(outside.status == 404 && texts(&outside.html(), ".note").join(" ").starts_with("Outside of what was read."));
}

#[tokio::test]
async fn the_whole_language_runs_as_one_query() {
    let bench = logs();
    let router = served(&bench);
    let example = "status:failed dur:>5s wait:>10s stage:model model:gpt* attempts:>1 complete:no level:error source:worker field.path:value \"exact words\" -word since: until:";
    let got = ask(router.clone(), &to(&router, example).await).await;
    let html = got.html();
    assert_eq!(got.status, 200);
    assert_eq!(texts(&html, ".wrong"), ["since:", "until:"], "only what has no value is not used");
    assert_eq!(texts(&html, ".empty h2"), ["Nothing matches"]);
    assert_eq!(html.select(&sel(".chips code")).count(), 14);
    let found = ask(
        router.clone(),
        &format!("/?q={}", encoded("status:ok dur:<1m stage:worker,queue -stage:model level:warn source:api \"POST /summarise\" -health since:15m until:13:20:30")),
    )
    .await
    .html();
    assert_eq!((texts(&found, ".wrong").len(), texts(&found, ".rid a").len()), (0, 1));
    let step = ask(router, &format!("/?q={}", encoded("step.dur:>2s"))).await.html();
    assert!(texts(&step, ".note")[0].contains("dur:>2s is the whole request, wait:>2s its time in queues"));
    assert_eq!(texts(&step, ".rid a").len(), 2, "the rest still runs");
}

#[tokio::test]
async fn what_was_learned_of_ids_and_clocks_stands_on_the_page_of_sources() {
    let bench = logs();
    let html = ask(served(&bench), "/sources").await.html();
    let services = texts(&html, "#ids summary");
    assert!(services.iter().any(|s| s.starts_with("api: ")) && services.iter().any(|s| s.starts_with("worker: ")), "{services:?}");
    let fields = texts(&html, "#ids tbody tr");
    assert!(fields.iter().any(|f| f.starts_with("task_idtask")), "{fields:?}");
}
