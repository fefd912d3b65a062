//! Standard input, kept in segment files until it is stored: a pipe cannot be read twice.

use crate::{
    model::{
        checkpoint::{Checkpoint, FileCheckpoint},
        status::SourceStatus,
    },
    source::{SourceError, discover::Listing, events::WakeHandle},
};
use std::{io::Read, path::Path};

/// The spool.
pub struct Spool;

impl Spool {
    pub fn open(_dir: &Path, _input: Option<Box<dyn Read + Send>>, _checkpoint: &Checkpoint, _bell: WakeHandle) -> Result<Option<Self>, SourceError> {
        Ok(None)
    }
    pub fn list(&self, _listing: &mut Listing) {}
    pub fn owns(&self, _path: &Path) -> bool {
        false
    }
    pub fn is_closed(&self, _path: &Path) -> bool {
        false
    }
    pub fn is_over(&self) -> bool {
        true
    }
    pub fn committed(&mut self, _files: &[FileCheckpoint]) {}
    pub fn comment(&self, _sources: &mut [SourceStatus]) {}
}
