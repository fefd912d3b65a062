//! Sets of records that fit a question, a bit a record, and walking over them in pages.
//!
//! Guarantees: a set belongs to the reader that made it (and its clones); walking by pages gives each record once, whatever is taken out of the
//! set meanwhile. Never reads a record.

use super::{
    places::RecordPlace,
    reader::{LineReader, OpenSegment, Spot},
};
use crate::model::entry::FileId;
use rustc_hash::FxHashMap;
use std::{collections::BinaryHeap, sync::Arc};
use tantivy::DocId;

/// Records of one reader.
#[derive(Debug, Clone, Default)]
pub struct RecordSet {
    segments: Vec<Vec<u64>>,
}

/// Smaller comes first; records without an instant come last in either order.
type Key = (bool, i128);

/// The last record of a page.
#[derive(Debug, Clone, Copy)]
pub struct Mark(Key, Spot);

/// What the written instants of a lineage are ahead of UTC, in nanoseconds; none: nothing.
pub type Ahead = Arc<FxHashMap<FileId, i64>>;

/// How records are ordered: by their instant, those without one last; of equal instants as they stand in their log, or turned round.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// The newest come first.
    pub newest_first: bool,
    /// Zones of logs that write none.
    pub ahead: Ahead,
}

impl Order {
    /// Newest first, instants as written.
    pub fn newest_first() -> Self {
        Self { newest_first: true, ..Self::default() }
    }

    /// The mark behind a record that is known by its instant and place alone, whichever segment it stands in now.
    pub fn mark(&self, time_ns: Option<i64>, file: FileId, start: u64) -> Mark {
        let spot = Spot { file: file.0, start, segment: 0, doc: 0 };
        Mark(self.key(time_ns), Spot { segment: usize::MAX, doc: DocId::MAX, ..self.turned(spot) })
    }

    fn key(&self, time_ns: Option<i64>) -> Key {
        (time_ns.is_none(), time_ns.map_or(0, |ns| if self.newest_first { -i128::from(ns) } else { i128::from(ns) }))
    }

    /// So that among equal instants, too, newest first is oldest first read backwards. Turning twice gives the spot back.
    fn turned(&self, spot: Spot) -> Spot {
        if self.newest_first { Spot { file: !spot.file, start: !spot.start, ..spot } } else { spot }
    }
}

/// The instant of a record in UTC.
pub(super) fn instant(segment: &OpenSegment, doc: DocId, ahead: &Ahead) -> Option<i64> {
    let time = segment.time.first(doc)?;
    if ahead.is_empty() {
        return Some(time);
    }
    let off = segment.file.first(doc).and_then(|file| ahead.get(&FileId(file))).copied().unwrap_or(0);
    Some(time.saturating_sub(off))
}

impl RecordSet {
    /// Takes a record in.
    pub fn add(&mut self, place: &RecordPlace) {
        self.insert(place.address.segment as usize, place.address.doc);
    }

    /// Takes a record out.
    pub fn remove(&mut self, place: &RecordPlace) {
        if let Some(word) = self.segments.get_mut(place.address.segment as usize).and_then(|s| s.get_mut(place.address.doc as usize / 64)) {
            *word &= !(1 << (place.address.doc % 64));
        }
    }

    /// The record is in the set.
    pub fn holds(&self, place: &RecordPlace) -> bool {
        self.has(place.address.segment as usize, place.address.doc)
    }

    /// Takes out all records of another set.
    pub fn subtract(&mut self, other: &Self) {
        for (mine, theirs) in self.segments.iter_mut().zip(&other.segments) {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine &= !theirs);
        }
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.segments.iter().flatten().map(|word| u64::from(word.count_ones())).sum()
    }

    pub(super) fn insert(&mut self, segment: usize, doc: DocId) {
        if let Some(word) = self.segments.get_mut(segment).and_then(|s| s.get_mut(doc as usize / 64)) {
            *word |= 1 << (doc % 64);
        }
    }

    pub(super) fn has(&self, segment: usize, doc: DocId) -> bool {
        self.segments.get(segment).and_then(|s| s.get(doc as usize / 64)).is_some_and(|word| word & (1 << (doc % 64)) != 0)
    }

    /// Takes out all records but those of another set.
    pub fn intersect(&mut self, other: &Self) {
        for (mine, theirs) in self.segments.iter_mut().zip(&other.segments) {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine &= theirs);
        }
    }

    pub(super) fn docs(&self) -> impl Iterator<Item = (usize, DocId)> + '_ {
        let words = self.segments.iter().enumerate().flat_map(|(segment, words)| words.iter().zip(0_u32..).map(move |(word, at)| (segment, at * 64, *word)));
        words.filter(|(_, _, word)| *word != 0).flat_map(|(segment, first, word)| (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| (segment, first + bit)))
    }
}

impl LineReader {
    /// No record yet.
    pub fn no_records(&self) -> RecordSet {
        RecordSet { segments: self.segments().iter().map(|segment| vec![0; segment.reader.max_doc().div_ceil(64) as usize]).collect() }
    }

    /// The first `limit` records of a set behind a mark. With the mark of the next page when this one is full.
    pub fn page(&self, set: &RecordSet, after: Option<Mark>, limit: usize, order: &Order) -> (Vec<RecordPlace>, Option<Mark>) {
        let mut first = First { limit, order, after, heap: BinaryHeap::new() };
        for (at, doc) in set.docs() {
            first.push(&self.segments()[at], at, doc);
        }
        let found = first.heap.into_sorted_vec();
        let mark = found.last().filter(|_| found.len() == limit).map(|(key, spot)| Mark(*key, *spot));
        (found.into_iter().map(|(_, spot)| RecordPlace::at(order.turned(spot))).collect(), mark)
    }

    /// The instant of a record in UTC.
    pub fn instant(&self, place: &RecordPlace, ahead: &Ahead) -> Option<i64> {
        instant(&self.segments()[place.address.segment as usize], place.address.doc, ahead)
    }

    /// The records of a set in the order they are stored in.
    pub fn as_stored<'a>(&'a self, set: &'a RecordSet) -> impl Iterator<Item = RecordPlace> + 'a {
        set.docs().map(|(at, doc)| RecordPlace::at(self.segments()[at].spot(at, doc)))
    }
}

/// Keeps the first `limit` behind the mark.
struct First<'a> {
    limit: usize,
    order: &'a Order,
    after: Option<Mark>,
    heap: BinaryHeap<(Key, Spot)>,
}

impl First<'_> {
    fn push(&mut self, segment: &OpenSegment, at: usize, doc: DocId) {
        let key = self.order.key(instant(segment, doc, &self.order.ahead));
        let full = self.heap.len() >= self.limit;
        if self.after.is_some_and(|after| key < after.0) || (full && self.heap.peek().is_none_or(|last| key > last.0)) {
            return;
        }
        let item = (key, self.order.turned(segment.spot(at, doc)));
        if self.after.is_some_and(|after| item <= (after.0, after.1)) {
            return;
        }
        if !full {
            self.heap.push(item);
        } else if let Some(mut last) = self.heap.peek_mut()
            && item < *last
        {
            *last = item;
        }
    }
}
