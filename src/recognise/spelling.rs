//! Spellings of one key: `requestId`, `request_id`, `RequestID`. A convention names its keys in one of them; a line may write another.
//!
//! Guarantees: a pure function of the paths; a path that the convention writes exactly stays what it is. It never sees a value.

use rustc_hash::{FxHashMap, FxHashSet};

/// Folded path → the path as a convention spells it, with all objects on the way.
#[derive(Debug, Default)]
pub struct Spellings {
    known: FxHashMap<String, Vec<Box<str>>>,
}

impl Spellings {
    /// Of these paths; of two with one folded form the first is meant by a third spelling.
    pub fn of<'a>(paths: impl Iterator<Item = &'a String>) -> Self {
        let mut known: FxHashMap<String, Vec<Box<str>>> = FxHashMap::default();
        for path in paths {
            let path = path.trim_end_matches('.');
            for end in path.match_indices('.').map(|(at, _)| at).chain([path.len()]) {
                let spellings = known.entry(fold(&path[..end])).or_default();
                if !spellings.iter().any(|k| **k == path[..end]) {
                    spellings.push(path[..end].into());
                }
            }
        }
        Self { known }
    }

    /// The paths of a line as the convention spells them. Where half of the keys are its own exactly, what it leaves out is meant to the letter
    /// (`taskName` is asyncio's, `task_name` is not); and of two spellings on one line (`name`, `name_`) the exact one is meant.
    pub fn spell(&self, written: &[String], left_out: impl Fn(&str) -> bool) -> Vec<String> {
        let folded: Vec<String> = written.iter().map(|path| fold(path)).collect();
        let of_words = || written.iter().zip(&folded).filter(|(path, folded)| path != folded).filter_map(|(path, folded)| Some((path, self.known.get(folded)?)));
        let own = of_words().filter(|(path, known)| known.iter().any(|k| **k == ***path)).count();
        let to_the_letter = own > 0 && own * 2 >= of_words().count();
        let all: FxHashSet<&str> = written.iter().map(String::as_str).collect();
        let one = |(path, folded): (&String, &String)| match self.spelt(path, folded) {
            Some(spelt) if !(all.contains(spelt.as_str()) || (to_the_letter && left_out(&spelt))) => spelt,
            _ => path.clone(),
        };
        written.iter().zip(&folded).map(one).collect()
    }

    /// A path in the convention's spelling, or the objects around one it does not name.
    fn spelt(&self, path: &str, folded: &str) -> Option<String> {
        let mut end = folded.len();
        loop {
            if let Some(known) = self.known.get(&folded[..end]) {
                let below = folded[end..].matches('.').count();
                let rest = if below == 0 { "" } else { path.rmatch_indices('.').nth(below - 1).map_or("", |(at, _)| &path[at..]) };
                let head = &path[..path.len() - rest.len()];
                return Some(format!("{}{rest}", known.iter().find(|k| ***k == *head).unwrap_or(&known[0])));
            }
            end = folded[..end].rfind('.')?;
        }
    }
}

/// The folded paths of a line, with the objects on the way.
#[derive(Debug)]
pub struct Folded(FxHashSet<String>);

impl Folded {
    /// Of the paths of a line.
    pub fn of(written: &[String]) -> Self {
        let mut all = FxHashSet::default();
        for path in written {
            let folded = fold(path);
            for (at, _) in folded.match_indices('.') {
                if !all.contains(&folded[..at]) {
                    all.insert(folded[..at].to_owned());
                }
            }
            all.insert(folded);
        }
        Self(all)
    }

    /// Whether it has a path, in whatever spelling.
    pub fn has(&self, folded: &str) -> bool {
        self.0.contains(folded)
    }
}

/// The form under which spellings of one path compare: lower case, without `_` and `-`. Other marks tell (`@timestamp` is not `timestamp`).
pub fn fold(dotted: &str) -> String {
    chars(dotted).collect()
}

/// Two spellings of one name.
pub fn are_one(a: &str, b: &str) -> bool {
    chars(a).eq(chars(b))
}

fn chars(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt(named: &[&str], written: &[&str], left_out: &[&str]) -> Vec<String> {
        let named: Vec<String> = named.iter().map(|p| (*p).to_owned()).collect();
        let written: Vec<String> = written.iter().map(|p| (*p).to_owned()).collect();
        Spellings::of(named.iter()).spell(&written, |path| left_out.contains(&path))
    }

    #[test]
    fn keys_and_the_objects_around_them_take_the_known_spelling() {
        assert_eq!(
            spelt(&["logMeta.levelName", "request."], &["log_meta.LEVEL_NAME", "log-meta.other", "Request.Uri", "free_key"], &[]),
            ["logMeta.levelName", "logMeta.other", "request.Uri", "free_key"]
        );
        assert_eq!(spelt(&["@timestamp"], &["timestamp", "@Timestamp"], &[]), ["timestamp", "@timestamp"]);
    }

    #[test]
    fn the_exact_key_is_meant() {
        assert_eq!(spelt(&["name"], &["name", "name_"], &[]), ["name", "name_"]);
        assert_eq!(spelt(&["taskName", "funcName"], &["funcName", "task_name"], &["taskName"]), ["funcName", "task_name"]);
        assert_eq!(spelt(&["taskName", "funcName"], &["func_name", "task_name"], &["taskName"]), ["funcName", "taskName"]);
    }
}
