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
    assert_eq!(bench.fails(1, &["index", "logs"]), "throughline: no logs in logs (logs/picture.png: an image)");
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
    bench.write("d/lines/meta.json", format!("{{\"segments\":[{}", "0,".repeat(3_000)));
    for args in [["index", "logs", "--data", "d"].as_slice(), &["stats", "--data", "d"]] {
        let said = bench.fails(1, args);
        assert!(said.starts_with("throughline: d/lines is damaged: ") && said.ends_with("move the data directory aside so that the logs are read again"), "{said}");
        assert!(said.len() < 400, "a cause, not the file: {said}");
    }
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

#[test]
fn a_switch_of_the_environment_takes_the_usual_words_and_empty_is_not_set() {
    let bench = Bench::new();
    bench.write("logs/app.log", LINE);
    let run = |name: &str, value: &str, args: &[&str]| {
        let out = bench.command(args).env(name, value).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stderr).trim_end().to_owned())
    };
    // The port is in use, so serving ends by itself once the command line was taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("127.0.0.1:{}", taken.local_addr().unwrap().port());
    for word in ["1", "true", "YES", "on", "0", "false", "no", "off", ""] {
        let (code, said) = run("THROUGHLINE_POLL", word, &["logs", "--listen", &listen]);
        assert!(code == Some(1) && said.contains("is in use"), "{word:?}: {said}");
    }
    let (code, said) = run("THROUGHLINE_POLL", "perhaps", &["logs"]);
    assert!(code == Some(2) && said.contains("1, true, yes, on or 0, false, no, off"), "{said}");
    for name in ["THROUGHLINE_LISTEN", "THROUGHLINE_DATA", "THROUGHLINE_FORMATS", "THROUGHLINE_ALLOW_HOST", "THROUGHLINE_LOG"] {
        let (code, said) = run(name, "", &["index", "logs"]);
        assert_eq!(code, Some(0), "{name}: {said}");
    }
    assert_eq!(run("THROUGHLINE_LISTEN", "nonsense", &["index", "logs"]).0, Some(0), "what indexing does not use does not hinder it");
}

#[test]
fn localhost_is_an_address_and_what_is_none_gets_an_example() {
    let bench = Bench::new();
    bench.write("logs/app.log", LINE);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    assert!(bench.fails(1, &["logs", "--listen", &format!("localhost:{port}")]).contains(&format!("port {port} is in use")));
    for wrong in ["localhost", "7201", "localhost:x"] {
        assert_eq!(bench.fails(2, &["logs", "--listen", wrong]), format!("throughline: --listen {wrong}: not an address with a port; for example --listen 127.0.0.1:7171"));
    }
}

#[test]
fn a_directory_without_an_index_is_a_usage_error_with_the_way_out() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("none")).unwrap();
    bench.write("file", "x");
    for command in ["stats", "roles", "serve"] {
        let said = bench.fails(2, &[command, "--data", "none"]);
        assert!(said.starts_with("throughline: none holds no index yet; run `throughline` on some logs first"), "{said}");
    }
    assert_eq!(bench.fails(2, &["stats", "--data", "gone"]), "throughline: gone: there is no data directory here; read some logs first: throughline index PATH --data gone");
    bench.write("logs/app.log", LINE);
    assert_eq!(bench.fails(1, &["index", "logs", "--data", "file"]), "throughline: creating file: file exists");
}

#[test]
fn a_convention_that_cannot_be_read_is_told_in_one_line() {
    let bench = Bench::new();
    bench.write("logs/app.log", LINE);
    bench.write("mine/shop.toml", "name = \"shop\"\nabout = \"x\"\n[when\nhas = [\"a\"]\n");
    let said = bench.fails(2, &["index", "logs", "--formats", "mine"]);
    assert!(said.starts_with("throughline: mine/shop.toml: line 3: "), "{said}");
    assert_eq!(bench.fails(2, &["index", "logs", "--formats", "nowhere"]), "throughline: --formats nowhere: no such file or directory");
}

#[test]
fn what_was_read_has_pages_after_the_logs_are_gone() {
    let bench = Bench::new();
    bench.write("logs/app.log", LINE);
    bench.ok(&["index", "logs", "--data", "kept"]);
    std::fs::remove_dir_all(bench.path("logs")).unwrap();
    let said = bench.fails(2, &["logs", "--data", "kept"]);
    assert_eq!(said, "throughline: logs: no such file or directory; what was read from it is kept: throughline serve --data kept");
    for args in [["--data", "kept"].as_slice(), &[]] {
        let served = bench.serve(args);
        assert_eq!(served.get("/r/req_01JDC9V6Q8Z4M2K7T3W5XH0B1N").0, 200);
        assert!(served.get("/").1.contains("req_01JDC9V6Q8Z4M2K7T3W5XH0B1N"));
        assert!(served.get("/sources").1.contains("logs/app.log"));
        assert_eq!(served.stop(), Some(0));
    }
    bench.write("logs/app.log", LINE);
    bench.ok(&["index", "logs", "--data", "kept"]);
    assert!(bench.ok(&["stats", "--data", "kept"]).contains("requests         1\n"), "serving what is kept forgets no position");
}
