//! How lines without an id are found again: by what wrote them and a piece of time, or by what they say of a request.
//!
//! Guarantees: pure functions of an entry; no term of them is one of an id. What belongs to whom is not decided here.

use crate::{
    model::entry::Entry,
    reconstruct::{
        lanes::{self, PIECE_SHIFT},
        said,
    },
};
use std::sync::Arc;

/// Pieces that are looked through at once, about 140 s.
pub const BLOCK: i64 = 8;
/// Pieces before a block that are looked at too: a task that is silent for longer (about 50 s) is not seen.
pub const PIECES_BEFORE: i64 = 3;
/// Pieces behind it.
pub const PIECES_AFTER: i64 = 1;

/// What wrote lines: a lane, or a whole writer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// One thread or worker.
    Lane(Arc<str>),
    /// Everything of one process, as far as it says.
    Writer(Arc<str>),
}

/// The piece of time an entry stands in.
pub fn piece_of(entry: &Entry) -> Option<i64> {
    lanes::written_ns(entry).map(|ns| ns >> PIECE_SHIFT)
}

impl Place {
    /// Where an entry stands.
    pub fn of(entry: &Entry) -> [Option<Self>; 2] {
        [lanes::lane(entry).map(|lane| Self::Lane(lane.into())), Some(Self::Writer(lanes::writer(entry).into()))]
    }

    /// The term of its lines in a piece of time.
    pub fn term(&self, piece: i64) -> String {
        match self {
            Self::Lane(key) => format!("\u{1e}{key}\u{1f}{piece:x}"),
            Self::Writer(key) => format!("\u{1d}{key}\u{1f}{piece:x}"),
        }
    }

    /// The term of those of them that name no unit: where there are none there is nothing to look for.
    pub fn free_term(&self, piece: i64) -> String {
        match self {
            Self::Lane(key) => format!("\u{1c}{key}\u{1f}{piece:x}"),
            Self::Writer(key) => format!("\u{1b}{key}\u{1f}{piece:x}"),
        }
    }
}

/// The terms an entry is found by.
pub fn terms(entry: &Entry) -> Vec<String> {
    let said = said::term(entry);
    let Some(piece) = piece_of(entry) else { return said.into_iter().collect() };
    let is_free = said::is_free(entry);
    let places = Place::of(entry);
    let all = places.iter().flatten().map(|place| place.term(piece));
    all.chain(places.iter().flatten().filter(|_| is_free).map(|place| place.free_term(piece))).chain(said).collect()
}

/// Whether a term is one of those, not of an id.
pub fn is_term(term: &str) -> bool {
    term.bytes().next().is_some_and(|first| (0x17..=0x1e).contains(&first))
}
