//! Lines that are no JSON: what they say about time, severity, origin and fields, in the shapes that loggers and servers write.
//!
//! Guarantees: every text has a reading, at the worst its message alone; nothing is invented (a clock without a date is no time).
//! Work is linear in the first line. Never looks at a second record.

mod access;
mod ansi;
mod head;
mod known;
mod middle;
mod pairs;

pub(super) use pairs::tail;

use crate::model::{entry::Severity, time::Instant};
use crate::recognise::stack;
use std::borrow::Cow;

/// More fields of one line than this are data, not fields.
const MAX_FIELDS: usize = 64;

/// What a text line says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TextRecord<'a> {
    /// When; absent when the line writes no date.
    pub time: Option<Instant>,
    /// How grave.
    pub severity: Option<Severity>,
    /// Logger, target or module.
    pub logger: Option<Cow<'a, str>>,
    /// Service, when the line names it.
    pub service: Option<Cow<'a, str>>,
    /// What ran it: `pid=67`, `thread=main`, `worker=ForkPoolWorker-1`; the most specific one.
    pub context: Option<Cow<'a, str>>,
    /// The human text of the first line; empty when there is none.
    pub message: Cow<'a, str>,
    /// The lines below the first, as written.
    pub rest: Option<Cow<'a, str>>,
    /// Key and value: as written (`request_id=…`), or a conventional name for what stands at a known place (`http.method`,
    /// `http.url`, `status`, `bytes`, `remote_addr`, `request_time` in seconds, `duration` with its unit, `caller`, `pid`). Pairs
    /// found in the message stay in the message too.
    pub fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Which shape it had: `text`, `logfmt`, `access`, `redis`, …
    pub format: &'static str,
    /// It visibly belongs to the record before it.
    pub continues: bool,
}

impl<'a> TextRecord<'a> {
    fn of(message: &'a str) -> Self {
        Self { message: Cow::Borrowed(message), format: "text", ..Self::default() }
    }

    fn push(&mut self, key: &'a str, value: &'a str) {
        if !matches!(value, "" | "-") {
            self.push_pair(Cow::Borrowed(key), Cow::Borrowed(value));
        }
    }

    fn push_pair(&mut self, key: Cow<'a, str>, value: Cow<'a, str>) {
        if self.fields.len() < MAX_FIELDS {
            self.fields.push((key, value));
        }
    }

    /// A thread or worker says more than a process.
    fn set_context(&mut self, kind: &str, value: &str) {
        if value.is_empty() || (self.context.is_some() && (kind == "pid" || !self.context.as_ref().is_some_and(|known| known.starts_with("pid=")))) {
            return;
        }
        self.context = Some(Cow::Owned(format!("{kind}={value}")));
    }

    fn into_owned(self) -> TextRecord<'static> {
        fn own(text: Cow<'_, str>) -> Cow<'static, str> {
            Cow::Owned(text.into_owned())
        }
        TextRecord {
            logger: self.logger.map(own),
            service: self.service.map(own),
            context: self.context.map(own),
            message: own(self.message),
            rest: self.rest.map(own),
            fields: self.fields.into_iter().map(|(key, value)| (own(key), own(value))).collect(),
            time: self.time,
            severity: self.severity,
            format: self.format,
            continues: self.continues,
        }
    }
}

/// Reads a text record, one or many lines. Colours are taken off first.
pub fn read(raw: &str) -> TextRecord<'_> {
    match ansi::strip(raw) {
        Cow::Borrowed(text) => read_plain(text),
        Cow::Owned(text) => read_plain(&text).into_owned(),
    }
}

fn read_plain(text: &str) -> TextRecord<'_> {
    let text = text.trim_start_matches('\u{feff}').trim_end();
    let (line, rest) = text.split_once('\n').map_or((text, None), |(line, rest)| (line.trim_end_matches('\r'), Some(rest)));
    let mut record = read_line(line);
    match rest.filter(|_| !line.ends_with(':')).and_then(pairs::indented) {
        Some(members) => members.into_iter().for_each(|(key, value)| record.push(key, value)),
        None => record.rest = rest.map(Cow::Borrowed),
    }
    record
}

fn read_line(line: &str) -> TextRecord<'_> {
    if line.starts_with([' ', '\t']) && !is_padded_time(line) || stack::is_inside_trace(line.as_bytes()) {
        return TextRecord { continues: true, ..TextRecord::of(line) };
    }
    let line = line.trim_start();
    if let Some(record) = known::read(line).or_else(|| access::combined(line)).or_else(|| pairs::logfmt(line)) {
        return record;
    }
    let mut record = head::read(line);
    if !access::enrich(&mut record) {
        pairs::enrich(&mut record);
    }
    record
}

/// Some loggers pad the head of a line: ` 2026-11-23 …`.
fn is_padded_time(line: &str) -> bool {
    line.len() - line.trim_start().len() <= 2 && crate::recognise::instant::at(line.trim_start().as_bytes(), 0).is_some()
}

#[cfg(test)]
mod tests;
