//! What each subcommand does: questions to the index, answers as text or JSON on standard output.
//!
//! Guarantees: output is data alone (notices go to standard error), no colours when it is no terminal, control characters of log lines
//! are shown as marks, never sent to the terminal; a closed pipe is success. Never opens or chooses a data directory: that is `app`'s.

pub mod explain;
pub mod export;
pub mod roles;
pub mod search;
pub mod show;
pub mod stats;

use std::io::{self, Write};

/// Where a command writes and how.
pub struct Out<'a> {
    /// The stream.
    pub to: &'a mut dyn Write,
    /// It is a terminal that shows colours.
    pub colour: bool,
    /// Columns.
    pub width: usize,
}

/// Terminal styles in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Figures and headings.
    Strong,
    /// Secondary.
    Faint,
    /// Trouble.
    Bad,
    /// Waits.
    Wait,
    /// Good ends.
    Good,
}

impl Out<'_> {
    /// A text in a style, when colours are shown.
    pub fn styled(&self, text: &str, style: Style) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match style {
            Style::Strong => "1",
            Style::Faint => "2",
            Style::Bad => "31",
            Style::Wait => "33",
            Style::Good => "32",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// One line.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.to, "{text}")
    }
}

/// Log text for a terminal: control and direction characters become visible marks (CWE-150).
pub fn safe(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
            '\u{7f}' => '\u{2421}',
            '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{feff}' => '\u{fffd}',
            _ => c,
        })
        .collect()
}

/// A text cut to a number of characters, with a mark where it was cut.
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let head: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{head}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(safe("a\u{1b}[31mred\u{7}\u{202e}x\ty"), "a␛[31mred␇\u{fffd}x y");
    }

    #[test]
    fn long_texts_are_cut_with_a_mark() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
    }
}
