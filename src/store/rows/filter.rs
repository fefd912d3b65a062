//! Conditions on rows, made ready once a question: text becomes tables over the numbers of names, so that a row costs a few look-ups.
//!
//! Guarantees: a row without a value fits no condition on it, and every negation of one.

use super::{
    columns::{ABSENT, Columns, flag},
    names::Dictionary,
};
use crate::{
    model::{
        summary::{Preset, RowFilter},
        trace::State,
    },
    store::schema::term_text,
};
use rustc_hash::FxHashSet;
use std::ops::RangeInclusive;

/// A numeric column.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Start,
    Total,
    Wait,
    Model,
    Attempts,
    Tokens,
    Errors,
}

impl Number {
    /// The value of a row.
    pub(super) fn of(self, columns: &Columns, row: usize) -> Option<i64> {
        let value = match self {
            Self::Start => columns.start[row],
            Self::Total => columns.total[row],
            Self::Wait => columns.wait[row],
            Self::Model => columns.model[row],
            Self::Attempts => columns.attempts[row].into(),
            Self::Tokens => columns.tokens[row],
            Self::Errors => columns.errors[row].into(),
        };
        (value != ABSENT).then_some(value)
    }
}

/// A condition, ready.
pub(super) enum Test {
    Route(Vec<bool>),
    Error(Vec<bool>),
    Set(usize, Vec<bool>),
    State(u8),
    Between(Number, RangeInclusive<i64>),
    Roots(FxHashSet<String>),
    Not(Box<Test>),
}

/// Exact, or a beginning before a trailing `*`.
fn fits(pattern: &str, value: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(head) => value.starts_with(head),
        None => value == pattern,
    }
}

/// A bare name fits all its versions.
fn fits_version(pattern: &str, value: &str) -> bool {
    fits(pattern, value) || value.strip_prefix(pattern).is_some_and(|rest| rest.starts_with('@'))
}

impl Test {
    /// Makes a condition ready.
    pub(super) fn new(filter: &RowFilter, dictionary: &Dictionary) -> Self {
        let set = |column: usize, values: &[String]| Self::Set(column, dictionary.sets_with(|name| values.iter().any(|v| fits(v, name))));
        let between = |number, from: &Option<i64>, to: &Option<i64>| Self::Between(number, from.unwrap_or(ABSENT)..=to.unwrap_or(i64::MAX));
        match filter {
            RowFilter::Route(values) => Self::Route(dictionary.names_that(|name| values.iter().any(|v| fits(v, name)))),
            RowFilter::Error(values) => Self::Error(dictionary.names_that(|name| values.iter().any(|v| fits(v, name)))),
            RowFilter::State(words) => Self::State(states(|state| words.iter().any(|word| word == state.word()))),
            RowFilter::Model(values) => set(0, values),
            RowFilter::Prompt(values) => Self::Set(1, dictionary.sets_with(|name| values.iter().any(|v| fits_version(v, name)))),
            RowFilter::Config(values) => set(2, values),
            RowFilter::Worker(values) => set(3, values),
            RowFilter::Source(values) => set(4, values),
            RowFilter::Stage(values) => set(6, values),
            RowFilter::Mark(value) => set(5, std::slice::from_ref(value)),
            RowFilter::Total(from, to) => between(Number::Total, from, to),
            RowFilter::QueueWait(from, to) => between(Number::Wait, from, to),
            RowFilter::Attempts(from, to) => between(Number::Attempts, from, to),
            RowFilter::Tokens(from, to) => between(Number::Tokens, from, to),
            RowFilter::Start(from, to) => between(Number::Start, from, to),
            RowFilter::Roots(roots) => Self::Roots(roots.iter().map(|root| term_text(root).into_owned()).collect()),
            RowFilter::Not(inner) => Self::Not(Box::new(Self::new(inner, dictionary))),
        }
    }

    /// The row fits.
    pub(super) fn holds(&self, columns: &Columns, row: usize) -> bool {
        match self {
            Self::Route(names) => names[columns.route[row] as usize],
            Self::Error(names) => names[columns.error[row] as usize],
            Self::Set(column, sets) => sets[columns.sets[*column][row] as usize],
            Self::State(mask) => mask & (1 << (columns.flags[row] & flag::STATE)) != 0,
            Self::Between(number, range) => number.of(columns, row).is_some_and(|value| range.contains(&value)),
            Self::Roots(roots) => roots.contains(columns.root(row)),
            Self::Not(inner) => !inner.holds(columns, row),
        }
    }
}

/// A bit for each state that fits.
fn states(fits: impl Fn(State) -> bool) -> u8 {
    State::ALL.iter().enumerate().filter(|(_, state)| fits(**state)).fold(0, |mask, (bit, _)| mask | 1 << bit)
}

/// State of a row.
pub(super) fn state(flags: u16) -> State {
    State::ALL.get(usize::from(flags & flag::STATE)).copied().unwrap_or(State::Unfinished)
}

/// A row belongs to a preset. Presets that only sort hold every row.
pub(super) fn in_preset(preset: Preset, flags: u16) -> bool {
    match preset {
        Preset::All | Preset::Slowest | Preset::LongestWait => true,
        Preset::Failed => matches!(state(flags), State::Failed | State::Timeout | State::DeadLetter),
        Preset::Retried => flags & flag::RETRIED != 0,
        Preset::FellBack => flags & flag::FELL_BACK != 0,
        Preset::SemanticRetried => flags & flag::SEMANTIC != 0,
        Preset::Incomplete => flags & flag::INCOMPLETE != 0,
    }
}
