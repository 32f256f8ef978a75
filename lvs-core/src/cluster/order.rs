//! The order across nodes.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::change::{Change, Object, Step};
use super::plan::Plan;
use super::{
    Cluster, Desired, DesiredState, Director, NodeKind, NodeName, Observed, PlanOptions,
    RealServer, Role,
};
use crate::ipvs::{Family, Forwarding};

/// Says what is done on a node in a step of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RolloutAction {
    /// What the new cluster adds is applied, and what it removes stays.
    Grow,
    /// The new cluster is applied.
    Apply,
    /// The old cluster is removed.
    Remove,
}

impl fmt::Display for RolloutAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Grow => "grow",
            Self::Apply => "apply",
            Self::Remove => "remove",
        })
    }
}

/// Is one step of a rollout: an action on a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RolloutStep {
    /// What is done.
    #[serde(rename = "turn")]
    pub action: RolloutAction,
    /// The node.
    pub node: NodeName,
    /// The role in which one of two directors begins. One that has begun keeps its role, which no file knows.
    pub role: Option<Role>,
    /// Why it is done then and not earlier.
    pub why: &'static str,
    /// What clients feel of it, where no order avoids that.
    pub outage: Option<String>,
}

impl RolloutStep {
    fn new(action: RolloutAction, node: &NodeName, why: &'static str) -> Self {
        Self {
            action,
            node: node.clone(),
            role: None,
            why,
            outage: None,
        }
    }

    /// Returns the step by which a director gets what is new before real servers change over to it.
    fn growing(&self) -> Self {
        Self {
            action: RolloutAction::Grow,
            why: "its old address stays until the real servers use the new one",
            outage: None,
            ..self.clone()
        }
    }
}

fn steps<'a>(
    action: RolloutAction,
    nodes: impl IntoIterator<Item = &'a NodeName>,
    why: &'static str,
) -> Vec<RolloutStep> {
    nodes
        .into_iter()
        .map(|node| RolloutStep::new(action, node, why))
        .collect()
}

impl Cluster {
    /// Returns the steps by which the nodes are changed without a client noticing, make before break. With an
    /// `old` cluster, nodes that stay as they are have no step.
    ///
    /// Real servers grow first, so that no client is sent to one that is not ready: they get what is new and
    /// keep what is old. Then the director changes; then the real servers lose what no client needs any more;
    /// then the nodes that leave are removed. Where the real servers get another address of the director as
    /// their gateway, the director grows before they change over.
    ///
    /// A node whose name changed but whose addresses did not is the same node. An outage that no order avoids
    /// is named in its step.
    ///
    /// Of two directors the file's second one is first: it begins as standby. When both have begun, the
    /// standby is first, and no file knows which one that is.
    #[must_use]
    pub fn rollout(&self, old: Option<&Self>) -> Vec<RolloutStep> {
        match old {
            Some(old) => Transition { old, new: self }.steps(),
            None => {
                let servers = self.real_servers().iter().map(|server| &server.name);
                [
                    steps(RolloutAction::Apply, servers, BEFORE_CLIENTS),
                    self.director_steps(self.directors().iter(), None),
                ]
                .concat()
            }
        }
    }

    /// Returns the order in which the cluster is removed: the director first, so that no client is sent to a
    /// real server that is being removed.
    #[must_use]
    pub fn takedown(&self) -> Vec<RolloutStep> {
        let servers = self.real_servers().iter().map(|server| &server.name);
        let directors = self.directors().iter().rev();
        [
            steps(
                RolloutAction::Remove,
                directors.map(|director| &director.name),
                "so that no client is sent to a real server",
            ),
            steps(
                RolloutAction::Remove,
                servers,
                "no client is sent to it any more",
            ),
        ]
        .concat()
    }

    /// Returns the steps of the directors, the second one first: a standby sends no clients.
    fn director_steps<'a>(
        &'a self,
        changing: impl DoubleEndedIterator<Item = &'a Director>,
        old: Option<&Self>,
    ) -> Vec<RolloutStep> {
        let begins = |director: &Director| {
            let was = old.and_then(|old| self.former_name(&director.name, old));
            was.is_none() || old.is_some_and(|old| old.is_paired() != self.is_paired())
        };
        let both_begin = self.directors().iter().all(begins);
        let step = |director: &Director| {
            let role = match both_begin {
                true => self.first_role(director),
                false => (self.is_paired() && begins(director)).then_some(Role::Standby),
            };
            let why = match role {
                Some(Role::Standby) => "ready to take over before clients are sent",
                _ => "its real servers are ready",
            };
            RolloutStep {
                role,
                ..RolloutStep::new(RolloutAction::Apply, &director.name, why)
            }
        };
        changing.rev().map(step).collect()
    }

    /// Returns the name that a node has in the old cluster: the same, or that of a node which the new cluster
    /// does not name and which has one of its addresses.
    pub(super) fn former_name<'a>(&self, name: &NodeName, old: &'a Self) -> Option<&'a NodeName> {
        let same = old.node_named(name);
        same.or_else(|| {
            let kind = self.kind_of(name);
            let addresses = self.unique_addresses(name);
            old.node_names()
                .filter(|former| self.lacks(former) && old.kind_of(former) == kind)
                .find(|former| !old.unique_addresses(former).is_disjoint(&addresses))
        })
    }

    fn kind_of(&self, name: &NodeName) -> NodeKind {
        match self.director(name.as_str()) {
            Some(_) => NodeKind::Director,
            None => NodeKind::RealServer,
        }
    }

    fn lacks(&self, name: &NodeName) -> bool {
        self.node_named(name).is_none()
    }

    /// Returns how a node looks that is active if it has a role.
    fn active_node(&self, name: &NodeName) -> Option<DesiredState> {
        let active = self.node_as(name.as_str(), Role::Active);
        active.or_else(|| self.node(name.as_str()))
    }
}

impl Cluster {
    /// Returns the outages that no order of the change from the old cluster avoids, each with the node whose
    /// step it is; those of a changed forwarding method are not among them.
    #[cfg(feature = "check")]
    pub(crate) fn outages(&self, old: &Self) -> Vec<(NodeName, String)> {
        let transition = Transition { old, new: self };
        let director = self.directors().first().map(|director| &director.name);
        let unserved = transition
            .unserved()
            .filter_map(|outage| Some((director?.clone(), outage)));
        let others = self
            .rollout(Some(old))
            .into_iter()
            .filter(|step| self.director(step.node.as_str()).is_none())
            .filter_map(|step| Some((step.node, step.outage?)));
        // A node that grows first has two steps.
        unserved
            .chain(others)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }
}

const BEFORE_CLIENTS: &str = "before clients are sent to it";

/// The way from one cluster to another.
#[derive(Clone, Copy)]
struct Transition<'a> {
    old: &'a Cluster,
    new: &'a Cluster,
}

/// What a staying real server gets and what it loses.
struct Staying<'a> {
    name: &'a NodeName,
    /// Whether it needs more than it has.
    gains: bool,
    /// Whether something that it has is removed or replaced.
    loses: bool,
    /// Whether its default route gets an address of the director as another gateway.
    reroutes: bool,
    /// Whether the old director sends clients to an address that it loses.
    moves: bool,
}

impl<'a> Transition<'a> {
    fn steps(self) -> Vec<RolloutStep> {
        let Self { old, new } = self;
        let staying: Vec<_> = self.staying().collect();
        let reroutes = staying.iter().any(|server| server.reroutes);
        let changing = new
            .directors()
            .iter()
            .filter(|director| self.changes(&director.name));
        let former: BTreeSet<_> = new
            .node_names()
            .filter_map(|name| new.former_name(name, old))
            .collect();
        let (old_directors, leaving): (Vec<_>, Vec<_>) = old
            .node_names()
            .filter(|name| !former.contains(name))
            .partition(|name| old.kind_of(name) == NodeKind::Director);
        let changing_over = staying.iter().filter(|server| server.reroutes);
        let losing = staying
            .iter()
            .filter(|server| server.loses && !server.reroutes);
        let mut directors = new.director_steps(changing, Some(old));
        let growing = directors
            .iter()
            .filter(|step| reroutes && step.role != Some(Role::Standby))
            .filter(|step| new.former_name(&step.node, old).is_some())
            .map(RolloutStep::growing)
            .collect();
        if let Some(first) = directors.first_mut() {
            first.outage = self.outage();
        }
        let mut steps = [
            self.ready_servers(&staying),
            self.removed_directors(&old_directors),
            growing,
            changing_over.map(Staying::change_over).collect(),
            directors,
            steps(
                RolloutAction::Apply,
                losing.map(|server| server.name),
                "no client needs what this step deletes",
            ),
            steps(
                RolloutAction::Remove,
                leaving,
                "no client is sent to it any more",
            ),
        ]
        .concat();
        let held: Vec<_> = (0..steps.len()).map(|i| self.held(&steps, i)).collect();
        for (step, held) in steps.iter_mut().zip(held) {
            let outages = step.outage.take().into_iter().chain(held);
            step.outage = outages.reduce(|first, second| format!("{first}; {second}"));
        }
        steps
    }

    /// Returns what prevents a step: an address that the node gets and that another node loses later.
    fn held(self, steps: &[RolloutStep], i: usize) -> Option<String> {
        let Self { old, new } = self;
        let (before, from) = steps.split_at_checked(i)?;
        let step = from
            .first()
            .filter(|step| step.action != RolloutAction::Remove)?;
        let former = new.former_name(&step.node, old);
        let gets: BTreeSet<_> = new
            .addresses_of(&step.node)
            .map(|address| address.id.network.addr())
            .collect();
        old.node_names()
            .filter(|holder| Some(*holder) != former)
            .filter(|holder| !before.iter().any(|step| self.releases(step, holder)))
            .find_map(|holder| {
                let held = old.unique_addresses(holder);
                let ip = held.intersection(&gets).next()?;
                Some(format!(
                    "{ip} is still an address of {holder}, and the step is refused while that answers for it: \
                     first apply a file without it there"
                ))
            })
    }

    /// Returns whether a node of the old cluster has lost its old addresses after a step.
    fn releases(self, step: &RolloutStep, holder: &NodeName) -> bool {
        match step.action {
            RolloutAction::Grow => false,
            RolloutAction::Apply => self.new.former_name(&step.node, self.old) == Some(holder),
            RolloutAction::Remove => step.node == *holder,
        }
    }

    /// Returns the steps of real servers that get something: those that lose nothing are done with it.
    fn ready_servers(self, staying: &[Staying<'_>]) -> Vec<RolloutStep> {
        let step = |server: &RealServer| {
            let name = &server.name;
            let action = match staying.iter().find(|staying| staying.name == name) {
                None => RolloutAction::Apply,
                Some(staying) if !staying.gains => return None,
                Some(staying) if staying.loses => RolloutAction::Grow,
                Some(_) => RolloutAction::Apply,
            };
            Some(RolloutStep::new(action, name, BEFORE_CLIENTS))
        };
        self.new
            .real_servers()
            .iter()
            .filter(|server| self.changes(&server.name))
            .filter_map(step)
            .collect()
    }

    /// Returns the removals of directors that are no nodes of the new cluster, or have become real servers.
    fn removed_directors(self, names: &[&NodeName]) -> Vec<RolloutStep> {
        let until = self.new.directors().first().map(|director| &director.name);
        let outage = |name: &NodeName| match (self.old.is_paired(), until) {
            (false, Some(until)) => Some(format!(
                "no director has the virtual IPs from the removal of {name} until the apply on {until}: only one host may carry them"
            )),
            _ => Some(format!(
                "if {name} is the active director, clients are not served until the other one is active: make it active first"
            )),
        };
        let mut removed = steps(
            RolloutAction::Remove,
            names.iter().copied(),
            "before another director carries its virtual IPs",
        );
        for step in &mut removed {
            step.outage = outage(&step.node);
        }
        removed
    }

    /// Returns the real servers that both clusters have and that change.
    fn staying(self) -> impl Iterator<Item = Staying<'a>> {
        let names = self.new.real_servers().iter().map(|server| &server.name);
        names
            .filter(move |name| self.changes(name))
            .filter_map(move |name| self.stays(name))
    }

    fn stays(self, name: &'a NodeName) -> Option<Staying<'a>> {
        let Self { old, new } = self;
        let former = new.former_name(name, old)?;
        let (was, is) = (old.active_node(former)?, new.active_node(name)?);
        let way = Plan::new(&is, &was.fulfilled(), PlanOptions::default());
        let back = Plan::new(&was, &is.fulfilled(), PlanOptions::default());
        let grown = way.growing();
        let replaces = grown.steps().count() != way.steps().count();
        let gains = !grown.is_empty();
        let is_lost = |step: &Step| !matches!(step.change, Change::Edit(..));
        Some(Staying {
            name,
            gains,
            loses: replaces || back.steps().any(is_lost) || !gains,
            reroutes: way.steps().any(|step| self.is_reroute(&step.change)),
            moves: self.loses_destination(former, name),
        })
    }

    /// Returns whether a default route gets an address of a director as another gateway.
    fn is_reroute(self, change: &Change<Object>) -> bool {
        let Change::Edit(Object::Route(_), Object::Route(route)) = change else {
            return false;
        };
        route.gateway.is_some_and(|gateway| {
            self.new
                .directors()
                .iter()
                .any(|director| director.address(gateway).is_some())
        })
    }

    fn loses_destination(self, former: &NodeName, name: &NodeName) -> bool {
        let (was, is) = (self.old.real_server(former), self.new.real_server(name));
        let (Some(was), Some(is)) = (was, is) else {
            return false;
        };
        [Family::Ipv4, Family::Ipv6].into_iter().any(|family| {
            let ip = was.real_ip(family);
            ip.is_some() && ip != is.real_ip(family)
        })
    }

    /// Returns whether a node has to look different than under the old cluster.
    fn changes(self, name: &NodeName) -> bool {
        let Self { old, new } = self;
        let was = new
            .former_name(name, old)
            .and_then(|former| old.active_node(former));
        let nodes = Arc::default;
        let alike = |state: DesiredState| DesiredState {
            nodes: nodes(),
            ..state
        };
        was.map(alike) != new.active_node(name).map(alike)
    }

    /// Returns what clients feel when the director changes.
    fn outage(self) -> Option<String> {
        let outages: Vec<_> = self.unserved().chain(self.method_changes()).collect();
        (!outages.is_empty()).then(|| outages.join("; "))
    }

    /// Returns the outages of services that the new cluster does not have.
    fn unserved(self) -> impl Iterator<Item = String> + 'a {
        let ids = self.old.services().iter().map(|was| was.service.id);
        ids.filter(move |id| self.new.services().iter().all(|is| is.service.id != *id))
            .map(|id| {
                format!(
                    "{id} is not served any more: give clients its new address first, if it has one"
                )
            })
    }

    /// Returns the outages of destinations that both have, with another forwarding method. What a tunnel and direct
    /// routing need, a real server has at the same time while it grows.
    fn method_changes(self) -> impl Iterator<Item = String> + 'a {
        let pairs = self.new.services().iter().filter_map(move |is| {
            let mut services = self.old.services().iter();
            let was = services.find(|was| was.service.id == is.service.id)?;
            Some((was, is))
        });
        pairs.flat_map(move |(was, is)| {
            is.destinations.iter().filter_map(move |now| {
                let former = self.new.former_name(&now.real_server, self.old)?;
                let mut known = was.destinations.iter();
                let before = known.find(|before| before.real_server == *former)?;
                let is_smooth = matches!(
                    (before.forwarding, now.forwarding),
                    (Forwarding::Tunnel(_), Forwarding::DirectRouting)
                        | (Forwarding::DirectRouting, Forwarding::Tunnel(_))
                );
                (before.forwarding != now.forwarding && !is_smooth).then(|| {
                    format!(
                        "{} by {}: connections fail until director and real server have both changed from {} to {} \
                         (drain it first)",
                        is.service.id, now.real_server, before.forwarding, now.forwarding
                    )
                })
            })
        })
    }
}

impl Staying<'_> {
    fn change_over(&self) -> RolloutStep {
        let outage = self.moves.then(|| {
            format!(
                "clients are sent to the old address of {} until the director has changed, because its gateway changes, too",
                self.name
            )
        });
        RolloutStep {
            outage,
            ..RolloutStep::new(
                RolloutAction::Apply,
                self.name,
                "the director has both the new and the old gateway address",
            )
        }
    }
}

impl DesiredState {
    /// Returns a node that has what is desired and nothing else.
    fn fulfilled(&self) -> Observed {
        let links = self.links.keys();
        let devices = self.tunnels.iter().map(|desired| &desired.value.name);
        Observed {
            links: links
                .chain(devices)
                .map(|name| (name.clone(), true))
                .collect(),
            tunnels: values(&self.tunnels).collect(),
            listeners: values(&self.listeners).collect(),
            addresses: values(&self.addresses).collect(),
            routes: values(&self.routes).collect(),
            sysctls: self
                .sysctls
                .iter()
                .map(|(key, desired)| (key.clone(), desired.value.clone()))
                .collect(),
            ..Observed::default()
        }
    }
}

fn values<T: Clone>(desired: &[Desired<T>]) -> impl Iterator<Item = T> {
    desired.iter().map(|desired| desired.value.clone())
}

#[cfg(all(test, feature = "toml"))]
mod tests {
    use super::*;

    const DR: &str = include_str!("../../../examples/dr.toml");

    fn order(stages: &[RolloutStep]) -> Vec<String> {
        stages
            .iter()
            .map(|stage| format!("{} {}", stage.action, stage.node))
            .collect()
    }

    #[test]
    fn real_servers_then_director() {
        let cluster = Cluster::from_toml(DR).unwrap();
        assert_eq!(
            order(&cluster.rollout(None)),
            ["apply realserver1", "apply realserver2", "apply director"]
        );
        assert_eq!(
            order(&cluster.takedown()),
            [
                "remove director",
                "remove realserver1",
                "remove realserver2"
            ]
        );
        assert_eq!(cluster.rollout(Some(&cluster)), []);
    }

    #[test]
    fn a_replaced_real_server_joins_first_and_leaves_last() {
        let old = Cluster::from_toml(DR).unwrap();
        let text = DR
            .replace("realserver2", "realserver3")
            .replace("192.168.1.13", "192.168.1.14");
        let new = Cluster::from_toml(&text).unwrap();
        assert_eq!(
            order(&new.rollout(Some(&old))),
            ["apply realserver3", "apply director", "remove realserver2"]
        );
    }

    #[test]
    fn a_replaced_director_goes_before_the_new_one_comes() {
        let old = Cluster::from_toml(DR).unwrap();
        let named = DR
            .replace("[director]\n", "[director]\nname = \"lb2\"\n")
            .replace("192.168.1.11", "192.168.1.10");
        let new = Cluster::from_toml(&named).unwrap();
        let steps = new.rollout(Some(&old));
        assert_eq!(order(&steps), ["remove director", "apply lb2"]);
        let outage = steps[0].outage.as_deref().unwrap();
        assert!(outage.starts_with("no director has the virtual IPs from the removal of director"));
    }

    #[test]
    fn a_renamed_node_is_the_same_node() {
        let old = Cluster::from_toml(DR).unwrap();
        for (name, text) in [
            (
                "lb2",
                DR.replace("[director]\n", "[director]\nname = \"lb2\"\n"),
            ),
            ("www1", DR.replace("realserver1", "www1")),
        ] {
            let new = Cluster::from_toml(&text).unwrap();
            let steps = new.rollout(Some(&old));
            let of_node = |step: &&RolloutStep| step.node == *name;
            assert_eq!(steps.iter().filter(of_node).count(), 1, "{steps:?}");
            let removes = |step: &RolloutStep| step.action == RolloutAction::Remove;
            assert!(!steps.iter().any(removes), "{steps:?}");
        }
    }

    #[test]
    fn a_changed_virtual_ip_is_added_before_the_old_one_goes() {
        let old = Cluster::from_toml(DR).unwrap();
        let new = Cluster::from_toml(&DR.replace("172.16.5.11", "172.16.5.12")).unwrap();
        let steps = new.rollout(Some(&old));
        assert_eq!(
            order(&steps),
            [
                "grow realserver1",
                "grow realserver2",
                "apply director",
                "apply realserver1",
                "apply realserver2"
            ]
        );
        let outage = steps[2].outage.as_deref().unwrap();
        assert!(
            outage.starts_with("tcp 172.16.5.11:80 is not served any more"),
            "{outage}"
        );
    }

    #[test]
    fn a_changed_gateway_is_there_before_it_is_used() {
        let nat = include_str!("../../../examples/nat.toml");
        let old = Cluster::from_toml(nat).unwrap();
        let new = nat.replace("192.168.1.11/24", "192.168.1.21/24");
        let steps = Cluster::from_toml(&new).unwrap().rollout(Some(&old));
        assert_eq!(
            order(&steps),
            [
                "grow director",
                "apply realserver1",
                "apply realserver2",
                "apply director"
            ]
        );
        assert!(steps.iter().all(|step| step.outage.is_none()), "{steps:?}");
    }

    #[test]
    fn a_moved_real_server_has_both_addresses_for_a_while() {
        let old = Cluster::from_toml(DR).unwrap();
        let new = Cluster::from_toml(&DR.replace("192.168.1.13/24", "192.168.1.33/24")).unwrap();
        assert_eq!(
            order(&new.rollout(Some(&old))),
            ["grow realserver2", "apply director", "apply realserver2"]
        );
    }

    #[test]
    fn an_address_that_moves_to_another_node_is_held_until_then() {
        let old = Cluster::from_toml(DR).unwrap();
        let swapped = DR
            .replace("192.168.1.12/24", "192.168.1.99/24")
            .replace("192.168.1.13/24", "192.168.1.12/24")
            .replace("192.168.1.99/24", "192.168.1.13/24");
        let steps = Cluster::from_toml(&swapped).unwrap().rollout(Some(&old));
        let outage = steps[0].outage.as_deref().unwrap();
        assert!(
            outage.starts_with("192.168.1.13 is still an address of realserver2"),
            "{outage}"
        );
    }

    const TWO: &str = include_str!("../../../examples/two_directors.toml");

    fn with_roles(stages: &[RolloutStep]) -> Vec<String> {
        let role = |stage: &RolloutStep| stage.role.map(|role| format!(" {role}"));
        let said = |stage: &RolloutStep| role(stage).unwrap_or_default();
        let line = |stage: &RolloutStep| format!("{} {}{}", stage.action, stage.node, said(stage));
        stages.iter().map(line).collect()
    }

    #[test]
    fn of_two_directors_the_standby_begins() {
        let cluster = Cluster::from_toml(TWO).unwrap();
        assert_eq!(
            with_roles(&cluster.rollout(None)),
            [
                "apply realserver1",
                "apply realserver2",
                "apply lb2 standby",
                "apply lb1 active"
            ]
        );
        assert_eq!(
            order(&cluster.takedown())[..2],
            ["remove lb2", "remove lb1"]
        );
        assert_eq!(cluster.rollout(Some(&cluster)), []);
    }

    #[test]
    fn directors_that_have_begun_keep_their_roles() {
        let old = Cluster::from_toml(TWO).unwrap();
        let changed = TWO.replace("\"rr\"", "\"wrr\"");
        let new = Cluster::from_toml(&changed).unwrap();
        assert_eq!(
            with_roles(&new.rollout(Some(&old))),
            ["apply lb2", "apply lb1"]
        );
        let replaced = TWO
            .replace("\"lb1\"", "\"lb3\"")
            .replace("172.16.5.21", "172.16.5.23")
            .replace("192.168.1.21", "192.168.1.23");
        let new = Cluster::from_toml(&replaced).unwrap();
        let turns = ["remove lb1", "apply lb3 standby"];
        assert_eq!(with_roles(&new.rollout(Some(&old))), turns);
    }

    #[test]
    fn a_second_director_joins_before_the_first_one_changes() {
        let lines = || {
            TWO.lines()
                .filter(|line| !line.contains("floating = true }"))
        };
        let one: String = lines().map(|line| format!("{line}\n")).collect();
        let (first, rest) = one.split_once("[[directors]]\nname = \"lb2\"").unwrap();
        let (_, rest) = rest.split_once("[sync]").unwrap();
        let vip = "addresses = [\n{ interface = \"eth0\", address = \"172.16.5.11/16\" },";
        let one = format!("{first}[sync]{rest}")
            .replace("[[directors]]", "[director]")
            .replacen("addresses = [", vip, 1);
        let (old, new) = (Cluster::from_toml(&one), Cluster::from_toml(TWO));
        assert_eq!(
            with_roles(&new.unwrap().rollout(Some(&old.unwrap()))),
            [
                "grow lb1 active",
                "apply realserver1",
                "apply realserver2",
                "apply lb2 standby",
                "apply lb1 active"
            ]
        );
    }

    #[test]
    fn a_weight_is_the_directors_business() {
        let old = Cluster::from_toml(DR).unwrap();
        let new = Cluster::from_toml(&DR.replace("weight = 2", "weight = 5")).unwrap();
        assert_eq!(order(&new.rollout(Some(&old))), ["apply director"]);
    }

    #[test]
    fn a_real_server_that_loses_its_part_is_last() {
        let old = Cluster::from_toml(DR).unwrap();
        let one = "scheduler = \"wrr\"\ndestinations = [{ real-server = \"realserver1\" }]";
        let new = Cluster::from_toml(&DR.replace("scheduler = \"wrr\"", one)).unwrap();
        assert_eq!(
            order(&new.rollout(Some(&old))),
            ["apply director", "apply realserver2"]
        );
    }
}
