//! `virtual_server_group`: addresses, ranges of addresses, and firewall marks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;

use ipnet::IpNet;

use super::Walk;
use super::tree::Node;
use crate::import::limits::SERVICES;
use crate::import::report::Place;
use crate::import::tally::{DirectiveId, Tally};
use crate::import::{ImportError, names};
use crate::ipvs::Family;

/// What a virtual server is: one of these makes one service.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) kind: TargetKind,
    pub(super) directive: DirectiveId,
    pub(super) place: Place,
}

/// An address with a port, or a mark.
#[derive(Clone, Copy, Debug)]
pub(super) enum TargetKind {
    Socket(SocketAddr),
    Fwmark(NonZeroU32, Option<Family>),
}

impl Target {
    /// Returns the port; 0 is every port, or those that a firewall marks.
    pub(super) fn port(&self) -> u16 {
        match self.kind {
            TargetKind::Socket(address) => address.port(),
            TargetKind::Fwmark(..) => 0,
        }
    }
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) targets: Vec<Target>,
    id: DirectiveId,
    pub(super) used: bool,
}

impl Group {
    pub(super) fn settle(&self, tally: &mut Tally) {
        if self.used {
            return tally.carried(self.id, "services");
        }
        tally.left(self.id, "no virtual server names the group");
        for target in &self.targets {
            tally.left(target.directive, "no virtual server names the group");
        }
    }
}

impl Walk<'_> {
    pub(super) fn group(&mut self, node: &Node) -> Result<(), ImportError> {
        let name = node.word(1).to_owned();
        if self.groups.contains_key(&name) {
            node.leave(self.tally, "a group of this name is declared above");
            return Ok(());
        }
        let mut targets = Vec::new();
        for child in node.children() {
            match kinds(child) {
                Ok(kinds) => {
                    self.tally.carried(child.id, "services");
                    targets.extend(kinds.into_iter().map(|kind| Target {
                        kind,
                        directive: child.id,
                        place: child.place.clone(),
                    }));
                }
                Err(reason) => self.tally.left(child.id, reason),
            }
            if targets.len() > SERVICES {
                let problem = format!("the group has more than {SERVICES} addresses");
                return Err(ImportError::new(&child.place, problem));
            }
        }
        let group = Group {
            targets,
            id: node.id,
            used: false,
        };
        self.groups.insert(name, group);
        Ok(())
    }
}

fn kinds(node: &Node) -> Result<Vec<TargetKind>, String> {
    if node.word(0) == "fwmark" {
        let family = match node.word(2) {
            "" => None,
            "inet6" => Some(Family::Ipv6),
            _ => Some(Family::Ipv4),
        };
        return mark(node.word(1)).map(|mark| vec![TargetKind::Fwmark(mark, family)]);
    }
    let port = port(node.word(1))?;
    let addresses = range(node.word(0))?;
    let sockets = addresses.into_iter().map(|ip| SocketAddr::new(ip, port));
    Ok(sockets.map(TargetKind::Socket).collect())
}

pub(super) fn mark(text: &str) -> Result<NonZeroU32, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a firewall mark"))
}

/// Returns why a text is no address; what is not defined stays as it is written.
pub(super) fn no_address(text: &str) -> String {
    match text.starts_with('$') {
        true => format!("no line above defines {text}; add a line {text}=ADDRESS"),
        false => format!("{text:?} is not an address"),
    }
}

/// Reads a port, by number or name; 0 and nothing mean every port.
pub(super) fn port(text: &str) -> Result<u16, String> {
    match text {
        "" => Ok(0),
        _ => names::port(text).ok_or_else(|| format!("{text:?} is not a port")),
    }
}

/// `10.0.0.1`, `10.0.0.1-9`, `10.0.0.1-10.0.1.9` or `10.0.0.0/29`, and the like of IPv6.
fn range(text: &str) -> Result<Vec<IpAddr>, String> {
    let wrong = || match text.starts_with('$') {
        true => no_address(text),
        false => format!("{text:?} is not an address or a range of addresses"),
    };
    if let Ok(network) = text.parse::<IpNet>() {
        let size = network.max_prefix_len() - network.prefix_len();
        return match size {
            0..=15 => Ok(hosts(network)),
            _ => Err(format!("{text} has more addresses than can be services")),
        };
    }
    let (first, last) = text.split_once('-').unwrap_or((text, ""));
    let first: IpAddr = first.parse().map_err(|_| wrong())?;
    let last = match (first, last) {
        (_, "") => first,
        (IpAddr::V4(first), last) => match last.parse::<u8>() {
            Ok(last) => {
                let [a, b, c, _] = first.octets();
                Ipv4Addr::new(a, b, c, last).into()
            }
            Err(_) => last.parse().map_err(|_| wrong())?,
        },
        (IpAddr::V6(first), last) => match u16::from_str_radix(last, 16) {
            Ok(last) => Ipv6Addr::from_bits(first.to_bits() & !0xffff | u128::from(last)).into(),
            Err(_) => last.parse().map_err(|_| wrong())?,
        },
    };
    between(first, last).ok_or_else(wrong)
}

/// Returns all addresses of a network, the first and the last too: keepalived makes a service of each.
fn hosts(network: IpNet) -> Vec<IpAddr> {
    between(network.network(), network.broadcast()).unwrap_or_default()
}

fn between(first: IpAddr, last: IpAddr) -> Option<Vec<IpAddr>> {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            let (first, last) = (first.to_bits(), last.to_bits());
            let count = usize::try_from(last.checked_sub(first)?).ok()?;
            let bits = (count < SERVICES).then_some(first..=last)?;
            Some(bits.map(|bits| Ipv4Addr::from_bits(bits).into()).collect())
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            let (first, last) = (first.to_bits(), last.to_bits());
            let count = usize::try_from(last.checked_sub(first)?).ok()?;
            let bits = (count < SERVICES).then_some(first..=last)?;
            Some(bits.map(|bits| Ipv6Addr::from_bits(bits).into()).collect())
        }
        _ => None,
    }
}
