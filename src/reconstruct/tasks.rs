//! What the lines of a tree show of its tasks together: which of them are names of one (the number of a job in a table beside the id its queue gave it, or one
//! number that several logs know, each in a scope of its own), and which the run that was at work handed over.
//!
//! Guarantees: decided within one tree, by its lines alone and free of their order; what a line hands over together counts as one thing only where nothing
//! else is ever handed over with either, and where what is said of the one lies within what is said of the other. Ids and proofs stay what they were. It never moves a line to another tree.

use crate::{
    model::{
        id::{IdKind, IdRelation, MIN_COUNTED},
        trace::LinkRule,
    },
    reconstruct::{
        endings,
        item::{Item, WorkRef},
        link::ParentLink,
        roles, spans,
        tree::{Tree, Unit},
        words::Verb,
    },
};
use rustc_hash::FxHashMap;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// More logs that tell of runs under one number are not compared, each with each.
const MAX_TELLING: usize = 256;

/// What the lines tell that name a task as what they are about or hand over.
#[derive(Default)]
struct Told {
    lines: u32,
    /// What else each line that hands it over hands over, and under which names.
    queued: BTreeSet<Option<Arc<str>>>,
    /// Services in whose logs it has begun, and whether it is at work there.
    at_work: BTreeMap<String, bool>,
    /// Services that ran it, with the words of its begin and end.
    run_by: BTreeMap<String, BTreeSet<u64>>,
    names: BTreeSet<Box<str>>,
    begins: bool,
    ends: bool,
    /// Services that speak of it otherwise than to hand it over.
    known_to: BTreeSet<String>,
}

/// Makes one unit of what are names of one task, and hangs what a task at work handed over below it.
pub(super) fn settle(tree: &mut Tree) {
    let is_task = |unit: &&Unit| unit.kind == IdKind::Task;
    if tree.units.values().filter(is_task).nth(1).is_none() {
        return;
    }
    let told = told(tree);
    let (whole_of, handed) = (names(tree, &told.of_units), told.handed);
    rename(tree, &whole_of);
    let whole = |key: Arc<str>| whole_of.get(&key).cloned().unwrap_or(key);
    for (child, link) in handed {
        let (child, parent) = (whole(child), whole(link.parent.clone()));
        tree.hang_below_run(&child, link, &parent);
    }
}

fn rename(tree: &mut Tree, whole_of: &FxHashMap<Arc<str>, Arc<str>>) {
    if whole_of.is_empty() {
        return;
    }
    for item in &mut tree.items {
        let mut renamed = false;
        for r in &mut item.refs {
            if let Some(whole) = whole_of.get(&r.key) {
                (r.key, renamed) = (whole.clone(), true);
            }
        }
        if renamed {
            keep_one_a_unit(&mut item.refs);
        }
    }
    tree.rename_parents(whole_of);
}

/// A line that names a unit twice names it once, as the child that it makes if one name says so.
fn keep_one_a_unit(refs: &mut Vec<WorkRef>) {
    let is_child: Vec<Arc<str>> = refs.iter().filter(|r| r.relation == IdRelation::Child).map(|r| r.key.clone()).collect();
    let mut seen: BTreeSet<Arc<str>> = BTreeSet::new();
    refs.retain_mut(|r| {
        if r.relation == IdRelation::Own && is_child.contains(&r.key) {
            r.relation = IdRelation::Child;
        }
        seen.insert(r.key.clone())
    });
}

/// For each further name of a task the name it goes by.
fn names(tree: &Tree, told: &BTreeMap<Arc<str>, Told>) -> FxHashMap<Arc<str>, Arc<str>> {
    let mut same: Vec<(&Arc<str>, &Arc<str>)> = Vec::new();
    for (key, facts) in told {
        let mut partners = facts.queued.iter();
        let (Some(Some(partner)), None) = (partners.next(), partners.next()) else { continue };
        let Some(theirs) = told.get(partner).filter(|theirs| key < partner && theirs.queued.iter().eq([&Some(key.clone())])) else { continue };
        if coincide(facts, theirs) {
            same.push((key, partner));
        }
    }
    let mut numbers: BTreeMap<&str, Vec<&Arc<str>>> = BTreeMap::new();
    for key in told.keys() {
        let unit = tree.units.get(key).filter(|unit| unit.value.len() >= MIN_COUNTED && unit.scope.as_deref().is_some_and(|scope| scope.starts_with("service=")));
        if let Some(unit) = unit {
            numbers.entry(&unit.value).or_default().push(key);
        }
    }
    for keys in numbers.values() {
        // Where nothing is said of a run, nor of which task it is, nothing contradicts.
        let telling: Vec<&Told> = keys.iter().map(|key| &told[*key]).filter(|told| !told.names.is_empty() || !told.run_by.is_empty()).take(MAX_TELLING + 1).collect();
        if telling.len() <= MAX_TELLING && telling.iter().enumerate().all(|(n, one)| telling[..n].iter().all(|other| is_one_number(one, other))) {
            same.extend(keys[1..].iter().map(|other| (keys[0], *other)));
        }
    }
    join(tree, told, &same)
}

/// What all lines tell of the tasks.
#[derive(Default)]
struct All {
    of_units: BTreeMap<Arc<str>, Told>,
    /// Tasks that one task at work handed over, with the line that shows it.
    handed: Vec<(Arc<str>, ParentLink)>,
}

fn told(tree: &Tree) -> All {
    let mut out = All::default();
    // Lines of a tree stand in the order of their times.
    for item in &tree.items {
        let is_task = |r: &&WorkRef| r.kind == IdKind::Task && !r.listed && matches!(r.relation, IdRelation::Own | IdRelation::Child) && tree.units.contains_key(&r.key);
        let tasks: Vec<&WorkRef> = item.refs.iter().filter(is_task).collect();
        if item.verb == Verb::Queue {
            out.note_hand_over(item, &tasks);
        }
        for r in tasks {
            let told = out.of_units.entry(r.key.clone()).or_default();
            told.lines += 1;
            told.names.extend(item.entry.job.as_ref().and_then(|job| job.name.clone().or_else(|| job.kind.clone())));
            if item.verb != Verb::Queue && is_about(item, r) {
                told.note_work(item);
            }
        }
    }
    out
}

/// The line speaks of the task, not of a step in it that bears the task's id.
fn is_about(item: &Item, r: &WorkRef) -> bool {
    let names_a_part = || item.refs.iter().any(|other| other.relation == IdRelation::Own && roles::level(other.kind) > roles::level(r.kind));
    r.relation == IdRelation::Own && spans::line_kind(item).is_none() && !names_a_part()
}

impl All {
    fn note_hand_over(&mut self, item: &Item, tasks: &[&WorkRef]) {
        let state = |r: &WorkRef| self.of_units.get(&r.key).and_then(|told| told.at_work.get(item.service()));
        let (begun, handed): (Vec<&WorkRef>, Vec<&WorkRef>) = tasks.iter().copied().partition(|r| state(r).is_some());
        let mut at_work = begun.iter().filter(|r| r.relation == IdRelation::Own && state(r) == Some(&true));
        if let (Some(run), None) = (at_work.next(), at_work.next()) {
            let link = || ParentLink { parent: run.key.clone(), kind: IdKind::Task, rule: LinkRule::HandOver, lines: vec![item.line.clone()] };
            self.handed.extend(handed.iter().map(|r| (r.key.clone(), link())));
        }
        for r in &handed {
            let others: Vec<&&WorkRef> = handed.iter().filter(|other| other.key != r.key).collect();
            let told = self.of_units.entry(r.key.clone()).or_default();
            told.queued.extend(others.iter().map(|other| are_names_of_one(&r.label, &other.label).then(|| other.key.clone())));
            if others.is_empty() {
                told.queued.insert(None);
            }
        }
    }
}

impl Told {
    fn note_work(&mut self, item: &Item) {
        if item.time_ns.is_none() {
            return;
        }
        let service = item.service();
        if !self.known_to.contains(service) {
            self.known_to.insert(service.to_owned());
        }
        if item.verb.is_start() || item.verb.is_terminal() {
            self.run_by.entry(service.to_owned()).or_default().insert(endings::template(&item.entry));
            if item.verb.is_start() || self.at_work.contains_key(service) {
                self.at_work.insert(service.to_owned(), item.verb.is_start());
            }
        }
        self.begins |= item.verb.is_start();
        self.ends |= item.verb.is_terminal();
    }
}

/// What is said under one name lies within what is said under the other: the services that speak of the one speak of the other, and not both were seen to begin
/// and to end, each in its own words.
fn coincide(a: &Told, b: &Told) -> bool {
    let is_whole = |told: &Told| told.begins && told.ends;
    let words = |told: &Told| told.run_by.values().flatten().copied().collect::<BTreeSet<u64>>();
    let is_within = |one: &Told, other: &Told| one.known_to.is_subset(&other.known_to);
    (is_within(a, b) || is_within(b, a)) && !(is_whole(a) && is_whole(b) && words(a) != words(b))
}

/// A number under which logs tell of one task: all but one only speak of it; or they are logs of workers of one kind (`worker-1`, `worker-2`), which say the same
/// of their runs.
fn is_one_number(a: &Told, b: &Told) -> bool {
    let agree = a.names.is_empty() || b.names.is_empty() || a.names.iter().any(|name| b.names.iter().any(|other| name.contains(&**other) || other.contains(&**name)));
    let are_of_one_kind = || a.run_by.keys().all(|one| b.run_by.keys().all(|other| stem(one) == stem(other)));
    let is_run_alike = || a.run_by.values().flatten().any(|template| b.run_by.values().any(|others| others.contains(template)));
    agree && (a.run_by.is_empty() || b.run_by.is_empty() || (are_of_one_kind() && is_run_alike()))
}

/// `worker` of `worker-2`, `worker_b`.
fn stem(service: &str) -> &str {
    service.rsplit_once(['-', '_', '.']).filter(|(_, which)| which.len() < 2 || which.bytes().all(|b| b.is_ascii_digit())).map_or(service, |(stem, _)| stem)
}

/// `job_no` and `task_id`, not `notify_job_id` and `index_job_id`: other nouns or forms, of which one at most says which task it is.
fn are_names_of_one(a: &str, b: &str) -> bool {
    let (a, b) = (Name::of(a), Name::of(b));
    let says_which = |name: &Name| !name.which.is_empty();
    !a.noun.is_empty() && !b.noun.is_empty() && (a.noun != b.noun || a.form != b.form) && (!says_which(&a) || !says_which(&b) || a.which == b.which)
}

/// A label by its words.
#[derive(Default)]
struct Name {
    noun: String,
    form: String,
    which: String,
}

impl Name {
    fn of(label: &str) -> Self {
        let mut name = Self::default();
        for word in words(label.rsplit('.').next().unwrap_or(label)) {
            let to = match &*word {
                "task" | "job" | "jid" | "message" | "msg" | "delivery" | "execution" => &mut name.noun,
                "id" | "uuid" | "guid" | "no" | "nr" | "num" | "number" | "key" => &mut name.form,
                // How it stands to the line is not which it is.
                "next" | "child" | "new" | "queued" => continue,
                // A whole that tasks are parts of.
                "run" | "workflow" | "flow" | "parent" | "root" | "batch" => return Self::default(),
                _ => &mut name.which,
            };
            to.push_str(&word);
        }
        name
    }
}

fn words(label: &str) -> Vec<String> {
    let mut out: Vec<String> = vec![String::new()];
    let mut before_is_lower = false;
    for c in label.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before_is_lower) {
            out.push(String::new());
        }
        if c.is_alphanumeric() {
            out.last_mut().into_iter().for_each(|word| word.extend(c.to_lowercase()));
        }
        before_is_lower = c.is_lowercase();
    }
    out.retain(|word| !word.is_empty());
    out
}

/// The names of one task go by the uppermost, among equals the one most lines bear.
fn join(tree: &Tree, told: &BTreeMap<Arc<str>, Told>, same: &[(&Arc<str>, &Arc<str>)]) -> FxHashMap<Arc<str>, Arc<str>> {
    let mut place: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<&Arc<str>>> = Vec::new();
    for (a, b) in same {
        let [one, other] = [*a, *b].map(|key| {
            *place.entry(key).or_insert_with(|| {
                groups.push(vec![key]);
                groups.len() - 1
            })
        });
        // The smaller moves to the larger: else many names of one task would be moved for each of them.
        let (from, to) = if groups[one].len() < groups[other].len() { (one, other) } else { (other, one) };
        if from != to {
            let moved = std::mem::take(&mut groups[from]);
            place.extend(moved.iter().map(|key| (*key, to)));
            groups[to].extend(moved);
        }
    }
    let mut out = FxHashMap::default();
    for members in groups {
        let rank = |key: &&&Arc<str>| (tree.units.get(key).map(|unit| unit.depth), std::cmp::Reverse(told[**key].lines), (**key).clone());
        let Some(whole) = members.iter().min_by_key(rank) else { continue };
        out.extend(members.iter().filter(|key| *key != whole).map(|key| ((*key).clone(), (*whole).clone())));
    }
    out
}
