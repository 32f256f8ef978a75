//! The seeds of the fuzz targets, which some tests read, too.
#![cfg(feature = "import")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the files of the corpus, without what `cargo fuzz run` has added: files named by their hash.
pub(crate) fn corpus(kind: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let is_hash = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let mut files: Vec<_> = fs::read_dir(directory.join(kind))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| !is_hash(path))
        .collect();
    files.sort();
    files
}
