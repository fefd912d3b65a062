//! Serves the pages over invented requests, to look at them: `cargo run --example pages -- 7190`, optionally with `empty`, `reading` or
//! `hostile` behind the port.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/it/fixtures.rs"]
mod fixtures;

use std::sync::Arc;
use throughline::{model::status::Status, query::view::Answers, web};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let port = args.next().and_then(|p| p.parse().ok()).unwrap_or(7190);
    let kind = args.next().unwrap_or_default();
    let answers: Arc<dyn Answers> = match kind.as_str() {
        "empty" | "reading" => fixtures::Demo::empty(),
        "hostile" => fixtures::Demo::hostile(),
        _ => fixtures::Demo::new(),
    };
    let status = match kind.as_str() {
        "empty" => Status::default(),
        "reading" => Status { backlog_bytes: 900 << 20, ..fixtures::status() },
        _ => fixtures::status(),
    };
    let (_keep, status) = tokio::sync::watch::channel(status);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://127.0.0.1:{port}/");
    let state = web::State { answers, status, hosts: Vec::new(), listen_port: port, version: env!("CARGO_PKG_VERSION") };
    web::serve(listener, web::router(state), async {
        let _ = tokio::signal::ctrl_c().await;
    })
    .await
}
