//! Two directors: which addresses must float between them, and through which of them answers return.

use std::net::IpAddr;

use crate::cluster::model::cluster::Cluster;
use crate::cluster::model::director::Director;
use crate::cluster::model::error::{DocumentError, DocumentErrorKind};
use crate::cluster::model::mistakes::Mistakes;
use crate::cluster::model::name::NodeName;
use crate::cluster::model::places::Gaps;
use crate::cluster::model::real_server::RealServer;
use crate::ipvs::{Family, Forwarding};
use crate::net::Address;

impl Cluster {
    /// Returns the path of a director in the file.
    pub(super) fn director_path(&self, i: usize) -> String {
        match self.is_paired() {
            true => format!("directors[{i}]"),
            false => "director".to_owned(),
        }
    }

    pub(super) fn validate_directors(&self, mistakes: &mut Mistakes) {
        for (i, director) in self.directors.iter().enumerate() {
            mistakes.within(self.director_path(i), |mistakes| {
                let own = director.addresses_by_ip();
                for ip in &director.floating {
                    if !own.contains_key(ip) {
                        let problem = format!("{ip} is not among the director's addresses");
                        let kind = DocumentErrorKind::Conflict;
                        mistakes.push(DocumentError::new(kind, "floating", problem));
                    }
                }
                for (k, address) in director.addresses.iter().enumerate() {
                    mistakes.keep(
                        self.validate_director_address(director, address)
                            .map_err(|mistake| mistake.within(format_args!("addresses[{k}]"))),
                    );
                }
            });
        }
    }

    fn validate_director_address(
        &self,
        director: &Director,
        address: &Address,
    ) -> Result<(), DocumentError> {
        let partner = self
            .directors
            .iter()
            .find(|other| other.name != director.name);
        match (partner, director.is_floating(address)) {
            (Some(partner), true) => self.floating_on(partner, address),
            (Some(partner), false) => self.staying(address, partner),
            (None, true) => Err(DocumentError::new(
                DocumentErrorKind::Conflict,
                "floating",
                format!(
                    "{} cannot float: there is only one director",
                    address.id.network.addr()
                ),
            )
            .with_hint("leave it out, or write two [[directors]]")),
            (None, false) => Ok(()),
        }
    }

    /// Refuses a floating address that the other director does not have, or not in the same form.
    fn floating_on(&self, partner: &Director, address: &Address) -> Result<(), DocumentError> {
        let (network, name) = (address.id.network, &partner.name);
        let mut carriers = self.directors_with(network.addr());
        let there = carriers.find(|(director, _)| director.name == partner.name);
        let Some((_, there)) = there else {
            return Err(DocumentError::new(
                DocumentErrorKind::Missing,
                "",
                format!(
                    "{name} does not have {}, so it cannot float there",
                    network.addr()
                ),
            )
            .with_hint(format!(
                "add {{ interface = \"{}\", address = \"{network}\", floating = true }} to the addresses of {name}",
                address.id.interface
            )));
        };
        if there.id.network.prefix_len() != network.prefix_len() {
            return Err(DocumentError::new(
                DocumentErrorKind::Conflict,
                "address",
                format!("it is {} on {name}", there.id.network),
            )
            .with_hint("write the same prefix length on both directors"));
        }
        Ok(())
    }

    /// Refuses an address that must float but does not.
    fn staying(&self, address: &Address, partner: &Director) -> Result<(), DocumentError> {
        let ip = address.id.network.addr();
        let problem = if self.virtual_ips().contains(&ip) {
            format!("{ip} is a virtual IP, which only the active director may carry")
        } else if partner.floating.contains(&ip) {
            format!("{ip} floats on {}, but not here", partner.name)
        } else {
            return Ok(());
        };
        Err(DocumentError::new(DocumentErrorKind::Conflict, "", problem)
            .with_hint("add floating = true to it, on both directors"))
    }

    /// Returns whether an address floats between two nodes.
    pub(super) fn floats_between(&self, ip: IpAddr, one: &NodeName, other: &NodeName) -> bool {
        [one, other].iter().all(|name| {
            self.director(name.as_str())
                .is_some_and(|director| director.floating.contains(&ip))
        })
    }

    /// With two directors, refuses masqueraded answers that could miss the active one.
    pub(super) fn validate_ways_back(&self, gaps: &Gaps, mistakes: &mut Mistakes) {
        if !self.is_paired() {
            return;
        }
        let places = &self.index.places;
        for (i, service) in self.services.iter().enumerate() {
            for (k, destination) in service.destinations.iter().enumerate() {
                let name = &destination.real_server;
                let is_director = self.director(name.as_str()).is_some();
                if is_director && destination.forwarding == Forwarding::Masquerade {
                    let path = format!("{}.{}", places.service(i), places.destination(i, k));
                    mistakes.push(bypassing(name).within(path));
                }
            }
        }
        for (i, server) in self.real_servers.iter().enumerate() {
            if gaps.incomplete.contains(&server.name) {
                continue;
            }
            for family in self.masqueraded(&server.name) {
                mistakes.keep(
                    self.validate_way_back(server, family)
                        .map_err(|mistake| mistake.within(places.real_server(i))),
                );
            }
        }
    }

    /// Refuses a masqueraded real server whose gateway does not move with the active director.
    fn validate_way_back(&self, server: &RealServer, family: Family) -> Result<(), DocumentError> {
        let named = server.gateway.as_ref();
        if let Some(gateway) = named.filter(|gateway| gateway.is_of(family)) {
            let Some(gateway) = gateway.address() else {
                return Ok(());
            };
            let keeper = self.directors.iter().find(|director| {
                director.address(gateway).is_some() && !director.floating.contains(&gateway)
            });
            return match keeper {
                Some(keeper) => Err(DocumentError::new(
                    DocumentErrorKind::Conflict,
                    "gateway",
                    format!(
                        "{gateway} stays on {}: answers would be lost while the other director is active",
                        keeper.name
                    ),
                )
                .with_hint("write a floating address")),
                None => Ok(()),
            };
        }
        if self.gateways(server, family).is_empty() {
            return Err(DocumentError::new(
                DocumentErrorKind::Unreachable,
                "",
                "answers return through the active director, but no floating address of the directors is \
                 on a network of this node",
            )
            .with_hint("give both directors an address there, with floating = true"));
        }
        Ok(())
    }
}

fn bypassing(name: &NodeName) -> DocumentError {
    DocumentError::new(
        DocumentErrorKind::Conflict,
        "real-server",
        format!("answers of {name} would bypass the other director while that one is active"),
    )
    .with_hint("use forwarding = \"dr\", or leave it out")
}
