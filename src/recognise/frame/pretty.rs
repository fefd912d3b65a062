//! A JSON value printed over many lines.
//!
//! Guarantees: bounded state; gives up at the first line that cannot stand in such a value. Never parses.

/// Follows brackets from a line that is `{` or `[` alone to where the value closes.
#[derive(Debug, Clone, Default)]
pub(super) struct Pretty {
    depth: u32,
    /// The line before ended in a way that calls for another one.
    wants_more: bool,
}

/// What a line is to the open value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Inside,
    Closes,
    Foreign,
}

impl Pretty {
    /// `line` (trimmed) opens a value.
    pub(super) fn open(line: &[u8]) -> Option<Self> {
        matches!(line, b"{" | b"[").then_some(Self { depth: 1, wants_more: true })
    }

    /// Takes the next line, trimmed and not empty.
    pub(super) fn step(&mut self, line: &[u8]) -> Step {
        let closes = matches!(line.first(), Some(b'}' | b']' | b','));
        if !self.wants_more && !closes {
            return Step::Foreign;
        }
        self.count(line);
        self.wants_more = matches!(line.last(), Some(b'{' | b'[' | b',' | b':' | b'('));
        if self.depth == 0 { Step::Closes } else { Step::Inside }
    }

    fn count(&mut self, line: &[u8]) {
        let (mut quoted, mut at) = (false, 0);
        while let Some(byte) = line.get(at) {
            match byte {
                b'\\' if quoted => at += 1,
                b'"' => quoted = !quoted,
                b'{' | b'[' if !quoted => self.depth += 1,
                b'}' | b']' if !quoted => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
    }
}
