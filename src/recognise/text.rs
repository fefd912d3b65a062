//! Lines that are no JSON.
use crate::model::{entry::Severity, time::Instant};
use std::borrow::Cow;

/// What a text line says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TextRecord<'a> {
    /// When.
    pub time: Option<Instant>,
    /// How grave.
    pub severity: Option<Severity>,
    /// Logger, target or module.
    pub logger: Option<Cow<'a, str>>,
    /// Service, when the line names it.
    pub service: Option<Cow<'a, str>>,
    /// Thread, process or worker, as the line writes it.
    pub context: Option<Cow<'a, str>>,
    /// The human text of the first line; empty when there is none.
    pub message: Cow<'a, str>,
    /// The lines below the first, as written.
    pub rest: Option<Cow<'a, str>>,
    /// Key and value, both as written or under a conventional name.
    pub fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Which shape it had.
    pub format: &'static str,
    /// It belongs to the record before it.
    pub continues: bool,
}

/// Reads a line that is no JSON.
pub fn read(raw: &str) -> TextRecord<'_> {
    TextRecord { message: Cow::Borrowed(raw), format: "text", ..TextRecord::default() }
}
