//! Addresses that draw traffic are announced when they have come: neighbours may remember another machine.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use super::Event;
use crate::cluster::change::Object;
use crate::cluster::plan::Phase;
use crate::cluster::{DesiredState, NodeKind, Role};
use crate::error::Error;
use crate::host::Host;
use crate::name::IfName;
use crate::net::{self, Address};
use crate::sysctl::{Conf, SysctlKey};

/// How often an active director says that the floating addresses are here: a frame may be lost.
const TIMES: u32 = 5;
/// The time from one to the next: what loses a frame, a queue or a switch that is learning, takes time.
const PAUSE: Duration = Duration::from_millis(200);

/// What has been said of the addresses of one machine.
pub(super) struct Announcer<'a> {
    node: Option<&'a DesiredState>,
    /// What was said at once.
    said: Vec<Address>,
    /// Where it could not be said when it was last tried.
    failures: BTreeMap<IfName, Error>,
}

impl<'a> Announcer<'a> {
    /// Of a director; of other machines, or of none in particular, there is nothing to say.
    pub(super) fn new(node: Option<&'a DesiredState>) -> Self {
        Self {
            node: node.filter(|node| node.kind == NodeKind::Director),
            said: Vec::new(),
            failures: BTreeMap::new(),
        }
    }

    /// Says that addresses are here as soon as they are: each moment before is lost.
    pub(super) fn phase_is_done(&mut self, phase: &Phase, host: &Host) {
        let Some(node) = self.node else { return };
        let added = phase
            .steps
            .iter()
            .filter_map(|step| match step.change.after() {
                Some(Object::Address(address)) => Some(address),
                _ => None,
            });
        let added: Vec<_> = added.filter(|it| is_told(node, it)).cloned().collect();
        self.say(&added, host);
        self.said.extend(added);
    }

    /// Says it again where another director may have had them before: even of those that nothing had to
    /// be done for, as an apply may have been cut short before it was said.
    pub(super) fn all_is_done(mut self, host: &Host, events: &mut dyn FnMut(Event<'_>)) {
        let mut told = self.said.clone();
        if let Some(node) = self.node.filter(|node| node.role == Some(Role::Active)) {
            let addresses = node.addresses.iter().map(|wanted| &wanted.value);
            told = addresses.filter(|it| is_told(node, it)).cloned().collect();
            let first: Vec<_> = told
                .iter()
                .filter(|it| !self.said.contains(it))
                .cloned()
                .collect();
            self.say(&first, host);
            for _ in 1..TIMES {
                thread::sleep(PAUSE);
                self.say(&told, host);
            }
        }
        told.retain(|address| !self.failures.contains_key(&address.id.interface));
        if !told.is_empty() {
            events(Event::Announced(&told));
        }
        self.failures
            .values()
            .for_each(|error| events(Event::NotAnnounced(error)));
    }

    fn say(&mut self, addresses: &[Address], host: &Host) {
        let mut interfaces: BTreeMap<&IfName, Vec<IpAddr>> = BTreeMap::new();
        for Address { id, .. } in addresses {
            interfaces
                .entry(&id.interface)
                .or_default()
                .push(id.network.addr());
        }
        for (interface, ips) in interfaces {
            let key = SysctlKey::ipv6_forwarding(&Conf::Interface(interface.clone()));
            let is_router = host.sysctl().read(&key).is_ok_and(|value| value != "0");
            match net::announce(interface, &ips, is_router) {
                Ok(()) => self.failures.remove(interface),
                Err(error) => self.failures.insert(interface.clone(), error),
            };
        }
    }
}

/// An IPv6 address that others are still asked about is not announced: it may prove to be theirs.
fn is_told(node: &DesiredState, address: &Address) -> bool {
    let is_sure = address.id.network.addr().is_ipv4() || address.no_dad;
    node.attracts_traffic(&address.id) && address.id.interface != IfName::LO && is_sure
}
