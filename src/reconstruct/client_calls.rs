//! Attempts of a model call that only the HTTP client of its program tells of: `HTTP Request: POST https://…/v1/chat/completions "HTTP/1.1 429 …"`,
//! then `Retrying request in 0.46 seconds`; or `post https://…/v1/chat/completions failed with status 429 in 41ms - retrying, 2 attempts remaining`. Most of
//! the lines name the request, not the call.
//!
//! Guarantees: they are a call's where it is the only one of the path that is open in that program then, they stand in its log while it was open, and all
//! ask for the same kind of thing at an address that models are asked at. An attempt ends with the answer that is told, or with the notice that it will be
//! tried again; it begins no earlier than the line before, or the wait that the notice states. One follows another only where that failed, or the call
//! itself says that the answer will not do: else nothing is drawn.

use crate::{
    model::{
        entry::{Entry, Severity},
        id::IdKind,
        profile::Profile,
        trace::{Evidence, FailureClass, Outcome, SpanKind},
    },
    reconstruct::{
        calls::{AT_ONCE_NS, stand_with},
        classify,
        item::Item,
        spans::{Builder, Draft, bounds, line_kind, outcome, outcome_of, stated, step_title},
        tree::{Tree, Unit},
        words::Verb,
    },
};
use std::collections::BTreeSet;

/// How addresses end that models are asked at for a text (the public APIs of their providers and of what speaks like them), and for what is none.
const TEXT_PATHS: [&str; 11] = [
    "/completions",
    "/messages",
    "/responses",
    ":generatecontent",
    ":streamgeneratecontent",
    "/invoke",
    "/invoke-with-response-stream",
    "/converse",
    "/converse-stream",
    "/api/chat",
    "/api/generate",
];
const OTHER_PATHS: [&str; 3] = ["/embeddings", "/rerank", "/transcriptions"];
/// A coarser clock tells no attempts apart.
const COARSE_NS: i64 = 20_000_000;
/// More lines of a path while a call was open are not looked through.
const MAX_LINES: usize = 4_000;
/// So are more lines of clients.
const MAX_TOLD: usize = 256;
/// More calls of one request are not told apart.
const MAX_CALLS: usize = 64;

/// What a model answered the program that wrote the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: u16,
    /// How the address ends that was asked.
    pub path: &'static str,
    /// From the question to the head of the answer, if that is said.
    pub took_ns: Option<i64>,
}

impl Answer {
    /// It was asked for a text.
    fn is_text(self) -> bool {
        TEXT_PATHS.contains(&self.path)
    }
}

pub(super) fn answered(entry: &Entry) -> Option<Answer> {
    let body = entry.body.as_deref()?;
    let (before, after) = body.split_once("://")?;
    // A server writes the path it was asked for, a client the whole address.
    let is_asked = before.split_whitespace().rev().nth(1).is_some_and(|word| word.eq_ignore_ascii_case("POST"));
    let address = after.split(|c: char| c.is_whitespace() || c == '"').next()?;
    let path = address.split(['?', '#']).next()?.to_ascii_lowercase();
    let (status, took_ns) = answer_in(after)?;
    let asks = |end: &&str| path.strip_suffix(*end).is_some_and(|before| !is_anybodys(end) || is_versioned(before));
    let path = TEXT_PATHS.into_iter().chain(OTHER_PATHS).find(asks).filter(|_| is_asked)?;
    Some(Answer { status, path, took_ns })
}

/// `… "HTTP/1.1 429 Too Many Requests"`, `… failed with status 429 in 41ms - …`.
fn answer_in(text: &str) -> Option<(u16, Option<i64>)> {
    if let Some((_, line)) = text.split_once("\"HTTP/") {
        return Some((line.split_whitespace().nth(1)?.trim_end_matches('"').parse().ok()?, None));
    }
    let (_, said) = text.split_once(" with status ")?;
    let mut words = said.split_whitespace();
    let status = words.next()?.parse().ok()?;
    let ms = words.next().filter(|word| *word == "in").and_then(|_| words.next()?.strip_suffix("ms")?.parse::<u32>().ok());
    Some((status, ms.map(|ms| i64::from(ms) * 1_000_000)))
}

/// An attempt that was answered by nothing: `[log_51e11c] connection timed out - retrying, 2 attempts remaining`.
pub(super) fn unanswered(entry: &Entry) -> Option<Outcome> {
    let (_, what) = entry.body.as_deref()?.strip_prefix("[log_")?.split_once("] connection ")?;
    if what.starts_with("timed out - ") { Some(Outcome::Timeout) } else { what.starts_with("failed - ").then_some(Outcome::Error) }
}

/// The mark under which an SDK counts the attempts of one call: that of the first, which the later ones name (`[log_2f, retryOf: log_1c, …]`).
fn mark(entry: &Entry) -> Option<&str> {
    let inside = entry.body.as_deref()?.strip_prefix('[').filter(|body| body.starts_with("log_"))?.split(']').next()?;
    inside.split_once("retryOf: ").map_or(inside, |(_, first)| first).split(',').next()
}

/// The host that a client says it asked.
pub(super) fn asked_host(entry: &Entry) -> Option<&str> {
    entry.body.as_deref()?.split_once("://")?.1.split(|c: char| c == '/' || c == '"' || c.is_whitespace()).next()
}

/// `chat/completions` of the address that was asked.
pub(super) fn address(body: &str) -> &str {
    let path = body.split_once("://").and_then(|(_, after)| after.split(|c: char| c.is_whitespace() || matches!(c, '"' | '?' | '#')).next()).unwrap_or_default();
    let mut slashes = path.rmatch_indices('/').map(|(at, _)| at + 1);
    let (last, before) = (slashes.next().unwrap_or(0), slashes.next());
    let is_version = |part: &str| part.starts_with('v') && part[1..].bytes().all(|b| b.is_ascii_digit());
    match before {
        _ if path.is_empty() => "model call",
        Some(before) if path.is_char_boundary(before) && !is_version(path[before..last].trim_end_matches('/')) => &path[before..],
        _ => &path[last..],
    }
}

/// Others, too, have messages and responses: those of models stand right below the version.
fn is_anybodys(end: &str) -> bool {
    matches!(end, "/messages" | "/responses" | "/completions")
}

/// `api.example.com/v1`, `…/openai`, `/v1/chat`.
fn is_versioned(before: &str) -> bool {
    let last = before.rsplit('/').next().unwrap_or_default();
    let is_version = last.strip_prefix('v').is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()));
    is_version || matches!(last, "openai" | "chat" | "anthropic") || before.contains("/deployments/")
}

/// The notice is of a call of a model: it names what is asked, or it is the words of those who make clients for models.
pub(super) fn is_of_a_model(item: &Item) -> bool {
    let body = item.entry.body.as_deref().unwrap_or_default();
    let names = |word: &str| TEXT_PATHS.iter().chain(&OTHER_PATHS).any(|end| word.ends_with(end));
    body.starts_with("Retrying request ") || body.split_whitespace().any(|word| names(&word.to_ascii_lowercase()))
}

/// The wait that a line announces before another attempt: `Retrying request to /v1/messages in 0.4 seconds`.
pub(super) fn announced_ns(item: &Item) -> Option<i64> {
    let (_, after) = item.entry.body.as_deref().filter(|_| item.verb == Verb::Retry)?.split_once(" in ")?;
    let mut words = after.split_whitespace();
    let (number, unit) = (words.next()?, words.next()?);
    let seconds: f64 = number.parse().ok()?;
    let ns = match unit.trim_end_matches(['.', ',']) {
        "s" | "sec" | "second" | "seconds" => seconds * 1e9,
        "ms" | "milliseconds" => seconds * 1e6,
        _ => return None,
    };
    (0.0..=3.6e12).contains(&ns).then_some(ns.round() as i64)
}

/// It tells of an attempt or of what comes between two.
fn is_clients(item: &Item) -> bool {
    answered(&item.entry).is_some() || unanswered(&item.entry).is_some() || announced_ns(item).is_some()
}

/// Lines of a path that HTTP clients write, in the order of their times.
pub(super) fn lines_of_clients(tree: &Tree) -> Vec<usize> {
    (0..tree.items.len()).filter(|i| tree.items[*i].time_ns.is_some() && is_clients(&tree.items[*i])).collect()
}

/// Lines of a path that state how long a model took, with that.
pub(super) fn stated_calls(tree: &Tree, profile: &Profile) -> Vec<(i64, i64, usize)> {
    let of = |(i, item): (usize, &Item)| stated(item, profile).filter(|_| line_kind(item) == Some(SpanKind::ModelCall)).map(|s| (s.start, s.end, i));
    tree.items.iter().enumerate().filter_map(of).collect()
}

/// The attempts of a call; `None` where its program tells of fewer than two.
pub(super) fn attempts(b: &Builder<'_>, unit: &Unit, whole: &Draft, own: &[usize]) -> Option<Vec<Draft>> {
    // What calls without a name is of made them.
    let maker = if unit.kind == IdKind::Call { unit.parent.as_ref().map(|link| &link.parent)? } else { &unit.key };
    let items = &b.tree.items;
    let log = own.iter().map(|i| &items[*i]).find(|item| item.service() == whole.service)?;
    // What a coarse clock tells of moments is no order.
    let slack = 2 * whole.quantum_ns;
    if whole.quantum_ns > COARSE_NS {
        return None;
    }
    let (from, to) = (whole.start.saturating_sub(slack), whole.end.saturating_add(slack));
    let is_call = |i: usize| b.owner[i].as_ref().and_then(|o| b.tree.units.get(o)).is_some_and(|u| u.kind == IdKind::Call);
    let is_makers = |i: &usize| b.owner[*i].as_ref() == Some(maker) || items[*i].reference(maker).is_some();
    let is_near = |i: &usize| items[*i].entry.at.file == log.entry.at.file && items[*i].service() == whole.service && items[*i].time_ns.is_some_and(|t| (from..=to).contains(&t));
    // What was answered as the call began was another.
    let is_later = |i: &usize| items[*i].time_ns.is_some_and(|time| time > whole.start.saturating_add(whole.quantum_ns));
    let up_to = |is_before: &dyn Fn(i64) -> bool| b.clients.partition_point(|i| items[*i].time_ns.is_some_and(is_before));
    let meanwhile = &b.clients[up_to(&|t| t < from)..up_to(&|t| t <= to)];
    if meanwhile.len() > MAX_TOLD {
        return None;
    }
    let told: Vec<usize> = meanwhile.iter().copied().filter(|i| is_near(i) && is_makers(i) && is_later(i) && !is_call(*i) && !own.contains(i)).collect();
    // What the call says itself of its attempts is read from its own lines.
    let (answers, others): (Vec<&Entry>, Vec<&Entry>) = told.iter().map(|i| &*items[*i].entry).partition(|entry| answered(entry).is_some());
    let are_texts: Vec<bool> = answers.iter().copied().chain(own.iter().map(|i| &*items[*i].entry)).filter_map(answered).map(Answer::is_text).collect();
    if are_texts.len() + others.len() < 2 || are_texts.iter().any(|is_text| *is_text != are_texts[0]) || !are_of_one_call(whole, &answers, &others) {
        return None;
    }
    let (begin, end) = (items.partition_point(|item| item.time_ns.is_some_and(|t| t < from)), items.partition_point(|item| item.time_ns.is_some_and(|t| t <= to)));
    if end.saturating_sub(begin) > MAX_LINES {
        return None;
    }
    let meanwhile: Vec<usize> = (begin..end).filter(is_makers).collect();
    // Another host is asked for another call, unless a line says that it was asked in place of the first.
    let hosts: BTreeSet<&str> = answers.iter().filter_map(|entry| asked_host(entry)).collect();
    let models: BTreeSet<&str> = own.iter().filter_map(|i| items[*i].entry.model.as_ref()?.requested.as_deref()).collect();
    let turns = || models.len() > 1 || meanwhile.iter().chain(own).any(|i| items[*i].entry.fallback.is_some());
    if (hosts.len() > 1 && !turns()) || !is_alone(b, unit, whole, (&meanwhile, own), (from, to)) {
        return None;
    }
    let is_beside = |i: &usize| is_near(i) && !is_clients(&items[*i]) && !is_call(*i) && !own.contains(i);
    let mut lines: Vec<usize> = meanwhile.iter().copied().filter(is_beside).chain(told).chain(own.iter().copied().filter(is_near)).collect();
    lines.sort_by_key(|i| (items[*i].time_ns, items[*i].line.clone()));
    let mut walk = Walk { b, whole, own, cursor: whole.start, is_open: true, out: Vec::new() };
    lines.iter().for_each(|i| walk.take(*i));
    walk.finish()
}

/// What a client was answered, and what else it tells, may be of one call by the marks that its SDK gives the attempts: those of one call bear one. What
/// nothing answered bears a mark of its own: it is of a call that failed so, or of one whose later attempts name it.
fn are_of_one_call(whole: &Draft, answers: &[&Entry], others: &[&Entry]) -> bool {
    let marks: BTreeSet<&str> = answers.iter().filter_map(|entry| mark(entry)).collect();
    let mut lost = others.iter().filter(|entry| unanswered(entry).is_some()).peekable();
    let failed_so = matches!(whole.outcome, Outcome::Timeout | Outcome::Error) && marks.is_empty();
    marks.len() <= 1 && (lost.peek().is_none() || failed_so || lost.any(|entry| mark(entry).is_some_and(|mark| marks.contains(mark))))
}

/// No other call of the path was open in the program meanwhile, nor was a model asked under no name.
fn is_alone(b: &Builder<'_>, unit: &Unit, whole: &Draft, (meanwhile, own): (&[usize], &[usize]), (from, to): (i64, i64)) -> bool {
    let mut others = b.tree.units.values().filter(|u| u.kind == IdKind::Call && u.key != unit.key);
    let meets = |other: &Unit| {
        // What stands on lines of this call alone is another name of it, and owns none.
        let own: Vec<usize> = b.naming(&other.key).iter().copied().filter(|i| b.owner[*i].as_deref() == Some(&*other.key) && b.tree.items[*i].service() == whole.service).collect();
        bounds(b.tree, &own).is_some_and(|(first, last)| first <= to && last >= from)
    };
    let is_nameless =
        |i: &usize| b.owner[*i].as_ref().is_some_and(|o| b.tree.units.get(o).is_some_and(|u| u.kind != IdKind::Call)) && line_kind(&b.tree.items[*i]) == Some(SpanKind::ModelCall);
    let moment = AT_ONCE_NS.saturating_add(2 * whole.quantum_ns);
    let is_at = |i: usize, at: i64| b.tree.items[i].time_ns.is_some_and(|time| time.abs_diff(at) <= moment.unsigned_abs());
    // What says that a model is called as the call begins speaks of it, and as it ends of the next; what neither begins nor ends is of one that is open.
    let tells_of_another = |i: usize| {
        let item = &b.tree.items[i];
        let is_bound =
            (item.verb.is_start() && (is_at(i, whole.start) || item.time_ns.is_some_and(|time| time.saturating_add(2 * whole.quantum_ns) >= whole.end))) || own.contains(&i);
        !is_bound && (item.verb.is_start() || item.verb.is_terminal() || stated(item, b.profile).is_some())
    };
    let nameless = meanwhile.iter().any(|i| is_nameless(i) && tells_of_another(*i) && b.tree.items[*i].service() == whole.service);
    // A call that ends later may have begun before this one ended. What lies within the other is told of the same one at another place.
    let slack = 2 * whole.quantum_ns;
    let crosses = |(start, end): (i64, i64), (from, to): (i64, i64)| start + slack < from && from + slack < end && end + slack < to;
    let overlaps = |(start, end, i): &(i64, i64, usize)| {
        let (own_ns, other_ns) = ((whole.start, whole.end), (*start, *end));
        (crosses(own_ns, other_ns) || crosses(other_ns, own_ns)) && !own.contains(i) && b.tree.items[*i].service() == whole.service
    };
    if b.stated_calls.len() > MAX_LINES || b.stated_calls.iter().any(overlaps) {
        return false;
    }
    !nameless && others.by_ref().take(MAX_CALLS).all(|other| !meets(other)) && others.next().is_none()
}

/// The call itself finds fault with what came: it failed, or will not do (an answer that misses its schema is asked for again).
fn is_complaint(item: &Item) -> bool {
    let will_not_do = || item.entry.severity.is_some_and(|severity| severity >= Severity::Warn) && classify::classify(&item.entry).0 == FailureClass::Semantic;
    item.failed || matches!(item.verb, Verb::Fail | Verb::Retry) || will_not_do()
}

struct Walk<'a, 'b> {
    b: &'a Builder<'b>,
    whole: &'a Draft,
    own: &'a [usize],
    /// The next attempt begins no earlier.
    cursor: i64,
    /// An attempt is under way: the first, or one that was announced.
    is_open: bool,
    out: Vec<Draft>,
}

impl Walk<'_, '_> {
    fn take(&mut self, index: usize) {
        let item = &self.b.tree.items[index];
        let Some(time) = item.time_ns else { return };
        if let Some(answer) = answered(&item.entry) {
            if let Some(took) = answer.took_ns {
                self.cursor = time.saturating_sub(took).max(self.whole.start).max(self.out.last().map_or(i64::MIN, |d| d.end));
            }
            self.end(index, time, Some(answer.status));
        } else if let Some(outcome) = unanswered(&item.entry) {
            // A time limit is one setting: what runs into it takes as long as the first that did, which began with the call.
            if let Some(first) = self.out.first().filter(|first| first.outcome == Outcome::Timeout && outcome == Outcome::Timeout) {
                self.cursor = self.cursor.max(time.saturating_sub(first.ns()));
            }
            self.end(index, time, None);
            let is_first = self.out.len() == 1;
            if let Some(last) = self.out.last_mut() {
                last.outcome = outcome;
                last.evidence = if is_first { last.evidence } else { Evidence::Assumed };
            }
        } else if let Some(wait) = announced_ns(item) {
            // Without an answer before it the attempt ran into its time limit.
            if time.saturating_sub(self.cursor) > if self.is_open { 0 } else { AT_ONCE_NS } {
                self.end(index, time, None);
            }
            self.cursor = time.saturating_add(wait);
            self.is_open = true;
        } else if self.own.contains(&index) && is_complaint(item) {
            if self.is_open && time.saturating_sub(self.cursor) > AT_ONCE_NS {
                self.end(index, time, None);
            }
            self.blame(index);
            self.pass(time);
        } else {
            self.pass(time);
        }
    }

    /// The next attempt begins behind a line, unless all is said of the last one at once.
    fn pass(&mut self, time: i64) {
        if time.saturating_sub(self.cursor) > AT_ONCE_NS {
            self.cursor = time;
        }
    }

    fn end(&mut self, index: usize, time: i64, status: Option<u16>) {
        let outcome = status.map_or(Outcome::Timeout, |status| outcome_of(status).unwrap_or(Outcome::Ok));
        let start = self.cursor.min(time);
        let draft = Draft {
            start,
            end: time,
            evidence: Evidence::Paired,
            unfinished: false,
            outcome,
            status,
            items: vec![index],
            main: None,
            quantum_ns: self.b.tree.items[index].quantum_ns,
            ..self.whole.clone()
        };
        self.out.push(draft);
        (self.cursor, self.is_open) = (time, false);
    }

    /// What the call's own line says failed: the attempt before it.
    fn blame(&mut self, index: usize) {
        let item = &self.b.tree.items[index];
        let Some(last) = self.out.last_mut() else { return };
        last.items.push(index);
        last.main = last.main.or(Some(index));
        if last.outcome == Outcome::Ok {
            last.outcome = if outcome(item) == Outcome::Ok { Outcome::Error } else { outcome(item) };
        }
    }

    fn finish(mut self) -> Option<Vec<Draft>> {
        // Behind an answer that will do the next is no attempt at the same.
        let follow = self.out.windows(2).all(|pair| pair[0].outcome != Outcome::Ok);
        if self.out.len() < 2 || !follow || self.out.iter().any(|d| d.end <= self.whole.start) {
            return None;
        }
        let tree = &self.b.tree;
        for at in 0..self.out.len() {
            let (end, next) = (self.out[at].end, self.out.get(at + 1).map_or(i64::MAX, |d| d.end));
            let behind = |i: &usize| tree.items[*i].time_ns.is_some_and(|t| t >= end);
            // The line that tells of the model, or the one that tells of the answer.
            let says = self.own.iter().copied().filter(behind).find(|i| line_kind(&tree.items[*i]).is_some());
            let d = &mut self.out[at];
            if d.outcome == Outcome::Ok
                && let Some(close) = self.own.iter().copied().filter(behind).find(|i| tree.items[*i].verb == Verb::End)
                && let Some(time) = tree.items[close].time_ns.filter(|t| *t < next)
            {
                d.end = time;
            }
            d.main = says.or(d.main).or(self.whole.main);
            if let Some(main) = d.main.filter(|i| line_kind(&tree.items[*i]).is_some()) {
                d.name = step_title(&tree.items[main], d.kind);
            }
            d.attempt = Some(at as u32 + 1);
        }
        stand_with(&mut self.out, tree, self.own);
        Some(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_a_model_is_told_by_the_address_that_was_asked() {
        for (text, want) in [
            ("HTTP Request: POST https://api.openai.com/v1/chat/completions \"HTTP/1.1 200 OK\"", Some(200)),
            ("HTTP Request: POST http://127.0.0.1:8842/v1/messages \"HTTP/1.1 529 \"", Some(529)),
            ("HTTP Request: POST https://x.azure.com/openai/deployments/a/embeddings?api-version=2024 \"HTTP/2 429 Too Many Requests\"", Some(429)),
            ("HTTP Request: GET http://127.0.0.1:8830/foods/rice \"HTTP/1.1 200 OK\"", None),
            ("HTTP Request: POST https://hooks.example.com/v1/orders \"HTTP/1.1 200 OK\"", None),
            ("127.0.0.1:39820 - \"POST /v1/messages HTTP/1.1\" 200", None),
            ("see https://api.openai.com/v1/responses", None),
            ("[log_2f, x-request-id: \"req_1\"] post https://api.openai.com/v1/chat/completions failed with status 503 in 41ms - retrying, 2 attempts remaining", Some(503)),
            ("[log_2f, request-id: \"req_1\"] post https://api.anthropic.com/v1/messages succeeded with status 200 in 556ms", Some(200)),
            ("post https://hooks.example.com/v1/orders failed with status 503 in 41ms", None),
        ] {
            assert_eq!(answered(&Entry { body: Some(text.into()), ..Entry::default() }).map(|a| a.status), want, "{text}");
        }
    }

    #[test]
    fn a_call_without_a_model_is_named_by_what_was_asked() {
        for (text, want) in [
            ("HTTP Request: POST https://api.openai.com/v1/chat/completions \"HTTP/1.1 200 OK\"", "chat/completions"),
            ("HTTP Request: POST http://127.0.0.1:8842/v1/messages \"HTTP/1.1 529 \"", "messages"),
            ("HTTP Request: POST https://x.azure.com/openai/deployments/a/embeddings?api-version=2024 \"HTTP/2 429\"", "a/embeddings"),
            ("Retrying request in 0.4 seconds", "model call"),
        ] {
            assert_eq!(address(text), want, "{text}");
        }
    }
}
