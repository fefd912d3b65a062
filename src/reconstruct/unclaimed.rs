//! Model calls of a run or a visit that no line of their own tells of, only the HTTP client of the program: what it was answered, and how long it waits
//! before it asks again. Also those of an agent whose one line counts a whole loop of calls and tools.
//!
//! Guarantees: a call ends with the answer that is told, or with the notice that it will be tried again. It begins with the wait that a notice states, or
//! else no earlier than what the program told before: its begin, a step, a complaint; behind an answer that came well, only where a tool ran since, for two
//! may have been asked at once. What a call that is drawn already explains is not told again. What stands in another log, or is another service's, is never looked at.

use crate::{
    model::{
        entry::FileId,
        trace::{Evidence, Outcome, SpanKind},
    },
    reconstruct::{
        calls::AT_ONCE_NS,
        client_calls::{address, announced_ns, answered, is_of_a_model},
        enclosing,
        spans::{Builder, Draft, line_kind, outcome_of, step_title},
    },
};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// More answers of one path are left undrawn.
const MAX_ANSWERS: usize = 10_000;
/// So are those of a path in which each answer would be held against so many calls.
const MAX_PAIRS: usize = 4_000_000;

/// Draws them.
pub(super) fn draw(b: &mut Builder<'_>) {
    let is_told = |i: &usize| {
        let item = &b.tree.items[*i];
        answered(&item.entry).is_some() || (announced_ns(item).is_some() && is_of_a_model(item))
    };
    let told: BTreeSet<usize> = (0..b.tree.items.len()).filter(is_told).collect();
    if told.is_empty() || told.len() > MAX_ANSWERS {
        return;
    }
    let mut below: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
    for (i, parent) in b.spans.iter().enumerate().filter_map(|(i, d)| Some((i, d.parent?))) {
        below.entry(parent).or_default().push(i);
    }
    let calls: Vec<usize> = (0..b.spans.len()).filter(|i| b.spans[*i].kind == SpanKind::ModelCall).collect();
    if calls.len().saturating_mul(told.len()) > MAX_PAIRS {
        return;
    }
    let (mut drawn, mut loops) = (Vec::new(), BTreeSet::new());
    for (index, span) in b.spans.iter().enumerate() {
        if !matches!(span.kind, SpanKind::Task | SpanKind::App) || !span.items.iter().any(|i| told.contains(i)) {
            continue;
        }
        let holder = Holder { b, span, index, calls: &calls };
        for (file, lines) in holder.logs(&told) {
            let steps = holder.steps(below.get(&index).map_or(&[], Vec::as_slice), file);
            loops.extend(holder.walk(&lines, &steps, &mut drawn));
        }
    }
    drawn.into_iter().for_each(|d| b.draw(d));
    enclosing::remove(b, &loops);
}

/// What happened in a program, in the order of its log.
#[derive(Clone, Copy)]
enum Event {
    /// A step of the program ended.
    Step(SpanKind),
    /// Any line.
    Line(usize),
}

/// All that is looked at for a run or a visit.
struct Holder<'a, 'b> {
    b: &'a Builder<'b>,
    span: &'a Draft,
    index: usize,
    /// Calls of the whole path that are drawn already.
    calls: &'a [usize],
}

impl<'a> Holder<'a, '_> {
    /// Its lines that tell of answers or waits, log by log, with all others between them.
    fn logs(&self, told: &BTreeSet<usize>) -> Vec<(FileId, Vec<usize>)> {
        let items = &self.b.tree.items;
        let mut logs: FxHashMap<FileId, Vec<usize>> = FxHashMap::default();
        for i in self.span.items.iter().filter(|i| items[**i].time_ns.is_some() && items[**i].service() == self.span.service) {
            logs.entry(items[*i].entry.at.file).or_default().push(*i);
        }
        let mut logs: Vec<(FileId, Vec<usize>)> = logs.into_iter().filter(|(_, lines)| lines.iter().any(|i| told.contains(i))).collect();
        logs.sort_by_key(|(_, lines)| lines.iter().min().copied());
        logs
    }

    /// Steps of it that were written to a log.
    fn steps(&self, below: &[usize], file: FileId) -> Vec<(usize, &'a Draft)> {
        let is_step = |(_, d): &(usize, &Draft)| {
            matches!(d.kind, SpanKind::ModelCall | SpanKind::Tool | SpanKind::DbWrite | SpanKind::Other)
                && d.service == self.span.service
                && d.main.or(d.items.first().copied()).is_some_and(|i| self.b.tree.items[i].entry.at.file == file)
        };
        below.iter().map(|i| (*i, &self.b.spans[*i])).filter(is_step).collect()
    }

    /// Draws the calls of one log; gives the loops that they take the place of.
    fn walk(&self, lines: &[usize], steps: &[(usize, &'a Draft)], out: &mut Vec<Draft>) -> Vec<usize> {
        let items = &self.b.tree.items;
        let answers: Vec<(i64, usize)> = lines.iter().filter(|i| answered(&items[**i].entry).is_some()).filter_map(|i| Some((items[*i].time_ns?, *i))).collect();
        let is_alone = |of: usize, d: &Draft| !steps.iter().any(|(i, o)| *i != of && o.kind == SpanKind::ModelCall && o.start < d.end && d.start < o.end);
        let (loops, steps): (Vec<_>, Vec<_>) = steps.iter().partition(|(i, d)| d.kind == SpanKind::ModelCall && is_alone(*i, d) && is_loop(d, &answers, steps, self.b));
        let drawn = out.len();
        let mut events: Vec<(i64, u8, Event)> = lines.iter().filter_map(|i| Some((items[*i].time_ns?, 1, Event::Line(*i)))).collect();
        events.extend(steps.iter().map(|(_, d)| (d.end, 0, Event::Step(d.kind))));
        events.sort_by_key(|(at, rank, event)| (*at, *rank, if let Event::Line(i) = event { *i } else { 0 }));
        let begins = lines.iter().filter(|i| items[**i].verb.is_start()).filter_map(|i| items[*i].time_ns).min();
        let claimed = steps.iter().filter(|(_, d)| d.kind == SpanKind::ModelCall).flat_map(|(_, d)| d.items.iter().copied()).collect();
        let mut walk = Walk { holder: self, loops: &loops, claimed, cursor: begins.map(|at| (at, Evidence::Assumed)), failed: None, out };
        for (at, _, event) in events {
            match event {
                Event::Step(kind) => walk.step(kind, at),
                Event::Line(index) => walk.line(index, at),
            }
        }
        // What the loop counts must stand with its last call; else it is drawn as it is told.
        let (replaced, kept): (Vec<_>, Vec<_>) = loops.into_iter().partition(|(_, d)| out[drawn..].iter().any(|call| call.main == d.main));
        let is_in_kept = |call: &Draft| kept.iter().any(|(_, d)| d.start <= call.end && call.end <= d.end.saturating_add(d.quantum_ns));
        let mut at = 0;
        out.retain(|call| {
            at += 1;
            at <= drawn || !is_in_kept(call)
        });
        replaced.into_iter().map(|(i, _)| i).collect()
    }
}

struct Walk<'a, 'b, 'h> {
    holder: &'h Holder<'a, 'b>,
    loops: &'h [(usize, &'a Draft)],
    /// Lines of calls that are drawn already.
    claimed: BTreeSet<usize>,
    /// The next call begins no earlier, and how that is known.
    cursor: Option<(i64, Evidence)>,
    /// The last answer, if it was none to be glad of.
    failed: Option<i64>,
    out: &'h mut Vec<Draft>,
}

impl Walk<'_, '_, '_> {
    fn step(&mut self, kind: SpanKind, at: i64) {
        let may_follow = self.cursor.is_some() || matches!(kind, SpanKind::Tool | SpanKind::ModelCall);
        self.cursor = may_follow.then_some((at, Evidence::Assumed));
    }

    fn line(&mut self, index: usize, at: i64) {
        let item = &self.holder.b.tree.items[index];
        if let Some(answer) = answered(&item.entry) {
            let outcome = outcome_of(answer.status).unwrap_or(Outcome::Ok);
            self.cursor = answer.took_ns.map_or(self.cursor, |took| Some((at.saturating_sub(took), Evidence::Stated)));
            self.call(index, at, (outcome, Some(answer.status)));
            self.failed = (outcome != Outcome::Ok).then_some(at);
            // Two may have been asked at once: the next began behind this one only if something says so.
            self.cursor = None;
        } else if let Some(wait) = announced_ns(item).filter(|_| is_of_a_model(item) || self.has_just_failed(at)) {
            // Without an answer before it the attempt ran into its time limit.
            if !self.has_just_failed(at) {
                self.call(index, at, (Outcome::Timeout, None));
            }
            self.failed = None;
            self.cursor = Some((at.saturating_add(wait), Evidence::Paired));
        } else if self.cursor.is_some_and(|(from, _)| from <= at) || (self.has_just_failed(at) && item.entry.fallback.is_some()) {
            self.cursor = Some((at, Evidence::Assumed));
        }
    }

    fn has_just_failed(&self, at: i64) -> bool {
        self.failed.is_some_and(|failed| at.saturating_sub(failed) <= AT_ONCE_NS)
    }

    fn call(&mut self, index: usize, end: i64, (outcome, status): (Outcome, Option<u16>)) {
        let Some((start, evidence)) = self.cursor.filter(|(from, _)| *from < end && !self.claimed.contains(&index) && !self.is_explained(*from, end)) else { return };
        let (tree, holder) = (&self.holder.b.tree, self.holder.span);
        let item = &tree.items[index];
        let of_loop = self.loops.iter().map(|(_, d)| *d).find(|d| d.start <= end && end <= d.end.saturating_add(d.quantum_ns));
        // What the program says of the model as the answer has come.
        let names_model = |i: &&usize| {
            let line = &tree.items[**i];
            let is_then = line.time_ns.is_some_and(|at| at >= end && at.saturating_sub(end) <= AT_ONCE_NS);
            is_then && line.entry.at.file == item.entry.at.file && line_kind(line) == Some(SpanKind::ModelCall)
        };
        let near = holder.items.iter().filter(|_| outcome == Outcome::Ok).find(names_model).copied();
        let says = of_loop.and_then(|d| d.main).filter(|_| outcome == Outcome::Ok).or(near);
        let follows = |d: &Draft, i: &usize| tree.items[*i].time_ns.is_some_and(|at| at > end && at <= d.end) && answered(&tree.items[*i].entry).is_some();
        let mut items = vec![index];
        // What the loop counts is counted once: with its last call.
        items.extend(of_loop.filter(|d| !holder.items.iter().any(|i| follows(d, i))).map(|d| d.items.clone()).unwrap_or_default());
        items.extend(near);
        items.sort_unstable();
        items.dedup();
        self.out.push(Draft {
            kind: SpanKind::ModelCall,
            name: says.map_or_else(|| address(item.entry.body.as_deref().unwrap_or_default()).to_owned(), |i| step_title(&tree.items[i], SpanKind::ModelCall)),
            start,
            end,
            evidence,
            unfinished: false,
            holds_nothing: true,
            attempt: None,
            outcome,
            main: says.filter(|i| items.contains(i)).or(Some(index)),
            items,
            parent: Some(self.holder.index),
            status,
            queue: None,
            stated_wait_ns: None,
            quantum_ns: item.quantum_ns,
            redelivery: false,
            ..holder.clone()
        });
    }

    /// A call that is drawn already was open meanwhile, here or in a gateway that was asked.
    fn is_explained(&self, from: i64, at: i64) -> bool {
        let spans = &self.holder.b.spans;
        let is_of_loop = |i: &usize| self.loops.iter().any(|(of, _)| of == i);
        // Who logs the call may do so before its client does.
        let had_ended = |d: &Draft| at.saturating_sub(from) <= AT_ONCE_NS && d.end <= at && at.saturating_sub(d.end) <= AT_ONCE_NS && d.service == self.holder.span.service;
        self.holder.calls.iter().any(|i| ((spans[*i].start < at && spans[*i].end > from) || had_ended(&spans[*i])) && !is_of_loop(i))
    }
}

/// The one line of a call counts several answers with tools between them: it is a loop of calls.
fn is_loop(call: &Draft, answers: &[(i64, usize)], steps: &[(usize, &Draft)], b: &Builder<'_>) -> bool {
    let inside = |at: i64| call.start <= at && at <= call.end.saturating_add(call.quantum_ns);
    let well: Vec<i64> =
        answers.iter().filter(|(at, i)| inside(*at) && answered(&b.tree.items[*i].entry).is_some_and(|a| outcome_of(a.status).is_none())).map(|(at, _)| *at).collect();
    let (Some(first), Some(last)) = (well.iter().min(), well.iter().max()) else { return false };
    first < last && call.evidence == Evidence::Stated && steps.iter().any(|(_, d)| d.kind == SpanKind::Tool && first <= &d.start && d.end <= *last)
}
