//! Which physical lines form one record.
//!
//! Guarantees: the answer depends on the lines alone, never on where a read ended; state is bounded (a record ends at the latest
//! after 10,000 lines or 1 MiB). A complete JSON line is a record at once. Never looks into what a record means.

mod peek;
mod pretty;
mod split;
mod trace;

pub use peek::peek_time_ns;
pub(super) use split::compose_parts;
pub use split::unsplit;

use crate::model::record::RECORD_MAX_BYTES;
use pretty::{Pretty, Step};
use trace::Trace;

/// More lines than this are no record.
const MAX_LINES: u32 = 10_000;

/// How a physical line stands to the lines before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// It begins a record.
    Starts,
    /// It continues the open record.
    Continues,
}

/// Decides line by line.
///
/// An empty line starts nothing and leaves nothing open, unless it stands inside a trace, a JSON value or a split line.
#[derive(Debug, Clone, Default)]
pub struct Framer {
    open: Open,
    lines: u32,
    bytes: usize,
}

/// What the open record waits for.
#[derive(Debug, Clone, Default)]
enum Open {
    /// Nothing is open.
    #[default]
    Closed,
    /// A text line; its trace or its indented lines may follow, wrapped the same way.
    Text { trace: Trace, stream: Option<u64> },
    /// A JSON value over many lines.
    Json(Pretty),
    /// A piece of a line that Docker split, of the same stream; a short piece is believed only if the next line ends it.
    DockerPiece { stderr: bool, full: bool },
    /// A piece of a line that CRI split, of the same stream.
    CriPiece { stream: u64 },
}

impl Framer {
    /// How the next physical line (without its newline) stands to the record that is open.
    pub fn next(&mut self, line: &[u8]) -> Join {
        self.lines += 1;
        self.bytes = self.bytes.saturating_add(line.len() + 1);
        let length = line.len();
        let line = behind_hole(line);
        if self.lines <= MAX_LINES && self.bytes <= RECORD_MAX_BYTES && self.continues(line) {
            return Join::Continues;
        }
        (self.lines, self.bytes) = (1, length + 1);
        self.open = Open::at(line);
        Join::Starts
    }

    /// A following line may still continue the open record; when false it can be handed on at once.
    pub fn is_open(&self) -> bool {
        !matches!(self.open, Open::Closed) && self.lines < MAX_LINES && self.bytes < RECORD_MAX_BYTES
    }

    /// The line belongs to the open record; moves the state on if it does.
    fn continues(&mut self, line: &[u8]) -> bool {
        let next = match &mut self.open {
            Open::Closed => return false,
            Open::Json(pretty) => match line.trim_ascii() {
                [] => return true,
                trimmed => match pretty.step(trimmed) {
                    Step::Inside => return true,
                    Step::Closes => Open::Closed,
                    Step::Foreign => return false,
                },
            },
            Open::DockerPiece { stderr, full } => match split::docker(line.trim_ascii_end()) {
                Some(piece) if piece.stderr == *stderr && (*full || piece.ends()) => Open::after_docker(piece),
                _ => return false,
            },
            Open::CriPiece { stream } => match split::wrapped(line) {
                Some(piece) if piece.stream == *stream && piece.partial => return true,
                Some(piece) if piece.stream == *stream => Open::Closed,
                _ => return false,
            },
            Open::Text { trace, stream } => {
                let wrapped = split::wrapped(line);
                if wrapped.map(|wrapped| wrapped.stream) != *stream || wrapped.is_some_and(|wrapped| wrapped.partial) {
                    return false;
                }
                return trace.takes(wrapped.map_or(line, |wrapped| wrapped.inner).trim_ascii_end());
            }
        };
        self.open = next;
        true
    }
}

impl Open {
    /// What a line that begins a record leaves open.
    fn at(line: &[u8]) -> Self {
        let line = line.trim_ascii_end();
        match line.trim_ascii_start().first() {
            Some(b'{') if line.ends_with(b"}") => split::docker(line).map_or(Self::Closed, Self::after_docker),
            Some(b'{' | b'[') if line.trim_ascii_start().len() == 1 => Pretty::open(line.trim_ascii()).map_or(Self::Closed, Self::Json),
            None | Some(b'{') => Self::Closed,
            Some(b'[') if line.ends_with(b"]") && matches!(line.trim_ascii_start().get(1), Some(b'{')) => Self::Closed,
            Some(_) => Self::text(line),
        }
    }

    fn text(line: &[u8]) -> Self {
        match split::wrapped(line) {
            Some(piece) if piece.partial => Self::CriPiece { stream: piece.stream },
            Some(piece) if holds_json(piece.inner) => Self::Closed,
            Some(piece) => Self::Text { trace: Trace::at(piece.inner), stream: Some(piece.stream) },
            None if holds_json(line) => Self::Closed,
            None => Self::Text { trace: Trace::at(line), stream: None },
        }
    }

    fn after_docker(piece: split::Docker<'_>) -> Self {
        if piece.ends() { Self::Closed } else { Self::DockerPiece { stderr: piece.stderr, full: piece.log.len() >= split::DOCKER_PIECE_BYTES } }
    }
}

/// NULs in front of a line are the hole that a truncated file leaves.
fn behind_hole(line: &[u8]) -> &[u8] {
    &line[line.iter().position(|byte| *byte != 0).unwrap_or(line.len())..]
}

/// A whole JSON object ends the line, perhaps behind a prefix.
fn holds_json(line: &[u8]) -> bool {
    line.ends_with(b"}") && memchr::memmem::find(&line[..line.len().min(240)], b"{\"").is_some()
}

#[cfg(test)]
mod tests;
