//! Lines that a container runtime or a terminal tool wrapped one by one: Docker's json-file, CRI, `docker compose logs`.
//!
//! Guarantees: knows a wrapped line by its form alone. Never looks into the text that was wrapped.

use crate::recognise::severity;
use rustc_hash::FxHasher;
use std::hash::Hasher;
use std::{borrow::Cow, fmt::Write};

/// Docker cuts a longer line into pieces of 16 KiB.
pub(super) const DOCKER_PIECE_BYTES: usize = 16 * 1024 - 1;

/// A line as a tool wrapped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrapped<'a> {
    /// Same for the lines of one stream.
    pub(super) stream: u64,
    /// The wrapped bytes.
    pub(super) inner: &'a [u8],
    /// CRI's `P`: the text goes on in the next line of the stream.
    pub(super) partial: bool,
}

/// `<RFC3339Nano> stdout F text` or `name-1  | text`.
pub(super) fn wrapped(line: &[u8]) -> Option<Wrapped<'_>> {
    match line.first()? {
        b'0'..=b'9' => cri(line),
        b'a'..=b'z' | b'A'..=b'Z' => compose(line),
        _ => None,
    }
}

fn cri(line: &[u8]) -> Option<Wrapped<'_>> {
    if line.get(10) != Some(&b'T') {
        return None;
    }
    let space = line.iter().take(40).position(|b| *b == b' ')?;
    let rest = &line[space + 1..];
    let stream = if rest.starts_with(b"stdout ") {
        1
    } else if rest.starts_with(b"stderr ") {
        2
    } else {
        return None;
    };
    let tag = *rest.get(7)?;
    if !matches!(tag, b'P' | b'F') || !matches!(rest.get(8), None | Some(b' ' | b':')) {
        return None;
    }
    let text = rest[8..].iter().position(|b| *b == b' ').map_or(rest.len(), |at| 8 + at + 1);
    Some(Wrapped { stream, inner: &rest[text..], partial: tag == b'P' })
}

fn compose(line: &[u8]) -> Option<Wrapped<'_>> {
    let (name, inner) = compose_parts(line)?;
    let mut hasher = FxHasher::default();
    hasher.write(name);
    Some(Wrapped { stream: hasher.finish(), inner, partial: false })
}

/// Name and text of `name-1  | text`.
pub(in crate::recognise) fn compose_parts(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let window = &line[..line.len().min(80)];
    let name = window.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')).count();
    let pad = window[name..].iter().take_while(|b| **b == b' ').count();
    if name == 0 || pad == 0 || window.get(name + pad) != Some(&b'|') || !matches!(line.get(name + pad + 1), None | Some(b' ')) {
        return None;
    }
    let is_word = std::str::from_utf8(&line[..name]).is_ok_and(|word| severity::of_word(word).is_some());
    (!is_word).then(|| (&line[..name], &line[line.len().min(name + pad + 2)..]))
}

/// One line of Docker's json-file driver: `{"log":"…","stream":"stdout","time":"…"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Docker<'a> {
    /// The JSON string's content, still escaped.
    pub(super) log: &'a [u8],
    pub(super) stderr: bool,
}

impl Docker<'_> {
    /// The text ends a line.
    pub(super) fn ends(&self) -> bool {
        let slashes = self.log.strip_suffix(b"n").map_or(0, |head| head.iter().rev().take_while(|b| **b == b'\\').count());
        slashes % 2 == 1
    }
}

pub(super) fn docker(line: &[u8]) -> Option<Docker<'_>> {
    let rest = line.strip_prefix(b"{\"log\":")?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest).strip_prefix(b"\"")?;
    let log = &rest[..string_end(rest)?];
    let tail = &rest[log.len() + 1..];
    let tail = &tail[..tail.len().min(64)];
    let at = memchr::memmem::find(tail, b"\"stream\":")?;
    let value = tail[at + 9..].trim_ascii_start();
    let stderr = value.starts_with(b"\"stderr\"");
    (stderr || value.starts_with(b"\"stdout\"")).then_some(Docker { log, stderr })
}

/// Index of the quote that closes a JSON string.
fn string_end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', &bytes[from..])?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
        if from > bytes.len() {
            return None;
        }
    }
}

/// The one inner text of a record of several wrapped lines; `None` when it is no such record.
///
/// The pieces of a split line are put together again; whole lines stay apart by a newline.
pub fn unsplit(raw: &str) -> Option<Cow<'_, str>> {
    let newline = raw.find('\n')?;
    let mut text = String::with_capacity(raw.len());
    if docker(raw[..newline].trim_end().as_bytes()).is_some() {
        for line in raw.lines() {
            let piece = docker(line.trim_end().as_bytes())?;
            text.push_str(&serde_json::from_str::<String>(&format!("\"{}\"", std::str::from_utf8(piece.log).ok()?)).ok()?);
        }
        while text.ends_with(['\n', '\r']) {
            text.pop();
        }
        return Some(Cow::Owned(text));
    }
    let stream = wrapped(&raw.as_bytes()[..newline])?.stream;
    let mut glue = "";
    for line in raw.lines() {
        let piece = wrapped(line.as_bytes()).filter(|piece| piece.stream == stream)?;
        let inner = std::str::from_utf8(piece.inner).ok()?;
        write!(text, "{glue}{inner}").ok()?;
        glue = if piece.partial { "" } else { "\n" };
    }
    Some(Cow::Owned(text))
}
