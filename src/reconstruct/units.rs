//! When which source saw the same work, by a sample of its ids; and what follows for lengths without a unit. Zones follow from it, too (`learn`).
//!
//! An access log states `"request_time": 0.418` as the request ends; the application's lines of that request began some 400 ms before: seconds.
//! Guarantees: statistics are order-free and mergeable (ids with the smallest hashes, minima and maxima), bounded by the constants below; what
//! does not agree, or hardly differs, decides nothing. It never changes what a line said.

use crate::{
    model::{
        entry::Entry,
        habits::UNITS,
        profile::{Unit, Zone},
    },
    reconstruct::learn::{merge_sample, sampled},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Ids sampled: those with the smallest hashes.
const SAMPLE: usize = 1_024;
/// Most sources remembered of one id.
const MAX_SOURCES: usize = 16;
/// Shorter work is told apart from the delays between programs by nothing.
const SHORTEST_NS: i64 = 20_000_000;
/// Fewest lengths that decide a unit, of different ids.
const ENOUGH: u64 = 8;

/// What a source showed of an id. Instants as written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// First instant.
    pub first_ns: i64,
    /// It carries no zone.
    pub naive: bool,
    /// The last line that states a length without a unit: when, and how long.
    stated: Option<(i64, f64)>,
}

/// The sample.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sightings {
    ids: BTreeMap<u64, BTreeMap<String, Seen>>,
}

impl Sightings {
    /// Takes note of one of an entry's ids of work, by its hash.
    pub fn observe(&mut self, id: u64, entry: &Entry) {
        let Some(time) = entry.time else { return };
        let stated = entry.duration.filter(|length| length.ns.is_none() && length.bare > 0.0 && length.bare.is_finite()).map(|length| (time.unix_ns, length.bare));
        let new = Seen { first_ns: time.unix_ns, naive: time.naive, stated };
        if let Some(seen) = sampled(&mut self.ids, id, SAMPLE) {
            merge(seen, &entry.source, new);
        }
    }

    /// Takes in what another reader of other lines saw.
    pub fn merge(&mut self, other: Self) {
        merge_sample(&mut self.ids, other.ids, SAMPLE, |mine, theirs| {
            for (source, seen) in theirs {
                merge(mine, &source, seen);
            }
        });
    }

    /// By id: what each source showed of it.
    pub(super) fn of_ids(&self) -> impl Iterator<Item = &BTreeMap<String, Seen>> {
        self.ids.values()
    }

    /// The unit of each source whose lengths show one.
    pub fn units(&self, zones: &BTreeMap<String, Zone>) -> BTreeMap<String, Unit> {
        let mut votes: BTreeMap<&str, Votes> = BTreeMap::new();
        for seen in self.ids.values() {
            for (source, own) in seen {
                let Some((at, bare)) = own.stated else { continue };
                let real = |name: &str, ns: i64, naive: bool| match zones.get(name) {
                    Some(zone) if naive => Some(ns.saturating_sub(i64::from(zone.offset_s) * 1_000_000_000)),
                    _ => (!naive).then_some(ns),
                };
                let others = seen.iter().filter(|(name, _)| *name != source).filter_map(|(name, s)| real(name, s.first_ns, s.naive)).min();
                let Some((at, first)) = real(source, at, own.naive).zip(others) else { continue };
                votes.entry(source).or_default().count(bare, at.saturating_sub(first));
            }
        }
        votes.into_iter().filter_map(|(source, votes)| Some((source.to_owned(), votes.unit()?))).collect()
    }
}

fn merge(seen: &mut BTreeMap<String, Seen>, source: &str, new: Seen) {
    let Some(known) = seen.get_mut(source) else {
        if seen.len() < MAX_SOURCES {
            seen.insert(source.to_owned(), new);
        }
        return;
    };
    known.first_ns = known.first_ns.min(new.first_ns);
    known.naive |= new.naive;
    // Of two of one instant the longer, whatever the order.
    let rank = |stated: Option<(i64, f64)>| stated.map(|(at, bare)| (at, bare.to_bits()));
    if rank(new.stated) > rank(known.stated) {
        known.stated = new.stated;
    }
}

#[derive(Default)]
struct Votes {
    fits: [u64; UNITS.len()],
    seen: u64,
    bounds: Option<(f64, f64)>,
}

impl Votes {
    /// A length beside the time since others saw its work first. Units are a thousand apart, so that one fits at most.
    fn count(&mut self, bare: f64, elapsed_ns: i64) {
        if elapsed_ns < SHORTEST_NS {
            return;
        }
        self.seen += 1;
        self.bounds = Some(self.bounds.map_or((bare, bare), |(least, most)| (least.min(bare), most.max(bare))));
        for (fits, (_, unit_ns)) in self.fits.iter_mut().zip(UNITS) {
            *fits += u64::from((0.5..=4.0).contains(&(bare * unit_ns / elapsed_ns as f64)));
        }
    }

    fn unit(&self) -> Option<Unit> {
        let (best, votes) = self.fits.iter().copied().enumerate().max_by_key(|(_, n)| *n)?;
        let differ = self.bounds.is_some_and(|(least, most)| most >= least * 1.5);
        (votes >= ENOUGH && votes * 10 >= self.seen * 8 && differ).then(|| Unit { ns: UNITS[best].1 as i64, votes, of: self.seen })
    }
}

/// The unit in words.
pub fn words(unit: &Unit) -> String {
    let name = UNITS.iter().find(|(_, ns)| *ns as i64 == unit.ns).map_or("", |(name, _)| name);
    format!("lengths without a unit are in {name}: {} of {} fit the time since other logs first saw their work", unit.votes, unit.of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{Instant, Length};

    fn entry(source: &str, at_ms: i64, bare: Option<f64>) -> Entry {
        let time = Some(Instant { unix_ns: at_ms * 1_000_000, quantum_ns: 1_000_000, naive: false });
        Entry { source: source.into(), time, duration: bare.map(Length::bare), ..Entry::default() }
    }

    /// As many requests of different lengths, the length in `per_second` to a second; a clock of the edge may be off.
    fn seen(requests: u64, per_second: f64, off_ms: i64) -> Sightings {
        let mut out = Sightings::default();
        for n in 0..requests {
            let (began, length) = (n as i64 * 10_000, 100 + n as i64 * 37);
            out.observe(n, &entry("api", began + 3, None));
            out.observe(n, &entry("api", began + length - 4, None));
            out.observe(n, &entry("edge", began + length + off_ms, Some(length as f64 / 1e3 * per_second)));
        }
        out
    }

    #[test]
    fn the_unit_is_the_one_that_reaches_back_to_where_others_saw_the_work() {
        for (per_second, ns) in [(1.0, 1_000_000_000), (1e3, 1_000_000), (1e6, 1_000), (1e9, 1)] {
            let units = seen(20, per_second, 0).units(&BTreeMap::new());
            assert_eq!(units, BTreeMap::from([("edge".to_owned(), Unit { ns, votes: 20, of: 20 })]));
        }
    }

    #[test]
    fn few_lengths_a_clock_that_stands_off_and_lengths_that_hardly_differ_decide_nothing() {
        assert_eq!(seen(7, 1.0, 0).units(&BTreeMap::new()), BTreeMap::new());
        assert_eq!(seen(20, 1.0, 3_600_000).units(&BTreeMap::new()), BTreeMap::new());
        let mut alike = Sightings::default();
        for n in 0..20 {
            alike.observe(n, &entry("api", n as i64 * 10_000, None));
            alike.observe(n, &entry("edge", n as i64 * 10_000 + 100, Some(0.1)));
        }
        assert_eq!(alike.units(&BTreeMap::new()), BTreeMap::new());
    }

    #[test]
    fn halves_merge_to_the_whole_in_either_order() {
        let (whole, half) = (seen(20, 1.0, 0), seen(10, 1.0, 0));
        let mut rest = Sightings::default();
        rest.ids.extend(whole.ids.iter().filter(|(id, _)| **id >= 10).map(|(id, seen)| (*id, seen.clone())));
        for (mut first, second) in [(half.clone(), rest.clone()), (rest, half)] {
            first.merge(second);
            assert_eq!(first.ids, whole.ids);
        }
    }
}
