//! Framing of bytes into records.

use super::*;
use proptest::prelude::*;

fn split(parts: &[&[u8]]) -> (Vec<u8>, Vec<RecordSpan>, Tally, u64, Vec<u8>, Vec<u8>) {
    let mut splitter = Splitter::new(Seed::default(), 0, 0);
    let (mut bytes, mut records, mut tally) = (Vec::new(), Vec::new(), Tally::default());
    let mut collect = |taken: Taken| {
        let base = bytes.len();
        bytes.extend_from_slice(&taken.bytes);
        records.extend(taken.records.into_iter().map(|r| RecordSpan { at: r.at.start + base..r.at.end + base, ..r }));
        tally.blank += taken.tally.blank;
        tally.blank_bytes += taken.tally.blank_bytes;
        tally.cut += taken.tally.cut;
        tally.cut_bytes += taken.tally.cut_bytes;
    };
    for part in parts {
        splitter.buffer().extend_from_slice(part);
        splitter.feed();
        collect(splitter.take());
    }
    splitter.finish();
    collect(splitter.take());
    (bytes, records, tally, splitter.off(), splitter.head().to_vec(), splitter.guard().to_vec())
}

fn texts(input: &[u8]) -> Vec<String> {
    let (bytes, records, ..) = split(&[input]);
    records.iter().map(|r| String::from_utf8_lossy(&bytes[r.at.clone()]).into_owned()).collect()
}

#[test]
fn json_lines_become_records_with_exact_places() {
    let (bytes, records, tally, off, ..) = split(&[b"{\"a\":1}\r\n\n{\"b\":2}\n"]);
    let places: Vec<_> = records.iter().map(|r| (r.start, r.end, r.line, r.lines, &bytes[r.at.clone()])).collect();
    assert_eq!(places, vec![(0, 9, 1, 1, &b"{\"a\":1}\r"[..]), (10, 18, 3, 1, &b"{\"b\":2}"[..])]);
    assert_eq!((tally.blank, tally.blank_bytes, off), (1, 1, 18));
}

#[test]
fn an_indented_line_continues_the_text_before_it() {
    assert_eq!(texts(b"Traceback\n  File x\n  File y\n{\"a\":1}\n"), vec!["Traceback\n  File x\n  File y", "{\"a\":1}"]);
}

#[test]
fn a_last_line_without_newline_is_pending_until_nothing_can_follow() {
    let mut splitter = Splitter::new(Seed::default(), 0, 0);
    splitter.buffer().extend_from_slice(b"{\"a\":1}\n{\"b\":");
    splitter.feed();
    let taken = splitter.take();
    assert_eq!((taken.records.len(), splitter.pending_bytes(), splitter.off()), (1, 5, 8));
    splitter.finish();
    let taken = splitter.take();
    assert_eq!((taken.records[0].start, taken.records[0].end, &taken.bytes[..]), (8, 13, &b"{\"b\":"[..]));
}

#[test]
fn a_long_line_keeps_its_head_its_length_and_its_hash_and_the_next_line_is_whole() {
    let mut input = vec![b'x'; RECORD_MAX_BYTES * 5 + 17];
    let expected = hex(&Sha256::digest(&input));
    let length = input.len() as u64;
    input.extend_from_slice(b"\n{\"next\":1}\n");
    for size in [1000, 65_536, RECORD_MAX_BYTES, input.len()] {
        let parts: Vec<_> = input.chunks(size).collect();
        let (bytes, records, tally, off, _, guard) = split(&parts);
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].cut.as_deref(), Some(&Cut { length, sha256: expected.clone() }));
        assert_eq!((records[0].start, records[0].end, records[0].at.len()), (0, length + 1, RECORD_MAX_BYTES));
        assert_eq!((&bytes[records[1].at.clone()], records[1].line, off), (&b"{\"next\":1}"[..], 2, input.len() as u64));
        assert_eq!((tally.cut, tally.cut_bytes), (1, length - RECORD_MAX_BYTES as u64));
        assert_eq!(guard, input[input.len() - GUARD_BYTES..]);
    }
}

#[test]
fn memory_stays_bounded_while_a_long_line_streams_past() {
    let mut splitter = Splitter::new(Seed::default(), 0, 0);
    for _ in 0..200 {
        splitter.buffer().extend_from_slice(&[b'y'; 65_536]);
        splitter.feed();
        assert!(splitter.buffer().len() <= RECORD_MAX_BYTES + 65_536 + GUARD_BYTES);
    }
    assert_eq!(splitter.pending_bytes(), 200 * 65_536);
}

#[test]
fn continuations_beyond_the_limit_begin_a_record_of_their_own() {
    let mut input = b"text\n".to_vec();
    for _ in 0..30 {
        input.push(b' ');
        input.extend_from_slice(&[b'z'; 99_999]);
        input.push(b'\n');
    }
    let (_, records, tally, ..) = split(&[&input]);
    assert!(records.len() >= 3 && records.iter().all(|r| r.at.len() <= RECORD_MAX_BYTES && r.cut.is_none()));
    assert_eq!((records.iter().map(|r| r.end - r.start).sum::<u64>(), tally.cut), (input.len() as u64, 0));
}

#[test]
fn a_closed_record_is_not_continued() {
    let mut splitter = Splitter::new(Seed::default(), 0, 0);
    splitter.buffer().extend_from_slice(b"text\n");
    splitter.feed();
    assert!(splitter.holds() && !splitter.is_ready());
    splitter.close_held();
    assert_eq!(splitter.take().records.len(), 1);
    splitter.buffer().extend_from_slice(b"  late\n");
    splitter.feed();
    splitter.close_held();
    let taken = splitter.take();
    assert_eq!((taken.records[0].start, taken.records[0].end, taken.records[0].line), (5, 12, 2));
}

proptest! {
    #[test]
    fn any_split_into_reads_gives_the_same_records(
        lines in prop::collection::vec(prop_oneof![
            "\\{\"[a-z]{0,300}\"\\}", "[A-Z][a-z]{0,9}", " {1,3}[a-z]{0,9}", Just(String::new()), "[ \\t]{0,2}\\r?", Just("\u{0}\u{feff}\u{e9}".to_owned()),
        ], 0..60),
        ends in any::<bool>(),
        cuts in prop::collection::vec(0usize..4000, 0..20),
    ) {
        let mut input = lines.join("\n").into_bytes();
        if ends { input.push(b'\n'); }
        let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(input.len())).chain([0, input.len()]).collect();
        cuts.sort_unstable();
        let parts: Vec<_> = cuts.windows(2).map(|w| &input[w[0]..w[1]]).collect();
        let whole = split(&[&input]);
        prop_assert_eq!(&whole, &split(&parts));
        let (bytes, records, tally, off, head, guard) = whole;
        prop_assert_eq!(&bytes, &input);
        prop_assert_eq!(records.iter().map(|r| r.end - r.start).sum::<u64>() + tally.blank_bytes, input.len() as u64);
        prop_assert_eq!(off, input.len() as u64);
        prop_assert_eq!(&head[..], &input[..input.len().min(HEAD_BYTES)]);
        prop_assert_eq!(&guard[..], &input[input.len().saturating_sub(GUARD_BYTES)..]);
    }
}
