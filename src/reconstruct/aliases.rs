//! Ids that no name speaks of (`uid`, `http_id`, `origin`, `ctx`): what they are is told by what their values are elsewhere (`reconstruction.md` 2.3,
//! unknown label of strong shape).
//!
//! Two rules. An id that stands on one record of an answer each is that of the request which was answered. A field whose values are those of a field
//! that is known as work names the same work. Values are compared by their hashes among those that both fields kept; random values do not meet by chance.
//! Guarantees: a pure function of the statistics. A name that says what it is stays right, but that of a group (`uid` is a user's id and, in Apache, a
//! request's): that it names requests is believed where each value stands beside one at most; so is what stands beside a task, of the tasks there. A service that knows its
//! requests by name is left as it is.

use crate::{
    model::{id::IdKind, profile::RoleDecision},
    reconstruct::{
        fields::{ENOUGH, Field, Value},
        roles,
    },
};
use std::collections::BTreeMap;

/// Fewest values two fields must both have kept.
const SHARED: usize = 5;

type ByService = BTreeMap<String, BTreeMap<String, Field>>;

/// What all fields show of a value.
#[derive(Default)]
struct Shown {
    /// Most records of an answer that one service wrote of it.
    answers: u64,
    lines: u64,
}

/// Gives fields whose names say nothing the kind that their values show.
pub(super) fn decide(fields: &ByService, decisions: &mut [RoleDecision]) {
    let unknown = |d: &RoleDecision| d.kind == IdKind::Other;
    if decisions.iter().any(unknown) {
        let shown = shown(fields);
        for at in 0..decisions.len() {
            let d = &decisions[at];
            let Some(field) = fields.get(&d.service).and_then(|f| f.get(&d.label)).filter(|_| unknown(d)) else { continue };
            if !knows_its_requests(d, decisions) && is_answered(field, &shown) {
                decisions[at].kind = IdKind::Request;
                decisions[at].why = "each value stands on one record of an answer".into();
            }
        }
    }
    let known: Vec<(IdKind, u64, String, &Field)> = decisions
        .iter()
        .filter(|d| matches!(d.kind, IdKind::Request | IdKind::Trace | IdKind::Task))
        .filter_map(|d| Some((d.kind, d.lines, format!("{} in {}", d.label, d.service), fields.get(&d.service)?.get(&d.label)?)))
        .collect();
    for at in 0..decisions.len() {
        let d = &decisions[at];
        let unknown = matches!(d.kind, IdKind::Other | IdKind::Group);
        let Some(field) = fields.get(&d.service).and_then(|f| f.get(&d.label)).filter(|_| unknown) else { continue };
        let is_group = d.kind == IdKind::Group;
        // Beside the request's own id the other is one that it asks for, or asks about.
        if knows_its_requests(d, decisions) {
            continue;
        }
        let never = |many: fn(&Value) -> bool| !field.values.values().any(many);
        let fits = |kind: IdKind| match kind {
            // What stands beside several tasks may be what they have in common: the first of a conversation, a batch.
            IdKind::Task => !is_group && never(Value::meets_many_tasks),
            _ => !is_group || never(Value::meets_many),
        };
        let same = known.iter().filter(|(kind, .., other)| fits(*kind) && holds(other, field));
        if let Some((kind, _, name, _)) = same.max_by_key(|(_, lines, name, _)| (*lines, std::cmp::Reverse(name.clone()))) {
            decisions[at].kind = *kind;
            decisions[at].why = format!("its values are those of {name}");
        }
    }
}

fn shown(fields: &ByService) -> BTreeMap<u64, Shown> {
    let mut out: BTreeMap<u64, Shown> = BTreeMap::new();
    for (hash, value) in fields.values().flat_map(BTreeMap::values).flat_map(|field| &field.values) {
        let known = out.entry(*hash).or_default();
        known.answers = known.answers.max(value.answers);
        known.lines += value.lines;
    }
    out
}

/// The service has a request id by name.
fn knows_its_requests(d: &RoleDecision, all: &[RoleDecision]) -> bool {
    all.iter().any(|other| other.service == d.service && roles::is_work(other.by_name) && roles::level(other.by_name) == 0 && other.lines * 4 > d.lines)
}

/// Nearly every value stands on one record of an answer, hardly any on two, and most on a further line: an entry's own number would not.
fn is_answered(field: &Field, shown: &BTreeMap<u64, Shown>) -> bool {
    let values = || field.values.keys().filter_map(|hash| shown.get(hash));
    let count = |of: &dyn Fn(&Shown) -> bool| values().filter(|v| of(v)).count();
    let all = field.values.len();
    all >= ENOUGH && count(&|v| v.answers == 1) * 10 >= all * 9 && count(&|v| v.answers > 1) * 100 <= all && count(&|v| v.lines > 1) * 2 > all
}

/// The values of a field are those of another.
fn holds(whole: &Field, part: &Field) -> bool {
    if std::ptr::eq(whole, part) {
        return false;
    }
    let reach = whole.reach().min(part.reach());
    let values = || part.values.range(..=reach).map(|(hash, _)| hash);
    let all = values().count();
    all >= SHARED && values().filter(|hash| whole.values.contains_key(hash)).count() * 10 >= all * 9
}

#[cfg(test)]
mod tests {
    use crate::{
        model::{
            entry::{Entry, Http},
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

    fn answer(service: &str, kind: IdKind, label: &str, n: u64) -> Entry {
        let http = Http { method: Some("POST".into()), path: Some("/ask".into()), status: Some(200), access: true, ..Http::default() };
        Entry { http: Some(Box::new(http)), ..line(service, kind, label, n) }
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
    fn an_id_on_one_answer_each_is_a_requests_whatever_it_is_called() {
        // The edge calls it as a user's id is called, the application by a word that says nothing, the worker by another.
        let all = (0..30).flat_map(|n| {
            [answer("edge", IdKind::Group, "uid", n), line("app", IdKind::Other, "ctx", n), line("app", IdKind::Other, "ctx", n), line("worker", IdKind::Other, "origin", n)]
        });
        assert_eq!(decided(all), found(&[("edge uid", IdKind::Request), ("app ctx", IdKind::Request), ("worker origin", IdKind::Request)]));
    }

    #[test]
    fn what_is_looked_at_again_and_the_number_of_a_record_are_no_requests() {
        let document = (0..60).flat_map(|n| [answer("app", IdKind::Other, "doc", n / 2), line("app", IdKind::Other, "doc", n / 2)]);
        assert_eq!(decided(document), found(&[]));
        assert_eq!(decided((0..60).map(|n| answer("edge", IdKind::Other, "entry", n))), found(&[]), "each on one record and nowhere else");
        let few = (0..19).flat_map(|n| [answer("edge", IdKind::Other, "ctx", n), line("app", IdKind::Other, "ctx", n)]);
        assert_eq!(decided(few), found(&[]), "too few");
    }

    #[test]
    fn a_field_names_the_work_whose_values_it_holds() {
        let all = (0..40).flat_map(|n| [line("worker", IdKind::Task, "message_id", n), line("notifier", IdKind::Other, "requested_by", n / 4 * 4)]);
        assert_eq!(decided(all), found(&[("notifier requested_by", IdKind::Task)]));
        // A session is no request, though some requests bear the number of one.
        let some = (0..40).flat_map(|n| [line("app", IdKind::Request, "request_id", n), line("app", IdKind::Group, "session_id", n * 2)]);
        assert_eq!(decided(some), found(&[]));
        // The first message of a conversation stands on the lines of all others.
        let conversations = (0..60).map(|n| {
            let mut message = line("chat", IdKind::Task, "message_id", n);
            message.ids.extend(line("chat", IdKind::Other, "thread_root", n / 6 * 6).ids);
            message
        });
        assert_eq!(decided(conversations), found(&[]));
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
