//! Values under a telling name: members of JSON at any depth, also of JSON inside a string; `name=value` and `name: value` in text.
//!
//! Guarantees: one pass over the record; a value ends where its quotes or its delimiters end. Never decides by the value alone.

use super::{Kind, Mark, Sensitive};
use crate::recognise::scan;

/// Longest name that is looked at.
const MAX_NAME: usize = 64;

/// Marks of values that stand under a name.
pub(super) fn find(raw: &str, table: &Sensitive) -> Vec<Mark> {
    let mut out = Vec::new();
    let b = raw.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b':', b'=', &b[at..]) {
        let sign = at + found;
        at = sign + 1;
        let Some(name) = name_before(raw, sign) else { continue };
        let (secret, content) = table.says(name.text);
        let content = content && name.quoted && b[sign] == b':';
        if !secret && !content {
            continue;
        }
        let Some(value) = value_after(raw, sign + 1, secret) else { continue };
        if secret {
            if is_secret_value(&raw[value.clone()]) {
                out.push(Mark { at: value, kind: Kind::Secret });
            }
        } else if value.len() > 2 {
            out.push(Mark { at: value, kind: Kind::Content });
        }
    }
    out
}

struct Name<'a> {
    text: &'a str,
    quoted: bool,
}

/// The name that ends before a sign: quoted (with the backslashes of a string inside a string), or a word.
fn name_before(raw: &str, sign: usize) -> Option<Name<'_>> {
    let head = raw[..sign].trim_end_matches(' ');
    let quoted = head.ends_with(['"', '\'']);
    let word = head.trim_end_matches(['"', '\'', '\\']);
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let start = word.char_indices().rev().take(MAX_NAME + 1).take_while(|(_, c)| inside(*c)).last()?.0;
    let text = &word[start..];
    (text.len() <= MAX_NAME && !text.is_empty()).then_some(Name { text, quoted })
}

/// The value behind a sign, without quotes.
fn value_after(raw: &str, from: usize, secret: bool) -> Option<std::ops::Range<usize>> {
    let rest = &raw[from..];
    let start = from + (rest.len() - rest.trim_start_matches(' ').len());
    let text = &raw[start..];
    let open = text.len() - text.trim_start_matches('\\').len();
    match text.as_bytes().get(open)? {
        quote @ (b'"' | b'\'') => {
            let begin = start + open + 1;
            Some(begin..begin + quoted_end(&raw.as_bytes()[begin..], *quote, open))
        }
        // `[` and `{`: a list of cookies, messages. The value as a whole.
        b'[' | b'{' if open == 0 => {
            let wrapped = scan::value_length(text)?;
            Some(start..start + wrapped)
        }
        _ if secret => {
            // `Bearer x` and `Basic x` are two words.
            let scheme = ["Bearer ", "bearer ", "Basic ", "basic ", "Token "].into_iter().find(|scheme| text.starts_with(scheme)).map_or(0, str::len);
            let stop = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '&' | '"' | '\'' | '}' | ']' | ')' | '\\');
            let length = text[scheme..].find(stop).unwrap_or(text.len() - scheme);
            (length > 0).then_some(start..start + scheme + length)
        }
        _ => None,
    }
}

/// Where a string ends whose quotes have `depth` backslashes in front.
fn quoted_end(b: &[u8], quote: u8, depth: usize) -> usize {
    let mut slashes = 0;
    for (at, byte) in b.iter().enumerate() {
        match byte {
            b'\\' => slashes += 1,
            byte if *byte == quote && slashes <= depth => return at - slashes,
            _ => slashes = 0,
        }
    }
    b.len()
}

/// Not empty, not masked already, no number or word of JSON.
fn is_secret_value(value: &str) -> bool {
    let bare = value.trim_matches(|c: char| !c.is_alphanumeric());
    let masked = value.contains("***")
        || value.contains('…')
        || matches!(bare.to_ascii_lowercase().as_str(), "redacted" | "masked" | "filtered" | "hidden" | "removed" | "secret" | "xxx" | "xxxx" | "xxxxx");
    let word = matches!(bare, "null" | "true" | "false" | "none" | "None" | "undefined" | "nil");
    !bare.is_empty() && !masked && !word && !bare.bytes().all(|b| b.is_ascii_digit() && bare.len() < 4)
}
