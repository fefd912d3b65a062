//! Two requests side by side as a browser gets them: what is said, that it adds up as data, and every way a side can be missing.

#![allow(clippy::unwrap_used, missing_docs)]

use crate::{
    fixtures::{self, Demo, MS, span, trace_of, view_of},
    pages::{Got, ask, assert_inert, encoded, get, sel, site, text, texts},
};
use std::sync::Arc;
use throughline::{
    model::{
        summary::RowQuery,
        trace::{Span, SpanKind},
    },
    query::view::{Answers, Found, LinesQuery, LinesView, ListView, PathView, QueryError, Shown, Times},
    web,
};

const FAST: &str = "req_fast_01";
const SLOW: &str = "req_slow_01";

/// One review that did not wait, one that did and was answered by another model, and everything of the demo.
struct Pair(Arc<Demo>);

fn review(id: &str, wait_ms: i64, model: &str, prompt: &str, more: Vec<Span>) -> PathView {
    let taken = 40 + wait_ms;
    let mut spans = vec![
        span("s1", "", SpanKind::App, "POST /reviews", "api", 0, 40),
        Span { queue: Some("reviews".into()), ..span("s2", "s1", SpanKind::QueueWait, "wait for review", "", 40, wait_ms) },
        span("s3", "s2", SpanKind::Task, "review", "worker", taken, 300),
        span("s4", "s3", SpanKind::ModelCall, model, "gateway", taken + 10, 200),
    ];
    spans.extend(more);
    let mut trace = trace_of(id, "POST /reviews", spans, 40);
    trace.models = vec![model.into()];
    trace.prompt_versions = vec![prompt.into()];
    trace.config_versions = vec!["cfg-7".into()];
    view_of(trace)
}

impl Answers for Pair {
    fn path(&self, text: &str, scope: Option<&str>, times: Times) -> Result<Found, QueryError> {
        Ok(match text {
            FAST => Found::Path(Box::new(review(FAST, 10, "gpt-4.1", "review@3", Vec::new()))),
            SLOW => Found::Path(Box::new(review(SLOW, 5_910, "haiku", "review@4", vec![span("s5", "s3", SpanKind::Tool, "lint", "worker", 6_170, 50)]))),
            _ => return self.0.path(text, scope, times),
        })
    }
    fn records(&self, text: &str, scope: Option<&str>, times: Times) -> Result<Option<Vec<Shown>>, QueryError> {
        self.0.records(text, scope, times)
    }
    fn list(&self, search: &str, query: RowQuery) -> Result<ListView, QueryError> {
        self.0.list(search, query)
    }
    fn lines(&self, query: LinesQuery) -> Result<LinesView, QueryError> {
        self.0.lines(query)
    }
    fn requests(&self) -> u64 {
        self.0.requests()
    }
}

async fn pair(uri: &str) -> Got {
    ask(site(Arc::new(Pair(Demo::new())), fixtures::status()), uri).await
}

fn hrefs(got: &Got, css: &str) -> Vec<String> {
    got.html().select(&sel(css)).map(|a| a.attr("href").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn one_sentence_names_the_largest_part_and_leads_to_it() {
    let got = pair(&format!("/compare?a={FAST}&b={SLOW}")).await;
    assert_eq!(got.status, 200);
    assert_eq!(texts(&got.html(), ".compared h1"), ["B took 5.90 s longer than A (6.25 s against 350 ms); 5.90 s of it (100 %) waiting in queue reviews."]);
    let step = "s2-queue_wait";
    assert_eq!(hrefs(&got, ".compared h1 a"), [format!("/r/{SLOW}"), format!("/r/{FAST}"), format!("/r/{SLOW}?step={step}#{step}")]);
    let back = pair(&format!("/compare?a={SLOW}&b={FAST}")).await;
    assert_eq!(texts(&back.html(), ".compared h1"), ["B took 5.90 s less than A (350 ms against 6.25 s); 5.90 s of it (100 %) waiting in queue reviews."]);
    assert_eq!(hrefs(&back, ".compared h1 a")[2], format!("/r/{SLOW}?step={step}#{step}"), "it leads to the side that has more of it");
}

#[tokio::test]
async fn every_part_stands_in_both_columns_with_what_one_side_lacks_in_words() {
    let html = pair(&format!("/compare?a={FAST}&b={SLOW}")).await.html();
    let rows: Vec<Vec<String>> = html.select(&sel(".aligned tbody tr, .aligned tfoot tr")).map(|r| r.select(&sel("th, td.num")).map(text).collect()).collect();
    assert_eq!(
        rows,
        [
            ["Qwait for review ◆ largest part", "10 ms", "5.91 s", "+5.90 s", "100 %"],
            ["Wreview", "100 ms300 ms long", "50 ms300 ms long", "−50 ms", "−0.8 %"],
            ["Tlint ▸ only in B", "–", "50 ms", "+50 ms", "0.8 %"],
            ["AAPOST /reviews", "40 ms", "40 ms", "same", "–"],
            ["Mgpt-4.1 in B haiku", "200 ms", "200 ms", "same", "–"],
            ["total", "350 ms", "6.25 s", "+5.90 s", "100 %"],
        ]
        .map(|row| row.map(|cell| cell.replacen("AA", "A", 1)).to_vec())
    );
    assert_eq!(html.select(&sel(".aligned tbody th[scope=row]")).count(), 5);
}

#[tokio::test]
async fn versions_that_differ_stand_first() {
    let html = pair(&format!("/compare?a={FAST}&b={SLOW}")).await.html();
    let rows: Vec<Vec<String>> = html.select(&sel(".who tbody tr")).map(|r| r.select(&sel("th, td")).map(text).collect()).collect();
    assert_eq!(
        rows,
        [
            ["models ≠ differs", "gpt-4.1", "haiku"],
            ["prompts ≠ differs", "review@3", "review@4"],
            ["state", "● 200", "● 200"],
            ["start (UTC)", "2026-11-23 14:21:07.012", "2026-11-23 14:21:07.012"],
            ["to response", "40 ms", "40 ms"],
            ["to completion", "350 ms", "6.25 s"],
            ["configuration", "cfg-7", "cfg-7"],
            ["route", "POST /reviews", "POST /reviews"],
        ]
    );
}

#[tokio::test]
async fn both_bars_are_drawn_on_one_scale() {
    let html = pair(&format!("/compare?a={FAST}&b={SLOW}")).await.html();
    let bar = |n: usize| {
        let svg = html.select(&sel(".pair svg.stack")).nth(n).unwrap();
        let rect = sel("rect");
        let parts = svg.select(&rect).map(|r| (r.attr("class").unwrap().to_owned(), r.attr("width").unwrap().trim_end_matches('%').parse::<f64>().unwrap()));
        parts.collect::<Vec<_>>()
    };
    let (a, b) = (bar(0), bar(1));
    let classes = |bar: &[(String, f64)]| bar.iter().map(|p| p.0.clone()).collect::<Vec<_>>();
    assert_eq!(classes(&a), ["part f-app", "part wait", "part f-worker", "part f-model"]);
    assert_eq!(classes(&b), ["part f-app", "part wait", "part f-worker", "part f-model", "part f-tool"]);
    assert!((b.iter().map(|p| p.1).sum::<f64>() - 100.0).abs() < 0.05 && (a[0].1 - b[0].1).abs() < 1e-9, "the same time has the same width");
    assert!((a.iter().map(|p| p.1).sum::<f64>() - 5.6).abs() < 0.05);
}

#[tokio::test]
async fn the_data_adds_up_and_says_what_the_page_says() {
    let json = pair(&format!("/compare.json?a={FAST}&b={SLOW}")).await.json();
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(json["difference_ns"], 5_900 * MS);
    assert_eq!(rows.iter().map(|r| r["difference_ns"].as_i64().unwrap()).sum::<i64>(), 5_900 * MS);
    let largest = &rows[usize::try_from(json["largest"].as_u64().unwrap()).unwrap()];
    assert_eq!((largest["kind"].as_str(), largest["b"]["path_ns"].as_i64(), largest["b"]["step"].as_str()), (Some("queue_wait"), Some(5_910 * MS), Some("s2")));
    assert_eq!((json["a"]["id"].as_str(), json["b"]["total_ns"].as_i64(), json["same_request"].as_bool()), (Some(FAST), Some(6_250 * MS), Some(false)));
    let lint = rows.iter().find(|r| r["stage"] == "tool").unwrap();
    assert!(lint["a"].is_null() && lint["b"]["steps"] == 1);
}

#[tokio::test]
async fn the_ways_on_swap_and_ask_for_what_is_typical() {
    let got = pair(&format!("/compare?a={FAST}&b={SLOW}")).await;
    assert_eq!(hrefs(&got, ".compared .toolbar a"), [format!("/compare?a={SLOW}&b={FAST}"), format!("/compare?a={FAST}&b=typical"), format!("/compare?a={SLOW}&b=typical")]);
    let turned = pair(&format!("/compare?a=typical&b={SLOW}")).await;
    assert_eq!((turned.status.as_u16(), turned.location()), (303, format!("/compare?a={SLOW}&b=typical").as_str()));
    let page = get(&format!("/r/{}", fixtures::RICH)).await;
    assert_eq!(hrefs(&page, ".ids a[href^='/compare']"), [format!("/compare?a={}&b=typical", fixtures::RICH)]);
    let mine = page.html().select(&sel("[href*='/compare']")).count();
    assert_eq!(mine, 1);
}

#[tokio::test]
async fn a_request_is_held_against_medians_that_do_not_add_up() {
    let got = get(&format!("/compare?a={}&b=typical", fixtures::RICH)).await;
    let html = got.html();
    assert_eq!(
        texts(&html, ".compared h1"),
        ["A took 12.0 s longer than the median of POST /tickets/{id}/reply, 2.91 s; 6.02 s of it (50.1 %) is queue wait. It is above the 95th percentile, 8.02 s."]
    );
    let rows: Vec<Vec<String>> = html.select(&sel(".aligned tbody tr")).map(|r| r.select(&sel("th, td.num")).map(text).collect()).collect();
    assert_eq!(rows.first().unwrap()[0], "Qqueue wait ◆ largest part ▲ above p95");
    let left = rows.last().unwrap();
    assert_eq!((left[0].as_str(), left[1].as_str()), ("medians do not add up", "–"));
    assert!(texts(&html, ".parted .foot")[0].starts_with("Medians do not add up"));
    let json = get(&format!("/compare.json?a={}&b=typical", fixtures::RICH)).await.json();
    let sum: i64 = json["rows"].as_array().unwrap().iter().map(|r| r["difference_ns"].as_i64().unwrap()).sum();
    assert_eq!((sum, json["b"]["p50_ns"].as_i64()), (json["difference_ns"].as_i64().unwrap(), Some(2_910 * MS)));
    assert!(sum < 0, "a difference is B less A");
}

#[tokio::test]
async fn too_few_and_none_are_said_instead_of_compared() {
    let few = get(&format!("/compare?a={}&b=typical", fixtures::FAILED)).await;
    assert_eq!(texts(&few.html(), ".compared h1"), ["A: of its route POST /assist there are too few to compare (n = 7)."]);
    assert_eq!(few.html().select(&sel(".aligned, .pair")).count(), 0);
    let bare = get(&format!("/compare?a={}&b=typical", fixtures::BARE)).await;
    assert_eq!(texts(&bare.html(), ".compared h1"), ["A names no route, so nothing is known to be typical of it."]);
    let open = get(&format!("/compare?a={}&b=typical", fixtures::OPEN)).await;
    assert_eq!(texts(&open.html(), ".compared h1"), ["A: no request of POST /summarize is finished, so nothing is typical of it."]);
    assert_eq!(get(&format!("/compare.json?a={}&b=typical", fixtures::FAILED)).await.json()["reason"], "too few to compare");
}

#[tokio::test]
async fn a_side_that_is_absent_is_asked_for() {
    for uri in ["/compare", "/compare?a=&b=", &format!("/compare?a={FAST}"), &format!("/compare?b={FAST}"), "/compare?a=typical&b=typical", "/compare?b=typical"] {
        let got = pair(uri).await;
        assert_eq!(got.status, 200, "{uri}");
        let fields: Vec<String> = got.html().select(&sel("form.choose[action='/compare'] input")).map(|i| i.attr("name").unwrap().to_owned()).collect();
        assert_eq!(fields, ["a", "b"], "{uri}");
        assert_eq!(pair(&uri.replacen("/compare", "/compare.json", 1)).await.status, 400, "{uri}");
    }
    let half = pair(&format!("/compare?b={FAST}")).await;
    let values: Vec<String> = half.html().select(&sel("form.choose input")).map(|i| i.attr("value").unwrap().to_owned()).collect();
    assert_eq!(values, ["", FAST]);
}

#[tokio::test]
async fn an_id_nobody_has_is_named_with_its_side_and_what_begins_alike() {
    let got = pair(&format!("/compare?a={FAST}&b=req_nobody")).await;
    assert_eq!(got.status, 404);
    assert_eq!(texts(&got.html(), "section h2").first().unwrap(), "B: no line that was read carries req_nobody");
    assert_eq!(hrefs(&got, "section li a")[0], format!("/compare?a={FAST}&b={}", fixtures::RICH), "the other side is kept");
    let both = pair("/compare?a=req_nobody&b=req_none").await;
    let heads = texts(&both.html(), "section h2");
    assert!(heads.iter().any(|h| h.starts_with("A: no line")) && heads.iter().any(|h| h.starts_with("B: no line")), "{heads:?}");
    let data = pair(&format!("/compare.json?a={FAST}&b=req_nobody")).await;
    assert_eq!((data.status.as_u16(), data.json()["b"]["error"].as_str(), data.json()["a"]["id"].as_str()), (404, Some("unknown"), Some(FAST)));
}

#[tokio::test]
async fn an_id_of_several_is_chosen_among_while_the_other_side_stays() {
    let got = pair(&format!("/compare?a=1187&b={FAST}")).await;
    assert_eq!(texts(&got.html(), "section h2"), ["A: 2 requests can be meant by 1187 choose the one to compare"]);
    assert_eq!(hrefs(&got, ".rid a"), [format!("/compare?a=1187&a_scope=queue%3Dmail&b={FAST}"), format!("/compare?a=1187&a_scope=queue%3D%3Cb%3E&b={FAST}")]);
    assert_eq!(pair(&format!("/compare.json?a=1187&b={FAST}")).await.status, 300);
    let chosen = pair(&format!("/compare?a=1187&a_scope=queue%3Dmail&b={FAST}")).await;
    assert_eq!((chosen.status.as_u16(), texts(&chosen.html(), ".who thead th")[0].as_str()), (200, format!("A {}", fixtures::RICH).as_str()));
}

#[tokio::test]
async fn the_same_request_twice_is_said_and_not_compared() {
    let got = pair(&format!("/compare?a={FAST}&b={FAST}")).await;
    assert_eq!(texts(&got.html(), ".note"), ["A and B are the same id: there is nothing to compare."]);
    let other = get(&format!("/compare?a={}&b=chatcmpl-9xT2Qm4LwZ81", fixtures::RICH)).await;
    assert_eq!(texts(&other.html(), ".note"), ["A and B are ids of one request: there is nothing to compare."]);
    assert_eq!(other.html().select(&sel(".aligned")).count(), 0);
}

#[tokio::test]
async fn different_routes_are_compared_with_a_word_of_it() {
    let got = pair(&format!("/compare?a={FAST}&b={}", fixtures::FAILED)).await;
    assert_eq!(texts(&got.html(), ".note"), ["The two took different routes. Their parts are compared by stage and order all the same."]);
    assert_eq!(texts(&got.html(), ".who .differs th"), ["models ≠ differs", "prompts ≠ differs", "configuration ≠ differs", "route ≠ differs", "state ≠ differs"]);
    assert!(texts(&got.html(), ".aligned th .bad").contains(&"✕ 1 failed in B".to_owned()));
}

#[tokio::test]
async fn what_is_not_seen_to_end_or_states_no_time_is_said() {
    let open = pair(&format!("/compare?a={FAST}&b={}", fixtures::OPEN)).await;
    assert!(texts(&open.html(), ".note").contains(&"B is not seen to end: what was seen so far is compared.".to_owned()));
    let bare = pair(&format!("/compare?a={FAST}&b={}", fixtures::BARE)).await;
    assert!(texts(&bare.html(), ".note").contains(&"No line of B states how long anything took.".to_owned()));
}

#[tokio::test]
async fn thousands_of_steps_fit_one_page() {
    let got = pair(&format!("/compare?a={}&b={FAST}", fixtures::HUGE)).await;
    assert_eq!((got.status.as_u16(), got.text.len() < 200_000), (200, true));
    assert!(got.html().select(&sel(".aligned tbody tr")).count() <= 60);
}

#[tokio::test]
async fn hostile_text_stays_text_in_a_comparison() {
    let (bad, attack) = (encoded(fixtures::HOSTILE), encoded("\"><script>alert(1)</script>\u{202e}' onmouseover=x"));
    for uri in [
        format!("/compare?a={bad}&b={FAST}"),
        format!("/compare?a={FAST}&b={bad}"),
        format!("/compare?a={bad}&b=typical"),
        format!("/compare?a={attack}&b={attack}"),
        format!("/compare?a={attack}&a_scope={attack}"),
        format!("/compare?a=1187&a_scope={attack}&b={attack}"),
        format!("/compare?a=1187&b={bad}"),
    ] {
        assert_inert(&uri, &pair(&uri).await.text);
    }
    let kept = pair(&format!("/compare?a={bad}&b=1187")).await;
    assert!(hrefs(&kept, ".rid a").iter().all(|h| h.starts_with("/compare?a=req_%3Cscript") && !h.contains(['<', '"', '\''])));
}

#[tokio::test]
async fn an_id_too_long_to_be_one_is_refused() {
    let long = "x".repeat(web::links::ID_MAX_BYTES + 1);
    assert_eq!(pair(&format!("/compare?a={long}&b={FAST}")).await.status, 414);
}
