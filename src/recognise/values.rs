//! Values of leaves, by role: the first candidate whose value makes sense for the role.
//!
//! Guarantees: a value that means "none" is never taken; numbers written as strings count as numbers. It decides nothing about names.

use crate::{
    model::{
        id::is_nil,
        time::{Instant, Length},
    },
    recognise::{
        escapes, instant,
        length::{self, Unit},
        names::Names,
        plan::{Candidate, Plan},
        role::Role,
        scan::{self, Kind, Leaf},
        severity::Scale,
        table::Convention,
        two_parts,
    },
};
use std::borrow::Cow;

/// A line whose leaves have a plan.
#[derive(Clone, Copy)]
pub struct Line<'a, 'l> {
    /// The leaves.
    pub leaves: &'l [Leaf<'a>],
    /// The names of their paths.
    pub names: &'l Names,
    /// The plan.
    pub plan: &'l Plan,
    /// The convention.
    pub convention: Option<&'l Convention>,
    /// Scale of numeric severities that the source taught.
    pub scale: Option<Scale>,
}

impl<'a, 'l> Line<'a, 'l> {
    /// Candidates of a role with their leaves.
    pub fn candidates(&self, role: Role) -> impl Iterator<Item = (&'l Candidate, &'l Leaf<'a>)> + use<'a, 'l> {
        let leaves = self.leaves;
        self.plan.of(role).iter().map(move |c| (c, &leaves[c.leaf as usize]))
    }

    /// First scalar that is not nil.
    pub fn text(&self, role: Role) -> Option<Cow<'a, str>> {
        self.candidates(role).find_map(|(_, leaf)| scalar(leaf))
    }

    /// First scalar of one line that is short enough to be a name.
    pub fn name(&self, role: Role) -> Option<Box<str>> {
        self.candidates(role).filter_map(|(_, leaf)| scalar(leaf)).find(|t| t.len() <= 200 && !t.contains('\n')).map(|t| t.trim().into())
    }

    /// First name without spaces.
    pub fn word(&self, role: Role) -> Option<Box<str>> {
        self.candidates(role).filter_map(|(_, leaf)| scalar(leaf)).find(|t| t.len() <= 200 && !t.trim().contains(char::is_whitespace)).map(|t| t.trim().into())
    }

    /// First instant.
    pub fn instant(&self, role: Role) -> Option<Instant> {
        self.candidates(role).find_map(|(c, _)| self.instant_at(c.leaf))
    }

    /// The instant of a leaf, with the rest of its second when that stands beside it.
    pub fn instant_at(&self, leaf: u16) -> Option<Instant> {
        let whole = instant_of(&self.leaves[leaf as usize])?;
        Some(self.plan.rest_of(leaf).map_or(whole, |pair| two_parts::instant(whole, &self.leaves[pair.rest as usize], pair.unit)))
    }

    /// First length that is not negative.
    pub fn length(&self, role: Role) -> Option<Length> {
        self.lengths(role).next()
    }

    /// All of them.
    pub fn lengths(&self, role: Role) -> impl Iterator<Item = Length> + use<'a, 'l> {
        let (plan, leaves) = (self.plan, self.leaves);
        self.candidates(role).filter_map(move |(c, leaf)| {
            let whole = length_of(leaf, c.unit)?;
            Some(plan.rest_of(c.leaf).filter(|pair| pair.is_object).map_or(whole, |pair| two_parts::length(whole, &leaves[pair.rest as usize], pair.unit)))
        })
    }

    /// First whole number.
    pub fn count(&self, role: Role) -> Option<u64> {
        self.candidates(role).find_map(|(_, leaf)| {
            number_text(leaf).and_then(|t| t.parse::<u64>().ok().or_else(|| t.parse::<f64>().ok().filter(|f| *f >= 0.0 && f.fract() == 0.0).map(|f| f as u64)))
        })
    }

    /// First number.
    pub fn number(&self, role: Role) -> Option<f64> {
        self.candidates(role).find_map(|(_, leaf)| number_text(leaf)?.parse::<f64>().ok().filter(|f| f.is_finite()))
    }

    /// First yes or no.
    pub fn flag(&self, role: Role) -> Option<bool> {
        self.candidates(role).find_map(|(_, leaf)| match (leaf.kind, leaf.raw) {
            (Kind::Bool | Kind::Str, "true" | "True" | "TRUE" | "yes") => Some(true),
            (Kind::Bool | Kind::Str, "false" | "False" | "FALSE" | "no") => Some(false),
            _ => None,
        })
    }
}

/// The text of a string or number that says something. A list of one counts as its element.
pub fn scalar<'a>(leaf: &Leaf<'a>) -> Option<Cow<'a, str>> {
    match leaf.kind {
        Kind::Str => {
            let text = leaf.text();
            (!absent(&text)).then_some(text)
        }
        Kind::Num => Some(Cow::Borrowed(leaf.raw)),
        Kind::Array => match scan::elements(leaf.raw, 2).as_slice() {
            [(Kind::Str, one)] if !absent(one) => Some(Cow::Owned(escapes::unescape(one))),
            [(Kind::Num, one)] => Some(Cow::Owned((*one).to_owned())),
            _ => None,
        },
        _ => None,
    }
}

/// A text that means "none".
pub fn absent(text: &str) -> bool {
    text.is_empty() || is_nil(text)
}

fn number_text<'a>(leaf: &Leaf<'a>) -> Option<Cow<'a, str>> {
    match leaf.kind {
        Kind::Num => Some(Cow::Borrowed(leaf.raw)),
        Kind::Str if leaf.raw.len() <= 40 => Some(Cow::Borrowed(leaf.raw.trim())),
        _ => None,
    }
}

/// An instant: text in any shape, or a number by its magnitude.
pub fn instant_of(leaf: &Leaf<'_>) -> Option<Instant> {
    match leaf.kind {
        Kind::Num => instant::from_number(leaf.raw),
        Kind::Array => two_parts::of_list(leaf.raw),
        Kind::Str if leaf.raw.len() <= 80 && !leaf.raw.is_empty() => {
            let text = leaf.text();
            let text = text.trim();
            if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') { instant::from_number(text) } else { instant::parse(text) }
        }
        _ => None,
    }
}

/// A length: a number with the unit its name or convention states, or a text that describes itself.
pub fn length_of(leaf: &Leaf<'_>, unit: Option<Unit>) -> Option<Length> {
    let text = number_text(leaf)?;
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+')) && text.bytes().any(|b| b.is_ascii_digit());
    let found = if plain {
        match unit {
            Some(unit) => length::with_unit(&text, unit),
            None => text.parse::<f64>().ok().filter(|n| n.is_finite()).map(Length::bare),
        }
    } else if leaf.kind == Kind::Str {
        length::parse(&text)
    } else {
        None
    };
    found.filter(|l| l.ns.unwrap_or(0) >= 0 && l.bare >= 0.0)
}
