//! Syslog in both forms, and Heroku's Logplex, which is its child.
//!
//! Guarantees: a head counts only when host and application stand where the form puts them. Never invents the year that RFC 3164
//! leaves out: such a line has no time.

use super::Peeled;
use crate::recognise::{instant, severity};

/// `<34>1 2026-…` and `<34>Nov 23 …`
pub(super) fn with_priority(raw: &str) -> Option<Peeled<'_>> {
    let (priority, rest) = raw.strip_prefix('<')?.split_once('>')?;
    if !(1..=3).contains(&priority.len()) || !priority.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let severity = severity::of_number(priority.parse::<i64>().ok()? % 8, severity::Scale::Syslog);
    let peeled = rest.strip_prefix("1 ").and_then(rfc_5424).or_else(|| bsd(rest)).or_else(|| iso(rest)).unwrap_or_else(|| Peeled::of(rest));
    Some(Peeled { severity, ..peeled })
}

/// `2026-11-23T09:46:49.003Z host app 1234 ID47 [sd@1 k="v"] text`
fn rfc_5424(rest: &str) -> Option<Peeled<'_>> {
    let mut words = rest.splitn(6, ' ');
    let (time, host, app, _pid, _id, tail) = (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    let time = if time == "-" { None } else { Some(instant::parse(time)?) };
    // Logplex leaves the structured data out: the text begins at once.
    let data = if tail.starts_with(['-', '[']) { structured_data(tail)? } else { 0 };
    let inner = tail[data..].trim_start_matches(' ');
    Some(Peeled { time, host: named(host), service: named(app), ..Peeled::of(inner.trim_start_matches('\u{feff}')) })
}

/// Length of `-` or of the `[id key="value"]` elements at the head.
fn structured_data(text: &str) -> Option<usize> {
    if text.starts_with('-') {
        return Some(1);
    }
    let (mut at, mut quoted, mut depth) = (0, false, 0_u32);
    for byte in text.bytes() {
        match byte {
            b'"' if at == 0 || text.as_bytes()[at - 1] != b'\\' => quoted = !quoted,
            b'[' if !quoted => depth += 1,
            b']' if !quoted => depth = depth.saturating_sub(1),
            b' ' if depth == 0 => return Some(at),
            _ if depth == 0 && byte != b'[' => return None,
            _ => {}
        }
        at += 1;
    }
    (depth == 0).then_some(at)
}

/// `Nov 23 09:46:49 host app[123]: text`
pub(super) fn bsd(raw: &str) -> Option<Peeled<'_>> {
    let bytes = raw.as_bytes();
    let shaped = bytes.get(3) == Some(&b' ') && bytes.get(6) == Some(&b' ') && bytes.get(9) == Some(&b':') && bytes.get(12) == Some(&b':') && bytes.get(15) == Some(&b' ');
    if !shaped || !is_month(&bytes[..3]) || !bytes[7..15].iter().all(|b| b.is_ascii_digit() || *b == b':') {
        return None;
    }
    let behind = raw.get(16..)?;
    let (host, rest) = behind.split_once(' ')?;
    // Programs that log to the local daemon leave the host out.
    if host.ends_with("]:") { tagged(behind, "") } else { tagged(rest, host) }
}

fn is_month(name: &[u8]) -> bool {
    const MONTHS: [&[u8]; 12] = [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    MONTHS.contains(&name)
}

/// `2026-11-23T09:46:49.123456+00:00 host app[123]: text` (rsyslog, journalctl `-o short-iso`); `… app[web.1]: text` (Heroku).
pub(super) fn iso(raw: &str) -> Option<Peeled<'_>> {
    let bytes = raw.as_bytes();
    if bytes.get(10) != Some(&b'T') {
        return None;
    }
    let space = memchr::memchr(b' ', &bytes[..bytes.len().min(40)])?;
    let rest = &raw[space + 1..];
    let head = rest.split(' ').next()?;
    let peeled = if head.ends_with("]:") {
        heroku(rest)?
    } else {
        if head.is_empty() || head.len() > 64 || !head.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) || severity::of_word(head).is_some() {
            return None;
        }
        tagged(rest[head.len()..].strip_prefix(' ')?, head)?
    };
    Some(Peeled { time: Some(instant::parse(&raw[..space])?), ..peeled })
}

/// `app[web.1]: text`, `heroku[router]: text`
fn heroku(rest: &str) -> Option<Peeled<'_>> {
    let (head, inner) = rest.split_once("]:")?;
    let (source, dyno) = head.split_once('[')?;
    if source.is_empty() || source.contains(' ') || dyno.is_empty() || dyno.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let inner = inner.strip_prefix(' ').unwrap_or(inner);
    // A drain writes the same line with the source as its application.
    Some(Peeled { host: dyno.contains('.').then_some(dyno), service: named(source), ..Peeled::of(inner) })
}

/// `app[123]: text` or `app: text` behind the host.
fn tagged<'a>(rest: &'a str, host: &'a str) -> Option<Peeled<'a>> {
    let (tag, inner) = rest.split_once(": ").or_else(|| rest.strip_suffix(':').map(|tag| (tag, "")))?;
    let app = tag.split('[').next()?;
    let numbered = tag.len() == app.len() || (tag.ends_with(']') && tag.len() > app.len() + 2);
    let plain = !app.is_empty() && app.len() <= 64 && app.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'/' | b'@'));
    (numbered && plain && severity::of_word(app).is_none()).then(|| Peeled { host: named(host), service: named(app), ..Peeled::of(inner) })
}

fn named(word: &str) -> Option<&str> {
    (!matches!(word, "" | "-")).then_some(word)
}
