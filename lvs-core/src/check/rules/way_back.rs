//! The way of a real server's answers to its clients: the gateway that it should have.

use std::net::IpAddr;

use ipnet::{Ipv4Net, Ipv6Net};

use super::gateway::{DR_GATEWAY, NAT_GATEWAY, NO_DEFAULT_ROUTE};
use crate::check::finding::Finding;
use crate::check::network::sharing_network;
use crate::check::paper::bypasses;
use crate::check::severity::Severity;
use crate::cluster::{Cluster, Director, Gateway, RealServer};
use crate::ipvs::Family;
use crate::net::{IpNet, RouteId};

/// Holds the gateway that a real server should have.
pub(super) struct Right {
    pub(super) gateway: Option<Gateway>,
    /// Further attributes of the route.
    attributes: String,
}

impl Right {
    fn name(&self) -> String {
        self.gateway
            .as_ref()
            .map_or_else(|| "via ROUTER".to_owned(), ToString::to_string)
    }

    /// Returns the key of the file that names it.
    pub(super) fn in_file(&self) -> String {
        let value = match &self.gateway {
            None => "\"ROUTER\"".to_owned(),
            Some(Gateway::Near(address)) => format!("\"{address}\""),
            Some(Gateway::On {
                address,
                interface,
                on_link,
            }) => format!(
                "{{ address = \"{address}\", interface = \"{interface}\", on-link = {on_link} }}"
            ),
            Some(Gateway::Through(interface)) => format!("{{ interface = \"{interface}\" }}"),
        };
        format!("in the file: gateway = {value}")
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        self.gateway.as_ref().and_then(Gateway::address)
    }

    pub(super) fn command(&self, table: u32) -> String {
        let table = match table {
            RouteId::MAIN => String::new(),
            table => format!(" table {table}"),
        };
        let (name, attributes) = (self.name(), &self.attributes);
        format!("ip route replace default {name}{table}{attributes}")
    }
}

/// Describes how a real server's answers reach the clients.
#[derive(Clone, Copy)]
pub(super) struct WayBack<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) server: &'a RealServer,
}

impl<'a> WayBack<'a> {
    pub(super) fn past_director(self, gateway: IpAddr, family: Family) -> Option<Finding> {
        let seen = format!(
            "its gateway is {gateway}, which {}",
            self.foreign_gateway(gateway)?
        );
        let finding = NAT_GATEWAY
            .finding(default(family), seen)
            .on(&self.server.name);
        Some(self.with_director_as_gateway(finding, family))
    }

    /// Returns what is wrong with a gateway of masqueraded answers.
    pub(super) fn foreign_gateway(self, gateway: IpAddr) -> Option<String> {
        match self.staying_director(gateway) {
            Some(director) => Some(format!(
                "stays with {} when the other director is active",
                director.name
            )),
            None if self.cluster.is_of_director(gateway) => None,
            None => Some("is not the director".to_owned()),
        }
    }

    /// Returns the gateway of masqueraded answers: that of the file, unless it is wrong.
    pub(super) fn director(self, family: Family) -> Right {
        let named = self.named(family).filter(|gateway| {
            gateway
                .address()
                .is_none_or(|ip| self.foreign_gateway(ip).is_none())
        });
        let derived = || {
            let gateways = self.cluster.gateways(self.server, family);
            gateways.first().copied().map(Gateway::from)
        };
        Right {
            gateway: named.or_else(derived),
            attributes: String::new(),
        }
    }

    /// Returns the gateway of answers that go past the director: that of the file unless it is a director, else the
    /// directors' own where the real server is on its network.
    pub(super) fn router(self, family: Family) -> Right {
        let is_near = |gateway: &&Gateway| {
            gateway
                .address()
                .is_some_and(|ip| sharing_network(&self.server.addresses, ip).next().is_some())
        };
        let of_directors = || {
            self.cluster
                .directors()
                .iter()
                .filter_map(|director| director.gateway.as_ref())
                .filter(|gateway| gateway.is_of(family))
                .find(is_near)
                .cloned()
        };
        Right {
            gateway: self
                .named(family)
                .filter(|gateway| {
                    gateway
                        .address()
                        .is_none_or(|ip| !self.cluster.is_of_director(ip))
                })
                .or_else(of_directors),
            attributes: self.advmss(family),
        }
    }

    /// Returns the gateway of answers.
    pub(super) fn right(self, family: Family) -> Right {
        match self
            .cluster
            .masqueraded(&self.server.name)
            .contains(&family)
        {
            true => self.director(family),
            false => self.router(family),
        }
    }

    pub(super) fn named(self, family: Family) -> Option<Gateway> {
        self.server
            .gateway
            .clone()
            .filter(|gateway| gateway.is_of(family))
    }

    /// Returns the director with which answers would stay when the other one becomes active.
    fn staying_director(self, gateway: IpAddr) -> Option<&'a Director> {
        self.cluster
            .directors()
            .iter()
            .filter(|_| self.cluster.is_paired())
            .find(|director| {
                director.address(gateway).is_some() && !director.floating.contains(&gateway)
            })
    }

    fn with_director_as_gateway(self, finding: Finding, family: Family) -> Finding {
        match self.cluster.gateways(self.server, family).first() {
            Some(director) => finding
                .fix(format!("ip route replace default via {director}"))
                .fix(format!(
                    "in the file: gateway = \"{director}\", or leave it out"
                )),
            None => finding.fix("give the director an address on a network of this real server"),
        }
    }

    /// Reports a gateway that the file does not name where it is not clear which it should be.
    pub(super) fn undecided(self, family: Family) -> Option<Finding> {
        let finding = |seen: String| {
            NAT_GATEWAY
                .finding(default(family), seen)
                .on(&self.server.name)
        };
        match self.cluster.gateways(self.server, family).as_slice() {
            [_] => None,
            [] => Some(
                finding(format!(
                    "the director has no {family} address on a network of this real server"
                ))
                .fix("give the director an address there"),
            ),
            [first, ..] => Some(
                finding(
                    "the director has several addresses on its networks, and the file names none as gateway".into(),
                )
                .severity(Severity::Warning)
                .fix(format!("in the file: gateway = \"{first}\"")),
            ),
        }
    }

    pub(super) fn through_director(self, gateway: IpAddr) -> Option<Finding> {
        let family = Family::from(gateway);
        let is_wrong = self
            .cluster
            .families_served_by(&self.server.name, bypasses)
            .contains(&family)
            && self.cluster.is_of_director(gateway);
        let right = self.router(family);
        let seen = format!("its gateway is {gateway}, the director");
        is_wrong.then(|| {
            DR_GATEWAY
                .finding(default(family), seen)
                .on(&self.server.name)
                .fix(right.command(RouteId::MAIN))
                .fix(right.in_file())
        })
    }

    pub(super) fn without_route(self, family: Family) -> Finding {
        let seen = format!("there is no {family} default route");
        NO_DEFAULT_ROUTE
            .finding(default(family), seen)
            .on(&self.server.name)
            .severity(Severity::Error)
    }

    pub(super) fn missing(self, family: Family) -> Finding {
        let finding = self.without_route(family);
        if self
            .cluster
            .masqueraded(&self.server.name)
            .contains(&family)
        {
            return match self.director(family) {
                Right { gateway: None, .. } => self.with_director_as_gateway(finding, family),
                right => finding.fix(right.command(RouteId::MAIN)),
            };
        }
        let right = self.router(family);
        let finding = finding.fix(right.command(RouteId::MAIN));
        match right.gateway {
            Some(_) => finding,
            None => finding
                .severity(Severity::Warning)
                .fix("in the file: gateway = \"ROUTER\""),
        }
    }

    /// Returns the attribute of a route that makes clients send segments which fit into the tunnel.
    fn advmss(self, family: Family) -> String {
        self.cluster
            .segment(&self.server.name, family)
            .map_or_else(String::new, |segment| format!(" advmss {segment}"))
    }
}

pub(super) fn default(family: Family) -> RouteId {
    RouteId::new(match family {
        Family::Ipv4 => IpNet::V4(Ipv4Net::default()),
        Family::Ipv6 => IpNet::V6(Ipv6Net::default()),
    })
}
