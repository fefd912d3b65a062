//! Wiring: takes the command line apart, hands every room plain arguments, starts and stops what runs.
//!
//! The only place that knows the whole configuration, spawns threads and listens to signals. Guarantees: the index is closed after a
//! last commit when asked to stop; a usage error is told apart from a failure. It holds no logic of a room.

pub mod data_dir;
pub mod pipeline;
pub mod reading;
pub mod rows;
pub mod terminal;

use crate::{
    app::{pipeline::Pipeline, reading::Reading, terminal::Terminal},
    cli::{Cli, Command, DataArgs, ExplainArgs, ExportArgs, ExportFormat, IndexArgs, SearchArgs, ServeArgs, ShowArgs},
    commands::{
        self, Out,
        explain::Explainer,
        export::{Asked, Form},
    },
    model::{
        checkpoint::{Checkpoint, FileState},
        format,
        status::{Loss, Status},
        summary::RowQuery,
    },
    query::{
        engine::Engine,
        hits,
        view::{Answers, Found, Times},
    },
    recognise::Tables,
    source::{Sources, Watch},
    store::{RowStore, Store, StoreError},
    web,
};
use anyhow::{Context, Result, anyhow, bail};
use std::{
    fs,
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// A wrong use of the command: told in one line, exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Its own log: warnings on standard error, more with `THROUGHLINE_LOG=info`, as JSON lines when standard error is no terminal.
fn log_to_stderr() {
    let asked = std::env::var("THROUGHLINE_LOG").ok().filter(|level| !level.is_empty());
    let filter = asked.and_then(|level| level.parse().ok()).unwrap_or_else(|| tracing_subscriber::EnvFilter::new("throughline=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Heedless).log_internal_errors(false);
    // A second start in one process (tests) keeps the first one's.
    let _ = if io::IsTerminal::is_terminal(&io::stderr()) { builder.compact().try_init() } else { builder.json().try_init() };
}

/// Standard error, closed or not: nobody listens any more is no reason to stop reading.
struct Heedless;

impl Write for Heedless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Does what the command line says.
pub fn run(cli: Cli) -> Result<()> {
    log_to_stderr();
    match cli.command {
        None if cli.serve.paths.is_empty() => {
            let words = "name the logs to read: throughline PATH (files, directories, quoted globs, - for standard input); what was read before is shown by: throughline serve";
            Err(Usage(words.into()).into())
        }
        None => serve(&cli.serve),
        Some(Command::Serve(args)) => serve(&args),
        Some(Command::Index(args)) => index(&args),
        Some(Command::Show(args)) => show(&args),
        Some(Command::Search(args)) => search_for(&args),
        Some(Command::Explain(args)) => explain(&args),
        Some(Command::Roles(args)) => roles(&args),
        Some(Command::Export(args)) => export(&args),
        Some(Command::Stats(args)) => stats(&args),
    }
}

/// Every path must be there before anything is opened: a typo is a usage error.
fn check_paths(paths: &[String], dir: Option<&Path>) -> Result<()> {
    for path in paths.iter().filter(|p| *p != "-" && !p.contains(['*', '?', '[', '{'])) {
        if let Err(error) = fs::metadata(path) {
            return Err(Usage(format!("{path}: {}{}", format::cause(&error), kept_words(dir))).into());
        }
    }
    if paths.iter().any(|p| p == "-") {
        if io::IsTerminal::is_terminal(&io::stdin()) {
            return Err(Usage("-: standard input is a terminal; pipe a log into it".into()).into());
        }
        if fs::metadata("/dev/stdin").is_ok_and(|m| m.is_dir()) {
            return Err(Usage("-: standard input is a directory; name it as a path: throughline DIR".into()).into());
        }
    }
    Ok(())
}

/// Logs that are gone leave an index: how to see it.
fn kept_words(dir: Option<&Path>) -> String {
    let kept = dir.filter(|d| data_dir::Before::of(d).has_index());
    kept.map_or_else(String::new, |d| format!("; what was read from it is kept: throughline serve --data {}", d.display()))
}

/// What was named, and could not be read wholly.
fn unread(paths: &[String], status: &Status) -> Vec<String> {
    let named = |path: &str| paths.iter().any(|p| p == path) || (path == "stdin" && paths.iter().any(|p| p == "-"));
    let skipped = status.skipped.iter().filter(|s| s.loss != Loss::Nothing && named(&s.path)).map(|s| format!("{}: {}", s.path, s.reason));
    let troubled = status.sources.iter().filter(|s| named(&s.path)).filter_map(|s| s.trouble.as_ref().map(|t| format!("{}: {t}", s.path)));
    skipped.chain(troubled).collect()
}

fn watch(paths: &[String], dir: &Path, follow: bool, poll_only: bool) -> Watch {
    Watch { paths: paths.to_vec(), follow, spool_dir: dir.join("spool"), poll_only }
}

fn data_for(paths: &[String], data: &DataArgs) -> Result<PathBuf> {
    data.data.clone().map_or_else(|| data_dir::for_paths(paths), Ok)
}

fn index(args: &IndexArgs) -> Result<()> {
    let dir = data_for(&args.paths, &args.data)?;
    check_paths(&args.paths, Some(&dir))?;
    let reading = Reading::asked(&args.reading)?;
    let tables = reading.tables()?;
    let before = data_dir::Before::of(&dir);
    let (store, rows) = open_for_writing(&dir)?;
    let mut terminal = Terminal::new();
    keep(&reading, &dir)?;
    let pipeline = Pipeline::start(store, rows, tables, watch(&args.paths, &dir, false, false)).inspect_err(|_| before.restore())?;
    terminal.watch_until_done(&pipeline);
    let status = pipeline.finish()?;
    let unread = unread(&args.paths, &status);
    if !unread.is_empty() && status.read_bytes == 0 && !before.has_index() {
        before.restore();
        bail!("{}", unread.join("; "));
    }
    // Not to be remembered is no failure: --data still names it.
    let _ = data_dir::remember(&dir);
    if args.data.json {
        serde_json::to_writer(io::stdout().lock(), &status)?;
        io::stdout().lock().write_all(b"\n")?;
    } else {
        terminal.sources(&status)?;
        terminal.say(&format!("index: {}", dir.display()));
    }
    if unread.is_empty() { left_over(&status) } else { bail!("{}", unread.join("; ")) }
}

/// Keeps beside an index how its lines are read; said when that puts settings out of force.
fn keep(reading: &Reading, dir: &Path) -> Result<()> {
    if reading.keep(dir)? {
        Terminal::new().say("note: this index was made with settings or conventions that are not given now; its lines are read without them");
    }
    Ok(())
}

/// Read once, and yet not to the end.
fn left_over(status: &Status) -> Result<()> {
    let mut left = status.sources.iter().filter(|s| s.state == FileState::Live).filter_map(|s| Some(format!("{}: {}", s.path, s.trouble.as_ref()?)));
    let Some(first) = left.next() else { return Ok(()) };
    let more = match left.count() {
        0 => String::new(),
        n => format!(", and {n} more like it"),
    };
    anyhow::bail!("{first}{more}; what was read is kept, and the next run goes on there")
}

/// Where the pages are: an address, or `localhost` with a port.
fn listen_address(given: &str) -> Result<SocketAddr> {
    let numbers = given.strip_prefix("localhost:").map_or_else(|| given.to_owned(), |port| format!("127.0.0.1:{port}"));
    let address: SocketAddr = numbers.parse().map_err(|_| Usage(format!("--listen {given}: not an address with a port; for example --listen 127.0.0.1:7171")))?;
    if !address.ip().is_loopback() {
        return Err(Usage(format!("--listen {given}: only loopback addresses are served for now; put a proxy in front")).into());
    }
    Ok(address)
}

/// The directory that is served: the one of the paths, or without any the one that a question would mean.
fn served_dir(args: &ServeArgs) -> Result<PathBuf> {
    if !args.paths.is_empty() {
        return data_for(&args.paths, &args.data);
    }
    let dir = asked_dir(&args.data)?;
    if !data_dir::Before::of(&dir).has_index() {
        return Err(Usage(StoreError::Absent { path: dir }.to_string()).into());
    }
    Ok(dir)
}

fn serve(args: &ServeArgs) -> Result<()> {
    let listen = listen_address(&args.listen)?;
    let dir = served_dir(args)?;
    check_paths(&args.paths, Some(&dir))?;
    let mut reading = Reading::asked(&args.reading)?;
    // Nothing is read anew: its lines are read as they were.
    if args.paths.is_empty() && reading.is_empty() {
        reading = Reading::kept(&dir)?;
    }
    let tables = reading.tables()?;
    let listener = std::net::TcpListener::bind(listen).map_err(|e| port_words(listen, &e))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let before = data_dir::Before::of(&dir);
    let (store, rows) = open_for_writing(&dir)?;
    keep(&reading, &dir)?;
    let engine = Arc::new(Engine::new(store.clone(), rows.clone(), tables.clone()));
    let pipeline = if args.paths.is_empty() {
        Pipeline::of_kept(store, rows, tables)?
    } else {
        let watched = watch(&args.paths, &dir, !args.no_follow, args.poll);
        Pipeline::start(store, rows, tables, watched).inspect_err(|_| before.restore()).map_err(|e| anyhow!("{e:#}{}", kept_words(Some(&dir))))?
    };
    // Not to be remembered is no failure: --data still names it.
    let _ = data_dir::remember(&dir);
    let state = web::State { answers: engine, status: pipeline.status(), hosts: args.allow_host.clone(), listen_port: address.port(), version: env!("CARGO_PKG_VERSION") };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("the runtime could not start")?;
    let open = args.open;
    let served = runtime.block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let mut signalled = stopped.clone();
        let pages = tokio::spawn(web::serve(listener, web::router(state), async move {
            let _ = signalled.wait_for(|s| *s).await;
        }));
        let (failed, stop_reading) = (pipeline.failed(), pipeline.stopper());
        let url = format!("http://{address}/");
        let announcing = tokio::task::spawn_blocking(move || {
            let mut terminal = Terminal::new();
            terminal.address_while_reading(&url);
            terminal.watch_until_caught_up(&pipeline);
            if pipeline.is_stopping() {
                return pipeline;
            }
            let said = terminal.sources(&pipeline.status().borrow()).map(|()| terminal.say(&url));
            if open && said.is_ok() {
                open_browser(&url);
            }
            pipeline
        });
        let outcome = tokio::select! {
            () = interrupted() => Ok(()),
            reason = failed => Err(reason),
        };
        // First of all: whoever waits for the reading to catch up would wait for the whole of it.
        stop_reading();
        stop.send_replace(true);
        let pipeline = announcing.await.context("the start was interrupted")?;
        let ended = pipeline.finish();
        let _ = tokio::time::timeout(Duration::from_secs(3), pages).await;
        ended.map(|_| ()).and(outcome)
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

fn port_words(listen: SocketAddr, error: &io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::AddrInUse {
        let other = listen.port().checked_add(1).unwrap_or(7171);
        return anyhow::anyhow!("port {} is in use by another program; choose another: --listen {}:{other}", listen.port(), listen.ip());
    }
    anyhow::anyhow!("{listen}: cannot listen: {error}")
}

async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = terminate.recv() => {} }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

fn open_browser(url: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    // No browser is no failure: the address stands on the terminal.
    let _ = std::process::Command::new(program).arg(url).stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn();
}

/// The directory a question means; named when it was not given.
fn asked_dir(data: &DataArgs) -> Result<PathBuf> {
    let (dir, from_memory) = data_dir::for_question(data.data.as_deref()).map_err(|e| Usage(e.to_string()))?;
    if from_memory {
        writeln!(io::stderr(), "data directory: {}", dir.display())?;
    }
    Ok(dir)
}

/// An engine over the directory a question means.
fn engine(data: &DataArgs) -> Result<(Engine, PathBuf)> {
    let dir = asked_dir(data)?;
    Ok((engine_at(&dir)?, dir))
}

fn engine_at(dir: &Path) -> Result<Engine> {
    let store = Store::open_reader(dir).map_err(|error| match error {
        StoreError::Absent { .. } => anyhow::Error::new(Usage(error.to_string())),
        other => other.into(),
    })?;
    let (rows, _) = RowStore::open_reader(dir)?;
    Ok(Engine::new(Arc::new(store), Arc::new(rows), Reading::kept(dir)?.tables()?))
}

fn open_for_writing(dir: &Path) -> Result<(Arc<Store>, Arc<RowStore>)> {
    let store = Store::open_writer(dir)?;
    let (rows, _) = RowStore::open(dir)?;
    Ok((Arc::new(store), Arc::new(rows)))
}

fn with_out(run: impl FnOnce(&mut Out<'_>) -> Result<()>) -> Result<()> {
    let (colour, width) = terminal::stdout_style();
    let mut to = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    run(&mut Out { to: &mut to, colour, width })?;
    to.flush()?;
    Ok(())
}

fn show(args: &ShowArgs) -> Result<()> {
    let (engine, _) = engine(&args.data)?;
    let found = engine.path(&args.id, args.scope.as_deref(), times(args.apply_skew))?;
    if let (Found::Unknown(_), None) = (&found, &args.data.data) {
        elsewhere(&args.id, args.scope.as_deref())?;
    }
    with_out(|out| commands::show::run(out, &args.id, &found, args.data.json, args.log))
}

fn times(apply_skew: bool) -> Times {
    if apply_skew { Times::Shifted } else { Times::Written }
}

/// Other directories used lately that know the id are named.
fn elsewhere(id: &str, scope: Option<&str>) -> Result<()> {
    for dir in data_dir::recent().into_iter().skip(1).take(5) {
        let found = engine_at(&dir).ok().and_then(|e| e.path(id, scope, Times::Written).ok());
        if matches!(found, Some(Found::Path(_) | Found::Choices { .. })) {
            writeln!(io::stderr(), "the id is in {}: add --data {}", dir.display(), dir.display())?;
        }
    }
    Ok(())
}

fn search_for(args: &SearchArgs) -> Result<()> {
    let (engine, dir) = engine(&args.data)?;
    let query = args.query.clone();
    if args.lines {
        let found = hits::lines(&engine, &query, args.limit as usize)?;
        commands::search::notices(&found.notices, &mut io::stderr())?;
        return with_out(|out| commands::search::lines(out, &found, args.data.json));
    }
    let (engine, _) = rows::made(engine, &dir, &engine_at)?;
    let view = engine.list(&query, RowQuery { limit: args.limit as usize, ..RowQuery::default() })?;
    commands::search::notices(&view.notices, &mut io::stderr())?;
    with_out(|out| commands::search::requests(out, &view, args.data.json))
}

fn explain(args: &ExplainArgs) -> Result<()> {
    let tables = Reading::asked(&args.reading)?.tables()?;
    let path = args.file.to_string_lossy().into_owned();
    check_paths(std::slice::from_ref(&path), None)?;
    if args.file.is_dir() {
        return Err(Usage(format!("{path}: explain reads one file; this is a directory")).into());
    }
    let spool = std::env::temp_dir().join(format!("throughline-explain-{}", std::process::id()));
    let result = explain_with(&path, &spool, &tables, args);
    if path == "-" {
        let _ = fs::remove_dir_all(&spool);
    }
    result
}

fn explain_with(path: &str, spool: &Path, tables: &Arc<Tables>, args: &ExplainArgs) -> Result<()> {
    let watch = Watch { paths: vec![path.to_owned()], follow: false, spool_dir: spool.to_owned(), poll_only: true };
    let mut sources = Sources::open(watch, &Checkpoint::default())?;
    with_out(|out| {
        let mut explainer = Explainer::new(tables, args.json);
        while !sources.finished() {
            match sources.next(1 << 20)? {
                Some(chunk) if args.keys => explainer.count(&chunk),
                Some(chunk) => explainer.chunk(out, &chunk)?,
                None => sources.wait(Duration::from_millis(20)),
            }
        }
        if args.keys {
            return explainer.keys(out);
        }
        let lines = sources.checkpoint().first().map_or(0, |f| f.lines);
        explainer.blank(out, lines + 1)
    })?;
    let (status, skipped) = sources.status();
    let troubles: Vec<&str> = status.iter().filter_map(|s| s.trouble.as_deref()).chain(skipped.iter().map(|s| s.reason.as_str())).collect();
    if troubles.is_empty() { Ok(()) } else { bail!("{path}: {}", troubles.join("; ")) }
}

fn roles(args: &DataArgs) -> Result<()> {
    let (engine, _) = engine(args)?;
    let snapshot = engine.snapshot()?;
    with_out(|out| commands::roles::run(out, snapshot.learned.roles(), args.json))
}

/// The form of whole requests that is asked for; none for paths and lines.
fn form(args: &ExportArgs) -> Result<Option<Form>> {
    let form = match args.format {
        ExportFormat::Md => Form::Markdown,
        ExportFormat::Perfetto => Form::Perfetto,
        ExportFormat::Otlp => Form::Otlp,
        ExportFormat::Ndjson => Form::Ndjson,
        ExportFormat::Html => return Ok(None),
        ExportFormat::PathNdjson | ExportFormat::LinesNdjson => {
            let given = [("--hide-content", args.hide_content), ("--scope", args.scope.is_some())].into_iter().find(|(_, given)| *given);
            return given.map_or(Ok(None), |(flag, _)| Err(Usage(format!("{flag} goes with --format md, perfetto, otlp or ndjson")).into()));
        }
    };
    if args.scope.is_some() && args.query.as_ref().is_none_or(|q| q.trim().is_empty()) {
        return Err(Usage("--scope makes a short id unique, and no id is given".into()).into());
    }
    Ok(Some(form))
}

/// One request as a file that needs no server. Several requests have no one page, so a query is no answer here.
fn export_page(args: &ExportArgs) -> Result<()> {
    let Some(id) = args.query.as_deref().filter(|q| !q.trim().is_empty()) else {
        return Err(Usage("--format html is the page of one request: give its id".into()).into());
    };
    let (engine, _) = engine(&args.data)?;
    let found = engine.path_and_usual(id, args.scope.as_deref(), times(args.apply_skew))?;
    with_out(|out| match &found {
        Found::Path(path) => Ok(out.to.write_all(web::single(path, id, args.hide_content).as_bytes())?),
        other => commands::show::run(out, id, other, false, false),
    })
}

fn export(args: &ExportArgs) -> Result<()> {
    if args.format == ExportFormat::Html {
        return export_page(args);
    }
    let form = form(args)?;
    let (mut engine, dir) = engine(&args.data)?;
    let query = args.query.clone().unwrap_or_default();
    if args.format != ExportFormat::LinesNdjson {
        let (made, behind) = rows::made(engine, &dir, &engine_at)?;
        anyhow::ensure!(behind.is_none(), "nothing was exported, since requests would be missing; try again when the list is made");
        engine = made;
    }
    let snapshot = engine.snapshot()?;
    let mut notices = Vec::new();
    let asked = Asked { text: &query, scope: args.scope.as_deref(), times: times(args.apply_skew), hide_content: args.hide_content };
    with_out(|out| {
        notices = match (form, args.format) {
            (Some(form), _) => commands::export::requests(out, &engine, &snapshot, &asked, form)?,
            (None, ExportFormat::LinesNdjson) => commands::export::lines(out, &engine, &snapshot, &query)?,
            (None, _) => commands::export::paths(out, &engine, &snapshot, &query, asked.times)?,
        };
        Ok(())
    })?;
    commands::search::notices(&notices, &mut io::stderr())
}

fn stats(args: &DataArgs) -> Result<()> {
    let (engine, dir) = engine(args)?;
    let (engine, _) = rows::made(engine, &dir, &engine_at)?;
    let snapshot = engine.snapshot()?;
    let checkpoint = snapshot.reader.checkpoint();
    let stats = commands::stats::Stats { dir: &dir, disk_bytes: disk_bytes(&dir), checkpoint, records: snapshot.reader.doc_count(), requests: snapshot.rows.count() };
    with_out(|out| commands::stats::run(out, &stats, args.json))
}

fn disk_bytes(dir: &Path) -> u64 {
    let Ok(list) = fs::read_dir(dir) else { return 0 };
    list.flatten()
        .map(|e| match e.metadata() {
            Ok(m) if m.is_dir() => disk_bytes(&e.path()),
            Ok(m) => m.len(),
            Err(_) => 0,
        })
        .sum()
}
