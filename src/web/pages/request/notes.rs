//! What to know about the path: what is missing, what is odd, whose clock differs, who its neighbours are, where it was read.
//!
//! Guarantees: every remark names its lines; absence says whether the sources could have shown it.

use super::context::Context;
use crate::{
    model::trace::{AnomalyKind, Skew},
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
pub fn notes(c: &Context<'_>) -> Notes {
    let t = c.trace;
    let named = |lines: &[_]| {
        let (shown, more) = c.lines(lines, 6);
        (shown, if more > 0 { format!("and {} more", format::count(more as u64)) } else { String::new() })
    };
    let mut remarks: Vec<Remark> = t.skew.iter().filter_map(skew).collect();
    remarks.extend(t.anomalies.iter().take(MOST).map(|a| {
        let (lines, more) = named(&a.lines);
        Remark { kind: a.kind.word().replace('_', " "), text: a.text.clone(), class: class(a.kind), lines, more }
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
    let hand_overs = format::counted(s.hand_overs, "hand-over", "hand-overs");
    let (host, against) = (&s.host, &s.against);
    let text = match (s.min_ns, s.max_ns) {
        (Some(min), Some(max)) if min > max => format!("the clocks of {host} and {against} do not keep one distance, so no shift makes {hand_overs} fit"),
        (Some(min), max) if min > 0 => format!("{host}'s clock is {} ahead of {against}'s, as {hand_overs} show", between(min, max)),
        (min, Some(max)) if max < 0 => {
            format!("{host}'s clock is {} behind {against}'s: some of {hand_overs} would otherwise arrive before they were sent", between(-max, min.map(|m| -m)))
        }
        _ if s.applied => format!("{host}'s times are shifted against {against}'s, as {hand_overs} allow"),
        _ => return None,
    };
    let applied = if s.applied { "; its times are shifted by the least that fits" } else { "; times are shown as written" };
    Some(Remark { kind: "clock".into(), text: format!("{text}{applied}"), class: "warn", lines: Vec::new(), more: String::new() })
}

fn between(least: i64, most: Option<i64>) -> String {
    most.map_or_else(|| format!("at least {}", format::length(least)), |m| format!("{} to {}", format::length(least), format::length(m)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(min_ns: Option<i64>, max_ns: Option<i64>) -> Option<String> {
        skew(&Skew { host: "worker".into(), against: "api".into(), min_ns, max_ns, hand_overs: 412, applied: false }).map(|r| r.text)
    }

    #[test]
    fn clocks_are_judged_only_when_their_bounds_exclude_zero() {
        const MS: i64 = 1_000_000;
        assert_eq!(sentence(Some(-MS), Some(MS)), None);
        assert_eq!(sentence(None, Some(5 * MS)), None);
        assert_eq!(
            sentence(None, Some(-1_690 * MS)).unwrap(),
            "worker's clock is at least 1.69 s behind api's: some of 412 hand-overs would otherwise arrive before they were sent; times are shown as written"
        );
        assert_eq!(sentence(Some(2 * MS), Some(9 * MS)).unwrap(), "worker's clock is 2 ms to 9 ms ahead of api's, as 412 hand-overs show; times are shown as written");
        assert!(sentence(Some(9 * MS), Some(2 * MS)).unwrap().contains("do not keep one distance"));
    }
}
