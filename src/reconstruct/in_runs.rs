//! Lines of a worker that name only the request it works for: they are of the task that it runs.
//!
//! Guarantees: decided only where one task of the request is at work then in that log, by the same service, host and thread, and where the service says
//! nothing else of the request there: whoever serves it, or hands work over for it, may mean that. A run ends with the line that says so. It never
//! changes whose request a line is of.

use crate::{
    model::{
        entry::FileId,
        id::{IdKind, IdRelation},
    },
    reconstruct::{item::Item, roles, tree::Tree, words::Verb},
};
use rustc_hash::FxHashMap;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Where more runs stand than these, each line is not looked up among them.
const MAX_RUNS: usize = 256;

/// Where and by whom a line was written.
type Place<'t> = (FileId, &'t str, Option<&'t str>);

fn place(item: &Item) -> Place<'_> {
    (item.entry.at.file, item.service(), item.entry.host.as_deref())
}

/// From the first to the last line of a run.
struct Run {
    task: Arc<str>,
    from: i64,
    to: i64,
    /// The worker or thread, if a line says which.
    context: Option<Box<str>>,
    /// A line says that it began.
    is_begun: bool,
    is_over: bool,
}

impl Run {
    fn holds(&self, item: &Item) -> bool {
        let is_same = self.context.as_deref().zip(item.entry.context.as_deref()).is_none_or(|(own, other)| own == other);
        is_same && item.time_ns.is_some_and(|at| (self.from..=self.to).contains(&at))
    }
}

/// Gives lines to the runs they were written in. For each call that such lines tell of, the task whose run made it.
pub(super) fn claim(tree: &Tree, owners: &mut [Option<Arc<str>>]) -> FxHashMap<Arc<str>, Arc<str>> {
    let (runs, mut visited) = runs(tree, owners);
    let mut made_in = FxHashMap::default();
    if runs.values().flatten().all(|run| !run.is_begun) {
        return made_in;
    }
    let is_upper = |key: &Arc<str>| tree.units.get(key).is_some_and(|unit| roles::level(unit.kind) == 0);
    let is_call = |key: &Arc<str>| tree.units.get(key).is_some_and(|u| roles::level(u.kind) == roles::CALL_LEVEL && u.parent.as_ref().is_some_and(|link| is_upper(&link.parent)));
    let mut found: Vec<(usize, Arc<str>)> = Vec::new();
    let mut elsewhere: BTreeSet<Arc<str>> = BTreeSet::new();
    for (index, item) in tree.items.iter().enumerate().filter(|(_, item)| item.placed_by.is_none()) {
        let Some(owner) = owners[index].as_ref().filter(|owner| is_upper(owner) || is_call(owner)) else { continue };
        let runs = runs.get(&place(item)).filter(|runs| runs.len() <= MAX_RUNS);
        let mut there = runs.into_iter().flatten().filter(|run| run.holds(item));
        let serves = is_upper(owner) && item.entry.http.as_ref().is_some_and(|http| http.method.is_some() || http.status.is_some() || http.access);
        match (there.next(), there.next()) {
            (Some(run), None) if !serves && run.is_begun && is_for(tree, item, &run.task) => found.push((index, run.task.clone())),
            (Some(_), Some(_)) if !serves => {
                elsewhere.insert(owner.clone());
            }
            _ => {
                elsewhere.insert(owner.clone());
                visited.insert(place(item));
            }
        }
    }
    for (index, task) in found.into_iter().filter(|(index, _)| !visited.contains(&place(&tree.items[*index]))) {
        match &owners[index] {
            Some(owner) if is_upper(owner) => owners[index] = Some(task),
            Some(owner) if !elsewhere.contains(owner) => {
                made_in.insert(owner.clone(), task);
            }
            _ => {}
        }
    }
    made_in
}

/// The line names what the task is done for; beside that, it may name a trace of its own.
fn is_for(tree: &Tree, item: &Item, task: &Arc<str>) -> bool {
    let parent = |key: &Arc<str>| tree.units.get(key).and_then(|unit| unit.parent.as_ref()).map(|link| link.parent.clone());
    let above: Vec<Arc<str>> = std::iter::successors(parent(task), parent).take(64).collect();
    item.refs.iter().any(|r| r.relation == IdRelation::Own && above.contains(&r.key))
}

/// The runs of each place, and the places that hand work over outside of all runs.
fn runs<'t>(tree: &'t Tree, owners: &[Option<Arc<str>>]) -> (BTreeMap<Place<'t>, Vec<Run>>, BTreeSet<Place<'t>>) {
    let is_task = |key: &&Arc<str>| tree.units.get(key).is_some_and(|unit| unit.kind == IdKind::Task);
    let mut out: BTreeMap<Place<'_>, Vec<Run>> = BTreeMap::new();
    let mut handed: Vec<&Item> = Vec::new();
    let mut open: FxHashMap<(Place<'_>, &Arc<str>), usize> = FxHashMap::default();
    // Lines of a tree stand in the order of their times.
    for (item, owner) in tree.items.iter().zip(owners).filter(|(item, _)| item.placed_by.is_none()) {
        let (Some(at), Some(task)) = (item.time_ns, owner.as_ref().filter(is_task)) else { continue };
        if item.verb == Verb::Queue {
            handed.push(item);
            continue;
        }
        let runs = out.entry(place(item)).or_default();
        let known = open.get(&(place(item), task)).copied().filter(|run| !runs[*run].is_over || (!item.verb.is_start() && runs[*run].to == at));
        let run = known.unwrap_or_else(|| {
            runs.push(Run { task: task.clone(), from: at, to: at, context: None, is_begun: false, is_over: false });
            runs.len() - 1
        });
        open.insert((place(item), task), run);
        runs[run].to = at;
        if runs[run].context.is_none() {
            runs[run].context.clone_from(&item.entry.context);
        }
        runs[run].is_begun |= item.verb.is_start();
        runs[run].is_over |= item.verb.is_terminal();
    }
    let is_outside = |item: &&Item| !out.get(&place(item)).is_some_and(|runs| runs.iter().take(MAX_RUNS).any(|run| run.holds(item)));
    let visited = handed.into_iter().filter(is_outside).map(place).collect();
    (out, visited)
}
