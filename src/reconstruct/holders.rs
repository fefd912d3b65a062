//! Which steps of a unit an interval may lie in: the broad ones, and of the single ones those that contain it.
//!
//! Guarantees: what it names is all that may hold the interval, however many steps a unit has: single steps are found by their begin,
//! within the length of the longest. Never chooses among them.

use super::spans::Draft;
use crate::model::trace::SpanKind;
use std::collections::BTreeSet;

/// So many are looked through one by one.
const FEW: usize = 16;

/// The steps of one unit by what they may hold.
#[derive(Debug, Clone, Default)]
pub struct Holders {
    /// Steps in which further steps happen: visits, runs, and what is neither.
    broad: Vec<usize>,
    /// Single steps by begin: a call, a tool, a request to another service holds only what happened inside it. Most units have but one.
    first: Vec<(i64, usize)>,
    /// Those of a unit that has many.
    further: BTreeSet<(i64, usize)>,
    longest_ns: i64,
}

impl Holders {
    /// Adds a step. A wait, a write and a read hold nothing.
    pub fn add(&mut self, index: usize, d: &Draft) {
        match d.kind {
            SpanKind::DbWrite => {}
            _ if d.holds_nothing => {}
            kind if kind.is_wait() => {}
            SpanKind::ModelCall | SpanKind::Tool | SpanKind::HttpCall => {
                if self.first.len() < FEW {
                    self.first.push((d.start, index));
                } else {
                    self.further.insert((d.start, index));
                }
                self.longest_ns = self.longest_ns.max(d.end.saturating_sub(d.start));
            }
            _ => self.broad.push(index),
        }
    }

    /// Those that may hold an interval.
    pub fn of(&self, start: i64) -> impl Iterator<Item = usize> + '_ {
        let earliest = start.saturating_sub(self.longest_ns);
        let few = self.first.iter().filter(move |(begin, _)| (earliest..=start).contains(begin));
        self.broad.iter().copied().chain(few.chain(self.further.range((earliest, 0)..=(start, usize::MAX))).map(|(_, index)| *index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_step_that_contains_an_interval_is_named_however_many_there_are(
            steps in prop::collection::vec((0..5_usize, 0..200_i64, 0..60_i64), 0..80),
            asked in prop::collection::vec((0..220_i64, 0..30_i64), 1..20),
        ) {
            let kinds = [SpanKind::App, SpanKind::ModelCall, SpanKind::Tool, SpanKind::DbWrite, SpanKind::QueueWait];
            let drafts: Vec<Draft> = steps.into_iter().map(|(kind, start, ns)| Draft::sample(kinds[kind], start, start + ns)).collect();
            let mut holders = Holders::default();
            drafts.iter().enumerate().for_each(|(index, d)| holders.add(index, d));
            for (start, ns) in asked {
                let mut named: Vec<usize> = holders.of(start).collect();
                named.sort_unstable();
                prop_assert!(named.windows(2).all(|pair| pair[0] < pair[1]), "each once: {named:?}");
                let must = |d: &Draft| match d.kind {
                    SpanKind::App => true,
                    SpanKind::ModelCall | SpanKind::Tool => d.start <= start && start + ns <= d.end,
                    _ => false,
                };
                let may = |d: &Draft| matches!(d.kind, SpanKind::App) || (matches!(d.kind, SpanKind::ModelCall | SpanKind::Tool) && d.start <= start);
                for (index, d) in drafts.iter().enumerate() {
                    prop_assert!(!must(d) || named.contains(&index));
                    prop_assert!(may(d) || !named.contains(&index));
                }
            }
        }
    }
}
