//! Random actions on files against an in-memory model: every owed line is read exactly once and whole.
//!
//! Owed: what was written, unless it was destroyed before a checkpoint could have been saved behind it; such lines may be read once or not at all.

use super::gzip;
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use throughline::{
    model::checkpoint::Checkpoint,
    source::{Sources, Timing, Watch},
};

const LOGS: [&str; 3] = ["api.log", "worker.log", "edge.json"];

#[derive(Debug, Clone)]
enum Action {
    Append { log: usize, lines: usize },
    Half { log: usize },
    Rename { log: usize },
    Late { log: usize },
    CopyTruncate { log: usize, between: usize, read_between: bool },
    Gzip { log: usize },
    Delete { log: usize },
    Read,
    Save,
    Stop,
    Kill,
}

fn action() -> impl Strategy<Value = Action> {
    let log = 0..LOGS.len();
    prop_oneof![
        6 => (log.clone(), 1usize..40).prop_map(|(log, lines)| Action::Append { log, lines }),
        2 => log.clone().prop_map(|log| Action::Half { log }),
        3 => log.clone().prop_map(|log| Action::Rename { log }),
        2 => log.clone().prop_map(|log| Action::Late { log }),
        3 => (log.clone(), 0usize..4, any::<bool>()).prop_map(|(log, between, read_between)| Action::CopyTruncate { log, between, read_between }),
        3 => log.clone().prop_map(|log| Action::Gzip { log }),
        1 => log.prop_map(|log| Action::Delete { log }),
        6 => Just(Action::Read),
        3 => Just(Action::Save),
        2 => Just(Action::Stop),
        2 => Just(Action::Kill),
    ]
}

struct World {
    dir: tempfile::TempDir,
    banner: String,
    next: usize,
    /// Every line that was begun.
    written: BTreeSet<String>,
    maybe: BTreeSet<String>,
    half: HashMap<usize, String>,
    /// The descriptor a slow writer still holds after a rename, and the rest of the line it has begun.
    late: HashMap<usize, (fs::File, String)>,
    sources: Option<Sources>,
    read: Vec<String>,
    saved: (Checkpoint, usize),
}

impl World {
    fn new(banner_lines: usize) -> Self {
        let banner = (0..banner_lines).map(|n| format!("{{\"banner\":{n:040}}}\n")).collect();
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("logs")).unwrap();
        Self {
            dir,
            banner,
            next: 0,
            written: BTreeSet::new(),
            maybe: BTreeSet::new(),
            half: HashMap::new(),
            late: HashMap::new(),
            sources: None,
            read: Vec::new(),
            saved: (Checkpoint::default(), 0),
        }
    }

    fn path(&self, log: usize, suffix: &str) -> PathBuf {
        self.dir.path().join("logs").join(format!("{}{suffix}", LOGS[log]))
    }

    fn line(&mut self) -> String {
        self.next += 1;
        let line = format!("{{\"id\":\"{:06}\",\"pad\":\"{}\"}}", self.next, "x".repeat(self.next * 7 % 90));
        self.written.insert(line.clone());
        line
    }

    fn append(&self, log: usize, bytes: &str) {
        let path = self.path(log, "");
        let is_new = !path.is_file() || fs::metadata(&path).unwrap().len() == 0;
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        let text = if is_new { format!("{}{bytes}", self.banner) } else { bytes.to_owned() };
        file.write_all(text.as_bytes()).unwrap();
    }

    fn end_half(&mut self, log: usize) {
        if let Some(rest) = self.half.remove(&log) {
            self.append(log, &rest);
        }
    }

    fn end_late(&mut self, log: usize) {
        if let Some((mut file, rest)) = self.late.remove(&log) {
            let line = self.line();
            file.write_all(format!("{rest}{line}\n").as_bytes()).unwrap();
        }
    }

    fn shift(&mut self, log: usize) {
        for n in (1..30).rev() {
            for packed in ["", ".gz"] {
                let from = self.path(log, &format!(".{n}{packed}"));
                if from.is_file() {
                    fs::rename(from, self.path(log, &format!(".{}{packed}", n + 1))).unwrap();
                }
            }
        }
    }

    fn lines_of(&self, path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().filter(|line| line.contains("\"id\"")).map(str::to_owned).collect()
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Append { log, lines } => {
                self.end_half(*log);
                for _ in 0..*lines {
                    let line = self.line();
                    self.append(*log, &format!("{line}\n"));
                }
            }
            Action::Half { log } => {
                self.end_half(*log);
                let line = self.line();
                // Behind the id, or the half would be the beginning of other lines too.
                let (begin, rest) = line.split_at((line.len() / 2).max(r#"{"id":"000000","#.len()));
                self.append(*log, begin);
                self.half.insert(*log, format!("{rest}\n"));
            }
            Action::Rename { log } => self.rename(*log),
            Action::Late { log } => self.end_late(*log),
            Action::CopyTruncate { log, between, read_between } => self.copytruncate(*log, *between, *read_between),
            Action::Gzip { log } => self.gzip(*log),
            Action::Delete { log } => self.delete(*log),
            Action::Read => self.read_on(),
            Action::Save => self.save(),
            Action::Stop => {
                self.save();
                self.sources = None;
            }
            Action::Kill => {
                self.sources = None;
                self.read.truncate(self.saved.1);
            }
        }
    }

    fn rename(&mut self, log: usize) {
        if !self.path(log, "").is_file() {
            return;
        }
        self.end_late(log);
        self.shift(log);
        let file = fs::OpenOptions::new().append(true).open(self.path(log, "")).unwrap();
        let rest = self.half.remove(&log).unwrap_or_default();
        self.late.insert(log, (file, rest));
        fs::rename(self.path(log, ""), self.path(log, ".1")).unwrap();
    }

    fn copytruncate(&mut self, log: usize, between: usize, read_between: bool) {
        if !self.path(log, "").is_file() {
            return;
        }
        self.end_half(log);
        self.end_late(log);
        self.shift(log);
        fs::copy(self.path(log, ""), self.path(log, ".1")).unwrap();
        for _ in 0..between {
            let line = self.line();
            self.append(log, &format!("{line}\n"));
            if read_between && self.sources.is_some() {
                self.read_on();
            }
            if read_between && self.sources.is_some() {
                self.save();
            } else {
                self.maybe.insert(line);
            }
        }
        fs::OpenOptions::new().write(true).open(self.path(log, "")).unwrap().set_len(0).unwrap();
    }

    fn gzip(&mut self, log: usize) {
        self.end_late(log);
        let Some(plain) = (1..30).map(|n| self.path(log, &format!(".{n}"))).find(|path| path.is_file()) else { return };
        let bytes = fs::read(&plain).unwrap();
        let packed = PathBuf::from(format!("{}.gz", plain.display()));
        fs::write(packed, gzip(&bytes)).unwrap();
        fs::remove_file(plain).unwrap();
    }

    /// The oldest plain generation goes; what was not saved behind may be lost.
    fn delete(&mut self, log: usize) {
        self.end_late(log);
        let paths = (1..30).rev().map(|n| self.path(log, &format!(".{n}"))).chain([self.path(log, "")]);
        let Some(path) = paths.into_iter().find(|path| path.is_file()) else { return };
        if path == self.path(log, "") {
            self.half.remove(&log);
        }
        let saved: BTreeSet<&String> = self.read[..self.saved.1].iter().collect();
        let lost: Vec<String> = self.lines_of(&path).into_iter().filter(|line| !saved.contains(line)).collect();
        self.maybe.extend(lost);
        let text = fs::read_to_string(&path).unwrap();
        if !text.is_empty() && !text.ends_with('\n') {
            // A half line of a deleted file is handed out as it stands.
            let torn = text.rsplit('\n').next().unwrap_or_default().to_owned();
            let whole: Vec<String> = self.written.iter().filter(|line| line.starts_with(&torn)).cloned().collect();
            self.written.retain(|line| !whole.contains(line));
            self.written.insert(torn.clone());
            self.maybe.insert(torn);
        }
        fs::remove_file(path).unwrap();
    }

    fn sources(&mut self) -> &mut Sources {
        let ms = Duration::from_millis;
        let timing = Timing { held: ms(5), settle: ms(20), retire: ms(60), listing: Duration::ZERO, look: Duration::ZERO };
        let paths = vec![self.dir.path().join("logs").to_string_lossy().into_owned()];
        let watch = Watch { paths, follow: true, spool_dir: self.dir.path().join("spool"), poll_only: true };
        let saved = &self.saved.0;
        self.sources.get_or_insert_with(|| Sources::open_with(watch, saved, timing, None).unwrap())
    }

    fn read_on(&mut self) {
        self.read_for(Duration::ZERO);
    }

    fn read_for(&mut self, quiet: Duration) {
        let mut last = Instant::now();
        let mut idle = 0;
        while idle < 4 || last.elapsed() < quiet {
            let chunk = self.sources().next(1 << 20).unwrap();
            let Some(chunk) = chunk else {
                idle += 1;
                if quiet > Duration::ZERO {
                    self.sources().wait(Duration::from_millis(2));
                }
                continue;
            };
            (idle, last) = (0, Instant::now());
            let lines = chunk.records.iter().map(|r| String::from_utf8_lossy(&chunk.bytes[r.at.clone()]).into_owned());
            self.read.extend(lines.filter(|line| !line.contains("banner")));
        }
    }

    fn save(&mut self) {
        if let Some(sources) = &self.sources {
            let files = sources.checkpoint();
            let saved = Checkpoint { files, ..Checkpoint::default() };
            self.saved = (serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap(), self.read.len());
        }
    }

    fn finish(&mut self) {
        for log in 0..LOGS.len() {
            self.end_half(log);
            self.end_late(log);
        }
        self.read_for(Duration::from_millis(60));
    }

    fn faults(&self) -> Vec<String> {
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        for line in &self.read {
            *count.entry(line).or_default() += 1;
        }
        let mut faults: Vec<String> = count.iter().filter(|(line, n)| **n > 1 || !self.written.contains(**line)).map(|(line, n)| format!("{n} x {line}")).collect();
        faults.extend(self.written.iter().filter(|line| !count.contains_key(line.as_str()) && !self.maybe.contains(*line)).map(|line| format!("lost {line}")));
        faults
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 400, max_shrink_time: 60_000, ..ProptestConfig::default() })]
    #[test]
    fn any_actions_on_files_give_every_owed_line_once(
        banner in prop_oneof![Just(0usize), Just(2), Just(70)],
        actions in prop::collection::vec(action(), 1..60),
    ) {
        let mut world = World::new(banner);
        world.read_on();
        for action in &actions {
            world.act(action);
        }
        world.finish();
        prop_assert_eq!(world.faults(), Vec::<String>::new());
    }
}
