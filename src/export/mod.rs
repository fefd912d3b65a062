//! A request in the forms of other tools: a ticket, a trace for a timeline viewer, spans for a tracing backend, its lines as they were.
//!
//! Guarantees: pure functions of a path and its lines; secrets that [`crate::recognise::sensitive`] marks are hidden in every form but the plain lines, what
//! people and models said is hidden when asked. Never asks the index, never writes a file.

pub mod inert;
pub mod markdown;
pub mod ndjson;
pub mod otlp;
pub mod perfetto;
pub mod veil;
mod veiled;

/// Longest part of a file name that an id gives.
const MAX_NAME: usize = 80;

/// A name for the file of a request that every system takes: letters, digits, `-` and `_` of its id, and an ending.
pub fn file_name(id: &str, ending: &str) -> String {
    let stem: String = id.chars().take(MAX_NAME).map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' }).collect();
    let stem = stem.trim_matches(['_', '-']);
    format!("{}.{ending}", if stem.is_empty() { "request" } else { stem })
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn a_file_name_holds_nothing_that_a_system_or_a_header_reads() {
        assert_eq!(file_name("req_01JDC9", "md"), "req_01JDC9.md");
        assert_eq!(file_name("../../etc/passwd", "ndjson"), "etc_passwd.ndjson");
        assert_eq!(file_name("a\"; filename=\"x.exe\r\n\u{202e}", "otlp.json"), "a___filename__x_exe.otlp.json");
        assert_eq!(file_name("é/…", "md"), "request.md");
        assert_eq!(file_name(&"x".repeat(500), "md").len(), 83);
    }
}
