//! The facets of an entry: HTTP, model call, job, write, failure, fallback, lengths and attempts.
//!
//! Guarantees: a facet exists only when a field says something of it. Never reads other lines.

use crate::{
    model::{
        entry::{Attempt, Entry, Failure, Fallback, Job, ModelCall, NEVER_ANSWERED, Severity, Write},
        id::{IdKind, IdRef, IdRelation, is_strong},
        time::Length,
    },
    recognise::{
        escapes, failure,
        ids::{Ids, clean, run_number, task_kind, task_name},
        length::{self, Unit},
        mine,
        names::fold,
        prose,
        role::Role,
        scan::{self, Kind, Leaf},
        spelling,
        table::Common,
        turning, twins,
        values::{Line, length_of, scalar},
    },
};
use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _};

/// Fills all facets.
pub fn fill(line: &Line<'_, '_>, common: &Common, entry: &mut Entry) {
    entry.duration = duration(line);
    entry.first_token = line.length(Role::FirstToken).map(Box::new);
    entry.retry_delay = line.length(Role::RetryDelay).map(Box::new);
    entry.first_token_at = line.instant(Role::FirstTokenAt).filter(|t| entry.ended.is_none_or(|e| t.unix_ns < e.unix_ns)).map(Box::new);
    twins::by_instants(entry);
    entry.attempt = attempt(line).map(Box::new);
    entry.tool = line.word(Role::Tool);
    status(line, entry);
    http(line, entry);
    model(line, common, entry);
    job(line, entry);
    write(line, entry);
    fail(line, entry);
    fallback(line, entry);
    wait_of_a_retry(entry);
}

/// The best length. When that is a number without a unit, the others may tell it; when it was rounded, one of them may be the same in full.
fn duration(line: &Line<'_, '_>) -> Option<Length> {
    let mut lengths = line.lengths(Role::Duration);
    let best = lengths.next()?;
    let told = |other: Length| twins::settled(best, other.ns?, other.quantum_ns);
    if best.ns.is_some() { lengths.find(|other| twins::is_finer(best, *other)).or(Some(best)) } else { lengths.find_map(told).or(Some(best)) }
}

fn attempt(line: &Line<'_, '_>) -> Option<Attempt> {
    let stated = line.candidates(Role::Attempt).find_map(|(c, leaf)| {
        let raw = match leaf.kind {
            Kind::Num | Kind::Str => leaf.raw.trim(),
            _ => return None,
        };
        let number = raw.parse::<u32>().ok()?;
        let counted = !c.from_zero || line.plan.attempt_counted;
        Some(Attempt { raw: raw.into(), number: if counted { number.max(1) } else { number.saturating_add(1) } })
    });
    stated.or_else(|| {
        let raw = run_number(line)?;
        Some(Attempt { number: raw.parse::<u32>().ok()?.max(1), raw: raw.into() })
    })
}

/// A status is HTTP's when it is a number of HTTP's, else an outcome word.
fn status(line: &Line<'_, '_>, entry: &mut Entry) {
    let mut code = None;
    let mut word: Option<Box<str>> = None;
    for (_, leaf) in line.candidates(Role::Status) {
        let Some(text) = scalar(leaf) else { continue };
        let text = text.trim();
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        if digits && code.is_none() {
            code = text.parse::<u16>().ok().filter(|s| (100..600).contains(s));
            // An access record with status 0 (Caddy, Envoy): nothing was sent, as nobody was there any more to read it.
            if text == "0" && line.text(Role::Method).is_some_and(|method| mine::is_method(&method.to_ascii_uppercase())) {
                code = Some(NEVER_ANSWERED);
            }
        } else if !digits && word.is_none() && is_outcome(text) {
            word = Some(text.into());
        }
    }
    if let Some(code) = code {
        entry.http.get_or_insert_default().status = Some(code);
    }
    entry.outcome = word.or_else(|| span_status(line)).or_else(|| {
        line.candidates(Role::Outcome).find_map(|(_, leaf)| match (leaf.kind, leaf.raw) {
            (Kind::Bool, "true") => Some("success".into()),
            (Kind::Bool, _) => Some("failure".into()),
            (Kind::Str, _) => scalar(leaf).filter(|t| is_outcome(t)).map(|t| t.trim().into()),
            _ => None,
        })
    });
}

fn span_status(line: &Line<'_, '_>) -> Option<Box<str>> {
    line.text(Role::SpanStatus).and_then(|code| match &*code {
        "1" | "STATUS_CODE_OK" => Some("OK".into()),
        "2" | "STATUS_CODE_ERROR" => Some("ERROR".into()),
        _ => None,
    })
}

fn is_outcome(text: &str) -> bool {
    text.len() <= 40 && !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) && text.chars().any(char::is_alphabetic)
}

fn http(line: &Line<'_, '_>, entry: &mut Entry) {
    let request_line = line.text(Role::RequestLine);
    let request_line = request_line.as_deref().and_then(mine::request_line);
    let method = line.candidates(Role::Method).filter_map(|(_, l)| scalar(l)).find(|m| mine::is_method(&m.to_ascii_uppercase())).map(|m| m.to_ascii_uppercase());
    let method = method.or_else(|| request_line.map(|(m, _)| m.to_owned()));
    let path = line.candidates(Role::Path).filter_map(|(_, l)| scalar(l)).find(|p| p.starts_with('/') || p.contains("://"));
    let path = path.as_deref().or(request_line.map(|(_, t)| t)).map(mine::path_of);
    let route = line.candidates(Role::Route).filter_map(|(_, l)| scalar(l)).find(|r| r.contains('/'));
    if method.is_none() && route.is_none() {
        return;
    }
    let http = entry.http.get_or_insert_default();
    http.client_left = client_left(line);
    http.access = method.is_some() && path.is_some() && http.status.is_some();
    http.method = method.map(Into::into);
    http.path = path.map(Into::into);
    http.route = route.map(|r| (&*r).into());
}

/// Status words of a proxy about the connection: `CH--`, `DC`.
fn client_left(line: &Line<'_, '_>) -> bool {
    let Some(convention) = line.convention.filter(|v| !v.client_left.is_empty()) else { return false };
    line.text(Role::Termination).is_some_and(|letters| convention.client_left.iter().any(|begin| letters.starts_with(&**begin)))
}

/// `finish_reason` of the first of the answers of a model.
fn why_ended(answers: &Leaf<'_>) -> Option<Box<str>> {
    let (_, first) = scan::elements(answers.raw, 1).into_iter().find(|(kind, _)| *kind == Kind::Object)?;
    let members: BTreeMap<String, &serde_json::value::RawValue> = serde_json::from_str(first).ok()?;
    let reason = ["finishreason", "stopreason"].iter().find_map(|name| members.iter().find(|(key, _)| fold(key) == *name)).map(|(_, value)| value)?;
    serde_json::from_str::<Box<str>>(reason.get()).ok().filter(|t| !t.is_empty() && !t.contains(' '))
}

/// One word, or a name that is written like one: `Google AI Studio`.
fn provider(line: &Line<'_, '_>) -> Option<Box<str>> {
    let is_proper = |name: &str| name.len() <= 40 && name.split(' ').count() <= 4 && name.split(' ').all(|word| word.starts_with(|c: char| c.is_ascii_uppercase()));
    line.word(Role::Provider).or_else(|| line.name(Role::Provider).filter(|name| is_proper(name)))
}

fn model(line: &Line<'_, '_>, common: &Common, entry: &mut Entry) {
    let reason = line.candidates(Role::FinishReason).find_map(|(_, leaf)| match leaf.kind {
        Kind::Array => scan::elements(leaf.raw, 1).first().filter(|(k, _)| *k == Kind::Str).map(|(_, t)| (*t).into()),
        _ => scalar(leaf).filter(|t| !t.contains(' ')).map(|t| (&*t).into()),
    });
    let reason = reason.or_else(|| line.candidates(Role::Choices).find_map(|(_, leaf)| why_ended(leaf)));
    // Characters, images or seconds are counted under the same names.
    let in_tokens = line.text(Role::UsageUnit).is_none_or(|unit| unit.to_ascii_lowercase().contains("token"));
    let call = ModelCall {
        requested: line.name(Role::ModelRequested),
        served: line.name(Role::ModelServed),
        group: line.name(Role::ModelGroup),
        provider: provider(line),
        operation: line.word(Role::ModelOperation),
        input_tokens: line.count(Role::InputTokens).filter(|_| in_tokens),
        output_tokens: line.count(Role::OutputTokens).filter(|_| in_tokens),
        cached_tokens: line.count(Role::CachedTokens),
        reasoning_tokens: line.count(Role::ReasoningTokens),
        cost_usd: line.number(Role::Cost),
        finish_reason: reason,
        prompt_name: line.word(Role::PromptName),
        prompt_version: line.word(Role::PromptVersion).or_else(|| line.word(Role::PromptTag).filter(|tag| is_versioned(tag))),
        stream: line.flag(Role::Stream),
        cache_hit: line.flag(Role::CacheHit),
    };
    // What has the members of a call and used nothing, without a model, was none.
    let some = |tokens: Option<u64>| tokens.is_some_and(|n| n > 0);
    let says = call.requested.is_some()
        || call.served.is_some()
        || call.group.is_some()
        || some(call.input_tokens)
        || some(call.output_tokens)
        || call.cost_usd.is_some_and(|cost| cost > 0.0)
        || call.finish_reason.is_some()
        || call.prompt_version.is_some()
        || call.operation.is_some();
    // Somebody's provider alone is not a model's, unless it serves nothing else.
    if says || call.provider.as_deref().is_some_and(|provider| common.model_providers.contains(&fold(provider))) {
        entry.model = Some(Box::new(call));
    }
}

fn job(line: &Line<'_, '_>, entry: &mut Entry) {
    let job = Job {
        queue: line.candidates(Role::Queue).filter(|(_, l)| l.kind == Kind::Str).find_map(|(_, l)| scalar(l)).or_else(|| line.text(Role::TargetQueue)).map(|q| q.trim().into()),
        name: line.word(Role::JobName).or_else(|| task_name(line)),
        kind: task_kind(line),
        state: None,
        queue_wait: line.length(Role::QueueWait),
        delay: line.length(Role::Delay),
        enqueued: line.instant(Role::Enqueued),
    };
    if job != Job::default() {
        entry.job = Some(Box::new(Job { state: entry.outcome.clone(), ..job }));
    }
}

fn write(line: &Line<'_, '_>, entry: &mut Entry) {
    let write = Write { system: line.word(Role::DbSystem), operation: line.name(Role::DbOperation), target: line.word(Role::DbTarget), rows: line.count(Role::Rows) };
    if write.system.is_some() || write.operation.is_some() || write.target.is_some() {
        entry.duration = entry.duration.or_else(|| length_of_query(line));
        entry.write = Some(Box::new(write));
    } else if let Some(said) = entry.body.as_deref().and_then(prose::statement) {
        // `update available` is news.
        let took = length_of_query(line);
        let is_said_to_be = || entry.body.as_deref().is_some_and(prose::names_a_store) && entry.duration.is_some();
        if took.is_some() || write.rows.is_some() || is_said_to_be() {
            entry.duration = entry.duration.or(took);
            entry.write = Some(Box::new(Write { rows: write.rows, ..said }));
        }
    }
}

/// `query_ms` beside a statement: how long that took. On any other line it is a part of something.
fn length_of_query(line: &Line<'_, '_>) -> Option<Length> {
    line.leaves.iter().find_map(|leaf| {
        let key = line.names.key(leaf.path);
        let (noun, unit) = key.rsplit_once('_').or_else(|| key.find("Ms").map(|at| key.split_at(at)))?;
        let is_query = matches!(&*noun.to_ascii_lowercase(), "query" | "sql" | "db" | "statement" | "stmt");
        let unit = Unit::of_suffix(&unit.to_ascii_lowercase()).filter(|_| is_query)?;
        length_of(leaf, Some(unit))
    })
}

/// A wait of which the text says that it comes before another attempt was in no queue.
fn wait_of_a_retry(entry: &mut Entry) {
    let says = |body: &str| {
        let words: Vec<&str> = mine::head(body).split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(16).collect();
        let is = |word: &str, list: &[&str]| list.iter().any(|w| word.eq_ignore_ascii_case(w));
        words.iter().any(|word| is(word, &["retry", "retrying", "backoff"]))
            || words.windows(2).any(|pair| is(pair[0], &["before", "until"]) && is(pair[1], &["try", "attempt", "next"]))
    };
    if entry.retry_delay.is_none()
        && entry.body.as_deref().is_some_and(says)
        && let Some(wait) = entry.job.as_mut().and_then(|job| job.queue_wait.take())
    {
        entry.retry_delay = Some(Box::new(wait));
        if entry.job.as_deref() == Some(&Job { state: entry.outcome.clone(), ..Job::default() }) {
            entry.job = None;
        }
    }
}

/// What the first line of a text says of lengths and rows, when no field does: `stored 3 rows in kb_runs in 8.0ms`,
/// `first token after 59 ms`.
pub fn in_text(entry: &mut Entry, body: &str) {
    let first = mine::head(body.lines().next().unwrap_or(""));
    match &mut entry.write {
        Some(write) if write.operation.is_none() => write.operation = prose::operation(first).map(Into::into),
        Some(_) => {}
        None => entry.write = prose::rows(first).map(Box::new),
    }
    if entry.tool.is_none() {
        entry.tool = prose::tool(first).map(Into::into);
    }
    length_in_text(entry, first);
    let is_a_step = entry.write.is_some() || entry.model.is_some() || entry.tool.is_some() || entry.http.is_some();
    if entry.duration.is_some() && !is_a_step {
        entry.write = prose::stored(first).map(Box::new);
    }
}

fn length_in_text(entry: &mut Entry, first: &str) {
    if entry.duration.is_some_and(|d| d.ns.is_some()) || entry.job.as_ref().is_some_and(|j| j.delay.is_some()) || !first.bytes().any(|b| b.is_ascii_digit()) {
        return;
    }
    let Some(length) = length::in_text(first).or_else(|| length::pair_in_text(first)) else { return };
    match (entry.duration, length.ns) {
        // The text tells the unit of the number beside it.
        (Some(bare), Some(ns)) => {
            entry.duration = twins::settled(bare, ns, length.quantum_ns).or(entry.duration);
        }
        (None, Some(_)) if first.contains("first token") || first.contains("first chunk") => {
            entry.first_token.get_or_insert_with(|| Box::new(length));
        }
        (None, _) => {
            entry.duration = Some(length);
            entry.reading.duration_in_text = true;
        }
        _ => {}
    }
}

/// `Created` beside 201 is the text of a status, and no error's.
fn status_text<'a>(line: &Line<'a, '_>, entry: &Entry) -> Option<Cow<'a, str>> {
    let is_fine = entry.http.as_ref().and_then(|http| http.status).is_some_and(|status| (100..400).contains(&status));
    line.text(Role::StatusText).filter(|_| !is_fine)
}

fn fail(line: &Line<'_, '_>, entry: &mut Entry) {
    let mut out = Failure {
        kind: line.word(Role::ErrorKind),
        message: line.text(Role::ErrorMessage).or_else(|| status_text(line, entry)).map(|t| t.trim().into()),
        code: line.word(Role::ErrorCode),
        retryable: line.flag(Role::Retryable),
        has_stack: false,
    };
    // A code that is written like a class names one: `ThrottlingException`, `InvalidParameterValue`.
    if out.kind.is_none()
        && out.code.as_deref().is_some_and(|c| {
            c.len() > 6 && c.starts_with(|c: char| c.is_ascii_uppercase()) && c.bytes().all(|b| b.is_ascii_alphabetic()) && c.bytes().any(|b| b.is_ascii_lowercase())
        })
    {
        out.kind.clone_from(&out.code);
    }
    for (_, leaf) in line.candidates(Role::Error).chain(line.candidates(Role::ErrorText)) {
        let text = match leaf.kind {
            Kind::Str => scalar(leaf),
            // A trace line by line: the first says what was thrown.
            Kind::Array => scan::elements(leaf.raw, 1).first().filter(|(kind, _)| *kind == Kind::Str).map(|(_, line)| escapes::unescape(line).into()),
            _ => None,
        };
        let Some(text) = text else { continue };
        let said = failure::read(&text);
        out.has_stack |= said.has_stack;
        if out.kind.is_none() {
            out.kind = said.kind.map(Into::into);
        }
        if out.message.is_none() {
            out.message = said.message.map(Into::into);
        }
    }
    for (_, leaf) in line.candidates(Role::Stack) {
        let Some(text) = scalar(leaf) else { continue };
        out.has_stack = true;
        let said = failure::of_stack(&text);
        if out.kind.is_none() {
            out.kind = said.kind.map(Into::into);
        }
        // That the text is of the line's own error is told by its class.
        if out.message.is_none() && said.kind.is_some_and(|kind| out.kind.as_deref().is_some_and(|known| known.ends_with(kind) || kind.ends_with(known))) {
            // What the line says itself is no text of the error beside it.
            out.message = said.message.filter(|text| entry.body.as_deref() != Some(text)).map(Into::into);
        }
    }
    if out.message.is_none() && (out.kind.is_some() || entry.severity.is_some_and(|s| s >= Severity::Warn)) {
        out.message = line.text(Role::Reason).map(|t| t.trim().into());
    }
    if out != Failure::default() {
        entry.failure = Some(Box::new(out));
    }
}

/// `cv-parse@7`, `triage:v3`, `reply/v1.2`, `triage-v15`: a name and its version.
fn is_versioned(tag: &str) -> bool {
    let marked = tag.rfind(['@', ':', '/']).or_else(|| tag.rfind("-v").or_else(|| tag.rfind("_v")));
    let Some(at) = marked.filter(|_| tag.len() <= 64) else { return false };
    let (name, version) = (&tag[..at], &tag[at + 1..]);
    let number = version.strip_prefix(['v', 'V']);
    let is_number = |n: &str| n.len() <= 8 && n.starts_with(|c: char| c.is_ascii_digit()) && n.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/'));
    is_name && number.map_or(tag.as_bytes()[at] == b'@' && is_number(version), is_number)
}

fn fallback(line: &Line<'_, '_>, entry: &mut Entry) {
    let mut out = Fallback { from: line.name(Role::FallbackFrom), to: line.name(Role::FallbackTo), used: line.flag(Role::FallbackUsed), in_words: false };
    // `from` and `to` are of anything; of models where the text says so.
    if out.from.is_none() && out.to.is_none() {
        let (left, taken) = (line.word(Role::Left), line.word(Role::Taken));
        if (left.is_some() || taken.is_some()) && entry.body.as_deref().is_some_and(turning::says_fallback) {
            (out.from, out.to, out.in_words) = (left, taken, true);
        } else if entry.severity.is_none_or(|severity| severity >= Severity::Warn)
            && let Some((left, taken)) = entry.body.as_deref().and_then(turning::from_to)
        {
            (out.from, out.to, out.in_words) = (Some(left.into()), Some(taken.into()), true);
        }
    }
    // Where one of the two is named for what it is, the line's model is the other.
    let model = || entry.model.as_ref().and_then(|m| m.requested.clone());
    match (&out.from, &out.to) {
        (None, Some(to)) => out.from = model().filter(|model| model != to),
        (Some(from), None) => out.to = model().filter(|model| model != from),
        _ => {}
    }
    if out.from.is_some() || out.to.is_some() || out.used.is_some() {
        entry.fallback = Some(Box::new(out));
    }
}

/// Fills an entry from the holes of a text; fields win.
pub fn template(entry: &mut Entry, holes: &[(&str, &str)], service: &str, found: &mut Ids) {
    let queue = holes.iter().find(|(h, _)| *h == "queue").map(|(_, v)| *v);
    for (hole, value) in holes {
        let (name, unit) = hole.split_once(':').map_or((*hole, None), |(n, u)| (n, Unit::of_suffix(u)));
        let length = || unit.and_then(|u| length::with_unit(value, u)).or_else(|| length::parse(value));
        match name {
            "task" | "parent_task" | "request" | "call" => {
                let value = clean(value);
                let kind = match name {
                    "request" => IdKind::Request,
                    "call" => IdKind::Call,
                    _ => IdKind::Task,
                };
                let relation = if name == "parent_task" { IdRelation::Parent } else { IdRelation::Own };
                let scope = (!is_strong(value, true)).then(|| queue.map_or_else(|| format!("service={service}"), |q| format!("queue={q}")).into_boxed_str());
                let label = if name == "request" { "request" } else { "task" };
                found.add(IdRef { kind, relation, label: label.into(), value: value.into(), scope, listed: false });
            }
            "worker" => entry.context = Some(format!("worker={value}").into()),
            "queue" => {
                entry.job.get_or_insert_default().queue.get_or_insert_with(|| (*value).into());
            }
            "name" => {
                entry.job.get_or_insert_default().name.get_or_insert_with(|| (*value).into());
            }
            "delay" => {
                let length = length();
                let job = entry.job.get_or_insert_default();
                job.delay = job.delay.or(length);
            }
            "duration" if entry.duration.is_none() => {
                entry.duration = length();
                // In a text the program's own format is its field; beside members it repeats or rounds one.
                entry.reading.duration_in_text = entry.reading.json;
            }
            "attempt" if entry.attempt.is_none() => {
                entry.attempt = value.parse().ok().map(|number: u32| Attempt { raw: (*value).into(), number: number.max(1) }.into());
            }
            "outcome" if entry.outcome.is_none() => entry.outcome = Some((*value).into()),
            "error" => error_in_text(entry, value),
            _ => {}
        }
    }
}

fn error_in_text(entry: &mut Entry, value: &str) {
    let said = failure::read(value);
    let failure = entry.failure.get_or_insert_default();
    if failure.kind.is_none() {
        failure.kind = said.kind.map(Into::into);
    }
    failure.has_stack |= said.has_stack;
    if failure.message.is_none() {
        failure.message = said.message.map(Into::into);
    }
}

/// A text with `{holes}` that other members fill (Serilog's message templates). A hole with a format takes the next of the
/// renderings that stand beside the template.
pub fn render(template: &str, line: &Line<'_, '_>) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    let renderings = line.candidates(Role::Renderings).next().map_or_else(Vec::new, |(_, l)| scan::elements(l.raw, 64));
    let mut rendered = renderings.iter();
    while let Some((before, tail)) = rest.split_once('{') {
        out.push_str(before);
        let Some((hole, after)) = tail.split_once('}') else {
            let _ = write!(out, "{{{tail}");
            return out;
        };
        let name = hole.trim_start_matches(['@', '$']).split([':', ',']).next().unwrap_or(hole);
        let formatted = if hole.contains(':') { rendered.next() } else { None };
        let scalar = |l: &&Leaf<'_>| matches!(l.kind, Kind::Str | Kind::Num | Kind::Bool);
        let named = |same: fn(&str, &str) -> bool| line.leaves.iter().filter(scalar).find(|l| same(line.names.key(l.path), name));
        let leaf = named(|key, name| key == name).or_else(|| named(spelling::are_one));
        match (formatted, leaf) {
            (Some((_, text)), _) => out.push_str(&escapes::unescape(text)),
            (None, Some(leaf)) => out.push_str(&leaf.text()),
            (None, None) => {
                let _ = write!(out, "{{{hole}}}");
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}
