//! The way from one cluster to another, node by node.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{BEFORE_CLIENTS, RolloutAction, RolloutStep, steps};
use crate::cluster::change::{Change, Object, Step};
use crate::cluster::{
    Cluster, Desired, DesiredService, DesiredState, NodeKind, NodeName, Observed, Plan,
    PlanOptions, RealServer, Role, VirtualService,
};
use crate::ipvs::{DestinationId, Family, Forwarding, ServiceId};

impl Cluster {
    /// Returns the node of each address that exactly one node has for good: neither virtual nor floating.
    fn address_holders(&self) -> HashMap<IpAddr, &NodeName> {
        let mut holders: HashMap<IpAddr, Option<&NodeName>> = HashMap::new();
        for name in self.node_names() {
            for address in self.addresses_of(name) {
                match holders.entry(address.id.network.addr()) {
                    Entry::Vacant(entry) => drop(entry.insert(Some(name))),
                    Entry::Occupied(mut entry) => drop(entry.insert(None)),
                }
            }
        }
        holders
            .into_iter()
            .filter(|(ip, _)| !self.virtual_ips().contains(ip) && !self.is_taken_over(ip))
            .filter_map(|(ip, holder)| Some((ip, holder?)))
            .collect()
    }

    /// Returns whether only the active one of two directors carries an address.
    fn is_taken_over(&self, ip: &IpAddr) -> bool {
        let mut directors = self.directors().iter();
        directors.any(|director| director.floating.contains(ip))
    }

    /// Returns the outages that no order of the change from the old cluster avoids, each with the node whose
    /// step it is; those of a changed forwarding method are not among them.
    #[cfg(feature = "check")]
    pub(crate) fn outages(&self, old: &Self) -> Vec<(NodeName, String)> {
        let transition = Transition { old, new: self };
        let steps = transition.steps_with(None);
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
    #[cfg(feature = "check")]
    pub(crate) fn method_changes<'a>(&'a self, old: &'a Self) -> Vec<MethodChange<'a>> {
        Transition { old, new: self }.method_changes().collect()
    }
}

/// So many lost destinations are named.
const NAMED: usize = 5;

/// The way from one cluster to another.
#[derive(Clone, Copy)]
pub(super) struct Transition<'a> {
    pub(super) old: &'a Cluster,
    pub(super) new: &'a Cluster,
}

/// What a staying real server gets and what it loses.
struct Staying<'a> {
    name: &'a NodeName,
    /// Whether it needs more than it has.
    gains: bool,
    /// Whether something that it has is removed or replaced.
    loses: bool,
    /// Whether its default route gets an address of the director as another gateway.
    reroutes: bool,
    /// Whether the old director sends clients to an address that it loses.
    moves: bool,
}

impl<'a> Transition<'a> {
    pub(super) fn steps(self) -> Vec<RolloutStep> {
        self.steps_with(self.outage())
    }

    /// Returns the steps; the first one of a director has this outage.
    fn steps_with(self, outage: Option<String>) -> Vec<RolloutStep> {
        let Self { old, new } = self;
        let staying: Vec<_> = self.staying().collect();
        let reroutes = staying.iter().any(|server| server.reroutes);
        let changing = new
            .directors()
            .iter()
            .filter(|director| self.changes(&director.name));
        let former: BTreeSet<_> = new
            .node_names()
            .filter_map(|name| new.former_name(name, old))
            .collect();
        let (old_directors, leaving): (Vec<_>, Vec<_>) = old
            .node_names()
            .filter(|name| !former.contains(name))
            .partition(|name| old.kind_of(name) == NodeKind::Director);
        let changing_over = staying.iter().filter(|server| server.reroutes);
        let losing = staying
            .iter()
            .filter(|server| server.loses && !server.reroutes);
        let mut directors = new.director_steps(changing, Some(old));
        let growing: Vec<_> = directors
            .iter()
            .filter(|step| reroutes && step.role != Some(Role::Standby))
            .filter(|step| new.former_name(&step.node, old).is_some())
            .map(RolloutStep::growing)
            .collect();
        for director in &mut directors {
            director.hint = self.cut_connections(&director.node);
        }
        let makes_first = self.makes_first();
        let why = match (growing.is_empty(), makes_first) {
            (false, _) => "the director has both the new and the old gateway address",
            (true, true) => "its new gateway is ready",
            (true, false) => "before the new director sends clients to it",
        };
        let mut over: Vec<_> = changing_over
            .map(|server| server.change_over(why))
            .collect();
        let mut removed = self.removed_directors(&old_directors);
        let mut losing = steps(
            RolloutAction::Apply,
            losing.map(|server| server.name),
            "no client needs what this step deletes",
        );
        let balanced_twice = self.balanced_twice().filter(|_| !makes_first);
        add_outage([&mut directors], balanced_twice);
        match makes_first {
            true => add_outage(
                [&mut over, &mut removed, &mut losing, &mut directors],
                outage,
            ),
            false if !growing.is_empty() => add_outage([&mut directors], outage),
            false if removed.is_empty() => {
                add_outage([&mut over], directors.last().map(unanswered_until));
                add_outage([&mut over, &mut directors], outage);
            }
            false => add_outage([&mut removed], outage),
        }
        let broken_first = match makes_first {
            true => Vec::new(),
            false => std::mem::take(&mut removed),
        };
        let changed = match makes_first {
            true => [directors, over],
            false => [over, directors],
        };
        let mut steps = [
            self.ready_servers(&staying),
            broken_first,
            growing,
            changed.concat(),
            removed,
            losing,
            steps(
                RolloutAction::Remove,
                leaving,
                "no client is sent to it any more",
            ),
        ]
        .concat();
        self.hint_at_readdressed(&mut steps);
        self.name_held_addresses(&mut steps);
        steps
    }

    /// Names in each step the address that the node gets and that another node loses later: the step is refused
    /// until then.
    fn name_held_addresses(self, steps: &mut [RolloutStep]) {
        let Self { old, new } = self;
        let holders = old.address_holders();
        let mut released: HashSet<NodeName> = HashSet::new();
        for step in steps {
            let former = new.former_name(&step.node, old);
            let is_held = |ip: &IpAddr| {
                let holder = holders.get(ip).copied()?;
                (Some(holder) != former && !released.contains(holder)).then_some(holder)
            };
            let held = new
                .addresses_of(&step.node)
                .map(|address| address.id.network.addr())
                .filter(|_| step.action != RolloutAction::Remove)
                // A standby does not add it, and an active director takes it over.
                .filter(|ip| !new.is_taken_over(ip))
                .find_map(|ip| Some((ip, is_held(&ip)?)))
                .map(|(ip, holder)| {
                    format!(
                        "{ip} is still an address of {holder}, and the step is refused while that answers for it: \
                         first apply a file without it there"
                    )
                });
            let outages = step.outage.take().into_iter().chain(held);
            step.outage = outages.reduce(|first, second| format!("{first}; {second}"));
            match step.action {
                RolloutAction::Grow => {}
                RolloutAction::Apply => released.extend(former.cloned()),
                RolloutAction::Remove => drop(released.insert(step.node.clone())),
            }
        }
    }

    /// Returns the steps of real servers that get something: those that lose nothing are done with it.
    fn ready_servers(self, staying: &[Staying<'_>]) -> Vec<RolloutStep> {
        let staying: HashMap<_, _> = staying.iter().map(|server| (server.name, server)).collect();
        let step = |server: &RealServer| {
            let name = &server.name;
            let action = match staying.get(name) {
                None => RolloutAction::Apply,
                Some(staying) if !staying.gains => return None,
                Some(staying) if staying.loses => RolloutAction::Grow,
                Some(_) => RolloutAction::Apply,
            };
            Some(RolloutStep::new(action, name, BEFORE_CLIENTS))
        };
        self.new
            .real_servers()
            .iter()
            .filter(|server| self.changes(&server.name))
            .filter_map(step)
            .collect()
    }

    /// Returns whether the new directors are other hosts with other addresses, so that they can serve before the old
    /// ones end.
    fn makes_first(self) -> bool {
        let Self { old, new } = self;
        let addresses = |cluster: &Cluster| -> BTreeSet<IpAddr> {
            let directors = cluster.directors().iter();
            let all = directors.flat_map(|director| &director.addresses);
            let own = all.map(|address| address.id.network.addr());
            own.chain(cluster.virtual_ips().iter().copied()).collect()
        };
        let is_new = |name: &NodeName| new.former_name(name, old).is_none();
        let mut directors = new.directors().iter();
        directors.all(|director| is_new(&director.name))
            && addresses(old).is_disjoint(&addresses(new))
    }

    /// Returns the removals of directors that are no nodes of the new cluster.
    fn removed_directors(self, names: &[&NodeName]) -> Vec<RolloutStep> {
        let until = self.new.directors().first().map(|director| &director.name);
        let is_shared = !self.old.virtual_ips().is_disjoint(self.new.virtual_ips());
        let outage = |name: &NodeName| match (self.old.is_paired(), until) {
            (false, Some(until)) if is_shared => format!(
                "no director has the virtual IPs from the removal of {name} until the apply on {until}: only one host may carry them"
            ),
            (false, Some(until)) => format!(
                "clients are not served from the removal of {name} until the apply on {until}, which gets an address of it"
            ),
            _ => format!(
                "if {name} is the active director, clients are not served until the other one is active: make it active first"
            ),
        };
        let makes_first = self.makes_first();
        let why = match makes_first {
            true => "no client needs its addresses any more",
            false => "before another director carries its virtual IPs",
        };
        let mut removed = steps(RolloutAction::Remove, names.iter().copied(), why);
        for step in removed.iter_mut().filter(|_| !makes_first) {
            step.outage = Some(outage(&step.node));
        }
        removed
    }

    /// Returns what clients feel where a director becomes a real server of the same virtual IPs: it balances until it
    /// is applied itself.
    fn balanced_twice(self) -> Option<String> {
        let Self { old, new } = self;
        let is_shared = !old.virtual_ips().is_disjoint(new.virtual_ips());
        let mut directors = old.directors().iter().map(|director| &director.name);
        let name = directors.find(|name| is_shared && new.real_server(name).is_some())?;
        Some(format!(
            "{name} still balances until it is applied itself, also what the new director sends to it: some clients are \
             not served"
        ))
    }

    /// Names the steps of a real server that may be the same host under another name and with another address: the
    /// files do not tell.
    fn hint_at_readdressed(self, steps: &mut [RolloutStep]) {
        let Self { old, new } = self;
        let is_new = |name: &&NodeName| new.former_name(name, old).is_none();
        let joining: Vec<_> = new
            .real_servers()
            .iter()
            .map(|server| &server.name)
            .filter(is_new)
            .collect();
        let former: BTreeSet<_> = new
            .node_names()
            .filter_map(|name| new.former_name(name, old))
            .collect();
        let left = old.real_servers().iter().map(|server| &server.name);
        let leaving: Vec<_> = left.filter(|name| !former.contains(name)).collect();
        let ([joining], [leaving]) = (joining.as_slice(), leaving.as_slice()) else {
            return;
        };
        for step in steps {
            step.hint = match step.action {
                RolloutAction::Apply if step.node == **joining => Some(format!(
                    "if the host of {leaving} becomes {joining}, add --grow here, and apply once more without it in \
                     place of the removal"
                )),
                RolloutAction::Remove if step.node == **leaving => Some(format!(
                    "if this host is {joining} by now, apply there without --grow in place of this step"
                )),
                _ => step.hint.take(),
            };
        }
    }

    /// Returns the real servers that both clusters have and that change.
    fn staying(self) -> impl Iterator<Item = Staying<'a>> {
        let names = self.new.real_servers().iter().map(|server| &server.name);
        names
            .filter(move |name| self.changes(name))
            .filter_map(move |name| self.stays(name))
    }

    fn stays(self, name: &'a NodeName) -> Option<Staying<'a>> {
        let Self { old, new } = self;
        let former = new.former_name(name, old)?;
        let (was, is) = (old.active_node(former)?, new.active_node(name)?);
        let way = Plan::new(&is, &was.fulfilled(), PlanOptions::default());
        let back = Plan::new(&was, &is.fulfilled(), PlanOptions::default());
        let grown = way.growing();
        let replaces = grown.steps().count() != way.steps().count();
        let gains = !grown.is_empty();
        let is_lost = |step: &Step| !matches!(step.change, Change::Edit(..));
        Some(Staying {
            name,
            gains,
            loses: replaces || back.steps().any(is_lost) || !gains,
            reroutes: way.steps().any(|step| self.is_reroute(&step.change)),
            moves: self.loses_destination(former, name),
        })
    }

    /// Returns whether a default route gets an address of a director as another gateway.
    fn is_reroute(self, change: &Change<Object>) -> bool {
        let Change::Edit(Object::Route(_), Object::Route(route)) = change else {
            return false;
        };
        route.gateway.is_some_and(|gateway| {
            self.new
                .directors()
                .iter()
                .any(|director| director.address(gateway).is_some())
        })
    }

    fn loses_destination(self, former: &NodeName, name: &NodeName) -> bool {
        let (was, is) = (self.old.real_server(former), self.new.real_server(name));
        let (Some(was), Some(is)) = (was, is) else {
            return false;
        };
        [Family::Ipv4, Family::Ipv6].into_iter().any(|family| {
            let ip = was.real_ip(family);
            ip.is_some() && ip != is.real_ip(family)
        })
    }

    /// Returns whether a node has to look different than under the old cluster.
    fn changes(self, name: &NodeName) -> bool {
        let Self { old, new } = self;
        let was = new
            .former_name(name, old)
            .and_then(|former| old.active_node(former));
        let nodes = Arc::default;
        let alike = |state: DesiredState| DesiredState {
            nodes: nodes(),
            ..state
        };
        was.map(alike) != new.active_node(name).map(alike)
    }

    /// Returns how to keep open the connections to destinations that a director loses: IPVS drops their packets.
    fn cut_connections(self, director: &NodeName) -> Option<String> {
        let Self { old, new } = self;
        let was = old.active_node(new.former_name(director, old)?)?;
        let is = new.active_node(director)?;
        let destinations = |service: &DesiredService| -> BTreeSet<DestinationId> {
            let all = service.destinations.iter();
            all.map(|desired| desired.value.id).collect()
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
        Some(format!(
            "connections that are open to {}{more} are cut: before this step drain each (lvsctl drain {first}), and \
             undrain it afterwards",
            named.join(", ")
        ))
    }

    /// Returns what clients feel when the director changes.
    fn outage(self) -> Option<String> {
        let changes = self.method_changes().map(|change| change.outage());
        let outages: Vec<_> = self.unserved().chain(changes).collect();
        (!outages.is_empty()).then(|| outages.join("; "))
    }

    /// Returns the outages of services that the new cluster does not have.
    fn unserved(self) -> impl Iterator<Item = String> + 'a {
        let new = services_by_id(self.new);
        self.old
            .services()
            .iter()
            .map(|was| was.service.id)
            .filter(move |id| !new.contains_key(id))
            .map(|id| {
                format!(
                    "{id} is not served any more: give clients its new address first, if it has one"
                )
            })
    }

    /// Returns the destinations that both have, with another forwarding method. What direct routing and the kinds of
    /// tunnels need, a real server has at the same time while it grows.
    fn method_changes(self) -> impl Iterator<Item = MethodChange<'a>> {
        let old = services_by_id(self.old);
        let both = self
            .new
            .services()
            .iter()
            .filter_map(move |is| Some((*old.get(&is.service.id)?, is)));
        both.flat_map(move |(was, is)| {
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

/// Describes a destination whose connections fail while only one of director and real server has changed.
pub(crate) struct MethodChange<'a> {
    pub(crate) service: ServiceId,
    pub(crate) real_server: &'a NodeName,
    pub(crate) from: Forwarding,
    pub(crate) to: Forwarding,
}

impl MethodChange<'_> {
    fn outage(&self) -> String {
        let Self {
            service,
            real_server,
            from,
            to,
        } = self;
        format!(
            "{service} by {real_server}: connections fail until director and real server have both changed from {from} to {to} \
             (drain it first)"
        )
    }
}

fn services_by_id(cluster: &Cluster) -> HashMap<ServiceId, &VirtualService> {
    let services = cluster.services().iter();
    services
        .map(|service| (service.service.id, service))
        .collect()
}

impl Staying<'_> {
    fn change_over(&self, why: &'static str) -> RolloutStep {
        let outage = self.moves.then(|| {
            format!(
                "clients are sent to the old address of {} until the director has changed, because its gateway changes, too",
                self.name
            )
        });
        RolloutStep {
            outage,
            ..RolloutStep::new(RolloutAction::Apply, self.name, why)
        }
    }
}

impl DesiredState {
    /// Returns a node that has what is desired and nothing else.
    fn fulfilled(&self) -> Observed {
        let links = self.links.keys();
        let devices = self.tunnels.iter().map(|desired| &desired.value.name);
        Observed {
            links: links
                .chain(devices)
                .map(|name| (name.clone(), true))
                .collect(),
            tunnels: values(&self.tunnels).collect(),
            listeners: values(&self.listeners).collect(),
            addresses: values(&self.addresses).collect(),
            routes: values(&self.routes).collect(),
            sysctls: self
                .sysctls
                .iter()
                .map(|(key, desired)| (key.clone(), desired.value.clone()))
                .collect(),
            ..Observed::default()
        }
    }
}

/// Adds what clients feel to the first step of the first of these parts that has any.
fn add_outage<const N: usize>(parts: [&mut Vec<RolloutStep>; N], outage: Option<String>) {
    let first = parts.into_iter().find_map(|steps| steps.first_mut());
    if let (Some(step), Some(outage)) = (first, outage) {
        step.outage = Some(match step.outage.take() {
            Some(other) => format!("{other}; {outage}"),
            None => outage,
        });
    }
}

/// Returns what clients feel while the real servers have a gateway that comes later.
fn unanswered_until(director: &RolloutStep) -> String {
    format!(
        "clients are not answered from here until the apply on {}, which is the new gateway",
        director.node
    )
}

fn values<T: Clone>(desired: &[Desired<T>]) -> impl Iterator<Item = T> {
    desired.iter().map(|desired| desired.value.clone())
}
