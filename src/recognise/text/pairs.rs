//! `key=value` pairs: whole lines of them (logfmt), those in a message, and a JSON object behind a message.
//!
//! Guarantees: a value keeps its digits; quoted values are unescaped. Never takes `==`, URLs or prose for a pair.

use super::TextRecord;
use crate::recognise::{instant, severity};
use std::borrow::Cow;

/// Longest key believed.
const MAX_KEY: usize = 64;

/// Members of a record that its logger wrote below it: lines `    key: value` of one indent, and nothing else.
pub(super) fn indented(rest: &str) -> Option<Vec<(&str, &str)>> {
    let indent = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let member = |line| member(line, indent);
    if indent == 0 { None } else { rest.lines().take(super::MAX_FIELDS + 1).map(member).collect() }
}

fn member(line: &str, indent: usize) -> Option<(&str, &str)> {
    let (key, value) = line.get(indent..).filter(|_| line[..indent].trim().is_empty())?.split_once(": ")?;
    let value = value.trim();
    let is_key = key.len() <= MAX_KEY && key.starts_with(|c: char| c.is_ascii_lowercase()) && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    let quoted = ['\'', '"'].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    (is_key && !value.is_empty()).then_some((key, quoted.unwrap_or(value)))
}

/// One pair at byte `at`, with the index behind it.
fn pair(text: &str, at: usize) -> Option<(&str, Cow<'_, str>, usize)> {
    let bytes = &text.as_bytes()[at..];
    let key = bytes.iter().take(MAX_KEY).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'@' | b'/')).count();
    if bytes.get(key) != Some(&b'=') || !bytes.first().is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'@')) || bytes.get(key + 1) == Some(&b'=') {
        return None;
    }
    let name = &text[at..at + key];
    let begin = at + key + 1;
    let (value, end) = value(text, begin);
    Some((name, value, end))
}

/// The value that begins at `begin`: quoted, or up to the next space; brackets and quotes that open in it are followed to their end.
fn value(text: &str, begin: usize) -> (Cow<'_, str>, usize) {
    let bytes = text.as_bytes();
    match bytes.get(begin) {
        Some(quote @ (b'"' | b'\'')) => match closing_quote(&bytes[begin + 1..], *quote) {
            Some(length) => {
                let inner = &text[begin + 1..begin + 1 + length];
                (if *quote == b'"' { unescape(inner) } else { Cow::Borrowed(inner) }, begin + length + 2)
            }
            None => (Cow::Borrowed(&text[begin + 1..]), text.len()),
        },
        Some(b'{' | b'[') => {
            let end = begin + balanced(&bytes[begin..]);
            (Cow::Borrowed(&text[begin..end]), end)
        }
        _ => {
            let end = begin + bytes[begin..].iter().take_while(|b| !b.is_ascii_whitespace()).count();
            let bare = text[begin..end].trim_end_matches([',', ';', ')', ']', '}']);
            (Cow::Borrowed(bare.strip_suffix('.').unwrap_or(bare)), end)
        }
    }
}

fn closing_quote(bytes: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(quote, b'\\', bytes.get(at..)?) {
        if bytes[at + found] == quote {
            return Some(at + found);
        }
        at += found + 2;
    }
    None
}

/// Length of the bracketed run at the head, or up to the next space when it does not close.
fn balanced(bytes: &[u8]) -> usize {
    let mut depth = 0_u32;
    for (at, byte) in bytes.iter().enumerate().take(4096) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    bytes.iter().take_while(|b| !b.is_ascii_whitespace()).count()
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    serde_json::from_str::<String>(&format!("\"{text}\"")).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// A line that is pairs from its head on (at most one word in between that has no `=`).
pub(super) fn logfmt(line: &str) -> Option<TextRecord<'_>> {
    let first = line.as_bytes().iter().take(MAX_KEY).position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'@')))?;
    if line.as_bytes()[first] != b'=' || first == 0 {
        return None;
    }
    let mut record = TextRecord { format: "logfmt", ..TextRecord::default() };
    let (mut at, mut pairs, mut strays) = (0, 0, 0);
    while at < line.len() {
        if line.as_bytes()[at].is_ascii_whitespace() || line.as_bytes()[at] == b',' {
            at += 1;
            continue;
        }
        if let Some((key, value, end)) = pair(line, at) {
            pairs += 1;
            assign(&mut record, key, value);
            at = end;
        } else {
            strays += 1;
            at += line.as_bytes()[at..].iter().take_while(|b| !b.is_ascii_whitespace()).count();
        }
    }
    (pairs >= 2 && strays <= pairs).then_some(record)
}

/// The keys that every logfmt writer shares. All stay fields, so that a convention finds its signature.
fn assign<'a>(record: &mut TextRecord<'a>, key: &'a str, value: Cow<'a, str>) {
    match key {
        "time" | "ts" | "timestamp" | "t" | "@timestamp" if record.time.is_none() => record.time = instant::parse(&value).or_else(|| instant::from_number(&value)),
        "level" | "lvl" | "severity" | "at" | "levelname" if record.severity.is_none() => record.severity = severity::of_word(&value),
        "msg" | "message" if record.message.is_empty() => record.message.clone_from(&value),
        _ => {}
    }
    record.push_pair(Cow::Borrowed(key), value);
}

/// Pairs in the message, and a JSON object at its end, become fields.
pub(super) fn enrich(record: &mut TextRecord<'_>) {
    take_json(record);
    if let Cow::Borrowed(message) = record.message {
        scan(message, |key, value| record.push_pair(Cow::Borrowed(key), value));
    }
}

/// Calls `found` for every pair that begins a word of `text`.
pub(super) fn scan<'a>(text: &'a str, mut found: impl FnMut(&'a str, Cow<'a, str>)) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(equals) = memchr::memchr(b'=', &bytes[from..]).map(|offset| from + offset) {
        let key = bytes[from..equals].iter().rev().take(MAX_KEY).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'@')).count();
        let begin = equals - key;
        let apart = begin == 0 || matches!(bytes[begin - 1], b' ' | b'\t' | b',' | b'[' | b'(' | b'{' | b'|' | b';');
        from = equals + 1;
        if key > 0
            && apart
            && let Some((name, value, end)) = pair(text, begin)
        {
            if !value.is_empty() {
                found(name, value);
            }
            from = end.max(from);
        }
    }
}

/// Longest message whose end is looked at.
const MAX_MESSAGE: usize = 2_048;
/// Most pairs of a message.
const MAX_TAIL: usize = 32;

/// The pairs that a message ends with (`extracted recipe_id=4411 model=gpt-4o-mini tokens=1562`): two or more, and nothing but pairs from the first on.
pub(in crate::recognise) fn tail(message: &str) -> Vec<(&str, Cow<'_, str>)> {
    let mut out = Vec::new();
    if message.len() > MAX_MESSAGE || memchr::memchr(b'=', message.as_bytes()).is_none() || message.contains('\n') {
        return out;
    }
    let begins = |at: usize| at == 0 || message.as_bytes()[at - 1] == b' ';
    let Some(mut at) = (0..message.len()).filter(|at| message.is_char_boundary(*at) && begins(*at)).find(|at| pair(message, *at).is_some()) else { return out };
    while at < message.len() {
        let Some((key, value, end)) = pair(message, at).filter(|_| out.len() < MAX_TAIL) else { return Vec::new() };
        if !value.is_empty() {
            out.push((key, value));
        }
        at = end + message[end..].bytes().take_while(u8::is_ascii_whitespace).count();
    }
    if out.len() < 2 { Vec::new() } else { out }
}

/// `message {"key":"value"}`, perhaps with Monolog's ` []` behind: the object's members become fields, the message ends before it.
fn take_json(record: &mut TextRecord<'_>) {
    let Cow::Borrowed(message) = record.message else { return };
    let body = message.strip_suffix(" []").unwrap_or(message);
    if !body.ends_with('}') {
        if body.len() < message.len() {
            record.message = Cow::Borrowed(body.strip_suffix(" []").unwrap_or(body).trim_end());
        }
        return;
    }
    let Some(at) = memchr::memmem::find(body.as_bytes(), b"{\"").filter(|at| *at == 0 || body.as_bytes()[at - 1].is_ascii_whitespace()) else { return };
    let Ok(serde_json::Value::Object(members)) = serde_json::from_str(&body[at..]) else { return };
    record.message = Cow::Borrowed(body[..at].trim_end());
    for (key, value) in members {
        flatten(record, key, value, 0);
    }
}

fn flatten(record: &mut TextRecord<'_>, path: String, value: serde_json::Value, depth: u32) {
    use serde_json::Value;
    let text = match value {
        Value::Object(members) if depth < 4 => {
            for (key, value) in members {
                flatten(record, format!("{path}.{key}"), value, depth + 1);
            }
            return;
        }
        Value::Null => return,
        Value::String(text) => text,
        other => other.to_string(),
    };
    record.push_pair(Cow::Owned(path), Cow::Owned(text));
}
