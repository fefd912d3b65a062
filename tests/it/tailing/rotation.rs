//! Files that are renamed, copied and emptied, cut or packed while they are followed and while nobody does.

use super::*;

#[test]
fn rotation_by_rename_keeps_reading_late_writes_to_the_old_file() {
    let mut bench = Bench::new(&["logs"]);
    let mut old = bench.writer("api.log");
    old.write_all(text(0, 10).as_bytes()).unwrap();
    bench.drain();
    bench.rename("api.log", "api.log.1");
    old.write_all(text(10, 20).as_bytes()).unwrap();
    bench.write("api.log", text(20, 30));
    bench.drain();
    old.write_all(text(30, 40).as_bytes()).unwrap();
    assert_eq!(bench.take(), numbered(0, 40));
}

#[test]
fn late_writes_are_read_when_the_new_name_is_outside_the_glob() {
    let mut bench = Bench::new(&["logs/*.log"]);
    let mut old = bench.writer("api.log");
    old.write_all(text(0, 10).as_bytes()).unwrap();
    bench.drain();
    bench.rename("api.log", "api.log.1");
    bench.write("api.log", text(10, 20));
    bench.drain();
    old.write_all(text(20, 30).as_bytes()).unwrap();
    assert_eq!(bench.take(), numbered(0, 30));
}

#[test]
fn a_file_rotated_out_of_the_glob_while_down_is_read_to_its_end() {
    for compress in [false, true] {
        let mut bench = Bench::new(&["logs/api.log"]);
        bench.write("api.log", text(0, 10));
        bench.drain();
        bench.restart();
        bench.write("api.log", text(10, 20));
        bench.rename("api.log", "api.log.1");
        if compress {
            bench.gzip_away("api.log.1");
        }
        bench.write("api.log", text(20, 30));
        assert_eq!(bench.take(), numbered(0, 30), "compressed: {compress}");
    }
}

#[test]
fn a_line_split_by_a_rename_stays_whole() {
    let mut bench = Bench::new(&["logs"]);
    let mut old = bench.writer("api.log");
    old.write_all(b"{\"n\":1}\n{\"n\"").unwrap();
    bench.drain();
    bench.rename("api.log", "api.log.1");
    bench.write("api.log", "{\"n\":3}\n");
    bench.drain();
    old.write_all(b":2}\n").unwrap();
    assert_eq!(bench.take(), ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"]);
}

#[test]
fn names_shifted_again_and_again_give_every_line_once() {
    let mut bench = Bench::new(&["logs"]);
    for round in 0..12 {
        bench.write("api.log", text(round * 10, round * 10 + 10));
        bench.drain_for(Duration::from_millis(if round % 3 == 0 { 40 } else { 1 }));
        if round == 6 {
            bench.restart();
        }
        for n in (1..20).rev() {
            if bench.path(&format!("api.log.{n}")).is_file() {
                bench.rename(&format!("api.log.{n}"), &format!("api.log.{}", n + 1));
            }
        }
        bench.rename("api.log", "api.log.1");
    }
    assert_eq!(bench.take(), numbered(0, 120));
}

#[test]
fn copytruncate_gives_every_line_once_also_when_regrown_past_the_old_size() {
    for regrown in [5, 50] {
        let mut bench = Bench::new(&["logs"]);
        bench.write("api.log", text(0, 10));
        bench.drain();
        bench.write("api.log", text(10, 12));
        bench.copytruncate("api.log", "api.log.1");
        bench.write("api.log", text(100, 100 + regrown));
        bench.drain();
        let expected: Vec<_> = numbered(0, 12).into_iter().chain(numbered(100, 100 + regrown)).collect();
        assert_eq!(bench.take(), expected);
    }
}

#[test]
fn a_copy_is_not_read_while_its_original_stands_and_only_its_rest_afterwards() {
    let mut bench = Bench::new(&["logs"]);
    bench.write("api.log", text(0, 10));
    bench.drain();
    bench.write("api.log.1", "");
    bench.drain();
    fs::copy(bench.path("api.log"), bench.path("api.log.1")).unwrap();
    bench.drain();
    assert_eq!(bench.skipped(), [("logs/api.log.1".to_owned(), "the same content as logs/api.log".to_owned())]);
    // Lines between the copy and the truncation: read from the original, missing in the copy.
    bench.write("api.log", text(10, 13));
    bench.drain();
    bench.truncate("api.log");
    bench.write("api.log", text(20, 30));
    let expected: Vec<_> = numbered(0, 13).into_iter().chain(numbered(20, 30)).collect();
    assert_eq!(bench.take(), expected);
}

#[test]
fn a_copy_that_is_shorter_than_what_was_read_is_known_after_a_restart() {
    let mut bench = Bench::new(&["logs"]);
    for n in 0..10 {
        bench.write("api.log", text(n * 10, n * 10 + 10));
        bench.drain_for(Duration::from_millis(30));
    }
    let copy = fs::read(bench.path("api.log")).unwrap();
    bench.write("api.log", text(100, 110));
    bench.drain();
    bench.restart();
    bench.truncate("api.log");
    fs::write(bench.path("api.log.1"), copy).unwrap();
    bench.write("api.log", text(110, 120));
    assert_eq!(bench.take(), numbered(0, 120));
}

#[test]
fn truncation_starts_anew_and_says_what_was_lost() {
    let mut bench = Bench::new(&["logs"]);
    bench.write("api.log", text(0, 10));
    bench.drain();
    bench.truncate("api.log");
    bench.write("api.log", text(10, 12));
    assert_eq!(bench.take(), numbered(0, 12));
    assert_eq!(bench.troubles(), [""; 0]);
    bench.restart();
    bench.write("api.log", text(12, 14));
    bench.truncate("api.log");
    bench.write("api.log", text(20, 21));
    assert_eq!(bench.take(), numbered(20, 21));
}

#[test]
fn a_rotated_file_is_compressed_while_up_and_while_down() {
    let mut bench = Bench::new(&["logs"]);
    bench.write("api.log", text(0, 10));
    bench.drain();
    bench.rename("api.log", "api.log.1");
    bench.write("api.log", text(10, 20));
    bench.drain();
    bench.gzip_away("api.log.1");
    bench.drain();
    bench.write("api.log", text(20, 25));
    bench.restart();
    bench.write("api.log", text(25, 30));
    bench.rename("api.log.1.gz", "api.log.2.gz");
    bench.rename("api.log", "api.log.1");
    bench.gzip_away("api.log.1");
    bench.write("api.log", text(30, 40));
    bench.drain();
    bench.restart();
    assert_eq!(bench.take(), numbered(0, 40));
}

#[test]
fn a_compressed_copy_that_fills_slowly_waits_until_it_is_complete() {
    let mut bench = Bench::new(&["logs"]);
    bench.write("api.log", text(0, 2000));
    bench.drain();
    bench.restart();
    bench.write("api.log", text(2000, 4000));
    bench.rename("api.log", "api.log.1");
    let packed = gzip(&fs::read(bench.path("api.log.1")).unwrap());
    bench.remove("api.log.1");
    bench.write("api.log", text(4000, 4010));
    for part in packed.chunks(packed.len() / 5) {
        bench.write("api.log.1.gz", part);
        bench.drain_for(Duration::from_millis(40));
    }
    assert_eq!(bench.take(), numbered(0, 4010));
}
