//! `virtual_server`: one service, or one for each address and mark of its group.

use std::net::{IpAddr, SocketAddr};

use super::block::Block;
use super::directives::reason;
use super::group::{Target, TargetKind, mark, no_address, port};
use super::programs::Programs;
use super::real_server::RealServer;
use super::service_options::{PERSISTENCE, tunnel};
use super::tree::Node;
use super::{Walk, flag};
use crate::import::ImportError;
use crate::import::draft::{DraftDestination, DraftService};
use crate::import::health::Health;
use crate::import::limits::DESTINATIONS;
use crate::ipvs::{
    EngineName, Family, Forwarding, Protocol, SchedulerName, Seconds, Service, ServiceId, Weight,
};

impl Walk<'_> {
    pub(super) fn virtual_server(&mut self, node: &Node) -> Result<(), ImportError> {
        let targets = match self.targets(node) {
            Ok(targets) => targets,
            Err(reason) => {
                node.leave(self.tally, &reason);
                return Ok(());
            }
        };
        let mut block = Block {
            programs: Programs::of(node),
            ports: targets.iter().map(Target::port).collect(),
            ..Block::default()
        };
        // Real servers inherit what stands below them too.
        let is_server = |child: &&Node| child.word(0) == "real_server";
        let (servers, others): (Vec<_>, Vec<_>) = node.children().iter().partition(is_server);
        for child in others.into_iter().chain(servers) {
            self.virtual_server_directive(child, &mut block);
            self.excess(child);
        }
        if block.servers.is_empty() {
            let reason = "keepalived ignores a virtual server without real servers";
            node.leave(self.tally, reason);
            return Ok(());
        }
        node.leave_overridden(self.tally);
        let owners: Vec<_> = block
            .servers
            .iter()
            .map(|server| server.directive)
            .collect();
        let is_of_servers = |child: &&Node| !is_server(child) && !is_of_sorry_server(child);
        for child in node.children().iter().filter(is_of_servers) {
            self.tally.belongs(child.id, &owners);
        }
        block.timings = std::mem::take(&mut self.timings);
        self.settle_inhibit(&mut block);
        self.settle_sorry_server(&mut block);
        self.leave_unused(node, &block, &targets);
        // What is assumed by now is about keys of which only a service with checks has any.
        let of_health = std::mem::take(&mut block.assumed);
        block.choose_checks();
        if block.health.is_checked() {
            block.assumed.splice(0..0, of_health);
        }
        block.tell_untested();
        self.services_left = match self.services_left.checked_sub(targets.len()) {
            Some(left) if targets.len() * block.servers.len() <= DESTINATIONS => left,
            _ => {
                let problem = "its group and its real servers make too many destinations";
                return Err(ImportError::new(&node.place, problem));
            }
        };
        let mut is_new = false;
        for target in targets {
            is_new |= self.service(node, &target, &block);
        }
        if !is_new {
            self.leave_repeated(node, &block);
        }
        self.blocks.push((node.clone(), block));
        Ok(())
    }

    fn targets(&mut self, node: &Node) -> Result<Vec<Target>, String> {
        let kind = match node.word(1) {
            "group" => {
                let group = self.groups.get_mut(node.word(2));
                let group = group.ok_or_else(|| format!("there is no group {:?}", node.word(2)))?;
                group.used = true;
                return match group.targets.is_empty() {
                    true => Err(format!("the group {:?} has no address", node.word(2))),
                    false => Ok(group.targets.clone()),
                };
            }
            "fwmark" => TargetKind::Fwmark(mark(node.word(2))?, None),
            text => {
                let ip: IpAddr = text.parse().map_err(|_| no_address(text))?;
                TargetKind::Socket(SocketAddr::new(ip, port(node.word(2))?))
            }
        };
        Ok(vec![Target {
            kind,
            directive: node.id,
            place: node.place.clone(),
        }])
    }

    fn virtual_server_directive(&mut self, node: &Node, block: &mut Block) {
        match node.word(0) {
            "lb_algo" | "lvs_sched" => match SchedulerName::new(node.word(1).to_owned()) {
                Ok(name) if SchedulerName::KNOWN.contains(&name) => {
                    block.scheduler = Some(name);
                    self.tally.carried(node.id, "services.scheduler");
                }
                _ => self
                    .tally
                    .left(node.id, format!("{:?} is not a scheduler", node.word(1))),
            },
            "lb_kind" | "lvs_method" => {
                if let Some(method) = self.method(node) {
                    block.forwarding = Some(method);
                }
            }
            "protocol" => match node.word(1).to_ascii_lowercase().as_str() {
                "tcp" => self.protocol(node, block, Protocol::TCP),
                "udp" => self.protocol(node, block, Protocol::UDP),
                "sctp" => self.protocol(node, block, Protocol::SCTP),
                _ => self
                    .tally
                    .left(node.id, format!("{:?} is not a protocol", node.word(1))),
            },
            "flag-1" | "flag-2" | "flag-3" | "sh-port" | "sh-fallback" | "mh-port"
            | "mh-fallback" => {
                block.flags.push((node.word(0).to_owned(), node.id));
                self.tally.carried(node.id, "services.scheduler-flags");
            }
            "hashed" => self
                .tally
                .left(node.id, "the kernel's own flag, which it sets by itself"),
            "ops" => {
                block.one_packet = Some(node.id);
                self.tally.carried(node.id, "services.one-packet");
            }
            "persistence_timeout" if node.words.len() < 2 => {
                block.persistence = Some(PERSISTENCE);
                self.tally
                    .carried(node.id, "services.persistence: 360, keepalived's default");
            }
            "persistence_timeout" => {
                if let Some(seconds) = self.number(node, "a number of seconds") {
                    block.persistence = Some(Seconds(seconds)).filter(|seconds| seconds.0 > 0);
                    self.tally.carried(node.id, "services.persistence");
                }
            }
            "persistence_granularity" => {
                block.mask = Some((node.word(1).to_owned(), node.id));
                self.tally.carried(node.id, "services.persistence");
            }
            "persistence_engine" => match EngineName::new(node.word(1).to_owned()) {
                Ok(engine) => {
                    block.engine = Some((engine, node.id));
                    self.tally.carried(node.id, "services.persistence");
                }
                Err(invalid) => self.tally.left(node.id, invalid.to_string()),
            },
            "ip_family" => {
                block.family = Some(match node.word(1) {
                    "inet6" => Family::Ipv6,
                    _ => Family::Ipv4,
                });
                self.tally.carried(node.id, "services.family");
            }
            "weight" => {
                if let Some(weight) = self.weight(node) {
                    block.weight = weight;
                }
            }
            "real_server" => self.real_server(node, block),
            _ => self.health_directive(node, block),
        }
    }

    fn protocol(&mut self, node: &Node, block: &mut Block, protocol: Protocol) {
        block.protocol = Some(protocol);
        self.tally.carried(node.id, "services.protocol");
    }

    /// Imports what is about checks and failures.
    fn health_directive(&mut self, node: &Node, block: &mut Block) {
        if self.timing(node, &mut block.timing, false) {
            return;
        }
        match node.word(0) {
            "quorum" | "sorry_server" | "sorry_server_inhibit" | "sorry_server_lvs_method" => {
                self.sorry_server(node, block);
            }
            "inhibit_on_failure" => block.inhibit = Some((flag(node), node.id)),
            "virtualhost" => {
                block.host = Some((node.word(1).to_owned(), node.id));
                block.hosts.push(node.id);
                Health::said(self.tally, node.id, "check.host");
            }
            word => self.tally.left(node.id, reason(word)),
        }
    }

    /// keepalived reads one directive a line, and ignores what follows its value.
    pub(super) fn excess(&mut self, node: &Node) {
        const ONE_VALUE: [&str; 22] = [
            "lb_algo",
            "lvs_sched",
            "protocol",
            "persistence_timeout",
            "persistence_granularity",
            "persistence_engine",
            "delay_loop",
            "delay_before_retry",
            "connect_timeout",
            "misc_timeout",
            "retry",
            "nb_get_retry",
            "weight",
            "uthreshold",
            "lthreshold",
            "quorum",
            "connect_port",
            "path",
            "name",
            "type",
            "misc_path",
            "inhibit_on_failure",
        ];
        let ignored = node.words.get(2..).unwrap_or_default().join(" ");
        if ONE_VALUE.contains(&node.word(0)) && !ignored.is_empty() {
            let doubt =
                format!("keepalived reads one directive a line, and ignores here: {ignored}");
            self.tally.doubt(node.id, &doubt);
        }
    }

    /// The file has one `on-failure` for all destinations of a service.
    fn settle_inhibit(&mut self, block: &mut Block) {
        let inhibits = |server: &RealServer| {
            let said = server.inhibit.or(block.inhibit);
            said.is_some_and(|(inhibits, _)| inhibits)
        };
        let (keep, delete): (Vec<_>, Vec<_>) = block
            .servers
            .iter()
            .map(|server| (inhibits(server), server.address.to_string()))
            .partition(|(inhibits, _)| *inhibits);
        let said = block.servers.iter().filter_map(|server| server.inhibit);
        let said: Vec<_> = said.chain(block.inhibit).map(|(_, id)| id).collect();
        block.health.inhibit = Some(!keep.is_empty());
        block.health.inhibit_lines.clone_from(&said);
        if keep.is_empty() || delete.is_empty() {
            for id in said {
                Health::said(self.tally, id, "on-failure");
            }
            return;
        }
        let names: Vec<_> = delete.into_iter().map(|(_, name)| name).collect();
        let reason = format!(
            "on-failure = \"drain\" for all real servers; the source deletes {} on failure",
            names.join(", ")
        );
        for id in said {
            self.tally
                .assumed(id, "services.on-failure", reason.clone());
        }
        block.assumed.push(reason);
    }

    /// `NAT`, `DR`, or `TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]`.
    pub(super) fn method(&mut self, node: &Node) -> Option<Forwarding> {
        let method = match node.word(1) {
            "NAT" => Some(Forwarding::Masquerade),
            "DR" => Some(Forwarding::DirectRouting),
            "TUN" => tunnel(node).map(Forwarding::Tunnel),
            _ => None,
        };
        match method {
            Some(_) => self
                .tally
                .carried(node.id, "services.destinations.forwarding"),
            None => self
                .tally
                .left(node.id, "keepalived knows NAT, DR and TUN, in capitals"),
        }
        method
    }

    pub(super) fn weight(&mut self, node: &Node) -> Option<Weight> {
        let weight = self
            .number(node, "a weight")
            .and_then(|weight| Weight::new(weight).ok());
        match weight {
            Some(_) => self.tally.carried(node.id, "services.destinations.weight"),
            None => self
                .tally
                .left(node.id, format!("{:?} is not a weight", node.word(1))),
        }
        weight
    }

    /// Adds a service for a target; false if it is declared above.
    fn service(&mut self, node: &Node, target: &Target, block: &Block) -> bool {
        let mut assumed = block.assumed.clone();
        let id = match target.kind {
            TargetKind::Socket(address) => {
                let protocol = block.protocol.unwrap_or_else(|| {
                    assumed.push("protocol udp, as keepalived does without one".to_owned());
                    Protocol::UDP
                });
                ServiceId::Socket { protocol, address }
            }
            TargetKind::Fwmark(mark, family) => ServiceId::Fwmark {
                mark,
                family: family
                    .or(block.family)
                    .unwrap_or_else(|| block.servers_family()),
            },
        };
        let mut service = Service::new(
            id,
            block.scheduler.clone().unwrap_or_else(|| {
                assumed.push("scheduler wlc, keepalived's default".to_owned());
                SchedulerName::WLC
            }),
        );
        service.persistence = self.persistence(&id, block, &mut assumed);
        self.options_of(&mut service, block);
        let default = block.forwarding.unwrap_or_else(|| {
            if block
                .servers
                .iter()
                .any(|server| server.forwarding.is_none())
            {
                assumed.push("forwarding nat, keepalived's default".to_owned());
            }
            Forwarding::Masquerade
        });
        let mut draft = DraftService::new(service, &target.place, node.id);
        draft.target = (target.directive != node.id).then_some(target.directive);
        let is_tested = |server: &RealServer| !server.tested.is_empty();
        let has_check = |server: &RealServer| server.has_check;
        if block.servers.iter().any(has_check) && !block.servers.iter().any(is_tested) {
            let remark =
                "no check: none of those in the source is imported, and the report says why";
            draft.remarks.insert(remark.to_owned());
        }
        draft.assumed = assumed.into_iter().collect();
        draft.health = block.health.clone();
        draft.destinations = block
            .servers
            .iter()
            .map(|server| DraftDestination {
                destination: server.destination(&id, default, block.weight),
                directive: server.directive,
                assumed: block.untested(server),
                is_fallback: false,
                is_checked: server.has_check,
            })
            .chain(block.sorry.destination(&id, default))
            .collect();
        self.add(draft, block.reason)
    }
}

fn is_of_sorry_server(node: &Node) -> bool {
    node.word(0).starts_with("sorry_server") || node.word(0) == "quorum"
}
