//! The pages: HTTP in front of [`Answers`].
//!
//! Guarantees: everything is read-only and works without scripts; whatever a log holds is shown as text; a question runs on a thread of
//! its own, at most [`MAX_QUESTIONS`] at once, and within a deadline. Never opens the index, a file or a socket of its own.

mod again;
pub mod assets;
mod cache;
pub mod charts;
mod chrome;
mod error;
pub mod escape;
mod guard;
pub mod links;
mod live;
mod pages;
pub mod scale;
mod serve;
pub mod time_map;
pub mod waterfall;

pub use pages::request::single;
pub use serve::serve;

use crate::model::format;
use crate::{
    model::status::Status,
    query::view::{Answers, QueryError},
};
use axum::{Router, middleware, routing::get};
use error::Problem;
use std::{ops::Deref, sync::Arc};
use tokio::sync::{Semaphore, watch};
use tower_http::compression::CompressionLayer;

/// Most questions to the index at once; further ones wait for their turn within the deadline.
pub const MAX_QUESTIONS: usize = 16;

/// What the pages stand on.
#[derive(Clone)]
pub struct State {
    /// Answers from the index.
    pub answers: Arc<dyn Answers>,
    /// How reading stands.
    pub status: watch::Receiver<Status>,
    /// Further names this server is reached by (`--allow-host`): `name` or `name:port`.
    pub hosts: Vec<String>,
    /// Port it listens on.
    pub listen_port: u16,
    /// Version of the program.
    pub version: &'static str,
}

/// [`State`] with the turnstile before the index.
#[derive(Clone)]
struct Shared {
    state: Arc<State>,
    turns: Arc<Semaphore>,
    /// Places for readers who follow.
    streams: Arc<Semaphore>,
}

impl Deref for Shared {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl Shared {
    /// Asks on a thread that may block; the turn is held until the answer is there, even when nobody waits for it any more.
    async fn ask<T: Send + 'static>(&self, question: impl FnOnce(&dyn Answers) -> Result<T, QueryError> + Send + 'static) -> Result<T, Problem> {
        let turn = self.turns.clone().acquire_owned().await.map_err(|e| Problem::Fault { cause: e.to_string() })?;
        let answers = self.answers.clone();
        let answered = tokio::task::spawn_blocking(move || {
            let answer = question(&*answers);
            drop(turn);
            answer
        });
        Ok(answered.await.map_err(|e| Problem::Fault { cause: e.to_string() })??)
    }
}

/// Every page and its address.
pub fn router(state: State) -> Router {
    let shared = Shared { state: Arc::new(state), turns: Arc::new(Semaphore::new(MAX_QUESTIONS)), streams: Arc::new(Semaphore::new(live::MAX_STREAMS)) };
    Router::new()
        .route("/", get(pages::list::page))
        .route("/requests.json", get(pages::list::json))
        .route("/r/{id}", get(pages::request::page))
        .route("/compare", get(pages::compare::page))
        .route("/compare.json", get(pages::compare::json))
        .route("/t/{id}", get(pages::go::task))
        .route("/go", get(pages::go::page))
        .route("/lines", get(pages::lines::page))
        .route("/lines.json", get(pages::lines::json))
        .route("/live", get(live::events))
        .route("/sources", get(pages::sources::page))
        .route("/sources.json", get(pages::sources::json))
        .route("/healthz", get(pages::health::json))
        .route("/static/{file}", get(assets::file))
        .fallback(async || Problem::NoPage)
        .layer(middleware::from_fn(again::offer))
        .layer(middleware::from_fn(cache::revalidate))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(shared.clone(), guard::guard))
        .with_state(shared)
}
