//! The one way text reaches a page: markup becomes entities, and characters that steer the display become visible marks.
//!
//! Guarantees: whatever a log line, a file name or an id holds, it is shown as text and cannot move, hide or reorder what stands around
//! it. `askama.toml` names [`Visible`] as the escaper of every template, so no page can forget it. It never drops a character.

use crate::model::format::{self, steers};
use askama::filters::Escaper;
use std::fmt::{self, Write};

/// Escapes for HTML text and quoted attributes.
#[derive(Debug, Clone, Copy)]
pub struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, c) in text.char_indices() {
            let entity = entity(c);
            if entity.is_none() && (matches!(c, '\n' | '\t') || !steers(c)) {
                continue;
            }
            dest.write_str(&text[plain..at])?;
            plain = at + c.len_utf8();
            match entity {
                Some(entity) => dest.write_str(entity)?,
                None => format::mark(&mut dest, c)?,
            }
        }
        dest.write_str(&text[plain..])
    }
}

fn entity(c: char) -> Option<&'static str> {
    Some(match c {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&#39;",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut out = String::new();
        Visible.write_escaped_str(&mut out, text).unwrap();
        out
    }

    #[test]
    fn markup_becomes_text() {
        assert_eq!(shown(r#"<script>alert("x" + 'y' & z)</script>"#), "&lt;script&gt;alert(&quot;x&quot; + &#39;y&#39; &amp; z)&lt;/script&gt;");
    }

    #[test]
    fn controls_and_direction_marks_are_seen() {
        assert_eq!(shown("a\u{0}b\u{1b}[31mc\r\u{7f}"), "a␀b␛[31mc␍␡");
        assert_eq!(shown("user\u{202e}gpj.exe\u{2066}\u{85}\u{feff}"), "user⟦U+202E⟧gpj.exe⟦U+2066⟧⟦U+0085⟧⟦U+FEFF⟧");
    }

    #[test]
    fn ordinary_text_of_any_script_is_untouched() {
        for text in ["line one\n\tline two", "größer · 4,31 s", "日本語", "שלום", "👩\u{200d}💻"] {
            assert_eq!(shown(text), text);
        }
    }
}
