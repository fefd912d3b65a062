//! From conditions on lines to the requests that have such a line.
//!
//! Guarantees: a request has every line that stands in its path; without a limit every such request is found, with one the answer says whether
//! it is whole. Of many lines those that carry the id of a request are never loaded.

use crate::{
    query::{
        assemble::{Assembler, MAX_LINES_OF_ID},
        conditions::Conditions,
        engine::{Engine, Snapshot},
        lines::{IndexLines, Limit, store},
        view::QueryError,
    },
    reconstruct::item::Item,
    store::{LineQuery, Mark, Order, RecordPlace, RecordSet},
};
use rustc_hash::FxHashSet;
use std::{collections::BTreeSet, sync::Arc};

/// Records of a page while there is a limit of time: the newest come first, so that what is found in time is the newest.
const PAGE: usize = 4_096;
/// The same without a limit: each page walks the whole set.
const LONG_PAGE: usize = 1 << 18;
/// Up to so many records are followed one by one: cheaper than a walk over all ids.
const FEW: u64 = 500;
/// Records read between two clearings of what was fetched.
const FORGET_EVERY: usize = 1_024;

/// Roots of the requests that have a line that fits. `false`: the time was over before all were found.
pub fn with_line(engine: &Engine, snapshot: &Snapshot, conditions: &Conditions<'_>, limit: Option<Limit>) -> Result<(BTreeSet<String>, bool), QueryError> {
    let (mut open, all_read) = fitting(engine, snapshot, conditions, limit.map(|l| l.share(2)))?;
    let (mut roots, mut all_ids) = (BTreeSet::new(), true);
    if open.count() > FEW {
        let rows: FxHashSet<String> = snapshot.rows.roots().into_iter().collect();
        let carried = snapshot.reader.carried(&open, |term| rows.contains(term), limit.map(|l| l.until)).map_err(store)?;
        open.subtract(&carried.records);
        (roots, all_ids) = (carried.terms, carried.complete);
    }
    let all_followed = follow(engine, snapshot, &mut open, limit, &mut roots)?;
    Ok((roots, all_read && all_ids && all_followed))
}

/// Records that fit. `false`: the time was over before all were read.
pub fn fitting(engine: &Engine, snapshot: &Snapshot, conditions: &Conditions<'_>, limit: Option<Limit>) -> Result<(RecordSet, bool), QueryError> {
    let query = LineQuery { must: conditions.clauses(&snapshot.reader).map_err(store)?, ..LineQuery::default() };
    let (narrowed, complete) = snapshot.reader.fitting(&query, limit.map(|l| l.until)).map_err(store)?;
    if !conditions.need_reading() {
        return Ok((narrowed, complete));
    }
    let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, &snapshot.profile, engine.tables(), limit);
    let mut kept = snapshot.reader.no_records();
    let mut walk = Walk::new(limit);
    while let Some(place) = walk.next(snapshot, &narrowed) {
        if limit.is_some_and(|l| l.passed()) {
            return Ok((kept, false));
        }
        if conditions.hold(&index.read(snapshot.reader.fetch(&place).map_err(store)?)) {
            kept.add(&place);
        }
        if walk.seen.is_multiple_of(FORGET_EVERY) {
            index.forget();
        }
    }
    Ok((kept, complete))
}

/// Follows the ids of lines that carry no root: up to the roots they lead to. `false`: the time was over first.
fn follow(engine: &Engine, snapshot: &Snapshot, open: &mut RecordSet, limit: Option<Limit>, roots: &mut BTreeSet<String>) -> Result<bool, QueryError> {
    let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, &snapshot.profile, engine.tables(), limit);
    let mut assembler = Assembler::new(&index, &snapshot.profile);
    let mut known: FxHashSet<Arc<str>> = FxHashSet::default();
    let mut walk = Walk::new(limit);
    while let Some(place) = walk.next(snapshot, open) {
        if limit.is_some_and(|l| l.passed()) {
            return Ok(false);
        }
        let loaded = index.read(snapshot.reader.fetch(&place).map_err(store)?);
        let mut keys = Vec::new();
        for item in loaded.entries.iter().map(|e| Item::new(e.clone(), &loaded.shown, &snapshot.profile)) {
            keys.extend(assembler.told_apart(&item)?.unwrap_or(item).refs.into_iter().map(|r| r.key));
        }
        for key in keys {
            if !known.insert(key.clone()) {
                continue;
            }
            match assembler.root_of(&key) {
                Ok(Some(root)) => _ = roots.insert(root.to_string()),
                // What others only name as their parent: each of them is followed by itself.
                Ok(None) => continue,
                Err(QueryError::Deadline { .. }) => return Ok(false),
                Err(other) => return Err(other),
            }
            // Further lines of this unit lead to the same root.
            snapshot.reader.places(&key, MAX_LINES_OF_ID).map_err(store)?.iter().for_each(|place| open.remove(place));
        }
        if walk.seen.is_multiple_of(FORGET_EVERY) {
            assembler.forget();
            index.forget();
        }
    }
    Ok(true)
}

/// Walks over a set while records may be taken out of it.
pub struct Walk {
    page: std::vec::IntoIter<RecordPlace>,
    mark: Option<Mark>,
    order: Order,
    size: usize,
    over: bool,
    /// Records given so far.
    pub seen: usize,
}

impl Walk {
    /// Newest first, in pages that suit the limit.
    pub fn new(limit: Option<Limit>) -> Self {
        Self::by(if limit.is_some() { PAGE } else { LONG_PAGE })
    }

    /// Newest first, in pages of a size.
    pub fn by(size: usize) -> Self {
        Self::behind(None, Order::newest_first(), size)
    }

    /// From a mark on, in an order of its own.
    pub fn behind(mark: Option<Mark>, order: Order, size: usize) -> Self {
        Self { page: Vec::new().into_iter(), mark, order, size, over: false, seen: 0 }
    }

    /// The next record that is still in the set.
    pub fn next(&mut self, snapshot: &Snapshot, set: &RecordSet) -> Option<RecordPlace> {
        loop {
            if let Some(place) = self.page.find(|place| set.holds(place)) {
                self.seen += 1;
                return Some(place);
            }
            if self.over {
                return None;
            }
            let (page, mark) = snapshot.reader.page(set, self.mark, self.size, &self.order);
            (self.page, self.mark, self.over) = (page.into_iter(), mark, mark.is_none());
            // Who asks for more than a small first page asks for many.
            self.size = self.size.max(PAGE);
        }
    }
}
