//! Whether the time of a line that states a length is the begin or the end of what it is about (`reconstruction.md` section 3).
//!
//! Told by containment: a span that another names as its parent holds it. Read the right way, the intervals of parents hold those of their
//! children; read the wrong way they do not. Guarantees: lines whose words say begin or end are not touched; without many pairs that agree
//! the time stays the end.

use crate::reconstruct::{build::Tree, item::Item, words::Verb};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Fewest pairs of a parent and a child that may decide.
const PAIRS: usize = 20;
/// Of so many parents: the children of one may all have been begun after it had answered.
const PARENTS: usize = 5;

/// Marks the lines of a tree whose time is a begin.
pub fn decide(tree: &mut Tree) {
    let open =
        |item: &Item| item.verb == Verb::None && item.time_ns.is_some() && item.entry.started.is_none() && item.entry.ended.is_none() && item.duration_ns().is_some_and(|d| d > 0);
    let mut of_unit: FxHashMap<Arc<str>, usize> = FxHashMap::default();
    for (index, item) in tree.items.iter().enumerate().filter(|(_, item)| open(item)) {
        if let Some(subject) = item.subject() {
            let longest = of_unit.entry(subject.key.clone()).or_insert(index);
            if item.duration_ns() > tree.items[*longest].duration_ns() {
                *longest = index;
            }
        }
    }
    let pairs: Vec<(&usize, &usize)> = of_unit.iter().filter_map(|(key, child)| Some((of_unit.get(&tree.units.get(key)?.parent.as_ref()?.parent)?, child))).collect();
    let mut parents: Vec<usize> = pairs.iter().map(|(parent, _)| **parent).collect();
    parents.sort_unstable();
    parents.dedup();
    let (mut begins, mut ends, mut all) = (0, 0, 0);
    for (parent, child) in pairs {
        let (parent, child) = (&tree.items[*parent], &tree.items[*child]);
        all += 1;
        begins += usize::from(holds(parent, child, true));
        ends += usize::from(holds(parent, child, false));
    }
    if all >= PAIRS && parents.len() >= PARENTS && begins * 10 >= all * 9 && ends * 2 <= all {
        tree.items.iter_mut().filter(|item| open(item)).for_each(|item| item.stamped_at_begin = true);
    }
}

fn holds(parent: &Item, child: &Item, at_begin: bool) -> bool {
    let interval = |item: &Item| {
        let (at, length) = (item.time_ns.unwrap_or_default(), item.duration_ns().unwrap_or_default());
        if at_begin { (at, at.saturating_add(length)) } else { (at.saturating_sub(length), at) }
    };
    let ((from, to), (inner_from, inner_to)) = (interval(parent), interval(child));
    let slack = 2 * parent.quantum_ns.max(child.quantum_ns) + to.saturating_sub(from) / 100;
    inner_from >= from.saturating_sub(slack) && inner_to <= to.saturating_add(slack)
}
