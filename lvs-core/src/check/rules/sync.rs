//! Datagrams that tell another director of connections. (That the daemons run as the file says is the
//! plan's to see.)

use std::net::IpAddr;

use crate::check::kind::kinds;
use crate::check::scene::director_here;
use crate::check::{Facts, Finding};
use crate::cluster::{Cluster, Sync};

kinds! {
    SYNC_LENGTH = "LVS056", Note, Upkeep,
    title: "Synchronisation sends larger datagrams than the interface takes",
    impact: "they go out in pieces, and where one piece is lost all the connections in the datagram are",
    explanation: "A director tells the other one of many connections in one datagram, of max-length bytes and headers. What does not fit into a packet of the interface is sent in pieces, \
        which works on a network that loses nothing; but nothing is sent again. Let max-length be the interface's MTU without 28 bytes (IPv6 48), and the same on both directors.";
}

/// The UDP header.
const UDP: u32 = 8;

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let facts = facts.filter(|facts| director_here(cluster, facts).is_some());
    let found = facts.zip(cluster.sync());
    let found = found.and_then(|(facts, sync)| length(facts, sync));
    found.into_iter().collect()
}

fn length(facts: &Facts, sync: &Sync) -> Option<Finding> {
    let mut links = facts.links.iter();
    let link = links.find(|link| link.name == sync.interface)?;
    let (name, mtu) = (&link.name, link.mtu);
    let whole = headers(sync) + u32::from(sync.max_length);
    if whole <= mtu {
        return None;
    }
    let seen = format!("a datagram of {whole} bytes goes by {name}, which takes {mtu}");
    let finding = SYNC_LENGTH
        .finding(name, seen)
        .on(&facts.node)
        .fix(format!("ip link set dev {name} mtu {whole}"));
    let fitting = mtu.saturating_sub(headers(sync));
    Some(match fitting < u32::from(Sync::SHORTEST) {
        true => finding,
        false => finding.fix(format!("or in the file: max-length = {fitting}")),
    })
}

/// What comes before the payload.
const fn headers(sync: &Sync) -> u32 {
    match sync.group {
        IpAddr::V4(_) => 20 + UDP,
        IpAddr::V6(_) => 40 + UDP,
    }
}
