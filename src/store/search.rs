//! Searching records by conditions: ids, words, levels, names and times, built into queries of the index directly.
//!
//! Guarantees: bounded by a deadline, and says whether its count is exact; never runs text through a query parser, so no input can
//! make a query that is deep or exponential.

use super::{
    error::StoreError,
    fitting::{Order, RecordSet},
    reader::{LineReader, OpenSegment, Spot},
    schema::{self, ID, LEVEL, SERVICE, SOURCE, StoredRecord, TIME, WORD, term_text},
};
use crate::model::entry::Severity;
use std::{ops::Bound, time::Instant};
use tantivy::{
    DocSet, TERMINATED, Term,
    query::{AllQuery, BooleanQuery, EmptyQuery, EnableScoring, Occur, Query, RangeQuery, TermQuery, Weight},
    schema::{Field, IndexRecordOption},
};

/// Records between two looks at the clock.
const LOOK_EVERY: u64 = 4096;

/// A condition on a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clause {
    /// It carries this id term.
    Id(String),
    /// It carries an id term that begins so.
    IdPrefix(String),
    /// Its prose has this word; of several words, all of them.
    Word(String),
    /// Its prose has a word that begins so.
    WordPrefix(String),
    /// Its severity.
    Level(Severity),
    /// The name of its log.
    Source(String),
    /// The service it names.
    Service(String),
    /// Its instant lies between, both inclusive, Unix nanoseconds; with two `None` any record fits.
    Time(Option<i64>, Option<i64>),
    /// One of these holds.
    Any(Vec<Clause>),
}

/// Conditions on a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineQuery {
    /// All of these hold. None: every record.
    pub must: Vec<Clause>,
    /// None of these holds.
    pub must_not: Vec<Clause>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hits {
    /// The records, in the order asked for.
    pub records: Vec<StoredRecord>,
    /// How many fit.
    pub count: u64,
    /// The search ended before the deadline: `count` is exact and `records` are the first of all; else `count` is a lower bound.
    pub exact: bool,
}

impl Clause {
    fn query(&self) -> Box<dyn Query> {
        match self {
            Self::Id(text) => term(ID, &term_text(text)),
            Self::IdPrefix(text) => prefix(ID, text),
            Self::Word(text) => all_of(schema::words(text).iter().map(|word| term(WORD, word)).collect()),
            Self::WordPrefix(text) => word_prefix(text),
            Self::Level(level) => term(LEVEL, level.word()),
            Self::Source(name) => term(SOURCE, name),
            Self::Service(name) => term(SERVICE, name),
            Self::Time(from, to) => time(*from, *to),
            Self::Any(clauses) => Box::new(BooleanQuery::union(clauses.iter().map(Self::query).collect())),
        }
    }
}

fn term(field: Field, text: &str) -> Box<dyn Query> {
    Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic))
}

/// A text without words fits nothing.
fn all_of(mut queries: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    match queries.len() {
        0 => Box::new(EmptyQuery),
        1 => queries.remove(0),
        _ => Box::new(BooleanQuery::intersection(queries)),
    }
}

fn prefix(field: Field, text: &str) -> Box<dyn Query> {
    // No term in use begins with the last code point, so this is behind every term that begins with the text.
    let behind = format!("{text}{}", char::MAX);
    Box::new(RangeQuery::new(Bound::Included(Term::from_field_text(field, text)), Bound::Excluded(Term::from_field_text(field, &behind))))
}

/// All words but the last are whole.
fn word_prefix(text: &str) -> Box<dyn Query> {
    let mut words = schema::words(text);
    let Some(last) = words.pop() else { return Box::new(EmptyQuery) };
    let mut queries: Vec<_> = words.iter().map(|word| term(WORD, word)).collect();
    queries.push(prefix(WORD, &last));
    all_of(queries)
}

fn time(from: Option<i64>, to: Option<i64>) -> Box<dyn Query> {
    if from.is_none() && to.is_none() {
        return Box::new(AllQuery);
    }
    let bound = |ns: Option<i64>| ns.map_or(Bound::Unbounded, |ns| Bound::Included(Term::from_field_i64(TIME, ns)));
    Box::new(RangeQuery::new(bound(from), bound(to)))
}

impl LineQuery {
    fn query(&self) -> Box<dyn Query> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = self.must.iter().map(|clause| (Occur::Must, clause.query())).collect();
        if clauses.is_empty() {
            clauses.push((Occur::Must, Box::new(AllQuery)));
        }
        clauses.extend(self.must_not.iter().map(|clause| (Occur::MustNot, clause.query())));
        Box::new(BooleanQuery::new(clauses))
    }
}

impl LineReader {
    /// The records that fit, by the index alone. `false`: the deadline passed, there may be others.
    pub fn fitting(&self, query: &LineQuery, deadline: Option<Instant>) -> Result<(RecordSet, bool), StoreError> {
        let schema = self.schema();
        let weight = query.query().weight(EnableScoring::disabled_from_schema(&schema)).map_err(|error| self.explain(error))?;
        let (mut set, mut complete) = (self.no_records(), true);
        for (at, segment) in self.segments().iter().enumerate() {
            complete = complete && search_segment(segment, at, &*weight, &mut set, deadline).map_err(|error| self.explain(error))?;
        }
        Ok((set, complete))
    }

    /// Records that fit, by their instant: newest first or oldest first, those without one last. Counts all that fit until `deadline`.
    pub fn search(&self, query: &LineQuery, limit: usize, newest_first: bool, deadline: Option<Instant>) -> Result<Hits, StoreError> {
        let (set, exact) = self.fitting(query, deadline)?;
        let spots: Vec<Spot> = self.page(&set, None, limit, &Order { newest_first, ..Order::default() }).0.into_iter().map(|place| place.spot()).collect();
        Ok(Hits { records: self.read(&spots)?, count: set.count(), exact })
    }
}

/// `false`: the deadline passed.
fn search_segment(segment: &OpenSegment, at: usize, weight: &dyn Weight, set: &mut RecordSet, deadline: Option<Instant>) -> tantivy::Result<bool> {
    let late = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
    if late() {
        return Ok(false);
    }
    let mut docs = weight.scorer(&segment.reader, 1.0)?;
    let (mut doc, mut seen) = (docs.doc(), 0_u64);
    while doc != TERMINATED {
        if !segment.reader.is_deleted(doc) {
            set.insert(at, doc);
        }
        seen += 1;
        if seen.is_multiple_of(LOOK_EVERY) && late() {
            return Ok(false);
        }
        doc = docs.advance();
    }
    Ok(true)
}
