//! Bytes for tests, the same in every run: seeds of the fuzz targets, and random ones.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the files from which a fuzzer starts, by their names, without what `cargo fuzz run` has added.
pub(crate) fn seeds(target: &str) -> Vec<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut seeds: Vec<_> = fs::read_dir(corpus.join(target))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| is_seed(path))
        .collect();
    seeds.sort();
    seeds
}

/// Returns whether a file is not named by its hash, as a fuzzer names its own.
fn is_seed(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    name.len() != 40 || !name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[test]
fn what_a_fuzzer_adds_is_no_seed() {
    assert!(is_seed(Path::new("corpus/message/linux-6.1-info")));
    assert!(!is_seed(Path::new(
        "corpus/message/0a4d55a8d778e5022fab701977c5d840bbc486d0"
    )));
}

/// Draws numbers by xorshift from a fixed seed, so that a failure can be repeated.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Returns a number in `0..end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end
    }

    /// Returns a number in `0..end`, in 32 bits.
    pub(crate) fn number(&mut self, end: u32) -> u32 {
        self.draw() % end
    }

    /// Returns any number of 32 bits.
    pub(crate) fn draw(&mut self) -> u32 {
        (self.next() >> 16) as u32
    }

    /// Returns up to `most` random bytes.
    pub(crate) fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// Returns the bytes with a few of them changed, and sometimes cut off.
    pub(crate) fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            bytes[at] = self.next() as u8;
        }
        if self.below(4) == 0 {
            bytes.truncate(self.below(bytes.len()));
        }
        bytes
    }
}
