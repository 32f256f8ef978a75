//! What a controller knows of the real servers, or has left behind.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::health::{HealthFact, UnavailableDestination};
use crate::check::kind::{FindingKind, kinds};
use crate::check::object::FindingObject;
use crate::check::scene::{DirectorScene, NodeScene};
use crate::check::severity::Severity;
use crate::cluster::checks::BelowMinimum;
use crate::cluster::{AbandonedWeight, NodeName};
use crate::ipvs::ServiceId;

kinds! {
    WITHDRAWN = "LVS091", Error, Addresses,
    title: "Health has withdrawn the virtual IP",
    impact: "this director does not answer for the virtual IP: every client fails, unless another director has it",
    explanation: "\
        All services of the virtual IP have fewer available real servers than their minimum, and \
        below-minimum = \"withdraw\" says that the director then gives up the address. lvsctl run adds it as \
        soon as one of them has its minimum again; a standby that takes over leaves it off, too. lvsctl \
        status has the reason of each real server; a drained one does not count as available.";

    BELOW_MINIMUM = "LVS092", Error, Services,
    title: "A service has fewer real servers than its minimum",
    impact: "real servers that are down are among those that get new connections",
    explanation: "\
        The checks of lvsctl run find fewer real servers available than the minimum of the service, and \
        what below-minimum says happens: by default all get their weights, healthy or not, because the \
        checks may be wrong and a few answers are better than none; so they do in place of a fallback that is \
        drained, has weight 0, or is down while another one is healthy. lvsctl status has the reason of each \
        real server; a drained one does not count as available.";

    SERVER_DOWN = "LVS093", Warning, Services,
    title: "A real server is down",
    impact: "the others serve its clients",
    explanation: "\
        The checks of lvsctl run get no answer from the real server by the way of clients, and its weight \
        is 0, or it is deleted, until they do. Run check there: its virtual IP, tunnel, gateway or firewall \
        may be wrong, although the service answers at its own address.";

    NO_CONTROLLER = "LVS094", Error, Upkeep,
    title: "The controller that sets the weights was killed",
    impact: "a real server that dies keeps its clients, and one that came back gets none",
    explanation: "\
        lvsctl run sets the weights of services with checks. It did not end, but was killed or has crashed, \
        and none runs now: the weights stay as health left them, so that a restart brings no dead real \
        server back, and apply leaves them, too. Start lvsctl run again, which probes the real servers \
        first. One that is to stay ended ends by SIGTERM, after which apply sets the weights of the file.";

    UNTESTED = "LVS095", Warning, Services,
    title: "No controller makes the checks of the file",
    impact: "a real server that dies keeps its share of the clients",
    explanation: "\
        Services of the file have checks, which lvsctl run makes, and nothing else: apply sets the weights \
        of the file, whether or not the real servers answer, and also where the last controller left lower \
        ones when it ended. Start lvsctl run, which probes first, as a service of the system, on each \
        director; or take the checks out of the file, if another program sets the weights (keep-weight).";
}

/// So many weights are named.
const NAMED: usize = 3;

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let facts = scene.facts;
    let withdrawn = facts.withdrawn.iter();
    let withdrawn = withdrawn.filter_map(|ip| scene.withdrawn(*ip));
    let below = facts.health.iter().filter_map(|fact| scene.below(fact));
    let down = facts.health.iter().flat_map(|fact| scene.down(fact));
    let mut found: Vec<_> = withdrawn.chain(below).chain(down).collect();
    found.extend(scene.killed().or_else(|| scene.untested()));
    found
}

impl DirectorScene<'_> {
    /// Returns a finding that is an error on the director that clients use.
    fn felt(&self, kind: &FindingKind, object: impl Into<FindingObject>, seen: String) -> Finding {
        let finding = self.finding(kind, object, seen);
        match self.facts.is_standby() {
            true => finding.severity(Severity::Warning),
            false => finding,
        }
    }

    fn withdrawn(&self, ip: IpAddr) -> Option<Finding> {
        if self.facts.carries(ip) {
            return None;
        }
        let facts = self.facts.health.iter();
        let below: Vec<_> = facts.filter(|fact| is_on(&fact.service, ip)).collect();
        let told = below.iter().map(|fact| format!("{}: {fact}", fact.service));
        let seen = match below.is_empty() {
            true => "its services are below their minimum".to_owned(),
            false => told.collect::<Vec<_>>().join("; "),
        };
        let finding = match self.facts.is_standby() {
            true => self
                .felt(&WITHDRAWN, ip, seen)
                .impact("after a takeover this director would not answer for the virtual IP: every client would fail"),
            false => self.finding(&WITHDRAWN, ip, seen),
        };
        let fixes = below.iter().flat_map(|fact| fact.fixes(self.cluster));
        Some(with_fixes(finding, fixes))
    }

    /// Reports a service below its minimum, unless that its virtual IP is withdrawn says so.
    fn below(&self, fact: &HealthFact) -> Option<Finding> {
        let how = fact.below_minimum?;
        let is_withdrawn = |ip: &IpAddr| is_on(&fact.service, *ip) && !self.facts.carries(*ip);
        if self.facts.withdrawn.iter().any(is_withdrawn) {
            return None;
        }
        let finding = self.felt(&BELOW_MINIMUM, fact.service, fact.to_string());
        let finding = match how {
            _ if fact.refuses => finding.impact("all new connections are refused"),
            BelowMinimum::ServeAll if fact.without_fallback => finding.impact(
                "the fallback cannot serve: every other real server that is not drained gets new connections, healthy or not",
            ),
            BelowMinimum::ServeAll if fact.serves_healthy() => {
                finding.impact("the real servers that are left get all new connections")
            }
            BelowMinimum::ServeAll => finding,
            BelowMinimum::Fallback if fact.has_down(self.fallback_of(fact)) => {
                finding.impact("the fallback gets all new connections, and is down itself")
            }
            BelowMinimum::Fallback => finding.impact("the fallback gets all new connections"),
            BelowMinimum::Withdraw => finding
                .impact("real servers that are left get all new connections, for other services keep the virtual IP"),
            BelowMinimum::Refuse => finding.impact("all new connections are refused"),
        };
        Some(with_fixes(finding, fact.fixes(self.cluster)))
    }

    fn fallback_of(&self, fact: &HealthFact) -> Option<&NodeName> {
        self.cluster.service(&fact.service)?.fallback.as_ref()
    }

    /// Reports real servers that are down, unless that the service is below its minimum says so.
    fn down(&self, fact: &HealthFact) -> impl Iterator<Item = Finding> {
        let service = fact.service;
        let unavailable = fact.unavailable.iter();
        let down = unavailable.filter(|found| found.is_down && fact.below_minimum.is_none());
        down.map(move |found| self.down_at(service, found))
    }

    fn down_at(&self, service: ServiceId, found: &UnavailableDestination) -> Finding {
        let seen = format!("{} is {}", found.name(), found.state());
        let finding = self.finding(&SERVER_DOWN, (service, found.destination), seen);
        match &found.server {
            Some(name) => finding.fix(format!("lvsctl check FILE --node {name}  # on {name}")),
            None => finding.fix(format!("ask {} for the service", found.destination)),
        }
    }

    /// Reports that a controller was killed, with the weights that it has left.
    fn killed(&self) -> Option<Finding> {
        let services = &self.facts.abandoned;
        let first = services.first()?;
        let left = match &self.facts.observed {
            Some(observed) => self.desired.abandoned(services, observed),
            None => Vec::new(),
        };
        let mut seen = match services.len() - 1 {
            0 => format!("none runs for {first}"),
            more => format!("none runs for {first} and {more} more"),
        };
        name(&mut seen, &left);
        let finding = self.felt(&NO_CONTROLLER, self.facts.node.as_str(), seen);
        let finding = match left.is_empty() {
            true => finding.severity(Severity::Warning),
            false => finding,
        };
        Some(finding.fix("lvsctl run FILE"))
    }
}

impl DirectorScene<'_> {
    /// Reports that no controller runs although services of the applied file have checks.
    fn untested(&self) -> Option<Finding> {
        let services = self.untested_services();
        let first = services.first()?;
        let mut seen = match services.len() - 1 {
            0 => format!("none runs, and {first} has a check"),
            more => format!("none runs, and {first} and {more} more have checks"),
        };
        let left = self.left_by_health();
        name(&mut seen, &left);
        let finding = self.finding(&UNTESTED, self.facts.node.as_str(), seen);
        let finding = match left.is_empty() {
            true => finding,
            false => finding.impact(
                "a real server that dies keeps its share of the clients, and one that came back gets none",
            ),
        };
        Some(finding.fix("lvsctl run FILE"))
    }
}

impl<T> NodeScene<'_, T> {
    /// Returns the services of the applied file whose checks no controller makes.
    pub(super) fn untested_services(&self) -> BTreeSet<ServiceId> {
        if !self.facts.applied || self.facts.is_controlled != Some(false) {
            return BTreeSet::new();
        }
        let services = self.cluster.services().iter();
        services
            .filter(|service| !service.checks.is_empty())
            .map(|service| service.service.id)
            .collect()
    }

    /// Returns what services that nothing tests have less of than the file says: weights of the file could bring a dead
    /// real server back.
    pub(super) fn left_by_health(&self) -> Vec<AbandonedWeight> {
        match &self.facts.observed {
            Some(observed) => (self.desired).left_by_health(&self.untested_services(), observed),
            None => Vec::new(),
        }
    }
}

/// Adds the first weights to what was seen.
fn name(seen: &mut String, weights: &[AbandonedWeight]) {
    let shown = weights.iter().take(NAMED);
    shown.for_each(|weight| seen.push_str(&format!("; {weight}")));
    if let more @ 1.. = weights.len().saturating_sub(NAMED) {
        seen.push_str(&format!("; and {more} more"));
    }
}

fn with_fixes(finding: Finding, fixes: impl IntoIterator<Item = String>) -> Finding {
    fixes
        .into_iter()
        .fold(finding, |finding, fix| match finding.fix.contains(&fix) {
            true => finding,
            false => finding.fix(fix),
        })
}

fn is_on(service: &ServiceId, ip: IpAddr) -> bool {
    matches!(service, ServiceId::Socket { address, .. } if address.ip() == ip)
}
