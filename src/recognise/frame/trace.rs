//! Which lines continue a text record: its stack trace, chained causes, indented and wrapped lines.
//!
//! Guarantees: a line without indent continues a record only when its form says so. Never joins prose to prose: two prints in a row
//! may belong to two requests.

use crate::recognise::stack;

/// What may follow in a text record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// Only indented lines, or the beginning of a trace.
    #[default]
    Plain,
    /// In the frames of a Python trace; its last line is not indented.
    Python,
    /// In a Go trace, where functions are not indented.
    Go,
    /// Rust: the text of the panic stands in the next line.
    RustText,
    /// Under Node's caret: an empty line and the error follow.
    Caret,
    /// In or behind frames: causes, a chained trace and one empty line may follow.
    Frames,
}

/// The state of one open text record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Trace {
    phase: Phase,
    /// An opening bracket ended a line; a line of closing brackets ends it.
    block: bool,
    /// The record may be followed by the error it speaks of.
    troubled: bool,
    /// The line before was empty.
    blank: bool,
}

impl Trace {
    /// The state behind the first line of a record.
    pub(super) fn at(line: &[u8]) -> Self {
        let line = line.trim_ascii_end();
        let head = line.trim_ascii_start();
        let named = exception(head, false);
        Self { phase: if named { Phase::Frames } else { phase_of(head).unwrap_or_default() }, block: opens_block(line), troubled: !named && is_troubled(head), blank: false }
    }

    /// `line` (without space at its end) continues the record; moves on if it does.
    pub(super) fn takes(&mut self, line: &[u8]) -> bool {
        let Some(first) = line.first() else { return self.takes_blank() };
        let taken = if first.is_ascii_whitespace() { self.takes_indented(line) } else { self.takes_plain(line) };
        if taken {
            self.blank = false;
            self.troubled = false;
        }
        taken
    }

    fn takes_blank(&mut self) -> bool {
        let taken = !self.blank && self.phase != Phase::Plain && self.phase != Phase::RustText;
        self.blank = true;
        taken
    }

    fn takes_indented(&mut self, line: &[u8]) -> bool {
        let inner = line.trim_ascii_start();
        if inner.starts_with(b"{\"") && inner.ends_with(b"}") && !self.block {
            return false;
        }
        if self.blank && self.phase == Phase::Plain {
            return false;
        }
        self.block |= opens_block(line);
        if inner.iter().all(|b| matches!(b, b'^' | b'~' | b' ')) && self.phase == Phase::Plain {
            self.phase = Phase::Caret;
        } else if let Some(phase) = phase_of(inner) {
            self.phase = phase;
        } else if self.phase == Phase::Plain && stack::is_inside_trace(inner) {
            self.phase = Phase::Frames;
        }
        true
    }

    fn takes_plain(&mut self, line: &[u8]) -> bool {
        if let Some(phase) = phase_of(line).filter(|_| stack::is_inside_trace(line)) {
            self.phase = phase;
            return true;
        }
        match self.phase {
            Phase::Python if exception(line, true) => self.phase = Phase::Frames,
            Phase::RustText => self.phase = Phase::Frames,
            Phase::Caret if exception(line, false) => self.phase = Phase::Frames,
            Phase::Go if stack::is_go_line(line) => {}
            _ if line.starts_with(b"Node.js v") => self.phase = Phase::Plain,
            _ if stack::is_inside_trace(line) => self.phase = Phase::Frames,
            _ if self.troubled && !self.blank && exception(line, false) => self.phase = Phase::Frames,
            _ if self.block && line.iter().all(|b| matches!(b, b'}' | b']' | b')' | b',' | b';')) => self.block = false,
            _ => return false,
        }
        true
    }
}

/// The phase that a line by its form begins.
fn phase_of(line: &[u8]) -> Option<Phase> {
    if line.ends_with(b"Traceback (most recent call last):") {
        return Some(Phase::Python);
    }
    if stack::is_goroutine(line) || line.starts_with(b"panic: ") || line.starts_with(b"fatal error: ") {
        return Some(Phase::Go);
    }
    if line.ends_with(b":") && memchr::memmem::find(line, b"panicked at ").is_some() {
        return Some(Phase::RustText);
    }
    None
}

fn opens_block(line: &[u8]) -> bool {
    matches!(line.last(), Some(b'{' | b'[' | b'('))
}

fn exception(line: &[u8], any: bool) -> bool {
    line.utf8_chunks().next().is_some_and(|chunk| stack::exception_head(chunk.valid(), any).is_some())
}

/// The line speaks of trouble, so that the error itself may follow without indent.
fn is_troubled(line: &[u8]) -> bool {
    const WORDS: [&[u8]; 8] = [b"error", b"exception", b"fail", b"fatal", b"warn", b"severe", b"uncaught", b"unhandled"];
    let head = &line[..line.len().min(240)];
    head.iter().enumerate().any(|(at, byte)| {
        matches!(byte | 0x20, b'e' | b'f' | b'w' | b's' | b'u')
            && WORDS.iter().any(|word| byte | 0x20 == word[0] && head.get(at..at + word.len()).is_some_and(|run| run.eq_ignore_ascii_case(word)))
    })
}
