//! What rows are filtered, counted and sorted by: the fields of the row index, and the same as plain vectors in memory.
//!
//! One table for both directions. Guarantees: about 110 bytes a row in memory, names held once; a row comes back as it was given.
//! Columns belong to one segment and never change; which of their rows still count is known elsewhere.

use super::names::{Dictionary, NONE};
use crate::{
    model::{
        id,
        summary::RequestSummary,
        time::UnixNanos,
        trace::{RetryClass, Serving, Stage, State},
    },
    store::schema::term_text,
};
use tantivy::{
    SegmentReader, TantivyDocument, TantivyError,
    columnar::{Column, StrColumn},
    schema::{FAST, Field, IndexRecordOption, NumericOptions, STORED, Schema, TextFieldIndexing, TextOptions},
};

/// Names of rows that are sets: several values a row.
pub(super) const SETS: [&str; 7] = ["model", "prompt", "config", "worker", "source", "mark", "stage"];
/// Numbers of a row.
const NUMBERS: [&str; 8] = ["start", "total", "wait", "model_ns", "tokens", "attempts", "errors", "flags"];

pub(super) const ROOT: Field = Field::from_field_id(0);
pub(super) const ID: Field = Field::from_field_id(1);
const ROUTE: Field = Field::from_field_id(2);
const ERROR: Field = Field::from_field_id(3);
const FIRST_SET: u32 = 4;
const FIRST_NUMBER: u32 = FIRST_SET + SETS.len() as u32;
pub(super) const ROW: Field = Field::from_field_id(FIRST_NUMBER + NUMBERS.len() as u32);

/// A number that is not there.
pub(super) const ABSENT: i64 = i64::MIN;

/// Bits of `flags` above the three of the state.
pub(super) mod flag {
    pub(in super::super) const STATE: u16 = 0b111;
    pub(in super::super) const RETRIED: u16 = 1 << 3;
    pub(in super::super) const FELL_BACK: u16 = 1 << 4;
    pub(in super::super) const SEMANTIC: u16 = 1 << 5;
    pub(in super::super) const INCOMPLETE: u16 = 1 << 6;
    pub(in super::super) const DEGRADED: u16 = 1 << 7;
    /// The id shown is the root without its scope.
    pub(in super::super) const ID_IS_ROOT: u16 = 1 << 8;
    /// The id shown is the root written as a UUID.
    pub(in super::super) const ID_IS_UUID: u16 = 1 << 9;
}

/// The schema of the row index. The order is that of the field constants.
pub(super) fn schema() -> Schema {
    let terms = || TextOptions::default().set_indexing_options(TextFieldIndexing::default().set_tokenizer("raw").set_index_option(IndexRecordOption::Basic).set_fieldnorms(false));
    let column = || TextOptions::default().set_fast("raw");
    let mut builder = Schema::builder();
    builder.add_text_field("root", terms().set_fast("raw"));
    builder.add_text_field("id", terms());
    builder.add_text_field("route", column());
    builder.add_text_field("error", column());
    for name in SETS {
        builder.add_text_field(name, column());
    }
    for name in NUMBERS {
        builder.add_i64_field(name, NumericOptions::default() | FAST);
    }
    builder.add_bytes_field("row", STORED);
    builder.build()
}

fn sets(row: &RequestSummary) -> [Vec<&str>; SETS.len()] {
    let [models, prompts, configs, workers, sources, marks] =
        [&row.models, &row.prompt_versions, &row.config_versions, &row.workers, &row.sources, &row.marks].map(|values| values.iter().map(String::as_str).collect());
    [models, prompts, configs, workers, sources, marks, row.stages().into_iter().map(Stage::word).collect()]
}

fn numbers(row: &RequestSummary) -> [Option<i64>; 8] {
    let tokens = row.tokens.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    [row.start.map(|s| s.0), row.total_ns(), Some(row.queue_wait_ns), Some(row.model_ns), tokens, Some(row.attempts.into()), Some(row.errors.into()), Some(flags(row).into())]
}

/// The text of a root without its scope.
pub(super) fn bare(root: &str) -> &str {
    root.split('\u{1f}').next().unwrap_or(root)
}

/// A 32-digit hex written as a UUID.
pub(super) fn dashed(hex: &str) -> Option<String> {
    let ok = hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    ok.then(|| format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

fn flags(row: &RequestSummary) -> u16 {
    // A root that is too long for a term is not whole in memory.
    let whole = term_text(&row.root).len() == row.root.len();
    let state = State::ALL.iter().position(|s| *s == row.state).unwrap_or(0) as u16;
    let mark = |name: &str| row.marks.iter().any(|m| m == name);
    let bits = [
        (row.retries > 0, flag::RETRIED),
        (row.serving == Serving::Fallback, flag::FELL_BACK),
        (matches!(row.retry_class, RetryClass::Semantic | RetryClass::Mixed), flag::SEMANTIC),
        (row.state == State::Unfinished || mark("incomplete") || mark("open"), flag::INCOMPLETE),
        (row.degraded, flag::DEGRADED),
        (whole && row.id == bare(&row.root), flag::ID_IS_ROOT),
        (dashed(bare(&row.root)).is_some_and(|id| id == row.id), flag::ID_IS_UUID),
    ];
    bits.into_iter().filter(|(set, _)| *set).fold(state, |all, (_, bit)| all | bit)
}

/// A row as a document.
pub(super) fn document(row: &RequestSummary) -> Result<TantivyDocument, serde_json::Error> {
    let mut out = TantivyDocument::new();
    out.add_text(ROOT, term_text(&row.root));
    out.add_text(ID, term_text(&id::canonical(&row.id)));
    if let Some(route) = &row.route {
        out.add_text(ROUTE, route);
    }
    if let Some(error) = &row.error_type {
        out.add_text(ERROR, error);
    }
    for (values, field) in sets(row).into_iter().zip(FIRST_SET..) {
        for value in values {
            out.add_text(Field::from_field_id(field), value);
        }
    }
    for (number, field) in numbers(row).into_iter().zip(FIRST_NUMBER..) {
        if let Some(number) = number {
            out.add_i64(Field::from_field_id(field), number);
        }
    }
    out.add_bytes(ROW, &encode(row)?);
    Ok(out)
}

/// Begin and cost stand before the JSON as they are: begins are written as text in JSON, and a cost must not lose its last bit.
pub(super) fn encode(row: &RequestSummary) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(1024);
    for bits in [row.start.map(|s| s.0 as u64), row.cost_usd.map(f64::to_bits)] {
        out.push(u8::from(bits.is_some()));
        out.extend_from_slice(&bits.unwrap_or(0).to_le_bytes());
    }
    serde_json::to_writer(&mut out, &RequestSummary { start: None, cost_usd: None, ..row.clone() })?;
    Ok(out)
}

/// The row behind stored bytes; `None` when they are damaged.
pub(super) fn decode(bytes: &[u8]) -> Option<RequestSummary> {
    let (head, json) = bytes.split_at_checked(18)?;
    let bits = |at: usize| -> Option<Option<u64>> { Some((head[at] == 1).then_some(u64::from_le_bytes(head[at + 1..at + 9].try_into().ok()?))) };
    let (start, cost) = (bits(0)?, bits(9)?);
    let row: RequestSummary = serde_json::from_slice(json).ok()?;
    Some(RequestSummary { start: start.map(|ns| UnixNanos(ns as i64)), cost_usd: cost.map(f64::from_bits), ..row })
}

/// Texts of one segment, end to end.
#[derive(Debug, Default)]
pub(super) struct Texts {
    text: String,
    ends: Vec<u32>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len() as u32);
    }

    fn get(&self, at: usize) -> &str {
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[from as usize..self.ends[at] as usize]
    }
}

/// The rows of one segment.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) start: Vec<i64>,
    pub(super) total: Vec<i64>,
    pub(super) wait: Vec<i64>,
    pub(super) model: Vec<i64>,
    pub(super) tokens: Vec<i64>,
    pub(super) attempts: Vec<u32>,
    pub(super) errors: Vec<u32>,
    pub(super) flags: Vec<u16>,
    pub(super) route: Vec<u32>,
    pub(super) error: Vec<u32>,
    pub(super) sets: [Vec<u32>; SETS.len()],
    roots: Texts,
    root_of: Vec<u32>,
}

impl Columns {
    /// Reads the columns of a segment; new names and sets go into the dictionary.
    pub(super) fn load(reader: &SegmentReader, dictionary: &mut Dictionary) -> Result<Self, TantivyError> {
        let columns = reader.fast_fields();
        let number = |name: &str| -> Result<Vec<i64>, TantivyError> { Ok(plain(columns.column_opt::<i64>(name)?.as_ref(), reader.max_doc())) };
        let text = |name: &str| columns.str(name);
        let small = |name: &str| -> Result<Vec<u32>, TantivyError> { Ok(number(name)?.into_iter().map(|n| u32::try_from(n).unwrap_or(0)).collect()) };
        let mut out = Self {
            start: number("start")?,
            total: number("total")?,
            wait: number("wait")?,
            model: number("model_ns")?,
            tokens: number("tokens")?,
            attempts: small("attempts")?,
            errors: small("errors")?,
            flags: number("flags")?.into_iter().map(|n| n as u16).collect(),
            route: one(text("route")?.as_ref(), reader.max_doc(), dictionary)?,
            error: one(text("error")?.as_ref(), reader.max_doc(), dictionary)?,
            ..Self::default()
        };
        for (name, set) in SETS.into_iter().zip(&mut out.sets) {
            *set = many(text(name)?.as_ref(), reader.max_doc(), dictionary)?;
        }
        if let Some(roots) = text("root")? {
            each_text(&roots, |root| out.roots.push(root))?;
            out.root_of = (0..reader.max_doc()).map(|doc| roots.ords().first(doc).unwrap_or(0) as u32).collect();
        }
        Ok(out)
    }

    /// Root key of a row, as a term.
    pub(super) fn root(&self, row: usize) -> &str {
        self.roots.get(self.root_of[row] as usize)
    }

    /// The id shown, when it can be told from the root.
    pub(super) fn id(&self, row: usize) -> Option<String> {
        let bare = bare(self.root(row));
        match self.flags[row] {
            flags if flags & flag::ID_IS_ROOT != 0 => Some(bare.to_owned()),
            flags if flags & flag::ID_IS_UUID != 0 => dashed(bare),
            _ => None,
        }
    }
}

fn plain(column: Option<&Column<i64>>, rows: u32) -> Vec<i64> {
    match column {
        None => vec![ABSENT; rows as usize],
        Some(column) => (0..rows).map(|row| column.first(row).unwrap_or(ABSENT)).collect(),
    }
}

/// Visits the values of a column in the order of their ordinals.
fn each_text(column: &StrColumn, mut visit: impl FnMut(&str)) -> Result<(), TantivyError> {
    let mut stream = column.dictionary().stream()?;
    while stream.advance() {
        visit(&String::from_utf8_lossy(stream.key()));
    }
    Ok(())
}

fn names(column: &StrColumn, dictionary: &mut Dictionary) -> Result<Vec<u32>, TantivyError> {
    let mut out = Vec::with_capacity(column.num_terms());
    each_text(column, |text| out.push(dictionary.name(text)))?;
    Ok(out)
}

fn one(column: Option<&StrColumn>, rows: u32, dictionary: &mut Dictionary) -> Result<Vec<u32>, TantivyError> {
    let Some(column) = column else { return Ok(vec![NONE; rows as usize]) };
    let names = names(column, dictionary)?;
    Ok((0..rows).map(|row| column.ords().first(row).map_or(NONE, |ord| names[ord as usize])).collect())
}

fn many(column: Option<&StrColumn>, rows: u32, dictionary: &mut Dictionary) -> Result<Vec<u32>, TantivyError> {
    let Some(column) = column else { return Ok(vec![NONE; rows as usize]) };
    let names = names(column, dictionary)?;
    let mut set: Vec<u32> = Vec::new();
    let mut out = Vec::with_capacity(rows as usize);
    for row in 0..rows {
        set.clear();
        set.extend(column.term_ords(row).map(|ord| names[ord as usize]));
        set.sort_unstable();
        set.dedup();
        out.push(dictionary.set(&set));
    }
    Ok(out)
}
