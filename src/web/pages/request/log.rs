//! The merged log: every line of the request in one order, with its step, its source and its raw text behind a disclosure.
//!
//! Guarantees: a line is never dropped without being counted; long texts and raw records are folded; those that fit no step are marked.

use super::{
    context::Context,
    detail::{self, Raw},
    view::View,
};
use crate::{
    model::{entry::Severity, trace::PlacedBy},
    query::view::PathView,
    web::{
        format, links,
        pages::parts::{self, Badge, LineLink},
    },
};

/// Lines shown unless all are asked for.
pub const ROWS: usize = 1_000;
/// Characters of a text before it is folded.
const TEXT: usize = 220;

/// Which lines are shown.
pub struct Selected {
    /// Indexes into the log.
    pub rows: Vec<usize>,
    /// Lines that satisfy the wish, shown or not.
    pub matching: usize,
}

/// The log.
pub struct Log {
    /// Rows.
    pub rows: Vec<LogRow>,
    /// Words beside the title.
    pub caption: String,
    /// Levels to choose from: words, address, chosen.
    pub levels: Vec<(String, String, bool)>,
    /// Address that shows all.
    pub all: Option<String>,
    /// Lines that may belong and are not proved.
    pub possible: Vec<LineLink>,
    /// Words on the possible lines.
    pub possible_title: String,
}

/// A line.
pub struct LogRow {
    /// Anchor.
    pub anchor: String,
    /// Offset from the begin.
    pub offset: String,
    /// Instant, for pointing at.
    pub instant: String,
    /// Stage of its step.
    pub badge: Badge,
    /// Name of its step and its address.
    pub step: Option<(String, String)>,
    /// Severity.
    pub level: &'static str,
    /// Colour class of the severity.
    pub class: &'static str,
    /// Service or source.
    pub service: String,
    /// Text, at most its head.
    pub text: String,
    /// The whole text, when it is longer.
    pub whole: String,
    /// Where it stands.
    pub line: String,
    /// The same with its folder.
    pub path: String,
    /// The raw record.
    pub raw: Option<Raw>,
    /// It fits no step.
    pub unplaced: bool,
    /// It carries no id: why it stands here.
    pub why: Option<&'static str>,
}

/// Chooses the lines to show.
pub fn select(path: &PathView, view: &View) -> Selected {
    let least = match view.level {
        Some("warn") => Some(Severity::Warn),
        Some("error") => Some(Severity::Error),
        _ => None,
    };
    let matching: Vec<usize> = (0..path.log.len()).filter(|i| least.is_none_or(|l| path.log[*i].severity.is_some_and(|s| s >= l))).collect();
    let count = matching.len();
    Selected { rows: matching.into_iter().take(if view.is_whole { usize::MAX } else { ROWS }).collect(), matching: count }
}

/// The log of a path.
pub fn log(c: &Context<'_>, view: &View, selected: &Selected) -> Log {
    let budget = &mut detail::Budget::default();
    let rows = selected.rows.iter().map(|i| row(c, *i, budget)).collect();
    let cut = selected.matching > selected.rows.len();
    let possible = &c.trace.possible;
    let (shown, more) = c.lines(possible, 40);
    Log {
        rows,
        caption: caption(c, view, selected),
        levels: levels(c, view),
        all: cut.then(|| view.href(|v| v.is_whole = true, "#lines")),
        possible: shown,
        possible_title: if possible.is_empty() {
            String::new()
        } else {
            let rest = if more > 0 { format!(" (the first {})", possible.len() - more) } else { String::new() };
            format!(
                "{} may belong and {} not proved; no number counts {}{rest}",
                format::counted(possible.len() as u64, "further line", "further lines"),
                is(possible.len()),
                them(possible.len())
            )
        },
    }
}

fn is(n: usize) -> &'static str {
    if n == 1 { "is" } else { "are" }
}

fn them(n: usize) -> &'static str {
    if n == 1 { "it" } else { "them" }
}

fn caption(c: &Context<'_>, view: &View, selected: &Selected) -> String {
    let all = c.trace.lines.len() + c.trace.unplaced.len();
    let total = format!("{} of {}", format::counted(all as u64, "line", "lines"), format::counted(c.trace.sources.len() as u64, "source", "sources"));
    let mut out = match (view.level, selected.matching > selected.rows.len()) {
        (None, false) if selected.rows.len() >= all => format!("{total}, oldest first"),
        (None, _) => format!("the first {} of {total}", format::count(selected.rows.len() as u64)),
        (Some(level), cut) => {
            let head = if cut { "the first " } else { "" };
            format!("{head}{} at {level} or worse, of {total}", format::count(selected.rows.len() as u64))
        }
    };
    let unplaced = c.trace.unplaced.len();
    if unplaced > 0 {
        out = format!("{out} · {} {} no step", format::count(unplaced as u64), if unplaced == 1 { "fits" } else { "fit" });
    }
    out
}

fn levels(c: &Context<'_>, view: &View) -> Vec<(String, String, bool)> {
    let count = |least: Severity| c.view.log.iter().filter(|l| l.severity.is_some_and(|s| s >= least)).count() as u64;
    let (warn, error) = (count(Severity::Warn), count(Severity::Error));
    if warn == 0 && view.level.is_none() {
        return Vec::new();
    }
    let mut out = vec![("all".to_owned(), view.href(|v| v.level = None, "#lines"), view.level.is_none())];
    for (level, n, words) in [("warn", warn, format!("{} at warn or worse", format::count(warn))), ("error", error, format::counted(error, "error", "errors"))] {
        if n > 0 && !(level == "warn" && warn == error) {
            out.push((words, view.href(|v| v.level = Some(level), "#lines"), view.level == Some(level)));
        }
    }
    out
}

fn row(c: &Context<'_>, index: usize, budget: &mut detail::Budget) -> LogRow {
    let line = &c.view.log[index];
    let span = line.span.as_deref().and_then(|s| c.span(s)).map(|i| &c.trace.spans[i]);
    let text = format::head(line.text.trim(), TEXT);
    LogRow {
        anchor: links::line_anchor(&line.line),
        offset: line.time.map_or_else(|| format::NONE.to_owned(), |t| c.when(t.0)),
        instant: line.time.map_or_else(|| "this line states no time".to_owned(), |t| format!("{} UTC", format::instant(t))),
        badge: line.stage.into(),
        step: span.and_then(|s| Some((s.name.clone(), c.step_href(&s.id)?))),
        level: line.severity.map_or("", Severity::word),
        class: parts::level_class(line.severity),
        service: line.service.clone(),
        whole: if text.len() < line.text.trim().len() { line.text.clone() } else { String::new() },
        text: if text.is_empty() { "(no text)".into() } else { text },
        line: c.short(&line.line),
        path: line.line.to_string(),
        raw: detail::raw(c, &line.line, budget),
        unplaced: line.unplaced,
        why: line.placed_by.map(PlacedBy::words),
    }
}
