//! Datagrams that tell another director of connections. (That the daemons run as the file says is the
//! plan's to see.)

use std::net::IpAddr;

use crate::check::scene::director_here;
use crate::check::{Code, Facts, Finding};
use crate::cluster::{Cluster, Sync};

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
    let finding = Finding::new(Code::SYNC_LENGTH, name, seen)
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
