//! The threads that read logs and keep rows: started together, restarted from the committed positions after an error of the store,
//! stopped in order.
//!
//! Guarantees: after an error nothing goes on with the same writer; the reason is on the status page; a list that cannot be written does not hold
//! reading; a thread that panics ends all with an error; when asked to stop, what was read is committed first. It never touches a line.

use crate::{
    ingest::{self, Event, IngestError, Run},
    model::{
        checkpoint::{FileCheckpoint, FileState},
        status::{SourceStatus, Status},
    },
    query::view::QueryError,
    recognise::Tables,
    reconstruct::learn::Learned,
    rollup::Rollup,
    source::{Sources, WakeHandle, Watch},
    store::{LineWriter, RowStore, Store, StoreError, WriterOptions},
};
use anyhow::{Result, anyhow};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Waits between tries after an error of the store.
const BACKOFF_S: [u64; 5] = [1, 2, 5, 10, 30];

/// Threads that recognise lines and build segments.
const THREADS: usize = 2;
/// Memory for the terms of a batch, shared by those threads.
const HEAP_BYTES: usize = 100_000_000;

struct Flags {
    stop: Arc<AtomicBool>,
    caught_up: AtomicBool,
    done: AtomicBool,
    wake: WakeHandle,
}

impl Flags {
    fn new(wake: WakeHandle) -> Arc<Self> {
        Arc::new(Self { stop: Arc::default(), caught_up: AtomicBool::new(false), done: AtomicBool::new(false), wake })
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake.wake();
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Waits; true as soon as everything was asked to end.
    fn stopped_within(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        while !self.is_stopping() && Instant::now() < until {
            thread::sleep(Duration::from_millis(100));
        }
        self.is_stopping()
    }
}

fn backoff(tries: usize) -> Duration {
    Duration::from_secs(BACKOFF_S[tries.min(BACKOFF_S.len() - 1)])
}

/// What runs.
pub struct Pipeline {
    flags: Arc<Flags>,
    status: watch::Receiver<Status>,
    failure: watch::Receiver<Option<String>>,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl Pipeline {
    /// Opens the sources and starts reading.
    pub fn start(store: Arc<Store>, rows: Arc<RowStore>, tables: Arc<Tables>, watched: Watch) -> Result<Self> {
        let (status_out, status) = watch::channel(Status::default());
        let (failure_out, failure) = watch::channel(None);
        let (events, event_queue) = mpsc::sync_channel(0);
        let follow = watched.follow;
        let sources = Sources::open(watched, store.reader().checkpoint())?;
        let flags = Flags::new(sources.wake_handle());
        let list = List { store: store.clone(), rows, tables: tables.clone(), status: status_out.clone(), flags: flags.clone(), follow };
        let rollup = spawn("rows", &flags, &failure_out, move || list.keep(&event_queue))?;
        let lines = Lines { store, tables, events, status: status_out, flags: flags.clone(), follow };
        let reading = spawn("read", &flags, &failure_out, move || lines.read(sources))?;
        Ok(Self { flags, status, failure, threads: vec![reading, rollup] })
    }

    /// Reads nothing: keeps the rows of what was read before.
    pub fn of_kept(store: Arc<Store>, rows: Arc<RowStore>, tables: Arc<Tables>) -> Result<Self> {
        let (status_out, status) = watch::channel(kept(&store));
        let (failure_out, failure) = watch::channel(None);
        let (_, no_events) = mpsc::sync_channel(0);
        let flags = Flags::new(WakeHandle::default());
        let list = List { store, rows, tables, status: status_out, flags: flags.clone(), follow: false };
        let rollup = spawn("rows", &flags, &failure_out, move || list.keep(&no_events))?;
        Ok(Self { flags, status, failure, threads: vec![rollup] })
    }

    /// The state of the sources.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Everything that was there at the start has been read and has its rows.
    pub fn is_caught_up(&self) -> bool {
        self.flags.caught_up.load(Ordering::Acquire)
    }

    /// Nothing runs any more, or it was asked to end.
    pub fn is_done(&self) -> bool {
        self.flags.done.load(Ordering::Acquire) || self.is_stopping()
    }

    /// It was asked to end.
    pub fn is_stopping(&self) -> bool {
        self.flags.is_stopping()
    }

    /// What asks everything to end after a last commit, also while somebody else holds the pipeline.
    pub fn stopper(&self) -> impl Fn() + Send + use<> {
        let flags = self.flags.clone();
        move || flags.stop()
    }

    /// Resolves with the reason when reading or row keeping ends in an error.
    pub fn failed(&self) -> impl Future<Output = anyhow::Error> + Send + use<> {
        let mut failure = self.failure.clone();
        async move {
            let reason = failure.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
            match reason {
                Some(reason) => anyhow!("{reason}"),
                // Both threads ended well (nothing is followed): the pages stay.
                None => std::future::pending().await,
            }
        }
    }

    /// Waits for the end and gives the last state of the sources.
    pub fn finish(self) -> Result<Status> {
        let mut first: Result<()> = Ok(());
        for thread in self.threads {
            let ended = thread.join().unwrap_or_else(|_| Err(anyhow!("a thread of the pipeline panicked")));
            first = first.and(ended);
        }
        first?;
        Ok(self.status.borrow().clone())
    }
}

/// How the sources stood when they were read last.
fn kept(store: &Store) -> Status {
    let reader = store.reader();
    let learned = Learned::from_bytes(reader.learned()).unwrap_or_default();
    let profile = learned.profile();
    let source = |file: &FileCheckpoint| {
        let mut source = SourceStatus {
            id: file.id,
            path: file.shown.clone(),
            name: file.source.clone(),
            kind: file.kind,
            state: FileState::Done,
            counters: file.counters,
            ..SourceStatus::default()
        };
        ingest::tell_learned(&mut source, &learned, &profile);
        source
    };
    let sources: Vec<SourceStatus> = reader.checkpoint().files.iter().map(source).collect();
    let newest = sources.iter().filter_map(|s| s.coverage.map(|c| c.1)).max();
    let (generation, lines) = (reader.generation(), reader.doc_count());
    Status { read_bytes: sources.iter().map(|s| s.counters.bytes()).sum(), sources, generation, lines, newest, ..Status::default() }
}

/// A thread whose end by an error, a panic included, is told and ends the other.
fn spawn(name: &'static str, flags: &Arc<Flags>, failure: &watch::Sender<Option<String>>, work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<JoinHandle<Result<()>>> {
    let (flags, failure) = (flags.clone(), failure.clone());
    let run = move || {
        let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(anyhow!("the thread `{name}` panicked")));
        if let Err(error) = &result {
            failure.send_if_modified(|f| {
                let fresh = f.is_none();
                f.get_or_insert_with(|| format!("{error:#}"));
                fresh
            });
            flags.stop();
        }
        result
    };
    Ok(thread::Builder::new().name(name.into()).spawn(run)?)
}

/// Reads lines into the index.
struct Lines {
    store: Arc<Store>,
    tables: Arc<Tables>,
    events: SyncSender<Event>,
    status: watch::Sender<Status>,
    flags: Arc<Flags>,
    follow: bool,
}

impl Lines {
    fn read(&self, mut sources: Sources) -> Result<()> {
        // What cannot be opened at the start is an error of the start.
        let mut writer = Some(self.writer()?);
        let mut tries = 0;
        loop {
            let before = self.store.reader().generation();
            let Err(error) = self.read_once(writer.take(), &mut sources) else { return Ok(()) };
            if !matches!(error, IngestError::Store(_)) || !self.follow || self.flags.is_stopping() {
                return Err(error.into());
            }
            tracing::error!(error = %error, "the index could not be written; reading waits and goes on from the committed positions");
            self.status.send_modify(|s| s.paused = Some(error.to_string()));
            if self.flags.stopped_within(backoff(tries)) {
                // Said already; the next start goes on from the committed positions.
                return Ok(());
            }
            tries = if self.store.reload().is_ok_and(|r| r.generation() > before) { 0 } else { tries + 1 };
            sources.rewind(self.store.reader().checkpoint());
        }
    }

    fn writer(&self) -> Result<LineWriter, StoreError> {
        self.store.writer(&WriterOptions { shards: THREADS + 1, heap_bytes: HEAP_BYTES, ..WriterOptions::default() })
    }

    fn read_once(&self, writer: Option<LineWriter>, sources: &mut Sources) -> Result<(), IngestError> {
        let writer = writer.map_or_else(|| self.writer(), Ok)?;
        let reader = self.store.reload()?;
        let run = Run {
            writer,
            tables: self.tables.clone(),
            learned: Learned::from_bytes(reader.learned()).unwrap_or_default(),
            checkpoint: reader.checkpoint().clone(),
            follow: self.follow,
            threads: THREADS,
            stop: self.flags.stop.clone(),
            status: self.status.clone(),
            committed: self.events.clone(),
        };
        ingest::run(run, sources)
    }
}

/// Keeps the rows of the list.
struct List {
    store: Arc<Store>,
    rows: Arc<RowStore>,
    tables: Arc<Tables>,
    status: watch::Sender<Status>,
    flags: Arc<Flags>,
    follow: bool,
}

impl List {
    /// Rows are never truth: while they cannot be written lines are read on, and what is behind is built later from the index.
    fn keep(&self, events: &Receiver<Event>) -> Result<()> {
        let mut tries = 0;
        while let Err(error) = self.keep_once(events, &mut tries) {
            let why = match error {
                QueryError::Store(why) => why,
                other => other.to_string(),
            };
            if !self.follow {
                return Err(anyhow!("the list of requests could not be written: {why}; the lines are kept, start again once it can be written"));
            }
            tracing::error!(error = why, "the list of requests could not be written; lines are read on, and the list follows once it can be written");
            self.status.send_modify(|s| s.list_behind = Some(why));
            if self.pass_over(events, backoff(tries)) {
                break;
            }
            tries += 1;
        }
        self.flags.caught_up.store(true, Ordering::Release);
        self.flags.done.store(true, Ordering::Release);
        Ok(())
    }

    fn keep_once(&self, events: &Receiver<Event>, tries: &mut usize) -> Result<(), QueryError> {
        let mut rollup = Rollup::open(self.store.clone(), &self.rows, self.tables.clone(), self.flags.stop.clone())?;
        self.status.send_if_modified(|s| s.list_behind.take().is_some());
        while let Ok(event) = events.recv() {
            match event {
                Event::Committed(batch) => {
                    rollup.apply(batch)?;
                    *tries = 0;
                }
                Event::CaughtUp => self.flags.caught_up.store(true, Ordering::Release),
            }
        }
        Ok(())
    }

    /// Lets reading go on for a while: what it commits is found in the index. True: reading ended.
    fn pass_over(&self, events: &Receiver<Event>, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        loop {
            match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Event::Committed(_)) => {}
                Ok(Event::CaughtUp) => self.flags.caught_up.store(true, Ordering::Release),
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
    }
}
