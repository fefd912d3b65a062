//! `/compare?a=&b=`: two requests side by side, or one beside what is usual on its route (`b=typical`). Two, not more.
//!
//! Guarantees: nothing is compared before both sides are one request each; a side that is absent, unknown or of several meanings is named,
//! and every way on keeps the other side. The `.json` form says the same as data.

mod ask;
mod bars;
mod data;
mod facts;
mod parts;
mod two;
mod usual;
mod words;

use crate::{
    analyse::compare::{Against, against_usual, compare},
    export::veil::Veil,
    model::trace::Trace,
    query::view::{Found, PathView, Times},
    web::{
        Shared,
        chrome::Chrome,
        error::Problem,
        links::{self, TYPICAL},
        pages::{Pairs, document, html, value},
    },
};
use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use words::Piece;

/// The two letters.
const LETTERS: [char; 2] = ['A', 'B'];

#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage {
    chrome: Chrome,
    title: String,
    sentence: Vec<Piece>,
    notices: Vec<String>,
    /// Words and address of what may be compared next.
    ways: Vec<(&'static str, String)>,
    json: String,
    facts: facts::Facts,
    bars: Option<bars::Bars>,
    table: Option<parts::Table>,
}

/// One side as asked.
#[derive(Debug, Clone, Default)]
struct Asked {
    id: String,
    scope: Option<String>,
}

impl Asked {
    fn new(pairs: &Pairs, key: &str, scope_key: &str) -> Result<Self, Problem> {
        let asked = Self { id: value(pairs, key).unwrap_or_default().to_owned(), scope: value(pairs, scope_key).map(str::to_owned) };
        if asked.id.len() > links::ID_MAX_BYTES {
            return Err(Problem::TooLong { bytes: asked.id.len(), limit: links::ID_MAX_BYTES });
        }
        Ok(asked)
    }

    fn side(&self) -> links::CompareSide<'_> {
        (&self.id, self.scope.as_deref())
    }

    fn is_typical(&self) -> bool {
        self.id == TYPICAL
    }
}

/// What a side turned out to be.
enum Side {
    /// Nothing was asked.
    Absent,
    /// The medians of the other's route.
    Typical,
    /// What the id means.
    Found(Found),
}

/// What both sides turned out to be, as far as a page of its own is made of it.
enum Outcome {
    /// Two requests.
    Two(Box<PathView>, Box<PathView>),
    /// A request, beside the medians.
    Usual(Box<PathView>),
    /// Something is to be asked first.
    Ask([Side; 2]),
}

/// `/compare`.
pub async fn page(State(shared): State<Shared>, Query(pairs): Query<Pairs>) -> Result<Response, Problem> {
    let asked = [Asked::new(&pairs, "a", "a_scope")?, Asked::new(&pairs, "b", "b_scope")?];
    if let Some(turned) = turned(&asked, "") {
        return Ok(turned);
    }
    let chrome = Chrome::new(&shared, "requests", "");
    match resolve(&shared, &asked).await? {
        Outcome::Two(a, b) if is_same(&a.trace, &b.trace) => html(&ask::same(chrome, &asked, &a.trace)),
        Outcome::Two(a, b) => html(&two::page(chrome, [&shown(&a).trace, &shown(&b).trace])),
        Outcome::Usual(a) => html(&usual::page(chrome, &shown(&a))),
        Outcome::Ask(sides) => {
            let status = if sides.iter().any(|s| matches!(s, Side::Found(Found::Unknown(_)))) { StatusCode::NOT_FOUND } else { StatusCode::OK };
            Ok((status, html(&ask::page(chrome, &asked, sides))?).into_response())
        }
    }
}

/// A request as a page shows it: without its secrets.
fn shown(view: &PathView) -> PathView {
    let (trace, log) = Veil::of_log(&view.log, false).path(&view.trace, &view.log);
    PathView { trace, log, ..view.clone() }
}

/// `/compare.json`.
pub async fn json(State(shared): State<Shared>, Query(pairs): Query<Pairs>) -> Result<Response, Problem> {
    let asked = [Asked::new(&pairs, "a", "a_scope")?, Asked::new(&pairs, "b", "b_scope")?];
    if let Some(turned) = turned(&asked, ".json") {
        return Ok(turned);
    }
    match resolve(&shared, &asked).await? {
        Outcome::Two(a, b) => document(StatusCode::OK, &data::two([&a.trace, &b.trace], &compare(&a.trace, &b.trace), is_same(&a.trace, &b.trace))),
        Outcome::Usual(a) => document(StatusCode::OK, &data::usual(&a.trace, &against(&a))),
        Outcome::Ask(sides) => {
            let (status, value) = data::asked(&sides);
            document(status, &value)
        }
    }
}

/// What is usual has no page of its own: it is always the second.
fn turned(asked: &[Asked; 2], ending: &str) -> Option<Response> {
    let [a, b] = asked;
    let turns = a.is_typical() && !b.is_typical() && !b.id.is_empty();
    turns.then(|| Redirect::to(&links::compare(ending, b.side(), (TYPICAL, None))).into_response())
}

/// Both sides in one question: a reader waits for one turn, not for two.
async fn resolve(shared: &Shared, asked: &[Asked; 2]) -> Result<Outcome, Problem> {
    let wanted = asked.clone();
    let sides = shared
        .ask(move |answers| {
            let side = |asked: &Asked| match asked {
                a if a.id.is_empty() => Ok(Side::Absent),
                a if a.is_typical() => Ok(Side::Typical),
                a => answers.path(&a.id, a.scope.as_deref(), Times::Written).map(Side::Found),
            };
            Ok([side(&wanted[0])?, side(&wanted[1])?])
        })
        .await?;
    Ok(match sides {
        [Side::Found(Found::Path(a)), Side::Found(Found::Path(b))] => Outcome::Two(a, b),
        [Side::Found(Found::Path(a)), Side::Typical] => Outcome::Usual(a),
        sides => Outcome::Ask(sides),
    })
}

fn against(view: &PathView) -> Against {
    against_usual(&view.trace, view.typical, &view.typical_by_kind)
}

/// The request's own id, and the scope of a weak one: as its page is addressed.
fn own_id(trace: &Trace) -> links::CompareSide<'_> {
    let own = trace.ids.iter().find(|i| i.proof.is_none()).or(trace.ids.first());
    let id = trace.request_id.as_deref().or(own.map(|i| i.value.as_str())).unwrap_or_default();
    (id, trace.ids.iter().find(|i| i.value == id).and_then(|i| i.scope.as_deref()))
}

/// Both ids lead to one request.
fn is_same(a: &Trace, b: &Trace) -> bool {
    own_id(a) == own_id(b) && a.start == b.start
}

/// The page of a request.
fn href(trace: &Trace) -> String {
    let (id, scope) = own_id(trace);
    links::request(id, scope)
}
