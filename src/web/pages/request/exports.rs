//! `/r/{id}.md`, `.ndjson`, `.perfetto.json`, `.otlp.json`: one request in the forms of other tools.
//!
//! Guarantees: made from the same [`PathView`] as the page, with its `scope` and `clocks`; `content=hidden` hides what people and models said. An id may itself end
//! so: an ending counts only where the rest is an id. Never a markup type, and the name of a file holds nothing but letters, digits, `-`, `_` and its ending.

use super::{View, single, twin};
use crate::{
    export::{self, markdown, ndjson, otlp, perfetto},
    query::view::{Answers, Found, PathView, QueryError, Shown, Times},
    web::{
        Shared,
        error::Problem,
        links,
        pages::{Pairs, value},
    },
};
use axum::{
    http::header,
    response::{IntoResponse, Response},
};

/// A form by its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Markdown,
    Ndjson,
    Perfetto,
    Otlp,
    Html,
}

const FORMS: [Form; 5] = [Form::Markdown, Form::Ndjson, Form::Perfetto, Form::Otlp, Form::Html];

impl Form {
    fn ending(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Ndjson => "ndjson",
            Self::Perfetto => "perfetto.json",
            Self::Otlp => "otlp.json",
            Self::Html => "html",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
            Self::Perfetto | Self::Otlp => "application/json",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// The form an address asks for and the id before it.
fn asked(id: &str) -> Option<(&str, Form)> {
    FORMS.iter().find_map(|form| Some((id.strip_suffix(form.ending())?.strip_suffix('.')?, *form))).filter(|(stem, _)| !stem.is_empty())
}

/// An address ends as one of a form does.
pub(super) fn has_ending(id: &str) -> bool {
    asked(id).is_some() || id.strip_suffix(".json").is_some()
}

/// A body, or what the id means instead.
enum Made {
    Body(String),
    Other(Found),
}

/// Where the document of a request is, with the wishes that it keeps.
pub(super) fn document(view: &View) -> String {
    at(view, "json")
}

/// Where a form is, with the wishes that all of them keep.
fn at(view: &View, ending: &str) -> String {
    let kept = view.pairs().into_iter().filter(|(key, _)| matches!(*key, "scope" | "skew" | "content"));
    links::address(&format!("/r/{}.{ending}", links::encode(&view.id)), kept)
}

/// Where the forms of a request are: words and address, what the reader wants hidden left out of them too.
pub(super) fn forms(view: &View) -> Vec<(&'static str, String)> {
    let words = |form: Form| match form {
        Form::Markdown => "Markdown",
        Form::Ndjson => "lines",
        Form::Perfetto => "Perfetto",
        Form::Otlp => "OTLP",
        Form::Html => "one file",
    };
    let of = |form: Form| (words(form), at(view, form.ending()));
    [Form::Html, Form::Markdown, Form::Ndjson, Form::Perfetto, Form::Otlp].map(of).into()
}

/// The answer, when the address asks for a form of a request that is there.
pub(super) async fn answer(shared: &Shared, view: &View, pairs: &Pairs) -> Result<Option<Response>, Problem> {
    let Some((stem, form)) = asked(&view.id) else { return Ok(None) };
    let (id, scope, hide_content) = (stem.to_owned(), view.scope.clone(), value(pairs, "content") == Some("hidden"));
    let times = view.times();
    let made = shared.ask(move |answers| make(answers, &id, scope.as_deref(), times, form, hide_content)).await?;
    Ok(match made {
        Made::Body(body) => Some(file(form, stem, body)),
        Made::Other(Found::Unknown(_)) => None,
        Made::Other(found) => Some(twin(found, view.hides_content)?),
    })
}

fn make(answers: &dyn Answers, id: &str, scope: Option<&str>, times: Times, form: Form, hide_content: bool) -> Result<Made, QueryError> {
    let found = if form == Form::Html { answers.path_and_usual(id, scope, times)? } else { answers.path(id, scope, times)? };
    let Found::Path(path) = &found else { return Ok(Made::Other(found)) };
    let records = if form == Form::Ndjson { answers.records(id, scope, times)?.unwrap_or_default() } else { Vec::new() };
    Ok(Made::Body(body(path, id, &records, form, hide_content)))
}

fn body(path: &PathView, id: &str, records: &[Shown], form: Form, hide_content: bool) -> String {
    match form {
        Form::Markdown => markdown::ticket(&path.trace, &path.log, hide_content),
        Form::Ndjson => ndjson::request(records.iter().map(|r| (&*r.file, &r.record)), hide_content),
        Form::Perfetto => perfetto::document(&path.trace, &path.log, hide_content),
        Form::Html => single(path, id, hide_content),
        Form::Otlp => otlp::document(&path.trace, &path.log, hide_content) + "\n",
    }
}

fn file(form: Form, id: &str, body: String) -> Response {
    let way = if form == Form::Markdown { "inline" } else { "attachment" };
    let disposition = format!("{way}; filename=\"{}\"", export::file_name(id, form.ending()));
    ([(header::CONTENT_TYPE, form.content_type().to_owned()), (header::CONTENT_DISPOSITION, disposition)], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_ending_names_the_form() {
        assert_eq!(asked("req_1.md"), Some(("req_1", Form::Markdown)));
        assert_eq!(asked("a.b.otlp.json"), Some(("a.b", Form::Otlp)));
        assert_eq!(asked("req_1.perfetto.json"), Some(("req_1", Form::Perfetto)));
        for id in ["req_1", "req_1.json", ".md", "readme-md", "md"] {
            assert_eq!(asked(id), None, "{id}");
        }
    }
}
