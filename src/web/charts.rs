//! Geometry of the small pictures: stacked bars, mini-bars, the histogram of totals and the start × total scatter.
//!
//! Guarantees: pure; parts of a stack lie side by side and fill it exactly; every mark lies inside its drawing. Heights and vertical
//! places are pixels, horizontal ones [`Units`]. Never formats a number.

use crate::{
    model::{
        summary::{HistogramBar, ScatterPoint},
        time::UnixNanos,
    },
    web::scale::{self, Scale, Units, WIDTH},
};

/// A part of a stacked bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Left edge.
    pub x: Units,
    /// Width.
    pub width: Units,
    /// Middle.
    pub middle: Units,
}

/// Parts side by side over `width` units, each as wide as its share. Empty when there is nothing.
pub fn stack(parts: &[i64], width: f64) -> Vec<Part> {
    let whole: i128 = parts.iter().map(|p| i128::from((*p).max(0))).sum();
    if whole == 0 {
        return Vec::new();
    }
    let mut before: i128 = 0;
    let place = |sum: i128| sum as f64 / whole as f64 * width;
    parts
        .iter()
        .map(|part| {
            let from = place(before);
            before += i128::from((*part).max(0));
            let to = place(before);
            Part { x: Units(from), width: Units(to - from), middle: Units(f64::midpoint(from, to)) }
        })
        .collect()
}

/// Width of a mini-bar among rows the longest of which takes `longest_ns`: by the square root, so that 50 ms and 50 s both show.
pub fn mini_width(total_ns: i64, longest_ns: i64) -> f64 {
    if total_ns <= 0 || longest_ns <= 0 {
        return 0.0;
    }
    ((total_ns as f64 / longest_ns as f64).sqrt() * WIDTH).clamp(4.0, WIDTH)
}

/// A bar of the histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    /// Left edge.
    pub x: Units,
    /// Width.
    pub width: Units,
    /// Top edge in pixels.
    pub y: f64,
    /// Height in pixels.
    pub height: f64,
}

/// A logarithmic scale over lengths.
#[derive(Debug, Clone, Copy)]
pub struct LogScale {
    from: f64,
    to: f64,
}

impl LogScale {
    /// From one length to another, both made at least 1 ns and apart.
    pub fn new(from_ns: i64, to_ns: i64) -> Self {
        let from = (from_ns.max(1) as f64).log10();
        let to = (to_ns.max(1) as f64).log10();
        if to - from < 1e-9 { Self { from: from - 0.5, to: to + 0.5 } } else { Self { from, to } }
    }

    /// The length at a share of the way, in whole nanoseconds.
    pub fn at(self, share: f64) -> i64 {
        10_f64.powf(self.from + share * (self.to - self.from)).round() as i64
    }

    /// Share of the way, 0 to 1.
    pub fn share(self, ns: i64) -> f64 {
        (((ns.max(1) as f64).log10() - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }

    /// Horizontal place.
    pub fn x(self, ns: i64) -> Units {
        Units(self.share(ns) * WIDTH)
    }

    /// The round lengths on it, at most `most`, evenly chosen.
    pub fn ticks(self, most: usize) -> Vec<i64> {
        let all = scale::decades(10_f64.powf(self.from).ceil() as i64, 10_f64.powf(self.to).floor() as i64);
        let step = all.len().div_ceil(most.max(1)).max(1);
        all.into_iter().rev().step_by(step).collect::<Vec<_>>().into_iter().rev().collect()
    }
}

/// Columns over `height` pixels on a common logarithmic axis; a column with anything in it is at least 2 px high. The first one gathers
/// all that is shorter, so it is drawn over one decade at most.
pub fn histogram(bars: &[HistogramBar], height: f64) -> Option<(LogScale, Vec<Column>)> {
    let (first, last) = (bars.first()?, bars.last()?);
    let axis = LogScale::new(first.from_ns.max(first.to_ns / 10), last.to_ns);
    let most = bars.iter().map(|b| b.count).max().filter(|m| *m > 0)?;
    let columns = bars
        .iter()
        .map(|b| {
            let (from, to) = (axis.x(b.from_ns).0, axis.x(b.to_ns).0);
            let h = if b.count == 0 { 0.0 } else { (b.count as f64 / most as f64 * height).max(2.0) };
            Column { x: Units(from + 0.75), width: Units((to - from - 1.5).max(1.0)), y: height - h, height: h }
        })
        .collect();
    Some((axis, columns))
}

/// Axes and marks of the scatter: time to the right, total upwards (logarithmic).
#[derive(Debug, Clone)]
pub struct Scatter {
    /// Time axis.
    pub time: Scale,
    /// Total axis.
    pub total: LogScale,
    /// Place of every point: right, and down in pixels.
    pub places: Vec<(Units, f64)>,
}

/// Room for the labels of the vertical axis.
const SCATTER_LEFT: f64 = 130.0;
/// The scatter shows totals down to this part of the longest.
const DEEPEST: i64 = 1_000_000;

/// Lays out points over `height` pixels, with a margin so that no mark is cut.
pub fn scatter(points: &[ScatterPoint], span: Option<(UnixNanos, UnixNanos)>, height: f64) -> Option<Scatter> {
    const MARGIN: f64 = 4.0;
    let high = points.iter().map(|p| p.total_ns).max()?;
    // Nothing and next to nothing stand at the lower edge; they must not press all others against the upper one.
    let low = points.iter().map(|p| p.total_ns).filter(|ns| *ns > high / DEEPEST).min().unwrap_or(high);
    let starts = (points.iter().map(|p| p.start.0).min()?, points.iter().map(|p| p.start.0).max()?);
    let (from, to) = span.map_or(starts, |(a, b)| (a.0.min(starts.0), b.0.max(starts.1)));
    let (time, total) = (Scale::new(from, to), LogScale::new(low, high));
    let places = points
        .iter()
        .map(|p| {
            let x = scatter_x(time.x(p.start.0));
            (Units(x), y_of(total, p.total_ns, height, MARGIN))
        })
        .collect();
    Some(Scatter { time, total, places })
}

fn y_of(axis: LogScale, ns: i64, height: f64, margin: f64) -> f64 {
    height - margin - axis.share(ns) * (height - 2.0 * margin)
}

/// Left and right end of the time axis as drawn.
pub fn scatter_ends() -> (f64, f64) {
    (scatter_x(0.0), scatter_x(WIDTH))
}

/// Where a place of the time axis is drawn: to the right of the labels of the other axis.
pub fn scatter_x(x: f64) -> f64 {
    SCATTER_LEFT + x / WIDTH * (WIDTH - SCATTER_LEFT - 8.0)
}

/// Height of a total on the scatter's axis.
pub fn scatter_y(axis: LogScale, ns: i64, height: f64) -> f64 {
    y_of(axis, ns, height, 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::trace::State;

    #[test]
    fn a_stack_is_filled_exactly() {
        let parts = stack(&[1, 1, 1, 0], 600.0);
        assert_eq!((parts[0].x.0, parts[0].width.0), (0.0, 200.0));
        let last = parts[3];
        assert_eq!((last.x.0, last.width.0), (600.0, 0.0));
        assert!(parts.windows(2).all(|w| (w[0].x.0 + w[0].width.0 - w[1].x.0).abs() < 1e-9));
        assert!(stack(&[0, 0], 600.0).is_empty());
        assert!(stack(&[i64::MAX, i64::MAX], 1.0)[1].x.0 > 0.49);
    }

    #[test]
    fn mini_bars_of_very_different_rows_are_all_seen() {
        assert!((mini_width(1_000, 1_000) - 1_000.0).abs() < 1e-9);
        assert!((mini_width(250, 1_000) - 500.0).abs() < 1e-9);
        assert!((mini_width(1, i64::MAX) - 4.0).abs() < 1e-9);
        assert!(mini_width(0, 5).abs() < 1e-9);
    }

    #[test]
    fn the_fullest_column_is_as_high_as_the_picture() {
        let bars = [
            HistogramBar { from_ns: 1_000, to_ns: 10_000, count: 5 },
            HistogramBar { from_ns: 10_000, to_ns: 100_000, count: 0 },
            HistogramBar { from_ns: 100_000, to_ns: 1_000_000, count: 1_000 },
        ];
        let (axis, columns) = histogram(&bars, 80.0).unwrap();
        assert_eq!((columns[2].y, columns[2].height), (0.0, 80.0));
        assert_eq!((columns[0].height, columns[1].height), (2.0, 0.0));
        assert!((columns[1].x.0 - 334.083).abs() < 0.01);
        assert_eq!(axis.ticks(9), [1_000, 10_000, 100_000, 1_000_000]);
        assert_eq!(axis.ticks(2), [10_000, 1_000_000]);
        assert!(histogram(&[], 80.0).is_none());
    }

    #[test]
    fn the_shortest_do_not_press_the_others_together() {
        let bars = [HistogramBar { from_ns: 1, to_ns: 1_000, count: 9 }, HistogramBar { from_ns: 1_000, to_ns: 10_000, count: 1 }];
        assert!((histogram(&bars, 80.0).unwrap().1[1].x.0 - 500.75).abs() < 0.01);
        let point = |total_ns| ScatterPoint { start: UnixNanos(0), total_ns, state: State::Ok, marked: false, id: String::new() };
        let laid = scatter(&[point(0), point(1_000_000_000), point(100_000_000)], None, 100.0).unwrap();
        assert_eq!(laid.places.iter().map(|p| p.1).collect::<Vec<_>>(), [96.0, 4.0, 96.0]);
    }

    #[test]
    fn a_scatter_puts_late_to_the_right_and_slow_above() {
        let point = |start, total_ns| ScatterPoint { start: UnixNanos(start), total_ns, state: State::Ok, marked: false, id: String::new() };
        let laid = scatter(&[point(0, 1_000), point(100, 1_000_000)], None, 100.0).unwrap();
        assert_eq!(laid.places, [(Units(130.0), 96.0), (Units(992.0), 4.0)]);
        let same = scatter(&[point(5, 7), point(5, 7)], None, 100.0).unwrap();
        assert_eq!(same.places[0].1, 50.0);
    }
}
