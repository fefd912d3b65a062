//! Ids, calls and lengths inside prose: `Task mail.send[uuid]`, `request_id=…`, `job tri_…`, `"GET /a HTTP/1.1" 200`, and the texts of
//! the tables' templates.
//!
//! Guarantees: only the head of a text is looked at; an unlabelled id is an attribute. It never reads fields.

use crate::{
    model::{
        entry::Http,
        id::{ARGUMENT, IN_ERROR, IN_PATH, IdKind, IdRef, IdRelation, UNNAMED, is_hex, is_strong, is_uuid, make_of},
    },
    recognise::{
        ids::{Ids, clean, kind_by_value, trace_context},
        meaning::{self, KindRule, Meaning},
        table::{Common, Template},
        values::absent,
    },
};
use memchr::memmem;
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// How much of a text is looked at.
const HEAD_BYTES: usize = 4_096;
/// Most ids taken from one text.
const MAX_MINED: usize = 32;

/// The head of a text.
pub fn head(text: &str) -> &str {
    let mut end = text.len().min(HEAD_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn is_id_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')
}

/// Ids in a text, each under the word that stands before it.
pub fn ids(text: &str, service: &str, common: &Common, out: &mut Ids) {
    let text = head(text);
    let b = text.as_bytes();
    let mut mined = 0;
    let mut at = 0;
    while at < b.len() && mined < MAX_MINED {
        if !is_id_byte(b[at]) {
            at += 1;
            continue;
        }
        let start = at;
        let mut digit = false;
        while at < b.len() && is_id_byte(b[at]) {
            digit |= b[at].is_ascii_digit();
            at += 1;
        }
        if !digit || at - start > 256 {
            continue;
        }
        let word = text[start..at].trim_matches(['-', '_']);
        if at - start <= 10 && b[start..at].iter().all(u8::is_ascii_digit) && enqueued(text, start, word, common, out) {
            mined += 1;
            continue;
        }
        let pair = start > 1 && matches!(b[start - 1], b'=' | b':') && b.get(at).is_none_or(|c| !matches!(c, b'.' | b':'));
        if word.len() >= 12 && is_strong(word, false) {
            mined += 1;
            strong(text, start, word, common, out);
        } else if has_id_tail(word) && is_strong(word, true) && start > 0 && b[start - 1] == b' ' {
            mined += usize::from(named_before(text, start, word, common, out));
        } else if pair && word.len() <= 64 {
            mined += usize::from(labelled(text, start, word, service, common, out));
        }
    }
}

/// Ids in the text of an error: whose they are no word there tells, as a provider calls its own calls requests.
pub fn in_error(text: &str, out: &mut Ids) {
    let words = head(text).split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))).map(|word| word.trim_matches(['-', '_']));
    let is_made = |word: &str| word.find(['_', '-']).is_some_and(|at| word.len() >= at + 11) && make_of(word).is_some() && word.bytes().any(|b| b.is_ascii_uppercase());
    for word in words.filter(|word| (12..=64).contains(&word.len()) && (is_strong(word, false) || is_made(word))).take(MAX_MINED) {
        if !out.list.iter().any(|id| id.value.contains(word)) {
            out.add(IdRef { kind: IdKind::Other, relation: IdRelation::Own, label: IN_ERROR.into(), value: word.into(), scope: None, listed: false });
        }
    }
}

/// `run-e66d37ecd718`: what stands behind the last dash is long and mixed, which no part of a name is.
fn has_id_tail(word: &str) -> bool {
    word.rsplit(['-', '_']).next().is_some_and(|tail| tail.len() >= 8 && tail.bytes().any(|b| b.is_ascii_digit()) && tail.bytes().any(|b| b.is_ascii_alphabetic()))
}

/// `queued action job 14`: a number in a queue, which the word before says, where the sentence begins with the handing over.
fn enqueued(text: &str, start: usize, word: &str, common: &Common, out: &mut Ids) -> bool {
    let mut words = text[..start].split_whitespace().rev();
    let (Some(noun), Some(queue), Some(verb), None) = (words.next(), words.next(), words.next(), words.next()) else { return false };
    let is_queued = matches!(&*verb.to_ascii_lowercase(), "queued" | "enqueued" | "scheduled" | "published" | "submitted" | "pushed" | "dispatched");
    let is_queue =
        queue.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'_')) && !matches!(queue, "a" | "the" | "new" | "one" | "another") && !common.id_word("own", queue);
    if !is_queued || !is_queue || !common.id_word("task", noun) {
        return false;
    }
    let scope = Some(format!("queue={queue}").into_boxed_str());
    out.add(IdRef { kind: IdKind::Task, relation: IdRelation::Child, label: noun.into(), value: word.into(), scope, listed: false });
    true
}

/// A shape that is an id's only where a word before it says so.
fn named_before(text: &str, start: usize, word: &str, common: &Common, out: &mut Ids) -> bool {
    if out.list.iter().any(|i| i.value.contains(word)) {
        return false;
    }
    let Some((kind, relation, label)) = label_before(text, start, common) else { return false };
    out.add(IdRef { kind, relation, label, value: word.into(), scope: None, listed: false });
    true
}

fn strong(text: &str, start: usize, word: &str, common: &Common, out: &mut Ids) {
    if let Some(known) = out.list.iter_mut().find(|i| i.value.contains(word)) {
        // Seen without a name before: a later mention may name it.
        if matches!(&*known.label, UNNAMED | ARGUMENT)
            && *known.value == *word
            && let Some((kind, relation, label)) = label_before(text, start, common)
        {
            (known.kind, known.relation, known.label) = (kind, relation, label);
        }
        return;
    }
    if word.len() == 55 && word.as_bytes()[2] == b'-' {
        trace_context(word, out);
        return;
    }
    if let Some((kind, relation, label)) = label_before(text, start, common) {
        out.add(IdRef { kind, relation, label, value: word.into(), scope: None, listed: false });
        return;
    }
    // A part of a path is named by the part before it.
    if text[..start].ends_with('/') {
        of_path_part(text, start, word, common, out);
        return;
    }
    let before = &text[..start];
    let kind = kind_of_other_side(kind_by_value(word, common), before.trim_end_matches(['=', ':', ' ']), common).unwrap_or(IdKind::Other);
    let label = if before.rfind('(') > before.rfind(')') { ARGUMENT } else { UNNAMED };
    out.add(IdRef { kind, relation: IdRelation::Own, label: label.into(), value: word.into(), scope: None, listed: false });
}

/// What a provider calls a request (`upstream=req_…`) is a call of ours.
pub fn kind_of_other_side(kind: Option<IdKind>, label: &str, common: &Common) -> Option<IdKind> {
    let last = label.rsplit(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | '[')).next().unwrap_or_default();
    let is_theirs = || crate::recognise::names::words(last).iter().any(|w| common.id_word("provider_side", w));
    if kind == Some(IdKind::Request) && is_theirs() { Some(IdKind::Call) } else { kind }
}

fn of_path_part(text: &str, start: usize, word: &str, common: &Common, out: &mut Ids) {
    let before = text[..start - 1].rsplit(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').next().unwrap_or("");
    let singular = before.strip_suffix("ies").map_or_else(|| before.strip_suffix('s').unwrap_or(before).to_owned(), |s| format!("{s}y"));
    let kind = kind_of_noun(&singular.to_ascii_lowercase(), common).or_else(|| kind_by_value(word, common)).unwrap_or(IdKind::Other);
    out.add(IdRef { kind, relation: IdRelation::Own, label: IN_PATH.into(), value: word.into(), scope: None, listed: false });
}

fn kind_of_noun(noun: &str, common: &Common) -> Option<IdKind> {
    [("request", IdKind::Request), ("trace", IdKind::Trace), ("task", IdKind::Task), ("call", IdKind::Call), ("group", IdKind::Group)]
        .into_iter()
        .find(|(list, _)| common.id_word(list, noun))
        .map(|(_, kind)| kind)
}

/// Ids in a path or URL.
pub fn path_ids(path: &str, common: &Common, out: &mut Ids) {
    let head = head(path);
    let mut at = 0;
    for part in head.split(['/', '?', '&', '#']) {
        let word = part.rsplit('=').next().unwrap_or(part);
        if word.len() >= 12 && is_strong(word, false) && !out.list.iter().any(|i| &*i.value == word) {
            let start = at + part.len() - word.len();
            if part.len() == word.len() && start > 0 {
                of_path_part(head, start, word, common, out);
            } else {
                let label = &part[..part.len().saturating_sub(word.len() + 1)];
                let (kind, relation) = named(label, common).unwrap_or((IdKind::Other, IdRelation::Own));
                out.add(IdRef { kind, relation, label: IN_PATH.into(), value: word.into(), scope: None, listed: false });
            }
        }
        at += part.len() + 1;
    }
}

/// `request_id=42`: a weak value under a name that says id.
fn labelled(text: &str, start: usize, word: &str, service: &str, common: &Common, out: &mut Ids) -> bool {
    let label = text[..start - 1].rsplit(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))).next().unwrap_or("");
    let words = crate::recognise::names::words(label);
    words.len() > 1 && words.last().is_some_and(|w| common.id_word("suffix", w)) && pair(label, word, service, common, out)
}

/// An id under a written name; false: the name says no id.
pub fn pair(label: &str, value: &str, service: &str, common: &Common, out: &mut Ids) -> bool {
    let value = clean(value);
    let Some((kind, relation)) = named(label.trim(), common) else { return false };
    if absent(value) || value.contains(char::is_whitespace) || !value.bytes().any(|b| b.is_ascii_digit()) || out.list.iter().any(|i| &*i.value == value) {
        return false;
    }
    let scope = (!is_strong(value, kind != IdKind::Group)).then(|| format!("service={service}").into_boxed_str());
    out.add(IdRef { kind, relation, label: label.trim().into(), value: value.into(), scope, listed: false });
    true
}

fn named(label: &str, common: &Common) -> Option<(IdKind, IdRelation)> {
    meaning::meanings(label, common, &FxHashSet::default(), &FxHashSet::default()).into_iter().find_map(|m| match m {
        Meaning::Id(id) => match id.kind {
            KindRule::Is(kind) => Some((kind, id.relation)),
            KindRule::AsOwn => Some((IdKind::Task, id.relation)),
            KindRule::Named | KindRule::Bare => None,
        },
        Meaning::Role(_) => None,
    })
}

/// The word before an id that names it: directly (`job x`, `trace_id=x`), or one word further when a bracket follows a name
/// (`Task mail.send[x]`, `message with id 'x'`).
fn label_before(text: &str, start: usize, common: &Common) -> Option<(IdKind, IdRelation, Arc<str>)> {
    let mut head = &text[..start];
    let bracket = head.ends_with(['[', '(']);
    for _ in 0..if bracket { 2 } else { 3 } {
        let trimmed = head.trim_end_matches([' ', '=', ':', '\'', '"', '[', '(', '#', '`', '<', '\t']);
        // `Aborted request(s) x`
        let trimmed = trimmed.strip_suffix("(s)").unwrap_or(trimmed);
        if head.len() - trimmed.len() > 4 {
            return None;
        }
        let cut = trimmed.rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))).map_or(0, |i| i + trimmed[i..].chars().next().map_or(1, char::len_utf8));
        let word = &trimmed[cut..];
        if word.is_empty() || word.len() > 64 {
            return None;
        }
        if let Some((kind, relation)) = named(word, common).or_else(|| kind_of_noun(&word.to_ascii_lowercase(), common).map(|k| (k, IdRelation::Own))) {
            return Some((kind, relation, word.into()));
        }
        // Only filler may stand between a label and its id.
        if !bracket && !matches!(word, "id" | "ID" | "Id" | "with" | "for" | "is" | "uuid") {
            return None;
        }
        head = &text[..cut];
    }
    None
}

/// An access line inside a text: `"GET /ok HTTP/1.1" 200`.
pub fn access(text: &str) -> Option<Http> {
    let text = head(text);
    let end = text.find(" HTTP/")?;
    let line = text[..end].rsplit('"').next().unwrap_or("");
    let (method, target) = request_line(line)?;
    let after = text[end + 6..].split_once('"').map_or("", |(_, rest)| rest).trim_start();
    let status = after.split(|c: char| !c.is_ascii_digit()).next().and_then(|s| s.parse::<u16>().ok()).filter(|s| (100..600).contains(s));
    Some(Http { method: Some(method.into()), path: Some(path_of(target).into()), route: None, status, access: status.is_some(), ..Http::default() })
}

/// Words that a middleware puts before a request or between it and its status.
const AROUND_ANSWER: [&str; 13] = ["http", "request", "response", "completed", "finished", "handled", "served", "responded", "returned", "answered", "with", "status", "code"];

/// What a middleware writes behind a status: numbers, a length, the words of the status; what is counted there (`512 bytes`, `250 rows`) was no status.
fn is_end_of_answer(rest: &str) -> bool {
    let mut words = rest.split_whitespace().take_while(|word| *word != "-");
    let is_number = |word: &str| word.trim_start_matches(['(', '[', '+']).starts_with(|c: char| c.is_ascii_digit());
    let is_told = |word: &str| {
        is_number(word) || word.starts_with(|c: char| c.is_ascii_uppercase()) || matches!(word.trim_matches([')', ']', ',']), "in" | "ms" | "s" | "aborted" | "|" | "took" | "")
    };
    !rest.starts_with(':') && words.all(is_told)
}

/// An answered request in the words of a middleware, and what stands behind its status: `POST /notes 201 68 45ms`, `HTTP GET /x responded 200 in 4 ms`,
/// `<-- GET /x 404 3ms`. What was asked of somebody else has a whole address.
pub fn answered(text: &str) -> Option<(Http, &str)> {
    let words = head(text).split(' ').take(10).scan(0, |at, word| {
        let begin = *at;
        *at += word.len() + 1;
        Some((begin + word.len(), word.trim_matches(|c: char| !(c.is_alphanumeric() || c == '/'))))
    });
    let is_status = |word: &str| word.len() == 3 && word.parse::<u16>().is_ok_and(|s| (100..600).contains(&s));
    let (mut method, mut target, mut status) = (None, None, None);
    for (end, word) in words {
        match (method, target) {
            (None, _) if is_method(word) => method = Some(word),
            (Some(_), None) if word.starts_with('/') => target = Some((end, word)),
            (Some(_), None) => return None,
            _ if is_status(word) && status.is_none() => status = Some((end, word)),
            _ if word.is_empty() || AROUND_ANSWER.iter().any(|w| w.eq_ignore_ascii_case(word)) => {}
            _ => break,
        }
        if target.is_some() && status.is_some() {
            break;
        }
    }
    let ((behind_target, target), (behind_status, status)) = (target?, status?);
    let rest = text.get(behind_target.max(behind_status)..)?;
    if !is_end_of_answer(rest) {
        return None;
    }
    let client_left = rest.split_whitespace().any(|word| word.eq_ignore_ascii_case("aborted"));
    let http = Http { method: method.map(Into::into), path: Some(path_of(target).into()), status: status.parse().ok(), access: true, client_left, ..Http::default() };
    Some((http, rest))
}

/// `GET /a HTTP/1.1`, `GET /a`.
pub fn request_line(line: &str) -> Option<(&str, &str)> {
    let mut parts = line.trim().split(' ');
    let (method, target) = (parts.next()?, parts.next()?);
    (is_method(method) && (target.starts_with('/') || target == "*" || target.contains("://"))).then_some((method, target))
}

/// An HTTP method.
pub fn is_method(text: &str) -> bool {
    matches!(text, "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS" | "CONNECT" | "TRACE")
}

/// The path of a target or URL, without query and fragment.
pub fn path_of(target: &str) -> &str {
    let path = target.split(['?', '#']).next().unwrap_or(target);
    match memmem::find(path.as_bytes(), b"://") {
        Some(cut) => path[cut + 3..].find('/').map_or("/", |i| &path[cut + 3 + i..]),
        None => path,
    }
}

/// What filled the holes of the first template that fits, as (hole, text).
pub fn template<'t>(text: &'t str, templates: &'t [Template]) -> Option<(&'t Template, Vec<(&'t str, &'t str)>)> {
    let first = text.as_bytes().first()?;
    templates.iter().filter(|t| t.literals[0].as_bytes().first().is_none_or(|b| b == first)).find_map(|t| Some((t, fill(t, text)?)))
}

fn fill<'t>(template: &'t Template, text: &'t str) -> Option<Vec<(&'t str, &'t str)>> {
    let mut rest = text.strip_prefix(template.literals[0].as_str())?;
    let mut out = Vec::with_capacity(template.holes.len());
    for (hole, literal) in template.holes.iter().zip(&template.literals[1..]) {
        let last = out.len() + 1 == template.holes.len();
        let cut = match (literal.is_empty(), last) {
            (true, _) => rest.len(),
            (false, true) => {
                if rest.ends_with(literal.as_str()) {
                    rest.len() - literal.len()
                } else {
                    memmem::find(rest.as_bytes(), literal.as_bytes())?
                }
            }
            (false, false) => memmem::find(rest.as_bytes(), literal.as_bytes())?,
        };
        let value = &rest[..cut];
        let one_word = matches!(hole.split(':').next(), Some("task" | "parent_task" | "request" | "worker" | "queue" | "duration" | "delay" | "attempt" | "call"));
        // `uuid4().hex` writes one without its dashes.
        let is_plain = |value: &[u8]| value.len() == 32 && is_hex(value);
        let not_uuid = hole.ends_with(":uuid") && !is_uuid(value.trim().as_bytes()) && !is_plain(value.trim().as_bytes());
        let one_word = one_word || hole.ends_with(":word");
        if value.is_empty() || not_uuid || (one_word && value.trim().contains(char::is_whitespace)) {
            return None;
        }
        out.push((hole.as_str(), value.trim()));
        rest = &rest[cut + literal.len()..];
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::table::Tables;

    #[test]
    fn an_answer_in_the_words_of_a_middleware_is_told_from_one_that_is_spoken_of() {
        let of = |text: &str| {
            answered(text).map(|(http, rest)| (format!("{} {} {}", http.method.unwrap(), http.path.unwrap(), http.status.unwrap()), http.client_left, rest.to_owned()))
        };
        for (text, want, left) in [
            ("POST /api/candidates 202 68 45ms", Some("POST /api/candidates 202"), false),
            ("POST /api/letters 200 - 1406ms aborted", Some("POST /api/letters 200"), true),
            ("HTTP GET /x responded 404 in 3.2 ms", Some("GET /x 404"), false),
            ("<-- GET /x?q=1 200 4ms", Some("GET /x 200"), false),
            ("[GET] /x - 500 (12 ms)", Some("GET /x 500"), false),
            ("200 GET /x 3ms", Some("GET /x 200"), false),
            ("GET /x", None, false),
            ("GET /x took 200 ms", None, false),
            ("retrying POST /v1/chat/completions 503", None, false),
            ("POST https://api.example.com/v1 200 45ms", None, false),
            ("GET /x 99999 bytes", None, false),
        ] {
            let found = of(text);
            assert_eq!(found.as_ref().map(|(http, left, _)| (http.as_str(), *left)), want.map(|want| (want, left)), "{text}");
        }
    }

    fn found(text: &str) -> Vec<(IdKind, IdRelation, String)> {
        let mut out = Ids::default();
        ids(text, "svc", &Tables::builtin().common, &mut out);
        out.list.into_iter().map(|i| (i.kind, i.relation, i.value.to_string())).collect()
    }

    #[test]
    fn ids_in_prose_take_the_word_before_them_as_their_name() {
        let uuid = "16bf0f20-76ef-4abe-b695-5cbee0d3f2be";
        for (text, want) in [
            (format!("Task shop.add[{uuid}] received"), vec![(IdKind::Task, IdRelation::Own, uuid)]),
            (format!("request_id={uuid} done"), vec![(IdKind::Request, IdRelation::Own, uuid)]),
            (format!("START RequestId: {uuid} Version: $LATEST"), vec![(IdKind::Request, IdRelation::Own, uuid)]),
            (format!("Retrying message '{uuid}' in 1194 milliseconds."), vec![(IdKind::Task, IdRelation::Own, uuid)]),
            (format!("GET /jobs/{uuid} HTTP/1.1"), vec![(IdKind::Task, IdRelation::Own, uuid)]),
            (format!("user {uuid} logged in"), vec![(IdKind::Group, IdRelation::Own, uuid)]),
            (format!("seen {uuid}"), vec![(IdKind::Other, IdRelation::Own, uuid)]),
            ("job_id=17 picked".to_owned(), vec![(IdKind::Task, IdRelation::Own, "17")]),
            ("took 12 ms, timeout_ms=3000".to_owned(), vec![]),
            ("parent_span_id=00f067aa0ba902b7".to_owned(), vec![(IdKind::Span, IdRelation::Parent, "00f067aa0ba902b7")]),
        ] {
            let want: Vec<_> = want.into_iter().map(|(k, r, v)| (k, r, v.to_owned())).collect();
            assert_eq!(found(&text), want, "{text}");
        }
    }

    #[test]
    fn an_access_line_in_a_text_is_read() {
        let http = access(r#"127.0.0.1:38824 - "GET /ok?a=1 HTTP/1.1" 200"#);
        assert_eq!(http, Some(Http { method: Some("GET".into()), path: Some("/ok".into()), route: None, status: Some(200), access: true, ..Http::default() }));
        assert_eq!(access("speaks HTTP/1.1"), None);
    }
}
