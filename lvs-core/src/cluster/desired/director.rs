//! What a director must look like, whatever the forwarding method.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Desired, DesiredService, DesiredState, NodeKind, dr, nat, tunnel};
use crate::cluster::model::first_of;
use crate::cluster::{Cluster, Director, NodeName, Role, Sync, VirtualDestination, VirtualService};
use crate::ipvs::{Daemon, DaemonRole, Destination, DestinationId, Family, ServiceId, Weight};
use crate::name::IfName;
use crate::net::Address;
use crate::sysctl::SysctlKey;

impl DesiredState {
    pub(super) fn director(cluster: &Cluster, director: &Director, role: Option<Role>) -> Self {
        let mut state = Self::new(cluster, &director.name, NodeKind::Director);
        state.role = role;
        state.floating = director.floating.clone();
        state.link(
            IfName::LO,
            "IPVS asks the local routing table what is a unicast address",
        );
        state.own_addresses(&director.addresses);
        if role.is_some() {
            // What the other one, when it is active, demands of this one.
            dr::real_server(&mut state, cluster, &director.name);
            tunnel::real_server(&mut state, cluster, &director.name);
        }
        state.gateway(director.gateway, "the director's way out");
        if role.is_some() {
            tunnel::replies(&mut state, cluster, &director.name, director.gateway);
        }
        nat::director(&mut state, cluster, director);
        state.nftables = crate::cluster::model::nftables(cluster);
        state.notes.extend(marked_by_others(cluster));
        state.timeouts = cluster.timeouts();
        for (key, value) in cluster.ipvs_sysctls() {
            state.sysctl(key.clone(), value, "named in the file");
        }
        if let Some(sync) = cluster.sync() {
            state.synchronise(sync);
        }
        let services = cluster.services().iter();
        state.services = services
            .map(|service| wanted_service(cluster, service))
            .collect();
        state.balance_once(cluster);
        state.expire_templates();
        state
    }

    /// One that only the active director carries.
    ///
    /// Nobody is asked whether somebody else has it: it may still be the other director, and who takes over
    /// must not stop at that.
    pub(super) fn floating_address(&mut self, address: Address, why: &str) {
        let address = Address {
            no_dad: address.id.network.addr().is_ipv6(),
            ..address
        };
        match self.role {
            Some(Role::Standby) => self.absent.push(Desired::new(
                address,
                "only the active director may carry it",
            )),
            _ => self.addresses.push(Desired::new(address, why)),
        }
    }

    fn synchronise(&mut self, sync: &Sync) {
        self.link(
            sync.interface.clone(),
            "another director is told of connections there",
        );
        let why = |daemon: &Daemon| match daemon.role {
            DaemonRole::Master => "another director is told of connections",
            DaemonRole::Backup => "connections of another director are known here too",
        };
        let daemons = sync.daemons().into_iter();
        self.daemons = daemons
            .map(|daemon| Desired::new(daemon.clone(), why(&daemon)))
            .collect();
    }

    /// Where a director is a real server of the other one, what arrives for it has been balanced already.
    /// As standby it must not do it again: packets could go to and fro between the two.
    ///
    /// With a sync daemon the kernel has a switch for that. Without one there are no connections whose
    /// services must be there beforehand, so they come with the role.
    fn balance_once(&mut self, cluster: &Cluster) {
        let served = cluster.served_by(&self.name);
        let served: BTreeSet<ServiceId> = served.map(|(service, _)| service.service.id).collect();
        if served.is_empty() {
            return;
        }
        match (self.role, self.daemons.is_empty()) {
            (Some(Role::Standby), true) => {
                self.services
                    .retain(|wanted| !served.contains(&wanted.service.id));
                self.absent_services = served;
            }
            (Some(Role::Standby), false) => {
                let why = "what the active director sends here is balanced already";
                self.sysctl(SysctlKey::BACKUP_ONLY, 1, why);
            }
            (Some(Role::Active), false) => {
                let why = "it balances, though it hears of connections too";
                self.sysctl(SysctlKey::BACKUP_ONLY, 0, why);
            }
            (Some(Role::Active), true) | (None, _) => {}
        }
    }
}

impl Cluster {
    /// The role with which a director begins.
    pub(in crate::cluster) fn first_role(&self, director: &Director) -> Option<Role> {
        let first = self.directors().first()?;
        self.is_paired()
            .then_some(match first.name == director.name {
                true => Role::Active,
                false => Role::Standby,
            })
    }
}

/// A mark alone says nothing about addresses: which node carries them cannot be planned.
fn marked_by_others(cluster: &Cluster) -> impl Iterator<Item = String> {
    let services = cluster.services().iter();
    let unmatched = services.filter(|service| service.vips().is_empty());
    unmatched.map(|service| {
        format!(
            "{} has no match: rules of others mark its packets, and real servers get no virtual IP for it",
            service.service.id
        )
    })
}

fn wanted_service(cluster: &Cluster, service: &VirtualService) -> DesiredService {
    let mut wanted = DesiredService {
        service: service.service.clone(),
        keep_weight: service.keep_weight,
        destinations: Vec::new(),
        drained: Vec::new(),
    };
    for it in &service.destinations {
        let Some(mut destination) = destination(cluster, service, it) else {
            continue;
        };
        let server = cluster.real_server(&it.real_server);
        if server.is_some_and(|server| server.drain) {
            wanted.drained.push(destination.value);
            destination.value.weight = Weight::DRAIN;
        }
        wanted.destinations.push(destination);
    }
    wanted
}

/// A destination with its address; a cluster has none without, for that is checked.
fn destination(
    cluster: &Cluster,
    service: &VirtualService,
    it: &VirtualDestination,
) -> Option<Desired<Destination>> {
    let address = cluster.real_ip(service, it)?;
    let server = cluster.real_server(&it.real_server);
    let weight = server.map(|server| server.weight).unwrap_or_default();
    let id = DestinationId::new(address, it.port.unwrap_or_else(|| service.port()));
    let destination = Destination {
        weight: it.weight.unwrap_or(weight),
        thresholds: it.thresholds,
        ..Destination::new(id, it.forwarding)
    };
    Some(Desired::new(destination, it.real_server.as_str()))
}

/// The director as its own real server answers by an address of its own, not by a virtual one,
/// where it has any. One of two directors needs one: it is a real server of the other one too.
pub(super) fn local_address(cluster: &Cluster, name: &NodeName, family: Family) -> Option<IpAddr> {
    let director = cluster.director(name.as_str())?;
    let vips = cluster.virtual_ips();
    let own = director.addresses.iter().filter(|address| {
        !vips.contains(&address.id.network.addr()) && !director.is_floating(address)
    });
    let own: Vec<_> = own.cloned().collect();
    let any = || first_of(&director.addresses, family).filter(|_| !cluster.is_paired());
    first_of(&own, family).or_else(any)
}
