//! Lengths of time as loggers write them.
use crate::model::time::Length;

/// Unit of a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Ns,
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
    /// Minutes.
    Min,
    /// Hours.
    H,
    /// .NET ticks.
    Ticks100Ns,
}

impl Unit {
    /// The unit that the last part of a key names: `ms`, `millis`, `seconds`, `us`.
    pub fn of_suffix(_part: &str) -> Option<Self> {
        None
    }
}

/// `text` as a number in `unit`.
pub fn with_unit(_text: &str, _unit: Unit) -> Option<Length> {
    None
}

/// A self-describing length.
pub fn parse(_text: &str) -> Option<Length> {
    None
}

/// A length that a phrase states.
pub fn in_text(_text: &str) -> Option<Length> {
    None
}
