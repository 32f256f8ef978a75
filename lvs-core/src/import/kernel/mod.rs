//! The kernel of a director: its table, addresses, routes, sysctls and daemons.

mod route;
mod sysctl;

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::ImportError;
use super::draft::{Draft, DraftAddress, DraftDestination, DraftService};
use super::report::Place;
use super::tally::Tally;
use crate::cluster::probe_path::Marks;
use crate::cluster::{IpvsState, Observed};
use crate::error::Result;
use crate::host::Host;
use crate::ipvs::{Forwarding, ServiceEntry, ServiceId};
use crate::name::IfName;
use crate::net::Address;
use crate::sysctl::SysctlKey;
use sysctl::SYSCTLS;

/// The kernel's number for routes it derives from addresses (`RTPROT_KERNEL`).
const BY_KERNEL: u8 = 2;

/// Reads what an import of the kernel looks at; changes nothing, and does not load ip_vs.
///
/// # Errors
/// Something could not be read; IPVS needs `CAP_NET_ADMIN`.
pub fn read(host: &mut Host) -> Result<Observed> {
    let loaded = host.is_ipvs_loaded();
    let mut sysctls = BTreeMap::new();
    let names = SYSCTLS.iter().map(|(name, _)| name.replace('-', "_"));
    let keys = names.filter_map(|name| SysctlKey::ipvs(&name).ok());
    for key in keys.chain([SysctlKey::IP_FORWARD, SysctlKey::IPV6_FORWARDING]) {
        match host.sysctl().read(&key) {
            Ok(value) => {
                sysctls.insert(key, value);
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    let links = host.net().links()?.into_iter();
    let links = links.map(|link| (link.name, link.up)).collect();
    let mut addresses = host.net().addresses()?;
    addresses.retain(|address| is_own(address.id.network.addr()));
    let mut routes = host.net().routes()?;
    routes.retain(|route| route.protocol != BY_KERNEL);
    let mut observed = Observed {
        links,
        addresses: addresses.into(),
        routes: routes.into(),
        sysctls,
        ipvs: IpvsState::NotLoaded,
        ..Observed::default()
    };
    if loaded {
        let ipvs = host.ipvs()?;
        let services = ipvs.snapshot()?.into_iter();
        observed.ipvs = IpvsState::Loaded {
            services: services.map(ServiceEntry::from).collect(),
            timeouts: ipvs.timeouts()?,
        };
        observed.daemons = ipvs.daemons()?.into_iter().collect();
    }
    Ok(observed)
}

/// Without loopback and what every interface gets by itself.
fn is_own(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    }
}

pub(super) fn draft(
    observed: &Observed,
    tally: &mut Tally,
) -> std::result::Result<Draft, ImportError> {
    let kernel = Place::new("kernel", 0);
    let problem = match &observed.ipvs {
        IpvsState::Loaded { services, .. } if !services.is_empty() => None,
        IpvsState::Loaded { .. } => Some("the table of IPVS has no service"),
        IpvsState::NotLoaded | IpvsState::Unread => Some("ip_vs is not loaded"),
    };
    if let Some(problem) = problem {
        return Err(ImportError::new(&kernel, problem)
            .with_hint("a director is imported, not a real server"));
    }
    let mut walk = Walk {
        kernel,
        tally,
        draft: Draft {
            is_observed: true,
            ..Draft::default()
        },
    };
    walk.addresses(observed);
    walk.services(observed);
    walk.routes(observed);
    walk.sysctls(observed);
    walk.timeouts(observed);
    walk.daemons(observed);
    Ok(walk.draft)
}

struct Walk<'a> {
    kernel: Place,
    tally: &'a mut Tally,
    draft: Draft,
}

impl Walk<'_> {
    /// An address that `lo` has too, as a real server of another director, is that of the other interface.
    fn addresses(&mut self, observed: &Observed) {
        let mut addresses: Vec<_> = observed.addresses.iter().collect();
        addresses.sort_by_key(|address| address.id.interface == IfName::LO);
        for address in addresses {
            let text = format!("address {}", address.id);
            let id = self.tally.add(&self.kernel, &text);
            if self
                .draft
                .addresses
                .iter()
                .any(|other| other.address.id.network.addr() == address.id.network.addr())
            {
                self.tally
                    .left(id, "another interface or prefix has the address too");
                continue;
            }
            if observed.links.get(&address.id.interface) == Some(&false) {
                self.tally.left(id, "its interface is down");
                continue;
            }
            self.tally.carried(id, "director.addresses");
            self.draft.addresses.push(DraftAddress {
                address: described(address),
                assumed: None,
                directive: Some(id),
            });
        }
    }

    /// In the order of their identity; destinations in the order in which they were added, for the kernel
    /// lists the last one first.
    fn services(&mut self, observed: &Observed) {
        let mut services: Vec<&ServiceEntry> = observed.services().iter().collect();
        services.sort_by_key(|found| found.service.id);
        for found in services {
            let id = self
                .tally
                .add(&self.kernel, &format!("service {}", found.service.id));
            if is_probe(&found.service.id) {
                self.tally
                    .left(id, "it leads probes: checks have such services");
                continue;
            }
            let mut draft = DraftService::new(found.service.clone(), &self.kernel, id);
            for destination in found.destinations.iter().rev() {
                let text = format!("destination {} {}", found.service.id, destination.id);
                let mut destination = *destination;
                if destination.forwarding == Forwarding::Local {
                    destination.forwarding = Forwarding::DirectRouting;
                }
                draft.destinations.push(DraftDestination {
                    destination,
                    directive: self.tally.add(&self.kernel, &text),
                    assumed: None,
                    is_fallback: false,
                    is_checked: true,
                });
            }
            self.draft.services.push(draft);
        }
    }
}

/// Returns an address as the file says it: without what follows from it.
fn described(address: &Address) -> Address {
    let network = address.id.network;
    let broadcast = match (network, address.broadcast) {
        (ipnet::IpNet::V4(v4), Some(broadcast)) => {
            let sensible = broadcast != v4.broadcast()
                && (v4.contains(&broadcast) || broadcast.is_broadcast());
            sensible.then_some(broadcast)
        }
        _ => None,
    };
    let label = address.label.as_ref().filter(|label| {
        let suffix = label.strip_prefix(address.id.interface.as_str());
        suffix
            .and_then(|suffix| suffix.strip_prefix(':'))
            .is_some_and(|suffix| {
                !suffix.is_empty() && suffix.chars().all(|c| c.is_ascii_alphanumeric())
            })
    });
    Address {
        label: label.cloned(),
        broadcast,
        ..Address::new(address.id.interface.clone(), network)
    }
}

/// A service with a mark of the usual block leads probes, and no clients.
fn is_probe(id: &ServiceId) -> bool {
    matches!(id, ServiceId::Fwmark { mark, .. } if Marks::default().contains(*mark))
}
