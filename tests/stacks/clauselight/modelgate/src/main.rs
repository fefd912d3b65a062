mod lab;

use axum::{extract::State, http::{HeaderMap, StatusCode}, response::{IntoResponse, Response}, routing::{get, post}, Json, Router};
use serde::Deserialize;
use serde_json::{json, Value};
use std::sync::{atomic::{AtomicU64, Ordering}, Arc};
use std::time::{Duration, Instant};
use tracing::{error, field::Empty, info, info_span, warn, Instrument};
use tracing_subscriber::{fmt::format::FmtSpan, EnvFilter};

#[derive(Clone, Copy, PartialEq)]
enum Dialect { OpenAi, Anthropic }

struct Target { provider: &'static str, url: &'static str, model: &'static str, attempts: u32, dialect: Dialect }

const TARGETS: [Target; 2] = [
    Target { provider: "openai", url: "http://127.0.0.1:8731/v1/chat/completions", model: "gpt-4.1-mini", attempts: 3, dialect: Dialect::OpenAi },
    Target { provider: "anthropic", url: "http://127.0.0.1:8732/v1/messages", model: "claude-haiku-4-5", attempts: 2, dialect: Dialect::Anthropic },
];

struct Gate { http: reqwest::Client, calls: AtomicU64 }

#[derive(Deserialize)]
struct Generate { prompt: String, prompt_version: String, input: String, user: Option<String> }

enum Tried { Done(Value), Refused(u16), TimedOut, Broken }

async fn attempt(gate: &Gate, t: &Target, input: &str) -> Tried {
    let begun = Instant::now();
    let messages = json!([{"role": "user", "content": input}]);
    let body = match t.dialect {
        Dialect::OpenAi => json!({"model": t.model, "messages": messages, "temperature": 0.1}),
        Dialect::Anthropic => json!({"model": t.model, "max_tokens": 1024, "messages": messages}),
    };
    let op = lab::ModelOp::begin(t.model);
    let sent = lab::headers(gate.http.post(t.url).json(&body).timeout(Duration::from_millis(1500))).send().await;
    let (status, upstream_id, answer) = match sent {
        Ok(r) => {
            let status = r.status().as_u16();
            let name = if t.dialect == Dialect::OpenAi { "x-request-id" } else { "request-id" };
            let id = r.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or("").to_string();
            match r.json::<Value>().await {
                Ok(v) => (status, id, v),
                Err(e) => {
                    if let Some(op) = op { op.end(json!({"error": if e.is_timeout() { "timeout" } else { "broken" }})); }
                    warn!(error = %e, "cannot read upstream answer");
                    return if e.is_timeout() { Tried::TimedOut } else { Tried::Broken };
                }
            }
        }
        Err(e) => {
            if let Some(op) = op { op.end(json!({"error": if e.is_timeout() { "timeout" } else { "broken" }})); }
            if e.is_timeout() {
                warn!(latency_ms = begun.elapsed().as_millis() as u64, "upstream timed out");
                return Tried::TimedOut;
            }
            warn!(error = %e, "upstream connection failed");
            return Tried::Broken;
        }
    };
    if let Some(op) = op { op.end(json!({"status": status, "id": answer["id"], "rid": upstream_id})); }
    let latency_ms = begun.elapsed().as_millis() as u64;
    if status != 200 {
        warn!(status, latency_ms, upstream_request_id = %upstream_id, "upstream refused");
        return Tried::Refused(status);
    }
    let (text, finish, tin, tout) = match t.dialect {
        Dialect::OpenAi => (&answer["choices"][0]["message"]["content"], &answer["choices"][0]["finish_reason"], &answer["usage"]["prompt_tokens"], &answer["usage"]["completion_tokens"]),
        Dialect::Anthropic => (&answer["content"][0]["text"], &answer["stop_reason"], &answer["usage"]["input_tokens"], &answer["usage"]["output_tokens"]),
    };
    info!(latency_ms, upstream_request_id = %upstream_id, "upstream ok");
    Tried::Done(json!({"text": text, "finish_reason": finish, "input_tokens": tin, "output_tokens": tout, "response_id": answer["id"], "model": t.model, "provider": t.provider}))
}

async fn generate(State(gate): State<Arc<Gate>>, headers: HeaderMap, Json(req): Json<Generate>) -> Response {
    let call_no = gate.calls.fetch_add(1, Ordering::Relaxed) + 1;
    lab::call_no(call_no, &req.prompt_version);
    let span = info_span!("call", call_no, prompt = %req.prompt, prompt_version = %req.prompt_version, trace_id = Empty);
    if let Some(tp) = headers.get("traceparent").and_then(|v| v.to_str().ok()) {
        if let Some(t) = tp.split('-').nth(1) { span.record("trace_id", t); }
    }
    let message_id = headers.get("x-message-id").and_then(|v| v.to_str().ok()).map(str::to_owned);
    run(gate, req, message_id, call_no).instrument(span).await
}

async fn run(gate: Arc<Gate>, req: Generate, message_id: Option<String>, call_no: u64) -> Response {
    let begun = Instant::now();
    match &message_id {
        Some(m) => info!(message_id = %m, chars = req.input.len(), "accepted"),
        None => info!(user = req.user.as_deref().unwrap_or("-"), chars = req.input.len(), "accepted"),
    }
    let mut attempts = 0u32;
    let mut last = Tried::Broken;
    'targets: for (i, t) in TARGETS.iter().enumerate() {
        for n in 1..=t.attempts {
            attempts += 1;
            last = attempt(&gate, t, &req.input).instrument(info_span!("upstream", provider = t.provider, model = t.model, attempt = n)).await;
            match last {
                Tried::Done(_) | Tried::Refused(400) => break 'targets,
                _ => {}
            }
            if n < t.attempts {
                let wait = 150 * (1 << (n - 1)) + rand::random_range(0..90u64);
                info!("retrying {} in {wait} ms", t.provider);
                let _s = lab::Sleep::begin();
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
        }
        if let Some(next) = TARGETS.get(i + 1) { warn!(from = t.model, to = next.model, "falling back"); }
    }
    let latency_ms = begun.elapsed().as_millis() as u64;
    let (status, body) = match last {
        Tried::Done(v) => {
            let s = |k: &str| v[k].as_str().unwrap_or("").to_string();
            info!(model = %s("model"), provider = %s("provider"), input_tokens = v["input_tokens"].as_u64(), output_tokens = v["output_tokens"].as_u64(), finish_reason = %s("finish_reason"),
                  response_id = %s("response_id"), attempts, fallback = s("model") != TARGETS[0].model, latency_ms, "completed");
            (StatusCode::OK, v)
        }
        Tried::Refused(400) => { error!(code = "content_filtered", attempts, latency_ms, "call failed"); (StatusCode::UNPROCESSABLE_ENTITY, json!({"code": "content_filtered"})) }
        Tried::TimedOut => { error!(code = "upstream_timeout", attempts, latency_ms, "call failed"); (StatusCode::GATEWAY_TIMEOUT, json!({"code": "upstream_timeout"})) }
        _ => { error!(code = "upstream_unavailable", attempts, latency_ms, "call failed"); (StatusCode::BAD_GATEWAY, json!({"code": "upstream_unavailable"})) }
    };
    (status, [("x-gateway-call", call_no.to_string())], Json(body)).into_response()
}

#[tokio::main]
async fn main() {
    tracing_subscriber::fmt()
        .json()
        .with_span_events(FmtSpan::CLOSE)
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()))
        .with_writer(lab::Tap)
        .init();
    let gate = Arc::new(Gate { http: reqwest::Client::new(), calls: AtomicU64::new(71000) });
    tokio::spawn(async {
        let mut every = tokio::time::interval(Duration::from_secs(20));
        loop { every.tick().await; info!(targets = TARGETS.len(), "heartbeat"); }
    });
    let app = Router::new().route("/v1/generate", post(generate)).route("/healthz", get(|| async { "ok" })).with_state(gate).layer(axum::middleware::from_fn(lab::layer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8720").await.unwrap();
    info!(addr = "127.0.0.1:8720", "listening");
    axum::serve(listener, app).await.unwrap();
}
