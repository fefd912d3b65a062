//! Many paths → what is usual: lengths of the same operation in other requests; two paths → what differs.
//!
//! Guarantees: pure functions of paths; of many, the order does not matter. Never reads an index and never decides what a page shows.

pub mod compare;
pub mod operations;
