//! One-packet services: no connection remains to be read, but the datagrams of each destination are counted.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::ipvs::{
    Destination, DestinationId, Forwarding, Ipvs, SchedulerName, Service, ServiceFlags, Thresholds,
    Weight,
};
use lvs_core::scheduler::{Flow, Generation, ServiceModel};
use lvs_core::{Host, Netns};
use lvs_lab::load_module;

use crate::scheduler::generation;
use crate::scheduler::wire::{Wire, route_to_dummy};

const DATAGRAMS: u16 = 500;
/// How long the counters may take, which lag two seconds behind.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn datagrams_are_shared_as_modelled() {
    let generation = generation::of_this_kernel();
    for scheduler in [SchedulerName::WRR, SchedulerName::SH, SchedulerName::WLC] {
        load_module(&format!("ip_vs_{scheduler}")).unwrap();
        let netns = Netns::create().unwrap();
        netns
            .run(|host| compare(host, scheduler, generation))
            .unwrap();
    }
}

fn compare(host: &mut Host, scheduler: SchedulerName, generation: Generation) {
    route_to_dummy(host);
    let wire = Wire::new(false);
    let ipvs = host.ipvs().unwrap();
    let mut service = Service::new("udp 10.9.0.1:53".parse().unwrap(), scheduler);
    service.flags = ServiceFlags::ONE_PACKET;
    let destinations = [2, 3, 7].map(destination);
    ipvs.add_service(&service).unwrap();
    for destination in &destinations {
        ipvs.add_destination(&service.id, destination).unwrap();
    }
    let mut model = ServiceModel::built(service.clone(), destinations, generation).unwrap();
    let mut expected = BTreeMap::new();
    for number in 0..DATAGRAMS {
        let [high, low] = number.to_be_bytes();
        let client = SocketAddr::from(([100, 7, high, low], 20_000 + number));
        let flow = Flow::udp(client, "10.9.0.1:53".parse().unwrap());
        assert!(wire.open(&flow));
        let picked = model.connect(flow).unwrap().destination();
        *expected.entry(picked).or_insert(0) += 1;
    }
    let deadline = Instant::now() + PATIENCE;
    while counted(ipvs, &service) != expected && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(counted(ipvs, &service), expected, "{}", service.scheduler);
}

/// Returns a destination with an upper threshold that one datagram reaches, and leaves again.
fn destination(weight: u32) -> Destination {
    let id = DestinationId::new([10, 1, 0, weight as u8].into(), 53);
    let mut destination = Destination::new(id, Forwarding::DirectRouting);
    destination.weight = Weight::new(weight).unwrap();
    destination.thresholds = Thresholds::new(1, 0).unwrap();
    destination
}

fn counted(ipvs: &mut Ipvs, service: &Service) -> BTreeMap<DestinationId, u64> {
    ipvs.destinations(&service.id)
        .unwrap()
        .into_iter()
        .map(|status| (status.destination.id, status.stats.connections))
        .filter(|(_, count)| *count > 0)
        .collect()
}
