//! The timeline: a table whose rows are steps, with a bar each on one common map of time.
//!
//! Guarantees: begin and length stand as text beside every bar; what is grouped, folded, left out or over the bound says how many steps it
//! holds and links to them. Geometry comes from [`waterfall`] and [`TimeMap`].

mod bar;
mod overview;
mod row;
mod tools;

use super::{
    chosen::Chosen,
    context::Context,
    view::{Folded, View},
};
use crate::{
    query::view::PathView,
    web::{
        format,
        scale::{Tick, Units, WIDTH},
        time_map::TimeMap,
        waterfall::{self, Fold, Row},
    },
};
pub use overview::Overview;
pub use row::{RowView, evidence_words};
pub use tools::{Field, Tool, fields};

/// Ticks of the ruler this near to each other, to a break or to the mark of the answer lose their label.
const CROWDED: f64 = 70.0;
/// Nearer to an edge than this a label in the middle of a break would leave the drawing.
const EDGE: f64 = 40.0;

/// The timeline.
#[derive(Default)]
pub struct Timeline {
    /// Rows.
    pub rows: Vec<RowView>,
    /// Ruler.
    pub ticks: Vec<Tick>,
    /// Breaks of the ruler.
    pub breaks: Vec<BreakView>,
    /// Where the response ended.
    pub answered: Option<Answered>,
    /// The whole on a strip.
    pub overview: Option<Overview>,
    /// Words beside the title.
    pub caption: String,
    /// What may be wished.
    pub tools: Vec<Vec<Tool>>,
    /// Text that is searched for.
    pub find: String,
    /// How many steps match, in words.
    pub found: String,
    /// What may be done with what matches.
    pub find_links: Vec<(String, String)>,
    /// What else stands in the address: hidden fields of the form.
    pub fields: Vec<Field>,
    /// Corners of the map of time, for scripts.
    pub corners: String,
    /// Header of the column of begins, with its zone.
    pub begin: &'static str,
    /// Which zone begins are written in, at length.
    pub begin_title: String,
}

/// The mark of the answer.
pub struct Answered {
    /// Place.
    pub x: Units,
    /// Where its label begins or ends: beside a break that begins there.
    pub label_x: Units,
    /// Its label stands to the left.
    pub left: bool,
}

/// A stretch in which nothing happens.
pub struct BreakView {
    /// Left edge.
    pub x: Units,
    /// Width.
    pub width: Units,
    /// Where its label stands: in the middle, or at the edge of the drawing beside which there is no room.
    pub label_x: Units,
    /// `middle`, `start` or `end`.
    pub anchor: &'static str,
    /// How long it is.
    pub length: String,
}

/// Which steps get a row.
pub fn lay_out(path: &PathView, view: &View, chosen: &Chosen) -> waterfall::Layout {
    let fold = match &view.fold {
        Folded::Nothing => Fold::Nothing,
        Folded::Levels(levels) => Fold::Levels(*levels),
        Folded::Steps(_) => Fold::Steps(&chosen.folded),
    };
    let wish = waterfall::Wish {
        root: chosen.root,
        is_ungrouped: view.is_whole,
        fold,
        keep: chosen.keep.as_deref(),
        path_ns: &chosen.path_ns,
        // A request of more steps than that is opened by its parts.
        limit: if view.is_whole && path.trace.spans.len() <= waterfall::MAX_ALL_ROWS { waterfall::MAX_ALL_ROWS } else { waterfall::MAX_ROWS },
    };
    waterfall::layout(&path.trace.spans, wish)
}

/// The timeline of a path.
pub fn timeline(c: &Context<'_>, view: &View, laid: &waterfall::Layout) -> Timeline {
    if c.trace.spans.is_empty() {
        return Timeline::default();
    }
    let (from, to) = interval(c, laid);
    let gaps = waterfall::gaps::gaps(&c.trace.spans, &c.children, from, to);
    let map = TimeMap::new(from, to, if view.has_gaps_at_length { &[] } else { &gaps });
    let mut rows = row::Rows::new(c, view, &map, &laid.rows);
    let answered = answered(c, &map);
    let breaks: Vec<BreakView> = map.breaks().map(break_view).collect();
    Timeline {
        rows: laid.rows.iter().map(|row| rows.row(row)).collect(),
        ticks: ticks(c, &map, answered.as_ref(), &breaks),
        breaks,
        answered,
        overview: overview::overview(c, view, laid, (from, to)),
        caption: caption(c, laid),
        tools: tools::tools(c, view, laid, &gaps),
        find: view.find.clone().unwrap_or_default(),
        found: tools::found(c, view),
        find_links: tools::find_links(c, view, laid),
        fields: tools::fields(view, &["find"]),
        corners: map.corners(c.zero),
        begin: tools::begin(view),
        begin_title: tools::begin_title(view),
    }
}

/// What is in view: what was zoomed to, else what the rows cover; nothing that has no end is cut off.
fn interval(c: &Context<'_>, laid: &waterfall::Layout) -> (i64, i64) {
    if let Some(window) = c.chosen.window {
        return window;
    }
    if c.chosen.root.is_none() {
        return c.chosen.whole;
    }
    let shown = laid.rows.iter().flat_map(|r| match r {
        Row::Step(step) => std::slice::from_ref(&step.span),
        Row::Group { spans, .. } => spans.as_slice(),
    });
    waterfall::bars::extent(shown.map(|i| &c.trace.spans[*i])).unwrap_or(c.chosen.whole)
}

fn answered(c: &Context<'_>, map: &TimeMap) -> Option<Answered> {
    let at = c.trace.start?.0.checked_add(c.trace.response_ns?)?;
    // At the right edge the mark would say nothing.
    (at > map.from() && at < map.to() - map.ns() / 100).then(|| map.at(at)).map(|x| Answered { x, label_x: beside(map, x), left: x.0 > 880.0 })
}

fn beside(map: &TimeMap, x: Units) -> Units {
    map.breaks().find(|b| (b.x - x.0).abs() < CROWDED / 2.0).map_or(x, |b| Units(b.x + b.width))
}

fn break_view(b: crate::web::time_map::Break) -> BreakView {
    let (label, anchor) = match b.x + b.width / 2.0 {
        middle if middle < EDGE => (b.x, "start"),
        middle if middle > WIDTH - EDGE => (b.x + b.width, "end"),
        middle => (middle, "middle"),
    };
    BreakView { x: Units(b.x), width: Units(b.width), label_x: Units(label), anchor, length: format::length(b.ns) }
}

/// Ticks whose labels have room: none beside the mark of the answer, a break, the right edge or another label.
fn ticks(c: &Context<'_>, map: &TimeMap, answered: Option<&Answered>, breaks: &[BreakView]) -> Vec<Tick> {
    let mut ticks = map.ruler(c.zero);
    let taken: Vec<f64> = answered.iter().map(|a| a.x.0).chain(breaks.iter().map(|b| b.label_x.0)).collect();
    let mut last = f64::NEG_INFINITY;
    for tick in &mut ticks {
        let x = tick.x.0;
        if x > 960.0 || x - last < CROWDED || taken.iter().any(|t| (t - x).abs() < CROWDED) {
            tick.label.clear();
        } else {
            last = x;
        }
    }
    ticks
}

fn caption(c: &Context<'_>, laid: &waterfall::Layout) -> String {
    let sources = format::counted(c.trace.sources.len() as u64, "source", "sources");
    let all = c.trace.spans.len();
    if laid.total < all {
        return format!("{} of {} · {sources}", format::count(laid.drawn as u64), format::counted(all as u64, "step", "steps"));
    }
    let steps = format::counted(laid.total as u64, "step", "steps");
    if laid.over > 0 {
        return format!("{} of {steps} drawn: the upper levels, then the failed and the longest · {sources}", format::count(laid.drawn as u64));
    }
    if laid.drawn < laid.total {
        return format!("{} of {steps} drawn, the others are folded · {sources}", format::count(laid.drawn as u64));
    }
    format!("{steps} · {sources}")
}
