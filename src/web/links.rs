//! Addresses and anchors of the pages, and the filters that live in the query text.
//!
//! Guarantees: an address is built here alone, from our own path and percent-encoded values, so no text of a log becomes a scheme, a host
//! or markup; a filter link changes one condition and leaves the rest of the reader's query as typed.

use crate::model::{
    summary::Preset,
    trace::{LineRef, Span},
};
use rustc_hash::FxHashMap;
use std::fmt::Write;

/// Longest query text that is read.
pub const QUERY_MAX_BYTES: usize = 4_096;
/// Longest query whose conditions and filters are offered as links: each of them repeats the query.
pub const LINKED_MAX_BYTES: usize = 1_024;
/// Longest id that is looked up.
pub const ID_MAX_BYTES: usize = 16 * 1024;

/// Percent-encodes everything but unreserved characters: right in a path segment, a query value and a fragment.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// A path of ours with what stands behind `?`; a key without a value is left out.
pub fn address<K: AsRef<str>, V: AsRef<str>>(path: &str, pairs: impl IntoIterator<Item = (K, V)>) -> String {
    let mut out = path.to_owned();
    for (key, value) in pairs.into_iter().filter(|(_, value)| !value.as_ref().is_empty()) {
        let sign = if out.len() == path.len() { '?' } else { '&' };
        let _ = write!(out, "{sign}{}={}", key.as_ref(), encode(value.as_ref()));
    }
    out
}

/// `/r/{id}`, with the scope of a weak id.
pub fn request(id: &str, scope: Option<&str>) -> String {
    address(&format!("/r/{}", encode(id)), [("scope", scope.unwrap_or(""))])
}

/// A step on the page of its request, opened there even where it would be grouped or folded.
pub fn step(id: &str, scope: Option<&str>, key: &str) -> String {
    let page = request(id, scope);
    let joint = if page.contains('?') { '&' } else { '?' };
    format!("{page}{joint}step={}#{key}", encode(key))
}

/// Stands in place of an id: what is usual on the route of the other.
pub const TYPICAL: &str = "typical";

/// One side of a comparison: an id, or [`TYPICAL`], and the scope of a weak id. An empty id is left to be given.
pub type CompareSide<'a> = (&'a str, Option<&'a str>);

/// `/compare?a=…&b=…`; with `.json` behind the name, the same as data.
pub fn compare(ending: &str, a: CompareSide<'_>, b: CompareSide<'_>) -> String {
    let side = |key: &str, (id, scope): CompareSide<'_>| {
        let scope = scope.filter(|_| !id.is_empty()).unwrap_or("");
        [(key.to_owned(), id.to_owned()), (format!("{key}_scope"), scope.to_owned())]
    };
    address(&format!("/compare{ending}"), side("a", a).into_iter().chain(side("b", b)))
}

/// Name of a fragment: letters, digits, `-`, `_` and `.`; anything else is replaced and told apart by a checksum.
pub fn anchor(text: &str) -> String {
    let safe: String = text.chars().take(80).map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' }).collect();
    if safe == text { safe } else { format!("{safe}-{:08x}", crc32fast::hash(text.as_bytes())) }
}

/// Names of steps in addresses and as anchors, by index: from the first line a step stands on and its kind, so that they stay when the
/// index is made anew and when the file is packed or rotated. Steps that would share a name are numbered in their order.
pub fn step_keys(spans: &[Span]) -> Vec<String> {
    let mut taken: FxHashMap<String, u32> = FxHashMap::default();
    let key = |span: &Span| match span.lines.first() {
        Some(line) => anchor(&format!("{}-{}-{}", unrotated(&line.file), line.line, span.kind.word())),
        None => anchor(&format!("{}-{}", span.id, span.kind.word())),
    };
    let numbered = |span: &Span| {
        let key = key(span);
        let n = taken.entry(key.clone()).and_modify(|n| *n += 1).or_insert(1);
        if *n == 1 { key } else { format!("{key}.{n}") }
    };
    spans.iter().map(numbered).collect()
}

/// The name of a file without its folder and without what rotation and packing put behind it.
fn unrotated(path: &str) -> &str {
    let mut name = path.rsplit('/').next().filter(|n| !n.is_empty()).unwrap_or(path);
    while let Some((stem, ending)) = name.rsplit_once('.') {
        let is_added = matches!(ending, "gz" | "zst" | "bz2" | "xz") || (!ending.is_empty() && ending.bytes().all(|b| b.is_ascii_digit()));
        if !is_added || stem.is_empty() {
            break;
        }
        name = stem;
    }
    name
}

/// Anchor of a line in the merged log.
pub fn line_anchor(line: &LineRef) -> String {
    format!("l-{}-{}", anchor(&line.file), line.line)
}

/// What the list page was asked: everything of its address but the page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListAddress {
    /// Query text.
    pub q: String,
    /// Sort word; empty: the preset's own.
    pub sort: String,
    /// Smallest first.
    pub ascending: bool,
    /// Preset word; empty: all.
    pub preset: String,
}

impl ListAddress {
    /// The address; `after` continues behind a row.
    pub fn href(&self, after: Option<&str>) -> String {
        let preset = if self.preset == Preset::All.word() { "" } else { &self.preset };
        let dir = if self.ascending { "asc" } else { "" };
        address("/", [("q", self.q.as_str()), ("preset", preset), ("sort", &self.sort), ("dir", dir), ("after", after.unwrap_or(""))])
    }

    /// The same with another query text.
    #[must_use]
    pub fn with_query(&self, q: String) -> Self {
        Self { q, ..self.clone() }
    }
}

/// What the lines page was asked: everything of its address but the page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinesAddress {
    /// Query text.
    pub q: String,
    /// The oldest come first.
    pub oldest: bool,
    /// New lines are put on top.
    pub live: bool,
}

impl LinesAddress {
    /// The address; `after` continues behind a line.
    pub fn href(&self, after: Option<&str>) -> String {
        let (order, live) = (if self.oldest { "oldest" } else { "" }, if self.live { "1" } else { "" });
        address("/lines", [("q", self.q.as_str()), ("order", order), ("live", live), ("after", after.unwrap_or(""))])
    }

    /// The same with another query text, from its first line on.
    #[must_use]
    pub fn with_query(&self, q: String) -> Self {
        Self { q, ..self.clone() }
    }
}

/// The conditions of a query text as typed: cut at blanks outside quotes.
pub fn conditions(query: &str) -> Vec<&str> {
    let (mut out, mut start, mut quoted, mut escaped) = (Vec::new(), None, false, false);
    for (at, c) in query.char_indices() {
        if c.is_whitespace() && !quoted {
            if let Some(from) = start.take() {
                out.push(&query[from..at]);
            }
            continue;
        }
        start.get_or_insert(at);
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && c == '\\' && !escaped;
    }
    out.extend(start.map(|from| &query[from..]));
    out
}

/// A value as a query reads it back: quoted when it holds a blank, a comma, a quote or what would be read as an operator.
pub fn quoted(value: &str) -> String {
    let plain = !value.is_empty()
        && !value.starts_with(['>', '<', '=', '-', '≥', '≤'])
        && !value.contains("..")
        && value.chars().all(|c| !c.is_whitespace() && !matches!(c, ',' | '"' | '*' | '\\'));
    if plain { value.to_owned() } else { format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// The query with `key:value` added: as an alternative beside other values of the key, else as a condition of its own.
pub fn with_value(query: &str, key: &str, value: &str) -> String {
    let mut parts: Vec<String> = conditions(query).into_iter().map(str::to_owned).collect();
    match parts.iter_mut().find(|p| values_of(p, key).is_some()) {
        Some(part) => *part = format!("{part},{}", quoted(value)),
        None => parts.push(format!("{key}:{}", quoted(value))),
    }
    parts.join(" ")
}

/// The query without that value of the key.
pub fn without_value(query: &str, key: &str, value: &str) -> String {
    let kept: Vec<String> = conditions(query)
        .into_iter()
        .filter_map(|part| {
            let Some(values) = values_of(part, key) else { return Some(part.to_owned()) };
            let rest: Vec<&str> = values.iter().copied().filter(|v| unquoted(v) != value).collect();
            if rest.len() == values.len() { Some(part.to_owned()) } else { (!rest.is_empty()).then(|| format!("{key}:{}", rest.join(","))) }
        })
        .collect();
    kept.join(" ")
}

/// The query with every condition of the key replaced by one; `text` is used as it stands (`1s..2s`).
pub fn with_only(query: &str, key: &str, text: &str) -> String {
    let mut parts: Vec<&str> = conditions(query).into_iter().filter(|p| values_of(p, key).is_none()).collect();
    let condition = format!("{key}:{text}");
    parts.push(&condition);
    parts.join(" ")
}

/// The query without any condition of the key.
pub fn without_key(query: &str, key: &str) -> String {
    conditions(query).into_iter().filter(|p| values_of(p.strip_prefix('-').unwrap_or(p), key).is_none()).collect::<Vec<_>>().join(" ")
}

/// The conditions of a key, as typed.
pub fn with_key<'a>(query: &'a str, key: &str) -> Vec<&'a str> {
    conditions(query).into_iter().filter(|p| values_of(p, key).is_some()).collect()
}

/// The query without one condition, given as it was typed.
pub fn without_condition(query: &str, condition: &str) -> String {
    conditions(query).into_iter().filter(|c| *c != condition).collect::<Vec<_>>().join(" ")
}

/// The values of a condition, as typed, when it is one of this key.
fn values_of<'a>(condition: &'a str, key: &str) -> Option<Vec<&'a str>> {
    let values = condition.strip_prefix(key)?.strip_prefix(':')?;
    let (mut out, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in values.char_indices() {
        if c == ',' && !quoted {
            out.push(&values[start..at]);
            start = at + 1;
        }
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && c == '\\' && !escaped;
    }
    out.push(&values[start..]);
    out.retain(|v| !v.is_empty());
    Some(out)
}

fn unquoted(value: &str) -> String {
    match value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => value.to_owned(),
    }
}

/// At most `max` bytes of a text, cut between characters, and whether something was cut.
pub fn cut(text: &str, max: usize) -> (&str, bool) {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (&text[..end], end < text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_any_text_stays_one_segment() {
        assert_eq!(request("req_1", None), "/r/req_1");
        assert_eq!(request("../<a href=\"x\">", Some("queue=mail")), "/r/..%2F%3Ca%20href%3D%22x%22%3E?scope=queue%3Dmail");
        assert_eq!(request("javascript:alert(1)//", None), "/r/javascript%3Aalert%281%29%2F%2F");
    }

    #[test]
    fn a_comparison_names_both_sides_with_their_scopes() {
        assert_eq!(compare("", ("req_1", None), ("1187", Some("queue=a&b"))), "/compare?a=req_1&b=1187&b_scope=queue%3Da%26b");
        assert_eq!(compare(".json", ("a&b=x", None), (TYPICAL, None)), "/compare.json?a=a%26b%3Dx&b=typical");
        assert_eq!(compare("", ("", Some("x")), ("", None)), "/compare");
        assert_eq!(step("7", Some("queue=m"), "api.log-4-task"), "/r/7?scope=queue%3Dm&step=api.log-4-task#api.log-4-task");
    }

    #[test]
    fn anchors_are_safe_and_told_apart() {
        assert_eq!(anchor("worker-1.log"), "worker-1.log");
        assert_ne!(anchor("a/b.log"), anchor("a_b.log"));
        assert!(anchor("a\"><script>").chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)));
    }

    #[test]
    fn conditions_are_cut_outside_quotes() {
        assert_eq!(conditions(r#" route:"POST /x y"  status:failed "two words" "#), [r#"route:"POST /x y""#, "status:failed", "\"two words\""]);
        assert_eq!(conditions(r#"a:"x \" y" b"#), [r#"a:"x \" y""#, "b"]);
        assert_eq!(conditions("\"open end"), ["\"open end"]);
    }

    #[test]
    fn a_value_is_added_and_taken_away_again() {
        let q = with_value("timeout", "route", "POST /a, b");
        assert_eq!(q, r#"timeout route:"POST /a, b""#);
        let both = with_value(&q, "route", "GET /");
        assert_eq!(both, r#"timeout route:"POST /a, b","GET /""#);
        assert_eq!(without_value(&both, "route", "POST /a, b"), r#"timeout route:"GET /""#);
        assert_eq!(without_value(&q, "route", "POST /a, b"), "timeout");
        assert_eq!(without_value("x status:ok", "status", "failed"), "x status:ok");
    }

    #[test]
    fn hostile_values_survive_the_way_through_a_query() {
        for value in ["a\"b", "back\\slash", "\\\"", "-x", "1..2", "*", ">5", "a b"] {
            let q = with_value("keep", "model", value);
            assert_eq!(without_value(&q, "model", value), "keep", "{q}");
        }
    }

    #[test]
    fn a_range_replaces_the_one_before() {
        assert_eq!(with_only("dur:>5s model:x", "dur", "1s..2s"), "model:x dur:1s..2s");
    }

    #[test]
    fn the_address_of_a_list_leaves_out_what_is_usual() {
        let address = ListAddress { q: "a b".into(), preset: "all".into(), ..ListAddress::default() };
        assert_eq!(address.href(None), "/?q=a%20b");
        assert_eq!(ListAddress::default().href(None), "/");
        let sorted = ListAddress { sort: "wait".into(), ascending: true, preset: "failed".into(), ..address };
        assert_eq!(sorted.href(Some("x/1")), "/?q=a%20b&preset=failed&sort=wait&dir=asc&after=x%2F1");
    }
}
