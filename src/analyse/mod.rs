//! Many paths → what is usual: lengths of the same operation in other requests.
//!
//! Guarantees: pure functions of paths; the order of paths does not matter. Never reads an index and never decides what a page shows.

pub mod operations;
