//! The source address of a probe, and where its answers arrive.

use std::net::IpAddr;

use crate::cluster::{Cluster, Director, Role};
use crate::ipvs::Family;
use crate::name::IfName;
use crate::net::Address;

/// A director as a source of probes.
pub(super) struct Prober<'a> {
    cluster: &'a Cluster,
    director: &'a Director,
    role: Role,
}

impl<'a> Prober<'a> {
    pub(super) const fn new(cluster: &'a Cluster, director: &'a Director, role: Role) -> Self {
        Self {
            cluster,
            director,
            role,
        }
    }

    /// Returns its own addresses of a family: neither virtual nor moving with the active director.
    fn own(&self, family: Family) -> impl DoubleEndedIterator<Item = &'a Address> {
        let virtual_ips = self.cluster.virtual_ips();
        let director = self.director;
        director.addresses.iter().filter(move |address| {
            let ip = address.id.network.addr();
            Family::from(ip) == family
                && !virtual_ips.contains(&ip)
                && !director.is_floating(address)
        })
    }

    /// Returns whether an address is one that it has at the moment.
    pub(super) fn carries(&self, ip: IpAddr) -> bool {
        self.interface(ip).is_some()
    }

    /// Returns the interface that carries an address at the moment.
    pub(super) fn interface(&self, ip: IpAddr) -> Option<&'a IfName> {
        self.director
            .addresses
            .iter()
            .find(|address| address.id.network.addr() == ip)
            .filter(|address| self.role == Role::Active || !self.director.is_floating(address))
            .map(|address| &address.id.interface)
    }

    /// Returns the address by which it reaches a real server (DIP), or else its first one of the family.
    pub(super) fn near(&self, server: IpAddr, family: Family) -> Option<&'a Address> {
        self.on_network_of(server, family)
            .or_else(|| self.own(family).next())
    }

    /// Returns the address whose network the real server is on, the narrowest if there are several.
    fn on_network_of(&self, server: IpAddr, family: Family) -> Option<&'a Address> {
        self.own(family)
            .filter(|address| address.id.network.contains(&server))
            .rev()
            .max_by_key(|address| address.id.network.prefix_len())
    }

    /// Returns an address on a network without real servers: answers to it need the real server's gateway,
    /// as answers to clients do.
    pub(super) fn on_clients_side(&self, family: Family) -> Option<&'a Address> {
        self.own(family).find(|address| {
            !self
                .cluster
                .real_servers()
                .iter()
                .flat_map(|server| &server.addresses)
                .any(|real| address.id.network.contains(&real.id.network.addr()))
        })
    }

    /// Returns the interface where a real server's answers arrive: the one on its network, or else the one
    /// that carries the source address.
    pub(super) fn answers_arrive(&self, server: IpAddr, source: &'a Address) -> &'a IfName {
        self.on_network_of(server, Family::from(server))
            .map_or(&source.id.interface, |address| &address.id.interface)
    }
}
