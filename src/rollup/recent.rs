//! The records committed lately, in a compact form, found by the ids they carry: rows are built from here without touching the store.
//!
//! Guarantees: bounded by bytes, oldest out first; it always knows whether it holds every record of an id or not. It is a cache:
//! losing it costs time, nothing else.

use crate::{
    ingest::Touched,
    model::entry::{At, Entry, FileId},
    query::assemble::Place,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::{collections::VecDeque, sync::Arc};

/// Ids of records that were let go are remembered up to this number; beyond it every id is looked up in the index.
const MAX_GONE: usize = 4_000_000;

/// Records committed lately.
pub struct Recent {
    base: u64,
    records: VecDeque<Touched>,
    by_term: FxHashMap<u64, Vec<u64>>,
    by_place: FxHashMap<(u64, u64), u64>,
    bytes: usize,
    max_bytes: usize,
    gone: Gone,
}

enum Gone {
    /// Everything ever indexed passed through here; these ids had records that were let go.
    Known(FxHashSet<u64>),
    /// The index held records before, or too many were let go.
    Unknown,
}

impl Recent {
    /// An empty one. `complete`: the index is empty too.
    pub fn new(max_bytes: usize, complete: bool) -> Self {
        let gone = if complete { Gone::Known(FxHashSet::default()) } else { Gone::Unknown };
        Self { base: 0, records: VecDeque::new(), by_term: FxHashMap::default(), by_place: FxHashMap::default(), bytes: 0, max_bytes, gone }
    }

    /// Adds a record.
    pub fn push(&mut self, record: Touched) {
        let sequence = self.base + self.records.len() as u64;
        for term in &record.terms {
            self.by_term.entry(*term).or_default().push(sequence);
        }
        self.by_place.insert((record.file.0, record.start), sequence);
        self.bytes += record.weight();
        self.records.push_back(record);
    }

    /// Lets the oldest go until the bound holds.
    pub fn shrink(&mut self) {
        while self.bytes > self.max_bytes
            && let Some(record) = self.records.pop_front()
        {
            self.base += 1;
            self.bytes -= record.weight();
            self.by_place.remove(&(record.file.0, record.start));
            for term in &record.terms {
                if self.by_term.get(term).is_some_and(|s| s.last().is_some_and(|last| *last < self.base)) {
                    self.by_term.remove(term);
                }
                if let Gone::Known(gone) = &mut self.gone {
                    gone.insert(*term);
                }
            }
        }
        if matches!(&self.gone, Gone::Known(gone) if gone.len() > MAX_GONE) {
            self.gone = Gone::Unknown;
        }
    }

    /// Whether every record of an id is here, when that is known without asking the index.
    pub fn holds_all(&self, term: u64) -> bool {
        matches!(&self.gone, Gone::Known(gone) if !gone.contains(&term))
    }

    /// How many records here carry an id.
    pub fn count(&self, term: u64) -> u64 {
        self.by_term.get(&term).map_or(0, |s| (s.len() - s.partition_point(|x| *x < self.base)) as u64)
    }

    /// The records that carry an id, oldest first.
    pub fn records(&self, term: u64) -> impl Iterator<Item = &Touched> {
        let base = self.base;
        let list = self.by_term.get(&term).map(Vec::as_slice).unwrap_or_default();
        list[list.partition_point(|x| *x < base)..].iter().filter_map(move |s| self.records.get((s - base) as usize))
    }

    /// The record at a place.
    pub fn record(&self, file: u64, start: u64) -> Option<&Touched> {
        let sequence = self.by_place.get(&(file, start))?;
        self.records.get((sequence - self.base) as usize)
    }

    /// The last `n` records, oldest first.
    pub fn last(&self, n: usize) -> impl Iterator<Item = &Touched> {
        self.records.range(self.records.len().saturating_sub(n)..)
    }
}

/// The entries of a compact record.
pub fn unpack(record: &Touched) -> Vec<Entry> {
    let mut entries: Vec<Entry> = postcard::from_bytes(&record.packed).unwrap_or_default();
    for (sub, entry) in entries.iter_mut().enumerate() {
        entry.at = At { file: record.file, start: record.start, sub: sub as u32, line: record.line };
        entry.source = record.source.clone();
    }
    entries
}

/// Places of a record's entries.
pub fn places(record: &Touched) -> impl Iterator<Item = Place> + use<> {
    let (file, start, n) = (record.file.0, record.start, record.entries);
    (0..n).map(move |sub| (file, start, sub))
}

/// A record for tests.
#[cfg(test)]
pub fn sample(file: u64, start: u64, terms: &[u64]) -> Touched {
    Touched {
        file: FileId(file),
        start,
        line: 1,
        source: Arc::from("app"),
        entries: 1,
        packed: postcard::to_allocvec(&vec![Entry { body: Some("hello".into()), ..Entry::default() }]).unwrap_or_default().into(),
        terms: terms.into(),
    }
}

#[cfg(not(test))]
const _: Option<(FileId, Arc<str>)> = None;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_by_their_ids_and_unpacked_whole() {
        let mut recent = Recent::new(1_000_000, true);
        recent.push(sample(1, 0, &[7, 8]));
        recent.push(sample(1, 90, &[8]));
        assert_eq!(recent.count(8), 2);
        assert!(recent.holds_all(8) && recent.holds_all(99));
        let entry = unpack(recent.record(1, 90).unwrap()).remove(0);
        assert_eq!((entry.body.as_deref(), entry.at.start, &*entry.source), (Some("hello"), 90, "app"));
    }

    #[test]
    fn the_bound_lets_the_oldest_go_and_remembers_which_ids_are_no_longer_whole() {
        let mut recent = Recent::new(sample(1, 0, &[1]).weight() * 2, true);
        for n in 0..5 {
            recent.push(sample(1, n, &[1, 10 + n]));
        }
        recent.shrink();
        assert!(!recent.holds_all(1) && !recent.holds_all(10) && recent.holds_all(14));
        assert_eq!(recent.records(1).map(|r| r.start).last(), Some(4));
        assert_eq!(recent.count(10), 0);
    }

    #[test]
    fn over_an_index_that_held_lines_before_nothing_is_known_to_be_whole() {
        assert!(!Recent::new(1_000, false).holds_all(5));
    }
}
