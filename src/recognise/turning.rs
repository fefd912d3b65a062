//! That something did not answer and another is asked in its place, in words: `gpt-4.1 failed with InternalServerError, trying claude-sonnet-4-5`.
//!
//! Guarantees: only the head of a text is read; a text that names one of the two alone says nothing here. Whether they are models is for the caller to know.

use crate::recognise::mine;

/// `falling back to …`, `fallback after 3 attempts`.
pub fn says_fallback(body: &str) -> bool {
    let mut words = mine::head(body).split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).take(12).peekable();
    while let Some(word) = words.next() {
        let falls = is(word, &["fall", "falls", "falling", "fell"]) && words.peek().is_some_and(|next| is(next, &["back"]));
        if falls || is(word, &["fallback", "failover"]) {
            return true;
        }
    }
    false
}

/// What was left and what is asked instead.
pub fn from_to(body: &str) -> Option<(&str, &str)> {
    let words: Vec<&str> = mine::head(body).split_whitespace().take(24).map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric())).collect();
    let turn = words.iter().position(|word| is(word, &["trying", "retrying", "using", "switching", "falling", "fallback", "failing"]))?;
    let (before, after) = (&words[..turn], &words[turn + 1..]);
    let named = |words: &[&'_ str]| words.iter().position(|word| !is(word, &["back", "over", "to", "on", "with", "instead", "model", "provider"]));
    if let Some(from) = after.iter().take(3).position(|word| is(word, &["from"])) {
        let (left, rest) = after[from + 1..].split_first()?;
        let (to, taken) = rest.split_first().zip(rest.get(1)).map(|((to, _), taken)| (*to, *taken))?;
        return (is(to, &["to"]) && is_name(left) && is_name(taken) && left != &taken).then_some((left, taken));
    }
    let taken = after.iter().take(5).nth(named(&after[..after.len().min(5)])?).copied().filter(|word| is_name(word))?;
    // "giving up on gpt-5-mini", "gpt-5-mini failed".
    let given_up = before.windows(3).find(|three| is(three[0], &["up"]) && is(three[1], &["on"]) && is_name(three[2])).map(|three| three[2]);
    let failed = || before[..before.iter().rposition(|word| is(word, &FAILING))?].iter().rev().find(|word| is_name(word)).copied();
    let left = given_up.or_else(failed)?;
    (left != taken).then_some((left, taken))
}

const FAILING: [&str; 15] =
    ["failed", "fails", "failing", "unavailable", "errored", "error", "timed", "overloaded", "exhausted", "down", "refused", "rejected", "limited", "unreachable", "unhealthy"];

fn is(word: &str, list: &[&str]) -> bool {
    list.iter().any(|w| word.eq_ignore_ascii_case(w))
}

/// `gpt-4.1`, `openai/gpt-4o`, `llama3:70b`: a name of several parts, or with a number in it; no number and no address.
fn is_name(word: &str) -> bool {
    let parts = |b: u8| matches!(b, b'-' | b'.' | b':' | b'/' | b'_' | b'@');
    let is_spelt = (3..=64).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric() || parts(b)) && !word.contains("//");
    is_spelt && word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.bytes().any(|b| b.is_ascii_digit() || b == b'-' || b == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_and_what_is_asked_instead_is_read_where_both_are_named() {
        for (text, want) in [
            ("gpt-4.1 failed with InternalServerError, trying claude-sonnet-4-5", Some(("gpt-4.1", "claude-sonnet-4-5"))),
            ("\"gpt-4.1-mini\" unavailable (\"maxRetriesExceeded: 500\"), falling back to \"claude-haiku-4-5\"", Some(("gpt-4.1-mini", "claude-haiku-4-5"))),
            ("model openai/gpt-4o timed out after 3 attempts; switching to model mistral-large", Some(("openai/gpt-4o", "mistral-large"))),
            ("falling back from gpt-4o to gpt-4o-mini", Some(("gpt-4o", "gpt-4o-mini"))),
            ("giving up on gpt-5-mini, switching to claude-sonnet-4-6", Some(("gpt-5-mini", "claude-sonnet-4-6"))),
            ("llama3:70b is overloaded, retrying with llama3:8b", Some(("llama3:70b", "llama3:8b"))),
            ("gpt-4.1 failed, retrying in 2 seconds", None),
            ("request failed, trying again", None),
            ("using gpt-4.1 for extraction", None),
            ("falling back to claude-haiku-4-5", None),
            ("falling back from gpt-4o", None),
            ("falling back from", None),
            ("gpt-4.1 failed, trying gpt-4.1", None),
            ("trying", None),
            ("", None),
        ] {
            assert_eq!(from_to(text), want, "{text}");
        }
    }
}
