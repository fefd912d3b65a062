//! Sentences of a comparison: who took longer, by how much, and what made most of it.
//!
//! Guarantees: every figure is one of the table below it; a part is called the largest only where it goes the way of the whole difference,
//! or, of equal totals, where it is said that other parts made up for it.

use crate::{
    analyse::compare::{Comparison, Row, Usual, What},
    model::trace::{SegmentKind, SpanKind, Trace},
    web::{format, pages::parts},
};

/// Characters of a name in a sentence.
const NAME: usize = 60;

/// A piece of the sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Text.
    pub text: String,
    /// Where it leads.
    pub href: Option<String>,
    /// A figure.
    pub strong: bool,
}

fn say(text: impl Into<String>) -> Piece {
    Piece { text: text.into(), href: None, strong: false }
}

fn figure(text: impl Into<String>) -> Piece {
    Piece { strong: true, ..say(text) }
}

fn link(text: impl Into<String>, href: Option<String>) -> Piece {
    Piece { href, ..say(text) }
}

/// Two requests; `hrefs` are their pages, `step` the place of the largest part.
pub fn of_two(c: &Comparison, hrefs: [String; 2], step: Option<String>) -> Vec<Piece> {
    let [a, b] = hrefs.map(Some);
    let whole = c.difference_ns();
    let largest = c.largest.map(|i| &c.rows[i]);
    if c.a_total_ns == 0 && c.b_total_ns == 0 {
        return vec![say("No line of "), link("A", a), say(" or of "), link("B", b), say(" states how long anything took, so there is nothing to compare.")];
    }
    if whole == 0 {
        let same = vec![link("A", a), say(" and "), link("B", b), say(" took the same time, "), figure(format::length(c.a_total_ns))];
        let rest = match largest {
            None => vec![say(", in every part.")],
            Some(row) => {
                vec![say("; the largest difference is "), figure(more_or_less(row.difference_ns)), say(" in B "), link(phrase(row), step), say(", which other parts made up for.")]
            }
        };
        return same.into_iter().chain(rest).collect();
    }
    let (than, totals) = (if whole > 0 { "longer" } else { "less" }, format!(" ({} against {})", format::length(c.b_total_ns), format::length(c.a_total_ns)));
    let mut out = vec![link("B", b), say(" took "), figure(format!("{} {than}", format::length(whole.saturating_abs()))), say(" than "), link("A", a), say(totals)];
    if let Some(row) = largest {
        out.extend(of_it(row.difference_ns, whole, "", link(phrase(row), step)));
    }
    out.push(say("."));
    out
}

/// `; 5.9 s of it (95.0 %) waiting in queue reviews`; a part that alone is more than the whole says so.
fn of_it(part: i64, whole: i64, verb: &str, words: Piece) -> Vec<Piece> {
    let size = part.saturating_abs();
    if size <= whole.saturating_abs() {
        let share = format::share(size, whole.saturating_abs());
        return vec![say("; "), figure(format::length(size)), say(format!(" of it ({share}) {verb}")), words];
    }
    let made_up = format::length(size - whole.saturating_abs());
    vec![say(": "), figure(more_or_less(part)), say(" "), words, say(format!(", of which other parts made up {made_up}"))]
}

fn more_or_less(ns: i64) -> String {
    format!("{} {}", format::length(ns.saturating_abs()), if ns < 0 { "less" } else { "more" })
}

/// Where the time of a row went, as it ends a sentence.
fn phrase(row: &Row) -> String {
    let (a, b) = (row.a.as_ref(), row.b.as_ref());
    let Some(side) = [b, a].into_iter().flatten().max_by_key(|s| s.path_ns) else { return String::new() };
    let short = |name: &str| format::head(name, NAME);
    let name = match (a, b) {
        (Some(a), Some(b)) if a.name != b.name => format!("{} (in A {})", short(&b.name), short(&a.name)),
        _ => short(&side.name),
    };
    let attempt = row.attempt.map(|n| format!(", attempt {n}")).unwrap_or_default();
    let words = match row.what {
        What::Time(SegmentKind::Unaccounted) => "that no line accounts for".to_owned(),
        What::Time(kind) => format!("of {}", kind_of_time(kind)),
        What::Steps(SpanKind::QueueWait) => match &side.queue {
            Some(queue) => format!("waiting in queue {}", short(queue)),
            None => name.replacen("wait for", "waiting for", 1),
        },
        What::Steps(SpanKind::ScheduledDelay) => "in a scheduled delay".to_owned(),
        What::Steps(SpanKind::RetryWait) => "waiting to try again".to_owned(),
        What::Steps(SpanKind::Edge) => format!("at the edge, {name}"),
        What::Steps(SpanKind::App) => format!("in the application, {name}"),
        What::Steps(SpanKind::Task) => format!("in task {name}"),
        What::Steps(SpanKind::ModelCall) => format!("in model call {name}"),
        What::Steps(SpanKind::Tool) => format!("in tool {name}"),
        What::Steps(SpanKind::DbWrite) => format!("in write {name}"),
        What::Steps(SpanKind::HttpCall) => format!("in call {name}"),
        What::Steps(SpanKind::Other) => format!("in {name}"),
    };
    format!("{words}{attempt}")
}

/// `queue wait`, `model time`.
fn kind_of_time(kind: SegmentKind) -> String {
    let words = parts::segment_words(kind);
    if words.ends_with("wait") || words.ends_with("delay") { words.to_owned() } else { format!("{words} time") }
}

/// One request beside the medians of its route.
pub fn of_usual(trace: &Trace, u: &Usual, href: String) -> Vec<Piece> {
    let whole = u.difference_ns();
    let route = format::head(trace.route.as_deref().unwrap_or(format::NONE), NAME);
    let median = format!("the median of {route}, {}", format::length(u.typical.p50_ns));
    let mut out = vec![link("A", Some(href))];
    if whole == 0 {
        out.push(say(format!(" took as long as {median}")));
    } else {
        let than = if whole > 0 { "longer" } else { "less" };
        out.extend([say(" took "), figure(format!("{} {than}", format::length(whole.saturating_abs()))), say(format!(" than {median}"))]);
    }
    if let Some((row, kind)) = u.largest.map(|i| &u.rows[i]).and_then(|r| Some((r, r.kind?))) {
        let words = say(kind_of_time(kind));
        if whole == 0 {
            out.extend([say("; the largest difference is "), figure(more_or_less(row.difference_ns)), say(" "), words]);
        } else {
            out.extend(of_it(row.difference_ns, whole, "is ", words));
        }
    }
    let p95 = format::length(u.typical.p95_ns);
    out.push(say(if u.total_ns > u.typical.p95_ns { format!(". It is above the 95th percentile, {p95}.") } else { format!(". It is within the 95th percentile, {p95}.") }));
    out
}

/// Nothing to compare one request with.
pub fn of_nothing(trace: &Trace, too_few: Option<u64>, href: String) -> Vec<Piece> {
    let a = link("A", Some(href));
    match (&trace.route, too_few) {
        (None, _) => vec![a, say(" names no route, so nothing is known to be typical of it.")],
        (Some(route), None) => vec![a, say(format!(": no request of {} is finished, so nothing is typical of it.", format::head(route, NAME)))],
        (Some(route), Some(n)) => vec![a, say(format!(": of its route {} there are too few to compare (n = {n}).", format::head(route, NAME)))],
    }
}

/// Shares of a difference in tenths of a percent, with their sign; they add up to 100.0 as printed. None of no difference.
pub fn shares(parts: &[i64], whole: i64) -> Vec<String> {
    if whole == 0 || parts.iter().map(|p| i128::from(*p)).sum::<i128>() != i128::from(whole) {
        return vec![format::NONE.to_owned(); parts.len()];
    }
    let sign = i128::from(whole.signum());
    let size = i128::from(whole) * sign;
    let exact: Vec<(i128, i128)> = parts.iter().map(|p| i128::from(*p) * sign * 1_000).map(|p| (p.div_euclid(size), p.rem_euclid(size))).collect();
    let mut tenths: Vec<i128> = exact.iter().map(|e| e.0).collect();
    let left = usize::try_from(1_000 - tenths.iter().sum::<i128>()).unwrap_or(0);
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|i| (std::cmp::Reverse(exact[*i].1), *i));
    order.into_iter().take(left).for_each(|i| tenths[i] += 1);
    tenths.into_iter().zip(parts).map(|(t, part)| share(t, *part)).collect()
}

fn share(tenths: i128, part: i64) -> String {
    let minus = if tenths < 0 { "−" } else { "" };
    match tenths.abs() {
        0 if part == 0 => format::NONE.to_owned(),
        0 => "<0.1 %".to_owned(),
        // Parts that cancel each other can be many times the whole; the digits behind say nothing then.
        t if t >= 10_000 => format!("{minus}{} ×", format::count(u64::try_from(t / 1_000).unwrap_or(u64::MAX))),
        1_000 => format!("{minus}100 %"),
        t => format!("{minus}{}.{} %", t / 10, t % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_as_printed_with_their_sign() {
        assert_eq!(shares(&[5_900, -10, 110, 10], 6_010), ["98.2 %", "−0.2 %", "1.8 %", "0.2 %"]);
        assert_eq!(shares(&[-1, -1, -1], -3), ["33.4 %", "33.3 %", "33.3 %"]);
        assert_eq!(shares(&[3_000, -2_000], 1_000), ["300.0 %", "−200.0 %"]);
        assert_eq!(shares(&[5_000_001, -5_000_000, 0], 1), ["5,000,001 ×", "−5,000,000 ×", "–"]);
        assert_eq!(shares(&[5, -5], 0), ["–", "–"]);
        assert_eq!(shares(&[1, 999_999], 1_000_000), ["<0.1 %", "100 %"]);
    }
}
