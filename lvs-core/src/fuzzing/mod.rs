//! The properties that the fuzz targets check, which must hold for any bytes. Not part of the API.
//!
//! There is one function per decoder, named as its target in `fuzz/` and as the directory of its seeds there.

#![allow(
    clippy::missing_panics_doc,
    reason = "panicking is how a fuzz target reports"
)]

#[cfg(feature = "cluster")]
mod hosts;
#[cfg(feature = "import")]
mod import;
#[cfg(feature = "cluster")]
mod rtnetlink;
#[cfg(test)]
mod tests;

#[cfg(feature = "cluster")]
pub use hosts::{arp_frame, neighbour_advertisement, record, texts};
#[cfg(feature = "check")]
pub use hosts::{facts, packet_head};
#[cfg(feature = "import")]
pub use import::{ipvsadm_script, keepalived_conf, ldirectord_cf};
#[cfg(feature = "cluster")]
pub use rtnetlink::rtnetlink;

use crate::ipvs::ipvsadm::{self, Rules};
use crate::ipvs::message::IpvsMessage;
use crate::netlink::exchange::Exchange;
use crate::netlink::family;
use crate::proc;

/// Checks that a message (a generic netlink header and attributes) that can be read is written and read again
/// the same.
pub fn message(bytes: &[u8]) {
    let Ok(message) = IpvsMessage::decode_with_header(bytes) else {
        return;
    };
    let mut again = Vec::new();
    message.encode_with_header(&mut again);
    assert_eq!(IpvsMessage::decode_with_header(&again), Ok(message));
}

/// Checks that all answers of an exchange belong to requests that were sent, and that no byte is invented.
///
/// The bytes are: how many requests were sent (0 for one, to 15; numbered from 1), then datagrams, each
/// behind its length (u16, little-endian; the last may be cut).
pub fn exchange(bytes: &[u8]) {
    let Some((count, rest)) = bytes.split_first() else {
        return;
    };
    let count = u32::from(count % 16) + 1;
    let mut exchange = Exchange::new(1, count);
    let datagrams = datagrams(rest);
    for datagram in &datagrams {
        if !matches!(exchange.feed(datagram), Ok(step) if step.is_continue()) {
            break;
        }
    }
    for (place, refusal) in &exchange.refusals {
        assert!(*place < count as usize && refusal.errno > 0);
    }
    let received: usize = exchange
        .replies
        .iter()
        .map(|reply| reply.payload.len())
        .sum();
    assert!(received <= bytes.len());
    assert!(exchange.looks <= datagrams.len());
    for reply in &exchange.replies {
        message(&reply.payload);
        let _ = family::number(&reply.payload);
    }
}

fn datagrams(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut datagrams = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (datagram, rest) = rest.split_at(length);
        datagrams.push(datagram);
        bytes = rest;
    }
    datagrams
}

/// Checks that a line of `/proc/net/ip_vs` is at most one service or destination, and reads the bytes as
/// `ip_vs_stats` too.
pub fn proc_table(bytes: &[u8]) {
    let services = proc::read_listing(bytes).map_or_else(|_| Vec::new(), |table| table.services);
    let rows: usize = services
        .iter()
        .map(|service| 1 + service.destinations.len())
        .sum();
    assert!(rows <= lines(bytes));
    let _ = proc::read_totals(bytes);
}

/// Checks that a line of `/proc/net/ip_vs_conn` or `ip_vs_conn_sync` is at most one connection.
pub fn proc_connections(bytes: &[u8]) {
    for read in [
        proc::read_connections(bytes),
        proc::read_sync_connections(bytes),
    ] {
        let connections = read.unwrap_or_default();
        assert!(connections.len() <= lines(bytes));
        for connection in connections {
            assert!(!connection.state.as_str().is_empty());
            let _ = (connection.mark(), connection.is_template());
        }
    }
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Checks that a table in the text of ipvsadm that can be read is written and read again the same.
pub fn rules(bytes: &[u8]) {
    let read = |text: &str| Rules::parse(text).and_then(|rules| rules.configuration());
    let Ok(Ok(table)) = std::str::from_utf8(bytes).map(read) else {
        return;
    };
    let _ = ipvsadm::save_compatible(&table);
    let text = ipvsadm::save(&table);
    assert_eq!(read(&text).as_ref().map(ipvsadm::save), Ok(text));
}

/// Checks that a cluster file is either refused at a place in the text, or can be planned on a bare node, as
/// text and as shell, with an empty plan after that.
#[cfg(feature = "toml")]
pub fn cluster_file(bytes: &[u8]) {
    use crate::cluster::{Cluster, Observed, Plan, PlanOptions};
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let cluster = match Cluster::from_toml(text) {
        Ok(cluster) => cluster,
        Err(mistakes) => {
            for mistake in &mistakes {
                let line = mistake.position().map_or(1, |position| position.line);
                assert!(
                    (1..=lines(bytes)).contains(&line),
                    "{mistake} in line {line}"
                );
            }
            return;
        }
    };
    for name in cluster.node_names() {
        let Some(node) = cluster.node(name.as_str()) else {
            panic!("{name} is no node");
        };
        let bare = Observed::default();
        let plan = |observed: &Observed| Plan::new(&node, observed, PlanOptions::default());
        let first = plan(&bare);
        let _ = (first.to_string(), first.to_shell());
        let done = first.outcome(&bare);
        assert!(plan(&done).is_empty(), "{name}:\n{}", plan(&done));
        let _ = Plan::removal(&node, &done).to_string();
    }
    let _ = (cluster.rollout(None), cluster.takedown());
}
