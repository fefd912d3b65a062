//! The lines page and the stream that tells of new lines: over answers made by hand, and over an index.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use crate::{
    fixtures::{self, Demo},
    pages::{Got, ask, assert_inert, encoded, sel, send, site, text, texts},
    support::Bench,
};
use axum::{Router, body::Body, http::Request};
use scraper::Html;
use std::{collections::BTreeSet, sync::Arc};
use throughline::{
    model::status::Status,
    query::{
        engine::Engine,
        view::{Answers, LinesQuery, LinesView, QueryError},
    },
    recognise::Tables,
    store::{RowStore, Store},
    web::{self, State},
};
use tokio::sync::watch;
use tower::ServiceExt;

async fn get(uri: &str) -> Got {
    ask(site(Demo::new(), fixtures::status()), uri).await
}

fn hrefs(html: &Html, css: &str) -> Vec<String> {
    html.select(&sel(css)).map(|a| a.attr("href").unwrap().to_owned()).collect()
}

/// An index of these logs: name and content.
fn index(logs: &[(&str, String)]) -> (Bench, Engine) {
    let bench = Bench::new();
    for (name, content) in logs {
        bench.write(&format!("logs/{name}"), content);
    }
    bench.ok(&["index", "logs", "--data", "d"]);
    let engine = engine(&bench);
    (bench, engine)
}

fn engine(bench: &Bench) -> Engine {
    let (store, rows) = (Store::open_reader(&bench.path("d")).unwrap(), RowStore::open_reader(&bench.path("d")).unwrap().0);
    Engine::new(Arc::new(store), Arc::new(rows), Tables::builtin())
}

fn line(second: u32, rest: &str) -> String {
    format!("{{\"time\":\"2026-11-18T13:20:{second:02}Z\",{rest}}}\n")
}

fn asked(engine: &Engine, text: &str) -> LinesView {
    engine.lines(LinesQuery { text: text.into(), limit: 100, overview: true, ..LinesQuery::default() }).unwrap()
}

fn places(view: &LinesView) -> Vec<String> {
    view.rows.iter().map(|r| r.line.to_string()).collect()
}

fn forty() -> String {
    let level = |n: u32| ["info", "info", "warn", "error"][n as usize % 4];
    (0..40).map(|n| line(n, &format!("\"level\":\"{}\",\"msg\":\"attempt {n} of the draft\",\"nested\":{{\"step\":\"s{}\"}}", level(n), n % 5))).collect()
}

#[tokio::test]
async fn the_page_shows_lines_newest_first_with_their_level_place_and_request() {
    let html = get("/lines").await.html();
    let rows: Vec<_> = html.select(&sel("#lines tbody tr")).collect();
    assert_eq!(rows.len(), 100);
    assert_eq!(
        text(rows[0]),
        format!("11-23 14:21:07.012infoapiattempt 0 of reply.draft{{\"msg\":\"attempt 0 of reply.draft\",\"n\":0}}api.log:1…{}", &fixtures::RICH[fixtures::RICH.len() - 11..])
    );
    assert_eq!(texts(&html, "#lines td.lv")[1..5], ["debug", "", "✕ error", "info"]);
    assert_eq!(texts(&html, "#lines td.when")[1], "no time");
    assert_eq!(hrefs(&html, "#lines td.to a")[0], format!("/r/{}?line={}#l-{}-1", fixtures::RICH, web::links::encode("logs/api.log:1"), web::links::anchor("logs/api.log")));
    assert_eq!(texts(&html, "#lines summary mark")[..2], ["attempt", "attempt"]);
    assert_eq!(texts(&html, ".pages > span"), ["1–100 of 250 lines"]);
    assert_eq!(texts(&html, ".top nav a"), ["Requests", "Lines", "Sources"]);
    assert_eq!(texts(&html, ".top nav a[aria-current]"), ["Lines"]);
}

#[tokio::test]
async fn a_long_text_is_folded_and_what_is_left_of_its_record_is_counted() {
    let html = get("/lines").await.html();
    let row = html.select(&sel("#lines tbody tr")).nth(3).unwrap();
    let summary: String = row.select(&sel("summary")).next().unwrap().text().collect();
    assert_eq!((summary.chars().count(), summary.ends_with('…')), (221, true));
    assert!(row.select(&sel(".whole")).next().unwrap().text().collect::<String>().ends_with("rate limited,"));
    assert_eq!(text(row.select(&sel(".proof i")).next().unwrap()), "… 1023 KiB more of this record");
}

#[tokio::test]
async fn filters_presets_and_bars_set_exactly_their_filter() {
    let html = get("/lines?q=retry%20level:info").await.html();
    assert_eq!(texts(&html, ".presets a"), ["All lines", "Errors 50", "Warnings and errors 100"]);
    assert_eq!(hrefs(&html, ".presets a"), ["/lines?q=retry", "/lines?q=retry%20level%3A%3E%3Derror", "/lines?q=retry%20level%3A%3E%3Dwarn"]);
    assert_eq!(texts(&html, ".facets a"), ["✕ error50", "◆ warn50", "info100", "debug50", "api240", "worker10"]);
    assert_eq!(
        hrefs(&html, ".facets a")[1..5],
        ["/lines?q=retry%20level%3Awarn", "/lines?q=retry", "/lines?q=retry%20level%3Adebug", "/lines?q=retry%20level%3Ainfo%20source%3Aapi"]
    );
    assert_eq!(texts(&html, ".facets a[aria-current]"), ["info100"]);
    let bars = hrefs(&html, "svg.plot a");
    assert_eq!(bars.len(), 4, "an empty bar leads nowhere");
    assert_eq!(bars[1], "/lines?q=retry%20level%3Ainfo%20since%3A2026-11-23T14%3A17%3A07.012000000Z%20until%3A2026-11-23T14%3A18%3A07.011999999Z");
    assert_eq!(texts(&html, "svg.plot title")[1], "50 lines at 2026-11-23 14:17:07.012, 1 error, 5 warnings");
    assert_eq!(texts(&html, ".over .tools > span"), ["✕ 4 error or fatal", "◆ 20 warn", "176 other"]);
    let parts = html.select(&sel("svg.plot a")).nth(1).unwrap();
    assert_eq!(parts.select(&sel("rect")).map(|r| r.attr("class").unwrap()).collect::<Vec<_>>(), ["target", "v-error", "v-warn", "v-other"]);
    assert_eq!(texts(&html, ".foot"), ["not drawn: 50 lines without a time"]);
}

#[tokio::test]
async fn a_bound_that_bit_is_said_with_every_count() {
    let html = get("/lines?q=some").await.html();
    assert_eq!(texts(&html, ".pages > span"), ["1–100 of at least 250 lines"]);
    assert_eq!(texts(&html, ".presets small"), ["≥ 50", "≥ 100"]);
    assert_eq!(texts(&html, ".over .tools > span")[0], "✕ at least 4 error or fatal");
}

#[tokio::test]
async fn pages_go_on_behind_the_last_line_and_a_place_that_cannot_be_read_is_said() {
    let first = get("/lines?q=x").await.html();
    assert_eq!(hrefs(&first, "#next"), ["/lines?q=x&after=99.a.99"]);
    let last = get("/lines?q=x&after=199.a.199").await.html();
    assert_eq!((texts(&last, ".pages > span"), hrefs(&last, "#next").len()), (vec!["50 more of 250 lines".to_owned()], 0));
    assert_eq!(hrefs(&last, ".pages a")[0], "/lines?q=x");
    let lost = get("/lines?after=%3Cb%3E").await.html();
    assert_eq!(texts(&lost, ".note"), ["<b> the lines cannot go on from here; the first page is shown"]);
    assert_eq!(lost.select(&sel("#lines tbody tr")).count(), 100);
}

#[tokio::test]
async fn a_part_that_cannot_be_used_is_underlined_and_unknown_parameters_are_named() {
    let html = get("/lines?q=retry%20dur:soon%20x&colour=red&order=sideways&live=1&after=5.a.5").await.html();
    assert_eq!(texts(&html, ".note .wrong"), ["colour", "sideways", "live", "dur:soon"]);
    assert_eq!(texts(&html, ".note")[3], "retry dur:soon x soon is not a length; write a number and a unit, as 5s or 500ms");
    assert!(html.select(&sel("#lines tbody tr")).count() > 0);
}

#[tokio::test]
async fn an_empty_page_says_why() {
    let titles = async |answers: Arc<dyn Answers>, status: Status, uri: &str| texts(&ask(site(answers, status), uri).await.html(), ".empty h2");
    assert_eq!(titles(Demo::empty(), Status::default(), "/lines").await, ["Nothing is indexed yet"]);
    assert_eq!(titles(Demo::empty(), Status { backlog_bytes: 1 << 30, ..fixtures::status() }, "/lines").await, ["Reading"]);
    assert_eq!(titles(Demo::empty(), fixtures::status(), "/lines").await, ["No line yet"]);
    let html = get("/lines?q=none%20level:warn").await.html();
    assert_eq!(texts(&html, ".empty h2"), ["No line matches"]);
    assert_eq!((texts(&html, ".empty a")[0].as_str(), hrefs(&html, ".empty a")[0].as_str()), ("Without none", "/lines?q=level%3Awarn"));
    let late = get("/lines?q=some%20none").await.html();
    assert_eq!((texts(&late, ".empty h2"), texts(&late, ".pages > span")), (vec!["None found yet".to_owned()], vec!["none found yet".to_owned()]));
    assert_eq!(hrefs(&late, ".empty a"), ["/lines?q=some%20none&after=50.a.50"]);
    let reading = ask(site(Demo::new(), Status { backlog_bytes: 1 << 30, ..fixtures::status() }), "/lines").await.html();
    assert_eq!(texts(&reading, ".note"), ["Reading goes on: 1.00 GiB of logs are not in these lines yet."]);
}

#[tokio::test]
async fn following_is_asked_for_and_works_without_scripts() {
    let plain = get("/lines?q=x").await.html();
    assert_eq!((plain.select(&sel("meta[http-equiv]")).count(), plain.select(&sel("#follow")).count()), (0, 0));
    assert!(hrefs(&plain, ".pages a").contains(&"/lines?q=x&live=1".to_owned()));
    let live = get("/lines?q=x&live=1").await;
    assert!(live.text.contains("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>"));
    let follow = live.html();
    let follow = follow.select(&sel("#follow")).next().unwrap();
    assert_eq!((follow.attr("data-events"), follow.attr("data-rows")), (Some("/live"), Some("/lines?q=x&fragment=rows&newer=")));
    assert_eq!(hrefs(&live.html(), "#follow .stop"), ["/lines?q=x"]);
    assert_eq!(hrefs(&live.html(), "#next"), ["/lines?q=x&after=99.a.99"], "a later page does not follow");
    let nothing = get("/lines?q=none&live=1").await.html();
    assert_eq!(nothing.select(&sel("#lines tbody")).count(), 1, "rows that come later have a place");
}

#[tokio::test]
async fn new_rows_come_as_they_stand_in_the_page() {
    let rows = |page: &str| -> Vec<String> { Html::parse_document(page).select(&sel("tr[data-cursor]")).map(|r| r.html()).collect() };
    let fragment = get("/lines?fragment=rows&newer=4.a.4").await.text;
    assert!(!fragment.contains("<html"));
    let page = get("/lines").await.text;
    assert_eq!(rows(&format!("<table>{fragment}</table>")), rows(&page)[..5]);
    assert!(!fragment.contains("id=\"gap\""));
    assert!(get("/lines?fragment=rows&newer=240.a.240").await.text.contains("id=\"gap\""), "more came in than is given at once");
}

#[tokio::test]
async fn the_same_lines_are_there_as_data() {
    let json = get("/lines.json?q=some&limit=2&after=3.a.3").await.json();
    assert_eq!((json["matched"].as_u64(), json["exact"].as_bool(), json["next"].as_str()), (Some(250), Some(false), Some("5.a.5")));
    assert_eq!(json["lines"].as_array().unwrap().iter().map(|l| l["line"].as_str().unwrap()).collect::<Vec<_>>(), ["logs/api.log:5", "logs/api.log:6"]);
    assert_eq!((json["levels"][0]["value"].as_str(), json["over_time"].as_array().map(Vec::len)), (Some("error"), Some(5)));
    assert_eq!(hrefs(&get("/lines?q=a&after=3.a.3").await.html(), "a.json"), ["/lines.json?q=a&after=3.a.3"]);
}

#[tokio::test]
async fn the_list_leads_on_to_all_lines_with_the_words_of_its_query() {
    let link = async |uri: &str| hrefs(&get(uri).await.html(), ".chips a.plain");
    assert_eq!(link("/?q=status:failed%20%22rate%20limit%22%20source:api%20dur:%3E5s").await, ["/lines?q=%22rate%20limit%22%20source%3Aapi"]);
    assert_eq!(link("/?q=status:failed%20since:2h").await, Vec::<String>::new());
}

#[tokio::test]
async fn hostile_text_stays_text() {
    let site = || site(Demo::hostile(), fixtures::status());
    let attack = encoded("\"><script>alert(1)</script>\u{202e}' dur:soon onmouseover=x");
    let brackets = encoded(&"([{<".repeat(1_024));
    for uri in [
        "/lines".to_owned(),
        "/lines?live=1".to_owned(),
        "/lines?fragment=rows".to_owned(),
        format!("/lines?q={attack}&after={attack}&order={attack}&live={attack}&{attack}={attack}"),
        format!("/lines?q={attack}%20none"),
        format!("/lines?q={brackets}"),
        format!("/lines?fragment=rows&newer={attack}"),
    ] {
        let got = ask(site(), &uri).await;
        assert_eq!(got.status, 200, "{uri}");
        assert_inert(&uri, &got.text.replace("/static/lines.", "/static/app."));
    }
    let page = ask(site(), "/lines").await.text;
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("⟦U+202E⟧") && page.contains('␛') && page.contains('␀'));
}

// The stream.

fn streaming() -> (Router, watch::Sender<Status>) {
    let (sender, status) = watch::channel(fixtures::status());
    (web::router(State { answers: Demo::new(), status, hosts: Vec::new(), listen_port: 7171, version: "0" }), sender)
}

fn live(headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().uri("/live");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

const HOST: [(&str, &str); 1] = [("host", "localhost")];

#[tokio::test]
async fn the_stream_is_events_not_compressed_and_under_the_policy_of_every_answer() {
    let (router, _status) = streaming();
    let response = router.oneshot(live(&[("host", "localhost"), ("accept-encoding", "gzip")])).await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
    assert_eq!((response.status().as_u16(), header("content-type").as_deref(), header("content-encoding")), (200, Some("text/event-stream"), None));
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    assert!(header("content-security-policy").is_some());
}

#[tokio::test]
async fn who_may_not_read_pages_may_not_follow() {
    let (router, _status) = streaming();
    assert_eq!(send(router.clone(), live(&[("host", "evil.example")])).await.status, 403);
    assert_eq!(send(router, live(&[("host", "localhost"), ("origin", "https://evil.example")])).await.status, 403);
}

#[tokio::test]
async fn one_reader_too_many_is_told_to_come_again_and_finds_a_place_once_one_is_free() {
    let (router, _status) = streaming();
    let mut readers = Vec::new();
    for _ in 0..64 {
        let response = router.clone().oneshot(live(&HOST)).await.unwrap();
        assert_eq!(response.status(), 200);
        readers.push(response);
    }
    let refused = send(router.clone(), live(&HOST)).await;
    assert_eq!((refused.status.as_u16(), refused.headers["retry-after"].to_str().unwrap()), (503, "10"));
    assert_eq!(refused.text, "64 readers follow already; close a page that follows and try again.\n");
    readers.pop();
    loop {
        let again = router.clone().oneshot(live(&HOST)).await.unwrap();
        if again.status() == 200 {
            break;
        }
        tokio::task::yield_now().await;
    }
}

// The index.

#[test]
fn every_line_is_on_one_page_in_either_order_whatever_comes_in_meanwhile() {
    let (bench, engine) = index(&[("a.log", forty()), ("b.log", forty())]);
    let walk = |engine: &Engine, oldest_first: bool, mut between: Box<dyn FnMut()>| {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = engine.lines(LinesQuery { oldest_first, after: after.take(), limit: 7, ..LinesQuery::default() }).unwrap();
            seen.extend(page.rows.iter().map(|r| r.line.to_string()));
            between();
            match page.next {
                Some(next) => after = Some(next),
                None => return seen,
            }
        }
    };
    let oldest = walk(&engine, true, Box::new(|| ()));
    assert_eq!(oldest.len(), 80);
    // Which of two files comes first at one instant is kept by their ids, whatever those are.
    let mut first_two = oldest[..2].to_vec();
    first_two.sort();
    assert_eq!(first_two, ["logs/a.log:1", "logs/b.log:1"]);
    let mut newest = walk(&engine, false, Box::new(|| ()));
    newest.reverse();
    assert_eq!(newest, oldest);
    let first = engine.lines(LinesQuery { limit: 5, ..LinesQuery::default() }).unwrap();
    bench.write("logs/a.log", forty() + &line(50, "\"msg\":\"later\"") + &line(51, "\"msg\":\"later\""));
    bench.ok(&["index", "logs", "--data", "d"]);
    let engine = self::engine(&bench);
    let second = engine.lines(LinesQuery { limit: 5, after: first.next, ..LinesQuery::default() }).unwrap();
    let both: BTreeSet<String> = places(&second).into_iter().chain(first.rows.iter().map(|r| r.line.to_string())).collect();
    assert_eq!(both, oldest.iter().rev().take(10).cloned().collect());
    let new = engine.lines(LinesQuery { limit: 50, newer: Some(first.rows[0].cursor.clone()), ..LinesQuery::default() }).unwrap();
    assert_eq!(places(&new)[..2], ["logs/a.log:42", "logs/a.log:41"]);
    assert!(matches!(engine.lines(LinesQuery { after: Some("x".into()), ..LinesQuery::default() }), Err(QueryError::Cursor)));
}

#[test]
fn counts_are_exact_and_of_the_other_conditions() {
    let (_bench, engine) = index(&[("a.log", forty()), ("b.log", line(0, "\"level\":\"error\",\"msg\":\"other\""))]);
    let facets = |view: &LinesView| -> Vec<(String, Option<u64>, bool)> {
        view.overview.levels.iter().chain(&view.overview.sources).map(|f| (f.value.clone(), f.count, f.chosen)).collect()
    };
    let all = asked(&engine, "");
    assert_eq!((all.matched, all.exact, all.total), (41, true, 41));
    let expected = [("error", 11, false), ("warn", 10, false), ("info", 20, false), ("a", 40, false), ("b", 1, false)];
    assert_eq!(facets(&all), expected.map(|(v, n, c)| (v.to_owned(), Some(n), c)));
    let errors = asked(&engine, "level:error");
    assert_eq!(errors.matched, 11);
    let expected = [("error", 11, true), ("warn", 10, false), ("info", 20, false), ("a", 10, false), ("b", 1, false)];
    assert_eq!(facets(&errors), expected.map(|(v, n, c)| (v.to_owned(), Some(n), c)));
    let read = asked(&engine, "nested.step:s3 level:error");
    assert_eq!((read.matched, read.exact, places(&read)), (2, true, vec!["logs/a.log:24".to_owned(), "logs/a.log:4".to_owned()]));
    assert_eq!(read.overview.levels.iter().map(|f| f.count).collect::<Vec<_>>(), [None; 6], "what other levels would give is not known");
    let phrase = asked(&engine, "\"7 of the draft\"");
    assert_eq!((phrase.matched, phrase.sought.len()), (1, 1));
}

#[test]
fn bars_hold_all_lines_that_match_and_lead_to_exactly_theirs() {
    let (_bench, engine) = index(&[("a.log", forty() + "no time at all\n")]);
    let view = asked(&engine, "");
    let bars = &view.overview.bars;
    assert_eq!((bars.len(), bars.iter().map(|b| b.count).sum::<u64>(), bars.iter().map(|b| b.errors).sum::<u64>(), bars.iter().map(|b| b.warnings).sum::<u64>()), (40, 40, 10, 10));
    for bar in bars.iter().take(4) {
        let within = asked(&engine, &format!("since:{} until:{}", bar.from.to_rfc3339(), bar.to.to_rfc3339()));
        assert_eq!((within.matched, within.exact), (bar.count, true));
    }
}

#[test]
fn times_without_a_zone_stand_where_their_log_was_found_to_be() {
    let bench = Bench::new();
    bench.ok(&["index", concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs"), "--data", "d"]);
    let view = engine(&bench).lines(LinesQuery { limit: 500, ..LinesQuery::default() }).unwrap();
    assert_eq!(view.rows.len(), 500);
    assert!(view.rows.windows(2).all(|w| w[0].time >= w[1].time), "newest first by the times that are shown");
}

#[tokio::test]
async fn a_line_leads_to_its_own_row_on_the_page_of_its_request() {
    let bench = Bench::new();
    bench.ok(&["index", concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs"), "--data", "d"]);
    let site = || site(Arc::new(engine(&bench)), fixtures::status());
    let page = ask(site(), "/lines").await.html();
    let links: BTreeSet<String> = hrefs(&page, "#lines td.to a").into_iter().collect();
    assert!(links.len() > 90, "{}", links.len());
    for link in links {
        let (address, anchor) = link.split_once('#').unwrap();
        let request = ask(site(), address).await;
        assert_eq!(request.status, 200, "{link}");
        assert!(request.text.contains(&format!("id=\"{anchor}\"")), "{link}");
    }
}

#[tokio::test]
async fn a_line_of_a_request_with_thousands_leads_to_its_own_row_too() {
    let log: String =
        (0..2_600).map(|n| format!("{{\"time\":\"2026-11-18T13:{:02}:{:02}Z\",\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\",\"msg\":\"step\"}}\n", n / 60, n % 60)).collect();
    let (_bench, engine) = index(&[("a.log", log)]);
    let answers = Arc::new(engine);
    let site = || site(answers.clone(), fixtures::status());
    let page = ask(site(), "/lines").await.html();
    let link = hrefs(&page, "#lines td.to a").into_iter().next().unwrap();
    let (address, anchor) = link.split_once('#').unwrap();
    let request = ask(site(), address).await;
    assert!(request.text.contains(&format!("id=\"{anchor}\"")) && request.text.contains("1,000 from number 1,601 on of 2,600 lines of 1 source"), "{link}");
    let gone = ask(site(), "/r/req_01JDC9V6Q8Z4M2K7T3W5XH0B1N?line=a.log:9999").await;
    assert!(gone.text.contains("line=a.log:9999: this request has no such line") && gone.text.contains("the first 1,000 of 2,600 lines of 1 source"));
}

#[test]
fn a_query_without_a_match_names_the_condition_to_drop_and_what_asks_of_requests_is_left_out() {
    let (_bench, engine) = index(&[("a.log", forty())]);
    let none = asked(&engine, "draft level:warn nothinglikeit");
    assert_eq!((none.matched, none.drop_hint), (0, Some(("nothinglikeit".to_owned(), 10))));
    let both = asked(&engine, "status:failed dur:>5s level:warn since:5s preset:failed");
    assert_eq!(both.notices.iter().map(|n| (n.at, n.part.as_str())).collect::<Vec<_>>(), [(0, "status:failed"), (14, "dur:>5s"), (42, "preset:failed")]);
    assert_eq!(both.understood, ["its level is warn", "the line was written at or after 5 s before the newest record"]);
    assert_eq!(places(&both), ["logs/a.log:39", "logs/a.log:35"]);
}

#[test]
fn large_and_strange_records_are_lines_like_others() {
    let big = line(1, &format!("\"level\":\"error\",\"msg\":\"{}\"", "x".repeat(1 << 20)));
    let many = line(2, "\"msg\":\"<script>alert(1)</script>\u{202e}\"");
    let (_bench, engine) = index(&[("a.log", big + &many + "{\"torn\":")]);
    let view = asked(&engine, "");
    assert_eq!(view.matched, view.total);
    assert!(view.rows.iter().all(|r| r.body.len() <= 16 << 10 && r.raw.len() <= 16 << 10));
    assert!(view.rows.iter().any(|r| r.raw_bytes >= 1 << 20));
    let brackets = asked(&engine, &"[".repeat(4_096));
    assert_eq!((brackets.notices.len(), brackets.matched), (1, view.total));
}
