//! Rows: one summary a request in an index of its own, derived from the line index and never part of its atom.
//!
//! Guarantees: rows, the read positions they cover, and the stamp of what they were made from are committed together; rows that are damaged or of
//! another version are thrown away and reported, never refused: the line index is the truth and rows are built again from it.

mod changes;
mod columns;
mod filter;
mod list;
mod names;
mod overview;
mod reader;

pub use reader::RowReader;

use super::{
    StoreError,
    directory::{Ended, GuardedDirectory},
    error::from_tantivy,
};
use crate::{model::summary::RequestSummary, store::schema::term_text};
use reader::Stamp;
use rustc_hash::{FxBuildHasher, FxHashSet};
use std::{
    fs,
    hash::BuildHasher,
    io,
    ops::Bound,
    path::{Path, PathBuf},
    sync::Mutex,
};
use tantivy::{
    Index, IndexWriter, TantivyError, Term,
    directory::{Directory, MmapDirectory, RamDirectory},
    index::IndexSettings,
    indexer::{IndexWriterOptions, LogMergePolicy},
    query::{AllQuery, RangeQuery},
    store::{Compressor, ZstdCompressor},
};

/// Memory for rows on their way in.
const HEAP_BYTES: usize = 32_000_000;
/// Uncompressed size of a block of rows: a page reads rows from all over.
const BLOCK_BYTES: usize = 16 * 1024;
/// Share of replaced rows above which a segment is written anew.
const MAX_DELETED: f32 = 0.3;

/// The rows of a data directory.
#[derive(Debug)]
pub struct RowStore {
    path: PathBuf,
    /// `None`: in memory.
    dir: Option<PathBuf>,
    memory: RamDirectory,
    writable: bool,
    newest: Mutex<RowReader>,
}

impl RowStore {
    /// Opens `rows/` of a data directory whose lock this process holds. `true`: they were damaged, of another version or not there, and
    /// are empty now.
    pub fn open(data: &Path) -> Result<(Self, bool), StoreError> {
        let dir = data.join(super::ROWS);
        super::create_private(&dir)?;
        match Self::build(&dir, Some(&dir), RamDirectory::create(), true) {
            Ok(store) => {
                let empty = store.reader().stamp().is_none();
                Ok((store, empty))
            }
            Err(error @ (StoreError::Locked { .. } | StoreError::Io { .. })) => Err(error),
            Err(error) => {
                tracing::warn!(%error, "the rows are built again");
                fs::remove_dir_all(&dir).map_err(super::io_error("removing", &dir))?;
                super::create_private(&dir)?;
                Ok((Self::build(&dir, Some(&dir), RamDirectory::create(), true)?, true))
            }
        }
    }

    /// Opens `rows/` for reading while another process may write. `true`: they cannot be used; the store is empty and in memory.
    pub fn open_reader(data: &Path) -> Result<(Self, bool), StoreError> {
        let dir = data.join(super::ROWS);
        if super::try_exists(&dir.join("meta.json"))? {
            match Self::build(&dir, Some(&dir), RamDirectory::create(), false) {
                Ok(store) => {
                    let empty = store.reader().stamp().is_none();
                    return Ok((store, empty));
                }
                Err(error) => tracing::warn!(%error, "the rows cannot be used"),
            }
        }
        Ok((Self::in_memory()?, true))
    }

    /// Rows in memory.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::build(Path::new("memory"), None, RamDirectory::create(), true)
    }

    fn build(path: &Path, dir: Option<&Path>, memory: RamDirectory, writable: bool) -> Result<Self, StoreError> {
        let index = open_index(path, dir, &memory)?.0;
        let newest = RowReader::open(path, &index, None)?;
        Ok(Self { path: path.to_owned(), dir: dir.map(Path::to_owned), memory, writable, newest: Mutex::new(newest) })
    }

    /// The newest state that [`RowStore::reload`] has seen.
    pub fn reader(&self) -> RowReader {
        super::lock(&self.newest).clone()
    }

    /// Looks for a newer state; returns its reader.
    pub fn reload(&self) -> Result<RowReader, StoreError> {
        let mut newest = super::lock(&self.newest);
        newest.reload()?;
        Ok(newest.clone())
    }

    /// The writer; one at a time. After an error drop it and open it again, then replace the rows anew.
    pub fn writer(&self) -> Result<RowWriter, StoreError> {
        if !self.writable {
            return Err(StoreError::ReadOnly { path: self.path.clone() });
        }
        let (index, directory) = open_index(&self.path, self.dir.as_deref(), &self.memory)?;
        let options = IndexWriterOptions::builder().num_worker_threads(1).num_merge_threads(1).memory_budget_per_thread(HEAP_BYTES).build();
        let inner: IndexWriter = index.writer_with_options(options).map_err(|error| from_tantivy(&self.path, error))?;
        let mut policy = LogMergePolicy::default();
        policy.set_del_docs_ratio_before_merge(MAX_DELETED);
        inner.set_merge_policy(Box::new(policy));
        let reader = RowReader::open(&self.path, &index, None)?;
        let mut present = FxHashSet::default();
        reader.each(|_, columns, row| _ = present.insert(FxBuildHasher.hash_one(columns.root(row))));
        Ok(RowWriter { path: self.path.clone(), directory, inner, present })
    }
}

/// Writes rows.
pub struct RowWriter {
    path: PathBuf,
    directory: GuardedDirectory,
    inner: IndexWriter,
    /// Hashes of the roots that may have a row, so that a first build deletes nothing.
    present: FxHashSet<u64>,
}

impl RowWriter {
    /// Removes the rows of some roots and puts rows in; a row replaces the one of its root.
    pub fn replace(&mut self, delete_roots: &[String], rows: &[RequestSummary]) -> Result<(), StoreError> {
        for root in delete_roots {
            self.delete(root);
        }
        for row in rows {
            self.delete(&row.root);
            let document = columns::document(row).map_err(|error| self.explain(TantivyError::InternalError(error.to_string())))?;
            self.inner.add_document(document).map_err(|error| self.explain(error))?;
            self.present.insert(FxBuildHasher.hash_one(&*term_text(&row.root)));
        }
        Ok(())
    }

    fn delete(&mut self, root: &str) {
        let term = term_text(root);
        if self.present.remove(&FxBuildHasher.hash_one(&*term)) {
            self.inner.delete_term(Term::from_field_text(columns::ROOT, &term));
        }
    }

    /// Removes the rows whose roots begin with a text.
    pub fn remove_below(&mut self, text: &str) -> Result<(), StoreError> {
        let bound = |text: &str| Bound::Included(Term::from_field_text(columns::ROOT, &term_text(text)));
        let range = RangeQuery::new(bound(text), bound(&format!("{text}\u{10ffff}")));
        self.inner.delete_query(Box::new(range)).map(drop).map_err(|error| self.explain(error))
    }

    /// Removes every row; in force with the next commit.
    pub fn clear(&mut self) -> Result<(), StoreError> {
        // Not `delete_all_documents`: it leaves what is still in the worker's memory and issues operation stamps twice.
        self.inner.delete_query(Box::new(AllQuery)).map_err(|error| self.explain(error))?;
        self.present.clear();
        Ok(())
    }

    /// Publishes the rows with the generation of the line index and the version of the profile they were made from, and the read positions they cover
    /// (text of any shape, small).
    pub fn commit(&mut self, generation: u64, profile_version: u64, positions: &str) -> Result<(), StoreError> {
        let stamp = serde_json::to_string(&Stamp::new(generation, profile_version, positions));
        let result = stamp.map_err(|error| TantivyError::InternalError(error.to_string())).and_then(|text| {
            let mut prepared = self.inner.prepare_commit()?;
            prepared.set_payload(&text);
            prepared.commit()
        });
        result.map(drop).map_err(|error| self.explain(error))
    }

    fn explain(&self, error: TantivyError) -> StoreError {
        self.directory.publishing().retire(&error.to_string());
        match self.directory.publishing().ended() {
            Some(Ended { why, disk_full }) => StoreError::Poisoned { cause: why, disk_full },
            None => from_tantivy(&self.path, error),
        }
    }
}

impl Drop for RowWriter {
    fn drop(&mut self) {
        self.directory.publishing().retire("the writer of rows was closed");
    }
}

fn open_index(path: &Path, dir: Option<&Path>, memory: &RamDirectory) -> Result<(Index, GuardedDirectory), StoreError> {
    let base: Box<dyn Directory> = match dir {
        Some(dir) => Box::new(MmapDirectory::open(dir).map_err(|error| StoreError::Io { action: "opening", path: dir.to_owned(), cause: io::Error::other(error) })?),
        None => Box::new(memory.clone()),
    };
    let directory = GuardedDirectory::new(base, super::directory::Faults::default());
    let settings = IndexSettings {
        docstore_compression: Compressor::Zstd(ZstdCompressor { compression_level: Some(1) }),
        docstore_blocksize: BLOCK_BYTES,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    };
    let exists = Index::exists(&directory).map_err(|error| from_tantivy(path, error.into()))?;
    let index = if exists { Index::open(directory.clone()) } else { Index::create(directory.clone(), columns::schema(), settings) };
    let index = index.map_err(|error| from_tantivy(path, error))?;
    if index.schema() != columns::schema() {
        return Err(StoreError::Version { path: path.to_owned(), found: "other fields".to_owned(), expected: "its own".to_owned() });
    }
    Ok((index, directory))
}

#[cfg(test)]
mod tests;
