//! What a commit carries beside its documents: the read positions, and which file of learned statistics belongs to them.
//!
//! It is the payload of the index's `meta.json`, so documents and positions are one atom. Guarantees: another version or a damaged
//! payload is told apart from a good one; never guesses.

use crate::model::checkpoint::{Checkpoint, PAYLOAD_VERSION};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};

/// Documents and positions of one commit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// [`PAYLOAD_VERSION`].
    pub version: u32,
    /// Counts commits; 0: nothing was committed yet.
    pub generation: u64,
    /// Positions.
    pub checkpoint: Checkpoint,
    /// Learned statistics, when there are any.
    pub learned: Option<LearnedFile>,
}

/// A file of learned statistics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnedFile {
    /// Its name beside `meta.json`.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// CRC-32 of its bytes.
    pub crc: u32,
}

impl LearnedFile {
    /// The file of a generation with this content.
    pub fn new(generation: u64, content: &[u8]) -> Self {
        Self { name: format!("learned.{generation}"), bytes: content.len() as u64, crc: crc32fast::hash(content) }
    }

    /// The content is what was committed.
    pub fn fits(&self, content: &[u8]) -> bool {
        self.bytes == content.len() as u64 && self.crc == crc32fast::hash(content)
    }
}

/// Why a payload cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub enum PayloadError {
    /// It was written by another version.
    Version(u32),
    /// It is damaged.
    Damaged(String),
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

impl Payload {
    /// As text: CRC-32 in hex, a dot, JSON in base64 (quotes would double inside `meta.json`).
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        let json = serde_json::to_vec(self)?;
        Ok(format!("{:08x}.{}", crc32fast::hash(&json), BASE64.encode(json)))
    }

    /// From text.
    pub fn decode(text: &str) -> Result<Self, PayloadError> {
        let damaged = |cause: &str| PayloadError::Damaged(format!("read positions: {cause}"));
        let (crc, body) = text.split_once('.').ok_or_else(|| damaged("no checksum"))?;
        let json = BASE64.decode(body).map_err(|error| damaged(&error.to_string()))?;
        if u32::from_str_radix(crc, 16).ok() != Some(crc32fast::hash(&json)) {
            return Err(damaged("the checksum is wrong"));
        }
        let VersionOnly { version } = serde_json::from_slice(&json).map_err(|error| damaged(&error.to_string()))?;
        if version != PAYLOAD_VERSION {
            return Err(PayloadError::Version(version));
        }
        serde_json::from_slice(&json).map_err(|error| damaged(&error.to_string()))
    }
}
