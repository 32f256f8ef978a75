//! `real_server`: a destination, and how it is checked.

use std::net::IpAddr;

use super::group::port;
use super::tree::Node;
use super::virtual_server::{Block, reason};
use super::{Walk, flag};
use crate::import::health::Health;
use crate::import::report::DirectiveId;
use crate::ipvs::{Destination, DestinationId, Forwarding, ServiceId, Thresholds, Weight};

/// A destination, before it is known of which service.
#[derive(Clone, Debug)]
pub(super) struct RealServer {
    pub(super) address: IpAddr,
    port: u16,
    pub(super) weight: Option<Weight>,
    pub(super) forwarding: Option<Forwarding>,
    upper: u32,
    lower: u32,
    pub(super) directive: DirectiveId,
}

impl RealServer {
    /// Returns the destination of a service, with what the service says where this says nothing.
    pub(super) fn destination(
        &self,
        service: &ServiceId,
        method: Forwarding,
        weight: Weight,
    ) -> Destination {
        let of_service = match service {
            ServiceId::Socket { address, .. } => address.port(),
            ServiceId::Fwmark { .. } => 0,
        };
        let port = if self.port == 0 {
            of_service
        } else {
            self.port
        };
        let id = DestinationId::new(self.address, port);
        Destination {
            weight: self.weight.unwrap_or(weight),
            thresholds: Thresholds::new(self.upper, self.lower).unwrap_or_default(),
            ..Destination::new(id, self.forwarding.unwrap_or(method))
        }
    }
}

impl Walk<'_> {
    pub(super) fn real_server(&mut self, node: &Node, block: &mut Block) {
        let (address, port) = match (node.word(1).parse(), port(node.word(2))) {
            (Ok(address), Ok(port)) => (address, port),
            (Err(_), _) => {
                return node.leave(self.tally, &format!("{:?} is not an address", node.word(1)));
            }
            (_, Err(reason)) => return node.leave(self.tally, &reason),
        };
        let mut server = RealServer {
            address,
            port,
            weight: None,
            forwarding: None,
            upper: 0,
            lower: 0,
            directive: node.id,
        };
        let mut timing = block.timing.clone();
        // A check inherits what stands below it too.
        for child in node.children() {
            if child.block.is_none() && !self.timing(child, &mut timing) {
                self.real_server_directive(child, &mut server, block);
            }
        }
        for child in node.children().iter().filter(|child| child.block.is_some()) {
            self.check(child, &timing, block);
        }
        if server.lower > server.upper {
            server.lower = 0;
            let lower = node
                .children()
                .iter()
                .filter(|child| child.word(0) == "lthreshold");
            for child in lower {
                self.tally
                    .left(child.id, "it is above uthreshold: the kernel refuses it");
            }
        }
        block.servers.push(server);
    }

    fn real_server_directive(&mut self, node: &Node, server: &mut RealServer, block: &mut Block) {
        match node.word(0) {
            "weight" => server.weight = self.weight(node),
            "lvs_method" | "lb_kind" => server.forwarding = self.method(node),
            "uthreshold" => server.upper = self.threshold(node, "upper"),
            "lthreshold" => server.lower = self.threshold(node, "lower"),
            "inhibit_on_failure" => {
                block.health.inhibit = Some(flag(node));
                Health::said(self.tally, node.id, "on-failure");
            }
            "virtualhost" => {
                block.host = Some(node.word(1).to_owned());
                Health::said(self.tally, node.id, "check.host");
            }
            // A check without a block.
            word if word.ends_with("_CHECK") || word.ends_with("_GET") => {
                let timing = block.timing.clone();
                self.check(node, &timing, block);
            }
            word => self.tally.left(node.id, reason(word)),
        }
    }

    fn threshold(&mut self, node: &Node, which: &str) -> u32 {
        let threshold = self.number(node, "a number of connections");
        let threshold = threshold.filter(|number: &u32| *number <= i32::MAX.cast_unsigned());
        match threshold {
            Some(number) => {
                self.tally
                    .carried(node.id, format!("services.destinations.{which}-threshold"));
                number
            }
            None => 0,
        }
    }
}
