//! The way on from a page that could not be made: the same again, and less of it.
//!
//! Guarantees: only what may go well the next time is offered again (an answer that took too long, a fault); the links stay on this host
//! and are made from what was asked, never from a cause.

use crate::web::{
    error::ErrorPage,
    format,
    links::{self, LinesAddress, ListAddress},
};
use axum::{
    body::Body,
    extract::{Query, Request},
    http::{Uri, header},
    middleware::Next,
    response::Response,
};

/// Characters of what was asked that are shown.
const ASKED: usize = 300;

/// Dresses the page of a problem with its links.
pub async fn offer(request: Request, next: Next) -> Response {
    let asked = request.uri().clone();
    told(next.run(request).await, &asked)
}

/// The same for an answer that is there.
pub fn told(mut response: Response, asked: &Uri) -> Response {
    let Some(mut page) = response.extensions_mut().remove::<ErrorPage>() else { return response };
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(asked).map(|Query(pairs)| pairs).unwrap_or_default();
    let value = |key: &str| pairs.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v.as_str()).unwrap_or_default();
    page.asked = format::head(if asked.path() == "/go" { value("id") } else { value("q") }, ASKED);
    page.retry = Some(here(asked));
    page.narrower = narrower(asked.path(), value("q"), value("preset")).filter(|_| page.slow);
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(page.text()))
}

/// The question for the newest hour, when it did not name a time itself.
fn narrower(path: &str, q: &str, preset: &str) -> Option<(String, &'static str)> {
    let bounded = !links::with_key(q, "since").is_empty();
    if bounded || q.len() > links::LINKED_MAX_BYTES {
        return None;
    }
    let q = links::with_only(q, "since", "1h");
    let href = match path {
        "/" => ListAddress { q, preset: preset.to_owned(), ..ListAddress::default() }.href(None),
        "/lines" => LinesAddress { q, ..LinesAddress::default() }.href(None),
        _ => return None,
    };
    Some((href, "the same for the last hour of what was read"))
}

/// The address asked for, as a link of our own; never one that another host could be read from.
pub fn here(asked: &Uri) -> String {
    let path = asked.path_and_query().map_or("/", |p| p.as_str());
    if path.starts_with('/') && !path.starts_with("//") && !path.starts_with("/\\") { path.to_owned() } else { "/".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_took_too_long_is_offered_for_less_time() {
        assert_eq!(narrower("/", "timeout", "failed").unwrap().0, "/?q=timeout%20since%3A1h&preset=failed");
        assert_eq!(narrower("/lines", "timeout", "").unwrap().0, "/lines?q=timeout%20since%3A1h");
        assert_eq!(narrower("/", "timeout since:2h", ""), None);
        assert_eq!(narrower("/r/req_1", "", ""), None);
    }
}
