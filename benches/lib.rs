//! Measurements of lvs-core.
//!
//! ```text
//! cargo bench -p lvs-benches --bench ipvs_speed           # whole tables, against ipvsadm, in a guest
//! cargo bench -p lvs-benches --bench at_scale             # clusters of the sizes that people run, in a guest
//! cargo bench -p lvs-benches --bench codec                # nanoseconds a message
//! cargo bench -p lvs-benches --bench codec_instructions   # instructions a message, by valgrind
//! cargo bench -p lvs-benches --bench probes               # TCP probes: one thread for all, against one for each
//! cargo bench -p lvs-benches --bench scale                # growth of planning with the size of a cluster
//! cargo test -p lvs-benches                               # checks that the codec does not allocate
//! ```
//!
//! Of the libraries of Go only `moby/ipvs` is measured beside it, as Debian has no package of `cloudflare/ipvs`, and its
//! `vishvananda/netlink` does not speak the family of IPVS.

#![allow(clippy::unwrap_used, reason = "no input comes from outside")]

pub mod clusters;
pub mod stages;

use std::net::{Ipv4Addr, Ipv6Addr};

use lvs_core::ipvs::message::IpvsMessage;
use lvs_core::ipvs::{
    Destination, DestinationId, DestinationStatus, Forwarding, SchedulerName, Service, ServiceId,
    ServiceStatus, Stats,
};

/// Returns the measured messages with their names: requests, and replies with their counters.
#[must_use]
pub fn messages() -> Vec<(&'static str, IpvsMessage)> {
    let address = (Ipv4Addr::new(172, 16, 5, 11), 80);
    let id = ServiceId::tcp(address.into());
    let service = Service::new(id, SchedulerName::WRR);
    let real = DestinationId::new(Ipv4Addr::new(192, 168, 1, 12).into(), 80);
    let destination = Destination::new(real, Forwarding::DirectRouting);
    let real = DestinationId::new(Ipv6Addr::LOCALHOST.into(), 80);
    let wide = Destination::new(real, Forwarding::Masquerade);
    let stats = stats();
    let status = |destination| DestinationStatus {
        destination,
        active: 7,
        inactive: 70,
        persistent: 1,
        stats,
    };
    vec![
        ("new service", IpvsMessage::NewService(service.clone())),
        (
            "service",
            IpvsMessage::Service(ServiceStatus { service, stats }),
        ),
        ("new destination", IpvsMessage::NewDest(id, destination)),
        ("destination", IpvsMessage::Dest(status(destination))),
        ("destination, IPv6", IpvsMessage::Dest(status(wide))),
    ]
}

fn stats() -> Stats {
    let mut stats = Stats::default();
    stats.connections = 1 << 33;
    stats.packets_in = 1 << 34;
    stats.packets_out = 1 << 34;
    stats.bytes_in = 1 << 40;
    stats.bytes_out = 1 << 42;
    stats.rates.connections = 1000;
    stats.rates.packets_in = 100_000;
    stats.rates.packets_out = 100_000;
    stats.rates.bytes_in = 10_000_000;
    stats.rates.bytes_out = 100_000_000;
    stats
}

/// Returns the bytes of a message, the input of the decoder.
#[must_use]
pub fn encoded(message: &IpvsMessage) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}
