//! Reading one commit: records by id, prefixes, everything in order, and the proof that nothing is missing.
//!
//! Guarantees: a reader sees one commit as a whole (documents, positions, learned statistics) however long it lives; columns, term
//! dictionaries and block caches are opened once a segment and shared with the next reader. Never writes, needs no lock held.

use super::{
    error::{StoreError, from_tantivy},
    payload::{Payload, PayloadError},
    schema::{self, BLOCK_BYTES, StoredParts, StoredRecord, term_text},
};
use crate::model::{
    checkpoint::{Checkpoint, PAYLOAD_VERSION},
    entry::FileId,
};
use std::{
    collections::{BTreeSet, BinaryHeap},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};
use tantivy::{
    DocId, DocSet, Index, IndexMeta, Opstamp, SegmentReader, TERMINATED, TantivyError,
    columnar::Column,
    directory::{Directory, META_LOCK},
    index::{InvertedIndexReader, SegmentId},
    postings::SegmentPostings,
    schema::IndexRecordOption,
    store::StoreReader,
};

/// Memory for decompressed blocks of one reader.
const CACHE_BYTES: usize = 64 * 1024 * 1024;
/// How often a snapshot is tried again when files vanish while it is opened.
const OPEN_TRIES: u32 = 5;

/// One segment, opened.
pub(super) struct OpenSegment {
    pub(super) reader: SegmentReader,
    deletes: Option<Opstamp>,
    ids: Arc<InvertedIndexReader>,
    pub(super) store: StoreReader,
    pub(super) time: Column<i64>,
    pub(super) file: Column<u64>,
    pub(super) start: Column<u64>,
}

struct Snapshot {
    path: PathBuf,
    index: Index,
    segments: Vec<Arc<OpenSegment>>,
    payload: Payload,
    learned: Arc<[u8]>,
    records: u64,
}

/// One commit, opened for reading. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct LineReader {
    inner: Arc<Snapshot>,
}

impl std::fmt::Debug for LineReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineReader").field("generation", &self.generation()).field("records", &self.inner.records).finish_non_exhaustive()
    }
}

/// Where a record stands in a reader: order of the log first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) file: u64,
    pub(super) start: u64,
    pub(super) segment: usize,
    pub(super) doc: DocId,
}

/// A range of a file that no record covers, or that two cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// First byte.
    pub from: u64,
    /// Behind the last byte.
    pub to: u64,
}

/// How the records of a file lie beside one another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tiling {
    /// Records.
    pub records: u64,
    /// Bytes they cover, newlines included.
    pub bytes: u64,
    /// Bytes between records (blank lines).
    pub gaps: Vec<Gap>,
    /// Bytes that stand in two records: always a fault.
    pub overlaps: Vec<Gap>,
    /// Where the last record ends.
    pub end: u64,
}

/// The payload of a commit.
pub(super) fn read_payload(path: &Path, meta: &IndexMeta) -> Result<Payload, StoreError> {
    let file = path.join("meta.json");
    let Some(text) = &meta.payload else {
        if meta.segments.is_empty() {
            return Ok(Payload { version: PAYLOAD_VERSION, checkpoint: Checkpoint { version: PAYLOAD_VERSION, ..Checkpoint::default() }, ..Payload::default() });
        }
        return Err(StoreError::Damaged { path: file, cause: "it holds records without read positions".to_owned() });
    };
    Payload::decode(text).map_err(|error| match error {
        PayloadError::Version(found) => StoreError::Version { path: file, found: format!("read positions of version {found}"), expected: PAYLOAD_VERSION.to_string() },
        PayloadError::Damaged(cause) => StoreError::Damaged { path: file, cause },
    })
}

impl LineReader {
    pub(super) fn open(path: &Path, index: &Index) -> Result<Self, StoreError> {
        let inner = Snapshot::open(path, index, None)?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Moves to the newest commit; `false` when this is it. Segments that did not change stay open.
    pub fn reload(&mut self) -> Result<bool, StoreError> {
        let former = &*self.inner;
        let next = Snapshot::open(&former.path, &former.index, Some(former))?;
        let changed = next.payload.generation != former.payload.generation || !next.same_segments(former);
        if changed {
            self.inner = Arc::new(next);
        }
        Ok(changed)
    }

    /// Counts commits; 0: nothing was committed yet.
    pub fn generation(&self) -> u64 {
        self.inner.payload.generation
    }

    /// Read positions of this commit.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.inner.payload.checkpoint
    }

    /// Learned statistics of this commit; empty when there are none.
    pub fn learned(&self) -> &[u8] {
        &self.inner.learned
    }

    /// Records.
    pub fn doc_count(&self) -> u64 {
        self.inner.records
    }

    /// How many records carry an id term. A damaged index counts as none here; [`LineReader::records`] says so.
    pub fn count(&self, term: &str) -> u64 {
        let term = term_text(term);
        self.segments().iter().map(|segment| segment.count(&term).unwrap_or(0)).sum()
    }

    /// The first `limit` records that carry an id term, in order of file and offset, each once.
    pub fn records(&self, term: &str, limit: usize) -> Result<Vec<StoredRecord>, StoreError> {
        let spots = self.spots_of(term, limit)?;
        self.read(&spots)
    }

    pub(super) fn spots_of(&self, term: &str, limit: usize) -> Result<Vec<Spot>, StoreError> {
        let term = term_text(term);
        let mut first: BinaryHeap<Spot> = BinaryHeap::new();
        for (at, segment) in self.segments().iter().enumerate() {
            segment.spots(&term, at, |spot| push_bounded(&mut first, spot, limit)).map_err(|error| self.explain(error))?;
        }
        let mut spots = first.into_sorted_vec();
        spots.dedup_by_key(|spot| (spot.file, spot.start));
        Ok(spots)
    }

    /// Id terms that begin with a text, in byte order, at most `limit`.
    pub fn prefixed(&self, prefix: &str, limit: usize) -> Vec<String> {
        let mut found = BTreeSet::new();
        for segment in self.segments() {
            if let Err(error) = segment.prefixed(prefix, limit, &mut found) {
                tracing::warn!(%error, "a term dictionary could not be read");
            }
        }
        found.into_iter().take(limit).collect()
    }

    /// Every record, in the order it was stored: one file after another within a segment when the files were read so. Streams: holds
    /// one block at a time.
    pub fn all(&self) -> impl Iterator<Item = Result<StoredRecord, StoreError>> + use<> {
        let reader = self.clone();
        (0..self.segments().len()).flat_map(move |at| reader.clone().of_segment(at))
    }

    fn of_segment(self, at: usize) -> Box<dyn Iterator<Item = Result<StoredRecord, StoreError>>> {
        let segment = self.segments()[at].clone();
        let store = match segment.reader.get_store_reader(1) {
            Ok(store) => store,
            Err(error) => return Box::new(std::iter::once(Err(self.explain(error.into())))),
        };
        let docs = 0..segment.reader.max_doc();
        Box::new(docs.filter(move |doc| !segment.reader.is_deleted(*doc)).map(move |doc| self.read_one(&store, doc)))
    }

    /// How the records of a file lie beside one another: the proof that none is missing and none is there twice. Reads all of them.
    pub fn tiling(&self, file: FileId) -> Result<Tiling, StoreError> {
        let mut ranges = Vec::new();
        for segment in self.segments() {
            for doc in segment.reader.doc_ids_alive().filter(|doc| segment.file.first(*doc) == Some(file.0)) {
                let record = self.read_one(&segment.store, doc)?;
                ranges.push((record.start, record.end));
            }
        }
        ranges.sort_unstable();
        let mut tiling = Tiling::default();
        for (from, to) in ranges {
            match from.cmp(&tiling.end) {
                std::cmp::Ordering::Less => tiling.overlaps.push(Gap { from, to: to.min(tiling.end) }),
                std::cmp::Ordering::Greater => tiling.gaps.push(Gap { from: tiling.end, to: from }),
                std::cmp::Ordering::Equal => {}
            }
            tiling.records += 1;
            tiling.bytes += to - from;
            tiling.end = tiling.end.max(to);
        }
        Ok(tiling)
    }

    pub(super) fn segments(&self) -> &[Arc<OpenSegment>] {
        &self.inner.segments
    }

    pub(super) fn explain(&self, error: TantivyError) -> StoreError {
        from_tantivy(&self.inner.path, error)
    }

    pub(super) fn schema(&self) -> tantivy::schema::Schema {
        self.inner.index.schema()
    }

    /// Reads records in the order of `spots`; each block is decompressed once.
    pub(super) fn read(&self, spots: &[Spot]) -> Result<Vec<StoredRecord>, StoreError> {
        let mut order: Vec<usize> = (0..spots.len()).collect();
        order.sort_unstable_by_key(|i| (spots[*i].segment, spots[*i].doc));
        let mut out: Vec<Option<StoredRecord>> = vec![None; spots.len()];
        for i in order {
            let spot = spots[i];
            out[i] = Some(self.read_one(&self.segments()[spot.segment].store, spot.doc)?);
        }
        Ok(out.into_iter().flatten().collect())
    }

    pub(super) fn read_one(&self, store: &StoreReader, doc: DocId) -> Result<StoredRecord, StoreError> {
        let parts: StoredParts = store.get(doc).map_err(|error| self.explain(error))?;
        parts.into_record().ok_or_else(|| StoreError::Damaged { path: self.inner.path.clone(), cause: format!("record {doc} cannot be taken apart") })
    }
}

/// Keeps the smallest `limit`.
fn push_bounded(heap: &mut BinaryHeap<Spot>, spot: Spot, limit: usize) {
    if heap.len() < limit {
        heap.push(spot);
    } else if let Some(mut largest) = heap.peek_mut()
        && spot < *largest
    {
        *largest = spot;
    }
}

impl Snapshot {
    fn open(path: &Path, index: &Index, former: Option<&Self>) -> Result<Self, StoreError> {
        let state = || index.directory().atomic_read(Path::new("meta.json")).ok();
        let mut tries = 0;
        loop {
            let before = state();
            tries += 1;
            match Self::try_open(path, index.clone(), former) {
                // Another process committed and tidied up between our reading of `meta.json` and of what it names.
                Err(StoreError::Damaged { .. }) if tries < OPEN_TRIES && state() != before => {}
                other => return other,
            }
        }
    }

    fn try_open(path: &Path, index: Index, former: Option<&Self>) -> Result<Self, StoreError> {
        // Keeps files from being collected while they are opened. Without the right to create the lock file, trying again must do.
        let _lock = index.directory().acquire_lock(&META_LOCK).ok();
        let meta = index.load_metas().map_err(|error| from_tantivy(path, error))?;
        let payload = read_payload(path, &meta)?;
        let learned = read_learned(path, &index, &payload, former)?;
        let cache_blocks = (CACHE_BYTES / BLOCK_BYTES / meta.segments.len().max(1)).clamp(2, 64);
        let mut segments = Vec::with_capacity(meta.segments.len());
        for segment in &meta.segments {
            let reused = former.and_then(|former| former.segments.iter().find(|open| open.reader.segment_id() == segment.id() && open.deletes == segment.delete_opstamp()));
            segments.push(match reused {
                Some(open) => open.clone(),
                None => open_segment(path, &index.segment(segment.clone()), cache_blocks)?,
            });
        }
        let records = segments.iter().map(|segment| u64::from(segment.reader.num_docs())).sum();
        Ok(Self { path: path.to_owned(), index, segments, payload, learned, records })
    }

    fn same_segments(&self, other: &Self) -> bool {
        let key = |s: &Self| -> Vec<(SegmentId, Option<Opstamp>)> { s.segments.iter().map(|open| (open.reader.segment_id(), open.deletes)).collect() };
        key(self) == key(other)
    }
}

fn read_learned(path: &Path, index: &Index, payload: &Payload, former: Option<&Snapshot>) -> Result<Arc<[u8]>, StoreError> {
    let Some(file) = &payload.learned else { return Ok(Arc::default()) };
    if let Some(former) = former.filter(|former| former.payload.learned.as_ref() == Some(file)) {
        return Ok(former.learned.clone());
    }
    let damaged = |cause: String| StoreError::Damaged { path: path.join(&file.name), cause };
    let content = index.directory().atomic_read(Path::new(&file.name)).map_err(|error| damaged(error.to_string()))?;
    if !file.fits(&content) {
        return Err(damaged("the checksum is wrong".to_owned()));
    }
    Ok(content.into())
}

/// The index library panics on some damaged files; that is damage too.
fn open_segment(path: &Path, segment: &tantivy::Segment, cache_blocks: usize) -> Result<Arc<OpenSegment>, StoreError> {
    let name = segment.id().uuid_string();
    match catch_unwind(AssertUnwindSafe(|| OpenSegment::open(segment, cache_blocks))) {
        Ok(Ok(open)) => Ok(Arc::new(open)),
        Ok(Err(error)) => Err(match from_tantivy(path, error) {
            StoreError::Index { cause, .. } => StoreError::Damaged { path: path.join(name), cause },
            other => other,
        }),
        Err(_) => Err(StoreError::Damaged { path: path.join(name), cause: "a segment file cannot be read".to_owned() }),
    }
}

impl OpenSegment {
    fn open(segment: &tantivy::Segment, cache_blocks: usize) -> Result<Self, TantivyError> {
        let reader = SegmentReader::open(segment)?;
        let columns = reader.fast_fields();
        let time = columns.column_opt::<i64>(schema::TIME_NAME)?.unwrap_or_else(|| Column::build_empty_column(reader.max_doc()));
        let (file, start) = (columns.u64(schema::FILE_NAME)?, columns.u64(schema::START_NAME)?);
        Ok(Self { deletes: reader.delete_opstamp(), ids: reader.inverted_index(schema::ID)?, store: reader.get_store_reader(cache_blocks)?, time, file, start, reader })
    }

    fn count(&self, term: &str) -> Result<u64, TantivyError> {
        let Some(info) = self.ids.terms().get(term)? else { return Ok(0) };
        if !self.reader.has_deletes() {
            return Ok(u64::from(info.doc_freq));
        }
        let mut count = 0;
        self.each_doc(term, |_| count += 1)?;
        Ok(count)
    }

    fn each_doc(&self, term: &str, mut visit: impl FnMut(DocId)) -> Result<(), TantivyError> {
        let Some(info) = self.ids.terms().get(term)? else { return Ok(()) };
        let mut postings: SegmentPostings = self.ids.read_postings_from_terminfo(&info, IndexRecordOption::Basic)?;
        let mut doc = postings.doc();
        while doc != TERMINATED {
            if !self.reader.is_deleted(doc) {
                visit(doc);
            }
            doc = postings.advance();
        }
        Ok(())
    }

    fn spots(&self, term: &str, segment: usize, mut visit: impl FnMut(Spot)) -> Result<(), TantivyError> {
        self.each_doc(term, |doc| visit(self.spot(segment, doc)))
    }

    pub(super) fn spot(&self, segment: usize, doc: DocId) -> Spot {
        Spot { file: self.file.first(doc).unwrap_or(0), start: self.start.first(doc).unwrap_or(0), segment, doc }
    }

    fn prefixed(&self, prefix: &str, limit: usize, found: &mut BTreeSet<String>) -> Result<(), TantivyError> {
        let mut stream = self.ids.terms().range().ge(prefix.as_bytes()).into_stream()?;
        for _ in 0..limit {
            if !stream.advance() || !stream.key().starts_with(prefix.as_bytes()) {
                break;
            }
            found.insert(String::from_utf8_lossy(stream.key()).into_owned());
        }
        Ok(())
    }
}
