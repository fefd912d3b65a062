//! Where records stand, apart from reading them: a path asks for one record under several ids and reads it once.
//!
//! Guarantees: a place is valid for the reader that gave it (and its clones). Never decompresses more than it is asked for.

use super::{
    error::StoreError,
    reader::{LineReader, Spot},
    schema::StoredRecord,
};
use crate::model::entry::FileId;
use std::collections::BTreeMap;
use tantivy::DocId;

/// Where a record stands: in its log, and in the reader that was asked.
#[derive(Debug, Clone, Copy)]
pub struct RecordPlace {
    /// Lineage.
    pub file: FileId,
    /// Offset of its first byte.
    pub start: u64,
    /// Where its text is.
    pub address: Address,
}

/// Where the text of a record is in the reader that was asked.
#[derive(Debug, Clone, Copy)]
pub struct Address {
    pub(super) segment: u32,
    pub(super) doc: DocId,
}

impl RecordPlace {
    pub(super) fn at(spot: Spot) -> Self {
        Self { file: FileId(spot.file), start: spot.start, address: Address { segment: spot.segment as u32, doc: spot.doc } }
    }

    pub(super) fn spot(&self) -> Spot {
        Spot { file: self.file.0, start: self.start, segment: self.address.segment as usize, doc: self.address.doc }
    }
}

impl LineReader {
    /// Places of the first `limit` records that carry an id term, in order of file and offset, each once.
    pub fn places(&self, term: &str, limit: usize) -> Result<Vec<RecordPlace>, StoreError> {
        let spots = self.spots_of(term, limit)?;
        Ok(spots.into_iter().map(RecordPlace::at).collect())
    }

    /// Places of the records that stand at or behind a position of their file; of files without a position, all. In order of file and
    /// offset.
    pub fn since(&self, positions: &BTreeMap<u64, u64>) -> Vec<RecordPlace> {
        let mut spots: Vec<Spot> = Vec::new();
        for (at, segment) in self.segments().iter().enumerate() {
            let all = (0..segment.reader.max_doc()).filter(|doc| !segment.reader.is_deleted(*doc)).map(|doc| segment.spot(at, doc));
            spots.extend(all.filter(|spot| positions.get(&spot.file).is_none_or(|off| spot.start >= *off)));
        }
        spots.sort_unstable();
        spots.into_iter().map(RecordPlace::at).collect()
    }

    /// The record at a place that this reader gave.
    pub fn fetch(&self, place: &RecordPlace) -> Result<StoredRecord, StoreError> {
        self.fetch_at(place.address)
    }

    /// The record at such an address.
    pub fn fetch_at(&self, address: Address) -> Result<StoredRecord, StoreError> {
        let segment = self.segments().get(address.segment as usize);
        let segment = segment.ok_or_else(|| StoreError::Damaged { path: std::path::PathBuf::from("lines"), cause: "a record is not where its id says".to_owned() })?;
        self.read_one(&segment.store, address.doc)
    }
}
