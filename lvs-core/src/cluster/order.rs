//! The order across nodes.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::plan::Plan;
use super::{Cluster, DesiredState, Director, NodeName, Observed, PlanOptions, Role};

/// Says what is done on a node in a step of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RolloutAction {
    /// The new cluster is applied.
    Apply,
    /// The old cluster is removed.
    Remove,
}

impl fmt::Display for RolloutAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
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
}

fn steps<'a>(
    action: RolloutAction,
    nodes: impl IntoIterator<Item = &'a NodeName>,
    why: &'static str,
) -> Vec<RolloutStep> {
    let step = |node: &NodeName| RolloutStep {
        action,
        node: node.clone(),
        role: None,
        why,
    };
    nodes.into_iter().map(step).collect()
}

impl Cluster {
    /// Returns the nodes in the order in which they may be changed without a client noticing: real servers
    /// first, so that no client is sent to one that is not ready; then the director; then those that get no
    /// more clients. With an `old` cluster, nodes that stay as they are have no step.
    ///
    /// Of two directors the file's second one is first: it begins as standby. When both have begun, the
    /// standby is first, and no file knows which one that is.
    #[must_use]
    pub fn rollout(&self, old: Option<&Self>) -> Vec<RolloutStep> {
        let servers = self.real_servers().iter().map(|server| &server.name);
        let (gaining, losing): (Vec<_>, Vec<_>) = servers
            .filter(|name| self.changes(old, name))
            .partition(|name| self.gains(old, name));
        let (old_director, leaving): (Vec<_>, Vec<_>) = old
            .map(|old| old.node_names().filter(|name| self.lacks(name)))
            .into_iter()
            .flatten()
            .partition(|name| old.is_some_and(|old| old.director(name.as_str()).is_some()));
        [
            steps(
                RolloutAction::Apply,
                gaining,
                "before clients are sent to it",
            ),
            steps(
                RolloutAction::Remove,
                old_director,
                "before another director carries its virtual IPs",
            ),
            self.director_steps(old),
            steps(
                RolloutAction::Apply,
                losing,
                "no client is sent to it for what it loses",
            ),
            steps(
                RolloutAction::Remove,
                leaving,
                "no client is sent to it any more",
            ),
        ]
        .concat()
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

    /// The second one first: a standby sends no clients.
    fn director_steps(&self, old: Option<&Self>) -> Vec<RolloutStep> {
        let begins = |name: &NodeName| {
            let was = old.and_then(|old| old.director(name.as_str()));
            was.is_none_or(|_| old.is_some_and(|old| old.is_paired() != self.is_paired()))
        };
        let both_begin = self
            .directors()
            .iter()
            .all(|director| begins(&director.name));
        let step = |director: &Director| {
            let role = match both_begin {
                true => self.first_role(director),
                false => (self.is_paired() && begins(&director.name)).then_some(Role::Standby),
            };
            let why = match role {
                Some(Role::Standby) => "ready to take over before clients are sent",
                _ => "its real servers are ready",
            };
            RolloutStep {
                action: RolloutAction::Apply,
                node: director.name.clone(),
                role,
                why,
            }
        };
        self.directors()
            .iter()
            .rev()
            .filter(|director| self.changes(old, &director.name))
            .map(step)
            .collect()
    }

    /// Returns whether a node has to look different than under the old cluster.
    fn changes(&self, old: Option<&Self>, name: &NodeName) -> bool {
        let name = name.as_str();
        let desired = |cluster: &Self| {
            let active = cluster.node_as(name, Role::Active);
            active
                .or_else(|| cluster.node(name))
                .map(|state| DesiredState {
                    // That another node joins or leaves is no change of this one.
                    nodes: BTreeSet::new(),
                    ..state
                })
        };
        old.is_none_or(|old| desired(old) != desired(self))
    }

    fn lacks(&self, name: &NodeName) -> bool {
        !self.node_names().any(|own| own == name)
    }

    /// Returns whether a node needs more than the old cluster has given it.
    fn gains(&self, old: Option<&Self>, name: &NodeName) -> bool {
        let was = old.and_then(|old| old.node(name.as_str()));
        match (was, self.node(name.as_str())) {
            (Some(was), Some(is)) => {
                !Plan::new(&is, &was.fulfilled(), PlanOptions::default()).is_empty()
            }
            _ => true,
        }
    }
}

impl DesiredState {
    /// Returns a node that has what is desired and nothing else.
    fn fulfilled(&self) -> Observed {
        let addresses = self.addresses.iter().map(|desired| &desired.value);
        let routes = self.routes.iter().map(|desired| &desired.value);
        Observed {
            links: self.links.keys().map(|name| (name.clone(), true)).collect(),
            addresses: addresses.cloned().collect(),
            routes: routes.cloned().collect(),
            sysctls: self
                .sysctls
                .iter()
                .map(|(key, desired)| (key.clone(), desired.value.clone()))
                .collect(),
            ..Observed::default()
        }
    }
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
        let named = DR.replace("[director]\n", "[director]\nname = \"lb2\"\n");
        let new = Cluster::from_toml(&named).unwrap();
        assert_eq!(
            order(&new.rollout(Some(&old))),
            ["remove director", "apply lb2"]
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
        let replaced = TWO.replace("\"lb1\"", "\"lb3\"");
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
