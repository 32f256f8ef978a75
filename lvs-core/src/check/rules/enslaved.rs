//! Interfaces that have addresses, and hand their packets to a bridge, a bond or a VRF.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::NodeScene;
use crate::check::severity::Severity;
use crate::net::Link;

kinds! {
    ENSLAVED = "LVS087", Error, Addresses,
    title: "An interface with addresses belongs to a bridge, bond or VRF",
    impact: "packets for its addresses are handed on and do not arrive at them",
    explanation: "\
        An interface that was made a port of a bridge or a member of a bond hands over all that it \
        receives; its own addresses remain, and no packet reaches them. One that belongs to a VRF is \
        routed by the VRF's table, in which neither the routes of the file nor a virtual IP on lo exist. \
        A virtualisation host or container tool does so with the interface that it finds. Remove it, or \
        give the addresses to the bridge or bond, in the file too.";
}

/// The kinds of devices to which an interface hands its packets.
const CONTROLLERS: [&str; 5] = ["bond", "bridge", "openvswitch", "team", "vrf"];

pub(super) fn check<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    scene
        .own_links()
        .filter_map(|link| scene.enslaved(link))
        .collect()
}

impl<T> NodeScene<'_, T> {
    fn enslaved(&self, link: &Link) -> Option<Finding> {
        let index = link.controller?;
        let controller = self.facts.links.iter().find(|other| other.index == index)?;
        let kind = controller
            .kind
            .as_deref()
            .filter(|kind| CONTROLLERS.contains(kind))?;
        let (name, of) = (&link.name, &controller.name);
        let finding = self
            .finding(
                &ENSLAVED,
                name,
                format!("{name} has addresses, and belongs to the {kind} {of}"),
            )
            .fix(format!("ip link set {} nomaster", name.quoted()))
            .fix("lvsctl apply FILE")
            .fix(format!("or in the file: put the addresses on {of}"));
        Some(match self.facts.is_standby() {
            true => finding.severity(Severity::Warning),
            false => finding,
        })
    }
}
