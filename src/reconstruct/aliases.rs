//! Ids that no name speaks of (`uid`, `http_id`, `origin`): they are requests' where their values are those of a field that is known to name requests
//! (`reconstruction.md` 2.3, unknown label of strong shape).
//!
//! Values are compared by their hashes among those that both fields kept; random values do not meet by chance. But the id of a first request may name
//! a conversation or a session from then on: so each value must live within the time of its request, without one exception. A service that knows its
//! requests by name is left as it is.
//! Guarantees: a pure function of the statistics; what is not told so is no id of work. That an id stands on one record of an answer each was tried and
//! proves nothing: so does what is created once and seldom looked at.

use crate::{
    model::{id::IdKind, profile::RoleDecision},
    reconstruct::{
        fields::{Field, Value},
        roles,
    },
};
use std::collections::BTreeMap;

/// Fewest values two fields must both have kept.
const SHARED: usize = 5;
/// How far from its request's own lines an id may stand: before (clocks), and behind (a queue).
const BEFORE_NS: i64 = 1_000_000_000;
const BEHIND_NS: i64 = 10_000_000_000;

type ByService = BTreeMap<String, BTreeMap<String, Field>>;

/// Gives fields whose names say nothing, or that of a group, the kind that their values show.
pub(super) fn decide(fields: &ByService, decisions: &mut [RoleDecision]) {
    let field_of = |d: &RoleDecision| fields.get(&d.service)?.get(&d.label);
    let is_known = |d: &&RoleDecision| matches!(d.kind, IdKind::Request | IdKind::Trace);
    let known: Vec<(IdKind, u64, String, &Field)> =
        decisions.iter().filter(is_known).filter_map(|d| Some((d.kind, d.lines, format!("{} in {}", d.label, d.service), field_of(d)?))).collect();
    for at in 0..decisions.len() {
        let d = &decisions[at];
        if !matches!(d.kind, IdKind::Other | IdKind::Group) || knows_its_requests(d, decisions) {
            continue;
        }
        let Some(field) = field_of(d).filter(|field| !field.values.values().any(Value::meets_many)) else { continue };
        let same = known.iter().filter(|(.., other)| holds(other, field));
        if let Some((kind, _, name, _)) = same.max_by_key(|(_, lines, name, _)| (*lines, std::cmp::Reverse(name.clone()))) {
            decisions[at].kind = *kind;
            decisions[at].why = format!("its values are those of {name}");
        }
    }
}

/// The service has a request id by name.
fn knows_its_requests(d: &RoleDecision, all: &[RoleDecision]) -> bool {
    all.iter().any(|other| other.service == d.service && roles::is_work(other.by_name) && roles::level(other.by_name) == 0 && other.lines * 4 > d.lines)
}

/// The values of a field are those of another, each within its time.
fn holds(whole: &Field, part: &Field) -> bool {
    if std::ptr::eq(whole, part) {
        return false;
    }
    let reach = whole.reach().min(part.reach());
    let values = || part.values.range(..=reach);
    let all = values().count();
    let shared = || values().filter_map(|(hash, value)| Some((value, whole.values.get(hash)?)));
    all >= SHARED && shared().count() * 10 >= all * 9 && shared().all(|(value, known)| is_within(value, known))
}

fn is_within(value: &Value, known: &Value) -> bool {
    value.span.zip(known.span).is_some_and(|((from, to), (first, last))| from >= first.saturating_sub(BEFORE_NS) && to <= last.saturating_add(BEHIND_NS))
}

#[cfg(test)]
mod tests {
    use crate::{
        model::{
            entry::Entry,
            id::{IdKind, IdRef, IdRelation},
            time::Instant,
        },
        reconstruct::learn::Learned,
    };
    use std::collections::BTreeMap;

    fn line(service: &str, kind: IdKind, label: &str, n: u64) -> Entry {
        let value = format!("awzz{}DjPdycPdq_cOzKJ{}", (b'A' + (n % 26) as u8) as char, 10_000 + n);
        let id = IdRef { kind, relation: IdRelation::Own, label: label.into(), value: value.as_str().into(), scope: None, listed: false };
        let time = Some(Instant { unix_ns: n as i64 * 1_000_000_000, quantum_ns: 1, naive: false });
        Entry { source: service.into(), service: Some(service.into()), time, ids: vec![id], ..Entry::default() }
    }

    fn decided(lines: impl IntoIterator<Item = Entry>) -> BTreeMap<String, IdKind> {
        let mut learned = Learned::default();
        lines.into_iter().for_each(|entry| learned.observe(&entry));
        learned.profile().roles.into_values().map(|d| (format!("{} {}", d.service, d.label), d.kind)).collect()
    }

    fn found(fields: &[(&str, IdKind)]) -> BTreeMap<String, IdKind> {
        fields.iter().map(|(field, kind)| ((*field).to_owned(), *kind)).collect()
    }

    #[test]
    fn a_field_names_the_requests_whose_values_it_holds() {
        let all = (0..30).flat_map(|n| [line("app", IdKind::Request, "req_ref", n), line("edge", IdKind::Group, "uid", n), line("worker", IdKind::Other, "origin", n)]);
        assert_eq!(decided(all), found(&[("edge uid", IdKind::Request), ("worker origin", IdKind::Request)]));
        let some = (0..40).flat_map(|n| [line("app", IdKind::Request, "request_id", n), line("mail", IdKind::Group, "session_id", n * 2)]);
        assert_eq!(decided(some), found(&[]), "some requests bear the number of a session");
    }

    #[test]
    fn a_conversation_named_after_its_first_request_is_none() {
        let late = |n: u64, after_s: i64| {
            let mut line = line("memory", IdKind::Other, "root_event", n);
            line.time.as_mut().unwrap().unix_ns += after_s * 1_000_000_000;
            line
        };
        let all = (0..30).flat_map(|n| [line("app", IdKind::Request, "request_id", n), late(n, 1), late(n, if n == 17 { 100 } else { 2 })]);
        assert_eq!(decided(all), found(&[]), "one of them goes on");
    }

    #[test]
    fn what_names_other_tasks_is_none_of_them() {
        let runs = (1..60).map(|n| {
            let mut run = line("worker", IdKind::Task, "job_id", n);
            run.ids.extend(line("worker", IdKind::Other, "since", n - 1).ids);
            run
        });
        assert_eq!(decided(runs), found(&[]));
    }

    #[test]
    fn beside_its_own_request_a_service_names_another_one() {
        let all = (0..40).flat_map(|n| {
            let mut calls = line("review", IdKind::Request, "request_id", n);
            calls.ids.extend(line("review", IdKind::Other, "dispatched", n + 1_000).ids);
            [calls, line("store", IdKind::Request, "request_id", n + 1_000)]
        });
        assert_eq!(decided(all), found(&[]));
    }
}
