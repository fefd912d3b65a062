//! Which unit is whose parent: rules L1 to L7 of `reconstruction.md` 2.4, decided from the lines that carry the unit's id.
//!
//! Guarantees: every parent comes with the line that proves it; group ids, nil values and unscoped weak ids never link; a unit two
//! different requests claim equally is *shared* and expanded in neither. It never uses time across sources.

use crate::{
    model::{
        id::{ARGUMENT, IN_PATH, IdKind, IdRelation, names_caller},
        trace::{LineRef, LinkRule},
    },
    reconstruct::{
        item::{Item, Standing, WorkRef},
        makers,
        roles::{CALL_LEVEL, level},
        words::Verb,
    },
};
use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What is said within this part of a run may be said late of its begin.
const SOON: i64 = 16;
/// Stands in the key of an id that counts only within its scope.
const SCOPED: char = '\u{1f}';

/// A parent with its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentLink {
    /// The parent's key.
    pub parent: Arc<str>,
    /// The parent's kind.
    pub kind: IdKind,
    /// The rule.
    pub rule: LinkRule,
    /// The proving lines, at most three.
    pub lines: Vec<LineRef>,
}

/// What the lines of a unit say of its parent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parentage {
    /// Candidates, best first. The first one whose unit exists is the tree parent.
    pub candidates: Vec<ParentLink>,
    /// Two or more requests claim it equally, or several units what may be two things of one number. Names of one request are one.
    pub shared: Vec<Arc<str>>,
    /// It is a call: those that claim it may stand below each other in any order.
    pub is_call: bool,
    /// A number that two services both ran from begin to end: two things of two products, whoever claims it.
    pub run_by_two: bool,
    /// Requests that only asked about it (its id stands in their path).
    pub polled_by: Vec<Arc<str>>,
}

/// Ranks a rule: stated parent, then hand-over by the child's own line or an enqueue, then stated root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    StatedParent,
    HandOver,
    Near,
    Root,
    /// Two names of one call: where nothing else is said, the one on fewer lines is a part of the other.
    SameCall,
    Member,
    /// Many tasks of the name show it, this one's own lines do not: it holds where nothing else is said.
    Argument,
}

struct Claim {
    weight: Weight,
    rule: LinkRule,
    kind: IdKind,
    /// The claiming line says enqueue, or is the child's own start.
    firm: bool,
    /// It says enqueue.
    queued: bool,
    lines: Vec<(Option<i64>, LineRef)>,
}

/// Requests whose lines name a task, by what they were asked for.
#[derive(Debug, Default)]
pub struct Askers {
    /// Their path holds the task's id.
    pub by_path: BTreeSet<Arc<str>>,
    /// They were asked for by somebody: a line tells of their own path.
    pub served: BTreeSet<Arc<str>>,
}

/// Decides the parentage of `unit` from every line that carries its id. `line_count` tells how many lines carry another id: of two
/// ids of one level that stand side by side, the one on more lines is above the other.
pub fn parentage(unit: &str, kind: IdKind, items: &[&Item], askers: &Askers, line_count: &mut dyn FnMut(&Arc<str>) -> u64) -> Parentage {
    let mut claims: BTreeMap<Arc<str>, Claim> = BTreeMap::new();
    let mut polled: Vec<Arc<str>> = Vec::new();
    // A trace may have been opened inside a task (a gateway's own): then no line of it names a request, which those of whoever polls do.
    let inner = kind == IdKind::Trace && items.iter().all(|i| i.refs.iter().all(|r| r.kind != IdKind::Request));
    let about = About { kind, inner, items, at_work: OnceCell::new() };
    for item in items {
        let Some(own) = item.reference(unit) else { continue };
        if asks_about(item, own) {
            polled.extend(item.refs.iter().filter(|r| r.kind == IdKind::Request && &*r.key != unit).map(|r| r.key.clone()));
            continue;
        }
        for (other, weight, rule) in parents_on_line(item, own, &about, line_count) {
            let firm = matches!(item.verb, Verb::Queue | Verb::Take | Verb::Begin) || item.entry.job.as_ref().is_some_and(|j| j.delay.is_some());
            let claim = claims.entry(other.key.clone()).or_insert(Claim { weight, rule, kind: other.kind, firm: false, queued: false, lines: Vec::new() });
            if weight < claim.weight {
                (claim.weight, claim.rule) = (weight, rule);
                claim.lines.clear();
            }
            claim.firm |= firm;
            claim.queued |= item.verb == Verb::Queue;
            if weight == claim.weight {
                claim.lines.push((item.time_ns, item.line.clone()));
            }
        }
    }
    // A name on the lines of several calls is of none of them: a cached answer's, or one that is spoken of again.
    if claims.values().filter(|claim| claim.weight == Weight::SameCall).count() > 1 {
        claims.retain(|_, claim| claim.weight != Weight::SameCall);
    }
    // An argument is the parent only where nothing else says what the unit is done for, be it of something that no line shows.
    if claims.values().any(|claim| claim.weight < Weight::Argument) {
        claims.retain(|_, claim| claim.weight < Weight::Argument);
    }
    let order = makers::order(unit, items, &claimants(kind, &claims, &polled));
    for later in order.later {
        claims.retain(|key, claim| claim.weight <= Weight::StatedParent || *key != later);
        polled.push(later);
    }
    if let Some(claim) = order.contested.and_then(|maker| claims.get_mut(&maker)) {
        (claim.firm, claim.queued) = (true, true);
    }
    // What handed it over made it; what only begins beside it (a service that it calls, with a request id of its own) did not.
    if claims.values().any(|claim| claim.queued && claim.kind == IdKind::Request) {
        claims.values_mut().filter(|claim| claim.kind == IdKind::Request && !claim.queued).for_each(|claim| claim.firm = false);
    }
    // Whoever asks about work later names it beside its own id, also on lines without the path.
    let has_firm = claims.values().any(|claim| claim.firm && claim.kind == IdKind::Request);
    let requests = claims.values().filter(|claim| claim.kind == IdKind::Request).count();
    // The one whose path names what it makes (`PUT /exports/7`) made it, if nobody spoke of it before.
    let was_there = |key: &Arc<str>| {
        let first = |of: bool| items.iter().filter(|item| item.reference(key).is_some() == of).filter_map(|item| item.time_ns).min();
        first(false).zip(first(true)).is_some_and(|(others, own)| others < own)
    };
    let only_asks = |key: &Arc<str>| (askers.by_path.contains(key) && (requests > 1 || was_there(key))) || (has_firm && askers.served.contains(key));
    polled.extend(claims.iter().filter(|(key, claim)| !claim.firm && claim.weight != Weight::Member && only_asks(key)).map(|(key, _)| key.clone()));
    // A request whose lines name the id only because its path does asked about it; any line of it counts.
    claims.retain(|key, claim| claim.weight <= Weight::StatedParent || !polled.contains(key));
    Parentage { run_by_two: run_by_two(unit, items), ..settle(kind, kind == IdKind::Task && unit.contains(SCOPED), claims, polled) }
}

/// Requests of which one made a task, or a call that is nobody else's.
fn claimants(kind: IdKind, claims: &BTreeMap<Arc<str>, Claim>, polled: &[Arc<str>]) -> BTreeSet<Arc<str>> {
    if !matches!(kind, IdKind::Task | IdKind::Call) {
        return BTreeSet::new();
    }
    let polled: BTreeSet<&Arc<str>> = polled.iter().collect();
    let may = |key: &Arc<str>, claim: &Claim| claim.kind == IdKind::Request && matches!(claim.weight, Weight::HandOver | Weight::Near | Weight::Root) && !polled.contains(key);
    claims.iter().filter(|(key, claim)| may(key, claim)).map(|(key, _)| key.clone()).collect()
}

/// A queue's number is brought to a good end by the one service that works on that queue; another may try again what failed.
fn run_by_two(unit: &str, items: &[&Item]) -> bool {
    if !unit.contains(SCOPED) {
        return false;
    }
    let (mut seen, mut well): (BTreeMap<&str, (bool, bool)>, u32) = (BTreeMap::new(), 0);
    for item in items.iter().filter(|i| i.subject().is_some_and(|s| *s.key == *unit) || i.refs.iter().any(|r| *r.key == *unit && r.relation == IdRelation::Own && !r.listed)) {
        let (began, ended) = seen.entry(item.service()).or_default();
        *began |= item.verb.is_start();
        *ended |= item.verb.is_terminal();
        well += u32::from(item.verb == Verb::End);
    }
    // What one failed another may have tried again, under a higher number.
    let tried_again = items.iter().any(|i| i.entry.attempt.as_ref().is_some_and(|a| a.number > 1)) && well < 2;
    seen.values().filter(|(began, ended)| *began && *ended).count() > 1 && !tried_again
}

/// The request's own path names the id: it knew it before, so it cannot have created it (a poll).
pub fn asks_about(item: &Item, own: &WorkRef) -> bool {
    own.label.as_ref() == IN_PATH || item.entry.http.as_ref().and_then(|h| h.path.as_deref()).is_some_and(|path| names(path, own))
}

/// A path names the unit; the number that a server counts a request by stands in none.
pub fn names(path: &str, own: &WorkRef) -> bool {
    let is_counted = own.kind == IdKind::Request && own.scope.is_some();
    !is_counted && stands_in(path, &own.value)
}

/// A path holds an id as a whole piece of it.
pub fn stands_in(path: &str, id: &str) -> bool {
    let ends = |text: &str| !text.chars().next().is_some_and(char::is_alphanumeric);
    let begins = |text: &str| !text.chars().next_back().is_some_and(char::is_alphanumeric);
    id.len() <= path.len() && path.match_indices(id).any(|(at, value)| begins(&path[..at]) && ends(&path[at + value.len()..]))
}

fn parents_on_line<'a>(item: &'a Item, own: &WorkRef, about: &About<'_>, line_count: &mut dyn FnMut(&Arc<str>) -> u64) -> Vec<(&'a WorkRef, Weight, LinkRule)> {
    let mut out = Vec::new();
    let (subject, kind) = (item.subject(), about.kind);
    match own.relation {
        IdRelation::Parent | IdRelation::RetryOf => return out,
        IdRelation::Child => {
            if let Some(subject) = subject.filter(|s| s.key != own.key) {
                out.push((subject, Weight::StatedParent, LinkRule::StatedParent));
            }
            return out;
        }
        // What a line lists of calls (the tools a model asked for) is made by its unit, unless a line of the call's own says otherwise: the next turn
        // lists it too.
        IdRelation::Own if own.listed && level(kind) == CALL_LEVEL => {
            if let Some(maker) = subject.filter(|s| s.key != own.key) {
                out.push((maker, Weight::Member, LinkRule::HandOver));
            }
            return out;
        }
        IdRelation::Own if own.listed => {
            if let Some(subject) = subject.filter(|s| s.key != own.key && level(s.kind) <= level(kind)) {
                out.push((subject, Weight::Member, LinkRule::Batch));
            }
            return out;
        }
        IdRelation::Own => {}
    }
    let is_subject = subject.is_some_and(|s| s.key == own.key);
    let is_request = |r: &WorkRef| r.kind == IdKind::Request && r.relation == IdRelation::Own && !r.listed;
    for other in item.refs.iter().filter(|r| r.key != own.key) {
        match other.relation {
            IdRelation::Parent if is_subject && &*other.label == ARGUMENT => out.push((other, Weight::Argument, LinkRule::StatedParent)),
            // What called a request is above it, and so above all that the line names.
            IdRelation::Parent if names_caller(&other.label) && item.refs.iter().any(is_request) && !is_request(own) => {}
            IdRelation::Parent if names_caller(&other.label) && is_request(own) => out.push((other, Weight::StatedParent, LinkRule::StatedParent)),
            // The parent label speaks of the line's subject, and of ids of its own level beside it.
            IdRelation::Parent if &*other.label != ARGUMENT && (is_subject || level(other.kind) == level(kind)) => out.push((other, Weight::StatedParent, LinkRule::StatedParent)),
            IdRelation::Own if !other.listed => {
                if let Some((weight, rule)) = beside(item, own, about, other, subject, line_count) {
                    out.push((other, weight, rule));
                }
            }
            _ => {}
        }
    }
    out
}

/// The unit whose parents are looked for.
struct About<'a> {
    kind: IdKind,
    /// A trace that may have been opened inside a task.
    inner: bool,
    /// Every line that carries its id.
    items: &'a [&'a Item],
    /// Made when it is first asked for: few units are handed over by a line that names another.
    at_work: OnceCell<AtWork<'a>>,
}

/// When each service first said that the unit began, and the last that is said of it.
struct AtWork<'a> {
    begun: BTreeMap<&'a str, i64>,
    last: Option<i64>,
}

impl About<'_> {
    /// The service that wrote the line had said well before that the unit began: what is handed over may be at work before that is said.
    fn was_at_work(&self, item: &Item, own: &WorkRef) -> bool {
        let AtWork { begun, last } = self.at_work.get_or_init(|| at_work(self.items, own));
        let Some(((begun, at), last)) = begun.get(item.service()).copied().zip(item.time_ns).zip(*last) else { return false };
        begun < at && at - begun > (last - begun) / SOON
    }
}

fn at_work<'a>(items: &'a [&'a Item], own: &WorkRef) -> AtWork<'a> {
    let mut said = AtWork { begun: BTreeMap::new(), last: None };
    for item in items.iter().filter(|i| i.reference(&own.key).is_some_and(|r| r.relation == IdRelation::Own && !r.listed)) {
        let Some(time) = item.time_ns else { continue };
        said.last = said.last.max(Some(time));
        if item.verb.is_start() {
            said.begun.entry(item.service()).and_modify(|begun| *begun = time.min(*begun)).or_insert(time);
        }
    }
    said
}

/// Two own ids on one line: is `other` above `own`?
fn beside(item: &Item, own: &WorkRef, about: &About<'_>, other: &WorkRef, subject: Option<&WorkRef>, line_count: &mut dyn FnMut(&Arc<str>) -> u64) -> Option<(Weight, LinkRule)> {
    let kind = about.kind;
    let (mine, theirs) = (level(kind), level(other.kind));
    if gives(item, other, own) {
        return Some((Weight::HandOver, LinkRule::HandOver));
    }
    if gives(item, own, other) {
        return None;
    }
    if theirs < mine {
        // A trace that stands on fewer lines than the task beside it was opened inside the task (a gateway's own), not above it.
        if other.kind == IdKind::Trace && kind == IdKind::Task && line_count(&other.key) < line_count(&own.key) {
            return None;
        }
        // A span that also speaks of its request without the task is the request's: the task was handed over inside it.
        let without = |i: &&Item| i.reference(&other.key).is_none() && i.refs.iter().any(|r| level(r.kind) == 0 && r.relation == IdRelation::Own);
        if kind == IdKind::Span && other.kind == IdKind::Task && about.items.iter().any(without) {
            return None;
        }
        return Some(if theirs == 0 { (Weight::Root, LinkRule::StatedRoot) } else { (Weight::Near, LinkRule::HandOver) });
    }
    if theirs > mine {
        let inside = about.inner && !asks_about(item, other) && other.kind == IdKind::Task;
        return inside.then_some((Weight::Root, LinkRule::HandOver));
    }
    if mine == 0 {
        // Request beside request (edge and app), or request beside trace: the one on more lines is above; the key breaks ties.
        let (a, b) = (line_count(&own.key), line_count(&other.key));
        return (b > a || (a == b && other.key < own.key)).then_some((Weight::Root, LinkRule::HandOver));
    }
    if kind == IdKind::Call || kind == IdKind::Tool {
        // Two names of one call stand side by side under its unit. A provider's name for an attempt, on a line that names no more, is of the call.
        let (a, b) = (line_count(&own.key), line_count(&other.key));
        return (kind == IdKind::Call && other.kind == IdKind::Call && (b > a || (a == b && other.key < own.key))).then_some((Weight::SameCall, LinkRule::HandOver));
    }
    // What was at work already is handed over by nothing.
    if item.verb == Verb::Queue && about.was_at_work(item, own) {
        return None;
    }
    // A run is made of the jobs and messages that name it.
    match (names_run(&own.label), names_run(&other.label)) {
        (false, true) => return Some((Weight::HandOver, LinkRule::HandOver)),
        (true, false) => return None,
        _ => {}
    }
    // Rule L4: the line's subject hands over to the other id.
    // A scoped id beside a strong one of its level is what was handed over, never the one who hands over.
    let may_hand = other.scope.is_none() || own.scope.is_some();
    let named = is_id_of(&own.label, &other.label);
    let handed = subject.is_some_and(|s| s.key == other.key) || (item.verb == Verb::Queue && may_hand && !named && other.label.len() < own.label.len());
    handed.then_some((Weight::HandOver, LinkRule::HandOver))
}

/// Rule L4 where the names would say the opposite: a line about `from` that calls or enqueues names, once, an id of a kind above its own
/// or of the same. What the kinds say holds where the data is silent, and a request is never handed over by what it asked for.
fn gives(item: &Item, from: &WorkRef, to: &WorkRef) -> bool {
    from.standing == Standing::Main && to.standing == Standing::Handed && matches!(item.verb, Verb::Queue | Verb::Begin) && (1..=level(from.kind)).contains(&level(to.kind))
}

/// `run_id`, `workflow.run`: the whole that tasks are parts of.
fn names_run(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).any(|word| matches!(word, "run" | "runid" | "workflow" | "workflowid" | "flow"))
}

/// `message_id` beside `message`: the field that says id is the line's own, the bare noun is what the sentence speaks of.
pub fn is_id_of(label: &str, noun: &str) -> bool {
    label.strip_suffix("id").and_then(|l| l.strip_suffix(['_', '.', '-'])).is_some_and(|l| l.eq_ignore_ascii_case(noun))
}

fn settle(kind: IdKind, is_number: bool, claims: BTreeMap<Arc<str>, Claim>, polled: Vec<Arc<str>>) -> Parentage {
    let mut list: Vec<(Arc<str>, Claim)> = claims.into_iter().collect();
    for (_, claim) in &mut list {
        claim.lines.sort_by(|a, b| (a.0.is_none(), a.0, &a.1).cmp(&(b.0.is_none(), b.0, &b.1)));
    }
    // Different requests that claim it: firm claims (enqueue, or the child's own first line) beat mere mentions.
    let requests = |firm_only: bool| {
        list.iter().filter(|(_, c)| c.kind == IdKind::Request && c.weight != Weight::Member && (!firm_only || c.firm)).map(|(k, _)| k.clone()).collect::<Vec<_>>()
    };
    let (all, firm) = (requests(false), requests(true));
    let has_near = list.iter().any(|(_, c)| c.weight < Weight::Root);
    let mut shared = Vec::new();
    if all.len() > 1 && !has_near {
        if !firm.is_empty() {
            list.retain(|(k, c)| c.kind != IdKind::Request || firm.contains(k));
        }
        // Several may be names of one request, which only their own lines tell.
        shared = if firm.is_empty() { all.clone() } else { firm };
        if shared.len() == 1 {
            shared.clear();
        }
    }
    // So is a call that several tasks name, if they are of several requests: what a provider calls a batch of them.
    if kind == IdKind::Call && shared.is_empty() {
        // And one that a server answered to a request, which nothing ties to the task that names it: a judge's, a report's.
        let tasks = || list.iter().filter(|(_, c)| c.kind == IdKind::Task && matches!(c.weight, Weight::HandOver | Weight::Near)).map(|(k, _)| k.clone());
        if tasks().count() > 0 && tasks().count() + all.len() > 1 {
            shared = tasks().chain(all.iter().cloned()).collect();
        }
    }
    // A number that counts in a queue names two things when two products have a queue of that name: tasks that claim it and have nothing
    // to do with each other say so.
    if is_number && shared.is_empty() && list.len() > 1 {
        shared = list.iter().filter(|(_, c)| c.weight != Weight::Member).map(|(k, _)| k.clone()).collect();
    }
    list.sort_by(|(ka, a), (kb, b)| {
        let first = |c: &Claim| c.lines.first().map(|(t, l)| (t.is_none(), *t, l.clone()));
        (a.weight, !a.firm, first(a), ka).cmp(&(b.weight, !b.firm, first(b), kb))
    });
    // Iterated by reference: what is collected from the lists themselves keeps their room, of every unit.
    let lines = |claim: &Claim| claim.lines.iter().take(3).map(|(_, line)| line.clone()).collect();
    let candidates = list.iter().map(|(parent, claim)| ParentLink { parent: parent.clone(), kind: claim.kind, rule: claim.rule, lines: lines(claim) }).collect();
    let mut polled_by = polled;
    polled_by.sort();
    polled_by.dedup();
    Parentage { candidates, shared, is_call: kind == IdKind::Call, polled_by, run_by_two: false }
}
