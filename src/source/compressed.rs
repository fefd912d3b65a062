//! Gzip and zstd as a stream of plain bytes, member after member, with limits.
//!
//! Guarantees: bounded memory (the window of the format, at most 128 MiB, zstd's own limit, for a zstd file that asks for it); a file that expands
//! beyond [`MAX_RATIO`] or [`MAX_TOTAL_BYTES`] is stopped; what came out before a damage is kept. The end says whether the file is complete: only
//! then can nothing follow. Never seeks inside the compressed bytes: going on somewhere means unpacking from the start.

use crate::{
    model::checkpoint::FileKind,
    source::{
        identity::{GUARD_BYTES, HEAD_BYTES, Seed},
        sniff,
    },
};
use flate2::bufread::GzDecoder;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Output bytes for one input byte, once [`RATIO_FROM_BYTES`] have come out. Logs stay below 200.
pub const MAX_RATIO: u64 = 500;
/// The ratio is judged from here on.
pub const RATIO_FROM_BYTES: u64 = 64 << 20;
/// Most bytes that come out of one file.
pub const MAX_TOTAL_BYTES: u64 = 256 << 30;
/// Log2 of the largest zstd window.
const ZSTD_WINDOW_LOG: u32 = 27;
/// One decoding step; what a damaged step had produced is lost, so it is small.
const STEP_BYTES: usize = 16 * 1024;

/// How the stream of a compressed file ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Every member is closed and its checksum is right.
    Complete,
    /// Complete, with bytes behind the last member that are not compressed data.
    Junk(u64),
    /// The bytes stop in the middle: still being written, or cut off.
    Early,
    /// The bytes are wrong.
    Damaged(String),
    /// Stopped at a limit.
    Limit(String),
}

impl End {
    /// Nothing can follow, and nothing is missing.
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Complete | Self::Junk(_))
    }

    /// What a status page says about it, after `bytes` of content.
    pub fn words(&self, bytes: u64) -> Option<String> {
        match self {
            Self::Complete => None,
            Self::Junk(junk) => Some(format!("{junk} bytes behind the compressed data were ignored")),
            Self::Early => Some(format!("the compressed data stops in the middle, after {bytes} bytes of content")),
            Self::Damaged(cause) => Some(format!("the compressed data is damaged after {bytes} bytes of content: {cause}")),
            Self::Limit(limit) => Some(format!("stopped after {bytes} bytes of content: {limit}")),
        }
    }
}

/// Reads a shared descriptor without moving its cursor, and counts.
struct Raw {
    file: Arc<File>,
    at: Arc<AtomicU64>,
}

impl Read for Raw {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buf, self.at.load(Ordering::Relaxed))?;
        self.at.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

type Input = BufReader<Raw>;

enum Stage {
    Between(Input),
    Gzip(Box<GzDecoder<Input>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Input>>),
    Over,
}

/// Unpacks one file.
pub struct Inflater {
    kind: FileKind,
    stage: Stage,
    raw_at: Arc<AtomicU64>,
    members: u64,
    out: u64,
    end: Option<End>,
}

impl Inflater {
    /// Starts at the beginning of the file.
    pub fn new(file: Arc<File>, kind: FileKind) -> Self {
        let raw_at = Arc::new(AtomicU64::new(0));
        let input = BufReader::with_capacity(64 * 1024, Raw { file, at: Arc::clone(&raw_at) });
        Self { kind, stage: Stage::Between(input), raw_at, members: 0, out: 0, end: None }
    }

    /// Compressed bytes read.
    pub fn raw_bytes(&self) -> u64 {
        self.raw_at.load(Ordering::Relaxed)
    }

    /// Bytes that came out.
    pub fn out_bytes(&self) -> u64 {
        self.out
    }

    /// How it ended, once it did.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Appends about `max` bytes; fewer only at the end.
    pub fn read(&mut self, out: &mut Vec<u8>, max: usize) {
        let goal = out.len() + max;
        while self.end.is_none() && out.len() < goal {
            match self.step(out, (goal - out.len()).min(STEP_BYTES)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.stop(End::Early),
                Err(error) => self.stop(End::Damaged(error.to_string())),
            }
        }
    }

    /// Passes over `off` bytes of content and returns what identifies that place; `None` when there are not so many.
    pub fn advance(&mut self, off: u64) -> Option<Seed> {
        let room = |left: u64, most: usize| usize::try_from(left).unwrap_or(most).min(most);
        let mut head = Vec::new();
        self.read(&mut head, room(off, HEAD_BYTES));
        let mut recent = head.clone();
        while self.out < off && self.end.is_none() {
            recent.drain(..recent.len().saturating_sub(GUARD_BYTES));
            let left = off - self.out;
            self.read(&mut recent, room(left, STEP_BYTES));
        }
        let guard = recent.split_off(recent.len().saturating_sub(GUARD_BYTES));
        (self.out == off).then_some(Seed { head, guard })
    }

    fn stop(&mut self, end: End) {
        self.stage = Stage::Over;
        self.end = Some(end);
    }

    fn step(&mut self, out: &mut Vec<u8>, max: usize) -> io::Result<()> {
        let before = out.len();
        let n = match &mut self.stage {
            Stage::Over => return Ok(()),
            Stage::Between(_) => return self.open_member(),
            Stage::Gzip(decoder) => read_some(decoder, out, max)?,
            Stage::Zstd(decoder) => read_some(decoder, out, max)?,
        };
        self.out += n as u64;
        if n == 0 {
            out.truncate(before);
            self.close_member();
        }
        self.limits();
        Ok(())
    }

    fn open_member(&mut self) -> io::Result<()> {
        let Stage::Between(mut input) = std::mem::replace(&mut self.stage, Stage::Over) else { return Ok(()) };
        let next = input.fill_buf()?;
        let fits = match self.kind {
            FileKind::Zstd => sniff::is_zstd(next),
            _ => next.starts_with(b"\x1f\x8b"),
        };
        if next.is_empty() {
            self.stop(if self.members == 0 { End::Early } else { End::Complete });
        } else if fits {
            self.members += 1;
            self.stage = decoder(self.kind, input)?;
        } else if next.len() < 4 && self.members > 0 && next.iter().all(|b| *b != 0) {
            self.stop(End::Early);
        } else if self.members == 0 {
            self.stop(End::Damaged("no header".into()));
        } else {
            let mut sink = Vec::new();
            let mut junk = input.take(MAX_TOTAL_BYTES);
            let mut length = 0;
            while junk.by_ref().take(STEP_BYTES as u64).read_to_end(&mut sink)? > 0 {
                length += sink.len() as u64;
                sink.clear();
            }
            self.stop(End::Junk(length));
        }
        Ok(())
    }

    fn close_member(&mut self) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Gzip(decoder) => Stage::Between(decoder.into_inner()),
            Stage::Zstd(decoder) => Stage::Between(decoder.finish()),
            other => other,
        };
    }

    fn limits(&mut self) {
        if let Some(limit) = limit(self.out, self.raw_bytes()) {
            self.stop(End::Limit(limit));
        }
    }
}

/// The same for a stream that comes once: bytes are passed on as soon as they are unpacked.
pub struct Unpacking {
    decoder: Box<dyn Read + Send>,
    raw: Arc<AtomicU64>,
    out: u64,
}

/// Counts what passes.
struct Counted<R> {
    from: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buf)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl Unpacking {
    /// Unpacks what comes from there.
    pub fn new(from: impl Read + Send + 'static, kind: FileKind) -> io::Result<Self> {
        let raw = Arc::new(AtomicU64::new(0));
        let counted = Counted { from, count: Arc::clone(&raw) };
        let decoder: Box<dyn Read + Send> = if kind == FileKind::Zstd {
            let mut decoder = zstd::stream::read::Decoder::new(counted)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        } else {
            Box::new(flate2::read::MultiGzDecoder::new(counted))
        };
        Ok(Self { decoder, raw, out: 0 })
    }

    /// Bytes that came out.
    pub fn out_bytes(&self) -> u64 {
        self.out
    }

    /// What an error of reading means.
    pub fn end(&self, cause: &io::Error) -> End {
        match cause.kind() {
            io::ErrorKind::UnexpectedEof => End::Early,
            io::ErrorKind::QuotaExceeded => End::Limit(cause.to_string()),
            _ => End::Damaged(cause.to_string()),
        }
    }
}

impl Read for Unpacking {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let room = buf.len().min(STEP_BYTES);
        let n = self.decoder.read(&mut buf[..room])?;
        self.out += n as u64;
        match limit(self.out, self.raw.load(Ordering::Relaxed)) {
            Some(limit) => Err(io::Error::new(io::ErrorKind::QuotaExceeded, limit)),
            None => Ok(n),
        }
    }
}

fn limit(out: u64, raw: u64) -> Option<String> {
    if out > MAX_TOTAL_BYTES {
        Some(format!("more than {MAX_TOTAL_BYTES} bytes"))
    } else if out > RATIO_FROM_BYTES && out / MAX_RATIO > raw {
        Some(format!("it expands more than {MAX_RATIO} times, which no log does"))
    } else {
        None
    }
}

fn decoder(kind: FileKind, input: Input) -> io::Result<Stage> {
    if kind != FileKind::Zstd {
        return Ok(Stage::Gzip(Box::new(GzDecoder::new(input))));
    }
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?.single_frame();
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok(Stage::Zstd(Box::new(decoder)))
}

fn read_some(decoder: &mut impl Read, out: &mut Vec<u8>, max: usize) -> io::Result<usize> {
    let before = out.len();
    out.resize(before + max, 0);
    let result = loop {
        match decoder.read(&mut out[before..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other,
        }
    };
    out.truncate(before + result.as_ref().map_or(0, |n| *n));
    result
}

/// Content around some positions of a compressed file.
pub struct Glimpse {
    /// First bytes, at most [`HEAD_BYTES`].
    pub head: Vec<u8>,
    /// For each position that was reached, the bytes before it, at most [`GUARD_BYTES`].
    pub guards: Vec<(u64, Vec<u8>)>,
    /// Bytes that came out.
    pub length: u64,
    /// How it ended; `None` when reading stopped at the last position.
    pub end: Option<End>,
}

/// Unpacks up to the last of the positions (ascending), or to the end when `whole`.
pub fn glimpse(file: &Arc<File>, kind: FileKind, positions: &[u64], whole: bool) -> Glimpse {
    let mut inflater = Inflater::new(Arc::clone(file), kind);
    let mut recent = Vec::new();
    let mut result = Glimpse { head: Vec::new(), guards: Vec::new(), length: 0, end: None };
    inflater.read(&mut recent, HEAD_BYTES);
    result.head.extend_from_slice(&recent);
    for position in positions {
        while inflater.out_bytes() < *position && inflater.end().is_none() {
            let room = usize::try_from(*position - inflater.out_bytes()).unwrap_or(STEP_BYTES).min(STEP_BYTES);
            let surplus = recent.len().saturating_sub(HEAD_BYTES.max(GUARD_BYTES));
            recent.drain(..surplus);
            inflater.read(&mut recent, room);
        }
        // Positions below the head's end lie inside `recent`, which still starts at 0 then.
        let behind = usize::try_from(inflater.out_bytes().saturating_sub(*position)).unwrap_or(usize::MAX);
        if let Some(stop) = recent.len().checked_sub(behind).filter(|_| inflater.out_bytes() >= *position) {
            result.guards.push((*position, recent[stop.saturating_sub(GUARD_BYTES)..stop].to_vec()));
        }
    }
    let mut sink = Vec::new();
    while whole && inflater.end().is_none() {
        sink.clear();
        inflater.read(&mut sink, STEP_BYTES);
    }
    result.length = inflater.out_bytes();
    result.end = inflater.end().cloned();
    result
}
