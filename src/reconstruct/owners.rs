//! The unit that each line of a tree is of.
//!
//! A line names several: the request it serves, the task it runs, the call it made and what the provider calls that. It is of one of them.
//! Guarantees: a pure function of the tree, free of the order of lines; a unit that is not in the tree owns nothing.

use crate::{
    model::{
        id::{IdKind, IdRelation},
        trace::LinkRule,
    },
    reconstruct::{
        client_calls, in_runs,
        item::{Item, WorkRef},
        roles,
        tree::Tree,
    },
};
use rustc_hash::FxHashMap;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Whose lines and calls are.
pub(super) struct Owners {
    /// The unit of each line.
    pub of_lines: Vec<Option<Arc<str>>>,
    /// Calls that a task's worker made whose lines name its request alone: for each the task.
    pub made_in: FxHashMap<Arc<str>, Arc<str>>,
}

/// The unit of each line. One that names two of the uppermost (a request and the trace it opens) is of the one its service speaks of elsewhere.
pub(super) fn owners(tree: &Tree) -> Owners {
    let is_upper = |r: &&WorkRef| roles::level(r.kind) == 0 && r.relation == IdRelation::Own && !r.listed && tree.units.get(&r.key).is_some_and(|u| roles::level(u.kind) == 0);
    let mut spoken_of: FxHashMap<(&str, &Arc<str>), u32> = FxHashMap::default();
    for item in &tree.items {
        let mut uppermost = item.refs.iter().filter(is_upper);
        if let (Some(only), None) = (uppermost.next(), uppermost.next()) {
            *spoken_of.entry((item.service(), &only.key)).or_default() += 1;
        }
    }
    let wholes = whole_calls(tree);
    let told_by_clients = told_by_clients(tree);
    let of = |item: &Item| {
        let owner = whole_call(item, tree, owner_of(item, tree)?);
        let owner = told_by_clients.get(&owner).map_or(owner, |maker| (*maker).clone());
        let owner = match wholes.get(&owner) {
            Some(whole) => (*whole).clone(),
            None => owner,
        };
        let among = || item.refs.iter().filter(is_upper).map(|r| &r.key);
        if among().nth(1).is_none() || !among().any(|key| *key == owner) {
            return Some(owner);
        }
        let count = |key: &Arc<str>| spoken_of.get(&(item.service(), key)).copied().unwrap_or(0);
        among().max_by_key(|key| (count(key), **key == owner)).cloned()
    };
    let mut of_lines: Vec<Option<Arc<str>>> = tree.items.iter().map(of).collect();
    let made_in = in_runs::claim(tree, &mut of_lines);
    Owners { of_lines, made_in }
}

/// Names of attempts that stand on nothing but what an HTTP client tells of them: for each whoever made the call, whose the lines are.
fn told_by_clients(tree: &Tree) -> FxHashMap<&Arc<str>, &Arc<str>> {
    let is_client = |item: &Item| client_calls::answered(&item.entry).is_some();
    let mut only_client: FxHashMap<&Arc<str>, bool> = FxHashMap::default();
    if !tree.items.iter().any(|item| item.refs.iter().any(|r| r.kind == IdKind::Call) && is_client(item)) {
        return FxHashMap::default();
    }
    for item in &tree.items {
        for r in item.refs.iter().filter(|r| r.kind == IdKind::Call) {
            *only_client.entry(&r.key).or_insert(true) &= is_client(item);
        }
    }
    let maker = |key: &&Arc<str>| tree.units.get(key).and_then(|unit| unit.parent.as_ref()).map(|link| &link.parent).filter(|parent| tree.units.contains_key(parent));
    only_client.into_iter().filter(|(_, only)| *only).filter_map(|(key, _)| Some((key, maker(&key)?))).collect()
}

/// A line that names a call twice is of the call, not of what another calls its attempt, which stands below it.
fn whole_call(item: &Item, tree: &Tree, owner: Arc<str>) -> Arc<str> {
    let own_call = |key: &str| item.reference(key).is_some_and(|r| r.kind == IdKind::Call && r.relation == IdRelation::Own);
    let parent = tree.units.get(&owner).and_then(|unit| unit.parent.as_ref()).filter(|link| link.rule == LinkRule::HandOver);
    parent.filter(|link| own_call(&owner) && own_call(&link.parent) && tree.units.contains_key(&link.parent)).map_or(owner.clone(), |link| link.parent.clone())
}

/// The unit of a line by itself: its subject when that is in the tree, else any own id of it that is.
fn owner_of(item: &Item, tree: &Tree) -> Option<Arc<str>> {
    if let Some(subject) = item.subject()
        && let Some(unit) = tree.units.get(&subject.key)
    {
        // A server that is handed a task's id as that of a request counts its own beside it; and an answer to whoever asked is the request's, whatever it names.
        let is_answer = || item.entry.http.as_ref().is_some_and(|http| http.status.is_some() && http.path.is_some()) && item.duration_ns().is_some() && unit.kind == IdKind::Task;
        let is_taken = (roles::level(subject.kind) == 0 && roles::level(unit.kind) > 0) || is_answer();
        let is_served = |r: &&WorkRef| r.kind == IdKind::Request && r.relation == IdRelation::Own && !r.listed && tree.units.get(&r.key).is_some_and(|u| u.kind == IdKind::Request);
        return Some(item.refs.iter().filter(|_| is_taken).find(is_served).unwrap_or(subject).key.clone());
    }
    let mut known: Vec<_> = item.refs.iter().filter(|r| tree.units.contains_key(&r.key)).collect();
    known.sort_by_key(|r| (r.relation != crate::model::id::IdRelation::Own, std::cmp::Reverse(crate::reconstruct::roles::level(r.kind))));
    known.first().map(|r| r.key.clone())
}

/// Names of calls that stand on some of the lines of another name alone (`call 17` begins; `call 17` ends, and the provider's id is known): for each the
/// name of the whole. Where two answers bear other names each, they are attempts and stay apart.
fn whole_calls(tree: &Tree) -> FxHashMap<&Arc<str>, &Arc<str>> {
    let is_call = |r: &&WorkRef| r.kind == IdKind::Call && r.relation == IdRelation::Own && !r.listed && tree.units.contains_key(&r.key);
    // Most paths name each call once a line.
    if !tree.items.iter().any(|item| item.refs.iter().filter(is_call).nth(1).is_some()) {
        return FxHashMap::default();
    }
    let named_by: Vec<BTreeSet<&Arc<str>>> = tree.items.iter().map(|item| item.refs.iter().filter(is_call).map(|r| &r.key).collect()).collect();
    let mut lines: BTreeMap<(&str, &Arc<str>), Vec<&BTreeSet<&Arc<str>>>> = BTreeMap::new();
    for (item, calls) in tree.items.iter().zip(&named_by) {
        for call in calls {
            lines.entry((item.service(), call)).or_default().push(calls);
        }
    }
    let mut out: FxHashMap<&Arc<str>, &Arc<str>> = FxHashMap::default();
    for ((service, whole), named) in &lines {
        let mut beside = named.iter().filter(|calls| calls.len() > 1);
        let Some(first) = beside.next().filter(|_| named.iter().any(|calls| calls.len() == 1)) else { continue };
        if beside.all(|calls| calls == first) {
            // A part stands on no line of the service without the whole. Others that know it by this name alone speak of the same.
            let is_part = |part: &&&Arc<str>| **part != *whole && lines.get(&(*service, **part)).is_some_and(|named| named.iter().all(|calls| calls.contains(*whole)));
            for part in first.iter().filter(is_part) {
                out.entry(part).or_insert(whole);
            }
        }
    }
    out
}
