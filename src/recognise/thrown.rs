//! Exceptions by the shape of their object: a stack stands beside a class or a text, whatever the object is called and however deep.
//!
//! Pure functions of the paths. The record itself is no exception: at its top these words say other things.

use crate::recognise::{
    names::{components, fold},
    role::Role,
    scan::{Kind, Leaf},
};
use std::collections::BTreeMap;

/// Leaves of exception objects with what they are and how deep their object stands: a cause stands deeper than what it caused.
pub fn roles(leaves: &[Leaf<'_>], paths: &[String]) -> Vec<(u16, Role, u32)> {
    let mut objects: BTreeMap<(&str, u16), Vec<(u16, Role)>> = BTreeMap::new();
    for (i, (leaf, path)) in leaves.iter().zip(paths).enumerate() {
        if let Some((object, key)) = path.rsplit_once('.')
            && let Some(role) = part(key, leaf)
        {
            objects.entry((object, leaf.object)).or_default().push((i as u16, role));
        }
    }
    let is_thrown = |parts: &[(u16, Role)]| {
        let has = |role: Role| parts.iter().any(|(_, r)| *r == role);
        has(Role::Stack) && (has(Role::ErrorKind) || has(Role::ErrorMessage))
    };
    // `name` and `type` are a class only beside a text: jobs and steps have names too.
    for parts in objects.values_mut() {
        if !parts.iter().any(|(_, role)| *role == Role::ErrorMessage) {
            parts.retain(|(leaf, _)| !matches!(paths[*leaf as usize].rsplit('.').next(), Some("name" | "type" | "kind")));
        }
    }
    let depth = |object: &str| components(object).len() as u32;
    let thrown = objects.iter().filter(|(_, parts)| is_thrown(parts));
    thrown.flat_map(|((object, _), parts)| parts.iter().map(|(leaf, role)| (*leaf, *role, depth(object)))).collect()
}

/// The text of an error in the object of its code (`{path, error: "field 'a' not found", code: "validation-failed"}`), and that code.
pub fn coded(leaves: &[Leaf<'_>], paths: &[String]) -> Vec<(u16, Role, u32)> {
    let texts = |key: &'static str| {
        let is_it = move |(i, path): (usize, &String)| path.rsplit_once('.').filter(|(_, last)| *last == key && leaves[i].kind == Kind::Str).map(|_| i);
        paths.iter().enumerate().filter_map(is_it)
    };
    let depth = |i: usize| components(&paths[i]).len() as u32 - 1;
    let of_one = |error: usize| texts("code").find(|code| leaves[*code].object == leaves[error].object).map(|code| (error, code));
    texts("error").filter_map(of_one).flat_map(|(error, code)| [(error as u16, Role::Error, depth(error)), (code as u16, Role::ErrorCode, depth(code))]).collect()
}

fn part(key: &str, leaf: &Leaf<'_>) -> Option<Role> {
    match (&*fold(key), leaf.kind) {
        ("class" | "classname" | "clsname" | "cls" | "type" | "typename" | "name" | "kind" | "exception" | "exceptionclass" | "errorclass", Kind::Str) => Some(Role::ErrorKind),
        ("message" | "msg" | "text" | "reason", Kind::Str) => Some(Role::ErrorMessage),
        ("stack" | "stacktrace" | "backtrace" | "traceback" | "stackframes" | "stacklines" | "fullstack", Kind::Str | Kind::Array) if has_frames(leaf.raw) => Some(Role::Stack),
        _ => None,
    }
}

/// More lines than one, and a place in a file.
fn has_frames(raw: &str) -> bool {
    let lines = raw.contains("\\n") || raw.starts_with('[');
    let places = raw.as_bytes().windows(2).any(|pair| matches!(pair[0], b':' | b'(') && pair[1].is_ascii_digit())
        || raw.contains("File \\\"")
        || raw.contains(" at ")
        || raw.contains("line ");
    lines && places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::{
        names::{Names, ROOT},
        scan::Scan,
    };

    fn found(line: &str) -> Vec<(String, Role, u32)> {
        let (mut names, mut scan) = (Names::bare(), Scan::default());
        scan.object(line, &mut names, ROOT);
        let paths: Vec<String> = scan.leaves.iter().map(|l| names.dotted(l.path)).collect();
        roles(&scan.leaves, &paths).into_iter().map(|(leaf, role, depth)| (paths[leaf as usize].clone(), role, depth)).collect()
    }

    #[test]
    fn an_object_with_a_stack_and_a_class_is_an_exception_under_any_name() {
        let line = r#"{"message":{"class":"IOError","message":"closed","backtrace":["a.rb:1"],"cause":{"class":"E","backtrace":["b.rb:2"]}}}"#;
        let mut got = found(line);
        got.sort_by_key(|(path, _, depth)| (*depth, path.clone()));
        let want = [
            ("message.backtrace", Role::Stack, 1),
            ("message.class", Role::ErrorKind, 1),
            ("message.message", Role::ErrorMessage, 1),
            ("message.cause.backtrace", Role::Stack, 2),
            ("message.cause.class", Role::ErrorKind, 2),
        ];
        assert_eq!(got, want.map(|(path, role, depth)| (path.to_owned(), role, depth)));
    }

    #[test]
    fn the_text_beside_a_code_is_the_errors() {
        let of = |line: &str| {
            let (mut names, mut scan) = (Names::bare(), Scan::default());
            scan.object(line, &mut names, ROOT);
            let paths: Vec<String> = scan.leaves.iter().map(|l| names.dotted(l.path)).collect();
            coded(&scan.leaves, &paths).into_iter().map(|(leaf, role, _)| (paths[leaf as usize].clone(), role)).collect::<Vec<_>>()
        };
        let line = r#"{"d":{"op":{"path":"$.a","error":"field 'a' not found","code":"validation-failed"}}}"#;
        assert_eq!(of(line), [("d.op.error".to_owned(), Role::Error), ("d.op.code".to_owned(), Role::ErrorCode)]);
        assert_eq!(of(r#"{"error":"x","code":"y","a":{"error":"x"},"b":{"code":"y","error":3}}"#), []);
    }

    #[test]
    fn a_record_with_a_stack_of_its_own_and_a_stack_of_cards_are_none() {
        assert_eq!(found(r#"{"message":"x","name":"api","stack":"Error: x\n at a"}"#), vec![]);
        assert_eq!(found(r#"{"cfn":{"stack_name":"prod","type":"update","reason":"x"},"deploy":{"stack":"prod","message":"m"},"tech":{"stack":["a:b"],"type":"t"}}"#), vec![]);
        assert_eq!(found(r#"{"deploy":{"stack":"prod"}}"#), vec![]);
        assert_eq!(found(r#"{"data":{"name":"shop.boom","traceback":"Traceback"}}"#), vec![]);
    }
}
