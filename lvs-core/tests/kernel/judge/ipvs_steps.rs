//! Random steps on the kernel's table of services.

use lvs_core::cluster::Observed;
use lvs_core::cluster::change::{BoundDestination, Change, Object};
use lvs_core::ipvs::{
    Destination, DestinationId, Encapsulation, Family, Forwarding, Netmask, Persistence,
    SchedulerName, Seconds, Service, ServiceEntry, ServiceFlags, ServiceId, Thresholds, Timeouts,
    Weight,
};

use crate::random::Random;

pub(crate) fn action(now: &Observed, random: &mut Random) -> Change<Object> {
    let place = random.below(now.services().len().max(1));
    match (random.below(10), now.services().get(place)) {
        (0, _) => timeouts(now, random),
        (1..=3, _) | (_, None) => put_service(now, random),
        (4, Some(found)) => Change::Delete(found.service.clone().into()),
        (5, Some(found)) if !found.destinations.is_empty() => {
            let gone = random.pick(&found.destinations);
            Change::Delete(bound(found, gone).into())
        }
        (_, Some(found)) => put_destination(found, random),
    }
}

fn timeouts(now: &Observed, random: &mut Random) -> Change<Object> {
    let mut seconds = || Seconds(1 + random.below(1000) as u32);
    let after = Timeouts {
        tcp: seconds(),
        tcp_fin: seconds(),
        udp: seconds(),
    };
    Change::edit(now.timeouts().into(), after.into())
}

const SERVICES: [&str; 6] = [
    "tcp 10.0.0.1:80",
    "tcp 10.0.0.1:443",
    "udp 10.0.0.1:53",
    "tcp [2001:db8::1]:80",
    "fwmark 7 ipv4",
    "fwmark 7 ipv6",
];

/// Edits the service if it is there, adds it otherwise.
fn put_service(now: &Observed, random: &mut Random) -> Change<Object> {
    let id: ServiceId = random.pick(&SERVICES).parse().unwrap();
    let schedulers = [SchedulerName::RR, SchedulerName::WRR, SchedulerName::WLC];
    let mut service = Service::new(id, random.pick(&schedulers));
    if random.once_in(3) {
        let length = random.pick(&[24, 32]);
        service.persistence = Some(Persistence {
            timeout: Seconds(1 + random.below(600) as u32),
            netmask: Netmask::from_prefix(id.family(), length).unwrap(),
        });
    } else if random.once_in(3) {
        service.flags = ServiceFlags::FLAG_1 | ServiceFlags::FLAG_3;
    }
    match now.service(&id) {
        Some(found) => Change::edit(found.service.clone().into(), service.into()),
        None => Change::Add(service.into()),
    }
}

/// Edits the destination if it is there, adds it otherwise.
fn put_destination(service: &ServiceEntry, random: &mut Random) -> Change<Object> {
    let addresses = match service.service.id.family() {
        Family::Ipv4 => ["10.0.0.12", "10.0.0.13", "192.0.2.14"],
        Family::Ipv6 => ["2001:db8::12", "2001:db8::13", "2001:db8:2::14"],
    };
    let id = DestinationId::new(random.pick(&addresses).parse().unwrap(), 80);
    let methods = [
        Forwarding::Masquerade,
        Forwarding::DirectRouting,
        Forwarding::Tunnel(Encapsulation::Ipip),
    ];
    let mut destination = Destination::new(id, random.pick(&methods));
    destination.weight = Weight::new(random.below(4) as u32).unwrap();
    if random.once_in(3) {
        let upper = random.below(100) as u32;
        destination.thresholds =
            Thresholds::new(upper, random.below(1 + upper as usize) as u32).unwrap();
    }
    let found = service.destinations.iter().find(|found| found.id == id);
    match found {
        Some(found) => Change::edit(
            bound(service, *found).into(),
            bound(service, destination).into(),
        ),
        None => Change::Add(bound(service, destination).into()),
    }
}

fn bound(service: &ServiceEntry, destination: Destination) -> BoundDestination {
    BoundDestination {
        service: service.service.id,
        destination,
    }
}
