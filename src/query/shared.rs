//! Whether a unit is claimed by several that have nothing to do with each other, for [`Assembler`].
//!
//! Guarantees: what is decided depends on the lines of the units alone; every climb has an end. Two things are never made one here: a unit that is
//! shared is expanded in neither of its claimants.

use super::about::says_by;
use super::assemble::{Assembler, Fetched, LineSource, MAX_CLIMB};
use crate::{
    model::{
        id::{IdKind, IdRelation},
        trace::LinkRule,
    },
    reconstruct::{
        item::{Item, WorkRef},
        link::{Askers, ParentLink, Parentage},
        roles,
        tree::Tree,
    },
};
use rustc_hash::FxHashSet;
use std::{collections::BTreeSet, rc::Rc, sync::Arc};

/// Most requests on the lines of one unit that are looked at.
const MAX_ASKERS: usize = 64;

/// Who starts something has it begun so soon behind its own last line, queue and clocks included.
const STARTED_WITHIN_NS: i64 = 30_000_000_000;
/// What starts more is a schedule, an agent or a user.
const MAX_STARTED: usize = 8;

/// What the lines of a request tell of its being asked for.
#[derive(Debug, Default)]
pub(super) struct Served {
    is_served: bool,
    /// The parts of its paths.
    parts: FxHashSet<Box<str>>,
}

impl Served {
    fn of(request: &Arc<str>, items: &[Rc<Item>]) -> Self {
        let mut out = Self::default();
        let is_own = |item: &&Rc<Item>| item.reference(request).is_some_and(|r| r.relation == IdRelation::Own && !r.listed);
        for http in items.iter().filter(is_own).filter_map(|item| item.entry.http.as_deref()) {
            // What tells of a call to somebody else has its status in another line, or none of its own.
            let Some(path) = http.path.as_deref().filter(|_| http.method.is_some() && (http.access || http.status.is_none())) else { continue };
            out.is_served = true;
            out.parts.extend(path.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_'))).filter(|part| !part.is_empty()).map(Into::into));
        }
        out
    }
}

impl<S: LineSource> Assembler<'_, S> {
    /// Requests on the lines of a task that may only ask about it.
    pub(super) fn askers(&mut self, key: &Arc<str>, kind: IdKind, items: &[&Item]) -> Result<Askers, S::Error> {
        let mut out = Askers::default();
        if kind != IdKind::Task {
            return Ok(out);
        }
        let is_request = |r: &&WorkRef| r.kind == IdKind::Request && r.relation == IdRelation::Own && !r.listed && r.key != *key;
        let requests: BTreeSet<&Arc<str>> = items.iter().flat_map(|item| &item.refs).filter(is_request).map(|r| &r.key).collect();
        let values: BTreeSet<&str> = items.iter().filter_map(|item| item.reference(key)).map(|r| &*r.value).collect();
        // Of so many all but the one that enqueued it ask.
        out.served.extend(requests.iter().skip(MAX_ASKERS).map(|request| (*request).clone()));
        for request in requests.into_iter().take(MAX_ASKERS) {
            let fetched = self.fetch(request)?;
            let served = fetched.served.get_or_init(|| Rc::new(Served::of(request, &fetched.items)));
            if served.is_served {
                out.served.insert(request.clone());
            }
            if values.iter().any(|value| served.parts.contains(*value)) {
                out.by_path.insert(request.clone());
            }
        }
        Ok(out)
    }

    /// Units that claim another equally and are not of one request.
    pub(super) fn is_shared(&mut self, parentage: &Parentage) -> Result<bool, S::Error> {
        if parentage.shared.len() < 2 || parentage.run_by_two {
            return Ok(parentage.run_by_two);
        }
        let mut roots: FxHashSet<Arc<str>> = FxHashSet::default();
        for claimant in &parentage.shared {
            roots.insert(if parentage.is_call { self.passed(claimant, |_, _| true)?.last().unwrap_or(claimant).clone() } else { self.top_of(claimant)? });
            if roots.len() > 1 {
                return Ok(true);
            }
        }
        Ok(roots.len() > 1)
    }

    /// `triggered_by` may name a user, an agent, or what made the schedule long ago: the parent was at work when the unit was first seen, and names no crowd.
    pub(super) fn may_have_started(&mut self, key: &Arc<str>, candidate: &ParentLink) -> Result<bool, S::Error> {
        if candidate.rule != LinkRule::StatedParent {
            return Ok(true);
        }
        let (child, parent) = (self.fetch(key)?, self.fetch(&candidate.parent)?);
        let by = |item: &Rc<Item>| item.reference(&candidate.parent).is_some_and(|r| r.relation == IdRelation::Parent && says_by(&r.label));
        if !child.items.iter().any(by) {
            return Ok(true);
        }
        let started: BTreeSet<&Arc<str>> = parent.items.iter().filter(|item| by(item)).filter_map(|item| item.subject()).map(|s| &s.key).collect();
        let is_own = |item: &&Rc<Item>| item.reference(&candidate.parent).is_some_and(|r| r.relation == IdRelation::Own);
        let last = parent.items.iter().filter(is_own).filter_map(|item| item.time_ns).max();
        let first = child.items.iter().filter_map(|item| item.time_ns).min();
        let is_at_work = first.zip(last).is_some_and(|(first, last)| first <= last.saturating_add(STARTED_WITHIN_NS));
        Ok(is_at_work && started.len() <= MAX_STARTED)
    }

    /// A call that a task and a request name is of the request, if that is one that the task made, or that only asks about the task.
    pub(super) fn nearest<'p>(&mut self, kind: IdKind, chosen: &'p ParentLink, parentage: &'p Parentage) -> Result<&'p ParentLink, S::Error> {
        if kind == IdKind::Call && matches!(chosen.kind, IdKind::Task | IdKind::Request) {
            for other in parentage.candidates.iter().filter(|c| c.kind == IdKind::Request && c.parent != chosen.parent) {
                if self.parentage(&chosen.parent)?.polled_by.contains(&other.parent) || self.is_below(&other.parent, &chosen.parent)? {
                    return Ok(other);
                }
            }
        }
        Ok(chosen)
    }

    /// Units whose lines are theirs, though they name this one: those that claim it as others do, and calls of other requests beside a call.
    pub(super) fn of_others(&mut self, fetched: &Fetched, parentage: &Parentage, tree: &Tree) -> Result<FxHashSet<Arc<str>>, S::Error> {
        let mut out = if parentage.shared.len() > 1 && self.is_shared(parentage)? { parentage.shared.iter().cloned().collect() } else { FxHashSet::default() };
        if fetched.kind != IdKind::Call {
            return Ok(out);
        }
        let is_call = |r: &&WorkRef| r.kind == IdKind::Call && r.relation == IdRelation::Own && !r.listed && !tree.units.contains_key(&r.key);
        let calls: BTreeSet<Arc<str>> = fetched.items.iter().flat_map(|item| &item.refs).filter(is_call).map(|r| r.key.clone()).collect();
        for call in calls {
            // One that nothing is known above may be another name of this.
            if self.parent(&call)?.is_some() && self.root_of(&call)?.is_some_and(|root| root != tree.root) {
                out.insert(call);
            }
        }
        Ok(out)
    }

    /// Whether climbing from a unit by first candidates passes another.
    pub(super) fn is_below(&mut self, from: &Arc<str>, above: &Arc<str>) -> Result<bool, S::Error> {
        Ok(self.passed(from, |_, _| true)?.contains(above))
    }

    /// Why the unit is a number that stands for several things, and no request of any, in words.
    pub fn is_of_many(&mut self, key: &Arc<str>) -> Result<Option<&'static str>, S::Error> {
        let parentage = self.parentage(key)?;
        if parentage.run_by_two {
            return Ok(Some("was run by two services"));
        }
        // A process counted its calls, was started again, and counted anew.
        let is_counted_anew = parentage.is_call && key.contains('\u{1f}') && self.is_shared(&parentage)?;
        Ok(is_counted_anew.then_some("is named by several requests"))
    }

    /// Units that the lines of one name beside it.
    pub fn named_with(&mut self, key: &Arc<str>) -> Result<BTreeSet<Arc<str>>, S::Error> {
        let fetched = self.fetch(key)?;
        Ok(fetched.items.iter().flat_map(|item| &item.refs).filter(|r| r.key != *key).map(|r| r.key.clone()).collect())
    }

    /// The same of a unit.
    pub(super) fn is_shared_unit(&mut self, key: &Arc<str>) -> Result<bool, S::Error> {
        let parentage = self.parentage(key)?;
        self.is_shared(&parentage)
    }

    /// Where climbing from a claimant ends: from a request only over requests and traces. Whether what it passes is itself shared is not asked.
    fn top_of(&mut self, key: &Arc<str>) -> Result<Arc<str>, S::Error> {
        let passed = self.passed(key, |kind, link| roles::level(kind) > 0 || roles::level(link.kind) == 0 || link.rule == LinkRule::Answer)?;
        Ok(passed.last().unwrap_or(key).clone())
    }

    /// The units on the way up by first candidates, the start included; no batch is climbed, and a circle is left where it closes.
    fn passed(&mut self, from: &Arc<str>, may_climb: impl Fn(IdKind, &ParentLink) -> bool) -> Result<Vec<Arc<str>>, S::Error> {
        let mut passed = vec![from.clone()];
        while let Some(current) = passed.last().filter(|_| passed.len() < MAX_CLIMB).cloned() {
            let (parentage, kind) = (self.parentage(&current)?, self.fetch(&current)?.kind);
            let next = parentage.candidates.iter().find(|c| c.rule != LinkRule::Batch && may_climb(kind, c) && !passed.contains(&c.parent));
            match next {
                Some(link) => passed.push(link.parent.clone()),
                None => break,
            }
        }
        Ok(passed)
    }
}
