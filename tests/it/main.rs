//! One integration binary, many modules: each reads like a use of the product.

mod cli;
mod crash;
mod support;
