//! Writing records: shards that build segments in the thread that read them, and one function that commits.
//!
//! Guarantees: records and read positions become visible together or not at all; a commit without positions cannot be expressed; a
//! commit that would miss records added to a shard is refused; after the first error nothing more is published by this writer.
//! Memory: about `heap_bytes`, shared by the shards. Never retries.

use super::{
    directory::{Ended, GuardedDirectory, Publishing},
    error::{StoreError, from_tantivy},
    payload::{LearnedFile, Payload},
    reader::read_payload,
    schema::{LineDoc, LineDocument},
};
use crate::model::checkpoint::{Checkpoint, PAYLOAD_VERSION};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tantivy::{
    Directory, Index, IndexWriter, TantivyError,
    index::{Segment, SegmentMeta},
    indexer::{AddOperation, IndexWriterOptions, LogMergePolicy, SegmentWriter},
};

/// Head room the index library wants below its budget.
const MARGIN_BYTES: usize = 1_000_000;
/// Smallest budget of a shard.
const SHARD_MIN_BYTES: usize = 3_000_000;
/// What the index library is told of the memory of a shard's first segment: it makes a table of terms of a third of it at once.
const FIRST_TABLE_BYTES: usize = 16_000_000;
/// The same for later segments, by the records of the segment before: a commit of a hundred records must not clear megabytes.
const TABLE_BYTES_A_RECORD: usize = 256;
/// The least it accepts.
const TABLE_MIN_BYTES: usize = 100_000;
/// Records above this size make a shard look at its memory at once.
const LARGE_BYTES: usize = 16 * 1024;
/// Otherwise it looks once in so many records.
const LOOK_EVERY: u32 = 16;

/// How records are written.
#[derive(Debug, Clone)]
pub struct WriterOptions {
    /// Memory for terms, shared by the shards.
    pub heap_bytes: usize,
    /// Shards that will be open at a time, the writer's own included.
    pub shards: usize,
    /// Threads that merge segments.
    pub merge_threads: usize,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { heap_bytes: 256_000_000, shards: 2, merge_threads: 1 }
    }
}

/// The writer of the line index. Opened by `Store::writer`, one at a time.
pub struct LineWriter {
    lines: PathBuf,
    index: Index,
    directory: GuardedDirectory,
    /// `None` once merges were waited for.
    inner: Option<IndexWriter>,
    payload: Payload,
    own: Shard,
    sealed: Vec<SegmentMeta>,
    pending: Arc<AtomicU64>,
    shard_bytes: usize,
}

impl LineWriter {
    pub(super) fn open(path: &Path, index: Index, directory: GuardedDirectory, options: &WriterOptions) -> Result<Self, StoreError> {
        let meta = index.load_metas().map_err(|error| from_tantivy(path, error))?;
        let payload = read_payload(path, &meta)?;
        let inner_options = IndexWriterOptions::builder().num_worker_threads(1).num_merge_threads(options.merge_threads.max(1)).build();
        let inner: IndexWriter = index.writer_with_options(inner_options).map_err(|error| from_tantivy(path, error))?;
        inner.set_merge_policy(Box::new(merge_policy()));
        let shard_bytes = (options.heap_bytes / options.shards.max(1)).max(SHARD_MIN_BYTES);
        let pending = Arc::default();
        let own = Shard::new(path, &index, directory.publishing(), &pending, shard_bytes);
        let writer = Self { lines: path.to_owned(), index, directory, inner: Some(inner), payload, own, sealed: Vec::new(), pending, shard_bytes };
        writer.remove_stale_learned();
        Ok(writer)
    }

    /// Generation of the last commit; 0: nothing was committed yet.
    pub fn generation(&self) -> u64 {
        self.payload.generation
    }

    /// Read positions of the last commit.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.payload.checkpoint
    }

    /// Adds a record in this thread. It is in the next commit.
    pub fn add(&mut self, doc: LineDoc) -> Result<(), StoreError> {
        self.own.add(doc)
    }

    /// Opens a shard for another thread: it reads, understands and adds records there, and hands the sealed segments to
    /// [`LineWriter::take`] before the commit, so that no record crosses a core. A shard that is dropped unsealed makes the commit fail;
    /// one that outlives its writer fails with its next segment.
    pub fn shard(&self) -> Shard {
        Shard::new(&self.lines, &self.index, self.directory.publishing(), &self.pending, self.shard_bytes)
    }

    /// Takes over the segments of a shard of this writer.
    pub fn take(&mut self, sealed: Sealed) -> Result<(), StoreError> {
        if !sealed.publishing.is(self.directory.publishing()) {
            return Err(StoreError::Poisoned { cause: "a shard of an earlier writer was handed over".to_owned(), disk_full: false });
        }
        self.pending.fetch_sub(sealed.records, Ordering::SeqCst);
        self.sealed.extend(sealed.segments);
        Ok(())
    }

    /// Publishes everything added since the last commit, with the read positions and the learned statistics that belong to it.
    /// Returns the new generation. After an error the state on disk is that of the last commit or of this one, never between: drop the
    /// writer, open it again and read on from its checkpoint.
    pub fn commit(&mut self, checkpoint: &Checkpoint, learned: &[u8]) -> Result<u64, StoreError> {
        let result = self.try_commit(checkpoint, learned);
        if let Err(error) = &result {
            self.directory.publishing().retire(&error.to_string());
        }
        result
    }

    fn try_commit(&mut self, checkpoint: &Checkpoint, learned: &[u8]) -> Result<u64, StoreError> {
        check(self.directory.publishing())?;
        let own = self.own.seal()?;
        self.take(own)?;
        let missing = self.pending.load(Ordering::SeqCst);
        if missing > 0 {
            return Err(StoreError::Poisoned { cause: format!("{missing} records were added to a shard and not handed over"), disk_full: false });
        }
        let generation = self.payload.generation + 1;
        let learned = self.write_learned(generation, learned)?;
        let checkpoint = Checkpoint { version: PAYLOAD_VERSION, generation, files: checkpoint.files.clone() };
        let payload = Payload { version: PAYLOAD_VERSION, generation, checkpoint, learned };
        self.publish(&payload).map_err(|error| self.explain(error))?;
        // tantivy syncs the directory before it renames `meta.json`, not after.
        self.directory.sync_directory().map_err(|cause| StoreError::Io { action: "syncing", path: self.lines.clone(), cause })?;
        let former = std::mem::replace(&mut self.payload, payload);
        self.remove_former_learned(former.learned);
        Ok(generation)
    }

    fn publish(&mut self, payload: &Payload) -> Result<(), TantivyError> {
        let text = payload.encode().map_err(|error| TantivyError::InternalError(error.to_string()))?;
        let Some(inner) = &mut self.inner else { return Err(TantivyError::InternalError("the writer was closed".to_owned())) };
        for segment in self.sealed.drain(..) {
            inner.add_segment(segment)?;
        }
        let mut prepared = inner.prepare_commit()?;
        prepared.set_payload(&text);
        prepared.commit()?;
        Ok(())
    }

    /// Statistics that did not change are not written again.
    fn write_learned(&self, generation: u64, content: &[u8]) -> Result<Option<LearnedFile>, StoreError> {
        if content.is_empty() {
            return Ok(None);
        }
        let file = LearnedFile::new(generation, content);
        if let Some(former) = &self.payload.learned
            && (former.bytes, former.crc) == (file.bytes, file.crc)
        {
            return Ok(Some(former.clone()));
        }
        self.directory.atomic_write(Path::new(&file.name), content).map_err(|cause| StoreError::Io { action: "writing", path: self.lines.join(&file.name), cause })?;
        Ok(Some(file))
    }

    fn remove_former_learned(&self, former: Option<LearnedFile>) {
        if let Some(former) = former
            && self.payload.learned.as_ref().is_none_or(|now| now.name != former.name)
        {
            self.remove(&former.name);
        }
    }

    fn remove(&self, name: &str) {
        if let Err(error) = self.directory.delete(Path::new(name)) {
            tracing::debug!(%error, name, "an old file of learned statistics stays");
        }
    }

    /// Files of commits that never happened.
    fn remove_stale_learned(&self) {
        let kept = self.payload.learned.as_ref().map(|file| file.name.as_str());
        let Ok(entries) = std::fs::read_dir(&self.lines) else { return };
        for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
            if name.starts_with("learned.") && Some(name.as_str()) != kept {
                self.remove(&name);
            }
        }
    }

    /// The first failure below says more than what the index library makes of it.
    fn explain(&self, error: TantivyError) -> StoreError {
        check(self.directory.publishing()).err().unwrap_or_else(|| from_tantivy(&self.lines, error))
    }

    /// Waits until the merges under way are done, then closes. Dropping the writer instead leaves them undone, which costs nothing but
    /// smaller segments.
    pub fn close(mut self) -> Result<(), StoreError> {
        match self.inner.take() {
            Some(inner) => inner.wait_merging_threads().map_err(|error| self.explain(error)),
            None => Ok(()),
        }
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        self.directory.publishing().retire("the writer was closed");
    }
}

fn merge_policy() -> LogMergePolicy {
    let mut policy = LogMergePolicy::default();
    policy.set_min_num_segments(8);
    policy.set_min_layer_size(10_000);
    policy.set_max_docs_before_merge(4_000_000);
    policy
}

fn check(publishing: &Publishing) -> Result<(), StoreError> {
    match publishing.ended() {
        None => Ok(()),
        Some(Ended { why, disk_full }) => Err(StoreError::Poisoned { cause: why, disk_full }),
    }
}

/// Builds segments in one thread. Belongs to the writer that opened it.
pub struct Shard {
    lines: PathBuf,
    index: Index,
    publishing: Publishing,
    pending: Arc<AtomicU64>,
    budget_bytes: usize,
    table_bytes: usize,
    open: Option<(SegmentWriter, Segment)>,
    until_look: u32,
    sealed: Vec<SegmentMeta>,
    records: u64,
}

/// Finished segments of a shard, not published yet.
pub struct Sealed {
    publishing: Publishing,
    segments: Vec<SegmentMeta>,
    records: u64,
}

impl Shard {
    fn new(lines: &Path, index: &Index, publishing: &Publishing, pending: &Arc<AtomicU64>, budget_bytes: usize) -> Self {
        Self {
            lines: lines.to_owned(),
            index: index.clone(),
            publishing: publishing.clone(),
            pending: pending.clone(),
            budget_bytes,
            table_bytes: FIRST_TABLE_BYTES.min(budget_bytes),
            open: None,
            until_look: 0,
            sealed: Vec::new(),
            records: 0,
        }
    }

    /// Adds a record. After an error the whole writer is done for.
    pub fn add(&mut self, doc: LineDoc) -> Result<(), StoreError> {
        self.pending.fetch_add(1, Ordering::SeqCst);
        self.records += 1;
        let result = self.try_add(doc.into());
        result.map_err(|error| self.fail(error))
    }

    fn try_add(&mut self, document: LineDocument) -> Result<(), TantivyError> {
        let large = document.size_bytes() > LARGE_BYTES;
        let (writer, _) = match &mut self.open {
            Some(open) => open,
            none => {
                let segment = self.index.new_segment();
                none.insert((SegmentWriter::for_segment(self.table_bytes, segment.clone())?, segment))
            }
        };
        writer.add_document(AddOperation { opstamp: 0, document })?;
        self.until_look = self.until_look.saturating_sub(1);
        if large || self.until_look == 0 {
            self.until_look = LOOK_EVERY;
            if let Some(ended) = self.publishing.ended() {
                return Err(TantivyError::InternalError(ended.why));
            }
            if writer.mem_usage() >= self.budget_bytes - MARGIN_BYTES {
                self.finish_segment()?;
            }
        }
        Ok(())
    }

    fn finish_segment(&mut self) -> Result<(), TantivyError> {
        let Some((writer, segment)) = self.open.take() else { return Ok(()) };
        let records = writer.max_doc();
        self.table_bytes = (records as usize).saturating_mul(TABLE_BYTES_A_RECORD).clamp(TABLE_MIN_BYTES, self.budget_bytes);
        if records > 0 {
            writer.finalize()?;
            let meta = segment.with_max_doc(records).meta().clone();
            meta.untrack_temp_docstore();
            self.sealed.push(meta);
        }
        Ok(())
    }

    /// Finishes what was added; the shard may be used again for the next commit.
    pub fn seal(&mut self) -> Result<Sealed, StoreError> {
        self.finish_segment().map_err(|error| self.fail(error))?;
        Ok(Sealed { publishing: self.publishing.clone(), segments: std::mem::take(&mut self.sealed), records: std::mem::take(&mut self.records) })
    }

    fn fail(&self, error: TantivyError) -> StoreError {
        let error = from_tantivy(&self.lines, error);
        self.publishing.retire(&error.to_string());
        check(&self.publishing).err().unwrap_or(error)
    }
}
