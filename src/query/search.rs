//! A query's conditions on requests and on lines become rows and hits.
//!
//! Guarantees: the stock parser never sees input; what the index cannot decide (phrases, fields, zones) is checked on the stored
//! record; a bound that bites is said in a notice. Never writes.

use crate::{
    model::{
        entry::Severity,
        id,
        summary::{Preset, RowFilter, RowQuery},
        time::UnixNanos,
        trace::LineRef,
    },
    query::{
        assemble::Assembler,
        engine::{Engine, LIMIT_MS, Snapshot},
        lines::{IndexLines, Limit, Loaded, store, unit_keys},
        syntax::{self, FieldTerm, OneOf, Parsed, TimeBound},
        view::{ListView, Notice, QueryError},
    },
    recognise::Tables,
    reconstruct::item::Item,
    store::{Clause, LineQuery},
};
use std::{collections::BTreeSet, rc::Rc, sync::Arc};

/// Most lines looked at to find the requests that a query on lines means.
const MAX_LINES_FOR_ROWS: usize = 2_000;
/// Most records scanned for a field or phrase that the index cannot find.
const MAX_SCANNED: usize = 20_000;
/// Most distinct roots a query on lines may name.
const MAX_ROOTS: usize = 1_000;

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

/// Rows for a query.
pub fn list(engine: &Engine, snapshot: &Snapshot, search: &str, mut query: RowQuery) -> Result<ListView, QueryError> {
    let parsed = syntax::parse(search);
    let mut notices = parsed.notices.clone();
    query.filters.extend(parsed.rows.iter().cloned());
    if let Some(preset) = parsed.preset.filter(|_| query.preset == Preset::All) {
        query.preset = preset;
    }
    if query.filters.iter().any(|f| matches!(f, RowFilter::Mark(m) if m == "slow")) {
        query.filters.retain(|f| !matches!(f, RowFilter::Mark(m) if m == "slow"));
        notices.push(Notice {
            part: "mark:slow".into(),
            at: search.find("mark:slow").unwrap_or(0),
            text: "slow is judged against each route as it stands now; list preset:slowest instead".into(),
        });
    }
    let (from, to) = bounds(snapshot, &parsed);
    if from.is_some() || to.is_some() {
        query.filters.push(RowFilter::Start(from, to));
    }
    if parsed.asks_lines() {
        let (roots, capped) = roots_of(engine, snapshot, &parsed)?;
        query.filters.push(RowFilter::Roots(roots));
        if let Some(text) = capped {
            notices.push(Notice { part: String::new(), at: 0, text });
        }
    }
    let page = snapshot.rows.list(&query).map_err(store)?;
    let drop_hint = if page.matched == 0 && page.total > 0 { drop_hint(snapshot, &query, &parsed)? } else { None };
    Ok(ListView { page, notices, understood: parsed.understood, drop_hint })
}

/// The one condition whose removal gives most rows.
fn drop_hint(snapshot: &Snapshot, query: &RowQuery, parsed: &Parsed) -> Result<Option<(String, u64)>, QueryError> {
    let mut best: Option<(String, u64)> = None;
    let words = |index: usize| parsed.understood.get(index).cloned().unwrap_or_else(|| "one of the conditions".to_owned());
    for index in 0..query.filters.len() {
        let mut without = RowQuery { limit: 1, overview: false, after: None, ..query.clone() };
        without.filters.remove(index);
        let matched = snapshot.rows.list(&without).map_err(store)?.matched;
        if matched > best.as_ref().map_or(0, |b| b.1) {
            best = Some((words(index), matched));
        }
    }
    if query.preset != Preset::All {
        let without = RowQuery { preset: Preset::All, limit: 1, overview: false, after: None, ..query.clone() };
        let matched = snapshot.rows.list(&without).map_err(store)?.matched;
        if matched > best.as_ref().map_or(0, |b| b.1) {
            best = Some((format!("the view {}", query.preset.title()), matched));
        }
    }
    Ok(best)
}

/// Time bounds in Unix nanoseconds; relative ones count back from the newest record, since exported logs are old.
fn bounds(snapshot: &Snapshot, parsed: &Parsed) -> (Option<i64>, Option<i64>) {
    if parsed.time.0.is_none() && parsed.time.1.is_none() {
        return (None, None);
    }
    let newest = super::engine::coverage(snapshot).into_iter().map(|(_, _, last)| last).max();
    let at = |bound: &Option<TimeBound>| bound.zip(newest).map(|(b, n)| b.resolve(UnixNanos(n)));
    (at(&parsed.time.0), at(&parsed.time.1))
}

/// Roots of the requests whose lines match; with words when a bound bit.
fn roots_of(engine: &Engine, snapshot: &Snapshot, parsed: &Parsed) -> Result<(Vec<String>, Option<String>), QueryError> {
    let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, engine.tables(), Some(Limit::of_ms(LIMIT_MS)));
    let (found, mut capped) = matching(snapshot, &index, parsed, MAX_LINES_FOR_ROWS)?;
    let mut assembler = Assembler::new(&index, &snapshot.profile);
    let mut roots: BTreeSet<String> = BTreeSet::new();
    for loaded in &found {
        for key in loaded.entries.iter().flat_map(|e| unit_keys(e)).take(1) {
            match assembler.root_of(&key) {
                Ok(root) => roots.extend(root.map(|r| r.to_string())),
                Err(QueryError::Deadline { limit_ms }) => {
                    capped = Some(format!("more lines match than could be followed to their requests in {limit_ms} ms; add a condition"));
                    return Ok((roots.into_iter().collect(), capped));
                }
                Err(other) => return Err(other),
            }
        }
        if roots.len() >= MAX_ROOTS {
            capped = Some(format!("the newest {MAX_ROOTS} requests with such lines are shown; add a condition to see others"));
            break;
        }
    }
    Ok((roots.into_iter().collect(), capped))
}

/// Lines that match, newest first.
pub fn lines(engine: &Engine, text: &str, limit: usize) -> Result<LinesFound, QueryError> {
    let snapshot = engine.snapshot()?;
    let parsed = syntax::parse(text);
    let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, engine.tables(), Some(Limit::of_ms(LIMIT_MS)));
    let (found, capped) = matching(&snapshot, &index, &parsed, limit)?;
    let mut notices = parsed.notices.clone();
    notices.extend(parsed.rows.iter().filter(|f| !matches!(f, RowFilter::Source(_))).map(|f| Notice {
        part: String::new(),
        at: 0,
        text: format!("a condition on requests says nothing of lines and was left out: {}", words_of(f)),
    }));
    notices.extend(capped.map(|text| Notice { part: String::new(), at: 0, text }));
    let hits = found.iter().flat_map(|l| hits(&snapshot, l)).take(limit).collect();
    Ok(LinesFound { hits, notices, understood: parsed.understood })
}

fn words_of(filter: &RowFilter) -> String {
    serde_json::to_string(filter).unwrap_or_default()
}

fn hits(snapshot: &Snapshot, loaded: &Rc<Loaded>) -> Vec<LineHit> {
    let make = |entry: &Arc<crate::model::entry::Entry>| {
        let item = Item::new(entry.clone(), &loaded.shown, &snapshot.profile);
        LineHit {
            time: item.time_ns.map(UnixNanos),
            level: entry.severity,
            service: item.service().to_owned(),
            text: entry.body.as_deref().map_or_else(|| String::from_utf8_lossy(&loaded.stored.raw).chars().take(240).collect(), str::to_owned),
            id: item.refs.first().map(|r| r.value.to_string()),
            line: item.line,
        }
    };
    loaded.entries.iter().map(make).collect()
}

/// Records whose lines match, newest first, with words when a bound bit.
fn matching(snapshot: &Snapshot, index: &IndexLines<'_>, parsed: &Parsed, limit: usize) -> Result<(Vec<Rc<Loaded>>, Option<String>), QueryError> {
    let (from, to) = bounds(snapshot, parsed);
    let query = clauses(parsed, from, to, !snapshot.profile.zones.is_empty());
    let scans = !parsed.phrases.is_empty() || !parsed.fields.is_empty();
    let deadline = Limit::of_ms(LIMIT_MS);
    let ask = if scans { MAX_SCANNED } else { limit };
    let found = snapshot.reader.search(&query, ask, true, Some(deadline.until)).map_err(store)?;
    let looked_at = found.records.len();
    let more = found.count > looked_at as u64;
    let mut out = Vec::new();
    for record in found.records {
        if deadline.check().is_err() {
            return Ok((out, Some(format!("the lines that the other conditions leave could not all be checked in {LIMIT_MS} ms"))));
        }
        let loaded = index.read(record);
        if holds(snapshot, parsed, &loaded, from, to) {
            out.push(loaded);
            if out.len() >= limit {
                return Ok((out, Some(format!("the newest {limit} lines were looked at; older ones may match too"))));
            }
        }
    }
    let capped = (more && scans).then(|| format!("the newest {looked_at} lines that the other conditions leave were checked; older ones may match too"));
    Ok((out, capped))
}

fn clauses(parsed: &Parsed, from: Option<i64>, to: Option<i64>, zones: bool) -> LineQuery {
    const DAY_NS: i64 = 86_400_000_000_000;
    let mut query = LineQuery::default();
    for word in &parsed.words {
        let list = if word.negated { &mut query.must_not } else { &mut query.must };
        list.push(word_clause(&word.text, word.prefix));
    }
    for phrase in parsed.phrases.iter().filter(|p| !p.negated) {
        query.must.push(Clause::Word(phrase.text.clone()));
    }
    for field in parsed.fields.iter().filter(|f| !f.negated && f.id_shaped) {
        query.must.push(Clause::Any(field.values.iter().map(|v| Clause::IdPrefix(id::canonical(v).into_owned())).collect()));
    }
    if !parsed.levels.is_empty() {
        query.must.push(Clause::Any(parsed.levels.iter().map(|l| Clause::Level(*l)).collect()));
    }
    let mut names = |list: &[OneOf], make: fn(String) -> Clause| {
        for one in list.iter().filter(|o| o.values.iter().all(|v| !v.ends_with('*'))) {
            let any = Clause::Any(one.values.iter().cloned().map(make).collect());
            if one.negated { query.must_not.push(any) } else { query.must.push(any) }
        }
    };
    names(&parsed.sources, Clause::Source);
    names(&parsed.services, Clause::Service);
    if from.is_some() || to.is_some() {
        // Documents hold written digits; zones are applied when the line is read, so the index only narrows.
        let slack = if zones { DAY_NS } else { 0 };
        query.must.push(Clause::Time(from.map(|f| f.saturating_sub(slack)), to.map(|t| t.saturating_add(slack))));
    }
    query
}

/// A word of prose or an id: the reader need not know which.
fn word_clause(word: &str, prefix: bool) -> Clause {
    let (text, id) = if prefix {
        (Clause::WordPrefix(word.to_owned()), Clause::IdPrefix(word.to_owned()))
    } else {
        (Clause::Word(word.to_owned()), Clause::Id(id::canonical(word).into_owned()))
    };
    Clause::Any(vec![text, id])
}

/// What the index could not decide: phrases, fields, names with a wildcard, time with the zone applied.
fn holds(snapshot: &Snapshot, parsed: &Parsed, loaded: &Loaded, from: Option<i64>, to: Option<i64>) -> bool {
    let raw = String::from_utf8_lossy(&loaded.stored.raw);
    let lower = if parsed.phrases.is_empty() { String::new() } else { raw.to_lowercase() };
    let bodies = |phrase: &str| loaded.entries.iter().any(|e| e.body.as_deref().is_some_and(|b| b.to_lowercase().contains(phrase)));
    let phrases = parsed.phrases.iter().all(|p| {
        let wanted = p.text.to_lowercase();
        (lower.contains(&wanted) || bodies(&wanted)) != p.negated
    });
    let fields = parsed.fields.is_empty() || fields_hold(&parsed.fields, &raw, loaded);
    let names = parsed.services.iter().all(|s| loaded.entries.iter().any(|e| one_of(s, e.service.as_deref().unwrap_or(&e.source))) != s.negated)
        && parsed.sources.iter().all(|s| loaded.entries.iter().any(|e| one_of(s, &e.source)) != s.negated);
    let inside = |t: i64| from.is_none_or(|f| t >= f) && to.is_none_or(|x| t <= x);
    let time = (from.is_none() && to.is_none()) || loaded.entries.iter().any(|e| Item::new(e.clone(), &loaded.shown, &snapshot.profile).time_ns.is_some_and(inside));
    phrases && fields && names && time
}

fn one_of(names: &OneOf, value: &str) -> bool {
    names.values.iter().any(|n| matches_value(n, value))
}

fn matches_value(wanted: &str, value: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(head) => value.to_lowercase().starts_with(&head.to_lowercase()),
        None => value.eq_ignore_ascii_case(wanted),
    }
}

fn fields_hold(fields: &[FieldTerm], raw: &str, loaded: &Loaded) -> bool {
    let value: Option<serde_json::Value> = serde_json::from_str(raw.trim_start_matches('\u{feff}')).ok();
    fields.iter().all(|f| {
        let path: Vec<&str> = f.path.split('.').filter(|p| !p.is_empty()).collect();
        let in_json = value.as_ref().is_some_and(|v| json_has(v, &path, &f.values, 0));
        let in_ids = loaded.entries.iter().flat_map(|e| &e.ids).any(|i| i.label.eq_ignore_ascii_case(&f.path) && f.values.iter().any(|v| matches_value(v, &i.value)));
        // Text lines have their fields as `key=value`.
        let in_text = value.is_none() && f.values.iter().any(|v| raw.to_lowercase().contains(&format!("{}={}", f.path, v.trim_end_matches('*')).to_lowercase()));
        (in_json || in_ids || in_text) != f.negated
    })
}

/// A path (or its end) leads to one of the values, in any object, list or JSON text of the record.
fn json_has(value: &serde_json::Value, path: &[&str], wanted: &[String], depth: u32) -> bool {
    if depth > 32 {
        return false;
    }
    match value {
        serde_json::Value::Object(map) => map.iter().any(|(key, inner)| {
            let direct = path.len() == 1 && key.eq_ignore_ascii_case(path[0]) && leaf_is(inner, wanted);
            let dotted = path.len() > 1 && key.eq_ignore_ascii_case(&path.join(".")) && leaf_is(inner, wanted);
            let below = path.len() > 1 && key.eq_ignore_ascii_case(path[0]) && json_has(inner, &path[1..], wanted, depth + 1);
            direct || dotted || below || json_has(inner, path, wanted, depth + 1)
        }),
        serde_json::Value::Array(list) => list.iter().any(|inner| json_has(inner, path, wanted, depth + 1)),
        serde_json::Value::String(text) if text.starts_with('{') => serde_json::from_str(text).is_ok_and(|inner: serde_json::Value| json_has(&inner, path, wanted, depth + 1)),
        _ => false,
    }
}

fn leaf_is(value: &serde_json::Value, wanted: &[String]) -> bool {
    let text = match value {
        serde_json::Value::String(s) => s.clone(),
        serde_json::Value::Array(list) => return list.iter().any(|v| leaf_is(v, wanted)),
        serde_json::Value::Object(_) => return false,
        other => other.to_string(),
    };
    wanted.iter().any(|w| matches_value(w, &text))
}

/// Unreadable lines that hold a text: `file:line`, at most five.
pub fn unreadable(snapshot: &Snapshot, tables: Arc<Tables>, text: &str) -> Result<Vec<String>, QueryError> {
    if text.len() > 512 || !text.contains(char::is_alphanumeric) {
        return Ok(Vec::new());
    }
    let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, tables, Some(Limit::of_ms(LIMIT_MS)));
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
