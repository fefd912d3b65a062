//! Steps that a text tells of in words: a tool that was called, rows and things that were stored.
//!
//! Guarantees: only the first words are looked at, and what they say must be said whole; a text of any length costs no more than its head. It never
//! reads fields.

use crate::model::entry::Write;

/// `tool search_clauses finished`, `Tool "lookup" failed`: the tool is named between the noun and what became of it.
pub fn tool(body: &str) -> Option<&str> {
    let mut words = body.split_whitespace();
    let (noun, name, end) = (words.next()?, words.next()?, words.next()?);
    let name = name.trim_matches(['"', '\'', '`']);
    let ended = matches!(
        &*end.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase(),
        "finished" | "completed" | "done" | "succeeded" | "returned" | "failed" | "errored" | "ended"
    );
    let is_name = name.len() >= 3 && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')) && name.bytes().any(|b| b.is_ascii_alphabetic());
    let is_noun =
        matches!(&*name.to_ascii_lowercase(), "call" | "calls" | "use" | "run" | "result" | "server" | "registry" | "execution" | "invocation" | "loop" | "has" | "was" | "not");
    (noun.eq_ignore_ascii_case("tool") && ended && is_name && !is_noun).then_some(name)
}

/// `stored 3 rows in kb_runs`.
pub fn rows(body: &str) -> Option<Write> {
    let words: Vec<&str> = body.split_whitespace().take(8).collect();
    let [verb, count, noun, preposition, target, ..] = words[..] else { return None };
    let operation = match verb.to_ascii_lowercase().as_str() {
        "stored" | "inserted" | "wrote" | "saved" | "insert" => "insert",
        "updated" | "update" => "update",
        "upserted" => "upsert",
        "deleted" | "removed" => "delete",
        "read" | "loaded" | "fetched" | "selected" => "select",
        _ => return None,
    };
    let fits =
        matches!(noun.to_ascii_lowercase().as_str(), "row" | "rows" | "record" | "records" | "document" | "documents") && matches!(preposition, "in" | "into" | "from" | "to");
    fits.then(|| Write { system: None, operation: Some(operation.into()), target: Some(target.trim_end_matches([',', '.', ':']).into()), rows: count.parse().ok() })
}

/// Words before `stored` or `saved` that name no thing: `time saved: 3.2s`.
const NO_THINGS: [&str; 17] = ["has", "have", "had", "was", "were", "been", "not", "time", "cost", "costs", "money", "token", "tokens", "space", "memory", "energy", "bandwidth"];

/// `Recipe stored`, `embedding saved recipe_id=4411`, `Saved order 7`: a thing was written. That it took some time is for the caller to know.
pub fn stored(body: &str) -> Option<Write> {
    let operation = |word: &str| match &*word.trim_end_matches([':', '.', ',']).to_ascii_lowercase() {
        "stored" | "saved" | "persisted" | "inserted" => Some("insert"),
        "upserted" => Some("upsert"),
        _ => None,
    };
    let is_thing = |word: &&str| word.len() >= 3 && word.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-')) && !NO_THINGS.contains(&&*word.to_ascii_lowercase());
    let words: Vec<&str> = body.split_whitespace().take(4).collect();
    let (thing, operation) = match words[..] {
        [verb, thing, ..] if operation(verb).is_some() => (thing, operation(verb)?),
        [thing, verb, ..] if operation(verb).is_some() => (thing, operation(verb)?),
        [_, thing, verb, ..] if operation(verb).is_some() => (thing, operation(verb)?),
        _ => return None,
    };
    is_thing(&thing).then(|| Write { system: None, operation: Some(operation.into()), target: Some(thing.to_ascii_lowercase().into()), rows: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_that_was_stored_is_named_beside_the_word() {
        for (text, target) in [
            ("Recipe stored", Some("recipe")),
            ("recipe saved recipe_id=4411 ms=5.4", Some("recipe")),
            ("meal plan persisted in 4 ms", Some("plan")),
            ("Saved order 17", Some("order")),
            ("row upserted", Some("row")),
            ("time saved: 3.2s", None),
            ("stored in 3 ms", None),
            ("17 saved", None),
            ("user has saved it", None),
            ("recipe restored", None),
        ] {
            assert_eq!(stored(text).and_then(|w| w.target).as_deref(), target, "{text}");
        }
    }
}
