//! When an id was made, where its own characters say so.
//!
//! Guarantees: only forms that carry a time by their rules (ULID, UUID of version 7), and only times between 2015 and 2100, which a random
//! id has by chance in few cases; it is told as what the id says, never used to join anything.

use crate::model::time::UnixNanos;

const MS_NS: i64 = 1_000_000;
/// 2015-01-01 and 2100-01-01 in milliseconds.
const YEARS_MS: std::ops::Range<u64> = 1_420_070_400_000..4_102_444_800_000;

/// The time an id says it was made at, with or without a prefix as `req_`.
pub fn made_at(id: &str) -> Option<UnixNanos> {
    let bare = id.rsplit(['_', ':']).next().unwrap_or(id);
    let ms = ulid_ms(bare).or_else(|| uuid7_ms(bare))?;
    YEARS_MS.contains(&ms).then(|| UnixNanos(ms as i64 * MS_NS))
}

/// Ten characters of Crockford's alphabet hold 48 bits.
fn ulid_ms(text: &str) -> Option<u64> {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let digit = |byte: u8| ALPHABET.iter().position(|c| *c == byte.to_ascii_uppercase());
    if text.len() != 26 || !text.bytes().all(|byte| digit(byte).is_some()) {
        return None;
    }
    text.bytes().take(10).try_fold(0_u64, |ms, byte| Some(ms << 5 | digit(byte)? as u64))
}

fn uuid7_ms(text: &str) -> Option<u64> {
    let hex: String = text.chars().filter(|c| *c != '-').collect();
    let is_seven =
        hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()) && hex.as_bytes()[12] == b'7' && matches!(hex.as_bytes()[16], b'8' | b'9' | b'a' | b'b' | b'A' | b'B');
    is_seven.then(|| u64::from_str_radix(&hex[..12], 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::format;

    #[test]
    fn ids_with_a_time_say_it_and_others_say_none() {
        let said = |id: &str| made_at(id).map(format::instant);
        assert_eq!(said("req_01JDC9V6Q8Z4M2K7T3W5XH0B1N").as_deref(), Some("2024-11-23 10:42:24.104"));
        assert_eq!(said("0193f5a0-7c00-7abc-8def-0123456789ab").as_deref(), Some("2024-12-23 22:25:55.712"));
        for id in ["0978a751-63fb-453a-8a02-24e5360da344", "1187", "", "req_", "chatcmpl-9xT2Qm4LwZ81", "ZZZZZZZZZZZZZZZZZZZZZZZZZZ", "00000000000000000000000000"] {
            assert_eq!(said(id), None, "{id}");
        }
    }
}
