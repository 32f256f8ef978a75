//! What the fuzz targets call: properties that must hold for any bytes. Not part of the API.

#![allow(
    clippy::missing_panics_doc,
    reason = "panicking is how a fuzz target reports"
)]

use crate::ipvs::message::IpvsMessage;
use crate::ipvs::rules::{self, Rules};

/// A generic netlink header and attributes: what can be read is written and read again the same.
pub fn message(bytes: &[u8]) {
    let Ok(message) = IpvsMessage::decode_with_header(bytes) else {
        return;
    };
    let mut again = Vec::new();
    message.encode_with_header(&mut again);
    assert_eq!(IpvsMessage::decode_with_header(&again), Ok(message));
}

/// The text of ipvsadm: the table that can be read is written and read again the same.
pub fn rules(bytes: &[u8]) {
    let read = |text: &str| Rules::parse(text).and_then(|rules| rules.configuration());
    let Ok(Ok(table)) = std::str::from_utf8(bytes).map(read) else {
        return;
    };
    let _ = rules::save_compatible(&table);
    let text = rules::save(&table);
    assert_eq!(read(&text).as_ref().map(rules::save), Ok(text));
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::testing::Random;

    /// The corpus from which the fuzzer starts.
    fn seeds() -> Vec<Vec<u8>> {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/message");
        let files = fs::read_dir(corpus).unwrap();
        files
            .map(|file| fs::read(file.unwrap().path()).unwrap())
            .collect()
    }

    #[test]
    fn seeds_are_messages() {
        let seeds = seeds();
        assert!(seeds.len() > 30, "only {}", seeds.len());
        for seed in seeds {
            IpvsMessage::decode_with_header(&seed).unwrap();
            message(&seed);
        }
    }

    #[test]
    fn damaged_messages_hold() {
        let seeds = seeds();
        let mut random = Random::new(0x1b5);
        let mut read = 0;
        for _ in 0..200_000 {
            let seed = &seeds[random.below(seeds.len())];
            let bytes = random.damage(seed);
            message(&bytes);
            read += usize::from(IpvsMessage::decode_with_header(&bytes).is_ok());
        }
        assert!((1000..199_000).contains(&read), "{read} could be read");
    }

    #[test]
    fn random_bytes_hold() {
        let mut random = Random::new(17);
        for _ in 0..100_000 {
            let mut bytes = random.bytes(160);
            // A command that exists, so that not all end there.
            if let Some(command) = bytes.first_mut() {
                *command = *command % 17 + 1;
            }
            message(&bytes);
        }
    }
}
