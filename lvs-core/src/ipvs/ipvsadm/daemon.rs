//! The options of a synchronisation daemon, and the timeouts.

use std::net::IpAddr;
use std::num::{NonZeroU8, NonZeroU16};

use super::error::{Parsed, Problem};
use super::line::Line;
use super::option::OptionName;
use crate::ipvs::{Daemon, DaemonRole, Seconds, Timeouts};
use crate::name::IfName;

/// The interface that ipvsadm takes if none is named.
const DEFAULT_INTERFACE: &str = "eth0";

impl Line<'_> {
    /// Parses `--set TCP TCPFIN UDP`.
    pub(super) fn timeouts(&mut self) -> Parsed<Timeouts> {
        let Some(words) = self.take_loose::<3>() else {
            return Err(
                Problem::missing(self.command.word, "is not followed by three numbers")
                    .hint("write --set TCP TCPFIN UDP, in seconds; 0 keeps the current value"),
            );
        };
        let [tcp, tcp_fin, udp] = words.map(|word| {
            word.parse()
                .map(Seconds)
                .map_err(|_| Problem::value(word, "is not a number of seconds"))
        });
        Ok(Timeouts {
            tcp: tcp?,
            tcp_fin: tcp_fin?,
            udp: udp?,
        })
    }

    /// Parses the role, which is the value of the command.
    pub(super) fn daemon_role(&self) -> Parsed<DaemonRole> {
        match self.command.text() {
            "master" => Ok(DaemonRole::Master),
            "backup" => Ok(DaemonRole::Backup),
            word => Err(Problem::value(word, "is neither master nor backup")),
        }
    }

    /// Parses a complete daemon.
    pub(super) fn daemon(&mut self) -> Parsed<Daemon> {
        let role = self.daemon_role()?;
        let interface = match self.take_one(OptionName::Interface)? {
            Some(given) => given.text(),
            None => {
                self.notes.push(format!(
                    "without --mcast-interface the {role} daemon gets {DEFAULT_INTERFACE}"
                ));
                DEFAULT_INTERFACE
            }
        };
        let interface =
            IfName::new(interface).map_err(|invalid| Problem::invalid(interface, &invalid))?;
        let sync_id = match self.take_one(OptionName::SyncId)? {
            Some(given) => given.number("a number of at most 32 bits")?,
            None => 0,
        };
        let mut daemon = Daemon::new(role, interface, sync_id);
        if let Some(given) = self.take_one(OptionName::MaxLength)? {
            let length: NonZeroU16 = given.number("a length in 1..65535")?;
            daemon.max_length = Some(length.get());
        }
        if let Some(given) = self.take_one(OptionName::Port)? {
            let port: NonZeroU16 = given.number("a port in 1..65535")?;
            daemon.port = Some(port.get());
        }
        if let Some(given) = self.take_one(OptionName::Ttl)? {
            let ttl: NonZeroU8 = given.number("a TTL in 1..255")?;
            daemon.ttl = Some(ttl.get());
        }
        daemon.group = self.group()?;
        Ok(daemon)
    }

    fn group(&mut self) -> Parsed<Option<IpAddr>> {
        let Some(given) = self.take_one(OptionName::Group)? else {
            return Ok(None);
        };
        match given.text().parse() {
            Ok(group) if IpAddr::is_multicast(&group) => Ok(Some(group)),
            _ => Err(Problem::value(given.text(), "is not a multicast address")),
        }
    }
}
