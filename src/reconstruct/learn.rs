//! What many lines teach: zones of sources without one, the role each id field plays, the time every source covers.
//!
//! Guarantees: statistics are order-free and mergeable (sets bounded by the smallest hashes, minima, maxima, counts), so files may be
//! read in any order and batches of any size; memory is bounded by the constants below. It never changes what a line said.

use crate::{
    model::{
        entry::Entry,
        habits::Habits,
        id::{ARGUMENT, IN_ERROR, IN_PATH, IdKind, IdRelation, UNNAMED, is_strong},
        profile::{Numbers, Profile, RoleDecision, Zone},
    },
    reconstruct::{answer_stamps::AnswerStamps, arguments::Arguments, endings::Endings, fields::Fields, link, numbers::Counters, roles, stamps::Stamps, units::Sightings},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Most (service, label) fields watched.
const MAX_FIELDS: usize = 4_096;
/// Version of the compact form.
const LEARNED_VERSION: u32 = 12;
/// Most sources whose habits are kept.
pub const MAX_HABITS: usize = 256;

/// Everything learned so far.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Learned {
    /// Version of this shape.
    pub version: u32,
    /// What each source (by name) showed of itself.
    pub sources: BTreeMap<String, SourceFacts>,
    zone_lines: BTreeMap<String, BTreeMap<i32, u64>>,
    fields: Fields,
    arguments: Arguments,
    sightings: Sightings,
    stamps: Stamps,
    answer_stamps: AnswerStamps,
    endings: Endings,
    counters: Counters,
    /// By source: what its lines have in common.
    pub habits: BTreeMap<String, Habits>,
}

/// What a source showed of itself. Instants are as written: a naive one is not moved yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFacts {
    first_ns: Option<i64>,
    last_ns: Option<i64>,
    /// Entries.
    pub entries: u64,
    /// Entries with a time.
    pub timed: u64,
    /// Of them, without a zone.
    pub naive: u64,
    conventions: BTreeMap<String, u64>,
    services: BTreeMap<String, u64>,
}

/// Most conventions and services remembered of one source.
const MAX_NAMES: usize = 24;

impl SourceFacts {
    fn observe(&mut self, entry: &Entry) {
        self.entries += 1;
        let convention = match entry.reading.convention {
            "" if entry.reading.unparsed => "unreadable",
            "" if entry.reading.json => "generic JSON",
            "" => "text",
            name => name,
        };
        bump(&mut self.conventions, convention);
        if let Some(service) = &entry.service {
            bump(&mut self.services, service);
        }
        if let Some(time) = entry.time {
            self.first_ns = Some(self.first_ns.map_or(time.unix_ns, |f| f.min(time.unix_ns)));
            self.last_ns = self.last_ns.max(Some(time.unix_ns));
            self.timed += 1;
            self.naive += u64::from(time.naive);
        }
    }

    fn merge(&mut self, other: Self) {
        self.first_ns = [self.first_ns, other.first_ns].into_iter().flatten().min();
        self.last_ns = self.last_ns.max(other.last_ns);
        self.entries += other.entries;
        self.timed += other.timed;
        self.naive += other.naive;
        for (mine, theirs) in [(&mut self.conventions, other.conventions), (&mut self.services, other.services)] {
            for (name, n) in theirs {
                if mine.len() < MAX_NAMES || mine.contains_key(&name) {
                    *mine.entry(name).or_default() += n;
                }
            }
        }
    }

    /// Its times carry no zone.
    pub fn is_naive(&self) -> bool {
        self.naive * 2 > self.timed
    }

    /// First and last instant, with the offset of its zone applied when its times are naive.
    pub fn span(&self, offset_ns: i64) -> Option<(i64, i64)> {
        let offset = if self.is_naive() { offset_ns } else { 0 };
        Some((self.first_ns?.saturating_sub(offset), self.last_ns?.saturating_sub(offset)))
    }

    /// Conventions that read its entries with counts, most frequent first.
    pub fn conventions(&self) -> Vec<(String, u64)> {
        most_frequent(&self.conventions)
    }

    /// Services named in it, most frequent first.
    pub fn services(&self) -> Vec<String> {
        most_frequent(&self.services).into_iter().map(|(name, _)| name).collect()
    }

    /// Why it is read as it is, in words.
    pub fn evidence(&self) -> String {
        let Some((name, n)) = self.conventions().into_iter().next() else { return String::new() };
        format!("{n} of {} records have the keys of {name}", self.entries)
    }

    /// What is known of its zone, in words; `None` when its times carry one.
    pub fn zone_words(&self, zone: Option<&Zone>) -> Option<String> {
        if self.timed == 0 || !self.is_naive() {
            return None;
        }
        Some(match zone {
            Some(z) => format!("{}, learned from {} observations", offset_words(z.offset_s), z.votes),
            None => "not written in its lines; read as UTC".to_owned(),
        })
    }
}

/// `UTC-06:00`.
pub fn offset_words(offset_s: i32) -> String {
    let (sign, abs) = (if offset_s < 0 { '-' } else { '+' }, offset_s.abs());
    format!("UTC{sign}{:02}:{:02}", abs / 3_600, abs % 3_600 / 60)
}

fn bump(counts: &mut BTreeMap<String, u64>, name: &str) {
    if let Some(n) = counts.get_mut(name) {
        *n += 1;
    } else if counts.len() < MAX_NAMES {
        counts.insert(name.to_owned(), 1);
    }
}

fn most_frequent(counts: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut list: Vec<(String, u64)> = counts.iter().map(|(k, v)| (k.clone(), *v)).collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    list
}

/// Spreads a text over all 64 bits.
pub(super) fn hash(text: &str) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    text.hash(&mut hasher);
    // FxHash leaves its entropy in the upper bits; the samples compare whole values.
    mixed(hasher.finish())
}

/// Spreads a number over all 64 bits.
pub(super) fn mixed(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

/// What is kept of an id in a sample of those with the smallest hashes; `None` when it is none of them.
pub(super) fn sampled<T: Default>(sample: &mut BTreeMap<u64, T>, id: u64, most: usize) -> Option<&mut T> {
    if sample.len() >= most && !sample.contains_key(&id) {
        if sample.last_key_value().is_some_and(|(max, _)| id > *max) {
            return None;
        }
        sample.pop_last();
    }
    Some(sample.entry(id).or_default())
}

/// What is kept under a name, of those with the smallest names: which they are depends on no order.
pub(super) fn named<'m, T: Default>(kept: &'m mut BTreeMap<String, T>, name: &str, most: usize) -> Option<&'m mut T> {
    if !kept.contains_key(name) {
        if kept.len() >= most && kept.last_key_value().is_some_and(|(last, _)| name > last.as_str()) {
            return None;
        }
        kept.insert(name.to_owned(), T::default());
        if kept.len() > most {
            kept.pop_last();
        }
    }
    kept.get_mut(name)
}

/// Joins two such samples.
pub(super) fn merge_sample<T: Default>(mine: &mut BTreeMap<u64, T>, other: BTreeMap<u64, T>, most: usize, merge: impl Fn(&mut T, T)) {
    for (id, theirs) in other {
        merge(mine.entry(id).or_default(), theirs);
    }
    while mine.len() > most {
        mine.pop_last();
    }
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            version: LEARNED_VERSION,
            sources: BTreeMap::new(),
            zone_lines: BTreeMap::new(),
            fields: Fields::default(),
            arguments: Arguments::default(),
            sightings: Sightings::default(),
            stamps: Stamps::default(),
            answer_stamps: AnswerStamps::default(),
            endings: Endings::default(),
            counters: Counters::default(),
            habits: BTreeMap::new(),
        }
    }
}

impl Learned {
    /// Takes note of one entry.
    pub fn observe(&mut self, entry: &Entry) {
        self.observe_source(entry);
        self.arguments.observe(entry);
        self.stamps.observe(entry);
        self.answer_stamps.observe(entry);
        self.endings.observe(entry);
        self.counters.observe(entry);
        let service: &str = entry.service.as_deref().unwrap_or(&entry.source);
        let polled = entry.http.as_ref().and_then(|h| h.path.as_deref()).unwrap_or("");
        for id in &entry.ids {
            let is_named = || !matches!(&*id.label, UNNAMED | IN_ERROR | IN_PATH | ARGUMENT) && is_strong(&id.value, false);
            if id.relation != IdRelation::Own || id.listed || (id.kind == IdKind::Other && !is_named()) {
                continue;
            }
            let Some(key) = roles::unit_key(id) else { continue };
            let value = hash(&key);
            if roles::is_work(id.kind) {
                self.sightings.observe(value, entry);
            }
            let asked = !polled.is_empty() && link::stands_in(polled, &id.value);
            self.fields.observe(service, id, value, entry, asked);
        }
    }

    fn observe_source(&mut self, entry: &Entry) {
        if let Some(facts) = self.sources.get_mut(&*entry.source) {
            facts.observe(entry);
        } else if self.sources.len() < MAX_FIELDS {
            self.sources.entry(entry.source.to_string()).or_default().observe(entry);
        }
        if let Some(time) = entry.time.filter(|t| t.naive)
            && let Some(received) = entry.received.filter(|r| !r.naive)
            && let Some(offset) = quarter_hours(time.unix_ns.saturating_sub(received.unix_ns))
        {
            *self.zone_lines.entry(entry.source.to_string()).or_default().entry(offset).or_default() += 1;
        }
    }

    /// Takes note of what the lines of sources have in common.
    pub fn observe_habits(&mut self, habits: BTreeMap<String, Habits>) {
        for (source, habits) in habits {
            if self.habits.len() < MAX_HABITS || self.habits.contains_key(&source) {
                self.habits.entry(source).or_default().merge(&habits);
            }
        }
    }

    /// Takes in what another reader of other lines learned. The order of merging does not matter.
    pub fn merge(&mut self, other: Self) {
        for (name, facts) in other.sources {
            if self.sources.len() < MAX_FIELDS || self.sources.contains_key(&name) {
                self.sources.entry(name).or_default().merge(facts);
            }
        }
        for (source, votes) in other.zone_lines {
            let mine = self.zone_lines.entry(source).or_default();
            votes.into_iter().for_each(|(offset, n)| *mine.entry(offset).or_default() += n);
        }
        self.observe_habits(other.habits);
        self.fields.merge(other.fields);
        self.arguments.merge(other.arguments);
        self.sightings.merge(other.sightings);
        self.stamps.merge(other.stamps);
        self.answer_stamps.merge(other.answer_stamps);
        self.endings.merge(other.endings);
        self.counters.merge(other.counters);
    }

    /// Compact form, for the commit.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// From the compact form; `None` when it is of another version or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes::<Self>(bytes).ok().filter(|l| l.version == LEARNED_VERSION)
    }

    /// The profile these statistics speak for. Its version is a hash of what it says: equal profiles have equal versions.
    pub fn profile(&self) -> Profile {
        let customs = self.habits.iter().map(|(source, habits)| (source.clone(), habits.customs())).filter(|(_, customs)| !customs.is_empty());
        let zones = self.zones();
        let units = self.sightings.units(&zones);
        let mut profile = Profile {
            begins: self.stamps.decide(&units),
            answers_at_begin: self.answer_stamps.decide(&units, &zones),
            zones,
            units,
            customs: Arc::new(customs.collect()),
            mains: self.fields.mains(),
            counted: self.fields.counted(),
            makes: self.fields.makes(),
            arguments: self.arguments.decide(),
            endings: self.endings.decide(),
            open_ended: self.endings.open_ended(),
            numbers: self.counters.decide(),
            ..Profile::default()
        };
        for decision in self.roles_beside(&profile.numbers) {
            if decision.kind != decision.by_name {
                profile.roles.insert(roles::role_key(&decision.service, &decision.label), decision);
            }
        }
        profile.version = profile_version(&profile);
        profile
    }

    /// Offsets of naive sources: by a second, zoned clock on the same line, else by ids that zoned sources share.
    fn zones(&self) -> BTreeMap<String, Zone> {
        let mut votes: BTreeMap<&str, BTreeMap<i32, u64>> = BTreeMap::new();
        for seen in self.sightings.of_ids() {
            for (naive, n) in seen.iter().filter(|(_, s)| s.naive) {
                for z in seen.values().filter(|s| !s.naive) {
                    if let Some(offset) = quarter_hours(n.first_ns.saturating_sub(z.first_ns)) {
                        *votes.entry(naive).or_default().entry(offset).or_default() += 1;
                    }
                }
            }
        }
        for (source, lines) in &self.zone_lines {
            // A clock on the line itself outweighs any neighbour.
            votes.insert(source, lines.iter().map(|(k, v)| (*k, v * 1_000)).collect());
        }
        votes
            .into_iter()
            .filter_map(|(source, votes)| {
                let total: u64 = votes.values().sum();
                let (offset_s, n) = votes.into_iter().max_by_key(|(offset, n)| (*n, std::cmp::Reverse(offset.abs()), *offset))?;
                (n >= 2 && n * 10 >= total * 7).then(|| (source.to_owned(), Zone { offset_s, votes: n }))
            })
            .collect()
    }

    /// Every id field with its role and the numbers that decided.
    pub fn roles(&self) -> Vec<RoleDecision> {
        self.roles_beside(&self.counters.decide())
    }

    fn roles_beside(&self, numbers: &Numbers) -> Vec<RoleDecision> {
        let mut roles = self.fields.roles();
        for role in &mut roles {
            if let Some(why) = numbers.why.get(&roles::role_key(&role.service, &role.label)) {
                role.why = format!("{}; {why}", role.why);
            }
        }
        roles
    }
}

/// The whole number of quarter hours nearest to a difference, when the rest is under seven minutes and the whole under a day.
fn quarter_hours(difference_ns: i64) -> Option<i32> {
    const QUARTER_NS: i64 = 900_000_000_000;
    let quarters = (difference_ns as f64 / QUARTER_NS as f64).round() as i64;
    let rest = difference_ns - quarters * QUARTER_NS;
    (rest.abs() < 420_000_000_000 && quarters.abs() <= 56).then_some((quarters * 900) as i32)
}

fn profile_version(profile: &Profile) -> u64 {
    let mut text = String::new();
    for (source, zone) in &profile.zones {
        text.push_str(&format!("z{source}\u{1f}{}\n", zone.offset_s));
    }
    for (source, unit) in &profile.units {
        text.push_str(&format!("u{source}\u{1f}{}\n", unit.ns));
    }
    for source in &profile.begins {
        text.push_str(&format!("b{source}\n"));
    }
    for (key, top) in profile.numbers.tops() {
        text.push_str(&format!("n{key}\u{1f}{top}\n"));
    }
    for writer in &profile.answers_at_begin {
        text.push_str(&format!("w{writer}\n"));
    }
    for (key, role) in &profile.roles {
        text.push_str(&format!("r{key}\u{1f}{:?}\n", role.kind));
    }
    for (service, main) in &profile.mains {
        text.push_str(&format!("m{service}\u{1f}{}\u{1f}{:?}\n", main.label, main.handed));
    }
    for make in &profile.makes {
        text.push_str(&format!("i{make}\n"));
    }
    for (service, templates) in &profile.endings {
        text.push_str(&format!("e{service}\u{1f}{templates:?}\n"));
    }
    for service in &profile.open_ended {
        text.push_str(&format!("o{service}\n"));
    }
    for job in &profile.arguments {
        text.push_str(&format!("a{job}\n"));
    }
    for (source, customs) in &*profile.customs {
        text.push_str(&format!("c{source}\u{1f}{:?}{:?}{:?}{:?}\n", customs.convention, customs.first_key, customs.keys, customs.scale));
    }
    hash(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{id::IdRef, time::Instant};
    use std::sync::Arc;

    fn line(source: &str, time_s: i64, naive: bool, id: &str) -> Entry {
        Entry {
            source: Arc::from(source),
            time: Some(Instant { unix_ns: time_s * 1_000_000_000, quantum_ns: 1_000_000, naive }),
            ids: vec![IdRef { kind: IdKind::Task, relation: IdRelation::Own, label: "job".into(), value: id.into(), scope: None, listed: false }],
            ..Entry::default()
        }
    }

    #[test]
    fn a_zone_is_learned_from_ids_that_another_source_shares() {
        let mut learned = Learned::default();
        for n in 0..30 {
            let id = format!("tri_01M83WST8KNZKC326B7AE8{n:04}");
            learned.observe(&line("api", 1_000_000 + n * 10, false, &id));
            learned.observe(&line("worker", 1_000_000 + n * 10 + 2 - 6 * 3_600, true, &id));
        }
        assert_eq!(learned.profile().zones["worker"].offset_s, -6 * 3_600);
        assert!(!learned.profile().zones.contains_key("api"));
    }

    #[test]
    fn the_order_of_lines_does_not_matter() {
        let lines: Vec<Entry> =
            (0..3_000).map(|n| line(if n % 2 == 0 { "api" } else { "worker" }, 1_000_000 + n, n % 2 == 1, &format!("tri_01M83WST8KNZKC326B7A{:06}", n / 2))).collect();
        let (mut forward, mut backward) = (Learned::default(), Learned::default());
        lines.iter().for_each(|l| forward.observe(l));
        lines.iter().rev().for_each(|l| backward.observe(l));
        assert_eq!(forward.profile(), backward.profile());
        assert_eq!(forward.roles(), backward.roles());
    }

    #[test]
    fn of_many_names_the_smallest_are_kept_whole_in_any_order() {
        let count = |order: &mut dyn Iterator<Item = u32>| {
            let mut kept: BTreeMap<String, u32> = BTreeMap::new();
            order.for_each(|n| {
                if let Some(lines) = named(&mut kept, &format!("{:02}", n % 40), 8) {
                    *lines += 1;
                }
            });
            kept
        };
        let forward = count(&mut (0..400));
        assert_eq!(forward, (0..8).map(|n| (format!("{n:02}"), 10)).collect());
        assert_eq!(count(&mut (0..400).rev()), forward);
    }
}
