//! From a draft to what a cluster file can say: names for nodes, interfaces and prefix lengths that the
//! source does not give, and nothing that the file would refuse.

mod addresses;
mod destinations;
mod directors;
mod nodes;
mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

pub(super) use destinations::word;
pub(super) use services::MIXED;

use super::draft::Draft;
use super::tally::Tally;
use super::{Options, hashing};
use crate::ipvs::{Encapsulation, Weight};
use crate::name::IfName;
use addresses::{narrow, own_addresses};
use destinations::local_nodes;
use services::virtual_ips;

/// What the writer writes: a draft in which everything has its name.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) draft: Draft,
    /// One, or two that the addresses move between.
    pub(super) directors: Vec<String>,
    pub(super) servers: Vec<FittedServer>,
    /// The name of a destination's node by its address.
    pub(super) nodes: BTreeMap<IpAddr, String>,
    /// What most destinations have.
    pub(super) method: &'static str,
    pub(super) tunnel: Option<Encapsulation>,
    /// The networks of the director's addresses, as the source gives them.
    networks: Vec<IpNet>,
}

/// A real server with what was assumed about it.
#[derive(Debug)]
pub(super) struct FittedServer {
    pub(super) name: String,
    pub(super) interface: IfName,
    pub(super) network: IpNet,
    pub(super) assumed: &'static str,
    /// A virtual IP by which answers return, where the directors have no other address that moves.
    pub(super) gateway: Option<IpAddr>,
    /// What all of its destinations have, but those that are a fallback.
    pub(super) weight: Option<Weight>,
}

/// Why a directive is left.
type Reason = String;

pub(super) fn fit(mut draft: Draft, tally: &mut Tally, options: &Options) -> Fitted {
    services::drop_refused(&mut draft, tally);
    services::drop_sysctls(&mut draft, tally);
    addresses::settle_own(&mut draft, tally);
    addresses::complete(&mut draft, tally, options);
    let vips: BTreeSet<IpAddr> = draft.services.iter().flat_map(virtual_ips).collect();
    let own = own_addresses(&mut draft, &vips);
    let networks: Vec<IpNet> = draft
        .own
        .iter()
        .chain(&draft.addresses)
        .map(|address| address.address.id.network)
        .collect();
    narrow(&mut draft, &vips, tally);
    addresses::reach_gateway(&mut draft, tally);
    let tunnel = destinations::tunnel(&draft);
    let carried = draft
        .own
        .iter()
        .chain(&draft.peers)
        .chain(&draft.addresses)
        .map(|address| address.address.id.network.addr());
    let taken = carried
        .filter(|ip| !own.values().any(|own| own == ip))
        .collect();
    let are_directors = own.values().copied().collect();
    // Of two directors a loopback address is each.
    let itself = match draft.floats {
        true => BTreeMap::new(),
        false => own.clone(),
    };
    let mut emptied = BTreeSet::new();
    for service in &mut draft.services {
        let had_any = !service.destinations.is_empty();
        local_nodes(service, &itself, draft.is_observed);
        destinations::drop_refused(
            service,
            tally,
            &taken,
            tunnel,
            &are_directors,
            draft.floats,
            draft.floats || draft.is_observed,
        );
        if had_any && service.destinations.is_empty() && service.target.is_some() {
            emptied.insert(service.service.id);
        }
        hashing::keep_fallback_out(service, tally);
        hashing::remark(service);
        services::remark_match(service, &are_directors);
    }
    services::drop_emptied(&mut draft, &emptied, tally);
    directors::leave_stranded(&mut draft, &networks, tally);
    services::drop_sync(&mut draft, tally);
    let vips: BTreeSet<IpAddr> = draft.services.iter().flat_map(virtual_ips).collect();
    let method = destinations::method(&draft);
    let mut fitted = Fitted {
        directors: vec![options.node.to_string()],
        servers: Vec::new(),
        nodes: BTreeMap::new(),
        tunnel: destinations::tunnel(&draft),
        method,
        networks,
        draft,
    };
    fitted.name_nodes(&own, options);
    fitted.weigh();
    fitted.pair(options);
    fitted.note_own_address(&vips);
    fitted
}
