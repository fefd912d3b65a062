//! What stands around the lines: views, filters with counts, and the lines over time.
//!
//! Guarantees: every count and bar is a link that sets exactly that filter; a count that is not of all lines says so; a bar is named in words.

use super::rows::shape;
use crate::{
    model::{entry::Severity, time::UnixNanos},
    query::view::{LineBar, LineFacet, LinesView},
    web::{
        format,
        links::{self, LinesAddress},
        pages::parts::{FacetLink, FacetView},
        scale::{Tick, Units},
    },
};

/// Height of the tallest bar in pixels.
const HEIGHT: f64 = 64.0;
/// Bars stand this far below the top.
const TOP: f64 = 4.0;
/// Most times named below the bars.
const TICKS: usize = 5;
/// Logs shown as filters.
const SOURCES: usize = 14;

/// A view of the lines.
pub struct PresetLink {
    /// Words.
    pub title: &'static str,
    /// How many.
    pub count: String,
    /// Address.
    pub href: String,
    /// It is the one that is shown.
    pub chosen: bool,
}

/// Lines over time.
pub struct Histogram {
    /// Bars.
    pub bars: Vec<BarView>,
    /// Times below.
    pub ticks: Vec<Tick>,
    /// What the picture shows, in a sentence.
    pub words: String,
    /// How long a bar is.
    pub caption: String,
    /// Shape, words and class of each part, from the ground up.
    pub legend: Vec<(&'static str, String, &'static str)>,
    /// Lines that lie outside.
    pub outside: String,
}

/// A bar: parts from the ground up.
pub struct BarView {
    /// Left edge.
    pub x: Units,
    /// Width.
    pub width: Units,
    /// Top, height and class of each part.
    pub parts: Vec<(String, String, &'static str)>,
    /// The lines of this piece of time.
    pub href: Option<String>,
    /// In words.
    pub title: String,
}

/// `12,034 lines`, `at least 500 lines`.
pub fn matched_words(answer: &LinesView) -> String {
    format!("{}{}", if answer.exact { "" } else { "at least " }, format::counted(answer.matched, "line", "lines"))
}

fn count_words(count: Option<u64>, complete: bool) -> String {
    match count {
        None => String::new(),
        Some(n) if complete => format::count(n),
        Some(n) => format!("≥ {}", format::count(n)),
    }
}

/// All, and those that tell of trouble.
pub fn presets(address: &LinesAddress, answer: &LinesView) -> Vec<PresetLink> {
    let levels = &answer.overview.levels;
    let at_least = |least: Severity| -> Option<u64> {
        let of = |l: &&LineFacet| [Severity::Warn, Severity::Error, Severity::Fatal].into_iter().any(|s| s >= least && s.word() == l.value);
        levels.iter().filter(of).map(|l| l.count).sum()
    };
    let none = links::without_key(&address.q, "level");
    let set = |condition: &str| if condition.is_empty() { none.clone() } else { links::with_only(&address.q, "level", condition) };
    [("All lines", "", None), ("Errors", ">=error", at_least(Severity::Error)), ("Warnings and errors", ">=warn", at_least(Severity::Warn))]
        .into_iter()
        .map(|(title, condition, count)| {
            let chosen =
                if condition.is_empty() { none == links::conditions(&address.q).join(" ") } else { links::conditions(&address.q).contains(&format!("level:{condition}").as_str()) };
            PresetLink { title, count: count_words(count, answer.overview.complete), href: address.with_query(set(condition)).href(None), chosen }
        })
        .collect()
}

/// Levels and logs.
pub fn facets(address: &LinesAddress, answer: &LinesView) -> Vec<FacetView> {
    let complete = answer.overview.complete;
    let link = |text: String, f: &LineFacet, q: String| FacetLink { text, count: count_words(f.count, complete), href: address.with_query(q).href(None), chosen: f.chosen };
    let single = answer.overview.levels.iter().filter(|f| f.chosen).count() == 1;
    let level = |f: &LineFacet| {
        let q = if f.chosen && single { links::without_key(&address.q, "level") } else { links::with_only(&address.q, "level", &f.value) };
        let shape = shape(&f.value);
        link(format!("{}{}{}", shape, if shape.is_empty() { "" } else { " " }, f.value), f, q)
    };
    let source = |f: &LineFacet| {
        let q = if f.chosen { links::without_value(&address.q, "source", &f.value) } else { links::with_value(&address.q, "source", &f.value) };
        link(f.value.clone(), f, q)
    };
    let sources = &answer.overview.sources;
    let more = sources.len().saturating_sub(SOURCES);
    let views = [
        FacetView { title: "Level".into(), values: answer.overview.levels.iter().map(level).collect(), more: String::new() },
        FacetView { title: "Source".into(), values: sources.iter().take(SOURCES).map(source).collect(), more: if more > 0 { format!("and {more} more") } else { String::new() } },
    ];
    views.into_iter().filter(|f| !f.values.is_empty()).collect()
}

/// Lines over time, by what they tell of trouble.
pub fn histogram(address: &LinesAddress, answer: &LinesView, linked: bool) -> Option<Histogram> {
    let bars = &answer.overview.bars;
    let most = bars.iter().max_by_key(|b| b.count).filter(|b| b.count > 0)?;
    let step_ns = bars[0].to.0.saturating_sub(bars[0].from.0).saturating_add(1);
    let width = 1_000.0 / bars.len() as f64;
    let (errors, warnings) = (bars.iter().map(|b| b.errors).sum::<u64>(), bars.iter().map(|b| b.warnings).sum::<u64>());
    let all: u64 = bars.iter().map(|b| b.count).sum();
    let at_least = if answer.overview.complete { "" } else { "at least " };
    let part = |n: u64, word: &str| format!("{at_least}{} {word}", format::count(n));
    Some(Histogram {
        bars: bars.iter().enumerate().filter(|(_, b)| b.count > 0).map(|(i, b)| bar(address, b, i as f64 * width, width, most.count, linked)).collect(),
        ticks: ticks(bars, step_ns),
        words: format!(
            "{at_least}{} from {} UTC in {}; most, {}, {}",
            format::counted(all, "line", "lines"),
            format::span(bars[0].from, bars[bars.len() - 1].to),
            format::counted(bars.len() as u64, "bar", "bars"),
            format::count(most.count),
            at_words(most)
        ),
        caption: format!("a bar is {}", step_words(step_ns)),
        legend: vec![("✕", part(errors, "error or fatal"), "v-error"), ("◆", part(warnings, "warn"), "v-warn"), ("", part(all - errors - warnings, "other"), "v-other")],
        outside: outside(answer, all),
    })
}

/// Lines that match and are in no bar.
fn outside(answer: &LinesView, drawn: u64) -> String {
    let far = answer.overview.outside;
    let timeless = answer.matched.saturating_sub(drawn).saturating_sub(far);
    let parts = [(far, "far outside this time"), (timeless, "without a time")];
    let words: Vec<String> = parts.into_iter().filter(|p| p.0 > 0).map(|(n, what)| format!("{} {what}", format::counted(n, "line", "lines"))).collect();
    if words.is_empty() { String::new() } else { format!("not drawn: {}", words.join(", ")) }
}

fn at_words(b: &LineBar) -> String {
    format!("at {}", format::instant(b.from))
}

fn bar(address: &LinesAddress, b: &LineBar, x: f64, width: f64, most: u64, linked: bool) -> BarView {
    let mut parts = Vec::with_capacity(3);
    let mut ground = TOP + HEIGHT;
    for (n, class) in [(b.errors, "v-error"), (b.warnings, "v-warn"), (b.count - b.errors - b.warnings, "v-other")] {
        if n > 0 {
            // What is there is seen.
            let height = (n as f64 / most as f64 * HEIGHT).max(2.0).min(ground - TOP);
            ground -= height;
            parts.push((format!("{ground:.1}"), format!("{height:.1}"), class));
        }
    }
    let trouble = [(b.errors, "error", "errors"), (b.warnings, "warning", "warnings")];
    let trouble: String = trouble.into_iter().filter(|t| t.0 > 0).map(|(n, one, many)| format!(", {}", format::counted(n, one, many))).collect();
    let q = || links::with_only(&links::with_only(&address.q, "since", &b.from.to_rfc3339().replace(".000000000Z", "Z")), "until", &b.to.to_rfc3339());
    BarView {
        x: Units(x + width * 0.06),
        width: Units(width * 0.88),
        parts,
        href: linked.then(|| LinesAddress { live: false, ..address.with_query(q()) }.href(None)),
        title: format!("{} {}{trouble}", format::counted(b.count, "line", "lines"), at_words(b)),
    }
}

/// Times at the left edges of bars that lie evenly.
fn ticks(bars: &[LineBar], step_ns: i64) -> Vec<Tick> {
    const DAY: i64 = 86_400_000_000_000;
    let whole = bars[bars.len() - 1].to.0.saturating_sub(bars[0].from.0);
    let words = |at: UnixNanos| {
        let text = format::instant(at);
        let (from, to) = match (step_ns, whole) {
            (step, _) if step >= DAY => (0, 10),
            (_, whole) if whole >= DAY => (5, 16),
            (step, _) if step >= 60_000_000_000 => (11, 16),
            (step, _) if step >= 1_000_000_000 => (11, 19),
            _ => (11, 23),
        };
        text[from..to].to_owned()
    };
    let every = bars.len().div_ceil(TICKS).max(1);
    let width = 1_000.0 / bars.len() as f64;
    bars.iter().enumerate().step_by(every).map(|(i, b)| Tick { x: Units(i as f64 * width), label: words(b.from) }).collect()
}

/// `5 min`: lengths of bars are round.
fn step_words(ns: i64) -> String {
    let units = [(86_400_000_000_000, "d"), (3_600_000_000_000, "h"), (60_000_000_000, "min"), (1_000_000_000, "s"), (1_000_000, "ms")];
    units.into_iter().find(|(unit, _)| ns % unit == 0).map_or_else(|| format!("{ns} ns"), |(unit, word)| format!("{} {word}", ns / unit))
}
