//! What to know about the path: what is missing, what is odd, whose clock differs, who its neighbours are, where it was read.
//!
//! Guarantees: every remark names its lines; absence says whether the sources could have shown it.

use super::{context::Context, view::View};
use crate::{
    model::{
        clock_words,
        trace::{AnomalyKind, Skew},
    },
    web::{
        format, links,
        pages::parts::{Badge, LineLink},
    },
};

/// Remarks of one kind.
const MOST: usize = 60;

/// What to know.
pub struct Notes {
    /// Missing stages.
    pub missing: Vec<MissingView>,
    /// Oddities and clocks.
    pub remarks: Vec<Remark>,
    /// Neighbours.
    pub neighbours: Vec<NeighbourView>,
    /// Sources and the lines used of each.
    pub sources: Vec<(String, String)>,
    /// What is left out.
    pub more: String,
}

/// A stage that was not seen.
pub struct MissingView {
    /// Stage.
    pub badge: Badge,
    /// The id handed over.
    pub id: String,
    /// Why it is not there.
    pub text: String,
}

/// An oddity.
pub struct Remark {
    /// Its kind.
    pub kind: String,
    /// Words.
    pub text: String,
    /// `warn`, `bad` or empty.
    pub class: &'static str,
    /// Lines that show it.
    pub lines: Vec<LineLink>,
    /// Lines that are not named.
    pub more: String,
    /// Where it is shown otherwise: address and words.
    pub otherwise: Option<(String, &'static str)>,
}

/// A request beside this one.
pub struct NeighbourView {
    /// Kind and value.
    pub name: String,
    /// Its address.
    pub href: String,
    /// How it is related.
    pub rule: &'static str,
    /// Lines that show it.
    pub lines: Vec<LineLink>,
}

impl Notes {
    /// There is nothing to say.
    pub fn is_quiet(&self) -> bool {
        self.remarks.is_empty() && self.neighbours.is_empty()
    }
}

/// What to know about a path.
pub fn notes(c: &Context<'_>, view: &View) -> Notes {
    let t = c.trace;
    let named = |lines: &[_]| {
        let (shown, more) = c.lines(lines, 6);
        (shown, if more > 0 { format!("and {} more", format::count(more as u64)) } else { String::new() })
    };
    let mut remarks: Vec<Remark> = t.skew.iter().filter_map(skew).take(MOST).collect();
    // One way to the other clocks is enough.
    if let Some(remark) = remarks.iter_mut().find(|r| r.class == "warn") {
        let words = if view.is_shifted { "show times as written" } else { "show with shifted clocks" };
        remark.otherwise = Some((view.href(|wish| wish.is_shifted = !view.is_shifted, ""), words));
    }
    remarks.extend(t.anomalies.iter().take(MOST).map(|a| {
        let (lines, more) = named(&a.lines);
        Remark { kind: a.kind.word().replace('_', " "), text: a.text.clone(), class: class(a.kind), lines, more, otherwise: None }
    }));
    let neighbours = t.links.iter().take(MOST).map(|n| {
        let value = n.to.split_once(':').map_or(n.to.as_str(), |(_, v)| v);
        NeighbourView { name: n.to.replacen(':', " ", 1), href: links::request(value, None), rule: neighbour_words(&n.rule), lines: named(&n.lines).0 }
    });
    let left = t.anomalies.len().saturating_sub(MOST) + t.links.len().saturating_sub(MOST) + t.missing.len().saturating_sub(MOST);
    Notes {
        missing: t.missing.iter().take(MOST).map(|m| MissingView { badge: m.stage.into(), id: m.id.replacen(':', " ", 1), text: m.text.clone() }).collect(),
        remarks,
        neighbours: neighbours.collect(),
        sources: t.sources.iter().map(|s| (s.file.clone(), format::counted(s.lines, "line", "lines"))).collect(),
        more: if left > 0 { format!("{} further remarks are in the JSON form.", format::count(left as u64)) } else { String::new() },
    }
}

fn class(kind: AnomalyKind) -> &'static str {
    match kind {
        AnomalyKind::SemanticRetry | AnomalyKind::DuplicateDelivery => "bad",
        AnomalyKind::ZoneAssumed | AnomalyKind::SharedId => "",
        _ => "warn",
    }
}

fn neighbour_words(rule: &str) -> &'static str {
    match rule {
        "batch" => "in the same batch",
        "shared" => "shared by several requests, so part of none",
        "poll" => "whose state it asked for",
        "retry_of" => "tried again",
        _ => "beside it",
    }
}

/// One sentence on two clocks; none when they may well agree and nothing was moved.
fn skew(s: &Skew) -> Option<Remark> {
    let (text, is_off) = clock_words::sentence(s)?;
    Some(Remark { kind: "clock".into(), text, class: if is_off { "warn" } else { "" }, lines: Vec::new(), more: String::new(), otherwise: None })
}
