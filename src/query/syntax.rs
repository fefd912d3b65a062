//! The query of the search box and of `throughline search`: a flat list of conditions, all of which must hold.
//!
//! A condition is a word, `"a phrase"`, `key:value` or `key:a,b` (alternatives), each with a `-` before it to turn it round. Measures take
//! `>5s`, `<=500ms`, `1s..2s`; a trailing `*` matches a beginning.
//!
//! Guarantees: one pass over at most [`MAX_BYTES`]; no brackets, no recursion, no panic. What cannot be used becomes a [`Notice`] that says
//! what would be right, and the rest still counts. Never reads the index or the clock.

mod apply;
mod measure;
mod token;

#[cfg(test)]
mod tests;

pub use measure::TimeBound;

use crate::{
    model::{
        entry::Severity,
        summary::{Preset, RowFilter},
    },
    query::view::Notice,
};
use token::{Body, Token, Tokens};

/// Most bytes of a query that are read.
pub const MAX_BYTES: usize = 4096;
/// Most notices of one query.
pub const MAX_NOTICES: usize = 20;

/// The keys with a meaning of their own and what they mean, for help and for corrections. Any other key is a field of a line.
pub const KEYS: [(&str, &str); 22] = [
    ("status", "state of the request"),
    ("state", "the same"),
    ("route", "route or job name"),
    ("model", "model that served"),
    ("served", "the same"),
    ("prompt", "prompt version, as name@version"),
    ("config", "configuration version"),
    ("worker", "service that executed a task"),
    ("source", "name of a log"),
    ("error", "type of the error that decided"),
    ("mark", "slow, incomplete or open"),
    ("complete", "yes or no"),
    ("preset", "a named view of the list"),
    ("dur", "total of the request"),
    ("wait", "time it waited in queues"),
    ("attempts", "number of attempts"),
    ("tokens", "input and output tokens together"),
    ("since", "begins at or after"),
    ("until", "begins at or before"),
    ("level", "severity of a line"),
    ("service", "service a line names, or its log"),
    ("stage", "stage it spent time in"),
];

/// A word that a line must contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As typed, without surrounding punctuation.
    pub text: String,
    /// It must not occur.
    pub negated: bool,
    /// It is the beginning of a word.
    pub prefix: bool,
}

/// Words that a line must contain one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// Without the quotes.
    pub text: String,
    /// It must not occur.
    pub negated: bool,
}

/// A field of a line and the values it may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldTerm {
    /// Dotted path as typed.
    pub path: String,
    /// Alternatives; a trailing `*` matches a beginning.
    pub values: Vec<String>,
    /// It must have none of them.
    pub negated: bool,
    /// Every value has the shape of an id, so that the index can find it; otherwise lines are scanned.
    pub id_shaped: bool,
}

/// Names, one of which must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOf {
    /// Alternatives; a trailing `*` matches a beginning.
    pub values: Vec<String>,
    /// None of them may match.
    pub negated: bool,
}

/// A query as it was understood. All conditions must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// Conditions on requests. Time bounds are in `time`, because a relative one needs the newest record.
    pub rows: Vec<RowFilter>,
    /// Each of them in plain words.
    pub row_words: Vec<String>,
    /// A named view.
    pub preset: Option<Preset>,
    /// Words of lines.
    pub words: Vec<Word>,
    /// Phrases of lines.
    pub phrases: Vec<Phrase>,
    /// Fields of lines.
    pub fields: Vec<FieldTerm>,
    /// Severities a line may have; empty: any.
    pub levels: Vec<Severity>,
    /// Severities no line may have.
    pub levels_not: Vec<Severity>,
    /// Names of logs (also in `rows`, as a condition on requests).
    pub sources: Vec<OneOf>,
    /// Services named on lines.
    pub services: Vec<OneOf>,
    /// From and to, both inclusive.
    pub time: (Option<TimeBound>, Option<TimeBound>),
    /// Parts that could not be used as written.
    pub notices: Vec<Notice>,
    /// Each condition in plain words.
    pub understood: Vec<String>,
}

impl Parsed {
    fn notice(&mut self, part: &str, at: usize, text: impl Into<String>) {
        if self.notices.len() < MAX_NOTICES {
            self.notices.push(Notice { part: head(part, 80).to_owned(), at, text: text.into() });
        }
    }

    /// A notice that is given once a query.
    fn notice_once(&mut self, part: &str, at: usize, text: &str) {
        if self.notices.iter().all(|notice| notice.text != text) {
            self.notice(part, at, text);
        }
    }
}

/// Understands a query.
pub fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let read = head(text, MAX_BYTES);
    for token in merged(Tokens::new(read)) {
        match &token.body {
            Body::Word(word) => apply::word(&mut parsed, word, &token),
            Body::Phrase(phrase) => apply::phrase(&mut parsed, phrase, &token),
            Body::Pair(key, values) => apply::pair(&mut parsed, key, values, &token),
            Body::Unclosed => parsed.notice(token.raw, token.at, "the quote has no end; what follows is read word by word. Write \"two words\""),
        }
    }
    if read.len() < text.len() {
        let left = &text[read.len()..];
        parsed
            .notices
            .insert(0, Notice { part: head(left, 80).to_owned(), at: read.len(), text: format!("the query is {} bytes long; the first {} were read", text.len(), read.len()) });
    }
    parsed
}

/// The conditions of a query as typed, with where they stand; `true`: it asks of requests and says nothing of lines.
pub fn conditions(text: &str) -> Vec<(usize, &str, bool)> {
    let of_requests = |token: &Token<'_>| {
        let mut alone = Parsed::default();
        if let Body::Pair(key, values) = &token.body {
            apply::pair(&mut alone, key, values, token);
        }
        alone.preset.is_some() || (!alone.rows.is_empty() && alone.sources.is_empty())
    };
    Tokens::new(head(text, MAX_BYTES)).map(|token| (token.at, token.raw, of_requests(&token))).collect()
}

/// The query without what asks of requests.
pub fn about_lines(text: &str) -> String {
    conditions(text).into_iter().filter(|(_, _, of_requests)| !of_requests).map(|(_, raw, _)| raw).collect::<Vec<_>>().join(" ")
}

/// A request has one state, one route and one deciding error, a line one level: two values of such a key cannot both hold, so they are
/// alternatives even when the key is written twice.
fn merged(tokens: Tokens<'_>) -> Vec<Token<'_>> {
    const SINGLE: [&str; 5] = ["status", "state", "route", "error", "level"];
    let mut first: [Option<usize>; SINGLE.len()] = [None; SINGLE.len()];
    let mut out: Vec<Token<'_>> = Vec::new();
    for token in tokens {
        let slot = match &token.body {
            Body::Pair(key, values) if !token.negated && !values.is_empty() => SINGLE.iter().position(|single| key.eq_ignore_ascii_case(single)),
            _ => None,
        };
        if let Some(slot) = slot {
            if let Some(Body::Pair(_, before)) = first[slot].and_then(|at| out.get_mut(at)).map(|token| &mut token.body) {
                if let Body::Pair(_, values) = token.body {
                    before.extend(values);
                }
                continue;
            }
            first[slot] = Some(out.len());
        }
        out.push(token);
    }
    out
}

/// A value as it stands behind a key in a link: quoted and escaped where it must be, so that `parse` gives it back.
pub fn quote(value: &str) -> String {
    let plain = |c: char| !(c.is_whitespace() || matches!(c, '"' | ',' | '*'));
    let operator = value.starts_with(['<', '>', '=', '≥', '≤', '-', '/', '\\']);
    if !value.is_empty() && !operator && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The first `limit` bytes, cut where a character begins.
fn head(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
