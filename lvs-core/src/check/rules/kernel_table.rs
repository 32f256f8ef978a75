//! Services and destinations of the kernel's table that it should never have been given.

use std::net::IpAddr;

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::ipvs::{Destination, Forwarding, SchedulerName, ServiceEntryStatus, ServiceId};

kinds! {
    PORT_ZERO = "LVS024", Error, Services,
    title: "A service of every port has no persistence",
    impact: "the kernel schedules no connection for it and only logs that port zero needs persistence",
    explanation: "\
        Port 0 means every port, and works only for persistent services. The kernel accepts it without \
        persistence over netlink nevertheless, although ipvsadm refuses it. Name a port, or give the \
        service persistence.";

    NOT_LOADED = "LVS030", Error, Services,
    title: "IPVS is not loaded on the director",
    impact: "no connection is balanced: packets to the virtual IP reach the director's own ports",
    explanation: "\
        The module ip_vs is not in the kernel, so there can be no service. It is loaded by the first \
        program that changes the table; usually this means that no plan was applied since the node \
        started. Run lvsctl apply, and make sure that it runs at every start.";

    NO_SCHEDULER = "LVS031", Error, Services,
    title: "A service has no scheduler",
    impact: "the kernel refuses every new connection",
    explanation: "\
        The kernel reports the scheduler of this service as none. It was set so by hand, or its module \
        was removed. Every new connection is refused, although the destinations and their weights look \
        right. Load the module ip_vs_NAME and edit the service; lvsctl apply does both.";

    PORT_WITHOUT_NAT = "LVS032", Warning, Services,
    title: "A destination of direct routing has another port",
    impact: "packets keep the port of the service, so none reaches the port that is shown",
    explanation: "\
        Only masquerading rewrites ports. The kernel stores another port for direct routing and tunnels \
        nevertheless and shows it in every listing, but packets arrive at the service's port. ipvsadm \
        corrects it silently; other programs do not. Use the service's port, or masquerading.";

    DEAD_DESTINATION = "LVS043", Error, Services,
    title: "A destination that no packet can reach",
    impact: "its share of the clients gets no answer",
    explanation: "\
        The kernel's table has a masqueraded destination whose address is loopback. The kernel accepts \
        it without an error, and drops packets of clients for it as martians. A director that serves \
        clients itself is a destination by any other of its addresses, the virtual IP among them; by \
        direct routing or a tunnel even 127.0.0.1 works. Delete this one and use such an address.";
}

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    if scene.facts.ipvs_loaded == Some(false) {
        let finding = scene
            .finding(
                &NOT_LOADED,
                "ip_vs",
                "the module ip_vs is not in the kernel",
            )
            .fix("lvsctl apply FILE");
        return vec![finding];
    }
    let vips = scene.cluster.virtual_ips();
    scene
        .facts
        .now()
        .into_iter()
        .flat_map(|now| &now.services)
        .filter(|listed| vip(listed.status.service.id).is_some_and(|vip| vips.contains(&vip)))
        .flat_map(|listed| scene.judge(listed))
        .collect()
}

fn vip(service: ServiceId) -> Option<IpAddr> {
    match service {
        ServiceId::Socket { address, .. } => Some(address.ip()),
        ServiceId::Fwmark { .. } => None,
    }
}

impl DirectorScene<'_> {
    fn judge(&self, listed: &ServiceEntryStatus) -> Vec<Finding> {
        let service = &listed.status.service;
        let no_scheduler = (service.scheduler == SchedulerName::NONE).then(|| {
            self.finding(&NO_SCHEDULER, service.id, "the kernel reports no scheduler")
                .fix("lvsctl apply FILE")
        });
        let is_every_port =
            matches!(service.id, ServiceId::Socket { address, .. } if address.port() == 0);
        let port_zero = (is_every_port && service.persistence.is_none()).then(|| {
            let seen = "a service of every port without persistence";
            self.finding(&PORT_ZERO, service.id, seen)
                .fix("lvsctl apply FILE --take-over, which deletes it or gives it the persistence of the file")
        });
        let of_destinations = listed
            .destinations
            .iter()
            .map(|status| &status.destination)
            .flat_map(|destination| {
                [
                    self.unreachable(service.id, destination),
                    self.other_port(service.id, destination),
                ]
            });
        [no_scheduler, port_zero]
            .into_iter()
            .chain(of_destinations)
            .flatten()
            .collect()
    }

    /// Reports a loopback address that is masqueraded. By the other methods, and at any other address of its own, the
    /// director serves such connections itself.
    fn unreachable(&self, service: ServiceId, destination: &Destination) -> Option<Finding> {
        let ip = destination.id.address;
        let is_dead = ip.is_loopback() && destination.forwarding == Forwarding::Masquerade;
        is_dead.then(|| {
            self.finding(
                &DEAD_DESTINATION,
                (service, destination.id),
                format!("{ip} is the loopback address, and masqueraded"),
            )
            .fix("lvsctl apply FILE, which deletes it")
        })
    }

    fn other_port(&self, service: ServiceId, destination: &Destination) -> Option<Finding> {
        let ServiceId::Socket { address, .. } = service else {
            return None;
        };
        let keeps_port = destination.forwarding != Forwarding::Masquerade;
        let seen = format!(
            "{} keeps port {}, but the destination has port {}",
            destination.forwarding,
            address.port(),
            destination.id.port
        );
        (keeps_port && destination.id.port != address.port()).then(|| {
            self.finding(&PORT_WITHOUT_NAT, (service, destination.id), seen)
                .fix("lvsctl apply FILE, which gives it the port of the service")
        })
    }
}
