//! What a line tells by its members together, where no name alone does: seconds with their rest, what was handed to a logger, the word
//! beside a severity's number. Decided once for every shape of line.
//!
//! Guarantees: it sees names and types, never a value; what names say goes before it.

use crate::recognise::{
    length::Unit,
    meaning::{self, Meaning, RoleUse},
    plan::{AFTER_NAMES, Candidate},
    role::Role,
    scan::{Kind, Leaf},
    table::Common,
    two_parts::{self, Pair},
};
use rustc_hash::FxHashSet;

/// Rank of a list that is a text only with an object in it.
pub const WITH_OBJECT: u32 = AFTER_NAMES + 1;

/// What loggers write under names that elsewhere say other things. `taken`: leaves that something else was said of.
pub fn of_loggers(leaves: &[Leaf<'_>], paths: &[String], common: &Common, by_role: &mut [Vec<Candidate>], taken: impl Fn(u16) -> bool) {
    let logged = logged_list(leaves, paths, common, by_role);
    let tag = tag(leaves, paths, by_role).map(|leaf| (leaf, AFTER_NAMES));
    for (role, (leaf, rank)) in [(Role::Message, logged), (Role::Logger, tag)].into_iter().filter_map(|(role, found)| Some((role, found.filter(|(leaf, _)| !taken(*leaf))?))) {
        by_role[role as usize].push(Candidate { leaf, unit: None, from_zero: false, rank });
    }
}

/// The tag of a line with a severity, where nothing else is its logger.
fn tag(leaves: &[Leaf<'_>], paths: &[String], by_role: &[Vec<Candidate>]) -> Option<u16> {
    let at = paths.iter().zip(leaves).position(|(path, leaf)| path == "tag" && leaf.kind == Kind::Str)?;
    (!by_role[Role::Level as usize].is_empty() && by_role[Role::Logger as usize].is_empty()).then_some(at as u16)
}

/// What was handed to a logger, as a list under the name that languages give it; under a wider name it says so only when an object stands
/// behind the text. Only where the line has a time and a severity and nothing else to say: beside a function, a command or a job these are
/// what that was called with.
fn logged_list(leaves: &[Leaf<'_>], paths: &[String], common: &Common, by_role: &[Vec<Candidate>]) -> Option<(u16, u32)> {
    let list = |names: &FxHashSet<String>| (0..leaves.len()).find(|i| names.contains(&paths[*i]) && leaves[*i].kind == Kind::Array);
    let narrow = list(&common.words.handed_to_a_logger).map(|i| (i as u16, AFTER_NAMES));
    let list = narrow.or_else(|| list(&common.words.handed_over).map(|i| (i as u16, WITH_OBJECT)))?;
    let has = |role: Role| !by_role[role as usize].is_empty();
    let is_logged = has(Role::Time) && has(Role::Level) && !has(Role::Message) && !has(Role::Template) && !has(Role::JobName) && !has(Role::Tool);
    (is_logged && !paths.iter().any(|path| common.words.called.contains(&path.to_ascii_lowercase()))).then_some(list)
}

/// Texts in the object of a severity's number: those of names that say severity, else those that say what kind of line it is.
pub fn level_words(levels: &[Candidate], leaves: &[Leaf<'_>], paths: &[String]) -> Vec<u16> {
    let Some(number) = levels.first().map(|c| leaves[c.leaf as usize]).filter(|leaf| leaf.kind == Kind::Num) else { return Vec::new() };
    let texts = || (0..leaves.len() as u16).filter(|i| leaves[*i as usize].kind == Kind::Str && leaves[*i as usize].object == number.object);
    let named: Vec<u16> = texts().filter(|i| levels.iter().any(|c| c.leaf == *i)).collect();
    if !named.is_empty() {
        return named;
    }
    texts().filter(|i| matches!(paths[*i as usize].rsplit('.').next(), Some("type" | "kind" | "label"))).collect()
}

/// Seconds beside the rest of a second are together what their common name says; the parts by themselves are nothing.
pub fn in_two_parts(leaves: &[Leaf<'_>], paths: &[String], ignored: &[u16], by_role: &mut [Vec<Candidate>], read: impl Fn(&str) -> Vec<Meaning>) -> Vec<Pair> {
    let mut pairs = two_parts::of(leaves, paths);
    pairs.retain(|pair| {
        let is_left_out = |c: &u16| *c == pair.whole || *c == pair.rest;
        if ignored.iter().any(is_left_out) {
            return false;
        }
        let said = by_role.iter().flatten().any(|c| c.leaf == pair.whole && c.is_explicit());
        let meant: Vec<RoleUse> = read(&paths[pair.whole as usize][..pair.name])
            .into_iter()
            .filter_map(|m| if let Meaning::Role(r) = m { Some(r) } else { None })
            .filter(|r| !said && (meaning::is_instant(r.role) || meaning::is_length(r.role)))
            .collect();
        if said || !meant.is_empty() {
            by_role.iter_mut().for_each(|list| list.retain(|c| c.is_explicit() || (c.leaf != pair.whole && c.leaf != pair.rest)));
        }
        for r in &meant {
            let unit = meaning::is_length(r.role).then_some(Unit::S);
            by_role[r.role as usize].push(Candidate { leaf: pair.whole, unit, from_zero: false, rank: r.rank });
        }
        said || !meant.is_empty()
    });
    pairs
}
