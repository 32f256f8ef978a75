//! A service that one virtual server declares, or several: what of them counts.

use super::Walk;
use super::block::Block;
use super::common::Chosen;
use super::group::{Target, TargetKind};
use super::tree::Node;
use crate::import::draft::DraftService;
use crate::ipvs::{Protocol, ServiceId};

/// A service that virtual servers declare.
pub(super) struct Declared {
    /// Where it is in the draft.
    pub(super) place: usize,
    /// Its virtual servers, by their places in `blocks`.
    pub(super) blocks: Vec<usize>,
    /// Why its check is not what every real server is tested by.
    pub(super) reason: Option<&'static str>,
}

impl Walk<'_> {
    /// Adds a service. The kernel refuses a second one of the same address, but keepalived adds its real
    /// servers to the first.
    pub(super) fn add(&mut self, draft: DraftService, draft_reason: Option<&'static str>) -> bool {
        let number = self.blocks.len();
        let Some(declared) = self.services.get_mut(&draft.service.id) else {
            let declared = Declared {
                place: self.draft.services.len(),
                blocks: vec![number],
                reason: draft_reason,
            };
            self.services.insert(draft.service.id, declared);
            self.draft.services.push(draft);
            return true;
        };
        let Some(first) = self.draft.services.get_mut(declared.place) else {
            return false;
        };
        // A group may name an address twice.
        if declared.blocks.contains(&number) {
            let reason = format!("{} is declared above", draft.service.id);
            self.tally.left(draft.directive, reason);
            return false;
        }
        declared.blocks.push(number);
        let reason = format!(
            "{} is declared above; its real servers are added there",
            draft.service.id
        );
        self.tally.left(draft.directive, reason);
        if opts_out(first) {
            first.health.checks = draft.health.checks;
            first.health.weight = draft.health.weight;
            declared.reason = draft_reason;
        } else if !opts_out(&draft) && first.health.checks != draft.health.checks {
            let chosen = Chosen::joined(&first.health, &draft.health, connects(&first.service.id));
            first.health.checks = chosen.checks;
            declared.reason = chosen.reason;
            let reason = "the source declares it twice, with different checks, of which it has what both test";
            first.assumed.insert(reason.to_owned());
        }
        first.destinations.extend(draft.destinations);
        false
    }

    /// Leaves what a virtual server says again that is declared above, but for its real servers.
    pub(super) fn leave_repeated(&mut self, node: &Node, block: &Block) {
        let reason =
            "the virtual server is declared above, where all but its real servers is taken from";
        let is_of_servers = |child: &&Node| {
            let word = child.word(0);
            let of_servers = [
                "real_server",
                "lb_kind",
                "lvs_method",
                "weight",
                "virtualhost",
            ];
            let is_timing = block.timings.contains(&child.id);
            of_servers.contains(&word) || word == "protocol" || word == "ip_family" || is_timing
        };
        let others = node.children().iter();
        others
            .filter(|child| !is_of_servers(child))
            .for_each(|child| child.leave(self.tally, reason));
        for (_, id) in block.servers.iter().filter_map(|server| server.inhibit) {
            self.tally.left(id, reason);
        }
    }

    /// Leaves what every real server or every service says otherwise.
    pub(super) fn leave_unused(&mut self, node: &Node, block: &Block, targets: &[Target]) {
        let servers = || block.servers.iter();
        let sorry = block.sorry.takes_method();
        let has_address = targets
            .iter()
            .any(|target| matches!(target.kind, TargetKind::Socket(_)));
        let takes_family = targets
            .iter()
            .any(|target| matches!(target.kind, TargetKind::Fwmark(_, None)));
        let takes_method = sorry || servers().any(|server| server.forwarding.is_none());
        let takes_weight = servers().any(|server| server.weight.is_none());
        let takes_inhibit = servers().any(|server| server.inhibit.is_none());
        for child in node.children() {
            let reason = match child.word(0) {
                "lb_kind" | "lvs_method" if !takes_method => "every real server says its own",
                "weight" if !takes_weight => "every real server says its own",
                "inhibit_on_failure" if !takes_inhibit => "every real server says its own",
                "protocol" if !has_address => "a firewall mark has packets of every protocol",
                "ip_family" if !takes_family => "its addresses and marks say their own",
                _ => continue,
            };
            self.tally.left(child.id, reason);
        }
    }
}

/// Returns whether no real server of a service is tested.
fn opts_out(draft: &DraftService) -> bool {
    let mut servers = draft.destinations.iter().filter(|end| !end.is_fallback);
    servers.all(|end| !end.is_checked)
}

/// Returns whether what serves accepts TCP connections to the port of the service.
fn connects(id: &ServiceId) -> bool {
    match id {
        ServiceId::Socket { protocol, address } => {
            *protocol == Protocol::TCP && address.port() != 0
        }
        ServiceId::Fwmark { .. } => false,
    }
}
