//! Addresses of the director: the virtual IPs, and those by which it serves itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::services::virtual_ips;
use crate::import::Options;
use crate::import::draft::{Draft, DraftAddress};
use crate::import::tally::Tally;
use crate::ipvs::{Destination, Family, Forwarding};
use crate::net::{Address, AddressId};

/// Every virtual IP is an address of the director, and every address is one that a node can have, once.
pub(super) fn complete(draft: &mut Draft, tally: &mut Tally, options: &Options) {
    let mut seen = BTreeSet::new();
    draft.addresses.retain_mut(|address| {
        let network = &mut address.address.id.network;
        let fresh = seen.insert(network.addr());
        if fresh && is_host(network.addr()) {
            let written = std::mem::replace(network, sensible(*network));
            if *network != written {
                let what = format!("prefix length, as {written} is not a host of its network");
                if let Some(id) = address.directive {
                    tally.doubt(id, &what);
                }
                address.assumed = Some(what);
            }
            return true;
        }
        if let Some(id) = address.directive {
            tally.left(
                id,
                match fresh {
                    true => "a node cannot have this address",
                    false => "the address is declared above",
                },
            );
        }
        false
    });
    for service in &mut draft.services {
        for vip in virtual_ips(service)
            .into_iter()
            .filter(|vip| seen.insert(*vip))
        {
            let interface = match &draft.interface {
                Some((interface, line)) => {
                    if !tally.is_used(*line) {
                        let reason =
                            "the interface of virtual IPs that the source gives to no director";
                        tally.assumed(*line, "director.addresses", reason);
                    }
                    interface
                }
                None => &options.interface,
            };
            service.assumed_addresses.insert(format!(
                "the interface of {vip} ({interface}) and its prefix length"
            ));
            draft.addresses.push(DraftAddress {
                address: Address::new(interface.clone(), IpNet::from(vip)),
                assumed: Some("interface and prefix length".to_owned()),
                directive: None,
            });
        }
    }
}

/// Settles the addresses that do not move: of one director its own only, of two also that of the other.
pub(super) fn settle_own(draft: &mut Draft, tally: &mut Tally) {
    let vips: BTreeSet<IpAddr> = draft.services.iter().flat_map(virtual_ips).collect();
    let moving: BTreeSet<IpAddr> = draft
        .addresses
        .iter()
        .map(|address| address.address.id.network.addr())
        .collect();
    let nets: Vec<IpNet> = draft
        .own
        .iter()
        .chain(&draft.addresses)
        .map(|address| address.address.id.network)
        .collect();
    let mut seen = BTreeSet::new();
    let mut settle = |address: &mut DraftAddress| {
        let network = &mut address.address.id.network;
        let is_moving = draft.floats && vips.contains(&network.addr());
        if moving.contains(&network.addr())
            || is_moving
            || !is_host(network.addr())
            || !seen.insert(network.addr())
        {
            let lines = address.directive.into_iter();
            lines.for_each(|line| tally.left(line, "another address of the source is the same"));
            return false;
        }
        if address.assumed.as_deref() == Some("prefix length") {
            (*network, _) = super::nodes::network(network.addr(), &nets);
            if let Some(line) = address.directive {
                tally.assumed(
                    line,
                    "director.addresses",
                    format!("prefix length, in {network}"),
                );
            }
        }
        true
    };
    draft.own.retain_mut(&mut settle);
    if draft.floats && draft.peers.len() == 1 {
        draft.peers.retain_mut(&mut settle);
    } else {
        draft.peers.clear();
    }
    if !draft.floats {
        let moved = std::mem::take(&mut draft.addresses);
        draft.addresses = std::mem::take(&mut draft.own)
            .into_iter()
            .chain(moved)
            .collect();
    }
}

pub(super) fn is_host(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    !(ip.is_unspecified() || ip.is_multicast() || broadcast)
}

/// Returns a network of which the address is a host; the address alone where it would be no host of the network.
pub(super) fn sensible(network: IpNet) -> IpNet {
    let edge = match network {
        IpNet::V4(v4) => {
            v4.prefix_len() <= 30 && [v4.network(), v4.broadcast()].contains(&v4.addr())
        }
        IpNet::V6(_) => false,
    };
    match edge || network.prefix_len() == 0 {
        true => IpNet::from(network.addr()),
        false => network,
    }
}

/// Takes the network from a virtual IP that would be the source of packets to real servers that carry it too: they take
/// such packets for forged.
pub(super) fn narrow(draft: &mut Draft, vips: &BTreeSet<IpAddr>, tally: &mut Tally) {
    if draft.is_observed {
        return;
    }
    let carries = |end: &&Destination| end.forwarding != Forwarding::Masquerade;
    let carriers = draft.services.iter().flat_map(|service| {
        let ends = || service.destinations.iter().map(|end| &end.destination);
        // By one of its virtual IPs the director serves itself.
        let others = |vip| {
            ends()
                .filter(carries)
                .filter(move |end| end.id.address != vip)
        };
        let of_vip = |vip| others(vip).map(move |end| (vip, end.id.address));
        virtual_ips(service)
            .into_iter()
            .flat_map(of_vip)
            .collect::<Vec<_>>()
    });
    let carriers: BTreeSet<_> = carriers.collect();
    // The first address on a network is the source of what is sent there.
    let mut own: Vec<IpNet> = draft
        .own
        .iter()
        .map(|address| address.address.id.network)
        .collect();
    for address in &mut draft.addresses {
        let network = &mut address.address.id.network;
        if !vips.contains(&network.addr()) {
            own.push(*network);
            continue;
        }
        let is_source = |server: &IpAddr| {
            network.contains(server) && !own.iter().any(|own| own.contains(server))
        };
        let mut carriers = carriers.iter().filter(|(vip, _)| *vip == network.addr());
        if network.addr().is_ipv4() && carriers.any(|(_, server)| is_source(server)) {
            let what = format!(
                "prefix length, as its real servers carry {} too: give the director an address of its own in {}",
                network.addr(),
                network.trunc()
            );
            if let Some(id) = address.directive {
                tally.doubt(id, &what);
            }
            address.assumed = Some(what);
            *network = IpNet::from(network.addr());
        }
    }
}

/// Leaves a gateway of a script that is no neighbour of an address which the script gives.
pub(super) fn reach_gateway(draft: &mut Draft, tally: &mut Tally) {
    let (Some(line), Some(gateway)) = (draft.gateway_line, &draft.gateway) else {
        return;
    };
    let Some(ip) = gateway.address() else {
        return;
    };
    let ids = || draft.addresses.iter().map(|draft| &draft.address.id);
    let is_beside = |id: &AddressId| {
        id.network.contains(&ip) && gateway.interface().is_none_or(|name| *name == id.interface)
    };
    let is_own = ids().any(|id| id.network.addr() == ip);
    let is_near = gateway.is_on_link() || ids().any(is_beside);
    if is_own || !is_host(ip) || !is_near {
        let reason = "no address that the file gives the director is on its network: add the director's own, and \
                      gateway";
        tally.left(line, reason);
        draft.gateway = None;
    }
}

/// By family: the address by which the director serves as a destination itself. The file takes the first
/// one that is not virtual, so one that is a destination is written first.
pub(super) fn own_addresses(
    draft: &mut Draft,
    vips: &BTreeSet<IpAddr>,
) -> BTreeMap<Family, IpAddr> {
    if draft.floats {
        let ips = draft
            .own
            .iter()
            .map(|address| address.address.id.network.addr());
        let mut own = BTreeMap::new();
        for ip in ips {
            own.entry(Family::from(ip)).or_insert(ip);
        }
        return own;
    }
    let served: BTreeSet<IpAddr> = draft
        .services
        .iter()
        .flat_map(|service| &service.destinations)
        .map(|destination| destination.destination.id.address)
        .collect();
    let is_served = |draft: &DraftAddress| {
        let ip = draft.address.id.network.addr();
        served.contains(&ip) && !vips.contains(&ip)
    };
    draft.addresses.sort_by_key(|address| !is_served(address));
    let carried = draft
        .addresses
        .iter()
        .map(|address| address.address.id.network.addr());
    let mut own = BTreeMap::new();
    for ip in carried.clone().filter(|ip| !vips.contains(ip)) {
        own.entry(Family::from(ip)).or_insert(ip);
    }
    // Itself, without an address of its own, it reaches by a virtual one.
    let is_itself = |family| {
        let mut served = served.iter();
        !draft.is_observed && served.any(|ip| ip.is_loopback() && Family::from(*ip) == family)
    };
    for ip in carried.filter(|ip| is_itself(Family::from(*ip))) {
        own.entry(Family::from(ip)).or_insert(ip);
    }
    own
}
