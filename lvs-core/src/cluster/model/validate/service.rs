//! The services: that a node carries their address, and that their keys make sense together.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use super::destination::Destinations;
use crate::cluster::checks::Check;
use crate::cluster::model::cluster::Cluster;
use crate::cluster::model::error::{DocumentError, DocumentErrorKind, invalid};
use crate::cluster::model::fwmark::Match;
use crate::cluster::model::mistakes::Mistakes;
use crate::cluster::model::places::Gaps;
use crate::cluster::model::virtual_service::VirtualService;
use crate::ipvs::{Family, Protocol, ServiceId};

impl Cluster {
    pub(super) fn validate_services(&self, gaps: &Gaps, mistakes: &mut Mistakes) {
        if self.services.is_empty() && !gaps.services {
            mistakes.push(
                DocumentError::new(
                    DocumentErrorKind::Missing,
                    "services",
                    "no service is defined",
                )
                .with_hint("add [[services]]"),
            );
        }
        let (mut seen, mut valid) = (BTreeSet::new(), HashSet::new());
        for (i, service) in self.services.iter().enumerate() {
            mistakes.within(self.index.places.service(i), |mistakes| {
                let id = service.service.id;
                if self.index.places.has_protocol(i) && !seen.insert(id) {
                    let problem = format!("{id} is defined twice");
                    let path = self.index.places.service_address(i);
                    mistakes.push(DocumentError::new(
                        DocumentErrorKind::Duplicate,
                        path,
                        problem,
                    ));
                }
                self.validate_service(i, service, gaps, mistakes);
                let destinations = Destinations::of(self, i, gaps, service);
                let key = destinations.key();
                let is_new = !valid.contains(&key);
                if is_new && !mistakes.has_more(|mistakes| destinations.validate(mistakes)) {
                    valid.insert(key);
                }
            });
        }
    }

    /// Refuses a service whose packets a probe service would take: one mark has one service.
    pub(in crate::cluster::model) fn validate_marks(&self) -> Result<(), DocumentError> {
        let marks = self.marks;
        let is_checked = self
            .services
            .iter()
            .any(|service| !service.checks.is_empty());
        let taken = self.services.iter().position(|service| {
            matches!(service.service.id, ServiceId::Fwmark { mark, .. } if marks.contains(mark))
        });
        match taken.filter(|_| is_checked) {
            None => Ok(()),
            Some(i) => Err(DocumentError::new(
                DocumentErrorKind::Conflict,
                format!("{}.fwmark", self.index.places.service(i)),
                format!(
                    "belongs to the marks of probe services, from {:#x} on",
                    marks.first()
                ),
            )
            .with_hint("choose another mark, or another first one: marks in [health]")),
        }
    }

    fn validate_service(
        &self,
        i: usize,
        service: &VirtualService,
        gaps: &Gaps,
        mistakes: &mut Mistakes,
    ) {
        if let Some(vip) = service.vip().filter(|_| !gaps.virtual_ips) {
            mistakes.keep(
                self.validate_vip(vip)
                    .map_err(|mistake| mistake.within(self.index.places.service_address(i))),
            );
        }
        if !gaps.directors {
            mistakes.keep(self.validate_withdrawal(service));
        }
        self.validate_matches(service, gaps, mistakes);
        service.validate_health(mistakes);
        if !gaps.has_fewer_destinations() {
            mistakes.keep(self.validate_minimum(i, service));
        }
        service.validate_for_the_kernel(self.index.places.has_protocol(i), mistakes);
    }

    /// Refuses a virtual IP without an interface: it could not be added, nor with which prefix length.
    fn validate_vip(&self, vip: IpAddr) -> Result<(), DocumentError> {
        if self.directors_with(vip).next().is_some() {
            return Ok(());
        }
        let interface = self
            .directors
            .iter()
            .flat_map(|director| &director.addresses)
            .next()
            .map_or("eth0", |address| address.id.interface.as_str());
        let prefix = if vip.is_ipv4() { 32 } else { 128 };
        let entry = format!("interface = \"{interface}\", address = \"{vip}/{prefix}\"");
        let (directors, hint) = match self.is_paired() {
            false => (
                "the director",
                format!("add {{ {entry} }} to director.addresses"),
            ),
            true => (
                "the directors",
                format!("add {{ {entry}, floating = true }} to the addresses of both directors"),
            ),
        };
        let problem = format!("no interface of {directors} carries {vip}");
        Err(DocumentError::new(DocumentErrorKind::Unreachable, "", problem).with_hint(hint))
    }

    /// Validates what is marked for a service; without matches the rules of others mark its packets.
    fn validate_matches(&self, service: &VirtualService, gaps: &Gaps, mistakes: &mut Mistakes) {
        let family = service.service.id.family();
        for (i, packets) in service.matches.iter().enumerate() {
            mistakes.within(format_args!("match[{i}]"), |mistakes| {
                if !gaps.virtual_ips {
                    mistakes.keep(self.validate_vip(packets.address.ip()));
                }
                if Family::from(packets.address.ip()) != family {
                    let problem = format!("{packets} is not {family}");
                    let kind = DocumentErrorKind::Conflict;
                    mistakes.push(DocumentError::new(kind, "", problem).with_hint(
                        "define a service of its own for the other family, with the same mark",
                    ));
                }
                mistakes.keep(self.validate_marked_once(packets));
            });
        }
    }

    /// Refuses packets of two services: a mark precedes an address, and of several rules that match the last
    /// one sets the mark, so that one of the services would get nothing.
    fn validate_marked_once(&self, packets: &Match) -> Result<(), DocumentError> {
        if self.services_at(*packets).count() <= 1 {
            return Ok(());
        }
        let problem = format!("{packets} also belongs to another service");
        Err(
            DocumentError::new(DocumentErrorKind::Duplicate, "", problem)
                .with_hint("a packet can belong to one service only"),
        )
    }

    /// Returns how many names of destinations no node has.
    pub(super) fn unknown_names(&self) -> usize {
        self.services
            .iter()
            .flat_map(|service| &service.destinations)
            .map(|destination| &destination.real_server)
            .filter(|name| self.node_named(name).is_none())
            .collect::<BTreeSet<_>>()
            .len()
    }

    /// Refuses a minimum that no health reaches; not where another program finds destinations: one that goes must not
    /// have the file refused, and below the minimum is said what happens then.
    fn validate_minimum(&self, i: usize, service: &VirtualService) -> Result<(), DocumentError> {
        let is_discovered = self.index.places.is_discovered(i);
        match self.shortage(service).filter(|_| !is_discovered) {
            None => Ok(()),
            Some(shortage) => Err(DocumentError::new(
                DocumentErrorKind::Conflict,
                "minimum",
                shortage.to_string(),
            )
            .with_hint("it would never hold")),
        }
    }

    /// Refuses a director that must not route where there is masquerading: answers of real servers pass it.
    pub(super) fn validate_ip_forward(&self) -> Result<(), DocumentError> {
        if !self.services.iter().any(VirtualService::is_masqueraded) {
            return Ok(());
        }
        let off = self
            .directors
            .iter()
            .position(|director| director.ip_forward == Some(false));
        match off {
            Some(i) => Err(DocumentError::new(
                DocumentErrorKind::Conflict,
                format!("{}.ip-forward", self.director_path(i)),
                "false contradicts nat: answers of real servers would not be forwarded",
            )
            .with_hint("leave it out")),
            None => Ok(()),
        }
    }
}

impl VirtualService {
    fn validate_health(&self, mistakes: &mut Mistakes) {
        for check in &self.checks {
            mistakes.keep(check.timing.check().map_err(invalid("check")));
        }
        let mut refused = |key: &str, problem: String, hint: &str| {
            let kind = DocumentErrorKind::Conflict;
            mistakes.push(DocumentError::new(kind, key, problem).with_hint(hint));
        };
        if self.keep_weight && !self.checks.is_empty() {
            let problem = "excludes check: the weights follow the checks".to_owned();
            refused("keep-weight", problem, "leave one of them out");
        }
        let mut destinations = self.destinations.iter();
        if let Some(name) = &self.fallback
            && !destinations.any(|destination| destination.real_server == *name)
        {
            let problem = format!("{name} is no destination of this service");
            refused("fallback", problem, "add it to the destinations");
        }
    }

    /// Refuses what the kernel would accept but never do.
    fn validate_for_the_kernel(&self, has_protocol: bool, mistakes: &mut Mistakes) {
        let ServiceId::Socket { protocol, .. } = self.service.id else {
            return;
        };
        let has_mistakes = mistakes.has_more(|mistakes| {
            self.validate_socket(mistakes);
            if has_protocol {
                self.validate_protocol(protocol, mistakes);
            }
        });
        if has_protocol && !has_mistakes {
            mistakes.keep(self.service.check().map_err(DocumentError::from));
        }
    }

    fn validate_socket(&self, mistakes: &mut Mistakes) {
        if self.service.lacks_persistence() {
            let problem = "port 0 means every port, which needs persistence";
            mistakes
                .push(conflict("address", problem).with_hint("write a port, or add persistence"));
        }
        if self.service.is_one_packet_with_persistence() {
            let problem = "excludes persistence";
            mistakes.push(conflict("one-packet", problem).with_hint("leave one of them out"));
        }
    }

    fn validate_protocol(&self, protocol: Protocol, mistakes: &mut Mistakes) {
        if self.service.is_one_packet_without_udp() {
            let problem = format!("has no effect on {protocol}, only on udp");
            mistakes.push(conflict("one-packet", problem).with_hint("leave it out"));
        }
        let mut checks = self.checks.iter();
        if protocol != Protocol::UDP && checks.any(Check::is_datagram_to_the_service) {
            let problem = format!("udp reaches no {protocol} service");
            mistakes.push(conflict("check", problem).with_hint(
                "write check = \"tcp\", or the port of UDP: { type = \"udp\", port = 53 }",
            ));
        }
    }
}

fn conflict(key: &str, problem: impl Into<String>) -> DocumentError {
    DocumentError::new(DocumentErrorKind::Conflict, key, problem)
}
