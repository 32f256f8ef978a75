//! Whether another host uses an address that is going to be added: asked on the link (RFC 5227), before the change.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use super::{ApplyEvent, ApplyFailure};
use crate::cluster::change::{Change, Object, ObjectId};
use crate::cluster::plan::{Obstacle, Phase, Plan, Refusal};
use crate::cluster::{DesiredState, Neighbourhood, NodeKind, Observed, Role};
use crate::error::{Error, Operation, Result};
use crate::host::Host;
use crate::name::IfName;
use crate::net::{self, AddressId, MacAddress};

/// The wait for answers, for all addresses at once; each question is sent three times within it.
const WAIT: Duration = Duration::from_millis(450);

/// The addresses that a plan adds to this host and that have not been asked for yet.
pub(super) struct Conflicts<'a> {
    /// The node whose addresses they are.
    node: Option<&'a DesiredState>,
    pending: Vec<AddressId>,
}

/// Says whether an active director may take floating addresses from the other one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::cluster) enum Takeover {
    /// The role was given, or the director has been active since the boot.
    #[default]
    Given,
    /// The role is remembered from before: the other director may be active by now.
    Remembered,
}

impl<'a> Conflicts<'a> {
    pub(super) fn of(
        node: Option<&'a DesiredState>,
        takeover: Takeover,
        plan: &Plan,
        before: &Observed,
    ) -> Self {
        let carried: BTreeSet<_> = before
            .addresses
            .iter()
            .map(|address| address.id.network.addr())
            .collect();
        let added = plan
            .steps()
            .filter_map(|step| match &step.change {
                Change::Add(Object::Address(address)) => Some(&address.id),
                _ => None,
            })
            .chain(node.into_iter().flat_map(|node| node.withdrawn(takeover)))
            .filter(|id| {
                !carried.contains(&id.network.addr())
                    && node.is_some_and(|node| !node.may_be_elsewhere(id, takeover))
            });
        Self {
            node,
            pending: added.cloned().collect(),
        }
    }

    /// Asks for the addresses whose links are up already, before anything is changed, and does something else while it
    /// waits for the answers; nothing else if it does not wait.
    pub(super) fn ask_early(
        &mut self,
        host: &mut Host,
        meanwhile: &mut dyn FnMut(),
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<(), ApplyFailure> {
        self.ask(When::Early, host, meanwhile, events)
    }

    /// Asks for the other addresses before the first phase that adds any of them: their links are set up by
    /// then.
    pub(super) fn before_phase(
        &mut self,
        phase: &Phase,
        host: &mut Host,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<(), ApplyFailure> {
        let pending: HashSet<_> = self.pending.iter().collect();
        let is_due = phase.steps.iter().any(|step| match step.change.newest() {
            Object::Address(address) => pending.contains(&address.id),
            _ => false,
        });
        match is_due {
            true => self.ask(When::Last, host, &mut || (), events),
            false => Ok(()),
        }
    }

    fn ask(
        &mut self,
        when: When,
        host: &mut Host,
        meanwhile: &mut dyn FnMut(),
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<(), ApplyFailure> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let neighbourhood = Neighbourhood::read(host)
            .map_err(ApplyFailure::Unreadable)?
            .with(self.node);
        let mut questions = self.take_questions(&neighbourhood, when);
        questions.retain(|link, _| {
            let is_heard = neighbourhood.has_carrier(link);
            if !is_heard {
                events(ApplyEvent::NotAsked(&without_carrier(link)));
            }
            is_heard
        });
        let mut refusals = Vec::new();
        for (link, answers) in ask_all(&questions, meanwhile) {
            match answers {
                Ok(answers) => refusals.extend(
                    answers
                        .into_iter()
                        .filter(|(_, mac)| !neighbourhood.has_mac(*mac))
                        .filter_map(|(ip, mac)| {
                            let floats = self.is_floating(ip);
                            refusal(questions.get(link)?, link, ip, mac, floats)
                        }),
                ),
                Err(error) => events(ApplyEvent::NotAsked(&error)),
            }
        }
        match refusals.is_empty() {
            true => Ok(()),
            false => Err(ApplyFailure::Refused(refusals)),
        }
    }

    fn is_floating(&self, ip: IpAddr) -> bool {
        let node = self.node.filter(|node| node.role.is_some());
        node.is_some_and(|node| node.floating.contains(&ip))
    }

    /// Takes the addresses that can be asked for now, by link; early, those that have to wait for a link stay.
    fn take_questions(
        &mut self,
        neighbourhood: &Neighbourhood,
        when: When,
    ) -> BTreeMap<IfName, Vec<AddressId>> {
        let mut questions: BTreeMap<IfName, Vec<AddressId>> = BTreeMap::new();
        self.pending.retain(|id| {
            let links = neighbourhood.arrival().links_of(id);
            let is_ready =
                !links.is_empty() && links.iter().all(|link| neighbourhood.has_carrier(link));
            if when == When::Early && !is_ready {
                return true;
            }
            for link in links {
                questions.entry(link).or_default().push(id.clone());
            }
            false
        });
        questions
    }
}

/// The two moments at which is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// Before the first change: only on links that are up.
    Early,
    /// Before the first address is added.
    Last,
}

/// The addresses of a link that other hosts have, with their MAC addresses.
type Owners = Vec<(IpAddr, MacAddress)>;

/// Asks on all links at once, and does something else meanwhile. A new thread is in the network namespace of the one
/// that starts it.
fn ask_all<'a>(
    questions: &'a BTreeMap<IfName, Vec<AddressId>>,
    meanwhile: &mut dyn FnMut(),
) -> Vec<(&'a IfName, Result<Owners>)> {
    thread::scope(|scope| {
        let asked: Vec<_> = questions
            .iter()
            .map(|(link, ids)| {
                let ips: Vec<_> = ids.iter().map(|id| id.network.addr()).collect();
                (link, scope.spawn(move || net::owners(link, &ips, WAIT)))
            })
            .collect();
        if !asked.is_empty() {
            meanwhile();
        }
        asked
            .into_iter()
            .filter_map(|(link, thread)| Some((link, thread.join().ok()?)))
            .collect()
    })
}

fn without_carrier(link: &IfName) -> Error {
    let operation = Operation::new("ask who has the new addresses on", link);
    Error::invalid(operation, "the link has no carrier")
}

fn refusal(
    asked: &[AddressId],
    link: &IfName,
    ip: IpAddr,
    mac: MacAddress,
    floats: bool,
) -> Option<Refusal> {
    let id = asked.iter().find(|id| id.network.addr() == ip)?;
    let in_use = format!("is in use: {mac} answers for {ip} on {link}");
    Some(match floats {
        true => Refusal {
            obstacle: Obstacle::Floating(id.clone()),
            problem: format!("{in_use}, and this director was active before, not since"),
            hint: "begin with --role standby, or take over with --role active".to_owned(),
        },
        false => Refusal::of(
            ObjectId::Address(id.clone()),
            in_use,
            "choose another address, or remove it from that host first",
        ),
    })
}

impl DesiredState {
    /// Returns whether another host may rightly have an address that this node adds: real servers share
    /// virtual IPs, and the active one of two directors takes over floating addresses. What a director carries as a
    /// real server is shared, too.
    fn may_be_elsewhere(&self, id: &AddressId, takeover: Takeover) -> bool {
        let is_shared = match (self.kind, self.role) {
            (NodeKind::RealServer, _) => true,
            (NodeKind::Director, None) => false,
            (NodeKind::Director, Some(Role::Active)) => {
                takeover == Takeover::Given || id.interface == IfName::LO
            }
            (NodeKind::Director, Some(Role::Standby)) => true,
        };
        is_shared && self.attracts_traffic(id)
    }

    /// Returns the floating addresses that an active director withholds for now, and that it will not ask for again.
    fn withdrawn(&self, takeover: Takeover) -> impl Iterator<Item = &AddressId> {
        let is_asked = self.role == Some(Role::Active) && takeover == Takeover::Remembered;
        let absent = self.absent.iter().filter(move |_| is_asked);
        absent.map(|desired| &desired.value.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Address, Link};

    fn id(interface: &str, network: &str) -> AddressId {
        Address::new(interface.parse().unwrap(), network.parse().unwrap()).id
    }

    fn link(name: &str, up: bool) -> Link {
        Link {
            index: 1,
            name: name.parse().unwrap(),
            up,
            carrier: up,
            arp: true,
            mtu: 1500,
            mac: Some(MacAddress([2, 0, 0, 0, 0, 1])),
            kind: None,
            controller: None,
        }
    }

    #[test]
    fn a_link_that_is_down_is_asked_later() {
        let (ready, later) = (id("eth0", "192.168.1.11/24"), id("eth1", "10.0.0.1/24"));
        let mut conflicts = Conflicts {
            node: None,
            pending: vec![ready.clone(), later.clone()],
        };
        let mut seen = Neighbourhood {
            links: vec![link("eth0", true), link("eth1", false)],
            ..Neighbourhood::default()
        };
        let early = conflicts.take_questions(&seen, When::Early);
        assert_eq!(
            early,
            BTreeMap::from([("eth0".parse().unwrap(), vec![ready])])
        );
        assert_eq!(conflicts.pending, std::slice::from_ref(&later));
        seen.links = vec![link("eth1", true)];
        let last = conflicts.take_questions(&seen, When::Last);
        assert_eq!(
            last,
            BTreeMap::from([("eth1".parse().unwrap(), vec![later])])
        );
        assert!(conflicts.pending.is_empty());
    }

    #[test]
    fn a_refusal_names_address_link_and_hardware_address() {
        let asked = [id("dummy0", "192.168.1.100/32")];
        let mac = MacAddress([2, 0, 0, 0, 0, 9]);
        let ip = [192, 168, 1, 100].into();
        let refusal = refusal(&asked, &"eth0".parse().unwrap(), ip, mac, false).unwrap();
        let text = refusal.to_string();
        for part in ["192.168.1.100/32 on dummy0", "02:00:00:00:00:09", "on eth0"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
