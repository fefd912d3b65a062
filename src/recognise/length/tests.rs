//! Spellings of a length, and numbers that only look like one.

use super::*;
use proptest::prelude::*;

fn ns(length: Option<Length>) -> Option<i64> {
    length.and_then(|length| length.ns)
}

#[test]
fn units_by_the_last_part_of_a_key() {
    let families: [(Unit, &[&str]); 7] = [
        (Unit::Ms, &["ms", "Ms", "MS", "millis", "milliseconds", "msec"]),
        (Unit::S, &["s", "sec", "secs", "seconds", "Seconds"]),
        (Unit::Us, &["us", "micros", "microseconds", "µs", "usec"]),
        (Unit::Ns, &["ns", "nanos", "nanoseconds"]),
        (Unit::Min, &["min", "minutes"]),
        (Unit::H, &["hours", "hrs"]),
        (Unit::Ticks100Ns, &["ticks"]),
    ];
    for (unit, parts) in families {
        for part in parts {
            assert_eq!(Unit::of_suffix(part), Some(unit), "{part}");
        }
    }
    for part in ["", "m", "h", "S", "tokens", "items", "msg", "status", "sms"] {
        assert_eq!(Unit::of_suffix(part), None, "{part}");
    }
}

#[test]
fn numbers_under_a_known_unit_are_exact() {
    assert_eq!(with_unit("2482.783", Unit::Ms), Some(Length::known(2_482_783_000, 1_000)));
    assert_eq!(with_unit("0.000073099", Unit::S), Some(Length::known(73_099, 1)));
    assert_eq!(with_unit("0.0007027380002000427", Unit::S), Some(Length::known(702_738, 1)));
    assert_eq!(with_unit("7.3099e-05", Unit::S), Some(Length::known(73_099, 1)));
    assert_eq!(with_unit("152385", Unit::Us), Some(Length::known(152_385_000, 1_000)));
    assert_eq!(with_unit("12", Unit::Ticks100Ns), Some(Length::known(1_200, 100)));
    assert_eq!(with_unit("15ms", Unit::S), Some(Length::known(15_000_000, 1_000_000)), "the value names its own unit");
    for text in ["-1", "-", "", "NaN", "0.010, 0.020", "1795427209", "1e99", "true"] {
        assert_eq!(with_unit(text, Unit::S), None, "{text}");
    }
}

#[test]
fn texts_that_name_their_unit() {
    let cases = [
        ("15ms", 15_000_000, 1_000_000),
        ("0.123s", 123_000_000, 1_000_000),
        ("0.310s", 310_000_000, 1_000_000),
        ("1m2.5s", 62_500_000_000, 100_000_000),
        ("1h3m0s", 3_780_000_000_000, 1_000_000_000),
        ("4.374242s", 4_374_242_000, 1_000),
        ("1.532ms", 1_532_000, 1_000),
        ("3µs", 3_000, 1_000),
        ("3μs", 3_000, 1_000),
        ("743ns", 743, 1),
        ("250 ms", 250_000_000, 1_000_000),
        ("2.5 seconds", 2_500_000_000, 100_000_000),
        ("1058238ms", 1_058_238_000_000, 1_000_000),
        ("2 minutes 3 seconds", 123_000_000_000, 1_000_000_000),
        ("1s 200ms", 1_200_000_000, 1_000_000),
        ("5m", 300_000_000_000, 60_000_000_000),
        ("PT0.3S", 300_000_000, 100_000_000),
        ("P1DT2H", 93_600_000_000_000, 3_600_000_000_000),
        ("PT1M2.5S", 62_500_000_000, 100_000_000),
        ("00:00:01.234", 1_234_000_000, 1_000_000),
        ("0:00:01.5", 1_500_000_000, 100_000_000),
        ("0:00:00.238335s", 238_335_000, 1_000),
        ("1 day, 2:03:04", 93_784_000_000_000, 1_000_000_000),
        ("1.02:03:04.5000000", 93_784_500_000_000, 100),
    ];
    for (text, expected, quantum_ns) in cases {
        assert_eq!(parse(text), Some(Length::known(expected, quantum_ns)), "{text}");
    }
    for text in ["", "15", "ms", "-5ms", "15 apples", "1s2h", "P", "PT", "P1Y", "12:34", "1:2:3", "99999999999h", "1e300s", "5s5s", "2026-11-23T00:00:00Z", "1ms later"] {
        assert_eq!(parse(text), None, "{text}");
    }
}

#[test]
fn phrases_that_state_a_length() {
    let cases = [
        ("Took 19.8 seconds to build instance.", 19_800_000_000),
        ("Task shop.add[16bf0f20-76ef-4abe-b695-5cbee0d3f2be] succeeded in 0.0007027380002000427s: 3", 702_738),
        ("Completed after 12.19ms.", 12_190_000),
        ("Successfully completed jobs.triage('T-10421', 29, 'mail', None) job in 0:00:00.238335s on worker rq-2", 238_335_000),
        ("answered in 35 ms", 35_000_000),
        ("profile of candidate 4214 saved (1 row, 3.3 ms)", 3_300_000),
        ("Completed 200 OK in 35ms (Views: 12.1ms | ActiveRecord: 3.2ms)", 35_000_000),
        ("GET /api/users 200 12.345 ms - 27", 12_345_000),
        ("request done, duration: 1.5s", 1_500_000_000),
        ("query latency=12ms rows=3", 12_000_000),
        ("elapsed time was 3.25 s", 3_250_000_000),
        ("Job failed in 1.2s, retrying in 5s", 1_200_000_000),
        ("checkpoint complete (41ms)", 41_000_000),
        ("Request finished in 1.5123ms 200 application/json", 1_512_300),
        ("spent 1m2s in the queue", 62_000_000_000),
        ("done in 3.2s", 3_200_000_000),
    ];
    for (text, expected) in cases {
        assert_eq!(ns(in_text(text)), Some(expected), "{text}");
    }
}

#[test]
fn limits_plans_and_pauses_are_no_lengths() {
    let texts = [
        "timeout of 30s exceeded",
        "retry in 5s",
        "queued again (2 retries, 5 s)",
        "plan (attempt 3, 5 s)",
        "Task x[1] retry: Retry in 180s: ConnectionError()",
        "retrying in 2 seconds",
        "Retrying request to /chat/completions in 0.482 seconds",
        "token expires in 3600s",
        "flushing every 10s",
        "failed after 30s timeout",
        "Request timed out after 30 seconds",
        "must finish within 5s",
        "job tri_01M8 result is kept for 500 seconds",
        "next run in 60s",
        "Will run in 10 seconds",
        "reconnecting after 3s",
        "used 35 MB in 3 files",
        "seat quota at 99%, sla=8h",
        "took 5 attempts",
        "09:46:53 in the morning",
        "wait time 5m",
        "section in 3d",
        "5ms",
        "version in 1.2.3s",
        "",
    ];
    for text in texts {
        assert_eq!(in_text(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}", shaped in "[0-9a-zµ:., PTHMS()]{0,80}", words in "((took|in|after|retry|1.5s|20ms|é|0:00:01.5|\\(3s\\)) ?){0,12}") {
        for text in [&text, &shaped, &words] {
            let _ = (parse(text), in_text(text), with_unit(text, Unit::H), Unit::of_suffix(text));
        }
    }

    #[test]
    fn nanoseconds_in_any_unit_come_back(ns in 0_i64..1_000_000_000_000_000) {
        prop_assert_eq!(parse(&format!("{ns}ns")), Some(Length::known(ns, 1)));
        prop_assert_eq!(with_unit(&format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000), Unit::S), Some(Length::known(ns, 1)));
        prop_assert_eq!(parse(&format!("{:?}", std::time::Duration::from_nanos(ns as u64))).and_then(|length| length.ns), Some(ns));
    }
}
