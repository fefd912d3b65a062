//! The first instant in a line, cheaply.

use crate::recognise::instant;

/// How far into a line is looked, and how far from the end of a longer one: some loggers write the time last.
const HEAD_BYTES: usize = 400;
const TAIL_BYTES: usize = 200;

/// The first instant that stands in a line, cheaply and roughly: only used to read several files in about the order of time.
/// An ISO or common-log date and time, an epoch number after a `:`, or a time of any shape where a text line begins.
pub fn peek_time_ns(line: &[u8]) -> Option<i64> {
    let (head, rest) = line.split_at(line.len().min(HEAD_BYTES));
    if let Some(found) = first_in(head).or_else(|| first_in(&rest[rest.len().saturating_sub(TAIL_BYTES)..])) {
        return Some(found);
    }
    if matches!(head.first(), Some(b'{' | b'[')) {
        return None;
    }
    let text = head.utf8_chunks().next()?.valid();
    instant::find(text).map(|(instant, _)| instant.unix_ns)
}

fn first_in(window: &[u8]) -> Option<i64> {
    memchr::memchr2_iter(b'-', b':', window).find_map(|at| if window[at] == b'-' { iso(window, at) } else { epoch(window, at + 1).or_else(|| common_log(window, at)) })
}

/// `colon` stands behind `23/Nov/2026`.
fn common_log(window: &[u8], colon: usize) -> Option<i64> {
    let begin = colon.checked_sub(11)?;
    let shaped = window[begin + 2] == b'/' && window[begin + 6] == b'/';
    shaped.then(|| instant::at(window, begin).map(|instant| instant.unix_ns))?
}

/// `dash` is the first dash of `2026-11-23T09:46:49`.
fn iso(window: &[u8], dash: usize) -> Option<i64> {
    let begin = dash.checked_sub(4)?;
    let date = window.get(begin..begin + 16)?;
    let shaped = date[7] == b'-' && matches!(date[10], b'T' | b' ') && date[13] == b':' && date[..4].iter().all(u8::is_ascii_digit);
    if !shaped || memchr::memmem::find(&window[begin.saturating_sub(24)..begin], b"xpir").is_some() || (begin > 0 && window[begin - 1].is_ascii_digit()) {
        return None;
    }
    instant::at(window, begin).map(|instant| instant.unix_ns)
}

/// A number of 10, 13, 16 or 19 digits, perhaps quoted, that is an epoch.
fn epoch(window: &[u8], mut at: usize) -> Option<i64> {
    while matches!(window.get(at), Some(b' ' | b'"')) {
        at += 1;
    }
    let rest = &window[at.min(window.len())..];
    let digits = rest.iter().take(20).take_while(|b| b.is_ascii_digit()).count();
    if !matches!(digits, 10 | 13 | 16 | 19) {
        return None;
    }
    let fraction = rest[digits..].iter().take(12).take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let text = std::str::from_utf8(&rest[..digits + fraction]).ok()?;
    instant::from_number(text.trim_end_matches('.')).map(|instant| instant.unix_ns)
}
