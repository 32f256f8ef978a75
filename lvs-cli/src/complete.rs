//! `lvsctl __complete`: the names by which a shell completes a command line, asked for by the scripts of `lvsctl manual`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::env;
use std::path::Path;

use lvs_core::Cluster;
use lvs_core::check::Code;
use lvs_core::cluster::{Role, StateDir};
use lvs_core::proc::Proc;

use crate::file;

/// Returns the words behind `lvsctl __complete`, as far as they are typed; `None` for any other command line. The verb is
/// between the script and the program: no help has it.
pub(crate) fn words() -> Option<Vec<String>> {
    let mut words = env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned());
    (words.next()? == "__complete").then(|| words.collect())
}

/// Returns a name a line. What cannot be read has no names, and says nothing: a message would be in the user's line.
pub(crate) fn names(words: &[String]) -> String {
    let names = candidates(words);
    names.iter().map(|name| format!("{name}\n")).collect()
}

/// Returns the names that may stand in place of the last word.
fn candidates(words: &[String]) -> BTreeSet<String> {
    // An option of all verbs may be before the verb.
    let first = words.iter().position(|word| !word.starts_with('-'));
    let [verb, before @ .., current] = words.get(first.unwrap_or_default()..).unwrap_or_default()
    else {
        return BTreeSet::new();
    };
    // Of --node=d bash makes three words, and the other shells one.
    let previous = before.iter().rfind(|word| *word != "=");
    let option = match current.split_once('=') {
        Some((option, _)) if !option.is_empty() => option,
        _ => previous.map_or("", String::as_str),
    };
    match (verb.as_str(), option) {
        (_, "--node") => named(before, |cluster| {
            cluster.node_names().map(ToString::to_string).collect()
        }),
        ("simulate", "--service") => named(before, |cluster| {
            cluster
                .services()
                .iter()
                .map(|service| service.service.id.to_string())
                .collect()
        }),
        ("check", "--explain") => Code::all().map(|code| code.to_string()).collect(),
        (_, "--role") => [Role::Active, Role::Standby]
            .map(|role| role.to_string())
            .into(),
        ("drain" | "undrain", "--timeout" | "--state") => BTreeSet::new(),
        ("drain" | "undrain", _) if !current.starts_with('-') => serving(),
        ("remove" | "status", _) if !current.starts_with('-') => applied(),
        _ => BTreeSet::new(),
    }
}

/// Returns names of the cluster files among the words.
fn named(words: &[String], names: impl Fn(&Cluster) -> Vec<String>) -> BTreeSet<String> {
    words
        .iter()
        .map(|word| typed(word))
        .filter(|word| Path::new(word.as_ref()).is_file())
        .filter_map(|file| file::cluster(&file).ok())
        .flat_map(|cluster| names(&cluster))
        .collect()
}

/// Returns the path that a word stands for: a shell passes `~/web.toml` on as it was typed.
fn typed(word: &str) -> Cow<'_, str> {
    match (word.strip_prefix("~/"), env::var("HOME")) {
        (Some(rest), Ok(home)) => Cow::Owned(format!("{home}/{rest}")),
        _ => Cow::Borrowed(word),
    }
}

/// Returns the real servers of the kernel's table, by their addresses and by their names in the records; reading it in
/// /proc loads no module.
fn serving() -> BTreeSet<String> {
    let listing = Proc::new().listing().unwrap_or_default();
    let records = StateDir::default().records().unwrap_or_default();
    listing
        .destinations()
        .map(|(_, server)| server.id.address)
        .flat_map(|address| {
            records
                .iter()
                .filter_map(move |record| record.server(address))
                .map(ToString::to_string)
                .chain([address.to_string()])
        })
        .collect()
}

/// Returns the clusters of the records on this node.
fn applied() -> BTreeSet<String> {
    let records = StateDir::default().records().unwrap_or_default();
    records
        .iter()
        .map(|record| record.cluster().to_string())
        .collect()
}
