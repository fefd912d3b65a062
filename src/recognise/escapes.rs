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

/// Longest key that is looked for behind a string that holds bare quotes.
const MAX_KEY: usize = 128;

/// Where a string really ends whose logger does not escape quotes: at the first quote from `from` on that the next member or the end of the
/// object follows.
pub fn unescaped_end(text: &str, from: usize) -> Option<usize> {
    let b = text.as_bytes();
    let mut at = from;
    loop {
        at += memchr::memchr2(b'"', b'\\', b.get(at..)?)?;
        if b[at] == b'\\' {
            at += 2;
        } else if ends_value(b[at + 1..].trim_ascii_start()) {
            return Some(at);
        } else {
            at += 1;
        }
    }
}

fn ends_value(rest: &[u8]) -> bool {
    match rest.first() {
        Some(b'}') => matches!(rest[1..].trim_ascii_start().first(), None | Some(b',' | b'}' | b']')),
        Some(b',') => {
            let Some(key) = rest[1..].trim_ascii_start().strip_prefix(b"\"") else { return false };
            let end = key.iter().take(MAX_KEY).position(|c| matches!(c, b'"' | b'\\')).filter(|end| *end > 0 && key[*end] == b'"');
            end.is_some_and(|end| key[end + 1..].trim_ascii_start().first() == Some(&b':'))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_with_bare_quotes_ends_where_the_next_member_begins() {
        for (text, end) in
            [(r#"no" to T-17","context":{}}"#, Some(11)), (r#"no" to, "T-17"}"#, Some(13)), (r#"no" and "yes", "maybe" } said"#, None), (r#"a","b" to it"#, None), ("no", None)]
        {
            assert_eq!(unescaped_end(text, 0), end, "{text}");
        }
    }

    #[test]
    fn escapes_are_resolved_and_lone_surrogates_replaced() {
        assert_eq!(unescape(r"\u00e9\ud83d\ude00\ud83d x\q\"), "é😀\u{fffd} x\\q\\");
    }
}
