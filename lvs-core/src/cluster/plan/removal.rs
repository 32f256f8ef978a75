//! Taking a cluster off a machine: the exact reverse of putting it there.
//!
//! What the record knows goes back to how it was found; what it does not know goes only if it can be
//! nobody else's: the services on the virtual IPs, the virtual IPs on real servers, and those of the
//! file's virtual or floating addresses and host routes that carry our protocol number. Without a record that is all, and
//! never the machine's own addresses, a default route, a link's state or a sysctl: nobody knows whether
//! they were there before, and the machine may be reached by them. (Only the kernel itself may take a
//! route along with an interface's last address; the plan says so.)

use super::draft::{Draft, Planned};
use super::unnamed::{is_follower, is_leader};
use super::{PhaseName, Plan, addresses, foreign, links, services, tunnels};
use crate::cluster::change::{Change, Object, ObjectId, Step};
use crate::cluster::{DesiredState, NodeKind, Observed, Record};
use crate::ipvs::ServiceEntry;
use crate::net::{Address, Tunnel};

impl Plan {
    /// The way to a machine without the cluster, where nobody knows what was there before.
    #[must_use]
    pub fn removal(node: &DesiredState, observed: &Observed) -> Self {
        let nobody = Record::new(node.cluster.clone(), node.name.clone());
        Self::removal_with_record(node, observed, &nobody)
    }

    /// The way to the machine as it was found.
    #[must_use]
    pub fn removal_with_record(node: &DesiredState, observed: &Observed, record: &Record) -> Self {
        let removal = Removal {
            node,
            observed,
            record,
        };
        let mut draft = Draft::new(node, observed);
        draft.phases(&removal, &Removal::PHASES);
        let mut notes = removal.notes();
        notes.extend(draft.lost_routes());
        let foreign = foreign::foreign(node, observed, record);
        Self {
            role: None,
            nftables: None,
            ..draft.plan(Vec::new(), foreign, notes)
        }
    }
}

const WHY: &str = "it is the cluster's";
const WHY_FOUND: &str = "as it was found";

struct Removal<'a> {
    node: &'a DesiredState,
    observed: &'a Observed,
    record: &'a Record,
}

impl Removal<'_> {
    const PHASES: [Planned<Self>; 13] = [
        (PhaseName::FormerSyncDaemons, |it, seen| {
            it.undone(seen, |entry| matches!(entry.newest(), Object::Daemon(_)))
        }),
        (PhaseName::FormerRoutes, |it, seen| {
            let mut steps = it.undone(seen, |entry| matches!(entry.newest(), Object::Route(_)));
            steps.extend(it.host_routes(seen));
            steps
        }),
        (PhaseName::FormerVirtualIps, |it, seen| {
            let mut steps = it.undone(seen, |entry| it.is_address(entry.newest(), true));
            steps.extend(it.virtual_ips(seen));
            addresses::later_first(steps, seen)
        }),
        (PhaseName::FormerDestinations, |it, seen| {
            let services = it.own_services(seen);
            services.flat_map(services::delete_destinations).collect()
        }),
        (PhaseName::FormerServices, |it, seen| {
            let services = it.own_services(seen);
            services
                .map(|found| services::delete_service(found, WHY))
                .collect()
        }),
        (PhaseName::RestoredServices, |it, seen| {
            it.undone(seen, is_found_service)
        }),
        (PhaseName::RestoredDestinations, |it, seen| {
            it.undone(seen, |entry| is_of_present_service(entry.newest(), seen))
        }),
        (PhaseName::FormerTimeouts, |it, seen| {
            it.undone(seen, |entry| matches!(entry.newest(), Object::Timeouts(_)))
        }),
        (PhaseName::FormerAddresses, |it, seen| {
            let steps = it.undone(seen, |entry| it.is_address(entry.newest(), false));
            addresses::later_first(steps, seen)
        }),
        // Alone, and first: changing it changes `forwarding` of every interface.
        (PhaseName::FormerForwarding, |it, seen| {
            it.undone(seen, is_leader)
        }),
        (PhaseName::FormerSysctls, |it, seen| {
            it.undone(seen, is_follower)
        }),
        (PhaseName::FormerLinks, |it, seen| {
            let mut steps = it.undone(seen, |entry| is_idle_link(entry.newest(), seen));
            let tunnels = it.tunnels(seen);
            steps.extend(tunnels.filter_map(|tunnel| links::down(&tunnel.name, seen, WHY)));
            steps
        }),
        (PhaseName::FormerTunnels, |it, seen| {
            let mut steps = it.undone(seen, |entry| tunnels::is_idle(entry.newest(), seen));
            let tunnels = it.tunnels(seen);
            steps.extend(tunnels.map(|tunnel| Step::delete(tunnel.clone(), WHY)));
            steps
        }),
    ];
}

impl Removal<'_> {
    /// What the record knows, the last thing first.
    fn undone(&self, seen: &Observed, which: impl Fn(&Change<Object>) -> bool) -> Vec<Step> {
        let things = self.record.things().rev().filter(|entry| which(entry));
        let steps = things.filter_map(|entry| {
            let change = self.record.undone(entry, self.observed, seen)?;
            let why = entry.before().map_or(WHY, |_| WHY_FOUND);
            Some(Step::new(change, why))
        });
        steps.collect()
    }

    /// Those we have made, and those on virtual IPs that were not found there.
    fn own_services<'a>(
        &'a self,
        seen: &'a Observed,
    ) -> impl Iterator<Item = &'a ServiceEntry> + 'a {
        seen.services().iter().filter(|found| {
            let id = &found.service.id;
            self.record.made_service(id)
                || (services::is_on_virtual_ip(self.node, id) && !self.record.knows_service(id))
        })
    }

    fn is_address(&self, object: &Object, virtual_ones: bool) -> bool {
        let Object::Address(Address { id, .. }) = object else {
            return false;
        };
        let is_virtual = self.node.attracts_traffic(id) || self.record.is_virtual(id);
        is_virtual == virtual_ones
    }

    /// Devices that no record knows, but whose names say whose they are. They go down first, so that
    /// the way back sets them up again.
    fn tunnels<'a>(&'a self, seen: &'a Observed) -> impl Iterator<Item = &'a Tunnel> {
        let wanted = self.node.tunnels.iter().map(|wanted| &wanted.value);
        wanted
            .filter(|tunnel| !tunnel.is_standing() && seen.tunnels.contains(tunnel))
            .filter(|tunnel| !tunnels::carries_address(&tunnel.name, seen))
            .filter(|tunnel| !self.record.knows(&ObjectId::Tunnel(tunnel.name.clone())))
    }

    fn host_routes(&self, seen: &Observed) -> Vec<Step> {
        let wanted = self.node.routes.iter().rev();
        let wanted = wanted.filter(|wanted| !wanted.value.id.is_default());
        wanted
            .filter_map(|wanted| seen.route(&wanted.value.id))
            .filter(|found| found.protocol == Address::PROTOCOL)
            .filter(|found| !self.record.knows(&ObjectId::Route(found.id)))
            .map(|found| Step::delete(found.clone(), WHY))
            .collect()
    }

    fn virtual_ips(&self, seen: &Observed) -> Vec<Step> {
        self.found_virtual_ips(seen)
            .filter(|found| self.is_ours(found))
            .map(|found| Step::delete(found.clone(), WHY))
            .collect()
    }

    fn found_virtual_ips<'a>(&'a self, seen: &'a Observed) -> impl Iterator<Item = &'a Address> {
        let wanted = self.node.addresses.iter().chain(&self.node.absent).rev();
        let wanted = wanted.filter(|wanted| self.node.attracts_traffic(&wanted.value.id));
        let found = wanted.filter_map(|wanted| seen.address(&wanted.value.id));
        found.filter(|found| !self.record.knows(&ObjectId::Address(found.id.clone())))
    }

    /// On a real server a virtual IP has no other use; on a director somebody may have put it there.
    fn is_ours(&self, found: &Address) -> bool {
        self.node.kind == NodeKind::RealServer || found.protocol == Address::PROTOCOL
    }

    fn notes(&self) -> Vec<String> {
        let unknown = self
            .found_virtual_ips(self.observed)
            .filter(|found| !self.is_ours(found));
        let mut notes: Vec<_> = unknown
            .map(|found| {
                format!(
                    "{} stays: nothing says that it was not there before",
                    found.id
                )
            })
            .collect();
        if !self.record.is_applied() {
            notes.push(
                "without a record of what was there before, the machine's own addresses, its default \
                 route, link states and sysctls stay as they are"
                    .to_owned(),
            );
        }
        let changed = self.record.changed_since(self.observed);
        notes.extend(changed.map(|entry| {
            let id = entry.id();
            let what = id.what();
            format!("{what} {id} stays as it is: somebody has changed it since")
        }));
        let table = &self.node.cluster;
        let rules = self.node.nftables.as_ref();
        notes.extend(
            rules.map(|_| format!("the nftables rules of the table lvs-{table} stay as they are")),
        );
        notes
    }
}

fn is_found_service(entry: &Change<Object>) -> bool {
    matches!(entry.before(), Some(Object::Service(_)))
}

fn is_of_present_service(object: &Object, seen: &Observed) -> bool {
    matches!(object, Object::Destination(bound) if seen.service(&bound.service).is_some())
}

/// A link that was down is set down again, unless it has come to carry somebody else's address.
fn is_idle_link(object: &Object, seen: &Observed) -> bool {
    matches!(object, Object::Link(link) if !tunnels::carries_address(&link.name, seen))
}
