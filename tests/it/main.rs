//! Tests of the whole from outside, in one binary.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of a test stops at the first surprise, as the test does")]

mod house;
