//! The verdict: state, serving, retries, and the one sentence that says what became of the request.
//!
//! Guarantees: the sentence names only what spans show, and points at them; a fallback or a retried semantic failure is always said.
//! It never calls a request ok because the status was 200 when its work ended in the dead letters.

use crate::{
    model::{
        entry::NEVER_ANSWERED,
        id::IdKind,
        trace::{AnomalyKind, Evidence, FailureClass, Outcome, PlacedBy, RetryClass, SegmentKind, Serving, SpanKind, State, Verdict, VerdictPart},
    },
    reconstruct::{
        attempts::Attempts,
        breakdown::Part,
        item::Item,
        spans::{self, Builder, Draft},
        words::Verb,
    },
};

/// The state of the request.
pub fn state(b: &Builder<'_>, root: Option<usize>) -> State {
    if dead_lettered(b) {
        return State::DeadLetter;
    }
    let Some(root) = root else { return State::Unfinished };
    let d = &b.spans[root];
    let cut_stream = b.spans.iter().any(|s| s.kind == SpanKind::App && s.blocking && s.parent == Some(root) && s.outcome == Outcome::Error);
    let has_left = d.main.and_then(|i| b.tree.items[i].entry.http.as_ref()).is_some_and(|http| http.client_left);
    match d.status {
        Some(_) if has_left => return State::ClientDisconnect,
        Some(499 | NEVER_ANSWERED) => return State::ClientDisconnect,
        Some(504 | 408) => return State::Timeout,
        Some(s) if s >= 500 => return State::Failed,
        Some(s) if s >= 400 => return State::Rejected,
        _ => {}
    }
    let is_called_off = |s: &Draft| s.main.is_some_and(|i| spans::is_called_off(&b.tree.items[i]));
    if b.spans.iter().any(|s| s.kind == SpanKind::App && s.blocking && s.outcome == Outcome::Cancelled && !is_called_off(s)) {
        return State::ClientDisconnect;
    }
    if let Some(task) = failed_task(b) {
        return if b.spans[task].outcome == Outcome::Timeout && b.spans.len() == 1 { State::Timeout } else { State::Failed };
    }
    if d.status.is_none() {
        match d.outcome {
            // Whether a task failed its last run tells.
            Outcome::Timeout | Outcome::Error if d.kind == SpanKind::Task => {}
            Outcome::Timeout => return State::Timeout,
            Outcome::Cancelled => return State::ClientDisconnect,
            Outcome::Error => return State::Failed,
            _ => {}
        }
    } else if cut_stream {
        return State::Failed;
    }
    if b.spans.iter().any(|s| s.unfinished && (s.kind == SpanKind::Task || s.parent.is_none() || s.kind == SpanKind::App)) {
        return State::Unfinished;
    }
    State::Ok
}

/// A task whose last run failed and was not run again. Of runs at once the one with the higher number is the last, whenever the other gave up.
fn failed_task(b: &Builder<'_>) -> Option<usize> {
    b.tree.units.values().filter(|u| u.kind == IdKind::Task).find_map(|u| {
        let runs = spans::executions_of(b, &u.key);
        let last = runs.into_iter().max_by_key(|i| (b.spans[*i].attempt, b.spans[*i].end))?;
        matches!(b.spans[last].outcome, Outcome::Error | Outcome::Timeout).then_some(last)
    })
}

fn dead_lettered(b: &Builder<'_>) -> bool {
    let of_work = |item: &Item| matches!(item.placed_by, None | Some(PlacedBy::Text)) && item.refs.iter().any(|r| r.kind == IdKind::Task);
    b.tree.items.iter().any(|i| i.verb == Verb::Dead && of_work(i))
}

/// The whole verdict.
pub fn verdict(b: &Builder<'_>, root: Option<usize>, attempts: &Attempts, state: State, names: &[String], response: &[Part]) -> Verdict {
    let retries = attempts.model_retries + attempts.task_retries;
    let retry_class = retry_class(retries, &attempts.classes);
    let (serving, degraded) = serving(b, attempts);
    let duplicate_delivery = b.anomalies.iter().any(|a| a.kind == AnomalyKind::DuplicateDelivery);
    let parts = sentence(b, root, attempts, state, retry_class, names, response);
    Verdict {
        sentence: parts.iter().map(|p| p.text.as_str()).collect(),
        parts,
        retries,
        retry_class,
        serving,
        fallback_from: attempts.fallback.as_ref().map(|f| f.0.clone()),
        fallback_to: attempts.fallback.as_ref().map(|f| f.1.clone()),
        inside_envelope: None,
        degraded,
        dead_lettered: dead_lettered(b),
        duplicate_delivery,
    }
}

fn retry_class(retries: u32, classes: &[FailureClass]) -> RetryClass {
    if retries == 0 {
        return RetryClass::None;
    }
    let has = |c: FailureClass| classes.contains(&c);
    match (has(FailureClass::Transient), has(FailureClass::Semantic)) {
        (true, true) => RetryClass::Mixed,
        (true, false) => RetryClass::Transient,
        (false, true) => RetryClass::Semantic,
        (false, false) => RetryClass::Unknown,
    }
}

/// Who answered, and whether the answer is worse than what was asked for.
fn serving(b: &Builder<'_>, attempts: &Attempts) -> (Serving, bool) {
    let calls: Vec<usize> = (0..b.spans.len()).filter(|i| b.spans[*i].kind == SpanKind::ModelCall).collect();
    if calls.is_empty() {
        return (Serving::Unknown, false);
    }
    let items = |i: &usize| b.spans[*i].main.iter().chain(&b.spans[*i].items).map(|x| &b.tree.items[*x].entry).collect::<Vec<_>>();
    if let Some(span) = attempts.fallback_span {
        let answered = b.spans[span].outcome == Outcome::Ok;
        return (Serving::Fallback, answered);
    }
    let finish = |i: &usize| items(i).iter().find_map(|e| e.model.as_ref().and_then(|m| m.finish_reason.clone()));
    if calls
        .iter()
        .filter(|i| b.spans[**i].outcome == Outcome::Ok)
        .filter_map(finish)
        .any(|f| matches!(&*f.to_ascii_lowercase(), "length" | "max_tokens" | "max_output_tokens" | "incomplete"))
    {
        return (Serving::Truncated, true);
    }
    if calls.iter().any(|i| items(i).iter().any(|e| e.model.as_ref().is_some_and(|m| m.cache_hit == Some(true)))) {
        return (Serving::Cached, false);
    }
    let different = calls
        .iter()
        .any(|i| items(i).iter().any(|e| e.model.as_ref().is_some_and(|m| m.requested.as_deref().zip(m.served.as_deref()).is_some_and(|(r, s)| family(r) != family(s)))));
    if different {
        return (Serving::DifferentUnexplained, false);
    }
    let primary = if attempts.model_retries > 0 { Serving::Retried } else { Serving::Primary };
    (primary, false)
}

/// A model name without provider, date and size-neutral suffixes: `gpt-4.1-2025-04-14` is served for `gpt-4.1`.
fn family(name: &str) -> String {
    let bare = spans::bare_model(name);
    let mut parts: Vec<&str> = bare.split(['-', '@', ':']).collect();
    while parts.len() > 1 && parts.last().is_some_and(|p| (p.len() >= 2 && p.bytes().all(|b| b.is_ascii_digit())) || matches!(*p, "latest" | "preview")) {
        parts.pop();
    }
    parts.join("-").to_ascii_lowercase()
}

struct Sentence<'n> {
    parts: Vec<VerdictPart>,
    names: &'n [String],
}

impl Sentence<'_> {
    fn say(&mut self, text: impl Into<String>) {
        self.parts.push(VerdictPart { text: text.into(), span: None, strong: false });
    }
    fn figure(&mut self, text: impl Into<String>) {
        self.parts.push(VerdictPart { text: text.into(), span: None, strong: true });
    }
    fn link(&mut self, text: impl Into<String>, span: usize) {
        self.parts.push(VerdictPart { text: text.into(), span: Some(self.names[span].clone()), strong: false });
    }
}

/// `546 ms`, `1.05 s`, `2 min 3 s`: three significant digits, the unit always there.
pub fn length(ns: i64) -> String {
    let abs = ns.unsigned_abs();
    let three = |value: f64, unit: &str| {
        let digits = if value >= 100.0 {
            0
        } else if value >= 10.0 {
            1
        } else {
            2
        };
        format!("{value:.digits$} {unit}")
    };
    match abs {
        0 => "0 ms".into(),
        1..1_000 => format!("{abs} ns"),
        1_000..999_500 => three(abs as f64 / 1e3, "µs"),
        999_500..999_500_000 => three(abs as f64 / 1e6, "ms"),
        999_500_000..119_500_000_000 => three(abs as f64 / 1e9, "s"),
        _ => {
            let s = (abs + 500_000_000) / 1_000_000_000;
            if s < 7_200 { format!("{} min {} s", s / 60, s % 60) } else { format!("{} h {} min", s / 3_600, s / 60 % 60) }
        }
    }
}

fn sentence(b: &Builder<'_>, root: Option<usize>, attempts: &Attempts, state: State, class: RetryClass, names: &[String], response: &[Part]) -> Vec<VerdictPart> {
    let mut s = Sentence { parts: Vec::new(), names };
    let Some(root) = root else {
        s.say("No line states how long anything took; the lines below carry its ids.");
        return s.parts;
    };
    opening(b, root, state, &mut s);
    fallback_and_retries(b, attempts, class, &mut s);
    biggest(b, root, response, &mut s);
    after_response(b, root, state, &mut s);
    s.parts
}

fn opening(b: &Builder<'_>, root: usize, state: State, s: &mut Sentence<'_>) {
    let d = &b.spans[root];
    let status = d.status.map(|c| format!(" with {c}")).unwrap_or_default();
    let culprit = deciding_failure(b);
    let answered = d.status.is_some() || matches!(d.kind, SpanKind::Edge | SpanKind::App);
    match state {
        State::Ok => {
            s.say(if answered { "Answered in " } else { "Done in " });
            s.figure(length(d.ns()));
        }
        State::Rejected => {
            s.say(format!("Rejected{status} after "));
            s.figure(length(d.ns()));
        }
        State::ClientDisconnect => {
            s.say("The client left after ");
            s.figure(length(d.ns()));
        }
        State::Timeout => {
            s.say(format!("Timed out{status} after "));
            s.figure(length(d.ns()));
        }
        State::Failed => {
            let said = d.status.is_some_and(|c| c < 400);
            s.say(if said { format!("Answered{status} in ") } else { format!("Failed{status} after ") });
            s.figure(length(d.ns()));
            if said && culprit.is_some() {
                s.say(", but the work failed");
            }
        }
        State::DeadLetter => {
            s.say(if answered { format!("Answered{status} in ") } else { "Ran for ".into() });
            s.figure(length(d.ns()));
            s.say(", but its work ended in the dead letters");
        }
        State::Unfinished => {
            s.say("Not finished: ");
            let open = (0..b.spans.len()).find(|i| b.spans[*i].unfinished).unwrap_or(root);
            s.link(format!("{} began", b.spans[open].name), open);
            s.say(" and no line with its id ends it");
        }
    }
    if let Some(span) = culprit
        && matches!(state, State::Failed | State::DeadLetter | State::Timeout | State::Rejected)
    {
        s.say(": ");
        let c = &b.spans[span];
        let of = c.attempt.filter(|a| *a > 1).map(|a| format!(" on attempt {a}")).unwrap_or_default();
        let named = c.main.iter().chain(&c.items).find_map(|i| b.tree.items[*i].entry.failure.as_ref().and_then(|f| f.kind.clone()));
        let what = named.map(|k| format!(" ({})", short(&k))).unwrap_or_default();
        s.link(format!("{} failed{of}{what}", c.name), span);
    }
}

fn short(name: &str) -> String {
    name.rsplit(['.', ':']).next().unwrap_or(name).chars().take(60).collect()
}

/// The deepest failed span that nothing after it made good.
fn deciding_failure(b: &Builder<'_>) -> Option<usize> {
    let failed = |i: &usize| matches!(b.spans[*i].outcome, Outcome::Error | Outcome::Timeout) && !b.spans[*i].kind.is_wait();
    (0..b.spans.len())
        .filter(failed)
        .filter(|i| !matches!(b.spans[*i].kind, SpanKind::Edge | SpanKind::App))
        .max_by_key(|i| (b.spans[*i].end, *i))
        .or_else(|| (0..b.spans.len()).filter(failed).filter(|i| b.spans[*i].kind == SpanKind::App).max_by_key(|i| (b.spans[*i].end, *i)))
}

fn fallback_and_retries(b: &Builder<'_>, attempts: &Attempts, class: RetryClass, s: &mut Sentence<'_>) {
    if let Some((from, to)) = &attempts.fallback
        && let Some(span) = attempts.fallback_span
    {
        s.say(", by a fallback: ");
        let tries = if attempts.left_after > 1 { format!("{} tries of {from} failed", attempts.left_after) } else { format!("{from} failed") };
        let first = (0..b.spans.len()).find(|i| b.spans[*i].kind == SpanKind::ModelCall && b.spans[*i].parent == b.spans[span].parent && *i != span).unwrap_or(span);
        s.link(tries, first);
        s.say(" and ");
        let answered = if b.spans[span].outcome == Outcome::Ok { "answered" } else { "was asked and failed too" };
        s.link(format!("{to} {answered}"), span);
        if b.spans[span].outcome == Outcome::Ok {
            s.say(" in its place");
        }
    } else if attempts.model_retries > 0 {
        let n = attempts.model_retries;
        s.say(format!(", after {} of the model call", if n == 1 { "one retry".into() } else { format!("{n} retries") }));
    }
    s.say(". ");
    let tasks = attempts.task_retries;
    match class {
        RetryClass::Semantic | RetryClass::Mixed => {
            s.say("A semantic failure was retried, which cannot help");
            s.say(if tasks > 0 { format!(" ({tasks} × a task). ") } else { ". ".into() });
        }
        _ if tasks > 0 => s.say(if tasks == 1 { "A task was retried once. ".into() } else { format!("Tasks were retried {tasks} times. ") }),
        _ => {}
    }
}

fn biggest(b: &Builder<'_>, root: usize, response: &[Part], s: &mut Sentence<'_>) {
    let total = b.spans[root].ns();
    let Some(part) = response.iter().max_by_key(|p| (p.ns, std::cmp::Reverse(p.start))) else { return };
    if total < 1_000_000 || part.ns.saturating_mul(2) < total {
        return;
    }
    let share = i128::from(part.ns) * 100 / i128::from(total.max(1));
    match (part.kind, part.span) {
        (SegmentKind::Unaccounted, _) => s.say(format!("No line accounts for {share} % of it. ")),
        (_, Some(span)) if span != root => {
            let word = if b.spans[span].kind.is_wait() { "waiting: " } else { "" };
            // Of what states no length only the end may be known.
            let is_bound = b.spans[span].evidence == Evidence::Assumed && b.spans[span].main.is_none_or(|i| b.tree.items[i].duration_ns().is_none());
            s.say(format!("{}{share} % of it was {word}", if is_bound { "At most " } else { "" }));
            s.link(b.spans[span].name.clone(), span);
            s.say(". ");
        }
        _ => {}
    }
}

fn after_response(b: &Builder<'_>, root: usize, state: State, s: &mut Sentence<'_>) {
    let end = b.spans[root].end;
    let last = b.spans.iter().map(|d| d.end).max().unwrap_or(end);
    if last - end < 1_000_000 || state == State::Unfinished {
        return;
    }
    // A worker that never says when it is done was last heard of then.
    let is_open = |d: &Draft| d.kind == SpanKind::Task && d.outcome == Outcome::Unknown && d.end == last;
    s.say(if b.spans.iter().any(is_open) { "Work was last seen after " } else { "All work was done after " });
    s.figure(length(last - b.spans[root].start));
    let wait = (0..b.spans.len()).filter(|i| b.spans[*i].kind.is_wait() && b.spans[*i].end > end).max_by_key(|i| (b.spans[*i].ns(), std::cmp::Reverse(*i)));
    if let Some(wait) = wait
        && b.spans[wait].ns().saturating_mul(4) > last - end
    {
        // Other work may run beside it, so it is no part of the whole: it is the longest of the waits.
        let (took, name) = (length(b.spans[wait].ns()), &b.spans[wait].name);
        s.say("; the longest wait was ");
        s.link(name.strip_prefix("wait for ").map_or_else(|| format!("{took}, {name}"), |what| format!("{took} for {what}")), wait);
    }
    s.say(".");
}
