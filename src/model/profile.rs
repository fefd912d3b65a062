//! What was learned from many lines and is applied when a path is rebuilt: zones of sources, units of bare durations, roles of
//! id fields. Built from order-free mergeable statistics, so it does not depend on the order of files or batches.
//!
//! Never changes what a line said: documents keep the written digits.

use crate::model::{habits::Customs, id::IdKind};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Everything learned.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Grows when anything below changes.
    pub version: u64,
    /// By source name: offset of naive times from UTC, seconds east. Absent: unknown, read as UTC.
    pub zones: BTreeMap<String, Zone>,
    /// By source name: the unit of lengths that are written without one.
    pub units: BTreeMap<String, Unit>,
    /// Names of sources whose lines are written as what they state the length of begins.
    pub begins: BTreeSet<String>,
    /// Writers (`source\u{1f}service`) whose records of answers bear the time they were asked at.
    pub answers_at_begin: BTreeSet<String>,
    /// By source name: how its lines are read, where that differs from each line by itself.
    pub customs: Arc<BTreeMap<String, Customs>>,
    /// By `service\u{1f}label`: the role the data gave the field, when it differs from what the name says or there is a finding.
    pub roles: BTreeMap<String, RoleDecision>,
    /// By service: what its lines are about, where the data says so.
    pub mains: BTreeMap<String, MainField>,
    /// Fields (`service\u{1f}label`) of calls whose short numbers a process counts: of no two requests, and soon over.
    pub counted: BTreeSet<String>,
    /// Jobs (`service\u{1f}name`) whose argument is the id of the task they follow.
    pub arguments: BTreeSet<String>,
    /// By service: templates (hashes) of the lines that end its tasks without a word for it.
    pub endings: BTreeMap<String, BTreeSet<u64>>,
    /// Services whose lines say of no task that it ended.
    pub open_ended: BTreeSet<String>,
    /// Makes of ids (hashes of prefix and length) whose every value is unique, whatever it looks like by itself.
    pub makes: BTreeSet<u64>,
    /// Numbers that are one counter's under several scopes.
    pub numbers: Numbers,
    /// By route: what is typical.
    pub typical: BTreeMap<String, crate::model::summary::Typical>,
}

/// A learned zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Seconds east of UTC.
    pub offset_s: i32,
    /// How many observations agree.
    pub votes: u64,
}

/// A learned unit of lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Nanoseconds of one.
    pub ns: i64,
    /// Lengths that fit it.
    pub votes: u64,
    /// Of as many that could be held against other logs.
    pub of: u64,
}

/// Scopes whose numbers are one counter's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// By kind and scope, or kind, scope and label: the scope its numbers count in.
    tops: BTreeMap<String, Box<str>>,
    /// By that scope: every scope whose lines bear its numbers.
    members: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    /// By `service\u{1f}label`: why.
    pub why: BTreeMap<String, String>,
}

impl Numbers {
    /// Nothing is known.
    pub fn is_empty(&self) -> bool {
        self.tops.is_empty()
    }

    /// Numbers under a key count in a scope, and are written under another.
    pub fn add(&mut self, key: String, scope: &str, top: &str) {
        self.tops.insert(key, top.into());
        self.members.entry(top.into()).or_default().extend([scope.into(), top.into()]);
    }

    /// The scope that numbers under a key count in.
    pub fn top(&self, key: &str) -> Option<&str> {
        self.tops.get(key).map(AsRef::as_ref)
    }

    /// Every key with the scope its numbers count in.
    pub fn tops(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tops.iter().map(|(key, top)| (key.as_str(), &**top))
    }

    /// The scopes whose lines may bear a number of this scope; none where it is only its own.
    pub fn members(&self, scope: &str) -> Option<&BTreeSet<Box<str>>> {
        self.members.get(scope)
    }
}

/// The decision on an id field with the numbers that decided it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleDecision {
    /// Service or source that writes the field.
    pub service: String,
    /// Label.
    pub label: String,
    /// What its name says.
    pub by_name: IdKind,
    /// What is used.
    pub kind: IdKind,
    /// Why, in words.
    pub why: String,
    /// Lines that carry the field.
    pub lines: u64,
    /// Distinct values, estimated.
    pub distinct: u64,
    /// Values sampled.
    pub sampled: u64,
    /// Share of sampled values that meet two or more values of a covering request field.
    pub many_requests: f64,
    /// Median times the first step recurs for one value.
    pub first_step_repeat: f64,
}

/// The id field that a service's lines are about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MainField {
    /// Its label: on more lines than any other of the service, each value on several.
    pub label: String,
    /// Labels whose every value stands on one line: what is handed over, if the line's verb says so.
    pub handed: BTreeSet<String>,
}
