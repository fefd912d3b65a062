//! Failures are transient, semantic or unknown (`reconstruction.md` section 7).
//!
//! Order of evidence: an explicit flag, a code or type, a class name, a status, the message. The sources of the table: the retry
//! rules of the `OpenAI` and Anthropic SDKs, `LiteLLM`'s error classes, botocore's standard mode, the gRPC status list, the Celery and
//! `BullMQ` documentation. Unknown stays unknown: a success after a retry never re-labels a failure.

use crate::model::{
    entry::{Entry, Severity},
    trace::FailureClass,
};

/// The class of an entry's failure and the rule that decided, in words.
pub fn classify(entry: &Entry) -> (FailureClass, String) {
    let failure = entry.failure.as_deref();
    if let Some(retryable) = failure.and_then(|f| f.retryable) {
        let class = if retryable { FailureClass::Transient } else { FailureClass::Semantic };
        return (class, format!("the line says retryable={retryable}"));
    }
    let kind = failure.and_then(|f| f.kind.as_deref());
    let code = failure.and_then(|f| f.code.as_deref());
    let message = failure.and_then(|f| f.message.as_deref()).or(entry.body.as_deref()).unwrap_or("");
    let head: String = message.chars().take(600).collect::<String>().to_lowercase();
    // A quota that is used up answers 429 and is no rate limit: retrying cannot help.
    if [kind, code].into_iter().flatten().any(|c| fold(c).contains("insufficientquota")) || head.contains("exceeded your current quota") || head.contains("insufficient_quota") {
        return (FailureClass::Semantic, "quota used up".into());
    }
    for name in [code, kind].into_iter().flatten() {
        if let Some(class) = by_name(name) {
            return (class, format!("error {name}"));
        }
    }
    let status = entry.http.as_ref().and_then(|h| h.status).or_else(|| code.and_then(|c| c.parse().ok()));
    if let Some(class) = status.and_then(by_status) {
        return (class, format!("status {}", status.unwrap_or_default()));
    }
    if let Some(status) = status_in_text(&head)
        && let Some(class) = by_status(status)
    {
        return (class, format!("status {status} in the message"));
    }
    if let Some((word, class)) = by_message(&head) {
        return (class, format!("the message says \u{201c}{word}\u{201d}"));
    }
    // The error may name a part (`score must be a number`), the line says of what.
    let body = entry.body.as_deref().filter(|body| *body != message).map(|body| body.chars().take(200).collect::<String>().to_lowercase());
    if let Some((word, class)) = body.as_deref().and_then(by_message) {
        return (class, format!("the line says \u{201c}{word}\u{201d}"));
    }
    if finds_answer_useless(entry) {
        return (FailureClass::Semantic, "the line says that the answer does not fit".into());
    }
    (FailureClass::Unknown, "no rule decides".into())
}

/// Who got an answer says that it does not fit what was asked for.
pub fn finds_answer_useless(entry: &Entry) -> bool {
    complains(entry, |has| {
        has(&["schema", "json", "answer", "output", "response", "completion", "reply"])
            && has(&[
                "not match",
                "n't match",
                "not fit",
                "n't fit",
                "invalid",
                "not valid",
                "unpars",
                "not parse",
                "n't parse",
                "malformed",
                "failed validation",
                "validation failed",
                "violat",
                "mismatch",
            ])
    })
}

/// The same of what the program that logged an answer says of it at once, where it need not be said of what.
pub fn finds_last_answer_useless(entry: &Entry) -> bool {
    complains(entry, |has| has(&["not validate", "n't validate", "failed validation", "validation failed", "unpars", "not parse", "n't parse"]))
}

/// The head of a warning says it, and speaks of nothing else, nor that all went on without.
fn complains(entry: &Entry, says: impl Fn(&dyn Fn(&[&str]) -> bool) -> bool) -> bool {
    if entry.severity.is_none_or(|s| s < Severity::Warn) {
        return false;
    }
    let text = entry.body.as_deref().unwrap_or("").chars().take(200).collect::<String>().to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    says(&has) && !has(&["skip", "dropp", "ignor", "discard", "header", "request body", "input", "attachment"])
}

/// The failure is about time that ran out.
pub fn is_timeout(entry: &Entry) -> bool {
    let failure = entry.failure.as_deref();
    let named = [failure.and_then(|f| f.kind.as_deref()), failure.and_then(|f| f.code.as_deref())].into_iter().flatten().any(|n| {
        let folded = fold(n);
        folded.contains("timeout") || folded.contains("timedout") || folded.contains("deadlineexceeded") || n == "408" || n == "504"
    });
    named || [entry.body.as_deref(), failure.and_then(|f| f.message.as_deref())].into_iter().flatten().any(says_timeout)
}

fn says_timeout(text: &str) -> bool {
    let head: String = text.chars().take(200).collect::<String>().to_lowercase();
    ["timed out", "timeout", "deadline exceeded", "no response within", "not respond within"].iter().any(|words| head.contains(words))
}

fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The class of an answer with a status; `None` where that tells nothing.
pub fn by_status(status: u16) -> Option<FailureClass> {
    match status {
        408 | 409 | 425 | 429 => Some(FailureClass::Transient),
        // The caller went away: nothing is known of the work.
        499 => None,
        400..=498 => Some(FailureClass::Semantic),
        500..=599 => Some(FailureClass::Transient),
        _ => None,
    }
}

fn by_name(name: &str) -> Option<FailureClass> {
    // `java.sql.SQLTimeoutException`, `openai.RateLimitError`, `litellm.exceptions.Timeout`: the last part names it.
    let last = name.rsplit(['.', ':', '/', '\\']).find(|p| !p.is_empty()).unwrap_or(name);
    let folded = fold(last);
    const SEMANTIC: &[&str] = &[
        "invalidrequest",
        "badrequest",
        "authentication",
        "permission",
        "unauthorized",
        "unauthenticated",
        "forbidden",
        "notfound",
        "requesttoolarge",
        "unprocessable",
        "contextwindow",
        "contextlength",
        "contentpolicy",
        "contentfilter",
        "policyviolation",
        "refusal",
        "validation",
        "schema",
        "jsondecode",
        "unrecoverable",
        "valueerror",
        "typeerror",
        "keyerror",
        "attributeerror",
        "indexerror",
        "assertion",
        "constraint",
        "integrityerror",
        "invalidargument",
        "alreadyexists",
        "failedprecondition",
        "outofrange",
        "permissiondenied",
        "unimplemented",
        "dataloss",
        "syntaxerror",
        "parseerror",
        "invalidtask",
        "invalidanswer",
        "invalidoutput",
        "invalidresponse",
        "invalidjson",
        "outputpars",
        "unparsable",
        "unparseable",
        "missing",
        "unsupported",
        "notimplemented",
        "zerodivision",
        "illegalargument",
        "nullpointer",
        "serialization_exception",
        "decodeerror",
        "malformed",
        "lookuperror",
    ];
    const TRANSIENT: &[&str] = &[
        "timeout",
        "timedout",
        "ratelimit",
        "toomanyrequests",
        "throttl",
        "overloaded",
        "apiconnection",
        "connectionerror",
        "connectionreset",
        "connectionrefused",
        "connectionaborted",
        "connecterror",
        "internalserver",
        "serviceunavailable",
        "unavailable",
        "badgateway",
        "apierror",
        "servererror",
        "econnreset",
        "econnrefused",
        "epipe",
        "etimedout",
        "eaiagain",
        "enotfound",
        "brokenpipe",
        "deadlock",
        "lockwait",
        "serializationfailure",
        "toomanyconnections",
        "slowdown",
        "resourceexhausted",
        "aborted",
        "deadlineexceeded",
        "temporar",
        "networkerror",
        "socketerror",
        "readerror",
        "remoteprotocol",
        "upstreamreset",
        "40001",
        "40p01",
        "incompleteread",
        "databaseislocked",
        "operationalerror",
        "cooldown",
    ];
    // `JSONDecodeError` inside `ConnectionError`? The more specific list of deterministic failures is asked first.
    if SEMANTIC.iter().any(|w| folded.contains(w)) {
        return Some(FailureClass::Semantic);
    }
    if TRANSIENT.iter().any(|w| folded.contains(w)) {
        return Some(FailureClass::Transient);
    }
    None
}

fn by_message(head: &str) -> Option<(&'static str, FailureClass)> {
    const WORDS: &[(&str, FailureClass)] = &[
        ("context length", FailureClass::Semantic),
        ("maximum context", FailureClass::Semantic),
        ("content policy", FailureClass::Semantic),
        ("content filter", FailureClass::Semantic),
        ("does not match schema", FailureClass::Semantic),
        ("schema", FailureClass::Semantic),
        ("validation", FailureClass::Semantic),
        ("not validate", FailureClass::Semantic),
        ("n't validate", FailureClass::Semantic),
        ("jsondecodeerror", FailureClass::Semantic),
        ("invalid request", FailureClass::Semantic),
        ("badrequest", FailureClass::Semantic),
        ("valueerror", FailureClass::Semantic),
        ("keyerror", FailureClass::Semantic),
        ("typeerror", FailureClass::Semantic),
        ("rate limit", FailureClass::Transient),
        ("ratelimit", FailureClass::Transient),
        ("too many requests", FailureClass::Transient),
        ("timed out", FailureClass::Transient),
        ("no response within", FailureClass::Transient),
        ("not respond within", FailureClass::Transient),
        ("timeout", FailureClass::Transient),
        ("overloaded", FailureClass::Transient),
        ("connection", FailureClass::Transient),
        ("internalservererror", FailureClass::Transient),
        ("temporarily unavailable", FailureClass::Transient),
        ("service unavailable", FailureClass::Transient),
        ("deadlock", FailureClass::Transient),
        ("database is locked", FailureClass::Transient),
        ("try again", FailureClass::Transient),
    ];
    WORDS.iter().find(|(word, _)| head.contains(word)).copied()
}

/// `answered 503`, `status 429`, `HTTP 500`: a status the text names as one.
fn status_in_text(head: &str) -> Option<u16> {
    let mut previous = "";
    for word in head.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
        if word.len() == 3
            && matches!(previous, "answered" | "status" | "http" | "code" | "returned" | "responded" | "got" | "statuscode" | "error" | "with")
            && let Ok(status) = word.parse::<u16>()
            && (400..600).contains(&status)
        {
            return Some(status);
        }
        previous = word;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::{Failure, Http};

    fn entry(kind: Option<&str>, status: Option<u16>, body: &str) -> Entry {
        Entry {
            body: Some(body.into()),
            failure: kind.map(|k| Box::new(Failure { kind: Some(k.into()), ..Failure::default() })),
            http: status.map(|s| Box::new(Http { status: Some(s), ..Http::default() })),
            ..Entry::default()
        }
    }

    #[test]
    fn the_table_decides_by_code_then_name_then_status_then_words() {
        use FailureClass::{Semantic, Transient, Unknown};
        for (kind, status, body, want) in [
            (Some("RateLimitError"), None, "", Transient),
            (Some("litellm.exceptions.BadRequestError"), None, "", Semantic),
            (Some("JSONDecodeError"), None, "", Semantic),
            (None, Some(429), "", Transient),
            (None, Some(429), "You exceeded your current quota", Semantic),
            (None, Some(422), "", Semantic),
            (None, None, "endpoint answered 503", Transient),
            (None, None, "endpoint answered 400", Semantic),
            (Some("APITimeoutError"), Some(400), "", Transient),
            (None, None, "worker lost", Unknown),
        ] {
            assert_eq!(classify(&entry(kind, status, body)).0, want, "{kind:?} {status:?} {body}");
        }
    }

    #[test]
    fn an_explicit_flag_beats_every_table() {
        let mut e = entry(Some("RateLimitError"), Some(429), "");
        e.failure.as_mut().unwrap().retryable = Some(false);
        assert_eq!(classify(&e).0, FailureClass::Semantic);
    }
}
