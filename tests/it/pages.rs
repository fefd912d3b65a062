//! The pages as a browser gets them: over the router, against answers made by hand.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use crate::{
    fixtures::{self, Demo},
    request_page::{key, rich},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use scraper::{ElementRef, Html, Selector};
use std::sync::Arc;
use throughline::{
    model::status::Status,
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
