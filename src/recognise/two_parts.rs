//! Instants and lengths in two parts: whole seconds beside the rest of a second in one object (`{epochSecond, nanoOfSecond}`,
//! `{seconds, nanos}`, `{tv_sec, tv_usec}`), under one name (`timestampSeconds` beside `timestampNanos`) or in one list (`[1795957850, 584857656]`).
//!
//! Guarantees: a rest is added only to whole seconds, and only when it is less than one. It does not decide what the two are: their common
//! name does.

use crate::{
    model::time::{Instant, Length},
    recognise::{
        instant,
        length::Unit,
        scan::{self, Kind, Leaf},
    },
};

const SECOND_NS: u64 = 1_000_000_000;
/// What whole seconds are called, folded; a name that ends in another stands before it.
const WHOLE: [&str; 8] = ["secssinceepoch", "epochseconds", "epochsecond", "tvsec", "seconds", "secs", "sec", "s"];
/// What the rest is called, with its unit.
const REST: [(&str, Unit); 18] = [
    ("nanossinceepoch", Unit::Ns),
    ("nanoofsecond", Unit::Ns),
    ("microofsecond", Unit::Us),
    ("nanoseconds", Unit::Ns),
    ("microseconds", Unit::Us),
    ("tvnsec", Unit::Ns),
    ("tvusec", Unit::Us),
    ("nanos", Unit::Ns),
    ("micros", Unit::Us),
    ("nano", Unit::Ns),
    ("micro", Unit::Us),
    ("milli", Unit::Ms),
    ("millis", Unit::Ms),
    ("nsec", Unit::Ns),
    ("usec", Unit::Us),
    ("ns", Unit::Ns),
    ("us", Unit::Us),
    ("ms", Unit::Ms),
];

/// Two leaves that are one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Whole seconds.
    pub whole: u16,
    /// The rest.
    pub rest: u16,
    /// Unit of the rest.
    pub unit: Unit,
    /// How many bytes of the path the two have in common: the name of what they are.
    pub name: usize,
    /// They are members of one object of that name. `latency_s` beside `latency_ms` may be one length said twice.
    pub is_object: bool,
}

/// The pairs of a shape.
pub fn of(leaves: &[Leaf<'_>], paths: &[String]) -> Vec<Pair> {
    let is_number = |leaf: &Leaf<'_>| matches!(leaf.kind, Kind::Num | Kind::Str);
    let rests =
        paths.iter().enumerate().filter(|(i, _)| is_number(&leaves[*i])).filter_map(|(i, path)| Some((i, REST.iter().find_map(|(word, unit)| Some((base(path, word)?, *unit)))?)));
    let pair = |(rest, (name, unit)): (usize, (usize, Unit))| {
        let is_whole = |(i, path): (usize, &String)| {
            let same = leaves[i].object == leaves[rest].object && is_number(&leaves[i]) && path.get(..name) == paths[rest].get(..name);
            (same && WHOLE.iter().find_map(|word| base(path, word)) == Some(name)).then_some(i as u16)
        };
        let whole = paths.iter().enumerate().find_map(is_whole)?;
        let is_object = paths[rest].as_bytes().get(name) == Some(&b'.');
        Some(Pair { whole, rest: rest as u16, unit, name, is_object })
    };
    rests.filter_map(pair).collect()
}

/// The length of what stands before the word that a path ends in, whatever the case and the marks inside the word.
fn base(path: &str, word: &str) -> Option<usize> {
    let (mut at, mut left) = (path.len(), word.as_bytes());
    while let Some((last, rest)) = left.split_last() {
        at = at.checked_sub(1)?;
        match path.as_bytes()[at] {
            b'_' | b'-' if left.len() < word.len() => {}
            byte if byte.to_ascii_lowercase() == *last => left = rest,
            _ => return None,
        }
    }
    let head = path.get(..at)?;
    let is_word = head.ends_with(['.', '_', '-']) || path.as_bytes()[at].is_ascii_uppercase();
    let name = head.trim_end_matches(['.', '_', '-']).len();
    (is_word && name > 0).then_some(name)
}

/// The rest in nanoseconds.
fn rest_ns(digits: &str, unit: Unit) -> Option<i64> {
    let ns = digits.trim().parse::<u64>().ok()?.checked_mul(unit.nanos())?;
    i64::try_from(ns).ok().filter(|_| ns < SECOND_NS)
}

/// An instant with the rest of its second.
pub fn instant(whole: Instant, rest: &Leaf<'_>, unit: Unit) -> Instant {
    with_rest(whole, rest.raw, unit)
}

/// An instant written as a list of its seconds and their nanoseconds, as Node's clocks give it.
pub fn of_list(raw: &str) -> Option<Instant> {
    match scan::elements(raw, 3)[..] {
        [(Kind::Num, seconds), (Kind::Num, nanos)] => {
            let whole = instant::from_number(seconds).filter(|t| t.quantum_ns == SECOND_NS)?;
            rest_ns(nanos, Unit::Ns).map(|_| with_rest(whole, nanos, Unit::Ns))
        }
        _ => None,
    }
}

fn with_rest(whole: Instant, rest: &str, unit: Unit) -> Instant {
    match rest_ns(rest, unit).filter(|_| whole.quantum_ns == SECOND_NS) {
        Some(ns) => Instant { unix_ns: whole.unix_ns.saturating_add(ns), quantum_ns: unit.nanos(), ..whole },
        None => whole,
    }
}

/// A length with the rest of its last second.
pub fn length(whole: Length, rest: &Leaf<'_>, unit: Unit) -> Length {
    match whole.ns.filter(|_| whole.quantum_ns == SECOND_NS).zip(rest_ns(rest.raw, unit)) {
        Some((ns, more)) => Length::known(ns.saturating_add(more), unit.nanos()),
        None => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::{
        names::{Names, ROOT},
        scan::Scan,
    };

    fn found(line: &str) -> Vec<(String, String, String)> {
        let (mut names, mut scan) = (Names::bare(), Scan::default());
        scan.object(line, &mut names, ROOT);
        let paths: Vec<String> = scan.leaves.iter().map(|l| names.dotted(l.path)).collect();
        of(&scan.leaves, &paths).into_iter().map(|p| (paths[p.whole as usize][..p.name].to_owned(), paths[p.whole as usize].clone(), paths[p.rest as usize].clone())).collect()
    }

    #[test]
    fn seconds_and_their_rest_are_found_by_what_their_names_have_in_common() {
        for (line, name) in [
            (r#"{"instant":{"epochSecond":1,"nanoOfSecond":2}}"#, "instant"),
            (r#"{"instant":{"epoch_second":1,"nano":2}}"#, "instant"),
            (r#"{"timestamp":{"seconds":"1","nanos":2}}"#, "timestamp"),
            (r#"{"timestampSeconds":1,"timestampNanos":2}"#, "timestamp"),
            (r#"{"at":{"tv_sec":1,"tv_usec":2}}"#, "at"),
            (r#"{"time":{"secs_since_epoch":1,"nanos_since_epoch":2}}"#, "time"),
            (r#"{"took":{"secs":1,"nanos":2}}"#, "took"),
        ] {
            assert_eq!(found(line).into_iter().map(|(name, ..)| name).collect::<Vec<_>>(), [name], "{line}");
        }
    }

    #[test]
    fn parts_of_two_things_are_no_pair() {
        for line in [r#"{"a":{"seconds":1},"b":{"nanos":2}}"#, r#"{"startSeconds":1,"waitNanos":2}"#, r#"{"seconds":1,"nanos":2}"#, r#"{"bars":1,"bans":2}"#] {
            assert_eq!(found(line), vec![], "{line}");
        }
    }
}
