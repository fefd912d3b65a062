//! Stack traces.
