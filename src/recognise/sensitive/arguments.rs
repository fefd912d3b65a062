//! Secrets behind a word, not under a name: `Bearer …` and `Basic …` in prose or in a list, `--password …` of a command line.
//!
//! Guarantees: one pass for each. Behind a scheme stands what was drawn, not a word: `Bearer token is missing` says nothing. Never looks at
//! names with a sign.

use super::Sensitive;
use memchr::memmem;
use std::ops::Range;

/// Fewest bytes of a token behind its scheme.
const LEAST: usize = 8;
/// Longest option that is looked at.
const MAX_OPTION: usize = 64;

/// Ranges of secrets.
pub(super) fn find<'a>(raw: &'a str, table: &'a Sensitive) -> impl Iterator<Item = Range<usize>> + 'a {
    let schemes = ["earer ", "asic "].into_iter().flat_map(move |scheme| memmem::find_iter(raw.as_bytes(), scheme).filter_map(move |at| credentials(raw, at, scheme)));
    schemes.chain(memmem::find_iter(raw.as_bytes(), "--").filter_map(move |at| option(raw, at + 2, table)))
}

/// The token behind a scheme.
fn credentials(raw: &str, at: usize, scheme: &str) -> Option<Range<usize>> {
    let b = raw.as_bytes();
    let first = *b.get(at.checked_sub(1)?)?;
    let basic = scheme == "asic ";
    let begins = matches!(first, b'B' | b'b') && !at.checked_sub(2).is_some_and(|before| b[before].is_ascii_alphanumeric());
    let start = at + scheme.len();
    let length = b[start..].iter().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'~' | b'+' | b'/' | b'=' | b'-')).count();
    let token = &b[start..start + length];
    let drawn = token.iter().any(u8::is_ascii_digit) || token.windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    (begins && length >= LEAST && drawn && (!basic || length % 4 == 0)).then_some(start..start + length)
}

/// `--password x`, `["--password","x"]`: the value of an option whose name tells a secret.
fn option(raw: &str, start: usize, table: &Sensitive) -> Option<Range<usize>> {
    let b = raw.as_bytes();
    let length = b[start..].iter().take(MAX_OPTION).take_while(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_')).count();
    let name = &raw[start..start + length];
    if name.is_empty() || !name.as_bytes()[0].is_ascii_alphabetic() || !table.says(name).secret {
        return None;
    }
    let is_between = |c: &u8| matches!(c, b' ' | b'"' | b'\'' | b',' | b'\\');
    let between = b[start + length..].iter().take(16).take_while(|c| is_between(c)).count();
    let begin = start + length + between;
    let value = raw.get(begin..)?;
    // Another option, or the rest of a name that is too long: nothing is read to its end in vain.
    if between == 0 || value.starts_with('-') {
        return None;
    }
    let stop = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '\\' | ']' | ')');
    let end = value.find(stop).unwrap_or(value.len());
    (end > 0 && !value[..end].contains("***")).then_some(begin..begin + end)
}
