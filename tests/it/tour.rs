//! docs/tour.md is true: what it says to type runs, what it says to open is there, and both say what it quotes.
//!
//! In the tour a fenced `sh` block is typed as it stands, a fenced `text` block is what was printed by the block before it, an address in angle
//! brackets is opened, and a quoted line (`>`) or bold words are what the page opened last says. `…` stands for what is left out. Blanks are
//! not compared: a page has them where its columns are.

use crate::support::{BIN, Bench, Served};
use scraper::{Html, node::Node};
use std::{collections::BTreeMap, fs, path::Path, process::Command};

const TOUR: &str = include_str!("../../docs/tour.md");
const SITE: &str = "http://127.0.0.1:7171";
/// Heaviest picture: a page with six of them is still light.
const PICTURE_KIB: u64 = 150;

#[derive(Debug, PartialEq)]
enum Part<'a> {
    Typed(&'a str),
    Printed(Vec<&'a str>),
    Opened(String),
    Said(String),
}

/// The tour in the order it is walked.
fn parts(tour: &str) -> Vec<Part<'_>> {
    let (mut out, mut prose, mut lines) = (Vec::new(), String::new(), tour.lines());
    while let Some(line) = lines.next() {
        let said = line.strip_prefix("> ");
        if line.is_empty() || said.is_some() || line.starts_with("```") {
            prose_parts(&prose, &mut out);
            prose.clear();
        }
        match (line.strip_prefix("```"), said) {
            (Some(kind), _) => {
                let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
                match kind {
                    "sh" => out.extend(block.into_iter().map(Part::Typed)),
                    _ => out.push(Part::Printed(block)),
                }
            }
            (None, Some(said)) => out.push(Part::Said(said.to_owned())),
            (None, None) => {
                prose.push_str(line);
                prose.push(' ');
            }
        }
    }
    prose_parts(&prose, &mut out);
    out
}

/// Addresses and bold words of a paragraph, from left to right.
fn prose_parts(mut prose: &str, out: &mut Vec<Part<'_>>) {
    let open = format!("<{SITE}");
    while let Some(at) = [prose.find(&open), prose.find("**")].into_iter().flatten().min() {
        let (lead, end) = if prose[at..].starts_with("**") { ("**", "**") } else { (open.as_str(), ">") };
        let inside = &prose[at + lead.len()..];
        let stop = inside.find(end).unwrap_or_else(|| panic!("not closed: {inside}"));
        out.push(if lead == "**" { Part::Said(inside[..stop].to_owned()) } else { Part::Opened(inside[..stop].to_owned()) });
        prose = &inside[stop + end.len()..];
    }
}

/// One blank between words, none before a stop: where an element ends a page has no blank a reader would see.
fn plain(text: &str) -> String {
    let mut out = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for stop in [".", ",", ";", ":", ")"] {
        out = out.replace(&format!(" {stop}"), stop);
    }
    out
}

/// The words of a page, an element apart from the next.
fn words(page: &str) -> String {
    let html = Html::parse_document(page);
    let texts = html.root_element().descendants().filter(|node| {
        let inside = node.parent().and_then(|parent| parent.value().as_element().map(|e| e.name().to_owned()));
        !matches!(inside.as_deref(), Some("script" | "style"))
    });
    let texts: Vec<&str> = texts.filter_map(|node| if let Node::Text(text) = node.value() { Some(&**text) } else { None }).collect();
    plain(&texts.join(" "))
}

/// Where a piece ends in a text. A figure is a whole one: 15.2 s is not found in 115.2 s.
fn find(text: &str, piece: &str) -> Option<usize> {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    text.match_indices(piece).map(|(at, _)| (at, at + piece.len())).find_map(|(at, end)| {
        let before = text[..at].chars().next_back().filter(|_| digit(piece.chars().next()));
        let after = text[end..].chars().next().filter(|_| digit(piece.chars().next_back()));
        let whole = !digit(before) && !matches!(before, Some('.' | ',')) && !digit(after);
        whole.then_some(end)
    })
}

/// Whether a text has the pieces of a quote, in this order.
fn says(text: &str, quote: &str) -> bool {
    let mut rest = text;
    quote.split('…').map(plain).filter(|piece| !piece.is_empty()).all(|piece| match find(rest, &piece) {
        Some(end) => {
            rest = &rest[end..];
            true
        }
        None => false,
    })
}

/// Whether lines were printed: each whole unless it has `…`, one after the other unless a line of `…` alone is between them.
fn printed(output: &str, block: &[&str]) -> bool {
    let lines: Vec<String> = output.lines().map(plain).collect();
    let is = |line: &String, quote: &&str| if quote.contains('…') { says(line, quote) } else { *line == plain(quote) };
    let mut from = 0;
    block.split(|line| *line == "…").filter(|group| !group.is_empty()).all(|group| {
        let found = (from..lines.len()).find(|at| group.iter().enumerate().all(|(i, quote)| lines.get(at + i).is_some_and(|line| is(line, quote))));
        from = found.map_or(from, |at| at + group.len());
        found.is_some()
    })
}

/// Someone who walks the tour: a folder with the samples in it, a shell, and the program that the first command started.
struct Walk {
    bench: Bench,
    served: Option<Served>,
    pages: BTreeMap<String, (u16, String)>,
}

impl Walk {
    fn new() -> Self {
        let bench = Bench::new();
        fs::create_dir(bench.path("bin")).unwrap();
        std::os::unix::fs::symlink(BIN, bench.path("bin/throughline")).unwrap();
        std::os::unix::fs::symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs"), bench.path("sample-logs")).unwrap();
        Self { bench, served: None, pages: BTreeMap::new() }
    }

    fn shell(&self, line: &str) -> Command {
        let mut command = self.bench.command_of("sh".into(), &["-c", line]);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.bench.path("bin").display()));
        command
    }

    /// Types a line: what it printed. The first one stays running, at an address that is free.
    fn typed(&mut self, line: &str) -> Result<String, String> {
        if self.served.is_none() {
            let mut command = self.shell(&format!("exec {line}"));
            command.env("THROUGHLINE_LISTEN", "127.0.0.1:0");
            let mut served = Served::spawn(command);
            let address = served.until("an address", |said| said.starts_with("http://"));
            address["http://".len()..].trim_end_matches('/').clone_into(&mut served.address);
            let said = served.said.replace(&served.address, &SITE["http://".len()..]);
            self.served = Some(served);
            return Ok(said);
        }
        let out = self.shell(line).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        let file = line.split_once(" > ").map(|(_, file)| self.bench.path(file));
        match file.map(|file| fs::metadata(file).map_or(0, |meta| meta.len())) {
            Some(0) => Err(format!("{line}: the file is empty")),
            _ if !out.status.success() => Err(format!("{line}: {} {said}", out.status)),
            _ => Ok(said),
        }
    }

    /// Opens an address: status and words.
    fn opened(&mut self, address: &str) -> (u16, String) {
        let served = self.served.as_ref().unwrap();
        let page = self.pages.entry(address.to_owned()).or_insert_with(|| {
            let (status, body) = served.get(address.split('#').next().unwrap_or_default());
            (status, words(&body))
        });
        page.clone()
    }

    /// Walks it all: every claim with what was there to see, and what went wrong.
    fn all<'a>(&mut self, tour: &'a [Part<'a>]) -> (Vec<(&'a Part<'a>, String)>, Vec<String>) {
        let (mut claims, mut faults) = (Vec::new(), Vec::new());
        let (mut page, mut output, mut is_new) = (String::new(), String::new(), true);
        for part in tour {
            match part {
                Part::Typed(line) => {
                    if std::mem::take(&mut is_new) {
                        output.clear();
                    }
                    self.typed(line).map_or_else(|fault| faults.push(fault), |said| output.push_str(&said));
                    continue;
                }
                Part::Printed(_) => claims.push((part, output.clone())),
                Part::Opened(address) => {
                    let (status, words) = self.opened(address);
                    if status != 200 {
                        faults.push(format!("{address}: {status}"));
                    }
                    page = words;
                }
                Part::Said(_) => claims.push((part, page.clone())),
            }
            is_new = true;
        }
        (claims, faults)
    }
}

fn holds(claim: &Part<'_>, seen: &str) -> bool {
    match claim {
        Part::Printed(block) => printed(seen, block),
        Part::Said(quote) => says(seen, quote),
        Part::Typed(_) | Part::Opened(_) => true,
    }
}

/// A claim with its first figure changed, when it has one.
fn with_another_figure(claim: &Part<'_>) -> Option<String> {
    let text = match claim {
        Part::Printed(block) => block.join("\n"),
        Part::Said(quote) => quote.clone(),
        Part::Typed(_) | Part::Opened(_) => return None,
    };
    let at = text.find(|c: char| c.is_ascii_digit())?;
    let other = (text.as_bytes()[at] - b'0' + 1) % 10;
    Some(format!("{}{other}{}", &text[..at], &text[at + 1..]))
}

#[test]
fn every_command_runs_every_address_opens_and_both_say_what_the_tour_quotes() {
    let tour = parts(TOUR);
    let (claims, mut faults) = Walk::new().all(&tour);
    assert!(claims.len() > 30, "the quotes of the tour were not found: {}", claims.len());
    for (claim, seen) in &claims {
        if !holds(claim, seen) {
            faults.push(format!("{claim:?} is not in\n    {}", seen.chars().take(600).collect::<String>()));
        }
        let Some(other) = with_another_figure(claim) else { continue };
        let wrong = if matches!(claim, Part::Printed(_)) { Part::Printed(other.lines().collect()) } else { Part::Said(other.clone()) };
        if holds(&wrong, seen) {
            faults.push(format!("would be believed too: {wrong:?}"));
        }
    }
    assert!(faults.is_empty(), "docs/tour.md:\n{}", faults.join("\n"));
}

#[test]
fn every_id_of_the_tour_is_in_the_samples_and_every_picture_is_there_and_light() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let truth = fs::read_to_string(root.join("tests/samples-truth.jsonl")).unwrap();
    let ids: Vec<&str> = TOUR.match_indices("req_").map(|(at, _)| &TOUR[at..at + "req_".len() + 26]).collect();
    assert!(ids.len() > 10, "{ids:?}");
    let unknown: Vec<_> = ids.iter().filter(|id| !truth.contains(&format!("\"{id}\""))).collect();
    assert!(unknown.is_empty(), "not in the samples: {unknown:?}");
    let script = fs::read_to_string(root.join("docs/make-screenshots.mjs")).unwrap();
    let pictures: Vec<&str> = TOUR.split("![").skip(1).filter_map(|rest| rest.split("](").nth(1)?.split(')').next()).collect();
    assert!(pictures.len() > 4, "{pictures:?}");
    for picture in pictures {
        let size = fs::metadata(root.join("docs").join(picture)).unwrap_or_else(|e| panic!("docs/{picture}: {e}")).len();
        assert!(size < PICTURE_KIB * 1024, "docs/{picture} has {size} bytes");
        assert!(script.contains(&format!("\"{picture}\"")), "nothing draws docs/{picture}");
    }
}

#[test]
fn a_quote_is_found_whole_in_its_order_and_with_whole_figures_only() {
    let page = words("<p>Answered in <b>15.2 s</b>. 99 % of it was <a>gpt</a>.</p><style>p{}</style><table><tr><td>1,234<td>43.5 s</table>");
    assert_eq!(page, "Answered in 15.2 s. 99 % of it was gpt. 1,234 43.5 s");
    let (right, wrong) = (["Answered in 15.2 s. 99 %", "15.2 s … 43.5 s", "1,234 43.5 s"], ["5.2 s", "2 s", "234", "99 % … 15.2 s", "1,23"]);
    assert!(right.iter().all(|quote| says(&page, quote)) && !wrong.iter().any(|quote| says(&page, quote)), "{page}");
    let output = "head\n  one   1\n  two   2\n  three 3\n";
    assert!(printed(output, &["…", "one 1", "two 2"]) && printed(output, &["head", "…", "thr … 3"]));
    assert!(!printed(output, &["one 1", "three 3"]) && !printed(output, &["three 3", "…", "head"]) && !printed(output, &["two"]));
    let told = parts("Open\n<http://127.0.0.1:7171/a>: **b**\n\n> c\n\n```sh\nd\n```\n");
    assert_eq!(told, [Part::Opened("/a".into()), Part::Said("b".into()), Part::Said("c".into()), Part::Typed("d")]);
}
