//! Lines that match a query, newest first or as they are stored.
//!
//! Guarantees: looks on until the lines wanted are found, none is left or the time is over, and says which. Never writes.

use crate::{
    model::{entry::Severity, summary::RowFilter, time::UnixNanos, trace::LineRef},
    query::{
        conditions::Conditions,
        engine::{Engine, LIMIT_MS, Snapshot},
        lines::{IndexLines, Limit, Loaded, store},
        listing::{head, secrets_behind},
        roots::{self, Walk},
        search::bounds,
        syntax::{self, Parsed},
        view::{Notice, QueryError, TEXT_MAX_BYTES},
    },
    recognise::Tables,
    reconstruct::item::Item,
    store::{Clause, LineQuery, RecordSet, StoredRecord},
};
use std::{rc::Rc, sync::Arc};

/// Records read between two clearings of what was read.
const FORGET_EVERY: usize = 1_024;

/// A line that matches.
#[derive(Debug, Clone, serde::Serialize)]
pub struct LineHit {
    /// `file:line`.
    pub line: LineRef,
    /// Its time, zone applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<UnixNanos>,
    /// Severity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Severity>,
    /// Service, else the name of the log.
    pub service: String,
    /// Human text, or the head of the record.
    pub text: String,
    /// Head of its record: what in the text is a secret is told by it.
    #[serde(skip)]
    pub raw: String,
    /// Secrets that stand behind that head, as written.
    #[serde(skip)]
    pub secrets: Vec<String>,
    /// First work id: opens its request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Lines that match, newest first.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct LinesFound {
    /// The lines.
    pub hits: Vec<LineHit>,
    /// Parts that could not be used, and bounds that bit.
    pub notices: Vec<Notice>,
    /// The conditions in words.
    pub understood: Vec<String>,
}

/// The newest lines that match.
pub fn lines(engine: &Engine, text: &str, limit: usize) -> Result<LinesFound, QueryError> {
    let snapshot = engine.snapshot()?;
    let parsed = syntax::parse(text);
    let time = Limit::of_ms(LIMIT_MS);
    let sought = Sought::new(engine, &snapshot, &parsed, Some(time))?;
    let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, &snapshot.profile, engine.tables(), Some(time));
    let mut notices = left_out(&parsed);
    let mut say = |text: String| notices.push(Notice { part: String::new(), at: 0, text });
    if !sought.complete {
        say(format!("not all lines could be looked at in {LIMIT_MS} ms; others may match too"));
    }
    let (mut found, mut walk) = (Vec::new(), Walk::by(limit + 1));
    while let Some(place) = walk.next(&snapshot, &sought.records) {
        if time.passed() {
            say(format!("the newest {} lines that the index leaves were looked at in {LIMIT_MS} ms; older ones may match too", walk.seen - 1));
            break;
        }
        let loaded = index.read(snapshot.reader.fetch(&place).map_err(store)?);
        if !sought.holds(&snapshot, &loaded) {
            continue;
        }
        if found.len() == limit {
            say(format!("the newest {limit} lines that match are shown; older ones match too"));
            break;
        }
        found.push(loaded);
        if walk.seen.is_multiple_of(FORGET_EVERY) {
            index.forget();
        }
    }
    let hits = found.iter().flat_map(|l| hits(&snapshot, l)).take(limit).collect();
    Ok(LinesFound { hits, notices, understood: parsed.understood })
}

/// Every record that matches, as they are stored. Streams: what was visited is not kept.
pub fn each_record<E: From<QueryError>>(engine: &Engine, snapshot: &Snapshot, text: &str, mut visit: impl FnMut(&StoredRecord) -> Result<(), E>) -> Result<Vec<Notice>, E> {
    let parsed = syntax::parse(text);
    let sought = Sought::new(engine, snapshot, &parsed, None)?;
    let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, &snapshot.profile, engine.tables(), None);
    for place in snapshot.reader.as_stored(&sought.records) {
        let loaded = index.read(snapshot.reader.fetch(&place).map_err(store)?);
        if sought.holds(snapshot, &loaded) {
            visit(&loaded.stored)?;
        }
        index.forget();
    }
    Ok(left_out(&parsed))
}

/// Records that the index leaves, and what is checked on each.
pub(super) struct Sought<'a> {
    pub(super) wanted: Conditions<'a>,
    pub(super) bounds: (Option<i64>, Option<i64>),
    pub(super) records: RecordSet,
    /// The time was not over before the index had looked at all.
    pub(super) complete: bool,
}

impl<'a> Sought<'a> {
    pub(super) fn new(engine: &Engine, snapshot: &Snapshot, parsed: &'a Parsed, limit: Option<Limit>) -> Result<Self, QueryError> {
        let (wanted, bounds) = (Conditions::wanted(parsed), bounds(snapshot, parsed));
        let mut query = LineQuery { must: wanted.clauses(&snapshot.reader).map_err(store)?, ..LineQuery::default() };
        query.must.extend(written_between(snapshot, bounds));
        let (mut records, mut complete) = snapshot.reader.fitting(&query, limit.map(|l| l.until)).map_err(store)?;
        for unwanted in Conditions::unwanted(parsed).iter().chain(&Conditions::unwanted_sources(parsed)) {
            let (fitting, all) = roots::fitting(engine, snapshot, unwanted, limit.map(|l| l.share(2)))?;
            records.subtract(&fitting);
            complete &= all;
        }
        Ok(Self { wanted, bounds, records, complete })
    }

    fn holds(&self, snapshot: &Snapshot, loaded: &Loaded) -> bool {
        let (from, to) = self.bounds;
        let inside = |t: i64| from.is_none_or(|f| t >= f) && to.is_none_or(|x| t <= x);
        let instant = |e: &Arc<crate::model::entry::Entry>| Item::new(e.clone(), &loaded.shown, &snapshot.profile).time_ns;
        let time = (from.is_none() && to.is_none()) || loaded.entries.iter().any(|e| instant(e).is_some_and(inside));
        time && self.wanted.hold(loaded)
    }
}

/// Documents hold written digits; zones are applied when the line is read, so the index only narrows.
fn written_between(snapshot: &Snapshot, (from, to): (Option<i64>, Option<i64>)) -> Option<Clause> {
    let offsets = || snapshot.profile.zones.values().map(|zone| i64::from(zone.offset_s) * 1_000_000_000);
    let (least, most) = (offsets().min().unwrap_or(0).min(0), offsets().max().unwrap_or(0).max(0));
    (from.is_some() || to.is_some()).then(|| Clause::Time(from.map(|f| f.saturating_add(least)), to.map(|t| t.saturating_add(most))))
}

/// What of a query says nothing of lines.
fn left_out(parsed: &Parsed) -> Vec<Notice> {
    let of_logs = |filter: &RowFilter| match filter {
        RowFilter::Source(_) => true,
        RowFilter::Not(inner) => matches!(**inner, RowFilter::Source(_)),
        _ => false,
    };
    let words = |filter: &RowFilter| serde_json::to_string(filter).unwrap_or_default();
    let left = parsed.rows.iter().filter(|f| !of_logs(f)).map(words).chain(parsed.preset.map(|p| format!("preset:{}", p.word())));
    let notices = left.map(|words| Notice { part: String::new(), at: 0, text: format!("a condition on requests says nothing of lines and was left out: {words}") });
    parsed.notices.iter().cloned().chain(notices).collect()
}

fn hits(snapshot: &Snapshot, loaded: &Rc<Loaded>) -> Vec<LineHit> {
    let make = |entry: &Arc<crate::model::entry::Entry>| {
        let item = Item::new(entry.clone(), &loaded.shown, &snapshot.profile);
        let raw = String::from_utf8_lossy(&loaded.stored.raw);
        LineHit {
            time: item.time_ns.map(UnixNanos),
            level: entry.severity,
            service: item.service().to_owned(),
            text: entry.body.as_deref().map_or_else(|| raw.chars().take(240).collect(), str::to_owned),
            secrets: secrets_behind(&raw, TEXT_MAX_BYTES),
            raw: head(&raw, TEXT_MAX_BYTES).to_owned(),
            id: item.refs.first().map(|r| r.value.to_string()),
            line: item.line,
        }
    };
    loaded.entries.iter().map(make).collect()
}

/// Unreadable lines that hold a text: `file:line`, at most five.
pub fn unreadable(snapshot: &Snapshot, tables: Arc<Tables>, text: &str) -> Result<Vec<String>, QueryError> {
    if text.len() > 512 || !text.contains(char::is_alphanumeric) {
        return Ok(Vec::new());
    }
    let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, &snapshot.profile, tables, Some(Limit::of_ms(LIMIT_MS)));
    let query = LineQuery { must: vec![Clause::Word(text.to_owned())], must_not: Vec::new() };
    let found = snapshot.reader.search(&query, 50, true, Some(Limit::of_ms(LIMIT_MS).until)).map_err(store)?;
    let mut out = Vec::new();
    for record in found.records {
        let loaded = index.read(record);
        if loaded.entries.iter().any(|e| e.reading.unparsed) && String::from_utf8_lossy(&loaded.stored.raw).contains(text) {
            out.push(format!("{}:{}", loaded.shown, loaded.stored.line));
        }
        if out.len() >= 5 {
            break;
        }
    }
    Ok(out)
}
