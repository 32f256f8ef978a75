//! What `ipvsadm -Sn` of Debian (1.31) prints, byte for byte, flaws included.
//!
//! Found out by asking it about tables that only netlink can make; see `tests/data/ipvsadm/README.md`.

use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv6Addr};

use super::print::{checksum_option, write_persistence};
use super::sort;
use crate::ipvs::{
    Configuration, Destination, Encapsulation, Family, Forwarding, Protocol, SchedulerName,
    Service, ServiceFlags, ServiceId,
};

/// The table as `ipvsadm -Sn` prints it, byte for byte, with what it forgets forgotten: thresholds,
/// timeouts, daemons, the order of destinations, and what it has no words for.
///
/// Its order depends on the order of `table.services` as soon as addresses lie more than 2^31 apart,
/// for then its comparison contradicts itself: leave the services in the order in which the kernel
/// dumped them. Where it would crash (tunnel flags of 3 and more) the option is left out.
#[must_use]
pub fn save_compatible(table: &Configuration) -> String {
    let mut text = String::new();
    for entry in sort::services(&table.services) {
        // Writing to a string cannot fail.
        let _ = write_service(&mut text, &entry.service);
        for destination in sort::destinations(&entry.destinations) {
            let _ = write_destination(&mut text, &entry.service.id, destination);
        }
    }
    text
}

fn write_service(out: &mut String, service: &Service) -> fmt::Result {
    out.push_str("-A ");
    write_id(out, &service.id)?;
    write!(out, " -s {}", service.scheduler)?;
    if let Some(persistence) = service.persistence {
        write_persistence(out, persistence)?;
    }
    if let Some(engine) = &service.engine {
        write!(out, " --pe {engine}")?;
    }
    if service.flags.contains(ServiceFlags::ONE_PACKET) {
        out.push_str(" -o");
    }
    write_flags(out, service)?;
    writeln!(out)
}

/// The third flag of sh and mh has no name there; alone it leaves a blank behind `-b`.
fn write_flags(out: &mut String, service: &Service) -> fmt::Result {
    let flags = service.scheduler_flags();
    if flags.is_empty() {
        return Ok(());
    }
    let own_names = [SchedulerName::SH, SchedulerName::MH].contains(&service.scheduler);
    let words: Vec<_> = flags
        .into_iter()
        .filter(|word| !own_names || *word != "flag-3")
        .collect();
    write!(out, " -b {}", words.join(","))
}

fn write_id(out: &mut String, id: &ServiceId) -> fmt::Result {
    match id {
        ServiceId::Fwmark { mark, family } => {
            let six = if *family == Family::Ipv6 { " -6" } else { "" };
            write!(out, "-f {}{six}", mark.get().cast_signed())
        }
        ServiceId::Socket { protocol, address } => {
            out.push_str(match *protocol {
                Protocol::TCP => "-t ",
                Protocol::UDP => "-u ",
                Protocol::SCTP => "--sctp-service ",
                _ => "--xxx-service ",
            });
            write_endpoint(out, address.ip(), address.port())
        }
    }
}

/// Like the C library, which writes the last four bytes of `::102:304` as an IPv4 address.
fn write_endpoint(out: &mut String, address: IpAddr, port: u16) -> fmt::Result {
    match address {
        IpAddr::V4(address) => write!(out, "{address}:{port}"),
        IpAddr::V6(address) => match compatible_ipv4(address) {
            Some(bits) => write!(out, "[::{}]:{port}", std::net::Ipv4Addr::from_bits(bits)),
            None => write!(out, "[{address}]:{port}"),
        },
    }
}

fn compatible_ipv4(address: Ipv6Addr) -> Option<u32> {
    let bits = u32::try_from(address.to_bits()).ok()?;
    (bits > u32::from(u16::MAX)).then_some(bits)
}

fn write_destination(
    out: &mut String,
    service: &ServiceId,
    destination: &Destination,
) -> fmt::Result {
    out.push_str("-a ");
    write_id(out, service)?;
    out.push_str(" -r ");
    write_endpoint(out, destination.id.address, destination.id.port)?;
    out.push_str(match destination.forwarding {
        Forwarding::Masquerade => " -m",
        Forwarding::DirectRouting | Forwarding::Local => " -g",
        Forwarding::Tunnel(_) => " -i",
        Forwarding::Bypass | Forwarding::Other(_) => " (null)",
    });
    write!(out, " -w {}", destination.weight)?;
    if let Forwarding::Tunnel(encapsulation) = destination.forwarding {
        write_encapsulation(out, encapsulation)?;
    }
    writeln!(out)
}

fn write_encapsulation(out: &mut String, encapsulation: Encapsulation) -> fmt::Result {
    let (kind, port, flags) = encapsulation.numbers();
    match kind {
        0 => out.push_str(" --tun-type ipip"),
        1 => write!(out, " --tun-type gue --tun-port {port}")?,
        2 => out.push_str(" --tun-type gre"),
        _ => {}
    }
    match checksum_option(flags) {
        Some(option) if kind == 1 || kind == 2 => write!(out, " {option}"),
        _ => Ok(()),
    }
}
