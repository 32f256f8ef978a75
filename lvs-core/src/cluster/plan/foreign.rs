//! What is not the cluster's: never touched, always shown; and what stands in the way.

use super::{PlanOptions, Refusal, daemons, services, tunnels};
use crate::cluster::change::ObjectId;
use crate::cluster::{DesiredState, Observed, Record};
use crate::net::Address;

/// Services on other addresses and by firewall mark; addresses and routes that carry our number but
/// no longer stand in the file, and of which no record knows.
pub(super) fn foreign(node: &DesiredState, observed: &Observed, record: &Record) -> Vec<ObjectId> {
    let wanted = services::wanted(node);
    let services = observed.services().iter().map(|found| &found.service.id);
    let services = services
        .filter(|id| !services::is_on_virtual_ip(node, id))
        .filter(|id| !wanted.contains_key(id) && !node.absent_services.contains(id))
        .filter(|id| !record.made_service(id))
        .map(|id| ObjectId::Service(*id));
    services
        .chain(addresses(node, observed, record))
        .chain(routes(node, observed, record))
        .collect()
}

fn addresses(node: &DesiredState, observed: &Observed, record: &Record) -> Vec<ObjectId> {
    let ours = observed.addresses.iter();
    let ours = ours.filter(|found| found.protocol == Address::PROTOCOL);
    let unnamed = ours.filter(|found| !node.names_address(&found.id));
    unnamed
        .map(|found| ObjectId::Address(found.id.clone()))
        .filter(|id| !record.knows(id))
        .collect()
}

fn routes(node: &DesiredState, observed: &Observed, record: &Record) -> Vec<ObjectId> {
    let ours = observed.routes.iter();
    let ours = ours.filter(|found| found.protocol == Address::PROTOCOL);
    let unnamed = ours.filter(|found| !node.names_route(&found.id));
    unnamed
        .map(|found| ObjectId::Route(found.id))
        .filter(|id| !record.knows(id))
        .collect()
}

pub(super) fn refusals(
    node: &DesiredState,
    observed: &Observed,
    record: &Record,
    options: PlanOptions,
) -> Vec<Refusal> {
    let mut refusals = missing_links(node, observed);
    refusals.extend(missing_sysctls(node, observed));
    refusals.extend(tunnels::refusals(node, observed));
    refusals.extend(daemons::refusals(node, observed, record));
    if !options.take_over {
        refusals.extend(services::unnamed(node, observed).map(|found| {
            Refusal::of(
                ObjectId::Service(found.service.id),
                "is on a virtual IP of the cluster, but not in the file",
                "add it to the file, delete it, or take it over (apply --take-over deletes it)",
            )
        }));
    }
    refusals
}

fn missing_links(node: &DesiredState, observed: &Observed) -> Vec<Refusal> {
    let there: Vec<_> = observed
        .links
        .keys()
        .map(crate::name::IfName::as_str)
        .collect();
    let missing = node
        .links
        .keys()
        .filter(|name| !observed.links.contains_key(name))
        .filter(|name| !node.tunnels.iter().any(|made| made.value.name == **name));
    missing
        .map(|name| {
            let advice = format!(
                "it has {}; correct the file, or make the interface first",
                there.join(" ")
            );
            let id = ObjectId::Link(name.clone());
            Refusal::of(id, "does not exist on this machine", advice)
        })
        .collect()
}

/// Those of a missing interface are said once, by the interface; those of ip_vs come with it.
fn missing_sysctls(node: &DesiredState, observed: &Observed) -> Vec<Refusal> {
    let keys = node
        .sysctls
        .keys()
        .filter(|key| !observed.sysctls.contains_key(key));
    let keys = keys.filter(|key| !key.is_ipvs());
    let known = keys.filter(|key| {
        key.interface()
            .is_none_or(|name| observed.links.keys().any(|link| link.as_str() == name))
    });
    known
        .map(|key| {
            Refusal::of(
                ObjectId::Sysctl(key.clone()),
                "does not exist in this kernel",
                "is the protocol switched off?",
            )
        })
        .collect()
}
