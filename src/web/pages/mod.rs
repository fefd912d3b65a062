//! One file a page: what was asked, the question to the index, and the words and numbers its template prints.
//!
//! Guarantees: a template gets text that is ready, computes nothing and marks nothing as safe.

pub mod compare;
pub mod go;
pub mod health;
pub mod lines;
pub mod list;
mod parts;
pub mod request;
pub mod sources;

use crate::web::error::Problem;
use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::Serialize;

/// What stands behind `?` in an address, in order; of a key given twice the last counts.
pub type Pairs = Vec<(String, String)>;

/// Value of a key; empty values count as absent.
fn value<'a>(pairs: &'a Pairs, key: &str) -> Option<&'a str> {
    pairs.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v.trim()).filter(|v| !v.is_empty())
}

/// A page.
fn html(page: &impl Template) -> Result<Response, Problem> {
    Ok(Html(page.render()?).into_response())
}

/// A document.
fn document(status: StatusCode, value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|e| Problem::Fault { cause: e.to_string() })?;
    Ok((status, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}
