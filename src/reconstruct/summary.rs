//! A path becomes its row.
//!
//! Guarantees: the row depends on the path alone, so rebuilding it gives the same row. It never holds what the path does not say.

use crate::{
    model::{
        summary::RequestSummary,
        trace::{SegmentKind, Span, SpanKind},
    },
    reconstruct::{build::Built, tree::Tree},
};

/// The row of a path.
pub fn summarise(tree: &Tree, built: &Built) -> RequestSummary {
    let t = &built.trace;
    let root = tree.units.get(&tree.root);
    let shown = t.ids.first();
    let task_attempts = t.spans.iter().filter(|s| s.kind == SpanKind::Task).filter_map(|s| s.attempt).max().unwrap_or(1);
    let model_attempts = t.spans.iter().filter(|s| s.kind == SpanKind::ModelCall).filter_map(|s| s.attempt).max().unwrap_or(1);
    RequestSummary {
        root: tree.root.to_string(),
        id: t.request_id.clone().or_else(|| shown.map(|i| i.value.clone())).unwrap_or_else(|| tree.root.to_string()),
        id_kind: if t.request_id.is_some() { "request".into() } else { shown.map(|i| i.kind.clone()).unwrap_or_default() },
        scope: root.and_then(|u| u.scope.as_deref().map(str::to_owned)),
        route: t.route.clone(),
        start: t.start,
        response_ns: t.response_ns,
        completion_ns: t.completion_ns,
        state: t.state,
        status: t.status,
        by_kind_ns: in_path_order(t),
        queue_wait_ns: t.busy_ns.get(&SpanKind::QueueWait).copied().unwrap_or(0),
        model_ns: t.busy_ns.get(&SpanKind::ModelCall).copied().unwrap_or(0),
        attempts: task_attempts.max(model_attempts),
        retries: t.verdict.retries,
        retry_class: t.verdict.retry_class,
        serving: t.verdict.serving,
        degraded: t.verdict.degraded,
        dead_lettered: t.verdict.dead_lettered,
        duplicate_delivery: t.verdict.duplicate_delivery,
        models: t.models.clone(),
        prompt_versions: t.prompt_versions.clone(),
        config_versions: t.config_versions.clone(),
        tokens: t.tokens.map(|k| k.input.unwrap_or(0) + k.output.unwrap_or(0)),
        cost_usd: t.cost_usd,
        errors: built.errors,
        error_type: t.spans.iter().rev().find_map(|s| s.error.as_ref().and_then(|e| e.kind.clone())),
        lines: (t.lines.len() + t.unplaced.len()) as u32,
        sources: distinct(tree.items.iter().map(|i| i.entry.source.to_string())),
        workers: distinct(t.spans.iter().filter(|s: &&Span| s.kind == SpanKind::Task).filter_map(|s| s.service.clone())),
        marks: t.marks.clone(),
        clocks: built.clocks.clone(),
    }
}

fn in_path_order(t: &crate::model::trace::Trace) -> Vec<(SegmentKind, i64)> {
    let mut out: Vec<(SegmentKind, i64)> = Vec::new();
    for s in &t.completion.segments {
        match out.iter_mut().find(|(k, _)| *k == s.kind) {
            Some((_, ns)) => *ns += s.ns,
            None => out.push((s.kind, s.ns)),
        }
    }
    out
}

fn distinct(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut out: Vec<String> = values.collect();
    out.sort();
    out.dedup();
    out
}
