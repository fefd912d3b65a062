//! The tables' samples, hostile lines, and what holds for any bytes. Ids have a file of their own.

mod ids;

use super::*;
use crate::{
    model::{
        entry::{Entry, FileId},
        id::{IdKind, IdRelation},
        record::Record,
    },
    recognise::reader::Reader,
};
use ids::ids_of;
use proptest::prelude::*;
use std::sync::Arc;

fn read_bytes(reader: &mut Reader, raw: &[u8]) -> Vec<Entry> {
    let source: Arc<str> = "s".into();
    let mut out = Vec::new();
    reader.read(&Record { file: FileId(1), source: &source, start: 7, line: 1, raw }, &mut out);
    out
}

fn read(raw: &str) -> Entry {
    let mut reader = Reader::new(Tables::builtin());
    read_bytes(&mut reader, raw.as_bytes()).remove(0)
}

#[test]
fn a_prompt_of_one_word_is_its_name_and_version_or_itself() {
    for (prompt, version) in [
        ("cv-parse@7", Some("cv-parse@7")),
        ("triage:v3", Some("triage:v3")),
        ("mail/reply/v1.2", Some("mail/reply/v1.2")),
        ("cats/2", None),
        ("user@1x.com", None),
        ("score:10", None),
        ("hello", None),
    ] {
        let e = read(&format!(r#"{{"time":"2026-11-23T08:25:00.351Z","level":"info","msg":"completion started","model":"gpt-4.1","prompt":"{prompt}"}}"#));
        assert_eq!(e.model.and_then(|m| m.prompt_version).as_deref(), version, "{prompt}");
    }
}

#[test]
fn samples_of_all_tables_are_read_as_they_say() {
    let tables = Tables::builtin();
    let mut reader = Reader::new(tables.clone());
    assert!(tables.samples.len() > 40);
    for (table, sample) in &tables.samples {
        assert_eq!(samples::check(&mut reader, sample), Ok(()), "{table}: {}", sample.line);
    }
}

#[test]
fn renamed_keys_of_the_same_meaning_are_read_alike() {
    for line in [
        r#"{"ts":"2026-11-23T08:17:42.824Z","severity":"warn","msg":"x","requestId":"req_8c2a2787fedeb496aa","elapsed_ms":5,"retryAttempt":2}"#,
        r#"{"when":"2026-11-23T08:17:42.824Z","lvl":"WARNING","text":"x","X-Request-ID":"req_8c2a2787fedeb496aa","latency":"5ms","try":2}"#,
        r#"{"fields":{"message":"x","correlation_id":"req_8c2a2787fedeb496aa","took_us":5000,"attempt":"2"},"@timestamp":"2026-11-23T08:17:42.824Z","loglevel":"W"}"#,
        r#"{"time":1795421862824,"log.level":"warn","message":"x","http":{"request":{"id":"req_8c2a2787fedeb496aa"}},"timing":{"total_ms":5},"job":{"attempt":2}}"#,
    ] {
        let e = read(line);
        assert_eq!(e.time.map(|t| t.unix_ns), Some(1_795_421_862_824_000_000), "{line}");
        assert_eq!(e.severity, Some(crate::model::entry::Severity::Warn), "{line}");
        assert_eq!(e.body.as_deref(), Some("x"), "{line}");
        assert_eq!(e.ids.iter().map(|i| (i.kind, &*i.value)).collect::<Vec<_>>(), vec![(IdKind::Request, "req_8c2a2787fedeb496aa")], "{line}");
        assert_eq!(e.duration.and_then(|d| d.ns), Some(5_000_000), "{line}");
        assert_eq!(e.attempt.map(|a| a.number), Some(2), "{line}");
    }
}

#[test]
fn the_rest_of_a_second_belongs_to_the_seconds_beside_it() {
    for line in [
        r#"{"instant":{"epochSecond":1795957850,"nanoOfSecond":584857656},"level":"INFO","msg":"x"}"#,
        r#"{"timestamp":{"nanos":584857656,"seconds":"1795957850"},"severity":"INFO","message":"x"}"#,
        r#"{"timestampSeconds":1795957850,"timestampNanos":584857656,"message":"x"}"#,
        r#"{"time":{"secs_since_epoch":1795957850,"nanos_since_epoch":584857656},"message":"x"}"#,
        r#"{"@timestamp":{"nano":584857656,"epochSecond":1795957850},"message":"x"}"#,
        r#"{"time":[1795957850,584857656],"message":"x"}"#,
    ] {
        let e = read(line);
        assert_eq!((e.time.map(|t| (t.unix_ns, t.quantum_ns)), e.duration), (Some((1_795_957_850_584_857_656, 1)), None), "{line}");
    }
    let e = read(r#"{"time":{"tv_sec":1795957850,"tv_usec":584857},"msg":"x","elapsed":{"secs":1,"nanos":250000000}}"#);
    assert_eq!((e.time.map(|t| t.unix_ns), e.duration.and_then(|d| d.ns)), (Some(1_795_957_850_584_857_000), Some(1_250_000_000)));
    let e = read(r#"{"timestamp":{"seconds":1795957850,"nanos":7000000000},"uptime":{"seconds":12,"nanos":5},"msg":"x"}"#);
    assert_eq!((e.time.map(|t| t.unix_ns), e.duration), (Some(1_795_957_850_000_000_000), None), "no rest of a second, no length of the line");
}

#[test]
fn the_type_of_a_value_around_it_changes_nothing() {
    for line in [
        r#"{"timestamp":{"$date":"2026-11-29T13:10:50.584Z"},"level":"info","message":"x","meta":{"durationMs":{"$numberLong":"41"},"jobId":{"$oid":"6565f1c2a1b2c3d4e5f60718"}}}"#,
        r#"{"timestamp":{"$date":{"$numberLong":"1795957850584"}},"level":"info","message":"x","meta":{"durationMs":{"$numberInt":"41"},"jobId":"6565f1c2a1b2c3d4e5f60718"}}"#,
    ] {
        let e = read(line);
        assert_eq!((e.time.map(|t| t.unix_ns), e.duration.and_then(|d| d.ns)), (Some(1_795_957_850_584_000_000), Some(41_000_000)), "{line}");
        assert_eq!(e.ids.iter().map(|i| (i.kind, &*i.value)).collect::<Vec<_>>(), [(IdKind::Task, "6565f1c2a1b2c3d4e5f60718")], "{line}");
    }
    let e = read(r#"{"time":[10,20],"started":[1795957850,7000000000],"message":"x"}"#);
    assert_eq!((e.time, e.started), (None, None), "lists of other things");
}

#[test]
fn a_length_said_twice_tells_the_unit_of_the_number_without_one() {
    for (line, want) in [
        (r#"{"method":"GET","latency":2434,"latency_human":"2.434µs"}"#, Some(2_434)),
        (r#"{"latency_human":"15.395196ms","latency":15395196}"#, Some(15_395_196)),
        (r#"{"duration":0.0421,"durationText":"42.1ms"}"#, Some(42_100_000)),
        (r#"{"elapsed_pretty":"1m3s"}"#, Some(63_000_000_000)),
        (r#"{"startTime":"2026-11-23T08:25:00.112Z","endTime":"2026-11-23T08:25:03.954Z","latency":3.842}"#, Some(3_842_000_000)),
        (r#"{"start":1795422300112,"end":1795422303954,"duration":3842}"#, Some(3_842_000_000)),
        // The two are of different things, or they fit in several units: neither tells anything.
        (r#"{"latency":17,"latency_human":"2.434µs"}"#, None),
        (r#"{"start":"2026-11-23T08:25:00Z","end":"2026-11-23T08:25:01Z","duration":900}"#, None),
    ] {
        assert_eq!(read(line).duration.and_then(|d| d.ns), want, "{line}");
    }
    let e = read(r#"{"startTime":"2026-11-23T08:25:00.351Z","completionStartTime":"2026-11-23T08:25:00.769Z","endTime":"2026-11-23T08:25:03.868Z","timeToFirstToken":0.418}"#);
    assert_eq!(e.first_token.and_then(|l| l.ns), Some(418_000_000));
}

#[test]
fn what_was_handed_to_a_logger_is_its_text_and_its_members() {
    let said = |line: &str| {
        let e = read(line);
        (e.body.map(String::from), e.ids.first().map(|i| i.value.to_string()))
    };
    let job = Some("49dcacab-a491-49ed-8d60-03730b248e15".to_owned());
    assert_eq!(
        said(r#"{"date":"2026-11-29T13:12:13.978Z","args":["job enqueued",{"jobId":"49dcacab-a491-49ed-8d60-03730b248e15"}],"level":"info"}"#),
        (Some("job enqueued".into()), job.clone())
    );
    assert_eq!(
        said(r#"{"ts":1795957850123,"lvl":"warn","arguments":["used %d of %s",18422,"quota",{"job_id":"49dcacab-a491-49ed-8d60-03730b248e15"}]}"#),
        (Some("used %d of %s".into()), job)
    );
    let e = read(r#"{"date":"2026-11-29T13:12:17Z","args":["GET /x 200 in 18ms",{"durationMs":18.25}],"level":"info"}"#);
    assert_eq!((e.duration.and_then(|d| d.ns), e.reading.duration_in_text), (Some(18_250_000), false), "a member wins over the text");
    assert_eq!(said(r#"{"date":"2026-11-29T13:12:13.978Z","data":["ready",{"port":1}],"level":"info"}"#).0.as_deref(), Some("ready"));
    // What a function, a command or a job was called with; several texts; no logger's line.
    for line in [
        r#"{"time":"2026-11-29T13:12:13Z","level":"info","data":["sku-1"]}"#,
        r#"{"time":"2026-11-29T13:12:13Z","level":"info","func":"app.send","args":["a@b.c"]}"#,
        r#"{"time":"2026-11-29T13:12:13Z","level":"info","name":"tasks.add","args":["x"],"kwargs":{}}"#,
        r#"{"time":"2026-11-29T13:12:13Z","level":"info","args":["run","--all"]}"#,
        r#"{"time":"2026-11-29T13:12:13Z","level":"info","args":[{"a":1}]}"#,
        r#"{"args":["job dead"],"pid":4}"#,
    ] {
        assert_eq!(said(line), (None, None), "{line}");
    }
    assert_eq!(said(r#"{"time":"2026-11-29T13:12:13Z","level":"info","msg":"took %d","args":["x"]}"#).0.as_deref(), Some("took %d"));
}

#[test]
fn a_tag_is_a_logger_where_nothing_else_is() {
    let logger = |line: &str| read(line).logger.map(String::from);
    assert_eq!(logger(r#"{"level":"info","tag":"worker:summaries","msg":"x"}"#).as_deref(), Some("worker:summaries"));
    assert_eq!(logger(r#"{"level":"info","tag":"a","logger":"b","msg":"x"}"#).as_deref(), Some("b"));
    for line in [r#"{"level":"info","tag":"v1.2.3","msg":"deployed"}"#, r#"{"image":"api","tag":"stable"}"#, r#"{"level":"info","tag":"","msg":"x"}"#] {
        assert_eq!(logger(line), None, "{line}");
    }
    let e = read(r#"{"level":"info","tag":"req_8c2a2787fedeb496aa","msg":"x"}"#);
    assert_eq!((e.logger, e.ids.len()), (None, 1), "an id stays one");
}

#[test]
fn a_word_beside_a_small_number_says_the_severity() {
    use crate::model::entry::Severity::{Error, Fatal, Info, Warn};
    for (line, want) in [
        (r#"{"level":3,"type":"info","msg":"x"}"#, Some(Info)),
        (r#"{"type":"fatal","level":0,"msg":"x"}"#, Some(Fatal)),
        (r#"{"level":4,"levelname":"ERROR","msg":"x"}"#, Some(Error)),
        (r#"{"log":{"level":2,"label":"warn"},"msg":"x"}"#, Some(Warn)),
        (r#"{"kind":"error","level":4,"levelname":"INFO","msg":"x"}"#, Some(Info)),
        (r#"{"level":4,"kind":"error","type":"info","msg":"x"}"#, Some(Warn)),
        // A kind of line that only sounds like a severity, a number that needs no word, a word of something else.
        (r#"{"level":3,"type":"system","msg":"x"}"#, Some(Error)),
        (r#"{"level":30,"type":"error","msg":"x"}"#, Some(Info)),
        (r#"{"level":6,"msg":"x","finding":{"type":"error"}}"#, Some(Info)),
    ] {
        assert_eq!(read(line).severity, want, "{line}");
    }
}

#[test]
fn a_model_and_an_error_are_found_in_what_holds_them() {
    let model = |line: &str| read(line).model.and_then(|m| m.requested.map(String::from));
    assert_eq!(model(r#"{"model_dict":{"class_name":"ChatModel","model_name":"gpt-4o-mini","context_window":3900}}"#).as_deref(), Some("gpt-4o-mini"));
    assert_eq!(model(r#"{"response":{"raw":{"model":"gpt-4o-mini-2024-07-18","object":"chat.completion"}}}"#).as_deref(), Some("gpt-4o-mini-2024-07-18"));
    assert_eq!(model(r#"{"car_dict":{"model":"golf"},"device":{"raw":{"model":"pixel"}}}"#), None);
    assert_eq!(read(r#"{"err_str":"Error code: 429"}"#).failure.and_then(|f| f.message).as_deref(), Some("Error code: 429"));
    let provider = |line: &str| read(line).model.and_then(|m| m.provider.map(String::from));
    assert_eq!(provider(r#"{"message":"out of credits","provider":"OpenAI","statusCode":402}"#).as_deref(), Some("OpenAI"));
    assert_eq!(provider(r#"{"message":"signed in","provider":"google","statusCode":200}"#), None);
}

#[test]
fn amounts_are_named_by_their_object() {
    let amounts = |line: &str| read(line).model.map(|m| (m.input_tokens, m.output_tokens, m.cost_usd));
    for line in [
        r#"{"usageDetails":{"input":1840,"output":212,"total":2052},"costDetails":{"input":0.1,"output":0.2,"total":0.3}}"#,
        r#"{"usage":{"input":1840,"output":212,"total":2052,"unit":"TOKENS"},"calculatedInputCost":0.1,"calculatedTotalCost":0.3}"#,
        r#"{"llm":{"tokens":{"prompt":1840,"completion":212},"cost_breakdown":{"total":0.3}}}"#,
        r#"{"token_usage":{"input":1840,"output":212},"llm_cost_usd":0.3}"#,
        r#"{"tokenCounts":{"in":1840,"out":212,"reasoning":7,"cached":9},"estimated_cost":0.3}"#,
    ] {
        let e = read(line);
        assert_eq!((amounts(line), e.duration), (Some((Some(1840), Some(212), Some(0.3))), None), "{line}");
    }
    for line in [
        r#"{"usage":{"input":0,"output":0,"total":0},"costDetails":{}}"#,
        r#"{"usage":{"input":100,"output":20,"unit":"CHARACTERS"}}"#,
        r#"{"usage":{"in":4096,"out":128,"total":77}}"#,
        r#"{"disk":{"input":3,"output":4},"inputCost":3,"shippingCost":4,"cost_center":17}"#,
    ] {
        assert_eq!((amounts(line), read(line).duration), (None, None), "{line}");
    }
}

#[test]
fn numbers_and_times_that_are_about_something_else_are_left_alone() {
    let e = read(
        r#"{"level":"info","msg":"x","timeout_ms":3000,"retry_in_ms":250,"ttl_seconds":3600,"max_tokens":4096,"max_attempts":3,"expires_at":"2031-01-01T00:00:00Z","order":{"id":7,"placed_at":"2019-03-01T10:20:30Z","status":"new"},"request_count":9,"trace_enabled":true}"#,
    );
    assert_eq!((e.time, e.duration, e.attempt.as_ref(), e.model.as_ref(), e.outcome.as_deref()), (None, None, None, None, None));
    assert!(e.ids.iter().all(|i| i.kind == IdKind::Group), "{:?}", e.ids);
}

#[test]
fn objects_of_the_business_do_not_speak_for_the_line() {
    for (line, body) in [
        (r#"{"level":"info","msg":"finished","cfn":{"stack_name":"prod-api","type":"update","reason":"scheduled"}}"#, "finished"),
        (r#"{"level":"info","msg":"finished","deploy":{"name":"blue","stack":"prod","message":"went out"}}"#, "finished"),
        (r#"{"level":"info","msg":"calls back","caller":{"request_id":"req_8c2a2787fedeb496aa","level":"error","status":500,"message":"boom"}}"#, "calls back"),
        (r#"{"level":"info","msg":"asked","values":{"level":"error","status":500},"custom":{"level":"fatal"}}"#, "asked"),
        (r#"{"timestamp":"2026-11-23T08:17:42Z","level":"info","event":"order.placed","payload":"eyJhIjoxfQ"}"#, "order.placed"),
        (r#"{"level":"info","message":["fetched",{"level":"error","logger":"other"}]}"#, "fetched"),
    ] {
        let e = read(line);
        assert_eq!((e.severity, e.body.as_deref()), (Some(crate::model::entry::Severity::Info), Some(body)), "{line}");
        assert_eq!((e.failure.as_deref(), e.http.as_deref(), e.logger.as_deref()), (None, None, None), "{line}");
    }
}

#[test]
fn of_a_length_said_twice_the_finer_one_is_read() {
    let ns = |line: &str| read(line).duration.and_then(|d| d.ns);
    assert_eq!(ns(r#"{"msg":"x","duration":"51.5ms","duration_ms":51.522946}"#), Some(51_522_946));
    assert_eq!(ns(r#"{"msg":"x","duration_ms":51.522946,"duration":"51.5ms"}"#), Some(51_522_946));
    assert_eq!(ns(r#"{"msg":"x","duration":"51.5ms","duration_ms":48.1}"#), Some(51_500_000));
}

#[test]
fn the_text_of_a_status_is_an_error_s_unless_all_went_well() {
    let said = |line: &str| read(line).failure.and_then(|f| f.message).map(String::from);
    assert_eq!(said(r#"{"msg":"x","status":201,"status_message":"Created"}"#), None);
    assert_eq!(said(r#"{"msg":"x","status":503,"status_message":"no upstream"}"#).as_deref(), Some("no upstream"));
    assert_eq!(said(r#"{"msg":"x","level":"ERROR","statusMessage":"overloaded"}"#).as_deref(), Some("overloaded"));
}

#[test]
fn what_was_returned_does_not_hide_how_a_job_stands() {
    let outcome = |line: &str| read(line).outcome.map(String::from);
    assert_eq!(outcome(r#"{"msg":"x","job":{"id":2,"status":"doing"},"result":"ok"}"#).as_deref(), Some("doing"));
    assert_eq!(outcome(r#"{"msg":"x","result":"ok"}"#).as_deref(), Some("ok"));
}

#[test]
fn a_number_of_a_run_beside_the_id_of_a_task_counts_its_runs() {
    for (members, attempt, ids) in [
        (r#""task":"4c00f8a7-f06a-4cf5-948c-58982120d251","run":2"#, Some(2), 1),
        (r#""task":"4c00f8a7-f06a-4cf5-948c-58982120d251","run":"run-10391bdcd857""#, None, 2),
        (r#""run":2"#, None, 1),
    ] {
        let e = read(&format!(r#"{{"time":"2026-11-23T08:17:42.824Z","level":"info","msg":"job started",{members}}}"#));
        assert_eq!((e.attempt.map(|a| a.number), e.ids.len()), (attempt, ids), "{members}");
    }
}

#[test]
fn a_statement_that_is_all_a_line_says_is_a_write_and_what_the_query_took_is_its_length() {
    let write = |text: &str, more: &str| {
        let e = read(&format!(r#"{{"time":"2026-11-23T08:17:42.824Z","level":"info","msg":"{text}"{more}}}"#));
        (e.write.and_then(|w| Some((w.operation?.to_string(), w.target?.to_string()))), e.duration.and_then(|d| d.ns))
    };
    let is = |operation: &str, target: &str| Some((operation.to_owned(), target.to_owned()));
    assert_eq!(write("update claims", r#","rows":1,"query_ms":0.5"#), (is("update", "claims"), Some(500_000)));
    assert_eq!(write("INSERT INTO claim_items", r#","queryMs":2"#), (is("insert", "claim_items"), Some(2_000_000)));
    assert_eq!(write("delete from sessions", r#","rows":12"#), (is("delete", "sessions"), None));
    assert_eq!(write("db insert hs_lines", r#","rows":1,"durationMs":1.5"#), (is("insert", "hs_lines"), Some(1_500_000)));
    assert_eq!(write("insert into shipments", r#","table":"shipments","query_ms":2.5"#), (is("insert", "shipments"), Some(2_500_000)));
    assert_eq!(write("update available", ""), (None, None));
    assert_eq!(write("update claims of today", r#","rows":1"#).0, None);
    // On a line about more than a query it is a part.
    assert_eq!(write("request finished", r#","query_ms":3"#), (None, None));
}

#[test]
fn what_is_asked_in_place_of_a_model_is_told_from_it_and_a_pause_before_another_try_is_no_wait_in_a_queue() {
    let of = |members: &str| read(&format!(r#"{{"time":"2026-11-23T08:17:42.824Z","level":"warn",{members}}}"#));
    let turn = |members: &str| of(members).fallback.and_then(|f| Some((f.from?.to_string(), f.to?.to_string())));
    let both = Some(("gpt-4.1".to_owned(), "claude-sonnet-4-5".to_owned()));
    assert_eq!(turn(r#""msg":"switching model","llm":"claude-sonnet-4-5","instead_of":"gpt-4.1""#), both);
    assert_eq!(turn(r#""msg":"falling back","model":"gpt-4.1","fallback_model":"claude-sonnet-4-5""#), both);
    assert_eq!(turn(r#""msg":"asked again","model":"gpt-4.1","fallback_model":"gpt-4.1""#), None);
    let pause = |members: &str| (of(members).retry_delay.and_then(|d| d.ns), of(members).job.and_then(|job| job.queue_wait).and_then(|d| d.ns));
    assert_eq!(pause(r#""msg":"waiting 0.5s before try 2","wait_ms":500"#), (Some(500_000_000), None));
    assert_eq!(pause(r#""msg":"retrying model call","wait_s":1"#), (Some(1_000_000_000), None));
    assert_eq!(pause(r#""msg":"job started","wait_ms":500"#), (None, Some(500_000_000)));
    assert_eq!(of(r#""msg":"llm request","llm":"gpt-4.1","prompt":"triage-v15""#).model.and_then(|m| m.prompt_version).as_deref(), Some("triage-v15"));
}

#[test]
fn the_kind_beside_the_id_of_a_task_is_read_and_that_of_a_span_is_not() {
    for (members, name) in [
        (r#""jobId":"348218","kind":"extract""#, Some("extract")),
        (r#""job":{"id":348218,"kind":"mail:send"}"#, Some("mail:send")),
        (r#""jobId":"348218","kind":"consumer""#, None),
        (r#""jobId":"348218","kind":"two words""#, None),
        (r#""jobId":"348218","error":{"kind":"Timeout"}"#, None),
        (r#""request_id":"req_8c2a2787fedeb496aa","kind":"extract""#, None),
        (r#""parent_job_id":"348218","kind":"extract""#, None),
    ] {
        let e = read(&format!(r#"{{"time":"2026-11-23T08:17:42.824Z","level":"info","msg":"started",{members}}}"#));
        assert_eq!(e.job.and_then(|job| job.kind).as_deref(), name, "{members}");
    }
}

#[test]
fn a_provider_may_have_a_name_of_several_words_and_prose_is_none() {
    let provider = |line: &str| read(line).model.and_then(|m| m.provider).map(String::from);
    assert_eq!(provider(r#"{"model":"gemini","provider_name":"Google AI Studio"}"#).as_deref(), Some("Google AI Studio"));
    assert_eq!(provider(r#"{"model":"gemini","provider":"we asked two of them"}"#), None);
}

#[test]
fn a_quote_that_was_not_escaped_ends_no_member() {
    let line = r#"{"datetime":"2026-11-27T13:42:15.462400+01:00","logLevel":"INFO","message":"said "no" to T-17","context":{"request_id":"q-15"}}"#;
    let e = read(line);
    assert_eq!((e.body.as_deref(), e.reading.json, e.reading.unparsed), (Some("said \"no\" to T-17"), false, true));
    assert_eq!(ids_of(line), [(IdKind::Request, IdRelation::Own, "q-15".to_owned())]);
}

#[test]
fn members_written_below_a_text_are_no_part_of_it() {
    let e = read("[2026-11-27 13:42:15.462480] [error] job failed\n    job_id: 'job_70971253c9'\n    attempt: 3");
    assert_eq!((e.body.as_deref(), e.attempt.map(|a| a.number)), (Some("job failed"), Some(3)));
    assert_eq!(e.ids.iter().map(|i| (i.kind, &*i.value)).collect::<Vec<_>>(), [(IdKind::Task, "job_70971253c9")]);
    let listed = read("2026-11-27 13:42:15 WARN not valid, refused:\n    name: required");
    assert_eq!(listed.body.as_deref(), Some("not valid, refused:\n    name: required"));
    let prose = read("2026-11-27 13:42:15 WARN refused\n    see: the docs\n    and more");
    assert_eq!(prose.body.as_deref(), Some("refused\n    see: the docs\n    and more"));
}

#[test]
fn a_length_in_a_text_with_holes_is_the_lines_own_where_nothing_else_is_a_field() {
    let text = "[ActiveJob] [AJob] [55622b89-ae97-4d2a-a45f-8a524d12bca5] Performed AJob (Job ID: 55622b89-ae97-4d2a-a45f-8a524d12bca5) from Async(x) in 57.76ms";
    assert!(!read(text).reading.duration_in_text);
    assert!(read(&format!(r#"{{"level":"info","message":"{text}"}}"#)).reading.duration_in_text);
}

#[test]
fn a_key_of_many_kilobytes_means_nothing_and_costs_nothing() {
    let mut reader = Reader::new(Tables::builtin());
    for (long, value) in [("k_ms.".repeat(13_107), "5"), (format!("{}_id", "x".repeat(65_530)), "\"req_8c2a2787fedeb496ab\""), ("duration_ms.".repeat(5_000), "7")] {
        let line = format!(r#"{{"{long}":{value},"msg":"x","request_id":"req_8c2a2787fedeb496aa","duration_ms":{{"{long}":9}}}}"#);
        let begun = std::time::Instant::now();
        let e = read_bytes(&mut reader, line.as_bytes()).remove(0);
        assert!(begun.elapsed() < std::time::Duration::from_millis(200), "{:?}", begun.elapsed());
        assert_eq!((e.body.as_deref(), e.duration), (Some("x"), None));
        assert_eq!(&*e.ids[0].value, "req_8c2a2787fedeb496aa");
    }
}

#[test]
fn hostile_lines_become_entries() {
    let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let arrays = format!("{{\"a\":{}", "[".repeat(10_000));
    for raw in [
        "",
        "{",
        "}",
        "[",
        "[{}]",
        "[{",
        "{}",
        "null",
        "\u{feff}{\"msg\":\"bom\"}",
        "{\"msg\":\"a\u{0}b\"}",
        "{\"msg\":NaN,\"duration_ms\":Infinity}",
        "{\"msg\":\"x\"} trailing",
        "{\"msg\":\"\\ud800\"}",
        "{\"msg\":\"x\",\"time\":\"9999-99-99T99:99:99Z\",\"level\":{}}",
        "{\"log\":\"{\\\"log\\\":\\\"{\\\\\\\"log\\\\\\\":1}\\\"}\",\"stream\":\"stdout\",\"time\":\"x\"}",
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{}]}]}]}",
        "{\"resourceLogs\":[1,{\"scopeLogs\":{}}]}",
        "{\"a\":[{\"b\":1}}",
        "{\"a\":[{\"b\":1}:}]",
        "{\"a\":[{\"b\":1},}",
        "{\"a\":[{]}",
        &deep,
        &arrays,
    ] {
        let mut reader = Reader::new(Tables::builtin());
        assert!(!read_bytes(&mut reader, raw.as_bytes()).is_empty(), "{raw:.60}");
    }
    assert!(read("{\"msg\":\"half").reading.unparsed);
    assert_eq!(read("\u{feff}{\"msg\":\"bom\"}").body.as_deref(), Some("bom"));
}

#[test]
fn what_was_read_before_changes_no_reading() {
    let tables = Tables::builtin();
    let lines: Vec<&str> = tables.samples.iter().map(|(_, s)| s.line.as_str()).collect();
    let mut used = Reader::new(tables.clone());
    lines.iter().rev().for_each(|l| drop(read_bytes(&mut used, l.as_bytes())));
    for line in lines {
        let mut fresh = Reader::new(tables.clone());
        assert_eq!(read_bytes(&mut used, line.as_bytes()), read_bytes(&mut fresh, line.as_bytes()), "{line}");
    }
}

#[test]
fn what_a_search_for_broken_inputs_once_found_is_read() {
    for kind in ["reader", "tables"] {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(kind);
        for path in std::fs::read_dir(dir).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())) {
            let input = std::fs::read(&path).unwrap_or_default();
            if kind == "reader" {
                assert!(!read_bytes(&mut Reader::new(Tables::builtin()), &input).is_empty(), "{}", path.display());
            } else {
                let _ = Tables::with(&[("mine".into(), String::from_utf8_lossy(&input).into_owned())]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_give_at_least_one_entry(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut reader = Reader::new(Tables::builtin());
        prop_assert!(!read_bytes(&mut reader, &raw).is_empty());
    }

    #[test]
    fn damaged_samples_give_at_least_one_entry(which in 0usize..1000, at in 0usize..2000, byte in any::<u8>(), cut in any::<bool>()) {
        let tables = Tables::builtin();
        let mut raw = tables.samples[which % tables.samples.len()].1.line.clone().into_bytes();
        let at = at % raw.len();
        if cut { raw.truncate(at) } else { raw[at] = byte }
        let mut reader = Reader::new(tables);
        prop_assert!(!read_bytes(&mut reader, &raw).is_empty());
    }
}

#[test]
fn a_record_written_into_a_broken_one_is_read_and_half_an_id_is_none() {
    let whole = r#"{"timestamp":"2026-11-18T14:16:44.566818+00:00","levelname":"INFO","task_id":"99848239-a049-43bd-8ef9-7fab4c23a4a9","message":"model call finished"}"#;
    let mut reader = Reader::new(Tables::builtin());
    let entries = read_bytes(&mut reader, format!(r#"{{"levelname": "DEBUG", "name": "db", "task_id": "b6906{whole}"#).as_bytes());
    assert_eq!(entries.len(), 2);
    assert_eq!((entries[0].body.as_deref(), entries[0].ids.len(), entries[0].reading.unparsed), (Some("model call finished"), 1, false));
    assert_eq!((entries[1].body.as_deref(), entries[1].ids.len(), entries[1].reading.unparsed), (Some(r#"{"levelname": "DEBUG", "name": "db", "task_id": "b6906"#), 0, true));
    // Broken off inside its last object: no record of its own.
    let cut = read_bytes(&mut reader, br#"{"level":"info","task_id":"99848239-a049-43bd-8ef9-7fab4c23a4a9","msg":"x","request":{"id":"req_8c2a2787fedeb496aa","n":1}"#);
    assert_eq!((cut.len(), cut[0].body.as_deref(), cut[0].reading.unparsed), (1, Some("x"), true));
    let half = read_bytes(&mut reader, br#"{"level":"info","msg":"x","task_id":"99848239-a049"#);
    assert_eq!((half[0].body.as_deref(), half[0].ids.len()), (Some("x"), 0));
}

#[test]
fn a_tool_is_named_between_its_noun_and_what_became_of_it() {
    for (text, want) in [
        ("tool search_clauses finished", Some("search_clauses")),
        ("Tool 'lookup' failed: no such order", Some("lookup")),
        ("tool call finished", None),
        ("tool registry completed", None),
        ("tools loaded", None),
        ("tool search_clauses", None),
    ] {
        assert_eq!(read(&format!(r#"{{"msg":"{text}"}}"#)).tool.as_deref(), want, "{text}");
    }
}
