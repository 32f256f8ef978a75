//! The interfaces that a node needs: they exist, are up and have a carrier.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::NodeScene;
use crate::check::severity::Severity;
use crate::name::IfName;
use crate::net::Link;

kinds! {
    LINK_MISSING = "LVS066", Error, Addresses,
    title: "An interface that the file names does not exist",
    impact: "none of its addresses and routes can exist, and clients that need them get no answer",
    explanation: "\
        The file puts addresses on an interface that this node does not have: it has another name than \
        in the file (ip link shows the names), its driver is not loaded, or the device that carries it (a \
        bond, a bridge, a VLAN) was not created yet. lvsctl creates tunnel devices, and no other ones: \
        correct the file, or create the interface, and apply the file then.";

    LINK_DOWN = "LVS067", Error, Addresses,
    title: "An interface that the file names is down",
    impact: "no packet leaves or arrives by it, and clients that need it get no answer",
    explanation: "\
        The interface was set down, or has no carrier: the cable is out, the port of the switch is off, \
        or the other end is down. The kernel deletes the IPv4 routes of an interface that is set down, \
        and its IPv6 addresses; lvsctl apply sets it up and restores both. For a carrier look at the \
        cable and the switch: ip link shows NO-CARRIER.";
}

pub(super) fn check<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    scene
        .desired
        .links
        .keys()
        .filter(|name| !scene.is_tunnel(name))
        .filter_map(|name| match scene.facts.link(name) {
            None => Some(scene.missing_link(name)),
            Some(link) => scene.silent_link(link),
        })
        .map(|finding| match scene.facts.is_standby() {
            // Clients need it only when this director takes over.
            true => finding.severity(Severity::Warning),
            false => finding,
        })
        .collect()
}

impl<T> NodeScene<'_, T> {
    /// Returns whether the plan creates the interface.
    fn is_tunnel(&self, name: &IfName) -> bool {
        self.desired
            .tunnels
            .iter()
            .any(|tunnel| tunnel.value.name == *name)
    }

    fn missing_link(&self, name: &IfName) -> Finding {
        let names: Vec<_> = self
            .facts
            .links
            .iter()
            .map(|link| link.name.as_str())
            .collect();
        self.finding(
            &LINK_MISSING,
            name,
            format!("{name} does not exist; the node has {}", names.join(", ")),
        )
        .fix("in the file: name an interface that exists")
        .fix(format!("or create {name}, and run lvsctl apply FILE"))
    }

    fn silent_link(&self, link: &Link) -> Option<Finding> {
        let name = &link.name;
        let finding = |seen: &str| self.finding(&LINK_DOWN, name, format!("{name} {seen}"));
        match (link.up, link.carrier) {
            (false, _) => Some(finding("is down").fix("lvsctl apply FILE")),
            (true, false) => Some(
                finding("is up, but has no carrier")
                    .fix("check the cable, the port of the switch, and the other end"),
            ),
            (true, true) => None,
        }
    }
}
