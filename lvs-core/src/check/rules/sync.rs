//! Datagrams that tell another director of connections. (That the daemons run as the file says is the
//! plan's to see.)

use crate::check::view::director_here;
use crate::check::{Code, Facts, Finding};
use crate::cluster::{Cluster, Sync};

/// The UDP header.
const UDP: u32 = 8;

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let facts = facts.filter(|facts| director_here(cluster, facts).is_some());
    let found = facts.zip(cluster.sync()).and_then(|(facts, sync)| {
        let mut links = facts.links.iter();
        let link = links.find(|link| link.name == sync.interface)?;
        let whole = headers(sync) + u32::from(sync.max_length);
        let (name, mtu) = (&link.name, link.mtu);
        let seen = format!("a datagram of {whole} bytes goes by {name}, which takes {mtu}");
        let finding = Finding::new(Code::SYNC_LENGTH, name, seen).on(&facts.node);
        let fitting = mtu.saturating_sub(headers(sync));
        let finding = finding.mend(format!("ip link set dev {name} mtu {whole}"));
        let can_shorten = fitting >= u32::from(Sync::SHORTEST);
        let line = format!("or in the file: max-length = {fitting}");
        (whole > mtu).then(|| match can_shorten {
            true => finding.mend(line),
            false => finding,
        })
    });
    found.into_iter().collect()
}

/// What comes before the payload.
const fn headers(sync: &Sync) -> u32 {
    match sync.group {
        std::net::IpAddr::V4(_) => 20 + UDP,
        std::net::IpAddr::V6(_) => 40 + UDP,
    }
}
