//! The binary as its user meets it: output, errors, exit codes.

use crate::support::{Bench, end_of};

const LINE: &str = "{\"time\":\"2026-11-18T13:20:00.000Z\",\"level\":\"info\",\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\",\"msg\":\"POST /summarise started\"}\n\
{\"time\":\"2026-11-18T13:20:00.250Z\",\"level\":\"info\",\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\",\"msg\":\"POST /summarise finished\",\"status\":200,\"duration_ms\":250}\n";

fn indexed() -> Bench {
    let bench = Bench::new();
    bench.write("logs/app.log", LINE);
    bench.ok(&["index", "logs"]);
    bench
}

#[test]
fn without_a_path_it_says_so_in_one_line() {
    let said = Bench::new().fails(2, &[]);
    assert!(said.contains("PATH"), "{said}");
}

#[test]
fn a_path_that_does_not_exist_is_named() {
    assert_eq!(Bench::new().fails(2, &["index", "nowhere.log"]), "throughline: nowhere.log: no such file or directory");
}

#[test]
fn another_listen_address_than_loopback_is_refused() {
    let bench = Bench::new();
    bench.write("logs/app.log", LINE);
    let said = bench.fails(2, &["serve", "logs", "--listen", "0.0.0.0:7171"]);
    assert!(said.contains("put a proxy in front"), "{said}");
}

#[test]
fn a_port_in_use_is_named_and_another_suggested() {
    let bench = Bench::new();
    bench.write("logs/app.log", LINE);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = bench.fails(1, &["serve", "logs", "--listen", &format!("127.0.0.1:{port}")]);
    assert!(said.contains(&format!("port {port} is in use")) && said.contains(&format!("127.0.0.1:{}", port.wrapping_add(1))), "{said}");
}

#[test]
fn a_directory_without_logs_is_told() {
    let bench = Bench::new();
    bench.write("logs/picture.png", [0x89, b'P', b'N', b'G', 0, 0, 0, 1]);
    let out = bench.run(&["index", "logs"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("picture.png"), "{said}");
}

#[test]
fn show_needs_no_flag_after_index_and_draws_the_path() {
    let bench = indexed();
    let shown = bench.ok(&["show", "req_01JDC9V6Q8Z4M2K7T3W5XH0B1N"]);
    assert!(shown.contains("250 ms to response"), "{shown}");
    assert!(shown.contains("POST /summarise"), "{shown}");
}

#[test]
fn an_unknown_id_is_a_failure_with_a_way_out() {
    let said = indexed().run(&["show", "req_01JDC9V6Q8Z4M2K7T3W5XH0XXX"]);
    assert_eq!(said.status.code(), Some(1));
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(text.contains("no line carries the id"), "{text}");
    assert!(text.contains("the index covers 2026-11-18"), "{text}");
}

#[test]
fn questions_before_anything_was_indexed_are_usage_errors() {
    let said = Bench::new().fails(2, &["show", "req_1"]);
    assert!(said.contains("throughline PATH"), "{said}");
}

#[test]
fn a_data_directory_in_use_is_refused_for_writing_and_still_answers() {
    let bench = indexed();
    let served = bench.serve(&["logs", "--data", "shared"]);
    let said = bench.fails(1, &["index", "logs", "--data", "shared"]);
    assert!(said.contains("in use"), "{said}");
    let shown = bench.ok(&["show", "req_01JDC9V6Q8Z4M2K7T3W5XH0B1N", "--data", "shared", "--json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap()["response_ns"], 250_000_000);
    assert_eq!(bench.ok(&["export", "--format", "lines-ndjson", "--data", "shared"]).lines().count(), 2);
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn the_data_directory_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.write("logs/app.log", LINE);
    bench.ok(&["index", "logs", "--data", "mine"]);
    assert_eq!(std::fs::metadata(bench.path("mine")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_damaged_or_foreign_data_directory_is_refused_with_words() {
    let bench = Bench::new();
    bench.write("logs/app.log", LINE);
    bench.ok(&["index", "logs", "--data", "d"]);
    bench.write("d/VERSION", "99\n");
    assert!(bench.fails(1, &["index", "logs", "--data", "d"]).contains("another version"));
    bench.write("d/VERSION", "1\n");
    bench.write("d/lines/meta.json", "{");
    let said = bench.fails(1, &["index", "logs", "--data", "d"]);
    assert!(said.contains("d/lines"), "{said}");
}

#[test]
fn a_line_exported_is_the_line_written_byte_for_byte() {
    let bench = indexed();
    let out = bench.ok(&["export", "--format", "lines-ndjson"]);
    let first: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!(first["raw"].as_str(), LINE.lines().next());
    assert_eq!((first["line"].as_u64(), first["start"].as_u64(), first["end"].as_u64()), (Some(1), Some(0), Some(LINE.lines().next().unwrap().len() as u64 + 1)));
}

#[test]
fn a_closed_pipe_is_success() {
    use std::{io::Read, process::Stdio};
    let bench = indexed();
    let mut child = bench.command(&["export", "--format", "path-ndjson"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(end_of(&mut child).and_then(|s| s.code()), Some(0), "{said}");
}

#[test]
fn search_lists_requests_and_lines() {
    let bench = indexed();
    assert!(bench.ok(&["search", "route:\"POST /summarise\""]).contains("1 of 1 requests"));
    assert!(bench.ok(&["search", "status:failed"]).contains("0 of 0 requests"));
    let lines = bench.ok(&["search", "--lines", "--json", "finished"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(lines.trim()).unwrap()["line"], "logs/app.log:2");
}
