//! Lines over time: bars of one round length that hold the lines of a set, with how many of them tell of trouble.
//!
//! Guarantees: at most [`MAX_BARS`] bars, side by side without a hole; a few lines that lie far from all others do not press these into one bar, and
//! are counted. Never reads a record.

use crate::{
    model::{entry::Severity, time::UnixNanos},
    query::{engine::Snapshot, lines::store, view::LineBar, view::QueryError},
    store::{Ahead, Bars, Clause, LineQuery, RecordSet},
};
use std::time::Instant;

/// Most bars.
const MAX_BARS: i64 = 72;
/// From so many lines up a part of a thousandth may lie outside.
const FEW_OF: u64 = 1_000;

const MS: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MS;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Lengths of a bar that people count in.
const STEPS: [i64; 32] = [
    MS,
    2 * MS,
    5 * MS,
    10 * MS,
    20 * MS,
    50 * MS,
    100 * MS,
    200 * MS,
    500 * MS,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    90 * DAY,
];

/// Bars, and how many lines lie outside of them. `None`: the deadline passed.
pub fn over_time(snapshot: &Snapshot, set: &RecordSet, ahead: &Ahead, until: Option<Instant>) -> Result<Option<(Vec<LineBar>, u64)>, QueryError> {
    let reader = &snapshot.reader;
    let of = |levels: &[Severity]| -> Result<RecordSet, QueryError> {
        let query = LineQuery { must: vec![Clause::Any(levels.iter().map(|l| Clause::Level(*l)).collect())], ..LineQuery::default() };
        Ok(reader.fitting(&query, until).map_err(store)?.0)
    };
    let among = [of(&[Severity::Error, Severity::Fatal])?, of(&[Severity::Warn])?];
    let Some(mut span) = reader.span(set, ahead, until) else { return Ok(None) };
    loop {
        let (from, step, bars) = lay(span);
        let Some(counted) = reader.over_time(set, (from, step, bars), &among, ahead, until) else { return Ok(None) };
        let Some(bar) = the_one_of_nearly_all(&counted) else { return Ok(Some((shown(&counted), counted.outside))) };
        let mut inside = set.clone();
        reader.keep_between(&mut inside, (Some(bar.0), Some(bar.1)), ahead);
        match reader.span(&inside, ahead, until) {
            Some(closer) if closer != span => span = closer,
            _ => return Ok(Some((shown(&counted), counted.outside))),
        }
    }
}

/// Begin of the first bar, length of each, and how many: the shortest round length that gives few enough.
fn lay((first, last): (i64, i64)) -> (i64, i64, usize) {
    let bars = |step: i64| i128::from(last.div_euclid(step)) - i128::from(first.div_euclid(step)) + 1;
    let years = (1..).map(|n: i64| n.saturating_mul(365 * DAY));
    let step = STEPS.into_iter().chain(years).find(|step| bars(*step) <= i128::from(MAX_BARS)).unwrap_or(i64::MAX);
    (first.div_euclid(step).saturating_mul(step), step, usize::try_from(bars(step)).unwrap_or(1))
}

/// First and last instant of the bar that leaves nothing worth seeing to the others.
fn the_one_of_nearly_all(counted: &Bars) -> Option<(i64, i64)> {
    let all = counted.counts.iter().map(|c| c[0]).sum::<u64>() + counted.outside;
    let index = counted.counts.iter().position(|c| (all - c[0]) * FEW_OF < all).filter(|_| counted.counts.len() > 1 && all > FEW_OF)?;
    let from = counted.from_ns + counted.step_ns * index as i64;
    (counted.step_ns > MS).then(|| (from, from + (counted.step_ns - 1)))
}

fn shown(counted: &Bars) -> Vec<LineBar> {
    let bar = |(index, counts): (usize, &Vec<u64>)| {
        let from = counted.from_ns.saturating_add(counted.step_ns.saturating_mul(index as i64));
        LineBar { from: UnixNanos(from), to: UnixNanos(from.saturating_add(counted.step_ns - 1)), count: counts[0], errors: counts[1], warnings: counts[2] }
    };
    counted.counts.iter().enumerate().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_a_round_length_and_begin_at_a_round_time() {
        assert_eq!(lay((0, 0)), (0, MS, 1));
        assert_eq!(lay((10 * SECOND + 7, 70 * SECOND)), (10 * SECOND, SECOND, 61));
        assert_eq!(lay((MINUTE + 1, 73 * MINUTE)), (0, 2 * MINUTE, 37));
        assert_eq!(lay((-SECOND - 1, SECOND)), (-1_050 * MS, 50 * MS, 42));
        let (from, step, bars) = lay((i64::MIN, i64::MAX));
        assert!(bars as i64 <= MAX_BARS && step > 365 * DAY && from <= i64::MIN + step, "{from} {step} {bars}");
    }

    #[test]
    fn a_bar_is_looked_into_only_when_it_holds_nearly_all() {
        let bars = |counts: &[u64], outside| Bars { from_ns: 0, step_ns: DAY, counts: counts.iter().map(|n| vec![*n, 0, 0]).collect(), outside };
        assert_eq!(the_one_of_nearly_all(&bars(&[1, 0, 5_000], 0)), Some((2 * DAY, 3 * DAY - 1)));
        assert_eq!(the_one_of_nearly_all(&bars(&[1, 0, 5_000], 40)), None);
        assert_eq!(the_one_of_nearly_all(&bars(&[6, 0, 5_000], 0)), None);
        assert_eq!(the_one_of_nearly_all(&bars(&[1, 0, 500], 0)), None);
        assert_eq!(the_one_of_nearly_all(&bars(&[5_000], 0)), None);
    }
}
