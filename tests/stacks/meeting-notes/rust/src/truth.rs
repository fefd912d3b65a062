//! The side channel: what really happened and who owns each log line, in files that no log reader sees.
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    sync::{
        atomic::{AtomicU64, Ordering},
        Mutex, OnceLock,
    },
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{json, Value};

pub const HEADER: &str = "X-Side";

struct Files {
    side: Mutex<File>,
    log: File,
    log_name: String,
    prefix: String,
}

static FILES: OnceLock<Files> = OnceLock::new();
static SEQ: AtomicU64 = AtomicU64::new(1);

tokio::task_local! {
    /// Who owns the lines that the current task logs.
    pub static OWNER: String;
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

fn append(path: String) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("file")
}

pub fn open(service: &str, log: &str) {
    let prefix = format!("{service}-{}", std::process::id());
    let side = append(format!("{}/{prefix}.jsonl", std::env::var("TRUTH_DIR").unwrap()));
    let file = append(format!("{}/{log}", std::env::var("LOG_DIR").unwrap()));
    let _ = FILES.set(Files { side: Mutex::new(side), log: file, log_name: log.into(), prefix });
}

fn write(rec: Value) {
    let f = FILES.get().unwrap();
    let _ = f.side.lock().unwrap().write_all(format!("{rec}\n").as_bytes());
}

/// Travels with a request, in a message header.
#[derive(Clone, Default)]
pub struct Mark(pub Value);

impl Mark {
    pub fn parse(s: &str) -> Mark {
        Mark(serde_json::from_str(s).unwrap_or_else(|_| json!({})))
    }
    pub fn owner(&self) -> String {
        self.0["o"].as_str().unwrap_or("").into()
    }
    pub fn published_at(&self) -> u64 {
        self.0["a"].as_u64().unwrap_or(0)
    }
    pub fn with(&self, key: &str, value: Value) -> Mark {
        let mut m = self.0.clone();
        m[key] = value;
        Mark(m)
    }
}

pub fn note(kind: &str, m: &Mark, extra: Value) {
    let mut rec = json!({"t": kind, "o": m.owner(), "op": m.0["p"], "at": now()});
    if let (Some(r), Some(e)) = (rec.as_object_mut(), extra.as_object()) {
        r.extend(e.clone());
    }
    write(rec);
}

pub struct Op {
    pub id: String,
    mark: Mark,
}

impl Op {
    pub fn begin(m: &Mark, kind: &str, name: &str, attrs: Value) -> Op {
        let at = now();
        let id = format!("{}-{}", FILES.get().unwrap().prefix, SEQ.fetch_add(1, Ordering::Relaxed));
        write(json!({"t": "begin", "id": id, "o": m.owner(), "parent": m.0["p"], "kind": kind, "name": name, "at": at, "attrs": attrs}));
        Op { id, mark: m.clone() }
    }
    /// The mark for whatever this operation causes.
    pub fn mark(&self) -> Mark {
        self.mark.with("p", json!(self.id))
    }
    pub fn end(&self, outcome: &str) {
        write(json!({"t": "end", "id": self.id, "at": now(), "outcome": outcome}));
    }
}

/// The destination of the logger: notes the owner of each line, then writes it.
pub struct Lines;

impl Write for Lines {
    fn write(&mut self, b: &[u8]) -> io::Result<usize> {
        let f = FILES.get().unwrap();
        let owner = OWNER.try_with(|o| o.clone()).unwrap_or_default();
        let text = String::from_utf8_lossy(b);
        let rec = json!({"t": "line", "o": owner, "f": f.log_name, "x": text.trim_end_matches('\n')});
        let mut side = f.side.lock().unwrap();
        side.write_all(format!("{rec}\n").as_bytes())?;
        (&f.log).write_all(b)?;
        Ok(b.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
