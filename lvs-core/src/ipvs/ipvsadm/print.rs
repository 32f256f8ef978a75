//! From a table to a text that loses nothing.

use std::fmt::{self, Write};
use std::net::SocketAddr;

use crate::ipvs::{
    Configuration, Daemon, Destination, Encapsulation, Family, Forwarding, Netmask, Persistence,
    Protocol, Service, ServiceEntry, ServiceFlags, ServiceId, Thresholds, Timeouts,
};

/// The table as text, without loss; see the [module](super).
///
/// First the timeouts, then the services by identity, each with its destinations, oldest first (so
/// that adding them in this order gives the kernel's list again), then the daemons. Where none runs, there
/// is no line: reading that text again leaves daemons alone.
#[must_use]
pub fn save(table: &Configuration) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_table(&mut text, table);
    text
}

fn write_table(out: &mut String, table: &Configuration) -> fmt::Result {
    if let Some(Timeouts { tcp, tcp_fin, udp }) = table.timeouts {
        writeln!(out, "--set {} {} {}", tcp.0, tcp_fin.0, udp.0)?;
    }
    let mut services: Vec<_> = table.services.iter().collect();
    services.sort_by_key(|entry| entry.service.id);
    for ServiceEntry {
        service,
        destinations,
    } in services
    {
        write_service(out, service)?;
        for destination in destinations.iter().rev() {
            write_destination(out, &service.id, destination)?;
        }
    }
    let mut daemons: Vec<_> = table.daemons.iter().flatten().collect();
    daemons.sort_by_key(|daemon| daemon.role);
    daemons
        .into_iter()
        .try_for_each(|daemon| write_daemon(out, daemon))
}

pub(super) fn write_service(out: &mut String, service: &Service) -> fmt::Result {
    out.push_str("-A ");
    write_id(out, &service.id)?;
    write_name(out, "-s", service.scheduler.as_str())?;
    if let Some(persistence) = service.persistence {
        write_persistence(out, persistence)?;
    }
    if let Some(engine) = &service.engine {
        write_name(out, "--pe", engine.as_str())?;
    }
    if service.flags.contains(ServiceFlags::ONE_PACKET) {
        out.push_str(" -o");
    }
    write_flags(out, service)?;
    writeln!(out)
}

fn write_id(out: &mut String, id: &ServiceId) -> fmt::Result {
    match id {
        ServiceId::Fwmark { mark, family } => {
            let six = if *family == Family::Ipv6 { " -6" } else { "" };
            write!(out, "-f {mark}{six}")
        }
        ServiceId::Socket { protocol, address } => {
            match *protocol {
                Protocol::TCP => out.push_str("-t "),
                Protocol::UDP => out.push_str("-u "),
                Protocol::SCTP => out.push_str("--sctp-service "),
                Protocol(number) => write!(out, "--protocol-{number}-service ")?,
            }
            write!(out, "{}", SocketAddr::new(address.ip(), address.port()))
        }
    }
}

/// A name may begin with what would be read as something else; then it is joined to its option.
fn write_name(out: &mut String, option: &str, name: &str) -> fmt::Result {
    let plain = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    let between = if plain { ' ' } else { '=' };
    write!(out, " {option}{between}{name}")
}

pub(super) fn write_persistence(out: &mut String, persistence: Persistence) -> fmt::Result {
    write!(out, " -p {}", persistence.timeout.0)?;
    let mask = persistence.netmask;
    match mask {
        _ if mask == Netmask::host(mask.family()) => Ok(()),
        Netmask::Ipv4(mask) => write!(out, " -M {mask}"),
        Netmask::Ipv6(length) => write!(out, " -M {length}"),
    }
}

fn write_flags(out: &mut String, service: &Service) -> fmt::Result {
    let named = ServiceFlags::ONE_PACKET
        | ServiceFlags::FLAG_1
        | ServiceFlags::FLAG_2
        | ServiceFlags::FLAG_3;
    let unnamed = service.flags.difference(named);
    let unnamed = (!unnamed.is_empty()).then(|| format!("{:#x}", unnamed.bits()));
    let words = service.scheduler_flags().into_iter().map(str::to_owned);
    let words: Vec<_> = words.chain(unnamed).collect();
    match words.as_slice() {
        [] => Ok(()),
        words => write!(out, " -b {}", words.join(",")),
    }
}

pub(super) fn write_destination(
    out: &mut String,
    service: &ServiceId,
    destination: &Destination,
) -> fmt::Result {
    out.push_str("-a ");
    write_id(out, service)?;
    write!(out, " -r {}", destination.id)?;
    match destination.forwarding {
        Forwarding::Masquerade => out.push_str(" -m"),
        Forwarding::DirectRouting => out.push_str(" -g"),
        Forwarding::Tunnel(_) => out.push_str(" -i"),
        Forwarding::Local => out.push_str(" --method local"),
        Forwarding::Bypass => out.push_str(" --method bypass"),
        Forwarding::Other(method) => write!(out, " --method {method}")?,
    }
    write!(out, " -w {}", destination.weight)?;
    write_thresholds(out, destination.thresholds)?;
    if let Forwarding::Tunnel(encapsulation) = destination.forwarding {
        write_encapsulation(out, encapsulation)?;
    }
    if needs_exact_port(service, destination) {
        out.push_str(" --exact-port");
    }
    writeln!(out)
}

/// Reading would give it the service's port.
fn needs_exact_port(service: &ServiceId, destination: &Destination) -> bool {
    let bound = matches!(
        destination.forwarding,
        Forwarding::DirectRouting | Forwarding::Tunnel(_)
    );
    let port = destination.id.port;
    bound && matches!(service, ServiceId::Socket { address, .. } if address.port() != port)
}

fn write_thresholds(out: &mut String, thresholds: Thresholds) -> fmt::Result {
    for (option, connections) in [("-x", thresholds.upper()), ("-y", thresholds.lower())] {
        if connections != 0 {
            write!(out, " {option} {connections}")?;
        }
    }
    Ok(())
}

fn write_encapsulation(out: &mut String, encapsulation: Encapsulation) -> fmt::Result {
    let (kind, port, flags) = encapsulation.numbers();
    match kind {
        0 => out.push_str(" --tun-type ipip"),
        1 => out.push_str(" --tun-type gue"),
        2 => out.push_str(" --tun-type gre"),
        _ => write!(out, " --tun-type {kind}")?,
    }
    let odd = matches!(encapsulation, Encapsulation::Other { .. });
    if odd || kind == 1 {
        write!(out, " --tun-port {port}")?;
    }
    match flags {
        _ if odd => write!(out, " --tun-flags {flags}"),
        _ if kind == 0 => Ok(()),
        _ => write!(out, " {}", checksum_option(flags).unwrap_or_default()),
    }
}

/// The option of a checksum flag; other flags have none.
pub(super) const fn checksum_option(flags: u16) -> Option<&'static str> {
    match flags {
        0 => Some("--tun-nocsum"),
        1 => Some("--tun-csum"),
        2 => Some("--tun-remcsum"),
        _ => None,
    }
}

fn write_daemon(out: &mut String, daemon: &Daemon) -> fmt::Result {
    write!(out, "--start-daemon {}", daemon.role)?;
    write_name(out, "--mcast-interface", daemon.interface.as_str())?;
    write!(out, " --syncid {}", daemon.sync_id)?;
    if let Some(length) = daemon.max_length {
        write!(out, " --sync-maxlen {length}")?;
    }
    if let Some(group) = daemon.group {
        write!(out, " --mcast-group {group}")?;
    }
    if let Some(port) = daemon.port {
        write!(out, " --mcast-port {port}")?;
    }
    if let Some(ttl) = daemon.ttl {
        write!(out, " --mcast-ttl {ttl}")?;
    }
    writeln!(out)
}
