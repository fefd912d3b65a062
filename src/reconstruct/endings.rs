//! Lines that end the tasks of a service without a word for it ("indexed 3 clauses of contract 8203"): told by standing last in nearly every task that
//! has them, once, where no line of these tasks says that it ended. Where a service writes ends without an id ("Completed after 19 ms", in the thread of
//! the task), those are the ends, and nothing is learned.
//!
//! Guarantees: order-free and mergeable (tasks with the smallest hashes, the smallest templates of each), bounded by the constants below. A line that
//! says begin, or that something failed, is no such end; nor is one that few tasks have.

use crate::{
    model::{
        entry::Entry,
        id::{IdKind, IdRelation},
    },
    reconstruct::{
        learn::{hash, merge_sample, named, sampled},
        roles,
        words::{self, Verb},
    },
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Tasks sampled: those with the smallest hashes.
const SAMPLE: usize = 512;
/// Most services that wrote of one, and templates of each.
const MAX_SERVICES: usize = 8;
const MAX_TEMPLATES: usize = 24;
/// Fewest tasks that end so.
const ENOUGH: usize = 20;
/// More tasks than a pool of workers holds at once: fewer may all hang.
const MORE_THAN_HANG: usize = 200;
/// Most services whose lines without an id are counted.
const MAX_UNNAMED: usize = 256;
/// Of the lines without an id one in so many is looked at.
const ONE_IN: u64 = 4;

/// Where a template stands in a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Told {
    /// Its last line: when, and where in its file.
    last: (i64, u64),
    lines: u64,
    may_end: bool,
}

/// What a service tells of a task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Task {
    templates: BTreeMap<u64, Told>,
    /// A line says that it began, and one that it ended.
    is_begun: bool,
    is_ended: bool,
    /// It has more templates than are kept: which was the last is not known.
    is_cut: bool,
}

impl Task {
    fn merge(&mut self, other: Self) {
        self.is_begun |= other.is_begun;
        self.is_ended |= other.is_ended;
        self.is_cut |= other.is_cut;
        for (template, told) in other.templates {
            self.templates
                .entry(template)
                .and_modify(|known| *known = Told { last: known.last.max(told.last), lines: known.lines + told.lines, may_end: known.may_end && told.may_end })
                .or_insert(told);
        }
        while self.templates.len() > MAX_TEMPLATES {
            self.templates.pop_last();
            self.is_cut = true;
        }
    }
}

/// The sample: task → service → what it tells.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Endings {
    tasks: BTreeMap<u64, BTreeMap<String, Task>>,
    /// By service: lines without an id that say something ended, of those looked at.
    unnamed: BTreeMap<String, u64>,
}

/// The same for a line whoever reads it.
fn hash_of(entry: &Entry) -> u64 {
    hash(&entry.source).wrapping_add(entry.at.start).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
}

/// The template of a line, as a hash.
pub fn template(entry: &Entry) -> u64 {
    hash(&words::step_name(entry))
}

impl Endings {
    /// Takes note of a line about a task.
    pub fn observe(&mut self, entry: &Entry) {
        let is_own = |kind: IdKind| entry.ids.iter().filter(move |id| id.kind == kind && id.relation == IdRelation::Own && !id.listed);
        let mut tasks = is_own(IdKind::Task);
        let (first, second) = (tasks.next(), tasks.next());
        let service = entry.service.as_deref().unwrap_or(&entry.source);
        if !entry.ids.iter().any(|id| roles::is_work(id.kind)) && entry.context.is_some() && hash_of(entry).is_multiple_of(ONE_IN) && words::verb(entry).is_terminal() {
            self.count_unnamed(service, 1);
        }
        let (Some(id), None, Some(time)) = (first, second, entry.time) else { return };
        // A line about a call or a tool tells of that.
        if [IdKind::Call, IdKind::Tool, IdKind::Span].into_iter().any(|kind| is_own(kind).next().is_some()) {
            return;
        }
        let Some(services) = roles::unit_key(id).and_then(|key| sampled(&mut self.tasks, hash(&key), SAMPLE)) else { return };
        let verb = words::verb(entry);
        // A line that names a request beside the task hands it over.
        let may_end = verb == Verb::None && !words::failed(entry) && is_own(IdKind::Request).next().is_none();
        let told = Told { last: (time.unix_ns, entry.at.start), lines: 1, may_end };
        let new = Task { templates: BTreeMap::from([(template(entry), told)]), is_begun: verb == Verb::Begin, is_ended: verb.is_terminal(), is_cut: false };
        if let Some(task) = named(services, service, MAX_SERVICES) {
            task.merge(new);
        }
    }

    fn count_unnamed(&mut self, service: &str, lines: u64) {
        if let Some(known) = named(&mut self.unnamed, service, MAX_UNNAMED) {
            *known += lines;
        }
    }

    /// Takes in what another reader of other lines saw.
    pub fn merge(&mut self, other: Self) {
        merge_sample(&mut self.tasks, other.tasks, SAMPLE, |mine, theirs| {
            for (service, task) in theirs {
                if let Some(known) = named(mine, &service, MAX_SERVICES) {
                    known.merge(task);
                }
            }
        });
        other.unnamed.iter().for_each(|(service, lines)| self.count_unnamed(service, *lines));
    }

    /// Services that write of tasks that they begin, and of whose tasks no line says that they ended: that one has no end says nothing there.
    pub fn open_ended(&self) -> BTreeSet<String> {
        let ended_by_a_line = self.decide();
        let mut begun: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
        for services in self.tasks.values() {
            let is_ended = services.iter().any(|(service, task)| task.is_ended || ended_by_a_line.contains_key(service));
            for (service, _) in services.iter().filter(|(_, task)| task.is_begun) {
                let (tasks, any_ends) = begun.entry(service).or_default();
                (*tasks, *any_ends) = (*tasks + 1, *any_ends || is_ended);
            }
        }
        let is_open = |service: &str, tasks: usize, ends: bool| tasks >= MORE_THAN_HANG && !ends && !self.unnamed.contains_key(service);
        begun.into_iter().filter(|(service, (tasks, ends))| is_open(service, *tasks, *ends)).map(|(service, _)| service.to_owned()).collect()
    }

    /// By service: the templates that end its tasks.
    pub fn decide(&self) -> BTreeMap<String, BTreeSet<u64>> {
        // Of how many tasks these are a sample: the k-th smallest of n uniform hashes stands at k/n of the range.
        let is_whole = self.tasks.len() < SAMPLE;
        let scale = if is_whole { 1.0 } else { u64::MAX as f64 / self.tasks.last_key_value().map_or(u64::MAX, |(hash, _)| *hash).max(1) as f64 };
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        self.tasks.values().flat_map(BTreeMap::keys).for_each(|service| *seen.entry(service).or_default() += 1);
        let names_ends = |service: &str| {
            let unnamed = self.unnamed.get(service).map_or(0.0, |lines| (lines * ONE_IN) as f64);
            unnamed * 5.0 < seen.get(service).map_or(0.0, |tasks| *tasks as f64 * scale)
        };
        let mut votes: BTreeMap<(&str, u64), (usize, usize)> = BTreeMap::new();
        for services in self.tasks.values() {
            let is_open = !services.values().any(|task| task.is_ended || task.is_cut);
            // The last that anybody says of the task, behind something of the same service.
            let last_ns = services.values().flat_map(|task| task.templates.values()).map(|told| told.last.0).max();
            for (service, task) in services.iter().filter(|(service, _)| names_ends(service)) {
                let last = task.templates.iter().max_by_key(|(template, told)| (told.last, **template)).map(|(template, _)| *template);
                for (template, told) in task.templates.iter().filter(|(_, told)| told.may_end) {
                    let (ends, all) = votes.entry((service, *template)).or_default();
                    *all += 1;
                    *ends += usize::from(is_open && Some(*template) == last && Some(told.last.0) == last_ns && told.lines == 1 && task.templates.len() > 1);
                }
            }
        }
        let mut out: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for ((service, template), (ends, all)) in votes {
            if ends >= ENOUGH && ends * 10 >= all * 9 {
                out.entry(service.to_owned()).or_default().insert(template);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{id::IdRef, time::Instant};

    fn line(task: u64, at_ms: i64, text: &str) -> Entry {
        let value = format!("{:08x}-63d0-4f2f-9cb2-b8b685932aaf", 0x494_0000 + task);
        let id = IdRef { kind: IdKind::Task, relation: IdRelation::Own, label: "message_id".into(), value: value.as_str().into(), scope: None, listed: false };
        let time = Some(Instant { unix_ns: (task as i64 * 1_000 + at_ms) * 1_000_000, quantum_ns: 1_000_000, naive: false });
        Entry { source: "worker".into(), service: Some("worker".into()), body: Some(text.into()), time, ids: vec![id], ..Entry::default() }
    }

    fn decided(lines: impl IntoIterator<Item = Entry>) -> BTreeMap<String, BTreeSet<u64>> {
        let mut out = Endings::default();
        lines.into_iter().for_each(|entry| out.observe(&entry));
        out.decide()
    }

    fn of(text: &str) -> BTreeMap<String, BTreeSet<u64>> {
        BTreeMap::from([("worker".to_owned(), BTreeSet::from([template(&line(0, 0, text))]))])
    }

    #[test]
    fn what_stands_last_once_in_nearly_every_task_ends_it() {
        let indexed = |n: u64| [line(n, 0, "db write"), line(n, 1, "db write"), line(n, 3, "indexed 3 clauses of contract 8203")];
        assert_eq!(decided((0..30).flat_map(indexed)), of("indexed 3 clauses of contract 8203"));
        assert_eq!(decided((0..19).flat_map(indexed)), BTreeMap::new(), "too few");
        assert_eq!(decided((0..30).flat_map(indexed).rev()), of("indexed 3 clauses of contract 8203"), "in any order");
    }

    #[test]
    fn a_task_that_says_its_end_is_not_ended_by_another_line() {
        let ended = |n: u64| [line(n, 0, "db write"), line(n, 1, "review stored"), line(n, 2, "cache warm")];
        assert_eq!(decided((0..30).flat_map(ended)), BTreeMap::new());
    }

    #[test]
    fn where_ends_bear_no_id_the_last_line_with_one_is_no_end() {
        let run = |n: u64| {
            let mut end = line(n, 9, "Completed after 19.12ms.");
            end.ids.clear();
            end.context = Some("thread=Thread-7".into());
            end.at.start = n * 1_000;
            [line(n, 0, "received"), line(n, 3, "embedding article"), end]
        };
        assert_eq!(decided((0..60).flat_map(run)), BTreeMap::new());
        // A sweep now and then ends none of them.
        let few = (0..60).flat_map(|n| run(n).into_iter().take(if n % 20 == 0 { 3 } else { 2 }));
        assert_eq!(decided(few), of("embedding article"));
    }

    #[test]
    fn what_begins_or_fails_or_stands_anywhere_ends_nothing() {
        for text in ["calling the model", "started", "could not parse: failed"] {
            assert_eq!(decided((0..30).map(|n| line(n, 0, text))), BTreeMap::new(), "{text}");
        }
        let handed = |n: u64| {
            let mut line = line(n, 1, "report ordered");
            line.ids.push(IdRef { kind: IdKind::Request, ..line.ids[0].clone() });
            line
        };
        assert_eq!(decided((0..30).flat_map(|n| [line(n, 0, "rows read"), handed(n)])), BTreeMap::new(), "who names a request hands over");
        assert_eq!(decided((0..30).map(|n| line(n, 0, "8 rows to import"))), BTreeMap::new(), "the only line of each");
        let long = (0..30).flat_map(|n| (0..45).map(move |step| line(n, step, &format!("step {}", (b'a' + (step % 26) as u8) as char).repeat(1 + step as usize / 26))));
        assert_eq!(decided(long), BTreeMap::new(), "more templates than are kept");
        let anywhere = |n: u64| [line(n, (n % 3) as i64, "queue depth"), line(n, 1, "rows read")];
        assert_eq!(decided((0..60).flat_map(anywhere)), BTreeMap::new());
    }

    #[test]
    fn a_service_that_ends_no_task_is_known_for_it_and_one_end_is_enough_to_know_better() {
        let begun = |n: u64| line(n, 0, "executing task");
        let decided = |lines: &mut dyn Iterator<Item = Entry>| {
            let mut out = Endings::default();
            lines.for_each(|entry| out.observe(&entry));
            out.open_ended()
        };
        let worker = BTreeSet::from(["worker".to_owned()]);
        assert_eq!(decided(&mut (0..250).map(begun)), worker);
        assert_eq!(decided(&mut (0..199).map(begun)), BTreeSet::new(), "they may all hang");
        assert_eq!(decided(&mut (0..250).map(|n| line(n, 0, "report ordered"))), BTreeSet::new(), "it begins none");
        let by = |service: &str, entry: Entry| Entry { service: Some(service.into()), ..entry };
        assert_eq!(decided(&mut (0..250).map(begun).chain([line(7, 5, "task finished")])), BTreeSet::new());
        assert_eq!(decided(&mut (0..250).map(begun).chain([by("app", line(7, 5, "task finished"))])), BTreeSet::new(), "another service tells of an end");
        let unnamed =
            |n: u64| Entry { ids: Vec::new(), context: Some("thread=1".into()), at: crate::model::entry::At { start: n, ..Default::default() }, ..line(n, 5, "completed in 3 ms") };
        assert_eq!(decided(&mut (0..250).map(begun).chain((0..30).map(unnamed))), BTreeSet::new(), "ends bear no id");
    }

    #[test]
    fn halves_merge_to_the_whole_in_either_order() {
        let all: Vec<Entry> = (0..40).flat_map(|n| [line(n, 0, "db write"), line(n, 3, "indexed 3 clauses")]).collect();
        let read = |lines: &[Entry]| {
            let mut out = Endings::default();
            lines.iter().for_each(|entry| out.observe(entry));
            out
        };
        let (one, other) = all.split_at(31);
        for (first, second) in [(one, other), (other, one)] {
            let mut merged = read(first);
            merged.merge(read(second));
            assert_eq!(merged.tasks, read(&all).tasks);
        }
    }
}
