//! The promises of the rows: what goes in comes out, lists are complete, and damage costs a rebuild only.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::model::{
    summary::{Facet, ListPage, Preset, RowFilter, RowQuery, SortKey},
    time::UnixNanos,
    trace::{RetryClass, SegmentKind, Serving, State},
};
use std::collections::BTreeSet;

const MS: i64 = 1_000_000;

fn row(n: u64) -> RequestSummary {
    RequestSummary {
        root: format!("req_{n:05}"),
        id: format!("req_{n:05}"),
        id_kind: "request".to_owned(),
        scope: None,
        route: Some(format!("POST /reply/{}", n % 3)),
        start: Some(UnixNanos(1_772_355_600_000_000_000 + n as i64 * MS)),
        response_ns: Some(100 * MS),
        completion_ns: Some((100 + (n as i64 * 37) % 400) * MS),
        state: State::Ok,
        status: Some(200),
        by_kind_ns: vec![(SegmentKind::Edge, 3), (SegmentKind::ModelCall, 90 * MS)],
        queue_wait_ns: 0,
        model_ns: 90 * MS,
        attempts: 1,
        retries: 0,
        retry_class: RetryClass::None,
        serving: Serving::Primary,
        degraded: false,
        dead_lettered: false,
        duplicate_delivery: false,
        models: vec!["gpt-4.1-mini".to_owned()],
        prompt_versions: vec!["support@7".to_owned()],
        config_versions: vec![],
        tokens: Some(1000 + n),
        cost_usd: Some(0.1 + 0.2),
        errors: 0,
        error_type: None,
        lines: 12,
        sources: vec!["api".to_owned(), "edge".to_owned()],
        workers: vec![],
        marks: vec![],
        clocks: vec![],
    }
}

fn store(rows: &[RequestSummary]) -> RowReader {
    let store = RowStore::in_memory().unwrap();
    let mut writer = store.writer().unwrap();
    // Two commits, so that lists go over several segments.
    let (first, second) = rows.split_at(rows.len() / 3);
    for half in [first, second] {
        writer.replace(&[], half).unwrap();
        writer.commit(1, 1, "").unwrap();
    }
    store.reload().unwrap()
}

fn roots(page: &ListPage) -> Vec<&str> {
    page.rows.iter().map(|row| row.root.as_str()).collect()
}

fn filtered(reader: &RowReader, filters: Vec<RowFilter>) -> Vec<String> {
    let page = reader.list(&RowQuery { filters, ascending: true, limit: 500, ..RowQuery::default() }).unwrap();
    assert_eq!(page.matched, page.rows.len() as u64);
    page.rows.iter().map(|row| row.root.trim_start_matches("req_0000").to_owned()).collect()
}

#[test]
fn a_row_comes_back_to_the_last_bit() {
    let full = RequestSummary {
        scope: Some("queue=mail".to_owned()),
        status: None,
        tokens: Some(u64::MAX),
        marks: vec!["slow".to_owned()],
        error_type: Some("RateLimitError".to_owned()),
        ..row(1)
    };
    let bare = RequestSummary { root: "17\u{1f}queue=mail".to_owned(), start: None, cost_usd: None, completion_ns: None, response_ns: None, route: None, models: vec![], ..row(2) };
    let reader = store(&[full.clone(), bare.clone()]);
    assert_eq!(reader.get("req_00001").unwrap(), Some(full));
    assert_eq!(reader.get("17\u{1f}queue=mail").unwrap(), Some(bare));
    assert_eq!(reader.get("req_00002").unwrap(), None);
}

#[test]
fn a_row_replaces_the_one_of_its_root() {
    let store = RowStore::in_memory().unwrap();
    let mut writer = store.writer().unwrap();
    writer.replace(&[], &[row(1), row(2), row(3)]).unwrap();
    writer.replace(&[], &[RequestSummary { lines: 13, ..row(1) }]).unwrap();
    writer.commit(4, 2, r#"{"POST /reply":{"n":3}}"#).unwrap();
    let first = store.reload().unwrap();
    assert_eq!((first.count(), first.stamp(), first.positions()), (3, Some((4, 2)), r#"{"POST /reply":{"n":3}}"#));
    assert_eq!(first.get("req_00001").unwrap().unwrap().lines, 13);
    writer.replace(&["req_00002".to_owned()], &[RequestSummary { lines: 14, ..row(3) }]).unwrap();
    assert_eq!(store.reload().unwrap().count(), 3, "nothing before the commit");
    writer.commit(5, 2, "").unwrap();
    let second = store.reload().unwrap();
    assert_eq!((second.count(), second.stamp(), first.count()), (2, Some((5, 2)), 3));
    assert_eq!(second.get("req_00003").unwrap().unwrap().lines, 14);
    assert_eq!(second.roots_missing(&["req_00001".to_owned(), "req_00002".to_owned()]).unwrap(), vec!["req_00002"]);
    assert_eq!(second.all().map(|row| row.unwrap().root).collect::<BTreeSet<_>>(), BTreeSet::from(["req_00001".to_owned(), "req_00003".to_owned()]));
    let page = second.list(&RowQuery::default()).unwrap();
    assert_eq!((roots(&page), page.total), (vec!["req_00003", "req_00001"], 2));
}

#[test]
fn clearing_removes_committed_and_waiting_rows_and_keeps_later_ones() {
    let store = RowStore::in_memory().unwrap();
    let mut writer = store.writer().unwrap();
    writer.replace(&[], &[row(1), row(2)]).unwrap();
    writer.commit(1, 1, "").unwrap();
    writer.replace(&[], &[row(3)]).unwrap();
    writer.clear().unwrap();
    writer.replace(&[], &[row(2), row(4)]).unwrap();
    writer.commit(2, 1, "").unwrap();
    let mut left = store.reload().unwrap().roots();
    left.sort();
    assert_eq!(left, vec!["req_00002", "req_00004"]);
}

#[test]
fn a_row_is_found_by_any_spelling_of_its_id() {
    let uuid = RequestSummary { root: "71a4c14fd17641b3861e90b6c24633ad".to_owned(), id: "71a4c14f-d176-41b3-861e-90b6c24633ad".to_owned(), ..row(1) };
    let odd = RequestSummary { root: "71a4c14fd17641b3861e90b6c24633ae".to_owned(), id: "71A4C14FD17641B3861E90B6C24633AE".to_owned(), ..row(2) };
    let long = RequestSummary { root: "x".repeat(70_000), id: "x".repeat(70_000), ..row(3) };
    let reader = store(&[uuid.clone(), odd.clone(), long.clone()]);
    assert_eq!(reader.by_id("71A4C14F-D176-41B3-861E-90B6C24633AD").unwrap(), Some(uuid));
    assert_eq!(reader.by_id("71a4c14fd17641b3861e90b6c24633ae").unwrap(), Some(odd));
    assert_eq!(reader.get(&long.root).unwrap().as_ref(), Some(&long));
    let page = reader.list(&RowQuery::default()).unwrap();
    let mut ids: Vec<_> = page.scatter.iter().map(|point| point.id.clone()).collect();
    ids.sort_by_key(String::len);
    assert_eq!(ids, vec!["71A4C14FD17641B3861E90B6C24633AE".to_owned(), "71a4c14f-d176-41b3-861e-90b6c24633ad".to_owned(), "x".repeat(70_000)]);
}

#[test]
fn conditions_select_rows() {
    let reader = store(&[
        RequestSummary { state: State::Failed, error_type: Some("TimeoutError".to_owned()), errors: 2, ..row(0) },
        RequestSummary { models: vec!["claude-4".to_owned(), "gpt-4.1-mini".to_owned()], attempts: 3, retries: 2, queue_wait_ns: 5 * MS, ..row(1) },
        RequestSummary { prompt_versions: vec!["support@8".to_owned(), "supporters@1".to_owned()], tokens: None, ..row(2) },
        RequestSummary { config_versions: vec!["v3".to_owned()], workers: vec!["rq-0".to_owned()], sources: vec!["worker".to_owned()], marks: vec!["slow".to_owned()], ..row(3) },
        RequestSummary { route: None, completion_ns: None, response_ns: None, start: None, state: State::Unfinished, ..row(4) },
    ]);
    let texts = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
    for (filter, expected) in [
        (RowFilter::Route(texts(&["POST /reply/0"])), "0 3"),
        (RowFilter::Route(texts(&["POST /reply/1", "POST /reply/2"])), "1 2"),
        (RowFilter::Route(texts(&["POST *"])), "0 1 2 3"),
        (RowFilter::State(texts(&["failed", "unfinished", "no such"])), "0 4"),
        (RowFilter::Model(texts(&["claude-4"])), "1"),
        (RowFilter::Model(texts(&["gpt*"])), "0 1 2 3 4"),
        (RowFilter::Prompt(texts(&["support"])), "0 1 2 3 4"),
        (RowFilter::Prompt(texts(&["support@8"])), "2"),
        (RowFilter::Config(texts(&["v3"])), "3"),
        (RowFilter::Worker(texts(&["rq-0"])), "3"),
        (RowFilter::Source(texts(&["edge"])), "0 1 2 4"),
        (RowFilter::Error(texts(&["TimeoutError"])), "0"),
        (RowFilter::Mark("slow".to_owned()), "3"),
        (RowFilter::Total(Some(137 * MS), Some(174 * MS)), "1 2"),
        (RowFilter::Total(None, None), "0 1 2 3"),
        (RowFilter::QueueWait(Some(1), None), "1"),
        (RowFilter::Attempts(None, Some(1)), "0 2 3 4"),
        (RowFilter::Tokens(Some(1001), None), "1 3 4"),
        (RowFilter::Start(None, Some(1_772_355_600_001_000_000)), "0 1"),
        (RowFilter::Roots(texts(&["req_00002", "elsewhere"])), "2"),
        (RowFilter::Not(Box::new(RowFilter::Route(texts(&["POST *"])))), "4"),
        (RowFilter::Not(Box::new(RowFilter::Total(Some(0), None))), "4"),
    ] {
        assert_eq!(filtered(&reader, vec![filter.clone()]).join(" "), expected, "{filter:?}");
    }
    assert_eq!(filtered(&reader, vec![RowFilter::Model(texts(&["gpt*"])), RowFilter::Route(texts(&["POST /reply/0"])), RowFilter::State(texts(&["ok"]))]), vec!["3"]);
    assert_eq!(filtered(&reader, vec![RowFilter::Model(vec![])]), Vec::<String>::new());
}

/// Rows with many equal values and some without.
fn mixed(n: u64) -> Vec<RequestSummary> {
    (0..n)
        .map(|i| {
            let absent = i % 11 == 0;
            RequestSummary {
                completion_ns: (!absent).then_some((i as i64 % 7) * MS),
                response_ns: None,
                tokens: (!absent).then_some(i % 5),
                start: (!absent).then_some(UnixNanos((i as i64 % 13) - 6)),
                attempts: (i % 3) as u32,
                ..row(i)
            }
        })
        .collect()
}

#[test]
fn walking_by_cursor_shows_each_row_once_in_order() {
    let rows = mixed(237);
    let reader = store(&rows);
    for sort in SortKey::ALL {
        for ascending in [false, true] {
            let mut query = RowQuery { sort: Some(sort), ascending, limit: 10, overview: false, ..RowQuery::default() };
            let mut seen: Vec<RequestSummary> = Vec::new();
            loop {
                let page = reader.list(&query).unwrap();
                assert_eq!((page.matched, page.total), (237, 237));
                seen.extend(page.rows);
                query.after = page.next;
                if query.after.is_none() {
                    break;
                }
            }
            let value = |row: &RequestSummary| match sort {
                SortKey::Start => row.start.map(|s| s.0),
                SortKey::Total => row.total_ns(),
                SortKey::QueueWait => Some(row.queue_wait_ns),
                SortKey::Model => Some(row.model_ns),
                SortKey::Attempts => Some(row.attempts.into()),
                SortKey::Tokens => row.tokens.map(|t| t as i64),
                SortKey::Errors => Some(row.errors.into()),
            };
            let mut expected = rows.clone();
            expected.sort_by_key(|row| (value(row).is_none(), value(row).map(|v| if ascending { v } else { -v }), std::cmp::Reverse(row.start), row.root.clone()));
            assert_eq!(seen.iter().map(|r| &r.root).collect::<Vec<_>>(), expected.iter().map(|r| &r.root).collect::<Vec<_>>(), "{sort:?} {ascending}");
        }
    }
}

#[test]
fn rows_that_change_while_walking_move_no_other_row() {
    let store = RowStore::in_memory().unwrap();
    let mut writer = store.writer().unwrap();
    writer.replace(&[], &(0..60).map(row).collect::<Vec<_>>()).unwrap();
    writer.commit(1, 1, "").unwrap();
    let mut query = RowQuery { limit: 7, overview: false, ..RowQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = store.reload().unwrap().list(&query).unwrap();
        seen.extend(page.rows.into_iter().map(|row| row.root));
        // The rows shown are written again, as happens when late lines arrive.
        let again: Vec<_> = seen.iter().map(|root| RequestSummary { lines: 99, ..row(root[4..].parse().unwrap()) }).collect();
        writer.replace(&[], &again).unwrap();
        writer.commit(2, 1, "").unwrap();
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..60).rev().map(|n| format!("req_{n:05}")).collect::<Vec<_>>());
}

#[test]
fn a_cursor_of_another_order_is_refused() {
    let reader = store(&(0..20).map(row).collect::<Vec<_>>());
    let query = RowQuery { limit: 5, ..RowQuery::default() };
    let next = reader.list(&query).unwrap().next;
    assert!(reader.list(&RowQuery { after: next.clone(), ..query.clone() }).is_ok());
    for bad in [
        RowQuery { after: next, sort: Some(SortKey::Total), ..query.clone() },
        RowQuery { after: Some("AAA".to_owned()), ..query.clone() },
        RowQuery { after: Some("\u{fffd}".to_owned()), ..query },
    ] {
        assert!(matches!(reader.list(&bad), Err(StoreError::Cursor)));
    }
}

#[test]
fn presets_select_count_and_sort() {
    let rows = [
        RequestSummary { state: State::Timeout, queue_wait_ns: 9, ..row(0) },
        RequestSummary { state: State::DeadLetter, retries: 1, retry_class: RetryClass::Mixed, ..row(1) },
        RequestSummary { serving: Serving::Fallback, queue_wait_ns: 70, ..row(2) },
        RequestSummary { marks: vec!["open".to_owned()], ..row(3) },
        RequestSummary { state: State::Unfinished, retries: 2, retry_class: RetryClass::Transient, ..row(4) },
    ];
    let reader = store(&rows);
    let list = |preset| reader.list(&RowQuery { preset, ..RowQuery::default() }).unwrap();
    let expected: Vec<(&str, u64)> =
        vec![("all", 5), ("failed", 2), ("slowest", 5), ("longest-wait", 5), ("retried", 2), ("fell-back", 1), ("semantic-retried", 1), ("incomplete", 2)];
    for preset in Preset::ALL {
        assert_eq!(list(preset).presets, expected, "the counts are those without the preset");
    }
    assert_eq!(roots(&list(Preset::Failed)), vec!["req_00001", "req_00000"]);
    assert_eq!(roots(&list(Preset::Slowest))[..2], ["req_00004", "req_00003"]);
    assert_eq!(roots(&list(Preset::LongestWait))[..2], ["req_00002", "req_00000"]);
    assert_eq!(roots(&list(Preset::Incomplete)), vec!["req_00004", "req_00003"]);
    assert_eq!(list(Preset::FellBack).matched, 1);
}

fn facet<'a>(page: &'a ListPage, key: &str) -> &'a Facet {
    page.facets.iter().find(|facet| facet.key == key).unwrap()
}

fn values(facet: &Facet) -> Vec<(&str, u64, bool)> {
    facet.values.iter().map(|v| (v.value.as_str(), v.count, v.chosen)).collect()
}

#[test]
fn facets_count_what_matched() {
    let rows: Vec<_> =
        (0..100).map(|n| RequestSummary { models: vec![format!("m{}", n % 20), "shared".to_owned()], state: if n < 10 { State::Failed } else { State::Ok }, ..row(n) }).collect();
    let reader = store(&rows);
    let page = reader.list(&RowQuery::default()).unwrap();
    assert_eq!(page.facets.iter().map(|f| f.key.as_str()).collect::<Vec<_>>(), vec!["status", "route", "stage", "error", "model", "prompt", "config", "worker", "source"]);
    assert_eq!(values(facet(&page, "route")), vec![("POST /reply/0", 34, false), ("POST /reply/1", 33, false), ("POST /reply/2", 33, false)]);
    assert_eq!(values(facet(&page, "status")), vec![("ok", 90, false), ("failed", 10, false)]);
    assert_eq!(values(facet(&page, "source")), vec![("api", 100, false), ("edge", 100, false)]);
    assert_eq!((values(facet(&page, "config")), facet(&page, "config").more), (vec![], 0));
    let model = facet(&page, "model");
    assert_eq!((model.values.len(), model.more, values(model)[0]), (12, 9, ("shared", 100, false)));
    let chosen = reader.list(&RowQuery { filters: vec![RowFilter::Model(vec!["m9".to_owned()])], ..RowQuery::default() }).unwrap();
    assert_eq!(values(facet(&chosen, "model")), vec![("m9", 5, true), ("shared", 5, false)]);
    let none =
        reader.list(&RowQuery { filters: vec![RowFilter::State(vec!["failed".to_owned()]), RowFilter::Route(vec!["POST /reply/7".to_owned()])], ..RowQuery::default() }).unwrap();
    assert_eq!((none.matched, values(facet(&none, "status"))), (0, vec![("failed", 0, true)]));
}

#[test]
fn percentiles_histogram_and_span_are_of_all_that_matched() {
    let rows: Vec<_> =
        (1..=200).map(|n| RequestSummary { completion_ns: Some(n * MS), ..row(n as u64) }).chain([RequestSummary { completion_ns: None, response_ns: None, ..row(900) }]).collect();
    let page = store(&rows).list(&RowQuery { limit: 3, ..RowQuery::default() }).unwrap();
    assert_eq!((page.n, page.p50_ns, page.p95_ns, page.p99_ns), (200, Some(100 * MS), Some(190 * MS), Some(198 * MS)));
    assert_eq!(page.span, Some((row(1).start.unwrap(), row(900).start.unwrap())));
    assert_eq!(page.scatter.len(), 200);
    let bars: Vec<_> = page.histogram.iter().map(|bar| (bar.from_ns / 100_000, bar.to_ns / 100_000, bar.count)).collect();
    assert_eq!(
        bars,
        vec![
            (10, 15, 1),
            (15, 20, 0),
            (20, 30, 1),
            (30, 50, 2),
            (50, 70, 2),
            (70, 100, 3),
            (100, 150, 5),
            (150, 200, 5),
            (200, 300, 10),
            (300, 500, 20),
            (500, 700, 20),
            (700, 1000, 30),
            (1000, 1500, 50),
            (1500, 2000, 50),
            (2000, 3000, 1)
        ]
    );
    let empty = RowStore::in_memory().unwrap().reader().list(&RowQuery::default()).unwrap();
    assert_eq!((empty.matched, empty.p50_ns, empty.span, empty.histogram.len(), empty.scatter.len()), (0, None, None, 0, 0));
}

#[test]
fn very_short_and_very_long_totals_have_a_bar() {
    let rows: Vec<_> = [0, 1, 999, i64::MAX - 1].into_iter().enumerate().map(|(n, total)| RequestSummary { completion_ns: Some(total), ..row(n as u64) }).collect();
    let page = store(&rows).list(&RowQuery::default()).unwrap();
    let first = page.histogram.first().unwrap();
    assert_eq!((first.from_ns, first.to_ns, first.count), (0, 1000, 3));
    assert_eq!(page.histogram.last().unwrap().count, 1);
    assert_eq!(page.histogram.iter().map(|bar| bar.count).sum::<u64>(), 4);
}

#[test]
fn the_scatter_is_thinned_evenly_over_time() {
    let rows: Vec<_> = (0..4000).map(|n| RequestSummary { retries: (n % 2) as u32, ..row(n) }).collect();
    let page = store(&rows).list(&RowQuery::default()).unwrap();
    assert_eq!(page.scatter.len(), 1500);
    let at: Vec<i64> = page.scatter.iter().map(|p| (p.start.0 - row(0).start.unwrap().0) / MS).collect();
    assert_eq!((at[0], at[1499]), (0, 3999));
    assert!(at.windows(2).all(|w| (2..=3).contains(&(w[1] - w[0]))), "neighbours are two or three apart");
    assert_eq!(page.scatter[0].id, "req_00000");
    assert!(page.scatter.iter().zip(&at).all(|(point, at)| point.marked == (at % 2 == 1)));
}

#[test]
fn rows_are_there_after_opening_again_and_a_reader_needs_no_writer() {
    let dir = tempfile::tempdir().unwrap();
    let (store, fresh) = RowStore::open(dir.path()).unwrap();
    assert!(fresh);
    let mut writer = store.writer().unwrap();
    writer.replace(&[], &[row(1), row(2)]).unwrap();
    writer.commit(7, 3, "typical").unwrap();
    let (other, fresh) = RowStore::open_reader(dir.path()).unwrap();
    assert_eq!((fresh, other.reader().count(), other.reader().stamp()), (false, 2, Some((7, 3))));
    assert!(matches!(other.writer(), Err(StoreError::ReadOnly { .. })));
    drop((writer, store));
    let (store, fresh) = RowStore::open(dir.path()).unwrap();
    assert_eq!((fresh, store.reader().positions().to_owned()), (false, "typical".to_owned()));
    let mut writer = store.writer().unwrap();
    writer.replace(&[], &[RequestSummary { lines: 99, ..row(2) }]).unwrap();
    writer.commit(8, 3, "").unwrap();
    let reader = other.reload().unwrap();
    assert_eq!((reader.count(), reader.get("req_00002").unwrap().unwrap().lines), (2, 99));
}

#[test]
fn damaged_rows_are_thrown_away_and_reported() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 4] = [
        ("meta.json is cut", |rows| fs::write(rows.join("meta.json"), "{").unwrap()),
        ("another version", |rows| {
            let meta = fs::read_to_string(rows.join("meta.json")).unwrap();
            fs::write(rows.join("meta.json"), meta.replace(r#"{\"version\":3,"#, r#"{\"version\":9,"#)).unwrap();
        }),
        ("a segment file is gone", |rows| fs::remove_file(segment_file(rows, "fast")).unwrap()),
        ("a segment file is cut", |rows| fs::write(segment_file(rows, "fast"), "1234567890").unwrap()),
    ];
    for (name, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        let store = RowStore::open(dir.path()).unwrap().0;
        let mut writer = store.writer().unwrap();
        writer.replace(&[], &[row(1)]).unwrap();
        writer.commit(1, 1, "").unwrap();
        drop((writer, store));
        damage(&dir.path().join("rows"));
        let (reader, unusable) = RowStore::open_reader(dir.path()).unwrap();
        assert_eq!((unusable, reader.reader().count()), (true, 0), "{name}");
        let (store, recreated) = RowStore::open(dir.path()).unwrap();
        assert_eq!((recreated, store.reader().count(), store.reader().stamp()), (true, 0, None), "{name}");
        assert!(store.writer().is_ok());
    }
}

fn segment_file(rows: &Path, extension: &str) -> PathBuf {
    fs::read_dir(rows).unwrap().map(|e| e.unwrap().path()).find(|path| path.extension().is_some_and(|e| e == extension)).unwrap()
}

#[test]
fn stages_and_errors_are_counted_and_narrow() {
    let texts = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
    let reader = store(&[
        row(0),
        // Waited beside the critical path, and a kind without time is no stage.
        RequestSummary { queue_wait_ns: 5 * MS, by_kind_ns: vec![(SegmentKind::Tool, 0), (SegmentKind::App, MS)], model_ns: 0, ..row(1) },
        RequestSummary { by_kind_ns: vec![(SegmentKind::Tool, MS), (SegmentKind::Unaccounted, MS)], model_ns: 0, error_type: Some("TimeoutError".to_owned()), ..row(2) },
    ]);
    assert_eq!(filtered(&reader, vec![RowFilter::Stage(texts(&["queue"]))]), vec!["1"]);
    assert_eq!(filtered(&reader, vec![RowFilter::Stage(texts(&["queue", "tool"]))]), vec!["1", "2"]);
    assert_eq!(filtered(&reader, vec![RowFilter::Not(Box::new(RowFilter::Stage(texts(&["model"]))))]), vec!["1", "2"]);
    let page = reader.list(&RowQuery { filters: vec![RowFilter::Error(texts(&["TimeoutError"]))], ..RowQuery::default() }).unwrap();
    assert_eq!((values(facet(&page, "error")), values(facet(&page, "stage"))), (vec![("TimeoutError", 1, true)], vec![("tool", 1, false)]));
    let all = reader.list(&RowQuery::default()).unwrap();
    assert_eq!(values(facet(&all, "stage")), vec![("app", 1, false), ("edge", 1, false), ("model", 1, false), ("queue", 1, false), ("tool", 1, false)]);
}

#[test]
fn a_version_that_takes_over_is_told_and_versions_side_by_side_are_not() {
    let of = |prompt: &dyn Fn(u64) -> &'static str| {
        let rows: Vec<_> = (0..200).map(|n| RequestSummary { prompt_versions: vec![prompt(n).to_owned(), "triage@1".to_owned()], ..row(n) }).collect();
        let told = store(&rows).list(&RowQuery::default()).unwrap().changes;
        told.into_iter().map(|c| ((c.at.0 - row(0).start.unwrap().0) / MS, c.name, c.from, c.to)).collect::<Vec<_>>()
    };
    let change = |at, from: &str, to: &str| (at, Some("reply".to_owned()), from.to_owned(), to.to_owned());
    assert_eq!(of(&|n| if n < 120 { "reply@14" } else { "reply@15" }), [change(120, "14", "15")]);
    assert_eq!(of(&|n| if n < 118 || n == 121 { "reply@14" } else { "reply@15" }), [change(118, "14", "15")], "requests of both for a moment");
    assert_eq!(of(&|n| ["reply@14", "reply@15", "reply@16"][n as usize / 70]), [change(70, "14", "15"), change(140, "15", "16")]);
    assert_eq!(of(&|n| if n % 3 == 0 { "reply@14" } else { "reply@15" }), []);
    assert_eq!(of(&|n| if (50..120).contains(&n) { "reply@15" } else { "reply@14" }), [], "it was taken back");
}

#[test]
fn walking_by_cursor_loses_and_doubles_no_row_while_rows_are_added() {
    for (sort, ascending) in SortKey::ALL.into_iter().flat_map(|key| [(key, false), (key, true)]) {
        let store = RowStore::in_memory().unwrap();
        let mut writer = store.writer().unwrap();
        let rows = mixed(160);
        let (there, later) = rows.split_at(120);
        writer.replace(&[], there).unwrap();
        writer.commit(1, 1, "").unwrap();
        let (mut seen, mut after, mut added) = (Vec::new(), None, later.chunks(8));
        loop {
            let page = store.reload().unwrap().list(&RowQuery { sort: Some(sort), ascending, after: after.clone(), limit: 9, overview: false, ..RowQuery::default() }).unwrap();
            seen.extend(page.rows.iter().map(|r| r.root.clone()));
            after = page.next;
            if after.is_none() {
                break;
            }
            if let Some(some) = added.next() {
                writer.replace(&[], some).unwrap();
                writer.commit(1, 1, "").unwrap();
            }
        }
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), seen.len(), "{sort:?} {ascending}: a row came twice");
        assert!(there.iter().all(|r| once.binary_search(&r.root).is_ok()), "{sort:?} {ascending}: a row was left out");
    }
}
