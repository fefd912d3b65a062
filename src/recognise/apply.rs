//! A line with its plan becomes an entry: time, severity, text, names, ids. The facets are `facets`' part.
//!
//! Guarantees: a pure function of the leaves, the plan and the source's name. Absent stays absent.

use crate::{
    model::{
        entry::{Entry, Severity},
        id::is_strong,
    },
    recognise::{
        escapes, facets,
        ids::{self, Ids},
        instant, length, mine,
        names::fold,
        plan::{AFTER_NAMES, Candidate},
        role::Role,
        scan::{self, Kind},
        severity::{self, Scale},
        shape,
        table::Tables,
        values::{Line, scalar},
    },
};
use std::borrow::Cow;

/// Most parts of a list that are read.
const MAX_LISTED: usize = 8;

/// Fills an entry from a line.
pub fn fill(line: &Line<'_, '_>, tables: &Tables, entry: &mut Entry) {
    time(line, entry);
    entry.severity = severity_of(line).or(entry.severity);
    let body_leaf = body(line, entry);
    names(line, entry);
    if let Some(operation) = line.candidates(Role::Operation).find(|(c, _)| Some(c.leaf) != body_leaf).and_then(|(_, l)| scalar(l)).filter(|t| t.len() <= 200) {
        entry.operation = Some(operation.trim().into());
    }
    let mut found = Ids { list: std::mem::take(&mut entry.ids) };
    let service: Box<str> = entry.service.clone().unwrap_or_else(|| (*entry.source).into());
    facets::fill(line, &tables.common, entry);
    ids::of_fields(line, &service, &tables.common, &mut found);
    if let Some(path) = line.text(Role::Path) {
        mine::path_ids(&path, &tables.common, &mut found);
    }
    if let Some(target) = line.text(Role::RequestLine).as_deref().and_then(mine::request_line).map(|(_, t)| t.to_owned()) {
        mine::path_ids(&target, &tables.common, &mut found);
    }
    entry.ids = found.list;
    from_text(entry, tables, &service);
}

/// What the text says beside the fields; fields win.
pub fn from_text(entry: &mut Entry, tables: &Tables, service: &str) {
    let Some(body) = entry.body.take() else { return };
    let mut found = Ids { list: std::mem::take(&mut entry.ids) };
    if let Some((template, holes)) = mine::template(&body, &tables.templates) {
        facets::template(entry, &holes, service, &mut found);
        if let Some(state) = &template.state {
            entry.job.get_or_insert_default().state.get_or_insert_with(|| state.as_str().into());
        }
        if entry.reading.convention.is_empty() {
            entry.reading.convention = template.convention;
        }
    }
    mine::ids(&body, service, &tables.common, &mut found);
    if entry.http.as_ref().is_none_or(|h| h.status.is_none()) {
        answered(entry, &body);
    }
    facets::in_text(entry, &body);
    if let Some(failure) = &entry.failure {
        mine::in_error(&body, &mut found);
        failure.message.iter().for_each(|message| mine::in_error(message, &mut found));
    }
    entry.ids = found.list;
    entry.body = Some(body);
}

/// The logger of who answers: who asks writes the same words.
fn is_of_a_server(logger: &str) -> bool {
    let words = crate::recognise::names::words(logger);
    let has = |list: &[&str]| words.iter().any(|w| list.contains(&w.as_str()));
    has(&["http", "access", "request", "requests", "middleware", "router", "server", "web", "morgan"]) && !has(&["client", "clients", "outgoing", "outbound", "axios", "fetch"])
}

/// An access record that a text is.
fn answered(entry: &mut Entry, body: &str) {
    if body.contains(" HTTP/")
        && let Some(http) = mine::access(body)
    {
        entry.http = Some(Box::new(http));
    } else if entry.http.is_none()
        && let Some((http, rest)) = mine::answered(body)
        && entry.logger.as_deref().is_some_and(is_of_a_server)
        && let Some(length) = length::only(rest)
    {
        entry.http = Some(Box::new(http));
        entry.reading.duration_in_text |= entry.duration.is_none();
        entry.duration.get_or_insert(length);
    }
}

fn time(line: &Line<'_, '_>, entry: &mut Entry) {
    let mut chosen = None;
    for (c, leaf) in line.candidates(Role::Time) {
        if let Some(found) = line.instant_at(c.leaf) {
            entry.time = Some(found);
            chosen = Some(c.leaf);
            break;
        }
        if matches!(leaf.kind, Kind::Str) && instant::out_of_range(&leaf.text()) {
            entry.reading.time_out_of_range = true;
        }
    }
    if let Some(received) = line.candidates(Role::Received).filter(|(c, _)| Some(c.leaf) != chosen).find_map(|(c, _)| line.instant_at(c.leaf)) {
        entry.received = Some(received);
    }
    entry.started = line.instant(Role::Started);
    entry.ended = line.instant(Role::Ended);
    if entry.time.is_none() {
        entry.time = entry.ended.or(entry.started);
    }
    // A second stamp with finer digits of the same second says more.
    if let Some(time) = entry.time.filter(|t| t.quantum_ns >= 1_000_000_000)
        && let Some(finer) = line
            .candidates(Role::Time)
            .filter_map(|(c, _)| line.instant_at(c.leaf))
            .find(|f| f.quantum_ns < time.quantum_ns && f.unix_ns.div_euclid(1_000_000_000) == time.unix_ns.div_euclid(1_000_000_000))
    {
        entry.time = Some(finer);
    }
}

fn severity_of(line: &Line<'_, '_>) -> Option<Severity> {
    let scale = line.convention.and_then(|v| v.scale.as_deref()).and_then(Scale::of_word);
    let found = line.candidates(Role::Level).find_map(|(_, leaf)| {
        let text = scalar(leaf)?;
        let text = text.trim();
        match text.parse::<i64>() {
            Ok(number) => {
                // Small numbers rise in some loggers and fall in others: a word beside one says more.
                let word = if scale.is_none() && severity::SMALL.contains(&number) { line.plan.level_word(line.leaves) } else { None };
                let taught = || line.scale.filter(|taught| taught.covers(number));
                word.or_else(|| severity::of_number(number, scale.or_else(taught).unwrap_or_else(|| guess_scale(number))))
            }
            Err(_) => severity::of_word(text),
        }
    });
    found.or_else(|| line.convention.and_then(|v| v.default_severity.as_deref()).and_then(severity::of_word))
}

/// Scales that hardly overlap: pino's tens, Monolog's hundreds, syslog's digits.
fn guess_scale(number: i64) -> Scale {
    match number {
        100..=600 => Scale::Monolog,
        9..=99 => Scale::Pino,
        0..=7 => Scale::Syslog,
        _ => Scale::Slog,
    }
}

/// The text; gives the leaf it was taken from.
fn body(line: &Line<'_, '_>, entry: &mut Entry) -> Option<u16> {
    if let Some(template) = line.text(Role::Template)
        && line.plan.of(Role::Message).first().is_none_or(|c| line.leaves[c.leaf as usize].is_empty() || line.plan.of(Role::Template).iter().any(|t| t.leaf == c.leaf))
    {
        entry.body = Some(facets::render(&template, line).into());
        return None;
    }
    for (c, leaf) in line.candidates(Role::Message) {
        let text: Cow<'_, str> = match leaf.kind {
            Kind::Str if !leaf.raw.is_empty() => leaf.text(),
            Kind::Array => match bytes(leaf.raw).or_else(|| first_text(leaf.raw, *c)) {
                Some(text) => Cow::Owned(text),
                None => continue,
            },
            _ => continue,
        };
        entry.body = Some(text.trim_end_matches(['\n', '\r']).into());
        return Some(c.leaf);
    }
    None
}

/// What was handed to a logger as a list: a text, perhaps objects and numbers behind it. More texts than one are a list of something, unless a
/// convention says that the text stands there.
fn first_text(raw: &str, c: Candidate) -> Option<String> {
    let elements = scan::elements(raw, MAX_LISTED);
    let (first, rest) = elements.split_first()?;
    // Texts may fill the holes of the first one (`%s`); a number behind it is never another text.
    let texts = rest.iter().filter(|(kind, _)| *kind == Kind::Str).count();
    let holes = first.1.as_bytes().windows(2).filter(|pair| pair[0] == b'%' && matches!(pair[1], b's' | b'o' | b'O' | b'j' | b'd' | b'i' | b'f' | b'c')).count();
    let is_text = first.0 == Kind::Str && !first.1.trim().is_empty() && (c.is_explicit() || texts <= holes);
    let lacks_object = c.rank == shape::WITH_OBJECT && !rest.iter().any(|(kind, _)| *kind == Kind::Object);
    (is_text && !lacks_object).then(|| escapes::unescape(first.1))
}

/// The objects of a list that is the line's text.
pub fn listed<'a>(line: &Line<'a, '_>) -> Vec<&'a str> {
    let list = line.candidates(Role::Message).map(|(_, leaf)| leaf).find(|leaf| leaf.kind == Kind::Array);
    let elements = list.map_or_else(Vec::new, |leaf| scan::elements(leaf.raw, MAX_LISTED));
    elements.into_iter().filter(|(kind, _)| *kind == Kind::Object).map(|(_, raw)| raw).collect()
}

/// Fills an entry with what such an object says: its members are fields, and these win over the text.
pub fn complete(entry: &mut Entry, beside: Entry) {
    if entry.reading.duration_in_text && !beside.reading.duration_in_text && beside.duration.is_some_and(|d| d.ns.is_some()) {
        entry.duration = None;
        entry.reading.duration_in_text = false;
    }
    entry.complete(beside);
}

/// A text written as a list of its bytes.
fn bytes(raw: &str) -> Option<String> {
    let inner = raw.trim().strip_prefix('[')?.strip_suffix(']')?;
    if inner.trim().is_empty() {
        return None;
    }
    let bytes: Option<Vec<u8>> = inner.split(',').map(|n| n.trim().parse::<u8>().ok()).collect();
    Some(String::from_utf8_lossy(&bytes?).into_owned())
}

fn names(line: &Line<'_, '_>, entry: &mut Entry) {
    set(&mut entry.service, line.name(Role::Service));
    set(&mut entry.logger, line.candidates(Role::Logger).filter(|(_, l)| l.kind == Kind::Str).find_map(|(c, l)| scalar(l).filter(|t| is_logger(t, *c))).map(|t| t.trim().into()));
    set(&mut entry.service_version, line.word(Role::ServiceVersion));
    set(&mut entry.config_version, line.word(Role::ConfigVersion));
    set(&mut entry.host, line.word(Role::Host).filter(|host| !has_port(host)));
    if let Some(pod) = line.word(Role::Pod) {
        if entry.service.is_none() {
            entry.service = workload(&pod).map(Into::into);
        }
        entry.host = Some(pod);
    }
    set(&mut entry.process, line.word(Role::Process));
    set(&mut entry.context, context(line));
}

/// A name. What only stands where loggers write theirs may as well be a version or an id.
fn is_logger(text: &str, c: Candidate) -> bool {
    let is_name = || !is_strong(text, false) && text.bytes().any(|b| b.is_ascii_alphabetic() && b != b'v');
    text.len() <= 200 && !text.contains('\n') && (c.rank < AFTER_NAMES || is_name())
}

/// Worker, thread or process, the most specific that is stated. The main thread is as many as there are processes.
fn context(line: &Line<'_, '_>) -> Option<Box<str>> {
    let named = |role, word: &str| line.word(role).map(|v| format!("{word}={v}").into_boxed_str());
    let process = || line.word(Role::Process).map(|v| format!("{}={v}", if v.bytes().all(|b| b.is_ascii_digit()) { "pid" } else { "process" }).into_boxed_str());
    let main = line.word(Role::Thread).is_some_and(|t| matches!(&*t, "MainThread" | "main" | "Main" | "1"));
    // An id of letters alone (Sidekiq's `dun`) would look like the name of a kind of threads.
    let is_id = || line.candidates(Role::Thread).next().is_some_and(|(_, leaf)| matches!(&*fold(line.names.key(leaf.path)), "tid" | "threadid"));
    let thread = || line.word(Role::Thread).map(|v| format!("{}={v}", if is_id() && v.bytes().all(|b| b.is_ascii_alphabetic()) { "tid" } else { "thread" }).into_boxed_str());
    named(Role::Worker, "worker").or_else(|| if main { process().or_else(thread) } else { thread().or_else(process) })
}

fn set(slot: &mut Option<Box<str>>, value: Option<Box<str>>) {
    if value.is_some() {
        *slot = value;
    }
}

/// `checkout-6cfdd55578-gfj6q` runs `checkout`: a replica set's hash and a pod's suffix stand behind the name.
pub fn workload(pod: &str) -> Option<&str> {
    let (rest, suffix) = pod.rsplit_once('-')?;
    let lower = |t: &str| t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if suffix.len() == 5 && lower(suffix) {
        return Some(match rest.rsplit_once('-') {
            Some((name, hash)) if (6..=10).contains(&hash.len()) && lower(hash) && hash.bytes().any(|b| b.is_ascii_digit()) => name,
            _ => rest,
        });
    }
    // A stateful set numbers its pods.
    suffix.bytes().all(|b| b.is_ascii_digit()).then_some(rest)
}

/// `api.example.com:8080`, `127.0.0.1:49326`: who was asked or who asks, no machine that writes logs.
fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(name, port)| !name.is_empty() && !name.contains(':') && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}
