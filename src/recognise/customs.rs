//! What the lines of a source teach about the others: counted while they are read, applied as decided.
//!
//! Guarantees: a reading is a function of the record, the name of its source and the customs the reader was told; bounded memory, whatever the
//! keys and however many sources. What is decided from the counts stands in `model::habits`; what the user says in the settings goes first.

use crate::{
    model::{
        entry::Entry,
        habits::{Customs, Habits, Lack, MAX_KEYS},
        id::{IdKind, IdRef, IdRelation, is_strong},
        time::Instant,
    },
    recognise::{
        length,
        meaning::{KindRule, Meaning},
        names::Names,
        plan::{Plan, Watch, Watched},
        role::Role,
        scan::{Kind, Leaf},
        settings::Saying,
        severity::{self, Scale},
        table::Tables,
        values::{absent, instant_of},
    },
};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Most sources whose lines are counted.
const MAX_SOURCES: usize = 256;
/// Most units of work of a source whose first line is remembered.
const MAX_FIRSTS: usize = 2_048;
/// Instants of an unnamed clock: 2010 to 2045.
const CLOCK_S: std::ops::Range<i64> = 1_262_304_000..2_366_841_600;

/// Customs in force for a source, ready to be asked.
#[derive(Debug, Default)]
pub struct Active {
    /// Plans are kept apart by it; 0: nothing is decided.
    pub id: u32,
    /// Convention of lines that nearly have its signature.
    pub convention: Option<usize>,
    /// The user named the convention: no signature is asked for.
    pub imposed: bool,
    /// Key such lines begin with.
    pub first_key: Option<String>,
    /// Key → what it is.
    pub keys: FxHashMap<String, Saying>,
    /// Keys among them that the lines taught.
    pub learned: FxHashSet<String>,
    /// Scale of numeric severities.
    pub scale: Option<Scale>,
}

impl Active {
    /// Customs as decided, under what the settings say of the source.
    pub fn new(source: &str, customs: &Customs, tables: &Tables) -> Self {
        let find = |name: &String| tables.conventions.iter().position(|v| v.name == name);
        let mut keys: FxHashMap<String, Saying> = customs.keys.iter().filter_map(|(key, word)| Some((key.clone(), Saying::read(word).ok()?))).collect();
        let mut learned: FxHashSet<String> = keys.keys().cloned().collect();
        let said = tables.settings.of(source);
        learned.retain(|key| !said.keys.iter().any(|(own, _)| *own == key));
        keys.extend(said.keys.iter().map(|(key, saying)| ((*key).clone(), Saying::clone(saying))));
        let imposed = said.convention.and_then(find);
        let mut out = Self {
            id: 0,
            convention: imposed.or_else(|| customs.convention.as_ref().and_then(find)),
            imposed: imposed.is_some(),
            first_key: customs.first_key.clone(),
            keys,
            learned,
            scale: customs.scale.as_deref().and_then(Scale::of_word),
        };
        if out.convention.is_some() || !out.keys.is_empty() || out.scale.is_some() {
            let mut hasher = FxHasher::default();
            let mut all: Vec<String> = out.keys.iter().map(|(key, saying)| format!("{key}={saying:?}")).collect();
            all.sort();
            (all, out.convention, out.imposed, &out.first_key, customs.scale.as_deref()).hash(&mut hasher);
            out.id = (hasher.finish() >> 32) as u32 | 1;
        }
        out
    }

    /// The unit its lines taught for a length.
    pub fn unit(&self, role: Role, key: &str) -> Option<length::Unit> {
        match self.keys.get(key) {
            Some(Saying::Role(of, unit)) if *of == role => *unit,
            _ => None,
        }
    }
}

/// What was counted of the sources of some lines.
#[derive(Debug, Default)]
pub struct Counted {
    /// By source.
    pub habits: BTreeMap<String, Habits>,
    /// The customs each source was read under, counted or not.
    pub read_under: BTreeMap<String, u32>,
}

/// A source, as one reader knows it.
#[derive(Debug, Default)]
struct Known {
    name: Arc<str>,
    active: Arc<Active>,
    /// Lines of it were read since the counts were taken.
    read: bool,
    habits: Habits,
    /// Times of a unit of work, once a length without a unit was met.
    works: Option<FxHashMap<u64, Times>>,
    /// The last instant of a key that may be a clock.
    lasts: FxHashMap<Box<str>, i64>,
}

/// What a reader knows of the sources it reads.
#[derive(Debug, Default)]
pub struct Sources {
    list: Vec<Known>,
    by_name: FxHashMap<Arc<str>, usize>,
    now: usize,
    told: Arc<BTreeMap<String, Customs>>,
    counting: bool,
    /// (source, plan) → lines.
    counts: FxHashMap<(u32, u32), u64>,
}

impl Sources {
    /// What was decided of all sources; those met before are looked up anew.
    pub fn tell(&mut self, told: Arc<BTreeMap<String, Customs>>, tables: &Tables) {
        self.told = told;
        let none = Customs::default();
        for known in &mut self.list {
            known.active = Arc::new(Active::new(&known.name, self.told.get(&*known.name).unwrap_or(&none), tables));
        }
    }

    /// What is decided of the current source from its own lines alone; whether that is new. What was counted for it never was.
    pub fn decide(&mut self, tables: &Tables) -> bool {
        let Some(known) = self.list.get_mut(self.now) else { return false };
        let before = known.active.id;
        known.active = Arc::new(Active::new(&known.name, &known.habits.customs(), tables));
        (known.habits, known.lasts) = Default::default();
        known.active.id != before
    }

    /// Begins to count.
    pub fn count(&mut self, yes: bool) {
        self.counting = yes;
    }

    /// The lines that follow are of this source.
    pub fn enter(&mut self, source: &Arc<str>, tables: &Tables) {
        if self.list.get(self.now).is_none_or(|k| !Arc::ptr_eq(&k.name, source) && k.name != *source) {
            self.now = self.by_name.get(source).copied().unwrap_or_else(|| self.add(source, tables));
        }
        if let Some(known) = self.list.get_mut(self.now) {
            known.read = true;
        }
    }

    fn add(&mut self, source: &Arc<str>, tables: &Tables) -> usize {
        let none = Customs::default();
        let active = Arc::new(Active::new(source, self.told.get(&**source).unwrap_or(&none), tables));
        let at = self.list.len();
        self.by_name.insert(source.clone(), at);
        self.list.push(Known { name: source.clone(), active, ..Known::default() });
        at
    }

    /// What is in force for the current source.
    pub fn active(&self) -> Arc<Active> {
        self.list.get(self.now).map_or_else(Arc::default, |k| k.active.clone())
    }

    /// The scale of its severities.
    pub fn scale(&self) -> Option<Scale> {
        self.list.get(self.now).and_then(|k| k.active.scale)
    }

    /// Its number alone.
    pub fn active_id(&self) -> u32 {
        self.list.get(self.now).map_or(0, |k| k.active.id)
    }

    /// Counts one line.
    pub fn observe(&mut self, plan: &Plan, leaves: &[Leaf<'_>], entry: &Entry) {
        if !self.counting || self.now >= MAX_SOURCES {
            return;
        }
        *self.counts.entry((self.now as u32, plan.number)).or_default() += 1;
        let Some(known) = self.list.get_mut(self.now) else { return };
        for watched in &plan.watched {
            known.value(leaves, watched, entry, plan);
        }
        if let Some(works) = &mut known.works {
            remember(works, entry);
        }
    }

    /// What was counted since. `plans` by their numbers.
    pub fn take(&mut self, plans: &[Arc<Plan>], names: &Names, tables: &Tables) -> Counted {
        self.settle(plans, names, tables);
        let mut out = Counted::default();
        for known in self.list.iter_mut().filter(|k| k.read) {
            known.read = false;
            out.read_under.insert(known.name.to_string(), known.active.id);
            if known.habits != Habits::default() {
                out.habits.insert(known.name.to_string(), std::mem::take(&mut known.habits));
            }
        }
        // Of more sources than these the newest are looked up again.
        if self.list.len() > 4 * MAX_SOURCES {
            self.list.truncate(MAX_SOURCES);
            self.by_name.retain(|_, at| *at < MAX_SOURCES);
        }
        out
    }

    /// Counts what was done with the keys of the plans met since, before the plans may be forgotten.
    pub fn settle(&mut self, plans: &[Arc<Plan>], names: &Names, tables: &Tables) {
        for ((source, plan), lines) in std::mem::take(&mut self.counts) {
            if let (Some(known), Some(plan)) = (self.list.get_mut(source as usize), plans.get(plan as usize)) {
                known.flush(plan, lines, names, tables);
            }
        }
    }
}

impl Known {
    /// One value of a key that is watched.
    fn value(&mut self, leaves: &[Leaf<'_>], watched: &Watched, entry: &Entry, plan: &Plan) {
        let leaf = &leaves[watched.leaf as usize];
        match watched.why {
            Watch::Level => {
                if let Ok(number) = leaf.raw.trim().parse::<i64>() {
                    self.habits.level_number(number, 1);
                    if let Some(word) = plan.level_word(leaves).filter(|_| severity::SMALL.contains(&number)) {
                        self.habits.level_word(&watched.key, number, word.word());
                    }
                }
            }
            Watch::Length => {
                let works = self.works.get_or_insert_default();
                let Some(bare) = leaf.raw.trim().parse::<f64>().ok().filter(|n| *n > 0.0 && n.is_finite()) else { return };
                // How fast a model wrote would tell more, but of models that are played in tests it tells wrongly.
                let Some((times, at)) = times(entry, works) else { return };
                let Some(seen) = self.habits.watch(&watched.key) else { return };
                seen.reaches(bare, times.recent.map(|before| at.unix_ns.saturating_sub(before) as f64));
                if let Some(gap) = times.gap(at) {
                    seen.length(bare, &(gap as f64 * 0.3..=gap as f64 * 1.05 + 2e6));
                }
            }
            Watch::Free if leaf.kind == Kind::Str && absent(leaf.raw) => {}
            Watch::Free => self.free(leaf, watched, plan),
        }
    }

    fn free(&mut self, leaf: &Leaf<'_>, watched: &Watched, plan: &Plan) {
        let Some(seen) = self.habits.watch(&watched.key) else { return };
        seen.lines += 1;
        let instant = clock_s(leaf);
        if let Some(at) = instant.filter(|_| plan.lacks(Lack::Time)) {
            let before = self.lasts.get_mut(&watched.key).map(|last| std::mem::replace(last, at));
            if before.is_none() && self.lasts.len() < MAX_KEYS {
                self.lasts.insert(watched.key.clone(), at);
            }
            seen.instant(at, before);
        }
        if leaf.kind == Kind::Str {
            if leaf.raw.len() <= 16 && severity::of_word(leaf.raw).is_some() {
                seen.word(leaf.raw);
            }
            seen.prose += u64::from(instant.is_none() && is_prose(leaf.raw));
        }
    }

    /// Lines of one plan: what was done with each of their keys.
    fn flush(&mut self, plan: &Plan, lines: u64, names: &Names, tables: &Tables) {
        let convention = plan.convention.filter(|_| !plan.followed).map_or("", |i| tables.conventions[i].name);
        let paths: Vec<u32> = plan.shape.iter().map(|s| s >> 4).collect();
        let first = paths.first().map(|path| names.dotted(*path)).unwrap_or_default();
        self.habits.led(convention, &first, lines);
        for lack in [Lack::Time, Lack::Level, Lack::Message] {
            self.habits.lacking[lack as usize] += if plan.lacks(lack) { lines } else { 0 };
        }
        let mut seen = FxHashSet::default();
        for (index, path) in paths.iter().enumerate().filter(|(_, path)| seen.insert(**path)) {
            self.habits.used(&names.dotted(*path), &plan.use_of(index as u16), lines);
        }
    }
}

/// An instant of a clock, in seconds. Ten digits and nothing else may be anything: an amount, a telephone, an issue of a token.
fn clock_s(leaf: &Leaf<'_>) -> Option<i64> {
    if leaf.raw.len() <= 10 && leaf.raw.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    instant_of(leaf).map(|t| t.unix_ns.div_euclid(1_000_000_000)).filter(|at| CLOCK_S.contains(at))
}

/// Three words at least.
fn is_prose(text: &str) -> bool {
    let is_word = |w: &&str| w.len() > 1 && w.bytes().all(|b| b.is_ascii_alphabetic() || !b.is_ascii() || matches!(b, b',' | b'.' | b':' | b'\''));
    text.split(' ').filter(is_word).nth(2).is_some()
}

/// The work a line is part of: its request or task before a call of that.
fn key_of(entry: &Entry) -> Option<u64> {
    let is_own = |i: &&IdRef| i.relation == IdRelation::Own && !i.listed && is_strong(&i.value, true);
    let rank = |i: &&IdRef| match i.kind {
        IdKind::Request | IdKind::Trace => 0,
        IdKind::Task => 1,
        _ => 2,
    };
    let id = entry.ids.iter().filter(is_own).min_by_key(rank)?;
    let mut hasher = FxHasher::default();
    id.value.hash(&mut hasher);
    Some(hasher.finish())
}

/// When a unit of work was seen.
#[derive(Debug, Clone, Copy)]
struct Times {
    first: i64,
    /// Its last lines, the last first.
    recent: [i64; 4],
}

impl Times {
    /// The time since it was first seen, when that says something, in nanoseconds.
    fn gap(&self, now: Instant) -> Option<i64> {
        let gap = now.unix_ns.saturating_sub(self.first);
        // A gap near the resolution of the clock fits several units.
        (gap >= 5 * i64::try_from(now.quantum_ns).unwrap_or(i64::MAX / 5).max(1_000_000)).then_some(gap)
    }
}

fn remember(works: &mut FxHashMap<u64, Times>, entry: &Entry) {
    if let (Some(key), Some(time)) = (key_of(entry), entry.time) {
        if works.len() >= MAX_FIRSTS {
            works.clear();
        }
        let times = works.entry(key).or_insert(Times { first: time.unix_ns, recent: [time.unix_ns; 4] });
        times.first = times.first.min(time.unix_ns);
        times.recent.rotate_right(1);
        times.recent[0] = time.unix_ns;
    }
}

fn times(entry: &Entry, works: &FxHashMap<u64, Times>) -> Option<(Times, Instant)> {
    Some((*works.get(&key_of(entry)?)?, entry.time?))
}

/// The number of the customs of a source; 0: none.
pub fn customs_id(source: &str, customs: Option<&Customs>, tables: &Tables) -> u32 {
    Active::new(source, customs.unwrap_or(&Customs::default()), tables).id
}

/// What is said of a key that plays no role.
pub const UNUSED: &str = "kept, not used";

/// What a meaning is called.
pub fn meaning_words(meaning: &Meaning) -> String {
    match meaning {
        Meaning::Role(r) if r.role == Role::Ignore => "left out: not of this line".to_owned(),
        Meaning::Role(r) => r.unit.map_or_else(|| r.role.word().to_owned(), |u| format!("{} in {}", r.role.word(), length::Unit::word(u))),
        Meaning::Id(id) => {
            let relation = match id.relation {
                IdRelation::Own => "",
                IdRelation::Parent => "parent ",
                IdRelation::Child => "child ",
                IdRelation::RetryOf => "retried ",
            };
            let kind = match id.kind {
                KindRule::Is(kind) => format!("{kind:?}").to_ascii_lowercase(),
                KindRule::AsOwn => "same kind".to_owned(),
                KindRule::Named | KindRule::Bare => "some".to_owned(),
            };
            format!("{relation}{kind} id")
        }
    }
}

#[cfg(test)]
mod tests;
