//! What can go wrong between a reader and a page: one type, each variant a situation with its status, its words and a way back.
//!
//! Guarantees: never a blank page and never a cause that only we understand; a fault of ours carries a number that stands in the log of
//! the program beside the cause. Never shows a path of the disk or the text of a panic.

use crate::{query::view::QueryError, web::assets};
use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use std::sync::atomic::{AtomicU64, Ordering};

/// A situation in which the page asked for is not given.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No page has this address.
    #[error("no page has this address")]
    NoPage,
    /// The address cannot be read.
    #[error("the address cannot be read")]
    BadAddress,
    /// Something in the address is too long.
    #[error("the id is {bytes} bytes long; at most {limit} are looked up")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Another method than GET or HEAD.
    #[error("pages are only read")]
    Method,
    /// The `Host` header is missing or names another machine.
    #[error("this name is not one of this server's")]
    ForeignHost {
        /// Address that works.
        port: u16,
    },
    /// The request was made by a page of another site.
    #[error("another site asked for this page")]
    CrossSite {
        /// Path and query, to be opened from here.
        here: String,
    },
    /// The answer took too long.
    #[error("the answer took longer than {seconds} s and was stopped")]
    Deadline {
        /// The limit.
        seconds: u64,
    },
    /// The index could not answer.
    #[error("the index could not answer")]
    Index {
        /// What it said.
        cause: String,
    },
    /// Our own fault.
    #[error("this page could not be made")]
    Fault {
        /// What happened.
        cause: String,
    },
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Deadline { limit_ms } => Self::Deadline { seconds: limit_ms.div_ceil(1_000) },
            QueryError::TooLong { bytes, limit } => Self::TooLong { bytes, limit },
            QueryError::Cursor => Self::BadAddress,
            QueryError::Store(cause) => Self::Index { cause },
        }
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        Self::Fault { cause: error.to_string() }
    }
}

impl Problem {
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoPage => StatusCode::NOT_FOUND,
            Self::BadAddress => StatusCode::BAD_REQUEST,
            Self::TooLong { .. } => StatusCode::URI_TOO_LONG,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::ForeignHost { .. } | Self::CrossSite { .. } => StatusCode::FORBIDDEN,
            Self::Deadline { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Index { .. } | Self::Fault { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn advice(&self) -> String {
        match self {
            Self::NoPage => "There are the list of requests, a page for each request, and the sources they come from.".into(),
            Self::BadAddress => "Its percent signs do not stand for text. Paste the id into the search box instead.".into(),
            Self::TooLong { .. } => "Paste the id alone, or the part of the line that holds it.".into(),
            Self::Method => "Nothing can be changed here; GET and HEAD are answered.".into(),
            Self::ForeignHost { port } => {
                format!(
                    "So that no other site can read your logs through your browser, only loopback names are answered. Open http://127.0.0.1:{port}/, or start with --allow-host and the name you use."
                )
            }
            Self::CrossSite { .. } => "So that no other site can make this machine search, a link from elsewhere is opened only when you say so.".into(),
            Self::Deadline { .. } => "Nothing is broken. Ask for less: one more condition, a shorter time, one route.".into(),
            Self::Index { cause } => format!("It said: {cause}"),
            Self::Fault { .. } => "The cause stands in the program's own log under the number below.".into(),
        }
    }

    fn way_back(&self) -> (String, &'static str) {
        match self {
            Self::CrossSite { here } => (here.clone(), "open it here"),
            Self::ForeignHost { port } => (format!("http://127.0.0.1:{port}/"), "open the loopback address"),
            _ => ("/".into(), "all requests"),
        }
    }
}

/// The page of a problem. What could be asked again is found in an answer's extensions, to be told where (`again`).
#[derive(Debug, Clone, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    css: &'static str,
    icon: &'static str,
    status: u16,
    title: String,
    advice: String,
    href: String,
    link: &'static str,
    number: Option<u64>,
    /// What was asked, in its own words.
    pub asked: String,
    /// The same again.
    pub retry: Option<String>,
    /// The same for the newest hour: address and words.
    pub narrower: Option<(String, &'static str)>,
    /// It took too long.
    pub slow: bool,
}

impl ErrorPage {
    /// The page.
    pub fn text(&self) -> String {
        self.render().unwrap_or_else(|_| self.title.clone())
    }
}

static FAULTS: AtomicU64 = AtomicU64::new(1);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let number = match &self {
            Self::Fault { cause } | Self::Index { cause } => {
                let number = FAULTS.fetch_add(1, Ordering::Relaxed);
                tracing::error!(fault = number, cause, "page not made");
                Some(number)
            }
            _ => None,
        };
        let (href, link) = self.way_back();
        let mut title = self.to_string();
        title[..1].make_ascii_uppercase();
        let slow = matches!(self, Self::Deadline { .. });
        let page = ErrorPage {
            css: assets::href("app.css"),
            icon: assets::href("icon.svg"),
            status: status.as_u16(),
            title,
            advice: self.advice(),
            href,
            link,
            number,
            asked: String::new(),
            retry: None,
            narrower: None,
            slow,
        };
        let mut response = (status, Html(page.text())).into_response();
        if slow || number.is_some() {
            response.extensions_mut().insert(page);
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}
