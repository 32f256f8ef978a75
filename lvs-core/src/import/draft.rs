//! What was read from a source, before it is made to fit into a cluster file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::health::Health;
use super::report::Place;
use super::tally::DirectiveId;
use crate::cluster::{Gateway, Match, Sync};
use crate::ipvs::{Destination, Service, Timeouts};
use crate::name::IfName;
use crate::net::Address;

/// A cluster as a source describes it: by addresses, without names of nodes.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The directors' addresses that the source names, in its order.
    pub(super) addresses: Vec<DraftAddress>,
    /// Those of the source's own director that do not move.
    pub(super) own: Vec<DraftAddress>,
    /// Those of the directors that it speaks with.
    pub(super) peers: Vec<DraftAddress>,
    /// The interface of addresses whose interface the source does not give, where it says one for all, and its line.
    pub(super) interface: Option<(IfName, DirectiveId)>,
    /// Whether these addresses move between two directors (VRRP).
    pub(super) floats: bool,
    /// Whether it is what a kernel has: its destinations keep their addresses.
    pub(super) is_observed: bool,
    /// The default route's gateway.
    pub(super) gateway: Option<Gateway>,
    /// The line that sets it, where the source has lines.
    pub(super) gateway_line: Option<DirectiveId>,
    pub(super) ip_forward: Option<bool>,
    pub(super) services: Vec<DraftService>,
    /// Names of nodes by their addresses, where the source has any.
    pub(super) names: BTreeMap<IpAddr, String>,
    pub(super) timeouts: Timeouts,
    /// Sysctls of `net.ipv4.vs`, by their names in the cluster file.
    pub(super) sysctls: BTreeMap<String, String>,
    /// The lines that set them, where the source has lines.
    pub(super) sysctl_lines: BTreeMap<String, DirectiveId>,
    pub(super) sync: Option<Sync>,
    /// The lines that start the daemons, where the source has lines.
    pub(super) sync_lines: Vec<DirectiveId>,
    /// Lines for the head of the cluster file.
    pub(super) notes: Vec<String>,
}

impl Draft {
    /// Returns the directives of services and destinations with the names of these.
    pub(super) fn named(&self) -> Vec<(DirectiveId, String)> {
        let services = self.services.iter();
        let named = services.flat_map(|service| {
            let id = service.service.id;
            let destinations = service.destinations.iter();
            let destinations = destinations
                .map(move |draft| (draft.directive, format!("{} of {id}", draft.destination.id)));
            std::iter::once((service.directive, id.to_string())).chain(destinations)
        });
        named.collect()
    }
}

/// An address of the director.
#[derive(Clone, Debug)]
pub(super) struct DraftAddress {
    pub(super) address: Address,
    /// What of it was assumed.
    pub(super) assumed: Option<String>,
    pub(super) directive: Option<DirectiveId>,
}

/// A service as the kernel would hold it.
#[derive(Clone, Debug)]
pub(super) struct DraftService {
    pub(super) service: Service,
    /// What is marked for a service by firewall mark.
    pub(super) matches: Vec<Match>,
    pub(super) destinations: Vec<DraftDestination>,
    pub(super) health: Health,
    pub(super) place: Place,
    pub(super) directive: DirectiveId,
    /// The line of a group that names its address, where that is another one.
    pub(super) target: Option<DirectiveId>,
    /// What of it was assumed, for the report.
    pub(super) assumed: BTreeSet<String>,
    /// What of its virtual IPs was assumed.
    pub(super) assumed_addresses: BTreeSet<String>,
    /// What a reader of the file should know besides.
    pub(super) remarks: BTreeSet<String>,
}

/// A destination as the kernel would hold it.
#[derive(Clone, Debug)]
pub(super) struct DraftDestination {
    pub(super) destination: Destination,
    pub(super) directive: DirectiveId,
    /// What became of its port or the like, for the report.
    pub(super) assumed: Option<String>,
    /// Whether it serves only while the others do not.
    pub(super) is_fallback: bool,
    /// Whether the checks of the service test it.
    pub(super) is_checked: bool,
}

impl DraftService {
    pub(super) fn new(service: Service, place: &Place, directive: DirectiveId) -> Self {
        Self {
            service,
            matches: Vec::new(),
            destinations: Vec::new(),
            health: Health::default(),
            place: place.clone(),
            directive,
            target: None,
            assumed: BTreeSet::new(),
            assumed_addresses: BTreeSet::new(),
            remarks: BTreeSet::new(),
        }
    }
}

/// Returns whether the cluster file takes a label: the interface's name, a colon and letters or digits.
pub(super) fn is_label(label: &str, address: &Address) -> bool {
    let suffix = label.strip_prefix(address.id.interface.as_str());
    let suffix = suffix.and_then(|suffix| suffix.strip_prefix(':'));
    label.len() <= IfName::MAX_LENGTH
        && suffix.is_some_and(|suffix| {
            !suffix.is_empty() && suffix.chars().all(|c| c.is_ascii_alphanumeric())
        })
}
