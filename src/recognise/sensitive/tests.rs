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

fn said(raw: &str) -> Vec<&str> {
    marked(raw).into_iter().filter(|(kind, _)| *kind == "content").map(|(_, text)| text).collect()
}

#[test]
fn content_is_told_by_what_stands_beside_it() {
    for (raw, want) in [
        (r#"{"model":"claude-sonnet","system":"You are a careful clerk of the archive in Bern.","max_tokens":9}"#, "You are a careful clerk of the archive in Bern."),
        (r#"{"id":"msg_1","content":[{"type":"text","text":"Dear Ms Frei"}],"stop_reason":"end_turn"}"#, r#"[{"type":"text","text":"Dear Ms Frei"}]"#),
        (r#"{"role":"user","content":"my knee hurts"}"#, "my knee hurts"),
        (r#"{"delta":{"content":"Hel lo"}}"#, "Hel lo"),
        (r#"{"model":"gpt-4o","input":"my knee hurts"}"#, "my knee hurts"),
        (r#"{"input":[{"role":"user","content":"my knee hurts"}]}"#, r#"[{"role":"user","content":"my knee hurts"}]"#),
        (r#"{"instructions":"be brief","model":"gpt-4o"}"#, "be brief"),
        (r#"{"output":[{"id":"m","type":"message","role":"assistant","content":[]}]}"#, r#"[{"id":"m","type":"message","role":"assistant","content":[]}]"#),
        (r#"{"tool_calls":[{"function":{"name":"find","arguments":"{\"q\":\"Frei\"}"}}]}"#, r#"{\"q\":\"Frei\"}"#),
        (r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#, r#"[{"role":"user","parts":[{"text":"hi"}]}]"#),
        (r#"{"candidates":[{"content":{"parts":[{"text":"hi"}]}}]}"#, r#"[{"content":{"parts":[{"text":"hi"}]}}]"#),
        ("ChatCompletionMessage(content='I don't know yet', role='assistant')", "I don't know yet"),
    ] {
        assert_eq!(said(raw), vec![want], "{raw}");
    }
}

#[test]
fn ordinary_fields_stay_visible() {
    for raw in [
        r#"{"message":"started","text":"ready","body":"ok","input_tokens":"12 of 20","prompt_version":"v12b","response_time":"12ms","status_text":"Not Found"}"#,
        r#"{"error.message":"timeout","content":"a page","system":"billing","input":"/var/in.csv","output":"/var/out.csv","arguments":"-v -x"}"#,
        r#"{"model":"gpt-4o","system":"billing","output":"/var/out.csv","contents":["a","b"],"candidates":["eu","us"]}"#,
        r#"{"instructions":"restart","output":[{"type":"file","path":"/a"}],"input":[{"type":"click"}]}"#,
        "retry prompt: none, second pass: building the index, questions=3 prompt=short",
    ] {
        assert_eq!(marked(raw), vec![], "{raw}");
    }
}

#[test]
fn what_was_cut_is_content_to_its_end() {
    for (raw, want) in [
        (r#"{"request_body":"{\"messages\":[{\"role\":\"user\",\"content\":\"my kn"#, r#"[{\"role\":\"user\",\"content\":\"my kn"#),
        (r#"{"request_body":"{\"messages\":[{\"role\":\"user\",\"content\":\"my kn","level":"info"}"#, r#"[{\"role\":\"user\",\"content\":\"my kn"#),
        (r#"{"messages":[{"role":"user","content":"my kn"#, r#"[{"role":"user","content":"my kn"#),
        (r#"{"prompt":"my kn"#, "my kn"),
    ] {
        assert_eq!(said(raw), vec![want], "{raw}");
    }
}

#[test]
fn content_is_found_in_strings_inside_strings() {
    let mut record = r#"{"messages":[{"role":"user","content":"say \"knee\" ] C:\\"}],"n":1}"#.to_owned();
    for depth in 0..4 {
        let found = said(&record);
        assert_eq!(found.len(), 1, "{depth}: {record}");
        assert!(found[0].starts_with("[{") && found[0].ends_with("}]"), "{depth}: {found:?}");
        record = serde_json::json!({ "body": record }).to_string();
    }
}

#[test]
fn texts_with_parameters_are_read() {
    for (raw, want) in [
        (r#"INFO calling prompt="my knee hurts" model=gpt-4o"#, "my knee hurts"),
        ("INFO calling prompt='it doesn't hurt' n=1", "it doesn't hurt"),
        ("DEBUG messages=[{'role': 'user', 'content': 'my ] knee'}] n=1", "[{'role': 'user', 'content': 'my ] knee'}]"),
        (r#"{"msg":"messages=[{\"role\":\"user\",\"content\":\"knee\"}] n=1"}"#, r#"[{\"role\":\"user\",\"content\":\"knee\"}]"#),
    ] {
        assert_eq!(said(raw), vec![want], "{raw}");
    }
}

#[test]
fn secrets_are_marked_behind_schemes_options_and_names_of_pairs() {
    for (raw, want) in [
        ("upstream said 401 for Bearer 9f8e7d6c5b4a today", vec!["9f8e7d6c5b4a"]),
        (r#"{"headers":[["authorization","Bearer 9f8e7d6c5b4a"]]}"#, vec!["9f8e7d6c5b4a"]),
        (r#"{"headers":[{"name":"Authorization","value":"tok-12345"},{"name":"Accept","value":"text/html"}]}"#, vec!["tok-12345"]),
        (r#"auth: "Basic dXNlcjpwYXNz""#, vec!["dXNlcjpwYXNz"]),
        (r#"{"user":"a","pass":"hunter2!"}"#, vec!["hunter2!"]),
        ("PGPASSWORD=hunter2 psql", vec!["hunter2"]),
        ("DefaultEndpointsProtocol=https;AccountKey=Zm9vYmFy==;Suffix=x", vec!["Zm9vYmFy=="]),
        ("PUT https://a.blob.core/x?sv=2024&sig=Ab%2Bcd12&se=1", vec!["Ab%2Bcd12"]),
        ("GET https://s3/x?X-Amz-Signature=0a1b2c3d4e&y=1", vec!["0a1b2c3d4e"]),
        ("run: mysql --user app --password hunter2 --host db", vec!["hunter2"]),
        (r#"{"argv":["mysql","--password","hunter2"]}"#, vec!["hunter2"]),
    ] {
        assert_eq!(marked(raw), want.into_iter().map(|text| ("secret", text)).collect::<Vec<_>>(), "{raw}");
    }
    for raw in
        ["Bearer token is missing", "Basic authentication is needed", "--token-file /etc/t --max-tokens 4096 --password --host db", "killed sig=9", "a Bearer credential-less call"]
    {
        assert_eq!(marked(raw), vec![], "{raw}");
    }
}

#[test]
fn hostile_records_cost_no_more_than_their_length() {
    for piece in [
        r#""messages":["#,
        r#""cookie":[***"#,
        r"prompt='x'y",
        r#""password":"***\"#,
        r#"{"role":"content":["#,
        "--password ",
        "--password",
        "Bearer ",
        r#""name":"cookie","value":"#,
        "messages=[",
    ] {
        let raw = piece.repeat((1 << 19) / piece.len());
        let begun = std::time::Instant::now();
        marks(&raw, Sensitive::builtin());
        assert!(begun.elapsed().as_secs() < 10, "{piece}: {:?}", begun.elapsed());
    }
}

proptest! {
    #[test]
    fn marks_of_any_text_are_in_order_and_on_character_borders(raw in r#"([ -~]|[äß→]|"|\\|:|=|password|sk-|eyJ|://|@|\[|\{|\]|\}|'|"messages":|\\"prompt\\":|content=|role=|--password |Bearer ){0,80}"#) {
        let mut last = 0;
        for mark in marks(&raw, Sensitive::builtin()) {
            prop_assert!(raw.get(mark.at.clone()).is_some());
            prop_assert!(mark.at.start >= last && !mark.at.is_empty());
            last = mark.at.start;
        }
    }
}
