//! The door of `query`: what a page, a command or an export may ask, and the shape of each answer.
//!
//! Guarantees: answers are plain values, built before they are shown; every question has a deadline and a bound. Pages and commands
//! know this trait alone, so they are tested against answers made by hand.

use crate::{
    analyse::operations::Operation,
    model::{
        entry::Severity,
        format, id,
        profile::RoleDecision,
        summary::{ListPage, RowQuery, Typical},
        time::UnixNanos,
        trace::{LineRef, LogLine, SegmentKind, Skew, State, Trace},
    },
    store::StoredRecord,
};
use std::{collections::BTreeMap, sync::Arc};

/// Why a question has no answer. The words are for the reader.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The deadline passed.
    #[error("the question took longer than {limit_ms} ms and was stopped")]
    Deadline {
        /// The limit.
        limit_ms: u64,
    },
    /// The text is longer than what is looked at.
    #[error("the query is {bytes} bytes long; at most {limit} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The place where a page of the list was to go on.
    #[error("the place in the list cannot be read")]
    Cursor,
    /// The store failed.
    #[error("the index could not be read: {0}")]
    Store(String),
}

/// Whose times are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Times {
    /// As the lines have them.
    #[default]
    Written,
    /// Hosts whose clocks stand off shifted by the least that makes all hand-overs fit.
    Shifted,
}

/// What is typical of the operations of a route.
pub type Operations = Arc<BTreeMap<Operation, Typical>>;

/// One request with everything its page shows.
#[derive(Debug, Clone)]
pub struct PathView {
    /// The document.
    pub trace: Arc<Trace>,
    /// Merged log in order, unplaced lines included (at most 5,000; `trace.lines` has all).
    pub log: Arc<Vec<LogLine>>,
    /// Lines that may belong and are not proved; no number counts them.
    pub possible: Arc<[LogLine]>,
    /// Total of finished requests of the same route.
    pub typical: Option<Typical>,
    /// Time by segment kind of finished requests of the same route.
    pub typical_by_kind: BTreeMap<SegmentKind, Typical>,
    /// Length of the same operation in other requests of the route, as far as a sample of them says; empty unless asked for
    /// ([`Answers::path_and_usual`]).
    pub typical_by_operation: Operations,
    /// Time from the question to the built path, in microseconds.
    pub took_us: u64,
}

impl PathView {
    /// Its document, for changing it: no other view of it changes.
    pub fn trace_mut(&mut self) -> &mut Trace {
        Arc::make_mut(&mut self.trace)
    }

    /// The same for its log.
    pub fn log_mut(&mut self) -> &mut Vec<LogLine> {
        Arc::make_mut(&mut self.log)
    }
}

/// A record with the path of its file as shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Path as shown.
    pub file: Arc<str>,
    /// As stored.
    pub record: StoredRecord,
}

/// One request with all that an export may write of it.
#[derive(Debug, Clone)]
pub struct Whole {
    /// The document.
    pub trace: Trace,
    /// Merged log in order (as long as that of a [`PathView`]).
    pub log: Vec<LogLine>,
    /// Its records, each once, in the order of its lines.
    pub records: Vec<Shown>,
}

/// One of several requests an id may mean.
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceView {
    /// Id to open (`/r/{id}`).
    pub id: String,
    /// Scope to add (`?scope=`) when the id is weak.
    pub scope: Option<String>,
    /// What the asked id is there: `task`, `group`, `other` …
    pub kind: String,
    /// Route.
    pub route: Option<String>,
    /// Begin.
    pub start: Option<UnixNanos>,
    /// State.
    pub state: State,
    /// Total.
    pub total_ns: Option<i64>,
}

/// Help for an id that is not there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UnknownView {
    /// Ids that begin alike.
    pub near: Vec<String>,
    /// Name, first and last time of every source.
    pub coverage: Vec<(String, UnixNanos, UnixNanos)>,
    /// Requests in the index.
    pub requests: u64,
    /// Lines that could not be read and hold the text: `file:line`.
    pub unreadable: Vec<String>,
    /// Requests with an id that has the text inside.
    pub inside: Vec<ChoiceView>,
}

/// What all lines together taught.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct LearnedView {
    /// Roles of id fields, by service, those on most lines first.
    pub roles: Vec<RoleDecision>,
    /// Clocks against each other around the newest record.
    pub clocks: Vec<Skew>,
}

/// What an id means.
#[derive(Debug, Clone)]
pub enum Found {
    /// One request.
    Path(Box<PathView>),
    /// Several.
    Choices {
        /// The first of them.
        choices: Vec<ChoiceView>,
        /// There may be others.
        more: bool,
    },
    /// None.
    Unknown(Box<UnknownView>),
}

/// What a text means as a whole id.
#[derive(Debug, Clone, PartialEq)]
pub enum Exact {
    /// The root of one request.
    One(String),
    /// Several requests carry it.
    Several {
        /// The first of them.
        choices: Vec<ChoiceView>,
        /// There may be others.
        more: bool,
    },
    /// No id of the index.
    NoId,
}

/// A part of a query that could not be used as written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Notice {
    /// The part, as typed.
    pub part: String,
    /// Byte offset of the part in the query.
    pub at: usize,
    /// What is wrong and what would be right.
    pub text: String,
}

/// Rows that are behind the lines they are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// Size of the lines that came after the rows; 0: the rows were made before the latest was learned of the logs.
    pub bytes: u64,
}

impl std::fmt::Display for Behind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.bytes {
            0 => f.write_str("the list of requests was made before the latest was learned of these logs"),
            bytes => write!(f, "the list of requests is behind: {} of lines are not in it yet", format::bytes(bytes)),
        }
    }
}

/// A list with how its query was understood.
#[derive(Debug, Clone)]
pub struct ListView {
    /// Rows and overview.
    pub page: ListPage,
    /// Parts that could not be used.
    pub notices: Vec<Notice>,
    /// The conditions in words, as understood: `route is POST /reply`.
    pub understood: Vec<String>,
    /// The rows do not cover all lines.
    pub behind: Option<Behind>,
    /// When nothing matched: the condition whose removal gives most hits, with that number.
    pub drop_hint: Option<(String, u64)>,
}

/// A question for lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinesQuery {
    /// Text of the query.
    pub text: String,
    /// The oldest come first.
    pub oldest_first: bool,
    /// Go on behind this line: [`LineRow::cursor`].
    pub after: Option<String>,
    /// Only lines about as new as this one or newer: what came in since, late ones with it.
    pub newer: Option<String>,
    /// Records of a page.
    pub limit: usize,
    /// With counts, filters and the lines over time.
    pub overview: bool,
}

/// The request that a line leads to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RequestRef {
    /// Id to open.
    pub id: String,
    /// Scope to add when the id is weak.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LineRow {
    /// `file:line`.
    pub line: LineRef,
    /// Which of the events of its record it is.
    pub sub: u32,
    /// Names the record, for going on behind it.
    pub cursor: String,
    /// Its time, zone applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<UnixNanos>,
    /// Severity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Service it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Name of its log.
    pub source: String,
    /// Human text, or the head of the record; at most [`TEXT_MAX_BYTES`] of it.
    pub body: String,
    /// Its record as written; at most [`TEXT_MAX_BYTES`] of it.
    pub raw: String,
    /// Secrets of its record that stand behind what is carried of it, as written: its text may repeat them.
    #[serde(skip)]
    pub secrets: Vec<String>,
    /// Length of the record in bytes.
    pub raw_bytes: u64,
    /// The request it leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRef>,
}

/// Most bytes of a line's text, and of its record, that an answer carries.
pub const TEXT_MAX_BYTES: usize = 16 * 1024;

/// What is looked for in the text of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// As typed.
    pub text: String,
    /// A word ends behind it.
    pub whole: bool,
    /// It is one word or several that begin and end with one; else it may stand anywhere.
    pub word: bool,
}

/// A value lines can be narrowed by.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LineFacet {
    /// Value.
    pub value: String,
    /// Lines that have it beside all other conditions. `None`: not counted.
    pub count: Option<u64>,
    /// It is one of the values asked for.
    pub chosen: bool,
}

/// Lines of a piece of time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LineBar {
    /// Begin.
    pub from: UnixNanos,
    /// Its last nanosecond.
    pub to: UnixNanos,
    /// All lines.
    pub count: u64,
    /// Of them error or fatal.
    pub errors: u64,
    /// Of them warn.
    pub warnings: u64,
}

/// What stands around the lines of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinesOverview {
    /// Severities, the worst first.
    pub levels: Vec<LineFacet>,
    /// Logs, the longest first.
    pub sources: Vec<LineFacet>,
    /// Lines over time, bars side by side.
    pub bars: Vec<LineBar>,
    /// Lines that lie before or behind the bars: so few that the others would not be seen beside them.
    pub outside: u64,
    /// Facets and bars are of all lines that match.
    pub complete: bool,
}

/// Lines with how their query was understood.
#[derive(Debug, Clone, Default)]
pub struct LinesView {
    /// The lines.
    pub rows: Vec<LineRow>,
    /// How many match; 0 without an overview.
    pub matched: u64,
    /// That is all of them; else a lower bound.
    pub exact: bool,
    /// Lines in the index.
    pub total: u64,
    /// Where the next page goes on.
    pub next: Option<String>,
    /// What stands around them, when it was asked for.
    pub overview: LinesOverview,
    /// Parts that could not be used, and bounds that bit.
    pub notices: Vec<Notice>,
    /// The conditions in words.
    pub understood: Vec<String>,
    /// Words to mark.
    pub sought: Vec<Sought>,
    /// When nothing matched: the condition whose removal gives most, with that number.
    pub drop_hint: Option<(String, u64)>,
}

/// What may be asked.
pub trait Answers: Send + Sync {
    /// Any id (request, task, job, trace, call, provider id), its first characters, or a pasted line → request.
    fn path(&self, text: &str, scope: Option<&str>, times: Times) -> Result<Found, QueryError>;
    /// The text is a whole id of some line, not only the begin of one.
    fn is_id(&self, text: &str, scope: Option<&str>) -> Result<bool, QueryError> {
        let is = |value: &str| id::canonical(value) == id::canonical(text);
        Ok(match self.path(text, scope, Times::Written)? {
            Found::Path(path) => path.trace.ids.iter().any(|i| is(&i.value)),
            Found::Choices { choices, .. } => choices.iter().any(|c| is(&c.id)),
            Found::Unknown(_) => false,
        })
    }
    /// What is typical of the operations of a route: read from a sample of its requests the first time it is asked for.
    fn usual(&self, _route: &str) -> Result<Operations, QueryError> {
        Ok(Operations::default())
    }
    /// [`Answers::path`] with what is typical of its operations.
    fn path_and_usual(&self, text: &str, scope: Option<&str>, times: Times) -> Result<Found, QueryError> {
        let mut found = self.path(text, scope, times)?;
        if let Found::Path(path) = &mut found
            && let Some(route) = path.trace.route.as_deref().filter(|_| path.typical.is_some())
        {
            path.typical_by_operation = self.usual(route)?;
        }
        Ok(found)
    }
    /// The records of the request that an id means, each once, in the order of its lines; none when it means no request or several.
    fn records(&self, text: &str, scope: Option<&str>, times: Times) -> Result<Option<Vec<Shown>>, QueryError>;
    /// Rows. `search` is the text of the search box; its conditions are added to those of `query`.
    fn list(&self, search: &str, query: RowQuery) -> Result<ListView, QueryError>;
    /// Lines.
    fn lines(&self, query: LinesQuery) -> Result<LinesView, QueryError>;
    /// What all lines together taught of ids and clocks.
    fn learned(&self) -> Result<LearnedView, QueryError> {
        Ok(LearnedView::default())
    }
    /// Requests in the index.
    fn requests(&self) -> u64;
}
