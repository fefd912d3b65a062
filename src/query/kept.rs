//! Paths made last, kept with the snapshot they were made from: a page is drawn again with other wishes, and an export is taken of what is
//! being looked at.
//!
//! Guarantees: a path found here is the one that would be made anew, for it goes with its snapshot. Bounded by their number and their bytes.

use crate::{
    model::trace::LineRef,
    query::view::{PathView, Times},
};
use std::sync::{Arc, Mutex, PoisonError};

/// Most paths kept.
const MAX_PATHS: usize = 8;
/// Most bytes of all of them, about.
const MAX_BYTES: usize = 96 << 20;
/// What a step of a document takes, about, with its id and its parts of the breakdowns.
const STEP_BYTES: usize = 1_200;
/// Most texts that a path is remembered by, and the longest of them in bytes.
const MAX_TEXTS: usize = 8;
const TEXT_MAX_BYTES: usize = 512;

/// Paths, the one asked for last in front.
#[derive(Default)]
pub struct Kept(Mutex<Vec<One>>);

struct One {
    root: Arc<str>,
    times: Times,
    asked: Vec<(Box<str>, Option<Box<str>>)>,
    path: PathView,
    bytes: usize,
}

impl Kept {
    /// The path that was made for a text.
    pub fn of_text(&self, text: &str, scope: Option<&str>, times: Times) -> Option<PathView> {
        self.find(|one| one.times == times && one.asked.iter().any(|(t, s)| **t == *text && s.as_deref() == scope), |_| {})
    }

    /// The path of a root, remembered by this text too.
    pub fn of_root(&self, root: &str, text: &str, scope: Option<&str>, times: Times) -> Option<PathView> {
        self.find(|one| one.times == times && *one.root == *root, |one| one.remember(text, scope))
    }

    fn find(&self, is_it: impl Fn(&One) -> bool, then: impl FnOnce(&mut One)) -> Option<PathView> {
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = paths.iter().position(is_it)?;
        paths[..=at].rotate_right(1);
        then(&mut paths[0]);
        Some(paths[0].path.clone())
    }

    /// Keeps a path; those asked for longest ago make room.
    pub fn keep(&self, root: &Arc<str>, text: &str, scope: Option<&str>, times: Times, path: &PathView) {
        let bytes = bytes_of(path);
        if bytes > MAX_BYTES {
            return;
        }
        let mut one = One { root: root.clone(), times, asked: Vec::new(), path: path.clone(), bytes };
        one.remember(text, scope);
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        paths.retain(|known| known.root != one.root || known.times != times);
        paths.insert(0, one);
        paths.truncate(MAX_PATHS);
        while paths.iter().map(|p| p.bytes).sum::<usize>() > MAX_BYTES {
            paths.pop();
        }
    }
}

fn bytes_of(path: &PathView) -> usize {
    let log: usize = path.log.iter().chain(&*path.possible).map(|line| line.raw.len() + line.text.len() + size_of_val(line)).sum();
    let trace = &path.trace;
    let errors: usize = trace.spans.iter().filter_map(|s| s.error.as_ref()?.message.as_ref()).map(String::len).sum();
    let texts: usize = trace.anomalies.iter().map(|a| a.text.len() + a.lines.len() * size_of::<LineRef>()).sum();
    log + errors + texts + trace.spans.len() * STEP_BYTES + (trace.lines.len() + trace.unplaced.len() + trace.placed.len()) * 2 * size_of::<LineRef>()
}

impl One {
    fn remember(&mut self, text: &str, scope: Option<&str>) {
        if self.asked.len() < MAX_TEXTS && text.len() <= TEXT_MAX_BYTES && scope.is_none_or(|s| s.len() <= TEXT_MAX_BYTES) {
            self.asked.push((text.into(), scope.map(Into::into)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{entry::At, profile::Profile, trace::LogLine},
        query::view::Operations,
        reconstruct::{build::build, tree::Tree},
    };
    use std::collections::BTreeMap;

    fn path(bytes: usize) -> PathView {
        let trace = build(&Tree::default(), &Profile::default()).trace;
        let line = LogLine {
            at: At::default(),
            line: LineRef { file: "a.log".into(), line: 1 },
            time: None,
            severity: None,
            stage: None,
            service: String::new(),
            text: String::new(),
            raw: "x".repeat(bytes.saturating_sub(size_of::<LogLine>())).into(),
            span: None,
            unplaced: true,
            placed_by: None,
        };
        PathView {
            trace: trace.into(),
            log: vec![line].into(),
            possible: Arc::default(),
            typical: None,
            typical_by_kind: BTreeMap::new(),
            typical_by_operation: Operations::default(),
            took_us: 0,
        }
    }

    #[test]
    fn a_path_is_found_by_every_text_it_was_asked_by_and_by_its_times() {
        let kept = Kept::default();
        let root: Arc<str> = "req_1".into();
        kept.keep(&root, "req_1", None, Times::Written, &path(400));
        assert!(kept.of_text("req_1", None, Times::Written).is_some());
        assert!(kept.of_text("req_1", None, Times::Shifted).is_none());
        assert!(kept.of_text("req_1", Some("queue=a"), Times::Written).is_none());
        assert!(kept.of_text("task_9", None, Times::Written).is_none());
        assert!(kept.of_root("req_1", "task_9", None, Times::Written).is_some());
        assert!(kept.of_text("task_9", None, Times::Written).is_some());
    }

    #[test]
    fn those_asked_for_longest_ago_make_room_by_number_and_by_bytes() {
        let kept = Kept::default();
        let has = |id: &str| kept.of_text(id, None, Times::Written).is_some();
        for id in 0..MAX_PATHS {
            kept.keep(&id.to_string().into(), &id.to_string(), None, Times::Written, &path(400));
        }
        assert!(has("0"), "asked for again: the next that goes is 1");
        kept.keep(&"more".into(), "more", None, Times::Written, &path(400));
        assert_eq!((has("0"), has("1"), has("2"), has("more")), (true, false, true, true));
        kept.keep(&"large".into(), "large", None, Times::Written, &path(MAX_BYTES));
        assert_eq!((has("large"), has("more"), has("0")), (true, false, false));
        kept.keep(&"larger".into(), "larger", None, Times::Written, &path(MAX_BYTES + 1));
        assert_eq!((has("larger"), has("large")), (false, true));
    }
}
