//! How long does it take to read a line? A mix of the samples of all conventions, with the memory of plans warm.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::{hint::black_box, sync::Arc};
use throughline::{
    model::{entry::FileId, record::Record},
    recognise::{Reader, Tables},
};

fn lines(c: &mut Criterion) {
    let tables = Tables::builtin();
    let samples: Vec<&str> = tables.samples.iter().map(|(_, s)| s.line.as_str()).filter(|l| l.starts_with('{')).collect();
    let access = r#"{"level":"info","ts":1795423039.0072875,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"10.1.2.3","remote_port":"41728","client_ip":"203.0.113.9","proto":"HTTP/2.0","method":"POST","host":"api.example.com","uri":"/v1/chat/completions","headers":{"User-Agent":["curl/8.5.0"],"Content-Type":["application/json"]},"tls":{"resumed":false,"version":772,"proto":"h2"}},"bytes_read":812,"user_id":"","duration":1.273099,"size":5120,"status":200,"request_id":"9c506998-e25d-46b4-8fb3-e26b618bb4d7"}"#;
    let source: Arc<str> = "bench".into();
    let mut reader = Reader::new(tables.clone());
    let mut out = Vec::new();
    for (name, set) in [("mixed", samples.as_slice()), ("access", &[access][..])] {
        let bytes: usize = set.iter().map(|l| l.len()).sum();
        let mut group = c.benchmark_group("read");
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("{name} ({} lines, {bytes} bytes)", set.len()), |b| {
            b.iter(|| {
                out.clear();
                for line in set {
                    reader.read(&Record { file: FileId(0), source: &source, start: 0, line: 1, raw: line.as_bytes() }, &mut out);
                }
                black_box(out.len())
            });
        });
        group.finish();
    }
}

criterion_group!(benches, lines);
criterion_main!(benches);
