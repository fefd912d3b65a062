//! Rows of the timeline: steps in tree order, grouped, folded and left out as the reader wishes, within a bound.
//!
//! Guarantees: pure; every step is a row, is inside a group that says how many it holds, or is counted by the row that hides it; no
//! circle, orphan or depth makes it fail or loop. Never formats a number and never draws: geometry is in [`bars`] and [`overview`].

pub mod bars;
pub mod gaps;
pub mod overview;
#[cfg(test)]
mod tests;

use crate::model::trace::{Outcome, Span};
use rustc_hash::{FxHashMap, FxHashSet};

/// Most rows drawn at once.
pub const MAX_ROWS: usize = 2_000;
/// Most rows drawn when every step is asked for.
pub const MAX_ALL_ROWS: usize = 20_000;
/// Equal siblings up to this number stand alone.
const GROUP_FROM: usize = 6;

/// A row of the timeline.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// One step.
    Step(StepRow),
    /// Equal siblings drawn as one.
    Group {
        /// Indexes of the spans, by start.
        spans: Vec<usize>,
        /// Steps above them.
        depth: usize,
    },
}

/// A step with a row of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepRow {
    /// Index of the span.
    pub span: usize,
    /// Steps above it.
    pub depth: usize,
    /// Everything below it.
    pub below: Below,
    /// What of it is not drawn; zero when all is.
    pub hidden: Below,
    /// The reader folded it.
    pub is_folded: bool,
}

/// What stands below a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Below {
    /// Steps.
    pub steps: usize,
    /// Failed ones among them.
    pub failed: usize,
    /// Their time on the critical path in nanoseconds.
    pub path_ns: i64,
}

impl Below {
    fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.failed += other.failed;
        self.path_ns = self.path_ns.saturating_add(other.path_ns);
    }
}

/// Rows to draw and how many steps they stand for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layout {
    /// In tree order.
    pub rows: Vec<Row>,
    /// Steps that have a row of their own or stand in a group.
    pub drawn: usize,
    /// Steps of the whole, without those the reader left out.
    pub total: usize,
    /// Steps that no wish of the reader hides and the bound does.
    pub over: usize,
}

/// What the reader folded.
#[derive(Debug, Clone, Copy, Default)]
pub enum Fold<'a> {
    /// Nothing.
    #[default]
    Nothing,
    /// Everything below so many levels; 0: only the roots are drawn.
    Levels(usize),
    /// What is below these steps.
    Steps(&'a FxHashSet<usize>),
}

impl Fold<'_> {
    fn holds(self, span: usize, depth: usize) -> bool {
        match self {
            Self::Nothing => false,
            Self::Levels(levels) => depth >= levels,
            Self::Steps(steps) => steps.contains(&span),
        }
    }
}

/// What to lay out.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Only this step and what is below it.
    pub root: Option<usize>,
    /// Draw equal siblings one by one.
    pub is_ungrouped: bool,
    /// What is folded.
    pub fold: Fold<'a>,
    /// By index, the steps to draw; what hangs below one that is left out hangs below the next one above. `None`: all.
    pub keep: Option<&'a [bool]>,
    /// By index, time on the critical path.
    pub path_ns: &'a [i64],
    /// Most rows.
    pub limit: usize,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self { root: None, is_ungrouped: false, fold: Fold::Nothing, keep: None, path_ns: &[], limit: MAX_ROWS }
    }
}

/// Children of every span, by start; roots are the spans without a parent that is there.
struct Forest {
    roots: Vec<usize>,
    children: Vec<Vec<usize>>,
}

fn forest(spans: &[Span]) -> Forest {
    let by_id: FxHashMap<&str, usize> = spans.iter().enumerate().map(|(i, s)| (s.id.as_str(), i)).collect();
    let mut children = vec![Vec::new(); spans.len()];
    let mut roots = Vec::new();
    for (i, span) in spans.iter().enumerate() {
        match span.parent.as_deref().and_then(|p| by_id.get(p)).filter(|p| **p != i) {
            Some(parent) => children[*parent].push(i),
            None => roots.push(i),
        }
    }
    add_circles(&mut roots, &mut children, spans.len());
    let mut forest = Forest { roots, children };
    forest.sort(spans);
    forest
}

impl Forest {
    fn sort(&mut self, spans: &[Span]) {
        let by_start = |list: &mut Vec<usize>| list.sort_by_key(|i| (spans[*i].start, *i));
        self.children.iter_mut().for_each(by_start);
        by_start(&mut self.roots);
    }

    /// Every span below some roots after what it hangs on, with that.
    fn walk(&self) -> Vec<(usize, Option<usize>)> {
        let mut out = Vec::new();
        let mut stack: Vec<(usize, Option<usize>)> = self.roots.iter().rev().map(|r| (*r, None)).collect();
        while let Some((span, above)) = stack.pop() {
            out.push((span, above));
            stack.extend(self.children[span].iter().rev().map(|c| (*c, Some(span))));
        }
        out
    }

    /// Without the spans that are left out: what hung on them hangs on the next one above.
    fn only(&self, keep: &[bool], spans: &[Span]) -> Self {
        let mut nearest: Vec<Option<usize>> = vec![None; spans.len()];
        let mut out = Self { roots: Vec::new(), children: vec![Vec::new(); spans.len()] };
        for (span, above) in self.walk() {
            let above = above.and_then(|a| if keep[a] { Some(a) } else { nearest[a] });
            nearest[span] = above;
            if keep[span] {
                above.map_or(&mut out.roots, |a| &mut out.children[a]).push(span);
            }
        }
        out.sort(spans);
        out
    }

    /// What stands below every span.
    fn below(&self, spans: &[Span], path_ns: &[i64]) -> (Vec<Below>, usize) {
        let walk = self.walk();
        let mut below = vec![Below::default(); spans.len()];
        for (span, above) in walk.iter().rev() {
            let mut whole = below[*span];
            whole.add(Below { steps: 1, failed: usize::from(failed(&spans[*span])), path_ns: path_ns.get(*span).copied().unwrap_or(0) });
            if let Some(above) = above {
                below[*above].add(whole);
            }
        }
        (below, walk.len())
    }
}

/// Spans that no root reaches hang in a circle: each circle is cut before its first span.
fn add_circles(roots: &mut Vec<usize>, children: &mut [Vec<usize>], len: usize) {
    let mut seen = vec![false; len];
    let mut reach = |from: usize, seen: &mut Vec<bool>| {
        let mut stack = vec![from];
        seen[from] = true;
        while let Some(i) = stack.pop() {
            children[i].retain(|c| !seen[*c]);
            children[i].iter().for_each(|c| seen[*c] = true);
            stack.extend(children[i].iter().copied());
        }
    };
    for root in roots.iter() {
        reach(*root, &mut seen);
    }
    for first in 0..len {
        if !seen[first] {
            roots.push(first);
            reach(first, &mut seen);
        }
    }
}

/// Whether a span ended badly.
pub fn failed(span: &Span) -> bool {
    matches!(span.outcome, Outcome::Error | Outcome::Timeout)
}

/// The rows of a path.
pub fn layout(spans: &[Span], wish: Wish<'_>) -> Layout {
    let mut forest = forest(spans);
    if let Some(root) = wish.root {
        forest.roots = vec![root];
    }
    if let Some(keep) = wish.keep.filter(|k| k.len() == spans.len()) {
        forest = forest.only(keep, spans);
    }
    let (below, total) = forest.below(spans, wish.path_ns);
    let siblings = Siblings { spans, forest: &forest, below: &below, wish };
    let (mut rows, mut stack) = (Vec::with_capacity(spans.len()), Vec::new());
    siblings.push(&mut stack, &forest.roots, 0);
    while let Some(row) = stack.pop() {
        if let Row::Step(StepRow { span, depth, is_folded: false, .. }) = row {
            siblings.push(&mut stack, &forest.children[span], depth + 1);
        }
        rows.push(row);
    }
    let wanted: usize = rows.iter().map(steps_of).sum();
    let rows = if rows.len() > wish.limit { cut(spans, rows, wish.limit, &below) } else { rows };
    let drawn = rows.iter().map(steps_of).sum();
    Layout { rows, drawn, total, over: wanted - drawn }
}

fn steps_of(row: &Row) -> usize {
    if let Row::Group { spans, .. } = row { spans.len() } else { 1 }
}

/// What siblings are made into rows by.
struct Siblings<'a> {
    spans: &'a [Span],
    forest: &'a Forest,
    below: &'a [Below],
    wish: Wish<'a>,
}

impl Siblings<'_> {
    fn step(&self, span: usize, depth: usize) -> Row {
        let below = self.below[span];
        let is_folded = below.steps > 0 && self.wish.fold.holds(span, depth);
        Row::Step(StepRow { span, depth, below, hidden: if is_folded { below } else { Below::default() }, is_folded })
    }

    /// Puts siblings on the stack, last first; many equal ones as a group before the slowest and the failed of them.
    fn push(&self, stack: &mut Vec<Row>, siblings: &[usize], depth: usize) {
        let mut rows: Vec<Row> = Vec::with_capacity(siblings.len());
        let mut groups = self.groups(siblings);
        let grouped: FxHashSet<usize> = groups.values().flatten().copied().collect();
        for &i in siblings {
            rows.extend(groups.remove(&i).map(|spans| Row::Group { spans, depth }));
            if !grouped.contains(&i) {
                rows.push(self.step(i, depth));
            }
        }
        stack.extend(rows.into_iter().rev());
    }

    /// Members of each group behind the sibling before which it stands: the first of it, even when that is the slowest, which stands alone.
    fn groups(&self, siblings: &[usize]) -> FxHashMap<usize, Vec<usize>> {
        let spans = self.spans;
        if self.wish.is_ungrouped || siblings.len() < GROUP_FROM {
            return FxHashMap::default();
        }
        let mut groups: FxHashMap<(&str, Option<&str>, &'static str), Vec<usize>> = FxHashMap::default();
        for &i in siblings.iter().filter(|i| self.forest.children[**i].is_empty() && !failed(&spans[**i]) && !spans[**i].unfinished) {
            groups.entry((&spans[i].name, spans[i].service.as_deref(), spans[i].kind.word())).or_default().push(i);
        }
        groups.retain(|_, members| members.len() >= GROUP_FROM);
        let by_first = |mut members: Vec<usize>| {
            let first = members[0];
            let slowest = (0..members.len()).max_by_key(|m| (spans[members[*m]].duration_ns(), std::cmp::Reverse(*m))).unwrap_or(0);
            members.remove(slowest);
            (first, members)
        };
        groups.into_values().map(by_first).collect()
    }
}

fn depth_of(row: &Row) -> usize {
    match row {
        Row::Step(step) => step.depth,
        Row::Group { depth, .. } => *depth,
    }
}

/// Which rows stay: the upper levels, and of the first level that does not fit the failed and the longest steps.
fn kept(spans: &[Span], rows: &[Row], limit: usize) -> Vec<bool> {
    let mut per_level: Vec<usize> = Vec::new();
    for row in rows {
        let depth = depth_of(row);
        per_level.resize(per_level.len().max(depth + 1), 0);
        per_level[depth] += 1;
    }
    let (mut whole_levels, mut room) = (0, limit);
    while whole_levels < per_level.len() && per_level[whole_levels] <= room {
        room -= per_level[whole_levels];
        whole_levels += 1;
    }
    let weight = |row: &Row| match row {
        Row::Step(step) => (failed(&spans[step.span]), spans[step.span].duration_ns()),
        Row::Group { spans: members, .. } => (false, members.iter().map(|m| spans[*m].duration_ns()).sum()),
    };
    let mut edge: Vec<usize> = (0..rows.len()).filter(|i| depth_of(&rows[*i]) == whole_levels).collect();
    edge.sort_by_key(|i| (std::cmp::Reverse(weight(&rows[*i])), *i));
    let mut out: Vec<bool> = rows.iter().map(|row| depth_of(row) < whole_levels).collect();
    edge.into_iter().take(room).for_each(|i| out[i] = true);
    out
}

/// Cuts to a bound; what is left out is counted by the row kept above it.
fn cut(spans: &[Span], rows: Vec<Row>, limit: usize, below: &[Below]) -> Vec<Row> {
    let kept = kept(spans, &rows, limit);
    let mut out: Vec<Row> = Vec::with_capacity(limit);
    // Rows stand in tree order, so what is left out belongs to the last row kept above it.
    let mut above: Vec<usize> = Vec::new();
    for (row, kept) in rows.into_iter().zip(kept) {
        let depth = depth_of(&row);
        above.retain(|o| depth_of(&out[*o]) < depth);
        if kept {
            above.push(out.len());
            out.push(row);
            continue;
        }
        let Some(Row::Step(parent)) = above.last().map(|o| &mut out[*o]) else { continue };
        match &row {
            // What the reader folded below it is hidden with it.
            Row::Step(step) => {
                let own = failed(&spans[step.span]);
                parent.hidden.add(Below { steps: 1, failed: usize::from(own), path_ns: 0 });
                parent.hidden.add(step.hidden);
            }
            Row::Group { spans: members, .. } => parent.hidden.steps += members.len(),
        }
    }
    for row in &mut out {
        if let Row::Step(step) = row
            && step.hidden.steps == step.below.steps
        {
            step.hidden = below[step.span];
        }
    }
    out
}
