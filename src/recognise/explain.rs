//! How a line was read, as one JSON object.
//!
//! The keys are documented for users: `ts`, `ts_naive`, `level`, `message`, `service`, `logger`, `ids` by kind, `duration_ms` and so on;
//! a key is absent when the line says nothing of it. It shows what the entry holds and never adds to it.

use crate::model::{
    entry::{Entry, Http},
    id::{IdKind, IdRef, IdRelation},
    time::{Length, UnixNanos},
};
use serde_json::{Map, Value, json};

/// The explanation of an entry.
pub fn reading(entry: &Entry, line: u64, continues: bool) -> Value {
    let mut out = Map::new();
    out.insert("line".into(), line.into());
    if continues {
        out.insert("continues".into(), true.into());
    }
    if !entry.reading.convention.is_empty() {
        out.insert("convention".into(), entry.reading.convention.into());
    }
    out.insert("ts".into(), entry.time.map(|t| UnixNanos(t.unix_ns).to_rfc3339()).into());
    if entry.time.is_some_and(|t| t.naive) {
        out.insert("ts_naive".into(), true.into());
    }
    out.insert("level".into(), entry.severity.map(crate::model::entry::Severity::word).into());
    out.insert("message".into(), entry.body.as_deref().into());
    if !entry.reading.json {
        out.insert("json".into(), false.into());
    }
    if entry.reading.unparsed {
        out.insert("unparsed".into(), true.into());
    }
    texts(entry, &mut out);
    lengths(entry, &mut out);
    outcome(entry, &mut out);
    model(entry, &mut out);
    work(entry, &mut out);
    ids(&entry.ids, &mut out);
    Value::Object(out)
}

fn put(out: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        out.insert(key.into(), value.into());
    }
}

fn texts(entry: &Entry, out: &mut Map<String, Value>) {
    put(out, "service", entry.service.as_deref());
    put(out, "logger", entry.logger.as_deref());
    put(out, "host", entry.host.as_deref());
    put(out, "context", entry.context.as_deref());
    put(out, "operation", entry.operation.as_deref());
    put(out, "service_version", entry.service_version.as_deref());
    put(out, "config_version", entry.config_version.as_deref());
    put(out, "received", entry.received.map(|t| UnixNanos(t.unix_ns).to_rfc3339()));
    put(out, "started", entry.started.map(|t| UnixNanos(t.unix_ns).to_rfc3339()));
    put(out, "ended", entry.ended.map(|t| UnixNanos(t.unix_ns).to_rfc3339()));
}

fn ms(ns: i64) -> f64 {
    ns as f64 / 1e6
}

fn lengths(entry: &Entry, out: &mut Map<String, Value>) {
    let key = if entry.reading.duration_in_text { "duration_in_text_ms" } else { "duration_ms" };
    length(out, key, "duration_bare", entry.duration);
    if entry.duration.is_none()
        && let (Some(start), Some(end)) = (entry.started, entry.ended)
    {
        out.insert("duration_ms".into(), json!(ms(end.unix_ns - start.unix_ns)));
    }
    length(out, "ttft_ms", "ttft_bare", entry.first_token.as_deref().copied());
    if entry.first_token.is_none()
        && let (Some(start), Some(first)) = (entry.started, entry.first_token_at.as_deref())
    {
        out.insert("ttft_ms".into(), json!(ms(first.unix_ns - start.unix_ns)));
    }
}

fn length(out: &mut Map<String, Value>, key: &str, bare: &str, value: Option<Length>) {
    match value {
        Some(Length { ns: Some(ns), .. }) => out.insert(key.into(), json!(ms(ns))),
        Some(length) => out.insert(bare.into(), json!(length.bare)),
        None => None,
    };
}

fn outcome(entry: &Entry, out: &mut Map<String, Value>) {
    let http: Option<&Http> = entry.http.as_deref();
    match http.and_then(|h| h.status) {
        Some(status) => out.insert("status".into(), status.into()),
        None => entry.outcome.as_deref().and_then(|o| out.insert("status".into(), o.into())),
    };
    put(out, "outcome", entry.outcome.as_deref());
    if let Some(http) = http {
        put(out, "method", http.method.as_deref());
        put(out, "path", http.path.as_deref());
        put(out, "route", http.route.as_deref());
        if http.access {
            out.insert("access".into(), true.into());
        }
        if http.client_left {
            out.insert("client_left".into(), true.into());
        }
    }
    if let Some(failure) = &entry.failure {
        put(out, "error_type", failure.kind.as_deref());
        put(out, "error_message", failure.message.as_deref());
        put(out, "error_code", failure.code.as_deref());
        put(out, "retryable", failure.retryable);
    }
    put(out, "attempt", entry.attempt.as_ref().map(|a| a.raw.parse::<u64>().map_or_else(|_| Value::from(&*a.raw), Value::from)));
    put(out, "attempt_number", entry.attempt.as_ref().map(|a| a.number));
}

fn model(entry: &Entry, out: &mut Map<String, Value>) {
    let Some(m) = entry.model.as_deref() else { return };
    put(out, "model", m.served.as_deref().or(m.requested.as_deref()));
    put(out, "model_requested", m.requested.as_deref());
    put(out, "model_group", m.group.as_deref());
    put(out, "provider", m.provider.as_deref());
    put(out, "model_operation", m.operation.as_deref());
    put(out, "input_tokens", m.input_tokens);
    put(out, "output_tokens", m.output_tokens);
    put(out, "cached_tokens", m.cached_tokens);
    put(out, "reasoning_tokens", m.reasoning_tokens);
    put(out, "cost_usd", m.cost_usd);
    put(out, "finish_reason", m.finish_reason.as_deref());
    put(out, "prompt_name", m.prompt_name.as_deref());
    put(out, "prompt_version", m.prompt_version.as_deref());
}

fn work(entry: &Entry, out: &mut Map<String, Value>) {
    if let Some(job) = &entry.job {
        put(out, "queue", job.queue.as_deref());
        put(out, "job_name", job.name.as_deref());
        length(out, "queue_wait_ms", "queue_wait_bare", job.queue_wait);
        length(out, "delay_ms", "delay_bare", job.delay);
        put(out, "enqueued", job.enqueued.map(|t| UnixNanos(t.unix_ns).to_rfc3339()));
    }
    if let Some(write) = &entry.write {
        out.insert("write".into(), json!({"system": write.system, "operation": write.operation, "target": write.target, "rows": write.rows}));
    }
    put(out, "tool", entry.tool.as_deref());
    if let Some(f) = &entry.fallback {
        out.insert("fallback".into(), json!({"from": f.from, "to": f.to, "used": f.used}));
    }
}

fn ids(ids: &[IdRef], out: &mut Map<String, Value>) {
    let (mut known, mut others) = (Map::new(), Map::new());
    for id in ids {
        let (name, is_known) = key(id);
        let map = if is_known { &mut known } else { &mut others };
        if let Value::Array(list) = map.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
            list.push(Value::from(&*id.value));
        }
    }
    if !known.is_empty() {
        out.insert("ids".into(), Value::Object(known));
    }
    if !others.is_empty() {
        out.insert("other_ids".into(), Value::Object(others));
    }
    let scopes: Vec<Value> = ids.iter().filter_map(|i| i.scope.as_ref().map(|s| json!([i.value, s]))).collect();
    if !scopes.is_empty() {
        out.insert("id_scopes".into(), Value::Array(scopes));
    }
}

/// Key of an id, and whether it is one of the documented kinds.
fn key(id: &IdRef) -> (&'static str, bool) {
    if id.listed {
        return ("listed", false);
    }
    match (id.kind, id.relation) {
        (IdKind::Span, IdRelation::Parent) => ("parent_span", true),
        (IdKind::Task, IdRelation::Parent) => ("parent_task", true),
        (IdKind::Request, IdRelation::Own) => ("request", true),
        (IdKind::Trace, IdRelation::Own) => ("trace", true),
        (IdKind::Span, IdRelation::Own) => ("span", true),
        (IdKind::Task, IdRelation::Own) => ("task", true),
        (_, IdRelation::Child) => ("child", false),
        (_, IdRelation::RetryOf) => ("retry_of", false),
        (_, IdRelation::Parent) => ("parent", false),
        (IdKind::Call, _) => ("call", false),
        (IdKind::Tool, _) => ("tool", false),
        (IdKind::Group, _) => ("group", false),
        (IdKind::Other, _) => ("other", false),
    }
}
