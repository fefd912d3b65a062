//! Versions of prompts and configurations that took the place of others among the rows that matched.
//!
//! Guarantees: a change is told only where one version of a name ends and the next begins, apart from requests of both for a fiftieth of
//! the time looked at; versions that run side by side (a test of two) are none. Costs two comparisons a row.

use super::names::Dictionary;
use crate::model::{summary::VersionChange, time::UnixNanos};
use std::collections::BTreeMap;

/// Versions of one name that are still looked at: more of them are no versions but values.
const MAX_VERSIONS: usize = 12;
/// Changes that are told, the newest.
const MAX_CHANGES: usize = 4;
/// Old and new may run side by side for this part of the time.
const OVERLAP: i64 = 50;

/// For each set of versions, the begin of its first and its last request.
pub(super) struct Lived(Vec<(i64, i64)>);

impl Lived {
    pub(super) fn new(dictionary: &Dictionary) -> Self {
        Self(vec![(i64::MAX, i64::MIN); dictionary.sets().len()])
    }

    /// Counts a row.
    pub(super) fn add(&mut self, set: u32, start: i64) {
        let (first, last) = &mut self.0[set as usize];
        *first = (*first).min(start);
        *last = (*last).max(start);
    }

    /// What took the place of what; `named`: a version is written `name@version`.
    pub(super) fn changes(&self, dictionary: &Dictionary, named: bool, (from, to): (i64, i64)) -> Vec<VersionChange> {
        let mut names: BTreeMap<&str, BTreeMap<&str, (i64, i64)>> = BTreeMap::new();
        for (set, (first, last)) in dictionary.sets().iter().zip(&self.0).filter(|(_, (first, last))| first <= last) {
            for text in set.iter().map(|name| &*dictionary.names()[*name as usize]) {
                let (name, version) = if named { text.rsplit_once('@').unwrap_or(("", text)) } else { ("", text) };
                let lived = names.entry(name).or_default().entry(version).or_insert((*first, *last));
                *lived = (lived.0.min(*first), lived.1.max(*last));
            }
        }
        let overlap = to.saturating_sub(from) / OVERLAP;
        let mut out: Vec<VersionChange> = names.into_iter().flat_map(|(name, versions)| of_name(name, versions, overlap)).collect();
        out.sort_by_key(|change| change.at);
        out.split_off(out.len().saturating_sub(MAX_CHANGES))
    }
}

fn of_name(name: &str, versions: BTreeMap<&str, (i64, i64)>, overlap: i64) -> Vec<VersionChange> {
    if versions.len() > MAX_VERSIONS {
        return Vec::new();
    }
    let mut in_order: Vec<(&str, (i64, i64))> = versions.into_iter().collect();
    in_order.sort_by_key(|(version, lived)| (*lived, *version));
    // The last request of any version before must not come behind the first of the next one.
    let mut ended = i64::MIN;
    let mut out = Vec::new();
    for pair in in_order.windows(2) {
        let ((old, (_, last)), (new, (first, until))) = (pair[0], pair[1]);
        ended = ended.max(last);
        if ended <= first.saturating_add(overlap) && until > ended {
            let name = Some(name.to_owned()).filter(|name| !name.is_empty());
            out.push(VersionChange { at: UnixNanos(first), name, from: old.to_owned(), to: new.to_owned() });
        }
    }
    out
}
