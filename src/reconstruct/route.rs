//! The route of a request: method and path with its variable parts folded, so that requests of one kind can be counted.
//!
//! Guarantees: a route template that a line states wins; folding looks at the shape of path parts only. Never merges paths by
//! statistics.

use crate::{model::id, reconstruct::item::Item};

/// The route a line states, folded.
pub fn of_item(item: &Item) -> Option<String> {
    let http = item.entry.http.as_ref()?;
    let path = http.route.as_deref().map(str::to_owned).or_else(|| http.path.as_deref().map(fold))?;
    Some(match http.method.as_deref() {
        Some(method) => format!("{method} {path}"),
        None => path,
    })
}

/// Path parts that look like values become `{id}`: they hold a digit and are no version word, or are shaped like an id.
pub fn fold(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let mut out = String::with_capacity(path.len());
    for (i, part) in path.split('/').enumerate() {
        if i > 0 {
            out.push('/');
        }
        out.push_str(if is_value(part) { "{id}" } else { part });
    }
    if out.len() > 120 {
        let mut cut = 120;
        while !out.is_char_boundary(cut) {
            cut -= 1;
        }
        out.truncate(cut);
        out.push('…');
    }
    out
}

/// A path one part of which is a value.
pub fn names_a_thing(path: &str) -> bool {
    path.split('/').any(is_value)
}

fn is_value(part: &str) -> bool {
    if part.is_empty() || is_version(part) {
        return false;
    }
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    if digits == part.len() || id::is_strong(part, true) || part.contains('@') || is_random_word(part) || part.split(['-', '_', '.']).any(is_drawn) {
        return true;
    }
    // `T-10413`, `order_77`, `2026-11-23`: digits that are no small suffix of a word such as `oauth2`.
    digits >= 2 && digits * 3 >= part.len()
}

/// `AbCdEf0123456789GhIj`, as keys and tokens hold it: letters of both cases and digits at random.
fn is_drawn(piece: &str) -> bool {
    let count = |is: fn(&u8) -> bool| piece.bytes().filter(is).count();
    let mixed = [u8::is_ascii_uppercase, u8::is_ascii_lowercase, u8::is_ascii_digit].into_iter().all(|is| count(is) >= 3);
    piece.len() >= 16 && mixed && piece.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// `doc_QWKzCfmZYPGWTMokUDKA`: behind its prefix an id drawn from letters of both cases, which may hold no digit. Words in camel case have
/// few capitals.
fn is_random_word(part: &str) -> bool {
    let Some((prefix, rest)) = part.split_once(['_', '-']) else { return false };
    let count = |is: fn(&u8) -> bool| rest.bytes().filter(is).count();
    let (upper, lower) = (count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    (2..=12).contains(&prefix.len())
        && prefix.bytes().all(|b| b.is_ascii_alphabetic())
        && rest.bytes().all(|b| b.is_ascii_alphanumeric())
        && ((rest.len() >= 16 && upper * 4 >= rest.len() && lower * 7 >= rest.len()) || (rest.len() >= 12 && upper * 3 >= rest.len() && lower * 4 >= rest.len()))
}

fn is_version(part: &str) -> bool {
    let rest = part.strip_prefix(['v', 'V']).unwrap_or("");
    !rest.is_empty() && rest.len() <= 4 && rest.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn values_in_a_path_are_folded_and_words_stay() {
        for (path, want) in [
            ("/tickets/T-10413/reply", "/tickets/{id}/reply"),
            ("/v1/runs/current", "/v1/runs/current"),
            ("/jobs/0978a751-63fb-453a-8a02-24e5360da344?x=1", "/jobs/{id}"),
            ("/users/42", "/users/{id}"),
            ("/oauth2/token", "/oauth2/token"),
            ("/wrk2-api/review/compose", "/wrk2-api/review/compose"),
            ("/v1/documents/doc_QWKzCfmZYPGWTMokUDKA/summary", "/v1/documents/{id}/summary"),
            ("/v1/jobs/job_HxiCqNeOpHxS", "/v1/jobs/{id}"),
            ("/pages/user_AccountPage", "/pages/user_AccountPage"),
            ("/pages/user_AccountSettingsPage", "/pages/user_AccountSettingsPage"),
            ("/hook/sk-proj-AbCdEf0123456789GhIj/run", "/hook/{id}/run"),
            ("/hook/account-settings-page", "/hook/account-settings-page"),
            ("/", "/"),
        ] {
            assert_eq!(fold(path), want);
        }
    }
}
