//! stub
use crate::{model::status::Status, query::view::Answers};
use std::{future::Future, sync::Arc};
pub struct State { pub answers: Arc<dyn Answers>, pub status: tokio::sync::watch::Receiver<Status>, pub hosts: Vec<String>, pub listen_port: u16, pub version: &'static str }
pub fn router(_state: State) -> axum::Router { axum::Router::new() }
pub async fn serve(listener: tokio::net::TcpListener, router: axum::Router, shutdown: impl Future<Output = ()> + Send + 'static) { let _ = axum::serve(listener, router).with_graceful_shutdown(shutdown).await; }
