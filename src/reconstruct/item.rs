//! An entry with what reconstruction needs of it: corrected time, verb, work ids, and the unit it is about.
//!
//! Guarantees: an item depends on its entry and the profile alone. Never on other lines.

use crate::{
    model::{
        entry::Entry,
        id::{ARGUMENT, IN_PATH, IdKind, IdRelation, UNNAMED, is_strong},
        profile::Profile,
        time::Instant,
        trace::{LineRef, PlacedBy},
    },
    reconstruct::{
        answer_stamps, arguments, endings, roles, stamps,
        words::{self, Verb},
    },
};
use rustc_hash::FxHashMap;
use std::{ops::RangeInclusive, sync::Arc};

/// What a log can tell of, in Unix nanoseconds: 1900 to 2150. A line beyond has no time; so no sum or difference of times and lengths leaves 64 bits.
const LOGGED_NS: RangeInclusive<i64> = -2_208_988_800_000_000_000..=5_680_281_600_000_000_000;
/// Ten years: what is stated to have taken longer is no length.
const LONGEST_NS: u64 = 315_576_000_000_000_000;
/// Instants written more finely do not fall on two events of one text by themselves.
const FINE_NS: i64 = 1_000_000;

/// A work id on a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkRef {
    /// Index term of the unit.
    pub key: Arc<str>,
    /// Kind in force.
    pub kind: IdKind,
    /// How it stands to the line.
    pub relation: IdRelation,
    /// One of several under one label.
    pub listed: bool,
    /// The name it is written under.
    pub label: Arc<str>,
    /// As written.
    pub value: Arc<str>,
    /// Scope, for weak ids only.
    pub scope: Option<Box<str>>,
    /// What the field is to the lines of its service.
    pub standing: Standing,
}

impl WorkRef {
    /// The unit as a line's own.
    #[must_use]
    pub fn as_own(&self) -> Self {
        Self { relation: IdRelation::Own, listed: false, ..self.clone() }
    }
}

/// What an id field is to the lines of its service, where many lines say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The lines are about it.
    Main,
    /// Its every value stands on one line.
    Handed,
    /// Not known.
    Unknown,
}

/// One line of a path.
#[derive(Debug, Clone)]
pub struct Item {
    /// The entry.
    pub entry: Arc<Entry>,
    /// `file:line`.
    pub line: LineRef,
    /// Time with the source's zone applied, in Unix nanoseconds.
    pub time_ns: Option<i64>,
    /// What its clock is taken to be ahead, if times are shown shifted; taken off already.
    pub shift_ns: i64,
    /// Resolution of the time.
    pub quantum_ns: i64,
    /// Verb.
    pub verb: Verb,
    /// It says that something failed.
    pub failed: bool,
    /// Work ids.
    pub refs: Vec<WorkRef>,
    /// It names no work, but its text holds one id that no word names: the unit it is about, if that id is one's.
    pub mention: Option<Arc<str>>,
    /// It names no unit of its own: what proves whose it is.
    pub placed_by: Option<PlacedBy>,
    /// Its time is the begin of the length it states.
    pub stamped_at_begin: bool,
    /// The unit of a length that is written without one, where its source showed it.
    pub unit_ns: Option<i64>,
}

impl Item {
    /// Applies the profile to an entry.
    pub fn new(entry: Arc<Entry>, shown: &Arc<str>, profile: &Profile) -> Self {
        let line = LineRef { file: shown.clone(), line: entry.at.line };
        let time_ns = entry.time.or(entry.received).map(|t| corrected(&entry, t, profile)).filter(|t| LOGGED_NS.contains(t));
        let quantum_ns = entry.time.or(entry.received).map_or(1, |t| t.quantum_ns as i64);
        let main = profile.mains.get(entry.service.as_deref().unwrap_or(&entry.source));
        let standing = |label: &str| match main {
            Some(main) if main.label == label => Standing::Main,
            Some(main) if main.handed.contains(label) => Standing::Handed,
            _ => Standing::Unknown,
        };
        let mut refs: Vec<WorkRef> = entry
            .ids
            .iter()
            .filter_map(|id| {
                let kind = roles::effective(&entry, id, profile);
                if !roles::is_work(kind) {
                    return None;
                }
                let key = roles::unit_key_in(id, profile)?;
                let scope = key.contains('\u{1f}').then(|| id.scope.clone()).flatten();
                Some(WorkRef { key, kind, relation: id.relation, listed: id.listed, label: id.label.clone(), value: id.value.clone(), scope, standing: standing(&id.label) })
            })
            .collect();
        refs.extend(followed(&entry, profile));
        refs.shrink_to_fit();
        let mut verb = words::verb(&entry);
        let mention = if refs.is_empty() && verb != Verb::None { mention(&entry) } else { None };
        let failed = words::failed(&entry);
        let ends = || profile.endings.get(entry.service.as_deref().unwrap_or(&entry.source)).is_some_and(|templates| templates.contains(&endings::template(&entry)));
        if verb == Verb::None && !failed && refs.iter().any(|r| r.kind == IdKind::Task) && ends() {
            verb = Verb::End;
        }
        let unit_ns = entry.duration.filter(|length| length.ns.is_none()).and_then(|_| profile.units.get(&*entry.source)).map(|unit| unit.ns);
        let asked_at = || !profile.answers_at_begin.is_empty() && answer_stamps::is_open(&entry) && profile.answers_at_begin.contains(&answer_stamps::writer(&entry));
        let stamped_at_begin = (profile.begins.contains(&*entry.source) && stamps::is_open(&entry, verb)) || asked_at();
        Self { entry, line, time_ns, shift_ns: 0, quantum_ns, verb, failed, refs, mention, placed_by: None, stamped_at_begin, unit_ns }
    }

    /// Service, else the source's name.
    pub fn service(&self) -> &str {
        self.entry.service.as_deref().unwrap_or(&self.entry.source)
    }

    /// The unit the line is about: its deepest own id that is not listed; among equals the one a subject rule prefers.
    pub fn subject(&self) -> Option<&WorkRef> {
        let own = || self.refs.iter().filter(|r| r.relation == IdRelation::Own && !r.listed);
        // What stands in the request's own path was asked about, not done here.
        let path = self.entry.http.as_ref().and_then(|h| h.path.as_deref()).unwrap_or("");
        let asked = |r: &WorkRef| &*r.label == IN_PATH || super::link::names(path, r);
        let only_asked = own().all(asked);
        // A line that names a tool is about the tool's call, not about the model call that asked for it.
        let is_tool = self.entry.tool.is_some();
        own()
            .filter(|r| only_asked || !asked(r))
            .enumerate()
            .max_by_key(|(i, r)| {
                // Deepest first; then strong before scoped (a scoped id beside a strong one of the same level is what was handed
                // over), then the shorter label (`job` before `mail.id`), then the first written.
                // A number that counts within a run is of a part of that run.
                let inside = r.scope.as_deref().and_then(|s| s.split_once('=')).is_some_and(|(_, whole)| own().any(|o| o.scope.is_none() && *o.value == *whole));
                let spoken_of = own().any(|o| super::link::is_id_of(&o.label, &r.label));
                (roles::level(r.kind), is_tool && r.kind == IdKind::Tool, inside, r.scope.is_none(), !spoken_of, std::cmp::Reverse(label_parts(&r.label)), std::cmp::Reverse(*i))
            })
            .map(|(_, r)| r)
    }

    /// The reference to a unit, if the line has one.
    pub fn reference(&self, key: &str) -> Option<&WorkRef> {
        self.refs.iter().find(|r| &*r.key == key)
    }

    /// The length the line states, in nanoseconds, when its unit is known.
    pub fn duration_ns(&self) -> Option<i64> {
        let length = self.entry.duration?;
        let ns = length.ns.or_else(|| Some((length.bare * self.unit_ns? as f64).round() as i64))?;
        (ns.unsigned_abs() <= LONGEST_NS).then_some(ns)
    }

    /// How far the length may be rounded, in nanoseconds.
    pub fn rounding_ns(&self) -> i64 {
        // How many digits were written is not kept: a thousandth is what logs write.
        let of = |length: crate::model::time::Length| if length.ns.is_some() { length.quantum_ns as i64 } else { self.unit_ns.unwrap_or(0) / 1_000 };
        self.entry.duration.map_or(0, of)
    }

    /// A stated instant with the source's zone applied.
    pub fn corrected(&self, instant: Instant, profile: &Profile) -> i64 {
        corrected(&self.entry, instant, profile).saturating_sub(self.shift_ns).clamp(*LOGGED_NS.start(), *LOGGED_NS.end())
    }
}

/// The task that a job follows which names it as its argument, where many of its kind do.
fn followed(entry: &Entry, profile: &Profile) -> Option<WorkRef> {
    let id = (!profile.arguments.is_empty()).then(|| arguments::argument(entry)).flatten()?;
    if !arguments::job_of(entry).is_some_and(|job| profile.arguments.contains(&job)) {
        return None;
    }
    let key = roles::unit_key(id)?;
    Some(WorkRef {
        key,
        kind: IdKind::Task,
        relation: IdRelation::Parent,
        listed: false,
        label: ARGUMENT.into(),
        value: id.value.clone(),
        scope: None,
        standing: Standing::Unknown,
    })
}

/// The one strong id in a text that no word names; an access line asks about what stands in it.
fn mention(entry: &Entry) -> Option<Arc<str>> {
    if entry.http.is_some() {
        return None;
    }
    let mut unnamed = entry.ids.iter().filter(|id| id.kind == IdKind::Other && &*id.label == UNNAMED && is_strong(&id.value, false));
    let (only, other) = (unnamed.next()?, unnamed.next());
    if other.is_some() || !is_spoken_of(entry.body.as_deref()?, &only.value) {
        return None;
    }
    roles::unit_key(only)
}

/// The id is what the sentence is about: it begins it, or stands behind a verb or a colon; not behind `by`, `while`, `=` or a quote.
fn is_spoken_of(body: &str, value: &str) -> bool {
    let Some((before, _)) = body.split_once(value) else { return false };
    let (trimmed, spaced) = (before.trim_end(), before.len() > before.trim_end().len());
    if trimmed.is_empty() {
        return true;
    }
    let word = trimmed.rsplit(char::is_whitespace).next().unwrap_or_default();
    spaced && (word.ends_with(':') || words::verb_of_text(word) != Verb::None)
}

fn label_parts(label: &str) -> usize {
    label.split(|c: char| !c.is_alphanumeric()).filter(|p| !p.is_empty()).count()
}

fn corrected(entry: &Entry, instant: Instant, profile: &Profile) -> i64 {
    let zone = profile.zones.get(&*entry.source).filter(|_| instant.naive).map_or(0, |zone| i64::from(zone.offset_s) * 1_000_000_000);
    instant.unix_ns.saturating_sub(zone)
}

/// Which items are records written again by whatever ships or copies logs: the same text at the same instant. Where instants are no finer than a
/// millisecond, or the other stands in another file, two events may be alike: there it takes four of five texts that stand twice, as copies come
/// together. The first of each is none.
pub fn repeated<'a>(items: impl Iterator<Item = &'a Item> + Clone) -> Vec<bool> {
    // Nearly always all differ.
    let mut all: Vec<(u64, u32)> = items.clone().map(|item| (item.entry.fingerprint, item.entry.at.sub)).collect();
    all.sort_unstable();
    if all.windows(2).all(|pair| pair[0] != pair[1]) {
        return vec![false; all.len()];
    }
    // One file may hold a text twice that another holds twice: the first of one is the first of the other.
    let mut seen: FxHashMap<(u64, u32), Vec<u64>> = FxHashMap::default();
    let mut doubtful: Vec<(usize, bool)> = Vec::new();
    let mut out = Vec::new();
    let (mut texts, mut twice) = (0_usize, 0_usize);
    for (index, item) in items.enumerate() {
        let (entry, file) = (&item.entry, item.entry.at.file.0);
        let files = seen.entry((entry.fingerprint, entry.at.sub)).or_default();
        texts += usize::from(files.is_empty());
        twice += usize::from(files.len() == 1);
        let again = !files.is_empty() && item.time_ns.is_some();
        let is_fine = item.quantum_ns < FINE_NS && files.contains(&file);
        if again && !is_fine {
            // Of seconds two in one file are two events; the other file's are their copies.
            let own = files.iter().filter(|f| **f == file).count();
            let others = files.len() - own;
            doubtful.push((index, item.quantum_ns <= FINE_NS || own < others));
        }
        files.push(file);
        out.push(again && is_fine);
    }
    if twice * 5 >= texts * 4 {
        doubtful.into_iter().for_each(|(index, is_copy)| out[index] = is_copy);
    }
    out
}

/// Sorts by time, then causal rank, then file and position: the order of pages and of every rule that needs one.
pub fn sort(items: &mut [Item]) {
    items.sort_by(|a, b| {
        let key = |i: &Item| (i.time_ns.is_none(), i.time_ns, i.verb.causal_rank());
        key(a).cmp(&key(b)).then_with(|| (&a.line.file, a.entry.at.start, a.entry.at.sub).cmp(&(&b.line.file, b.entry.at.start, b.entry.at.sub)))
    });
}
