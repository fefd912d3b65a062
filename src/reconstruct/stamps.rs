//! Whether the time of a line that states a length is the begin or the end of what it is about (`reconstruction.md` section 3).
//!
//! Told by containment: a span that another names as its parent holds it. Read the right way, the intervals of parents hold those of their
//! children; read the wrong way they do not. Guarantees: order-free and mergeable (parents with the smallest hashes, bounded by the constants
//! below); lines whose words say begin or end, and records of answers (`answer_stamps`), are not touched; without many pairs of one log that agree the time stays the end.

use crate::{
    model::{
        entry::Entry,
        id::{IdKind, IdRef, IdRelation},
        profile::Unit,
    },
    reconstruct::{
        learn::{hash, merge_sample, sampled},
        roles,
        words::{self, Verb},
    },
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Parents sampled: those with the smallest hashes.
const SAMPLE: usize = 1_024;
/// Children kept of one.
const MAX_CHILDREN: usize = 4;
/// Fewest pairs of a parent and a child that may decide.
const PAIRS: usize = 20;
/// Of so many parents that have several, or are children themselves: what one hands over may begin after it had answered.
const PARENTS: usize = 5;

/// Its time may be either.
pub fn is_open(entry: &Entry, verb: Verb) -> bool {
    let is_access = entry.http.as_ref().is_some_and(|http| http.access || http.status.is_some());
    verb == Verb::None && !is_access && entry.time.is_some() && entry.started.is_none() && entry.ended.is_none() && entry.duration.is_some()
}

/// A length beside the time it is written at: in nanoseconds, or in whatever its log writes lengths in.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) at_ns: i64,
    pub(super) quantum_ns: i64,
    length: f64,
    is_ns: bool,
}

impl Mark {
    /// By which two of one request are told apart, whatever their order.
    pub(super) fn key(&self) -> (i64, u64) {
        (self.at_ns, self.length.to_bits())
    }

    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let (time, length) = (entry.time?, entry.duration?);
        let (is_ns, value) = (length.ns.is_some(), length.ns.map_or(length.bare, |ns| ns as f64));
        (value > 0.0 && value.is_finite()).then_some(Self { at_ns: time.unix_ns, quantum_ns: time.quantum_ns as i64, length: value, is_ns })
    }

    pub(super) fn interval(&self, unit: Option<&Unit>, at_begin: bool) -> Option<(f64, f64)> {
        let length = if self.is_ns { self.length } else { self.length * unit?.ns as f64 };
        let at = self.at_ns as f64;
        Some(if at_begin { (at, at + length) } else { (at - length, at) })
    }
}

/// What one log shows of a parent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Family {
    own: Option<Mark>,
    children: Vec<Mark>,
}

impl Family {
    fn merge(&mut self, other: Self) {
        let longer = |a: &Mark, b: &Mark| (a.length, b.at_ns) > (b.length, a.at_ns);
        if other.own.is_some_and(|new| self.own.is_none_or(|known| longer(&new, &known))) {
            self.own = other.own;
        }
        self.children.extend(other.children);
        self.children.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        self.children.dedup();
        self.children.truncate(MAX_CHILDREN);
    }
}

/// The sample: parent → log → what it shows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Stamps {
    families: BTreeMap<u64, BTreeMap<String, Family>>,
}

impl Stamps {
    /// Takes note of a line that states a length and names what it is part of, or what is part of it.
    pub fn observe(&mut self, entry: &Entry) {
        let is_work = |id: &&IdRef| roles::is_work(id.kind) && !id.listed && matches!(id.relation, IdRelation::Own | IdRelation::Parent);
        let names_spans = entry.duration.is_some() && entry.ids.iter().any(|id| id.kind == IdKind::Span || id.relation == IdRelation::Parent);
        let Some(mark) = Mark::of(entry).filter(|_| names_spans && is_open(entry, words::verb(entry))) else { return };
        for id in entry.ids.iter().filter(is_work) {
            let Some(key) = roles::unit_key(id) else { continue };
            let is_own = id.relation == IdRelation::Own;
            let family = if is_own { Family { own: Some(mark), children: Vec::new() } } else { Family { own: None, children: vec![mark] } };
            if let Some(logs) = sampled(&mut self.families, hash(&key), SAMPLE) {
                logs.entry(entry.source.to_string()).or_default().merge(family);
            }
        }
    }

    /// Takes in what another reader of other lines saw.
    pub fn merge(&mut self, other: Self) {
        merge_sample(&mut self.families, other.families, SAMPLE, |mine, theirs| {
            for (source, family) in theirs {
                mine.entry(source).or_default().merge(family);
            }
        });
    }

    /// The logs whose lines are written as what they are about begins.
    pub fn decide(&self, units: &BTreeMap<String, Unit>) -> BTreeSet<String> {
        let mut votes: BTreeMap<&str, (usize, usize, usize, usize)> = BTreeMap::new();
        let children: BTreeSet<(&str, i64, u64)> =
            self.families.values().flatten().flat_map(|(s, f)| f.children.iter().map(|c| (s.as_str(), c.at_ns, c.length.to_bits()))).collect();
        for (source, family) in self.families.values().flatten() {
            let Some(own) = family.own.filter(|_| !family.children.is_empty()) else { continue };
            let unit = units.get(source);
            let (parents, all, begins, ends) = votes.entry(source).or_default();
            // One child of a parent that is none itself may have been begun behind its answer, in each of many requests.
            let is_child = children.contains(&(source.as_str(), own.at_ns, own.length.to_bits()));
            *parents += usize::from(family.children.len() > 1 || is_child);
            for child in &family.children {
                *all += 1;
                *begins += usize::from(holds(&own, child, unit, true));
                *ends += usize::from(holds(&own, child, unit, false));
            }
        }
        let at_begin = |(parents, all, begins, ends): &(usize, usize, usize, usize)| *all >= PAIRS && *parents >= PARENTS && begins * 10 >= all * 9 && ends * 2 <= *all;
        votes.into_iter().filter(|(_, votes)| at_begin(votes)).map(|(source, _)| source.to_owned()).collect()
    }
}

fn holds(parent: &Mark, child: &Mark, unit: Option<&Unit>, at_begin: bool) -> bool {
    let Some(((from, to), (inner_from, inner_to))) = parent.interval(unit, at_begin).zip(child.interval(unit, at_begin)) else { return false };
    let slack = 2.0 * parent.quantum_ns.max(child.quantum_ns) as f64 + (to - from) / 100.0;
    inner_from >= from - slack && inner_to <= to + slack
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{Instant, Length};

    fn id(label: &str, relation: IdRelation, n: u64) -> IdRef {
        IdRef { kind: IdKind::Span, relation, label: label.into(), value: format!("{:016x}", 0x00f0_67aa_0ba9_02b0 + n * 7_919).into(), scope: None, listed: false }
    }

    /// Requests of a span and two inside it, with their times written at the begin or at the end.
    fn lines(requests: u64, at_begin: bool) -> Vec<Entry> {
        let span = |n: u64, from_ms: i64, length_ms: i64, parent: Option<u64>| {
            let at = if at_begin { from_ms } else { from_ms + length_ms };
            let mut ids = vec![id("span_id", IdRelation::Own, n)];
            ids.extend(parent.map(|p| id("parent_span_id", IdRelation::Parent, p)));
            let time = Some(Instant { unix_ns: at * 1_000_000, quantum_ns: 1_000_000, naive: false });
            Entry { source: "spans".into(), time, body: Some("compose".into()), duration: Some(Length::known(length_ms * 1_000_000, 1_000_000)), ids, ..Entry::default() }
        };
        let at = |n: u64| n as i64 * 1_000;
        (0..requests).flat_map(|n| [span(n * 3, at(n), 200, None), span(n * 3 + 1, at(n) + 20, 120, Some(n * 3)), span(n * 3 + 2, at(n) + 150, 40, Some(n * 3))]).collect()
    }

    fn learned(lines: &[Entry]) -> Stamps {
        let mut out = Stamps::default();
        lines.iter().for_each(|entry| out.observe(entry));
        out
    }

    #[test]
    fn times_are_begins_where_parents_hold_their_children_only_so() {
        assert_eq!(learned(&lines(20, true)).decide(&BTreeMap::new()), BTreeSet::from(["spans".to_owned()]));
        assert_eq!(learned(&lines(20, false)).decide(&BTreeMap::new()), BTreeSet::new());
        assert_eq!(learned(&lines(9, true)).decide(&BTreeMap::new()), BTreeSet::new());
    }

    #[test]
    fn what_every_request_hands_over_behind_its_answer_turns_no_times_round() {
        // Times at the end: the one child began 50 ms after its parent had ended.
        let mut handed = lines(40, false);
        handed.retain(|entry| entry.ids.len() == 1 || entry.duration.is_some_and(|d| d.ns == Some(40_000_000)));
        assert_eq!(learned(&handed).decide(&BTreeMap::new()), BTreeSet::new());
    }

    #[test]
    fn halves_merge_to_the_whole_in_either_order() {
        let all = lines(20, true);
        let (evens, odds): (Vec<_>, Vec<_>) = all.iter().cloned().enumerate().partition(|(n, _)| n % 2 == 0);
        let half = |lines: &[(usize, Entry)]| learned(&lines.iter().map(|(_, entry)| entry.clone()).collect::<Vec<_>>());
        for (first, second) in [(&evens, &odds), (&odds, &evens)] {
            let mut merged = half(first);
            merged.merge(half(second));
            assert_eq!(merged.families, learned(&all).families);
        }
    }
}
