//! Whether a unit is claimed by several that have nothing to do with each other, for [`Assembler`].
//!
//! Guarantees: what is decided depends on the lines of the units alone; every climb has an end. Two things are never made one here: a unit that is
//! shared is expanded in neither of its claimants.

use super::assemble::{Assembler, LineSource, MAX_CLIMB};
use crate::{
    model::trace::LinkRule,
    reconstruct::{
        link::{ParentLink, Parentage},
        roles,
    },
};
use rustc_hash::FxHashSet;
use std::sync::Arc;

impl<S: LineSource> Assembler<'_, S> {
    /// Units that claim another equally and are not of one request.
    pub(super) fn is_shared(&mut self, parentage: &Parentage) -> Result<bool, S::Error> {
        if parentage.shared.len() < 2 || parentage.run_by_two {
            return Ok(parentage.run_by_two);
        }
        let mut roots: FxHashSet<Arc<str>> = FxHashSet::default();
        for claimant in &parentage.shared {
            roots.insert(self.top_of(claimant)?);
        }
        Ok(roots.len() > 1)
    }

    /// Whether climbing from a unit by first candidates passes another.
    pub(super) fn is_below(&mut self, from: &Arc<str>, above: &Arc<str>) -> Result<bool, S::Error> {
        let mut current = from.clone();
        let mut seen: FxHashSet<Arc<str>> = FxHashSet::default();
        while seen.len() < MAX_CLIMB && seen.insert(current.clone()) {
            if current == *above {
                return Ok(true);
            }
            let Some(next) = self.parentage(&current)?.candidates.iter().find(|c| c.rule != LinkRule::Batch).map(|c| c.parent.clone()) else { break };
            current = next;
        }
        Ok(false)
    }

    /// The unit is a number that two services ran: it stands for two things.
    pub fn is_run_by_two(&mut self, key: &Arc<str>) -> Result<bool, S::Error> {
        Ok(self.parentage(key)?.run_by_two)
    }

    pub(super) fn is_shared_unit(&mut self, key: &Arc<str>) -> Result<bool, S::Error> {
        let parentage = self.parentage(key)?;
        self.is_shared(&parentage)
    }

    /// Climbs from a claimant by first candidates; whether what it passes is itself shared is not asked.
    fn top_of(&mut self, key: &Arc<str>) -> Result<Arc<str>, S::Error> {
        let mut current = key.clone();
        let mut seen: FxHashSet<Arc<str>> = FxHashSet::default();
        while seen.len() < MAX_CLIMB && seen.insert(current.clone()) {
            let (parentage, kind) = (self.parentage(&current)?, self.fetch(&current)?.kind);
            // From a request only over requests and traces.
            let may_climb = |c: &&ParentLink| (roles::level(kind) > 0 || roles::level(c.kind) == 0) && c.rule != LinkRule::Batch && !seen.contains(&c.parent);
            let next = parentage.candidates.iter().find(may_climb).map(|c| c.parent.clone());
            match next {
                Some(parent) => current = parent,
                None => break,
            }
        }
        Ok(current)
    }
}
