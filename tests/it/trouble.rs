//! The disk, a file or a thread fails while logs are read: nothing is lost, the reason is shown, it goes on by itself, and it ends when asked.

use crate::support::{BIN, Bench, Served, end_of, eventually};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};
use throughline::{
    app::pipeline::Pipeline,
    recognise::Tables,
    source::Watch,
    store::{
        RowStore, Store,
        directory::{Faults, Op},
    },
};

fn lines(from: u64, to: u64) -> String {
    let line = |n: u64| {
        format!("{{\"time\":\"2026-11-18T13:{:02}:{:02}.000Z\",\"level\":\"info\",\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W{n:07}\",\"msg\":\"line {n}\"}}\n", n / 60 % 60, n % 60)
    };
    (from..to).map(line).collect()
}

fn append(bench: &Bench, text: &str) {
    fs::create_dir_all(bench.path("logs")).unwrap();
    OpenOptions::new().create(true).append(true).open(bench.path("logs/a.log")).unwrap().write_all(text.as_bytes()).unwrap();
}

/// How often each number is stored. Empty while there is no index to ask.
fn stored(bench: &Bench) -> BTreeMap<u64, u32> {
    let out = bench.run(&["export", "--format", "lines-ndjson", "--data", "data"]);
    let mut seen = BTreeMap::new();
    for line in String::from_utf8(out.stdout).unwrap().lines() {
        let stored: Value = serde_json::from_str(line).unwrap();
        let raw: Value = serde_json::from_str(stored["raw"].as_str().unwrap()).expect("a whole line");
        *seen.entry(raw["msg"].as_str().unwrap()["line ".len()..].parse().unwrap()).or_default() += 1;
    }
    seen
}

fn each_once(to: u64) -> BTreeMap<u64, u32> {
    (0..to).map(|n| (n, 1)).collect()
}

fn health(served: &Served) -> Value {
    serde_json::from_str(&served.get("/healthz").1).unwrap()
}

fn serve(bench: &Bench) -> Command {
    bench.command(&["serve", "logs", "--data", "data", "--listen", "127.0.0.1:0"])
}

/// Takes a folder of the data directory away, as a disk that fails would; gives it back when told.
struct Away<'a>(&'a Bench, &'static str);

impl<'a> Away<'a> {
    fn take(bench: &'a Bench, name: &'static str) -> Self {
        fs::rename(bench.path(name), bench.path("away")).unwrap();
        Self(bench, name)
    }

    fn give_back(self) {
        fs::rename(self.0.path("away"), self.0.path(self.1)).unwrap();
    }
}

#[test]
fn a_log_that_ends_in_a_half_line_is_ready_and_ends_when_asked() {
    let bench = Bench::new();
    append(&bench, &format!("{}{{\"msg\":\"half", lines(0, 20)));
    for signal in ["TERM", "INT"] {
        let served = bench.serve(&["logs", "--data", "data"]);
        assert_eq!(health(&served)["backlog_bytes"], 0, "a half line is no work that is left");
        assert_eq!(served.end_by(signal), Some(0));
    }
    assert_eq!(stored(&bench), each_once(20));
}

#[test]
fn a_stop_while_much_is_unread_keeps_what_was_read_and_the_next_start_goes_on() {
    let bench = Bench::new();
    // Enough to be busy for a while, in either build.
    let (total, pad) = if cfg!(debug_assertions) { (20_000, 2_000) } else { (600_000, 0) };
    let pad = "x".repeat(pad);
    append(&bench, &lines(0, total).replace("\"msg\"", &format!("\"pad\":\"{pad}\",\"msg\"")));
    let mut served = Served::spawn(serve(&bench));
    served.until("the pages' address", |line| line.contains("http://"));
    assert_eq!(served.end_by("TERM"), Some(0));
    let first = stored(&bench).len();
    assert!((1..total as usize).contains(&first), "{first} lines were read before the end");
    bench.ok(&["index", "logs", "--data", "data"]);
    assert_eq!(stored(&bench), each_once(total));
}

/// Ten lines are stored and ten more wait: the index cannot be written, and that was said.
fn paused(bench: &Bench) -> (Served, Away<'_>) {
    append(bench, &lines(0, 10));
    let mut served = bench.serve(&["logs", "--data", "data"]);
    let away = Away::take(bench, "data/lines");
    append(bench, &lines(10, 20));
    served.until("the reason", |line| line.contains("the index could not be written"));
    (served, away)
}

#[test]
fn lines_written_while_the_index_cannot_be_written_come_by_themselves_once_it_can() {
    let bench = Bench::new();
    let (served, away) = paused(&bench);
    eventually("the pause is named", || health(&served)["paused"].is_string());
    away.give_back();
    // Nothing is written any more: no event brings the lines.
    eventually("every line is stored once", || stored(&bench) == each_once(20));
    eventually("the pause is over", || health(&served)["paused"].is_null());
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn it_ends_when_asked_while_the_index_cannot_be_written() {
    let bench = Bench::new();
    let (served, away) = paused(&bench);
    assert!(served.stop().is_some());
    away.give_back();
    bench.ok(&["index", "logs", "--data", "data"]);
    assert_eq!(stored(&bench), each_once(20));
}

#[test]
fn standard_input_loses_nothing_while_the_index_cannot_be_written() {
    let bench = Bench::new();
    let mut command = bench.command(&["serve", "-", "--data", "data", "--listen", "127.0.0.1:0"]);
    command.stdin(Stdio::piped());
    let mut served = Served::spawn(command);
    let mut input = served.child.stdin.take().unwrap();
    let mut give = |from, to| input.write_all(lines(from, to).as_bytes()).unwrap();
    give(0, 50);
    eventually("the first lines are stored", || stored(&bench) == each_once(50));
    for round in 1..3 {
        let away = Away::take(&bench, "data/lines");
        give(round * 100 - 50, round * 100);
        served.until("the reason", |line| line.contains("the index could not be written"));
        away.give_back();
        for n in (round * 100..round * 100 + 50).step_by(10) {
            give(n, n + 10);
            thread::sleep(Duration::from_millis(20));
        }
        eventually("every line is stored once", || stored(&bench) == each_once(round * 100 + 50));
    }
    drop(input);
    eventually("the spool is empty", || fs::read_dir(bench.path("data/spool")).unwrap().count() == 0);
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn lines_are_read_on_while_the_rows_cannot_be_written_and_the_rows_come_later() {
    let bench = Bench::new();
    append(&bench, &lines(0, 10));
    let mut served = bench.serve(&["logs", "--data", "data"]);
    assert_eq!(health(&served)["requests"], 10);
    let away = Away::take(&bench, "data/rows");
    append(&bench, &lines(10, 20));
    served.until("the reason", |line| line.contains("the list of requests could not be written"));
    append(&bench, &lines(20, 30));
    eventually("every line is stored once", || stored(&bench) == each_once(30));
    assert!(health(&served)["list_behind"].is_string(), "{}", health(&served));
    let page = served.get("/sources").1;
    assert!(page.contains("the list is behind"), "{page}");
    away.give_back();
    eventually("every request has its row", || health(&served)["requests"] == 30 && health(&served)["list_behind"].is_null());
    assert_eq!(served.stop(), Some(0));
}

/// The pipeline without its process.
fn pipeline(bench: &Bench, faults: Faults, follow: bool, before: impl FnOnce()) -> Pipeline {
    let store = Arc::new(Store::open_writer_with(&bench.path("data"), faults).unwrap());
    let rows = Arc::new(RowStore::open(&bench.path("data")).unwrap().0);
    before();
    let watch = Watch { paths: vec![bench.path("logs").display().to_string()], follow, spool_dir: bench.path("data/spool"), poll_only: false };
    Pipeline::start(store, rows, Tables::builtin(), watch).unwrap()
}

/// How it ended. Panics when it does not.
fn end(pipeline: Pipeline) -> Result<(), String> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(pipeline.finish().map(drop).map_err(|e| e.to_string())));
    told.recv_timeout(Duration::from_secs(30)).expect("an end")
}

#[test]
fn rows_that_cannot_be_written_end_a_single_reading_with_the_reason() {
    let bench = Bench::new();
    append(&bench, &lines(0, 10));
    let take_away = || _ = Away::take(&bench, "data/rows");
    let said = end(pipeline(&bench, Faults::default(), false, take_away)).unwrap_err();
    assert!(said.starts_with("the list of requests could not be written: ") && said.contains("data/rows"), "{said}");
}

#[test]
fn a_closed_standard_error_does_not_end_reading() {
    let bench = Bench::new();
    append(&bench, &lines(0, 10));
    let mut child = serve(&bench).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut served = Served { child, address: String::new(), said: String::new(), told: mpsc::channel().1 };
    let url = stderr.find_map(|line| line.unwrap().strip_prefix("http://").map(str::to_owned)).unwrap();
    url.trim_end_matches('/').clone_into(&mut served.address);
    drop(stderr);
    let away = Away::take(&bench, "data/lines");
    append(&bench, &lines(10, 20));
    eventually("the pause is named", || health(&served)["paused"].is_string());
    away.give_back();
    eventually("every line is stored once", || stored(&bench) == each_once(20));
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn a_first_start_says_how_many_lines_it_read() {
    for _ in 0..4 {
        let bench = Bench::new();
        append(&bench, &lines(0, 3));
        let served = bench.serve(&["logs", "--data", "data"]);
        let line = served.said.lines().find(|line| line.contains("a.log")).unwrap().to_owned();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[..3], ["logs/a.log", "3", "lines"], "{line}");
    }
}

/// As a user who is not root, for root reads everything: how it ended, and what it said.
#[cfg(unix)]
fn index_unprivileged(bench: &Bench) -> (Option<i32>, String) {
    use std::{
        io::Read,
        os::unix::{fs::MetadataExt, process::CommandExt},
    };
    let program = bench.path("throughline");
    if !program.try_exists().unwrap() {
        fs::copy(BIN, &program).unwrap();
    }
    let mut command = Command::new(program);
    command.args(["index", "logs", "--data", "data"]).current_dir(bench.dir.path()).env("XDG_STATE_HOME", bench.path("state")).stdin(Stdio::null());
    if fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0) {
        command.uid(65_534).gid(65_534);
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let status = end_of(&mut child);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (status.and_then(|s| s.code()), said)
}

#[cfg(unix)]
#[test]
fn a_known_file_that_became_unreadable_is_named_and_does_not_hold_a_single_reading() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    append(&bench, &lines(0, 10));
    bench.write("logs/b.log", lines(10, 20));
    for dir in ["", "logs"] {
        fs::set_permissions(bench.path(dir), fs::Permissions::from_mode(0o777)).unwrap();
    }
    let (code, said) = index_unprivileged(&bench);
    assert_eq!(code, Some(0), "{said}");
    append(&bench, &lines(20, 30));
    fs::set_permissions(bench.path("logs/a.log"), fs::Permissions::from_mode(0o000)).unwrap();
    OpenOptions::new().append(true).open(bench.path("logs/b.log")).unwrap().write_all(lines(30, 40).as_bytes()).unwrap();
    let (code, said) = index_unprivileged(&bench);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.lines().last().unwrap().contains("logs/a.log: cannot be read: Permission denied"), "{said}");
    fs::set_permissions(bench.path("logs/a.log"), fs::Permissions::from_mode(0o644)).unwrap();
    bench.ok(&["index", "logs", "--data", "data"]);
    assert_eq!(stored(&bench), each_once(40));
}

#[test]
fn a_thread_that_panics_ends_reading_with_an_error() {
    for thread_name in ["recognise-0", "write"] {
        let bench = Bench::new();
        append(&bench, &lines(0, 10));
        let armed = Arc::new(AtomicBool::new(false));
        let hook = {
            let armed = armed.clone();
            move |_: u64, op: Op, _: &std::path::Path| {
                let here = thread::current().name() == Some(thread_name) && matches!(op, Op::Create | Op::Replace);
                assert!(!(here && armed.load(Ordering::SeqCst)), "a fault made by the test");
                Ok(())
            }
        };
        let pipeline = pipeline(&bench, Faults::new(hook), true, || ());
        eventually("it has caught up", || pipeline.is_caught_up());
        armed.store(true, Ordering::SeqCst);
        append(&bench, &lines(10, 20));
        assert_eq!(end(pipeline), Err("a thread that stores lines panicked".to_owned()), "{thread_name}");
    }
}
