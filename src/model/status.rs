//! How reading stands: what `/sources`, the page header and the start-up lines show.
//!
//! Published as a whole on a `watch` channel; readers see one consistent picture. Never a truth: the checkpoint is.

use crate::model::{
    checkpoint::{Counters, FileKind, FileState},
    entry::FileId,
    time::UnixNanos,
};
use serde::Serialize;

/// The state of all sources at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Status {
    /// One entry a lineage, in order of path.
    pub sources: Vec<SourceStatus>,
    /// Files that were looked at and not read, with the reason.
    pub skipped: Vec<Skipped>,
    /// Still catching up: unread bytes.
    pub backlog_bytes: u64,
    /// Bytes read since start.
    pub read_bytes: u64,
    /// Following, or read once.
    pub following: bool,
    /// Counts commits of lines; 0: none yet.
    pub generation: u64,
    /// Records in the index, by the last commit.
    pub lines: u64,
    /// Newest time seen in any line.
    pub newest: Option<UnixNanos>,
    /// Reading is paused, and why (disk full, error).
    pub paused: Option<String>,
    /// The list of requests is behind the lines, and why (disk full, error).
    pub list_behind: Option<String>,
}

/// One source.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SourceStatus {
    /// Lineage.
    pub id: FileId,
    /// Path as shown.
    pub path: String,
    /// Name without rotation suffix.
    pub name: String,
    /// Kind.
    pub kind: FileKind,
    /// State.
    pub state: FileState,
    /// Conventions that read its lines, with counts, most frequent first.
    pub conventions: Vec<(String, u64)>,
    /// Evidence for the first of them, in words.
    pub evidence: String,
    /// Where the bytes went.
    pub counters: Counters,
    /// Bytes on disk not read yet.
    pub lag_bytes: u64,
    /// A last line without newline that is not a record yet.
    pub pending_bytes: u64,
    /// Why reading waits or stopped (permission, damaged gzip, vanished).
    pub trouble: Option<String>,
    /// First and last time of its lines.
    pub coverage: Option<(UnixNanos, UnixNanos)>,
    /// Learned zone, in words, when times are naive.
    pub zone: Option<String>,
    /// Services named in it.
    pub services: Vec<String>,
    /// What its lines taught about how to read them, and what stayed open; a sentence each.
    pub decided: Vec<String>,
    /// Its keys, most frequent first.
    pub keys: Vec<KeyStatus>,
}

/// What was done with a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyStatus {
    /// The key, with dots.
    pub key: String,
    /// Lines that have it.
    pub lines: u64,
    /// What it was read as.
    pub read_as: Vec<String>,
}

/// A file that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Path.
    pub path: String,
    /// Why.
    pub reason: String,
    /// What it means.
    pub loss: Loss,
}

/// What is lost by not reading a file, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// It could not be looked at.
    Unreadable,
    /// It is no log by its content.
    NoLog,
    /// Nothing: a copy, hidden, known not to be a log.
    Nothing,
}
