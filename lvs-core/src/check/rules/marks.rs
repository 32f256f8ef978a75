//! Services by firewall mark: whether any packet is marked for them, and what they take from others.

use super::traffic::Traffic;
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::check::severity::Severity;
use crate::check::words::counted;
use crate::cluster::{Cluster, Match, VirtualService};
use crate::ipvs::{Protocol, ServiceId};

kinds! {
    NEVER_MARKED = "LVS054", Note, Traffic,
    title: "No packet was ever marked for a service by firewall mark",
    impact: "packets without the mark reach the director's own ports, and clients are refused",
    explanation: "\
        A service by firewall mark receives what a firewall has marked before routing, in prerouting or \
        by tc on the interface; a mark that is set later, or by no rule at all, has no effect. Check \
        cannot read the rules, but the service counts connections, and it has counted none since it was \
        added or zeroed. Where clients were seen that ask for it, and are refused or not balanced, this \
        is an error: the rules are missing, and lvsctl plan shows them. Otherwise it is a note that \
        disappears with the first client.";

    SHADOWED_BY_MARK = "LVS055", Warning, Services,
    title: "A mark takes the packets of another service",
    impact: "the service never gets a connection: a mark comes before an address, and the last rule before others",
    explanation: "\
        The kernel looks at the firewall mark first, and only then at address and port. A match of every \
        port (port 0) also marks the packets of a service of one port; among rules that match the same \
        packet the last one in the file sets the mark. Name the ports in match one by one, or put the \
        service that should win last.";
}

/// Reports services whose packets a mark takes.
pub(super) fn shadowed(cluster: &Cluster) -> Vec<Finding> {
    cluster
        .services()
        .iter()
        .flat_map(|service| {
            service
                .sockets()
                .into_iter()
                .map(move |socket| (service, socket))
        })
        .filter_map(|(service, socket)| {
            let receiver = cluster.receiver(&socket)?;
            let is_other = is_marked(receiver) && receiver.service.id != service.service.id;
            let seen = format!(
                "packets to {socket} are marked for {} too",
                receiver.service.id
            );
            is_other.then(|| {
                SHADOWED_BY_MARK
                    .finding(service.service.id, seen)
                    .fix("in the file: name the ports in match, or leave this service out")
            })
        })
        .collect()
}

/// Reports services without any connection: the rules of a firewall cannot be read, only their effect.
pub(super) fn never_marked(scene: &DirectorScene<'_>) -> Vec<Finding> {
    scene
        .traffic()
        .iter()
        .filter(|traffic| is_marked(traffic.service))
        .filter_map(|traffic| scene.unmarked(traffic))
        .map(|finding| finding.fix("load the rules that lvsctl plan FILE prints with nft -f"))
        .collect()
}

impl DirectorScene<'_> {
    fn unmarked(&self, traffic: &Traffic<'_>) -> Option<Finding> {
        let id = traffic.service.service.id;
        let finding = |seen: String| self.finding(&NEVER_MARKED, id, seen);
        if let Some(count) = self.refused_unmarked(traffic) {
            let seen = format!(
                "{} with a reset, and it counted no connection",
                counted(count, "client was refused", "clients were refused")
            );
            return Some(finding(seen).severity(Severity::Error));
        }
        if let Some(datagrams) = self.unbalanced(traffic) {
            let seen = format!(
                "{} datagrams to udp {} arrived, and it counted no packet",
                datagrams.count, datagrams.address
            );
            return Some(finding(seen).severity(Severity::Error));
        }
        let is_unused = traffic.after.status.stats.connections == 0;
        is_unused.then(|| finding("it has not counted any connection".to_owned()))
    }

    /// Returns the number of clients that asked for a service and were refused by this director itself, if IPVS has got
    /// none of its packets meanwhile.
    fn refused_unmarked(&self, traffic: &Traffic<'_>) -> Option<usize> {
        let id = traffic.service.service.id;
        let connections = self.index.connections(&id);
        let is_balanced = connections.iter().any(|seen| seen.before.is_none());
        if is_balanced || traffic.has_got_connections() {
            return None;
        }
        let is_received = |address| {
            let to = Match {
                protocol: Protocol::TCP,
                address,
            };
            let receiver = self.cluster.receiver(&to);
            receiver.is_some_and(|receiver| receiver.service.id == id)
        };
        let requests = self.facts.requests.iter();
        let asked = requests.filter(|requests| is_received(requests.address));
        let count: usize = asked.map(|requests| requests.rejected.len()).sum();
        (count > 0).then_some(count)
    }
}

const fn is_marked(service: &VirtualService) -> bool {
    matches!(service.service.id, ServiceId::Fwmark { .. })
}
