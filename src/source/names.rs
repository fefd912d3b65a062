//! The name of a log without what rotation and compression added, and the order of its generations.
//!
//! Pure. The rules are those of the common rotators: logrotate (`.1`, `-20261123`, `-1700000000`, `.old`), Python's handlers (`.1`,
//! `.2026-11-23`), loguru (`api.2026-11-23_09-46-52_658337.log`), lumberjack and winston (`app-2026-11-23T09-46-52.658.log`, `app1.log`),
//! log4j and `NLog` (`app.1.log`), Kubernetes (`0.log` in a folder named after the container) and Docker (`<64 hex>-json.log`).
//! Never touches the file system: who calls it says which siblings exist.

use std::{cmp::Ordering, path::Path};

const COMPRESSED: [&str; 4] = [".gz", ".zst", ".zstd", ".gzip"];
const LOG_ENDINGS: [&str; 9] = [".log", ".json", ".jsonl", ".ndjson", ".txt", ".out", ".err", ".stdout", ".stderr"];
const OLD_ENDINGS: [&str; 8] = [".old", ".bak", ".prev", ".orig", ".rotated", ".copy", "~", ".save"];

/// Which generation of a log a file name says it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Generation {
    /// The name that is written to.
    #[default]
    Base,
    /// `.1`, `.2`: the larger, the older.
    Number(u64),
    /// A date, as written.
    Date(String),
    /// `.old`, `.bak`.
    Old,
}

impl Generation {
    /// Older generations come first; equal where the names do not tell.
    pub fn older_first(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => b.cmp(a),
            (Self::Date(a), Self::Date(b)) => a.cmp(b),
            (Self::Base, Self::Base) | (Self::Old, Self::Old) => Ordering::Equal,
            (_, Self::Base) => Ordering::Less,
            (Self::Base, _) => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }

    /// A file of this generation can be a copy of one of the other: copies are made from the live name or from a younger number.
    pub fn can_copy(&self, original: &Self) -> bool {
        match (self, original) {
            (Self::Base, _) => false,
            (_, Self::Base) => true,
            (Self::Number(copy), Self::Number(original)) => copy > original,
            _ => false,
        }
    }
}

/// A log's name and generation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogName {
    /// `api`, `worker-rq`.
    pub name: String,
    /// Which generation.
    pub generation: Generation,
    /// The name ends in `.gz` or `.zst`.
    pub compressed: bool,
}

/// Takes a path apart. `has_sibling` answers whether a file of that name stands in the same folder: `node-worker1.log` is a generation of
/// `node-worker.log` only where that one exists (winston numbers so); otherwise the digit belongs to the name.
pub fn log_name(path: &Path, has_sibling: &dyn Fn(&str) -> bool) -> LogName {
    let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let parent = path.parent().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned());
    let (mut rest, compressed) = strip_any(&file, &COMPRESSED).map_or((file.as_str(), false), |rest| (rest, true));
    let mut generation = Generation::Base;
    let mut ending = String::new();
    loop {
        if let Some(short) = strip_any(rest, &LOG_ENDINGS) {
            ending.insert_str(0, &rest[short.len()..]);
            rest = short;
        } else if let Some(short) = strip_any(rest, &OLD_ENDINGS) {
            generation = Generation::Old;
            rest = short;
        } else if let Some((short, date)) = strip_date(rest) {
            generation = Generation::Date(date.to_owned());
            rest = short;
        } else if let Some((short, number)) = strip_number(rest) {
            if generation == Generation::Base {
                generation = Generation::Number(number);
            }
            rest = short;
        } else {
            break;
        }
    }
    if generation == Generation::Base
        && let Some((short, number)) = sibling_number(rest, &ending, has_sibling)
    {
        generation = Generation::Number(number);
        rest = short;
    }
    LogName { name: spoken(rest, parent.as_deref(), &file), generation, compressed }
}

/// What is left may be no name at all.
fn spoken(rest: &str, parent: Option<&str>, file: &str) -> String {
    if rest.is_empty() || rest.bytes().all(|b| b.is_ascii_digit() || b"-_.T".contains(&b)) {
        return parent.filter(|p| !p.is_empty()).unwrap_or(file).to_owned();
    }
    if let Some(id) = rest.strip_suffix("-json").filter(|id| is_container_id(id)) {
        return id[..12].to_owned();
    }
    // Kubernetes links: pod_namespace_container-<id>.
    if let Some((before, id)) = rest.rsplit_once('-')
        && is_container_id(id)
        && let Some((_, container)) = before.rsplit_once('_')
    {
        return container.to_owned();
    }
    rest.to_owned()
}

fn is_container_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn strip_any<'a>(text: &'a str, endings: &[&str]) -> Option<&'a str> {
    endings.iter().find_map(|ending| {
        let at = text.len().checked_sub(ending.len())?;
        (at > 0 && text.is_char_boundary(at) && text[at..].eq_ignore_ascii_case(ending)).then(|| &text[..at])
    })
}

/// `.1`, at most four digits, not behind a digit (`python3.11` is a name).
fn strip_number(text: &str) -> Option<(&str, u64)> {
    let (short, digits) = text.rsplit_once('.')?;
    let fits = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if !fits || short.is_empty() || short.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some((short, digits.parse().ok()?))
}

fn sibling_number<'a>(text: &'a str, ending: &str, has_sibling: &dyn Fn(&str) -> bool) -> Option<(&'a str, u64)> {
    let short = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &text[short.len()..];
    if short.is_empty() || digits.is_empty() || digits.len() > 4 || !has_sibling(&format!("{short}{ending}")) {
        return None;
    }
    Some((short, digits.parse().ok()?))
}

/// A separator, a date or epoch, and nothing but digits and separators behind it.
fn strip_date(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let is_tail = |b: &u8| b.is_ascii_digit() || b"-_.:TZ+".contains(b);
    let from = bytes.iter().rposition(|b| !is_tail(b)).map_or(0, |at| at + 1);
    (from..bytes.len()).find_map(|at| {
        let starts = bytes[at].is_ascii_digit() && (at == 0 || !bytes[at - 1].is_ascii_alphanumeric());
        (starts && (is_date(&bytes[at..]) || is_epoch(&bytes[at..]))).then(|| (text[..at].trim_end_matches(['-', '_', '.']), &text[at..]))
    })
}

/// `YYYY-MM-DD` with any or no separator, or `YYYY-MM`, then anything.
fn is_date(bytes: &[u8]) -> bool {
    let number = |from: usize, to: usize| bytes.get(from..to).filter(|d| d.iter().all(u8::is_ascii_digit)).and_then(|d| std::str::from_utf8(d).ok()?.parse::<u32>().ok());
    let separator = |at: usize| bytes.get(at).is_some_and(|b| b"-_.".contains(b));
    let plausible = |month: Option<u32>, day: Option<u32>| month.is_some_and(|m| (1..=12).contains(&m)) && day.is_some_and(|d| (1..=31).contains(&d));
    if !number(0, 4).is_some_and(|year| (1990..2100).contains(&year)) {
        return false;
    }
    if separator(4) {
        let month_only = bytes.len() == 7 && plausible(number(5, 7), Some(1));
        return month_only || (separator(7) && plausible(number(5, 7), number(8, 10)));
    }
    plausible(number(4, 6), number(6, 8)) && (bytes.len() == 8 || !bytes[8].is_ascii_digit() || bytes.len() >= 10)
}

/// Seconds or milliseconds between 2001 and 2100.
fn is_epoch(bytes: &[u8]) -> bool {
    (bytes.len() == 10 || bytes.len() == 13) && bytes.iter().all(u8::is_ascii_digit) && (b'1'..=b'4').contains(&bytes[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str, siblings: &[&str]) -> (String, Generation, bool) {
        let log = log_name(Path::new(path), &|name| siblings.contains(&name));
        (log.name, log.generation, log.compressed)
    }

    #[test]
    fn rotation_and_compression_leave_the_name() {
        let date = |text: &str| Generation::Date(text.to_owned());
        for (path, name, generation, compressed) in [
            ("logs/api.2026-11-23_09-46-52_658337.log.gz", "api", date("2026-11-23_09-46-52_658337"), true),
            ("logs/worker-rq.log.1", "worker-rq", Generation::Number(1), false),
            ("logs/worker-rq.log.2.gz", "worker-rq", Generation::Number(2), true),
            ("logs/access.log", "access", Generation::Base, false),
            ("logs/app-2026-11-23.log", "app", date("2026-11-23"), false),
            ("logs/app-20261123.log", "app", date("20261123"), false),
            ("logs/app.log-20261123.gz", "app", date("20261123"), true),
            ("logs/app.log-1763891212", "app", date("1763891212"), false),
            ("logs/app.log.2026-11-23", "app", date("2026-11-23"), false),
            ("logs/app.log.2026-11-23_09", "app", date("2026-11-23_09"), false),
            ("logs/app-2026-11-23T09-46-52.658.log", "app", date("2026-11-23T09-46-52.658"), false),
            ("logs/app.1.log", "app", Generation::Number(1), false),
            ("logs/app.log.old", "app", Generation::Old, false),
            ("logs/api.out.log", "api", Generation::Base, false),
            ("logs/app-2026-11.jsonl.zst", "app", date("2026-11"), true),
            ("logs/worker-1.log", "worker-1", Generation::Base, false),
            ("logs/python3.11.log", "python3.11", Generation::Base, false),
            ("logs/events", "events", Generation::Base, false),
            ("pods/shop_api-0_1f/api/0.log", "api", Generation::Base, false),
            ("pods/shop_api-0_1f/api/0.log.20261123-094652.gz", "api", date("20261123-094652"), true),
            ("worker/2026-11-23.log", "worker", date("2026-11-23"), false),
        ] {
            assert_eq!(parts(path, &[]), (name.to_owned(), generation, compressed), "{path}");
        }
    }

    #[test]
    fn a_digit_belongs_to_the_name_unless_the_plain_name_stands_beside() {
        assert_eq!(parts("logs/node-worker1.log", &["node-worker.log"]), ("node-worker".into(), Generation::Number(1), false));
        assert_eq!(parts("logs/node-worker1.log", &["other.log"]), ("node-worker1".into(), Generation::Base, false));
        assert_eq!(parts("logs/node-worker1.log.gz", &["node-worker.log"]).0, "node-worker");
    }

    #[test]
    fn container_logs_are_named_after_the_container() {
        let id = "0123456789abcdef".repeat(4);
        assert_eq!(parts(&format!("/var/lib/docker/containers/{id}/{id}-json.log"), &[]).0, "0123456789ab");
        assert_eq!(parts(&format!("/var/log/containers/api-7d_shop_web-{id}.log"), &[]).0, "web");
    }

    #[test]
    fn older_generations_come_first() {
        let number = Generation::Number;
        assert_eq!(number(2).older_first(&number(1)), Ordering::Less);
        assert_eq!(number(1).older_first(&Generation::Base), Ordering::Less);
        assert_eq!(Generation::Date("2026-11-22".into()).older_first(&Generation::Date("2026-11-23".into())), Ordering::Less);
        assert!(number(1).can_copy(&Generation::Base) && number(2).can_copy(&number(1)) && !Generation::Base.can_copy(&number(1)));
    }

    #[test]
    fn odd_names_never_panic() {
        for path in ["", "/", ".log", ".gz", "..", "é.log.1", "日本-2026-11-23.log", ".1", "1", "a.", "2026-13-45.log", "-json.log", "x-20261123é"] {
            let _ = log_name(Path::new(path), &|_| true);
        }
    }
}
