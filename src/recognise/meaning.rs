//! What the name of a field means, whatever wrote it: roles by the vocabulary, ids and lengths by the words of the name.
//!
//! Pure functions of a dotted path. They never see a value: what a value must look like is checked when a line is read.

use crate::{
    model::id::{IdKind, IdRelation, names_caller},
    recognise::{
        length::Unit,
        names::{components, fold, words},
        role::Role,
        table::{Common, Place},
    },
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// What a path means.
#[derive(Debug, Clone, PartialEq)]
pub enum Meaning {
    /// A role.
    Role(RoleUse),
    /// An id.
    Id(IdUse),
}

/// A role a path may play.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoleUse {
    /// The role.
    pub role: Role,
    /// The lower, the better among the paths of one role.
    pub rank: u32,
    /// Unit the name states.
    pub unit: Option<Unit>,
    /// For attempts: the name counts what came before, from zero.
    pub from_zero: bool,
}

/// What an id's name leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KindRule {
    /// It says the kind.
    Is(IdKind),
    /// Only a relation is said: the kind of the line's own unit.
    AsOwn,
    /// A name that says nothing, with `id`: a task when a queue stands beside it, else unknown.
    Named,
    /// `id` and nothing else.
    Bare,
}

/// An id a path may carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdUse {
    /// Kind.
    pub kind: KindRule,
    /// Relation.
    pub relation: IdRelation,
    /// Last two parts of the path.
    pub label: Arc<str>,
    /// The name is a plural.
    pub listed: bool,
    /// The name says `id`; a name that does not needs a value that looks like one.
    pub says_id: bool,
    /// A queue the name itself speaks of (`webhook_job`).
    pub queue: Option<Box<str>>,
    /// It counts within a run, whatever the queue.
    pub in_run: bool,
    /// The name may also be of what is no id: the value must name a thing by itself.
    pub strong_only: bool,
}

impl IdUse {
    /// What most names say: one id, which may be any value that looks like one.
    pub fn new(kind: KindRule, relation: IdRelation, label: Arc<str>) -> Self {
        Self { kind, relation, label, listed: false, says_id: false, queue: None, in_run: false, strong_only: false }
    }
}

/// Everything a path may mean to the generic rules. `wrappers`: further transparent objects; `owners`: see [`owners`].
pub fn meanings(dotted: &str, common: &Common, wrappers: &FxHashSet<String>, owners: &FxHashSet<String>) -> Vec<Meaning> {
    let all = components(dotted);
    let Some(last) = all.last().copied() else { return Vec::new() };
    let transparent = |c: &str| {
        let folded = fold(c);
        common.wrappers.contains(&folded) || wrappers.contains(&folded)
    };
    // Wrappers around everything; inside, only those that hold nothing but named values (`message.id` is a message's id).
    let lead = all[..all.len() - 1].iter().take_while(|c| transparent(c)).count();
    let pure = |c: &&str| matches!(&*fold(c), "attributes" | "labels" | "fields" | "properties" | "extra" | "metadata" | "meta");
    let mut parts: Vec<&str> = all[lead..all.len() - 1].iter().copied().filter(|c| !(transparent(c) && pure(c))).collect();
    parts.push(last);
    let only_ids = all.iter().any(|c| common.ids_only.contains(&fold(c)));
    let depth = (all.len() - parts.len()) as u32;
    let mut out = if only_ids { Vec::new() } else { roles(&parts, depth, common, owners) };
    if only_ids && fold(last) == "traceparent" {
        out.push(role(Role::Traceparent, 0));
    }
    if let Some(id) = id(&parts, common)
        // What a role says already (a model, a thread, a count of tokens) is no id; a name with `id` in it may be both.
        && (out.is_empty() || (id.says_id && id.kind != KindRule::Is(IdKind::Group)))
        // `latencies.request` is how long the request took.
        && (id.says_id || !parts[..parts.len() - 1].last().is_some_and(|parent| holds_lengths(parent, common)))
    {
        out.push(Meaning::Id(id));
    }
    if !only_ids
        && !out.iter().any(|m| matches!(m, Meaning::Role(r) if is_length(r.role)))
        && let Some(mut length) = length(&parts, common)
    {
        length.rank += depth;
        out.push(Meaning::Role(length));
    }
    out
}

/// An object named by what its members measure.
fn holds_lengths(name: &str, common: &Common) -> bool {
    let folded = fold(name);
    let singular = folded.strip_suffix("ies").map_or_else(|| folded.strip_suffix('s').unwrap_or(&folded).to_owned(), |stem| format!("{stem}y"));
    common.length_nouns.contains(&singular) || common.length_nouns.contains(&folded) || singular == "timing"
}

/// Its value is a length.
pub fn is_length(role: Role) -> bool {
    matches!(role, Role::Duration | Role::FirstToken | Role::QueueWait | Role::Delay | Role::RetryDelay)
}

/// Its value is an instant.
pub fn is_instant(role: Role) -> bool {
    matches!(role, Role::Time | Role::Received | Role::Started | Role::Ended | Role::FirstTokenAt | Role::Enqueued)
}

fn role(role: Role, rank: u32) -> Meaning {
    Meaning::Role(RoleUse { role, rank, unit: None, from_zero: false })
}

fn roles(parts: &[&str], depth: u32, common: &Common, owners: &FxHashSet<String>) -> Vec<Meaning> {
    let folded: Vec<String> = parts.iter().map(|p| fold(p)).collect();
    let mut out = Vec::new();
    if let Some(found) = amount(parts, common) {
        return found.into_iter().map(|found| role(found, 300 + depth)).collect();
    }
    for k in 0..parts.len() {
        let name = folded[k..].concat();
        let Some(found) = common.names.get(&name) else { continue };
        let inside = folded[..k].iter().all(|f| common.is_namespace(f));
        for (role, order) in found {
            let allowed = match common.place(*role) {
                Place::Top => k == 0,
                Place::Near => k == 0 || inside,
                Place::Any => true,
            };
            if allowed {
                let rank = u32::from(*order) * 4 + depth + 60 * k as u32 + if inside { 0 } else { 40 };
                let from_zero = *role == Role::Attempt && common.words.tries_before_this.contains(&name);
                let unit = if is_length(*role) { common.name_units.get(&name).copied() } else { None };
                out.push(Meaning::Role(RoleUse { role: *role, rank, unit, from_zero }));
            }
        }
        if !out.is_empty() {
            return out;
        }
    }
    // `run_attempt`, `fal_app_name`: the name with a word before it. `model_attempt` counts within the work that the line is of.
    let last = words(parts[parts.len() - 1]);
    if parts.len() == 1 && is_attempt(&last, common) {
        out.push(role(Role::Attempt, 400 + depth));
    } else if parts.len() == 1 && is_owned_service(&last, owners) {
        out.push(role(Role::Service, 400 + depth));
    } else if parts.len() == 1 && is_cost(&last, common) {
        out.push(role(Role::Cost, 400 + depth));
    }
    out
}

/// `usageDetails: {input, output, total}`, `tokens: {prompt, completion}`, `costDetails: {total}`: amounts, named by their object. One that
/// plays no role is none of another kind either: a total of tokens is no length.
fn amount(parts: &[&str], common: &Common) -> Option<Option<Role>> {
    let [.., object, last] = parts else { return None };
    let (object, last) = (words(object), last.to_ascii_lowercase());
    let of = |nouns: &FxHashSet<String>| {
        let is_noun = |w: &String| nouns.contains(w);
        object.iter().any(is_noun) && object.iter().all(|w| is_noun(w) || common.words.around_amount.contains(w))
    };
    let in_tokens = || object.iter().any(|w| w.starts_with("token"));
    if of(&common.words.amount_of_tokens) {
        return match &*last {
            "input" | "prompt" => Some(Some(Role::InputTokens)),
            "output" | "completion" => Some(Some(Role::OutputTokens)),
            "in" if in_tokens() => Some(Some(Role::InputTokens)),
            "out" if in_tokens() => Some(Some(Role::OutputTokens)),
            "cached" | "cacheread" | "cache_read" => Some(Some(Role::CachedTokens)),
            "reasoning" => Some(Some(Role::ReasoningTokens)),
            "total" => Some(None),
            _ => None,
        };
    }
    (last == "total" && of(&common.words.amount_of_money)).then_some(Some(Role::Cost))
}

/// `calculatedTotalCost`, `llm_cost_usd`: a cost with words around it that say neither of what part nor for whom.
fn is_cost(words: &[String], common: &Common) -> bool {
    let is_noun = |w: &String| common.words.amount_of_money.contains(w);
    words.iter().any(is_noun) && words.iter().all(|w| is_noun(w) || common.words.around_cost.contains(w))
}

fn is_attempt(words: &[String], common: &Common) -> bool {
    let is_counted = |before: &[String]| !before.is_empty() && before.iter().all(|w| common.words.before_attempt.contains(w));
    match words {
        [before @ .., last] if last == "attempt" => is_counted(before),
        [before @ .., attempt, count] if attempt == "attempt" && matches!(count.as_str(), "number" | "no" | "num" | "count" | "index") => is_counted(before),
        _ => matches!(words, [num, tries] if num == "num" && matches!(tries.as_str(), "tries" | "attempts")),
    }
}

/// The product that writes a line puts its own name before its keys (`fal_app_name` beside `fal_job_id`).
fn is_owned_service(words: &[String], owners: &FxHashSet<String>) -> bool {
    matches!(words, [owner, noun, name] if name == "name" && matches!(noun.as_str(), "app" | "service" | "application") && owners.contains(owner))
}

/// First words that several keys of a line begin with: the name of the product that writes it.
pub fn owners(paths: &[String]) -> FxHashSet<String> {
    let mut counts: FxHashMap<String, u32> = FxHashMap::default();
    for path in paths.iter().filter(|path| !path.contains('.')) {
        if let [first, _, ..] = words(path).as_slice() {
            *counts.entry(first.clone()).or_default() += 1;
        }
    }
    counts.into_iter().filter(|(_, count)| *count >= 4).map(|(word, _)| word).collect()
}

/// A length by its words and unit.
fn length(parts: &[&str], common: &Common) -> Option<RoleUse> {
    let mut last = words(parts.last()?);
    // `latency_human`, `duration_str`: the same length once more, for people.
    let spoken = last.len();
    last.retain(|w| !matches!(w.as_str(), "human" | "humanized" | "humanised" | "readable" | "pretty" | "formatted" | "str" | "string" | "text"));
    let behind = if last.len() < spoken { 200 } else { 0 };
    let (unit, rest) = match last.split_last() {
        Some((suffix, rest)) if Unit::of_suffix(suffix).is_some() && (!rest.is_empty() || suffix.len() > 3) => (Unit::of_suffix(suffix), rest),
        _ => (None, &last[..]),
    };
    let has = |word: &str| rest.iter().any(|w| w == word);
    let all_in = |list: &[&str]| !rest.is_empty() && rest.iter().all(|w| list.contains(&w.as_str()));
    let parents = parts.len() as u32 - 1;
    let found = |role: Role, rank: u32| Some(RoleUse { role, rank: rank + parents * 10 + behind, unit, from_zero: false });
    if has("ttft") || (has("first") && (has("token") || has("chunk"))) {
        return found(Role::FirstToken, 2);
    }
    let waits = ["queue", "queued", "wait", "waited", "waiting", "time", "in", "job", "task", "latency", "duration", "pickup"];
    if all_in(&waits) && rest.iter().any(|w| matches!(w.as_str(), "queue" | "queued" | "wait" | "waited" | "waiting")) && (unit.is_some() || has("wait")) {
        return found(Role::QueueWait, 2);
    }
    if unit.is_some() && all_in(&["delay", "countdown", "delayed"]) {
        return found(Role::Delay, 2);
    }
    // `response_ms`: how long the whole took that the line is about. `db_ms` is a part of it.
    if unit.is_some() && parents == 0 && rest.len() == 1 && all_in(&["request", "response", "req", "res", "resp", "handler"]) {
        return found(Role::Duration, 7);
    }
    let before_next = ["retry", "retrying", "in", "after", "backoff", "sleep", "delay", "wait", "next", "attempt"];
    if unit.is_some() && all_in(&before_next) && rest.iter().any(|w| matches!(w.as_str(), "retry" | "retrying" | "backoff")) {
        return found(Role::RetryDelay, 2);
    }
    let noun = |w: &String| common.length_nouns.contains(w);
    let known = |w: &String| noun(w) || common.length_qualifiers.contains(w);
    // `instant.nano` is a part of an instant. What stands in `time` may be either.
    let names_instant = |name: &str| name != "time" && common.names.get(name).into_iter().flatten().any(|(role, _)| is_instant(*role));
    let bare_unit = rest.is_empty() && unit.is_some() && parents > 0 && !names_instant(&fold(parts[parts.len() - 2]));
    if !bare_unit && (!rest.iter().any(noun) || !rest.iter().all(known)) {
        return None;
    }
    // `total` and `time` are lengths only with a unit.
    let firm = rest.iter().any(|w| matches!(w.as_str(), "duration" | "elapsed" | "latency" | "took" | "runtime"));
    if unit.is_none() && !firm {
        return None;
    }
    let in_business = parts[..parts.len() - 1]
        .iter()
        .any(|p| words(p).iter().any(|w| matches!(w.as_str(), "retry" | "timeout" | "ttl" | "lease" | "backoff" | "uptime" | "limit" | "limits" | "config")));
    if in_business { None } else { found(Role::Duration, if unit.is_some() { 1 } else { 6 }) }
}

/// The name of a value: the last two parts of its path.
pub fn label(dotted: &str) -> Arc<str> {
    label_of(&components(dotted))
}

fn label_of(parts: &[&str]) -> Arc<str> {
    parts[parts.len().saturating_sub(2)..].join(".").into()
}

/// An id by its words.
fn id(parts: &[&str], common: &Common) -> Option<IdUse> {
    let last = split_compounds(words(parts.last()?), common);
    let above: Vec<String> = parts[..parts.len() - 1].iter().flat_map(|p| words(p)).collect();
    let tail = last.last()?;
    let is_of_a_kind = |noun: &String| ["request", "trace", "span", "task", "call"].into_iter().any(|list| common.id_word(list, noun));
    let says_id = common.id_word("suffix", tail) || (common.id_word("suffix_of_a_kind", tail) && last.iter().rev().nth(1).is_some_and(is_of_a_kind));
    let is_number = common.id_word("suffix_of_a_number", tail) && last.iter().rev().nth(1).is_some_and(|noun| common.id_word("counted", noun));
    let plural = says_id && (tail == "ids") || matches!(tail.as_str(), "children");
    let label = label_of(parts);
    let named: &[String] = if says_id || is_number { &last[..last.len() - 1] } else { &last };
    if is_of_before(named, common) {
        return Some(IdUse { listed: plural, says_id, strong_only: !says_id, ..IdUse::new(KindRule::Is(IdKind::Group), IdRelation::Own, label) });
    }
    if !says_id && !is_number {
        if last.len() == 2 && last[0] == "retry" && last[1] == "of" {
            return Some(IdUse { says_id: true, ..IdUse::new(KindRule::AsOwn, IdRelation::RetryOf, label) });
        }
        if parts.len() == 1 && last.len() == 1 && common.id_word("bare_group", tail) {
            return Some(IdUse::new(KindRule::Is(IdKind::Group), IdRelation::Own, label));
        }
        if let [verb, by] = &*last
            && by == "by"
            && common.id_word("done_by", verb)
        {
            return Some(IdUse { strong_only: true, ..IdUse::new(KindRule::AsOwn, IdRelation::Parent, label) });
        }
        if let Some(form) = form_of_id(parts, &label, common) {
            return Some(form);
        }
        // `next_message`, `parent_message`: what stands to the line so, if the value is an id.
        if let ([before @ .., noun], true) = (&*last, last.len() > 1)
            && let Some(relation) = before.iter().map(|w| relation_of(w, common)).collect::<Option<Vec<_>>>().and_then(|all| all.first().copied())
            && !common.id_word("bare", noun)
            && common.id_word("task", noun)
        {
            return Some(IdUse { strong_only: true, ..IdUse::new(KindRule::Is(IdKind::Task), relation, label) });
        }
        if !common.id_word("bare", tail) {
            // `dispatched: 3f2a…`: it says that something was handed over, not what. Whether it is work its own lines tell.
            let is_handed = last.iter().all(|w| relation_of(w, common) == Some(IdRelation::Child));
            return is_handed.then(|| IdUse::new(KindRule::Named, IdRelation::Own, label));
        }
    }
    if named.is_empty() && above.is_empty() {
        return Some(IdUse { listed: plural, says_id, ..IdUse::new(KindRule::Bare, IdRelation::Own, label) });
    }
    let kinded = |w: &String| ["request", "trace", "span", "task", "call", "tool", "group"].into_iter().find(|list| common.id_word(list, w));
    let related = |w: &String| relation_of(w, common);
    let noun = named.iter().rposition(|w| kinded(w).is_some() && related(w).is_none()).map(|i| (i, &named[i]));
    let outer = above.iter().rev().find(|w| kinded(w).is_some());
    let relation = named.iter().chain(&above).find_map(related);
    let is_callers = || noun.is_some() && names_caller(&label);
    let relation = relation.unwrap_or_else(|| if is_callers() { IdRelation::Parent } else { IdRelation::Own });
    let list = noun.map(|(_, w)| w).or(if named.iter().all(|w| related(w).is_some()) { outer } else { None }).and_then(kinded);
    let kind = match list {
        Some("request") if named.iter().chain(&above).any(|w| common.id_word("provider_side", w)) && noun.is_some() => KindRule::Is(IdKind::Call),
        Some("request") => KindRule::Is(IdKind::Request),
        Some("trace") => KindRule::Is(IdKind::Trace),
        Some("span") => KindRule::Is(IdKind::Span),
        Some("task") => KindRule::Is(IdKind::Task),
        Some("call") if named.iter().chain(&above).any(|w| w == "tool") => KindRule::Is(IdKind::Tool),
        Some("call") => KindRule::Is(IdKind::Call),
        Some("tool") => KindRule::Is(IdKind::Tool),
        Some(_) => KindRule::Is(IdKind::Group),
        None if relation != IdRelation::Own => KindRule::AsOwn,
        None => KindRule::Named,
    };
    // `webhook_job`: a word that says neither kind nor owner names what was handed over.
    let foreign = if kind == KindRule::Is(IdKind::Task) && relation == IdRelation::Own {
        noun.and_then(|(i, _)| named[..i].iter().find(|w| kinded(w).is_none() && !common.id_word("own", w))).cloned()
    } else {
        None
    };
    let relation = if foreign.is_some() { IdRelation::Child } else { relation };
    let is_told = |w: &String| kinded(w).is_some() || related(w).is_some() || common.id_word("own", w) || names_caller(w);
    if !says_id && !named.iter().all(is_told) && foreign.is_none() {
        return None;
    }
    Some(IdUse { listed: plural, says_id, queue: foreign.map(String::into_boxed_str), ..IdUse::new(kind, relation, label) })
}

/// What came before is spoken of: it groups what follows it, and is no part of it. The answer above or before an answer (`previous_response_id`), the
/// message before a message is an earlier turn's; a task's previous run may have started it, and the last message may be what the line is about.
fn is_of_before(named: &[String], common: &Common) -> bool {
    let Some((noun, before)) = named.split_last().filter(|(_, before)| !before.is_empty()) else { return false };
    let has = |list: &str| before.iter().any(|w| common.id_word(list, w));
    let is_turn = || matches!(&**noun, "message" | "msg" | "request") && before.iter().any(|w| w == "previous");
    is_turn() || (common.id_word("answer", noun) && (has("earlier") || has("parent")))
}

/// `trace_id: {w3c, datadog}`: one id, written as each of several systems writes it.
fn form_of_id(parts: &[&str], label: &str, common: &Common) -> Option<IdUse> {
    let parent = parts.len().checked_sub(2).map(|at| words(parts[at]))?;
    let (suffix, _) = parent.split_last().filter(|(_, noun)| !noun.is_empty())?;
    let is_one_word = words(parts[parts.len() - 1]).len() == 1;
    if !is_one_word || !common.id_word("suffix", suffix) || suffix == "ids" {
        return None;
    }
    let whole = id(&parts[..parts.len() - 1], common)?;
    let is_path = matches!(whole.kind, KindRule::Is(IdKind::Request | IdKind::Trace | IdKind::Span));
    is_path.then(|| IdUse { label: label.into(), says_id: false, ..whole })
}

/// `toolCalls: […]`, `jobs: […]`: a list named by the plural of what it lists.
pub fn list_of_ids(dotted: &str, common: &Common) -> Option<IdUse> {
    let parts = components(dotted);
    let words = words(parts.last()?);
    let noun = words.last()?.strip_suffix('s')?;
    let kind = [("request", IdKind::Request), ("task", IdKind::Task), ("tool", IdKind::Tool), ("call", IdKind::Call)].into_iter().find(|(list, _)| common.id_word(list, noun))?.1;
    let kind = if words.iter().any(|w| w == "tool") { IdKind::Tool } else { kind };
    let label = label_of(&parts);
    Some(IdUse { listed: true, ..IdUse::new(KindRule::Is(kind), IdRelation::Own, label) })
}

fn relation_of(word: &str, common: &Common) -> Option<IdRelation> {
    for (list, relation) in [("parent", IdRelation::Parent), ("child", IdRelation::Child), ("retry_of", IdRelation::RetryOf)] {
        if common.id_word(list, word) {
            return Some(relation);
        }
    }
    None
}

/// `requestid`, `parentspanid` written without a boundary.
fn split_compounds(list: Vec<String>, common: &Common) -> Vec<String> {
    let known = |w: &str| common.ids.iter().any(|(list, set)| !matches!(list.as_str(), "suffix" | "suffix_of_a_kind" | "suffix_of_a_number" | "own") && set.contains(w));
    let Some((last, head)) = list.split_last() else { return list };
    if common.id_word("suffix", last) || known(last) {
        return list;
    }
    for suffix in ["ids", "id", "uuid"] {
        let Some(noun) = last.strip_suffix(suffix).filter(|n| n.len() > 1) else { continue };
        let mut out = head.to_vec();
        if known(noun) {
            out.extend([noun.to_owned(), suffix.to_owned()]);
            return out;
        }
        for relation in ["parent", "child", "root"] {
            if let Some(rest) = noun.strip_prefix(relation).filter(|r| known(r)) {
                out.extend([relation.to_owned(), rest.to_owned(), suffix.to_owned()]);
                return out;
            }
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::table::Tables;

    fn of(path: &str) -> Vec<Meaning> {
        meanings(path, &Tables::builtin().common, &FxHashSet::default(), &FxHashSet::default())
    }

    fn the_id(path: &str) -> Option<(KindRule, IdRelation)> {
        of(path).into_iter().find_map(|m| match m {
            Meaning::Id(id) => Some((id.kind, id.relation)),
            Meaning::Role(_) => None,
        })
    }

    fn the_roles(path: &str) -> Vec<Role> {
        of(path).into_iter().filter_map(|m| if let Meaning::Role(r) = m { Some(r.role) } else { None }).collect()
    }

    #[test]
    fn ids_are_told_by_the_words_of_their_names() {
        use IdRelation::{Child, Own, Parent, RetryOf};
        use KindRule::{AsOwn, Bare, Is, Named};
        for (path, want) in [
            ("requestId", Some((Is(IdKind::Request), Own))),
            ("extra.correlation_id", Some((Is(IdKind::Request), Own))),
            ("http.request.id", Some((Is(IdKind::Request), Own))),
            ("function_request_id", Some((Is(IdKind::Request), Own))),
            ("req.id", Some((Is(IdKind::Request), Own))),
            ("provider.request_id", Some((Is(IdKind::Call), Own))),
            ("logging.googleapis.com/trace", Some((Is(IdKind::Trace), Own))),
            ("parentSpanId", Some((Is(IdKind::Span), Parent))),
            ("job.parent_id", Some((Is(IdKind::Task), Parent))),
            ("parent.id", Some((AsOwn, Parent))),
            ("parentID", Some((AsOwn, Parent))),
            ("target.id", Some((AsOwn, Child))),
            ("next_job", Some((Is(IdKind::Task), Child))),
            ("webhook_job", Some((Is(IdKind::Task), Child))),
            ("parent_task_id", Some((Is(IdKind::Task), Parent))),
            ("message_id", Some((Is(IdKind::Task), Own))),
            ("messaging.message.id", Some((Is(IdKind::Task), Own))),
            ("mail.id", Some((Named, Own))),
            ("id", Some((Bare, Own))),
            ("data.id", Some((Bare, Own))),
            ("tool.call_id", Some((Is(IdKind::Tool), Own))),
            ("litellm_call_id", Some((Is(IdKind::Call), Own))),
            ("completion_id", Some((Is(IdKind::Call), Own))),
            ("user_id", Some((Is(IdKind::Group), Own))),
            ("local-member-id", Some((Is(IdKind::Group), Own))),
            ("messaging.message.conversation_id", Some((Is(IdKind::Group), Own))),
            ("retry_of", Some((AsOwn, RetryOf))),
            ("dispatched", Some((Named, Own))),
            ("req_ref", Some((Is(IdKind::Request), Own))),
            ("parentJobRef", Some((Is(IdKind::Task), Parent))),
            ("git_ref", None),
            ("call_no", Some((Is(IdKind::Call), Own))),
            ("job_no", Some((Is(IdKind::Task), Own))),
            ("jobNumber", Some((Is(IdKind::Task), Own))),
            ("request_no", None),
            ("order_no", None),
            ("attempt_number", None),
            ("next_message", Some((Is(IdKind::Task), Child))),
            ("parentMessage", Some((Is(IdKind::Task), Parent))),
            ("error_message", None),
            ("previous_response_id", Some((Is(IdKind::Group), Own))),
            ("parentCompletionId", Some((Is(IdKind::Group), Own))),
            ("parent_response", Some((Is(IdKind::Group), Own))),
            ("prior_completion_id", Some((Is(IdKind::Group), Own))),
            ("previous_message_id", Some((Is(IdKind::Group), Own))),
            ("last_message_id", Some((Is(IdKind::Task), Child))),
            ("previous_run_id", Some((Is(IdKind::Task), Parent))),
            ("caller.job", Some((Is(IdKind::Task), Parent))),
            ("caller_job", Some((Is(IdKind::Task), Parent))),
            ("caller_request_id", Some((Is(IdKind::Request), Parent))),
            ("caller_id", Some((Named, Own))),
            ("requested_by", Some((AsOwn, Parent))),
            ("triggeredBy", Some((AsOwn, Parent))),
            ("sorted_by", None),
            ("parent_call_id", Some((Is(IdKind::Call), Parent))),
            ("ref", None),
            ("previous", None),
            ("caused_by", Some((AsOwn, Parent))),
            ("original_request_id", Some((Is(IdKind::Request), RetryOf))),
            ("requestid", Some((Is(IdKind::Request), Own))),
            ("order.id", Some((Is(IdKind::Group), Own))),
            ("job_queue_id", Some((Is(IdKind::Group), Own))),
            ("trace_id.w3c", Some((Is(IdKind::Trace), Own))),
            ("meta.request_id.value", Some((Is(IdKind::Request), Own))),
            ("session_id.value", None),
            ("trace_ids.w3c", None),
            ("trace_id.was_sampled", None),
            ("request_count", None),
            ("trace_enabled", None),
            ("name", None),
        ] {
            assert_eq!(the_id(path), want, "{path}");
        }
    }

    #[test]
    fn lengths_are_told_from_their_decoys() {
        for (path, want) in [
            ("duration_ms", Some(Role::Duration)),
            ("elapsed_seconds", Some(Role::Duration)),
            ("timing.total_ms", Some(Role::Duration)),
            ("tool.seconds", Some(Role::Duration)),
            ("WallTimeMs", Some(Role::Duration)),
            ("latency", Some(Role::Duration)),
            ("first_token_s", Some(Role::FirstToken)),
            ("timeToFirstTokenMs", Some(Role::FirstToken)),
            ("latency_human", Some(Role::Duration)),
            ("durationStr", Some(Role::Duration)),
            ("time_text", None),
            ("tool.ms", Some(Role::Duration)),
            ("dur_ms", Some(Role::Duration)),
            ("ttms", Some(Role::Duration)),
            ("response_ms", Some(Role::Duration)),
            ("db_ms", None),
            ("origin_ms", None),
            ("time.millis", Some(Role::Duration)),
            ("instant.nano", None),
            ("timestamp.seconds", None),
            ("queue_wait_ms", Some(Role::QueueWait)),
            ("delay_ms", Some(Role::Delay)),
            ("timeout_ms", None),
            ("retry_in_ms", Some(Role::RetryDelay)),
            ("nextRetryDelayMs", Some(Role::RetryDelay)),
            ("retry_count", None),
            ("ttl_seconds", None),
            ("CPUTimeMs", None),
            ("billedDurationMs", None),
            ("forward-duration", None),
            ("heapMb", None),
            ("backoff_seconds", Some(Role::RetryDelay)),
        ] {
            assert_eq!(the_roles(path).into_iter().find(|r| is_length(*r)), want, "{path}");
        }
    }

    #[test]
    fn a_name_with_its_owner_before_it_is_that_name() {
        for (path, want) in [("run_attempt", Role::Attempt), ("job_attempt_number", Role::Attempt), ("num_tries", Role::Attempt)] {
            assert_eq!(the_roles(path), vec![want], "{path}");
        }
    }

    #[test]
    fn the_name_of_a_product_before_its_keys_is_no_part_of_them() {
        let paths = ["fal_app_name", "fal_job_id", "fal_node_id", "fal_source", "their_service_name", "time"].map(str::to_owned);
        let owners = owners(&paths);
        let service =
            |path: &str| meanings(path, &Tables::builtin().common, &FxHashSet::default(), &owners).iter().any(|m| matches!(m, Meaning::Role(r) if r.role == Role::Service));
        assert!(service("fal_app_name") && !service("their_service_name"));
    }

    #[test]
    fn generic_words_inside_a_thing_of_the_business_say_nothing_of_the_line() {
        for path in ["peer_service_name", "max_run_attempt", "retry_attempt_limit", "client_app_name"] {
            assert_eq!(the_roles(path), vec![], "{path}");
        }
        for path in ["plan.name", "order.status", "device.type", "order.placed_at", "expires_at", "max_tokens", "order_total", "max_attempts", "user.name"] {
            assert_eq!(the_roles(path), vec![], "{path}");
        }
    }
}
