//! Lengths that prose states: `Took 19.8 seconds`, `succeeded in 1.23s: 3`, `GET /x 200 12.3 ms`.
//!
//! Guarantees: only a number with a unit counts, and only where the words around it say that something took so long; a timeout, a
//! delay to come or an interval is none. Looks at a bounded head of the text.

use super::{clock, run};
use crate::model::time::Length;

/// Prose beyond this is a document, not a statement about a length.
const MAX_PROSE: usize = 1_000;
/// How far the words before a number are read.
const REACH_BYTES: usize = 120;

/// Words after which a length is what something took.
const CUES: [&str; 14] = ["took", "taken", "elapsed", "duration", "time", "latency", "runtime", "spent", "lasted", "total", "responsetime", "ran", "processingtime", "in"];
/// Words that make any length before or after them a plan, a limit or a pause.
const DECOYS: [&str; 33] = [
    "retry",
    "retrying",
    "retries",
    "retried",
    "wait",
    "waiting",
    "sleep",
    "sleeping",
    "backoff",
    "backing",
    "expire",
    "expires",
    "expired",
    "expiring",
    "timeout",
    "timeouts",
    "timed",
    "schedule",
    "scheduled",
    "scheduling",
    "again",
    "delay",
    "delayed",
    "reconnect",
    "reconnecting",
    "every",
    "within",
    "deadline",
    "ttl",
    "next",
    "will",
    "interval",
    "restarting",
];
/// Words right behind a length that say the same.
const TRAILING_DECOYS: [&str; 14] = ["timeout", "left", "remaining", "ago", "delay", "interval", "limit", "window", "budget", "ttl", "from", "until", "old", "backoff"];
/// Past events after which `after` states what they took.
const ENDED: [&str; 14] = ["done", "ok", "complete", "success", "sent", "built", "ran", "failure", "error", "finish", "exit", "end", "returns", "succeeds"];

/// The first length that `text` states of what it is about.
pub fn in_text(text: &str) -> Option<Length> {
    let bytes = &text.as_bytes()[..text.len().min(MAX_PROSE)];
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let starts = at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || !bytes[at - 1].is_ascii() || matches!(bytes[at - 1], b'-' | b'_' | b'.' | b'/'));
        if starts && let Some((length, end)) = candidate(bytes, at) {
            if length.ns.is_some() && is_statement(bytes, at, end) {
                return Some(length);
            }
            at = end;
        } else {
            at += bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'.').count().max(1);
        }
    }
    None
}

/// A number with its unit, or a clock with a fraction, that ends where a word ends.
fn candidate(bytes: &[u8], at: usize) -> Option<(Length, usize)> {
    let rest = &bytes[at..bytes.len().min(at + 64)];
    let (sum, used) = match clock(rest) {
        Some((sum, used)) if rest[..used].contains(&b'.') || rest[used - 1] == b's' => (sum, used),
        Some(_) => return None,
        None => run(rest)?,
    };
    let lone_letter = rest[..used].ends_with(b"m") || rest[..used].ends_with(b"h") || rest[..used].ends_with(b"d");
    let ends = !rest.get(used).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'%'));
    if lone_letter || !ends {
        return None;
    }
    Some((sum.length()?, at + used))
}

fn is_statement(bytes: &[u8], begin: usize, end: usize) -> bool {
    let behind = words(&bytes[end..bytes.len().min(end + 24)]).next().unwrap_or_default();
    if is_one_of(behind, &TRAILING_DECOYS) {
        return false;
    }
    let before = clause(&bytes[begin.saturating_sub(REACH_BYTES)..begin]);
    if words(before).any(|word| is_one_of(word, &DECOYS)) {
        return false;
    }
    if behind.eq_ignore_ascii_case(b"elapsed") {
        return true;
    }
    let last = words(before).filter(|word| !is_one_of(word, &["about", "approximately", "only", "just", "of", "was", "is"])).last().unwrap_or_default();
    let tight = before.iter().rev().take_while(|b| !b.is_ascii_alphanumeric()).count() <= 12;
    if !tight {
        return false;
    }
    if is_one_of(last, &CUES) {
        return true;
    }
    if is_one_of(last, &["after", "for"]) {
        return last.eq_ignore_ascii_case(b"after") && words(before).any(is_past);
    }
    stands_alone_in_brackets(bytes, begin, end) || (last.len() == 3 && last.iter().all(u8::is_ascii_digit) && matches!(last[0], b'1'..=b'5'))
}

/// `Completed`, `failed`, `done`
fn is_past(word: &[u8]) -> bool {
    (word.len() > 4 && word[word.len() - 2..].eq_ignore_ascii_case(b"ed")) || is_one_of(word, &ENDED)
}

/// `(12ms)`, `[1.5s]`
fn stands_alone_in_brackets(bytes: &[u8], begin: usize, end: usize) -> bool {
    matches!((begin.checked_sub(1).map(|at| bytes[at]), bytes.get(end)), (Some(b'('), Some(b')')) | (Some(b'['), Some(b']')))
}

/// The end of `before`, from the last mark that closes a thought.
fn clause(before: &[u8]) -> &[u8] {
    let cut = before.windows(2).rposition(|pair| matches!(pair[0], b',' | b';' | b'.' | b'|') && pair[1] == b' ');
    cut.map_or(before, |at| &before[at + 2..])
}

fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|b| !b.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

fn is_one_of(word: &[u8], list: &[&str]) -> bool {
    list.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
}
