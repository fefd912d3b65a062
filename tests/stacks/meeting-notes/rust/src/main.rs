//! The writer puts finished notes into the database and carries out actions in the issue tracker. It knows its jobs by number only.
mod truth;

use std::{sync::Arc, time::Instant};

use futures_util::StreamExt;
use lapin::{
    message::Delivery,
    options::*,
    types::{AMQPValue, FieldTable, LongString},
    BasicProperties, Channel, Connection, ConnectionProperties,
};
use rusqlite::params;
use serde_json::{json, Value};
use tokio::sync::Mutex;
use tracing::{error, info, info_span, warn, Instrument};
use truth::{Mark, Op};

const MAX_ATTEMPTS: i64 = 3;

struct App {
    publish: Channel,
    db: Mutex<rusqlite::Connection>,
    http: reqwest::Client,
    tracker: String,
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

/// Counts from 1; the broker keeps the number of rejections in the x-death header.
fn attempt(d: &Delivery) -> i64 {
    let mut n = 1;
    if let Some(AMQPValue::FieldArray(deaths)) = d.properties.headers().as_ref().and_then(|h| h.inner().get("x-death")) {
        for death in deaths.as_slice() {
            if let AMQPValue::FieldTable(t) = death {
                let rejected = matches!(t.inner().get("reason"), Some(AMQPValue::LongString(r)) if r.as_bytes() == b"rejected");
                if let (true, Some(AMQPValue::LongLongInt(c))) = (rejected, t.inner().get("count")) {
                    n += c;
                }
            }
        }
    }
    n
}

fn mark_of(d: &Delivery) -> Mark {
    match d.properties.headers().as_ref().and_then(|h| h.inner().get(truth::HEADER)) {
        Some(AMQPValue::LongString(s)) => Mark::parse(&s.to_string()),
        _ => Mark::default(),
    }
}

impl App {
    async fn send(&self, queue: &str, id: &str, body: &Value, mark: &Mark) -> Result<(), Fault> {
        let mut headers = FieldTable::default();
        let mark = mark.with("a", json!(truth::now()));
        headers.insert(truth::HEADER.into(), AMQPValue::LongString(LongString::from(mark.0.to_string())));
        let props = BasicProperties::default().with_message_id(id.into()).with_delivery_mode(2).with_headers(headers);
        self.publish.basic_publish("", queue, BasicPublishOptions::default(), body.to_string().as_bytes(), props).await?;
        Ok(())
    }

    async fn store(&self, m: &Value, mark: &Mark) -> Result<(), Fault> {
        let started = Instant::now();
        {
            let db = self.db.lock().await;
            let op = Op::begin(mark, "db_write", "notes", json!({}));
            let done = db.execute("INSERT OR REPLACE INTO notes VALUES(?1, ?2, ?3)", params![m["run_id"].as_str(), m["job"].as_i64(), 900]);
            op.end(if done.is_ok() { "ok" } else { "error" });
            done?;
        }
        info!(elapsed_us = started.elapsed().as_micros() as u64, "note stored");
        let id = uuid::Uuid::new_v4().to_string();
        self.send("embed", &id, m, mark).await?;
        info!(msg_id = %id, to = "embed", "published");
        Ok(())
    }

    async fn action(&self, m: &Value, mark: &Mark) -> Result<(), Fault> {
        let started = Instant::now();
        let op = Op::begin(mark, "tool", "tracker", json!({}));
        let res = self
            .http
            .post(format!("{}/issues", self.tracker))
            .header(truth::HEADER, op.mark().0.to_string())
            .header("X-Job", m["job"].to_string())
            .send()
            .await?;
        let status = res.status().as_u16();
        let body = res.text().await?;
        op.end(if status == 201 { "ok" } else { "error" });
        if status != 201 {
            return Err(format!("tracker answered {status}").into());
        }
        info!(status, elapsed_ms = started.elapsed().as_millis() as u64, "issue opened");
        let ticket = serde_json::from_str::<Value>(&body)?["ticket"].as_str().unwrap_or("").to_string();
        let started = Instant::now();
        {
            let db = self.db.lock().await;
            let op = Op::begin(mark, "db_write", "actions", json!({}));
            let done = db.execute("INSERT OR REPLACE INTO actions VALUES(?1, ?2, ?3)", params![m["run_id"].as_str(), m["job"].as_i64(), ticket]);
            op.end(if done.is_ok() { "ok" } else { "error" });
            done?;
        }
        info!(elapsed_us = started.elapsed().as_micros() as u64, "action recorded");
        let id = uuid::Uuid::new_v4().to_string();
        self.send("join", &id, m, mark).await?;
        info!(msg_id = %id, to = "join", "published");
        Ok(())
    }

    async fn handle(&self, queue: &'static str, d: Delivery) {
        let mark = mark_of(&d);
        let (n, job) = (attempt(&d), d.properties.message_id().as_ref().map(|s| s.to_string()).unwrap_or_default());
        let attrs = json!({"id": format!("job:{queue}:{job}"), "published_at": mark.published_at(), "attempt": n, "redelivered": d.redelivered});
        let op = Op::begin(&mark, "task", queue, attrs);
        let mark = op.mark();
        let started = Instant::now();
        info!(attempt = n, redelivered = d.redelivered, "handling");
        let m: Value = serde_json::from_slice(&d.data).unwrap_or_default();
        let done = if queue == "store" { self.store(&m, &mark).await } else { self.action(&m, &mark).await };
        let elapsed_ms = started.elapsed().as_millis() as u64;
        match done {
            Ok(()) => {
                info!(elapsed_ms, "done");
                let _ = d.ack(BasicAckOptions::default()).await;
                op.end("ok");
            }
            Err(e) if n < MAX_ATTEMPTS => {
                warn!(elapsed_ms, error = %e, "rejected, comes again later");
                truth::note("retry", &mark, json!({"what": "task", "class": "transient"}));
                let _ = d.reject(BasicRejectOptions { requeue: false }).await;
                op.end("retry");
            }
            Err(e) => {
                error!(elapsed_ms, error = %e, attempts = n, "moved to dead letters");
                let _ = self.send("dlq", &job, &m, &mark).await;
                let _ = d.ack(BasicAckOptions::default()).await;
                truth::note("dead", &mark, json!({}));
                op.end("error");
            }
        }
    }
}

async fn consume(app: Arc<App>, conn: Arc<Connection>, queue: &'static str) {
    let channel = conn.create_channel().await.expect("channel");
    channel.basic_qos(4, BasicQosOptions::default()).await.expect("qos");
    let mut deliveries = channel.basic_consume(queue, "", BasicConsumeOptions::default(), FieldTable::default()).await.expect("consume");
    info!(queue, "consuming");
    while let Some(Ok(d)) = deliveries.next().await {
        let app = app.clone();
        let job = d.properties.message_id().as_ref().and_then(|s| s.as_str().parse::<u64>().ok()).unwrap_or(0);
        let owner = mark_of(&d).owner();
        let work = async move { app.handle(queue, d).await }.instrument(info_span!("job", queue, job));
        tokio::spawn(truth::OWNER.scope(owner, work));
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    truth::open("writer", "writer.log");
    tracing_subscriber::fmt().json().with_span_list(false).with_max_level(tracing::Level::INFO).with_writer(|| truth::Lines).init();
    let props = ConnectionProperties::default()
        .with_connection_name("writer".into())
        .with_executor(tokio_executor_trait::Tokio::current())
        .with_reactor(tokio_reactor_trait::Tokio);
    let conn = Arc::new(Connection::connect(&env("AMQP_URL"), props).await.expect("broker"));
    let db = rusqlite::Connection::open(env("DB_PATH")).expect("database");
    db.busy_timeout(std::time::Duration::from_secs(5)).expect("busy timeout");
    let _ = db.pragma_update(None, "synchronous", "NORMAL");
    let app = Arc::new(App { publish: conn.create_channel().await.expect("channel"), db: Mutex::new(db), http: reqwest::Client::new(), tracker: env("TRACKER_URL") });
    info!(version = env!("CARGO_PKG_VERSION"), "writer started");
    tokio::join!(consume(app.clone(), conn.clone(), "store"), consume(app, conn, "action"));
}
