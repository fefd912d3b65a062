//! How long does a question take: an id resolved and its path rebuilt, a list with its overview, over the sample logs; and what linking and drawing
//! cost beyond reading, of a path of 40 units and 300 lines and of one of 10,000 lines.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use std::{hint::black_box, path::Path};
use support::engine_of;
use throughline::{
    model::summary::RowQuery,
    query::{
        assemble::Assembler,
        lines::IndexLines,
        view::{Answers, Times},
    },
    recognise::Tables,
    reconstruct::build,
};

/// As the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A request that hands over `tasks` tasks, each of `lines` lines.
fn fanned_out(tasks: usize, lines: usize) -> String {
    let request = "req_01JDC9V6Q8Z4M2K7T3W5XH0B1N";
    let at = |ms: usize| format!("2026-11-23T{:02}:{:02}:{:02}.{:03}Z", 9 + ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
    let mut out = format!("{{\"time\":\"{}\",\"level\":\"info\",\"service\":\"api\",\"request_id\":\"{request}\",\"msg\":\"request received\"}}\n", at(0));
    for task in 0..tasks {
        let id = format!("{task:08x}-6c5e-4c7a-9c1d-0f2a3b4c5d6e");
        for line in 0..lines {
            let message = match line {
                0 => format!("task enqueued\",\"request_id\":\"{request}"),
                1 => "task started".to_owned(),
                last if last + 1 == lines => format!("task finished\",\"duration_ms\":{},\"by\":\"w", (lines - 2) * 10),
                n => format!("row {n} stored"),
            };
            let service = if line == 0 { "api" } else { "worker" };
            out.push_str(&format!("{{\"time\":\"{}\",\"level\":\"info\",\"service\":\"{service}\",\"task_id\":\"{id}\",\"msg\":\"{message}\"}}\n", at(task * 20 + line * 10 + 5)));
        }
    }
    out
}

fn drawing(c: &mut Criterion) {
    for (name, tasks, lines) in [("draw 40 units and 300 lines", 40, 7), ("draw 10,000 lines", 1_000, 10)] {
        let data = tempfile::tempdir().expect("a temporary directory");
        let log = data.path().join("all.log");
        std::fs::write(&log, fanned_out(tasks, lines)).expect("a log");
        let engine = engine_of(&log, &data.path().join("d"));
        let snapshot = engine.snapshot().expect("a snapshot");
        let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, &snapshot.profile, Tables::builtin(), None);
        let root = Assembler::new(&index, &snapshot.profile).root_of("req_01JDC9V6Q8Z4M2K7T3W5XH0B1N").expect("the index").expect("a root");
        // Every line is read by now: what is measured is what comes behind.
        let drawn = || build::build(&Assembler::new(&index, &snapshot.profile).tree_of_root(&root).expect("a tree"), &snapshot.profile);
        assert!(drawn().trace.lines.len() > 280);
        c.bench_function(name, |b| b.iter(|| black_box(drawn())));
    }
}

fn questions(c: &mut Criterion) {
    let data = tempfile::tempdir().expect("a temporary directory");
    let engine = engine_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs"), data.path());
    c.bench_function("rebuild a path by its request id", |b| b.iter(|| black_box(engine.path("req_01M7QGFP4Z7RT7ZZGYQE2G9KB0", None, Times::Written))));
    c.bench_function("rebuild a path by a call id", |b| b.iter(|| black_box(engine.path("759ea5cc-add4-41f6-8346-14ff514952ec", None, Times::Written))));
    c.bench_function("resolve an id that is not there", |b| b.iter(|| black_box(engine.path("req_01M7QGFP4Z7RT7ZZGYQE2G9ZZZ", None, Times::Written))));
    c.bench_function("list requests with the overview", |b| b.iter(|| black_box(engine.list("", RowQuery::default()))));
}

criterion_group!(benches, questions, drawing);
criterion_main!(benches);
