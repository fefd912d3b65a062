//! `/live`: an event each time lines were committed, as server-sent events.
//!
//! Guarantees: an event says how the index stands now and holds no text of a log; a stream ends with its connection and with the program, never cut in
//! the middle of an event; at most [`MAX_STREAMS`] at once. Never asks the index.

use crate::{
    model::{status::Status, time::UnixNanos},
    web::{Shared, serve::Ending},
};
use axum::{
    Extension,
    body::{Body, Bytes, HttpBody},
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::body::Frame;
use serde::Serialize;
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, watch},
    time::{Instant, sleep_until},
};

/// Most streams at once.
pub const MAX_STREAMS: usize = 64;
/// Longest silence: what stands between would take the stream for dead.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// When a reader should come again after its stream ended.
const RETRY_MS: u64 = 3_000;

/// How the index stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Told {
    newest: Option<UnixNanos>,
    lines: u64,
    generation: u64,
}

impl Told {
    fn of(status: &Status) -> Self {
        Self { newest: status.newest, lines: status.lines, generation: status.generation }
    }

    fn event(self) -> String {
        format!("data: {}\n\n", serde_json::to_string(&self).unwrap_or_default())
    }
}

/// `/live`.
pub async fn events(State(shared): State<Shared>, ending: Option<Extension<Ending>>) -> Response {
    let Ok(place) = shared.streams.clone().try_acquire_owned() else {
        let words = format!("{MAX_STREAMS} readers follow already; close a page that follows and try again.\n");
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "10"), (header::CONTENT_TYPE, "text/plain; charset=utf-8")], words).into_response();
    };
    let (out, events) = mpsc::channel(4);
    tokio::spawn(tell(shared.status.clone(), ending.map(|Extension(ending)| ending), HEARTBEAT, out, place));
    ([(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")], Body::new(Events(events))).into_response()
}

/// Tells one reader until it goes or is to end.
async fn tell(mut status: watch::Receiver<Status>, mut ending: Option<Ending>, heartbeat: Duration, out: mpsc::Sender<Bytes>, _place: OwnedSemaphorePermit) {
    let (mut text, mut said, mut over) = (format!("retry: {RETRY_MS}\n\n"), None, false);
    let mut beat = Instant::now() + heartbeat;
    loop {
        let now = Told::of(&status.borrow_and_update());
        if said != Some(now) {
            said = Some(now);
            text.push_str(&now.event());
        }
        if !text.is_empty() {
            beat = Instant::now() + heartbeat;
            tokio::select! {
                sent = out.send(Bytes::from(std::mem::take(&mut text))) => if sent.is_err() { return },
                () = ended(&mut ending) => return,
            }
        }
        tokio::select! {
            // Nothing is read any more: the stream is kept, or its reader would come again and again.
            changed = status.changed(), if !over => over = changed.is_err(),
            () = sleep_until(beat) => text.push_str(": still here\n\n"),
            () = out.closed() => return,
            () = ended(&mut ending) => return,
        }
    }
}

async fn ended(ending: &mut Option<Ending>) {
    match ending {
        Some(ending) => ending.ended().await,
        None => std::future::pending().await,
    }
}

/// What is sent, as the body of an answer.
struct Events(mpsc::Receiver<Bytes>);

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|sent| sent.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::sync::Semaphore;

    struct Reader {
        status: watch::Sender<Status>,
        events: mpsc::Receiver<Bytes>,
        places: Arc<Semaphore>,
    }

    impl Reader {
        fn start(heartbeat: Duration, ending: Option<Ending>) -> Self {
            let (status, seen) = watch::channel(Status::default());
            let (out, events) = mpsc::channel(4);
            let places = Arc::new(Semaphore::new(1));
            tokio::spawn(tell(seen, ending, heartbeat, out, places.clone().try_acquire_owned().unwrap()));
            Self { status, events, places }
        }

        async fn next(&mut self) -> String {
            String::from_utf8(self.events.recv().await.unwrap().to_vec()).unwrap()
        }
    }

    const NEVER: Duration = Duration::from_secs(3_600);

    #[tokio::test]
    async fn each_commit_is_an_event_and_what_changes_nothing_is_none() {
        let mut reader = Reader::start(NEVER, None);
        assert_eq!(reader.next().await, "retry: 3000\n\ndata: {\"newest\":null,\"lines\":0,\"generation\":0}\n\n");
        reader.status.send_modify(|s| s.backlog_bytes = 7);
        reader.status.send_modify(|s| (s.generation, s.lines, s.newest) = (1, 12, Some(UnixNanos(0))));
        assert_eq!(reader.next().await, "data: {\"newest\":\"1970-01-01T00:00:00.000000000Z\",\"lines\":12,\"generation\":1}\n\n");
    }

    #[tokio::test]
    async fn silence_is_broken_by_a_comment_also_when_nothing_is_read_any_more() {
        let mut reader = Reader::start(Duration::from_millis(5), None);
        reader.next().await;
        let (status, _) = watch::channel(Status::default());
        drop(std::mem::replace(&mut reader.status, status));
        for _ in 0..3 {
            assert_eq!(reader.next().await, ": still here\n\n");
        }
    }

    #[tokio::test]
    async fn a_reader_that_goes_gives_its_place_back() {
        let Reader { status: _status, events, places } = Reader::start(NEVER, None);
        assert_eq!(places.available_permits(), 0);
        drop(events);
        let _place = places.acquire().await.unwrap();
    }
}
