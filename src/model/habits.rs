//! What the lines of one source have in common, counted, and what is decided from it: which convention its odd lines follow, which of its
//! unnamed keys is the clock, the severity or the text, which unit its bare durations have.
//!
//! Guarantees: mergeable counts, minima and maxima, so batches may have any size; only whether a clock grows, and the time since work was
//! first seen, are counted in the order of reading. Bounded whatever the keys; a decision is a pure function of the counts, and what is
//! ambiguous is said and used for nothing. It never sees a line.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, ops::RangeInclusive};

/// Most keys whose use is counted, and keys that are watched.
pub const MAX_KEYS: usize = 96;
/// Most words remembered of a key's values.
const MAX_WORDS: usize = 12;
/// Most conventions, and first keys of one.
const MAX_LEADS: usize = 12;
/// Longest key that is remembered, in bytes.
pub const MAX_KEY_BYTES: usize = 160;
/// Fewest lines that decide anything.
const ENOUGH: u64 = 8;
/// Agreeing lengths that decide a unit.
const ENOUGH_LENGTHS: u32 = 3;
/// Units of bare durations with their nanoseconds.
pub const UNITS: [(&str, f64); 4] = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)];
/// Words of the severities.
const MILD_TO_SEVERE: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];
/// What small numbers are taken for.
const SYSLOG: [&str; 8] = ["0=fatal", "1=fatal", "2=fatal", "3=error", "4=warn", "5=info", "6=info", "7=debug"];
/// Lengths that can be held against the lines of their work, in nanoseconds: 90 ms to 20 minutes. Between shorter ones stands a line by chance.
const REACHING_NS: RangeInclusive<f64> = 9e7..=1.2e12;
/// A clock of a log covers no more than this, in seconds: two years. Birthdays and validities do.
const LONGEST_LOG_S: i64 = 2 * 366 * 86_400;

/// What a line lacks that an unnamed key may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// No key is known to be its time.
    Time,
    /// No key is known to be its severity.
    Level,
    /// No key is known to be its text.
    Message,
}

/// What was counted of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Habits {
    /// JSON objects.
    pub objects: u64,
    /// Convention (empty: none) → its lines.
    pub conventions: BTreeMap<String, Lead>,
    /// Objects without a time, a severity, a text that is known by its key.
    pub lacking: [u64; 3],
    /// Key → what its values looked like, for keys that nothing claims and lengths without a unit.
    pub watched: BTreeMap<String, Watched>,
    /// Numbers that stood for a severity where no convention gave their scale.
    pub levels: BTreeMap<i64, u64>,
    /// Key → what was done with it.
    pub keys: BTreeMap<String, KeyUse>,
    /// Keys beyond the bound.
    pub further_keys: u64,
}

/// The lines of a convention.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// How many.
    pub lines: u64,
    /// Key they begin with → how many.
    pub first_keys: BTreeMap<String, u64>,
}

/// What became of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUse {
    /// Lines that have it.
    pub lines: u64,
    /// What it was read as, in words → lines.
    pub uses: BTreeMap<String, u64>,
}

/// What the values of a key looked like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Values.
    pub lines: u64,
    /// Of them, instants.
    pub instants: u64,
    /// Earliest and latest of those, in seconds.
    pub range_s: Option<(i64, i64)>,
    /// Instants that follow another, in the order of the lines.
    pub steps: u64,
    /// Of them, those that are earlier than the one before.
    pub falls: u64,
    /// Values that are words of a severity.
    pub severities: u64,
    /// Those words.
    pub words: BTreeMap<String, u64>,
    /// Values of several words.
    pub prose: u64,
    /// For a length: how often it fits the time since its unit of work was first seen, by [`UNITS`].
    pub fits: [u32; 4],
    /// How often it reaches back to one of the last lines of that work to a hundredth, and how often it could, by [`UNITS`].
    pub reaches: [(u32, u32); 4],
    /// Shortest and longest of those lengths, in thousandths of whatever they are in.
    pub lengths_milli: Option<(i64, i64)>,
}

/// What is decided of a source; empty when there is nothing to decide.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customs {
    /// Convention of lines that nearly have its signature.
    pub convention: Option<String>,
    /// Key such a line begins with.
    pub first_key: Option<String>,
    /// Key → what it is: `time`, `level`, `message`, `duration ms`.
    pub keys: BTreeMap<String, String>,
    /// Scale of numeric severities.
    pub scale: Option<String>,
    /// Why, and what stayed open; one sentence each.
    pub why: Vec<String>,
}

impl Customs {
    /// Nothing differs from reading each line by itself.
    pub fn is_empty(&self) -> bool {
        self.convention.is_none() && self.keys.is_empty() && self.scale.is_none()
    }
}

fn widen(range: &mut Option<(i64, i64)>, value: i64) {
    *range = Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))));
}

/// Counts one more, unless a new name would be one too many.
pub fn bump(counts: &mut BTreeMap<String, u64>, name: &str, by: u64, most: usize) {
    if let Some(n) = counts.get_mut(name) {
        *n += by;
    } else if counts.len() < most && name.len() <= MAX_KEY_BYTES {
        counts.insert(name.to_owned(), by);
    }
}

impl Habits {
    /// Counts lines of a convention that begin with a key.
    pub fn led(&mut self, convention: &str, first_key: &str, lines: u64) {
        self.objects += lines;
        if self.conventions.len() < MAX_LEADS || self.conventions.contains_key(convention) {
            let lead = self.conventions.entry(convention.to_owned()).or_default();
            lead.lines += lines;
            bump(&mut lead.first_keys, first_key, lines, MAX_LEADS);
        }
    }

    /// Counts what was done with a key.
    pub fn used(&mut self, key: &str, what: &str, lines: u64) {
        if !self.keys.contains_key(key) {
            if self.keys.len() >= MAX_KEYS || key.len() > MAX_KEY_BYTES {
                self.further_keys += lines;
                return;
            }
            self.keys.insert(key.to_owned(), KeyUse::default());
        }
        if let Some(found) = self.keys.get_mut(key) {
            found.lines += lines;
            bump(&mut found.uses, what, lines, 4);
        }
    }

    /// What is counted of a key's values, as long as there is room for one more.
    pub fn watch(&mut self, key: &str) -> Option<&mut Watched> {
        if !self.watched.contains_key(key) {
            if self.watched.len() >= MAX_KEYS || key.len() > MAX_KEY_BYTES {
                return None;
            }
            self.watched.insert(key.to_owned(), Watched::default());
        }
        self.watched.get_mut(key)
    }

    /// Takes in what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.objects += other.objects;
        self.further_keys += other.further_keys;
        for (mine, theirs) in self.lacking.iter_mut().zip(other.lacking) {
            *mine += theirs;
        }
        for (name, lead) in &other.conventions {
            if self.conventions.len() < MAX_LEADS || self.conventions.contains_key(name) {
                let mine = self.conventions.entry(name.clone()).or_default();
                mine.lines += lead.lines;
                lead.first_keys.iter().for_each(|(key, n)| bump(&mut mine.first_keys, key, *n, MAX_LEADS));
            }
        }
        for (key, seen) in &other.watched {
            if let Some(mine) = self.watch(key) {
                mine.merge(seen);
            }
        }
        for (number, n) in &other.levels {
            self.level_number(*number, *n);
        }
        for (key, found) in &other.keys {
            found.uses.iter().for_each(|(what, n)| self.used(key, what, *n));
        }
    }

    /// Counts a number that stood for a severity.
    pub fn level_number(&mut self, number: i64, lines: u64) {
        if self.levels.len() < 32 || self.levels.contains_key(&number) {
            *self.levels.entry(number).or_default() += lines;
        }
    }

    /// Counts the word that stood beside such a number.
    pub fn level_word(&mut self, key: &str, number: i64, word: &str) {
        if let Some(seen) = self.watch(key) {
            bump(&mut seen.words, &format!("{number}={word}"), 1, MAX_WORDS);
        }
    }

    /// What it all speaks for.
    pub fn customs(&self) -> Customs {
        let mut out = Customs::default();
        self.decide_convention(&mut out);
        self.decide(Lack::Time, "time", "values that are instants", Watched::is_clock, &mut out);
        self.decide(Lack::Level, "level", "values that are words of a severity", Watched::is_level, &mut out);
        self.decide(Lack::Message, "message", "values of several words", Watched::is_message, &mut out);
        self.decide_units(&mut out);
        out.scale = self.scale().map(str::to_owned).or_else(|| self.taught_scale(&mut out.why));
        out
    }

    /// Lines without a convention follow the one of most of their source.
    fn decide_convention(&self, out: &mut Customs) {
        let Some((name, lead)) = self.conventions.iter().filter(|(name, _)| !name.is_empty()).max_by_key(|(_, lead)| lead.lines) else { return };
        let odd = self.conventions.get("").map_or(0, |lead| lead.lines);
        if odd == 0 || lead.lines < ENOUGH || lead.lines * 10 < self.objects * 6 {
            return;
        }
        out.convention = Some(name.clone());
        // One alone: a share that is near its threshold would be decided now this way, now that.
        out.first_key = lead.first_keys.iter().max_by_key(|(_, n)| **n).map(|(key, _)| key.clone());
        out.why.push(format!("{} of {} objects have the keys of {name}; others that begin alike and have half of them are read so too", lead.lines, self.objects));
    }

    fn decide(&self, lack: Lack, role: &str, what: &str, is: fn(&Watched, &str) -> bool, out: &mut Customs) {
        let lines = self.lacking[lack as usize];
        if lines < ENOUGH {
            return;
        }
        let found: Vec<(&String, &Watched)> = self.watched.iter().filter(|(key, seen)| seen.lines >= ENOUGH && seen.lines * 2 >= lines && is(seen, key)).collect();
        // Of several, the one nearest to the top.
        let depth = |key: &str| key.matches('.').count();
        let top = found.iter().map(|(key, _)| depth(key)).min().unwrap_or(0);
        let nearest: Vec<&(&String, &Watched)> = found.iter().filter(|(key, _)| depth(key) == top).collect();
        match nearest[..] {
            [] => {}
            [(key, seen)] => {
                out.keys.insert((*key).clone(), role.to_owned());
                out.why.push(format!("{key} is the {role}: {} {what}, on {} of {lines} lines without one", seen.lines, seen.lines.min(lines)));
            }
            [..] => {
                let names: Vec<&str> = nearest.iter().map(|(key, _)| key.as_str()).collect();
                out.why.push(format!("{} may each be the {role}: none is used", names.join(", ")));
            }
        }
    }

    fn decide_units(&self, out: &mut Customs) {
        for (key, seen) in &self.watched {
            // Lengths that hardly differ may fit the beat of a timer in any unit.
            let differ = seen.lengths_milli.is_some_and(|(shortest, longest)| longest.saturating_mul(2) >= shortest.saturating_mul(3));
            if let Some((unit, reached, could)) = seen.reaching_unit().filter(|_| differ) {
                out.keys.entry(key.clone()).or_insert_with(|| format!("duration {unit}"));
                out.why.push(format!("{key} is in {unit}: {reached} of {could} lengths reach back to a line of their work"));
                continue;
            }
            let total: u32 = seen.fits.iter().sum();
            let Some((best, n)) = seen.fits.iter().enumerate().max_by_key(|(_, n)| **n) else { continue };
            // Short steps late in long work fit a longer unit now and then: most lengths of the key must fit.
            let most = u64::from(*n) * 10 >= seen.lines * 6;
            if *n >= ENOUGH_LENGTHS && u64::from(*n) * 10 >= u64::from(total) * 9 && most && differ {
                let unit = UNITS[best].0;
                out.keys.entry(key.clone()).or_insert_with(|| format!("duration {unit}"));
                out.why.push(format!("{key} is in {unit}: {n} of {total} lengths fit the time since their work was first seen"));
            }
        }
    }

    /// Tens are pino's or Python's: with pino most lines are 30, with Python 20. Fours are slog's or OpenTelemetry's.
    fn scale(&self) -> Option<&'static str> {
        let total: u64 = self.levels.values().sum();
        let most = self.levels.iter().max_by_key(|(_, n)| **n).map(|(number, _)| *number)?;
        let all = |allowed: &[i64]| self.levels.keys().all(|n| allowed.contains(n));
        if total < ENOUGH {
            return None;
        }
        if all(&[5, 10, 20, 25, 30, 40, 50]) && matches!(most, 20 | 25) && !self.levels.contains_key(&60) {
            return Some("python");
        }
        if all(&[-8, -4, 0, 4, 8, 12]) && self.levels.keys().any(|n| *n < 0 || *n > 7) {
            return Some("slog");
        }
        (self.levels.keys().all(|n| (1..=24).contains(n)) && most == 9).then_some("otel")
    }

    /// A scale of the logger's own: its numbers with the words that stand beside them, as far as each has one, when they rise or fall
    /// together. Syslog's needs no teaching.
    fn taught_scale(&self, why: &mut Vec<String>) -> Option<String> {
        let mut words: BTreeMap<&str, Vec<(&str, u64)>> = BTreeMap::new();
        let pairs = self.watched.values().flat_map(|seen| &seen.words).filter_map(|(pair, n)| pair.split_once('=').map(|(number, word)| (number, word, *n)));
        pairs.for_each(|(number, word, n)| words.entry(number).or_default().push((word, n)));
        let total = |counts: &[(&str, u64)]| counts.iter().map(|(_, n)| n).sum::<u64>();
        if words.values().map(|counts| total(counts)).sum::<u64>() < ENOUGH {
            return None;
        }
        let firm = |(number, counts): (&&str, &Vec<(&str, u64)>)| {
            let (word, n) = counts.iter().max_by_key(|(_, n)| *n)?;
            (*n * 10 >= total(counts) * 9).then(|| format!("{number}={word}"))
        };
        let known: Vec<String> = words.iter().filter_map(firm).collect();
        let ranks: Vec<usize> = known.iter().filter_map(|pair| MILD_TO_SEVERE.iter().position(|word| pair.ends_with(&format!("={word}")))).collect();
        let differ = ranks.windows(2).any(|pair| pair[0] != pair[1]);
        let is_syslog = known.iter().all(|pair| SYSLOG.contains(&pair.as_str()));
        if !differ || is_syslog || !(ranks.is_sorted() || ranks.iter().rev().is_sorted()) {
            return None;
        }
        why.push(format!("numbers of the severity mean what the words beside them say: {}", known.join(", ")));
        Some(known.join(" "))
    }
}

impl Watched {
    fn merge(&mut self, other: &Self) {
        self.lines += other.lines;
        self.instants += other.instants;
        self.severities += other.severities;
        self.prose += other.prose;
        self.steps += other.steps;
        self.falls += other.falls;
        for at in other.range_s.into_iter().flat_map(<[i64; 2]>::from) {
            widen(&mut self.range_s, at);
        }
        for length in other.lengths_milli.into_iter().flat_map(<[i64; 2]>::from) {
            widen(&mut self.lengths_milli, length);
        }
        other.words.iter().for_each(|(word, n)| bump(&mut self.words, word, *n, MAX_WORDS));
        for (mine, theirs) in self.fits.iter_mut().zip(other.fits) {
            *mine += theirs;
        }
        for (mine, theirs) in self.reaches.iter_mut().zip(other.reaches) {
            *mine = (mine.0 + theirs.0, mine.1 + theirs.1);
        }
    }

    /// Takes note of a length beside the times since the last lines of its work, in nanoseconds.
    pub fn reaches(&mut self, bare: f64, since_ns: [f64; 4]) {
        widen(&mut self.lengths_milli, (bare * 1e3) as i64);
        for ((reached, could), (_, unit)) in self.reaches.iter_mut().zip(UNITS) {
            let length = bare * unit;
            // What is shorter meets a line by chance, what is longer none that is remembered.
            let is_whole_s = unit >= 1e9 && bare.fract() == 0.0;
            if REACHING_NS.contains(&length) && !is_whole_s {
                *could += 1;
                *reached += u32::from(since_ns.iter().any(|since| (since - length).abs() <= length / 100.0 + 2e6));
            }
        }
    }

    /// The unit in which most lengths reach back to a line of their work, when in no other one does.
    fn reaching_unit(&self) -> Option<(&'static str, u32, u32)> {
        let often = |(reached, could): &(u32, u32)| *reached >= ENOUGH as u32 && reached * 2 >= *could;
        let best = self.reaches.iter().position(often)?;
        let others = self.reaches.iter().enumerate().filter(|(i, _)| *i != best).map(|(_, (reached, _))| *reached).max().unwrap_or(0);
        (others * 8 <= self.reaches[best].0).then_some((UNITS[best].0, self.reaches[best].0, self.reaches[best].1))
    }

    /// Takes note of an instant, and of the one before it.
    pub fn instant(&mut self, at_s: i64, before_s: Option<i64>) {
        self.instants += 1;
        widen(&mut self.range_s, at_s);
        if let Some(before) = before_s {
            self.steps += 1;
            self.falls += u64::from(at_s < before);
        }
    }

    /// Takes note of a length beside the time since its work was first seen: the lengths that fit, in nanoseconds.
    pub fn length(&mut self, bare: f64, fits_ns: &RangeInclusive<f64>) {
        self.lines += 1;
        widen(&mut self.lengths_milli, (bare * 1e3) as i64);
        for (mine, (_, unit)) in self.fits.iter_mut().zip(UNITS) {
            *mine += u32::from(fits_ns.contains(&(bare * unit)));
        }
    }

    /// Takes note of a word of a severity.
    pub fn word(&mut self, word: &str) {
        self.severities += 1;
        bump(&mut self.words, word, 1, MAX_WORDS);
    }

    /// Its values are instants of a time that a log may cover, and they grow.
    fn is_clock(&self, key: &str) -> bool {
        let covers = self.range_s.is_some_and(|(from, to)| to - from <= LONGEST_LOG_S);
        let grows = self.steps + 1 >= ENOUGH && self.falls * 10 <= self.steps;
        self.nearly_all(self.instants) && covers && grows && !has_word(key, &OF_ANOTHER_TIME)
    }

    /// Its values are severities, they differ and repeat, and most of them are what most lines of any log are.
    fn is_level(&self, _: &str) -> bool {
        let low = |word: &str| matches!(word.to_ascii_lowercase().as_str(), "i" | "inf" | "info" | "information" | "informational" | "d" | "debug" | "dbg");
        let lows: u64 = self.words.iter().filter(|(word, _)| low(word)).map(|(_, n)| n).sum();
        let known: u64 = self.words.values().sum();
        self.nearly_all(self.severities) && known == self.severities && (2..=8).contains(&self.words.len()) && lows * 2 >= known
    }

    /// One value of a hundred may be odd.
    fn nearly_all(&self, n: u64) -> bool {
        n * 100 >= self.lines * 99
    }

    fn is_message(&self, key: &str) -> bool {
        self.prose * 10 >= self.lines * 6 && !has_word(key, &OF_ANOTHER_TEXT)
    }
}

/// Times of something else than the line.
const OF_ANOTHER_TIME: [&str; 21] = [
    "expires",
    "expiry",
    "expiration",
    "expire",
    "until",
    "deadline",
    "valid",
    "renews",
    "renewal",
    "born",
    "birth",
    "updated",
    "due",
    "next",
    "last",
    "scheduled",
    "since",
    "released",
    "modified",
    "start",
    "end",
];
/// Texts that are not what the line says.
const OF_ANOTHER_TEXT: [&str; 27] = [
    "reply",
    "parsed",
    "generated",
    "agent",
    "query",
    "prompt",
    "content",
    "input",
    "output",
    "question",
    "answer",
    "address",
    "title",
    "description",
    "sql",
    "statement",
    "response",
    "completion",
    "args",
    "command",
    "cmd",
    "stack",
    "header",
    "cookie",
    "referer",
    "browser",
    "documentation",
];

fn has_word(key: &str, words: &[&str]) -> bool {
    key.split(|c: char| !c.is_alphanumeric()).any(|part| {
        let lower = part.to_ascii_lowercase();
        words.iter().any(|word| lower == *word || (lower.len() > word.len() && word.len() > 4 && (lower.starts_with(word) || lower.ends_with(word))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lacking: [u64; 3], watched: &[(&str, Watched)]) -> Habits {
        Habits { objects: 20, lacking, watched: watched.iter().map(|(key, seen)| ((*key).to_owned(), seen.clone())).collect(), ..Habits::default() }
    }

    fn clock(from: i64, to: i64) -> Watched {
        Watched { lines: 20, instants: 20, range_s: Some((from, to)), steps: 19, ..Watched::default() }
    }

    #[test]
    fn the_one_key_that_is_a_clock_is_the_time() {
        let customs = of([20, 0, 0], &[("zeit", clock(1_700_000_000, 1_700_000_900)), ("card.expires", clock(1_700_000_000, 1_700_000_900))]).customs();
        assert_eq!(customs.keys, BTreeMap::from([("zeit".to_owned(), "time".to_owned())]));
        assert_eq!(customs.why, ["zeit is the time: 20 values that are instants, on 20 of 20 lines without one"]);
    }

    #[test]
    fn of_two_clocks_none_is_used_and_both_are_named() {
        let customs = of([20, 0, 0], &[("a", clock(1_700_000_000, 1_700_000_900)), ("b", clock(1_700_000_000, 1_700_000_900))]).customs();
        assert!(customs.is_empty());
        assert_eq!(customs.why, ["a, b may each be the time: none is used"]);
    }

    #[test]
    fn dates_in_any_order_are_no_clock() {
        assert!(of([20, 0, 0], &[("arrival", Watched { falls: 9, ..clock(1_700_000_000, 1_700_000_900) })]).customs().is_empty());
    }

    #[test]
    fn one_odd_value_of_many_changes_nothing() {
        let odd = |instants| of([200, 0, 0], &[("zeit", Watched { lines: 200, instants, steps: 180, ..clock(1_700_000_000, 1_700_000_900) })]).customs();
        assert!(!odd(198).is_empty() && odd(197).is_empty());
    }

    #[test]
    fn lengths_that_hardly_differ_tell_no_unit() {
        let seen = Watched { lines: 40, fits: [0, 0, 0, 40], lengths_milli: Some((6_000, 8_000)), ..Watched::default() };
        assert!(of([0; 3], &[("took", seen)]).customs().is_empty());
    }

    #[test]
    fn words_that_are_also_levels_are_none_unless_most_are_info() {
        let words = |words: &[(&str, u64)]| Watched { lines: 20, severities: 20, words: words.iter().map(|(w, n)| ((*w).to_owned(), *n)).collect(), ..Watched::default() };
        assert!(of([0, 20, 0], &[("kind", words(&[("http", 12), ("system", 8)]))]).customs().is_empty());
        assert!(!of([0, 20, 0], &[("s", words(&[("I", 12), ("W", 8)]))]).customs().is_empty());
        assert!(of([0, 20, 0], &[("finding", words(&[("info", 5), ("warning", 8), ("critical", 7)]))]).customs().is_empty());
    }

    #[test]
    fn birthdays_are_no_clock() {
        assert!(of([20, 0, 0], &[("day", clock(400_000_000, 1_700_000_900))]).customs().is_empty());
    }

    #[test]
    fn a_unit_needs_lengths_that_agree() {
        let fits = |fits| of([0; 3], &[("dauer", Watched { lines: 9, fits, lengths_milli: Some((40_000, 900_000)), ..Watched::default() })]).customs().keys;
        assert_eq!(fits([0, 0, 8, 0]), BTreeMap::from([("dauer".to_owned(), "duration ms".to_owned())]));
        assert_eq!(fits([0, 0, 2, 0]), BTreeMap::new());
        assert_eq!(fits([0, 2, 3, 0]), BTreeMap::new());
        // Three of nine fit seconds: queries of some milliseconds, late in requests of some seconds.
        assert_eq!(fits([0, 0, 0, 3]), BTreeMap::new());
    }

    #[test]
    fn lengths_that_reach_back_to_a_line_of_their_work_tell_their_unit() {
        let learned = |steps: &[(f64, f64)]| {
            let mut seen = Watched::default();
            steps.iter().for_each(|(bare, since_ms)| seen.reaches(*bare, [0.0, since_ms * 1e6, 5e9, 7e9]));
            of([0; 3], &[("took", seen)]).customs().keys
        };
        // A tool that took 108 ms, 109 ms behind the line before it; beside others whose begin no line tells of.
        let tools: Vec<(f64, f64)> = (0..16).map(|n| (0.1 + f64::from(n) / 100.0, if n % 2 == 0 { 101.0 + f64::from(n) * 10.0 } else { 1.0 })).collect();
        assert_eq!(learned(&tools), BTreeMap::from([("took".to_owned(), "duration s".to_owned())]));
        assert_eq!(learned(&tools[1..]), BTreeMap::new());
        assert_eq!(learned(&[tools[0]; 16]), BTreeMap::new());
    }

    #[test]
    fn tens_are_told_by_what_most_lines_are() {
        let scale = |levels: &[(i64, u64)]| Habits { levels: levels.iter().copied().collect(), ..Habits::default() }.scale();
        assert_eq!(scale(&[(20, 30), (30, 2), (40, 1)]), Some("python"));
        assert_eq!(scale(&[(20, 3), (30, 20), (50, 1)]), None);
        assert_eq!(scale(&[(-4, 3), (0, 20), (8, 1)]), Some("slog"));
        assert_eq!(scale(&[(9, 20), (13, 2), (17, 1)]), Some("otel"));
        assert_eq!(scale(&[(6, 20), (3, 1)]), None);
    }

    #[test]
    fn small_numbers_mean_what_the_words_beside_them_say_when_both_rise_or_fall() {
        let scale = |pairs: &[(i64, &str, u64)]| {
            let mut habits = Habits::default();
            pairs.iter().for_each(|(number, word, n)| (0..*n).for_each(|_| habits.level_word("level", *number, word)));
            habits.customs().scale
        };
        assert_eq!(scale(&[(3, "info", 8), (1, "warn", 2), (4, "debug", 1), (0, "error", 1), (0, "fatal", 1)]), Some("1=warn 3=info 4=debug".to_owned()));
        assert_eq!(scale(&[(2, "info", 8), (3, "warn", 2), (4, "error", 1)]), Some("2=info 3=warn 4=error".to_owned()));
        assert_eq!(scale(&[(6, "info", 8), (4, "warn", 2), (3, "error", 1)]), None, "syslog's");
        assert_eq!(scale(&[(1, "info", 8), (2, "error", 2), (3, "debug", 1)]), None, "a kind of line, no scale");
        assert_eq!(scale(&[(2, "info", 20)]), None);
        assert_eq!(scale(&[(2, "info", 2), (3, "warn", 2)]), None);
    }

    #[test]
    fn counts_are_bounded_whatever_the_keys() {
        let mut habits = Habits::default();
        for n in 0..1_000_000 {
            let key = format!("key {n}");
            habits.used(&key, "not read", 1);
            habits.led(&key, &key, 1);
            if let Some(seen) = habits.watch(&key) {
                seen.word(&key);
            }
            habits.level_number(n, 1);
        }
        let bytes = postcard::to_allocvec(&habits).unwrap_or_default().len();
        assert!(habits.keys.len() <= MAX_KEYS && habits.further_keys > 999_000 && bytes < 16 * 1_024, "{bytes} bytes");
    }
}
