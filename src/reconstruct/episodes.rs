//! Requests that bear one number: a counter that begins again with its process gives the id of a request to another (`reconstruction.md` 2.4,
//! episodes). Each is a unit of its own.
//!
//! Pure functions of the lines that bear the number. Guarantees: lines are told apart by what wrote them (host and process, else the log) and by
//! answers whose lengths do not hold each other, by begins that alternate with ends, or by several ends of one make; a line that may be of two
//! requests is of neither. An id that is no number that counts is never taken apart. It never joins anything.

use crate::{
    model::{
        id::{IdKind, IdRelation, is_strong},
        time::rfc3339_of_ms,
    },
    reconstruct::{
        item::{Item, WorkRef},
        lanes::template,
        words::Verb,
    },
};
use rustc_hash::FxHashMap;
use std::{collections::BTreeMap, rc::Rc, sync::Arc};

/// Stands between a number and the instant its episode began at.
const SINCE: &str = "since ";
/// Most digits of a number that counts.
const MAX_DIGITS: usize = 10;
/// Where lines say neither begin nor end, the first of them again after so long a silence is another request's.
const SILENCE_NS: i64 = 600_000_000_000;
/// A begin that no end came before is another request's after so long a silence: a redirect comes at once.
const PAUSE_NS: i64 = 1_000_000_000;
/// Two parts of a program tell of one begin so soon behind each other.
const AT_ONCE_NS: i64 = 50_000_000;
/// How far a stated length may miss the line it reaches back to.
const SLACK_NS: i64 = 5_000_000;

/// The number may come again: it counts, and names a request.
pub fn may_recur(r: &WorkRef) -> bool {
    r.kind == IdKind::Request && (r.key.contains('\u{1f}') || counts(&r.value))
}

/// Letters, then a few digits: `req-00000001`.
fn counts(value: &str) -> bool {
    // A random value may be letters up to its last digit.
    if is_strong(value, false) {
        return false;
    }
    let digits = value.trim_start_matches(|c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '_' | ':' | '#'));
    (1..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) || !is_strong(value, true)
}

/// The number and the instant, of the key of an episode.
pub fn base_of(key: &str) -> Option<(&str, &str)> {
    let (before, instant) = key.rsplit_once(SINCE)?;
    let base = before.strip_suffix(['\u{1f}', ' '])?;
    let is_instant = instant.len() == 24 && instant.ends_with('Z') && instant.as_bytes()[10] == b'T';
    (is_instant || instant == UNDECIDED).then_some((base, instant))
}

/// What the keys of the episodes of a number begin with.
pub fn below(base: &str) -> String {
    format!("{base}{}{SINCE}", if base.contains('\u{1f}') { ' ' } else { '\u{1f}' })
}

/// In place of the instant, on lines that may be of several.
const UNDECIDED: &str = "an unknown time";

/// What wrote a line: its host and process where it says so, else its log.
type Origin = (Box<str>, Box<str>, Arc<str>);
/// Where a line stands.
type At = (u64, u64, u32);

fn origin(item: &Item) -> Origin {
    let part = |part: &Option<Box<str>>| part.clone().unwrap_or_default();
    let (host, process) = (part(&item.entry.host), part(&item.entry.process));
    let log = if host.is_empty() && process.is_empty() { item.entry.source.clone() } else { "".into() };
    (host, process, log)
}

fn at(item: &Item) -> At {
    (item.entry.at.file.0, item.entry.at.start, item.entry.at.sub)
}

/// What a line says of the request it names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Begin,
    End,
    Nothing,
}

/// The requests of one number, in the order of their begin.
#[derive(Debug)]
pub struct Episodes {
    list: Vec<Episode>,
    /// Of the lines that bear the number as their own; `None`: it may be of several.
    of_line: FxHashMap<At, Option<usize>>,
    /// Other ids on those lines, with the only episode they stand on.
    beside: FxHashMap<Arc<str>, Option<usize>>,
    undecided: Arc<str>,
}

#[derive(Debug)]
struct Episode {
    key: Arc<str>,
    origin: Origin,
    began_ns: i64,
}

impl Episodes {
    /// Which of them a line names; `None`: it may be several.
    pub fn of(&self, item: &Item) -> Option<&Arc<str>> {
        let known = self.of_line.get(&at(item)).copied().flatten();
        let index = known.or_else(|| self.by_ids(item)).or_else(|| self.by_time(item))?;
        Some(&self.list[index].key)
    }

    /// In place of the number on a line that may be of several of its requests: the key of none.
    pub fn undecided(&self) -> &Arc<str> {
        &self.undecided
    }

    /// By the other ids on the line.
    fn by_ids(&self, item: &Item) -> Option<usize> {
        let mut found = item.refs.iter().filter_map(|r| self.beside.get(&r.key).copied().flatten());
        let first = found.next()?;
        found.all(|other| other == first).then_some(first)
    }

    /// The last that began before in what wrote the line, unless the line was looked at as one of its own.
    fn by_time(&self, item: &Item) -> Option<usize> {
        if self.of_line.contains_key(&at(item)) {
            return None;
        }
        let (time, from) = (item.time_ns?, origin(item));
        self.list.iter().rposition(|e| e.origin == from && e.began_ns <= time.saturating_add(item.quantum_ns))
    }
}

/// Takes the lines that bear a number apart; `None` when they are of one request.
pub fn of(base: &str, items: &[Rc<Item>]) -> Option<Episodes> {
    let mut groups: BTreeMap<Origin, Vec<&Item>> = BTreeMap::new();
    for item in items.iter().filter(|item| item.reference(base).is_some_and(|r| r.kind == IdKind::Request && r.relation == IdRelation::Own && !r.listed) && item.time_ns.is_some())
    {
        groups.entry(origin(item)).or_default().push(item);
    }
    let mut told: Vec<(Origin, Vec<&Item>)> = Vec::new();
    let mut of_several: Vec<&Item> = Vec::new();
    let all_silent = groups.values().all(|lines| lines.iter().all(|item| says(item, base) == Says::Nothing));
    for (origin, mut lines) in groups {
        lines.sort_by_key(|i| (i.time_ns, i.verb.causal_rank(), at(i)));
        let says: Vec<Says> = lines.iter().map(|item| says(item, base)).collect();
        // What says neither begin nor end is work for a request that another received.
        if !all_silent && says.iter().all(|s| *s == Says::Nothing) {
            continue;
        }
        let (requests, undecided) = requests(&lines, &says);
        told.extend(requests.into_iter().filter(|lines| !lines.is_empty()).map(|lines| (origin.clone(), lines)));
        of_several.extend(undecided);
    }
    if told.len() < 2 && of_several.is_empty() {
        return None;
    }
    told.sort_by_key(|(origin, lines)| (lines[0].time_ns, origin.clone()));
    Some(named(base, told, &of_several))
}

fn named(base: &str, told: Vec<(Origin, Vec<&Item>)>, of_several: &[&Item]) -> Episodes {
    let join = |instant: &str| -> Arc<str> { (below(base) + instant).into() };
    let mut out = Episodes { list: Vec::new(), of_line: of_several.iter().map(|item| (at(item), None)).collect(), beside: FxHashMap::default(), undecided: join(UNDECIDED) };
    let mut shown_ms = i64::MIN;
    for (origin, lines) in told {
        let (began_ns, index) = (lines[0].time_ns.unwrap_or_default(), out.list.len());
        // In the order of their begin: two that began in one millisecond are told apart by the next.
        shown_ms = began_ns.div_euclid(1_000_000).max(shown_ms.saturating_add(1));
        for item in &lines {
            out.of_line.insert(at(item), Some(index));
            for r in item.refs.iter().filter(|r| *r.key != *base && !may_recur(r)) {
                out.beside.entry(r.key.clone()).and_modify(|known| *known = known.filter(|known| *known == index)).or_insert(Some(index));
            }
        }
        out.list.push(Episode { key: join(&rfc3339_of_ms(shown_ms)), origin, began_ns });
    }
    out
}

/// The lines of each request among those of one writer, and the lines that may be of several.
fn requests<'a>(lines: &[&'a Item], says: &[Says]) -> (Vec<Vec<&'a Item>>, Vec<&'a Item>) {
    let answers = answers(lines, says);
    if answers.len() > 1 {
        return by_answers(lines, &answers);
    }
    let alone = |starts: Vec<usize>| starts.into_iter().map(|start| (start, false)).collect();
    let mut starts = begins(lines, says).unwrap_or_else(|| alone(between_ends(lines, says).unwrap_or_else(|| after_silence(lines, says))));
    starts.push((lines.len(), false));
    let (mut requests, mut undecided) = (Vec::new(), Vec::new());
    for w in starts.windows(2) {
        let part = &lines[w[0].0..w[1].0];
        if w[0].1 {
            undecided.extend_from_slice(part);
        } else {
            requests.push(part.to_vec());
        }
    }
    (requests, undecided)
}

/// A time that the request took, as an end states it.
struct Interval<'a> {
    from: i64,
    to: i64,
    /// Its end.
    index: usize,
    /// Of the line that it reaches back to, when that is a begin.
    begun: Option<Make<'a>>,
}

/// From when to when lines say that the request was answered: of lengths that hold each other the longest, unless both reach back to begins of one
/// make; of several makes the one that covers most.
fn answers(lines: &[&Item], says: &[Says]) -> Vec<(i64, i64)> {
    let mut intervals: Vec<Interval<'_>> = Vec::new();
    for index in (0..lines.len()).filter(|i| says[*i] == Says::End) {
        let (Some(to), Some(length)) = (lines[index].time_ns, lines[index].duration_ns().filter(|d| *d > 0)) else { continue };
        let from = to.saturating_sub(length);
        let slack = SLACK_NS.saturating_add(2 * lines[index].quantum_ns);
        let time = |i: usize| lines[i].time_ns.unwrap_or_default();
        let near = (0..index).rev().take_while(|i| time(*i) >= from.saturating_sub(slack));
        let begun = near.filter(|i| says[*i] == Says::Begin && time(*i) <= from.saturating_add(slack)).last().map(|i| make(lines[i]));
        intervals.push(Interval { from, to, index, begun });
    }
    let alike = |a: &Interval<'_>, b: &Interval<'_>| a.begun.is_some() && a.begun == b.begun && make(lines[a.index]) == make(lines[b.index]);
    let length = |i: &Interval<'_>| i.to.saturating_sub(i.from);
    let covers = |a: &Interval<'_>, b: &Interval<'_>| a.from.saturating_sub(SLACK_NS) <= b.from && b.to <= a.to.saturating_add(SLACK_NS);
    let holds = |a: &Interval<'_>, b: &Interval<'_>| covers(a, b) && length(a) > length(b) && !alike(a, b);
    let outer: Vec<(i64, i64, usize)> = intervals.iter().filter(|inner| !intervals.iter().any(|other| holds(other, inner))).map(|i| (i.from, i.to, i.index)).collect();
    let mut makes: BTreeMap<Make<'_>, Vec<(i64, i64)>> = BTreeMap::new();
    outer.into_iter().for_each(|(from, to, index)| makes.entry(make(lines[index])).or_default().push((from, to)));
    let sum = |intervals: &[(i64, i64)]| intervals.iter().fold(0_i64, |sum, (from, to)| sum.saturating_add(to.saturating_sub(*from)));
    let Some((of_make, mut best)) = makes.into_iter().max_by_key(|(_, intervals)| sum(intervals)) else { return Vec::new() };
    best.sort_unstable();
    // Calls that the request made state lengths, too: then its own ends, of another make, are fewer.
    let last = (0..lines.len()).rev().find(|i| says[*i] == Says::End).map(|last| make(lines[last]));
    let ends = |of: &Make<'_>| (0..lines.len()).filter(|i| says[*i] == Says::End && make(lines[*i]) == *of).count();
    if last.is_some_and(|last| last != of_make && ends(&last) != best.len()) { Vec::new() } else { best }
}

fn by_answers<'a>(lines: &[&'a Item], answers: &[(i64, i64)]) -> (Vec<Vec<&'a Item>>, Vec<&'a Item>) {
    let (mut requests, mut undecided): (Vec<Vec<&Item>>, Vec<&Item>) = (vec![Vec::new(); answers.len()], Vec::new());
    // The latest end among the answers up to each: behind it none of them is open.
    let mut most = i64::MIN;
    let latest: Vec<i64> = answers
        .iter()
        .map(|a| {
            most = most.max(a.1);
            most
        })
        .collect();
    for &line in lines {
        let time = line.time_ns.unwrap_or_default();
        let slack = SLACK_NS.saturating_add(2 * line.quantum_ns);
        let begun = answers.partition_point(|a| a.0.saturating_sub(slack) <= time);
        let mut open: Vec<usize> = (0..begun).rev().take_while(|k| time <= latest[*k].saturating_add(slack)).filter(|k| time <= answers[*k].1.saturating_add(slack)).collect();
        open.reverse();
        let states = |k: &&usize| line.duration_ns().is_some_and(|d| answers[**k] == (time.saturating_sub(d), time));
        let starts = |k: &&usize| answers[**k].0.abs_diff(time) <= slack.unsigned_abs();
        // Behind an answer stands what was still done for it, unless two had been open.
        let is_apart = |k: &usize| (*k == 0 || latest[*k - 1] <= answers[*k].0) && answers.get(*k + 1).is_none_or(|next| next.0 >= answers[*k].1);
        let last = || begun.checked_sub(1).filter(|k| answers[*k].1 < time).filter(is_apart);
        let one = match open[..] {
            [] => last(),
            [one] => Some(one),
            _ => open.iter().find(states).or_else(|| open.iter().find(starts).filter(|_| open.iter().filter(starts).count() == 1 && line.duration_ns().is_none())).copied(),
        };
        match one {
            Some(k) => requests[k].push(line),
            None => undecided.push(line),
        }
    }
    (requests, undecided)
}

/// Where begins alternate with ends: the first line is a begin, and none of its make comes before an end, but after a pause. Beside each start whether as
/// many began as ended before the next: two at a time, of which no line tells which it is of.
fn begins(lines: &[&Item], says: &[Says]) -> Option<Vec<(usize, bool)>> {
    let last = (0..lines.len()).rev().find(|i| says[*i] == Says::End)?;
    if says.first() != Some(&Says::Begin) {
        return None;
    }
    let (first, of_end) = (make(lines[0]), make(lines[last]));
    let (mut out, mut begun, mut ended) = (vec![(0, false)], 1_usize, 0_usize);
    for index in 1..lines.len() {
        match says[index] {
            Says::End if make(lines[index]) == of_end => ended += 1,
            Says::Begin if make(lines[index]) == first => {
                // The same words again while the request runs: its lines carry the path, it was sent on, or another came meanwhile.
                if ended >= begun || (ended == 0 && gap(lines, index) >= PAUSE_NS) {
                    out.push((index, false));
                    (begun, ended) = (1, 0);
                } else {
                    begun += 1;
                }
            }
            _ => {}
        }
        if let Some(current) = out.last_mut() {
            current.1 = begun > 1 && begun == ended && !is_told_twice(&lines[current.0..=index], &says[current.0..=index]);
        }
    }
    // A begin that nothing ends, behind one that ended, tells of work behind an answer where it is the only one.
    let unended = ended == 0 && out.len() == 2;
    let is_one = out.len() == 1 && !out[0].1;
    if is_one || (unended && gap(lines, out[1].0) < PAUSE_NS) { None } else { Some(out) }
}

/// Two begins at once and two ends at once: a request of which two parts of a program tell.
fn is_told_twice(lines: &[&Item], says: &[Says]) -> bool {
    let times = |what: Says| lines.iter().zip(says).filter(|(_, s)| **s == what).filter_map(|(line, _)| line.time_ns).collect::<Vec<_>>();
    let at_once = |times: &[i64]| matches!(times, [a, b] if b.saturating_sub(*a) <= AT_ONCE_NS);
    at_once(&times(Says::Begin)) && at_once(&times(Says::End))
}

/// Where a request ends more than once: each time it is another, and the longest silence lies between.
fn between_ends(lines: &[&Item], says: &[Says]) -> Option<Vec<usize>> {
    let last = (0..lines.len()).rev().find(|i| says[*i] == Says::End)?;
    let of_make = make(lines[last]);
    let ends: Vec<usize> = (0..lines.len()).filter(|i| says[*i] == Says::End && make(lines[*i]) == of_make).collect();
    let mut out = vec![0];
    out.extend(ends.windows(2).map(|w| (w[0] + 1..=w[1]).max_by_key(|i| (gap(lines, *i), std::cmp::Reverse(*i))).unwrap_or(w[1])));
    // Calls of one request follow each other at once.
    out.dedup();
    let rested = out.iter().skip(1).all(|start| gap(lines, *start) >= PAUSE_NS);
    (ends.len() > 1 && rested).then_some(out)
}

fn after_silence(lines: &[&Item], says: &[Says]) -> Vec<usize> {
    let mut out = vec![0];
    if says.iter().all(|s| *s == Says::Nothing) {
        let first = template(lines[0]);
        out.extend((1..lines.len()).filter(|i| gap(lines, *i) >= SILENCE_NS && template(lines[*i]) == first));
    }
    out
}

/// Access record, logger, words.
type Make<'a> = (bool, &'a str, String);

/// What lines that tell of one thing have in common: paths are left out of their words, as each request has its own.
fn make(line: &Item) -> Make<'_> {
    let words = template(line);
    let access = line.entry.http.as_ref().is_some_and(|http| http.access);
    (access, line.entry.logger.as_deref().unwrap_or(""), if words.contains('/') { String::new() } else { words })
}

fn gap(lines: &[&Item], index: usize) -> i64 {
    lines[index].time_ns.unwrap_or_default().saturating_sub(lines[index - 1].time_ns.unwrap_or_default())
}

/// Whether a line says that the request itself began or ended: its HTTP part does, or its words where they speak of no call, tool or task.
fn says(item: &Item, base: &str) -> Says {
    let entry = &item.entry;
    let about_it = item.subject().is_some_and(|s| *s.key == *base) && entry.model.is_none() && entry.tool.is_none() && entry.job.is_none() && entry.write.is_none();
    if !about_it {
        return Says::Nothing;
    }
    let body = entry.body.as_deref().unwrap_or_default();
    match &entry.http {
        // A whole URL is one that the request called.
        Some(_) if body.contains("://") => Says::Nothing,
        Some(http) if http.access || http.status.is_some() => Says::End,
        Some(http) if http.path.is_some() && (item.verb.is_start() || item.verb == Verb::None) => Says::Begin,
        _ if !speaks_of_requests(body) => Says::Nothing,
        _ if item.verb.is_start() => Says::Begin,
        _ if matches!(item.verb, Verb::End | Verb::Fail) => Says::End,
        _ => Says::Nothing,
    }
}

fn speaks_of_requests(body: &str) -> bool {
    body.split(|c: char| !c.is_alphanumeric()).take(40).any(|w| ["request", "req", "response", "http"].iter().any(|noun| w.eq_ignore_ascii_case(noun)))
}
