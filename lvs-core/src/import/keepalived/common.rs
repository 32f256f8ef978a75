//! The one check of a service, where keepalived tests each real server in its own way.

use super::Walk;
use super::real_server::RealServer;
use super::tree::Node;
use super::virtual_server::Block;
use crate::import::health::{Check, Health};

/// What a block in a real server tests.
#[derive(Clone, Debug)]
pub(super) struct Tested {
    pub(super) checks: Vec<Check>,
    /// What is not as in the source.
    pub(super) doubt: Option<&'static str>,
    pub(super) node: Node,
}

/// What is done where checks differ: none may find a healthy real server down.
const COMMON: &str =
    "a service has one check for all, here what the source tests of every real server";
const CONNECTION: &str = "only a TCP connection to the service's port is checked, as the source tests its real servers differently";
const NONE: &str =
    "no check: a service has one for all, and the source tests its real servers differently";
const PATIENT: &str =
    "the longest interval and timeout and the most failures of all its real servers";

impl Walk<'_> {
    /// Chooses what is tested of every real server.
    pub(super) fn settle_checks(&mut self, block: &mut Block) {
        let all: Vec<_> = block.servers.iter().map(RealServer::checks).collect();
        if all.iter().all(Vec::is_empty) {
            return;
        }
        let common = Check::common(&all);
        let is_whole = all.iter().all(|checks| checks.len() == common.len());
        let connection = || Check::connection(&all).filter(|_| block.connects());
        let (checks, reason) = match common.is_empty() {
            false => (common, (!is_whole).then_some(COMMON)),
            true => match connection() {
                Some(check) => (vec![check], Some(CONNECTION)),
                None => (Vec::new(), Some(NONE)),
            },
        };
        block.assumed.extend(reason.map(str::to_owned));
        if is_whole && all.iter().any(|own| *own != checks) {
            block.assumed.push(PATIENT.to_owned());
        }
        for tested in block.servers.iter().flat_map(|server| &server.tested) {
            let is_used = self.settle_tested(tested, &checks, reason.unwrap_or_default());
            let doubt = tested.doubt.filter(|_| is_used);
            block.assumed.extend(doubt.map(str::to_owned));
        }
        block.health.checks = checks;
    }

    /// Returns whether the service's check says what a block does.
    fn settle_tested(&mut self, tested: &Tested, used: &[Check], reason: &str) -> bool {
        let used_for = |check: &Check| used.iter().find(|used| used.is_like(check)).cloned();
        let kept: Option<Vec<_>> = tested.checks.iter().map(used_for).collect();
        let is_used = kept.is_some();
        match kept {
            Some(kept) if kept == tested.checks => {}
            Some(_) => self.tally.doubt(tested.node.id, PATIENT),
            None if reason == CONNECTION => self.connects_only(&tested.node, reason),
            None => tested.node.leave(self.tally, reason),
        }
        is_used
    }

    /// Leaves what a check asks for, but not how often.
    pub(super) fn connects_only(&mut self, node: &Node, reason: &str) {
        self.tally.assumed(node.id, "services.check", reason);
        for child in node.children().iter().filter(|child| !is_timing(child)) {
            child.leave(self.tally, "only a TCP connection is checked");
        }
    }

    /// Leaves how often a real server is tested that is not.
    pub(super) fn leave_timing(&mut self, node: &Node) {
        let reason = "no check of the real server is imported";
        for child in node.children().iter().filter(|child| is_timing(child)) {
            self.tally.left(child.id, reason);
        }
    }
}

fn is_timing(node: &Node) -> bool {
    matches!(
        node.word(0),
        "delay_loop"
            | "connect_timeout"
            | "misc_timeout"
            | "delay_before_retry"
            | "retry"
            | "nb_get_retry"
            | "nb_get_retries"
    )
}

/// Returns the checks of a service whose real servers two virtual servers declare.
pub(super) fn joined(one: &Health, other: &Health, connects: bool) -> Vec<Check> {
    let all = [one.checks.clone(), other.checks.clone()];
    let common = Check::common(&all);
    match common.is_empty() {
        true => Check::connection(&all)
            .filter(|_| connects)
            .into_iter()
            .collect(),
        false => common,
    }
}
