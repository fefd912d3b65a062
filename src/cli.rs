//! The command line: clap's derive, environment variables, and nothing else.
//!
//! Guarantees: a wrong argument is one clear line and exit code 2. The whole `Cli` never leaves this floor: `app` takes it apart.

use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::{env, path::PathBuf};

/// Point it at the logs you already have; it shows any request's whole path and where the time went.
#[derive(Debug, Parser)]
#[command(
    name = "throughline",
    version,
    about,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  throughline sample-logs/                 read, follow, serve http://127.0.0.1:7171/\n  throughline '/var/log/app/*.json*'       a glob, quoted so that new files are found\n  kubectl logs -f deploy/api | throughline -\n  throughline export.ndjson.gz --no-follow\n  throughline show req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\n  throughline search 'status:failed dur:>5s'"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Without a command: serve.
    #[command(flatten)]
    pub serve: ServeArgs,
}

impl Cli {
    /// The command line with its environment. A variable that is empty counts as not set.
    pub fn read() -> Result<Self, clap::Error> {
        Self::from_arg_matches(&without_empty(Self::command()).try_get_matches()?)
    }
}

fn without_empty(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &Arg| arg.get_env().is_some_and(|name| env::var_os(name).is_some_and(|value| value.is_empty()));
    command.mut_args(|arg| if is_empty(&arg) { arg.env(None::<&str>) } else { arg }).mut_subcommands(without_empty)
}

/// A switch that is set by a variable.
fn switch(word: &str) -> Result<bool, String> {
    match word.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("1, true, yes, on or 0, false, no, off".to_owned()),
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read and follow logs, and serve the pages (the default).
    #[command(
        after_help = "Examples:\n  throughline serve /var/log/app/ --listen 127.0.0.1:8080\n  throughline serve --data ./incident-42      what was read before, also when the logs are gone"
    )]
    Serve(ServeArgs),
    /// Read logs once into the index and exit.
    #[command(after_help = "Example:\n  throughline index exports/ --data /tmp/incident-42")]
    Index(IndexArgs),
    /// Draw a request's path in the terminal, by any id of it.
    #[command(
        after_help = "Examples:\n  throughline show req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\n  throughline show 1187 --scope queue=mail\n  throughline show chatcmpl-9xT2 --json | jq .verdict"
    )]
    Show(ShowArgs),
    /// List the requests (or, with --lines, the lines) that match a query.
    #[command(
        after_help = "Examples:\n  throughline search 'status:failed dur:>5s'\n  throughline search 'route:\"POST /summarise\" prompt:summarise@9' --json\n  throughline search --lines 'level:error \"connection reset\"'"
    )]
    Search(SearchArgs),
    /// Show how each physical line of a file is understood.
    #[command(after_help = "Examples:\n  throughline explain app.log | head\n  throughline explain app.log.gz --json")]
    Explain(ExplainArgs),
    /// Show every id field, the role it plays, and the numbers that decided.
    #[command(after_help = "Example:\n  throughline roles --json")]
    Roles(DataArgs),
    /// Write requests in the form of another tool, or paths or lines as newline-delimited JSON.
    #[command(
        after_help = "Examples:\n  throughline export --format md req_01JDC9V6Q8Z4M2K7T3W5XH0B1N --hide-content > ticket.md\n  throughline export --format perfetto 'status:failed since:1h' > trace.json\n  throughline export --format otlp > spans.jsonl\n  throughline export --format path-ndjson > paths.ndjson\n  throughline export --format lines-ndjson > lines.ndjson"
    )]
    Export(ExportArgs),
    /// Show what is indexed and how much disk it takes.
    #[command(after_help = "Example:\n  throughline stats --json")]
    Stats(DataArgs),
}

/// Where the index is.
#[derive(Debug, Args, Clone, Default)]
pub struct DataArgs {
    /// Data directory; by default one under the user's state directory, kept by the paths that are read.
    #[arg(long, env = "THROUGHLINE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `serve`.
#[derive(Debug, Args, Clone)]
pub struct ServeArgs {
    /// Files, directories, quoted globs, or `-` for standard input. `serve` without any shows what was read before.
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,
    /// Address of the pages; loopback only.
    #[arg(long, env = "THROUGHLINE_LISTEN", default_value = "127.0.0.1:7171", value_name = "ADDR")]
    pub listen: String,
    /// Read what is there and stop reading; the pages stay.
    #[arg(long)]
    pub no_follow: bool,
    /// Open the page in the browser.
    #[arg(long)]
    pub open: bool,
    /// Another host name by which the pages may be asked for (behind a proxy); may be repeated.
    #[arg(long, env = "THROUGHLINE_ALLOW_HOST", value_name = "HOST", value_delimiter = ',')]
    pub allow_host: Vec<String>,
    /// Look for changes by listing only, for network filesystems without events.
    #[arg(long, env = "THROUGHLINE_POLL", value_parser = switch)]
    pub poll: bool,
    /// How lines are to be read.
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// Where the index is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// How lines are to be read.
#[derive(Debug, Args, Clone)]
pub struct ReadingArgs {
    /// Further conventions: a directory of TOML files in the shape of the built-in ones.
    #[arg(long, env = "THROUGHLINE_FORMATS", value_name = "DIR")]
    pub formats: Option<PathBuf>,
    /// Settings that say what keys are; without it `throughline.toml` of the current directory.
    #[arg(long, env = "THROUGHLINE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Arguments of `index`.
#[derive(Debug, Args, Clone)]
pub struct IndexArgs {
    /// Files, directories, quoted globs, or `-` for standard input.
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<String>,
    /// How lines are to be read.
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// Where the index is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// Arguments of `show`.
#[derive(Debug, Args, Clone)]
pub struct ShowArgs {
    /// Any id of the request, its first characters, or a pasted line that holds one.
    pub id: String,
    /// What makes a short id unique: `queue=mail`.
    #[arg(long)]
    pub scope: Option<String>,
    /// Add the merged log.
    #[arg(long)]
    pub log: bool,
    /// Shift the times of hosts whose clocks stand off, by the least that makes all hand-overs fit.
    #[arg(long)]
    pub apply_skew: bool,
    /// Where the index is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// Arguments of `search`.
#[derive(Debug, Args, Clone)]
pub struct SearchArgs {
    /// Words, "phrases", key:value, ranges (dur:>5s), and - before any of them.
    #[arg(value_name = "QUERY", allow_hyphen_values = true)]
    pub query: String,
    /// List lines instead of requests.
    #[arg(long)]
    pub lines: bool,
    /// Most results.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Where the index is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// Arguments of `explain`.
#[derive(Debug, Args, Clone)]
pub struct ExplainArgs {
    /// The file; `-` for standard input.
    pub file: PathBuf,
    /// Print JSON, one object a physical line.
    #[arg(long)]
    pub json: bool,
    /// Print what was done with each key of the whole file, instead of each line.
    #[arg(long)]
    pub keys: bool,
    /// How lines are to be read.
    #[command(flatten)]
    pub reading: ReadingArgs,
}

/// What `export` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One path document a line.
    PathNdjson,
    /// Every stored line with its place and its raw text.
    LinesNdjson,
    /// A ticket to paste, in Markdown; several with a rule between them.
    Md,
    /// Trace events for ui.perfetto.dev: one JSON document.
    Perfetto,
    /// OpenTelemetry spans in OTLP's JSON form, one object a line.
    Otlp,
    /// The lines of the requests, each once, with their place and their raw text.
    Ndjson,
    /// The page of one request as a file that needs no server.
    Html,
}

/// Arguments of `export`.
#[derive(Debug, Args, Clone)]
pub struct ExportArgs {
    /// What to write.
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// An id of a request (for md, perfetto, otlp, ndjson and html) or a query (not for html); everything without it.
    #[arg(value_name = "ID|QUERY", allow_hyphen_values = true)]
    pub query: Option<String>,
    /// What makes a short id unique: `queue=mail`.
    #[arg(long)]
    pub scope: Option<String>,
    /// Hide what people and models said, and secrets. In md, perfetto and otlp secrets are always hidden; ndjson without it is the exact text.
    #[arg(long)]
    pub hide_content: bool,
    /// Shift the times of hosts whose clocks stand off, by the least that makes all hand-overs fit.
    #[arg(long)]
    pub apply_skew: bool,
    /// Where the index is.
    #[command(flatten)]
    pub data: DataArgs,
}
