//! Who asked a server that gives each request an id of its own and is told no other: who names the answer that it gave.
//!
//! A gateway's request knows the ids of the answers that it passed on; its caller, in another service, names the same answer as it gets it. Where one
//! unit alone does, began before the request and names it as the request ends, it is the caller. A judge of answers begins behind them, a cache names
//! them long after, a report names many later.
//! Guarantees: a function of the lines of the units, free of their order; looks at a bounded number of lines; what more than one unit may have asked is
//! left apart.

use super::assemble::{Assembler, Fetched, LineSource};
use crate::{
    model::{
        id::{IdKind, IdRelation},
        trace::{LineRef, LinkRule},
    },
    reconstruct::{
        item::{Item, WorkRef},
        link::{ParentLink, Parentage},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
};

/// Most lines of a request, and answers that it gave, that are looked at: a session has more.
const MAX_LINES: usize = 256;
const MAX_ANSWERS: usize = 16;
/// Between an answer and the line that names it: as long as the answer took, or this, for programs and coarse clocks.
const NAMED_WITHIN_NS: i64 = 20_000_000;

/// From the begin of the first thing told to the last line.
fn interval<'i>(items: impl Iterator<Item = &'i Rc<Item>>) -> Option<(i64, i64)> {
    items.filter_map(|item| Some((item.time_ns?.saturating_sub(item.duration_ns().unwrap_or(0).max(0)), item.time_ns?))).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

fn is_own(r: &WorkRef) -> bool {
    r.relation == IdRelation::Own && !r.listed
}

/// The task or request that a line is of.
fn unit_of(item: &Item) -> Option<&WorkRef> {
    let of = |kind: IdKind| item.refs.iter().find(move |r| r.kind == kind && is_own(r));
    of(IdKind::Task).or_else(|| of(IdKind::Request))
}

impl<S: LineSource> Assembler<'_, S> {
    /// The servers that gave an answer which a unit names, and were asked for it by the unit: whatever else is told of the answer.
    pub(super) fn asked(&mut self, key: &Arc<str>, answer: &Parentage) -> Result<Vec<(Arc<str>, ParentLink)>, S::Error> {
        let mut out = Vec::new();
        if !answer.is_call {
            return Ok(out);
        }
        let named = answer.candidates.iter().map(|c| &c.parent).chain(&answer.shared).chain(&answer.polled_by);
        let servers: BTreeSet<Arc<str>> = named.filter(|server| *server != key).take(MAX_ANSWERS).cloned().collect();
        for server in servers {
            if let Some(link) = self.parent(&server)?.filter(|link| link.rule == LinkRule::Answer && link.parent == *key) {
                out.push((server, link));
            }
        }
        Ok(out)
    }

    /// The unit that asked a request which no line of its own ties to another.
    pub(super) fn caller_of(&mut self, key: &Arc<str>, fetched: &Fetched) -> Result<Option<ParentLink>, S::Error> {
        if fetched.kind != IdKind::Request || fetched.items.len() > MAX_LINES {
            return Ok(None);
        }
        let own: Vec<&Rc<Item>> = fetched.items.iter().filter(|item| item.reference(key).is_some_and(is_own)).collect();
        let (Some(server), Some(span)) = (own.first().map(|item| item.service()), interval(own.iter().copied())) else { return Ok(None) };
        // It is the model's server, and no receipt of the answer.
        let asks_model = |item: &&&Rc<Item>| item.entry.model.as_ref().is_some_and(|model| model.requested.is_some() || model.served.is_some() || model.output_tokens.is_some());
        if own.iter().any(|item| item.service() != server) || !own.iter().any(|item| asks_model(&item)) {
            return Ok(None);
        }
        let is_answer = |r: &&WorkRef| r.kind == IdKind::Call && is_own(r) && r.scope.is_none();
        let answers: BTreeSet<&Arc<str>> = own.iter().flat_map(|item| item.refs.iter().filter(is_answer).map(|r| &r.key)).collect();
        let mut callers: BTreeMap<Arc<str>, ParentLink> = BTreeMap::new();
        for answer in answers.into_iter().take(MAX_ANSWERS) {
            let given = own.iter().filter(|item| item.reference(answer).is_some()).map(|item| item.line.clone()).min();
            for (unit, line) in self.waited_for(answer, (key, server), span)? {
                let lines = given.iter().cloned().chain([line]).collect();
                callers.entry(unit.key.clone()).or_insert_with(|| ParentLink { parent: unit.key, kind: unit.kind, rule: LinkRule::Answer, lines });
            }
        }
        let only = callers.pop_first().map(|(_, link)| link);
        Ok(only.filter(|_| callers.is_empty()))
    }

    /// The units of other services that name an answer as the request of its server ends, began before that, and had waited as long as it took; each with
    /// the line that names it.
    fn waited_for(&mut self, answer: &Arc<str>, (request, server): (&Arc<str>, &str), (begin, end): (i64, i64)) -> Result<Vec<(WorkRef, LineRef)>, S::Error> {
        let mut out = Vec::new();
        if self.count(answer) > MAX_LINES as u64 {
            return Ok(out);
        }
        let named = self.fetch(answer)?;
        let first = named.items.iter().filter(|item| item.service() == server).min_by_key(|item| (item.time_ns, item.line.clone()));
        // Who gives it again gives it out of a cache.
        if first.is_none_or(|item| item.reference(request).is_none()) {
            return Ok(out);
        }
        let took = end.saturating_sub(begin);
        let in_time = begin.min(end.saturating_sub(NAMED_WITHIN_NS))..=end.saturating_add(took.max(NAMED_WITHIN_NS));
        for item in named.items.iter().filter(|item| item.service() != server && item.reference(request).is_none()) {
            let (Some(at), Some(unit)) = (item.time_ns.filter(|at| in_time.contains(at)), unit_of(item)) else { continue };
            let asker = self.fetch(&unit.key)?;
            let began = interval(asker.items.iter().filter(|item| item.reference(&unit.key).is_some_and(is_own))).map(|(begin, _)| begin);
            // By its own clock, too: who speaks of the last answer as it begins has not waited.
            if began.is_some_and(|began| began < begin && at.saturating_sub(began) >= took) {
                out.push((unit.clone(), item.line.clone()));
            }
        }
        Ok(out)
    }
}
