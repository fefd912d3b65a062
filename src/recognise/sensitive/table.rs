//! Names and shapes of what is sensitive, as data.
//!
//! Guarantees: the built-in table loads (a test reads it). Names are compared folded, by their parts. Never looks at a record.

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;
use std::sync::{OnceLock, PoisonError, RwLock};

/// Most names of which it is kept what they say.
const MAX_KNOWN: usize = 4_096;

/// What is looked for.
#[derive(Debug, Default)]
pub struct Sensitive {
    pub(super) prefixes: Vec<Prefix>,
    secret_names: FxHashSet<String>,
    secret_words: FxHashSet<String>,
    harmless: FxHashSet<String>,
    shy: FxHashSet<String>,
    parameters: FxHashSet<String>,
    content_names: FxHashSet<String>,
    pub(super) rules: Vec<Rule>,
    known: RwLock<FxHashMap<Box<str>, Says>>,
}

/// What a name says of its value.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Says {
    pub(super) secret: bool,
    /// A word of prose too.
    pub(super) shy: bool,
    /// A secret in the query of an address.
    pub(super) parameter: bool,
    /// The value of a pair whose name stands before it.
    pub(super) pair: bool,
    pub(super) content: bool,
    /// Content by what stands beside it.
    pub(super) rule: Option<usize>,
}

/// Names that tell content only together with others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    names: Vec<String>,
    /// Any of these names, as written, stands in the record.
    #[serde(default)]
    pub(super) with: Vec<String>,
    /// Or the value is a list whose first object has any of these.
    #[serde(default)]
    pub(super) heads: Vec<String>,
    /// A text is not enough.
    #[serde(default)]
    pub(super) lists_only: bool,
    /// Fewest bytes of a text.
    #[serde(default)]
    pub(super) least: usize,
}

/// A token that begins in a way its issuer documents.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prefix {
    /// How it begins.
    pub(super) starts: String,
    /// Characters behind it, at least.
    pub(super) least: usize,
    /// Whether it holds capitals and digits only.
    #[serde(default)]
    pub(super) capitals: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    secret: Secrets,
    content: Contents,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secrets {
    prefixes: Vec<Prefix>,
    names: Vec<String>,
    words: Vec<String>,
    shy: Vec<String>,
    parameters: Vec<String>,
    harmless: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    names: Vec<String>,
    beside: Vec<Rule>,
}

impl Sensitive {
    /// The built-in table.
    pub fn builtin() -> &'static Self {
        static TABLE: OnceLock<Sensitive> = OnceLock::new();
        TABLE.get_or_init(|| Self::load(include_str!("names.toml")).unwrap_or_default())
    }

    pub(super) fn load(text: &str) -> Result<Self, toml::de::Error> {
        let file: File = toml::from_str(text)?;
        let folded = |names: Vec<String>| -> Vec<String> { names.iter().map(|name| said_parts(name).concat()).collect() };
        let mut rules = file.content.beside;
        for rule in &mut rules {
            rule.names = folded(std::mem::take(&mut rule.names)).into_iter().collect();
        }
        Ok(Self {
            prefixes: file.secret.prefixes,
            secret_names: folded(file.secret.names).into_iter().collect(),
            secret_words: folded(file.secret.words).into_iter().collect(),
            harmless: folded(file.secret.harmless).into_iter().collect(),
            shy: folded(file.secret.shy).into_iter().collect(),
            parameters: folded(file.secret.parameters).into_iter().collect(),
            content_names: folded(file.content.names).into_iter().collect(),
            rules,
            known: RwLock::default(),
        })
    }

    /// What a name says of its value. Names repeat from line to line: what was said of one is
    /// kept, at most [`MAX_KNOWN`].
    pub(super) fn says(&self, name: &str) -> Says {
        if let Some(said) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return *said;
        }
        let said = self.judge(name);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(name.into(), said);
        said
    }

    fn judge(&self, name: &str) -> Says {
        let (parts, folded) = (parts(name), said_parts(name).concat());
        let last = parts.last().map_or("", String::as_str);
        Says {
            secret: self.is_secret_name(name),
            shy: self.shy.contains(last),
            parameter: self.parameters.contains(&folded),
            pair: folded == "value",
            content: self.is_content_name(name),
            rule: self.rules.iter().position(|rule| rule.names.contains(&folded)),
        }
    }

    /// A value under this name is a secret: the folded name, or its last part with none before it that makes it harmless.
    pub(super) fn is_secret_name(&self, name: &str) -> bool {
        let parts = parts(name);
        let folded: String = parts.concat();
        if self.secret_names.contains(&folded) || parts.windows(2).any(|pair| self.secret_names.contains(&pair.concat())) {
            return true;
        }
        let Some((last, before)) = parts.split_last() else { return false };
        self.secret_words.contains(last) && !before.iter().any(|part| self.harmless.contains(part))
    }

    /// What stands under this name is content.
    pub(super) fn is_content_name(&self, name: &str) -> bool {
        let parts = said_parts(name);
        let ends = |length: usize| parts.len() > length && self.content_names.contains(&parts[parts.len() - length..].concat());
        self.content_names.contains(&parts.concat()) || ends(2) || ends(3)
    }
}

/// The parts without the numbers: `gen_ai.prompt.0.content` is the content of a prompt.
fn said_parts(name: &str) -> Vec<String> {
    let mut parts = parts(name);
    parts.retain(|part| !part.bytes().all(|b| b.is_ascii_digit()));
    parts
}

/// The words of a name in lower case, cut at case, dots, dashes and underscores.
fn parts(name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut small = false;
    let mut open = false;
    for c in name.chars().take(200) {
        if !c.is_alphanumeric() {
            open = false;
            continue;
        }
        if !open || (c.is_uppercase() && small) {
            out.push(String::new());
        }
        (open, small) = (true, c.is_lowercase() || c.is_numeric());
        if let Some(last) = out.last_mut() {
            last.extend(c.to_lowercase());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_loads() {
        assert!(Sensitive::load(include_str!("names.toml")).is_ok());
    }

    #[test]
    fn every_entry_matches_itself() {
        let text = include_str!("names.toml");
        let file: File = toml::from_str(text).unwrap();
        let table = Sensitive::builtin();
        for name in &file.secret.names {
            assert!(table.is_secret_name(name), "{name}");
        }
        for name in &file.content.names {
            assert!(table.is_content_name(name), "{name}");
        }
        for name in file.content.beside.iter().flat_map(|rule| &rule.names) {
            assert!(table.says(name).rule.is_some(), "{name}");
        }
    }

    #[test]
    fn names_are_told_by_their_parts() {
        let table = Sensitive::builtin();
        for name in [
            "password",
            "db.password",
            "userPassword",
            "api_key",
            "apiKey",
            "X-Api-Key",
            "OPENAI_API_KEY",
            "authorization",
            "client_secret",
            "access_token",
            "session_token",
            "Set-Cookie",
            "aws_secret_access_key",
        ] {
            assert!(table.is_secret_name(name), "{name}");
        }
        for name in ["max_tokens", "tokens", "first_token", "next_token", "page_token", "token_count", "secretary", "password_reset_url", "key", "cache_key", "stop_token"] {
            assert!(!table.is_secret_name(name), "{name}");
        }
        for name in [
            "messages",
            "prompt",
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "ai.prompt",
            "ai.response.text",
            "completion",
            "input.value",
            "response_text",
            "query_text",
            "gen_ai.completion",
            "gen_ai.prompt.0.content",
            "gen_ai.completion.12.content",
            "gen_ai.tool.call.arguments",
            "gen_ai.tool.call.result",
            "gen_ai.system_instructions",
            "llm.input_messages.0.message.content",
            "llm.output_messages.1.message.content",
            "ai.prompt.messages",
            "ai.response.object",
            "llm_output",
            "reasoning_content",
            "user_input",
            "toolInput",
            "delta.content",
            "systemInstruction",
        ] {
            assert!(table.is_content_name(name), "{name}");
        }
        for name in [
            "message",
            "prompt_version",
            "prompt_tokens",
            "completion_tokens",
            "response_time",
            "input_tokens",
            "output_path",
            "text",
            "body",
            "status_text",
            "error.message",
            "content",
            "http.response.object",
            "content_type",
            "content_length",
        ] {
            assert!(!table.is_content_name(name), "{name}");
        }
    }
}
