//! Side channel: who owns each line, what each call took. Nothing here writes to the log of the product.
use axum::{extract::Request, middleware::Next, response::Response};
use serde_json::{json, Value};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone)]
pub struct Ctx { pub key: String, pub fault: String, pub op: String }
tokio::task_local! { pub static LAB: Ctx; }

static SIDE: OnceLock<Mutex<File>> = OnceLock::new();
static OPS: AtomicU64 = AtomicU64::new(0);
static OUT: Mutex<()> = Mutex::new(());

pub fn now() -> u64 { SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 }
fn new_op() -> String { format!("gw-{}-{}", std::process::id(), OPS.fetch_add(1, Relaxed) + 1) }
pub fn emit(ev: &str, mut v: Value) {
    let f = SIDE.get_or_init(|| {
        let p = format!("{}/side-{}.jsonl", std::env::var("LAB_DIR").unwrap(), std::process::id());
        Mutex::new(OpenOptions::new().append(true).create(true).open(p).unwrap())
    });
    v["ev"] = json!(ev);
    v["pid"] = json!(std::process::id());
    if v.get("t").is_none() { v["t"] = json!(now()); }
    f.lock().unwrap().write_all(format!("{v}\n").as_bytes()).unwrap();
}

pub struct Tap;
pub struct Line;
impl<'a> MakeWriter<'a> for Tap { type Writer = Line; fn make_writer(&'a self) -> Line { Line } }
impl Write for Line {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let _g = OUT.lock().unwrap();
        let mut out = ManuallyDrop::new(unsafe { File::from_raw_fd(1) });
        let key = LAB.try_with(|c| c.key.clone()).ok();
        emit("line", json!({"file": "modelgate.log", "off": out.metadata()?.len(), "len": buf.len(), "key": key}));
        out.write_all(buf)?;
        Ok(buf.len())
    }
    fn flush(&mut self) -> io::Result<()> { Ok(()) }
}

struct GwEnd { op: String, status: Option<u16>, call: Option<u64> }
impl Drop for GwEnd { fn drop(&mut self) { emit("gw_end", json!({"op": self.op, "status": self.status, "call": self.call})); } }

pub async fn layer(req: Request, next: Next) -> Response {
    let (ctx, parent, name) = {
        let h = |n: &str| req.headers().get(n).and_then(|v| v.to_str().ok()).unwrap_or("").to_string();
        (Ctx { key: h("x-lab-key"), fault: h("x-lab-fault"), op: new_op() }, h("x-lab-parent"), format!("{} {}", req.method(), req.uri().path()))
    };
    if ctx.key.is_empty() { return next.run(req).await; }
    emit("gw_start", json!({"op": ctx.op, "key": ctx.key, "parent": parent, "name": name}));
    let mut end = GwEnd { op: ctx.op.clone(), status: None, call: None };
    let r = LAB.scope(ctx, next.run(req)).await;
    end.status = Some(r.status().as_u16());
    end.call = r.headers().get("x-gateway-call").and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    r
}

/// The call number is known to the side channel even when the caller leaves.
pub fn call_no(n: u64, prompt: &str) { let _ = LAB.try_with(|c| emit("gw_call", json!({"op": c.op, "call": n, "prompt": prompt}))); }

pub struct ModelOp { op: String, done: bool }
impl ModelOp {
    pub fn begin(model: &str) -> Option<ModelOp> {
        LAB.try_with(|c| {
            let op = new_op();
            emit("model_start", json!({"op": op, "key": c.key, "parent": c.op, "model": model}));
            ModelOp { op, done: false }
        }).ok()
    }
    pub fn end(mut self, v: Value) { self.done = true; let mut v = v; v["op"] = json!(self.op); emit("model_end", v); }
}
impl Drop for ModelOp { fn drop(&mut self) { if !self.done { emit("model_end", json!({"op": self.op, "error": "cancelled"})); } } }

pub struct Sleep(u64);
impl Sleep { pub fn begin() -> Sleep { Sleep(now()) } }
impl Drop for Sleep { fn drop(&mut self) { let _ = LAB.try_with(|c| emit("sleep", json!({"key": c.key, "parent": c.op, "start": self.0}))); } }

pub fn headers(b: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    LAB.try_with(|c| (c.key.clone(), c.fault.clone())).map(|(k, f)| (k, f)).ok().into_iter().fold(b, |b, (k, f)| b.header("x-lab-key", k).header("x-lab-fault", f))
}
