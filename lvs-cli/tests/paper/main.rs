//! lvsctl as far as it needs no kernel.

mod check;
mod completions;
mod import;
mod readme;
mod reports;
mod verbs;
