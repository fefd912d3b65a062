//! What lists and statistics are made of: one [`RequestSummary`] a request, and a page of them with what was filtered.
//!
//! A summary is derived: rebuilding it from the lines gives the same one. It never is a truth of its own.

use crate::model::{
    time::UnixNanos,
    trace::{ClockBound, RetryClass, SegmentKind, Serving, Stage, State},
};
use serde::{Deserialize, Serialize};

/// One row: a request, small enough to hold millions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestSummary {
    /// Key of the row: canonical id of the root (with its scope for weak ids).
    pub root: String,
    /// The id shown and linked to (`/r/{id}`).
    pub id: String,
    /// `request`, `trace`, `task` … of the id shown.
    pub id_kind: String,
    /// Scope of a weak id.
    pub scope: Option<String>,
    /// Route or job name.
    pub route: Option<String>,
    /// Begin.
    pub start: Option<UnixNanos>,
    /// Time to response.
    pub response_ns: Option<i64>,
    /// Time to completion.
    pub completion_ns: Option<i64>,
    /// State.
    pub state: State,
    /// HTTP status.
    pub status: Option<u16>,
    /// Time to completion by kind, on the critical path, in path order of first appearance.
    pub by_kind_ns: Vec<(SegmentKind, i64)>,
    /// Wall time spent in queues (union).
    pub queue_wait_ns: i64,
    /// Wall time spent in model calls (union).
    pub model_ns: i64,
    /// Largest attempt number of a task, or number of model attempts, whichever is larger; 1 when nothing was retried.
    pub attempts: u32,
    /// Retries.
    pub retries: u32,
    /// Class of the retries.
    pub retry_class: RetryClass,
    /// Serving.
    pub serving: Serving,
    /// Degraded answer.
    pub degraded: bool,
    /// Dead-lettered work.
    pub dead_lettered: bool,
    /// Duplicate delivery.
    pub duplicate_delivery: bool,
    /// Models served.
    pub models: Vec<String>,
    /// Prompt versions.
    pub prompt_versions: Vec<String>,
    /// Configuration versions.
    pub config_versions: Vec<String>,
    /// Input + output tokens.
    pub tokens: Option<u64>,
    /// Logged cost.
    pub cost_usd: Option<f64>,
    /// Lines of severity error or worse.
    pub errors: u32,
    /// Class name of the deciding error.
    pub error_type: Option<String>,
    /// Lines.
    pub lines: u32,
    /// Names of the sources.
    pub sources: Vec<String>,
    /// Services that executed tasks.
    pub workers: Vec<String>,
    /// `slow`, `incomplete`, `open`.
    pub marks: Vec<String>,
    /// What it says of clocks: kept with the row, shown nowhere in it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub clocks: Vec<ClockBound>,
}

impl RequestSummary {
    /// The total a reader means: time to completion, else to response.
    pub fn total_ns(&self) -> Option<i64> {
        self.completion_ns.or(self.response_ns)
    }

    /// Stages it spent time in, on the critical path or beside it, in the order of stages.
    pub fn stages(&self) -> Vec<Stage> {
        let on_path = |stage: Stage| self.by_kind_ns.iter().any(|(kind, ns)| *ns > 0 && kind.stage() == Some(stage));
        let beside = |stage: Stage| (stage == Stage::Queue && self.queue_wait_ns > 0) || (stage == Stage::Model && self.model_ns > 0);
        Stage::ALL.iter().copied().filter(|stage| on_path(*stage) || beside(*stage)).collect()
    }
}

/// A named view of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Everything, newest first.
    All,
    /// Failed, timed out, dead-lettered.
    Failed,
    /// Longest total first.
    Slowest,
    /// Longest queue wait first.
    LongestWait,
    /// Retried at least once.
    Retried,
    /// Another model answered.
    FellBack,
    /// A semantic failure was retried.
    SemanticRetried,
    /// Something began and no end was seen, or a stage is missing.
    Incomplete,
}

impl Preset {
    /// Every preset in the order of the page.
    pub const ALL: [Self; 8] = [Self::All, Self::Failed, Self::Slowest, Self::LongestWait, Self::Retried, Self::FellBack, Self::SemanticRetried, Self::Incomplete];

    /// Word in the URL.
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Failed => "failed",
            Self::Slowest => "slowest",
            Self::LongestWait => "longest-wait",
            Self::Retried => "retried",
            Self::FellBack => "fell-back",
            Self::SemanticRetried => "semantic-retried",
            Self::Incomplete => "incomplete",
        }
    }

    /// Words on the page.
    pub fn title(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Failed => "Failed",
            Self::Slowest => "Slowest",
            Self::LongestWait => "Longest wait",
            Self::Retried => "Retried",
            Self::FellBack => "Fell back",
            Self::SemanticRetried => "Semantic retried",
            Self::Incomplete => "Incomplete",
        }
    }

    /// The preset with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.word() == word)
    }
}

/// One value of a filter with its count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FacetValue {
    /// The value.
    pub value: String,
    /// How many of the requests shown have it.
    pub count: u64,
    /// It is part of the current filter.
    pub chosen: bool,
}

/// A filter with its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facet {
    /// Key in the query: `status`, `route`, `stage`, `error`, `model`, `prompt`, `config`, `worker`, `source`.
    pub key: String,
    /// Words on the page.
    pub title: String,
    /// Most frequent first, at most 12.
    pub values: Vec<FacetValue>,
    /// How many further values exist.
    pub more: u64,
}

/// A mark of the start × total scatter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScatterPoint {
    /// Begin.
    pub start: UnixNanos,
    /// Total.
    pub total_ns: i64,
    /// State.
    pub state: State,
    /// Retried, fell back or degraded.
    pub marked: bool,
    /// Row id.
    pub id: String,
}

/// A version of a prompt, or a configuration, that took the place of another and stayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionChange {
    /// Begin of the first request with the new one.
    pub at: UnixNanos,
    /// Name of the prompt; none for a configuration.
    pub name: Option<String>,
    /// Version before.
    pub from: String,
    /// Version from then on.
    pub to: String,
}

/// One bar of the histogram of totals (logarithmic bounds).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HistogramBar {
    /// From, inclusive.
    pub from_ns: i64,
    /// To, exclusive.
    pub to_ns: i64,
    /// Requests.
    pub count: u64,
}

/// A page of rows and what is known of everything that matched.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListPage {
    /// The rows.
    pub rows: Vec<RequestSummary>,
    /// How many match.
    pub matched: u64,
    /// How many exist.
    pub total: u64,
    /// Cursor of the next page.
    pub next: Option<String>,
    /// Counts of each preset within the current filters (without preset).
    pub presets: Vec<(&'static str, u64)>,
    /// Filters.
    pub facets: Vec<Facet>,
    /// Median total of what matched.
    pub p50_ns: Option<i64>,
    /// 95th percentile.
    pub p95_ns: Option<i64>,
    /// 99th percentile.
    pub p99_ns: Option<i64>,
    /// Totals that went into the percentiles.
    pub n: u64,
    /// Histogram.
    pub histogram: Vec<HistogramBar>,
    /// Scatter: at most 1,500 points, evenly chosen when there are more.
    pub scatter: Vec<ScatterPoint>,
    /// Versions that took over among what matched, the oldest first.
    pub changes: Vec<VersionChange>,
    /// Start of the oldest and the newest that matched.
    pub span: Option<(UnixNanos, UnixNanos)>,
}

/// What is typical of a route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typical {
    /// Finished requests of the route.
    pub n: u64,
    /// Median total.
    pub p50_ns: i64,
    /// 95th percentile.
    pub p95_ns: i64,
}

/// A column the list can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SortKey {
    /// Begin.
    #[default]
    Start,
    /// Total.
    Total,
    /// Wait in queues.
    QueueWait,
    /// Time in model calls.
    Model,
    /// Attempts.
    Attempts,
    /// Tokens.
    Tokens,
    /// Error lines.
    Errors,
}

impl SortKey {
    /// Every key.
    pub const ALL: [Self; 7] = [Self::Start, Self::Total, Self::QueueWait, Self::Model, Self::Attempts, Self::Tokens, Self::Errors];

    /// Word in the URL.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Total => "total",
            Self::QueueWait => "wait",
            Self::Model => "model",
            Self::Attempts => "attempts",
            Self::Tokens => "tokens",
            Self::Errors => "errors",
        }
    }

    /// The key with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.word() == word)
    }
}

/// A condition on rows. Several values of one condition are alternatives; several conditions must all hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowFilter {
    /// Route is one of these (exact; a trailing `*` matches a beginning).
    Route(Vec<String>),
    /// State is one of these words.
    State(Vec<String>),
    /// A served model is one of these (trailing `*` allowed).
    Model(Vec<String>),
    /// A prompt version `name@version` is one of these (a bare name matches all its versions).
    Prompt(Vec<String>),
    /// A configuration version is one of these.
    Config(Vec<String>),
    /// A worker service is one of these.
    Worker(Vec<String>),
    /// A source name is one of these.
    Source(Vec<String>),
    /// Class name of the deciding error is one of these.
    Error(Vec<String>),
    /// It spent time in one of these stages.
    Stage(Vec<String>),
    /// A mark (`slow`, `incomplete`, `open`) is set.
    Mark(String),
    /// Total between, in nanoseconds, both inclusive.
    Total(Option<i64>, Option<i64>),
    /// Queue wait between.
    QueueWait(Option<i64>, Option<i64>),
    /// Attempts between.
    Attempts(Option<i64>, Option<i64>),
    /// Tokens between.
    Tokens(Option<i64>, Option<i64>),
    /// Begin between, in Unix nanoseconds.
    Start(Option<i64>, Option<i64>),
    /// Root key is one of these (used when words were searched in lines).
    Roots(Vec<String>),
    /// The condition does not hold.
    Not(Box<RowFilter>),
}

/// What rows to list.
#[derive(Debug, Clone, PartialEq)]
pub struct RowQuery {
    /// View.
    pub preset: Preset,
    /// Conditions, all of which must hold.
    pub filters: Vec<RowFilter>,
    /// Sort column; `None`: the preset's own (`Slowest` by total, `LongestWait` by wait, else by start).
    pub sort: Option<SortKey>,
    /// Smallest first instead of largest first.
    pub ascending: bool,
    /// Cursor of [`ListPage::next`]: opaque, names the last row shown.
    pub after: Option<String>,
    /// Rows of the page, at most 10,000.
    pub limit: usize,
    /// Percentiles, histogram, scatter, facets and preset counts are wanted; without them only rows and `matched` are filled.
    pub overview: bool,
}

impl Default for RowQuery {
    fn default() -> Self {
        Self { preset: Preset::All, filters: Vec::new(), sort: None, ascending: false, after: None, limit: 50, overview: true }
    }
}
