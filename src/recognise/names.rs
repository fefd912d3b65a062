//! Paths of JSON members, interned, and the words they are made of.
//!
//! A path is the keys from the top joined by dots; a dotted key and nested objects give the same path. Its *folded* form compares
//! `requestId`, `request_id`, `X-Request-ID` and `request.id` as equal; its *words* split case and punctuation, so that the meaning
//! of the parts can be read. Guarantees: bounded (the owner clears it between lines); a number given out stays valid until then.

use crate::recognise::table::Sets;
use rustc_hash::FxHashMap;
use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

/// The path of the record itself.
pub const ROOT: u32 = 0;
/// More paths than this, and the memory is given back before the next line.
const MAX_NAMES: usize = 20_000;
/// A longer key is data that was written as a key: it means nothing and is not kept.
const MAX_KEY_BYTES: usize = 256;
/// What stands for all such keys of an object.
const LONG_KEY: &str = "(longer than 256 bytes)";

#[derive(Debug)]
struct Name {
    parent: u32,
    key: Box<str>,
    /// Next name with the same hash; 0 ends the chain.
    next: u32,
    opaque: bool,
    batch: bool,
}

/// The interner.
#[derive(Debug)]
pub struct Names {
    list: Vec<Name>,
    by_hash: FxHashMap<u64, u32>,
    sets: Arc<Sets>,
}

impl Names {
    /// With what is known of opaque keys and batches.
    pub fn new(sets: Arc<Sets>) -> Self {
        let root = Name { parent: ROOT, key: "".into(), next: 0, opaque: false, batch: false };
        Self { list: vec![root], by_hash: FxHashMap::default(), sets }
    }

    /// Knows nothing.
    pub fn bare() -> Self {
        Self::new(Arc::default())
    }

    /// The member `key` of the object at `parent`.
    pub fn child(&mut self, parent: u32, key: &str) -> u32 {
        let key = if key.len() > MAX_KEY_BYTES { LONG_KEY } else { key };
        let mut hasher = rustc_hash::FxHasher::default();
        (parent, key).hash(&mut hasher);
        let hash = hasher.finish();
        let first = self.by_hash.get(&hash).copied().unwrap_or(0);
        let mut at = first;
        while at != 0 {
            let name = &self.list[at as usize];
            if name.parent == parent && &*name.key == key {
                return at;
            }
            at = name.next;
        }
        let folded = fold(key);
        let opaque = self.sets.opaque.contains(&*folded);
        let batch = parent == ROOT && self.sets.batches.contains_key(&folded);
        let id = self.list.len() as u32;
        self.list.push(Name { parent, key: key.into(), next: first, opaque, batch });
        self.by_hash.insert(hash, id);
        id
    }

    /// Objects under it are not looked into.
    pub fn is_opaque(&self, path: u32) -> bool {
        self.list[path as usize].opaque
    }

    /// Its array carries a batch of records.
    pub fn is_batch(&self, path: u32) -> bool {
        self.list[path as usize].batch
    }

    /// Its own key.
    pub fn key(&self, path: u32) -> &str {
        &self.list[path as usize].key
    }

    /// The keys from the top, joined by dots.
    pub fn dotted(&self, path: u32) -> String {
        let mut keys = Vec::new();
        let mut at = path;
        while at != ROOT {
            let name = &self.list[at as usize];
            keys.push(&*name.key);
            at = name.parent;
        }
        keys.reverse();
        keys.join(".")
    }

    /// It holds too much; whoever holds numbers of it must forget them with it.
    pub fn is_full(&self) -> bool {
        self.list.len() > MAX_NAMES
    }

    /// Forgets all paths.
    pub fn clear(&mut self) {
        self.list.truncate(1);
        self.by_hash.clear();
    }
}

/// The form under which keys compare: lower case without `_ - . @ $ /` and a leading `x-`.
pub fn fold(key: &str) -> String {
    let rest = match key.as_bytes() {
        [b'x' | b'X', b'-' | b'_', ..] => &key[2..],
        _ => key,
    };
    rest.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Members that only say the type of the value they hold (extended JSON): `{"time": {"$date": "…"}}` is a time.
const TYPES_OF_VALUES: [&str; 7] = ["$date", "$oid", "$uuid", "$numberLong", "$numberInt", "$numberDouble", "$numberDecimal"];

/// The components of a dotted path. A key that holds a slash is a name with a domain (`logging.googleapis.com/trace`): what stands
/// before its last slash is dropped.
pub fn components(dotted: &str) -> Vec<&str> {
    let tail = dotted.rsplit('/').next().unwrap_or(dotted);
    let mut parts: Vec<&str> = tail.split('.').filter(|c| !c.is_empty()).collect();
    while parts.len() > 1 && parts.last().is_some_and(|last| TYPES_OF_VALUES.contains(last)) {
        parts.pop();
    }
    parts
}

/// The words of a component, in lower case: `parentSpanId`, `CPUTimeMs`, `x-request-id` become `parent span id`, `cpu time ms`,
/// `request id`.
pub fn words(component: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut word = String::new();
    let chars: Vec<char> = component.chars().collect();
    for (i, c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            flush(&mut word, &mut out);
            continue;
        }
        let before = i.checked_sub(1).map(|n| chars[n]);
        let starts = c.is_uppercase()
            && before
                .is_some_and(|b| b.is_lowercase() || b.is_ascii_digit() || (b.is_uppercase() && chars.get(i + 1).is_some_and(|n| n.is_lowercase() && !ends_plural(&chars, i))));
        if starts {
            flush(&mut word, &mut out);
        }
        word.extend(c.to_lowercase());
    }
    flush(&mut word, &mut out);
    if out.len() > 1 && out[0] == "x" {
        out.remove(0);
    }
    out
}

/// `IDs`, `URLs`: the `s` belongs to the capitals before it.
fn ends_plural(chars: &[char], at: usize) -> bool {
    chars.get(at + 1) == Some(&'s') && chars.get(at + 2).is_none_or(|c| !c.is_lowercase())
}

fn flush(word: &mut String, out: &mut Vec<String>) {
    if !word.is_empty() {
        out.push(std::mem::take(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_key_fold_alike() {
        for key in ["requestId", "request_id", "X-Request-ID", "request.id", "REQUEST_ID", "x_request_id"] {
            assert_eq!(fold(key), "requestid", "{key}");
        }
    }

    #[test]
    fn words_split_on_case_and_punctuation() {
        for (key, want) in [
            ("parentSpanId", "parent span id"),
            ("CPUTimeMs", "cpu time ms"),
            ("x-request-id", "request id"),
            ("spanID", "span id"),
            ("requestIDs", "request ids"),
            ("took_us", "took us"),
            ("DownstreamStatus", "downstream status"),
            ("litellm_call_id", "litellm call id"),
        ] {
            assert_eq!(words(key).join(" "), want, "{key}");
        }
    }

    #[test]
    fn the_domain_of_a_key_is_dropped() {
        assert_eq!(components("logging.googleapis.com/trace"), vec!["trace"]);
        assert_eq!(components("a.b_c"), vec!["a", "b_c"]);
    }

    #[test]
    fn the_type_of_a_value_is_no_part_of_its_name() {
        assert_eq!(components("time.$date.$numberLong"), vec!["time"]);
        assert_eq!(components("$date"), vec!["$date"]);
    }

    #[test]
    fn a_path_has_one_number() {
        let mut names = Names::bare();
        let a = names.child(ROOT, "a");
        let b = names.child(a, "b");
        assert_eq!(names.child(a, "b"), b);
        assert_ne!(names.child(ROOT, "b"), b);
        assert_eq!(names.dotted(b), "a.b");
    }
}
