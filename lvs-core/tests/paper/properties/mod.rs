//! What is true of every plan: over random clusters, on random machines, with fixed seeds.
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may fail it; clippy knows that of tests only"
)]

pub(crate) mod clusters;
mod machines;

use std::collections::BTreeSet;

use crate::random::Random;
use lvs_core::cluster::change::{Change, Object};
use lvs_core::cluster::{DesiredState, IpvsState, Observed, Plan, PlanOptions};
use lvs_core::ipvs::{Destination, Forwarding, ServiceId};
use lvs_core::net::{Address, Route, RouteId};

const SEEDS: u64 = 500;

/// One machine of a random cluster, as it must look and as it does.
struct Case {
    seed: u64,
    node: DesiredState,
    observed: Observed,
    options: PlanOptions,
}

impl Case {
    fn plan(&self, observed: &Observed) -> Plan {
        Plan::new(&self.node, observed, self.options)
    }

    /// Whoever wants to know more about a failure has it all here.
    fn story(&self, plan: &Plan) -> String {
        let observed = serde_json::to_string(&self.observed).unwrap();
        format!("seed {}\n{observed}\n{plan}", self.seed)
    }
}

fn cases() -> impl Iterator<Item = Case> {
    (0..SEEDS).flat_map(|seed| {
        let mut random = Random::new(seed);
        let cluster = clusters::cluster(&mut random);
        let nodes: Vec<_> = cluster
            .node_names()
            .filter_map(|name| cluster.node(name.as_str()))
            .collect();
        let cases = nodes.into_iter().map(|node| Case {
            seed,
            observed: machines::machine(&node, &mut random),
            options: PlanOptions {
                take_over: random.once_in(2),
            },
            node,
        });
        cases.collect::<Vec<_>>()
    })
}

#[test]
fn whatever_is_planned_leads_there() {
    for case in cases() {
        let plan = case.plan(&case.observed);
        let left = case.plan(&plan.outcome(&case.observed));
        assert!(left.is_empty(), "{}\nleft {left}", case.story(&plan));
    }
}

/// From the end of a plan, and from wherever it stopped.
#[test]
fn a_plan_can_be_taken_back() {
    for case in cases() {
        can_be_taken_back(&case, &case.plan(&case.observed));
        can_be_taken_back(&case, &Plan::removal(&case.node, &case.observed));
    }
}

fn can_be_taken_back(case: &Case, plan: &Plan) {
    let mut now = case.observed.clone();
    for step in plan.steps() {
        now = now.after(step);
        let back = plan.revert(&case.observed, &now);
        let restored = back.outcome(&now);
        let story = || format!("{}\nafter {step}\nback {back}", case.story(plan));
        assert!(
            plan.revert(&case.observed, &restored).is_empty(),
            "{}",
            story()
        );
        assert_eq!(
            loaded(without_modules(
                without_neighbours(restored, &back),
                &case.observed
            )),
            loaded(case.observed.clone()),
            "{}",
            story()
        );
    }
    // All at once is the same as one by one.
    assert_eq!(plan.outcome(&case.observed), now, "{}", case.story(plan));
}

/// A rollback leaves a route to a destination that becomes directly routed again: connections of another method live on.
fn without_neighbours(mut restored: Observed, back: &Plan) -> Observed {
    let both = |change: &Change<Object>| change.before().cloned().zip(change.after().cloned());
    let direct = back.steps().filter_map(|step| match both(&step.change)? {
        (Object::Destination(from), Object::Destination(to))
            if from.destination.forwarding != to.destination.forwarding =>
        {
            (to.destination.forwarding == Forwarding::DirectRouting)
                .then_some(to.destination.id.address)
        }
        _ => None,
    });
    let direct: BTreeSet<_> = direct.collect();
    let is_left = |route: &Route| direct.contains(&route.id.destination.addr());
    let added = back.steps().filter_map(|step| match &step.change {
        Change::Add(Object::Route(route)) if is_left(route) => Some(&**route),
        _ => None,
    });
    let added: Vec<_> = added.collect();
    restored.routes.retain(|route| !added.contains(&route));
    restored
}

/// Nothing can unload ip_vs again: there, and empty, is as good as not there.
fn loaded(mut observed: Observed) -> Observed {
    if matches!(observed.ipvs, IpvsState::NotLoaded) {
        observed.ipvs = IpvsState::empty();
    }
    observed
}

/// Nor the modules of tunnels, whose own devices stay.
fn without_modules(mut restored: Observed, before: &Observed) -> Observed {
    let came: Vec<_> = restored.tunnels.iter().cloned().collect();
    for device in came
        .iter()
        .filter(|tunnel| tunnel.is_fallback() && !before.links.contains_key(&tunnel.name))
    {
        restored.links.remove(&device.name);
        restored.tunnels.remove(device);
        let part = format!("/{}/", device.name);
        restored
            .sysctls
            .retain(|key, _| !key.as_str().contains(&part));
    }
    restored
}

#[test]
fn strangers_things_are_not_named() {
    for case in cases() {
        let plan = case.plan(&case.observed);
        for step in plan.steps() {
            let ours = is_named(&case.node, &step.change)
                || case.options.take_over && is_on_virtual_ip(&case.node, &step.change);
            assert!(
                ours,
                "{step} is of something foreign\n{}",
                case.story(&plan)
            );
        }
        let steps: BTreeSet<_> = plan
            .steps()
            .map(|step| (step.change.id().what(), step.change.id().to_string()))
            .collect();
        let foreign = plan.unmanaged.iter().map(|id| (id.what(), id.to_string()));
        assert_eq!(
            foreign.filter(|object| steps.contains(object)).count(),
            0,
            "{}",
            case.story(&plan)
        );
    }
}

/// Whether the file names it: its exact address, route, switch, interface, or its service.
fn is_named(node: &DesiredState, change: &Change<Object>) -> bool {
    match (change.newest(), change.after().is_some()) {
        (Object::Tunnel(tunnel), true) => {
            node.tunnels.iter().any(|desired| desired.value == *tunnel)
        }
        (Object::Listener(port), true) => {
            node.listeners.iter().any(|desired| desired.value == *port)
        }
        (Object::Link(link), true) => link.up && node.links.contains_key(&link.name),
        (Object::Sysctl(setting), true) => node.sysctls.contains_key(&setting.key),
        (Object::Address(address), _) => node
            .addresses
            .iter()
            .any(|desired| desired.value.id == address.id),
        (Object::Route(route), true) => {
            node.routes
                .iter()
                .any(|desired| desired.value.id == route.id)
                || is_neighbour(node, route)
        }
        (Object::Timeouts(_), _) => node.timeouts != lvs_core::ipvs::Timeouts::default(),
        _ => service(change)
            .is_some_and(|id| node.services.iter().any(|wanted| wanted.service.id == id)),
    }
}

/// A route to a directly routed destination with itself as the gateway, for connections of another method.
fn is_neighbour(node: &DesiredState, route: &Route) -> bool {
    let ip = route.id.destination.addr();
    let destinations = node
        .services
        .iter()
        .flat_map(|desired| &desired.destinations);
    let is_direct = |destination: &Destination| {
        destination.id.address == ip && destination.forwarding == Forwarding::DirectRouting
    };
    route.gateway == Some(ip) && destinations.map(|desired| &desired.value).any(is_direct)
}

fn service(change: &Change<Object>) -> Option<ServiceId> {
    match change.newest() {
        Object::Service(service) => Some(service.id),
        Object::Destination(bound) => Some(bound.service),
        _ => None,
    }
}

fn is_on_virtual_ip(node: &DesiredState, change: &Change<Object>) -> bool {
    matches!(service(change), Some(ServiceId::Socket { address, .. }) if node.virtual_ips.contains(&address.ip()))
}

/// Each step finds what it is about to change as it expects it.
#[test]
fn every_step_fits() {
    for case in cases() {
        let plan = case.plan(&case.observed);
        let removal = Plan::removal(&case.node, &case.observed);
        let back = plan.revert(&case.observed, &plan.outcome(&case.observed));
        fits(&case, &plan, case.observed.clone());
        fits(&case, &removal, case.observed.clone());
        fits(&case, &back, plan.outcome(&case.observed));
    }
}

fn fits(case: &Case, plan: &Plan, mut now: Observed) {
    for step in plan.steps() {
        let before = step.change.before();
        let is_there = match step.change.newest() {
            Object::Tunnel(tunnel) => before.is_some() == now.links.contains_key(&tunnel.name),
            Object::Destination(bound) if now.service(&bound.service).is_none() => false,
            newest => before == now.find(&newest.id()).as_ref(),
        };
        assert!(is_there, "{step}\n{}", case.story(plan));
        now = now.after(step);
    }
}

#[test]
fn every_step_is_needed() {
    for case in cases() {
        let plan = case.plan(&case.observed);
        let steps: Vec<_> = plan.steps().collect();
        for (place, step) in steps
            .iter()
            .enumerate()
            .filter(|(_, step)| !goes_with_its_service(&plan, &step.change))
            .filter(|(_, step)| !is_for_old_connections(&case.node, &step.change))
        {
            let others = steps
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != place);
            let outcome = others.fold(case.observed.clone(), |now, (_, other)| now.after(other));
            assert!(
                !case.plan(&outcome).is_empty(),
                "without {step}\n{}",
                case.story(&plan)
            );
        }
    }
}

/// What the kernel keeps for old connections shows in no reading: a way without a next hop, a source address.
fn is_for_old_connections(node: &DesiredState, change: &Change<Object>) -> bool {
    match change {
        Change::Delete(_) => false,
        Change::Edit(edit) if matches!(edit.before, Object::Destination(_)) => {
            edit.before == edit.after
        }
        change => matches!(change.newest(), Object::Route(route) if is_neighbour(node, route)),
    }
}

/// Such a deletion stands in the plan so that the way back knows the destination.
fn goes_with_its_service(plan: &Plan, change: &Change<Object>) -> bool {
    let mut deleted = plan.steps().filter_map(|step| match &step.change {
        Change::Delete(Object::Service(service)) => Some(service.id),
        _ => None,
    });
    matches!(change.newest(), Object::Destination(bound) if deleted.any(|id| id == bound.service))
}

#[test]
fn a_removal_takes_nothing_else_along() {
    for case in cases() {
        let removal = Plan::removal(&case.node, &case.observed);
        let left = removal.outcome(&case.observed);
        assert!(
            Plan::removal(&case.node, &left).is_empty(),
            "{}",
            case.story(&removal)
        );

        let gone = case
            .observed
            .addresses
            .iter()
            .filter(|address| left.address(&address.id).is_none());
        for address in gone {
            assert!(
                case.node.attracts_traffic(&address.id),
                "{}\n{}",
                address.id,
                case.story(&removal)
            );
        }
        let lost = case
            .observed
            .routes
            .iter()
            .filter(|route| left.route(&route.id).is_none());
        for route in lost.filter(|route| !is_noted(&removal, &route.id)) {
            let named = case
                .node
                .routes
                .iter()
                .any(|wanted| wanted.value.id == route.id);
            let is_own = route.protocol == Address::PROTOCOL
                && route.gateway == Some(route.id.destination.addr());
            assert!(
                (named || is_own) && !route.id.is_default(),
                "{route}\n{}",
                case.story(&removal)
            );
        }
        let (left, before) = (without_own(left), without_own(case.observed.clone()));
        assert_eq!((left.links, left.sysctls), (before.links, before.sysctls));
    }
}

/// Devices that bear our name are ours to take.
fn without_own(mut observed: Observed) -> Observed {
    observed
        .links
        .retain(|name, _| !name.as_str().starts_with("lvs-"));
    observed
        .sysctls
        .retain(|key, _| !key.as_str().contains("/lvs-"));
    observed
}

/// With its last address an interface loses its routes: that cannot be helped, but is said.
fn is_noted(plan: &Plan, route: &RouteId) -> bool {
    plan.notes
        .iter()
        .any(|note| note.contains(&route.to_string()))
}
