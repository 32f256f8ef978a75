//! What the fuzz targets call: properties that must hold for any bytes that a server answers.

#![allow(
    clippy::missing_panics_doc,
    reason = "panicking is how a fuzz target reports"
)]

use super::http::Answer;
use super::{dns, file, program};
use crate::health::{DnsCheck, HttpCheck, Needle};

/// Reads an HTTP answer, as a whole and in two parts: the outcome does not depend on how it arrives. The first
/// byte says whether content is expected, the second where it is cut.
pub fn health_http(bytes: &[u8]) {
    let Some(([with_content, cut], answer)) = bytes.split_first_chunk() else {
        return;
    };
    let check = HttpCheck {
        contains: (with_content % 2 == 1)
            .then(|| Needle::new("ok").ok())
            .flatten(),
        ..HttpCheck::default()
    };
    let read = |parts: &[&[u8]]| {
        let mut reader = Answer::new(&check);
        let mut early = parts
            .iter()
            .filter(|part| !part.is_empty())
            .map(|part| reader.feed(part));
        early
            .find_map(|outcome| outcome)
            .unwrap_or_else(|| reader.end())
    };
    let (first, second) = answer.split_at(usize::from(*cut).min(answer.len()));
    assert_eq!(read(&[answer]), read(&[first, second]));
}

/// Reads a DNS answer, alone and behind its length: what is healthy answers the question.
pub fn health_dns(bytes: &[u8]) {
    let Ok(name) = "example.org.".parse() else {
        return;
    };
    let check = DnsCheck {
        name,
        record: crate::health::RecordType::A,
        transport: crate::health::DnsTransport::Udp,
    };
    let Ok(question) = dns::question(&check, 0x4C56) else {
        return;
    };
    for answer in [Some(bytes), dns::framed(bytes)].into_iter().flatten() {
        if dns::judge(&question, answer).is_ok() {
            assert!(answer.starts_with(&0x4C56_u16.to_be_bytes()));
        }
    }
}

/// Reads the first line of a file or of a program's output.
pub fn health_line(bytes: &[u8]) {
    let _ = file::judge(bytes);
    let line = program::first_line(bytes);
    assert!(line.len() <= 600 && !line.contains(char::is_control));
}

/// Feeds a client what a TLS server sends: no record makes the client panic, or believe in a handshake without a key.
pub fn health_tls(bytes: &[u8]) {
    super::tls::fuzz(bytes);
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::{self, Random};

    /// Replays the seeds of a target as they are, damaged, and any bytes at all.
    fn replay(target: &str, run: fn(&[u8])) {
        let seeds: Vec<Vec<u8>> = testing::seeds(target)
            .into_iter()
            .map(|path| fs::read(path).unwrap())
            .collect();
        seeds.iter().for_each(|seed| run(seed));
        let mut random = Random::new(0x4C56);
        for _ in 0..20_000 {
            let seed = random.below(seeds.len());
            run(&random.damage(&seeds[seed]));
            run(&random.bytes(100));
        }
    }

    #[test]
    fn http_answers() {
        replay("health_http", health_http);
    }

    #[test]
    fn dns_answers() {
        replay("health_dns", health_dns);
    }

    #[test]
    fn first_lines() {
        replay("health_line", health_line);
    }

    #[test]
    fn tls_records() {
        // A client makes keys for each.
        for path in testing::seeds("health_tls") {
            health_tls(&fs::read(path).unwrap());
        }
    }
}
