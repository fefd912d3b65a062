//! The words of a path: closed sets of kinds, stages, outcomes and classes, each with the one word used in JSON and on pages.
//!
//! Guarantees: a word reads back as its value, and an unknown word as none; [`crate::model::trace`] passes every set on, so that a reader of
//! the path document finds them beside it. Never holds a figure or a time.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }
        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The word used in JSON and on pages.
            pub fn word(self) -> &'static str { match self { $(Self::$variant => $word),+ } }
            /// The value with this word.
            pub fn from_word(word: &str) -> Option<Self> { match word { $($word => Some(Self::$variant),)+ _ => None } }
        }
    };
}

words! {
    /// What a span is (OpenTelemetry would say its kind and operation).
    SpanKind {
        /// The request as the edge saw it.
        Edge = "edge",
        /// The request as the application saw it.
        App = "app",
        /// Between enqueue and take.
        QueueWait = "queue_wait",
        /// A stated delay before it may run.
        ScheduledDelay = "scheduled_delay",
        /// One execution of a task.
        Task = "task",
        /// One attempt of a model call.
        ModelCall = "model_call",
        /// Between a failed attempt and the next.
        RetryWait = "retry_wait",
        /// A tool call.
        Tool = "tool",
        /// A downstream write.
        DbWrite = "db_write",
        /// An outgoing call that is none of the above.
        HttpCall = "http_call",
        /// Anything else with an interval.
        Other = "other",
    }
}

words! {
    /// A part of a breakdown.
    SegmentKind {
        /// The edge's own time.
        Edge = "edge",
        /// The application's own time.
        App = "app",
        /// A task's own time.
        Task = "task",
        /// A model call without a known first token.
        ModelCall = "model_call",
        /// Call begin to first token.
        ModelFirstToken = "model_first_token",
        /// First token to end.
        ModelStream = "model_stream",
        /// Waiting for a connection or pool slot, when a line states it.
        ConnectWait = "connect_wait",
        /// Tool time.
        Tool = "tool",
        /// Write time.
        DbWrite = "db_write",
        /// Outgoing call time.
        HttpCall = "http_call",
        /// Waiting in a queue.
        QueueWait = "queue_wait",
        /// Waiting for a stated delay.
        ScheduledDelay = "scheduled_delay",
        /// Waiting between attempts.
        RetryWait = "retry_wait",
        /// Anything else.
        Other = "other",
        /// No line vouches for it.
        Unaccounted = "unaccounted",
    }
}

words! {
    /// A stage of the path: fixed colour and letter everywhere.
    Stage {
        /// E
        Edge = "edge",
        /// A
        App = "app",
        /// Q
        Queue = "queue",
        /// W
        Worker = "worker",
        /// M
        Model = "model",
        /// T
        Tool = "tool",
        /// D
        Write = "write",
        /// H
        Http = "http",
        /// O
        Other = "other",
    }
}

impl Stage {
    /// The stage's letter.
    pub fn letter(self) -> char {
        match self {
            Self::Edge => 'E',
            Self::App => 'A',
            Self::Queue => 'Q',
            Self::Worker => 'W',
            Self::Model => 'M',
            Self::Tool => 'T',
            Self::Write => 'D',
            Self::Http => 'H',
            Self::Other => 'O',
        }
    }
}

impl SpanKind {
    /// The stage a span of this kind belongs to.
    pub fn stage(self) -> Stage {
        match self {
            Self::Edge => Stage::Edge,
            Self::App => Stage::App,
            Self::QueueWait | Self::ScheduledDelay | Self::RetryWait => Stage::Queue,
            Self::Task => Stage::Worker,
            Self::ModelCall => Stage::Model,
            Self::Tool => Stage::Tool,
            Self::DbWrite => Stage::Write,
            Self::HttpCall => Stage::Http,
            Self::Other => Stage::Other,
        }
    }

    /// Waiting, not working: drawn hatched.
    pub fn is_wait(self) -> bool {
        matches!(self, Self::QueueWait | Self::ScheduledDelay | Self::RetryWait)
    }
}

impl SegmentKind {
    /// The stage of a segment; `None` for unaccounted time.
    pub fn stage(self) -> Option<Stage> {
        Some(match self {
            Self::Edge => Stage::Edge,
            Self::App => Stage::App,
            Self::Task => Stage::Worker,
            Self::ModelCall | Self::ModelFirstToken | Self::ModelStream | Self::ConnectWait => Stage::Model,
            Self::Tool => Stage::Tool,
            Self::DbWrite => Stage::Write,
            Self::HttpCall => Stage::Http,
            Self::QueueWait | Self::ScheduledDelay | Self::RetryWait => Stage::Queue,
            Self::Other => Stage::Other,
            Self::Unaccounted => return None,
        })
    }

    /// Waiting, not working: drawn hatched.
    pub fn is_wait(self) -> bool {
        matches!(self, Self::QueueWait | Self::ScheduledDelay | Self::RetryWait)
    }
}

words! {
    /// How a span's interval is known.
    Evidence {
        /// A duration or both ends are written.
        Stated = "stated",
        /// A start and an end line.
        Paired = "paired",
        /// First to last line: a lower bound.
        Observed = "observed",
        /// One end inferred.
        Assumed = "assumed",
    }
}

words! {
    /// How a span ended.
    Outcome {
        /// It worked.
        Ok = "ok",
        /// It failed.
        Error = "error",
        /// It ran out of time.
        Timeout = "timeout",
        /// It was cancelled, or its caller left.
        Cancelled = "cancelled",
        /// No line says.
        Unknown = "unknown",
    }
}

words! {
    /// Transient failures may be retried; semantic ones only hide a problem when retried.
    FailureClass {
        /// Timeout, rate limit, network.
        Transient = "transient",
        /// Invalid input, missing state, policy.
        Semantic = "semantic",
        /// No rule decides.
        Unknown = "unknown",
    }
}

words! {
    /// The class of all retries of a path.
    RetryClass {
        /// Nothing was retried.
        None = "none",
        /// Only transient failures were retried.
        Transient = "transient",
        /// Only semantic failures were retried.
        Semantic = "semantic",
        /// Unknown failures were retried.
        Unknown = "unknown",
        /// Both kinds.
        Mixed = "mixed",
    }
}

words! {
    /// The state of a request.
    State {
        /// Answered.
        Ok = "ok",
        /// 4xx: the caller's fault.
        Rejected = "rejected",
        /// 5xx, or a task that failed for good.
        Failed = "failed",
        /// Ran out of time.
        Timeout = "timeout",
        /// The client left.
        ClientDisconnect = "client_disconnect",
        /// Work ended in the dead letters.
        DeadLetter = "dead_letter",
        /// Something began and no end was seen.
        Unfinished = "unfinished",
    }
}

words! {
    /// Which model answered, and how.
    Serving {
        /// The requested one, first try.
        Primary = "primary",
        /// The requested one, after retries.
        Retried = "retried",
        /// Another one, with evidence.
        Fallback = "fallback",
        /// Another one, and no line says why.
        DifferentUnexplained = "different_unexplained",
        /// The answer was cut.
        Truncated = "truncated",
        /// From a cache.
        Cached = "cached",
        /// No model call, or no line says.
        Unknown = "unknown",
    }
}

words! {
    /// Why an id belongs to the path.
    LinkRule {
        /// The same id on both lines (L1).
        SameId = "same_id",
        /// A stated parent (L2).
        StatedParent = "stated_parent",
        /// A request id beside a lower id (L3).
        StatedRoot = "stated_root",
        /// A line of one unit names another (L4).
        HandOver = "hand_over",
        /// It gave the answer that the other names.
        Answer = "answer",
        /// A batch (L5).
        Batch = "batch",
        /// A retry or fallback (L6).
        Retry = "retry",
    }
}

words! {
    /// The oddities a path can have.
    AnomalyKind {
        /// Clocks disagree.
        ClockSkew = "clock_skew",
        /// A root names a parent that no line shows.
        Orphan = "orphan",
        /// Links formed a circle; one was cut.
        Cycle = "cycle",
        /// A begin without an end.
        MissingEnd = "missing_end",
        /// An id belongs to two requests and is expanded in neither.
        SharedId = "shared_id",
        /// An id stands on too many lines to be one unit of work.
        HubRefused = "hub_refused",
        /// A stated duration and a pair of lines disagree.
        DurationConflict = "duration_conflict",
        /// An id names two things at different times.
        ReusedId = "reused_id",
        /// A cap bit: something was left out, with its number.
        Capped = "capped",
        /// A zone was assumed.
        ZoneAssumed = "zone_assumed",
        /// A line could not be read.
        UnreadableLine = "unreadable_line",
        /// Times are missing or cannot be held.
        NoTime = "no_time",
        /// A semantic failure was retried.
        SemanticRetry = "semantic_retry",
        /// Lines stand twice, word for word.
        RepeatedLines = "repeated_lines",
        /// The same message was executed twice.
        DuplicateDelivery = "duplicate_delivery",
    }
}

/// How a line without an id of its own found its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlacedBy {
    /// A thread or worker ran that unit from before the line to behind it.
    Lane,
    /// No other unit that writes such lines ran in its source.
    Alone,
    /// It names the session of the only work of that session that ran in its process.
    Session,
    /// Its text holds the unit's id, which no word there names.
    Text,
}

impl PlacedBy {
    /// The same in a few words.
    pub fn short(self) -> &'static str {
        match self {
            Self::Lane => "no id, by its thread",
            Self::Alone => "no id, by its task",
            Self::Session => "no id, by its session",
            Self::Text => "id in the text",
        }
    }

    /// Why, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Lane => "no id: written by the thread or worker that ran this work",
            Self::Alone => "no id: written while only this task could have",
            Self::Session => "no id: names a session, whose only work in this process it was written during",
            Self::Text => "its text holds this id, though no word there says of what",
        }
    }
}
