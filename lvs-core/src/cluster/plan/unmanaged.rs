//! Which objects belong to the cluster: unmanaged ones are shown and never touched. Where one prevents the plan,
//! the plan is refused; `--take-over` (`PlanOptions::take_over`) deletes or changes it.

use super::cleanup::unnamed_destinations;
use super::{Planner, Refusal};
use crate::cluster::ObservedIndex;
use crate::cluster::change::{Kind, ObjectId, Step};
use crate::cluster::{DesiredService, DesiredState, IpvsState, Observed, Record};
use crate::name::IfName;
use crate::net::Address;

/// Returns the unmanaged objects that a plan meets: services on other addresses and by firewall mark;
/// addresses and routes that carry our protocol number but are neither in the file nor in the record.
pub(super) fn objects(node: &DesiredState, observed: &Observed, record: &Record) -> Vec<ObjectId> {
    let services = observed
        .services()
        .iter()
        .map(|found| found.service.id)
        .filter(|id| !node.has_virtual_ip_of(id))
        .filter(|id| node.services.find(id).is_none() && !node.absent_services.contains(id))
        .filter(|id| !record.made_service(id))
        .map(ObjectId::Service);
    let addresses = observed
        .addresses
        .iter()
        .filter(|found| found.protocol == Address::PROTOCOL && !node.names_address(&found.id))
        .map(|found| ObjectId::Address(found.id.clone()));
    let routes = observed
        .routes
        .iter()
        .filter(|found| found.protocol == Address::PROTOCOL && !node.names_route(&found.id))
        .filter(|found| !node.is_neighbour_route(found))
        .map(|found| ObjectId::Route(found.id));
    let marked = addresses.chain(routes).filter(|id| !record.knows(id));
    services.chain(marked).collect()
}

impl Planner<'_> {
    /// Returns why the plan must not be carried out.
    pub(super) fn refusals(&self) -> Vec<Refusal> {
        [
            self.missing_links(),
            self.missing_sysctls(),
            self.tunnel_refusals(),
            self.daemon_refusals(),
            self.unmanaged_services(),
            self.unmanaged_entries(),
            self.taken_marks(),
            self.losing_routes(),
            self.unanswered_virtual_ips(),
            self.virtual_sources().into_iter().collect(),
        ]
        .concat()
    }

    fn missing_links(&self) -> Vec<Refusal> {
        let links = &self.observed.links;
        let existing: Vec<_> = links.keys().map(IfName::as_str).collect();
        let existing = existing.join(" ");
        let is_tunnel = |name: &IfName| {
            self.node
                .tunnels
                .iter()
                .any(|tunnel| tunnel.value.name == *name)
        };
        self.node
            .links
            .keys()
            .filter(|name| !links.contains_key(name) && !is_tunnel(name))
            .map(|name| {
                Refusal::of(
                    ObjectId::Link(name.clone()),
                    "does not exist on this node",
                    format!(
                        "the node has {existing}; correct the file or create the interface first"
                    ),
                )
            })
            .collect()
    }

    /// Those of a missing interface are reported once, by the interface; those of ip_vs are known once its
    /// module is loaded.
    fn missing_sysctls(&self) -> Vec<Refusal> {
        let has_link = |name: &str| self.observed.links.keys().any(|link| link.as_str() == name);
        let is_loaded = matches!(self.observed.ipvs, IpvsState::Loaded { .. });
        self.node
            .sysctls
            .keys()
            .filter(|key| !self.observed.sysctls.contains_key(key))
            .filter(|key| is_loaded || !key.is_ipvs())
            .filter(|key| key.interface().is_none_or(has_link))
            .map(|key| {
                let hint = match key.is_ipvs() {
                    true => "its ip_vs has no such sysctl; remove it from [ipvs]",
                    false => "is the protocol disabled?",
                };
                Refusal::of(
                    ObjectId::Sysctl(key.clone()),
                    "does not exist in this kernel",
                    hint,
                )
            })
            .collect()
    }

    /// Services on a virtual IP of the cluster that the file does not name.
    fn unmanaged_services(&self) -> Vec<Refusal> {
        if self.options.take_over {
            return Vec::new();
        }
        let node = self.node;
        self.observed
            .services()
            .iter()
            .map(|found| found.service.id)
            .filter(|id| node.has_virtual_ip_of(id))
            .filter(|id| node.services.find(id).is_none() && !node.absent_services.contains(id))
            .map(|id| {
                Refusal::of(
                    ObjectId::Service(id),
                    "is on a virtual IP of the cluster, but not in the file",
                    "add it to the file, delete it, or take it over (apply --take-over deletes it)",
                )
            })
            .collect()
    }

    /// Services that the plan would edit, and destinations of theirs that it would delete or edit, although no
    /// record and no mark of the virtual IP says that they are the cluster's.
    fn unmanaged_entries(&self) -> Vec<Refusal> {
        if self.options.take_over {
            return Vec::new();
        }
        let mut edited = self.changed_services(self.observed);
        edited.extend(self.changed_destinations(self.observed));
        let observed = ObservedIndex::new(self.observed);
        let deleted = self
            .observed
            .services()
            .iter()
            .filter_map(|found| {
                Some(unnamed_destinations(
                    self.node.services.find(&found.service.id)?,
                    found,
                    self.record,
                ))
            })
            .flatten();
        edited
            .into_iter()
            .chain(deleted)
            .filter(|step| !is_ours(step, &observed) && !self.is_of_probe(step))
            .map(|step| {
                let verb = match step.change.kind() {
                    Kind::Edit => "changes",
                    Kind::Add | Kind::Delete => "deletes",
                };
                Refusal::of(
                    step.change.id(),
                    "is not as in the file, and the cluster was never applied here",
                    format!("correct the file, or take it over (apply --take-over {verb} it)"),
                )
            })
            .collect()
    }

    /// Services that have the mark of a probe service and are not the cluster's.
    fn taken_marks(&self) -> Vec<Refusal> {
        let observed = ObservedIndex::new(self.observed);
        self.node
            .services
            .iter()
            .filter(|desired| desired.is_probe())
            .filter(|desired| {
                let id = &desired.service.id;
                let found = observed.service(id);
                let is_other = found.is_some_and(|found| !desired.is_as(found));
                is_other && !self.record.made_service(id)
            })
            .map(|desired| {
                Refusal::of(
                    ObjectId::Service(desired.service.id),
                    "has the mark of a probe service and does not belong to the cluster",
                    "delete it, or choose other marks: marks in [health]",
                )
            })
            .collect()
    }

    /// Those are refused with their service.
    fn is_of_probe(&self, step: &Step) -> bool {
        matches!(step.change.id(), ObjectId::Destination(service, _)
            if self.node.services.find(&service).is_some_and(DesiredService::is_probe))
    }
}

/// Without a record the virtual IP tells: an apply marks the addresses that it adds.
fn is_ours(step: &Step, observed: &ObservedIndex<'_>) -> bool {
    match step.change.id() {
        ObjectId::Service(service) | ObjectId::Destination(service, _) => {
            observed.marks_address_of(&service)
        }
        _ => false,
    }
}
