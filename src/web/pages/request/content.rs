//! Raw lines as a page shows them: joining ids marked, secrets never shown, prompts and answers folded and read as turns.
//!
//! Guarantees: what is marked as a secret leaves no character of itself on a page; what people and models said is behind a disclosure that
//! says how long it is, or is left out where the reader wishes so. Never changes what is stored.

use crate::{
    export::veil::Veil,
    model::format,
    query::view::PathView,
    recognise::sensitive::{self, Kind, Mark, Sensitive},
    web::{
        links,
        pages::parts::{self, Ids},
    },
};
use serde_json::Value;
use std::ops::Range;

/// What stands for a secret.
pub const SECRET: &str = "[secret]";
/// Most turns of one conversation that are shown.
const MAX_TURNS: usize = 60;
/// Longest line of which what is marked is known; of a longer one only the begin is looked at.
const MAX_LOOKED_AT: usize = 256 * 1024;

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As written.
    Text(String),
    /// An id that joins.
    Id(String),
    /// A key, a token or a password; it is not shown.
    Secret,
    /// What was said.
    Said {
        /// How long it is, in words.
        summary: String,
        /// Who said what.
        turns: Vec<Turn>,
    },
}

/// What one side said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// `user`, `assistant`, `system`, `tool`; empty when it is not said.
    pub role: String,
    /// The text.
    pub text: String,
}

/// A line cut at what joins, what is secret and what was said, with the bytes of it that are left out.
/// What is marked is told by the whole line, so that a value that is cut is no less hidden.
pub fn pieces(raw: &str, limit: usize, ids: &Ids<'_>, veil: &Veil) -> (Vec<Piece>, usize) {
    let (looked_at, is_long) = links::cut(raw, MAX_LOOKED_AT);
    if veil.hides_content() {
        if is_long {
            return (vec![Piece::Text(format!("[a line of {} is not shown while content is hidden]", format::bytes(raw.len() as u64)))], 0);
        }
        let hidden = veil.record(raw);
        let (shown, _) = links::cut(&hidden, limit);
        return (plain(shown, ids).collect(), hidden.len() - shown.len());
    }
    let mut marks = sensitive::marks(looked_at, Sensitive::builtin());
    // What a line marks as a secret is none less where it or another line repeats it.
    marks.retain(|mark| mark.kind != Kind::Secret);
    marks.extend(veil.secrets(looked_at).into_iter().map(|at| Mark { at, kind: Kind::Secret }));
    marks.sort_by_key(|mark| (mark.at.start, std::cmp::Reverse(mark.at.end)));
    let (mut out, mut at, mut room) = (Vec::new(), 0, limit);
    let as_written = |range: Range<usize>, room: &mut usize, out: &mut Vec<Piece>| {
        let (shown, _) = links::cut(&looked_at[range], *room);
        *room -= shown.len();
        out.extend(plain(shown, ids));
    };
    for mark in &marks {
        if mark.at.start < at {
            if mark.kind == Kind::Secret && mark.at.end > at {
                out.push(Piece::Secret);
                at = mark.at.end;
            }
            continue;
        }
        as_written(at..mark.at.start, &mut room, &mut out);
        at = mark.at.end;
        if room == 0 {
            break;
        }
        out.push(match mark.kind {
            Kind::Secret => Piece::Secret,
            Kind::Content => said(looked_at, mark, &marks, &mut room),
        });
    }
    if at < looked_at.len() && room > 0 {
        as_written(at..looked_at.len(), &mut room, &mut out);
    }
    (out, raw.len().saturating_sub(limit))
}

/// Text with the ids in it.
fn plain(text: &str, ids: &Ids<'_>) -> impl Iterator<Item = Piece> {
    parts::mark_ids(text, ids).into_iter().map(|p| if p.marked { Piece::Id(p.text) } else { Piece::Text(p.text) })
}

/// A path in whose texts nothing secret stands, nor, where the reader wishes so, what was said. Raw lines stay as they are: [`pieces`] cuts
/// them.
pub fn veiled(path: &PathView, veil: &Veil) -> PathView {
    let (trace, log) = veil.path(&path.trace, &path.log);
    PathView { trace, log, ..path.clone() }
}

/// A part of a record with its secrets replaced; `from` is where it begins in what the marks count from.
fn masked(part: &str, marks: &[Mark], from: usize) -> String {
    let (mut out, mut at) = (String::with_capacity(part.len()), 0);
    for mark in marks.iter().filter(|m| m.kind == Kind::Secret && m.at.start < from + part.len() && m.at.end > from) {
        let (start, end) = (mark.at.start.saturating_sub(from), (mark.at.end - from).min(part.len()));
        if start >= at {
            out.push_str(&part[at..start]);
            out.push_str(SECRET);
            at = end;
        }
    }
    out.push_str(&part[at..]);
    out
}

fn said(raw: &str, mark: &Mark, marks: &[Mark], room: &mut usize) -> Piece {
    let part = &raw[mark.at.clone()];
    let length = part.chars().count();
    let mut turns = turns(&masked(part, marks, mark.at.start));
    let of = if turns.len() > 1 { format!("{}, ", format::counted(turns.len() as u64, "turn", "turns")) } else { String::new() };
    for turn in &mut turns {
        let (shown, is_cut) = links::cut(&turn.text, *room);
        *room -= shown.len();
        turn.text = if is_cut { format!("{shown}…") } else { shown.to_owned() };
    }
    turns.retain(|t| !t.text.is_empty() && t.text != "…");
    Piece::Said { summary: format!("said: {of}{}", format::counted(length as u64, "character", "characters")), turns }
}

/// A conversation as its turns; any other text is one turn.
fn turns(part: &str) -> Vec<Turn> {
    let plain = unescaped(part);
    let list = [part, plain.as_str()].into_iter().find_map(|t| match serde_json::from_str(t) {
        Ok(Value::Array(list)) if !list.is_empty() => Some(list),
        Ok(Value::Object(one)) => Some(vec![Value::Object(one)]),
        _ => None,
    });
    let Some(list) = list else { return vec![Turn { role: String::new(), text: plain }] };
    let mut out: Vec<Turn> = list.iter().take(MAX_TURNS).map(turn).collect();
    if list.len() > MAX_TURNS {
        out.push(Turn { role: String::new(), text: format!("… and {} further turns", format::count((list.len() - MAX_TURNS) as u64)) });
    }
    out
}

fn turn(value: &Value) -> Turn {
    let of = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let role = ["role", "type", "sender", "author"].into_iter().map(of).find(|r| !r.is_empty()).unwrap_or_default();
    let body = ["content", "text", "parts", "message", "value"].into_iter().find_map(|key| value.get(key)).map(flat).filter(|t| !t.is_empty());
    Turn { role, text: body.unwrap_or_else(|| flat(value)) }
}

/// Text of a value: parts of one message come one below the other.
fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(flat).filter(|p| !p.is_empty()).collect::<Vec<_>>().join("\n"),
        Value::Object(_) => ["text", "content"].into_iter().find_map(|key| value.get(key)).map_or_else(|| value.to_string(), flat),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The text a JSON string stands for; anything else is what it is.
fn unescaped(part: &str) -> String {
    if !part.contains('\\') {
        return part.to_owned();
    }
    serde_json::from_str::<String>(&format!("\"{part}\"")).unwrap_or_else(|_| part.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(role: &str, text: &str) -> Turn {
        Turn { role: role.into(), text: text.into() }
    }

    #[test]
    fn a_conversation_is_read_as_turns_and_its_secrets_are_not_there() {
        let raw = r#"{"request_id":"req_12345","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"My key is sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"}]}],"n":1}"#;
        let got = pieces(raw, 4_096, &Ids::new(["req_12345"]), &Veil::default()).0;
        assert!(got.contains(&Piece::Id("req_12345".into())));
        let said = got.iter().find_map(|p| if let Piece::Said { turns, .. } = p { Some(turns) } else { None }).unwrap();
        assert_eq!(said, &[of("system", "Be brief."), of("user", "My key is [secret]")]);
        assert!(!format!("{got:?}").contains("sk-proj"));
    }

    #[test]
    fn hidden_content_leaves_its_length_alone_however_it_is_cut() {
        let raw = format!(r#"{{"a":"{}","prompt":"Summarise the contract of Jane Doe {}"}}"#, "x".repeat(100), "y".repeat(5_000));
        let veil = Veil::of([raw.as_str()], true);
        for limit in [0, 50, 120, 130, 4_096] {
            let got = format!("{:?}", pieces(&raw, limit, &Ids::default(), &veil));
            assert!(!got.contains("Jane"), "{limit}: {got}");
        }
        let long = format!(r#"{{"prompt":"{}"}}"#, "Jane ".repeat(100_000));
        assert!(!format!("{:?}", pieces(&long, 4_096, &Ids::default(), &veil)).contains("Jane"));
    }

    #[test]
    fn a_line_that_is_cut_says_how_much_of_it_is_missing() {
        let raw = format!(r#"{{"a":"{}","prompt":"{}"}}"#, "x".repeat(100), "y".repeat(5_000));
        let (got, left) = pieces(&raw, 200, &Ids::default(), &Veil::default());
        assert_eq!(left, raw.len() - 200);
        assert!(matches!(&got[..], [Piece::Text(_), Piece::Said { summary, turns }] if summary == "said: 5,000 characters" && turns[0].text.len() < 100), "{got:?}");
    }

    #[test]
    fn a_secret_is_not_shown_where_another_line_repeats_it_said_or_not() {
        let veil = Veil::of([r#"{"password":"hunter2hunter2"}"#], false);
        let got = pieces(r#"{"msg":"got hunter2hunter2","prompt":"I typed hunter2hunter2."}"#, 4_096, &Ids::default(), &veil).0;
        assert!(!format!("{got:?}").contains("hunter2") && got.contains(&Piece::Secret), "{got:?}");
        assert!(matches!(&got[..], [.., Piece::Said { turns, .. }, _] if turns[0].text == "I typed [secret]."), "{got:?}");
    }

    #[test]
    fn a_secret_is_never_shown() {
        let raw = r#"{"password":"hunter2hunter2","msg":"x"}"#;
        assert_eq!(pieces(raw, 4_096, &Ids::default(), &Veil::default()).0, [Piece::Text("{\"password\":\"".into()), Piece::Secret, Piece::Text("\",\"msg\":\"x\"}".into())]);
    }
}
