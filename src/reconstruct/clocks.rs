//! Clocks of hosts against each other (`reconstruction.md` section 4): what one path says of them, and what many paths say together.
//!
//! A path bounds the difference of two clocks wherever causes are stated: what was handed over begins after the line that hands it over; a call comes after
//! the begin of the task that makes it, and had ended when its caller says so; what an edge let in began after it came. Each is one inequality; all of them together are a system of differences, whose tightest bounds are
//! shortest paths. Guarantees: bounds use times as they are written (zones applied), so they do not depend on what is shifted; nothing here moves a
//! time or makes a link; clocks of one host are one clock. A host that no line names is its service, else its source.

use crate::{
    model::{
        id::{IdKind, IdRelation},
        time::Instant,
        trace::{ClockBound, Evidence, Skew, SpanKind},
    },
    reconstruct::{
        item::Item,
        link,
        roles::level,
        spans::Builder,
        tree::{Tree, Unit},
        words::{self, Verb},
    },
};
use rustc_hash::FxHashMap;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A line that tells of a hand-over, or of the end of a call, may be written after what it tells of.
pub(super) const LATE_NS: i64 = 5_000_000;
/// Most bounds kept of one path.
const MAX_BOUNDS: usize = 32;
/// Most clocks compared with each other.
const MAX_CLOCKS: usize = 64;
/// So many of them are tried as the one that the others are judged against.
const MAX_REFERENCES: usize = 16;
/// Of so many bounds of a pair one is left out, the most extreme: an id that came back, a line that was lost, a caller that went away. It loosens, never tightens.
const MANY: usize = 20;
/// So many hand-overs must say that two clocks stand off.
const ENOUGH: usize = 10;
/// What is further apart says nothing of clocks.
const ABSURD_NS: u64 = 100_000 * 1_000_000_000;
/// More than this is no drift of a clock: it is shown and never applied.
const MAX_SHIFT_NS: i64 = 300_000_000_000;

/// Which clock wrote each line: its host's; of a line that names none the only host its service has in its file; else the service's, else the source's.
struct Names<'i>(FxHashMap<(u64, &'i str), Option<&'i str>>);

impl<'i> Names<'i> {
    fn of(items: &'i [Item]) -> Self {
        let mut hosts: FxHashMap<(u64, &str), Option<&str>> = FxHashMap::default();
        for item in items {
            if let Some(host) = item.entry.host.as_deref() {
                let known = hosts.entry((item.entry.at.file.0, item.service())).or_insert(Some(host));
                *known = known.filter(|known| *known == host);
            }
        }
        Self(hosts)
    }

    fn clock(&self, item: &'i Item) -> &'i str {
        let only = || self.0.get(&(item.entry.at.file.0, item.service())).copied().flatten();
        item.entry.host.as_deref().or_else(only).unwrap_or_else(|| item.service())
    }
}

/// The least upper bound of each pair.
#[derive(Default)]
struct Bounds<'i>(BTreeMap<(&'i str, &'i str), i64>);

impl<'i> Bounds<'i> {
    /// What `later` tells of came after what `earlier` does.
    fn after(&mut self, later: Moment<'i>, earlier: Moment<'i>, slack: i64) {
        let bound = later.at_ns.saturating_sub(earlier.at_ns).saturating_add(later.quantum_ns).saturating_add(earlier.quantum_ns).saturating_add(slack);
        if later.clock == earlier.clock || later.clock.is_empty() || earlier.clock.is_empty() || bound.unsigned_abs() > ABSURD_NS {
            return;
        }
        let known = self.0.entry((later.clock, earlier.clock)).or_insert(bound);
        *known = (*known).min(bound);
    }
}

/// An instant by a clock.
#[derive(Clone, Copy)]
struct Moment<'i> {
    clock: &'i str,
    at_ns: i64,
    quantum_ns: i64,
}

/// The lines of a path by the units they name.
struct Path<'i> {
    names: Names<'i>,
    b: &'i Builder<'i>,
    /// Where what makes calls began, by clock.
    begun: BTreeMap<&'i Arc<str>, BTreeMap<&'i str, Moment<'i>>>,
}

/// What a path says of the clocks of its lines.
pub fn of_path<'i>(b: &'i Builder<'i>) -> Vec<ClockBound> {
    let (tree, names) = (b.tree, Names::of(&b.tree.items));
    let mut clocks = tree.items.iter().map(|item| names.clock(item));
    let first = clocks.next();
    if clocks.all(|clock| Some(clock) == first) {
        return Vec::new();
    }
    let (mut path, mut out) = (Path { names, b, begun: BTreeMap::new() }, Bounds::default());
    let makers: BTreeSet<&Arc<str>> = tree.units.values().filter(|u| is_call(u)).filter_map(|u| Some(&u.parent.as_ref()?.parent)).collect();
    path.begun = makers.into_iter().map(|maker| (maker, path.begun(maker))).collect();
    tree.units.values().filter(|unit| !path.is_of_one_clock(unit)).for_each(|unit| path.of_unit(unit, &mut out));
    path.of_edge(&mut out);
    let bound = |((of, against), at_most_ns): ((&str, &str), i64)| ClockBound { of: of.into(), against: against.into(), at_most_ns };
    out.0.into_iter().take(MAX_BOUNDS).map(bound).collect()
}

impl<'i> Path<'i> {
    /// The lines that name a unit by themselves.
    fn of(&self, key: &str) -> impl Iterator<Item = &'i Item> {
        self.b.naming(key).iter().map(|i| &self.b.tree.items[*i]).filter(|i| i.placed_by.is_none() && i.time_ns.is_some())
    }

    /// When a line was written.
    fn written(&self, item: &'i Item) -> Moment<'i> {
        Moment { clock: self.names.clock(item), at_ns: item.time_ns.unwrap_or_default(), quantum_ns: item.quantum_ns }
    }

    fn at(&self, item: &'i Item, instant: Instant) -> Moment<'i> {
        Moment { clock: self.names.clock(item), at_ns: item.corrected(instant, self.b.profile), quantum_ns: instant.quantum_ns as i64 }
    }

    /// All that is said of a unit is said by one clock, and bounds nothing.
    fn is_of_one_clock(&self, unit: &Unit) -> bool {
        let mut clocks = self.of(&unit.key).map(|item| self.names.clock(item));
        let Some(first) = clocks.next() else { return true };
        let caller = unit.parent.as_ref().filter(|_| is_call(unit)).and_then(|parent| self.begun.get(&parent.parent));
        clocks.all(|clock| clock == first) && caller.is_none_or(|begun| begun.keys().all(|clock| *clock == first))
    }

    fn of_unit(&self, unit: &'i Unit, out: &mut Bounds<'i>) {
        let lines: Vec<&Item> = self.of(&unit.key).collect();
        let is_own = |item: &Item| item.subject().is_some_and(|s| s.key == unit.key) && item.verb != Verb::Queue;
        // What a line tells of cannot be later than the line; where it states an instant, that is it. A length may be anybody's rounding.
        let told = |item: &'i Item| item.entry.started.map_or_else(|| self.written(item), |t| self.at(item, t));
        let first = earliest(lines.iter().filter(|i| is_own(i)).map(|i| told(i)));
        // Whoever serves a request took it from no queue: what was queued under its id was queued meanwhile.
        let serving: BTreeSet<&str> = lines.iter().filter(|i| level(unit.kind) == 0 && is_served(i)).map(|i| self.names.clock(i)).collect();
        let taken: BTreeMap<&str, Moment<'i>> = first.iter().filter(|(clock, _)| !serving.contains(*clock)).map(|(clock, at)| (*clock, *at)).collect();
        let parent = unit.parent.as_ref().map(|p| &p.parent);
        let hands = |item: &Item, verb: Verb| {
            let Some(r) = item.reference(&unit.key).filter(|r| r.relation != IdRelation::Parent && !link::asks_about(item, r)) else { return false };
            let subject = item.subject().map(|s| &s.key);
            let is_by_its_parent = r.relation == IdRelation::Child || (subject.is_some() && subject == parent);
            // What a unit at work queues is another.
            let began = |other: &&Item| other.verb.is_start() && is_own(other) && other.time_ns < item.time_ns && self.names.clock(other) == self.names.clock(item);
            let queues_itself = || verb == Verb::Queue && subject == Some(&unit.key) && !lines.iter().any(began);
            item.verb == verb && (is_by_its_parent || queues_itself()) && (verb == Verb::Queue || !r.listed)
        };
        for (verb, slack) in [(Verb::Queue, LATE_NS), (Verb::Begin, 0)] {
            let handed = earliest(lines.iter().filter(|i| hands(i, verb)).map(|i| self.written(i)));
            let later = if verb == Verb::Queue { &taken } else { &first };
            handed.values().for_each(|earlier| later.values().for_each(|later| out.after(*later, *earlier, slack)));
        }
        if let Some(parent) = parent.filter(|_| is_call(unit)) {
            self.of_call(&lines, &first, &is_own, parent, out);
        }
    }

    /// Where a task says that it begins. A line with a length or a status tells of the end of a visit.
    fn begun(&self, maker: &Arc<str>) -> BTreeMap<&'i str, Moment<'i>> {
        let begins = |i: &&Item| i.verb.is_start() && i.duration_ns().is_none() && !is_visit(i) && i.subject().is_some_and(|s| s.key == *maker && level(s.kind) > 0);
        earliest(self.of(maker).filter(begins).map(|i| self.written(i)))
    }

    /// A call begins after the task that makes it; it had ended when its caller says how long it took.
    fn of_call(&self, lines: &[&'i Item], first: &BTreeMap<&'i str, Moment<'i>>, is_own: &dyn Fn(&Item) -> bool, parent: &Arc<str>, out: &mut Bounds<'i>) {
        // A unit that begins in several places began first in one of them, and nothing says in which.
        let begun = self.begun.get(parent).filter(|begun| begun.len() == 1);
        if let Some(caller) = begun.and_then(|begun| begun.values().next()) {
            first.values().for_each(|later| out.after(*later, *caller, 0));
        }
        let says = |i: &&&Item| i.verb == Verb::End && !i.failed && !words::client_left(&i.entry) && i.duration_ns().is_some() && i.reference(parent).is_some();
        let mut seen = lines.iter().filter(says).map(|i| self.written(i));
        // Of calls made again under one id nothing says which is which.
        let (Some(seen), None) = (seen.next(), seen.next()) else { return };
        let mut made = lines.iter().filter(|i| is_own(i)).filter_map(|i| Some(self.at(i, i.entry.ended?))).filter(|call| call.clock != seen.clock);
        if let (Some(ended), None) = (made.next(), made.next()) {
            out.after(seen, ended, LATE_NS);
        }
    }

    /// What an edge let in began after it came.
    fn of_edge(&self, out: &mut Bounds<'i>) {
        let (tree, drafts) = (self.b.tree, &self.b.spans);
        let mut edges = drafts.iter().filter(|d| d.kind == SpanKind::Edge);
        let (Some(edge), None) = (edges.next(), edges.next()) else { return };
        let Some(line) = edge.main.and_then(|i| tree.items.get(i)).filter(|_| edge.evidence == Evidence::Stated) else { return };
        let rounding = line.rounding_ns();
        let came = Moment { clock: self.names.clock(line), at_ns: edge.start, quantum_ns: edge.quantum_ns.saturating_add(rounding) };
        for app in drafts.iter().filter(|d| d.kind == SpanKind::App) {
            let lines = app.items.iter().filter_map(|i| tree.items.get(*i)).filter(|i| i.time_ns.is_some());
            earliest(lines.map(|i| self.written(i))).values().for_each(|later| out.after(*later, came, 0));
        }
    }
}

fn is_visit(item: &Item) -> bool {
    item.entry.http.as_ref().is_some_and(|http| http.status.is_some())
}

fn is_served(item: &Item) -> bool {
    is_visit(item) || item.entry.http.as_ref().is_some_and(|http| http.method.is_some())
}

fn is_call(unit: &Unit) -> bool {
    matches!(unit.kind, IdKind::Call | IdKind::Tool)
}

fn earliest<'i>(moments: impl Iterator<Item = Moment<'i>>) -> BTreeMap<&'i str, Moment<'i>> {
    let mut out: BTreeMap<&str, Moment<'_>> = BTreeMap::new();
    for moment in moments {
        let known = out.entry(moment.clock).or_insert(moment);
        if (moment.at_ns, moment.quantum_ns) < (known.at_ns, known.quantum_ns) {
            *known = moment;
        }
    }
    out
}

/// Shifts the lines of a path that is put together: what is part of it was decided by times as they are written.
pub fn shift(tree: &mut Tree, shifts: &BTreeMap<String, i64>) {
    let names = Names::of(&tree.items);
    let by: Vec<i64> = tree.items.iter().map(|item| shifts.get(names.clock(item)).copied().unwrap_or(0)).collect();
    for (item, by) in tree.items.iter_mut().zip(by) {
        item.shift_ns = by;
        item.time_ns = item.time_ns.map(|t| t.saturating_sub(by));
    }
    tree.sort_lines();
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
            inequalities.push((bounds.len(), x, y, least(&bounds)));
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

/// The least bound of a pair that can be trusted. That clocks stand off is said only where most hand-overs would be impossible did they not: one may be late.
fn least(sorted: &[i64]) -> i64 {
    let least = sorted[sorted.len() / MANY];
    let is_usual = sorted.len() >= ENOUGH && sorted[sorted.len() / 2] < 0;
    if is_usual { least } else { least.max(0) }
}

/// The clock against which the fewest others must be shifted; of those the one that hands over most and is handed least, as what answers the client does.
fn reference(system: &System, clocks: &[&str], upstream: &BTreeMap<&str, i64>) -> Option<usize> {
    let downstream = |r: usize| upstream.get(clocks[r]).map_or(0, |count| -count);
    (0..clocks.len().min(MAX_REFERENCES)).min_by_key(|r| (shifts(&mut system.clone(), clocks, *r).len(), downstream(*r), *r))
}

/// One clock after the other gets the least shift that all hand-overs and the shifts before it allow.
fn shifts(system: &mut System, clocks: &[&str], reference: usize) -> BTreeMap<String, i64> {
    let mut out = BTreeMap::new();
    let written = system.clone();
    for x in (0..clocks.len()).filter(|x| *x != reference) {
        // What may agree by itself stays, though the shift of another would ask for it.
        let may_agree = |(min, max): (Option<i64>, Option<i64>)| min.is_none_or(|min| min <= 0) && max.is_none_or(|max| max >= 0);
        let (min, max) = if may_agree(written.between(x, reference)) { (None, None) } else { system.between(x, reference) };
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
        let once = [bound("worker", "api", 1_702), bound("worker", "api", 1_900), bound("gateway", "worker", -1_695), bound("gateway", "api", 3), bound("api", "gateway", 4)];
        let all: Vec<ClockBound> = once.iter().cycle().take(50).cloned().collect();
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
        all.extend(vec![bound("worker", "gateway", -900); 12]);
        all.extend(vec![bound("gateway", "api", 5); 15]);
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
        let late = [vec![bound("worker", "api", 10); 20], vec![bound("worker", "api", -40); 8]].concat();
        assert_eq!(between(&solve(late.iter()), "worker"), (None, Some(0)), "some lines came late");
        let far = vec![bound("worker", "api", -3_600_000); 10];
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
