//! The reader: a record in, entries out.
//!
//! Guarantees: at least one entry a record; a reading is a function of the record's bytes and the name of its source (what it remembers
//! between lines only spares work). Bounded memory. Never panics: at the worst an entry is the text of its record.

mod members;

use crate::{
    model::{
        entry::{At, Entry},
        habits::Customs,
        id::{IdKind, IdRef, IdRelation, is_strong},
        record::{Chunk, Record},
    },
    recognise::{
        apply,
        customs::{Counted, Sources},
        escapes, frame, mine,
        names::{self, Names, ROOT},
        plan::Plan,
        prefix,
        scan::{self, Batch, Kind, Leaf, Scan},
        signature, stack,
        table::Tables,
        text,
        values::Line,
    },
};
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    hash::{BuildHasher, Hash, Hasher},
    sync::Arc,
};

/// Most plans remembered.
const MAX_PLANS: usize = 4_096;
/// Most entries of one record.
const MAX_BATCH: usize = 10_000;
/// Most places where a broken record is looked at for a whole one.
const MAX_BREAKS: usize = 32;
/// How many records of a new source are looked at before the first is read.
const LOOKED_AT: usize = 2_000;
/// How deep records may stand in records.
const MAX_NESTING: u8 = 3;

/// Reads records. One per thread.
#[derive(Debug)]
pub struct Reader {
    tables: Arc<Tables>,
    names: Names,
    plans: FxHashMap<u64, Vec<Arc<Plan>>>,
    held: Vec<Arc<Plan>>,
    sources: Sources,
}

impl Reader {
    /// A reader with these tables.
    pub fn new(tables: Arc<Tables>) -> Self {
        let names = Names::new(tables.sets.clone());
        Self { tables, names, plans: FxHashMap::default(), held: Vec::new(), sources: Sources::default() }
    }

    /// What was decided of sources is applied from now on.
    pub fn tell(&mut self, customs: Arc<BTreeMap<String, Customs>>) {
        self.sources.tell(customs, &self.tables);
    }

    /// Looks at the first records of a new source and decides what they speak for, before they are read. What is decided may show more (a
    /// clock tells lengths): then it looks once more.
    pub fn meet(&mut self, chunk: &Chunk) {
        let mut scratch = Vec::new();
        for _ in 0..2 {
            self.sources.count(true);
            for span in chunk.records.iter().take(LOOKED_AT) {
                scratch.clear();
                self.read(&chunk.record(span), &mut scratch);
            }
            self.sources.settle(&self.held, &self.names, &self.tables);
            self.sources.count(false);
            // They are counted when they are read.
            if !self.sources.decide(&self.tables) {
                break;
            }
        }
    }

    /// Begins to count what the lines of each source have in common.
    pub fn count(&mut self) {
        self.sources.count(true);
    }

    /// What was counted since.
    pub fn take_counted(&mut self) -> Counted {
        self.sources.take(&self.held, &self.names, &self.tables)
    }

    /// Reads one record; pushes at least one entry.
    pub fn read(&mut self, record: &Record<'_>, out: &mut Vec<Entry>) {
        if self.names.is_full() || self.held.len() > MAX_PLANS {
            self.sources.settle(&self.held, &self.names, &self.tables);
            self.names.clear();
            self.plans.clear();
            self.held.clear();
        }
        self.sources.enter(record.source, &self.tables);
        // Checking first is several times faster than the lossy way, and almost all lines are valid.
        let text = std::str::from_utf8(record.raw).map_or_else(|_| String::from_utf8_lossy(record.raw), Cow::Borrowed);
        // NULs in front are the hole that a truncated file leaves: they are none of the record's text.
        let bare = text.trim_start_matches(['\u{feff}', '\0']).trim_end_matches(['\r', '\n']);
        let first = out.len();
        match frame::unsplit(bare) {
            Some(whole) => self.joined(bare, &whole, record.source, out),
            None => self.text(bare, record.source, 0, out),
        }
        if matches!(text, Cow::Owned(_)) {
            out[first..].iter_mut().for_each(|e| e.reading.unparsed |= !e.reading.json);
        }
        if out.len() == first {
            out.push(Entry { body: Some(mine::head(bare).into()), ..Entry::default() });
        }
        let fingerprint = FxBuildHasher.hash_one(bare);
        for (sub, entry) in out[first..].iter_mut().enumerate() {
            entry.fingerprint = fingerprint;
            entry.at = At { file: record.file, start: record.start, sub: sub as u32, line: record.line };
            entry.source = record.source.clone();
        }
    }

    /// The bare scan of a line, for what reading costs beyond it: the number of its leaves.
    #[doc(hidden)]
    pub fn scan_alone(&mut self, text: &str) -> usize {
        let mut scan = Scan::default();
        scan.leaves.reserve(48);
        scan.object(text, &mut self.names, ROOT);
        scan.leaves.len()
    }

    fn text(&mut self, text: &str, source: &Arc<str>, depth: u8, out: &mut Vec<Entry>) {
        let trimmed = text.trim_start();
        if trimmed.starts_with('{') {
            if self.object(text, source, depth, out) {
                return;
            }
        } else if trimmed.starts_with("[{") && self.array(trimmed, source, depth, out) {
            return;
        }
        if depth < MAX_NESTING
            && let Some(peeled) = prefix::peel(text)
            && peeled.inner.len() < text.len()
        {
            let first = out.len();
            self.text(peeled.inner, source, depth + 1, out);
            for entry in &mut out[first..] {
                behind_prefix(entry, &peeled);
            }
            return;
        }
        out.push(self.plain(text, source));
    }

    /// A line that its shipper had split: the envelope of the first piece, the text of all.
    fn joined(&mut self, pieces: &str, whole: &str, source: &Arc<str>, out: &mut Vec<Entry>) {
        let first = out.len();
        let head = pieces.lines().next().unwrap_or("");
        if head.starts_with('{') {
            let mut envelope = Vec::new();
            self.object(head, source, MAX_NESTING, &mut envelope);
            if let Some(envelope) = envelope.pop() {
                self.inner(whole, &envelope, source, 0, out);
                return;
            }
        }
        self.text(whole, source, 1, out);
        if let Some(peeled) = prefix::peel(head) {
            out[first..].iter_mut().for_each(|e| behind_prefix(e, &peeled));
        }
    }

    /// A line that is no JSON.
    fn plain(&mut self, text: &str, source: &Arc<str>) -> Entry {
        let read = text::read(text);
        let mut entry = Entry { source: source.clone(), ..Entry::default() };
        if !read.fields.is_empty() {
            let leaves: Vec<Leaf<'_>> = read
                .fields
                .iter()
                .map(|(key, value)| Leaf { path: self.names.child(ROOT, key), kind: Kind::Str, raw: value, escaped: false, object: 1, in_array: false })
                .collect();
            self.fill(&leaves, &mut entry);
        }
        entry.time = read.time.or(entry.time);
        entry.severity = read.severity.or(entry.severity);
        entry.logger = read.logger.map(Into::into).or(entry.logger);
        entry.service = read.service.map(Into::into).or(entry.service);
        entry.context = read.context.map(Into::into).or(entry.context);
        if !read.message.is_empty() {
            entry.body = Some(read.message.into());
        } else if entry.body.is_none() && entry.time.is_none() {
            entry.body = Some(text.trim_end().into());
        }
        if let Some(rest) = &read.rest {
            behind_first_line(&mut entry, rest);
        }
        // Lambda writes the request's id where others write the logger.
        if let Some(logger) = entry.logger.take_if(|l| is_strong(l, false)) {
            entry.ids.push(IdRef { kind: IdKind::Request, relation: IdRelation::Own, label: "request".into(), value: logger.into(), scope: None, listed: false });
        }
        entry.reading.convention = if entry.reading.convention.is_empty() { read.format } else { entry.reading.convention };
        entry.reading.continues = read.continues;
        entry.reading.unparsed = text.trim_start().starts_with('{');
        let service: Box<str> = entry.service.clone().unwrap_or_else(|| (**source).into());
        apply::from_text(&mut entry, &self.tables.clone(), &service);
        entry
    }

    /// A JSON object; false: nothing could be read of it.
    fn object(&mut self, text: &str, source: &Arc<str>, depth: u8, out: &mut Vec<Entry>) -> bool {
        let mut scan = Scan::default();
        scan.leaves.reserve(48);
        scan.object(text, &mut self.names, ROOT);
        if (scan.broke || scan.mended) && depth == 0 && self.written_into(text, source, out) {
            return true;
        }
        if scan.leaves.is_empty() && !scan.clean {
            return false;
        }
        if let Some(batch) = scan.batch
            && depth < MAX_NESTING
            && self.batch(&scan, batch, source, depth, out)
        {
            return true;
        }
        let mut entry = Entry { source: source.clone(), ..Entry::default() };
        entry.reading.json = scan.clean;
        entry.reading.unparsed = !scan.clean;
        let plan = self.fill(&scan.leaves, &mut entry);
        if depth < MAX_NESTING && plan.has_listed_text(&scan.leaves) {
            self.listed(&scan.leaves, &plan, &mut entry);
        }
        self.told_in_pairs(&mut entry);
        if !scan.clean && entry.body.is_none() && entry.time.is_none() && entry.ids.is_empty() {
            entry.body = Some(mine::head(text).into());
        }
        match plan.inner.as_ref().filter(|_| depth < MAX_NESTING) {
            Some(inner) if inner.holds_text(&scan.leaves) => self.inner(&inner.text(&scan.leaves), &entry, source, depth, out),
            Some(inner) if self.object_inside(text, &inner.path, source, depth, out) => {}
            _ if depth < MAX_NESTING && self.record_in_body(&entry, source, depth, out) => {}
            _ => out.push(entry),
        }
        true
    }

    /// The inner record of an envelope that carries it as an object.
    fn object_inside(&mut self, text: &str, path: &str, source: &Arc<str>, depth: u8, out: &mut Vec<Entry>) -> bool {
        let Some((inner, others)) = cut_member(text, path).filter(|(inner, _)| inner.starts_with('{')) else { return false };
        let mut scan = Scan::default();
        scan.object(&others, &mut self.names, ROOT);
        let mut envelope = Entry { source: source.clone(), ..Entry::default() };
        self.fill(&scan.leaves, &mut envelope);
        let first = out.len();
        self.inner(inner, &envelope, source, depth, out);
        out[first..].iter_mut().filter(|e| e.reading.convention.is_empty()).for_each(|e| e.reading.convention = envelope.reading.convention);
        true
    }

    /// Shippers nobody described: the message of the line is a whole record, with a time, a severity or a convention of its own.
    fn record_in_body(&mut self, entry: &Entry, source: &Arc<str>, depth: u8, out: &mut Vec<Entry>) -> bool {
        let Some(body) = entry.body.as_deref().map(str::trim).filter(|body| body.len() > 16 && body.starts_with('{') && body.ends_with('}')) else { return false };
        let first = out.len();
        self.text(body, source, depth + 1, out);
        let is_record = out[first..].iter().any(|e| e.reading.json && (e.time.is_some() || e.severity.is_some() || !e.reading.convention.is_empty()));
        if !is_record {
            out.truncate(first);
            return false;
        }
        out[first..].iter_mut().for_each(|e| inside(e, entry));
        true
    }

    /// Two writers and one file: a whole record begins where another was broken off. The whole one is read; of the other its text is kept.
    fn written_into(&mut self, text: &str, source: &Arc<str>, out: &mut Vec<Entry>) -> bool {
        for at in memchr::memmem::find_iter(text.as_bytes(), b"{\"").skip(1).take(MAX_BREAKS) {
            // Behind these an object is a part of the broken one.
            if matches!(text.as_bytes()[at - 1], b':' | b',' | b'[' | b' ' | b'\t' | b'\n' | b'\\') {
                continue;
            }
            let (broken, whole) = text.split_at(at);
            let mut scan = Scan::default();
            scan.object(whole, &mut self.names, ROOT);
            if scan.clean && scan.leaves.len() > 1 && self.object(whole, source, 1, out) {
                let mut rest = Entry { source: source.clone(), body: Some(mine::head(broken).into()), ..Entry::default() };
                rest.reading.unparsed = true;
                out.push(rest);
                return true;
            }
        }
        false
    }

    /// A record inside a record: its own reading wins, the envelope fills what it leaves out.
    fn inner(&mut self, text: &str, envelope: &Entry, source: &Arc<str>, depth: u8, out: &mut Vec<Entry>) {
        let first = out.len();
        self.text(text.trim_end_matches(['\n', '\r']), source, depth + 1, out);
        for entry in &mut out[first..] {
            inside(entry, envelope);
        }
    }

    fn array(&mut self, text: &str, source: &Arc<str>, depth: u8, out: &mut Vec<Entry>) -> bool {
        let elements = scan::elements(text, MAX_BATCH);
        let first = out.len();
        if depth < MAX_NESTING {
            for (_, element) in elements.iter().filter(|(k, _)| *k == Kind::Object) {
                self.object(element, source, depth + 1, out);
            }
        }
        out.len() > first
    }

    /// An envelope of many records: each is read with what stands around it.
    fn batch(&mut self, scan: &Scan<'_>, batch: Batch<'_>, source: &Arc<str>, depth: u8, out: &mut Vec<Entry>) -> bool {
        let sets = self.tables.sets.clone();
        let Some(path) = sets.batches.get(&names::fold(self.names.key(batch.path))) else { return false };
        let around: Vec<Leaf<'_>> = scan.leaves.iter().copied().filter(|l| l.path != batch.path).collect();
        let first = out.len();
        self.level(batch.raw, path, &around, source, depth, out);
        out.len() > first
    }

    fn level(&mut self, raw: &str, path: &[String], around: &[Leaf<'_>], source: &Arc<str>, depth: u8, out: &mut Vec<Entry>) {
        for (kind, element) in scan::elements(raw, MAX_BATCH) {
            if out.len() > MAX_BATCH {
                return;
            }
            if kind == Kind::Str && path.is_empty() {
                self.text(&escapes::unescape(element), source, depth + 1, out);
                continue;
            }
            if kind != Kind::Object {
                continue;
            }
            match path.split_first() {
                None => self.record_of_batch(element, around, source, depth, out),
                Some((next, rest)) => {
                    let Some((inner, others)) = cut_member(element, next) else {
                        self.record_of_batch(element, around, source, depth, out);
                        continue;
                    };
                    let mut scan = Scan::default();
                    scan.object(&others, &mut self.names, ROOT);
                    let all: Vec<Leaf<'_>> = around.iter().copied().chain(scan.leaves.iter().copied()).collect();
                    self.level(inner, rest, &all, source, depth, out);
                }
            }
        }
    }

    fn record_of_batch(&mut self, element: &str, around: &[Leaf<'_>], source: &Arc<str>, depth: u8, out: &mut Vec<Entry>) {
        let mut scan = Scan::default();
        scan.object(element, &mut self.names, ROOT);
        let clean = scan.clean;
        let leaves: Vec<Leaf<'_>> = around.iter().copied().chain(scan.leaves.iter().copied()).collect();
        let mut entry = Entry { source: source.clone(), ..Entry::default() };
        entry.reading.json = clean;
        let plan = self.fill(&leaves, &mut entry);
        match &plan.inner {
            Some(inner) if inner.holds_text(&leaves) => self.inner(&inner.text(&leaves), &entry, source, depth + 1, out),
            _ => out.push(entry),
        }
    }

    /// Finds the convention and the plan of a line, and fills the entry.
    fn fill(&mut self, leaves: &[Leaf<'_>], entry: &mut Entry) -> Arc<Plan> {
        let plan = self.plan(leaves);
        let convention = plan.convention.map(|i| &self.tables.conventions[i]);
        if let Some(v) = convention {
            entry.reading.convention = v.name;
        }
        let line = Line { leaves, names: &self.names, plan: &plan, convention, scale: self.sources.scale() };
        apply::fill(&line, &self.tables, entry);
        self.sources.observe(&plan, leaves, entry);
        plan
    }

    fn plan(&mut self, leaves: &[Leaf<'_>]) -> Arc<Plan> {
        let shape: Vec<u32> = leaves.iter().map(|l| (l.path << 4) | ((l.kind as u32) << 1) | u32::from(l.in_array)).collect();
        let mut hasher = rustc_hash::FxHasher::default();
        shape.hash(&mut hasher);
        let hash = hasher.finish();
        let customs = self.sources.active_id();
        if let Some(known) = self.plans.get(&hash).into_iter().flatten().filter(|p| p.customs == customs && p.shape == shape).find(|p| p.fits(leaves)) {
            return known.clone();
        }
        let active = self.sources.active();
        let chosen = signature::choose(leaves, &self.tables, &self.names, &active);
        let mut plan = Plan::new(leaves, shape, &self.names, &self.tables, &active, &chosen);
        plan.number = self.held.len() as u32;
        let plan = Arc::new(plan);
        self.held.push(plan.clone());
        self.plans.entry(hash).or_default().push(plan.clone());
        plan
    }
}

/// The lines below the first: a trace says what was raised, anything else is text.
fn behind_first_line(entry: &mut Entry, rest: &str) {
    let said = stack::raised(rest);
    let is_trace = || rest.contains("\n    at ") || rest.trim_start().starts_with("at ") || rest.lines().all(|line| stack::is_inside_trace(line.trim().as_bytes()));
    if said.is_none() && !is_trace() {
        let body = entry.body.take().unwrap_or_default();
        entry.body = Some(format!("{body}\n{rest}").into());
        return;
    }
    let failure = entry.failure.get_or_insert_default();
    failure.has_stack = true;
    if let Some((kind, message)) = said {
        let kind = kind.rsplit('.').next().filter(|_| rest.contains("Traceback (most recent")).unwrap_or(kind);
        failure.kind.get_or_insert_with(|| kind.into());
        if !message.is_empty() {
            failure.message.get_or_insert_with(|| message.into());
        }
    }
}

/// What the envelope knows and the record does not say.
fn inside(entry: &mut Entry, envelope: &Entry) {
    let outer = envelope.time.or(envelope.received);
    // Weak ids were scoped by the source's name as long as nobody named the service.
    if entry.service.is_none()
        && let Some(service) = &envelope.service
    {
        let (before, after) = (format!("service={}", entry.source), format!("service={service}"));
        entry.ids.iter_mut().filter(|i| i.scope.as_deref() == Some(&*before)).for_each(|i| i.scope = Some(after.clone().into()));
    }
    if entry.time.is_none() {
        entry.time = outer;
        entry.received = envelope.received;
    } else {
        entry.received = entry.received.or(outer);
    }
    entry.severity = entry.severity.or(envelope.severity);
    fill(&mut entry.service, envelope.service.as_deref());
    fill(&mut entry.logger, envelope.logger.as_deref());
    fill(&mut entry.host, envelope.host.as_deref());
    fill(&mut entry.context, envelope.context.as_deref());
    fill(&mut entry.service_version, envelope.service_version.as_deref());
    if entry.http.is_none() {
        entry.http.clone_from(&envelope.http);
    }
    if entry.duration.is_none() {
        entry.duration = envelope.duration;
    }
    for id in &envelope.ids {
        if !entry.ids.iter().any(|i| i.value == id.value) {
            entry.ids.push(id.clone());
        }
    }
    entry.reading.json = true;
    entry.reading.unparsed = false;
}

fn behind_prefix(entry: &mut Entry, peeled: &prefix::Peeled<'_>) {
    match (entry.time, peeled.time) {
        (None, time) => entry.time = time,
        (Some(_), time) => entry.received = entry.received.or(time),
    }
    entry.severity = entry.severity.or(peeled.severity);
    fill(&mut entry.service, peeled.service);
    fill(&mut entry.host, peeled.host);
}

fn fill(slot: &mut Option<Box<str>>, value: Option<&str>) {
    if slot.is_none() {
        *slot = value.map(Into::into);
    }
}

/// An object without one of its members, and that member's raw value.
fn cut_member<'a>(object: &'a str, key: &str) -> Option<(&'a str, String)> {
    let needle = format!("\"{key}\"");
    let at = object.find(&needle)?;
    let after = object[at + needle.len()..].trim_start().strip_prefix(':')?.trim_start();
    let start = object.len() - after.len();
    let wrapped = format!("[{after}");
    let elements = scan::elements(&wrapped, 1);
    let length = elements.first().map(|(_, raw)| raw.len())?;
    let value = object.get(start..start + length)?;
    Some((value, format!("{}\"{key}\":null{}", &object[..at], &object[start + length..])))
}
