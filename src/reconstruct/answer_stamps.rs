//! Whether the time of a record of an answer is when it was asked for or when it was given (`reconstruction.md` section 3).
//!
//! nginx, Caddy and most frameworks write the end; Apache's `%t` and `HAProxy`'s dates are the begin, and no key says so. Told by what others wrote
//! of the same request: its lines lie before the one and behind the other. A clock that is off moves all lines by one amount; so the answers must
//! have taken different times, and each must end where its lines do. Lines of a task are left out: it may go on behind the answer.
//! Guarantees: order-free and mergeable (requests with the smallest hashes, the earliest lines of each, bounded by the constants below); what does not
//! agree, or hardly differs, decides nothing, and the time stays the end.

use crate::{
    model::{
        entry::Entry,
        id::{IdKind, IdRef, IdRelation},
        profile::{Profile, Unit, Zone},
    },
    reconstruct::{
        learn::{hash, merge_sample, named, sampled},
        roles,
        stamps::Mark,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Requests sampled: those with the smallest hashes.
const SAMPLE: usize = 1_024;
/// Most who wrote of one.
const MAX_WRITERS: usize = 16;
/// Lines kept of each: the earliest.
const MAX_LINES: usize = 16;
/// Fewest answers that may decide.
const ENOUGH: usize = 12;
/// A shorter answer is told apart from the delays between programs by nothing.
const SHORTEST_NS: f64 = 8_000_000.0;

/// A log and the service in it: what a time means is a setting of the one that writes it.
pub fn writer(entry: &Entry) -> String {
    format!("{}\u{1f}{}", entry.source, entry.service.as_deref().unwrap_or(""))
}

/// A record of an answer whose time may be either.
pub fn is_open(entry: &Entry) -> bool {
    entry.http.as_ref().is_some_and(|http| http.status.is_some()) && entry.time.is_some() && entry.started.is_none() && entry.ended.is_none() && entry.duration.is_some()
}

/// What one writer shows of a request. Instants as written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Seen {
    answer: Option<Mark>,
    /// More than one answer: which of them a line belongs to is not known.
    is_repeated: bool,
    lines: BTreeSet<i64>,
    is_naive: bool,
}

impl Seen {
    fn merge(&mut self, other: Self) {
        self.is_repeated |= other.is_repeated || (self.answer.is_some() && other.answer.is_some());
        if other.answer.is_some_and(|new| self.answer.is_none_or(|known| new.key() < known.key())) {
            self.answer = other.answer;
        }
        self.is_naive |= other.is_naive;
        self.lines.extend(other.lines);
        while self.lines.len() > MAX_LINES {
            self.lines.pop_last();
        }
    }
}

/// The sample: request → writer → what it shows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AnswerStamps {
    requests: BTreeMap<u64, BTreeMap<String, Seen>>,
}

impl AnswerStamps {
    /// Takes note of a line that names a request, or of a record of an answer that holds any id.
    pub fn observe(&mut self, entry: &Entry) {
        let Some(time) = entry.time else { return };
        let is_answer = is_open(entry);
        let mark = if is_answer { Mark::of(entry) } else { None };
        let is_named = |id: &&IdRef| id.relation == IdRelation::Own && !id.listed;
        // An answer holds its request's id under whatever name its edge gave it.
        let is_upper = |id: &&IdRef| (roles::is_work(id.kind) && roles::level(id.kind) == 0) || (is_answer && matches!(id.kind, IdKind::Other | IdKind::Group));
        let of_task = !is_answer && entry.ids.iter().any(|id| id.kind == IdKind::Task);
        if of_task || (is_answer && mark.is_none()) {
            return;
        }
        for id in entry.ids.iter().filter(is_named).filter(is_upper) {
            let Some(key) = roles::unit_key(id).filter(|key| !key.contains('\u{1f}')) else { continue };
            let Some(writers) = sampled(&mut self.requests, hash(&key), SAMPLE) else { continue };
            let lines = if is_answer { BTreeSet::new() } else { BTreeSet::from([time.unix_ns]) };
            if let Some(seen) = named(writers, &writer(entry), MAX_WRITERS) {
                seen.merge(Seen { answer: mark, is_repeated: false, lines, is_naive: time.naive });
            }
        }
    }

    /// Takes in what another reader of other lines saw.
    pub fn merge(&mut self, other: Self) {
        merge_sample(&mut self.requests, other.requests, SAMPLE, |mine, theirs| {
            for (writer, seen) in theirs {
                if let Some(known) = named(mine, &writer, MAX_WRITERS) {
                    known.merge(seen);
                }
            }
        });
    }

    /// The writers whose records of answers bear the time they were asked at.
    pub fn decide(&self, units: &BTreeMap<String, Unit>, zones: &BTreeMap<String, Zone>) -> BTreeSet<String> {
        let mut votes: BTreeMap<&str, Votes> = BTreeMap::new();
        for writers in self.requests.values() {
            for (writer, seen) in writers.iter().filter(|(_, seen)| !seen.is_repeated) {
                let source = source_of(writer);
                let Some((from, to)) = seen.answer.and_then(|mark| mark.interval(units.get(source), true)) else { continue };
                let at = from - offset_ns(source, seen.is_naive, zones);
                let quantum_ns = seen.answer.map_or(0.0, |mark| mark.quantum_ns as f64);
                let lines: Vec<f64> = writers
                    .iter()
                    .flat_map(|(other, seen)| {
                        let offset = offset_ns(source_of(other), seen.is_naive, zones);
                        let answer = seen.answer.filter(|_| other != writer && !seen.is_repeated).map(|mark| mark.at_ns);
                        seen.lines.iter().copied().chain(answer).map(move |ns| ns as f64 - offset)
                    })
                    .collect();
                // Of a writer with more lines than are kept the last are not known.
                if writers.values().all(|seen| seen.lines.len() < MAX_LINES) {
                    votes.entry(writer).or_default().count(at, to - from, quantum_ns, &lines);
                }
            }
        }
        votes.into_iter().filter_map(|(writer, votes)| votes.at_begin().then(|| writer.to_owned())).collect()
    }
}

/// What was decided of a source's records of answers, in words.
pub fn words(profile: &Profile, source: &str) -> Option<String> {
    let of_source = |writer: &&String| source_of(writer) == source;
    profile
        .answers_at_begin
        .iter()
        .any(|writer| of_source(&writer))
        .then(|| "records of answers bear the time they were asked at: the lines of their requests lie behind it".to_owned())
}

fn source_of(writer: &str) -> &str {
    writer.split('\u{1f}').next().unwrap_or(writer)
}

fn offset_ns(source: &str, is_naive: bool, zones: &BTreeMap<String, Zone>) -> f64 {
    zones.get(source).filter(|_| is_naive).map_or(0.0, |zone| f64::from(zone.offset_s) * 1e9)
}

#[derive(Default)]
struct Votes {
    /// Lengths of the answers that say begin.
    begins: Vec<f64>,
    ends: usize,
}

impl Votes {
    fn count(&mut self, at: f64, length: f64, quantum_ns: f64, lines: &[f64]) {
        if length < SHORTEST_NS.max(8.0 * quantum_ns) {
            return;
        }
        let slack = length / 8.0 + 2.0 * quantum_ns;
        // What is further off is of another try, or of a request that is spoken of later.
        let near = || lines.iter().map(|ns| ns - at).filter(|ns| (-length - slack..=length + slack).contains(ns));
        // Work that goes on behind the answer says nothing of where it stood.
        let goes_on = lines.iter().map(|ns| ns - at).any(|ns| ns > length + slack && ns <= 3.0 * length);
        if near().any(|ns| ns < -slack) {
            self.ends += 1;
        } else if !goes_on && near().any(|ns| ns >= length - slack) {
            self.begins.push(length);
        }
    }

    fn at_begin(mut self) -> bool {
        let n = self.begins.len();
        if n < ENOUGH || n * 10 < (n + self.ends) * 9 {
            return false;
        }
        self.begins.sort_by(f64::total_cmp);
        self.begins[n - 1 - n / 10] >= 2.0 * self.begins[n / 10]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        entry::Http,
        time::{Instant, Length},
    };

    fn at(ms: i64) -> Instant {
        Instant { unix_ns: ms * 1_000_000, quantum_ns: 1_000_000, naive: false }
    }

    fn line(source: &str, ms: i64, kind: IdKind, n: i64) -> Entry {
        let id = IdRef { kind, relation: IdRelation::Own, label: "rid".into(), value: format!("879ded03-35f7-4797-b7c3-26b247f{n:05}").into(), scope: None, listed: false };
        Entry { source: source.into(), time: Some(at(ms)), ids: vec![id], ..Entry::default() }
    }

    fn answer(source: &str, ms: i64, length_ms: i64, n: i64) -> Entry {
        let http = Http { status: Some(200), access: true, ..Http::default() };
        Entry { http: Some(Box::new(http)), duration: Some(Length::known(length_ms * 1_000_000, 1_000_000)), ..line(source, ms, IdKind::Other, n) }
    }

    /// As many requests, each of them longer than the one before: what the edge and the application write of them. The edge's clock may be off.
    fn requests(n: i64, at_begin: bool, off_ms: i64, says: impl Fn(i64, i64) -> Vec<i64>) -> Vec<Entry> {
        (0..n)
            .flat_map(|n| {
                let (from, length) = (n * 10_000, 40 + n * 25);
                let edge = answer("edge", off_ms + from + if at_begin { 0 } else { length }, length, n);
                says(from, length).into_iter().map(move |ms| line("app", ms, IdKind::Request, n)).chain([edge])
            })
            .collect()
    }

    fn decided(lines: &[Entry]) -> BTreeSet<String> {
        let mut out = AnswerStamps::default();
        lines.iter().for_each(|entry| out.observe(entry));
        out.decide(&BTreeMap::new(), &BTreeMap::new())
    }

    fn first_and_last(from: i64, length: i64) -> Vec<i64> {
        vec![from + 2, from + length - 2]
    }

    #[test]
    fn answers_bear_the_time_they_were_asked_at_where_all_lines_of_them_come_behind_it() {
        let edge = BTreeSet::from(["edge\u{1f}".to_owned()]);
        assert_eq!(decided(&requests(20, true, 0, first_and_last)), edge);
        assert_eq!(decided(&requests(20, true, 0, |from, length| vec![from + length - 1])), edge, "who writes only at the end");
        assert_eq!(decided(&requests(20, false, 0, first_and_last)), BTreeSet::new());
        assert_eq!(decided(&requests(8, true, 0, first_and_last)), BTreeSet::new(), "too few");
    }

    #[test]
    fn a_clock_that_is_off_turns_no_times_round() {
        for off_ms in [-400, -100, -40, 40, 100, 400] {
            assert_eq!(decided(&requests(20, false, off_ms, first_and_last)), BTreeSet::new(), "{off_ms}");
        }
    }

    #[test]
    fn what_goes_on_behind_an_answer_turns_no_times_round() {
        // The application writes as it answers; a worker goes on for as long again.
        let mut lines = requests(20, false, 0, |from, length| vec![from + length]);
        for n in 0..20 {
            let (from, length) = (n * 10_000, 40 + n * 25);
            for step in 1..=8 {
                let mut entry = line("worker", from + length + length * step / 8, IdKind::Request, n);
                entry.ids.push(IdRef {
                    kind: IdKind::Task,
                    relation: IdRelation::Own,
                    label: "job".into(),
                    value: "b1946ac92492d2347c6235b4d2611184".into(),
                    scope: None,
                    listed: false,
                });
                lines.push(entry);
            }
        }
        assert_eq!(decided(&lines), BTreeSet::new());
    }

    #[test]
    fn answers_of_one_length_say_nothing() {
        let lines: Vec<Entry> = (0..30).flat_map(|n| [answer("edge", n * 1_000, 50, n), line("app", n * 1_000 + 49, IdKind::Request, n)]).collect();
        assert_eq!(decided(&lines), BTreeSet::new());
    }

    #[test]
    fn halves_merge_to_the_whole_in_either_order() {
        let all = requests(20, true, 0, first_and_last);
        let half = |even: bool| {
            let mut out = AnswerStamps::default();
            all.iter().enumerate().filter(|(n, _)| (n % 2 == 0) == even).for_each(|(_, entry)| out.observe(entry));
            out
        };
        let mut whole = AnswerStamps::default();
        all.iter().for_each(|entry| whole.observe(entry));
        for first in [true, false] {
            let mut merged = half(first);
            merged.merge(half(!first));
            assert_eq!(merged.requests, whole.requests);
        }
    }
}
