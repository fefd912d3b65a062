//! What shippers and terminals put before a line.
use crate::model::{entry::Severity, time::Instant};

/// A line without what was put before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peeled<'a> {
    /// The line as the program wrote it.
    pub inner: &'a str,
    /// The time the prefix states.
    pub time: Option<Instant>,
    /// The severity the prefix states.
    pub severity: Option<Severity>,
    /// Host, pod or container.
    pub host: Option<&'a str>,
    /// Service.
    pub service: Option<&'a str>,
    /// `stdout` or `stderr`.
    pub stream: Option<&'a str>,
    /// The line goes on in the next one.
    pub partial: bool,
}

/// The line behind a known prefix; `None` when there is none.
pub fn peel(_raw: &str) -> Option<Peeled<'_>> {
    None
}
