//! Lines into the index: reads chunks, has them recognised on worker threads, adds them in order, commits documents and positions in
//! one atom, and hands what was committed to the roll-up.
//!
//! Guarantees: channels are bounded, so reading waits for writing; documents enter the writer in the order they were read, so a commit
//! holds exactly what its positions say; the first error of the store ends the run (the caller rewinds and replays from the committed
//! positions), and so does the end of any thread. It never interprets a record and never retries a write.

mod board;
mod commit;

use crate::{
    model::{
        checkpoint::{Checkpoint, Counters, FileCheckpoint, PAYLOAD_VERSION},
        entry::{Entry, FileId},
        habits::Customs,
        record::{Chunk, RecordSpan},
        status::Status,
    },
    recognise::{self, Reader, Tables},
    reconstruct::{
        learn::{Learned, MAX_HABITS},
        roles, said, stretch,
    },
    source::{SourceError, Sources, WakeHandle},
    store::{LineDoc, LineWriter, Shard, StoreError},
};
pub use board::tell_learned;

use board::{Board, Seen};
use commit::{Committer, Part, Step};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::{
        Arc,
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

/// What is known of the sources when a batch begins.
#[derive(Clone)]
pub struct Known {
    /// What is decided of them.
    customs: Arc<BTreeMap<String, Customs>>,
    /// Those whose lines were counted.
    counted: FxHashSet<String>,
}

impl Known {
    fn of(learned: &Learned) -> Self {
        Self { customs: learned.profile().customs, counted: learned.habits.keys().cloned().collect() }
    }
}

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
    /// A thread ended that should not have.
    #[error("a thread that stores lines panicked")]
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
    /// Some of its records were read under other customs than those that are decided now.
    pub misread: bool,
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

/// Everything a run needs besides its sources.
pub struct Run {
    /// Where lines go.
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

/// Reads until everything is read (or, following, until stopped). After an error the sources stand behind what was committed: rewind them.
pub fn run(run: Run, sources: &mut Sources) -> Result<(), IngestError> {
    let Run { writer, tables, learned, checkpoint, follow, threads, stop, status, committed } = run;
    let threads = threads.max(1);
    let board = Board::new(&checkpoint, &learned, follow, status);
    let bell = Bell { ended: Arc::default(), wake: sources.wake_handle() };
    let known = Arc::new(Known::of(&learned));
    let (steps, step_queue) = mpsc::sync_channel::<Step>(threads * 2 + 2);
    thread::scope(|scope| {
        let mut workers = Vec::with_capacity(threads);
        let mut released = Vec::with_capacity(threads);
        let mut working = Vec::with_capacity(threads);
        let last = Last(steps.clone());
        for n in 0..threads {
            let (jobs, job_queue) = mpsc::sync_channel::<Job>(3);
            let (release, go_on) = mpsc::sync_channel::<Arc<Known>>(1);
            let (shard, out, tables, bell, known) = (writer.shard(), Out(steps.clone()), tables.clone(), bell.clone(), known.clone());
            let work = move || {
                let _bell = bell;
                recognise_chunks(&job_queue, &out, &go_on, shard, tables, known);
            };
            working.push(thread::Builder::new().name(format!("recognise-{n}")).spawn_scoped(scope, work).map_err(|_| IngestError::Worker)?);
            workers.push(jobs);
            released.push(release);
        }
        let mut committer = Committer { writer, tables, learned, board: board.clone(), committed, released };
        let writing = {
            let bell = bell.clone();
            let write = move || {
                let _bell = bell;
                committer.run(&step_queue)
            };
            thread::Builder::new().name("write".into()).spawn_scoped(scope, write).map_err(|_| IngestError::Worker)?
        };
        let read = Reading { sources, workers: &workers, steps: &steps, board: &board, follow, stop: &stop, ended: &bell.ended, committed: checkpoint.files.clone() }.run();
        drop(workers);
        drop(last);
        let written = writing.join().unwrap_or(Err(IngestError::Worker));
        // Joined by hand: a panic of theirs was told as an error.
        working.into_iter().for_each(|worker| drop(worker.join()));
        sources.committed(&board.take_spooled());
        board.publish(Seen::of(sources));
        // A reader that found its channel closed only says that the writer failed: the writer's reason is the one to tell.
        written?;
        read
    })
}

/// Dropped when a worker or the writer ends: a reader that waits for lines must not wait for ever for nobody.
#[derive(Clone)]
struct Bell {
    ended: Arc<AtomicBool>,
    wake: WakeHandle,
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        self.wake.wake();
    }
}

/// Tells the writer that no more batch is asked for, however reading ended: a worker may wait for one.
struct Last(SyncSender<Step>);

impl Drop for Last {
    fn drop(&mut self) {
        let _ = self.0.send(Step::End);
    }
}

/// A worker's way to the writer; a panic goes it too.
struct Out(SyncSender<Step>);

impl Drop for Out {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.send(Step::Failed(IngestError::Worker));
        }
    }
}

/// The reading end: deals chunks to workers and decides when a batch ends.
struct Reading<'a> {
    sources: &'a mut Sources,
    workers: &'a [SyncSender<Job>],
    steps: &'a SyncSender<Step>,
    board: &'a Board,
    follow: bool,
    stop: &'a AtomicBool,
    ended: &'a AtomicBool,
    committed: Vec<FileCheckpoint>,
}

impl Reading<'_> {
    fn run(mut self) -> Result<(), IngestError> {
        let (mut bytes, mut records) = (0_usize, 0_usize);
        let (mut begun, mut published) = (Instant::now(), Instant::now());
        // Caught up: what was there at the start has been read, however fast more is written meanwhile.
        let (mut told, mut ahead) = (false, self.sources.unread_bytes());
        let mut ends_kept = self.sources.ended();
        self.board.publish(Seen::of(self.sources));
        loop {
            if self.ended.load(Ordering::Acquire) {
                return Err(IngestError::Worker);
            }
            self.sources.committed(&self.board.take_spooled());
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
            let readable = self.sources.readable_bytes();
            let catching_up = readable > CATCHING_UP_BYTES || (stopping && readable > 0);
            let end = if catching_up { &BULK_BATCH } else { &FOLLOW_BATCH };
            let finished = stopping || (!self.follow && idle && self.sources.finished());
            let full = bytes >= end.bytes || records >= end.records || (bytes > 0 && begun.elapsed() >= end.age);
            // The end of a file is kept too: a segment of standard input goes when its end is.
            let ends = idle && ends_kept != self.sources.ended();
            if full || finished || ends || (bytes > 0 && idle) {
                self.end_batch(bytes > 0, catching_up)?;
                (bytes, records, ends_kept) = (0, 0, self.sources.ended());
            }
            if bytes == 0 && !told && (ahead == 0 || finished || (idle && readable == 0)) {
                self.steps.send(Step::CaughtUp(Box::new(Seen::of(self.sources)))).map_err(|_| IngestError::Worker)?;
                told = true;
            }
            if published.elapsed() >= STATUS_EVERY || finished {
                self.board.publish(Seen::of(self.sources));
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

fn recognise_chunks(queue: &Receiver<Job>, out: &Out, go_on: &Receiver<Arc<Known>>, mut shard: Shard, tables: Arc<Tables>, mut known: Arc<Known>) {
    let mut reader = Reader::new(tables);
    reader.tell(known.customs.clone());
    // Met in this batch; what is met is known with the next.
    let mut met = FxHashSet::default();
    let mut part = (Vec::new(), Learned::default(), BTreeMap::new());
    while let Ok(job) = queue.recv() {
        let step = match job {
            Job::Chunk(chunk) => {
                if !known.counted.contains(&*chunk.source) && known.counted.len() < MAX_HABITS && met.insert(chunk.source.clone()) {
                    reader.meet(&chunk);
                }
                reader.count();
                match read_chunk(&mut reader, &chunk, &mut shard, &mut part) {
                    Ok(()) => continue,
                    Err(error) => Step::Failed(error.into()),
                }
            }
            Job::Seal => match shard.seal() {
                Ok(sealed) => {
                    let (touched, mut learned, counters) = std::mem::take(&mut part);
                    let counted = reader.take_counted();
                    learned.observe_habits(counted.habits);
                    Step::Sealed(Box::new(Part { sealed, touched, learned, counters, read_under: counted.read_under }))
                }
                Err(error) => Step::Failed(error.into()),
            },
        };
        // The next batch begins when this one is committed: a commit must hold exactly what its positions say.
        let failed = matches!(step, Step::Failed(_));
        if out.0.send(step).is_err() || failed {
            return;
        }
        let Ok(now) = go_on.recv() else { return };
        known = now;
        reader.tell(known.customs.clone());
        met.clear();
    }
}

type PartSoFar = (Vec<Touched>, Learned, BTreeMap<FileId, Counters>);

fn read_chunk(reader: &mut Reader, chunk: &Chunk, shard: &mut Shard, part: &mut PartSoFar) -> Result<(), StoreError> {
    let (touched, learned, counters) = part;
    let counters = counters.entry(chunk.file).or_default();
    let mut entries = Vec::new();
    for span in &chunk.records {
        let record = chunk.record(span);
        entries.clear();
        reader.read(&record, &mut entries);
        count(counters, &entries, span);
        let mut doc = LineDoc {
            file: chunk.file,
            start: span.start,
            end: span.end,
            line: span.line,
            lines: span.lines,
            raw: record.raw.to_vec(),
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

fn count(counters: &mut Counters, entries: &[Entry], span: &RecordSpan) {
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
        doc.ids.extend(stretch::terms(entry).into_iter().chain(said::places(entry, doc.end)));
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

/// An entry without an id that is or may be one of work can be in no path: its facts need not be kept.
fn compact(chunk: &Chunk, start: u64, line: u64, entries: &[Entry]) -> Option<Touched> {
    let mut terms: Vec<u64> = entries.iter().flat_map(roles::keys_to_find).map(|key| term_hash(&key)).collect();
    terms.sort_unstable();
    terms.dedup();
    if terms.is_empty() {
        return None;
    }
    let packed = postcard::to_allocvec(entries).unwrap_or_default().into();
    Some(Touched { file: chunk.file, start, line, source: chunk.source.clone(), entries: entries.len() as u32, packed, terms: terms.into() })
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
