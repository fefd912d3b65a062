//! Bytes in, framed records out, with bounded memory.
//!
//! Guarantees: the records depend on the bytes alone, never on how they were cut into reads; every byte before [`Splitter::off`] belongs to a
//! record, a blank line or the left-out part of a record that is too long. A record joined from several physical lines never exceeds
//! [`RECORD_MAX_BYTES`]: a line that would take it over begins a record of its own, so one unclosed brace cannot swallow a file. A single
//! longer line keeps its head and is hashed and counted while the rest streams past. Never looks into what a line means beyond the framer.

use crate::{
    model::record::{Cut, RECORD_MAX_BYTES, RecordSpan},
    recognise::frame::{Framer, Join},
    source::identity::{GUARD_BYTES, HEAD_BYTES, Seed},
};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// What became of bytes that are no record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Blank lines.
    pub blank: u64,
    /// Their bytes, newline included.
    pub blank_bytes: u64,
    /// Records whose tail was left out.
    pub cut: u64,
    /// Bytes left out of them.
    pub cut_bytes: u64,
}

/// Finished records with the bytes they stand in.
#[derive(Debug, Default)]
pub struct Taken {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The records, `at` pointing into `bytes`.
    pub records: Vec<RecordSpan>,
    /// Bytes that were consumed beside them.
    pub tally: Tally,
}

/// The record that is still open: nothing when `lines` is 0.
#[derive(Debug, Default)]
struct Open {
    at: usize,
    text_end: usize,
    off: u64,
    line: u64,
    lines: u32,
}

/// A line over the limit, streaming past.
struct Long {
    hasher: Sha256,
    hashed: usize,
    dropped: u64,
}

/// Cuts a stream into records.
pub struct Splitter {
    framer: Framer,
    /// Everything from the first byte that was not taken yet.
    buf: Vec<u8>,
    open: Open,
    line_at: usize,
    line_off: u64,
    /// Complete lines before `line_at`.
    line_no: u64,
    scanned: usize,
    long: Option<Long>,
    records: Vec<RecordSpan>,
    tally: Tally,
    head: Vec<u8>,
    guard: Vec<u8>,
    off: u64,
    lines: u64,
}

impl Splitter {
    /// Starts at a position that stands at the start of a record.
    pub fn new(seed: Seed, off: u64, lines: u64) -> Self {
        Self {
            framer: Framer::default(),
            buf: Vec::new(),
            open: Open::default(),
            line_at: 0,
            line_off: off,
            line_no: lines,
            scanned: 0,
            long: None,
            records: Vec::new(),
            tally: Tally::default(),
            head: seed.head,
            guard: seed.guard,
            off,
            lines,
        }
    }

    /// Position behind everything taken: where a restart goes on.
    pub fn off(&self) -> u64 {
        self.off
    }

    /// Physical lines before [`Self::off`].
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// First bytes of the content, at most [`HEAD_BYTES`] and never beyond [`Self::off`].
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Last bytes before [`Self::off`], at most [`GUARD_BYTES`].
    pub fn guard(&self) -> &[u8] {
        &self.guard
    }

    /// Position behind everything read.
    pub fn read_pos(&self) -> u64 {
        self.line_off + self.pending_bytes()
    }

    /// Length of the last line so far, when its newline has not come yet.
    pub fn pending_bytes(&self) -> u64 {
        (self.buf.len() - self.line_at) as u64 + self.long.as_ref().map_or(0, |l| l.dropped)
    }

    /// A complete record waits for a line that may continue it.
    pub fn holds(&self) -> bool {
        self.open.lines > 0
    }

    /// Something can be taken.
    pub fn is_ready(&self) -> bool {
        !self.records.is_empty()
    }

    /// The last bytes before [`Self::read_pos`], at most [`GUARD_BYTES`].
    pub fn tail(&self) -> Vec<u8> {
        joined_tail(&self.guard, &self.buf)
    }

    /// The beginning of the next record as far as it was read.
    pub fn ahead(&self) -> &[u8] {
        &self.buf[self.keep_from()..]
    }

    /// Where a read appends its bytes; [`Self::feed`] must follow.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buf
    }

    /// Takes the appended bytes into account.
    pub fn feed(&mut self) {
        while let Some(n) = memchr::memchr(b'\n', &self.buf[self.scanned..]) {
            let newline = self.scanned + n;
            self.scanned = self.end_line(newline, 1);
        }
        self.scanned = self.buf.len();
        self.bound();
    }

    /// Closes the held record: what follows becomes a record of its own.
    pub fn close_held(&mut self) {
        self.close_record();
        self.framer = Framer::default();
    }

    /// No more bytes can come: a last line without newline is a record too.
    pub fn finish(&mut self) {
        if self.pending_bytes() > 0 {
            self.end_line(self.buf.len(), 0);
        }
        self.close_held();
    }

    /// Hands out the finished records; the position moves behind them and behind blank lines.
    pub fn take(&mut self) -> Taken {
        let keep = self.keep_from();
        if self.head.len() < HEAD_BYTES {
            let missing = (HEAD_BYTES - self.head.len()).min(keep);
            self.head.extend_from_slice(&self.buf[..missing]);
        }
        self.guard = joined_tail(&self.guard, &self.buf[..keep]);
        (self.off, self.lines) = if self.holds() { (self.open.off, self.open.line - 1) } else { (self.line_off, self.line_no) };
        let rest = self.buf[keep..].to_vec();
        let mut bytes = std::mem::replace(&mut self.buf, rest);
        bytes.truncate(keep);
        self.line_at -= keep;
        self.scanned -= keep;
        self.open.at = self.open.at.saturating_sub(keep);
        self.open.text_end = self.open.text_end.saturating_sub(keep);
        if let Some(long) = &mut self.long {
            long.hashed -= keep;
        }
        Taken { bytes, records: std::mem::take(&mut self.records), tally: std::mem::take(&mut self.tally) }
    }

    fn keep_from(&self) -> usize {
        if self.holds() { self.open.at } else { self.line_at }
    }

    /// Ends the line whose text stops at `end`; returns where scanning goes on.
    fn end_line(&mut self, end: usize, newline: usize) -> usize {
        if self.long.is_none() && end - self.line_at > RECORD_MAX_BYTES {
            self.start_long();
        }
        if self.long.is_some() {
            self.end_long(end, newline);
        } else {
            self.end_short(end, newline);
        }
        self.line_at
    }

    fn end_short(&mut self, end: usize, newline: usize) {
        let line = &self.buf[self.line_at..end];
        let fits = self.open.lines > 0 && end - self.open.at <= RECORD_MAX_BYTES;
        let mut join = self.framer.next(line);
        if join == Join::Continues && !fits {
            self.framer = Framer::default();
            self.framer.next(line);
            join = Join::Starts;
        }
        let is_blank = join == Join::Starts && line.iter().all(u8::is_ascii_whitespace);
        let length = (end - self.line_at + newline) as u64;
        if join == Join::Starts {
            self.close_record();
            if is_blank {
                self.tally.blank += 1;
                self.tally.blank_bytes += length;
                self.framer = Framer::default();
            } else {
                self.open = Open { at: self.line_at, text_end: end, off: self.line_off, line: self.line_no + 1, lines: 1 };
            }
        } else {
            self.open.lines += 1;
            self.open.text_end = end;
        }
        self.pass_line(end + newline, length);
        if !self.framer.is_open() {
            self.close_record();
        }
    }

    fn pass_line(&mut self, next_at: usize, length: u64) {
        self.line_at = next_at;
        self.line_off += length;
        self.line_no += 1;
    }

    fn close_record(&mut self) {
        let open = std::mem::take(&mut self.open);
        if open.lines > 0 {
            let at = open.at..open.text_end;
            self.records.push(RecordSpan { start: open.off, end: self.line_off, line: open.line, lines: open.lines, at, cut: None });
        }
    }

    fn start_long(&mut self) {
        self.close_record();
        self.framer = Framer::default();
        self.long = Some(Long { hasher: Sha256::new(), hashed: self.line_at, dropped: 0 });
    }

    fn end_long(&mut self, end: usize, newline: usize) {
        let Some(mut long) = self.long.take() else { return };
        long.hasher.update(&self.buf[long.hashed..end]);
        let length = (end - self.line_at) as u64 + long.dropped;
        let at = self.line_at..self.line_at + RECORD_MAX_BYTES;
        let cut = Some(Box::new(Cut { length, sha256: hex(&long.hasher.finalize()) }));
        let end_off = self.line_off + length + newline as u64;
        self.records.push(RecordSpan { start: self.line_off, end: end_off, line: self.line_no + 1, lines: 1, at, cut });
        self.tally.cut += 1;
        self.tally.cut_bytes += length - RECORD_MAX_BYTES as u64;
        self.pass_line(end + newline, length + newline as u64);
    }

    /// Keeps of a line over the limit its head and as much of its tail as a guard needs.
    fn bound(&mut self) {
        if self.long.is_none() && self.buf.len() - self.line_at > RECORD_MAX_BYTES {
            self.start_long();
        }
        let Some(long) = &mut self.long else { return };
        long.hasher.update(&self.buf[long.hashed..]);
        let head_end = self.line_at + RECORD_MAX_BYTES;
        let tail_at = self.buf.len().saturating_sub(GUARD_BYTES);
        if tail_at > head_end {
            self.buf.drain(head_end..tail_at);
            long.dropped += (tail_at - head_end) as u64;
        }
        long.hashed = self.buf.len();
        self.scanned = self.buf.len();
    }
}

/// The last [`GUARD_BYTES`] of both together.
pub fn joined_tail(before: &[u8], bytes: &[u8]) -> Vec<u8> {
    if bytes.len() >= GUARD_BYTES {
        return bytes[bytes.len() - GUARD_BYTES..].to_vec();
    }
    let from = (before.len() + bytes.len()).saturating_sub(GUARD_BYTES);
    [&before[from..], bytes].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
