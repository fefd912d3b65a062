//! Names and sets of names as small numbers, so that counting and filtering compare integers.
//!
//! Guarantees: a number keeps its meaning as long as the dictionary lives; 0 is "none" and "the empty set".

use rustc_hash::FxHashMap;
use std::sync::Arc;

/// No name, no member.
pub(super) const NONE: u32 = 0;

/// Grows only.
#[derive(Debug, Clone)]
pub(super) struct Dictionary {
    names: Vec<Arc<str>>,
    by_name: FxHashMap<Arc<str>, u32>,
    sets: Vec<Arc<[u32]>>,
    by_set: FxHashMap<Arc<[u32]>, u32>,
}

impl Default for Dictionary {
    fn default() -> Self {
        let (name, set): (Arc<str>, Arc<[u32]>) = (Arc::from(""), Arc::from([]));
        Self { names: vec![name], by_name: FxHashMap::default(), by_set: FxHashMap::from_iter([(set.clone(), NONE)]), sets: vec![set] }
    }
}

impl Dictionary {
    /// The number of a name. An empty name is a name of its own, not "none".
    pub(super) fn name(&mut self, name: &str) -> u32 {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let (name, number): (Arc<str>, u32) = (name.into(), self.names.len() as u32);
        self.names.push(name.clone());
        self.by_name.insert(name, number);
        number
    }

    /// The number of a sorted set.
    pub(super) fn set(&mut self, members: &[u32]) -> u32 {
        if let Some(number) = self.by_set.get(members) {
            return *number;
        }
        let (members, number): (Arc<[u32]>, u32) = (members.into(), self.sets.len() as u32);
        self.sets.push(members.clone());
        self.by_set.insert(members, number);
        number
    }

    /// Every name by its number; the first is none.
    pub(super) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Every set by its number; the first is empty.
    pub(super) fn sets(&self) -> &[Arc<[u32]>] {
        &self.sets
    }

    /// For each name whether it fits.
    pub(super) fn names_that(&self, fits: impl Fn(&str) -> bool) -> Vec<bool> {
        self.names.iter().enumerate().map(|(number, name)| number as u32 != NONE && fits(name)).collect()
    }

    /// For each set whether a member fits.
    pub(super) fn sets_with(&self, fits: impl Fn(&str) -> bool) -> Vec<bool> {
        let names = self.names_that(fits);
        self.sets.iter().map(|set| set.iter().any(|name| names[*name as usize])).collect()
    }
}
