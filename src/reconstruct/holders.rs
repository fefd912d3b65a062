//! Which steps of a unit an interval may lie in: the broad ones, and of the single ones those that contain it.
//!
//! Guarantees: what it names is all that may hold the interval, however many steps a unit has: single steps are found by their begin,
//! within the length of the longest. Never chooses among them.

use super::spans::Draft;
use crate::model::trace::SpanKind;
use std::collections::BTreeSet;

/// The steps of one unit by what they may hold.
#[derive(Debug, Default)]
pub struct Holders {
    /// Steps in which further steps happen: visits, runs, and what is neither.
    broad: Vec<usize>,
    /// Single steps by begin: a call, a tool, a request to another service holds only what happened inside it.
    single: BTreeSet<(i64, usize)>,
    longest_ns: i64,
}

impl Holders {
    /// Adds a step. A wait and a write hold nothing.
    pub fn add(&mut self, index: usize, d: &Draft) {
        match d.kind {
            SpanKind::DbWrite => {}
            kind if kind.is_wait() => {}
            SpanKind::ModelCall | SpanKind::Tool | SpanKind::HttpCall => {
                self.single.insert((d.start, index));
                self.longest_ns = self.longest_ns.max(d.end.saturating_sub(d.start));
            }
            _ => self.broad.push(index),
        }
    }

    /// Those that may hold an interval.
    pub fn of(&self, start: i64) -> impl Iterator<Item = usize> + '_ {
        let earliest = start.saturating_sub(self.longest_ns);
        self.broad.iter().copied().chain(self.single.range((earliest, 0)..=(start, usize::MAX)).map(|(_, index)| *index))
    }
}
