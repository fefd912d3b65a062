//! Pages of lines: those that match, in order of time, with counts around them and the way to the next page.
//!
//! Guarantees: a page goes on behind the line its cursor names, whatever came in since; a count is exact or said to be a lower bound; what is read at
//! once is bounded by bytes, the whole question by a deadline; a line leads to a request only when its id has one. Never writes.

use crate::{
    model::{
        entry::{Entry, FileId, Severity},
        id::{IdKind, IdRelation},
        time::UnixNanos,
    },
    query::{
        assemble::Assembler,
        engine::{Engine, LIMIT_MS, Snapshot},
        hits::Sought,
        lines::{IndexLines, Limit, Loaded, store},
        over_time::over_time,
        roots::Walk,
        syntax::{self, Parsed},
        view::{LineFacet, LineRow, LinesOverview, LinesQuery, LinesView, Notice, QueryError, RequestRef, Sought as Marked, TEXT_MAX_BYTES},
    },
    recognise::sensitive::{self, Kind, Sensitive},
    reconstruct::item::{Item, WorkRef},
    store::{Ahead, Named, Order, RecordPlace, RecordSet},
};
use rustc_hash::FxHashMap;
use std::{collections::BTreeMap, sync::Arc};

/// Events of one record that are shown.
const MAX_EVENTS: usize = 20;
/// Bytes of records read between two clearings of what was read.
const FORGET_BYTES: usize = 16 << 20;
/// How much older than the newest line shown a line may be and still count as come in since: logs are not read all at once.
const LATE_NS: i64 = 10_000_000_000;
/// Lines without an id of their own whose id is looked up.
const MAX_LOOK_UPS: u32 = 40;
/// Most logs that are offered as filters.
const MAX_SOURCES: usize = 40;
/// Most conditions that are tried without.
const MAX_HINTS: usize = 8;
/// Most words that are marked.
const MAX_MARKED: usize = 16;

/// How far into a long record its secrets are looked for, and how many are told.
const LOOKED_AT_MAX_BYTES: usize = 256 * 1024;
const MAX_SECRETS: usize = 4_096;

/// A record as a page's address names it: instant, lineage, offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    time_ns: Option<i64>,
    file: FileId,
    start: u64,
}

impl Cursor {
    fn words(self) -> String {
        format!("{}.{:x}.{}", self.time_ns.map_or_else(String::new, |ns| ns.to_string()), self.file.0, self.start)
    }

    fn read(text: &str) -> Result<Self, QueryError> {
        let mut parts = text.splitn(3, '.');
        let (time, file, start) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let time_ns = if time.is_empty() { None } else { Some(time.parse().map_err(|_| QueryError::Cursor)?) };
        let file = FileId(u64::from_str_radix(file, 16).map_err(|_| QueryError::Cursor)?);
        Ok(Self { time_ns, file, start: start.parse().map_err(|_| QueryError::Cursor)? })
    }
}

/// One question.
struct Asked<'a> {
    engine: &'a Engine,
    snapshot: &'a Snapshot,
    ahead: Ahead,
    limit: Limit,
}

/// Records that match, as far as they were looked at.
struct Counted {
    records: RecordSet,
    complete: bool,
}

/// A page of lines.
pub fn lines(engine: &Engine, snapshot: &Snapshot, query: &LinesQuery) -> Result<LinesView, QueryError> {
    let parsed = syntax::parse(&query.text);
    let asked = Asked { engine, snapshot, ahead: ahead(snapshot), limit: Limit::of_ms(LIMIT_MS) };
    let mut view = LinesView {
        notices: notices(&query.text, &parsed),
        understood: understood(&query.text),
        sought: marked(&parsed),
        total: snapshot.reader.doc_count(),
        ..LinesView::default()
    };
    let sought = asked.sought(&parsed, asked.limit.share(2))?;
    if !sought.complete {
        view.notices.push(bound(format!("not all lines could be looked at in {LIMIT_MS} ms; others may match too")));
    }
    asked.page(&sought, query, &mut view)?;
    if query.overview {
        let counted = asked.counted(&sought, asked.limit.share(2))?;
        (view.matched, view.exact) = (counted.records.count(), counted.complete);
        view.overview = asked.overview(&parsed, &sought, &counted)?;
        if view.matched == 0 && view.exact && view.total > 0 {
            view.drop_hint = asked.drop_hint(&query.text)?;
        }
    }
    Ok(view)
}

impl Asked<'_> {
    fn sought<'p>(&self, parsed: &'p Parsed, limit: Limit) -> Result<Sought<'p>, QueryError> {
        let mut sought = Sought::new(self.engine, self.snapshot, parsed, Some(limit))?;
        self.snapshot.reader.keep_between(&mut sought.records, sought.bounds, &self.ahead);
        Ok(sought)
    }

    fn index(&self, limit: Limit) -> IndexLines<'_> {
        IndexLines::new(&self.snapshot.reader, &self.snapshot.lineages, &self.snapshot.profile, self.engine.tables(), Some(limit))
    }

    fn order(&self, oldest_first: bool) -> Order {
        Order { newest_first: !oldest_first, ahead: self.ahead.clone() }
    }

    fn cursor(&self, place: &RecordPlace) -> Cursor {
        Cursor { time_ns: self.snapshot.reader.instant(place, &self.ahead), file: place.file, start: place.start }
    }

    /// The rows of a page, and where the next goes on.
    fn page(&self, sought: &Sought<'_>, query: &LinesQuery, view: &mut LinesView) -> Result<(), QueryError> {
        let reader = &self.snapshot.reader;
        let order = self.order(query.oldest_first);
        let after = query.after.as_deref().map(Cursor::read).transpose()?;
        let newer = query.newer.as_deref().map(Cursor::read).transpose()?.and_then(|c| c.time_ns);
        let mut records = sought.records.clone();
        reader.keep_between(&mut records, (newer.map(|ns| ns.saturating_sub(LATE_NS)), None), &self.ahead);
        let index = self.index(self.limit);
        let mut rows = Rows { assembler: Assembler::new(&index, &self.snapshot.profile), snapshot: self.snapshot, look_ups: MAX_LOOK_UPS };
        let mut walk = Walk::behind(after.map(|c| order.mark(c.time_ns, c.file, c.start)), order, query.limit + 1);
        let (mut found, mut bytes, mut last) = (0, 0, None);
        while let Some(place) = walk.next(self.snapshot, &records) {
            if self.limit.passed() {
                view.notices.push(bound(format!("{} lines that the index leaves were looked at in {LIMIT_MS} ms; the next page goes on from there", walk.seen - 1)));
                view.next = last.map(Cursor::words);
                return Ok(());
            }
            let loaded = index.read(reader.fetch(&place).map_err(store)?);
            bytes += loaded.stored.raw.len();
            let holds = sought.wanted.hold(&loaded);
            if holds && found == query.limit {
                view.next = last.map(Cursor::words);
                return Ok(());
            }
            last = Some(self.cursor(&place));
            if holds {
                found += 1;
                rows.add(&loaded, self.cursor(&place), &mut view.rows);
            }
            if bytes > FORGET_BYTES {
                bytes = 0;
                rows.assembler.forget();
                index.forget();
            }
        }
        Ok(())
    }

    /// What matches, by the index where it decides, else by reading the newest as far as the time goes.
    fn counted(&self, sought: &Sought<'_>, limit: Limit) -> Result<Counted, QueryError> {
        let reader = &self.snapshot.reader;
        if !sought.wanted.need_reading() {
            return Ok(Counted { records: sought.records.clone(), complete: sought.complete });
        }
        let (index, mut records, mut bytes) = (self.index(limit), reader.no_records(), 0);
        let mut walk = Walk::behind(None, self.order(false), 4_096);
        while let Some(place) = walk.next(self.snapshot, &sought.records) {
            if limit.passed() {
                return Ok(Counted { records, complete: false });
            }
            let loaded = index.read(reader.fetch(&place).map_err(store)?);
            bytes += loaded.stored.raw.len();
            if sought.wanted.hold(&loaded) {
                records.add(&place);
            }
            if bytes > FORGET_BYTES {
                bytes = 0;
                index.forget();
            }
        }
        Ok(Counted { records, complete: sought.complete })
    }

    fn overview(&self, parsed: &Parsed, sought: &Sought<'_>, counted: &Counted) -> Result<LinesOverview, QueryError> {
        let reader = &self.snapshot.reader;
        let until = Some(self.limit.until);
        // What other values of a filter would give is known where the index decides.
        let wider = |cleared: Parsed, narrowed: bool| -> Result<Option<(RecordSet, bool)>, QueryError> {
            if !narrowed {
                return Ok(Some((counted.records.clone(), counted.complete)));
            }
            if sought.wanted.need_reading() {
                return Ok(None);
            }
            let sought = self.sought(&cleared, self.limit.share(3))?;
            Ok(Some((sought.records, sought.complete)))
        };
        let narrowed = !(parsed.levels.is_empty() && parsed.levels_not.is_empty());
        let levels = wider(Parsed { levels: Vec::new(), levels_not: Vec::new(), ..parsed.clone() }, narrowed)?;
        let narrowed = !parsed.sources.is_empty();
        let sources = wider(Parsed { sources: Vec::new(), ..parsed.clone() }, narrowed)?;
        let mut complete = counted.complete;
        let mut counts = |set: Option<(RecordSet, bool)>, count: &dyn Fn(&RecordSet) -> Result<Named, QueryError>| -> Result<Option<BTreeMap<String, u64>>, QueryError> {
            let Some((set, all)) = set else { return Ok(None) };
            let named = count(&set)?;
            complete &= all && named.complete;
            Ok(Some(named.counts))
        };
        let levels = counts(levels, &|set| reader.by_level(set, until).map_err(store))?;
        let sources = counts(sources, &|set| reader.by_source(set, until).map_err(store))?;
        let (bars, outside) = over_time(self.snapshot, &counted.records, &self.ahead, until)?.unwrap_or_default();
        Ok(LinesOverview { levels: level_facets(parsed, levels), sources: source_facets(parsed, sources), bars, outside, complete })
    }

    /// The one condition whose removal gives most lines.
    fn drop_hint(&self, text: &str) -> Result<Option<(String, u64)>, QueryError> {
        let conditions: Vec<(usize, &str)> = syntax::conditions(text).into_iter().filter(|c| !c.2).map(|(at, raw, _)| (at, raw)).take(MAX_HINTS).collect();
        let mut best: Option<(String, u64)> = None;
        let mut left = conditions.len() as u32;
        for (at, raw) in &conditions {
            let limit = self.limit.share(left.max(1));
            left -= 1;
            let rest = format!("{} {}", &text[..*at], &text[at + raw.len()..]);
            let parsed = syntax::parse(&rest);
            let matched = self.counted(&self.sought(&parsed, limit.share(2))?, limit)?.records.count();
            if matched > best.as_ref().map_or(0, |b| b.1) {
                best = Some(((*raw).to_owned(), matched));
            }
        }
        Ok(best)
    }
}

/// Zones of logs that write none, by lineage.
fn ahead(snapshot: &Snapshot) -> Ahead {
    let zones = &snapshot.profile.zones;
    let of = |source: &str| zones.get(source).map(|zone| i64::from(zone.offset_s) * 1_000_000_000).filter(|ns| *ns != 0);
    let by_file: FxHashMap<FileId, i64> = snapshot.lineages.iter().filter_map(|(file, lineage)| Some((*file, of(&lineage.source)?))).collect();
    Arc::new(by_file)
}

/// Makes rows of records.
struct Rows<'a, 'i> {
    assembler: Assembler<'a, IndexLines<'i>>,
    snapshot: &'a Snapshot,
    look_ups: u32,
}

impl Rows<'_, '_> {
    fn add(&mut self, loaded: &Loaded, cursor: Cursor, out: &mut Vec<LineRow>) {
        let whole = String::from_utf8_lossy(&loaded.stored.raw);
        let raw = head(&whole, TEXT_MAX_BYTES);
        let secrets = secrets_behind(&whole, raw.len());
        for entry in loaded.entries.iter().take(MAX_EVENTS) {
            let item = Item::new(entry.clone(), &loaded.shown, &self.snapshot.profile);
            out.push(LineRow {
                time: item.time_ns.map(UnixNanos),
                sub: entry.at.sub,
                cursor: cursor.words(),
                severity: entry.severity,
                service: entry.service.as_deref().map(str::to_owned),
                source: entry.source.to_string(),
                body: body(entry, raw),
                raw: raw.to_owned(),
                secrets: secrets.clone(),
                raw_bytes: loaded.stored.cut.as_ref().map_or(loaded.stored.raw.len() as u64, |cut| cut.length),
                request: self.request(&item),
                line: item.line,
            });
        }
    }

    /// The request whose page this line stands on. What only names a unit above or beside it is looked up first.
    fn request(&mut self, item: &Item) -> Option<RequestRef> {
        let told = self.assembler.told_apart(item).ok().flatten();
        let refs = &told.as_ref().unwrap_or(item).refs;
        let rank = |r: &&WorkRef| (r.listed, r.relation != IdRelation::Own, r.kind != IdKind::Request);
        let best = refs.iter().min_by_key(rank)?;
        if !matches!(best.relation, IdRelation::Own | IdRelation::Child) {
            self.look_ups = self.look_ups.checked_sub(1)?;
            self.assembler.root_of(&best.key).ok().flatten()?;
        }
        let scope = best.key.split_once('\u{1f}').map(|(_, scope)| scope.to_owned());
        Some(RequestRef { id: best.value.to_string(), scope })
    }
}

fn body(entry: &Entry, raw: &str) -> String {
    match entry.body.as_deref() {
        Some(body) => head(body, TEXT_MAX_BYTES).to_owned(),
        None => raw.chars().take(240).collect(),
    }
}

/// Secrets of a record that end behind its head, as written.
pub(super) fn secrets_behind(whole: &str, head_bytes: usize) -> Vec<String> {
    if whole.len() <= head_bytes {
        return Vec::new();
    }
    let looked_at = head(whole, LOOKED_AT_MAX_BYTES);
    let behind = sensitive::marks(looked_at, Sensitive::builtin()).into_iter().filter(|mark| mark.kind == Kind::Secret && mark.at.end > head_bytes);
    behind.take(MAX_SECRETS).map(|mark| looked_at[mark.at].to_owned()).collect()
}

pub(super) fn head(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn bound(text: String) -> Notice {
    Notice { part: String::new(), at: 0, text }
}

/// What could not be used, and what says nothing of lines: each where it stands.
fn notices(text: &str, parsed: &Parsed) -> Vec<Notice> {
    let of_requests = syntax::conditions(text).into_iter().filter(|c| c.2);
    let left = of_requests.map(|(at, raw, _)| Notice { part: head(raw, 80).to_owned(), at, text: "this is asked of requests and says nothing of a line; it was left out".into() });
    parsed.notices.iter().cloned().chain(left).take(syntax::MAX_NOTICES).collect()
}

fn understood(text: &str) -> Vec<String> {
    let of_a_line = |words: String| match words.strip_prefix("begins at or ") {
        Some(rest) => format!("the line was written at or {rest}"),
        None => words.replacen("a line's", "its", 1).replacen("no line's", "not its", 1).replacen("a line contains", "it contains", 1).replacen(
            "no line contains",
            "it does not contain",
            1,
        ),
    };
    syntax::parse(&syntax::about_lines(text)).understood.into_iter().map(of_a_line).collect()
}

/// The words and phrases that matched, for marking: those typed as one first.
fn marked(parsed: &Parsed) -> Vec<Marked> {
    let words = parsed.words.iter().filter(|w| !w.negated).map(|w| Marked { text: w.text.clone(), whole: !w.prefix, word: true });
    let phrases = parsed.phrases.iter().filter(|p| !p.negated).map(|p| Marked { text: p.text.clone(), whole: false, word: false });
    let ids = parsed.fields.iter().filter(|f| !f.negated).flat_map(|f| &f.values);
    let ids = ids.map(|v| Marked { text: v.trim_end_matches('*').to_owned(), whole: !v.ends_with('*'), word: true });
    let mut out: Vec<Marked> = phrases.chain(words).chain(ids).filter(|m| m.text.contains(char::is_alphanumeric)).take(MAX_MARKED).collect();
    out.sort_by_key(|m| std::cmp::Reverse(m.text.len()));
    out
}

fn level_facets(parsed: &Parsed, counts: Option<BTreeMap<String, u64>>) -> Vec<LineFacet> {
    const WORST_FIRST: [Severity; 6] = [Severity::Fatal, Severity::Error, Severity::Warn, Severity::Info, Severity::Debug, Severity::Trace];
    let facet = |level: Severity| {
        let count = counts.as_ref().map(|c| c.get(level.word()).copied().unwrap_or(0));
        let chosen = parsed.levels.contains(&level);
        (chosen || count != Some(0)).then(|| LineFacet { value: level.word().to_owned(), count, chosen })
    };
    WORST_FIRST.into_iter().filter_map(facet).collect()
}

fn source_facets(parsed: &Parsed, counts: Option<BTreeMap<String, u64>>) -> Vec<LineFacet> {
    let named: Vec<&String> = parsed.sources.iter().filter(|s| !s.negated).flat_map(|s| &s.values).collect();
    let chosen = |name: &str| named.iter().any(|n| n.eq_ignore_ascii_case(name));
    let Some(counts) = counts else {
        return named.iter().map(|n| LineFacet { value: (*n).clone(), count: None, chosen: true }).collect();
    };
    let mut out: Vec<LineFacet> = counts.into_iter().map(|(value, count)| LineFacet { chosen: chosen(&value), value, count: Some(count) }).collect();
    out.sort_by(|a, b| b.chosen.cmp(&a.chosen).then(b.count.cmp(&a.count)).then_with(|| a.value.cmp(&b.value)));
    out.truncate(MAX_SOURCES);
    out
}
