//! `/sources`: every file that is read, how it was recognised and why, where its bytes went, and what time it covers.
//!
//! Guarantees: the counts of a file add up to the bytes read of it; files that are not read stand there with the reason.
//! What all lines taught of ids and clocks stands below. `/sources.json` is the same as data: the state of the files, `roles` as `throughline roles --json` has them, and `clocks`.

mod learned;

use crate::{
    model::{
        checkpoint::{FileKind, FileState},
        status::{SourceStatus, Status},
        time::UnixNanos,
    },
    query::view::LearnedView,
    web::{
        Shared, charts,
        chrome::Chrome,
        error::Problem,
        format,
        pages::{document, html},
        scale::{Scale, Tick, Units},
    },
};
use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use learned::{ClockView, RolesView};

/// Narrowest coverage that is seen.
const MIN_WIDTH: f64 = 3.0;

#[derive(Template)]
#[template(path = "sources.html")]
struct SourcesPage {
    chrome: Chrome,
    summary: String,
    paused: Option<String>,
    span: String,
    ticks: Vec<Tick>,
    sources: Vec<SourceView>,
    skipped: Vec<SkippedView>,
    skipped_title: String,
    clocks: Vec<ClockView>,
    roles: Vec<RolesView>,
}

/// A file that is not read.
struct SkippedView {
    path: String,
    reason: String,
    way_out: Option<&'static str>,
}

struct SourceView {
    name: String,
    path: String,
    state: &'static str,
    convention: String,
    others: String,
    evidence: String,
    services: String,
    zone: String,
    trouble: String,
    way_out: Option<&'static str>,
    records: String,
    parts: Vec<CountView>,
    bytes: String,
    lag: String,
    pending: String,
    coverage: String,
    bar: Option<(Units, Units)>,
    decided: Vec<String>,
    keys: Vec<(String, String, String)>,
    keys_title: String,
}

/// What became of some of a file's lines.
struct CountView {
    word: &'static str,
    count: String,
    bytes: String,
    class: &'static str,
    x: Units,
    width: Units,
}

/// The page as data.
#[derive(serde::Serialize)]
struct SourcesJson {
    #[serde(flatten)]
    status: Status,
    /// Absent while the index cannot say.
    #[serde(flatten)]
    learned: Option<LearnedView>,
}

/// `/sources.json`.
pub async fn json(State(shared): State<Shared>) -> Result<Response, Problem> {
    let learned = shared.ask(|answers| answers.learned()).await.ok();
    let status = shared.status.borrow().clone();
    document(StatusCode::OK, &SourcesJson { status, learned })
}

/// `/sources`.
pub async fn page(State(shared): State<Shared>) -> Result<Response, Problem> {
    // What is read is shown also while the index cannot say what it learned.
    let learned = shared.ask(|answers| answers.learned()).await.unwrap_or_default();
    let status = shared.status.borrow().clone();
    html(&build(Chrome::new(&shared, "sources", ""), &status, &learned))
}

fn build(chrome: Chrome, status: &Status, learned: &LearnedView) -> SourcesPage {
    let covered = status.sources.iter().filter_map(|s| s.coverage).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let scale = covered.map(|(from, to)| Scale::new(from.0, to.0));
    SourcesPage {
        summary: summary(status),
        paused: status.paused.clone(),
        span: covered.map_or_else(String::new, |(a, b)| format!("{} UTC", format::span(a, b))),
        ticks: scale.map(ticks).unwrap_or_default(),
        sources: status.sources.iter().map(|s| source(s, scale)).collect(),
        skipped_title: format!("{} not read", format::counted(status.skipped.len() as u64, "file", "files")),
        skipped: status.skipped.iter().map(|s| SkippedView { path: s.path.clone(), reason: s.reason.clone(), way_out: learned::way_out(&s.reason) }).collect(),
        clocks: learned::clocks(&learned.clocks),
        roles: learned::roles(&learned.roles),
        chrome,
    }
}

fn summary(status: &Status) -> String {
    let files = format::counted(status.sources.len() as u64, "source", "sources");
    let read = status.sources.iter().map(|s| s.counters.bytes()).sum();
    let records: u64 = status.sources.iter().map(|s| s.counters.ok).sum();
    let how = if status.following { "followed" } else { "read once" };
    let to_go = if status.backlog_bytes > 0 { format!(" · {} to go", format::bytes(status.backlog_bytes)) } else { String::new() };
    format!("{files}, {how} · {} from {}{to_go}", format::counted(records, "record", "records"), format::bytes(read))
}

/// Begin, middle and end of what all sources cover.
fn ticks(scale: Scale) -> Vec<Tick> {
    let long = scale.ns() > 86_400_000_000_000;
    let label = |at: i64| if long { format::instant(UnixNanos(at))[5..16].to_owned() } else { format::time_of_day(UnixNanos(at))[..8].to_owned() };
    [0_i64, 1, 2].map(|i| Tick { x: Units(500.0 * i as f64), label: label(scale.from() + scale.ns() / 2 * i) }).into()
}

fn source(s: &SourceStatus, scale: Option<Scale>) -> SourceView {
    let mut conventions = s.conventions.iter();
    let first = conventions.next();
    let others = conventions.take(4).map(|(name, n)| format!("{name} {}", format::count(*n))).collect::<Vec<_>>().join(", ");
    let keys: Vec<(String, String, String)> = s.keys.iter().map(|k| (k.key.clone(), format::count(k.lines), k.read_as.join("; "))).collect();
    SourceView {
        decided: s.decided.clone(),
        keys_title: format!("what was done with its {}", format::counted(keys.len() as u64, "key", "keys")),
        keys,
        name: if s.name.is_empty() { s.path.clone() } else { s.name.clone() },
        path: s.path.clone(),
        state: state(s),
        convention: first.map_or_else(|| "nothing read yet".into(), |(name, _)| if name.is_empty() { "generic rules".into() } else { name.clone() }),
        others: if others.is_empty() { String::new() } else { format!("also {others}") },
        evidence: s.evidence.clone(),
        services: s.services.iter().take(8).cloned().collect::<Vec<_>>().join(", "),
        zone: s.zone.clone().unwrap_or_default(),
        trouble: s.trouble.clone().unwrap_or_default(),
        way_out: s.trouble.as_deref().and_then(learned::way_out),
        records: format::counted(s.counters.ok + s.counters.unparsed, "record", "records"),
        parts: counts(s),
        bytes: format::bytes(s.counters.bytes()),
        lag: if s.lag_bytes > 0 { format!("{} to go", format::bytes(s.lag_bytes)) } else { String::new() },
        pending: if s.pending_bytes > 0 { format!("a last line of {} has no end yet", format::bytes(s.pending_bytes)) } else { String::new() },
        coverage: s.coverage.map_or_else(|| "no line with a time".into(), |(a, b)| format!("{} UTC", format::span(a, b))),
        bar: s.coverage.zip(scale).map(|((from, to), scale)| {
            let (a, b) = (scale.x(from.0), scale.x(to.0));
            let width = (b - a).max(MIN_WIDTH);
            (Units(a.min(1_000.0 - width)), Units(width))
        }),
    }
}

fn state(s: &SourceStatus) -> &'static str {
    match (s.state, s.kind) {
        (FileState::Live, FileKind::Spool) => "standard input",
        (FileState::Live, _) => "followed",
        (FileState::Detached, _) => "gone or replaced; what was read stays",
        (FileState::Done, FileKind::Gzip) => "gzip, read to its end",
        (FileState::Done, FileKind::Zstd) => "zstd, read to its end",
        (FileState::Done, _) => "read to its end",
    }
}

/// What became of the lines; bytes of the four that have some add up to all bytes read.
fn counts(s: &SourceStatus) -> Vec<CountView> {
    let c = &s.counters;
    let rows = [
        ("understood", c.ok, c.ok_bytes, "c-ok"),
        ("unparsed", c.unparsed, c.unparsed_bytes, "c-bad"),
        ("blank", c.blank, c.blank_bytes, "c-blank"),
        ("cut", c.cut, c.cut_bytes, "c-cut"),
    ];
    let bytes: Vec<i64> = rows.iter().map(|r| i64::try_from(r.2).unwrap_or(i64::MAX)).collect();
    let parts = charts::stack(&bytes, 1_000.0);
    let mut out: Vec<CountView> = rows
        .into_iter()
        .enumerate()
        .filter(|(_, r)| r.1 > 0 || r.2 > 0)
        .map(|(i, (word, n, bytes, class))| {
            let (x, width) = parts.get(i).map_or((Units(0.0), Units(0.0)), |p| (p.x, p.width));
            CountView { word, count: format::count(n), bytes: format::bytes(bytes), class, x, width }
        })
        .collect();
    if c.text > 0 {
        out.insert(1.min(out.len()), CountView { word: "of them plain text", count: format::count(c.text), bytes: String::new(), class: "", x: Units(0.0), width: Units(0.0) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::checkpoint::Counters;

    #[test]
    fn the_bytes_of_a_source_add_up() {
        let counters = Counters { ok: 90, text: 5, unparsed: 3, blank: 2, cut: 0, ok_bytes: 9_000, unparsed_bytes: 900, blank_bytes: 100, cut_bytes: 0 };
        let got = counts(&SourceStatus { counters, ..SourceStatus::default() });
        let words: Vec<(&str, &str, &str)> = got.iter().map(|c| (c.word, c.count.as_str(), c.bytes.as_str())).collect();
        assert_eq!(words, [("understood", "90", "8.79 KiB"), ("of them plain text", "5", ""), ("unparsed", "3", "900 B"), ("blank", "2", "100 B")]);
        assert!((got.iter().map(|c| c.width.0).sum::<f64>() - 1_000.0).abs() < 1e-9);
    }
}
