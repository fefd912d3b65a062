//! Rows of the lines page.
//!
//! Guarantees: what is marked as a secret leaves no character of itself; long texts and records are folded and what is left out is counted; a level is a shape and a word; a row has one anchor, made of where
//! its record stands, so a page that follows tells a new row from one it has.

use super::marks::mark;
use crate::{
    export::veil::Veil,
    model::entry::Severity,
    query::view::{LineRow, LinesView, Sought},
    web::{
        format, links,
        pages::parts::{self, Piece},
    },
};

/// Characters of a text before it is folded.
const TEXT: usize = 220;
/// Bytes of one record that are shown.
const RAW_LINE_BYTES: usize = 8 * 1024;
/// Bytes of records that a page shows.
const RAW_PAGE_BYTES: usize = 512 * 1024;
/// Characters shown before what was looked for.
const BEFORE: usize = 40;
/// Characters of an id before it is cut.
const ID: usize = 12;
/// Characters of a file and line before they are cut.
const LINE: usize = 22;

/// A row.
pub struct RowView {
    /// Anchor.
    pub anchor: String,
    /// Names the record.
    pub cursor: String,
    /// Month and day.
    pub day: String,
    /// Time of day.
    pub time: String,
    /// The instant, for pointing at.
    pub instant: String,
    /// The same for machines; empty without a time.
    pub datetime: String,
    /// Shape of the severity.
    pub shape: &'static str,
    /// Its word.
    pub level: &'static str,
    /// Its colour class.
    pub class: &'static str,
    /// Service, or log.
    pub service: String,
    /// The other of them, for pointing at.
    pub service_title: String,
    /// Head of the text.
    pub text: Vec<Piece>,
    /// The whole text, when it is longer.
    pub whole: Vec<Piece>,
    /// The line has no text of its own: the head of its record stands for it.
    pub bare: bool,
    /// The record.
    pub raw: Vec<Piece>,
    /// What of it is not shown.
    pub cut: String,
    /// `app.log:12`.
    pub line: String,
    /// The same with its folder.
    pub path: String,
    /// Its request: address, head of the id, the id.
    pub request: Option<(String, String, String)>,
}

/// The rows of an answer.
pub fn rows(answer: &LinesView) -> Vec<RowView> {
    let mut budget = RAW_PAGE_BYTES;
    answer.rows.iter().map(|r| row(r, &answer.sought, &mut budget)).collect()
}

/// Shape of a severity's word; the ordinary ones have none.
pub fn shape(level: &str) -> &'static str {
    match level {
        "error" | "fatal" => "✕",
        "warn" => "◆",
        _ => "",
    }
}

fn row(r: &LineRow, sought: &[Sought], budget: &mut usize) -> RowView {
    let veil = Veil::of_record(&r.raw, &r.secrets);
    let record = veil.record(&r.raw);
    let bare = !r.body.is_empty() && r.raw.starts_with(&r.body);
    let body = if bare { excerpt(&record, sought) } else { veil.text(r.body.trim(), &r.raw) };
    let text = format::head(&body, TEXT);
    let (raw, cut) = raw(r, &record, budget);
    let (service, title) = match &r.service {
        Some(service) => (service.clone(), format!("service {service}, log {}", r.source)),
        None => (r.source.clone(), format!("log {}; the line names no service", r.source)),
    };
    RowView {
        anchor: format!("{}-{}", links::anchor(&format!("x{}", r.cursor)), r.sub),
        cursor: r.cursor.clone(),
        day: r.time.map_or_else(String::new, |t| format::date(t)[5..].to_owned()),
        time: r.time.map_or_else(|| "no time".to_owned(), format::time_of_day),
        instant: r.time.map_or_else(|| "this line states no time".to_owned(), |t| format!("{} UTC", format::instant(t))),
        datetime: r.time.map_or_else(String::new, |t| crate::model::time::rfc3339_of_ms(t.0.div_euclid(1_000_000))),
        shape: shape(r.severity.map_or("", Severity::word)),
        level: r.severity.map_or("", Severity::word),
        class: parts::level_class(r.severity),
        service,
        service_title: title,
        whole: if !bare && text.len() < body.len() { mark(&body, sought) } else { Vec::new() },
        text: if text.is_empty() { vec![Piece { text: "(no text)".into(), marked: false }] } else { mark(&text, sought) },
        raw: mark(raw, sought),
        cut,
        bare,
        line: tail(&format!("{}:{}", r.line.file.rsplit('/').next().unwrap_or_default(), r.line.line), LINE),
        path: r.line.to_string(),
        request: r.request.as_ref().map(|to| {
            let wish = to.scope.clone().map(|scope| ("scope", scope)).into_iter().chain([("line", r.line.to_string())]);
            let href = format!("{}#{}", links::address(&links::request(&to.id, None), wish), links::line_anchor(&r.line));
            let full = to.scope.as_deref().map_or_else(|| to.id.clone(), |scope| format!("{} ({scope})", to.id));
            (href, tail(&to.id, ID), full)
        }),
    }
}

/// The part of a record without a text of its own that shows why it matches, else its head.
fn excerpt(raw: &str, sought: &[Sought]) -> String {
    let pieces = mark(raw, sought);
    let before: usize = pieces.iter().take_while(|p| !p.marked).map(|p| p.text.len()).sum();
    if before == raw.len() || before < BEFORE {
        return raw.to_owned();
    }
    let from = raw[..before].char_indices().rev().nth(BEFORE - 1).map_or(0, |(at, _)| at);
    format!("…{}", &raw[from..])
}

/// The end of something long: ids and files often begin alike.
fn tail(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most { text.to_owned() } else { format!("…{}", text.chars().skip(count - (most - 1)).collect::<String>()) }
}

/// The record, its secrets hidden, as far as the budget goes, and what of it is left out.
fn raw<'r>(r: &LineRow, record: &'r str, budget: &mut usize) -> (&'r str, String) {
    let (shown, _) = links::cut(record, RAW_LINE_BYTES.min(*budget));
    *budget -= shown.len();
    let left = r.raw_bytes.saturating_sub(r.raw.len() as u64) + (record.len() - shown.len()) as u64;
    let more = if shown.is_empty() { "of this record are not shown: the page is long" } else { "more of this record" };
    (shown, if left > 0 { format!("… {} {more}", format::bytes(left)) } else { String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::trace::LineRef;

    fn line(raw: &str) -> LineRow {
        LineRow {
            line: LineRef { file: "logs/api.log".into(), line: 7 },
            sub: 0,
            cursor: "5.a.0".into(),
            time: None,
            severity: None,
            service: None,
            source: "api".into(),
            body: String::new(),
            raw: raw.into(),
            secrets: Vec::new(),
            raw_bytes: raw.len() as u64,
            request: None,
        }
    }

    #[test]
    fn a_page_of_large_records_shows_their_heads_and_says_so() {
        let big = LineRow { raw_bytes: 1 << 20, ..line(&"x".repeat(16 << 10)) };
        let view = LinesView { rows: vec![big; 100], ..LinesView::default() };
        let rows = rows(&view);
        assert_eq!(rows[0].cut, "… 1016 KiB more of this record");
        assert_eq!((rows[64].raw.len(), rows[64].cut.as_str()), (0, "… 1.00 MiB of this record are not shown: the page is long"));
    }

    #[test]
    fn a_record_without_a_text_shows_where_it_matches() {
        let raw = format!("{{\"pad\":\"{}\",\"error\":\"rate limit\"}}", "x".repeat(300));
        let sought = [Sought { text: "rate limit".into(), whole: false, word: false }];
        let row = row(&LineRow { body: raw[..240].into(), ..line(&raw) }, &sought, &mut 10_000);
        let texts: Vec<&str> = row.text.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(texts, [format!("…{}\",\"error\":\"", "x".repeat(29)).as_str(), "rate limit", "\"}"]);
        assert!(row.whole.is_empty() && row.bare);
    }

    #[test]
    fn a_secret_of_a_line_is_not_on_the_page_wherever_its_line_repeats_it() {
        let raw = r#"{"msg":"signed in with hunter2hunter2","password":"hunter2hunter2"}"#;
        let shown = |pieces: &[Piece]| pieces.iter().map(|p| p.text.as_str()).collect::<String>();
        let sought = [Sought { text: "hunter2hunter2".into(), whole: true, word: true }];
        let row = row(&LineRow { body: "signed in with hunter2hunter2".into(), ..line(raw) }, &sought, &mut 10_000);
        assert_eq!(shown(&row.text), "signed in with [secret hidden]");
        assert_eq!(shown(&row.raw), r#"{"msg":"signed in with [secret hidden]","password":"[secret hidden]"}"#);
        assert_eq!(row.cut, "");
    }

    #[test]
    fn a_secret_too_short_to_be_looked_for_elsewhere_is_hidden_in_all_of_its_own_line_and_one_behind_the_head_in_its_text() {
        let shown = |pieces: &[Piece]| pieces.iter().map(|p| p.text.as_str()).collect::<String>();
        let raw = r#"{"password":"abc1","msg":"short pw abc1 there"}"#;
        let short = row(&LineRow { body: "short pw abc1 there".into(), ..line(raw) }, &[], &mut 10_000);
        assert_eq!(shown(&short.text), "short pw [secret hidden] there");
        assert_eq!(shown(&short.raw), r#"{"password":"[secret hidden]","msg":"short pw [secret hidden] there"}"#);
        let head = LineRow { body: "lead correct horse".into(), secrets: vec!["correct horse".into()], ..line(r#"{"msg":"lead correct horse","prompt":"ppp"#) };
        let long = row(&head, &[], &mut 10_000);
        assert_eq!((shown(&long.text).as_str(), shown(&long.raw).as_str()), ("lead [secret hidden]", r#"{"msg":"lead [secret hidden]","prompt":"ppp"#));
    }

    #[test]
    fn a_line_without_time_text_or_level_has_a_row() {
        let row = row(&line("{}"), &[], &mut 100);
        assert_eq!((row.time.as_str(), row.level, row.shape, row.line.as_str(), row.text[0].text.as_str()), ("no time", "", "", "api.log:7", "(no text)"));
        assert_eq!(row.anchor, "x5.a.0-0");
        assert_eq!(tail("req_01M7QD126VTKYCMR3NTVV8CE01", ID), "…R3NTVV8CE01");
    }
}
