//! Where a value begins and ends: a string, a list or an object, at any depth of strings inside strings, whole or cut; a word of text.
//!
//! Guarantees: one pass over the value; never panics; borders are those of characters. What was cut ends with the string it stands in,
//! else with the record. Never asks what a value says.

use super::names::Name;
use crate::recognise::scan;
use std::ops::Range;

/// Deepest strings inside strings, in backslashes before a quote: four deep.
const MAX_SLASHES: usize = 15;
/// Bytes in which the first quote of a list tells how its strings are written.
const HEAD: usize = 256;

/// The value that begins at `from`, without quotes; `words`: also one without any.
pub(super) fn after(raw: &str, from: usize, name: &Name<'_>, words: bool) -> Option<Range<usize>> {
    let rest = &raw[from..];
    let start = from + (rest.len() - rest.trim_start_matches(' ').len());
    let text = &raw[start..];
    let open = text.bytes().take(MAX_SLASHES + 1).take_while(|b| *b == b'\\').count();
    match text.as_bytes().get(open)? {
        quote @ (b'"' | b'\'') if open <= MAX_SLASHES => {
            let begin = start + open + 1;
            // An apostrophe inside what was said is no end of it; a secret has none.
            Some(begin..begin + quoted_end(&raw.as_bytes()[begin..], *quote, open, !words))
        }
        b'[' | b'{' if open == 0 => Some(start..start + wrapped_length(text, name)),
        _ if words => word(text).map(|length| start..start + length),
        _ => None,
    }
}

/// Length of a value without quotes.
fn word(text: &str) -> Option<usize> {
    // `Bearer x` and `Basic x` are two words.
    let scheme = ["Bearer ", "bearer ", "Basic ", "basic ", "Token "].into_iter().find(|scheme| text.starts_with(scheme)).map_or(0, str::len);
    let stop = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '&' | '"' | '\'' | '}' | ']' | ')' | '\\');
    let length = text[scheme..].find(stop).unwrap_or(text.len() - scheme);
    (length > 0).then_some(scheme + length)
}

/// A quote behind so many backslashes ends a string whose quotes have `depth` of them: backslashes at the end of the text come in pairs,
/// each doubled with the depth. With fewer, a string around it ends.
fn closes(slashes: usize, depth: usize) -> bool {
    slashes <= depth || slashes % (2 * (depth + 1)) == depth
}

fn is_letter(b: Option<&u8>) -> bool {
    b.is_some_and(|b| b.is_ascii_alphanumeric() || !b.is_ascii())
}

/// Where a string ends whose quotes have `depth` backslashes in front.
fn quoted_end(b: &[u8], quote: u8, depth: usize, apostrophes: bool) -> usize {
    let mut slashes = 0;
    for (at, byte) in b.iter().enumerate() {
        match byte {
            b'\\' => slashes += 1,
            b'\'' if apostrophes && is_letter(b.get(at + 1)) => slashes = 0,
            byte if *byte == quote && closes(slashes, depth) => return at - slashes.min(depth),
            _ => slashes = 0,
        }
    }
    b.len()
}

/// Length of a list or an object: `'` is a quote when it is the first one, as Python writes it.
fn wrapped_length(text: &str, name: &Name<'_>) -> usize {
    let b = text.as_bytes();
    let first = b.iter().take(HEAD).position(|c| matches!(c, b'"' | b'\''));
    let python = first.is_some_and(|at| b[at] == b'\'');
    let before_first = first.map_or(0, |at| b[..at].iter().rev().take_while(|c| **c == b'\\').count());
    let depth = if name.quoted { name.depth } else { before_first.min(MAX_SLASHES) };
    // What the scanner reads as a whole value is one; the rest is nested deeper, of Python, or cut.
    let whole = if depth == 0 && !python { scan::value_length(text) } else { None };
    whole.unwrap_or_else(|| wrapped_end(b, depth, python))
}

/// Where a list or an object ends whose strings have `depth` backslashes before their quotes.
fn wrapped_end(b: &[u8], depth: usize, python: bool) -> usize {
    let (mut open, mut slashes) = (0_usize, 0_usize);
    let mut string: Option<(u8, usize)> = None;
    for (at, byte) in b.iter().enumerate() {
        match (string, *byte) {
            (_, b'\\') => {
                slashes += 1;
                continue;
            }
            (_, b'"') if slashes < depth => return at - slashes,
            (Some((quote, around)), byte) if byte == quote && closes(slashes, around) && !(quote == b'\'' && is_letter(b.get(at + 1))) => string = None,
            (None, b'"') => string = Some((b'"', slashes)),
            (None, b'\'') if python => string = Some((b'\'', slashes)),
            (None, b'[' | b'{') => open += 1,
            (None, b']' | b'}') if open <= 1 => return at + 1,
            (None, b']' | b'}') => open -= 1,
            _ => {}
        }
        slashes = 0;
    }
    b.len()
}
