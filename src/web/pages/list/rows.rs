//! Rows and columns of the list.
//!
//! Guarantees: every row of a page has its mini-bar on one scale; a column's link keeps the query and turns its own order round.

use crate::{
    model::{
        summary::{Preset, RequestSummary, RowQuery, SortKey},
        trace::State,
    },
    web::{
        charts, format,
        links::{self, ListAddress},
        pages::parts::{self, StateView},
        scale::Units,
    },
};

/// Characters of an id before it is cut.
const ID: usize = 18;

/// A column's head.
pub struct Column {
    /// Words.
    pub title: &'static str,
    /// What it is.
    pub hint: &'static str,
    /// Address of the list in its order.
    pub href: Option<String>,
    /// `ascending`, `descending` or empty.
    pub order: &'static str,
    /// Classes.
    pub class: &'static str,
}

/// A row.
pub struct RowView {
    /// State.
    pub state: StateView,
    /// Head of the id.
    pub id: String,
    /// The id in full.
    pub full: String,
    /// Its page.
    pub href: String,
    /// Route.
    pub route: String,
    /// What did not go well: words and class.
    pub remark: Option<(String, &'static str)>,
    /// Marks that the remark does not say.
    pub marks: Vec<(String, &'static str)>,
    /// Time of day of its begin.
    pub start: String,
    /// The same with the day.
    pub instant: String,
    /// Total.
    pub total: String,
    /// Parts of the mini-bar: left edge, width, class, words.
    pub bar: Vec<(Units, Units, &'static str, String)>,
    /// Wait in queues.
    pub wait: String,
    /// Time in model calls.
    pub model: String,
    /// Attempts.
    pub attempts: String,
    /// Something was tried again.
    pub retried: bool,
    /// Tokens.
    pub tokens: String,
    /// Error lines.
    pub errors: String,
    /// There are some.
    pub has_errors: bool,
    /// Whether all of it was seen.
    pub complete: Complete,
}

/// Whether all of a request was seen: mark, word, class and why.
pub struct Complete {
    /// Shape.
    pub shape: &'static str,
    /// Word.
    pub word: &'static str,
    /// Class.
    pub class: &'static str,
    /// Why.
    pub why: &'static str,
}

fn complete(r: &RequestSummary) -> Complete {
    let marked = |mark: &str| r.marks.iter().any(|m| m == mark);
    match (marked("incomplete"), marked("open") || r.state == State::Unfinished) {
        (true, true) => {
            Complete { shape: "◔", word: "incomplete", class: "warn", why: "a stage that was handed over to was not seen, and something began whose end was not seen" }
        }
        (true, false) => Complete { shape: "◔", word: "incomplete", class: "warn", why: parts::mark_words("incomplete") },
        (false, true) => Complete { shape: "◐", word: "open", class: "dim", why: parts::mark_words("open") },
        (false, false) => Complete { shape: "✓", word: "complete", class: "dim", why: "every stage that was handed over to was seen, and all that began has an end" },
    }
}

/// The heads of the columns.
pub fn columns(address: &ListAddress, query: &RowQuery) -> Vec<Column> {
    let current = query.sort.unwrap_or(match query.preset {
        Preset::Slowest => SortKey::Total,
        Preset::LongestWait => SortKey::QueueWait,
        _ => SortKey::Start,
    });
    let plain = |title, hint, class| Column { title, hint, href: None, order: "", class };
    let sorted = |title, hint, key: SortKey, class| {
        let chosen = key == current;
        let ascending = chosen && !query.ascending;
        let order = match (chosen, query.ascending) {
            (false, _) => "",
            (true, true) => "ascending",
            (true, false) => "descending",
        };
        Column { title, hint, href: Some(ListAddress { sort: key.word().into(), ascending, ..address.clone() }.href(None)), order, class }
    };
    vec![
        plain("", "state", "st"),
        plain("request", "its id; any other id of it opens the same page", ""),
        plain("route", "route or job", ""),
        sorted("start (UTC)", "when it began", SortKey::Start, "num"),
        sorted("total", "until the last work was done", SortKey::Total, "num"),
        plain("where it went", "time by stage on the critical path; the length of a bar is the square root of the total", "mini"),
        sorted("queue wait", "wall time spent in queues", SortKey::QueueWait, "num"),
        sorted("model", "wall time spent in model calls", SortKey::Model, "num"),
        sorted("attempts", "most attempts of a task or a model call", SortKey::Attempts, "num"),
        sorted("tokens", "in and out, all model calls", SortKey::Tokens, "num"),
        sorted("errors", "lines of level error or worse", SortKey::Errors, "num"),
        plain("seen", "whether all of it was seen: complete, open, or incomplete", ""),
    ]
}

/// The rows.
pub fn rows(rows: &[RequestSummary]) -> Vec<RowView> {
    let longest = rows.iter().filter_map(RequestSummary::total_ns).max().unwrap_or(0);
    rows.iter().map(|r| row(r, longest)).collect()
}

fn row(r: &RequestSummary, longest: i64) -> RowView {
    let remark = parts::row_remark(r);
    RowView {
        state: parts::state_view(r.state, r.status, r.serving, r.degraded),
        id: format::head(&r.id, ID),
        full: r.scope.as_deref().map_or_else(|| r.id.clone(), |s| format!("{} ({s})", r.id)),
        href: links::request(&r.id, r.scope.as_deref()),
        route: r.route.clone().unwrap_or_else(|| format::NONE.into()),
        marks: r.marks.iter().filter(|m| !matches!(m.as_str(), "open" | "incomplete")).map(|m| (m.clone(), parts::mark_words(m))).collect(),
        remark,
        start: r.start.map_or_else(|| format::NONE.into(), format::time_of_day),
        instant: r.start.map_or_else(String::new, |s| format!("{} UTC", format::instant(s))),
        total: format::length_or_none(r.total_ns()),
        bar: bar(r, longest),
        wait: format::length_above_zero(r.queue_wait_ns),
        model: format::length_above_zero(r.model_ns),
        attempts: format::count(u64::from(r.attempts)),
        retried: r.attempts > 1,
        tokens: r.tokens.map_or_else(|| format::NONE.into(), format::count),
        errors: if r.errors > 0 { format::count(u64::from(r.errors)) } else { format::NONE.into() },
        has_errors: r.errors > 0,
        complete: complete(r),
    }
}

fn bar(r: &RequestSummary, longest: i64) -> Vec<(Units, Units, &'static str, String)> {
    let ns: Vec<i64> = r.by_kind_ns.iter().map(|(_, ns)| *ns).collect();
    let width = charts::mini_width(r.total_ns().unwrap_or(0), longest);
    charts::stack(&ns, width)
        .into_iter()
        .zip(&r.by_kind_ns)
        .filter(|(part, _)| part.width.0 > 0.0)
        .map(|(part, (kind, ns))| (part.x, part.width, parts::segment_class(*kind), format!("{} {}", parts::segment_words(*kind), format::length(*ns))))
        .collect()
}
