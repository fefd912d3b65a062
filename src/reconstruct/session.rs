//! Lines without an id of work that name a session in which one request was at work (`reconstruction.md` 2.6, rule d, told by who asked).
//!
//! A session has one user, who waits: of one process, the lines that name a session and nothing else are those of the one request or task of that
//! session that runs there between its stated begin and end. Users, tenants and accounts are no sessions: many requests of theirs run at a time. Pure
//! functions of the lines of a writer in a stretch of time. Guarantees: two that may run prove nothing, whether their begin and end are stated or
//! not; a template that is also written while none runs is nobody's.

use crate::{
    model::id::{IdKind, IdRelation},
    reconstruct::{
        item::{Item, WorkRef},
        lanes::{Families, template},
        solo::{is_below, is_ownerless},
        words::Verb,
    },
};
use rustc_hash::{FxHashMap, FxHashSet};

/// What was at work under one name or several.
#[derive(Default)]
struct Family<'i> {
    unit: Option<&'i WorkRef>,
    sessions: FxHashSet<&'i str>,
    first: i64,
    last: i64,
    began: Option<i64>,
    ended: Option<i64>,
}

impl Family<'_> {
    fn may_run(&self, at: i64) -> bool {
        // Work whose begin or end is not stated may run before or go on.
        (self.first <= at || self.began.is_none()) && (self.ended.is_none() || at <= self.last)
    }

    fn runs(&self, at: i64) -> bool {
        self.began.is_some_and(|began| began <= at) && self.ended.is_some_and(|ended| at <= ended)
    }
}

/// Which unit each line is of that names a session and no work; lines in order of time, of one writer.
pub fn owners(lines: &[Item]) -> Vec<(usize, WorkRef)> {
    if !lines.iter().any(|line| is_ownerless(line) && session(line).is_some()) {
        return Vec::new();
    }
    let families = families(lines);
    let mut idle: FxHashSet<String> = FxHashSet::default();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| is_ownerless(line)) {
        let (Some(at), Some(session)) = (line.time_ns, session(line)) else { continue };
        // Work that names no session may be this one's.
        let mut of_session = families.values().filter(|f| (f.sessions.contains(session) || f.sessions.is_empty()) && f.may_run(at));
        match (of_session.next(), of_session.next()) {
            (Some(only), None) if only.runs(at) && !only.sessions.is_empty() => found.extend(only.unit.map(|unit| (index, unit.clone()))),
            (None, _) => {
                idle.insert(template(line));
            }
            _ => {}
        }
    }
    found.retain(|(index, _)| !idle.contains(&template(&lines[*index])));
    found
}

fn families(lines: &[Item]) -> FxHashMap<usize, Family<'_>> {
    let mut names = Families::of(lines);
    let mut out: FxHashMap<usize, Family<'_>> = FxHashMap::default();
    for line in lines {
        let Some(at) = line.time_ns else { continue };
        let Some(unit) = line.refs.iter().find(|r| r.relation == IdRelation::Own && !r.listed && !is_below(r)) else { continue };
        let family = out.entry(names.number(&unit.key)).or_insert_with(|| Family { unit: Some(unit), first: at, last: at, ..Family::default() });
        let from = at.saturating_sub(line.duration_ns().unwrap_or(0));
        (family.first, family.last) = (family.first.min(from), family.last.max(at));
        family.sessions.extend(session(line));
        if line.verb.is_start() && line.verb != Verb::Queue {
            family.began.get_or_insert(at);
        }
        if line.verb.is_terminal() || line.entry.http.as_ref().is_some_and(|h| h.status.is_some()) {
            family.ended = family.ended.max(Some(at));
        }
    }
    out
}

/// The session, conversation or thread of talk that a line names.
fn session(line: &Item) -> Option<&str> {
    let is_session = |label: &str| {
        let lower = label.to_ascii_lowercase();
        ["session", "conversation", "chat", "dialog"].iter().any(|word| lower.contains(word))
    };
    line.entry.ids.iter().find(|id| id.kind == IdKind::Group && is_session(&id.label)).map(|id| &*id.value)
}
