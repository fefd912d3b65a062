//! `/r/{id}`: one request. Verdict, identity, path, where the time went, timeline, lines, and what to know about them.
//!
//! Guarantees: every number on the page comes from the one [`PathView`] it was made from; what is left out for length is counted where it
//! would stand. The `.json` form is the public document, unchanged.

mod chosen;
mod content;
mod context;
mod detail;
mod every;
mod exports;
mod head;
mod log;
mod notes;
mod panels;
mod single;
mod strip;
mod timeline;
mod view;

use crate::{
    export::veil::Veil,
    query::view::{Found, PathView, QueryError},
    web::{
        Shared, assets,
        chrome::Chrome,
        error::Problem,
        links,
        pages::{Pairs, document, go, html},
        waterfall::Row,
    },
};
use askama::Template;
use axum::{
    extract::{Path, Query, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chosen::Chosen;
use content::Piece;
use context::Context;
pub use single::single;
pub use view::View;

/// Newer lines than this come behind the last line of a request before it counts as done.
const LIVE_MS: i64 = 15 * 60 * 1_000;

#[derive(Template)]
#[template(path = "request.html")]
struct RequestPage {
    chrome: Chrome,
    script: &'static str,
    title: String,
    /// Address of the request without any wish.
    itself: String,
    /// Begin and last line in milliseconds of Unix time.
    start_ms: i64,
    last_ms: i64,
    /// Its lines may still come.
    is_live: bool,
    /// It is a file of its own: there is no server to ask.
    is_single: bool,
    /// The request in the forms of other tools: words and address.
    forms: Vec<(&'static str, String)>,
    json: String,
    compare: String,
    wishes: Vec<String>,
    head: head::Head,
    strip: Vec<strip::Stop>,
    panels: Vec<panels::Panel>,
    every: Option<every::Every>,
    timeline: timeline::Timeline,
    has_timeline: bool,
    log: log::Log,
    has_log: bool,
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
    // An id may itself end in what names a form: then the whole of it is the id.
    if !exports::has_ending(&view.id) || is_id(&shared, &view).await? {
        let found = ask(&shared, view.id.clone(), &view).await?;
        return answer(&shared, found, &view);
    }
    if let Some(response) = exports::answer(&shared, &view, &pairs).await? {
        return Ok(response);
    }
    if let Some(stem) = view.id.strip_suffix(".json").map(str::to_owned) {
        let found = document_of(&shared, stem, &view).await?;
        if !matches!(found, Found::Unknown(_)) {
            return twin(found, view.hides_content);
        }
    }
    let found = ask(&shared, view.id.clone(), &view).await?;
    answer(&shared, found, &view)
}

fn answer(shared: &Shared, found: Found, view: &View) -> Result<Response, Problem> {
    match found {
        Found::Path(path) => show(shared, &path, view),
        Found::Choices { choices, more } => go::chooser(shared, &view.id, choices, more),
        Found::Unknown(unknown) => go::unknown(shared, &view.id, *unknown),
    }
}

async fn is_id(shared: &Shared, view: &View) -> Result<bool, Problem> {
    let (id, scope) = (view.id.clone(), view.scope.clone());
    shared.ask(move |answers| answers.is_id(&id, scope.as_deref())).await
}

async fn document_of(shared: &Shared, id: String, view: &View) -> Result<Found, Problem> {
    let (scope, times) = (view.scope.clone(), view.times());
    shared.ask(move |answers| answers.path(&id, scope.as_deref(), times)).await
}

async fn ask(shared: &Shared, id: String, view: &View) -> Result<Found, Problem> {
    let (scope, times) = (view.scope.clone(), view.times());
    shared.ask(move |answers| -> Result<Found, QueryError> { answers.path_and_usual(&id, scope.as_deref(), times) }).await
}

fn twin(found: Found, hides_content: bool) -> Result<Response, Problem> {
    match found {
        Found::Path(path) if hides_content => document(StatusCode::OK, &content::veiled(&path, &Veil::of_log(&path.log, true)).trace),
        Found::Path(path) => document(StatusCode::OK, &path.trace),
        Found::Choices { choices, more } => document(StatusCode::MULTIPLE_CHOICES, &go::choices_json(&choices, more)),
        Found::Unknown(_) => Ok(StatusCode::NOT_FOUND.into_response()),
    }
}

fn show(shared: &Shared, path: &PathView, view: &View) -> Result<Response, Problem> {
    let (following, newest) = {
        let status = shared.status.borrow();
        (status.following, status.newest)
    };
    let mut page = build(Chrome::new(shared, "requests", ""), path, view);
    let age_ms = newest.map_or(0, |t| t.0 / 1_000_000 - page.last_ms);
    page.is_live = following && (age_ms < LIVE_MS || path.trace.spans.iter().any(|s| s.unfinished));
    html(&page)
}

fn build(chrome: Chrome, path: &PathView, view: &View) -> RequestPage {
    let veil = Veil::of_log(&path.log, view.hides_content);
    let path = &content::veiled(path, &veil);
    let chosen = Chosen::new(path, view, context::zero(path));
    let selected = log::select(path, view);
    let laid = timeline::lay_out(path, view, &chosen);
    let drawn = laid.rows.iter().filter_map(|r| if let Row::Step(step) = r { Some(step.span) } else { None }).collect();
    let context = Context::new(path, view, &chosen, &veil, drawn, &selected.rows);
    let title = path.trace.request_id.clone().unwrap_or_else(|| view.id.clone());
    let (has_timeline, has_log) = (view.show != view::Show::Log, view.show != view::Show::Timeline);
    RequestPage {
        chrome,
        script: assets::href("timeline.js"),
        itself: if view.is_single { String::new() } else { links::request(&view.id, view.scope.as_deref()) },
        start_ms: context.zero / 1_000_000,
        last_ms: path.log.iter().filter_map(|l| l.time).max().map_or(context.zero, |t| t.0) / 1_000_000,
        is_live: false,
        is_single: view.is_single,
        forms: exports::forms(view),
        json: exports::document(view),
        compare: links::compare("", (&view.id, view.scope.as_deref()), (links::TYPICAL, None)),
        wishes: chosen.notices.clone(),
        head: head::head(&context, view),
        strip: strip::strip(&context),
        panels: panels::panels(&context),
        every: every::every(&context, view),
        timeline: if has_timeline { timeline::timeline(&context, view, &laid) } else { timeline::Timeline::default() },
        has_timeline,
        log: log::log(&context, view, &selected),
        has_log,
        notes: notes::notes(&context, view),
        took: crate::web::format::length(i64::try_from(path.took_us).unwrap_or(i64::MAX).saturating_mul(1_000)),
        title,
    }
}
