//! Following files: every written line is read exactly once and whole, whatever happens to the files.

mod model;
mod rotation;
mod stdin;

use std::{
    fs,
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};
use throughline::{
    model::checkpoint::{Checkpoint, FileCheckpoint, FileState},
    source::{Sources, Timing, Watch},
};

struct Bench {
    dir: tempfile::TempDir,
    paths: Vec<String>,
    follow: bool,
    timing: Timing,
    saved: Checkpoint,
    sources: Option<Sources>,
    lines: Vec<String>,
    stdin: Option<Box<dyn std::io::Read + Send>>,
}

impl Bench {
    fn new(paths: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("logs")).unwrap();
        let paths = paths.iter().map(|path| if *path == "-" { "-".into() } else { dir.path().join(path).to_string_lossy().into_owned() }).collect();
        let ms = Duration::from_millis;
        let timing = Timing { held: ms(30), settle: ms(60), retire: ms(400), listing: ms(15), look: ms(5) };
        Self { dir, paths, follow: true, timing, saved: Checkpoint::default(), sources: None, lines: Vec::new(), stdin: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("logs").join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap().write_all(bytes.as_ref()).unwrap();
    }

    fn open(&mut self) -> &mut Sources {
        let watch = Watch { paths: self.paths.clone(), follow: self.follow, spool_dir: self.dir.path().join("spool"), poll_only: false };
        let sources = Sources::open_with(watch, &self.saved, self.timing, self.stdin.take()).unwrap();
        self.sources.insert(sources)
    }

    /// Reads until nothing came for a while.
    fn drain(&mut self) {
        self.drain_for(Duration::from_millis(120));
    }

    fn drain_for(&mut self, quiet: Duration) {
        if self.sources.is_none() {
            self.open();
        }
        let sources = self.sources.as_mut().unwrap();
        let mut last = Instant::now();
        while last.elapsed() < quiet && (self.follow || !sources.finished()) {
            match sources.next(1 << 20).unwrap() {
                Some(chunk) => {
                    for record in &chunk.records {
                        self.lines.push(String::from_utf8_lossy(&chunk.bytes[record.at.clone()]).into_owned());
                    }
                    last = Instant::now();
                }
                None => sources.wait(Duration::from_millis(20)),
            }
        }
    }

    fn save(&mut self) -> &[FileCheckpoint] {
        self.saved.files = self.sources.as_ref().unwrap().checkpoint();
        let text = serde_json::to_string(&self.saved).unwrap();
        self.saved = serde_json::from_str(&text).unwrap();
        &self.saved.files
    }

    fn restart(&mut self) {
        self.save();
        self.sources = None;
    }

    fn take(&mut self) -> Vec<String> {
        self.drain();
        let mut lines = std::mem::take(&mut self.lines);
        lines.sort();
        lines
    }
}

fn numbered(from: usize, to: usize) -> Vec<String> {
    let mut lines: Vec<_> = (from..to).map(|n| format!("{{\"n\":{n:06}}}")).collect();
    lines.sort();
    lines
}

fn text(from: usize, to: usize) -> String {
    numbered(from, to).iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn appended_lines_are_read_once_and_a_restart_goes_on_behind_them() {
    let mut bench = Bench::new(&["logs"]);
    bench.write("api.log", text(0, 100));
    assert_eq!(bench.take(), numbered(0, 100));
    bench.write("api.log", text(100, 150));
    assert_eq!(bench.take(), numbered(100, 150));
    bench.restart();
    bench.write("api.log", text(150, 160));
    assert_eq!(bench.take(), numbered(150, 160));
}

#[test]
fn a_half_line_waits_for_its_newline_also_across_a_restart() {
    let mut bench = Bench::new(&["logs/*.log"]);
    bench.write("api.log", "{\"n\":1}\n{\"n\":");
    assert_eq!(bench.take(), ["{\"n\":1}"]);
    let (status, _) = bench.sources.as_ref().unwrap().status();
    assert_eq!((status[0].pending_bytes, status[0].lag_bytes), (5, 5));
    bench.restart();
    assert_eq!(bench.take(), [""; 0]);
    bench.write("api.log", "2}\n");
    assert_eq!(bench.take(), ["{\"n\":2}"]);
}

#[test]
fn read_once_hands_out_the_last_line_without_newline_and_finishes() {
    let mut bench = Bench::new(&["logs/api.log"]);
    bench.follow = false;
    bench.write("api.log", "{\"n\":1}\ntext\n  more\n{\"n\":2}");
    assert_eq!(bench.take(), ["text\n  more", "{\"n\":1}", "{\"n\":2}"]);
    assert!(bench.sources.as_ref().unwrap().finished());
    assert_eq!(bench.sources.as_ref().unwrap().unread_bytes(), 0);
}

/// As gzip does it: written beside, then the original is removed.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

impl Bench {
    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    fn copytruncate(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).unwrap();
        self.truncate(from);
    }

    fn truncate(&self, name: &str) {
        fs::OpenOptions::new().write(true).open(self.path(name)).unwrap().set_len(0).unwrap();
    }

    fn gzip_away(&self, name: &str) {
        let bytes = fs::read(self.path(name)).unwrap();
        fs::write(self.path(&format!("{name}.gz")), gzip(&bytes)).unwrap();
        self.remove(name);
    }

    fn writer(&self, name: &str) -> fs::File {
        fs::OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap()
    }

    fn troubles(&self) -> Vec<String> {
        self.sources.as_ref().unwrap().status().0.into_iter().filter_map(|s| s.trouble).collect()
    }

    fn skipped(&self) -> Vec<(String, String)> {
        self.sources.as_ref().unwrap().status().1.into_iter().map(|s| (s.path, s.reason)).collect()
    }
}

#[test]
fn deleted_and_recreated_files_are_read_from_their_beginning() {
    let mut bench = Bench::new(&["logs"]);
    for round in 0..6 {
        bench.write("api.log", text(round * 10, round * 10 + 10));
        bench.drain();
        if round == 3 {
            bench.restart();
        }
        bench.remove("api.log");
    }
    assert_eq!(bench.take(), numbered(0, 60));
}

#[test]
fn a_deleted_file_gives_its_half_line_and_a_living_one_does_not() {
    let mut bench = Bench::new(&["logs"]);
    bench.write("api.log", "{\"n\":1}\n{\"n\":2}");
    assert_eq!(bench.take(), ["{\"n\":1}"]);
    bench.remove("api.log");
    assert_eq!(bench.take(), ["{\"n\":2}"]);
}

#[test]
fn files_that_begin_with_the_same_banner_stay_apart() {
    let banner: String = (0..60).map(|n| format!("{{\"banner\":{n:040}}}\n")).collect();
    assert!(banner.len() > 3 * 1024);
    let mut bench = Bench::new(&["logs"]);
    for (n, name) in ["a.log", "b.log", "c.log"].iter().enumerate() {
        bench.write(name, &banner);
        bench.write(name, text(n * 10, n * 10 + 5));
    }
    bench.drain();
    bench.rename("a.log", "a.log.1");
    bench.write("a.log", &banner);
    bench.drain();
    bench.write("a.log", text(50, 55));
    bench.copytruncate("b.log", "b.log.1");
    bench.write("b.log", &banner);
    bench.restart();
    bench.remove("c.log");
    bench.write("c.log", format!("{banner}{}", text(60, 65)));
    bench.drain();
    let lines = std::mem::take(&mut bench.lines);
    assert_eq!(lines.iter().filter(|line| line.contains("banner")).count(), 6 * 60);
    let mut rest: Vec<_> = lines.into_iter().filter(|line| !line.contains("banner")).collect();
    rest.sort();
    let expected: Vec<_> = [0, 10, 20, 50, 60].into_iter().flat_map(|from| numbered(from, from + 5)).collect();
    assert_eq!(rest, expected);
}

#[test]
fn one_file_under_many_names_is_read_once() {
    let mut bench = Bench::new(&["logs", "logs/*.log", "logs/api.log", "again"]);
    bench.write("api.log", text(0, 10));
    std::os::unix::fs::symlink(bench.path("api.log"), bench.path("current.log")).unwrap();
    fs::hard_link(bench.path("api.log"), bench.path("hard.log")).unwrap();
    std::os::unix::fs::symlink(bench.path(""), bench.dir.path().join("again")).unwrap();
    bench.drain();
    bench.write("hard.log", text(10, 20));
    assert_eq!(bench.take(), numbered(0, 20));
    assert_eq!(bench.sources.as_ref().unwrap().status().0.len(), 1);
}

#[test]
fn a_damaged_gzip_gives_the_records_before_the_damage_and_names_the_place() {
    let mut bench = Bench::new(&["logs"]);
    bench.follow = false;
    let packed = gzip(text(0, 20_000).as_bytes());
    fs::write(bench.path("cut.log.gz"), &packed[..packed.len() / 2]).unwrap();
    let mut lines = bench.take();
    let read = lines.len();
    assert!(read > 5000 && read < 15_000, "{read}");
    assert_eq!(lines, numbered(0, read));
    let trouble = bench.troubles().remove(0);
    assert!(trouble.starts_with("the compressed data stops in the middle, after "), "{trouble}");

    let mut bench = Bench::new(&["logs"]);
    bench.follow = false;
    let mut packed = gzip(text(0, 100).as_bytes());
    let at = packed.len() - 6;
    packed[at] ^= 0xff;
    fs::write(bench.path("crc.log.gz"), &packed).unwrap();
    lines = bench.take();
    assert_eq!(lines, numbered(0, 100));
    assert!(bench.troubles()[0].starts_with("the compressed data is damaged after "), "{:?}", bench.troubles());
}

#[test]
fn members_are_concatenated_and_junk_behind_them_is_ignored() {
    let mut bench = Bench::new(&["logs"]);
    let mut packed = gzip(text(0, 10).as_bytes());
    packed.extend(gzip(b"{\"half\":"));
    packed.extend(gzip(format!("1}}\n{}", text(10, 20)).as_bytes()));
    packed.extend(b"not gzip at all");
    fs::write(bench.path("a.log.gz"), packed).unwrap();
    let mut frames = zstd::encode_all(text(20, 30).as_bytes(), 3).unwrap();
    frames.extend(zstd::encode_all(text(30, 40).as_bytes(), 3).unwrap());
    frames.extend(b"junk");
    fs::write(bench.path("b.log.zst"), frames).unwrap();
    let mut expected = numbered(0, 40);
    expected.insert(0, "{\"half\":1}".into());
    assert_eq!(bench.take(), expected);
    assert_eq!(bench.troubles(), ["15 bytes behind the compressed data were ignored", "4 bytes behind the compressed data were ignored"]);
}

#[test]
fn kinds_are_judged_by_first_bytes_not_by_names() {
    let mut bench = Bench::new(&["logs"]);
    bench.follow = false;
    bench.write("plain.log.gz", text(0, 10));
    fs::write(bench.path("packed.log"), gzip(text(10, 20).as_bytes())).unwrap();
    fs::write(bench.path("image.log"), b"\x89PNG\r\n\x1a\n\0\0").unwrap();
    bench.write("notes.md", "# notes\n");
    bench.write("empty.log", "");
    assert_eq!(bench.take(), numbered(0, 20));
    assert_eq!(bench.skipped(), [("logs/image.log".to_owned(), "an image".to_owned()), ("logs/notes.md".to_owned(), "a document, not a log".to_owned())]);
}

#[test]
fn odd_bytes_come_through_unchanged() {
    let mut bench = Bench::new(&["logs"]);
    let long = format!("{{\"long\":\"{}\"}}", "x".repeat(900_000));
    bench.write("odd.log", b"\xef\xbb\xbf{\"bom\":1}\r\n{\"nul\":\"\0\"}\n\n   \r\n{\"utf8\":\"\xff\xfe\"}\n");
    bench.write("odd.log", format!("{long}\n{}\n{{\"after\":1}}\n", "y".repeat(5 << 20)));
    let mut records = Vec::new();
    let sources = bench.open();
    while let Some(chunk) = sources.next(1 << 20).unwrap() {
        records.extend(chunk.records.iter().map(|r| (chunk.bytes[r.at.clone()].to_vec(), r.line, r.end - r.start, r.cut.is_some())));
    }
    assert_eq!(records[0], (b"\xef\xbb\xbf{\"bom\":1}\r".to_vec(), 1, 14, false));
    assert_eq!(records[1], (b"{\"nul\":\"\0\"}".to_vec(), 2, 12, false));
    assert_eq!(records[2], (b"{\"utf8\":\"\xff\xfe\"}".to_vec(), 5, 14, false));
    assert_eq!(records[3], (long.clone().into_bytes(), 6, long.len() as u64 + 1, false));
    assert_eq!((records[4].0.len(), records[4].1, records[4].2, records[4].3), (1 << 20, 7, (5 << 20) + 1, true));
    assert_eq!(records[5], (b"{\"after\":1}".to_vec(), 8, 12, false));
    let file = &sources.checkpoint()[0];
    assert_eq!((file.lines, file.counters.blank, file.counters.blank_bytes, file.counters.cut, file.counters.cut_bytes), (8, 2, 6, 1, 4 << 20));
    assert_eq!(file.off, fs::metadata(bench.path("odd.log")).unwrap().len());
}

#[test]
fn a_restart_at_any_point_goes_on_at_the_next_record() {
    let mut bench = Bench::new(&["logs"]);
    bench.write("a.log", "{\"n\":1}\ntrace\n  one\n  two\n\n{\"n\":2}\n{\"n\":3}\ntrace\n  three\n{\"n\":4}\n");
    fs::write(bench.path("b.log.gz"), gzip(text(0, 50_000).as_bytes())).unwrap();
    let mut seen = Vec::new();
    for _ in 0..1000 {
        let sources = bench.open();
        let Some(chunk) = (0..3).find_map(|_| sources.next(1).unwrap()) else { break };
        seen.extend(chunk.records.iter().map(|r| String::from_utf8_lossy(&chunk.bytes[r.at.clone()]).into_owned()));
        bench.restart();
    }
    seen.sort();
    let mut expected = numbered(0, 50_000);
    expected.extend(["{\"n\":1}", "{\"n\":2}", "{\"n\":3}", "{\"n\":4}", "trace\n  one\n  two", "trace\n  three"].map(str::to_owned));
    expected.sort();
    assert!(seen == expected, "{} of {}", seen.len(), expected.len());
}

#[test]
fn a_held_record_is_handed_on_after_a_pause_and_then_not_continued() {
    let mut bench = Bench::new(&["logs"]);
    bench.write("a.log", "trace\n  one\n");
    bench.drain();
    bench.write("a.log", "  late\n");
    bench.drain();
    bench.restart();
    assert_eq!(bench.take(), ["  late", "trace\n  one"]);
}

#[test]
fn folders_created_later_are_found_and_lost_ones_come_back() {
    let mut bench = Bench::new(&["logs/*/*.log"]);
    bench.drain();
    for round in 0..3 {
        fs::create_dir_all(bench.path("shop")).unwrap();
        bench.write("shop/api.log", text(round * 10, round * 10 + 10));
        bench.drain();
        fs::remove_dir_all(bench.path("shop")).unwrap();
    }
    assert_eq!(bench.take(), numbered(0, 30));
}

#[test]
fn what_is_missing_or_no_log_is_a_clear_error() {
    let error = |bench: &Bench| {
        let watch = Watch { paths: bench.paths.clone(), follow: false, spool_dir: bench.dir.path().join("spool"), poll_only: false };
        Sources::open(watch, &Checkpoint::default()).err().map(|e| e.to_string().replace(&format!("{}/", bench.dir.path().display()), ""))
    };
    assert_eq!(error(&Bench::new(&["logs/none.log"])).as_deref(), Some("logs/none.log: no such file or directory"));
    assert_eq!(error(&Bench::new(&["logs/*.log"])).as_deref(), Some("logs/*.log: no file matches"));
    let bench = Bench::new(&["logs"]);
    bench.write("README.md", "#\n");
    assert_eq!(error(&bench).as_deref(), Some("no logs in logs (logs/README.md: a document, not a log)"));
}

#[test]
fn without_events_polling_does_the_same_and_says_so() {
    let mut bench = Bench::new(&["logs"]);
    bench.write("a.log", text(0, 5));
    let watch = Watch { paths: bench.paths.clone(), follow: true, spool_dir: bench.dir.path().join("spool"), poll_only: true };
    bench.sources = Some(Sources::open_with(watch, &bench.saved, bench.timing, None).unwrap());
    assert_eq!(bench.sources.as_ref().unwrap().polling(), Some("file events are switched off"));
    bench.drain();
    bench.write("a.log", text(5, 10));
    assert_eq!(bench.take(), numbered(0, 10));
}

#[test]
fn a_wake_ends_a_wait() {
    let mut bench = Bench::new(&["logs"]);
    let sources = bench.open();
    let handle = sources.wake_handle();
    let thread = std::thread::spawn(move || handle.wake());
    sources.wait(Duration::from_secs(600));
    thread.join().unwrap();
}

#[test]
fn a_file_whose_size_promises_more_than_it_gives_holds_nothing_up() {
    // The kernel says 4096 for each of its made-up files.
    let made_up = ["/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/uevent_seqnum"].into_iter().find(|path| fs::read(path).is_ok_and(|bytes| bytes.len() < 4096));
    let Some(path) = made_up else { return };
    let mut bench = Bench::new(&["logs"]);
    bench.paths.push(path.to_owned());
    bench.write("api.log", text(0, 5));
    bench.open();
    let (handle, (done, ended)) = (bench.sources.as_ref().unwrap().wake_handle(), std::sync::mpsc::channel());
    let patience = std::thread::spawn(move || {
        let spun = ended.recv_timeout(Duration::from_secs(10)).is_err();
        if spun {
            handle.wake();
        }
        spun
    });
    bench.drain();
    done.send(()).unwrap();
    assert!(!patience.join().unwrap(), "it never came to rest");
    assert_eq!(bench.sources.as_ref().unwrap().readable_bytes(), 0);
    bench.lines.clear();
    bench.write("api.log", text(5, 10));
    assert_eq!(bench.take(), numbered(5, 10));
}

#[test]
fn a_half_line_of_a_file_rotated_out_of_the_glob_is_let_go_once_and_its_rest_still_comes() {
    let mut bench = Bench::new(&["logs/*.log"]);
    bench.write("a.log", format!("{}{{\"half\":", text(0, 20)));
    assert_eq!(bench.take(), numbered(0, 20));
    bench.rename("a.log", "a.log.1");
    bench.write("a.log", text(20, 25));
    assert_eq!(bench.take(), numbered(20, 25));
    let old = |bench: &Bench| {
        let (status, _) = bench.sources.as_ref().unwrap().status();
        status.iter().filter(|s| s.state == FileState::Detached).count()
    };
    let until = Instant::now() + Duration::from_secs(20);
    while old(&bench) == 0 && Instant::now() < until {
        bench.drain_for(Duration::from_millis(20));
    }
    let states: Vec<usize> = (0..20)
        .map(|_| {
            bench.drain_for(Duration::from_millis(20));
            old(&bench)
        })
        .collect();
    assert_eq!(states, [1; 20], "let go, and not taken up again for nothing");
    bench.write("a.log.1", "1}\n{\"late\":1}\n");
    assert_eq!(bench.take(), ["{\"half\":1}", "{\"late\":1}"]);
}

#[test]
fn what_nobody_can_read_now_is_not_waited_for() {
    let mut bench = Bench::new(&["logs"]);
    bench.write("api.log", format!("{}{{\"half\":", text(0, 5)));
    bench.take();
    let sources = bench.sources.as_ref().unwrap();
    assert_eq!((sources.unread_bytes(), sources.readable_bytes()), (8, 0));
}
