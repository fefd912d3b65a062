//! The page of one request beside what is usual on its route.
//!
//! Guarantees: fewer than twenty finished requests are no measure, and are counted instead of compared; medians are never made to add up.

use super::{ComparePage, against, bars, bars::Stack, facts, href, own_id, parts, two, words};
use crate::{
    analyse::compare::Against,
    model::trace::SegmentKind,
    query::view::PathView,
    web::{
        chrome::Chrome,
        format,
        links::{self, TYPICAL},
    },
};

/// The page.
pub fn page(chrome: Chrome, view: &PathView) -> ComparePage {
    let trace = &view.trace;
    let own = own_id(trace);
    let against = against(view);
    let sentence = match &against {
        Against::Nothing => words::of_nothing(trace, None, href(trace)),
        Against::TooFew { n } => words::of_nothing(trace, Some(*n), href(trace)),
        Against::Usual(u) => words::of_usual(trace, u, href(trace)),
    };
    let usual = if let Against::Usual(u) = &against { Some(u) } else { None };
    let bars = usual.and_then(|u| {
        let medians: Vec<(SegmentKind, i64)> = u.rows.iter().filter_map(|r| Some((r.kind?, r.p50_ns))).filter(|(_, ns)| *ns > 0).collect();
        bars::bars([Stack { words: "A", kinds: bars::kinds(&trace.completion), total_ns: u.total_ns }, Stack { words: "median", kinds: medians, total_ns: u.typical.p50_ns }])
    });
    let mut ways = vec![("compare A with another request", links::compare("", own, ("", None)))];
    if let Some(route) = trace.route.as_deref() {
        let q = links::with_value("", "route", route);
        ways.push(("the requests of its route", links::ListAddress { q, ..links::ListAddress::default() }.href(None)));
    }
    ComparePage {
        chrome,
        title: format!("{} and what is typical", format::head(own.0, 20)),
        sentence,
        notices: two::unclear(trace, 'A'),
        ways,
        json: links::compare(".json", own, (TYPICAL, None)),
        facts: facts::of_usual(trace, usual.map(|u| u.typical)),
        bars,
        table: usual.map(parts::of_usual),
    }
}
