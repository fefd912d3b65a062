//! The list, its empty states, and what browsers may keep: over the router, against answers made by hand.

#![allow(clippy::unwrap_used, missing_docs)]

use crate::{
    fixtures::{self, Demo},
    pages::{Got, ask, assert_inert, encoded, sel, send, site, text, texts},
};
use axum::{body::Body, http::Request};
use scraper::Html;
use throughline::model::status::Status;

async fn get(uri: &str) -> Got {
    ask(site(Demo::new(), fixtures::status()), uri).await
}

fn hrefs(html: &Html, css: &str) -> Vec<String> {
    html.select(&sel(css)).map(|a| a.attr("href").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_column_stands_in_the_row_as_text() {
    let html = get("/?sort=start").await.html();
    let heads: Vec<String> = html.select(&sel(".requests th")).map(text).collect();
    assert_eq!(heads, ["state", "request", "route", "start (UTC) ▾", "total", "where it went", "queue wait", "model", "attempts", "tokens", "errors", "seen"]);
    let ids: Vec<&str> = html.select(&sel(".rid a")).map(|a| a.attr("title").unwrap()).collect();
    assert_eq!((ids[7], texts(&html, ".rid a")[7].as_str()), (fixtures::RICH, "req_01JDC9V6Q8Z4M2…"));
    assert_eq!(texts(&html, ".seen").first().unwrap(), "✓ complete");
    let html = get("/?preset=incomplete").await.html();
    assert!(texts(&html, "td.seen").iter().all(|seen| seen == "◔ incomplete"));
    assert_eq!(
        html.select(&sel(".seen.warn")).next().unwrap().attr("title"),
        Some("incomplete: a stage that was handed over to was not seen, and something began whose end was not seen")
    );
}

#[tokio::test]
async fn ranges_count_back_from_the_newest_record_and_are_taken_away_again() {
    let html = get("/?q=status%3Aok").await.html();
    assert_eq!(texts(&html, ".facets h2")[0], "Start");
    assert_eq!(hrefs(&html, ".facets ul:first-of-type a"), ["/?q=status%3Aok%20since%3A15m", "/?q=status%3Aok%20since%3A1h", "/?q=status%3Aok%20since%3A24h"]);
    assert_eq!(texts(&html, ".facets ul:first-of-type li.dim"), ["counted back from the newest record, 2026-11-23 14:36:07.412 UTC"]);
    let hour = get("/?q=status%3Aok%20since%3A1h").await.html();
    assert_eq!(texts(&hour, ".facets ul:first-of-type a[aria-current]"), ["last hour"]);
    assert_eq!(hrefs(&hour, ".facets ul:first-of-type a").last().unwrap(), "/?q=status%3Aok");
}

#[tokio::test]
async fn regions_of_the_scatter_narrow_time_and_total_and_keep_the_rest() {
    let html = get("/?q=status%3Aok%20dur%3A%3E1s&preset=slowest").await.html();
    let cells = hrefs(&html, ".scatter a[href^='/?']");
    assert!((8..=32).contains(&cells.len()), "{}", cells.len());
    for cell in &cells {
        let q = cell.strip_prefix("/?q=").unwrap().split('&').next().unwrap();
        let conditions: Vec<&str> = q.split("%20").collect();
        let keys: Vec<&str> = conditions.iter().map(|c| c.split("%3A").next().unwrap()).collect();
        assert_eq!(keys, ["status", "since", "until", "dur"], "{cell}");
        assert!(cell.ends_with("&preset=slowest"));
        assert_eq!(get(cell).await.html().select(&sel(".note")).count(), 0, "{cell} is understood");
    }
    assert_eq!(html.select(&sel(".scatter")).next().unwrap().attr("data-rest"), Some("status:ok"));
}

#[tokio::test]
async fn an_empty_list_says_what_was_covered_and_what_is_near() {
    let none = get("/?q=nothing%20req_01JDC9V6Q8Z4").await.html();
    let said = texts(&none, ".empty p");
    assert_eq!(said[0], "Asked for: text holds nothing req_01JDC9V6Q8Z4.");
    assert_eq!(said[1], "Without status:failed there are 41 requests.");
    assert_eq!(said[2], format!("Ids that are near: {}", fixtures::RICH));
    assert!(said[3].starts_with("What was read covers 2026-11-22 14:27:47.012 to 2026-11-23 14:36:07.012 UTC, 5 sources: access.log, api.log, "), "{}", said[3]);
    let nothing = ask(site(Demo::empty(), Status::default()), "/").await.html();
    assert!(texts(&nothing, ".empty pre")[1].contains("throughline sample-logs/"));
    assert_eq!(nothing.select(&sel(".empty a[href='/sources']")).count(), 1);
}

#[tokio::test]
async fn while_reading_goes_on_the_list_is_usable_and_says_how_far_it_is() {
    let reading = Status { backlog_bytes: 1 << 30, ..fixtures::status() };
    let html = ask(site(Demo::new(), reading), "/").await.html();
    assert_eq!(html.select(&sel(".requests tbody tr")).count(), 50);
    assert_eq!(texts(&html, ".note.plain"), ["Reading goes on: 1.00 GiB of lines are not in this list yet (95 k of ~3.5 M lines read)."]);
}

#[tokio::test]
async fn an_id_that_is_not_there_is_told_apart_in_words() {
    let why = async |id: &str| {
        let got = get(&format!("/go?id={id}")).await;
        assert_eq!(got.status, 404, "{id}");
        texts(&got.html(), ".note").join(" ")
    };
    assert!(why("req_nobody1").await.starts_with("Never seen. It stands in none of the lines from 2026-11-23 13:21:07.012 to 14:36:07.012 UTC."));
    assert!(
        why("req_01JDC9V6Q8Z4M2K7T3W5XH0B1P")
            .await
            .starts_with("Outside of what was read. By its own characters this id was made at 2024-11-23 10:42:24.104 UTC; what was read covers")
    );
    assert!(why("req_torn_line_1").await.contains("gateway.log:77"));
}

#[tokio::test]
async fn a_page_that_could_not_be_made_offers_the_way_on() {
    let late = get("/r/late1?q=x").await;
    assert_eq!((late.status.as_u16(), hrefs(&late.html(), "main a")), (503, vec!["/r/late1?q=x".to_owned(), "/".to_owned()]));
    let fault = get("/r/boom").await.html();
    assert_eq!(texts(&fault, "main a"), ["try again", "all requests"]);
    assert!(texts(&fault, "main p").iter().any(|p| p.starts_with("fault number ")));
    assert_eq!(texts(&get("/nowhere").await.html(), "main a"), ["all requests"], "what will not go well is not offered again");
    let stuck = get("/r/stuck1").await;
    assert_eq!((stuck.status.as_u16(), texts(&stuck.html(), "main a")), (503, vec!["try again".to_owned(), "all requests".to_owned()]));
}

async fn with(method: &str, uri: &str, headers: &[(&str, &str)], status: Status) -> Got {
    let mut request = Request::builder().uri(uri).method(method).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(site(Demo::new(), status), request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn what_a_browser_has_already_is_not_sent_again() {
    for uri in ["/", "/?q=status%3Aok", "/requests.json", "/sources", "/sources.json", &format!("/r/{}", fixtures::RICH), &format!("/r/{}.json", fixtures::RICH)] {
        let first = with("GET", uri, &[], fixtures::status()).await;
        let tag = first.headers["etag"].to_str().unwrap().to_owned();
        assert!(tag.starts_with("W/\"") && first.headers["cache-control"] == "private, no-cache", "{uri}: {tag}");
        let again = with("GET", uri, &[("if-none-match", &tag)], fixtures::status()).await;
        assert_eq!((again.status.as_u16(), again.text.as_str(), again.headers["etag"].to_str().unwrap()), (304, "", tag.as_str()), "{uri}");
        assert!(again.headers.contains_key("content-security-policy"), "{uri}");
        let head = with("HEAD", uri, &[], fixtures::status()).await;
        assert_eq!((head.status.as_u16(), head.text.as_str(), head.headers["etag"].to_str().unwrap()), (200, "", tag.as_str()), "{uri}");
        assert_eq!(head.headers["content-type"], first.headers["content-type"], "{uri}");
        let packed = with("GET", uri, &[("if-none-match", &tag), ("accept-encoding", "gzip")], fixtures::status()).await;
        assert_eq!(packed.status, 304, "{uri}");
    }
}

#[tokio::test]
async fn anything_that_a_page_shows_changes_its_tag() {
    let tag = async |uri: &str, status: Status| with("GET", uri, &[], status).await.headers["etag"].clone();
    let base = tag("/", fixtures::status()).await;
    for other in ["/?q=status%3Aok", "/?sort=total", "/?after=50", "/?preset=failed", "/?q=nothing"] {
        assert_ne!(tag(other, fixtures::status()).await, base, "{other}");
    }
    let (mut newest, mut paused) = (fixtures::status(), fixtures::status());
    newest.newest = Some(fixtures::at(900_401));
    paused.paused = Some("the disk is full".into());
    assert_ne!(tag("/", newest).await, base);
    assert_ne!(tag("/", paused).await, base);
}

#[tokio::test]
async fn a_stream_and_a_trouble_are_never_kept() {
    for uri in ["/nowhere", "/r/boom", "/r/late1", "/go?id=req_nobody1", "/go?id=x"] {
        let got = get(uri).await;
        assert_eq!((got.headers["cache-control"].to_str().unwrap(), got.headers.contains_key("etag")), ("no-store", false), "{uri}");
    }
}

#[tokio::test]
async fn queries_and_parameters_of_any_kind_draw_the_page() {
    let brackets = "([{".repeat(1_365);
    let steering = "\u{202e}\u{200b}\u{feff}req_\u{2066}x";
    for q in [brackets.as_str(), steering, "%%%00", "\"", "-", "a:b:c:d", "since:x until:y", "dur:5s..1s", "stage:nowhere", "status:failed -status:failed"] {
        let uri = format!("/?q={}&sort=nothing&dir=sideways&preset=failed&preset=none&after=%00&limit=-1&limit=x", encoded(q));
        let got = get(&uri).await;
        assert_eq!(got.status, 200, "{q}");
        assert!(got.html().select(&sel(".requests, .empty")).count() == 1, "{q}: the page is drawn");
        assert!(texts(&got.html(), ".note").len() >= 2, "{q}: what cannot be used is said");
        assert_inert(&uri, &got.text);
    }
    for id in ["a/../b", "100%", "a?b=c", "a#b", "a&b", "a+b", "a;b", "ä ö", "..", ".", "\\", "\u{202e}x1", "%2e%2e%2f1"] {
        for uri in [format!("/go?id={}", encoded(id)), format!("/r/{}", encoded(id))] {
            let got = get(&uri).await;
            assert!(matches!(got.status.as_u16(), 303 | 404), "{uri}: {}", got.status);
            assert_inert(&uri, &got.text);
        }
    }
}
