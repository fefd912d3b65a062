//! What stack traces look like, for framing and for finding what was raised.
//!
//! Guarantees: looks only at the form of a line; bounded work per line. Never decides which record a line belongs to.

use crate::recognise::severity;

/// Endings of class names that by themselves say "this line names an error".
const ENDINGS: [&[u8]; 6] = [b"Error", b"Exception", b"Exit", b"Interrupt", b"Timeout", b"Warning"];
/// How far a frame names its file.
const MAX_FRAME: usize = 1_000;
/// Longest class name believed.
const MAX_CLASS: usize = 160;

/// An unindented line that only stands inside a trace: `Traceback (most recent call last):`, `Caused by: …`, `stack backtrace:`, …
pub(super) fn is_inside_trace(line: &[u8]) -> bool {
    if is_ruby_frame(line) {
        return true;
    }
    const HEADS: [&[u8]; 13] = [
        b"Traceback (most recent call last):",
        b"During handling of the above exception",
        b"The above exception was the direct cause",
        b"Caused by:",
        b"Suppressed:",
        b"Stack trace:",
        b"stack backtrace:",
        b"note: run with `RUST_BACKTRACE",
        b"note: Some details are omitted",
        b"--- End of ",
        b"Exception Group Traceback",
        b"[signal SIG",
        b"Node.js v",
    ];
    HEADS.iter().any(|head| line.starts_with(head)) || is_goroutine(line) || is_frame(line) || is_elision(line)
}

/// `goroutine 1 [running]:`
pub(super) fn is_goroutine(line: &[u8]) -> bool {
    line.starts_with(b"goroutine ") && line.ends_with(b"]:")
}

/// A frame without its indent: `at foo (file.js:1:2)`, `File "x.py", line 3, in f`, `#0 /srv/x.php(3): f()`.
fn is_frame(line: &[u8]) -> bool {
    (line.starts_with(b"at ") && (line.ends_with(b")") || line.last().is_some_and(u8::is_ascii_digit)) && line.contains(&b':'))
        || line.starts_with(b"File \"")
        || (line.len() > 3 && line[0] == b'#' && line[1].is_ascii_digit() && (line.ends_with(b")") || line.ends_with(b"{main}")))
}

/// `... 12 more`
fn is_elision(line: &[u8]) -> bool {
    line.starts_with(b"... ") && line.ends_with(b" more") && line.get(4).is_some_and(u8::is_ascii_digit)
}

/// In a Go trace: a function, its caller, or how the program ended.
pub(super) fn is_go_line(line: &[u8]) -> bool {
    is_goroutine(line)
        || line.starts_with(b"created by ")
        || line.starts_with(b"exit status ")
        || line.starts_with(b"[signal ")
        || line.starts_with(b"runtime stack:")
        || line.starts_with(b"panic: ")
        || (line.ends_with(b")") && line.contains(&b'(') && !line[..line.iter().position(|b| *b == b'(').unwrap_or(0)].contains(&b' '))
}

/// Class and text of a line that names an error: `KeyError: 'x'`, `java.lang.IllegalStateException`, `litellm.Timeout: late`.
/// With `any` the class may end in anything (the last line of a Python trace), as long as it is an identifier.
pub(super) fn exception_head(line: &str, any: bool) -> Option<(&str, &str)> {
    let bytes = line.as_bytes();
    let class = bytes.iter().take(MAX_CLASS).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$' | b'\\')).count();
    let name = &bytes[..class];
    let first = *name.first()?;
    if !(first.is_ascii_alphabetic() || first == b'_') || name.ends_with(b".") {
        return None;
    }
    let simple = name.rsplit(|b| matches!(b, b'.' | b'\\' | b'$')).next()?;
    let is_error = simple.first().is_some_and(u8::is_ascii_uppercase) && ENDINGS.iter().any(|ending| simple.ends_with(ending));
    if !any && !is_error {
        return None;
    }
    if any && severity::of_word(&line[..class]).is_some() {
        return None;
    }
    match bytes.get(class..)? {
        [] => Some((line, "")),
        [b':'] => Some((&line[..class], "")),
        [b':', b' ', ..] => Some((&line[..class], line[class + 2..].trim_end())),
        // Node writes the code behind the class: `Error [ERR_X]: text`.
        [b' ', b'[', rest @ ..] if !any => {
            let close = rest.iter().take(60).position(|b| *b == b']')?;
            rest.get(close + 1..)?.starts_with(b": ").then(|| (&line[..class], line[class + close + 5..].trim_end()))
        }
        _ => None,
    }
}

/// ``app/jobs/a.rb:15:in `perform'``: Ruby indents no frame.
fn is_ruby_frame(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let Some(at) = (line.last() == Some(&b'\'')).then(|| memchr::memmem::find(&line[..line.len().min(MAX_FRAME)], b":in ")).flatten() else { return false };
    let (place, name) = (&line[..at], &line[at + 4..]);
    let number = place.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    number > 0 && place.len() > number + 1 && place[place.len() - number - 1] == b':' && !place.contains(&b' ') && matches!(name.first(), Some(b'`' | b'\''))
}

/// Class and text of what a trace says was raised: the last exception of a Python trace, the first of any other.
pub fn raised(trace: &str) -> Option<(&str, &str)> {
    match trace.rfind("Traceback (most recent call last):") {
        Some(at) => python(&trace[at..]),
        None => trace.lines().take(200).find_map(foreign),
    }
}

fn python(trace: &str) -> Option<(&str, &str)> {
    trace.lines().skip(1).find(|line| !line.is_empty() && !line.starts_with([' ', '\t'])).and_then(|line| exception_head(line, true))
}

fn foreign(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let line = line.strip_prefix("Caused by: ").unwrap_or(line);
    if let Some(text) = line.strip_prefix("panic: ") {
        return Some(("panic", text.trim_end()));
    }
    if line.starts_with("thread '") && line.contains(" panicked at ") {
        let text = line.split_once(" panicked at ").map_or("", |(_, text)| text);
        return Some(("panic", text.trim_end_matches(':')));
    }
    exception_head(line.strip_prefix("Uncaught ").unwrap_or(line), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_trace_raised() {
        let chained = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'x'\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"b.py\", line 2, in g\n    raise Problem(1)\nshop.Problem: cannot: do\nsecond line";
        assert_eq!(raised(chained), Some(("shop.Problem", "cannot: do")));
        assert_eq!(
            raised("java.lang.IllegalStateException: no stock\n\tat a.B.c(B.java:3)\nCaused by: java.sql.SQLException: gone"),
            Some(("java.lang.IllegalStateException", "no stock"))
        );
        assert_eq!(
            raised("TypeError: Cannot read properties of undefined (reading 'decode')\n    at /srv/helpdesk/src/node_worker.js:59:97"),
            Some(("TypeError", "Cannot read properties of undefined (reading 'decode')"))
        );
        assert_eq!(raised("Error [ERR_HTTP_HEADERS_SENT]: Cannot set headers\n    at x"), Some(("Error", "Cannot set headers")));
        assert_eq!(raised("panic: runtime error: index out of range\n\ngoroutine 1 [running]:"), Some(("panic", "runtime error: index out of range")));
        assert_eq!(raised("thread 'main' panicked at src/main.rs:2:5:\nboom"), Some(("panic", "src/main.rs:2:5")));
        assert_eq!(raised("all is well\nreally"), None);
    }

    #[test]
    fn frames_of_ruby_stand_unindented() {
        assert!(is_inside_trace(b"/srv/app/jobs/summarise.rb:48:in `block in perform_now'"));
        assert!(is_inside_trace(b"app.rb:15:in 'Job#perform'"));
        assert!(!is_inside_trace(b"app.rb:15:in `perform': no answer (UpstreamTimeout)"));
        assert!(!is_inside_trace(b"see app.rb:15:in 'x'"));
    }

    #[test]
    fn lines_of_prose_are_no_trace() {
        for line in ["at noon we rest", "#1 priority", "File saved", "ERROR: boom", "Caused trouble", "... and more"] {
            assert!(!is_inside_trace(line.as_bytes()), "{line}");
            assert_eq!(exception_head(line, false), None, "{line}");
        }
    }
}
