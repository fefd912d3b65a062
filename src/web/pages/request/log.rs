//! The merged log: every line of the request in one order, with its step, its source and its raw text behind a disclosure; narrowed by
//! level, source and words; silences are named between its rows.
//!
//! Guarantees: a line is never dropped without being counted; long texts and raw records are folded; those that fit no step are marked.

use super::timeline::Field;
use super::{
    context::Context,
    detail::{self, Raw},
    view::View,
};
use crate::{
    model::{
        entry::Severity,
        trace::{LineRef, LogLine, PlacedBy},
    },
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

/// Characters shown of a line that may belong: a stack trace is one.
const POSSIBLE_TEXT: usize = 4_000;

/// Which lines are shown.
pub struct Selected {
    /// Indexes into the log.
    pub rows: Vec<usize>,
    /// Lines that satisfy the wish, shown or not.
    pub matching: usize,
    /// How many of them stand before those that are shown.
    pub before: usize,
}

/// The log.
pub struct Log {
    /// Rows.
    pub rows: Vec<LogRow>,
    /// Words beside the title.
    pub caption: String,
    /// Levels to choose from: words, address, chosen.
    pub levels: Vec<(String, String, bool)>,
    /// Sources to choose from.
    pub sources: Vec<(String, String, bool)>,
    /// The words the lines are narrowed by.
    pub text: String,
    /// What else stands in the address: hidden fields of the form.
    pub fields: Vec<Field>,
    /// Words and address that hide or show what was said.
    pub content: (&'static str, String),
    /// Address that shows all.
    pub all: Option<String>,
    /// Lines that may belong and are not proved: with their texts, where they are known.
    pub possible: Vec<(LineLink, String)>,
    /// Words on the possible lines.
    pub possible_title: String,
}

/// A line.
pub struct LogRow {
    /// How long no line was written before it, when that is long.
    pub silence: String,
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

/// What the reader narrows the lines by.
struct Wanted<'a> {
    least: Option<Severity>,
    source: Option<&'a str>,
    /// Texts in lower case that must, or must not, stand in a line.
    texts: Vec<(String, bool)>,
}

impl<'a> Wanted<'a> {
    fn new(view: &'a View) -> Self {
        let least = match view.level {
            Some("warn") => Some(Severity::Warn),
            Some("error") => Some(Severity::Error),
            _ => None,
        };
        let text = |part: &str| {
            let (part, is_wanted) = part.strip_prefix('-').filter(|rest| !rest.is_empty()).map_or((part, true), |rest| (rest, false));
            (part.trim_matches('"').to_lowercase(), is_wanted)
        };
        let texts = view.text.as_deref().map(links::conditions).unwrap_or_default().into_iter().map(text).filter(|(t, _)| !t.is_empty()).collect();
        Self { least, source: view.src.as_deref(), texts }
    }

    fn holds(&self, line: &LogLine) -> bool {
        let file = &*line.line.file;
        let is_source = |wanted: &str| file == wanted || file.strip_suffix(wanted).is_some_and(|folder| folder.ends_with('/'));
        self.least.is_none_or(|l| line.severity.is_some_and(|s| s >= l)) && self.source.is_none_or(is_source) && (self.texts.is_empty() || self.holds_text(line))
    }

    fn holds_text(&self, line: &LogLine) -> bool {
        let (text, raw) = (line.text.to_lowercase(), line.raw.to_lowercase());
        self.texts.iter().all(|(t, is_wanted)| (text.contains(t) || raw.contains(t) || line.service.to_lowercase().contains(t)) == *is_wanted)
    }
}

/// Chooses the lines to show.
pub fn select(path: &PathView, view: &View) -> Selected {
    let wanted = Wanted::new(view);
    let matching: Vec<usize> = (0..path.log.len()).filter(|i| wanted.holds(&path.log[*i])).collect();
    let count = matching.len();
    let room = if view.is_whole { count } else { ROWS };
    let wanted = view.line.as_deref().and_then(|line| matching.iter().position(|i| path.log[*i].line.to_string() == line));
    let before = wanted.filter(|at| *at >= room).map_or(0, |at| (at - room / 2).min(count - room));
    Selected { rows: matching.into_iter().skip(before).take(room).collect(), matching: count, before }
}

/// The log of a path.
pub fn log(c: &Context<'_>, view: &View, selected: &Selected) -> Log {
    let budget = &mut detail::Budget::default();
    let is_narrowed = view.level.is_some() || view.src.is_some() || view.text.is_some();
    let mut rows: Vec<LogRow> = selected.rows.iter().map(|i| row(c, *i, budget)).collect();
    if !is_narrowed {
        name_silences(c, selected, &mut rows);
    }
    let cut = selected.matching > selected.rows.len();
    let (shown, more) = c.lines(&c.trace.possible, 40);
    let content = if view.hides_content { "show content" } else { "hide content" };
    Log {
        rows,
        caption: caption(c, view, selected),
        levels: levels(c, view),
        sources: sources(c, view),
        text: view.text.clone().unwrap_or_default(),
        fields: super::timeline::fields(view, &["text"]),
        content: (content, view.href(|v| v.hides_content = !v.hides_content, "#lines")),
        all: cut.then(|| view.href(|v| v.is_whole = true, "#lines")),
        possible: shown.into_iter().zip(&c.trace.possible).map(|(link, line)| (link, possible_text(c, line))).collect(),
        possible_title: possible_title(c.trace.possible.len(), more),
    }
}

/// The text of a line that may belong, its secrets hidden.
fn possible_text(c: &Context<'_>, line: &LineRef) -> String {
    let known = c.view.possible.iter().find(|l| l.line == *line);
    known.map_or_else(String::new, |l| format::head(c.veil().text(l.raw.trim_end(), &l.raw).trim_end(), POSSIBLE_TEXT))
}

fn possible_title(possible: usize, more: usize) -> String {
    if possible == 0 {
        return String::new();
    }
    let rest = if more > 0 { format!(" (the first {})", possible - more) } else { String::new() };
    format!("{} may belong and {} not proved; no number counts {}{rest}", format::counted(possible as u64, "further line", "further lines"), is(possible), them(possible))
}

/// A silence is a tenth of the request long, and a second.
fn name_silences(c: &Context<'_>, selected: &Selected, rows: &mut [LogRow]) {
    let (from, to) = c.chosen.whole;
    let least = (to.saturating_sub(from) / 10).max(1_000_000_000);
    let times: Vec<Option<i64>> = selected.rows.iter().map(|i| c.view.log[*i].time.map(|t| t.0)).collect();
    let mut last: Option<i64> = None;
    for (time, row) in times.into_iter().zip(rows) {
        if let (Some(last), Some(now)) = (last, time)
            && now.saturating_sub(last) >= least
        {
            row.silence = format!("{} without a line", format::length(now - last));
        }
        last = time.or(last);
    }
}

fn sources(c: &Context<'_>, view: &View) -> Vec<(String, String, bool)> {
    if c.trace.sources.len() < 2 {
        return Vec::new();
    }
    let one = |file: &str, lines: u64| {
        let is_on = view.src.as_deref().is_some_and(|s| s == file);
        let to = if is_on { None } else { Some(file.to_owned()) };
        (format!("{} {}", c.name(file), format::count(lines)), view.href(|v| v.src = to, "#lines"), is_on)
    };
    c.trace.sources.iter().take(12).map(|s| one(&s.file, s.lines)).collect()
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
    let is_cut = selected.matching > selected.rows.len();
    let shown = format::count(selected.rows.len() as u64);
    let (head, from) = match (is_cut, selected.before) {
        (false, _) => ("", String::new()),
        (true, 0) => ("the first ", String::new()),
        (true, before) => ("", format!(" from number {} on", format::count(before as u64 + 1))),
    };
    let by = [
        view.level.map(|l| format!("at {l} or worse")),
        view.src.as_deref().map(|s| format!("of {}", c.name(s))),
        view.text.as_deref().map(|t| format!("with {}", format::head(t, 40))),
    ];
    let by: Vec<String> = by.into_iter().flatten().collect();
    let mut out = match (by.is_empty(), is_cut) {
        (true, false) if selected.rows.len() >= all => format!("{total}, oldest first"),
        (true, _) => format!("{}{shown}{from} of {total}", if from.is_empty() { "the first " } else { "" }),
        (false, _) => format!("{head}{shown}{from} {}, of {total}", by.join(" ")),
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
    let whole = line.text.trim().to_owned();
    let text = format::head(&whole, TEXT);
    LogRow {
        silence: String::new(),
        anchor: links::line_anchor(&line.line),
        offset: line.time.map_or_else(|| format::NONE.to_owned(), |t| c.when(t.0)),
        instant: line.time.map_or_else(|| "this line states no time".to_owned(), |t| format!("{} UTC", format::instant(t))),
        badge: line.stage.into(),
        step: span.and_then(|s| Some((s.name.clone(), c.step_href(&s.id)?))),
        level: line.severity.map_or("", Severity::word),
        class: parts::level_class(line.severity),
        service: line.service.clone(),
        whole: if text.len() < whole.len() { whole } else { String::new() },
        text: if text.is_empty() { "(no text)".into() } else { text },
        line: c.short(&line.line),
        path: line.line.to_string(),
        raw: detail::raw(c, &line.line, budget),
        unplaced: line.unplaced,
        why: line.placed_by.map(PlacedBy::words),
    }
}
