//! How far every source was read: the noun that travels in the commit, so that documents and positions cannot disagree.
//!
//! Serialised it is the commit's payload. `off` always stands just after a newline (or at the end of something that cannot
//! grow). Never says anything about lines that were not committed.

use crate::model::entry::FileId;
use serde::{Deserialize, Serialize};

/// Version of the payload; another one is refused.
pub const PAYLOAD_VERSION: u32 = 1;

/// What a data directory holds, in the layout of the store: known here so that reading leaves it alone.
pub const DATA_DIR_NAMES: [&str; 6] = ["VERSION", "lock", "lines", "rows", "spool", "reading.json"];

/// Everything that must be known to go on reading after a restart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// [`PAYLOAD_VERSION`].
    pub version: u32,
    /// Counts commits.
    pub generation: u64,
    /// One record a lineage.
    pub files: Vec<FileCheckpoint>,
}

/// Plain or compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Text as it is.
    #[default]
    Plain,
    /// Gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// Standard input, spooled.
    Spool,
}

/// What became of a lineage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// Followed.
    #[default]
    Live,
    /// Its content was replaced or it vanished; a copy may still turn up.
    Detached,
    /// Read to an end that cannot move (compressed files, read-once runs).
    Done,
}

/// How far one lineage was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FileCheckpoint {
    /// Random lineage id.
    pub id: FileId,
    /// Device of the file read last.
    pub dev: u64,
    /// Inode of the file read last.
    pub ino: u64,
    /// When that inode was created, Unix nanoseconds; 0 where the file system does not say. Tells an inode that was reused.
    #[serde(default)]
    pub born_ns: i64,
    /// Kind of the file read last.
    pub kind: FileKind,
    /// State.
    pub state: FileState,
    /// Decompressed bytes consumed.
    pub off: u64,
    /// Physical lines consumed.
    pub lines: u64,
    /// Length of the hashed head: `min(1024, off)`.
    pub head_len: u32,
    /// Hash of the first `head_len` bytes.
    pub head_hash: u64,
    /// Length of the guard: `min(256, off)`.
    pub guard_len: u32,
    /// Hash of the last `guard_len` bytes before `off`.
    pub guard_hash: u64,
    /// Ends of the newest records with a hash of the bytes before each, newest first, while the file is written: they tell a copy that was
    /// made shortly before a truncation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<(u64, u64)>,
    /// Size on disk when last seen.
    pub size: u64,
    /// Modification time when last seen.
    pub mtime_ns: i64,
    /// Newest path of the lineage, absolute.
    pub path: String,
    /// The path as the user would recognise it.
    pub shown: String,
    /// Name of the log without rotation suffix: fixed when the lineage began, since readings depend on it.
    pub source: String,
    /// Last seen, Unix seconds.
    pub seen_unix_s: i64,
    /// Counters.
    pub counters: Counters,
}

/// Where every consumed byte went: `ok + unparsed + blank + cut = consumed`, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Records understood.
    pub ok: u64,
    /// Records kept as text because they are no JSON (counted in `ok` when they are plain text).
    pub text: u64,
    /// Records that look like JSON and could not be read.
    pub unparsed: u64,
    /// Blank lines.
    pub blank: u64,
    /// Records whose tail was cut (over 1 MiB).
    pub cut: u64,
    /// Bytes of `ok` records, newline included.
    pub ok_bytes: u64,
    /// Bytes of `unparsed` records.
    pub unparsed_bytes: u64,
    /// Bytes of blank lines.
    pub blank_bytes: u64,
    /// Bytes left out of cut records.
    pub cut_bytes: u64,
}

impl Counters {
    /// Adds another count.
    pub fn add(&mut self, other: &Self) {
        self.ok += other.ok;
        self.text += other.text;
        self.unparsed += other.unparsed;
        self.blank += other.blank;
        self.cut += other.cut;
        self.ok_bytes += other.ok_bytes;
        self.unparsed_bytes += other.unparsed_bytes;
        self.blank_bytes += other.blank_bytes;
        self.cut_bytes += other.cut_bytes;
    }

    /// Bytes accounted for.
    pub fn bytes(&self) -> u64 {
        self.ok_bytes + self.unparsed_bytes + self.blank_bytes + self.cut_bytes
    }
}
