//! Which parts of a record are nobody's business: keys, tokens and passwords, and what people and models said to each other.
//!
//! Guarantees: a mark is a byte range of the record as it stands, on character borders, in order; secrets are told by a documented shape
//! or by the name they stand under, content by its name and by what stands beside it; a value that was masked already and a count of tokens are not marked.
//! Never changes a record: floors above mask and fold. Shapes and names are data (`sensitive/names.toml`).

mod arguments;
mod beside;
mod names;
mod shapes;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub use table::Sensitive;

use std::ops::Range;

/// What a marked part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A key, a token or a password.
    Secret,
    /// A prompt, an answer, the messages of a conversation.
    Content,
}

impl Kind {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Content => "content",
        }
    }
}

/// A part of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Bytes of the record: the value without its quotes.
    pub at: Range<usize>,
    /// What it is.
    pub kind: Kind,
}

/// Most marks of one record; what stands behind the last is marked as one secret.
const MAX_MARKS: usize = 1_000;

/// The marks of a record. Secrets inside content are marked too.
pub fn marks(raw: &str, table: &Sensitive) -> Vec<Mark> {
    let mut found = names::find(raw, table);
    found.extend(arguments::find(raw, table).map(|at| Mark { at, kind: Kind::Secret }));
    found.extend(shapes::find(raw, table).map(|at| Mark { at, kind: Kind::Secret }));
    found.sort_by_key(|mark| (mark.kind, mark.at.start, std::cmp::Reverse(mark.at.end)));
    // Of marks of one kind that touch, one is kept.
    let mut out: Vec<Mark> = Vec::with_capacity(found.len());
    for mark in found {
        match out.last_mut() {
            Some(last) if last.kind == mark.kind && mark.at.start < last.at.end => last.at.end = last.at.end.max(mark.at.end),
            _ => out.push(mark),
        }
    }
    if out.len() > MAX_MARKS {
        let from = out.drain(MAX_MARKS..).map(|mark| mark.at.start).min().unwrap_or(raw.len());
        out.push(Mark { at: from..raw.len(), kind: Kind::Secret });
    }
    out.sort_by_key(|mark| (mark.at.start, mark.at.end));
    out
}
