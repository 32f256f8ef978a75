//! Random clusters, all valid: every forwarding method, both families, every option of a service.

use std::net::IpAddr;

use lvs_core::Cluster;
use lvs_core::cluster::checks::{Check, CheckKind};
use lvs_core::cluster::{
    DestinationCheck, Director, NodeName, RealServer, VirtualDestination, VirtualService,
};
use lvs_core::ipvs::{
    Encapsulation, Forwarding, Netmask, Persistence, Protocol, SchedulerName, Seconds, Service,
    ServiceFlags, ServiceId, Thresholds, Timeouts, TunnelChecksum, Weight,
};
use lvs_core::net::Address;

use crate::random::Random;

const VIPS: [&str; 4] = [
    "172.16.5.11",
    "172.16.5.12",
    "192.168.1.10",
    "2001:db8:5::11",
];

/// Few enough addresses and names that two clusters have much in common.
pub(crate) fn cluster(random: &mut Random) -> Cluster {
    let servers = servers(random);
    let names: Vec<_> = servers.iter().map(|server| server.name.clone()).collect();
    let mut services: Vec<VirtualService> = Vec::new();
    for _ in 0..=random.below(5) {
        let service = service(&names, random);
        if services
            .iter()
            .all(|there| there.service.id != service.service.id)
        {
            services.push(service);
        }
    }
    let vips = services
        .iter()
        .filter_map(VirtualService::vip)
        .collect::<Vec<_>>();
    let director = director(&vips, &services, random);
    let cluster = match random.once_in(4) {
        true => paired(director, servers, services),
        false => Cluster::new("web".parse().unwrap(), director, servers, services).unwrap(),
    };
    let mut seconds = || Seconds(random.pick(&[0, 0, 60, 900]));
    let (tcp, tcp_fin, udp) = (seconds(), seconds(), seconds());
    cluster.with_timeouts(Timeouts { tcp, tcp_fin, udp })
}

/// The same with another director, to which all virtual IPs move, and the servers' gateway.
fn paired(
    mut first: Director,
    servers: Vec<RealServer>,
    mut services: Vec<VirtualService>,
) -> Cluster {
    let is_virtual = |ip: &IpAddr| VIPS.iter().any(|vip| vip.parse() == Ok(*ip));
    let ips = first
        .addresses
        .iter()
        .map(|address| address.id.network.addr());
    first.floating = ips.filter(is_virtual).collect();
    first = first.with_floating(address("eth0", "192.168.1.9/24"));
    first = first.with_floating(address("eth1", "2001:db8:1::9/64"));
    let mut second = first.clone();
    second.name = name("director2");
    let floating = second.floating.clone();
    let own = |address: &Address| floating.contains(&address.id.network.addr());
    second.addresses.retain(own);
    second.addresses.push(address("eth0", "192.168.1.21/24"));
    second.addresses.push(address("eth1", "2001:db8:1::21/64"));
    for service in &mut services {
        let masquerades =
            |destination: &VirtualDestination| destination.forwarding == Forwarding::Masquerade;
        let is_local = |destination: &VirtualDestination| destination.real_server == first.name;
        service
            .destinations
            .retain(|destination| !masquerades(destination) || !is_local(destination));
    }
    let directors = [first, second];
    Cluster::with_two_directors("web".parse().unwrap(), directors, servers, services).unwrap()
}

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

fn address(interface: &str, network: &str) -> Address {
    Address::new(interface.parse().unwrap(), network.parse().unwrap())
}

/// With its own addresses on either interface, before or after the virtual ones.
fn director(vips: &[IpAddr], services: &[VirtualService], random: &mut Random) -> Director {
    let mut director = Director::new(name("director"));
    let inside = random.pick(&["eth0", "eth1"]);
    let own = [
        address(inside, "192.168.1.11/24"),
        address(inside, "2001:db8:1::11/64"),
    ];
    let own_first = random.once_in(2);
    if own_first {
        director.addresses.extend(own.clone());
    }
    for vip in vips {
        let prefix = if vip.is_ipv4() {
            random.pick(&[16, 24, 32])
        } else {
            random.pick(&[64, 128])
        };
        let mut vip = address("eth0", &format!("{vip}/{prefix}"));
        if vip.id.network.addr().is_ipv4() && random.once_in(3) {
            vip.label = Some("eth0:1".to_owned());
        }
        if director
            .addresses
            .iter()
            .all(|there| there.id.network.addr() != vip.id.network.addr())
        {
            director.addresses.push(vip);
        }
    }
    if !own_first {
        director.addresses.extend(own);
    }
    director.gateway = random
        .once_in(2)
        .then(|| lvs_core::cluster::Gateway::Near("192.168.1.254".parse().unwrap()));
    let nat = services.iter().flat_map(|service| &service.destinations);
    let nat = nat
        .filter(|destination| destination.forwarding == Forwarding::Masquerade)
        .count()
        > 0;
    director.ip_forward = random.pick(&[None, Some(true), if nat { None } else { Some(false) }]);
    director
}

fn servers(random: &mut Random) -> Vec<RealServer> {
    let chosen = (1..=5).filter(|_| !random.once_in(3)).collect::<Vec<_>>();
    let servers = chosen.into_iter().map(|number| {
        let mut server = RealServer::new(name(&format!("realserver{number}")));
        server.addresses = vec![
            address("eth0", &format!("192.168.1.1{}/24", number + 1)),
            address("eth0", &format!("2001:db8:1::1{}/64", number + 1)),
        ];
        server.gateway = random
            .once_in(3)
            .then(|| lvs_core::cluster::Gateway::Near("192.168.1.254".parse().unwrap()));
        server.weight = weight(random);
        server.drain = random.once_in(6);
        server
    });
    servers.collect()
}

fn weight(random: &mut Random) -> Weight {
    Weight::new(random.below(4) as u32).unwrap()
}

fn service(servers: &[NodeName], random: &mut Random) -> VirtualService {
    let vip: IpAddr = random.pick(&VIPS).parse().unwrap();
    let id = ServiceId::Socket {
        protocol: random.pick(&[Protocol::TCP, Protocol::TCP, Protocol::UDP]),
        address: (vip, random.pick(&[53, 80, 443])).into(),
    };
    let scheduler = random.pick(&[SchedulerName::RR, SchedulerName::WRR, SchedulerName::WLC]);
    let mut service = VirtualService::new(Service::new(id, scheduler));
    if random.once_in(4) {
        let netmask = Netmask::from_prefix(id.family(), random.pick(&[24, 32])).unwrap();
        let timeout = Seconds(random.pick(&[60, 300]));
        service.service.persistence = Some(Persistence { timeout, netmask });
    } else if random.once_in(4) {
        service.service.flags = random.pick(&[ServiceFlags::FLAG_1, ServiceFlags::FLAG_2]);
    }
    service.keep_weight = random.once_in(4);
    if !service.keep_weight && random.once_in(3) {
        service.checks = vec![Check::new(CheckKind::Tcp)];
    }
    let local = name("director");
    let method = random.pick(&[
        Forwarding::Masquerade,
        Forwarding::DirectRouting,
        Forwarding::Tunnel(Encapsulation::Ipip),
        Forwarding::Tunnel(Encapsulation::Gre {
            checksum: TunnelChecksum::Full,
        }),
    ]);
    for server in servers.iter().chain(random.once_in(6).then_some(&local)) {
        if !random.once_in(4) {
            let is_checked = !service.checks.is_empty();
            service
                .destinations
                .push(destination(server, method, is_checked, random));
        }
    }
    service
}

fn destination(
    server: &NodeName,
    method: Forwarding,
    is_checked: bool,
    random: &mut Random,
) -> VirtualDestination {
    let mut destination = VirtualDestination::new(server.clone(), method);
    if method == Forwarding::Masquerade && random.once_in(4) {
        destination.port = Some(8080);
    }
    if random.once_in(4) {
        destination.weight = Some(weight(random));
    }
    if is_checked && random.once_in(4) {
        destination.check = DestinationCheck::Never;
    }
    if random.once_in(4) {
        destination.thresholds = Thresholds::new(100, random.pick(&[0, 80])).unwrap();
    }
    destination
}
