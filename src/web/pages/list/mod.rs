//! `/`: the requests. Presets, filters with counts, two pictures that filter, and rows by keyset.
//!
//! Guarantees: the whole state of the page is its address; a part of the query that cannot be used is underlined and the rest still
//! counts; an empty list says why it is empty. `/requests.json` is the same list as data.

mod empty;
mod overview;
mod rows;
mod scatter;

use crate::{
    model::{
        status::Status,
        summary::{Preset, RequestSummary, RowQuery, SortKey},
    },
    query::{
        syntax,
        view::{ListView, Notice, QueryError},
    },
    web::{
        Shared, assets,
        chrome::Chrome,
        error::Problem,
        format,
        links::{self, LinesAddress, ListAddress},
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
use empty::Empty;
use overview::Histogram;
use rows::{Column, RowView};
use scatter::ScatterView;
use serde::Serialize;

/// Rows of a page.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "list.html")]
struct ListPage {
    chrome: Chrome,
    script: &'static str,
    presets: Vec<PresetLink>,
    chips: Vec<Chip>,
    understood: String,
    /// The lines with what the query asks of lines.
    all_lines: Option<String>,
    notices: Vec<NoticeView>,
    facets: Vec<FacetView>,
    span: String,
    scatter: Option<ScatterView>,
    histogram: Option<Histogram>,
    figures: Vec<(&'static str, String)>,
    columns: Vec<Column>,
    rows: Vec<RowView>,
    position: String,
    first: Option<String>,
    next: Option<String>,
    reading: Option<String>,
    empty: Option<Empty>,
    json: String,
}

struct PresetLink {
    title: &'static str,
    count: String,
    href: String,
    chosen: bool,
}

/// A condition of the query with the address of the list without it.
struct Chip {
    text: String,
    href: String,
}

/// What was asked, and what of it cannot be used.
struct Asked {
    address: ListAddress,
    query: RowQuery,
    after: Option<String>,
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
    let preset = value(pairs, "preset").map_or(Some(Preset::All), Preset::from_word);
    if preset.is_none() {
        notice(value(pairs, "preset").unwrap_or_default(), "no preset has this name; all requests are shown".into());
    }
    let sort = value(pairs, "sort").and_then(SortKey::from_word);
    if let Some(word) = value(pairs, "sort").filter(|_| sort.is_none()) {
        notice(word, "no column has this name; the usual order is kept".into());
    }
    let ascending = value(pairs, "dir") == Some("asc");
    let preset = preset.unwrap_or(Preset::All);
    let after = value(pairs, "after").map(str::to_owned);
    Asked {
        address: ListAddress { q: q.to_owned(), sort: sort.map(SortKey::word).unwrap_or_default().into(), ascending, preset: preset.word().into() },
        query: RowQuery { preset, sort, ascending, after: after.clone(), limit: ROWS, ..RowQuery::default() },
        after,
        notices,
    }
}

/// The rows that were asked for; from the first one on when the place to go on from cannot be read.
async fn answered(shared: &Shared, mut asked: Asked) -> Result<(Asked, ListView), Problem> {
    let (q, mut query) = (asked.address.q.clone(), asked.query.clone());
    let (answer, lost) = shared
        .ask(move |answers| match answers.list(&q, query.clone()) {
            Err(QueryError::Cursor) => {
                query.after = None;
                Ok((answers.list(&q, query)?, true))
            }
            answer => Ok((answer?, false)),
        })
        .await?;
    if lost {
        let part = format::head(&asked.after.take().unwrap_or_default(), 60);
        asked.notices.push(Notice { part, at: usize::MAX, text: "the list cannot go on from here; its first page is shown".into() });
    }
    Ok((asked, answer))
}

/// `/`.
pub async fn page(State(shared): State<Shared>, Query(pairs): Query<Pairs>) -> Result<Response, Problem> {
    let (asked, answer) = answered(&shared, asked(&pairs)).await?;
    let near = if answer.page.rows.is_empty() && answer.page.total > 0 { empty::near(&shared, &asked.address.q).await? } else { Vec::new() };
    let status = shared.status.borrow().clone();
    html(&build(Chrome::new(&shared, "requests", &asked.address.q), asked, &answer, &status, near))
}

#[derive(Serialize)]
struct Document<'a> {
    rows: &'a [RequestSummary],
    matched: u64,
    total: u64,
    next: &'a Option<String>,
    understood: &'a [String],
    notices: Vec<Notice>,
}

/// `/requests.json`.
pub async fn json(State(shared): State<Shared>, Query(pairs): Query<Pairs>) -> Result<Response, Problem> {
    let mut asked = asked(&pairs);
    let limit = value(&pairs, "limit").and_then(|l| l.parse().ok()).unwrap_or(ROWS).clamp(1, 500);
    asked.query = RowQuery { overview: false, limit, ..asked.query };
    let (asked, answer) = answered(&shared, asked).await?;
    let behind = answer.behind.map(|behind| Notice { part: String::new(), at: 0, text: behind.to_string() });
    let notices = asked.notices.into_iter().chain(answer.notices).chain(behind).collect();
    let page = &answer.page;
    document(StatusCode::OK, &Document { rows: &page.rows, matched: page.matched, total: page.total, next: &page.next, understood: &answer.understood, notices })
}

fn build(chrome: Chrome, asked: Asked, answer: &ListView, status: &Status, near: Vec<(String, String)>) -> ListPage {
    let Asked { address, query, after, notices } = asked;
    let page = &answer.page;
    let linked = address.q.len() <= links::LINKED_MAX_BYTES;
    let chips = links::conditions(&address.q)
        .into_iter()
        .filter(|_| linked)
        .map(|c| Chip { text: format::head(c, 80), href: address.with_query(links::without_condition(&address.q, c)).href(None) })
        .collect();
    let json = address.href(after.as_deref());
    ListPage {
        script: assets::href("list.js"),
        presets: presets(&address, &query, page),
        chips,
        understood: answer.understood.join(" · "),
        all_lines: all_lines(&address.q),
        notices: notices.iter().chain(&answer.notices).map(|n| notice_view(&address.q, n)).collect(),
        facets: overview::ranges(&address, status.newest)
            .filter(|_| page.total > 0)
            .into_iter()
            .chain(page.facets.iter().filter(|f| !f.values.is_empty()).map(|f| overview::facet(&address, f)))
            .filter(|_| linked)
            .collect(),
        span: page.span.map_or_else(String::new, |(a, b)| format!("{} UTC", format::span(a, b))),
        scatter: scatter::scatter(&address, page, linked),
        histogram: overview::histogram(&address, page).filter(|_| linked),
        figures: overview::figures(page),
        columns: rows::columns(&address, &query),
        rows: rows::rows(&page.rows),
        position: position(page.rows.len() as u64, page.matched, after.is_some()),
        first: after.is_some().then(|| address.href(None)),
        next: page.next.as_deref().map(|n| address.href(Some(n))),
        reading: empty::reading(answer, status),
        empty: page.rows.is_empty().then(|| empty::empty(&address, answer, status, near)),
        json: json.strip_prefix('/').map(|rest| format!("/requests.json{rest}")).unwrap_or_default(),
        chrome,
    }
}

/// A query with words finds requests here; the same words stand on lines of no request too.
fn all_lines(q: &str) -> Option<String> {
    let about = syntax::about_lines(q);
    let parsed = syntax::parse(&about);
    let asks_lines = !(parsed.words.is_empty() && parsed.phrases.is_empty() && parsed.fields.is_empty() && parsed.levels.is_empty() && parsed.services.is_empty());
    asks_lines.then(|| LinesAddress { q: about, ..LinesAddress::default() }.href(None))
}

fn position(rows: u64, matched: u64, later: bool) -> String {
    match (later, rows == matched) {
        (_, true) => format::counted(matched, "request", "requests"),
        (false, false) => format!("1–{} of {}", format::count(rows), format::count(matched)),
        (true, false) => format!("{} more of {}", format::count(rows), format::count(matched)),
    }
}

fn presets(address: &ListAddress, query: &RowQuery, page: &crate::model::summary::ListPage) -> Vec<PresetLink> {
    Preset::ALL
        .into_iter()
        .map(|p| {
            // Orders of the same requests: their count says nothing.
            let counted = !matches!(p, Preset::Slowest | Preset::LongestWait);
            let count = page.presets.iter().find(|(word, _)| *word == p.word() && counted).map(|(_, n)| format::count(*n)).unwrap_or_default();
            let href = ListAddress { q: address.q.clone(), preset: p.word().into(), ..ListAddress::default() }.href(None);
            PresetLink { title: p.title(), count, href, chosen: p == query.preset }
        })
        .collect()
}
