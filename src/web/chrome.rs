//! What stands around every page: name, search box, the few places to go, and how reading stands.
//!
//! Guarantees: the state in the header is one consistent picture of the moment the page was made. Never asks the index.

use crate::{
    model::status::Status,
    web::{Shared, assets, format},
};

/// The frame of a page.
#[derive(Debug, Clone)]
pub struct Chrome {
    /// Style sheet.
    pub css: &'static str,
    /// Script.
    pub js: &'static str,
    /// Icon.
    pub icon: &'static str,
    /// `requests`, `lines`, `sources`, or empty.
    pub active: &'static str,
    /// Text in the search box.
    pub query: String,
    /// How reading stands, in words.
    pub reading: String,
    /// The same at length.
    pub reading_title: String,
    /// `good`, `busy`, `bad` or `idle`.
    pub reading_class: &'static str,
    /// Version of the program.
    pub version: &'static str,
    /// The page is a file of its own: no search, no other pages.
    pub is_single: bool,
}

impl Chrome {
    /// The frame of a page.
    pub(super) fn new(shared: &Shared, active: &'static str, query: &str) -> Self {
        let status = shared.status.borrow();
        let (reading_class, reading) = reading(&status);
        Self {
            css: assets::href("app.css"),
            js: assets::href("app.js"),
            icon: assets::href("icon.svg"),
            active,
            query: query.to_owned(),
            reading,
            reading_title: status.newest.map_or_else(String::new, |at| format!("newest line at {} UTC", format::instant(at))),
            reading_class,
            version: shared.version,
            is_single: false,
        }
    }

    /// The frame of a page that is a file of its own.
    pub(super) fn single() -> Self {
        Self {
            css: "",
            js: "",
            icon: "",
            active: "",
            query: String::new(),
            reading: "as it was when this file was written".into(),
            reading_title: String::new(),
            reading_class: "idle",
            version: env!("CARGO_PKG_VERSION"),
            is_single: true,
        }
    }
}

/// A word for the colour, and the sentence.
pub fn reading(status: &Status) -> (&'static str, String) {
    let sources = format::counted(status.sources.len() as u64, "source", "sources");
    let newest = status.newest.map_or_else(String::new, |at| format!(" · newest line {} UTC", format::time_of_day(at)));
    if let Some(why) = &status.paused {
        return ("bad", format!("reading is paused: {}", format::head(why, 60)));
    }
    if let Some(why) = &status.list_behind {
        return ("bad", format!("the list is behind: {}", format::head(why, 60)));
    }
    if status.sources.is_empty() {
        return ("idle", "no source yet".into());
    }
    if status.backlog_bytes > 0 {
        return ("busy", format!("reading {sources} · {} to go", format::bytes(status.backlog_bytes)));
    }
    if status.following { ("good", format!("following {sources}{newest}")) } else { ("good", format!("{sources} read once{newest}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{status::SourceStatus, time::UnixNanos};

    #[test]
    fn the_header_says_how_reading_stands() {
        let mut status = Status::default();
        assert_eq!(reading(&status), ("idle", "no source yet".into()));
        status.sources = vec![SourceStatus::default(); 2];
        status.newest = Some(UnixNanos(1_795_443_667_012_000_000));
        assert_eq!(reading(&status).1, "2 sources read once · newest line 14:21:07.012 UTC");
        status.following = true;
        assert_eq!(reading(&status).1, "following 2 sources · newest line 14:21:07.012 UTC");
        status.backlog_bytes = 3 << 20;
        assert_eq!(reading(&status), ("busy", "reading 2 sources · 3.00 MiB to go".into()));
        status.list_behind = Some("the disk is full".into());
        assert_eq!(reading(&status), ("bad", "the list is behind: the disk is full".into()));
        status.paused = Some("the disk is full".into());
        assert_eq!(reading(&status), ("bad", "reading is paused: the disk is full".into()));
    }
}
