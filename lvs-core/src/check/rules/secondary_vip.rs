//! Virtual IPs that the kernel deletes together with another address.

use std::collections::HashMap;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::is_wide;
use crate::check::scene::{DirectorScene, Place, Scene};
use crate::cluster::{Cluster, Director};
use crate::net::{Address, IpNet};

kinds! {
    SECONDARY_VIP = "LVS009", Warning, Addresses,
    title: "The virtual IP shares a network with another address of its interface",
    impact: "when the one that was added first is deleted, the kernel deletes the other one with it",
    explanation: "\
        Of several addresses in one network on one interface, the first is primary and the others are \
        secondary to it: without promote_secondaries, deleting the primary address deletes them all, and \
        a failover or a renewed lease is enough for that. Give the virtual IP as /32, which belongs to \
        no network, or set promote_secondaries=1.";
}

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    match &scene.place {
        Place::Director(director) => director.of_node(),
        Place::Paper | Place::RealServer(_) => scene
            .cluster
            .directors()
            .iter()
            .flat_map(|director| of_file(scene.cluster, director))
            .collect(),
    }
}

/// Judges the addresses in the order in which the plan adds them: those that stay first.
fn of_file(cluster: &Cluster, director: &Director) -> Vec<Finding> {
    let vips = cluster.virtual_ips();
    let mut addresses = director.addresses.clone();
    addresses.sort_by_key(|address| {
        vips.contains(&address.id.network.addr()) || director.is_floating(address)
    });
    pairs(cluster, &addresses)
        .into_iter()
        .map(|pair| pair.finding(cluster).on(&director.name))
        .collect()
}

impl DirectorScene<'_> {
    fn of_node(&self) -> Vec<Finding> {
        pairs(self.cluster, &self.facts.addresses)
            .into_iter()
            .filter(|pair| {
                let interface = &pair.primary.id.interface;
                self.facts.effective().promote_secondaries(interface) == Some(0)
            })
            .map(|pair| pair.finding(self.cluster).on(&self.facts.node))
            .collect()
    }
}

/// Two addresses in one network on one interface.
struct Pair<'a> {
    /// The one that was added first.
    primary: &'a Address,
    secondary: &'a Address,
}

/// Returns the pairs of addresses of which one is a virtual IP. Only IPv4 has them.
fn pairs<'a>(cluster: &Cluster, addresses: &'a [Address]) -> Vec<Pair<'a>> {
    let vips = cluster.virtual_ips();
    let is_vip = |address: &Address| vips.contains(&address.id.network.addr());
    let mut primaries = HashMap::new();
    addresses
        .iter()
        .filter(|address| {
            let network = &address.id.network;
            matches!(network, IpNet::V4(_)) && is_wide(network)
        })
        .filter_map(|address| {
            let network = (&address.id.interface, address.id.network.trunc());
            let primary = *primaries.entry(network).or_insert(address);
            (primary != address).then_some(Pair {
                primary,
                secondary: address,
            })
        })
        .filter(|pair| !cluster.is_paired() || !cluster.floats(pair.secondary))
        .filter(|pair| is_vip(pair.primary) || is_vip(pair.secondary))
        .collect()
}

impl Cluster {
    /// Returns whether an address floats: it is meant to be deleted, and alone, so that it may be secondary to one
    /// that stays.
    fn floats(&self, address: &Address) -> bool {
        self.directors()
            .iter()
            .any(|director| director.is_floating(address))
    }
}

impl Pair<'_> {
    /// Reports the pair. The virtual IP of the two is the one to be given as a single address: the director's own address
    /// needs its network.
    fn finding(&self, cluster: &Cluster) -> Finding {
        let Self { primary, secondary } = self;
        let interface = &primary.id.interface;
        let vips = cluster.virtual_ips();
        let vip = [secondary, primary]
            .map(|address| address.id.network.addr())
            .into_iter()
            .find(|ip| vips.contains(ip));
        let seen = format!(
            "{} is secondary to {}",
            secondary.id.network, primary.id.network
        );
        let finding = SECONDARY_VIP.finding(&secondary.id, seen).fix(format!(
            "sysctl -w net/ipv4/conf/{}/promote_secondaries=1",
            interface.quoted()
        ));
        match vip {
            Some(vip) => finding.fix(format!(
                "or in the file: give the virtual IP as /32 ({vip}/32)"
            )),
            None => finding,
        }
    }
}
