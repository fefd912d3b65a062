//! Conditions on one line: what the index decides of them, and what is checked on the line itself.
//!
//! Guarantees: the index only narrows what is checked, so an exact name, a wildcard and another case mean the same. The stock parser never sees
//! input. Never reads the index beyond the names in use.

use crate::{
    model::{entry::Severity, id},
    query::{
        lines::Loaded,
        syntax::{FieldTerm, OneOf, Parsed, Phrase, Word},
    },
    store::{Clause, LineReader, StoreError},
};
use std::{collections::BTreeSet, slice};

/// Conditions that one line must fit together.
#[derive(Debug, Default)]
pub struct Conditions<'a> {
    words: Vec<&'a Word>,
    phrases: Vec<&'a Phrase>,
    fields: Vec<&'a FieldTerm>,
    levels: &'a [Severity],
    sources: Vec<&'a OneOf>,
    services: Vec<&'a OneOf>,
}

impl<'a> Conditions<'a> {
    /// What a query wants of a line.
    pub fn wanted(parsed: &'a Parsed) -> Self {
        Self {
            words: parsed.words.iter().filter(|w| !w.negated).collect(),
            phrases: parsed.phrases.iter().filter(|p| !p.negated).collect(),
            fields: parsed.fields.iter().filter(|f| !f.negated).collect(),
            levels: &parsed.levels,
            sources: parsed.sources.iter().filter(|s| !s.negated).collect(),
            services: parsed.services.iter().filter(|s| !s.negated).collect(),
        }
    }

    /// What a query wants no line to be, each by itself. Names of logs are left out: requests know theirs.
    pub fn unwanted(parsed: &'a Parsed) -> Vec<Self> {
        let mut out: Vec<Self> = Vec::new();
        out.extend(parsed.words.iter().filter(|w| w.negated).map(|w| Self { words: vec![w], ..Self::default() }));
        out.extend(parsed.phrases.iter().filter(|p| p.negated).map(|p| Self { phrases: vec![p], ..Self::default() }));
        out.extend(parsed.fields.iter().filter(|f| f.negated).map(|f| Self { fields: vec![f], ..Self::default() }));
        out.extend(parsed.levels_not.iter().map(|level| Self { levels: slice::from_ref(level), ..Self::default() }));
        out.extend(parsed.services.iter().filter(|s| s.negated).map(|s| Self { services: vec![s], ..Self::default() }));
        out
    }

    /// The names of logs that no line may come from, each by itself.
    pub fn unwanted_sources(parsed: &'a Parsed) -> Vec<Self> {
        parsed.sources.iter().filter(|s| s.negated).map(|s| Self { sources: vec![s], ..Self::default() }).collect()
    }

    /// Something is asked that requests do not know by themselves.
    pub fn ask_lines(&self) -> bool {
        !(self.words.is_empty() && self.phrases.is_empty() && self.fields.is_empty() && self.levels.is_empty() && self.services.is_empty())
    }

    /// The index alone cannot decide.
    pub fn need_reading(&self) -> bool {
        !(self.phrases.is_empty() && self.fields.is_empty())
    }

    /// What the index decides.
    pub fn clauses(&self, reader: &LineReader) -> Result<Vec<Clause>, StoreError> {
        let mut out: Vec<Clause> = self.words.iter().map(|w| word_clause(&w.text, w.prefix)).collect();
        out.extend(self.phrases.iter().map(|p| Clause::Word(p.text.clone())));
        let ids = self.fields.iter().filter(|f| f.id_shaped);
        out.extend(ids.map(|f| Clause::Any(f.values.iter().map(|v| Clause::IdPrefix(id::canonical(v).into_owned())).collect())));
        if !self.levels.is_empty() {
            out.push(Clause::Any(self.levels.iter().map(|l| Clause::Level(*l)).collect()));
        }
        if self.sources.is_empty() && self.services.is_empty() {
            return Ok(out);
        }
        let sources = reader.sources()?;
        out.extend(self.sources.iter().map(|one| Clause::Any(those(one, &sources, Clause::Source))));
        let services = if self.services.is_empty() { BTreeSet::new() } else { reader.services()? };
        out.extend(self.services.iter().map(|one| Clause::Any([those(one, &services, Clause::Service), those(one, &sources, Clause::Source)].concat())));
        Ok(out)
    }

    /// The line fits in what the index could not decide.
    pub fn hold(&self, loaded: &Loaded) -> bool {
        if !self.need_reading() {
            return true;
        }
        let raw = String::from_utf8_lossy(&loaded.stored.raw);
        let lower = if self.phrases.is_empty() { String::new() } else { raw.to_lowercase() };
        let bodies = |phrase: &str| loaded.entries.iter().any(|e| e.body.as_deref().is_some_and(|b| b.to_lowercase().contains(phrase)));
        let phrases = self.phrases.iter().all(|p| {
            let wanted = p.text.to_lowercase();
            lower.contains(&wanted) || bodies(&wanted)
        });
        phrases && (self.fields.is_empty() || fields_hold(&self.fields, &raw, loaded))
    }
}

/// The names in use that fit.
fn those(one: &OneOf, names: &BTreeSet<String>, make: fn(String) -> Clause) -> Vec<Clause> {
    names.iter().filter(|name| one.values.iter().any(|wanted| matches_value(wanted, name))).cloned().map(make).collect()
}

/// A word of prose or an id: the reader need not know which.
fn word_clause(word: &str, prefix: bool) -> Clause {
    let (text, id) = if prefix {
        (Clause::WordPrefix(word.to_owned()), Clause::IdPrefix(word.to_owned()))
    } else {
        (Clause::Word(word.to_owned()), Clause::Id(id::canonical(word).into_owned()))
    };
    Clause::Any(vec![text, id])
}

fn matches_value(wanted: &str, value: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(head) => value.to_lowercase().starts_with(&head.to_lowercase()),
        None => value.eq_ignore_ascii_case(wanted),
    }
}

fn fields_hold(fields: &[&FieldTerm], raw: &str, loaded: &Loaded) -> bool {
    let value: Option<serde_json::Value> = serde_json::from_str(raw.trim_start_matches(['\u{feff}', '\0'])).ok();
    fields.iter().all(|f| {
        let path: Vec<&str> = f.path.split('.').filter(|p| !p.is_empty()).collect();
        let in_json = value.as_ref().is_some_and(|v| json_has(v, &path, &f.values, 0));
        let in_ids = loaded.entries.iter().flat_map(|e| &e.ids).any(|i| i.label.eq_ignore_ascii_case(&f.path) && f.values.iter().any(|v| matches_value(v, &i.value)));
        // Text lines have their fields as `key=value`.
        let in_text = value.is_none() && f.values.iter().any(|v| raw.to_lowercase().contains(&format!("{}={}", f.path, v.trim_end_matches('*')).to_lowercase()));
        in_json || in_ids || in_text
    })
}

/// A path (or its end) leads to one of the values, in any object, list or JSON text of the record.
fn json_has(value: &serde_json::Value, path: &[&str], wanted: &[String], depth: u32) -> bool {
    if depth > 32 {
        return false;
    }
    match value {
        serde_json::Value::Object(map) => map.iter().any(|(key, inner)| {
            let direct = path.len() == 1 && key.eq_ignore_ascii_case(path[0]) && leaf_is(inner, wanted);
            let dotted = path.len() > 1 && key.eq_ignore_ascii_case(&path.join(".")) && leaf_is(inner, wanted);
            let below = path.len() > 1 && key.eq_ignore_ascii_case(path[0]) && json_has(inner, &path[1..], wanted, depth + 1);
            direct || dotted || below || json_has(inner, path, wanted, depth + 1)
        }),
        serde_json::Value::Array(list) => list.iter().any(|inner| json_has(inner, path, wanted, depth + 1)),
        serde_json::Value::String(text) if text.starts_with('{') => serde_json::from_str(text).is_ok_and(|inner: serde_json::Value| json_has(&inner, path, wanted, depth + 1)),
        _ => false,
    }
}

fn leaf_is(value: &serde_json::Value, wanted: &[String]) -> bool {
    let text = match value {
        serde_json::Value::String(s) => s.clone(),
        serde_json::Value::Array(list) => return list.iter().any(|v| leaf_is(v, wanted)),
        serde_json::Value::Object(_) => return false,
        other => other.to_string(),
    };
    wanted.iter().any(|w| matches_value(w, &text))
}
