//! The options of the synchronisation daemon, and the timeouts.

use std::net::IpAddr;
use std::num::{NonZeroU8, NonZeroU16};

use super::error::{Parsed, Problem};
use super::line::Line;
use super::option::Name;
use super::service::number;
use crate::ipvs::{Daemon, DaemonRole, Seconds, Timeouts};
use crate::name::IfName;

/// `--set TCP TCPFIN UDP`.
pub(super) fn timeouts(line: &mut Line<'_>) -> Parsed<Timeouts> {
    let Some(words) = line.loose::<3>() else {
        return Err(
            Problem::new(line.command.word, "is not followed by three numbers")
                .remedy("write --set TCP TCPFIN UDP, in seconds; 0 keeps what is set"),
        );
    };
    let [tcp, tcp_fin, udp] = words.map(|word| {
        let problem = || Problem::new(word, "is not a number of seconds");
        word.parse().map(Seconds).map_err(|_| problem())
    });
    Ok(Timeouts {
        tcp: tcp?,
        tcp_fin: tcp_fin?,
        udp: udp?,
    })
}

/// The role, which is the value of the command.
pub(super) fn role(line: &Line<'_>) -> Parsed<DaemonRole> {
    match line.command.text() {
        "master" => Ok(DaemonRole::Master),
        "backup" => Ok(DaemonRole::Backup),
        word => Err(Problem::new(word, "is neither master nor backup")),
    }
}

/// A whole daemon.
pub(super) fn daemon(line: &mut Line<'_>) -> Parsed<Daemon> {
    let role = role(line)?;
    let Some(interface) = line.take_one(Name::Interface)? else {
        return Err(
            Problem::new(line.command.word, "names no interface").remedy("add --mcast-interface")
        );
    };
    let interface = IfName::new(interface.text())
        .map_err(|invalid| Problem::invalid(interface.text(), &invalid))?;
    let sync_id = line.take_one(Name::SyncId)?;
    let sync_id = sync_id.map(|given| number(&given, "a number of at most 32 bits"));
    let mut daemon = Daemon::new(role, interface, sync_id.transpose()?.unwrap_or(0));
    if let Some(given) = line.take_one(Name::MaxLength)? {
        let length: NonZeroU16 = number(&given, "a length in 1..65535")?;
        daemon.max_length = Some(length.get());
    }
    if let Some(given) = line.take_one(Name::Port)? {
        let port: NonZeroU16 = number(&given, "a port in 1..65535")?;
        daemon.port = Some(port.get());
    }
    if let Some(given) = line.take_one(Name::Ttl)? {
        let ttl: NonZeroU8 = number(&given, "a TTL in 1..255")?;
        daemon.ttl = Some(ttl.get());
    }
    daemon.group = group(line)?;
    Ok(daemon)
}

fn group(line: &mut Line<'_>) -> Parsed<Option<IpAddr>> {
    let Some(given) = line.take_one(Name::Group)? else {
        return Ok(None);
    };
    let group: Option<IpAddr> = given.text().parse().ok();
    match group.filter(IpAddr::is_multicast) {
        Some(group) => Ok(Some(group)),
        None => Err(Problem::new(given.text(), "is not a multicast address")),
    }
}
