//! Reads a date and a time of day at a place in a line, in the shapes that loggers write.
//!
//! Guarantees: looks at no more bytes than the time takes, and says where it ends; a date that does not exist is no time.
//! Never decides whether the time can be held.

/// A date and time as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Seconds since 1970 in UTC, or as if in UTC when no zone was written.
    pub(super) seconds: i64,
    pub(super) nanos: u32,
    pub(super) quantum_ns: u64,
    pub(super) naive: bool,
    /// Index behind the last byte.
    pub(super) end: usize,
}

const SECOND: u64 = 1_000_000_000;
const MONTHS: [&[u8; 3]; 12] = [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
const WEEKDAYS: [&[u8; 3]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];
/// Zone names whose offset is settled: RFC 2822's American ones, and those that mean one thing everywhere.
const ZONES: [(&[u8], i32); 15] = [
    (b"UTC", 0),
    (b"GMT", 0),
    (b"UT", 0),
    (b"EST", -5),
    (b"EDT", -4),
    (b"CST", -6),
    (b"CDT", -5),
    (b"MST", -7),
    (b"MDT", -6),
    (b"PST", -8),
    (b"PDT", -7),
    (b"CET", 1),
    (b"CEST", 2),
    (b"EEST", 3),
    (b"JST", 9),
];

/// The time that begins at `at`, if one does.
pub(super) fn scan(bytes: &[u8], at: usize) -> Option<Scanned> {
    let first = *bytes.get(at)?;
    let mut cursor = Cursor { bytes, at };
    if first.is_ascii_digit() {
        cursor.digit_first()
    } else if first.is_ascii_alphabetic() {
        cursor.letter_first()
    } else {
        None
    }
}

#[derive(Clone, Copy)]
struct Date {
    year: u32,
    month: u32,
    day: u32,
}

#[derive(Clone, Copy)]
struct Clock {
    seconds: u32,
    nanos: u32,
    quantum_ns: u64,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn spaces(&mut self) -> usize {
        let begin = self.at;
        while self.peek() == Some(b' ') && self.at - begin < 4 {
            self.at += 1;
        }
        self.at - begin
    }

    fn digits_ahead(&self) -> usize {
        self.bytes[self.at.min(self.bytes.len())..].iter().take(20).take_while(|b| b.is_ascii_digit()).count()
    }

    /// A number of `min` to `max` digits that ends there.
    fn number(&mut self, min: usize, max: usize) -> Option<u32> {
        let run = self.digits_ahead();
        if run < min || run > max {
            return None;
        }
        let value = self.bytes[self.at..self.at + run].iter().fold(0_u32, |sum, digit| sum.wrapping_mul(10).wrapping_add(u32::from(digit - b'0')));
        self.at += run;
        Some(value)
    }

    /// Exactly `count` digits, whatever follows.
    fn fixed(&mut self, count: usize) -> Option<u32> {
        let run = self.bytes.get(self.at..self.at + count)?;
        if !run.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.at += count;
        Some(run.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
    }

    /// A name from `names` by its first three letters, written short or in full.
    fn name(&mut self, names: &[&[u8; 3]]) -> Option<u32> {
        let head = self.bytes.get(self.at..self.at + 3)?;
        let index = names.iter().position(|name| head.eq_ignore_ascii_case(&name[..]))?;
        let rest = self.bytes[self.at + 3..].iter().take(7).take_while(|b| b.is_ascii_alphabetic()).count();
        self.at += 3 + rest;
        Some(index as u32 + 1)
    }

    fn digit_first(&mut self) -> Option<Scanned> {
        let begin = self.at;
        let run = self.digits_ahead();
        let next = self.peek_at(run);
        match (run, next) {
            (4, Some(b'-' | b'/' | b'.')) => {
                let date = self.year_first()?;
                self.date_time(date)
            }
            (8, Some(b'T' | b' ' | b'-' | b'_')) => self.compact(),
            (1 | 2, Some(b'/')) if self.peek_at(run + 1).is_some_and(|b| b.is_ascii_digit()) => self.slashed(),
            (1 | 2, Some(b'.')) => {
                let date = self.dotted()?;
                self.date_time(date)
            }
            (1 | 2, Some(b'/' | b' ' | b'-')) => {
                let date = self.day_month_year()?;
                self.date_time(date)
            }
            _ => {
                self.at = begin;
                None
            }
        }
    }

    /// `2026-11-23`, `2026/11/23`, `2026.11.23`
    fn year_first(&mut self) -> Option<Date> {
        let year = self.number(4, 4)?;
        let separator = self.peek()?;
        self.at += 1;
        let month = self.number(1, 2)?;
        self.eat(separator)?;
        let day = self.number(1, 2)?;
        Some(Date { year, month, day })
    }

    /// `20261123T094649Z`, `20261123 09:46:49.123456`
    fn compact(&mut self) -> Option<Scanned> {
        let date = Date { year: self.fixed(4)?, month: self.fixed(2)?, day: self.fixed(2)? };
        if self.digits_ahead() == 0 && matches!(self.bytes.get(self.at + 1..self.at + 7), Some(run) if run.iter().all(u8::is_ascii_digit)) {
            self.at += 1;
            let clock = clock(self.fixed(2)?, self.fixed(2)?, self.fixed(2)?)?;
            let clock = self.fraction(clock);
            return self.finish(date, clock);
        }
        self.date_time(date)
    }

    /// `23.11.2026`
    fn dotted(&mut self) -> Option<Date> {
        let day = self.number(1, 2)?;
        self.eat(b'.')?;
        let month = self.number(1, 2)?;
        self.eat(b'.')?;
        Some(Date { day, month, year: self.number(4, 4)? })
    }

    /// `23/Nov/2026`, `23-Nov-2026`, `23 Nov 2026`, `23-Nov-26`
    fn day_month_year(&mut self) -> Option<Date> {
        let day = self.number(1, 2)?;
        let separator = self.peek()?;
        self.at += 1;
        let month = self.name(&MONTHS)?;
        self.eat(separator)?;
        let year = match self.digits_ahead() {
            2 if separator == b'-' => 2000 + self.number(2, 2)?,
            _ => self.number(4, 4)?,
        };
        Some(Date { year, month, day })
    }

    /// `11/23/2026, 9:46:49 AM`; without AM or PM only when one of the two numbers can be nothing but a day.
    fn slashed(&mut self) -> Option<Scanned> {
        let first = self.number(1, 2)?;
        self.eat(b'/')?;
        let second = self.number(1, 2)?;
        self.eat(b'/')?;
        let year = self.number(4, 4)?;
        if self.eat(b',').is_some() {
            self.spaces();
        } else if self.spaces() == 0 {
            self.eat(b'T')?;
        }
        let (clock, half_day) = self.clock()?;
        let (month, day) = if half_day || second > 12 {
            (first, second)
        } else if first > 12 {
            (second, first)
        } else {
            return None;
        };
        self.finish(Date { year, month, day }, clock)
    }

    /// Weekday or month first: asctime, RFC 2822, JavaScript's Date, java.util.logging.
    fn letter_first(&mut self) -> Option<Scanned> {
        if self.name(&WEEKDAYS).is_some() {
            self.eat(b',');
            if self.spaces() == 0 {
                return None;
            }
            if self.peek()?.is_ascii_digit() {
                let date = self.day_month_year()?;
                return self.date_time(date);
            }
        }
        let month = self.name(&MONTHS)?;
        self.eat(b'.');
        if self.spaces() == 0 {
            return None;
        }
        let day = self.number(1, 2)?;
        self.eat(b',');
        if self.spaces() == 0 {
            return None;
        }
        if self.digits_ahead() == 4 {
            let year = self.number(4, 4)?;
            self.eat(b',');
            return self.date_time(Date { year, month, day });
        }
        self.year_last(month, day)
    }

    /// `09:46:49 2026`, `09:46:49 UTC 2026` behind `Mon Nov 23 `
    fn year_last(&mut self, month: u32, day: u32) -> Option<Scanned> {
        let (clock, _) = self.clock()?;
        let zone = self.zone();
        if self.spaces() == 0 {
            return None;
        }
        let year = self.number(4, 4)?;
        let mut scanned = self.finish(Date { year, month, day }, clock)?;
        if let (Some(offset), true) = (zone, scanned.naive) {
            scanned.seconds -= i64::from(offset);
            scanned.naive = false;
        }
        Some(scanned)
    }

    fn date_time(&mut self, date: Date) -> Option<Scanned> {
        match self.peek()? {
            b'T' | b't' | b'_' | b':' | b'-' => self.at += 1,
            b' ' => {
                self.spaces();
                // gin writes `2026/11/23 - 09:46:49`.
                if self.peek() == Some(b'-') && self.peek_at(1) == Some(b' ') {
                    self.at += 2;
                }
            }
            _ => return None,
        }
        let (clock, _) = self.clock()?;
        self.finish(date, clock)
    }

    /// `9:46`, `09:46:49`, `09:46:49.123`, `9:46:49 AM`; true: AM or PM was written.
    fn clock(&mut self) -> Option<(Clock, bool)> {
        let mut hour = self.number(1, 2)?;
        self.eat(b':')?;
        let minute = self.number(2, 2)?;
        let with_seconds = self.peek() == Some(b':') && self.peek_at(1).is_some_and(|b| b.is_ascii_digit());
        let second = if with_seconds {
            self.at += 1;
            self.number(2, 2)?
        } else {
            0
        };
        let end = self.at;
        let mut read = clock(hour, minute, second)?;
        read.quantum_ns = if with_seconds { SECOND } else { 60 * SECOND };
        if with_seconds {
            read = self.fraction(read);
        }
        if let Some(afternoon) = self.half_day() {
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour = hour % 12 + if afternoon { 12 } else { 0 };
            read.seconds = hour * 3600 + minute * 60 + second;
            return Some((read, true));
        }
        if self.at < end {
            return None;
        }
        Some((read, false))
    }

    fn fraction(&mut self, mut clock: Clock) -> Clock {
        let run = match self.peek() {
            Some(b'.' | b',') => {
                self.at += 1;
                self.digits_ahead()
            }
            Some(b':') => {
                self.at += 1;
                if self.digits_ahead() == 3 { 3 } else { 0 }
            }
            _ => return clock,
        };
        if run == 0 {
            self.at -= 1;
            return clock;
        }
        let (mut nanos, mut worth) = (0, SECOND as u32);
        for digit in &self.bytes[self.at..self.at + run.min(9)] {
            worth /= 10;
            nanos += u32::from(digit - b'0') * worth;
        }
        self.at += run;
        clock.nanos = nanos;
        clock.quantum_ns = u64::from(worth.max(1));
        clock
    }

    /// `AM`, ` PM`, with a space or the narrow no-break space newer JavaScript engines write.
    fn half_day(&mut self) -> Option<bool> {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        let skip = if rest.first() == Some(&b' ') {
            1
        } else if rest.starts_with("\u{202f}".as_bytes()) {
            3
        } else {
            0
        };
        let word = rest.get(skip..skip + 2)?;
        if rest.get(skip + 2).is_some_and(u8::is_ascii_alphanumeric) || !word[1].eq_ignore_ascii_case(&b'm') {
            return None;
        }
        let afternoon = match word[0].to_ascii_lowercase() {
            b'a' => false,
            b'p' => true,
            _ => return None,
        };
        self.at += skip + 2;
        Some(afternoon)
    }

    /// Offset from UTC in seconds, when a zone is written here.
    fn zone(&mut self) -> Option<i32> {
        if matches!(self.peek(), Some(b'Z' | b'z')) && !self.peek_at(1).is_some_and(|b| b.is_ascii_alphanumeric()) {
            self.at += 1;
            return Some(0);
        }
        if let Some(offset) = self.offset(false) {
            self.zone_trailers();
            return Some(offset);
        }
        let begin = self.at;
        if self.eat(b' ').is_some()
            && let Some(offset) = self.offset(true)
        {
            self.zone_trailers();
            return Some(offset);
        }
        if let Some(hours) = self.zone_name() {
            let offset = self.offset(false).unwrap_or(hours * 3600);
            self.zone_trailers();
            return Some(offset);
        }
        self.at = begin;
        None
    }

    /// `+01:00`, `+0100`, `+01`; the short form only where it touches the time.
    fn offset(&mut self, apart: bool) -> Option<i32> {
        let begin = self.at;
        let sign = match self.peek()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.at += 1;
        let read = match (self.digits_ahead(), self.peek_at(2)) {
            (2, Some(b':')) if self.bytes.get(self.at + 3..self.at + 5).is_some_and(|mm| mm.iter().all(u8::is_ascii_digit)) => {
                let hours = self.fixed(2);
                self.at += 1;
                hours.zip(self.fixed(2))
            }
            (4, _) => self.fixed(2).zip(self.fixed(2)),
            (2, _) if !apart => self.fixed(2).zip(Some(0)),
            _ => None,
        };
        match read {
            Some((hours, minutes)) if hours <= 15 && minutes < 60 && !self.peek().is_some_and(|b| b.is_ascii_digit()) => Some(sign * (hours * 3600 + minutes * 60) as i32),
            _ => {
                self.at = begin;
                None
            }
        }
    }

    fn zone_name(&mut self) -> Option<i32> {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        let run = rest.iter().take(6).take_while(|b| b.is_ascii_uppercase()).count();
        if rest.get(run).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
            return None;
        }
        let (_, hours) = ZONES.iter().find(|(name, _)| *name == &rest[..run])?;
        self.at += run;
        Some(*hours)
    }

    /// What may follow an offset and says nothing new: Go's ` UTC m=+0.01`, Java's `[Europe/Paris]`, JavaScript's ` (Central …)`.
    fn zone_trailers(&mut self) {
        let begin = self.at;
        if self.eat(b' ').is_some() && self.zone_name().is_none() {
            self.at = begin;
        }
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        let window = &rest[..rest.len().min(64)];
        let close = if window.starts_with(b"[") && window.iter().take_while(|b| **b != b']').any(|b| *b == b'/') {
            window.iter().position(|b| *b == b']')
        } else if window.starts_with(b" (") && window.get(2).is_some_and(u8::is_ascii_uppercase) {
            window.iter().position(|b| *b == b')')
        } else {
            None
        };
        if let Some(close) = close {
            self.at += close + 1;
        } else if window.starts_with(b" m=+") || window.starts_with(b" m=-") {
            self.at += 4 + window[4..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
        }
    }

    fn finish(&mut self, date: Date, clock: Clock) -> Option<Scanned> {
        let days = days_since_1970(date)?;
        let zone = self.zone();
        // A digit or letter that touches the time means that it was something else.
        if self.peek().is_some_and(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        let seconds = days * 86_400 + i64::from(clock.seconds) - i64::from(zone.unwrap_or(0));
        Some(Scanned { seconds, nanos: clock.nanos, quantum_ns: clock.quantum_ns, naive: zone.is_none(), end: self.at })
    }
}

/// A leap second (60) is the first of the next minute.
fn clock(hour: u32, minute: u32, second: u32) -> Option<Clock> {
    (hour < 24 && minute < 60 && second <= 60).then_some(Clock { seconds: hour * 3600 + minute * 60 + second, nanos: 0, quantum_ns: SECOND })
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant's `days_from_civil`).
fn days_since_1970(date: Date) -> Option<i64> {
    let leap = (date.year.is_multiple_of(4) && !date.year.is_multiple_of(100)) || date.year.is_multiple_of(400);
    let longest = match date.month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    if date.day == 0 || date.day > longest {
        return None;
    }
    let year = i64::from(date.year) - i64::from(date.month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month = i64::from((date.month + 9) % 12);
    let day_of_year = (153 * month + 2) / 5 + i64::from(date.day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}
