//! The writing end: waits for the parts of every worker, commits them with their positions, lets the workers go on.
//!
//! Guarantees: a commit holds the parts of one batch and the positions behind it; whatever way reading ends, no worker is left waiting. Never
//! retries: the first error ends it.

use super::{
    Committed, Event, IngestError, Known,
    board::{Board, Seen},
    positions,
};
use crate::{
    model::{
        checkpoint::{Checkpoint, Counters},
        entry::FileId,
    },
    recognise::{self, Tables},
    reconstruct::learn::Learned,
    store::{LineWriter, Sealed},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender},
    },
};

/// What the writer is told, by the workers and by the reader.
pub enum Step {
    /// A worker closed its part of a batch.
    Sealed(Box<Part>),
    /// A worker cannot go on.
    Failed(IngestError),
    /// The positions behind a batch.
    Commit {
        /// They.
        checkpoint: Checkpoint,
        /// More is waiting to be read.
        catching_up: bool,
    },
    /// What was there at the start has been handed over; how the sources stood then.
    CaughtUp(Box<Seen>),
    /// No more batch is asked for.
    End,
}

/// What one worker did since the last commit.
pub struct Part {
    /// Its segments.
    pub sealed: Sealed,
    /// Its records in compact form.
    pub touched: Vec<super::Touched>,
    /// What they taught.
    pub learned: Learned,
    /// What was counted.
    pub counters: BTreeMap<FileId, Counters>,
    /// Under which customs the lines of each source were read.
    pub read_under: BTreeMap<String, u32>,
}

/// The writing end.
pub struct Committer {
    /// Where lines go.
    pub writer: LineWriter,
    /// How lines are read.
    pub tables: Arc<Tables>,
    /// What was learned up to the last commit.
    pub learned: Learned,
    /// Where the state is shown.
    pub board: Board,
    /// Where commits are handed on.
    pub committed: SyncSender<Event>,
    /// Lets each worker go on, with what is known now.
    pub released: Vec<SyncSender<Arc<Known>>>,
}

impl Committer {
    /// Commits until reading has ended.
    pub fn run(&mut self, queue: &Receiver<Step>) -> Result<(), IngestError> {
        let mut parts: Vec<Part> = Vec::new();
        let mut asked: VecDeque<(Checkpoint, bool)> = VecDeque::new();
        let (mut caught_up, mut ended) = (None, false);
        while let Ok(step) = queue.recv() {
            match step {
                Step::Sealed(part) => parts.push(*part),
                Step::Failed(error) => return Err(error),
                Step::Commit { checkpoint, catching_up } => asked.push_back((checkpoint, catching_up)),
                Step::CaughtUp(seen) => caught_up = Some(seen),
                Step::End => ended = true,
            }
            if parts.len() == self.released.len()
                && let Some((checkpoint, catching_up)) = asked.pop_front()
            {
                self.commit(std::mem::take(&mut parts), checkpoint, catching_up)?;
            }
            if asked.is_empty() {
                if let Some(seen) = caught_up.take() {
                    self.board.resumed();
                    // Before it is told: who is told looks there for what was read.
                    self.board.publish(*seen);
                    // Nobody listens when only the lines were asked for.
                    let _ = self.committed.send(Event::CaughtUp);
                }
                if ended {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn commit(&mut self, parts: Vec<Part>, mut checkpoint: Checkpoint, catching_up: bool) -> Result<(), IngestError> {
        let (mut touched, mut read_under) = (Vec::new(), Vec::new());
        for part in parts {
            read_under.extend(part.read_under);
            self.writer.take(part.sealed)?;
            touched.extend(part.touched);
            self.learned.merge(part.learned);
            self.board.count(&part.counters);
        }
        self.board.fill_in(&mut checkpoint);
        let generation = self.writer.commit(&checkpoint, &self.learned.to_bytes())?;
        let known = Arc::new(Known::of(&self.learned));
        for release in &self.released {
            // A worker that is gone has said why.
            let _ = release.send(known.clone());
        }
        let misread = read_under.iter().any(|(source, under)| recognise::customs_id(source, known.customs.get(source), &self.tables) != *under);
        let learned = Arc::new(self.learned.clone());
        self.board.committed(&checkpoint, learned.clone(), generation);
        self.board.resumed();
        let _ = self.committed.send(Event::Committed(Committed { generation, positions: positions(&checkpoint), touched, learned, misread, catching_up }));
        Ok(())
    }
}
