//! What all lines together taught, and what to do about what cannot be read.
//!
//! Guarantees: clocks and roles are those that paths are rebuilt with; a way out is named only where the trouble is one we know.

use crate::{
    model::{clock_words, id::IdKind, profile::RoleDecision, trace::Skew},
    web::format,
};

/// Most fields of a service that are listed.
const MAX_FIELDS: usize = 200;

/// Two clocks.
pub struct ClockView {
    /// Whose.
    pub host: String,
    /// Against which.
    pub against: String,
    /// Least and most of the difference.
    pub interval: String,
    /// How many hand-overs say so.
    pub hand_overs: String,
    /// What follows.
    pub words: String,
    /// They are known to stand off.
    pub off: bool,
}

/// Id fields of a service.
pub struct RolesView {
    /// Service and number.
    pub title: String,
    /// Fields.
    pub fields: Vec<FieldView>,
    /// Those that are not listed.
    pub more: String,
}

/// A field.
pub struct FieldView {
    /// Name.
    pub label: String,
    /// What its ids name.
    pub role: &'static str,
    /// Its name alone says something else.
    pub by_name: Option<&'static str>,
    /// Lines.
    pub lines: String,
    /// Distinct values.
    pub values: String,
    /// Why.
    pub why: String,
}

/// Clocks in the order they were found.
pub fn clocks(known: &[Skew]) -> Vec<ClockView> {
    let interval = |s: &Skew| match (s.min_ns, s.max_ns) {
        (Some(least), Some(most)) => format!("{} to {}", format::offset(least), format::offset(most)),
        (Some(least), None) => format!("at least {}", format::offset(least)),
        (None, Some(most)) => format!("at most {}", format::offset(most)),
        (None, None) => "not known".to_owned(),
    };
    let view = |s: &Skew| {
        let (words, off) = clock_words::sentence(s).unwrap_or_else(|| ("they may well agree".to_owned(), false));
        ClockView { host: s.host.clone(), against: s.against.clone(), interval: interval(s), hand_overs: format::counted(s.hand_overs, "hand-over", "hand-overs"), words, off }
    };
    known.iter().map(view).collect()
}

/// Fields by service; the decisions stand in that order.
pub fn roles(decisions: &[RoleDecision]) -> Vec<RolesView> {
    let of_service = |fields: &[RoleDecision]| RolesView {
        title: format!("{}: {}", fields[0].service, format::counted(fields.len() as u64, "field", "fields")),
        more: if fields.len() > MAX_FIELDS { format!("and {} more", format::count((fields.len() - MAX_FIELDS) as u64)) } else { String::new() },
        fields: fields.iter().take(MAX_FIELDS).map(field).collect(),
    };
    decisions.chunk_by(|a, b| a.service == b.service).map(of_service).collect()
}

fn field(d: &RoleDecision) -> FieldView {
    FieldView {
        label: d.label.clone(),
        role: word(d.kind),
        by_name: (d.by_name != d.kind).then(|| word(d.by_name)),
        lines: format::count(d.lines),
        values: format::count(d.distinct),
        why: d.why.clone(),
    }
}

fn word(kind: IdKind) -> &'static str {
    match kind {
        IdKind::Request => "request",
        IdKind::Trace => "trace",
        IdKind::Span => "span",
        IdKind::Task => "task",
        IdKind::Call => "call",
        IdKind::Tool => "tool",
        IdKind::Group => "group",
        IdKind::Other => "other",
    }
}

/// What to do about a trouble.
pub fn way_out(trouble: &str) -> Option<&'static str> {
    let trouble = trouble.to_ascii_lowercase();
    let about = |words: &[&str]| words.iter().any(|word| trouble.contains(word));
    Some(match () {
        () if about(&["permission denied"]) => {
            "Let the user that runs Throughline read it (chmod o+r on the file, and x on its folders; or a group of its own); it is tried again by itself."
        }
        () if about(&["too many open files"]) => "Raise the limit of open files (ulimit -n) where Throughline is started.",
        () if about(&["no space", "disk is full", "cannot be written"]) => "Make room on the disk of the data directory; reading goes on by itself.",
        () if about(&["damaged", "corrupt", "truncated", "unexpected end", "cut off"]) => {
            "What stands before the damage was read. Copy the file anew under the same name and it is read again."
        }
        () if about(&["still being written"]) => "Nothing is to be done: it is read to its end when it is whole.",
        () if about(&["no such file", "not found", "gone"]) => "Check the path or the pattern; it is read as soon as it is there.",
        () if about(&["input/output error", "stale"]) => "The disk or the network share does not answer; look at it there.",
        () => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_of_clocks_is_told_with_its_bounds() {
        let skew = |min_ns, max_ns| Skew { host: "worker".into(), against: "api".into(), min_ns, max_ns, hand_overs: 1_412, applied: false };
        let told: Vec<(String, String, bool)> =
            clocks(&[skew(None, Some(-1_690_000_000)), skew(Some(-3_000_000), Some(4_000_000))]).into_iter().map(|c| (c.interval, c.hand_overs, c.off)).collect();
        assert_eq!(told, [("at most −1.69 s".into(), "1,412 hand-overs".into(), true), ("−3 ms to +4 ms".into(), "1,412 hand-overs".into(), false)]);
    }

    #[test]
    fn troubles_that_are_known_have_a_way_out() {
        assert!(way_out("cannot be read: permission denied").unwrap().contains("chmod o+r"));
        assert!(way_out("Permission denied; tried again every 5 s").is_some());
        assert_eq!(way_out("binary, not text"), None);
    }
}
