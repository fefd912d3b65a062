//! What writing records and listing rows cost.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may panic")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use throughline::{
    model::{
        checkpoint::Checkpoint,
        entry::{FileId, Severity},
        summary::{Preset, RequestSummary, RowFilter, RowQuery, SortKey},
        time::UnixNanos,
        trace::{RetryClass, SegmentKind, Serving, State},
    },
    store::{Clause, LineDoc, LineQuery, Store, WriterOptions, rows::RowStore},
};

const WORDS: [&str; 16] =
    ["request", "received", "model", "answered", "after", "retry", "customer", "order", "charged", "timeout", "queue", "worker", "finished", "with", "status", "cache"];

/// Record number `n`: about 500 bytes, three ids, fifteen words.
fn doc(n: u64) -> LineDoc {
    let hash = |salt: u64| (n / 20 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let request = format!("{:016x}{:016x}", hash(1), hash(2));
    let (task, call) = (format!("{:016x}{:016x}", hash(n % 3), hash(4)), format!("{:016x}{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15), n));
    let words = (0..15).map(|i| WORDS[(n.wrapping_mul(31).wrapping_add(i * i * 7) % 16) as usize]).collect::<Vec<_>>().join(" ");
    let raw = format!(
        r#"{{"timestamp":"2026-03-01T09:00:{:02}.{:06}Z","level":"info","logger":"api.middleware","event":"{words}","request_id":"{request}","task_id":"{task}","call_id":"{call}","service":"api","version":"2026.3.4","env":"prod","host":"api-7d9f8b6c5-17bbc","pid":{},"region":"eu-central-1","method":"POST","path":"/v1/documents/ingest","duration_ms":{}.{:03}}}"#,
        n / 1000 % 60,
        n % 1000 * 997,
        n % 40,
        n % 800,
        n % 977
    );
    LineDoc {
        file: FileId(7),
        start: n * 500,
        end: n * 500 + 500,
        line: n + 1,
        lines: 1,
        raw: raw.into_bytes(),
        cut: None,
        ids: vec![request, task, call],
        words,
        level: Some(Severity::Info),
        source: "api".into(),
        service: Some("api".into()),
        time_ns: Some(1_772_355_600_000_000_000 + n as i64 * 1_000_000),
    }
}

fn row(n: u64) -> RequestSummary {
    let hash = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let root = format!("{hash:016x}{:016x}", hash.rotate_left(29));
    RequestSummary {
        id: format!("{}-{}-{}-{}-{}", &root[..8], &root[8..12], &root[12..16], &root[16..20], &root[20..]),
        root,
        id_kind: "request".to_owned(),
        scope: None,
        route: Some(format!("POST /v1/route/{}", hash % 40)),
        start: Some(UnixNanos(1_772_355_600_000_000_000 + n as i64 * 7_000_000)),
        response_ns: Some((hash % 3_000_000_000) as i64),
        completion_ns: Some((hash % 9_000_000_000) as i64),
        state: State::ALL[(hash % 97 % 7) as usize],
        status: Some(200),
        by_kind_ns: vec![(SegmentKind::Edge, 1_000_000), (SegmentKind::App, 20_000_000), (SegmentKind::ModelCall, 900_000_000)],
        queue_wait_ns: (hash % 800_000_000) as i64,
        model_ns: 900_000_000,
        attempts: 1 + (hash % 3) as u32,
        retries: (hash % 3) as u32,
        retry_class: RetryClass::Transient,
        serving: Serving::Primary,
        degraded: false,
        dead_lettered: false,
        duplicate_delivery: false,
        models: vec![format!("model-{}", hash % 9)],
        prompt_versions: vec![format!("support@{}", hash % 12)],
        config_versions: vec!["v7".to_owned()],
        tokens: Some(hash % 9000),
        cost_usd: Some(0.0042),
        errors: (hash % 4) as u32,
        error_type: None,
        lines: 39,
        sources: vec!["access".to_owned(), "app".to_owned(), "model".to_owned(), "worker".to_owned()],
        workers: vec![format!("worker-{}", hash % 5)],
        marks: vec![],
        clocks: Vec::new(),
    }
}

fn index(c: &mut Criterion) {
    let docs: Vec<LineDoc> = (0..20_000).map(doc).collect();
    let bytes = docs.iter().map(|doc| doc.raw.len() as u64).sum();
    let mut group = c.benchmark_group("index");
    group.throughput(Throughput::Bytes(bytes)).sample_size(10);
    group.bench_function("a batch of 20,000 records and its commit", |b| {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_writer(dir.path()).unwrap();
        let mut writer = store.writer(&WriterOptions::default()).unwrap();
        b.iter_batched(
            || docs.clone(),
            |docs| {
                for doc in docs {
                    writer.add(doc).unwrap();
                }
                writer.commit(&Checkpoint::default(), b"learned").unwrap()
            },
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(100));
    group.bench_function("a commit of 100 records", |b| {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_writer(dir.path()).unwrap();
        let mut writer = store.writer(&WriterOptions::default()).unwrap();
        b.iter_batched(
            || docs[..100].to_vec(),
            |docs| {
                for doc in docs {
                    writer.add(doc).unwrap();
                }
                writer.commit(&Checkpoint::default(), b"learned").unwrap()
            },
            BatchSize::PerIteration,
        );
    });
}

fn look_up(c: &mut Criterion) {
    let store = Store::in_memory().unwrap();
    let mut writer = store.writer(&WriterOptions::default()).unwrap();
    (0..200_000).for_each(|n| writer.add(doc(n)).unwrap());
    writer.commit(&Checkpoint::default(), b"").unwrap();
    let reader = store.reload().unwrap();
    let ids: Vec<String> = (0..200_000).step_by(997).map(|n| doc(n).ids.swap_remove(0)).collect();
    let mut group = c.benchmark_group("look up");
    let mut at = 0;
    group.bench_function("the 20 records of an id", |b| {
        b.iter(|| {
            at = (at + 1) % ids.len();
            assert_eq!(reader.records(&ids[at], 5000).unwrap().len(), 20);
        });
    });
    group.bench_function("count an id", |b| {
        b.iter(|| {
            at = (at + 1) % ids.len();
            reader.count(&ids[at])
        });
    });
    group.bench_function("terms that begin alike", |b| {
        b.iter(|| {
            at = (at + 1) % ids.len();
            reader.prefixed(&ids[at][..6], 40)
        });
    });
    let query = LineQuery { must: vec![Clause::Word("timeout".to_owned()), Clause::Level(Severity::Info)], must_not: vec![] };
    group.bench_function("the newest 50 of many records with a word", |b| b.iter(|| reader.search(&query, 50, true, None).unwrap().count));
}

fn list(c: &mut Criterion) {
    let store = RowStore::in_memory().unwrap();
    let mut writer = store.writer().unwrap();
    let rows: Vec<RequestSummary> = (0..50_000).map(row).collect();
    writer.replace(&[], &rows).unwrap();
    writer.commit(1, 1, "").unwrap();
    let reader = store.reload().unwrap();
    let mut group = c.benchmark_group("list 50,000 rows");
    group.sample_size(50);
    let all = RowQuery::default();
    let slowest = RowQuery { preset: Preset::Slowest, filters: vec![RowFilter::Route(vec!["POST /v1/route/1*".to_owned()])], ..RowQuery::default() };
    let ties = RowQuery { sort: Some(SortKey::Model), overview: false, ..RowQuery::default() };
    group.bench_function("newest first with overview", |b| b.iter(|| reader.list(&all).unwrap()));
    group.bench_function("slowest of some routes with overview", |b| b.iter(|| reader.list(&slowest).unwrap()));
    group.bench_function("a page without overview, all values equal", |b| b.iter(|| reader.list(&ties).unwrap()));
}

criterion_group!(benches, index, look_up, list);
criterion_main!(benches);
