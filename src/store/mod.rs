//! The store: records with their search terms and the read positions in one atom, and rows derived from them beside it.
//!
//! Guarantees: documents and positions are committed together or not at all; a data directory of another version, damaged, or written
//! by another process is refused with words, never started from zero; readers see one commit as a whole and need no lock.
//! Never understands a record; reads the clock only to keep a deadline.
//!
//! Layout of a data directory: `VERSION`, `lock` (flock of the writer), `lines/` (index of records, with `learned.<generation>`),
//! `rows/` (index of rows, derived, may be deleted at any time).

pub mod directory;
mod error;
mod fitting;
mod payload;
mod places;
mod reader;
pub mod rows;
mod schema;
mod search;
mod tally;
mod terms;
mod writer;

pub use error::StoreError;
pub use fitting::{Ahead, Mark, Order, RecordSet};
pub use places::{Address, RecordPlace};
pub use reader::{Gap, LineReader, Tiling};
pub use rows::{RowReader, RowStore, RowWriter};
pub use schema::{LineDoc, StoredRecord, words};
pub use search::{Clause, Hits, LineQuery};
pub use tally::{Bars, Named};
pub use terms::Carried;
pub use writer::{LineWriter, Sealed, Shard, WriterOptions};

use crate::model::checkpoint::DATA_DIR_NAMES;
use directory::{Faults, GuardedDirectory};
use error::from_tantivy;
use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tantivy::{
    Index,
    directory::{Directory, MmapDirectory, RamDirectory},
};

/// Version of the layout of a data directory.
const LAYOUT_VERSION: &str = "1";
/// Directory of the line index inside the data directory.
const LINES: &str = "lines";
/// Directory of the rows inside the data directory.
pub const ROWS: &str = "rows";

#[derive(Debug, Clone)]
enum Place {
    Disk(PathBuf),
    Memory(RamDirectory),
}

/// A data directory.
#[derive(Debug)]
pub struct Store {
    /// The data directory, for messages.
    path: PathBuf,
    /// The directory of the line index, for messages.
    lines: PathBuf,
    place: Place,
    faults: Faults,
    /// Held as long as the store lives; `None` when it was opened for reading.
    lock: Option<File>,
    writable: bool,
    newest: Mutex<LineReader>,
}

impl Store {
    /// Opens or creates a data directory for writing and reading. Takes the lock: a second process is refused with
    /// [`StoreError::Locked`].
    pub fn open_writer(dir: &Path) -> Result<Self, StoreError> {
        Self::open_writer_with(dir, Faults::default())
    }

    /// As [`Store::open_writer`], with faults for tests.
    pub fn open_writer_with(dir: &Path, faults: Faults) -> Result<Self, StoreError> {
        create_data_dir(dir)?;
        let lock = take_lock(dir)?;
        check_version(dir, true)?;
        let lines = dir.join(LINES);
        create_private(&lines)?;
        refuse_remains(&lines)?;
        Self::build(dir.to_owned(), Place::Disk(lines), faults, Some(lock), true)
    }

    /// Opens a data directory for reading, without a lock: another process may write meanwhile.
    pub fn open_reader(dir: &Path) -> Result<Self, StoreError> {
        let lines = dir.join(LINES);
        let absent = || StoreError::Absent { path: dir.to_owned() };
        if !try_exists(&dir.join("VERSION"))? {
            return Err(absent());
        }
        check_version(dir, false)?;
        if !try_exists(&lines)? {
            return Err(absent());
        }
        refuse_remains(&lines)?;
        if !try_exists(&lines.join("meta.json"))? {
            return Err(absent());
        }
        Self::build(dir.to_owned(), Place::Disk(lines), Faults::default(), None, false)
    }

    /// A store in memory, for tests.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::in_memory_with(RamDirectory::create(), Faults::default())
    }

    /// A store over a directory in memory, with faults: opened again over the same directory it shows what a restart would find.
    pub fn in_memory_with(directory: RamDirectory, faults: Faults) -> Result<Self, StoreError> {
        Self::build(PathBuf::from("memory"), Place::Memory(directory), faults, None, true)
    }

    fn build(path: PathBuf, place: Place, faults: Faults, lock: Option<File>, writable: bool) -> Result<Self, StoreError> {
        let lines = match &place {
            Place::Disk(lines) => lines.clone(),
            Place::Memory(_) => path.clone(),
        };
        let index = open_index(&lines, &place, &faults)?.0;
        let newest = LineReader::open(&lines, &index)?;
        Ok(Self { path, lines, place, faults, lock, writable, newest: Mutex::new(newest) })
    }

    /// The data directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// This process holds the lock of the data directory (or it is in memory).
    pub fn is_writer(&self) -> bool {
        self.writable && (self.lock.is_some() || matches!(self.place, Place::Memory(_)))
    }

    /// The newest commit that [`Store::reload`] has seen. Cheap: clone it once a question, so that one question sees one commit.
    pub fn reader(&self) -> LineReader {
        lock(&self.newest).clone()
    }

    /// Looks for a newer commit; returns the reader of the newest.
    pub fn reload(&self) -> Result<LineReader, StoreError> {
        let mut reader = self.reader();
        reader.reload()?;
        let mut newest = lock(&self.newest);
        if reader.generation() >= newest.generation() {
            *newest = reader.clone();
        }
        Ok(reader)
    }

    /// The writer. There is one at a time: while it lives another one is refused. After an error, drop it, open it again, and read on
    /// from [`LineWriter::checkpoint`].
    pub fn writer(&self, options: &WriterOptions) -> Result<LineWriter, StoreError> {
        if !self.is_writer() {
            return Err(StoreError::ReadOnly { path: self.path.clone() });
        }
        let (index, directory) = open_index(&self.lines, &self.place, &self.faults)?;
        LineWriter::open(&self.lines, index, directory, options)
    }

    /// Checks every file of the line index against its checksum; returns those that are damaged. Reads the whole index.
    pub fn verify(&self) -> Result<Vec<PathBuf>, StoreError> {
        let index = open_index(&self.lines, &self.place, &Faults::default())?.0;
        let damaged = index.validate_checksum().map_err(|error| from_tantivy(&self.lines, error))?;
        Ok(damaged.into_iter().map(|file| self.lines.join(file)).collect())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |cause| StoreError::Io { action, path, cause }
}

fn try_exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(io_error("looking for", path))
}

/// Creates a directory that only its owner can enter; one that stands already is closed to others.
fn create_private(dir: &Path) -> Result<(), StoreError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(io_error("creating", dir))?;
    close_to_others(dir);
    Ok(())
}

/// A data directory that holds other things too stays as open as it is: what is kept in it is closed by itself.
fn create_data_dir(dir: &Path) -> Result<(), StoreError> {
    let holds_more = fs::read_dir(dir).is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(|entry| !DATA_DIR_NAMES.iter().any(|own| entry.file_name() == *own))));
    if holds_more { Ok(()) } else { create_private(dir) }
}

/// Not every file system knows owners, so a refusal is said and no more.
fn close_to_others(dir: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let is_open = fs::metadata(dir).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
        if is_open && let Err(error) = fs::set_permissions(dir, fs::Permissions::from_mode(0o700)) {
            tracing::warn!(dir = %dir.display(), %error, "other users of this machine can read the index");
        }
    }
}

/// An advisory lock vanishes with its process, so a file that was left behind is harmless.
fn take_lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io_error("opening", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: dir.to_owned() }),
        Err(TryLockError::Error(cause)) => Err(StoreError::Io { action: "locking", path, cause }),
    }
}

fn check_version(dir: &Path, create: bool) -> Result<(), StoreError> {
    let path = dir.join("VERSION");
    match fs::read_to_string(&path) {
        Ok(found) if found.trim() == LAYOUT_VERSION => Ok(()),
        Ok(found) if found.trim().is_empty() || found.len() > 64 => Err(StoreError::Damaged { path, cause: "it does not hold a version".to_owned() }),
        Ok(found) => Err(StoreError::Version { path, found: found.trim().to_owned(), expected: LAYOUT_VERSION.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound && create => {
            let lines = dir.join(LINES);
            if try_exists(&lines.join("meta.json"))? {
                return Err(StoreError::Damaged { path, cause: "the file is missing, and an index stands beside it".to_owned() });
            }
            write_whole(&path, format!("{LAYOUT_VERSION}\n").as_bytes())
        }
        Err(cause) if cause.kind() == io::ErrorKind::InvalidData => Err(StoreError::Damaged { path, cause: cause.to_string() }),
        Err(cause) => Err(StoreError::Io { action: "reading", path, cause }),
    }
}

/// Writes a small file as a whole: beside its place first, synced, then renamed.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    use io::Write;
    let beside = path.with_extension("new");
    let mut file = File::create(&beside).map_err(io_error("creating", &beside))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(io_error("writing", &beside))?;
    fs::rename(&beside, path).map_err(io_error("renaming", &beside))
}

/// Segment files or learned statistics without `meta.json` are the remains of an index: creating a new one over them would start
/// from zero without a word.
fn refuse_remains(lines: &Path) -> Result<(), StoreError> {
    let meta = lines.join("meta.json");
    if try_exists(&meta)? {
        return Ok(());
    }
    for entry in fs::read_dir(lines).map_err(io_error("listing", lines))? {
        let name = entry.map_err(io_error("listing", lines))?.file_name();
        if !name.to_string_lossy().starts_with('.') {
            return Err(StoreError::Damaged { path: meta, cause: format!("the file is missing, and {} stands beside it", name.to_string_lossy()) });
        }
    }
    Ok(())
}

/// Opens the line index through a directory with a publishing state of its own; creates it when there is none.
fn open_index(lines: &Path, place: &Place, faults: &Faults) -> Result<(Index, GuardedDirectory), StoreError> {
    let base: Box<dyn Directory> = match place {
        Place::Disk(lines) => Box::new(MmapDirectory::open(lines).map_err(|error| from_tantivy(lines, error.into()))?),
        Place::Memory(directory) => Box::new(directory.clone()),
    };
    let directory = GuardedDirectory::new(base, faults.clone());
    let exists = Index::exists(&directory).map_err(|error| from_tantivy(lines, error.into()))?;
    let index = if exists { Index::open(directory.clone()) } else { Index::create(directory.clone(), schema::schema(), schema::settings()) };
    let index = index.map_err(|error| from_tantivy(lines, error))?;
    if index.schema() != schema::schema() {
        return Err(StoreError::Version { path: lines.to_owned(), found: "other fields".to_owned(), expected: LAYOUT_VERSION.to_owned() });
    }
    index.tokenizers().register(schema::WORDS_TOKENIZER, schema::Words::default());
    Ok((index, directory))
}

#[cfg(test)]
mod tests;
