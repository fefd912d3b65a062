//! Counting a set of records by what the index keeps of them: over time, and by the name of a field.
//!
//! Guarantees: one pass over columns or postings until the deadline, and says whether it came to the end; memory is bounded by the bars and names
//! asked for. Never reads a record.

use super::{
    error::StoreError,
    fitting::{self, Ahead, RecordSet},
    reader::LineReader,
    schema::{LEVEL, SOURCE},
};
use std::{collections::BTreeMap, time::Instant};
use tantivy::{
    DocSet, TERMINATED, TantivyError,
    schema::{Field, IndexRecordOption},
};

/// Records between two looks at the clock.
const LOOK_EVERY: usize = 65_536;
/// Most names of a field that are counted.
const MAX_NAMES: usize = 2_000;

/// Counts over time, of all records and of those in further sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bars {
    /// Begin of the first bar.
    pub from_ns: i64,
    /// Length of a bar.
    pub step_ns: i64,
    /// Of each bar: all records, then those of each further set.
    pub counts: Vec<Vec<u64>>,
    /// Records outside the bars.
    pub outside: u64,
}

/// Counts by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Name and records.
    pub counts: BTreeMap<String, u64>,
    /// The deadline did not pass.
    pub complete: bool,
}

struct Clock {
    seen: usize,
    deadline: Option<Instant>,
}

impl Clock {
    fn late(&mut self) -> bool {
        self.seen += 1;
        self.seen.is_multiple_of(LOOK_EVERY) && self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

impl LineReader {
    /// Leaves the records of a set whose instant lies between, both inclusive.
    pub fn keep_between(&self, set: &mut RecordSet, (from, to): (Option<i64>, Option<i64>), ahead: &Ahead) {
        if from.is_none() && to.is_none() {
            return;
        }
        let mut kept = self.no_records();
        for (at, doc) in set.docs() {
            let time = fitting::instant(&self.segments()[at], doc, ahead);
            if time.is_some_and(|t| from.is_none_or(|f| t >= f) && to.is_none_or(|x| t <= x)) {
                kept.insert(at, doc);
            }
        }
        *set = kept;
    }

    /// First and last instant of a set. `None`: no record has one, or the deadline passed.
    pub fn span(&self, set: &RecordSet, ahead: &Ahead, deadline: Option<Instant>) -> Option<(i64, i64)> {
        let (mut clock, mut span) = (Clock { seen: 0, deadline }, None);
        for (at, doc) in set.docs() {
            if clock.late() {
                return None;
            }
            if let Some(time) = fitting::instant(&self.segments()[at], doc, ahead) {
                let (first, last) = span.unwrap_or((time, time));
                span = Some((time.min(first), time.max(last)));
            }
        }
        span
    }

    /// Counts a set over `bars` bars of `step_ns` from `from_ns` on, and beside it those in each of the further sets. `None`: the deadline passed.
    pub fn over_time(&self, set: &RecordSet, (from_ns, step_ns, bars): (i64, i64, usize), among: &[RecordSet], ahead: &Ahead, deadline: Option<Instant>) -> Option<Bars> {
        let mut out = Bars { from_ns, step_ns, counts: vec![vec![0; among.len() + 1]; bars], outside: 0 };
        let mut clock = Clock { seen: 0, deadline };
        for (at, doc) in set.docs() {
            if clock.late() {
                return None;
            }
            let Some(time) = fitting::instant(&self.segments()[at], doc, ahead) else { continue };
            let bar = (i128::from(time) - i128::from(from_ns)).div_euclid(i128::from(step_ns.max(1)));
            let Some(counts) = usize::try_from(bar).ok().and_then(|bar| out.counts.get_mut(bar)) else {
                out.outside += 1;
                continue;
            };
            counts[0] += 1;
            for (count, of) in counts[1..].iter_mut().zip(among) {
                *count += u64::from(of.has(at, doc));
            }
        }
        Some(out)
    }

    /// A set by the severity of its records; those that state none are not counted.
    pub fn by_level(&self, set: &RecordSet, deadline: Option<Instant>) -> Result<Named, StoreError> {
        self.by_name(LEVEL, set, deadline)
    }

    /// A set by the name of the log.
    pub fn by_source(&self, set: &RecordSet, deadline: Option<Instant>) -> Result<Named, StoreError> {
        self.by_name(SOURCE, set, deadline)
    }

    fn by_name(&self, field: Field, set: &RecordSet, deadline: Option<Instant>) -> Result<Named, StoreError> {
        let mut out = Named { complete: true, ..Named::default() };
        let mut clock = Clock { seen: 0, deadline };
        let mut count = || -> Result<(), TantivyError> {
            for (at, segment) in self.segments().iter().enumerate() {
                let names = segment.reader.inverted_index(field)?;
                let mut stream = names.terms().stream()?;
                while stream.advance() {
                    let mut docs = names.read_postings_from_terminfo(stream.value(), IndexRecordOption::Basic)?;
                    let (mut doc, mut found) = (docs.doc(), 0);
                    while doc != TERMINATED {
                        found += u64::from(set.has(at, doc));
                        if clock.late() {
                            out.complete = false;
                            return Ok(());
                        }
                        doc = docs.advance();
                    }
                    let name = String::from_utf8_lossy(stream.key());
                    if found > 0 && (out.counts.len() < MAX_NAMES || out.counts.contains_key(&*name)) {
                        *out.counts.entry(name.into_owned()).or_default() += found;
                    }
                }
            }
            Ok(())
        };
        count().map_err(|error| self.explain(error))?;
        Ok(out)
    }
}
