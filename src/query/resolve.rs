//! What a pasted text means: an exact id of any kind, the first characters of one, ids inside a pasted line or URL, or a part of some.
//!
//! Guarantees: ids are compared in canonical form and stay text; an id of a group or without a label leads to the requests whose lines
//! carry it, never to a merge of them; several readings are offered, none is guessed. Bounded: at most [`MAX_CHOICES`] choices.

use crate::{
    model::id::{self, IdKind},
    query::assemble::{Assembler, LineSource},
    reconstruct::{episodes, item::Item, roles},
};
use std::{collections::BTreeSet, sync::Arc};

/// Most choices offered.
pub const MAX_CHOICES: usize = 40;
/// Most records looked at to find out what an unlabelled id belongs to.
const MAX_LOOK: usize = 200;
/// Shortest prefix that is looked up.
const MIN_PREFIX: usize = 4;
/// Shortest end of an id that is looked up.
const MIN_TAIL: usize = 8;

/// Shortest text that is looked for inside of ids.
const MIN_INNER: usize = 6;

/// Longest text that is looked up, in bytes.
const MAX_TEXT: usize = 16 * 1024;

/// Finds terms; beside [`LineSource`].
pub trait TermSource: LineSource {
    /// Terms that begin with a text, in order, at most `limit`.
    fn prefixed(&self, prefix: &str, limit: usize) -> Vec<String>;
    /// Terms that are the text in another case, or end with it behind a separator; at most `limit`.
    fn ending(&self, text: &str, limit: usize) -> Result<Vec<String>, Self::Error>;
    /// Terms with the text inside, in any case; at most `limit`.
    fn containing(&self, text: &str, limit: usize) -> Result<Vec<String>, Self::Error>;
}

/// A request an id may mean.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Choice {
    /// Root term of the request.
    pub root: Arc<str>,
    /// The id that led there, as stored (with its scope behind `\u{1f}` when it has one).
    pub term: String,
    /// What kind of id it is there: `task`, `group`, `other` …
    pub kind: &'static str,
}

/// What a text means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// One request.
    One(Choice),
    /// Several.
    Many {
        /// The first of them.
        choices: Vec<Choice>,
        /// There may be others.
        more: bool,
    },
    /// No id of the index.
    Nothing {
        /// Terms that begin alike.
        near: Vec<String>,
        /// Requests with an id that has the text inside: offered, never followed.
        inside: Vec<Choice>,
    },
}

impl Meaning {
    fn nothing() -> Self {
        Self::Nothing { near: Vec::new(), inside: Vec::new() }
    }
}

/// Resolves a text, with an explicit scope for weak ids (`queue=mail`).
pub fn resolve<S: TermSource>(source: &S, assembler: &mut Assembler<'_, S>, text: &str, scope: Option<&str>) -> Result<Meaning, S::Error> {
    let text = clean(text);
    if text.is_empty() || text.len() > MAX_TEXT {
        return Ok(Meaning::nothing());
    }
    if let Some(found) = exact(source, assembler, text, scope)? {
        return Ok(found);
    }
    let mined = mine(text);
    if !mined.is_empty() && (mined.len() > 1 || mined[0] != text) {
        let mut found = Vec::new();
        for value in &mined {
            if let Some(meaning) = of_term(source, assembler, &id::canonical(value))? {
                push(&mut found, meaning);
            }
        }
        match choose(found, false) {
            Meaning::Nothing { .. } => {}
            known => return Ok(known),
        }
    }
    if text.len() >= MIN_PREFIX && !text.contains(char::is_whitespace) {
        let near = prefixes(source, text);
        if !near.is_empty() {
            return of_terms(source, assembler, &near);
        }
    }
    // An id without its prefix, or in another case: every id is looked at, so only when nothing else was found.
    if text.len() >= MIN_TAIL && !text.contains(char::is_whitespace) && text.contains(|c: char| c.is_ascii_digit()) {
        let alike = source.ending(text, MAX_CHOICES)?;
        if !alike.is_empty() {
            return of_terms(source, assembler, &alike);
        }
    }
    let inside = inside(source, assembler, text)?;
    let head: String = text.chars().take(text.chars().count().saturating_sub(4).clamp(3, 8)).collect();
    let near = if text.len() <= 64 && text.len() >= MIN_PREFIX { prefixes(source, &head).into_iter().take(8).collect() } else { Vec::new() };
    Ok(Meaning::Nothing { near, inside })
}

/// Requests with an id that has the text inside. A word without a digit or a joint is a word: ids that happen to hold it are no reading of it.
fn inside<S: TermSource>(source: &S, assembler: &mut Assembler<'_, S>, text: &str) -> Result<Vec<Choice>, S::Error> {
    let like_an_id = text.contains(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_')) && !text.contains(char::is_whitespace);
    if text.len() < MIN_INNER || text.len() > 64 || !like_an_id {
        return Ok(Vec::new());
    }
    let terms = source.containing(text, MAX_CHOICES)?;
    Ok(match of_terms(source, assembler, &terms)? {
        Meaning::One(choice) => vec![choice],
        Meaning::Many { choices, .. } => choices,
        Meaning::Nothing { .. } => Vec::new(),
    })
}

/// What a text means as it stands: an id of the index, whole.
pub fn exact<S: TermSource>(source: &S, assembler: &mut Assembler<'_, S>, text: &str, scope: Option<&str>) -> Result<Option<Meaning>, S::Error> {
    let text = clean(text);
    if text.is_empty() || text.len() > MAX_TEXT {
        return Ok(None);
    }
    let exact = id::canonical(text).into_owned();
    if let Some(scope) = scope {
        let term = format!("{exact}\u{1f}{scope}");
        if let Some(found) = of_term(source, assembler, &term)? {
            return Ok(Some(found));
        }
    }
    if let Some(found) = of_term(source, assembler, &exact)? {
        return Ok(Some(found));
    }
    // A weak id: the same digits in several scopes.
    let scoped = source.prefixed(&format!("{exact}\u{1f}"), MAX_CHOICES);
    if scoped.is_empty() { Ok(None) } else { of_terms(source, assembler, &scoped).map(Some) }
}

/// Terms whose spelling begins with the text: as written, in lower case, and without dashes.
fn prefixes<S: TermSource>(source: &S, text: &str) -> Vec<String> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let lower = text.to_ascii_lowercase();
    let bare = lower.replace('-', "");
    for form in [text, &lower, &bare] {
        seen.extend(source.prefixed(form, MAX_CHOICES));
    }
    // The bare form of a weak id and its scoped forms are one reading.
    let scoped: BTreeSet<String> = seen.iter().filter_map(|t| t.split_once('\u{1f}').map(|(head, _)| head.to_owned())).collect();
    seen.into_iter().filter(|t| !scoped.contains(t)).take(MAX_CHOICES).collect()
}

fn clean(text: &str) -> &str {
    text.trim().trim_matches(|c| matches!(c, '"' | '\'' | '`' | ',' | ';' | '<' | '>' | '(' | ')' | '[' | ']')).trim()
}

/// Id-shaped words of a pasted line, URL or JSON.
pub fn mine(text: &str) -> Vec<&str> {
    let mut out: Vec<&str> = Vec::new();
    for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
        let word = word.trim_matches('.');
        if id::is_strong(word, false) && !out.contains(&word) {
            out.push(word);
        }
        if out.len() >= 16 {
            break;
        }
    }
    out
}

fn of_term<S: TermSource>(source: &S, assembler: &mut Assembler<'_, S>, term: &str) -> Result<Option<Meaning>, S::Error> {
    let base = episodes::base_of(term).map_or(term, |(base, _)| base);
    if source.count(base) == 0 {
        return Ok(None);
    }
    if let Some(root) = assembler.root_of(term)? {
        let kind = assembler.kind_word(term)?;
        return Ok(Some(Meaning::One(Choice { root, term: term.to_owned(), kind })));
    }
    // A number that several requests bear, or one that has been told apart otherwise since: the newest are offered.
    let episodes: Vec<String> = assembler.episodes_of(base)?.iter().rev().map(ToString::to_string).collect();
    if !episodes.is_empty() {
        return of_terms(source, assembler, &episodes).map(Some);
    }
    members(source, assembler, term)
}

/// The requests whose lines carry an id that is no unit of work.
fn members<S: TermSource>(source: &S, assembler: &mut Assembler<'_, S>, term: &str) -> Result<Option<Meaning>, S::Error> {
    let mut found = Vec::new();
    let mut units: BTreeSet<Arc<str>> = BTreeSet::new();
    let mut kind = IdKind::Other;
    let profile = assembler.profile();
    for place in source.places(term, MAX_LOOK)? {
        let (entry, shown) = source.load(place)?;
        if let Some(id) = entry.ids.iter().find(|i| *id::canonical(&i.value) == *term.split('\u{1f}').next().unwrap_or(term)) {
            kind = id.kind;
        }
        let item = Item::new(entry, &shown, profile);
        let item = assembler.told_apart(&item)?.unwrap_or(item);
        if let Some(subject) = item.subject() {
            units.insert(subject.key.clone());
        }
    }
    let mut more = source.count(term) > MAX_LOOK as u64;
    for unit in units {
        if found.len() > MAX_CHOICES {
            more = true;
            break;
        }
        if let Some(root) = assembler.root_of(&unit)? {
            push(&mut found, Meaning::One(Choice { root, term: term.to_owned(), kind: roles::kind_word(kind, "") }));
        }
    }
    Ok(match choose(found, more) {
        Meaning::Nothing { .. } => None,
        known => Some(known),
    })
}

fn of_terms<S: TermSource>(source: &S, assembler: &mut Assembler<'_, S>, terms: &[String]) -> Result<Meaning, S::Error> {
    let mut found = Vec::new();
    for term in terms.iter().take(MAX_CHOICES) {
        if let Some(meaning) = of_term(source, assembler, term)? {
            push(&mut found, meaning);
        }
    }
    Ok(match choose(found, terms.len() >= MAX_CHOICES) {
        Meaning::Nothing { inside, .. } => Meaning::Nothing { near: terms.iter().take(8).cloned().collect(), inside },
        known => known,
    })
}

fn push(found: &mut Vec<Choice>, meaning: Meaning) {
    match meaning {
        Meaning::One(choice) => found.push(choice),
        Meaning::Many { choices, .. } => found.extend(choices),
        Meaning::Nothing { .. } => {}
    }
}

fn choose(mut found: Vec<Choice>, more: bool) -> Meaning {
    found.sort();
    found.dedup_by(|a, b| a.root == b.root);
    let more = more || found.len() > MAX_CHOICES;
    found.truncate(MAX_CHOICES);
    match found.len() {
        0 => Meaning::nothing(),
        1 => found.pop().map_or(Meaning::nothing(), Meaning::One),
        _ => Meaning::Many { choices: found, more },
    }
}

#[cfg(test)]
mod tests {
    use super::mine;

    #[test]
    fn ids_are_mined_from_a_pasted_line() {
        let line = r#"{"request_id":"req_01M83WT0DZ45MFFQTM87H1GNQZ","url":"https://x/jobs/0978a751-63fb-453a-8a02-24e5360da344?a=1"}"#;
        assert_eq!(mine(line), vec!["req_01M83WT0DZ45MFFQTM87H1GNQZ", "0978a751-63fb-453a-8a02-24e5360da344"]);
    }
}
