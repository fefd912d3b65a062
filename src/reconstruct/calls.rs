//! Spans of a model or tool call that has an id of its own: one, or one for each attempt that its lines tell of.
//!
//! Guarantees: an attempt that failed is drawn where its line says so and never again by the length of the whole; the attempts of a call follow each
//! other. What lies between them `attempts` tells. A lone mention of a call is no span.

use crate::{
    model::trace::{Evidence, Outcome, SpanKind},
    reconstruct::{
        client_calls,
        item::Item,
        spans::{Builder, Draft, Stated, bounds, line_kind, outcome, parent_in, stated, step_title},
        tree::{Tree, Unit},
        words::Verb,
    },
};

/// What is told of one failure twice is told at once.
pub(super) const AT_ONCE_NS: i64 = 50_000_000;

/// Spans of a call or tool call: a line that states its interval, else begin and end lines, else nothing but lines.
pub(super) fn call_spans(b: &mut Builder<'_>, unit: &Unit, indexes: &[usize], kind: SpanKind) {
    let stated = unit.parent.as_ref().map_or(&unit.key, |p| &p.parent);
    let parent_unit = b.made_in.get(&unit.key).unwrap_or(stated).clone();
    let Some(mut whole) = whole(b, unit, indexes, kind) else { return };
    let main = whole.main.unwrap_or(indexes[0]);
    whole.name = step_title(&b.tree.items[main], whole.kind);
    whole.attempt = b.tree.items[main].entry.attempt.as_ref().map(|a| a.number);
    whole.items = indexes.to_vec();
    whole.parent = parent_in(b, &parent_unit, &whole.service, whole.start, whole.end);
    let attempts = client_calls::attempts(b, unit, &whole, indexes).unwrap_or_else(|| attempts(b, &whole, indexes));
    let drawn = if attempts.len() < 2 { vec![whole] } else { attempts };
    drawn.into_iter().for_each(|d| b.draw(d));
}

fn whole(b: &Builder<'_>, unit: &Unit, indexes: &[usize], kind: SpanKind) -> Option<Draft> {
    let tree = b.tree;
    let best = indexes
        .iter()
        .copied()
        .filter_map(|i| stated(&tree.items[i], b.profile).map(|s| (i, s)))
        .max_by_key(|(i, s)| (s.evidence == Evidence::Stated, s.end - s.start, std::cmp::Reverse(*i)));
    let kind_of = |i: usize| line_kind(&tree.items[i]).unwrap_or(kind);
    if let Some((index, s)) = best {
        let mut d = Draft::of(kind_of(index), unit, &tree.items[index], index, s.start, s.end, s.evidence);
        d.outcome = outcome(&tree.items[index]);
        return Some(d);
    }
    let begin = indexes.iter().copied().find(|i| tree.items[*i].verb.is_start());
    let end = indexes.iter().rev().copied().find(|i| tree.items[*i].verb.is_terminal());
    let (first, last) = bounds(tree, indexes)?;
    let paired = begin.is_some() && end.is_some() && begin != end;
    // One line without a length is a mention; a lone begin is a call that never came back.
    if !paired && (first == last && begin.is_none()) {
        return None;
    }
    let main = end.or(begin).unwrap_or(indexes[0]);
    let mut d = Draft::of(kind_of(main), unit, &tree.items[main], main, first, last, if paired { Evidence::Paired } else { Evidence::Observed });
    d.unfinished = begin.is_some() && end.is_none();
    d.outcome = end.map_or(Outcome::Unknown, |i| outcome(&tree.items[i]));
    Some(d)
}

/// One span an attempt, where lines of the call tell of attempts that failed before its end; fewer than two when they do not.
fn attempts(b: &Builder<'_>, whole: &Draft, indexes: &[usize]) -> Vec<Draft> {
    let tree = b.tree;
    let mut order: Vec<usize> = indexes.iter().copied().filter(|i| tree.items[*i].time_ns.is_some()).collect();
    order.sort_by_key(|i| (tree.items[*i].time_ns, tree.items[*i].verb.causal_rank(), tree.items[*i].line.clone()));
    let (mut out, begun_again) = failed_attempts(b, whole, &order);
    if out.is_empty() {
        return out;
    }
    out.extend(last_attempt(b, whole, &order, &out, begun_again));
    stand_with(&mut out, tree, &order);
    out
}

/// A line that tells of none of the attempts stands with the last that began before it.
pub(super) fn stand_with(attempts: &mut [Draft], tree: &Tree, lines: &[usize]) {
    let rest: Vec<usize> = lines.iter().copied().filter(|i| !attempts.iter().any(|d| d.items.contains(i))).collect();
    for index in rest {
        let at = tree.items[index].time_ns;
        let place = attempts.iter().rposition(|d| at.is_some_and(|t| d.start <= t)).unwrap_or(0);
        attempts[place].items.push(index);
    }
    attempts.iter_mut().for_each(|d| d.items.sort_unstable());
}

/// The attempts that lines say failed, and when the next was begun, if one says so.
fn failed_attempts(b: &Builder<'_>, whole: &Draft, order: &[usize]) -> (Vec<Draft>, Option<i64>) {
    let tree = b.tree;
    let (mut out, mut begun_again): (Vec<Draft>, Option<i64>) = (Vec::new(), None);
    let begin = order.first().and_then(|i| tree.items[*i].time_ns).map_or(whole.start, |first| first.min(whole.start));
    // What a good end calls by a number did not fail under it.
    let well = |i: &usize| !tells_of_a_failed_attempt(&tree.items[*i]) && tree.items[*i].verb == Verb::End;
    let ended_well: Vec<usize> = order.iter().copied().filter(well).collect();
    let same = |a: usize, b: usize| is_same_attempt(&tree.items[a], &tree.items[b]);
    for index in order.iter().copied() {
        let (item, at) = (&tree.items[index], tree.items[index].time_ns.unwrap_or_default());
        if !tells_of_a_failed_attempt(item) {
            if item.verb.is_start() && !out.is_empty() {
                begun_again = Some(at);
            }
            continue;
        }
        if item.verb != Verb::Retry && ended_well.iter().any(|end| same(index, *end)) {
            continue;
        }
        let own = stated(item, b.profile);
        if let Some(before) = out.last() {
            // What reaches back behind an attempt that failed is the length of them all. Another number is another attempt.
            let number = |i: usize| tree.items[i].entry.attempt.as_ref().map(|a| a.number);
            let numbers = before.main.and_then(number).zip(number(index));
            let is_sum =
                numbers.is_none_or(|(before, this)| before == this) && own.map_or(at.saturating_sub(before.end) <= AT_ONCE_NS, |s| s.start.saturating_add(AT_ONCE_NS) < before.end);
            let is_same = before.main.is_some_and(|main| same(main, index)) && begun_again.is_none();
            // That it is tried again is said of the failure before, unless one has begun since; of what was fallen back to the attempts are counted anew.
            let is_told_again = numbers.is_none_or(|(before, this)| before <= this) && item.verb == Verb::Retry && begun_again.is_none();
            if is_told_again {
                begun_again = Some(begins_again(item, at));
            }
            if is_sum || is_same || is_told_again {
                continue;
            }
        }
        let from = begun_again.take().or(out.last().map(|before| before.end)).unwrap_or(begin);
        let interval = own.unwrap_or(Stated { start: from, end: at, evidence: Evidence::Assumed });
        let start = out.last().map_or(interval.start, |before| interval.start.max(before.end));
        out.push(attempt(whole, tree, index, Stated { start, ..interval }));
        begun_again = item.entry.retry_delay.is_some().then(|| begins_again(item, at));
    }
    (out, begun_again)
}

/// When the next attempt begins, as the line of a failed one tells.
fn begins_again(item: &Item, at: i64) -> i64 {
    at.saturating_add(item.entry.retry_delay.as_deref().and_then(|wait| wait.ns).unwrap_or(0).max(0))
}

/// The attempt that ended the call: by a line of its own, or as the whole did.
fn last_attempt(b: &Builder<'_>, whole: &Draft, order: &[usize], failed: &[Draft], begun_again: Option<i64>) -> Option<Draft> {
    let (tree, from) = (b.tree, failed.last()?.end);
    let end = order.last().and_then(|i| tree.items[*i].time_ns).map_or(whole.end, |last| last.max(whole.end));
    let is_last = |i: &usize| !tells_of_a_failed_attempt(&tree.items[*i]) && tree.items[*i].verb.is_terminal() && tree.items[*i].time_ns.is_some_and(|t| t > from);
    let says_most = |i: &usize| (line_kind(&tree.items[*i]).is_some(), tree.items[*i].entry.attempt.is_some(), std::cmp::Reverse(*i));
    let index = order.iter().copied().filter(is_last).max_by_key(says_most)?;
    let item = &tree.items[index];
    if item.failed && end.saturating_sub(from) <= AT_ONCE_NS {
        return None;
    }
    let at = item.time_ns.unwrap_or(end);
    let own = stated(item, b.profile).filter(|s| s.start >= from);
    let start = begun_again.filter(|again| (from..=at).contains(again)).unwrap_or(from);
    Some(attempt(whole, tree, index, own.unwrap_or(Stated { start, end: at, evidence: Evidence::Assumed })))
}

fn attempt(whole: &Draft, tree: &Tree, index: usize, interval: Stated) -> Draft {
    let item = &tree.items[index];
    let kind = line_kind(item).unwrap_or(whole.kind);
    let named = line_kind(item).is_some();
    Draft {
        kind,
        name: if named { step_title(item, kind) } else { whole.name.clone() },
        service: item.service().to_owned(),
        host: item.entry.host.as_deref().map(str::to_owned),
        start: interval.start.min(interval.end),
        end: interval.end,
        evidence: interval.evidence,
        unfinished: false,
        outcome: outcome(item),
        attempt: item.entry.attempt.as_ref().map(|a| a.number),
        status: item.entry.http.as_ref().and_then(|h| h.status),
        items: vec![index],
        main: Some(index),
        quantum_ns: item.quantum_ns,
        ..whole.clone()
    }
}

/// One number, and no other model: a fallback counts its attempts anew.
fn is_same_attempt(a: &Item, b: &Item) -> bool {
    let number = |item: &Item| item.entry.attempt.as_ref().map(|attempt| attempt.number);
    fn models(item: &Item) -> (Option<&str>, Option<&str>) {
        item.entry.model.as_ref().map(|m| (m.served.as_deref().or(m.requested.as_deref()), m.provider.as_deref())).unwrap_or_default()
    }
    let differ = |a: Option<&str>, b: Option<&str>| a.zip(b).is_some_and(|(a, b)| a != b);
    let ((model, provider), (other, others)) = (models(a), models(b));
    number(a).is_some() && number(a) == number(b) && !differ(model, other) && !differ(provider, others)
}

/// It failed, and says which attempt it was, or that there will be another.
fn tells_of_a_failed_attempt(item: &Item) -> bool {
    let says_bad = item.failed || matches!(item.verb, Verb::Fail | Verb::Retry);
    says_bad && (item.verb == Verb::Retry || item.entry.attempt.is_some())
}
