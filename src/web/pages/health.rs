//! `/healthz`: whether the program answers, in a form a supervisor reads.
//!
//! Guarantees: 200 as long as the index answers; a pause of reading is named, not hidden, and does not make it unhealthy: restarting
//! would not cure a full disk.

use crate::web::{Shared, error::Problem, pages::document};
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// `/healthz`.
pub async fn json(State(shared): State<Shared>) -> Result<Response, Problem> {
    let requests = shared.ask(|answers| Ok(answers.requests())).await?;
    let status = shared.status.borrow();
    let body = json!({
        "status": "ok",
        "version": shared.version,
        "requests": requests,
        "sources": status.sources.len(),
        "backlog_bytes": status.backlog_bytes,
        "following": status.following,
        "newest": status.newest,
        "paused": status.paused,
        "list_behind": status.list_behind,
    });
    drop(status);
    // Whoever watches wants the moment, not a copy.
    Ok(([(header::CACHE_CONTROL, "no-store")], document(StatusCode::OK, &body)?).into_response())
}
