//! The path strip: the stops of the request in order, each with its time and a remark.
//!
//! Guarantees: the times are parts of the breakdown to completion, so no nanosecond stands in two stops; a stage that was handed over to
//! and not seen is a stop too, hollow, with the reason. Work beside the critical path is named as such.

use super::{context::Context, every};
use crate::{
    model::trace::{SegmentKind, Span, SpanKind, Stage},
    web::{format, pages::parts::Badge, waterfall},
};

use rustc_hash::{FxHashMap, FxHashSet};

/// Most stops; beyond it the path is told more coarsely.
const MOST: usize = 10;

/// How finely the path is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Grain {
    /// Every stage of every task.
    StagesOfTasks,
    /// A task with everything in it but waits.
    Tasks,
    /// Every stage once.
    Stages,
}

/// A stop.
pub struct Stop {
    /// Stage.
    pub badge: Badge,
    /// Name.
    pub name: String,
    /// Its own time, or `not seen`.
    pub time: String,
    /// What to know.
    pub remark: String,
    /// `warn`, `bad` or empty.
    pub class: &'static str,
    /// Its first step.
    pub href: Option<String>,
    /// It was not seen.
    pub absent: bool,
    /// What the time is.
    pub title: &'static str,
}

/// Spans and own time of a stop.
struct Draft {
    stage: Stage,
    /// The task it runs in; `None`: before any task.
    /// Which wait it is.
    wait: Option<SpanKind>,
    first: i64,
    ns: i64,
    spans: Vec<usize>,
}

/// The stops.
pub fn strip(c: &Context<'_>) -> Vec<Stop> {
    let fits = [Grain::StagesOfTasks, Grain::Tasks].into_iter().map(|grain| drafts(c, grain)).find(|d| d.len() <= MOST);
    let drafts = fits.unwrap_or_else(|| drafts(c, Grain::Stages));
    let mut out: Vec<Stop> = drafts.iter().map(|d| stop(c, d)).collect();
    out.extend(c.trace.missing.iter().take(4).map(|m| Stop {
        badge: m.stage.into(),
        name: m.id.split_once(':').map_or(m.id.as_str(), |(_, value)| value).to_owned(),
        time: if m.reason == "outside_coverage" { "cannot know".into() } else { "not seen".into() },
        remark: m.text.trim_start_matches("not seen, though ").trim_start_matches("cannot know: ").to_owned(),
        class: "",
        href: None,
        absent: true,
        title: "handed over to, and no line shows it",
    }));
    out
}

fn drafts(c: &Context<'_>, grain: Grain) -> Vec<Draft> {
    let spans = &c.trace.spans;
    let mut drafts: Vec<Draft> = Vec::new();
    let mut by_key: FxHashMap<(Stage, Option<usize>, Option<SpanKind>), usize> = FxHashMap::default();
    let first_runs = first_runs(spans);
    let holders: FxHashSet<&str> = spans.iter().filter_map(|s| s.parent.as_deref()).collect();
    // A read of a store is a part of the stop that made it.
    let maker_of = |span: &Span| span.parent.as_deref().filter(|_| span.kind == SpanKind::Other && !holders.contains(&*span.id)).and_then(|p| c.span(p));
    let mut draft_of: Vec<usize> = vec![0; spans.len()];
    for (i, span) in spans.iter().enumerate().filter(|(_, span)| maker_of(span).is_none()) {
        let wait = span.kind.is_wait().then_some(span.kind);
        // A wait stands before the task it waits for, so it is a stop of its own.
        let task = if wait.is_some() { None } else { c.above(i, |s| s.kind == SpanKind::Task) };
        let owner = task.filter(|_| grain != Grain::Stages).map(|t| first_runs.get(&run_of(&spans[t])).copied().unwrap_or(t));
        let stage = if grain == Grain::Tasks && owner.is_some() { Stage::Worker } else { span.kind.stage() };
        let known = by_key.get(&(stage, owner, wait)).copied();
        by_key.entry((stage, owner, wait)).or_insert(drafts.len());
        draft_of[i] = known.unwrap_or(drafts.len());
        match known.map(|at| &mut drafts[at]) {
            Some(d) => {
                d.first = d.first.min(span.start.0);
                d.spans.push(i);
            }
            None => drafts.push(Draft { stage, wait, first: span.start.0, ns: 0, spans: vec![i] }),
        }
    }
    for (i, span) in spans.iter().enumerate() {
        if let Some(maker) = maker_of(span) {
            draft_of[i] = draft_of[maker];
        }
    }
    for segment in c.trace.completion.segments.iter().filter(|s| s.kind != SegmentKind::Unaccounted) {
        if let Some(i) = segment.span.as_deref().and_then(|s| c.span(s)) {
            drafts[draft_of[i]].ns += segment.ns;
        }
    }
    drafts.sort_by_key(|d| d.first);
    drafts
}

/// Runs of one task share a stop: the first span of that name and parent stands for all.
fn first_runs(spans: &[Span]) -> FxHashMap<(&str, Option<&str>), usize> {
    let mut out = FxHashMap::default();
    for (i, span) in spans.iter().enumerate().filter(|(_, s)| s.kind == SpanKind::Task) {
        out.entry(run_of(span)).or_insert(i);
    }
    out
}

fn run_of(span: &Span) -> (&str, Option<&str>) {
    (&span.name, span.parent.as_deref())
}

fn stop(c: &Context<'_>, d: &Draft) -> Stop {
    let spans: Vec<&Span> = d.spans.iter().map(|i| &c.trace.spans[*i]).collect();
    let (remark, class) = remark(c, d, &spans);
    Stop {
        badge: d.stage.into(),
        name: match (d.wait, d.stage, spans.first()) {
            (Some(kind), ..) => kind.word().replace('_', " "),
            (None, Stage::Worker | Stage::Other, Some(first)) => last_part(&first.name).to_owned(),
            _ => d.stage.word().to_owned(),
        },
        time: if d.ns > 0 { format::length(d.ns) } else { format::length(every::busy_ns(&spans)) },
        remark,
        class,
        href: spans.first().and_then(|s| c.step_href(&s.id)),
        absent: false,
        title: if d.ns > 0 { "its time on the critical path" } else { "beside the critical path" },
    }
}

/// `run_review` of `briefly.reviews.run_review`, when the whole would not fit.
fn last_part(name: &str) -> &str {
    if name.chars().count() <= 16 { name } else { name.rsplit(['.', ':', '/']).next().filter(|p| !p.is_empty()).unwrap_or(name) }
}

fn remark(c: &Context<'_>, d: &Draft, spans: &[&Span]) -> (String, &'static str) {
    let failed = spans.iter().filter(|s| waterfall::failed(s)).count();
    if spans.iter().any(|s| s.unfinished) {
        return ("no end seen".into(), "warn");
    }
    if let Some(kind) = d.wait {
        return wait_remark(c, kind, d, spans);
    }
    let beside = if d.ns == 0 { "beside the critical path" } else { "" };
    match d.stage {
        Stage::Edge | Stage::App => (joined(&[spans[0].service.clone(), spans[0].status.map(|s| s.to_string())]), if failed > 0 { "bad" } else { "" }),
        Stage::Worker => {
            let tasks: Vec<&&Span> = spans.iter().filter(|s| s.kind == SpanKind::Task).collect();
            let failed = tasks.iter().filter(|s| waterfall::failed(s)).count();
            let runs = if tasks.len() > 1 { Some(format!("{} runs", tasks.len())) } else { spans[0].attempt.filter(|a| *a > 1).map(|a| format!("attempt {a}")) };
            let failures = (failed > 0).then(|| format!("{failed} failed"));
            (joined(&[spans[0].service.clone(), runs, failures]), if failed > 0 { "bad" } else { "" })
        }
        Stage::Model => model_remark(c, spans, failed),
        _ => {
            let names = distinct(spans.iter().map(|s| s.name.as_str()));
            let failures = (failed > 0).then(|| format!("{failed} failed"));
            (joined(&[Some(names), failures, Some(beside.to_owned())]), if failed > 0 { "bad" } else { "" })
        }
    }
}

fn model_remark(c: &Context<'_>, spans: &[&Span], failed: usize) -> (String, &'static str) {
    let fell_back = c.trace.verdict.fallback_to.as_deref().is_some_and(|to| spans.iter().any(|s| s.name == to));
    let answered = spans.iter().any(|s| !waterfall::failed(s));
    match (failed, fell_back, answered) {
        (0, false, _) if spans.len() > 1 => (format!("{} calls", spans.len()), ""),
        (0, ..) => (distinct(spans.iter().map(|s| s.name.as_str())), ""),
        (n, true, true) => (format!("{n} failed, then a fallback"), "warn"),
        (n, _, true) => (format!("{n} failed, then answered"), "warn"),
        (n, ..) => (format!("{n} failed"), "bad"),
    }
}

fn wait_remark(c: &Context<'_>, kind: SpanKind, d: &Draft, spans: &[&Span]) -> (String, &'static str) {
    let segment = SegmentKind::from_word(kind.word());
    let usual = segment.and_then(|k| c.typical(k)).filter(|t| t.p50_ns > 0);
    let whole = segment.and_then(|k| c.trace.completion.by_kind_ns.get(&k)).copied().unwrap_or(d.ns);
    if let Some(t) = usual {
        let ratio = whole as f64 / t.p50_ns as f64;
        if ratio >= 2.0 {
            return (format!("{} the median", format::times(ratio)), if whole > t.p95_ns { "bad" } else { "" });
        }
    }
    let queues = distinct(spans.iter().filter_map(|s| s.queue.as_deref()));
    (if queues.is_empty() { format::counted(spans.len() as u64, "wait", "waits") } else { queues }, "")
}

fn joined(parts: &[Option<String>]) -> String {
    parts.iter().flatten().filter(|p| !p.is_empty()).cloned().collect::<Vec<_>>().join(" · ")
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    match seen.as_slice() {
        [first, second, rest @ ..] if !rest.is_empty() => format!("{first}, {second} and {} more", rest.len()),
        names => names.join(", "),
    }
}
