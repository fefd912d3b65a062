//! Why a list is empty, and how far reading has come.
//!
//! Guarantees: nothing given, nothing read yet, no request in what was read, and nothing that matches are told apart; what does not match
//! is answered with what was asked, what was covered, and what to leave out.

use crate::{
    model::{status::Status, summary::Preset},
    query::{
        syntax,
        view::{Found, ListView, Times},
    },
    web::{
        Shared,
        error::Problem,
        format,
        links::{self, ListAddress},
    },
};

/// Shortest word whose neighbours are offered, and most words looked at.
const NEAR_MIN_CHARS: usize = 4;
const NEAR_MAX_WORDS: usize = 2;

/// Why there are no rows.
pub enum Empty {
    /// Nothing was given to read.
    Nothing,
    /// Reading goes on.
    Reading {
        /// Lines, of about how many.
        lines: String,
        /// Bytes read.
        done: String,
        /// Bytes to go.
        to_go: String,
    },
    /// Lines were read, and none of them is part of a request.
    NoRequests {
        /// How many.
        sources: String,
    },
    /// The conditions leave nothing.
    NoMatch(NoMatch),
}

/// Nothing matches.
pub struct NoMatch {
    /// The conditions in words.
    pub understood: Vec<String>,
    /// Requests there are.
    pub total: String,
    /// What to leave out.
    pub hint: Option<Hint>,
    /// All requests.
    pub all: String,
    /// What was read: time and logs.
    pub covered: String,
    /// Ids that begin alike: address and text.
    pub near: Vec<(String, String)>,
}

/// The condition whose removal gives most.
pub struct Hint {
    /// It.
    pub condition: String,
    /// What there is then.
    pub hits: String,
    /// The list without it.
    pub href: Option<String>,
}

/// Why a list is empty.
pub fn empty(address: &ListAddress, answer: &ListView, status: &Status, near: Vec<(String, String)>) -> Empty {
    let page = &answer.page;
    if page.total > 0 {
        let hint = answer.drop_hint.as_ref().map(|(condition, hits)| hint(address, condition, *hits));
        let in_view = Preset::from_word(&address.preset).filter(|p| *p != Preset::All).map(|p| format!("is in the view {}", p.title()));
        let understood = answer.understood.iter().cloned().chain(in_view).collect();
        let total = format::counted(page.total, "request", "requests");
        return Empty::NoMatch(NoMatch { understood, total, hint, all: ListAddress::default().href(None), covered: covered(status), near });
    }
    let to_go = to_go(answer, status);
    if to_go > 0 {
        return Empty::Reading { lines: lines(status).unwrap_or_default(), done: format::bytes(status.read_bytes), to_go: format::bytes(to_go) };
    }
    if status.sources.is_empty() { Empty::Nothing } else { Empty::NoRequests { sources: format::counted(status.sources.len() as u64, "source", "sources") } }
}

/// The list without a condition that is given in words: what was typed for it is taken out of the query.
fn hint(address: &ListAddress, words: &str, hits: u64) -> Hint {
    let hits = format::counted(hits, "request", "requests");
    if words.starts_with("the view ") {
        let all = ListAddress { preset: String::new(), ..address.clone() };
        return Hint { condition: words.to_owned(), hits, href: Some(all.href(None)) };
    }
    let is_meant = |condition: &&str| {
        let alone = syntax::parse(condition).understood;
        *condition == words || (!alone.is_empty() && alone.iter().all(|said| words.contains(said.as_str())))
    };
    let (dropped, kept): (Vec<&str>, Vec<&str>) = links::conditions(&address.q).into_iter().partition(is_meant);
    let href = (!dropped.is_empty()).then(|| address.with_query(kept.join(" ")).href(None));
    Hint { condition: if dropped.is_empty() { words.to_owned() } else { dropped.join(" ") }, hits, href }
}

/// What of the lines is not in the list.
pub fn reading(answer: &ListView, status: &Status) -> Option<String> {
    let to_go = to_go(answer, status);
    if to_go > 0 && answer.page.total > 0 {
        let lines = lines(status).map(|lines| format!(" ({lines} read)")).unwrap_or_default();
        return Some(format!("Reading goes on: {} of lines are not in this list yet{lines}.", format::bytes(to_go)));
    }
    answer.behind.map(|behind| format!("Requests may be missing or stand here as they were: {behind}."))
}

fn to_go(answer: &ListView, status: &Status) -> u64 {
    status.backlog_bytes + answer.behind.map_or(0, |behind| behind.bytes)
}

/// `1.2 M of ~3.0 M lines`: what is not read yet is taken to hold lines as long as those that were.
fn lines(status: &Status) -> Option<String> {
    let (read, bytes) = status.sources.iter().fold((0, 0), |(n, b), s| (n + s.counters.ok + s.counters.unparsed, b + s.counters.bytes()));
    let all = (u128::from(read) * u128::from(bytes + status.backlog_bytes)).checked_div(u128::from(bytes))?;
    (status.backlog_bytes > 0 && read > 0).then(|| format!("{} of ~{} lines", rough(read), rough(u64::try_from(all).unwrap_or(u64::MAX))))
}

fn rough(n: u64) -> String {
    match n {
        1_000_000.. => format!("{:.1} M", n as f64 / 1e6),
        10_000.. => format!("{:.0} k", n as f64 / 1e3),
        _ => format::count(n),
    }
}

/// `2026-11-23 13:21:07.012 to 14:36:07.012 UTC in 5 sources: access.log, api.log …`.
fn covered(status: &Status) -> String {
    let with_time: Vec<_> = status.sources.iter().filter(|s| s.coverage.is_some()).collect();
    let Some((from, to)) = with_time.iter().filter_map(|s| s.coverage).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else { return String::new() };
    let mut names: Vec<&str> = with_time.iter().map(|s| s.name.as_str()).collect();
    names.dedup();
    let more = if names.len() > 6 { " …" } else { "" };
    names.truncate(6);
    format!("{} UTC, {}: {}{more}", format::span(from, to), format::counted(with_time.len() as u64, "source", "sources"), names.join(", "))
}

/// Ids near the bare words of a query that nothing matches.
pub async fn near(shared: &Shared, q: &str) -> Result<Vec<(String, String)>, Problem> {
    let is_word = |word: &&str| word.chars().count() >= NEAR_MIN_CHARS && !word.starts_with('-') && !word.contains([':', '"']);
    let words: Vec<String> = links::conditions(q).into_iter().filter(is_word).take(NEAR_MAX_WORDS).map(str::to_owned).collect();
    let mut out = Vec::new();
    for word in words {
        match shared.ask(move |answers| answers.path(&word, None, Times::Written)).await? {
            Found::Path(path) => out.extend(path.trace.request_id.iter().map(|id| (links::request(id, None), id.clone()))),
            Found::Choices { choices, .. } => out.extend(choices.into_iter().take(8).map(|c| (links::request(&c.id, c.scope.as_deref()), c.id))),
            Found::Unknown(unknown) => out.extend(unknown.near.into_iter().map(|id| (links::request(&id, None), id))),
        }
    }
    out.dedup();
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{checkpoint::Counters, status::SourceStatus};

    #[test]
    fn what_was_typed_for_a_condition_is_taken_away() {
        let address = ListAddress { q: "status:failed oops \"two words\" since:1h".into(), preset: "retried".into(), ..ListAddress::default() };
        let taken = |words: &str| {
            let hint = hint(&address, words, 3);
            (hint.condition, hint.href.unwrap_or_default())
        };
        assert_eq!(taken("a line contains oops and a line contains \"two words\""), ("oops \"two words\"".into(), "/?q=status%3Afailed%20since%3A1h&preset=retried".into()));
        assert_eq!(taken("begins at or after 1 h before the newest record").1, "/?q=status%3Afailed%20oops%20%22two%20words%22&preset=retried");
        assert_eq!(taken("the view Retried").1, "/?q=status%3Afailed%20oops%20%22two%20words%22%20since%3A1h");
        assert_eq!(taken("something else"), ("something else".into(), String::new()));
    }

    #[test]
    fn lines_to_come_are_estimated_by_those_that_were_read() {
        let counters = Counters { ok: 1_190_000, unparsed: 10_000, ok_bytes: 1_000_000, unparsed_bytes: 200_000, ..Counters::default() };
        let mut status = Status { sources: vec![SourceStatus { counters, ..SourceStatus::default() }], backlog_bytes: 1_800_000, ..Status::default() };
        assert_eq!(lines(&status).unwrap(), "1.2 M of ~3.0 M lines");
        status.backlog_bytes = 0;
        assert_eq!(lines(&status), None);
        assert_eq!(lines(&Status::default()), None);
    }
}
