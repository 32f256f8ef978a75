//! Clients that come back to their server.

use crate::check::scene::{director_here, weight};
use crate::check::{Code, Facts, Finding};
use crate::cluster::{Cluster, VirtualService};
use crate::ipvs::{Family, Weight};
use crate::sysctl::SysctlKey;

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
        Finding::new(Code::WIDE_PERSISTENCE, service.service.id, seen).fix(format!(
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
    Some(Finding::new(Code::STICKY_DRAIN, service.service.id, seen))
}
