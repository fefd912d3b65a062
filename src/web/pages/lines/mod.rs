//! `/lines`: every line, with words, fields, levels, logs and time to narrow them by. Counts, lines over time, and rows by keyset.
//!
//! Guarantees: the whole state of the page is its address; a part of it that cannot be used is named and the rest still counts; an empty page says
//! why it is empty; no line is longer on the page than its folded head. `/lines.json` is the same as data, `fragment=rows` the rows alone.

mod marks;
mod overview;
mod rows;

use crate::{
    model::status::Status,
    query::view::{LineBar, LineFacet, LineRow, LinesQuery, LinesView, Notice, QueryError},
    web::{
        Shared, assets,
        chrome::Chrome,
        error::Problem,
        format,
        links::{self, LinesAddress},
        pages::{
            Pairs, document, html,
            parts::{FacetView, NoticeView, notice_view},
            value,
        },
    },
};
use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use overview::{Histogram, PresetLink};
use rows::RowView;
use serde::Serialize;

/// Lines of a page.
const ROWS: usize = 100;
/// Lines given at once to a page that follows.
const NEW_ROWS: usize = 200;
/// What an address may say.
const KEYS: [&str; 7] = ["q", "order", "after", "live", "newer", "fragment", "limit"];
/// Most unknown parameters that are named.
const MAX_UNKNOWN: usize = 5;

#[derive(Template)]
#[template(path = "lines.html")]
struct LinesPage {
    chrome: Chrome,
    js: &'static str,
    address: LinesAddress,
    presets: Vec<PresetLink>,
    chips: Vec<(String, String)>,
    understood: String,
    notices: Vec<NoticeView>,
    facets: Vec<FacetView>,
    histogram: Option<Histogram>,
    rows: Vec<RowView>,
    gap: Option<String>,
    position: String,
    turned: (String, &'static str),
    first: Option<String>,
    next: Option<String>,
    reading: Option<String>,
    empty: Option<Empty>,
    live: Option<Live>,
    live_href: Option<String>,
    json: String,
}

/// The rows alone, for a page that follows.
#[derive(Template)]
#[template(path = "partials/lines_rows.html")]
struct RowsOnly {
    rows: Vec<RowView>,
    /// More came in than is given: the page that shows it.
    gap: Option<String>,
}

/// How a page follows.
struct Live {
    /// Where new rows are asked for; the newest shown is put behind it.
    rows: String,
    /// The page without following.
    stop: String,
}

/// Why there are no lines.
enum Empty {
    /// Nothing was given to read.
    Nothing,
    /// Reading goes on.
    Reading { done: String, to_go: String },
    /// What was read holds no line.
    NoLines { sources: String },
    /// The conditions leave nothing.
    NoMatch { understood: Vec<String>, total: String, hint: Option<Hint>, all: String },
    /// Nothing stands behind the last line.
    NoMore,
    /// None of the lines that the time was enough for; others are left.
    NoneYet { next: String },
}

/// The condition whose removal gives most.
struct Hint {
    condition: String,
    lines: String,
    href: Option<String>,
}

/// What was asked, and what of it cannot be used.
struct Asked {
    address: LinesAddress,
    query: LinesQuery,
    notices: Vec<Notice>,
}

fn asked(pairs: &Pairs) -> Asked {
    let given = value(pairs, "q").unwrap_or_default();
    let (q, cut) = links::cut(given, links::QUERY_MAX_BYTES);
    let mut notices = Vec::new();
    let mut notice = |part: &str, text: String| notices.push(Notice { part: format::head(part, 60), at: usize::MAX, text });
    if cut {
        notice(&given[q.len()..], format!("the query is {} long; its first {} are read", format::bytes(given.len() as u64), format::bytes(q.len() as u64)));
    }
    if q.len() > links::LINKED_MAX_BYTES {
        notice(q, "a query this long is changed in the box: its conditions and further filters are no links".into());
    }
    for (key, _) in pairs.iter().filter(|(key, _)| !KEYS.contains(&key.as_str())).take(MAX_UNKNOWN) {
        notice(key, "the page knows no such parameter; it was left out".into());
    }
    let oldest = value(pairs, "order") == Some("oldest");
    if let Some(word) = value(pairs, "order").filter(|w| !matches!(*w, "oldest" | "newest")) {
        notice(word, "lines are ordered newest or oldest first; the newest stand first here".into());
    }
    let after = value(pairs, "after").map(str::to_owned);
    let live = value(pairs, "live") == Some("1") && !oldest && after.is_none();
    if value(pairs, "live").is_some_and(|v| v != "0") && !live {
        notice("live", "only the first page of the newest lines follows what comes in; write live=1".into());
    }
    Asked {
        query: LinesQuery { text: q.to_owned(), oldest_first: oldest, after, newer: None, limit: ROWS, overview: true },
        address: LinesAddress { q: q.to_owned(), oldest, live },
        notices,
    }
}

/// The lines that were asked for; from the first one on when the place to go on from cannot be read.
async fn answered(shared: &Shared, mut asked: Asked) -> Result<(Asked, LinesView), Problem> {
    let query = asked.query.clone();
    let (answer, lost) = shared
        .ask(move |answers| match answers.lines(query.clone()) {
            Err(QueryError::Cursor) => Ok((answers.lines(LinesQuery { after: None, newer: None, ..query })?, true)),
            answer => Ok((answer?, false)),
        })
        .await?;
    if lost {
        let part = format::head(&asked.query.after.take().unwrap_or_default(), 60);
        asked.notices.push(Notice { part, at: usize::MAX, text: "the lines cannot go on from here; the first page is shown".into() });
    }
    Ok((asked, answer))
}

/// `/lines`.
pub async fn page(State(shared): State<Shared>, Query(pairs): Query<Pairs>) -> Result<Response, Problem> {
    let mut asked = asked(&pairs);
    if value(&pairs, "fragment") == Some("rows") {
        let newer = value(&pairs, "newer").map(str::to_owned);
        asked.query = LinesQuery { newer, limit: NEW_ROWS, overview: false, ..asked.query };
        let (asked, answer) = answered(&shared, asked).await?;
        let gap = answer.next.is_some().then(|| LinesAddress { live: true, ..asked.address }.href(None));
        return html(&RowsOnly { rows: rows::rows(&answer), gap });
    }
    let (asked, answer) = answered(&shared, asked).await?;
    let status = shared.status.borrow().clone();
    html(&build(Chrome::new(&shared, "lines", ""), asked, &answer, &status))
}

#[derive(Serialize)]
struct Document<'a> {
    lines: &'a [LineRow],
    matched: u64,
    exact: bool,
    total: u64,
    next: &'a Option<String>,
    levels: &'a [LineFacet],
    sources: &'a [LineFacet],
    over_time: &'a [LineBar],
    understood: &'a [String],
    notices: Vec<Notice>,
}

/// `/lines.json`.
pub async fn json(State(shared): State<Shared>, Query(pairs): Query<Pairs>) -> Result<Response, Problem> {
    let mut asked = asked(&pairs);
    asked.query.limit = value(&pairs, "limit").and_then(|l| l.parse().ok()).unwrap_or(ROWS).clamp(1, 500);
    let (asked, answer) = answered(&shared, asked).await?;
    let notices = asked.notices.into_iter().chain(answer.notices.iter().cloned()).collect();
    let LinesView { rows, matched, exact, total, next, overview, understood, .. } = &answer;
    let (levels, sources, over_time) = (&overview.levels, &overview.sources, &overview.bars);
    document(StatusCode::OK, &Document { lines: rows, matched: *matched, exact: *exact, total: *total, next, levels, sources, over_time, understood, notices })
}

fn build(chrome: Chrome, asked: Asked, answer: &LinesView, status: &Status) -> LinesPage {
    let Asked { address, query, notices } = asked;
    let linked = address.q.len() <= links::LINKED_MAX_BYTES;
    let later = query.after.is_some();
    let chip = |c: &str| (format::head(c, 80), address.with_query(links::without_condition(&address.q, c)).href(None));
    let data = LinesAddress { live: false, ..address.clone() }.href(query.after.as_deref());
    let turned = LinesAddress { oldest: !address.oldest, live: false, ..address.clone() }.href(None);
    let followed = LinesAddress { oldest: false, live: true, ..address.clone() }.href(None);
    let quiet = LinesAddress { live: false, ..address.clone() };
    LinesPage {
        js: assets::href("lines.js"),
        presets: if linked { overview::presets(&address, answer) } else { Vec::new() },
        chips: links::conditions(&address.q).into_iter().filter(|_| linked).map(chip).collect(),
        understood: answer.understood.join(" · "),
        notices: notices.iter().chain(&answer.notices).map(|n| notice_view(&address.q, n)).collect(),
        facets: if linked { overview::facets(&address, answer) } else { Vec::new() },
        histogram: overview::histogram(&address, answer, linked),
        rows: rows::rows(answer),
        gap: None,
        position: position(answer, later),
        turned: (turned, if address.oldest { "newest first" } else { "oldest first" }),
        first: later.then(|| address.href(None)),
        next: answer.next.as_deref().map(|n| quiet.href(Some(n))),
        reading: reading(answer, status),
        empty: answer.rows.is_empty().then(|| empty(&address, later, answer, status)),
        live: address.live.then(|| Live { rows: rows_address(&quiet), stop: quiet.href(None) }),
        live_href: (status.following && !address.live).then_some(followed),
        json: data.replacen("/lines", "/lines.json", 1),
        address,
        chrome,
    }
}

fn rows_address(address: &LinesAddress) -> String {
    let href = address.href(None);
    format!("{href}{}fragment=rows&newer=", if href.contains('?') { "&" } else { "?" })
}

fn reading(answer: &LinesView, status: &Status) -> Option<String> {
    (status.backlog_bytes > 0 && answer.total > 0).then(|| format!("Reading goes on: {} of logs are not in these lines yet.", format::bytes(status.backlog_bytes)))
}

fn position(answer: &LinesView, later: bool) -> String {
    let (rows, matched) = (answer.rows.len() as u64, overview::matched_words(answer));
    match (later, answer.next.is_some()) {
        (_, true) if rows == 0 => "none found yet".to_owned(),
        (false, false) => matched,
        (false, true) => format!("1–{} of {matched}", format::count(rows)),
        (true, _) => format!("{} more of {matched}", format::count(rows)),
    }
}

fn empty(address: &LinesAddress, later: bool, answer: &LinesView, status: &Status) -> Empty {
    if let Some(next) = answer.next.as_deref() {
        return Empty::NoneYet { next: LinesAddress { live: false, ..address.clone() }.href(Some(next)) };
    }
    if later {
        return Empty::NoMore;
    }
    if answer.total > 0 {
        let hint = answer.drop_hint.as_ref().map(|(condition, lines)| {
            let rest = links::without_condition(&address.q, condition);
            let href = (rest != address.q).then(|| address.with_query(rest).href(None));
            Hint { condition: condition.clone(), lines: format::counted(*lines, "line", "lines"), href }
        });
        let all = LinesAddress { q: String::new(), ..address.clone() }.href(None);
        return Empty::NoMatch { understood: answer.understood.clone(), total: format::counted(answer.total, "line", "lines"), hint, all };
    }
    if status.backlog_bytes > 0 {
        return Empty::Reading { done: format::bytes(status.read_bytes), to_go: format::bytes(status.backlog_bytes) };
    }
    if status.sources.is_empty() { Empty::Nothing } else { Empty::NoLines { sources: format::counted(status.sources.len() as u64, "source", "sources") } }
}
