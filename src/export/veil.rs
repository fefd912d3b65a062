//! Hides what is nobody's business: secrets always, what people and models said when asked.
//!
//! Guarantees: what is marked in a line is hidden there, and its text is hidden too where it stands in texts, errors and names that were made from lines; what
//! takes its place says what it was. A content of a few characters is looked for in its own line alone: elsewhere it would hide ordinary words.
//! Never hides less than `recognise::sensitive` marks in the text at hand.

use crate::{
    model::trace::LogLine,
    recognise::sensitive::{self, Kind, Sensitive},
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::ops::Range;

/// Bytes by which a value is found.
const HEAD: usize = 6;
/// From so many bytes on a value is looked for inside names and inside words too.
const LONG: usize = 24;
/// Members of a message that say what it is, not what was said.
const FRAME: [&str; 13] = ["role", "type", "id", "name", "status", "object", "model", "finish_reason", "finishReason", "stop_reason", "call_id", "tool_call_id", "tool_use_id"];
/// From so many bytes on a secret is hidden inside words too.
const SURE: usize = 10;
/// Most values of a record that are too short to be known by their begin.
const MAX_SHORT: usize = 64;
/// Values that are compared loosely at one place.
const MAX_LOOSE: usize = 8;

/// What is to be hidden in one request.
#[derive(Debug, Default)]
pub struct Veil {
    hide_content: bool,
    values: FxHashMap<String, Kind>,
    by_head: FxHashMap<[u8; HEAD], Alike>,
}

/// Values that begin alike.
#[derive(Debug, Default)]
struct Alike {
    /// How long they are, the longest first: of those that begin alike it is hidden.
    lengths: Vec<usize>,
    /// Those that are compared loosely.
    loose: Vec<String>,
}

/// A part of a text that is hidden.
type Part = (Range<usize>, Kind);

impl Veil {
    /// From the raw lines of a request.
    pub fn of<'a>(raws: impl IntoIterator<Item = &'a str>, hide_content: bool) -> Self {
        Self::learned(raws, hide_content).in_order()
    }

    /// From the head of one record, and the secrets that stand behind it.
    pub fn of_record(head: &str, behind: &[String]) -> Self {
        let mut veil = Self::learned([head], false);
        for secret in behind {
            let mut spellings = Vec::new();
            spell(secret, &mut spellings);
            spellings.into_iter().for_each(|text| veil.learn(text, Kind::Secret));
        }
        veil.in_order()
    }

    fn learned<'a>(raws: impl IntoIterator<Item = &'a str>, hide_content: bool) -> Self {
        let mut veil = Self { hide_content, ..Self::default() };
        for raw in raws {
            veil.values_of(raw).into_iter().for_each(|(text, kind)| veil.learn(text, kind));
        }
        veil
    }

    fn learn(&mut self, text: String, kind: Kind) {
        let Some(head) = text.as_bytes().first_chunk::<HEAD>() else { return };
        let alike = self.by_head.entry(*head).or_default();
        alike.lengths.push(text.len());
        if kind == Kind::Content && text.len() >= LONG && !self.values.contains_key(&text) {
            alike.loose.push(text.clone());
        }
        // What one line says is a secret is one in all.
        self.values.entry(text).and_modify(|known| *known = (*known).min(kind)).or_insert(kind);
    }

    fn in_order(mut self) -> Self {
        for alike in self.by_head.values_mut() {
            alike.lengths.sort_unstable_by(|a, b| b.cmp(a));
            alike.lengths.dedup();
            alike.loose.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
            alike.loose.truncate(MAX_LOOSE);
        }
        self
    }

    /// From the lines of a page.
    pub fn of_log(log: &[LogLine], hide_content: bool) -> Self {
        // The entries of one record share its text.
        let mut seen: FxHashSet<*const u8> = FxHashSet::default();
        Self::of(log.iter().filter(|l| l.raw.is_empty() || seen.insert(l.raw.as_ptr())).map(|l| &*l.raw), hide_content)
    }

    /// What people and models said is hidden too.
    pub fn hides_content(&self) -> bool {
        self.hide_content
    }

    /// Where secrets stand in a record, its own and those of other lines, wherever it repeats them; in order, none inside another.
    pub fn secrets(&self, raw: &str) -> Vec<Range<usize>> {
        let own: Vec<Part> = self.marks(raw);
        let repeated = if own.is_empty() { Vec::new() } else { self.own(raw, raw) };
        let parts = own.into_iter().chain(repeated).chain(self.known(raw, 0)).filter(|(_, kind)| *kind == Kind::Secret).collect();
        merged(parts).into_iter().map(|(at, _)| at).collect()
    }

    /// A text that people wrote: of a line, of an error.
    pub fn prose(&self, text: &str) -> String {
        let mut parts = self.marks(text);
        parts.extend(self.known(text, 0));
        cover(text, parts)
    }

    /// A name or a sentence made of names: a content hides there only when it is too long to be a word by chance.
    pub fn name(&self, text: &str) -> String {
        let mut parts: Vec<Part> = self.marks(text).into_iter().filter(|(_, kind)| *kind == Kind::Secret).collect();
        parts.extend(self.known(text, LONG));
        cover(text, parts)
    }

    /// The text of a line.
    pub fn line(&self, line: &LogLine) -> String {
        self.text(&line.text, &line.raw)
    }

    /// A text that was made from a record.
    pub fn text(&self, text: &str, raw: &str) -> String {
        // A line without a text of its own shows the head of its record, where a value may be cut.
        if !text.is_empty() && raw.starts_with(text) {
            let hidden = self.record(raw);
            return if raw.len() == text.len() { hidden } else { hidden.chars().take(text.chars().count()).collect() };
        }
        let mut parts = self.marks(text);
        parts.extend(self.known(text, 0));
        parts.extend(self.own(text, raw));
        cover(text, parts)
    }

    /// A record as it was written.
    pub fn record(&self, raw: &str) -> String {
        let mut parts = self.marks(raw);
        if !parts.is_empty() {
            parts.extend(self.own(raw, raw));
        }
        parts.extend(self.known(raw, 0));
        cover(raw, parts)
    }

    /// Where values that a record marks stand in a text made from it: the shortest of them too.
    fn own(&self, text: &str, raw: &str) -> Vec<Part> {
        let (mut longer, mut short) = (Self { hide_content: self.hide_content, ..Self::default() }, Vec::new());
        for (value, kind) in self.values_of(raw) {
            // In the record itself what was said is hidden where it stands: a short one would hide the words of other members.
            let is_told = value.chars().count() > 1 || value == text;
            if !is_told || (kind == Kind::Content && text.len() >= raw.len()) {
                continue;
            }
            if value.len() >= HEAD { longer.learn(value, kind) } else { short.push((value, kind)) }
        }
        short.sort_unstable();
        short.dedup();
        let mut parts = longer.in_order().known(text, 0);
        for (value, kind) in short.into_iter().take(MAX_SHORT) {
            let found = text.match_indices(&value).map(|(at, _)| at..at + value.len());
            parts.extend(found.filter(|at| stands_alone(text, at, kind)).map(|at| (at, kind)));
        }
        parts
    }

    fn hides(&self, kind: Kind) -> bool {
        kind == Kind::Secret || self.hide_content
    }

    fn marks(&self, text: &str) -> Vec<Part> {
        sensitive::marks(text, Sensitive::builtin()).into_iter().filter(|m| self.hides(m.kind)).map(|m| (m.at, m.kind)).collect()
    }

    /// What is marked in a line, in each spelling it may have elsewhere.
    fn values_of(&self, raw: &str) -> Vec<(String, Kind)> {
        let mut out = Vec::new();
        let mut add = |text: &str| {
            for (at, kind) in self.marks(text) {
                let mut spellings = Vec::new();
                spell(&text[at], &mut spellings);
                out.extend(spellings.into_iter().filter(|s| !s.trim().is_empty()).map(|s| (s, kind)));
            }
        };
        add(raw);
        // A record inside a text of the record has its own members.
        if raw.contains("\\\"")
            && let Ok(record) = serde_json::from_str(raw)
        {
            let mut texts = Vec::new();
            leaves(&record, &[], &mut texts);
            texts.iter().filter(|t| t.starts_with(['{', '['])).for_each(|t| add(t));
        }
        out
    }

    /// Where known values stand. Contents shorter than `least` bytes are passed over.
    fn known(&self, text: &str, least: usize) -> Vec<Part> {
        let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
        // Loose comparing is given up where a text is made to cost: exact values are still found.
        let mut work = 8 * text.len() + 65_536;
        let mut exact = 256 * text.len() + (1 << 20);
        if self.values.is_empty() {
            return out;
        }
        while at + HEAD <= bytes.len() {
            let alike = bytes[at..].first_chunk::<HEAD>().and_then(|head| self.by_head.get(head));
            if exact == 0 {
                // A text that was made to cost: what is left of it is not looked through, and not shown.
                out.push((at..text.len(), Kind::Secret));
                break;
            }
            if let Some((length, kind)) = alike.and_then(|alike| self.exactly(text, at, alike, least, &mut exact)) {
                out.push((at..at + length, kind));
                // Another may begin inside of it.
                at += 1;
            } else {
                let loose = alike.and_then(|alike| loosely(&bytes[at..], alike, &mut work));
                out.extend(loose.map(|length| (at..at + length, Kind::Content)));
                at += loose.unwrap_or(1);
            }
        }
        out
    }

    /// The longest value that stands at a place.
    fn exactly(&self, text: &str, at: usize, alike: &Alike, least: usize, work: &mut usize) -> Option<(usize, Kind)> {
        alike.lengths.iter().find_map(|length| {
            *work = work.saturating_sub(*length);
            let value = text.get(at..at + length)?;
            let kind = *self.values.get(value)?;
            ((kind == Kind::Secret || value.len() >= least) && stands_alone(text, &(at..at + length), kind)).then_some((*length, kind))
        })
    }
}

/// How long a content is here that was cut (`…`) or whose spaces were changed.
fn loosely(text: &[u8], alike_values: &Alike, work: &mut usize) -> Option<usize> {
    alike_values.loose.iter().find_map(|value| {
        let (length, of_value) = alike(text, value.as_bytes(), *work);
        *work = work.saturating_sub(length);
        let rest = &text[length..];
        let is_cut = rest.starts_with(b"...") || rest.starts_with("…".as_bytes()) || rest.starts_with(b" ...");
        (length >= LONG && (of_value == value.len() || is_cut)).then_some(length)
    })
}

/// How far a text and a value are alike but for their spaces, in bytes of each, on borders of characters; at most `most`.
fn alike(text: &[u8], value: &[u8], most: usize) -> (usize, usize) {
    let (mut a, mut b, mut border) = (0, 0, (0, 0));
    while a < text.len().min(most) && b < value.len() {
        let (here, there) = (space(&text[a..]), space(&value[b..]));
        if here > 0 && there > 0 {
            (a, b) = (a + here, b + there);
        } else if text[a] == value[b] {
            (a, b) = (a + 1, b + 1);
        } else {
            break;
        }
        let is_border = |bytes: &[u8], at: usize| bytes.get(at).is_none_or(|byte| byte & 0xC0 != 0x80);
        if is_border(text, a) && is_border(value, b) {
            border = (a, b);
        }
    }
    border
}

/// Bytes of the spaces a text begins with, also as escapes.
fn space(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match text[at..] {
            [b' ' | b'\n' | b'\r' | b'\t', ..] => at += 1,
            [b'\\', b'n' | b'r' | b't', ..] => at += 2,
            _ => return at,
        }
    }
}

/// A short value is not a part of a word; a secret that no word is, is one wherever it stands.
fn stands_alone(text: &str, at: &Range<usize>, kind: Kind) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let joins = |outer: Option<char>, inner: Option<char>| outer.is_some_and(is_word) && inner.is_some_and(is_word);
    let Some(value) = text.get(at.clone()) else { return false };
    let is_no_word = value.len() >= LONG || (kind == Kind::Secret && value.len() >= SURE);
    is_no_word || !(joins(text[..at.start].chars().next_back(), value.chars().next()) || joins(text[at.end..].chars().next(), value.chars().next_back()))
}

/// A marked part as written, without its escapes, and the texts in it when it is an object or a list; each also as a record inside a record has it.
fn spell(slice: &str, out: &mut Vec<String>) {
    let once = unescaped(slice);
    let twice = once.as_deref().and_then(unescaped);
    let thrice = twice.as_deref().and_then(unescaped);
    for form in [Some(slice), once.as_deref(), twice.as_deref(), thrice.as_deref()].into_iter().flatten() {
        out.push(form.trim().to_owned());
        if form.starts_with(['[', '{'])
            && let Ok(value) = serde_json::from_str::<serde_json::Value>(form)
        {
            leaves(&value, &FRAME, out);
        }
    }
    for depth in [0, 1] {
        let escaped: Vec<String> = out.iter().filter(|t| depth == 0 || t.contains('\\')).map(|t| escaped(t)).collect();
        out.extend(escaped);
    }
    out.sort_unstable();
    out.dedup();
}

fn unescaped(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return None;
    }
    serde_json::from_str(&format!("\"{text}\"")).ok()
}

fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Texts of a value, but those of some members.
fn leaves(value: &serde_json::Value, but: &[&str], out: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => out.push(text.trim().to_owned()),
        serde_json::Value::Array(list) => list.iter().for_each(|v| leaves(v, but, out)),
        serde_json::Value::Object(map) => map.iter().filter(|(key, _)| !but.contains(&key.as_str())).for_each(|(_, v)| leaves(v, but, out)),
        _ => {}
    }
}

/// The text with its parts hidden; of parts that touch one remains.
fn cover(text: &str, parts: Vec<Part>) -> String {
    if parts.is_empty() {
        return text.to_owned();
    }
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for (at, kind) in merged(parts) {
        out.push_str(&text[from..at.start]);
        out.push_str(&stand_in(&text[at.clone()], kind));
        from = at.end;
    }
    out.push_str(&text[from..]);
    out
}

/// Parts in order, those that touch as one.
fn merged(mut parts: Vec<Part>) -> Vec<Part> {
    parts.sort_by_key(|(at, kind)| (at.start, std::cmp::Reverse(at.end), *kind));
    let mut out: Vec<Part> = Vec::with_capacity(parts.len());
    for (at, kind) in parts {
        match out.last_mut() {
            Some((last, _)) if at.start < last.end => last.end = last.end.max(at.end),
            _ => out.push((at, kind)),
        }
    }
    out
}

/// What stands for a hidden part; for an object or a list a text, so that the record around it stays one.
fn stand_in(hidden: &str, kind: Kind) -> String {
    let words = match kind {
        Kind::Secret => "[secret hidden]".to_owned(),
        Kind::Content => {
            let count = unescaped(hidden).map_or_else(|| hidden.chars().count(), |text| text.chars().count());
            format!("[content hidden, {count} characters]")
        }
    };
    match hidden.find('"') {
        Some(at) if hidden.starts_with(['[', '{']) => {
            let quote = &hidden[hidden[..at].trim_end_matches('\\').len()..=at];
            format!("{quote}{words}{quote}")
        }
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{entry::At, trace::LineRef};

    fn line(text: &str, raw: &str) -> LogLine {
        LogLine {
            at: At::default(),
            line: LineRef { file: "a.log".into(), line: 1 },
            time: None,
            severity: None,
            stage: None,
            service: "api".into(),
            text: text.into(),
            raw: raw.into(),
            span: None,
            unplaced: false,
            placed_by: None,
        }
    }

    const CHAT: &str = r#"{"msg":"asking: Where is \"my\" order?","messages":[{"role":"user","content":"Where is \"my\" order?"}],"api_key":"k-123-secret"}"#;

    #[test]
    fn content_is_hidden_in_the_record_in_its_text_and_in_what_others_say() {
        let veil = Veil::of([CHAT], true);
        assert_eq!(veil.record(CHAT), r#"{"msg":"asking: [content hidden, 20 characters]","messages":"[content hidden, 52 characters]","api_key":"[secret hidden]"}"#);
        assert!(serde_json::from_str::<serde_json::Value>(&veil.record(CHAT)).is_ok());
        assert_eq!(veil.line(&line("asking: Where is \"my\" order?", CHAT)), "asking: [content hidden, 20 characters]");
        assert_eq!(veil.prose("the user said: Where is \"my\" order?"), "the user said: [content hidden, 20 characters]");
        assert_eq!(veil.prose("role user"), "role user");
    }

    #[test]
    fn without_the_wish_secrets_alone_are_hidden() {
        let veil = Veil::of([CHAT], false);
        assert_eq!(veil.line(&line("asking: Where is \"my\" order?", CHAT)), "asking: Where is \"my\" order?");
        assert_eq!(veil.prose("401 for k-123-secret"), "401 for [secret hidden]");
        assert_eq!(veil.name("key k-123-secret"), "key [secret hidden]");
        assert_eq!(veil.prose("used sk-proj-Abc123def456ghi789jkl012"), "used [secret hidden]");
    }

    #[test]
    fn a_short_content_hides_no_ordinary_word_but_its_own_line() {
        let raw = r#"{"msg":"sent hey to this","prompt":"hey"}"#;
        let veil = Veil::of([raw, r#"{"prompt":"summarise"}"#], true);
        assert_eq!(veil.line(&line("sent hey to this", raw)), "sent [content hidden, 3 characters] to this");
        assert_eq!(veil.name("POST /summarise"), "POST /summarise");
        assert_eq!(veil.prose("hey"), "hey");
        assert_eq!(veil.prose("resummarised"), "resummarised");
    }

    #[test]
    fn a_record_shown_by_its_head_is_hidden_before_it_is_cut() {
        let raw = format!(r#"{{"prompt":"{}"}}"#, "secret plan ".repeat(40));
        let head: String = raw.chars().take(240).collect();
        assert_eq!(Veil::of([raw.as_str()], true).line(&line(&head, &raw)), r#"{"prompt":"[content hidden, 480 characters]"}"#);
    }

    #[test]
    fn a_record_inside_a_text_stays_one() {
        let raw = r#"{"msg":"{\"messages\":[{\"role\":\"user\",\"content\":\"hello there\"}],\"n\":1}"}"#;
        let hidden = Veil::of([raw], true).record(raw);
        assert!(!hidden.contains("hello there"), "{hidden}");
        let outer: serde_json::Value = serde_json::from_str(&hidden).unwrap();
        let inner: serde_json::Value = serde_json::from_str(outer["msg"].as_str().unwrap()).unwrap();
        assert_eq!(inner["n"], 1);
    }

    #[test]
    fn a_content_that_was_shortened_or_reflowed_is_hidden_too() {
        let raw = r#"{"prompt":"Please tell me about\n  the knee of Ms Frei and what to do with it"}"#;
        let veil = Veil::of([raw], true);
        assert_eq!(veil.prose("asked: Please tell me about the knee of M... (cut)"), "asked: [content hidden, 34 characters]... (cut)");
        assert_eq!(veil.prose("asked: Please tell me about the knee o…"), "asked: [content hidden, 31 characters]…");
        assert_eq!(veil.prose("Please tell me about the knee of Ms Frei  and what to do with it!"), "[content hidden, 64 characters]!");
        assert_eq!(veil.prose("Please tell me about the weather"), "Please tell me about the weather");
    }

    #[test]
    fn a_record_three_strings_deep_stays_one() {
        let inner = serde_json::json!({ "messages": [{ "role": "user", "content": "hello there" }], "n": 1 }).to_string();
        let middle = serde_json::json!({ "body": inner }).to_string();
        let raw = serde_json::json!({ "msg": middle, "status": "completed" }).to_string();
        let hidden = Veil::of([raw.as_str()], true).record(&raw);
        assert!(!hidden.contains("hello there") && hidden.contains("completed"), "{hidden}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let middle = read(read(&hidden)["msg"].as_str().unwrap());
        assert_eq!(read(middle["body"].as_str().unwrap())["n"], 1);
    }
}
