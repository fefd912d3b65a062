//! Which lines of real logs form one record.

use super::*;
use crate::model::time::UnixNanos;
use proptest::prelude::*;

/// The records that `text` falls into.
fn records(text: &str) -> Vec<String> {
    let mut framer = Framer::default();
    let mut records: Vec<String> = Vec::new();
    for line in text.split('\n') {
        match framer.next(line.as_bytes()) {
            Join::Starts => records.push(line.to_owned()),
            Join::Continues => {
                let record = records.last_mut().expect("a first line never continues");
                record.push('\n');
                record.push_str(line);
            }
        }
    }
    records
}

fn one_record(text: &str) {
    assert_eq!(records(text), vec![text.to_owned()]);
}

#[test]
fn complete_json_lines_are_records_at_once() {
    let mut framer = Framer::default();
    for line in ["{\"a\":1}", "{\"a\":\"Traceback (most recent call last):\"}", "{}", "[{\"a\":1}]", "{\"a\":1} \r"] {
        assert_eq!(framer.next(line.as_bytes()), Join::Starts);
        assert!(!framer.is_open(), "{line}");
    }
    assert_eq!(framer.next(b"    at foo (x.js:1:2)"), Join::Starts, "a complete JSON line has no continuation");
}

#[test]
fn a_python_traceback_with_its_last_line() {
    one_record(
        "ERROR:    Exception in ASGI application\nTraceback (most recent call last):\n  File \"/opt/venv/starlette/_exception_handler.py\", line 53, in wrapped_app\n    await app(scope, receive, sender)\n    raise exc\nKeyError: 'lifetime'",
    );
    let two = records("{\"level\":\"info\"}\nTraceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nzmq.Again\n2026-11-23 09:46:49,123 INFO next");
    assert_eq!(two.len(), 3);
    assert!(two[1].ends_with("zmq.Again"));
}

#[test]
fn chained_python_tracebacks() {
    one_record(
        "2026-11-23 09:46:49,123 - app - ERROR - boom\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\", line 2, in g\nshop.errors.Problem: cannot do",
    );
}

#[test]
fn java_causes_and_elisions() {
    one_record(
        "2026-11-23 09:46:49.123 [main] ERROR c.f.Bar - failed\njava.lang.IllegalStateException: no stock\n\tat c.f.Bar.take(Bar.java:12)\nCaused by: java.sql.SQLException: gone\n\tat c.f.Db.ask(Db.java:3)\n\t... 12 more",
    );
}

#[test]
fn node_errors_and_inspected_objects() {
    let lines = "> outbound@5.2.0 start\n> node worker.js\n\nprovider said no {\n  status: 400,\n  headers: { 'content-type': 'application/json' }\n}\nprovider said no {\n  status: 400,\n}\nUncaught exception, exiting\nTypeError: Cannot read properties of undefined (reading 'decode')\n    at /srv/src/node_worker.js:59:97\n    at process.processTimers (node:internal/timers:519:7)\n\nNode.js v20.20.2\n\n> outbound@5.2.0 start";
    let records = records(lines);
    assert_eq!(records.len(), 8, "{records:#?}");
    assert_eq!(records[3], "provider said no {\n  status: 400,\n  headers: { 'content-type': 'application/json' }\n}");
    assert!(records[5].starts_with("Uncaught exception, exiting\nTypeError") && records[5].ends_with("\n\nNode.js v20.20.2"));
    one_record("/srv/app/x.js:59\n    throw new Error('x')\n    ^\n\nError: x\n    at Object.<anonymous> (/srv/app/x.js:59:11)");
}

#[test]
fn go_and_rust_panics() {
    one_record(
        "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\nmain.main()\n\t/tmp/x.go:5 +0x39\ncreated by main.start\n\t/tmp/x.go:9 +0x1\nexit status 2",
    );
    one_record(
        "thread 'main' panicked at src/main.rs:2:5:\nindex out of bounds: the len is 3\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/x/library/std/src/panicking.rs:665:5\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
    );
}

#[test]
fn prints_in_a_row_stay_apart() {
    let lines =
        "INFO:     127.0.0.1:49464 - \"POST /kb/reindex HTTP/1.1\" 202 Accepted\njob 5 done\njob 6 done\nDeployment Info: request_timeout: None\n2026-11-23 09:46:49 INFO x";
    assert_eq!(records(lines).len(), 5);
}

#[test]
fn indented_lines_continue_text() {
    one_record("info: Microsoft.Hosting.Lifetime[14]\n      Now listening on: http://localhost:5000");
    assert_eq!(records("text\n\n   far away").len(), 3, "an empty line closes plain text");
}

#[test]
fn pretty_printed_json_until_it_closes() {
    one_record("{\n  \"level\": \"info\",\n  \"note\": \"a } and a { and \\\" in text\",\n  \"req\": {\n    \"id\": 1\n  }\n}");
    one_record("[\n{\"a\":1},\n{\"a\":2}\n]");
    one_record("{\n\n\"a\": [],\n\"b\": {}\n}");
    let mut framer = Framer::default();
    framer.next(b"{");
    assert!(framer.is_open());
    framer.next(b"}");
    assert!(!framer.is_open());
}

#[test]
fn a_stray_bracket_swallows_nothing() {
    assert_eq!(records("[\n{\"a\":1}\n{\"a\":2}\n{\"a\":3}").len(), 3, "no comma, no array");
    assert_eq!(records("{\n2026-11-23 09:46:49 INFO x\n2026-11-23 09:46:50 INFO y").len(), 2);
}

#[test]
fn endless_values_are_given_up() {
    let mut framer = Framer::default();
    assert_eq!(framer.next(b"["), Join::Starts);
    let mut starts = 0;
    for _ in 0..25_000 {
        starts += usize::from(framer.next(b"  1,") == Join::Starts);
    }
    assert!(starts >= 1);
    let long = format!(" {}", "x".repeat(600 * 1024)).into_bytes();
    let mut framer = Framer::default();
    framer.next(b"text");
    assert_eq!((framer.next(&long), framer.next(&long)), (Join::Continues, Join::Starts));
    assert!(!Framer::default().is_open());
}

#[test]
fn lines_that_docker_split() {
    let text = "{\"log\": \"a long line split by the daemon without newline\", \"stream\": \"stdout\", \"time\": \"2026-09-21T14:16:59.343737390Z\"}\n{\"log\": \"\\n\", \"stream\": \"stdout\", \"time\": \"2026-09-21T14:17:06.655195303Z\", \"attrs\": {\"tag\": \"web\"}}";
    one_record(text);
    assert_eq!(unsplit(text).as_deref(), Some("a long line split by the daemon without newline"));
    let other = text.replace("\"\\n\", \"stream\": \"stdout\"", "\"\\n\", \"stream\": \"stderr\"");
    assert_eq!(records(&other).len(), 2, "another stream");
    let piece = "x".repeat(16 * 1024);
    let (first, last) = (format!("{{\"log\":\"{piece}\",\"stream\":\"stderr\",\"time\":\"t\"}}"), "{\"log\":\"{\\\"a\\\"}\\n\",\"stream\":\"stderr\",\"time\":\"t\"}");
    let joined = format!("{first}\n{first}\n{last}");
    one_record(&joined);
    assert_eq!(unsplit(&joined).map(|text| text.len()), Some(2 * piece.len() + 5));
}

#[test]
fn docker_lines_that_end_are_closed() {
    let mut framer = Framer::default();
    framer.next(b"{\"log\":\"{\\\"level\\\": 30}\\n\",\"stream\":\"stdout\",\"time\":\"2026-09-21T14:13:20.000214331Z\"}");
    assert!(!framer.is_open());
    let shipped = "{\"log\":\"one\",\"stream\":\"stdout\"}\n{\"log\":\"two\",\"stream\":\"stdout\"}\n{\"log\":\"three\",\"stream\":\"stdout\"}";
    assert_eq!(records(shipped).len(), 3, "a shipper cut the newlines off: nothing was split");
    framer.next(b"{\"log\":\"ends in a backslash and n \\\\n\",\"stream\":\"stdout\"}");
    assert!(framer.is_open());
}

#[test]
fn lines_that_cri_split() {
    let text = "2026-11-23T09:46:49.123456789Z stdout P {\"a\":\n2026-11-23T09:46:49.123456790Z stdout P 1\n2026-11-23T09:46:49.123456791Z stdout F }";
    one_record(text);
    assert_eq!(unsplit(text).as_deref(), Some("{\"a\":1}"));
    let crossed = "2026-11-23T09:46:49.123456789Z stdout P a\n2026-11-23T09:46:49.123456790Z stderr F b\n2026-11-23T09:46:49.123456791Z stdout F c";
    assert_eq!(records(crossed).len(), 3);
    let mut framer = Framer::default();
    framer.next(b"2026-11-23T09:46:49.123456789Z stdout F {\"a\":1}");
    assert!(!framer.is_open());
}

#[test]
fn traces_inside_wrapped_lines() {
    let cri = "2026-11-23T09:46:49.1Z stderr F ERROR:root:boom\n2026-11-23T09:46:49.1Z stderr F Traceback (most recent call last):\n2026-11-23T09:46:49.1Z stderr F   File \"a.py\", line 1\n2026-11-23T09:46:49.1Z stderr F KeyError: 'x'";
    one_record(cri);
    assert_eq!(unsplit(cri).as_deref(), Some("ERROR:root:boom\nTraceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'x'"));
    let compose = "api-1  | panic: boom\napi-1  | \napi-1  | goroutine 1 [running]:\napi-1  | main.main()";
    one_record(compose);
    assert_eq!(unsplit(compose).as_deref(), Some("panic: boom\n\ngoroutine 1 [running]:\nmain.main()"));
    assert_eq!(records("api-1  | Error: x\nweb-1  |     at y (z:1)").len(), 2, "another container");
    assert_eq!(unsplit("plain\n  text"), None);
    assert_eq!(unsplit("{\"a\":1}"), None);
}

#[test]
fn the_first_time_in_a_line() {
    let cases = [
        ("{\"level\":20,\"time\":1795421868366,\"pid\":20025}", "2026-11-23T08:17:48.366000000Z"),
        ("{\"id\":\"d9b2d63d-a233-4123-847a-000000000000\",\"time\": \"2026-11-23T08:34:43+0100\"}", "2026-11-23T07:34:43.000000000Z"),
        ("{\"level\":\"info\",\"ts\":1795423038.994292,\"logger\":\"http\"}", "2026-11-23T08:37:18.994292000Z"),
        ("{\"__REALTIME_TIMESTAMP\":\"1795423776620596\"}", "2026-11-23T08:49:36.620596000Z"),
        ("{\"time_local\":\"23/Nov/2026:08:37:19 +0000\",\"status\":200}", "2026-11-23T08:37:19.000000000Z"),
        ("{\"expires_at\":\"2031-01-01T00:00:00Z\",\"time\":\"2026-11-23T08:17:43.430Z\"}", "2026-11-23T08:17:43.430000000Z"),
        ("2026/11/23 09:46:53 [error] 11587#11587: *23 client", "2026-11-23T09:46:53.000000000Z"),
        ("11573:M 23 Nov 2026 09:46:23.991 # Redis", "2026-11-23T09:46:23.991000000Z"),
    ];
    for (line, expected) in cases {
        assert_eq!(peek_time_ns(line.as_bytes()).map(|ns| UnixNanos(ns).to_rfc3339()).as_deref(), Some(expected), "{line}");
    }
    let late = format!("{{\"text\":\"{}\",\"time\":\"2026-11-23T08:17:43.430Z\",\"v\":0}}", "é".repeat(400));
    assert_eq!(peek_time_ns(late.as_bytes()).map(|ns| UnixNanos(ns).to_rfc3339()).as_deref(), Some("2026-11-23T08:17:43.430000000Z"), "time as the last key");
    for line in ["", "{\"port\":12345,\"id\":\"1-2-3\"}", "no time - here: 5", "{\"user\":9876543210987}"] {
        assert_eq!(peek_time_ns(line.as_bytes()), None, "{line}");
    }
}

proptest! {
    #[test]
    fn any_lines_are_framed(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..40)) {
        let mut framer = Framer::default();
        for (index, line) in lines.iter().enumerate() {
            let was_open = framer.is_open();
            let join = framer.next(line);
            prop_assert!(join == Join::Starts || (index > 0 && was_open), "only an open record is continued");
            let _ = peek_time_ns(line);
        }
    }

    #[test]
    fn shaped_lines_are_framed(lines in prop::collection::vec("(\\{|\\[|\\}|  \"a\": 1,|    at x \\(y:1\\)|Traceback \\(most recent call last\\):|K: v||api-1  \\| x|\\{\"log\":\"\\\\{0,3}n?\",\"stream\":\"stdout\"\\}|2026-11-23T09:46:49Z stdout [PF] é)", 0..30)) {
        let mut framer = Framer::default();
        let mut record = String::new();
        for line in &lines {
            let was_open = framer.is_open();
            let join = framer.next(line.as_bytes());
            prop_assert!(join == Join::Starts || was_open);
            if join == Join::Starts { record.clear(); } else { record.push('\n'); }
            record.push_str(line);
            let _ = (unsplit(&record), stack_of(&record));
        }
    }
}

fn stack_of(record: &str) -> Option<(&str, &str)> {
    crate::recognise::stack::raised(record)
}
