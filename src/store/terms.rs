//! What the term dictionaries say: the names in use, ids by their end or by a part of them, and which ids stand on a set of records.
//!
//! Guarantees: one pass over a dictionary, in its order, until the deadline. Never reads a record.

use super::{
    error::StoreError,
    fitting::RecordSet,
    reader::LineReader,
    schema::{ID, SERVICE, SOURCE},
};
use std::{collections::BTreeSet, time::Instant};
use tantivy::{
    DocSet, TERMINATED, TantivyError,
    schema::{Field, IndexRecordOption},
};

/// Terms between two looks at the clock.
const LOOK_EVERY: u64 = 4096;
/// Most names of a field that are looked at.
const MAX_NAMES: usize = 10_000;

/// Id terms and the records of a set they stand on.
pub struct Carried {
    /// The terms.
    pub terms: BTreeSet<String>,
    /// Their records.
    pub records: RecordSet,
    /// The deadline did not pass.
    pub complete: bool,
}

impl LineReader {
    /// Names of logs in use.
    pub fn sources(&self) -> Result<BTreeSet<String>, StoreError> {
        self.names(SOURCE)
    }

    /// Services that records name.
    pub fn services(&self) -> Result<BTreeSet<String>, StoreError> {
        self.names(SERVICE)
    }

    fn names(&self, field: Field) -> Result<BTreeSet<String>, StoreError> {
        let mut found = BTreeSet::new();
        let mut collect = || -> Result<(), TantivyError> {
            for segment in self.segments() {
                let names = segment.reader.inverted_index(field)?;
                let mut stream = names.terms().stream()?;
                while found.len() < MAX_NAMES && stream.advance() {
                    found.insert(String::from_utf8_lossy(stream.key()).into_owned());
                }
            }
            Ok(())
        };
        collect().map_err(|error| self.explain(error))?;
        Ok(found)
    }

    /// Id terms that end with a text in any case, behind a separator or from their first letter on; at most `limit`.
    pub fn ending(&self, text: &str, limit: usize, deadline: Option<Instant>) -> Result<BTreeSet<String>, StoreError> {
        let end = text.as_bytes();
        let fits = |term: &[u8]| {
            // Not an id: what lines are found by otherwise.
            if term.first().is_some_and(|byte| *byte < 0x20) {
                return false;
            }
            let Some((head, tail)) = term.len().checked_sub(end.len()).map(|at| term.split_at(at)) else { return false };
            tail.eq_ignore_ascii_case(end) && head.last().is_none_or(|before| matches!(before, b'_' | b'-' | b':' | b'.' | b'/'))
        };
        let mut found = BTreeSet::new();
        self.each_id(deadline, |_, term, _| {
            if found.len() < limit && fits(term) {
                found.insert(String::from_utf8_lossy(term).into_owned());
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Id terms with a text inside, in any case and with or without the dashes of the text; at most `limit`.
    pub fn containing(&self, text: &str, limit: usize, deadline: Option<Instant>) -> Result<BTreeSet<String>, StoreError> {
        let lower = text.to_ascii_lowercase();
        // Hex ids are kept without dashes.
        let bare = lower.replace('-', "");
        let finders = [memchr::memmem::Finder::new(&lower), memchr::memmem::Finder::new(&bare)];
        let (mut found, mut folded) = (BTreeSet::new(), Vec::new());
        self.each_id(deadline, |_, term, _| {
            // Not an id, and what stands behind an id as its scope.
            let id = term.split(|byte| *byte == 0x1f).next().unwrap_or(term);
            if found.len() < limit && id.first().is_some_and(|byte| *byte >= 0x20) {
                folded.clear();
                folded.extend(id.iter().map(u8::to_ascii_lowercase));
                if finders.iter().any(|finder| finder.find(&folded).is_some()) {
                    found.insert(String::from_utf8_lossy(term).into_owned());
                }
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The id terms that are wanted and stand on a record of the set.
    pub fn carried(&self, set: &RecordSet, wanted: impl Fn(&str) -> bool, deadline: Option<Instant>) -> Result<Carried, StoreError> {
        let mut out = Carried { terms: BTreeSet::new(), records: self.no_records(), complete: true };
        let (terms, records) = (&mut out.terms, &mut out.records);
        out.complete = self.each_id(deadline, |at, term, postings| {
            let Some(term) = str::from_utf8(term).ok().filter(|term| wanted(term)) else { return Ok(()) };
            let mut docs = postings()?;
            let mut any = false;
            let mut doc = docs.doc();
            while doc != TERMINATED {
                if set.has(at, doc) {
                    records.insert(at, doc);
                    any = true;
                }
                doc = docs.advance();
            }
            if any && !terms.contains(term) {
                terms.insert(term.to_owned());
            }
            Ok(())
        })?;
        Ok(out)
    }

    /// Visits every id term of every segment; `false`: the deadline passed.
    fn each_id(
        &self,
        deadline: Option<Instant>,
        mut visit: impl FnMut(usize, &[u8], &dyn Fn() -> Result<tantivy::postings::SegmentPostings, TantivyError>) -> Result<(), TantivyError>,
    ) -> Result<bool, StoreError> {
        let mut seen = 0_u64;
        let mut walk = || -> Result<bool, TantivyError> {
            for (at, segment) in self.segments().iter().enumerate() {
                let ids = segment.reader.inverted_index(ID)?;
                let mut stream = ids.terms().stream()?;
                while stream.advance() {
                    seen += 1;
                    if seen.is_multiple_of(LOOK_EVERY) && deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                        return Ok(false);
                    }
                    let postings = || Ok(ids.read_postings_from_terminfo(stream.value(), IndexRecordOption::Basic)?);
                    visit(at, stream.key(), &postings)?;
                }
            }
            Ok(true)
        };
        walk().map_err(|error| self.explain(error))
    }
}
