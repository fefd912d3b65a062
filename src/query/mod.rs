//! Index into answers: any id to its request ([`resolve`]), a request to its tree ([`assemble`]), conditions on lines to the requests
//! they mean ([`roots`]), rows to a page of them ([`search`]), words to lines ([`hits`]) and to pages of them ([`listing`]).
//!
//! Guarantees: every question has a deadline and a bound on what it reads. Never writes.

mod about;
pub mod assemble;
mod called;
mod clocks;
pub mod conditions;
pub mod engine;
mod episodes;
pub mod hits;
mod kept;
pub mod lines;
pub mod listing;
mod over_time;
pub mod resolve;
pub mod roots;
pub mod search;
mod shared;
pub mod syntax;
mod unnamed;
pub mod view;
