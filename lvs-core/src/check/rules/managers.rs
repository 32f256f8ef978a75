//! Other programs that manage the node by other files.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::{DirectorScene, Scene};
use crate::name::IfName;

kinds! {
    MANAGED_INTERFACE = "LVS045", Warning, Upkeep,
    title: "Another program manages the interface",
    impact: "it will remove addresses and routes it does not know, at the next carrier change or restart",
    explanation: "\
        systemd-networkd and NetworkManager hold an interface to their own files: on a restart or a \
        reconnect they remove what is not written there, the virtual IP included. Write the addresses \
        into their files too, or let them keep what they do not manage (networkd: ManageForeignRoutes=no \
        and KeepConfiguration=yes), or leave the interface unmanaged.";

    OTHER_MANAGER = "LVS046", Warning, Upkeep,
    title: "Another program manages IPVS",
    impact: "two programs that each treat the table as their own undo each other's changes",
    explanation: "\
        keepalived, kube-proxy, kube-router and similar programs write the same table. Where they hold \
        services on the same virtual IP, weights and destinations flap. Leave the virtual IP to one of \
        them; services on other addresses do not disturb each other.";
}

/// Programs that write the table of IPVS.
const IPVS: &[&str] = &["keepalived", "kube-proxy", "kube-router", "ldirectord"];

pub(super) fn of_ipvs(scene: &DirectorScene<'_>) -> Vec<Finding> {
    scene
        .facts
        .managers
        .iter()
        .filter(|name| IPVS.contains(&name.as_str()))
        // With two directors it decides which one is active.
        .filter(|name| !(scene.cluster.is_paired() && *name == "keepalived"))
        .map(|name| {
            scene
                .finding(&OTHER_MANAGER, name, format!("{name} is running"))
                .fix(format!(
                    "stop {name}, or make sure that it has no service on the virtual IPs of the file"
                ))
        })
        .collect()
}

pub(super) fn of_interfaces(scene: &Scene<'_>) -> Vec<Finding> {
    let Some(facts) = scene.facts else {
        return Vec::new();
    };
    let vips = scene.cluster.virtual_ips();
    let carries_vip = |interface: &IfName| {
        facts.addresses.iter().any(|address| {
            address.id.interface == *interface && vips.contains(&address.id.network.addr())
        })
    };
    facts
        .links
        .iter()
        .map(|link| &link.name)
        .filter(|interface| carries_vip(interface))
        .filter_map(|interface| {
            let manager = facts.managed.get(interface)?;
            let seen =
                format!("{manager} manages {interface}, which carries addresses of the cluster");
            Some(
                MANAGED_INTERFACE
                    .finding(interface, seen)
                    .on(&facts.node)
                    .fix(format!(
                        "give the addresses to {manager} too, or leave {interface} to the cluster"
                    )),
            )
        })
        .collect()
}
