//! Following files: every written line is read exactly once and whole, whatever happens to the files.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use throughline::{
    model::checkpoint::{Checkpoint, FileCheckpoint},
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
}

impl Bench {
    fn new(paths: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("logs")).unwrap();
        let paths = paths.iter().map(|path| if *path == "-" { "-".into() } else { dir.path().join(path).to_string_lossy().into_owned() }).collect();
        let ms = Duration::from_millis;
        let timing = Timing { held: ms(30), settle: ms(60), retire: ms(400), listing: ms(15), look: ms(5) };
        Self { dir, paths, follow: true, timing, saved: Checkpoint::default(), sources: None, lines: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("logs").join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        use std::io::Write;
        fs::OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap().write_all(bytes.as_ref()).unwrap();
    }

    fn open(&mut self) -> &mut Sources {
        let watch = Watch { paths: self.paths.clone(), follow: self.follow, spool_dir: self.dir.path().join("spool"), poll_only: false };
        let sources = Sources::open_with(watch, &self.saved, self.timing).unwrap();
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
        while last.elapsed() < quiet && !(sources.finished() && !self.follow) {
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

#[allow(dead_code)]
fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
