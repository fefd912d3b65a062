//! Text of logs in Markdown: shown, never acted on.
//!
//! Guarantees: whatever a log holds makes no markup, no HTML, no link, no mention and no reference when it is rendered, stays on one line and in one table
//! cell; characters that steer the display become visible marks. Code spans hold the text as it is; prose is escaped. Never cuts by itself.

use crate::model::format;

/// Breaks what renderers look for behind their parser (mentions, references, addresses), and is not seen.
const JOINER: char = '\u{2060}';

/// One line, with marks for what steers the display.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if format::steers(c) {
            // Writing into a string cannot fail.
            let _ = format::mark(&mut out, c);
        } else {
            out.push(c);
        }
    }
    out
}

/// A code span, with a fence longer than any in the text.
pub fn code(text: &str) -> String {
    let text = visible(text);
    if text.trim().is_empty() {
        return format::NONE.to_owned();
    }
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A code span inside a table, whose cells are cut before code is looked for.
pub fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in code(text).chars() {
        match c {
            // Behind a backslash of the text another one would free the bar again.
            '|' if out.ends_with('\\') => out.push('¦'),
            '|' => out.push_str("\\|"),
            c => out.push(c),
        }
    }
    out
}

/// Prose with names of logs in it.
pub fn prose(text: &str) -> String {
    let text = visible(text);
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' | '#' => out.extend(['\\', c, JOINER]),
            ':' if text[at..].starts_with("://") => out.extend(['\\', c, JOINER]),
            '.' if text[..at].to_ascii_lowercase().ends_with("www") => out.extend([JOINER, c]),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '|' | '~' | '$' | '!' | '^' | '=' => out.extend(['\\', c]),
            // At the begin of a line they would make a list or a rule.
            '+' | '-' if at == 0 => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_holds_a_text_whatever_it_is() {
        assert_eq!(code("a b"), "`a b`");
        assert_eq!(code("a `b` ``c``"), "``` a `b` ``c`` ```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("x\n# head\r\n\u{202e}y"), "`x␊# head␍␊⟦U+202E⟧y`");
        assert_eq!(code(" "), "–");
    }

    #[test]
    fn a_bar_never_ends_a_cell() {
        assert_eq!(cell("a|b"), "`a\\|b`");
        assert_eq!(cell("a\\|b"), "`a\\¦b`");
        assert_eq!(cell("||"), "`\\|\\|`");
    }

    #[test]
    fn prose_makes_no_markup_link_mention_or_reference() {
        assert_eq!(prose("<img src=x> & @octo #12"), "&lt;img src\\=x&gt; &amp; \\@\u{2060}octo \\#\u{2060}12");
        assert_eq!(prose("[a](http://x.y) www.z.org"), "\\[a\\](http\\:\u{2060}//x.y) www\u{2060}.z.org");
        assert_eq!(prose("- **b** `c` ~~d~~ $e$ a_b"), "\\- \\*\\*b\\*\\* \\`c\\` \\~\\~d\\~\\~ \\$e\\$ a\\_b");
        assert_eq!(prose("Answered in 4.31 s, 52 % of it gpt-4.1."), "Answered in 4.31 s, 52 % of it gpt-4.1.");
    }
}
