//! Lines with secrets and content, and lines that only look so.

use super::*;
use proptest::prelude::*;

fn marked(raw: &str) -> Vec<(&'static str, &str)> {
    marks(raw, Sensitive::builtin()).into_iter().map(|m| (m.kind.word(), &raw[m.at])).collect()
}

#[test]
fn secrets_are_marked_wherever_they_stand() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
    for (raw, want) in [
        (r#"{"msg":"calling","api_key":"abc-not-a-known-shape"}"#.to_owned(), vec!["abc-not-a-known-shape"]),
        (r#"{"headers":{"Authorization":"Bearer 12ab34cd56ef"}}"#.to_owned(), vec!["Bearer 12ab34cd56ef"]),
        (r#"{"headers":{"Cookie":["sid=1234abcd"]}}"#.to_owned(), vec![r#"["sid=1234abcd"]"#]),
        (
            format!(r#"{{"event":"used sk-proj-Abc123def456ghi789jkl012 and AKIAIOSFODNN7EXAMPLE","jwt":"{jwt}"}}"#),
            vec!["sk-proj-Abc123def456ghi789jkl012", "AKIAIOSFODNN7EXAMPLE", jwt],
        ),
        (r#"{"msg":"{\"user\":\"a\",\"password\":\"hunter2!\"}"}"#.to_owned(), vec!["hunter2!"]),
        ("connecting to postgres://app:s3cr%40t@db:5432/main".to_owned(), vec!["s3cr%40t"]),
        ("GET /cb?code=1&access_token=ya29.a0AfH6SMBx-12345678&x=2".to_owned(), vec!["ya29.a0AfH6SMBx-12345678"]),
        ("login failed: password: hunter2, user=bob".to_owned(), vec!["hunter2"]),
        ("authorization: Basic dXNlcjpwYXNz".to_owned(), vec!["Basic dXNlcjpwYXNz"]),
        (
            r#"{"key":"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"}"#.to_owned(),
            vec![r"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"],
        ),
        ("env OPENAI_API_KEY=whatever1".to_owned(), vec!["whatever1"]),
    ] {
        assert_eq!(marked(&raw), want.into_iter().map(|text| ("secret", text)).collect::<Vec<_>>(), "{raw}");
    }
}

#[test]
fn prompts_and_answers_are_content_and_a_secret_in_one_is_marked_too() {
    let raw = r#"{"gen_ai.input.messages":[{"role":"user","content":"my key is sk-abcdefghij0123456789"}],"completion":"Hello \"you\"","prompt":"","prompt_tokens":12}"#;
    assert_eq!(
        marked(raw),
        vec![("content", r#"[{"role":"user","content":"my key is sk-abcdefghij0123456789"}]"#), ("secret", "sk-abcdefghij0123456789"), ("content", r#"Hello \"you\""#)]
    );
}

#[test]
fn what_only_looks_like_a_secret_is_left_alone() {
    for raw in [
        r#"{"max_tokens":4096,"prompt_tokens":12,"token_count":3,"next_token":"abc","api_key":"***","password":"[REDACTED]","secret":null}"#,
        "task sk-1 done, ask-me-anything-about-everything, risk-assessment-of-the-whole-thing",
        "12:04:05 INFO http://host:8080/path?user=1 took 3ms",
        r#"{"request_id":"req_01M7QD126VTKYCMR3NTVV8CE01","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#,
        "-----BEGIN CERTIFICATE-----MIIB-----END CERTIFICATE-----",
    ] {
        assert_eq!(marked(raw), vec![], "{raw}");
    }
}

proptest! {
    #[test]
    fn marks_of_any_text_are_in_order_and_on_character_borders(raw in r#"([ -~]|[äß→]|"|\\|:|=|password|sk-|eyJ|://|@|\[|\{){0,80}"#) {
        let mut last = 0;
        for mark in marks(&raw, Sensitive::builtin()) {
            prop_assert!(raw.get(mark.at.clone()).is_some());
            prop_assert!(mark.at.start >= last && !mark.at.is_empty());
            last = mark.at.start;
        }
    }
}
