//! What was gathered for one request: the units of its tree and their lines, before anything is drawn.
//!
//! Guarantees: once settled, units and lines stand in an order that depends on what they are alone; a line that was written twice counts once. Never
//! decides which lines belong: `query::assemble` asked `link` that.

use crate::{
    model::{
        format,
        id::{IdKind, IdRelation},
        trace::{Anomaly, AnomalyKind, LineRef, Neighbour},
    },
    reconstruct::{
        item::{self, Item},
        link::ParentLink,
        roles, tasks,
    },
};
use rustc_hash::FxHashMap;
use std::{collections::BTreeMap, sync::Arc};

/// Most lines named beside an oddity.
const MAX_SHOWN: usize = 20;

/// A unit of the tree.
#[derive(Debug, Clone)]
pub struct Unit {
    /// Index term.
    pub key: Arc<str>,
    /// Kind in force.
    pub kind: IdKind,
    /// The label it was found under first.
    pub label: Arc<str>,
    /// As written.
    pub value: Arc<str>,
    /// Scope of a weak id.
    pub scope: Option<Box<str>>,
    /// Its parent with proof; `None` for the root.
    pub parent: Option<ParentLink>,
    /// Steps from the root.
    pub depth: u32,
}

/// Units by key. Found by hash: every line of a path is asked for all it names, several times, and an order of texts is dear to walk.
#[derive(Debug, Clone, Default)]
pub struct Units {
    list: Vec<Unit>,
    place: FxHashMap<Arc<str>, usize>,
}

impl Units {
    /// Adds a unit, in place of one of the same key.
    pub fn insert(&mut self, unit: Unit) {
        if let Some(place) = self.place.get(&unit.key) {
            self.list[*place] = unit;
        } else {
            self.place.insert(unit.key.clone(), self.list.len());
            self.list.push(unit);
        }
    }

    /// The unit of a key.
    pub fn get(&self, key: &str) -> Option<&Unit> {
        self.place.get(key).map(|place| &self.list[*place])
    }

    /// The place of a unit among [`Self::values`].
    pub fn place(&self, key: &str) -> Option<usize> {
        self.place.get(key).copied()
    }

    /// The unit at a place.
    pub fn at(&self, place: usize) -> &Unit {
        &self.list[place]
    }

    /// Whether a key is of one of them.
    pub fn contains_key(&self, key: &str) -> bool {
        self.place.contains_key(key)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them; in the order of their keys once the tree is settled.
    pub fn values(&self) -> impl Iterator<Item = &Unit> {
        self.list.iter()
    }

    fn sort(&mut self) {
        self.list.shrink_to_fit();
        self.list.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        for (place, unit) in self.list.iter().enumerate() {
            self.place.insert(unit.key.clone(), place);
        }
    }
}

/// Everything found for one request.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Key of the root unit.
    pub root: Arc<str>,
    /// Its units.
    pub units: Units,
    /// Every line, sorted by [`item::sort`].
    pub items: Vec<Item>,
    /// Lines that stand twice, word for word, and count once; the other stands in `items`.
    pub repeated: Vec<LineRef>,
    /// Lines that may belong and are not proved: they decide nothing.
    pub possible: Vec<Item>,
    /// Oddities found while linking.
    pub anomalies: Vec<Anomaly>,
    /// Neighbours that are not part of the path.
    pub links: Vec<Neighbour>,
    /// For units whose parent goes by another name than the one its proof knows it by: that name.
    pub proved_by: FxHashMap<Arc<str>, Arc<str>>,
    /// Time covered by each source (by name), for the words of what is missing.
    pub coverage: Vec<(String, i64, i64)>,
}

impl Tree {
    /// Brings units and lines into their order; called once after all were gathered.
    pub fn settle(&mut self) {
        self.units.sort();
        self.sort_lines();
        self.items.dedup_by(|a, b| a.entry.at == b.entry.at);
        self.set_repeated_apart();
        self.note_untimed();
        tasks::settle(self);
    }

    /// Hangs what stands below a name of a unit below the name that it goes by.
    pub(super) fn rename_parents(&mut self, whole_of: &FxHashMap<Arc<str>, Arc<str>>) {
        for unit in &mut self.units.list {
            let Some(link) = &mut unit.parent else { continue };
            if let Some(whole) = whole_of.get(&link.parent).filter(|whole| **whole != unit.key) {
                self.proved_by.insert(unit.key.clone(), std::mem::replace(&mut link.parent, whole.clone()));
            }
        }
    }

    /// Hangs a task of which lines say but whose request it is of below the run that handed it over, if it does not stand above that.
    pub(super) fn hang_below_run(&mut self, child: &Arc<str>, link: ParentLink, run: &Arc<str>) {
        let parent_of = |key: &Arc<str>| self.units.get(key).and_then(|unit| unit.parent.as_ref()).map(|link| link.parent.clone());
        let mut above = Some(run.clone());
        for _ in 0..self.units.len() {
            let Some(key) = above.filter(|key| key != child) else { return };
            above = parent_of(&key);
            if above.is_none() {
                break;
            }
        }
        let Some((place, depth)) = self.units.place.get(child).zip(self.units.get(run).map(|unit| unit.depth + 1)) else { return };
        let unit = &mut self.units.list[*place];
        if unit.parent.as_ref().is_some_and(|link| roles::level(link.kind) == 0) {
            if link.parent == *run {
                self.proved_by.remove(child);
            } else {
                self.proved_by.insert(child.clone(), link.parent.clone());
            }
            unit.parent = Some(ParentLink { parent: run.clone(), ..link });
            unit.depth = unit.depth.max(depth);
        }
    }

    /// Brings lines whose times were shifted into their order again.
    pub fn sort_lines(&mut self) {
        item::sort(&mut self.items);
    }

    /// What stands twice word for word is no second event.
    fn set_repeated_apart(&mut self) {
        let repeated = item::repeated(self.items.iter());
        if repeated.iter().all(|r| !r) {
            return;
        }
        let mut is_repeated = repeated.into_iter();
        let (again, once) = std::mem::take(&mut self.items).into_iter().partition::<Vec<Item>, _>(|_| is_repeated.next() == Some(true));
        self.items = once;
        let text = format::counted(again.len() as u64, "line was written again, word for word, and counts once", "lines were written again, word for word, and count once");
        let lines = again.iter().take(MAX_SHOWN).map(|item| item.line.clone()).collect();
        self.anomalies.push(Anomaly { kind: AnomalyKind::RepeatedLines, text, lines });
        self.repeated = again.into_iter().map(|item| item.line).collect();
    }

    fn note_untimed(&mut self) {
        let untimed = || self.items.iter().filter(|item| item.time_ns.is_none());
        let count = untimed().count();
        if count == 0 || count == self.items.len() {
            return;
        }
        let lines = untimed().take(MAX_SHOWN).map(|item| item.line.clone()).collect();
        let one = "line has no time, or one that cannot be: it stands behind the others and in no step";
        let text = format::counted(count as u64, one, "lines have no time, or one that cannot be: they stand behind the others and in no step");
        self.anomalies.push(Anomaly { kind: AnomalyKind::NoTime, text, lines });
    }

    /// The source that holds most of the unit's own work lines (starts, ends, lengths): where its worker writes.
    pub(super) fn main_source(&self, unit: &str, naming: &[usize]) -> Option<&Arc<str>> {
        let mut counts: BTreeMap<&Arc<str>, (u32, u32)> = BTreeMap::new();
        for item in naming.iter().map(|i| &self.items[*i]).filter(|i| i.reference(unit).is_some_and(|r| r.relation == IdRelation::Own)) {
            let alone = !item.refs.iter().any(|r| &*r.key != unit && r.relation == IdRelation::Own && roles::level(r.kind) == 0);
            let works = item.verb.is_start() || item.verb.is_terminal();
            let c = counts.entry(&item.entry.source).or_default();
            c.0 += u32::from(works) * 2 + u32::from(alone);
            c.1 += 1;
        }
        counts.into_iter().max_by_key(|(name, c)| (*c, std::cmp::Reverse(*name))).map(|(name, _)| name)
    }
}
