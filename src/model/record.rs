//! A record: one log record as it stands in its source, one or many physical lines, before anybody understood it.
//!
//! Guarantees: every byte of a source belongs to exactly one record or to a counted range (blank, cut); a record never depends on
//! where a read or a batch ended. Never holds anything understood: that is an `Entry`.

use crate::model::entry::FileId;
use std::{ops::Range, sync::Arc};

/// Longest record kept whole; of a longer one the head is kept, with its length and hash.
pub const RECORD_MAX_BYTES: usize = 1024 * 1024;

/// One record, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The lineage it stands in.
    pub file: FileId,
    /// Name of the log without rotation suffix and compression ending (`api`, `worker-rq`): the service of lines that name none.
    pub source: &'a Arc<str>,
    /// Decompressed byte offset of its first byte.
    pub start: u64,
    /// 1-based number of its first physical line.
    pub line: u64,
    /// The bytes as written, inner newlines included, the last newline excluded; the head alone when it was cut.
    pub raw: &'a [u8],
}

/// What was left out of a record that is longer than [`RECORD_MAX_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cut {
    /// Length of the whole record in bytes, without its last newline.
    pub length: u64,
    /// SHA-256 of the whole record, in lower-case hex.
    pub sha256: String,
}

/// A record inside a [`Chunk`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSpan {
    /// Decompressed byte offset of its first byte in the source.
    pub start: u64,
    /// Offset behind its last byte, the newline included.
    pub end: u64,
    /// 1-based number of its first physical line.
    pub line: u64,
    /// Physical lines.
    pub lines: u32,
    /// Where its bytes stand in the chunk, without the last newline.
    pub at: Range<usize>,
    /// It was cut.
    pub cut: Option<Box<Cut>>,
}

/// A run of consecutive records of one source, read together. The unit of work that travels from reading to indexing.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The lineage.
    pub file: FileId,
    /// Name of the log, without rotation suffix and compression ending.
    pub source: Arc<str>,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The records, in order.
    pub records: Vec<RecordSpan>,
}

impl Chunk {
    /// One of its records.
    pub fn record(&self, span: &RecordSpan) -> Record<'_> {
        Record { file: self.file, source: &self.source, start: span.start, line: span.line, raw: &self.bytes[span.at.clone()] }
    }
}
