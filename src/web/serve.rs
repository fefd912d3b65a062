//! The accept loop: HTTP/1 over a listener that was bound elsewhere.
//!
//! Guarantees: at most [`MAX_CONNECTIONS`] at once; a client that is slow to say what it wants, or idle, is closed after
//! [`HEADER_TIMEOUT`]; one that does not read its answer is cut when the connection is [`MAX_AGE`] plus [`GRACE`] old; on shutdown
//! answers under way are finished, for at most [`GRACE`]. Never binds and never reads what is asked.

use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};
use tower::ServiceExt;

/// Most connections at once; further ones wait in the backlog of the listener.
pub const MAX_CONNECTIONS: usize = 512;
/// Longest time between bytes of a header, and of idleness.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Age from which a connection takes no further request.
pub const MAX_AGE: Duration = Duration::from_secs(120);
/// Time an answer under way has to be read.
pub const GRACE: Duration = Duration::from_secs(10);
/// Largest header block; a pasted line of 16 KiB, percent-encoded, fits.
const MAX_HEADER_BYTES: usize = 128 * 1024;

/// Told to answers that have no end of their own: their connection takes no further request, so they must end now.
#[derive(Debug, Clone)]
pub struct Ending(watch::Receiver<bool>);

impl Ending {
    /// Waits until it is time to end.
    pub async fn ended(&mut self) {
        let _ = self.0.wait_for(|ending| *ending).await;
    }
}

/// Serves until `shutdown` is done and connections have ended. Errors of single connections are theirs alone.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    serve_aging(listener, router, shutdown, MAX_AGE).await
}

async fn serve_aging(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>, max_age: Duration) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (closing, closed) = watch::channel(false);
    let mut shutdown = pin!(shutdown);
    loop {
        let slot = tokio::select! {
            () = &mut shutdown => break,
            slot = slots.clone().acquire_owned() => slot.map_err(io::Error::other)?,
        };
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (router, closed) = (router.clone(), closed.clone());
                tokio::spawn(async move {
                    connection(stream, router, closed, max_age).await;
                    drop(slot);
                });
            }
            Err(error) => {
                // Out of file descriptors, or the client left already: neither is cured by asking again at once.
                tracing::warn!(%error, "connection not accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    closing.send_replace(true);
    let all_ended = slots.acquire_many(MAX_CONNECTIONS as u32);
    let _ = timeout(GRACE, all_ended).await;
    Ok(())
}

async fn connection(stream: TcpStream, router: Router, mut closed: watch::Receiver<bool>, max_age: Duration) {
    let _ = stream.set_nodelay(true);
    let (end, ending) = watch::channel(false);
    let service = TowerToHyperService::new(router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Ending(ending.clone()));
        request
    }));
    let conn = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut conn = pin!(conn);
    tokio::select! {
        ended = conn.as_mut() => return note(ended),
        _ = closed.wait_for(|c| *c) => {}
        () = sleep(max_age) => {}
    }
    end.send_replace(true);
    conn.as_mut().graceful_shutdown();
    if let Ok(ended) = timeout(GRACE, conn).await {
        note(ended);
    }
}

fn note(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{status::Status, summary::RowQuery},
        query::view::{Answers, Found, LinesQuery, LinesView, ListView, QueryError, Shown, Times},
        web,
    };
    use axum::routing::get;
    use std::{
        io::{Read, Write},
        net::SocketAddr,
    };
    use tokio::sync::oneshot;

    async fn start() -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<io::Result<()>>) {
        start_aging(MAX_AGE).await
    }

    async fn start_aging(max_age: Duration) -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<io::Result<()>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (kept, status) = watch::channel(Status::default());
        std::mem::forget(kept);
        let state = web::State { answers: Arc::new(Silent), status, hosts: Vec::new(), listen_port: 1, version: "0" };
        let router = web::router(state).route("/hello", get(|| async { "hello" })).route(
            "/slow",
            get(|| async {
                sleep(Duration::from_millis(300)).await;
                "done"
            }),
        );
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve_aging(
            listener,
            router,
            async {
                let _ = stopped.await;
            },
            max_age,
        ));
        (at, stop, task)
    }

    /// Knows nothing.
    struct Silent;

    impl Answers for Silent {
        fn path(&self, _: &str, _: Option<&str>, _: Times) -> Result<Found, QueryError> {
            Err(QueryError::Cursor)
        }
        fn records(&self, _: &str, _: Option<&str>, _: Times) -> Result<Option<Vec<Shown>>, QueryError> {
            Err(QueryError::Cursor)
        }
        fn list(&self, _: &str, _: RowQuery) -> Result<ListView, QueryError> {
            Err(QueryError::Cursor)
        }
        fn lines(&self, _: LinesQuery) -> Result<LinesView, QueryError> {
            Err(QueryError::Cursor)
        }
        fn requests(&self) -> u64 {
            0
        }
    }

    /// What the server sends, as far as it comes: one that refuses may close before everything is written.
    fn ask(at: SocketAddr, path: &str) -> String {
        let mut stream = std::net::TcpStream::connect(at).unwrap();
        let _ = write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_answer_under_way_is_finished_on_shutdown_and_idle_connections_are_closed() {
        let (at, stop, task) = start().await;
        let idle = std::net::TcpStream::connect(at).unwrap();
        let slow = tokio::task::spawn_blocking(move || ask(at, "/slow"));
        sleep(Duration::from_millis(100)).await;
        stop.send(()).unwrap();
        assert!(slow.await.unwrap().ends_with("done"));
        task.await.unwrap().unwrap();
        drop(idle);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_header_that_is_too_large_is_refused_and_others_are_served() {
        let (at, stop, task) = start().await;
        let refused = tokio::task::spawn_blocking(move || ask(at, &format!("/{}", "x".repeat(MAX_HEADER_BYTES)))).await.unwrap();
        assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 4"), "{refused}");
        assert!(tokio::task::spawn_blocking(move || ask(at, "/hello")).await.unwrap().ends_with("hello"));
        stop.send(()).unwrap();
        task.await.unwrap().unwrap();
    }

    const LAST_CHUNK: &str = "\r\n0\r\n\r\n";

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_stream_without_an_end_ends_whole_when_its_connection_is_old() {
        let (at, stop, task) = start_aging(Duration::from_millis(100)).await;
        let got = tokio::task::spawn_blocking(move || ask(at, "/live")).await.unwrap();
        assert!(got.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n") && got.contains("data: {"), "{got}");
        assert!(got.ends_with(LAST_CHUNK), "{got}");
        stop.send(()).unwrap();
        task.await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_stream_without_an_end_does_not_hold_the_shutdown() {
        let (at, stop, task) = start().await;
        let following = tokio::task::spawn_blocking(move || ask(at, "/live"));
        sleep(Duration::from_millis(100)).await;
        stop.send(()).unwrap();
        task.await.unwrap().unwrap();
        assert!(following.await.unwrap().ends_with(LAST_CHUNK), "cut in the middle");
    }
}
