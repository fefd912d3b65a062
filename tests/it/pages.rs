//! The pages as a browser gets them: over the router, against answers made by hand.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use crate::fixtures::{self, Demo};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use scraper::{ElementRef, Html, Selector};
use std::sync::Arc;
use throughline::{
    model::{status::Status, trace::Trace},
    query::{engine::Engine, view::Answers},
    recognise::Tables,
    store::{RowStore, Store},
    web::{self, State},
};
use tokio::sync::watch;
use tower::ServiceExt;

pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Got {
    pub fn html(&self) -> Html {
        Html::parse_document(&self.text)
    }
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap()
    }
    pub fn location(&self) -> &str {
        self.headers["location"].to_str().unwrap()
    }
}

pub fn site(answers: Arc<dyn Answers>, status: Status) -> Router {
    let (sender, status) = watch::channel(status);
    // The channel must outlive the test.
    std::mem::forget(sender);
    web::router(State { answers, status, hosts: vec!["logs.example".into()], listen_port: 7171, version: "0.0.0" })
}

pub fn demo() -> Router {
    site(Demo::new(), fixtures::status())
}

pub async fn send(router: Router, request: Request<Body>) -> Got {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, 64 << 20).await.unwrap();
    Got { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

pub async fn ask(router: Router, uri: &str) -> Got {
    send(router, Request::builder().uri(uri).header("host", "127.0.0.1:7171").body(Body::empty()).unwrap()).await
}

pub async fn get(uri: &str) -> Got {
    ask(demo(), uri).await
}

fn rich() -> String {
    format!("/r/{}", fixtures::RICH)
}

/// Name of a step of the rich request in addresses, by its number in the document.
fn key(number: usize) -> String {
    web::links::step_keys(&fixtures::rich().trace.spans)[number - 1].clone()
}

/// Selects the rows of a step of the rich request.
fn at(number: usize) -> String {
    format!("[id=\"{}\"]", key(number))
}

pub fn sel(css: &str) -> Selector {
    Selector::parse(css).unwrap()
}

pub fn text(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

pub fn texts(html: &Html, css: &str) -> Vec<String> {
    html.select(&sel(css)).map(text).collect()
}

pub fn encoded(id: &str) -> String {
    web::links::encode(id)
}

#[tokio::test]
async fn the_verdict_links_its_words_to_the_steps_that_prove_them() {
    let got = get(&rich()).await;
    assert_eq!(got.status, 200);
    let html = got.html();
    assert_eq!(
        texts(&html, ".verdict h1"),
        [
            "Answered in 4.31 s, by a fallback: 2 tries of gpt-4.1 failed and gpt-4.1-nano answered in its place. 52 % of it was gpt-4.1-nano. All work was done after 14.9 s; 6.22 s of it was waiting for follow_up."
        ]
    );
    assert_eq!(texts(&html, ".verdict h1 b"), ["4.31 s", "14.9 s"]);
    let links: Vec<&str> = html.select(&sel(".verdict h1 a")).map(|a| a.attr("href").unwrap()).collect();
    assert_eq!(links, [4, 7, 7, 9].map(|n| format!("#{}", key(n))));
    assert_eq!(texts(&html, ".verdict .badge"), ["◆ 200 · by fallback", "slow", "incomplete"]);
    assert_eq!(texts(&html, ".figures dd"), ["4.31 s", "14.9 s", "5", "100 %"]);
}

#[tokio::test]
async fn every_link_inside_a_page_has_its_target() {
    for id in [fixtures::RICH, fixtures::FAILED, fixtures::OPEN, fixtures::HUGE, fixtures::BARE, fixtures::HOSTILE] {
        let html = get(&format!("/r/{}", encoded(id))).await.html();
        let ids: std::collections::HashSet<&str> = html.select(&sel("[id]")).map(|e| e.attr("id").unwrap()).collect();
        for link in html.select(&sel("a[href^='#'], use")) {
            let target = link.attr("href").unwrap().trim_start_matches('#');
            assert!(ids.contains(target), "{id}: {target}");
        }
        let all: Vec<&str> = html.select(&sel("[id]")).map(|e| e.attr("id").unwrap()).collect();
        assert_eq!(all.len(), ids.len(), "{id}: an id stands twice");
    }
}

#[tokio::test]
async fn both_panels_add_up_as_printed() {
    let html = get(&rich()).await.html();
    let mut totals = Vec::new();
    for panel in html.select(&sel(".two .panel")) {
        let shares: f64 = panel.select(&sel("tbody tr")).map(|r| text(r.select(&sel("td")).nth(2).unwrap()).trim_end_matches(" %").parse::<f64>().unwrap()).sum();
        assert!((shares - 100.0).abs() < 1e-9, "{shares}");
        totals.push(text(panel.select(&sel("tfoot tr td.num")).next().unwrap()));
    }
    assert_eq!(totals, ["4.31 s", "10.6 s"]);
    assert_eq!(texts(&html, ".panel h2"), ["Where the response went 4.31 s, adds up exactly", "After the response 10.6 s until the last work was done"]);
}

#[tokio::test]
async fn what_is_typical_is_compared_once_a_kind() {
    let html = get(&rich()).await.html();
    let rows: Vec<Vec<String>> = html.select(&sel(".two .panel tbody tr")).map(|r| r.select(&sel("td")).map(text).collect()).collect();
    let row = |name: &str| rows.iter().filter(|r| r[0].contains(name)).cloned().collect::<Vec<_>>();
    assert_eq!(row("model stream"), [["Mmodel stream", "1.44 s", "33.4 %", "980 ms", "1.90 s", "+460 ms"].map(String::from)]);
    let writes = row("write");
    assert_eq!((writes[0][5].as_str(), writes[1][5].as_str()), ("†", "†"));
    assert!(
        texts(&html, ".panel .foot")
            .contains(&"† write before and after the response together: 439 ms, against a median of 32 ms (+407 ms) and a p95 of 135 ms, past the p95.".to_owned()),
        "{:?}",
        texts(&html, ".panel .foot")
    );
    let few = get(&format!("/r/{}", fixtures::FAILED)).await.html();
    assert_eq!(texts(&few, ".panel .foot"), ["7 finished requests of this route so far: too few to compare."]);
    assert_eq!(texts(&few, ".two .panel th"), ["on the critical path", "time", "share"]);
}

#[tokio::test]
async fn the_strip_tells_the_path_in_order_with_what_is_missing() {
    let html = get(&rich()).await.html();
    let stops: Vec<String> = html.select(&sel(".strip li")).map(text).collect();
    assert_eq!(
        stops,
        [
            "E edge3 msnginx · 200",
            "A app70 msapi · 200",
            "T tool43 mslookup_ticket",
            "M model3.56 s2 failed, then a fallback",
            "Q retry wait513 ms1 wait",
            "D write109 msreplies",
            "Q queue wait6.45 s15 × the median",
            "W follow_up3.77 sworker-rq",
            "W mail400 msnode-worker",
            "W webhook:88not seennode-worker.log covers this time"
        ]
        .map(|s| s.replacen(' ', "", 1))
    );
    assert_eq!(html.select(&sel(".strip .absent")).count(), 1);
}

#[tokio::test]
async fn a_step_says_as_text_what_its_bar_shows() {
    let html = get(&rich()).await.html();
    let steps: Vec<Vec<String>> = html.select(&sel(".step > tr:first-child")).map(|r| r.select(&sel(".name summary, td + td")).take(5).map(text).collect()).collect();
    assert_eq!(steps.len(), 17);
    assert_eq!(steps[3], ["Mgpt-4.1 · attempt 1", "gateway", "+70 ms", "✕ 632 ms", "stated"]);
    assert_eq!(steps[8], ["Qwait for follow_up", "queue default", "+4.30 s", "6.22 s", "paired"]);
    let classes = |n: usize| html.select(&sel(&format!("{} rect.piece", at(n)))).map(|r| r.attr("class").unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(classes(4), ["piece f-model err"]);
    assert_eq!(classes(5), ["piece wait"]);
    assert_eq!(classes(7), ["piece f-model", "piece f-model stream"]);
    assert_eq!(classes(12), ["piece f-tool observed"]);
    assert!(classes(2)[0] == "piece f-app pale" && classes(2).len() > 2, "own parts before the pale whole");
    let open = get(&format!("/r/{}", fixtures::OPEN)).await.html();
    assert_eq!(texts(&open, "tbody:nth-of-type(3) > tr:first-child td.num"), ["+900 ms", "no end"]);
    assert_eq!(texts(&open, "tbody:nth-of-type(3) .label"), ["no end seen"]);
}

#[tokio::test]
async fn a_step_opens_to_its_proof() {
    let html = get(&rich()).await.html();
    assert_eq!(texts(&html, &format!("{} .detail .proof mark", at(7))), ["chatcmpl-9xT2Qm4LwZ81", "5f0c1d7e9a3b4c2d8e6f00112233445e"]);
    assert!(
        texts(&html, &format!("{} .why", at(7)))[0]
            .starts_with("It belongs here because call chatcmpl-9xT2Qm4LwZ81 stands beside trace 5f0c1d7e9a3b4c2d8e6f00112233445e, in gateway.log:1187.")
    );
    assert_eq!(html.select(&sel(&format!("{} .why a.ref", at(7)))).next().unwrap().attr("href"), Some("#l-gateway.log-1187"));
    let facts: Vec<String> = texts(&html, &format!("{} .detail dl div", at(7)));
    assert!(facts.contains(&"requested → servedgpt-4.1 → gpt-4.1-nano-2025-04-14from openai".into()), "{facts:?}");
    assert!(facts.contains(&"first token / stream835 ms / 1.44 s131 tokens a second".into()), "{facts:?}");
}

#[tokio::test]
async fn the_log_has_every_line_in_order_and_can_be_narrowed() {
    let html = get(&rich()).await.html();
    assert_eq!(html.select(&sel(".log tbody tr[id]")).count(), 23);
    assert_eq!(texts(&html, "#lines h2 small"), ["23 lines of 5 sources, oldest first · 1 fits no step"]);
    assert_eq!(texts(&html, ".log .unplaced .lv"), ["debug"]);
    let errors = get(&format!("{}?level=error", rich())).await.html();
    assert_eq!(texts(&errors, ".log tbody .lv"), ["error", "error"]);
    assert_eq!(texts(&errors, "#lines h2 small"), ["2 at error or worse, of 23 lines of 5 sources · 1 fits no step"]);
}

#[tokio::test]
async fn a_subtree_is_drawn_alone_and_leads_back() {
    let html = get(&format!("{}?root={}", rich(), key(10))).await.html();
    assert_eq!(html.select(&sel(".step")).count(), 8);
    assert_eq!(html.select(&sel("[data-tool=whole]")).next().unwrap().attr("href").unwrap(), format!("{}#timeline", rich()));
    assert_eq!(get(&format!("{}?root=s10", rich())).await.html().select(&sel(".step")).count(), 8, "the id of the document is understood too");
    let lost = get(&format!("{}?root=nothing", rich())).await.html();
    assert_eq!(lost.select(&sel(".step")).count(), 17);
    assert_eq!(texts(&lost, ".note").first().unwrap(), "root=nothing: this request has no such step; it may be of an earlier reading of the logs");
}

#[tokio::test]
async fn a_fold_counts_what_it_hides_and_is_taken_back_by_its_own_link() {
    let folded = get(&format!("{}?fold={}", rich(), key(2))).await.html();
    let row = format!("{} > tr:first-child", at(2));
    assert_eq!(folded.select(&sel(&row)).next().unwrap().attr("aria-expanded"), Some("false"));
    assert_eq!(texts(&folded, &format!("{row} .below")), ["15 steps below, 2 failed, 99.5 % of the critical path"]);
    assert_eq!(folded.select(&sel(".step")).count(), 2);
    assert_eq!(folded.select(&sel(&format!("{row} a.caret"))).next().unwrap().attr("href").unwrap(), format!("{}#{}", rich(), key(2)));
    assert_eq!(texts(&folded, "#timeline h2 small"), ["2 of 17 steps drawn, the others are folded · 5 sources"]);
    assert_eq!(get(&format!("{}?fold=0", rich())).await.html().select(&sel(".step")).count(), 1);
}

#[tokio::test]
async fn what_is_searched_for_is_counted_and_can_be_kept_with_what_is_above() {
    let found = get(&format!("{}?find=ratelimit", rich())).await.html();
    assert_eq!(texts(&found, ".found"), ["2 of 17 steps match"]);
    assert_eq!((found.select(&sel(".step.match")).count(), found.select(&sel(".step.faint")).count()), (2, 15));
    let only = get(&format!("{}?find=ratelimit&only=matches", rich())).await.html();
    assert_eq!(only.select(&sel(".step")).count(), 4, "two attempts below app and edge");
    let none = get(&format!("{}?find=nowhere", rich())).await.html();
    assert_eq!(texts(&none, ".found"), ["no step matches"]);
}

#[tokio::test]
async fn agent_steps_alone_leave_out_what_carries_them() {
    let html = get(&format!("{}?only=agent", rich())).await.html();
    let letters: std::collections::BTreeSet<String> = texts(&html, ".step summary .k").into_iter().collect();
    assert_eq!(letters.into_iter().collect::<String>(), "DMQTW");
    assert_eq!(html.select(&sel(".step > tr[aria-level=\"1\"]")).count(), 7, "what hung below edge and app stands at the top");
}

#[tokio::test]
async fn a_zoom_draws_a_part_and_says_what_lies_beside_it() {
    let html = get(&format!("{}?zoom=0-4312", rich())).await.html();
    assert_eq!(texts(&html, &format!("{} .label", at(10))), ["after ▸, 3.79 s"]);
    assert_eq!(html.select(&sel(".overview .window")).count(), 1);
    assert_eq!(html.select(&sel("[data-tool=all]")).next().unwrap().attr("href").unwrap(), format!("{}#timeline", rich()));
    let lost = get(&format!("{}?zoom=90000-91000", rich())).await.html();
    assert_eq!(texts(&lost, ".note").first().unwrap(), "zoom lies outside of the request; the whole is drawn");
    assert_eq!(lost.select(&sel(".overview .window")).count(), 0);
}

#[tokio::test]
async fn a_long_wait_becomes_a_break_on_every_row_until_the_reader_wants_its_length() {
    let html = get(&rich()).await.html();
    assert_eq!(texts(&html, "thead .break + text"), ["6.21 s"]);
    assert_eq!(html.select(&sel("#grid .break")).count(), 1);
    let full = get(&format!("{}?gaps=full", rich())).await.html();
    assert_eq!(full.select(&sel(".break")).count(), 0);
}

#[tokio::test]
async fn begins_are_written_as_times_of_day_where_the_reader_wants_them() {
    let column = async |tz: &str| texts(&get(&format!("{}?tz={tz}", rich())).await.html(), &format!("{} > tr:first-child td.num", at(4)))[0].clone();
    assert_eq!(column("offset").await, "+70 ms");
    assert_eq!(column("utc").await, "14:21:07.082");
    assert_eq!(column("%2B05:30").await, "19:51:07.082");
    assert_eq!(column("-08:00").await, "06:21:07.082");
}

#[tokio::test]
async fn the_critical_path_is_marked_in_the_rows_that_have_it() {
    assert_eq!(get(&rich()).await.html().select(&sel(".step .path")).count(), 0);
    let html = get(&format!("{}?path=on", rich())).await.html();
    let marked = |n: usize| html.select(&sel(&format!("{} .path", at(n)))).count();
    assert_eq!((marked(7), marked(9)), (1, 1), "the answer and the long wait");
    assert!(marked(2) > 1, "its own time between its children");
}

#[tokio::test]
async fn a_huge_request_is_grouped_and_capped_with_its_numbers() {
    let path = format!("/r/{}", fixtures::HUGE);
    let got = get(&path).await;
    assert!(got.text.len() < 3 << 20, "{} bytes", got.text.len());
    let html = got.html();
    assert!(texts(&html, ".step .name").iter().any(|t| t == "Mtext-embedding-3-small × 3,995draw each"), "{:?}", &texts(&html, ".step .name")[..4]);
    assert_eq!(texts(&html, "#lines h2 small"), ["the first 1,000 of 5,000 lines of 1 source"]);
    let all = get(&format!("{path}?rows=all")).await.html();
    assert_eq!(all.select(&sel(".step")).count(), 12_001);
    assert!(texts(&all, "#timeline h2 small")[0].starts_with("12,001 steps"));
    assert_eq!(all.select(&sel(".log tbody tr")).count(), 5_000);
}

#[tokio::test]
async fn lines_without_any_interval_still_make_a_page() {
    let html = get(&format!("/r/{}", fixtures::BARE)).await.html();
    assert_eq!(html.select(&sel(".panel, .strip, .step")).count(), 0);
    assert_eq!(texts(&html, ".figures dd"), ["–", "–", "0", "–"]);
    assert_eq!(texts(&html, ".log .off"), ["–"]);
}

#[tokio::test]
async fn the_document_is_the_trace() {
    let got = get(&format!("{}.json", rich())).await;
    assert_eq!(got.headers["content-type"], "application/json");
    assert_eq!(got.json(), serde_json::to_value(&fixtures::rich().trace).unwrap());
    let back: Trace = serde_json::from_str(&got.text).unwrap();
    assert_eq!(back.spans.len(), 17);
    assert_eq!(get("/r/req_nobody1.json").await.status, 404);
    assert_eq!(get("/r/1187.json").await.json()["choices"][0]["scope"], "queue=mail");
}

#[tokio::test]
async fn the_list_links_every_count_to_its_filter() {
    let html = get("/").await.html();
    assert_eq!(html.select(&sel(".rows tbody tr")).count(), 50);
    assert_eq!(texts(&html, ".presets a")[..3], ["All 300", "Failed 17", "Slowest"]);
    assert_eq!(texts(&html, ".pages")[0].split(" · ").next(), Some("1–50 of 300"));
    let route = html.select(&sel(".facets a[title='POST /assist']")).next().unwrap().attr("href").unwrap();
    assert_eq!(route, "/?q=route%3A%22POST%20%2Fassist%22");
    let filtered = get(route).await.html();
    assert_eq!(texts(&filtered, ".facets a[aria-current]"), ["POST /assist44"]);
    assert_eq!(filtered.select(&sel(".facets a[aria-current]")).next().unwrap().attr("href"), Some("/"));
    assert_eq!(filtered.select(&sel(".chips a")).next().unwrap().attr("href"), Some("/"));
    let bar = filtered.select(&sel(".plot:not(.scatter) a[href*='dur']")).next().unwrap().attr("href").unwrap();
    assert_eq!(bar, "/?q=route%3A%22POST%20%2Fassist%22%20dur%3A1s..1334ms");
    assert_eq!(html.select(&sel(".plot a[href^='/r/']")).count(), 300);
}

#[tokio::test]
async fn paging_and_sorting_stay_in_the_address() {
    let html = get("/?preset=slowest").await.html();
    let next = html.select(&sel("a[rel=next]")).next().unwrap().attr("href").unwrap();
    assert_eq!(next, "/?preset=slowest&after=50");
    let second = get(next).await.html();
    assert_eq!(texts(&second, ".pages")[0].split(" · ").take(2).collect::<Vec<_>>(), ["first", "50 more of 300"]);
    assert_eq!(html.select(&sel("th[aria-sort=descending]")).map(text).collect::<Vec<_>>(), ["total ▾"]);
    let sort = |html: &Html, title: &str| html.select(&sel("th a")).find(|a| text(*a).starts_with(title)).unwrap().attr("href").unwrap().to_owned();
    assert_eq!(sort(&html, "tokens"), "/?preset=slowest&sort=tokens");
    let by_tokens = get("/?sort=tokens").await.html();
    assert_eq!(sort(&by_tokens, "tokens"), "/?sort=tokens&dir=asc");
}

#[tokio::test]
async fn parts_of_a_query_that_cannot_be_used_are_underlined() {
    let html = get(&format!("/?q={}&preset=nonsense", encoded("timeout dur:soon model:x"))).await.html();
    assert_eq!(texts(&html, ".wrong"), ["nonsense", "dur:soon"]);
    assert_eq!(texts(&html, ".note")[1], "timeout dur:soon model:x soon is not a length; write a number and a unit, as 5s or 500ms");
    let long = get(&format!("/?q={}", "a".repeat(5_000))).await;
    assert_eq!(long.status, 200);
    assert!(texts(&long.html(), ".note")[0].ends_with("the query is 4.88 KiB long; its first 4.00 KiB are read"));
}

#[tokio::test]
async fn an_empty_list_says_why() {
    let heading = |got: Got| texts(&got.html(), ".empty h2");
    assert_eq!(heading(ask(site(Demo::empty(), Status::default()), "/").await), ["Nothing is indexed yet"]);
    let reading = ask(site(Demo::empty(), Status { backlog_bytes: 1 << 30, ..fixtures::status() }), "/").await;
    assert_eq!(texts(&reading.html(), ".empty p")[0].split(". ").next(), Some("95 k of ~3.5 M lines: 30.0 MiB read, 1.00 GiB to go"));
    assert_eq!(heading(ask(site(Demo::empty(), fixtures::status()), "/").await), ["No request in these lines"]);
    let none = get("/?q=nothing%20status%3Afailed").await.html();
    assert_eq!(texts(&none, ".empty p")[1], "Without status:failed there are 41 requests.");
    assert_eq!(none.select(&sel(".empty p a")).next().unwrap().attr("href"), Some("/?q=nothing"));
}

#[tokio::test]
async fn rows_that_are_behind_their_lines_are_said_and_never_taken_for_no_requests() {
    let bench = crate::support::Bench::new();
    bench.write("logs/app.log", "{\"time\":\"2026-11-18T13:20:00Z\",\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\",\"msg\":\"done\"}\n");
    bench.ok(&["index", "logs", "--data", "d"]);
    let page = async || {
        let data = bench.path("d");
        let (store, rows) = (Store::open_reader(&data).unwrap(), RowStore::open_reader(&data).unwrap().0);
        let engine: Arc<dyn Answers> = Arc::new(Engine::new(Arc::new(store), Arc::new(rows), Tables::builtin()));
        let html = ask(site(engine.clone(), fixtures::status()), "/").await.html();
        (text(html.select(&sel("main")).next().unwrap()), ask(site(engine, fixtures::status()), "/requests.json").await.json()["notices"].clone())
    };
    let (whole, notices) = page().await;
    assert!(!whole.contains("not in this list yet") && !whole.contains("behind"), "{whole}");
    assert_eq!(notices, serde_json::json!([]));
    std::fs::remove_dir_all(bench.path("d/rows")).unwrap();
    let (behind, notices) = page().await;
    assert!(behind.contains("to go"), "{behind}");
    assert_eq!(notices[0]["text"], "the list of requests is behind: 91 B of lines are not in it yet");
}

#[tokio::test]
async fn the_search_box_leads_to_the_request_at_its_step() {
    let to = async |id: &str| {
        let got = get(&format!("/go?id={}", encoded(id))).await;
        assert_eq!(got.status, 303, "{id}");
        got.location().to_owned()
    };
    assert_eq!(to(fixtures::RICH).await, rich());
    assert_eq!(to(" fup_01JDC9VB2TQ4R8 ").await, format!("{}#{}", rich(), key(10)));
    assert_eq!(to("chatcmpl-9xT2Qm4LwZ81").await, format!("{}#{}", rich(), key(7)));
    assert_eq!(to("5f0c1d7e9a3b4c2d8e6f00112233445e").await, rich());
    assert_eq!(to("status:failed model:gpt-4.1").await, "/?q=status%3Afailed%20model%3Agpt-4.1");
    assert_eq!(to("rate limited").await, "/?q=rate%20limited");
    assert_eq!(get("/go?id=").await.location(), "/");
}

#[tokio::test]
async fn several_readings_are_offered_and_none_is_helped() {
    let html = get("/go?id=1187").await.html();
    let rows: Vec<&str> = html.select(&sel(".rid a")).map(|a| a.attr("href").unwrap()).collect();
    assert_eq!(rows, ["/r/1187?scope=queue%3Dmail", "/r/1187?scope=queue%3D%3Cb%3E"]);
    assert_eq!(get(rows[0]).await.html().select(&sel(".verdict")).count(), 1);
    let unknown = get("/go?id=req_torn_line_1").await;
    assert_eq!(unknown.status, 404);
    let html = unknown.html();
    assert_eq!(texts(&html, ".note"), ["In a line that could not be read. The text stands in lines that could not be understood: gateway.log:77"]);
    assert_eq!(texts(&html, ".prose td"), ["api.log", "2026-11-23 13:21:07.012 to 14:36:07.012 UTC", "<i>.log", "2026-11-23 14:20:07.012 to 14:35:47.012 UTC"]);
    assert_eq!(get("/r/req_nobody1").await.status, 404);
}

#[tokio::test]
async fn sources_show_where_every_byte_went_and_what_is_not_read() {
    let html = get("/sources").await.html();
    let rows: Vec<String> = texts(&html, ".sources tbody tr");
    assert_eq!(rows.len(), 6);
    assert!(rows[3].contains("8,120 understood, 2.40 MiB · 12 unparsed, 234 KiB · 1 blank, 1 B · 1 cut, 400 KiB"), "{}", rows[3]);
    assert!(rows[5].contains("permission denied; tried again every 5 s") && rows[5].contains("80.0 KiB to go"), "{}", rows[5]);
    assert_eq!(texts(&html, ".parts td code"), ["logs/core.dump", "logs/<b>.sqlite"]);
    let json = get("/sources.json").await.json();
    assert_eq!(json["sources"][3]["counters"]["unparsed"], 12);
    assert_eq!(get("/healthz").await.json()["requests"], 300);
    assert_eq!(get("/requests.json?limit=3").await.json()["rows"].as_array().unwrap().len(), 3);
}

/// No element, attribute, address or script may come from data, whatever it holds.
pub fn assert_inert(name: &str, page: &str) {
    let html = Html::parse_document(page);
    assert_eq!(html.select(&sel("script")).filter(|s| s.attr("src").is_none_or(|src| !src.starts_with("/static/"))).count(), 0, "{name}: a script of its own");
    for css in ["img", "iframe", "object", "embed", "style", "base", "foreignObject", "[style]", "b b"] {
        assert_eq!(html.select(&sel(css)).count(), 0, "{name}: {css}");
    }
    for element in html.select(&sel("*")) {
        for (key, value) in element.value().attrs() {
            assert!(!key.starts_with("on"), "{name}: {key}");
            if matches!(key, "href" | "src" | "action" | "xlink:href") {
                assert!(value.starts_with('#') || (value.starts_with('/') && !value.starts_with("//")), "{name}: {value}");
                assert!(value.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"' | b'\'')), "{name}: {value}");
            }
        }
    }
    let bad = |c: &char| (c.is_control() && !matches!(c, '\n' | '\t')) || ('\u{202a}'..='\u{202e}').contains(c);
    assert_eq!(page.chars().find(bad), None, "{name}: a steering character");
    assert!(!page.contains("style="), "{name}: the policy forbids inline style");
}

#[tokio::test]
async fn hostile_text_stays_text_on_every_page() {
    let site = || site(Demo::hostile(), fixtures::status());
    let bad = encoded(fixtures::HOSTILE);
    let attack = encoded("\"><script>alert(1)</script>\u{202e}' dur:soon onmouseover=x");
    for uri in [
        "/".to_owned(),
        format!("/?q={attack}&preset={attack}&sort={attack}&after={attack}"),
        format!("/?q=nothing{attack}"),
        format!("/r/{bad}"),
        format!("/r/{bad}?root={attack}&level={attack}&scope={attack}&rows=all"),
        format!("/r/{attack}1"),
        format!("/go?id={attack}1"),
        "/go?id=1187".to_owned(),
        "/sources".to_owned(),
        "/r/boom".to_owned(),
        format!("/nowhere/{attack}"),
    ] {
        assert_inert(&uri, &ask(site(), &uri).await.text);
    }
    let page = ask(site(), &format!("/r/{bad}")).await;
    assert!(page.text.contains("&lt;script&gt;alert(1)") && page.text.contains("⟦U+202E⟧") && page.text.contains('␛'));
}

#[tokio::test]
async fn a_request_is_one_file_that_needs_no_server() {
    let got = get(&format!("{}.html", rich())).await;
    assert_eq!(got.headers["content-disposition"], "attachment; filename=\"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N.html\"");
    let html = got.html();
    assert_eq!((html.select(&sel(".step")).count(), html.select(&sel(".log tbody tr[id]")).count()), (17, 23));
    assert_eq!(html.select(&sel("[href^='/'], [src], form, link")).count(), 0, "nothing asks a server");
    let policy = html.select(&sel("meta[http-equiv=content-security-policy]")).next().unwrap().attr("content").unwrap().to_owned();
    for (css, directive) in [("style", "style-src"), ("body > script", "script-src")] {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        use sha2::{Digest, Sha256};
        let text: String = html.select(&sel(css)).next().unwrap().text().collect();
        assert!(policy.contains(&format!("{directive} 'sha256-{}'", STANDARD.encode(Sha256::digest(text)))), "{css}: {policy}");
    }
    let page = get(&format!("/r/{}.html", encoded(fixtures::HOSTILE))).await.text;
    let (head, rest) = page.split_once("<style>").unwrap();
    let rest = rest.split_once("</style>").unwrap().1;
    let (body, script) = rest.rsplit_once("<script>").unwrap();
    assert!(script.ends_with("</script></body>\n</html>"), "{}", &script[script.len() - 60..]);
    assert_inert("a file of its own", &format!("{head}{body}</body></html>"));
}

#[tokio::test]
async fn every_answer_carries_the_policy() {
    for (uri, kept) in [("/", true), ("/sources.json", true), ("/nowhere", false), ("/r/boom", false), ("/healthz", false), ("/go?id=", false)] {
        let got = get(uri).await;
        let policy = got.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'") && !policy.contains("unsafe"), "{uri}");
        assert_eq!(got.headers["x-content-type-options"], "nosniff", "{uri}");
        assert_eq!(got.headers["referrer-policy"], "no-referrer", "{uri}");
        assert_eq!(got.headers["cache-control"], if kept { "private, no-cache" } else { "no-store" }, "{uri}");
        assert_eq!(got.headers.contains_key("etag"), kept, "{uri}");
    }
    let css = get("/").await.html().select(&sel("link[rel=stylesheet]")).next().unwrap().attr("href").unwrap().to_owned();
    let got = get(&css).await;
    assert_eq!((got.status.as_u16(), got.headers["cache-control"].to_str().unwrap()), (200, "public, max-age=31536000, immutable"));
    assert!(!got.text.contains("//"), "nothing is fetched from elsewhere");
}

#[tokio::test]
async fn foreign_hosts_sites_and_methods_are_refused_with_a_way_back() {
    let with = |headers: &[(&str, &str)], method: &str, uri: &str| {
        let mut request = Request::builder().uri(uri).method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(demo(), request.body(Body::empty()).unwrap())
    };
    let evil = with(&[("host", "evil.example")], "GET", "/").await;
    assert_eq!(evil.status, 403);
    assert!(!evil.text.contains("req_") && evil.text.contains("http://127.0.0.1:7171/"));
    assert_eq!(with(&[], "GET", "/").await.status, 403);
    assert_eq!(with(&[("host", "logs.example")], "GET", "/").await.status, 200);
    let cross = with(&[("host", "localhost"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], "GET", "/r/x?scope=a").await;
    assert_eq!((cross.status.as_u16(), cross.html().select(&sel("main a")).next().unwrap().attr("href")), (403, Some("/r/x?scope=a")));
    let post = with(&[("host", "localhost")], "POST", "/").await;
    assert_eq!((post.status.as_u16(), post.headers["allow"].to_str().unwrap()), (405, "GET, HEAD"));
    let head = with(&[("host", "localhost")], "HEAD", "/").await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn every_trouble_has_its_words() {
    let title = async |uri: &str| {
        let got = get(uri).await;
        (got.status.as_u16(), texts(&got.html(), "h1").join(""))
    };
    assert_eq!(title("/nowhere").await, (404, "No page has this address".into()));
    assert_eq!(title("/r/%FF").await, (400, "The address cannot be read".into()));
    assert_eq!(title("/r/late1").await, (503, "The answer took longer than 2 s and was stopped".into()));
    assert_eq!(title(&format!("/r/{}", "a".repeat(17_000))).await, (414, "The id is 17000 bytes long; at most 16384 are looked up".into()));
    assert_eq!(title("/r/boom").await, (500, "The index could not answer".into()));
    assert!(get("/r/boom").await.text.contains("segment 3: checksum &lt;mismatch&gt;"));
    let fault = get("/r/panic1").await;
    assert_eq!(fault.status, 500);
    assert!(!fault.text.contains("secret") && fault.text.contains("fault number"));
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    assert_eq!(get("/r/stuck1").await.status, 503);
}

#[tokio::test]
async fn answers_are_compressed_when_asked() {
    let request = Request::builder().uri("/").header("host", "localhost").header("accept-encoding", "gzip").body(Body::empty()).unwrap();
    let response = demo().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    assert!(bytes.len() < 60_000, "{} bytes", bytes.len());
}
