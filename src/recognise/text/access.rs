//! Access records: common and combined logs with what people append to them, Envoy, uvicorn, morgan, gin and their kin.
//!
//! Guarantees: method, target and status are taken only where all three stand in an order that servers write. Never splits a target.

use super::{TextRecord, pairs};
use crate::recognise::{instant, length};
use std::borrow::Cow;

const METHODS: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
/// How far from the head the bracketed date of a common log stands.
const DATE_WITHIN: usize = 200;

/// A request as a server quotes it, and the text behind the closing quote.
struct Request<'a> {
    line: &'a str,
    method: &'a str,
    target: &'a str,
    behind: &'a str,
}

/// `host ident user [23/Nov/2026:09:46:49 +0000] "GET / HTTP/1.1" 200 12 …`, perhaps with the virtual host in front.
pub(super) fn combined(line: &str) -> Option<TextRecord<'_>> {
    let bytes = line.as_bytes();
    let open = memchr::memchr(b'[', &bytes[..bytes.len().min(DATE_WITHIN)])?;
    let before: Vec<&str> = line[..open].split(' ').filter(|part| !part.is_empty()).take(6).collect();
    if !(3..=4).contains(&before.len()) || !bytes.get(open + 1).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let close = open + memchr::memchr(b']', &bytes[open..bytes.len().min(open + 48)])?;
    let time = instant::parse(&line[open..=close])?;
    let request = quoted_request(&line[close..])?;
    let mut record = TextRecord { time: Some(time), format: "access", ..TextRecord::of(request.line) };
    record.push("remote_addr", before[before.len() - 3]);
    record.push("user", before[before.len() - 1]);
    if let [host, ..] = before[..]
        && before.len() == 4
    {
        record.push("http.host", host);
    }
    record.push("http.method", request.method);
    record.push("http.url", request.target);
    let behind = request.behind.trim_start();
    let Some(status) = status(behind) else { return Some(record) };
    record.push("status", status);
    tail(&mut record, &behind[3..], true);
    Some(record)
}

/// Adds what the message of a record says about an answered request; true when it is an access record.
pub(super) fn enrich(record: &mut TextRecord<'_>) -> bool {
    let Cow::Borrowed(message) = record.message else { return false };
    quoted(record, message) || bare(record, message) || pipes(record, message) || rails(record, message)
}

/// `127.0.0.1:49464 - "POST /kb/reindex HTTP/1.1" 202 Accepted`; Envoy's `"GET / HTTP/1.1" 200 - 0 12 3 2 "-" "agent" "id" "host"`.
fn quoted<'a>(record: &mut TextRecord<'a>, message: &'a str) -> bool {
    let Some(request) = quoted_request(message) else { return false };
    let behind = request.behind.trim_start_matches([' ', ':', '-', '>']);
    let Some(status) = status(behind) else { return false };
    let before = message[..message.len() - request.behind.len() - request.line.len() - 2].trim_end_matches([' ', '-', ':']);
    if !before.is_empty() && !before.contains(' ') {
        record.push("remote_addr", before);
    }
    record.push("http.method", request.method);
    record.push("http.url", request.target);
    record.push("status", status);
    tail(record, &behind[3..], false);
    record.format = "access";
    true
}

/// `GET /api/users 200 12.345 ms - 27` (morgan, and many by hand), perhaps with the address and the user in front.
fn bare<'a>(record: &mut TextRecord<'a>, message: &'a str) -> bool {
    let mut words = Words { text: message, at: 0 };
    let Some(first) = words.next().map(|word| word.text) else { return false };
    let mut method = first;
    if !METHODS.contains(&first) {
        if !first.contains(['.', ':']) {
            return false;
        }
        let after = [words.next(), words.next()];
        let Some(found) = after.into_iter().flatten().map(|word| word.text).find(|word| METHODS.contains(word)) else { return false };
        if after[0].is_some_and(|word| word.text == found) {
            words = Words { text: message, at: after[0].map_or(0, |word| word.end) };
        }
        method = found;
    }
    let Some(target) = words.next().map(|word| word.text).filter(|target| target.starts_with('/') || target.contains("://")) else { return false };
    let mut code = words.next();
    if code.is_some_and(|code| code.text.starts_with("HTTP/")) {
        code = words.next();
    }
    let Some(code) = code.filter(|code| status(code.text) == Some(code.text)) else { return false };
    if method != first {
        record.push("remote_addr", first);
    }
    record.push("http.method", method);
    record.push("http.url", target);
    record.push("status", code.text);
    tail(record, &message[code.end..], false);
    record.format = "access";
    true
}

/// gin, fiber, echo: `200 |     1.234ms |       127.0.0.1 | GET      "/api/x"`.
fn pipes<'a>(record: &mut TextRecord<'a>, message: &'a str) -> bool {
    if memchr::memchr(b'|', message.as_bytes()).is_none() {
        return false;
    }
    let parts = message.split('|').map(str::trim).take(10);
    let mut found = [""; 4];
    for part in parts {
        let mut words = part.split_ascii_whitespace();
        let (head, target) = (words.next().unwrap_or_default(), words.next());
        if METHODS.contains(&head) {
            found[1] = head;
            found[2] = target.unwrap_or_default().trim_matches('"');
        } else if found[2].is_empty() && head.trim_matches('"').starts_with('/') {
            found[2] = head.trim_matches('"');
        } else if found[0].is_empty() && status(part).is_some_and(|code| code.len() == part.len()) {
            found[0] = part;
        } else if found[3].is_empty() && length::parse(part).is_some() {
            found[3] = part;
        }
    }
    let [code, method, target, duration] = found;
    if code.is_empty() || method.is_empty() || target.is_empty() {
        return false;
    }
    for (key, value) in [("http.method", method), ("http.url", target), ("status", code), ("duration", duration)] {
        record.push(key, value);
    }
    record.format = "access";
    true
}

/// `Started GET "/x" for 127.0.0.1 at 2026-11-23 09:46:49 +0000`, `Completed 200 OK in 35ms (…)`.
fn rails<'a>(record: &mut TextRecord<'a>, message: &'a str) -> bool {
    if let Some(code) = message.strip_prefix("Completed ").and_then(status) {
        record.push("status", code);
        return false;
    }
    let Some(rest) = message.strip_prefix("Started ") else { return false };
    let mut words = rest.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return false };
    let Some(target) = target.strip_prefix('"').and_then(|target| target.strip_suffix('"')).filter(|_| METHODS.contains(&method)) else { return false };
    record.push("http.method", method);
    record.push("http.url", target);
    if let Some((_, behind)) = rest.split_once(" for ")
        && let Some((remote, at)) = behind.split_once(" at ")
    {
        record.push("remote_addr", remote);
        record.time = record.time.or_else(|| instant::parse(at));
    }
    true
}

/// The first quoted request line of `text`.
fn quoted_request(text: &str) -> Option<Request<'_>> {
    for open in memchr::memchr_iter(b'"', text.as_bytes()).take(4) {
        let inner = &text[open + 1..];
        let Some((method, rest)) = inner.split_once(' ').filter(|(method, _)| METHODS.contains(method)) else { continue };
        let target = &rest[..rest.find([' ', '"'])?];
        let close = open + 1 + memchr::memchr(b'"', inner.as_bytes())?;
        let behind_target = &rest[target.len()..];
        if behind_target.starts_with('"') || behind_target.starts_with(" HTTP/") {
            return Some(Request { line: &text[open + 1..close], method, target, behind: &text[close + 1..] });
        }
    }
    None
}

/// Three digits from 100 to 599 at the head of `text`.
fn status(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let digits = bytes.iter().take(4).take_while(|b| b.is_ascii_digit()).count();
    let ends = !bytes.get(3).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'));
    (digits == 3 && ends && (b'1'..=b'5').contains(&bytes[0])).then(|| &text[..3])
}

/// What stands behind the status: bytes, referrer and agent, times, ids, pairs.
fn tail<'a>(record: &mut TextRecord<'a>, text: &'a str, combined: bool) {
    pairs::scan(text, |key, value| record.push_pair(Cow::Borrowed(key), value));
    let (mut words, mut numbers, mut quotes) = (Words { text, at: 0 }, Vec::new(), 0);
    let mut seconds = false;
    while let Some(Word { text: word, end, quoted }) = words.next() {
        if quoted {
            quotes += 1;
            match quotes {
                1 if combined => record.push("http.referer", word),
                2 => record.push("user_agent", word),
                _ if is_request_id(word) => record.push("request_id", word),
                _ => {}
            }
        } else if let Some(duration) = duration(text, end - word.len(), end) {
            record.push("duration", duration);
        } else if is_integer(word) {
            if combined && numbers.is_empty() {
                record.push("bytes", word);
            }
            numbers.push(word);
        } else if combined && !seconds && is_seconds(word) {
            seconds = true;
            record.push("request_time", word);
        } else if is_request_id(word) {
            record.push("request_id", word);
        }
    }
    // Envoy: bytes received, bytes sent, milliseconds, milliseconds of the upstream.
    if let ([_, sent, total, _], false) = (&numbers[..], combined)
        && quotes >= 4
    {
        record.push("bytes", sent);
        record.push("duration_ms", total);
    }
}

/// `12ms`, or `12.345 ms` as two words, at `begin..end`.
fn duration(text: &str, begin: usize, end: usize) -> Option<&str> {
    if !text.as_bytes()[begin].is_ascii_digit() {
        return None;
    }
    if length::parse(&text[begin..end]).is_some() {
        return Some(&text[begin..end]);
    }
    let unit = text[end..].strip_prefix(' ')?.split(' ').next()?;
    let both = &text[begin..end + 1 + unit.len()];
    (unit.len() <= 3 && length::parse(both).is_some()).then_some(both)
}

fn is_integer(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// `0.123`: what nginx writes for seconds.
fn is_seconds(word: &str) -> bool {
    word.split_once('.').is_some_and(|(whole, fraction)| is_integer(whole) && fraction.len() == 3 && is_integer(fraction))
}

/// 32 hex digits or a UUID: what servers write for the id of a request.
fn is_request_id(word: &str) -> bool {
    let hex = word.bytes().filter(u8::is_ascii_hexdigit).count();
    let dashes = word.bytes().filter(|b| *b == b'-').count();
    hex == 32 && ((word.len() == 32 && dashes == 0) || (word.len() == 36 && dashes == 4))
}

/// A word and the index behind it.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    end: usize,
    quoted: bool,
}

/// Words of a text, quoted ones as one.
struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<Word<'a>> {
        let rest = &self.text[self.at..];
        let begin = self.at + rest.find(|c| c != ' ' && c != '\t')?;
        let rest = &self.text[begin..];
        if let Some(inner) = rest.strip_prefix('"') {
            let close = inner.find('"');
            let text = &inner[..close.unwrap_or(inner.len())];
            self.at = begin + 1 + text.len() + usize::from(close.is_some());
            return Some(Word { text, end: self.at, quoted: true });
        }
        self.at = begin + rest.find([' ', '\t']).unwrap_or(rest.len());
        Some(Word { text: &self.text[begin..self.at], end: self.at, quoted: false })
    }
}
