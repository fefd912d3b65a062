//! The table of a comparison: every part in A, in B, the difference and its share of the whole one.
//!
//! Guarantees: the rows, those summed up among them, add up to the difference of the totals; what stands in one side alone and what
//! contributes most are said in words beside their shape. Parts of the same difference keep the order of the paths.

use super::{
    bars::{self, Small},
    own_id, words,
};
use crate::{
    analyse::compare::{Comparison, Row, Side, Usual, UsualRow, What},
    model::trace::{SegmentKind, Trace},
    web::{
        format, links,
        pages::parts::{self, Badge},
    },
};

/// Most rows; the others are summed up.
const MOST: usize = 60;

/// The table.
pub struct Table {
    /// Heading.
    pub title: &'static str,
    /// What is said beside it.
    pub sub: String,
    /// Heads of the columns A, B and of the difference.
    pub heads: [&'static str; 3],
    /// Parts, the largest difference first.
    pub rows: Vec<Line>,
    /// The totals.
    pub total: [String; 3],
    /// Remarks below.
    pub notes: Vec<String>,
}

/// A row.
#[derive(Default)]
pub struct Line {
    /// Stage.
    pub badge: Option<Badge>,
    /// Name.
    pub name: String,
    /// Its name in B, where it is another.
    pub other: String,
    /// It stands in one side alone: shape and words.
    pub only: Option<(&'static str, &'static str)>,
    /// What is wrong with it, with its shape.
    pub trouble: String,
    /// It contributes most.
    pub largest: bool,
    /// A and B.
    pub cells: [Time; 2],
    /// Difference.
    pub difference: String,
    /// Share.
    pub share: String,
    /// The pair of bars.
    pub bars: [Small; 2],
}

/// Time of a part in one side.
#[derive(Default)]
pub struct Time {
    /// Text.
    pub text: String,
    /// Its step.
    pub href: Option<String>,
    /// How many steps, how long together.
    pub note: String,
}

/// What leads from a part to its step.
pub struct Steps<'a> {
    trace: &'a Trace,
    keys: Vec<String>,
}

impl<'a> Steps<'a> {
    /// Of a path.
    pub fn new(trace: &'a Trace) -> Self {
        Self { trace, keys: links::step_keys(&trace.spans) }
    }

    /// Address of the step of a part with most time.
    pub fn href(&self, side: Option<&Side>) -> Option<String> {
        let key = self.keys.get(side?.step?)?;
        let (id, scope) = own_id(self.trace);
        Some(links::step(id, scope, key))
    }
}

/// Of two requests.
pub fn of_two(c: &Comparison, steps: &[Steps<'_>; 2]) -> Table {
    let mut order: Vec<usize> = (0..c.rows.len()).collect();
    order.sort_by_key(|i| (matches!(c.rows[*i].what, What::Time(_)), std::cmp::Reverse(c.rows[*i].difference_ns.unsigned_abs())));
    let shares = words::shares(&c.rows.iter().map(|r| r.difference_ns).collect::<Vec<_>>(), c.difference_ns());
    let longest_ns = c.a_total_ns.max(c.b_total_ns);
    let rest = if order.len() > MOST { order.drain(MOST - 1..).collect() } else { Vec::new() };
    let mut rows: Vec<Line> = order.iter().map(|i| Line { largest: c.largest == Some(*i), share: shares[*i].clone(), ..line(&c.rows[*i], steps, longest_ns) }).collect();
    if !rest.is_empty() {
        rows.push(summed(&rest.iter().map(|i| &c.rows[*i]).collect::<Vec<_>>(), c.difference_ns()));
    }
    Table {
        title: "Part by part",
        sub: "time on the critical path to completion; the differences add up exactly".into(),
        heads: ["A", "B", "B against A"],
        rows,
        total: [format::length(c.a_total_ns), format::length(c.b_total_ns), format::offset(c.difference_ns())],
        notes: Vec::new(),
    }
}

fn line(row: &Row, steps: &[Steps<'_>; 2], longest_ns: i64) -> Line {
    let sides = [row.a.as_ref(), row.b.as_ref()];
    let name = sides.iter().flatten().next().map_or("", |s| s.name.as_str());
    let attempt = row.attempt.map(|n| format!(" · attempt {n}")).unwrap_or_default();
    let only = match (row.what, sides) {
        (What::Steps(_), [Some(_), None]) => Some(("◂", "only in A")),
        (What::Steps(_), [None, Some(_)]) => Some(("▸", "only in B")),
        _ => None,
    };
    Line {
        badge: Some(row.what.stage().into()),
        name: match row.what {
            What::Steps(_) => format!("{}{attempt}", format::head(name, 80)),
            What::Time(kind) => parts::segment_words(kind).to_owned(),
        },
        other: row.b.as_ref().filter(|b| row.a.is_some() && b.name != name).map(|b| format::head(&b.name, 80)).unwrap_or_default(),
        only,
        trouble: failed(sides),
        largest: false,
        cells: [time(sides[0], &steps[0]), time(sides[1], &steps[1])],
        difference: if sides.iter().flatten().all(|s| s.path_ns == 0) { format::NONE.into() } else { difference(row.difference_ns) },
        share: String::new(),
        bars: sides.map(|s| s.map(|s| bars::small(&s.by_kind_ns, longest_ns)).unwrap_or_default()),
    }
}

fn difference(ns: i64) -> String {
    if ns == 0 { "same".into() } else { format::offset(ns) }
}

fn failed(sides: [Option<&Side>; 2]) -> String {
    let words = sides.iter().zip(super::LETTERS).filter_map(|(side, letter)| {
        let n = side.map(|s| s.failed).filter(|n| *n > 0)?;
        Some(format!("✕ {} failed in {letter}", format::count(n)))
    });
    words.collect::<Vec<_>>().join(", ")
}

fn time(side: Option<&Side>, steps: &Steps<'_>) -> Time {
    let Some(side) = side else { return Time { text: format::NONE.into(), ..Time::default() } };
    let mut notes = Vec::new();
    if side.steps > 1 {
        notes.push(format!("{} steps", format::count(side.steps)));
    }
    // A step with others below it is longer than its own time; several side by side are longer than the path.
    let path = if side.path_ns > 0 { format::length(side.path_ns) } else { "off the path".to_owned() };
    let long = format::length(side.duration_ns);
    if side.duration_ns > side.path_ns && long != path {
        notes.push(format!("{long} long"));
    }
    Time { text: path, href: steps.href(Some(side)), note: notes.join(", ") }
}

fn summed(rest: &[&Row], whole_ns: i64) -> Line {
    let sum = |of: fn(&Row) -> &Option<Side>| rest.iter().filter_map(|r| of(r).as_ref()).map(|s| s.path_ns).sum::<i64>();
    let difference_ns: i64 = rest.iter().map(|r| r.difference_ns).sum();
    let plain = |ns: i64| Time { text: format::length(ns), ..Time::default() };
    Line {
        name: format!("{} further parts", format::count(rest.len() as u64)),
        cells: [plain(sum(|r| &r.a)), plain(sum(|r| &r.b))],
        difference: difference(difference_ns),
        share: words::shares(&[difference_ns, whole_ns - difference_ns], whole_ns).swap_remove(0),
        ..Line::default()
    }
}

/// Of a request and the medians of its route.
pub fn of_usual(u: &Usual) -> Table {
    let longest_ns = u.total_ns.max(u.typical.p50_ns);
    let shares = words::shares(&u.rows.iter().map(|r| r.difference_ns).collect::<Vec<_>>(), u.difference_ns());
    let mut order: Vec<usize> = (0..u.rows.len()).collect();
    let last = |r: &UsualRow| r.kind.is_none_or(|kind| kind == SegmentKind::Unaccounted);
    order.sort_by_key(|i| (last(&u.rows[*i]), u.rows[*i].kind.is_none(), std::cmp::Reverse(u.rows[*i].difference_ns.unsigned_abs())));
    let line = |i: usize| Line { largest: u.largest == Some(i), share: shares[i].clone(), ..usual_line(&u.rows[i], longest_ns) };
    let mut notes = Vec::new();
    if u.rows.iter().any(|r| r.kind.is_none()) {
        notes.push("Medians do not add up: the median of all totals is not the sum of the medians of their parts. What is left stands in a row of its own.".into());
    }
    Table {
        title: "Kind by kind",
        sub: "time on the critical path to completion".into(),
        heads: ["A", "median", "A against the median"],
        rows: order.into_iter().map(line).collect(),
        total: [format::length(u.total_ns), format::length(u.typical.p50_ns), format::offset(u.difference_ns())],
        notes,
    }
}

fn usual_line(row: &UsualRow, longest_ns: i64) -> Line {
    let plain = |text: String, note: String| Time { text, href: None, note };
    let bar = |ns: i64| row.kind.filter(|_| ns > 0).map(|kind| bars::small(&[(kind, ns)], longest_ns)).unwrap_or_default();
    let (p95, above) = (format!("p95 {}", format::length(row.p95_ns)), row.path_ns > row.p95_ns);
    Line {
        badge: row.kind.map(|kind| kind.stage().into()),
        name: row.kind.map_or("medians do not add up", parts::segment_words).to_owned(),
        trouble: if row.kind.is_some() && above { "▲ above p95".into() } else { String::new() },
        cells: [
            plain(if row.kind.is_some() { format::length_above_zero(row.path_ns) } else { format::NONE.into() }, String::new()),
            plain(format::length(row.p50_ns), if row.kind.is_some() { p95 } else { String::new() }),
        ],
        difference: difference(row.difference_ns),
        bars: [bar(row.path_ns), bar(row.p50_ns)],
        ..Line::default()
    }
}
