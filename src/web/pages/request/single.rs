//! A request as one file that needs no server: to attach to a ticket, to read on a plane.
//!
//! Guarantees: the file asks nobody for anything (its own policy forbids it), runs no script but ours, named by its hash, and holds no
//! address of the server it was made by; what was written in a log is text in it. With `hides_content` what people and models said is not
//! in the file at all, else a switch hides it from view. Never the public document: that is the JSON form.

use super::{View, build};
use crate::{
    query::view::PathView,
    web::{assets, chrome::Chrome},
};
use askama::Template;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// The file.
pub fn single(path: &PathView, id: &str, hides_content: bool) -> String {
    let view = View { id: id.to_owned(), hides_content, is_single: true, ..View::default() };
    let page = build(Chrome::single(), path, &view).render().unwrap_or_default();
    let (style, script) = (assets::text("app.css"), format!("{}\n{}", assets::text("app.js"), assets::text("timeline.js")));
    let policy = format!("default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'", hash(style), hash(&script));
    let head = format!("<meta http-equiv=\"content-security-policy\" content=\"{policy}\"><style>{style}</style></head>");
    let page = without_addresses(&page);
    page.replacen("</head>", &head, 1).replacen("</body>", &format!("<script>{script}</script></body>"), 1)
}

fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// Links to pages of a server become plain words. In a page a quote inside text is an entity, so what looks like an attribute is one.
fn without_addresses(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    let mut rest = page;
    while let Some(at) = rest.find(" href=\"/") {
        out.push_str(&rest[..at]);
        let value = &rest[at + " href=\"".len()..];
        rest = value.find('"').map_or("", |end| &value[end + 1..]);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_a_server_become_words_and_links_inside_stay() {
        let page = r##"<a class="id" href="/r/x?a=1&amp;b=2" title="t">x</a> says href=&quot;/y&quot; <a href="#s">s</a>"##;
        assert_eq!(without_addresses(page), r##"<a class="id" title="t">x</a> says href=&quot;/y&quot; <a href="#s">s</a>"##);
    }

    #[test]
    fn scripts_and_style_hold_nothing_that_would_end_them() {
        for name in ["app.css", "app.js", "timeline.js"] {
            let text = assets::text(name).to_lowercase();
            assert!(!text.is_empty() && !text.contains("</s") && !text.contains("<!--"), "{name}");
        }
    }
}
