//! A request as OpenTelemetry spans, in the JSON form of the protocol (OTLP), as its file exporter writes it: one object a request.
//!
//! Guarantees: the mapping of the specification (`resourceSpans` → `scopeSpans` → `spans`; ids as lower-case hex, 64-bit integers as decimal text, enums as
//! numbers); the same request gives the same ids whenever it is exported; every parent is in the document; names of the semantic conventions where they have
//! one, ours begin with `throughline.`. A span without an end ends where it began and says so. Never invents a trace id where a line states one.

use crate::{
    export::veil::Veil,
    model::{
        time::UnixNanos,
        trace::{LogLine, Outcome, Span, SpanKind, Trace},
    },
};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Version of the conventions whose names are used.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.37.0";

/// A service on a host.
type Resource<'a> = (Option<&'a str>, Option<&'a str>);

/// The whole request, without a newline. One span at a time is held as a value: as a whole, a request of 50,000 spans would take a gigabyte.
pub fn document(trace: &Trace, log: &[LogLine], hide_content: bool) -> String {
    let trace_id = trace_id(trace);
    let maker = Maker { trace, ids: span_ids(trace, &trace_id), trace_id, veil: Veil::of_log(log, hide_content) };
    let mut lines: FxHashMap<&str, Vec<&LogLine>> = FxHashMap::default();
    let root = trace.spans.first().map(|s| s.id.as_str());
    for line in log.iter().filter(|l| l.time.is_some()) {
        if let Some(span) = line.span.as_deref().or(root) {
            lines.entry(span).or_default().push(line);
        }
    }
    let mut resources: Vec<Resource<'_>> = Vec::new();
    let mut spans_of: FxHashMap<Resource<'_>, Vec<&Span>> = FxHashMap::default();
    for span in &trace.spans {
        let resource = (span.service.as_deref(), span.host.as_deref());
        let spans = spans_of.entry(resource).or_default();
        if spans.is_empty() {
            resources.push(resource);
        }
        spans.push(span);
    }
    let scope = json!({"name": "throughline", "version": env!("CARGO_PKG_VERSION")});
    let mut out = String::from("{\"resourceSpans\":[");
    for (at, resource) in resources.iter().enumerate() {
        let attributes = Value::from(maker.resource(resource.0, resource.1));
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(out, "{comma}{{\"resource\":{{\"attributes\":{attributes}}},\"scopeSpans\":[{{\"scope\":{scope},\"spans\":[");
        for (at, span) in spans_of.get(resource).into_iter().flatten().enumerate() {
            let events = lines.remove(span.id.as_str()).unwrap_or_default();
            let made = maker.span(span, events.into_iter().map(|l| maker.event(l)).collect());
            let _ = write!(out, "{}{made}", if at > 0 { "," } else { "" });
        }
        let _ = write!(out, "],\"schemaUrl\":\"{SCHEMA}\"}}],\"schemaUrl\":\"{SCHEMA}\"}}");
    }
    out.push_str("]}");
    out
}

/// The trace id that a line states, else one that follows from the root's id.
pub fn trace_id(trace: &Trace) -> String {
    let stated = trace.ids.iter().filter(|i| i.kind == "trace").map(|i| i.value.to_ascii_lowercase());
    let is_valid = |id: &String| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) && id.bytes().any(|b| b != b'0');
    stated.into_iter().find(is_valid).unwrap_or_else(|| {
        let root = trace.ids.first();
        let parts = [root.map_or("", |i| &i.kind), root.map_or("", |i| &i.value), root.and_then(|i| i.scope.as_deref()).unwrap_or("")];
        hex_of(&["throughline trace", parts[0], parts[1], parts[2]], 16)
    })
}

/// Span ids by the names of the steps.
fn span_ids<'a>(trace: &'a Trace, trace_id: &str) -> FxHashMap<&'a str, String> {
    let mut taken: FxHashSet<String> = FxHashSet::default();
    let mut out = FxHashMap::default();
    for span in &trace.spans {
        let line = span.lines.first().map(ToString::to_string).unwrap_or_default();
        let mut id = hex_of(&[trace_id, &line, &span.id], 8);
        while !taken.insert(id.clone()) {
            id = hex_of(&[trace_id, &line, &span.id, &id], 8);
        }
        out.insert(span.id.as_str(), id);
    }
    out
}

/// The first bytes of a hash, as lower-case hex; never all zero.
fn hex_of(parts: &[&str], bytes: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let hex: String = hash.finalize().iter().take(bytes).map(|b| format!("{b:02x}")).collect();
    if hex.bytes().all(|b| b == b'0') { format!("{}1", &hex[1..]) } else { hex }
}

/// Attributes in order.
#[derive(Default)]
struct Attributes(Vec<Value>);

impl Attributes {
    fn text(&mut self, key: &str, value: impl Into<Option<String>>) {
        self.0.extend(value.into().filter(|v| !v.is_empty()).map(|v| json!({"key": key, "value": {"stringValue": v}})));
    }

    fn integer(&mut self, key: &str, value: Option<i64>) {
        self.0.extend(value.map(|v| json!({"key": key, "value": {"intValue": v.to_string()}})));
    }

    fn count(&mut self, key: &str, value: Option<u64>) {
        self.integer(key, value.and_then(|v| i64::try_from(v).ok()));
    }

    fn double(&mut self, key: &str, value: Option<f64>) {
        self.0.extend(value.filter(|v| v.is_finite()).map(|v| json!({"key": key, "value": {"doubleValue": v}})));
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.0.extend(value.then(|| json!({"key": key, "value": {"boolValue": true}})));
    }

    fn list(&mut self, key: &str, values: Vec<String>) {
        if !values.is_empty() {
            let values: Vec<Value> = values.into_iter().map(|v| json!({"stringValue": v})).collect();
            self.0.push(json!({"key": key, "value": {"arrayValue": {"values": values}}}));
        }
    }
}

struct Maker<'a> {
    trace: &'a Trace,
    trace_id: String,
    ids: FxHashMap<&'a str, String>,
    veil: Veil,
}

impl Maker<'_> {
    fn resource(&self, service: Option<&str>, host: Option<&str>) -> Vec<Value> {
        let mut a = Attributes::default();
        // The conventions demand a name of every resource, and this one where it is not known.
        a.text("service.name", self.veil.name(service.filter(|s| !s.is_empty()).unwrap_or("unknown_service")));
        a.text("host.name", host.map(|h| self.veil.name(h)));
        a.0
    }

    fn span(&self, s: &Span, events: Vec<Value>) -> Value {
        let mut span = json!({
            "traceId": self.trace_id,
            "spanId": self.ids.get(s.id.as_str()),
            "name": self.veil.name(&s.name),
            "kind": kind(s.kind),
            "startTimeUnixNano": nanos(s.start),
            "endTimeUnixNano": nanos(s.end_or_start().max(s.start)),
            "attributes": self.attributes(s),
            "events": events,
            "status": self.status(s),
        });
        let parent = s.parent.as_deref().and_then(|p| self.ids.get(p));
        if let (Some(parent), Some(map)) = (parent, span.as_object_mut()) {
            map.insert("parentSpanId".into(), parent.as_str().into());
        }
        span
    }

    fn status(&self, s: &Span) -> Value {
        match s.outcome {
            Outcome::Ok => json!({"code": 1}),
            Outcome::Unknown => json!({}),
            Outcome::Error | Outcome::Timeout | Outcome::Cancelled => {
                let said = s.error.as_ref().and_then(|e| e.message.as_ref().or(e.kind.as_ref()));
                json!({"code": 2, "message": said.map_or_else(|| s.outcome.word().to_owned(), |m| self.veil.prose(m))})
            }
        }
    }

    fn attributes(&self, s: &Span) -> Vec<Value> {
        let name = |text: &Option<String>| text.as_ref().map(|t| self.veil.name(t));
        let mut a = Attributes::default();
        a.integer("http.response.status_code", s.status.map(i64::from));
        a.text("error.type", self.error_type(s));
        if s.kind == SpanKind::Task || s.kind.is_wait() {
            a.text("messaging.destination.name", name(&s.queue));
            a.text("messaging.message.id", s.ids.iter().find_map(|i| i.strip_prefix("task:").or(i.strip_prefix("job:")).or(i.strip_prefix("message:"))).map(|i| self.veil.name(i)));
        }
        if s.kind == SpanKind::Task {
            a.text("messaging.operation.type", "process".to_owned());
        }
        if s.kind == SpanKind::Tool {
            a.text("gen_ai.operation.name", "execute_tool".to_owned());
            a.text("gen_ai.tool.name", self.veil.name(&s.name));
        }
        if let Some(m) = &s.model {
            a.text("gen_ai.provider.name", name(&m.provider));
            a.text("gen_ai.request.model", name(&m.requested));
            a.text("gen_ai.response.model", name(&m.served));
            a.text("gen_ai.response.id", s.ids.iter().find_map(|i| i.strip_prefix("call:")).map(|i| self.veil.name(i)));
            a.count("gen_ai.usage.input_tokens", m.input_tokens);
            a.count("gen_ai.usage.output_tokens", m.output_tokens);
            a.count("gen_ai.usage.cache_read.input_tokens", m.cached_tokens);
            a.list("gen_ai.response.finish_reasons", name(&m.finish_reason).into_iter().collect());
            a.text("throughline.prompt.name", name(&m.prompt));
            a.text("throughline.prompt.version", name(&m.prompt_version));
            a.text("throughline.config.version", name(&m.config_version));
            a.double("throughline.cost_usd", m.cost_usd);
            a.integer("throughline.first_token_ns", m.first_token_ns);
        }
        a.text("throughline.kind", s.kind.word().to_owned());
        a.text("throughline.evidence", s.evidence.word().to_owned());
        a.flag("throughline.unfinished", s.unfinished);
        a.flag("throughline.blocking", s.blocking);
        a.integer("throughline.attempt", s.attempt.map(i64::from));
        a.text("throughline.error.class", s.error.as_ref().map(|e| e.class.word().to_owned()));
        a.integer("throughline.stated_wait_ns", s.stated_wait_ns);
        a.list("throughline.ids", s.ids.iter().map(|i| self.veil.name(i)).collect());
        a.list("throughline.lines", s.lines.iter().map(ToString::to_string).collect());
        if self.trace.spans.first().is_some_and(|root| root.id == s.id) {
            a.text("throughline.state", self.trace.state.word().to_owned());
            a.text("throughline.verdict", self.veil.name(&self.trace.verdict.sentence));
            a.text("throughline.request_id", name(&self.trace.request_id));
            a.text("http.route", name(&self.trace.route).filter(|r| r.contains('/')).map(|r| r.split_once(' ').map_or(r.clone(), |(_, path)| path.to_owned())));
        }
        a.0
    }

    fn error_type(&self, s: &Span) -> Option<String> {
        let fallback = || match s.outcome {
            Outcome::Timeout => Some("timeout".to_owned()),
            Outcome::Cancelled => Some("cancelled".to_owned()),
            Outcome::Error => Some(s.status.map_or_else(|| "_OTHER".to_owned(), |code| code.to_string())),
            Outcome::Ok | Outcome::Unknown => None,
        };
        s.error.as_ref().and_then(|e| e.kind.as_ref()).map(|k| self.veil.name(k)).or_else(fallback)
    }

    fn event(&self, line: &LogLine) -> Value {
        let mut a = Attributes::default();
        a.text("log.severity", line.severity.map(|s| s.word().to_owned()));
        a.text("log.message", self.veil.line(line));
        a.text("throughline.line", line.line.to_string());
        a.flag("throughline.unplaced", line.unplaced);
        json!({"timeUnixNano": nanos(line.time.unwrap_or(UnixNanos(0))), "name": "log", "attributes": a.0})
    }
}

/// Unsigned in the protocol; nothing was logged before 1970.
fn nanos(at: UnixNanos) -> String {
    at.0.max(0).to_string()
}

/// Internal 1, server 2, client 3, consumer 5.
fn kind(kind: SpanKind) -> u8 {
    match kind {
        SpanKind::Edge | SpanKind::App => 2,
        SpanKind::ModelCall | SpanKind::DbWrite | SpanKind::HttpCall => 3,
        SpanKind::Task => 5,
        SpanKind::QueueWait | SpanKind::ScheduledDelay | SpanKind::RetryWait | SpanKind::Tool | SpanKind::Other => 1,
    }
}
