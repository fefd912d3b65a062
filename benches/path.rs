//! How long does a question take: an id resolved and its path rebuilt, a list with its overview, over the sample logs.

use criterion::{Criterion, criterion_group, criterion_main};
use std::{hint::black_box, path::Path, sync::Arc, time::Duration};
use throughline::{
    app::pipeline::Pipeline,
    model::summary::RowQuery,
    query::{
        engine::Engine,
        view::{Answers, Times},
    },
    recognise::Tables,
    source::Watch,
    store::{RowStore, Store},
};

fn questions(c: &mut Criterion) {
    let data = tempfile::tempdir().expect("a temporary directory");
    let store = Arc::new(Store::open_writer(data.path()).expect("a store"));
    let rows = Arc::new(RowStore::open(data.path()).expect("rows").0);
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs");
    let watch = Watch { paths: vec![logs.display().to_string()], follow: false, spool_dir: data.path().join("spool"), poll_only: true };
    let pipeline = Pipeline::start(store.clone(), rows.clone(), Tables::builtin(), watch).expect("sources");
    while !pipeline.is_done() {
        std::thread::sleep(Duration::from_millis(10));
    }
    pipeline.finish().expect("the sample logs are read");
    let engine = Engine::new(store, rows, Tables::builtin());
    c.bench_function("rebuild a path by its request id", |b| b.iter(|| black_box(engine.path("req_01M7QGFP4Z7RT7ZZGYQE2G9KB0", None, Times::Written))));
    c.bench_function("rebuild a path by a call id", |b| b.iter(|| black_box(engine.path("759ea5cc-add4-41f6-8346-14ff514952ec", None, Times::Written))));
    c.bench_function("resolve an id that is not there", |b| b.iter(|| black_box(engine.path("req_01M7QGFP4Z7RT7ZZGYQE2G9ZZZ", None, Times::Written))));
    c.bench_function("list requests with the overview", |b| b.iter(|| black_box(engine.list("", RowQuery::default()))));
}

criterion_group!(benches, questions);
criterion_main!(benches);
