//! Requests that reach a node and get no answer, although a program listens for them or IPVS should balance them.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use super::traffic::Traffic;
use crate::check::command;
use crate::check::datagrams::DatagramsFact;
use crate::check::facts::{IpvsReading, ListeningSocket};
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::requests::RequestsFact;
use crate::check::scene::{DirectorScene, RealServerScene};
use crate::check::severity::Severity;
use crate::check::words::counted;
use crate::cluster::{Match, VirtualService};
use crate::ipvs::{Connection, Encapsulation, Forwarding, Protocol, ServiceFlags, ServiceId};

kinds! {
    UNANSWERED = "LVS083", Error, Routing,
    title: "Requests arrive, and this node answers none",
    impact: "clients wait until they give up, or are refused",
    explanation: "\
        Requests for a service reach this node, and nothing leaves it for a second or although clients \
        repeat them; or each is refused although a program listens, which may listen by IPv6 only \
        (IPV6_V6ONLY) or on another interface (SO_BINDTODEVICE). On a real server a firewall drops the request or the answer \
        (nft list ruleset and iptables -S show its rules), or a filter of traffic control does (tc -s \
        filter show). On a director the same loses requests before IPVS gets them, after it has chosen a \
        real server (OUTPUT), or masqueraded answers on their way back (FORWARD; Docker sets its policy \
        to DROP). REDIRECT and DNAT in PREROUTING take requests away from IPVS, and a rule of policy \
        routing may refuse masqueraded answers. Where only some requests of a client are lost, a limit or \
        a rule with a probability drops them. Allow the service's port in both directions.";
}

/// From this number of datagrams on it is no accident that none is answered.
const DATAGRAMS: u64 = 2;

pub(super) fn on_real_server(scene: &RealServerScene<'_>) -> Vec<Finding> {
    scene
        .arrivals()
        .map(|(_, wanted)| wanted)
        .filter(|wanted| scene.is_heard(*wanted))
        .filter_map(|wanted| match wanted.protocol {
            Protocol::TCP => scene.unanswered(wanted.address),
            _ => scene.undelivered(wanted.address),
        })
        .collect()
}

pub(super) fn on_director(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let Some(table) = scene
        .facts
        .now()
        .filter(|table| table.connections.len() < IpvsReading::MOST_CONNECTIONS)
    else {
        return Vec::new();
    };
    scene
        .facts
        .requests
        .iter()
        .filter_map(|requests| scene.lost_here(requests, table))
        .chain(scene.lost_datagrams())
        .collect()
}

impl RealServerScene<'_> {
    fn is_heard(&self, wanted: ListeningSocket) -> bool {
        self.facts
            .listeners
            .iter()
            .any(|listener| listener.receives(wanted))
    }

    /// Reports a socket at which each request remains without an answer, or is refused. Where others are answered, a
    /// firewall may be meant to keep these out.
    fn unanswered(&self, address: SocketAddr) -> Option<Finding> {
        let requests = self.facts.requests_at(address)?;
        if requests.answered > 0 {
            return None;
        }
        let seen = match (requests.unanswered.len(), requests.refused) {
            (0, 0) => return None,
            (0, 1) => "1 request arrived, and was refused with a reset".to_owned(),
            (0, count) => format!("{count} requests arrived, and each was refused with a reset"),
            (count, _) => format!(
                "{} in vain, and no answer left",
                counted(count, "client asked", "clients asked")
            ),
        };
        let object = format!("tcp {address}");
        Some(
            self.finding(&UNANSWERED, &object, seen)
                .fix(RULES)
                .fix(format!("or allow {object} and its answers in the firewall")),
        )
    }

    /// Reports datagrams that arrive and reach no program. (That none is answered may be meant.)
    fn undelivered(&self, address: SocketAddr) -> Option<Finding> {
        let datagrams = self
            .silent_at(address)
            .filter(|datagrams| datagrams.are_lost())?;
        let object = format!("udp {address}");
        let seen = format!(
            "{} datagrams arrived, programs have not read them, and no answer left",
            datagrams.count
        );
        Some(
            self.finding(&UNANSWERED, &object, seen)
                .fix(RULES)
                .fix(format!("or allow {object} and its answers in the firewall")),
        )
    }

    /// Returns what was sent to a socket from which nothing came back.
    fn silent_at(&self, address: SocketAddr) -> Option<&DatagramsFact> {
        self.facts
            .datagrams_at(address)
            .filter(|datagrams| !datagrams.unanswered.is_empty() && datagrams.answered.is_empty())
    }

    /// Returns which datagrams are read and not answered, as a reason not to call routing sound: a firewall drops the
    /// answers, or the program gives none.
    pub(in crate::check) fn silence(&self) -> Option<String> {
        let silent = self
            .arrivals()
            .map(|(_, wanted)| wanted)
            .filter(|wanted| wanted.protocol == Protocol::UDP && self.is_heard(*wanted))
            .find_map(|wanted| self.silent_at(wanted.address))
            .filter(|silent| !silent.are_lost())?;
        Some(format!(
            "datagrams to udp {} arrived, and no answer left: the program gives none, or a firewall drops them",
            silent.address
        ))
    }
}

impl DatagramsFact {
    /// Returns whether they were lost before a program could read them.
    const fn are_lost(&self) -> bool {
        self.undelivered && self.count >= DATAGRAMS
    }
}

impl DirectorScene<'_> {
    /// Reports requests that this director loses itself: before IPVS, behind it, or on the way back.
    fn lost_here(&self, requests: &RequestsFact, table: &IpvsReading) -> Option<Finding> {
        let (service, lost) = self.lost(requests, table)?;
        let own = requests.address;
        let id = service.service.id;
        let finding = match self.taking(id).filter(|_| lost.is_before()) {
            Some(other) => self.taken(id, &lost.seen(own)?, other),
            None => self.finding(&UNANSWERED, id, lost.seen(own)?),
        };
        let finding = finding.fix(RULES).fix(format!(
            "or allow tcp {own}, and its answers, in the firewall"
        ));
        Some(match lost.is_sometimes() {
            true => finding.severity(Severity::Warning),
            false => finding,
        })
    }

    /// Reports packets that a service of the table may have taken which the file does not name.
    fn taken(&self, id: ServiceId, seen: &str, other: ServiceId) -> Finding {
        let seen =
            format!("{seen}; {other} is in the table, but not in the file, and may take them");
        self.finding(&UNANSWERED, id, seen).fix(format!(
            "{}  # where a firewall marks packets of {id} for it",
            command::delete_service(other)
        ))
    }

    /// Returns a service by firewall mark that the file does not name, and that is none of probes: a mark comes before
    /// an address.
    fn taking(&self, id: ServiceId) -> Option<ServiceId> {
        let is_of_file = |other: &ServiceId| self.cluster.service(other).is_some();
        self.facts
            .now()?
            .services
            .iter()
            .map(|listed| listed.status.service.id)
            .filter(|other| match other {
                ServiceId::Fwmark { mark, family } => {
                    *family == id.family() && !self.cluster.marks().contains(*mark)
                }
                ServiceId::Socket { .. } => false,
            })
            .find(|other| !is_of_file(other))
    }

    /// Reports datagrams that IPVS does not get.
    fn lost_datagrams(&self) -> Vec<Finding> {
        self.traffic()
            .iter()
            // Of those that no rule marks another finding tells.
            .filter(|traffic| !matches!(traffic.service.service.id, ServiceId::Fwmark { .. }))
            .filter_map(|traffic| {
                let id = traffic.service.service.id;
                let own = self.unbalanced(traffic)?;
                let seen = format!(
                    "{} datagrams to udp {} arrived, and IPVS got no packet",
                    own.count, own.address
                );
                let finding = match self.taking(id) {
                    Some(other) => self.taken(id, &seen, other),
                    None => self.finding(&UNANSWERED, id, seen),
                };
                Some(finding.fix(RULES).fix(format!(
                    "or allow udp {}, and its answers, in the firewall",
                    own.address
                )))
            })
            .collect()
    }

    /// Returns datagrams for a service that arrived while it counted no packet, and of whose clients none is in the
    /// table.
    pub(super) fn unbalanced(&self, traffic: &Traffic<'_>) -> Option<&DatagramsFact> {
        let service = traffic.service;
        // Without entries only counters tell, which are late.
        if service.service.flags.contains(ServiceFlags::ONE_PACKET) || traffic.has_got_packets() {
            return None;
        }
        let is_any_known = |datagrams: &DatagramsFact| {
            self.facts
                .readings
                .iter()
                .flat_map(|reading| &reading.connections)
                .filter(|known| known.protocol == Protocol::UDP)
                .filter(|known| known.service == datagrams.address)
                .any(|known| datagrams.unanswered.contains(&known.client))
        };
        self.facts.datagrams.iter().find(|datagrams| {
            let to = Match {
                protocol: Protocol::UDP,
                address: datagrams.address,
            };
            self.cluster
                .receiver(&to)
                .is_some_and(|receiver| receiver.service.id == service.service.id)
                && datagrams.count >= DATAGRAMS
                && !datagrams.unanswered.is_empty()
                && datagrams.answered.is_empty()
                && !is_any_known(datagrams)
        })
    }

    /// Returns which masqueraded datagrams remained without an answer, as a reason not to call traffic sound.
    pub(in crate::check) fn unanswered_datagrams(&self) -> Option<String> {
        let (server, count) = self.traffic().iter().find_map(|traffic| {
            self.masqueraded_clients(traffic.service)
                .into_iter()
                .find(|(_, clients)| clients.unanswered > 0)
                .map(|(destination, clients)| {
                    let server = self.server(traffic.service, destination);
                    (server, clients.unanswered)
                })
        })?;
        Some(format!(
            "{} to {server}, and no answer passed for a second",
            counted(count, "client sent datagrams", "clients sent datagrams")
        ))
    }

    /// Returns requests that this director loses, as a reason not to call its traffic sound.
    pub(in crate::check) fn unheard(&self) -> Option<String> {
        let table = self.facts.now()?;
        self.facts
            .requests
            .iter()
            .find_map(|requests| self.lost(requests, table)?.1.seen(requests.address))
    }

    fn lost(
        &self,
        requests: &RequestsFact,
        table: &IpvsReading,
    ) -> Option<(&VirtualService, Lost)> {
        let own = requests.address;
        let service = self.cluster.receiver(&Match {
            protocol: Protocol::TCP,
            address: own,
        })?;
        let known = |client: &SocketAddr| {
            table.connections.iter().find(|known| {
                known.protocol == Protocol::TCP && known.service == own && known.client == *client
            })
        };
        let balanced: HashSet<IpAddr> = self
            .index
            .connections(&service.service.id)
            .iter()
            .filter(|seen| seen.before.is_none())
            .map(|seen| seen.now.client.ip())
            .collect();
        // Where others are balanced, a firewall may be meant to keep these out, but not other times the same client.
        let is_kept_out =
            |client: &SocketAddr| !balanced.is_empty() && !balanced.contains(&client.ip());
        let mut lost = Lost {
            is_balanced: !balanced.is_empty(),
            ..Lost::default()
        };
        for client in &requests.unanswered {
            match known(client) {
                None if is_kept_out(client) => {}
                None => lost.before += 1,
                Some(known) if self.is_orphan(known) => {}
                Some(known) if !self.index.carrying(known.destination.ip()).is_empty() => {
                    lost.here += 1;
                }
                Some(known) if !self.is_sent_on(service, known) => {}
                Some(_) if !requests.forwarded.contains(client) => lost.behind += 1,
                Some(_) if requests.returned.contains(client) => lost.back += 1,
                Some(_) => {}
            }
        }
        // Requests that no rule marks are another finding.
        let is_marked = matches!(service.service.id, ServiceId::Fwmark { .. });
        let rejected = requests.rejected.iter().filter(|_| !is_marked);
        lost.rejected = rejected
            .filter(|client| known(client).is_none() && !is_kept_out(client))
            .count();
        Some((service, lost))
    }

    /// Returns whether packets of a connection leave the director as they are, with another destination address, or
    /// encapsulated so that they can be read.
    fn is_sent_on(&self, service: &VirtualService, known: &Connection) -> bool {
        let ip = known.destination.ip();
        service.destinations.iter().any(|destination| {
            self.cluster.real_ip(service, destination) == Some(ip)
                && matches!(
                    destination.forwarding,
                    Forwarding::Masquerade
                        | Forwarding::DirectRouting
                        | Forwarding::Tunnel(Encapsulation::Ipip)
                )
        })
    }
}

/// Counts requests by the place where a director loses them.
#[derive(Default)]
struct Lost {
    /// Whether IPVS got requests of others meanwhile.
    is_balanced: bool,
    rejected: usize,
    before: usize,
    behind: usize,
    here: usize,
    back: usize,
}

impl Lost {
    fn seen(&self, own: SocketAddr) -> Option<String> {
        let also = if self.is_balanced {
            ", although it gets others of theirs"
        } else {
            ""
        };
        let again = |count| {
            format!(
                "{} {own} in vain",
                counted(count, "client asked", "clients asked")
            )
        };
        Some(match *self {
            Self {
                behind: count @ 1..,
                ..
            } => format!(
                "{}: IPVS has chosen a real server, and no packet left for it",
                again(count)
            ),
            Self {
                here: count @ 1.., ..
            } => format!(
                "{}: IPVS has chosen this director as real server, and no answer left",
                again(count)
            ),
            Self {
                back: count @ 1.., ..
            } => format!(
                "{}: real servers answer, and no answer left this director",
                again(count)
            ),
            Self {
                before: count @ 1..,
                ..
            } => format!("{}, and IPVS got no packet{also}", again(count)),
            Self {
                rejected: count @ 1..,
                ..
            } => format!(
                "{} {own} and got resets, and IPVS got no packet{also}",
                counted(count, "client asked", "clients asked")
            ),
            _ => return None,
        })
    }

    /// Returns whether requests are lost before IPVS gets them, and nowhere else.
    const fn is_before(&self) -> bool {
        self.behind == 0 && self.here == 0 && self.back == 0
    }

    /// Returns whether only some requests of the same clients are lost, as by a limit.
    const fn is_sometimes(&self) -> bool {
        self.is_balanced && self.is_before()
    }
}

const RULES: &str = "first, look for the rule that takes them: nft list ruleset; iptables-save; ip rule; tc -s filter show";
