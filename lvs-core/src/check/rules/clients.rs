//! Clients that the forwarding method cannot serve.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::network::{is_wide, sharing_network};
use crate::check::scene::DirectorScene;
use crate::check::severity::Severity;
use crate::cluster::{Cluster, RealServer, VirtualService};
use crate::ipvs::Connection;
use crate::net::{Address, IpNet};

kinds! {
    CLIENT_ON_SERVER_NETWORK = "LVS018", Warning, Routing,
    title: "Clients may be on the real servers' network",
    impact: "a real server answers a neighbour directly, past the director, and the client drops the answer",
    explanation: "\
        With NAT, real servers reach a client on one of their networks without any gateway. Its answers \
        come from the real IP, not from the virtual one. Other clients work, which makes the fault hard \
        to find; on the director the client's connections stay in SYN_RECV. Keep clients off that \
        network, or use direct routing, where this does no harm.";

    DIRECTOR_AS_CLIENT = "LVS041", Warning, Traffic,
    title: "The director is a client of its own service",
    impact: "with direct routing the real server answers itself, because it has the address too; such a test always fails",
    explanation: "\
        A connection from the director to its own virtual IP has the virtual IP or another address of \
        its own as source. With direct routing the real server has the virtual IP as well, and its \
        answer never comes back. The service may work nevertheless: test it from a client.";
}

pub(super) fn possible(cluster: &Cluster) -> Vec<Finding> {
    let places = cluster.directors().iter().map(|director| {
        let addresses = director.addresses_by_ip();
        (director, addresses)
    });
    let places: Vec<_> = places.collect();
    cluster
        .services()
        .iter()
        .filter(|service| service.is_masqueraded())
        .flat_map(|service| {
            places.iter().filter_map(|(director, addresses)| {
                let finding = cluster.clients_on_server_network(addresses, service)?;
                Some(finding.on(&director.name))
            })
        })
        .collect()
}

pub(super) fn seen(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let services = || scene.cluster.services().iter();
    services()
        .filter_map(|service| scene.unanswered_neighbour(service))
        .chain(services().filter_map(|service| scene.unanswered_director(service)))
        .collect()
}

impl DirectorScene<'_> {
    /// Returns whether the forwarding method itself keeps a client from being answered, in every state of the
    /// nodes.
    pub(super) fn is_unanswerable(
        &self,
        service: &VirtualService,
        connection: &Connection,
    ) -> bool {
        self.is_own(connection.client.ip()) || self.cluster.neighbour(service, connection).is_some()
    }

    fn is_own(&self, ip: IpAddr) -> bool {
        !self.index.carrying(ip).is_empty()
    }

    /// Reports a client that was seen beside a real server and whose connection is not established.
    fn unanswered_neighbour(&self, service: &VirtualService) -> Option<Finding> {
        let (client, server) = self.half_open(service).find_map(|connection| {
            let server = self.cluster.neighbour(service, connection)?;
            Some((connection.client.ip(), server))
        })?;
        let seen = format!(
            "the client {client} is a neighbour of {} and its connections get no answer",
            server.name
        );
        Some(
            self.finding(&CLIENT_ON_SERVER_NETWORK, service.service.id, seen)
                .severity(Severity::Error)
                .fix("move the client to another network")
                .fix("or in the file: forwarding = \"dr\""),
        )
    }

    /// Reports that the director tests its own service, which direct routing cannot answer.
    fn unanswered_director(&self, service: &VirtualService) -> Option<Finding> {
        let client = self
            .half_open(service)
            .map(|connection| connection.client.ip())
            .find(|client| self.is_own(*client))?;
        let seen = format!("the client {client} is the director itself, and gets no answer");
        Some(
            self.finding(&DIRECTOR_AS_CLIENT, service.service.id, seen)
                .fix("test the service from a client"),
        )
    }
}

impl Cluster {
    /// Reports that clients on the virtual IP's own network, if there are any, are on the real servers' one.
    fn clients_on_server_network(
        &self,
        addresses: &HashMap<IpAddr, &Address>,
        service: &VirtualService,
    ) -> Option<Finding> {
        let (vip, server) = service.vips().into_iter().find_map(|vip| {
            let own = &addresses.get(&vip)?.id.network;
            Some((vip, self.server_beside(own, service, vip)?))
        })?;
        let seen = format!(
            "{vip} is on a network of {}, and its clients may be there too",
            server.name
        );
        Some(
            CLIENT_ON_SERVER_NETWORK
                .finding(service.service.id, seen)
                .fix("give the virtual IP a network without real servers")
                .fix("or in the file: forwarding = \"dr\""),
        )
    }

    /// Returns a masqueraded real server on the network of a virtual IP.
    fn server_beside<'a>(
        &'a self,
        own: &IpNet,
        service: &'a VirtualService,
        vip: IpAddr,
    ) -> Option<&'a RealServer> {
        self.masqueraded_servers(service).find(|server| {
            let is_on_own = server
                .real_ip(service.service.id.family())
                .is_some_and(|rip| is_wide(own) && own.contains(&rip));
            is_on_own || sharing_network(&server.addresses, vip).next().is_some()
        })
    }

    /// Returns the masqueraded real server that answers this client directly.
    fn neighbour<'a>(
        &'a self,
        service: &'a VirtualService,
        connection: &Connection,
    ) -> Option<&'a RealServer> {
        let family = service.service.id.family();
        self.masqueraded_servers(service).find(|server| {
            server.real_ip(family) == Some(connection.destination.ip())
                && sharing_network(&server.addresses, connection.client.ip())
                    .next()
                    .is_some()
        })
    }
}
