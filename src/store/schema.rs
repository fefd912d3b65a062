//! What a stored record is made of: the fields of the line index, how a record becomes a document, and how it is read back.
//!
//! One table for both directions. Guarantees: the raw bytes come back as they were given; a term that is too long for the index is
//! stored under its head and hash and found under the same, never dropped. A document holds nothing understood beyond its search terms.

use crate::model::{
    entry::{FileId, Severity},
    record::Cut,
};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, fmt::Write as _, iter::Empty, string::FromUtf8Error, sync::Arc};
use tantivy::{
    Document,
    index::IndexSettings,
    schema::{
        FAST, Field, IndexRecordOption, NumericOptions, STORED, Schema, TextFieldIndexing, TextOptions,
        document::{DeserializeError, DocumentDeserialize, DocumentDeserializer, ReferenceValue, ReferenceValueLeaf, Value, ValueDeserialize, ValueDeserializer, ValueVisitor},
    },
    store::{Compressor, ZstdCompressor},
    tokenizer::{Token, TokenStream, Tokenizer},
};

/// Longest term kept as it is (tantivy drops terms above 65,530 bytes without a word).
const TERM_MAX_BYTES: usize = 4096;
/// Longest word of prose that is indexed; longer ones are encoded data.
pub const WORD_MAX_BYTES: usize = 255;
/// Uncompressed size of a block of stored records.
pub const BLOCK_BYTES: usize = 256 * 1024;

pub const ID: Field = Field::from_field_id(0);
pub const WORD: Field = Field::from_field_id(1);
pub const LEVEL: Field = Field::from_field_id(2);
pub const SOURCE: Field = Field::from_field_id(3);
pub const SERVICE: Field = Field::from_field_id(4);
pub const TIME: Field = Field::from_field_id(5);
pub const FILE: Field = Field::from_field_id(6);
pub const START: Field = Field::from_field_id(7);
pub const PLACE: Field = Field::from_field_id(8);
pub const TEXT: Field = Field::from_field_id(9);
pub const BYTES: Field = Field::from_field_id(10);

/// Names of the columns, for opening them.
pub const TIME_NAME: &str = "time";
/// See [`TIME_NAME`].
pub const FILE_NAME: &str = "file";
/// See [`TIME_NAME`].
pub const START_NAME: &str = "start";

/// Name of the tokenizer of prose.
pub const WORDS_TOKENIZER: &str = "words";

/// A record on its way into the index.
#[derive(Debug, Clone, Default)]
pub struct LineDoc {
    /// Lineage.
    pub file: FileId,
    /// Decompressed offset of the first byte.
    pub start: u64,
    /// Offset behind the last byte, newline included.
    pub end: u64,
    /// 1-based number of the first physical line.
    pub line: u64,
    /// Physical lines.
    pub lines: u32,
    /// The bytes as written, without the last newline; the head alone when it was cut.
    pub raw: Vec<u8>,
    /// What was cut.
    pub cut: Option<Box<Cut>>,
    /// Id terms in canonical form (with `\u{1f}` and the scope behind weak ones). Empty ones are skipped.
    pub ids: Vec<String>,
    /// Prose to be searched by word.
    pub words: String,
    /// Severity.
    pub level: Option<Severity>,
    /// Name of the log.
    pub source: Arc<str>,
    /// Service, when the line names one.
    pub service: Option<Box<str>>,
    /// Instant, Unix nanoseconds.
    pub time_ns: Option<i64>,
}

/// A record as it is read back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredRecord {
    /// Lineage.
    pub file: FileId,
    /// Decompressed offset of the first byte.
    pub start: u64,
    /// Offset behind the last byte, newline included.
    pub end: u64,
    /// 1-based number of the first physical line.
    pub line: u64,
    /// Physical lines.
    pub lines: u32,
    /// The bytes as written, without the last newline; the head alone when it was cut.
    pub raw: Vec<u8>,
    /// What was cut.
    pub cut: Option<Box<Cut>>,
}

/// The schema of the line index. The order is that of the field constants.
pub fn schema() -> Schema {
    let terms = |tokenizer| {
        TextOptions::default().set_indexing_options(TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(IndexRecordOption::Basic).set_fieldnorms(false))
    };
    let mut builder = Schema::builder();
    builder.add_text_field("id", terms("raw"));
    builder.add_text_field("word", terms(WORDS_TOKENIZER));
    builder.add_text_field("level", terms("raw"));
    builder.add_text_field("source", terms("raw"));
    builder.add_text_field("service", terms("raw"));
    builder.add_i64_field(TIME_NAME, NumericOptions::default() | FAST);
    builder.add_u64_field(FILE_NAME, NumericOptions::default() | FAST);
    builder.add_u64_field(START_NAME, NumericOptions::default() | FAST);
    builder.add_bytes_field("place", STORED);
    // tantivy copies stored text as a whole and stored bytes one by one, so bytes are kept for what is no UTF-8.
    builder.add_text_field("text", STORED);
    builder.add_bytes_field("bytes", STORED);
    builder.build()
}

/// How records are compressed.
pub fn settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: Compressor::Zstd(ZstdCompressor { compression_level: Some(1) }),
        docstore_blocksize: BLOCK_BYTES,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}

/// The term an id or name is stored and searched under.
pub fn term_text(text: &str) -> Cow<'_, str> {
    if text.len() <= TERM_MAX_BYTES {
        return Cow::Borrowed(text);
    }
    let mut head = 256;
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    let mut out = format!("{}…", &text[..head]);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(out, "{byte:02x}");
    }
    Cow::Owned(out)
}

/// A document of the line index.
pub struct LineDocument {
    ids: Vec<String>,
    words: String,
    level: Option<&'static str>,
    source: Arc<str>,
    service: Option<Box<str>>,
    time_ns: Option<i64>,
    file: u64,
    start: u64,
    place: Vec<u8>,
    raw: Result<String, Vec<u8>>,
}

impl LineDocument {
    /// About how much it adds to a segment in memory.
    pub fn size_bytes(&self) -> usize {
        self.words.len() + self.raw.as_ref().map_or_else(Vec::len, String::len)
    }
}

impl From<LineDoc> for LineDocument {
    fn from(mut doc: LineDoc) -> Self {
        doc.ids.retain(|id| !id.is_empty());
        for id in &mut doc.ids {
            if id.len() > TERM_MAX_BYTES {
                *id = term_text(id).into_owned();
            }
        }
        Self {
            place: write_place(&doc),
            ids: doc.ids,
            words: doc.words,
            level: doc.level.map(Severity::word),
            source: doc.source,
            service: doc.service,
            time_ns: doc.time_ns,
            file: doc.file.0,
            start: doc.start,
            raw: String::from_utf8(doc.raw).map_err(FromUtf8Error::into_bytes),
        }
    }
}

/// Eight bytes of the file; as LEB128 the line, lines, start, end - start, and 0 or the length of what was cut + 1; then its hash.
fn write_place(doc: &LineDoc) -> Vec<u8> {
    let cut = doc.cut.as_deref();
    let mut out = Vec::with_capacity(32 + cut.map_or(0, |c| c.sha256.len()));
    out.extend_from_slice(&doc.file.0.to_le_bytes());
    for number in [doc.line, doc.lines.into(), doc.start, doc.end.saturating_sub(doc.start), cut.map_or(0, |c| c.length.saturating_add(1))] {
        leb(&mut out, number);
    }
    out.extend_from_slice(cut.map_or(b"", |c| c.sha256.as_bytes()));
    out
}

fn leb(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn unleb(bytes: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0_u64, 0_u32);
    loop {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f).checked_shl(shift)?;
        if first & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
    }
}

/// What is stored of a document.
#[derive(Default)]
pub struct StoredParts {
    place: Vec<u8>,
    raw: Vec<u8>,
}

impl StoredParts {
    /// The record; `None` when its place is damaged.
    pub fn into_record(self) -> Option<StoredRecord> {
        let (file, mut rest) = self.place.split_at_checked(8)?;
        let mut number = || unleb(&mut rest);
        let (line, lines, start, size, cut) = (number()?, number()?, number()?, number()?, number()?);
        let cut = match cut.checked_sub(1) {
            None => None,
            Some(length) => Some(Box::new(Cut { length, sha256: str::from_utf8(rest).ok()?.to_owned() })),
        };
        let file = FileId(u64::from_le_bytes(file.try_into().ok()?));
        Some(StoredRecord { file, start, end: start.checked_add(size)?, line, lines: u32::try_from(lines).ok()?, raw: self.raw, cut })
    }
}

impl DocumentDeserialize for StoredParts {
    fn deserialize<'de, D: DocumentDeserializer<'de>>(mut deserializer: D) -> Result<Self, DeserializeError> {
        let mut out = Self::default();
        while let Some((field, StoredValue(bytes))) = deserializer.next_field()? {
            match field {
                PLACE => out.place = bytes,
                TEXT | BYTES => out.raw = bytes,
                _ => {}
            }
        }
        Ok(out)
    }
}

/// A stored value, text or bytes.
pub struct StoredValue(pub Vec<u8>);

impl ValueDeserialize for StoredValue {
    fn deserialize<'de, D: ValueDeserializer<'de>>(deserializer: D) -> Result<Self, DeserializeError> {
        deserializer.deserialize_any(ValueBytes).map(Self)
    }
}

struct ValueBytes;

impl ValueVisitor for ValueBytes {
    type Value = Vec<u8>;

    fn visit_string(&self, text: String) -> Result<Vec<u8>, DeserializeError> {
        Ok(text.into_bytes())
    }

    fn visit_bytes(&self, bytes: Vec<u8>) -> Result<Vec<u8>, DeserializeError> {
        Ok(bytes)
    }
}

/// A value of a [`LineDocument`].
#[derive(Debug, Clone)]
pub struct Leaf<'a>(ReferenceValueLeaf<'a>);

impl<'a> Value<'a> for Leaf<'a> {
    type ArrayIter = Empty<Self>;
    type ObjectIter = Empty<(&'a str, Self)>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        ReferenceValue::Leaf(self.0.clone())
    }
}

impl Document for LineDocument {
    type Value<'a> = Leaf<'a>;
    type FieldsValuesIter<'a> = Fields<'a>;

    fn iter_fields_and_values(&self) -> Fields<'_> {
        Fields { doc: self, at: 0 }
    }
}

/// Walks over the values of a document without collecting them.
pub struct Fields<'a> {
    doc: &'a LineDocument,
    at: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Field, Leaf<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        use ReferenceValueLeaf::{Bytes, I64, Str, U64};
        let doc = self.doc;
        loop {
            let at = self.at;
            self.at += 1;
            if let Some(id) = doc.ids.get(at) {
                return Some((ID, Leaf(Str(id))));
            }
            let found = match at - doc.ids.len() {
                0 => (!doc.words.is_empty()).then_some((WORD, Str(&doc.words))),
                1 => doc.level.map(|level| (LEVEL, Str(level))),
                2 => Some((SOURCE, Str(&doc.source))),
                3 => doc.service.as_deref().map(|service| (SERVICE, Str(service))),
                4 => doc.time_ns.map(|time| (TIME, I64(time))),
                5 => Some((FILE, U64(doc.file))),
                6 => Some((START, U64(doc.start))),
                7 => Some((PLACE, Bytes(&doc.place))),
                8 => Some(match &doc.raw {
                    Ok(text) => (TEXT, Str(text)),
                    Err(bytes) => (BYTES, Bytes(bytes)),
                }),
                _ => return None,
            };
            if let Some((field, leaf)) = found {
                return Some((field, Leaf(leaf)));
            }
        }
    }
}

/// The words of a text as they are indexed: runs of letters and digits in lower case, at most [`WORD_MAX_BYTES`] long.
pub fn words(text: &str) -> Vec<String> {
    let mut tokenizer = Words::default();
    let mut stream = tokenizer.token_stream(text);
    let mut out = Vec::new();
    while stream.advance() {
        out.push(stream.token().text.clone());
    }
    out
}

/// Tokenizer of prose.
#[derive(Debug, Clone, Default)]
pub struct Words {
    token: Token,
}

/// Its stream.
pub struct WordStream<'a> {
    text: &'a str,
    at: usize,
    token: &'a mut Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.token.reset();
        WordStream { text, at: 0, token: &mut self.token }
    }
}

impl WordStream<'_> {
    /// Where the next run of letters and digits stands.
    fn run(&mut self) -> Option<(usize, usize)> {
        let from = self.at + self.text[self.at..].find(char::is_alphanumeric)?;
        let rest = &self.text[from..];
        self.at = from + rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        Some((from, self.at))
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        while let Some((from, to)) = self.run() {
            if to - from > WORD_MAX_BYTES {
                continue;
            }
            let run = &self.text[from..to];
            self.token.text.clear();
            if run.is_ascii() {
                self.token.text.push_str(run);
                self.token.text.make_ascii_lowercase();
            } else {
                self.token.text.extend(run.chars().flat_map(char::to_lowercase));
            }
            self.token.position = 0;
            return true;
        }
        false
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
