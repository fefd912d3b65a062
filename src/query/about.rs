//! What single lines say of a unit of work: how they name it, whether they are of it, whom they hand over.
//!
//! Guarantees: pure functions of the lines given, free of their order. They fetch nothing and link nothing: `assemble` and `reconstruct::link` do.

use super::{
    assemble::{Place, at},
    unnamed,
};
use crate::{
    model::{
        id::{ARGUMENT, IN_ERROR, IN_PATH, IdKind, IdRef, IdRelation, UNNAMED, canonical, is_only_a_token, is_strong},
        trace::Neighbour,
    },
    reconstruct::{
        item::{Item, WorkRef},
        link::{self, Parentage},
        roles,
        words::Verb,
    },
};
use std::{borrow::Cow, collections::BTreeMap, rc::Rc, sync::Arc};

/// The unit that a line which enqueues or calls hands over under a name of its own that says id and nothing more (`follow_up_id`), or only that
/// it was handed over: if others know the value as work.
pub fn handed_under_another_name(item: &Item, id: &IdRef) -> Option<Arc<str>> {
    let last = id.label.rsplit(['_', '.', '-']).next().unwrap_or_default();
    let says_id = item.verb == Verb::Queue && (id.label.ends_with("Id") || (last.eq_ignore_ascii_case("id") && last.len() < id.label.len()));
    let says_handed = matches!(item.verb, Verb::Queue | Verb::Begin) && unnamed::says_handed(&id.label);
    // What a text names as handed over, before any other line does (`next EmbedWorker ab96…`).
    let is_told = &*id.label == UNNAMED && item.entry.http.is_none() && item.entry.body.as_deref().is_some_and(|body| says_next(body, &id.value));
    (id.kind == IdKind::Other && id.relation == IdRelation::Own && (says_id || says_handed || is_told) && is_strong(&id.value, false)).then(|| roles::unit_key(id)).flatten()
}

/// Directly before the id, or before the one name that parts them, stands what was done with it: it was made, or handed over.
fn says_next(body: &str, value: &str) -> bool {
    let Some((before, _)) = body.split_once(value) else { return false };
    let mut words = before.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | ':'))).filter(|word| !word.is_empty()).rev();
    let does = |word: &str| {
        matches!(
            &*word.trim_end_matches(':').to_ascii_lowercase(),
            "next"
                | "spawned"
                | "spawning"
                | "created"
                | "creating"
                | "enqueued"
                | "enqueuing"
                | "enqueueing"
                | "queued"
                | "queueing"
                | "dispatched"
                | "dispatching"
                | "submitted"
                | "submitting"
        )
    };
    // Of prose the word between would be a word: a name has a capital, a dot or an underscore.
    let is_name = |word: &str| word.bytes().any(|b| b.is_ascii_uppercase() || matches!(b, b'_' | b'.' | b':'));
    let is_denied = |word: Option<&str>| word.is_some_and(|word| matches!(&*word.to_ascii_lowercase(), "already" | "not" | "never" | "was" | "is" | "be"));
    match (words.next(), words.next(), words.next()) {
        (Some(word), before, _) if does(word) => !is_denied(before),
        (Some(name), Some(word), before) if is_name(name) && does(word) => !is_denied(before),
        _ => false,
    }
}

/// The request that a record of an answer (method, path, status) is of which names no work, but holds one id under a name that says nothing: if others know the
/// value as a request's. Each edge calls it as it was told to (`unique_id`, `ray`, `rndr`), also by the name of a group (`uid`).
pub fn answers_request(item: &Item) -> Option<&IdRef> {
    // What its path asks about is not what it is.
    if !item.refs.iter().all(|r| link::asks_about(item, r)) || !item.entry.http.as_ref().is_some_and(|h| h.access && h.status.is_some()) {
        return None;
    }
    let of = |kind: IdKind| {
        let ids = || item.entry.ids.iter().filter(move |id| id.kind == kind && id.relation == IdRelation::Own && !id.listed && is_strong(&id.value, false));
        // A token may be anything's (the server a client sticks to): it counts where nothing says more.
        let has_more = ids().any(|id| !is_only_a_token(&id.value));
        let mut ids = ids().filter(|id| !has_more || !is_only_a_token(&id.value));
        (ids.next(), ids.next())
    };
    match (of(IdKind::Other), of(IdKind::Group)) {
        ((Some(only), None), _) | ((None, None), (Some(only), None)) => Some(only),
        _ => None,
    }
}

/// Ids in the text of an error, which may be of the call that failed.
pub fn errors_name(item: &Item) -> impl Iterator<Item = Cow<'_, str>> {
    item.entry.ids.iter().filter(|id| &*id.label == IN_ERROR).map(|id| canonical(&id.value))
}

/// The kind most of its own lines give a unit, else most of those that name it as another's; of a tie the upper one. What a child
/// calls its parent (`origin`) is a guess from the child's kind.
pub fn kind_of(key: &str, items: &[Rc<Item>]) -> IdKind {
    if let [only] = items {
        return only.reference(key).map_or(IdKind::Other, |r| r.kind);
    }
    let mut counts: BTreeMap<(bool, IdKind), u32> = BTreeMap::new();
    for r in items.iter().filter_map(|item| item.reference(key)) {
        *counts.entry((r.relation == IdRelation::Own, r.kind)).or_default() += 1;
    }
    // What its first line calls a task is one, however many lines of those that it calls have its id for their request's.
    let of_work = |kind| matches!(kind, IdKind::Task | IdKind::Request);
    let first = items.iter().filter_map(|item| Some((item.time_ns?, item.reference(key).filter(|r| r.relation == IdRelation::Own && of_work(r.kind))?.kind)));
    if counts.contains_key(&(true, IdKind::Task)) && counts.contains_key(&(true, IdKind::Request)) && first.min().is_some_and(|(_, kind)| kind == IdKind::Task) {
        return IdKind::Task;
    }
    counts.into_iter().max_by_key(|((own, kind), n)| (*own, *n, std::cmp::Reverse(roles::level(*kind)))).map_or(IdKind::Other, |((_, kind), _)| kind)
}

/// How most lines name a unit, its own lines before others, a path that it stands in last; of a tie the smaller name. Free of the order of lines.
pub fn naming<'a>(items: &'a [Rc<Item>], key: &str) -> Option<&'a WorkRef> {
    if let [only] = items {
        return only.reference(key);
    }
    let mut votes: BTreeMap<(bool, &str, &str, Option<&str>), (u32, &WorkRef)> = BTreeMap::new();
    for r in items.iter().filter_map(|item| item.reference(key)) {
        votes.entry((r.relation == IdRelation::Own, &*r.label, &*r.value, r.scope.as_deref())).or_insert((0, r)).0 += 1;
    }
    let best =
        votes.into_iter().min_by_key(|((own, label, value, scope), (count, _))| (std::cmp::Reverse(*own), *label == IN_PATH, std::cmp::Reverse(*count), *label, *value, *scope));
    best.map(|(_, (_, r))| r)
}

/// The line lists the unit among others: it is of the batch, not of its members. One call may be listed too: by whoever asked for it, or remembers it.
pub fn is_listed(item: &Item, key: &str) -> bool {
    let is_one = |r: &WorkRef| roles::level(r.kind) == roles::CALL_LEVEL || item.refs.iter().filter(|r| r.listed).count() > 1;
    item.reference(key).is_some_and(|r| r.listed && r.relation == IdRelation::Own && is_one(r))
}

/// The line is another task's, whose argument the unit is, or that the unit started: it stands below the unit only if that task does.
pub fn only_follows(item: &Item, key: &str) -> bool {
    item.reference(key).is_some_and(|r| r.relation == IdRelation::Parent && (&*r.label == ARGUMENT || says_by(&r.label)))
}

/// `triggered_by`, `requestedBy`: what did it, or who.
pub fn says_by(label: &str) -> bool {
    label.len() > 2 && label.is_char_boundary(label.len() - 2) && label[label.len() - 2..].eq_ignore_ascii_case("by")
}

/// The line is that of a request which only asked about the unit: it belongs to the asker.
pub fn asks_only(item: &Item, key: &str, parentage: &Parentage) -> bool {
    let asker = |r: &WorkRef| r.kind == IdKind::Request && &*r.key != key && parentage.polled_by.contains(&r.key);
    item.refs.iter().any(asker) || item.reference(key).is_some_and(|r| r.relation == IdRelation::Own && link::asks_about(item, r))
}

/// Other units on the lines of one, in a fixed order, each once.
pub fn mentioned<'i>(items: impl Iterator<Item = &'i Rc<Item>>, key: &str) -> Vec<(Arc<str>, IdRelation)> {
    let mut out: Vec<(&Arc<str>, IdRelation)> = items.flat_map(|item| &item.refs).filter(|r| &*r.key != key).map(|r| (&r.key, r.relation)).collect();
    // Of several relations one is told whatever the order of lines: that it is tried again for another first.
    out.sort_by_key(|(key, relation)| (*key, *relation != IdRelation::RetryOf, *relation));
    out.dedup_by_key(|(key, _)| *key);
    out.into_iter().map(|(key, relation)| (key.clone(), relation)).collect()
}

/// A line over many units is shown beside the path of each.
pub fn note_batch(item: &Item, neighbours: &mut BTreeMap<(String, String), Neighbour>) {
    let to = item.subject().map_or_else(|| item.service().to_owned(), |s| format!("{}:{}", roles::kind_word(s.kind, &s.label), s.value));
    let known = neighbours.entry((to.clone(), "batch".into())).or_insert_with(|| Neighbour { to, rule: "batch".into(), lines: Vec::new() });
    if !known.lines.contains(&item.line) {
        known.lines.push(item.line.clone());
        known.lines.sort_unstable();
        known.lines.truncate(3);
    }
}

/// A line that is found by another unit is known by what both say of it.
pub fn take(lines: &mut BTreeMap<Place, Rc<Item>>, item: &Rc<Item>) {
    let known = lines.entry(at(item)).or_insert_with(|| item.clone());
    if Rc::ptr_eq(known, item) {
        return;
    }
    let new: Vec<&WorkRef> = item.refs.iter().filter(|r| known.reference(&r.key).is_none()).collect();
    if !new.is_empty() {
        let refs = known.refs.iter().chain(new).cloned().collect();
        *known = Rc::new(Item { refs, ..Item::clone(known) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        entry::{At, Entry},
        profile::Profile,
    };
    use std::sync::Arc;

    #[test]
    fn a_batch_is_shown_by_its_first_three_lines_whatever_comes_first() {
        let item = |line| Item::new(Arc::new(Entry { at: At { line, ..At::default() }, ..Entry::default() }), &"a.log".into(), &Profile::default());
        let shown = |lines: [u64; 5]| {
            let mut neighbours = BTreeMap::new();
            lines.into_iter().for_each(|line| note_batch(&item(line), &mut neighbours));
            neighbours.into_values().next().unwrap().lines.iter().map(|line| line.line).collect::<Vec<_>>()
        };
        assert_eq!((shown([1, 2, 3, 4, 5]), shown([5, 4, 3, 2, 1])), (vec![1, 2, 3], vec![1, 2, 3]));
    }
}
