//! The general head of a text line: time, severity, thread, logger and caller in whatever order and punctuation, then the message.
//!
//! Guarantees: what is not understood stays in the message; without a time, a clock or a severity the whole line is the message.
//! Looks at a bounded head of the line. Never takes lower-case prose for a severity that must be cut off.

use super::known::is_caller;
use super::{TextRecord, middle, pairs};
use crate::model::entry::Severity;
use crate::recognise::{instant, severity};
use std::borrow::Cow;

/// Parts of a head, at most.
const MAX_PARTS: usize = 16;
/// How far from the time the severity stands.
const ANCHOR_WITHIN: usize = 160;
/// Longest logger name.
const MAX_NAME: usize = 80;

struct Head<'a> {
    text: &'a str,
    at: usize,
    record: TextRecord<'a>,
    /// A date or a time of day was seen, even one that makes no instant.
    timed: bool,
    /// A bracketed word in front of everything: an application's or a component's name.
    tag: Option<&'a str>,
}

pub(super) fn read(line: &str) -> TextRecord<'_> {
    let mut head = Head { text: line, at: 0, record: TextRecord::of(line), timed: false, tag: None };
    head.leading();
    if head.timed && head.record.severity.is_none() {
        head.anchor();
    }
    if head.record.severity.is_some() {
        head.trailing();
    }
    if !head.timed && head.record.severity.is_none() {
        return TextRecord::of(line);
    }
    head.worker();
    head.record.logger = head.record.logger.or(head.tag.map(Cow::Borrowed));
    head.record.message = Cow::Borrowed(head.text[head.at..].trim_start_matches([' ', '\t']));
    head.record
}

impl<'a> Head<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn skip_space(&mut self) {
        self.at += self.rest().bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
    }

    /// Space and the marks that stand alone between the parts of a head: ` - `, ` | `, ` -- `, `: `.
    fn skip_separators(&mut self) {
        loop {
            self.skip_space();
            let marks = self.rest().bytes().take(4).take_while(|b| matches!(b, b'-' | b'|' | b':' | b',' | b';')).count();
            let stands_alone = marks > 0 && matches!(self.byte(marks), None | Some(b' ' | b'\t' | b'['));
            if !stands_alone || self.at == 0 {
                return;
            }
            self.at += marks;
        }
    }

    /// Parts in any order, until the severity or something else.
    fn leading(&mut self) {
        for _ in 0..MAX_PARTS {
            self.skip_separators();
            let taken = self.bracket() || self.time() || self.clock() || self.process();
            if !taken {
                break;
            }
        }
        self.severity();
    }

    fn bracket(&mut self) -> bool {
        let rest = self.rest();
        let Some(close) = middle::closing(rest) else { return false };
        let (had_time, had_severity) = (self.record.time.is_some(), self.record.severity.is_some());
        if !had_time && !had_severity && self.tag.is_none() && self.at == 0 && is_tag(&rest[1..close]) {
            self.tag = Some(&rest[1..close]);
            self.at += close + 1;
            return true;
        }
        if had_severity && had_time && !rest.starts_with('[') && !rest.starts_with('(') {
            return false;
        }
        if !middle::bracket(&mut self.record, &rest[1..close]) {
            if !had_time && self.bracketed_clock(&rest[1..close]) {
                self.at += close + 1;
                return true;
            }
            return false;
        }
        self.timed |= self.record.time.is_some();
        self.at += close + 1;
        true
    }

    fn bracketed_clock(&mut self, inner: &str) -> bool {
        let whole = clock_length(inner.as_bytes()) == Some(inner.len());
        self.timed |= whole;
        whole
    }

    fn time(&mut self) -> bool {
        if self.timed {
            return false;
        }
        if let Some((time, end)) = instant::at_with_end(self.text.as_bytes(), self.at) {
            self.record.time = time;
            self.at = end;
            self.timed = true;
            return true;
        }
        if self.at == 0
            && let Some((time, range)) = instant::find(self.text).filter(|(_, range)| range.start == 0)
        {
            self.record.time = Some(time);
            self.at = range.end;
            self.timed = true;
            return true;
        }
        false
    }

    /// A time of day, or a date without a year: they say that a head stands here.
    fn clock(&mut self) -> bool {
        if self.timed {
            return false;
        }
        let Some(length) = clock_length(self.rest().as_bytes()) else { return false };
        self.at += length;
        self.timed = true;
        true
    }

    /// A process number between other parts.
    fn process(&mut self) -> bool {
        let digits = self.rest().bytes().take(8).take_while(u8::is_ascii_digit).count();
        let behind = self.rest()[digits..].trim_start();
        let in_head = self.timed && (behind.starts_with(['[', '-']) || self.upcoming_severity(digits)) || self.tag.is_some() && behind.starts_with("- ");
        if digits == 0 || !matches!(self.byte(digits), Some(b' ' | b'\t')) || !in_head {
            return false;
        }
        self.record.set_context("pid", &self.rest()[..digits]);
        self.at += digits;
        true
    }

    fn upcoming_severity(&self, skip: usize) -> bool {
        let word = self.rest()[skip..].trim_start();
        let end = word.bytes().take_while(u8::is_ascii_uppercase).count();
        severity::of_bare_word(&word[..end]).is_some()
    }

    /// A severity word right here.
    fn severity(&mut self) {
        if self.record.severity.is_some() {
            return;
        }
        let rest = self.rest();
        let Some((level, length)) = level_at(rest, self.timed) else { return };
        self.record.severity = Some(level);
        if is_cut_off(rest, length, self.timed) {
            self.at += length;
        }
    }

    /// Finds the severity a little further on: behind a logger, a thread, pairs.
    fn anchor(&mut self) {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let window = bytes.len().min(ANCHOR_WITHIN);
        let mut at = 0;
        let mut words = 0;
        while at < window && words < 12 {
            if !bytes[at].is_ascii_alphabetic() {
                at += 1;
                continue;
            }
            let run = bytes[at..].iter().take_while(|b| b.is_ascii_alphabetic()).count();
            words += usize::from(at == 0 || bytes[at - 1].is_ascii_whitespace());
            if let Some(level) = anchored(bytes, at, run, &rest[at..at + run]) {
                let wall = at > 0 && matches!(bytes[at - 1], b'|' | b':' | b'[' | b'\t' | b'.' | b'<')
                    || rest[..at].ends_with("- ")
                    || rest[..at].ends_with("  ")
                    || rest[..at].ends_with("| ");
                let before = rest[..at].trim_end_matches(['[', '<', '.']);
                let behind = at + run + usize::from(matches!(bytes[at - usize::from(at > 0)], b'[' | b'<'));
                if middle::between(&mut self.record, before, wall) {
                    self.record.severity = Some(level);
                    self.at += behind.min(rest.len());
                }
                return;
            }
            at += run;
        }
    }

    /// Behind the severity: `:logger:`, threads, spans, caller, logger.
    fn trailing(&mut self) {
        if self.record.logger.is_none() && self.colon_logger() {
            return;
        }
        if self.byte(0) == Some(b':') {
            self.at += 1;
        }
        for _ in 0..MAX_PARTS {
            let separated = self.at;
            self.skip_separators();
            if self.byte(0) == Some(b'[') && self.early_bracket() || self.time() || self.clock() || self.process() || self.caller() || self.spans() || self.logger() {
                continue;
            }
            if self.byte(0).is_some_and(|b| matches!(b, b'(' | b'<')) {
                self.at = separated;
            }
            break;
        }
        self.skip_space();
    }

    /// `worker-2 begin …`: a worker's name with its number where a sentence begins is who speaks. It stays in the text.
    fn worker(&mut self) {
        let first = self.rest().split(' ').next().unwrap_or_default();
        let Some((name, number)) = first.rsplit_once('-') else { return };
        let is_name = ["worker", "thread", "consumer", "executor", "runner"].iter().any(|noun| name.to_ascii_lowercase().ends_with(noun));
        if self.timed && is_name && (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()) && self.rest().len() > first.len() + 1 {
            self.record.set_context("worker", first);
        }
    }

    /// A bracket behind the severity is part of the head only while it names a thread, a logger or ids.
    fn early_bracket(&mut self) -> bool {
        let close = middle::closing(self.rest());
        let inner = close.map_or("", |close| &self.rest()[1..close]);
        // `[NestFactory] text`: a class is the logger.
        if self.record.logger.is_none() && self.tag.is_some() && inner.starts_with(|c: char| c.is_ascii_uppercase()) && !inner.contains(' ') {
            self.record.logger = Some(Cow::Borrowed(inner));
            self.at += close.unwrap_or(0) + 1;
            return true;
        }
        self.bracket()
    }

    /// `WARNING:helpdesk.limits:text`, `ERROR:LiteLLM Router:text`.
    fn colon_logger(&mut self) -> bool {
        let Some(rest) = self.rest().strip_prefix(':') else { return false };
        let Some(end) = rest.as_bytes().iter().take(MAX_NAME).position(|b| *b == b':') else { return false };
        let name = &rest[..end];
        if name.is_empty() || name.starts_with(' ') || name.contains(['"', '\'', '{', '=', '(']) {
            return false;
        }
        self.record.logger = Some(Cow::Borrowed(name));
        self.at += end + 2;
        true
    }

    /// `main.go:42: `, `router.py:7881 - `.
    fn caller(&mut self) -> bool {
        let rest = self.rest();
        let end = rest.bytes().take(MAX_NAME).position(|b| matches!(b, b' ' | b'\t' | b']')).unwrap_or(rest.len().min(MAX_NAME));
        let Some(word) = rest.get(..end).map(|word| word.trim_end_matches(':')).filter(|word| is_caller(word)) else { return false };
        self.record.push("caller", word);
        self.at += word.len();
        self.at += usize::from(self.byte(0) == Some(b':'));
        true
    }

    /// Rust's spans: `request{method=GET uri=/x}:inner{id=1}: `.
    fn spans(&mut self) -> bool {
        let mut at = self.at;
        let bytes = self.text.as_bytes();
        let mut found = Vec::new();
        loop {
            let name = bytes[at..].iter().take(MAX_NAME).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b':' | b'.')).count();
            if name == 0 || bytes.get(at + name) != Some(&b'{') {
                break;
            }
            let open = at + name + 1;
            let Some(close) = memchr::memmem::find(&bytes[open..bytes.len().min(open + 2048)], b"}:") else { break };
            found.push(&self.text[open..open + close]);
            at = open + close + 2;
        }
        if found.is_empty() {
            return false;
        }
        for inner in found {
            pairs::scan(inner, |key, value| self.record.push_pair(Cow::Borrowed(key), value));
        }
        self.at = at;
        true
    }

    /// `com.foo.Bar - `, `c.f.Bar   : `, `app::module: `, `in app: `, `__main__:write:62 - `, `name | `.
    fn logger(&mut self) -> bool {
        if self.record.logger.is_some() {
            return false;
        }
        let skip = if self.rest().starts_with("in ") { 3 } else { 0 };
        let rest = &self.rest()[skip..];
        let end = rest.bytes().take(MAX_NAME).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'/' | b'-' | b'$' | b'@' | b'<' | b'>' | b'*')).count();
        let token = &rest[..end];
        let name = token.trim_end_matches(':');
        let behind = &rest[end..];
        let pad = behind.bytes().take_while(|b| *b == b' ').count();
        let mark = behind.as_bytes().get(pad).copied();
        let walled = pad > 0 && matches!(mark, Some(b'-' | b'|' | b':')) && matches!(behind.as_bytes().get(pad + 1), Some(b' ' | b'-')) || mark == Some(b'\t');
        let colon = token.len() == name.len() + 1 && (pad > 0 || behind.is_empty());
        if name.is_empty() || name.as_bytes()[0].is_ascii_digit() || !(walled || (colon && (skip > 0 || is_logger_name(name)))) {
            return false;
        }
        self.record.logger = Some(Cow::Borrowed(module_of(name)));
        self.at += skip + end;
        true
    }
}

/// A word of letters that is neither a severity nor a time.
fn is_tag(inner: &str) -> bool {
    (1..=40).contains(&inner.len())
        && inner.as_bytes()[0].is_ascii_alphabetic()
        && inner.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && severity::of_word(inner).is_none()
}

/// `module:function:line` is the module.
fn module_of(name: &str) -> &str {
    let mut parts = name.rsplitn(3, ':');
    let is_line = parts.next().is_some_and(|line| !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit()));
    match (is_line, parts.next(), parts.next()) {
        (true, Some(function), Some(module)) if !function.is_empty() && !module.is_empty() => module,
        _ => name,
    }
}

/// A name with structure, or a plain lower-case word that prose rarely puts before a colon.
fn is_logger_name(name: &str) -> bool {
    const PROSE: [&str; 28] = [
        "retry",
        "failed",
        "failure",
        "error",
        "warning",
        "request",
        "response",
        "task",
        "job",
        "exception",
        "timeout",
        "reason",
        "result",
        "received",
        "status",
        "note",
        "http",
        "https",
        "done",
        "completed",
        "duration",
        "query",
        "message",
        "user",
        "cause",
        "usage",
        "hint",
        "caused",
    ];
    if name.contains("://") || name.contains('=') {
        return false;
    }
    let structured = name.contains(['.', '_']) || name.contains("::") || (name.contains('-') && name.bytes().all(|b| !b.is_ascii_digit()));
    structured || (name.len() > 2 && name.bytes().all(|b| b.is_ascii_lowercase()) && !PROSE.contains(&name))
}

/// A severity word at the head of `rest`, and its length with an offset.
fn level_at(rest: &str, timed: bool) -> Option<(Severity, usize)> {
    let letters = rest.bytes().take(14).take_while(u8::is_ascii_alphabetic).count();
    let mut length = letters;
    if matches!(rest.as_bytes().get(letters), Some(b'+' | b'-')) {
        let digits = rest.as_bytes()[letters + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        if (1..=3).contains(&digits) && severity::of_word(&rest[..letters + 1 + digits]).is_some() {
            length = letters + 1 + digits;
        }
    }
    let word = &rest[..length];
    let next = rest.as_bytes().get(length).copied();
    let marked = matches!(next, Some(b':' | b'|' | b'/' | b']' | b'\t' | b'['));
    let shouted = word.len() > 1 && word.bytes().all(|b| !b.is_ascii_lowercase());
    let ends = next.is_none_or(|b| matches!(b, b' ' | b':' | b'|' | b'/' | b']' | b'\t' | b'[' | b',' | b'-' | b'('));
    if !ends {
        return None;
    }
    let level = if word.len() == 1 {
        let alone = timed && matches!(word, "I" | "W" | "E" | "D" | "F" | "T") && matches!(next, Some(b' ' | b'\t' | b'|' | b':'));
        if alone { severity::of_word(word) } else { None }
    } else if (marked && ["log", "http", "silly"].iter().any(|known| known.eq_ignore_ascii_case(word))) || (shouted && timed) {
        severity::of_word(word)
    } else if marked || shouted {
        severity::of_bare_word(word)
    } else if timed && word.bytes().all(|b| b.is_ascii_lowercase()) {
        severity::of_bare_word(word).filter(|_| !matches!(word, "trace" | "alert" | "panic" | "notice"))
    } else {
        None
    };
    level.map(|level| (level, length))
}

/// The severity is a mark of its own and no part of the sentence.
fn is_cut_off(rest: &str, length: usize, timed: bool) -> bool {
    let word = &rest.as_bytes()[..length];
    let shouted = word.iter().all(|b| !b.is_ascii_lowercase());
    let behind = &rest.as_bytes()[length..];
    let padded = behind.starts_with(b"  ") || behind.starts_with(b"\t") || behind.starts_with(b" |") || behind.starts_with(b" -");
    let title = word[0].is_ascii_uppercase();
    shouted || padded || (!title || timed) && behind.first().is_some_and(|b| matches!(b, b':' | b'|' | b'/' | b']' | b'['))
}

/// A word inside a head that is a severity: upper case between separators, or any case in brackets.
fn anchored(bytes: &[u8], at: usize, run: usize, word: &str) -> Option<Severity> {
    let before = at.checked_sub(1).map_or(b' ', |before| bytes[before]);
    let behind = bytes.get(at + run).copied().unwrap_or(b' ');
    let bracketed = matches!((before, behind), (b'[', b']') | (b'<', b'>') | (b'|', b'|'));
    if bracketed {
        return severity::of_word(word).filter(|_| run > 1);
    }
    let shouted = run > 2 && word.bytes().all(|b| b.is_ascii_uppercase());
    let apart = matches!(before, b' ' | b':' | b'|' | b'\t' | b'.' | b'[') && matches!(behind, b' ' | b':' | b'|' | b'\t' | b']');
    if shouted && apart { severity::of_bare_word(word).or_else(|| if word == "LOG" { Some(Severity::Info) } else { None }) } else { None }
}

/// Length of `09:46:53`, `09:46:53,123`, `9:46AM`, `Nov 23 09:46:49`, `11-23 09:46:49.123` at the head.
fn clock_length(bytes: &[u8]) -> Option<usize> {
    const MONTHS: [&[u8]; 12] = [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let digits = |from: usize| bytes.get(from..).map_or(0, |rest| rest.iter().take(10).take_while(|b| b.is_ascii_digit()).count());
    let mut at = 0;
    if MONTHS.iter().any(|month| bytes.starts_with(month)) {
        at = 3 + bytes[3..].iter().take(2).take_while(|b| **b == b' ').count();
        at += digits(at);
        if bytes.get(at) != Some(&b' ') {
            return None;
        }
        at += 1;
    } else if digits(0) == 2 && matches!(bytes.get(2), Some(b'-')) && digits(3) == 2 && bytes.get(5) == Some(&b' ') {
        at = 6;
    }
    let hours = digits(at);
    if !(1..=2).contains(&hours) || bytes.get(at + hours) != Some(&b':') || digits(at + hours + 1) != 2 {
        return None;
    }
    at += hours + 3;
    if bytes.get(at) == Some(&b':') && digits(at + 1) == 2 {
        at += 3;
        if matches!(bytes.get(at), Some(b'.' | b',')) && digits(at + 1) > 0 {
            at += 1 + digits(at + 1);
        }
    } else if matches!(bytes.get(at..at + 2), Some(b"AM" | b"PM")) {
        at += 2;
    } else {
        return None;
    }
    (!bytes.get(at).is_some_and(u8::is_ascii_alphanumeric)).then_some(at)
}
