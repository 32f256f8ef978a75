//! The scene of a check: the cluster, the facts and the node that they are of, put together once.
//!
//! Rules are functions of the part of the scene that they judge, so that none of them has to find out where
//! it is.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::facts::Facts;
use super::finding::Finding;
use super::index::Index;
use super::kind::FindingKind;
use super::object::FindingObject;
use crate::cluster::{Absent, Cluster, DesiredState, Director, NodeKind, NodeName, RealServer};
use crate::net::Address;

/// Holds everything that is judged.
pub(super) struct Scene<'a> {
    pub(super) cluster: &'a Cluster,
    /// Facts of any host, even of one that is no node of the cluster.
    pub(super) facts: Option<&'a Facts>,
    pub(super) place: Place<'a>,
}

/// Says which node the facts are of.
pub(super) enum Place<'a> {
    /// No node of the cluster, or one of which nothing was read.
    Paper,
    Director(DirectorScene<'a>),
    RealServer(RealServerScene<'a>),
}

/// Holds a node with its facts and its desired state, in the role that it has.
pub(super) struct NodeScene<'a, T> {
    pub(super) cluster: &'a Cluster,
    pub(super) facts: &'a Facts,
    pub(super) index: Index<'a>,
    pub(super) desired: DesiredState,
    /// The node as the file has it.
    pub(super) node: &'a T,
}

pub(super) type DirectorScene<'a> = NodeScene<'a, Director>;
pub(super) type RealServerScene<'a> = NodeScene<'a, RealServer>;

impl<'a> Scene<'a> {
    pub(super) const fn paper(cluster: &'a Cluster) -> Self {
        Self {
            cluster,
            facts: None,
            place: Place::Paper,
        }
    }

    pub(super) fn new(cluster: &'a Cluster, facts: &'a Facts) -> Self {
        Self {
            cluster,
            facts: Some(facts),
            place: Place::of(cluster, facts).unwrap_or(Place::Paper),
        }
    }

    /// Returns all addresses, each with its node: first those that the host has, then those of the file.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (&NodeName, &Address)> {
        let here = self.facts.map(|facts| (&facts.node, &facts.addresses));
        let directors = self.cluster.directors().iter();
        let servers = self.cluster.real_servers().iter();
        here.into_iter()
            .chain(directors.map(|director| (&director.name, &director.addresses)))
            .chain(servers.map(|server| (&server.name, &server.addresses)))
            .flat_map(|(node, addresses)| addresses.iter().map(move |address| (node, address)))
    }

    /// Returns the host for which the commands of a finding about a node are, unless it is the examined one: typed
    /// there, they break what works. What is about no node, but needs a command, is the directors'.
    pub(super) fn other_host<'n>(&self, node: Option<&'n NodeName>) -> Option<&'n str> {
        let examined = self.facts.map(|facts| &facts.node);
        match (node, &self.place) {
            (Some(_), _) if node == examined => None,
            (Some(node), _) => Some(node.as_str()),
            (None, Place::Paper) if self.cluster.is_paired() => Some("each director"),
            (None, Place::Paper) => Some("the director"),
            (None, Place::Director(_) | Place::RealServer(_)) => None,
        }
    }

    /// Returns the scene of a director, if the facts are of this one.
    pub(super) fn director(&self, name: &NodeName) -> Option<&DirectorScene<'a>> {
        match &self.place {
            Place::Director(scene) if scene.node.name == *name => Some(scene),
            _ => None,
        }
    }

    /// Returns the scene of a real server, if the facts are of this one.
    pub(super) fn real_server(&self, name: &NodeName) -> Option<&RealServerScene<'a>> {
        match &self.place {
            Place::RealServer(scene) if scene.node.name == *name => Some(scene),
            _ => None,
        }
    }
}

impl<'a> Place<'a> {
    fn of(cluster: &'a Cluster, facts: &'a Facts) -> Option<Self> {
        // Every host has at least lo.
        if facts.links.is_empty() {
            return None;
        }
        let name = &facts.node;
        let mut desired = facts
            .role
            .and_then(|role| cluster.node_as(name.as_str(), role))
            .or_else(|| cluster.node(name.as_str()))?;
        desired.drain(&facts.drains);
        let desired = desired
            .without(&Absent {
                destinations: facts.deleted_by_health.clone(),
                virtual_ips: facts.withdrawn.clone(),
            })
            .into_owned();
        let index = Index::new(cluster, facts);
        match cluster.director(name.as_str()) {
            Some(director) => Some(Self::Director(NodeScene {
                cluster,
                facts,
                index,
                desired,
                node: director,
            })),
            None => Some(Self::RealServer(NodeScene {
                cluster,
                facts,
                index,
                desired,
                node: cluster.real_server(name)?,
            })),
        }
    }
}

impl<T> NodeScene<'_, T> {
    /// Returns a finding about this node.
    pub(super) fn finding(
        &self,
        kind: &FindingKind,
        object: impl Into<FindingObject>,
        seen: impl Into<String>,
    ) -> Finding {
        kind.finding(object, seen).on(&self.facts.node)
    }

    /// Returns whether a director forwards packets to this node: to a real server, and to the standby of two
    /// directors.
    pub(super) fn receives(&self) -> bool {
        self.desired.kind == NodeKind::RealServer || self.facts.is_standby()
    }

    /// Returns the virtual IPs that this node carries for packets that a director forwards to it.
    pub(super) fn received_vips(&self) -> BTreeSet<IpAddr> {
        match self.receives() {
            true => self.cluster.carried_vips(&self.facts.node),
            false => BTreeSet::new(),
        }
    }
}
