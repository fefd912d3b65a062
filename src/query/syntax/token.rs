//! A query cut into tokens: words, phrases, pairs of key and values.
//!
//! Guarantees: one pass from left to right, each byte is looked at a fixed number of times; tokens are disjoint and in order; no
//! recursion, no brackets, no panic. Never decides what a key means.

use std::borrow::Cow;

/// One value of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value<'a> {
    /// Without quotes, escapes resolved.
    pub text: Cow<'a, str>,
    /// Byte offset in the query.
    pub at: usize,
    /// It was written in quotes: operators and inner `*` are letters like others.
    pub quoted: bool,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body<'a> {
    /// Text up to a blank.
    Word(&'a str),
    /// Text in quotes.
    Phrase(Cow<'a, str>),
    /// `key:a,"b c"`; empty values are left out.
    Pair(&'a str, Vec<Value<'a>>),
    /// A quote without its end; reading goes on behind it.
    Unclosed,
}

/// A piece of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// Byte offset.
    pub at: usize,
    /// As typed, with the `-`.
    pub raw: &'a str,
    /// A `-` stands before it.
    pub negated: bool,
    /// What it is.
    pub body: Body<'a>,
}

/// Cuts a query.
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    /// A `-` stood before a quote that is not closed: it belongs to the next token.
    carried: bool,
}

impl<'a> Tokens<'a> {
    /// Starts at the first byte.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, carried: false }
    }

    fn token(&mut self, start: usize, end: usize, negated: bool, body: Body<'a>) -> Token<'a> {
        self.at = end;
        self.carried = false;
        Token { at: start, raw: &self.text[start..end], negated, body }
    }

    /// The quote at `open` has no end: it is a token of its own together with what stands before it.
    fn unclosed(&mut self, start: usize, open: usize, negated: bool) -> Token<'a> {
        let token = self.token(start, open + 1, negated, Body::Unclosed);
        self.carried = negated;
        token
    }

    /// `key:` was read and ends at `from`. `Err`: where a quote opens that is not closed.
    fn values(&self, from: usize) -> Result<(Vec<Value<'a>>, usize), usize> {
        let (mut values, mut at) = (Vec::new(), from);
        loop {
            let quoted = self.text[at..].starts_with('"');
            let (text, end) = if quoted {
                quoted_text(self.text, at).ok_or(at)?
            } else {
                let end = at + self.text[at..].find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(self.text.len() - at);
                (Cow::Borrowed(&self.text[at..end]), end)
            };
            if !text.is_empty() {
                values.push(Value { text, at, quoted });
            }
            if !self.text[end..].starts_with(',') {
                return Ok((values, end));
            }
            at = end + 1;
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = &self.text[self.at..];
        let start = self.at + rest.find(|c: char| !c.is_whitespace())?;
        let minus = self.text[start..].strip_prefix('-').is_some_and(|after| after.starts_with(|c: char| !c.is_whitespace()));
        let negated = minus || self.carried;
        let at = start + usize::from(minus);
        if self.text[at..].starts_with('"') {
            return Some(match quoted_text(self.text, at) {
                Some((text, end)) => self.token(start, end, negated, Body::Phrase(text)),
                None => self.unclosed(start, at, negated),
            });
        }
        let end = at + self.text[at..].find(char::is_whitespace).unwrap_or(self.text.len() - at);
        let Some(key) = key_of(&self.text[at..end]) else {
            return Some(self.token(start, end, negated, Body::Word(&self.text[at..end])));
        };
        Some(match self.values(at + key.len() + 1) {
            Ok((values, end)) => self.token(start, end, negated, Body::Pair(key, values)),
            Err(open) => self.unclosed(start, open, negated),
        })
    }
}

/// The key of `key:…`: begins with a letter, `_`, `@` or `$`. An address (`https://…`) or a drive (`C:\`) is a word.
fn key_of(word: &str) -> Option<&str> {
    let (key, rest) = word.split_once(':')?;
    let mut bytes = key.bytes();
    let first = bytes.next()?;
    let named = (first.is_ascii_alphabetic() || matches!(first, b'_' | b'@' | b'$')) && bytes.all(|b| b.is_ascii_alphanumeric() || b"_-.@$/".contains(&b));
    (named && !rest.starts_with("//") && !rest.starts_with('\\')).then_some(key)
}

/// The text between the quote at `open` and its end, and the offset behind it. `\"` and `\\` are a quote and a backslash.
fn quoted_text(text: &str, open: usize) -> Option<(Cow<'_, str>, usize)> {
    let inner = &text[open + 1..];
    let bytes = inner.as_bytes();
    let (mut at, mut escaped) = (0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'\\')) => {
                escaped = true;
                at += 2;
            }
            b'"' => {
                let taken = &inner[..at];
                return Some((if escaped { Cow::Owned(unescape(taken)) } else { Cow::Borrowed(taken) }, open + 1 + at + 1));
            }
            _ => at += 1,
        }
    }
    None
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('"' | '\\')) => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}
