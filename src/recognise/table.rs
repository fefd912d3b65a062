//! Conventions as data: what the files in `formats/` say, in the form the reader asks it.
//!
//! Guarantees: a table that does not load says which file, which entry and why; the built-in ones load (a test reads them all). Code
//! never names a convention: everything that is peculiar to one stands in its file.

mod file;

pub use file::{Words, line_of};

use crate::recognise::{
    length::Unit,
    names::fold,
    role::Role,
    settings::Settings,
    spelling::{self, Folded, Spellings},
};
use file::{CommonFile, ConventionFile};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};
use toml::Spanned;

#[derive(rust_embed::RustEmbed)]
#[folder = "src/recognise/formats"]
struct BuiltIn;

/// Why a table does not load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {what}")]
pub struct TableError {
    /// Name of the table.
    pub file: String,
    /// What is wrong, with the line when the text is no TOML.
    pub what: String,
}

/// Sets that reading a line needs before anything is decided.
#[derive(Debug, Default)]
pub struct Sets {
    /// Folded keys not to look into.
    pub opaque: FxHashSet<String>,
    /// Folded top-level keys whose array is a batch, with the keys that lead from it to the records.
    pub batches: FxHashMap<String, Arc<[String]>>,
}

/// How far from the top a role may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At the top.
    Top,
    /// Inside namespaces.
    Near,
    /// Anywhere.
    Any,
}

/// The vocabulary.
#[derive(Debug, Default)]
pub struct Common {
    /// Transparent objects.
    pub wrappers: FxHashSet<String>,
    /// Objects that say what their members are about.
    pub namespaces: FxHashSet<String>,
    /// Objects of which only ids are read.
    pub ids_only: FxHashSet<String>,
    /// Folded name → roles with the order of preference.
    pub names: FxHashMap<String, Vec<(Role, u16)>>,
    places: FxHashMap<Role, Place>,
    /// Words of id names, by list.
    pub ids: FxHashMap<String, FxHashSet<String>>,
    /// Folded names that have one unit wherever they stand.
    pub name_units: FxHashMap<String, Unit>,
    /// Folded names of those who sell or serve models and nothing else.
    pub model_providers: FxHashSet<String>,
    /// Nouns of lengths.
    pub length_nouns: FxHashSet<String>,
    /// Words that may stand beside such a noun.
    pub length_qualifiers: FxHashSet<String>,
    /// Words of other names.
    pub words: Words,
}

impl Common {
    /// Where a role may stand.
    pub fn place(&self, role: Role) -> Place {
        self.places.get(&role).copied().unwrap_or(Place::Any)
    }

    /// An object that says what its members are about: `http`, also as `http_info`, `span_data`.
    pub fn is_namespace(&self, folded: &str) -> bool {
        let bare = ["data", "info", "details", "detail", "dict", "obj"].iter().find_map(|suffix| folded.strip_suffix(suffix)).filter(|bare| !bare.is_empty());
        self.namespaces.contains(folded) || bare.is_some_and(|bare| self.namespaces.contains(bare))
    }

    /// Whether a word is in a list of id words.
    pub fn id_word(&self, list: &str, word: &str) -> bool {
        self.ids.get(list).is_some_and(|words| words.contains(word))
    }
}

/// A convention: what one logger, worker or product writes.
#[derive(Debug, Default)]
pub struct Convention {
    /// Its name.
    pub name: &'static str,
    /// Its signature.
    pub when: When,
    /// Path → role, exact.
    pub roles: FxHashMap<String, Role>,
    /// Path → kind of id and relation, exact (`task`, `parent task`).
    pub ids: FxHashMap<String, String>,
    /// Further transparent objects.
    pub wrappers: FxHashSet<String>,
    /// Unit of bare lengths: of integers, of fractions.
    pub unit_integer: Option<String>,
    /// See [`Self::unit_integer`].
    pub unit_float: Option<String>,
    /// Unit of one path.
    pub units: FxHashMap<String, String>,
    /// Scale of numeric severities.
    pub scale: Option<String>,
    /// Severity of lines that carry none.
    pub default_severity: Option<String>,
    /// An attempt of 0 is the first.
    pub attempt_from_zero: bool,
    /// Members that say that the attempt was counted already.
    pub attempt_counted: Vec<String>,
    /// How the letters of a connection that its client ended begin.
    pub client_left: Vec<String>,
    /// Member that holds another record, whose reading wins.
    pub inner: Option<String>,
    spellings: Spellings,
    /// Folded paths of which a line must have all.
    needs: Vec<String>,
    /// And of which it must have one.
    needs_any: Vec<String>,
}

impl Convention {
    /// The paths of a line as the convention spells them.
    pub fn spell(&self, written: &[String]) -> Vec<String> {
        let left_out = |path: &str| self.roles.get(path) == Some(&Role::Ignore) || self.ids.get(path).is_some_and(|words| words == "none");
        self.spellings.spell(written, left_out)
    }

    /// A line with these paths may have its signature in another spelling: a look that is cheap for the many that have not.
    pub fn may_fit(&self, line: &Folded) -> bool {
        self.needs.iter().all(|path| line.has(path)) && (self.needs_any.is_empty() || self.needs_any.iter().any(|path| line.has(path)))
    }

    /// Every path it names, those of its signature first.
    fn paths(&self) -> impl Iterator<Item = &String> {
        let when = &self.when;
        let signature = [&when.has, &when.number, &when.string, &when.capital, &when.any, &when.not].into_iter().flatten().chain(when.starts.keys());
        signature.chain(self.roles.keys()).chain(self.ids.keys()).chain(self.units.keys()).chain(&self.attempt_counted).chain(&self.inner)
    }
}

/// A signature: what a line must have to be read by a convention.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// All of these paths. A path that ends in `.` is an object.
    pub has: Vec<String>,
    /// At least one of these.
    pub any: Vec<String>,
    /// None of these.
    pub not: Vec<String>,
    /// Paths whose value is a number.
    pub number: Vec<String>,
    /// Paths whose value is a string.
    pub string: Vec<String>,
    /// Path → the value begins with it.
    pub starts: BTreeMap<String, String>,
    /// Paths whose value is written in capitals.
    pub capital: Vec<String>,
    /// Added to the number of conditions: the more, the more a convention is preferred.
    pub weight: i32,
}

impl When {
    /// How much a match says.
    pub fn strength(&self) -> i32 {
        let conditions = self.has.len() + self.number.len() + self.string.len() + 2 * self.starts.len() + self.capital.len() + usize::from(!self.any.is_empty());
        conditions as i32 + self.weight
    }

    fn is_empty(&self) -> bool {
        self.strength() - self.weight == 0
    }

    /// Enough that another spelling of it is still one logger's: two conditions, or a key inside a known object.
    pub fn is_telling(&self) -> bool {
        let nested = |paths: &[String]| !paths.is_empty() && paths.iter().all(|path| path.trim_end_matches('.').contains('.'));
        self.strength() - self.weight >= 2 || nested(&self.any) || nested(&self.has)
    }
}

/// A text with holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Name of the convention it belongs to.
    pub convention: &'static str,
    /// Literals; between two of them stands the hole of the same index.
    pub literals: Vec<String>,
    /// Names of the holes, one fewer than literals.
    pub holes: Vec<String>,
    /// The state a job is in after such a line, where no word of it says so.
    pub state: Option<String>,
}

/// A sample of a table: a line and what it must become.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The line.
    pub line: String,
    /// The whole explanation of each entry, as JSON.
    pub want: Vec<String>,
}

/// Everything that lines are read with.
#[derive(Debug, Default)]
pub struct Tables {
    /// The vocabulary.
    pub common: Common,
    /// The conventions, strongest signature first.
    pub conventions: Vec<Convention>,
    /// Texts with holes.
    pub templates: Vec<Template>,
    /// Sets.
    pub sets: Arc<Sets>,
    /// Samples by table.
    pub samples: Vec<(String, Sample)>,
    /// Hash of what came from outside; 0: nothing did.
    pub version: u64,
    /// What the user says of keys and sources.
    pub settings: Settings,
    /// File and name of the conventions that came from outside.
    pub own: Vec<(String, String)>,
}

impl Tables {
    /// The built-in conventions.
    pub fn builtin() -> Arc<Self> {
        static BUILT_IN: OnceLock<Arc<Tables>> = OnceLock::new();
        BUILT_IN.get_or_init(|| Arc::new(Self::load(&[]).unwrap_or_default())).clone()
    }

    /// The built-in conventions and some more; of two with the same name the later one is taken.
    pub fn with(extra: &[(String, String)]) -> Result<Arc<Self>, TableError> {
        Self::load(extra).map(Arc::new)
    }

    /// And with what a settings file says: its name and its text.
    pub fn under(extra: &[(String, String)], file: &str, text: &str) -> Result<Arc<Self>, TableError> {
        let mut tables = Self::load(extra)?;
        let names: Vec<&str> = tables.conventions.iter().map(|v| v.name).collect();
        tables.version ^= hash(&text);
        tables.settings = Settings::read(text, &names).map_err(|what| TableError { file: file.to_owned(), what })?;
        Ok(Arc::new(tables))
    }

    fn load(extra: &[(String, String)]) -> Result<Self, TableError> {
        let mut built_in: BTreeMap<String, String> = BTreeMap::new();
        for file in BuiltIn::iter().filter(|f| std::path::Path::new(&**f).extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"))) {
            if let Some(data) = BuiltIn::get(&file) {
                built_in.insert(file.to_string(), String::from_utf8_lossy(&data.data).into_owned());
            }
        }
        let own = extra.iter().map(|(name, text)| (format!("{}.toml", name.trim_end_matches(".toml")), text.clone(), true));
        let texts = built_in.into_iter().map(|(name, text)| (name, text, false)).chain(own);
        let mut tables = Self::default();
        let mut sets = Sets::default();
        for (file, text, is_own) in texts {
            let fail = |what: String| TableError { file: file.clone(), what };
            if file == "common.toml" {
                let raw: CommonFile = toml::from_str(&text).map_err(|e| fail(toml_words(&text, &e)))?;
                sets.opaque.extend(raw.opaque.iter().cloned());
                tables.common = common(raw).map_err(fail)?;
            } else {
                let raw: ConventionFile = toml::from_str(&text).map_err(|e| fail(toml_words(&text, &e)))?;
                file::check(&raw, &text).map_err(fail)?;
                if is_own {
                    let name = raw.name.get_ref();
                    if let Some((other, _)) = tables.own.iter().find(|(_, own)| own == name) {
                        return Err(fail(format!("{name:?} is the name of {other} too")));
                    }
                    tables.forget(name);
                    tables.own.push((file.clone(), name.clone()));
                }
                tables.add(raw, &mut sets).map_err(fail)?;
            }
        }
        tables.conventions.sort_by(|a, b| b.when.strength().cmp(&a.when.strength()).then_with(|| a.name.cmp(b.name)));
        tables.sets = Arc::new(sets);
        tables.version = if extra.is_empty() { 0 } else { hash(&extra) };
        Ok(tables)
    }

    /// A convention of one's own takes the place of the one of its name.
    fn forget(&mut self, name: &str) {
        self.conventions.retain(|v| v.name != name);
        self.templates.retain(|t| t.convention != name);
        self.samples.retain(|(table, _)| table != name);
    }

    fn add(&mut self, raw: ConventionFile, sets: &mut Sets) -> Result<(), String> {
        let name = interned(raw.name.get_ref());
        for text in &raw.templates {
            self.templates.push(template(name, text.get_ref())?);
        }
        for path in &raw.batches {
            if let Some((first, rest)) = path.split_first() {
                sets.batches.insert(fold(first), rest.into());
            }
        }
        self.samples.extend(raw.sample.into_iter().map(|s| (name.to_owned(), s)));
        if raw.when.is_empty() {
            return Ok(());
        }
        let words = |said: BTreeMap<String, Spanned<String>>| said.into_iter().map(|(path, word)| (path, word.into_inner()));
        let mut convention = Convention {
            name,
            when: raw.when,
            roles: raw.roles.into_iter().filter_map(|(path, word)| Some((path, Role::of_word(word.get_ref())?))).collect(),
            ids: words(raw.ids).collect(),
            wrappers: raw.wrappers.into_iter().collect(),
            unit_integer: raw.units.integer.map(Spanned::into_inner),
            unit_float: raw.units.float.map(Spanned::into_inner),
            units: words(raw.units.path).collect(),
            scale: raw.severity.scale.map(Spanned::into_inner),
            default_severity: raw.severity.default.map(Spanned::into_inner),
            attempt_from_zero: raw.attempt.from_zero,
            attempt_counted: raw.attempt.counted_with,
            client_left: raw.client_left,
            inner: raw.inner,
            spellings: Spellings::default(),
            needs: Vec::new(),
            needs_any: Vec::new(),
        };
        convention.spellings = Spellings::of(convention.paths());
        let folded = |path: &String| spelling::fold(path.trim_end_matches('.'));
        let when = &convention.when;
        convention.needs = [&when.has, &when.number, &when.string, &when.capital].into_iter().flatten().chain(when.starts.keys()).map(folded).collect();
        convention.needs_any = when.any.iter().map(folded).collect();
        self.conventions.push(convention);
        Ok(())
    }
}

fn hash(of: &impl std::hash::Hash) -> u64 {
    use std::hash::Hasher as _;
    let mut hasher = rustc_hash::FxHasher::default();
    of.hash(&mut hasher);
    hasher.finish()
}

/// Names of conventions live as long as the process: there are few, and entries carry them around.
fn interned(name: &str) -> &'static str {
    static NAMES: OnceLock<std::sync::Mutex<FxHashSet<&'static str>>> = OnceLock::new();
    let mut names = NAMES.get_or_init(Default::default).lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(known) = names.get(name) {
        return known;
    }
    let leaked: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.insert(leaked);
    leaked
}

/// One line: where, and what.
pub fn toml_words(text: &str, error: &toml::de::Error) -> String {
    let what = error.message().lines().collect::<Vec<_>>().join(", ");
    match error.span() {
        Some(span) => format!("line {}: {what}", line_of(text, span.start)),
        None => what,
    }
}

fn template(convention: &'static str, text: &str) -> Result<Template, String> {
    let (mut literals, mut holes) = (Vec::new(), Vec::new());
    let (mut rest, state) = text.rsplit_once(" => ").map_or((text, None), |(text, state)| (text, Some(state.to_owned())));
    while let Some((literal, tail)) = rest.split_once('{') {
        let (hole, after) = tail.split_once('}').ok_or_else(|| format!("a hole of {text:?} has no end"))?;
        literals.push(literal.to_owned());
        holes.push(hole.to_owned());
        rest = after;
    }
    literals.push(rest.to_owned());
    if literals.len() > 2 && literals[1..literals.len() - 1].iter().any(String::is_empty) {
        return Err(format!("two holes of {text:?} touch"));
    }
    Ok(Template { convention, literals, holes, state })
}

fn common(raw: CommonFile) -> Result<Common, String> {
    let mut out = Common {
        wrappers: raw.wrappers.into_iter().collect(),
        namespaces: raw.namespaces.into_iter().collect(),
        ids_only: raw.ids_only.into_iter().collect(),
        ids: raw.ids.into_iter().map(|(k, v)| (k, v.into_iter().collect())).collect(),
        words: raw.words,
        model_providers: raw.model_providers.into_iter().collect(),
        length_nouns: raw.lengths.nouns.into_iter().collect(),
        length_qualifiers: raw.lengths.qualifiers.into_iter().collect(),
        ..Common::default()
    };
    for (name, unit) in raw.name_units {
        out.name_units.insert(name, Unit::of_suffix(&unit).ok_or_else(|| format!("unknown unit {unit:?}"))?);
    }
    for (word, names) in raw.roles {
        let role = Role::of_word(&word).ok_or_else(|| format!("unknown role {word:?}"))?;
        for (order, name) in names.into_iter().enumerate() {
            out.names.entry(name).or_default().push((role, order as u16));
        }
    }
    for (list, place) in [(raw.place.top, Place::Top), (raw.place.near, Place::Near)] {
        for word in list {
            out.places.insert(Role::of_word(&word).ok_or_else(|| format!("unknown role {word:?}"))?, place);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_tables_load() {
        assert!(Tables::load(&[]).is_ok(), "{:?}", Tables::load(&[]).err());
        assert!(Tables::builtin().conventions.len() > 20);
    }

    #[test]
    fn a_table_with_a_mistake_says_where() {
        let said = |body: &str| Tables::with(&[("mine".into(), format!("name = \"mine\"\nabout = \"x\"\n{body}\n"))]).err().map(|e| e.to_string()).unwrap_or_default();
        let when = "[when]\nhas = [\"a\"]\n";
        for (body, want) in [
            ("[roles]\na = \"tiem\"", "line 6: unknown role \"tiem\""),
            ("[ids]\na = \"quest\"", "line 6: unknown id \"quest\""),
            ("[units.path]\na = \"parsecs\"", "line 6: unknown unit \"parsecs\""),
            ("[units]\ninteger = \"ms\"\nfloat = \"fortnights\"", "line 7: unknown unit \"fortnights\""),
            ("[severity]\nscale = \"kelvin\"", "line 6: unknown scale \"kelvin\""),
            ("[severity]\ndefault = \"loud\"", "line 6: unknown severity \"loud\""),
            ("[severity]\nscale = 3", "line 6: invalid type: integer `3`, expected a string"),
        ] {
            assert_eq!(said(&format!("{when}{body}")), format!("mine.toml: {want}"));
        }
        for (body, want) in [
            ("templates = [\"Task {nme} done\"]", "line 3: unknown hole in \"Task {nme} done\""),
            ("templates = [\"ran {duration:parsecs}\"]", "line 3: unknown hole in \"ran {duration:parsecs}\""),
            ("[roles]\na = \"time\"", "line 1: nothing in [when] says which lines it is for"),
            ("[when]\nhas = [\"a\"]\nnot = [\"a\"]", "line 3: [when] asks for \"a\" and for a line without it"),
            ("[when]\nnumber = [\"a\"]\nstring = [\"a\"]", "line 3: [when] asks for \"a\" to be a number and a string"),
            ("[when]\nhas = [\"a\"]\nweight = 2147483647", "line 3: [when] weight 2147483647 is not between -100 and 100"),
            ("[when]\nhas = [\"a\"]\nweight = -2147483648", "line 3: [when] weight -2147483648 is not between -100 and 100"),
            ("batches = [[]]", "line 3: a batch without keys"),
        ] {
            assert_eq!(said(body), format!("mine.toml: {want}"));
        }
        let two = |name: &str| (name.to_owned(), format!("name = \"one\"\nabout = \"x\"\n{when}"));
        let error = Tables::with(&[two("first"), two("second")]).err().map(|e| e.to_string());
        assert_eq!(error.as_deref(), Some("second.toml: \"one\" is the name of first.toml too"));
        let error = Tables::with(&[("mine.toml".into(), "name = \"mine\n".into())]).err().map(|e| e.to_string());
        let error = error.unwrap();
        assert!(error.starts_with("mine.toml: line 1: ") && error.lines().count() == 1, "{error}");
    }
}
