//! `/go?id=`: the search box. An id of any kind leads to its request, a query to the list; several readings to a choice, none to help.
//!
//! Guarantees: nothing is guessed: one reading is followed, several are offered, and an id that is not there is told apart from a query.

use crate::{
    model::{
        id, id_time,
        time::UnixNanos,
        trace::{SpanKind, Trace},
    },
    query::{
        resolve, syntax,
        view::{ChoiceView, Found, Times, UnknownView},
    },
    web::{
        Shared,
        chrome::Chrome,
        error::Problem,
        format,
        links::{self, ListAddress},
        pages::{
            Pairs, html,
            parts::{self, StateView},
            value,
        },
    },
};
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde_json::{Value, json};

#[derive(Template)]
#[template(path = "chooser.html")]
struct Chooser {
    chrome: Chrome,
    asked: String,
    count: String,
    /// How they came to be offered.
    how: &'static str,
    choices: Vec<ChoiceRow>,
}

/// One of several requests an id may mean.
pub(super) struct ChoiceRow {
    pub(super) href: String,
    pub(super) id: String,
    pub(super) scope: String,
    pub(super) kind: String,
    pub(super) route: String,
    pub(super) state: StateView,
    pub(super) start: String,
    pub(super) total: String,
}

#[derive(Template)]
#[template(path = "unknown.html")]
struct UnknownPage {
    chrome: Chrome,
    help: Help,
}

/// What helps where an id is not there.
pub(super) struct Help {
    pub(super) asked: String,
    pub(super) requests: String,
    pub(super) any: bool,
    pub(super) near: Vec<(String, String)>,
    pub(super) coverage: Vec<(String, String)>,
    pub(super) unreadable: Vec<String>,
    pub(super) reason: Reason,
    pub(super) search: String,
}

/// Why an id may be unknown.
pub(super) enum Reason {
    /// It stands in lines that could not be understood.
    Unreadable,
    /// Its own characters say a time that no source covers.
    Outside { made: String, covered: String },
    /// It stands in none of what was read.
    Never { covered: String },
    /// Nothing was read.
    Nothing,
}

/// `/t/{task}`: the request of a task, at its step.
pub async fn task(Path(id): Path<String>) -> Response {
    Redirect::to(&format!("/go?id={}", links::encode(&id))).into_response()
}

/// `/go?id=`.
pub async fn page(State(shared): State<Shared>, Query(pairs): Query<Pairs>) -> Result<Response, Problem> {
    let Some(text) = value(&pairs, "id").map(str::to_owned) else { return Ok(Redirect::to("/").into_response()) };
    if text.len() > links::ID_MAX_BYTES {
        return Err(Problem::TooLong { bytes: text.len(), limit: links::ID_MAX_BYTES });
    }
    if is_query(&text) {
        return Ok(to_list(&text));
    }
    let asked = text.clone();
    match shared.ask(move |answers| answers.path(&asked, None, Times::Written)).await? {
        Found::Path(path) => Ok(Redirect::to(&address(&path.trace, &text)).into_response()),
        Found::Choices { choices, more } => chooser(&shared, &text, choices, more),
        Found::Unknown(_) if !is_id_like(&text) => Ok(to_list(&text)),
        Found::Unknown(unknown) => self::unknown(&shared, &text, *unknown),
    }
}

fn to_list(q: &str) -> Response {
    Redirect::to(&ListAddress { q: q.to_owned(), ..ListAddress::default() }.href(None)).into_response()
}

/// The request's address, at the step the id belongs to when it is not the request's own.
fn address(trace: &Trace, asked: &str) -> String {
    let own = trace.ids.iter().find(|i| i.proof.is_none()).or(trace.ids.first());
    let base = match (&trace.request_id, own) {
        (Some(id), _) => links::request(id, None),
        (None, Some(id)) => links::request(&id.value, id.scope.as_deref()),
        (None, None) => links::request(asked, None),
    };
    let named = Named::of(asked);
    if trace.request_id.as_deref().is_some_and(|id| named.means(id)) {
        return base;
    }
    let has_id = |s: &&crate::model::trace::Span| s.ids.iter().any(|i| i.split_once(':').is_some_and(|(_, value)| named.means(value)));
    let step = trace.spans.iter().enumerate().filter(|(_, s)| has_id(s)).min_by_key(|(_, s)| (s.kind.is_wait(), s.kind != SpanKind::Task));
    step.map_or(base.clone(), |(i, _)| format!("{base}#{}", links::step_keys(&trace.spans)[i]))
}

/// What a text names: an id as it stands, the first or last characters of one, or ids inside of a pasted line.
struct Named {
    whole: String,
    /// Without case and dashes: a part of an id is compared so.
    part: String,
    mined: Vec<String>,
}

impl Named {
    fn of(asked: &str) -> Self {
        let text = asked.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ';' | '<' | '>' | '(' | ')' | '[' | ']'));
        let mined = resolve::mine(text).into_iter().map(|id| id::canonical(id).into_owned()).collect();
        Self { whole: id::canonical(text).into_owned(), part: plain(text), mined }
    }

    fn means(&self, id: &str) -> bool {
        let value = id::canonical(id);
        let in_part = || self.part.len() >= 4 && (plain(id).starts_with(&self.part) || plain(id).ends_with(&self.part));
        *value == self.whole || self.mined.iter().any(|mined| **mined == *value) || in_part()
    }
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect()
}

/// A condition with a known key, a quoted phrase or an excluded word stands first.
fn is_query(text: &str) -> bool {
    let Some(first) = links::conditions(text).first().copied() else { return false };
    let bare = first.strip_prefix('-').unwrap_or(first);
    let keyed = bare.split_once(':').is_some_and(|(key, rest)| !rest.is_empty() && is_key(&key.to_ascii_lowercase()));
    keyed || (bare.len() < first.len() && !bare.contains(char::is_numeric)) || (first.starts_with('"') && text.trim().ends_with('"') && first.contains(char::is_whitespace))
}

/// A key of the query language, or the hint it gives.
fn is_key(key: &str) -> bool {
    key == "step.dur" || syntax::KEYS.iter().any(|(known, _)| *known == key)
}

/// `http.status:500`, `user_id:42`: a field of lines. A name without a joint may be the queue of an id (`mail:1187`).
fn is_field(text: &str) -> bool {
    let named = |key: &str| key.contains(['.', '_']) && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@' | b'$'));
    text.split_once(':').is_some_and(|(key, rest)| named(key) && !rest.is_empty() && !rest.starts_with("//"))
}

/// One word that looks like an id, or so much text that it was pasted.
fn is_id_like(text: &str) -> bool {
    let pasted = text.len() > 200 || text.starts_with('{');
    let field = is_field(text);
    pasted || (!field && !text.contains(char::is_whitespace) && (text.contains(|c: char| c.is_ascii_digit()) || text.len() >= 20))
}

/// Several requests have the id.
pub(super) fn chooser(shared: &Shared, asked: &str, choices: Vec<ChoiceView>, more: bool) -> Result<Response, Problem> {
    choose(shared, asked, choices, more, "can be meant by")
}

fn choose(shared: &Shared, asked: &str, choices: Vec<ChoiceView>, more: bool, how: &'static str) -> Result<Response, Problem> {
    let (count, choices) = choice_rows(choices, more, |c| links::request(&c.id, c.scope.as_deref()));
    html(&Chooser { chrome: Chrome::new(shared, "requests", &format::head(asked, 200)), asked: format::head(asked, 200), count, how, choices })
}

/// How many there are, in words, and each with the address it leads to.
pub(super) fn choice_rows(choices: Vec<ChoiceView>, more: bool, href: impl Fn(&ChoiceView) -> String) -> (String, Vec<ChoiceRow>) {
    let at_least = if more { "At least " } else { "" };
    let count = format!("{at_least}{}", format::counted(choices.len() as u64, "request", "requests"));
    let row = |c: ChoiceView| ChoiceRow {
        href: href(&c),
        state: parts::state_view(c.state, None, crate::model::trace::Serving::Unknown, false),
        route: c.route.unwrap_or_else(|| format::NONE.into()),
        start: c.start.map_or_else(|| format::NONE.into(), format::instant),
        total: format::length_or_none(c.total_ns),
        scope: c.scope.unwrap_or_default(),
        kind: c.kind,
        id: c.id,
    };
    (count, choices.into_iter().map(row).collect())
}

/// The same as data.
pub(super) fn choices_json(choices: &[ChoiceView], more: bool) -> Value {
    let one = |c: &ChoiceView| json!({ "id": c.id, "scope": c.scope, "kind": c.kind, "route": c.route, "start": c.start, "state": c.state, "total_ns": c.total_ns });
    json!({ "choices": choices.iter().map(one).collect::<Vec<_>>(), "more": more })
}

/// Nobody has the id: what is near, what was read.
pub(super) fn unknown(shared: &Shared, asked: &str, unknown: UnknownView) -> Result<Response, Problem> {
    if !unknown.inside.is_empty() {
        let how = if unknown.inside.len() == 1 { "has an id that contains" } else { "have an id that contains" };
        return choose(shared, asked, unknown.inside, false, how);
    }
    let page = UnknownPage { chrome: Chrome::new(shared, "requests", &format::head(asked, 200)), help: help(asked, unknown, |id| links::request(id, None)) };
    Ok((StatusCode::NOT_FOUND, html(&page)?).into_response())
}

/// The help; `href` is where an id that begins alike leads to.
pub(super) fn help(asked: &str, unknown: UnknownView, href: impl Fn(&str) -> String) -> Help {
    let reason = reason(asked, &unknown);
    Help {
        asked: format::head(asked, 200),
        requests: format::counted(unknown.requests, "request", "requests"),
        any: unknown.requests > 0,
        near: unknown.near.into_iter().map(|id| (href(&id), id)).collect(),
        coverage: unknown.coverage.into_iter().map(|(name, from, to)| (name, format!("{} UTC", format::span(from, to)))).collect(),
        unreadable: unknown.unreadable,
        reason,
        search: ListAddress { q: links::quoted(&format::head(asked, 200)), ..ListAddress::default() }.href(None),
    }
}

fn reason(asked: &str, unknown: &UnknownView) -> Reason {
    let whole = unknown.coverage.iter().map(|(_, from, to)| (*from, *to)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    if !unknown.unreadable.is_empty() {
        return Reason::Unreadable;
    }
    let Some((from, to)) = whole else { return Reason::Nothing };
    let covered = format!("{} UTC", format::span(from, to));
    let outside = |at: &UnixNanos| !unknown.coverage.iter().any(|(_, from, to)| (from.0..=to.0).contains(&at.0));
    match id_time::made_at(asked.trim()).filter(outside) {
        Some(at) => Reason::Outside { made: format!("{} UTC", format::instant(at)), covered },
        None => Reason::Never { covered },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_told_from_an_id() {
        for query in ["status:failed", "-model:gpt-4.1 timeout", "dur:>5s wait:>1s", "\"rate limited twice\"", "-timeout", "step.dur:>2s", "stage:model x"] {
            assert!(is_query(query), "{query}");
        }
        for id in ["req_01JDC9V6Q8Z4M2K7T3W5XH0B1N", "https://x.example/?status=1", "{\"status\":\"failed\"}", "\"req_1\"", "mail:1187", ""] {
            assert!(!is_query(id), "{id}");
        }
    }

    #[test]
    fn words_are_searched_and_ids_are_missed() {
        for id in ["req_1", "1187", "chatcmpl-9xT2", "mail:1187", "https://x.example/r/req_1", "{\"a\": 1}", "abcdefghijklmnopqrstu"] {
            assert!(is_id_like(id), "{id}");
        }
        for words in ["timeout", "rate limited 429", "gpt", "http.status:500", "user_id:42"] {
            assert!(!is_id_like(words), "{words}");
        }
    }
}
