//! The page of a request as a browser gets it: its words and figures, its timeline under every wish of an address, its lines, its forms.

use crate::{
    fixtures,
    pages::{assert_inert, encoded, get, sel, text, texts},
};
use throughline::{model::trace::Trace, web};

pub fn rich() -> String {
    format!("/r/{}", fixtures::RICH)
}

/// Name of a step of the rich request in addresses, by its number in the document.
pub fn key(number: usize) -> String {
    web::links::step_keys(&fixtures::rich().trace.spans)[number - 1].clone()
}

/// Selects the rows of a step of the rich request.
fn at(number: usize) -> String {
    format!("[id=\"{}\"]", key(number))
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
