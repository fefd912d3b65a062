//! Which convention a line follows: the strongest whose signature it has, else nearly that of its source.
//!
//! Guarantees: a pure function of the members of the line, the tables and the customs of its source. It never reads a field.

use crate::recognise::{
    customs::Active,
    names::Names,
    plan,
    scan::{Kind, Leaf},
    spelling::Folded,
    table::{Convention, Tables},
};

/// What was chosen for the lines of a shape.
#[derive(Debug, Default)]
pub struct Chosen {
    /// The convention.
    pub convention: Option<usize>,
    /// Stronger ones that the shape has but whose values the line lacks.
    pub unless: Vec<usize>,
    /// Nothing on the line itself speaks for a convention.
    pub followed: bool,
}

/// The strongest convention whose signature the line has, in whatever case its keys are written; one that has them exactly goes before one
/// of a condition more that has not. A line that has none follows its source's, when it begins like the others and has half of the signature.
pub fn choose(leaves: &[Leaf<'_>], tables: &Tables, names: &Names, active: &Active) -> Chosen {
    if active.imposed {
        return Chosen { convention: active.convention, unless: Vec::new(), followed: true };
    }
    let dotted: Vec<String> = leaves.iter().map(|l| names.dotted(l.path)).collect();
    let written: Vec<(&str, Kind)> = dotted.iter().zip(leaves).map(|(path, leaf)| (path.as_str(), leaf.kind)).collect();
    let folded = Folded::of(&dotted);
    let (mut best, mut stronger): (Option<(i32, usize)>, Vec<(i32, usize)>) = (None, Vec::new());
    for (i, v) in tables.conventions.iter().enumerate() {
        let strength = v.when.strength();
        if best.is_some_and(|(score, _)| score >= strength) {
            break;
        }
        let is_exact = has_shape(v, &written);
        let may_be_respelt = v.when.is_telling() && v.may_fit(&folded);
        if !is_exact && !may_be_respelt {
            continue;
        }
        let spelt = if is_exact { Vec::new() } else { v.spell(&dotted) };
        let paths: Vec<(&str, Kind)> = if is_exact { written.clone() } else { spelt.iter().map(String::as_str).zip(leaves.iter().map(|l| l.kind)).collect() };
        if !is_exact && !has_shape(v, &paths) {
            continue;
        }
        let score = strength - i32::from(!is_exact);
        if best.is_some_and(|(found, _)| found >= score) {
            continue;
        }
        if passes(v, leaves, &paths) {
            best = Some((score, i));
        } else {
            stronger.push((score, i));
        }
    }
    if let Some((score, i)) = best {
        let unless = stronger.into_iter().filter(|(other, at)| *other > score || (*other == score && *at < i)).map(|(_, at)| at).collect();
        return Chosen { convention: Some(i), unless, followed: false };
    }
    let unless: Vec<usize> = stronger.into_iter().map(|(_, at)| at).collect();
    let begins_alike = written.first().is_some_and(|(first, _)| active.first_key.as_deref() == Some(*first));
    let convention = active.convention.filter(|i| begins_alike && !unless.contains(i) && nearly_has(&tables.conventions[*i], &written));
    Chosen { convention, unless, followed: true }
}

fn passes(v: &Convention, leaves: &[Leaf<'_>], paths: &[(&str, Kind)]) -> bool {
    plan::checks(v, paths.iter().map(|(path, _)| *path)).iter().all(|(leaf, check)| check.holds(leaves[*leaf as usize].raw))
}

/// Half of a signature, and nothing that speaks against it.
fn nearly_has(v: &Convention, paths: &[(&str, Kind)]) -> bool {
    let kind = |want: &str| paths.iter().find(|(p, _)| *p == want).map(|(_, k)| *k);
    let object = |want: &str| want.strip_suffix('.').is_some_and(|o| paths.iter().any(|(p, _)| p.strip_prefix(o).is_some_and(|r| r.starts_with('.'))));
    let typed = v.when.number.iter().map(|p| (p, Kind::Num)).chain(v.when.string.iter().chain(v.when.starts.keys()).chain(&v.when.capital).map(|p| (p, Kind::Str)));
    let (mut all, mut met) = (v.when.has.len(), v.when.has.iter().filter(|want| kind(want).is_some() || object(want)).count());
    for (path, want) in typed {
        match kind(path) {
            Some(found) if found != want => return false,
            found => met += usize::from(found.is_some()),
        }
        all += 1;
    }
    met > 0 && met * 2 >= all && !v.when.not.iter().any(|p| kind(p).is_some() || object(p))
}

fn has_shape(v: &Convention, paths: &[(&str, Kind)]) -> bool {
    let has = |want: &String| match want.strip_suffix('.') {
        Some(object) => paths.iter().any(|(p, _)| p.strip_prefix(object).is_some_and(|r| r.starts_with('.'))),
        None => paths.iter().any(|(p, _)| p == want),
    };
    let is = |want: &String, kind: Kind| paths.iter().any(|(p, k)| p == want && *k == kind);
    v.when.has.iter().all(has)
        && (v.when.any.is_empty() || v.when.any.iter().any(has))
        && !v.when.not.iter().any(has)
        && v.when.number.iter().all(|p| is(p, Kind::Num))
        && v.when.string.iter().all(|p| is(p, Kind::Str))
        && v.when.starts.keys().all(|p| is(p, Kind::Str))
        && v.when.capital.iter().all(|p| is(p, Kind::Str))
}
