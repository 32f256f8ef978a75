//! What the block of a virtual server says, until its services are made.

use std::collections::{BTreeMap, BTreeSet};

use super::programs::Programs;
use super::real_server::RealServer;
use super::sorry_server::SorryServer;
use super::timing::Timing;
use crate::import::health::{Check, Health};
use crate::import::tally::DirectiveId;
use crate::ipvs::{EngineName, Family, Forwarding, Protocol, SchedulerName, Seconds, Weight};

/// What the block says, whichever service it is for.
#[derive(Default)]
pub(super) struct Block {
    pub(super) scheduler: Option<SchedulerName>,
    pub(super) forwarding: Option<Forwarding>,
    pub(super) protocol: Option<Protocol>,
    pub(super) flags: Vec<(String, DirectiveId)>,
    pub(super) one_packet: Option<DirectiveId>,
    pub(super) persistence: Option<Seconds>,
    pub(super) mask: Option<(String, DirectiveId)>,
    pub(super) engine: Option<(EngineName, DirectiveId)>,
    pub(super) family: Option<Family>,
    pub(super) weight: Weight,
    pub(super) timing: Timing,
    /// What pages are asked for with, where nothing below says it.
    pub(super) host: Option<(String, DirectiveId)>,
    /// Each `virtualhost` outside a check.
    pub(super) hosts: Vec<DirectiveId>,
    /// Each directive about timing.
    pub(super) timings: Vec<DirectiveId>,
    /// What the file cannot say of them as the source does.
    pub(super) clamped: BTreeMap<DirectiveId, String>,
    /// Why the check is not what every real server is tested by.
    pub(super) reason: Option<&'static str>,
    /// Whether real servers stay with weight 0 when they fail, where they do not say it themselves.
    pub(super) inhibit: Option<(bool, DirectiveId)>,
    pub(super) health: Health,
    /// The ports of its services; 0 is every port, or those that a firewall marks.
    pub(super) ports: BTreeSet<u16>,
    pub(super) assumed: Vec<String>,
    pub(super) programs: Programs,
    pub(super) sorry: SorryServer,
    pub(super) servers: Vec<RealServer>,
}

/// Why a real server is tested otherwise than in the source.
const UNTESTED: &str = "it is tested like the others, which the source does not do";

impl Block {
    /// Returns whether a real server that serves accepts TCP connections to the service's port.
    pub(super) fn connects(&self) -> bool {
        self.protocol == Some(Protocol::TCP) && !self.ports.contains(&0)
    }

    /// Returns what is assumed about the check of a real server; one without a check opts out of it.
    pub(super) fn untested(&self, server: &RealServer) -> Option<String> {
        if !server.has_check {
            return None;
        }
        let (used, own) = (&self.health.checks, server.checks());
        let is_used = |own: &Check| used.iter().any(|used| used.is_like(own));
        let differs = used.len() != own.len() || !own.iter().all(is_used);
        (self.health.is_checked() && differs).then(|| UNTESTED.to_owned())
    }

    /// Says in the file which real servers the check of others tests.
    pub(super) fn tell_untested(&mut self) {
        let differ = self
            .servers
            .iter()
            .filter(|server| self.untested(server).is_some());
        let names: Vec<_> = differ.map(|server| server.address.to_string()).collect();
        if !names.is_empty() {
            self.assumed.push(format!(
                "a service has one check for all; the source tests otherwise: {}",
                names.join(", ")
            ));
        }
    }

    pub(super) fn servers_family(&self) -> Family {
        let first = self.servers.first();
        first.map_or(Family::Ipv4, |server| server.address.into())
    }
}
