//! Who made a unit that several name: nobody can speak of an id that was drawn at random before it was.
//!
//! Pure functions of the lines that bear the id. Guarantees: only lines of one service are put into an order, by the times it wrote; lines of one
//! make, at whatever time, decide nothing (a batch that many join, an answer that a cache gives again). It never joins anything.

use crate::{
    model::id::{IdKind, IdRelation, is_strong},
    reconstruct::{endings, item::Item, words::Verb},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What the lines tell that name both a claimant and the unit.
struct Named<'a> {
    first_ns: i64,
    service: &'a str,
    templates: BTreeSet<u64>,
    /// When it last handed the unit over.
    queued_ns: Option<i64>,
}

/// Who came later, and who made it.
#[derive(Debug, Default)]
pub struct Order {
    /// Claimants whose first line about the unit came after another's of the same service, and says something else: they ask about it, stop it, use it. One that
    /// hands over what then begins, for the first time or anew, does more than that, and is not among them.
    pub later: BTreeSet<Arc<str>>,
    /// Whoever named it first handed nothing over, and what another handed over then began: a draft that was run, a job that was stopped before it ran.
    pub contested: Option<Arc<str>>,
}

/// The order in which claimants named a unit.
pub fn order(unit: &str, items: &[&Item], claimants: &BTreeSet<Arc<str>>) -> Order {
    // `report-2026-11` may be named before there is one, and a number is another product's, too.
    if claimants.len() < 2 || !items.iter().filter_map(|item| item.reference(unit)).all(|r| r.scope.is_none() && is_strong(&r.value, false)) {
        return Order::default();
    }
    let named = named(unit, items, claimants);
    let Some((maker, first)) = named.iter().min_by_key(|(key, named)| (named.first_ns, **key)) else { return Order::default() };
    let begins = begins(unit, items);
    let later = |other: &Named| other.first_ns > first.first_ns && other.service == first.service && other.templates.is_disjoint(&first.templates);
    let others = || named.iter().filter(|(key, other)| *key != maker && later(other));
    Order {
        later: others().filter(|(_, other)| !sets_going(&begins, other.queued_ns, first)).map(|(key, _)| (*key).clone()).collect(),
        contested: others().any(|(_, other)| first.queued_ns.is_none() && sets_going(&begins, other.queued_ns, first)).then(|| (*maker).clone()),
    }
}

fn named<'a>(unit: &str, items: &[&'a Item], claimants: &BTreeSet<Arc<str>>) -> BTreeMap<&'a Arc<str>, Named<'a>> {
    let mut out: BTreeMap<&Arc<str>, Named> = BTreeMap::new();
    for item in items.iter().filter(|item| item.reference(unit).is_some()) {
        let Some(time) = item.time_ns else { continue };
        for r in item.refs.iter().filter(|r| r.relation == IdRelation::Own && !r.listed && claimants.contains(&r.key)) {
            let known = out.entry(&r.key).or_insert(Named { first_ns: time, service: item.service(), templates: BTreeSet::new(), queued_ns: None });
            if time < known.first_ns {
                (known.first_ns, known.service) = (time, item.service());
            }
            known.templates.insert(endings::template(&item.entry));
            if item.verb == Verb::Queue {
                known.queued_ns = known.queued_ns.max(Some(time));
            }
        }
    }
    out
}

/// When the unit began, as lines tell that name no request.
fn begins(unit: &str, items: &[&Item]) -> Vec<i64> {
    let is_alone = |item: &Item| !item.refs.iter().any(|r| r.kind == IdKind::Request && r.relation == IdRelation::Own);
    items.iter().filter(|item| item.verb.is_start() && item.reference(unit).is_some() && is_alone(item)).filter_map(|item| item.time_ns).collect()
}

/// What it handed over began then: once more, or for the first time where whoever named it first handed nothing over (a draft, a schedule).
fn sets_going(begins: &[i64], queued_ns: Option<i64>, first: &Named<'_>) -> bool {
    let Some(queued) = queued_ns else { return false };
    let (before, behind) = (begins.iter().any(|time| *time < queued), begins.iter().any(|time| *time > queued));
    behind && (before || first.queued_ns.is_none())
}
