//! A reader's wishes against one request: which steps they name, which match, which are left out, and what interval is in view.
//!
//! Guarantees: a wish that names what is not there is said and left out, the page is drawn all the same. Pure.

use super::view::{Folded, Only, View};
use crate::{
    model::{
        format,
        trace::{Span, SpanKind, Trace},
    },
    query::view::PathView,
    web::{links, waterfall},
};
use rustc_hash::{FxHashMap, FxHashSet};

/// Notices about an address.
const MAX_NOTICES: usize = 8;

/// What was wished, found in the request.
pub struct Chosen {
    /// Names of steps in addresses, by index.
    pub keys: Vec<String>,
    /// Only this step and what is below it.
    pub root: Option<usize>,
    /// The step that is open.
    pub step: Option<usize>,
    /// Steps whose subtree is folded.
    pub folded: FxHashSet<usize>,
    /// By index, the steps that match; `None`: nothing is searched for.
    pub matches: Option<Vec<bool>>,
    /// By index, the steps that are drawn; `None`: all.
    pub keep: Option<Vec<bool>>,
    /// By index, time on the critical path to completion in nanoseconds.
    pub path_ns: Vec<i64>,
    /// First and last instant of the request.
    pub whole: (i64, i64),
    /// First and last instant in view, when it is not the whole.
    pub window: Option<(i64, i64)>,
    /// Wishes that could not be met.
    pub notices: Vec<String>,
}

impl Chosen {
    /// Finds what was wished. `zero` is the instant offsets count from.
    pub fn new(path: &PathView, view: &View, zero: i64) -> Self {
        let spans = &path.trace.spans;
        let keys = links::step_keys(spans);
        let ids = spans.iter().enumerate().map(|(i, s)| (s.id.clone(), i));
        let by_key: FxHashMap<String, usize> = ids.chain(keys.iter().cloned().enumerate().map(|(i, k)| (k, i))).collect();
        let mut notices = view.notices.clone();
        let mut named = |what: &str, key: Option<&String>| {
            let found = key.and_then(|k| by_key.get(k.as_str()).copied());
            if let Some(key) = key.filter(|_| found.is_none()) {
                notices.push(format!("{what}={}: this request has no such step; it may be of an earlier reading of the logs", format::head(key, 60)));
            }
            found
        };
        let (root, step) = (named("root", view.root.as_ref()), named("step", view.step.as_ref()));
        let folded = match &view.fold {
            Folded::Steps(steps) => steps.iter().filter_map(|k| named("fold", Some(k))).collect(),
            _ => FxHashSet::default(),
        };
        let matches = view.find.as_deref().map(|text| matches(path, text));
        let keep = match (view.only, &matches) {
            (Only::Matches, Some(found)) => Some(with_what_is_above(&path.trace, found)),
            (Only::Agent, _) => Some(spans.iter().map(is_agent_step).collect()),
            _ => None,
        };
        let whole = whole(path, zero);
        let window = view.zoom.map(|(a, b)| (zero.saturating_add(a), zero.saturating_add(b))).filter(|(a, b)| {
            let meets = *a < whole.1 && *b > whole.0;
            if !meets {
                notices.push("zoom lies outside of the request; the whole is drawn".to_owned());
            }
            meets
        });
        if let Some(line) = view.line.as_deref().filter(|line| !path.log.iter().any(|l| l.line.to_string() == **line)) {
            let all = path.trace.lines.len() + path.trace.unplaced.len();
            let words = if path.log.len() < all { "not among the lines of this request that are shown" } else { "this request has no such line" };
            notices.push(format!("line={}: {words}", format::head(line, 60)));
        }
        let path_ns = path_ns(&path.trace);
        let left = notices.len().saturating_sub(MAX_NOTICES);
        if left > 0 {
            notices.truncate(MAX_NOTICES);
            notices.push(format!("and {} more such", format::count(left as u64)));
        }
        Self { keys, root, step, folded, matches, keep, path_ns, whole, window: window.filter(|w| *w != whole), notices }
    }

    /// How many steps match.
    pub fn found(&self) -> usize {
        self.matches.iter().flatten().filter(|m| **m).count()
    }

    /// A step is drawn faint: something is searched for and it does not match.
    pub fn is_dim(&self, span: usize) -> bool {
        self.matches.as_ref().is_some_and(|m| !m[span])
    }
}

/// First begin and last end, and the last line where something has no end.
fn whole(path: &PathView, zero: i64) -> (i64, i64) {
    let (from, mut to) = waterfall::bars::extent(path.trace.spans.iter()).unwrap_or((zero, zero));
    if path.trace.spans.iter().any(|s| s.end.is_none()) {
        to = path.log.iter().filter_map(|l| l.time).map(|t| t.0).fold(to, i64::max);
    }
    (from, to)
}

fn path_ns(trace: &Trace) -> Vec<i64> {
    let by_id: FxHashMap<&str, usize> = trace.spans.iter().enumerate().map(|(i, s)| (s.id.as_str(), i)).collect();
    let mut out = vec![0; trace.spans.len()];
    for segment in &trace.completion.segments {
        if let Some(i) = segment.span.as_deref().and_then(|s| by_id.get(s)) {
            out[*i] += segment.ns;
        }
    }
    out
}

/// What an agent does, without what carries it.
fn is_agent_step(span: &Span) -> bool {
    span.kind.is_wait() || matches!(span.kind, SpanKind::ModelCall | SpanKind::Tool | SpanKind::Task | SpanKind::DbWrite)
}

/// By index, whether a text stands in what is known of a step or in one of its lines; case does not matter.
fn matches(path: &PathView, text: &str) -> Vec<bool> {
    let spans = &path.trace.spans;
    let wanted = text.to_lowercase();
    let holds = |text: &str| text.to_lowercase().contains(&wanted);
    let mut out: Vec<bool> = spans.iter().map(|span| words(span).any(holds)).collect();
    let by_id: FxHashMap<&str, usize> = spans.iter().enumerate().map(|(i, s)| (s.id.as_str(), i)).collect();
    for line in path.log.iter() {
        if let Some(i) = line.span.as_deref().and_then(|s| by_id.get(s)).filter(|i| !out[**i])
            && (holds(&line.text) || holds(&line.raw))
        {
            out[*i] = true;
        }
    }
    out
}

fn words(span: &Span) -> impl Iterator<Item = &str> {
    let error = span.error.as_ref();
    let model = span.model.as_ref();
    let optional = [
        span.service.as_deref(),
        span.host.as_deref(),
        span.queue.as_deref(),
        error.and_then(|e| e.kind.as_deref()),
        error.and_then(|e| e.message.as_deref()),
        model.and_then(|m| m.requested.as_deref()),
        model.and_then(|m| m.served.as_deref()),
        model.and_then(|m| m.prompt.as_deref()),
        model.and_then(|m| m.prompt_version.as_deref()),
    ];
    [span.name.as_str(), span.kind.word(), span.outcome.word()].into_iter().chain(optional.into_iter().flatten()).chain(span.ids.iter().map(String::as_str))
}

/// The steps and everything above them. A circle ends the way up.
fn with_what_is_above(trace: &Trace, found: &[bool]) -> Vec<bool> {
    let by_id: FxHashMap<&str, usize> = trace.spans.iter().enumerate().map(|(i, s)| (s.id.as_str(), i)).collect();
    let mut out = found.to_vec();
    for start in (0..found.len()).filter(|i| found[*i]) {
        let mut at = start;
        while let Some(above) = trace.spans[at].parent.as_deref().and_then(|p| by_id.get(p)).copied().filter(|a| !out[*a]) {
            out[above] = true;
            at = above;
        }
    }
    out
}
