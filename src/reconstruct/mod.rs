//! Entries of one request become its path: units, links with proof, spans, critical path, breakdown, verdict.
//!
//! Pure: no IO, no clock, no async; it cannot fail, it returns values plus anomalies. The same entries in any order give the same
//! trace. It guarantees that segments partition the interval exactly and that two requests are never joined by a group id, a host
//! or a time. It never fetches lines: `query::assemble` asks [`link`] which ids to follow and hands the lines to [`build`].

pub mod aliases;
pub mod answer_stamps;
pub mod arguments;
pub mod attempts;
pub mod breakdown;
pub mod build;
mod calls;
pub mod classify;
mod client_calls;
pub mod clocks;
pub mod critical_path;
mod document;
mod enclosing;
pub mod endings;
pub mod episodes;
pub mod executions;
pub mod fields;
mod holders;
mod in_runs;
pub mod item;
pub mod lanes;
pub mod learn;
pub mod link;
mod makers;
pub mod numbers;
mod owners;
pub mod roles;
pub mod route;
pub mod said;
pub mod session;
pub mod solo;
pub mod spans;
pub mod stamps;
pub mod stretch;
pub mod summary;
mod tasks;
pub mod tree;
mod unclaimed;
pub mod units;
pub mod verdict;
mod visits;
pub mod words;
