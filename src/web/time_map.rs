//! From instants to places on a timeline, with long stretches in which nothing happens drawn as narrow breaks.
//!
//! Guarantees: pure; places grow with time and lie in 0..=1000; bars, ruler, marks and the overview of one view share one map, so what
//! stands below each other happened at the same time. A break says how long it is. Never draws and never decides what a gap is.

use crate::web::scale::{self, Tick, Units, WIDTH};

/// Width of a break: about 32 pixels on a wide screen.
const BREAK: f64 = 40.0;
/// Most breaks; further gaps are drawn at their length.
const MOST_BREAKS: usize = 8;

/// A stretch of time with its place.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    from: i64,
    to: i64,
    x: f64,
    width: f64,
    is_break: bool,
}

/// A map over an interval.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeMap {
    stretches: Vec<Stretch>,
}

/// A break as it is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Break {
    /// Left edge.
    pub x: f64,
    /// Width.
    pub width: f64,
    /// How long it is.
    pub ns: i64,
}

impl TimeMap {
    /// A map from one instant to another; an empty interval is made one nanosecond long. `gaps` are disjoint and in order; the longest
    /// of those inside become breaks, as far as they are wider than a break.
    pub fn new(from: i64, to: i64, gaps: &[(i64, i64)]) -> Self {
        let to = to.max(from.saturating_add(1));
        let mut breaks: Vec<(i64, i64)> = gaps.iter().map(|(a, b)| ((*a).max(from), (*b).min(to))).filter(|(a, b)| b > a).collect();
        breaks.sort_by_key(|(a, b)| std::cmp::Reverse(i128::from(*b) - i128::from(*a)));
        breaks.truncate(MOST_BREAKS);
        let whole = length(from, to);
        breaks.retain(|(a, b)| length(*a, *b) / whole * WIDTH > BREAK);
        breaks.sort_unstable();
        let broken: f64 = breaks.iter().map(|(a, b)| length(*a, *b)).sum();
        // Something must be left beside the breaks to be drawn at its length.
        if whole - broken < 1.0 {
            breaks.clear();
        }
        let broken: f64 = breaks.iter().map(|(a, b)| length(*a, *b)).sum();
        let unit = (WIDTH - BREAK * breaks.len() as f64) / (whole - broken);
        let (mut stretches, mut at, mut x) = (Vec::with_capacity(breaks.len() * 2 + 1), from, 0.0);
        let mut push = |from: i64, to: i64, width: f64, is_break| {
            stretches.push(Stretch { from, to, x, width, is_break });
            x += width;
        };
        for (a, b) in breaks {
            if a > at {
                push(at, a, length(at, a) * unit, false);
            }
            push(a, b, BREAK, true);
            at = b;
        }
        if to > at {
            push(at, to, length(at, to) * unit, false);
        }
        Self { stretches }
    }

    /// First instant.
    pub fn from(&self) -> i64 {
        self.stretches.first().map_or(0, |s| s.from)
    }

    /// Last instant.
    pub fn to(&self) -> i64 {
        self.stretches.last().map_or(0, |s| s.to)
    }

    /// Length in nanoseconds, breaks included, at least 1.
    pub fn ns(&self) -> i64 {
        self.to().saturating_sub(self.from())
    }

    /// Length of what is drawn at its length.
    fn drawn_ns(&self) -> i64 {
        self.stretches.iter().filter(|s| !s.is_break).map(|s| s.to.saturating_sub(s.from)).fold(0, i64::saturating_add)
    }

    /// Where an instant lies.
    pub fn x(&self, at: i64) -> f64 {
        let after = self.stretches.partition_point(|s| s.to <= at);
        let Some(s) = self.stretches.get(after) else { return WIDTH };
        let share = length(s.from, at.max(s.from)) / length(s.from, s.to);
        (s.x + share * s.width).clamp(0.0, WIDTH)
    }

    /// Where an instant lies, as it is printed.
    pub fn at(&self, at: i64) -> Units {
        Units(self.x(at))
    }

    /// The breaks.
    pub fn breaks(&self) -> impl Iterator<Item = Break> + '_ {
        self.stretches.iter().filter(|s| s.is_break).map(|s| Break { x: s.x, width: s.width, ns: s.to.saturating_sub(s.from) })
    }

    /// Corners of the map for scripts: `offset_ns,place` pairs from `zero`.
    pub fn corners(&self, zero: i64) -> String {
        let first = self.stretches.first().map(|s| (s.from, s.x));
        let corners = first.into_iter().chain(self.stretches.iter().map(|s| (s.to, s.x + s.width)));
        corners.map(|(at, x)| format!("{},{x:.3}", at.saturating_sub(zero))).collect::<Vec<_>>().join(" ")
    }

    /// Ticks at round distances from `zero`, none inside a break.
    pub fn ruler(&self, zero: i64) -> Vec<Tick> {
        let drawn = self.drawn_ns();
        let of = |s: &Stretch| scale::round_distances(s.from, s.to, drawn, zero).collect::<Vec<_>>();
        self.stretches.iter().filter(|s| !s.is_break).flat_map(of).map(|(at, label)| Tick { x: self.at(at), label }).collect()
    }
}

fn length(from: i64, to: i64) -> f64 {
    (i128::from(to) - i128::from(from)) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_gaps_it_is_linear() {
        let map = TimeMap::new(100, 200, &[]);
        assert_eq!([0, 100, 150, 200, i64::MAX].map(|at| map.x(at)), [0.0, 0.0, 500.0, 1_000.0, 1_000.0]);
        assert!((TimeMap::new(i64::MIN, i64::MAX, &[]).x(0) - 500.0).abs() < 0.001);
        assert_eq!(TimeMap::new(5, 5, &[]).ns(), 1);
        assert_eq!(map.corners(100), "0,0.000 100,1000.000");
    }

    #[test]
    fn a_gap_takes_the_width_of_a_break_and_the_rest_is_drawn_larger() {
        let map = TimeMap::new(0, 1_000, &[(200, 800)]);
        assert_eq!([0, 100, 200, 500, 800, 900, 1_000].map(|at| map.x(at)), [0.0, 240.0, 480.0, 500.0, 520.0, 760.0, 1_000.0]);
        assert_eq!(map.breaks().collect::<Vec<_>>(), [Break { x: 480.0, width: 40.0, ns: 600 }]);
        assert_eq!(map.corners(0), "0,0.000 200,480.000 800,520.000 1000,1000.000");
    }

    #[test]
    fn a_gap_narrower_than_a_break_or_over_everything_is_none() {
        assert_eq!(TimeMap::new(0, 1_000, &[(10, 40)]).breaks().count(), 0);
        assert_eq!(TimeMap::new(0, 1_000, &[(0, 1_000)]).breaks().count(), 0);
    }

    #[test]
    fn no_tick_stands_inside_a_break() {
        let map = TimeMap::new(0, 60_000_000_000, &[(3_000_000_000, 55_000_000_000)]);
        let labels: Vec<String> = map.ruler(0).into_iter().map(|t| t.label).collect();
        assert_eq!(labels, ["0 s", "2 s", "56 s", "58 s", "60 s"]);
    }

    proptest! {
        #[test]
        fn places_grow_with_time_and_stay_inside(from in -1_000_i64..1_000, len in 1_i64..100_000, cuts in proptest::collection::vec(0_i64..100_000, 0..24), probes in proptest::collection::vec(-2_000_i64..110_000, 1..40)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            cuts.dedup();
            let gaps: Vec<(i64, i64)> = cuts.chunks_exact(2).map(|c| (from + c[0], from + c[1])).collect();
            let map = TimeMap::new(from, from + len, &gaps);
            let mut probes = probes;
            probes.sort_unstable();
            let places: Vec<f64> = probes.iter().map(|p| map.x(*p)).collect();
            prop_assert!(places.windows(2).all(|w| w[0] <= w[1] + 1e-9), "{places:?}");
            prop_assert!(places.iter().all(|x| (0.0..=1_000.0).contains(x)));
            prop_assert!((map.x(from + len) - 1_000.0).abs() < 1e-6 && map.x(from).abs() < 1e-6);
        }
    }
}
