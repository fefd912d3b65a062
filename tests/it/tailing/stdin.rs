//! Standard input: through the spool, read once, also over a restart.

use super::*;

#[test]
fn standard_input_is_read_once_through_the_spool_also_after_a_restart() {
    let mut bench = Bench::new(&["-"]);
    bench.stdin = Some(Box::new(std::io::Cursor::new(format!("{}text\n  more\n{{\"last\":1}}", text(0, 20)))));
    bench.open();
    let sources = bench.sources.as_mut().unwrap();
    let mut read = 0;
    while read == 0 {
        sources.wait(Duration::from_millis(20));
        let chunk = sources.next(1 << 20).unwrap();
        read = chunk.map_or(0, |chunk| chunk.records.len());
    }
    // Killed before anything was committed: the spool gives it again.
    bench.sources = None;
    bench.follow = false;
    let mut expected = numbered(0, 20);
    expected.insert(0, "{\"last\":1}".into());
    expected.insert(0, "text\n  more".into());
    expected.sort();
    assert_eq!(bench.take(), expected);
    assert!(bench.sources.as_ref().unwrap().finished());
    let files = bench.save().to_vec();
    assert_eq!((files.len(), files[0].shown.as_str()), (1, "stdin"));
    bench.sources.as_mut().unwrap().committed(&files);
    assert_eq!(fs::read_dir(bench.dir.path().join("spool")).unwrap().count(), 0);
}

#[test]
fn the_end_of_standard_input_finishes_a_run_that_reads_once() {
    let mut bench = Bench::new(&["-", "logs"]);
    bench.follow = false;
    bench.write("api.log", text(0, 10));
    let (reader, mut writer) = std::io::pipe().unwrap();
    bench.stdin = Some(Box::new(reader));
    bench.open();
    writer.write_all(text(10, 20).as_bytes()).unwrap();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        writer.write_all(text(20, 30).as_bytes()).unwrap();
    });
    let sources = bench.sources.as_mut().unwrap();
    while !sources.finished() {
        match sources.next(1 << 20).unwrap() {
            Some(chunk) => bench.lines.extend(chunk.records.iter().map(|r| String::from_utf8_lossy(&chunk.bytes[r.at.clone()]).into_owned())),
            None => sources.wait(Duration::from_millis(50)),
        }
    }
    thread.join().unwrap();
    bench.lines.sort();
    assert_eq!(bench.lines, numbered(0, 30));
}

#[test]
fn standard_input_goes_on_in_one_spool_when_reading_goes_back() {
    let mut bench = Bench::new(&["-"]);
    let (reader, mut writer) = std::io::pipe().unwrap();
    bench.stdin = Some(Box::new(reader));
    bench.open();
    writer.write_all(text(0, 20).as_bytes()).unwrap();
    assert_eq!(bench.take(), numbered(0, 20));
    bench.save();
    writer.write_all(text(20, 40).as_bytes()).unwrap();
    assert_eq!(bench.take(), numbered(20, 40));
    // Not stored: they come again, and so does what follows.
    let saved = bench.saved.clone();
    bench.sources.as_mut().unwrap().rewind(&saved);
    writer.write_all(text(40, 60).as_bytes()).unwrap();
    assert_eq!(bench.take(), numbered(20, 60));
    assert_eq!(fs::read_dir(bench.dir.path().join("spool")).unwrap().count(), 1);
}
