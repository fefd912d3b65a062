//! The small things every page shows the same way: stages, states, marks, lines.
//!
//! Guarantees: a stage has one colour and one letter everywhere; a state has a shape and a word, never a colour alone.

use crate::{
    model::{
        entry::Severity,
        summary::RequestSummary,
        trace::{LinkRule, SegmentKind, Serving, Stage, State},
    },
    query::view::Notice,
    web::format,
};
use rustc_hash::FxHashSet;

/// Letter, colour class and word of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Badge {
    /// Letter.
    pub letter: char,
    /// Class suffix and word.
    pub stage: &'static str,
}

impl From<Option<Stage>> for Badge {
    fn from(stage: Option<Stage>) -> Self {
        stage.map_or(Self { letter: '–', stage: "none" }, |s| Self { letter: s.letter(), stage: s.word() })
    }
}

impl From<Stage> for Badge {
    fn from(stage: Stage) -> Self {
        Some(stage).into()
    }
}

/// Class of the colour of a stage.
pub fn stage_fill(stage: Stage) -> &'static str {
    match stage {
        Stage::Edge => "f-edge",
        Stage::App => "f-app",
        Stage::Queue => "f-queue",
        Stage::Worker => "f-worker",
        Stage::Model => "f-model",
        Stage::Tool => "f-tool",
        Stage::Write => "f-write",
        Stage::Http => "f-http",
        Stage::Other => "f-other",
    }
}

/// Words of a part of a breakdown.
pub fn segment_words(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::Edge => "edge",
        SegmentKind::App => "app",
        SegmentKind::Task => "worker",
        SegmentKind::ModelCall => "model",
        SegmentKind::ModelFirstToken => "model first token",
        SegmentKind::ModelStream => "model stream",
        SegmentKind::ConnectWait => "connection wait",
        SegmentKind::Tool => "tool",
        SegmentKind::DbWrite => "write",
        SegmentKind::HttpCall => "http",
        SegmentKind::QueueWait => "queue wait",
        SegmentKind::ScheduledDelay => "scheduled delay",
        SegmentKind::RetryWait => "retry wait",
        SegmentKind::Other => "other",
        SegmentKind::Unaccounted => "unaccounted",
    }
}

/// Classes of a part of a breakdown: waits are hatched, the stream is lighter, the unaccounted is dotted.
pub fn segment_class(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::Edge => "f-edge",
        SegmentKind::App => "f-app",
        SegmentKind::Task => "f-worker",
        SegmentKind::ModelCall | SegmentKind::ModelFirstToken => "f-model",
        SegmentKind::ModelStream => "f-model stream",
        SegmentKind::ConnectWait => "connect",
        SegmentKind::Tool => "f-tool",
        SegmentKind::DbWrite => "f-write",
        SegmentKind::HttpCall => "f-http",
        SegmentKind::QueueWait | SegmentKind::ScheduledDelay | SegmentKind::RetryWait => "wait",
        SegmentKind::Other => "f-other",
        SegmentKind::Unaccounted => "gap",
    }
}

/// How a text on a part is written: `on` the colour, `ink` on the light one, `over` a pattern.
pub fn segment_label_class(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::Unaccounted | SegmentKind::ConnectWait => "over",
        kind if kind.is_wait() => "over",
        SegmentKind::ModelStream => "ink",
        _ => "on",
    }
}

/// Shape, colour class and words of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateView {
    /// Shape.
    pub shape: &'static str,
    /// `good`, `warn`, `bad` or `dim`.
    pub class: &'static str,
    /// Words.
    pub words: String,
}

/// Words of a state.
pub fn state_words(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Rejected => "rejected",
        State::Failed => "failed",
        State::Timeout => "timeout",
        State::ClientDisconnect => "client left",
        State::DeadLetter => "dead letter",
        State::Unfinished => "unfinished",
    }
}

/// Words of an answer that is not the plain one.
pub fn serving_words(serving: Serving) -> Option<&'static str> {
    Some(match serving {
        Serving::Fallback => "by fallback",
        Serving::DifferentUnexplained => "another model answered",
        Serving::Truncated => "answer cut short",
        Serving::Retried => "after retries",
        Serving::Cached => "from a cache",
        Serving::Primary | Serving::Unknown => return None,
    })
}

/// Shape and words: `200 · by fallback`, `failed · 502`.
pub fn state_view(state: State, status: Option<u16>, serving: Serving, degraded: bool) -> StateView {
    let odd = degraded || matches!(serving, Serving::Fallback | Serving::DifferentUnexplained | Serving::Truncated);
    let (shape, class) = match state {
        State::Ok if odd => ("◆", "warn"),
        State::Ok => ("●", "good"),
        State::Rejected => ("▲", "warn"),
        State::Failed | State::Timeout | State::DeadLetter => ("✕", "bad"),
        State::ClientDisconnect => ("○", "dim"),
        State::Unfinished => ("◐", "dim"),
    };
    let mut words = match (state, status) {
        (State::Ok, Some(code)) => code.to_string(),
        (_, Some(code)) => format!("{} · {code}", state_words(state)),
        (_, None) => state_words(state).to_owned(),
    };
    if let Some(how) = serving_words(serving).filter(|_| odd || serving == Serving::Retried) {
        words.push_str(" · ");
        words.push_str(how);
    }
    StateView { shape, class, words }
}

/// What is said beside the route of a row: nothing when all went well.
pub fn row_remark(row: &RequestSummary) -> Option<(String, &'static str)> {
    let code = row.status.filter(|s| *s >= 400).map(|s| format!(" {s}")).unwrap_or_default();
    match row.state {
        State::Ok => serving_words(row.serving).filter(|_| row.serving != Serving::Cached).map(|w| (w.to_owned(), "warn")),
        State::Failed | State::Timeout | State::DeadLetter => {
            let why = row.error_type.as_deref().map(|e| format!(" · {}", format::head(e, 28))).unwrap_or_default();
            Some((format!("{}{code}{why}", state_words(row.state)), "bad"))
        }
        State::Rejected => Some((format!("rejected{code}"), "warn")),
        State::ClientDisconnect | State::Unfinished => Some((format!("{}{code}", state_words(row.state)), "dim")),
    }
}

/// What a mark means.
pub fn mark_words(mark: &str) -> &'static str {
    match mark {
        "slow" => "above the 95th percentile of its route",
        "incomplete" => "a stage that was handed over to was not seen",
        "open" => "something began and no end was seen",
        _ => "",
    }
}

/// Why an id belongs, in words that go before the parent.
pub fn rule_words(rule: LinkRule) -> &'static str {
    match rule {
        LinkRule::SameId => "is another spelling of",
        LinkRule::StatedParent => "states as its parent",
        LinkRule::StatedRoot => "stands beside",
        LinkRule::HandOver => "was handed over by",
        LinkRule::Answer => "gave the answer that is named by",
        LinkRule::Batch => "is a part of the batch",
        LinkRule::Retry => "was tried again for",
    }
}

/// Colour class of a severity.
pub fn level_class(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(Severity::Error | Severity::Fatal) => "bad",
        Some(Severity::Warn) => "warn",
        _ => "dim",
    }
}

/// A filter with its values.
pub struct FacetView {
    /// Words.
    pub title: String,
    /// Values.
    pub values: Vec<FacetLink>,
    /// Values that are not shown.
    pub more: String,
}

/// A value of a filter.
pub struct FacetLink {
    /// Words, behind a shape where it has one.
    pub text: String,
    /// How many.
    pub count: String,
    /// The page with it, or without it when it is set.
    pub href: String,
    /// It is set.
    pub chosen: bool,
}

/// A line of a source, with its row on this page when it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineLink {
    /// `api.log:4415`: the folder is left out where the name alone is clear.
    pub text: String,
    /// The path as shown.
    pub title: String,
    /// `#l-api.log-4415`.
    pub href: Option<String>,
}

/// A piece of a text; a marked one is an id that joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Text.
    pub text: String,
    /// It is one of the ids.
    pub marked: bool,
}

/// Bytes by which an id is noticed; shorter ones are not marked.
const HEAD: usize = 4;

/// The ids of a request, to be found in its lines: the time to look through a text does not grow with their number.
#[derive(Debug, Default)]
pub struct Ids<'a> {
    heads: FxHashSet<[u8; HEAD]>,
    values: FxHashSet<&'a str>,
    /// Longest first.
    lengths: Vec<usize>,
}

impl<'a> Ids<'a> {
    /// Of these values; those below four bytes would be found everywhere and are left out.
    pub fn new(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut out = Self::default();
        for value in values {
            if let Some(head) = value.as_bytes().first_chunk::<HEAD>() {
                out.heads.insert(*head);
                out.values.insert(value);
            }
        }
        out.lengths = out.values.iter().map(|v| v.len()).collect::<FxHashSet<_>>().into_iter().collect();
        out.lengths.sort_unstable_by_key(|l| std::cmp::Reverse(*l));
        out
    }

    /// The longest id that begins here.
    fn at<'t>(&self, rest: &'t str) -> Option<&'t str> {
        let head = rest.as_bytes().first_chunk::<HEAD>()?;
        if !self.heads.contains(head) {
            return None;
        }
        self.lengths.iter().filter_map(|l| rest.get(..*l)).find(|part| self.values.contains(part))
    }
}

/// Cuts a text at the ids in it, the longer of two that overlap.
pub fn mark_ids(text: &str, ids: &Ids<'_>) -> Vec<Piece> {
    let (mut out, mut plain, mut at) = (Vec::new(), 0, 0);
    while at < text.len() {
        let rest = &text[at..];
        if let Some(id) = ids.at(rest) {
            if at > plain {
                out.push(Piece { text: text[plain..at].to_owned(), marked: false });
            }
            out.push(Piece { text: id.to_owned(), marked: true });
            at += id.len();
            plain = at;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    if plain < text.len() {
        out.push(Piece { text: text[plain..].to_owned(), marked: false });
    }
    out
}

/// The query around a part that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeView {
    /// What stands before it.
    pub before: String,
    /// The part.
    pub part: String,
    /// What stands behind it.
    pub after: String,
    /// What is wrong with it.
    pub text: String,
}

/// A notice with the part it is about, inside the query when it stands there.
pub fn notice_view(q: &str, n: &Notice) -> NoticeView {
    let around = q.get(n.at..).filter(|rest| rest.starts_with(&n.part)).map(|rest| (&q[..n.at], &rest[n.part.len()..]));
    let (before, after) = around.unwrap_or(("", ""));
    let tail = |text: &str| {
        let from = text.char_indices().rev().nth(59).map_or(0, |(i, _)| i);
        if from > 0 { format!("…{}", &text[from..]) } else { text.to_owned() }
    };
    NoticeView { before: tail(before), part: n.part.clone(), after: format::head(after, 60), text: n.text.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_marked_whole() {
        let piece = |text: &str, marked| Piece { text: text.into(), marked };
        assert_eq!(
            mark_ids("{\"a\":\"req_12\",\"b\":\"req_1\"}ü", &Ids::new(["req_1", "req_12"])),
            [piece("{\"a\":\"", false), piece("req_12", true), piece("\",\"b\":\"", false), piece("req_1", true), piece("\"}ü", false)]
        );
        assert_eq!(mark_ids("", &Ids::new(["x"])), []);
    }

    #[test]
    fn a_state_is_a_shape_and_words() {
        let view = |state, status, serving| {
            let v = state_view(state, status, serving, false);
            (v.shape, v.words)
        };
        assert_eq!(view(State::Ok, Some(200), Serving::Primary), ("●", "200".into()));
        assert_eq!(view(State::Ok, Some(200), Serving::Fallback), ("◆", "200 · by fallback".into()));
        assert_eq!(view(State::Failed, Some(502), Serving::Unknown), ("✕", "failed · 502".into()));
        assert_eq!(view(State::DeadLetter, None, Serving::Unknown), ("✕", "dead letter".into()));
        assert_eq!(view(State::Ok, None, Serving::Retried), ("●", "ok · after retries".into()));
    }
}
