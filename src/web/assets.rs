//! The few files a page needs beside its text: style, icon, keys. They travel inside the binary.
//!
//! Guarantees: an address carries a hash of the content, so a browser may keep the file for good and a new version is fetched at once;
//! a file is found by its exact name in a fixed list, never by a path of the disk.

use crate::web::error::Problem;
use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;
use std::{borrow::Cow, fmt::Write, sync::LazyLock};

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

struct Asset {
    name: &'static str,
    hashed: String,
    href: String,
    mime: &'static str,
    bytes: Cow<'static, [u8]>,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    const JS: &str = "text/javascript; charset=utf-8";
    [("app.css", "text/css; charset=utf-8"), ("app.js", JS), ("lines.js", JS), ("list.js", JS), ("timeline.js", JS), ("icon.svg", "image/svg+xml")]
        .into_iter()
        .filter_map(|(name, mime)| {
            let file = Files::get(name)?;
            let hash = file.metadata.sha256_hash().iter().take(6).fold(String::new(), |mut out, byte| {
                let _ = write!(out, "{byte:02x}");
                out
            });
            let (stem, extension) = name.split_once('.')?;
            let hashed = format!("{stem}.{hash}.{extension}");
            Some(Asset { name, href: format!("/static/{hashed}"), hashed, mime, bytes: file.data })
        })
        .collect()
});

/// Address of a file; empty when there is none of that name.
pub fn href(name: &str) -> &'static str {
    ASSETS.iter().find(|a| a.name == name).map_or("", |a| a.href.as_str())
}

/// Text of a file, for a page that is a file of its own; empty when there is none of that name.
pub fn text(name: &str) -> &'static str {
    ASSETS.iter().find(|a| a.name == name).and_then(|a| std::str::from_utf8(&a.bytes).ok()).unwrap_or_default()
}

/// `/static/{file}`.
pub async fn file(Path(file): Path<String>) -> Result<Response, Problem> {
    let asset = ASSETS.iter().find(|a| a.hashed == file).ok_or(Problem::NoPage)?;
    let headers = [(header::CONTENT_TYPE, asset.mime), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.bytes.as_ref()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_an_address_with_its_hash() {
        for name in ["app.css", "app.js", "lines.js", "list.js", "timeline.js", "icon.svg"] {
            let href = href(name);
            assert!(href.starts_with("/static/") && href.split('.').nth(1).is_some_and(|h| h.len() == 12), "{href}");
        }
        assert_eq!(super::href("../Cargo.toml"), "");
    }

    #[tokio::test]
    async fn only_names_of_the_list_are_served() {
        let name = href("app.css").trim_start_matches("/static/").to_owned();
        assert_eq!(file(Path(name)).await.unwrap().status(), 200);
        for other in ["app.css", "../src/main.rs", "", "app.000000000000.css"] {
            assert!(file(Path(other.into())).await.is_err(), "{other}");
        }
    }
}
