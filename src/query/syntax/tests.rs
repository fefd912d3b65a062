//! What the query grammar understands, and what it says of what it does not.

use super::{token::Tokens, *};
use crate::{
    model::{entry::Severity, time::UnixNanos},
    query::conditions::Conditions,
};
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

fn rows(text: &str) -> Vec<RowFilter> {
    let parsed = parse(text);
    assert_eq!(parsed.notices, [], "{text}");
    parsed.rows
}

/// The only notice of a query: the part, where it stands, what would be right.
fn notice(text: &str) -> (String, usize, String) {
    let mut notices = parse(text).notices;
    assert_eq!(notices.len(), 1, "{text}: {notices:?}");
    let notice = notices.remove(0);
    assert!(text[notice.at..].starts_with(&notice.part) || notice.part.contains(&text[notice.at..=notice.at]), "{text}: {notice:?}");
    (notice.part, notice.at, notice.text)
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

#[test]
fn the_query_of_the_help_page_is_understood_part_by_part() {
    let parsed = parse(r#"status:failed dur:>5s wait:>10s model:gpt* attempts:>1 complete:no level:error source:worker http.method:POST "connection reset" -retry since:15m"#);
    assert_eq!(parsed.notices, []);
    assert_eq!(
        parsed.rows,
        [
            RowFilter::State(strings(&["failed"])),
            RowFilter::Total(Some(5 * SECOND + 1), None),
            RowFilter::QueueWait(Some(10 * SECOND + 1), None),
            RowFilter::Model(strings(&["gpt*"])),
            RowFilter::Attempts(Some(2), None),
            RowFilter::Mark("incomplete".into()),
            RowFilter::Source(strings(&["worker"])),
        ]
    );
    assert_eq!(parsed.levels, [Severity::Error]);
    assert_eq!(parsed.sources, [OneOf { values: strings(&["worker"]), negated: false }]);
    assert_eq!(parsed.fields, [FieldTerm { path: "http.method".into(), values: strings(&["POST"]), negated: false, id_shaped: false }]);
    assert_eq!(parsed.phrases, [Phrase { text: "connection reset".into(), negated: false }]);
    assert_eq!(parsed.words, [Word { text: "retry".into(), negated: true, prefix: false }]);
    assert_eq!(parsed.time, (Some(TimeBound::Relative(15 * 60 * SECOND)), None));
    assert_eq!(
        parsed.understood,
        [
            "state is failed",
            "total is over 5 s",
            "wait in queues is over 10 s",
            "model begins with gpt",
            "number of attempts is over 1",
            "is incomplete",
            "a line's level is error",
            "source is worker",
            "a line's http.method is POST",
            "a line contains \"connection reset\"",
            "no line contains retry",
            "begins at or after 15 min before the newest record",
        ]
    );
}

#[test]
fn an_empty_query_asks_for_everything() {
    assert_eq!(parse("  \t "), Parsed::default());
    for (text, asks) in [("status:ok -source:web", false), ("timeout", true), ("-timeout", false), ("level:error", true), ("service:api", true)] {
        assert_eq!(Conditions::wanted(&parse(text)).ask_lines(), asks, "{text}");
    }
}

#[test]
fn several_values_are_alternatives_and_a_minus_turns_any_condition_round() {
    assert_eq!(rows("model:gpt-4.1,claude*"), [RowFilter::Model(strings(&["gpt-4.1", "claude*"]))]);
    assert_eq!(rows("-worker:embed,mail"), [RowFilter::Not(Box::new(RowFilter::Worker(strings(&["embed", "mail"]))))]);
    assert_eq!(rows("-dur:>1s"), [RowFilter::Not(Box::new(RowFilter::Total(Some(SECOND + 1), None)))]);
    assert_eq!(rows("complete:yes"), rows("-complete:no"));
    assert_eq!(parse("-model:gpt*,o3").understood, ["model does not begin with gpt and is not o3"]);
    assert_eq!(parse("-\"cache miss\"").phrases, [Phrase { text: "cache miss".into(), negated: true }]);
}

#[test]
fn a_key_that_has_one_value_a_request_may_be_written_twice() {
    assert_eq!(
        rows("status:failed model:a state:timeout status:ok"),
        [RowFilter::State(strings(&["failed", "ok"])), RowFilter::Model(strings(&["a"])), RowFilter::State(strings(&["timeout"]))]
    );
    assert_eq!(rows("model:a model:b"), [RowFilter::Model(strings(&["a"])), RowFilter::Model(strings(&["b"]))]);
    assert_eq!(parse("level:warn level:error").levels, [Severity::Warn, Severity::Error]);
}

#[test]
fn ranges_are_inclusive_bounds_in_nanoseconds() {
    for (text, from, to) in [
        ("dur:>5s", Some(5 * SECOND + 1), None),
        ("dur:>=5s", Some(5 * SECOND), None),
        ("dur:5s", Some(5 * SECOND), None),
        ("dur:<=500ms", None, Some(SECOND / 2)),
        ("dur:<500ms", None, Some(SECOND / 2 - 1)),
        ("dur:1s..2s", Some(SECOND), Some(2 * SECOND)),
        ("dur:1s..", Some(SECOND), None),
        ("dur:..2m", None, Some(120 * SECOND)),
        ("dur:=1.5s", Some(SECOND * 3 / 2), Some(SECOND * 3 / 2)),
        ("dur:>1m30s", Some(90 * SECOND + 1), None),
        ("DUR:\"> 250 us\"", None, None),
    ] {
        if from.is_none() && to.is_none() {
            assert!(parse(text).notices[0].text.contains("is not a unit of time"), "{text}");
        } else {
            assert_eq!(rows(text), [RowFilter::Total(from, to)], "{text}");
        }
    }
    assert_eq!(rows("tokens:>1k attempts:2"), [RowFilter::Tokens(Some(1001), None), RowFilter::Attempts(Some(2), Some(2))]);
}

#[test]
fn a_measure_that_cannot_be_used_is_named_with_what_would_be_right_and_the_rest_counts() {
    for (part, right) in [
        ("dur:abc", "abc is not a length; write a number and a unit, as 5s or 500ms"),
        ("dur:>5", "5 has no unit; write 5s or 5ms (units: ns, us, ms, s, m, h, d)"),
        ("dur:5parsecs", "parsecs is not a unit of time; the units are ns, us, ms, s, m, h, d"),
        ("dur:2s..1s", "the range runs backwards; write 1s..2s"),
        ("dur:..", "the range has no end; write 1s.. or ..2s or 1s..2s with the unit that is meant"),
        ("dur:999999999999d", "999999999999d is not a length that can be held; write one as 5s or 500ms"),
        ("attempts:1.5", "1.5 is not a whole number; write one as 2 or 1000 or 10k"),
        ("tokens:1,000", "one value is read here; write it without a comma"),
        ("since:yesterday", "yesterday is not a time; write 2026-11-20, 2026-11-20T09:12:44Z, 09:12 or a length before the newest record, as 15m"),
        ("since:0001-01-01", "0001-01-01 lies outside the years 1678 to 2261"),
    ] {
        let text = format!("model:a {part} reset");
        let parsed = parse(&text);
        assert_eq!(parsed.notices.len(), 1, "{text}");
        assert_eq!((parsed.notices[0].part.as_str(), parsed.notices[0].text.as_str()), (part, right));
        assert_eq!((parsed.rows, parsed.words[0].text.as_str()), (vec![RowFilter::Model(strings(&["a"]))], "reset"), "{text}");
    }
}

#[test]
fn an_unknown_state_names_the_states_there_are_and_leaves_the_known_one() {
    let (part, at, text) = notice("status:failed,borken");
    assert_eq!((part.as_str(), at), ("borken", 14));
    assert_eq!(text, "no state has this name; the states are ok, rejected, failed, timeout, client_disconnect, dead_letter, unfinished");
    assert_eq!(parse("status:failed,borken").rows, [RowFilter::State(strings(&["failed"]))]);
    assert_eq!(rows("state:Dead-Letter"), [RowFilter::State(strings(&["dead_letter"]))]);
}

#[test]
fn a_number_as_status_is_the_field_of_a_line() {
    assert_eq!(parse("status:503").fields, [FieldTerm { path: "status".into(), values: strings(&["503"]), negated: false, id_shaped: false }]);
}

#[test]
fn marks_presets_and_levels_are_words_of_a_list() {
    assert_eq!(rows("mark:slow -mark:open"), [RowFilter::Mark("slow".into()), RowFilter::Not(Box::new(RowFilter::Mark("open".into())))]);
    assert_eq!(parse("preset:fell_back").preset, Some(Preset::FellBack));
    assert!(notice("preset:best").2.starts_with("the presets are all, failed, slowest"));
    assert_eq!(notice("mark:fast").2, "no mark has this name; the marks are slow, incomplete, open");
    assert_eq!(parse("level:>=WARNING").levels, [Severity::Warn, Severity::Error, Severity::Fatal]);
    let without = parse("-level:trace,debug -level:fatal level:>=info");
    assert_eq!((without.levels.len(), without.levels_not), (4, vec![Severity::Trace, Severity::Debug, Severity::Fatal]));
    assert_eq!(without.understood, ["no line's level is trace or is debug", "no line's level is fatal", "a line's level is info or is warn or is error or is fatal"]);
    assert_eq!(notice("level:loud").1, 6);
}

#[test]
fn a_path_as_route_is_that_path_under_every_method_and_a_method_all_its_routes() {
    let [RowFilter::Route(routes)] = &rows("route:/reply*")[..] else { panic!() };
    assert!(routes.contains(&"POST /reply*".to_owned()) && routes.contains(&"/reply*".to_owned()));
    assert_eq!(rows("route:POST"), [RowFilter::Route(strings(&["POST *"]))]);
    assert_eq!(rows("route:\"/reply\""), [RowFilter::Route(strings(&["/reply"]))]);
    assert_eq!(rows("route:\"POST /reply\",nightly"), [RowFilter::Route(strings(&["POST /reply", "nightly"]))]);
}

#[test]
fn a_key_without_a_value_is_named_and_the_word_behind_it_is_searched() {
    let parsed = parse("route: timeout");
    assert_eq!((parsed.notices[0].part.as_str(), parsed.notices[0].at), ("route:", 0));
    assert_eq!(parsed.words[0].text, "timeout");
    assert!(notice("model:,").2.starts_with("a value is missing"));
}

#[test]
fn an_unclosed_quote_is_named_and_what_follows_is_read_word_by_word() {
    let parsed = parse("-\"reset by status:ok");
    assert_eq!((parsed.notices[0].part.as_str(), parsed.notices[0].at), ("-\"", 0));
    assert_eq!(parsed.words, [Word { text: "reset".into(), negated: true, prefix: false }, Word { text: "by".into(), negated: false, prefix: false }]);
    assert_eq!(parsed.rows, [RowFilter::State(strings(&["ok"]))]);
    assert_eq!(notice("model:a route:\"POST /x").0, "route:\"");
}

#[test]
fn a_star_in_the_middle_is_no_wildcard_and_its_text_is_searched() {
    let parsed = parse("model:*mini time* re*set");
    assert_eq!(parsed.rows, []);
    assert_eq!(parsed.words.iter().map(|word| (word.text.as_str(), word.prefix)).collect::<Vec<_>>(), [("mini", false), ("time", true), ("re", false), ("set", false)]);
    assert_eq!(parsed.notices.iter().map(|notice| notice.at).collect::<Vec<_>>(), [6, 18]);
}

#[test]
fn brackets_and_words_of_logic_have_no_meaning() {
    let parsed = parse("(timeout OR reset)");
    assert_eq!(parsed.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["timeout", "reset"]);
    assert_eq!(parsed.notices.iter().map(|notice| notice.part.as_str()).collect::<Vec<_>>(), ["(timeout", "OR"]);
    for open in ["(", "[", "{", "( ", "-(", "a:("] {
        let many = open.repeat(4096 / open.len());
        assert!(parse(&many).notices.len() <= MAX_NOTICES && parse(&many).rows.is_empty(), "{open}");
    }
}

#[test]
fn addresses_times_and_paths_are_words() {
    for text in ["https://host/x?a=b", "12:30:05", "C:\\logs", "a=b"] {
        assert_eq!(parse(text).words, [Word { text: text.into(), negated: false, prefix: false }]);
    }
    assert_eq!(parse("- --- … \"?\"").words, []);
}

#[test]
fn an_unknown_key_is_a_field_and_ids_are_told_from_other_values() {
    assert_eq!(
        parse("Task_Id:01KJMA0Q25F55B5THN9TME5KSY").fields,
        [FieldTerm { path: "Task_Id".into(), values: strings(&["01KJMA0Q25F55B5THN9TME5KSY"]), negated: false, id_shaped: true }]
    );
    assert!(!parse("user.plan:pro").fields[0].id_shaped);
    let parsed = parse("modle:gpt");
    assert_eq!(parsed.notices[0].text, "modle: was read as a field of lines; the condition on requests is model:");
    assert_eq!(parsed.fields[0].path, "modle");
    assert!(notice("http.status:>=500").2.starts_with("fields of lines are compared as text"));
}

#[test]
fn times_are_instants_days_clock_times_or_lengths_before_the_newest_record() {
    let noon = 1_795_176_000 * SECOND; // 2026-11-20T12:00:00Z
    let day = 86_400 * SECOND;
    let time = |text: &str| parse(text).time;
    assert_eq!(time("since:2026-11-20T13:00:00+01:00").0, Some(TimeBound::At(noon)));
    assert_eq!(time("since:2026-11-20T12:00").0, Some(TimeBound::At(noon)));
    assert_eq!(time("since:2026-11-20T12:00Z").0, Some(TimeBound::At(noon)));
    assert_eq!(time("until:\"2026-11-20 12:00:00.5\"").1, Some(TimeBound::At(noon + SECOND / 2)));
    assert_eq!(time("since:2026-11-20 until:2026-11-20"), (Some(TimeBound::At(noon - day / 2)), Some(TimeBound::At(noon + day / 2 - 1))));
    assert_eq!(time("since:2h").0.map(|bound| bound.resolve(UnixNanos(noon))), Some(noon - 7200 * SECOND));
    let clock = time("since:12:30").0.map(|bound| (bound.resolve(UnixNanos(noon)), bound.resolve(UnixNanos(noon + day / 4))));
    assert_eq!(clock, Some((noon + 1800 * SECOND - day, noon + 1800 * SECOND)));
    let parsed = parse("since:1h since:2h");
    assert_eq!((parsed.time.0, parsed.understood.len(), parsed.notices[0].at), (Some(TimeBound::Relative(7200 * SECOND)), 1, 9));
    assert_eq!(parse("until:2026-11-20T12:00:00Z").understood, ["begins at or before 2026-11-20 12:00:00 UTC"]);
}

#[test]
fn a_query_over_the_limit_is_read_up_to_it_and_says_so() {
    let text = format!("status:ok {}", "é".repeat(4096));
    let parsed = parse(&text);
    assert_eq!((parsed.rows.len(), parsed.notices[0].at, parsed.words[0].text.len()), (1, 4096, 4086));
    assert_eq!(parsed.notices[0].text, "the query is 8202 bytes long; the first 4096 were read");
}

#[test]
fn a_quoted_value_comes_back_as_it_was() {
    for value in ["gpt-4.1", "POST /reply", "say \"hi\"", "a,b", "back\\slash \\\" end\\", "/reply", ">5s", "-x", "a*", "x*y", "//host", "\\\\share", "naïve", "line\nbreak", " "]
    {
        assert_eq!(rows(&format!("route:{}", quote(value))), [RowFilter::Route(strings(&[value]))], "{value:?} as {}", quote(value));
        assert_eq!(parse(&format!("x.y:{0},{0}", quote(value))).fields[0].values, strings(&[value, value]), "{value:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_understood_without_panic_and_within_bounds(text in "(\\PC|[ \"\\\\:,*<>.()-]|status:|since:|dur:){0,900}") {
        let parsed = parse(&text);
        prop_assert!(parsed.notices.len() <= MAX_NOTICES + 1);
        for notice in &parsed.notices {
            prop_assert!(text.is_char_boundary(notice.at) && notice.at <= text.len());
        }
        let kept: usize = parsed.words.iter().map(|w| w.text.len()).chain(parsed.phrases.iter().map(|p| p.text.len())).chain(parsed.fields.iter().flat_map(|f| f.values.iter().map(String::len))).sum();
        prop_assert!(kept <= text.len());
    }

    #[test]
    fn each_byte_belongs_to_one_token_or_to_the_blank_between(text in "[ a:\"\\\\,*(-]{0,300}") {
        let mut end = 0;
        for token in Tokens::new(&text) {
            prop_assert!(token.at >= end && !token.raw.is_empty());
            prop_assert!(text[end..token.at].trim().is_empty());
            end = token.at + token.raw.len();
        }
        prop_assert!(text[end..].trim().is_empty());
    }

    #[test]
    fn any_value_survives_a_link(value in "\\PC{1,60}") {
        prop_assert_eq!(parse(&format!("a.b:{} ok", quote(&value))).fields[0].values[0].clone(), value);
    }
}
