//! What every part of the request page looks things up in.
//!
//! Guarantees: a link to a line is made only when the line stands on the page, one to a step leads to where it is drawn.

use super::{
    chosen::Chosen,
    view::{Clock, View},
};
use crate::{
    export::veil::Veil,
    model::{
        summary::Typical,
        time::UnixNanos,
        trace::{LineRef, LogLine, SegmentKind, Span, Trace},
    },
    query::view::PathView,
    web::{
        format, links,
        pages::parts::{Ids, LineLink},
    },
};
use rustc_hash::{FxHashMap, FxHashSet};

pub use crate::analyse::compare::ENOUGH as TYPICAL_FROM;

/// The path with its indexes.
pub struct Context<'a> {
    /// What the page is made from.
    pub view: &'a PathView,
    /// The document.
    pub trace: &'a Trace,
    /// The instant offsets count from.
    pub zero: i64,
    /// Children of every span, by index.
    pub children: Vec<Vec<usize>>,
    /// Lines of the log by reference.
    pub log: FxHashMap<&'a LineRef, &'a LogLine>,
    /// Values of its ids, to be marked in raw lines.
    pub ids: Ids<'a>,
    /// The wishes of the reader, found in this request.
    pub chosen: &'a Chosen,
    veil: &'a Veil,
    by_id: FxHashMap<&'a str, usize>,
    drawn: FxHashSet<usize>,
    /// Names that one source alone has.
    names: FxHashSet<&'a str>,
    wish: &'a View,
    shown: FxHashSet<&'a LineRef>,
}

impl<'a> Context<'a> {
    /// Indexes a path; `drawn` are the steps with a row of their own, `rows` the lines of the log that are shown.
    pub fn new(view: &'a PathView, wish: &'a View, chosen: &'a Chosen, veil: &'a Veil, drawn: FxHashSet<usize>, rows: &[usize]) -> Self {
        let trace = &view.trace;
        let by_id: FxHashMap<&str, usize> = trace.spans.iter().enumerate().map(|(i, s)| (s.id.as_str(), i)).collect();
        let mut children = vec![Vec::new(); trace.spans.len()];
        for (i, span) in trace.spans.iter().enumerate() {
            if let Some(parent) = span.parent.as_deref().and_then(|p| by_id.get(p)).filter(|p| **p != i) {
                children[*parent].push(i);
            }
        }
        Self {
            view,
            trace,
            zero: zero(view),
            chosen,
            veil,
            children,
            log: view.log.iter().map(|l| (&l.line, l)).collect(),
            ids: Ids::new(trace.ids.iter().map(|i| i.value.as_str())),
            by_id,
            drawn,
            names: unique_names(trace.sources.iter().map(|s| s.file.as_str())),
            wish,
            shown: rows.iter().map(|i| &view.log[*i].line).collect(),
        }
    }

    /// Index of a span.
    pub fn span(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Address of a step: its row, or, when it is grouped or folded, the page on which it has one.
    pub fn step_href(&self, id: &str) -> Option<String> {
        let index = self.span(id)?;
        let key = &self.chosen.keys[index];
        if self.drawn.contains(&index) {
            return Some(format!("#{key}"));
        }
        Some(self.wish.href(
            |w| {
                w.root = Some(key.clone());
                w.zoom = None;
            },
            &format!("#{key}"),
        ))
    }

    /// What hides secrets, and what was said where the reader wants it left out.
    pub fn veil(&self) -> &Veil {
        self.veil
    }

    /// An instant as the reader wants it: its distance from the begin, or the time of day in a zone.
    pub fn when(&self, at: i64) -> String {
        match self.wish.clock {
            Clock::Offset => format::offset(at.saturating_sub(self.zero)),
            Clock::Zone(east_s) => format::time_of_day(UnixNanos(at.saturating_add(i64::from(east_s) * 1_000_000_000))),
        }
    }

    /// A file without its folder where the name is clear without it.
    pub fn name<'b>(&self, file: &'b str) -> &'b str {
        let name = name_of(file);
        if self.names.contains(name) { name } else { file }
    }

    /// `api.log:4415`, without the folder where the name is clear without it.
    pub fn short(&self, line: &LineRef) -> String {
        let name = name_of(&line.file);
        if self.names.contains(name) { format!("{name}:{}", line.line) } else { line.to_string() }
    }

    /// A line, with a link when its row is shown.
    pub fn line(&self, line: &LineRef) -> LineLink {
        LineLink { text: self.short(line), title: line.to_string(), href: self.shown.contains(line).then(|| format!("#{}", links::line_anchor(line))) }
    }

    /// Lines, at most `max`, and how many more there are.
    pub fn lines(&self, lines: &[LineRef], max: usize) -> (Vec<LineLink>, usize) {
        (lines.iter().take(max).map(|l| self.line(l)).collect(), lines.len().saturating_sub(max))
    }

    /// What is typical of a kind on this route, when enough requests say so.
    pub fn typical(&self, kind: SegmentKind) -> Option<Typical> {
        self.view.typical_by_kind.get(&kind).copied().filter(|t| t.n >= TYPICAL_FROM)
    }

    /// The nearest span above (or at) an index that satisfies a condition. A circle ends the search.
    pub fn above(&self, index: usize, wanted: impl Fn(&Span) -> bool) -> Option<usize> {
        let mut at = Some(index);
        for _ in 0..=self.trace.spans.len() {
            let span = &self.trace.spans[at?];
            if wanted(span) {
                return at;
            }
            at = span.parent.as_deref().and_then(|p| self.span(p));
        }
        None
    }

    /// Kinds of the breakdown to completion that lie after the response, with their time.
    pub fn after_ns(&self, kind: SegmentKind) -> i64 {
        let sum = |b: &crate::model::trace::Breakdown| b.by_kind_ns.get(&kind).copied().unwrap_or(0);
        (sum(&self.trace.completion) - sum(&self.trace.breakdown)).max(0)
    }
}

/// The instant offsets count from: the begin of the request, else the first of its steps or lines.
pub fn zero(view: &PathView) -> i64 {
    let first_span = || view.trace.spans.iter().map(|s| s.start).min();
    let first_line = || view.log.iter().filter_map(|l| l.time).min();
    view.trace.start.or_else(first_span).or_else(first_line).map_or(0, |t| t.0)
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().filter(|n| !n.is_empty()).unwrap_or(path)
}

/// File names that stand for one of these paths alone.
fn unique_names<'a>(paths: impl Iterator<Item = &'a str>) -> FxHashSet<&'a str> {
    let mut count: FxHashMap<&str, u32> = FxHashMap::default();
    for path in paths {
        *count.entry(name_of(path)).or_default() += 1;
    }
    count.into_iter().filter(|(_, n)| *n == 1).map(|(name, _)| name).collect()
}
