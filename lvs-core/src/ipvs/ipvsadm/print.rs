//! Printing tables and commands.

use super::sort;
use super::write::{Form, LineWriter};
use crate::ipvs::{Command, Configuration};

/// Returns the table as text, without loss; see the [module](super).
///
/// The timeouts come first, then the services by identity, each with its destinations, oldest first (so
/// that adding them in this order restores the kernel's list), then the daemons. If no daemon runs, there
/// is no line for it: reading the text again leaves daemons unchanged.
#[must_use]
pub fn save(table: &Configuration) -> String {
    let add = |command| LineWriter::new(Form::Lossless, command);
    let mut lines = Lines::default();
    if let Some(timeouts) = &table.timeouts {
        lines.push(&LineWriter::timeouts(Form::Lossless, timeouts));
    }
    let mut services: Vec<_> = table.services.iter().collect();
    services.sort_by_key(|entry| entry.service.id);
    for entry in services {
        lines.push(&add("-A").service(&entry.service));
        for destination in entry.destinations.iter().rev() {
            lines.push(&add("-a").destination(&entry.service.id, destination));
        }
    }
    let mut daemons: Vec<_> = table.daemons.iter().flatten().collect();
    daemons.sort_by_key(|daemon| daemon.role);
    for daemon in daemons {
        lines.push(&LineWriter::daemon(Form::Lossless, daemon));
    }
    lines.text
}

/// Returns the table as `ipvsadm -Sn` prints it, byte for byte, without what ipvsadm does not print:
/// thresholds, timeouts, daemons, the order of destinations, and values that it has no words for.
///
/// As soon as addresses are more than 2^31 apart, the order depends on the order of `table.services`,
/// because ipvsadm's comparison then contradicts itself: leave the services in the order in which the
/// kernel dumped them. An option for which ipvsadm would crash (tunnel flags of 3 and more) is omitted.
#[must_use]
pub fn save_compatible(table: &Configuration) -> String {
    let add = |command| LineWriter::new(Form::Compatible, command);
    let mut lines = Lines::default();
    for entry in sort::services(&table.services) {
        lines.push(&add("-A").service(&entry.service));
        for destination in sort::destinations(&entry.destinations) {
            lines.push(&add("-a").destination(&entry.service.id, destination));
        }
    }
    lines.text
}

/// Returns the command line of ipvsadm that an operator would type for a command.
///
/// ipvsadm(8) executes the line, unless the service is of another protocol than TCP, UDP and SCTP, for
/// which it has no option. A forwarding method that it has no option for becomes direct routing.
///
/// ```
/// use lvs_core::ipvs::{Command, Destination, Forwarding, ipvsadm};
/// let destination = Destination::new("192.168.1.12:80".parse()?, Forwarding::DirectRouting);
/// let command = Command::AddDestination("tcp 172.16.5.11:80".parse()?, destination);
/// assert_eq!(
///     ipvsadm::command_line(&command),
///     "ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.12:80 -g -w 1"
/// );
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[must_use]
pub fn command_line(command: &Command) -> String {
    let line = |command| LineWriter::new(Form::Typed, command);
    let line = match command {
        Command::AddService(service) => line("-A").service(service),
        Command::EditService(service) => line("-E").service(service),
        Command::DeleteService(id) => line("-D").on_service(id),
        Command::AddDestination(id, destination) => line("-a").destination(id, destination),
        Command::EditDestination(id, destination) => line("-e").destination(id, destination),
        Command::DeleteDestination(service, id) => line("-d").on_destination(service, id),
        Command::SetTimeouts(timeouts) => LineWriter::timeouts(Form::Typed, timeouts),
        Command::StartDaemon(daemon) => LineWriter::daemon(Form::Typed, daemon),
        Command::StopDaemon(role) => LineWriter::stop_daemon(Form::Typed, *role),
        Command::Zero(Some(id)) => line("-Z").on_service(id),
        Command::Zero(None) => "-Z".to_owned(),
        Command::Flush => "-C".to_owned(),
    };
    format!("ipvsadm {line}")
}

#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}
