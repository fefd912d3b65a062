//! The page that asks for what a comparison lacks: two fields, and for each side what it turned out to be.
//!
//! Guarantees: works without scripts; a side that is right stays as it is while the other is put right.

use super::{Asked, Side, href, own_id};
use crate::{
    model::trace::Trace,
    query::view::{Found, PathView},
    web::{
        chrome::Chrome,
        format,
        links::{self, TYPICAL},
        pages::go::{self, ChoiceRow, Help, Reason},
    },
};
use askama::Template;

/// The page.
#[derive(Template)]
#[template(path = "compare_ask.html")]
pub struct AskPage {
    chrome: Chrome,
    title: String,
    /// Why nothing is compared, when two were given.
    notice: String,
    fields: [Field; 2],
    sides: Vec<SideView>,
    /// A request to go on from: id and its page.
    found: Vec<(char, String, String)>,
    /// The first field that is to be filled.
    explains: bool,
}

struct Field {
    letter: char,
    key: &'static str,
    value: String,
    scope_key: &'static str,
    scope: String,
}

struct SideView {
    letter: char,
    asked: String,
    count: String,
    choices: Vec<ChoiceRow>,
    help: Option<Help>,
}

fn fields(asked: &[Asked; 2]) -> [Field; 2] {
    let field = |letter, key, scope_key, a: &Asked| Field { letter, key, value: a.id.clone(), scope_key, scope: a.scope.clone().unwrap_or_default() };
    [field('A', "a", "a_scope", &asked[0]), field('B', "b", "b_scope", &asked[1])]
}

/// A side is absent, unknown or of several meanings.
pub fn page(chrome: Chrome, asked: &[Asked; 2], sides: [Side; 2]) -> AskPage {
    let explains = !sides.iter().any(|s| matches!(s, Side::Found(Found::Choices { .. } | Found::Unknown(_))));
    let typical_alone = matches!(sides, [Side::Typical, _]);
    let (mut views, mut found) = (Vec::new(), Vec::new());
    for (i, side) in sides.into_iter().enumerate() {
        let (letter, own, other) = (super::LETTERS[i], &asked[i], &asked[1 - i]);
        let at = |id: &str, scope: Option<&str>| if i == 0 { links::compare("", (id, scope), other.side()) } else { links::compare("", other.side(), (id, scope)) };
        match side {
            Side::Found(Found::Path(path)) => found.push(of_path(letter, &path)),
            Side::Found(Found::Choices { choices, more }) => {
                let (count, choices) = go::choice_rows(choices, more, |c| at(&c.id, c.scope.as_deref()));
                views.push(SideView { letter, asked: format::head(&own.id, 200), count, choices, help: None });
            }
            Side::Found(Found::Unknown(unknown)) => {
                let help = go::help(&own.id, *unknown, |id| at(id, None));
                views.push(SideView { letter, asked: format::head(&own.id, 200), count: String::new(), choices: Vec::new(), help: Some(help) });
            }
            Side::Absent | Side::Typical => {}
        }
    }
    let notice = if typical_alone { format!("{TYPICAL} stands for the route of a request: name one.") } else { String::new() };
    let mut fields = fields(asked);
    if typical_alone && asked[1].is_typical() {
        fields[0].value = String::new();
    }
    AskPage { chrome, title: "Compare two requests".into(), notice, fields, sides: views, found, explains }
}

fn of_path(letter: char, path: &PathView) -> (char, String, String) {
    (letter, own_id(&path.trace).0.to_owned(), href(&path.trace))
}

/// Both ids lead to one request.
pub fn same(chrome: Chrome, asked: &[Asked; 2], trace: &Trace) -> AskPage {
    let notice = if asked[0].id == asked[1].id { "A and B are the same id: there is nothing to compare." } else { "A and B are ids of one request: there is nothing to compare." };
    let own = own_id(trace);
    AskPage {
        chrome,
        title: "The same request twice".into(),
        notice: notice.into(),
        fields: fields(&[Asked { id: own.0.to_owned(), scope: own.1.map(str::to_owned) }, Asked::default()]),
        sides: Vec::new(),
        found: vec![('A', own.0.to_owned(), href(trace))],
        explains: true,
    }
}
