//! Steps that a text tells of in words: a tool that was called, rows and things that were stored.
//!
//! Guarantees: only the first words are looked at, and what they say must be said whole; a text of any length costs no more than its head. It never
//! reads fields.

use crate::model::entry::Write;

/// `tool search_clauses finished`, `Tool "lookup" failed`: the tool is named between the noun and what became of it.
pub fn tool(body: &str) -> Option<&str> {
    let mut words = body.split_whitespace();
    words.next().filter(|noun| noun.eq_ignore_ascii_case("tool"))?;
    let (name, end) = (words.next()?, words.next()?);
    let name = name.trim_matches(['"', '\'', '`']);
    let ended = is_of(end.trim_matches(|c: char| !c.is_alphanumeric()), &["finished", "completed", "done", "succeeded", "returned", "failed", "errored", "ended"]);
    let is_name = name.len() >= 3 && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')) && name.bytes().any(|b| b.is_ascii_alphabetic());
    let is_noun = is_of(name, &["call", "calls", "use", "run", "result", "server", "registry", "execution", "invocation", "loop", "has", "was", "not"]);
    (ended && is_name && !is_noun).then_some(name)
}

fn is_of(word: &str, list: &[&str]) -> bool {
    list.iter().any(|w| word.eq_ignore_ascii_case(w))
}

/// What a store was asked to do, by the verb that tells of it, in any case and tense.
fn operation_of(verb: &str) -> Option<&'static str> {
    const VERBS: [(&str, &[&str]); 5] = [
        ("insert", &["insert", "inserted", "write", "wrote", "written", "store", "stored", "save", "saved", "persist", "persisted"]),
        ("update", &["update", "updated"]),
        ("upsert", &["upsert", "upserted"]),
        ("delete", &["delete", "deleted", "remove", "removed"]),
        ("select", &["select", "selected", "read", "loaded", "fetch", "fetched", "get", "find"]),
    ];
    let verb = verb.trim_end_matches([':', '.', ',']);
    VERBS.iter().find(|(_, words)| is_of(verb, words)).map(|(operation, _)| *operation)
}

/// `db select`, `UPDATE done`, `loaded recipe`: what the text says a store was asked to do. What was written was written (`read model updated`); else the
/// first of the first three words that says it. That a store was asked is for the caller to know.
pub fn operation(body: &str) -> Option<&'static str> {
    let is_past = |word: &&str| word.trim_end_matches([':', '.', ',']).to_ascii_lowercase().ends_with(['d', 'n']);
    let mut done = body.split_whitespace().take(8).filter(is_past).filter_map(operation_of).filter(|operation| *operation != "select");
    if let Some(first) = done.next() {
        return done.all(|other| other == first).then_some(first);
    }
    body.split_whitespace().take(3).find_map(operation_of)
}

/// `stored 3 rows in kb_runs`.
pub fn rows(body: &str) -> Option<Write> {
    let mut words = body.split_whitespace();
    let operation = operation_of(words.next()?)?;
    let (count, noun, preposition, target) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let fits = is_of(noun, &["row", "rows", "record", "records", "document", "documents"]) && matches!(preposition, "in" | "into" | "from" | "to");
    fits.then(|| Write { system: None, operation: Some(operation.into()), target: Some(target.trim_end_matches([',', '.', ':']).into()), rows: count.parse().ok() })
}

/// Words before `stored` or `saved` that name no thing: `time saved: 3.2s`.
const NO_THINGS: [&str; 17] = ["has", "have", "had", "was", "were", "been", "not", "time", "cost", "costs", "money", "token", "tokens", "space", "memory", "energy", "bandwidth"];

/// `db insert lines`: it says where, too.
pub fn names_a_store(body: &str) -> bool {
    body.split_whitespace().next().is_some_and(|word| is_of(word.trim_end_matches(':'), &["db", "sql", "query", "database", "postgres", "mysql", "sqlite"]))
}

/// `update claims`, `INSERT INTO claim_items`, `db insert lines`: all that is said is what was done to which table.
pub fn statement(body: &str) -> Option<Write> {
    let mut words = body.split_whitespace().skip(usize::from(names_a_store(body)));
    let (verb, mut target) = (words.next()?, words.next()?);
    let operation = ["insert", "update", "upsert", "delete", "select"].into_iter().find(|word| verb.eq_ignore_ascii_case(word))?;
    if target.eq_ignore_ascii_case("into") || target.eq_ignore_ascii_case("from") {
        target = words.next()?;
    }
    let is_table = target.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && target.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    (is_table && words.next().is_none()).then(|| Write { system: None, operation: Some(operation.into()), target: Some(target.into()), rows: None })
}

/// `Recipe stored`, `embedding saved recipe_id=4411`, `Saved order 7`: a thing was written. That it took some time is for the caller to know.
pub fn stored(body: &str) -> Option<Write> {
    let was = |word: &str| match word.trim_end_matches([':', '.', ',']) {
        word if is_of(word, &["stored", "saved", "persisted", "inserted"]) => Some("insert"),
        word if word.eq_ignore_ascii_case("upserted") => Some("upsert"),
        _ => None,
    };
    let is_word = |word: &str| word.len() >= 2 && word.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-'));
    let mut words = [""; 6];
    for (slot, word) in words.iter_mut().zip(body.split_whitespace()) {
        *slot = word;
    }
    let (at, operation) = words.iter().enumerate().find_map(|(at, word)| Some((at, was(word)?)))?;
    let before = &words[..at];
    let thing = match before {
        [] => words[1],
        // `profile of candidate 4200 saved`
        [thing, of, ..] if of.eq_ignore_ascii_case("of") => thing,
        // `note 7 saved`
        [.., thing, number] if number.bytes().any(|b| b.is_ascii_digit()) => thing,
        [.., thing] => thing,
    };
    let is_thing = thing.len() >= 3 && is_word(thing) && !before.iter().chain([&thing]).any(|word| is_of(word, &NO_THINGS));
    is_thing.then(|| Write { system: None, operation: Some(operation.into()), target: Some(thing.to_ascii_lowercase().into()), rows: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verb_that_tells_of_a_store_says_what_it_was_asked() {
        for (text, expected) in [
            ("db select", Some("select")),
            ("DB: Insert", Some("insert")),
            ("saved recipe 17", Some("insert")),
            ("recipe row updated", Some("update")),
            ("loaded meal plan from cache", Some("select")),
            ("db query done", None),
            ("read model updated", Some("update")),
            ("fetch results stored", Some("insert")),
            ("2 rows deleted, 3 rows inserted", None),
            ("bulk load finished", None),
            ("query took longer than read limit", None),
            ("", None),
        ] {
            assert_eq!(operation(text), expected, "{text}");
        }
    }

    #[test]
    fn a_thing_that_was_stored_is_named_beside_the_word() {
        for (text, target) in [
            ("Recipe stored", Some("recipe")),
            ("recipe saved recipe_id=4411 ms=5.4", Some("recipe")),
            ("meal plan persisted in 4 ms", Some("plan")),
            ("Saved order 17", Some("order")),
            ("note 7 saved in 9 ms", Some("note")),
            ("profile of candidate 4200 saved (1 row, 3.3 ms)", Some("profile")),
            ("the user has not yet saved it", None),
            ("the row was not inserted", None),
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
