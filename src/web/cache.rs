//! What a browser may keep: pages and documents are kept and asked for again each time they are shown; the same page is not sent twice.
//!
//! Guarantees: the tag of an answer is a hash of all it shows, so it is never right for another one; going back shows a page as it was at
//! once, since nothing forbids to keep it. What was given other rules (assets, the stream), redirects and errors are left alone.

use axum::{
    body::{Body, HttpBody, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// To be asked for again before it is shown anew; not for caches that others share.
const KEEP: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Tags whole answers, and says of one that the browser has already that it is the same.
pub async fn revalidate(mut request: Request, next: Next) -> Response {
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    // What HEAD says must be what GET would say, so the page is made and its text left out here.
    let head_only = *request.method() == Method::HEAD;
    if head_only {
        *request.method_mut() = Method::GET;
    }
    let response = next.run(request).await;
    let whole = response.body().size_hint().exact().is_some();
    if response.status() != StatusCode::OK || response.headers().contains_key(header::CACHE_CONTROL) || !whole {
        return if head_only { without_text(response) } else { response };
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let tag = tag(&parts.headers, &bytes);
    let same = known.is_some_and(|known| lists(&known, &tag));
    parts.headers.insert(header::CACHE_CONTROL, KEEP);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    if same {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
    }
    let body = if same || head_only { Body::empty() } else { Body::from(bytes) };
    Response::from_parts(parts, body)
}

fn without_text(response: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::empty())
}

/// Of a page the foot is left out: how long it took to make is another figure each time and shows nothing of the logs. Addresses of assets
/// hold hashes, so another version of the program gives other tags.
fn tag(headers: &HeaderMap, bytes: &[u8]) -> String {
    const FOOT: &[u8] = b"\n<footer>";
    let is_page = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let foot = is_page.then(|| bytes.windows(FOOT.len()).rposition(|w| w == FOOT)).flatten();
    let shown = foot.map_or(bytes, |at| &bytes[..at]);
    let hash = Sha256::new().chain_update(env!("CARGO_PKG_VERSION")).chain_update(shown).finalize();
    let mut out = String::from("W/\"");
    for byte in &hash[..16] {
        let _ = write!(out, "{byte:02x}");
    }
    out.push('"');
    out
}

/// The tag stands in a list of known ones; weak ones compare by their text.
fn lists(known: &HeaderValue, tag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.to_str().is_ok_and(|known| known.split(',').any(|one| one.trim() == "*" || bare(one) == bare(tag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag_of(kind: &'static str, text: &str) -> String {
        tag(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]), text.as_bytes())
    }

    #[test]
    fn what_is_shown_is_in_the_tag_and_how_long_it_took_is_not() {
        let page = |text: &str, took: &str| tag_of("text/html; charset=utf-8", &format!("<main>{text}</main>\n<footer>built in {took}</footer>"));
        assert_eq!(page("a", "3 ms"), page("a", "4 ms"));
        assert_ne!(page("a", "3 ms"), page("b", "3 ms"));
        assert_ne!(page("a\n<footer>x", "3 ms"), page("a\n<footer>y", "3 ms"), "only the last one is the foot");
        assert_ne!(tag_of("application/json", "{}\n<footer>1"), tag_of("application/json", "{}\n<footer>2"));
    }

    #[test]
    fn a_known_tag_is_found_in_any_list() {
        let tag = "W/\"ab\"";
        for known in ["W/\"ab\"", "\"ab\"", "\"x\", W/\"ab\"", "*"] {
            assert!(lists(&HeaderValue::from_static(known), tag), "{known}");
        }
        for known in ["W/\"abc\"", "ab", ""] {
            assert!(!lists(&HeaderValue::from_static(known), tag), "{known}");
        }
    }
}
