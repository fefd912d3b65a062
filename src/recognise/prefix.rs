//! What shippers and terminal tools put before a line: CRI, syslog, `kubectl logs`, stern, `docker compose logs`, Heroku, or any short
//! head before a JSON object.
//!
//! Guarantees: a line that has no known prefix is rejected after a few bytes; the inner text is a part of the line, unchanged. A
//! prefix that carries prose is no prefix: the text reader keeps the prose as the message. Never looks into the inner text.

mod json;
mod syslog;

use crate::model::{entry::Severity, time::Instant};
use crate::recognise::{frame::compose_parts, instant};

/// A line without what was put before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peeled<'a> {
    /// The line as the program wrote it. Of a joined record (a split line, a wrapped trace) this is the first piece with all that
    /// follows it, prefixes included: `frame::unsplit` puts the pieces together.
    pub inner: &'a str,
    /// The time the prefix states.
    pub time: Option<Instant>,
    /// The severity the prefix states.
    pub severity: Option<Severity>,
    /// Host, pod or container.
    pub host: Option<&'a str>,
    /// Service, application or container.
    pub service: Option<&'a str>,
    /// `stdout` or `stderr`.
    pub stream: Option<&'a str>,
    /// The line goes on in the next one.
    pub partial: bool,
}

impl<'a> Peeled<'a> {
    fn of(inner: &'a str) -> Self {
        Self { inner, time: None, severity: None, host: None, service: None, stream: None, partial: false }
    }
}

/// The line behind a known prefix; `None` when there is none. For lines that do not begin with `{`.
pub fn peel(raw: &str) -> Option<Peeled<'_>> {
    let first = *raw.as_bytes().first()?;
    let known = match first {
        b'{' => return None,
        b'<' => syslog::with_priority(raw),
        b'[' => kubectl_prefix(raw),
        b'0'..=b'9' => octet_counted(raw).or_else(|| cri(raw)).or_else(|| syslog::iso(raw)).or_else(|| kubectl_timestamp(raw)),
        b'A'..=b'Z' => syslog::bsd(raw),
        _ => None,
    };
    known.or_else(|| if first.is_ascii_alphanumeric() { compose(raw).or_else(|| stern(raw)) } else { None }).or_else(|| json::before_object(raw))
}

/// `83 <40>1 2026-… text`: syslog over TCP says how long the message is (RFC 6587).
fn octet_counted(raw: &str) -> Option<Peeled<'_>> {
    let (length, message) = raw.split_once(' ')?;
    (length.len() <= 6 && length.bytes().all(|b| b.is_ascii_digit()) && message.starts_with('<')).then(|| syslog::with_priority(message))?
}

/// `2026-11-23T09:46:49.123456789Z stdout F text`
fn cri(raw: &str) -> Option<Peeled<'_>> {
    let bytes = raw.as_bytes();
    if bytes.get(10) != Some(&b'T') {
        return None;
    }
    let (time, rest) = raw.split_at_checked(memchr::memchr(b' ', &bytes[..bytes.len().min(40)])?)?;
    let stream = rest.get(1..7).filter(|stream| matches!(*stream, "stdout" | "stderr"))?;
    let tags = rest[7..].strip_prefix(' ')?;
    let (tag, inner) = tags.split_once(' ').unwrap_or((tags, ""));
    let tag = tag.split(':').next()?;
    let time = instant::parse(time)?;
    matches!(tag, "P" | "F").then(|| Peeled { time: Some(time), stream: Some(stream), partial: tag == "P", ..Peeled::of(inner) })
}

/// `kubectl logs --timestamps`: a nanosecond time in UTC before a line that begins with a time of its own.
fn kubectl_timestamp(raw: &str) -> Option<Peeled<'_>> {
    let bytes = raw.as_bytes();
    if bytes.get(19) != Some(&b'.') || bytes.get(10) != Some(&b'T') {
        return None;
    }
    let (time, inner) = raw.split_once(' ')?;
    let own = inner.trim_start_matches(['[', ' ']);
    let doubled = time.len() >= 27 && time.ends_with('Z') && instant::at(own.as_bytes(), 0).is_some();
    doubled.then(|| Some(Peeled { time: Some(instant::parse(time)?), ..Peeled::of(inner) }))?
}

/// `kubectl logs --prefix`: `[pod/name/container] text`
fn kubectl_prefix(raw: &str) -> Option<Peeled<'_>> {
    let (head, inner) = raw.strip_prefix("[pod/")?.split_once("] ")?;
    let (pod, container) = head.split_once('/')?;
    let stamped = kubectl_timestamp(inner);
    Some(Peeled { host: Some(pod), service: Some(container), time: stamped.and_then(|peeled| peeled.time), ..Peeled::of(stamped.map_or(inner, |peeled| peeled.inner)) })
}

/// `docker compose logs`: `name-1  | text`; the service is the name without the number of the replica.
fn compose(raw: &str) -> Option<Peeled<'_>> {
    let (name, inner) = compose_parts(raw.as_bytes())?;
    let host = raw.get(..name.len())?;
    let inner = raw.get(raw.len() - inner.len()..)?;
    let service = host.rsplit_once(['-', '_']).filter(|(_, replica)| !replica.is_empty() && replica.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(service, _)| service);
    Some(Peeled { host: Some(host), service: Some(service), ..Peeled::of(inner) })
}

/// stern: `pod container text`, told by the shape of a generated pod name.
fn stern(raw: &str) -> Option<Peeled<'_>> {
    let end = raw.bytes().take(254).position(|b| !(b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))?;
    if raw.as_bytes()[end] != b' ' || !is_pod(&raw[..end]) {
        return None;
    }
    let (container, inner) = raw[end + 1..].split_once(' ')?;
    let named = !container.is_empty() && container.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    named.then(|| Peeled { host: Some(&raw[..end]), service: Some(container), ..Peeled::of(inner) })
}

/// `checkout-7d9f8b6c5d-x2x4z`: a name, a hash of the template, five generated characters.
fn is_pod(name: &str) -> bool {
    let mut parts = name.rsplitn(3, '-');
    let (Some(generated), Some(hash), Some(_)) = (parts.next(), parts.next(), parts.next()) else { return false };
    generated.len() == 5 && (8..=10).contains(&hash.len()) && hash.bytes().any(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
