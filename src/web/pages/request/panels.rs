//! Where the time went: one panel up to the response, one after it, each a bar and a table that add up.
//!
//! Guarantees: the times of a panel add up to its total, its printed shares to 100 %. What is typical of a kind counts the whole request,
//! so a kind with time on both sides of the response is compared once, in the first panel, by its whole time, and marked.

use super::context::{Context, TYPICAL_FROM};
use crate::{
    model::{
        summary::Typical,
        trace::{Breakdown, SegmentKind},
    },
    web::{
        charts, format,
        pages::parts::{self, Badge},
        scale::Units,
        waterfall,
    },
};

/// Parts below this many thousandths of the bar carry no label on a narrow screen.
const NARROW: f64 = 260.0;
/// Width a character of a bar's label takes, and the margin around it.
const LABEL: (f64, f64) = (11.0, 24.0);

/// A panel.
pub struct Panel {
    /// Title.
    pub title: &'static str,
    /// Its total, in words.
    pub sub: String,
    /// The bar.
    pub bar: Vec<BarPart>,
    /// The parts, the largest first, the unaccounted last.
    pub rows: Vec<Row>,
    /// The total.
    pub total: Row,
    /// The whole request, below the last panel.
    pub whole: Option<Row>,
    /// There is something to compare with.
    pub compared: bool,
    /// Remarks below.
    pub notes: Vec<String>,
}

/// A part of the bar.
pub struct BarPart {
    /// Left edge.
    pub x: Units,
    /// Width.
    pub width: Units,
    /// Middle.
    pub middle: Units,
    /// Classes.
    pub class: &'static str,
    /// Text on it, when it fits.
    pub label: String,
    /// How the label is written: `on` the colour, `ink` on the light one, `over` a pattern.
    pub label_class: &'static str,
    /// On a narrow screen the label finds no room.
    pub narrow: bool,
    /// For pointing at.
    pub title: String,
}

/// A row of the table.
#[derive(Default)]
pub struct Row {
    /// Stage.
    pub badge: Option<Badge>,
    /// Kind.
    pub name: String,
    /// What is special about it.
    pub remark: String,
    /// Time.
    pub time: String,
    /// Share.
    pub share: String,
    /// Median.
    pub median: String,
    /// 95th percentile.
    pub p95: String,
    /// Difference to the median.
    pub difference: String,
    /// `bad` past the 95th percentile.
    pub class: &'static str,
    /// What is compared.
    pub title: String,
}

/// A kind with its time in one panel.
struct Share {
    kind: SegmentKind,
    ns: i64,
    failed_ns: i64,
}

/// Both panels; none when nothing states an interval.
pub fn panels(c: &Context<'_>) -> Vec<Panel> {
    let t = c.trace;
    let answered = t.breakdown.total_ns;
    let after_ns = t.completion.total_ns - answered;
    let mut out = Vec::new();
    if answered > 0 {
        let shares = shares(c, &t.breakdown, |kind| t.breakdown.by_kind_ns.get(&kind).copied().unwrap_or(0), true);
        let title = if t.status.is_some() || after_ns > 0 { "Where the response went" } else { "Where the time went" };
        out.push(panel(c, title, format!("{}, adds up exactly", format::length(answered)), &shares, answered, true, after_ns <= 0));
    }
    if after_ns > 0 {
        let shares = shares(c, &t.completion, |kind| c.after_ns(kind), false);
        out.push(panel(
            c,
            "After the response",
            format!("{} {}", format::length(after_ns), if t.spans.iter().any(|s| s.unfinished) { "seen so far" } else { "until the last work was done" }),
            &shares,
            after_ns,
            false,
            true,
        ));
    }
    out
}

fn shares(c: &Context<'_>, breakdown: &Breakdown, ns: impl Fn(SegmentKind) -> i64, before: bool) -> Vec<Share> {
    let split = c.zero + c.trace.breakdown.total_ns;
    let failed_ns = |kind| {
        let of_failed = |s: &&crate::model::trace::Segment| s.kind == kind && s.span.as_deref().and_then(|id| c.span(id)).is_some_and(|i| waterfall::failed(&c.trace.spans[i]));
        breakdown.segments.iter().filter(|s| (s.start.0 < split) == before).filter(of_failed).map(|s| s.ns).sum::<i64>()
    };
    let mut out: Vec<Share> = breakdown.by_kind_ns.keys().map(|kind| Share { kind: *kind, ns: ns(*kind), failed_ns: failed_ns(*kind) }).filter(|s| s.ns > 0).collect();
    out.sort_by_key(|s| (s.kind == SegmentKind::Unaccounted, std::cmp::Reverse(s.ns)));
    out
}

fn panel(c: &Context<'_>, title: &'static str, sub: String, shares: &[Share], total: i64, first: bool, last: bool) -> Panel {
    let printed = format::shares(&shares.iter().map(|s| s.ns).collect::<Vec<_>>());
    let compared = shares.iter().any(|s| c.typical(s.kind).is_some()) || (last && typical(c).is_some());
    let rows: Vec<Row> = shares.iter().zip(&printed).map(|(s, share)| row(c, s, share, first)).collect();
    let mut notes = Vec::new();
    if shares.iter().any(|s| first && is_split(c, s.kind) && c.typical(s.kind).is_some()) {
        notes.push("† compared by its whole time: what is typical counts before and after the response together".into());
    }
    if last && let Some(n) = c.view.typical.map(|t| t.n).filter(|n| *n < TYPICAL_FROM) {
        notes.push(format!("{} of this route so far: too few to compare.", format::counted(n, "finished request", "finished requests")));
    }
    let alone = first && last;
    Panel {
        title,
        sub,
        bar: bar(shares),
        rows,
        total: total_row(if first { "response" } else { "after the response" }, total, typical(c).filter(|_| alone)),
        whole: typical(c).filter(|_| last && !alone).map(|t| {
            let whole = c.trace.completion.total_ns;
            Row { share: String::new(), ..total_row("whole request", whole, Some(t)) }
        }),
        compared,
        notes,
    }
}

fn typical(c: &Context<'_>) -> Option<Typical> {
    c.view.typical.filter(|t| t.n >= TYPICAL_FROM)
}

/// The kind has time before and after the response.
fn is_split(c: &Context<'_>, kind: SegmentKind) -> bool {
    c.after_ns(kind) > 0 && c.trace.breakdown.by_kind_ns.get(&kind).is_some_and(|ns| *ns > 0)
}

fn row(c: &Context<'_>, s: &Share, share: &str, first: bool) -> Row {
    let split = is_split(c, s.kind);
    let mut row = Row {
        badge: Some(s.kind.stage().into()),
        name: parts::segment_words(s.kind).into(),
        remark: if s.failed_ns > 0 {
            if s.failed_ns == s.ns { "in steps that failed".into() } else { format!("{} in steps that failed", format::length(s.failed_ns)) }
        } else {
            String::new()
        },
        time: format::length(s.ns),
        share: share.into(),
        ..Row::default()
    };
    if let Some(t) = c.typical(s.kind).filter(|_| !split || first) {
        let whole = c.trace.completion.by_kind_ns.get(&s.kind).copied().unwrap_or(s.ns);
        compare(&mut row, whole, t);
        if split {
            row.difference.push_str(" †");
            row.title = format!("{} in the whole request; {}", format::length(whole), row.title);
        }
    } else if split {
        row.difference = "†".into();
    }
    row
}

fn total_row(name: &str, ns: i64, typical: Option<Typical>) -> Row {
    let mut row = Row { name: name.into(), time: format::length(ns), share: "100 %".into(), ..Row::default() };
    if let Some(t) = typical {
        compare(&mut row, ns, t);
    }
    row
}

fn compare(row: &mut Row, ns: i64, t: Typical) {
    row.median = format::length(t.p50_ns);
    row.p95 = format::length(t.p95_ns);
    row.difference = format::offset(ns - t.p50_ns);
    row.class = if ns > t.p95_ns { "bad" } else { "" };
    row.title = format!("of {} of this route", format::counted(t.n, "finished request", "finished requests"));
}

fn bar(shares: &[Share]) -> Vec<BarPart> {
    let ns: Vec<i64> = shares.iter().map(|s| s.ns).collect();
    let printed = format::shares(&ns);
    charts::stack(&ns, 1_000.0)
        .into_iter()
        .zip(shares)
        .zip(printed)
        .map(|((part, s), share)| {
            let words = parts::segment_words(s.kind);
            let short = words.strip_prefix("model ").unwrap_or(words);
            let whole = share.split('.').next().unwrap_or_default().trim_end_matches(" %");
            let fits = |text: &str| text.chars().count() as f64 * LABEL.0 + LABEL.1 <= part.width.0;
            let label = [format!("{short} {whole} %"), short.to_owned()].into_iter().find(|t| fits(t)).unwrap_or_default();
            BarPart {
                x: part.x,
                width: part.width,
                middle: part.middle,
                narrow: part.width.0 < NARROW,
                class: parts::segment_class(s.kind),
                label_class: parts::segment_label_class(s.kind),
                title: format!("{words}: {}, {share}", format::length(s.ns)),
                label,
            }
        })
        .collect()
}
