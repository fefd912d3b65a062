//! Fetches the lines that name no unit for [`Assembler`]: those of a thread or worker, and those of a source in which one task ran alone.
//!
//! Guarantees: what belongs is decided by `reconstruct::lanes` and `reconstruct::solo` from the lines of a stretch of time that does not depend
//! on the id that was asked; a stretch that is too busy is left alone. It decides nothing itself.

use super::assemble::{Assembler, Fetched, LineSource, Place, at};
use crate::{
    model::{id::IdRelation, trace::PlacedBy},
    reconstruct::{
        build::Tree,
        item::{self, Item, WorkRef},
        lanes, solo,
    },
};
use std::{collections::BTreeMap, rc::Rc, sync::Arc};

/// Most lines read of a piece of a lane.
const MAX_LINES_OF_LANE: usize = 1_000;
/// Most lines read of a piece of time of a source.
const MAX_LINES_OF_SOURCE: u64 = 600;
/// Lines of a piece of time of one source that name no unit, and the task they are of.
pub(super) type Owners = BTreeMap<Place, WorkRef>;

impl<S: LineSource> Assembler<'_, S> {
    /// Lines without an id that a thread or worker wrote while it ran a unit of the tree. A lane that is too busy to be looked through is left.
    pub(super) fn lines_of_lanes(&mut self, tree: &Tree, lines: &mut BTreeMap<Place, Rc<Item>>) -> Result<(), S::Error> {
        for window in lanes::windows(lines.values().map(Rc::as_ref)) {
            if window.free_terms().all(|term| self.source.count(&term) == 0) {
                continue;
            }
            let mut found: BTreeMap<Place, Rc<Item>> = BTreeMap::new();
            for term in window.terms() {
                let places = self.source.places(&term, MAX_LINES_OF_LANE)?;
                if places.len() >= MAX_LINES_OF_LANE {
                    found.clear();
                    break;
                }
                for place in places {
                    found.insert(place, self.item(place)?);
                }
            }
            let mut lane: Vec<Item> = found.into_values().filter(|item| window.holds(&item.entry)).map(Rc::unwrap_or_clone).collect();
            item::sort(&mut lane);
            for (index, unit) in lanes::place(&lane, tree) {
                let item = lanes::as_line_of(lane[index].clone(), tree, &unit);
                lines.entry(at(&item)).or_insert_with(|| Rc::new(item));
            }
        }
        Ok(())
    }

    /// Lines that name no unit, written while this one alone ran in its source.
    pub(super) fn lines_of_alone(&mut self, key: &Arc<str>, fetched: &Fetched) -> Result<Vec<Rc<Item>>, S::Error> {
        let mut extents: BTreeMap<Arc<str>, (i64, i64)> = BTreeMap::new();
        for item in fetched.items.iter().filter(|i| i.reference(key).is_some_and(|r| r.relation == IdRelation::Own)) {
            let Some(piece) = solo::piece_of(&item.entry) else { continue };
            let extent = extents.entry(item.entry.source.clone()).or_insert((piece, piece));
            *extent = (extent.0.min(piece), extent.1.max(piece));
        }
        let mut out = Vec::new();
        for (source, (first, last)) in extents.into_iter().filter(|(_, (first, last))| last - first < lanes::MAX_PIECES) {
            for block in first.div_euclid(solo::BLOCK)..=last.div_euclid(solo::BLOCK) {
                for (place, owner) in self.owners(&source, block * solo::BLOCK)?.iter().filter(|(_, owner)| owner.key == *key) {
                    let item = self.item(*place)?;
                    out.push(Rc::new(with_owner(&item, owner.clone())));
                }
            }
        }
        Ok(out)
    }

    pub(super) fn owner(&mut self, item: &Item) -> Result<Option<WorkRef>, S::Error> {
        let Some(piece) = solo::piece_of(&item.entry) else { return Ok(None) };
        Ok(self.owners(&item.entry.source.clone(), piece)?.get(&at(item)).cloned())
    }

    /// The owners of the ownerless lines around a piece. A source too busy to be looked through has none.
    fn owners(&mut self, source: &Arc<str>, piece: i64) -> Result<Rc<Owners>, S::Error> {
        let block = piece.div_euclid(solo::BLOCK);
        if let Some(known) = self.owners.get(&(source.clone(), block)) {
            return Ok(known.clone());
        }
        let (first, last) = (block * solo::BLOCK, block * solo::BLOCK + solo::BLOCK - 1);
        let mut found: Vec<Item> = Vec::new();
        let terms: Vec<String> = (first - solo::PIECES_BEFORE..=last + solo::PIECES_AFTER).map(|piece| solo::source_term(source, piece)).collect();
        let is_any_free = (first..=last).any(|piece| self.source.count(&solo::free_term(source, piece)) > 0);
        if is_any_free && terms.iter().all(|term| self.source.count(term) <= MAX_LINES_OF_SOURCE) {
            for term in terms {
                for place in self.source.places(&term, MAX_LINES_OF_SOURCE as usize)? {
                    found.push((*self.item(place)?).clone());
                }
            }
        }
        found.retain(|item| *item.entry.source == **source);
        item::sort(&mut found);
        found.dedup_by_key(|item| at(item));
        let inside = |item: &Item| solo::piece_of(&item.entry).is_some_and(|piece| (first..=last).contains(&piece));
        let owners = solo::owners(&found).into_iter().filter(|(index, _)| inside(&found[*index]));
        let owners = Rc::new(owners.map(|(index, owner)| (at(&found[index]), owner)).collect::<Owners>());
        self.owners.insert((source.clone(), block), owners.clone());
        Ok(owners)
    }
}

/// The line with the unit it is of.
pub(super) fn with_owner(item: &Item, owner: WorkRef) -> Item {
    let mut item = item.clone();
    item.refs.push(owner);
    item.placed_by = Some(PlacedBy::Alone);
    item
}
