//! Tasks whose argument names the task they follow: `publish_index('99c2…')` after `reindex` ran as `99c2…`.
//!
//! An argument alone proves nothing (a job may cancel or look at another's). It does where nearly every task of one name is followed by exactly one task of
//! the other name with its id as the only such argument. Guarantees: order-free and mergeable (ids are sampled by the smallest hashes), memory bounded by
//! the constants below. It never sees an id in clear and never links anything.

use crate::{
    model::{
        entry::Entry,
        id::{ARGUMENT, IdKind, IdRef, IdRelation, is_strong},
    },
    reconstruct::{learn::hash, roles, words},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Ids sampled.
const SAMPLE: usize = 1_024;
/// Names of jobs remembered.
const MAX_NAMES: usize = 1_024;
/// Jobs remembered of one id.
const MAX_JOBS: usize = 4;
/// So many tasks of a name must have shown it.
const ENOUGH: usize = 20;

/// What ids of tasks are to tasks of other names.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Arguments {
    /// Names of jobs (service and name) by hash.
    names: BTreeMap<u64, String>,
    ids: BTreeMap<u64, Seen>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Seen {
    /// Jobs that ran under it.
    own: BTreeSet<u64>,
    /// Jobs that were given it, each with the ids they ran under (two say that there are several).
    given: BTreeMap<u64, BTreeSet<u64>>,
}

/// The name of the job that a line begins, with its service.
pub fn job_of(entry: &Entry) -> Option<String> {
    let name = entry.job.as_deref()?.name.as_deref()?;
    words::verb(entry).is_start().then(|| roles::role_key(entry.service.as_deref().unwrap_or(&entry.source), name))
}

/// The only id in an entry that something was called with.
pub fn argument(entry: &Entry) -> Option<&IdRef> {
    let mut given = entry.ids.iter().filter(|id| matches!(id.kind, IdKind::Other | IdKind::Task) && &*id.label == ARGUMENT && is_strong(&id.value, false));
    let (only, other) = (given.next()?, given.next());
    other.is_none().then_some(only)
}

impl Arguments {
    /// Takes note of an entry.
    pub fn observe(&mut self, entry: &Entry) {
        let Some(job) = job_of(entry) else { return };
        let mut tasks = entry
            .ids
            .iter()
            .filter(|id| id.kind == IdKind::Task && id.relation == IdRelation::Own && !id.listed && &*id.label != ARGUMENT && is_strong(&id.value, true))
            .filter_map(roles::unit_key);
        let Some(task) = tasks.next().map(|key| hash(&key)) else { return };
        let job = self.number(job);
        self.sample(task, |seen| seen.ran([job].into()));
        // Where the line itself says what the task is done for, its arguments say nothing of that.
        let is_told = entry.ids.iter().any(|id| id.relation == IdRelation::Parent || (id.relation == IdRelation::Own && matches!(id.kind, IdKind::Request | IdKind::Trace)));
        if let Some(given) = argument(entry).filter(|_| !is_told).and_then(roles::unit_key) {
            self.sample(hash(&given), |seen| seen.give(job, [task].into()));
        }
    }

    fn number(&mut self, job: String) -> u64 {
        let number = hash(&job);
        self.name(number, job);
        number
    }

    /// Of too many names those with the smallest hashes are remembered, whatever came first.
    fn name(&mut self, number: u64, job: String) {
        self.names.entry(number).or_insert(job);
        if self.names.len() > MAX_NAMES {
            self.names.pop_last();
        }
    }

    fn sample(&mut self, id: u64, note: impl FnOnce(&mut Seen)) {
        if self.ids.len() >= SAMPLE && self.ids.last_key_value().is_some_and(|(max, _)| id > *max) {
            return;
        }
        note(self.ids.entry(id).or_default());
        if self.ids.len() > SAMPLE {
            self.ids.pop_last();
        }
    }

    /// Takes in what another reader of other lines saw.
    pub fn merge(&mut self, other: Self) {
        for (number, name) in other.names {
            self.name(number, name);
        }
        for (id, theirs) in other.ids {
            self.sample(id, |mine| {
                mine.ran(theirs.own);
                theirs.given.into_iter().for_each(|(job, tasks)| mine.give(job, tasks));
            });
        }
    }

    /// Jobs (service and name) whose argument is the id of what they follow.
    pub fn decide(&self) -> BTreeSet<String> {
        let given: BTreeSet<u64> = self.ids.values().flat_map(|seen| seen.given.keys().copied()).collect();
        given.into_iter().filter(|job| self.follows(*job)).filter_map(|job| self.names.get(&job).cloned()).collect()
    }

    fn follows(&self, job: u64) -> bool {
        let of = |seen: &Seen| seen.given.get(&job).map_or(0, BTreeSet::len);
        let given: Vec<&Seen> = self.ids.values().filter(|seen| of(seen) > 0).collect();
        let above: BTreeSet<u64> = given.iter().flat_map(|seen| seen.own.iter().copied()).collect();
        let Some(above) = above.first().copied().filter(|_| above.len() == 1).filter(|above| *above != job) else { return false };
        let once = given.iter().filter(|seen| of(seen) == 1 && seen.own.contains(&above)).count();
        let all = self.ids.values().filter(|seen| seen.own.contains(&above)).count();
        once >= ENOUGH && once * 20 >= given.len() * 19 && once * 5 >= all * 4
    }
}

impl Seen {
    fn ran(&mut self, jobs: BTreeSet<u64>) {
        self.own.extend(jobs);
        while self.own.len() > MAX_JOBS {
            self.own.pop_last();
        }
    }

    fn give(&mut self, job: u64, tasks: BTreeSet<u64>) {
        let mine = self.given.entry(job).or_default();
        mine.extend(tasks);
        while mine.len() > 2 {
            mine.pop_last();
        }
        if self.given.len() > MAX_JOBS {
            self.given.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::Job;

    /// A worker's line: it received a task of this name, with an id among its arguments.
    fn entry(name: &str, task: String, given: Option<String>) -> Entry {
        let own = IdRef { kind: IdKind::Task, relation: IdRelation::Own, label: "task".into(), value: task.into(), scope: None, listed: false };
        let argument = given.map(|id| IdRef { kind: IdKind::Other, label: ARGUMENT.into(), value: id.into(), ..own.clone() });
        Entry {
            source: "worker".into(),
            body: Some("Received message".into()),
            job: Some(Box::new(Job { name: Some(name.into()), ..Job::default() })),
            ids: std::iter::once(own).chain(argument).collect(),
            ..Entry::default()
        }
    }

    fn id(kind: u32, n: u32) -> String {
        format!("{:08x}-8178-4708-ae87-9a32f08af{kind:03}", n.wrapping_mul(2_654_435_761))
    }

    fn learned(runs: u32, follow: impl Fn(u32) -> u32) -> Arguments {
        let mut out = Arguments::default();
        for n in 0..runs {
            out.observe(&entry("reindex", id(1, n), None));
            for k in 0..follow(n) {
                out.observe(&entry("publish", id(2 + k, n), Some(id(1, n))));
            }
        }
        out
    }

    #[test]
    fn a_job_that_nearly_every_other_is_followed_by_once_names_it_as_its_argument() {
        assert_eq!(learned(40, |n| u32::from(n % 10 != 0)).decide().into_iter().collect::<Vec<_>>(), ["worker\u{1f}publish"]);
    }

    #[test]
    fn a_job_given_to_few_or_more_than_once_proves_nothing() {
        assert!(learned(40, |n| u32::from(n % 2 == 0)).decide().is_empty(), "half of them: they may be cancelled by it");
        assert!(learned(40, |_| 2).decide().is_empty(), "twice each: it may look at them");
        assert!(learned(15, |_| 1).decide().is_empty(), "too few");
    }

    #[test]
    fn halves_merge_to_the_whole_in_either_order() {
        let (whole, mut odd, mut even) = (learned(1_500, |_| 1), Arguments::default(), Arguments::default());
        for n in 0..1_500 {
            let half = if n % 2 == 0 { &mut even } else { &mut odd };
            half.observe(&entry("reindex", id(1, n), None));
            let half = if n % 3 == 0 { &mut even } else { &mut odd };
            half.observe(&entry("publish", id(2, n), Some(id(1, n))));
        }
        let (mut a, mut b) = (odd.clone(), even.clone());
        a.merge(even);
        b.merge(odd);
        let bytes = |x: &Arguments| postcard::to_allocvec(x).unwrap();
        assert_eq!(bytes(&a), bytes(&whole));
        assert_eq!(bytes(&b), bytes(&whole));
    }
}
