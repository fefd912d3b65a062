//! Numbers that two services write of one thing: the job an application enqueues by its number and a worker runs under it, each with a name, a queue
//! or none of its own beside it (`reconstruction.md` 2.1: a weak id counts within its scope).
//!
//! Two counters meet by chance at every number, so that both know a number proves nothing, however far it is from where counters begin: one stream of events
//! may move both. They are one counter where both tell of the same number at moments so alike that the number before or behind it would fit three times
//! worse, for nearly all numbers at all times; and where one side only names what the other runs.
//! Guarantees: order-free and mergeable (numbers are kept in blocks, of those with the smallest hashes), memory bounded by the constants below; times
//! of two services are compared by how much they vary, never by themselves. A field whose numbers are not nearly all those of the other stays alone.

use crate::{
    model::{
        entry::Entry,
        id::{IdKind, IdRelation},
        profile::Numbers,
    },
    reconstruct::{
        learn::{merge_sample, mixed, named, sampled},
        roles, words,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Scopes watched, and fields of each.
const MAX_SCOPES: usize = 256;
const MAX_LABELS: usize = 16;
/// Numbers are kept by eights, so that most have a neighbour.
const BLOCK: u64 = 8;
const MAX_BLOCKS: usize = 64;
/// Scopes compared with each other: those with the most numbers.
const MAX_COMPARED: usize = 64;
/// Fewest numbers two sides both tell of.
const SHARED: usize = 10;
/// What is written no finer.
const QUANTUM_NS: u64 = 1_000_000;

/// First and last line that tells of a number, and whether one told that it began, one that it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Span {
    first_ns: i64,
    last_ns: i64,
    began: bool,
    ended: bool,
}

impl Span {
    fn join(&mut self, other: Self) {
        (self.first_ns, self.last_ns) = (self.first_ns.min(other.first_ns), self.last_ns.max(other.last_ns));
        (self.began, self.ended) = (self.began | other.began, self.ended | other.ended);
    }
}

/// What is known of numbers, by scope, then label.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Counters {
    by_scope: BTreeMap<String, BTreeMap<String, Series>>,
}

/// The numbers of one field, or of all of a scope.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Series {
    kind: Option<IdKind>,
    /// Some line is about its number.
    is_own: bool,
    blocks: BTreeMap<u64, BTreeMap<u64, Span>>,
}

impl Counters {
    /// Takes note of the numbers of jobs and calls on a line.
    pub fn observe(&mut self, entry: &Entry) {
        let Some(time) = entry.time else { return };
        for id in entry.ids.iter().filter(|id| matches!(id.kind, IdKind::Task | IdKind::Call) && id.scope.is_some()) {
            let (Some(number), Some(scope)) = (number_of(&id.value), id.scope.as_deref().filter(|scope| !scope.starts_with("run="))) else { continue };
            let Some(series) = named(&mut self.by_scope, scope, MAX_SCOPES).and_then(|labels| named(labels, &id.label, MAX_LABELS)) else { continue };
            series.kind = Some(series.kind.map_or(id.kind, |known| known.min(id.kind)));
            series.is_own |= id.relation == IdRelation::Own;
            let verb = words::verb(entry);
            series.add(number, Span { first_ns: time.unix_ns, last_ns: time.unix_ns, began: verb.is_start(), ended: verb.is_terminal() });
        }
    }

    /// Takes in what another reader of other lines counted.
    pub fn merge(&mut self, other: Self) {
        for (scope, labels) in other.by_scope {
            let Some(mine) = named(&mut self.by_scope, &scope, MAX_SCOPES) else { continue };
            for (label, series) in labels {
                if let Some(known) = named(mine, &label, MAX_LABELS) {
                    known.merge(series);
                }
            }
        }
    }

    /// Which numbers are one counter's.
    pub fn decide(&self) -> Numbers {
        let scopes = self.scopes();
        let mut found: Vec<(Field<'_>, Vec<&str>, String)> = Vec::new();
        for (scope, labels) in self.by_scope.iter().filter(|(scope, _)| scope.starts_with("service=")) {
            for (label, series) in labels {
                let others = scopes.iter().filter(|other| other.name != scope && other.series.kind == series.kind);
                if let Some((others, why)) = counted_by(series, others) {
                    found.push((Field { scope, label, kind: series.kind.unwrap_or(IdKind::Task), count: series.count() }, others, why));
                }
            }
        }
        settle(found)
    }

    /// Whole scopes, those with the most numbers.
    fn scopes(&self) -> Vec<Scope<'_>> {
        let mut out: Vec<Scope<'_>> = Vec::new();
        for (scope, labels) in &self.by_scope {
            for kind in [IdKind::Task, IdKind::Call] {
                let mut series = Series { kind: Some(kind), ..Series::default() };
                labels.values().filter(|s| s.kind == Some(kind) && s.is_own).for_each(|s| series.merge(s.clone()));
                if series.count() >= SHARED {
                    out.push(Scope { name: scope, series });
                }
            }
        }
        out.sort_by_key(|s| (std::cmp::Reverse(s.series.count()), s.name));
        out.truncate(MAX_COMPARED);
        out
    }
}

struct Scope<'a> {
    name: &'a str,
    series: Series,
}

#[derive(Clone, Copy)]
struct Field<'a> {
    scope: &'a str,
    label: &'a str,
    kind: IdKind,
    count: usize,
}

impl Series {
    fn add(&mut self, number: u64, span: Span) {
        if let Some(block) = sampled(&mut self.blocks, mixed(number / BLOCK), MAX_BLOCKS) {
            block.entry(number).or_insert(span).join(span);
        }
    }

    fn merge(&mut self, other: Self) {
        self.kind = [self.kind, other.kind].into_iter().flatten().min();
        self.is_own |= other.is_own;
        merge_sample(&mut self.blocks, other.blocks, MAX_BLOCKS, |mine, theirs| {
            for (number, span) in theirs {
                mine.entry(number).or_insert(span).join(span);
            }
        });
    }

    fn count(&self) -> usize {
        self.blocks.values().map(BTreeMap::len).sum()
    }

    /// Blocks up to this hash were all kept.
    fn reach(&self) -> u64 {
        if self.blocks.len() < MAX_BLOCKS { u64::MAX } else { self.blocks.last_key_value().map_or(0, |(hash, _)| *hash) }
    }

    fn up_to(&self, reach: u64) -> impl Iterator<Item = (u64, &BTreeMap<u64, Span>)> {
        self.blocks.range(..=reach).map(|(hash, block)| (*hash, block))
    }

    fn block(&self, hash: u64) -> Option<&BTreeMap<u64, Span>> {
        self.blocks.get(&hash)
    }
}

/// The scopes whose counter a field's numbers are, and why.
fn counted_by<'a>(field: &Series, others: impl Iterator<Item = &'a Scope<'a>>) -> Option<(Vec<&'a str>, String)> {
    let alike: Vec<(&Scope<'_>, Alike)> = others.filter_map(|other| Some((other, alike(field, &other.series)?))).collect();
    // Of several queues each has numbers of its own, or they count alike, too.
    let meet = |a: &Series, b: &Series| a.up_to(a.reach().min(b.reach())).any(|(hash, block)| b.block(hash).is_some_and(|other| block.keys().any(|n| other.contains_key(n))));
    let clash = |(n, a): (usize, &(&Scope<'_>, Alike))| alike[n + 1..].iter().any(|b| meet(&a.0.series, &b.0.series) && self::alike(&a.0.series, &b.0.series).is_none());
    if alike.is_empty() || alike.iter().enumerate().any(clash) {
        return None;
    }
    let reach = alike.iter().map(|(other, _)| other.series.reach()).min()?.min(field.reach());
    let (mut all, mut held) = (0, 0);
    for (hash, block) in field.up_to(reach) {
        all += block.len();
        held += block.keys().filter(|n| alike.iter().any(|(other, _)| other.series.block(hash).is_some_and(|b| b.contains_key(n)))).count();
    }
    let in_turn = alike.iter().all(|(other, alike)| alike.shared * 10 >= other.series.up_to(reach).map(|(_, block)| block.len()).sum::<usize>() * 9);
    if held < SHARED || !(held * 10 >= all * 9 || in_turn) {
        return None;
    }
    let names: Vec<&str> = alike.iter().map(|(other, _)| other.name).collect();
    let (own, next) = alike.first().map(|(_, alike)| alike.moments)?;
    let how = format!("told at moments that vary by {} ms, those of the numbers beside them by {} ms", own / QUANTUM_NS, next / QUANTUM_NS);
    let why = format!("{held} of {all} of its numbers are those of {}, {how}", names.join(", "));
    Some((names, why))
}

/// How two series agree.
struct Alike {
    shared: usize,
    /// How much the time between both tellings varies, and how much it would for the number beside.
    moments: (u64, u64),
}

fn alike(a: &Series, b: &Series) -> Option<Alike> {
    let reach = a.reach().min(b.reach());
    let shared = a.up_to(reach).filter_map(|(hash, block)| b.block(hash).map(|other| block.keys().filter(|n| other.contains_key(n)).count())).sum();
    if shared < SHARED {
        return None;
    }
    // What both run from begin to end are two things of one number.
    let runs = |x: &Series, y: &Series| {
        let of = x.up_to(reach).filter_map(|(hash, block)| Some((block, y.block(hash)?)));
        of.map(|(block, other)| block.iter().filter(|(n, span)| other.contains_key(n) && span.began && span.ended).count()).sum::<usize>() * 10 > shared
    };
    if runs(a, b) && runs(b, a) {
        return None;
    }
    let ends = [|span: &Span| span.first_ns, |span: &Span| span.last_ns];
    let best = (0..4).filter_map(|n| Moments::of(a, b, reach, ends[n / 2], ends[n % 2])).min_by_key(|m| (m.varies, m.beside))?;
    best.agree().then_some(Alike { shared, moments: (best.varies, best.beside) })
}

/// The time between both sides' telling of each number, and how much it varies; as much as that to the other side's number before or behind does.
struct Moments {
    /// When the one side told, and how much later the other did.
    pairs: Vec<(i64, i64)>,
    middle: i64,
    varies: u64,
    beside: u64,
}

impl Moments {
    fn of(a: &Series, b: &Series, reach: u64, of_a: fn(&Span) -> i64, of_b: fn(&Span) -> i64) -> Option<Self> {
        let (mut pairs, mut before, mut behind) = (Vec::new(), Vec::new(), Vec::new());
        for (hash, block) in a.up_to(reach) {
            let Some(other) = b.block(hash) else { continue };
            for (number, span) in block.iter().filter(|(number, _)| other.contains_key(number)) {
                let apart = |span_b: &Span| of_b(span_b).saturating_sub(of_a(span));
                pairs.extend(other.get(number).map(|span_b| (of_a(span), apart(span_b))));
                before.extend(other.range(..number).next_back().map(|(_, s)| apart(s)));
                behind.extend(other.range(number + 1..).next().map(|(_, s)| apart(s)));
            }
        }
        if pairs.len() < SHARED || before.len().min(behind.len()) * 10 < SHARED * 8 {
            return None;
        }
        pairs.sort_unstable();
        let (middle, varies) = spread_of(pairs.iter().map(|(_, apart)| *apart).collect());
        Some(Self { pairs, middle, varies, beside: spread_of(before).1.min(spread_of(behind).1) })
    }

    /// It hardly varies, for all but a few of the numbers, early and late: counters in step drift apart with the first number that only one of them counts.
    fn agree(&self) -> bool {
        if self.varies.max(QUANTUM_NS) * 3 > self.beside {
            return false;
        }
        let fits = |(_, apart): &&(i64, i64)| apart.abs_diff(self.middle) * 3 <= self.beside;
        let part = self.pairs.len().div_ceil(3);
        self.pairs.chunks(part).all(|part| part.iter().filter(fits).count() * 10 >= part.len() * 9)
    }
}

/// The value in the middle, and how far off it half of them are no further than.
fn spread_of(mut values: Vec<i64>) -> (i64, u64) {
    values.sort_unstable();
    let middle = values[values.len() / 2];
    let mut off: Vec<u64> = values.iter().map(|v| v.abs_diff(middle)).collect();
    off.sort_unstable();
    (middle, off[off.len() / 2])
}

/// A field counts with the scopes found for it, and all that count with one of them count together. None is both: what is told of more numbers is counted by.
fn settle(mut found: Vec<(Field<'_>, Vec<&str>, String)>) -> Numbers {
    found.sort_by_key(|(field, others, _)| (field.count, field.scope, field.label, others.clone()));
    let (mut fields, mut counters): (BTreeSet<&str>, BTreeMap<(IdKind, &str), &str>) = Default::default();
    let mut out = Numbers::default();
    found.retain(|(field, others, _)| {
        if others.iter().any(|other| fields.contains(other)) || counters.contains_key(&(field.kind, field.scope)) {
            return false;
        }
        fields.insert(field.scope);
        let joined: Vec<&str> = others.iter().map(|other| *counters.get(&(field.kind, other)).unwrap_or(other)).collect();
        let least = joined.iter().copied().min().unwrap_or_default();
        others.iter().for_each(|other| _ = counters.insert((field.kind, other), least));
        counters.values_mut().filter(|top| joined.contains(top)).for_each(|top| *top = least);
        true
    });
    for (field, others, why) in &found {
        let top = counters.get(&(field.kind, others[0])).copied().unwrap_or(others[0]);
        out.add(roles::number_key(field.kind, field.scope, Some(field.label)), field.scope, top);
        out.why.insert(roles::role_key(field.scope.trim_start_matches("service="), field.label), why.clone());
    }
    for ((kind, scope), top) in counters.iter().filter(|((_, scope), top)| scope != *top) {
        out.add(roles::number_key(*kind, scope, None), scope, top);
    }
    out
}

/// What counts is written plainly.
fn number_of(value: &str) -> Option<u64> {
    let is_plain = (1..=15).contains(&value.len()) && !value.starts_with('0') && value.bytes().all(|b| b.is_ascii_digit());
    is_plain.then(|| value.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{id::IdRef, time::Instant};

    /// Times of the numbers of a counter, in milliseconds: at no rhythm, as work comes.
    fn moments_of(count: u64) -> Vec<i64> {
        let mut at = 0;
        (0..count).map(|n| (at, at += 40 + (mixed(n + 1) % 900) as i64).0).collect()
    }

    fn line(scope: &str, label: &str, number: u64, at_ms: i64) -> Entry {
        let id = IdRef { kind: IdKind::Task, relation: IdRelation::Own, label: label.into(), value: number.to_string().as_str().into(), scope: Some(scope.into()), listed: false };
        Entry { time: Some(Instant { unix_ns: at_ms * 1_000_000, quantum_ns: 1, naive: false }), ids: vec![id], ..Entry::default() }
    }

    fn seen(lines: &[Entry]) -> Counters {
        let mut out = Counters::default();
        lines.iter().for_each(|entry| out.observe(entry));
        out
    }

    /// An application that names its jobs' numbers, and a worker that counts `ahead` more at the same moments, `wait(n)` later.
    fn decided(first: u64, ahead: u64, wait: impl Fn(u64) -> i64) -> Numbers {
        let at = moments_of(120);
        let lines: Vec<Entry> = (0..120)
            .flat_map(|n| {
                let (number, at) = (first + n, at[n as usize]);
                [line("service=app", "job_id", number, at), line("queue=mail", "id", number + ahead, at + wait(n)), line("queue=mail", "id", number + ahead, at + wait(n) + 300)]
            })
            .collect();
        seen(&lines).decide()
    }

    #[test]
    fn one_counters_numbers_are_told_at_moments_alike() {
        let numbers = decided(1, 0, |n| 2 + (n % 7) as i64);
        assert_eq!(numbers.top(&roles::number_key(IdKind::Task, "service=app", Some("job_id"))), Some("queue=mail"));
        assert_eq!(numbers.top(&roles::number_key(IdKind::Call, "service=app", Some("job_id"))), None);
        assert_eq!(numbers.top(&roles::number_key(IdKind::Task, "queue=mail", None)), None, "what counts keeps its name");
        assert!(numbers.why["app\u{1f}job_id"].starts_with("120 of 120 of its numbers are those of queue=mail, told at moments that vary by 2 ms"), "{:?}", numbers.why);
    }

    #[test]
    fn two_counters_that_meet_by_chance_stay_two() {
        for ahead in [1, 2, 5] {
            assert!(decided(1, ahead, |n| 2 + (n % 7) as i64).is_empty(), "one began {ahead} earlier");
        }
        // Another rate, the same begin.
        assert!(decided(1, 0, |n| n as i64 * 70).is_empty());
        assert!(decided(1, 0, |n| (mixed(n + 1) % 60_000) as i64).is_empty(), "waits that say nothing");
        let even: Vec<Entry> = (0..60).flat_map(|n| [line("service=a", "job", n + 1, n as i64 * 1_000), line("service=b", "job", n + 1, n as i64 * 1_000 + 500)]).collect();
        assert!(seen(&even).decide().is_empty(), "by the clock");
    }

    #[test]
    fn counters_in_step_drift_apart_with_the_first_number_that_only_one_counts() {
        let at = moments_of(200);
        for from in [100_usize, 130, 180] {
            let lines: Vec<Entry> =
                (0..200_usize).flat_map(|n| [line("service=app", "job_id", n as u64, at[n]), line("queue=mail", "id", n as u64 + u64::from(n >= from), at[n] + 3)]).collect();
            assert!(seen(&lines).decide().is_empty(), "from {from} on");
        }
        assert!(decided(100_000, 7, |_| 90).is_empty(), "far from its begin, too");
    }

    #[test]
    fn what_two_services_run_from_begin_to_end_are_two_things() {
        let at = moments_of(120);
        let of = |scope: &str, n: usize, text: &str, wait: i64| Entry { body: Some(text.into()), ..line(scope, "job_id", n as u64 + 1, at[n] + wait) };
        let lines: Vec<Entry> = (0..120)
            .flat_map(|n| {
                [
                    of("service=billing", n, "job started", 0),
                    of("service=billing", n, "job finished", 9),
                    of("queue=idx", n, "job started", 2),
                    of("queue=idx", n, "job finished", 11),
                ]
            })
            .collect();
        assert!(seen(&lines).decide().is_empty());
        let lines: Vec<Entry> =
            (0..120).flat_map(|n| [of("service=billing", n, "index asked for", 0), of("queue=idx", n, "job started", 2), of("queue=idx", n, "job finished", 11)]).collect();
        assert!(!seen(&lines).decide().is_empty());
    }

    #[test]
    fn of_several_queues_each_has_numbers_of_its_own() {
        let of = |queue: fn(u64) -> u64, number: fn(u64) -> u64| {
            let at = moments_of(200);
            let lines: Vec<Entry> = (0..200)
                .flat_map(|n| {
                    let scope = ["queue=mail", "queue=images"][queue(n) as usize];
                    [line("service=app", "job_id", number(n), at[n as usize]), line(scope, "job_id", number(n), at[n as usize] + 3)]
                })
                .collect();
            seen(&lines).decide()
        };
        let one = of(|n| n / 3 % 2, |n| n + 1);
        assert_eq!(one.top(&roles::number_key(IdKind::Task, "service=app", Some("job_id"))), Some("queue=images"));
        assert_eq!(one.top(&roles::number_key(IdKind::Task, "queue=mail", None)), Some("queue=images"));
        assert_eq!(one.members("queue=images").map(BTreeSet::len), Some(3));
        assert!(of(|n| n % 2, |n| n / 2 + 1).is_empty(), "each queue counts for itself");
    }

    #[test]
    fn what_is_decided_depends_on_no_order() {
        let at = moments_of(900);
        let lines: Vec<Entry> =
            (0..900).flat_map(|n| [line("service=app", "job_id", n + 1, at[n as usize]), line("queue=mail", "id", n + 1, at[n as usize] + (n % 5) as i64)]).collect();
        let backward: Vec<Entry> = lines.iter().rev().cloned().collect();
        let mut halves = seen(&lines[..700]);
        halves.merge(seen(&lines[700..]));
        let decided = seen(&lines).decide();
        assert!(!decided.is_empty());
        assert_eq!(decided, seen(&backward).decide());
        assert_eq!(decided, halves.decide());
    }
}
