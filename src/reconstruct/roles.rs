//! The role of an id field: what its name says, corrected by what the data showed (`reconstruction.md` 2.3).
//!
//! Guarantees: a group id never links; a weak id names nothing without its scope. Never reads raw text.

use crate::model::{
    entry::Entry,
    id::{IN_ERROR, IdKind, IdRef, IdRelation, canonical, is_nil, is_strong},
    profile::Profile,
};
use std::{borrow::Cow, sync::Arc};

/// Whether ids of this kind are units of work that may link.
pub fn is_work(kind: IdKind) -> bool {
    matches!(kind, IdKind::Request | IdKind::Trace | IdKind::Span | IdKind::Task | IdKind::Call | IdKind::Tool)
}

/// How deep a kind stands: a line is about its deepest own id.
pub fn level(kind: IdKind) -> u8 {
    match kind {
        IdKind::Request | IdKind::Trace => 0,
        IdKind::Task => 1,
        IdKind::Call | IdKind::Tool => CALL_LEVEL,
        IdKind::Span => 3,
        IdKind::Group | IdKind::Other => 9,
    }
}

/// The level of calls: something below a request or task made them.
pub const CALL_LEVEL: u8 = 2;

/// An id that says nothing of whose a line is: what it hands over, or a call that something made.
pub fn is_below_work(kind: IdKind, relation: IdRelation) -> bool {
    relation == IdRelation::Child || (level(kind) == CALL_LEVEL && relation == IdRelation::Own)
}

/// Key of a role decision.
pub fn role_key(service: &str, label: &str) -> String {
    format!("{service}\u{1f}{label}")
}

/// The kind in force for an id of an entry.
pub fn effective(entry: &Entry, id: &IdRef, profile: &Profile) -> IdKind {
    let service = entry.service.as_deref().unwrap_or(&entry.source);
    if id.may_be_an_ordinal() && !profile.counted.contains(&role_key(service, &id.label)) {
        return IdKind::Other;
    }
    if profile.roles.is_empty() {
        return id.kind;
    }
    profile.roles.get(&role_key(service, &id.label)).map_or(id.kind, |decision| decision.kind)
}

/// The unit an id names: its index term. `None` for nil values and for weak ids without a scope.
///
/// A weak id is scoped; when only its service scopes it, its kind is part of the key, so that task 4 and request 4 of one service
/// stay two things.
pub fn unit_key(id: &IdRef) -> Option<Arc<str>> {
    if is_nil(&id.value) {
        return None;
    }
    // An id label makes rarer shapes strong; every kind but Other and Group was named so.
    if is_strong(&id.value, is_work(id.kind)) {
        return Some(folded(id));
    }
    id.scope.as_ref().map(|scope| format!("{}\u{1f}{scope}", canonical(&id.value)).into())
}

/// The canonical value; nearly always the one that is written.
fn folded(id: &IdRef) -> Arc<str> {
    match canonical(&id.value) {
        Cow::Borrowed(_) => id.value.clone(),
        Cow::Owned(other) => other.into(),
    }
}

/// The same where most ids of this make look unique, so that this one is, too: of random words of eleven letters and digits one in seven holds no digit.
pub fn unit_key_in(id: &IdRef, profile: &Profile) -> Option<Arc<str>> {
    let is_made_so = || !profile.makes.is_empty() && id.make().is_some_and(|make| profile.makes.contains(&make));
    if id.scope.is_some() && !is_nil(&id.value) && is_made_so() {
        return Some(folded(id));
    }
    let counted = || {
        let scope = id.scope.as_deref()?;
        let top = |label| profile.numbers.top(&number_key(id.kind, scope, label));
        Some(format!("{}\u{1f}{}", canonical(&id.value), top(Some(&id.label)).or_else(|| top(None))?).into())
    };
    if !profile.numbers.is_empty()
        && matches!(id.kind, IdKind::Task | IdKind::Call)
        && !is_nil(&id.value)
        && id.value.bytes().all(|b| b.is_ascii_digit())
        && let Some(key) = counted()
    {
        return Some(key);
    }
    unit_key(id)
}

/// Key of numbers that may count in another scope: all of a scope, or those of one field.
pub fn number_key(kind: IdKind, scope: &str, label: Option<&str>) -> String {
    let kind = if kind == IdKind::Call { "call" } else { "task" };
    label.map_or_else(|| format!("{kind}\u{1f}{scope}"), |label| format!("{kind}\u{1f}{scope}\u{1f}{label}"))
}

/// The terms that a unit's lines are found by: one, or one for each scope its number is written under.
pub fn terms_of<'a>(key: &'a str, profile: &Profile) -> Vec<Cow<'a, str>> {
    let others = key.split_once('\u{1f}').and_then(|(value, scope)| Some((value, profile.numbers.members(scope)?)));
    others.map_or_else(|| vec![Cow::Borrowed(key)], |(value, scopes)| scopes.iter().map(|scope| Cow::Owned(format!("{value}\u{1f}{scope}"))).collect())
}

/// The keys under which an entry may be looked for: its work ids, requests first, then ids that no name says anything of, which other lines may know
/// as work.
pub fn keys_to_find(entry: &Entry) -> Vec<String> {
    let may_be_work = |id: &IdRef| is_work(id.kind) || (id.kind == IdKind::Other && is_strong(&id.value, false));
    let mut keys: Vec<(u8, Arc<str>)> = entry.ids.iter().filter(|id| may_be_work(id)).filter_map(|id| Some((level(id.kind), unit_key(id)?))).collect();
    let bare = |id: &&IdRef| (id.scope.is_some() && id.make().is_some()) || &*id.label == IN_ERROR;
    keys.extend(entry.ids.iter().filter(bare).map(|id| (level(id.kind), folded(id))));
    keys.sort();
    keys.dedup_by(|a, b| a.1 == b.1);
    keys.into_iter().map(|(_, key)| key.to_string()).collect()
}

/// The same, and the keys that what was learned gives the units.
pub fn keys_in(entry: &Entry, profile: &Profile) -> Vec<String> {
    let mut keys = keys_to_find(entry);
    if !profile.numbers.is_empty() {
        let counted = entry.ids.iter().filter(|id| id.scope.is_some()).filter_map(|id| unit_key_in(id, profile)).map(|key| key.to_string());
        keys.extend(counted.filter(|key| !keys.contains(key)).collect::<Vec<_>>());
    }
    keys
}

/// The word of an id kind in documents: `job` and `message` are tasks under those names.
pub fn kind_word(kind: IdKind, label: &str) -> &'static str {
    match kind {
        IdKind::Request => "request",
        IdKind::Trace => "trace",
        IdKind::Span => "span",
        IdKind::Task => {
            let lower = label.to_ascii_lowercase();
            if lower.contains("job") || lower.contains("jid") {
                "job"
            } else if lower.contains("message") || lower.contains("msg") {
                "message"
            } else {
                "task"
            }
        }
        IdKind::Call => "call",
        IdKind::Tool => "tool",
        IdKind::Group => "group",
        IdKind::Other => "other",
    }
}
