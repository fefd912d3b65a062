//! Numbers and instants as a reader sees them: three significant digits, the unit always there, one space before it.
//!
//! Guarantees: a column of one kind of value lines up (tabular digits, one form); nothing is rounded up to a whole it is not (99.96 % of
//! something is not 100 %). Templates print what comes from here and compute nothing. Never reads the clock or a zone.

use crate::model::time::UnixNanos;
use chrono::{DateTime, Utc};
use std::fmt;

/// Stands where a value is not known.
pub const NONE: &str = "–";

/// `4.31 s`, `546 ms`, `12 µs`, `2 m 05 s`, `3 h 07 m`. Below a second a whole number of its unit has no decimals: a log in
/// milliseconds does not know the next digit.
pub fn length(ns: i64) -> String {
    let text = magnitude(ns.unsigned_abs());
    if ns < 0 { format!("−{text}") } else { text }
}

fn magnitude(ns: u64) -> String {
    match ns {
        0 => "0 ms".into(),
        1..1_000 => format!("{ns} ns"),
        1_000..999_500 => small(ns, 1_000, "µs"),
        999_500..999_500_000 => small(ns, 1_000_000, "ms"),
        999_500_000..119_500_000_000 => three(ns as f64 / 1e9, "s"),
        _ => long((ns + 500_000_000) / 1_000_000_000),
    }
}

fn small(ns: u64, unit_ns: u64, unit: &str) -> String {
    if ns.is_multiple_of(unit_ns) { format!("{} {unit}", ns / unit_ns) } else { three(ns as f64 / unit_ns as f64, unit) }
}

fn three(value: f64, unit: &str) -> String {
    let digits = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}

fn long(seconds: u64) -> String {
    match seconds {
        0..3_600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {:02} m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {:02} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// A length, or [`NONE`].
pub fn length_or_none(ns: Option<i64>) -> String {
    ns.map_or_else(|| NONE.into(), length)
}

/// A length, or [`NONE`] for zero: in a column most rows of which have none.
pub fn length_above_zero(ns: i64) -> String {
    if ns > 0 { length(ns) } else { NONE.into() }
}

/// With its sign: `+1.22 s`, `−12 ms`, `+0 ms`.
pub fn offset(ns: i64) -> String {
    if ns < 0 { length(ns) } else { format!("+{}", length(ns)) }
}

/// A length that a query reads back exactly: `1s`, `1500ms`, `250us`.
pub fn query_length(ns: i64) -> String {
    let ns = ns.max(0);
    for (unit_ns, unit) in [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")] {
        if ns % unit_ns == 0 {
            return format!("{}{unit}", ns / unit_ns);
        }
    }
    format!("{ns}ns")
}

/// `1,417`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 line`, `1,417 lines`.
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// `2026-11-23 14:21:07.012`, in UTC.
pub fn instant(at: UnixNanos) -> String {
    utc(at).format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// `14:21:07.012`, in UTC.
pub fn time_of_day(at: UnixNanos) -> String {
    utc(at).format("%H:%M:%S%.3f").to_string()
}

/// `2026-11-23`, in UTC.
pub fn date(at: UnixNanos) -> String {
    utc(at).format("%Y-%m-%d").to_string()
}

/// `2026-11-23 14:21:07.012 to 14:21:21.933`: the day is named again only when it changes.
pub fn span(from: UnixNanos, to: UnixNanos) -> String {
    let end = if date(from) == date(to) { time_of_day(to) } else { instant(to) };
    format!("{} to {end}", instant(from))
}

fn utc(at: UnixNanos) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(at.0)
}

/// `0 B`, `812 B`, `1.50 MiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    if n < 1_024 {
        return format!("{n} B");
    }
    let (mut value, mut unit) = (n as f64, 0);
    while value >= 1_023.5 && unit + 1 < UNITS.len() {
        value /= 1_024.0;
        unit += 1;
    }
    three(value, UNITS[unit])
}

/// Tenths of a percent: `33.4 %`, `100 %`, `<0.1 %`; [`NONE`] of nothing.
pub fn share(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return NONE.into();
    }
    if part == whole {
        return "100 %".into();
    }
    let tenths = part as f64 * 1_000.0 / whole as f64;
    match tenths {
        t if t <= 0.0 => "0 %".into(),
        t if t < 1.0 => "<0.1 %".into(),
        t if t >= 999.0 => "99.9 %".into(),
        t => format!("{:.1} %", t / 10.0),
    }
}

/// Shares in tenths of a percent that add up to 100.0 as printed: what rounding leaves goes to the largest remainders.
pub fn shares(parts: &[i64]) -> Vec<String> {
    let whole: i128 = parts.iter().map(|p| i128::from((*p).max(0))).sum();
    if whole == 0 {
        return vec![NONE.into(); parts.len()];
    }
    let exact: Vec<(i128, i128)> = parts.iter().map(|p| i128::from((*p).max(0)) * 1_000).map(|p| (p / whole, p % whole)).collect();
    let mut tenths: Vec<i128> = exact.iter().map(|e| e.0).collect();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|i| (std::cmp::Reverse(exact[*i].1), *i));
    let left = (1_000 - tenths.iter().sum::<i128>()) as usize;
    order.into_iter().take(left).for_each(|i| tenths[i] += 1);
    tenths
        .into_iter()
        .zip(parts)
        .map(|(t, part)| match t {
            1_000 => "100 %".into(),
            0 if *part > 0 => "<0.1 %".into(),
            t => format!("{}.{} %", t / 10, t % 10),
        })
        .collect()
}

/// A fraction of one: `98.6 %`.
pub fn fraction(value: f64) -> String {
    share((value * 1e6).round() as i64, 1_000_000)
}

/// `15 ×` from ten up, else `2.3 ×`.
pub fn times(ratio: f64) -> String {
    if ratio >= 9.95 { format!("{} ×", count(ratio.round() as u64)) } else { format!("{ratio:.1} ×") }
}

/// `$0.00019`: two significant digits below a cent, else cents and a tenth of one.
pub fn cost(usd: f64) -> String {
    match usd {
        v if !v.is_finite() || v < 0.0 => NONE.into(),
        0.0 => "$0".into(),
        v if v >= 1.0 => format!("${v:.2}"),
        v if v >= 0.01 => format!("${v:.3}"),
        v => format!("${v:.*}", (1.0 - v.log10().floor()).clamp(2.0, 12.0) as usize),
    }
}

/// The cause of an error of the system in words, without its number.
pub fn cause(error: &std::io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error ").next().unwrap_or(&text);
    // What the system says begins with a capital.
    if words.len() < text.len() { words.to_lowercase() } else { text }
}

/// The first characters of something long, with `…`.
pub fn head(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

/// Characters that change how their surroundings are shown: controls, direction marks, invisible ones. The joiners that emoji and Indic
/// scripts are written with are none.
pub fn steers(c: char) -> bool {
    matches!(
        c,
        '\u{0}'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// What stands for a character that steers: `␀` for the controls that have a picture of their own, else `⟦U+202E⟧`.
pub fn mark(dest: &mut impl fmt::Write, c: char) -> fmt::Result {
    match c {
        '\u{0}'..='\u{1f}' => dest.write_char(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
        '\u{7f}' => dest.write_char('␡'),
        _ => write!(dest, "⟦U+{:04X}⟧", u32::from(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_three_digits_and_a_unit() {
        let cases = [
            (0, "0 ms"),
            (999, "999 ns"),
            (12_000, "12 µs"),
            (12_345, "12.3 µs"),
            (999_499, "999 µs"),
            (999_600, "1.00 ms"),
            (7_000_000, "7 ms"),
            (7_320_000, "7.32 ms"),
            (546_000_000, "546 ms"),
            (999_499_999, "999 ms"),
            (999_500_000, "1.00 s"),
            (4_312_000_000, "4.31 s"),
            (9_996_000_000, "10.0 s"),
            (99_960_000_000, "100 s"),
            (119_499_999_999, "119 s"),
            (125_000_000_000, "2 m 05 s"),
            (3_599_600_000_000, "1 h 00 m"),
            (11_220_000_000_000, "3 h 07 m"),
            (183_600_000_000_000, "2 d 03 h"),
        ];
        for (ns, text) in cases {
            assert_eq!(length(ns), text, "{ns}");
        }
        assert_eq!(length(-12_000_000), "−12 ms");
        assert_eq!(length(i64::MIN), "−106751 d 23 h");
        assert_eq!((offset(1_220_000_000), offset(-5_000_000), offset(0)), ("+1.22 s".into(), "−5 ms".into(), "+0 ms".into()));
    }

    #[test]
    fn lengths_of_a_query_are_exact() {
        assert_eq!(query_length(1_000_000_000), "1s");
        assert_eq!(query_length(1_500_000_000), "1500ms");
        assert_eq!(query_length(250_000), "250us");
        assert_eq!(query_length(1), "1ns");
    }

    #[test]
    fn counts_have_separators() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "line", "lines"), "1 line");
    }

    #[test]
    fn instants_are_utc_with_milliseconds() {
        let at = UnixNanos(1_795_443_667_012_999_999);
        assert_eq!(instant(at), "2026-11-23 14:21:07.012");
        assert_eq!(span(at, UnixNanos(at.0 + 14_921_000_000)), "2026-11-23 14:21:07.012 to 14:21:21.933");
        assert_eq!(span(at, UnixNanos(at.0 + 86_400_000_000_000)), "2026-11-23 14:21:07.012 to 2026-11-24 14:21:07.012");
        assert_eq!(instant(UnixNanos(i64::MIN)), "1677-09-21 00:12:43.145");
    }

    #[test]
    fn bytes_use_binary_units() {
        assert_eq!([0, 812, 1_024, 1_572_864, 5_368_709_120].map(bytes), ["0 B", "812 B", "1.00 KiB", "1.50 MiB", "5.00 GiB"]);
    }

    #[test]
    fn a_share_is_never_rounded_to_a_whole() {
        assert_eq!(share(334, 1_000), "33.4 %");
        assert_eq!(share(99_999, 100_000), "99.9 %");
        assert_eq!(share(1, 100_000), "<0.1 %");
        assert_eq!((share(5, 5), share(0, 5), share(0, 0)), ("100 %".into(), "0 %".into(), "–".into()));
    }

    #[test]
    fn printed_shares_add_up() {
        assert_eq!(shares(&[1, 1, 1]), ["33.4 %", "33.3 %", "33.3 %"]);
        assert_eq!(shares(&[7, 0]), ["100 %", "0.0 %"]);
        assert_eq!(shares(&[1_000_000, 1]), ["100 %", "<0.1 %"]);
        assert_eq!(shares(&[0, 0]), ["–", "–"]);
    }

    #[test]
    fn small_costs_keep_two_digits() {
        assert_eq!([0.000_19, 0.0123, 2.5, 0.0].map(cost), ["$0.00019", "$0.012", "$2.50", "$0"]);
    }

    #[test]
    fn a_head_cuts_between_characters() {
        assert_eq!(head("äöü", 2), "äö…");
        assert_eq!(head("äö", 2), "äö");
    }
}
