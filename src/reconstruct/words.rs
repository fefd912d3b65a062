//! The verb of a line and the name of its step, read from its words (`reconstruction.md` section 1).
//!
//! Guarantees: the same text gives the same verb and step; ids and numbers never enter a step name. English only. It never looks
//! at other lines.

use crate::{
    model::entry::{Entry, Severity},
    reconstruct::route,
};
use std::borrow::Cow;

/// What a line says happened to the unit it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Nothing of the kind.
    None,
    /// Handed to a queue.
    Queue,
    /// Taken by a worker.
    Take,
    /// Begun.
    Begin,
    /// First token seen.
    FirstToken,
    /// Ended well, or ended.
    End,
    /// Ended badly.
    Fail,
    /// Will be tried again.
    Retry,
    /// Lost by its worker, will be delivered again.
    Stall,
    /// Given up for good: dead letter, parked, discarded.
    Dead,
}

impl Verb {
    /// The unit (or this execution of it) is over after this line.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::End | Self::Fail | Self::Retry | Self::Stall | Self::Dead)
    }

    /// The unit (or an execution of it) starts with this line.
    pub fn is_start(self) -> bool {
        matches!(self, Self::Take | Self::Begin)
    }

    /// Rank among lines of one instant: enqueue < take < begin < first token < end.
    pub fn causal_rank(self) -> u8 {
        match self {
            Self::Queue => 0,
            Self::Take => 1,
            Self::Begin => 2,
            Self::None => 3,
            Self::FirstToken => 4,
            Self::End | Self::Fail => 5,
            Self::Retry | Self::Stall => 6,
            Self::Dead => 7,
        }
    }
}

/// A verb that other verbs in the sentence override: `request`, `response` are nouns more often than not.
fn weak_verb(word: &str) -> Option<Verb> {
    Some(match word {
        "request" | "calling" | "call" => Verb::Begin,
        "response" | "reply" => Verb::End,
        _ => return None,
    })
}

fn strong_verb(word: &str) -> Option<Verb> {
    Some(match word {
        "start" | "started" | "starts" | "starting" | "begin" | "begins" | "began" | "begun" | "beginning" | "enter" | "entered" | "entering" | "processing" | "running"
        | "executing" | "opening" | "handling" | "invoking" | "incoming" => Verb::Begin,
        "received" | "dequeue" | "dequeued" | "picked" | "claimed" | "active" | "reserved" | "taken" | "consumed" | "acquired" | "popped" => Verb::Take,
        "enqueue" | "enqueued" | "enqueueing" | "enqueuing" | "queued" | "publish" | "published" | "publishing" | "schedule" | "scheduled" | "scheduling" | "submitted"
        | "dispatched" | "dispatching" | "delayed" | "pushed" | "handed" | "spawned" | "deferred" => Verb::Queue,
        "finish" | "finished" | "finishes" | "done" | "end" | "ended" | "ends" | "complete" | "completed" | "completes" | "succeed" | "succeeded" | "succeeds" | "success"
        | "successfully" | "exit" | "exited" | "exits" | "took" | "answered" | "responded" | "handled" | "returned" | "executed" | "processed" | "stored" | "ok" | "stop"
        | "stopped" | "closed" | "sent" | "delivered" | "acked" | "served" => Verb::End,
        "fail" | "failed" | "fails" | "failure" | "failing" | "error" | "errored" | "abort" | "aborted" | "aborting" | "timeout" | "timedout" | "rejected" | "raised"
        | "exception" | "crashed" | "broke" | "broken" | "panicked" | "cancelled" | "canceled" | "killed" => Verb::Fail,
        "retry" | "retrying" | "retried" | "backoff" | "retryable" | "requeued" | "requeueing" => Verb::Retry,
        "stalled" | "redelivered" | "redelivering" | "abandoned" | "orphaned" | "sweeping" | "swept" | "reaped" => Verb::Stall,
        "dead" | "deadletter" | "deadlettered" | "parked" | "discarded" | "exhausted" | "buried" => Verb::Dead,
        "firsttoken" => Verb::FirstToken,
        _ => return None,
    })
}

/// The verb of a text: the last strong verb wins, `retry`, `stall` and `dead` win over all; weak verbs count when alone.
pub fn verb_of_text(text: &str) -> Verb {
    let (mut last, mut weak, mut best_special) = (Verb::None, Verb::None, Verb::None);
    let mut word = String::with_capacity(16);
    let mut previous = String::new();
    let mut before = String::new();
    let mut goes = Goes::Nowhere;
    let apart = words_of_a_name(text);
    for (count, raw) in apart.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).enumerate() {
        // Verbs stand at the head or near it; a prompt or a stack trace behind it says nothing of the step.
        if count > 40 {
            break;
        }
        word.clear();
        word.extend(raw.chars().flat_map(char::to_lowercase));
        // "saved for request 7f3a…": the noun before an id names it.
        if weak != Verb::None && weak_verb(&previous).is_some() && word.len() >= 8 && word.bytes().any(|b| b.is_ascii_digit()) {
            weak = Verb::None;
        }
        let negated = matches!(previous.as_str(), "not" | "no" | "never" | "without" | "un");
        if let Some(verb) = strong_verb(&word)
            && !negated
        {
            // "max retries exceeded", "dead letter": said of the end; "on retry 2", "will retry".
            match verb {
                Verb::Retry | Verb::Stall | Verb::Dead => best_special = best_special.max(verb),
                // "an error occurred while starting": the failure is what is said.
                _ if last == Verb::Fail && verb != Verb::Fail && verb == Verb::Begin => {}
                _ => last = verb,
            }
        } else if previous == "first" && word == "token" {
            last = Verb::FirstToken;
        } else if (previous == "timed" && word == "out") || (is_giving(&before) && previous == "up" && !is_let_go(&word)) {
            last = Verb::Fail;
        } else if is_again(&before, &previous, &word) {
            best_special = best_special.max(Verb::Retry);
        } else if is_final(&previous, &word, count) || goes.to_the_dead(&previous, &word) {
            best_special = Verb::Dead;
        } else if let Some(verb) = weak_verb(&word) {
            weak = verb;
        }
        goes = goes.after(&word);
        std::mem::swap(&mut before, &mut previous);
        std::mem::swap(&mut previous, &mut word);
    }
    // A text that ends with it.
    if is_giving(&before) && previous == "up" {
        last = Verb::Fail;
    }
    if best_special != Verb::None {
        return best_special;
    }
    if last == Verb::None { weak } else { last }
}

/// A text that is one name (`ActivityTaskStarted`) with a space before each capital behind a small letter.
fn words_of_a_name(text: &str) -> Cow<'_, str> {
    let is_name = text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
        && text.bytes().zip(text.bytes().skip(1)).any(|(a, b)| a.is_ascii_lowercase() && b.is_ascii_uppercase());
    if !is_name {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut previous = ' ';
    for c in text.chars() {
        if previous.is_ascii_lowercase() && c.is_ascii_uppercase() {
            out.push(' ');
        }
        out.push(c);
        previous = c;
    }
    Cow::Owned(out)
}

/// How far a text has come with saying where something went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goes {
    Nowhere,
    /// "moved", "sent".
    Away,
    /// "moved to".
    Into,
}

impl Goes {
    fn after(self, word: &str) -> Self {
        match (self, word) {
            (_, "moved" | "moving" | "moves" | "sent" | "sending" | "sends" | "routed" | "routing" | "put" | "pushed" | "placed" | "transferred" | "forwarded" | "added") => {
                Self::Away
            }
            (Self::Away | Self::Into, "to" | "into" | "in" | "onto" | "on") => Self::Into,
            // "sent to queue orders (dlq: …)": what stands between is where it went.
            (Self::Into, "the" | "a" | "its" | "our" | "their" | "failed") => Self::Into,
            (Self::Away, _) => Self::Away,
            _ => Self::Nowhere,
        }
    }

    /// Where things go that will not be tried again: "moved to failed jobs", "sent to the DLQ".
    fn to_the_dead(self, previous: &str, word: &str) -> bool {
        let is_theirs = matches!(word, "dlq" | "poison") || (previous == "failed" && matches!(word, "jobs" | "job" | "queue" | "messages" | "tasks" | "set"));
        self == Self::Into && is_theirs
    }
}

/// A lock or a lease that is given up fails nothing.
fn is_let_go(word: &str) -> bool {
    matches!(word, "the" | "its" | "a" | "an" | "our" | "lock" | "locks" | "lease" | "slot" | "leadership" | "ownership" | "control" | "waiting")
}

fn is_giving(word: &str) -> bool {
    matches!(word, "giving" | "gave" | "gives" | "given")
}

/// "will try again", "will run again", "trying again", "to be tried again", "next attempt in". Whoever is told to try again is somebody else.
fn is_again(before: &str, previous: &str, word: &str) -> bool {
    if matches!(word, "in" | "at") {
        return matches!(previous, "attempt" | "try") && matches!(before, "next" | "another");
    }
    word == "again"
        && (previous == "trying"
            || (previous == "tried" && matches!(before, "be" | "get" | "gets"))
            || (matches!(previous, "try" | "run") && matches!(before, "will" | "ll" | "shall")))
}

/// `failed for good`, `failed permanently`; `Retries exceeded for …` at the head of a text, where it is not the reason another failure gives.
fn is_final(previous: &str, word: &str, count: usize) -> bool {
    match (previous, word) {
        ("for", "good") | ("failed", "permanently") | ("permanently", "failed") => true,
        ("retries" | "attempts", "exceeded") => count == 1,
        _ => false,
    }
}

/// The verb of an entry: its words, else its state word, sharpened by severity and failure facet.
pub fn verb(entry: &Entry) -> Verb {
    let mut verb = entry.body.as_deref().map_or(Verb::None, |body| verb_of_text(&without_name(without_shown(head(body)), entry)));
    if verb == Verb::None {
        let state = entry.job.as_ref().and_then(|j| j.state.as_deref());
        verb = [state, entry.outcome.as_deref(), entry.operation.as_deref()].into_iter().flatten().map(verb_of_text).find(|v| *v != Verb::None).unwrap_or(Verb::None);
    }
    // "Aborting message": that it is for good, its logger's convention knows.
    let state = entry.job.as_ref().and_then(|j| j.state.as_deref());
    if verb == Verb::Fail && state.is_some_and(|state| verb_of_text(state) == Verb::Dead) {
        verb = Verb::Dead;
    }
    // `request`, beside a status and how long it took, was answered.
    if verb == Verb::Begin && entry.duration.is_some() && entry.http.as_ref().is_some_and(|http| http.status.is_some()) {
        verb = Verb::End;
    }
    // Who counts the tokens of an answer has it: `answer received` takes nothing off a queue.
    let is_answered = || entry.model.as_ref().is_some_and(|m| m.output_tokens.is_some() || m.finish_reason.is_some());
    if matches!(verb, Verb::Begin | Verb::Take) && entry.duration.is_some() && is_answered() {
        verb = Verb::End;
    }
    if verb == Verb::End && failed(entry) {
        verb = Verb::Fail;
    }
    verb
}

/// A text up to a thing that a program shows as it is made, whose members are no verbs: `Finished Job<function: …, queued: 1796…, started: 1796…>`.
fn without_shown(text: &str) -> &str {
    let Some(at) = text.find('<').filter(|at| text[..*at].ends_with(|c: char| c.is_ascii_alphanumeric())) else { return text };
    if text[at..].contains(": ") || text[at..].contains('=') { &text[..at] } else { text }
}

/// A text without the job it speaks of, whose name and arguments are no verbs: `Received message publish_index('done')`.
fn without_name<'a>(text: &'a str, entry: &Entry) -> Cow<'a, str> {
    let name = call(entry).or_else(|| entry.job.as_deref()?.name.as_deref()).unwrap_or("");
    let Some((before, after)) = text.split_once(name).filter(|_| !name.is_empty() && text.len() > name.len()) else { return Cow::Borrowed(text) };
    let touches = |c: char| c.is_alphanumeric() || c == '_';
    // A name of one word is one only where it is written as such: `answer` stands in `answered`, and `fail` may be what is said.
    let is_name = name.contains(|c: char| !c.is_alphanumeric()) || after.starts_with(['(', '[', ':']);
    if before.ends_with(touches) || after.starts_with(touches) || !is_name {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{before} {after}"))
}

/// The call that a line speaks of, with its arguments: `embed(8, '99c2…')`. One without arguments names no one run.
pub fn call(entry: &Entry) -> Option<&str> {
    let (name, body) = (entry.job.as_deref()?.name.as_deref()?, entry.body.as_deref()?);
    let from = body.find(name)?;
    let to = from + name.len();
    let inside = body[to..].strip_prefix('(')?;
    let mut depth = 1_u32;
    let end = inside.char_indices().take(1_024).find(|(_, c)| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    })?;
    (!inside[..end.0].trim().is_empty()).then(|| &body[from..=to + 1 + end.0])
}

/// The line says that something went wrong with the thing it is about.
pub fn failed(entry: &Entry) -> bool {
    let outcome_bad = entry.outcome.as_deref().is_some_and(|o| matches!(verb_of_text(o), Verb::Fail | Verb::Dead | Verb::Retry));
    let status_bad = entry.http.as_ref().and_then(|h| h.status).is_some_and(|s| s >= 400);
    let failure = entry.failure.as_ref().is_some_and(|f| f.kind.is_some() || f.message.is_some() || f.has_stack);
    outcome_bad || status_bad || (failure && entry.severity.is_none_or(|s| s >= Severity::Warn)) || entry.severity.is_some_and(|s| s >= Severity::Error)
}

/// The line says that whoever asked is gone: `client disconnected`, `reader went away`, an exception of that name. A client of
/// something else (`redis client closed`) is not whoever asked.
pub fn client_left(entry: &Entry) -> bool {
    if entry.http.as_ref().is_some_and(|http| http.client_left) {
        return true;
    }
    let by_class = entry.failure.as_ref().and_then(|f| f.kind.as_deref()).is_some_and(|kind| {
        let kind = kind.to_ascii_lowercase();
        ["clientdisconnect", "clientabort", "clientclosed", "clientgone"].iter().any(|name| kind.contains(name))
    });
    by_class || entry.body.as_deref().is_some_and(|body| says_client_left(head(body)))
}

/// The text names one of these things near its beginning.
pub fn speaks_of(entry: &Entry, nouns: &[&str]) -> bool {
    let mut words = entry.body.as_deref().unwrap_or_default().split(|c: char| !c.is_alphanumeric()).take(16);
    words.any(|word| nouns.iter().any(|noun| word.eq_ignore_ascii_case(noun)))
}

/// What was delivered was done before, and is left alone: `job is done already, skipping`, `duplicate delivery ignored`.
pub fn is_done_already(entry: &Entry) -> bool {
    let Some(body) = entry.body.as_deref() else { return false };
    let words: Vec<String> = head(body).split(|c: char| !c.is_alphanumeric()).take(24).map(str::to_ascii_lowercase).collect();
    let says = |list: &[&str]| words.iter().any(|word| list.contains(&&**word));
    let is_left = says(&["skip", "skipped", "skipping", "ignored", "ignoring", "ignore", "dropped", "dropping", "nothing"]);
    // Of a page or a chunk it is said within a run.
    let is_of_the_task = says(&["job", "task", "message", "delivery", "run", "event"]) || words.first().is_some_and(|word| word == "already");
    let is_done_word = |word: &String| ["done", "processed", "completed", "finished", "handled", "exists", "ran", "complete"].contains(&&**word);
    let near = |at: usize| words[at + 1..].iter().take(2).any(is_done_word) || at.checked_sub(1).is_some_and(|before| is_done_word(&words[before]));
    let is_done = words.iter().position(|word| word == "already").is_some_and(near);
    is_left && is_of_the_task && (is_done || says(&["duplicate", "duplicated", "dup"]))
}

/// `completion cancelled`: nobody wanted it any more, which is no failure of what was at work. It is where the line says so, or why.
pub fn called_off(entry: &Entry) -> bool {
    if entry.severity.is_some_and(|severity| severity >= Severity::Error) {
        return false;
    }
    let error = entry.failure.as_ref().and_then(|failure| failure.message.as_deref().or(failure.kind.as_deref()));
    entry.body.as_deref().is_some_and(says_cancelled) && error.is_none_or(says_cancelled)
}

/// Cancelled, and nothing else that failed.
fn says_cancelled(text: &str) -> bool {
    let mut failed = head(text).split(|c: char| !c.is_alphanumeric()).take(24).map(str::to_ascii_lowercase).filter(|word| strong_verb(word) == Some(Verb::Fail)).peekable();
    failed.peek().is_some() && failed.all(|word| matches!(&*word, "cancelled" | "canceled"))
}

fn says_client_left(text: &str) -> bool {
    const CALLERS: [&str; 4] = ["client", "reader", "caller", "browser"];
    // Most texts name none of them.
    if !text.split(|c: char| !c.is_alphanumeric()).any(|w| CALLERS.iter().any(|caller| w.eq_ignore_ascii_case(caller))) {
        return false;
    }
    let words: Vec<String> = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).take(24).map(str::to_lowercase).collect();
    let leaves = |word: &String| matches!(word.as_str(), "disconnected" | "disconnects" | "disconnect" | "gone" | "away" | "left" | "closed" | "aborted" | "hung" | "vanished");
    words.iter().enumerate().any(|(at, word)| {
        let before = at.checked_sub(1).map_or("the", |i| words[i].as_str());
        let is_caller = CALLERS.contains(&word.as_str())
            && (matches!(before, "the" | "a" | "http" | "our" | "as" | "because" | "since" | "when" | "while" | "remote") || strong_verb(before).is_some());
        let between = |w: &&String| matches!(w.as_str(), "has" | "is" | "was" | "had" | "already" | "suddenly" | "went" | "connection" | "connections" | "socket");
        let goes = words[at + 1..].iter().find(|w| !between(w)).is_some_and(leaves);
        let was_left = matches!(before, "by") && words[..at].iter().any(|w| matches!(w.as_str(), "closed" | "aborted" | "cancelled" | "canceled" | "disconnected"));
        (is_caller && goes) || (matches!(word.as_str(), "client" | "caller" | "browser") && was_left)
    })
}

fn head(text: &str) -> &str {
    let end = text.find('\n').unwrap_or(text.len()).min(400);
    let mut end = end;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The step's name: the operation a field states, else the words of the message without verbs, ids and numbers, at most 60
/// characters. `MmcGetUserId response` and `MmcGetUserId request` are one step.
pub fn step_name(entry: &Entry) -> String {
    if let Some(operation) = &entry.operation {
        return operation.to_string();
    }
    entry.body.as_deref().map(masked).unwrap_or_default()
}

/// The message without its begin and end verbs, with ids and numbers masked as `#`; a path keeps its words, its values become `{id}`.
pub fn masked(text: &str) -> String {
    let text = head(text);
    let mut out = String::with_capacity(text.len().min(64));
    for word in text.split_whitespace() {
        let folded = holds_path(word).then(|| route::fold(word));
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let lower = bare.to_lowercase();
        let is_verb =
            strong_verb(&lower).is_some_and(|v| !matches!(v, Verb::Dead)) || weak_verb(&lower).is_some() || matches!(lower.as_str(), "calling" | "in" | "after" | "with" | "id");
        // `/complete` is the name of a place.
        if is_verb && folded.is_none() {
            continue;
        }
        let digits = bare.bytes().filter(u8::is_ascii_digit).count();
        let is_value = digits > 0 && (digits * 3 >= bare.len() || bare.len() >= 16);
        let piece = folded.as_deref().unwrap_or(if is_value { "#" } else { word });
        if piece == "#" && out.ends_with('#') {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(piece);
        if out.len() >= 60 {
            break;
        }
    }
    let mut cut = out.len().min(60);
    while !out.is_char_boundary(cut) {
        cut -= 1;
    }
    out.truncate(cut);
    let trimmed = out.trim_matches(|c: char| matches!(c, '#' | ' ' | ':' | '.' | ',' | '-' | '(' | ')')).to_owned();
    if trimmed.is_empty() { out } else { trimmed }
}

/// A slash that no word or number stands before begins a path: `/users/7`, `"/users`, `https://host/users`. Not `3/10`, not `23/Nov/2026`.
fn holds_path(word: &str) -> bool {
    let mut before = ' ';
    word.chars().any(|c| {
        let begins = c == '/' && !before.is_alphanumeric();
        before = c;
        begins
    }) && word.chars().any(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_job_is_no_verb() {
        let of = |body: &str, name: &str| {
            let job = crate::model::entry::Job { name: Some(name.into()), ..Default::default() };
            verb(&Entry { body: Some(body.into()), job: Some(Box::new(job)), ..Entry::default() })
        };
        assert_eq!(of("Received message publish_index('x') with id 'y'.", "publish_index"), Verb::Take);
        assert_eq!(of("Executing app.send: x", "app.send"), Verb::Begin);
        assert_eq!(of("publish_index", "publish_index"), Verb::Queue, "a text that is nothing else is all there is");
        assert_eq!(of("answered", "answer"), Verb::End, "a part of a word is no name");
        assert_eq!(of("failed", "fail"), Verb::Fail);
    }

    #[test]
    fn verbs_are_read_from_the_words_of_many_loggers() {
        for (text, want) in [
            ("request completed", Verb::End),
            ("handled request", Verb::End),
            ("MmcGetUserId request", Verb::Begin),
            ("MmcGetUserId response", Verb::End),
            ("RedisInsert exit", Verb::End),
            ("task.enqueued", Verb::Queue),
            ("handed to triage", Verb::Queue),
            ("Received message embed_article(5, 0) with id 'x'.", Verb::Take),
            ("picked up", Verb::Take),
            ("attempt failed", Verb::Fail),
            ("Job x: scheduled for retry at 2026-11-23", Verb::Retry),
            ("Retrying message 'x' in 819 milliseconds.", Verb::Retry),
            ("stalled, will run again", Verb::Stall),
            ("parked, needs a human", Verb::Dead),
            ("job failed for good", Verb::Dead),
            ("Retries exceeded for message 'x'.", Verb::Dead),
            ("connection failed: max retries exceeded with url", Verb::Fail),
            ("redline.tasks.extract: x 2 retries executed in 0.3s", Verb::End),
            ("Task mail.send[x] succeeded in 1.23s: None", Verb::End),
            ("quota checked", Verb::None),
            ("summary saved for request NXMtrbgs2jzDf", Verb::None),
            ("job:start", Verb::Begin),
            ("giving up, job moved to failed_jobs", Verb::Dead),
            ("message sent to the DLQ", Verb::Dead),
            ("moved into failed queue", Verb::Dead),
            ("failed jobs: 3", Verb::Fail),
            ("moved to failed state", Verb::Fail),
            ("gave up on nova-large-2", Verb::Fail),
            ("will try again", Verb::Retry),
            ("message will be tried again in 4 s", Verb::Retry),
            ("please try again", Verb::None),
            ("message sent to queue orders (dlq: orders-dlq)", Verb::End),
            ("pushed to stream orders, dlq depth 0", Verb::Queue),
            ("results put in bucket, 0 rows in dlq", Verb::None),
            ("added to batch 4, failed jobs 0", Verb::Fail),
            ("giving up the lock", Verb::None),
            ("after 3 tries giving up", Verb::Fail),
            ("tried again and succeeded", Verb::End),
        ] {
            assert_eq!(verb_of_text(text), want, "{text}");
        }
    }

    #[test]
    fn a_caller_that_went_away_is_told_from_a_client_of_something_else() {
        for (text, want) in [
            ("client disconnected, stream stopped", true),
            ("reader went away, stream dropped", true),
            ("stream ended: the client closed the connection", true),
            ("request cancelled by client", true),
            ("redis client disconnected", false),
            ("client created", false),
            ("closed db client", false),
            ("client secret left in the body", false),
        ] {
            assert_eq!(says_client_left(text), want, "{text}");
        }
    }

    #[test]
    fn begin_and_end_of_one_step_share_its_name() {
        assert_eq!(masked("MmcGetUserId request"), masked("MmcGetUserId response"));
        assert_eq!(masked("/wrk2-api/review/compose started"), "/wrk2-api/review/compose");
        assert_eq!(masked("stored 1 row in kb_chunks in 9.9ms"), masked("stored 3 row in kb_chunks in 1.1ms"));
    }

    #[test]
    fn a_path_keeps_its_words_and_loses_its_values() {
        for (text, want) in [
            ("GET /v1/orders/8812/items?page=3", "GET /v1/orders/{id}/items"),
            ("POST /complete started", "POST /complete"),
            ("fetching https://api.example.com/users/3f2b8c1e-5a77-4c7e-9d59-0b6a1f3e2d10", "fetching https://api.example.com/users/{id}"),
            ("chunk 3/10 embedded", "chunk # embedded"),
            ("rolled 23/Nov/2026 over", "rolled # over"),
        ] {
            assert_eq!(masked(text), want, "{text}");
        }
    }

    #[test]
    fn work_that_was_done_before_is_told_from_work_that_is_done() {
        let says = |body: &str| is_done_already(&Entry { body: Some(body.into()), ..Entry::default() });
        for text in ["job is done already, skipping", "already processed, ignoring message", "duplicate delivery dropped", "Task already completed; skipped"] {
            assert!(says(text), "{text}");
        }
        for text in ["job done", "already running", "skipping empty rows", "job finished already", "duplicate rows found", "done, nothing to send"] {
            assert!(!says(text), "{text}");
        }
    }

    #[test]
    fn members_of_a_thing_that_is_shown_are_no_verbs() {
        let verb = |body: &str| verb(&Entry { body: Some(body.into()), ..Entry::default() });
        assert_eq!(verb("Finished Job<function: triage, key: k, queued: 1796068308034, started: 1796068308039>"), Verb::End);
        assert_eq!(verb("Sweeping job Job<function: triage, key: k, started: 1796068308039>"), Verb::Stall);
        assert_eq!(verb("job failed, will run again in 2s"), Verb::Retry);
        assert_eq!(verb("latency < 5 ms: request finished"), Verb::End);
    }
}
