//! Runs the binary as a user would: with its own state directory, on real files.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The binary under test.
pub const BIN: &str = env!("CARGO_BIN_EXE_throughline");

/// Longer than any command or start takes, however busy the machine is: then it hangs.
const DEADLINE: Duration = Duration::from_secs(90);

/// A place of its own for a test: state, data and logs.
pub struct Bench {
    pub dir: TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A command in this place.
    pub fn command(&self, args: &[&str]) -> Command {
        self.command_of(PathBuf::from(BIN), args)
    }

    /// A command of a copy of the binary.
    pub fn command_of(&self, binary: PathBuf, args: &[&str]) -> Command {
        let mut command = Command::new(binary);
        command
            .args(args)
            .current_dir(self.dir.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .env_remove("THROUGHLINE_DATA")
            .env_remove("THROUGHLINE_LISTEN")
            .env_remove("THROUGHLINE_POLL")
            .env("NO_COLOR", "1")
            .env("COLUMNS", "120")
            .stdin(Stdio::null());
        command
    }

    /// Runs to the end; one that hangs is killed and named.
    pub fn run(&self, args: &[&str]) -> Output {
        let mut child = self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (collect(child.stdout.take().unwrap()), collect(child.stderr.take().unwrap()));
        let ended = end_of(&mut child);
        let (stdout, stderr) = (out.join().unwrap(), err.join().unwrap());
        let Some(status) = ended else { panic!("{args:?} did not end: {}", String::from_utf8_lossy(&stderr)) };
        Output { status, stdout, stderr }
    }

    /// Runs to the end with this on standard input: exit code and what was said on standard error.
    pub fn piped(&self, args: &[&str], input: impl Into<Stdio>) -> (Option<i32>, String) {
        let out = self.command(args).stdin(input).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stderr).trim_end().to_owned())
    }

    /// Runs to the end: exit code and what was said on standard error.
    pub fn said(&self, args: &[&str]) -> (Option<i32>, String) {
        self.piped(args, Stdio::null())
    }

    /// Runs to the end; must succeed.
    pub fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert!(out.status.success(), "{args:?} failed: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// Runs to the end; must fail with this code and one line, which is returned.
    pub fn fails(&self, code: i32, args: &[&str]) -> String {
        let out = self.run(args);
        let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(code), "{args:?}: {stderr}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "one clear line, not: {stderr}");
        stderr.trim_end().to_owned()
    }

    /// Starts serving and waits until what is there has been read.
    pub fn serve(&self, args: &[&str]) -> Served {
        Served::start(self.command(&[&["serve", "--listen", "127.0.0.1:0"], args].concat()))
    }
}

fn collect(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        bytes
    })
}

/// How a process ended. `None`: it did not, and was killed.
pub fn end_of(child: &mut Child) -> Option<ExitStatus> {
    let until = Instant::now() + DEADLINE;
    while Instant::now() < until {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// A serving process; killed when dropped, also by a test that fails while it starts.
pub struct Served {
    pub child: Child,
    pub address: String,
    /// What it printed so far, as far as it was waited for.
    pub said: String,
    pub told: mpsc::Receiver<String>,
}

impl Served {
    /// Starts and waits until what is there has been read.
    fn start(command: Command) -> Self {
        let mut served = Self::spawn(command);
        let line = served.until("an address", |line| line.starts_with("http://"));
        line["http://".len()..].trim_end_matches('/').clone_into(&mut served.address);
        served
    }

    /// Starts.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, address: String::new(), said: String::new(), told }
    }

    /// Waits for a line on standard error.
    pub fn until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + DEADLINE;
        while let Ok(line) = self.told.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.said.push_str(&line);
            self.said.push('\n');
            if wanted(&line) {
                return line;
            }
        }
        panic!("{what} was not printed: {}", self.said)
    }

    /// One GET: status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = self.request(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address));
        (status, body)
    }

    /// One raw request: status, head and body.
    pub fn request(&self, text: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        (status, head.to_owned(), body.to_owned())
    }

    /// Asks to end, as Ctrl-C does, and waits. `None`: it did not end.
    pub fn stop(self) -> Option<i32> {
        self.end_by("INT")
    }

    /// Sends a signal and waits. `None`: it did not end.
    pub fn end_by(mut self, signal: &str) -> Option<i32> {
        let _ = Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]).status();
        end_of(&mut self.child).and_then(|status| status.code())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tries until a condition holds or patience ends.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("never happened: {what}");
}
