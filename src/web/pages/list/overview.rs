//! What stands around the rows: filters with counts, the scatter of start and total, the histogram of totals.
//!
//! Guarantees: every count, bar and mark is a link that sets exactly that filter or opens exactly that request.

use crate::{
    model::{
        summary::{Facet, ListPage},
        trace::State,
    },
    web::{
        charts, format,
        links::{self, ListAddress},
        pages::parts,
        scale::{self, Tick, Units},
    },
};

/// Heights of the two pictures in pixels.
pub const SCATTER_HEIGHT: f64 = 116.0;
/// Height of the columns.
pub const HISTOGRAM_HEIGHT: f64 = 92.0;
/// Columns start this far below the top, where the percentiles are named.
const HISTOGRAM_TOP: f64 = 24.0;

/// A filter.
pub struct FacetView {
    /// Words.
    pub title: String,
    /// Values.
    pub values: Vec<FacetLink>,
    /// Values that are not shown.
    pub more: String,
}

/// A value of a filter.
pub struct FacetLink {
    /// Words.
    pub text: String,
    /// How many.
    pub count: String,
    /// The list with or without it.
    pub href: String,
    /// It is set.
    pub chosen: bool,
}

/// The scatter.
pub struct ScatterView {
    /// Marks: where, shape, address, words.
    pub marks: Vec<ScatterMark>,
    /// Lines across with their label.
    pub lines: Vec<(String, String)>,
    /// Labels below.
    pub ticks: Vec<Tick>,
    /// Words beside the title.
    pub caption: String,
}

/// A mark.
pub struct ScatterMark {
    /// Place.
    pub x: Units,
    /// Height in pixels from above.
    pub y: String,
    /// `ok`, `odd`, `bad` or `dim`.
    pub shape: &'static str,
    /// Address.
    pub href: String,
    /// Words.
    pub title: String,
}

/// The histogram.
pub struct Histogram {
    /// Columns.
    pub columns: Vec<HistogramColumn>,
    /// Labels below: place, anchor, words.
    pub ticks: Vec<(Units, String)>,
    /// Percentiles: place, height of the label, side, words.
    pub lines: Vec<(Units, String, bool, String)>,
}

/// A column.
pub struct HistogramColumn {
    /// Left edge.
    pub x: Units,
    /// Width.
    pub width: Units,
    /// Top edge.
    pub y: String,
    /// Height.
    pub height: String,
    /// The list of its requests.
    pub href: String,
    /// Words.
    pub title: String,
}

/// A filter with its links.
pub fn facet(address: &ListAddress, f: &Facet) -> FacetView {
    let link = |v: &crate::model::summary::FacetValue| {
        let q = if v.chosen { links::without_value(&address.q, &f.key, &v.value) } else { links::with_value(&address.q, &f.key, &v.value) };
        let text = match State::from_word(&v.value) {
            Some(state) if matches!(f.key.as_str(), "status" | "state") => parts::state_words(state).to_owned(),
            _ => v.value.clone(),
        };
        FacetLink { text, count: format::count(v.count), href: address.with_query(q).href(None), chosen: v.chosen }
    };
    FacetView { title: f.title.clone(), values: f.values.iter().map(link).collect(), more: if f.more > 0 { format!("and {} more", format::count(f.more)) } else { String::new() } }
}

/// Figures beside the pictures: name and value.
pub fn figures(page: &ListPage) -> Vec<(&'static str, String)> {
    let Some(p50) = page.p50_ns else { return Vec::new() };
    vec![("n", format::count(page.n)), ("p50", format::length(p50)), ("p95", format::length_or_none(page.p95_ns)), ("p99", format::length_or_none(page.p99_ns))]
}

/// The scatter of what matched.
pub fn scatter(page: &ListPage) -> Option<ScatterView> {
    let laid = charts::scatter(&page.scatter, page.span, SCATTER_HEIGHT)?;
    let mut marks: Vec<(u8, ScatterMark)> = page.scatter.iter().zip(&laid.places).map(|(p, place)| scatter_mark(p, *place)).collect();
    // Failures are painted last, on top.
    marks.sort_by_key(|(rank, _)| *rank);
    let lines = laid.total.ticks(5).into_iter().map(|ns| (format!("{:.1}", charts::scatter_y(laid.total, ns, SCATTER_HEIGHT)), format::length(ns))).collect();
    let (shown, matched) = (page.scatter.len() as u64, page.n.max(page.scatter.len() as u64));
    let caption = if shown < matched { format!("{} of {}, evenly chosen", format::count(shown), format::count(matched)) } else { "each mark a request".into() };
    Some(ScatterView { marks: marks.into_iter().map(|(_, m)| m).collect(), lines, ticks: clock_ticks(laid.time), caption })
}

fn scatter_mark(p: &crate::model::summary::ScatterPoint, (x, y): (Units, f64)) -> (u8, ScatterMark) {
    let (rank, shape) = match p.state {
        State::Failed | State::Timeout | State::DeadLetter => (3, "bad"),
        State::Ok if p.marked => (2, "odd"),
        State::Ok => (1, "ok"),
        State::Rejected | State::ClientDisconnect | State::Unfinished => (0, "dim"),
    };
    let title = format!("{} at {} UTC, {}", format::length(p.total_ns), format::time_of_day(p.start), parts::state_words(p.state));
    (rank, ScatterMark { x, y: format!("{y:.1}"), shape, href: links::request(&p.id, None), title })
}

/// Times of day below the scatter, at both ends and in the middle; days when the span is long.
fn clock_ticks(time: scale::Scale) -> Vec<Tick> {
    let long = time.ns() > 86_400_000_000_000;
    [0_i64, 1, 2]
        .into_iter()
        .map(|i| {
            let at = crate::model::time::UnixNanos(time.from() + time.ns() / 2 * i);
            let text = if long { format::instant(at) } else { format::time_of_day(at) };
            let label = if long { text[5..16].to_owned() } else { text[..8].to_owned() };
            Tick { x: Units(charts::scatter_x(500.0 * i as f64)), label }
        })
        .collect()
}

/// The histogram of what matched.
pub fn histogram(address: &ListAddress, page: &ListPage) -> Option<Histogram> {
    let (axis, columns) = charts::histogram(&page.histogram, HISTOGRAM_HEIGHT)?;
    let columns = page
        .histogram
        .iter()
        .zip(columns)
        .filter(|(bar, _)| bar.count > 0)
        .map(|(bar, c)| {
            let range = format!("{}..{}", format::query_length(bar.from_ns), format::query_length(bar.to_ns));
            HistogramColumn {
                x: c.x,
                width: c.width,
                y: format!("{:.1}", c.y + HISTOGRAM_TOP),
                height: format!("{:.1}", c.height),
                href: address.with_query(links::with_only(&address.q, "dur", &range)).href(None),
                title: format!("{} from {} to {}", format::counted(bar.count, "request", "requests"), format::length(bar.from_ns), format::length(bar.to_ns)),
            }
        })
        .collect();
    let mut ticks: Vec<(Units, String)> = axis.ticks(8).into_iter().map(|ns| (axis.x(ns), format::length(ns))).collect();
    ticks.retain(|(x, _)| (15.0..=985.0).contains(&x.0));
    Some(Histogram { columns, ticks, lines: percentile_lines(axis, page) })
}

/// Lines at the percentiles. The median's label stands to the left of its line, the other's to the right, so that they part; near the
/// right edge both stand left, the second a row lower.
fn percentile_lines(axis: charts::LogScale, page: &ListPage) -> Vec<(Units, String, bool, String)> {
    let line = |name: &str, ns: i64, y: &str, left: bool| (axis.x(ns), y.to_owned(), left, format!("{name} {}", format::length(ns)));
    let mut out = Vec::new();
    if let Some(p50) = page.p50_ns {
        out.push(line("p50", p50, "10", axis.x(p50).0 > 180.0));
    }
    if let Some(p95) = page.p95_ns.filter(|ns| Some(*ns) != page.p50_ns) {
        let left = axis.x(p95).0 > 820.0;
        out.push(line("p95", p95, if left { "22" } else { "10" }, left));
    }
    out
}
