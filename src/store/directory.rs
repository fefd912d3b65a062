//! The directory tantivy writes through: after one failed write nothing more is published until the index is opened anew.
//!
//! Guarantees: once a write, sync, rename or creation failed, or the writer was retired, every later `meta.json` write through the same
//! state fails, so a merge that finishes afterwards cannot publish documents without their read positions (tantivy moves segments to
//! "committed" in memory before it writes `meta.json`). When [`Publishing::retire`] returns, no `meta.json` write is in flight.
//! [`Faults`] lets tests fail, delay or observe each call. Never retries, never hides an error.

use std::{
    fmt,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tantivy::directory::{
    AntiCallToken, Directory, DirectoryLock, FileHandle, FileSlice, Lock, TerminatingWrite, WatchCallback, WatchHandle, WritePtr,
    error::{DeleteError, LockError, OpenReadError, OpenWriteError},
};

const META: &str = "meta.json";

/// A call that changes the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A file is created.
    Create,
    /// Bytes are appended.
    Write,
    /// A file is finished and synced.
    Finish,
    /// A small file is replaced as a whole.
    Replace,
    /// The directory is synced.
    Sync,
    /// A file is removed.
    Delete,
}

type Hook = dyn Fn(u64, Op, &Path) -> io::Result<()> + Send + Sync;

/// What tests do to the disk. The hook gets the running number of the call (from 1); an error it returns is the call's error.
#[derive(Clone, Default)]
pub struct Faults {
    hook: Option<Arc<Hook>>,
    calls: Arc<AtomicU64>,
}

impl Faults {
    /// Calls `hook` before each changing call.
    pub fn new(hook: impl Fn(u64, Op, &Path) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self { hook: Some(Arc::new(hook)), calls: Arc::default() }
    }

    fn check(&self, op: Op, path: &Path) -> io::Result<()> {
        let Some(hook) = &self.hook else { return Ok(()) };
        hook(self.calls.fetch_add(1, Ordering::Relaxed) + 1, op, path)
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faults")
    }
}

/// Why publishing ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The first failure, in words.
    pub why: String,
    /// No space was left.
    pub disk_full: bool,
}

/// Whether `meta.json` may still be written. Shared by every clone of one opening.
#[derive(Debug, Clone, Default)]
pub struct Publishing(Arc<Mutex<Option<Ended>>>);

trait SaysFull: fmt::Display {
    fn disk_full(&self) -> bool;
}

impl SaysFull for io::Error {
    fn disk_full(&self) -> bool {
        matches!(self.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

impl SaysFull for OpenWriteError {
    fn disk_full(&self) -> bool {
        matches!(self, Self::IoError { io_error, .. } if io_error.disk_full())
    }
}

impl Publishing {
    fn lock(&self) -> MutexGuard<'_, Option<Ended>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends publishing for good; the first reason stays.
    pub fn retire(&self, why: &str) {
        self.lock().get_or_insert_with(|| Ended { why: why.to_owned(), disk_full: false });
    }

    /// Why nothing is published any more.
    pub fn ended(&self) -> Option<Ended> {
        self.lock().clone()
    }

    /// Takes the guard away, to show what happens without it.
    #[cfg(test)]
    pub fn forget(&self) {
        *self.lock() = None;
    }

    /// Both belong to one opening.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn note<T, E: SaysFull>(&self, what: &str, path: &Path, result: Result<T, E>) -> Result<T, E> {
        if let Err(error) = &result {
            self.lock().get_or_insert_with(|| Ended { why: format!("{what} {} failed: {error}", path.display()), disk_full: error.disk_full() });
        }
        result
    }
}

/// Wraps a directory of tantivy's.
#[derive(Debug, Clone)]
pub struct GuardedDirectory {
    inner: Box<dyn Directory>,
    publishing: Publishing,
    faults: Faults,
}

impl GuardedDirectory {
    /// A wrapper with a publishing state of its own.
    pub fn new(inner: Box<dyn Directory>, faults: Faults) -> Self {
        Self { inner, publishing: Publishing::default(), faults }
    }

    /// The state shared by all clones.
    pub fn publishing(&self) -> &Publishing {
        &self.publishing
    }

    fn replace(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.faults.check(Op::Replace, path)?;
        self.inner.atomic_write(path, data)
    }
}

impl Directory for GuardedDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.inner.get_file_handle(path)
    }

    fn open_read(&self, path: &Path) -> Result<FileSlice, OpenReadError> {
        self.inner.open_read(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.faults.check(Op::Delete, path).map_err(|error| DeleteError::IoError { io_error: Arc::new(error), filepath: path.to_owned() })?;
        self.inner.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.inner.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let created = self.faults.check(Op::Create, path).map_err(|error| OpenWriteError::wrap_io_error(error, path.to_owned()));
        let file = self.publishing.note("creating", path, created.and_then(|()| self.inner.open_write(path)))?;
        let file = file.into_inner().map_err(|error| OpenWriteError::wrap_io_error(error.into_error(), path.to_owned()))?;
        Ok(BufWriter::new(Box::new(GuardedFile { inner: file, path: path.into(), publishing: self.publishing.clone(), faults: self.faults.clone() })))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.inner.atomic_read(path)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        if path != Path::new(META) {
            return self.publishing.note("writing", path, self.replace(path, data));
        }
        // Held while writing, so that a retired writer has no write of `meta.json` under way.
        let mut ended = self.publishing.lock();
        if let Some(Ended { why, .. }) = &*ended {
            return Err(io::Error::other(format!("not published, because {why}")));
        }
        let result = self.replace(path, data);
        if let Err(error) = &result {
            *ended = Some(Ended { why: format!("writing {} failed: {error}", path.display()), disk_full: error.disk_full() });
        }
        result
    }

    fn sync_directory(&self) -> io::Result<()> {
        let here = Path::new(".");
        let result = self.faults.check(Op::Sync, here).and_then(|()| self.inner.sync_directory());
        self.publishing.note("syncing", here, result)
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.inner.acquire_lock(lock)
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.inner.watch(callback)
    }
}

struct GuardedFile {
    inner: Box<dyn TerminatingWrite + Send + Sync>,
    path: Box<Path>,
    publishing: Publishing,
    faults: Faults,
}

impl Write for GuardedFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let result = self.faults.check(Op::Write, &self.path).and_then(|()| self.inner.write(buf));
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            other => self.publishing.note("writing", &self.path, other),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.inner.flush();
        self.publishing.note("flushing", &self.path, result)
    }
}

impl TerminatingWrite for GuardedFile {
    fn terminate_ref(&mut self, token: AntiCallToken) -> io::Result<()> {
        let result = self.faults.check(Op::Finish, &self.path).and_then(|()| self.inner.terminate_ref(token));
        self.publishing.note("syncing", &self.path, result)
    }
}
