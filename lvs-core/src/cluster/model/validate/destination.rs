//! The destinations: that a node serves each of them, and that its method and port make sense.

use std::collections::BTreeSet;

use crate::cluster::model::cluster::Cluster;
use crate::cluster::model::error::{DocumentError, DocumentErrorKind};
use crate::cluster::model::mistakes::Mistakes;
use crate::cluster::model::name::NodeName;
use crate::cluster::model::places::Gaps;
use crate::cluster::model::virtual_service::{VirtualDestination, VirtualService};
use crate::ipvs::{Family, Forwarding};
use crate::suggest::nearest;

/// The destinations of one service, with what their validation needs.
pub(super) struct Destinations<'a> {
    cluster: &'a Cluster,
    /// The number of the service.
    number: usize,
    service: &'a VirtualService,
    gaps: &'a Gaps,
    /// Whether the service has virtual IPs of both families: which of them is meant is not known.
    is_mixed: bool,
}

impl<'a> Destinations<'a> {
    pub(super) fn of(
        cluster: &'a Cluster,
        number: usize,
        gaps: &'a Gaps,
        service: &'a VirtualService,
    ) -> Self {
        let family = service.service.id.family();
        Self {
            cluster,
            number,
            service,
            gaps,
            is_mixed: service
                .vips()
                .into_iter()
                .any(|vip| Family::from(vip) != family),
        }
    }

    /// Returns all that decides whether there are mistakes, of services that share their destinations.
    pub(super) fn key(&self) -> (usize, u16, Family, bool) {
        let service = self.service;
        let family = service.service.id.family();
        (
            service.destinations.place(),
            service.port(),
            family,
            self.is_mixed,
        )
    }

    pub(super) fn validate(&self, mistakes: &mut Mistakes) {
        let places = &self.cluster.index.places;
        let place = places.services.get(self.number);
        let mut seen = BTreeSet::new();
        for (k, destination) in self.service.destinations.iter().enumerate() {
            if place.is_some_and(|place| place.is_added(self.service, k)) {
                mistakes.all_at("fallback", |mistakes| {
                    self.validate_one(destination, mistakes);
                });
                continue;
            }
            mistakes.within(places.destination(self.number, k), |mistakes| {
                self.validate_one(destination, mistakes);
                let port = destination.port.unwrap_or_else(|| self.service.port());
                let is_new = seen.insert((&destination.real_server, port));
                if !is_new && !self.gaps.real_servers {
                    let name = &destination.real_server;
                    mistakes.push(DocumentError::new(
                        DocumentErrorKind::Duplicate,
                        "real-server",
                        format!("{name} is listed twice for this port"),
                    ));
                }
            });
        }
    }

    fn validate_one(&self, destination: &VirtualDestination, mistakes: &mut Mistakes) {
        mistakes.keep(destination.validate_forwarding());
        if !self.gaps.forwarding {
            mistakes.keep(destination.validate_port(self.service));
        }
        let name = &destination.real_server;
        let is_director = self.cluster.director(name.as_str()).is_some();
        if self.cluster.real_server(name).is_none() && !is_director {
            if !self.gaps.names {
                mistakes.push(self.cluster.unknown_node(name));
            }
            return;
        }
        let is_incomplete =
            (is_director && self.gaps.directors) || self.gaps.incomplete.contains(name);
        if !is_incomplete && !self.is_mixed {
            mistakes.keep(self.validate_address(destination));
        }
    }

    fn validate_address(&self, destination: &VirtualDestination) -> Result<(), DocumentError> {
        if self.cluster.real_ip(self.service, destination).is_some() {
            return Ok(());
        }
        let (name, id) = (&destination.real_server, self.service.service.id);
        let problem = format!("{name} has no {} address, which {id} needs", id.family());
        let kind = DocumentErrorKind::Missing;
        Err(DocumentError::new(kind, "real-server", problem).with_hint("add one to its addresses"))
    }
}

impl Cluster {
    fn unknown_node(&self, name: &NodeName) -> DocumentError {
        let nodes: Vec<_> = self.node_names().map(NodeName::as_str).collect();
        DocumentError::new(
            DocumentErrorKind::UnknownName,
            "real-server",
            format!("there is no real server {:?}", name.as_str()),
        )
        .with_hint(match nearest(name.as_str(), nodes.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("the nodes are {}", nodes.join(" ")),
        })
    }
}

impl VirtualDestination {
    fn validate_forwarding(&self) -> Result<(), DocumentError> {
        match self.forwarding {
            Forwarding::Masquerade | Forwarding::DirectRouting | Forwarding::Tunnel(_) => Ok(()),
            other => Err(DocumentError::new(
                DocumentErrorKind::InvalidValue,
                "forwarding",
                format!("{other} cannot be used in a cluster"),
            )
            .with_hint("the methods are nat, dr and tunnel")),
        }
    }

    /// Refuses a port that the forwarding method does not set: only masquerading rewrites packets.
    fn validate_port(&self, service: &VirtualService) -> Result<(), DocumentError> {
        match self.port {
            Some(port) if self.forwarding.keeps_port() => Err(DocumentError::new(
                DocumentErrorKind::Conflict,
                "port",
                format!(
                    "{port} would have no effect: {} leaves the port as it is, {}",
                    self.forwarding,
                    service.port()
                ),
            )
            .with_hint("leave it out, or use forwarding = \"nat\"")),
            Some(0) => Err(DocumentError::new(
                DocumentErrorKind::OutOfRange,
                "port",
                "0 is not a port",
            )),
            _ => Ok(()),
        }
    }
}
