//! The cost of planning: `cargo bench -p lvs-benches --bench plan`.
//!
//! A plan of 1,000 services with 50 destinations each, against an equal table, takes less than 30 ms; and it
//! is linear: ten times the destinations take ten times as long.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "no input comes from outside")]

use std::hint::black_box;
use std::net::Ipv4Addr;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lvs_core::Cluster;
use lvs_core::cluster::{
    DesiredState, Director, IpvsState, Observed, Plan, PlanOptions, RealServer, VirtualDestination,
    VirtualService,
};
use lvs_core::ipvs::{Forwarding, SchedulerName, Service, ServiceId};
use lvs_core::net::{Address, IpNet};

/// The numbers of services and of destinations of each: 10^3 to 10^5 in all, and few services with many
/// destinations.
const SIZES: [(u32, u32); 6] = [
    (20, 50),
    (200, 50),
    (1000, 50),
    (2000, 50),
    (10, 1000),
    (10, 10_000),
];

fn address(interface: &str, ip: Ipv4Addr, prefix: u8) -> Address {
    let network = IpNet::new(ip.into(), prefix).unwrap();
    Address::new(interface.parse().unwrap(), network)
}

fn server(number: u32) -> RealServer {
    let mut server = RealServer::new(format!("server{number}").parse().unwrap());
    let ip = Ipv4Addr::from_bits(0x0A01_0000 + 10 + number);
    server.addresses = vec![address("eth0", ip, 16)];
    server
}

fn director(services: u32, destinations: u32) -> DesiredState {
    let vip = Ipv4Addr::new(172, 16, 5, 11);
    let mut director = Director::new("director".parse().unwrap());
    director.addresses = vec![
        address("eth0", vip, 16),
        address("eth1", Ipv4Addr::new(10, 1, 0, 1), 16),
    ];
    let servers: Vec<_> = (0..destinations).map(server).collect();
    let service = |number: u32| {
        let id = ServiceId::tcp((vip, u16::try_from(1 + number).unwrap()).into());
        let mut service = VirtualService::new(Service::new(id, SchedulerName::WRR));
        service.destinations = servers
            .iter()
            .map(|server| VirtualDestination::new(server.name.clone(), Forwarding::Masquerade))
            .collect();
        service
    };
    let services = (0..services).map(service).collect();
    let cluster = Cluster::new("web".parse().unwrap(), director, servers.clone(), services);
    cluster.unwrap().node("director").unwrap()
}

/// Returns the state of an unconfigured node.
fn fresh(node: &DesiredState) -> Observed {
    Observed {
        links: node.links.keys().map(|name| (name.clone(), true)).collect(),
        sysctls: node
            .sysctls
            .keys()
            .map(|key| (key.clone(), "0".to_owned()))
            .collect(),
        ipvs: IpvsState::empty(),
        ..Observed::default()
    }
}

fn plan(criterion: &mut Criterion) {
    for name in ["equal", "fresh"] {
        let mut group = criterion.benchmark_group(format!("plan/{name}"));
        group.sample_size(20);
        for (services, destinations) in SIZES {
            let node = director(services, destinations);
            let mut observed = fresh(&node);
            if name == "equal" {
                observed = Plan::new(&node, &observed, PlanOptions::default()).outcome(&observed);
            }
            group.throughput(Throughput::Elements((services * destinations).into()));
            let id = BenchmarkId::from_parameter(format!("{services}x{destinations}"));
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let plan = Plan::new(&node, black_box(&observed), PlanOptions::default());
                    assert_eq!(plan.is_empty(), name == "equal");
                    plan
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, plan);
criterion_main!(benches);
