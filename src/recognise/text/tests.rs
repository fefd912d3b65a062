//! Text lines of real programs and what is read from them.

use super::*;
use crate::model::time::UnixNanos;
use proptest::prelude::*;

/// Time, severity, logger, context and message of a line, `-` for what it does not say.
fn reading(line: &str) -> [String; 5] {
    let record = read(line);
    let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    [
        record.time.map_or("-".to_owned(), |at| UnixNanos(at.unix_ns).to_rfc3339().trim_end_matches(['0', 'Z']).trim_end_matches('.').to_owned()),
        or_dash(record.severity.map(Severity::word)),
        or_dash(record.logger.as_deref()),
        or_dash(record.context.as_deref()),
        record.message.into_owned(),
    ]
}

fn check(cases: &[(&str, [&str; 5])]) {
    for (line, expected) in cases {
        assert_eq!(reading(line), expected.map(str::to_owned), "{line}");
    }
}

fn fields(line: &str) -> Vec<(String, String)> {
    read(line).fields.into_iter().map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

fn check_fields(line: &str, expected: &[(&str, &str)]) {
    let expected: Vec<(String, String)> = expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    assert_eq!(fields(line), expected, "{line}");
}

const AT: &str = "2026-11-23T09:46:49.123";

#[test]
fn python_loggers() {
    check(&[
        ("WARNING:helpdesk.limits:seat quota at 99%, sla=8h", ["-", "warn", "helpdesk.limits", "-", "seat quota at 99%, sla=8h"]),
        ("ERROR:LiteLLM Router:litellm.router.py::f() - Error occurred", ["-", "error", "LiteLLM Router", "-", "litellm.router.py::f() - Error occurred"]),
        ("2026-11-23 09:46:35,565 - shop.api - INFO - order accepted", ["2026-11-23T09:46:35.565", "info", "shop.api", "-", "order accepted"]),
        ("2026-11-23 09:46:49,123 INFO shop.api: order accepted", [AT, "info", "shop.api", "-", "order accepted"]),
        ("2026-11-23 09:46:49,123 werkzeug WARNING late", [AT, "warn", "werkzeug", "-", "late"]),
        ("2026-11-23 09:46:49,123 | INFO | shop.api | order accepted", [AT, "info", "shop.api", "-", "order accepted"]),
        ("[2026-11-23 09:46:49,123] ERROR in app: Exception on /x [GET]", [AT, "error", "app", "-", "Exception on /x [GET]"]),
        ("[2026-11-23 09:46:49 +0000] [123] [INFO] Booting worker with pid: 9", ["2026-11-23T09:46:49", "info", "-", "pid=123", "Booting worker with pid: 9"]),
        ("2026-11-23 09:46:49.123 | INFO     | __main__:write:62 - sqlite insert inbox", [AT, "info", "__main__", "-", "sqlite insert inbox"]),
        (
            "[2026-11-23 09:46:49,123: INFO/ForkPoolWorker-1] Task shop.add[16bf0f20-76ef-4abe-b695-5cbee0d3f2be] received",
            [AT, "info", "-", "worker=ForkPoolWorker-1", "Task shop.add[16bf0f20-76ef-4abe-b695-5cbee0d3f2be] received"],
        ),
        (
            "[2026-11-23 09:46:49,123] [PID 12] [MainThread] [dramatiq.MainProcess] [INFO] Dramatiq is booting up.",
            [AT, "info", "dramatiq.MainProcess", "thread=MainThread", "Dramatiq is booting up."],
        ),
        ("09:46:53 - LiteLLM Router:ERROR: router.py:7881 - litellm.Timeout", ["-", "error", "LiteLLM Router", "-", "litellm.Timeout"]),
        ("[I 2026-11-23 09:46:49.123 ServerApp] Serving notebooks", [AT, "info", "ServerApp", "-", "Serving notebooks"]),
        ("INFO:     Started server process [11585]", ["-", "info", "-", "-", "Started server process [11585]"]),
        ("09:46:53 Worker rq-1: started with PID 11582", ["-", "-", "-", "-", "Worker rq-1: started with PID 11582"]),
    ]);
}

#[test]
fn jvm_loggers() {
    check(&[
        ("2026-11-23 09:46:49.123 [main] INFO  com.foo.Bar - started", [AT, "info", "com.foo.Bar", "thread=main", "started"]),
        ("2026-11-23 09:46:49.123  INFO 71 --- [nio-8080-exec-1] c.f.Bar   : started", [AT, "info", "c.f.Bar", "thread=nio-8080-exec-1", "started"]),
        ("09:46:49.123 [pool-1-thread-2] WARN com.foo.Bar -- late", ["-", "warn", "com.foo.Bar", "thread=pool-1-thread-2", "late"]),
        ("[2026-11-23 09:46:49,123] INFO [Broker id=1] Stopped (kafka.server.Broker)", [AT, "info", "-", "-", "[Broker id=1] Stopped (kafka.server.Broker)"]),
    ]);
    let line = "2026-11-23 09:46:49.123  INFO [shop,4bf92f3577b34da6a3ce929d0e0e4736,00f067aa0ba902b7] 71 --- [exec-1] c.f.Bar : started";
    check_fields(line, &[("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"), ("span_id", "00f067aa0ba902b7")]);
    assert_eq!(read(line).service.as_deref(), Some("shop"));
}

#[test]
fn rust_and_go_loggers() {
    check(&[
        ("2026-11-23T09:46:49.123456Z  INFO app::web: listening port=80", ["2026-11-23T09:46:49.123456", "info", "app::web", "-", "listening port=80"]),
        ("[2026-11-23T09:46:49Z INFO  app::web] listening", ["2026-11-23T09:46:49", "info", "app::web", "-", "listening"]),
        ("2026/11/23 09:46:49 listening on :80", ["2026-11-23T09:46:49", "-", "-", "-", "listening on :80"]),
        ("2026/11/23 09:46:49.123456 main.go:42: listening", ["2026-11-23T09:46:49.123456", "-", "-", "-", "main.go:42: listening"]),
        ("2026/11/23 09:46:49 INFO served status=200", ["2026-11-23T09:46:49", "info", "-", "-", "served status=200"]),
        ("2026-11-23T09:46:49Z INF served status=200", ["2026-11-23T09:46:49", "info", "-", "-", "served status=200"]),
        ("9:46AM ERR cannot dial error=refused", ["-", "error", "-", "-", "cannot dial error=refused"]),
        ("2026-11-23T09:46:49.123Z\tINFO\tapi.orders\tgp/main.go:97\tcache warmed\t{\"entries\": 3}", [AT, "info", "api.orders", "-", "cache warmed"]),
        ("1.795427209123e+09\terror\tcannot dial", [AT, "error", "-", "-", "cannot dial"]),
        ("I1123 09:46:49.123456   12345 server.go:42] listening", ["-", "info", "-", "pid=12345", "listening"]),
        ("E20261123 09:46:49.123000 12 file.cc:3] broken", [AT, "error", "-", "pid=12", "broken"]),
        ("ERROR+4 disk", ["-", "fatal", "-", "-", "disk"]),
    ]);
    check_fields(
        "2026-11-23T09:46:49.123Z INFO request{method=GET uri=\"/x\" id=7}:inner{step=2}: app: done ms=3",
        &[("method", "GET"), ("uri", "/x"), ("id", "7"), ("step", "2"), ("ms", "3")],
    );
    check_fields("I1123 09:46:49.123456 1 x.go:42] \"Pod synced\" pod=\"a/b\" took=\"1.2s\"", &[("caller", "x.go:42"), ("pod", "a/b"), ("took", "1.2s")]);
    check_fields(
        "2026-11-23T09:46:49.123Z\tINFO\tapi.orders\tgp/main.go:97\tcache warmed\t{\"entries\": 3, \"a\": {\"b\": \"x\"}}",
        &[("caller", "gp/main.go:97"), ("a.b", "x"), ("entries", "3")],
    );
}

#[test]
fn ruby_php_elixir_and_dotnet_loggers() {
    check(&[
        ("I, [2026-11-23T09:46:49.123000 #12]  INFO -- api: ready", [AT, "info", "api", "pid=12", "ready"]),
        ("W, [2026-11-23T09:46:49.123000 #12]  WARN -- : late", [AT, "warn", "-", "pid=12", "late"]),
        ("2026-11-23T09:46:49.123Z pid=12 tid=abc class=HardJob jid=b4a577edbccf1d805744efa9 INFO: start", [AT, "info", "-", "thread=abc", "start"]),
        ("2026-11-23T09:46:49.123Z 12 TID-ovx1 HardJob JID-b4a577edbccf1d805744efa9 INFO: start", [AT, "info", "HardJob", "thread=ovx1", "start"]),
        ("[2026-11-23 09:46:49] production.ERROR: Boom {\"userId\":7} []", ["2026-11-23T09:46:49", "error", "production", "-", "Boom"]),
        ("09:46:49.123 [info] GET /", ["-", "info", "-", "-", "GET /"]),
        ("09:46:49.123 request_id=F3x [error] boom", ["-", "error", "-", "-", "boom"]),
        ("info: Microsoft.Hosting.Lifetime[14]", ["-", "info", "-", "-", "Microsoft.Hosting.Lifetime[14]"]),
    ]);
    check_fields(
        "2026-11-23T09:46:49.123Z pid=12 tid=abc class=HardJob jid=b4a577edbccf1d805744efa9 elapsed=0.123 INFO: done",
        &[("class", "HardJob"), ("jid", "b4a577edbccf1d805744efa9"), ("elapsed", "0.123")],
    );
    check_fields("[2026-11-23 09:46:49] production.ERROR: Boom {\"userId\":7} []", &[("userId", "7")]);
    check_fields("2026-11-23T09:46:49.123Z 12 TID-ovx1 HardJob JID-b4a577edbccf1d805744efa9 INFO: start", &[("jid", "b4a577edbccf1d805744efa9")]);
}

#[test]
fn node_loggers() {
    check(&[
        ("[Nest] 71  - 11/23/2026, 9:46:49 AM     LOG [NestFactory] Starting", ["2026-11-23T09:46:49", "info", "NestFactory", "pid=71", "Starting"]),
        ("error: cannot dial", ["-", "error", "-", "-", "cannot dial"]),
        ("2026-11-23T09:46:49.123Z info: ready", [AT, "info", "-", "-", "ready"]),
        ("2026-11-23T09:46:49.123Z [info] ready", [AT, "info", "-", "-", "ready"]),
        ("\u{1b}[32minfo\u{1b}[39m: ready", ["-", "info", "-", "-", "ready"]),
        ("provider said no {", ["-", "-", "-", "-", "provider said no {"]),
        ("> outbound@5.2.0 start", ["-", "-", "-", "-", "> outbound@5.2.0 start"]),
    ]);
    assert_eq!(read("> outbound@5.2.0 start").service.as_deref(), Some("outbound"));
    check_fields("info: user signed in {\"user\":\"u_1\",\"ok\":true}", &[("ok", "true"), ("user", "u_1")]);
}

#[test]
fn servers_and_databases() {
    check(&[
        ("11573:M 23 Nov 2026 09:46:23.991 * monotonic clock: POSIX clock_gettime", ["2026-11-23T09:46:23.991", "info", "-", "pid=11573", "monotonic clock: POSIX clock_gettime"]),
        ("11573:C 23 Nov 2026 09:46:23.991 # Configuration loaded", ["2026-11-23T09:46:23.991", "warn", "-", "pid=11573", "Configuration loaded"]),
        ("11573:signal-handler (1795427244) Received SIGTERM scheduling shutdown...", ["2026-11-23T09:47:24", "-", "-", "pid=11573", "Received SIGTERM scheduling shutdown..."]),
        ("2026-11-23 09:46:49.123 UTC [123] LOG:  checkpoint starting: time", [AT, "info", "-", "pid=123", "checkpoint starting: time"]),
        ("2026-11-23 09:46:49.123 UTC [123] shop@db ERROR:  deadlock detected", [AT, "error", "shop@db", "pid=123", "deadlock detected"]),
        ("2026-11-23T09:46:49.123000Z 0 [Warning] [MY-010116] [Server] starting", [AT, "warn", "-", "pid=0", "[MY-010116] [Server] starting"]),
        ("[Mon Nov 23 09:46:49.123000 2026] [core:error] [pid 12:tid 34] [client 1.2.3.4:5] AH00126: Invalid URI", [AT, "error", "core", "pid=12", "AH00126: Invalid URI"]),
    ]);
    let line = "2026/11/23 09:46:53 [error] 11587#11587: *23 client intended to send too large body: 80032 bytes, client: 127.0.0.1, server: , request: \"POST /tickets/T-10213/reply HTTP/1.1\", host: \"127.0.0.1:43643\"";
    check(&[(line, ["2026-11-23T09:46:53", "error", "-", "pid=11587", "client intended to send too large body: 80032 bytes"])]);
    check_fields(line, &[("connection", "23"), ("remote_addr", "127.0.0.1"), ("http.method", "POST"), ("http.url", "/tickets/T-10213/reply"), ("http.host", "127.0.0.1:43643")]);
}

#[test]
fn access_records() {
    let uvicorn = "INFO:     127.0.0.1:49464 - \"POST /tickets/T-10465/reply HTTP/1.1\" 422 Unprocessable Entity";
    check(&[(uvicorn, ["-", "info", "-", "-", "127.0.0.1:49464 - \"POST /tickets/T-10465/reply HTTP/1.1\" 422 Unprocessable Entity"])]);
    check_fields(uvicorn, &[("remote_addr", "127.0.0.1:49464"), ("http.method", "POST"), ("http.url", "/tickets/T-10465/reply"), ("status", "422")]);
    let combined = "203.0.113.9 - frank [23/Nov/2026:09:46:49 +0000] \"GET /a?b=1 HTTP/1.1\" 200 2326 \"http://x/\" \"Mozilla/5.0 (X11)\" 0.123 7c67b8f5effcded100dbc433f3dfbb54";
    check(&[(combined, ["2026-11-23T09:46:49", "-", "-", "-", "GET /a?b=1 HTTP/1.1"])]);
    check_fields(
        combined,
        &[
            ("remote_addr", "203.0.113.9"),
            ("user", "frank"),
            ("http.method", "GET"),
            ("http.url", "/a?b=1"),
            ("status", "200"),
            ("bytes", "2326"),
            ("http.referer", "http://x/"),
            ("user_agent", "Mozilla/5.0 (X11)"),
            ("request_time", "0.123"),
            ("request_id", "7c67b8f5effcded100dbc433f3dfbb54"),
        ],
    );
    check_fields(
        "127.0.0.1 - - [23/Nov/2026:09:46:49 +0000] \"GET / HTTP/1.1\" 304 0 \"-\" \"curl\" rt=0.004 uct=\"0.000\"",
        &[("remote_addr", "127.0.0.1"), ("http.method", "GET"), ("http.url", "/"), ("status", "304"), ("rt", "0.004"), ("uct", "0.000"), ("bytes", "0"), ("user_agent", "curl")],
    );
    check_fields("GET /api/users 200 12.345 ms - 27", &[("http.method", "GET"), ("http.url", "/api/users"), ("status", "200"), ("duration", "12.345 ms")]);
    check_fields("::1 - GET /x HTTP/1.1 404 9 - 1.5 ms", &[("remote_addr", "::1"), ("http.method", "GET"), ("http.url", "/x"), ("status", "404"), ("duration", "1.5 ms")]);
    let gin = "[GIN] 2026/11/23 - 09:46:49 | 200 |     1.234ms |       127.0.0.1 | GET      \"/api/x\"";
    check_fields(gin, &[("http.method", "GET"), ("http.url", "/api/x"), ("status", "200"), ("duration", "1.234ms")]);
    assert_eq!(reading(gin)[0], "2026-11-23T09:46:49");
    let envoy = "[2026-11-23T09:46:49.123Z] \"GET /x HTTP/2\" 200 - 0 135 12 11 \"-\" \"curl/8\" \"a7e1c1f4-6f2c-9a6b-8a7e-0c2d6f1b2a33\" \"shop\" \"10.0.0.1:80\"";
    check_fields(
        envoy,
        &[
            ("http.method", "GET"),
            ("http.url", "/x"),
            ("status", "200"),
            ("user_agent", "curl/8"),
            ("request_id", "a7e1c1f4-6f2c-9a6b-8a7e-0c2d6f1b2a33"),
            ("bytes", "135"),
            ("duration_ms", "12"),
        ],
    );
    check_fields("Completed 200 OK in 35ms (Views: 12.1ms)", &[("status", "200")]);
    let rails = "Started GET \"/orders\" for 127.0.0.1 at 2026-11-23 09:46:49 +0000";
    check_fields(rails, &[("http.method", "GET"), ("http.url", "/orders"), ("remote_addr", "127.0.0.1")]);
    assert_eq!(reading(rails)[0], "2026-11-23T09:46:49");
    check_fields("[23/Nov/2026 09:46:49] \"GET /admin HTTP/1.1\" 302 0", &[("http.method", "GET"), ("http.url", "/admin"), ("status", "302")]);
}

#[test]
fn logfmt_lines() {
    let line = "time=\"2026-11-23T08:28:44Z\" level=warning msg=\"text formatter is logfmt\" request_id=txt-1";
    check(&[(line, ["2026-11-23T08:28:44", "warn", "-", "-", "text formatter is logfmt"])]);
    assert_eq!(fields(line).last(), Some(&("request_id".to_owned(), "txt-1".to_owned())));
    let router = "at=error code=H12 desc=\"Request timeout\" method=GET path=\"/a?b=c\" request_id=8601b555 dyno=web.1 connect=0ms service=30001ms status=503";
    assert_eq!((read(router).severity, read(router).format), (Some(Severity::Error), "logfmt"));
    assert_eq!(fields(router)[4], ("path".to_owned(), "/a?b=c".to_owned()));
    let go = "ts=2026-11-23T09:46:49.123Z caller=main.go:1 level=info msg=\"a \\\"b\\\" \\n\" n=1";
    check_fields(go, &[("ts", "2026-11-23T09:46:49.123Z"), ("caller", "main.go:1"), ("level", "info"), ("msg", "a \"b\" \n"), ("n", "1")]);
    assert_eq!(read("a == b means equal").fields, vec![]);
    assert_eq!(read("x=1").format, "text", "one pair is no logfmt");
}

#[test]
fn prose_stays_whole() {
    for line in [
        "Uncaught exception, exiting",
        "logging in as root",
        "[api] started",
        "Debug Information:",
        "timeout: 1.9 LiteLLM Retried: 1 times, LiteLLM Max Retries: 1",
        "I think so",
        "日本語のメッセージ",
        "12:30 is lunch",
        "- item",
    ] {
        let record = read(line);
        assert_eq!((record.message.as_ref(), record.time, record.severity), (line, None, None), "{line}");
    }
    assert_eq!(reading("Error: cannot find module"), ["-", "error", "-", "-", "Error: cannot find module"]);
    assert_eq!(reading("2026/11/23 09:46:49 error connecting to db")[4], "error connecting to db", "the sentence keeps its first word");
    assert_eq!(reading("2026-11-23 09:46:49,123 we all saw the ERROR page")[1], "-");
}

#[test]
fn lines_of_the_record_before() {
    for line in [
        "    at foo (file.js:1:2)",
        "Traceback (most recent call last):",
        "  File \"x.py\", line 3, in f",
        "Caused by: java.sql.SQLException: gone",
        "\tat a.B.c(B.java:3)",
        "During handling of the above exception, another exception occurred:",
    ] {
        assert!(read(line).continues, "{line}");
    }
    assert!(!read("KeyError: 'lifetime'").continues);
    let record = read("ERROR:    Exception in ASGI application\nTraceback (most recent call last):\n  File \"x.py\", line 3\nKeyError: 'x'");
    assert_eq!((record.message.as_ref(), record.continues), ("Exception in ASGI application", false));
    assert_eq!(record.rest.as_deref().and_then(stack::raised), Some(("KeyError", "'x'")));
}

proptest! {
    #[test]
    fn no_text_panics(
        text in "\\PC{0,120}",
        shaped in "([0-9]{1,4}|[-:/.,| \\[\\](){}<>\"'=#]|INFO|error|GET /x|2026-11-23|09:46:49|Nov|é|key=|\"v\"|pid|JID-|\u{1b}\\[3|\t|\n){0,30}",
    ) {
        for text in [&text, &shaped] {
            let record = read(text);
            prop_assert!(record.message.len() <= text.len());
            prop_assert!(record.fields.len() <= MAX_FIELDS);
        }
    }
}

#[test]
fn a_message_ends_with_pairs_or_it_does_not() {
    let of = |text| super::tail(text).into_iter().map(|(k, v)| format!("{k}:{v}")).collect::<Vec<_>>();
    assert_eq!(of("extracted recipe_id=4411 model=gpt-4o-mini note=\"a b\" ms=5.4"), ["recipe_id:4411", "model:gpt-4o-mini", "note:a b", "ms:5.4"]);
    for text in ["saved ms=5.4", "set a=1 and b=2 to be sure", "x=1 y", "GET /a?b=1&c=2", "where a == 1 and b=2", "a=1\nb=2 c=3", "no pairs"] {
        assert_eq!(of(text), [""; 0], "{text}");
    }
}
