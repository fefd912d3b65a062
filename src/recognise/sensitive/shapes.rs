//! Secrets that are told by their own shape, wherever they stand: tokens with a documented beginning, JSON web tokens, private keys, the
//! password of an address.
//!
//! Guarantees: one pass for each shape; a token begins where a word begins. Never looks at names.

use super::Sensitive;
use std::ops::Range;

/// Ranges of secrets.
pub(super) fn find<'a>(raw: &'a str, table: &'a Sensitive) -> impl Iterator<Item = Range<usize>> + 'a {
    words(raw).filter_map(move |word| token(&raw[word.clone()], table).map(|length| word.start..word.start + length)).chain(private_keys(raw)).chain(passwords(raw))
}

fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
}

/// Runs of characters that tokens are made of.
fn words(raw: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let b = raw.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < b.len() && !is_token_byte(b[at]) {
            // The letter behind a backslash belongs to the escape.
            at += 1 + usize::from(b[at] == b'\\' && matches!(b.get(at + 1), Some(b'n' | b't' | b'r')));
        }
        if at >= b.len() {
            return None;
        }
        let start = at;
        while at < b.len() && is_token_byte(b[at]) {
            at += 1;
        }
        Some(start..at)
    })
}

/// Length of the token a word begins with.
fn token(word: &str, table: &Sensitive) -> Option<usize> {
    if word.len() < 18 {
        return None;
    }
    if is_web_token(word) {
        return Some(word.len());
    }
    let prefix = table.prefixes.iter().find(|p| word.starts_with(&p.starts))?;
    let rest = &word.as_bytes()[prefix.starts.len()..];
    let length = rest.iter().take_while(|b| if prefix.capitals { b.is_ascii_uppercase() || b.is_ascii_digit() } else { is_token_byte(**b) }).count();
    let drawn = rest[..length].iter().any(u8::is_ascii_digit) || rest[..length].iter().any(u8::is_ascii_uppercase);
    (length >= prefix.least && drawn && (!prefix.capitals || length == rest.len())).then_some(prefix.starts.len() + length)
}

/// `eyJ….eyJ….…` (RFC 7519): header and claims are base64 of JSON objects.
fn is_web_token(word: &str) -> bool {
    let mut parts = word.split('.');
    word.starts_with("eyJ") && parts.next().is_some_and(|h| h.len() > 8) && parts.next().is_some_and(|claims| claims.len() > 8) && parts.next().is_some()
}

/// From the beginning of a PEM block to its end, or to the end of the record.
fn private_keys(raw: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + raw[from..].find("-----BEGIN ")?;
        let head = raw[start..].lines().next().unwrap_or("");
        let is_private = head.get(..64.min(head.len())).unwrap_or(head).contains("PRIVATE KEY-----");
        let end = raw[start..].find("-----END ").and_then(|at| raw[start + at + 9..].find("-----").map(|more| start + at + 9 + more + 5)).unwrap_or(raw.len());
        from = end;
        Some(if is_private { start..end } else { start..start })
    })
    .filter(|range| !range.is_empty())
}

/// `scheme://user:password@host`: the password.
fn passwords(raw: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let finder = memchr::memmem::find_iter(raw.as_bytes(), b"://");
    finder.filter_map(|at| {
        let start = at + 3;
        let end = raw[start..].find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?' | '#' | '\\' | ',' | '<' | '>')).map_or(raw.len(), |n| start + n);
        let (user, _) = raw[start..end].rsplit_once('@')?;
        let (name, password) = user.split_once(':')?;
        let begin = start + name.len() + 1;
        (!password.is_empty() && !password.contains("***")).then_some(begin..begin + password.len())
    })
}
