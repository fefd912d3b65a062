//! Stored records as entries: reads what the index holds back through recognition, once a record.
//!
//! Guarantees: an entry read here equals the one read at ingest (reading is a pure function of the record, its source's name and the customs decided of it).
//! Bounded by the limits its callers give. Never writes.

use crate::{
    model::{
        checkpoint::Checkpoint,
        entry::{Entry, FileId},
        profile::Profile,
        record::Record,
        trace::LineRef,
    },
    query::{
        assemble::{LineSource, Place},
        resolve::TermSource,
        view::QueryError,
    },
    recognise::{Reader, Tables},
    store::{Address, LineReader, StoreError, StoredRecord},
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Instant,
};

/// What a lineage is called.
#[derive(Debug, Clone)]
pub struct Lineage {
    /// Path as shown.
    pub shown: Arc<str>,
    /// Name of the log.
    pub source: Arc<str>,
}

/// Lineages by id.
pub type Lineages = FxHashMap<FileId, Lineage>;

/// Names of the lineages of a checkpoint.
pub fn lineages(checkpoint: &Checkpoint) -> Lineages {
    checkpoint.files.iter().map(|f| (f.id, Lineage { shown: Arc::from(f.shown.as_str()), source: Arc::from(f.source.as_str()) })).collect()
}

/// Texts of records beyond so many bytes are not kept with what was read of them: a question about thousands of long records shows few of them.
const MAX_TEXT_BYTES: usize = 4 << 20;

/// A record with its entries.
pub struct Loaded {
    /// As stored; without its text if that is to be read again.
    pub stored: StoredRecord,
    /// Where its text is, if it is not here.
    text: Option<Address>,
    /// As read.
    pub entries: Vec<Arc<Entry>>,
    /// Path as shown.
    pub shown: Arc<str>,
}

/// Reads records of one snapshot of the index. Lives for one question.
pub struct IndexLines<'a> {
    reader: &'a LineReader,
    lineages: &'a Lineages,
    recogniser: RefCell<Reader>,
    loaded: RefCell<FxHashMap<(u64, u64), Rc<Loaded>>>,
    /// Room for the entries of one record.
    scratch: RefCell<Vec<Entry>>,
    /// Bytes of the texts that are kept.
    text_bytes: Cell<usize>,
    unnamed: Lineage,
    limit: Option<Limit>,
}

/// How long a question may take.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// When it ends.
    pub until: Instant,
    /// The whole length, for the words.
    pub limit_ms: u64,
}

impl Limit {
    /// From now on.
    pub fn of_ms(limit_ms: u64) -> Self {
        Self { until: Instant::now() + std::time::Duration::from_millis(limit_ms), limit_ms }
    }

    /// An even share of what is left of it.
    #[must_use]
    pub fn share(self, among: u32) -> Self {
        let now = Instant::now();
        Self { until: now + self.until.saturating_duration_since(now) / among.max(1), ..self }
    }

    /// It has passed.
    pub fn passed(&self) -> bool {
        Instant::now() >= self.until
    }

    /// An error once it has passed.
    pub fn check(&self) -> Result<(), QueryError> {
        if self.passed() { Err(QueryError::Deadline { limit_ms: self.limit_ms }) } else { Ok(()) }
    }
}

impl<'a> IndexLines<'a> {
    /// Over a snapshot.
    pub fn new(reader: &'a LineReader, lineages: &'a Lineages, profile: &Profile, tables: Arc<Tables>, limit: Option<Limit>) -> Self {
        let unnamed = Lineage { shown: Arc::from("(unknown file)"), source: Arc::from("unknown") };
        let mut recogniser = Reader::new(tables);
        recogniser.tell(profile.customs.clone());
        Self { reader, lineages, recogniser: RefCell::new(recogniser), loaded: RefCell::default(), scratch: RefCell::default(), text_bytes: Cell::new(0), unnamed, limit }
    }

    /// Reads a stored record. What is returned holds its text.
    pub fn read(&self, stored: StoredRecord) -> Rc<Loaded> {
        self.read_from(stored, None)
    }

    /// The same of a record that is found again at an address: then its text may be left there.
    fn read_from(&self, mut stored: StoredRecord, address: Option<Address>) -> Rc<Loaded> {
        let key = (stored.file.0, stored.start);
        if let Some(known) = self.loaded.borrow().get(&key).filter(|known| known.text.is_none() || address.is_some()) {
            return known.clone();
        }
        let lineage = self.lineages.get(&stored.file).unwrap_or(&self.unnamed);
        let record = Record { file: stored.file, source: &lineage.source, start: stored.start, line: stored.line, raw: &stored.raw };
        let mut read = self.scratch.borrow_mut();
        self.recogniser.borrow_mut().read(&record, &mut read);
        // Collected from a drain: what is collected from the vector itself would keep its room for four entries with every record.
        let kept = |mut entry: Entry| {
            entry.ids.shrink_to_fit();
            Arc::new(entry)
        };
        let entries = read.drain(..).map(kept).collect();
        let text = address.filter(|_| self.text_bytes.get() > MAX_TEXT_BYTES);
        if text.is_some() {
            stored.raw = Vec::new();
        }
        self.text_bytes.set(self.text_bytes.get() + stored.raw.len());
        let loaded = Rc::new(Loaded { entries, shown: lineage.shown.clone(), stored, text });
        self.loaded.borrow_mut().insert(key, loaded.clone());
        loaded
    }

    /// A record read before.
    pub fn loaded(&self, file: u64, start: u64) -> Option<Rc<Loaded>> {
        self.loaded.borrow().get(&(file, start)).cloned()
    }

    /// The whole of a record read before.
    pub fn whole(&self, loaded: &Loaded) -> Result<StoredRecord, QueryError> {
        match loaded.text {
            Some(address) => self.reader.fetch_at(address).map_err(store),
            None => Ok(loaded.stored.clone()),
        }
    }

    /// The text of a record read before.
    pub fn text(&self, file: u64, start: u64) -> Result<Arc<str>, QueryError> {
        let Some(loaded) = self.loaded(file, start) else { return Ok(Arc::default()) };
        Ok(match loaded.text {
            Some(_) => String::from_utf8_lossy(&self.whole(&loaded)?.raw).into(),
            None => String::from_utf8_lossy(&loaded.stored.raw).into(),
        })
    }

    /// Records read before, by their lines.
    pub fn at_lines(&self, lines: &[LineRef]) -> Vec<Rc<Loaded>> {
        if lines.is_empty() {
            return Vec::new();
        }
        let wanted: FxHashSet<(&str, u64)> = lines.iter().map(|l| (&*l.file, l.line)).collect();
        let mut found: Vec<Rc<Loaded>> = self.loaded.borrow().values().filter(|l| wanted.contains(&(&*l.shown, l.stored.line))).cloned().collect();
        found.sort_by_key(|l| (l.stored.file, l.stored.start));
        found
    }

    /// Records that carry a term, read.
    pub fn records(&self, term: &str, limit: usize) -> Result<Vec<Rc<Loaded>>, QueryError> {
        if let Some(limit) = &self.limit {
            limit.check()?;
        }
        let found = self.reader.places(term, limit).map_err(store)?;
        let mut out = Vec::with_capacity(found.len());
        for place in found {
            out.push(match self.loaded(place.file.0, place.start) {
                Some(known) => known,
                None => self.read_from(self.reader.fetch(&place).map_err(store)?, Some(place.address)),
            });
        }
        Ok(out)
    }

    /// Forgets all records but these.
    pub fn keep(&self, places: impl Iterator<Item = (u64, u64)>) {
        let kept: FxHashSet<(u64, u64)> = places.collect();
        let mut loaded = self.loaded.borrow_mut();
        loaded.retain(|place, _| kept.contains(place));
        loaded.shrink_to_fit();
        self.text_bytes.set(loaded.values().map(|l| l.stored.raw.len()).sum());
    }

    /// Forgets what was read.
    pub fn forget(&self) {
        self.loaded.borrow_mut().clear();
        self.text_bytes.set(0);
    }
}

impl LineSource for IndexLines<'_> {
    type Error = QueryError;

    fn count(&self, term: &str) -> u64 {
        self.reader.count(term)
    }

    fn places(&self, term: &str, limit: usize) -> Result<Vec<Place>, QueryError> {
        let records = self.records(term, limit)?;
        Ok(records.iter().flat_map(|r| (0..r.entries.len() as u32).map(|sub| (r.stored.file.0, r.stored.start, sub))).collect())
    }

    fn load(&self, place: Place) -> Result<(Arc<Entry>, Arc<str>), QueryError> {
        let loaded = self.loaded(place.0, place.1);
        loaded
            .and_then(|l| l.entries.get(place.2 as usize).map(|e| (e.clone(), l.shown.clone())))
            .ok_or_else(|| QueryError::Store(format!("record {:x}:{} is not there", place.0, place.1)))
    }

    fn end_of(&self, place: Place) -> Option<u64> {
        self.loaded(place.0, place.1).map(|l| l.stored.end)
    }
}

impl TermSource for IndexLines<'_> {
    fn prefixed(&self, prefix: &str, limit: usize) -> Vec<String> {
        self.reader.prefixed(prefix, limit)
    }

    fn containing(&self, text: &str, limit: usize) -> Result<Vec<String>, QueryError> {
        Ok(self.reader.containing(text, limit, self.limit.map(|l| l.share(2).until)).map_err(store)?.into_iter().collect())
    }

    fn ending(&self, text: &str, limit: usize) -> Result<Vec<String>, QueryError> {
        Ok(self.reader.ending(text, limit, self.limit.map(|l| l.share(2).until)).map_err(store)?.into_iter().collect())
    }
}

/// The words of a store's error.
pub fn store(error: StoreError) -> QueryError {
    match error {
        StoreError::Cursor => QueryError::Cursor,
        other => QueryError::Store(other.to_string()),
    }
}
