//! Other programs that hold the machine to other files.

use crate::check::kind::kinds;
use crate::check::scene::director_here;
use crate::check::{Facts, Finding};
use crate::cluster::Cluster;
use crate::name::IfName;

kinds! {
    MANAGED_INTERFACE = "LVS045", Warning, Upkeep,
    title: "Another program manages the interface",
    impact: "it will take away addresses and routes it does not know, at the next carrier change or restart",
    explanation: "systemd-networkd and NetworkManager hold an interface to their own files: on a restart or a reconnect they remove what is not written there, the virtual IP among it. \
        Write the addresses into their files too, or let them keep foreign ones (networkd: ManageForeignRoutes=no and KeepConfiguration=yes), or leave the interface unmanaged.";

    OTHER_MANAGER = "LVS046", Warning, Upkeep,
    title: "Another program manages IPVS",
    impact: "two programs that each believe the table is theirs undo each other's work",
    explanation: "keepalived, kube-proxy, kube-router and the like write the same table. Where they hold services on the same virtual IP, weights and destinations flap. \
        Let one of them have the virtual IP; services on other addresses do not disturb each other.";
}

/// Programs that write the table of IPVS.
const IPVS: &[&str] = &["keepalived", "kube-proxy", "kube-router", "ldirectord"];

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let Some(facts) = facts else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if director_here(cluster, facts).is_some() {
        let running = facts
            .managers
            .iter()
            .filter(|name| IPVS.contains(&name.as_str()))
            // Of two directors it says which one is active.
            .filter(|name| !(cluster.is_paired() && *name == "keepalived"));
        found.extend(running.map(|name| other(facts, name)));
    }
    found.extend(carrying_vip(cluster, facts).filter_map(|interface| {
        let manager = facts.managed.get(interface)?;
        let seen = format!("{manager} manages {interface}, which carries addresses of the cluster");
        Some(
            MANAGED_INTERFACE
                .finding(interface, seen)
                .on(&facts.node)
                .fix(format!(
                    "give the addresses to {manager} too, or leave {interface} to the cluster"
                )),
        )
    }));
    found
}

fn other(facts: &Facts, name: &str) -> Finding {
    OTHER_MANAGER
        .finding(name, format!("{name} runs here"))
        .on(&facts.node)
        .fix(format!(
            "stop {name}, or see that it has no service on the virtual IPs of the file"
        ))
}

/// The interfaces on which this machine has a virtual IP.
fn carrying_vip<'a>(cluster: &Cluster, facts: &'a Facts) -> impl Iterator<Item = &'a IfName> {
    let vips = cluster.virtual_ips();
    let has_vip = move |name: &IfName| {
        let mut addresses = facts.addresses.iter();
        addresses.any(|it| it.id.interface == *name && vips.contains(&it.id.network.addr()))
    };
    facts
        .links
        .iter()
        .map(|link| &link.name)
        .filter(move |name| has_vip(name))
}
