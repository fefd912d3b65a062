//! A request's path as it was reconstructed: spans, links, breakdown, verdict. Serialised, it is the public path document
//! (schema 1): instants in RFC 3339 UTC with nanoseconds, lengths as integer nanoseconds ending in `_ns`, unknown keys absent.
//!
//! Guarantees held by the builder (`reconstruct`): the segments of a breakdown are disjoint, ordered and add up to `total_ns`
//! exactly; every id but the root's names the line that proves it. Never holds raw text: a [`LogLine`] carries what a page shows.

pub use crate::model::log_line::LogLine;
pub use crate::model::path_words::{AnomalyKind, Evidence, FailureClass, LinkRule, Outcome, PlacedBy, RetryClass, SegmentKind, Serving, SpanKind, Stage, State};

use crate::model::time::UnixNanos;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

/// `file:line`: the path as shown and the 1-based number of the record's first physical line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineRef {
    /// Path as shown on pages.
    pub file: Arc<str>,
    /// 1-based line number.
    pub line: u64,
}

impl fmt::Display for LineRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Serialize for LineRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LineRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (file, line) = text.rsplit_once(':').ok_or_else(|| serde::de::Error::custom("expected file:line"))?;
        Ok(Self { file: file.into(), line: line.parse().map_err(serde::de::Error::custom)? })
    }
}

/// Why an id belongs: the rule, the id it hangs on, and the lines that carry both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The rule.
    pub rule: LinkRule,
    /// `kind:value` of the id it hangs on.
    pub parent: String,
    /// The proving lines.
    pub lines: Vec<LineRef>,
}

/// An id of the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathId {
    /// `request`, `trace`, `task`, `job`, `call`, `tool`, `message`, `span`.
    pub kind: String,
    /// As written.
    pub value: String,
    /// For weak ids only: `queue=embed`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scope: Option<String>,
    /// Absent for the root's own id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub proof: Option<Proof>,
}

/// The error of a span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanError {
    /// Class name or code.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<String>,
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<String>,
    /// Transient, semantic or unknown.
    pub class: FailureClass,
    /// The rule that decided, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<String>,
}

/// What a model call says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SpanModel {
    /// Requested model.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub requested: Option<String>,
    /// Served model.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub served: Option<String>,
    /// Provider.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<String>,
    /// Prompt name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prompt: Option<String>,
    /// Prompt version.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prompt_version: Option<String>,
    /// Configuration version.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub config_version: Option<String>,
    /// Input tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input_tokens: Option<u64>,
    /// Output tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub output_tokens: Option<u64>,
    /// Cached tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cached_tokens: Option<u64>,
    /// Logged cost.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost_usd: Option<f64>,
    /// Begin to first token.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_token_ns: Option<i64>,
    /// Why it stopped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finish_reason: Option<String>,
}

/// One step of the path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Unique within the document: `s1`, `s2` … in order of start, the root first.
    pub id: String,
    /// The span it hangs under.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parent: Option<String>,
    /// What it is.
    pub kind: SpanKind,
    /// Its name.
    pub name: String,
    /// Service.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub service: Option<String>,
    /// Host.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub host: Option<String>,
    /// Begin.
    pub start: UnixNanos,
    /// End; absent when unfinished and nothing bounds it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end: Option<UnixNanos>,
    /// How the interval is known.
    pub evidence: Evidence,
    /// It began and no end was seen.
    pub unfinished: bool,
    /// Attempt number from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempt: Option<u32>,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<Box<SpanError>>,
    /// `kind:value` of its ids.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ids: Vec<String>,
    /// The lines it stands on.
    pub lines: Vec<LineRef>,
    /// The response waited for it.
    pub blocking: bool,
    /// HTTP status, when one is stated.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// Queue it waited in or was taken from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub queue: Option<String>,
    /// A stated back-off or delay, shown beside the measured wait.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stated_wait_ns: Option<i64>,
    /// Model call facts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<Box<SpanModel>>,
}

impl Span {
    /// A step with a stated interval of which nothing else is known.
    pub fn new(id: &str, kind: SpanKind, name: &str, start: UnixNanos, end: UnixNanos) -> Self {
        Self {
            id: id.into(),
            parent: None,
            kind,
            name: name.into(),
            service: None,
            host: None,
            start,
            end: Some(end),
            evidence: Evidence::Stated,
            unfinished: false,
            attempt: None,
            outcome: Outcome::Ok,
            error: None,
            ids: Vec::new(),
            lines: Vec::new(),
            blocking: true,
            status: None,
            queue: None,
            stated_wait_ns: None,
            model: None,
        }
    }

    /// End, or start when no end is known.
    pub fn end_or_start(&self) -> UnixNanos {
        self.end.unwrap_or(self.start)
    }

    /// Length; 0 when no end is known.
    pub fn duration_ns(&self) -> i64 {
        self.end_or_start().0 - self.start.0
    }
}

/// One piece of a breakdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// What the time was spent on.
    pub kind: SegmentKind,
    /// The span it belongs to; absent for unaccounted time between units.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub span: Option<String>,
    /// Begin.
    pub start: UnixNanos,
    /// Length, above zero.
    pub ns: i64,
}

/// A partition of an interval: segments are disjoint, ordered and add up to `total_ns`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breakdown {
    /// Whole length.
    pub total_ns: i64,
    /// The pieces.
    pub segments: Vec<Segment>,
    /// Sums by kind.
    pub by_kind_ns: BTreeMap<SegmentKind, i64>,
}

/// What became of the request, in one sentence and in fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// One plain sentence or two.
    pub sentence: String,
    /// The same sentence in pieces, some of which point at a span. Not part of the public document.
    #[serde(skip)]
    pub parts: Vec<VerdictPart>,
    /// How many retries.
    pub retries: u32,
    /// Their class.
    pub retry_class: RetryClass,
    /// Which model answered.
    pub serving: Serving,
    /// Model that was left.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fallback_from: Option<String>,
    /// Model taken instead.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fallback_to: Option<String>,
    /// Inside the team's envelope; absent when no envelope is configured.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub inside_envelope: Option<bool>,
    /// The answer is worse than asked for.
    pub degraded: bool,
    /// Work ended in the dead letters.
    pub dead_lettered: bool,
    /// One message was executed more than once without being a retry.
    pub duplicate_delivery: bool,
}

/// A piece of the verdict sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictPart {
    /// Text, with its spaces.
    pub text: String,
    /// The span that proves it.
    pub span: Option<String>,
    /// Drawn strong (a figure).
    pub strong: bool,
}

/// A stage that should be there and was not seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Stage.
    pub stage: Stage,
    /// `kind:value` of the id that was handed over.
    pub id: String,
    /// `not_seen` (the source covers the time) or `outside_coverage`.
    pub reason: String,
    /// Words.
    pub text: String,
}

/// A neighbour that is not part of this path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// `kind:value`.
    pub to: String,
    /// `batch`, `shared`, `poll`, `retry_of`.
    pub rule: String,
    /// The lines that show it.
    pub lines: Vec<LineRef>,
}

/// What is known of the difference between two clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skew {
    /// Host or service whose clock is judged.
    pub host: String,
    /// Against which.
    pub against: String,
    /// Lower bound of `host - against`.
    pub min_ns: Option<i64>,
    /// Upper bound.
    pub max_ns: Option<i64>,
    /// How many hand-overs say so.
    pub hand_overs: u64,
    /// The times shown were shifted by it.
    pub applied: bool,
}

/// What one path says of two clocks: the first minus the second is at most so much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockBound {
    /// Host, else service, whose clock is bounded.
    pub of: String,
    /// Against which.
    pub against: String,
    /// The bound.
    pub at_most_ns: i64,
}

/// A source of the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCount {
    /// Path as shown.
    pub file: String,
    /// Lines used.
    pub lines: u64,
}

/// Something odd that the reader should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomaly {
    /// Which oddity.
    pub kind: AnomalyKind,
    /// Words.
    pub text: String,
    /// The lines that show it.
    pub lines: Vec<LineRef>,
}

/// Tokens of all model calls together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Input.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input: Option<u64>,
    /// Output.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub output: Option<u64>,
}

/// A request's path: the public document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Version of this shape: 1.
    pub schema: u32,
    /// The id shown; `null` when the request never logged one.
    pub request_id: Option<String>,
    /// Every id of the path.
    pub ids: Vec<PathId>,
    /// `POST /summarize`, a job name, or absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub route: Option<String>,
    /// Begin of the root.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub start: Option<UnixNanos>,
    /// Time to response.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub response_ns: Option<i64>,
    /// Time until the last work was done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub completion_ns: Option<i64>,
    /// State.
    pub state: State,
    /// HTTP status the caller saw.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// The steps, the root first, then by start.
    pub spans: Vec<Span>,
    /// Time to response, in parts.
    pub breakdown: Breakdown,
    /// Time to completion, in parts.
    pub completion: Breakdown,
    /// Wall time covered by each span kind (union); parallel kinds may overlap.
    pub busy_ns: BTreeMap<SpanKind, i64>,
    /// 1 - unaccounted / response.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub coverage: Option<f64>,
    /// What became of it.
    pub verdict: Verdict,
    /// Models that served.
    pub models: Vec<String>,
    /// `name@version`.
    pub prompt_versions: Vec<String>,
    /// Configuration versions.
    pub config_versions: Vec<String>,
    /// Tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens: Option<Tokens>,
    /// Logged cost.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost_usd: Option<f64>,
    /// Every line of the path, in order.
    pub lines: Vec<LineRef>,
    /// Lines that carry an id of the path and fit no step.
    pub unplaced: Vec<LineRef>,
    /// Lines that carry no id of their own, with what proves whose they are; they stand in `lines` too.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub placed: Vec<Placement>,
    /// May belong, not proved.
    pub possible: Vec<LineRef>,
    /// Stages handed over to and never seen.
    pub missing: Vec<Missing>,
    /// Neighbours.
    pub links: Vec<Neighbour>,
    /// Clocks.
    pub skew: Vec<Skew>,
    /// Sources used.
    pub sources: Vec<SourceCount>,
    /// `slow`, `incomplete`, `open`.
    pub marks: Vec<String>,
    /// Oddities.
    pub anomalies: Vec<Anomaly>,
}

impl Trace {
    /// Where the time after the response went: what the completion has more than the response.
    pub fn after_response(&self) -> Breakdown {
        let answered_ns = self.start.map_or(i64::MAX, |s| s.0.saturating_add(self.breakdown.total_ns));
        let segments = self.completion.segments.iter().filter(|s| s.start.0 >= answered_ns).cloned().collect();
        let more = |(kind, ns): (&SegmentKind, &i64)| Some((*kind, ns - self.breakdown.by_kind_ns.get(kind).copied().unwrap_or(0))).filter(|(_, ns)| *ns > 0);
        Breakdown { total_ns: (self.completion.total_ns - self.breakdown.total_ns).max(0), segments, by_kind_ns: self.completion.by_kind_ns.iter().filter_map(more).collect() }
    }

    /// The steps as a tree is read, each with its depth. A step whose parent is not there stands at the top; one in a circle is left out.
    pub fn in_tree_order(&self) -> Vec<(&Span, usize)> {
        let known: BTreeSet<&str> = self.spans.iter().map(|s| s.id.as_str()).collect();
        let mut children: BTreeMap<Option<&str>, Vec<&Span>> = BTreeMap::new();
        self.spans.iter().for_each(|s| children.entry(s.parent.as_deref().filter(|p| known.contains(p))).or_default().push(s));
        let mut out = Vec::with_capacity(self.spans.len());
        let mut open: Vec<(&Span, usize)> = children.get(&None).into_iter().flatten().rev().map(|s| (*s, 0)).collect();
        while let Some((span, depth)) = open.pop() {
            out.push((span, depth));
            open.extend(children.get(&Some(span.id.as_str())).into_iter().flatten().rev().map(|s| (*s, depth + 1)));
        }
        out
    }
}

/// Why a line without an id of its own is a line of the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The line.
    pub line: LineRef,
    /// How.
    pub rule: PlacedBy,
    /// `kind:value` of the unit it is of.
    pub id: String,
}
