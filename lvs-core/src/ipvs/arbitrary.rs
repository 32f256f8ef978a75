//! Random tables that a kernel can contain, for tests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;

use super::{
    Configuration, Daemon, DaemonRole, Destination, DestinationId, Encapsulation, EngineName,
    Family, Forwarding, Netmask, Persistence, Protocol, SchedulerName, Seconds, Service,
    ServiceEntry, ServiceFlags, ServiceId, Thresholds, Timeouts, Weight,
};
use crate::name::IfName;
use crate::testing::Random;

/// Sorts services and daemons, because their order in the kernel has no meaning.
pub(super) fn sorted(mut table: Configuration) -> Configuration {
    table.services.sort();
    // No daemons and unknown daemons are the same text.
    table.daemons = table.daemons.filter(|daemons| !daemons.is_empty());
    table.daemons.iter_mut().for_each(|daemons| daemons.sort());
    table
}

pub(super) fn random_table(random: &mut Random) -> Configuration {
    let mut table = Configuration::default();
    for _ in 0..random.below(5) {
        let service = random_service(random);
        let family = service.id.family();
        let mut destinations: Vec<Destination> = Vec::new();
        for _ in 0..random.below(6) {
            let destination = random_destination(random, family);
            if destinations.iter().all(|other| other.id != destination.id) {
                destinations.push(destination);
            }
        }
        if table.service(&service.id).is_none() {
            table.services.push(ServiceEntry {
                service,
                destinations,
            });
        }
    }
    if random.below(2) == 0 {
        let mut seconds = || Seconds(random.next() as u32 | 1);
        let (tcp, tcp_fin, udp) = (seconds(), seconds(), seconds());
        table.timeouts = Some(Timeouts { tcp, tcp_fin, udp });
    }
    for role in [DaemonRole::Master, DaemonRole::Backup] {
        if random.below(2) == 0 {
            let daemon = random_daemon(random, role);
            table.daemons.get_or_insert_default().push(daemon);
        }
    }
    table
}

fn random_daemon(random: &mut Random, role: DaemonRole) -> Daemon {
    let interface = IfName::new(random_name(random, IfName::MAX_LENGTH)).unwrap();
    let mut daemon = Daemon::new(role, interface, random.next() as u32);
    if random.below(2) == 0 {
        daemon.max_length = Some(random.next() as u16 | 1);
        daemon.port = Some(random.next() as u16 | 1);
        daemon.ttl = Some(random.next() as u8 | 1);
        daemon.group = Some(match random.below(2) {
            0 => Ipv4Addr::new(224, 0, 0, random.next() as u8).into(),
            _ => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, random.next() as u16).into(),
        });
    }
    daemon
}

/// Returns any name that a kernel can contain, including the worst first letters.
fn random_name(random: &mut Random, longest: usize) -> String {
    let mut name: String = (0..=random.below(longest - 1))
        .map(|_| char::from(b'!' + random.below(94) as u8))
        .map(|letter| if letter == '/' { '#' } else { letter })
        .collect();
    if name == "." || name == ".." {
        name = "#".to_owned();
    }
    name
}

fn random_address(random: &mut Random, family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => Ipv4Addr::from_bits(random.next() as u32).into(),
        Family::Ipv6 => {
            let words = [random.next(), random.next()];
            let mask = [!0, 0xffff, 0][random.below(3)];
            Ipv6Addr::from_bits(u128::from(words[0] & mask) << 64 | u128::from(words[1])).into()
        }
    }
}

fn random_service(random: &mut Random) -> Service {
    let family = [Family::Ipv4, Family::Ipv6][random.below(2)];
    let id = match random.below(4) {
        0 => {
            let mark = NonZeroU32::new(random.next() as u32 | 1).unwrap();
            ServiceId::Fwmark { mark, family }
        }
        _ => ServiceId::Socket {
            protocol: Protocol([6, 17, 132, 6, 17, 0, 1, 47, 300][random.below(9)]),
            address: SocketAddr::new(random_address(random, family), random.below(3) as u16 * 40),
        },
    };
    let scheduler = match random.below(4) {
        0 => SchedulerName::new(random_name(random, SchedulerName::MAX_LENGTH)).unwrap(),
        1 => SchedulerName::SH,
        2 => SchedulerName::MH,
        _ => SchedulerName::RR,
    };
    let mut service = Service::new(id, scheduler);
    let flags = [0, 0x3c, 0xffff_fffc][random.below(3)] & random.next() as u32;
    service.flags = ServiceFlags::from_bits_retain(flags);
    if random.below(2) == 0 {
        let timeout = Seconds([0, 300, random.next() as u32][random.below(3)]);
        let netmask = match family {
            Family::Ipv4 => Netmask::Ipv4(Ipv4Addr::from_bits(random.next() as u32)),
            Family::Ipv6 => Netmask::Ipv6(1 + random.below(128) as u8),
        };
        let netmask = [netmask, Netmask::host(family)][random.below(2)];
        service.persistence = Some(Persistence { timeout, netmask });
    }
    if random.below(4) == 0 {
        let name = random_name(random, EngineName::MAX_LENGTH);
        service.engine = Some(EngineName::new(name).unwrap());
    }
    service
}

fn random_destination(random: &mut Random, family: Family) -> Destination {
    let forwarding = match random.below(6) {
        0 => Forwarding::Masquerade,
        1 => Forwarding::DirectRouting,
        2 => Forwarding::Local,
        3 => Forwarding::Bypass,
        4 => Forwarding::Other(5 + random.below(3) as u32),
        _ => Forwarding::Tunnel(random_encapsulation(random)),
    };
    let other = matches!(forwarding, Forwarding::Tunnel(_)) && random.below(2) == 0;
    let family = match family {
        Family::Ipv4 if other => Family::Ipv6,
        Family::Ipv6 if other => Family::Ipv4,
        same => same,
    };
    let port = random.below(3) as u16 * 40;
    let id = DestinationId::new(random_address(random, family), port);
    let upper = [0, random.next() as u32][random.below(2)];
    let lower = [0, upper / 2][random.below(2)];
    Destination {
        weight: Weight::new(random.next() as u32 >> 1).unwrap(),
        thresholds: Thresholds::new(upper, lower).unwrap(),
        ..Destination::new(id, forwarding)
    }
}

fn random_encapsulation(random: &mut Random) -> Encapsulation {
    let kind = random.below(5) as u8;
    let port = [0, random.next() as u16][random.below(2)];
    // The kernel accepts no GUE without a port.
    let port = if kind == 1 { port | 1 } else { port };
    let flags = [0, 1, 2, random.next() as u16][random.below(4)];
    Encapsulation::from_numbers(kind, port, flags)
}
