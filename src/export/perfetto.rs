//! A request as trace events (Chrome's JSON object format), which ui.perfetto.dev and Chrome's own viewer open.
//!
//! Guarantees: one process a service (of a request), one thread a lane; on a lane a step is either clear of another or inside it, and then inside a step it
//! hangs under, so viewers that nest by time nest rightly; times count from the first instant of the first request, in microseconds with their fraction, and
//! are not rounded below the nanosecond. What has no end is drawn without a length and says so. Holds one request at a time.

use crate::{
    export::veil::Veil,
    model::{
        entry::Severity,
        format,
        time::UnixNanos,
        trace::{LogLine, Outcome, Span, SpanKind, Trace},
    },
};
use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fmt::Write};

/// One document of one request.
pub fn document(trace: &Trace, log: &[LogLine], hide_content: bool) -> String {
    let mut writer = Writer::new(false);
    let events = writer.request(trace, log, hide_content);
    format!("{}{events}{}", writer.head(), writer.tail())
}

/// Writes requests one after the other into one document: head, each request, tail.
#[derive(Debug, Default)]
pub struct Writer {
    /// Processes are named after their request too.
    many: bool,
    zero: Option<i64>,
    processes: u64,
    threads: u64,
    flows: u64,
    any: bool,
}

impl Writer {
    /// `many`: more than one request may come.
    pub fn new(many: bool) -> Self {
        Self { many, ..Self::default() }
    }

    /// Before the first request.
    pub fn head(&self) -> String {
        "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n".to_owned()
    }

    /// Behind the last one; says which instant the times count from.
    pub fn tail(&self) -> String {
        let zero = self.zero.map(|z| json!(UnixNanos(z))).unwrap_or_default();
        format!("\n],\"otherData\":{{\"program\":\"throughline\",\"version\":\"{}\",\"zero\":{zero}}}}}\n", env!("CARGO_PKG_VERSION"))
    }

    /// The events of a request.
    pub fn request(&mut self, trace: &Trace, log: &[LogLine], hide_content: bool) -> String {
        let starts = trace.spans.iter().map(|s| s.start.0).chain(log.iter().filter_map(|l| l.time.map(|t| t.0))).chain(trace.start.map(|s| s.0));
        let zero = *self.zero.get_or_insert(starts.min().unwrap_or(0));
        let veil = Veil::of_log(log, hide_content);
        let mut request = Request { writer: self, trace, veil: &veil, zero, services: BTreeMap::new(), out: String::new() };
        let lanes = request.steps();
        request.hand_overs(&lanes);
        request.lines(log, &lanes);
        request.out
    }
}

/// A lane of a service: the steps that are open on it, innermost last.
struct Lane<'a> {
    thread: u64,
    open: Vec<&'a Span>,
}

/// A service of a request.
struct Service<'a> {
    process: u64,
    lanes: Vec<Lane<'a>>,
    loose: Option<u64>,
}

/// Process and thread.
type Place = (u64, u64);

struct Request<'a, 'w> {
    writer: &'w mut Writer,
    trace: &'a Trace,
    veil: &'w Veil,
    zero: i64,
    services: BTreeMap<String, Service<'a>>,
    /// As they are written: as values, those of 50,000 steps would take a gigabyte.
    out: String,
}

impl<'a> Request<'a, '_> {
    fn event(&mut self, event: &Value) {
        let between = if self.writer.any { ",\n" } else { "" };
        self.writer.any = true;
        let _ = write!(self.out, "{between}{event}");
    }

    /// Draws every step; where each is drawn.
    fn steps(&mut self) -> FxHashMap<&'a str, Place> {
        let parents: FxHashMap<&str, &str> = self.trace.spans.iter().filter_map(|s| Some((s.id.as_str(), s.parent.as_deref()?))).collect();
        let mut order: Vec<(&Span, usize)> = self.trace.in_tree_order();
        order.sort_by_key(|(s, depth)| (s.start, std::cmp::Reverse(s.end_or_start()), *depth));
        let mut places = FxHashMap::default();
        for (span, _) in order {
            let place = self.place(span, &parents);
            places.insert(span.id.as_str(), place);
            let event = self.step(span, place);
            self.event(&event);
        }
        places
    }

    fn place(&mut self, span: &'a Span, parents: &FxHashMap<&str, &str>) -> Place {
        let name = service_of(span);
        let process = self.process(name);
        let Some(service) = self.services.get_mut(name) else { return (process, 0) };
        for lane in &mut service.lanes {
            while lane.open.last().is_some_and(|s| s.end_or_start() <= span.start && !(s.end_or_start() == span.start && is_above(parents, &s.id, &span.id))) {
                lane.open.pop();
            }
            let fits = lane.open.last().is_none_or(|s| s.end_or_start() >= span.end_or_start() && is_above(parents, &s.id, &span.id));
            if fits {
                lane.open.push(span);
                return (process, lane.thread);
            }
        }
        let number = service.lanes.len() + 1;
        let thread = self.thread(process, if number == 1 { "steps".to_owned() } else { format!("steps, in parallel {number}") });
        if let Some(service) = self.services.get_mut(name) {
            service.lanes.push(Lane { thread, open: vec![span] });
        }
        (process, thread)
    }

    fn process(&mut self, name: &str) -> u64 {
        if let Some(known) = self.services.get(name) {
            return known.process;
        }
        self.writer.processes += 1;
        let process = self.writer.processes;
        let shown = if self.writer.many {
            format!("{} · {name}", self.trace.request_id.as_deref().or(self.trace.ids.first().map(|i| i.value.as_str())).unwrap_or("request"))
        } else {
            name.to_owned()
        };
        self.services.insert(name.to_owned(), Service { process, lanes: Vec::new(), loose: None });
        self.meta("process_name", process, 0, json!({"name": self.veil.name(&shown)}));
        self.meta("process_sort_index", process, 0, json!({"sort_index": process}));
        process
    }

    /// Numbers of threads are of the whole document: viewers take equal ones for one.
    fn thread(&mut self, process: u64, name: String) -> u64 {
        self.writer.threads += 1;
        let thread = self.writer.threads;
        self.meta("thread_name", process, thread, json!({"name": name}));
        self.meta("thread_sort_index", process, thread, json!({"sort_index": thread}));
        thread
    }

    fn meta(&mut self, name: &str, process: u64, thread: u64, args: Value) {
        self.event(&json!({"ph": "M", "name": name, "pid": process, "tid": thread, "ts": 0, "args": args}));
    }

    fn micros(&self, at: UnixNanos) -> f64 {
        at.0.saturating_sub(self.zero) as f64 / 1_000.0
    }

    fn step(&self, s: &Span, (process, thread): Place) -> Value {
        let open = if s.unfinished && s.end.is_none() { " (no end seen)" } else { "" };
        let mut event = json!({
            "ph": "X", "name": format!("{}{open}", self.veil.name(&s.name)), "cat": s.kind.word(), "pid": process, "tid": thread,
            "ts": self.micros(s.start), "dur": s.duration_ns().max(0) as f64 / 1_000.0, "args": self.args(s),
        });
        // Reserved names of the format's own palette.
        if let (false, Some(map)) = (matches!(s.outcome, Outcome::Ok | Outcome::Unknown), event.as_object_mut()) {
            map.insert("cname".into(), "terrible".into());
        }
        event
    }

    fn args(&self, s: &Span) -> Map<String, Value> {
        let mut args = Map::new();
        let mut add = |key: &str, value: Option<String>| args.extend(value.map(|v| (key.to_owned(), Value::String(v))));
        add("step", Some(s.id.clone()));
        add("evidence", Some(s.evidence.word().to_owned()));
        add("outcome", Some(s.outcome.word().to_owned()));
        add("attempt", s.attempt.map(|a| a.to_string()));
        add("status", s.status.map(|a| a.to_string()));
        add("queue", s.queue.as_ref().map(|q| self.veil.name(q)));
        add("host", s.host.as_ref().map(|h| self.veil.name(h)));
        add("unfinished", s.unfinished.then(|| "true".to_owned()));
        add("stated_wait", s.stated_wait_ns.map(format::length));
        if let Some(error) = &s.error {
            add("error", error.kind.as_ref().map(|k| self.veil.name(k)));
            add("error_message", error.message.as_ref().map(|m| self.veil.prose(m)));
            add("error_class", Some(error.class.word().to_owned()));
        }
        if let Some(model) = &s.model {
            add("model_requested", model.requested.as_ref().map(|m| self.veil.name(m)));
            add("model_served", model.served.as_ref().map(|m| self.veil.name(m)));
            add("prompt_version", model.prompt_version.as_ref().map(|m| self.veil.name(m)));
            add("input_tokens", model.input_tokens.map(|n| n.to_string()));
            add("output_tokens", model.output_tokens.map(|n| n.to_string()));
            add("first_token", model.first_token_ns.map(format::length));
        }
        let ids: Vec<String> = s.ids.iter().map(|i| self.veil.name(i)).collect();
        add("ids", Some(ids.join(", ")).filter(|i| !i.is_empty()));
        let lines: Vec<String> = s.lines.iter().map(ToString::to_string).collect();
        add("lines", Some(lines.join(", ")).filter(|l| !l.is_empty()));
        args
    }

    /// From what enqueued to what took it: an arrow over each wait that ended in a task.
    fn hand_overs(&mut self, places: &FxHashMap<&str, Place>) {
        let trace = self.trace;
        for wait in trace.spans.iter().filter(|s| matches!(s.kind, SpanKind::QueueWait | SpanKind::ScheduledDelay)) {
            let Some(task) = taken(trace, wait) else { continue };
            let parent = wait.parent.as_deref().and_then(|p| trace.spans.iter().find(|s| s.id == p));
            // An arrow begins inside a step that was running then.
            let from = parent.filter(|p| p.id != task.id && p.start <= wait.start && wait.start <= p.end_or_start()).unwrap_or(wait);
            let (Some(start), Some(end)) = (places.get(from.id.as_str()), places.get(task.id.as_str())) else { continue };
            self.writer.flows += 1;
            let (id, name) = (self.writer.flows, self.veil.name(&task.name));
            self.event(&json!({"ph": "s", "id": id, "name": name, "cat": "hand_over", "pid": start.0, "tid": start.1, "ts": self.micros(wait.start)}));
            self.event(&json!({"ph": "f", "bp": "e", "id": id, "name": name, "cat": "hand_over", "pid": end.0, "tid": end.1, "ts": self.micros(task.start)}));
        }
    }

    /// Lines that warn or worse, on the step they belong to.
    fn lines(&mut self, log: &[LogLine], places: &FxHashMap<&str, Place>) {
        for line in log.iter().filter(|l| l.severity.is_some_and(|s| s >= Severity::Warn)) {
            let Some(time) = line.time else { continue };
            let place = line.span.as_deref().and_then(|s| places.get(s)).copied();
            let (process, thread) = place.unwrap_or_else(|| self.loose(&line.service));
            let text = self.veil.line(line);
            let level = line.severity.map_or("", Severity::word);
            self.event(&json!({
                "ph": "i", "s": "t", "name": format!("{level}: {}", format::head(text.trim(), 120)), "cat": "line", "pid": process, "tid": thread, "ts": self.micros(time),
                "args": {"text": text, "line": line.line.to_string(), "level": level},
            }));
        }
    }

    fn loose(&mut self, service: &str) -> Place {
        let process = self.process(service);
        if let Some(thread) = self.services.get(service).and_then(|s| s.loose) {
            return (process, thread);
        }
        let thread = self.thread(process, "lines that fit no step".to_owned());
        if let Some(known) = self.services.get_mut(service) {
            known.loose = Some(thread);
        }
        (process, thread)
    }
}

fn service_of(span: &Span) -> &str {
    match &span.service {
        Some(service) => service,
        None if span.kind.is_wait() => "waits",
        None => "unnamed service",
    }
}

fn is_above(parents: &FxHashMap<&str, &str>, upper: &str, lower: &str) -> bool {
    let mut at = lower;
    // A path is no deeper than it has steps; a circle ends with them.
    for _ in 0..=parents.len() {
        match parents.get(at) {
            Some(parent) if *parent == upper => return true,
            Some(parent) => at = parent,
            None => return false,
        }
    }
    false
}

/// The task that a wait ended in.
fn taken<'a>(trace: &'a Trace, wait: &Span) -> Option<&'a Span> {
    let is_its = |s: &&Span| s.kind == SpanKind::Task && s.start >= wait.start && (s.parent.as_deref() == Some(&wait.id) || s.ids.iter().any(|i| wait.ids.contains(i)));
    trace.spans.iter().filter(is_its).min_by_key(|s| (s.start.0.abs_diff(wait.end_or_start().0), s.start))
}
