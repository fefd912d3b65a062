//! What must not change a reading: the order of members, how a name is spelt, an object more around an id, another spelling of the same
//! time, an envelope around the line, members that only look like something. Over the samples of all conventions.

use crate::recognise::{
    reader::Reader,
    samples, spelling,
    table::{Sample, Tables},
};
use proptest::prelude::*;
use serde::de::{MapAccess, Visitor};
use serde_json::{Value, value::RawValue};

type Members = Vec<(String, String)>;

/// The members of an object in the order of the line; `None` when a name stands twice, or it is no object.
fn members(line: &str) -> Option<Members> {
    struct InOrder;
    impl<'de> Visitor<'de> for InOrder {
        type Value = Members;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
            let mut out = Members::new();
            while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                out.push((key, value.get().to_owned()));
            }
            Ok(out)
        }
    }
    let found = serde::Deserializer::deserialize_map(&mut serde_json::Deserializer::from_str(line), InOrder).ok()?;
    let mut names: Vec<&String> = found.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.windows(2).all(|pair| pair[0] != pair[1]).then_some(found)
}

fn line_of(members: &Members) -> String {
    let inner: Vec<String> = members.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
    format!("{{{}}}", inner.join(","))
}

fn readings(line: &str) -> Vec<Value> {
    samples::readings(&mut Reader::new(Tables::builtin()), line)
}

/// What a line says, without how that was found out.
fn said(line: &str, apart: &[&str]) -> Vec<Value> {
    let mut found = readings(line);
    for reading in found.iter_mut().filter_map(Value::as_object_mut) {
        reading.retain(|key, _| !apart.contains(&key.as_str()) && key != "convention");
        reading.values_mut().for_each(in_any_order);
    }
    found
}

/// Ids are listed in the order of the line.
fn in_any_order(value: &mut Value) {
    match value {
        Value::Array(list) => list.sort_by_key(Value::to_string),
        Value::Object(fields) => fields.values_mut().for_each(in_any_order),
        _ => {}
    }
}

/// Samples that are one object and become one entry.
fn objects() -> Vec<(String, Sample, Members)> {
    let tables = Tables::builtin();
    let whole = tables.samples.iter().filter(|(_, sample)| sample.want.len() == 1);
    let found: Vec<_> = whole.filter_map(|(name, sample)| Some((name.clone(), sample.clone(), members(&sample.line)?))).collect();
    assert!(found.len() > 50, "{}", found.len());
    found
}

const REQUEST_NAMES: [&str; 8] = ["request_id", "requestId", "reqId", "X-Request-ID", "correlation-id", "correlationId", "RequestID", "request.id"];

/// The names of a request's id at the top of a line.
fn is_request_name(name: &str) -> bool {
    let folded: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    matches!(folded.as_str(), "requestid" | "reqid" | "xrequestid" | "correlationid")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_order_of_members_changes_nothing(seed in any::<prop::sample::Index>(), turn in 1usize..20) {
        let all = objects();
        let (name, sample, mut changed) = seed.get(&all).clone();
        let by = turn % changed.len();
        changed.rotate_left(by);
        if turn % 2 == 0 {
            changed.reverse();
        }
        prop_assert_eq!(said(&line_of(&changed), &[]), said(&sample.line, &[]), "{}", name);
    }
}

#[test]
fn any_name_of_a_request_id_is_the_same_id() {
    for (name, sample, found) in objects() {
        for synonym in REQUEST_NAMES {
            let Some(at) = found.iter().position(|(name, _)| is_request_name(name)) else { continue };
            let mut changed = found.clone();
            changed[at].0 = synonym.to_owned();
            assert_eq!(said(&line_of(&changed), &[]), said(&sample.line, &[]), "{name}: {synonym}");
        }
    }
}

#[test]
fn an_object_around_an_id_changes_nothing() {
    for (name, sample, found) in objects() {
        for around in ["context", "fields", "ctx", "extra", "mdc", "attributes", "labels", "meta", "data"] {
            let Some(at) = found.iter().position(|(name, value)| is_request_name(name) && value != "null") else { continue };
            if found.iter().any(|(name, _)| name == around) {
                continue;
            }
            let mut changed = found.clone();
            let (id, value) = changed.remove(at);
            changed.push((around.to_owned(), line_of(&vec![(id, value)])));
            assert_eq!(said(&line_of(&changed), &[]), said(&sample.line, &[]), "{name}: {around}");
        }
    }
}

#[test]
fn members_that_only_look_like_something_report_nothing() {
    let decoys = [
        ("timeout_ms", "3000"),
        ("retry_in_ms", "250"),
        ("max_tokens", "4096"),
        ("expires_at", "\"2031-01-01T00:00:00Z\""),
        ("order", "{\"id\":7,\"placed_at\":\"2019-03-01T10:20:30Z\",\"status\":\"new\"}"),
        ("user.request_count", "12"),
        ("trace_enabled", "true"),
        ("model_dir", "\"/var/models\""),
        ("status_page", "\"https://status.example.com\""),
        ("ttl_seconds", "3600"),
        ("max_attempts", "5"),
        ("rate_limit_remaining", "99"),
        ("error_budget", "0.98"),
        ("log_level_default", "\"debug\""),
        ("task_queue_size", "14"),
        ("requests_per_second", "3.5"),
        ("next_run_at", "\"2031-01-01T00:00:00Z\""),
        ("duration_limit", "60"),
        ("retry_policy", "\"exponential\""),
        ("tokens_remaining", "1000"),
        ("cost_center", "\"eu-7\""),
        ("message_count", "3"),
        ("levels", "[1,2]"),
        ("service_tier", "\"default\""),
    ];
    for (name, sample, found) in objects() {
        // Ids of things of the business are found too; nothing links by them.
        let business = ["other_ids", "id_scopes"];
        let before = said(&sample.line, &business);
        for (decoy, value) in decoys {
            if found.iter().any(|(name, _)| name == decoy || name.starts_with("order")) {
                continue;
            }
            for first in [false, true] {
                let mut changed = found.clone();
                changed.insert(if first { 0 } else { changed.len() }, (decoy.to_owned(), value.to_owned()));
                assert_eq!(said(&line_of(&changed), &business), before, "{name}: {decoy}");
            }
        }
    }
}

/// A key in the habits of another language.
fn respelt(key: &str, how: &str) -> String {
    let marks: String = key.chars().take_while(|c| !c.is_alphanumeric()).collect();
    let components = key[marks.len()..].split_inclusive(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-'));
    let one = |component: &str| {
        let end: String = component.chars().filter(|c| !c.is_alphanumeric() && !matches!(c, '_' | '-')).collect();
        let words = crate::recognise::names::words(component);
        let capital = |w: &String| w[..1].to_uppercase() + &w[1..];
        let word = match how {
            "snake_case" => words.join("_"),
            "kebab-case" => words.join("-"),
            "SCREAMING_CASE" => words.join("_").to_uppercase(),
            "PascalCase" => words.iter().map(capital).collect(),
            _ => words.iter().enumerate().map(|(i, w)| if i == 0 { w.clone() } else { capital(w) }).collect(),
        };
        word + &end
    };
    marks + &components.map(one).collect::<String>()
}

fn all_respelt(value: &str, how: &str) -> String {
    match members(value) {
        Some(found) => line_of(&found.into_iter().map(|(key, value)| (respelt(&key, how), all_respelt(&value, how))).collect()),
        None => value.to_owned(),
    }
}

/// Members that another case makes one, or what the convention calls something else (`taskName` is asyncio's, `task_name` Prefect's).
fn told_apart_by_case(name: &str, line: &str, changed: &str) -> bool {
    let tables = Tables::builtin();
    let Some(v) = tables.conventions.iter().find(|v| v.name == name) else { return false };
    let keys = |line: &str| members(line).map_or_else(Vec::new, |found| found.into_iter().map(|(key, _)| key).collect::<Vec<_>>());
    let role = |key: &String| v.roles.get(&v.spell(std::slice::from_ref(key))[0]);
    let one = |key: &String, other: &String| key != other && spelling::fold(key) == spelling::fold(other);
    let (before, after) = (keys(line), keys(changed));
    before.iter().any(|key| before.iter().any(|other| one(key, other))) || before.iter().zip(&after).any(|(key, other)| v.roles.get(key) != role(other))
}

#[test]
fn keys_in_another_case_change_nothing() {
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (name, sample, _) in objects() {
        let before = said(&sample.line, &[]);
        for how in ["snake_case", "camelCase", "PascalCase", "kebab-case", "SCREAMING_CASE"] {
            let line = all_respelt(&sample.line, how);
            if told_apart_by_case(&name, &sample.line, &line) {
                continue;
            }
            tried += 1;
            let after = said(&line, &[]);
            if after != before {
                wrong.push(format!("{name}: {how}\n  {line}\n  {}\n  {}", Value::from(after), Value::from(before.clone())));
            }
        }
    }
    assert!(tried > 300, "{tried}");
    assert!(wrong.is_empty(), "{} of {tried} readings change:\n{}", wrong.len(), wrong.join("\n"));
}

/// Spellings of one instant: zone by name, by an offset with and without colon, elsewhere; a space for the `T`; more digits.
fn spellings(at: chrono::DateTime<chrono::Utc>) -> Vec<String> {
    let there = at.with_timezone(&chrono::FixedOffset::east_opt(7_200).unwrap());
    let utc = |format: &str| at.format(format).to_string();
    vec![
        utc("%Y-%m-%dT%H:%M:%S%.9fZ"),
        utc("%Y-%m-%dT%H:%M:%S%.9f+00:00"),
        utc("%Y-%m-%dT%H:%M:%S%.9f+0000"),
        utc("%Y-%m-%d %H:%M:%S%.9fZ"),
        utc("%Y-%m-%d %H:%M:%S%.9f +00:00"),
        there.format("%Y-%m-%dT%H:%M:%S%.9f%:z").to_string(),
        there.format("%Y-%m-%d %H:%M:%S%.9f %z").to_string(),
    ]
}

#[test]
fn another_spelling_of_its_time_changes_nothing() {
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (name, sample, found) in objects() {
        let before = said(&sample.line, &[]);
        let Some(at) = before[0]["ts"].as_str().and_then(|t| chrono::DateTime::parse_from_rfc3339(t).ok()).map(|t| t.to_utc()) else { continue };
        let is_time = |(_, value): &(String, String)| chrono::DateTime::parse_from_rfc3339(value.trim_matches('"')).is_ok_and(|t| t == at);
        let Some(place) = found.iter().position(is_time) else { continue };
        for spelling in spellings(at) {
            tried += 1;
            let mut changed = found.clone();
            changed[place].1 = Value::from(spelling.as_str()).to_string();
            let after = said(&line_of(&changed), &[]);
            if after != before {
                wrong.push(format!("{name}: {spelling}\n  {}\n  {}", Value::from(after), Value::from(before.clone())));
            }
        }
    }
    assert!(tried > 100, "{tried}");
    assert!(wrong.is_empty(), "{} readings change:\n{}", wrong.len(), wrong.join("\n"));
}

/// What an envelope may add: where the line came from, and whose it is when the line does not say so itself.
const ADDED: [&str; 8] = ["other_ids", "host", "context", "service", "received", "id_scopes", "stream", "logger"];

fn envelopes(line: &str) -> Vec<(&'static str, String)> {
    let text = Value::from(line).to_string();
    let ended = Value::from(format!("{line}\n")).to_string();
    vec![
        ("docker json-file", format!(r#"{{"log":{ended},"stream":"stdout","time":"2026-11-23T09:46:49.123456789Z"}}"#)),
        ("CRI", format!("2026-11-23T09:46:49.123456789Z stdout F {line}")),
        ("journald", format!(r#"{{"__REALTIME_TIMESTAMP":"1795427209123456","_HOSTNAME":"h1","_PID":"7","PRIORITY":"6","SYSLOG_IDENTIFIER":"app","MESSAGE":{text}}}"#)),
        ("syslog 5424", format!("<134>1 2026-11-23T09:46:49.123Z h1 app 7 - - {line}")),
        ("syslog 3164", format!("<134>Nov 23 09:46:49 h1 app[7]: {line}")),
        ("kubectl --prefix", format!("[pod/api-7d9f/api] {line}")),
        ("stern", format!("api-7d9f8b6c5d-x2x4z api {line}")),
        ("docker compose", format!("api-1  | {line}")),
        ("heroku", format!("2026-11-23T09:46:49.123456+00:00 app[web.1]: {line}")),
        ("CloudWatch event", format!(r#"{{"timestamp":1795427209123,"message":{text},"ingestionTime":1795427210123}}"#)),
        (
            "GCP text",
            format!(
                r#"{{"insertId":"a1b2","textPayload":{text},"timestamp":"2026-11-23T09:46:49.123456Z","receiveTimestamp":"2026-11-23T09:46:50Z","resource":{{"type":"k8s_container","labels":{{"pod_name":"p"}}}},"logName":"projects/p/logs/stdout"}}"#
            ),
        ),
        (
            "GCP json",
            format!(
                r#"{{"insertId":"a1b2","jsonPayload":{line},"timestamp":"2026-11-23T09:46:49.123456Z","receiveTimestamp":"2026-11-23T09:46:50Z","resource":{{"type":"k8s_container","labels":{{"pod_name":"p"}}}},"logName":"projects/p/logs/stdout"}}"#
            ),
        ),
        ("fluent-bit", format!(r#"{{"date":1795427209.123,"log":{text},"kubernetes":{{"pod_name":"p","namespace_name":"n"}}}}"#)),
    ]
}

#[test]
fn an_envelope_around_the_line_changes_nothing_the_line_says() {
    let mut wrong = Vec::new();
    for (name, sample, _) in objects() {
        let inner = readings(&sample.line).remove(0);
        // A line without a time or a level of its own takes the envelope's.
        let mut apart: Vec<&str> = ADDED.to_vec();
        apart.extend(["ts", "ts_naive", "level"].into_iter().filter(|key| inner.get(*key).is_none_or(Value::is_null)));
        let before = said(&sample.line, &apart);
        for (envelope, line) in envelopes(&sample.line) {
            let found = said(&line, &apart);
            if found != before {
                wrong.push(format!("{name} in {envelope}:\n  {}\n  {}", Value::from(found), Value::from(before.clone())));
            }
        }
    }
    assert!(wrong.is_empty(), "{} readings change:\n{}", wrong.len(), wrong.join("\n"));
}
