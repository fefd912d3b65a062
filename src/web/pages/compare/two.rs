//! The page of two requests.
//!
//! Guarantees: sentence, bars and table come from one [`Comparison`]; what makes the two hard to compare is said before the figures.

use super::{
    ComparePage, bars,
    bars::Stack,
    facts, href, own_id,
    parts::{self, Steps},
    words,
};
use crate::{
    analyse::compare::{Comparison, compare},
    model::trace::{State, Trace},
    web::{
        chrome::Chrome,
        format,
        links::{self, TYPICAL},
    },
};

/// The page.
pub fn page(chrome: Chrome, traces: [&Trace; 2]) -> ComparePage {
    let [a, b] = traces;
    let c = compare(a, b);
    let steps = [Steps::new(a), Steps::new(b)];
    let (of_a, of_b) = (own_id(a), own_id(b));
    let stack = |words, t: &Trace| Stack { words, kinds: bars::kinds(&t.completion), total_ns: t.completion.total_ns };
    ComparePage {
        chrome,
        title: format!("{} and {}", format::head(of_a.0, 20), format::head(of_b.0, 20)),
        sentence: words::of_two(&c, traces.map(href), largest_step(&c, &steps)),
        notices: notices(traces),
        ways: vec![
            ("swap A and B", links::compare("", of_b, of_a)),
            ("compare A with typical", links::compare("", of_a, (TYPICAL, None))),
            ("compare B with typical", links::compare("", of_b, (TYPICAL, None))),
        ],
        json: links::compare(".json", of_a, of_b),
        facts: facts::of_two(traces),
        bars: bars::bars([stack("A", a), stack("B", b)]),
        table: (!c.rows.is_empty()).then(|| parts::of_two(&c, &steps)),
    }
}

/// The step of the largest part, in the side that has more of it.
fn largest_step(c: &Comparison, steps: &[Steps<'_>; 2]) -> Option<String> {
    let row = &c.rows[c.largest?];
    let hrefs = [steps[0].href(row.a.as_ref()), steps[1].href(row.b.as_ref())];
    let [a, b] = hrefs;
    if row.difference_ns > 0 { b.or(a) } else { a.or(b) }
}

fn notices(traces: [&Trace; 2]) -> Vec<String> {
    let mut out = Vec::new();
    if let [Some(a), Some(b)] = traces.map(|t| t.route.as_deref())
        && a != b
    {
        out.push("The two took different routes. Their parts are compared by stage and order all the same.".to_owned());
    }
    for (trace, letter) in traces.into_iter().zip(super::LETTERS) {
        out.extend(unclear(trace, letter));
    }
    out
}

/// What makes the times of a request less than the whole.
pub fn unclear(trace: &Trace, letter: char) -> Vec<String> {
    let mut out = Vec::new();
    if trace.completion.total_ns == 0 && !trace.spans.iter().any(|s| s.end.is_some()) {
        out.push(format!("No line of {letter} states how long anything took."));
    } else if trace.state == State::Unfinished || trace.spans.iter().any(|s| s.unfinished) {
        out.push(format!("{letter} is not seen to end: what was seen so far is compared."));
    }
    if !trace.missing.is_empty() {
        let n = trace.missing.len() as u64;
        out.push(format!("{} of {letter} was handed over to and not seen: its time is not in these figures.", format::counted(n, "stage", "stages")));
    }
    out
}
