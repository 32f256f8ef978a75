//! What is no longer desired: all of a cluster that is removed, or what its file no longer names.
//!
//! What the record knows returns to its original configuration; what the record does not know is deleted
//! only if it can belong to nothing but the cluster. A virtual IP is deleted before the services behind it,
//! so that no client reaches an address without a service.

use std::collections::HashSet;
use std::slice;

use super::draft::Planned;
use super::{PhaseName, PlanOptions, addresses, links};
use crate::cluster::ObservedIndex;
use crate::cluster::change::{BoundDestination, Object, ObjectId, Reason, Step};
use crate::cluster::{DesiredService, DesiredState, IpvsState, NodeKind, Observed, Record};
use crate::ipvs::{Destination, Forwarding, ServiceEntry, ServiceId, Timeouts};
use crate::net::{Address, Route, Tunnel};
use crate::sysctl::SysctlKey;

const UNNAMED: &str = "no longer in the file";
const REMOVED: &str = "belongs to the cluster";
const RESTORED: &str = "original configuration";

/// What is to be cleaned up on a node, and by what knowledge.
pub(super) struct Cleanup<'a> {
    pub(super) node: &'a DesiredState,
    pub(super) observed: &'a Observed,
    pub(super) record: &'a Record,
    /// The records of other clusters on this node.
    pub(super) others: &'a [Record],
    pub(super) extent: Extent,
}

/// How much of a cluster is no longer desired.
#[derive(Clone, Copy)]
pub(super) enum Extent {
    /// What the file does not name.
    Unnamed(PlanOptions),
    /// Everything.
    All,
}

impl Cleanup<'_> {
    pub(super) const PHASES: [Planned<Self>; 15] = [
        (PhaseName::FormerSyncDaemons, |cleanup, seen| {
            cleanup.undo(seen, |object| matches!(object, Object::Daemon(_)))
        }),
        (PhaseName::FormerRoutes, |cleanup, seen| {
            let mut steps = cleanup.undo(seen, |object| matches!(object, Object::Route(_)));
            steps.extend(cleanup.unrecorded_routes(seen));
            steps
        }),
        (PhaseName::FormerVirtualIps, |cleanup, seen| {
            let mut steps = cleanup.undo(seen, |object| cleanup.is_virtual_ip(object));
            steps.extend(cleanup.unrecorded_virtual_ips(seen));
            addresses::later_first(steps, seen)
        }),
        (PhaseName::DeletedDestinations, Self::destinations),
        (PhaseName::DeletedServices, Self::services),
        (PhaseName::RestoredServices, |cleanup, seen| {
            cleanup.undo(seen, |object| matches!(object, Object::Service(_)))
        }),
        (PhaseName::NeighbourRoutes, |cleanup, seen| {
            seen.restored_neighbours(&cleanup.restored_destinations(seen))
        }),
        (PhaseName::RestoredDestinations, Self::restored_destinations),
        (PhaseName::FormerRoutes, Self::idle_neighbour_routes),
        (PhaseName::RestoredTimeouts, |cleanup, seen| {
            cleanup.undo(seen, |object| matches!(object, Object::Timeouts(_)))
        }),
        (PhaseName::FormerAddresses, |cleanup, seen| {
            let is_address = |object: &Object| matches!(object, Object::Address(_));
            let steps = cleanup.undo(seen, |object| {
                is_address(object) && !cleanup.is_virtual_ip(object)
            });
            addresses::later_first(steps, seen)
        }),
        // Before the sysctls that they change.
        (PhaseName::RestoredForwarding, |cleanup, seen| {
            cleanup.undo(seen, is_forwarding)
        }),
        (PhaseName::RestoredSysctls, |cleanup, seen| {
            cleanup.undo(seen, |object| {
                matches!(object, Object::Sysctl(_)) && !is_forwarding(object)
            })
        }),
        (PhaseName::RestoredLinks, |cleanup, seen| {
            let mut steps = cleanup.undo(seen, |object| is_idle_link(object, seen));
            // A device that is up is set down first, so that a rollback sets it up again.
            let devices = cleanup.unrecorded_tunnels(seen);
            steps.extend(devices.filter_map(|tunnel| links::down(&tunnel.name, seen, REMOVED)));
            steps
        }),
        (PhaseName::FormerTunnels, |cleanup, seen| {
            let mut steps = cleanup.undo(seen, |object| is_idle_tunnel(object, seen));
            let devices = cleanup.unrecorded_tunnels(seen);
            steps.extend(devices.map(|tunnel| Step::delete(tunnel.clone(), REMOVED)));
            steps
        }),
    ];

    fn restored_destinations(&self, seen: &Observed) -> Vec<Step> {
        self.undo(seen, |object| is_of_present_service(object, seen))
    }

    /// A rollback leaves routes to neighbours that no record knows.
    fn idle_neighbour_routes(&self, seen: &Observed) -> Vec<Step> {
        if matches!(seen.ipvs, IpvsState::Unread) {
            return Vec::new();
        }
        seen.idle_neighbour_routes()
            .filter(|route| !self.is_shared(&Object::from(Route::clone(route))))
            .map(|route| Step::delete(route.clone(), "no connection needs it any more"))
            .collect()
    }

    /// Restores what the record knows and what is not kept, in the opposite order of the record.
    fn undo(&self, seen: &Observed, which: impl Fn(&Object) -> bool) -> Vec<Step> {
        if !self.has_been_applied() {
            return Vec::new();
        }
        let entries = self.record.entries().rev();
        let (found, seen) = (ObservedIndex::new(self.observed), ObservedIndex::new(seen));
        let steps = entries
            .filter(|entry| which(entry.newest()) && !self.keeps(entry.newest()))
            .filter(|entry| !self.is_shared(entry.newest()))
            .filter_map(|entry| {
                let change = self.record.undone(entry, &found, &seen)?;
                let why = match (self.extent, entry.before()) {
                    (Extent::Unnamed(_), _) => UNNAMED,
                    (Extent::All, Some(_)) => RESTORED,
                    (Extent::All, None) => REMOVED,
                };
                Some(Step::new(change, why))
            });
        steps.collect()
    }

    /// A cluster that was never applied has left nothing that an apply could clean up.
    fn has_been_applied(&self) -> bool {
        matches!(self.extent, Extent::All) || self.record.is_applied()
    }

    /// Returns whether an object is still desired. With `ip_forward` the file desires `forwarding` of
    /// every interface, which follows it. Links stay up, because something else may need them by now.
    fn keeps(&self, object: &Object) -> bool {
        let node = self.node;
        match object {
            Object::Route(route) if self.leads_to_restored(route) => true,
            _ if matches!(self.extent, Extent::All) => false,
            Object::Sysctl(setting) => node.names_sysctl(&setting.key),
            Object::Address(address) => node.names_address(&address.id),
            Object::Route(route) => {
                node.requires_route(&route.id) || node.is_neighbour_route(route)
            }
            Object::Timeouts(_) => node.timeouts != Timeouts::default(),
            Object::Service(service) => self.keeps_service(&service.id),
            Object::Destination(bound) => self.keeps_service(&bound.service),
            Object::Tunnel(tunnel) => node
                .tunnels
                .iter()
                .any(|desired| desired.value.name == tunnel.name),
            Object::Listener(listener) => node
                .listeners
                .iter()
                .any(|desired| desired.value == *listener),
            Object::Daemon(daemon) => node
                .daemons
                .iter()
                .any(|desired| desired.value.role == daemon.role),
            Object::Link(_) => true,
        }
    }

    /// Returns whether a route leads to a destination that was directly routed before the cluster: connections of
    /// another forwarding method live on.
    fn leads_to_restored(&self, route: &Route) -> bool {
        let ip = route.id.destination.addr();
        route.is_neighbour_route()
            && self.record.entries().any(|entry| match entry.before() {
                Some(Object::Destination(bound)) => {
                    let destination = &bound.destination;
                    destination.id.address == ip
                        && destination.forwarding == Forwarding::DirectRouting
                }
                _ => false,
            })
    }

    /// Returns whether another cluster on this node still needs an object as this one has made it.
    fn is_shared(&self, object: &Object) -> bool {
        self.others.iter().any(|other| other.needs(object))
    }

    /// A service on a virtual IP of the cluster is the file's alone: it is named or deleted.
    fn keeps_service(&self, id: &ServiceId) -> bool {
        self.node.names_service(id) || self.node.has_virtual_ip_of(id)
    }

    /// Destinations that the file does not name, of services that it names; and all of those services
    /// that are deleted, so that a rollback knows them.
    fn destinations(&self, seen: &Observed) -> Vec<Step> {
        let mut steps = Vec::new();
        for found in seen.services() {
            match self.desired_service(&found.service.id) {
                Some(desired) => steps.extend(unnamed_destinations(desired, found, self.record)),
                None if self.is_former_service(&found.service.id) => {
                    steps.extend(all_destinations(found));
                }
                None => {}
            }
        }
        steps
    }

    fn services(&self, seen: &Observed) -> Vec<Step> {
        let former = seen.services().iter().filter(|found| {
            let id = &found.service.id;
            self.desired_service(id).is_none() && self.is_former_service(id)
        });
        former
            .map(|found| Step::delete(found.service.clone(), self.why_deleted(&found.service.id)))
            .collect()
    }

    fn desired_service(&self, id: &ServiceId) -> Option<&DesiredService> {
        match self.extent {
            Extent::Unnamed(_) => self.node.services.find(id),
            Extent::All => None,
        }
    }

    /// Returns whether a service that is not desired is the cluster's all the same: by the record, or by
    /// its virtual IP.
    fn is_former_service(&self, id: &ServiceId) -> bool {
        let is_on_virtual_ip = self.node.has_virtual_ip_of(id);
        self.record.made_service(id)
            || match self.extent {
                Extent::Unnamed(options) => {
                    (options.take_over && is_on_virtual_ip)
                        || self.node.absent_services.contains(id)
                }
                Extent::All => is_on_virtual_ip && !self.record.knows_service(id),
            }
    }

    fn why_deleted(&self, id: &ServiceId) -> &'static str {
        if matches!(self.extent, Extent::All) {
            REMOVED
        } else if self.node.absent_services.contains(id) {
            "the active director has already balanced its traffic"
        } else if self.node.has_virtual_ip_of(id) {
            "on a virtual IP, but not in the file"
        } else {
            UNNAMED
        }
    }

    fn is_virtual_ip(&self, object: &Object) -> bool {
        matches!(object, Object::Address(address)
            if self.node.attracts_traffic(&address.id) || self.record.is_virtual(&address.id))
    }

    /// Deletes host routes that carry our protocol number.
    fn unrecorded_routes(&self, seen: &Observed) -> Vec<Step> {
        let desired = self.unrecorded(&self.node.routes).rev();
        desired
            .filter(|desired| !desired.value.id.is_default())
            .filter_map(|desired| seen.route(&desired.value.id))
            .filter(|found| found.protocol == Address::PROTOCOL)
            .filter(|found| !self.record.knows(&ObjectId::Route(found.id)))
            .filter(|found| !self.is_shared(&Object::from(Route::clone(found))))
            .map(|found| Step::delete(found.clone(), REMOVED))
            .collect()
    }

    fn unrecorded_virtual_ips(&self, seen: &Observed) -> Vec<Step> {
        self.found_virtual_ips(seen)
            .filter(|found| self.is_ours(found))
            .filter(|found| !self.is_shared(&Object::from(Address::clone(found))))
            .map(|found| Step::delete(found.clone(), REMOVED))
            .collect()
    }

    /// Returns virtual IPs that exist and that no record knows.
    pub(super) fn found_virtual_ips<'a>(
        &'a self,
        seen: &'a Observed,
    ) -> impl Iterator<Item = &'a Address> {
        let addresses = self.unrecorded(&self.node.addresses);
        addresses
            .chain(self.unrecorded(&self.node.absent))
            .rev()
            .filter(|desired| self.node.attracts_traffic(&desired.value.id))
            .filter_map(|desired| seen.address(&desired.value.id))
            .filter(|found| !self.record.knows(&ObjectId::Address(found.id.clone())))
    }

    /// On a real server a virtual IP has no other use; on a director it may have been there before.
    pub(super) fn is_ours(&self, found: &Address) -> bool {
        self.node.kind == NodeKind::RealServer || found.protocol == Address::PROTOCOL
    }

    /// Devices whose names say that they are the cluster's.
    fn unrecorded_tunnels<'a>(&'a self, seen: &'a Observed) -> impl Iterator<Item = &'a Tunnel> {
        self.unrecorded(&self.node.tunnels)
            .map(|desired| &desired.value)
            .filter(|tunnel| !tunnel.is_fallback() && seen.tunnels.contains(tunnel))
            .filter(|tunnel| !seen.carries_address(&tunnel.name))
            .filter(|tunnel| !self.record.knows(&ObjectId::Tunnel(tunnel.name.clone())))
            .filter(|tunnel| !self.is_shared(&Object::Tunnel((*tunnel).clone())))
    }

    /// What the file names may be deleted only if all of the cluster is removed.
    fn unrecorded<'a, T>(&self, desired: &'a [T]) -> slice::Iter<'a, T> {
        match self.extent {
            Extent::Unnamed(_) => [].iter(),
            Extent::All => desired.iter(),
        }
    }
}

/// Sysctls that change others when they are changed.
fn is_forwarding(object: &Object) -> bool {
    let leaders = [SysctlKey::IP_FORWARD, SysctlKey::IPV6_FORWARDING];
    matches!(object, Object::Sysctl(setting) if leaders.contains(&setting.key))
}

fn is_of_present_service(object: &Object, seen: &Observed) -> bool {
    matches!(object, Object::Destination(bound) if seen.service(&bound.service).is_some())
}

/// A link that was down is set down again, unless something else has come to use it.
fn is_idle_link(object: &Object, seen: &Observed) -> bool {
    matches!(object, Object::Link(link) if !seen.carries_address(&link.name))
}

/// A listener, or a device that carries no address: another cluster may have come to use it.
fn is_idle_tunnel(object: &Object, seen: &Observed) -> bool {
    match object {
        Object::Tunnel(tunnel) => !seen.carries_address(&tunnel.name),
        Object::Listener(_) => true,
        _ => false,
    }
}

pub(super) fn unnamed_destinations(
    desired: &DesiredService,
    found: &ServiceEntry,
    record: &Record,
) -> impl Iterator<Item = Step> {
    let named: HashSet<_> = desired.kept(record).collect();
    found
        .destinations
        .iter()
        .filter(move |destination| !named.contains(&destination.id))
        .map(|destination| {
            let id = &destination.id;
            let why = match (desired.is_drained(id), desired.is_reserve(id)) {
                (true, _) => "drained by removal",
                (false, true) => "a fallback that is not needed",
                (false, false) => "not in the file",
            };
            delete_destination(found.service.id, destination, why)
        })
}

/// In the kernel's order, newest first, so that a rollback adds them in the order they were added.
fn all_destinations(found: &ServiceEntry) -> impl Iterator<Item = Step> {
    let service = found.service.id;
    found
        .destinations
        .iter()
        .map(move |destination| delete_destination(service, destination, "its service is deleted"))
}

fn delete_destination(
    service: ServiceId,
    destination: &Destination,
    why: impl Into<Reason>,
) -> Step {
    let bound = BoundDestination {
        service,
        destination: *destination,
    };
    Step::delete(bound, why)
}

impl DesiredState {
    fn names_sysctl(&self, key: &SysctlKey) -> bool {
        let named = |key: &SysctlKey| self.sysctls.contains_key(key);
        named(key) || key.follows().is_some_and(|leader| named(&leader))
    }
}
