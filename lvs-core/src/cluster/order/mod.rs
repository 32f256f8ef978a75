//! The order across nodes.

mod handover;
mod outage;
mod staying;
mod transition;

use std::fmt;

use serde::Serialize;

use super::{Cluster, ClusterName, DesiredState, Director, NodeKind, NodeName, Role};
use crate::shell::quote;
use transition::Transition;

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
#[non_exhaustive]
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
    /// What keeps it from cutting open connections.
    pub hint: Option<String>,
}

impl RolloutStep {
    fn new(action: RolloutAction, node: &NodeName, why: &'static str) -> Self {
        Self {
            action,
            node: node.clone(),
            role: None,
            why,
            outage: None,
            hint: None,
        }
    }

    /// Returns the line to type on the node, where the file of the new cluster has this path. A node that leaves is
    /// removed by its record, for which the name of the removed cluster is enough.
    #[must_use]
    pub fn command(&self, file: &str, removed: &ClusterName) -> String {
        let node = &self.node;
        let role = self.role.map(|role| format!(" --role {role}"));
        let role = role.unwrap_or_default();
        let apply = || format!("lvsctl apply {} --node {node}{role}", quote(file));
        match self.action {
            RolloutAction::Grow => apply() + " --grow",
            RolloutAction::Apply => apply(),
            RolloutAction::Remove => format!("lvsctl remove {removed} --node {node}"),
        }
    }

    fn add_outage(&mut self, outage: String) {
        self.outage = Some(match self.outage.take() {
            Some(other) => format!("{other}; {outage}"),
            None => outage,
        });
    }

    /// Returns the step by which a director gets what is new before real servers change over to it.
    fn growing(&self) -> Self {
        Self {
            action: RolloutAction::Grow,
            why: "its old address stays until the real servers use the new one",
            outage: None,
            hint: None,
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

const BEFORE_CLIENTS: &str = "before clients are sent to it";

#[cfg(all(test, feature = "toml"))]
mod tests;
