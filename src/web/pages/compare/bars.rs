//! The two stacked bars of a comparison, and the pairs of small ones in its table, all on one scale.
//!
//! Guarantees: a nanosecond has the same width wherever it is drawn; both bars name their kinds of time in one order; a bar that has time
//! is never too thin to be seen. Never formats a share of the difference.

use crate::{
    model::trace::{Breakdown, SegmentKind},
    web::{
        charts, format,
        pages::parts,
        scale::{self, Scale, Tick, Units, WIDTH},
    },
};
use std::collections::BTreeSet;

/// Width a character of a label takes, and the margin around it.
const LABEL: (f64, f64) = (11.0, 24.0);
/// Parts below this many thousandths of the bar carry no label on a narrow screen.
const NARROW: f64 = 260.0;
/// Where the small bars begin: to the right of their letters.
const SMALL_FROM: f64 = 70.0;

/// Both bars with their ruler.
pub struct Bars {
    /// What is drawn, in words.
    pub sub: &'static str,
    /// The bars.
    pub pair: [Bar; 2],
    /// Ruler.
    pub ticks: Vec<Tick>,
    /// The kinds of time in them: class and words.
    pub legend: Vec<(&'static str, &'static str)>,
}

/// A bar.
pub struct Bar {
    /// Letter.
    pub letter: char,
    /// What it is.
    pub words: &'static str,
    /// Its whole length.
    pub total: String,
    /// Its parts in words.
    pub title: String,
    /// Parts.
    pub parts: Vec<Part>,
}

/// A part of a bar.
pub struct Part {
    /// Left edge.
    pub x: Units,
    /// Width.
    pub width: Units,
    /// Middle.
    pub middle: Units,
    /// Classes.
    pub class: &'static str,
    /// Text on it, when it fits.
    pub label: &'static str,
    /// How the label is written.
    pub label_class: &'static str,
    /// On a narrow screen the label finds no room.
    pub narrow: bool,
    /// For pointing at.
    pub title: String,
}

/// Time by kind, and the length it is drawn at: that of medians is longer than their sum where they do not add up.
pub struct Stack {
    /// What it is.
    pub words: &'static str,
    /// Kinds in order.
    pub kinds: Vec<(SegmentKind, i64)>,
    /// Its printed length.
    pub total_ns: i64,
}

/// The kinds of a breakdown in the order of its time, unaccounted last.
pub fn kinds(breakdown: &Breakdown) -> Vec<(SegmentKind, i64)> {
    let mut seen = BTreeSet::new();
    let order = breakdown.segments.iter().map(|s| s.kind).chain(breakdown.by_kind_ns.keys().copied()).filter(|kind| seen.insert(*kind));
    let mut out: Vec<(SegmentKind, i64)> = order.filter_map(|kind| Some((kind, *breakdown.by_kind_ns.get(&kind)?))).filter(|(_, ns)| *ns > 0).collect();
    out.sort_by_key(|(kind, _)| *kind == SegmentKind::Unaccounted);
    out
}

/// Both bars; none when neither has time.
pub fn bars(stacks: [Stack; 2]) -> Option<Bars> {
    let longest_ns = stacks.iter().map(|s| s.kinds.iter().map(|(_, ns)| ns).sum::<i64>().max(s.total_ns)).max().filter(|ns| *ns > 0)?;
    let mut order: Vec<SegmentKind> = Vec::new();
    stacks.iter().flat_map(|s| &s.kinds).for_each(|(kind, _)| {
        if !order.contains(kind) {
            order.push(*kind);
        }
    });
    order.sort_by_key(|kind| *kind == SegmentKind::Unaccounted);
    let adds_up = stacks.iter().all(|s| s.kinds.iter().map(|(_, ns)| ns).sum::<i64>() == s.total_ns);
    let scale = Scale::new(0, longest_ns);
    let ticks = scale::round_distances(0, longest_ns, longest_ns, 0).map(|(at, label)| Tick { x: Units(scale.x(at)), label }).collect();
    let mut letters = super::LETTERS.into_iter();
    let pair = stacks.map(|s| bar(letters.next().unwrap_or_default(), &s, &order, longest_ns));
    let legend = order.into_iter().map(|kind| (parts::segment_class(kind), parts::segment_words(kind))).collect();
    let sub = if adds_up { "time on the critical path to completion" } else { "time on the critical path to completion; the bar of the medians is as long as their sum" };
    Some(Bars { sub, pair, ticks, legend })
}

fn bar(letter: char, stack: &Stack, order: &[SegmentKind], longest_ns: i64) -> Bar {
    let ns: Vec<(SegmentKind, i64)> = order.iter().filter_map(|kind| stack.kinds.iter().find(|(k, _)| k == kind)).copied().collect();
    let drawn_ns: i64 = ns.iter().map(|(_, ns)| ns).sum();
    let width = drawn_ns as f64 / longest_ns as f64 * WIDTH;
    let lengths: Vec<i64> = ns.iter().map(|(_, ns)| *ns).collect();
    let parts = charts::stack(&lengths, width).into_iter().zip(&ns).map(|(place, (kind, ns))| part(place, *kind, *ns)).collect();
    let words = ns.iter().map(|(kind, ns)| format!("{} {}", parts::segment_words(*kind), format::length(*ns))).collect::<Vec<_>>().join(", ");
    Bar { letter, words: stack.words, total: format::length(stack.total_ns), title: format!("{letter}, {}: {words}", format::length(stack.total_ns)), parts }
}

fn part(place: charts::Part, kind: SegmentKind, ns: i64) -> Part {
    let words = parts::segment_words(kind);
    let short = words.strip_prefix("model ").unwrap_or(words);
    let fits = short.chars().count() as f64 * LABEL.0 + LABEL.1 <= place.width.0;
    Part {
        x: place.x,
        width: place.width,
        middle: place.middle,
        class: parts::segment_class(kind),
        label: if fits { short } else { "" },
        label_class: parts::segment_label_class(kind),
        narrow: place.width.0 < NARROW,
        title: format!("{words}: {}", format::length(ns)),
    }
}

/// A small bar: left edge, width and class of its parts.
pub type Small = Vec<(Units, Units, &'static str)>;

/// A small bar on the scale of the large ones.
pub fn small(kinds: &[(SegmentKind, i64)], longest_ns: i64) -> Small {
    let ns: Vec<i64> = kinds.iter().map(|(_, ns)| *ns).collect();
    let share = ns.iter().sum::<i64>() as f64 / longest_ns.max(1) as f64;
    let width = (share * (WIDTH - SMALL_FROM)).max(4.0);
    charts::stack(&ns, width).into_iter().zip(kinds).map(|(p, (kind, _))| (Units(SMALL_FROM + p.x.0), p.width, parts::segment_class(*kind))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bars_are_on_one_scale_and_in_one_order() {
        let stack = |kinds: Vec<(SegmentKind, i64)>| Stack { words: "x", total_ns: kinds.iter().map(|(_, ns)| ns).sum(), kinds };
        let laid = bars([stack(vec![(SegmentKind::App, 100)]), stack(vec![(SegmentKind::QueueWait, 300), (SegmentKind::App, 100)])]).unwrap();
        let places: Vec<Vec<(f64, f64, &str)>> = laid.pair.iter().map(|b| b.parts.iter().map(|p| (p.x.0, p.width.0, p.class)).collect()).collect();
        assert_eq!(places, [vec![(0.0, 250.0, "f-app")], vec![(0.0, 250.0, "f-app"), (250.0, 750.0, "wait")]]);
        assert!(bars([stack(vec![]), stack(vec![])]).is_none());
    }

    #[test]
    fn a_small_bar_with_time_is_seen() {
        assert_eq!(small(&[(SegmentKind::App, 500)], 1_000)[0].1, Units(465.0));
        assert_eq!(small(&[(SegmentKind::App, 1)], i64::MAX)[0].1, Units(4.0));
        assert!(small(&[], 1_000).is_empty());
    }
}
