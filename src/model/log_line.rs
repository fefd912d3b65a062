//! A line of a request as pages and exports show it: where it stands, what it says, whose it is. No part of the public document.

use crate::model::{
    entry::{At, Severity},
    path_words::{PlacedBy, Stage},
    time::UnixNanos,
    trace::LineRef,
};
use std::sync::Arc;

/// One line of the merged log of a request, as a page shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// Where it stands.
    pub at: At,
    /// `file:line`.
    pub line: LineRef,
    /// Corrected time (zone applied); absent when the line has none.
    pub time: Option<UnixNanos>,
    /// Severity.
    pub severity: Option<Severity>,
    /// Stage of the step it belongs to.
    pub stage: Option<Stage>,
    /// Service or source name.
    pub service: String,
    /// Human text, or the head of the raw text when there is none.
    pub text: String,
    /// The raw record.
    pub raw: Arc<str>,
    /// Id of the span it belongs to; `None`: unplaced.
    pub span: Option<String>,
    /// It carries an id of the path and fits no step.
    pub unplaced: bool,
    /// It carries no id of its own: what proves whose it is.
    pub placed_by: Option<PlacedBy>,
}
