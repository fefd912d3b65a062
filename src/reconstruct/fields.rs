//! What the id fields of every service show of themselves: how many lines and values, which requests their values meet, and so which
//! role a field plays and which of them a service's lines are about.
//!
//! Guarantees: order-free and mergeable (values are sampled by the smallest hashes, lists keep their smallest members), memory bounded
//! by the constants below. It never sees a value in clear and never links anything.

use crate::{
    model::{
        entry::Entry,
        id::{IdKind, IdRef, IdRelation},
        profile::{MainField, RoleDecision},
    },
    reconstruct::{
        aliases,
        learn::hash,
        roles,
        words::{self, Verb},
    },
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Values sampled a field.
const FIELD_SAMPLE: usize = 256;
/// Most (service, label) fields watched.
const MAX_FIELDS: usize = 4_096;
/// Most fields watched whose names say nothing.
const MAX_UNNAMED: usize = 1_024;
/// Different requests remembered for a sampled value.
const MAX_MET: usize = 6;
/// What lives longer may be an entity that is only looked at again.
const MAX_LIFE_NS: i64 = 10_000_000_000;
/// A data test speaks from this many sampled values up.
const ENOUGH: usize = 20;

/// Every field watched, by service, then label.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Fields {
    by_service: BTreeMap<String, BTreeMap<String, Field>>,
    count: usize,
    /// Fields whose names say nothing, by the hash of service and name: a dump of things by their ids has one a thing.
    unnamed: BTreeMap<u64, (String, String)>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Field {
    kind: Option<IdKind>,
    lines: u64,
    /// Of them, lines about a call of a model.
    on_calls: u64,
    pub(super) values: BTreeMap<u64, Value>,
    /// Largest hash kept; values above it were let go.
    full: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Value {
    lines: u64,
    /// Its first and last line, as written: of one service, so of one zone.
    pub(super) span: Option<(i64, i64)>,
    /// How it is made, and whether it is unique by its looks.
    make: Option<(u64, bool)>,
    /// Requests (hashes) on lines that hand it over or take it up; none is known by zero.
    worked_for: BTreeSet<u64>,
    /// Hash of the label and of the value of requests that stand beside it.
    requests: Vec<(u64, u64)>,
}

impl Value {
    fn widen(&mut self, span: Option<(i64, i64)>) {
        self.span = match (self.span, span) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }

    fn keep_smallest(&mut self) {
        self.requests.sort_unstable();
        self.requests.dedup();
        self.requests.truncate(MAX_MET);
    }

    /// Two values under one label: an edge's and an application's id of one request are two labels with one value each.
    pub(super) fn meets_many(&self) -> bool {
        self.requests.windows(2).any(|pair| pair[0].0 == pair[1].0)
    }
}

impl Fields {
    /// Takes note of a value (its hash) under a label. `asked`: the line's own path names it.
    pub fn observe(&mut self, service: &str, id: &IdRef, value: u64, entry: &Entry, asked: bool) {
        let (label, kind) = (&*id.label, id.kind);
        if !self.by_service.get(service).is_some_and(|f| f.contains_key(label)) && !self.admit(service, label, kind) {
            return;
        }
        self.name(service, label, kind);
        let Some(field) = self.by_service.get_mut(service).and_then(|f| f.get_mut(label)) else { return };
        field.kind = Some(field.kind.map_or(kind, |known| known.min(kind)));
        field.lines += 1;
        field.on_calls += u64::from(entry.model.is_some());
        if field.values.len() >= FIELD_SAMPLE && field.values.last_key_value().is_some_and(|(max, _)| value > *max) {
            field.full = true;
            return;
        }
        let v = field.values.entry(value).or_default();
        v.lines += 1;
        v.widen(entry.time.map(|t| (t.unix_ns, t.unix_ns)));
        // Asked of numbers alone: the words of every line are dear.
        if kind == IdKind::Task && is_of_a_number(label) && v.worked_for.len() < MAX_MET && hands_over_or_takes_up(entry, label) {
            let own = entry.ids.iter().find(|id| id.kind == IdKind::Request && id.relation == IdRelation::Own);
            v.worked_for.insert(own.map_or(0, |id| hash(&id.value)));
        }
        if v.make.is_none() {
            v.make = id.make().map(|make| (make, id.scope.is_none()));
        }
        if !asked {
            for other in entry.ids.iter().filter(|o| o.kind == IdKind::Request && o.relation == IdRelation::Own && *o.label != *label) {
                v.requests.push((hash(&other.label), hash(&other.value)));
            }
            v.keep_smallest();
        }
        if field.values.len() > FIELD_SAMPLE {
            field.values.pop_last();
            field.full = true;
        }
    }

    fn admit(&mut self, service: &str, label: &str, kind: IdKind) -> bool {
        // A bare `id` may be what a service's lines are about: it is one of those that count.
        if kind == IdKind::Other && !is_bare(label) {
            return self.admit_unnamed(service, label);
        }
        if self.count >= MAX_FIELDS {
            return false;
        }
        self.count += 1;
        self.by_service.entry(service.to_owned()).or_default().insert(label.to_owned(), Field::default());
        true
    }

    /// Those with the smallest hashes are kept, whatever came first, and never take the room of a name that says something.
    fn admit_unnamed(&mut self, service: &str, label: &str) -> bool {
        let key = key_of(service, label);
        if self.unnamed.len() >= MAX_UNNAMED {
            if self.unnamed.last_key_value().is_some_and(|(largest, _)| key > *largest) {
                return false;
            }
            if let Some((_, (service, label))) = self.unnamed.pop_last() {
                self.by_service.get_mut(&service).map(|fields| fields.remove(&label));
            }
        }
        self.unnamed.insert(key, (service.to_owned(), label.to_owned()));
        self.by_service.entry(service.to_owned()).or_default().insert(label.to_owned(), Field::default());
        true
    }

    /// A field that some of its values name is one of those that say something, whichever came first.
    fn name(&mut self, service: &str, label: &str, kind: IdKind) {
        let is_unnamed = || self.by_service.get(service).and_then(|fields| fields.get(label)).is_some_and(|field| field.kind == Some(IdKind::Other));
        if kind != IdKind::Other && is_unnamed() && self.unnamed.remove(&key_of(service, label)).is_some() {
            self.count += 1;
        }
    }

    /// Takes in what another reader of other lines counted.
    pub fn merge(&mut self, other: Self) {
        for (service, fields) in other.by_service {
            for (label, field) in fields {
                if self.by_service.get(&service).is_some_and(|f| f.contains_key(&label)) || self.admit(&service, &label, field.kind.unwrap_or(IdKind::Other)) {
                    self.name(&service, &label, field.kind.unwrap_or(IdKind::Other));
                    self.by_service.entry(service.clone()).or_default().entry(label).or_default().merge(field);
                }
            }
        }
    }

    /// Every field with its role and the numbers that decided.
    pub fn roles(&self) -> Vec<RoleDecision> {
        let mut decisions: Vec<RoleDecision> =
            self.by_service.iter().flat_map(|(service, fields)| fields.iter().map(move |(label, field)| field.decide(service, label, fields))).collect();
        aliases::decide(&self.by_service, &mut decisions);
        decisions.retain(|d| d.kind != IdKind::Other || d.by_name != IdKind::Other || is_bare(&d.label));
        decisions
    }

    /// Fields of calls whose short numbers a process counts (`service\u{1f}label`).
    pub fn counted(&self) -> BTreeSet<String> {
        let all = self.by_service.iter().flat_map(|(service, fields)| fields.iter().map(move |(label, field)| (service, label, field)));
        all.filter(|(.., field)| field.is_counted()).map(|(service, label, _)| roles::role_key(service, label)).collect()
    }

    /// Makes of ids of work of which most values look unique: the others are, too.
    pub fn makes(&self) -> BTreeSet<u64> {
        let mut seen: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
        for (make, is_strong) in self.by_service.values().flat_map(BTreeMap::values).flat_map(|field| field.values.values()).filter_map(|v| v.make) {
            let (all, strong) = seen.entry(make).or_default();
            (*all, *strong) = (*all + 1, *strong + usize::from(is_strong));
        }
        seen.into_iter().filter(|(_, (all, strong))| strong < all && *strong >= ENOUGH && strong * 10 >= all * 6).map(|(make, _)| make).collect()
    }

    /// By service: the field its lines are about, and the fields that only name what it hands over (`reconstruction.md` 2.4, rule L4).
    pub fn mains(&self) -> BTreeMap<String, MainField> {
        self.by_service.iter().filter_map(|(service, fields)| Some((service.clone(), main(fields)?))).collect()
    }
}

impl Field {
    fn merge(&mut self, other: Self) {
        self.kind = match (self.kind, other.kind) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.lines += other.lines;
        self.on_calls += other.on_calls;
        self.full |= other.full;
        for (hash, value) in other.values {
            let v = self.values.entry(hash).or_default();
            v.lines += value.lines;
            v.widen(value.span);
            v.make = v.make.max(value.make);
            v.worked_for.extend(value.worked_for);
            while v.worked_for.len() > MAX_MET {
                v.worked_for.pop_last();
            }
            v.requests.extend(value.requests);
            v.keep_smallest();
        }
        while self.values.len() > FIELD_SAMPLE {
            self.values.pop_last();
            self.full = true;
        }
    }

    /// Values up to this hash were all kept.
    pub(super) fn reach(&self) -> u64 {
        if self.full { self.values.last_key_value().map_or(0, |(hash, _)| *hash) } else { u64::MAX }
    }

    /// Lines a sampled value stands on, ascending.
    fn lines_a_value(&self) -> Vec<u64> {
        let mut lines: Vec<u64> = self.values.values().map(|v| v.lines).collect();
        lines.sort_unstable();
        lines
    }

    fn distinct(&self) -> u64 {
        let sampled = self.values.len();
        if !self.full {
            return sampled as u64;
        }
        // Bottom-k: the k-th smallest of n uniform hashes stands at k/n of the range.
        let max = self.values.last_key_value().map_or(u64::MAX, |(h, _)| *h);
        ((sampled as f64 - 1.0) * (u64::MAX as f64 / max.max(1) as f64)) as u64
    }

    /// A request id on nothing but lines about a model's calls, in a service that knows its work by another name and does more than call,
    /// is what the provider calls the call.
    fn is_of_calls(&self, fields: &BTreeMap<String, Self>) -> bool {
        let lines = self.lines_a_value();
        let few = lines.get(lines.len() / 2).is_some_and(|n| *n <= 2);
        // A service that knows but calls by another name is a gateway: its request ids are requests'.
        let is_work = |f: &Self| f.kind.is_some_and(|kind| roles::is_work(kind) && roles::level(kind) < roles::CALL_LEVEL);
        let known_otherwise = || fields.values().any(|f| is_work(f) && f.lines > self.lines + self.lines / 4 && f.on_calls * 10 < f.lines * 7);
        self.on_calls * 20 >= self.lines * 19 && few && known_otherwise()
    }

    /// A bare `id` names the work of a service that knows its work by no other name, when each value lives shortly, on several lines,
    /// and under one request at most (`reconstruction.md` 2.3, unknown label of strong shape). An entity's would come back.
    fn is_the_only_work(&self, fields: &BTreeMap<String, Self>) -> bool {
        let lines = self.lines_a_value();
        let rival = fields.values().any(|f| f.kind.is_some_and(roles::is_work) && f.lines * 4 > self.lines);
        if rival || lines.len() < ENOUGH || lines[lines.len() / 2] < 2 || self.values.values().any(Value::meets_many) {
            return false;
        }
        self.is_short_lived()
    }

    /// A process counts these calls: hardly a number stands beside two requests, as which call of its request a call is would, most stand on several
    /// lines, beside a request, and are soon over.
    fn is_counted(&self) -> bool {
        let lines = self.lines_a_value();
        let beside = self.values.values().filter(|v| !v.requests.is_empty()).count();
        let many = self.values.values().filter(|v| v.meets_many()).count();
        self.kind == Some(IdKind::Call) && lines.len() >= ENOUGH && lines[lines.len() / 2] >= 2 && beside * 2 >= lines.len() && many * 50 <= lines.len() && self.is_short_lived()
    }

    /// A number that no line hands over or takes up, for most of its values, is one of the business: an order's, a vacancy's. So is one that is handed over for
    /// one request after another. (That several requests speak of one proves nothing: they ask how it stands.)
    fn is_of_the_business(&self) -> Option<String> {
        let worked_on = self.values.values().filter(|v| !v.worked_for.is_empty()).count();
        let again = self.values.values().filter(|v| v.worked_for.iter().filter(|request| **request != 0).nth(1).is_some()).count();
        if again * 10 > worked_on {
            return Some(format!("a number of the business: {again} of {worked_on} values are handed over for several requests"));
        }
        (worked_on * 2 < self.values.len()).then(|| format!("a number of the business: {worked_on} of {} values are handed over or taken up", self.values.len()))
    }

    /// Nearly every value is over in moments, and in a tenth of the time that all of them take.
    fn is_short_lived(&self) -> bool {
        let mut lives: Vec<i64> = self.values.values().filter_map(|v| v.span).map(|(a, b)| b.saturating_sub(a)).collect();
        lives.sort_unstable();
        let spans = || self.values.values().filter_map(|v| v.span);
        let (Some(first), Some(last), Some(p90)) = (spans().map(|s| s.0).min(), spans().map(|s| s.1).max(), lives.get(lives.len() * 9 / 10)) else { return false };
        *p90 <= MAX_LIFE_NS && p90.saturating_mul(10) < last.saturating_sub(first)
    }

    fn decide(&self, service: &str, label: &str, fields: &BTreeMap<String, Self>) -> RoleDecision {
        let sampled = self.values.len();
        let many = self.values.values().filter(|v| v.meets_many()).count();
        let share = if sampled == 0 { 0.0 } else { many as f64 / sampled as f64 };
        let lines = self.lines_a_value();
        let median = lines.get(lines.len() / 2).copied().unwrap_or(0);
        let by_name = self.kind.unwrap_or(IdKind::Other);
        let root_like = matches!(by_name, IdKind::Request | IdKind::Trace);
        let (kind, why) = if by_name == IdKind::Other && is_bare(label) && self.is_the_only_work(fields) {
            (IdKind::Task, "the only id of its service, each value short-lived and on several lines".to_owned())
        } else if !roles::is_work(by_name) {
            (by_name, "its name says so".to_owned())
        } else if let Some(why) = Some(label).filter(|label| by_name == IdKind::Task && is_of_a_number(label)).and_then(|_| self.is_of_the_business()) {
            (IdKind::Other, why)
        } else if sampled < ENOUGH {
            (by_name, format!("its name says so; {sampled} values are too few for a test"))
        } else if by_name == IdKind::Request && self.is_of_calls(fields) {
            (IdKind::Call, "stands on nothing but calls of a model".to_owned())
        } else if root_like && share > 0.5 {
            (IdKind::Group, format!("{:.0} % of its values meet two or more requests", share * 100.0))
        } else {
            (by_name, "its name says so, the data does not contradict".to_owned())
        };
        RoleDecision {
            service: service.to_owned(),
            label: label.to_owned(),
            by_name,
            kind,
            why,
            lines: self.lines,
            distinct: self.distinct(),
            sampled: sampled as u64,
            many_requests: share,
            first_step_repeat: median as f64,
        }
    }
}

/// By which a field whose name says nothing is kept.
fn key_of(service: &str, label: &str) -> u64 {
    hash(&roles::role_key(service, label))
}

/// `job queued` of a `job_no`: the noun of the number is what is spoken of; or no noun is, as in `follow-up queued`.
fn hands_over_or_takes_up(entry: &Entry, label: &str) -> bool {
    if entry.http.as_ref().is_some_and(|http| http.status.is_some() || http.path.is_some()) {
        return false;
    }
    let (noun, other) = if label.to_ascii_lowercase().contains("job") { ("job", "task") } else { ("task", "job") };
    let speaks_of = |noun: &str| words::speaks_of(entry, &[noun]);
    match words::verb(entry) {
        Verb::Queue | Verb::Take => speaks_of(noun) || !speaks_of(other),
        Verb::Begin => speaks_of(noun),
        _ => false,
    }
}

/// `job_no`, `jobNumber`: what is worked on in an office has a number, too.
fn is_of_a_number(label: &str) -> bool {
    let is_end = |word: &&str| label.len() > word.len() && label[label.len() - word.len()..].eq_ignore_ascii_case(word);
    let starts_a_word = |word: &str| {
        let (before, tail) = label.split_at(label.len() - word.len());
        tail.starts_with(|c: char| c.is_ascii_uppercase()) || before.ends_with(|c: char| !c.is_alphanumeric())
    };
    label.is_ascii() && ["no", "nr", "num", "number"].iter().find(|word| is_end(word)).is_some_and(|word| starts_a_word(word))
}

/// `id`, `data.id`.
fn is_bare(label: &str) -> bool {
    matches!(label.rsplit('.').next(), Some("id" | "uuid" | "guid"))
}

/// The work field on by far the most lines of a service, each value on several; and the work fields whose every value stands on one
/// line. A request id is never handed over by what stands below it, so request fields are not among the latter.
fn main(fields: &BTreeMap<String, Field>) -> Option<MainField> {
    let is_work = |label: &str, f: &Field| {
        f.kind.is_some_and(roles::is_work) && f.kind != Some(IdKind::Span) && !(f.kind == Some(IdKind::Task) && is_of_a_number(label) && f.is_of_the_business().is_some())
    };
    let work = || fields.iter().filter(|(label, f)| is_work(label, f));
    let (label, field) = work().max_by_key(|(label, f)| (f.lines, std::cmp::Reverse((*label).clone())))?;
    let several = field.lines_a_value();
    if several.len() < ENOUGH || several[several.len() / 2] < 2 {
        return None;
    }
    let once = |f: &Field| f.values.len() >= ENOUGH && f.lines_a_value().iter().all(|n| *n == 1);
    let handed: BTreeSet<String> = work()
        .filter(|(other, f)| *other != label && !matches!(f.kind, Some(IdKind::Request | IdKind::Trace)) && f.lines * 3 <= field.lines * 2 && once(f))
        .map(|(other, _)| other.clone())
        .collect();
    (!handed.is_empty()).then(|| MainField { label: label.clone(), handed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(labels: impl Iterator<Item = u64>) -> Fields {
        let mut out = Fields::default();
        for n in labels {
            let id = IdRef { kind: IdKind::Other, relation: IdRelation::Own, label: format!("k{n}x").into(), value: "v".into(), scope: None, listed: false };
            out.observe("state", &id, n, &Entry::default(), false);
        }
        for (kind, label) in [(IdKind::Request, "request_id"), (IdKind::Other, "data.id")] {
            let id = IdRef { kind, relation: IdRelation::Own, label: label.into(), value: "v".into(), scope: None, listed: false };
            out.observe("state", &id, 1, &Entry::default(), false);
        }
        out
    }

    #[test]
    fn names_without_end_take_no_room_of_others_and_which_are_kept_depends_on_no_order() {
        let (forward, backward) = (seen(0..6_000), seen((0..6_000).rev()));
        let kept = |fields: &Fields| fields.by_service["state"].iter().map(|(label, field)| (label.clone(), field.lines)).collect::<Vec<_>>();
        assert_eq!(kept(&forward).len(), MAX_UNNAMED + 2);
        assert!(["request_id", "data.id"].iter().all(|label| forward.by_service["state"].contains_key(*label)));
        assert_eq!(kept(&forward), kept(&backward));
        let mut merged = seen(0..3_000);
        merged.merge(seen(3_000..6_000));
        assert_eq!(kept(&merged).iter().map(|(label, _)| label).collect::<Vec<_>>(), kept(&forward).iter().map(|(label, _)| label).collect::<Vec<_>>());
    }
}
