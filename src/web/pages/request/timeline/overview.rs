//! The whole request on a strip above the timeline: lanes, failures on top, the critical path as a line, what is in view as a window.
//!
//! Guarantees: it always shows the whole, whatever was zoomed to, on the map of time the timeline uses; each tenth of it is a link that zooms there.

use super::super::{context::Context, view::View};
use crate::web::{
    format,
    pages::parts,
    scale::{Units, WIDTH},
    time_map::TimeMap,
    waterfall::{self, overview as geometry},
};

/// Fewest rows that are worth a strip.
const FROM_ROWS: usize = 4;
/// Height of a lane and of the line of the critical path in pixels.
const LANE: usize = 3;
/// Parts that are links.
const SLICES: i64 = 10;

/// The strip.
pub struct Overview {
    /// Height in pixels.
    pub height: usize,
    /// Where the line of the critical path is.
    pub path_y: usize,
    /// Parts, failures last.
    pub parts: Vec<OverviewPart>,
    /// The critical path: place, width, classes.
    pub path: Vec<(Units, Units, &'static str)>,
    /// What is in view.
    pub window: Option<(Units, Units)>,
    /// Places to zoom to.
    pub slices: Vec<Slice>,
    /// Corners of its map of time, for scripts.
    pub corners: String,
}

/// A part of a lane.
pub struct OverviewPart {
    /// Top edge in pixels.
    pub y: usize,
    /// Left edge.
    pub x: Units,
    /// Width.
    pub width: Units,
    /// Classes.
    pub class: &'static str,
}

/// A place to zoom to.
pub struct Slice {
    /// Left edge.
    pub x: Units,
    /// Width.
    pub width: Units,
    /// Address.
    pub href: String,
    /// Words.
    pub title: String,
}

/// The strip of a path; none for a few steps in full view. `drawn` is what the timeline draws.
pub fn overview(c: &Context<'_>, view: &View, laid: &waterfall::Layout, drawn: (i64, i64)) -> Option<Overview> {
    if laid.rows.len() < FROM_ROWS && c.chosen.window.is_none() {
        return None;
    }
    let (from, to) = c.chosen.whole;
    let gaps = if view.has_gaps_at_length { Vec::new() } else { waterfall::gaps::gaps(&c.trace.spans, &c.children, from, to) };
    let map = TimeMap::new(from, to, &gaps);
    let (lanes, parts) = geometry::overview(&c.trace.spans, &laid.rows, &map);
    let class = |p: &geometry::Part| match (p.failed, p.is_wait) {
        (true, _) => "f-bad",
        (_, true) => "f-queue pale",
        _ => parts::stage_fill(p.stage),
    };
    Some(Overview {
        height: (lanes + 2) * LANE + 2,
        path_y: (lanes + 1) * LANE + 2,
        parts: parts.iter().map(|p| OverviewPart { y: p.lane * LANE + 1, x: Units(p.x), width: Units(p.width), class: class(p) }).collect(),
        path: path(c, &map),
        window: c.chosen.window.map(|_| (map.x(drawn.0), map.x(drawn.1))).map(|(a, b)| (Units(a), Units((b - a).max(2.0)))),
        slices: slices(c, view, &map),
        corners: map.corners(c.zero),
    })
}

/// The critical path: stretches of one kind that touch are one.
fn path(c: &Context<'_>, map: &TimeMap) -> Vec<(Units, Units, &'static str)> {
    let mut out: Vec<(f64, f64, &'static str)> = Vec::new();
    for s in &c.trace.completion.segments {
        let (a, b) = (map.x(s.start.0), map.x(s.start.0.saturating_add(s.ns)));
        let class = parts::segment_class(s.kind);
        match out.last_mut() {
            Some(last) if last.2 == class || b - a < 0.5 => last.1 = last.1.max(b),
            _ => out.push((a, b, class)),
        }
    }
    out.into_iter().map(|(a, b, class)| (Units(a), Units(b - a), class)).collect()
}

fn slices(c: &Context<'_>, view: &View, map: &TimeMap) -> Vec<Slice> {
    let (from, ns) = (map.from(), map.ns());
    let at = |i: i64| from.saturating_add((i128::from(ns) * i128::from(i) / i128::from(SLICES)) as i64);
    (0..SLICES)
        .filter(|i| at(i + 1) > at(*i))
        .map(|i| {
            let (a, b) = (at(i), at(i + 1));
            let (x, end) = (map.x(a), map.x(b));
            let zoom = (a.saturating_sub(c.zero), b.saturating_sub(c.zero));
            Slice {
                x: Units(x),
                width: Units((end - x).clamp(0.0, WIDTH - x)),
                href: view.href(|v| v.zoom = Some(zoom), "#timeline"),
                title: format!("zoom to {} – {}", format::offset(zoom.0), format::offset(zoom.1)),
            }
        })
        .collect()
}
