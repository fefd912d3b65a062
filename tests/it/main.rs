//! The integration tests, one binary.

mod tailing;
