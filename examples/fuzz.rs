//! Feeds broken lines to the line reader, or broken tables to the loader of conventions, for some seconds: `fuzz reader|tables SECONDS [SEED]`.
//!
//! Inputs are the samples of all conventions and the kept ones in `tests/fuzz`, changed at random. A panic, or a line that takes longer than
//! 10 ms twice, ends it with the input in `tests/fuzz`, where a test reads it from then on. Stable Rust only, so that anyone can run it.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use throughline::{
    model::{entry::FileId, record::Record},
    recognise::{Reader, Tables, sensitive},
};

const SLOW: Duration = Duration::from_millis(10);
const MAX_INPUT: usize = 64 << 10;

/// xorshift64*: the same seed gives the same inputs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

const PIECES: [&str; 34] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    ":",
    ",",
    "null",
    "true",
    "1e999",
    "-0",
    "99999999999999999999",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "\n",
    "\r\n",
    "\0",
    "\u{1b}[31m",
    "{\"log\":\"",
    "\"msg\":",
    "\"time\":",
    "[{",
    "}]",
    "2026-11-23T08:17:42.824Z",
    "Nov 23 08:17:42",
    "<134>1 ",
    " stdout P ",
    "{placeholder}",
    "%s",
    "traceparent",
    "__proto__",
    "'''",
];

fn mutate(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut out = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(out.len() + 1);
        match random.below(7) {
            0 if !out.is_empty() => {
                let at = at.min(out.len() - 1);
                out[at] = random.next() as u8;
            }
            1 => out.truncate(at),
            2 => {
                let piece = PIECES[random.below(PIECES.len())].as_bytes().to_vec();
                let many = 1 + random.below(3) * random.below(40);
                out.splice(at..at, piece.repeat(many));
            }
            3 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                out.splice(at..at, other[from..].to_vec());
            }
            4 => {
                let end = (at + random.below(64)).min(out.len());
                out.drain(at..end);
            }
            5 => {
                let end = (at + random.below(200)).min(out.len());
                let part = out[at..end].to_vec();
                out.splice(at..at, part.repeat(1 + random.below(8)));
            }
            _ => out.insert(at, random.next() as u8),
        }
        out.truncate(MAX_INPUT);
    }
    out
}

fn kept(kind: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(kind);
    fs::read_dir(dir).into_iter().flatten().filter_map(|entry| fs::read(entry.ok()?.path()).ok()).collect()
}

fn seeds(kind: &str) -> Vec<Vec<u8>> {
    let mut out = kept(kind);
    if kind == "tables" {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/recognise/formats");
        out.extend(fs::read_dir(dir).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).filter(|text| text.len() < 8_000));
    } else {
        out.extend(Tables::builtin().samples.iter().map(|(_, sample)| sample.line.clone().into_bytes()));
    }
    out
}

fn read(reader: &mut Reader, raw: &[u8]) {
    let source: Arc<str> = "s".into();
    let mut entries = Vec::new();
    reader.read(&Record { file: FileId(1), source: &source, start: 0, line: 1, raw }, &mut entries);
    assert!(!entries.is_empty());
    let text = String::from_utf8_lossy(raw);
    assert!(sensitive::marks(&text, sensitive::Sensitive::builtin()).iter().all(|mark| text.get(mark.at.clone()).is_some()));
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}

fn keep(kind: &str, name: u64, input: &[u8]) -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(kind);
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join(format!("{name:016x}"));
    fs::write(&path, input).unwrap();
    path
}

/// Keeps an input that does not end, and ends the search.
fn watch_for_hangs(kind: &str) -> Arc<Mutex<Vec<u8>>> {
    let current: Arc<Mutex<Vec<u8>>> = Arc::default();
    let (seen, kind) = (current.clone(), kind.to_owned());
    std::thread::spawn(move || {
        let mut before = Vec::new();
        loop {
            std::thread::sleep(Duration::from_secs(5));
            let now = seen.lock().unwrap().clone();
            if !now.is_empty() && now == before {
                println!("endless: {}", keep(&kind, now.len() as u64, &now).display());
                std::process::abort();
            }
            before = now;
        }
    });
    current
}

fn main() -> std::process::ExitCode {
    let mut args = std::env::args().skip(1);
    let (kind, seconds) = (args.next().unwrap_or_default(), args.next().and_then(|s| s.parse().ok()).unwrap_or(10));
    let mut random = Random(args.next().and_then(|s| s.parse().ok()).unwrap_or(0x9E37_79B9_7F4A_7C15));
    let seeds = seeds(&kind);
    let current = watch_for_hangs(&kind);
    let mut reader = Reader::new(Tables::builtin());
    let begun = Instant::now();
    let (mut inputs, mut slowest, mut loaded) = (0_u64, Duration::ZERO, 0_u64);
    while begun.elapsed() < Duration::from_secs(seconds) {
        let input = mutate(&mut random, &seeds);
        current.lock().unwrap().clone_from(&input);
        let mut run = || {
            let start = Instant::now();
            let held = catch_unwind(AssertUnwindSafe(|| {
                if kind == "tables" {
                    loaded += u64::from(Tables::with(&[("mine".into(), String::from_utf8_lossy(&input).into_owned())]).is_ok());
                } else {
                    read(&mut reader, &input);
                }
            }));
            (held.is_ok(), start.elapsed())
        };
        let (mut held, mut took) = run();
        let limit = if kind == "tables" { SLOW * 20 } else { SLOW };
        if took > limit {
            // A machine that was busy is no finding.
            (held, took) = (0..3).map(|_| run()).min_by_key(|(held, took)| (*held, *took)).unwrap();
        }
        inputs += 1;
        slowest = slowest.max(took);
        if !held || took > limit {
            let path = keep(&kind, random.next(), &input);
            println!("{} after {took:?}: {}", if held { "slow" } else { "panic" }, path.display());
            return std::process::ExitCode::FAILURE;
        }
    }
    println!("{kind}: {inputs} inputs, {loaded} tables loaded, slowest {slowest:?}, {} KiB resident", resident_kib());
    std::process::ExitCode::SUCCESS
}
