//! The critical path against what others published: the nine of Jaeger's own tests (`tests/critical-path/jaeger-ui.jsonl`), and twenty cases in `tests/critical-path/cases.json`, each with its source.
//!
//! Every expectation was worked out by hand from the rule of `reconstruction.md` 5 before the code ran. `same` says whether the source
//! states the same result; where it is false the rule differs on purpose and `note` says what the source does. Times stand in units of
//! `unit_ns`; `path` and `after` list owner, begin and end, earliest first, without an owner where no span accounts for the time.

use serde::Deserialize;
use serde_json::Value;
use std::sync::{Arc, OnceLock};
use throughline::{
    model::trace::{Evidence, Outcome, SegmentKind, SpanKind},
    reconstruct::{
        breakdown::{self, FirstTokens, Part},
        spans::Draft,
    },
};

type Piece = (Option<String>, i64, i64);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    source: String,
    same: bool,
    note: String,
    unit_ns: i64,
    spans: Vec<Given>,
    path: Vec<Piece>,
    after: Vec<Piece>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    id: String,
    parent: Option<String>,
    start: i64,
    end: i64,
    #[serde(default = "app")]
    kind: SpanKind,
    #[serde(default = "yes")]
    blocking: bool,
}

fn app() -> SpanKind {
    SpanKind::App
}

fn yes() -> bool {
    true
}

fn cases() -> &'static [Case] {
    static ONCE: OnceLock<Vec<Case>> = OnceLock::new();
    ONCE.get_or_init(|| serde_json::from_str(include_str!("../critical-path/cases.json")).unwrap())
}

impl Case {
    fn in_ns(&self, pieces: &[Piece]) -> Vec<Piece> {
        pieces.iter().map(|(owner, start, end)| (owner.clone(), start * self.unit_ns, end * self.unit_ns)).collect()
    }

    fn root(&self) -> &Given {
        self.spans.iter().find(|s| s.parent.is_none()).unwrap()
    }

    fn last_end(&self) -> i64 {
        self.spans.iter().map(|s| s.end).max().unwrap()
    }

    /// Spans as reconstruction draws them, with exact times: the resolution adds nothing to the tolerance.
    fn drafts(&self) -> Vec<Draft> {
        let draft = |s: &Given| Draft {
            kind: s.kind,
            name: s.id.clone(),
            service: s.id.clone(),
            host: None,
            start: s.start * self.unit_ns,
            end: s.end * self.unit_ns,
            evidence: Evidence::Stated,
            unfinished: false,
            holds_nothing: false,
            attempt: None,
            outcome: Outcome::Unknown,
            unit: Arc::from(s.id.as_str()),
            items: Vec::new(),
            parent: s.parent.as_ref().map(|p| self.spans.iter().position(|o| o.id == *p).unwrap()),
            status: None,
            queue: None,
            stated_wait_ns: None,
            main: None,
            blocking: s.blocking,
            quantum_ns: 0,
            redelivery: false,
        };
        self.spans.iter().map(draft).collect()
    }

    /// A part is without a span exactly when it is unaccounted.
    fn pieces(&self, parts: &[Part]) -> Vec<Piece> {
        let piece = |p: &Part| {
            assert_eq!(p.span.is_none(), p.kind == SegmentKind::Unaccounted, "{}: {p:?}", self.name);
            (p.span.map(|i| self.spans[i].id.clone()), p.start, p.start + p.ns)
        };
        parts.iter().map(piece).collect()
    }
}

fn check(name: &str) {
    let case = cases().iter().find(|c| c.name == name).unwrap();
    let drafts = case.drafts();
    let root = drafts.iter().position(|d| d.parent.is_none()).unwrap();
    let (end, last) = (drafts[root].end, case.last_end() * case.unit_ns);
    let response = breakdown::response(&drafts, root, &FirstTokens::new());
    assert_eq!(case.pieces(&response), case.in_ns(&case.path), "response; {}; {}", case.source, case.note);
    let after = breakdown::after(&drafts, root, end, last, &FirstTokens::new());
    assert_eq!(case.pieces(&after), case.in_ns(&case.after), "after the response; {}; {}", case.source, case.note);
}

/// A test for each case, so that one that fails hides no other; and the list, to see that no case is without a test.
macro_rules! each {
    ($($name:ident,)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*

        const NAMED: &[&str] = &[$(stringify!($name)),*];
    };
}

each! {
    of_two_that_begin_together_the_one_that_ends_last_is_the_path,
    a_chain_of_children_beats_a_long_sibling_that_ends_inside_the_last_link,
    two_that_end_together_are_told_apart_by_the_earlier_start,
    a_grandchild_that_outlives_both_its_parents_is_clamped_and_goes_on_after_the_response,
    work_that_begins_after_the_response_has_a_path_of_its_own,
    neighbours_that_overlap_by_less_than_the_tolerance_are_one_after_the_other,
    children_that_cover_their_parent_and_overlap_a_little_leave_it_nothing_and_owe_it_nothing,
    a_child_that_overlaps_what_follows_and_what_precedes_is_left_out,
    no_tolerance_where_a_third_child_lies_in_the_overlap,
    the_tolerance_is_a_share_of_the_parent_not_of_the_root,
    one_percent_of_a_long_parent_is_tolerated_however_long_it_is,
    a_callee_whose_clock_is_far_ahead_is_not_moved_into_its_caller,
    a_child_that_begins_before_its_parent_is_clamped_and_its_child_from_before_is_dropped,
    a_child_that_ends_exactly_where_the_next_begins_precedes_it,
    a_child_without_length_cuts_nothing,
    a_consumer_of_a_message_is_on_the_path_after_the_response_only,
    of_a_project_network_at_its_earliest_times_the_path_is_the_one_without_slack,
    times_alone_follow_the_last_to_end_though_another_task_was_the_cause,
    of_a_fan_out_only_the_last_to_block_is_on_the_path,
    a_child_that_outlives_its_parent_blocks_until_the_end_and_goes_on_after_it,
}

#[test]
fn every_case_has_its_test_and_its_source_and_says_where_it_differs() {
    let names: Vec<&str> = cases().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, NAMED);
    assert!(cases().iter().all(|c| !c.source.is_empty() && (c.same || !c.note.is_empty())));
}

// The expectations were written by hand: this finds a slip of the pen, whatever the code gives.
#[test]
fn every_expected_path_partitions_its_interval() {
    for case in cases() {
        let root = case.root();
        for (pieces, from, to) in [(&case.path, root.start, root.end), (&case.after, root.end, case.last_end())] {
            let mut cursor = from;
            for (owner, start, end) in pieces {
                assert!(*start == cursor && end > start, "{}: {owner:?} {start}", case.name);
                assert!(owner.as_ref().is_none_or(|o| case.spans.iter().any(|s| s.id == *o && s.start <= *start && *end <= s.end)), "{}: {owner:?} {start}", case.name);
                cursor = *end;
            }
            assert_eq!(cursor, to, "{}", case.name);
        }
    }
}

/// One of Jaeger's traces, with the sections of its path from the last to the first.
#[derive(Deserialize)]
struct Theirs {
    case: u32,
    trace: Value,
    expected_sections_latest_first: Vec<Value>,
}

#[test]
fn the_paths_that_the_tests_of_jaeger_assert_are_ours() {
    let theirs = || include_str!("../critical-path/jaeger-ui.jsonl").lines().map(|l| serde_json::from_str::<Theirs>(l).unwrap());
    for one in theirs() {
        let span = |s: &Value| {
            let above = s["references"].get(0);
            let start = s["startTime"].as_i64().unwrap();
            Given {
                id: s["spanID"].as_str().unwrap().to_owned(),
                parent: above.map(|r| r["spanID"].as_str().unwrap().to_owned()),
                start,
                end: start + s["duration"].as_i64().unwrap(),
                kind: SpanKind::App,
                blocking: above.is_none_or(|r| r["refType"] == "CHILD_OF"),
            }
        };
        let piece = |s: &Value| (Some(s["spanID"].as_str().unwrap().to_owned()), s["sectionStart"].as_i64().unwrap(), s["sectionEnd"].as_i64().unwrap());
        let case = Case {
            name: format!("case {}", one.case),
            source: "jaeger-ui".to_owned(),
            same: true,
            note: String::new(),
            unit_ns: 1_000,
            spans: one.trace["spans"].as_array().unwrap().iter().map(span).collect(),
            path: one.expected_sections_latest_first.iter().rev().map(piece).collect(),
            after: Vec::new(),
        };
        let drafts = case.drafts();
        let root = drafts.iter().position(|d| d.parent.is_none()).unwrap();
        let response = breakdown::response(&drafts, root, &FirstTokens::new());
        assert_eq!(case.pieces(&response), case.in_ns(&case.path), "{}", case.name);
    }
    assert_eq!(theirs().count(), 9);
}
