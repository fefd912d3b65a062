//! Whether one file's content is the beginning of another's, packed or not.
//!
//! Guarantees: compares decompressed bytes, piece by piece, in bounded memory. Never decides what the answer means: `classify` does.

use crate::{
    model::checkpoint::FileKind,
    source::{
        compressed::Inflater,
        follow::{Lineage, verify},
        identity::{HEAD_BYTES, Stat, read_at},
    },
};
use std::{fs::File, io, sync::Arc};

/// Pieces in which contents are compared.
const COMPARE_BYTES: usize = 256 << 10;

/// The file a lineage reads, opened again when it was let go. Errors: it cannot be opened, or its name leads to another file.
pub(super) fn original_file(lineage: &Lineage) -> io::Result<Arc<File>> {
    if let Some(file) = lineage.file() {
        return Ok(Arc::clone(file));
    }
    let file = File::open(lineage.path())?;
    if Stat::of(&file)?.inode == lineage.stat.inode { Ok(Arc::new(file)) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// The file no longer holds what was read from it.
pub(super) fn lost_content(lineage: &Lineage, original: &Arc<File>) -> io::Result<bool> {
    if lineage.is_open() {
        return Ok(lineage.is_replaced());
    }
    Ok(verify(original, Stat::of(original)?, &lineage.mark)?.is_none())
}

enum Side<'a> {
    Plain(&'a File, u64),
    Packed(Box<Inflater>),
}

impl<'a> Side<'a> {
    fn new((file, kind): (&'a Arc<File>, FileKind), from: u64) -> Self {
        match kind {
            FileKind::Plain | FileKind::Spool => Self::Plain(file, from),
            _ => Self::Packed(Box::new(Inflater::new(Arc::clone(file), kind))),
        }
    }

    fn read(&mut self, length: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain(file, at) => {
                let bytes = read_at(file, *at, length)?;
                *at += bytes.len() as u64;
                Ok(bytes)
            }
            Self::Packed(inflater) => {
                let mut bytes = Vec::new();
                inflater.read(&mut bytes, length);
                Ok(bytes)
            }
        }
    }
}

/// All of one content is the beginning of another one; says how long it is. The first `from` bytes were compared before (plain files only).
pub(super) fn is_prefix(copy: (&Arc<File>, FileKind), original: (&Arc<File>, FileKind), from: u64) -> io::Result<Option<u64>> {
    let (mut copy, mut original) = (Side::new(copy, from), Side::new(original, from));
    let mut length = from;
    let mut piece = HEAD_BYTES;
    loop {
        let bytes = copy.read(piece)?;
        if bytes.is_empty() {
            return Ok((length > 0).then_some(length));
        }
        if original.read(bytes.len())? != bytes {
            return Ok(None);
        }
        length += bytes.len() as u64;
        piece = COMPARE_BYTES;
    }
}
