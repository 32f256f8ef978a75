//! What people run today, imported: every file of the corpus becomes a cluster file or is refused at a line,
//! and nothing in it is forgotten.
//!
//! The corpus is in `fuzz/corpus`, where fuzzing begins with the same files. Their shapes are those that
//! manuals and how-tos publish; names and addresses are made up.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod carried;
mod computed;
mod expansions;
mod keepalived;
mod kernel;
mod ldirectord;
mod marks;
mod rules;
mod shells;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use lvs_core::Cluster;
use lvs_core::import::{self, Counts, Fate, Import, ImportError, Options};

use crate::corpus::corpus;

pub(crate) fn options() -> Options {
    Options::new("web".parse().unwrap(), "director".parse().unwrap())
}

/// Reads files beside this one, by names with `*` at their ends.
pub(crate) fn read(pattern: &str) -> io::Result<Vec<(String, String)>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/paper/import");
    let Some((directory, name)) = pattern.rsplit_once('/') else {
        return Ok(Vec::new());
    };
    let Some(suffix) = name.strip_prefix('*') else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let Ok(files) = fs::read_dir(here.join(directory)) else {
        return Ok(Vec::new());
    };
    let names: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(suffix))
        .collect();
    let file = |name| {
        let path = format!("{directory}/{name}");
        fs::read_to_string(here.join(&path)).map(|text| (path, text))
    };
    names.into_iter().map(file).collect()
}

/// The hosts that there are.
pub(crate) fn resolve(host: &str) -> Option<IpAddr> {
    let address = match host {
        "www.lvs.test" => "198.51.100.80",
        "lb.lvs.test" => "198.51.100.81",
        "web1.lvs.test" => "10.80.0.1",
        "web2.lvs.test" => "10.80.0.2",
        _ => return None,
    };
    address.parse().ok()
}

pub(crate) fn keepalived(text: &str) -> Result<Import, ImportError> {
    import::keepalived("keepalived.conf", text, &options(), &mut read)
}

pub(crate) fn ldirectord(text: &str) -> Result<Import, ImportError> {
    import::ldirectord("ldirectord.cf", text, &options(), &mut resolve)
}

pub(crate) fn rules(text: &str) -> Result<Import, ImportError> {
    import::rules("rules", text, &options(), &mut resolve)
}

/// What holds for every import.
pub(crate) fn sound(import: &Import, name: &str) -> Cluster {
    let Counts {
        directives,
        carried,
        assumed,
        left,
        ..
    } = import.report.counts();
    assert_eq!(carried + assumed + left, directives, "{name}");
    let cluster = Cluster::from_toml(&import.file);
    let cluster = cluster.unwrap_or_else(|error| panic!("{name}: {error}\n{}", import.file));
    for directive in import.report.directives() {
        assert!(!directive.directive.is_empty(), "{name}: {directive}");
        if let Fate::Left { reason } | Fate::Assumed { reason, .. } = &directive.fate {
            assert!(!reason.is_empty(), "{name}: {directive}");
        }
    }
    cluster
}

fn all(kind: &str, import: fn(&str) -> Result<Import, ImportError>) -> (usize, Counts) {
    let mut sum = Counts::default();
    let files = corpus(kind);
    for path in &files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().count().max(1);
        match import(&text) {
            Ok(import) => {
                assert!(!name.starts_with("refused"), "{name}:\n{}", import.file);
                sound(&import, name);
                let counts = import.report.counts();
                sum.directives += counts.directives;
                sum.carried += counts.carried;
                sum.assumed += counts.assumed;
                sum.left += counts.left;
            }
            Err(error) => {
                assert!(name.starts_with("refused"), "{name}: {error}");
                assert!((1..=lines).contains(&error.place().line), "{name}: {error}");
            }
        }
    }
    (files.len(), sum)
}

#[test]
fn every_file_of_the_corpus_is_imported_or_refused_at_a_line() {
    let kinds = [
        all("keepalived_conf", keepalived),
        all("ldirectord_cf", ldirectord),
        all("ipvsadm_script", rules),
    ];
    for (files, counts) in kinds {
        println!("{files} files, {counts}");
    }
    assert!(kinds.iter().map(|(files, _)| files).sum::<usize>() >= 100);
}

#[test]
fn every_file_of_the_corpus_is_known_by_its_words() {
    use lvs_core::import::Format;
    for (kind, format) in [
        ("keepalived_conf", Format::Keepalived),
        ("ldirectord_cf", Format::Ldirectord),
        ("ipvsadm_script", Format::Rules),
    ] {
        for path in corpus(kind) {
            let text = fs::read_to_string(&path).unwrap();
            if !path.to_string_lossy().contains("refused") {
                assert_eq!(Format::of(&text), Some(format), "{}", path.display());
            }
        }
    }
}
