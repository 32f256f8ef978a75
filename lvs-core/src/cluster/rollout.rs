//! The order across machines.

use std::fmt;

use serde::Serialize;

use super::plan::Plan;
use super::{Cluster, NodeName, NodeState, Observed, PlanOptions};

/// What is done on a machine in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    /// The new cluster is applied there.
    Apply,
    /// The old cluster is removed there.
    Remove,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Apply => "apply",
            Self::Remove => "remove",
        })
    }
}

/// One machine's turn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Stage {
    /// What is done.
    pub turn: Turn,
    /// Where.
    pub node: NodeName,
    /// Why then and not earlier.
    pub why: &'static str,
}

impl Stage {
    fn new(turn: Turn, node: &NodeName, why: &'static str) -> Self {
        Self {
            turn,
            node: node.clone(),
            why,
        }
    }
}

impl Cluster {
    /// The machines in the order in which they may be changed without a client noticing: real servers
    /// first, so that nobody is sent to one that is not ready; then the director; then those that
    /// nobody is sent to any more. With an `old` cluster, machines that stay as they are have no turn.
    #[must_use]
    pub fn rollout(&self, old: Option<&Self>) -> Vec<Stage> {
        let changed = |name: &&NodeName| {
            old.is_none_or(|old| old.node(name.as_str()) != self.node(name.as_str()))
        };
        let (before, after): (Vec<_>, Vec<_>) = self
            .real_servers
            .iter()
            .map(|server| &server.name)
            .filter(changed)
            .partition(|name| self.gains(old, name));
        let gone: Vec<_> = old.map(|old| self.leaving(old)).unwrap_or_default();
        let (directors, servers) =
            gone.split_at(gone.iter().take_while(|(_, director)| *director).count());
        let apply = |why| move |name: &NodeName| Stage::new(Turn::Apply, name, why);
        let remove = |why| move |(name, _): &(&NodeName, bool)| Stage::new(Turn::Remove, name, why);

        let mut stages: Vec<_> = before
            .into_iter()
            .map(apply("before anybody is sent to it"))
            .collect();
        stages.extend(
            directors
                .iter()
                .map(remove("before another director takes its virtual IPs")),
        );
        let director = Some(&self.director.name).filter(changed);
        stages.extend(director.map(apply("its real servers are ready")));
        stages.extend(
            after
                .into_iter()
                .map(apply("nobody is sent there any more for what it loses")),
        );
        stages.extend(servers.iter().map(remove("nobody is sent there any more")));
        stages
    }

    /// The order in which the cluster is taken down: the director first, so that nobody is sent to a
    /// real server that is going.
    #[must_use]
    pub fn takedown(&self) -> Vec<Stage> {
        let director = Stage::new(
            Turn::Remove,
            &self.director.name,
            "so that nobody is sent anywhere",
        );
        let servers = self.real_servers.iter();
        let servers = servers
            .map(|server| Stage::new(Turn::Remove, &server.name, "nobody is sent there any more"));
        std::iter::once(director).chain(servers).collect()
    }

    /// The machines of an old cluster that are none of this one, directors first and marked.
    fn leaving<'a>(&self, old: &'a Self) -> Vec<(&'a NodeName, bool)> {
        let is_new = |name: &NodeName| self.node_names().any(|new| new == name);
        let all = old
            .node_names()
            .map(|name| (name, *name == old.director.name));
        all.filter(|(name, _)| !is_new(name)).collect()
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
fn ideal(node: &NodeState) -> Observed {
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

    fn order(stages: &[Stage]) -> Vec<String> {
        stages
            .iter()
            .map(|stage| format!("{} {}", stage.turn, stage.node))
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
