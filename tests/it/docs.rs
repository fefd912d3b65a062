//! Pages of the documentation that are made from the source: they are what the source says.
//!
//! `UPDATE_DOCS=1 cargo test docs::` writes them.

use serde::Deserialize;
use std::{fs, path::Path};

#[derive(Deserialize)]
struct Table {
    name: String,
    about: String,
    #[serde(default)]
    sample: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    line: String,
    want: Vec<String>,
}

const HEAD: &str = "# What is recognised

<!-- Made from src/recognise/formats by `UPDATE_DOCS=1 cargo test docs::`; a test keeps it true. -->

Lines of any JSON logger are read by the meaning of their keys: the parts of a name, the shape of its value. Below stand the conventions: what
single programs write that would be read wrongly, or not at all, without knowing them. `throughline explain FILE` shows the reading of each line
of a file, and which convention read it; nothing there means that the general vocabulary did.

Envelopes are taken off first: docker, CRI, journald, syslog, CloudWatch, Google Cloud, `kubectl logs --prefix`, stern, `docker compose logs`, Heroku,
and any record whose message is a record itself. The inner time, id and level win over the shipper's. Text between JSON lines (tracebacks, banners,
access logs, logfmt, klog) is read for its time, level and ids.

## One of your own, in ten lines

Put a file into a folder and start with `--formats FOLDER`; of two conventions with one name yours is taken.

```toml
name = \"our-worker\"
about = \"the worker's own JSON lines\"
[when]
has = [\"wid\", \"job_ref\", \"lvl\"]
[roles]
wid = \"worker\"
[ids]
job_ref = \"task\"
[units]
integer = \"ms\"
```

`src/recognise/formats/README.md` lists every key. Samples (`[[sample]]`) with what they must become are its tests.

## Conventions

";

fn page() -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/recognise/formats");
    let mut tables: Vec<Table> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml") && path.file_stem().is_some_and(|s| s != "common"))
        .map(|path| toml::from_str(&fs::read_to_string(path).unwrap()).unwrap())
        .collect();
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = HEAD.to_owned();
    for table in &tables {
        out.push_str(&format!("### {}\n\n{}\n\n", table.name, table.about));
        if let Some(sample) = table.sample.first() {
            out.push_str(&format!("```\n{}\n```\n\nis read as\n\n```json\n{}\n```\n\n", sample.line.trim_end(), sample.want.join("\n")));
        }
    }
    out
}

#[test]
fn the_page_of_formats_is_what_the_conventions_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md");
    let made = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == made, "docs/formats.md is out of date: UPDATE_DOCS=1 cargo test docs::");
}

#[test]
fn the_convention_of_ten_lines_in_the_page_reads_its_line() {
    let example = HEAD.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let bench = crate::support::Bench::new();
    bench.write("mine/our-worker.toml", example);
    bench.write("w.log", "{\"wid\":\"w-7\",\"job_ref\":\"f2e3d049-3566-4527-a904-c741548c0f90\",\"lvl\":\"warn\",\"took\":250,\"msg\":\"slow\"}\n");
    let read: serde_json::Value = serde_json::from_str(&bench.ok(&["explain", "--json", "--formats", "mine", "w.log"])).unwrap();
    assert_eq!((read["convention"].as_str(), read["ids"]["task"][0].as_str()), (Some("our-worker"), Some("f2e3d049-3566-4527-a904-c741548c0f90")));
    assert_eq!((read["duration_ms"].as_f64(), read["context"].as_str()), (Some(250.0), Some("worker=w-7")));
}

#[test]
fn a_convention_whose_own_sample_is_read_otherwise_is_refused_and_one_of_a_known_name_takes_its_place() {
    let bench = crate::support::Bench::new();
    bench.write("p.log", "{\"level\":30,\"time\":1795423719749,\"pid\":12,\"hostname\":\"h1\",\"name\":\"checkout\",\"msg\":\"x\"}\n");
    let head = "name = \"pino\"\nabout = \"x\"\n[when]\nhas = [\"pid\", \"hostname\"]\n[roles]\nname = \"logger\"\n[severity]\nscale = \"pino\"\n";
    bench.write("mine/pino.toml", head);
    let read: serde_json::Value = serde_json::from_str(&bench.ok(&["explain", "--json", "--formats", "mine", "p.log"])).unwrap();
    assert_eq!((read["logger"].as_str(), read["service"].as_str(), read["convention"].as_str()), (Some("checkout"), None, Some("pino")));
    let sample = "[[sample]]\nline = '''{\"pid\":1,\"hostname\":\"h\",\"level\":30,\"msg\":\"x\"}'''\nwant = ['''{\"level\":\"error\"}''']\n";
    bench.write("mine/pino.toml", format!("{head}{sample}"));
    let said = bench.fails(2, &["index", "--formats", "mine", "p.log", "--data", "d"]);
    assert!(said.contains("mine/pino.toml: sample 1 is read as [{\"context\":\"pid=1\""), "{said}");
    assert!(!bench.path("d").try_exists().unwrap());
}
