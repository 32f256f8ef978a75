//! One director or two, and what an operator has to add to them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Fitted;
use crate::cluster::NodeName;
use crate::import::Options;
use crate::ipvs::Forwarding;

impl Fitted {
    /// Writes two directors, where addresses move and two can be written.
    pub(super) fn pair(&mut self, vips: &BTreeSet<IpAddr>, options: &Options) {
        let is_own = |name: &String| self.directors.contains(name);
        if !self.draft.floats || self.nodes.values().any(is_own) {
            return;
        }
        if !self.answers_return(vips) {
            self.draft.notes.push(
                "The source has VRRP, but no address that moves on the network of masqueraded real \
                 servers: answers need one. Add it and write two [[directors]] with floating addresses."
                    .to_owned(),
            );
            return;
        }
        let mut second = format!("{}-2", options.node);
        if NodeName::new(second.as_str()).is_err()
            || self.nodes.values().any(|name| *name == second)
        {
            second = "the-other-director".to_owned();
        }
        self.directors.push(second);
        let mut servers = self.servers.iter();
        if let Some(itself) = servers.find(|server| server.network.addr().is_loopback()) {
            self.draft.notes.push(format!(
                "{} is each of the directors itself, and no node to apply anything to: leave it out of orders and \
                 rollouts.",
                itself.name
            ));
        }
        self.draft.notes.push(
            "Two directors, of which VRRP decides which one is active. Their names, and addresses of \
             their own, are not in the source: add them, with their prefix lengths."
                .to_owned(),
        );
    }

    /// A source says what clients connect to, not what the director is called by itself.
    pub(super) fn note_own_address(&mut self, vips: &BTreeSet<IpAddr>) {
        let mut addresses = self.draft.addresses.iter();
        let has_own = addresses.any(|draft| !vips.contains(&draft.address.id.network.addr()));
        if !has_own && self.directors.len() == 1 && !self.draft.is_observed {
            self.draft.notes.push(
                "The director has an address of its own that the source does not name: add it to director.addresses, \
                 with its prefix length. Probes leave from it, and real servers of dr and nat are on its network."
                    .to_owned(),
            );
        }
    }

    /// Returns whether every masqueraded real server is on a network of an address that moves and is not virtual.
    fn answers_return(&self, vips: &BTreeSet<IpAddr>) -> bool {
        let inner: Vec<IpAddr> = self
            .draft
            .addresses
            .iter()
            .map(|address| address.address.id.network.addr())
            .filter(|ip| !vips.contains(ip))
            .collect();
        let destinations = self
            .draft
            .services
            .iter()
            .flat_map(|service| &service.destinations);
        destinations
            .map(|destination| &destination.destination)
            .filter(|destination| destination.forwarding == Forwarding::Masquerade)
            .all(|destination| {
                let name = self.nodes.get(&destination.id.address);
                let server = self
                    .servers
                    .iter()
                    .find(|server| Some(&server.name) == name);
                server.is_some_and(|server| inner.iter().any(|ip| server.network.contains(ip)))
            })
    }
}
