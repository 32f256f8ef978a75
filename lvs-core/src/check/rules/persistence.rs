//! Clients that return to their real server.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::{Place, Scene};
use crate::cluster::{Cluster, VirtualService};
use crate::ipvs::Family;
use crate::sysctl::SysctlKey;

kinds! {
    WIDE_PERSISTENCE = "LVS025", Warning, Services,
    title: "Persistence treats a whole region as one client",
    impact: "all clients within the mask reach one real server, and the others idle",
    explanation: "\
        The persistence netmask says which clients count as one. Below /24 (IPv6 /48) this is a provider \
        or a country: the load is no longer spread, and draining one server moves half of the users. The \
        mask exists for clients behind a few neighbouring proxies. Use /32 or /24.";

    STICKY_DRAIN = "LVS026", Warning, Services,
    title: "Clients stick to a drained real server",
    impact: "the drain never ends: clients that the server knows keep coming back",
    explanation: "\
        Weight 0 keeps new clients away, but a persistence template sends its client to the same server \
        as often as the client returns within the timeout. With net/ipv4/vs/expire_quiescent_template=1 \
        the kernel ignores templates of drained servers and schedules their clients anew. Set it before \
        draining persistent services.";
}

pub(super) fn wide(cluster: &Cluster) -> Vec<Finding> {
    cluster
        .services()
        .iter()
        .filter_map(|service| {
            let netmask = service.service.persistence?.netmask;
            let narrowest = match netmask.family() {
                Family::Ipv4 => 24,
                Family::Ipv6 => 48,
            };
            let is_wide = netmask.prefix().is_some_and(|prefix| prefix < narrowest);
            let seen = format!("all clients of a {netmask} reach the same real server");
            is_wide.then(|| {
                WIDE_PERSISTENCE
                    .finding(service.service.id, seen)
                    .fix(format!(
                        "in the file: persistence netmask = {narrowest} or more"
                    ))
            })
        })
        .collect()
}

pub(super) fn sticky(scene: &Scene<'_>) -> Vec<Finding> {
    let cluster = scene.cluster;
    let key = SysctlKey::EXPIRE_QUIESCENT_TEMPLATE;
    let sticky = cluster
        .services()
        .iter()
        .filter_map(|service| cluster.sticky_drain(service));
    match &scene.place {
        Place::Director(director) if director.facts.sysctl(&key) == Some(0) => sticky
            .map(|finding| {
                finding
                    .on(&director.facts.node)
                    .fix(format!("sysctl -w {}=1", key.quoted()))
            })
            .collect(),
        Place::Paper | Place::RealServer(_) if !cluster.plans_to_expire_templates() => sticky
            .map(|finding| finding.fix("in the file: [ipvs] expire-quiescent-template = true"))
            .collect(),
        _ => Vec::new(),
    }
}

impl Cluster {
    fn sticky_drain(&self, service: &VirtualService) -> Option<Finding> {
        service.service.persistence?;
        let drained = service
            .destinations
            .iter()
            .find(|destination| self.is_excluded(destination))?;
        let seen = format!(
            "{} is drained, and the service is persistent",
            drained.real_server
        );
        Some(STICKY_DRAIN.finding(service.service.id, seen))
    }

    /// Returns whether every director gets the sysctl: a drain in the file sets it, a weight of 0 does not.
    fn plans_to_expire_templates(&self) -> bool {
        self.directors()
            .iter()
            .filter_map(|director| self.node(director.name.as_str()))
            .all(|desired| {
                desired
                    .sysctls
                    .get(&SysctlKey::EXPIRE_QUIESCENT_TEMPLATE)
                    .is_some_and(|sysctl| sysctl.value != "0")
            })
    }
}
