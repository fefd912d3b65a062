//! One integration binary, many modules: each reads like a use of the product.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of a test stops at the first surprise, as the test does")]

mod answers;
mod bad_input;
mod bad_paths;
mod called;
mod cli;
mod clocks;
mod compare;
mod crash;
mod critical_path;
mod customs;
mod docs;
mod emitters;
mod episodes;
mod export;
mod fixtures;
mod handover;
mod house;
mod lines_page;
mod list_page;
mod makers;
mod oracles;
mod order;
mod pages;
mod relations;
mod request_page;
mod runs;
mod said;
mod samples;
mod sdk;
mod search;
mod search_box;
mod stacks;
mod support;
mod tailing;
mod temporal;
mod ticket;
mod tour;
mod trouble;
mod two_names;
mod unnamed;
