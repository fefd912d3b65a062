//! Answers from the index: opens a snapshot, resolves ids, rebuilds paths, lists rows.
//!
//! Guarantees: a question sees one generation of lines and one of rows; each has a deadline of [`LIMIT_MS`]; rows and typical values are
//! caches of what the lines say. Never writes.

use crate::{
    analyse::operations::{Lengths, typical},
    model::{
        profile::Profile,
        summary::{Preset, RequestSummary, RowFilter, RowQuery, Typical},
        time::UnixNanos,
        trace::{LogLine, SegmentKind, State, Trace},
    },
    query::{
        assemble::Assembler,
        clocks,
        kept::Kept,
        lines::{self, IndexLines, Limit, Lineages, store},
        resolve::{self, Choice, Meaning},
        view::{Answers, Behind, ChoiceView, Exact, Found, LearnedView, LinesQuery, LinesView, ListView, Operations, PathView, QueryError, Shown, Times, UnknownView, Whole},
    },
    recognise::Tables,
    reconstruct::{build, build::Built, item::Item, learn::Learned, summary, tree::Tree},
    store::{LineReader, RowReader, RowStore, Store},
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// Deadline of a question. What is built for tests is slower by an order of magnitude, and tests say nothing of time.
pub const LIMIT_MS: u64 = if cfg!(debug_assertions) { 30_000 } else { 2_000 };
/// Most log lines a path view carries.
const MAX_LOG: usize = 5_000;
/// Requests of a route that say what is typical.
const TYPICAL_SAMPLE: usize = 400;
/// Requests of a route whose steps say what is typical of an operation, and how long they are looked at.
const OPERATIONS_SAMPLE: usize = 60;
const OPERATIONS_MS: u64 = LIMIT_MS / 8;
/// A request of more lines takes as long to read as all others of the sample, and says no more than they.
const OPERATIONS_MAX_LINES: u32 = 2_000;
/// Requests of the sample until what they were read from is forgotten.
const OPERATIONS_FORGET_EVERY: usize = 16;
/// Paths made until what they were read from is forgotten.
const FORGET_EVERY: usize = 256;
/// From this many requests up a route has a typical time.
pub const ENOUGH: u64 = crate::analyse::compare::ENOUGH;

/// One consistent view of the index.
pub struct Snapshot {
    /// Lines.
    pub reader: LineReader,
    /// Rows.
    pub rows: RowReader,
    /// Names of files.
    pub lineages: Lineages,
    /// What was learned.
    pub learned: Learned,
    /// What follows from it.
    pub profile: Profile,
    kept: Kept,
}

impl Snapshot {
    /// The rows do not cover all lines, or were made with another profile.
    pub fn behind(&self) -> Option<Behind> {
        let stamp = self.rows.stamp();
        // A commit of rows that came between the opening of the two is ahead.
        let ahead = stamp.is_some_and(|(generation, _)| generation > self.reader.generation());
        if ahead || self.reader.doc_count() == 0 || stamp == Some((self.reader.generation(), self.profile.version)) {
            return None;
        }
        let covered: BTreeMap<u64, u64> = serde_json::from_str(self.rows.positions()).unwrap_or_default();
        let bytes = self.reader.checkpoint().files.iter().map(|f| f.off.saturating_sub(covered.get(&f.id.0).copied().unwrap_or(0))).sum();
        (bytes > 0 || stamp.is_none_or(|(_, profile)| profile != self.profile.version)).then_some(Behind { bytes })
    }
}

/// What is typical of a route.
#[derive(Debug, Clone, Default)]
struct RouteTypical {
    rows: u64,
    total: Typical,
    by_kind: BTreeMap<SegmentKind, Typical>,
}

/// A path with what pages and rows show of it.
pub struct Made {
    /// The path.
    pub built: Built,
    /// Its merged log.
    pub log: Vec<LogLine>,
    /// Lines that may belong.
    pub possible: Vec<LogLine>,
    /// Its row.
    pub row: RequestSummary,
}

/// Answers questions. Cheap to share.
pub struct Engine {
    store: Arc<Store>,
    row_store: Arc<RowStore>,
    tables: Arc<Tables>,
    current: Mutex<Arc<Snapshot>>,
    typical: Mutex<BTreeMap<String, RouteTypical>>,
    operations: Mutex<BTreeMap<String, (u64, Operations)>>,
    pub(super) clocks: clocks::Known,
}

impl Engine {
    /// Over a store, with the conventions its lines are read by.
    pub fn new(store: Arc<Store>, row_store: Arc<RowStore>, tables: Arc<Tables>) -> Self {
        let current = Mutex::new(Arc::new(snapshot(store.reader(), row_store.reader(), &tables)));
        Self { store, row_store, tables, current, typical: Mutex::default(), operations: Mutex::default(), clocks: clocks::Known::default() }
    }

    /// The newest committed state; what did not change stays open.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, QueryError> {
        let (reader, rows) = (self.store.reload().map_err(store)?, self.row_store.reload().map_err(store)?);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if reader.generation() != current.reader.generation() || rows.stamp() != current.rows.stamp() || rows.count() != current.rows.count() {
            *current = Arc::new(snapshot(reader, rows, &self.tables));
        }
        Ok(current.clone())
    }

    /// The conventions.
    pub fn tables(&self) -> Arc<Tables> {
        self.tables.clone()
    }

    /// The path of a root with its lines, and the row it makes.
    pub fn build(&self, snapshot: &Snapshot, index: &IndexLines<'_>, root: &Arc<str>, times: Times) -> Result<Made, QueryError> {
        self.build_with(snapshot, index, Assembler::new(index, &snapshot.profile), root, times)
    }

    /// The same from what an assembler has fetched to find the root.
    fn build_with(&self, snapshot: &Snapshot, index: &IndexLines<'_>, assembler: Assembler<'_, IndexLines<'_>>, root: &Arc<str>, times: Times) -> Result<Made, QueryError> {
        let mut tree = assembler.into_tree_of_root(root)?;
        tree.coverage = coverage(snapshot);
        // Of a very long request the log shows the first lines: while its path is made, the records of the others are only in the way. Shifted
        // clocks may make others the first.
        if tree.items.len() > MAX_LOG && times == Times::Written {
            index.keep(tree.items.iter().take(MAX_LOG).chain(&tree.possible).map(|item| (item.entry.at.file.0, item.entry.at.start)));
        }
        let built = self.built(snapshot, &mut tree, times)?;
        let row = summary::summarise(&tree, &built);
        let log = log_lines(&tree, &built, index)?;
        let possible = tree.possible.iter().map(|item| log_line(item, index)).collect::<Result<_, _>>()?;
        Ok(Made { built, log, possible, row })
    }

    /// The document of a request: the same for pages, commands and exports. Without a deadline.
    pub fn document(&self, snapshot: &Snapshot, root: &str) -> Result<Trace, QueryError> {
        let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, &snapshot.profile, self.tables(), None);
        Ok(self.finish(snapshot, self.build(snapshot, &index, &Arc::from(root), Times::Written)?.built)?.0)
    }

    /// The document with its log and what its route is used to.
    fn view_of(&self, snapshot: &Snapshot, made: Made, begun: Instant) -> Result<PathView, QueryError> {
        let (trace, typical) = self.finish(snapshot, made.built)?;
        let (typical, typical_by_kind) = typical.map_or((None, BTreeMap::new()), |t| (Some(t.total), t.by_kind));
        Ok(PathView {
            trace: Arc::new(trace),
            log: Arc::new(made.log),
            possible: made.possible.into(),
            typical,
            typical_by_kind,
            typical_by_operation: Operations::default(),
            took_us: begun.elapsed().as_micros() as u64,
        })
    }

    /// The path of a tree, by its lines' times or by shifted ones. What it says of clocks it says by the times of its lines.
    fn built(&self, snapshot: &Snapshot, tree: &mut Tree, times: Times) -> Result<Built, QueryError> {
        let mut built = build::build(tree, &snapshot.profile);
        if built.clocks.is_empty() {
            return Ok(built);
        }
        let known = self.clocks(snapshot, clocks::window(built.trace.start))?;
        let skew = clocks::of_path(&known, &built.clocks, times == Times::Shifted);
        if times == Times::Shifted && !known.shifts.is_empty() {
            crate::reconstruct::clocks::shift(tree, &known.shifts);
            built = Built { clocks: built.clocks, ..build::build(tree, &snapshot.profile) };
        }
        built.trace.skew = skew;
        Ok(built)
    }

    /// The documents of many requests, one after the other: what they have in common is read once. Without a deadline.
    pub fn documents<E: From<QueryError>>(&self, snapshot: &Snapshot, roots: &[String], times: Times, mut each: impl FnMut(&Trace) -> Result<(), E>) -> Result<(), E> {
        self.each_built(snapshot, roots, times, |_, built, _| each(&self.finish(snapshot, built)?.0))
    }

    /// The same with their lines and records.
    pub fn wholes<E: From<QueryError>>(&self, snapshot: &Snapshot, roots: &[String], times: Times, mut each: impl FnMut(&Whole) -> Result<(), E>) -> Result<(), E> {
        self.each_built(snapshot, roots, times, |tree, built, index| {
            let (log, records) = (log_lines(tree, &built, index)?, records(tree, index)?);
            each(&Whole { trace: self.finish(snapshot, built)?.0, log, records })
        })
    }

    fn each_built<E: From<QueryError>>(
        &self,
        snapshot: &Snapshot,
        roots: &[String],
        times: Times,
        mut each: impl FnMut(&Tree, Built, &IndexLines<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, &snapshot.profile, self.tables(), None);
        let mut assembler = Assembler::new(&index, &snapshot.profile);
        let coverage = coverage(snapshot);
        for (n, root) in roots.iter().enumerate() {
            let mut tree = assembler.tree_of_root(&Arc::from(root.as_str()))?;
            tree.coverage.clone_from(&coverage);
            let built = self.built(snapshot, &mut tree, times)?;
            each(&tree, built, &index)?;
            if n % FORGET_EVERY == FORGET_EVERY - 1 {
                assembler.forget();
                index.forget();
            }
        }
        Ok(())
    }

    /// What a text means as a whole id, and nothing else. Without a deadline.
    pub fn exact(&self, snapshot: &Snapshot, text: &str, scope: Option<&str>) -> Result<Exact, QueryError> {
        let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, &snapshot.profile, self.tables(), None);
        Ok(match resolve::exact(&index, &mut Assembler::new(&index, &snapshot.profile), text, scope)? {
            Some(Meaning::One(choice)) => Exact::One(choice.root.to_string()),
            Some(Meaning::Many { choices, more }) => Exact::Several { choices: self.choices(snapshot, &index, &choices)?, more },
            Some(Meaning::Nothing { .. }) | None => Exact::NoId,
        })
    }

    /// The document with what its route is used to.
    fn finish(&self, snapshot: &Snapshot, built: Built) -> Result<(Trace, Option<RouteTypical>), QueryError> {
        let mut trace = built.trace;
        let typical = match &trace.route {
            Some(route) => Some(self.typical(snapshot, route)?).filter(|t| t.total.n > 0),
            None => None,
        };
        mark_slow(&mut trace, typical.as_ref().map(|t| t.total));
        Ok((trace, typical))
    }

    /// What is typical of a route, from its newest finished requests; kept until a tenth more rows stand.
    fn typical(&self, snapshot: &Snapshot, route: &str) -> Result<RouteTypical, QueryError> {
        let rows = snapshot.rows.count();
        if let Some(known) = self.typical.lock().unwrap_or_else(PoisonError::into_inner).get(route)
            && rows < known.rows + known.rows / 10 + 1
            && rows >= known.rows
        {
            return Ok(known.clone());
        }
        let page = snapshot.rows.list(&of_route(route, TYPICAL_SAMPLE)).map_err(store)?;
        let finished: Vec<&RequestSummary> = page.rows.iter().filter(|r| r.state != State::Unfinished).collect();
        let mut found = RouteTypical { rows, total: typical(finished.iter().filter_map(|r| r.total_ns()).collect()), by_kind: BTreeMap::new() };
        let kinds: std::collections::BTreeSet<SegmentKind> = finished.iter().flat_map(|r| r.by_kind_ns.iter().map(|(k, _)| *k)).collect();
        for kind in kinds {
            let values = finished.iter().map(|r| r.by_kind_ns.iter().find(|(k, _)| *k == kind).map_or(0, |(_, ns)| *ns)).collect();
            found.by_kind.insert(kind, typical(values));
        }
        self.typical.lock().unwrap_or_else(PoisonError::into_inner).insert(route.to_owned(), found.clone());
        Ok(found)
    }

    /// What is typical of the steps of a route, from its newest finished requests, as many as can be read in [`OPERATIONS_MS`]; kept like
    /// what is typical of the route.
    fn operations(&self, snapshot: &Snapshot, route: &str) -> Result<Operations, QueryError> {
        let rows = snapshot.rows.count();
        if let Some((then, known)) = self.operations.lock().unwrap_or_else(PoisonError::into_inner).get(route)
            && (*then..*then + *then / 10 + 1).contains(&rows)
        {
            return Ok(known.clone());
        }
        let page = snapshot.rows.list(&of_route(route, OPERATIONS_SAMPLE)).map_err(store)?;
        let limit = Limit::of_ms(OPERATIONS_MS);
        let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, &snapshot.profile, self.tables(), Some(limit));
        let mut assembler = Assembler::of_proved(&index, &snapshot.profile);
        let mut lengths = Lengths::default();
        for (n, row) in page.rows.iter().filter(|r| r.state != State::Unfinished && r.lines <= OPERATIONS_MAX_LINES).enumerate() {
            if n % OPERATIONS_FORGET_EVERY == OPERATIONS_FORGET_EVERY - 1 {
                assembler.forget();
                index.forget();
            }
            let tree = assembler.tree_of_root(&Arc::from(row.root.as_str()));
            match tree {
                Ok(tree) => lengths.add(&build::build(&tree, &snapshot.profile).trace),
                Err(QueryError::Deadline { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        let found = Arc::new(lengths.typical());
        self.operations.lock().unwrap_or_else(PoisonError::into_inner).insert(route.to_owned(), (rows, found.clone()));
        Ok(found)
    }

    fn choices(&self, snapshot: &Snapshot, index: &IndexLines<'_>, choices: &[Choice]) -> Result<Vec<ChoiceView>, QueryError> {
        let mut out = Vec::with_capacity(choices.len());
        for choice in choices {
            let row = match snapshot.rows.get(&choice.root).map_err(store)? {
                Some(row) => row,
                None => self.build(snapshot, index, &choice.root, Times::Written)?.row,
            };
            let total_ns = row.total_ns();
            out.push(ChoiceView { id: row.id, scope: row.scope, kind: choice.kind.to_owned(), route: row.route, start: row.start, state: row.state, total_ns });
        }
        Ok(out)
    }

    fn unknown(&self, snapshot: &Snapshot, text: &str, near: Vec<String>) -> Result<UnknownView, QueryError> {
        let near = near.into_iter().map(|t| t.replace('\u{1f}', " ")).collect();
        let coverage = coverage(snapshot).into_iter().map(|(name, a, b)| (name, UnixNanos(a), UnixNanos(b))).collect();
        let unreadable = crate::query::hits::unreadable(snapshot, self.tables(), text)?;
        Ok(UnknownView { near, coverage, requests: snapshot.rows.count(), unreadable, inside: Vec::new() })
    }
}

impl Answers for Engine {
    fn path(&self, text: &str, scope: Option<&str>, times: Times) -> Result<Found, QueryError> {
        let begun = Instant::now();
        let snapshot = self.snapshot()?;
        let kept = |path: PathView| Found::Path(Box::new(PathView { took_us: begun.elapsed().as_micros() as u64, ..path }));
        if let Some(known) = snapshot.kept.of_text(text, scope, times) {
            return Ok(kept(known));
        }
        let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, &snapshot.profile, self.tables(), Some(Limit::of_ms(LIMIT_MS)));
        let mut assembler = Assembler::new(&index, &snapshot.profile);
        Ok(match resolve::resolve(&index, &mut assembler, text, scope)? {
            Meaning::One(choice) => {
                if let Some(known) = snapshot.kept.of_root(&choice.root, text, scope, times) {
                    return Ok(kept(known));
                }
                let path = self.view_of(&snapshot, self.build_with(&snapshot, &index, assembler, &choice.root, times)?, begun)?;
                snapshot.kept.keep(&choice.root, text, scope, times, &path);
                Found::Path(Box::new(path))
            }
            Meaning::Many { choices, more } => Found::Choices { choices: self.choices(&snapshot, &index, &choices)?, more },
            Meaning::Nothing { near, inside } => {
                let inside = self.choices(&snapshot, &index, &inside)?;
                Found::Unknown(Box::new(UnknownView { inside, ..self.unknown(&snapshot, text, near)? }))
            }
        })
    }

    fn records(&self, text: &str, scope: Option<&str>, times: Times) -> Result<Option<Vec<Shown>>, QueryError> {
        let snapshot = self.snapshot()?;
        let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, &snapshot.profile, self.tables(), Some(Limit::of_ms(LIMIT_MS)));
        let mut assembler = Assembler::new(&index, &snapshot.profile);
        let Meaning::One(choice) = resolve::resolve(&index, &mut assembler, text, scope)? else { return Ok(None) };
        let mut tree = assembler.into_tree_of_root(&choice.root)?;
        // Shifted clocks put lines into another order.
        if times == Times::Shifted {
            self.built(&snapshot, &mut tree, times)?;
        }
        records(&tree, &index).map(Some)
    }

    fn is_id(&self, text: &str, scope: Option<&str>) -> Result<bool, QueryError> {
        let snapshot = self.snapshot()?;
        let index = IndexLines::new(&snapshot.reader, &snapshot.lineages, &snapshot.profile, self.tables(), Some(Limit::of_ms(LIMIT_MS)));
        let meaning = resolve::exact(&index, &mut Assembler::new(&index, &snapshot.profile), text, scope)?;
        Ok(matches!(meaning, Some(Meaning::One(_) | Meaning::Many { .. })))
    }

    fn usual(&self, route: &str) -> Result<Operations, QueryError> {
        self.operations(&*self.snapshot()?, route)
    }

    fn list(&self, search: &str, query: RowQuery) -> Result<ListView, QueryError> {
        let snapshot = self.snapshot()?;
        let mut view = crate::query::search::list(self, &snapshot, search, query)?;
        for row in &mut view.page.rows {
            row.clocks.clear();
            if let Some(route) = &row.route {
                let typical = self.typical(&snapshot, route)?.total;
                if is_slow(row.total_ns(), Some(typical)) && !row.marks.iter().any(|m| m == "slow") {
                    row.marks.insert(0, "slow".into());
                }
            }
        }
        Ok(view)
    }

    fn lines(&self, query: LinesQuery) -> Result<LinesView, QueryError> {
        crate::query::listing::lines(self, &*self.snapshot()?, &query)
    }

    fn learned(&self) -> Result<LearnedView, QueryError> {
        let snapshot = self.snapshot()?;
        let newest = coverage(&snapshot).into_iter().map(|(_, _, last)| last).max();
        let clocks = self.clocks(&snapshot, clocks::window(newest.map(UnixNanos)))?;
        let mut roles = snapshot.learned.roles();
        roles.sort_by(|a, b| (&a.service, std::cmp::Reverse(a.lines), &a.label).cmp(&(&b.service, std::cmp::Reverse(b.lines), &b.label)));
        Ok(LearnedView { roles, clocks: clocks.known.clone() })
    }

    fn requests(&self) -> u64 {
        self.snapshot().map_or(0, |s| s.rows.count())
    }
}

/// What was learned, as it is applied under these tables: rows made under others are behind.
pub fn profile_of(learned: &Learned, tables: &Tables) -> Profile {
    let mut profile = learned.profile();
    profile.version ^= tables.version;
    profile
}

fn snapshot(reader: LineReader, rows: RowReader, tables: &Tables) -> Snapshot {
    let learned = Learned::from_bytes(reader.learned()).unwrap_or_default();
    let profile = profile_of(&learned, tables);
    Snapshot { lineages: lines::lineages(reader.checkpoint()), reader, rows, learned, profile, kept: Kept::default() }
}

/// Time each source covers, zones applied.
pub fn coverage(snapshot: &Snapshot) -> Vec<(String, i64, i64)> {
    spans(&snapshot.learned, &snapshot.profile)
}

/// Time each source covers, zones applied.
pub fn spans(learned: &Learned, profile: &Profile) -> Vec<(String, i64, i64)> {
    let offset = |name: &str| profile.zones.get(name).map_or(0, |z| i64::from(z.offset_s) * 1_000_000_000);
    learned.sources.iter().filter_map(|(name, facts)| facts.span(offset(name)).map(|(a, b)| (name.clone(), a, b))).collect()
}

fn is_slow(total_ns: Option<i64>, typical: Option<Typical>) -> bool {
    total_ns.zip(typical).is_some_and(|(total, t)| t.n >= ENOUGH && total > t.p95_ns)
}

fn mark_slow(trace: &mut Trace, typical: Option<Typical>) {
    if is_slow(trace.completion_ns.or(trace.response_ns), typical) {
        trace.marks.insert(0, "slow".into());
    }
}

/// The records of a tree in the order of its lines, those that repeat others last.
fn records(tree: &Tree, index: &IndexLines<'_>) -> Result<Vec<Shown>, QueryError> {
    let mut seen: FxHashSet<(u64, u64)> = FxHashSet::default();
    let own = tree.items.iter().filter_map(|item| index.loaded(item.entry.at.file.0, item.entry.at.start));
    let all = own.chain(index.at_lines(&tree.repeated)).filter(|l| seen.insert((l.stored.file.0, l.stored.start)));
    all.map(|l| Ok(Shown { file: l.shown.clone(), record: index.whole(&l)? })).collect()
}

fn log_lines(tree: &Tree, built: &Built, index: &IndexLines<'_>) -> Result<Vec<LogLine>, QueryError> {
    let span_of = |span: Option<usize>| span.and_then(|s| built.trace.spans.get(s));
    // The entries of one record share its text.
    let mut texts: FxHashMap<(u64, u64), Arc<str>> = FxHashMap::default();
    let line = |(item, placed): (&Item, &Option<usize>)| {
        let place = (item.entry.at.file.0, item.entry.at.start);
        let raw = match texts.get(&place) {
            Some(known) => known.clone(),
            None => texts.entry(place).or_insert(index.text(place.0, place.1)?).clone(),
        };
        Ok(LogLine {
            stage: span_of(*placed).map(|s| s.kind.stage()),
            span: span_of(*placed).map(|s| s.id.clone()),
            unplaced: placed.is_none() && !built.trace.spans.is_empty(),
            ..line_of(item, raw)
        })
    };
    tree.items.iter().zip(&built.placed).take(MAX_LOG).map(line).collect()
}

/// A line by itself.
fn log_line(item: &Item, index: &IndexLines<'_>) -> Result<LogLine, QueryError> {
    Ok(line_of(item, index.text(item.entry.at.file.0, item.entry.at.start)?))
}

fn line_of(item: &Item, raw: Arc<str>) -> LogLine {
    LogLine {
        at: item.entry.at,
        line: item.line.clone(),
        time: item.time_ns.map(UnixNanos),
        severity: item.entry.severity,
        stage: None,
        service: item.service().to_owned(),
        text: item.entry.body.as_deref().map_or_else(|| raw.chars().take(240).collect(), str::to_owned),
        raw,
        span: None,
        unplaced: true,
        placed_by: item.placed_by,
    }
}

fn of_route(route: &str, limit: usize) -> RowQuery {
    RowQuery { filters: vec![RowFilter::Route(vec![route.to_owned()])], limit, overview: false, ..RowQuery::default() }
}

/// A list query with nothing but a preset.
pub fn of_preset(preset: Preset) -> RowQuery {
    RowQuery { preset, ..RowQuery::default() }
}
