//! Every mistake in a cluster file is reported with its place, the problem and a hint.
#![cfg(feature = "toml")]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may fail it; clippy knows that of tests only"
)]

mod addresses;
mod directors;
mod gateways;
mod health;
mod keys;
mod plain_words;
mod services;
mod several_mistakes;
mod short_forms;

use lvs_core::Cluster;
use lvs_core::cluster::{DocumentError, DocumentErrors};

const NAT: &str = include_str!("../../../../examples/nat.toml");
const DR: &str = include_str!("../../../../examples/dr.toml");
const TUNNEL: &str = include_str!("../../../../examples/tunnel.toml");
const TWO: &str = include_str!("../../../../examples/two_directors.toml");

/// An example with one thing changed; that thing must be there.
#[track_caller]
fn changed(text: &str, from: &str, to: &str) -> DocumentError {
    assert!(text.contains(from), "{from:?} is not in the example");
    only(Cluster::from_toml(&text.replacen(from, to, 1)).unwrap_err())
}

/// The mistake, beside which there is no other that only follows from it.
#[track_caller]
fn only(mistakes: DocumentErrors) -> DocumentError {
    let all = mistakes.to_string();
    let mut mistakes = mistakes.into_iter();
    let first = mistakes.next().unwrap();
    assert!(mistakes.next().is_none(), "several mistakes:\n{all}");
    first
}

/// The whole message; and every refusal of a text has a position.
#[track_caller]
fn says(error: &DocumentError, message: &str) {
    assert_eq!(error.to_string(), message);
    assert!(error.position().is_some(), "no position: {message}");
}

fn line_of(text: &str, needle: &str) -> usize {
    text.lines().position(|line| line.contains(needle)).unwrap() + 1
}

/// The example for direct routing with keys of its service, and a table at the end.
fn with_keys(keys: &str, table: &str) -> String {
    let text = DR.replace("[[services]]", &format!("[[services]]\n{keys}"));
    format!("{text}\n{table}")
}

#[test]
fn the_examples_are_clusters() {
    for text in [NAT, DR, TUNNEL, TWO] {
        let cluster = Cluster::from_toml(text).unwrap();
        assert_eq!(cluster.real_servers().len(), 2);
        assert_eq!(cluster.services()[0].destinations.len(), 2);
    }
}
