//! Reading one state of the rows: the columns in memory, and single rows from the store.
//!
//! Guarantees: a reader sees one commit as a whole; columns of segments that did not change are shared with the next reader.

use super::{
    columns::{Columns, ID, ROOT, decode},
    names::Dictionary,
};
use crate::{
    model::{id, summary::RequestSummary},
    store::{
        error::{StoreError, from_tantivy},
        schema::{StoredValue, term_text},
    },
};
use serde::{Deserialize, Serialize};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};
use tantivy::{
    DocId, DocSet, Index, Opstamp, Segment, SegmentReader, TERMINATED, TantivyError,
    directory::{Directory, META_LOCK},
    schema::{
        Field, IndexRecordOption,
        document::{DeserializeError, DocumentDeserialize, DocumentDeserializer},
    },
    store::StoreReader,
};

/// Version of rows and their columns; another one is built again.
const ROWS_VERSION: u32 = 3;
/// Decompressed blocks held for each segment.
const CACHE_BLOCKS: usize = 64;

/// What a commit of rows says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    version: u32,
    generation: u64,
    profile: u64,
    positions: String,
}

impl Stamp {
    pub(super) fn new(generation: u64, profile: u64, positions: &str) -> Self {
        Self { version: ROWS_VERSION, generation, profile, positions: positions.to_owned() }
    }
}

struct RowSegment {
    reader: SegmentReader,
    deletes: Option<Opstamp>,
    columns: Arc<Columns>,
    store: Arc<StoreReader>,
}

struct Snapshot {
    path: PathBuf,
    index: Index,
    segments: Vec<Arc<RowSegment>>,
    dictionary: Arc<Dictionary>,
    stamp: Option<Stamp>,
    rows: u64,
}

/// Where a row stands in a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowSpot {
    segment: u32,
    doc: DocId,
}

/// One state of the rows. Cheap to clone.
#[derive(Clone)]
pub struct RowReader {
    inner: Arc<Snapshot>,
}

impl std::fmt::Debug for RowReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowReader").field("rows", &self.inner.rows).field("stamp", &self.stamp()).finish_non_exhaustive()
    }
}

struct StoredRow(Vec<u8>);

impl DocumentDeserialize for StoredRow {
    fn deserialize<'de, D: DocumentDeserializer<'de>>(mut deserializer: D) -> Result<Self, DeserializeError> {
        let mut found = Vec::new();
        while let Some((_, StoredValue(bytes))) = deserializer.next_field()? {
            found = bytes;
        }
        Ok(Self(found))
    }
}

impl RowReader {
    pub(super) fn open(path: &Path, index: &Index, former: Option<&Self>) -> Result<Self, StoreError> {
        let former = former.map(|former| &*former.inner);
        let damaged = |cause: String| StoreError::Damaged { path: path.to_owned(), cause };
        let opened = catch_unwind(AssertUnwindSafe(|| Snapshot::open(path, index, former)));
        let inner = opened.map_err(|_| damaged("a file of the rows cannot be read".to_owned()))?;
        Ok(Self { inner: Arc::new(inner.map_err(|error| from_tantivy(path, error))?) })
    }

    /// Moves to the newest state.
    pub fn reload(&mut self) -> Result<(), StoreError> {
        *self = Self::open(&self.inner.path, &self.inner.index, Some(self))?;
        Ok(())
    }

    /// Generation of the line index and version of the profile these rows were made from; `None`: nothing was committed yet.
    pub fn stamp(&self) -> Option<(u64, u64)> {
        self.inner.stamp.as_ref().map(|stamp| (stamp.generation, stamp.profile))
    }

    /// Read positions of the line index that these rows cover, as text; empty when nothing was committed.
    pub fn positions(&self) -> &str {
        self.inner.stamp.as_ref().map_or("", |stamp| &stamp.positions)
    }

    /// Rows.
    pub fn count(&self) -> u64 {
        self.inner.rows
    }

    /// The row of a root key.
    pub fn get(&self, root: &str) -> Result<Option<RequestSummary>, StoreError> {
        self.first(ROOT, &term_text(root), |row| row.root == root)
    }

    /// The row that is shown under an id, in any spelling of it. Weak ids stand for several rows: the first is given.
    pub fn by_id(&self, text: &str) -> Result<Option<RequestSummary>, StoreError> {
        self.first(ID, &term_text(&id::canonical(text)), |_| true)
    }

    /// Those of `roots` that have no row.
    pub fn roots_missing<'a>(&self, roots: &'a [String]) -> Result<Vec<&'a str>, StoreError> {
        let mut missing = Vec::new();
        for root in roots {
            if self.docs(ROOT, &term_text(root), 1).map_err(|error| self.explain(error))?.is_empty() {
                missing.push(root.as_str());
            }
        }
        Ok(missing)
    }

    /// Every root key, in no order.
    pub fn roots(&self) -> Vec<String> {
        let mut out = Vec::with_capacity(self.inner.rows as usize);
        self.each(|_, columns, row| out.push(columns.root(row).to_owned()));
        out
    }

    /// Every row, in no order. Streams.
    pub fn all(&self) -> impl Iterator<Item = Result<RequestSummary, StoreError>> + '_ {
        let segments = self.inner.segments.iter().zip(0..);
        let spots = segments.flat_map(|(segment, at)| segment.reader.doc_ids_alive().map(move |doc| RowSpot { segment: at, doc }));
        spots.map(|spot| self.row_at(spot))
    }

    fn first(&self, field: Field, term: &str, fits: impl Fn(&RequestSummary) -> bool) -> Result<Option<RequestSummary>, StoreError> {
        for spot in self.docs(field, term, 16).map_err(|error| self.explain(error))? {
            let row = self.row_at(spot)?;
            if fits(&row) {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    fn docs(&self, field: Field, term: &str, limit: usize) -> Result<Vec<RowSpot>, TantivyError> {
        let mut out = Vec::new();
        for (segment, at) in self.inner.segments.iter().zip(0..) {
            let terms = segment.reader.inverted_index(field)?;
            let Some(info) = terms.terms().get(term)? else { continue };
            let mut postings = terms.read_postings_from_terminfo(&info, IndexRecordOption::Basic)?;
            let mut doc = postings.doc();
            while doc != TERMINATED && out.len() < limit {
                if !segment.reader.is_deleted(doc) {
                    out.push(RowSpot { segment: at, doc });
                }
                doc = postings.advance();
            }
        }
        Ok(out)
    }

    pub(super) fn dictionary(&self) -> &Dictionary {
        &self.inner.dictionary
    }

    /// Visits every row.
    pub(super) fn each<'a>(&'a self, visit: impl FnMut(RowSpot, &'a Columns, usize)) {
        self.each_in(false, visit);
    }

    /// Visits every row; `back`: those written last first.
    pub(super) fn each_in<'a>(&'a self, back: bool, visit: impl FnMut(RowSpot, &'a Columns, usize)) {
        let segments: Vec<_> = self.inner.segments.iter().zip(0..).collect();
        if back {
            self.each_of(segments.into_iter().rev(), Iterator::rev, visit);
        } else {
            self.each_of(segments.into_iter(), |docs| docs, visit);
        }
    }

    fn each_of<'a, D: Iterator<Item = u32>>(
        &'a self,
        segments: impl Iterator<Item = (&'a Arc<RowSegment>, u32)>,
        way: impl Fn(std::ops::Range<u32>) -> D,
        mut visit: impl FnMut(RowSpot, &'a Columns, usize),
    ) {
        for (segment, at) in segments {
            let columns = &*segment.columns;
            for doc in way(0..segment.reader.max_doc()).filter(|doc| !segment.reader.is_deleted(*doc)) {
                visit(RowSpot { segment: at, doc }, columns, doc as usize);
            }
        }
    }

    pub(super) fn columns_of(&self, spot: RowSpot) -> (&Columns, usize) {
        (&self.inner.segments[spot.segment as usize].columns, spot.doc as usize)
    }

    pub(super) fn rows_at(&self, spots: &[RowSpot]) -> Result<Vec<RequestSummary>, StoreError> {
        spots.iter().map(|spot| self.row_at(*spot)).collect()
    }

    pub(super) fn row_at(&self, spot: RowSpot) -> Result<RequestSummary, StoreError> {
        let StoredRow(bytes) = self.inner.segments[spot.segment as usize].store.get(spot.doc).map_err(|error| self.explain(error))?;
        decode(&bytes).ok_or_else(|| StoreError::Damaged { path: self.inner.path.clone(), cause: format!("row {} cannot be taken apart", spot.doc) })
    }

    fn explain(&self, error: TantivyError) -> StoreError {
        from_tantivy(&self.inner.path, error)
    }
}

impl Snapshot {
    fn open(path: &Path, index: &Index, former: Option<&Self>) -> Result<Self, TantivyError> {
        // Keeps files from being collected while they are opened.
        let _lock = index.directory().acquire_lock(&META_LOCK).ok();
        let meta = index.load_metas()?;
        let stamp = meta.payload.as_deref().map(serde_json::from_str::<Stamp>).transpose();
        let stamp = stamp.ok().filter(|stamp| stamp.as_ref().map_or(meta.segments.is_empty(), |stamp| stamp.version == ROWS_VERSION));
        let Some(stamp) = stamp else { return Err(TantivyError::InvalidArgument("the rows are of another version".to_owned())) };
        let mut dictionary = former.map(|former| former.dictionary.clone()).unwrap_or_default();
        let mut segments = Vec::with_capacity(meta.segments.len());
        for segment in &meta.segments {
            let known = former.and_then(|former| former.segments.iter().find(|known| known.reader.segment_id() == segment.id()));
            segments.push(match known {
                Some(known) if known.deletes == segment.delete_opstamp() => known.clone(),
                known => Arc::new(RowSegment::open(&index.segment(segment.clone()), known.map(|k| &**k), &mut dictionary)?),
            });
        }
        let rows = segments.iter().map(|segment| u64::from(segment.reader.num_docs())).sum();
        Ok(Self { path: path.to_owned(), index: index.clone(), segments, dictionary, stamp, rows })
    }
}

impl RowSegment {
    /// Rows that were deleted leave the columns as they are.
    fn open(segment: &Segment, known: Option<&Self>, dictionary: &mut Arc<Dictionary>) -> Result<Self, TantivyError> {
        let reader = SegmentReader::open(segment)?;
        let (columns, store) = match known {
            Some(known) => (known.columns.clone(), known.store.clone()),
            None => (Arc::new(Columns::load(&reader, Arc::make_mut(dictionary))?), Arc::new(reader.get_store_reader(CACHE_BLOCKS)?)),
        };
        Ok(Self { deletes: reader.delete_opstamp(), columns, store, reader })
    }
}
