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
    content_names: FxHashSet<String>,
    known: RwLock<FxHashMap<Box<str>, (bool, bool)>>,
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
    harmless: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    names: Vec<String>,
}

impl Sensitive {
    /// The built-in table.
    pub fn builtin() -> &'static Self {
        static TABLE: OnceLock<Sensitive> = OnceLock::new();
        TABLE.get_or_init(|| Self::load(include_str!("names.toml")).unwrap_or_default())
    }

    pub(super) fn load(text: &str) -> Result<Self, toml::de::Error> {
        let file: File = toml::from_str(text)?;
        Ok(Self {
            prefixes: file.secret.prefixes,
            secret_names: file.secret.names.into_iter().collect(),
            secret_words: file.secret.words.into_iter().collect(),
            harmless: file.secret.harmless.into_iter().collect(),
            content_names: file.content.names.into_iter().collect(),
            known: RwLock::default(),
        })
    }

    /// Whether the value under a name is a secret, and whether it is content. Names repeat from line to line: what was said of one is
    /// kept, at most [`MAX_KNOWN`].
    pub(super) fn says(&self, name: &str) -> (bool, bool) {
        if let Some(said) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return *said;
        }
        let said = (self.is_secret_name(name), self.is_content_name(name));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(name.into(), said);
        said
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
        let parts = parts(name);
        self.content_names.contains(&parts.concat()) || parts.len() > 2 && self.content_names.contains(&parts[parts.len() - 2..].concat())
    }
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
        for name in ["messages", "prompt", "gen_ai.input.messages", "gen_ai.output.messages", "ai.prompt", "ai.response.text", "completion", "input.value", "response_text"] {
            assert!(table.is_content_name(name), "{name}");
        }
        for name in ["message", "prompt_version", "prompt_tokens", "completion_tokens", "response_time", "input_tokens", "output_path"] {
            assert!(!table.is_content_name(name), "{name}");
        }
    }
}
