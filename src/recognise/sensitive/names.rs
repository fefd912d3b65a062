//! Values under a telling name: members of JSON at any depth, also of JSON inside a string; `name=value` and `name: value` in text.
//!
//! Guarantees: linear in the record: a value that is long is marked, and what is marked is not read for the same once more; a value ends
//! where its quotes or its delimiters end, a value that was cut with the text it stands in. Never decides by the value alone.

use super::{
    Kind, Mark, Sensitive,
    beside::{Beside, name_at_end},
    value,
};
use std::ops::Range;

/// Longest value that is asked whether it was masked; one that is longer holds more than a mask.
const MAX_MASKED: usize = 1_024;

/// A name as it stands in a record.
pub(super) struct Name<'a> {
    pub(super) text: &'a str,
    /// Where it begins.
    pub(super) start: usize,
    pub(super) quoted: bool,
    /// Backslashes before the quote behind it: how deep the record is inside strings.
    pub(super) depth: usize,
}

/// Marks of values that stand under a name.
pub(super) fn find(raw: &str, table: &Sensitive) -> Vec<Mark> {
    let mut out = Vec::new();
    let b = raw.as_bytes();
    let mut beside = Beside::of(raw);
    let (mut at, mut said_to) = (0, 0);
    while let Some(found) = memchr::memchr2(b':', b'=', &b[at..]) {
        let sign = at + found;
        at = sign + 1;
        let Some(name) = name_at_end(raw, sign) else { continue };
        if is_secret(raw, &name, b[sign], table) {
            if let Some(value) = value::after(raw, sign + 1, &name, true)
                && is_secret_value(&raw[value.clone()])
            {
                at = value.end;
                out.push(Mark { at: value, kind: Kind::Secret });
            }
        } else if sign >= said_to && name.quoted == (b[sign] == b':') {
            // What stands inside content is content already.
            if let Some(value) = content(raw, sign + 1, &name, table, &mut beside) {
                said_to = value.end;
                out.push(Mark { at: value, kind: Kind::Content });
            }
        }
    }
    out
}

/// The name tells a secret where it stands: words of prose need quotes or `=`, parameters an address, `value` the name beside it.
fn is_secret(raw: &str, name: &Name<'_>, sign: u8, table: &Sensitive) -> bool {
    let says = table.says(name.text);
    let in_address = || raw[..name.start].ends_with(['&', '?']);
    (says.secret && (!says.shy || name.quoted || sign == b'='))
        || (says.parameter && sign == b'=' && in_address())
        || (says.pair && name.quoted && header_before(raw, name.start).is_some_and(|header| table.says(header).secret))
}

/// `{"name":"Authorization","value":…`: the name of the header before its value.
fn header_before(raw: &str, start: usize) -> Option<&str> {
    let head = raw[..start].trim_end_matches(['"', '\'', '\\', ' ']).strip_suffix(',')?;
    let header = name_at_end(raw, head.len()).filter(|header| header.quoted)?;
    let sign = raw[..header.start].trim_end_matches(['"', '\'', '\\', ' ']).strip_suffix(':')?;
    let member = name_at_end(raw, sign.len())?;
    matches!(member.text, "name" | "Name" | "key" | "Key").then_some(header.text)
}

/// The value under a name when it is content: by the name, or by the name and what stands beside it.
fn content(raw: &str, from: usize, name: &Name<'_>, table: &Sensitive, beside: &mut Beside<'_>) -> Option<Range<usize>> {
    let says = table.says(name.text);
    let rule = says.rule.and_then(|at| table.rules.get(at));
    let head = &raw[from..];
    if !says.content && !rule.is_some_and(|rule| beside.allows(rule, head)) {
        return None;
    }
    let value = value::after(raw, from, name, false)?;
    let is_list = raw[value.start..].starts_with(['[', '{']);
    let least = rule.filter(|_| !says.content && !is_list).map_or(3, |rule| rule.least.max(3));
    (value.len() >= least).then_some(value)
}

/// Not empty, not masked already, no number or word of JSON.
fn is_secret_value(value: &str) -> bool {
    if value.len() > MAX_MASKED {
        return true;
    }
    let bare = value.trim_matches(|c: char| !c.is_alphanumeric());
    let masked = value.contains("***")
        || value.contains('…')
        || matches!(bare.to_ascii_lowercase().as_str(), "redacted" | "masked" | "filtered" | "hidden" | "removed" | "secret" | "xxx" | "xxxx" | "xxxxx");
    let word = matches!(bare, "null" | "true" | "false" | "none" | "None" | "undefined" | "nil");
    !bare.is_empty() && !masked && !word && !bare.bytes().all(|b| b.is_ascii_digit() && bare.len() < 4)
}
