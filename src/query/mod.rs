//! Index into answers: any id to its request ([`resolve`]), a request to its tree ([`assemble`]), rows to a page of them (`list`), words
//! to lines (`lines`).
//!
//! Guarantees: every question has a deadline and a bound on what it reads. Never writes.

pub mod assemble;
pub mod engine;
pub mod lines;
pub mod resolve;
pub mod search;
pub mod syntax;
pub mod view;
