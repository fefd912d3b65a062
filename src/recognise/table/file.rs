//! Tables as they are written, and what is wrong with one that has the right shape: words nobody knows, conditions that no line meets.
//!
//! Guarantees: a fault is said with its line; a table with one is refused whole.

use super::{Sample, When};
use crate::recognise::{
    length::Unit,
    role::Role,
    severity::{self, Scale},
};
use rustc_hash::FxHashSet;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// What a signature adds or takes off is small: it only tells signatures of about the same number of conditions apart.
const MAX_WEIGHT: u32 = 100;
/// Holes that a template may have.
const HOLES: [&str; 12] = ["task", "parent_task", "request", "call", "name", "queue", "worker", "duration", "delay", "attempt", "outcome", "error"];
/// Kinds of ids.
const KINDS: [&str; 7] = ["request", "trace", "span", "task", "call", "tool", "group"];

/// The line on which byte `at` of a text stands.
pub fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].split(|b| *b == b'\n').count()
}

/// The first fault of a table, with its line.
pub(super) fn check(raw: &ConventionFile, text: &str) -> Result<(), String> {
    let fail = |word: &Spanned<String>, what: &str| Err(format!("line {}: {what} {:?}", line_of(text, word.span().start), word.get_ref()));
    if raw.name.get_ref().trim().is_empty() {
        return fail(&raw.name, "no name is");
    }
    if let Some(word) = raw.roles.values().find(|word| Role::of_word(word.get_ref()).is_none()) {
        return fail(word, "unknown role");
    }
    if let Some(word) = raw.ids.values().find(|word| !is_id(word.get_ref())) {
        return fail(word, "unknown id");
    }
    let units = raw.units.path.values().chain(&raw.units.integer).chain(&raw.units.float);
    if let Some(word) = units.into_iter().find(|word| Unit::of_suffix(word.get_ref()).is_none()) {
        return fail(word, "unknown unit");
    }
    if let Some(word) = raw.severity.scale.as_ref().filter(|word| Scale::of_word(word.get_ref()).is_none()) {
        return fail(word, "unknown scale");
    }
    if let Some(word) = raw.severity.default.as_ref().filter(|word| severity::of_word(word.get_ref()).is_none()) {
        return fail(word, "unknown severity");
    }
    if let Some(word) = raw.templates.iter().find(|word| holes(word.get_ref()).any(|hole| !is_hole(hole))) {
        return fail(word, "unknown hole in");
    }
    signature(raw).map_err(|(table, what)| format!("line {}: {what}", line_of(text, text.find(table).unwrap_or(0))))
}

/// A signature that fits no line, or that is missing where something is said of lines; and the word at which the table says so.
fn signature(raw: &ConventionFile) -> Result<(), (&'static str, String)> {
    let fail = |what: String| Err(("[when]", what));
    let when = &raw.when;
    let needed = || [&when.has, &when.number, &when.string, &when.capital].into_iter().flatten().chain(when.starts.keys());
    if let Some(path) = needed().find(|path| when.not.contains(path)) {
        return fail(format!("[when] asks for {path:?} and for a line without it"));
    }
    if let Some(path) = when.number.iter().find(|path| when.string.contains(path)) {
        return fail(format!("[when] asks for {path:?} to be a number and a string"));
    }
    if when.weight.unsigned_abs() > MAX_WEIGHT {
        return fail(format!("[when] weight {} is not between -{MAX_WEIGHT} and {MAX_WEIGHT}", when.weight));
    }
    let says = !raw.roles.is_empty() || !raw.ids.is_empty() || !raw.units.path.is_empty() || raw.inner.is_some();
    if says && when.is_empty() {
        return fail("nothing in [when] says which lines it is for".to_owned());
    }
    if raw.batches.iter().any(Vec::is_empty) { Err(("batches", "a batch without keys".to_owned())) } else { Ok(()) }
}

fn is_id(words: &str) -> bool {
    let kind = ["parent ", "child ", "run "].iter().find_map(|before| words.strip_prefix(before)).unwrap_or(words);
    words == "none" || KINDS.contains(&kind)
}

fn holes(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|tail| Some(tail.split_once('}')?.0))
}

/// A name, perhaps with the unit of a length, `uuid` or `word` behind it.
fn is_hole(hole: &str) -> bool {
    match hole.split_once(':') {
        None => hole == "-" || HOLES.contains(&hole),
        Some((name @ ("duration" | "delay"), unit)) => !name.is_empty() && Unit::of_suffix(unit).is_some(),
        Some((name, form)) => matches!(form, "uuid" | "word") && HOLES.contains(&name),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommonFile {
    pub(super) wrappers: Vec<String>,
    pub(super) namespaces: Vec<String>,
    pub(super) opaque: Vec<String>,
    pub(super) ids_only: Vec<String>,
    pub(super) model_providers: Vec<String>,
    pub(super) roles: BTreeMap<String, Vec<String>>,
    pub(super) place: PlaceFile,
    pub(super) ids: BTreeMap<String, Vec<String>>,
    pub(super) name_units: BTreeMap<String, String>,
    pub(super) lengths: LengthsFile,
    pub(super) words: Words,
}

/// Words of names that are read by their parts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Objects whose members are counts of tokens.
    pub amount_of_tokens: FxHashSet<String>,
    /// Money.
    pub amount_of_money: FxHashSet<String>,
    /// What may stand beside such a noun in the name of an object.
    pub around_amount: FxHashSet<String>,
    /// The same in that of a cost.
    pub around_cost: FxHashSet<String>,
    /// What is attempted.
    pub before_attempt: FxHashSet<String>,
    /// Names that count the attempts before this one.
    pub tries_before_this: FxHashSet<String>,
    /// A list of what a logger was handed.
    pub handed_to_a_logger: FxHashSet<String>,
    /// The same only with an object in it.
    pub handed_over: FxHashSet<String>,
    /// Beside one of these a list is what it was called with.
    pub called: FxHashSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceFile {
    pub(super) top: Vec<String>,
    pub(super) near: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LengthsFile {
    pub(super) nouns: Vec<String>,
    pub(super) qualifiers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConventionFile {
    pub(super) name: Spanned<String>,
    #[expect(dead_code, reason = "for whoever reads the file")]
    pub(super) about: String,
    #[serde(default)]
    pub(super) when: When,
    #[serde(default)]
    pub(super) roles: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) ids: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) wrappers: Vec<String>,
    #[serde(default)]
    pub(super) units: UnitsFile,
    #[serde(default)]
    pub(super) severity: SeverityFile,
    #[serde(default)]
    pub(super) attempt: AttemptFile,
    #[serde(default)]
    pub(super) client_left: Vec<String>,
    #[serde(default)]
    pub(super) inner: Option<String>,
    #[serde(default)]
    pub(super) batches: Vec<Vec<String>>,
    #[serde(default)]
    pub(super) templates: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) sample: Vec<Sample>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct UnitsFile {
    pub(super) integer: Option<Spanned<String>>,
    pub(super) float: Option<Spanned<String>>,
    pub(super) path: BTreeMap<String, Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SeverityFile {
    pub(super) scale: Option<Spanned<String>>,
    pub(super) default: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AttemptFile {
    pub(super) from_zero: bool,
    pub(super) counted_with: Vec<String>,
}
