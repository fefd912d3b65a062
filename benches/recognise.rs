//! How long does it take to read a line, and how much of it is the bare scan of its bytes? A mix of the samples of all conventions and of
//! the lines of further emitters, with the memory of plans warm; and one access line.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::{fs, hint::black_box, sync::Arc, time::Instant};
use throughline::{
    model::{entry::FileId, record::Record},
    recognise::{Reader, Tables},
};

/// The product's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn lines(c: &mut Criterion) {
    let tables = Tables::builtin();
    let mut mixed: Vec<String> = tables.samples.iter().map(|(_, s)| s.line.clone()).collect();
    let emitters = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/emitters");
    for file in fs::read_dir(emitters).into_iter().flatten().flatten().map(|f| f.path()).filter(|p| p.extension().is_some_and(|e| e == "log")) {
        mixed.extend(fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned));
    }
    mixed.retain(|l| l.starts_with('{') && !l.contains('\n'));
    let access = r#"{"level":"info","ts":1795423039.0072875,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"10.1.2.3","remote_port":"41728","client_ip":"203.0.113.9","proto":"HTTP/2.0","method":"POST","host":"api.example.com","uri":"/v1/chat/completions","headers":{"User-Agent":["curl/8.5.0"],"Content-Type":["application/json"]},"tls":{"resumed":false,"version":772,"proto":"h2"}},"bytes_read":812,"user_id":"","duration":1.273099,"size":5120,"status":200,"request_id":"9c506998-e25d-46b4-8fb3-e26b618bb4d7"}"#;
    let source: Arc<str> = "bench".into();
    let mut reader = Reader::new(tables.clone());
    // As while indexing: what the lines have in common is counted.
    reader.count();
    let mut out = Vec::new();
    for (name, set) in [("mixed", mixed.as_slice()), ("access", &[access.to_owned()][..])] {
        let bytes: usize = set.iter().map(String::len).sum();
        let mut group = c.benchmark_group(format!("{name} ({} lines, {bytes} bytes)", set.len()));
        group.throughput(Throughput::Elements(set.len() as u64));
        group.bench_function("read", |b| {
            b.iter(|| {
                for line in set {
                    out.clear();
                    reader.read(&Record { file: FileId(0), source: &source, start: 0, line: 1, raw: line.as_bytes() }, &mut out);
                }
                black_box(out.len())
            });
        });
        group.bench_function("scan alone", |b| b.iter(|| set.iter().map(|line| black_box(reader.scan_alone(line))).sum::<usize>()));
        group.finish();
        median_over_scan(&mut reader, &source, set);
    }
}

/// The median line: what its reading costs beyond its scan. Each line is timed in turns of a hundred, the best of twenty counts.
#[expect(clippy::print_stdout, reason = "a benchmark says its figures")]
fn median_over_scan(reader: &mut Reader, source: &Arc<str>, set: &[String]) {
    let mut out = Vec::new();
    let best = |work: &mut dyn FnMut()| {
        let turn = |work: &mut dyn FnMut()| {
            let begun = Instant::now();
            (0..100).for_each(|_| work());
            begun.elapsed().as_nanos() as u64 / 100
        };
        (0..20).map(|_| turn(work)).min().unwrap_or(0)
    };
    let mut over: Vec<u64> = Vec::new();
    for line in set {
        let record = Record { file: FileId(0), source, start: 0, line: 1, raw: line.as_bytes() };
        let read = best(&mut || {
            out.clear();
            reader.read(&record, &mut out);
        });
        let scanned = best(&mut || {
            black_box(reader.scan_alone(line));
        });
        over.push(read.saturating_sub(scanned));
    }
    over.sort_unstable();
    println!("over the scan: median {} ns, p90 {} ns", over[over.len() / 2], over[over.len() * 9 / 10]);
}

criterion_group!(benches, lines);
criterion_main!(benches);
