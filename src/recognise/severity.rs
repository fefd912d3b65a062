//! Severity words and numbers, from every logger family, onto OpenTelemetry's six ranges.
//!
//! Guarantees: an unknown word or number is `None`, never a guess. Never looks at anything but the value itself.

use crate::model::entry::Severity;

/// Longest word understood: `information`, with room for a slog offset.
const MAX_WORD: usize = 16;

/// Numbers that different loggers count severities with in opposite directions.
pub const SMALL: std::ops::RangeInclusive<i64> = 0..=7;

/// Numeric scales; which one a source uses is a matter of its convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// pino and bunyan: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal; values between count as the step below.
    Pino,
    /// Python's logging: 10 debug, 20 info, 30 warning, 40 error, 50 critical (loguru: 5 trace, 25 success).
    Python,
    /// Syslog priorities: 0 emergency to 7 debug.
    Syslog,
    /// OpenTelemetry's severity number: 1 to 24.
    Otel,
    /// Go's slog: −4 debug, 0 info, 4 warn, 8 error, and offsets from them.
    Slog,
    /// Monolog: 100 debug, 200 info, 250 notice, 300 warning, 400 error, 500 critical, 550 alert, 600 emergency.
    Monolog,
    /// A scale of [`SMALL`] numbers that a source taught by the words beside them.
    Taught([Option<Severity>; 8]),
}

impl Scale {
    /// A scale by its name in the tables.
    pub fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "pino" => Self::Pino,
            "python" => Self::Python,
            "syslog" => Self::Syslog,
            "otel" => Self::Otel,
            "slog" => Self::Slog,
            "monolog" => Self::Monolog,
            pairs => return Self::taught(pairs),
        })
    }

    /// `1=warn 3=info 4=debug`.
    fn taught(pairs: &str) -> Option<Self> {
        let mut known = [None; 8];
        for pair in pairs.split(' ') {
            let (number, word) = pair.split_once('=')?;
            *known.get_mut(number.parse::<usize>().ok()?)? = Some(of_word(word)?);
        }
        Some(Self::Taught(known))
    }

    /// A scale that was taught says nothing of numbers beyond.
    pub fn covers(self, number: i64) -> bool {
        !matches!(self, Self::Taught(_)) || SMALL.contains(&number)
    }
}

/// A severity word, whatever its case: `WARNING`, `ERRO`, `dpanic`, `W`, `ERROR+4`. Surrounding space and `[]<>` are allowed.
pub fn of_word(word: &str) -> Option<Severity> {
    let word = word.trim_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '[' | ']' | '<' | '>' | ':'));
    if word.is_empty() || word.len() > MAX_WORD {
        return None;
    }
    let mut lower = [0_u8; MAX_WORD];
    let lower = &mut lower[..word.len()];
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    if let Some(severity) = of_lower(lower) {
        return Some(severity);
    }
    of_offset(lower)
}

fn of_lower(word: &[u8]) -> Option<Severity> {
    Some(match word {
        b"trace" | b"trce" | b"trc" | b"finest" | b"finer" | b"silly" | b"verbose" | b"verb" | b"vrb" | b"v" | b"t" => Severity::Trace,
        b"debug" | b"debg" | b"dbg" | b"dbug" | b"fine" | b"d" => Severity::Debug,
        b"info" | b"inf" | b"information" | b"informational" | b"notice" | b"note" | b"log" | b"i" | b"n" | b"default" | b"success" | b"config" | b"http" | b"system" => {
            Severity::Info
        }
        b"warn" | b"warning" | b"wrn" | b"warnings" | b"w" => Severity::Warn,
        b"error" | b"err" | b"erro" | b"eror" | b"errors" | b"severe" | b"failure" | b"e" => Severity::Error,
        b"fatal" | b"ftl" | b"critical" | b"crit" | b"crt" | b"alert" | b"emerg" | b"emergency" | b"panic" | b"pnc" | b"dpanic" | b"f" | b"c" => Severity::Fatal,
        _ => return None,
    })
}

/// slog's `ERROR+4`, `DEBUG-4`; OpenTelemetry's short texts `INFO2`, `ERROR4`.
fn of_offset(word: &[u8]) -> Option<Severity> {
    let at = word.iter().position(|b| !b.is_ascii_alphabetic())?;
    let (name, offset) = word.split_at(at);
    // Levels of detail of debug output: MongoDB's `D1` to `D5`.
    if let ([b'd'], [b'1'..=b'9']) = (name, offset) {
        return Some(Severity::Debug);
    }
    let (sign, digits) = match offset.first()? {
        b'+' => (1, &offset[1..]),
        b'-' => (-1, &offset[1..]),
        b'1'..=b'4' if offset.len() == 1 && name.len() > 3 => return of_lower(name),
        _ => return None,
    };
    if digits.is_empty() || digits.len() > 4 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let base = match name {
        b"debug" => -4,
        b"info" => 0,
        b"warn" => 4,
        b"error" => 8,
        _ => return None,
    };
    of_number(base + sign * value, Scale::Slog)
}

/// A severity in a text where it stands bare between other words: only words that are hardly ever prose.
pub(super) fn of_bare_word(word: &str) -> Option<Severity> {
    let prose = ["http", "config", "system", "success", "failure", "default", "errors", "warnings", "note", "fine", "finer", "finest", "log", "verb", "silly"];
    let is_prose = word.len() < 2 || prose.iter().any(|known| known.eq_ignore_ascii_case(word));
    if is_prose { None } else { of_word(word) }
}

/// A number on a known scale; `None` outside of it.
pub fn of_number(number: i64, scale: Scale) -> Option<Severity> {
    use Severity::{Debug, Error, Fatal, Info, Trace, Warn};
    if let Scale::Taught(known) = scale {
        return between(known, usize::try_from(number).ok()?);
    }
    Some(match (scale, number) {
        (Scale::Pino, 1..=19) | (Scale::Python, 1..=9) | (Scale::Otel, 1..=4) | (Scale::Slog, -100..=-5) => Trace,
        (Scale::Pino, 20..=29) | (Scale::Python, 10..=19) | (Scale::Otel, 5..=8) | (Scale::Slog, -4..=-1) | (Scale::Syslog, 7) | (Scale::Monolog, 100..=199) => Debug,
        (Scale::Pino, 30..=39) | (Scale::Python, 20..=29) | (Scale::Otel, 9..=12) | (Scale::Slog, 0..=3) | (Scale::Syslog, 5..=6) | (Scale::Monolog, 200..=299) => Info,
        (Scale::Pino, 40..=49) | (Scale::Python, 30..=39) | (Scale::Otel, 13..=16) | (Scale::Slog, 4..=7) | (Scale::Syslog, 4) | (Scale::Monolog, 300..=399) => Warn,
        (Scale::Pino, 50..=59) | (Scale::Python, 40..=49) | (Scale::Otel, 17..=20) | (Scale::Slog, 8..=11) | (Scale::Syslog, 3) | (Scale::Monolog, 400..=499) => Error,
        (Scale::Pino, 60..=100) | (Scale::Python, 50..=100) | (Scale::Otel, 21..=24) | (Scale::Slog, 12..=100) | (Scale::Syslog, 0..=2) | (Scale::Monolog, 500..=600) => Fatal,
        _ => return None,
    })
}

/// A number that was not seen with a word is the milder of those around it; beyond them nothing is known.
fn between(known: [Option<Severity>; 8], number: usize) -> Option<Severity> {
    let here = *known.get(number)?;
    here.or_else(|| {
        let (below, above) = (known[..number].iter().rev().flatten().next()?, known[number..].iter().flatten().next()?);
        Some(*below.min(above))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_all_families() {
        use Severity::{Debug, Error, Fatal, Info, Trace, Warn};
        let families: [(Severity, &[&str]); 6] = [
            (Trace, &["trace", "TRCE", "VERBOSE", "silly", "finest", "DEBUG-4", "trc"]),
            (Debug, &["D1", "D5", "debug", "DEBG", "D", "DEBUG+1", "dbg", "Debug"]),
            (Info, &["info", "NOTICE", "log", "Information", "INFO+2", "I", "INFO2", "[info]", "DEFAULT", " INFO "]),
            (Warn, &["warn", "WARNING", "W", "INFO+4", "wrn"]),
            (Error, &["error", "ERRO", "err", "severe", "E", "WARN+4", "ERROR+2"]),
            (Fatal, &["fatal", "critical", "CRIT", "alert", "emerg", "panic", "dpanic", "ERROR+4", "EMERGENCY"]),
        ];
        for (severity, words) in families {
            for word in words {
                assert_eq!(of_word(word), Some(severity), "{word}");
            }
        }
    }

    #[test]
    fn unknown_words_are_no_severity() {
        for word in ["", "ANY", "ok", "level", "INFO+", "INFO+x", "WARNING!!", "a very long word indeed", "200", "é", "INFO-12345"] {
            assert_eq!(of_word(word), None, "{word}");
        }
    }

    #[test]
    fn a_scale_that_words_taught_says_what_lies_between_them_and_nothing_beyond() {
        let scale = Scale::of_word("0=error 1=warn 3=info 5=trace").unwrap();
        let read: Vec<_> = (0..8).map(|n| of_number(n, scale)).collect();
        use Severity::{Error, Info, Trace, Warn};
        assert_eq!(read, [Some(Error), Some(Warn), Some(Info), Some(Info), Some(Trace), Some(Trace), None, None]);
        assert!(!scale.covers(30) && of_number(30, scale).is_none());
        assert_eq!((Scale::of_word("0=loud"), Scale::of_word("9=info"), Scale::of_word("")), (None, None, None));
    }

    #[test]
    fn numbers_by_scale() {
        assert_eq!(of_number(35, Scale::Pino), Some(Severity::Info));
        assert_eq!(of_number(30, Scale::Python), Some(Severity::Warn));
        assert_eq!(of_number(3, Scale::Syslog), Some(Severity::Error));
        assert_eq!(of_number(17, Scale::Otel), Some(Severity::Error));
        assert_eq!(of_number(-8, Scale::Slog), Some(Severity::Trace));
        assert_eq!(of_number(550, Scale::Monolog), Some(Severity::Fatal));
        assert_eq!(of_number(8, Scale::Syslog), None);
        assert_eq!(of_number(0, Scale::Otel), None, "unspecified");
    }
}
