//! The properties that fuzz targets check, which must hold for any bytes. Not part of the API.
//!
//! There is one function for each decoder, named like its target in `fuzz/` and the directory of its
//! seeds there.

#![allow(
    clippy::missing_panics_doc,
    reason = "panicking is how a fuzz target reports"
)]

#[cfg(feature = "cluster")]
mod rtnetlink;
#[cfg(test)]
mod tests;

#[cfg(feature = "cluster")]
pub use rtnetlink::rtnetlink;

use crate::ipvs::ipvsadm::{self, Rules};
use crate::ipvs::message::IpvsMessage;
use crate::netlink::exchange::Exchange;
use crate::netlink::family;
use crate::proc;

/// Checks a generic netlink header with attributes: a decoded message is encoded and decoded unchanged.
pub fn message(bytes: &[u8]) {
    let Ok(message) = IpvsMessage::decode_with_header(bytes) else {
        return;
    };
    let mut again = Vec::new();
    message.encode_with_header(&mut again);
    assert_eq!(IpvsMessage::decode_with_header(&again), Ok(message));
}

/// Checks an exchange: answers belong to requests that were sent, and no byte is made up.
///
/// The bytes are the number of requests sent (0 for one, to 15; numbered from 1), then datagrams, each
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
    let payloads = exchange.replies.iter().map(|reply| &reply.payload);
    assert!(payloads.clone().map(Vec::len).sum::<usize>() <= bytes.len());
    assert!(exchange.looks <= datagrams.len());
    for payload in payloads {
        message(payload);
        let _ = family::number(payload);
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

/// Checks `/proc/net/ip_vs` and `ip_vs_stats`: a line is at most one service, destination or sum.
pub fn proc_table(bytes: &[u8]) {
    let services = proc::read_listing(bytes).map_or_else(|_| Vec::new(), |table| table.services);
    let entries = services
        .iter()
        .map(|service| 1 + service.destinations.len());
    assert!(entries.sum::<usize>() <= lines(bytes));
    let _ = proc::read_totals(bytes);
}

/// Checks `/proc/net/ip_vs_conn` and `ip_vs_conn_sync`: a line is at most one connection.
pub fn proc_connections(bytes: &[u8]) {
    for read in [
        proc::read_connections(bytes),
        proc::read_sync_connections(bytes),
    ] {
        let connections = read.unwrap_or_default();
        assert!(connections.len() <= lines(bytes));
        for connection in connections {
            assert!(!connection.state.is_empty());
            let _ = (connection.mark(), connection.is_template());
        }
    }
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Checks the text of ipvsadm: a parsed table is printed and parsed unchanged.
pub fn rules(bytes: &[u8]) {
    let read = |text: &str| Rules::parse(text).and_then(|rules| rules.configuration());
    let Ok(Ok(table)) = std::str::from_utf8(bytes).map(read) else {
        return;
    };
    let _ = ipvsadm::save_compatible(&table);
    let text = ipvsadm::save(&table);
    assert_eq!(read(&text).as_ref().map(ipvsadm::save), Ok(text));
}

/// Checks the cluster file: a refused file is refused at a position in the text; an accepted one can be
/// planned on an empty node, as text and as shell, and afterwards the plan is empty.
#[cfg(feature = "toml")]
pub fn cluster_file(bytes: &[u8]) {
    use crate::cluster::{Cluster, Observed, Plan, PlanOptions};
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let cluster = match Cluster::from_toml(text) {
        Ok(cluster) => cluster,
        Err(error) => {
            let line = error.position().map_or(1, |position| position.line);
            assert!((1..=lines(bytes)).contains(&line), "{error} in line {line}");
            return;
        }
    };
    for name in cluster.node_names() {
        let Some(node) = cluster.node(name.as_str()) else {
            panic!("{name} is not a node");
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
