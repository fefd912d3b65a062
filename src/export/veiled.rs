//! A whole path behind a veil, for whatever shows it.
//!
//! Guarantees: names, errors, the verdict and the texts of lines hold nothing that is to be hidden; what hides nothing is shared with the path it came
//! from. Raw lines stay as they are: whoever shows one cuts it. Ids, services and models stay: they are what a reader looks for.

use crate::{
    export::veil::Veil,
    model::trace::{LogLine, Trace},
};
use rustc_hash::FxHashMap;
use std::sync::Arc;

impl Veil {
    /// The document and the log of a request.
    pub fn path(&self, trace: &Arc<Trace>, log: &Arc<Vec<LogLine>>) -> (Arc<Trace>, Arc<Vec<LogLine>>) {
        (self.document(trace), self.log(log))
    }

    fn log(&self, log: &Arc<Vec<LogLine>>) -> Arc<Vec<LogLine>> {
        let texts: Vec<(usize, String)> = log.iter().enumerate().filter_map(|(at, l)| changed(&l.text, self.line(l)).map(|text| (at, text))).collect();
        let mut out = log.clone();
        if !texts.is_empty() {
            let lines = Arc::make_mut(&mut out);
            texts.into_iter().for_each(|(at, text)| lines[at].text = text);
        }
        out
    }

    fn document(&self, trace: &Arc<Trace>) -> Arc<Trace> {
        let name = |name: &str| changed(name, self.name(name));
        // Steps of one name are many.
        let mut names: FxHashMap<&str, Option<String>> = FxHashMap::default();
        let mut spans: Vec<(usize, Option<String>, Option<String>)> = Vec::new();
        for (at, span) in trace.spans.iter().enumerate() {
            let named = names.entry(span.name.as_str()).or_insert_with(|| name(&span.name)).clone();
            let message = span.error.as_ref().and_then(|e| e.message.as_deref()).and_then(|m| changed(m, self.prose(m)));
            if named.is_some() || message.is_some() {
                spans.push((at, named, message));
            }
        }
        let parts: Vec<(usize, String)> = trace.verdict.parts.iter().enumerate().filter_map(|(at, part)| name(&part.text).map(|text| (at, text))).collect();
        let (sentence, route) = (name(&trace.verdict.sentence), trace.route.as_deref().and_then(name));
        if spans.is_empty() && parts.is_empty() && sentence.is_none() && route.is_none() {
            return trace.clone();
        }
        let mut out = Trace::clone(trace);
        for (at, named, message) in spans {
            put(&mut out.spans[at].name, named);
            if let Some(error) = &mut out.spans[at].error {
                error.message = message.or(error.message.take());
            }
        }
        parts.into_iter().for_each(|(at, text)| out.verdict.parts[at].text = text);
        put(&mut out.verdict.sentence, sentence);
        out.route = route.or(out.route.take());
        Arc::new(out)
    }
}

fn changed(before: &str, after: String) -> Option<String> {
    (before != after).then_some(after)
}

fn put(slot: &mut String, new: Option<String>) {
    if let Some(new) = new {
        *slot = new;
    }
}
