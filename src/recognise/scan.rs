//! One pass over a JSON object: its leaves with their dotted paths, borrowed from the line.
//!
//! Guarantees: never panics, never recurses deeper than [`MAX_DEPTH`], never yields more than [`MAX_LEAVES`]; numbers stay text, so an id
//! beyond 2^53 keeps its digits; a member written twice is yielded twice. It is more lenient than the grammar (unknown escapes, `NaN`,
//! text behind the object, a missing end): what it had to forgive is told by [`Scan::clean`]. It never interprets a value.

use crate::recognise::{
    escapes::{unescape, unescaped_end},
    names::{Names, ROOT},
};
use std::borrow::Cow;

/// Deepest object that is looked into; below it, values are skipped.
pub const MAX_DEPTH: u8 = 10;
/// Most leaves of one object.
pub const MAX_LEAVES: usize = 400;
/// Most objects of an array that are looked into.
const MAX_ELEMENTS: u16 = 16;

/// Type of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A string, raw and without its quotes.
    Str,
    /// A number as written.
    Num,
    /// `true` or `false`.
    Bool,
    /// `null`, `NaN`, `Infinity`.
    Null,
    /// An array of values that are no objects, raw with its brackets.
    Array,
    /// An object that was not looked into (empty, or too deep).
    Object,
}

/// One value of a line.
#[derive(Debug, Clone, Copy)]
pub struct Leaf<'a> {
    /// Its path, interned.
    pub path: u32,
    /// Its type.
    pub kind: Kind,
    /// As written.
    pub raw: &'a str,
    /// A string that holds escapes.
    pub escaped: bool,
    /// Ordinal of the object it stands in: leaves of one object share it.
    pub object: u16,
    /// It stands in an object of an array.
    pub in_array: bool,
}

impl<'a> Leaf<'a> {
    /// The text of a string, the digits of a number.
    pub fn text(&self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }

    /// It says nothing: null, an empty string, an empty array or object.
    pub fn is_empty(&self) -> bool {
        match self.kind {
            Kind::Null | Kind::Object => true,
            Kind::Array => self.raw.len() <= 2 || self.raw[1..self.raw.len() - 1].trim().is_empty(),
            _ => self.raw.is_empty(),
        }
    }
}

/// An array that carries a batch of records, found at the top level.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Path of the member.
    pub path: u32,
    /// The array, raw.
    pub raw: &'a str,
}

/// What a pass found.
#[derive(Debug, Default)]
pub struct Scan<'a> {
    /// Leaves in the order of the line.
    pub leaves: Vec<Leaf<'a>>,
    /// The text was a whole, valid object and nothing else.
    pub clean: bool,
    /// The text ended or turned into something else inside the object. A value that may be cut there is not among the leaves.
    pub broke: bool,
    /// A string held quotes that were not escaped.
    pub mended: bool,
    /// The batch, when the object is an envelope of one.
    pub batch: Option<Batch<'a>>,
    objects: u16,
}

impl<'a> Scan<'a> {
    /// Appends the leaves of one object. `batch_key` is a member not to look into (see [`Batch`]); `None` asks the names.
    pub fn object(&mut self, text: &'a str, names: &mut Names, under: u32) {
        let mut p = Pass { text, b: text.as_bytes(), at: 0, ok: true, names, out: self };
        p.space();
        if p.peek() == Some(b'{') {
            p.members(under, 0, false);
            p.space();
            let whole = p.at >= p.b.len();
            let clean = p.ok && whole;
            self.clean = clean;
        }
    }
}

struct Pass<'a, 'p> {
    text: &'a str,
    b: &'a [u8],
    at: usize,
    ok: bool,
    names: &'p mut Names,
    out: &'p mut Scan<'a>,
}

impl<'a> Pass<'a, '_> {
    fn peek(&self) -> Option<u8> {
        self.b.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    /// The members of an object; stands at `{`.
    fn members(&mut self, path: u32, depth: u8, in_array: bool) {
        self.at += 1;
        self.out.objects = self.out.objects.saturating_add(1);
        let object = self.out.objects;
        let mut first = true;
        loop {
            self.space();
            match self.peek() {
                Some(b'}') => {
                    self.at += 1;
                    return;
                }
                Some(b',') if !first => {
                    self.at += 1;
                    self.space();
                }
                Some(b'"') if first => {}
                Some(_) if !first && self.mend(object) => continue,
                next => {
                    let ends_whole = next.is_none() && self.out.leaves.last().is_some_and(|l| l.kind == Kind::Str);
                    if !first && !ends_whole {
                        self.out.leaves.pop();
                    }
                    self.fail();
                    return;
                }
            }
            first = false;
            if self.peek() != Some(b'"') {
                self.fail();
                return;
            }
            let Some((key, _)) = self.string() else { return };
            self.space();
            if self.peek() != Some(b':') {
                self.fail();
                return;
            }
            self.at += 1;
            self.space();
            let name = self.names.child(path, key);
            self.value(name, depth, object, in_array);
            if self.out.broke {
                return;
            }
        }
    }

    /// The string before goes on: its logger does not escape quotes (`"message":"said "no" to it"`).
    fn mend(&mut self, object: u16) -> bool {
        let (text, from) = (self.text, self.at);
        let Some(leaf) = self.out.leaves.last_mut().filter(|l| l.kind == Kind::Str && l.object == object) else { return false };
        let start = (leaf.raw.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
        let is_before = text.get(start.wrapping_add(leaf.raw.len())..from).is_some_and(|between| between.trim_end() == "\"");
        let Some(end) = unescaped_end(text, from).filter(|_| is_before) else { return false };
        leaf.raw = &text[start..end];
        leaf.escaped = leaf.raw.contains('\\');
        (self.at, self.ok, self.out.mended) = (end + 1, false, true);
        true
    }

    /// Gives up: the rest of the line is not looked at.
    fn fail(&mut self) {
        self.ok = false;
        self.out.broke = true;
        self.at = self.b.len();
    }

    fn value(&mut self, path: u32, depth: u8, object: u16, in_array: bool) {
        let start = self.at;
        match self.peek() {
            Some(b'"') => {
                if let Some((raw, escaped)) = self.string() {
                    self.push(Leaf { path, kind: Kind::Str, raw, escaped, object, in_array });
                }
            }
            Some(b'{') => {
                let opaque = self.names.is_opaque(path) || depth + 1 >= MAX_DEPTH || self.out.leaves.len() >= MAX_LEAVES;
                if opaque || self.is_empty_object() {
                    self.skip();
                    let raw = &self.text[start..self.at];
                    self.push(Leaf { path, kind: Kind::Object, raw, escaped: false, object, in_array });
                } else {
                    self.members(path, depth + 1, in_array);
                }
            }
            Some(b'[') => self.array(path, depth, object, in_array),
            Some(_) => {
                while let Some(c) = self.peek() {
                    if matches!(c, b',' | b'}' | b']' | b' ' | b'\n' | b'\t' | b'\r') {
                        break;
                    }
                    self.at += 1;
                }
                let raw = &self.text[start..self.at];
                let kind = self.word_kind(raw);
                self.push(Leaf { path, kind, raw, escaped: false, object, in_array });
            }
            None => self.fail(),
        }
    }

    fn word_kind(&mut self, raw: &str) -> Kind {
        match raw {
            "true" | "false" => Kind::Bool,
            "null" => Kind::Null,
            _ if raw.as_bytes().first().is_some_and(|c| c.is_ascii_digit() || *c == b'-')
                && raw.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'-' | b'+' | b'.' | b'e' | b'E')) =>
            {
                Kind::Num
            }
            _ => {
                self.ok = false;
                Kind::Null
            }
        }
    }

    fn is_empty_object(&self) -> bool {
        self.b[self.at + 1..].iter().find(|c| !c.is_ascii_whitespace()) == Some(&b'}')
    }

    fn array(&mut self, path: u32, depth: u8, object: u16, in_array: bool) {
        let start = self.at;
        let first = self.b[self.at + 1..].iter().find(|c| !c.is_ascii_whitespace());
        let is_batch = depth == 0 && self.out.batch.is_none() && self.names.is_batch(path);
        if first != Some(&b'{') || is_batch || self.names.is_opaque(path) || depth + 1 >= MAX_DEPTH {
            self.skip();
            let raw = &self.text[start..self.at];
            if is_batch {
                self.out.batch = Some(Batch { path, raw });
            }
            self.push(Leaf { path, kind: Kind::Array, raw, escaped: false, object, in_array });
            return;
        }
        self.at += 1;
        let mut seen = 0;
        loop {
            self.space();
            match self.peek() {
                Some(b']') => {
                    self.at += 1;
                    return;
                }
                Some(b',') => self.at += 1,
                Some(b'{') if seen < MAX_ELEMENTS && self.out.leaves.len() < MAX_LEAVES => {
                    seen += 1;
                    if !self.pair(path, depth) {
                        self.members(path, depth + 1, true);
                    }
                }
                // The end of an object inside an array that is still open.
                Some(b'}') | None => {
                    self.fail();
                    return;
                }
                Some(_) => {
                    if !self.skip() {
                        return;
                    }
                }
            }
        }
    }

    /// `{"key": "k", "value": {"stringValue": "v"}}`: a list of such pairs is an object (OTLP JSON).
    fn pair(&mut self, path: u32, depth: u8) -> bool {
        let start = self.at;
        let found = self.pair_inner(path, depth);
        if found.is_none() {
            self.at = start;
        }
        found.is_some()
    }

    fn pair_inner(&mut self, path: u32, depth: u8) -> Option<()> {
        self.at += 1;
        self.literal_key("key")?;
        if self.peek() != Some(b'"') {
            return None;
        }
        let (key, _) = self.string()?;
        self.space();
        if self.peek() != Some(b',') {
            return None;
        }
        self.at += 1;
        self.literal_key("value")?;
        let name = self.names.child(path, key);
        self.out.objects = self.out.objects.saturating_add(1);
        let object = self.out.objects;
        if self.peek() == Some(b'{') {
            self.at += 1;
            self.space();
            let (kind, _) = if self.peek() == Some(b'"') { self.string()? } else { ("", false) };
            if !kind.is_empty() {
                self.space();
                if self.peek() != Some(b':') {
                    return None;
                }
                self.at += 1;
                self.space();
                match kind {
                    "arrayValue" | "kvlistValue" => {
                        let start = self.at;
                        self.skip();
                        let raw = &self.text[start..self.at];
                        let values = raw.find('[').zip(raw.rfind(']')).map_or("[]", |(a, z)| if a < z { &raw[a..=z] } else { "[]" });
                        self.push(Leaf { path: name, kind: Kind::Array, raw: values, escaped: false, object, in_array: false });
                    }
                    _ => self.value(name, depth + 1, object, false),
                }
                self.space();
            }
            if self.peek() != Some(b'}') {
                return None;
            }
            self.at += 1;
        } else {
            self.value(name, depth + 1, object, false);
        }
        self.space();
        if self.peek() != Some(b'}') {
            return None;
        }
        self.at += 1;
        Some(())
    }

    fn literal_key(&mut self, want: &str) -> Option<()> {
        self.space();
        if self.peek() != Some(b'"') {
            return None;
        }
        let (key, _) = self.string()?;
        if key != want {
            return None;
        }
        self.space();
        if self.peek() != Some(b':') {
            return None;
        }
        self.at += 1;
        self.space();
        Some(())
    }

    /// A string; stands at its quote. `None`: it has no end.
    fn string(&mut self) -> Option<(&'a str, bool)> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            match memchr::memchr2(b'"', b'\\', self.b.get(at..)?) {
                None => {
                    self.fail();
                    return None;
                }
                Some(n) => {
                    at += n;
                    if self.b[at] == b'"' {
                        self.at = at + 1;
                        return Some((self.text.get(start..at)?, escaped));
                    }
                    escaped = true;
                    if !matches!(self.b.get(at + 1), Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u')) {
                        self.ok = false;
                    }
                    at += 2;
                    // A lenient escape may have jumped into a character.
                    while at < self.b.len() && !self.text.is_char_boundary(at) {
                        at += 1;
                    }
                }
            }
        }
    }

    /// Steps over any value without looking into it. False: the text ended.
    fn skip(&mut self) -> bool {
        let mut depth = 0_u32;
        loop {
            match self.peek() {
                None => {
                    self.fail();
                    return false;
                }
                Some(b'"') => {
                    if self.string().is_none() {
                        return false;
                    }
                }
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') => {
                    if depth == 0 {
                        return true;
                    }
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',') if depth == 0 => return true,
                Some(_) => self.at += 1,
            }
            if depth == 0 {
                return true;
            }
        }
    }

    fn push(&mut self, leaf: Leaf<'a>) {
        if self.out.leaves.len() < MAX_LEAVES {
            self.out.leaves.push(leaf);
        }
    }
}

/// Length of the array or object a text begins with; `None` when it does not end.
pub fn value_length(text: &str) -> Option<usize> {
    let (mut names, mut scan) = (Names::bare(), Scan::default());
    let mut p = Pass { text, b: text.as_bytes(), at: 0, ok: true, names: &mut names, out: &mut scan };
    (p.skip() && p.at > 0).then_some(p.at)
}

/// The raw elements of an array, at most `limit`.
pub fn elements(raw: &str, limit: usize) -> Vec<(Kind, &str)> {
    let mut out = Vec::new();
    let mut names = Names::bare();
    let mut scan = Scan::default();
    let Some(inner) = raw.trim().strip_prefix('[') else { return out };
    let mut p = Pass { text: inner, b: inner.as_bytes(), at: 0, ok: true, names: &mut names, out: &mut scan };
    while out.len() < limit {
        p.space();
        let start = p.at;
        match p.peek() {
            None | Some(b']') => break,
            Some(b',') => p.at += 1,
            Some(b'"') => match p.string() {
                Some((text, _)) => out.push((Kind::Str, text)),
                None => break,
            },
            Some(open @ (b'{' | b'[')) => {
                p.skip();
                let kind = if open == b'{' { Kind::Object } else { Kind::Array };
                out.push((kind, &inner[start..p.at.min(inner.len())]));
            }
            Some(_) => {
                p.value(ROOT, MAX_DEPTH, 0, false);
                let raw = &inner[start..p.at.min(inner.len())];
                out.push((if matches!(raw, "null" | "true" | "false") { Kind::Null } else { Kind::Num }, raw));
                if p.at == start {
                    break;
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> (Vec<(String, String)>, bool) {
        let mut names = Names::bare();
        let mut scan = Scan::default();
        scan.object(text, &mut names, ROOT);
        (scan.leaves.iter().map(|l| (names.dotted(l.path), l.text().into_owned())).collect(), scan.clean)
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn leaves_come_in_order_with_dotted_paths_and_digits_kept() {
        let (found, clean) = paths(r#" {"a":{"b":18446744073709551615,"c":"x\ny"},"d":[1,2],"a.e":true,"a":null} "#);
        assert_eq!(found, pairs(&[("a.b", "18446744073709551615"), ("a.c", "x\ny"), ("d", "[1,2]"), ("a.e", "true"), ("a", "null")]));
        assert!(clean);
    }

    #[test]
    fn a_list_of_keys_and_values_is_an_object() {
        let (found, _) = paths(r#"{"attributes":[{"key":"service.name","value":{"stringValue":"chat"}},{"key":"n","value":{"intValue":"4"}}]}"#);
        assert_eq!(found, pairs(&[("attributes.service.name", "chat"), ("attributes.n", "4")]));
    }

    #[test]
    fn broken_objects_give_what_stands_before_the_break() {
        for (text, want) in [
            (r#"{"a":1,"b":"#, 1),
            (r#"{"a":1,"b":"x"#, 1),
            (r#"{"a":1} trailing"#, 1),
            (r#"{"a":NaN,"b":2}"#, 2),
            (r#"{"a":"x\ y","b":2}"#, 2),
            ("{", 0),
            ("{}", 0),
            (r#"{"a"}"#, 0),
        ] {
            let (found, clean) = paths(text);
            assert_eq!(found.len(), want, "{text}");
            assert_eq!(clean, text == "{}", "{text}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(paths(&deep).0.len(), 1);
        let deeper = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        assert_eq!(paths(&deeper).0.len(), 1);
    }

    #[test]
    fn elements_of_an_array_are_listed() {
        assert_eq!(elements(r#"["a", 2, {"b":1}, null]"#, 9), vec![(Kind::Str, "a"), (Kind::Num, "2"), (Kind::Object, r#"{"b":1}"#), (Kind::Null, "null")]);
        assert_eq!(elements("[", 9), vec![]);
    }
}
