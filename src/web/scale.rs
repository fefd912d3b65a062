//! From nanoseconds to places on a drawing: a linear scale of 1,000 units, and the steps of its ruler.
//!
//! Guarantees: pure; every place lies in 0..=1000; a ruler has 4 to 8 ticks in 1-2-5 steps and one unit. Never draws.

use std::fmt;

/// A place or a width in units of a thousandth of the drawing's width; printed as a percentage, the way SVG attributes take it.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Units(pub f64);

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}%", self.0 / 10.0)
    }
}

/// Whole width of a drawing.
pub const WIDTH: f64 = 1_000.0;

/// A linear scale over an interval of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    from: i64,
    to: i64,
}

impl Scale {
    /// A scale from one instant to another; an empty interval is made one nanosecond long.
    pub fn new(from: i64, to: i64) -> Self {
        Self { from, to: to.max(from.saturating_add(1)) }
    }

    /// First instant.
    pub fn from(&self) -> i64 {
        self.from
    }

    /// Last instant.
    pub fn to(&self) -> i64 {
        self.to
    }

    /// Length in nanoseconds, at least 1.
    pub fn ns(&self) -> i64 {
        self.to.saturating_sub(self.from)
    }

    /// Where an instant lies.
    pub fn x(&self, at: i64) -> f64 {
        let share = (i128::from(at) - i128::from(self.from)) as f64 / (i128::from(self.to) - i128::from(self.from)) as f64;
        (share * WIDTH).clamp(0.0, WIDTH)
    }
}

/// A tick of a ruler.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Place.
    pub x: Units,
    /// Distance from zero, with the unit of the whole ruler; empty when something else stands there.
    pub label: String,
}

const UNITS: [(i64, &str); 7] = [(1, "ns"), (1_000, "µs"), (1_000_000, "ms"), (1_000_000_000, "s"), (60_000_000_000, "m"), (3_600_000_000_000, "h"), (86_400_000_000_000, "d")];

/// Instants of an interval at round distances from `zero` with their labels. Steps and unit fit `drawn_ns`, the length that is drawn;
/// at most 4,096 steps are looked at.
pub fn round_distances(from: i64, to: i64, drawn_ns: i64, zero: i64) -> impl Iterator<Item = (i64, String)> {
    const MOST_STEPS: usize = 4_096;
    let (unit_ns, unit) = unit(drawn_ns);
    let (step_ns, decimals) = step(drawn_ns, unit_ns);
    let first = (i128::from(from) - i128::from(zero)).div_euclid(i128::from(step_ns));
    let at = move |n: i128| i128::from(zero) + n * i128::from(step_ns);
    (first..).take(MOST_STEPS).skip_while(move |n| at(*n) < i128::from(from)).take_while(move |n| at(*n) <= i128::from(to)).map(move |n| {
        let value = (n * i128::from(step_ns)) as f64 / unit_ns as f64;
        (at(n) as i64, format!("{value:.decimals$} {unit}").replace('-', "−"))
    })
}

/// The unit in which a length is a handy number: seconds up to eight minutes, minutes up to eight hours, hours up to eight days.
fn unit(ns: i64) -> (i64, &'static str) {
    UNITS
        .into_iter()
        .enumerate()
        .take_while(|(i, (unit_ns, _))| {
            let enough = if *i > 3 { 8 } else { 1 };
            ns >= unit_ns.saturating_mul(enough)
        })
        .last()
        .map_or(UNITS[0], |(_, unit)| unit)
}

/// The smallest 1-2-5 step that gives at most eight ticks, and the decimals it needs in its unit.
fn step(ns: i64, unit_ns: i64) -> (i64, usize) {
    let least = (ns as f64 / unit_ns as f64) / 8.0;
    let mut exponent = least.log10().floor() as i32;
    loop {
        for digit in [1.0, 2.0, 5.0] {
            let step = digit * 10_f64.powi(exponent);
            if step > least {
                return (((step * unit_ns as f64).round() as i64).max(1), usize::try_from(-exponent).unwrap_or(0));
            }
        }
        exponent += 1;
    }
}

/// Round values of a logarithmic axis: the powers of ten inside, or 1-2-5 steps when fewer than two lie there.
pub fn decades(from: i64, to: i64) -> Vec<i64> {
    let inside = |digits: &[i64]| -> Vec<i64> {
        let mut out = Vec::new();
        let mut power = 1_i64;
        loop {
            out.extend(digits.iter().filter_map(|d| d.checked_mul(power)).filter(|v| (from..=to).contains(v)));
            match power.checked_mul(10) {
                Some(next) if next <= to => power = next,
                _ => return out,
            }
        }
    };
    let tens = inside(&[1]);
    if tens.len() >= 2 { tens } else { inside(&[1, 2, 5]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ns: i64) -> Vec<String> {
        round_distances(0, ns, ns, 0).map(|(_, label)| label).collect()
    }

    #[test]
    fn a_ruler_has_four_to_eight_ticks_in_one_unit() {
        for ns in (0..18).flat_map(|e| [1, 2, 3, 4, 5, 6, 7, 8, 9].map(|d| d * 10_i64.pow(e))).filter(|ns| *ns >= 4) {
            let ticks = labels(ns);
            assert!((4..=9).contains(&ticks.len()), "{ns}: {ticks:?}");
            let units: std::collections::BTreeSet<&str> = ticks.iter().filter_map(|t| t.split(' ').nth(1)).collect();
            assert_eq!(units.len(), 1, "{ns}: {ticks:?}");
        }
    }

    #[test]
    fn steps_are_round() {
        assert_eq!(labels(14_921_000_000), ["0 s", "2 s", "4 s", "6 s", "8 s", "10 s", "12 s", "14 s"]);
        assert_eq!(labels(3_100_000_000), ["0.0 s", "0.5 s", "1.0 s", "1.5 s", "2.0 s", "2.5 s", "3.0 s"]);
        assert_eq!(labels(86_000_000), ["0 ms", "20 ms", "40 ms", "60 ms", "80 ms"]);
        assert_eq!(labels(600_000_000_000), ["0 m", "2 m", "4 m", "6 m", "8 m", "10 m"]);
    }

    #[test]
    fn a_ruler_begins_before_zero_when_a_clock_runs_ahead() {
        let ticks: Vec<(i64, String)> = round_distances(-1_500_000_000, 4_000_000_000, 5_500_000_000, 0).collect();
        assert_eq!(ticks[0], (-1_000_000_000, "−1 s".to_owned()));
    }

    #[test]
    fn places_stay_inside() {
        let scale = Scale::new(100, 200);
        assert_eq!([0, 100, 150, 200, i64::MAX].map(|at| scale.x(at)), [0.0, 0.0, 500.0, 1_000.0, 1_000.0]);
        assert!((Scale::new(i64::MIN, i64::MAX).x(0) - 500.0).abs() < 0.001);
        assert_eq!(Scale::new(5, 5).ns(), 1);
        assert_eq!(Units(333.954).to_string(), "33.40%");
    }

    #[test]
    fn a_logarithmic_axis_names_decades() {
        assert_eq!(decades(50_000_000, 20_000_000_000), [100_000_000, 1_000_000_000, 10_000_000_000]);
        assert_eq!(decades(1_100, 4_000), [2_000]);
        assert_eq!(decades(900, 4_000), [1_000, 2_000]);
    }
}
