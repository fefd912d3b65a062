//! Hostile and broken input: each has a clear outcome, nothing is lost, nothing panics.

use crate::support::{Bench, end_of, eventually};
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
fn a_file_that_cannot_be_opened_is_named_before_what_is_harmless_and_the_others_are_read() {
    let bench = Bench::new();
    bench.write("logs/app.log", GOOD);
    for name in [".a", ".b", ".c", ".d"] {
        bench.write(&format!("logs/{name}"), "x");
    }
    std::os::unix::fs::symlink("closed.log", bench.path("logs/closed.log")).unwrap();
    let (code, said) = bench.said(&["index", "logs", "--data", "d"]);
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said[1], "  not read: logs/closed.log (too many levels of symbolic links)");
    assert_eq!(said[2], "  not read: logs/.a, logs/.b, logs/.c and 1 more (hidden)");
    assert_eq!((said[3], code), ("index: d", Some(0)));
    assert_eq!(lines(&bench).len(), 1);
}

/// Runs it as a user to whom closed files are closed: as another one when the tests run as root.
fn unprivileged(bench: &Bench, args: &[&str]) -> std::process::Output {
    use std::os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    };
    let mut command = bench.command(args);
    if std::fs::metadata(bench.dir.path()).unwrap().uid() == 0 {
        std::fs::set_permissions(bench.dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        // The binary may lie where nobody else may look.
        let copy = bench.path("throughline");
        std::fs::copy(crate::support::BIN, &copy).unwrap();
        command = bench.command_of(copy, args);
        command.uid(65_534).gid(65_534);
    }
    command.output().unwrap()
}

#[test]
fn a_named_file_without_permission_fails_after_the_others_were_read() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.write("logs/app.log", GOOD);
    let closed = bench.write("logs/closed.log", GOOD);
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    for (args, code) in [(["index", "logs", "--data", "d"].as_slice(), 0), (&["index", "logs/app.log", "logs/closed.log", "--data", "e"], 1)] {
        let out = unprivileged(&bench, args);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(said.contains("  not read: logs/closed.log (permission denied)\n"), "{said}");
        assert_eq!(out.status.code(), Some(code), "{said}");
        assert!(code == 0 || said.ends_with("throughline: logs/closed.log: permission denied\n"), "{said}");
        let stored: Value = serde_json::from_str(&bench.ok(&["stats", "--json", "--data", args[args.len() - 1]])).unwrap();
        assert_eq!(stored["records"], 1);
    }
}

#[test]
fn files_that_are_no_logs_are_listed_with_the_reason_and_left_alone() {
    let bench = Bench::new();
    bench.write("logs/app.log", GOOD);
    bench.write("logs/core.bin", [0_u8, 1, 2, 3, 0, 0, 255, 254, 9, 8]);
    bench.write("logs/picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    bench.write("logs/rows.csv", "a,b\n1,2\n");
    bench.write("logs/empty.log", "");
    let (code, said) = bench.said(&["index", "logs", "--data", "d"]);
    let said: Vec<&str> = said.lines().skip(1).map(str::trim_start).collect();
    assert_eq!(
        said,
        [
            "logs/empty.log          0 lines  no lines yet",
            "not read: logs/picture (an image)",
            "not read: logs/core.bin (binary, not text)",
            "not read: logs/rows.csv (a table, not a log)",
            "index: d"
        ]
    );
    assert_eq!((code, lines(&bench).len()), (Some(0), 1));
}

#[test]
fn a_named_file_that_is_no_log_fails_alone_and_beside_a_log() {
    let bench = Bench::new();
    bench.write("app.log", GOOD);
    bench.write("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    assert_eq!(bench.fails(1, &["index", "picture.png"]), "throughline: no logs in picture.png (picture.png: an image)");
    assert!(bench.fails(2, &["stats"]).contains("nothing was indexed yet"), "no index is left behind that the next question would be put to");
    let (code, said) = bench.said(&["index", "app.log", "picture.png", "--data", "d"]);
    assert_eq!((code, said.lines().last()), (Some(1), Some("throughline: picture.png: an image")));
    assert_eq!(lines(&bench).len(), 1);
}

#[test]
fn a_table_is_read_as_text_when_it_is_named() {
    let bench = Bench::new();
    bench.write("rows.csv", "id,total\n1,2\n");
    bench.ok(&["index", "rows.csv", "--data", "d"]);
    let raw: Vec<String> = lines(&bench).iter().map(|l| l["raw"].as_str().unwrap().to_owned()).collect();
    assert_eq!(raw, ["id,total", "1,2"]);
}

#[test]
fn paths_that_hold_nothing_leave_no_index_behind() {
    let bench = Bench::new();
    bench.write("docs/README.md", "#\n");
    assert_eq!(bench.fails(1, &["index", "nope*"]), "throughline: nope*: no file matches");
    assert_eq!(bench.fails(1, &["index", "docs", "--data", "d"]), "throughline: no logs in docs (docs/README.md: a document, not a log)");
    assert!(!bench.path("d").try_exists().unwrap());
    assert!(bench.fails(2, &["stats"]).contains("nothing was indexed yet"));
    bench.write("app.log", GOOD);
    bench.ok(&["index", "app.log", "--data", "d"]);
    bench.fails(1, &["index", "nope*"]);
    assert!(bench.ok(&["stats"]).contains("records          1\n"), "the index used last stays the one that is asked");
}

#[test]
fn nothing_and_no_log_on_standard_input_are_told() {
    let bench = Bench::new();
    let nothing = "throughline: stdin: nothing came on standard input";
    assert_eq!(bench.said(&["index", "-"]), (Some(1), nothing.to_owned()));
    let directory = std::fs::File::open(bench.dir.path()).unwrap();
    assert_eq!(bench.piped(&["index", "-"], directory), (Some(2), "throughline: -: standard input is a directory; name it as a path: throughline DIR".to_owned()));
    let image = std::fs::File::open(bench.write("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")).unwrap();
    assert_eq!(bench.piped(&["index", "-"], image), (Some(1), "throughline: stdin: standard input is not a log: an image".to_owned()));
    assert!(bench.fails(2, &["stats"]).contains("nothing was indexed yet"));
    bench.write("app.log", GOOD);
    let (code, said) = bench.said(&["index", "app.log", "-", "--data", "d"]);
    assert_eq!((code, said.lines().last()), (Some(1), Some(nothing)));
    assert_eq!(lines(&bench).len(), 1);
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn packed_standard_input_is_unpacked_also_when_it_breaks() {
    let text: String = (0..3_000).map(numbered).collect();
    let halves = text.split_at(text.len() / 2);
    let members = [gzipped(halves.0), gzipped(halves.1)].concat();
    let cut = gzipped(&text);
    let cut = cut[..cut.len() / 2].to_vec();
    for (name, packed, whole) in [("gzip", members, true), ("zstd", zstd::encode_all(text.as_bytes(), 3).unwrap(), true), ("cut", cut, false)] {
        let bench = Bench::new();
        let file = std::fs::File::open(bench.write("packed", packed)).unwrap();
        let (code, said) = bench.piped(&["index", "-", "--data", "d"], file);
        let raw: Vec<String> = lines(&bench).iter().map(|l| format!("{}\n", l["raw"].as_str().unwrap())).collect();
        assert!(text.starts_with(&raw.concat()), "{name}: what is kept is what was packed, and no half line");
        assert_eq!((code, raw.len() == 3_000), (Some(i32::from(!whole)), whole), "{name}: {said}");
        assert!(raw.len() > 300, "{name}: {}", raw.len());
        assert_eq!(said.contains("throughline: stdin: standard input: the compressed data stops in the middle, after "), !whole, "{name}: {said}");
    }
}

#[test]
fn what_is_kept_is_readable_for_its_owner_alone_also_where_a_directory_stood() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let bench = Bench::new();
    bench.write("app.log", GOOD);
    bench.write("full/notes.txt", "mine\n");
    for name in ["empty", "full", "full/lines", "full/spool"] {
        std::fs::create_dir_all(bench.path(name)).unwrap();
        std::fs::set_permissions(bench.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    for name in ["empty", "full"] {
        bench.ok(&["index", "app.log", "--data", name]);
    }
    assert_eq!((mode(bench.path("empty")), mode(bench.path("full"))), (0o700, 0o755), "what else stands in a directory is not ours to close");
    for own in ["lines", "rows"] {
        assert_eq!((mode(bench.path(&format!("empty/{own}"))), mode(bench.path(&format!("full/{own}")))), (0o700, 0o700), "{own}");
    }
    let mut child = bench.command(&["serve", "-", "--listen", "127.0.0.1:0", "--data", "full"]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(GOOD.as_bytes()).unwrap();
    let segment = bench.path("full/spool/stdin-000001.log");
    eventually("the spool is written", || segment.is_file());
    assert_eq!((mode(bench.path("full/spool")), mode(segment)), (0o700, 0o600));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_index_does_not_read_itself_wherever_its_directory_lies() {
    for (watched, data, not_read) in [
        ("logs", "logs/idx", "logs/idx"),
        ("logs", "logs", "logs/VERSION, logs/lines, logs/lock and 1 more"),
        ("logs/**/*", "logs/idx", "logs/idx"),
        ("logs/idx/spool", "logs/idx", ""),
    ] {
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

/// A line of a request of its own.
fn numbered(n: usize) -> String {
    format!("{{\"time\":\"2026-11-18T13:20:00.000Z\",\"level\":\"info\",\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5XH{n:04}\",\"msg\":\"line {n}\"}}\n")
}

#[test]
fn a_hole_of_nuls_hides_no_line() {
    for (before, hole) in [(2, 4_096), (0, 4_096), (0, 20_000), (3, 20_000)] {
        let bench = Bench::new();
        let mut content: Vec<u8> = (0..before).flat_map(|n| numbered(n).into_bytes()).collect();
        content.resize(content.len() + hole, 0);
        content.extend((before..before + 6).flat_map(|n| numbered(n).into_bytes()));
        let all = stored(&bench, &content);
        assert_eq!(all.len(), before + 6, "{before} {hole}");
        assert_eq!(all[before]["raw"].as_str().unwrap().trim_start_matches('\0'), numbered(before).trim_end());
        assert_eq!(all[before]["raw"].as_str().unwrap().len(), hole + numbered(before).len() - 1, "raw text stays exact");
        let id = format!("req_01JDC9V6Q8Z4M2K7T3W5XH{before:04}");
        let doc: Value = serde_json::from_str(&bench.ok(&["show", &id, "--data", "d", "--json"])).unwrap();
        assert_eq!(doc["request_id"].as_str(), Some(id.as_str()));
        assert_eq!(stats(&bench)["counters"]["unparsed"], 0);
        bytes_add_up(&bench);
    }
}

#[test]
fn a_file_that_was_only_a_hole_is_read_once_text_follows() {
    let bench = Bench::new();
    bench.write("logs/other.log", GOOD);
    let path = bench.write("logs/app.log", [0; 20_000]);
    let served = bench.serve(&["logs", "--data", "d"]);
    assert!(served.get("/sources").1.contains("binary, not text"));
    std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(numbered(1).as_bytes()).unwrap();
    eventually("the line behind the hole has a page", || served.get("/r/req_01JDC9V6Q8Z4M2K7T3W5XH0001").0 == 200);
    assert_eq!(served.stop(), Some(0));
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
    assert_eq!(doc["lines"], serde_json::json!(["logs/app.log:1", "logs/app.log:2", "logs/app.log:3"]));
    assert_eq!(doc["verdict"]["sentence"], "No line states how long anything took; the lines below carry its ids.");
    let shown = bench.ok(&["show", "req_01JDC9V6Q8Z4M2K7T3W5XH0B1N", "--data", "d", "--log"]);
    let log: Vec<String> = shown.lines().skip_while(|l| *l != "Lines").skip(1).map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(log, ["· app a logs/app.log:1", "· app b logs/app.log:2", "· app c logs/app.log:3"], "a time that cannot be held is none, not a wrong one");
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
    let (code, said) = bench.said(&["index", "logs", "--data", "d"]);
    assert!(said.lines().any(|l| l.starts_with("  logs/app.log.gz") && l.contains("the compressed data stops in the middle, after ")), "{said}");
    assert_eq!(code, Some(0), "a file of a folder does not fail the others");
    let (code, said) = bench.said(&["index", "logs/app.log.gz", "--data", "named"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.lines().last().unwrap().starts_with("throughline: logs/app.log.gz: the compressed data stops in the middle"), "{said}");
    let all = lines(&bench);
    assert!(all.len() > 100, "only {} lines", all.len());
    assert!(all.iter().all(|l| l["raw"].as_str().unwrap().ends_with("\"}")), "no half line is taken for a whole one");
}

#[test]
fn standard_input_is_read_to_its_end() {
    let bench = Bench::new();
    let mut child = bench.command(&["index", "-", "--data", "d"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(GOOD.trim_end().as_bytes()).unwrap();
    assert!(end_of(&mut child).unwrap().success());
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
    assert_eq!(status, 403);
    let cross = format!("GET / HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: cross-site\r\nConnection: close\r\n\r\n", served.address);
    assert_eq!(served.request(&cross).0, 403);
    let (status, head, body) = served.request(&format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", served.address));
    assert_eq!(status, 200);
    let head = head.to_lowercase();
    for needed in ["content-security-policy: default-src 'none'", "x-content-type-options: nosniff", "referrer-policy: no-referrer"] {
        assert!(head.contains(needed), "{needed} in {head}");
    }
    assert!(!body.contains("<script>alert"), "{body}");
    for (path, expected) in [
        ("/r/%3Cscript%3Ealert(1)%3C/script%3E", 404),
        ("/r/..%2f..%2fetc%2fpasswd", 404),
        ("/?q=%3Cscript%3E", 200),
        ("/?q=..%2f..%2fetc%2fpasswd", 200),
        ("/go?id=%22%3E%3Csvg%20onload%3D1%3E", 303),
    ] {
        let (status, body) = served.get(path);
        assert_eq!(status, expected, "{path}");
        assert!(!body.contains("<script>alert") && !body.contains("<svg onload"), "{path}: {body}");
    }
    assert_eq!(served.get("/r/req_01JDC9V6Q8Z4M2K7T3W5XH0XXX").0, 404);
    assert_eq!(served.get(&format!("/r/{}", "x".repeat(10_000))).0, 404);
    for long in ["%28".repeat(4_096), "(a)%20".repeat(1_000)] {
        let (status, body) = served.get(&format!("/?q={long}"));
        assert_eq!(status, 200);
        assert!(body.len() < 300_000, "a long query is not repeated in links without end: {} bytes", body.len());
        assert!(body.contains("a query this long is changed in the box"), "{body}");
    }
    assert_eq!(served.get("/healthz").0, 200);
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn hostile_questions_in_the_terminal_have_one_clear_answer() {
    let bench = Bench::new();
    stored(&bench, GOOD.as_bytes());
    let long = "x".repeat(10_000);
    for id in [long.as_str(), "../../etc/passwd", "<script>"] {
        let said = bench.fails(1, &["show", id, "--data", "d"]);
        assert!(said.contains("no line carries the id") && said.len() < 1_000, "{} bytes: {}", said.len(), &said[..said.len().min(1_000)]);
    }
    for (query, answer) in [("(".repeat(4_096).as_str(), "1 of 1 requests"), ("../../etc/passwd", "0 of 0 requests"), ("\"unclosed", "0 of 0 requests")] {
        let out = bench.run(&["search", query, "--data", "d"]);
        let (found, said) = (String::from_utf8_lossy(&out.stdout).into_owned(), String::from_utf8_lossy(&out.stderr).into_owned());
        assert_eq!(out.status.code(), Some(0), "{said}");
        assert!(found.contains(answer) && said.len() < 1_000, "{found} {said}");
        assert_eq!(said.contains("brackets have no meaning here"), query.starts_with('('), "{said}");
    }
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
