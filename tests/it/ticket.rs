//! The ticket of a request in Markdown: that it tells the whole story, and that nothing of a log is markup in it.

use crate::fixtures;
use throughline::{export::markdown, model::trace::Outcome};

#[test]
fn a_ticket_tells_the_whole_story() {
    let view = fixtures::rich();
    insta::assert_snapshot!("ticket", markdown::ticket(&view.trace, &view.log, true));
}

#[test]
fn nothing_of_a_log_is_markup_in_a_ticket() {
    let attacks = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "![x](http://evil.example/p.png)",
        "http://evil.example/",
        "www.evil.example",
        "@octocat fix #1 octo/repo#2",
        "a|b|c",
        "\\|b|",
        "x\n# heading\n- list",
        "```\ncode\n```",
        "`tick",
        "ends with tick`",
        "$`x`$",
        "<!-- comment",
        "&lt;b&gt;",
        "\u{202e}txt.exe\u{2066}",
        "\u{0}\u{1b}[31m\r\n",
        "---",
        "~~~",
        "<details open>",
        "\\`\\`\\`",
    ];
    for attack in attacks {
        let mut view = fixtures::rich();
        let t = view.trace_mut();
        (t.route, t.request_id) = (Some(attack.into()), Some(attack.into()));
        t.verdict.sentence = format!("Failed: {attack}");
        t.marks = vec![attack.into()];
        t.missing[0].id = attack.into();
        t.missing[0].text = attack.into();
        for s in &mut t.spans {
            s.name = attack.into();
            s.outcome = Outcome::Error;
            s.error = Some(Box::new(throughline::model::trace::SpanError {
                kind: Some(attack.into()),
                message: Some(attack.into()),
                class: throughline::model::trace::FailureClass::Unknown,
                rule: None,
            }));
        }
        view.log_mut().iter_mut().for_each(|l| l.text = attack.into());
        assert_inert(&markdown::ticket(&view.trace, &view.log, false), attack);
    }
    let hostile = fixtures::hostile();
    assert_inert(&markdown::ticket(&hostile.trace, &hostile.log, false), "hostile");
}

/// Outside code spans nothing is left that a renderer acts on, tables keep their columns, and no line begins with markup that is not ours.
fn assert_inert(ticket: &str, attack: &str) {
    let mut columns = 0;
    for line in ticket.lines() {
        assert!(line.chars().all(|c| c == '\u{2060}' || !throughline::model::format::steers(c)), "{attack}: {line:?}");
        let ours = ["# ", "## ", "- ", "| ", "|-", "  `", "**", "Sources", ""];
        let figures = line.contains(" to response") || line.contains("left out");
        assert!(figures || ours.iter().any(|o| line.starts_with(o) && (!o.is_empty() || line.is_empty())), "{attack}: {line:?}");
        let bars = bars(line);
        if line.starts_with('|') {
            assert!(columns == 0 || bars == columns, "{attack}: {line:?}");
            columns = bars;
        } else {
            columns = 0;
        }
        let outside = outside_code(line);
        for (at, c) in outside.char_indices() {
            let escaped = outside[..at].chars().rev().take_while(|c| *c == '\\').count() % 2 == 1;
            assert!(escaped || !matches!(c, '<' | '[' | ']' | '`' | '@' | '$' | '~'), "{attack}: {c} in {line:?}");
        }
        assert!(!outside.contains("://") && !outside.contains("www.") && !outside.contains("#1"), "{attack}: {line:?}");
    }
}

/// Bars that end a cell: those without a backslash before them, as the extension for tables cuts a row before anything else.
fn bars(line: &str) -> usize {
    let bytes = line.as_bytes();
    (0..bytes.len()).filter(|i| bytes[*i] == b'|' && (*i == 0 || bytes[i - 1] != b'\\')).count()
}

fn outside_code(line: &str) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while let Some(at) = rest.find('`') {
        if rest[..at].ends_with('\\') {
            out.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            continue;
        }
        out.push_str(&rest[..at]);
        let fence = rest[at..].bytes().take_while(|b| *b == b'`').count();
        let inner = &rest[at + fence..];
        let mut from = 0;
        let end = loop {
            let Some(found) = inner[from..].find('`').map(|i| i + from) else { panic!("an open code span: {line:?}") };
            let run = inner[found..].bytes().take_while(|b| *b == b'`').count();
            if run == fence {
                break found;
            }
            from = found + run;
        };
        rest = &inner[end + fence..];
    }
    out.push_str(rest);
    out
}

#[test]
fn a_ticket_of_a_huge_request_still_fits_a_tracker() {
    let view = fixtures::huge();
    let ticket = markdown::ticket(&view.trace, &view.log, false);
    assert!(ticket.len() < 65_536, "{}", ticket.len());
    assert!(ticket.contains("11,941 steps are left out") && ticket.contains("4,960 lines are left out"), "{}", &ticket[..400]);
}
