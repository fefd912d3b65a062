//! How long the list takes over a million rows: writes them through the store's own writer, then asks for every order, filters, pages.
//!
//! `cargo run --release --example list_speed [ROWS]`. Prints the median and the longest of some tries; a test never does, since times
//! depend on the machine.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::time::{Duration, Instant};
use throughline::{
    model::{
        summary::{Preset, RequestSummary, RowFilter, RowQuery, SortKey},
        time::UnixNanos,
        trace::{RetryClass, SegmentKind, Serving, State},
    },
    store::RowStore,
};

const MS: i64 = 1_000_000;
const TRIES: usize = 7;

fn row(n: u64) -> RequestSummary {
    // A cheap mixing of the number: values differ, and the same rows come each time.
    let dice = |salt: u64, below: u64| (n.wrapping_add(salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) % below;
    let texts = |values: &[String]| values.to_vec();
    let total = (20 + dice(1, 30_000) as i64) * MS;
    let failed = dice(2, 40) == 0;
    let queued = dice(3, 3) == 0;
    RequestSummary {
        root: format!("req_01JDC9{:020X}", n.wrapping_mul(0xD134_2543_DE82_EF95)),
        id: format!("req_01JDC9{:020X}", n.wrapping_mul(0xD134_2543_DE82_EF95)),
        id_kind: "request".into(),
        scope: None,
        route: Some(format!("POST /tickets/{{id}}/{}", dice(4, 40))),
        start: Some(UnixNanos(1_795_443_667_012 * MS + n as i64 * 86 * MS)),
        response_ns: Some(total / 2),
        completion_ns: Some(total),
        state: if failed { State::Failed } else { State::Ok },
        status: Some(if failed { 502 } else { 200 }),
        by_kind_ns: vec![(SegmentKind::App, total / 8), (SegmentKind::QueueWait, if queued { total / 8 } else { 0 }), (SegmentKind::ModelStream, total / 2)],
        queue_wait_ns: if queued { total / 8 } else { 0 },
        model_ns: total / 2,
        attempts: 1 + dice(5, 3) as u32,
        retries: dice(5, 3) as u32,
        retry_class: RetryClass::Transient,
        serving: Serving::Primary,
        degraded: false,
        dead_lettered: false,
        duplicate_delivery: false,
        models: texts(&[format!("model-{}", dice(6, 6))]),
        prompt_versions: texts(&[format!("reply@{}", n / 300_000), format!("triage@{}", dice(7, 4))]),
        config_versions: texts(&[format!("cfg-{}", n / 400_000)]),
        tokens: Some(dice(8, 5_000)),
        cost_usd: None,
        errors: u32::from(failed),
        error_type: failed.then(|| format!("Error{}", dice(9, 12))),
        lines: 12,
        sources: texts(&["api".into(), format!("worker-{}", dice(10, 4))]),
        workers: texts(&[format!("worker-{}", dice(10, 4))]),
        marks: Vec::new(),
        clocks: Vec::new(),
    }
}

fn timed(what: &str, mut ask: impl FnMut() -> u64) {
    let mut took: Vec<Duration> = Vec::new();
    let mut matched = 0;
    for _ in 0..TRIES {
        let begun = Instant::now();
        matched = ask();
        took.push(begun.elapsed());
    }
    took.sort();
    println!("{what:<44} {:>7.1} ms median {:>7.1} ms most  {matched} matched", took[TRIES / 2].as_secs_f64() * 1e3, took[TRIES - 1].as_secs_f64() * 1e3);
}

fn main() {
    let rows: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let store = RowStore::in_memory().unwrap();
    let mut writer = store.writer().unwrap();
    for from in (0..rows).step_by(10_000) {
        let some: Vec<RequestSummary> = (from..(from + 10_000).min(rows)).map(row).collect();
        writer.replace(&[], &some).unwrap();
    }
    writer.commit(1, 1, "").unwrap();
    let reader = store.reload().unwrap();
    let list = |query: &RowQuery| reader.list(query).unwrap();
    println!("{} rows", reader.count());
    for sort in SortKey::ALL {
        for ascending in [false, true] {
            timed(&format!("by {} {}", sort.word(), if ascending { "up" } else { "down" }), || list(&RowQuery { sort: Some(sort), ascending, ..RowQuery::default() }).matched);
        }
    }
    for preset in Preset::ALL {
        timed(&format!("preset {}", preset.word()), || list(&RowQuery { preset, ..RowQuery::default() }).matched);
    }
    let one = |text: &str| vec![text.to_owned()];
    for filter in [
        RowFilter::Route(one("POST /tickets/{id}/7")),
        RowFilter::State(one("failed")),
        RowFilter::Stage(one("queue")),
        RowFilter::Error(one("Error3")),
        RowFilter::Model(one("model-2")),
        RowFilter::Prompt(one("reply")),
        RowFilter::Config(one("cfg-1")),
        RowFilter::Worker(one("worker-1")),
        RowFilter::Source(one("api")),
        RowFilter::Total(Some(5_000 * MS), None),
    ] {
        timed(&format!("{filter:?}"), || list(&RowQuery { filters: vec![filter.clone()], ..RowQuery::default() }).matched);
    }
    let mut after = None;
    for _ in 0..20 {
        after = list(&RowQuery { sort: Some(SortKey::Attempts), after, overview: false, ..RowQuery::default() }).next;
    }
    timed("page 21 by attempts, without overview", || list(&RowQuery { sort: Some(SortKey::Attempts), after: after.clone(), overview: false, ..RowQuery::default() }).matched);
    timed("page 21 by attempts, with overview", || list(&RowQuery { sort: Some(SortKey::Attempts), after: after.clone(), ..RowQuery::default() }).matched);
}
