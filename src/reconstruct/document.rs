//! Drawn spans become the public path document.
//!
//! Guarantees: a breakdown adds up to its total; every line of the tree stands in `lines` or in `unplaced`; a figure that is stated on
//! several lines of one call counts once. It never draws, moves or hangs a span: `build` did.

use crate::{
    model::{
        entry::Severity,
        id::IdKind,
        profile::Profile,
        time::UnixNanos,
        trace::{Anomaly, AnomalyKind, LineRef, Missing, Outcome, PathId, Placement, Proof, SourceCount, Span, SpanError, SpanKind, SpanModel, Stage, Tokens, Trace},
    },
    reconstruct::{
        attempts::{self, Attempts},
        breakdown::{self, FirstTokens, Part},
        build::Built,
        clocks,
        item::Item,
        roles, route,
        spans::{self, Builder, Draft},
        tree::{Tree, Unit},
        verdict,
    },
};
use rustc_hash::FxHashSet;
use std::{collections::BTreeMap, sync::Arc};

fn first_tokens(b: &Builder<'_>) -> FirstTokens {
    let mut out = FirstTokens::new();
    for (index, d) in b.spans.iter().enumerate().filter(|(_, d)| d.kind == SpanKind::ModelCall && d.outcome == Outcome::Ok) {
        if let Some(ns) = d.items.iter().chain(&d.main).find_map(|i| first_token(&b.tree.items[*i], b.profile, d)) {
            out.insert(index, ns);
        }
    }
    out
}

fn first_token(item: &Item, profile: &Profile, d: &Draft) -> Option<i64> {
    let length = item.entry.first_token.as_ref().and_then(|l| l.ns);
    let instant = item.entry.first_token_at.as_ref().map(|t| item.corrected(**t, profile) - d.start);
    let seen = (item.verb == crate::reconstruct::words::Verb::FirstToken).then(|| item.time_ns.map(|t| t - d.start)).flatten();
    let ns = length.or(instant).or(seen)?;
    // At the very end it says that the answer was not streamed (gateways repeat the end there).
    (ns > 0 && ns < d.ns()).then_some(ns)
}

/// The document of a tree whose spans are drawn, in order and hung; `root` is the outermost one.
pub(super) fn finish(b: &Builder<'_>, root: Option<usize>, attempts: &Attempts) -> Built {
    let tree = b.tree;
    let tokens = first_tokens(b);
    let names: Vec<String> = (1..=b.spans.len()).map(|n| format!("s{n}")).collect();
    let (completion, answered) = breakdowns(b, root, &tokens);
    let response = &completion[..answered];
    let name = |i: usize| names[i].clone();
    let spans: Vec<Span> = (0..b.spans.len()).map(|i| document_span(b, i, &names, &tokens)).collect();
    let placed = place(b);
    let response_ns = root.map(|r| b.spans[r].ns());
    let last_end = b.spans.iter().map(|d| d.end).max();
    let completion_ns = root.zip(last_end).map(|(r, e)| (e - b.spans[r].start).max(0));
    let state = verdict::state(b, root);
    let breakdown = breakdown::totals(response, &name);
    let unaccounted = breakdown.by_kind_ns.get(&crate::model::trace::SegmentKind::Unaccounted).copied().unwrap_or(0);
    let coverage = response_ns.filter(|r| *r > 0).map(|r| ((1.0 - unaccounted as f64 / r as f64) * 1e4).round() / 1e4);
    let models = models_of(b);
    let sums = sums(b);
    let mut trace = Trace {
        schema: 1,
        request_id: request_id(tree),
        ids: ids(tree),
        route: route_of(b, root),
        start: root.map(|r| UnixNanos(b.spans[r].start)).or_else(|| tree.items.iter().find_map(|i| i.time_ns).map(UnixNanos)),
        response_ns,
        completion_ns,
        state,
        status: root.and_then(|r| b.spans[r].status),
        breakdown,
        completion: breakdown::totals(&completion, &name),
        busy_ns: breakdown::busy(&b.spans),
        coverage,
        verdict: verdict::verdict(b, root, attempts, state, &names, response),
        models,
        prompt_versions: versions(b),
        config_versions: distinct(tree.items.iter().filter_map(|i| i.entry.config_version.as_deref().map(str::to_owned))),
        tokens: sums.0,
        cost_usd: sums.1,
        lines: tree.items.iter().zip(&placed).filter(|(_, p)| p.is_some()).map(|(i, _)| i.line.clone()).chain(tree.repeated.iter().cloned()).collect(),
        unplaced: tree.items.iter().zip(&placed).filter(|(_, p)| p.is_none()).map(|(i, _)| i.line.clone()).collect(),
        placed: placements(b),
        possible: tree.possible.iter().map(|item| item.line.clone()).collect(),
        missing: missing(b),
        links: tree.links.clone(),
        skew: Vec::new(),
        sources: sources(tree),
        marks: Vec::new(),
        anomalies: tree.anomalies.iter().cloned().chain(b.anomalies.iter().cloned()).collect(),
        spans,
    };
    if trace.spans.is_empty() {
        // Nothing states an interval: every line is still a line of the path.
        trace.lines = std::mem::take(&mut trace.unplaced);
    }
    marks(&mut trace);
    let errors = tree.items.iter().filter(|i| i.entry.severity.is_some_and(|s| s >= Severity::Error)).count() as u32;
    Built { trace, placed, errors, clocks: clocks::of_path(b) }
}

fn placements(b: &Builder<'_>) -> Vec<Placement> {
    let of = |(item, owner): (&Item, &Option<Arc<str>>)| {
        let unit = b.tree.units.get(owner.as_ref()?)?;
        Some(Placement { line: item.line.clone(), rule: item.placed_by?, id: format!("{}:{}", roles::kind_word(unit.kind, &unit.label), unit.value) })
    };
    b.tree.items.iter().zip(&b.owner).filter_map(of).collect()
}

fn marks(trace: &mut Trace) {
    let open = trace.spans.iter().any(|s| s.unfinished);
    if open {
        trace.marks.push("open".into());
        let lines: Vec<LineRef> = trace.spans.iter().filter(|s| s.unfinished).filter_map(|s| s.lines.first().cloned()).collect();
        let names: Vec<&str> = trace.spans.iter().filter(|s| s.unfinished).map(|s| s.name.as_str()).collect();
        trace.anomalies.push(Anomaly { kind: AnomalyKind::MissingEnd, text: format!("{} began and no end was seen", names.join(", ")), lines });
    }
    if !trace.missing.is_empty() || trace.anomalies.iter().any(|a| a.kind == AnomalyKind::Orphan) {
        trace.marks.push("incomplete".into());
    }
}

/// Parts of the completion, and how many of them are of the response.
fn breakdowns(b: &Builder<'_>, root: Option<usize>, tokens: &FirstTokens) -> (Vec<Part>, usize) {
    let Some(root) = root else { return (Vec::new(), 0) };
    let mut parts = breakdown::response(&b.spans, root, tokens);
    let answered = parts.len();
    let (end, last) = (b.spans[root].end, b.spans.iter().map(|d| d.end).max().unwrap_or(b.spans[root].end));
    parts.extend(breakdown::after(&b.spans, root, end, last, tokens));
    (parts, answered)
}

fn document_span(b: &Builder<'_>, i: usize, names: &[String], tokens: &FirstTokens) -> Span {
    let d = &b.spans[i];
    let mut lines: Vec<LineRef> = Vec::with_capacity(d.items.len());
    let mut items = d.items.clone();
    items.sort_unstable();
    items.dedup();
    lines.extend(items.iter().map(|x| b.tree.items[*x].line.clone()));
    let unit_word = b.tree.units.get(&d.unit).map(|u| format!("{}:{}", roles::kind_word(u.kind, &u.label), u.value));
    let mut ids: Vec<String> = unit_word.into_iter().collect();
    for r in d
        .main
        .iter()
        .flat_map(|x| &b.tree.items[*x].refs)
        .filter(|r| r.relation == crate::model::id::IdRelation::Own && roles::level(r.kind) >= 2 && b.tree.units.contains_key(&r.key))
    {
        let word = format!("{}:{}", roles::kind_word(r.kind, &r.label), r.value);
        if !ids.contains(&word) {
            ids.push(word);
        }
    }
    Span {
        id: names[i].clone(),
        parent: d.parent.map(|p| names[p].clone()),
        kind: d.kind,
        name: d.name.clone(),
        service: Some(d.service.clone()).filter(|s| !s.is_empty()),
        host: d.host.clone(),
        start: UnixNanos(d.start),
        end: Some(UnixNanos(d.end)),
        evidence: d.evidence,
        unfinished: d.unfinished,
        attempt: d.attempt,
        outcome: d.outcome,
        error: span_error(b, i).map(Box::new),
        ids,
        lines,
        blocking: d.blocking,
        status: d.status,
        queue: d.queue.clone(),
        stated_wait_ns: d.stated_wait_ns,
        model: (d.kind == SpanKind::ModelCall).then(|| Box::new(span_model(b, d, tokens.get(&i).copied()))),
    }
}

fn span_error(b: &Builder<'_>, i: usize) -> Option<SpanError> {
    let d = &b.spans[i];
    if matches!(d.outcome, Outcome::Ok | Outcome::Unknown) {
        return None;
    }
    let failure = d.main.iter().chain(&d.items).find_map(|x| b.tree.items[*x].entry.failure.as_deref().filter(|f| f.kind.is_some() || f.message.is_some()));
    let (class, rule) = attempts::class_of_span(b, i).unwrap_or((crate::model::trace::FailureClass::Unknown, String::new()));
    let body = d.main.and_then(|x| b.tree.items[x].entry.body.as_deref());
    let message = failure.and_then(|f| f.message.as_deref()).or(body).map(|m| first_line(m, 300));
    Some(SpanError { kind: failure.and_then(|f| f.kind.as_deref().or(f.code.as_deref())).map(str::to_owned), message, class, rule: Some(rule).filter(|r| !r.is_empty()) })
}

/// The first line of a text, at most `max` bytes.
fn first_line(text: &str, max: usize) -> String {
    let line = text.lines().find(|l| !l.trim().is_empty()).unwrap_or("").trim();
    let mut cut = line.len().min(max);
    while !line.is_char_boundary(cut) {
        cut -= 1;
    }
    if cut < line.len() { format!("{}…", &line[..cut]) } else { line.to_owned() }
}

fn span_model(b: &Builder<'_>, d: &Draft, first_token_ns: Option<i64>) -> SpanModel {
    let mut out = SpanModel { first_token_ns, ..SpanModel::default() };
    let text = |v: &Option<Box<str>>| v.as_deref().map(str::to_owned);
    // The line that states the call first; others fill what it leaves open.
    for x in d.main.iter().chain(&d.items) {
        let e = &b.tree.items[*x].entry;
        out.config_version = out.config_version.take().or_else(|| text(&e.config_version));
        let Some(m) = e.model.as_deref() else { continue };
        out.requested = out.requested.take().or_else(|| text(&m.requested));
        out.served = out.served.take().or_else(|| text(&m.served));
        out.provider = out.provider.take().or_else(|| text(&m.provider));
        out.prompt = out.prompt.take().or_else(|| text(&m.prompt_name));
        out.prompt_version = out.prompt_version.take().or_else(|| text(&m.prompt_version));
        out.input_tokens = out.input_tokens.or(m.input_tokens);
        out.output_tokens = out.output_tokens.or(m.output_tokens);
        out.cached_tokens = out.cached_tokens.or(m.cached_tokens);
        out.cost_usd = out.cost_usd.or(m.cost_usd);
        out.finish_reason = out.finish_reason.take().or_else(|| text(&m.finish_reason));
    }
    out
}

/// Which span each line belongs to: the smallest one that stands on it; a line of a unit without a span of its own goes to the
/// span of its parent.
fn place(b: &Builder<'_>) -> Vec<Option<usize>> {
    let mut placed: Vec<Option<usize>> = vec![None; b.tree.items.len()];
    for (index, d) in b.spans.iter().enumerate() {
        for &item in &d.items {
            let better = placed[item].is_none_or(|p: usize| {
                let old = &b.spans[p];
                (old.kind.is_wait() && !d.kind.is_wait()) || (old.kind.is_wait() == d.kind.is_wait() && old.ns() > d.ns())
            });
            if better {
                placed[item] = Some(index);
            }
        }
    }
    for (index, item) in b.tree.items.iter().enumerate() {
        if placed[index].is_some() {
            continue;
        }
        let Some(owner) = &b.owner[index] else { continue };
        let t = item.time_ns;
        let span = t.and_then(|t| spans::parent_at(b, owner, t, t));
        placed[index] = span;
    }
    placed
}

fn ids(tree: &Tree) -> Vec<PathId> {
    let mut units: Vec<&Unit> = tree.units.values().collect();
    units.sort_by(|a, b| (a.depth, a.kind, &a.key).cmp(&(b.depth, b.kind, &b.key)));
    units
        .into_iter()
        .map(|u| PathId {
            kind: roles::kind_word(u.kind, &u.label).to_owned(),
            value: u.value.to_string(),
            scope: u.scope.as_deref().map(str::to_owned),
            proof: u.parent.as_ref().map(|p| Proof {
                rule: p.rule,
                parent: tree
                    .units
                    .get(tree.proved_by.get(&u.key).unwrap_or(&p.parent))
                    .map_or_else(|| p.parent.to_string(), |x| format!("{}:{}", roles::kind_word(x.kind, &x.label), x.value)),
                lines: p.lines.clone(),
            }),
        })
        .collect()
}

fn request_id(tree: &Tree) -> Option<String> {
    let root = tree.units.get(&tree.root)?;
    if root.kind == IdKind::Request {
        return Some(root.value.to_string());
    }
    tree.units.values().filter(|u| u.kind == IdKind::Request).min_by_key(|u| (u.depth, &u.key)).map(|u| u.value.to_string())
}

fn route_of(b: &Builder<'_>, root: Option<usize>) -> Option<String> {
    let routes =
        |kinds: &[SpanKind]| b.spans.iter().filter(|d| kinds.contains(&d.kind)).flat_map(|d| d.main.iter().chain(&d.items)).find_map(|i| route::of_item(&b.tree.items[*i]));
    routes(&[SpanKind::App]).or_else(|| routes(&[SpanKind::Edge])).or_else(|| b.tree.items.iter().find_map(route::of_item)).or_else(|| {
        let r = root?;
        Some(b.spans[r].name.clone()).filter(|n| !n.is_empty())
    })
}

fn models_of(b: &Builder<'_>) -> Vec<String> {
    distinct(b.spans.iter().filter(|d| d.kind == SpanKind::ModelCall).filter_map(|d| {
        d.main.iter().chain(&d.items).find_map(|i| {
            let m = b.tree.items[*i].entry.model.as_deref()?;
            m.served.as_deref().or(m.requested.as_deref()).map(spans::bare_model)
        })
    }))
}

fn versions(b: &Builder<'_>) -> Vec<String> {
    distinct(b.tree.items.iter().filter_map(|i| {
        let m = i.entry.model.as_deref()?;
        let version = m.prompt_version.as_deref()?;
        Some(match m.prompt_name.as_deref() {
            Some(name) if !version.contains('@') => format!("{name}@{version}"),
            _ => version.to_owned(),
        })
    }))
}

fn distinct(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen: FxHashSet<String> = FxHashSet::default();
    values.filter(|v| seen.insert(v.clone())).collect()
}

/// How far the two sides of a call may stand off each other.
fn side_slack(d: &Draft) -> i64 {
    2 * d.quantum_ns + 5_000_000
}

/// Two services logged one call, the caller and the gateway: one's time lies inside the other's, and both state the same tokens.
fn is_other_side(b: &Builder<'_>, d: &Draft, other: &Draft) -> bool {
    let slack = side_slack(d).max(side_slack(other));
    let inside = |x: &Draft, y: &Draft| y.start - slack <= x.start && x.end <= y.end + slack;
    let tokens = |d: &Draft| d.main.iter().chain(&d.items).find_map(|i| b.tree.items[*i].entry.model.as_deref().and_then(|m| m.input_tokens));
    d.service != other.service && (inside(d, other) || inside(other, d)) && tokens(d).is_some() && tokens(d) == tokens(other)
}

/// Model calls by their sides: one, or that of the caller and that of a gateway.
fn calls<'b>(b: &'b Builder<'_>) -> Vec<Vec<&'b Draft>> {
    let drafts = || b.spans.iter().filter(|d| d.kind == SpanKind::ModelCall);
    let slack = drafts().map(side_slack).max().unwrap_or_default();
    let mut calls: Vec<Vec<&Draft>> = Vec::new();
    // Those of one side that a call may still be the other of: spans stand in order of begin, so what ended before has none.
    let mut open: Vec<usize> = Vec::new();
    for d in drafts() {
        open.retain(|&at| calls[at][0].end + slack >= d.start);
        if let Some(known) = open.iter().position(|&at| is_other_side(b, d, calls[at][0])) {
            calls[open.remove(known)].push(d);
        } else {
            open.push(calls.len());
            calls.push(vec![d]);
        }
    }
    calls
}

/// Tokens and cost, counted once a call.
fn sums(b: &Builder<'_>) -> (Option<Tokens>, Option<f64>) {
    let mut tokens = Tokens::default();
    let mut cost: Option<f64> = None;
    for sides in calls(b) {
        // What one side leaves out the other states.
        let items = || sides.iter().flat_map(|d| d.main.iter().chain(&d.items));
        let find = |f: &dyn Fn(&crate::model::entry::ModelCall) -> Option<f64>| items().find_map(|i| b.tree.items[*i].entry.model.as_deref().and_then(f));
        if let Some(n) = find(&|m| m.input_tokens.map(|n| n as f64)) {
            *tokens.input.get_or_insert(0) += n as u64;
        }
        if let Some(n) = find(&|m| m.output_tokens.map(|n| n as f64)) {
            *tokens.output.get_or_insert(0) += n as u64;
        }
        if let Some(n) = find(&|m| m.cost_usd) {
            *cost.get_or_insert(0.0) += n;
        }
    }
    ((tokens != Tokens::default()).then_some(tokens), cost.map(|c| (c * 1e9).round() / 1e9))
}

fn sources(tree: &Tree) -> Vec<SourceCount> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for item in &tree.items {
        *counts.entry(&item.line.file).or_default() += 1;
    }
    counts.into_iter().map(|(file, lines)| SourceCount { file: file.to_owned(), lines }).collect()
}

/// Tasks that were handed over and never seen, with what the sources can say about it.
fn missing(b: &Builder<'_>) -> Vec<Missing> {
    b.missing
        .iter()
        .filter_map(|key| {
            let unit = b.tree.units.get(key)?;
            let id = format!("{}:{}", roles::kind_word(unit.kind, &unit.label), unit.value);
            let handed = b.naming(key).iter().filter_map(|i| b.tree.items[*i].time_ns).max()?;
            let covering: Vec<&str> = b.tree.coverage.iter().filter(|(_, from, to)| *from <= handed && handed <= *to).map(|(name, _, _)| name.as_str()).collect();
            let (reason, text) = if covering.is_empty() {
                ("outside_coverage", "cannot know: no source covers the time after the hand-over".to_owned())
            } else {
                ("not_seen", format!("not seen, though {} this time", cover_words(&covering)))
            };
            Some(Missing { stage: Stage::Worker, id, reason: reason.into(), text })
        })
        .collect()
}

fn cover_words(names: &[&str]) -> String {
    match names {
        [one] => format!("{one} covers"),
        [a, b] => format!("{a} and {b} cover"),
        [a, rest @ ..] => format!("{a} and {} other sources cover", rest.len()),
        [] => "no source covers".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::{Entry, ModelCall};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_two_sides_of_a_call_are_those_that_all_pairs_show(
            given in prop::collection::vec((0..3_u8, 0..300_i64, prop::sample::select(vec![0_i64, 3, 20, 90]), prop::option::of(0..3_u64), prop::sample::select(vec![1_i64, 1_000_000, 10_000_000])), 0..30),
        ) {
            let item = |tokens: Option<u64>| {
                let entry = Entry { model: Some(Box::new(ModelCall { input_tokens: tokens, ..ModelCall::default() })), ..Entry::default() };
                Item::new(Arc::new(entry), &"a.log".into(), &Profile::default())
            };
            let tree = Tree { items: given.iter().map(|(.., tokens, _)| item(*tokens)).collect(), ..Tree::default() };
            let profile = Profile::default();
            let mut b = spans::build(&tree, &profile);
            b.spans = given
                .iter()
                .enumerate()
                .map(|(index, (service, start, ns, _, quantum_ns))| {
                    let (start, end) = (start * 1_000_000, (start + ns) * 1_000_000);
                    Draft { service: format!("s{service}"), quantum_ns: *quantum_ns, items: vec![index], main: Some(index), ..Draft::sample(SpanKind::ModelCall, start, end) }
                })
                .collect();
            b.spans.sort_by_key(|d| d.start);
            let mut pairs: Vec<Vec<&Draft>> = Vec::new();
            for d in &b.spans {
                match pairs.iter().position(|sides| sides.len() == 1 && is_other_side(&b, d, sides[0])) {
                    Some(known) => pairs[known].push(d),
                    None => pairs.push(vec![d]),
                }
            }
            let mains = |calls: Vec<Vec<&Draft>>| -> Vec<Vec<Option<usize>>> { calls.into_iter().map(|sides| sides.into_iter().map(|d| d.main).collect()).collect() };
            prop_assert_eq!(mains(calls(&b)), mains(pairs));
        }
    }
}
