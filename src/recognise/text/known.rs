//! Programs whose lines have a fixed head that the general reading would miss: redis, nginx's error log, klog and glog, Ruby's
//! Logger, zap's console encoder, npm's banner.
//!
//! Guarantees: each shape is told by its head alone, and rejected after a few bytes.

use super::{TextRecord, pairs};
use crate::model::entry::Severity;
use crate::recognise::{instant, severity};
use std::borrow::Cow;

pub(super) fn read(line: &str) -> Option<TextRecord<'_>> {
    let first = *line.as_bytes().first()?;
    match first {
        b'0'..=b'9' => redis(line).or_else(|| haproxy(line)).or_else(|| nginx_error(line)).or_else(|| zap_console(line)),
        b'>' => npm(line),
        _ if first.is_ascii_uppercase() => klog(line).or_else(|| ruby(line)),
        _ => None,
    }
}

/// `11573:M 23 Nov 2026 09:46:23.991 * message`, `11573:signal-handler (1795427244) message`
fn redis(line: &str) -> Option<TextRecord<'_>> {
    let digits = line.bytes().take(8).take_while(u8::is_ascii_digit).count();
    let rest = line[digits..].strip_prefix(':')?;
    let (role, rest) = rest.split_once(' ')?;
    let pid = &line[..digits];
    if role == "signal-handler" {
        let (epoch, message) = rest.strip_prefix('(')?.split_once(") ")?;
        let mut record = TextRecord { time: instant::from_number(epoch), format: "redis", ..TextRecord::of(message) };
        record.set_context("pid", pid);
        return Some(record);
    }
    if role.len() != 1 || !role.as_bytes()[0].is_ascii_uppercase() {
        return None;
    }
    let (time, end) = instant::at_with_end(rest.as_bytes(), 0)?;
    let behind = rest[end..].strip_prefix(' ')?;
    let severity = match behind.as_bytes().first()? {
        b'.' => Severity::Debug,
        b'-' | b'*' => Severity::Info,
        b'#' => Severity::Warn,
        _ => return None,
    };
    let mut record = TextRecord { time, severity: Some(severity), format: "redis", ..TextRecord::of(behind[1..].trim_start()) };
    record.set_context("pid", pid);
    Some(record)
}

/// `10.0.0.7:52768 [27/Nov/2026:12:40:29.197] frontend backend/server 0/0/0/113/113 201 183 … "GET / HTTP/1.1"`: the HTTP log of `haproxy`. The
/// last of its timers is the whole time, in milliseconds.
fn haproxy(line: &str) -> Option<TextRecord<'_>> {
    let (client, rest) = line.split_once(" [")?;
    let (address, port) = client.rsplit_once(':')?;
    if client.contains(' ') || port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (date, rest) = rest.split_once("] ")?;
    let mut words = rest.split(' ');
    let (_frontend, backend, timers, status) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let is_timer = |t: &str| t.strip_prefix(['-', '+']).unwrap_or(t).bytes().all(|b| b.is_ascii_digit()) && !t.is_empty();
    if !backend.contains('/') || timers.split('/').count() < 4 || !timers.split('/').all(is_timer) {
        return None;
    }
    let mut record = TextRecord { time: Some(instant::parse(date)?), format: "haproxy", ..TextRecord::of(line) };
    record.push("remote_addr", address);
    if status.len() == 3 {
        record.push("status", status);
    }
    let total = timers.rsplit('/').next().map_or("", |t| t.trim_start_matches('+'));
    if total.bytes().all(|b| b.is_ascii_digit()) {
        record.push_pair(Cow::Borrowed("duration"), Cow::Owned(format!("{total}ms")));
    }
    let mut request = rest.rsplit('"').nth(1).unwrap_or("").split(' ');
    if let (Some(method), Some(target)) = (request.next(), request.next()) {
        record.push("http.method", method);
        record.push("http.url", target);
    }
    Some(record)
}

/// `2026/11/23 09:46:53 [error] 11587#11587: *23 message, client: 127.0.0.1, server: , request: "GET / HTTP/1.1", host: "x"`
fn nginx_error(line: &str) -> Option<TextRecord<'_>> {
    if line.as_bytes().get(4) != Some(&b'/') {
        return None;
    }
    let (time, end) = instant::at_with_end(line.as_bytes(), 0)?;
    let (level, rest) = line[end..].strip_prefix(" [")?.split_once("] ")?;
    let severity = severity::of_word(level)?;
    let (process, message) = rest.split_once(": ")?;
    let (pid, _) = process.split_once('#').filter(|(pid, tid)| pid.bytes().chain(tid.bytes()).all(|b| b.is_ascii_digit()))?;
    let mut record = TextRecord { time, severity: Some(severity), format: "nginx-error", ..TextRecord::of(message) };
    record.set_context("pid", pid);
    nginx_details(&mut record, message);
    Some(record)
}

fn nginx_details<'a>(record: &mut TextRecord<'a>, message: &'a str) {
    let mut text = message;
    if let Some((connection, rest)) = message.strip_prefix('*').and_then(|rest| rest.split_once(' '))
        && connection.bytes().all(|b| b.is_ascii_digit())
    {
        record.push("connection", connection);
        text = rest;
    }
    let details = text.find(", client: ").unwrap_or(text.len());
    record.message = Cow::Borrowed(&text[..details]);
    let mut rest = &text[details..];
    while let Some((key, behind)) = rest.strip_prefix(", ").and_then(|rest| rest.split_once(": ")) {
        let (value, end) = match behind.strip_prefix('"') {
            Some(inner) => inner.find('"').map_or((inner, behind.len()), |close| (&inner[..close], close + 2)),
            None => behind.find(',').map_or((behind, behind.len()), |comma| (&behind[..comma], comma)),
        };
        rest = &behind[end..];
        match key {
            "client" => record.push("remote_addr", value),
            "request" => {
                let mut words = value.split(' ');
                record.push("http.method", words.next().unwrap_or_default());
                record.push("http.url", words.next().unwrap_or_default());
            }
            "host" => record.push("http.host", value),
            _ => record.push(key, value),
        }
    }
}

/// klog `I1123 09:46:49.123456   12345 server.go:42] message` (no year), glog `I20261123 09:46:49.123456 12 file.cc:3] message`
fn klog(line: &str) -> Option<TextRecord<'_>> {
    let bytes = line.as_bytes();
    let digits = bytes[1..].iter().take(9).take_while(|b| b.is_ascii_digit()).count();
    if !matches!(digits, 4 | 8) || bytes.get(1 + digits) != Some(&b' ') || !matches!(bytes[0], b'I' | b'W' | b'E' | b'F' | b'D') {
        return None;
    }
    let (head, message) = line.split_once("] ").or_else(|| line.strip_suffix(']').map(|head| (head, "")))?;
    let mut words = head.split_ascii_whitespace().skip(2);
    let (pid, caller) = (words.next()?, words.next()?);
    let time = if digits == 8 { instant::at(bytes, 1) } else { None };
    let mut record = TextRecord { time, severity: severity::of_word(&line[..1]), format: "klog", ..TextRecord::of(message) };
    record.set_context("pid", pid);
    record.push("caller", caller);
    pairs::enrich(&mut record);
    if let Some((text, _)) = message.strip_prefix('"').and_then(|inner| inner.split_once('"')) {
        record.message = Cow::Borrowed(text);
    }
    Some(record)
}

/// `I, [2026-11-23T09:46:49.123456 #123]  INFO -- progname: message`
fn ruby(line: &str) -> Option<TextRecord<'_>> {
    let rest = line.get(1..)?.strip_prefix(", [")?;
    let (head, rest) = rest.split_once(']')?;
    let (time, pid) = head.split_once(" #").unwrap_or((head, ""));
    let (level, rest) = rest.trim_start().split_once(" -- ")?;
    let (program, message) = rest.split_once(": ").or_else(|| rest.strip_suffix(':').map(|program| (program, "")))?;
    let mut record = TextRecord { time: instant::parse(time), severity: severity::of_word(level), format: "ruby-logger", ..TextRecord::of(message) };
    record.set_context("pid", pid.trim());
    if !program.is_empty() {
        record.logger = Some(Cow::Borrowed(program));
    }
    pairs::enrich(&mut record);
    Some(record)
}

/// `time <tab> LEVEL <tab> logger <tab> file.go:12 <tab> message <tab> {…}`; logger and caller may be absent.
fn zap_console(line: &str) -> Option<TextRecord<'_>> {
    let (time, rest) = line.split_once('\t')?;
    let (level, rest) = rest.split_once('\t')?;
    let time = instant::parse(time).or_else(|| instant::from_number(time))?;
    let severity = severity::of_word(level)?;
    let mut record = TextRecord { time: Some(time), severity: Some(severity), format: "zap-console", ..TextRecord::default() };
    let mut message = rest;
    if let Some((logger, caller, behind)) = zap_origin(rest) {
        if let Some(logger) = logger {
            record.logger = Some(Cow::Borrowed(logger));
        }
        record.push("caller", caller);
        message = behind;
    } else if let Some((logger, behind)) = rest.split_once('\t').filter(|(logger, behind)| !logger.contains(' ') && !behind.starts_with('{')) {
        record.logger = Some(Cow::Borrowed(logger));
        message = behind;
    }
    record.message = Cow::Borrowed(message);
    pairs::enrich(&mut record);
    Some(record)
}

/// Logger, caller and what follows them.
fn zap_origin(rest: &str) -> Option<(Option<&str>, &str, &str)> {
    let (first, behind) = rest.split_once('\t')?;
    if is_caller(first) {
        return Some((None, first, behind));
    }
    let (second, behind) = behind.split_once('\t')?;
    is_caller(second).then_some((Some(first), second, behind))
}

/// `gp/main.go:97`, `router.py:7881`
pub(super) fn is_caller(word: &str) -> bool {
    word.rsplit_once(':').is_some_and(|(file, line)| {
        !line.is_empty()
            && line.bytes().all(|b| b.is_ascii_digit())
            && file.rsplit_once('.').is_some_and(|(name, kind)| !name.is_empty() && (1..=4).contains(&kind.len()) && kind.bytes().all(|b| b.is_ascii_lowercase()))
    }) && !word.contains(' ')
}

/// `> outbound@5.2.0 start`
fn npm(line: &str) -> Option<TextRecord<'_>> {
    let banner = line.strip_prefix("> ")?;
    let (package, _) = banner.split_once(' ').unwrap_or((banner, ""));
    let (name, version) = package.rsplit_once('@').filter(|(name, version)| !name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut record = TextRecord { format: "npm", ..TextRecord::of(line) };
    record.service = Some(Cow::Borrowed(name));
    record.push("service.version", version);
    Some(record)
}
