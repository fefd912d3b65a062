//! One integration binary, many modules: each reads like a use of the product.

mod bad_input;
mod cli;
mod crash;
mod fixtures;
mod house;
mod pages;
mod support;
mod tailing;
