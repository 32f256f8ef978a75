//! `real_server`: a destination, and how it is checked.

use std::net::IpAddr;
use std::num::NonZeroU16;

use super::block::Block;
use super::check::CheckContext;
use super::common::Tested;
use super::directives::reason;
use super::group::{no_address, port};
use super::timing::Timing;
use super::tree::Node;
use super::{Walk, flag};
use crate::import::health::{Check, Health};
use crate::import::tally::DirectiveId;
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
    /// Whether it stays with weight 0 when it fails.
    pub(super) inhibit: Option<(bool, DirectiveId)>,
    /// What pages are asked for with, where their checks do not say it.
    host: Option<(String, DirectiveId)>,
    pub(super) tested: Vec<Tested>,
    /// Whether it has a check, imported or not.
    pub(super) has_check: bool,
    pub(super) directive: DirectiveId,
}

impl RealServer {
    /// Returns what is tested of it; all of it must hold.
    pub(super) fn checks(&self) -> Vec<Check> {
        let tested = self.tested.iter();
        tested.flat_map(|tested| tested.checks.clone()).collect()
    }

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

/// Also a check without a block.
fn is_check(node: &Node) -> bool {
    let word = node.word(0);
    node.block.is_some() || word.ends_with("_CHECK") || word.ends_with("_GET")
}

impl Walk<'_> {
    pub(super) fn real_server(&mut self, node: &Node, block: &mut Block) {
        let (address, port) = match (node.word(1).parse(), port(node.word(2))) {
            (Ok(address), Ok(port)) => (address, port),
            (Err(_), _) => return node.leave(self.tally, &no_address(node.word(1))),
            (_, Err(reason)) => return node.leave(self.tally, &reason),
        };
        let is_same = |other: &RealServer| (other.address, other.port) == (address, port);
        if block.servers.iter().any(is_same) {
            let reason = format!("real_server {address} {port} is declared above");
            return node.leave(self.tally, &reason);
        }
        let mut server = RealServer {
            address,
            port,
            weight: None,
            forwarding: None,
            upper: 0,
            lower: 0,
            inhibit: None,
            host: block.host.clone(),
            tested: Vec::new(),
            has_check: false,
            directive: node.id,
        };
        let mut timing = block.timing.clone();
        // A check inherits what stands below it too.
        let (checks, others): (Vec<_>, Vec<_>) =
            node.children().iter().partition(|child| is_check(child));
        for child in others {
            if !self.timing(child, &mut timing, false) {
                self.real_server_directive(child, &mut server, block);
            }
            self.excess(child);
        }
        self.checks(&checks, &timing, &mut server, block);
        node.leave_overridden(self.tally);
        node.belongs(&[node.id], self.tally);
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
            "inhibit_on_failure" => server.inhibit = Some((flag(node), node.id)),
            "virtualhost" => {
                server.host = Some((node.word(1).to_owned(), node.id));
                block.hosts.push(node.id);
                Health::said(self.tally, node.id, "check.host");
            }
            word => node.leave(self.tally, &reason(word)),
        }
    }

    /// Reads the checks of a real server.
    fn checks(&mut self, nodes: &[&Node], timing: &Timing, server: &mut RealServer, block: &Block) {
        let forwarding = server.forwarding.or(block.forwarding);
        // Only masquerading changes the port that clients ask for.
        let is_mapped = forwarding.is_none_or(|method| method == Forwarding::Masquerade);
        let is_own = block.ports.iter().all(|port| *port == server.port);
        let context = CheckContext {
            timing,
            host: server.host.as_ref(),
            address: server.address,
            own_port: server.port,
            connects: block.connects(),
            port: NonZeroU16::new(server.port).filter(|_| !is_mapped && !is_own),
            has_port: server.port != 0 || !block.ports.contains(&0),
            programs: &block.programs,
        };
        let tested = nodes.iter().filter_map(|node| self.check(node, &context));
        let tested = tested.collect();
        server.has_check = !nodes.is_empty();
        server.tested = tested;
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
