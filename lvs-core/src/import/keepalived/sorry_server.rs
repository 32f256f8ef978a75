//! `sorry_server` and `quorum`: what serves while too few real servers are alive.

use std::net::{IpAddr, SocketAddr};

use super::block::Block;
use super::group::{no_address, port};
use super::tree::Node;
use super::{Walk, flag};
use crate::import::draft::DraftDestination;
use crate::import::health::Health;
use crate::import::tally::DirectiveId;
use crate::ipvs::{Destination, DestinationId, Forwarding, ServiceId};

/// What the block says of its sorry server.
#[derive(Clone, Debug, Default)]
pub(super) struct SorryServer {
    address: Option<(SocketAddr, DirectiveId)>,
    method: Option<Forwarding>,
    /// Whether it stays in the table, with weight 0, while it is not needed.
    inhibit: Option<(bool, DirectiveId)>,
    /// The sum of weights below which it serves.
    quorum: Option<(u32, DirectiveId)>,
    /// What else is said of it.
    others: Vec<DirectiveId>,
}

impl SorryServer {
    /// Returns whether its method is that of the service.
    pub(super) fn takes_method(&self) -> bool {
        self.address.is_some() && self.method.is_none()
    }

    /// Returns its destination of a service; keepalived gives it weight 1.
    pub(super) fn destination(
        &self,
        service: &ServiceId,
        method: Forwarding,
    ) -> Option<DraftDestination> {
        let (address, directive) = self.address?;
        let of_service = match service {
            ServiceId::Socket { address, .. } => address.port(),
            ServiceId::Fwmark { .. } => 0,
        };
        let port = match address.port() {
            0 => of_service,
            port => port,
        };
        let id = DestinationId::new(address.ip(), port);
        Some(DraftDestination {
            destination: Destination::new(id, self.method.unwrap_or(method)),
            directive,
            assumed: None,
            is_fallback: true,
            is_checked: true,
        })
    }
}

impl Walk<'_> {
    pub(super) fn sorry_server(&mut self, node: &Node, block: &mut Block) {
        match node.word(0) {
            "quorum" => {
                let quorum = self.number(node, "a number");
                block.sorry.quorum = quorum.map(|quorum| (quorum, node.id));
            }
            "sorry_server_lvs_method" => {
                block.sorry.method = self.method(node);
                block.sorry.others.push(node.id);
            }
            "sorry_server_inhibit" => block.sorry.inhibit = Some((flag(node), node.id)),
            _ => match (node.word(1).parse::<IpAddr>(), port(node.word(2))) {
                (Ok(ip), Ok(port)) => {
                    block.sorry.address = Some((SocketAddr::new(ip, port), node.id));
                }
                (Err(_), _) => self.tally.left(node.id, no_address(node.word(1))),
                (_, Err(reason)) => self.tally.left(node.id, reason),
            },
        }
    }

    /// Settles these directives when all real servers of the block are known.
    pub(super) fn settle_sorry_server(&mut self, block: &mut Block) {
        let has_one = block.sorry.address.is_some();
        let weights = block.servers.iter();
        let weights = weights.map(|server| server.weight.unwrap_or(block.weight).get());
        let quorum = block.sorry.quorum.map_or(1, |(quorum, _)| quorum);
        let minimum = Minimum::of(quorum, weights.collect());
        block.health.minimum = minimum.servers;
        let (quorum_id, inhibit_id) = (block.sorry.quorum, block.sorry.inhibit);
        let ids = quorum_id.map(|(_, id)| id).into_iter();
        let ids = ids.chain(inhibit_id.map(|(_, id)| id));
        for id in ids.chain(block.sorry.others.iter().copied()) {
            let owner = block.sorry.address.map(|(_, owner)| owner);
            self.tally.belongs(id, owner.as_slice());
        }
        if let Some((_, id)) = block.sorry.quorum {
            match (has_one, minimum.is_exact) {
                (false, _) => {
                    let reason = "without sorry_server it only starts quorum_up and quorum_down";
                    self.tally.left(id, reason);
                }
                (true, true) => Health::said(self.tally, id, "minimum"),
                (true, false) => {
                    let reason = format!(
                        "minimum = {}, so many real servers; the quorum of keepalived is a sum of weights, {quorum}, \
                         which fewer or more may have",
                        minimum.servers
                    );
                    self.tally.assumed(id, "services.minimum", reason.clone());
                    block.assumed.push(reason);
                }
            }
        }
        if let Some((inhibit, id)) = block.sorry.inhibit {
            match has_one && Some(inhibit) == block.health.inhibit {
                true => Health::said(self.tally, id, "on-failure"),
                false => {
                    let reason =
                        "on-failure says for all destinations whether they stay with weight 0";
                    self.tally.left(id, reason);
                }
            }
        }
    }
}

/// A quorum as a number of real servers.
struct Minimum {
    servers: usize,
    /// Whether the sum of weights falls below the quorum just when fewer are alive, whichever they are.
    is_exact: bool,
}

impl Minimum {
    /// The fewest that can have the quorum: with fewer keepalived's sorry server would serve too.
    fn of(quorum: u32, mut weights: Vec<u32>) -> Self {
        let sum = |weights: &[u32]| weights.iter().map(|weight| u64::from(*weight)).sum::<u64>();
        let quorum = u64::from(quorum);
        weights.retain(|weight| *weight > 0);
        weights.sort_unstable_by_key(|weight| std::cmp::Reverse(*weight));
        let heaviest = |count: usize| sum(weights.get(..count).unwrap_or_default());
        let lightest = |count: usize| sum(weights.get(weights.len() - count..).unwrap_or_default());
        let servers = (1..=weights.len()).find(|count| heaviest(*count) >= quorum);
        Self {
            servers: servers.unwrap_or(weights.len()).max(1),
            is_exact: servers.is_some_and(|count| lightest(count) >= quorum),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_of_weights_is_a_number_of_servers() {
        for (quorum, weights, servers, is_exact) in [
            (1, &[1, 1][..], 1, true),
            (1, &[5, 3], 1, true),
            (2, &[1, 1, 1], 2, true),
            (4, &[2, 2, 2], 2, true),
            (3, &[5, 5], 1, true),
            (3, &[1, 1, 5], 1, false),
            (6, &[5, 3, 1], 2, false),
            (9, &[1, 1], 2, false),
            (1, &[0, 1], 1, true),
            (1, &[0, 0], 1, false),
        ] {
            let minimum = Minimum::of(quorum, weights.to_vec());
            assert_eq!(
                (minimum.servers, minimum.is_exact),
                (servers, is_exact),
                "{quorum} {weights:?}"
            );
        }
    }
}
