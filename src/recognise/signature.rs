//! Which convention a line follows: the strongest whose signature it has, else nearly that of its source.
//!
//! Guarantees: a pure function of the members of the line, the tables and the customs of its source. It never reads a field.

use crate::recognise::{
    customs::Active,
    names::Names,
    plan,
    scan::{Kind, Leaf},
    table::{Convention, Tables},
};

/// The strongest convention whose signature the line has; and those before it that the shape has but whose values it lacks. A line that has
/// none follows its source's, when it begins like the others and has half of the signature; the
/// last member says so.
pub fn choose(leaves: &[Leaf<'_>], tables: &Tables, names: &Names, active: &Active) -> (Option<usize>, Vec<usize>, bool) {
    let paths: Vec<(String, Kind)> = leaves.iter().map(|l| (names.dotted(l.path), l.kind)).collect();
    let mut unless = Vec::new();
    if active.imposed {
        return (active.convention, unless, true);
    }
    for (i, v) in tables.conventions.iter().enumerate() {
        if !has_shape(v, &paths) {
            continue;
        }
        if plan::checks(v, leaves, names).iter().all(|(leaf, check)| check.holds(leaves[*leaf as usize].raw)) {
            return (Some(i), unless, false);
        }
        unless.push(i);
    }
    let begins_alike = paths.first().is_some_and(|(first, _)| active.first_key.as_ref() == Some(first));
    (active.convention.filter(|i| begins_alike && !unless.contains(i) && nearly_has(&tables.conventions[*i], &paths)), unless, true)
}

/// Half of a signature, and nothing that speaks against it.
fn nearly_has(v: &Convention, paths: &[(String, Kind)]) -> bool {
    let kind = |want: &str| paths.iter().find(|(p, _)| p == want).map(|(_, k)| *k);
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

fn has_shape(v: &Convention, paths: &[(String, Kind)]) -> bool {
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
