//! Who may ask, and what every answer carries: the door between a browser full of other sites and the logs of this machine.
//!
//! Guarantees: a request under a foreign or missing `Host` is refused (a name that was rebound to loopback reads nothing), so is one that
//! another site's page made, and any method that is not GET or HEAD; every answer carries a policy under which nothing inline runs and
//! nothing is fetched from elsewhere; no answer takes longer than [`DEADLINE`]. Never looks at what is asked.

use crate::web::{Shared, again, error::Problem};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{net::IpAddr, time::Duration};

/// Longest time from a request to its answer.
pub const DEADLINE: Duration = Duration::from_secs(5);

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Refuses who may not ask, stops what takes too long, and dresses every answer.
pub async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = if let Err(problem) = admit(&request, &shared.hosts, shared.listen_port) {
        problem.into_response()
    } else {
        let asked = request.uri().clone();
        match tokio::time::timeout(DEADLINE, next.run(request)).await {
            Ok(response) => response,
            Err(_) => again::told(Problem::Deadline { seconds: DEADLINE.as_secs() }.into_response(), &asked),
        }
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn admit(request: &Request, allowed: &[String], port: u16) -> Result<(), Problem> {
    let Some(host) = only(request.headers(), &header::HOST).filter(|h| is_ours(h, allowed)) else {
        return Err(Problem::ForeignHost { port });
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Problem::Method);
    }
    if is_cross_site(request.headers(), host) {
        return Err(Problem::CrossSite { here: here(request) });
    }
    Ok(())
}

/// A header that stands exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Loopback names under any port, because a port forwarded over ssh is another one here and no other site can own such a name; and what
/// was allowed: `name` under any port, `name:port` under that one.
fn is_ours(host: &str, allowed: &[String]) -> bool {
    let name = name_of(host);
    is_loopback(name) || allowed.iter().any(|a| a.eq_ignore_ascii_case(host) || a.eq_ignore_ascii_case(name))
}

/// The host without its port; the brackets of an IPv6 address stay outside.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or("", |(name, after)| if after.is_empty() || is_port(after) { name } else { "" });
    }
    match host.split_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) => "",
        None => host,
    }
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()))
}

fn is_loopback(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Another site's page made the request: the browser says so, or the stated origin is not this host.
fn is_cross_site(headers: &HeaderMap, host: &str) -> bool {
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return true;
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let same = |origin: &str| origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).is_some_and(|o| o.eq_ignore_ascii_case(host));
    !origin.to_str().is_ok_and(same)
}

fn here(request: &Request) -> String {
    again::here(request.uri())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn ask(headers: &[(&str, &str)]) -> Result<(), u16> {
        let mut request = Request::builder().uri("/r/x?scope=a");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        admit(&request.body(Body::empty()).unwrap(), &["logs.example".into(), "box:8443".into()], 7171).map_err(|p| p.status().as_u16())
    }

    #[test]
    fn only_our_names_are_answered() {
        for host in ["127.0.0.1:7171", "127.8.9.1", "localhost", "LOCALHOST:8080", "[::1]:7171", "[::1]", "logs.example", "Logs.Example:443", "box:8443"] {
            assert_eq!(ask(&[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:7171",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "0.0.0.0:7171",
            "box",
            "box:1",
            "[::1]evil",
            "localhost:7171@evil",
            "",
            "a:b:c",
        ] {
            assert_eq!(ask(&[("host", host)]), Err(403), "{host}");
        }
        assert_eq!(ask(&[]), Err(403));
        assert_eq!(ask(&[("host", "localhost"), ("host", "evil.example")]), Err(403));
    }

    #[test]
    fn another_site_cannot_ask() {
        let host = ("host", "localhost:7171");
        for header in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null"), ("origin", "http://localhost:3000")] {
            assert_eq!(ask(&[host, header]), Err(403), "{header:?}");
        }
        for header in [("sec-fetch-site", "none"), ("sec-fetch-site", "same-origin"), ("origin", "http://localhost:7171")] {
            assert_eq!(ask(&[host, header]), Ok(()), "{header:?}");
        }
    }

    #[test]
    fn the_way_back_stays_on_this_host() {
        let back = |uri: &str| here(&Request::builder().uri(uri).body(Body::empty()).unwrap());
        assert_eq!(back("/r/x?scope=a"), "/r/x?scope=a");
        assert_eq!(back("//evil.example/x"), "/");
        assert_eq!(back("http://evil.example/r/x"), "/r/x");
    }
}
