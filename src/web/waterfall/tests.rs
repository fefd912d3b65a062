//! Rows and bars over small paths made by hand.

use super::{
    bars::{self, InView, Look, Mark, Piece, Side},
    gaps::gaps,
    *,
};
use crate::{
    model::{
        entry::Severity,
        time::UnixNanos,
        trace::{Evidence, SpanKind, SpanModel, Stage},
    },
    web::{scale::WIDTH, time_map::TimeMap},
};

fn span(id: &str, parent: Option<&str>, kind: SpanKind, start: i64, end: i64) -> Span {
    Span { parent: parent.map(str::to_owned), ..Span::new(id, kind, id.trim_end_matches(char::is_numeric), UnixNanos(start), UnixNanos(end)) }
}

fn steps(layout: &Layout) -> Vec<(usize, usize)> {
    layout
        .rows
        .iter()
        .filter_map(|r| match r {
            Row::Step(step) => Some((step.span, step.depth)),
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
    assert_eq!(steps(&layout(&spans, Wish { root: Some(2), ..Wish::default() })), [(2, 0), (3, 1), (1, 1)]);
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
    assert!(matches!(laid.rows.last(), Some(Row::Step(StepRow { hidden: Below { steps: 28_000, failed: 0, .. }, .. }))));
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
    assert_eq!(layout(&spans, Wish { is_ungrouped: true, ..Wish::default() }).rows.len(), 11);
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
    assert!(matches!(laid.rows[0], Row::Step(StepRow { hidden: Below { steps: 17, failed: 0, .. }, .. })));
    assert_eq!((laid.drawn, laid.total), (4, 21));
}

#[test]
fn a_bar_shows_own_time_before_the_time_of_children() {
    let map = TimeMap::new(0, 1_000, &[]);
    let parent = span("p", None, SpanKind::App, 0, 1_000);
    let (a, b) = (span("a", Some("p"), SpanKind::Tool, 100, 400), span("b", Some("p"), SpanKind::Tool, 300, 1_400));
    assert_eq!(bars::pieces(&parent, &[&a, &b], &map), [Piece { x: 0.0, width: 1_000.0, look: Look::Child }, Piece { x: 0.0, width: 100.0, look: Look::Own }]);
}

#[test]
fn looks_follow_kind_and_evidence() {
    let map = TimeMap::new(0, 1_000, &[]);
    let looks = |s: &Span| bars::pieces(s, &[], &map).iter().map(|p| p.look).collect::<Vec<_>>();
    let mut s = span("m", None, SpanKind::ModelCall, 0, 1_000);
    s.model = Some(Box::new(SpanModel { first_token_ns: Some(400), ..SpanModel::default() }));
    assert_eq!(bars::pieces(&s, &[], &map)[1], Piece { x: 400.0, width: 600.0, look: Look::Stream });
    s.model = Some(Box::new(SpanModel { first_token_ns: Some(1_000), ..SpanModel::default() }));
    assert_eq!(looks(&s), [Look::Own]);
    s.evidence = Evidence::Observed;
    assert_eq!(looks(&s), [Look::Observed]);
    s.unfinished = true;
    s.end = None;
    assert_eq!(bars::pieces(&s, &[], &map), [Piece { x: 0.0, width: 1_000.0, look: Look::Open }]);
    assert_eq!(looks(&span("q", None, SpanKind::QueueWait, 0, 9)), [Look::Wait]);
}

#[test]
fn a_bar_is_never_narrower_than_can_be_seen_nor_outside() {
    let map = TimeMap::new(0, 1_000_000, &[]);
    let bar = bars::pieces(&span("w", None, SpanKind::RetryWait, 1_000_000, 1_000_000), &[], &map);
    assert_eq!(bar, [Piece { x: WIDTH - bars::MIN_WIDTH, width: bars::MIN_WIDTH, look: Look::Wait }]);
}

#[test]
fn bars_of_a_group_become_one_where_they_touch() {
    let piece = |x, width| Piece { x, width, look: Look::Own };
    assert_eq!(bars::merged(vec![piece(50.0, 10.0), piece(0.0, 20.0), piece(10.0, 5.0), piece(20.0, 5.0)]), [piece(0.0, 25.0), piece(50.0, 10.0)]);
}

#[test]
fn a_label_stands_where_there_is_room() {
    assert_eq!(bars::side((0.0, 300.0), 20), Side::Right);
    assert_eq!(bars::side((600.0, 950.0), 20), Side::Left);
    assert_eq!(bars::side((10.0, 990.0), 20), Side::Over);
}

#[test]
fn near_log_lines_become_one_mark_with_the_worst_severity() {
    let map = TimeMap::new(0, 1_000, &[]);
    let got = bars::marks(&map, vec![(503, Severity::Error), (500, Severity::Info), (900, Severity::Warn)]);
    assert_eq!(got, [Mark { x: 500.0, count: 2, worst: Severity::Error }, Mark { x: 900.0, count: 1, worst: Severity::Warn }]);
}
#[test]
fn a_fold_hides_what_is_below_and_counts_it() {
    let mut spans = [
        span("root", None, SpanKind::Edge, 0, 100),
        span("app", Some("root"), SpanKind::App, 1, 99),
        span("one", Some("app"), SpanKind::Tool, 10, 20),
        span("two", Some("app"), SpanKind::ModelCall, 20, 60),
    ];
    spans[3].outcome = Outcome::Error;
    let path_ns = [1, 2, 10, 40];
    let folded: FxHashSet<usize> = [1].into_iter().collect();
    let laid = layout(&spans, Wish { fold: Fold::Steps(&folded), path_ns: &path_ns, ..Wish::default() });
    let below = Below { steps: 2, failed: 1, path_ns: 50 };
    assert_eq!(laid.rows[1], Row::Step(StepRow { span: 1, depth: 1, below, hidden: below, is_folded: true }));
    assert_eq!((laid.rows.len(), laid.drawn, laid.total, laid.over), (2, 2, 4, 0));
    assert_eq!(steps(&layout(&spans, Wish { fold: Fold::Levels(1), ..Wish::default() })), [(0, 0), (1, 1)]);
    assert_eq!(steps(&layout(&spans, Wish { fold: Fold::Levels(0), ..Wish::default() })), [(0, 0)]);
}

#[test]
fn what_hangs_below_a_step_that_is_left_out_hangs_below_the_next_one_above() {
    let spans = [
        span("root", None, SpanKind::Edge, 0, 100),
        span("app", Some("root"), SpanKind::App, 1, 99),
        span("task", Some("app"), SpanKind::Task, 30, 90),
        span("late", Some("task"), SpanKind::ModelCall, 40, 60),
        span("early", Some("app"), SpanKind::Tool, 10, 20),
    ];
    let laid = layout(&spans, Wish { keep: Some(&[false, false, true, true, true]), ..Wish::default() });
    assert_eq!(steps(&laid), [(4, 0), (2, 0), (3, 1)]);
    assert_eq!((laid.drawn, laid.total), (3, 3));
}

#[test]
fn a_gap_is_where_the_deepest_step_only_waits() {
    let s = 1_000_000_000;
    let spans = [
        span("app", None, SpanKind::App, 0, 2 * s),
        span("wait", Some("app"), SpanKind::QueueWait, 2 * s, 32 * s),
        span("task", Some("app"), SpanKind::Task, 32 * s, 60 * s),
        span("retry", Some("task"), SpanKind::RetryWait, 40 * s, 50 * s),
        span("call", Some("task"), SpanKind::ModelCall, 50 * s, 59 * s),
    ];
    let children = [vec![1, 2], vec![], vec![3, 4], vec![], vec![]];
    assert_eq!(gaps(&spans, &children, 0, 60 * s), [(2 * s, 32 * s), (40 * s, 50 * s)]);
    assert_eq!(gaps(&spans, &children, 0, 400 * s), [(60 * s, 400 * s)]);
}

#[test]
fn a_step_outside_of_what_is_in_view_says_so() {
    let map = TimeMap::new(100, 200, &[]);
    let at = |from, to| bars::in_view(&span("s", None, SpanKind::Task, from, to), &map);
    assert_eq!([at(0, 99), at(0, 100), at(150, 500), at(201, 300)], [InView::Before, InView::Inside, InView::Inside, InView::After]);
    let mut open = span("o", None, SpanKind::Task, 0, 0);
    (open.end, open.unfinished) = (None, true);
    assert_eq!(bars::in_view(&open, &map), InView::Inside);
}

#[test]
fn the_overview_is_bounded_and_paints_failures_last() {
    let mut spans: Vec<Span> = (0..5_000).map(|i| span(&format!("n{i}x"), None, SpanKind::Tool, i64::from(i), i64::from(i) + 3)).collect();
    spans[7].outcome = Outcome::Error;
    let laid = layout(&spans, Wish { is_ungrouped: true, ..Wish::default() });
    let (lanes, parts) = overview::overview(&spans, &laid.rows, &TimeMap::new(0, 5_003, &[]));
    assert_eq!(lanes, overview::LANES);
    assert!(parts.len() <= 2 * overview::LANES + 1, "{}", parts.len());
    assert_eq!(parts.iter().filter(|p| p.failed).count(), 1);
    assert!(parts.last().is_some_and(|p| p.failed && p.stage == Stage::Tool));
}

#[test]
fn the_own_parts_of_a_step_with_very_many_children_are_bounded_by_the_width() {
    let parent = span("p", None, SpanKind::Task, 0, 200_000);
    let children: Vec<Span> = (0..20_000).map(|i| span(&format!("c{i}x"), Some("p"), SpanKind::Tool, i * 10, i * 10 + 6)).collect();
    let children: Vec<&Span> = children.iter().collect();
    let pieces = bars::pieces(&parent, &children, &TimeMap::new(0, 200_000, &[]));
    assert!(pieces.len() <= 252, "{}", pieces.len());
    let own: f64 = pieces[1..].iter().map(|p| p.width).sum();
    assert!((own - 400.0).abs() < 4.0, "two fifths of the width are its own: {own}");
}
