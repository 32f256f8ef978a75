//! The datagrams by which a director sends connections to the other one.
//!
//! Whether the daemons run as the file says shows in the plan.

use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::cluster::Sync;

kinds! {
    SYNC_LENGTH = "LVS056", Note, Upkeep,
    title: "Synchronisation sends larger datagrams than the interface takes",
    impact: "they are fragmented, and where one fragment is lost all the connections in the datagram are",
    explanation: "\
        A director sends many connections to the other one in one datagram, of max-length bytes and \
        headers. A datagram that does not fit into a packet of the interface is fragmented, which works \
        on a network that loses no packet; but no datagram is sent again. Set max-length to the \
        interface's MTU without 28 bytes (IPv6 48), and to the same value on both directors.";
}

/// The UDP header.
const UDP: u32 = 8;

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let found = scene
        .cluster
        .sync()
        .and_then(|sync| scene.long_datagrams(sync));
    Vec::from_iter(found)
}

impl DirectorScene<'_> {
    fn long_datagrams(&self, sync: &Sync) -> Option<Finding> {
        let link = self.facts.link(&sync.interface)?;
        let (name, mtu) = (&link.name, link.mtu);
        let headers = match sync.group {
            IpAddr::V4(_) => 20 + UDP,
            IpAddr::V6(_) => 40 + UDP,
        };
        let whole = headers + u32::from(sync.max_length);
        let fitting = mtu.saturating_sub(headers);
        let seen = format!("datagrams have up to {whole} bytes, and the MTU of {name} is {mtu}");
        let finding = self
            .finding(&SYNC_LENGTH, name, seen)
            .fix(format!("ip link set dev {} mtu {whole}", name.quoted()));
        (whole > mtu).then(|| match fitting < u32::from(Sync::SHORTEST) {
            true => finding,
            false => finding.fix(format!("or in the file: max-length = {fitting}")),
        })
    }
}
