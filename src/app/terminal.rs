//! What a person at the terminal sees while logs are read: a progress bar on long work, one line a source, the address.
//!
//! Guarantees: everything goes to standard error; nothing moves when it is no terminal. Never decides anything.

use crate::{
    app::pipeline::Pipeline,
    commands::{cut, safe},
    model::{
        format,
        status::{Loss, Skipped, Status},
    },
};
use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_millis(700);

/// The terminal.
pub struct Terminal {
    address: Option<String>,
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether standard output shows colours, and how wide it is.
pub fn stdout_style() -> (bool, usize) {
    let terminal = io::stdout().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) && std::env::var("TERM").map_or(true, |t| t != "dumb");
    let width = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).or_else(|| terminal.then(console_width).flatten()).unwrap_or(100);
    (colour, width.clamp(40, 240))
}

fn console_width() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

impl Terminal {
    /// Nothing said yet.
    pub fn new() -> Self {
        Self { address: None }
    }

    /// The address that the bar names while reading goes on.
    pub fn address_while_reading(&mut self, url: &str) {
        self.address = Some(url.to_owned());
    }

    /// One line.
    pub fn say(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Shows progress until everything was read.
    pub fn watch_until_done(&mut self, pipeline: &Pipeline) {
        self.watch(pipeline, Pipeline::is_done);
    }

    /// Shows progress until what was there at the start has been read and its rows stand.
    pub fn watch_until_caught_up(&mut self, pipeline: &Pipeline) {
        self.watch(pipeline, |p| p.is_caught_up() || p.is_done());
    }

    fn watch(&mut self, pipeline: &Pipeline, over: impl Fn(&Pipeline) -> bool) {
        let begun = Instant::now();
        let mut bar: Option<ProgressBar> = None;
        let mut said = false;
        while !over(pipeline) {
            std::thread::sleep(Duration::from_millis(25));
            if begun.elapsed() < PATIENCE {
                continue;
            }
            if !said && let Some(url) = &self.address {
                said = true;
                let _ = writeln!(io::stderr(), "reading; pages are at {url} meanwhile");
            }
            if !io::stderr().is_terminal() {
                continue;
            }
            let status = pipeline.status();
            let status = status.borrow();
            let total = status.read_bytes + status.backlog_bytes;
            let bar = bar.get_or_insert_with(progress_bar);
            bar.set_length(total);
            bar.set_position(status.read_bytes);
            bar.set_message(if status.backlog_bytes == 0 { "rows" } else { "lines" });
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }

    /// One line a source: how it was recognised, lines read, lines not understood.
    pub fn sources(&self, status: &Status) -> Result<()> {
        let mut to = io::stderr().lock();
        let width = status.sources.iter().map(|s| s.path.chars().count()).max().unwrap_or(0).clamp(12, 48);
        for s in &status.sources {
            let path = cut(&safe(&s.path), width);
            let pad = width.saturating_sub(path.chars().count());
            let how = s.conventions.iter().take(2).map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" + ");
            let how = if how.is_empty() && s.trouble.is_none() { "no lines yet".to_owned() } else { how };
            let bad = if s.counters.unparsed > 0 { format!(", {} not understood", format::count(s.counters.unparsed)) } else { String::new() };
            let trouble = s.trouble.as_ref().map(|t| format!("  {}", safe(t))).unwrap_or_default();
            writeln!(to, "  {path}{}  {:>9} lines{bad}  {}{trouble}", " ".repeat(pad), format::count(s.counters.ok + s.counters.unparsed), safe(&how))?;
        }
        not_read(&mut to, &status.skipped)?;
        Ok(())
    }
}

/// What was left out: each file that could not be looked at; what is no log by reason; the harmless rest in one line.
fn not_read(to: &mut impl Write, skipped: &[Skipped]) -> io::Result<()> {
    for s in skipped.iter().filter(|s| s.loss == Loss::Unreadable) {
        writeln!(to, "  not read: {} ({})", safe(&s.path), safe(&s.reason))?;
    }
    for words in by_reason(skipped, Loss::NoLog) {
        writeln!(to, "  not read: {words}")?;
    }
    let harmless = by_reason(skipped, Loss::Nothing);
    if !harmless.is_empty() {
        writeln!(to, "  not read: {}", harmless.join("; "))?;
    }
    Ok(())
}

/// The first names for each reason, and how many more there are.
fn by_reason(skipped: &[Skipped], loss: Loss) -> Vec<String> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for s in skipped.iter().filter(|s| s.loss == loss) {
        reasons.entry(&s.reason).or_default().push(&s.path);
    }
    let words = |(reason, paths): (&str, Vec<&str>)| {
        let names = paths.iter().take(3).map(|path| safe(path)).collect::<Vec<_>>().join(", ");
        let more = if paths.len() > 3 { format!(" and {} more", format::count(paths.len() as u64 - 3)) } else { String::new() };
        format!("{names}{more} ({})", safe(reason))
    };
    reasons.into_iter().map(words).collect()
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("  {bar:32} {bytes}/{total_bytes} {msg} {bytes_per_sec} {eta}") {
        bar.set_style(style);
    }
    bar
}
