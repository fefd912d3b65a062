//! Identifiers: what a line calls them, how they compare, and which values can name a thing by themselves.
//!
//! Guarantees: an id is text, never a number (an id beyond 2^53 keeps its digits); hex and UUID values compare without case and
//! dashes; everything else is exact. Never decides a link: that is `reconstruct`.

use rustc_hash::FxBuildHasher;
use std::{borrow::Cow, hash::BuildHasher, sync::Arc};

/// What kind of thing an id names, judged by the name it is written under (`reconstruction.md` 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdKind {
    /// A request or correlation id.
    Request,
    /// A trace id.
    Trace,
    /// A span id.
    Span,
    /// A task, job, run or message handed to a worker.
    Task,
    /// A model or provider call, or a response of one.
    Call,
    /// A tool call.
    Tool,
    /// User, tenant, session, batch, order, host …: findable, never a link.
    Group,
    /// Shaped like an id, under a name that says nothing.
    Other,
}

/// How the id stands to the thing the line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdRelation {
    /// The line's own unit, or a unit it names without saying how (decided by rule L4).
    Own,
    /// The label says parent: `parent_span_id`, `caused_by`, `reply_to`.
    Parent,
    /// The label says child or target: `child_task_id`, `children`, `webhook_job`.
    Child,
    /// The label says this is the attempt or the id before: `retry_of`, `original_id`.
    RetryOf,
}

/// One id candidate of a line.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IdRef {
    /// What it names.
    pub kind: IdKind,
    /// How it stands to the line.
    pub relation: IdRelation,
    /// The name it is written under: dotted JSON path (last two parts), or the word before it in text.
    pub label: Arc<str>,
    /// The value as written, without surrounding quotes or brackets.
    pub value: Arc<str>,
    /// For weak ids: what makes it unique, as `queue=mail`, `run_id=…`, `service=…`.
    pub scope: Option<Box<str>>,
    /// It was written as an element of a list or beside others under one label (rule L5).
    pub listed: bool,
}

/// What a process counts is known by its number from so many digits on; a shorter one may be which of its request it is.
pub const MIN_COUNTED: usize = 4;

impl IdRef {
    /// Its index term: the canonical value, with the scope behind `\u{1f}` when the value is weak and has one. `None` for nil values.
    pub fn term(&self) -> Option<String> {
        if is_nil(&self.value) {
            return None;
        }
        let folded = canonical(&self.value);
        if is_strong(&self.value, !matches!(self.kind, IdKind::Group | IdKind::Other)) {
            return Some(folded.into_owned());
        }
        Some(self.scope.as_ref().map_or_else(|| folded.clone().into_owned(), |scope| format!("{folded}\u{1f}{scope}")))
    }

    /// A short number under a bare name (`call: 3`): the third call of its request as well as the third of the process.
    pub fn may_be_an_ordinal(&self) -> bool {
        if self.kind != IdKind::Call || self.scope.is_none() || self.value.len() >= MIN_COUNTED || !self.value.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
        let ends_with = |word: &str| self.label.len().checked_sub(word.len()).and_then(|at| self.label.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(word));
        !["id", "no", "num", "number", "nr", "seq"].into_iter().any(ends_with)
    }

    /// How an id of work is made; see [`make_of`].
    pub fn make(&self) -> Option<u64> {
        if matches!(self.kind, IdKind::Group | IdKind::Other) {
            return None;
        }
        make_of(&self.value)
    }
}

/// How a value is made that may be an id: its prefix and its length, as a hash. `None` for words, numbers and what is short.
pub fn make_of(value: &str) -> Option<u64> {
    let prefix = value.find(['_', '-']).filter(|at| (2..=9).contains(at) && value[..*at].bytes().all(|b| b.is_ascii_lowercase()));
    let (prefix, rest) = value.split_at(prefix.map_or(0, |at| at + 1));
    let any = |is: fn(&u8) -> bool| rest.as_bytes().iter().any(is);
    let is_random = any(u8::is_ascii_alphabetic) && (any(u8::is_ascii_digit) || (any(u8::is_ascii_uppercase) && any(u8::is_ascii_lowercase) && !is_of_words(rest.as_bytes())));
    let fits = (8..=64).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    (fits && is_random).then(|| FxBuildHasher.hash_one((prefix, rest.len())))
}

/// Longest canonical id kept as it is; longer ones keep their head and a hash.
pub const ID_MAX_BYTES: usize = 512;

/// The form under which two spellings of one id are equal: hex of 16 or 32 digits and UUIDs lose case and dashes, a 32-hex whose
/// upper half is zero equals its lower half, 15 hex digits get their leading zero back (Jaeger, B3). Everything else is exact.
pub fn canonical(value: &str) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    match bytes.len() {
        36 if is_uuid(bytes) => Cow::Owned(fold_zero_half(value.replace('-', "").to_ascii_lowercase())),
        32 if is_hex(bytes) => Cow::Owned(fold_zero_half(value.to_ascii_lowercase())),
        16 if is_hex(bytes) => {
            if bytes.iter().any(u8::is_ascii_uppercase) {
                Cow::Owned(value.to_ascii_lowercase())
            } else {
                Cow::Borrowed(value)
            }
        }
        n if n > ID_MAX_BYTES => Cow::Owned(shorten(value)),
        _ => Cow::Borrowed(value),
    }
}

fn fold_zero_half(hex: String) -> String {
    match hex.strip_prefix("0000000000000000") {
        Some(low) => low.to_owned(),
        None => hex,
    }
}

fn shorten(value: &str) -> String {
    use sha2::{Digest, Sha256};
    let mut head = 256;
    while !value.is_char_boundary(head) {
        head -= 1;
    }
    let digest = Sha256::digest(value.as_bytes());
    let hash = digest.iter().take(16).fold(String::new(), |mut out, byte| {
        use std::fmt::Write;
        let _ = write!(out, "{byte:02x}");
        out
    });
    format!("{}…{hash}", &value[..head])
}

/// Label of an id that stands in a text without a name. It links nothing; a line that names no other work may be about it.
pub const UNNAMED: &str = "text";
/// Name of an id that stands in the text of an error, whatever word stands before it.
pub const IN_ERROR: &str = "error text";
/// Label of an id that is a part of a path or an address: what is asked about.
pub const IN_PATH: &str = "path";
/// Label of an id without a name inside brackets: what something was called with.
pub const ARGUMENT: &str = "argument";

/// Exactly the shape `8-4-4-4-12` of hex digits.
pub fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36 && bytes.iter().enumerate().all(|(i, b)| if matches!(i, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() })
}

/// Hexadecimal digits alone.
pub fn is_hex(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_hexdigit)
}

/// Values that mean "none": empty, dashes, words for nothing, all zeros, all `f` (`reconstruction.md` 2.1).
pub fn is_nil(value: &str) -> bool {
    const WORDS: [&str; 13] = ["-", "--", "none", "null", "nil", "undefined", "n/a", "na", "???", "unknown", "nan", "<nil>", "(null)"];
    let trimmed = value.trim();
    let Some(first) = trimmed.bytes().next() else { return true };
    // Most values differ in their first letter.
    if !matches!(first.to_ascii_lowercase(), b'-' | b'n' | b'u' | b'?' | b'<' | b'(' | b'0' | b'f') {
        return false;
    }
    if trimmed.len() <= 9 && WORDS.iter().any(|word| word.eq_ignore_ascii_case(trimmed)) {
        return true;
    }
    let digits = trimmed.strip_prefix("0x").or_else(|| trimmed.strip_prefix("0X")).unwrap_or(trimmed);
    let all = |want: u8| digits.bytes().all(|b| b == b'-' || b.to_ascii_lowercase() == want);
    digits.bytes().filter(|b| *b != b'-').count() >= 8 && (all(b'0') || all(b'f'))
}

/// Whether a value names a thing by itself, whatever the field (`reconstruction.md` 2.1). `id_label`: the name it is written under
/// says that it is an id, which lets the rarer shapes count.
pub fn is_strong(value: &str, id_label: bool) -> bool {
    let b = value.as_bytes();
    // Only a UUID and what an API of a model makes can do without a digit, and most texts do.
    let digitless = b.len() == 36 || ((24..=48).contains(&b.len()) && memchr::memchr2(b'_', b'-', &b[..9]).is_some());
    if b.len() < 12 || is_nil(value) {
        return false;
    }
    if !digitless && !b.iter().any(u8::is_ascii_digit) {
        return is_token(b);
    }
    if is_uuid(b) || is_counted_uuid(b) || (matches!(b.len(), 16 | 24 | 32) && is_hex(b) && has_mixed_hex(b)) || is_prefixed(b) || is_ulid(b) || is_ksuid(b) || is_token(b) {
        return true;
    }
    if !id_label {
        return false;
    }
    let all_digits = b.iter().all(u8::is_ascii_digit);
    // Snowflakes have 15 to 19 digits; an epoch in milliseconds has 13 and stays weak.
    (all_digits && (15..=20).contains(&b.len()))
        || (b.len() == 15 && is_hex(b))
        || (matches!(b.len(), 16 | 32) && is_hex(b))
        // Anything long and mixed that the label calls an id: nanoid, base64 ids, `host-1/ddb793-000381`, `0HN4:00000004`.
        || (!all_digits && b.len() >= 12 && b.iter().any(u8::is_ascii_digit) && !b.iter().any(u8::is_ascii_whitespace) && entropy_enough(b))
}

/// `86381707-08de-4ff3-9943-628c1c0eb997-42`: a process's UUID and what it counted (Traffic Server's `%{ID:UNIQUE}`).
fn is_counted_uuid(b: &[u8]) -> bool {
    b.len() > 37 && is_uuid(&b[..36]) && matches!(b[36], b'-' | b'_' | b'.' | b':') && b.len() <= 49 && b[37..].iter().all(u8::is_ascii_digit)
}

fn has_mixed_hex(b: &[u8]) -> bool {
    b.iter().any(u8::is_ascii_digit) && b.iter().any(u8::is_ascii_alphabetic)
}

fn entropy_enough(b: &[u8]) -> bool {
    let mut seen = [false; 256];
    b.iter().for_each(|c| seen[*c as usize] = true);
    seen.iter().filter(|s| **s).count() >= 6
}

/// What APIs of models put in front of ids: the random part behind one is sometimes without a digit (one in seventy of 24 characters).
const API_PREFIXES: [&[u8]; 9] = [b"chatcmpl", b"cmpl", b"call", b"req", b"resp", b"msg", b"toolu", b"run", b"gen"];

/// Random letters of both cases, as behind the prefix of a model's API.
fn is_random_word(prefix: &[u8], rest: &[u8]) -> bool {
    API_PREFIXES.contains(&prefix)
        && rest.len() >= 20
        && rest.iter().all(u8::is_ascii_alphanumeric)
        && rest.iter().filter(|c| c.is_ascii_uppercase()).count() >= 4
        && rest.iter().filter(|c| c.is_ascii_lowercase()).count() >= 4
        && rest.windows(2).any(|pair| pair.iter().all(u8::is_ascii_uppercase))
}

/// `req_…`, `chatcmpl-…`: a short word, one `_` or `-`, then at least 16 id characters of which one is a digit.
fn is_prefixed(b: &[u8]) -> bool {
    let Some(cut) = b.iter().position(|c| matches!(c, b'_' | b'-')) else { return false };
    let (prefix, rest) = (&b[..cut], &b[cut + 1..]);
    (2..=12).contains(&prefix.len())
        && prefix.iter().all(u8::is_ascii_alphabetic)
        && rest.len() >= 16
        && rest.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
        && (rest.iter().any(u8::is_ascii_digit) || is_random_word(prefix, rest))
        && rest.split(|c| matches!(c, b'-' | b'_')).any(|part| part.len() >= 12)
}

fn is_ulid(b: &[u8]) -> bool {
    b.len() == 26 && matches!(b[0], b'0'..=b'7') && b.iter().all(|c| c.is_ascii_digit() || (c.is_ascii_uppercase() && !matches!(c, b'I' | b'L' | b'O' | b'U')))
}

fn is_ksuid(b: &[u8]) -> bool {
    b.len() == 27 && b.iter().all(u8::is_ascii_alphanumeric) && b.iter().any(u8::is_ascii_digit) && b.iter().any(u8::is_ascii_uppercase) && b.iter().any(u8::is_ascii_lowercase)
}

/// The name says whose call a line is about: what called the request it tells of.
pub fn names_caller(label: &str) -> bool {
    label
        .split(['.', '_', '-'])
        .any(|word| ["caller", "invoker"].iter().any(|w| word.len() >= w.len() && word.is_char_boundary(w.len()) && word[..w.len()].eq_ignore_ascii_case(w)))
}

/// It names a thing by nothing but the look of a random token.
pub fn is_only_a_token(value: &str) -> bool {
    let b = value.as_bytes();
    is_token(b) && !is_uuid(b) && !is_prefixed(b) && !is_ulid(b) && !is_ksuid(b)
}

/// Random letters of both cases, as base64 makes them (Apache's unique ids, nanoid): of two neighbours drawn from 64 two in three are of different
/// classes, in names made of words fewer, and there a small or a number stands behind every capital.
fn is_token(b: &[u8]) -> bool {
    if !(20..=48).contains(&b.len()) || !b.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'@')) {
        return false;
    }
    let class = |c: u8| (c.is_ascii_lowercase(), c.is_ascii_uppercase(), c.is_ascii_digit());
    let changes = b.windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count();
    let is_mixed = b.iter().any(u8::is_ascii_uppercase) && b.iter().any(u8::is_ascii_lowercase);
    // `Meta-Llama-3-8B-Instruct-Q4_K_M` is of many parts.
    let parts = || b.split(|c| !c.is_ascii_alphanumeric());
    let is_whole = || parts().any(|part| part.len() >= 8) && (parts().count() - 1) * 7 <= b.len();
    is_mixed && changes * 10 >= b.len() * 3 && is_whole() && !b.split(u8::is_ascii_uppercase).skip(1).all(|word| word.first().is_some_and(|c| !matches!(c, b'_' | b'-' | b'@')))
}

/// Two smalls behind every capital: `ProcessDocument`.
fn is_of_words(b: &[u8]) -> bool {
    b.split(u8::is_ascii_uppercase).skip(1).all(|word| word.iter().take(2).filter(|c| c.is_ascii_lowercase()).count() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_uuid_or_trace_are_equal() {
        assert_eq!(canonical("71A4C14F-D176-41B3-861E-90B6C24633AD"), canonical("71a4c14fd17641b3861e90b6c24633ad"));
        assert_eq!(canonical("0000000000000000e5d31520f92c574f"), "e5d31520f92c574f");
        assert_eq!(canonical("Host-1/AB"), "Host-1/AB");
    }

    #[test]
    fn a_long_id_keeps_its_head_and_a_hash() {
        let long = "x".repeat(10_000);
        let folded = canonical(&long);
        assert!(folded.len() < ID_MAX_BYTES && folded.starts_with("xxxx"));
        assert_ne!(folded, canonical(&format!("{long}y")));
    }

    #[test]
    fn words_for_nothing_are_no_ids() {
        for nil in ["", "-", "None", "null", "???", "00000000-0000-0000-0000-000000000000", "0x0000000000000000", "ffffffffffffffff"] {
            assert!(is_nil(nil), "{nil}");
        }
        assert!(!is_nil("req_1"));
    }

    #[test]
    fn strong_values_are_told_from_weak_ones() {
        for strong in [
            "req_01M83WT0DZ45MFFQTM87H1GNQZ",
            "chatcmpl-677857c5b5d84c238a807cb3",
            "01KJMA0Q25F55B5THN9TME5KSY",
            "e5d31520f92c574f",
            "b4a577edbccf1d805744efa2",
            "86381707-08de-4ff3-9943-628c1c0eb997-42",
        ] {
            assert!(is_strong(strong, false), "{strong}");
        }
        for weak in [
            "17",
            "1795427205",
            "1795423719749",
            "worker-1",
            "gpt-4.1-mini",
            "T-10403",
            "2026-11-23",
            "text-embedding-3-small",
            "postgres-primary-db",
            "86381707-08de-4ff3-9943-628c1c0eb997-retry",
        ] {
            assert!(!is_strong(weak, false), "{weak}");
        }
        assert!(is_strong("call_TXScsjhWoMGQHyKVEgLykkta", false));
        assert!(!is_strong("call_SendWelcomeEmailToUsers", false));
        for name in ["HttpRequestMessagesHandlerV2", "gpt-4o-Mini-2024-07-18-EU", "Meta-Llama-3-8B-Instruct-Q4_K_M", "PostgreSQLConnectionPoolTimeoutError"] {
            assert!(!is_strong(name, false), "{name}");
        }
        for token in ["awzzIDjPdycPdq_cOzKJMgAAAEc", "V1StGXR8_Z5jdHi6B-myT", "awzzFTjPdycPdq_cOzKJIAAAAE0"] {
            assert!(is_strong(token, false), "{token}");
        }
        assert!(is_strong("175928847299117063", true));
        assert!(!is_strong("175928847299117063", false));
    }
}
