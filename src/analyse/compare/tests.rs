//! Two paths side by side: what is aligned with what, and that the differences add up.

use super::*;
use crate::model::{
    time::UnixNanos,
    trace::{Breakdown, RetryClass, Segment, Serving, State, Verdict},
};
use proptest::prelude::*;

fn span(kind: SpanKind, name: &str, start: i64, ns: i64) -> Span {
    Span::new("", kind, name, UnixNanos(start), UnixNanos(start + ns))
}

/// A path whose steps follow each other with `gap` between them, all of their time on the critical path.
fn trace(steps: Vec<Span>) -> Trace {
    let mut completion = Breakdown::default();
    let mut at = steps.first().map_or(0, |s| s.start.0);
    let begin = at;
    let mut spans = steps;
    for (i, span) in spans.iter_mut().enumerate() {
        span.id = format!("s{}", i + 1);
        let mut add = |kind, id: Option<String>, start: i64, ns: i64| {
            if ns > 0 {
                *completion.by_kind_ns.entry(kind).or_default() += ns;
                completion.segments.push(Segment { kind, span: id, start: UnixNanos(start), ns });
            }
        };
        add(SegmentKind::Unaccounted, None, at, span.start.0 - at);
        add(SegmentKind::from_word(span.kind.word()).unwrap_or(SegmentKind::Other), Some(span.id.clone()), span.start.0, span.duration_ns());
        at = span.end_or_start().0;
    }
    completion.total_ns = at - begin;
    Trace {
        schema: 1,
        request_id: None,
        ids: Vec::new(),
        route: None,
        start: Some(UnixNanos(begin)),
        response_ns: None,
        completion_ns: Some(completion.total_ns),
        state: State::Ok,
        status: None,
        spans,
        breakdown: Breakdown::default(),
        completion,
        busy_ns: BTreeMap::new(),
        coverage: None,
        verdict: Verdict {
            sentence: String::new(),
            parts: Vec::new(),
            retries: 0,
            retry_class: RetryClass::None,
            serving: Serving::Unknown,
            fallback_from: None,
            fallback_to: None,
            inside_envelope: None,
            degraded: false,
            dead_lettered: false,
            duplicate_delivery: false,
        },
        models: Vec::new(),
        prompt_versions: Vec::new(),
        config_versions: Vec::new(),
        tokens: None,
        cost_usd: None,
        lines: Vec::new(),
        unplaced: Vec::new(),
        placed: Vec::new(),
        possible: Vec::new(),
        missing: Vec::new(),
        links: Vec::new(),
        skew: Vec::new(),
        sources: Vec::new(),
        marks: Vec::new(),
        anomalies: Vec::new(),
    }
}

/// Word, name in A, time in A, name in B, time in B, difference.
fn told(c: &Comparison) -> Vec<(String, Option<(String, i64)>, Option<(String, i64)>, i64)> {
    let side = |s: &Option<Side>| s.as_ref().map(|s| (s.name.clone(), s.path_ns));
    let word = |r: &Row| r.attempt.map_or_else(|| r.what.word().to_owned(), |n| format!("{} {n}", r.what.word()));
    c.rows.iter().map(|r| (word(r), side(&r.a), side(&r.b), r.difference_ns)).collect()
}

fn at(name: &str, ns: i64) -> (String, i64) {
    (name.to_owned(), ns)
}

#[test]
fn the_wait_that_one_had_is_the_largest_contributor() {
    let fast = trace(vec![span(SpanKind::App, "POST /r", 0, 40), span(SpanKind::QueueWait, "wait for reviews", 40, 10), span(SpanKind::Task, "reviews", 50, 200)]);
    let slow = trace(vec![span(SpanKind::App, "POST /r", 5_000, 30), span(SpanKind::QueueWait, "wait for reviews", 5_040, 5_910), span(SpanKind::Task, "reviews", 10_950, 310)]);
    let c = compare(&fast, &slow);
    assert_eq!((c.a_total_ns, c.b_total_ns, c.difference_ns()), (250, 6_260, 6_010));
    assert_eq!(
        told(&c),
        [
            ("app".into(), Some(at("POST /r", 40)), Some(at("POST /r", 30)), -10),
            ("queue_wait".into(), Some(at("wait for reviews", 10)), Some(at("wait for reviews", 5_910)), 5_900),
            ("task".into(), Some(at("reviews", 200)), Some(at("reviews", 310)), 110),
            ("unaccounted".into(), None, Some(at("", 10)), 10),
        ]
    );
    assert_eq!(c.largest, Some(1));
    assert_eq!(compare(&slow, &fast).largest, Some(1), "it is the same the other way round");
}

#[test]
fn another_model_in_the_same_place_is_the_same_part_and_another_tool_is_not() {
    let a = trace(vec![span(SpanKind::ModelCall, "gpt-4.1", 0, 50), span(SpanKind::Tool, "search", 50, 5), span(SpanKind::ModelCall, "judge", 55, 10)]);
    let b = trace(vec![span(SpanKind::ModelCall, "haiku", 0, 20), span(SpanKind::Tool, "calculator", 20, 7), span(SpanKind::ModelCall, "judge", 27, 10)]);
    assert_eq!(
        told(&compare(&a, &b)),
        [
            ("model_call".into(), Some(at("gpt-4.1", 50)), Some(at("haiku", 20)), -30),
            ("tool".into(), None, Some(at("calculator", 7)), 7),
            ("model_call".into(), Some(at("judge", 10)), Some(at("judge", 10)), 0),
            ("tool".into(), Some(at("search", 5)), None, -5),
        ]
    );
}

#[test]
fn a_second_attempt_is_a_part_of_its_own_and_stands_in_one_side_alone() {
    let try_of = |n: u32, start| Span { attempt: Some(n), outcome: if n == 1 { Outcome::Timeout } else { Outcome::Ok }, ..span(SpanKind::ModelCall, "gpt-4.1", start, 30) };
    let once = trace(vec![span(SpanKind::ModelCall, "gpt-4.1", 0, 25)]);
    let twice = trace(vec![try_of(1, 0), span(SpanKind::RetryWait, "retry wait", 30, 5), try_of(2, 35)]);
    let c = compare(&once, &twice);
    assert_eq!(
        told(&c),
        [
            ("model_call".into(), Some(at("gpt-4.1", 25)), Some(at("gpt-4.1", 30)), 5),
            ("retry_wait".into(), None, Some(at("retry wait", 5)), 5),
            ("model_call 2".into(), None, Some(at("gpt-4.1", 30)), 30),
        ]
    );
    assert_eq!((c.rows[0].b.as_ref().unwrap().failed, c.largest), (1, Some(2)));
}

#[test]
fn steps_side_by_side_are_counted_with_their_lengths_beside_their_time_on_the_path() {
    let mut a = trace(vec![span(SpanKind::Tool, "fetch", 0, 30)]);
    a.spans.push(Span { id: "s2".into(), ..span(SpanKind::Tool, "fetch", 5, 20) });
    let c = compare(&a, &trace(vec![]));
    let side = c.rows[0].a.as_ref().unwrap();
    assert_eq!((side.steps, side.path_ns, side.duration_ns, side.step), (2, 30, 50, Some(0)));
    assert_eq!((c.rows[0].b.as_ref(), c.difference_ns()), (None, -30));
}

#[test]
fn paths_without_a_difference_have_no_largest_contributor() {
    let one = trace(vec![span(SpanKind::App, "x", 0, 5)]);
    assert_eq!(compare(&one, &one).largest, None);
    assert_eq!(compare(&trace(vec![]), &trace(vec![])), Comparison { a_total_ns: 0, b_total_ns: 0, rows: vec![], largest: None });
    let moved = trace(vec![span(SpanKind::App, "x", 0, 2), span(SpanKind::Tool, "t", 2, 3)]);
    assert_eq!(compare(&one, &moved).largest, Some(0), "equal totals: the largest in either direction, the first of equals");
}

fn usual(n: u64, p50_ns: i64) -> Typical {
    Typical { n, p50_ns, p95_ns: p50_ns * 2 }
}

#[test]
fn what_medians_leave_is_a_row_of_its_own() {
    let one = trace(vec![span(SpanKind::App, "x", 0, 40), span(SpanKind::QueueWait, "q", 40, 600)]);
    let by_kind = BTreeMap::from([(SegmentKind::App, usual(25, 30)), (SegmentKind::QueueWait, usual(25, 0)), (SegmentKind::ModelCall, usual(25, 50))]);
    let Against::Usual(u) = against_usual(&one, Some(usual(25, 100)), &by_kind) else { panic!() };
    let rows: Vec<_> = u.rows.iter().map(|r| (r.kind, r.path_ns, r.p50_ns, r.difference_ns)).collect();
    assert_eq!(rows, [(Some(SegmentKind::App), 40, 30, 10), (Some(SegmentKind::QueueWait), 600, 0, 600), (Some(SegmentKind::ModelCall), 0, 50, -50), (None, 0, 20, -20)]);
    assert_eq!((u.difference_ns(), u.largest), (540, Some(1)));
}

#[test]
fn too_few_are_no_measure() {
    let one = trace(vec![span(SpanKind::App, "x", 0, 40)]);
    assert_eq!(against_usual(&one, None, &BTreeMap::new()), Against::Nothing);
    assert_eq!(against_usual(&one, Some(usual(0, 0)), &BTreeMap::new()), Against::Nothing);
    assert_eq!(against_usual(&one, Some(usual(19, 5)), &BTreeMap::new()), Against::TooFew { n: 19 });
    assert!(matches!(against_usual(&one, Some(usual(20, 5)), &BTreeMap::new()), Against::Usual(_)));
}

fn any_trace() -> impl Strategy<Value = Trace> {
    let kind = prop::sample::select(SpanKind::ALL);
    let step = (kind, 0..4_u8, 0..50_i64, 0..1_000_000_i64, prop::option::of(1..4_u32));
    prop::collection::vec(step, 0..24).prop_map(|steps| {
        let mut at = 7;
        let place = |(kind, name, gap, ns, attempt): (SpanKind, u8, i64, i64, Option<u32>)| {
            let s = Span { attempt, ..span(kind, &format!("n{name}"), at + gap, ns) };
            at += gap + ns;
            s
        };
        trace(steps.into_iter().map(place).collect())
    })
}

proptest! {
    #[test]
    fn differences_add_up_to_the_difference_of_the_totals(a in any_trace(), b in any_trace()) {
        let c = compare(&a, &b);
        prop_assert_eq!(c.rows.iter().map(|r| r.difference_ns).sum::<i64>(), c.difference_ns());
        for (total, side) in [(c.a_total_ns, (|r: &Row| r.a.clone()) as fn(&Row) -> Option<Side>), (c.b_total_ns, |r: &Row| r.b.clone())] {
            prop_assert_eq!(c.rows.iter().filter_map(side).map(|s| s.path_ns).sum::<i64>(), total);
        }
        let back = compare(&b, &a);
        prop_assert_eq!(back.rows.len(), c.rows.len());
        prop_assert_eq!(back.difference_ns(), -c.difference_ns());
        let steps = |t: &Trace| t.spans.len() as u64;
        prop_assert_eq!(c.rows.iter().flat_map(|r| [&r.a, &r.b]).flatten().map(|s| s.steps).sum::<u64>(), steps(&a) + steps(&b));
        let same = compare(&a, &a);
        prop_assert!(same.rows.iter().all(|r| r.difference_ns == 0 && r.a == r.b));
    }

    #[test]
    fn differences_to_medians_add_up_too(a in any_trace(), medians in prop::collection::btree_map(prop::sample::select(SegmentKind::ALL), 0..2_000_000_i64, 0..8), p50 in 0..9_000_000_i64) {
        let by_kind = medians.into_iter().map(|(kind, ns)| (kind, usual(30, ns))).collect();
        let Against::Usual(u) = against_usual(&a, Some(usual(30, p50)), &by_kind) else { panic!() };
        prop_assert_eq!(u.rows.iter().map(|r| r.difference_ns).sum::<i64>(), u.difference_ns());
    }
}
