//! Throughline: from log lines to a request's path. The map of the house; no re-exports.
//!
//! Floors, an import may only point to a lower one: 0 `model` · 1 `recognise`, `reconstruct`, `analyse` · 2 `source`, `store` · 3 `ingest`,
//! `query`, `export` ·
//! 4 `web`, `commands`, `rollup` · 5 `cli`, `app`, `main`. `tests/it/house.rs` keeps it so.

pub mod analyse;
pub mod app;
pub mod cli;
pub mod commands;
pub mod export;
pub mod ingest;
pub mod model;
pub mod query;
pub mod recognise;
pub mod reconstruct;
pub mod rollup;
pub mod source;
pub mod store;
pub mod web;
