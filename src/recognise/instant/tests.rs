//! Spellings of an instant and the nanoseconds they mean.

use super::*;
use crate::model::time::UnixNanos;
use proptest::prelude::*;

/// Text, what it reads as in UTC, its resolution in nanoseconds, naive.
type Case = (&'static str, &'static str, u64, bool);

fn check(cases: &[Case]) {
    for (text, rfc3339, quantum_ns, naive) in cases {
        let instant = parse(text).unwrap_or_else(|| panic!("no time: {text}"));
        assert_eq!(UnixNanos(instant.unix_ns).to_rfc3339(), *rfc3339, "{text}");
        assert_eq!((instant.quantum_ns, instant.naive), (*quantum_ns, *naive), "{text}");
    }
}

#[test]
fn rfc_3339_in_every_spelling_of_the_zone() {
    check(&[
        ("2026-11-23T09:46:27.416Z", "2026-11-23T09:46:27.416000000Z", 1_000_000, false),
        ("2026-11-23T08:34:43+0000", "2026-11-23T08:34:43.000000000Z", 1_000_000_000, false),
        ("2026-11-23T09:46:49+01:00", "2026-11-23T08:46:49.000000000Z", 1_000_000_000, false),
        ("2026-11-23T09:46:49.5+01", "2026-11-23T08:46:49.500000000Z", 100_000_000, false),
        ("2026-11-23 08:25:00.778466 +00:00", "2026-11-23T08:25:00.778466000Z", 1_000, false),
        ("2026-11-23 10:31:02,123+0000", "2026-11-23T10:31:02.123000000Z", 1_000_000, false),
        ("2026-11-23 09:46:49.123 UTC", "2026-11-23T09:46:49.123000000Z", 1_000_000, false),
        ("2026-11-23T08:25:00.533873857+00:00", "2026-11-23T08:25:00.533873857Z", 1, false),
        ("2026-09-21T14:13:20.1234567Z", "2026-09-21T14:13:20.123456700Z", 100, false),
        ("2026-09-21T14:13:20.123456789123Z", "2026-09-21T14:13:20.123456789Z", 1, false),
        ("2026-11-23t09:46:49z", "2026-11-23T09:46:49.000000000Z", 1_000_000_000, false),
        ("2026-11-23T09:46Z", "2026-11-23T09:46:00.000000000Z", 60_000_000_000, false),
        ("2026-11-23T09:46:49-07:00", "2026-11-23T16:46:49.000000000Z", 1_000_000_000, false),
        ("2026-11-23T09:46:49.123+01:00[Europe/Paris]", "2026-11-23T08:46:49.123000000Z", 1_000_000, false),
        ("2026-12-31T23:59:60Z", "2027-01-01T00:00:00.000000000Z", 1_000_000_000, false),
        ("20261123T094649Z", "2026-11-23T09:46:49.000000000Z", 1_000_000_000, false),
        ("  [2026-11-23T09:46:49Z]  ", "2026-11-23T09:46:49.000000000Z", 1_000_000_000, false),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000000Z", 1_000_000_000, false),
    ]);
}

#[test]
fn times_without_a_zone_are_naive() {
    check(&[
        ("2026-11-23 03:46:51.586755", "2026-11-23T03:46:51.586755000Z", 1_000, true),
        ("2026-11-23 08:34:53,938", "2026-11-23T08:34:53.938000000Z", 1_000_000, true),
        ("2026-11-23T08:51:30.136689", "2026-11-23T08:51:30.136689000Z", 1_000, true),
        ("2026/11/23 09:46:53", "2026-11-23T09:46:53.000000000Z", 1_000_000_000, true),
        ("2026/11/23 09:46:53.123456", "2026-11-23T09:46:53.123456000Z", 1_000, true),
        ("23 Nov 2026 09:46:23.991", "2026-11-23T09:46:23.991000000Z", 1_000_000, true),
        ("Mon Nov 23 09:46:49 2026", "2026-11-23T09:46:49.000000000Z", 1_000_000_000, true),
        ("Mon Nov  2 09:46:49.123456 2026", "2026-11-02T09:46:49.123456000Z", 1_000, true),
        ("11/23/2026, 9:46:49 AM", "2026-11-23T09:46:49.000000000Z", 1_000_000_000, true),
        ("11/23/2026, 12:46:49 AM", "2026-11-23T00:46:49.000000000Z", 1_000_000_000, true),
        ("11/23/2026, 9:46:49\u{202f}PM", "2026-11-23T21:46:49.000000000Z", 1_000_000_000, true),
        ("23/11/2026, 21:46:49", "2026-11-23T21:46:49.000000000Z", 1_000_000_000, true),
        ("23.11.2026 09:46:49", "2026-11-23T09:46:49.000000000Z", 1_000_000_000, true),
        ("23-Nov-2026 09:46:49.123", "2026-11-23T09:46:49.123000000Z", 1_000_000, true),
        ("[23-Nov-2026 09:46:49 Europe/Paris]", "2026-11-23T09:46:49.000000000Z", 1_000_000_000, true),
        ("2026-11-23 09:46:49.123 AEST", "2026-11-23T09:46:49.123000000Z", 1_000_000, true),
        ("Nov 23, 2026 9:46:49 PM", "2026-11-23T21:46:49.000000000Z", 1_000_000_000, true),
        ("20261123 09:46:49.123456", "2026-11-23T09:46:49.123456000Z", 1_000, true),
        ("2026-11-23 09:46:49:123", "2026-11-23T09:46:49.123000000Z", 1_000_000, true),
    ]);
}

#[test]
fn dates_of_servers_mail_and_runtimes() {
    check(&[
        ("[23/Nov/2026:08:38:33 +0000]", "2026-11-23T08:38:33.000000000Z", 1_000_000_000, false),
        ("23/Nov/2026:09:46:49 +0100", "2026-11-23T08:46:49.000000000Z", 1_000_000_000, false),
        ("Mon Nov 23 2026 08:48:41 GMT+0000 (Coordinated Universal Time)", "2026-11-23T08:48:41.000000000Z", 1_000_000_000, false),
        ("Mon Nov 23 2026 08:48:41 GMT-0500 (Eastern Standard Time)", "2026-11-23T13:48:41.000000000Z", 1_000_000_000, false),
        ("Mon, 23 Nov 2026 08:49:37 GMT", "2026-11-23T08:49:37.000000000Z", 1_000_000_000, false),
        ("Mon, 23 Nov 2026 08:49:37 -0500", "2026-11-23T13:49:37.000000000Z", 1_000_000_000, false),
        ("23 Nov 2026 08:49:37 EST", "2026-11-23T13:49:37.000000000Z", 1_000_000_000, false),
        ("Monday, 23-Nov-26 08:49:37 UTC", "2026-11-23T08:49:37.000000000Z", 1_000_000_000, false),
        ("Mon Nov 23 09:46:49 UTC 2026", "2026-11-23T09:46:49.000000000Z", 1_000_000_000, false),
        ("2026-11-23 09:46:49.123456 +0100 CET m=+0.001", "2026-11-23T08:46:49.123456000Z", 1_000, false),
    ]);
}

#[test]
fn what_is_no_whole_time_is_none() {
    let texts = [
        "",
        "2026",
        "2026-11-23",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T09:46:49Z later",
        "2026-11-23T09:46:49+99:00",
        "Nov 23 09:46:49",
        "I1123 09:46:49.123456",
        "03/04/2026, 09:46:49",
        "13/23/2026, 9:46:49 AM",
        "11/23/2026, 13:46:49 PM",
        "127.0.0.1",
        "1.2.2026",
        "2026-11-23T09:46:49Zulu",
        "2026-11-23-abc",
        "d9b2d63d-a233-4123-847a-2026112309",
        "Monday",
        "Marching orders",
        "é2026-11-23T09:46:49Z",
    ];
    for text in texts {
        assert_eq!(parse(text), None, "{text}");
        assert!(!out_of_range(text), "{text}");
    }
}

#[test]
fn times_that_cannot_be_held_are_told_apart() {
    for text in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999", "1600-01-01 00:00:00", "2262-04-12T00:00:00Z", "-62135596800"] {
        assert_eq!(parse(text), None, "{text}");
        assert!(out_of_range(text), "{text}");
    }
    assert_eq!(UnixNanos(parse("2262-04-11T23:47:16.854775807Z").unwrap().unix_ns), UnixNanos(i64::MAX));
    assert_eq!(parse(&UnixNanos(i64::MIN).to_rfc3339()).map(|at| at.unix_ns), Some(i64::MIN));
    assert_eq!(parse("1677-09-21T00:12:44Z").map(|at| at.unix_ns), Some(-9_223_372_036_000_000_000));
}

#[test]
fn epochs_by_their_size_without_rounding() {
    let cases = [
        ("1795421868366", 1_795_421_868_366_000_000, 1_000_000),
        ("1795422524", 1_795_422_524_000_000_000, 1_000_000_000),
        ("1795423038.994292", 1_795_423_038_994_292_000, 1_000),
        ("1795427211.0572512", 1_795_427_211_057_251_200, 100),
        ("1795423776620596", 1_795_423_776_620_596_000, 1_000),
        ("1795423776620596123", 1_795_423_776_620_596_123, 1),
        ("1795427209459.25", 1_795_427_209_459_250_000, 10_000),
        ("1.795427209459e9", 1_795_427_209_459_000_000, 1_000_000),
        ("1.795427209459E+12", 1_795_427_209_459_000_000, 1_000_000),
    ];
    for (text, unix_ns, quantum_ns) in cases {
        assert_eq!(from_number(text), Some(Instant { unix_ns, quantum_ns, naive: false }), "{text}");
    }
    for text in ["0", "42", "-1795421868366", "999999999", "99999999999", "179542186836", "9300000000", "9999999999999999999999", "1e400", "2026-11-23", ""] {
        assert_eq!(from_number(text), None, "{text}");
    }
}

#[test]
fn the_time_near_the_head_of_a_line() {
    let cases = [
        ("11573:M 23 Nov 2026 09:46:23.991 * monotonic clock", "23 Nov 2026 09:46:23.991"),
        ("[2026-11-23 09:46:49,123: INFO/MainProcess] Task x received", "2026-11-23 09:46:49,123"),
        ("127.0.0.1 - frank [23/Nov/2026:09:46:49 +0000] \"GET / HTTP/1.1\" 200 12", "23/Nov/2026:09:46:49 +0000"),
        ("I, [2026-11-23T09:46:49.123456 #12]  INFO -- : hi", "2026-11-23T09:46:49.123456"),
        ("2026-11-23 09:46:49.123 UTC [123] LOG:  ready", "2026-11-23 09:46:49.123 UTC"),
        ("2026-11-23 09:46:49.123 INFO ready", "2026-11-23 09:46:49.123"),
        ("2026-11-23 09:46:35,565 - name - INFO - msg", "2026-11-23 09:46:35,565"),
        ("1795427209.459    123 127.0.0.1 TCP_MISS/200", "1795427209.459"),
        ("2026/11/23 09:46:49 -5 items left", "2026/11/23 09:46:49"),
    ];
    for (line, written) in cases {
        let (instant, at) = find(line).unwrap_or_else(|| panic!("no time: {line}"));
        assert_eq!(&line[at.clone()], written);
        assert_eq!(parse(written).or_else(|| from_number(written)), Some(instant));
    }
    for line in [
        "Job x scheduled for retry at 2026-11-23 09:46:52.588206+00:00",
        "INFO:     127.0.0.1:49464 - \"POST /kb HTTP/1.1\" 202 Accepted",
        "1795427209 tickets closed",
        "",
        "日本語 2026",
    ] {
        assert_eq!(find(line), None, "{line}");
    }
}

proptest! {
    #[test]
    fn a_written_instant_reads_as_itself(unix_ns: i64) {
        let text = UnixNanos(unix_ns).to_rfc3339();
        prop_assert_eq!(parse(&text), Some(Instant { unix_ns, quantum_ns: 1, naive: false }));
        prop_assert_eq!(parse(text.trim_end_matches('Z')), Some(Instant { unix_ns, quantum_ns: 1, naive: true }));
    }

    #[test]
    fn an_epoch_in_any_unit_reads_as_itself(unix_ns in 1_000_000_000_000_000_000_i64..=i64::MAX) {
        let (seconds, fraction) = (unix_ns / 1_000_000_000, unix_ns % 1_000_000_000);
        let expected = Some(Instant { unix_ns, quantum_ns: 1, naive: false });
        prop_assert_eq!(from_number(&unix_ns.to_string()), expected);
        prop_assert_eq!(from_number(&format!("{seconds}.{fraction:09}")), expected);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}", shaped in "[0-9TZ:./, +\\-a-zA-Z\\[\\]é]{0,60}") {
        for text in [&text, &shaped] {
            let _ = (parse(text), out_of_range(text), from_number(text));
            if let Some((_, at)) = find(text) {
                prop_assert!(text.get(at).is_some());
            }
        }
    }
}
