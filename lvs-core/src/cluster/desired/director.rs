//! What a director needs, by whichever forwarding methods it balances.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use super::service::{DesiredService, KernelDestinations};
use super::state::{Desired, DesiredState};
use crate::cluster::model::{Cluster, Director, NodeKind, NodeName, Role, Sync};
use crate::cluster::probe_path::ProbePlan;
use crate::ipvs::{Daemon, DaemonRole, Forwarding, ServiceId};
use crate::name::IfName;
use crate::sysctl::{ArpIgnore, Conf, SysctlKey};

impl DesiredState {
    pub(super) fn director(cluster: &Cluster, director: &Director, role: Option<Role>) -> Self {
        let mut state = Self::new(cluster, &director.name, NodeKind::Director);
        state.role = role;
        state.floating = director.floating.clone();
        state.link(
            IfName::LO,
            "IPVS looks up in the local routing table which addresses are unicast",
        );
        state.own_addresses(&director.addresses);
        if role.is_some() {
            // What the other director, when it is active, requires of this one.
            state.receive_by_direct_routing(cluster);
            state.receive_by_tunnel(cluster);
        }
        state.answer_arp(director);
        state.gateway(director.gateway.as_ref(), "the director's default route");
        if role.is_some() {
            state.answer_beside_the_tunnel(cluster, director.gateway.as_ref());
        }
        state.forward_answers(cluster, director);
        state.carriers = cluster.carriers(director);
        state.nftables = cluster.nftables();
        state.notes.extend(cluster.marked_by_others());
        state.notes.extend(cluster.withdrawal_notes());
        state.notes.extend(cluster.minimum_notes());
        state.timeouts = cluster.timeouts();
        for (key, value) in cluster.ipvs_sysctls() {
            state.sysctl(key.clone(), value, "named in the file");
        }
        if let Some(sync) = cluster.sync() {
            state.synchronise(sync);
        }
        let mut destinations = KernelDestinations::of(cluster);
        let services = cluster.services().iter();
        state.services = services
            .map(|service| destinations.desired_service(service))
            .collect();
        state.servers = cluster.serving_addresses();
        state.other_directors = cluster.directors_beside(director);
        state.balance_once(cluster);
        state.probe(cluster, role);
        state.expire_templates();
        state
    }

    /// Answers ARP for the virtual IPs that another interface carries than the one on whose network they are.
    fn answer_arp(&mut self, director: &Director) {
        let own = || director.addresses.iter().map(|address| &address.id);
        let links: BTreeSet<_> = own()
            .filter(|id| id.network.addr().is_ipv4() && self.is_virtual(id))
            .filter(|id| self.addresses.find(id).is_some())
            .filter_map(|id| id.asked_beside(own()))
            .collect();
        if links.is_empty() {
            return;
        }
        let interfaces = links.into_iter().cloned().map(Conf::Interface);
        for conf in std::iter::once(Conf::All).chain(interfaces) {
            self.sysctl(
                SysctlKey::arp_ignore(&conf),
                ArpIgnore::AnyLocal,
                "ARP requests for a virtual IP on another interface are answered",
            );
        }
    }

    fn synchronise(&mut self, sync: &Sync) {
        self.link(
            sync.interface.clone(),
            "connections are synchronised through it",
        );
        let why = |daemon: &Daemon| match daemon.role {
            DaemonRole::Master => "it sends connections to the other director",
            DaemonRole::Backup => "it receives connections from the other director",
        };
        self.daemons = sync
            .daemons()
            .into_iter()
            .map(|daemon| Desired::new(daemon.clone(), why(&daemon)))
            .collect();
    }

    /// Adds the services and sysctls by which probes go the clients' way.
    fn probe(&mut self, cluster: &Cluster, role: Option<Role>) {
        let role = role.unwrap_or(Role::Active);
        let Some(plan) = ProbePlan::new(cluster, self.name.as_str(), role) else {
            return;
        };
        for sysctl in plan.sysctls {
            self.sysctls
                .entry(sysctl.key)
                .or_insert_with(|| Desired::new(sysctl.value, sysctl.why));
        }
        self.services
            .extend(plan.services.iter().map(DesiredService::probe));
        self.notes
            .extend(plan.notes.iter().map(ToString::to_string));
    }

    /// Keeps a standby that serves the active director from balancing again what that one has already
    /// balanced: packets could go to and fro between the two.
    ///
    /// With a sync daemon the kernel has a sysctl for that. Without one there are no connections whose
    /// services must exist beforehand, so the services are added with the role.
    fn balance_once(&mut self, cluster: &Cluster) {
        let served: BTreeSet<ServiceId> = cluster
            .served_by(&self.name)
            .map(|(service, _)| service.service.id)
            .collect();
        if served.is_empty() {
            return;
        }
        match (self.role, self.daemons.is_empty()) {
            (Some(Role::Standby), true) => {
                self.services
                    .retain(|desired| !served.contains(&desired.service.id));
                self.absent_services = served;
            }
            (Some(Role::Standby), false) => self.sysctl(
                SysctlKey::BACKUP_ONLY,
                1,
                "the active director has already balanced what it sends here",
            ),
            (Some(Role::Active), false) => self.sysctl(
                SysctlKey::BACKUP_ONLY,
                0,
                "the active director balances, although it receives connections too",
            ),
            (Some(Role::Active), true) | (None, _) => {}
        }
    }
}

impl Cluster {
    /// Returns the role that a director has at the first apply.
    pub(in crate::cluster) fn first_role(&self, director: &Director) -> Option<Role> {
        let first = self.directors().first()?;
        self.is_paired()
            .then_some(match first.name == director.name {
                true => Role::Active,
                false => Role::Standby,
            })
    }

    fn directors_beside(&self, director: &Director) -> BTreeSet<NodeName> {
        let names = self.directors().iter().map(|other| &other.name);
        names
            .filter(|name| **name != director.name)
            .cloned()
            .collect()
    }

    fn serving_addresses(&self) -> BTreeMap<IpAddr, NodeName> {
        let mut servers: BTreeMap<IpAddr, NodeName> = BTreeMap::new();
        for alike in self.served_alike() {
            for destination in &alike.one.destinations {
                let address = self.real_ip(alike.one, destination);
                let name = destination.real_server.clone();
                servers.extend(address.map(|address| (address, name)));
            }
        }
        servers
    }

    /// Returns the addresses by which a director reaches nodes that carry virtual IPs of the same family, with
    /// these. Neighbour discovery of IPv6 does not depend on the source address, so that only what is sent
    /// through a tunnel does.
    fn carriers(&self, director: &Director) -> BTreeMap<IpAddr, Arc<BTreeSet<IpAddr>>> {
        let alike = self.served_alike();
        let mut served: BTreeMap<IpAddr, Vec<usize>> = BTreeMap::new();
        for (place, alike) in alike.iter().enumerate() {
            let others = alike.one.destinations.iter();
            for destination in others.filter(|other| other.real_server != director.name) {
                let rip = self.real_ip(alike.one, destination);
                let counts = |rip: &IpAddr| match destination.forwarding {
                    Forwarding::DirectRouting => rip.is_ipv4(),
                    method => method.is_tunnel(),
                };
                if let Some(rip) = rip.filter(counts) {
                    served.entry(rip).or_default().push(place);
                }
            }
        }
        // Hundreds of nodes may carry the same thousands of virtual IPs.
        let mut carried = HashMap::new();
        let vips = |places: &[usize], rip: &IpAddr| -> Arc<BTreeSet<_>> {
            let alike = places.iter().filter_map(|place| alike.get(*place));
            let vips = alike
                .flat_map(|alike| &alike.services)
                .flat_map(|service| service.vips());
            Arc::new(vips.filter(|vip| vip.is_ipv4() == rip.is_ipv4()).collect())
        };
        let carriers = served.into_iter().map(|(rip, places)| {
            let carried = carried.entry((rip.is_ipv4(), places));
            let carried = carried.or_insert_with_key(|(_, places)| vips(places, &rip));
            (rip, Arc::clone(carried))
        });
        carriers.collect()
    }

    /// Returns a note for each service by firewall mark that has no match: which addresses its packets have,
    /// and so which nodes need them, is not known.
    fn marked_by_others(&self) -> impl Iterator<Item = String> {
        let services = self.services().iter();
        let unmatched = services.filter(|service| service.vips().is_empty());
        unmatched.map(|service| {
            format!(
                "{} has no match: rules of others mark its packets, and real servers get no virtual IP for it",
                service.service.id
            )
        })
    }
}
