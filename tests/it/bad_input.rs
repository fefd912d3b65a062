//! Hostile and broken input: each has a clear outcome, nothing is lost, nothing panics.

use crate::support::{Bench, eventually};
use serde_json::Value;
use std::{io::Write, process::Stdio};

const GOOD: &str = "{\"time\":\"2026-11-18T13:20:00.000Z\",\"level\":\"info\",\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\",\"msg\":\"neighbour unharmed\"}\n";

/// Indexes one file and returns every stored line.
fn stored(bench: &Bench, content: &[u8]) -> Vec<Value> {
    bench.write("logs/app.log", content);
    bench.ok(&["index", "logs", "--data", "d"]);
    lines(bench)
}

fn lines(bench: &Bench) -> Vec<Value> {
    let mut list: Vec<Value> = bench.ok(&["export", "--format", "lines-ndjson", "--data", "d"]).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    list.sort_by_key(|v| v["start"].as_u64());
    list
}

fn stats(bench: &Bench) -> Value {
    serde_json::from_str(&bench.ok(&["stats", "--json", "--data", "d"])).unwrap()
}

/// ok + unparsed + blank + cut = consumed, always.
fn bytes_add_up(bench: &Bench) {
    let s = stats(bench);
    let c = &s["counters"];
    let sum: u64 = ["ok_bytes", "unparsed_bytes", "blank_bytes", "cut_bytes"].iter().map(|k| c[k].as_u64().unwrap()).sum();
    assert_eq!(sum, s["consumed_bytes"].as_u64().unwrap(), "{s}");
}

#[test]
fn an_unreadable_file_is_named_and_the_others_are_read() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let closed = bench.write("logs/closed.log", GOOD);
    bench.write("logs/app.log", GOOD);
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&closed).is_ok() {
        return; // root reads everything
    }
    let out = bench.run(&["index", "logs", "--data", "d"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("closed.log"));
    assert_eq!(lines(&bench).len(), 1);
}

#[test]
fn files_that_are_no_logs_are_listed_with_the_reason_and_left_alone() {
    let bench = Bench::new();
    bench.write("logs/app.log", GOOD);
    bench.write("logs/core.bin", [0_u8, 1, 2, 3, 0, 0, 255, 254, 9, 8]);
    bench.write("logs/empty.log", "");
    let said = String::from_utf8_lossy(&bench.run(&["index", "logs", "--data", "d"]).stderr).into_owned();
    assert!(said.contains("core.bin"), "{said}");
    assert_eq!(lines(&bench).len(), 1);
}

#[test]
fn the_index_does_not_read_itself_wherever_its_directory_lies() {
    for (watched, data, not_read) in [("logs", "logs/idx", "logs/idx"), ("logs", "logs", "logs/lines"), ("logs/**/*", "logs/idx", "logs/idx"), ("logs/idx/spool", "logs/idx", "")] {
        let bench = Bench::new();
        bench.write("logs/app.log", GOOD);
        bench.write("logs/idx/spool/stdin-000009.txt", GOOD);
        for _ in 0..2 {
            let out = bench.run(&["index", "logs/app.log", watched, "--data", data]);
            let said = String::from_utf8_lossy(&out.stderr).into_owned();
            assert!(not_read.is_empty() || said.contains(&format!("{not_read} (the index of throughline)")), "{watched} {data}: {said}");
        }
        let stored: Value = serde_json::from_str(&bench.ok(&["stats", "--json", "--data", data])).unwrap();
        let files: Vec<&str> = stored["files"].as_array().unwrap().iter().map(|f| f["file"].as_str().unwrap()).collect();
        let expected = if data == "logs" { vec!["logs/app.log", "logs/idx/spool/stdin-000009.txt"] } else { vec!["logs/app.log"] };
        assert_eq!(files, expected, "{watched} {data}");
    }
}

#[test]
fn a_line_of_five_megabytes_keeps_its_head_its_length_and_its_hash() {
    let bench = Bench::new();
    let long = format!("{{\"msg\":\"{}\"}}", "x".repeat(5_000_000));
    let all = stored(&bench, format!("{GOOD}{long}\n{GOOD}").as_bytes());
    assert_eq!(all.len(), 3);
    assert_eq!((all[1]["cut"].as_bool(), all[1]["length"].as_u64()), (Some(true), Some(long.len() as u64)));
    assert_eq!(all[1]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(all[2]["line"], 3);
    bytes_add_up(&bench);
}

#[test]
fn bytes_that_are_no_text_marks_and_line_endings_stay_as_they_were() {
    let bench = Bench::new();
    let mut content = b"\xef\xbb\xbf".to_vec();
    content.extend_from_slice(GOOD.trim_end().as_bytes());
    content.extend_from_slice(b"\r\n{\"msg\":\"bad \xff\xfe utf\"}\n\n{\"msg\":\"nul \x00 here\"}\n{\"msg\": half\n");
    content.extend_from_slice(GOOD.as_bytes());
    let all = stored(&bench, &content);
    assert_eq!(all.len(), 5);
    assert!(all[0]["raw"].as_str().unwrap().starts_with('\u{feff}'));
    assert!(all[1]["raw_base64"].is_string());
    assert!(all[2]["raw"].as_str().unwrap().contains('\u{0}'));
    bytes_add_up(&bench);
    assert_eq!(stats(&bench)["counters"]["blank"], 1);
    let paths = bench.ok(&["export", "--format", "path-ndjson", "--data", "d"]);
    assert_eq!(paths.lines().count(), 1, "both good lines are of one request");
}

#[test]
fn depth_duplicates_and_numbers_beyond_floats_do_no_harm() {
    let bench = Bench::new();
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
    let big = "{\"time\":\"2026-11-18T13:20:00.000Z\",\"request_id\":12345678901234567890123,\"msg\":\"first\",\"msg\":\"second\"}";
    let all = stored(&bench, format!("{deep}\n{big}\n{GOOD}").as_bytes());
    assert_eq!(all.len(), 3);
    let shown = bench.run(&["show", "12345678901234567890123", "--data", "d", "--json"]);
    let doc: Value = serde_json::from_slice(&shown.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&shown.stderr)));
    assert_eq!(doc["request_id"], "12345678901234567890123");
}

#[test]
fn times_that_cannot_be_held_and_no_times_at_all_are_kept() {
    let bench = Bench::new();
    let content = "{\"time\":\"0001-01-01T00:00:00Z\",\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\",\"msg\":\"a\"}\n\
{\"time\":\"9999-12-31T23:59:59Z\",\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\",\"msg\":\"b\"}\n{\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\",\"msg\":\"c\"}\n";
    assert_eq!(stored(&bench, content.as_bytes()).len(), 3);
    let doc: Value = serde_json::from_str(&bench.ok(&["show", "req_01JDC9V6Q8Z4M2K7T3W5XH0B1N", "--data", "d", "--json"])).unwrap();
    assert_eq!(doc["lines"].as_array().unwrap().len() + doc["unplaced"].as_array().unwrap().len(), 3);
}

#[test]
fn a_damaged_gzip_gives_its_whole_lines_and_says_where_it_breaks() {
    let bench = Bench::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    for n in 0..5_000 {
        writeln!(encoder, "{{\"time\":\"2026-11-18T13:20:00.000Z\",\"msg\":\"line {n}\"}}").unwrap();
    }
    let mut gz = encoder.finish().unwrap();
    gz.truncate(gz.len() / 2);
    bench.write("logs/app.log.gz", gz);
    bench.write("logs/app.log", GOOD);
    let said = String::from_utf8_lossy(&bench.run(&["index", "logs", "--data", "d"]).stderr).into_owned();
    assert!(said.contains("app.log.gz"), "{said}");
    let all = lines(&bench);
    assert!(all.len() > 100, "only {} lines", all.len());
    assert!(all.iter().all(|l| l["raw"].as_str().unwrap().ends_with("\"}")), "no half line is taken for a whole one");
}

#[test]
fn standard_input_is_read_to_its_end() {
    let bench = Bench::new();
    let mut child = bench.command(&["index", "-", "--data", "d"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(GOOD.trim_end().as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(lines(&bench).len(), 1, "a last line without newline counts at the end of input");
}

#[test]
fn pages_refuse_foreign_hosts_and_escape_everything() {
    let bench = Bench::new();
    bench.write(
        "logs/app.log",
        "{\"time\":\"2026-11-18T13:20:00Z\",\"request_id\":\"req_<script>alert(1)</script>-0123456789abcdef\",\"msg\":\"<img src=x onerror=alert(1)>\",\"<b>key</b>\":1}\n",
    );
    let served = bench.serve(&["logs", "--data", "d"]);
    let (status, _, _) = served.request("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    assert_eq!(status, 403);
    let (status, _, _) = served.request("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(status == 400 || status == 403, "{status}");
    let cross = format!("GET / HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: cross-site\r\nConnection: close\r\n\r\n", served.address);
    assert_eq!(served.request(&cross).0, 403);
    let (status, head, body) = served.request(&format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", served.address));
    assert_eq!(status, 200);
    let head = head.to_lowercase();
    for needed in ["content-security-policy: default-src 'none'", "x-content-type-options: nosniff", "referrer-policy: no-referrer"] {
        assert!(head.contains(needed), "{needed} in {head}");
    }
    assert!(!body.contains("<script>alert"), "{body}");
    for path in ["/r/%3Cscript%3Ealert(1)%3C/script%3E", "/r/..%2f..%2fetc%2fpasswd", "/?q=%3Cscript%3E", "/go?id=%22%3E%3Csvg%20onload%3D1%3E"] {
        let (status, body) = served.get(path);
        assert!((200..=404).contains(&status), "{path}: {status}");
        assert!(!body.contains("<script>alert") && !body.contains("<svg onload"), "{path}: {body}");
    }
    assert_eq!(served.get("/r/req_01JDC9V6Q8Z4M2K7T3W5XH0XXX").0, 404);
    let long = served.get(&format!("/r/{}", "x".repeat(10_000))).0;
    assert!(long == 404 || long == 414, "{long}");
    let brackets = served.get(&format!("/?q={}", "%28".repeat(4_096)));
    assert_eq!(brackets.0, 200);
    assert_eq!(served.get("/healthz").0, 200);
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn a_new_line_is_visible_while_following() {
    let bench = Bench::new();
    let path = bench.write("logs/app.log", GOOD);
    let served = bench.serve(&["logs", "--data", "d"]);
    let id = "req_01JDC9V6Q8Z4M2K7T3W5XH0NEW";
    assert_eq!(served.get(&format!("/r/{id}")).0, 404);
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    writeln!(file, "{{\"time\":\"2026-11-18T13:21:00Z\",\"request_id\":\"{id}\",\"msg\":\"hello\"}}").unwrap();
    eventually("the new request has a page", || served.get(&format!("/r/{id}")).0 == 200);
    eventually("the new request is listed", || served.get("/").1.contains(id));
}
