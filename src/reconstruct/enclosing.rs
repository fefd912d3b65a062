//! Calls that are told twice: each answer of the provider with its status, and the whole with what came of it.
//!
//! Guarantees: a whole is taken apart only into calls of the same program and parent that name the same model, follow each other, and fill it from its begin to
//! its end; each of them belongs to one whole, the shortest that fits. What the whole says stands with the last, and no line is lost. Nothing is moved.

use crate::{
    model::trace::{Evidence, Outcome, SpanKind},
    reconstruct::{
        attempts,
        calls::AT_ONCE_NS,
        item::Item,
        spans::{Builder, Draft},
    },
};
use std::collections::BTreeSet;

/// More calls of one path are left as they are told.
const MAX_CALLS: usize = 2_000;

/// Draws the answers of a call instead of the whole that they fill.
pub(super) fn take_apart(b: &mut Builder<'_>) {
    let is_call = |d: &Draft| d.kind == SpanKind::ModelCall && d.evidence == Evidence::Stated && d.main.is_some();
    let calls: Vec<usize> = (0..b.spans.len()).filter(|i| is_call(&b.spans[*i])).collect();
    let (mut answers, mut wholes): (Vec<usize>, Vec<usize>) = calls.into_iter().partition(|i| said(b, *i).is_some_and(is_answer));
    wholes.retain(|i| said(b, *i).is_some_and(is_whole));
    if answers.is_empty() || wholes.is_empty() || answers.len() + wholes.len() > MAX_CALLS {
        return;
    }
    answers.sort_by_key(|i| (b.spans[*i].start, b.spans[*i].end, *i));
    wholes.sort_by_key(|i| (b.spans[*i].ns(), b.spans[*i].start, *i));
    let mut gone: BTreeSet<usize> = BTreeSet::new();
    for whole in wholes {
        let parts: Vec<usize> = answers.iter().copied().filter(|i| is_part(b, whole, *i)).collect();
        if !fill(b, whole, &parts) {
            continue;
        }
        answers.retain(|i| !parts.contains(i));
        if let Some(last) = parts.last() {
            let (items, main) = (b.spans[whole].items.clone(), b.spans[whole].main);
            let (end, is_streamed) = (b.spans[whole].end, is_streamed(b, whole));
            let last = &mut b.spans[*last];
            if is_streamed {
                last.end = end.max(last.end);
            }
            last.items.extend(items);
            last.items.sort_unstable();
            last.items.dedup();
            last.main = main.or(last.main);
        }
        gone.insert(whole);
    }
    remove(b, &gone);
}

/// Takes spans away; what hung under one hangs under what that hung under.
pub(super) fn remove(b: &mut Builder<'_>, gone: &BTreeSet<usize>) {
    if gone.is_empty() {
        return;
    }
    let mut above: Vec<Option<usize>> = b.spans.iter().map(|d| d.parent).collect();
    for parent in &mut above {
        while let Some(next) = parent.filter(|p| gone.contains(p)) {
            *parent = b.spans[next].parent;
        }
    }
    let place = |old: usize| old - gone.range(..old).count();
    let kept = std::mem::take(&mut b.spans).into_iter().zip(above).enumerate().filter(|(i, _)| !gone.contains(i));
    b.spans = kept.map(|(_, (d, parent))| Draft { parent: parent.map(place), ..d }).collect();
    b.reindex();
}

fn said<'b>(b: &'b Builder<'_>, span: usize) -> Option<&'b Item> {
    b.spans[span].main.map(|i| &b.tree.items[i])
}

/// It tells of one answer of the provider.
fn is_answer(item: &Item) -> bool {
    !counts(item) && item.entry.http.as_ref().is_some_and(|http| http.status.is_some())
}

/// It tells what came of all of them.
fn is_whole(item: &Item) -> bool {
    counts(item) && item.entry.http.as_ref().is_none_or(|http| http.status.is_none())
}

fn counts(item: &Item) -> bool {
    item.entry.model.as_ref().is_some_and(|m| m.output_tokens.is_some() || m.finish_reason.is_some())
}

fn is_part(b: &Builder<'_>, whole: usize, part: usize) -> bool {
    let (w, p) = (&b.spans[whole], &b.spans[part]);
    let slack = w.quantum_ns.max(p.quantum_ns).saturating_mul(2);
    let is_inside = w.start.saturating_sub(slack) <= p.start && p.end <= w.end.saturating_add(slack);
    let is_same_log = said(b, whole).zip(said(b, part)).is_some_and(|(w, p)| w.entry.at.file == p.entry.at.file);
    is_inside && is_same_log && w.service == p.service && w.parent == p.parent && attempts::model_name(b, whole) == attempts::model_name(b, part)
}

/// The status of a stream comes first, the tokens after it.
fn is_streamed(b: &Builder<'_>, whole: usize) -> bool {
    said(b, whole).is_some_and(|item| item.entry.first_token.is_some() || item.entry.first_token_at.is_some() || item.entry.model.as_ref().is_some_and(|m| m.stream == Some(true)))
}

/// One follows the other, from the begin of the whole to its end, and the last came as the whole did.
fn fill(b: &Builder<'_>, whole: usize, parts: &[usize]) -> bool {
    let (Some(first), Some(last)) = (parts.first().map(|i| &b.spans[*i]), parts.last().map(|i| &b.spans[*i])) else { return false };
    let w = &b.spans[whole];
    let slack = w.quantum_ns.saturating_mul(2);
    let near = |a: i64, c: i64| a.abs_diff(c) <= AT_ONCE_NS.saturating_add(slack).unsigned_abs();
    let follow = parts.windows(2).all(|pair| b.spans[pair[0]].end <= b.spans[pair[1]].start.saturating_add(slack));
    follow && near(first.start, w.start) && (near(last.end, w.end) || is_streamed(b, whole)) && (last.outcome == Outcome::Ok) == (w.outcome == Outcome::Ok)
}
