//! `/r/{id}`: one request. Verdict, identity, path, where the time went, timeline, lines, and what to know about them.
//!
//! Guarantees: every number on the page comes from the one [`PathView`] it was made from; what is left out for length is counted where it
//! would stand. The `.json` form is the public document, unchanged.

mod context;
mod detail;
mod exports;
mod head;
mod log;
mod notes;
mod panels;
mod strip;
mod timeline;

use crate::{
    query::view::{Found, PathView, QueryError, Times},
    web::{
        Shared,
        chrome::Chrome,
        error::Problem,
        links,
        pages::{Pairs, document, go, html, value},
        waterfall::Row,
    },
};
use askama::Template;
use axum::{
    extract::{Path, Query, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use context::Context;

/// How the reader wants to see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The id as asked.
    pub id: String,
    /// Scope of a weak id.
    pub scope: Option<String>,
    /// Only this step and what is below it.
    pub root: Option<String>,
    /// Equal siblings one by one, and every line.
    pub all: bool,
    /// Least severity of lines: `warn` or `error`.
    pub level: Option<&'static str>,
    /// Clocks that stand off are shifted.
    pub shifted: bool,
}

impl View {
    fn new(id: String, pairs: &Pairs) -> Self {
        let text = |key| value(pairs, key).map(str::to_owned);
        let level = ["warn", "error"].into_iter().find(|l| value(pairs, "level") == Some(l));
        Self { id, scope: text("scope"), root: text("root"), all: value(pairs, "rows") == Some("all"), level, shifted: value(pairs, "clocks") == Some("shifted") }
    }

    /// Address of the page with one wish changed.
    pub fn href(&self, change: impl FnOnce(&mut Self), fragment: &str) -> String {
        let mut wish = self.clone();
        change(&mut wish);
        let mut pairs: Vec<String> = Vec::new();
        let mut add = |key: &str, value: Option<&str>| pairs.extend(value.map(|v| format!("{key}={}", links::encode(v))));
        add("scope", wish.scope.as_deref());
        add("root", wish.root.as_deref());
        add("rows", wish.all.then_some("all"));
        add("level", wish.level);
        add("clocks", wish.shifted.then_some("shifted"));
        let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
        format!("{}{query}{fragment}", links::request(&wish.id, None))
    }
}

#[derive(Template)]
#[template(path = "request.html")]
struct RequestPage {
    chrome: Chrome,
    title: String,
    json: String,
    head: head::Head,
    strip: Vec<strip::Stop>,
    panels: Vec<panels::Panel>,
    timeline: timeline::Timeline,
    log: log::Log,
    notes: notes::Notes,
    took: String,
}

/// `/r/{id}` and `/r/{id}.json`; the other endings are those of `exports`.
pub async fn page(State(shared): State<Shared>, id: Result<Path<String>, PathRejection>, Query(pairs): Query<Pairs>) -> Result<Response, Problem> {
    let Path(id) = id.map_err(|_| Problem::BadAddress)?;
    if id.len() > links::ID_MAX_BYTES {
        return Err(Problem::TooLong { bytes: id.len(), limit: links::ID_MAX_BYTES });
    }
    let view = View::new(id, &pairs);
    if let Some(response) = exports::answer(&shared, &view, &pairs).await? {
        return Ok(response);
    }
    if let Some(stem) = view.id.strip_suffix(".json").map(str::to_owned) {
        let found = ask(&shared, stem.clone(), &view).await?;
        // An id may itself end in `.json`.
        if !matches!(found, Found::Unknown(_)) {
            return twin(found);
        }
    }
    match ask(&shared, view.id.clone(), &view).await? {
        Found::Path(path) => show(&shared, &path, &view),
        Found::Choices { choices, more } => go::chooser(&shared, &view.id, choices, more),
        Found::Unknown(unknown) => go::unknown(&shared, &view.id, *unknown),
    }
}

async fn ask(shared: &Shared, id: String, view: &View) -> Result<Found, Problem> {
    let (scope, times) = (view.scope.clone(), if view.shifted { Times::Shifted } else { Times::Written });
    shared.ask(move |answers| -> Result<Found, QueryError> { answers.path(&id, scope.as_deref(), times) }).await
}

fn twin(found: Found) -> Result<Response, Problem> {
    match found {
        Found::Path(path) => document(StatusCode::OK, &path.trace),
        Found::Choices { choices, more } => document(StatusCode::MULTIPLE_CHOICES, &go::choices_json(&choices, more)),
        Found::Unknown(_) => Ok(StatusCode::NOT_FOUND.into_response()),
    }
}

fn show(shared: &Shared, path: &PathView, view: &View) -> Result<Response, Problem> {
    html(&build(Chrome::new(shared, "requests", ""), path, view))
}

fn build(chrome: Chrome, path: &PathView, view: &View) -> RequestPage {
    let selected = log::select(path, view);
    let laid = timeline::lay_out(path, view);
    let drawn = laid.rows.iter().filter_map(|r| if let Row::Step { span, .. } = r { Some(*span) } else { None }).collect();
    let context = Context::new(path, view, drawn, &selected.rows);
    let title = path.trace.request_id.clone().unwrap_or_else(|| view.id.clone());
    RequestPage {
        chrome,
        json: links::request_json(&view.id, view.scope.as_deref()),
        head: head::head(&context, view),
        strip: strip::strip(&context),
        panels: panels::panels(&context),
        timeline: timeline::timeline(&context, view, &laid),
        log: log::log(&context, view, &selected),
        notes: notes::notes(&context, view),
        took: crate::web::format::length(i64::try_from(path.took_us).unwrap_or(i64::MAX).saturating_mul(1_000)),
        title,
    }
}
