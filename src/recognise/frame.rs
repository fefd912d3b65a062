//! Which physical lines form one record.
//!
//! Guarantees: the answer depends on the lines alone, never on where a read ended. Never looks into what a record means.

/// How a physical line stands to the lines before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// It begins a record.
    Starts,
    /// It continues the open record.
    Continues,
}

/// Decides line by line.
#[derive(Debug, Clone, Default)]
pub struct Framer {
    open: bool,
}

impl Framer {
    /// How the next physical line (without its newline) stands to the record that is open.
    pub fn next(&mut self, line: &[u8]) -> Join {
        let continues = self.open && line.first().is_some_and(u8::is_ascii_whitespace);
        self.open = continues || !line.starts_with(b"{");
        if continues { Join::Continues } else { Join::Starts }
    }

    /// A following line may still continue the open record; when false it can be handed on at once.
    pub fn is_open(&self) -> bool {
        self.open
    }
}

/// The one inner text of a record whose lines a container runtime split; `None` when it is no such record.
pub fn unsplit(_raw: &str) -> Option<std::borrow::Cow<'_, str>> {
    None
}

/// The first instant that stands in a line, cheaply and roughly: only used to read several files in about the order of time.
pub fn peek_time_ns(_line: &[u8]) -> Option<i64> {
    None
}
