//! Requests that bear one number: a counter that begins again with its process gives the id of a request to another (`reconstruction.md` 2.4,
//! episodes). Each is a unit of its own.
//!
//! Pure functions of the lines that bear the number. Guarantees: lines are told apart by what wrote them (host and process, else the file) and by
//! a request that begins, or ends, anew behind the end of one; a line that may be of two of them is of neither. An id that is no number that
//! counts is never taken apart. It never joins anything.

use crate::{
    model::{
        id::{IdKind, IdRelation, is_strong},
        time::UnixNanos,
    },
    reconstruct::{
        item::{Item, WorkRef},
        lanes::template,
        words::Verb,
    },
};
use rustc_hash::FxHashMap;
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
};

/// Stands between a number and the instant its episode began at.
const SINCE: &str = "since ";
/// Most digits of a number that counts.
const MAX_DIGITS: usize = 10;
/// Where lines say neither begin nor end, the first of them again after so long a silence is another request's.
const SILENCE_NS: i64 = 600_000_000_000;

/// The number may come again: it counts, and names a request.
pub fn may_recur(r: &WorkRef) -> bool {
    r.kind == IdKind::Request && (r.key.contains('\u{1f}') || counts(&r.value))
}

/// Letters, then a few digits: `req-00000001`.
fn counts(value: &str) -> bool {
    let digits = value.trim_start_matches(|c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '_' | ':' | '#'));
    (1..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) || !is_strong(value, true)
}

/// The number and the instant, of the key of an episode.
pub fn base_of(key: &str) -> Option<(&str, &str)> {
    let (before, instant) = key.rsplit_once(SINCE)?;
    let base = before.strip_suffix(['\u{1f}', ' '])?;
    let is_instant = instant.len() == 24 && instant.ends_with('Z') && instant.as_bytes()[10] == b'T';
    (is_instant || instant == UNDATED).then_some((base, instant))
}

/// What the keys of the episodes of a number begin with.
pub fn below(base: &str) -> String {
    format!("{base}{}{SINCE}", if base.contains('\u{1f}') { ' ' } else { '\u{1f}' })
}

/// In place of the instant: lines that may be of several.
const UNDATED: &str = "an unknown time";

/// What wrote a line: its host and process where it says so, else its file.
type Origin = (Box<str>, Box<str>, u64);

fn origin(item: &Item) -> Origin {
    let part = |part: &Option<Box<str>>| part.clone().unwrap_or_default();
    let (host, process) = (part(&item.entry.host), part(&item.entry.process));
    let file = if host.is_empty() && process.is_empty() { item.entry.at.file.0 } else { 0 };
    (host, process, file)
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
    of_line: FxHashMap<(u64, u64, u32), usize>,
    undated: Arc<str>,
}

#[derive(Debug)]
struct Episode {
    key: Arc<str>,
    origin: Origin,
    began_ns: i64,
}

impl Episodes {
    /// Their keys.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.list.iter().map(|e| &e.key).chain([&self.undated])
    }

    /// Which of them a line names.
    pub fn key_of(&self, item: &Item) -> &Arc<str> {
        let at = (item.entry.at.file.0, item.entry.at.start, item.entry.at.sub);
        let index = self.of_line.get(&at).copied().or_else(|| self.by_time(item));
        index.map_or(&self.undated, |index| &self.list[index].key)
    }

    /// The last that began before, where that is one of what wrote the line, or one wrote them all.
    fn by_time(&self, item: &Item) -> Option<usize> {
        let (time, from) = (item.time_ns?, origin(item));
        let before = |e: &Episode| e.began_ns <= time.saturating_add(item.quantum_ns);
        let own = self.list.iter().rposition(|e| e.origin == from && before(e));
        let is_one = self.list.iter().map(|e| &e.origin).collect::<BTreeSet<_>>().len() == 1;
        own.or_else(|| self.list.iter().rposition(before).filter(|_| is_one))
    }
}

/// Takes the lines that bear a number apart; `None` when they are of one request.
pub fn of(base: &str, items: &[Rc<Item>]) -> Option<Episodes> {
    let mut groups: BTreeMap<Origin, Vec<&Item>> = BTreeMap::new();
    for item in items.iter().filter(|item| item.reference(base).is_some_and(|r| r.kind == IdKind::Request && r.relation == IdRelation::Own && !r.listed) && item.time_ns.is_some())
    {
        groups.entry(origin(item)).or_default().push(item);
    }
    let mut cut: Vec<(Origin, Vec<&Item>, bool)> = Vec::new();
    for (origin, mut lines) in groups {
        lines.sort_by_key(|i| (i.time_ns, i.verb.causal_rank(), i.entry.at.file.0, i.entry.at.start, i.entry.at.sub));
        let says: Vec<Says> = lines.iter().map(|item| says(item, base)).collect();
        let told = says.iter().any(|s| *s != Says::Nothing);
        let mut starts = starts(&lines, &says);
        starts.push(lines.len());
        cut.extend(starts.windows(2).map(|w| (origin.clone(), lines[w[0]..w[1]].to_vec(), told)));
    }
    // What says neither begin nor end is work for a request that another received.
    let (mut told, untold): (Vec<_>, Vec<_>) = cut.into_iter().partition(|(.., told)| *told);
    if told.is_empty() {
        told = untold;
    }
    if told.len() < 2 {
        return None;
    }
    told.sort_by_key(|(origin, lines, _)| (lines[0].time_ns, origin.clone()));
    Some(named(base, told))
}

fn named(base: &str, told: Vec<(Origin, Vec<&Item>, bool)>) -> Episodes {
    let join = |instant: &str| -> Arc<str> { (below(base) + instant).into() };
    let (mut list, mut of_line): (Vec<Episode>, FxHashMap<(u64, u64, u32), usize>) = Default::default();
    let mut taken = BTreeSet::new();
    for (origin, lines, _) in told {
        let began_ns = lines[0].time_ns.unwrap_or_default();
        let mut shown_ns = began_ns;
        // Two that began in one millisecond are told apart by the next.
        while !taken.insert(shown_ns.div_euclid(1_000_000)) {
            shown_ns = shown_ns.saturating_add(1_000_000);
        }
        of_line.extend(lines.iter().map(|item| ((item.entry.at.file.0, item.entry.at.start, item.entry.at.sub), list.len())));
        list.push(Episode { key: join(&instant(shown_ns)), origin, began_ns });
    }
    Episodes { list, of_line, undated: join(UNDATED) }
}

/// To the millisecond, always as long.
fn instant(ns: i64) -> String {
    UnixNanos(ns).to_rfc3339_ms()
}

/// Where requests begin among the lines of one writer.
fn starts(lines: &[&Item], says: &[Says]) -> Vec<usize> {
    if lines.is_empty() {
        return Vec::new();
    }
    let mut out = vec![0];
    if says.contains(&Says::Begin) {
        // Several lines may tell of one begin: those of the make that comes first do.
        let first = says.iter().position(|s| *s == Says::Begin).map(|first| make(lines[first]));
        let (mut ended, mut begun) = (false, false);
        for (index, line) in lines.iter().enumerate() {
            match says[index] {
                Says::Begin if ended || (begun && first.as_ref() == Some(&make(line))) => {
                    out.push(index);
                    (ended, begun) = (false, true);
                }
                Says::Begin => begun = true,
                Says::End => ended = true,
                Says::Nothing => {}
            }
        }
        out.dedup();
        return out;
    }
    let ends: Vec<usize> = ends_of_one_make(lines, says);
    if ends.len() > 1 {
        // Nothing tells where one begins: the longest silence between two ends does.
        out.extend(ends.windows(2).map(|w| (w[0] + 1..=w[1]).max_by_key(|i| (gap(lines, *i), std::cmp::Reverse(*i))).unwrap_or(w[1])));
    } else if ends.is_empty() {
        let first = template(lines[0]);
        out.extend((1..lines.len()).filter(|i| gap(lines, *i) >= SILENCE_NS && template(lines[*i]) == first));
    }
    out
}

/// A request ends once; of several kinds of lines that tell of it the most frequent counts.
fn ends_of_one_make(lines: &[&Item], says: &[Says]) -> Vec<usize> {
    let mut makes: BTreeMap<(bool, &str, String), Vec<usize>> = BTreeMap::new();
    for index in (0..lines.len()).filter(|i| says[*i] == Says::End) {
        makes.entry(make(lines[index])).or_default().push(index);
    }
    makes.into_values().max_by_key(Vec::len).unwrap_or_default()
}

/// What lines that tell of one thing have in common: paths are left out of their words, as each request has its own.
fn make(line: &Item) -> (bool, &str, String) {
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
