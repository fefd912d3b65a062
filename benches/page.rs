//! How long does the page of a request take from the question to its last byte: of 300 steps, of 10,000, and of 48,310 drawn to its 2,000
//! rows; the first time, when its path is made from the index, and again, when it is kept. The sizes of what is sent are printed once.

mod support;

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use criterion::{Criterion, criterion_group, criterion_main};
use std::{fmt::Write, hint::black_box, sync::Arc};
use support::engine_of;
use throughline::{
    model::status::Status,
    web::{self, State},
};
use tokio::{runtime::Runtime, sync::watch};
use tower::ServiceExt;

/// As the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STEPS: [usize; 3] = [300, 10_000, 48_310];

fn id(steps: usize, nth: usize) -> String {
    format!("req_01JDC9V6Q8Z4M2K7T3W{nth:02}{steps:05}")
}

/// So many requests asked for in turn find none of them kept.
fn requests(steps: usize) -> usize {
    (60_000 / steps + 1).min(9)
}

/// An agent's request: model calls, tools of four names and writes, each a line that states its length; one in a thousand fails.
fn agent(steps: usize, nth: usize) -> String {
    let request = id(steps, nth);
    let at = |ms: usize| format!("2026-11-23T{:02}:{:02}:{:02}.{:03}Z", 9 + ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
    let mut out = format!(
        "{{\"time\":\"{}\",\"level\":\"info\",\"service\":\"api\",\"request_id\":\"{request}\",\"msg\":\"request received\",\"method\":\"POST\",\"path\":\"/agent\"}}\n",
        at(0)
    );
    let mut now = 5;
    for step in 0..steps {
        let took = 3 + step * 7_919 % 40;
        now += took + 1;
        let what = match step % 7 {
            0 => format!(
                "\"msg\":\"model call finished\",\"model\":\"gpt-4.1-mini\",\"input_tokens\":{},\"output_tokens\":{},\"call_id\":\"chatcmpl-{nth:02}{steps:06}{step:08}ab\"",
                900 + step % 100,
                40 + step % 60
            ),
            3 => "\"msg\":\"db insert\",\"table\":\"notes\"".to_owned(),
            _ => format!(
                "\"msg\":\"tool call finished\",\"tool\":\"{}\",\"tool_call_id\":\"call_{nth:02}{steps:06}{step:08}xy\"",
                ["search", "fetch", "summarise", "rank"][step % 4]
            ),
        };
        let level = if step % 997 == 5 { "\"error\",\"error\":{\"type\":\"Timeout\",\"message\":\"no answer in time\"}" } else { "\"info\"" };
        let _ = writeln!(out, "{{\"time\":\"{}\",\"level\":{level},\"service\":\"agent\",\"request_id\":\"{request}\",\"duration_ms\":{took},{what}}}", at(now));
    }
    let _ = writeln!(
        out,
        "{{\"time\":\"{}\",\"level\":\"info\",\"service\":\"api\",\"request_id\":\"{request}\",\"msg\":\"request completed\",\"status\":200,\"duration_ms\":{}}}",
        at(now + 5),
        now + 5
    );
    out
}

fn page(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    for steps in STEPS {
        let dir = tempfile::tempdir().expect("a folder");
        let log = dir.path().join("agent.log");
        std::fs::write(&log, (0..requests(steps)).map(|nth| agent(steps, nth)).collect::<String>()).expect("a log");
        let engine = engine_of(&log, &dir.path().join("data"));
        let (_keep, status) = watch::channel(Status::default());
        let router = web::router(State { answers: Arc::new(engine), status, hosts: Vec::new(), listen_port: 7171, version: "0.0.0" });
        let ask = |nth: usize, packed: bool| {
            let mut request = Request::builder().uri(format!("/r/{}", id(steps, nth))).header("host", "127.0.0.1:7171");
            if packed {
                request = request.header("accept-encoding", "gzip");
            }
            let request = request.body(Body::empty()).expect("a request");
            runtime.block_on(async {
                let answer = router.clone().oneshot(request).await.expect("an answer");
                assert_eq!(answer.status(), 200);
                to_bytes(answer.into_body(), 64 << 20).await.expect("a body").len()
            })
        };
        eprintln!("{steps} steps: {} bytes of HTML, {} packed", ask(0, false), ask(0, true));
        let mut group = c.benchmark_group("page");
        group.sample_size(10);
        let mut turn = 0;
        group.bench_function(format!("{steps} steps, first"), |b| {
            b.iter(|| {
                turn = (turn + 1) % requests(steps);
                black_box(ask(turn, false))
            });
        });
        group.bench_function(format!("{steps} steps, again"), |b| b.iter(|| black_box(ask(0, false))));
        group.finish();
    }
}

criterion_group!(benches, page);
criterion_main!(benches);
