//! What is not the cluster's: never touched, always shown; and what stands in the way.

use std::fmt;

use serde::Serialize;

use super::{PlanOptions, daemons, services, tunnels};
use crate::cluster::change::ObjectId;
use crate::cluster::{DesiredState, Observed, Record};
use crate::net::Address;

/// Something that belongs to somebody else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Foreign {
    /// The kind of thing: `service`, `address`, `route`.
    pub what: &'static str,
    /// Which one.
    pub name: String,
}

/// A reason why a plan must not be carried out, found before anything was changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Refusal {
    /// The kind of thing: `link`, `sysctl`, `service`.
    pub what: &'static str,
    /// Which one.
    pub name: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to do next.
    pub advice: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {}; {}",
            self.what, self.name, self.problem, self.advice
        )
    }
}

/// Services on other addresses and by firewall mark; addresses and routes that carry our number but
/// no longer stand in the file, and of which no record knows.
pub(super) fn foreign(node: &DesiredState, observed: &Observed, record: &Record) -> Vec<Foreign> {
    let wanted = services::wanted(node);
    let services = observed.services().iter().map(|found| &found.service.id);
    let services = services
        .filter(|id| !services::is_on_virtual_ip(node, id))
        .filter(|id| !wanted.contains_key(id) && !node.absent_services.contains(id))
        .filter(|id| !record.made_service(id))
        .map(|id| named("service", id));
    services
        .chain(addresses(node, observed, record))
        .chain(routes(node, observed, record))
        .collect()
}

fn addresses(node: &DesiredState, observed: &Observed, record: &Record) -> Vec<Foreign> {
    let ours = observed.addresses.iter();
    let ours = ours.filter(|found| found.protocol == Address::PROTOCOL);
    let unnamed = ours.filter(|found| !node.names_address(&found.id));
    unnamed
        .filter(|found| !record.knows(&ObjectId::Address(found.id.clone())))
        .map(|found| named("address", &found.id))
        .collect()
}

fn routes(node: &DesiredState, observed: &Observed, record: &Record) -> Vec<Foreign> {
    let ours = observed.routes.iter();
    let ours = ours.filter(|found| found.protocol == Address::PROTOCOL);
    let unnamed = ours.filter(|found| !node.names_route(&found.id));
    unnamed
        .filter(|found| !record.knows(&ObjectId::Route(found.id)))
        .map(|found| named("route", found.id))
        .collect()
}

fn named(what: &'static str, name: impl fmt::Display) -> Foreign {
    Foreign {
        what,
        name: name.to_string(),
    }
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
            Refusal {
                what: "service",
                name: found.service.id.to_string(),
                problem: "is on a virtual IP of the cluster, but not in the file".to_owned(),
                advice:
                    "add it to the file, delete it, or take it over (apply --take-over deletes it)"
                        .to_owned(),
            }
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
        .map(|name| Refusal {
            what: "link",
            name: name.to_string(),
            problem: "does not exist on this machine".to_owned(),
            advice: format!(
                "it has {}; correct the file, or make the interface first",
                there.join(" ")
            ),
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
        .map(|key| Refusal {
            what: "sysctl",
            name: key.to_string(),
            problem: "does not exist in this kernel".to_owned(),
            advice: if key.as_str().starts_with("net/ipv4/vs/") {
                "leave it out, or take a kernel that has it".to_owned()
            } else {
                "is the protocol switched off?".to_owned()
            },
        })
        .collect()
}
