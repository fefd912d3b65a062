//! Fetches what tells requests of one number apart, for [`Assembler`]: every line that bears the number.
//!
//! Guarantees: a line is given the same request whichever id it was found by. It decides nothing itself: `reconstruct::episodes` does.

use super::assemble::{Assembler, LineSource, MAX_LINES_OF_ID, Place};
use crate::reconstruct::{
    episodes::{self, Episodes, may_recur},
    item::{Item, WorkRef},
    roles,
};
use rustc_hash::FxHashMap;
use std::{collections::BTreeMap, rc::Rc, sync::Arc};

/// What was found out about numbers, and the lines it was found from.
#[derive(Default)]
pub(super) struct Divided {
    /// Lines as they are read, before their numbers are told apart.
    read: FxHashMap<Place, Rc<Item>>,
    numbers: FxHashMap<Arc<str>, Option<Rc<Number>>>,
}

/// A number of several requests.
struct Number {
    episodes: Episodes,
    places: BTreeMap<Arc<str>, Vec<Place>>,
}

impl<S: LineSource> Assembler<'_, S> {
    /// The units of a number that several requests bear; none where it is one's.
    pub fn episodes_of(&mut self, base: &str) -> Result<Vec<Arc<str>>, S::Error> {
        // Whether the number may be several is told by its lines.
        let places = self.source.places(base, 1)?;
        let mut may = false;
        for place in places {
            may |= self.read(place)?.refs.iter().any(|r| *r.key == *base && may_recur(r));
        }
        let number = if may { self.number(&base.into())? } else { None };
        Ok(number.map_or_else(Vec::new, |n| n.places.keys().cloned().collect()))
    }

    /// The line with the units that the numbers on it stand for.
    pub fn told_apart(&mut self, item: &Item) -> Result<Option<Item>, S::Error> {
        let mut out: Option<Item> = None;
        for (index, r) in item.refs.iter().enumerate().filter(|(_, r)| may_recur(r)) {
            if let Some(number) = self.number(&r.key)? {
                let key = number.episodes.of(item).unwrap_or(number.episodes.undecided()).clone();
                let scope = key.split_once('\u{1f}').map(|(_, scope)| scope.into());
                out.get_or_insert_with(|| item.clone()).refs[index] = WorkRef { key, scope, ..r.clone() };
            }
        }
        Ok(out)
    }

    pub(super) fn item(&mut self, place: Place) -> Result<Rc<Item>, S::Error> {
        if let Some(known) = self.items.get(&place) {
            return Ok(known.clone());
        }
        let read = self.read(place)?;
        let item = self.told_apart(&read)?.map_or(read, Rc::new);
        self.items.insert(place, item.clone());
        Ok(item)
    }

    /// Where the lines of a unit stand: those of its number, if it is one of several of that number.
    pub(super) fn places_of(&mut self, key: &str) -> Result<Vec<Place>, S::Error> {
        let Some((base, _)) = episodes::base_of(key) else { return self.written_under(key) };
        Ok(self.number(&base.into())?.and_then(|number| number.places.get(key).cloned()).unwrap_or_default())
    }

    /// A number that counts in one scope may be written under several.
    fn written_under(&self, key: &str) -> Result<Vec<Place>, S::Error> {
        let terms = roles::terms_of(key, self.profile);
        if let [only] = &*terms {
            return self.source.places(only, MAX_LINES_OF_ID);
        }
        let mut out: Vec<Place> = Vec::new();
        for term in terms {
            out.extend(self.source.places(&term, MAX_LINES_OF_ID)?);
        }
        out.sort_unstable();
        out.dedup();
        out.truncate(MAX_LINES_OF_ID);
        Ok(out)
    }

    /// How many records name a unit.
    pub fn count(&self, key: &str) -> u64 {
        roles::terms_of(key, self.profile).iter().map(|term| self.source.count(term)).sum()
    }

    fn read(&mut self, place: Place) -> Result<Rc<Item>, S::Error> {
        if let Some(known) = self.divided.read.get(&place) {
            return Ok(known.clone());
        }
        let (entry, shown) = self.source.load(place)?;
        let item = Rc::new(Item::new(entry, &shown, self.profile));
        if item.refs.iter().any(may_recur) {
            self.divided.read.insert(place, item.clone());
        }
        Ok(item)
    }

    fn number(&mut self, base: &Arc<str>) -> Result<Option<Rc<Number>>, S::Error> {
        if let Some(known) = self.divided.numbers.get(base) {
            return Ok(known.clone());
        }
        let mut lines: Vec<(Place, Rc<Item>)> = Vec::new();
        for place in self.source.places(base, MAX_LINES_OF_ID)? {
            lines.push((place, self.read(place)?));
        }
        lines.retain(|(_, item)| item.reference(base).is_some());
        let items: Vec<Rc<Item>> = lines.iter().map(|(_, item)| item.clone()).collect();
        let found = episodes::of(base, &items).map(|episodes| {
            let mut places: BTreeMap<Arc<str>, Vec<Place>> = BTreeMap::new();
            for (place, item) in &lines {
                if let Some(key) = episodes.of(item) {
                    places.entry(key.clone()).or_default().push(*place);
                }
            }
            Rc::new(Number { episodes, places })
        });
        self.divided.numbers.insert(base.clone(), found.clone());
        Ok(found)
    }
}
