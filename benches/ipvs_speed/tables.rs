//! Tables of any size, as commands and as rules for ipvsadm.

use std::fmt::Write;
use std::net::Ipv4Addr;

use lvs_core::ipvs::{Command, Destination, DestinationId, Forwarding};
use lvs_core::ipvs::{SchedulerName, Service, ServiceId};

/// Describes a table: so many services with so many destinations each.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) services: u32,
    pub(crate) destinations: u32,
}

pub(crate) const ONE: Size = Size {
    services: 1,
    destinations: 1000,
};
pub(crate) const MANY: Size = Size {
    services: 1000,
    destinations: 10,
};
pub(crate) const MORE: Size = Size {
    services: 5000,
    destinations: 10,
};

impl Size {
    pub(crate) fn ids(self) -> impl Iterator<Item = ServiceId> {
        let vip = |number| Ipv4Addr::from_bits(0x0a00_0001 + number);
        (0..self.services).map(move |number| ServiceId::tcp((vip(number), 80).into()))
    }

    fn reals(self) -> impl Iterator<Item = Ipv4Addr> {
        (0..self.destinations).map(|number| Ipv4Addr::from_bits(0x0a80_0001 + number))
    }

    /// Returns the commands that add the table, in the order in which an operator would write them.
    pub(crate) fn commands(self) -> Vec<Command> {
        let mut commands = Vec::new();
        for id in self.ids() {
            commands.push(Command::AddService(Service::new(id, SchedulerName::RR)));
            for real in self.reals() {
                let id_of_real = DestinationId::new(real.into(), 80);
                let destination = Destination::new(id_of_real, Forwarding::Masquerade);
                commands.push(Command::AddDestination(id, destination));
            }
        }
        commands
    }

    /// Returns the commands that delete the services one by one.
    pub(crate) fn deletions(self) -> Vec<Command> {
        self.ids().map(Command::DeleteService).collect()
    }

    /// Returns the rules that add the table with `ipvsadm -R`.
    pub(crate) fn rules(self) -> String {
        let mut text = String::new();
        for id in self.ids() {
            let ServiceId::Socket { address, .. } = id else {
                continue;
            };
            // Writing into a string cannot fail.
            let _ = writeln!(text, "-A -t {address} -s rr");
            for real in self.reals() {
                let _ = writeln!(text, "-a -t {address} -r {real}:80 -m -w 1");
            }
        }
        text
    }
    /// Returns the rules that delete the services one by one with `ipvsadm -R`.
    pub(crate) fn rules_of_deletion(self) -> String {
        self.ids()
            .filter_map(|id| match id {
                ServiceId::Socket { address, .. } => Some(format!("-D -t {address}\n")),
                _ => None,
            })
            .collect()
    }
}
