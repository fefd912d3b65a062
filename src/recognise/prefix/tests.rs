//! Prefixes of shippers around the inner line.

use super::*;
use crate::model::time::UnixNanos;
use proptest::prelude::*;

fn time(peeled: &Peeled<'_>) -> String {
    peeled.time.map(|at| UnixNanos(at.unix_ns).to_rfc3339()).unwrap_or_default()
}

#[test]
fn container_runtimes() {
    let peeled = peel("2026-11-23T09:46:49.123456789Z stdout F {\"msg\":\"x\"}").unwrap();
    assert_eq!((peeled.inner, peeled.stream, peeled.partial), ("{\"msg\":\"x\"}", Some("stdout"), false));
    assert_eq!(time(&peeled), "2026-11-23T09:46:49.123456789Z");
    let peeled = peel("2026-11-23T10:46:49.1+01:00 stderr P half of").unwrap();
    assert_eq!((peeled.inner, peeled.stream, peeled.partial), ("half of", Some("stderr"), true));
    assert_eq!(peel("2026-11-23T09:46:49.123456789Z stdout F ").map(|peeled| peeled.inner), Some(""));
}

#[test]
fn syslog_in_both_forms() {
    let peeled = peel("<165>1 2026-11-23T09:46:49.003Z web-1 api 8710 - [exampleSDID@32473 iut=\"3\" t=\"a ] b\"][x@1 y=\"z\"] {\"a\":1}").unwrap();
    assert_eq!((peeled.inner, peeled.host, peeled.service, peeled.severity), ("{\"a\":1}", Some("web-1"), Some("api"), Some(Severity::Info)));
    assert_eq!(time(&peeled), "2026-11-23T09:46:49.003000000Z");
    let peeled = peel("<11>1 - - - - - - \u{feff}text").unwrap();
    assert_eq!((peeled.inner, peeled.host, peeled.time, peeled.severity), ("text", None, None, Some(Severity::Error)));
    let peeled = peel("<34>Nov 23 09:46:49 web-1 sshd[123]: Accepted key").unwrap();
    assert_eq!((peeled.inner, peeled.host, peeled.service, peeled.severity), ("Accepted key", Some("web-1"), Some("sshd"), Some(Severity::Fatal)));
    let peeled = peel("Nov  3 09:46:49 web-1 api: {\"a\":1}").unwrap();
    assert_eq!((peeled.inner, peeled.host, peeled.service, peeled.time), ("{\"a\":1}", Some("web-1"), Some("api"), None));
    let peeled = peel("2026-11-23T09:46:49.123456+01:00 web-1 cron[99]: (root) CMD").unwrap();
    assert_eq!((peeled.inner, peeled.host, peeled.service), ("(root) CMD", Some("web-1"), Some("cron")));
    assert_eq!(time(&peeled), "2026-11-23T08:46:49.123456000Z");
}

#[test]
fn heroku() {
    let peeled = peel("2026-11-23T09:46:49.123456+00:00 app[web.1]: {\"level\":\"info\"}").unwrap();
    assert_eq!((peeled.inner, peeled.host, peeled.service), ("{\"level\":\"info\"}", Some("web.1"), Some("app")));
    let peeled = peel("2026-11-23T09:46:49.123456+00:00 heroku[router]: at=info method=GET path=\"/\"").unwrap();
    assert_eq!((peeled.inner, peeled.host, peeled.service), ("at=info method=GET path=\"/\"", None, Some("heroku")));
    let peeled = peel("2026-11-23T09:46:49.123456+00:00 heroku[web.1]: State changed").unwrap();
    assert_eq!((peeled.host, peeled.service), (Some("web.1"), Some("heroku")));
}

#[test]
fn terminal_tools() {
    let peeled = peel("[pod/checkout-7d9f8b6c5d-x2x4z/api] {\"a\":1}").unwrap();
    assert_eq!((peeled.inner, peeled.host, peeled.service), ("{\"a\":1}", Some("checkout-7d9f8b6c5d-x2x4z"), Some("api")));
    let peeled = peel("checkout-7d9f8b6c5d-x2x4z api text of it").unwrap();
    assert_eq!((peeled.inner, peeled.host, peeled.service), ("text of it", Some("checkout-7d9f8b6c5d-x2x4z"), Some("api")));
    let peeled = peel("shop-api-1  | {\"a\":1}").unwrap();
    assert_eq!((peeled.inner, peeled.host, peeled.service), ("{\"a\":1}", Some("shop-api-1"), Some("shop-api")));
    let peeled = peel("db | ready").unwrap();
    assert_eq!((peeled.inner, peeled.host, peeled.service), ("ready", Some("db"), Some("db")));
    let peeled = peel("2026-11-23T09:46:49.123456789Z 2026-11-23 10:46:49,123 INFO x").unwrap();
    assert_eq!(peeled.inner, "2026-11-23 10:46:49,123 INFO x");
}

#[test]
fn heads_before_an_object() {
    let peeled = peel("2026-11-23 09:46:49,123 INFO {\"a\":1}").unwrap();
    assert_eq!((peeled.inner, peeled.severity), ("{\"a\":1}", Some(Severity::Info)));
    assert_eq!(time(&peeled), "2026-11-23T09:46:49.123000000Z");
    assert_eq!(peel("2026-11-23T09:46:49.123456789Z {\"a\":1}").map(|peeled| peeled.inner), Some("{\"a\":1}"));
    assert_eq!(peel("INFO:root:{\"a\": {\"b\": 1}}").map(|peeled| (peeled.inner, peeled.severity)), Some(("{\"a\": {\"b\": 1}}", Some(Severity::Info))));
    assert_eq!(peel("[api] {\"level\":30}").map(|peeled| peeled.inner), Some("{\"level\":30}"));
    assert_eq!(peel("api worker out: {\"msg\":\"x\"}").map(|peeled| peeled.inner), Some("{\"msg\":\"x\"}"));
}

#[test]
fn lines_without_a_prefix() {
    let lines = [
        "",
        "{\"a\":1}",
        "INFO:     127.0.0.1:49464 - \"POST /kb/reindex HTTP/1.1\" 202 Accepted",
        "2026-11-23 09:46:52.752 | INFO     | __main__:__call__:47 - accepted",
        "2026-11-23T09:46:49.123456Z  INFO app: started",
        "2026-11-23T09:46:49.123Z ERROR something: else",
        "2026-11-23T09:46:49.123Z\tINFO\tmsg\t{\"k\":\"v\"}",
        "INFO | text",
        "Request finished {\"status\":200}",
        "user said {hello}",
        "<b>html</b>",
        "provider said no {",
        "11573:M 23 Nov 2026 09:46:23.991 # Redis",
        "[2026-11-23 09:46:49 +0000] [123] [INFO] Booting",
        "Nov 23, 2026 9:46:49 AM org.x.Y run",
        "日本語 {\"a\":1",
    ];
    for line in lines {
        let peeled = peel(line);
        assert!(peeled.is_none() || line.contains("\tINFO\t"), "{line}: {peeled:?}");
    }
}

proptest! {
    #[test]
    fn the_inner_text_is_the_end_of_the_line(
        text in "\\PC{0,80}",
        shaped in "(<13>|1 |2026-11-23T09:46:49.1Z |stdout F |Nov 23 09:46:49 |host |app\\[1\\]: |\\[pod/a/b\\] |a-1 \\| |- |é|\\{\"a\":1\\}|\\{|\\}| |\\[|\"){0,10}",
    ) {
        for text in [&text, &shaped] {
            if let Some(peeled) = peel(text) {
                prop_assert!(text.trim_end().ends_with(peeled.inner.trim_end()));
            }
        }
    }
}
