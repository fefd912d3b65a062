//! The plan of a line: which of its leaves plays which role, decided once for every shape of line.
//!
//! A shape is the sequence of paths and types; the plan is a pure function of it and of the convention. Guarantees: a plan found in
//! the memory equals the plan that would be made anew (the whole shape is compared, not its hash).

use crate::{
    model::{
        entry::Severity,
        habits::Lack,
        id::{IdKind, IdRelation},
    },
    recognise::{
        customs::{self, Active},
        length::Unit,
        meaning::{self, IdUse, KindRule, Meaning, RoleUse},
        names::Names,
        role::Role,
        scan::{Kind, Leaf},
        settings::Saying,
        severity, shape,
        signature::Chosen,
        table::{Convention, Tables},
        thrown,
        two_parts::Pair,
    },
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

const ROLES: usize = Role::ALL.len();
/// Rank of what is told by the shape of an object: after all that is told by names.
pub const AFTER_NAMES: u32 = 10_000;

/// A leaf that may play a role.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// Index of the leaf.
    pub leaf: u16,
    /// Unit, by name or convention.
    pub unit: Option<Unit>,
    /// For attempts.
    pub from_zero: bool,
    /// The lower, the better.
    pub rank: u32,
}

impl Candidate {
    /// A convention, the user or the source says so; no rule by the name.
    pub fn is_explicit(self) -> bool {
        self.rank == 0
    }
}

/// A leaf that may carry an id.
#[derive(Debug, Clone)]
pub struct IdLeaf {
    /// Index of the leaf.
    pub leaf: u16,
    /// What its name says.
    pub id: IdUse,
    /// A queue in the same object.
    pub beside: Option<u16>,
}

/// Why the values of a leaf are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// Nothing claims it, and the line lacks a time, a severity or a text.
    Free,
    /// A number for a severity whose scale nothing says.
    Level,
    /// A length whose unit nothing says.
    Length,
}

/// A leaf whose values are counted.
#[derive(Debug)]
pub struct Watched {
    /// Index of the leaf.
    pub leaf: u16,
    /// Why.
    pub why: Watch,
    /// Its key.
    pub key: Box<str>,
}

/// Where a line carries another record.
#[derive(Debug)]
pub struct Inner {
    /// The leaf whose text it is; without one it is an object.
    pub text: Option<u16>,
    /// Its path, as the line writes it.
    pub path: Box<str>,
}

impl Inner {
    /// It is a text with something in it.
    pub fn holds_text(&self, leaves: &[Leaf<'_>]) -> bool {
        self.text.map(|i| leaves[i as usize]).is_some_and(|leaf| leaf.kind == Kind::Str && !leaf.text().trim().is_empty())
    }

    /// That text.
    pub fn text<'a>(&self, leaves: &[Leaf<'a>]) -> std::borrow::Cow<'a, str> {
        self.text.map_or_else(Default::default, |i| leaves[i as usize].text())
    }
}

/// What to do with the leaves of a line.
#[derive(Debug)]
pub struct Plan {
    /// Its place among the plans of a reader.
    pub number: u32,
    /// The customs it was made under.
    pub customs: u32,
    /// Its convention is the source's: the line lacks its signature.
    pub followed: bool,
    /// Where the line carries another record.
    pub inner: Option<Inner>,
    /// Leaves whose values are counted.
    pub watched: Vec<Watched>,
    lacking: [bool; 3],
    ignored: Vec<u16>,
    /// The shape.
    pub shape: Vec<u32>,
    /// Index of the convention.
    pub convention: Option<usize>,
    /// Ids, in the order of the line.
    pub ids: Vec<IdLeaf>,
    /// Strings that no role claims and lists of tags, each with its name: they may hold ids.
    pub unclaimed: Vec<(u16, Arc<str>)>,
    /// Values the line must have, for its convention.
    checks: Vec<(u16, Check)>,
    /// Values it must lack: one of each list, for stronger conventions of the same shape.
    unless: Vec<Vec<(u16, Check)>>,
    /// Leaves that scope weak tasks: a run or workflow id.
    pub runs: Vec<u16>,
    /// The attempt was counted already when the line was written.
    pub attempt_counted: bool,
    candidates: Vec<Candidate>,
    starts: [u16; ROLES + 1],
    /// Seconds whose rest stands beside them.
    pairs: Vec<Pair>,
    /// Texts beside a number for a severity that may say it in a word.
    level_words: Vec<u16>,
}

impl Plan {
    /// The leaves that may play a role, best first.
    pub fn of(&self, role: Role) -> &[Candidate] {
        let i = role as usize;
        &self.candidates[self.starts[i] as usize..self.starts[i + 1] as usize]
    }

    /// Where the rest of its second stands.
    pub fn rest_of(&self, whole: u16) -> Option<Pair> {
        self.pairs.iter().copied().find(|pair| pair.whole == whole)
    }

    /// The severity that the words beside its number say.
    pub fn level_word(&self, leaves: &[Leaf<'_>]) -> Option<Severity> {
        let mut said = self.level_words.iter().filter_map(|i| severity::of_bare_word(leaves[*i as usize].raw));
        let first = said.next()?;
        said.all(|other| other == first).then_some(first)
    }

    /// No leaf is known by its name to be that.
    pub fn lacks(&self, what: Lack) -> bool {
        self.lacking[what as usize]
    }

    /// The text is a list: there may be more than texts in it.
    pub fn has_listed_text(&self, leaves: &[Leaf<'_>]) -> bool {
        self.of(Role::Message).iter().any(|c| leaves[c.leaf as usize].kind == Kind::Array)
    }

    /// What a leaf is read as, in words.
    pub fn use_of(&self, leaf: u16) -> String {
        if self.ignored.contains(&leaf) {
            return "left out: not of this line".to_owned();
        }
        let unit = |role: Role, unit: Option<Unit>| unit.filter(|_| meaning::is_length(role));
        let roles = Role::ALL
            .iter()
            .flat_map(|role| self.of(*role).iter().filter(|c| c.leaf == leaf).map(move |c| RoleUse { role: *role, rank: 0, unit: unit(*role, c.unit), from_zero: false }));
        let ids = self.ids.iter().filter(|id| id.leaf == leaf).map(|id| Meaning::Id(id.id.clone()));
        let mut words: Vec<String> = roles.map(Meaning::Role).chain(ids).map(|m| customs::meaning_words(&m)).collect();
        words.truncate(3);
        if words.is_empty() { customs::UNUSED.to_owned() } else { words.join(", ") }
    }

    /// Whether the values of a line of this shape lead to this plan's convention.
    pub fn fits(&self, leaves: &[Leaf<'_>]) -> bool {
        let holds = |checks: &[(u16, Check)]| checks.iter().all(|(leaf, check)| check.holds(leaves[*leaf as usize].raw));
        holds(&self.checks) && !self.unless.iter().any(|checks| holds(checks))
    }

    /// Makes the plan of a shape.
    pub fn new(leaves: &[Leaf<'_>], shape: Vec<u32>, names: &Names, tables: &Tables, active: &Active, chosen: &Chosen) -> Self {
        let v = chosen.convention.map(|i| &tables.conventions[i]);
        let written: Vec<String> = leaves.iter().map(|leaf| names.dotted(leaf.path)).collect();
        let paths_of = |i: usize| tables.conventions[i].spell(&written);
        let paths: Vec<String> = chosen.convention.map_or_else(|| written.clone(), paths_of);
        let checks_of = |i: usize| checks(&tables.conventions[i], paths_of(i).iter().map(String::as_str));
        let (checks, unless) = (chosen.convention.map_or_else(Vec::new, checks_of), chosen.unless.iter().map(|i| checks_of(*i)).collect());
        let mut by_role: Vec<Vec<Candidate>> = (0..ROLES).map(|_| Vec::new()).collect();
        let mut ids: Vec<IdLeaf> = Vec::new();
        let mut unclaimed = Vec::new();
        let (mut counted, mut ignored) = (false, Vec::new());
        let owners = meaning::owners(&paths);
        for (i, leaf) in leaves.iter().enumerate() {
            let dotted = &paths[i];
            counted |= v.is_some_and(|v| v.attempt_counted.contains(dotted));
            let mut found = told(&written[i], active, v.is_some()).unwrap_or_else(|| read(dotted, tables, v, &owners));
            if found.is_empty() && leaf.kind == Kind::Array {
                found.extend(meaning::list_of_ids(dotted, &tables.common).map(Meaning::Id));
            }
            let tagged = leaf.kind == Kind::Array && dotted.to_ascii_lowercase().ends_with("tags");
            if found.is_empty() && (leaf.kind == Kind::Str || tagged) {
                unclaimed.push((i as u16, meaning::label(dotted)));
            }
            for m in found {
                match m {
                    Meaning::Role(r) if r.role == Role::Ignore => ignored.push(i as u16),
                    Meaning::Role(r) => {
                        let unit = r.unit.or_else(|| v.and_then(|v| unit_of(v, dotted, leaf))).or_else(|| active.unit(r.role, &written[i]));
                        by_role[r.role as usize].push(Candidate { leaf: i as u16, unit, from_zero: r.from_zero, rank: r.rank });
                    }
                    Meaning::Id(_) if matches!(leaf.kind, Kind::Bool | Kind::Object) => {}
                    Meaning::Id(id) => ids.push(IdLeaf { leaf: i as u16, id, beside: None }),
                }
            }
        }
        for (leaf, role, depth) in thrown::roles(leaves, &paths).into_iter().chain(thrown::coded(leaves, &paths)).filter(|(leaf, ..)| !ignored.contains(leaf)) {
            by_role[role as usize].push(Candidate { leaf, unit: None, from_zero: false, rank: AFTER_NAMES + depth });
            unclaimed.retain(|(other, _)| *other != leaf);
        }
        let pairs = shape::in_two_parts(leaves, &paths, &ignored, &mut by_role, |name| read(name, tables, v, &owners));
        if v.is_none() {
            shape::of_loggers(leaves, &paths, &tables.common, &mut by_role, |leaf| ignored.contains(&leaf) || ids.iter().any(|id| id.leaf == leaf));
        }
        // Of a member written twice in one object the last one counts: two ids under one name would join two requests.
        let last: FxHashMap<(u32, u16), usize> = leaves.iter().enumerate().map(|(i, leaf)| ((leaf.path, leaf.object), i)).collect();
        ids.retain(|id| last.get(&(leaves[id.leaf as usize].path, leaves[id.leaf as usize].object)) == Some(&usize::from(id.leaf)));
        let queues: Vec<u16> = by_role[Role::Queue as usize].iter().map(|c| c.leaf).collect();
        pair_with_queues(&mut ids, leaves, names);
        let runs = ids.iter().filter(|i| is_run(&i.id)).map(|i| i.leaf).collect();
        // A queue inside the object of a handed-over id is that id's, not the line's.
        by_role[Role::Queue as usize].retain(|c| queues.len() > 1 || !ids.iter().any(|i| i.beside == Some(c.leaf) && i.id.kind == KindRule::Named));
        let mut candidates = Vec::new();
        let mut starts = [0; ROLES + 1];
        for (i, mut list) in by_role.into_iter().enumerate() {
            // Of a member written twice the last one counts, as in most parsers.
            list.sort_by_key(|c| (c.rank, std::cmp::Reverse(c.leaf)));
            candidates.extend(list);
            starts[i + 1] = candidates.len() as u16;
        }
        let inner = v.and_then(|v| v.inner.as_deref()).and_then(|inner| {
            let leaf = paths.iter().position(|path| path == inner || path.strip_prefix(inner).is_some_and(|rest| rest.starts_with('.')))?;
            let below = paths[leaf][inner.len()..].matches('.').count();
            let end = written[leaf].rmatch_indices('.').nth(below.wrapping_sub(1)).map_or(written[leaf].len(), |(at, _)| at);
            Some(Inner { text: (below == 0).then_some(leaf as u16), path: written[leaf][..end].into() })
        });
        let mut plan = Self {
            number: 0,
            customs: active.id,
            followed: chosen.followed,
            inner,
            watched: Vec::new(),
            lacking: [false; 3],
            ignored,
            shape,
            convention: chosen.convention,
            ids,
            unclaimed,
            checks,
            unless,
            runs,
            attempt_counted: counted,
            candidates,
            starts,
            pairs,
            level_words: Vec::new(),
        };
        if v.is_none_or(|v| v.scale.is_none()) {
            plan.level_words = shape::level_words(plan.of(Role::Level), leaves, &paths);
        }
        let taught: Vec<u16> = written.iter().enumerate().filter(|(_, path)| active.keys.contains_key(*path)).map(|(i, _)| i as u16).collect();
        let watched = plan.watch(leaves, v.is_some_and(|v| v.scale.is_some()), &taught);
        plan.watched = watched.into_iter().map(|(leaf, why)| Watched { leaf, why, key: written[leaf as usize].as_str().into() }).collect();
        plan
    }

    /// What may teach something about the source. What it taught before, and what the user said, is looked at as if it were not so.
    fn watch(&mut self, leaves: &[Leaf<'_>], scaled: bool, taught: &[u16]) -> Vec<(u16, Watch)> {
        let described = self.convention.is_some();
        let by_name = |role: Role| self.of(role).iter().any(|c| !taught.contains(&c.leaf));
        self.lacking =
            [&[Role::Time, Role::Ended, Role::Started][..], &[Role::Level], &[Role::Message, Role::Template]].map(|roles| !described && !roles.iter().any(|r| by_name(*r)));
        let mut watched: Vec<(u16, Watch)> = Vec::new();
        if self.lacking.contains(&true) {
            let claimed = |i: u16| self.ignored.contains(&i) || self.ids.iter().any(|id| id.leaf == i) || self.candidates.iter().any(|c| c.leaf == i);
            // A length is counted as one below.
            let is_length = |i: u16| self.of(Role::Duration).iter().any(|c| c.leaf == i);
            let free = |(i, leaf): (usize, &Leaf<'_>)| {
                let i = i as u16;
                (matches!(leaf.kind, Kind::Str | Kind::Num) && !leaf.in_array && (!claimed(i) || (taught.contains(&i) && !is_length(i)))).then_some((i, Watch::Free))
            };
            watched.extend(leaves.iter().enumerate().filter_map(free));
        }
        if !scaled {
            watched.extend(self.of(Role::Level).iter().take(1).filter(|c| leaves[c.leaf as usize].kind == Kind::Num).map(|c| (c.leaf, Watch::Level)));
        }
        let bare = |c: &&Candidate| (c.unit.is_none() || taught.contains(&c.leaf)) && leaves[c.leaf as usize].kind == Kind::Num;
        watched.extend(self.of(Role::Duration).iter().take(1).filter(bare).map(|c| (c.leaf, Watch::Length)));
        watched
    }
}

/// What a signature asks of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// It begins with this.
    Starts(Box<str>),
    /// It has no small letters.
    Capital,
}

impl Check {
    /// Whether a value passes.
    pub fn holds(&self, value: &str) -> bool {
        match self {
            Self::Starts(want) => value.starts_with(&**want),
            Self::Capital => !value.is_empty() && !value.bytes().any(|b| b.is_ascii_lowercase()),
        }
    }
}

/// The checks of a convention on the leaves of a shape that has its paths.
pub fn checks<'p>(v: &Convention, paths: impl Iterator<Item = &'p str> + Clone) -> Vec<(u16, Check)> {
    if v.when.starts.is_empty() && v.when.capital.is_empty() {
        return Vec::new();
    }
    let at = |path: &str| paths.clone().position(|p| p == path).map(|i| i as u16);
    let starts = v.when.starts.iter().filter_map(|(path, want)| Some((at(path)?, Check::Starts(want.as_str().into()))));
    let capital = v.when.capital.iter().filter_map(|path| Some((at(path)?, Check::Capital)));
    starts.chain(capital).collect()
}

fn is_run(id: &IdUse) -> bool {
    let lower = id.label.to_ascii_lowercase();
    id.relation == IdRelation::Own && id.kind == KindRule::Is(IdKind::Task) && (lower.contains("run") || lower.contains("workflow"))
}

fn ignored() -> Vec<Meaning> {
    vec![Meaning::Role(RoleUse { role: Role::Ignore, rank: 0, unit: None, from_zero: false })]
}

/// What the user says of a path, or its source taught.
fn told(written: &str, active: &Active, described: bool) -> Option<Vec<Meaning>> {
    match active.keys.get(written)? {
        // A unit that was learned is for lengths that have none; and a convention knows what its logger writes.
        Saying::Role(role, _) if active.learned.contains(written) && (described || meaning::is_length(*role)) => None,
        Saying::Ignore => Some(ignored()),
        Saying::Role(role, unit) => Some(vec![Meaning::Role(RoleUse { role: *role, rank: 0, unit: *unit, from_zero: false })]),
        Saying::Id(words) => Some(vec![Meaning::Id(explicit_id(written, words))]),
    }
}

/// Reads a path: what the convention says of it, else the generic rules.
fn read(dotted: &str, tables: &Tables, convention: Option<&Convention>, owners: &FxHashSet<String>) -> Vec<Meaning> {
    let none = FxHashSet::default();
    let wrappers = convention.map_or(&none, |v| &v.wrappers);
    let mut out = Vec::new();
    if let Some(v) = convention {
        if let Some(role) = v.roles.get(dotted) {
            if *role == Role::Ignore {
                return ignored();
            }
            out.push(Meaning::Role(RoleUse { role: *role, rank: 0, unit: None, from_zero: v.attempt_from_zero }));
        }
        if let Some(words) = v.ids.get(dotted) {
            if words == "none" {
                return ignored();
            }
            out.push(Meaning::Id(explicit_id(dotted, words)));
        }
        if !out.is_empty() {
            if let Some(Meaning::Role(r)) =
                meaning::meanings(dotted, &tables.common, wrappers, owners).into_iter().find(|m| matches!((m, &out[0]), (Meaning::Role(a), Meaning::Role(b)) if a.role == b.role))
                && let Some(Meaning::Role(first)) = out.first_mut()
            {
                first.unit = r.unit;
                first.from_zero |= r.from_zero;
            }
            return out;
        }
    }
    meaning::meanings(dotted, &tables.common, wrappers, owners)
        .into_iter()
        .map(|m| match m {
            // What a convention says explicitly goes first.
            Meaning::Role(mut r) => {
                r.rank += 1_000;
                Meaning::Role(r)
            }
            id @ Meaning::Id(_) => id,
        })
        .collect()
}

/// `task`, `parent task`, `run task` (it counts within a run), `call`.
fn explicit_id(dotted: &str, words: &str) -> IdUse {
    let parts: Vec<&str> = dotted.split('.').collect();
    let label = parts[parts.len().saturating_sub(2)..].join(".").into();
    let (kind, relation) = Saying::id(words);
    IdUse { says_id: true, in_run: words.contains("run "), ..IdUse::new(KindRule::Is(kind), relation, label) }
}

fn unit_of(v: &Convention, dotted: &str, leaf: &Leaf<'_>) -> Option<Unit> {
    if let Some(unit) = v.units.get(dotted) {
        return Unit::of_suffix(unit);
    }
    if leaf.kind != Kind::Num {
        return None;
    }
    let word = if leaf.raw.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')) { v.unit_float.as_deref() } else { v.unit_integer.as_deref() };
    word.and_then(Unit::of_suffix)
}

/// Ids beside a queue in one object below the top.
fn pair_with_queues(ids: &mut [IdLeaf], leaves: &[Leaf<'_>], names: &Names) {
    for id in ids {
        let object = leaves[id.leaf as usize].object;
        id.beside = leaves
            .iter()
            .enumerate()
            .find(|(_, l)| l.object == object && object > 1 && matches!(&*crate::recognise::names::fold(names.key(l.path)), "queue" | "queuename" | "queuekey" | "topic"))
            .map(|(i, _)| i as u16);
    }
}
