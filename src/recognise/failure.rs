//! Class and text of an error out of one string: tracebacks, stacks, `repr`s, `Class: text`.
//!
//! Guarantees: never invents a class out of prose; of chained tracebacks the raised one (the last) is taken. Never panics.

/// What a string says of an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said<'a> {
    /// Class.
    pub kind: Option<&'a str>,
    /// Text.
    pub message: Option<&'a str>,
    /// It is more than one line.
    pub has_stack: bool,
}

/// Reads an error text.
pub fn read(text: &str) -> Said<'_> {
    let text = text.trim();
    let has_stack = text.contains('\n');
    if let Some(at) = text.rfind("Traceback (most recent call last)") {
        return Said { has_stack: true, ..traceback(&text[at..]) };
    }
    let first = text.lines().next().unwrap_or("");
    // A stack that was written into one line.
    let first = first.find("   at ").filter(|_| first.contains('(')).map_or(first, |at| first[..at].trim_end());
    if let Some((kind, message)) = elixir(first).or_else(|| ruby(first)).or_else(|| class_and_text(first)) {
        return Said { kind: Some(kind), message: (!message.is_empty()).then_some(message), has_stack };
    }
    if let Some(kind) = repr(first) {
        return Said { kind: Some(kind), message: None, has_stack };
    }
    if is_class(text) {
        return Said { kind: Some(text), message: None, has_stack: false };
    }
    Said { kind: None, message: (!first.is_empty()).then_some(first), has_stack }
}

/// The class and the text a stack begins with, or Python's ends with.
pub fn of_stack(text: &str) -> Said<'_> {
    let text = text.trim();
    if text.contains("Traceback (most recent call last)") {
        return read(text);
    }
    let said = class_and_text(text.lines().next().unwrap_or(""));
    Said { kind: said.map(|(kind, _)| kind), message: said.map(|(_, message)| message).filter(|message| !message.is_empty()), has_stack: true }
}

/// The first line behind the frames that is not indented.
fn traceback(text: &str) -> Said<'_> {
    let mut at = 0;
    for (n, line) in text.split_inclusive('\n').enumerate() {
        let bare = line.trim_end();
        if n > 0 && !bare.is_empty() && !bare.starts_with([' ', '\t', '|']) {
            let rest = text[at..].trim_end();
            let (kind, message) = match rest.split_once(": ") {
                Some((kind, message)) if is_path(kind) => (kind, message.trim()),
                _ if is_path(bare.trim_end_matches(':')) => (bare.trim_end_matches(':'), ""),
                _ => return Said { kind: None, message: Some(bare), has_stack: true },
            };
            let kind = kind.rsplit('.').next().unwrap_or(kind);
            return Said { kind: Some(kind), message: (!message.is_empty()).then_some(message), has_stack: true };
        }
        at += line.len();
    }
    Said::default()
}

/// `** (RuntimeError) smtp 421`.
fn elixir(line: &str) -> Option<(&str, &str)> {
    let (kind, message) = line.strip_prefix("** (")?.split_once(')')?;
    is_path(kind).then(|| (kind, message.trim()))
}

/// `UpstreamTimeout (no answer after 3000 ms):`, as Ruby's servers and jobs write it.
fn ruby(line: &str) -> Option<(&str, &str)> {
    let (kind, message) = line.trim_end_matches(':').strip_suffix(')')?.split_once(" (")?;
    is_class(kind).then(|| (kind, message.trim()))
}

/// `java.lang.IllegalStateException: closed`, `TypeError: x`, `TypeError [CODE]: x`.
fn class_and_text(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("Exception in thread \"main\" ").or_else(|| line.strip_prefix("Uncaught ")).unwrap_or(line);
    let (head, message) = line.split_once(": ").or_else(|| line.strip_suffix(':').map(|h| (h, "")))?;
    let kind = head.split(" [").next().unwrap_or(head);
    is_class(kind).then(|| (kind, message.trim()))
}

/// `KeyError('sku')`, also behind words: `Retry in 0s: ConnectionError('db down')`.
fn repr(line: &str) -> Option<&str> {
    let (head, inside) = line.split_once(['(']).filter(|_| line.ends_with(')'))?;
    let kind = head.rsplit([' ', ':']).next().unwrap_or(head);
    // One's own (`InvalidAnswer('…')`) need not end like an error, where an error is what is told of.
    let is_own = || inside.starts_with(['\'', '"']) && (head == kind || head.ends_with(&format!(": {kind}"))) && has_two_humps(kind);
    (is_class(kind) || is_own()).then_some(kind)
}

/// `InvalidAnswer`: words in capitals, put together.
fn has_two_humps(name: &str) -> bool {
    is_path(name) && name.starts_with(|c: char| c.is_ascii_uppercase()) && name.as_bytes().windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}

fn is_path(text: &str) -> bool {
    !text.is_empty() && text.len() <= 200 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$' | b':' | b'\\')) && !text.ends_with('.')
}

/// A name that is written like a class and ends like an error's.
pub fn is_class(text: &str) -> bool {
    if !is_path(text) {
        return false;
    }
    let last = text.rsplit(['.', ':', '\\', '$']).next().unwrap_or(text);
    let ends = ["Error", "Exception", "Timeout", "Failure", "Fault", "Interrupt", "Exit", "Panic", "Warning", "Err", "Cancelled", "Canceled"];
    last.starts_with(|c: char| c.is_ascii_uppercase()) && (ends.iter().any(|e| last.ends_with(e)) || last.contains("Exception") || last.contains("Error"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_and_text_are_read_from_many_shapes() {
        for (text, kind, message) in [
            (
                "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    x()\napp.errors.RangeError: upstream closed: \"EOF\"",
                Some("RangeError"),
                Some("upstream closed: \"EOF\""),
            ),
            (
                "KeyError: 'cause'\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"a.py\"\nValueError: chained",
                Some("ValueError"),
                Some("chained"),
            ),
            ("java.lang.IllegalStateException: upstream closed\n\tat A.b(A.java:8)", Some("java.lang.IllegalStateException"), Some("upstream closed")),
            ("System.InvalidOperationException: Sequence contains no elements\n   at System.Linq", Some("System.InvalidOperationException"), Some("Sequence contains no elements")),
            ("System.FormatException: no id    at Shop.Price(Int32 id) in /srv/a.cs:line 8    at Shop.Main()", Some("System.FormatException"), Some("no id")),
            ("** (RuntimeError) smtp 421", Some("RuntimeError"), Some("smtp 421")),
            ("Retry in 0s: ConnectionError('db down')", Some("ConnectionError"), None),
            ("KeyError('sku')", Some("KeyError"), None),
            ("Retry in 3s: InvalidAnswer('no valid profile after 2 asks')", Some("InvalidAnswer"), None),
            ("gave up (Smith('a'))", None, Some("gave up (Smith('a'))")),
            ("UpstreamTimeout (no answer after 3000 ms):\napp.rb:15:in `perform'", Some("UpstreamTimeout"), Some("no answer after 3000 ms")),
            ("the job failed (for good)", None, Some("the job failed (for good)")),
            ("JSONDecodeError", Some("JSONDecodeError"), None),
            ("cannot read property 'id' of undefined", None, Some("cannot read property 'id' of undefined")),
            ("load config: file does not exist", None, Some("load config: file does not exist")),
            ("", None, None),
        ] {
            let said = read(text);
            assert_eq!((said.kind, said.message), (kind, message), "{text}");
        }
    }

    #[test]
    fn a_stack_without_a_class_has_none() {
        assert_eq!(of_stack("main.main\n\t/srv/go/main.go:93\nruntime.main").kind, None);
        assert_eq!(of_stack("SyntaxError: Unexpected token <\n    at a (b.js:1)").kind, Some("SyntaxError"));
        let python = of_stack("Traceback (most recent call last):\n  File \"a.py\", line 3, in f\nRuntimeError: no room");
        assert_eq!((python.kind, python.message), (Some("RuntimeError"), Some("no room")));
    }
}
