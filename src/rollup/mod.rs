//! Keeps one row a request fresh: rebuilds the trees a commit touched.
//!
//! Guarantees: a row equals what rebuilding it from the lines gives; rows carry the generation of the lines and the version of the
//! profile they were built from, and whatever is behind is rebuilt. Rows are never truth: losing them all costs a rebuild. It never
//! writes lines or positions.

pub mod recent;

use crate::{
    ingest::{Committed, Touched, positions, term_hash},
    model::{entry::Entry, profile::Profile},
    query::{
        assemble::{Assembler, LineSource, MAX_LINES_OF_ID, Place},
        engine,
        lines::{self, IndexLines, Lineages},
        view::QueryError,
    },
    recognise::Tables,
    reconstruct::{build, episodes, learn::Learned, roles, stretch, summary},
    rollup::recent::Recent,
    store::{LineReader, RowStore, RowWriter, Store},
};
use rustc_hash::FxHashSet;
use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Memory for records committed lately.
const RECENT_BYTES: usize = 48 * 1024 * 1024;
/// Trees between two clearings of what was fetched for them.
const FORGET_EVERY: usize = 256;
/// Records of a batch when everything is rebuilt; between two of them it can be asked to end.
const REBUILD_BATCH: usize = if cfg!(test) { 20 } else { 100_000 };

/// Keeps rows fresh.
pub struct Rollup {
    store: Arc<Store>,
    rows: RowWriter,
    tables: Arc<Tables>,
    recent: Recent,
    /// Rows stand.
    any: bool,
    profile: Arc<Profile>,
    /// Rows stand that were built with another profile.
    stale: bool,
    generation: u64,
    /// Ends a long rebuilding: the rows stay behind, and the next start rebuilds them.
    stop: Arc<AtomicBool>,
    interrupted: bool,
    /// Ids on more lines than a path takes of one, whose row stands: a further line changes nothing of it.
    hubs: FxHashSet<u64>,
}

impl Rollup {
    /// Over a store. Rows that are behind their lines are rebuilt at once, unless `stop` is set meanwhile.
    pub fn open(store: Arc<Store>, row_store: &RowStore, tables: Arc<Tables>, stop: Arc<AtomicBool>) -> Result<Self, QueryError> {
        let rows = row_store.writer().map_err(lines::store)?;
        let reader = store.reload().map_err(lines::store)?;
        let learned = Learned::from_bytes(reader.learned()).unwrap_or_default();
        let profile = Arc::new(engine::profile_of(&learned, &tables));
        let built = row_store.reader();
        let empty = reader.doc_count() == 0;
        let stamp = built.stamp();
        let fresh = empty || stamp == Some((reader.generation(), profile.version));
        // Rows of the same profile that are only behind: the records committed since are known by their positions.
        let behind = stamp.filter(|s| s.1 == profile.version).and_then(|_| serde_json::from_str::<BTreeMap<u64, u64>>(built.positions()).ok());
        let (any, generation) = (built.count() > 0, reader.generation());
        let mut rollup =
            Self { store, rows, tables, recent: Recent::new(RECENT_BYTES, empty), any, profile, stale: false, generation, stop, interrupted: false, hubs: FxHashSet::default() };
        match behind {
            _ if fresh => {}
            Some(positions) => rollup.catch_up(&reader, &learned, &positions)?,
            None => rollup.rebuild(&reader, &learned)?,
        }
        Ok(rollup)
    }

    /// Takes in what a commit brought.
    pub fn apply(&mut self, batch: Committed) -> Result<(), QueryError> {
        // It was there already when the rows were brought up to date, or it is left to the next start.
        if batch.generation <= self.generation || self.interrupted {
            return Ok(());
        }
        self.generation = batch.generation;
        let profile = engine::profile_of(&batch.learned, &self.tables);
        if profile.version != self.profile.version {
            self.stale |= self.any;
            if profile.customs != self.profile.customs {
                self.recent = Recent::new(RECENT_BYTES, false);
            }
            self.profile = Arc::new(profile);
        }
        // Its records were read before what they teach was known: from the index they are read rightly.
        if batch.misread {
            self.stale = true;
            self.recent = Recent::new(RECENT_BYTES, false);
        }
        let reader = self.store.reload().map_err(lines::store)?;
        if self.stale && !batch.catching_up {
            return self.rebuild(&reader, &batch.learned);
        }
        let count = batch.touched.len();
        batch.touched.into_iter().for_each(|t| self.recent.push(t));
        self.build_last(&reader, &batch.learned, count)?;
        self.recent.shrink();
        // While rows of another profile stand, the stamp must not claim that they are fresh.
        let version = if self.stale { 0 } else { self.profile.version };
        self.commit(&batch.positions, version)
    }

    /// Long work is given up when asked to end: nothing of it is committed, so the stamp goes on saying that the rows are behind.
    fn is_interrupted(&mut self) -> bool {
        self.interrupted |= self.stop.load(Ordering::Acquire);
        self.interrupted
    }

    fn commit(&mut self, positions: &BTreeMap<u64, u64>, profile_version: u64) -> Result<(), QueryError> {
        if self.interrupted {
            return Ok(());
        }
        let text = serde_json::to_string(positions).unwrap_or_default();
        self.rows.commit(self.generation, profile_version, &text).map_err(lines::store)
    }

    /// Rebuilds the rows of the records that were committed after the rows were.
    fn catch_up(&mut self, reader: &LineReader, learned: &Learned, covered: &BTreeMap<u64, u64>) -> Result<(), QueryError> {
        let lineages = lines::lineages(reader.checkpoint());
        let index = IndexLines::new(reader, &lineages, &self.profile, self.tables.clone(), None);
        for part in reader.since(covered).chunks(REBUILD_BATCH) {
            let mut count = 0;
            for place in part {
                let loaded = index.read(reader.fetch(place).map_err(lines::store)?);
                if let Some(touched) = pack(&loaded) {
                    self.recent.push(touched);
                    count += 1;
                }
                index.forget();
            }
            self.build_last(reader, learned, count)?;
            self.recent.shrink();
            if self.is_interrupted() {
                return Ok(());
            }
        }
        self.commit(&positions(reader.checkpoint()), self.profile.version)
    }

    /// Rebuilds every row from the stored lines.
    fn rebuild(&mut self, reader: &LineReader, learned: &Learned) -> Result<(), QueryError> {
        self.rows.clear().map_err(lines::store)?;
        self.hubs.clear();
        self.any = false;
        self.recent = Recent::new(RECENT_BYTES, true);
        let lineages = lines::lineages(reader.checkpoint());
        let index = IndexLines::new(reader, &lineages, &self.profile, self.tables.clone(), None);
        let mut count = 0;
        for stored in reader.all() {
            let loaded = index.read(stored.map_err(lines::store)?);
            if let Some(touched) = pack(&loaded) {
                self.recent.push(touched);
                count += 1;
            }
            index.forget();
            if count >= REBUILD_BATCH {
                self.build_last(reader, learned, count)?;
                self.recent.shrink();
                count = 0;
                if self.is_interrupted() {
                    return Ok(());
                }
            }
        }
        self.build_last(reader, learned, count)?;
        self.recent.shrink();
        self.stale = false;
        self.commit(&positions(reader.checkpoint()), self.profile.version)
    }

    /// Builds the rows of every tree that the last records belong to.
    fn build_last(&mut self, reader: &LineReader, learned: &Learned, count: usize) -> Result<(), QueryError> {
        let lineages = lines::lineages(reader.checkpoint());
        let profile = self.profile.clone();
        let source =
            Both { recent: &self.recent, lineages: &lineages, index: IndexLines::new(reader, &lineages, &self.profile, self.tables.clone(), None), unpacked: RefCell::default() };
        let mut assembler = Assembler::of_proved(&source, &profile);
        let coverage = engine::spans(learned, &profile);
        let (mut done, mut roots): (FxHashSet<u64>, FxHashSet<Arc<str>>) = Default::default();
        let mut built = 0;
        for record in self.recent.last(count) {
            if record.terms.iter().all(|t| done.contains(t)) {
                continue;
            }
            let mut keys: VecDeque<String> = recent::unpack(record).iter().flat_map(|entry| roles::keys_in(entry, &profile)).collect();
            while let Some(key) = keys.pop_front() {
                let hash = term_hash(&key);
                if !done.insert(hash) || self.hubs.contains(&hash) {
                    continue;
                }
                if assembler.count(&key) > MAX_LINES_OF_ID as u64 {
                    self.hubs.insert(hash);
                }
                let Some(root) = assembler.root_of(&key)? else {
                    // A number that several requests bear: which of them there are may have changed.
                    let episodes = assembler.episodes_of(&key)?;
                    if !episodes.is_empty() {
                        self.rows.replace(std::slice::from_ref(&key), &[]).map_err(lines::store)?;
                        self.rows.remove_below(&episodes::below(&key)).map_err(lines::store)?;
                        keys.extend(episodes.iter().map(ToString::to_string));
                    }
                    continue;
                };
                // A tree may leave out units that are too many: they lead to it all the same.
                if !roots.insert(root.clone()) {
                    continue;
                }
                // A number of two products is no request of either. It may have been one's until now: then what stood below it stands by itself.
                if assembler.is_of_many(&root)?.is_some() {
                    self.rows.replace(&[root.to_string()], &[]).map_err(lines::store)?;
                    keys.extend(assembler.named_with(&root)?.iter().map(std::string::ToString::to_string));
                    continue;
                }
                let mut tree = assembler.tree_of_root(&root)?;
                tree.coverage.clone_from(&coverage);
                let row = summary::summarise(&tree, &build::build(&tree, &profile));
                done.extend(tree.units.values().map(|unit| term_hash(&unit.key)));
                // A unit that was a root of its own until its parent was seen has a row no more.
                let replaced: Vec<String> = tree.units.values().filter(|unit| unit.key != root).map(|unit| unit.key.to_string()).collect();
                self.rows.replace(&replaced, &[row]).map_err(lines::store)?;
                self.any = true;
                built += 1;
                if built % FORGET_EVERY == 0 {
                    assembler.forget();
                    source.index.forget();
                    source.unpacked.borrow_mut().clear();
                }
            }
        }
        Ok(())
    }
}

fn pack(loaded: &lines::Loaded) -> Option<Touched> {
    let mut terms: Vec<u64> = loaded.entries.iter().flat_map(|e| roles::keys_to_find(e)).map(|k| term_hash(&k)).collect();
    terms.sort_unstable();
    terms.dedup();
    let entries: Vec<&Entry> = loaded.entries.iter().map(AsRef::as_ref).collect();
    let first = entries.first()?;
    (!terms.is_empty()).then(|| Touched {
        file: loaded.stored.file,
        start: loaded.stored.start,
        line: loaded.stored.line,
        source: first.source.clone(),
        entries: entries.len() as u32,
        packed: postcard::to_allocvec(&entries).unwrap_or_default().into(),
        terms: terms.into(),
    })
}

/// Recent records first, the index for the rest.
struct Both<'a> {
    recent: &'a Recent,
    lineages: &'a Lineages,
    index: IndexLines<'a>,
    unpacked: RefCell<rustc_hash::FxHashMap<(u64, u64), Vec<Arc<Entry>>>>,
}

impl Both<'_> {
    fn holds_all(&self, term: &str, hash: u64) -> bool {
        self.recent.holds_all(hash) || self.index.count(term) <= self.recent.count(hash)
    }
}

impl LineSource for Both<'_> {
    type Error = QueryError;

    fn count(&self, term: &str) -> u64 {
        // Lines without an id are not remembered: of those the index knows all.
        if stretch::is_term(term) {
            return self.index.count(term);
        }
        let hash = term_hash(term);
        if self.recent.holds_all(hash) { self.recent.count(hash) } else { self.index.count(term) }
    }

    fn places(&self, term: &str, limit: usize) -> Result<Vec<Place>, QueryError> {
        if stretch::is_term(term) {
            return self.index.places(term, limit);
        }
        let hash = term_hash(term);
        if self.holds_all(term, hash) {
            let mut out: Vec<Place> = self.recent.records(hash).take(limit).flat_map(recent::places).collect();
            out.sort_unstable();
            return Ok(out);
        }
        self.index.places(term, limit)
    }

    fn load(&self, place: Place) -> Result<(Arc<Entry>, Arc<str>), QueryError> {
        let Some(record) = self.recent.record(place.0, place.1) else { return self.index.load(place) };
        let mut unpacked = self.unpacked.borrow_mut();
        let entries = unpacked.entry((place.0, place.1)).or_insert_with(|| recent::unpack(record).into_iter().map(Arc::new).collect());
        let entry = entries.get(place.2 as usize).cloned().ok_or_else(|| QueryError::Store("a recent record lost its entries".into()))?;
        let shown = self.lineages.get(&record.file).map_or_else(|| record.source.clone(), |l| l.shown.clone());
        Ok((entry, shown))
    }

    fn end_of(&self, place: Place) -> Option<u64> {
        self.index.end_of(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ingest::{self, Run},
        source::{Sources, Watch},
        store::WriterOptions,
    };
    use std::sync::mpsc;

    /// A store that holds as many requests, of one line each.
    fn store_of(requests: usize) -> Arc<Store> {
        let dir = tempfile::tempdir().unwrap();
        let line = |n: usize| format!("{{\"time\":\"2026-11-18T13:00:{n:02}.000Z\",\"level\":\"info\",\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W{n:07}\",\"msg\":\"line\"}}\n");
        std::fs::write(dir.path().join("a.log"), (0..requests).map(line).collect::<String>()).unwrap();
        let watch = Watch { paths: vec![dir.path().display().to_string()], follow: false, spool_dir: dir.path().join("spool"), poll_only: true };
        let store = Arc::new(Store::in_memory().unwrap());
        let checkpoint = store.reader().checkpoint().clone();
        let mut sources = Sources::open(watch, &checkpoint).unwrap();
        let run = Run {
            writer: store.writer(&WriterOptions::default()).unwrap(),
            tables: Tables::builtin(),
            learned: Learned::default(),
            checkpoint,
            follow: false,
            threads: 1,
            stop: Arc::default(),
            status: tokio::sync::watch::channel(crate::model::status::Status::default()).0,
            committed: mpsc::sync_channel(0).0,
        };
        ingest::run(run, &mut sources).unwrap();
        store
    }

    #[test]
    fn a_long_rebuilding_is_given_up_when_asked_to_end_and_done_by_the_next_start() {
        let (store, rows) = (store_of(50), RowStore::in_memory().unwrap());
        let open = |stop: bool| drop(Rollup::open(store.clone(), &rows, Tables::builtin(), Arc::new(AtomicBool::new(stop))).unwrap());
        open(true);
        assert_eq!(rows.reload().unwrap().count(), 0);
        open(false);
        assert_eq!(rows.reload().unwrap().count(), 50);
    }
}
