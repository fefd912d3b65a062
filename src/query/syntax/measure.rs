//! Measures of a query: lengths with their unit, counts, ranges of them, and bounds of time.
//!
//! Guarantees: integer arithmetic, a number that cannot be held is an error in words; a bare number is never given a unit. The clock is
//! never read: what is relative stays so until the newest record is known.

use crate::model::time::UnixNanos;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

const SECOND_NS: i64 = 1_000_000_000;
const MINUTE_NS: i64 = 60 * SECOND_NS;
const HOUR_NS: i64 = 60 * MINUTE_NS;
const DAY_NS: i64 = 24 * HOUR_NS;

/// A bound of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeBound {
    /// An instant, in Unix nanoseconds.
    At(i64),
    /// So many nanoseconds before the newest record.
    Relative(i64),
    /// Nanoseconds since midnight UTC: the last such time that is not after the newest record.
    TimeOfDay(i64),
}

impl TimeBound {
    /// The instant it means, in Unix nanoseconds, when the newest record stands at `newest`.
    pub fn resolve(self, newest: UnixNanos) -> i64 {
        match self {
            Self::At(ns) => ns,
            Self::Relative(back) => newest.0.saturating_sub(back),
            Self::TimeOfDay(ns) => {
                let today = newest.0.div_euclid(DAY_NS).saturating_mul(DAY_NS).saturating_add(ns);
                if today > newest.0 { today.saturating_sub(DAY_NS) } else { today }
            }
        }
    }

    /// In words: `15 min before the newest record`.
    pub fn words(self) -> String {
        match self {
            Self::At(ns) => DateTime::from_timestamp_nanos(ns).format("%Y-%m-%d %H:%M:%S%.f UTC").to_string(),
            Self::Relative(back) => format!("{} before the newest record", length_words(back)),
            Self::TimeOfDay(ns) => format!("{} UTC on the day of the newest record", DateTime::from_timestamp_nanos(ns).format("%H:%M:%S%.f")),
        }
    }
}

/// Both ends inclusive, with their words: `over 5 s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bounds {
    /// From.
    pub from: Option<i64>,
    /// To.
    pub to: Option<i64>,
    /// In words.
    pub words: String,
}

/// A kind of measure: how one is read and said.
pub(super) struct Measure {
    /// Text to number; the error says what would be right.
    pub read: fn(&str) -> Result<i64, String>,
    /// Number to words.
    pub say: fn(i64) -> String,
    /// A bare value means that much or more (nobody knows a length to the nanosecond), else exactly that.
    pub bare_is_least: bool,
}

/// Lengths of time.
pub(super) const LENGTH: Measure = Measure { read: length, say: length_words, bare_is_least: true };
/// Whole numbers.
pub(super) const COUNT: Measure = Measure { read: count, say: |n| n.to_string(), bare_is_least: false };

/// Reads `>5s`, `<=500ms`, `1s..2s`, `1s..`, `..2s`, `5s`.
pub(super) fn range(text: &str, measure: &Measure) -> Result<Bounds, String> {
    let one = |text: &str| (measure.read)(text.trim());
    let say = measure.say;
    let bounds = |from: Option<i64>, to: Option<i64>, words: String| Ok(Bounds { from, to, words });
    if let Some((low, high)) = text.split_once("..") {
        return match (low.trim().is_empty(), high.trim().is_empty()) {
            (true, true) => Err("the range has no end; write 1s.. or ..2s or 1s..2s with the unit that is meant".into()),
            (false, true) => one(low).and_then(|from| bounds(Some(from), None, format!("at least {}", say(from)))),
            (true, false) => one(high).and_then(|to| bounds(None, Some(to), format!("at most {}", say(to)))),
            (false, false) => {
                let (from, to) = (one(low)?, one(high)?);
                if from > to {
                    return Err(format!("the range runs backwards; write {}..{}", high.trim(), low.trim()));
                }
                bounds(Some(from), Some(to), format!("from {} to {}", say(from), say(to)))
            }
        };
    }
    for (operator, over, inclusive) in [(">=", true, true), ("<=", false, true), ("≥", true, true), ("≤", false, true), (">", true, false), ("<", false, false)] {
        if let Some(rest) = text.strip_prefix(operator) {
            let value = one(rest)?;
            let edge = if inclusive { value } else { value.saturating_add(if over { 1 } else { -1 }) };
            let word = match (over, inclusive) {
                (true, true) => "at least",
                (true, false) => "over",
                (false, true) => "at most",
                (false, false) => "under",
            };
            return bounds(over.then_some(edge), (!over).then_some(edge), format!("{word} {}", say(value)));
        }
    }
    let value = one(text.strip_prefix('=').unwrap_or(text))?;
    if measure.bare_is_least && !text.starts_with('=') {
        return bounds(Some(value), None, format!("at least {}", say(value)));
    }
    bounds(Some(value), Some(value), format!("exactly {}", say(value)))
}

/// A length in nanoseconds: `5s`, `1.5s`, `500ms`, `1m30s`.
pub(super) fn length(text: &str) -> Result<i64, String> {
    if text.is_empty() {
        return Err("a length is missing; write one with its unit, as 5s or 500ms".into());
    }
    let (mut rest, mut total) = (text, 0_i64);
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len()));
        if digits.is_empty() {
            return Err(format!("{text} is not a length; write a number and a unit, as 5s or 500ms"));
        }
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len()));
        if unit.is_empty() {
            return Err(format!("{digits} has no unit; write {digits}s or {digits}ms (units: ns, us, ms, s, m, h, d)"));
        }
        let unit_ns = unit_ns(unit).ok_or_else(|| format!("{unit} is not a unit of time; the units are ns, us, ms, s, m, h, d"))?;
        let part = scaled(digits, unit_ns).ok_or_else(|| format!("{digits}{unit} is not a length that can be held; write one as 5s or 500ms"))?;
        total = total.checked_add(part).ok_or_else(|| format!("{text} is longer than 292 years"))?;
        rest = after;
    }
    Ok(total)
}

fn unit_ns(unit: &str) -> Option<i64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" | "sec" => SECOND_NS,
        "m" | "min" => MINUTE_NS,
        "h" => HOUR_NS,
        "d" => DAY_NS,
        _ => return None,
    })
}

/// A whole number: `1000`, `1_000`, `2k`, `1.5M`.
pub(super) fn count(text: &str) -> Result<i64, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1_000),
        Some(b'M') => (&text[..text.len() - 1], 1_000_000),
        _ => (text, 1),
    };
    let number = if unit == 1 && digits.contains('.') { None } else { scaled(&digits.replace('_', ""), unit) };
    number.ok_or_else(|| if text.is_empty() { "a number is missing".into() } else { format!("{text} is not a whole number; write one as 2 or 1000 or 10k") })
}

/// Decimal digits times a unit; what lies below one is cut. `None`: no number, or too large.
fn scaled(digits: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction = &fraction[..fraction.len().min(15)];
    let part = if fraction.is_empty() { 0 } else { i128::from(fraction.parse::<i64>().ok()?) * i128::from(unit) / 10_i128.pow(fraction.len() as u32) };
    whole.checked_mul(unit)?.checked_add(i64::try_from(part).ok()?)
}

/// A bound of time as typed. A date alone is its whole day: from its first nanosecond, or up to its last when `until`.
pub(super) fn bound(text: &str, until: bool) -> Result<TimeBound, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return at.timestamp_nanos_opt().map(TimeBound::At).ok_or_else(|| out_of_range(text));
    }
    // Without seconds, which RFC 3339 asks for; no zone is UTC.
    let spaced = text.strip_suffix(['Z', 'z']).unwrap_or(text).replacen(' ', "T", 1);
    if let Some(at) = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"].iter().find_map(|format| NaiveDateTime::parse_from_str(&spaced, format).ok()) {
        return at.and_utc().timestamp_nanos_opt().map(TimeBound::At).ok_or_else(|| out_of_range(text));
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        let begin = date.and_time(NaiveTime::MIN).and_utc().timestamp_nanos_opt();
        let edge = begin.and_then(|ns| if until { ns.checked_add(DAY_NS - 1) } else { Some(ns) });
        return edge.map(TimeBound::At).ok_or_else(|| out_of_range(text));
    }
    if let Some(time) = ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok()) {
        return Ok(TimeBound::TimeOfDay(i64::from(time.num_seconds_from_midnight()) * SECOND_NS + i64::from(time.nanosecond()).min(SECOND_NS - 1)));
    }
    let relative = text.strip_prefix('-').unwrap_or(text);
    length(relative)
        .map(TimeBound::Relative)
        .map_err(|_| format!("{text} is not a time; write 2026-11-20, 2026-11-20T09:12:44Z, 09:12 or a length before the newest record, as 15m"))
}

fn out_of_range(text: &str) -> String {
    format!("{text} lies outside the years 1678 to 2261")
}

/// A length in words, unit always shown: `5 s`, `1.5 s`, `15 min`, `500 ms`.
pub(super) fn length_words(ns: i64) -> String {
    let whole = [(DAY_NS, "d"), (HOUR_NS, "h"), (MINUTE_NS, "min"), (SECOND_NS, "s")].into_iter().find(|(unit, _)| ns != 0 && ns % unit == 0);
    if let Some((unit, word)) = whole {
        return format!("{} {word}", ns / unit);
    }
    let (unit, word) = [(SECOND_NS, "s"), (1_000_000, "ms"), (1_000, "µs")].into_iter().find(|(unit, _)| ns >= *unit).unwrap_or((1, "ns"));
    let decimals = format!("{:09}", i128::from(ns % unit) * i128::from(SECOND_NS) / i128::from(unit));
    let decimals = decimals.trim_end_matches('0');
    if decimals.is_empty() { format!("{} {word}", ns / unit) } else { format!("{}.{decimals} {word}", ns / unit) }
}
