//! Answers made by hand: a rich request, requests that went wrong in several ways, a hostile one, a huge one, and a list of three hundred.
//! Used by the tests of the pages and by `examples/pages.rs`, which serves them to be looked at.

#![allow(dead_code, clippy::unwrap_used, missing_docs)]

#[path = "fixtures/demo.rs"]
mod demo;
#[path = "fixtures/lines.rs"]
mod lines;
#[path = "fixtures/list.rs"]
mod list;
#[path = "fixtures/odd.rs"]
mod odd;

pub use demo::{Demo, status};
pub use list::{page_of, rows};
pub use odd::*;

use std::{collections::BTreeMap, sync::Arc};
use throughline::{
    model::{
        checkpoint::{Counters, FileKind, FileState},
        entry::{At, FileId, Severity},
        status::{Loss, Skipped, SourceStatus, Status},
        summary::{Facet, FacetValue, HistogramBar, ListPage, Preset, RequestSummary, RowQuery, ScatterPoint, SortKey, Typical},
        time::UnixNanos,
        trace::{
            Anomaly, AnomalyKind, Breakdown, Evidence, FailureClass, LineRef, LinkRule, LogLine, Missing, Neighbour, Outcome, PathId, Proof, RetryClass, Segment, SegmentKind,
            Serving, Skew, SourceCount, Span, SpanError, SpanKind, SpanModel, Stage, State, Tokens, Trace, Verdict, VerdictPart,
        },
    },
    query::view::{
        Answers, ChoiceView, Found, LineBar, LineFacet, LineRow, LinesOverview, LinesQuery, LinesView, ListView, Notice, PathView, QueryError, RequestRef, Shown, Sought,
        UnknownView,
    },
    store::StoredRecord,
};

pub const MS: i64 = 1_000_000;
/// 2026-11-23 14:21:07.012 UTC.
pub const ZERO: i64 = 1_795_443_667_012 * MS;

pub fn at(ms: i64) -> UnixNanos {
    UnixNanos(ZERO + ms * MS)
}

pub fn line(file: &str, line: u64) -> LineRef {
    LineRef { file: file.into(), line }
}

pub fn span(id: &str, parent: &str, kind: SpanKind, name: &str, service: &str, from_ms: i64, took_ms: i64) -> Span {
    Span {
        parent: Some(parent.to_owned()).filter(|p| !p.is_empty()),
        service: Some(service.to_owned()).filter(|s| !s.is_empty()),
        blocking: from_ms < 4_300,
        ..Span::new(id, kind, name, at(from_ms), at(from_ms + took_ms))
    }
}

fn depth(spans: &[Span], span: &Span) -> usize {
    let mut at = span;
    let mut depth = 0;
    while let Some(parent) = at.parent.as_deref().and_then(|p| spans.iter().find(|s| s.id == p)) {
        depth += 1;
        if depth > spans.len() {
            break;
        }
        at = parent;
    }
    depth
}

fn segment_kind(span: &Span, at: i64) -> SegmentKind {
    match span.kind {
        SpanKind::ModelCall => match span.model.as_ref().and_then(|m| m.first_token_ns) {
            Some(first) if at < span.start.0 + first => SegmentKind::ModelFirstToken,
            Some(_) => SegmentKind::ModelStream,
            None => SegmentKind::ModelCall,
        },
        kind => SegmentKind::from_word(kind.word()).unwrap_or(SegmentKind::Other),
    }
}

/// A partition of an interval: at every moment the deepest running step.
pub fn breakdown(spans: &[Span], from: i64, to: i64) -> Breakdown {
    let mut cuts: Vec<i64> =
        spans.iter().flat_map(|s| [s.start.0, s.end_or_start().0, s.start.0 + s.model.as_ref().and_then(|m| m.first_token_ns).unwrap_or(0)]).chain([from, to]).collect();
    cuts.retain(|c| (from..=to).contains(c));
    cuts.sort_unstable();
    cuts.dedup();
    let mut out = Breakdown { total_ns: to - from, ..Breakdown::default() };
    for pair in cuts.windows(2) {
        let running = spans.iter().filter(|s| s.start.0 <= pair[0] && s.end_or_start().0 >= pair[1]).max_by_key(|s| (depth(spans, s), s.start));
        let kind = running.map_or(SegmentKind::Unaccounted, |s| segment_kind(s, pair[0]));
        let span = running.map(|s| s.id.clone());
        let ns = pair[1] - pair[0];
        *out.by_kind_ns.entry(kind).or_default() += ns;
        match out.segments.last_mut() {
            Some(last) if last.kind == kind && last.span == span => last.ns += ns,
            _ => out.segments.push(Segment { kind, span, start: UnixNanos(pair[0]), ns }),
        }
    }
    out
}

fn verdict(parts: Vec<VerdictPart>) -> Verdict {
    Verdict {
        sentence: parts.iter().map(|p| p.text.as_str()).collect(),
        parts,
        retries: 0,
        retry_class: RetryClass::None,
        serving: Serving::Primary,
        fallback_from: None,
        fallback_to: None,
        inside_envelope: None,
        degraded: false,
        dead_lettered: false,
        duplicate_delivery: false,
    }
}

fn say(text: &str) -> VerdictPart {
    VerdictPart { text: text.into(), span: None, strong: false }
}

fn figure(text: &str) -> VerdictPart {
    VerdictPart { strong: true, ..say(text) }
}

fn link(text: &str, span: &str) -> VerdictPart {
    VerdictPart { span: Some(span.into()), ..say(text) }
}

/// A trace of some spans with everything that follows from them.
pub fn trace_of(request_id: &str, route: &str, spans: Vec<Span>, response_ms: i64) -> Trace {
    let end = spans.iter().map(|s| s.end_or_start().0).max().unwrap_or(ZERO).max(ZERO + response_ms * MS);
    let response = breakdown(&spans, ZERO, ZERO + response_ms * MS);
    let mut completion = response.clone();
    let after = breakdown(&spans, ZERO + response_ms * MS, end);
    completion.total_ns += after.total_ns;
    completion.segments.extend(after.segments);
    after.by_kind_ns.into_iter().for_each(|(k, ns)| *completion.by_kind_ns.entry(k).or_default() += ns);
    let mut busy_ns = BTreeMap::new();
    spans.iter().for_each(|s| *busy_ns.entry(s.kind).or_insert(0) += s.duration_ns());
    let unaccounted = response.by_kind_ns.get(&SegmentKind::Unaccounted).copied().unwrap_or(0);
    Trace {
        schema: 1,
        request_id: Some(request_id.into()),
        ids: vec![PathId { kind: "request".into(), value: request_id.into(), scope: None, proof: None }],
        route: Some(route.into()),
        start: Some(UnixNanos(ZERO)),
        response_ns: Some(response_ms * MS),
        completion_ns: Some(completion.total_ns),
        state: State::Ok,
        status: Some(200),
        coverage: Some(1.0 - unaccounted as f64 / (response_ms * MS) as f64),
        breakdown: response,
        completion,
        busy_ns,
        verdict: verdict(vec![say("Answered in "), figure("4.31 s"), say(".")]),
        models: Vec::new(),
        prompt_versions: Vec::new(),
        config_versions: Vec::new(),
        tokens: None,
        cost_usd: None,
        lines: Vec::new(),
        unplaced: Vec::new(),
        placed: Vec::new(),
        possible: Vec::new(),
        missing: Vec::new(),
        links: Vec::new(),
        skew: Vec::new(),
        sources: Vec::new(),
        marks: Vec::new(),
        anomalies: Vec::new(),
        spans,
    }
}

/// Adds a line to the log and to its step.
pub fn log(view: &mut PathView, file: &str, number: u64, ms: i64, severity: Severity, step: &str, text: &str, raw: &str) {
    let trace = view.trace_mut();
    let span = trace.spans.iter_mut().find(|s| s.id == step);
    let reference = line(file, number);
    let stage = span.as_ref().map(|s| s.kind.stage());
    let service = span.as_ref().and_then(|s| s.service.clone()).unwrap_or_else(|| file.trim_end_matches(".log").to_owned());
    let placed = span.is_some();
    if let Some(span) = span {
        span.lines.push(reference.clone());
        trace.lines.push(reference.clone());
    } else {
        trace.unplaced.push(reference.clone());
    }
    match trace.sources.iter_mut().find(|s| s.file == file) {
        Some(s) => s.lines += 1,
        None => trace.sources.push(SourceCount { file: file.into(), lines: 1 }),
    }
    view.log_mut().push(LogLine {
        at: At { file: FileId(1), start: number * 200, sub: 0, line: number },
        line: reference,
        time: Some(at(ms)),
        severity: Some(severity),
        stage,
        service,
        text: text.into(),
        raw: raw.into(),
        span: Some(step.to_owned()).filter(|_| placed),
        unplaced: !placed,
        placed_by: None,
    });
    view.log_mut().sort_by_key(|l| l.time);
}

pub fn view_of(trace: Trace) -> PathView {
    PathView {
        trace: trace.into(),
        log: std::sync::Arc::default(),
        possible: std::sync::Arc::default(),
        typical: None,
        typical_by_kind: BTreeMap::new(),
        typical_by_operation: std::sync::Arc::default(),
        took_us: 2_840,
    }
}

fn model(requested: &str, served: &str, input: u64, output: u64, first_ms: Option<i64>, cost: f64) -> SpanModel {
    SpanModel {
        requested: Some(requested.into()),
        served: Some(served.into()),
        provider: Some("openai".into()),
        prompt: Some("reply".into()),
        prompt_version: Some("15".into()),
        config_version: Some("cfg-2026-11-20".into()),
        input_tokens: Some(input),
        output_tokens: Some(output),
        cached_tokens: None,
        cost_usd: Some(cost),
        first_token_ns: first_ms.map(|ms| ms * MS),
        finish_reason: Some("stop".into()),
    }
}

pub const RICH: &str = "req_01JDC9V6Q8Z4M2K7T3W5XH0B1N";
const FOLLOW_UP: &str = "fup_01JDC9VB2TQ4R8";

fn rate_limited(mut s: Span, attempt: u32) -> Span {
    s.attempt = Some(attempt);
    s.outcome = Outcome::Error;
    s.error = Some(Box::new(SpanError {
        kind: Some("RateLimitError".into()),
        message: Some("429: rate limit reached for gpt-4.1, retry after 0.5 s".into()),
        class: FailureClass::Transient,
        rule: Some("HTTP 429".into()),
    }));
    s.model = Some(Box::new(SpanModel {
        requested: Some("gpt-4.1".into()),
        provider: Some("openai".into()),
        prompt: Some("reply".into()),
        prompt_version: Some("15".into()),
        ..SpanModel::default()
    }));
    s
}

fn rich_spans() -> Vec<Span> {
    use SpanKind as K;
    let mut spans = vec![
        Span { status: Some(200), ..span("s1", "", K::Edge, "POST /tickets/{id}/reply", "nginx", 0, 4_312) },
        Span { status: Some(200), evidence: Evidence::Paired, ..span("s2", "s1", K::App, "reply.draft", "api", 3, 4_305) },
        span("s3", "s2", K::Tool, "lookup_ticket", "api", 21, 43),
        rate_limited(span("s4", "s2", K::ModelCall, "gpt-4.1", "gateway", 70, 632), 1),
        Span { evidence: Evidence::Paired, stated_wait_ns: Some(500 * MS), ..span("s5", "s2", K::RetryWait, "retry wait", "", 702, 513) },
        rate_limited(span("s6", "s2", K::ModelCall, "gpt-4.1", "gateway", 1_215, 656), 2),
        Span {
            model: Some(Box::new(model("gpt-4.1", "gpt-4.1-nano-2025-04-14", 412, 188, Some(835), 0.000_19))),
            ids: vec!["call:chatcmpl-9xT2Qm4LwZ81".into()],
            ..span("s7", "s2", K::ModelCall, "gpt-4.1-nano", "gateway", 1_905, 2_275)
        },
        span("s8", "s2", K::DbWrite, "replies", "api", 4_190, 109),
        Span { evidence: Evidence::Paired, queue: Some("default".into()), ..span("s9", "s2", K::QueueWait, "wait for follow_up", "", 4_301, 6_221) },
        Span {
            evidence: Evidence::Paired,
            attempt: Some(1),
            ids: vec![format!("task:{FOLLOW_UP}")],
            host: Some("worker-1".into()),
            queue: Some("default".into()),
            ..span("s10", "s9", K::Task, "follow_up", "worker-rq", 10_522, 3_790)
        },
        Span {
            model: Some(Box::new(SpanModel {
                prompt: None,
                prompt_version: None,
                output_tokens: None,
                ..model("text-embedding-3-small", "text-embedding-3-small", 96, 0, None, 0.000_002)
            })),
            ..span("s11", "s10", K::ModelCall, "text-embedding-3-small", "gateway", 10_570, 459)
        },
        Span { evidence: Evidence::Observed, ..span("s12", "s10", K::Tool, "kb.search", "worker-rq", 11_031, 869) },
        Span {
            model: Some(Box::new(SpanModel { prompt: Some("triage".into()), ..model("gpt-4.1", "gpt-4.1-2025-04-14", 1_204, 96, None, 0.0031) })),
            ..span("s13", "s10", K::ModelCall, "gpt-4.1", "gateway", 12_010, 1_940)
        },
        span("s14", "s10", K::DbWrite, "routing", "worker-rq", 13_960, 330),
        Span { evidence: Evidence::Paired, queue: Some("mail".into()), ..span("s15", "s10", K::QueueWait, "wait for mail", "", 14_296, 225) },
        Span { ids: vec!["job:1187".into()], attempt: Some(1), queue: Some("mail".into()), ..span("s16", "s15", K::Task, "mail", "node-worker", 14_521, 400) },
        Span { evidence: Evidence::Paired, ..span("s17", "s16", K::HttpCall, "smtp.send", "node-worker", 14_541, 360) },
    ];
    for s in &mut spans {
        s.blocking = s.start.0 < ZERO + 4_300 * MS;
    }
    spans
}

/// Retries, a fallback, two queues, two workers, a missing stage, a clock that is behind.
pub fn rich() -> PathView {
    let mut trace = trace_of(RICH, "POST /tickets/{id}/reply", rich_spans(), 4_312);
    let proof = |rule, parent: &str, file: &str, number| Some(Proof { rule, parent: parent.into(), lines: vec![line(file, number)] });
    let id = |kind: &str, value: &str, scope: Option<&str>, proof| PathId { kind: kind.into(), value: value.into(), scope: scope.map(str::to_owned), proof };
    let request = format!("request:{RICH}");
    trace.ids.extend([
        id("trace", "5f0c1d7e9a3b4c2d8e6f00112233445e", None, proof(LinkRule::StatedRoot, &request, "api.log", 4_410)),
        id("request", "8d0f61c2b4a94f6e", None, proof(LinkRule::SameId, &request, "access.log", 881)),
        id("task", FOLLOW_UP, None, proof(LinkRule::HandOver, &request, "api.log", 4_415)),
        id("job", "1187", Some("queue=mail"), proof(LinkRule::HandOver, &format!("task:{FOLLOW_UP}"), "worker-rq.log", 2_219)),
        id("call", "chatcmpl-9xT2Qm4LwZ81", None, proof(LinkRule::StatedRoot, "trace:5f0c1d7e9a3b4c2d8e6f00112233445e", "gateway.log", 1_187)),
    ]);
    trace.verdict = Verdict {
        retries: 1,
        retry_class: RetryClass::Transient,
        serving: Serving::Fallback,
        fallback_from: Some("gpt-4.1".into()),
        fallback_to: Some("gpt-4.1-nano".into()),
        degraded: true,
        ..verdict(vec![
            say("Answered in "),
            figure("4.31 s"),
            say(", by a fallback: "),
            link("2 tries of gpt-4.1 failed", "s4"),
            say(" and "),
            link("gpt-4.1-nano answered", "s7"),
            say(" in its place. "),
            say("52 % of it was "),
            link("gpt-4.1-nano", "s7"),
            say(". "),
            say("All work was done after "),
            figure("14.9 s"),
            say("; "),
            link("6.22 s of it was waiting for follow_up", "s9"),
            say("."),
        ])
    };
    trace.models = vec!["gpt-4.1".into(), "gpt-4.1-nano".into(), "text-embedding-3-small".into()];
    trace.prompt_versions = vec!["reply@15".into(), "triage@15".into()];
    trace.config_versions = vec!["cfg-2026-11-20".into()];
    trace.tokens = Some(Tokens { input: Some(1_712), output: Some(284) });
    trace.cost_usd = Some(0.0033);
    trace.marks = vec!["slow".into(), "incomplete".into()];
    trace.missing =
        vec![Missing { stage: Stage::Worker, id: "job:webhook:88".into(), reason: "not_seen".into(), text: "not seen, though node-worker.log covers this time".into() }];
    trace.skew = vec![Skew { host: "node-worker".into(), against: "api".into(), min_ns: None, max_ns: Some(-1_690 * MS), hand_overs: 412, applied: true }];
    trace.links = vec![Neighbour { to: "request:req_01JDC9X1KQ8Z4M2K7T3W5XH0AA".into(), rule: "poll".into(), lines: vec![line("api.log", 4_431)] }];
    trace.possible = vec![line("api.out.log", 7), line("api.out.log", 9)];
    trace.anomalies = vec![Anomaly {
        kind: AnomalyKind::ZoneAssumed,
        text: "worker-rq.log writes times without a zone; UTC fits 556 of 556 hand-overs".into(),
        lines: vec![line("worker-rq.log", 2_210)],
    }];
    let mut view = view_of(trace);
    rich_log(&mut view);
    view.typical = Some(Typical { n: 1_204, p50_ns: 2_910 * MS, p95_ns: 8_020 * MS });
    let typical = [
        (SegmentKind::ModelStream, 980, 1_900),
        (SegmentKind::ModelCall, 1_100, 4_200),
        (SegmentKind::ModelFirstToken, 420, 1_100),
        (SegmentKind::RetryWait, 0, 520),
        (SegmentKind::DbWrite, 32, 135),
        (SegmentKind::App, 70, 110),
        (SegmentKind::Tool, 838, 1_390),
        (SegmentKind::Edge, 6, 9),
        (SegmentKind::QueueWait, 430, 2_100),
        (SegmentKind::HttpCall, 340, 700),
        (SegmentKind::Task, 180, 260),
    ];
    view.typical_by_kind = typical.into_iter().map(|(k, p50, p95)| (k, Typical { n: 1_204, p50_ns: p50 * MS, p95_ns: p95 * MS })).collect();
    view
}

fn rich_log(v: &mut PathView) {
    use Severity::{Error, Info, Warn};
    let json = |service: &str, level: &str, message: &str, rest: &str| {
        format!("{{\"time\":\"2026-11-23T14:21:07.033Z\",\"level\":\"{level}\",\"service\":\"{service}\",\"request_id\":\"{RICH}\",\"msg\":\"{message}\"{rest}}}")
    };
    log(v, "api.log", 4_408, 3, Info, "s2", "POST /tickets/T-10586/reply received", &json("api", "info", "POST /tickets/T-10586/reply received", ""));
    log(v, "api.log", 4_409, 64, Info, "s3", "tool lookup_ticket T-10586 in 43 ms", &json("api", "info", "tool lookup_ticket T-10586 in 43 ms", ",\"duration_ms\":43"));
    log(v, "api.log", 4_410, 69, Info, "s2", "calling gateway", &json("api", "info", "calling gateway", ",\"trace_id\":\"5f0c1d7e9a3b4c2d8e6f00112233445e\""));
    log(
        v,
        "gateway.log",
        1_185,
        702,
        Error,
        "s4",
        "RateLimitError 429: rate limit reached for gpt-4.1, retry after 0.5 s",
        &json(
            "gateway",
            "error",
            "RateLimitError 429: rate limit reached for gpt-4.1, retry after 0.5 s",
            ",\"trace_id\":\"5f0c1d7e9a3b4c2d8e6f00112233445e\",\"startTime\":1795443667.082,\"endTime\":1795443667.714",
        ),
    );
    log(v, "api.log", 4_411, 703, Warn, "s5", "retrying in 500 ms", &json("api", "warn", "retrying in 500 ms", ",\"backoff_ms\":500"));
    log(
        v,
        "gateway.log",
        1_186,
        1_871,
        Error,
        "s6",
        "RateLimitError 429: rate limit reached for gpt-4.1",
        &json("gateway", "error", "RateLimitError 429: rate limit reached for gpt-4.1", ""),
    );
    log(v, "api.log", 4_412, 1_872, Warn, "s2", "falling back from gpt-4.1 to gpt-4.1-nano", &json("api", "warn", "falling back from gpt-4.1 to gpt-4.1-nano", ""));
    log(
        v,
        "gateway.log",
        1_187,
        4_180,
        Info,
        "s7",
        "gpt-4.1-nano-2025-04-14, 412 in, 188 out, stop",
        "{\"id\":\"chatcmpl-9xT2Qm4LwZ81\",\"trace_id\":\"5f0c1d7e9a3b4c2d8e6f00112233445e\",\"startTime\":1795443668.917,\"completion_start_time\":1795443669.752,\"endTime\":1795443671.192,\"model\":\"gpt-4.1-nano-2025-04-14\",\"model_group\":\"gpt-4.1\",\"prompt_tokens\":412,\"completion_tokens\":188}",
    );
    log(v, "api.log", 4_414, 4_299, Info, "s8", "stored 1 row in replies in 109.2ms", &json("api", "info", "stored 1 row in replies in 109.2ms", ",\"rows\":1"));
    log(v, "api.log", 4_415, 4_301, Info, "s9", &format!("enqueued follow_up {FOLLOW_UP}"), &json("api", "info", "enqueued follow_up", &format!(",\"task_id\":\"{FOLLOW_UP}\"")));
    log(v, "access.log", 881, 4_312, Info, "s1", "POST /tickets/T-10586/reply 200 4.312", "{\"request_id\":\"8d0f61c2b4a94f6e\",\"status\":200,\"request_time\":4.312}");
    log(
        v,
        "worker-rq.log",
        2_210,
        10_522,
        Info,
        "s10",
        "follow_up begin",
        &format!("{{\"ts\":\"2026-11-23 14:21:17,534\",\"task_id\":\"{FOLLOW_UP}\",\"msg\":\"follow_up begin\"}}"),
    );
    log(v, "worker-rq.log", 2_212, 11_031, Info, "s12", "kb.search started", "{\"msg\":\"kb.search started\"}");
    log(v, "worker-rq.log", 2_214, 11_400, Warn, "s12", "kb.search: 2 of 14 shards slow", "{\"msg\":\"kb.search: 2 of 14 shards slow\"}");
    log(v, "worker-rq.log", 2_215, 11_900, Info, "s12", "kb.search: 6 hits", "{\"msg\":\"kb.search: 6 hits\"}");
    log(v, "gateway.log", 1_201, 13_950, Info, "s13", "gpt-4.1-2025-04-14, 1204 in, 96 out, stop", "{\"model\":\"gpt-4.1-2025-04-14\"}");
    log(v, "worker-rq.log", 2_218, 14_290, Warn, "s14", "routing updated in 330 ms, waited 296 ms for a lock", "{\"msg\":\"routing updated\",\"lock_wait_ms\":296}");
    log(v, "worker-rq.log", 2_219, 14_296, Info, "s15", "mail job 1187 added", &format!("{{\"task_id\":\"{FOLLOW_UP}\",\"queue\":\"mail\",\"job_id\":1187}}"));
    log(v, "worker-rq.log", 2_220, 14_312, Info, "s10", "follow_up done", &format!("{{\"task_id\":\"{FOLLOW_UP}\",\"msg\":\"follow_up done\"}}"));
    log(v, "node-worker.log", 3_307, 14_541, Info, "s17", "smtp.send begin", "{\"queue\":\"mail\",\"jobId\":\"1187\",\"msg\":\"smtp.send begin\"}");
    log(v, "node-worker.log", 3_308, 14_901, Info, "s17", "smtp.send done", "{\"queue\":\"mail\",\"jobId\":\"1187\",\"msg\":\"smtp.send done\"}");
    log(v, "node-worker.log", 3_309, 14_921, Info, "s16", "job 1187 completed", "{\"queue\":\"mail\",\"jobId\":\"1187\",\"msg\":\"completed\"}");
    let prompt = format!("prompt: {}", "You are the support agent of a small bakery. Answer kindly, briefly and only from the ticket. ".repeat(8));
    log(v, "api.log", 4_413, 2_000, Severity::Debug, "", &prompt, &format!("{{\"request_id\":\"{RICH}\",\"prompt\":\"{prompt}\"}}"));
}
