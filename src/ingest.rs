//! Lines into the index: reads chunks, has them recognised on worker threads, adds them in order, commits documents and positions in
//! one atom, and hands what was committed to the roll-up.
//!
//! Guarantees: channels are bounded, so reading waits for writing; documents enter the writer in the order they were read, so a commit
//! holds exactly what its positions say; the first error of the store ends the run (the caller reopens and replays from the committed
//! positions). It never interprets a record and never retries a write.

use crate::{
    model::{
        checkpoint::{Checkpoint, Counters, FileCheckpoint, PAYLOAD_VERSION},
        entry::{Entry, FileId},
        record::{Chunk, Record},
        status::Status,
        time::UnixNanos,
    },
    recognise::{self, Reader, Tables},
    reconstruct::{learn::Learned, roles},
    source::{SourceError, Sources},
    store::{LineDoc, LineWriter, Sealed, Shard, StoreError},
};
use rustc_hash::{FxHashMap, FxHasher};
use std::{
    collections::{BTreeMap, VecDeque},
    hash::{Hash, Hasher},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
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
const BULK_BATCH: BatchEnd = BatchEnd { bytes: 40 * 1024 * 1024, records: usize::MAX, age: Duration::from_secs(10) };
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
    /// How far each lineage was read with it.
    pub positions: BTreeMap<u64, u64>,
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

/// What a worker is told. Each worker has a queue of its own, so a seal comes behind the chunks it closes.
enum Job {
    Chunk(Box<Chunk>),
    Seal,
}

/// What the writer is told, by the workers and by the reader.
enum Step {
    Sealed(Box<Part>),
    Failed(StoreError),
    Commit { checkpoint: Checkpoint, catching_up: bool },
    CaughtUp,
}

/// What one worker did since the last commit.
struct Part {
    sealed: Sealed,
    touched: Vec<Touched>,
    learned: Learned,
    counters: BTreeMap<FileId, Counters>,
}

type Tally = Arc<Mutex<BTreeMap<FileId, Counters>>>;

/// Reads until everything is read (or, following, until stopped).
pub fn run(run: Run) -> Result<(), IngestError> {
    let Run { mut sources, writer, tables, learned, checkpoint, follow, threads, stop, status, committed } = run;
    let tally: Tally = Arc::new(Mutex::new(checkpoint.files.iter().map(|f| (f.id, f.counters)).collect()));
    let known = Arc::new(Mutex::new(Arc::new(learned.clone())));
    let threads = threads.max(1);
    let (steps, step_queue) = mpsc::sync_channel::<Step>(threads * 2 + 2);
    thread::scope(|scope| {
        let mut workers = Vec::with_capacity(threads);
        let mut released = Vec::with_capacity(threads);
        for n in 0..threads {
            let (jobs, job_queue) = mpsc::sync_channel::<Job>(3);
            let (release, go_on) = mpsc::sync_channel::<()>(1);
            let (shard, out, tables) = (writer.shard(), steps.clone(), tables.clone());
            let work = move || recognise_chunks(&job_queue, &out, &go_on, shard, tables);
            thread::Builder::new().name(format!("recognise-{n}")).spawn_scoped(scope, work).map_err(|_| IngestError::Worker)?;
            workers.push(jobs);
            released.push(release);
        }
        let mut committer = Committer { writer, learned, tally: tally.clone(), known: known.clone(), committed, released };
        let write = thread::Builder::new().name("write".into()).spawn_scoped(scope, move || committer.run(&step_queue)).map_err(|_| IngestError::Worker)?;
        let publish = |sources: &mut Sources| publish(sources, &tally, &known, follow, &status);
        let read = Reading { sources: &mut sources, workers: &workers, steps: &steps, follow, stop: &stop, committed: checkpoint.files.clone() }.run(publish);
        drop(workers);
        drop(steps);
        let written = write.join().map_err(|_| IngestError::Worker)?;
        publish(&mut sources);
        // A reader that found its channel closed only says that the writer failed: the writer's reason is the one to tell.
        written?;
        read
    })
}

/// The reading end: deals chunks to workers and decides when a batch ends.
struct Reading<'a> {
    sources: &'a mut Sources,
    workers: &'a [SyncSender<Job>],
    steps: &'a SyncSender<Step>,
    follow: bool,
    stop: &'a AtomicBool,
    committed: Vec<FileCheckpoint>,
}

impl Reading<'_> {
    fn run(mut self, mut publish: impl FnMut(&mut Sources)) -> Result<(), IngestError> {
        let (mut bytes, mut records) = (0_usize, 0_usize);
        let (mut begun, mut published) = (Instant::now(), Instant::now());
        // Caught up: what was there at the start has been read, however fast more is written meanwhile.
        let (mut told, mut ahead) = (false, self.sources.unread_bytes());
        publish(self.sources);
        loop {
            let stopping = self.stop.load(Ordering::Relaxed);
            let chunk = if stopping { None } else { self.sources.next(CHUNK_BYTES)? };
            let idle = chunk.is_none();
            if let Some(chunk) = chunk {
                if bytes == 0 {
                    begun = Instant::now();
                }
                bytes += chunk.bytes.len();
                records += chunk.records.len();
                ahead = ahead.saturating_sub(chunk.bytes.len() as u64);
                self.deal(chunk)?;
            }
            let unread = self.sources.unread_bytes();
            let catching_up = unread > CATCHING_UP_BYTES;
            let end = if catching_up { &BULK_BATCH } else { &FOLLOW_BATCH };
            let finished = stopping || (!self.follow && idle && self.sources.finished());
            let full = bytes >= end.bytes || records >= end.records || (bytes > 0 && begun.elapsed() >= end.age);
            if full || finished || (bytes > 0 && idle) {
                self.end_batch(bytes > 0, catching_up)?;
                (bytes, records) = (0, 0);
            }
            if bytes == 0 && !told && (ahead == 0 || finished || (idle && unread == 0)) {
                self.steps.send(Step::CaughtUp).map_err(|_| IngestError::Worker)?;
                told = true;
            }
            if published.elapsed() >= STATUS_EVERY || finished {
                publish(self.sources);
                published = Instant::now();
            }
            if finished {
                return Ok(());
            }
            if idle {
                self.sources.wait(Duration::from_millis(250));
            }
        }
    }

    /// To the first worker with room: while following one worker does all, and a commit makes one segment.
    fn deal(&self, chunk: Chunk) -> Result<(), IngestError> {
        let mut job = Job::Chunk(Box::new(chunk));
        for worker in self.workers {
            match worker.try_send(job) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(back)) => job = back,
                Err(TrySendError::Disconnected(_)) => return Err(IngestError::Worker),
            }
        }
        let first = self.workers.first().ok_or(IngestError::Worker)?;
        first.send(job).map_err(|_| IngestError::Worker)
    }

    fn end_batch(&mut self, has_records: bool, catching_up: bool) -> Result<(), IngestError> {
        let files = self.sources.checkpoint();
        if !has_records && files == self.committed {
            return Ok(());
        }
        for worker in self.workers {
            worker.send(Job::Seal).map_err(|_| IngestError::Worker)?;
        }
        let checkpoint = Checkpoint { version: PAYLOAD_VERSION, generation: 0, files: files.clone() };
        self.steps.send(Step::Commit { checkpoint, catching_up }).map_err(|_| IngestError::Worker)?;
        self.committed = files;
        Ok(())
    }
}

fn recognise_chunks(queue: &Receiver<Job>, out: &SyncSender<Step>, go_on: &Receiver<()>, mut shard: Shard, tables: Arc<Tables>) {
    let mut reader = Reader::new(tables);
    let mut part = (Vec::new(), Learned::default(), BTreeMap::new());
    while let Ok(job) = queue.recv() {
        let step = match job {
            Job::Chunk(chunk) => match read_chunk(&mut reader, &chunk, &mut shard, &mut part) {
                Ok(()) => continue,
                Err(error) => Step::Failed(error),
            },
            Job::Seal => match shard.seal() {
                Ok(sealed) => {
                    let (touched, learned, counters) = std::mem::take(&mut part);
                    Step::Sealed(Box::new(Part { sealed, touched, learned, counters }))
                }
                Err(error) => Step::Failed(error),
            },
        };
        // The next batch begins when this one is committed: a commit must hold exactly what its positions say.
        let failed = matches!(step, Step::Failed(_));
        if out.send(step).is_err() || failed || go_on.recv().is_err() {
            return;
        }
    }
}

type PartSoFar = (Vec<Touched>, Learned, BTreeMap<FileId, Counters>);

fn read_chunk(reader: &mut Reader, chunk: &Chunk, shard: &mut Shard, part: &mut PartSoFar) -> Result<(), StoreError> {
    let (touched, learned, counters) = part;
    let counters = counters.entry(chunk.file).or_default();
    let mut entries = Vec::new();
    for span in &chunk.records {
        let raw = &chunk.bytes[span.at.clone()];
        let record = Record { file: chunk.file, source: &chunk.source, start: span.start, line: span.line, raw };
        entries.clear();
        reader.read(&record, &mut entries);
        count(counters, &entries, span);
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
        entries.iter().for_each(|e| learned.observe(e));
        touched.extend(compact(chunk, span.start, span.line, &entries));
        shard.add(doc)?;
    }
    Ok(())
}

fn count(counters: &mut Counters, entries: &[Entry], span: &crate::model::record::RecordSpan) {
    let bytes = span.end - span.start;
    // What was left out of a cut record is counted where it was cut.
    let kept = span.cut.as_ref().map_or(bytes, |cut| bytes.saturating_sub(cut.length.saturating_sub(span.at.len() as u64)));
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
        for text in recognise::prose(entry) {
            doc.words.push_str(text);
            doc.words.push('\n');
        }
        doc.level = doc.level.max(entry.severity);
        doc.time_ns = doc.time_ns.or(entry.time.or(entry.received).map(|t| t.unix_ns));
        if doc.service.is_none() {
            doc.service.clone_from(&entry.service);
        }
    }
    doc.ids.sort_unstable();
    doc.ids.dedup();
}

/// An entry without a work id can be in no path: its facts need not be kept.
fn compact(chunk: &Chunk, start: u64, line: u64, entries: &[Entry]) -> Option<Touched> {
    let mut terms: Vec<u64> = entries.iter().flat_map(|e| &e.ids).filter(|id| roles::is_work(id.kind)).filter_map(roles::unit_key).map(|key| term_hash(&key)).collect();
    terms.sort_unstable();
    terms.dedup();
    if terms.is_empty() {
        return None;
    }
    let packed = postcard::to_allocvec(entries).unwrap_or_default().into();
    Some(Touched { file: chunk.file, start, line, source: chunk.source.clone(), entries: entries.len() as u32, packed, terms: terms.into() })
}

/// The writing end: waits for the parts of every worker, commits them with their positions, lets the workers go on.
struct Committer {
    writer: LineWriter,
    learned: Learned,
    tally: Tally,
    known: Arc<Mutex<Arc<Learned>>>,
    committed: SyncSender<Event>,
    released: Vec<SyncSender<()>>,
}

impl Committer {
    fn run(&mut self, queue: &Receiver<Step>) -> Result<(), StoreError> {
        let mut parts: Vec<Part> = Vec::new();
        let mut asked: VecDeque<(Checkpoint, bool)> = VecDeque::new();
        let mut caught_up = false;
        while let Ok(step) = queue.recv() {
            match step {
                Step::Sealed(part) => parts.push(*part),
                Step::Failed(error) => return Err(error),
                Step::Commit { checkpoint, catching_up } => asked.push_back((checkpoint, catching_up)),
                Step::CaughtUp => caught_up = true,
            }
            if parts.len() == self.released.len()
                && let Some((checkpoint, catching_up)) = asked.pop_front()
            {
                self.commit(std::mem::take(&mut parts), checkpoint, catching_up)?;
            }
            if caught_up && asked.is_empty() {
                caught_up = false;
                // Nobody listens when only the lines were asked for.
                let _ = self.committed.send(Event::CaughtUp);
            }
        }
        Ok(())
    }

    fn commit(&mut self, parts: Vec<Part>, mut checkpoint: Checkpoint, catching_up: bool) -> Result<(), StoreError> {
        let mut touched = Vec::new();
        for part in parts {
            self.writer.take(part.sealed)?;
            touched.extend(part.touched);
            self.learned.merge(part.learned);
            let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            part.counters.iter().for_each(|(file, c)| tally.entry(*file).or_default().add(c));
        }
        merge_counters(&mut checkpoint, &self.tally);
        let generation = self.writer.commit(&checkpoint, &self.learned.to_bytes())?;
        for release in &self.released {
            // A worker that is gone has said why.
            let _ = release.send(());
        }
        let learned = Arc::new(self.learned.clone());
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = learned.clone();
        let _ = self.committed.send(Event::Committed(Committed { generation, positions: positions(&checkpoint), touched, learned, catching_up }));
        Ok(())
    }
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

/// How far each lineage was read.
pub fn positions(checkpoint: &Checkpoint) -> BTreeMap<u64, u64> {
    checkpoint.files.iter().map(|f| (f.id.0, f.off)).collect()
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
