//! Any short head before a JSON object that reaches to the end of the line.
//!
//! Guarantees: cheap to reject (the last byte decides first). Never takes a message for a head: `done {"rows":3}` is text with fields.

use super::Peeled;
use crate::recognise::{instant, severity};

/// Longest head.
const MAX_HEAD: usize = 240;
/// Keys of an object that is a log record by itself: then words in front of it are no message.
const RECORD_KEYS: [&str; 3] = ["\"msg\"", "\"message\"", "\"level\""];

pub(super) fn before_object(raw: &str) -> Option<Peeled<'_>> {
    let text = raw.trim_end();
    if !text.ends_with('}') {
        return None;
    }
    let bytes = text.as_bytes();
    let open = memchr::memchr(b'{', &bytes[..bytes.len().min(MAX_HEAD)])?;
    let begins_member = bytes[open + 1..].iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| matches!(b, b'"' | b'}'));
    if open == 0 || !begins_member {
        return None;
    }
    let (head, inner) = (&text[..open], &text[open..]);
    let (time, rest) = match instant::find(head) {
        Some((time, at)) => (Some(time), [&head[..at.start], &head[at.end..]]),
        None => (None, [head, ""]),
    };
    let mut severity = None;
    let mut words = 0;
    for word in rest.iter().flat_map(|part| part.split(|c: char| c.is_whitespace() || matches!(c, '|' | '[' | ']' | '(' | ')' | '<' | '>' | ':' | ','))) {
        if severity.is_none() && word.len() > 1 && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_lowercase()) {
            severity = severity::of_bare_word(word);
            if severity.is_some() {
                continue;
            }
        }
        words += usize::from(word.bytes().any(|b| b.is_ascii_alphabetic()));
    }
    let marked = head.trim_end().ends_with([':', '|', ']', '>', ')']);
    let speaks = || {
        let near = &inner.as_bytes()[..inner.len().min(4096)];
        RECORD_KEYS.iter().any(|key| memchr::memmem::find(near, key.as_bytes()).is_some())
    };
    let is_head = words == 0 || (words == 1 && marked) || (words <= 4 && !head.contains('\t') && speaks());
    is_head.then(|| Peeled { time, severity, ..Peeled::of(inner) })
}
