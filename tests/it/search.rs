//! Questions to the samples and to small logs: which requests and lines a query means, whatever stands behind the index.

use crate::support::Bench;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use throughline::{
    model::summary::RowQuery,
    query::{engine::Engine, lines::Limit, search::plan},
    recognise::Tables,
    store::{RowStore, Store},
};

/// The samples, indexed into `d`.
fn samples() -> Bench {
    let bench = Bench::new();
    bench.ok(&["index", concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs"), "--data", "d"]);
    bench
}

/// What a search printed as JSON, and its notes.
fn search(bench: &Bench, args: &[&str]) -> (Vec<Value>, String) {
    let limit: &[&str] = if args.contains(&"--limit") { &[] } else { &["--limit", "10000"] };
    let out = bench.run(&[&["search", "--json", "--data", "d"], limit, args].concat());
    let notes = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{args:?}: {notes}");
    (json_lines(&String::from_utf8_lossy(&out.stdout)), notes)
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Ids of the requests that match, without a note.
fn requests(bench: &Bench, query: &str) -> BTreeSet<String> {
    let (rows, notes) = search(bench, &[query]);
    assert_eq!(notes, "", "{query}");
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// Where the lines stand that match, without a note.
fn lines(bench: &Bench, query: &str) -> BTreeSet<String> {
    let (hits, notes) = search(bench, &["--lines", query]);
    assert_eq!(notes, "", "{query}");
    hits.iter().map(|hit| hit["line"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_request_fits_when_a_line_of_its_path_does_and_turned_round_when_none_does() {
    let bench = samples();
    let all = requests(&bench, "");
    assert_eq!(all.len(), 987);
    let paths: BTreeMap<String, BTreeSet<String>> = json_lines(&bench.ok(&["export", "--data", "d", "--format", "path-ndjson"]))
        .iter()
        .map(|path| (path["request_id"].as_str().unwrap_or("another").to_owned(), path["lines"].as_array().unwrap().iter().map(|l| l.as_str().unwrap().to_owned()).collect()))
        .collect();
    for condition in ["level:error", "level:warn", "level:info", "retry", "service:api", "service:GATE*", "source:gateway", "\"rate limit\"", "\"connection reset\""] {
        let fitting = lines(&bench, condition);
        let expected: BTreeSet<String> = all.iter().filter(|id| paths.get(*id).is_some_and(|of| !of.is_disjoint(&fitting))).cloned().collect();
        assert_eq!(requests(&bench, condition), expected, "{condition}");
        assert_eq!(requests(&bench, &format!("-{condition}")), &all - &expected, "-{condition}");
    }
}

#[test]
fn an_export_of_paths_is_of_all_requests_that_have_such_a_line() {
    let bench = samples();
    let query = "level:info -retry -service:worker-render";
    let exported = json_lines(&bench.ok(&["export", "--data", "d", "--format", "path-ndjson", query]));
    let ids: BTreeSet<String> = exported.iter().map(|path| path["request_id"].as_str().unwrap().to_owned()).collect();
    assert!(ids.len() > 500, "{}", ids.len());
    assert_eq!((exported.len(), &ids), (ids.len(), &requests(&bench, query)));
}

#[test]
fn time_that_was_over_before_all_lines_were_followed_is_said() {
    let bench = one_request();
    let (store, rows) = (Store::open_reader(&bench.path("d")).unwrap(), RowStore::open_reader(&bench.path("d")).unwrap().0);
    let engine = Engine::new(Arc::new(store), Arc::new(rows), Tables::builtin());
    let notices = |limit: Option<Limit>| -> Vec<String> {
        let plan = plan(&engine, &engine.snapshot().unwrap(), "level:info -word", RowQuery::default(), limit).unwrap();
        plan.notices.iter().map(|notice| notice.text.split(" in ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(notices(None), Vec::<String>::new());
    assert_eq!(notices(Some(Limit::of_ms(0))), ["not all lines could be followed to their requests", "not all lines could be followed to their requests"]);
}

#[test]
fn bounds_of_time_find_the_same_lines_whatever_number_is_asked_for() {
    let bench = samples();
    let within = "since:13:30 until:13:31";
    let (all, notes) = search(&bench, &["--lines", within]);
    assert_eq!((all.len(), notes.as_str()), (163, ""));
    assert!(all.iter().all(|hit| ("2026-11-18T13:30:00.000000000Z"..="2026-11-18T13:31:00.000000000Z").contains(&hit["time"].as_str().unwrap())));
    let (first, notes) = search(&bench, &["--lines", within, "--limit", "7"]);
    assert_eq!(notes, "note: the newest 7 lines that match are shown; older ones match too\n");
    assert_eq!(first, all[..7]);
    assert_eq!(search(&bench, &["--lines", within, "--limit", "163"]).1, "");
    assert_eq!(requests(&bench, &format!("level:info {within}")).len(), 17);
}

#[test]
fn as_many_requests_are_listed_as_were_asked_for() {
    let bench = samples();
    assert_eq!(search(&bench, &[""]).0.len(), 987);
    assert_eq!(search(&bench, &["--limit", "600", ""]).0.len(), 600);
    assert_eq!(requests(&bench, "level:info status:failed").len(), 2);
}

#[test]
fn an_exact_service_a_wildcard_and_another_case_mean_what_the_line_shows_or_its_log() {
    let bench = Bench::new();
    let line = |service: &str, id: &str| format!("{{\"time\":\"2026-11-18T13:20:00Z\",{service}\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5XH0B{id}\",\"msg\":\"done\"}}\n");
    bench.write("logs/api.log", line("\"service\":\"briefly-api\",", "01") + &line("", "02"));
    bench.write("logs/web.log", line("\"service\":\"api-edge\",", "03") + &line("\"service\":\"web\",", "04"));
    bench.ok(&["index", "logs", "--data", "d"]);
    let ends = |query: &str| -> String { requests(&bench, query).iter().map(|id| &id[id.len() - 1..]).collect::<Vec<_>>().join(" ") };
    for (query, found) in [
        ("service:api", "1 2"),
        ("service:api*", "1 2 3"),
        ("service:briefly-api", "1"),
        ("service:BRIEFLY*", "1"),
        ("service:web", "3 4"),
        ("-service:api", "3 4"),
        ("-service:none", "1 2 3 4"),
    ] {
        assert_eq!(ends(query), found, "{query}");
        assert_eq!(lines(&bench, query).len(), found.split(' ').count(), "--lines {query}");
    }
}

const LINE: &str = "{\"time\":\"2026-11-18T13:20:00.000Z\",\"level\":\"info\",\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\",\"msg\":\"POST /summarise started\"}\n\
{\"time\":\"2026-11-18T13:20:00.250Z\",\"level\":\"warn\",\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\",\"msg\":\"POST /summarise finished\",\"status\":200,\"duration_ms\":250}\n";

fn one_request() -> Bench {
    let bench = Bench::new();
    bench.write("logs/app.log", LINE);
    bench.ok(&["index", "logs", "--data", "d"]);
    bench
}

#[test]
fn a_secret_of_a_line_is_printed_by_no_command_for_people_and_shown_on_no_page() {
    let bench = Bench::new();
    let secret = "hunter2hunter2";
    bench.write(
        "logs/app.log",
        LINE.replacen("\"msg\":\"POST /summarise started\"", &format!("\"msg\":\"signed in with {secret}\",\"password\":\"{secret}\",\"tool\":\"login {secret}\""), 1),
    );
    bench.ok(&["index", "logs", "--data", "d"]);
    let id = "req_01JDC9V6Q8Z4M2K7T3W5XH0B1N";
    for args in [&["show", id, "--data", "d"][..], &["show", id, "--log", "--data", "d"], &["search", "--lines", "signed", "--data", "d"]] {
        let said = bench.ok(args);
        assert!(!said.contains(secret), "{args:?}: {said}");
        assert_eq!(said.contains("signed in with [secret hidden]"), args.contains(&"--log") || args.contains(&"--lines"), "{args:?}: {said}");
    }
    let served = bench.serve(&["logs", "--no-follow", "--data", "d"]);
    for page in ["/lines?q=signed", &format!("/r/{id}"), &format!("/r/{id}.md")] {
        let (status, body) = served.get(page);
        assert!(status == 200 && body.contains("in with [secret") && !body.contains(secret), "{page}: {body}");
    }
    // Its name stands beyond what a page carries of a record.
    bench.write("far.log", format!("{{\"time\":\"2026-11-18T13:20:01.000Z\",\"msg\":\"long lead {secret}\",\"note\":\"{}\",\"password\":\"{secret}\"}}\n", "n".repeat(70_000)));
    bench.ok(&["index", "far.log", "--data", "f"]);
    assert!(bench.ok(&["search", "--lines", "long", "--data", "f"]).contains("long lead [secret hidden]"));
    assert!(bench.ok(&["search", "--lines", "--json", "signed", "--data", "d"]).contains(secret), "what is for programs is as written");
}

#[test]
fn rows_that_are_gone_are_made_again_before_a_question_is_answered() {
    let bench = one_request();
    for (args, expected) in [
        (&["search", "", "--data", "d"][..], "1 of 1 requests that match"),
        (&["export", "--format", "path-ndjson", "--data", "d"], "\"request_id\":\"req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\""),
        (&["stats", "--data", "d"], "requests         1\n"),
    ] {
        std::fs::remove_dir_all(bench.path("d/rows")).unwrap();
        let out = bench.run(args);
        let (said, noted) = (String::from_utf8_lossy(&out.stdout).into_owned(), String::from_utf8_lossy(&out.stderr).into_owned());
        assert!(said.contains(expected), "{args:?}: {said}{noted}");
        assert_eq!(noted, format!("the list of requests is behind: {} B of lines are not in it yet; it is made now\n", LINE.len()));
        assert_eq!(String::from_utf8_lossy(&bench.run(args).stderr), "");
    }
}

#[test]
fn rows_that_stopped_half_way_are_carried_on() {
    let bench = one_request();
    std::fs::rename(bench.path("d/rows"), bench.path("former")).unwrap();
    let more = LINE.replace("0B1N", "0B2N");
    bench.write("logs/later.log", &more);
    bench.ok(&["index", "logs", "--data", "d"]);
    std::fs::remove_dir_all(bench.path("d/rows")).unwrap();
    std::fs::rename(bench.path("former"), bench.path("d/rows")).unwrap();
    let (rows, notes) = search(&bench, &[""]);
    assert_eq!((rows.len(), notes), (2, format!("the list of requests is behind: {} B of lines are not in it yet; it is made now\n", more.len())));
    assert_eq!(requests(&bench, "").len(), 2);
}

#[test]
fn while_another_process_makes_the_rows_a_search_says_so_and_an_export_fails() {
    let bench = one_request();
    std::fs::remove_dir_all(bench.path("d/rows")).unwrap();
    let lock = std::fs::File::options().write(true).open(bench.path("d/lock")).unwrap();
    lock.lock().unwrap();
    let behind = format!("note: the list of requests is behind: {} B of lines are not in it yet; another process that uses d is to make it\n", LINE.len());
    let out = bench.run(&["search", "", "--data", "d"]);
    assert_eq!((String::from_utf8_lossy(&out.stderr).as_ref(), out.status.code()), (behind.as_str(), Some(0)));
    let out = bench.run(&["export", "--format", "path-ndjson", "--data", "d"]);
    assert_eq!((out.stdout.len(), out.status.code()), (0, Some(1)));
    let noted = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(noted, behind + "throughline: nothing was exported, since requests would be missing; try again when the list is made\n");
    let lines = bench.run(&["export", "--format", "lines-ndjson", "--data", "d"]);
    assert_eq!((json_lines(&String::from_utf8_lossy(&lines.stdout)).len(), lines.status.code()), (2, Some(0)));
}

#[test]
fn a_document_is_the_same_shown_exported_and_served() {
    let bench = samples();
    let exported = json_lines(&bench.ok(&["export", "--data", "d", "--format", "path-ndjson", "preset:slowest dur:>60s"]));
    assert!(exported.iter().any(|path| path["marks"].as_array().unwrap().contains(&"slow".into())));
    let served = bench.serve(&[concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs"), "--data", "d", "--no-follow"]);
    for path in exported {
        let id = path["request_id"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&bench.ok(&["show", "--json", "--data", "d", id])).unwrap(), path);
        assert_eq!(serde_json::from_str::<Value>(&served.get(&format!("/r/{id}.json")).1).unwrap(), path);
    }
}

#[test]
fn an_export_of_lines_writes_those_a_query_means() {
    let bench = one_request();
    let export = |query: &str| {
        let out = bench.run(&["export", "--format", "lines-ndjson", "--data", "d", query]);
        assert!(out.status.success(), "{query}");
        let lines: Vec<u64> = json_lines(&String::from_utf8_lossy(&out.stdout)).iter().map(|l| l["line"].as_u64().unwrap()).collect();
        (lines, String::from_utf8_lossy(&out.stderr).into_owned())
    };
    for (query, found) in [
        ("", &[1, 2][..]),
        ("summarise", &[1, 2]),
        ("level:warn", &[2]),
        ("-level:warn", &[1]),
        ("\"POST /summarise st\"", &[]),
        ("\"summarise started\"", &[1]),
        ("until:13:20:00", &[1]),
    ] {
        assert_eq!(export(query), (found.to_vec(), String::new()), "{query}");
    }
    assert_eq!(export("level:warn status:failed"), (vec![2], "note: a condition on requests says nothing of lines and was left out: {\"state\":[\"failed\"]}\n".to_owned()));
}

#[test]
fn a_place_in_the_list_that_cannot_be_read_gives_its_first_page_with_a_notice() {
    let bench = one_request();
    let served = bench.serve(&["logs", "--data", "d"]);
    let (status, page) = served.get("/?after=nope%3Cb%3E");
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("nope&lt;b&gt;</u></code> the list cannot go on from here; its first page is shown"), "{page}");
    assert!(page.contains("req_01JDC9V6Q8Z4M2K7T3W5XH0B1N") && page.contains("1 request"), "{page}");
    let (status, document) = served.get("/requests.json?after=nope&sort=total");
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!((status, document["rows"].as_array().unwrap().len(), document["notices"][0]["part"].as_str()), (200, 1, Some("nope")));
}

#[test]
fn an_id_without_its_prefix_or_in_another_case_leads_to_its_request() {
    let bench = one_request();
    let served = bench.serve(&["logs", "--data", "d"]);
    for asked in ["01JDC9V6Q8Z4M2K7T3W5XH0B1N", "01jdc9v6q8z4m2k7t3w5xh0b1n", "REQ_01jdc9v6q8z4m2k7t3w5xh0b1n", "req_01jdc9v6Q8Z4M2K7T3W5XH0B1N"] {
        let (status, head, _) = served.request(&format!("GET /go?id={asked} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", served.address));
        assert_eq!(status, 303, "{asked}");
        assert!(head.contains("location: /r/req_01JDC9V6Q8Z4M2K7T3W5XH0B1N\r\n"), "{asked}: {head}");
    }
    assert_eq!(served.get("/go?id=01JDC9V6Q8Z4M2K7T3W5XH0B1M").0, 404);
    // A part from the middle is offered, not followed.
    let (status, page) = served.get("/go?id=7T3W5XH0B1N");
    assert_eq!(status, 200);
    assert!(page.contains("1 request has an id that contains <code>7T3W5XH0B1N</code>"), "{page}");
    assert_eq!(served.get("/go?id=7T3W5XH0B1M").0, 404);
}
