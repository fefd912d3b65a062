//! File events as hints, and the bell that ends a wait.
//!
//! Guarantees: directories are watched, not files; the callback only sets a flag, so no queue can overflow. When watches run out or are switched
//! off reading goes on by polling, and [`Events::polling`] says why. Never a truth about files: the scan is.

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// More directories than this are polled.
const MAX_WATCHES: usize = 4096;

#[derive(Debug, Default)]
struct Signal {
    flags: Mutex<Hints>,
    bell: Condvar,
}

/// What happened since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hints {
    /// Somebody called [`WakeHandle::wake`].
    pub woken: bool,
    /// Some file was written.
    pub written: bool,
    /// Names changed, or events were lost: list again.
    pub relist: bool,
}

impl Signal {
    fn flags(&self) -> MutexGuard<'_, Hints> {
        self.flags.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, change: impl FnOnce(&mut Hints)) {
        change(&mut self.flags());
        self.bell.notify_all();
    }
}

/// Ends a wait from another thread.
#[derive(Debug, Clone, Default)]
pub struct WakeHandle(Arc<Signal>);

impl WakeHandle {
    /// The current or the next `wait` returns at once.
    pub fn wake(&self) {
        self.0.set(|hints| hints.woken = true);
    }

    /// Says that bytes were written where no event tells it.
    pub(super) fn written(&self) {
        self.0.set(|hints| hints.written = true);
    }

    /// Says that names changed where no event tells it.
    pub(super) fn relist(&self) {
        self.0.set(|hints| hints.relist = true);
    }
}

/// The watcher of directories.
pub struct Events {
    signal: Arc<Signal>,
    watcher: Option<RecommendedWatcher>,
    watched: HashSet<PathBuf>,
    polling: Option<String>,
}

impl Events {
    /// Starts watching, unless `poll_only`.
    pub fn new(poll_only: bool) -> Self {
        let signal = Arc::new(Signal::default());
        let mut events = Self { signal: Arc::clone(&signal), watcher: None, watched: HashSet::new(), polling: None };
        if poll_only {
            events.polling = Some("file events are switched off".into());
            return events;
        }
        match notify::recommended_watcher(move |event: notify::Result<notify::Event>| heard(&signal, event)) {
            Ok(watcher) => events.watcher = Some(watcher),
            Err(error) => events.polling = Some(format!("no file events: {error}")),
        }
        events
    }

    /// Why files are polled instead of watched.
    pub fn polling(&self) -> Option<&str> {
        self.polling.as_deref()
    }

    /// A handle to end waits.
    pub fn handle(&self) -> WakeHandle {
        WakeHandle(Arc::clone(&self.signal))
    }

    /// Watches these directories and no others.
    pub fn watch(&mut self, dirs: &HashSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        let gone: Vec<PathBuf> = self.watched.difference(dirs).cloned().collect();
        for dir in gone {
            let _ = watcher.unwatch(&dir);
            self.watched.remove(&dir);
        }
        for dir in dirs {
            if self.watched.contains(dir) {
                continue;
            }
            if self.watched.len() >= MAX_WATCHES {
                self.polling = Some(format!("more than {MAX_WATCHES} directories: files are polled"));
                return;
            }
            match watcher.watch(dir, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(dir.clone());
                }
                Err(error) => self.polling = Some(format!("no file events for {}: {error}", dir.display())),
            }
        }
    }

    /// Somebody asked to stop waiting; stays so until the next wait.
    pub fn is_woken(&self) -> bool {
        self.signal.flags().woken
    }

    /// The wait that a wake was for is over.
    pub fn clear_wake(&self) {
        self.signal.flags().woken = false;
    }

    /// Takes what happened so far, except a wake.
    pub fn take(&self) -> Hints {
        let mut flags = self.signal.flags();
        let woken = flags.woken;
        std::mem::replace(&mut *flags, Hints { woken, ..Hints::default() })
    }

    /// Sleeps until something happens or the moment comes; takes what happened.
    pub fn sleep_until(&self, until: Instant) -> Hints {
        let mut flags = self.signal.flags();
        while *flags == Hints::default() {
            let left = until.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                break;
            }
            flags = self.signal.bell.wait_timeout(flags, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::take(&mut *flags)
    }
}

fn heard(signal: &Signal, event: notify::Result<notify::Event>) {
    let relist = match event {
        Ok(event) if event.need_rescan() => true,
        Ok(event) => match event.kind {
            // Our own opens and closes come back as access events.
            EventKind::Access(_) => return,
            EventKind::Modify(notify::event::ModifyKind::Name(_)) | EventKind::Create(_) | EventKind::Remove(_) | EventKind::Any | EventKind::Other => true,
            EventKind::Modify(_) => false,
        },
        Err(_) => true,
    };
    signal.set(|hints| {
        hints.written = true;
        hints.relist |= relist;
    });
}
