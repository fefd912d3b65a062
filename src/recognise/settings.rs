//! What a user says in `throughline.toml` of keys and sources; it goes before everything that is recognised or learned.
//!
//! Guarantees: what cannot be understood is refused whole, with the line. It never reads a file.

use crate::{
    model::id::{IdKind, IdRelation},
    recognise::{length::Unit, meaning::is_length, role::Role, table::line_of},
};
use globset::{Glob, GlobMatcher};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// What a key is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Saying {
    /// It plays a role, with the unit of a length.
    Role(Role, Option<Unit>),
    /// It is an id, in the words of the conventions (`parent task`).
    Id(String),
    /// It says nothing of the line.
    Ignore,
}

impl Saying {
    /// `time`, `duration ms`, `task id`, `parent task id`, `ignore`.
    pub fn read(words: &str) -> Result<Self, String> {
        let words = words.trim();
        if words == "ignore" {
            return Ok(Self::Ignore);
        }
        if let Some(id) = words.strip_suffix(" id") {
            let known = ["request", "trace", "span", "task", "call", "tool", "group", "parent task", "parent span", "child task"];
            return if known.contains(&id) { Ok(Self::Id(id.to_owned())) } else { Err(format!("unknown id {words:?}; known: {} id", known.join(" id, "))) };
        }
        let (word, unit) = words.split_once(' ').map_or((words, None), |(word, unit)| (word, Some(unit.trim())));
        let role = Role::of_word(word).ok_or_else(|| format!("unknown role {word:?}"))?;
        match unit {
            None => Ok(Self::Role(role, None)),
            Some(_) if !is_length(role) => Err(format!("{word:?} is no length and has no unit")),
            Some(unit) => Ok(Self::Role(role, Some(Unit::of_suffix(unit).ok_or_else(|| format!("unknown unit {unit:?}"))?))),
        }
    }

    /// Relation and kind of an id in words.
    pub fn id(words: &str) -> (IdKind, IdRelation) {
        let relation = if words.contains("parent") {
            IdRelation::Parent
        } else if words.contains("child") {
            IdRelation::Child
        } else {
            IdRelation::Own
        };
        let kind = match words.rsplit(' ').next().unwrap_or("") {
            "request" => IdKind::Request,
            "trace" => IdKind::Trace,
            "span" => IdKind::Span,
            "task" => IdKind::Task,
            "call" => IdKind::Call,
            "tool" => IdKind::Tool,
            "group" => IdKind::Group,
            _ => IdKind::Other,
        };
        (kind, relation)
    }
}

/// The settings.
#[derive(Debug, Default)]
pub struct Settings {
    keys: BTreeMap<String, Saying>,
    sources: Vec<OfSource>,
}

#[derive(Debug)]
struct OfSource {
    name: GlobMatcher,
    convention: Option<String>,
    keys: BTreeMap<String, Saying>,
}

/// What they say of one source.
#[derive(Debug, Default)]
pub struct Said<'a> {
    /// Its convention.
    pub convention: Option<&'a String>,
    /// Its keys.
    pub keys: Vec<(&'a String, &'a Saying)>,
}

impl Settings {
    /// From the text of a file. `conventions`: the known names.
    pub fn read(text: &str, conventions: &[&str]) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|e| super::table::toml_words(text, &e))?;
        let keys = sayings(text, file.keys)?;
        let mut sources = Vec::new();
        for (pattern, raw) in file.source {
            let name = Glob::new(&pattern).map_err(|e| format!("source {pattern:?}: {}", e.kind()))?.compile_matcher();
            if let Some(unknown) = raw.convention.as_ref().filter(|c| !conventions.contains(&c.get_ref().as_str())) {
                return Err(format!("source {pattern:?}: unknown convention {:?} (line {})", unknown.get_ref(), line_of(text, unknown.span().start)));
            }
            sources.push(OfSource { name, convention: raw.convention.map(Spanned::into_inner), keys: sayings(text, raw.keys)? });
        }
        // A name goes over a pattern, a longer pattern over a shorter one.
        sources.sort_by_key(|s| (!s.name.glob().glob().contains(['*', '?', '[', '{']), s.name.glob().glob().len()));
        Ok(Self { keys, sources })
    }

    /// What they say of a source: of all, then of it.
    pub fn of(&self, source: &str) -> Said<'_> {
        let mut said = Said { convention: None, keys: self.keys.iter().collect() };
        for own in self.sources.iter().filter(|s| s.name.is_match(source)) {
            said.convention = own.convention.as_ref().or(said.convention);
            said.keys.extend(&own.keys);
        }
        said
    }
}

fn sayings(text: &str, raw: BTreeMap<String, Spanned<String>>) -> Result<BTreeMap<String, Saying>, String> {
    let said = |(key, words): (String, Spanned<String>)| match Saying::read(words.get_ref()) {
        Ok(saying) => Ok((key, saying)),
        Err(what) => Err(format!("key {key:?}: {what} (line {})", line_of(text, words.span().start))),
    };
    raw.into_iter().map(said).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    keys: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    source: BTreeMap<String, RawSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    #[serde(default)]
    convention: Option<Spanned<String>>,
    #[serde(default)]
    keys: BTreeMap<String, Spanned<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_is_told_goes_over_what_all_are_told() {
        let settings =
            Settings::read("[keys]\n\"a.b\" = \"time\"\n[source.\"worker*\"]\nconvention = \"pino\"\n[source.\"worker*\".keys]\n\"a.b\" = \"ignore\"\n", &["pino"]).unwrap();
        assert_eq!(settings.of("app").keys, [(&"a.b".to_owned(), &Saying::Role(Role::Time, None))]);
        let worker = settings.of("worker-1");
        assert_eq!((worker.convention.map(String::as_str), worker.keys.last()), (Some("pino"), Some(&(&"a.b".to_owned(), &Saying::Ignore))));
    }

    #[test]
    fn a_name_goes_over_a_pattern_wherever_it_stands() {
        for text in
            ["[source.api]\nconvention = \"zap\"\n[source.\"api*\"]\nconvention = \"pino\"\n", "[source.\"*\"]\nconvention = \"pino\"\n[source.api]\nconvention = \"zap\"\n"]
        {
            let settings = Settings::read(text, &["pino", "zap"]).unwrap();
            assert_eq!(settings.of("api").convention.map(String::as_str), Some("zap"), "{text}");
            assert_eq!(settings.of("api-2").convention.map(String::as_str), Some("pino"), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for (text, want) in [
            ("[keys]\na = \"tiem\"\n", "key \"a\": unknown role \"tiem\" (line 2)"),
            ("[keys]\na = \"duration fortnight\"\n", "key \"a\": unknown unit \"fortnight\" (line 2)"),
            ("[keys]\na = \"time ms\"\n", "key \"a\": \"time\" is no length and has no unit (line 2)"),
            ("[source.x]\nconvention = \"none\"\n", "source \"x\": unknown convention \"none\" (line 2)"),
            ("[kyes]\n", "line 1: unknown field `kyes`, expected `keys` or `source`"),
            ("[keys]\na = \"x\"\na = \"y\"\n", "line 3: duplicate key"),
        ] {
            assert_eq!(Settings::read(text, &["pino"]).err().as_deref(), Some(want));
        }
    }
}
