//! What clients feel of a change, where no order avoids it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;

#[cfg(feature = "check")]
use super::RolloutStep;
use super::transition::Transition;
use crate::cluster::{Cluster, DesiredService, NodeName, VirtualService};
use crate::ipvs::{DestinationId, Forwarding, ServiceId, Weight};

/// So many lost destinations, or outages, are named.
const NAMED: usize = 5;

#[cfg(feature = "check")]
impl Cluster {
    /// Returns the outages that no order of the change from the old cluster avoids, each with the node whose
    /// step it is; those of a changed forwarding method are not among them.
    pub(crate) fn outages(&self, old: &Self) -> Vec<(NodeName, String)> {
        let transition = Transition { old, new: self };
        let steps = transition.steps_with(None, Vec::new());
        let is_director = |step: &&RolloutStep| self.director(step.node.as_str()).is_some();
        let director = steps.iter().find(is_director).map(|step| &step.node);
        let unserved = transition
            .unserved()
            .filter_map(|outage| Some((director?.clone(), outage)));
        let of_steps = steps
            .iter()
            .filter_map(|step| Some((step.node.clone(), step.outage.clone()?)));
        // A node that grows first has two steps.
        unserved
            .chain(of_steps)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Returns the destinations that change their forwarding method in a way that no order makes smooth.
    pub(crate) fn method_changes<'a>(&'a self, old: &'a Self) -> Vec<MethodChange<'a>> {
        Transition { old, new: self }.method_changes().collect()
    }
}

impl<'a> Transition<'a> {
    /// Returns how to keep open the connections to destinations that a director loses: IPVS drops their packets.
    pub(super) fn cut_connections(self, director: &NodeName) -> Option<String> {
        let Self { old, new } = self;
        let was = old.active_node(new.former_name(director, old)?)?;
        let is = new.active_node(director)?;
        let destinations = |service: &DesiredService| -> BTreeSet<DestinationId> {
            service
                .destinations
                .iter()
                .map(|desired| desired.value.id)
                .collect()
        };
        let mut lost = BTreeSet::new();
        for before in was.services.iter() {
            if let Some(after) = is.services.find(&before.service.id) {
                let gone = &destinations(before) - &destinations(after);
                lost.extend(gone.iter().map(|id| SocketAddr::new(id.address, id.port)));
            }
        }
        let first = lost.first()?;
        let named: Vec<_> = lost.iter().take(NAMED).map(ToString::to_string).collect();
        let more = match lost.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let cut = format!(
            "connections that are open to {}{more} are cut",
            named.join(", ")
        );
        let is_lost = |id: &DestinationId| lost.contains(&SocketAddr::new(id.address, id.port));
        let mut services = is.services.iter();
        if let Some(after) = services.find(|after| after.serves_only(is_lost)) {
            let id = after.service.id;
            return Some(format!(
                "{cut}: drain none of them before, which would leave {id} without a real server"
            ));
        }
        let mut services = was
            .services
            .iter()
            .filter(|before| is.services.find(&before.service.id).is_some());
        Some(match services.find(|before| before.serves_only(is_lost)) {
            Some(before) => format!(
                "{cut}: before this step do it with --grow, for {} has no other real server, then drain each (lvsctl \
                 drain {first}), and undrain it afterwards",
                before.service.id
            ),
            None => format!(
                "{cut}: before this step drain each (lvsctl drain {first}), and undrain it afterwards"
            ),
        })
    }

    /// Returns the outages of services whose clients the new cluster does not serve by any service.
    pub(super) fn unserved(self) -> impl Iterator<Item = String> + 'a {
        let new = services_by_id(self.new);
        let is_served = move |was: &VirtualService| {
            let sockets = was.sockets();
            new.contains_key(&was.service.id)
                || !sockets.is_empty()
                    && sockets
                        .iter()
                        .all(|socket| self.new.services_at(*socket).next().is_some())
        };
        let services = self.old.services().iter();
        services.filter(move |was| !is_served(was)).map(|was| {
            let id = was.service.id;
            format!(
                "{id} is not served any more: give clients its new address first, if it has one"
            )
        })
    }

    /// Returns what has to be done before a director's step that serves the clients of a socket by a firewall mark.
    pub(super) fn unmarked(self) -> Option<String> {
        let Self { old, new } = self;
        let were = old.services().iter();
        let sockets: HashSet<_> = were
            .filter(|was| was.matches.is_empty())
            .flat_map(VirtualService::sockets)
            .collect();
        let mut services = new.services().iter();
        let marked = services.find(|service| {
            let mut matches = service.matches.iter();
            matches.any(|socket| sockets.contains(socket))
        })?;
        Some(format!(
            "before this step load the rules that its plan shows (nft -f): without its mark no packet reaches {}",
            marked.service.id
        ))
    }

    /// Returns the real servers with destinations that change their forwarding method in a way that no order makes
    /// smooth, in the order in which the file names them.
    pub(super) fn changed_servers(self) -> Vec<ChangedServer<'a>> {
        let mut servers: Vec<ChangedServer<'a>> = Vec::new();
        let mut places = HashMap::new();
        for first in self.method_changes() {
            let place = *places.entry(first.real_server).or_insert(servers.len());
            match servers.get_mut(place) {
                Some(server) => server.others += 1,
                None => servers.push(ChangedServer { first, others: 0 }),
            }
        }
        servers
    }

    /// Returns the destinations that both have, with another forwarding method. What direct routing and the kinds of
    /// tunnels need, a real server has at the same time while it grows.
    fn method_changes(self) -> impl Iterator<Item = MethodChange<'a>> {
        let old = services_by_id(self.old);
        self.new
            .services()
            .iter()
            .filter_map(move |is| Some((*old.get(&is.service.id)?, is)))
            .flat_map(move |(was, is)| {
                let mut known = HashMap::new();
                for before in &was.destinations {
                    known.entry(&before.real_server).or_insert(before);
                }
                is.destinations.iter().filter_map(move |now| {
                    let former = self.new.former_name(&now.real_server, self.old)?;
                    let (from, to) = (known.get(former)?.forwarding, now.forwarding);
                    let is_smooth = from.keeps_port() && to.keeps_port();
                    (from != to && !is_smooth).then_some(MethodChange {
                        service: is.service.id,
                        real_server: &now.real_server,
                        from,
                        to,
                    })
                })
            })
    }
}

impl DesiredService {
    /// Returns whether all destinations with a weight are of these.
    fn serves_only(&self, is_of_these: impl Fn(&DestinationId) -> bool) -> bool {
        let destinations = self.destinations.iter().map(|desired| &desired.value);
        let mut ids = destinations
            .filter(|destination| destination.weight > Weight::DRAIN)
            .map(|destination| &destination.id)
            .peekable();
        ids.peek().is_some() && ids.all(is_of_these)
    }
}

/// Describes a destination whose connections fail while only one of director and real server has changed.
pub(crate) struct MethodChange<'a> {
    pub(crate) service: ServiceId,
    pub(crate) real_server: &'a NodeName,
    pub(crate) from: Forwarding,
    pub(crate) to: Forwarding,
}

/// Describes a real server whose connections fail while only one of director and real server has changed.
pub(super) struct ChangedServer<'a> {
    pub(super) first: MethodChange<'a>,
    /// How many other services it serves by another method, too.
    others: usize,
}

impl ChangedServer<'_> {
    /// Returns what clients feel, and how they feel nothing: only if not all real servers are drained at once.
    pub(super) fn outage(&self, is_only_one: bool) -> String {
        let MethodChange {
            service,
            real_server,
            from,
            to,
        } = &self.first;
        let others = match self.others {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        let smooth = match is_only_one {
            true => "drain it first",
            false => "in the file change one real server after the other, each drained first",
        };
        format!(
            "{service}{others} by {real_server}: connections fail until director and real server have both changed from {from} \
             to {to} ({smooth})"
        )
    }
}

/// Returns the first of several outages, and how many follow.
pub(super) fn in_one(mut outages: impl Iterator<Item = String>) -> Option<String> {
    let named: Vec<_> = outages.by_ref().take(NAMED).collect();
    let text = (!named.is_empty()).then(|| named.join("; "))?;
    Some(match outages.count() {
        0 => text,
        more => format!("{text}; and {more} more"),
    })
}

fn services_by_id(cluster: &Cluster) -> HashMap<ServiceId, &VirtualService> {
    cluster
        .services()
        .iter()
        .map(|service| (service.service.id, service))
        .collect()
}
