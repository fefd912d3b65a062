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

/// What a word before or behind a length says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    /// A length that follows is what something took.
    Cue,
    /// Any length near it is a plan, a limit or a pause.
    Decoy,
    /// `after` a past event states what that took.
    After,
    /// Says nothing and stands between a cue and its length.
    Filler,
    /// An event that is over.
    Past,
    Other,
}

fn sense(word: &[u8]) -> Sense {
    let mut lower = [0; 14];
    let Some(buffer) = lower.get_mut(..word.len()) else { return Sense::Other };
    buffer.copy_from_slice(word);
    buffer.make_ascii_lowercase();
    match &*buffer {
        b"took" | b"taken" | b"elapsed" | b"duration" | b"time" | b"latency" | b"runtime" | b"spent" | b"lasted" | b"total" | b"responsetime" | b"in" => Sense::Cue,
        b"retry" | b"retrying" | b"retries" | b"retried" | b"wait" | b"waiting" | b"sleep" | b"sleeping" | b"backoff" | b"backing" | b"expire" | b"expires" | b"expired"
        | b"expiring" | b"timeout" | b"timeouts" | b"timed" | b"schedule" | b"scheduled" | b"scheduling" | b"again" | b"delay" | b"delayed" | b"reconnect" | b"reconnecting"
        | b"every" | b"within" | b"deadline" | b"ttl" | b"next" | b"will" | b"interval" | b"restarting" => Sense::Decoy,
        b"after" => Sense::After,
        b"about" | b"approximately" | b"only" | b"just" | b"of" | b"was" | b"is" => Sense::Filler,
        b"done" | b"ok" | b"complete" | b"success" | b"sent" | b"built" | b"ran" | b"failure" | b"error" | b"finish" | b"exit" | b"end" | b"returns" | b"succeeds" => Sense::Past,
        [.., b'e', b'd'] if word.len() > 4 => Sense::Past,
        _ => Sense::Other,
    }
}

/// Words right behind a length that make it a plan or a limit.
fn is_trailing_decoy(word: &[u8]) -> bool {
    matches!(sense(word), Sense::Decoy) || matches!(word, b"left" | b"remaining" | b"ago" | b"limit" | b"window" | b"budget" | b"from" | b"until" | b"old")
}

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

/// The one length of a text that tells of nothing else by numbers with a unit.
pub fn only(text: &str) -> Option<Length> {
    let bytes = &text.as_bytes()[..text.len().min(MAX_PROSE)];
    let mut found = None;
    let mut at = 0;
    while at < bytes.len() {
        let starts = bytes[at].is_ascii_digit() && (at == 0 || matches!(bytes[at - 1], b' ' | b'(' | b'[' | b'=' | b'+'));
        if starts && let Some((length, end)) = candidate(bytes, at) {
            if found.replace(length).is_some() {
                return None;
            }
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

/// `… ms=5.4`, `… duration_ms=12`: a pair among the words of a text whose name ends in a unit, and says nothing or that it is a length.
pub fn pair_in_text(text: &str) -> Option<Length> {
    memchr::memchr(b'=', text.as_bytes())?;
    text.split([' ', ',', ';', '(', ')', '[', ']']).take(MAX_PROSE / 8).find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let mut words = crate::recognise::names::words(name);
        let unit = super::Unit::of_suffix(&words.pop()?)?;
        let is_length = |w: &String| matches!(&**w, "duration" | "elapsed" | "latency" | "took" | "runtime" | "time" | "total");
        let is_named = !words.is_empty() || name.len() > 1;
        (is_named && words.iter().all(is_length) && !value.is_empty()).then(|| super::with_unit(value, unit)).flatten()
    })
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
    let behind = word_behind(&bytes[end..bytes.len().min(end + 24)]);
    if is_trailing_decoy(behind) {
        return false;
    }
    let before = clause(&bytes[begin.saturating_sub(REACH_BYTES)..begin]);
    let (mut last, mut last_sense, mut past) = (&b""[..], Sense::Other, false);
    for word in words(before) {
        let sense = sense(word);
        match sense {
            Sense::Decoy => return false,
            Sense::Filler => {}
            _ => (last, last_sense, past) = (word, sense, past || sense == Sense::Past),
        }
    }
    if behind.eq_ignore_ascii_case(b"elapsed") {
        return true;
    }
    let is_tight = before.iter().rev().take_while(|b| !b.is_ascii_alphanumeric()).count() <= 12;
    match last_sense {
        _ if !is_tight => false,
        Sense::Cue => true,
        Sense::After => past,
        _ if last.eq_ignore_ascii_case(b"for") => false,
        _ => stands_alone_in_brackets(bytes, begin, end) || is_status(last),
    }
}

/// The word that only a space or a dash parts from the length.
fn word_behind(bytes: &[u8]) -> &[u8] {
    let rest = bytes.strip_prefix(b" ").or_else(|| bytes.strip_prefix(b"-")).unwrap_or_default();
    words(rest).next().filter(|_| rest.first().is_some_and(u8::is_ascii_alphanumeric)).unwrap_or_default()
}

fn is_status(word: &[u8]) -> bool {
    word.len() == 3 && word.iter().all(u8::is_ascii_digit) && (b'1'..=b'5').contains(&word[0])
}

/// `(12ms)`, `[1.5s]`, `(1 row, 12ms)`
fn stands_alone_in_brackets(bytes: &[u8], begin: usize, end: usize) -> bool {
    let counts = |from: usize| {
        bytes[from + 1..begin].split(|b| *b == b',').all(|item| {
            let mut words = words(item);
            let (count, noun, more) = (words.next(), words.next(), words.next());
            more.is_none() && count.is_none_or(|c| c.iter().all(u8::is_ascii_digit) && noun.is_some_and(|n| n[0].is_ascii_alphabetic() && sense(n) == Sense::Other))
        })
    };
    let open = || bytes[begin.saturating_sub(48)..begin].iter().rposition(|b| *b == b'(').map(|at| at + begin.saturating_sub(48));
    if bytes.get(end) == Some(&b')') && bytes[..begin].ends_with(b", ") && open().is_some_and(counts) {
        return true;
    }
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
