//! What the lines of a source teach about the others: counted while they are read, applied as decided.
//!
//! Guarantees: a reading is a function of the record, the name of its source and the customs the reader was told; bounded memory, whatever the
//! keys and however many sources. What is decided from the counts stands in `model::habits`; what the user says in the settings goes first.

use crate::{
    model::{
        entry::Entry,
        habits::{Customs, Habits, Lack, UNITS},
        id::{IdRelation, is_strong},
    },
    recognise::{
        length,
        meaning::{KindRule, Meaning},
        names::Names,
        plan::{Plan, Watch},
        role::Role,
        scan::{Kind, Leaf},
        settings::Saying,
        severity::{self, Scale},
        table::Tables,
        values::instant_of,
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
            scale: customs.scale.as_deref().and_then(scale_of),
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
}

impl Active {
    /// The unit its lines taught for a length.
    pub fn unit(&self, role: Role, key: &str) -> Option<length::Unit> {
        match self.keys.get(key) {
            Some(Saying::Role(of, unit)) if *of == role => *unit,
            _ => None,
        }
    }
}

/// Scales by their names in the tables.
pub fn scale_of(word: &str) -> Option<Scale> {
    Some(match word {
        "pino" => Scale::Pino,
        "python" => Scale::Python,
        "syslog" => Scale::Syslog,
        "otel" => Scale::Otel,
        "slog" => Scale::Slog,
        "monolog" => Scale::Monolog,
        _ => return None,
    })
}

/// A source, as one reader knows it.
#[derive(Debug, Default)]
struct Known {
    name: Arc<str>,
    active: Arc<Active>,
    habits: Habits,
    /// First time of a unit of work, once a length without a unit was met.
    firsts: Option<FxHashMap<u64, i64>>,
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
        for known in &mut self.list {
            known.active = Arc::new(self.told.get(&*known.name).map_or_else(|| Active::new(&known.name, &Customs::default(), tables), |c| Active::new(&known.name, c, tables)));
        }
    }

    /// What is decided of the current source from its own lines alone; whether that is new.
    pub fn decide(&mut self, tables: &Tables) -> bool {
        let Some(known) = self.list.get_mut(self.now) else { return false };
        let before = known.active.id;
        known.active = Arc::new(Active::new(&known.name, &known.habits.customs(), tables));
        known.active.id != before
    }

    /// What was counted of the current source never was.
    pub fn forget(&mut self) {
        if let Some(known) = self.list.get_mut(self.now) {
            known.habits = Habits::default();
        }
    }

    /// Begins to count.
    pub fn count(&mut self, yes: bool) {
        self.counting = yes;
    }

    /// The lines that follow are of this source.
    pub fn enter(&mut self, source: &Arc<str>, tables: &Tables) {
        if self.list.get(self.now).is_some_and(|k| Arc::ptr_eq(&k.name, source) || k.name == *source) {
            return;
        }
        if let Some(at) = self.by_name.get(source) {
            self.now = *at;
            return;
        }
        let none = Customs::default();
        let active = Arc::new(Active::new(source, self.told.get(&**source).unwrap_or(&none), tables));
        // Of more sources than these only the newest are remembered.
        if self.list.len() >= 4 * MAX_SOURCES {
            self.list.truncate(MAX_SOURCES);
            self.by_name.retain(|_, at| *at < MAX_SOURCES);
        }
        self.now = self.list.len();
        self.by_name.insert(source.clone(), self.now);
        self.list.push(Known { name: source.clone(), active, ..Known::default() });
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
    pub fn observe(&mut self, plan: &Plan, leaves: &[Leaf<'_>], entry: &Entry, names: &Names) {
        if !self.counting || self.now >= MAX_SOURCES {
            return;
        }
        *self.counts.entry((self.now as u32, plan.number)).or_default() += 1;
        let Some(known) = self.list.get_mut(self.now) else { return };
        if !plan.watched.is_empty() {
            for (index, watch) in &plan.watched {
                known.value(&leaves[*index as usize], *watch, entry, plan, names);
            }
        }
        if let Some(firsts) = &mut known.firsts {
            remember(firsts, entry);
        }
    }

    /// What was counted since, by source. `plans` by their numbers.
    pub fn take(&mut self, plans: &[Arc<Plan>], names: &Names, tables: &Tables) -> (BTreeMap<String, Habits>, BTreeMap<String, u32>) {
        self.settle(plans, names, tables);
        let counted = self.list.iter_mut().filter(|k| k.habits != Habits::default());
        counted.map(|k| ((k.name.to_string(), std::mem::take(&mut k.habits)), (k.name.to_string(), k.active.id))).unzip()
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
    fn value(&mut self, leaf: &Leaf<'_>, watch: Watch, entry: &Entry, plan: &Plan, names: &Names) {
        match watch {
            Watch::Level => {
                if let Ok(number) = leaf.raw.trim().parse::<i64>() {
                    self.habits.level_number(number, 1);
                }
            }
            Watch::Length => {
                let firsts = self.firsts.get_or_insert_default();
                let Some(bare) = leaf.raw.trim().parse::<f64>().ok().filter(|n| *n > 0.0 && n.is_finite()) else { return };
                // How fast a model wrote would tell more, but of models that are played in tests it tells wrongly.
                let Some(fits) = gap(entry, firsts).map(|gap| gap as f64 * 0.3..=gap as f64 * 1.05 + 2e6) else { return };
                if let Some(seen) = self.habits.watch(&names.dotted(leaf.path)) {
                    seen.lines += 1;
                    for (i, (_, unit)) in UNITS.iter().enumerate() {
                        seen.fits[i] += u32::from(fits.contains(&(bare * unit)));
                    }
                }
            }
            Watch::Free => {
                let Some(seen) = self.habits.watch(&names.dotted(leaf.path)) else { return };
                seen.lines += 1;
                let instant = if plan.lacks(Lack::Time) { instant_of(leaf).map(|t| t.unix_ns.div_euclid(1_000_000_000)) } else { None };
                if let Some(at) = instant.filter(|at| CLOCK_S.contains(at)) {
                    seen.instants += 1;
                    seen.saw(at);
                }
                if leaf.kind == Kind::Str {
                    if leaf.raw.len() <= 16 && severity::of_word(leaf.raw).is_some() {
                        seen.word(leaf.raw);
                    }
                    let words = leaf
                        .raw
                        .split(' ')
                        .filter(|w| w.len() > 1 && w.bytes().all(|b| b.is_ascii_alphabetic() || !b.is_ascii() || matches!(b, b',' | b'.' | b':' | b'\'')))
                        .take(3);
                    seen.prose += u64::from(words.count() == 3 && instant_of(leaf).is_none());
                }
            }
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

fn key_of(entry: &Entry) -> Option<u64> {
    let id = entry.ids.iter().find(|i| i.relation == IdRelation::Own && !i.listed && is_strong(&i.value, true))?;
    let mut hasher = FxHasher::default();
    id.value.hash(&mut hasher);
    Some(hasher.finish())
}

fn remember(firsts: &mut FxHashMap<u64, i64>, entry: &Entry) {
    if let (Some(key), Some(time)) = (key_of(entry), entry.time) {
        if firsts.len() >= MAX_FIRSTS {
            firsts.clear();
        }
        let first = firsts.entry(key).or_insert(time.unix_ns);
        *first = (*first).min(time.unix_ns);
    }
}

/// The time since the line's unit of work was first seen, when it says something, in nanoseconds.
fn gap(entry: &Entry, firsts: &FxHashMap<u64, i64>) -> Option<i64> {
    let (key, time) = (key_of(entry)?, entry.time?);
    let gap = time.unix_ns - firsts.get(&key)?;
    // A gap near the resolution of the clock fits several units.
    (gap >= 5 * i64::try_from(time.quantum_ns).unwrap_or(i64::MAX / 5).max(1_000_000)).then_some(gap)
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

/// An unnamed clock must look like one.
pub fn may_be_watched(kind: Kind, in_array: bool) -> bool {
    matches!(kind, Kind::Str | Kind::Num) && !in_array
}

#[cfg(test)]
mod tests;
