//! What may be wished of the timeline, as links: search, folding, what is drawn, zoom, clock.
//!
//! Guarantees: every wish can be taken back by a link beside it; a link that would change nothing is not offered.

use super::super::{
    context::Context,
    view::{Clock, Folded, Only, View, zone_words},
};
use crate::web::{
    format,
    waterfall::{self, Row},
};

/// A link.
pub struct Tool {
    /// Words.
    pub words: String,
    /// Address.
    pub href: String,
    /// It is wished now: the link takes it back.
    pub is_on: bool,
    /// What it does, at length.
    pub title: &'static str,
    /// Name by which a script finds it.
    pub name: &'static str,
}

/// A hidden field of a form.
pub struct Field {
    /// Key.
    pub key: &'static str,
    /// Value.
    pub value: String,
}

/// What else stands in the address, for a form that sets some keys.
pub fn fields(view: &View, set: &[&str]) -> Vec<Field> {
    view.pairs().into_iter().filter(|(key, _)| !set.contains(key)).map(|(key, value)| Field { key, value }).collect()
}

/// Groups of links.
pub fn tools(c: &Context<'_>, view: &View, laid: &waterfall::Layout, gaps: &[(i64, i64)]) -> Vec<Vec<Tool>> {
    let at = |change: fn(&mut View)| view.href(change, "#timeline");
    let toggle = |words: &str, is_on: bool, href: String, title, name| Tool { words: words.to_owned(), href, is_on, title, name };
    let mut drawn = vec![toggle("critical path", view.shows_path, at(|v| v.shows_path = !v.shows_path), "mark what the end waited for, in every row", "path")];
    let is_agent = view.only == Only::Agent;
    if is_agent || c.trace.spans.iter().any(|s| matches!(s.kind.stage().word(), "edge" | "app" | "http" | "other")) && c.trace.spans.len() > 2 {
        drawn.push(toggle(
            "agent steps only",
            is_agent,
            at(|v| v.only = if v.only == Only::Agent { Only::All } else { Only::Agent }),
            "model calls, tools, tasks, waits and writes",
            "agent",
        ));
    }
    if !gaps.is_empty() {
        drawn.push(toggle(
            "gaps at length",
            view.has_gaps_at_length,
            at(|v| v.has_gaps_at_length = !v.has_gaps_at_length),
            "draw stretches without activity at their length",
            "gaps",
        ));
    }
    let grouped = laid.rows.iter().any(|r| matches!(r, Row::Group { .. }));
    if grouped || view.is_whole {
        drawn.push(toggle("every step", view.is_whole, at(|v| v.is_whole = !v.is_whole), "draw equal steps one by one", "each"));
    }
    [drawn, folding(c, view, laid), zooming(c, view), vec![clock(view)]].into_iter().filter(|g| !g.is_empty()).collect()
}

fn folding(c: &Context<'_>, view: &View, laid: &waterfall::Layout) -> Vec<Tool> {
    let plain = |words: &str, change: &dyn Fn(&mut View), title, name| Tool { words: words.to_owned(), href: view.href(change, "#timeline"), is_on: false, title, name };
    let mut out = Vec::new();
    if c.chosen.root.is_some() {
        out.push(plain("whole request", &|v| v.root = None, "draw everything again", "whole"));
    }
    let deepest = laid.rows.iter().filter_map(|r| if let Row::Step(s) = r { Some(s) } else { None }).map(|s| s.depth + usize::from(s.is_folded)).max().unwrap_or(0);
    if deepest == 0 {
        return out;
    }
    let levels = if let Folded::Levels(n) = view.fold { Some(n) } else { None };
    if levels != Some(0) {
        out.push(plain("fold all", &|v| v.fold = Folded::Levels(0), "only the uppermost steps", "fold"));
    }
    if let Some(n) = levels {
        out.push(plain("one level more", &|v| v.fold = Folded::Levels(n + 1), "one level deeper", "more"));
    }
    if view.fold != Folded::Nothing {
        out.push(plain("unfold all", &|v| v.fold = Folded::Nothing, "everything again", "unfold"));
    }
    out
}

fn zooming(c: &Context<'_>, view: &View) -> Vec<Tool> {
    let (from, to) = c.chosen.window.unwrap_or(c.chosen.whole);
    let (whole_from, whole_to) = c.chosen.whole;
    let length = to.saturating_sub(from);
    let to_window = |words: &str, a: i64, b: i64, title, name| {
        let (a, b) = (a.max(whole_from), b.min(whole_to));
        let zoom = ((a, b) != c.chosen.whole).then(|| (a.saturating_sub(c.zero), b.saturating_sub(c.zero)));
        Tool { words: words.to_owned(), href: view.href(|v| v.zoom = zoom, "#timeline"), is_on: false, title, name }
    };
    let mut out = Vec::new();
    let answered = c.trace.start.zip(c.trace.response_ns).map(|(s, ns)| (s.0, s.0.saturating_add(ns)));
    if let Some((a, b)) = answered.filter(|(a, b)| c.chosen.window != Some((*a, *b)) && *b < whole_to - (whole_to - whole_from) / 20 && b > a) {
        out.push(to_window("zoom to the response", a, b, "from the begin to the answer", "response"));
    }
    let middle = from.saturating_add(length / 2);
    if length > 4 {
        out.push(to_window("in", middle.saturating_sub(length / 4), middle.saturating_add(length / 4), "zoom in on the middle", "in"));
    }
    if c.chosen.window.is_some() {
        let step = (length / 2).max(1);
        out.push(to_window("out", from.saturating_sub(length / 2), to.saturating_add(length / 2), "zoom out", "out"));
        if from > whole_from {
            let a = from.saturating_sub(step).max(whole_from);
            out.push(to_window("◂ earlier", a, a.saturating_add(length), "half a window back", "earlier"));
        }
        if to < whole_to {
            let b = to.saturating_add(step).min(whole_to);
            out.push(to_window("later ▸", b.saturating_sub(length), b, "half a window on", "later"));
        }
        out.push(to_window("whole length", whole_from, whole_to, "no zoom", "all"));
    }
    out
}

/// The next way to write instants: distance, UTC; a script adds the reader's own zone.
fn clock(view: &View) -> Tool {
    let (words, next) = match view.clock {
        Clock::Offset => ("times of day", Clock::Zone(0)),
        Clock::Zone(_) => ("times from the begin", Clock::Offset),
    };
    Tool { words: words.into(), href: view.href(|v| v.clock = next, "#timeline"), is_on: false, title: "how begins are written", name: "clock" }
}

/// How many steps match.
pub fn found(c: &Context<'_>, view: &View) -> String {
    if view.find.is_none() {
        return String::new();
    }
    match c.chosen.found() {
        0 => "no step matches".into(),
        n => format!("{} of {} match", format::count(n as u64), format::counted(c.trace.spans.len() as u64, "step", "steps")),
    }
}

/// What may be done with what matches: the first of them, only them, none.
pub fn find_links(c: &Context<'_>, view: &View, laid: &waterfall::Layout) -> Vec<(String, String)> {
    if view.find.is_none() {
        return Vec::new();
    }
    let mut out = Vec::new();
    let first = laid.rows.iter().find_map(|r| if let Row::Step(s) = r { Some(s.span).filter(|i| !c.chosen.is_dim(*i)) } else { None });
    out.extend(first.map(|i| ("first".to_owned(), format!("#{}", c.chosen.keys[i]))));
    if c.chosen.found() > 0 {
        let (words, only) = if view.only == Only::Matches { ("all steps", Only::All) } else { ("only matches", Only::Matches) };
        out.push((words.to_owned(), view.href(|v| v.only = only, "#timeline")));
    }
    out.push(("clear".to_owned(), view.href(|v| (v.find, v.only) = (None, if v.only == Only::Matches { Only::All } else { v.only }), "#timeline")));
    out
}

/// Header of the column of begins.
pub fn begin(view: &View) -> &'static str {
    match view.clock {
        Clock::Offset => "start",
        Clock::Zone(0) => "start (UTC)",
        Clock::Zone(_) => "start (zone)",
    }
}

/// Which zone begins are written in.
pub fn begin_title(view: &View) -> String {
    match view.clock {
        Clock::Offset => "distance from the begin of the request".into(),
        Clock::Zone(0) => "time of day in UTC".into(),
        Clock::Zone(s) => format!("time of day at UTC{}", zone_words(s)),
    }
}
