//! Every part of a request in one table: by stage, service, operation or attempt, with its time on the critical path, its own time, the
//! time it was busy, how often it ran, and what is usual.
//!
//! Guarantees: the times on the critical path, the unaccounted among them, add up to the time to completion exactly, their printed shares
//! to 100 %, whatever the parts are. Busy time is wall time: parallel parts may together exceed the whole.

use super::{
    context::{Context, TYPICAL_FROM},
    view::{Grouping, View},
};
use crate::{
    model::trace::{Span, Stage},
    web::{
        format,
        pages::parts::Badge,
        waterfall::{self, bars},
    },
};
use std::collections::BTreeMap;

/// Most parts shown; the others are summed up.
const MOST: usize = 60;

/// The table.
pub struct Every {
    /// Ways to cut: words, address, chosen.
    pub groupings: Vec<(&'static str, String, bool)>,
    /// It is open.
    pub is_open: bool,
    /// Parts, the longest on the critical path first.
    pub rows: Vec<Part>,
    /// Time to completion.
    pub total: String,
    /// What is usual is known of some part.
    pub is_compared: bool,
}

/// A part.
pub struct Part {
    /// Stage; none where a part is of several.
    pub badge: Option<Badge>,
    /// Name.
    pub name: String,
    /// Time on the critical path.
    pub path: String,
    /// Its share.
    pub share: String,
    /// Time in which no step below it runs.
    pub own: String,
    /// Wall time covered.
    pub busy: String,
    /// Steps.
    pub steps: String,
    /// Failed ones, in words.
    pub failed: String,
    /// The longest: length and address.
    pub longest: Option<(String, String)>,
    /// Median, 95th percentile and how many.
    pub usual: Option<(String, String, String)>,
    /// Longest against the median.
    pub difference: String,
    /// `bad` past the 95th percentile.
    pub class: &'static str,
}

/// Steps that are one part.
#[derive(Default)]
struct Bunch {
    spans: Vec<usize>,
    path_ns: i64,
}

/// What a part is known by: stage and name.
type Key = (Option<Stage>, String);

/// The table of a path; none without steps.
pub fn every(c: &Context<'_>, view: &View) -> Option<Every> {
    let by = view.group.unwrap_or(Grouping::Stage);
    if c.trace.spans.len() < 2 || c.trace.completion.total_ns <= 0 {
        return None;
    }
    let mut bunches: BTreeMap<Key, Bunch> = BTreeMap::new();
    for (i, span) in c.trace.spans.iter().enumerate() {
        let bunch = bunches.entry(key(span, by)).or_default();
        bunch.spans.push(i);
        bunch.path_ns += c.chosen.path_ns[i];
    }
    let mut bunches: Vec<(Key, Bunch)> = bunches.into_iter().collect();
    bunches.sort_by_key(|(_, b)| std::cmp::Reverse((b.path_ns, b.spans.len())));
    let rest = bunches.split_off(bunches.len().min(MOST));
    if !rest.is_empty() {
        let name = format!("{} further parts", format::count(rest.len() as u64));
        let sum = rest.into_iter().fold(Bunch::default(), |mut sum, (_, b)| {
            sum.spans.extend(b.spans);
            sum.path_ns += b.path_ns;
            sum
        });
        bunches.push(((None, name), sum));
    }
    let unaccounted = c.trace.completion.total_ns - bunches.iter().map(|(_, b)| b.path_ns).sum::<i64>();
    let mut times: Vec<i64> = bunches.iter().map(|(_, b)| b.path_ns).collect();
    times.push(unaccounted);
    let shares = format::shares(&times);
    let mut rows: Vec<Part> = bunches.iter().zip(&shares).map(|((key, b), share)| part(c, key, b, share, by)).collect();
    if unaccounted > 0 {
        rows.push(unaccounted_part(unaccounted, shares.last().cloned().unwrap_or_default()));
    }
    Some(Every {
        groupings: Grouping::ALL.map(|(g, word)| (word, view.href(|v| v.group = Some(g), "#parts"), g == by)).into(),
        is_open: view.group.is_some(),
        is_compared: rows.iter().any(|r| r.usual.is_some()),
        rows,
        total: format::length(c.trace.completion.total_ns),
    })
}

fn key(span: &Span, by: Grouping) -> Key {
    let stage = span.kind.stage();
    let name = match by {
        Grouping::Stage if span.kind.is_wait() => span.kind.word().replace('_', " "),
        Grouping::Stage => stage.word().to_owned(),
        Grouping::Service => return (None, span.service.clone().unwrap_or_else(|| "no service named".into())),
        Grouping::Operation => span.name.clone(),
        Grouping::Attempt => return (None, span.attempt.map_or_else(|| "no attempt stated".into(), |n| format!("attempt {n}"))),
    };
    (Some(stage), name)
}

fn part(c: &Context<'_>, key: &Key, bunch: &Bunch, share: &str, by: Grouping) -> Part {
    let spans: Vec<&Span> = bunch.spans.iter().map(|i| &c.trace.spans[*i]).collect();
    let failed = spans.iter().filter(|s| waterfall::failed(s)).count();
    let longest = bunch.spans.iter().max_by_key(|i| (c.trace.spans[**i].duration_ns(), std::cmp::Reverse(**i))).map(|i| &c.trace.spans[*i]);
    let usual = longest.filter(|_| by == Grouping::Operation).and_then(|s| c.view.typical_by_operation.get(&(s.kind, s.name.clone()))).filter(|t| t.n >= TYPICAL_FROM);
    let longest_ns = longest.map_or(0, Span::duration_ns);
    Part {
        badge: key.0.map(Badge::from),
        name: key.1.clone(),
        path: format::length_above_zero(bunch.path_ns),
        share: if bunch.path_ns > 0 { share.to_owned() } else { format::NONE.into() },
        own: format::length(own_ns(c, &bunch.spans)),
        busy: format::length(busy_ns(&spans)),
        steps: format::count(spans.len() as u64),
        failed: if failed > 0 { format!("{} failed", format::count(failed as u64)) } else { String::new() },
        longest: longest.and_then(|s| Some((format::length(s.duration_ns()), c.step_href(&s.id)?))),
        usual: usual.map(|t| (format::length(t.p50_ns), format::length(t.p95_ns), format::count(t.n))),
        difference: usual.map(|t| format::offset(longest_ns - t.p50_ns)).unwrap_or_default(),
        class: if usual.is_some_and(|t| longest_ns > t.p95_ns) { "bad" } else { "" },
    }
}

fn unaccounted_part(ns: i64, share: String) -> Part {
    Part {
        badge: None,
        name: "unaccounted".into(),
        path: format::length(ns),
        share,
        own: String::new(),
        busy: String::new(),
        steps: String::new(),
        failed: String::new(),
        longest: None,
        usual: None,
        difference: String::new(),
        class: "",
    }
}

fn own_ns(c: &Context<'_>, spans: &[usize]) -> i64 {
    let of = |i: usize| {
        let children: Vec<&Span> = c.children[i].iter().map(|k| &c.trace.spans[*k]).collect();
        bars::own_time(&c.trace.spans[i], &children).into_iter().map(|(a, b)| b - a).fold(0, i64::saturating_add)
    };
    spans.iter().map(|i| of(*i)).fold(0, i64::saturating_add)
}

/// Wall time covered by some spans.
pub fn busy_ns(spans: &[&Span]) -> i64 {
    let mut parts: Vec<(i64, i64)> = spans.iter().map(|s| (s.start.0, s.end_or_start().0)).collect();
    parts.sort_unstable();
    let (mut sum, mut at) = (0_i64, i64::MIN);
    for (from, to) in parts {
        sum = sum.saturating_add(to.saturating_sub(from.max(at)).max(0));
        at = at.max(to);
    }
    sum
}
