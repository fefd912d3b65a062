//! A whole path behind a veil, for whatever shows it.
//!
//! Guarantees: names, errors, the verdict and the texts of lines hold nothing that is to be hidden; what hides nothing is shared with the path it came
//! from. Raw lines stay as they are: whoever shows one cuts it. Ids, services and models stay: they are what a reader looks for.

use crate::{
    export::veil::Veil,
    model::trace::{LogLine, Span, Trace},
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
        // Names are many and mostly the same.
        let mut known: FxHashMap<String, Option<String>> = FxHashMap::default();
        let mut out = trace.clone();
        for at in 0..trace.spans.len() {
            let span = &trace.spans[at];
            let mut hide = |text: &str| known.entry(text.to_owned()).or_insert_with(|| changed(text, self.name(text))).clone();
            let model = span.model.as_deref();
            let names = [
                hide(&span.name),
                span.queue.as_deref().and_then(&mut hide),
                model.and_then(|m| m.prompt.as_deref()).and_then(&mut hide),
                model.and_then(|m| m.prompt_version.as_deref()).and_then(&mut hide),
                model.and_then(|m| m.config_version.as_deref()).and_then(&mut hide),
                span.error.as_ref().and_then(|e| e.kind.as_deref()).and_then(&mut hide),
                span.error.as_ref().and_then(|e| e.rule.as_deref()).and_then(&mut hide),
            ];
            let message = span.error.as_ref().and_then(|e| e.message.as_deref()).and_then(|m| changed(m, self.prose(m)));
            if names.iter().any(Option::is_some) || message.is_some() {
                put_span(&mut Arc::make_mut(&mut out).spans[at], names, message);
            }
        }
        self.around(trace, &mut out);
        out
    }

    /// What a document says of the whole request.
    fn around(&self, trace: &Trace, out: &mut Arc<Trace>) {
        let name = |name: &str| changed(name, self.name(name));
        let prose = |text: &str| changed(text, self.prose(text));
        let parts: Vec<(usize, String)> = trace.verdict.parts.iter().enumerate().filter_map(|(at, part)| Some((at, name(&part.text)?))).collect();
        let anomalies: Vec<(usize, String)> = trace.anomalies.iter().enumerate().filter_map(|(at, one)| Some((at, prose(&one.text)?))).collect();
        let missing: Vec<(usize, String)> = trace.missing.iter().enumerate().filter_map(|(at, one)| Some((at, prose(&one.text)?))).collect();
        let (sentence, route) = (name(&trace.verdict.sentence), trace.route.as_deref().and_then(name));
        let (prompts, configs) = (self.names(&trace.prompt_versions), self.names(&trace.config_versions));
        if parts.is_empty() && anomalies.is_empty() && missing.is_empty() && sentence.is_none() && route.is_none() && prompts.is_none() && configs.is_none() {
            return;
        }
        let out = Arc::make_mut(out);
        parts.into_iter().for_each(|(at, text)| out.verdict.parts[at].text = text);
        anomalies.into_iter().for_each(|(at, text)| out.anomalies[at].text = text);
        missing.into_iter().for_each(|(at, text)| out.missing[at].text = text);
        put(&mut out.verdict.sentence, sentence);
        out.route = route.or(out.route.take());
        out.prompt_versions = prompts.unwrap_or_else(|| std::mem::take(&mut out.prompt_versions));
        out.config_versions = configs.unwrap_or_else(|| std::mem::take(&mut out.config_versions));
    }

    fn names(&self, names: &[String]) -> Option<Vec<String>> {
        let hidden: Vec<String> = names.iter().map(|n| self.name(n)).collect();
        (hidden != names).then_some(hidden)
    }
}

fn put_span(span: &mut Span, names: [Option<String>; 7], message: Option<String>) {
    let [name, queue, prompt, version, config, kind, rule] = names;
    put(&mut span.name, name);
    span.queue = queue.or(span.queue.take());
    if let Some(model) = &mut span.model {
        model.prompt = prompt.or(model.prompt.take());
        model.prompt_version = version.or(model.prompt_version.take());
        model.config_version = config.or(model.config_version.take());
    }
    if let Some(error) = &mut span.error {
        error.kind = kind.or(error.kind.take());
        error.rule = rule.or(error.rule.take());
        error.message = message.or(error.message.take());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            path_words::{AnomalyKind, FailureClass, SpanKind, Stage},
            profile::Profile,
            time::UnixNanos,
            trace::{Anomaly, Missing, SpanError, SpanModel, VerdictPart},
        },
        reconstruct::{build::build, tree::Tree},
    };

    #[test]
    fn no_text_of_a_document_but_ids_services_and_models_holds_a_secret_of_its_lines() {
        const SECRET: &str = "Zq9xW7plainSecretValue";
        let text = || Some(SECRET.to_owned());
        let mut span = Span::new("s1", SpanKind::Tool, SECRET, UnixNanos(0), UnixNanos(1));
        span.queue = text();
        span.error = Some(Box::new(SpanError { kind: text(), message: text(), class: FailureClass::Unknown, rule: text() }));
        span.model = Some(Box::new(SpanModel { prompt: text(), prompt_version: text(), config_version: text(), ..SpanModel::default() }));
        let mut trace = build(&Tree::default(), &Profile::default()).trace;
        trace.spans = vec![span];
        trace.route = text();
        trace.verdict.sentence = format!("Answered by {SECRET}.");
        trace.verdict.parts = vec![VerdictPart { text: SECRET.into(), span: None, strong: false }];
        trace.prompt_versions = vec![SECRET.into()];
        trace.config_versions = vec![SECRET.into()];
        trace.anomalies = vec![Anomaly { kind: AnomalyKind::NoTime, text: format!("{SECRET} ran again"), lines: Vec::new() }];
        trace.missing = vec![Missing { stage: Stage::Worker, id: "task:1".into(), reason: "not_seen".into(), text: format!("{SECRET} not seen") }];
        let trace = Arc::new(trace);
        let veil = Veil::of([r#"{"password":"Zq9xW7plainSecretValue"}"#], false);
        let (hidden, _) = veil.path(&trace, &Arc::default());
        assert!(!format!("{hidden:?}").contains(SECRET), "{hidden:?}");
        let (same, _) = Veil::default().path(&trace, &Arc::default());
        assert!(Arc::ptr_eq(&same, &trace), "what hides nothing is shared");
    }
}
