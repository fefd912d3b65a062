//! What must not change when all times and lengths are doubled, when ids that group requests are all one, and when of a link only its proof is left.
//!
//! Compared are path documents with every `file:line`: lines are changed where they stand. The logs are the first lines of `sample-logs/` and some
//! products of `tests/stacks`.

use super::order::{Logs, samples};
use crate::support::Bench;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::Path,
};

fn stack(name: &str) -> Logs {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stacks").join(name).join("logs");
    let read = |path: &Path| {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
    };
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path))).collect()
}

fn documents(logs: &Logs) -> Vec<Value> {
    let bench = Bench::new();
    for (name, lines) in logs {
        bench.write(&format!("logs/{name}"), lines.iter().flat_map(|line| [line, "\n"]).collect::<String>());
    }
    bench.ok(&["index", "logs", "--data", "d"]);
    bench.ok(&["export", "--data", "d", "--format", "path-ndjson"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every value that is no list and no object, with its key.
fn each(key: &str, value: &mut Value, change: &impl Fn(&str, &mut Value)) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| each(key, value, change)),
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| each(key, value, change)),
        _ => change(key, value),
    }
}

/// The logs with the values of each JSON line made others; what is no JSON stays.
fn changed(logs: &Logs, change: &impl Fn(&str, &mut Value)) -> Logs {
    let line = |text: &String| {
        let Some(mut line) = serde_json::from_str::<Value>(text).ok().filter(Value::is_object) else { return text.clone() };
        each("", &mut line, change);
        line.to_string()
    };
    logs.iter().map(|(name, lines)| (name.clone(), lines.iter().map(line).collect())).collect()
}

fn list<'a>(doc: &'a Value, part: &str) -> &'a [Value] {
    doc[part].as_array().map_or(&[], Vec::as_slice)
}

fn texts(values: &[Value]) -> impl Iterator<Item = &str> {
    values.iter().filter_map(Value::as_str)
}

/// An id as `value scope`.
fn named(id: &Value) -> String {
    format!("{} {}", id["value"].as_str().unwrap(), id["scope"].as_str().unwrap_or("-"))
}

/// From when times are doubled, 13:20 of the samples' day: a second of the epoch, and on the wall of the worker that writes New York's time.
const FROM_S: i64 = 1_795_008_000;
const ZONE_S: i64 = -5 * 3_600;
/// Keys of the samples whose numbers are lengths.
const LENGTHS: [&str; 10] = ["duration_ms", "durationMs", "duration", "response_time", "runtime", "ttft_ms", "responseTimeMs", "layoutMs", "retry_in_ms", "retry_in_s"];

/// A time, or a text with lengths (`Completed after 1467.13ms.`).
fn text_doubled(text: &str) -> String {
    const WALL: &str = "%Y-%m-%d %H:%M:%S,%3f";
    let doubled = |time: chrono::DateTime<chrono::Utc>, from_s: i64| time + (time - chrono::DateTime::from_timestamp(from_s, 0).unwrap());
    if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
        return doubled(time.to_utc(), FROM_S).to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    }
    if let Ok(time) = chrono::NaiveDateTime::parse_from_str(text, WALL) {
        return doubled(time.and_utc(), FROM_S + ZONE_S).format(WALL).to_string();
    }
    let word = |word: &str| {
        let bare = word.trim_end_matches(['.', ':', ',']);
        let unit = if bare.ends_with("ms") { "ms" } else { "s" };
        let length = bare.strip_suffix(unit).filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit())).and_then(|digits| digits.parse::<f64>().ok());
        length.map_or_else(|| word.to_owned(), |length| format!("{}{unit}{}", length * 2.0, &word[bare.len()..]))
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn doubled(key: &str, value: &mut Value) {
    let new = match value {
        Value::String(text) => json!(text_doubled(text)),
        Value::Number(number) if LENGTHS.contains(&key) => number.as_i64().map_or_else(|| json!(number.as_f64().unwrap() * 2.0), |whole| json!(whole * 2)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(ms), _) if (1.79e12..1.80e12).contains(&(ms as f64)) => json!(ms * 2 - FROM_S * 1_000),
            (None, Some(s)) if (1.79e9..1.80e9).contains(&s) => json!(s * 2.0 - FROM_S as f64),
            _ => return,
        },
        _ => return,
    };
    *value = new;
}

/// What a path says but for its times; and its lengths with its times, these from [`FROM_S`] on.
fn told(doc: &Value) -> (Value, Vec<i64>) {
    let at = |instant: &Value| chrono::DateTime::parse_from_rfc3339(instant.as_str().unwrap()).unwrap().timestamp_nanos_opt().unwrap() - FROM_S * 1_000_000_000;
    let mut spans: Vec<(String, i64, i64)> = list(doc, "spans")
        .iter()
        .map(|s| (json!(["kind", "name", "service", "evidence", "outcome", "attempt", "unfinished"].map(|part| &s[part])).to_string(), at(&s["start"]), at(&s["end"])))
        .collect();
    spans.sort();
    let segments = || ["breakdown", "completion"].into_iter().flat_map(|part| list(&doc[part], "segments"));
    let kinds: Vec<&Value> = segments().map(|segment| &segment["kind"]).collect();
    let names: Vec<&String> = spans.iter().map(|span| &span.0).collect();
    let odd: Vec<&Value> = list(doc, "anomalies").iter().map(|oddity| &oddity["kind"]).collect();
    let mut verdict = doc["verdict"].clone();
    // It says lengths in words.
    verdict.as_object_mut().map(|verdict| verdict.remove("sentence"));
    let words = json!([doc["ids"], doc["lines"], doc["unplaced"], doc["state"], verdict, names, kinds, odd]);
    let figures = ["response_ns", "completion_ns"].into_iter().map(|figure| doc[figure].as_i64().unwrap_or(0));
    let numbers = figures.chain(spans.iter().flat_map(|span| [span.1, span.2])).chain(segments().map(|segment| segment["ns"].as_i64().unwrap())).collect();
    (words, numbers)
}

#[test]
fn times_and_lengths_twice_as_long_make_every_step_twice_as_long() {
    let by_ids = |docs: Vec<Value>| -> BTreeMap<String, (Value, Vec<i64>)> { docs.iter().map(|doc| (doc["ids"].to_string(), told(doc))).collect() };
    // Without the line that is cut off; and written anew, so that only the change differs.
    let logs: Logs = samples().into_iter().map(|(name, lines)| (name, lines.into_iter().filter(|line| serde_json::from_str::<Value>(line).is_ok()).collect())).collect();
    let (found, expected) = (by_ids(documents(&changed(&logs, &doubled))), by_ids(documents(&changed(&logs, &|_, _| {}))));
    assert!(expected.len() > 600, "{}", expected.len());
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    // A number of seconds since 1970 is known to a quarter of a microsecond.
    const ROUNDED_NS: i64 = 1_000;
    for (ids, (words, numbers)) in &expected {
        assert_eq!(found[ids].0, *words, "{ids}");
        let far: Vec<_> = numbers.iter().zip(&found[ids].1).filter(|(was, is)| (*was * 2 - *is).abs() > ROUNDED_NS).collect();
        assert_eq!(far, vec![], "{ids}");
    }
}

/// What looks most like an id that could join.
const ONE: &str = "9d1f4c2e-6b7a-4e53-8a10-c7d2e9f0b416";

/// The logs with every id under some keys made the same.
fn of_one(logs: &Logs, keys: &[&str]) -> Logs {
    changed(logs, &|key, value| {
        let names_one = value.is_i64() || value.as_str().is_some_and(|text| !text.is_empty());
        if keys.contains(&key) && names_one {
            *value = json!(ONE);
        }
    })
}

#[test]
fn one_user_tenant_document_and_batch_for_all_requests_changes_none_of_them() {
    for (logs, groups) in [
        (samples(), &["tenant_id", "user_id", "session_id", "document_id", "documentId", "batch_id", "end_user", "user_api_key_alias"][..]),
        (stack("redline"), &["user_id", "document_id"]),
    ] {
        let of = |logs: &Logs| documents(logs).iter().map(Value::to_string).collect::<BTreeSet<_>>();
        let (found, expected) = (of(&of_one(&logs, groups)), of(&changed(&logs, &|_, _| {})));
        assert_eq!((found.difference(&expected).next(), expected.difference(&found).next()), (None, None));
        assert!(found.len() > 400, "{}", found.len());
    }
}

/// Lines that name no work are of the one work of their session: of a session of many they are of none.
#[test]
fn one_session_for_all_requests_only_loses_lines_that_name_no_work() {
    let logs = stack("support-agent");
    let ids = |doc: &Value| list(doc, "ids").iter().map(named).collect::<BTreeSet<_>>();
    let held = |doc: &Value| -> BTreeSet<String> { ["lines", "unplaced"].into_iter().flat_map(|part| texts(list(doc, part))).map(str::to_owned).collect() };
    let of = |logs: &Logs| -> BTreeMap<BTreeSet<String>, BTreeSet<String>> { documents(logs).iter().map(|doc| (ids(doc), held(doc))).collect() };
    let (found, expected) = (of(&of_one(&logs, &["sessionId"])), of(&changed(&logs, &|_, _| {})));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    assert!(found.iter().all(|(ids, lines)| lines.is_subset(&expected[ids])));
    let lost: Vec<Value> = expected.iter().flat_map(|(ids, lines)| lines.difference(&found[ids])).map(|line| serde_json::from_str(text_at(&logs, line)).unwrap()).collect();
    let is_of_nobody = |line: &Value| line["sessionId"].is_string() && ["reqId", "job", "jobId", "callId", "requestId"].iter().all(|key| line[key].is_null());
    assert!(lost.len() > 100 && lost.iter().all(is_of_nobody), "{}", lost.len());
}

/// The line that `logs/api.log:7` names.
fn text_at<'a>(logs: &'a Logs, place: &str) -> &'a String {
    let (file, number) = place.strip_prefix("logs/").unwrap().rsplit_once(':').unwrap();
    &logs[file][number.parse::<usize>().unwrap() - 1]
}

/// A link with the lines it is shown by, alone.
struct Shown {
    id: String,
    link: (String, String),
    places: BTreeSet<String>,
}

/// Its first proving line, and the first line on which each of the two ids stands.
fn shown(logs: &Logs, doc: &Value, id: &Value) -> Option<Shown> {
    let (rule, parent) = (id["proof"]["rule"].as_str()?, id["proof"]["parent"].as_str()?);
    let (kind, value) = parent.split_once(':')?;
    let stands = |text: &str, id: &str| {
        let part_of_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        text.match_indices(id).any(|(at, _)| !part_of_word(text[..at].chars().next_back()) && !part_of_word(text[at + id.len()..].chars().next()))
    };
    let on = |id: &str| {
        ["lines", "unplaced"].into_iter().flat_map(|part| texts(list(doc, part))).filter(|place| stands(text_at(logs, place), id)).map(str::to_owned).collect::<Vec<_>>()
    };
    // Which of two names of a request is above is told by the number of their lines.
    let names_request = |kind: &str| matches!(kind, "request" | "trace");
    let of_parent = if names_request(kind) && names_request(id["kind"].as_str()?) { 3 } else { 1 };
    let firsts = on(id["value"].as_str()?).into_iter().take(1).chain(on(value).into_iter().take(of_parent));
    let places = firsts.chain(texts(list(&id["proof"], "lines")).take(1).map(str::to_owned)).collect();
    Some(Shown { id: named(id), link: (rule.to_owned(), parent.to_owned()), places })
}

/// How many links there are, and which of them are not shown by their lines alone. One of each path at a time: they have no line in common.
fn not_shown_alone(logs: &Logs) -> (usize, Vec<(String, (String, String))>) {
    let of_path = |doc: &Value| list(doc, "ids").iter().filter_map(|id| shown(logs, doc, id)).collect::<Vec<_>>();
    let mut open: Vec<_> = documents(logs).iter().map(|doc| of_path(doc).into_iter()).collect();
    let (mut count, mut missing) = (0, Vec::new());
    loop {
        let turn: Vec<Shown> = open.iter_mut().filter_map(Iterator::next).collect();
        if turn.is_empty() {
            return (count, missing);
        }
        count += turn.len();
        let places: BTreeSet<&String> = turn.iter().flat_map(|link| &link.places).collect();
        let mut alone = Logs::new();
        for (name, lines) in logs {
            let kept = (1..=lines.len()).filter(|number| places.contains(&format!("logs/{name}:{number}"))).map(|number| lines[number - 1].clone());
            alone.insert(name.clone(), kept.collect());
        }
        let docs = documents(&alone);
        let proof = |id: &Value| Some((id["proof"]["rule"].as_str()?.to_owned(), id["proof"]["parent"].as_str()?.to_owned()));
        let found: BTreeSet<(String, (String, String))> = docs.iter().flat_map(|doc| list(doc, "ids")).filter_map(|id| Some((named(id), proof(id)?))).collect();
        missing.extend(turn.into_iter().map(|link| (link.id, link.link)).filter(|link| !found.contains(link)));
    }
}

#[test]
fn the_proving_line_with_the_first_lines_of_both_ids_shows_the_same_link() {
    assert_eq!(not_shown_alone(&samples()), (1_139, vec![]));
}

/// A random word without a digit is known for an id by the many of its make: alone it is none.
#[test]
fn only_ids_that_others_of_their_make_tell_are_not_linked_by_the_proving_line_alone() {
    let (count, missing) = not_shown_alone(&stack("claims-desk"));
    assert_eq!((count, missing.len()), (1_922, 1));
    assert!(missing.iter().all(|(id, _)| id.starts_with("gw_") && !id.contains(|c: char| c.is_ascii_digit())), "{missing:?}");
}

#[test]
fn one_hosts_clock_moves_waits_by_no_more_than_it_and_no_length_on_a_host() {
    const AHEAD_MS: i64 = 2_500;
    let mut moved = samples();
    let later = |line: &String| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        for key in ["time", "processedOn", "finishedOn"] {
            if let Some(ms) = line[key].as_i64() {
                line[key] = json!(ms + AHEAD_MS);
            }
        }
        line.to_string()
    };
    moved.entry("worker-render.log".into()).and_modify(|lines| *lines = lines.iter().map(later).collect());
    let length = |span: &Value| told(&json!({"spans": [span]})).1[2..].iter().rev().copied().reduce(|end, start| end - start).unwrap();
    // By the lines it stands on: a step is the same step.
    let steps = |doc: &Value| -> BTreeMap<String, (bool, i64)> {
        let name = |span: &Value| json!([span["kind"], span["name"], span["service"], texts(list(span, "lines")).collect::<BTreeSet<_>>()]).to_string();
        list(doc, "spans").iter().map(|span| (name(span), (span["kind"] == "queue_wait", length(span)))).collect()
    };
    let of = |logs: &Logs| -> BTreeMap<String, (Value, BTreeMap<String, (bool, i64)>)> {
        documents(logs).iter().map(|doc| (doc["ids"].to_string(), (doc["response_ns"].clone(), steps(doc)))).collect()
    };
    let (found, expected) = (of(&moved), of(&samples()));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    let mut waits_moved = 0;
    for (ids, (response, steps)) in &expected {
        assert_eq!((&found[ids].0, found[ids].1.keys().collect::<Vec<_>>()), (response, steps.keys().collect()), "{ids}");
        for (step, (is_wait, length)) in steps {
            let now = found[ids].1[step].1;
            let most = if *is_wait { AHEAD_MS * 1_000_000 } else { 0 };
            assert!(now >= 0 && (now - length).abs() <= most, "{step}: {length} became {now}");
            waits_moved += usize::from(now != *length);
        }
    }
    assert!(waits_moved > 20, "{waits_moved}");
}

#[test]
fn lost_lines_leave_no_more_of_a_response_explained() {
    let coverage =
        |logs: &Logs| -> BTreeMap<String, f64> { documents(logs).iter().filter_map(|doc| Some((doc["request_id"].as_str()?.to_owned(), doc["coverage"].as_f64()?))).collect() };
    let whole = coverage(&samples());
    for lost in [1, 4] {
        let less: Logs = samples().into_iter().map(|(name, lines)| (name, lines.into_iter().enumerate().filter(|(n, _)| n % 7 != lost).map(|(_, line)| line).collect())).collect();
        let risen: Vec<_> = coverage(&less).into_iter().filter(|(request, covered)| whole.get(request).is_some_and(|all| covered > all)).collect();
        assert_eq!(risen, vec![]);
    }
}

/// Ways in which products log one and the same: pairs of begin and end, one line at the end, one at the begin, and a request's id on the root alone.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Regime {
    Pairs,
    AtEnd,
    AtBegin,
    ByParents,
}

/// Forty requests of four services, nested.
fn logged(regime: Regime) -> Logs {
    let instant = |ms: i64| chrono::DateTime::from_timestamp_millis(FROM_S * 1_000 + ms).unwrap().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let mut lines: Vec<(i64, String)> = Vec::new();
    for n in 0..40_i64 {
        let (at, k) = (n * 701, n % 7);
        let steps = [
            ("web", "POST /v1/answers", 0, response_ms(n), None),
            ("orders", "load_order", 20, 120 + 5 * k, Some(0)),
            ("payments", "authorize", 30 + k, 90 + 3 * k, Some(1)),
            ("search", "find_passages", 130 + 5 * k, 250 + 9 * k, Some(0)),
        ];
        for (index, (service, operation, from, to, parent)) in steps.into_iter().enumerate() {
            let span = |index: usize| format!("{:016x}", 0x6b1f_93d4_7c2e_8a05_u64.wrapping_mul(2 * (n as u64 * 4 + index as u64) + 1));
            let mut fields = json!({"level": "info", "service": service, "operation": operation, "span_id": span(index)});
            if let Some(parent) = parent {
                fields["parent_span_id"] = json!(span(parent));
            }
            if regime != Regime::ByParents {
                fields["trace_id"] = json!(format!("{:032x}", 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835_u128.wrapping_mul(2 * n as u128 + 1)));
            } else if parent.is_none() {
                fields["request_id"] = json!(format!("req_01JDC9V6Q8Z4M2K7T3W5XH{n:04}"));
            }
            let mut line = |ms: i64, message: String, more: Value| {
                let mut fields = fields.clone();
                fields["time"] = json!(instant(at + ms));
                fields["msg"] = json!(message);
                fields.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
                lines.push((at + ms, fields.to_string()));
            };
            match regime {
                Regime::Pairs | Regime::ByParents => {
                    line(from, format!("{operation} started"), json!({}));
                    line(to, format!("{operation} finished"), json!({}));
                }
                Regime::AtEnd => line(to, format!("{operation} finished"), json!({"duration_ms": to - from})),
                Regime::AtBegin => line(from, operation.to_owned(), json!({"elapsed": format!("{}ms", to - from)})),
            }
        }
    }
    lines.sort_by_key(|line| line.0);
    Logs::from([("all.log".to_owned(), lines.into_iter().map(|line| line.1).collect())])
}

fn response_ms(n: i64) -> i64 {
    300 + 11 * (n % 7)
}

#[test]
fn however_a_product_logs_its_steps_the_services_call_each_other_alike() {
    let mut responses: Vec<i64> = (0..40).map(|n| response_ms(n) * 1_000_000).collect();
    responses.sort_unstable();
    for regime in [Regime::Pairs, Regime::AtEnd, Regime::AtBegin, Regime::ByParents] {
        let docs = documents(&logged(regime));
        let mut edges: BTreeMap<(String, String), u32> = BTreeMap::new();
        for doc in &docs {
            let service: BTreeMap<&str, &str> = list(doc, "spans").iter().map(|span| (span["id"].as_str().unwrap(), span["service"].as_str().unwrap())).collect();
            for span in list(doc, "spans").iter().filter(|span| span["parent"].is_string()) {
                *edges.entry((service[span["parent"].as_str().unwrap()].to_owned(), span["service"].as_str().unwrap().to_owned())).or_default() += 1;
            }
        }
        let expected = [("orders", "payments"), ("web", "orders"), ("web", "search")].map(|(caller, called)| ((caller.to_owned(), called.to_owned()), 40));
        let mut found: Vec<i64> = docs.iter().map(|doc| doc["response_ns"].as_i64().unwrap()).collect();
        found.sort_unstable();
        assert_eq!((edges, &found), (BTreeMap::from(expected), &responses), "{regime:?}");
    }
}
