//! Names, and what stands beside them: `content` is what was said when a `role` stands in the same record.
//!
//! Guarantees: a record is searched once for each name that is asked for; only a bounded head of a value is looked at. Neighbours are told
//! by the record, not by the object: objects are not followed. Never marks anything.

use super::{names::Name, table::Rule};
use memchr::memmem;

/// Longest name that is looked at.
const MAX_NAME: usize = 64;
/// Bytes of a list in which the members of its first object are looked for.
const HEAD: usize = 240;

fn is_inside(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// The name that ends at a place: quoted (with the backslashes of a string inside a string), or a word.
pub(super) fn name_at_end(raw: &str, end: usize) -> Option<Name<'_>> {
    let head = raw[..end].trim_end_matches(' ');
    let quoted = head.ends_with(['"', '\'']);
    let unquoted = head.strip_suffix(['"', '\'']).unwrap_or(head);
    let depth = unquoted.len() - unquoted.trim_end_matches('\\').len();
    let word = head.trim_end_matches(['"', '\'', '\\']);
    let start = word.char_indices().rev().take(MAX_NAME + 1).take_while(|(_, c)| is_inside(*c)).last()?.0;
    let text = &word[start..];
    (text.len() <= MAX_NAME && !text.is_empty()).then_some(Name { text, start, quoted, depth })
}

/// What stands beside the names of one record.
pub(super) struct Beside<'a> {
    raw: &'a str,
    known: Vec<(String, bool)>,
}

impl<'a> Beside<'a> {
    pub(super) fn of(raw: &'a str) -> Self {
        Self { raw, known: Vec::new() }
    }

    /// A name of this rule tells content here; `value`: the text from its value on.
    pub(super) fn allows(&mut self, rule: &Rule, value: &str) -> bool {
        let value = value.trim_start_matches(' ');
        let is_list = value.starts_with(['[', '{']);
        let head = &value.as_bytes()[..value.len().min(HEAD)];
        (is_list && rule.heads.iter().any(|name| has_name(head, name))) || ((is_list || !rule.lists_only) && rule.with.iter().any(|name| self.has(name)))
    }

    fn has(&mut self, name: &str) -> bool {
        if let Some((_, said)) = self.known.iter().find(|(known, _)| known == name) {
            return *said;
        }
        let said = has_name(self.raw.as_bytes(), name);
        self.known.push((name.to_owned(), said));
        said
    }
}

/// A member or a parameter of this name.
fn has_name(b: &[u8], name: &str) -> bool {
    memmem::find_iter(b, name).any(|at| {
        let begins = at == 0 || !(b[at - 1].is_ascii_alphanumeric() || matches!(b[at - 1], b'_' | b'-' | b'.'));
        let behind = b[at + name.len()..].iter().take(24).find(|c| !matches!(c, b'"' | b'\'' | b'\\' | b' '));
        begins && matches!(behind, Some(b':' | b'='))
    })
}
