//! Members of a line that stand in its text: objects in a list that is the text, pairs that the text ends with.
//!
//! Guarantees: what the line itself states is kept, and its text stays whole. Never reads prose for members.

use super::Reader;
use crate::{
    model::entry::Entry,
    recognise::{
        apply,
        names::ROOT,
        plan::Plan,
        scan::{Kind, Leaf, Scan},
        text,
        values::Line,
    },
};
use std::borrow::Cow;

impl Reader {
    /// What was handed to a logger beside the text, in the list that is the text: members of the line.
    pub(super) fn listed(&mut self, leaves: &[Leaf<'_>], plan: &Plan, entry: &mut Entry) {
        let line = Line { leaves, names: &self.names, plan, convention: None, scale: None };
        for object in apply::listed(&line) {
            let mut scan = Scan::default();
            scan.object(object, &mut self.names, ROOT);
            let mut beside = Entry { source: entry.source.clone(), service: entry.service.clone(), ..Entry::default() };
            self.fill(&scan.leaves, &mut beside);
            apply::complete(entry, beside);
        }
    }

    /// The pairs that the text of a line ends with are members of it: what the line has no member for they tell.
    pub(super) fn told_in_pairs(&mut self, entry: &mut Entry) {
        let Some(body) = entry.body.take() else { return };
        let pairs = text::tail(&body);
        let leaf = |(key, value): &(&str, Cow<'_, str>)| (self.names.child(ROOT, key), value.to_string());
        let pairs: Vec<_> = pairs.iter().map(leaf).collect();
        if !pairs.is_empty() {
            let leaves: Vec<Leaf<'_>> = pairs.iter().map(|(path, value)| Leaf { path: *path, kind: Kind::Str, raw: value, escaped: false, object: 1, in_array: false }).collect();
            let mut beside = Entry { source: entry.source.clone(), service: entry.service.clone(), ..Entry::default() };
            self.fill(&leaves, &mut beside);
            apply::complete(entry, beside);
        }
        entry.body = Some(body);
    }
}
