//! Clocks of hosts against each other (`reconstruction.md` section 4): what one path says of them, and what many paths say together.
//!
//! A path bounds the difference of two clocks wherever causes are stated: what was handed over begins after the line that hands it over; what a unit does comes
//! after its begin; a call that its caller saw end had ended. Each is one inequality; all of them together are a system of differences, whose tightest bounds are
//! shortest paths. Guarantees: bounds use times as they are written (zones applied), so they do not depend on what is shifted; nothing here moves a
//! time or makes a link; clocks of one host are one clock. A host that no line names is its service, else its source.

use crate::{
    model::{
        id::{IdKind, IdRelation},
        profile::Profile,
        trace::{ClockBound, Evidence, Skew, SpanKind},
    },
    reconstruct::{
        build::{Tree, Unit},
        item::{self, Item},
        link,
        roles::level,
        spans::{self, Draft},
        words::{self, Verb},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A line that tells of a hand-over, or of the end of a call, may be written after what it tells of.
const LATE_NS: i64 = 5_000_000;
/// Most bounds kept of one path.
const MAX_BOUNDS: usize = 32;
/// Most clocks compared with each other.
const MAX_CLOCKS: usize = 64;
/// So many of them are tried as the one that the others are judged against.
const MAX_REFERENCES: usize = 16;
/// Of so many bounds of a pair one is left out, the most extreme: an id that came back, a line that was lost, a caller that went away. It loosens, never tightens.
const MANY: usize = 20;
/// More than this is no drift of a clock: it is shown and never applied.
const MAX_SHIFT_NS: i64 = 300_000_000_000;

fn clock(item: &Item) -> &str {
    item::clock(&item.entry)
}

/// The least upper bound of each pair.
#[derive(Default)]
struct Bounds<'i>(BTreeMap<(&'i str, &'i str), i64>);

impl<'i> Bounds<'i> {
    /// What `later` tells of came after what `earlier` does.
    fn after(&mut self, later: (&'i str, i64, i64), earlier: (&'i str, i64, i64), slack: i64) {
        if later.0 == earlier.0 || later.0.is_empty() || earlier.0.is_empty() {
            return;
        }
        let bound = later.1.saturating_sub(earlier.1).saturating_add(later.2).saturating_add(earlier.2).saturating_add(slack);
        let known = self.0.entry((later.0, earlier.0)).or_insert(bound);
        *known = (*known).min(bound);
    }
}

/// By clock: an instant and its resolution.
type Instants<'i> = BTreeMap<&'i str, (i64, i64)>;

/// What a path says of the clocks of its lines.
pub fn of_path(tree: &Tree, drafts: &[Draft], profile: &Profile) -> Vec<ClockBound> {
    let clocks: BTreeSet<&str> = tree.items.iter().map(clock).collect();
    if clocks.len() < 2 {
        return Vec::new();
    }
    let mut out = Bounds::default();
    let mut lines: BTreeMap<&Arc<str>, Vec<&Item>> = BTreeMap::new();
    for item in tree.items.iter().filter(|i| i.placed_by.is_none() && i.time_ns.is_some()) {
        for r in item.refs.iter().filter(|r| tree.units.contains_key(&r.key)) {
            lines.entry(&r.key).or_default().push(item);
        }
    }
    for unit in tree.units.values() {
        let of = |key: &Arc<str>| lines.get(key).map(Vec::as_slice).unwrap_or_default();
        let parent = unit.parent.as_ref().map(|p| &p.parent);
        of_unit(&mut out, unit, of(&unit.key), parent.map(|key| (key, of(key))), profile);
    }
    of_edge(&mut out, tree, drafts);
    let bound = |((of, against), at_most_ns): ((&str, &str), i64)| ClockBound { of: of.into(), against: against.into(), at_most_ns };
    out.0.into_iter().take(MAX_BOUNDS).map(bound).collect()
}

fn of_unit<'i>(out: &mut Bounds<'i>, unit: &Unit, lines: &[&'i Item], parent: Option<(&Arc<str>, &[&'i Item])>, profile: &Profile) {
    let is_own = |item: &Item| item.subject().is_some_and(|s| s.key == unit.key) && item.verb != Verb::Queue;
    let mut first = Instants::new();
    for item in lines.iter().filter(|i| is_own(i)) {
        let at = spans::stated(item, profile).map_or(item.time_ns.unwrap_or_default(), |s| s.start);
        keep(&mut first, item, at, i64::min);
    }
    // What hands it over: an enqueue, or another's line that calls it.
    let mut handed = Instants::new();
    let mut called = Instants::new();
    for item in lines {
        let Some(r) = item.reference(&unit.key).filter(|r| r.relation != IdRelation::Parent && !link::asks_about(item, r)) else { continue };
        let at = item.time_ns.unwrap_or_default();
        let subject = item.subject().map(|s| &s.key);
        let is_by_its_parent = r.relation == IdRelation::Child || (subject.is_some() && subject == parent.map(|p| p.0));
        if item.verb == Verb::Queue && (is_by_its_parent || subject == Some(&unit.key)) {
            keep(&mut handed, item, at, i64::min);
        } else if item.verb == Verb::Begin && is_by_its_parent && !r.listed {
            keep(&mut called, item, at, i64::min);
        }
    }
    for (instants, slack) in [(&handed, LATE_NS), (&called, 0)] {
        for (earlier, (a, qa)) in instants {
            first.iter().for_each(|(later, (b, qb))| out.after((later, *b, *qb), (earlier, *a, *qa), slack));
        }
    }
    // Of two names of one request the lower may well be the earlier: an edge's.
    let Some((key, above)) = parent.filter(|_| level(unit.kind) > 0) else { return };
    let mut begun = Instants::new();
    for item in above.iter().filter(|i| i.verb.is_start() && i.subject().is_some_and(|s| s.key == *key)) {
        keep(&mut begun, item, item.time_ns.unwrap_or_default(), i64::min);
    }
    // A unit that begins in several places began first in one of them, and nothing says in which.
    let (Some((caller, (a, qa))), 1) = (begun.first_key_value(), begun.len()) else { return };
    first.iter().for_each(|(later, (b, qb))| out.after((later, *b, *qb), (caller, *a, *qa), 0));
    if matches!(unit.kind, IdKind::Call | IdKind::Tool) {
        returned(out, caller, lines, profile, &is_own);
    }
}

/// A call had ended when its caller says how long it took. One line on either side: of calls made again under one id nothing says which is which.
fn returned<'i>(out: &mut Bounds<'i>, caller: &'i str, lines: &[&'i Item], profile: &Profile, is_own: &dyn Fn(&Item) -> bool) {
    let ended = |item: &Item| spans::stated(item, profile).map(|s| s.end).or(item.time_ns.filter(|_| item.verb.is_terminal()));
    let mut seen = lines.iter().filter(|i| clock(i) == caller && i.verb == Verb::End && !i.failed && !words::client_left(&i.entry) && i.duration_ns().is_some());
    let mut made = lines.iter().filter(|i| is_own(i) && clock(i) != caller).filter_map(|i| Some((*i, ended(i)?)));
    if let (Some(seen), None, Some((call, at)), None) = (seen.next(), seen.next(), made.next(), made.next()) {
        out.after((caller, seen.time_ns.unwrap_or_default(), seen.quantum_ns), (clock(call), at, call.quantum_ns), LATE_NS);
    }
}

/// What an edge let in began after it came.
fn of_edge<'i>(out: &mut Bounds<'i>, tree: &'i Tree, drafts: &[Draft]) {
    let clock_of = |d: &Draft| d.main.and_then(|i| tree.items.get(i)).map(clock);
    let mut edges = drafts.iter().filter(|d| d.kind == SpanKind::Edge);
    let (Some(edge), None) = (edges.next(), edges.next()) else { return };
    let Some(at) = clock_of(edge).filter(|_| edge.evidence == Evidence::Stated) else { return };
    for app in drafts.iter().filter(|d| d.kind == SpanKind::App) {
        if let Some(clock) = clock_of(app) {
            out.after((clock, app.start, app.quantum_ns), (at, edge.start, edge.quantum_ns), 0);
        }
    }
}

fn keep<'i>(instants: &mut Instants<'i>, item: &'i Item, at: i64, better: fn(i64, i64) -> i64) {
    let known = instants.entry(clock(item)).or_insert((at, item.quantum_ns));
    if better(known.0, at) == at {
        *known = (at, item.quantum_ns);
    }
}

/// The clocks of many paths against one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clocks {
    /// One for each clock that anything is known of against the chosen one; `applied` is set for none.
    pub known: Vec<Skew>,
    /// By clock: the least shift that makes all hand-overs fit, where one is needed.
    pub shifts: BTreeMap<String, i64>,
}

/// Upper bounds of the differences of clocks, closed under addition.
#[derive(Clone)]
struct System {
    bounds: Vec<Vec<Option<i64>>>,
}

impl System {
    fn new(clocks: usize) -> Self {
        let mut bounds = vec![vec![None; clocks]; clocks];
        (0..clocks).for_each(|i| bounds[i][i] = Some(0));
        Self { bounds }
    }

    /// Adds `x - y <= bound`, unless it contradicts what is there.
    fn add(&mut self, x: usize, y: usize, bound: i64) -> bool {
        if self.bounds[y][x].is_some_and(|back| back.saturating_add(bound) < 0) {
            return false;
        }
        let n = self.bounds.len();
        for i in 0..n {
            let Some(to) = self.bounds[i][x] else { continue };
            for j in 0..n {
                let Some(from) = self.bounds[y][j] else { continue };
                let sum = to.saturating_add(bound).saturating_add(from);
                self.bounds[i][j] = Some(self.bounds[i][j].map_or(sum, |known| known.min(sum)));
            }
        }
        true
    }

    /// Lower and upper bound of `x - y`.
    fn between(&self, x: usize, y: usize) -> (Option<i64>, Option<i64>) {
        (self.bounds[y][x].map(i64::saturating_neg), self.bounds[x][y])
    }
}

/// Joins what paths say. The order of paths does not matter.
pub fn solve<'b>(paths: impl Iterator<Item = &'b ClockBound>) -> Clocks {
    let mut pairs: BTreeMap<(&str, &str), Vec<i64>> = BTreeMap::new();
    for bound in paths {
        pairs.entry((&bound.of, &bound.against)).or_default().push(bound.at_most_ns);
    }
    let (mut weight, mut upstream): (BTreeMap<&str, u64>, BTreeMap<&str, i64>) = Default::default();
    for ((of, against), bounds) in &pairs {
        *upstream.entry(against).or_default() += bounds.len() as i64;
        *upstream.entry(of).or_default() -= bounds.len() as i64;
        [of, against].into_iter().for_each(|clock| *weight.entry(clock).or_default() += bounds.len() as u64);
    }
    let mut clocks: Vec<&str> = weight.keys().copied().collect();
    clocks.sort_by_key(|clock| (std::cmp::Reverse(weight[clock]), *clock));
    clocks.truncate(MAX_CLOCKS);
    let number = |clock: &str| clocks.iter().position(|c| *c == clock);
    let mut inequalities: Vec<(usize, usize, usize, i64)> = Vec::new();
    for ((of, against), mut bounds) in pairs {
        bounds.sort_unstable();
        if let (Some(x), Some(y)) = (number(of), number(against)) {
            let least = bounds[bounds.len() / MANY];
            inequalities.push((bounds.len(), x, y, least));
        }
    }
    // What more hand-overs say goes first; what contradicts it is told and left out.
    inequalities.sort_by_key(|(count, x, y, _)| (std::cmp::Reverse(*count), *x, *y));
    let mut system = System::new(clocks.len());
    let mut known: Vec<Skew> = Vec::new();
    let skew = |x: usize, y: usize, (min_ns, max_ns), count| Skew { host: clocks[x].into(), against: clocks[y].into(), min_ns, max_ns, hand_overs: count, applied: false };
    for (count, x, y, bound) in inequalities {
        if !system.add(x, y, bound) {
            known.push(skew(x, y, (system.between(x, y).0, Some(bound)), count as u64));
        }
    }
    let Some(reference) = reference(&system, &clocks, &upstream) else { return Clocks { known, ..Clocks::default() } };
    for x in (0..clocks.len()).filter(|x| *x != reference) {
        let between = system.between(x, reference);
        if between != (None, None) {
            known.push(skew(x, reference, between, weight[clocks[x]]));
        }
    }
    Clocks { shifts: shifts(&mut system, &clocks, reference), known }
}

/// The clock against which the fewest others must be shifted; of those the one that hands over most and is handed least, as what answers the client does.
fn reference(system: &System, clocks: &[&str], upstream: &BTreeMap<&str, i64>) -> Option<usize> {
    let downstream = |r: usize| upstream.get(clocks[r]).map_or(0, |count| -count);
    (0..clocks.len().min(MAX_REFERENCES)).min_by_key(|r| (shifts(&mut system.clone(), clocks, *r).len(), downstream(*r), *r))
}

/// One clock after the other gets the least shift that all hand-overs and the shifts before it allow.
fn shifts(system: &mut System, clocks: &[&str], reference: usize) -> BTreeMap<String, i64> {
    let mut out = BTreeMap::new();
    for x in (0..clocks.len()).filter(|x| *x != reference) {
        let (min, max) = system.between(x, reference);
        let shift = min.filter(|min| *min > 0).or(max.filter(|max| *max < 0)).unwrap_or(0);
        if shift.abs() > MAX_SHIFT_NS {
            continue;
        }
        system.add(x, reference, shift);
        system.add(reference, x, -shift);
        if shift != 0 {
            out.insert(clocks[x].to_owned(), shift);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn bound(of: &str, against: &str, ms: i64) -> ClockBound {
        ClockBound { of: of.into(), against: against.into(), at_most_ns: ms * MS }
    }

    fn between(clocks: &Clocks, host: &str) -> (Option<i64>, Option<i64>) {
        let skew = clocks.known.iter().find(|s| s.host == host).unwrap();
        (skew.min_ns.map(|ns| ns / MS), skew.max_ns.map(|ns| ns / MS))
    }

    #[test]
    fn hand_overs_bound_from_above_and_calls_it_makes_from_below() {
        // The worker runs 1.7 s ahead: it takes 1.702 s after, and what it calls begins 1.695 s before it.
        let all = [bound("worker", "api", 1_702), bound("worker", "api", 1_900), bound("gateway", "worker", -1_695), bound("gateway", "api", 3), bound("api", "gateway", 4)];
        let clocks = solve(all.iter());
        assert_eq!(clocks.known.iter().map(|s| &*s.against).collect::<BTreeSet<_>>(), ["api"].into());
        assert_eq!(between(&clocks, "worker"), (Some(1_691), Some(1_702)));
        assert_eq!(between(&clocks, "gateway"), (Some(-4), Some(3)));
        // The gateway stays where it is, so the worker must be moved by all that their calls show.
        assert_eq!(clocks.shifts, BTreeMap::from([("worker".to_owned(), 1_695 * MS)]));
    }

    #[test]
    fn clocks_that_may_agree_are_not_moved() {
        let all = [bound("worker", "api", 12), bound("api", "worker", 40)];
        let clocks = solve(all.iter());
        assert_eq!((between(&clocks, "worker"), clocks.shifts), ((Some(-40), Some(12)), BTreeMap::new()));
    }

    #[test]
    fn what_contradicts_most_is_told_and_left_out() {
        let mut all = vec![bound("worker", "api", 10); 20];
        all.extend(vec![bound("api", "worker", 30); 20]);
        all.push(bound("worker", "gateway", -900));
        all.push(bound("gateway", "api", 5));
        all.push(bound("gateway", "api", 5));
        let clocks = solve(all.iter());
        let odd: Vec<&Skew> = clocks.known.iter().filter(|s| s.min_ns > s.max_ns && s.max_ns.is_some()).collect();
        assert_eq!(odd.len(), 1, "{clocks:?}");
        assert_eq!((&*odd[0].host, &*odd[0].against, odd[0].max_ns), ("worker", "gateway", Some(-900 * MS)));
        assert!(clocks.shifts.is_empty());
    }

    #[test]
    fn one_odd_bound_of_many_does_not_decide_and_an_absurd_shift_is_never_applied() {
        let mut all = vec![bound("worker", "api", 10); 200];
        all.push(bound("worker", "api", -5_000));
        assert_eq!(between(&solve(all.iter()), "worker"), (None, Some(10)));
        let far = [bound("worker", "api", -3_600_000)];
        let clocks = solve(far.iter());
        assert_eq!((between(&clocks, "worker"), clocks.shifts), ((None, Some(-3_600_000)), BTreeMap::new()));
    }

    #[test]
    fn the_order_of_paths_does_not_matter() {
        let mut all: Vec<ClockBound> = (0..60).map(|n| bound(["a", "b", "c", "d"][n % 4], ["b", "c", "d", "a"][n % 4], (n as i64 * 37) % 50 - 3)).collect();
        let forward = solve(all.iter());
        all.reverse();
        assert_eq!(forward, solve(all.iter()));
    }
}
