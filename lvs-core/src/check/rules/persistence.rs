//! Clients that come back to their server.

use crate::check::kind::kinds;
use crate::check::scene::{director_here, weight};
use crate::check::{Facts, Finding};
use crate::cluster::{Cluster, VirtualService};
use crate::ipvs::{Family, Weight};
use crate::sysctl::SysctlKey;

kinds! {
    WIDE_PERSISTENCE = "LVS025", Warning, Services,
    title: "Persistence makes one client of a whole region",
    impact: "everybody within the mask meets one real server, and the others idle",
    explanation: "The persistence netmask says which clients count as one. Below /24 (IPv6 /48) that is a provider or a country: the load no longer spreads, \
        and draining one server moves half the users. The mask exists for clients behind a few neighbouring proxies. Use /32 or /24.";

    STICKY_DRAIN = "LVS026", Warning, Services,
    title: "Clients stick to a drained real server",
    impact: "a drain never ends: clients it knows keep coming back",
    explanation: "Weight 0 keeps new clients away, but a persistence template sends its client to the same server however long it returns within the timeout. \
        With net/ipv4/vs/expire_quiescent_template=1 templates of drained servers are ignored, and their clients are scheduled anew. \
        Set it before draining persistent services.";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let director = facts.filter(|facts| director_here(cluster, facts).is_some());
    let services = cluster.services().iter();
    let mut found: Vec<_> = services.clone().filter_map(wide).collect();
    let sticky = services.filter_map(|service| sticky_drain(cluster, service));
    found.extend(match director {
        Some(facts) if facts.ipvs_sysctl("expire_quiescent_template") == Some(0) => {
            let line = format!("sysctl -w {}=1", SysctlKey::EXPIRE_QUIESCENT_TEMPLATE);
            let here = sticky.map(|it| it.on(&facts.node).fix(line.clone()));
            here.collect::<Vec<_>>()
        }
        None if !is_planned(cluster) => {
            let line = "in the file: [ipvs] expire-quiescent-template = true";
            sticky.map(|it| it.fix(line)).collect()
        }
        Some(_) | None => Vec::new(),
    });
    found
}

/// A drain of the file brings the switch along, a weight of 0 does not.
fn is_planned(cluster: &Cluster) -> bool {
    let names = cluster.directors().iter().map(|it| it.name.as_str());
    let mut nodes = names.filter_map(|name| cluster.node(name));
    nodes.all(|node| {
        let switch = node.sysctls.get(&SysctlKey::EXPIRE_QUIESCENT_TEMPLATE);
        switch.is_some_and(|wanted| wanted.value != "0")
    })
}

fn wide(service: &VirtualService) -> Option<Finding> {
    let netmask = service.service.persistence?.netmask;
    let narrowest = match netmask.family() {
        Family::Ipv4 => 24,
        Family::Ipv6 => 48,
    };
    let wide = netmask.prefix().is_some_and(|prefix| prefix < narrowest);
    let seen = format!("all clients of a {netmask} meet one real server");
    wide.then(|| {
        WIDE_PERSISTENCE
            .finding(service.service.id, seen)
            .fix(format!(
                "in the file: persistence netmask = {narrowest} or more"
            ))
    })
}

fn sticky_drain(cluster: &Cluster, service: &VirtualService) -> Option<Finding> {
    service.service.persistence?;
    let mut destinations = service.destinations.iter();
    let drained = destinations.find(|it| weight(cluster, it) == Weight::DRAIN)?;
    let seen = format!(
        "{} is drained, and the service is persistent",
        drained.real_server
    );
    Some(STICKY_DRAIN.finding(service.service.id, seen))
}
