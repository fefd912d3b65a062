//! Records of answered requests that say neither id nor thread: whose they are by what they say (`reconstruction.md` 2.6, rule c).
//!
//! An application server's own access line (`"GET /tickets/T-10569 HTTP/1.1" 200`) often carries no id, and no time where it goes to standard output. It is of
//! the one request of the whole index that was answered so: same method, same path, same status, where the path names a thing. Guarantees: pure functions
//! of an entry. That no other request says the same, and no other line, is for whoever asks the index.

use crate::{
    model::entry::Entry,
    reconstruct::{item::Item, roles, route},
};

/// Begins the terms of records that name work, and of those that name none.
const NAMED: char = '\u{1a}';
const FREE: char = '\u{19}';
/// A line may be written so long before or behind what else tells of the answer.
const APART_NS: i64 = 2_000_000_000;

/// What an entry says of the request it answers. `None`: it is no such record, or many requests may say the same of themselves.
pub fn key(entry: &Entry) -> Option<String> {
    let http = entry.http.as_deref()?;
    let (method, path, status) = (http.method.as_deref()?, http.path.as_deref()?, http.status?);
    let path = path.split(['?', '#']).next()?;
    (route::fold(path) != path).then(|| format!("{method} {path} {status}"))
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

/// A line may tell of what another does, by their times, if both have one.
pub fn may_be_one(line: &Item, other: &Item) -> bool {
    line.time_ns.zip(other.time_ns).is_none_or(|(a, b)| {
        let length = line.duration_ns().unwrap_or(0).max(other.duration_ns().unwrap_or(0)).max(0);
        a.saturating_sub(b).unsigned_abs() <= APART_NS.saturating_add(length).unsigned_abs()
    })
}
