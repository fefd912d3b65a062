//! A number without a unit beside the same length in another form (`latency: 2434` beside `latency_human: "2.434µs"`, beside a begin and an
//! end, beside a text that says it): the other form fixes the unit.
//!
//! Guarantees: a unit is taken only when no other one fits; it never changes a number that has one.

use crate::model::{entry::Entry, time::Length};

/// Units a bare number may be in, in nanoseconds.
const UNITS_NS: [f64; 4] = [1e9, 1e6, 1e3, 1.0];

/// `bare` in the one unit in which it is about `ns`.
pub fn settled(bare: Length, ns: i64, quantum_ns: u64) -> Option<Length> {
    let (off, known) = (ns as f64 * 0.02 + quantum_ns as f64, ns as f64);
    let mut fitting = UNITS_NS.into_iter().map(|unit| bare.bare * unit).filter(|of_unit| (of_unit - known).abs() <= off).map(f64::round);
    let found = fitting.next()?;
    // Zero is zero in any unit.
    fitting.all(|other| other == found).then(|| Length::known(found as i64, quantum_ns.min(1_000)))
}

/// `other` is the same length with more digits: `duration_ms: 51.5229` beside `duration: "51.5ms"`.
pub fn is_finer(rounded: Length, other: Length) -> bool {
    let off = rounded.ns.zip(other.ns).and_then(|(a, b)| a.checked_sub(b)).map(i64::unsigned_abs);
    rounded.quantum_ns > other.quantum_ns && other.ns != Some(0) && off.is_some_and(|off| off <= rounded.quantum_ns)
}

/// The lengths of an entry whose units its begin and its end tell.
pub fn by_instants(entry: &mut Entry) {
    let Some(start) = entry.started else { return };
    let settle = |bare: Option<Length>, end: Option<crate::model::time::Instant>| {
        let (bare, end) = (bare.filter(|l| l.ns.is_none())?, end?);
        settled(bare, end.unix_ns.checked_sub(start.unix_ns).filter(|ns| *ns > 0)?, end.quantum_ns.saturating_add(start.quantum_ns))
    };
    entry.duration = settle(entry.duration, entry.ended).or(entry.duration);
    if let Some(length) = settle(entry.first_token.as_deref().copied(), entry.first_token_at.as_deref().copied()) {
        entry.first_token = Some(length.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_ns(bare: f64, ns: i64, quantum_ns: u64) -> Option<i64> {
        settled(Length::bare(bare), ns, quantum_ns).and_then(|l| l.ns)
    }

    #[test]
    fn the_one_unit_that_fits_is_taken() {
        assert_eq!(in_ns(2434.0, 2_434, 1), Some(2_434));
        assert_eq!(in_ns(3.842, 3_842_000_000, 2_000_000), Some(3_842_000_000));
        assert_eq!(in_ns(3842.0, 4_000_000_000, 1_000_000_000), Some(3_842_000_000));
        assert_eq!(in_ns(0.0, 0, 1), Some(0));
    }

    #[test]
    fn the_same_length_with_more_digits_is_finer_and_another_one_is_not() {
        let (short, full, other) = (Length::known(51_500_000, 100_000), Length::known(51_522_946, 1), Length::known(48_000_000, 1));
        assert!(is_finer(short, full) && !is_finer(full, short) && !is_finer(short, other));
        assert!(!is_finer(Length::known(0, 1_000_000_000), Length::known(0, 1)));
    }

    #[test]
    fn a_number_that_fits_in_none_or_in_several_stays_bare() {
        assert_eq!(in_ns(17.0, 2_434, 1), None);
        assert_eq!(in_ns(900.0, 1_000_000_000, 2_000_000_000), None);
    }
}
