//! The seeds of the fuzz targets, replayed as they are and damaged, without a fuzzer.

use std::fs;

use super::*;
use crate::testing::{self, Random};

/// Returns the contents of a target's seeds.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    testing::seeds(target)
        .into_iter()
        .map(|path| fs::read(path).unwrap())
        .collect()
}

/// Replays all seeds of a target, all of which must be meaningful, and so many damaged ones, of which some
/// must be and some must not: otherwise the damage would test nothing.
#[track_caller]
fn replay(target: &str, run: fn(&[u8]), is_meaningful: fn(&[u8]) -> bool, damaged: usize) {
    let seeds = seeds(target);
    for seed in &seeds {
        assert!(is_meaningful(seed), "{:?}", String::from_utf8_lossy(seed));
        run(seed);
    }
    let mut random = Random::new(0x1b5);
    let mut meaningful = 0;
    for _ in 0..damaged {
        let at = random.below(seeds.len());
        let bytes = random.damage(&seeds[at]);
        run(&bytes);
        meaningful += usize::from(is_meaningful(&bytes));
    }
    assert!(
        (1..damaged).contains(&meaningful),
        "{meaningful} of {damaged}"
    );
}

/// Netlink has the byte order of the machine, and the seeds are of x86-64.
#[test]
#[cfg(target_endian = "little")]
fn messages() {
    let reads = |bytes: &[u8]| IpvsMessage::decode_with_header(bytes).is_ok();
    replay("message", message, reads, 200_000);
}

#[test]
fn random_messages() {
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

#[test]
#[cfg(target_endian = "little")]
fn exchanges() {
    let ends = |bytes: &[u8]| {
        let (count, rest) = bytes.split_first().unwrap_or((&0, &[]));
        let mut exchange = Exchange::new(1, u32::from(*count) + 1);
        datagrams(rest)
            .into_iter()
            .map(|datagram| exchange.feed(datagram))
            .any(|step| step.is_ok_and(|step| step.is_break()))
    };
    replay("exchange", exchange, ends, 20_000);
}

#[test]
#[cfg(feature = "cluster")]
fn rtnetlinks() {
    let is_one = |bytes: &[u8]| bytes.first().is_some_and(|kind| *kind <= 6);
    replay("rtnetlink", rtnetlink, is_one, 100_000);
}

#[test]
#[cfg(feature = "cluster")]
fn frames() {
    use crate::net::arp::Frame;
    let is_arp = |bytes: &[u8]| Frame::parse(bytes).is_some();
    replay("arp_frame", arp_frame, is_arp, 20_000);
    let advertises = |bytes: &[u8]| {
        let (ip, frame) = bytes.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        crate::net::ndp::advertised(frame, (*ip).into()).is_some()
    };
    replay(
        "neighbour_advertisement",
        neighbour_advertisement,
        advertises,
        20_000,
    );
}

#[test]
#[cfg(feature = "check")]
fn packet_heads() {
    let reads = |bytes: &[u8]| crate::net::packet_head::Head::read(bytes).is_some();
    replay("packet_head", packet_head, reads, 20_000);
}

#[test]
#[cfg(feature = "cluster")]
fn records() {
    let reads = |bytes: &[u8]| serde_json::from_slice::<crate::cluster::Record>(bytes).is_ok();
    replay("record", record, reads, 5000);
}

#[test]
#[cfg(feature = "check")]
fn facts_of_nodes() {
    let reads = |bytes: &[u8]| serde_json::from_slice::<crate::check::Facts>(bytes).is_ok();
    replay("facts", facts, reads, 2000);
}

#[test]
#[cfg(feature = "cluster")]
fn all_texts() {
    let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
    replay("texts", texts, is_text, 50_000);
}

#[test]
fn proc_tables() {
    let has_services = |bytes: &[u8]| {
        let listing = proc::read_listing(bytes).unwrap();
        listing.services.len() > 3 && listing.info.is_some()
    };
    replay("proc_table", proc_table, has_services, 20_000);
}

#[test]
fn proc_connection_tables() {
    let has_some = |bytes: &[u8]| {
        let ordinary = proc::read_connections(bytes).unwrap();
        !ordinary.is_empty() || !proc::read_sync_connections(bytes).unwrap().is_empty()
    };
    replay("proc_connections", proc_connections, has_some, 20_000);
}

/// Many seeds are lines that ipvsadm refuses.
#[test]
fn all_rules() {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
    replay("rules", rules, text, 20_000);
}

#[test]
#[cfg(feature = "toml")]
fn cluster_files() {
    let reads = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        crate::Cluster::from_toml(text).is_ok()
    };
    replay("cluster_file", cluster_file, reads, 2000);
}

#[test]
#[cfg(feature = "import")]
fn imports() {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
    replay("keepalived_conf", keepalived_conf, text, 3000);
    replay("ldirectord_cf", ldirectord_cf, text, 3000);
    replay("ipvsadm_script", ipvsadm_script, text, 3000);
}

/// Sources cut into words and lines that are put together anew.
#[test]
#[cfg(feature = "import")]
fn shuffled_imports() {
    for (target, run) in [
        ("keepalived_conf", keepalived_conf as fn(&[u8])),
        ("ldirectord_cf", ldirectord_cf),
        ("ipvsadm_script", ipvsadm_script),
    ] {
        let seeds: Vec<_> = seeds(target)
            .into_iter()
            .map(|seed| String::from_utf8(seed).unwrap())
            .collect();
        let lines: Vec<_> = seeds
            .iter()
            .flat_map(|seed| seed.split_inclusive('\n'))
            .collect();
        let words: Vec<_> = lines
            .iter()
            .flat_map(|line| line.split_whitespace())
            .collect();
        let mut random = Random::new(0x1a9);
        for _ in 0..2000 {
            let mut text = seeds[random.below(seeds.len())].clone();
            for _ in 0..random.below(6) {
                let places: Vec<_> = text
                    .match_indices([' ', '\n'])
                    .map(|(place, _)| place)
                    .collect();
                let place = places[random.below(places.len())];
                match random.below(2) {
                    0 => text.insert_str(place, words[random.below(words.len())]),
                    _ => text.insert_str(place + 1, lines[random.below(lines.len())]),
                }
            }
            run(text.as_bytes());
        }
    }
}

#[test]
#[cfg(feature = "import")]
fn any_bytes_are_no_panic_of_imports() {
    let mut random = Random::new(0xb17e);
    for _ in 0..50_000 {
        let bytes = random.bytes(200);
        keepalived_conf(&bytes);
        ldirectord_cf(&bytes);
        ipvsadm_script(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        keepalived_conf(text.as_bytes());
        ldirectord_cf(text.as_bytes());
        ipvsadm_script(text.as_bytes());
    }
}
