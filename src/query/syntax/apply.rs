//! What each token asks for: a condition of [`Parsed`] with its words, or a notice that says what would be right.
//!
//! Guarantees: every token ends as a condition, as a notice, or as both; nothing is dropped without a word. Never fails.

use super::{
    FieldTerm, KEYS, OneOf, Parsed, Phrase, Word,
    measure::{self, COUNT, LENGTH, Measure},
    token::{Token, Value},
};
use crate::model::{
    entry::Severity,
    id,
    summary::{Preset, RowFilter},
    trace::{Stage, State},
};

const LEVELS: [Severity; 6] = [Severity::Trace, Severity::Debug, Severity::Info, Severity::Warn, Severity::Error, Severity::Fatal];
const MARKS: [&str; 3] = ["slow", "incomplete", "open"];
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const COMPARISONS: [char; 5] = ['>', '<', '=', '≥', '≤'];

/// A bare word. Punctuation around it is not part of it.
pub(super) fn word(parsed: &mut Parsed, word: &str, token: &Token<'_>) {
    if matches!(word, "AND" | "OR" | "NOT") {
        return parsed.notice(word, token.at, "all conditions must hold; write model:a,b for alternatives and -word to leave out");
    }
    if word.contains(['(', ')', '[', ']', '{', '}']) {
        parsed.notice_once(token.raw, token.at, "brackets have no meaning here; all conditions must hold");
    }
    let text = word.trim_matches(|c: char| "()[]{}<>\"',;".contains(c));
    let (text, prefix) = text.strip_suffix('*').map_or((text, false), |begin| (begin, true));
    if text.contains('*') {
        parsed.notice_once(token.raw, token.at, "* stands only at the end of a word");
    }
    for text in text.split('*').filter(|piece| piece.contains(char::is_alphanumeric)) {
        let without = if token.negated { "no line contains" } else { "a line contains" };
        parsed.understood.push(format!("{without} {}{text}", if prefix { "a word that begins with " } else { "" }));
        parsed.words.push(Word { text: text.to_owned(), negated: token.negated, prefix });
    }
    if !word.contains(char::is_alphanumeric) && !word.contains(['(', ')', '[', ']', '{', '}']) {
        parsed.notice_once(token.raw, token.at, "there is no letter and no digit in it; it was left out");
    }
}

/// Text in quotes.
pub(super) fn phrase(parsed: &mut Parsed, text: &str, token: &Token<'_>) {
    if !text.contains(char::is_alphanumeric) {
        return parsed.notice_once(token.raw, token.at, "there is no letter and no digit in the quotes; they were left out");
    }
    parsed.understood.push(format!("{} \"{text}\"", if token.negated { "no line contains" } else { "a line contains" }));
    parsed.phrases.push(Phrase { text: text.to_owned(), negated: token.negated });
}

/// `key:values`.
pub(super) fn pair(parsed: &mut Parsed, key: &str, values: &[Value<'_>], token: &Token<'_>) {
    let known = key.to_ascii_lowercase();
    if values.is_empty() {
        return parsed.notice(token.raw, token.at, format!("a value is missing; write {key}:value without a blank behind the colon"));
    }
    match known.as_str() {
        "status" | "state" => state(parsed, key, values, token),
        "route" => route(parsed, values, token),
        "model" | "served" => row(parsed, "model", values, token, RowFilter::Model),
        "prompt" => row(parsed, "prompt version", values, token, RowFilter::Prompt),
        "config" => row(parsed, "configuration version", values, token, RowFilter::Config),
        "worker" => row(parsed, "worker", values, token, RowFilter::Worker),
        "error" => row(parsed, "error type", values, token, RowFilter::Error),
        "source" => source(parsed, values, token),
        "service" => service(parsed, values, token),
        "mark" => mark(parsed, values, token),
        "complete" => complete(parsed, values, token),
        "preset" => preset(parsed, values, token),
        "level" => level(parsed, values, token),
        "dur" => range(parsed, "total", values, token, &LENGTH, RowFilter::Total),
        "wait" => range(parsed, "wait in queues", values, token, &LENGTH, RowFilter::QueueWait),
        "attempts" => range(parsed, "number of attempts", values, token, &COUNT, RowFilter::Attempts),
        "tokens" => range(parsed, "number of tokens", values, token, &COUNT, RowFilter::Tokens),
        "since" | "until" => time(parsed, &known, values, token),
        "stage" => stage(parsed, values, token),
        "step.dur" => parsed.notice(
            token.raw,
            token.at,
            "the length of a single step is not kept in the list; dur:>2s is the whole request, wait:>2s its time in queues, and stage:model sorted by model shows the longest calls",
        ),
        _ => field(parsed, key, values, token),
    }
}

/// The values that can be matched. A `*` that is not at the end is no wildcard: the text beside it is searched in lines instead.
fn usable(parsed: &mut Parsed, values: &[Value<'_>], token: &Token<'_>) -> Vec<String> {
    let mut out = Vec::with_capacity(values.len());
    for value in values {
        let inner = value.text.strip_suffix('*').unwrap_or(&value.text);
        if value.quoted || !inner.contains('*') {
            out.push(value.text.clone().into_owned());
            continue;
        }
        parsed.notice(&value.text, value.at, "* stands only at the end of a value; the rest was searched as text");
        let longest = inner.split('*').max_by_key(|piece| piece.len()).unwrap_or_default();
        if !token.negated && longest.contains(char::is_alphanumeric) {
            parsed.understood.push(format!("a line contains {longest}"));
            parsed.words.push(Word { text: longest.to_owned(), negated: false, prefix: false });
        }
    }
    out
}

/// `model is a or begins with b`.
fn say(subject: &str, values: &[String], negated: bool) -> String {
    let one = |value: &String| match (value.strip_suffix('*'), negated) {
        (Some(""), false) => "is there".to_owned(),
        (Some(""), true) => "is not there".to_owned(),
        (Some(begin), false) => format!("begins with {begin}"),
        (Some(begin), true) => format!("does not begin with {begin}"),
        (None, false) => format!("is {value}"),
        (None, true) => format!("is not {value}"),
    };
    format!("{subject} {}", values.iter().map(one).collect::<Vec<_>>().join(if negated { " and " } else { " or " }))
}

/// What is turned round is said of all lines of a request: `no line's level is error`.
fn say_of_lines(subject: &str, values: &[String], negated: bool) -> String {
    say(&format!("{} line's {subject}", if negated { "no" } else { "a" }), values, false)
}

/// A condition on requests whose words were said last.
fn push_row(parsed: &mut Parsed, filter: RowFilter, negated: bool) {
    parsed.row_words.extend(parsed.understood.last().cloned());
    parsed.rows.push(if negated { RowFilter::Not(Box::new(filter)) } else { filter });
}

fn row(parsed: &mut Parsed, subject: &str, values: &[Value<'_>], token: &Token<'_>, filter: fn(Vec<String>) -> RowFilter) {
    let values = usable(parsed, values, token);
    if !values.is_empty() {
        parsed.understood.push(say(subject, &values, token.negated));
        push_row(parsed, filter(values), token.negated);
    }
}

fn state(parsed: &mut Parsed, key: &str, values: &[Value<'_>], token: &Token<'_>) {
    // `status` is also what lines call the HTTP status.
    if values.iter().all(|value| value.text.bytes().all(|b| b.is_ascii_digit())) {
        return field(parsed, key, values, token);
    }
    let mut states = Vec::new();
    for value in values {
        let word = value.text.to_ascii_lowercase().replace(['-', ' '], "_");
        if State::from_word(&word).is_some() {
            states.push(word);
        } else {
            let right: Vec<_> = State::ALL.iter().map(|state| state.word()).collect();
            parsed.notice(&value.text, value.at, format!("no state has this name; the states are {}", right.join(", ")));
        }
    }
    if !states.is_empty() {
        parsed.understood.push(say("state", &states, token.negated));
        push_row(parsed, RowFilter::State(states), token.negated);
    }
}

/// A path alone stands for it under every method, a method alone for all its routes; a value in quotes is exact.
fn route(parsed: &mut Parsed, values: &[Value<'_>], token: &Token<'_>) {
    let bare: Vec<bool> = values.iter().filter(|value| value.quoted || !value.text.strip_suffix('*').unwrap_or(&value.text).contains('*')).map(|value| !value.quoted).collect();
    let values = usable(parsed, values, token);
    if values.is_empty() {
        return;
    }
    parsed.understood.push(say("route", &values, token.negated));
    let mut routes = Vec::with_capacity(values.len());
    for (value, bare) in values.into_iter().zip(bare) {
        if bare && value.starts_with('/') {
            routes.extend(METHODS.iter().map(|method| format!("{method} {value}")));
        }
        routes.push(if bare && METHODS.contains(&value.as_str()) { format!("{value} *") } else { value });
    }
    push_row(parsed, RowFilter::Route(routes), token.negated);
}

fn stage(parsed: &mut Parsed, values: &[Value<'_>], token: &Token<'_>) {
    let mut stages = Vec::new();
    for value in values {
        let word = value.text.to_ascii_lowercase();
        if Stage::from_word(&word).is_some() {
            stages.push(word);
        } else {
            let right: Vec<_> = Stage::ALL.iter().map(|stage| stage.word()).collect();
            parsed.notice(&value.text, value.at, format!("no stage has this name; the stages are {}", right.join(", ")));
        }
    }
    if !stages.is_empty() {
        parsed.understood.push(format!("spent {}time in {}", if token.negated { "no " } else { "" }, stages.join(" or ")));
        push_row(parsed, RowFilter::Stage(stages), token.negated);
    }
}

fn source(parsed: &mut Parsed, values: &[Value<'_>], token: &Token<'_>) {
    row(parsed, "source", values, token, RowFilter::Source);
    let last = match parsed.rows.last() {
        Some(RowFilter::Source(values)) => Some(values),
        Some(RowFilter::Not(inner)) => match inner.as_ref() {
            RowFilter::Source(values) => Some(values),
            _ => None,
        },
        _ => None,
    };
    if let Some(values) = last.cloned() {
        parsed.sources.push(OneOf { values, negated: token.negated });
    }
}

fn service(parsed: &mut Parsed, values: &[Value<'_>], token: &Token<'_>) {
    let values = usable(parsed, values, token);
    if !values.is_empty() {
        parsed.understood.push(say_of_lines("service", &values, token.negated));
        parsed.services.push(OneOf { values, negated: token.negated });
    }
}

/// The only value of a key that takes one.
fn single<'v, 'a>(parsed: &mut Parsed, values: &'v [Value<'a>], token: &Token<'_>) -> Option<&'v Value<'a>> {
    let [value] = values else {
        parsed.notice(token.raw, token.at, "one value is read here; write it without a comma");
        return None;
    };
    Some(value)
}

fn mark(parsed: &mut Parsed, values: &[Value<'_>], token: &Token<'_>) {
    let Some(value) = single(parsed, values, token) else { return };
    let word = value.text.to_ascii_lowercase();
    if !MARKS.contains(&word.as_str()) {
        return parsed.notice(&value.text, value.at, format!("no mark has this name; the marks are {}", MARKS.join(", ")));
    }
    parsed.understood.push(format!("is {}marked {word}", if token.negated { "not " } else { "" }));
    push_row(parsed, RowFilter::Mark(word), token.negated);
}

fn complete(parsed: &mut Parsed, values: &[Value<'_>], token: &Token<'_>) {
    let Some(value) = single(parsed, values, token) else { return };
    let incomplete = match value.text.to_ascii_lowercase().as_str() {
        "no" | "false" => !token.negated,
        "yes" | "true" => token.negated,
        _ => return parsed.notice(&value.text, value.at, "write complete:yes or complete:no"),
    };
    parsed.understood.push(if incomplete { "is incomplete".into() } else { "is complete".into() });
    push_row(parsed, RowFilter::Mark("incomplete".into()), !incomplete);
}

fn preset(parsed: &mut Parsed, values: &[Value<'_>], token: &Token<'_>) {
    let Some(value) = single(parsed, values, token) else { return };
    let found = Preset::from_word(&value.text.to_ascii_lowercase().replace('_', "-"));
    let Some(preset) = found.filter(|_| !token.negated) else {
        let right: Vec<_> = Preset::ALL.iter().map(|preset| preset.word()).collect();
        return parsed.notice(token.raw, token.at, format!("the presets are {}; a preset cannot be turned round with -", right.join(", ")));
    };
    parsed.understood.push(format!("preset {}", preset.title()));
    parsed.preset = Some(preset);
}

/// `warning` and `critical` are what other logs call them.
fn severity(word: &str) -> Option<Severity> {
    let word = word.to_ascii_lowercase();
    let word = match word.as_str() {
        "warning" => "warn",
        "information" | "notice" => "info",
        "critical" | "crit" | "panic" | "emergency" | "alert" => "fatal",
        "err" => "error",
        word => word,
    };
    LEVELS.into_iter().find(|level| level.word() == word)
}

fn level(parsed: &mut Parsed, values: &[Value<'_>], token: &Token<'_>) {
    let mut chosen = Vec::new();
    for value in values {
        let operator = [">=", "<=", ">", "<"].into_iter().find(|operator| !value.quoted && value.text.starts_with(operator)).unwrap_or("");
        let Some(named) = severity(&value.text[operator.len()..]) else {
            parsed.notice(&value.text, value.at, "no level has this name; the levels are trace, debug, info, warn, error, fatal");
            continue;
        };
        chosen.extend(LEVELS.into_iter().filter(|level| match operator {
            ">=" => *level >= named,
            "<=" => *level <= named,
            ">" => *level > named,
            "<" => *level < named,
            _ => *level == named,
        }));
    }
    if chosen.is_empty() {
        if !values.iter().any(|value| parsed.notices.iter().any(|notice| notice.at == value.at)) {
            parsed.notice_once(token.raw, token.at, "no level is left by this; it was left out");
        }
        return;
    }
    let chosen: Vec<Severity> = LEVELS.into_iter().filter(|level| chosen.contains(level)).collect();
    let words: Vec<String> = chosen.iter().map(|level| level.word().to_owned()).collect();
    parsed.understood.push(say_of_lines("level", &words, token.negated));
    if token.negated {
        parsed.levels_not.extend(chosen);
    } else {
        parsed.levels = chosen;
    }
}

fn range(parsed: &mut Parsed, subject: &str, values: &[Value<'_>], token: &Token<'_>, measure: &Measure, filter: fn(Option<i64>, Option<i64>) -> RowFilter) {
    let Some(value) = single(parsed, values, token) else { return };
    match measure::range(&value.text, measure) {
        Ok(bounds) => {
            parsed.understood.push(format!("{subject} is {}{}", if token.negated { "not " } else { "" }, bounds.words));
            push_row(parsed, filter(bounds.from, bounds.to), token.negated);
        }
        Err(right) => parsed.notice(token.raw, value.at, right),
    }
}

fn time(parsed: &mut Parsed, key: &str, values: &[Value<'_>], token: &Token<'_>) {
    let Some(value) = single(parsed, values, token) else { return };
    let until = key == "until";
    if token.negated {
        return parsed.notice(token.raw, token.at, "a bound of time cannot be turned round with -; write since: for until: and until: for since:");
    }
    let bound = match measure::bound(&value.text, until) {
        Ok(bound) => bound,
        Err(right) => return parsed.notice(token.raw, value.at, right),
    };
    let (slot, before) = if until { (&mut parsed.time.1, "begins at or before ") } else { (&mut parsed.time.0, "begins at or after ") };
    if slot.replace(bound).is_some() {
        parsed.understood.retain(|words| !words.starts_with(before));
        parsed.notice(token.raw, token.at, format!("{key}: stands here more than once; this one counts"));
    }
    parsed.understood.push(format!("{before}{}", bound.words()));
}

fn field(parsed: &mut Parsed, path: &str, values: &[Value<'_>], token: &Token<'_>) {
    if let Some(value) = values.iter().find(|value| !value.quoted && value.text.starts_with(COMPARISONS)) {
        return parsed.notice(
            token.raw,
            value.at,
            format!("fields of lines are compared as text, so more and less do not work with {path}:; they work with dur:, wait:, attempts: and tokens:"),
        );
    }
    if let Some(right) = KEYS.iter().map(|(key, _)| *key).find(|key| one_letter_off(path, key)) {
        parsed.notice(token.raw, token.at, format!("{path}: was read as a field of lines; the condition on requests is {right}:"));
    }
    let values = usable(parsed, values, token);
    if values.is_empty() {
        return;
    }
    parsed.understood.push(say_of_lines(path, &values, token.negated));
    let names_id = path.to_ascii_lowercase().ends_with("id");
    let id_shaped = values.iter().all(|value| id::is_strong(value, names_id));
    parsed.fields.push(FieldTerm { path: path.to_owned(), values, negated: token.negated, id_shaped });
}

/// One letter is missing, too many, wrong, or two neighbours are swapped. Short keys are not compared: too many words are near them.
fn one_letter_off(typed: &str, key: &str) -> bool {
    let (a, b) = (typed.as_bytes(), key.as_bytes());
    if a.len() < 4 || a.len().abs_diff(b.len()) > 1 || a == b {
        return false;
    }
    let same_head = a.iter().zip(b).take_while(|(x, y)| x.eq_ignore_ascii_case(y)).count();
    let (a, b) = (&a[same_head..], &b[same_head..]);
    let skip = |s: &[u8], n: usize| s.get(n..).unwrap_or_default().to_ascii_lowercase();
    let swapped = a.len() >= 2 && b.len() >= 2 && a[0] == b[1] && a[1] == b[0] && skip(a, 2) == skip(b, 2);
    swapped || skip(a, 1) == skip(b, 1) || skip(a, 1) == skip(b, 0) || skip(a, 0) == skip(b, 1)
}
