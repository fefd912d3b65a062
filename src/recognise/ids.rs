//! The ids of a line: values under names that say ids, with kind, relation, scope; and strong values under names that say nothing.
//!
//! Guarantees: a value stands once for each kind and relation; nil values never; a weak value only under a name that says id, and then
//! with a scope. It never decides a link.

use crate::{
    model::id::{IdKind, IdRef, IdRelation, MIN_COUNTED, is_strong},
    recognise::{
        escapes,
        meaning::KindRule,
        mine::kind_of_other_side,
        names::words,
        plan::IdLeaf,
        role::Role,
        scan::{self, Kind, Leaf},
        table::Common,
        values::{Line, absent},
    },
};
use std::borrow::Cow;

/// Longest value that is taken for an id.
const MAX_ID_BYTES: usize = 2_048;
/// Most members of a list.
const MAX_LISTED: usize = 256;
/// Most ids of an entry.
const MAX_IDS: usize = 300;

/// Collects ids without repeating one.
#[derive(Debug, Default)]
pub struct Ids {
    /// So far.
    pub list: Vec<IdRef>,
}

impl Ids {
    /// Adds an id unless it stands there already under the same kind and relation. A name that says more beats one that says less.
    pub fn add(&mut self, id: IdRef) {
        if self.list.len() >= MAX_IDS {
            return;
        }
        for known in &mut self.list {
            if known.value != id.value {
                continue;
            }
            if id.kind == IdKind::Other || (known.kind == id.kind && known.relation == id.relation) {
                return;
            }
            if known.kind == IdKind::Other {
                *known = id;
                return;
            }
        }
        self.list.push(id);
    }

    fn own(&self, kind: IdKind) -> bool {
        self.list.iter().any(|i| i.kind == kind && i.relation == IdRelation::Own)
    }

    /// The kind of the unit the line is about, as far as it is known.
    fn own_kind(&self) -> Option<IdKind> {
        [IdKind::Span, IdKind::Call, IdKind::Task, IdKind::Request, IdKind::Trace].into_iter().find(|k| self.own(*k))
    }
}

/// Ids from the fields of a line. `service` scopes weak ids that nothing else does.
pub fn of_fields(line: &Line<'_, '_>, service: &str, common: &Common, out: &mut Ids) {
    // Names that say a kind first: the others lean on them, and a parent without a kind on what the line itself is.
    let turn_of = |id: &IdLeaf| match id.id.kind {
        // What it says depends on whether the line names a request.
        _ if id.id.strong_only => 2,
        KindRule::Is(_) => 0,
        KindRule::Named | KindRule::Bare => 1,
        KindRule::AsOwn => 2,
    };
    for turn in 0..3 {
        line.plan.ids.iter().filter(|i| turn_of(i) == turn).for_each(|leaf| of_leaf(line, leaf, service, common, out));
    }
    headers(line, out);
    for (index, label) in &line.plan.unclaimed {
        let leaf = &line.leaves[*index as usize];
        if leaf.kind == Kind::Array {
            tags(leaf.raw, service, common, out);
            continue;
        }
        if (12..=128).contains(&leaf.raw.len()) && !leaf.escaped && is_strong(leaf.raw, false) {
            let kind = kind_of_other_side(kind_by_value(leaf.raw, common), label, common).unwrap_or(IdKind::Other);
            out.add(IdRef { kind, relation: IdRelation::Own, label: label.clone(), value: leaf.raw.into(), scope: None, listed: false });
        }
    }
}

/// `["assist", "corr:req_…"]`: tags that carry a name and an id.
fn tags(raw: &str, service: &str, common: &Common, out: &mut Ids) {
    for (_, tag) in scan::elements(raw, 16).iter().filter(|(k, t)| *k == Kind::Str && (6..=200).contains(&t.len())) {
        if let Some(cut) = tag.find([':', '=']) {
            crate::recognise::mine::pair(&tag[..cut], &tag[cut + 1..], service, common, out);
        }
    }
}

fn of_leaf(line: &Line<'_, '_>, id: &IdLeaf, service: &str, common: &Common, out: &mut Ids) {
    let leaf = &line.leaves[id.leaf as usize];
    let listed_values;
    let values: Vec<Cow<'_, str>> = match leaf.kind {
        Kind::Str => vec![leaf.text()],
        Kind::Num => vec![Cow::Borrowed(leaf.raw)],
        Kind::Array => {
            listed_values = scan::elements(leaf.raw, MAX_LISTED);
            listed_values.iter().filter(|(k, _)| matches!(k, Kind::Str | Kind::Num)).map(|(_, t)| Cow::Owned(escapes::unescape(t))).collect()
        }
        _ => return,
    };
    let listed = leaf.kind == Kind::Array && (values.len() > 1 || id.id.listed);
    for value in values {
        let value = clean(&value);
        let group = id.id.kind == KindRule::Is(IdKind::Group) && value.bytes().any(|b| b.is_ascii_digit());
        if !acceptable(value, id.id.says_id || group) || numbers_a_name(line, id, value) || is_run_number(line, id, value) {
            continue;
        }
        let by_plural = leaf.kind == Kind::Array && id.id.listed && !id.id.says_id && matches!(id.id.kind, KindRule::Is(_));
        if by_plural && !is_strong(value, false) {
            continue;
        }
        // The message before, in a conversation whose every turn is a request, is what another request was about.
        if id.id.strong_only && (!is_strong(value, true) || out.own(IdKind::Request)) {
            continue;
        }
        let Some(kind) = kind_of(line, id, value, common, out) else { continue };
        // A trace is named by a long random value. A small number under a bare name (`Tr: 43`) is a length or a count, the same for many that have nothing in common.
        if !id.id.says_id && !is_strong(value, true) && (kind == IdKind::Trace || (kind == IdKind::Tool && value.len() < MIN_COUNTED)) {
            continue;
        }
        // An object with a queue and an id of its own (`mail: {queue, id}`) beside the line's unit is what was handed over.
        let handed = id.id.kind == KindRule::Named && kind == IdKind::Task && (out.own(IdKind::Task) || out.own(IdKind::Request) || out.own(IdKind::Tool) || out.own(IdKind::Call));
        let relation = if handed { IdRelation::Child } else { id.id.relation };
        let scope = if is_strong(value, kind != IdKind::Other && kind != IdKind::Group) { None } else { scope_of(line, id, kind, service) };
        out.add(IdRef { kind, relation, label: id.id.label.clone(), value: value.into(), scope, listed });
    }
}

/// `job: {id: 5, task_id: 2, task_identifier: "send"}`: an object's `id` is the id of what it is named after, and a number beside a name of the
/// same noun numbers what is named, so it is the same for all jobs of that name.
fn numbers_a_name(line: &Line<'_, '_>, id: &IdLeaf, value: &str) -> bool {
    let key = |leaf: &Leaf<'_>| line.names.key(leaf.path);
    let leaf = &line.leaves[id.leaf as usize];
    let is_work = |id: &IdLeaf| id.id.kind == KindRule::Is(IdKind::Task) && id.id.relation == IdRelation::Own;
    if !is_work(id) || key(leaf).eq_ignore_ascii_case("id") || line.plan.runs.contains(&id.leaf) || is_strong(value, true) {
        return false;
    }
    let has_its_id = beside(line, id).any(|other| is_work(other) && key(&line.leaves[other.leaf as usize]).eq_ignore_ascii_case("id"));
    let noun_of = |key: &str| words(key).split_last().map(|(last, noun)| (last.clone(), noun.concat()));
    let Some((_, noun)) = noun_of(key(leaf)).filter(|_| has_its_id) else { return false };
    let is_name = |other: &Leaf<'_>| noun_of(key(other)).is_some_and(|(last, of)| of == noun && matches!(&*last, "name" | "identifier" | "type" | "class"));
    line.leaves.iter().any(|other| other.object == leaf.object && other.kind == Kind::Str && is_name(other))
}

/// `{"task": "4c00f8a7-…", "run": 2}`: which run of the task it is, no id of another.
fn is_run_number(line: &Line<'_, '_>, id: &IdLeaf, value: &str) -> bool {
    let is_work = |other: &IdLeaf| other.leaf != id.leaf && other.id.kind == KindRule::Is(IdKind::Task) && other.id.relation == IdRelation::Own;
    let is_small = value.len() <= 3 && value.bytes().all(|b| b.is_ascii_digit());
    is_small && !id.id.says_id && line.names.key(line.leaves[id.leaf as usize].path).eq_ignore_ascii_case("run") && line.plan.ids.iter().any(is_work)
}

/// The number of a run beside the id of its task.
pub fn run_number<'l>(line: &Line<'_, 'l>) -> Option<&'l str> {
    line.plan.ids.iter().find_map(|id| {
        let raw = line.leaves[id.leaf as usize].raw.trim();
        is_run_number(line, id, raw).then_some(raw)
    })
}

/// What is executed, where the execution stands beside it (`workflowId` with `executionId`).
fn is_executed(line: &Line<'_, '_>, id: &IdLeaf) -> bool {
    let is_execution = |other: &IdLeaf| other.id.kind == KindRule::Is(IdKind::Task) && other.id.relation == IdRelation::Own && says(other, b"execution");
    id.id.relation == IdRelation::Own && says(id, b"workflow") && !says(id, b"execution") && beside(line, id).any(is_execution)
}

/// Its label has the word in it, in whatever case.
fn says(id: &IdLeaf, word: &[u8]) -> bool {
    id.id.label.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

/// The other ids of its object.
fn beside<'l>(line: &Line<'_, 'l>, id: &'l IdLeaf) -> impl Iterator<Item = &'l IdLeaf> {
    let leaves = line.leaves;
    line.plan.ids.iter().filter(move |other| other.leaf != id.leaf && leaves[other.leaf as usize].object == leaves[id.leaf as usize].object)
}

/// `message: {id: "msg_…"}` on a line that counts tokens is what a model answered, not what stood in a queue.
fn is_answer(line: &Line<'_, '_>, id: &IdLeaf, value: &str, common: &Common) -> bool {
    let has = |role: Role| !line.plan.of(role).is_empty();
    let counts_tokens = (has(Role::InputTokens) || has(Role::FinishReason)) && !has(Role::Queue) && !has(Role::JobName);
    counts_tokens && says(id, b"message") && kind_by_value(value, common) == Some(IdKind::Call)
}

fn kind_of(line: &Line<'_, '_>, id: &IdLeaf, value: &str, common: &Common, out: &Ids) -> Option<IdKind> {
    Some(match id.id.kind {
        // The call that a line about a tool names is the tool's; so is one whose value says so.
        KindRule::Is(IdKind::Call) if kind_by_value(value, common) == Some(IdKind::Tool) || (line.text(Role::Tool).is_some() && line.text(Role::ModelRequested).is_none()) => {
            IdKind::Tool
        }
        KindRule::Is(IdKind::Task) if is_answer(line, id, value, common) => IdKind::Call,
        KindRule::Is(IdKind::Task) if is_executed(line, id) => IdKind::Group,
        KindRule::Is(kind) => kind,
        KindRule::AsOwn | KindRule::Named if id.beside.is_some() => IdKind::Task,
        KindRule::AsOwn => own_prefix(value, common).or_else(|| out.own_kind()).unwrap_or(if is_hex16(value) { IdKind::Span } else { IdKind::Task }),
        KindRule::Named => IdKind::Other,
        KindRule::Bare if own_prefix(value, common).is_some() => own_prefix(value, common)?,
        KindRule::Bare => {
            let works = |role| !line.plan.of(role).is_empty();
            if is_span(line, id, out) {
                IdKind::Span
            } else if out.own(IdKind::Task) || out.own(IdKind::Call) {
                IdKind::Other
            } else if works(Role::Queue) || (works(Role::Attempt) && works(Role::JobName)) {
                IdKind::Task
            } else if works(Role::InputTokens) || works(Role::FinishReason) {
                IdKind::Call
            } else if is_of_access(line, id, value, common, out) {
                IdKind::Request
            } else {
                IdKind::Other
            }
        }
    })
    // A number of a transaction inside one process is no span.
    .filter(|kind| if *kind == IdKind::Span { value.len() >= 8 || is_strong(value, true) } else { *kind != IdKind::Other || is_strong(value, false) })
}

/// `id` beside its parent in a tree: what has a span above it is a span, and so is a step of a trace that has a begin or a length. That
/// the parent is null makes it the first.
fn is_span(line: &Line<'_, '_>, id: &IdLeaf, out: &Ids) -> bool {
    let object = |leaf: u16| line.leaves[leaf as usize].object;
    let mut parents = line.plan.ids.iter().filter(|i| i.id.relation == IdRelation::Parent && object(i.leaf) == object(id.leaf));
    let lasts = || [Role::Started, Role::Duration].into_iter().any(|role| !line.plan.of(role).is_empty());
    let is_above = |kind: KindRule| kind == KindRule::Is(IdKind::Span) || (kind == KindRule::AsOwn && out.own(IdKind::Trace) && lasts());
    !out.own(IdKind::Span) && parents.any(|i| i.beside.is_none() && is_above(i.id.kind))
}

/// `id` beside the method, the path and the status of one request. A number may as well be that of a row, and `user-42` is a user's.
fn is_of_access(line: &Line<'_, '_>, id: &IdLeaf, value: &str, common: &Common, out: &Ids) -> bool {
    let object = |leaf: u16| line.leaves[leaf as usize].object;
    let beside = |role| line.plan.of(role).iter().any(|c| object(c.leaf) == object(id.leaf));
    let is_named = !value.bytes().all(|b| b.is_ascii_digit()) && kind_by_value(value, common).is_none_or(|kind| kind == IdKind::Request);
    let of_a_thing = || value.split(['-', '_']).next().is_some_and(|prefix| common.id_word("group", &prefix.to_ascii_lowercase()));
    is_named && !of_a_thing() && !out.own(IdKind::Request) && [Role::Method, Role::Path, Role::Status].into_iter().all(beside)
}

/// `span_…` and `trace_…` say themselves what they are; other prefixes are of one product's making and weigh less than the line.
fn own_prefix(value: &str, common: &Common) -> Option<IdKind> {
    kind_by_value(value, common).filter(|kind| matches!(kind, IdKind::Span | IdKind::Trace) && value.split_once('_').is_some_and(|(_, rest)| is_strong(rest, false)))
}

fn is_hex16(value: &str) -> bool {
    value.len() == 16 && value.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The first of: the queue beside it, the queue its own name speaks of, the queue of what is handed over, the line's queue, the run,
/// the service (`reconstruction.md` 2.1).
fn scope_of(line: &Line<'_, '_>, id: &IdLeaf, kind: IdKind, service: &str) -> Option<Box<str>> {
    let queue = |leaf: &Leaf<'_>| crate::recognise::values::scalar(leaf).map(|q| format!("queue={}", queue_name(&q)).into_boxed_str());
    if matches!(kind, IdKind::Task | IdKind::Call | IdKind::Tool) {
        let run = || {
            line.plan.runs.iter().filter(|r| **r != id.leaf).find_map(|r| {
                let leaf = &line.leaves[*r as usize];
                crate::recognise::values::scalar(leaf).filter(|v| is_strong(v, true)).map(|v| format!("run={v}").into_boxed_str())
            })
        };
        if let Some(found) = Some(()).filter(|()| id.id.in_run).and_then(|()| run()) {
            return Some(found);
        }
        if let Some(found) = id.beside.and_then(|i| queue(&line.leaves[i as usize])) {
            return Some(found);
        }
        if let Some(name) = &id.id.queue {
            return Some(format!("queue={name}").into());
        }
        let target = if kind == IdKind::Task { line.candidates(Role::TargetQueue).find_map(|(_, l)| queue(l)) } else { None };
        if let Some(found) = target.or_else(|| line.candidates(Role::Queue).find_map(|(_, l)| queue(l))) {
            return Some(found);
        }
        let found = run();
        if found.is_some() {
            return found;
        }
    }
    Some(format!("service={service}").into())
}

/// `bull:emails` is the queue `emails`: a key prefix is no part of the name.
fn queue_name(text: &str) -> &str {
    text.rsplit(':').next().filter(|t| !t.is_empty()).unwrap_or(text).trim()
}

/// What stands around an id without being part of it: quotes of a debug print, `0x`, the path in front of a trace.
pub fn clean(value: &str) -> &str {
    let mut v = value.trim().trim_matches(|c| matches!(c, '"' | '\'' | '`' | '<' | '>' | '[' | ']' | '{' | '}' | '(' | ')'));
    if let Some(inner) = v.strip_prefix("Some(") {
        v = inner.trim_end_matches(')').trim_matches('"');
    }
    if let Some(hex) = v.strip_prefix("0x").filter(|h| matches!(h.len(), 16 | 32) && h.bytes().all(|b| b.is_ascii_hexdigit())) {
        v = hex;
    }
    if v.contains('/')
        && let Some((_, trace)) = v.split_once("/traces/")
    {
        v = trace.split(['/', ';', '?']).next().unwrap_or(trace);
    }
    v
}

fn acceptable(value: &str, says_id: bool) -> bool {
    if absent(value) || value.len() > MAX_ID_BYTES || value.contains(char::is_control) {
        return false;
    }
    let spaced = value.contains(char::is_whitespace);
    if says_id {
        return !spaced;
    }
    // A name that does not say `id` may hold a word: a task's name (`step2`), a flag.
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    !spaced && value.len() <= 128 && (digits == value.len() || digits > 2 || (digits > 0 && is_strong(value, true))) && !(value.contains('/') && value.contains("://"))
}

/// The name of a task where another line would write its id: `task: "send_email"`.
pub fn task_name(line: &Line<'_, '_>) -> Option<Box<str>> {
    let named = line.plan.ids.iter().filter(|i| !i.id.says_id && i.id.kind == KindRule::Is(IdKind::Task) && i.id.relation == IdRelation::Own);
    named
        .filter_map(|i| crate::recognise::values::scalar(&line.leaves[i.leaf as usize]))
        .find(|v| !acceptable(v, false) && v.len() <= 128 && !v.contains(char::is_whitespace))
        .map(|v| (&*v).into())
}

/// Which of its queue's tasks it is, beside its id: `{"jobId": "348218", "kind": "extract"}`. Spans and events have kinds, too, under the same name.
pub fn task_kind(line: &Line<'_, '_>) -> Option<Box<str>> {
    let is_task = |i: &IdLeaf| i.id.kind == KindRule::Is(IdKind::Task) && i.id.relation != IdRelation::Parent && !line.plan.runs.contains(&i.leaf);
    let beside: Vec<_> = line.plan.ids.iter().filter(|i| is_task(i)).map(|i| line.leaves[i.leaf as usize].object).collect();
    let is_kind = |leaf: &&Leaf<'_>| leaf.kind == Kind::Str && beside.contains(&leaf.object) && line.names.key(leaf.path).eq_ignore_ascii_case("kind");
    let value = line.leaves.iter().find(is_kind).and_then(crate::recognise::values::scalar)?;
    let is_name = value.len() <= 64
        && value.starts_with(|c: char| c.is_ascii_alphabetic())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'/'));
    let is_any = matches!(&*value.to_ascii_lowercase(), "job" | "task" | "message" | "event" | "log" | "worker" | "server" | "client" | "producer" | "consumer" | "internal");
    (is_name && !is_any).then(|| (&*value).into())
}

/// A value's own prefix is a label: `req_…`, `chatcmpl-…`.
pub fn kind_by_value(value: &str, common: &Common) -> Option<IdKind> {
    let cut = value.find(['_', '-'])?;
    let prefix = value[..cut].to_ascii_lowercase();
    [
        ("value_request", IdKind::Request),
        ("value_task", IdKind::Task),
        ("value_call", IdKind::Call),
        ("value_tool", IdKind::Tool),
        ("value_span", IdKind::Span),
        ("value_trace", IdKind::Trace),
    ]
    .into_iter()
    .find(|(list, _)| common.id_word(list, &prefix))
    .map(|(_, kind)| kind)
}

/// `traceparent: 00-trace-span-01` and `X-Amzn-Trace-Id: Root=…;Parent=…`.
fn headers(line: &Line<'_, '_>, out: &mut Ids) {
    for text in [Role::Traceparent, Role::Xray].into_iter().filter_map(|r| line.text(r)) {
        trace_context(&text, out);
    }
}

/// Ids of a trace context header.
pub fn trace_context(text: &str, out: &mut Ids) {
    let mut add = |kind, relation, label: &str, value: &str| {
        if !absent(value) {
            out.add(IdRef { kind, relation, label: label.into(), value: value.into(), scope: None, listed: false });
        }
    };
    let parts: Vec<&str> = text.split('-').collect();
    if let [_, trace, span, _] = parts[..]
        && trace.len() == 32
        && span.len() == 16
    {
        add(IdKind::Trace, IdRelation::Own, "traceparent", trace);
        add(IdKind::Span, IdRelation::Parent, "traceparent", span);
        return;
    }
    for part in text.split(';') {
        match part.trim().split_once('=') {
            Some(("Root", trace)) => add(IdKind::Trace, IdRelation::Own, "Root", trace),
            Some(("Parent", span)) => add(IdKind::Span, IdRelation::Parent, "Parent", span),
            _ => {}
        }
    }
}
