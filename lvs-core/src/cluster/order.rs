//! The order across machines.

use std::fmt;

use serde::Serialize;

use super::plan::Plan;
use super::{Cluster, DesiredState, Director, NodeName, Observed, PlanOptions, Role};

/// What is done on a machine in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RolloutAction {
    /// The new cluster is applied there.
    Apply,
    /// The old cluster is removed there.
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

/// One machine's turn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RolloutStep {
    /// What is done.
    #[serde(rename = "turn")]
    pub action: RolloutAction,
    /// Where.
    pub node: NodeName,
    /// Of two directors: as which one it begins. One that has begun keeps its role, which no file knows.
    pub role: Option<Role>,
    /// Why then and not earlier.
    pub why: &'static str,
}

fn stages<'a>(
    action: RolloutAction,
    nodes: impl IntoIterator<Item = &'a NodeName>,
    why: &'static str,
) -> Vec<RolloutStep> {
    let stage = |node: &NodeName| RolloutStep {
        action,
        node: node.clone(),
        role: None,
        why,
    };
    nodes.into_iter().map(stage).collect()
}

impl Cluster {
    /// The machines in the order in which they may be changed without a client noticing: real servers
    /// first, so that nobody is sent to one that is not ready; then the director; then those that
    /// nobody is sent to any more. With an `old` cluster, machines that stay as they are have no turn.
    ///
    /// Of two directors the file's second one goes first: it begins as standby. When both have begun,
    /// whichever stands by goes first, and that no file knows.
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
            stages(
                RolloutAction::Apply,
                gaining,
                "before anybody is sent to it",
            ),
            stages(
                RolloutAction::Remove,
                old_director,
                "before another takes its virtual IPs",
            ),
            self.directors_turns(old),
            stages(
                RolloutAction::Apply,
                losing,
                "nobody is sent there for what it loses",
            ),
            stages(
                RolloutAction::Remove,
                leaving,
                "nobody is sent there any more",
            ),
        ]
        .concat()
    }

    /// The order in which the cluster is taken down: the director first, so that nobody is sent to a
    /// real server that is going.
    #[must_use]
    pub fn takedown(&self) -> Vec<RolloutStep> {
        let servers = self.real_servers().iter().map(|server| &server.name);
        let directors = self.directors().iter().rev();
        [
            stages(
                RolloutAction::Remove,
                directors.map(|director| &director.name),
                "so that nobody is sent anywhere",
            ),
            stages(
                RolloutAction::Remove,
                servers,
                "nobody is sent there any more",
            ),
        ]
        .concat()
    }

    /// The second one first: nobody is sent to a standby that is not ready, nor by it.
    fn directors_turns(&self, old: Option<&Self>) -> Vec<RolloutStep> {
        let begins = |name: &NodeName| {
            let was = old.and_then(|old| old.director(name.as_str()));
            was.is_none_or(|_| old.is_some_and(|old| old.is_paired() != self.is_paired()))
        };
        let both_begin = self.directors().iter().all(|it| begins(&it.name));
        let changing = self.directors().iter().rev();
        let changing = changing.filter(|director| self.changes(old, &director.name));
        let turn = |director: &Director| {
            let role = match both_begin {
                true => self.first_role(director),
                false => (self.is_paired() && begins(&director.name)).then_some(Role::Standby),
            };
            let why = match role {
                Some(Role::Standby) => "ready to take over before anybody is sent anywhere",
                _ => "its real servers are ready",
            };
            RolloutStep {
                action: RolloutAction::Apply,
                node: director.name.clone(),
                role,
                why,
            }
        };
        changing.map(turn).collect()
    }

    /// Whether a machine has to look different than under the old cluster.
    fn changes(&self, old: Option<&Self>, name: &NodeName) -> bool {
        let name = name.as_str();
        let look = |cluster: &Self| {
            let active = cluster.node_as(name, Role::Active);
            active.or_else(|| cluster.node(name))
        };
        old.is_none_or(|old| look(old) != look(self))
    }

    fn lacks(&self, name: &NodeName) -> bool {
        !self.node_names().any(|own| own == name)
    }

    /// Whether a machine must look like more than the old cluster made of it.
    fn gains(&self, old: Option<&Self>, name: &NodeName) -> bool {
        let was = old.and_then(|old| old.node(name.as_str()));
        match (was, self.node(name.as_str())) {
            (Some(was), Some(is)) => {
                !Plan::new(&is, &ideal(&was), PlanOptions::default()).is_empty()
            }
            _ => true,
        }
    }
}

/// A machine that looks like nothing but what a cluster wants of it.
fn ideal(node: &DesiredState) -> Observed {
    Observed {
        links: node.links.keys().map(|name| (name.clone(), true)).collect(),
        addresses: node
            .addresses
            .iter()
            .map(|wanted| wanted.value.clone())
            .collect(),
        routes: node
            .routes
            .iter()
            .map(|wanted| wanted.value.clone())
            .collect(),
        sysctls: node
            .sysctls
            .iter()
            .map(|(key, wanted)| (key.clone(), wanted.value.clone()))
            .collect(),
        ..Observed::default()
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
