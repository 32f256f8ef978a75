//! Announcing addresses that attract traffic (gratuitous ARP, unsolicited NA): neighbours may remember another
//! host.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use super::ApplyEvent;
use crate::cluster::change::Object;
use crate::cluster::plan::Phase;
use crate::cluster::{DesiredState, Neighbourhood, NodeKind, Role};
use crate::error::Error;
use crate::host::Host;
use crate::name::IfName;
use crate::net::{self, Address, AddressId};
use crate::sysctl::{Conf, SysctlKey};

/// How often an active director announces the floating addresses: a frame may be lost.
const TIMES: u32 = 5;
/// The time from one announcement to the next: what loses a frame, a full queue or a learning bridge, takes time.
const PAUSE: Duration = Duration::from_millis(200);

/// Tells that an address has been announced. Its text is `172.16.5.11/32 on eth0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Announcement {
    /// The address.
    pub address: Address,
    /// The links on which neighbours ask for it: others than its own where that has none, as `lo` or a dummy.
    pub links: BTreeSet<IfName>,
}

impl fmt::Display for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let links: Vec<_> = self.links.iter().map(IfName::as_str).collect();
        write!(f, "{} on {}", self.address.id.network, links.join(" and "))
    }
}

/// What has been announced of the addresses of one node.
pub(super) struct Announcer<'a> {
    node: Option<&'a DesiredState>,
    /// The addresses that were announced at once.
    announced: Vec<Address>,
    /// The links where questions for each of them arrive.
    links: BTreeMap<AddressId, BTreeSet<IfName>>,
    /// The links on which the last announcement failed.
    failures: BTreeMap<IfName, Error>,
}

impl<'a> Announcer<'a> {
    /// Only a director announces.
    pub(super) fn new(node: Option<&'a DesiredState>) -> Self {
        Self {
            node: node.filter(|node| node.kind == NodeKind::Director),
            announced: Vec::new(),
            links: BTreeMap::new(),
            failures: BTreeMap::new(),
        }
    }

    /// Announces addresses as soon as they are added: each moment before is lost.
    pub(super) fn phase_is_done(&mut self, phase: &Phase, host: &mut Host) {
        let Some(node) = self.node else { return };
        let added = phase
            .steps
            .iter()
            .filter_map(|step| match step.change.after() {
                Some(Object::Address(address)) => Some(&**address),
                _ => None,
            });
        let added: Vec<_> = added
            .filter(|address| node.announces(address))
            .cloned()
            .collect();
        self.announce(&added, host);
        self.announced.extend(added);
    }

    /// Announces again where another director may have carried the addresses before: even those that no
    /// step has added, because an earlier apply may have been interrupted before it announced them.
    pub(super) fn all_is_done(mut self, host: &mut Host, events: &mut dyn FnMut(ApplyEvent<'_>)) {
        let mut announced = self.announced.clone();
        if let Some(node) = self.node.filter(|node| node.role == Some(Role::Active)) {
            announced = node
                .addresses
                .iter()
                .map(|desired| &desired.value)
                .filter(|address| node.announces(address))
                .cloned()
                .collect();
            let first: Vec<_> = announced
                .iter()
                .filter(|address| !self.announced.contains(address))
                .cloned()
                .collect();
            self.announce(&first, host);
            for _ in 1..TIMES {
                thread::sleep(PAUSE);
                self.announce(&announced, host);
            }
        }
        let announced: Vec<_> = announced
            .iter()
            .filter_map(|address| self.announcement(address))
            .collect();
        if !announced.is_empty() {
            events(ApplyEvent::Announced(&announced));
        }
        self.failures
            .values()
            .for_each(|error| events(ApplyEvent::NotAnnounced(error)));
    }

    /// Returns what was announced of an address; `None` where that failed, or no neighbour asks for it.
    fn announcement(&self, address: &Address) -> Option<Announcement> {
        let links = self.links.get(&address.id)?;
        let failed = |link| self.failures.contains_key(link);
        let is_done = !links.is_empty() && !links.iter().any(failed);
        is_done.then(|| Announcement {
            address: address.clone(),
            links: links.clone(),
        })
    }

    /// Announces addresses on the links where questions for them arrive.
    fn announce(&mut self, addresses: &[Address], host: &mut Host) {
        if addresses.is_empty() {
            return;
        }
        let neighbourhood = match Neighbourhood::read(host) {
            Ok(neighbourhood) => neighbourhood,
            Err(error) => {
                self.failures.insert(IfName::LO, error);
                return;
            }
        };
        let mut by_link: BTreeMap<IfName, Vec<IpAddr>> = BTreeMap::new();
        for Address { id, .. } in addresses {
            let links = neighbourhood.arrival().answering_links_of(id);
            for link in &links {
                let ips = by_link.entry(link.clone()).or_default();
                ips.push(id.network.addr());
            }
            self.links.insert(id.clone(), links);
        }
        for (link, ips) in by_link {
            let key = SysctlKey::ipv6_forwarding(&Conf::Interface(link.clone()));
            let is_router = host.sysctl().read(&key).is_ok_and(|value| value != "0");
            match net::announce(&link, &ips, is_router) {
                Ok(()) => self.failures.remove(&link),
                Err(error) => self.failures.insert(link, error),
            };
        }
    }
}

impl DesiredState {
    /// Returns whether an address is announced. An IPv6 address under duplicate address detection is not: it
    /// may prove to be another host's. Neither is a floating address that a standby director carries as a
    /// real server.
    pub(in crate::cluster) fn announces(&self, address: &Address) -> bool {
        let ip = address.id.network.addr();
        let is_sure = ip.is_ipv4() || address.no_dad;
        let is_elsewhere = self.role == Some(Role::Standby) && self.floating.contains(&ip);
        self.attracts_traffic(&address.id) && is_sure && !is_elsewhere
    }
}
