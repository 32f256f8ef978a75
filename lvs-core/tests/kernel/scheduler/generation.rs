//! The generation of the kernel, found by a trial: version numbers do not show it.

use std::net::SocketAddr;

use lvs_core::ipvs::{Destination, Forwarding, SchedulerName, Service, Thresholds};
use lvs_core::scheduler::{Flow, Generation};
use lvs_core::{Host, Netns};

use crate::scheduler::wire::{Wire, route_to_dummy};

/// Sets a threshold below the number of connections: older kernels accept one more.
pub(crate) fn of_this_kernel() -> Generation {
    Netns::create().unwrap().run(probe).unwrap()
}

fn probe(host: &mut Host) -> Generation {
    route_to_dummy(host);
    let wire = Wire::new(false);
    let ipvs = host.ipvs().unwrap();
    let service = Service::new("tcp 10.9.0.1:80".parse().unwrap(), SchedulerName::RR);
    let mut destination =
        Destination::new("10.1.0.1:80".parse().unwrap(), Forwarding::DirectRouting);
    ipvs.add_service(&service).unwrap();
    ipvs.add_destination(&service.id, &destination).unwrap();
    let open = |port| {
        let client = SocketAddr::new("100.0.0.1".parse().unwrap(), port);
        wire.open(&Flow::tcp(client, "10.9.0.1:80".parse().unwrap()))
    };
    assert!(open(20_000) && open(20_001));
    destination.thresholds = Thresholds::new(1, 0).unwrap();
    ipvs.edit_destination(&service.id, &destination).unwrap();
    match open(20_002) {
        true => Generation::Old,
        false => Generation::New,
    }
}
