//! The roles a field can play in an entry.
//!
//! A role is what a convention assigns and what the plan of a line collects. Ids are no roles: they have kinds.

macro_rules! roles {
    ($($(#[$doc:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// What a field says.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Role { $($(#[$doc])* $name),+ }

        impl Role {
            /// All of them.
            pub const ALL: &'static [Role] = &[$(Role::$name),+];

            /// The word in the tables.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

roles! {
    /// The application's time.
    Time = "time",
    /// The shipper's time.
    Received = "received",
    /// Severity, as a word or a number.
    Level = "level",
    /// The human text.
    Message = "message",
    /// A text with holes that other members fill.
    Template = "template",
    /// What a template's formatted holes became, in order.
    Renderings = "renderings",
    /// Application name.
    Service = "service",
    /// Version of the deployed service.
    ServiceVersion = "service_version",
    /// Logger, category, channel, target.
    Logger = "logger",
    /// Host.
    Host = "host",
    /// Pod: a host whose name holds its workload's.
    Pod = "pod",
    /// Worker name.
    Worker = "worker",
    /// Thread name or number.
    Thread = "thread",
    /// Process number.
    Process = "process",
    /// Name of the operation.
    Operation = "operation",
    /// Outcome word.
    Outcome = "outcome",
    /// HTTP status, or an outcome word.
    Status = "status",
    /// OTLP's status of a span: 1 ok, 2 error.
    SpanStatus = "span_status",
    /// How a connection ended, in a proxy's letters; a convention says which mean that the client left.
    Termination = "termination",
    /// HTTP method.
    Method = "method",
    /// Path or URL.
    Path = "path",
    /// Route template.
    Route = "route",
    /// `GET /a HTTP/1.1`.
    RequestLine = "request_line",
    /// Begin.
    Started = "started",
    /// End.
    Ended = "ended",
    /// Instant of the first token.
    FirstTokenAt = "first_token_at",
    /// Length to the first token.
    FirstToken = "first_token",
    /// Length.
    Duration = "duration",
    /// Stated wait in the queue.
    QueueWait = "queue_wait",
    /// Stated delay.
    Delay = "delay",
    /// Stated wait until the next attempt.
    RetryDelay = "retry_delay",
    /// Instant of the enqueue.
    Enqueued = "enqueued",
    /// Attempt number.
    Attempt = "attempt",
    /// Requested model, or the only one.
    ModelRequested = "model_requested",
    /// Served model.
    ModelServed = "model_served",
    /// Group or alias.
    ModelGroup = "model_group",
    /// Provider.
    Provider = "provider",
    /// `chat`, `embeddings`.
    ModelOperation = "model_operation",
    /// Input tokens.
    InputTokens = "input_tokens",
    /// Output tokens.
    OutputTokens = "output_tokens",
    /// What usage is counted in, where that is said.
    UsageUnit = "usage_unit",
    /// Tokens from a cache.
    CachedTokens = "cached_tokens",
    /// Reasoning tokens.
    ReasoningTokens = "reasoning_tokens",
    /// Cost in US dollars.
    Cost = "cost",
    /// Why the model stopped.
    FinishReason = "finish_reason",
    /// What a model answered, as a list: of the first is read why it ended.
    Choices = "choices",
    /// Prompt name.
    PromptName = "prompt_name",
    /// Prompt version.
    PromptVersion = "prompt_version",
    /// Name and version in one word, or the prompt itself.
    PromptTag = "prompt_tag",
    /// Streamed.
    Stream = "stream",
    /// Answered from a cache.
    CacheHit = "cache_hit",
    /// Queue.
    Queue = "queue",
    /// The queue of the thing handed over.
    TargetQueue = "target_queue",
    /// Task or actor name.
    JobName = "job_name",
    /// `postgresql`.
    DbSystem = "db_system",
    /// `insert`.
    DbOperation = "db_operation",
    /// Table, collection, bucket.
    DbTarget = "db_target",
    /// Rows.
    Rows = "rows",
    /// Tool name.
    Tool = "tool",
    /// Class of the error.
    ErrorKind = "error_kind",
    /// Text of the error.
    ErrorMessage = "error_message",
    /// The text of a status: an error's unless all went well.
    StatusText = "status_text",
    /// An error as one string: class, text, or both.
    Error = "error",
    /// Why, on lines that warn.
    Reason = "reason",
    /// Code of the error.
    ErrorCode = "error_code",
    /// A traceback that ends or begins with class and text.
    ErrorText = "error_text",
    /// A stack: class at most.
    Stack = "stack",
    /// It may be retried.
    Retryable = "retryable",
    /// Model that was left.
    FallbackFrom = "fallback_from",
    /// Model taken instead.
    FallbackTo = "fallback_to",
    /// What was left, where the text says that something was fallen back from.
    Left = "left",
    /// What was taken then.
    Taken = "taken",
    /// A fallback was used.
    FallbackUsed = "fallback_used",
    /// Version of the configuration.
    ConfigVersion = "config_version",
    /// W3C trace context.
    Traceparent = "traceparent",
    /// AWS X-Ray header.
    Xray = "xray",
    /// Nothing: leave it alone.
    Ignore = "ignore",
}

impl Role {
    /// The role of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|r| r.word() == word)
    }
}
