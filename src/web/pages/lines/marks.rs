//! Marks what was looked for in the text of a line.
//!
//! Guarantees: the pieces put together are the text; one pass, in any case of letters; of two that begin at one place the longer counts.

use crate::{query::view::Sought, web::pages::parts::Piece};

/// Cuts a text at what was looked for.
pub fn mark(text: &str, sought: &[Sought]) -> Vec<Piece> {
    let wanted: Vec<(Vec<char>, &Sought)> =
        sought.iter().map(|s| (s.text.chars().flat_map(char::to_lowercase).collect(), s)).filter(|(w, _): &(Vec<char>, _)| !w.is_empty()).collect();
    let mut out = Vec::new();
    let (mut plain, mut at, mut inside_word) = (0, 0, false);
    while let Some(first) = text[at..].chars().next() {
        let ends = wanted.iter().filter(|(_, s)| !(s.word && inside_word)).filter_map(|(word, s)| end_of(&text[at..], word, s.word && s.whole));
        if let Some(length) = ends.max() {
            if at > plain {
                out.push(Piece { text: text[plain..at].to_owned(), marked: false });
            }
            out.push(Piece { text: text[at..at + length].to_owned(), marked: true });
            at += length;
            plain = at;
            inside_word = text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        } else {
            at += first.len_utf8();
            inside_word = first.is_alphanumeric();
        }
    }
    if plain < text.len() {
        out.push(Piece { text: text[plain..].to_owned(), marked: false });
    }
    out
}

/// How many bytes of the text are the word, when it begins with it.
fn end_of(text: &str, word: &[char], whole: bool) -> Option<usize> {
    let mut left = word;
    for (at, c) in text.char_indices() {
        for lower in c.to_lowercase() {
            left = left.split_first().filter(|(wanted, _)| **wanted == lower)?.1;
        }
        if left.is_empty() {
            let end = at + c.len_utf8();
            let goes_on = text[end..].chars().next().is_some_and(char::is_alphanumeric);
            return (!(whole && goes_on)).then_some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str, sought: &[Sought]) -> String {
        let pieces = mark(text, sought);
        assert_eq!(pieces.iter().map(|p| p.text.as_str()).collect::<String>(), text);
        pieces.iter().map(|p| if p.marked { format!("[{}]", p.text) } else { p.text.clone() }).collect()
    }

    fn word(text: &str) -> Sought {
        Sought { text: text.into(), whole: true, word: true }
    }

    #[test]
    fn words_are_marked_whole_and_in_any_case() {
        assert_eq!(marked("Retry retrying re-retry RETRY.", &[word("retry")]), "[Retry] retrying re-[retry] [RETRY].");
        assert_eq!(marked("retrying", &[Sought { whole: false, ..word("retr") }]), "[retr]ying");
        assert_eq!(marked("Größe GRÖSSE größer", &[word("größe")]), "[Größe] GRÖSSE größer");
    }

    #[test]
    fn a_phrase_may_stand_anywhere_and_the_longer_of_two_counts() {
        let phrase = Sought { text: "connection reset".into(), whole: false, word: false };
        assert_eq!(marked("a Connection resetting", &[phrase, word("connection")]), "a [Connection reset]ting");
        assert_eq!(marked("aaaa", &[Sought { text: "aa".into(), whole: false, word: false }]), "[aa][aa]");
        assert_eq!(marked("İi", &[word("x")]), "İi");
        assert_eq!(marked("", &[word("x")]), "");
    }
}
