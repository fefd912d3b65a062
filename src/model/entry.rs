//! One log record as it was understood: an [`Entry`] with OpenTelemetry's names and the facets of an AI product's request.
//!
//! An entry holds what the line says, nothing that was learned from other lines: zones, bare units and roles are applied later
//! from a profile. Absent means the line does not say. Never holds the raw text: that is in the store, found by `at`.

use crate::model::{
    id::IdRef,
    time::{Instant, Length},
};
use std::sync::Arc;

/// A source file's lineage: stays the same across renames and rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct FileId(pub u64);

/// Where an entry stands. `(file, start, sub)` is its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct At {
    /// The lineage.
    pub file: FileId,
    /// Decompressed byte offset of the record's first byte.
    pub start: u64,
    /// Which entry of the record, when an envelope carries a batch.
    pub sub: u32,
    /// 1-based number of the record's first physical line.
    pub line: u64,
}

/// Severity, in OpenTelemetry's six ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// TRACE
    Trace,
    /// DEBUG
    Debug,
    /// INFO, notice
    Info,
    /// WARN
    Warn,
    /// ERROR
    Error,
    /// FATAL, critical, alert, emergency, panic
    Fatal,
}

impl Severity {
    /// The word on pages and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

/// Status of an access record whose client left before anything was sent, as Caddy and Envoy write it.
pub const NEVER_ANSWERED: u16 = 0;

/// One log record as it was understood.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Entry {
    /// Where it stands. Known from outside when an entry is kept in its compact form, like the source and the convention.
    #[serde(skip)]
    pub at: At,
    /// The name of the log it stands in, without rotation suffixes; `service` when the line names none.
    #[serde(skip)]
    pub source: Arc<str>,
    /// The same for the same text of a record: tells what was written twice.
    pub fingerprint: u64,
    /// The application's time.
    pub time: Option<Instant>,
    /// The shipper's time, when an envelope states another one.
    pub received: Option<Instant>,
    /// Severity.
    pub severity: Option<Severity>,
    /// The human text.
    pub body: Option<Box<str>>,
    /// Application name, when the line names it.
    pub service: Option<Box<str>>,
    /// Logger, category, channel or target.
    pub logger: Option<Box<str>>,
    /// Host, pod or container.
    pub host: Option<Box<str>>,
    /// Thread, process or worker name that ran it, as `thread=Thread-7`, `worker=rq-0`, `pid=67`: the most specific stated.
    pub context: Option<Box<str>>,
    /// Process, when the line names one.
    pub process: Option<Box<str>>,
    /// Every id candidate.
    pub ids: Vec<IdRef>,
    /// The length the line states for the thing it is about.
    pub duration: Option<Length>,
    /// Explicit begin of the thing it is about.
    pub started: Option<Instant>,
    /// Explicit end.
    pub ended: Option<Instant>,
    /// Length to the first token.
    pub first_token: Option<Box<Length>>,
    /// How long is waited before the next attempt.
    pub retry_delay: Option<Box<Length>>,
    /// Instant of the first token.
    pub first_token_at: Option<Box<Instant>>,
    /// The operation's name when a field states it (`operation`, `span.name`, `task_name`, `event` that is no prose).
    pub operation: Option<Box<str>>,
    /// Outcome word as written (`succeeded`, `SUCCESS`, `failure`) when it is not an HTTP status.
    pub outcome: Option<Box<str>>,
    /// Attempt number.
    pub attempt: Option<Box<Attempt>>,
    /// HTTP facet.
    pub http: Option<Box<Http>>,
    /// Model call facet.
    pub model: Option<Box<ModelCall>>,
    /// Queue and job facet.
    pub job: Option<Box<Job>>,
    /// Downstream write or read facet.
    pub write: Option<Box<Write>>,
    /// Tool name, when the line is about a tool call.
    pub tool: Option<Box<str>>,
    /// What went wrong.
    pub failure: Option<Box<Failure>>,
    /// Fallback facet.
    pub fallback: Option<Box<Fallback>>,
    /// Version of the configuration in force (`config_version`, `config_hash`, `policy_version`).
    pub config_version: Option<Box<str>>,
    /// Version of the deployed service (`service.version`, `release`).
    pub service_version: Option<Box<str>>,
    /// How it was read.
    pub reading: Reading,
}

impl Entry {
    /// Takes from another reading of the same line what this one lacks; severity and logger are the line's own.
    pub fn complete(&mut self, other: Self) {
        fn take<T>(slot: &mut Option<T>, other: Option<T>) {
            if slot.is_none() {
                *slot = other;
            }
        }
        take(&mut self.duration, other.duration);
        take(&mut self.started, other.started);
        take(&mut self.ended, other.ended);
        take(&mut self.first_token, other.first_token);
        take(&mut self.retry_delay, other.retry_delay);
        take(&mut self.operation, other.operation);
        take(&mut self.outcome, other.outcome);
        take(&mut self.attempt, other.attempt);
        take(&mut self.http, other.http);
        take(&mut self.model, other.model);
        take(&mut self.job, other.job);
        take(&mut self.write, other.write);
        take(&mut self.tool, other.tool);
        take(&mut self.failure, other.failure);
        take(&mut self.fallback, other.fallback);
        for id in other.ids {
            if !self.ids.iter().any(|known| known.value == id.value) {
                self.ids.push(id);
            }
        }
    }
}

/// How a record was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reading {
    /// It is a JSON object (or an envelope around one).
    pub json: bool,
    /// Name of the convention that read it; empty: the generic rules.
    #[serde(skip)]
    pub convention: &'static str,
    /// The record could not be understood beyond its text: broken JSON, invalid UTF-8.
    pub unparsed: bool,
    /// A text record that continues the record before it (stack trace, wrapped text).
    pub continues: bool,
    /// The length was read from the text, not from a field.
    pub duration_in_text: bool,
    /// Times that cannot be held (year 1, year 9999): shown, used for nothing.
    pub time_out_of_range: bool,
}

/// An attempt number.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Attempt {
    /// As written.
    pub raw: Box<str>,
    /// Counted from 1, by the convention of the key.
    pub number: u32,
}

/// HTTP facet.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Http {
    /// Method.
    pub method: Option<Box<str>>,
    /// Path as written, without the query.
    pub path: Option<Box<str>>,
    /// Route template when the line states one.
    pub route: Option<Box<str>>,
    /// Status code.
    pub status: Option<u16>,
    /// The line is an access record (method, path and status of an answered request).
    pub access: bool,
    /// Whoever asked ended the connection before the answer was whole, in the words of the proxy.
    pub client_left: bool,
}

/// Model call facet (`gen_ai.*`).
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ModelCall {
    /// Requested model; the only one when the line does not say which.
    pub requested: Option<Box<str>>,
    /// Served model.
    pub served: Option<Box<str>>,
    /// Model group or alias of a gateway.
    pub group: Option<Box<str>>,
    /// Provider.
    pub provider: Option<Box<str>>,
    /// Operation: `chat`, `embeddings`.
    pub operation: Option<Box<str>>,
    /// Input tokens.
    pub input_tokens: Option<u64>,
    /// Output tokens.
    pub output_tokens: Option<u64>,
    /// Tokens read from a cache.
    pub cached_tokens: Option<u64>,
    /// Reasoning tokens.
    pub reasoning_tokens: Option<u64>,
    /// Cost as logged, in US dollars.
    pub cost_usd: Option<f64>,
    /// Why the model stopped.
    pub finish_reason: Option<Box<str>>,
    /// Prompt name.
    pub prompt_name: Option<Box<str>>,
    /// Prompt version.
    pub prompt_version: Option<Box<str>>,
    /// The answer was streamed.
    pub stream: Option<bool>,
    /// The answer came from a cache.
    pub cache_hit: Option<bool>,
}

/// Queue and job facet.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Job {
    /// Queue, topic or stream.
    pub queue: Option<Box<str>>,
    /// Task or actor name.
    pub name: Option<Box<str>>,
    /// Which of its queue's tasks it is, by a member that may say that of a step, too (`kind`).
    pub kind: Option<Box<str>>,
    /// State word as written.
    pub state: Option<Box<str>>,
    /// Stated wait in the queue.
    pub queue_wait: Option<Length>,
    /// Stated delay before it may run (countdown, delay, eta as a length).
    pub delay: Option<Length>,
    /// When it was enqueued, as a field of a later line states it.
    pub enqueued: Option<Instant>,
}

/// A downstream read or write.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Write {
    /// `sqlite`, `postgresql`, `s3`, `redis`.
    pub system: Option<Box<str>>,
    /// `insert`, `update`, `select`, `put`.
    pub operation: Option<Box<str>>,
    /// Table, collection or bucket.
    pub target: Option<Box<str>>,
    /// Rows touched.
    pub rows: Option<u64>,
}

/// What went wrong, as the line says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Failure {
    /// Class or kind.
    pub kind: Option<Box<str>>,
    /// Text.
    pub message: Option<Box<str>>,
    /// Provider or system code (`insufficient_quota`, `40001`, `429` inside an error object).
    pub code: Option<Box<str>>,
    /// The line says whether it may be retried.
    pub retryable: Option<bool>,
    /// A stack trace stands in the line.
    pub has_stack: bool,
}

/// Fallback facet.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fallback {
    /// Model or group that was left.
    pub from: Option<Box<str>>,
    /// Model or group taken instead.
    pub to: Option<Box<str>>,
    /// The line says that a fallback was or was not used.
    pub used: Option<bool>,
    /// Only the text says that it is a fallback: what was left and taken may be anything's.
    pub in_words: bool,
}
