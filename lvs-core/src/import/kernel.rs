//! The kernel of a director: its table, addresses, routes, sysctls and daemons.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::draft::{Draft, DraftAddress, DraftDestination, DraftService};
use super::fit::MIXED;
use super::report::{Place, Tally};
use super::{ImportError, rules};
use crate::cluster::probe_path::Marks;
use crate::cluster::{Gateway, IpvsState, Observed};
use crate::error::Result;
use crate::host::Host;
use crate::ipvs::{Family, Forwarding, ServiceEntry, ServiceId, Timeouts};
use crate::name::IfName;
use crate::net::{Address, Route, Scope};
use crate::sysctl::SysctlKey;

/// The sysctls of `net.ipv4.vs` that a cluster file takes; they are written where they are not as the
/// kernel begins.
const SYSCTLS: [(&str, &str); 28] = [
    ("amemthresh", "1024"),
    ("am-droprate", "10"),
    ("drop-entry", "0"),
    ("drop-packet", "0"),
    ("secure-tcp", "0"),
    ("conntrack", "0"),
    ("snat-reroute", "1"),
    ("sync-version", "1"),
    ("sync-ports", "1"),
    ("sync-persist-mode", "0"),
    ("sync-sock-size", "0"),
    ("sync-threshold", "3 50"),
    ("sync-refresh-period", "0"),
    ("sync-retries", "0"),
    ("cache-bypass", "0"),
    ("expire-nodest-conn", "0"),
    ("expire-quiescent-template", "0"),
    ("sloppy-tcp", "0"),
    ("sloppy-sctp", "0"),
    ("nat-icmp-send", "0"),
    ("pmtu-disc", "1"),
    ("backup-only", "0"),
    ("conn-reuse-mode", "1"),
    ("schedule-icmp", "0"),
    ("ignore-tunneled", "0"),
    ("run-estimation", "1"),
    ("est-nice", "0"),
    ("conn-lfactor", "-4"),
];

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

    /// Imports the default route, where the file can say the same; every other route stays as it is.
    fn routes(&mut self, observed: &Observed) {
        for route in &observed.routes {
            let id = self.tally.add(&self.kernel, &format!("route {route}"));
            match self.gateway(route, observed) {
                Some(gateway) => {
                    self.draft.gateway = Some(gateway);
                    self.tally.carried(id, "director.gateway");
                }
                None => self.tally.left(
                    id,
                    "the route stays unchanged: a cluster file has only a default gateway",
                ),
            }
        }
    }

    /// Returns the first gateway of a file that makes this route; a director has one.
    fn gateway(&self, route: &Route, observed: &Observed) -> Option<Gateway> {
        if !route.id.is_default() || route.id.metric != 0 {
            return None;
        }
        match (&self.draft.gateway, route.gateway) {
            (None, Some(address)) => self.neighbour(route, address),
            (None, None) => self.through(route, observed),
            // Of both families.
            (Some(gateway), None) => {
                let same = self.through(route, observed);
                same.filter(|same| same == gateway)
            }
            (Some(_), Some(_)) => None,
        }
    }

    fn neighbour(&self, route: &Route, address: IpAddr) -> Option<Gateway> {
        let made = |interface: &IfName, on_link| Route {
            interface: Some(interface.clone()),
            on_link,
            protocol: route.protocol,
            advmss: route.advmss,
            ..Route::via(route.id.destination, address)
        };
        let addresses = self.draft.addresses.iter().map(|draft| &draft.address.id);
        let near: Vec<_> = addresses
            .filter(|id| id.network.contains(&address))
            .collect();
        if near.iter().any(|id| id.network.addr() == address) {
            return None;
        }
        let nearest = near.iter().rev().max_by_key(|id| id.network.prefix_len());
        if nearest.is_some_and(|id| *route == made(&id.interface, false)) {
            return Some(Gateway::Near(address));
        }
        let interface = route.interface.as_ref()?;
        let is_beside = near.iter().any(|id| id.interface == *interface);
        let on_link = route.on_link;
        let is_it = (on_link || is_beside) && *route == made(interface, on_link);
        is_it.then(|| Gateway::On {
            address,
            interface: interface.clone(),
            on_link,
        })
    }

    /// A gateway by the interface alone makes a route of each family that has addresses there, or of all.
    fn through(&self, route: &Route, observed: &Observed) -> Option<Gateway> {
        let interface = route
            .interface
            .as_ref()
            .filter(|name| **name != IfName::LO)?;
        let is_it = |found: &Route| {
            let is_ipv4 = found.id.destination.addr().is_ipv4();
            let made = Route {
                interface: Some(interface.clone()),
                scope: if is_ipv4 { Scope::LINK } else { Scope::GLOBAL },
                protocol: found.protocol,
                advmss: found.advmss,
                ..Route::to(found.id)
            };
            found.id.is_default() && found.id.metric == 0 && *found == made
        };
        let family = |ip: IpAddr| Family::from(ip);
        let routed = observed.routes.iter().filter(|found| is_it(found));
        let routed: BTreeSet<_> = routed
            .map(|found| family(found.id.destination.addr()))
            .collect();
        let ids = || self.draft.addresses.iter().map(|draft| &draft.address.id);
        let on_it: BTreeSet<_> = ids()
            .filter(|id| id.interface == *interface)
            .map(|id| family(id.network.addr()))
            .collect();
        let made = match on_it.is_empty() {
            true => ids().map(|id| family(id.network.addr())).collect(),
            false => on_it,
        };
        let is_all = is_it(route) && routed == made;
        is_all.then(|| Gateway::Through(interface.clone()))
    }

    fn sysctls(&mut self, observed: &Observed) {
        for (key, value) in &observed.sysctls {
            let id = self
                .tally
                .add(&self.kernel, &format!("sysctl {key} = {value}"));
            if *key == SysctlKey::IP_FORWARD {
                self.ip_forward(id, value);
                continue;
            }
            let name = key
                .as_str()
                .strip_prefix("net/ipv4/vs/")
                .unwrap_or_default();
            let name = name.replace('_', "-");
            let known = SYSCTLS.iter().find(|(known, _)| *known == name);
            match known.map(|(_, default)| value.split_whitespace().eq(default.split_whitespace()))
            {
                Some(false) => {
                    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
                    self.draft.sysctl_lines.insert(name.clone(), id);
                    self.draft.sysctls.insert(name, value);
                    self.tally.carried(id, "ipvs");
                }
                Some(true) => self.tally.left(id, "it is the kernel's default"),
                None => self.tally.left(id, "it follows from the services"),
            }
        }
    }

    /// Where there is masquerading the file implies 1, and refuses 0.
    fn ip_forward(&mut self, id: super::report::DirectiveId, value: &str) {
        let destinations = self
            .draft
            .services
            .iter()
            .flat_map(|service| &service.destinations);
        let mut methods = destinations.map(|draft| draft.destination.forwarding);
        match (
            value,
            methods.any(|method| method == Forwarding::Masquerade),
        ) {
            ("0", true) => self
                .tally
                .left(id, "masquerading needs 1: answers would never leave"),
            ("1", _) => {
                self.draft.ip_forward = Some(true);
                self.tally.carried(id, "director.ip-forward");
            }
            _ => self.tally.left(id, "it is the kernel's default"),
        }
    }

    fn timeouts(&mut self, observed: &Observed) {
        let Timeouts { tcp, tcp_fin, udp } = observed.timeouts();
        let text = format!("timeouts {tcp} {tcp_fin} {udp}");
        let id = self.tally.add(&self.kernel, &text);
        match observed.timeouts() == IpvsState::DEFAULT_TIMEOUTS {
            true => self.tally.left(id, "they are the kernel's defaults"),
            false => {
                self.draft.timeouts = observed.timeouts();
                self.tally.carried(id, "ipvs");
            }
        }
    }

    /// `[sync]` stands for both daemons, alike.
    fn daemons(&mut self, observed: &Observed) {
        let mixed = observed.services().iter().any(|found| {
            let family = found.service.id.family();
            found
                .destinations
                .iter()
                .any(|destination| destination.id.family() != family)
        });
        for daemon in &observed.daemons {
            let text = format!(
                "daemon {} {} id {}",
                daemon.role, daemon.interface, daemon.sync_id
            );
            let id = self.tally.add(&self.kernel, &text);
            match rules::sync(daemon) {
                Ok(_) if mixed => self.tally.left(id, MIXED),
                Ok(sync) if self.draft.sync.as_ref().is_none_or(|other| *other == sync) => {
                    self.draft.sync = Some(sync);
                    self.tally.carried(id, "sync");
                }
                Ok(_) => self.tally.left(id, "it differs from the other daemon"),
                Err(reason) => self.tally.left(id, reason),
            }
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
