//! `throughline export`: paths, lines, and requests in the forms of other tools.
//!
//! Guarantees: oldest request first; `path-ndjson` is the public path document, one a line; `lines-ndjson` gives every stored record (or those a query means) with its
//! byte range and its raw text exactly. An id of several requests is no choice made for the reader. Streams: memory does not grow with the number of requests.

use crate::{
    commands::{Out, show},
    export::{markdown, ndjson, otlp, perfetto},
    model::{
        entry::FileId,
        summary::{RowQuery, SortKey},
    },
    query::{
        engine::{Engine, Snapshot},
        hits, search,
        view::{Exact, Notice, Shown, Times, Whole},
    },
    store::StoredRecord,
};
use anyhow::{Result, bail};
use rustc_hash::FxHashMap;

/// Requests of one page while walking: each page asks all rows.
const PAGE: usize = 5_000;

/// A form of whole requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Tickets, one after the other.
    Markdown,
    /// One document of trace events.
    Perfetto,
    /// OpenTelemetry spans, one object a line.
    Otlp,
    /// Lines as they were, each once.
    Ndjson,
}

impl Form {
    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Perfetto => "perfetto",
            Self::Otlp => "otlp",
            Self::Ndjson => "ndjson",
        }
    }
}

/// What is to be exported.
#[derive(Debug, Clone, Default)]
pub struct Asked<'a> {
    /// A whole id, else a query; empty: all.
    pub text: &'a str,
    /// Scope of a weak id.
    pub scope: Option<&'a str>,
    /// Whose times.
    pub times: Times,
    /// What people and models said is hidden.
    pub hide_content: bool,
}

/// Every path that matches. Returns the notices of the query.
pub fn paths(out: &mut Out<'_>, engine: &Engine, snapshot: &Snapshot, query: &str, times: Times) -> Result<Vec<Notice>> {
    each_page(engine, snapshot, query, |roots| {
        engine.documents(snapshot, roots, times, |trace| -> Result<()> {
            serde_json::to_writer(&mut *out.to, trace)?;
            Ok(out.line("")?)
        })
    })
}

/// Every request that an id or a query means, in a form. Returns the notices of the query.
pub fn requests(out: &mut Out<'_>, engine: &Engine, snapshot: &Snapshot, asked: &Asked<'_>, form: Form) -> Result<Vec<Notice>> {
    let exact = if asked.text.trim().is_empty() { Exact::NoId } else { engine.exact(snapshot, asked.text, asked.scope)? };
    if let Exact::Several { choices, more } = &exact {
        show::choose(out, &format!("export --format {}", form.word()), choices, false)?;
        bail!("{}{} requests carry this id; name one of them", if *more { "at least " } else { "" }, choices.len());
    }
    if let (Exact::NoId, Some(scope)) = (&exact, asked.scope) {
        bail!("no request carries the id {} in {scope}", super::cut(&super::safe(asked.text), 80));
    }
    let mut writer = Writer::new(form, matches!(exact, Exact::NoId), asked.hide_content);
    writer.begin(out)?;
    let mut page = |roots: &[String]| engine.wholes(snapshot, roots, asked.times, |whole| writer.request(out, whole));
    let notices = match exact {
        Exact::One(root) => page(&[root]).map(|()| Vec::new()),
        _ => each_page(engine, snapshot, asked.text, page),
    }?;
    writer.end(out)?;
    Ok(notices)
}

fn each_page(engine: &Engine, snapshot: &Snapshot, query: &str, mut page: impl FnMut(&[String]) -> Result<()>) -> Result<Vec<Notice>> {
    let rows = RowQuery { sort: Some(SortKey::Start), ascending: true, limit: PAGE, overview: false, ..RowQuery::default() };
    let mut plan = search::plan(engine, snapshot, query, rows, None)?;
    loop {
        let found = snapshot.rows.list(&plan.query)?;
        let roots: Vec<String> = found.rows.iter().map(|row| row.root.clone()).collect();
        page(&roots)?;
        match found.next {
            Some(next) => plan.query.after = Some(next),
            None => return Ok(plan.notices),
        }
    }
}

/// Writes requests in a form.
struct Writer {
    form: Form,
    hide_content: bool,
    any: bool,
    perfetto: perfetto::Writer,
    written: Written,
}

impl Writer {
    fn new(form: Form, many: bool, hide_content: bool) -> Self {
        Self { form, hide_content, any: false, perfetto: perfetto::Writer::new(many), written: Written::default() }
    }

    fn begin(&self, out: &mut Out<'_>) -> Result<()> {
        if self.form == Form::Perfetto {
            out.to.write_all(self.perfetto.head().as_bytes())?;
        }
        Ok(())
    }

    fn request(&mut self, out: &mut Out<'_>, whole: &Whole) -> Result<()> {
        let (trace, log) = (&whole.trace, whole.log.as_slice());
        match self.form {
            Form::Markdown => {
                let rule = if self.any { "\n---\n\n" } else { "" };
                write!(out.to, "{rule}{}", markdown::ticket(trace, log, self.hide_content))?;
            }
            Form::Perfetto => out.to.write_all(self.perfetto.request(trace, log, self.hide_content).as_bytes())?,
            Form::Otlp => out.line(&otlp::document(trace, log, self.hide_content))?,
            Form::Ndjson => {
                let veil = self.hide_content.then(|| ndjson::veil(whole.records.iter().map(|r| &r.record)));
                for Shown { file, record } in &whole.records {
                    if self.written.first_time(record) {
                        out.line(&ndjson::line(file, record, veil.as_ref()))?;
                    }
                }
            }
        }
        self.any = true;
        Ok(())
    }

    fn end(&self, out: &mut Out<'_>) -> Result<()> {
        if self.form == Form::Perfetto {
            out.to.write_all(self.perfetto.tail().as_bytes())?;
        }
        Ok(())
    }
}

/// Which lines were written: a bit for each line of a log, so that it is bounded by the logs and not by the requests.
#[derive(Default)]
struct Written(FxHashMap<FileId, Vec<u64>>);

impl Written {
    fn first_time(&mut self, record: &StoredRecord) -> bool {
        let bits = self.0.entry(record.file).or_default();
        let (word, bit) = ((record.line / 64) as usize, 1 << (record.line % 64));
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        let is_new = bits[word] & bit == 0;
        bits[word] |= bit;
        is_new
    }
}

/// Every stored record, or with a query those that match. Returns the notices of the query.
pub fn lines(out: &mut Out<'_>, engine: &Engine, snapshot: &Snapshot, query: &str) -> Result<Vec<Notice>> {
    let mut write = |stored: &StoredRecord| -> Result<()> {
        let file = snapshot.lineages.get(&stored.file).map_or("(unknown file)", |l| &l.shown);
        Ok(out.line(&ndjson::line(file, stored, None))?)
    };
    if !query.trim().is_empty() {
        return hits::each_record(engine, snapshot, query, write);
    }
    for stored in snapshot.reader.all() {
        write(&stored?)?;
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_several_requests_is_written_once() {
        let mut written = Written::default();
        let record = |file, line| StoredRecord { file: FileId(file), line, ..StoredRecord::default() };
        let asked = [(1, 1), (1, 64), (1, 1), (2, 1), (1, 65), (1, 64), (2, 1)];
        let fresh: Vec<bool> = asked.iter().map(|(file, line)| written.first_time(&record(*file, *line))).collect();
        assert_eq!(fresh, [true, true, false, true, true, false, false]);
    }
}
