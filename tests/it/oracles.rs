//! What must not change when the lines change in ways that say nothing new: other ids, other spellings of keys, noise, clocks that all stand off,
//! copies, fewer digits, a batch over many requests; and what may only become less when lines are lost.
//!
//! Compared is what a path says ([`gist`]): its ids and links, its lines by their text, its steps and figures. The logs are the first lines of
//! `sample-logs/`, a worker of which has a clock of its own.

use super::order::{Logs, base, check, paths, samples};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a path says, free of the order in which equal things stand.
#[derive(Debug, Clone, PartialEq)]
struct Gist {
    ids: BTreeSet<String>,
    links: BTreeSet<String>,
    /// Texts of its lines.
    lines: Vec<String>,
    /// Kind, name, service, begin, end, evidence.
    steps: Vec<[String; 6]>,
    figures: Value,
}

fn gist(doc: &Value) -> Gist {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let list = |part: &str| doc[part].as_array().cloned().unwrap_or_default();
    let mut lines: Vec<String> = ["lines", "unplaced"].into_iter().flat_map(list).map(|line| text(&line)).collect();
    lines.sort();
    let mut steps: Vec<[String; 6]> = list("spans").iter().map(|s| ["kind", "name", "service", "start", "end", "evidence"].map(|part| text(&s[part]))).collect();
    steps.sort();
    Gist {
        ids: list("ids").iter().map(|id| format!("{} {}", text(&id["kind"]), text(&id["value"]))).collect(),
        links: list("ids")
            .iter()
            .filter(|id| id["proof"].is_object())
            .map(|id| format!("{} {} > {}", text(&id["proof"]["rule"]), text(&id["proof"]["parent"]), text(&id["value"])))
            .collect(),
        lines,
        steps,
        figures: json!([
            doc["response_ns"],
            doc["completion_ns"],
            doc["state"],
            doc["verdict"]["retries"],
            doc["verdict"]["retry_class"],
            doc["verdict"]["degraded"],
            doc["models"],
            doc["tokens"]
        ]),
    }
}

fn gists(paths: &BTreeMap<String, Value>) -> BTreeMap<String, Gist> {
    paths.values().map(gist).map(|gist| (gist.ids.iter().next_back().cloned().unwrap_or_default() + gist.lines.first().map_or("", String::as_str), gist)).collect()
}

fn of(logs: &Logs) -> BTreeMap<String, Gist> {
    gists(&paths(&[logs]))
}

/// The logs with each JSON line made another.
fn mapped(change: impl Fn(&str, &mut Value)) -> Logs {
    // A line that is cut off is left out.
    let line = |name: &str, text: &String| {
        let mut line: Value = serde_json::from_str(text).ok()?;
        change(name, &mut line);
        Some(line.to_string())
    };
    samples().into_iter().map(|(name, lines)| (name.clone(), lines.iter().filter_map(|text| line(&name, text)).collect())).collect()
}

/// The samples written anew, so that only the change differs.
fn rewritten() -> BTreeMap<String, Gist> {
    of(&mapped(|_, _| {}))
}

fn without_texts(gists: BTreeMap<String, Gist>) -> Vec<(BTreeSet<String>, BTreeSet<String>, usize, Vec<[String; 6]>, String)> {
    let mut out: Vec<_> = gists.into_values().map(|g| (g.ids, g.links, g.lines.len(), g.steps, g.figures.to_string())).collect();
    out.sort();
    out
}

/// Says the first that only one of two lists has.
fn same<T: Ord + std::fmt::Debug>(found: &[T], expected: &[T]) {
    let (has, had): (BTreeSet<&T>, BTreeSet<&T>) = (found.iter().collect(), expected.iter().collect());
    assert_eq!((has.difference(&had).next(), had.difference(&has).next()), (None, None), "{} against {}", found.len(), expected.len());
    assert_eq!(found.len(), expected.len());
}

/// Every text in a value.
fn each_text(value: &mut Value, change: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(values) => values.iter_mut().for_each(|v| each_text(v, change)),
        Value::Object(fields) => fields.values_mut().for_each(|v| each_text(v, change)),
        _ => {}
    }
}

#[test]
fn other_ids_of_the_same_make_give_the_same_paths_under_those_ids() {
    let known: BTreeSet<String> = rewritten().values().flat_map(|g| g.ids.iter().map(|id| id.rsplit(' ').next().unwrap().to_owned())).filter(|id| id.len() >= 12).collect();
    // Digits turn round behind the part that says what kind of id it is, or when it was made.
    let renamed = |id: &str| -> String {
        let keep = id.len().min(14);
        id.char_indices().map(|(at, c)| if at >= keep && c.is_ascii_digit() { char::from(b'0' + (c as u8 - b'0' + 3) % 10) } else { c }).collect()
    };
    let all: BTreeMap<String, String> = known.iter().map(|id| (id.clone(), renamed(id))).collect();
    assert_eq!(all.values().collect::<BTreeSet<_>>().len(), all.len());
    let rename = |text: &str| {
        let mut out = text.to_owned();
        let words: BTreeSet<&str> = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))).filter(|w| all.contains_key(*w)).collect();
        words.into_iter().for_each(|word| out = out.replace(word, &all[word]));
        out
    };
    let found = without_texts(of(&mapped(|_, line| each_text(line, &rename))));
    let mut expected: Vec<_> = without_texts(rewritten())
        .into_iter()
        .map(|(ids, links, lines, steps, figures)| (ids.iter().map(|id| rename(id)).collect(), links.iter().map(|link| rename(link)).collect(), lines, steps, figures))
        .collect();
    expected.sort();
    same(&found, &expected);
}

#[test]
fn keys_in_the_spelling_of_another_language_give_the_same_paths() {
    fn camel(key: &str) -> String {
        let mut up = false;
        let mut out = String::new();
        for c in key.chars() {
            if c == '_' && !out.is_empty() {
                up = true;
            } else {
                out.push(if std::mem::take(&mut up) { c.to_ascii_uppercase() } else { c });
            }
        }
        out
    }
    fn respelt(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                *fields = std::mem::take(fields)
                    .into_iter()
                    .map(|(key, mut value)| {
                        (camel(&key), {
                            respelt(&mut value);
                            value
                        })
                    })
                    .collect();
            }
            Value::Array(values) => values.iter_mut().for_each(respelt),
            _ => {}
        }
    }
    // Of the API, whose lines follow no convention of the folder by name.
    let found = of(&mapped(|name, line| {
        if name.starts_with("api") {
            respelt(line);
        }
    }));
    same(&without_texts(found), &without_texts(rewritten()));
}

#[test]
fn lines_of_nobody_change_nothing() {
    let expected = of(&samples());
    check(&(0..5_usize, 3..9_usize), |(from, every)| {
        let mut logs = samples();
        for (name, lines) in logs.iter_mut().filter(|(name, _)| name.starts_with("api")) {
            let noisy = lines.iter().enumerate().flat_map(|(n, text)| {
                let time = serde_json::from_str::<Value>(text).unwrap_or_default()["timestamp"].clone();
                let noise = json!({"event": "cache size", "entries": n, "tenant_id": "ten_eEL0UJeW7HZkhvJj", "level": "info", "timestamp": time});
                let extra = (n % every == from.min(every - 1)).then(|| noise.to_string());
                std::iter::once(text.clone()).chain(extra)
            });
            assert!(!name.is_empty());
            *lines = noisy.collect();
        }
        // What lines without an id belong to is told by all such lines: it is compared apart (`unnamed`).
        same(&without_texts(of(&logs)), &without_texts(expected.clone()));
        Ok(())
    });
}

#[test]
fn copies_of_lines_change_nothing() {
    check(&(2..7_usize), |every| {
        let mut logs = samples();
        // Where clocks tell milliseconds and no more, two lines may be alike: copies come together there.
        for (name, lines) in &mut logs {
            let is_coarse = name.starts_with("worker");
            *lines = lines.iter().enumerate().flat_map(|(n, text)| vec![text.clone(); 1 + usize::from(is_coarse || n % every == 0)]).collect();
        }
        let strip = |gists: BTreeMap<String, Gist>| -> Vec<_> { without_texts(gists).into_iter().map(|(ids, links, _, steps, figures)| (ids, links, steps, figures)).collect() };
        same(&strip(of(&logs)), &strip(of(&samples())));
        Ok(())
    });
}

#[test]
fn all_clocks_an_hour_on_move_every_step_by_an_hour_and_nothing_else() {
    const HOUR_S: i64 = 3_600;
    let later = |text: &str| {
        let parsed = chrono::DateTime::parse_from_rfc3339(text).map(|t| (t + chrono::Duration::seconds(HOUR_S)).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
        let naive =
            || chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S,%3f").map(|t| (t + chrono::Duration::seconds(HOUR_S)).format("%Y-%m-%d %H:%M:%S,%3f").to_string());
        parsed.or_else(|_| naive()).unwrap_or_else(|_| text.to_owned())
    };
    fn numbers(value: &mut Value) {
        match value {
            Value::Number(number) => {
                let n = number.as_f64().unwrap();
                let is_s = (1.79e9..1.80e9).contains(&n);
                let is_ms = (1.79e12..1.80e12).contains(&n);
                if let Some(whole) = number.as_i64() {
                    *value = json!(
                        whole
                            + if is_s {
                                HOUR_S
                            } else if is_ms {
                                HOUR_S * 1_000
                            } else {
                                0
                            }
                    );
                } else if is_s {
                    // Digit by digit: a sum of floats would round.
                    let text = number.to_string();
                    let (whole, rest) = text.split_once('.').unwrap();
                    let later: f64 = format!("{}.{rest}", whole.parse::<i64>().unwrap() + HOUR_S).parse().unwrap();
                    *value = json!(later);
                }
            }
            Value::Array(values) => values.iter_mut().for_each(numbers),
            Value::Object(fields) => fields.values_mut().for_each(numbers),
            _ => {}
        }
    }
    let found = of(&mapped(|_, line| {
        each_text(line, &later);
        numbers(line);
    }));
    let moved = |instant: &str| {
        chrono::DateTime::parse_from_rfc3339(instant).map_or_else(|_| instant.to_owned(), |t| (t.timestamp_nanos_opt().unwrap() + HOUR_S * 1_000_000_000).to_string())
    };
    let nanos = |instant: &str| chrono::DateTime::parse_from_rfc3339(instant).map_or_else(|_| instant.to_owned(), |t| t.timestamp_nanos_opt().unwrap().to_string());
    let steps = |gists: BTreeMap<String, Gist>, at: &dyn Fn(&str) -> String| -> Vec<_> {
        let mut out: Vec<_> = gists
            .into_values()
            .map(|g| {
                (g.ids, g.links, g.lines.len(), g.steps.iter().map(|[kind, name, service, start, ..]| (kind.clone(), name.clone(), service.clone(), at(start))).collect::<Vec<_>>())
            })
            .collect();
        out.sort();
        out
    };
    same(&steps(found, &nanos), &steps(rewritten(), &moved));
}

#[test]
fn one_hosts_clock_moves_no_line_and_no_link() {
    let found = of(&mapped(|name, line| {
        if name == "worker-render.log" {
            line["time"] = json!(line["time"].as_i64().unwrap() + 2_500);
        }
    }));
    let links = |gists: BTreeMap<String, Gist>| -> Vec<_> {
        let mut out: Vec<_> = gists.into_values().map(|g| (g.ids, g.links, g.lines.len())).collect();
        out.sort();
        out
    };
    same(&links(found), &links(rewritten()));
}

#[test]
fn lost_lines_bring_no_new_id_no_new_link_and_no_merge() {
    let whole = gists(base());
    let shared = |doc: &Value| {
        doc["links"].as_array().unwrap().iter().filter(|link| link["rule"] == "shared").map(|link| link["to"].as_str().unwrap().replacen(':', " ", 1)).collect::<Vec<_>>()
    };
    let parted: BTreeSet<String> = base().values().flat_map(shared).collect();
    assert!(parted.len() < 30, "{parted:?}");
    check(&(0..7_usize), |from| {
        let mut logs = samples();
        logs.values_mut().for_each(|lines| *lines = lines.iter().enumerate().filter(|(n, _)| n % 7 != from).map(|(_, text)| text.clone()).collect());
        for (key, less) in of(&logs) {
            // The line that made a number one of two things may be among the lost: what that parted may show as one.
            if !less.ids.is_disjoint(&parted) {
                continue;
            }
            // Of a call that two lines name, one as a tool's, the other may be lost: kinds are not compared.
            let values = |ids: &BTreeSet<String>| ids.iter().map(|id| id.rsplit(' ').next().unwrap().to_owned()).collect::<BTreeSet<_>>();
            let of_one = whole.values().any(|g| values(&less.ids).is_subset(&values(&g.ids)) && less.lines.iter().all(|line| g.lines.contains(line)));
            let strange = |g: &Gist| less.lines.iter().filter(|line| !g.lines.contains(line)).cloned().collect::<Vec<_>>();
            let nearest = whole.values().min_by_key(|g| strange(g).len()).map(|g| (&g.ids, strange(g)));
            prop_assert!(of_one, "{key}: {:?} is no part of {nearest:?}", less.ids);
        }
        Ok(())
    });
}

#[test]
fn times_to_the_millisecond_or_the_second_move_no_figure_by_more_than_two() {
    let figures = |gists: &BTreeMap<String, Gist>| -> BTreeMap<BTreeSet<String>, (Option<i64>, Option<i64>, usize)> {
        gists.values().map(|g| (g.ids.clone(), (g.figures[0].as_i64(), g.figures[1].as_i64(), g.lines.len()))).collect()
    };
    let expected = figures(&rewritten());
    for (fraction, unit_ns) in [(4, 1_000_000), (0, 1_000_000_000)] {
        let cut = |text: &str| match text.rsplit_once('.') {
            Some((head, tail)) if text.starts_with("2026-") && tail.ends_with('Z') && tail.len() > 4 => format!("{}Z", &text[..head.len() + fraction]),
            _ => text.to_owned(),
        };
        let found = figures(&of(&mapped(|name, line| {
            if name.starts_with("api") {
                each_text(line, &cut);
            }
        })));
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (ids, (response, completion, lines)) in &found {
            let (was, whole, all) = expected[ids];
            let near = |a: Option<i64>, b: Option<i64>| a.zip(b).map_or(a == b, |(a, b)| (a - b).abs() <= 2 * unit_ns);
            assert!(near(*response, was) && near(*completion, whole) && *lines == all, "{ids:?}: {response:?} was {was:?}, {completion:?} was {whole:?}");
        }
    }
}

#[test]
fn a_line_over_many_requests_changes_none_of_them() {
    let requests: Vec<String> = base().values().filter_map(|doc| doc["request_id"].as_str().map(str::to_owned)).take(12).collect();
    let mut logs = samples();
    let at = serde_json::from_str::<Value>(logs["api.log"].last().unwrap()).unwrap()["timestamp"].clone();
    logs.get_mut("api.log").unwrap().push(json!({"event": "usage batch flushed", "request_ids": requests, "level": "info", "timestamp": at}).to_string());
    same(&without_texts(of(&logs)), &without_texts(of(&samples())));
}

#[test]
fn two_products_without_a_common_id_are_in_one_index_what_they_are_alone() {
    let (mine, other) = (samples(), mapped(|_, line| each_text(line, &|text| text.replace("req_01", "req_02").replace("doc_", "dok_"))));
    // Only of the API: what its requests hand over bears other ids too.
    let strange: Logs = other.into_iter().filter(|(name, _)| name.starts_with("api")).map(|(name, lines)| (format!("other-{name}"), lines)).collect();
    let strip = |lines: &[String]| -> Vec<String> {
        lines
            .iter()
            .filter(|text| {
                !text.contains("task_id")
                    && !text.contains("message_id")
                    && !text.contains("completion_id")
                    && !text.contains("gateway_trace_id")
                    && !text.contains("edge_request_id")
            })
            .cloned()
            .collect()
    };
    let strange: Logs = strange.into_iter().map(|(name, lines)| (name, strip(&lines))).collect();
    let (alone, beside) = (of(&mine), of(&strange));
    let both = of(&mine.into_iter().chain(strange).collect());
    let mut expected = without_texts(alone);
    expected.extend(without_texts(beside));
    expected.sort();
    same(&without_texts(both), &expected);
}
