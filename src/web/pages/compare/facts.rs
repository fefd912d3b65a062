//! Who the two are: what differs before any time does, then state, begin and totals.
//!
//! Guarantees: versions that differ stand first and are marked in words; a fact neither side has is left out.

use super::{href, own_id};
use crate::{
    model::{summary::Typical, trace::Trace},
    web::{
        format,
        pages::parts::{self, StateView},
    },
};

/// Names listed of many.
const NAMES: usize = 5;

/// Both sides.
pub struct Facts {
    /// The heads of the two columns.
    pub who: [Who; 2],
    /// Facts.
    pub rows: Vec<Fact>,
}

/// A side.
pub struct Who {
    /// Letter.
    pub letter: char,
    /// Its id, or what stands in its place.
    pub id: String,
    /// Scope of a weak id.
    pub scope: String,
    /// Its page.
    pub href: Option<String>,
}

/// One fact of both.
pub struct Fact {
    /// Name.
    pub name: &'static str,
    /// In A and in B.
    pub cells: [Cell; 2],
    /// They differ where likeness is expected.
    pub differs: bool,
}

/// A fact of one side.
#[derive(Clone, PartialEq, Eq)]
pub struct Cell {
    /// Text.
    pub text: String,
    /// Shape of a state.
    pub shape: &'static str,
    /// Colour class of a state.
    pub class: &'static str,
}

fn cell(text: String) -> Cell {
    Cell { text, shape: "", class: "" }
}

fn who(letter: char, trace: &Trace) -> Who {
    let (id, scope) = own_id(trace);
    Who { letter, id: id.to_owned(), scope: scope.unwrap_or_default().to_owned(), href: Some(href(trace)) }
}

/// Of two requests.
pub fn of_two(traces: [&Trace; 2]) -> Facts {
    let [a, b] = traces;
    let versions = [("models", [&a.models, &b.models]), ("prompts", [&a.prompt_versions, &b.prompt_versions]), ("configuration", [&a.config_versions, &b.config_versions])]
        .map(|(name, lists)| fact(name, lists.map(|l| cell(listed(l))), lists[0] != lists[1]));
    let route = fact("route", traces.map(|t| cell(t.route.clone().unwrap_or_default())), a.route != b.route);
    let (differing, alike): (Vec<Fact>, Vec<Fact>) = versions.into_iter().chain([route]).partition(|f| f.differs);
    let mut rows = differing;
    rows.push(fact("state", traces.map(state), a.state != b.state || a.status != b.status));
    rows.extend(plain().into_iter().map(|(name, of)| fact(name, traces.map(|t| cell(of(t))), false)));
    rows.extend(alike);
    rows.retain(|f| f.cells.iter().any(|c| !c.text.is_empty()));
    rows.iter_mut().for_each(name_what_is_absent);
    Facts { who: [who('A', a), who('B', b)], rows }
}

/// Of a request and what is usual.
pub fn of_usual(trace: &Trace, typical: Option<Typical>) -> Facts {
    let other = |text: Option<String>| cell(text.unwrap_or_default());
    let median = typical.map(|t| format!("median {}, 95th percentile {}", format::length(t.p50_ns), format::length(t.p95_ns)));
    let route = cell(trace.route.clone().unwrap_or_default());
    let mut rows = vec![fact("route", [route.clone(), route], false), fact("state", [state(trace), other(None)], false)];
    // Of what is spent, only times are known of the others.
    rows.extend(plain().into_iter().take(3).map(|(name, of)| {
        let usual = if name == "to completion" { median.clone() } else { None };
        fact(name, [cell(of(trace)), other(usual)], false)
    }));
    rows.retain(|f| f.cells.iter().any(|c| !c.text.is_empty()));
    rows.iter_mut().for_each(name_what_is_absent);
    let of = typical.map(|t| format!(", of {}", format::counted(t.n, "finished request", "finished requests"))).unwrap_or_default();
    let usual = Who { letter: 'B', id: format!("what is usual on its route{of}"), scope: String::new(), href: None };
    Facts { who: [who('A', trace), usual], rows }
}

fn fact(name: &'static str, cells: [Cell; 2], differs: bool) -> Fact {
    Fact { name, cells, differs }
}

fn name_what_is_absent(fact: &mut Fact) {
    fact.cells.iter_mut().filter(|c| c.text.is_empty()).for_each(|c| format::NONE.clone_into(&mut c.text));
}

/// Facts that are expected to differ.
fn plain() -> [(&'static str, fn(&Trace) -> String); 6] {
    [
        ("start (UTC)", |t| t.start.map(format::instant).unwrap_or_default()),
        ("to response", |t| t.response_ns.map(format::length).unwrap_or_default()),
        ("to completion", |t| t.completion_ns.map(format::length).unwrap_or_default()),
        ("retries", |t| if t.verdict.retries > 0 { format::count(u64::from(t.verdict.retries)) } else { String::new() }),
        ("tokens", tokens),
        ("cost", |t| t.cost_usd.map(format::cost).unwrap_or_default()),
    ]
}

fn tokens(trace: &Trace) -> String {
    let side = |n: Option<u64>| n.map_or_else(|| format::NONE.to_owned(), format::count);
    trace.tokens.map(|t| format!("{} in, {} out", side(t.input), side(t.output))).unwrap_or_default()
}

fn state(trace: &Trace) -> Cell {
    let StateView { shape, class, words } = parts::state_view(trace.state, trace.status, trace.verdict.serving, trace.verdict.degraded);
    let marks = trace.marks.iter().map(|m| format!(" · {m}")).collect::<String>();
    Cell { text: format!("{words}{marks}"), shape, class }
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMES).map(|n| format::head(n, 60)).collect::<Vec<_>>().join(", ");
    if names.len() > NAMES { format!("{shown} and {} more", names.len() - NAMES) } else { shown }
}
