//! Lengths of time as loggers write them: a number under a key that names its unit, a text that names its own, or a phrase.
//!
//! Guarantees: exact decimal arithmetic to the nanosecond, with the resolution of the written digits; nothing negative and nothing
//! longer than ten years (an instant in the wrong place) is a length. Never guesses the unit of a bare number.

mod phrase;

pub use phrase::{in_text, only, pair_in_text};

use crate::model::time::Length;
use crate::recognise::decimal::Decimal;

/// Longer than this is an instant or an identifier, no length.
const ABSURD_NS: i128 = 3_653 * 86_400 * 1_000_000_000;
/// No length is written with more text than this.
const MAX_TEXT: usize = 64;

/// Unit of a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Nanoseconds.
    Ns,
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
    /// Minutes.
    Min,
    /// Hours.
    H,
    /// .NET ticks of 100 ns.
    Ticks100Ns,
}

impl Unit {
    /// The unit that one part of a key names (`ms`, `millis`, `seconds`, `us`), whatever its case. A lone `m` or `h` names none.
    pub fn of_suffix(part: &str) -> Option<Self> {
        if part.eq_ignore_ascii_case("ticks") {
            return Some(Self::Ticks100Ns);
        }
        if matches!(part, "m" | "M" | "h" | "H" | "S") {
            return None;
        }
        Self::of_word(part.as_bytes())
    }

    /// Its short name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ns => "ns",
            Self::Us => "us",
            Self::Ms => "ms",
            Self::S => "s",
            Self::Min => "min",
            Self::H => "h",
            Self::Ticks100Ns => "ticks",
        }
    }

    /// The unit that stands behind a number in a text.
    fn of_word(word: &[u8]) -> Option<Self> {
        let mut lower = [0; 12];
        let buffer = lower.get_mut(..word.len())?;
        buffer.copy_from_slice(word);
        buffer.make_ascii_lowercase();
        Some(match &*buffer {
            b"ms" | b"msec" | b"msecs" | b"milli" | b"millis" | b"millisec" | b"millisecs" | b"millisecond" | b"milliseconds" => Self::Ms,
            b"s" | b"sec" | b"secs" | b"second" | b"seconds" => Self::S,
            // The signs are U+00B5 and the Greek letter.
            [0xc2, 0xb5, b's'] | [0xce, 0xbc, b's'] | b"us" | b"usec" | b"usecs" | b"micro" | b"micros" | b"microsec" | b"microsecs" | b"microsecond" | b"microseconds" => Self::Us,
            b"ns" | b"nsec" | b"nsecs" | b"nano" | b"nanos" | b"nanosec" | b"nanosecs" | b"nanosecond" | b"nanoseconds" => Self::Ns,
            b"m" | b"min" | b"mins" | b"minute" | b"minutes" => Self::Min,
            b"h" | b"hr" | b"hrs" | b"hour" | b"hours" => Self::H,
            _ => return None,
        })
    }

    /// Nanoseconds in one.
    pub fn nanos(self) -> u64 {
        match self {
            Self::Ns => 1,
            Self::Us => 1_000,
            Self::Ms => 1_000_000,
            Self::S => 1_000_000_000,
            Self::Min => 60_000_000_000,
            Self::H => 3_600_000_000_000,
            Self::Ticks100Ns => 100,
        }
    }
}

/// `text` as a number in `unit`; a text that names its own unit (`"15ms"` under `duration_s`) is believed.
pub fn with_unit(text: &str, unit: Unit) -> Option<Length> {
    match Decimal::whole(text) {
        Some(number) => Sum::default().add(number, unit.nanos())?.length(),
        None => parse(text),
    }
}

/// A text that is one length and names its unit: `15ms`, `1m2.5s`, `250 ms`, `2.5 seconds`, `PT0.3S`, `0:00:01.5`, `1 day, 2:03:04`.
pub fn parse(text: &str) -> Option<Length> {
    let text = text.trim();
    if text.len() > MAX_TEXT || !text.is_ascii() && !text.contains(['µ', 'μ']) {
        return None;
    }
    let bytes = text.as_bytes();
    match bytes.first()? {
        b'P' | b'p' => iso(bytes),
        b'0'..=b'9' => clock(bytes).or_else(|| run(bytes)).filter(|(_, used)| *used == bytes.len()).and_then(|(sum, _)| sum.length()),
        _ => None,
    }
}

/// A sum of parts, largest first.
#[derive(Debug, Clone, Copy)]
struct Sum {
    ns: i128,
    quantum_ns: u64,
}

impl Default for Sum {
    fn default() -> Self {
        Self { ns: 0, quantum_ns: u64::MAX }
    }
}

impl Sum {
    fn add(mut self, number: Decimal, unit_ns: u64) -> Option<Self> {
        if number.negative {
            return None;
        }
        self.ns = self.ns.checked_add(number.times(unit_ns)?)?;
        self.quantum_ns = self.quantum_ns.min(number.quantum(unit_ns));
        Some(self)
    }

    fn length(self) -> Option<Length> {
        (self.ns < ABSURD_NS).then(|| Length::known(self.ns as i64, self.quantum_ns))
    }
}

/// Numbers each with its unit, as Go, Rust, humantime and people write them; and how many bytes they take.
fn run(bytes: &[u8]) -> Option<(Sum, usize)> {
    let (mut sum, mut at, mut last) = (Sum::default(), 0, u64::MAX);
    while let Some((number, unit_ns, used)) = part(&bytes[at..]) {
        if unit_ns >= last {
            break;
        }
        sum = sum.add(number, unit_ns)?;
        last = unit_ns;
        at += used;
        let gap = bytes[at..].iter().take_while(|b| matches!(b, b' ' | b',')).count();
        if gap > 2 || !bytes.get(at + gap).is_some_and(u8::is_ascii_digit) || part(&bytes[at + gap..]).is_none_or(|next| next.1 >= last) {
            break;
        }
        at += gap;
    }
    (at > 0).then_some((sum, at))
}

/// A number, at most one space, and a unit that ends there.
fn part(bytes: &[u8]) -> Option<(Decimal, u64, usize)> {
    let (number, mut at) = Decimal::prefix(bytes)?;
    at += usize::from(bytes.get(at) == Some(&b' '));
    let word = bytes[at..].iter().take(16).take_while(|b| b.is_ascii_alphabetic() || !b.is_ascii()).count();
    let name = &bytes[at..at + word];
    let unit_ns = match Unit::of_word(name) {
        Some(unit) => unit.nanos(),
        None if matches!(name, b"d" | b"day" | b"days") => 24 * Unit::H.nanos(),
        None => return None,
    };
    Some((number, unit_ns, at + word))
}

/// `H:MM:SS[.f]` with days in front (`1 day, `, `2 days, `, .NET's `1.`) and an `s` behind; and how many bytes it takes.
fn clock(bytes: &[u8]) -> Option<(Sum, usize)> {
    let (mut sum, mut at) = days(bytes).unwrap_or_default();
    for (unit_ns, digits) in [(Unit::H.nanos(), 1..=4), (Unit::Min.nanos(), 2..=2)] {
        let run = bytes[at..].iter().take(5).take_while(|b| b.is_ascii_digit()).count();
        if !digits.contains(&run) || bytes.get(at + run) != Some(&b':') {
            return None;
        }
        sum = sum.add(Decimal::prefix(&bytes[at..at + run])?.0, unit_ns)?;
        at += run + 1;
    }
    if bytes[at..].iter().take(3).take_while(|b| b.is_ascii_digit()).count() != 2 {
        return None;
    }
    let (seconds, used) = Decimal::prefix(&bytes[at..])?;
    at += used;
    at += usize::from(bytes.get(at) == Some(&b's'));
    Some((sum.add(seconds, Unit::S.nanos())?, at))
}

fn days(bytes: &[u8]) -> Option<(Sum, usize)> {
    let run = bytes.iter().take(5).take_while(|b| b.is_ascii_digit()).count();
    let rest = &bytes[run..];
    let skip = if rest.starts_with(b" days, ") {
        7
    } else if rest.starts_with(b" day, ") {
        6
    } else if rest.first() == Some(&b'.') && rest.get(3) == Some(&b':') {
        1
    } else {
        return None;
    };
    Some((Sum::default().add(Decimal::prefix(&bytes[..run])?.0, 24 * Unit::H.nanos())?, run + skip))
}

/// ISO 8601: `PT0.3S`, `P1DT2H`, `PT1M2.5S`. Years and months have no length.
fn iso(bytes: &[u8]) -> Option<Length> {
    let (mut sum, mut at, mut time) = (Sum::default(), 1, false);
    while at < bytes.len() {
        if !time && matches!(bytes[at], b'T' | b't') {
            time = true;
            at += 1;
            continue;
        }
        let (number, used) = Decimal::prefix(&bytes[at..])?;
        let unit_ns = match (time, bytes.get(at + used)?.to_ascii_uppercase()) {
            (false, b'W') => 7 * 24 * Unit::H.nanos(),
            (false, b'D') => 24 * Unit::H.nanos(),
            (true, b'H') => Unit::H.nanos(),
            (true, b'M') => Unit::Min.nanos(),
            (true, b'S') => Unit::S.nanos(),
            _ => return None,
        };
        sum = sum.add(number, unit_ns)?;
        at += used + 1;
    }
    if sum.quantum_ns == u64::MAX { None } else { sum.length() }
}

#[cfg(test)]
mod tests;
