//! What stands between the time and the severity, or between the severity and the message: threads, processes, loggers, ids.
//!
//! Guarantees: a part that is not recognised is reported as such, so that it stays in the message. Never scans ahead.

use super::{TextRecord, pairs};
use crate::recognise::{instant, severity};
use std::borrow::Cow;

/// Takes the inside of a bracket that stands in a head; false: it says nothing about the head.
pub(super) fn bracket<'a>(record: &mut TextRecord<'a>, inner: &'a str) -> bool {
    let inner = inner.trim();
    if inner.is_empty() {
        return true;
    }
    if record.time.is_none()
        && let Some(rest) = leading_time(record, inner)
    {
        return timed_rest(record, rest);
    }
    if record.severity.is_none() && levelled(record, inner) {
        return true;
    }
    if super::known::is_caller(inner) {
        record.push("caller", inner);
        return true;
    }
    // `(EngineCore_0 pid=889)`: which process of the program wrote it.
    if let Some((name, pid)) = inner.split_once(" pid=")
        && !name.contains([' ', '='])
        && !pid.is_empty()
        && pid.bytes().all(|b| b.is_ascii_digit())
    {
        record.set_context("pid", pid);
        return true;
    }
    if inner.contains('=') {
        if !inner.split_ascii_whitespace().all(|word| word.contains('=')) {
            return false;
        }
        let before = record.fields.len();
        pairs::scan(inner, |key, value| record.push_pair(Cow::Borrowed(key), value));
        return record.fields.len() > before;
    }
    word_like(record, inner)
}

/// A time at the head, perhaps behind a severity letter (`I 2026-…`).
fn leading_time<'a>(record: &mut TextRecord<'a>, inner: &'a str) -> Option<&'a str> {
    let skip = if inner.as_bytes().get(1) == Some(&b' ') { 2 } else { 0 };
    let (time, end) = instant::at_with_end(inner.as_bytes(), skip)?;
    if skip > 0 {
        record.severity = severity::of_word(&inner[..1]);
    }
    record.time = time;
    Some(inner[end..].trim_start_matches([':', ',', ' ']))
}

/// Behind the time in a bracket: `INFO/ForkPoolWorker-1`, `INFO  app::module`, `#123`, `ServerApp`.
fn timed_rest<'a>(record: &mut TextRecord<'a>, rest: &'a str) -> bool {
    if rest.is_empty() {
        return true;
    }
    let end = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let level = if record.severity.is_none() { severity::of_word(&rest[..end]) } else { None };
    let Some(level) = level else {
        if let Some(pid) = rest.strip_prefix('#') {
            record.set_context("pid", pid);
        } else if !rest.contains(' ') {
            record.logger = Some(Cow::Borrowed(rest));
        }
        return true;
    };
    record.severity = Some(level);
    let behind = &rest[end..];
    if let Some(process) = behind.strip_prefix('/') {
        record.set_context("worker", process);
    } else if !behind.trim().is_empty() {
        record.logger = Some(Cow::Borrowed(behind.trim()));
    }
    true
}

/// `INFO`, `core:error`.
fn levelled<'a>(record: &mut TextRecord<'a>, inner: &'a str) -> bool {
    if inner.len() > 1
        && let Some(level) = severity::of_word(inner)
    {
        record.severity = Some(level);
        return true;
    }
    if let Some((module, word)) = inner.rsplit_once(':')
        && let Some(level) = severity::of_bare_word(word)
    {
        record.severity = Some(level);
        record.logger = Some(Cow::Borrowed(module));
        return true;
    }
    false
}

/// A thread, a process, a logger, ids of a trace.
fn word_like<'a>(record: &mut TextRecord<'a>, inner: &'a str) -> bool {
    if inner.bytes().all(|b| b.is_ascii_digit()) || inner.strip_prefix('#').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit())) {
        record.set_context("pid", inner.trim_start_matches('#'));
        return true;
    }
    if let Some(pid) = inner.strip_prefix("pid ").or_else(|| inner.strip_prefix("PID ")) {
        record.set_context("pid", pid.split(':').next().unwrap_or(pid));
        return true;
    }
    if let Some(client) = inner.strip_prefix("client ") {
        record.push("remote_addr", client);
        return true;
    }
    if traced(record, inner) {
        return true;
    }
    let is_code = inner.bytes().any(|b| b.is_ascii_digit()) && inner.len() > 4 && inner.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() || b == b'-');
    if is_code || inner.len() > 60 || inner.split(' ').count() > 3 || looks_like_id(inner) {
        return false;
    }
    if inner.contains('.') && !inner.contains(' ') && record.logger.is_none() {
        record.logger = Some(Cow::Borrowed(inner));
        return true;
    }
    if record.context.as_ref().is_some_and(|context| !context.starts_with("pid=")) {
        return false;
    }
    record.set_context("thread", inner);
    true
}

/// Spring: `app,4bf9…,00f0…`, and `4bf9…-00f0…`.
fn traced<'a>(record: &mut TextRecord<'a>, inner: &'a str) -> bool {
    let is_hex = |text: &str, length: usize| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some((trace, span)) = inner.split_once('-').filter(|(trace, span)| is_hex(trace, 32) && is_hex(span, 16)) {
        record.push("trace_id", trace);
        record.push("span_id", span);
        return true;
    }
    let mut parts = inner.split(',').map(str::trim);
    let (Some(name), Some(trace), Some(span)) = (parts.next(), parts.next(), parts.next()) else { return false };
    if !(is_hex(trace, 32) || is_hex(trace, 16) || trace.is_empty()) || !(is_hex(span, 16) || span.is_empty()) {
        return false;
    }
    if !name.is_empty() {
        record.service = Some(Cow::Borrowed(name));
    }
    record.push("trace_id", trace);
    record.push("span_id", span);
    true
}

/// Long, with digits, and no thread's name: it must stay where an id is looked for.
fn looks_like_id(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    !text.contains(' ') && text.len() >= 12 && digits >= 6 || (text.len() >= 16 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'))
}

/// The words between the time and an upper-case severity: pairs, Sidekiq's tagged words, brackets, process numbers, one logger.
/// False: they are prose, nothing was taken.
pub(super) fn between<'a>(record: &mut TextRecord<'a>, text: &'a str, walled: bool) -> bool {
    let trimmed = text.trim_matches([' ', '\t', '-', '|', ':']);
    let plain = trimmed.split_ascii_whitespace().filter(|word| !is_tagged(word)).count();
    let bracketed = trimmed.contains(['[', '(', '<']);
    if !bracketed && (plain > 3 || (plain > 1 && !walled)) {
        return false;
    }
    let mut rest = trimmed;
    let mut names: Option<(usize, usize)> = None;
    while !rest.is_empty() {
        let begin = trimmed.len() - rest.len();
        if let Some(close) = closing(rest) {
            bracket(record, &rest[1..close]);
            rest = rest[close + 1..].trim_start_matches([' ', '\t', '-', '|', ':']);
            continue;
        }
        let end = rest.find([' ', '\t', '|']).unwrap_or(rest.len()).max(1);
        let end = if rest.is_char_boundary(end) { end } else { rest.len() };
        if !tagged(record, &rest[..end]) {
            names = Some((names.map_or(begin, |(first, _)| first), begin + end));
        }
        rest = rest[end..].trim_start_matches([' ', '\t', '-', '|']);
    }
    if let Some((begin, end)) = names
        && record.logger.is_none()
    {
        record.logger = Some(Cow::Borrowed(trimmed[begin..end].trim_end_matches([':', ','])));
    }
    true
}

/// Index of the bracket that closes the one `text` begins with, if it stands near.
pub(super) fn closing(text: &str) -> Option<usize> {
    let close = match text.as_bytes().first()? {
        b'[' => b']',
        b'(' => b')',
        b'<' => b'>',
        _ => return None,
    };
    let window = &text.as_bytes()[..text.len().min(160)];
    memchr::memchr(close, window)
}

fn is_tagged(word: &str) -> bool {
    word.contains('=') || word.starts_with("JID-") || word.starts_with("TID-") || word.starts_with("BID-") || word.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

/// `key=value`, `JID-x`, `TID-x`, a process number.
fn tagged<'a>(record: &mut TextRecord<'a>, word: &'a str) -> bool {
    if let Some(jid) = word.strip_prefix("JID-") {
        record.push("jid", jid);
    } else if let Some(bid) = word.strip_prefix("BID-") {
        record.push("bid", bid);
    } else if let Some(tid) = word.strip_prefix("TID-") {
        record.set_context("thread", tid);
    } else if word.bytes().all(|b| b.is_ascii_digit()) {
        record.set_context("pid", word);
    } else if word.bytes().all(|b| b == b'-') {
    } else if word.contains('=') {
        let before = record.fields.len();
        pairs::scan(word, |key, value| match key {
            "pid" => record.set_context("pid", &value),
            "tid" => record.set_context("thread", &value),
            _ => record.push_pair(Cow::Borrowed(key), value),
        });
        return record.fields.len() > before || word.starts_with("pid=") || word.starts_with("tid=");
    } else {
        return false;
    }
    true
}
