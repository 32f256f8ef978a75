//! Plain language: words that hide who acts occur in no text, no documentation and no comment; and the map of the
//! modules is true.
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may fail it; clippy knows that of tests only"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// A sentence with one of these can always name the director, the record, the caller or another program.
const WORDS: [&str; 4] = ["somebody", "nobody", "whoever", "anybody"];

/// What is searched, from the root of the repository.
const SEARCHED: [&str; 3] = ["README.md", "lvs-core/src", "lvs-cli/src"];

/// Modules for tests alone, which may speak as they like.
const TEST_MODULES: [&str; 3] = ["tests", "testing", "arbitrary"];

#[test]
fn nothing_hides_who_acts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let found: Vec<String> = SEARCHED
        .iter()
        .flat_map(|searched| files(&root.join(searched)))
        .flat_map(|file| {
            let name = file.strip_prefix(root).unwrap().display().to_string();
            hits(&name, &fs::read_to_string(&file).unwrap())
        })
        .collect();
    assert!(
        found.is_empty(),
        "name the director, the record, the caller or the program:\n{}",
        found.join("\n")
    );
}

/// A file that has moved would leave the reader of the map at a place that is empty.
#[test]
fn the_map_names_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("../CONTRIBUTING.md")).unwrap();
    let (_, map) = text.split_once("Where is …").unwrap();
    let (map, _) = map.split_once("Rules that keep the map true").unwrap();
    let files: Vec<_> = map
        .split('`')
        .filter(|word| word.ends_with(".rs"))
        .collect();
    assert!(files.len() > 15, "{files:?}");
    for file in files {
        assert!(root.join("src").join(file).is_file(), "{file}");
    }
}

/// Returns the file, or the Rust files below a directory.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        return fs::read_dir(path)
            .unwrap()
            .flat_map(|entry| files(&entry.unwrap().path()))
            .collect();
    }
    let is_source = path.extension().is_some_and(|extension| extension == "rs");
    let is_test = path
        .file_stem()
        .is_some_and(|stem| TEST_MODULES.iter().any(|test| stem == *test));
    match (is_source && !is_test) || path.ends_with("README.md") {
        true => vec![path.to_owned()],
        false => Vec::new(),
    }
}

/// Returns the lines with one of the words, up to the file's own tests.
fn hits(name: &str, text: &str) -> Vec<String> {
    let tests = text.find("#[cfg(test)]\nmod tests {");
    text.get(..tests.unwrap_or(text.len()))
        .unwrap()
        .lines()
        .enumerate()
        .filter(|(_, line)| {
            let line = line.to_lowercase();
            WORDS.iter().any(|word| line.contains(word))
        })
        .map(|(i, line)| format!("{name}:{}: {}", i + 1, line.trim()))
        .collect()
}

#[test]
fn a_word_is_found_outside_tests_only() {
    let text = "/// Nobody\nfn f() {}\n\n#[cfg(test)]\nmod tests {\n    // nobody\n}\n";
    assert_eq!(hits("a.rs", text), ["a.rs:1: /// Nobody"]);
    assert!(hits("a.rs", "/// The caller\n").is_empty());
}
