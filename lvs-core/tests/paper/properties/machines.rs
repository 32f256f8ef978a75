//! Random machines: fresh, half done, done for another cluster, disturbed, shared with strangers.

use lvs_core::IfName;
use lvs_core::cluster::change::ObjectId;
use lvs_core::cluster::{
    Cluster, DesiredState, IpvsState, NodeKind, Observed, Plan, PlanOptions, ReadScope,
};
use lvs_core::ipvs::{Destination, Forwarding, SchedulerName, Service, ServiceEntry, Weight};
use lvs_core::net::{Address, Route};

use crate::properties::clusters;
use crate::random::Random;

/// A machine on which a plan for `node` has something to do, or nothing.
pub(crate) fn machine(node: &DesiredState, random: &mut Random) -> Observed {
    let mut observed = fresh(node, random);
    if random.once_in(2) {
        let other = clusters::cluster(random);
        partly(&other, node, &mut observed, random);
    }
    if random.once_in(2) {
        strangers(&mut observed, random);
    }
    if random.once_in(2) {
        let plan = Plan::new(node, &observed, PlanOptions { take_over: true });
        do_some(&plan, &mut observed, random);
    }
    if random.once_in(2) {
        disturb(&mut observed, random);
    }
    if random.once_in(4) {
        observed.lingering = ["192.168.1.12", "2001:db8:1::13"]
            .map(|ip| ip.parse().unwrap())
            .into();
    }
    // The kernel takes no route to a gateway on no network.
    observed.routes.retain(|route| route.interface.is_some());
    observed
}

/// Those that are still to be made have no switches.
const DEVICES: [&str; 5] = [
    "/tunl0/",
    "/sit0/",
    "/ip6tnl0/",
    "/lvs-gre/",
    "/lvs-ip6gre/",
];

fn fresh(node: &DesiredState, random: &mut Random) -> Observed {
    let links: Vec<IfName> = ["lo", "eth0", "eth1"]
        .map(|name| name.parse().unwrap())
        .into();
    let keys = ReadScope::of(node).sysctls(&links);
    Observed {
        sysctls: keys
            .into_iter()
            .filter(|key| DEVICES.iter().all(|name| !key.as_str().contains(name)))
            .map(|key| (key, random.pick(&["0", "1"]).to_owned()))
            .collect(),
        links: links
            .into_iter()
            .map(|name| (name, random.once_in(2)))
            .collect(),
        ipvs: match node.kind {
            NodeKind::Director => random.pick(&[IpvsState::NotLoaded, IpvsState::empty()]),
            NodeKind::RealServer => IpvsState::Unread,
        },
        ..Observed::default()
    }
}

/// What another cluster, or an older file of this one, has left here.
fn partly(other: &Cluster, node: &DesiredState, observed: &mut Observed, random: &mut Random) {
    if let Some(older) = other.node(node.name.as_str()) {
        let plan = Plan::new(&older, observed, PlanOptions { take_over: true });
        do_some(&plan, observed, random);
    }
}

fn do_some(plan: &Plan, observed: &mut Observed, random: &mut Random) {
    let all = random.once_in(2);
    for step in plan.steps() {
        // A switch that is not there cannot be set.
        let id = step.change.id();
        let is_there = !matches!(id, ObjectId::Sysctl(_)) || observed.find(&id).is_some();
        // Without its device neither state nor switch nor address can be.
        let all = all || matches!(id, ObjectId::Tunnel(_));
        if is_there && (all || !random.once_in(3)) {
            *observed = observed.after(step);
        }
    }
}

fn strangers(observed: &mut Observed, random: &mut Random) {
    if let IpvsState::Loaded { services, .. } = &mut observed.ipvs {
        for id in [
            "tcp 203.0.113.1:80",
            "fwmark 9 ipv4",
            "tcp 172.16.5.11:22",
            "tcp 192.168.1.10:25",
        ] {
            let destination =
                Destination::new("192.168.9.9:80".parse().unwrap(), Forwarding::Masquerade);
            if random.once_in(2) {
                services.push(ServiceEntry {
                    service: Service::new(id.parse().unwrap(), SchedulerName::RR),
                    destinations: vec![destination],
                });
            }
        }
    }
    for (interface, network) in [
        ("eth0", "192.168.1.77/24"),
        ("eth0", "172.16.9.9/16"),
        ("eth1", "10.9.9.9/8"),
    ] {
        if random.once_in(2) {
            let mut address = Address::new(interface.parse().unwrap(), network.parse().unwrap());
            address.protocol = random.pick(&[0, Address::PROTOCOL]);
            let place = random.below(observed.addresses.len() + 1);
            let mut addresses = Vec::from(std::mem::take(&mut observed.addresses));
            addresses.insert(place, address);
            observed.addresses = addresses.into();
        }
    }
    if observed.links.values().all(|up| *up) && random.once_in(2) {
        let mut route = Route::via(
            "198.51.100.0/24".parse().unwrap(),
            "192.168.1.253".parse().unwrap(),
        );
        route.interface = Some("eth0".parse().unwrap());
        observed.routes.push(route);
    }
}

/// Somebody has been here with a screwdriver.
fn disturb(observed: &mut Observed, random: &mut Random) {
    for value in observed.sysctls.values_mut() {
        *value = random.pick(&[value.as_str(), "0", "1"]).to_owned();
    }
    observed.addresses.retain(|_| !random.once_in(4));
    observed.routes.retain(|_| !random.once_in(4));
    let IpvsState::Loaded { services, timeouts } = &mut observed.ipvs else {
        return;
    };
    timeouts.udp.0 += random.below(2) as u32;
    services.retain(|_| !random.once_in(4));
    for service in services {
        service.destinations.retain(|_| !random.once_in(3));
        if random.once_in(3) {
            service.service.scheduler = SchedulerName::SED;
        }
        for destination in &mut service.destinations {
            let other = Weight::new(random.below(4) as u32).unwrap();
            destination.weight = random.pick(&[destination.weight, destination.weight, other]);
        }
    }
}
