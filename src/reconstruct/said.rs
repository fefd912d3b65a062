//! Records of answered requests that say neither id nor thread, as application servers print them: whose they may be by what they say
//! (`reconstruction.md` 2.6, rules c and a).
//!
//! `"GET /tickets/T-10569 HTTP/1.1" 200` is likely of the one request known to have been answered so, where the path names a thing; the stack trace right behind an
//! answer of 500 likely tells why. It is no proof: the request it is of may have no other line, may write its method, path and status on several, or be another
//! product's. So such lines are offered as possible, and decide nothing. Guarantees: pure functions of an entry; that nothing else says the same is for whoever
//! asks the index.

use crate::{
    model::entry::{Entry, Severity},
    reconstruct::{item::Item, roles, route},
};

/// Begins the terms of records that name work, and of those that name none.
const NAMED: char = '\u{1a}';
const FREE: char = '\u{19}';
/// Begin the terms of stack traces by where they begin, and of answers that failed by where they end.
const TRACE: char = '\u{18}';
const FAULT: char = '\u{17}';
/// A line may be written so long before or behind what else tells of the answer.
const APART_NS: i64 = 2_000_000_000;

/// What an entry says of the request it answers. `None`: it is no such record, or many requests may say the same of themselves.
pub fn key(entry: &Entry) -> Option<String> {
    let http = entry.http.as_deref()?;
    let (method, path, status) = (http.method.as_deref()?, http.path.as_deref()?, http.status?);
    let path = path.split(['?', '#']).next()?;
    route::names_a_thing(path).then(|| format!("{method} {path} {status}"))
}

/// The term an entry is found by among those that say the same.
pub fn term(entry: &Entry) -> Option<String> {
    let key = key(entry)?;
    Some(if is_free(entry) { free(&key) } else { named(&key) })
}

/// The term of records that name work.
pub fn named(key: &str) -> String {
    format!("{NAMED}{key}")
}

/// The term of those that name none.
pub fn free(key: &str) -> String {
    format!("{FREE}{key}")
}

/// The entry names no work that was done, at most what stands below it.
pub fn is_free(entry: &Entry) -> bool {
    entry.ids.iter().all(|id| roles::is_below_work(id.kind, id.relation) || !roles::is_work(id.kind))
}

/// The terms of an entry, whose record ends at `end`, by its place in its file.
pub fn places(entry: &Entry, end: u64) -> impl Iterator<Item = String> {
    let is_bare = entry.time.is_none() && entry.received.is_none() && is_free(entry);
    let trace = (is_bare && is_trace(entry)).then(|| trace_at(entry.at.file.0, entry.at.start));
    let fault = (is_bare && is_fault(entry)).then(|| fault_until(entry.at.file.0, end));
    trace.into_iter().chain(fault)
}

/// The term of a stack trace that begins at a place of a file.
pub fn trace_at(file: u64, start: u64) -> String {
    format!("{TRACE}{file:x}\u{1f}{start:x}")
}

/// The term of an answer that failed, whose record ends at a place of a file.
pub fn fault_until(file: u64, end: u64) -> String {
    format!("{FAULT}{file:x}\u{1f}{end:x}")
}

/// An error with its stack trace.
pub fn is_trace(entry: &Entry) -> bool {
    entry.severity.is_some_and(|s| s >= Severity::Error) && entry.failure.as_ref().is_some_and(|f| f.has_stack)
}

/// An answer that nobody handled. What is told as 502 to 504 was.
pub fn is_fault(entry: &Entry) -> bool {
    entry.http.as_ref().and_then(|h| h.status) == Some(500)
}

/// A line may tell of what another does, by their times, if both have one.
pub fn may_be_one(line: &Item, other: &Item) -> bool {
    line.time_ns.zip(other.time_ns).is_none_or(|(a, b)| {
        let length = line.duration_ns().unwrap_or(0).max(other.duration_ns().unwrap_or(0)).max(0);
        a.saturating_sub(b).unsigned_abs() <= APART_NS.saturating_add(length).unsigned_abs()
    })
}
