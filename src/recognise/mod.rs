//! Text becomes entries: records are framed, envelopes peeled, keys and values understood by conventions kept as data.
//!
//! Pure: no IO, no clock, no async; a reading is a function of the raw record and the name of its source. It never panics and never
//! loses a record: at the worst the record is text.

mod decimal;
pub mod frame;
pub mod instant;
pub mod length;
pub mod prefix;
pub mod severity;
pub mod stack;
pub mod text;
