//! The scatter of start and total: a mark for each request, regions that narrow to their time and total, and lines where a version changed.
//!
//! Guarantees: a mark opens exactly its request; a region's link sets exactly its bounds, so that every mark in it is in the list it leads
//! to; what a script needs to narrow by dragging stands in attributes.

use crate::{
    model::{
        summary::{ListPage, ScatterPoint, VersionChange},
        time::{UnixNanos, rfc3339_of_ms},
        trace::State,
    },
    web::{
        charts::{self, LogScale},
        format,
        links::{self, ListAddress},
        pages::parts,
        scale::{Scale, Tick, Units},
    },
};

/// Height in pixels.
const HEIGHT: f64 = 116.0;
/// Regions side by side and above each other.
const COLUMNS: usize = 8;
const ROWS: usize = 4;
const MS_NS: i64 = 1_000_000;

/// The scatter.
pub struct ScatterView {
    /// Regions.
    pub cells: Vec<Cell>,
    /// Marks: where, shape, address, words.
    pub marks: Vec<ScatterMark>,
    /// Lines across with their label.
    pub lines: Vec<(String, String)>,
    /// Where a version took over.
    pub changes: Vec<ChangeLine>,
    /// Labels below.
    pub ticks: Vec<Tick>,
    /// Words beside the title.
    pub caption: String,
    /// For dragging: the query without bounds, and both axes.
    pub rest: String,
    /// Ends of the time axis in milliseconds of Unix time.
    pub time_ms: (i64, i64),
    /// Ends of the other in nanoseconds.
    pub total_ns: (i64, i64),
    /// Where the time axis begins and ends, in hundredths of the width.
    pub ends: (f64, f64),
}

/// A region.
pub struct Cell {
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

/// A line where a version took over.
pub struct ChangeLine {
    /// Place.
    pub x: Units,
    /// Height of its label.
    pub y: u32,
    /// The label stands to the left.
    pub left: bool,
    /// Label.
    pub label: String,
    /// Words.
    pub title: String,
}

/// The scatter of what matched; regions only where the query may be repeated in links.
pub fn scatter(address: &ListAddress, page: &ListPage, linked: bool) -> Option<ScatterView> {
    let laid = charts::scatter(&page.scatter, page.span, HEIGHT)?;
    let mut marks: Vec<(u8, ScatterMark)> = page.scatter.iter().zip(&laid.places).map(|(p, place)| mark(p, *place)).collect();
    // Failures are painted last, on top.
    marks.sort_by_key(|(rank, _)| *rank);
    let lines = laid.total.ticks(5).into_iter().map(|ns| (format!("{:.1}", charts::scatter_y(laid.total, ns, HEIGHT)), format::length(ns))).collect();
    let (shown, matched) = (page.scatter.len() as u64, page.n.max(page.scatter.len() as u64));
    let caption = if shown < matched { format!("{} of {}, evenly chosen", format::count(shown), format::count(matched)) } else { "each mark a request".into() };
    let rest = ["since", "until", "dur"].into_iter().fold(address.q.clone(), |q, key| links::without_key(&q, key));
    let cells = if linked { cells(&address.with_query(rest.clone()), &page.scatter, laid.time, laid.total) } else { Vec::new() };
    let (left, right) = charts::scatter_ends();
    Some(ScatterView {
        cells,
        marks: marks.into_iter().map(|(_, m)| m).collect(),
        lines,
        changes: page.changes.iter().enumerate().map(|(n, change)| change_line(change, laid.time, n)).collect(),
        ticks: clock_ticks(laid.time),
        caption,
        rest,
        time_ms: (laid.time.from().div_euclid(MS_NS), ceil_ms(laid.time.to())),
        total_ns: (laid.total.at(0.0), laid.total.at(1.0)),
        ends: (left / 10.0, right / 10.0),
    })
}

fn mark(p: &ScatterPoint, (x, y): (Units, f64)) -> (u8, ScatterMark) {
    let (rank, shape) = match p.state {
        State::Failed | State::Timeout | State::DeadLetter => (3, "bad"),
        State::Ok if p.marked => (2, "odd"),
        State::Ok => (1, "ok"),
        State::Rejected | State::ClientDisconnect | State::Unfinished => (0, "dim"),
    };
    let title = format!("{} at {} UTC, {}", format::length(p.total_ns), format::time_of_day(p.start), parts::state_words(p.state));
    (rank, ScatterMark { x, y: format!("{y:.1}"), shape, href: links::request(&p.id, None), title })
}

fn ceil_ms(ns: i64) -> i64 {
    ns.div_euclid(MS_NS) + i64::from(ns.rem_euclid(MS_NS) > 0)
}

/// Bounds of the regions across one axis: `n + 1` values, the first and the last those of the axis.
fn edges(n: usize, at: impl Fn(f64) -> i64) -> Vec<i64> {
    (0..=n).map(|i| at(i as f64 / n as f64)).collect()
}

/// A length a query can say, rounded down or up by less than a thousandth.
fn rounded(ns: i64, up: bool) -> i64 {
    let unit = if ns >= 1_000 * MS_NS { MS_NS } else { 1_000 };
    if up { ns.div_euclid(unit).saturating_add(i64::from(ns.rem_euclid(unit) > 0)).saturating_mul(unit) } else { ns.div_euclid(unit) * unit }
}

fn cells(address: &ListAddress, points: &[ScatterPoint], time: Scale, total: LogScale) -> Vec<Cell> {
    let times = edges(COLUMNS, |share| time.from() + (time.ns() as f64 * share) as i64);
    let totals = edges(ROWS, |share| total.at(share));
    let slot = |edges: &[i64], value: i64| edges[1..edges.len() - 1].partition_point(|edge| *edge <= value);
    let mut counts = [[0_u64; ROWS]; COLUMNS];
    points.iter().for_each(|p| counts[slot(&times, p.start.0)][slot(&totals, p.total_ns)] += 1);
    let mut out = Vec::new();
    for (column, counts) in counts.iter().enumerate() {
        for (row, _) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            out.push(cell(address, (time, total), (times[column], times[column + 1]), (totals[row], totals[row + 1]), (row == 0, row + 1 == ROWS)));
        }
    }
    out
}

/// The lowest and the highest region have no bound of their own: what is next to nothing stands at the lower edge.
fn cell(address: &ListAddress, (time, total): (Scale, LogScale), (from, to): (i64, i64), (low, high): (i64, i64), (lowest, highest): (bool, bool)) -> Cell {
    let (since, until) = (rfc3339_of_ms(from.div_euclid(MS_NS)), rfc3339_of_ms(ceil_ms(to)));
    let (least, most) = (format::query_length(rounded(low, false)), format::query_length(rounded(high, true)));
    let dur = match (lowest, highest) {
        (true, _) => format!("..{most}"),
        (false, true) => format!("{least}.."),
        (false, false) => format!("{least}..{most}"),
    };
    let q = [("since", since.as_str()), ("until", until.as_str()), ("dur", dur.as_str())].into_iter().fold(address.q.clone(), |q, (key, text)| links::with_only(&q, key, text));
    let (left, right) = (charts::scatter_x(time.x(from)), charts::scatter_x(time.x(to)));
    let (top, bottom) = (charts::scatter_y(total, high, HEIGHT), charts::scatter_y(total, low, HEIGHT));
    let length = match (lowest, highest) {
        (true, _) => format!("up to {}", format::length(high)),
        (false, true) => format!("{} and more", format::length(low)),
        (false, false) => format!("{} to {}", format::length(low), format::length(high)),
    };
    Cell {
        x: Units(left),
        width: Units(right - left),
        y: format!("{top:.1}"),
        height: format!("{:.1}", bottom - top),
        href: address.with_query(q).href(None),
        title: format!("only {}, {length}", format::span(UnixNanos(from), UnixNanos(to))),
    }
}

fn change_line(change: &VersionChange, time: Scale, n: usize) -> ChangeLine {
    let x = charts::scatter_x(time.x(change.at.0));
    let short = |text: &str| format::head(text, 18);
    let what = change.name.as_deref().map_or_else(|| "configuration".to_owned(), |name| format!("{} prompt", short(name)));
    let label = format!("{what} {} → {}", short(&change.from), short(&change.to));
    let title = format!("{what}: from {} to {}; first request with it at {} UTC", change.from, change.to, format::instant(change.at));
    ChangeLine { x: Units(x), y: 9 + 13 * (n as u32 % 4), left: x > 600.0, label, title }
}

/// Times of day below the scatter, at both ends and in the middle; days when the span is long.
fn clock_ticks(time: Scale) -> Vec<Tick> {
    let long = time.ns() > 86_400_000_000_000;
    [0_i64, 1, 2]
        .into_iter()
        .map(|i| {
            let at = UnixNanos(time.from() + time.ns() / 2 * i);
            let text = if long { format::instant(at) } else { format::time_of_day(at) };
            let label = if long { text[5..16].to_owned() } else { text[..8].to_owned() };
            Tick { x: Units(charts::scatter_x(500.0 * i as f64)), label }
        })
        .collect()
}
