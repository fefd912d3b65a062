//! Answers made by hand: a rich request, requests that went wrong in several ways, a hostile one, a huge one, and a list of three hundred.
//! Used by the tests of the pages and by `examples/pages.rs`, which serves them to be looked at.

#![allow(dead_code, clippy::unwrap_used, missing_docs)]

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
    query::view::{Answers, ChoiceView, Found, ListView, Notice, PathView, QueryError, UnknownView},
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
        id: id.into(),
        parent: Some(parent.to_owned()).filter(|p| !p.is_empty()),
        kind,
        name: name.into(),
        service: Some(service.to_owned()).filter(|s| !s.is_empty()),
        host: None,
        start: at(from_ms),
        end: Some(at(from_ms + took_ms)),
        evidence: Evidence::Stated,
        unfinished: false,
        attempt: None,
        outcome: Outcome::Ok,
        error: None,
        ids: Vec::new(),
        lines: Vec::new(),
        blocking: from_ms < 4_300,
        status: None,
        queue: None,
        stated_wait_ns: None,
        model: None,
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
    let trace = &mut view.trace;
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
    view.log.push(LogLine {
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
    });
    view.log.sort_by_key(|l| l.time);
}

pub fn view_of(trace: Trace) -> PathView {
    PathView { trace, log: Vec::new(), typical: None, typical_by_kind: BTreeMap::new(), took_us: 2_840 }
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
    s.error = Some(SpanError {
        kind: Some("RateLimitError".into()),
        message: Some("429: rate limit reached for gpt-4.1, retry after 0.5 s".into()),
        class: FailureClass::Transient,
        rule: Some("HTTP 429".into()),
    });
    s.model = Some(SpanModel {
        requested: Some("gpt-4.1".into()),
        provider: Some("openai".into()),
        prompt: Some("reply".into()),
        prompt_version: Some("15".into()),
        ..SpanModel::default()
    });
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
            model: Some(model("gpt-4.1", "gpt-4.1-nano-2025-04-14", 412, 188, Some(835), 0.000_19)),
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
            model: Some(SpanModel { prompt: None, prompt_version: None, output_tokens: None, ..model("text-embedding-3-small", "text-embedding-3-small", 96, 0, None, 0.000_002) }),
            ..span("s11", "s10", K::ModelCall, "text-embedding-3-small", "gateway", 10_570, 459)
        },
        Span { evidence: Evidence::Observed, ..span("s12", "s10", K::Tool, "kb.search", "worker-rq", 11_031, 869) },
        Span {
            model: Some(SpanModel { prompt: Some("triage".into()), ..model("gpt-4.1", "gpt-4.1-2025-04-14", 1_204, 96, None, 0.0031) }),
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

pub const FAILED: &str = "req_failed_01";
pub const OPEN: &str = "req_open_01";
pub const HOSTILE: &str = "req_<script>alert(1)</script>\"'../..\u{202e}";
pub const HUGE: &str = "req_huge_01";
pub const BARE: &str = "req_bare_01";

/// A short request that failed, without anything after the response and too few to compare.
pub fn failed() -> PathView {
    let mut root = span("s1", "", SpanKind::App, "POST /assist", "api", 0, 812);
    root.status = Some(502);
    root.outcome = Outcome::Error;
    let call = rate_limited(span("s2", "s1", SpanKind::ModelCall, "gpt-4.1", "api", 12, 640), 1);
    let mut trace = trace_of(FAILED, "POST /assist", vec![root, call], 812);
    trace.state = State::Failed;
    trace.status = Some(502);
    trace.verdict = verdict(vec![say("Failed with 502 after "), figure("812 ms"), say(": "), link("gpt-4.1 failed (RateLimitError)", "s2"), say(".")]);
    trace.verdict.serving = Serving::Unknown;
    let mut view = view_of(trace);
    view.typical = Some(Typical { n: 7, p50_ns: 600 * MS, p95_ns: 900 * MS });
    log(&mut view, "app.log", 1, 652, Severity::Error, "s2", "RateLimitError", "{\"level\":\"error\"}");
    log(&mut view, "app.log", 2, 812, Severity::Error, "s1", "502", "{\"status\":502}");
    view
}

/// A task that began and was never seen to end.
pub fn open() -> PathView {
    let mut task = span("s3", "s2", SpanKind::Task, "summarize", "worker", 900, 0);
    task.end = None;
    task.unfinished = true;
    task.outcome = Outcome::Unknown;
    let spans = vec![
        span("s1", "", SpanKind::App, "POST /summarize", "api", 0, 40),
        Span { queue: Some("embed".into()), evidence: Evidence::Paired, ..span("s2", "s1", SpanKind::QueueWait, "wait for summarize", "", 40, 860) },
        task,
        Span { evidence: Evidence::Paired, ..span("s4", "s3", SpanKind::Tool, "fetch", "worker", 950, 300) },
    ];
    let mut trace = trace_of(OPEN, "POST /summarize", spans, 40);
    trace.state = State::Unfinished;
    trace.status = Some(202);
    trace.marks = vec!["open".into()];
    trace.verdict = verdict(vec![say("Not finished: "), link("summarize began", "s3"), say(" and no end was seen.")]);
    let mut view = view_of(trace);
    log(&mut view, "worker.log", 5, 900, Severity::Info, "s3", "summarize begin", "{}");
    log(&mut view, "worker.log", 9, 4_000, Severity::Info, "s3", "still waiting for the page", "{}");
    view
}

/// Every text is an attack.
pub fn hostile() -> PathView {
    let bad = "<script>alert(1)</script>\"'`&<img src=x onerror=alert(2)>../../etc/passwd\u{202e}\u{0}\u{1b}[31m{{7*7}}";
    let mut root = span("s1", "", SpanKind::App, bad, bad, 0, 100);
    root.host = Some(bad.into());
    root.queue = Some(bad.into());
    root.ids = vec![format!("task:{bad}")];
    root.outcome = Outcome::Error;
    root.error = Some(SpanError { kind: Some(bad.into()), message: Some(bad.into()), class: FailureClass::Semantic, rule: Some(bad.into()) });
    let mut call = span("s2\"><b>", "s1", SpanKind::ModelCall, bad, bad, 10, 50);
    call.model = Some(SpanModel {
        requested: Some(bad.into()),
        served: Some(format!("{bad}2")),
        provider: Some(bad.into()),
        prompt: Some(bad.into()),
        prompt_version: Some(bad.into()),
        config_version: Some(bad.into()),
        finish_reason: Some(bad.into()),
        ..SpanModel::default()
    });
    let wait = Span { queue: Some(bad.into()), ..span("s3", "s1", SpanKind::QueueWait, bad, "", 60, 20) };
    let mut trace = trace_of(HOSTILE, bad, vec![root, call, wait], 100);
    trace.ids.push(PathId {
        kind: bad.into(),
        value: bad.into(),
        scope: Some(bad.into()),
        proof: Some(Proof { rule: LinkRule::HandOver, parent: bad.into(), lines: vec![line(bad, 1)] }),
    });
    trace.verdict = verdict(vec![say(bad), figure(bad), link(bad, "s2\"><b>"), link(bad, "no such step")]);
    trace.models = vec![bad.into()];
    trace.prompt_versions = vec![bad.into()];
    trace.config_versions = vec![bad.into()];
    trace.marks = vec![bad.into()];
    trace.missing = vec![Missing { stage: Stage::Worker, id: bad.into(), reason: bad.into(), text: bad.into() }];
    trace.links = vec![Neighbour { to: format!("request:{bad}"), rule: bad.into(), lines: vec![line(bad, 2)] }];
    trace.skew = vec![Skew { host: bad.into(), against: bad.into(), min_ns: Some(1), max_ns: None, hand_overs: 1, applied: false }];
    trace.anomalies = vec![Anomaly { kind: AnomalyKind::Orphan, text: bad.into(), lines: vec![line(bad, 3)] }];
    trace.possible = vec![line(bad, 4)];
    let mut view = view_of(trace);
    log(&mut view, bad, 1, 5, Severity::Error, "s1", bad, bad);
    log(&mut view, bad, 2, 6, Severity::Info, "", bad, &format!("{bad}{}", "x".repeat(10_000)));
    view
}

/// Twelve thousand steps under one task, most of them alike, and six thousand lines.
pub fn huge() -> PathView {
    let mut spans = vec![span("s1", "", SpanKind::Task, "reindex", "worker", 0, 60_000)];
    for i in 0..12_000_i64 {
        let (kind, name) = if i % 3 == 0 {
            (SpanKind::ModelCall, "text-embedding-3-small".to_owned())
        } else if i % 400 == 1 {
            (SpanKind::DbWrite, format!("chunk_{i}"))
        } else {
            (SpanKind::DbWrite, "chunks".to_owned())
        };
        let mut s = span(&format!("s{}", i + 2), "s1", kind, &name, "worker", i * 5, 3 + i % 7);
        if i % 1_000 == 3 {
            s.outcome = Outcome::Timeout;
        }
        spans.push(s);
    }
    let first: Breakdown = breakdown(&spans[..1], ZERO, ZERO + 60_000 * MS);
    let mut trace = trace_of(HUGE, "reindex", Vec::new(), 60_000);
    trace.breakdown = first.clone();
    trace.completion = first;
    trace.spans = spans;
    trace.status = None;
    let mut view = view_of(trace);
    for i in 0..5_000_u64 {
        let reference = line("worker.log", i + 1);
        view.trace.lines.push(reference.clone());
        view.log.push(LogLine {
            at: At::default(),
            line: reference,
            time: Some(at(i as i64 * 10)),
            severity: Some(Severity::Info),
            stage: Some(Stage::Write),
            service: "worker".into(),
            text: format!("chunk {i} stored"),
            raw: format!("{{\"chunk\":{i}}}"),
            span: Some(format!("s{}", i + 2)),
            unplaced: false,
        });
    }
    view.trace.sources = vec![SourceCount { file: "worker.log".into(), lines: 5_000 }];
    view
}

/// Lines with ids and nothing that states an interval.
pub fn bare() -> PathView {
    let mut trace = trace_of(BARE, "-", Vec::new(), 1);
    trace.route = None;
    trace.start = None;
    trace.response_ns = None;
    trace.completion_ns = None;
    trace.breakdown = Breakdown::default();
    trace.completion = Breakdown::default();
    trace.coverage = None;
    trace.status = None;
    trace.state = State::Unfinished;
    trace.verdict = verdict(vec![say("No line states how long anything took; the lines below carry its ids.")]);
    let mut view = view_of(trace);
    log(&mut view, "app.log", 1, 0, Severity::Info, "", "seen", "{}");
    view.log[0].time = None;
    view
}

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    /// About normal around zero with deviation one.
    fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.below(10_000) as f64 / 10_000.0).sum::<f64>() - 6.0
    }
}

/// Three hundred rows with a realistic spread, newest first.
pub fn rows() -> Vec<RequestSummary> {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let routes = [
        ("POST /tickets/{id}/reply", 1_400.0, 35),
        ("POST /assist", 2_300.0, 15),
        ("POST /tickets/{id}/triage", 1_800.0, 20),
        ("GET /tickets/{id}", 70.0, 12),
        ("POST /kb/reindex", 2_600.0, 9),
        ("POST /tickets/{id}/translate", 900.0, 9),
    ];
    let mut out = Vec::new();
    let mut when = ZERO + 900_000 * MS;
    while out.len() < 300 {
        when -= (900 + dice.below(4_500) as i64) * MS;
        let mut pick = dice.below(100) as i64;
        let (route, middle, _) = *routes
            .iter()
            .find(|r| {
                pick -= r.2;
                pick < 0
            })
            .unwrap();
        out.push(row(&mut dice, out.len(), route, middle, when));
    }
    out[7].id = RICH.into();
    out[7].route = Some("POST /tickets/{id}/reply".into());
    out[20].id = FAILED.into();
    out[31].id = OPEN.into();
    out
}

fn row(dice: &mut Dice, n: usize, route: &str, middle: f64, when: i64) -> RequestSummary {
    let total = (middle * (dice.bell() * 0.55).exp() * 1e6) as i64;
    let simple = route.starts_with("GET");
    let queued = !simple && (route.contains("triage") || route.contains("reindex") || dice.below(5) == 0);
    let state = match dice.below(100) {
        0..=2 => State::Failed,
        3..=4 => State::DeadLetter,
        5..=8 => State::Rejected,
        9 => State::Timeout,
        10..=12 => State::ClientDisconnect,
        13 => State::Unfinished,
        _ => State::Ok,
    };
    let fell_back = !simple && state == State::Ok && dice.below(12) == 0;
    let retried = fell_back || (!simple && dice.below(9) == 0);
    let wait = if queued { total * (5 + dice.below(60) as i64) / 100 } else { 0 };
    let rest = total - wait;
    let model = if simple { 0 } else { rest * (55 + dice.below(35) as i64) / 100 };
    let first = model * (20 + dice.below(30) as i64) / 100;
    let write = (rest - model) / 4;
    let app = rest - model - write;
    let by_kind = [
        (SegmentKind::App, if queued { app / 3 } else { app }),
        (SegmentKind::QueueWait, wait),
        (SegmentKind::Task, if queued { app - app / 3 } else { 0 }),
        (SegmentKind::ModelFirstToken, first),
        (SegmentKind::ModelStream, model - first),
        (SegmentKind::DbWrite, write),
    ];
    let id: String = (0..16).map(|_| char::from(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[dice.below(32) as usize])).collect();
    let model_name = if fell_back {
        "gpt-4.1-nano"
    } else if route.contains("reindex") {
        "text-embedding-3-small"
    } else {
        "gpt-4.1"
    };
    let worker = if route.contains("reindex") {
        "worker-kb"
    } else if dice.below(2) == 0 {
        "worker-rq"
    } else {
        "node-worker"
    };
    RequestSummary {
        root: format!("row{n}"),
        id: format!("req_01JDC9{id}"),
        id_kind: "request".into(),
        scope: None,
        route: Some(route.into()),
        start: Some(UnixNanos(when)),
        response_ns: Some(rest),
        completion_ns: Some(total),
        state,
        status: match state {
            State::Failed => Some(502),
            State::Rejected => Some(422),
            State::Timeout => Some(504),
            State::Unfinished => Some(202),
            _ => Some(200),
        },
        by_kind_ns: by_kind.into_iter().filter(|(_, ns)| *ns > 0).collect(),
        queue_wait_ns: wait,
        model_ns: model,
        attempts: if fell_back { 3 } else { 1 + u32::from(retried) },
        retries: u32::from(retried) + u32::from(fell_back),
        retry_class: if !retried {
            RetryClass::None
        } else if dice.below(6) == 0 {
            RetryClass::Semantic
        } else {
            RetryClass::Transient
        },
        serving: if simple {
            Serving::Unknown
        } else if fell_back {
            Serving::Fallback
        } else if retried {
            Serving::Retried
        } else {
            Serving::Primary
        },
        degraded: fell_back,
        dead_lettered: state == State::DeadLetter,
        duplicate_delivery: false,
        models: if simple { Vec::new() } else { vec![model_name.into()] },
        prompt_versions: if simple { Vec::new() } else { vec![format!("reply@{}", if when > ZERO + 300_000 * MS { 15 } else { 14 })] },
        config_versions: vec!["cfg-2026-11-20".into()],
        tokens: (!simple).then(|| 200 + dice.below(2_400)),
        cost_usd: None,
        errors: match state {
            State::Failed | State::DeadLetter | State::Timeout => 1 + dice.below(3) as u32,
            _ => 0,
        },
        error_type: match state {
            State::Failed => Some("APIConnectionError".into()),
            State::DeadLetter => Some("MissingStateError".into()),
            State::Timeout => Some("ReadTimeout".into()),
            _ => None,
        },
        lines: 12,
        sources: vec!["api.log".into(), "gateway.log".into()],
        workers: if queued { vec![worker.into()] } else { Vec::new() },
        marks: if total > 6_000 * MS {
            vec!["slow".into()]
        } else if state == State::Unfinished {
            vec!["open".into(), "incomplete".into()]
        } else {
            Vec::new()
        },
    }
}

fn facet(key: &str, title: &str, search: &str, rows: &[RequestSummary], of: impl Fn(&RequestSummary) -> Vec<String>) -> Facet {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    rows.iter().flat_map(of).for_each(|v| *counts.entry(v).or_default() += 1);
    let mut values: Vec<FacetValue> = counts
        .into_iter()
        .map(|(value, count)| FacetValue { chosen: search.contains(&format!("{key}:\"{value}\"")) || search.contains(&format!("{key}:{value}")), value, count })
        .collect();
    values.sort_by_key(|v| std::cmp::Reverse(v.count));
    let more = values.len().saturating_sub(12) as u64;
    values.truncate(12);
    Facet { key: key.into(), title: title.into(), values, more }
}

fn in_preset(r: &RequestSummary, preset: Preset) -> bool {
    match preset {
        Preset::All | Preset::Slowest | Preset::LongestWait => true,
        Preset::Failed => matches!(r.state, State::Failed | State::Timeout | State::DeadLetter),
        Preset::Retried => r.retries > 0,
        Preset::FellBack => r.serving == Serving::Fallback,
        Preset::SemanticRetried => r.retry_class == RetryClass::Semantic,
        Preset::Incomplete => r.marks.iter().any(|m| m != "slow"),
    }
}

/// A list over the rows; of the query only conditions of routes and states are obeyed.
pub fn page_of(all: &[RequestSummary], search: &str, query: &RowQuery) -> ListPage {
    let matches = |r: &&RequestSummary| {
        (!search.contains("route:") || search.contains(r.route.as_deref().unwrap_or("?")))
            && (!search.contains("status:") || search.contains(&format!("status:{}", r.state.word())))
            && !search.contains("nothing")
    };
    let found: Vec<RequestSummary> = all.iter().filter(matches).cloned().collect();
    let presets = Preset::ALL.iter().map(|p| (p.word(), found.iter().filter(|r| in_preset(r, *p)).count() as u64)).collect();
    let mut shown: Vec<RequestSummary> = found.iter().filter(|r| in_preset(r, query.preset)).cloned().collect();
    let key = query.sort.unwrap_or(match query.preset {
        Preset::Slowest => SortKey::Total,
        Preset::LongestWait => SortKey::QueueWait,
        _ => SortKey::Start,
    });
    shown.sort_by_key(|r| {
        std::cmp::Reverse(match key {
            SortKey::Start => r.start.unwrap().0,
            SortKey::Total => r.total_ns().unwrap(),
            SortKey::QueueWait => r.queue_wait_ns,
            SortKey::Model => r.model_ns,
            SortKey::Attempts => i64::from(r.attempts),
            SortKey::Tokens => r.tokens.unwrap_or(0) as i64,
            SortKey::Errors => i64::from(r.errors),
        })
    });
    if query.ascending {
        shown.reverse();
    }
    let mut totals: Vec<i64> = shown.iter().filter_map(RequestSummary::total_ns).collect();
    totals.sort_unstable();
    let quantile = |q: f64| totals.get(((totals.len() as f64 * q) as usize).min(totals.len().saturating_sub(1))).copied();
    let bounds: Vec<i64> = (0..=24).map(|i| (10_f64.powf(7.25 + f64::from(i) * 0.125) / 1e6).round() as i64 * MS).collect();
    let histogram = bounds.windows(2).map(|w| HistogramBar { from_ns: w[0], to_ns: w[1], count: totals.iter().filter(|t| (w[0]..w[1]).contains(*t)).count() as u64 }).collect();
    let scatter = shown
        .iter()
        .map(|r| ScatterPoint { start: r.start.unwrap(), total_ns: r.total_ns().unwrap(), state: r.state, marked: r.degraded || r.retries > 0, id: r.id.clone() })
        .collect();
    let skip = query.after.as_deref().and_then(|a| a.parse().ok()).unwrap_or(0);
    let rows: Vec<RequestSummary> = shown.iter().skip(skip).take(query.limit).cloned().collect();
    ListPage {
        next: (skip + rows.len() < shown.len()).then(|| (skip + rows.len()).to_string()),
        matched: shown.len() as u64,
        total: all.len() as u64,
        presets,
        facets: vec![
            facet("status", "State", search, &found, |r| vec![r.state.word().into()]),
            facet("route", "Route", search, &found, |r| r.route.clone().into_iter().collect()),
            facet("model", "Model served", search, &found, |r| r.models.clone()),
            facet("prompt", "Prompt", search, &found, |r| r.prompt_versions.clone()),
            facet("config", "Configuration", search, &found, |r| r.config_versions.clone()),
            facet("worker", "Worker", search, &found, |r| r.workers.clone()),
            facet("source", "Source", search, &found, |r| r.sources.clone()),
        ],
        p50_ns: quantile(0.5),
        p95_ns: quantile(0.95),
        p99_ns: quantile(0.99),
        n: totals.len() as u64,
        histogram,
        scatter,
        span: shown.iter().filter_map(|r| r.start).map(|s| (s, s)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))),
        rows,
    }
}

/// Everything above as answers.
pub struct Demo {
    rows: Vec<RequestSummary>,
}

impl Demo {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { rows: rows() })
    }
    pub fn empty() -> Arc<Self> {
        Arc::new(Self { rows: Vec::new() })
    }
    pub fn hostile() -> Arc<Self> {
        let bad = "<script>alert(1)</script>\"'../..\u{202e}";
        let mut rows = rows();
        for r in rows.iter_mut().take(5) {
            r.id = bad.into();
            r.scope = Some(bad.into());
            r.route = Some(bad.into());
            r.state = State::Failed;
            r.error_type = Some(bad.into());
            r.models = vec![bad.into()];
            r.prompt_versions = vec![bad.into()];
            r.workers = vec![bad.into()];
            r.sources = vec![bad.into()];
            r.marks = vec![bad.into()];
        }
        Arc::new(Self { rows })
    }
}

impl Answers for Demo {
    fn path(&self, text: &str, scope: Option<&str>) -> Result<Found, QueryError> {
        let rich_ids = [RICH, "5f0c1d7e9a3b4c2d8e6f00112233445e", "8d0f61c2b4a94f6e", FOLLOW_UP, "chatcmpl-9xT2Qm4LwZ81"];
        Ok(match text {
            t if rich_ids.contains(&t) || (t.len() >= 12 && RICH.starts_with(t)) || (t == "1187" && scope == Some("queue=mail")) => Found::Path(Box::new(rich())),
            FAILED => Found::Path(Box::new(failed())),
            OPEN => Found::Path(Box::new(open())),
            HOSTILE => Found::Path(Box::new(hostile())),
            HUGE => Found::Path(Box::new(huge())),
            BARE => Found::Path(Box::new(bare())),
            "1187" => Found::Choices {
                choices: vec![
                    ChoiceView {
                        id: "1187".into(),
                        scope: Some("queue=mail".into()),
                        kind: "job".into(),
                        route: Some("POST /tickets/{id}/reply".into()),
                        start: Some(at(0)),
                        state: State::Ok,
                        total_ns: Some(14_921 * MS),
                    },
                    ChoiceView { id: "1187".into(), scope: Some("queue=<b>".into()), kind: "job".into(), route: None, start: None, state: State::Failed, total_ns: None },
                ],
                more: false,
            },
            "boom" | "boom1" => return Err(QueryError::Store("segment 3: checksum <mismatch>".into())),
            "late1" => return Err(QueryError::Deadline { limit_ms: 2_000 }),
            "stuck1" => {
                std::thread::sleep(std::time::Duration::from_secs(7));
                Found::Unknown(Box::default())
            }
            #[expect(clippy::panic, reason = "the page of a fault is to be seen")]
            "panic1" => panic!("a secret of this machine"),
            other => {
                let known = self.rows.iter().find(|r| r.id == other);
                if let Some(row) = known {
                    let mut view = failed();
                    view.trace.request_id = Some(row.id.clone());
                    return Ok(Found::Path(Box::new(view)));
                }
                Found::Unknown(Box::new(UnknownView {
                    near: if other.starts_with("req_") { vec![RICH.into(), HOSTILE.into()] } else { Vec::new() },
                    coverage: vec![("api.log".into(), at(-3_600_000), at(900_000)), ("<i>.log".into(), at(-60_000), at(880_000))],
                    requests: self.rows.len() as u64,
                    unreadable: if other.contains("torn") { vec!["gateway.log:77".into()] } else { Vec::new() },
                }))
            }
        })
    }

    fn list(&self, search: &str, query: RowQuery) -> Result<ListView, QueryError> {
        let notices = search.find("dur:soon").map(|at| Notice { part: "dur:soon".into(), at, text: "soon is not a length; write a number and a unit, as 5s or 500ms".into() });
        let page = page_of(&self.rows, search, &query);
        Ok(ListView {
            behind: None,
            drop_hint: (page.matched == 0 && self.rows.len() > 1).then(|| ("status:failed".to_owned(), 41)),
            page,
            notices: notices.into_iter().collect(),
            understood: if search.is_empty() { Vec::new() } else { vec![format!("text holds {search}")] },
        })
    }

    fn requests(&self) -> u64 {
        self.rows.len() as u64
    }
}

fn source(path: &str, convention: &str, evidence: &str, records: u64, from_ms: i64, to_ms: i64) -> SourceStatus {
    SourceStatus {
        id: FileId(records),
        path: path.into(),
        name: path.rsplit('/').next().unwrap().into(),
        kind: FileKind::Plain,
        state: FileState::Live,
        conventions: vec![(convention.into(), records)],
        evidence: evidence.into(),
        counters: Counters { ok: records, text: 0, unparsed: 0, blank: 1, cut: 0, ok_bytes: records * 310, unparsed_bytes: 0, blank_bytes: 1, cut_bytes: 0 },
        lag_bytes: 0,
        pending_bytes: 0,
        trouble: None,
        coverage: Some((at(from_ms), at(to_ms))),
        zone: None,
        services: vec!["api".into()],
    }
}

pub fn status() -> Status {
    let mut worker = source("logs/worker-rq.log", "python-json-logger", "asctime with a comma, levelname", 2_210, -3_000_000, 890_000);
    worker.zone = Some("times without a zone: read as UTC, which fits 556 of 556 hand-overs".into());
    worker.services = vec!["worker-rq".into()];
    let mut gateway = source("logs/gateway.log", "litellm", "startTime, endTime and model_group together", 8_120, -3_500_000, 900_000);
    gateway.counters.unparsed = 12;
    gateway.counters.unparsed_bytes = 240_000;
    gateway.counters.cut = 1;
    gateway.counters.cut_bytes = 410_000;
    gateway.conventions.push(("generic".into(), 310));
    gateway.services = vec!["gateway".into()];
    let mut old = source("logs/api.log.2.gz", "pino", "numeric level, time in milliseconds", 40_000, -86_000_000, -3_600_000);
    old.kind = FileKind::Gzip;
    old.state = FileState::Done;
    let mut broken = source("logs/node-worker.log", "", "", 0, 0, 0);
    broken.coverage = None;
    broken.conventions.clear();
    broken.trouble = Some("permission denied; tried again every 5 s".into());
    broken.lag_bytes = 81_920;
    broken.pending_bytes = 312;
    Status {
        sources: vec![
            source("logs/access.log", "nginx json", "request_time and upstream_response_time", 881, -3_600_000, 900_000),
            source("logs/api.log", "pino", "numeric level, time in milliseconds", 44_120, -3_600_000, 900_000),
            old,
            gateway,
            worker,
            broken,
        ],
        skipped: vec![
            Skipped { path: "logs/core.dump".into(), reason: "binary, not text".into(), loss: Loss::NoLog },
            Skipped { path: "logs/<b>.sqlite".into(), reason: "a database".into(), loss: Loss::Nothing },
        ],
        backlog_bytes: 0,
        read_bytes: 30 << 20,
        following: true,
        newest: Some(at(900_400)),
        paused: None,
        list_behind: None,
    }
}
