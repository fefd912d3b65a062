//! From any id to the whole tree of its request: up to the root, then down to every unit, with all their lines.
//!
//! Guarantees: the tree depends on the stored lines and the profile alone, not on the id it was asked by; caps are said, never silent.
//! Which unit hangs under which is decided by `reconstruct::link`; this file only fetches. Never climbs through a batch, a group or a
//! shared id.

use super::{
    about::{answers_request, asks_only, errors_name, handed_under_another_name, is_listed, kind_of, mentioned, naming, note_batch, only_follows, says_by, take},
    episodes::Divided,
    shared::Served,
    unnamed::{self, Owners},
};
use crate::{
    model::{
        entry::Entry,
        id::{IdKind, IdRelation},
        profile::Profile,
        trace::{Anomaly, AnomalyKind, LineRef, LinkRule, Neighbour, PlacedBy},
    },
    reconstruct::{
        item::{self, Item, WorkRef},
        link::{self, ParentLink, Parentage},
        roles, solo, stretch,
        tree::{Tree, Unit},
    },
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::{
    cell::OnceCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    sync::Arc,
};

/// Most units of one path.
pub const MAX_UNITS: usize = 50_000;
/// Most lines of one path.
pub const MAX_LINES: usize = 200_000;
/// Most lines read of one id: beyond it the id is a hub, its first lines are shown with the count.
pub const MAX_LINES_OF_ID: usize = 50_000;
/// Most records that an id may stand on whose name says nothing, to be looked up as work that is handed over.
const MAX_LINES_ELSEWHERE: u64 = 1_000;
/// Most steps from any id to its root.
pub(super) const MAX_CLIMB: usize = MAX_UNITS;
/// Deepest tree that is followed.
const MAX_DEPTH: u32 = MAX_UNITS as u32;

/// Where lines come from: the index, or memory in tests.
pub trait LineSource {
    /// What can go wrong while reading.
    type Error;
    /// How many records carry a term.
    fn count(&self, term: &str) -> u64;
    /// Where the entries stand that carry a term: those of at most `limit` records.
    fn places(&self, term: &str, limit: usize) -> Result<Vec<Place>, Self::Error>;
    /// The entry at a place that [`Self::places`] gave, with the path its file is shown under.
    fn load(&self, place: Place) -> Result<(Arc<Entry>, Arc<str>), Self::Error>;
    /// Where the record at such a place ends, newline included.
    fn end_of(&self, place: Place) -> Option<u64>;
}

/// `(file, start, sub)`: the key of an entry.
pub type Place = (u64, u64, u32);

pub(super) struct Fetched {
    pub(super) kind: IdKind,
    pub(super) items: Vec<Rc<Item>>,
    /// Lines that stand among these already, word for word.
    repeated: Vec<Rc<Item>>,
    total: u64,
    parentage: OnceCell<Rc<Parentage>>,
    pub(super) served: OnceCell<Rc<Served>>,
}

/// Fetches and links. Lives for one question, or for one roll-up over many roots.
pub struct Assembler<'a, S: LineSource> {
    pub(super) source: &'a S,
    pub(super) profile: &'a Profile,
    units: FxHashMap<Arc<str>, Rc<Fetched>>,
    pub(super) items: FxHashMap<Place, Rc<Item>>,
    pub(super) divided: Divided,
    pub(super) owners: FxHashMap<(stretch::Place, unnamed::Block), Rc<Owners>>,
    pub(super) blocks: FxHashMap<(stretch::Place, i64), unnamed::Block>,
    /// Whether a line that names no unit stands in a narrow block of time of a place.
    pub(super) free: FxHashMap<(stretch::Place, i64), bool>,
    /// Lines that may belong are looked for.
    pub(super) with_possible: bool,
}

impl<'a, S: LineSource> Assembler<'a, S> {
    /// An assembler with nothing fetched.
    pub fn new(source: &'a S, profile: &'a Profile) -> Self {
        Self {
            source,
            profile,
            units: FxHashMap::default(),
            items: FxHashMap::default(),
            divided: Divided::default(),
            owners: FxHashMap::default(),
            blocks: FxHashMap::default(),
            free: FxHashMap::default(),
            with_possible: true,
        }
    }

    /// The same where what may belong is not asked for: rows and averages count none of it.
    pub fn of_proved(source: &'a S, profile: &'a Profile) -> Self {
        Self { with_possible: false, ..Self::new(source, profile) }
    }

    /// The profile in force.
    pub fn profile(&self) -> &'a Profile {
        self.profile
    }

    /// Forgets what was fetched: roll-ups call it between trees to stay within memory.
    pub fn forget(&mut self) {
        self.units.clear();
        self.items.clear();
        self.divided = Divided::default();
        self.owners.clear();
        self.blocks.clear();
        self.free.clear();
    }

    /// The key of the root of a unit; `None` when no line is about the unit: what others only name as their parent has no path.
    pub fn root_of(&mut self, term: &str) -> Result<Option<Arc<str>>, S::Error> {
        let start: Arc<str> = term.into();
        if !self.has_own_lines(&start)? {
            return Ok(None);
        }
        let mut seen: FxHashSet<Arc<str>> = FxHashSet::default();
        let mut current = start;
        for _ in 0..MAX_CLIMB {
            seen.insert(current.clone());
            match self.parent(&current)? {
                Some(link) if !seen.contains(&link.parent) => current = link.parent,
                // A circle: its smallest key is the root, whatever id was asked by.
                Some(_) => return Ok(self.circle(&current)?.into_iter().min().or(Some(current))),
                None => break,
            }
        }
        Ok(Some(current))
    }

    fn circle(&mut self, from: &Arc<str>) -> Result<Vec<Arc<str>>, S::Error> {
        let mut members = vec![from.clone()];
        let mut current = from.clone();
        for _ in 0..MAX_CLIMB {
            let Some(link) = self.parent(&current)? else { break };
            if link.parent == *from {
                break;
            }
            current = link.parent;
            members.push(current.clone());
        }
        Ok(members)
    }

    /// The tree of the request that a unit belongs to.
    pub fn tree(&mut self, term: &str) -> Result<Option<Tree>, S::Error> {
        let Some(root) = self.root_of(term)? else { return Ok(None) };
        self.tree_of_root(&root).map(Some)
    }

    /// The tree below a root.
    pub fn tree_of_root(&mut self, root: &Arc<str>) -> Result<Tree, S::Error> {
        let (tree, lines) = self.gather(root)?;
        Ok(settled(tree, lines))
    }

    /// The same, where no other tree is asked for: its lines are moved, not copied.
    pub fn into_tree_of_root(mut self, root: &Arc<str>) -> Result<Tree, S::Error> {
        let (tree, lines) = self.gather(root)?;
        drop(self);
        Ok(settled(tree, lines))
    }

    fn gather(&mut self, root: &Arc<str>) -> Result<(Tree, Vec<Rc<Item>>), S::Error> {
        let mut tree = Tree { root: root.clone(), ..Tree::default() };
        let mut lines: BTreeMap<(u64, u64, u32), Rc<Item>> = BTreeMap::new();
        let mut possible: BTreeMap<Place, Rc<Item>> = BTreeMap::new();
        let mut queue: VecDeque<(Arc<str>, Option<ParentLink>, u32)> = VecDeque::from([(root.clone(), None, 0)]);
        let mut neighbours: BTreeMap<(String, String), Neighbour> = BTreeMap::new();
        let mut listed_only: FxHashSet<Arc<str>> = FxHashSet::default();
        let mut left_out = 0_u64;
        while let Some((key, parent, depth)) = queue.pop_front() {
            if tree.units.contains_key(&key) {
                continue;
            }
            if tree.units.len() >= MAX_UNITS || lines.len() >= MAX_LINES {
                left_out += 1;
                continue;
            }
            let fetched = self.fetch(&key)?;
            add_unit(&mut tree, &key, &fetched, parent, depth);
            if listed_only.contains(&key) {
                continue;
            }
            if fetched.total > fetched.items.len() as u64 && fetched.total > MAX_LINES_OF_ID as u64 {
                tree.anomalies.push(Anomaly {
                    kind: AnomalyKind::HubRefused,
                    text: format!("{} stands on {} lines; the first {} are used", display(&tree, &key), fetched.total, fetched.items.len()),
                    lines: fetched.items.iter().take(1).map(|i| i.line.clone()).collect(),
                });
            }
            let asked_by = self.parentage(&key)?;
            let only_listed = fetched.items.iter().all(|item| is_listed(item, &key));
            let others = self.of_others(&fetched, &asked_by, &tree)?;
            let is_of_it =
                |item: &&Rc<Item>| !asks_only(item, &key, &asked_by) && !only_follows(item, &key) && (others.is_empty() || !item.refs.iter().any(|r| others.contains(&r.key)));
            for item in fetched.items.iter().chain(&fetched.repeated).filter(is_of_it) {
                if !only_listed && is_listed(item, &key) {
                    note_batch(item, &mut neighbours);
                    continue;
                }
                take(&mut lines, item);
            }
            if depth >= MAX_DEPTH {
                continue;
            }
            let unnamed = self.unnamed_lines(&key, &fetched)?;
            if self.with_possible {
                let may_belong = unnamed.possible.iter().cloned().chain(self.possible_lines(&key, &fetched.items)?);
                possible.extend(may_belong.map(|item| (at(&item), item)));
            }
            for item in &unnamed.lines {
                lines.entry(at(item)).or_insert_with(|| item.clone());
            }
            let elsewhere = self.named_elsewhere(&fetched.items)?;
            for (candidate, relation) in mentioned(fetched.items.iter().chain(&unnamed.lines), &key).into_iter().chain(elsewhere) {
                if tree.units.contains_key(&candidate) {
                    continue;
                }
                self.consider(&key, candidate, relation, depth, &tree, &mut queue, &mut listed_only, &mut neighbours)?;
            }
        }
        self.note_above(root, &mut tree)?;
        if let Some(why) = self.is_of_many(root)? {
            let text = format!("{} {why}: it is a number of two things, whose lines stand here side by side", display(&tree, root));
            tree.anomalies.push(Anomaly { kind: AnomalyKind::ReusedId, text, lines: Vec::new() });
        }
        if left_out > 0 {
            tree.anomalies.push(Anomaly { kind: AnomalyKind::Capped, text: format!("{left_out} further units are left out"), lines: Vec::new() });
        }
        tree.links = neighbours.into_values().collect();
        possible.retain(|place, _| !lines.contains_key(place));
        tree.possible = possible.into_values().map(|item| Item::clone(&item)).collect();
        item::sort(&mut tree.possible);
        // A line whose only ids here are those of a shared unit belongs to no one request.
        Ok((tree, lines.into_values().collect()))
    }

    /// Units that lines name under a word that says neither kind nor owner (`follow_up_id`): known as work by lines of their own.
    fn named_elsewhere(&mut self, items: &[Rc<Item>]) -> Result<Vec<(Arc<str>, IdRelation)>, S::Error> {
        let handed = items.iter().flat_map(|item| item.entry.ids.iter().filter_map(|id| handed_under_another_name(item, id)));
        let mut keys: Vec<Arc<str>> = handed.chain(items.iter().flat_map(|item| errors_name(item).map(Into::into))).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut out = Vec::new();
        for key in keys {
            // What stands on more records is handed over by none of them.
            if self.count(&key) <= MAX_LINES_ELSEWHERE && !self.fetch(&key)?.items.is_empty() {
                out.push((key, IdRelation::Child));
            }
        }
        Ok(out)
    }

    /// Whether a unit that stands on lines of `key` is its child; queues it, lists it, or notes it as a neighbour.
    #[expect(clippy::too_many_arguments, reason = "one step of the walk, split off for its length")]
    fn consider(
        &mut self,
        key: &Arc<str>,
        candidate: Arc<str>,
        relation: IdRelation,
        depth: u32,
        tree: &Tree,
        queue: &mut VecDeque<(Arc<str>, Option<ParentLink>, u32)>,
        listed_only: &mut FxHashSet<Arc<str>>,
        neighbours: &mut BTreeMap<(String, String), Neighbour>,
    ) -> Result<(), S::Error> {
        let parentage = self.parentage(&candidate)?;
        queue.extend(self.asked(key, &parentage)?.into_iter().map(|(server, link)| (server, Some(link), depth + 1)));
        let shared = self.is_shared(&parentage)?;
        if shared {
            listed_only.insert(candidate.clone());
            let link = parentage.candidates.iter().find(|c| c.parent == *key).cloned();
            if let Some(link) = link {
                let word = self.word(&candidate)?;
                neighbours.entry((word.clone(), "shared".into())).or_insert(Neighbour { to: word, rule: "shared".into(), lines: link.lines.clone() });
            }
            return Ok(());
        }
        match self.parent(&candidate)? {
            Some(link) if link.parent == *key || tree.units.contains_key(&link.parent) => queue.push_back((candidate, Some(link), depth + 1)),
            chosen => {
                let rule = if parentage.polled_by.iter().any(|r| r == key || tree.units.contains_key(r)) {
                    Some("poll")
                } else if relation == IdRelation::RetryOf {
                    Some("retry_of")
                } else if chosen.is_some() && parentage.candidates.iter().any(|c| c.parent == *key && c.rule == LinkRule::Batch) {
                    Some("batch")
                } else {
                    None
                };
                if let Some(rule) = rule {
                    let word = self.word(&candidate)?;
                    let fetched = self.fetch(key)?;
                    let mut lines: Vec<LineRef> = fetched.items.iter().filter(|i| i.reference(&candidate).is_some()).map(|i| i.line.clone()).collect();
                    lines.sort_unstable();
                    lines.truncate(3);
                    neighbours.entry((word.clone(), rule.into())).or_insert(Neighbour { to: word, rule: rule.into(), lines });
                }
            }
        }
        Ok(())
    }

    /// What stands above the root: a parent that no line shows, or one that stands below it.
    fn note_above(&mut self, root: &Arc<str>, tree: &mut Tree) -> Result<(), S::Error> {
        if let Some(link) = self.parent(root)? {
            let text = format!("{} is stated to be above {}, below which it stands: a circle, cut here", display(tree, &link.parent), display(tree, root));
            tree.anomalies.push(Anomaly { kind: AnomalyKind::Cycle, text, lines: link.lines });
        }
        let parentage = self.parentage(root)?;
        for candidate in &parentage.candidates {
            if candidate.rule == LinkRule::StatedParent && !self.has_own_lines(&candidate.parent)? {
                let fetched = self.fetch(&candidate.parent)?;
                let named = naming(&fetched.items, &candidate.parent);
                // Work is done by users, too.
                if named.is_some_and(|r| says_by(&r.label)) {
                    continue;
                }
                let written = named.map_or_else(|| candidate.parent.replace('\u{1f}', " "), |r| r.value.to_string());
                let text = format!("{} names a parent that no line shows: {written}", display(tree, root));
                tree.anomalies.push(Anomaly { kind: AnomalyKind::Orphan, text, lines: candidate.lines.clone() });
            }
        }
        Ok(())
    }

    /// What kind of id a unit of work is, in the words of documents.
    pub fn kind_word(&mut self, term: &str) -> Result<&'static str, S::Error> {
        let key: Arc<str> = term.into();
        let fetched = self.fetch(&key)?;
        Ok(naming(&fetched.items, &key).map_or("id", |r| roles::kind_word(fetched.kind, &r.label)))
    }

    fn word(&mut self, key: &Arc<str>) -> Result<String, S::Error> {
        let fetched = self.fetch(key)?;
        let found = naming(&fetched.items, key).map(|r| format!("{}:{}", roles::kind_word(fetched.kind, &r.label), r.value));
        Ok(found.unwrap_or_else(|| key.to_string()))
    }

    /// The tree parent: the best candidate that has lines of its own and may be climbed to.
    pub(super) fn parent(&mut self, key: &Arc<str>) -> Result<Option<ParentLink>, S::Error> {
        let parentage = self.parentage(key)?;
        if self.is_shared(&parentage)? {
            return Ok(None);
        }
        let kind = self.fetch(key)?.kind;
        for candidate in &parentage.candidates {
            // A trace stands inside a task, and a request is a task's call, only if the task is not itself under it.
            let is_inner = matches!(kind, IdKind::Trace | IdKind::Request) && candidate.kind == IdKind::Task;
            if candidate.rule == LinkRule::Batch || (is_inner && self.is_below(&candidate.parent, key)?) {
                continue;
            }
            if self.has_own_lines(&candidate.parent)?
                && self.may_have_started(key, candidate)?
                && !self.holds_many_requests(kind, candidate)?
                && !self.is_shared_unit(&candidate.parent)?
            {
                return Ok(Some(self.nearest(kind, candidate, &parentage)?.clone()));
            }
        }
        Ok(None)
    }

    /// A trace id above two requests of one service and label is a session or a batch: it is no parent of either.
    fn holds_many_requests(&mut self, kind: IdKind, candidate: &ParentLink) -> Result<bool, S::Error> {
        if kind != IdKind::Request || candidate.kind != IdKind::Trace {
            return Ok(false);
        }
        let fetched = self.fetch(&candidate.parent)?;
        let mut values: FxHashMap<(&str, &str), &str> = FxHashMap::default();
        for item in &fetched.items {
            for r in item.refs.iter().filter(|r| r.kind == IdKind::Request && r.relation == IdRelation::Own && !r.listed) {
                if *values.entry((item.service(), &r.label)).or_insert(&r.key) != &*r.key {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn has_own_lines(&mut self, key: &Arc<str>) -> Result<bool, S::Error> {
        let fetched = self.fetch(key)?;
        Ok(fetched.items.iter().any(|i| i.refs.iter().any(|r| r.key == *key && matches!(r.relation, IdRelation::Own | IdRelation::Child))))
    }

    pub(super) fn parentage(&mut self, key: &Arc<str>) -> Result<Rc<Parentage>, S::Error> {
        let fetched = self.fetch(key)?;
        if let Some(known) = fetched.parentage.get() {
            return Ok(known.clone());
        }
        // What hands the unit over may name nothing but it.
        let mut handed = Vec::new();
        for item in fetched.items.iter().filter(|item| solo::is_ownerless(item)) {
            if let Some((owner, why)) = self.owner(item)? {
                handed.push(unnamed::with_owner(item, owner, why));
            }
        }
        let items: Vec<&Item> = fetched.items.iter().map(Rc::as_ref).chain(handed.iter()).collect();
        let askers = self.askers(key, fetched.kind, &items)?;
        // Lines that name a unit as work: what only holds the value says nothing of which is above.
        let mut failed = None;
        let mut count = |key: &Arc<str>| match self.fetch(key) {
            Ok(fetched) => fetched.total,
            Err(error) => {
                failed = Some(error);
                0
            }
        };
        let mut found = link::parentage(key, fetched.kind, &items, &askers, &mut count);
        if let Some(error) = failed {
            return Err(error);
        }
        if found.candidates.is_empty() {
            found.candidates.extend(self.caller_of(key, &fetched)?);
        }
        Ok(fetched.parentage.get_or_init(|| Rc::new(found)).clone())
    }

    pub(super) fn fetch(&mut self, key: &Arc<str>) -> Result<Rc<Fetched>, S::Error> {
        if let Some(known) = self.units.get(key) {
            return Ok(known.clone());
        }
        let places = self.places_of(key)?;
        let records = places.len() as u64;
        let (mut items, mut mentions, mut handed, mut failed, mut answers) = (Vec::with_capacity(places.len()), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for place in places {
            let item = self.item(place)?;
            if item.reference(key).is_some() {
                items.push(item);
            } else if item.mention.as_ref() == Some(key) {
                mentions.push(item);
            } else if item.subject().is_some() && item.entry.ids.iter().any(|id| handed_under_another_name(&item, id).as_deref() == Some(key)) {
                handed.push(item);
            } else if item.subject().is_some() && errors_name(&item).any(|named| named == **key) {
                failed.push(item);
            } else if answers_request(&item).and_then(roles::unit_key).as_ref() == Some(key) {
                answers.push(item);
            }
        }
        let mut is_repeated = item::repeated(items.iter().map(Rc::as_ref)).into_iter();
        let (repeated, mut items) = items.into_iter().partition::<Vec<_>, _>(|_| is_repeated.next() == Some(true));
        if let Some(unit) = naming(&items, key).map(|r| WorkRef { kind: kind_of(key, &items), ..r.as_own() }) {
            let child = || WorkRef { relation: IdRelation::Child, ..unit.clone() };
            if records <= MAX_LINES_ELSEWHERE && unnamed::may_be_handed(&unit, &handed, &items) {
                items.extend(handed.iter().map(|item| Rc::new(unnamed::with_unit(item, child()))));
            }
            if unit.kind == IdKind::Call && records <= MAX_LINES_ELSEWHERE && self.have_made(&failed, &items)? {
                items.extend(failed.iter().map(|item| Rc::new(unnamed::with_unit(item, child()))));
            }
            if unit.kind == IdKind::Request {
                items.extend(answers.iter().map(|item| Rc::new(unnamed::with_unit(item, unit.clone()))));
            }
            if unit.kind == IdKind::Task {
                items.extend(mentions.iter().map(|item| Rc::new(unnamed::with_owner(item, unit.clone(), PlacedBy::Text))));
            }
        }
        let total = if records >= MAX_LINES_OF_ID as u64 { self.count(key) } else { items.len() as u64 };
        let kind = kind_of(key, &items);
        let fetched = Rc::new(Fetched { kind, items, repeated, total, parentage: OnceCell::new(), served: OnceCell::new() });
        self.units.insert(key.clone(), fetched.clone());
        Ok(fetched)
    }
}

fn add_unit(tree: &mut Tree, key: &Arc<str>, fetched: &Fetched, parent: Option<ParentLink>, depth: u32) {
    let Some(r) = naming(&fetched.items, key) else { return };
    let unit = Unit { key: key.clone(), kind: fetched.kind, label: r.label.clone(), value: r.value.clone(), scope: r.scope.clone(), parent, depth };
    tree.units.insert(unit);
}

pub(super) fn at(item: &Item) -> (u64, u64, u32) {
    (item.entry.at.file.0, item.entry.at.start, item.entry.at.sub)
}

fn settled(mut tree: Tree, lines: Vec<Rc<Item>>) -> Tree {
    tree.items = lines.into_iter().map(Rc::unwrap_or_clone).collect();
    tree.settle();
    tree
}

fn display(tree: &Tree, key: &str) -> String {
    tree.units.get(key).map_or_else(|| key.replace('\u{1f}', " "), |u| format!("{} {}", roles::kind_word(u.kind, &u.label), u.value))
}
