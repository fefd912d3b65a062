//! The nouns: pure data with OpenTelemetry's names where it has one.
//!
//! Guarantees: no IO, no clock, no async; every length is integer nanoseconds and says so in its name. Never knows how a thing
//! was read, stored or shown.

pub mod checkpoint;
pub mod clock_words;
pub mod entry;
pub mod format;
pub mod habits;
pub mod id;
pub mod id_time;
pub mod log_line;
pub mod path_words;
pub mod profile;
pub mod record;
pub mod status;
pub mod summary;
pub mod time;
pub mod trace;
