//! What stands around the rows: ranges of time, filters with counts, the histogram of totals.
//!
//! Guarantees: every range, count and bar is a link that sets exactly that filter.

use crate::{
    model::{
        summary::{Facet, ListPage},
        time::UnixNanos,
        trace::State,
    },
    web::{
        charts, format,
        links::{self, ListAddress},
        pages::parts::{self, FacetLink, FacetView},
        scale::Units,
    },
};

/// Height of the columns.
pub const HISTOGRAM_HEIGHT: f64 = 92.0;
/// Columns start this far below the top, where the percentiles are named.
const HISTOGRAM_TOP: f64 = 24.0;

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

/// Ranges of time, counted back from the newest record: exported logs are old.
pub fn ranges(address: &ListAddress, newest: Option<UnixNanos>) -> Option<FacetView> {
    const RANGES: [(&str, &str); 3] = [("15m", "last 15 min"), ("1h", "last hour"), ("24h", "last 24 h")];
    let newest = newest?;
    let without = links::without_key(&links::without_key(&address.q, "since"), "until");
    let bounded = without.len() < links::conditions(&address.q).join(" ").len();
    let link = |text: &str, q: String, chosen| FacetLink { text: text.to_owned(), count: String::new(), href: address.with_query(q).href(None), chosen };
    let mut values: Vec<FacetLink> = RANGES
        .into_iter()
        .map(|(length, text)| {
            let chosen = links::with_key(&address.q, "since") == [format!("since:{length}")] && links::with_key(&address.q, "until").is_empty();
            link(text, links::with_only(&without, "since", length), chosen)
        })
        .collect();
    if bounded {
        values.push(link("all times", without, false));
    }
    Some(FacetView { title: "Start".into(), values, more: format!("counted back from the newest record, {} UTC", format::instant(newest)) })
}

/// Figures beside the pictures: name and value.
pub fn figures(page: &ListPage) -> Vec<(&'static str, String)> {
    let Some(p50) = page.p50_ns else { return Vec::new() };
    vec![("n", format::count(page.n)), ("p50", format::length(p50)), ("p95", format::length_or_none(page.p95_ns)), ("p99", format::length_or_none(page.p99_ns))]
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
