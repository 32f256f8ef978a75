//! The one check of a service, where keepalived tests each real server in its own way.

use std::collections::BTreeSet;

use super::Walk;
use super::block::Block;
use super::real_server::RealServer;
use super::timing::{Timing, Uses};
use super::tree::Node;
use crate::import::health::{Check, Health, NO_CHECK};
use crate::import::tally::DirectiveId;

/// What a block in a real server tests.
#[derive(Clone, Debug)]
pub(super) struct Tested {
    pub(super) checks: Vec<Check>,
    /// What is not as in the source.
    pub(super) doubt: Option<&'static str>,
    /// Whether it makes a connection where the source does more.
    pub(super) connects_only: bool,
    pub(super) node: Node,
    pub(super) timing: Timing,
    /// The `virtualhost` outside the block that it asks for.
    pub(super) host: Option<DirectiveId>,
}

/// What a service tests in the end, and why that is not what its real servers are tested by.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) checks: Vec<Check>,
    pub(super) reason: Option<&'static str>,
}

/// How much a service tests of what a block in a real server does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    Nothing,
    /// Only that there is a connection.
    Connection,
    /// The same, less often or longer.
    Patient,
    Whole,
}

/// What is done where checks differ: none may find a healthy real server down.
const COMMON: &str =
    "a service has one check for all, here what the source tests of every real server";
const CONNECTION: &str = "only a TCP connection to the service's port is checked, as the source tests its real servers differently";
const NONE: &str =
    "no check: a service has one for all, and the source tests its real servers differently";
const PATIENT: &str =
    "the longest interval and timeout and the most failures of all its real servers";
const SOME: &str =
    "not of the service that another virtual_server declares too, which has what both test";

impl Block {
    /// Chooses what is tested of every real server that the source tests.
    pub(super) fn choose_checks(&mut self) {
        let checked = || self.servers.iter().filter(|server| server.has_check);
        let all: Vec<_> = checked().map(RealServer::checks).collect();
        if all.iter().all(Vec::is_empty) {
            return;
        }
        let chosen = Chosen::of(&all, self.connects());
        let weights: BTreeSet<_> = checked()
            .map(|server| server.weight.unwrap_or(self.weight).get())
            .collect();
        self.health.weight = weights.first().copied().filter(|_| weights.len() == 1);
        self.assumed.extend(chosen.reason.map(str::to_owned));
        self.assumed
            .extend(chosen.reason.and_then(|_| Check::difference(&all)));
        let is_patient = |own: &Vec<Check>| own.iter().any(|check| !chosen.checks.contains(check));
        if chosen.reason.is_none() && all.iter().any(is_patient) {
            self.assumed.push(PATIENT.to_owned());
        }
        let tested = self.servers.iter().flat_map(|server| &server.tested);
        let used = tested.filter(|tested| tested.kept(&chosen) >= Kept::Patient);
        let doubts: Vec<_> = used.filter_map(|tested| tested.doubt).collect();
        self.assumed.extend(doubts.into_iter().map(str::to_owned));
        let tested = self.servers.iter().flat_map(|server| &server.tested);
        let made = tested.filter(|tested| tested.kept(&chosen) >= Kept::Connection);
        let clamped = made.flat_map(|tested| {
            let checks = tested.checks.iter();
            checks.flat_map(|check| tested.timing.clamped(check))
        });
        self.clamped = clamped.collect();
        self.assumed.extend(self.clamped.values().cloned());
        self.health.checks = chosen.checks;
        self.reason = chosen.reason;
    }
}

impl Chosen {
    fn of(all: &[Vec<Check>], connects: bool) -> Self {
        let common = Check::common(all);
        let is_whole = all.iter().all(|checks| checks.len() == common.len());
        let connection = || Check::connection(all).filter(|_| connects);
        let (checks, reason) = match common.is_empty() {
            false => (common, (!is_whole).then_some(COMMON)),
            true => match connection() {
                Some(check) => (vec![check], Some(CONNECTION)),
                None => (Vec::new(), Some(NONE)),
            },
        };
        Self { checks, reason }
    }

    /// Returns whether a program sets the weights.
    pub(super) fn sets_weight(&self) -> bool {
        self.checks.iter().any(Check::sets_weight)
    }

    /// Returns the checks of a service whose real servers two virtual servers declare.
    pub(super) fn joined(one: &Health, other: &Health, connects: bool) -> Self {
        Self::of(&[one.checks.clone(), other.checks.clone()], connects)
    }
}

impl Tested {
    fn kept(&self, chosen: &Chosen) -> Kept {
        let used_for = |check: &Check| chosen.checks.iter().find(|used| used.is_like(check));
        let used: Option<Vec<_>> = self.checks.iter().map(used_for).collect();
        match used {
            Some(used) if used.iter().copied().eq(&self.checks) => Kept::Whole,
            Some(_) => Kept::Patient,
            None if chosen.reason == Some(CONNECTION) => Kept::Connection,
            None => Kept::Nothing,
        }
    }

    /// Adds the directives about timing of which the check of a service is made.
    fn uses(&self, chosen: &Chosen, uses: &mut Uses) {
        let is_connection = self.kept(chosen) == Kept::Connection;
        for own in &self.checks {
            let mut checks = chosen.checks.iter();
            let used = checks.find(|used| is_connection || used.is_like(own));
            used.into_iter()
                .for_each(|used| self.timing.uses(own, used, uses));
        }
    }
}

impl Walk<'_> {
    /// Tells of the directives about checks what the services of a block have of them.
    pub(super) fn settle_checks(&mut self, node: &Node, block: &Block, chosen: &[Chosen]) {
        if chosen.iter().all(|chosen| chosen.checks.is_empty()) {
            node.leave_health(self.tally, NO_CHECK);
        }
        for tested in block.servers.iter().flat_map(|server| &server.tested) {
            self.settle_tested(tested, chosen);
        }
        let of_each: Vec<_> = chosen.iter().map(|chosen| block.uses(chosen)).collect();
        for directive in &block.timings {
            let fates = || of_each.iter().map(|uses| uses.get(directive));
            if fates().all(|fate| fate == Some(&true)) || !self.tally.is_used(*directive) {
                continue;
            }
            match fates().any(|fate| fate.is_some()) {
                true => {
                    let clamped = block.clamped.get(directive);
                    self.tally
                        .doubt(*directive, clamped.map_or(PATIENT, String::as_str));
                }
                false => self
                    .tally
                    .left(*directive, "no check that is imported has it"),
            }
        }
        if chosen.iter().any(Chosen::sets_weight) {
            self.settle_weights(node, block);
        }
        for directive in &block.hosts {
            if !block.asks_with(*directive, chosen) && self.tally.is_used(*directive) {
                let reason = "no check that is imported asks for a page with it";
                self.tally.left(*directive, reason);
            }
        }
    }

    /// The weight of the source is what an exit status of 0 stands for.
    fn settle_weights(&mut self, node: &Node, block: &Block) {
        let checked = block.servers.iter().filter(|server| server.has_check);
        let checked: BTreeSet<_> = checked.map(|server| server.directive).collect();
        let servers = node.children().iter();
        let servers = servers
            .filter(|child| checked.contains(&child.id))
            .flat_map(Node::children);
        let weights = node.children().iter().chain(servers);
        let used: Vec<_> = weights
            .filter(|child| child.word(0) == "weight" && self.tally.is_used(child.id))
            .collect();
        for child in used {
            match block.health.weight {
                Some(_) => {
                    let reason = "the weight that the exit status 0 of the program stands for";
                    self.tally
                        .assumed(child.id, "services.check.command", reason);
                }
                None => {
                    let reason =
                        "the exit status of the program is the weight; 0 is 100, as weights differ";
                    self.tally.left(child.id, reason);
                }
            }
        }
    }

    fn settle_tested(&mut self, tested: &Tested, chosen: &[Chosen]) {
        let kept = || chosen.iter().map(|chosen| tested.kept(chosen));
        let reason = chosen.iter().find_map(|chosen| chosen.reason);
        let reason = reason.unwrap_or(SOME);
        match (kept().min(), kept().max()) {
            (_, None | Some(Kept::Nothing)) => tested.node.leave(self.tally, reason),
            _ if tested.connects_only => self.leave_all_but_timing(&tested.node),
            (_, Some(Kept::Connection)) => self.connects_only(&tested.node, reason),
            (Some(Kept::Whole), _) => {}
            (Some(Kept::Patient), _) => self.tally.doubt(tested.node.id, PATIENT),
            (_, _) => self.tally.doubt(tested.node.id, SOME),
        }
    }

    /// Leaves what a check asks for, but not how often.
    fn connects_only(&mut self, node: &Node, reason: &str) {
        self.tally.assumed(node.id, "services.check", reason);
        self.leave_all_but_timing(node);
    }

    fn leave_all_but_timing(&mut self, node: &Node) {
        for child in node.children().iter().filter(|child| !is_timing(child)) {
            child.leave(self.tally, "only a TCP connection is checked");
        }
    }
}

impl Block {
    fn uses(&self, chosen: &Chosen) -> Uses {
        let mut uses = Uses::new();
        let tested = self.servers.iter().flat_map(|server| &server.tested);
        tested.for_each(|tested| tested.uses(chosen, &mut uses));
        uses
    }

    /// Returns whether a check that is made asks for the host of a directive.
    fn asks_with(&self, host: DirectiveId, chosen: &[Chosen]) -> bool {
        let mut tested = self.servers.iter().flat_map(|server| &server.tested);
        let is_made = |tested: &Tested| {
            let mut kept = chosen.iter().map(|chosen| tested.kept(chosen));
            kept.any(|kept| kept >= Kept::Patient)
        };
        tested.any(|tested| tested.host == Some(host) && is_made(tested))
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
    )
}
