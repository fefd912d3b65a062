//! Takes terminal control sequences off a text.
//!
//! Guarantees: a text without them is not copied; an unfinished sequence is dropped. Never interprets a colour.

use std::borrow::Cow;

/// `text` without CSI (`ESC [ … letter`) and OSC (`ESC ] … BEL`) sequences and lone escapes.
pub(super) fn strip(text: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(0x1b, text.as_bytes()) else { return Cow::Borrowed(text) };
    let mut clean = String::with_capacity(text.len());
    let mut at = first;
    clean.push_str(&text[..first]);
    while at < text.len() {
        at += sequence(&text.as_bytes()[at..]);
        let next = memchr::memchr(0x1b, &text.as_bytes()[at..]).map_or(text.len(), |offset| at + offset);
        clean.push_str(&text[at..next]);
        at = next;
    }
    Cow::Owned(clean)
}

/// Length of the sequence at the head of `bytes`, which begins with ESC; always ends at a character boundary.
fn sequence(bytes: &[u8]) -> usize {
    match bytes.get(1) {
        Some(b'[') => {
            let body = bytes[2..].iter().take_while(|b| (0x20..0x40).contains(*b)).count();
            2 + body + usize::from(bytes.get(2 + body).is_some_and(|b| (0x40..0x7f).contains(b)))
        }
        Some(b']') => {
            let body = bytes[2..].iter().take_while(|b| **b != 0x07 && **b != 0x1b && **b != b'\n').count();
            2 + body + usize::from(bytes.get(2 + body) == Some(&0x07))
        }
        Some(byte) if byte.is_ascii() && *byte != 0x1b && *byte != b'\n' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_links_come_off() {
        assert_eq!(strip("\u{1b}[32mINFO\u{1b}[0m é \u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{7}"), "INFO é link");
        assert_eq!(strip("\u{1b}[1;38;5;12mx"), "x");
        assert_eq!(strip("a\u{1b}"), "a");
        assert_eq!(strip("a\u{1b}[3é"), "aé");
        assert!(matches!(strip("plain"), Cow::Borrowed("plain")));
    }
}
