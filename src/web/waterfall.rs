//! Geometry of the timeline: steps in tree order with their bars, labels and log marks, as numbers.
//!
//! Guarantees: pure; every step is a row, is inside a group that says how many it holds, or is counted by the row that hides it; no
//! circle, orphan or depth makes it fail or loop. A bar is at least [`MIN_WIDTH`] wide. Never formats a number and never draws.

use crate::{
    model::{
        entry::Severity,
        trace::{Evidence, Outcome, Span},
    },
    web::scale::{Scale, WIDTH},
};
use rustc_hash::{FxHashMap, FxHashSet};

/// Narrowest bar: about two pixels on a wide screen.
pub const MIN_WIDTH: f64 = 2.4;
/// Most rows drawn at once.
pub const MAX_ROWS: usize = 2_000;
/// Equal siblings up to this number stand alone.
const GROUP_FROM: usize = 6;
/// Log marks nearer than this become one.
const CLUSTER: f64 = 7.0;
/// Width of a character of a label, for choosing its side.
const CHARACTER: f64 = 7.6;

/// A row of the timeline.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// One step.
    Step {
        /// Index of the span.
        span: usize,
        /// Steps above it.
        depth: usize,
        /// What its folded descendants hold; zero when all are drawn.
        hidden: Hidden,
    },
    /// Equal siblings drawn as one.
    Group {
        /// Indexes of the spans, by start.
        spans: Vec<usize>,
        /// Steps above them.
        depth: usize,
    },
}

/// What is not drawn below a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Steps.
    pub steps: usize,
    /// Failed ones among them.
    pub failed: usize,
}

/// Rows to draw and how many steps they stand for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layout {
    /// In tree order.
    pub rows: Vec<Row>,
    /// Steps that have a row of their own or stand in a group.
    pub drawn: usize,
    /// Steps of the whole.
    pub total: usize,
}

/// How a piece of a bar looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Its own time.
    Own,
    /// Time in which a child runs.
    Child,
    /// Waiting.
    Wait,
    /// Before the first token.
    FirstToken,
    /// From the first token on.
    Stream,
    /// First to last line: a lower bound.
    Observed,
    /// Began, no end seen.
    Open,
}

/// A piece of a bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// Left edge.
    pub x: f64,
    /// Width.
    pub width: f64,
    /// Look.
    pub look: Look,
}

/// Side of a bar on which its label stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// To the right of the bar.
    Right,
    /// To its left.
    Left,
    /// On it, from its left edge.
    Over,
}

/// Log lines of a step that stand close together.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Place.
    pub x: f64,
    /// Lines.
    pub count: usize,
    /// Worst severity.
    pub worst: Severity,
}

/// What to lay out.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Only this step and what is below it.
    pub root: Option<&'a str>,
    /// Draw equal siblings one by one.
    pub ungrouped: bool,
    /// Most rows.
    pub limit: usize,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self { root: None, ungrouped: false, limit: MAX_ROWS }
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
    let by_start = |list: &mut Vec<usize>| list.sort_by_key(|i| (spans[*i].start, *i));
    children.iter_mut().for_each(by_start);
    by_start(&mut roots);
    add_circles(&mut roots, &mut children, spans.len());
    Forest { roots, children }
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
    let forest = forest(spans);
    let roots: Vec<usize> = match wish.root.and_then(|id| spans.iter().position(|s| s.id == id)) {
        Some(root) => vec![root],
        None => forest.roots.clone(),
    };
    let mut rows = Vec::with_capacity(spans.len());
    let mut stack = Vec::new();
    push_siblings(&mut stack, spans, &forest, &roots, 0, wish.ungrouped);
    let mut total = 0;
    while let Some(row) = stack.pop() {
        match &row {
            Row::Step { span, depth, .. } => {
                total += 1;
                push_siblings(&mut stack, spans, &forest, &forest.children[*span], depth + 1, wish.ungrouped);
            }
            Row::Group { spans, .. } => total += spans.len(),
        }
        rows.push(row);
    }
    let rows = if rows.len() > wish.limit { fold(spans, rows, wish.limit) } else { rows };
    let drawn = rows.iter().map(|r| if let Row::Group { spans, .. } = r { spans.len() } else { 1 }).sum();
    Layout { rows, drawn, total }
}

/// Puts siblings on the stack, last first; many equal ones as a group before the slowest and the failed of them.
fn push_siblings(stack: &mut Vec<Row>, spans: &[Span], forest: &Forest, siblings: &[usize], depth: usize, ungrouped: bool) {
    let step = |span: usize| Row::Step { span, depth, hidden: Hidden::default() };
    let mut rows: Vec<Row> = Vec::with_capacity(siblings.len());
    let mut groups: FxHashMap<(&str, Option<&str>, &'static str), Vec<usize>> = FxHashMap::default();
    if !ungrouped && siblings.len() >= GROUP_FROM {
        for &i in siblings.iter().filter(|i| forest.children[**i].is_empty() && !failed(&spans[**i]) && !spans[**i].unfinished) {
            groups.entry((&spans[i].name, spans[i].service.as_deref(), spans[i].kind.word())).or_default().push(i);
        }
        groups.retain(|_, members| members.len() >= GROUP_FROM);
    }
    // The first of a group stands for it; the slowest stands alone; the others are in the group.
    let mut first: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
    let mut grouped: FxHashSet<usize> = FxHashSet::default();
    for mut members in groups.into_values() {
        let begin = members[0];
        let slowest = (0..members.len()).max_by_key(|m| (spans[members[*m]].duration_ns(), std::cmp::Reverse(*m))).unwrap_or(0);
        members.remove(slowest);
        grouped.extend(&members);
        first.insert(begin, members);
    }
    for &i in siblings {
        rows.extend(first.remove(&i).map(|spans| Row::Group { spans, depth }));
        if !grouped.contains(&i) {
            rows.push(step(i));
        }
    }
    stack.extend(rows.into_iter().rev());
}

/// Keeps the upper levels, and of the first level that does not fit the failed and the longest steps.
fn fold(spans: &[Span], rows: Vec<Row>, limit: usize) -> Vec<Row> {
    let depth_of = |row: &Row| match row {
        Row::Step { depth, .. } | Row::Group { depth, .. } => *depth,
    };
    let mut per_level: Vec<usize> = Vec::new();
    for row in &rows {
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
        Row::Step { span, .. } => (failed(&spans[*span]), spans[*span].duration_ns()),
        Row::Group { spans: members, .. } => (false, members.iter().map(|m| spans[*m].duration_ns()).sum()),
    };
    let mut edge: Vec<usize> = (0..rows.len()).filter(|i| depth_of(&rows[*i]) == whole_levels).collect();
    edge.sort_by_key(|i| (std::cmp::Reverse(weight(&rows[*i])), *i));
    let kept: FxHashSet<usize> = edge.into_iter().take(room).collect();
    let mut out: Vec<Row> = Vec::with_capacity(limit);
    // Rows stand in tree order, so what is left out belongs to the last row kept above it.
    let mut above: Vec<usize> = Vec::new();
    for (i, row) in rows.into_iter().enumerate() {
        let depth = depth_of(&row);
        above.retain(|o| depth_of(&out[*o]) < depth);
        if depth < whole_levels || kept.contains(&i) {
            above.push(out.len());
            out.push(row);
            continue;
        }
        let Some(Row::Step { hidden, .. }) = above.last().map(|o| &mut out[*o]) else { continue };
        match &row {
            Row::Step { span, .. } => {
                hidden.steps += 1;
                hidden.failed += usize::from(failed(&spans[*span]));
            }
            Row::Group { spans: members, .. } => hidden.steps += members.len(),
        }
    }
    out
}

/// First begin to last end of some spans; an unfinished one reaches at least to its begin.
pub fn extent<'a>(spans: impl Iterator<Item = &'a Span>) -> Option<(i64, i64)> {
    spans.map(|s| (s.start.0, s.end_or_start().0)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// The pieces of a span's bar: one, or its own parts before a pale whole, or first token and stream.
pub fn pieces(span: &Span, children: &[&Span], scale: Scale) -> Vec<Piece> {
    let (from, to) = (span.start.0, span.end_or_start().0);
    let whole = |look| piece(scale, from, to, look);
    if span.kind.is_wait() {
        return vec![whole(if span.unfinished { Look::Open } else { Look::Wait })];
    }
    if span.unfinished {
        return vec![piece(scale, from, if span.end.is_some() && to > from { to } else { scale.to() }, Look::Open)];
    }
    if let Some(first) = span.model.as_ref().and_then(|m| m.first_token_ns).filter(|f| *f > 0 && *f < to - from) {
        let (a, b) = (piece(scale, from, from + first, Look::FirstToken), piece(scale, from + first, to, Look::Stream));
        return vec![a, b];
    }
    let outer = if span.evidence == Evidence::Observed { Look::Observed } else { Look::Child };
    if children.is_empty() {
        return vec![whole(if outer == Look::Observed { outer } else { Look::Own })];
    }
    let mut out = vec![whole(outer)];
    out.extend(own_time(span, children).into_iter().map(|(a, b)| piece(scale, a, b, Look::Own)));
    out
}

/// The parts of a span's interval in which none of its children is.
fn own_time(span: &Span, children: &[&Span]) -> Vec<(i64, i64)> {
    let (from, to) = (span.start.0, span.end_or_start().0);
    let mut busy: Vec<(i64, i64)> = children.iter().map(|c| (c.start.0.clamp(from, to), c.end_or_start().0.clamp(from, to))).filter(|(a, b)| b > a).collect();
    busy.sort_unstable();
    let (mut at, mut out) = (from, Vec::new());
    for (a, b) in busy {
        if a > at {
            out.push((at, a));
        }
        at = at.max(b);
    }
    if to > at {
        out.push((at, to));
    }
    out
}

fn piece(scale: Scale, from: i64, to: i64, look: Look) -> Piece {
    let (a, b) = (scale.x(from), scale.x(to));
    // Own parts between children are drawn as they are: widening them would claim time that children have.
    let least = if look == Look::Own { 1.0 } else { MIN_WIDTH };
    let width = (b - a).max(least);
    Piece { x: a.min(WIDTH - width), width, look }
}

/// The pieces of many bars on one row: those that touch become one, so that their number is bounded by the width.
pub fn merged(mut pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.sort_by(|a, b| a.x.total_cmp(&b.x));
    let mut out: Vec<Piece> = Vec::new();
    for piece in pieces {
        match out.last_mut() {
            Some(last) if piece.x <= last.x + last.width && piece.look == last.look => last.width = last.width.max(piece.x + piece.width - last.x),
            _ => out.push(piece),
        }
    }
    out
}

/// Where a bar ends on both sides.
pub fn edges(pieces: &[Piece]) -> (f64, f64) {
    pieces.iter().fold((WIDTH, 0.0), |(a, b), p| (p.x.min(a), (p.x + p.width).max(b)))
}

/// The side of a bar with room for a label of so many characters.
pub fn side(edges: (f64, f64), characters: usize) -> Side {
    let needed = characters as f64 * CHARACTER + 10.0;
    if WIDTH - edges.1 >= needed {
        Side::Right
    } else if edges.0 >= needed {
        Side::Left
    } else {
        Side::Over
    }
}

/// Log lines as marks; those that would touch become one with the worst severity.
pub fn marks(scale: Scale, mut lines: Vec<(i64, Severity)>) -> Vec<Mark> {
    lines.sort_unstable();
    let mut out: Vec<Mark> = Vec::new();
    for (at, severity) in lines {
        let x = scale.x(at);
        match out.last_mut() {
            Some(last) if x - last.x < CLUSTER => {
                last.count += 1;
                last.worst = last.worst.max(severity);
            }
            _ => out.push(Mark { x, count: 1, worst: severity }),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        time::UnixNanos,
        trace::{SpanKind, SpanModel},
    };

    fn span(id: &str, parent: Option<&str>, kind: SpanKind, start: i64, end: i64) -> Span {
        Span {
            id: id.into(),
            parent: parent.map(str::to_owned),
            kind,
            name: id.trim_end_matches(char::is_numeric).into(),
            service: None,
            host: None,
            start: UnixNanos(start),
            end: Some(UnixNanos(end)),
            evidence: Evidence::Stated,
            unfinished: false,
            attempt: None,
            outcome: Outcome::Ok,
            error: None,
            ids: Vec::new(),
            lines: Vec::new(),
            blocking: true,
            status: None,
            queue: None,
            stated_wait_ns: None,
            model: None,
        }
    }

    fn steps(layout: &Layout) -> Vec<(usize, usize)> {
        layout
            .rows
            .iter()
            .filter_map(|r| match r {
                Row::Step { span, depth, .. } => Some((*span, *depth)),
                Row::Group { .. } => None,
            })
            .collect()
    }

    #[test]
    fn rows_stand_in_tree_order_by_start() {
        let spans = [
            span("root", None, SpanKind::Edge, 0, 100),
            span("late", Some("app"), SpanKind::Tool, 50, 60),
            span("app", Some("root"), SpanKind::App, 1, 99),
            span("early", Some("app"), SpanKind::Tool, 10, 20),
            span("lost", Some("nobody"), SpanKind::Task, 5, 6),
        ];
        let laid = layout(&spans, Wish::default());
        assert_eq!(steps(&laid), [(0, 0), (2, 1), (3, 2), (1, 2), (4, 0)]);
        assert_eq!((laid.drawn, laid.total), (5, 5));
        assert_eq!(steps(&layout(&spans, Wish { root: Some("app"), ..Wish::default() })), [(2, 0), (3, 1), (1, 1)]);
    }

    #[test]
    fn circles_and_selves_are_cut_and_every_step_is_drawn_once() {
        let spans = [span("a", Some("b"), SpanKind::Task, 0, 1), span("b", Some("a"), SpanKind::Task, 1, 2), span("c", Some("c"), SpanKind::Task, 2, 3)];
        let laid = layout(&spans, Wish::default());
        assert_eq!(laid.rows.len(), 3);
        assert_eq!(laid.total, 3);
    }

    #[test]
    fn a_chain_of_any_depth_is_walked_without_recursion() {
        let ids: Vec<String> = (0..30_000).map(|i| format!("s{i}x")).collect();
        let spans: Vec<Span> = (0..30_000).map(|i| span(&ids[i], i.checked_sub(1).map(|p| ids[p].as_str()), SpanKind::Other, i as i64, i as i64 + 1)).collect();
        let laid = layout(&spans, Wish::default());
        assert_eq!((laid.rows.len(), laid.drawn, laid.total), (MAX_ROWS, MAX_ROWS, 30_000));
        assert!(matches!(laid.rows.last(), Some(Row::Step { hidden: Hidden { steps: 28_000, failed: 0 }, .. })));
    }

    #[test]
    fn many_equal_siblings_become_a_group_beside_the_slowest_and_the_failed() {
        let mut spans = vec![span("root", None, SpanKind::Task, 0, 1_000)];
        for i in 0..10 {
            spans.push(span(&format!("lookup{i}"), Some("root"), SpanKind::Tool, i * 10, i * 10 + if i == 4 { 9 } else { 3 }));
        }
        spans[3].outcome = Outcome::Error;
        let laid = layout(&spans, Wish::default());
        assert_eq!(laid.rows[1], Row::Group { spans: vec![1, 2, 4, 6, 7, 8, 9, 10], depth: 1 });
        assert_eq!(steps(&laid), [(0, 0), (3, 1), (5, 1)]);
        assert_eq!((laid.drawn, laid.total), (11, 11));
        assert_eq!(layout(&spans, Wish { ungrouped: true, ..Wish::default() }).rows.len(), 11);
    }

    #[test]
    fn beyond_the_limit_the_longest_stay_and_the_rest_is_counted() {
        let mut spans = vec![span("root", None, SpanKind::Task, 0, 1_000)];
        for i in 0..20 {
            spans.push(span(&format!("n{i}x"), Some("root"), SpanKind::Tool, i, i + i));
        }
        spans[2].outcome = Outcome::Error;
        let laid = layout(&spans, Wish { limit: 4, ..Wish::default() });
        assert_eq!(steps(&laid), [(0, 0), (2, 1), (19, 1), (20, 1)]);
        assert!(matches!(laid.rows[0], Row::Step { hidden: Hidden { steps: 17, failed: 0 }, .. }));
        assert_eq!((laid.drawn, laid.total), (4, 21));
    }

    #[test]
    fn a_bar_shows_own_time_before_the_time_of_children() {
        let scale = Scale::new(0, 1_000);
        let parent = span("p", None, SpanKind::App, 0, 1_000);
        let (a, b) = (span("a", Some("p"), SpanKind::Tool, 100, 400), span("b", Some("p"), SpanKind::Tool, 300, 1_400));
        assert_eq!(pieces(&parent, &[&a, &b], scale), [Piece { x: 0.0, width: 1_000.0, look: Look::Child }, Piece { x: 0.0, width: 100.0, look: Look::Own }]);
    }

    #[test]
    fn looks_follow_kind_and_evidence() {
        let scale = Scale::new(0, 1_000);
        let looks = |s: &Span| pieces(s, &[], scale).iter().map(|p| p.look).collect::<Vec<_>>();
        let mut s = span("m", None, SpanKind::ModelCall, 0, 1_000);
        s.model = Some(SpanModel { first_token_ns: Some(400), ..SpanModel::default() });
        assert_eq!(pieces(&s, &[], scale)[1], Piece { x: 400.0, width: 600.0, look: Look::Stream });
        s.model = Some(SpanModel { first_token_ns: Some(1_000), ..SpanModel::default() });
        assert_eq!(looks(&s), [Look::Own]);
        s.evidence = Evidence::Observed;
        assert_eq!(looks(&s), [Look::Observed]);
        s.unfinished = true;
        s.end = None;
        assert_eq!(pieces(&s, &[], scale), [Piece { x: 0.0, width: 1_000.0, look: Look::Open }]);
        assert_eq!(looks(&span("q", None, SpanKind::QueueWait, 0, 9)), [Look::Wait]);
    }

    #[test]
    fn a_bar_is_never_narrower_than_can_be_seen_nor_outside() {
        let scale = Scale::new(0, 1_000_000);
        let bar = pieces(&span("w", None, SpanKind::RetryWait, 1_000_000, 1_000_000), &[], scale);
        assert_eq!(bar, [Piece { x: WIDTH - MIN_WIDTH, width: MIN_WIDTH, look: Look::Wait }]);
    }

    #[test]
    fn bars_of_a_group_become_one_where_they_touch() {
        let piece = |x, width| Piece { x, width, look: Look::Own };
        assert_eq!(merged(vec![piece(50.0, 10.0), piece(0.0, 20.0), piece(10.0, 5.0), piece(20.0, 5.0)]), [piece(0.0, 25.0), piece(50.0, 10.0)]);
    }

    #[test]
    fn a_label_stands_where_there_is_room() {
        assert_eq!(side((0.0, 300.0), 20), Side::Right);
        assert_eq!(side((600.0, 950.0), 20), Side::Left);
        assert_eq!(side((10.0, 990.0), 20), Side::Over);
    }

    #[test]
    fn near_log_lines_become_one_mark_with_the_worst_severity() {
        let scale = Scale::new(0, 1_000);
        let got = marks(scale, vec![(503, Severity::Error), (500, Severity::Info), (900, Severity::Warn)]);
        assert_eq!(got, [Mark { x: 500.0, count: 2, worst: Severity::Error }, Mark { x: 900.0, count: 1, worst: Severity::Warn }]);
    }
}
