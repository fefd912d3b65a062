//! Escapes of JSON strings.
//!
//! Guarantees: wrong escapes stand as they are written, lone surrogates become the replacement character. Never panics.

/// Resolves the escapes of a JSON string; wrong ones stand as they are written.
pub fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(cut) = rest.find('\\') {
        out.push_str(&rest[..cut]);
        let tail = &rest[cut + 1..];
        let Some(c) = tail.chars().next() else {
            out.push('\\');
            return out;
        };
        let mut used = c.len_utf8();
        match c {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            '"' | '\\' | '/' => out.push(c),
            'u' => {
                let (ch, n) = unicode(&tail[1..]);
                out.push(ch);
                used += n;
            }
            other => {
                out.push('\\');
                out.push(other);
            }
        }
        rest = &tail[used..];
    }
    out.push_str(rest);
    out
}

/// `XXXX` or `XXXX\uXXXX` behind `\u`: the character and the bytes used.
fn unicode(text: &str) -> (char, usize) {
    let hex = |t: &str| t.get(..4).filter(|h| h.bytes().all(|b| b.is_ascii_hexdigit())).and_then(|h| u32::from_str_radix(h, 16).ok());
    let Some(high) = hex(text) else { return ('\u{fffd}', 0) };
    if let Some(c) = char::from_u32(high) {
        return (c, 4);
    }
    if (0xD800..0xDC00).contains(&high)
        && let Some(low) = text.get(4..).and_then(|t| t.strip_prefix("\\u")).and_then(hex)
        && (0xDC00..0xE000).contains(&low)
    {
        let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        return (char::from_u32(code).unwrap_or('\u{fffd}'), 10);
    }
    ('\u{fffd}', 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_resolved_and_lone_surrogates_replaced() {
        assert_eq!(unescape(r"\u00e9\ud83d\ude00\ud83d x\q\"), "é😀\u{fffd} x\\q\\");
    }
}
