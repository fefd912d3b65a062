//! The threads that read logs and keep rows: started together, restarted from the committed positions after an error of the store,
//! stopped in order.
//!
//! Guarantees: after an error nothing goes on with the same writer; the reason is on the status page; when asked to stop, what was
//! read is committed first. It never touches a line.

use crate::{
    ingest::{self, Event, IngestError, Run},
    model::{
        checkpoint::{FileCheckpoint, FileState},
        status::{SourceStatus, Status},
        time::UnixNanos,
    },
    recognise::Tables,
    reconstruct::learn::{Learned, SourceFacts},
    rollup::Rollup,
    source::{Sources, WakeHandle, Watch},
    store::{RowStore, Store, WriterOptions},
};
use anyhow::{Context, Result, anyhow};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::sync::watch;

/// Waits between tries after an error of the store.
const BACKOFF_S: [u64; 5] = [1, 2, 5, 10, 30];

/// Threads that recognise lines and build segments.
const THREADS: usize = 2;
/// Memory for the terms of a batch, shared by those threads.
const HEAP_BYTES: usize = 100_000_000;

#[derive(Default)]
struct Flags {
    stop: Arc<AtomicBool>,
    caught_up: AtomicBool,
    done: AtomicBool,
    wake: Mutex<Option<WakeHandle>>,
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
        let flags = Arc::new(Flags::default());
        let (status_out, status) = watch::channel(Status::default());
        let (failure_out, failure) = watch::channel(None);
        let (events, event_queue) = mpsc::sync_channel(0);
        let sources = Sources::open(watched.clone(), store.reader().checkpoint())?;
        *flags.wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(sources.wake_handle());
        let rollup = {
            let (store, tables, flags, failure) = (store.clone(), tables.clone(), flags.clone(), failure_out.clone());
            thread::Builder::new().name("rows".into()).spawn(move || {
                let result = keep_rows(store, &rows, tables, &event_queue, &flags);
                flags.done.store(true, Ordering::Release);
                tell(&failure, &result);
                result
            })?
        };
        let reading = {
            let flags = flags.clone();
            thread::Builder::new().name("read".into()).spawn(move || {
                let result = read(&store, &tables, &watched, sources, &events, &status_out, &flags);
                tell(&failure_out, &result);
                result
            })?
        };
        Ok(Self { flags, status, failure, threads: vec![reading, rollup] })
    }

    /// Reads nothing: keeps the rows of what was read before.
    pub fn of_kept(store: Arc<Store>, rows: Arc<RowStore>, tables: Arc<Tables>) -> Result<Self> {
        let flags = Arc::new(Flags::default());
        let (_, status) = watch::channel(kept(&store));
        let (failure_out, failure) = watch::channel(None);
        let (_, no_events) = mpsc::sync_channel(0);
        let over = flags.clone();
        let rollup = thread::Builder::new().name("rows".into()).spawn(move || {
            let result = keep_rows(store, &rows, tables, &no_events, &over);
            over.done.store(true, Ordering::Release);
            tell(&failure_out, &result);
            result
        })?;
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

    /// Nothing runs any more.
    pub fn is_done(&self) -> bool {
        self.flags.done.load(Ordering::Acquire)
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

    /// Asks everything to end after a last commit.
    pub fn stop(&self) {
        self.flags.stop.store(true, Ordering::Release);
        if let Some(wake) = &*self.flags.wake.lock().unwrap_or_else(PoisonError::into_inner) {
            wake.wake();
        }
    }

    /// Waits for the end and gives the last state of the sources.
    pub fn finish(self) -> Result<Status> {
        let mut first: Result<()> = Ok(());
        for thread in self.threads {
            let ended = thread.join().map_err(|_| anyhow!("a thread of the pipeline panicked"))?;
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
        let facts = learned.sources.get(&file.source);
        let offset = profile.zones.get(&file.source).map_or(0, |z| i64::from(z.offset_s) * 1_000_000_000);
        SourceStatus {
            id: file.id,
            path: file.shown.clone(),
            name: file.source.clone(),
            kind: file.kind,
            state: FileState::Done,
            counters: file.counters,
            coverage: facts.and_then(|f| f.span(offset)).map(|(a, b)| (UnixNanos(a), UnixNanos(b))),
            conventions: facts.map(SourceFacts::conventions).unwrap_or_default(),
            evidence: facts.map(SourceFacts::evidence).unwrap_or_default(),
            services: facts.map(SourceFacts::services).unwrap_or_default(),
            zone: facts.and_then(|f| f.zone_words(profile.zones.get(&file.source))),
            ..SourceStatus::default()
        }
    };
    let sources: Vec<SourceStatus> = reader.checkpoint().files.iter().map(source).collect();
    let newest = sources.iter().filter_map(|s| s.coverage.map(|c| c.1)).max();
    Status { read_bytes: sources.iter().map(|s| s.counters.bytes()).sum(), sources, newest, ..Status::default() }
}

fn tell(failure: &watch::Sender<Option<String>>, result: &Result<()>) {
    if let Err(error) = result {
        failure.send_if_modified(|f| {
            let fresh = f.is_none();
            f.get_or_insert_with(|| format!("{error:#}"));
            fresh
        });
    }
}

fn read(store: &Store, tables: &Arc<Tables>, watched: &Watch, mut sources: Sources, events: &SyncSender<Event>, status: &watch::Sender<Status>, flags: &Arc<Flags>) -> Result<()> {
    let mut tries = 0;
    loop {
        let reader = store.reload()?;
        let before = reader.generation();
        let run = Run {
            sources,
            writer: store.writer(&WriterOptions { shards: THREADS + 1, heap_bytes: HEAP_BYTES, ..WriterOptions::default() })?,
            tables: tables.clone(),
            learned: Learned::from_bytes(reader.learned()).unwrap_or_default(),
            checkpoint: reader.checkpoint().clone(),
            follow: watched.follow,
            threads: THREADS,
            stop: flags.stop.clone(),
            status: status.clone(),
            committed: events.clone(),
        };
        match ingest::run(run) {
            Ok(()) => return Ok(()),
            Err(IngestError::Store(error)) if watched.follow && !flags.stop.load(Ordering::Acquire) => {
                tracing::error!(error = %error, "the index could not be written; reading waits and goes on from the committed positions");
                status.send_modify(|s| s.paused = Some(error.to_string()));
                pause(BACKOFF_S[tries.min(BACKOFF_S.len() - 1)], flags);
                tries = if store.reload().is_ok_and(|r| r.generation() > before) { 0 } else { tries + 1 };
            }
            Err(error) => return Err(error.into()),
        }
        sources = reopen(store, watched)?;
        *flags.wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(sources.wake_handle());
    }
}

fn reopen(store: &Store, watched: &Watch) -> Result<Sources> {
    let reader = store.reload().context("the index could not be reopened after an error")?;
    Ok(Sources::open(watched.clone(), reader.checkpoint())?)
}

fn pause(seconds: u64, flags: &Flags) {
    for _ in 0..seconds * 10 {
        if flags.stop.load(Ordering::Acquire) {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn keep_rows(store: Arc<Store>, rows: &RowStore, tables: Arc<Tables>, events: &Receiver<Event>, flags: &Flags) -> Result<()> {
    let mut rollup = Rollup::open(store, rows, tables)?;
    while let Ok(event) = events.recv() {
        match event {
            Event::Committed(batch) => rollup.apply(batch)?,
            Event::CaughtUp => flags.caught_up.store(true, Ordering::Release),
        }
    }
    flags.caught_up.store(true, Ordering::Release);
    Ok(())
}
