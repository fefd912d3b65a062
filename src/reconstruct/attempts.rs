//! Attempts of one model call, and what lies between them: retry waits, fallbacks (`reconstruction.md` sections 3 and 7).
//!
//! Guarantees: attempts are neighbours under one parent, told by a shared id, an attempt number, or a failure followed by a call for
//! the same work; a fallback needs evidence (a failed attempt before it, or a line that says so). It never re-labels a failure.

use crate::{
    model::{
        entry::{Fallback, Severity},
        id::IdKind,
        trace::{Evidence, FailureClass, Outcome, SpanKind},
    },
    reconstruct::{
        calls::AT_ONCE_NS,
        classify, client_calls,
        item::Item,
        roles,
        spans::{self, Builder, Draft},
    },
};

/// What is told as a call ends or begins may be written so much before or after.
const BESIDE_NS: i64 = 10_000_000;

/// What the attempts of a path show together.
#[derive(Debug, Clone, Default)]
pub struct Attempts {
    /// Model attempts beyond the first, with the same model.
    pub model_retries: u32,
    /// Task runs beyond the first that followed a failure.
    pub task_retries: u32,
    /// Classes of the failures that were retried.
    pub classes: Vec<FailureClass>,
    /// Model left and model taken.
    pub fallback: Option<(String, String)>,
    /// Failed attempts with the model that was left, of all calls that left it.
    pub left_after: u32,
    /// Span that answered in place of the failed one.
    pub fallback_span: Option<usize>,
    /// Model attempts in the longest group.
    pub most_model_attempts: u32,
}

/// Finds the attempt groups, numbers them, and draws the waits between them.
pub fn model_attempts(b: &mut Builder<'_>) -> Attempts {
    let mut out = Attempts::default();
    for group in groups(b) {
        out.most_model_attempts = out.most_model_attempts.max(group.len() as u32);
        if group.len() < 2 {
            if let Some(only) = group.first() {
                said_fallback(b, *only, &mut out);
            }
            continue;
        }
        for (n, &index) in group.iter().enumerate() {
            b.spans[index].attempt = Some(n as u32 + 1);
        }
        name_by_fallbacks(b, &group);
        for pair in group.windows(2) {
            step(b, pair[0], pair[1], &mut out);
        }
        out.left_after += tries_before_fallback(b, &group, &out);
        // What was taken may have been tried again: its last try is what came of it.
        if out.fallback_span.is_some_and(|span| group.contains(&span)) {
            out.fallback_span = group.last().copied();
        }
    }
    task_retries(b, &mut out);
    out
}

/// Attempts of a group with the model that it left.
fn tries_before_fallback(b: &Builder<'_>, group: &[usize], out: &Attempts) -> u32 {
    let (Some((from, _)), Some(taken)) = (&out.fallback, out.fallback_span.and_then(|span| group.iter().position(|i| *i == span))) else { return 0 };
    group[..taken].iter().filter(|i| model_name(b, **i).is_none_or(|name| same_model(&name, from))).count() as u32
}

fn model_item<'a>(b: &'a Builder<'_>, span: usize) -> Option<&'a Item> {
    b.spans[span].main.map(|i| &b.tree.items[i])
}

/// Model calls of one parent in order, cut into groups of attempts.
fn groups(b: &Builder<'_>) -> Vec<Vec<usize>> {
    let mut calls: Vec<usize> = (0..b.spans.len()).filter(|i| b.spans[*i].kind == SpanKind::ModelCall).collect();
    calls.sort_by_key(|i| (b.spans[*i].parent, b.spans[*i].start, b.spans[*i].end, *i));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for index in calls {
        let joined = groups.iter_mut().rev().take(8).find(|g| g.last().is_some_and(|last| follows(b, *last, index)));
        match joined {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

/// `next` is another attempt at what `last` tried: same parent, after it, and `last` failed; they share an id of their own, or ask
/// with the same prompt, or for the same model.
fn follows(b: &Builder<'_>, last: usize, next: usize) -> bool {
    let (l, n) = (&b.spans[last], &b.spans[next]);
    if n.start + 1_000_000 < l.end || l.outcome == Outcome::Unknown {
        return false;
    }
    let (Some(li), Some(ni)) = (model_item(b, last), model_item(b, next)) else { return false };
    if l.outcome == Outcome::Ok {
        return is_asked_again(b, last, next, (li, ni));
    }
    if l.parent != n.parent {
        return false;
    }
    let own = |i: &Item| i.refs.iter().filter(|r| matches!(r.kind, IdKind::Call | IdKind::Tool | IdKind::Trace)).map(|r| r.key.clone()).collect::<Vec<_>>();
    let (lo, no) = (own(li), own(ni));
    // An id both carry that is not the tree's root: one call group of a gateway.
    let shared = lo.iter().any(|k| no.contains(k) && **k != *b.tree.root);
    let has_group_ids = lo.iter().chain(&no).any(|k| b.tree.units.get(k).is_some_and(|u| u.kind == IdKind::Trace) && **k != *b.tree.root);
    if shared {
        return true;
    }
    let (lm, nm) = (li.entry.model.as_deref(), ni.entry.model.as_deref());
    let same_model = requested(lm).is_some() && requested(lm) == requested(nm);
    let prompt = |m: Option<&crate::model::entry::ModelCall>| m.and_then(|m| m.prompt_name.clone());
    let same_prompt = prompt(lm).is_some() && prompt(lm) == prompt(nm);
    let numbered = ni.entry.attempt.as_ref().is_some_and(|a| a.number > 1);
    // Two call groups of a gateway are attempts at one thing only when the prompt says so.
    if has_group_ids {
        return same_prompt;
    }
    same_model || same_prompt || numbered || ni.entry.fallback.is_some() || is_asked_there_again(b, last, next) || told_between(b, last, next).is_some()
}

/// Of a call that only the HTTP client tells of, the address says what was asked.
fn is_asked_there_again(b: &Builder<'_>, last: usize, next: usize) -> bool {
    model_name(b, last).is_none() && asked(b, last).zip(asked(b, next)).map_or_else(|| model_name(b, next).is_none(), |(l, n)| l == n)
}

fn asked<'b>(b: &'b Builder<'_>, span: usize) -> Option<(&'static str, Option<&'b str>)> {
    b.spans[span].items.iter().map(|i| &b.tree.items[*i].entry).find_map(|entry| Some((client_calls::answered(entry)?.path, client_calls::asked_host(entry))))
}

/// The answer came, did not fit what was asked for, and the same was asked again: of the same model with the same prompt, as far as they are told.
fn is_asked_again(b: &Builder<'_>, last: usize, next: usize, (li, ni): (&Item, &Item)) -> bool {
    let (l, n) = (&b.spans[last], &b.spans[next]);
    let around = |d: &Draft| d.parent.and_then(|p| if b.spans[p].kind == SpanKind::App && b.spans[p].service == d.service { b.spans[p].parent } else { Some(p) });
    let same = |a: Option<String>, c: Option<String>| a.zip(c).is_none_or(|(a, c)| a == c);
    let prompt = |span: &Draft| span.items.iter().find_map(|i| b.tree.items[*i].entry.model.as_ref()?.prompt_version.as_deref().map(str::to_owned));
    let model = |item: &Item| requested(item.entry.model.as_deref());
    let is_told = |i: &usize| {
        let item = &b.tree.items[*i];
        item.service() != l.service && item.time_ns.is_some_and(|at| l.start <= at && at <= n.end) && classify::finds_answer_useless(&item.entry)
    };
    if !(l.parent == n.parent || around(l) == around(n)) || model(li).is_none() || !same(model(li), model(ni)) || !same(prompt(l), prompt(n)) {
        return false;
    }
    l.items.iter().any(is_told) || complaint_between(b, last, next).is_some()
}

/// What whoever made two calls says of the answer of the first before the second: of an answer, or by the logger that told of it as it came.
fn complaint_between(b: &Builder<'_>, last: usize, next: usize) -> Option<usize> {
    let (ended, begins) = (b.spans[last].end, b.spans[next].start);
    let logger = model_item(b, last).and_then(|item| item.entry.logger.as_deref());
    let is_at_once = |item: &Item| item.time_ns.is_some_and(|at| at.abs_diff(ended) <= AT_ONCE_NS.unsigned_abs());
    let is_complaint = |i: &usize| {
        let item = &b.tree.items[*i];
        let is_its_own = logger.is_some() && item.entry.logger.as_deref() == logger && is_at_once(item);
        classify::finds_answer_useless(&item.entry) || (is_its_own && classify::finds_last_answer_useless(&item.entry))
    };
    said_between(b, last, (ended.saturating_sub(AT_ONCE_NS), begins.saturating_add(AT_ONCE_NS))).find(is_complaint)
}

fn requested(m: Option<&crate::model::entry::ModelCall>) -> Option<String> {
    m.and_then(|m| m.requested.as_deref().or(m.served.as_deref())).map(spans::bare_model)
}

pub(super) fn model_name(b: &Builder<'_>, span: usize) -> Option<String> {
    requested(model_item(b, span)?.entry.model.as_deref())
}

/// `gpt-4.1` and `gpt-4.1-2025-04-14` are an alias and its dated version, not two models.
fn same_model(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    long.strip_prefix(short)
        .is_some_and(|rest| rest.is_empty() || (rest.starts_with(['-', '@', ':']) && rest.chars().skip(1).all(|c| c.is_ascii_digit() || c == '-') && rest.len() >= 5))
}

fn step(b: &mut Builder<'_>, last: usize, next: usize, out: &mut Attempts) {
    let (from, to) = told_between(b, last, next).unwrap_or_else(|| (model_name(b, last), model_name(b, next)));
    // Between an answer that did not fit and the next ask whoever asked was at work.
    let had_answer = b.spans[last].outcome == Outcome::Ok;
    if had_answer {
        b.spans[last].outcome = Outcome::Error;
        let complaint = complaint_between(b, last, next).filter(|i| !b.spans[last].items.contains(i));
        b.spans[last].items.extend(complaint);
    }
    let class = failure_class(b, last);
    let is_same = from.as_deref().zip(to.as_deref()).is_none_or(|(a, b)| same_model(a, b));
    if is_same {
        out.model_retries += 1;
        out.classes.push(class);
    } else {
        out.fallback = Some((out.fallback.take().map_or_else(|| from.unwrap_or_default(), |f| f.0), to.unwrap_or_default()));
        out.fallback_span = Some(next);
    }
    let (start, end) = (b.spans[last].end, b.spans[next].start);
    // Whoever turns to another at once has not waited: what lies between is the program's own time. (Where the truth is known, waits before another model were
    // a tenth of what followed and more, other pauses mostly less than a twentieth.)
    let is_turned_at_once = !is_same && end.saturating_sub(start).saturating_mul(16) < b.spans[next].ns();
    if end <= start || had_answer || is_turned_at_once {
        return;
    }
    let Some(unit) = b.tree.units.get(&b.spans[last].unit) else { return };
    let (Some(index), Some(second)) = (b.spans[last].main, b.spans[next].main) else { return };
    let both_stated = [last, next].iter().all(|i| b.spans[*i].evidence == Evidence::Stated);
    let evidence = if both_stated { Evidence::Stated } else { Evidence::Paired };
    let mut d = spans::wait_draft(SpanKind::RetryWait, unit, &b.tree.items[index], index, start, end, evidence);
    d.name = format!("retry wait before {}", b.spans[next].name);
    d.parent = b.spans[next].parent;
    d.items.push(second);
    d.outcome = Outcome::Ok;
    d.status = None;
    d.main = None;
    b.draw(d);
}

/// What a line between two attempts says was left, and what was taken.
fn told_between(b: &Builder<'_>, last: usize, next: usize) -> Option<(Option<String>, Option<String>)> {
    let (begun, ended) = (b.spans[last].start, b.spans[last].end);
    let (from_ns, to_ns) = (ended.saturating_sub(AT_ONCE_NS), b.spans[next].start.saturating_add(AT_ONCE_NS));
    // What is told as an attempt begins was told behind the one before.
    let is_behind = |at: i64| (from_ns..=to_ns).contains(&at) && at.abs_diff(ended) <= at.abs_diff(begun);
    let of_models = |f: &&Fallback| f.used != Some(false) && f.from.is_some() && f.to.is_some();
    let own = b.spans[last].items.iter().chain(&b.spans[next].items).map(|i| &b.tree.items[*i]).filter(|item| item.time_ns.is_some_and(is_behind));
    let told = own.filter_map(|item| item.entry.fallback.as_deref()).filter(of_models).find(|f| is_of_models(b, next, f));
    // Beside the calls much may be told: of these two only what stands between them.
    let between = (ended.saturating_sub(BESIDE_NS), b.spans[next].start.saturating_add(BESIDE_NS));
    let around = || said_between(b, last, between).filter_map(|i| b.tree.items[i].entry.fallback.as_deref()).filter(of_models).find(|f| is_from_one_to_the_other(b, last, next, f));
    let told = told.or_else(around)?;
    Some((told.from.as_deref().map(spans::bare_model), told.to.as_deref().map(spans::bare_model)))
}

/// What whoever made a call says of its request in its log between two instants.
fn said_between<'b>(b: &'b Builder<'_>, call: usize, (from, to): (i64, i64)) -> impl Iterator<Item = usize> + 'b {
    let d = &b.spans[call];
    let log = d.main.or(d.items.first().copied()).map(|i| b.tree.items[i].entry.at.file);
    let mut unit = b.tree.units.get(&d.unit);
    // At most as many steps as the tree is deep: parents stand above what they hold.
    while let Some(at) = unit.filter(|at| roles::level(at.kind) > 0) {
        unit = at.parent.as_ref().and_then(|link| b.tree.units.get(&link.parent));
    }
    let lines = unit.map_or(&[][..], |unit| b.within(&unit.key, (from, to)));
    let is_of_maker = move |i: &usize| Some(b.tree.items[*i].entry.at.file) == log && b.tree.items[*i].service() == d.service;
    lines.iter().copied().filter(is_of_maker)
}

/// What a line beside the calls says was left is what the first asked, or what it says was taken the next did.
fn is_from_one_to_the_other(b: &Builder<'_>, last: usize, next: usize, told: &Fallback) -> bool {
    let says = |told: Option<&str>, span: usize| told.zip(model_name(b, span)).map(|(told, model)| same_model(&spans::bare_model(told), &model));
    let (left, taken) = (says(told.from.as_deref(), last), says(told.to.as_deref(), next));
    left != Some(false) && taken != Some(false) && (left == Some(true) || taken == Some(true))
}

/// Attempts whose lines name no model are of the one that was left behind them, or taken before them, where a line tells.
fn name_by_fallbacks(b: &mut Builder<'_>, group: &[usize]) {
    let told: Vec<(usize, Option<String>, Option<String>)> =
        group.windows(2).enumerate().filter_map(|(at, pair)| told_between(b, pair[0], pair[1]).map(|(from, to)| (at, from, to))).collect();
    for (place, &span) in group.iter().enumerate() {
        let left = told.iter().find(|(at, ..)| *at >= place).and_then(|(_, from, _)| from.clone());
        let taken = told.iter().rev().find(|(at, ..)| *at < place).and_then(|(.., to)| to.clone());
        if model_name(b, span).is_none()
            && let Some(name) = left.or(taken)
        {
            b.spans[span].name = name;
        }
    }
}

/// What was left or taken is a model or a provider that the call's lines name.
fn is_of_models(b: &Builder<'_>, span: usize, told: &Fallback) -> bool {
    if !told.in_words {
        return true;
    }
    let models = b.naming(&b.spans[span].unit).iter().filter_map(|i| b.tree.items[*i].entry.model.as_deref());
    let known: Vec<&str> = models.flat_map(|m| [m.requested.as_deref(), m.served.as_deref(), m.provider.as_deref()]).flatten().collect();
    let is_known = |name: &str| known.iter().any(|k| k.eq_ignore_ascii_case(name) || same_model(&spans::bare_model(k), &spans::bare_model(name)));
    told.from.iter().chain(&told.to).any(|name| is_known(name))
}

/// A line that says itself that a fallback answered.
fn said_fallback(b: &Builder<'_>, span: usize, out: &mut Attempts) {
    let told = |index: &usize| b.tree.items[*index].entry.fallback.as_deref().filter(|f| f.from.is_some());
    let Some(fallback) = b.spans[span].main.iter().chain(&b.spans[span].items).find_map(told) else { return };
    if !is_of_models(b, span, fallback) || fallback.used == Some(false) || out.fallback.is_some() {
        return;
    }
    if let Some(from) = fallback.from.as_deref() {
        let to = fallback.to.clone().map(|t| spans::bare_model(&t)).or_else(|| model_name(b, span)).unwrap_or_default();
        if spans::bare_model(from) != to {
            out.fallback = Some((spans::bare_model(from), to));
            out.fallback_span = Some(span);
        }
    }
}

fn failure_class(b: &Builder<'_>, span: usize) -> FailureClass {
    class_of_span(b, span).map_or(FailureClass::Unknown, |(class, _)| class)
}

/// Class of a failed span: from the line that says most about it.
pub fn class_of_span(b: &Builder<'_>, span: usize) -> Option<(FailureClass, String)> {
    let d = &b.spans[span];
    if matches!(d.outcome, Outcome::Ok | Outcome::Unknown) {
        return None;
    }
    let mut best: Option<(FailureClass, String)> = None;
    for &index in d.items.iter().chain(d.main.iter()) {
        let item = &b.tree.items[index];
        // What a call finds wrong with an answer is said as a warning; elsewhere a warning may be of anything.
        let is_complaint = d.kind == SpanKind::ModelCall && item.entry.severity.is_some_and(|severity| severity >= Severity::Warn);
        if !item.failed && !item.verb.is_terminal() && !is_complaint {
            continue;
        }
        let (class, rule) = classify::classify(&item.entry);
        if class != FailureClass::Unknown && best.as_ref().is_none_or(|(c, _)| *c == FailureClass::Unknown || class == FailureClass::Semantic) {
            best = Some((class, rule));
        }
        best = best.or(Some((class, rule_unknown())));
    }
    if best.as_ref().is_none_or(|(c, _)| *c == FailureClass::Unknown)
        && let Some((status, class)) = d.status.and_then(|status| Some((status, classify::by_status(status)?)))
    {
        best = Some((class, format!("status {status}")));
    }
    // A task fails by what failed inside it.
    if best.as_ref().is_none_or(|(c, _)| *c == FailureClass::Unknown) {
        let inner = (0..b.spans.len()).rfind(|i| b.spans[*i].parent == Some(span) && !matches!(b.spans[*i].outcome, Outcome::Ok | Outcome::Unknown));
        if let Some(found) = inner.and_then(|i| class_of_span(b, i)) {
            return Some(found);
        }
    }
    best
}

fn rule_unknown() -> String {
    "no rule decides".into()
}

fn task_retries(b: &Builder<'_>, out: &mut Attempts) {
    for unit in b.tree.units.values().filter(|u| u.kind == IdKind::Task) {
        let runs = spans::executions_of(b, &unit.key);
        for pair in runs.windows(2) {
            let waited = b.spans.iter().any(|d| d.kind == SpanKind::RetryWait && d.unit == unit.key && d.end == b.spans[pair[1]].start);
            if waited {
                out.task_retries += 1;
                out.classes.push(failure_class(b, pair[0]));
            }
        }
    }
}
