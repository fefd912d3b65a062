//! Times as loggers write them: text in many shapes, and numbers whose unit is told by their size.
//!
//! Guarantees: exact to the nanosecond (no floating point), with the resolution of the written digits; a time without a zone is
//! naive; a time that `i64` nanoseconds cannot hold is none (and [`out_of_range`] says so). Never guesses a year or a zone.

mod scan;

use crate::model::time::Instant;
use crate::recognise::decimal::Decimal;
use scan::{Scanned, scan};
use std::ops::Range;

/// How far from the head of a line [`find`] looks.
const NEAR_BYTES: usize = 96;

/// `text` as one instant: RFC 3339 in every zone spelling, common log, asctime, RFC 2822, JavaScript's Date, … Space and one pair of
/// brackets around it are allowed. Numbers are for [`from_number`].
pub fn parse(text: &str) -> Option<Instant> {
    hold(whole(text)?)
}

/// `text` is a time that cannot be held: a year before 1678 or after 2261, such as a zero date.
pub fn out_of_range(text: &str) -> bool {
    if let Some(scanned) = whole(text) {
        return hold(scanned).is_none();
    }
    // Year 1 and year 9999 in seconds and milliseconds: what runtimes write for "never".
    matches!(text.trim(), "-62135596800" | "-62135596800000" | "253402300799" | "253402300799000" | "253402300799999")
}

/// An epoch number as decimal text; s, ms, µs or ns by its size, fractions and exponents exactly.
pub fn from_number(text: &str) -> Option<Instant> {
    let number = Decimal::whole(text)?;
    if number.negative {
        return None;
    }
    let unit = match number.times(1)? {
        1_000_000_000..100_000_000_000 => 1_000_000_000,
        1_000_000_000_000..100_000_000_000_000 => 1_000_000,
        1_000_000_000_000_000..100_000_000_000_000_000 => 1_000,
        1_000_000_000_000_000_000.. => 1,
        _ => return None,
    };
    let unix_ns = i64::try_from(number.times(unit)?).ok()?;
    Some(Instant { unix_ns, quantum_ns: number.quantum(unit), naive: false })
}

/// The first instant at or near the head of a text line, and where it stands. A time inside prose (`retry at 2026-…`) is not taken.
pub fn find(text: &str) -> Option<(Instant, Range<usize>)> {
    let bytes = text.as_bytes();
    let window = bytes.len().min(NEAR_BYTES);
    let mut words = 0;
    let mut at = 0;
    if let Some(found) = leading_epoch(text) {
        return Some(found);
    }
    while at < window {
        let byte = bytes[at];
        if !byte.is_ascii_alphanumeric() {
            at += 1;
            continue;
        }
        if let Some(scanned) = scan(bytes, at) {
            let end = scanned.end;
            return hold(scanned).map(|instant| (instant, at..end));
        }
        let run = bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        words += usize::from(run > 1 && bytes[at..at + run].iter().all(u8::is_ascii_lowercase));
        if words > 2 {
            return None;
        }
        at += run;
    }
    None
}

/// The time that begins exactly at byte `begin`, whatever follows it.
pub(super) fn at(bytes: &[u8], begin: usize) -> Option<Instant> {
    hold(scan(bytes, begin)?)
}

/// As [`at`], with the index behind it.
pub(super) fn at_with_end(bytes: &[u8], begin: usize) -> Option<(Option<Instant>, usize)> {
    let scanned = scan(bytes, begin)?;
    Some((hold(scanned), scanned.end))
}

/// `1795427209.459 …`, `[1795427209459] …`: an epoch number that opens a line.
fn leading_epoch(text: &str) -> Option<(Instant, Range<usize>)> {
    let open = usize::from(text.starts_with('['));
    let rest = &text.as_bytes()[open..];
    let run = rest.iter().take(24).take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    if run < 12 || !matches!(rest.get(run), None | Some(b' ' | b'\t' | b']' | b':' | b',')) {
        return None;
    }
    from_number(&text[open..open + run]).map(|instant| (instant, open..open + run))
}

fn whole(text: &str) -> Option<Scanned> {
    let mut text = text.trim();
    if let Some(inner) = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        text = inner.trim();
    }
    let scanned = scan(text.as_bytes(), 0)?;
    let rest = &text.as_bytes()[scanned.end..];
    (rest.is_empty() || (scanned.naive && is_foreign_zone(rest))).then_some(scanned)
}

/// ` Europe/Paris`, ` AEST`: a zone was named whose offset nobody here knows; the digits stay naive.
fn is_foreign_zone(rest: &[u8]) -> bool {
    let Some(name) = rest.strip_prefix(b" ") else { return false };
    let abbreviation = (2..=5).contains(&name.len()) && name.iter().all(u8::is_ascii_uppercase);
    let place = name.len() <= 40 && name.contains(&b'/') && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'));
    abbreviation || place
}

fn hold(scanned: Scanned) -> Option<Instant> {
    let unix_ns = i64::try_from(i128::from(scanned.seconds) * 1_000_000_000 + i128::from(scanned.nanos)).ok()?;
    Some(Instant { unix_ns, quantum_ns: scanned.quantum_ns, naive: scanned.naive })
}

#[cfg(test)]
mod tests;
