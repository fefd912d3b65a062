//! Lines into the index: reads chunks, has them recognised on worker threads, adds them in order, commits documents and positions in
//! one atom, and hands what was committed to the roll-up.
//!
//! Guarantees: channels are bounded, so reading waits for writing; documents enter the writer in the order they were read, so a commit
//! holds exactly what its positions say; the first error of the store ends the run (the caller reopens and replays from the committed
//! positions). It never interprets a record and never retries a write.

use crate::{
    model::{
        checkpoint::{Checkpoint, Counters, PAYLOAD_VERSION},
        entry::{Entry, FileId},
        record::{Chunk, Record},
        status::Status,
        time::UnixNanos,
    },
    recognise::{self, Reader, Tables},
    reconstruct::{learn::Learned, roles},
    source::{SourceError, Sources},
    store::{LineDoc, LineWriter, StoreError},
};
use rustc_hash::{FxHashMap, FxHasher};
use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Bytes a chunk aims at.
const CHUNK_BYTES: usize = 1024 * 1024;
/// More unread than this: catching up, with few and large commits.
const CATCHING_UP_BYTES: u64 = 64 * 1024 * 1024;
/// Ends of a batch while following.
const FOLLOW_BATCH: BatchEnd = BatchEnd { bytes: 16 * 1024 * 1024, records: 20_000, age: Duration::from_secs(1) };
/// Ends of a batch while catching up.
const BULK_BATCH: BatchEnd = BatchEnd { bytes: 128 * 1024 * 1024, records: usize::MAX, age: Duration::from_secs(10) };
/// How often the state of the sources is published.
const STATUS_EVERY: Duration = Duration::from_millis(250);

struct BatchEnd {
    bytes: usize,
    records: usize,
    age: Duration,
}

/// Why a run ended.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Reading failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Writing failed; the index must be reopened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A worker ended without a word.
    #[error("a worker thread ended early")]
    Worker,
}

/// A committed record in compact form.
#[derive(Debug, Clone)]
pub struct Touched {
    /// Lineage.
    pub file: FileId,
    /// Offset of its first byte.
    pub start: u64,
    /// First physical line.
    pub line: u64,
    /// Name of the log.
    pub source: Arc<str>,
    /// How many entries it yields.
    pub entries: u32,
    /// The entries, packed.
    pub packed: Box<[u8]>,
    /// [`term_hash`] of every work id.
    pub terms: Box<[u64]>,
}

impl Touched {
    /// Bytes it takes in memory, about.
    pub fn weight(&self) -> usize {
        self.packed.len() + self.terms.len() * 8 + 144
    }
}

/// The hash under which work ids are remembered in memory.
pub fn term_hash(term: &str) -> u64 {
    let mut hasher = FxHasher::default();
    term.hash(&mut hasher);
    hasher.finish()
}

/// What one commit brought.
pub struct Committed {
    /// Generation of the index.
    pub generation: u64,
    /// Its records.
    pub touched: Vec<Touched>,
    /// What was learned up to it.
    pub learned: Arc<Learned>,
    /// More is waiting to be read.
    pub catching_up: bool,
}

/// What the roll-up is told.
pub enum Event {
    /// A commit.
    Committed(Committed),
    /// Everything that was there has been read and committed.
    CaughtUp,
}

/// Everything a run needs.
pub struct Run {
    /// Where lines come from.
    pub sources: Sources,
    /// Where they go.
    pub writer: LineWriter,
    /// How they are read.
    pub tables: Arc<Tables>,
    /// What was learned before.
    pub learned: Learned,
    /// The committed positions.
    pub checkpoint: Checkpoint,
    /// Goes on when everything was read.
    pub follow: bool,
    /// Recognition threads.
    pub threads: usize,
    /// Set to end the run after a last commit.
    pub stop: Arc<AtomicBool>,
    /// Where the state of the sources is published.
    pub status: watch::Sender<Status>,
    /// Where commits are handed on.
    pub committed: SyncSender<Event>,
}

enum Step {
    Chunk(ReadChunk),
    Commit { checkpoint: Checkpoint, catching_up: bool },
    CaughtUp,
}

struct ReadChunk {
    docs: Vec<LineDoc>,
    touched: Vec<Touched>,
    entries: Vec<Entry>,
    counters: (FileId, Counters),
}

type Tally = Arc<Mutex<BTreeMap<FileId, Counters>>>;

/// Reads until everything is read (or, following, until stopped). Returns what was learned.
pub fn run(run: Run) -> Result<(), IngestError> {
    let Run { mut sources, writer, tables, learned, checkpoint, follow, threads, stop, status, committed } = run;
    let tally: Tally = Arc::new(Mutex::new(checkpoint.files.iter().map(|f| (f.id, f.counters)).collect()));
    let known = Arc::new(Mutex::new(Arc::new(learned.clone())));
    let (jobs, job_queue) = mpsc::sync_channel::<(u64, Chunk)>(4);
    let (steps, step_queue) = mpsc::sync_channel::<(u64, Step)>(8);
    let job_queue = Arc::new(Mutex::new(job_queue));
    thread::scope(|scope| {
        for n in 0..threads.max(1) {
            let (queue, out, tables) = (job_queue.clone(), steps.clone(), tables.clone());
            thread::Builder::new().name(format!("recognise-{n}")).spawn_scoped(scope, move || recognise_chunks(&queue, &out, tables)).map_err(|_| IngestError::Worker)?;
        }
        let (tally_w, known_w) = (tally.clone(), known.clone());
        let write = thread::Builder::new()
            .name("write".into())
            .spawn_scoped(scope, move || write_steps(writer, &step_queue, learned, &tally_w, &known_w, &committed))
            .map_err(|_| IngestError::Worker)?;
        let read = read_sources(&mut sources, &jobs, &steps, follow, &stop, &checkpoint, |sources| publish(sources, &tally, &known, follow, &status));
        drop(jobs);
        drop(steps);
        let written = write.join().map_err(|_| IngestError::Worker)?;
        publish(&mut sources, &tally, &known, follow, &status);
        // A reader that found its channel closed only says that the writer failed: the writer's reason is the one to tell.
        written?;
        read
    })
}

fn read_sources(
    sources: &mut Sources,
    jobs: &SyncSender<(u64, Chunk)>,
    steps: &SyncSender<(u64, Step)>,
    follow: bool,
    stop: &AtomicBool,
    start: &Checkpoint,
    mut publish: impl FnMut(&mut Sources),
) -> Result<(), IngestError> {
    let (mut sequence, mut bytes, mut records) = (0_u64, 0_usize, 0_usize);
    let (mut begun, mut published) = (Instant::now(), Instant::now());
    let mut committed = start.files.clone();
    let mut told = false;
    publish(sources);
    loop {
        let stopping = stop.load(Ordering::Relaxed);
        let chunk = if stopping { None } else { sources.next(CHUNK_BYTES)? };
        let idle = chunk.is_none();
        if let Some(chunk) = chunk {
            if bytes == 0 {
                begun = Instant::now();
            }
            bytes += chunk.bytes.len();
            records += chunk.records.len();
            jobs.send((sequence, chunk)).map_err(|_| IngestError::Worker)?;
            sequence += 1;
        }
        let unread = sources.unread_bytes();
        let catching_up = unread > CATCHING_UP_BYTES;
        let end = if catching_up { &BULK_BATCH } else { &FOLLOW_BATCH };
        let full = bytes >= end.bytes || records >= end.records || (bytes > 0 && begun.elapsed() >= end.age);
        let finished = stopping || (!follow && idle && sources.finished());
        if full || (bytes > 0 && idle && (unread == 0 || finished)) || finished {
            let files = sources.checkpoint();
            if bytes > 0 || files != committed {
                let checkpoint = Checkpoint { version: PAYLOAD_VERSION, generation: 0, files: files.clone() };
                steps.send((sequence, Step::Commit { checkpoint, catching_up })).map_err(|_| IngestError::Worker)?;
                sequence += 1;
                committed = files;
            }
            (bytes, records) = (0, 0);
        }
        if bytes == 0 && idle && unread == 0 && !told {
            steps.send((sequence, Step::CaughtUp)).map_err(|_| IngestError::Worker)?;
            sequence += 1;
            told = true;
        }
        if published.elapsed() >= STATUS_EVERY || finished {
            publish(sources);
            published = Instant::now();
        }
        if finished {
            return Ok(());
        }
        if idle {
            sources.wait(Duration::from_millis(250));
        }
    }
}

fn recognise_chunks(queue: &Mutex<Receiver<(u64, Chunk)>>, out: &SyncSender<(u64, Step)>, tables: Arc<Tables>) {
    let mut reader = Reader::new(tables);
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((sequence, chunk)) = job else { return };
        if out.send((sequence, Step::Chunk(read_chunk(&mut reader, &chunk)))).is_err() {
            return;
        }
    }
}

fn read_chunk(reader: &mut Reader, chunk: &Chunk) -> ReadChunk {
    let mut out = ReadChunk {
        docs: Vec::with_capacity(chunk.records.len()),
        touched: Vec::with_capacity(chunk.records.len()),
        entries: Vec::with_capacity(chunk.records.len()),
        counters: (chunk.file, Counters::default()),
    };
    let mut entries = Vec::new();
    for span in &chunk.records {
        let raw = &chunk.bytes[span.at.clone()];
        let record = Record { file: chunk.file, source: &chunk.source, start: span.start, line: span.line, raw };
        reader.read(&record, &mut entries);
        count(&mut out.counters.1, &entries, span);
        let mut doc = LineDoc {
            file: chunk.file,
            start: span.start,
            end: span.end,
            line: span.line,
            lines: span.lines,
            raw: raw.to_vec(),
            cut: span.cut.clone(),
            source: chunk.source.clone(),
            ..LineDoc::default()
        };
        describe(&mut doc, &entries);
        out.docs.push(doc);
        out.touched.push(touched(chunk, span.start, span.line, &entries));
        out.entries.append(&mut entries);
    }
    out
}

fn count(counters: &mut Counters, entries: &[Entry], span: &crate::model::record::RecordSpan) {
    let bytes = span.end - span.start;
    let kept = span.cut.as_ref().map_or(bytes, |_| span.at.len() as u64);
    if entries.iter().any(|e| e.reading.unparsed) {
        counters.unparsed += 1;
        counters.unparsed_bytes += kept;
    } else {
        counters.ok += 1;
        counters.text += u64::from(entries.iter().all(|e| !e.reading.json));
        counters.ok_bytes += kept;
    }
}

fn describe(doc: &mut LineDoc, entries: &[Entry]) {
    for entry in entries {
        recognise::terms(entry, &mut |term| doc.ids.push(term));
        recognise::prose(entry, &mut doc.words);
        doc.level = doc.level.max(entry.severity);
        doc.time_ns = doc.time_ns.or(entry.time.or(entry.received).map(|t| t.unix_ns));
        if doc.service.is_none() {
            doc.service.clone_from(&entry.service);
        }
    }
    doc.ids.sort_unstable();
    doc.ids.dedup();
}

fn touched(chunk: &Chunk, start: u64, line: u64, entries: &[Entry]) -> Touched {
    let mut terms: Vec<u64> = entries.iter().flat_map(|e| &e.ids).filter(|id| roles::is_work(id.kind)).filter_map(roles::unit_key).map(|key| term_hash(&key)).collect();
    terms.sort_unstable();
    terms.dedup();
    // An entry without a work id can be in no path: its facts need not be kept.
    let packed = if terms.is_empty() { Vec::new() } else { postcard::to_allocvec(entries).unwrap_or_default() };
    Touched {
        file: chunk.file,
        start,
        line,
        source: chunk.source.clone(),
        entries: if packed.is_empty() { 0 } else { entries.len() as u32 },
        packed: packed.into(),
        terms: terms.into(),
    }
}

fn write_steps(
    mut writer: LineWriter,
    queue: &Receiver<(u64, Step)>,
    mut learned: Learned,
    tally: &Tally,
    known: &Mutex<Arc<Learned>>,
    committed: &SyncSender<Event>,
) -> Result<(), StoreError> {
    let mut waiting: BTreeMap<u64, Step> = BTreeMap::new();
    let mut next = 0;
    let mut touched: Vec<Touched> = Vec::new();
    while let Ok((sequence, step)) = queue.recv() {
        waiting.insert(sequence, step);
        while let Some(step) = waiting.remove(&next) {
            next += 1;
            match step {
                Step::Chunk(chunk) => {
                    chunk.docs.into_iter().try_for_each(|doc| writer.add(doc))?;
                    chunk.entries.iter().for_each(|e| learned.observe(e));
                    tally.lock().unwrap_or_else(PoisonError::into_inner).entry(chunk.counters.0).or_default().add(&chunk.counters.1);
                    touched.extend(chunk.touched.into_iter().filter(|t| !t.terms.is_empty()));
                }
                Step::Commit { mut checkpoint, catching_up } => {
                    merge_counters(&mut checkpoint, tally);
                    let bytes = learned.to_bytes();
                    let generation = writer.commit(&checkpoint, &bytes)?;
                    let snapshot = Arc::new(learned.clone());
                    *known.lock().unwrap_or_else(PoisonError::into_inner) = snapshot.clone();
                    // Nobody listens when only the lines were asked for.
                    let batch = Committed { generation, touched: std::mem::take(&mut touched), learned: snapshot, catching_up };
                    let _ = committed.send(Event::Committed(batch));
                }
                Step::CaughtUp => {
                    let _ = committed.send(Event::CaughtUp);
                }
            }
        }
    }
    Ok(())
}

/// What reading counts (blank, cut) and what recognition counts (ok, text, unparsed) come together.
fn merge_counters(checkpoint: &mut Checkpoint, tally: &Tally) {
    let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    for file in &mut checkpoint.files {
        if let Some(mine) = tally.get(&file.id) {
            take_counts(&mut file.counters, mine);
        }
    }
}

fn take_counts(to: &mut Counters, mine: &Counters) {
    (to.ok, to.text, to.unparsed) = (mine.ok, mine.text, mine.unparsed);
    (to.ok_bytes, to.unparsed_bytes) = (mine.ok_bytes, mine.unparsed_bytes);
}

fn publish(sources: &mut Sources, tally: &Tally, known: &Mutex<Arc<Learned>>, follow: bool, out: &watch::Sender<Status>) {
    let (mut list, skipped) = sources.status();
    let learned = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let profile = learned.profile();
    let tally = tally.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut newest: Option<i64> = None;
    for source in &mut list {
        if let Some(mine) = tally.get(&source.id) {
            take_counts(&mut source.counters, mine);
        }
        if let Some(facts) = learned.sources.get(&source.name) {
            let offset = profile.zones.get(&source.name).map_or(0, |z| i64::from(z.offset_s) * 1_000_000_000);
            source.coverage = facts.span(offset).map(|(a, b)| (UnixNanos(a), UnixNanos(b)));
            source.conventions = facts.conventions();
            source.evidence = facts.evidence();
            source.services = facts.services();
            source.zone = facts.zone_words(profile.zones.get(&source.name));
            newest = newest.max(source.coverage.map(|c| c.1.0));
        }
    }
    let backlog_bytes = sources.unread_bytes();
    let read_bytes = list.iter().map(|s| s.counters.bytes()).sum();
    out.send_replace(Status { sources: list, skipped, backlog_bytes, read_bytes, following: follow, newest: newest.map(UnixNanos), paused: None });
}

/// Counters of every lineage of a checkpoint added up.
pub fn totals(checkpoint: &Checkpoint) -> Counters {
    let mut sum = Counters::default();
    checkpoint.files.iter().for_each(|f| sum.add(&f.counters));
    sum
}

/// Lineages of a checkpoint by id: the name of the log and the path it is shown under.
pub fn lineages(checkpoint: &Checkpoint) -> FxHashMap<FileId, Arc<str>> {
    checkpoint.files.iter().map(|f| (f.id, Arc::from(f.shown.as_str()))).collect()
}
