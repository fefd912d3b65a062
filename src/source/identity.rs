//! What makes a file the same file: device, inode, size, and the hashes of its first bytes and of the last bytes that were read.
//!
//! Guarantees: hashes are over decompressed content. An inode alone (reused) and first bytes alone (banners) are never enough; the guard, the
//! hash just before the read position, settles both. Never opens a path.

use crate::model::checkpoint::FileCheckpoint;
use sha2::{Digest, Sha256};
use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    time::UNIX_EPOCH,
};

/// Longest hashed beginning.
pub const HEAD_BYTES: usize = 1024;
/// Longest hashed run before the read position.
pub const GUARD_BYTES: usize = 256;

/// Device and inode.
pub type Inode = (u64, u64);

/// The bytes that identify a position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seed {
    /// First bytes, at most [`HEAD_BYTES`].
    pub head: Vec<u8>,
    /// Last bytes before the position, at most [`GUARD_BYTES`].
    pub guard: Vec<u8>,
}

/// What the file system says about a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stat {
    /// Device and inode.
    pub inode: Inode,
    /// Size on disk, bytes.
    pub size: u64,
    /// Modification time, Unix nanoseconds.
    pub mtime_ns: i64,
    /// Names that lead to it.
    pub nlink: u64,
    /// When the inode was created, Unix nanoseconds; 0 where the file system does not say.
    pub born_ns: i64,
}

impl From<&Metadata> for Stat {
    fn from(meta: &Metadata) -> Self {
        let mtime_ns = meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec());
        let born = meta.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let born_ns = born.and_then(|age| i64::try_from(age.as_nanos()).ok()).unwrap_or(0);
        Self { inode: (meta.dev(), meta.ino()), size: meta.size(), mtime_ns, nlink: meta.nlink(), born_ns }
    }
}

impl Stat {
    /// The state of an open file.
    pub fn of(file: &File) -> io::Result<Self> {
        Ok(Self::from(&file.metadata()?))
    }

    /// It can be the inode that a record names: not one that was created anew under the same number.
    pub fn is_inode_of(&self, record: &FileCheckpoint) -> bool {
        self.inode == (record.dev, record.ino) && (self.born_ns == record.born_ns || self.born_ns == 0 || record.born_ns == 0)
    }

    /// Size or time moved.
    pub fn differs(&self, other: &Self) -> bool {
        self.size != other.size || self.mtime_ns != other.mtime_ns
    }
}

/// A 64-bit hash that stays the same between runs.
pub fn hash64(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    digest.iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

/// Bytes of a plain file at a place; shorter at its end.
pub fn read_at(file: &File, at: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match file.read_at(&mut bytes[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// The identifying bytes of a plain file at `off`.
pub fn seed_at(file: &File, off: u64) -> io::Result<Seed> {
    let head = read_at(file, 0, HEAD_BYTES.min(usize::try_from(off).unwrap_or(HEAD_BYTES)))?;
    let guard_len = GUARD_BYTES.min(usize::try_from(off).unwrap_or(GUARD_BYTES));
    Ok(Seed { head, guard: read_at(file, off - guard_len as u64, guard_len)? })
}

impl Seed {
    /// These bytes are the ones the record was made from.
    pub fn fits(&self, record: &FileCheckpoint) -> bool {
        self.head.len() == record.head_len as usize
            && self.guard.len() == record.guard_len as usize
            && hash64(&self.guard) == record.guard_hash
            && hash64(&self.head) == record.head_hash
    }
}

/// A new random lineage id; never 0.
#[expect(clippy::disallowed_methods, reason = "files are told apart and marked by the clock of the machine they stand on")]
pub fn new_id() -> crate::model::entry::FileId {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u128(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos()));
    crate::model::entry::FileId(hasher.finish().max(1))
}
