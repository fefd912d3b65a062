//! Text becomes entries: records are framed, envelopes peeled, keys and values understood by conventions kept as data.
//!
//! Pure: no IO, no clock, no async; a reading is a function of the raw record and the name of its source. It never panics and never
//! loses a record: at the worst the record is text.

mod apply;
mod customs;
mod decimal;
mod escapes;
pub mod explain;
mod facets;
mod failure;
pub mod frame;
mod ids;
pub mod instant;
pub mod length;
mod meaning;
mod mine;
mod names;
mod plan;
pub mod prefix;
mod prose;
mod reader;
mod role;
pub mod samples;
mod scan;
pub mod sensitive;
pub mod settings;
pub mod severity;
mod shape;
mod signature;
pub mod spelling;
pub mod stack;
mod table;
pub mod text;
pub mod thrown;
mod turning;
mod twins;
mod two_parts;
mod values;

pub use customs::{Counted, UNUSED, customs_id};
pub use reader::Reader;
pub use table::{Sample, TableError, Tables};

use crate::model::{entry::Entry, id::canonical};

/// Index terms of every id of an entry: its canonical form, with the scope behind `\u{1f}` when the value is weak. One that may turn out to be
/// unique by how the others of its make look has both.
pub fn terms(entry: &Entry, push: &mut dyn FnMut(String)) {
    for id in &entry.ids {
        if let Some(term) = id.term() {
            push(term);
        }
        if id.scope.is_some() && id.make().is_some() {
            push(canonical(&id.value).into_owned());
        }
    }
}

/// The prose of an entry, to be indexed by words: its text, and the names and messages that people search for. No prompts, no dumps.
pub fn prose(entry: &Entry) -> impl Iterator<Item = &str> {
    let failure = entry.failure.as_deref();
    let model = entry.model.as_deref();
    let job = entry.job.as_deref();
    let http = entry.http.as_deref();
    [
        entry.body.as_deref(),
        entry.operation.as_deref(),
        entry.outcome.as_deref(),
        entry.tool.as_deref(),
        failure.and_then(|f| f.kind.as_deref()),
        failure.and_then(|f| f.message.as_deref()),
        failure.and_then(|f| f.code.as_deref()),
        model.and_then(|m| m.requested.as_deref()),
        model.and_then(|m| m.served.as_deref()),
        model.and_then(|m| m.provider.as_deref()),
        job.and_then(|j| j.name.as_deref()),
        job.and_then(|j| j.queue.as_deref()),
        http.and_then(|h| h.path.as_deref()),
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod mutations;
#[cfg(test)]
mod tests;
