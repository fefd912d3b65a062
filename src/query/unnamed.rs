//! Fetches the lines that name no unit for [`Assembler`]: those of a thread or worker, those of a process in which one task ran that writes such, and
//! those that say what one request alone can.
//!
//! Guarantees: what belongs is decided by `reconstruct::lanes` and `reconstruct::solo` from the lines of a stretch of time that does not depend
//! on the id that was asked; a stretch that is too busy is left alone. It decides nothing itself.

use super::assemble::{Assembler, Fetched, LineSource, Place, at};
use crate::{
    model::{
        id::{IdKind, IdRelation, UNNAMED},
        trace::PlacedBy,
    },
    reconstruct::{
        item::{self, Item, WorkRef},
        lanes, link, roles, said, session, solo,
        stretch::{self, BLOCK, PIECES_AFTER, PIECES_BEFORE, piece_of},
        words::Verb,
    },
};
use rustc_hash::FxHashMap;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    rc::Rc,
    sync::Arc,
};

/// Most lines read of a piece of time of one place.
const MAX_LINES: u64 = 600;
/// Most blocks of time looked at for one unit in one place.
const MAX_BLOCKS: i64 = 6;
/// A block may be two to the power of this times as long where little is written.
const MAX_WIDTH: u32 = 3;
/// It may hold so many lines then.
const MANY_LINES: u64 = 4_000;
/// Most places of one unit.
const MAX_PLACES: usize = 16;

/// Records that may tell of one answer: those of an edge, of proxies, of the application.
const MAX_ANSWERS: u64 = 8;

/// Two clocks may stand apart by as much.
const CLOCKS_NS: i64 = 1_000_000_000;
/// An error that tells of a call comes so soon behind its end.
const TOLD_WITHIN_NS: u64 = 30_000_000_000;

/// Lines of a block of time that name no unit, with the unit they are of and why.
#[derive(Default)]
pub(super) struct Owners {
    of: BTreeMap<Place, (WorkRef, PlacedBy)>,
    lines: FxHashMap<Arc<str>, Vec<Place>>,
    /// Lines that may be a unit's.
    possible: FxHashMap<Arc<str>, Vec<Place>>,
}

/// Lines without an id that were found for a unit.
#[derive(Default)]
pub(super) struct Unnamed {
    /// They are of it.
    pub(super) lines: Vec<Rc<Item>>,
    /// They may be.
    pub(super) possible: Vec<Rc<Item>>,
}

impl Owners {
    fn new(of: BTreeMap<Place, (WorkRef, PlacedBy)>, may_be: BTreeMap<Place, WorkRef>) -> Self {
        let mut possible: FxHashMap<Arc<str>, Vec<Place>> = FxHashMap::default();
        for (place, owner) in may_be.into_iter().filter(|(place, _)| !of.contains_key(place)) {
            possible.entry(owner.key).or_default().push(place);
        }
        let mut lines: FxHashMap<Arc<str>, Vec<Place>> = FxHashMap::default();
        for (place, (owner, _)) in &of {
            lines.entry(owner.key.clone()).or_default().push(*place);
        }
        Self { of, lines, possible }
    }
}

/// A block of time that is looked through at once: 2^`width` times [`BLOCK`] pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Block {
    width: u32,
    number: i64,
}

impl Block {
    fn pieces(self) -> RangeInclusive<i64> {
        let long = BLOCK << self.width;
        self.number * long..=self.number * long + long - 1
    }
}

impl<S: LineSource> Assembler<'_, S> {
    /// Whether the unit whose errors hold the id of a call made it: it had begun before the call.
    pub(super) fn have_made(&mut self, failed: &[Rc<Item>], own: &[Rc<Item>]) -> Result<bool, S::Error> {
        let Some(owner) = failed.first().and_then(|item| item.subject()).map(|s| s.key.clone()).filter(|_| may_have_made(failed, own)) else { return Ok(false) };
        let first = |items: &[Rc<Item>]| items.iter().filter_map(|item| item.time_ns).min();
        let began = first(&self.fetch(&owner)?.items);
        Ok(began.zip(first(own)).is_some_and(|(began, called)| began <= called.saturating_add(CLOCKS_NS)))
    }

    /// Lines that name no unit and are of this one, or may be.
    pub(super) fn unnamed_lines(&mut self, key: &Arc<str>, fetched: &Fetched) -> Result<Unnamed, S::Error> {
        let own = |item: &&Rc<Item>| item.reference(key).is_some_and(|r| r.relation == IdRelation::Own && !r.listed);
        let mut extents: BTreeMap<stretch::Place, (i64, i64)> = BTreeMap::new();
        for item in fetched.items.iter().filter(own) {
            let Some(block) = piece_of(&item.entry).map(|piece| piece.div_euclid(BLOCK)) else { continue };
            for place in stretch::Place::of(&item.entry).into_iter().flatten() {
                let extent = extents.entry(place).or_insert((block, block));
                *extent = (extent.0.min(block), extent.1.max(block));
            }
        }
        // A unit that goes from thread to thread is no thread's.
        let lanes: BTreeSet<Option<String>> = fetched.items.iter().filter(own).map(|item| lanes::lane(&item.entry)).collect();
        let is_of_one_lane = |place: &stretch::Place| matches!(place, stretch::Place::Writer(_)) || lanes.len() == 1 || self.is_apart(key, fetched);
        let places: Vec<_> = extents.into_iter().filter(|(place, (first, last))| last - first < MAX_BLOCKS && is_of_one_lane(place)).take(MAX_PLACES).collect();
        let mut out = Unnamed::default();
        for (place, (first, last)) in places {
            for block in self.blocks_of(&place, first..=last) {
                let owners = self.owners(&place, block)?;
                for line in owners.lines.get(key).into_iter().flatten() {
                    let item = self.item(*line)?;
                    let (owner, why) = &owners.of[line];
                    out.lines.push(Rc::new(with_owner(&item, owner.clone(), *why)));
                }
                if self.with_possible {
                    for line in owners.possible.get(key).into_iter().flatten() {
                        let item = self.item(*line)?;
                        if item.refs.is_empty() && self.owner(&item)?.is_none() {
                            out.possible.push(item);
                        }
                    }
                }
            }
        }
        Ok(out)
    }

    /// Records without an id that tell of an answer which only this request is known to have given, with the stack trace right behind one that failed. They may be of
    /// a request that no other line shows: nothing proves them.
    pub(super) fn possible_lines(&mut self, key: &Arc<str>, items: &[Rc<Item>]) -> Result<Vec<Rc<Item>>, S::Error> {
        let is_own = |item: &&Rc<Item>| item.reference(key).is_some_and(|r| r.relation == IdRelation::Own && !r.listed && roles::level(r.kind) == 0);
        let mut answers: BTreeMap<String, Rc<Item>> = BTreeMap::new();
        for item in items.iter().filter(is_own) {
            if let Some(said) = said::key(&item.entry).filter(|_| answers.len() < MAX_PLACES) {
                answers.entry(said).or_insert_with(|| item.clone());
            }
        }
        let mut out = Vec::new();
        for (said, answer) in answers {
            let free = said::free(&said);
            // Two such lines are of two requests, or of one that nothing tells from the other.
            if self.source.count(&free) != 1 || !self.is_only_answer(key, &said)? {
                continue;
            }
            for place in self.source.places(&free, 1)? {
                let line = self.item(place)?;
                let is_it = said::key(&line.entry).as_deref() == Some(&*said) && line.refs.is_empty();
                if is_it && said::may_be_one(&line, &answer) && self.owner(&line)?.is_none() {
                    let trace = self.trace_behind(place, &line)?;
                    out.push(line);
                    out.extend(trace);
                }
            }
        }
        Ok(out)
    }

    /// The stack trace that stands right behind the record of an answer that failed, unless one of another stands right before it: then it may be that one's.
    fn trace_behind(&mut self, place: Place, line: &Item) -> Result<Option<Rc<Item>>, S::Error> {
        let (file, start, _) = place;
        let Some(end) = self.source.end_of(place).filter(|_| said::is_fault(&line.entry)) else { return Ok(None) };
        if self.source.count(&said::fault_until(file, start)) > 0 {
            return Ok(None);
        }
        for place in self.source.places(&said::trace_at(file, end), 1)? {
            let trace = self.item(place)?;
            if said::is_trace(&trace.entry) && trace.refs.is_empty() {
                return Ok(Some(trace));
            }
        }
        Ok(None)
    }

    /// All records that name work and say so are of this unit's request.
    fn is_only_answer(&mut self, key: &Arc<str>, said: &str) -> Result<bool, S::Error> {
        let named = said::named(said);
        if self.source.count(&named) > MAX_ANSWERS {
            return Ok(false);
        }
        let mut units: BTreeSet<Arc<str>> = BTreeSet::new();
        for place in self.source.places(&named, MAX_ANSWERS as usize)? {
            let item = self.item(place)?;
            if said::key(&item.entry).as_deref() == Some(said) {
                let Some(subject) = item.subject() else { return Ok(false) };
                units.insert(subject.key.clone());
            }
        }
        units.remove(key);
        let root = self.root_of(key)?;
        for unit in units {
            if self.root_of(&unit)? != root {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The runs of a unit in its lanes follow each other: attempts, each in a thread of its own.
    fn is_apart(&self, key: &Arc<str>, fetched: &Fetched) -> bool {
        let mut lines: Vec<&Rc<Item>> = fetched.items.iter().filter(|i| i.reference(key).is_some_and(|r| r.relation == IdRelation::Own) && i.time_ns.is_some()).collect();
        lines.sort_by_key(|item| (item.time_ns, at(item)));
        let mut left: BTreeSet<(String, String)> = BTreeSet::new();
        let mut now: BTreeMap<String, String> = BTreeMap::new();
        lines.iter().filter_map(|item| Some((lanes::writer(&item.entry), lanes::lane(&item.entry)?, item))).all(|(writer, lane, item)| {
            match now.insert(writer.clone(), lane.clone()) {
                Some(before) if before != lane => {
                    left.insert((writer.clone(), before));
                }
                _ => {}
            }
            !left.contains(&(writer, lane)) || item.verb.is_start()
        })
    }

    /// The unit that a line is of which names none.
    pub(super) fn owner(&mut self, item: &Item) -> Result<Option<(WorkRef, PlacedBy)>, S::Error> {
        let Some(piece) = piece_of(&item.entry) else { return Ok(None) };
        for place in stretch::Place::of(&item.entry).into_iter().flatten() {
            let block = self.block(&place, piece.div_euclid(BLOCK));
            if let Some(found) = self.owners(&place, block)?.of.get(&at(item)) {
                return Ok(Some(found.clone()));
            }
        }
        Ok(None)
    }

    /// A line that names no work may be about the unit whose id stands in its text.
    fn about(&mut self, item: Rc<Item>) -> Result<Rc<Item>, S::Error> {
        let Some(key) = &item.mention else { return Ok(item) };
        let fetched = self.fetch(key)?;
        Ok(fetched.items.iter().find(|known| at(known) == at(&item)).cloned().unwrap_or(item))
    }

    /// The widest block of time around a piece that is not too busy. The more lines are looked through at once, the more they show.
    fn block(&mut self, place: &stretch::Place, block: i64) -> Block {
        if let Some(known) = self.blocks.get(&(place.clone(), block)) {
            return *known;
        }
        let mut found = Block { width: 0, number: block };
        let mut lines = self.lines_of(place, found.pieces());
        // From narrow to wide: where much is written little is asked.
        for width in 1..=MAX_WIDTH {
            if lines > MANY_LINES {
                break;
            }
            let wide = Block { width, number: block >> width };
            let ((first, last), seen) = (wide.pieces().into_inner(), found.pieces());
            lines += self.lines_of(place, if *seen.start() == first { seen.end() + 1..=last } else { first..=seen.start() - 1 });
            if lines <= MANY_LINES {
                found = wide;
            }
        }
        self.blocks.insert((place.clone(), block), found);
        found
    }

    fn lines_of(&self, place: &stretch::Place, pieces: RangeInclusive<i64>) -> u64 {
        pieces.map(|piece| self.source.count(&place.term(piece))).sum()
    }

    /// Those of some blocks of time in which a line without an owner stands.
    fn blocks_of(&mut self, place: &stretch::Place, blocks: RangeInclusive<i64>) -> BTreeSet<Block> {
        let free: Vec<i64> = blocks.filter(|block| self.has_free(place, *block)).collect();
        free.into_iter().map(|block| self.block(place, block)).collect()
    }

    fn has_free(&mut self, place: &stretch::Place, block: i64) -> bool {
        let of_block = || Block { width: 0, number: block }.pieces().any(|piece| self.source.count(&place.free_term(piece)) > 0);
        *self.free.entry((place.clone(), block)).or_insert_with(of_block)
    }

    /// The owners of the ownerless lines of a place in a block of time.
    fn owners(&mut self, place: &stretch::Place, block: Block) -> Result<Rc<Owners>, S::Error> {
        if let Some(known) = self.owners.get(&(place.clone(), block)) {
            return Ok(known.clone());
        }
        let owners = Rc::new(self.find_owners(place, block)?);
        self.owners.insert((place.clone(), block), owners.clone());
        Ok(owners)
    }

    fn find_owners(&mut self, place: &stretch::Place, block: Block) -> Result<Owners, S::Error> {
        let (first, last) = block.pieces().into_inner();
        let terms: Vec<String> = (first - PIECES_BEFORE..=last + PIECES_AFTER).map(|piece| place.term(piece)).collect();
        if terms.iter().any(|term| self.source.count(term) > MAX_LINES) {
            return Ok(Owners::default());
        }
        let mut found: BTreeMap<Place, Rc<Item>> = BTreeMap::new();
        for term in terms {
            for line in self.source.places(&term, MAX_LINES as usize)? {
                let item = self.item(line)?;
                found.insert(line, self.about(item)?);
            }
        }
        // One record may hold entries of several places.
        let mut lines: Vec<Item> = found.into_values().filter(|item| stretch::Place::of(&item.entry).contains(&Some(place.clone()))).map(Rc::unwrap_or_clone).collect();
        let inside = |item: &Item| piece_of(&item.entry).is_some_and(|piece| (first..=last).contains(&piece));
        let why = |why: PlacedBy| move |(index, owner)| (index, owner, why);
        let (mut owners, mut may_be): (Vec<(usize, WorkRef, PlacedBy)>, Vec<(usize, WorkRef)>) = Default::default();
        match place {
            stretch::Place::Lane(_) => owners.extend(lanes::owners(&lines).into_iter().map(why(PlacedBy::Lane))),
            stretch::Place::Writer(_) => {
                item::sort(&mut lines);
                // Of two rules that place a line the one that knows more speaks last.
                owners.extend(session::owners(&lines).into_iter().map(why(PlacedBy::Session)));
                let found = solo::owners(&lines);
                owners.extend(found.is.into_iter().map(why(PlacedBy::Alone)));
                may_be = found.may_be;
            }
        }
        let owners = owners.into_iter().filter(|(index, ..)| inside(&lines[*index]));
        let may_be = may_be.into_iter().filter(|(index, _)| inside(&lines[*index])).map(|(index, owner)| (at(&lines[index]), owner)).collect();
        Ok(Owners::new(owners.map(|(index, owner, why)| (at(&lines[index]), (owner, why))).collect(), may_be))
    }
}

/// Labels that only say that something was handed over.
pub(super) fn says_handed(label: &str) -> bool {
    let last = label.rsplit('.').next().unwrap_or_default();
    ["dispatched", "spawned", "downstream", "delegated"].iter().any(|word| last.eq_ignore_ascii_case(word))
}

/// Lines that hand a unit over under a name that says nothing prove it when one unit alone does, no line of the unit's own tells of a parent, and the
/// unit began no earlier (a second for clocks; moments where only the text names it, for that a line comes first is all it says). A request is handed over only where the name says that something was.
pub(super) fn may_be_handed(unit: &WorkRef, handed: &[Rc<Item>], own: &[Rc<Item>]) -> bool {
    let subjects: BTreeSet<&Arc<str>> = handed.iter().filter_map(|item| item.subject()).map(|s| &s.key).collect();
    // What another service calls its request may be the unit itself.
    let above =
        |r: &WorkRef| r.key != unit.key && (r.relation == IdRelation::Parent || (r.relation == IdRelation::Own && roles::level(r.kind) == 0 && roles::level(unit.kind) > 0));
    // Whose path holds it asks about it; so does who names it behind the hand-over, in the service that handed it over.
    let first_told = handed.iter().filter_map(|item| item.time_ns).min();
    let is_behind =
        |item: &Item| item.verb != Verb::Queue && first_told.zip(item.time_ns).is_some_and(|(told, at)| told < at) && handed.iter().all(|h| h.service() == item.service());
    let is_asked = |item: &Item| item.reference(&unit.key).is_some_and(|r| link::asks_about(item, r));
    let states = |item: &Item| item.refs.iter().any(|r| r.relation == IdRelation::Parent && r.kind != IdKind::Span && r.key != unit.key);
    let knows_parent = own.iter().any(|item| item.refs.len() > 1 && item.refs.iter().any(above) && (states(item) || !(is_behind(item) || is_asked(item))));
    let said = handed.iter().all(|item| item.entry.ids.iter().any(|id| says_handed(&id.label) && roles::unit_key(id).as_deref() == Some(&*unit.key)));
    let first = own.iter().filter_map(|item| item.time_ns).min();
    let is_told = handed.iter().any(|item| item.entry.ids.iter().any(|id| &*id.label == UNNAMED && roles::unit_key(id).as_deref() == Some(&*unit.key)));
    let times = || handed.iter().filter_map(|item| item.time_ns);
    let named = if is_told { times().min() } else { times().max() };
    let slack = if is_told { 20_000_000 } else { 1_000_000_000 };
    let is_before = named.zip(first).map_or(!is_told, |(named, first)| named <= first.saturating_add(slack));
    subjects.len() == 1 && !knows_parent && is_before && (unit.kind == IdKind::Task || said)
}

/// Errors that hold the id of a call tell who made it, when they are of one unit, no line of the call's own tells, and the first of them comes as
/// the call ends.
fn may_have_made(failed: &[Rc<Item>], own: &[Rc<Item>]) -> bool {
    let subjects: BTreeSet<&Arc<str>> = failed.iter().filter_map(|item| item.subject()).map(|s| &s.key).collect();
    let is_above = failed.iter().filter_map(|item| item.subject()).all(|s| roles::level(s.kind) < roles::CALL_LEVEL);
    let above = |r: &WorkRef| r.relation == IdRelation::Parent || (r.relation == IdRelation::Own && roles::level(r.kind) < roles::CALL_LEVEL);
    let knows_parent = own.iter().any(|item| item.refs.iter().any(above));
    let ended = own.iter().filter_map(|item| item.time_ns).max();
    let told = failed.iter().filter_map(|item| item.time_ns).min();
    let is_at_end = told.zip(ended).is_some_and(|(told, ended)| told.abs_diff(ended) <= TOLD_WITHIN_NS);
    subjects.len() == 1 && is_above && !knows_parent && is_at_end
}

/// The line with a unit that it names, though not by a name that says so.
pub(super) fn with_unit(item: &Item, unit: WorkRef) -> Item {
    let mut item = item.clone();
    item.refs.push(unit);
    item
}

/// The line with the unit it is of.
pub(super) fn with_owner(item: &Item, owner: WorkRef, why: PlacedBy) -> Item {
    Item { placed_by: Some(why), ..with_unit(item, owner) }
}
