//! How long the same operation takes in other requests: steps of one kind and name, finished and not failed.
//!
//! Guarantees: bounded: at most [`MAX_OPERATIONS`] names and [`MAX_LENGTHS`] lengths a name are kept, the first that come. Percentiles are
//! nearest-rank, so every figure is a length that was measured.

use crate::model::{
    summary::Typical,
    trace::{Outcome, SpanKind, Trace},
};
use std::collections::BTreeMap;

/// Most operations.
pub const MAX_OPERATIONS: usize = 2_000;
/// Most lengths of an operation.
pub const MAX_LENGTHS: usize = 4_000;

/// Kind and name.
pub type Operation = (SpanKind, String);

/// Lengths by operation.
#[derive(Debug, Clone, Default)]
pub struct Lengths {
    by: BTreeMap<Operation, Vec<i64>>,
}

impl Lengths {
    /// Counts the steps of a path. What failed, has no end, or whose length is a lower bound or inferred says nothing of how long it takes.
    pub fn add(&mut self, trace: &Trace) {
        use crate::model::trace::Evidence::{Assumed, Observed};
        for span in &trace.spans {
            let counts = span.end.is_some() && !span.unfinished && matches!(span.outcome, Outcome::Ok | Outcome::Unknown) && !matches!(span.evidence, Observed | Assumed);
            if !counts {
                continue;
            }
            let key = (span.kind, span.name.clone());
            if self.by.len() >= MAX_OPERATIONS && !self.by.contains_key(&key) {
                continue;
            }
            let lengths = self.by.entry(key).or_default();
            if lengths.len() < MAX_LENGTHS {
                lengths.push(span.duration_ns());
            }
        }
    }

    /// Median and 95th percentile of every operation.
    pub fn typical(&self) -> BTreeMap<Operation, Typical> {
        self.by.iter().map(|(key, lengths)| (key.clone(), typical(lengths.clone()))).collect()
    }
}

/// Median and 95th percentile by nearest rank; zeros of nothing.
pub fn typical(mut lengths: Vec<i64>) -> Typical {
    lengths.sort_unstable();
    let at = |q: f64| lengths.get(((lengths.len() as f64 * q).ceil() as usize).saturating_sub(1)).copied().unwrap_or(0);
    Typical { n: lengths.len() as u64, p50_ns: at(0.5), p95_ns: at(0.95) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_lengths_that_were_measured() {
        assert_eq!(typical(vec![]), Typical { n: 0, p50_ns: 0, p95_ns: 0 });
        assert_eq!(typical(vec![7]), Typical { n: 1, p50_ns: 7, p95_ns: 7 });
        assert_eq!(typical((1..=100).rev().collect()), Typical { n: 100, p50_ns: 50, p95_ns: 95 });
    }
}
