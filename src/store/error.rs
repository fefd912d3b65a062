//! Why the store could not do what was asked, with the way out.

use crate::model::format;
use std::{io, path::PathBuf};

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system said no.
    #[error("{action} {}: {}", path.display(), format::cause(.cause))]
    Io {
        /// What was tried: `creating`, `reading` …
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Cause.
        cause: io::Error,
    },
    /// Nothing was ever indexed there.
    #[error("{} holds no index yet; run `throughline` on some logs first, or choose another directory with --data", path.display())]
    Absent {
        /// The data directory.
        path: PathBuf,
    },
    /// Another process writes there.
    #[error("the data directory {} is in use by another throughline; stop that one, or choose another directory with --data", path.display())]
    Locked {
        /// The data directory.
        path: PathBuf,
    },
    /// Written by another version.
    #[error("{} was written by another version of throughline (found {found}, this one reads {expected}); use that version, or move the data directory aside so that the logs are read again", path.display())]
    Version {
        /// The data directory or file.
        path: PathBuf,
        /// What was found.
        found: String,
        /// What is read here.
        expected: String,
    },
    /// A file is not what was written.
    #[error("{} is damaged: {cause}; move the data directory aside so that the logs are read again", path.display())]
    Damaged {
        /// The file, or the directory when the file is not known.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// An earlier error ended this writer: drop it and open it again, reading goes on from the committed positions.
    #[error("nothing more is written after an error: {cause}")]
    Poisoned {
        /// The first error.
        cause: String,
        /// No space was left on the disk.
        disk_full: bool,
    },
    /// The store was opened for reading only.
    #[error("{} was opened for reading only", path.display())]
    ReadOnly {
        /// The data directory.
        path: PathBuf,
    },
    /// A cursor that this list did not give, or not in this order.
    #[error("the page marker is not one of this list in this order; start again from its first page")]
    Cursor,
    /// The index library refused.
    #[error("index {}: {cause}", path.display())]
    Index {
        /// The index directory.
        path: PathBuf,
        /// Cause.
        cause: String,
    },
}

impl StoreError {
    /// No space was left on the disk: wait and open the writer again.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Poisoned { disk_full, .. } => *disk_full,
            Self::Io { cause, .. } => matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded),
            _ => false,
        }
    }
}

/// The error behind a message of the index library.
pub(super) fn from_tantivy(path: &std::path::Path, error: tantivy::TantivyError) -> StoreError {
    use tantivy::{
        TantivyError,
        directory::error::{LockError, OpenReadError},
    };
    let path = path.to_owned();
    match error {
        TantivyError::LockFailure(LockError::LockBusy, _) => StoreError::Locked { path },
        TantivyError::DataCorruption(cause) => StoreError::Damaged { path, cause: brief(&format!("{cause:?}")) },
        TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(file)) => StoreError::Damaged { path: path.join(&file), cause: "the file is missing".to_owned() },
        TantivyError::OpenReadError(OpenReadError::IncompatibleIndex(cause)) | TantivyError::IncompatibleIndex(cause) => {
            StoreError::Version { path, found: format!("{cause:?}"), expected: "its own".to_owned() }
        }
        TantivyError::OpenReadError(OpenReadError::IoError { io_error, filepath }) => StoreError::Damaged { path: path.join(filepath), cause: io_error.to_string() },
        other => StoreError::Index { path, cause: brief(&other.to_string()) },
    }
}

/// One line: the index library puts whole files into its messages.
fn brief(cause: &str) -> String {
    let cause = cause.split(" Content: ").next().unwrap_or(cause).trim_end_matches(['.', ' ']);
    format::head(cause.lines().next().unwrap_or(cause), 200)
}
