//! The whole configuration at once: reading it, replacing it, and restoring a text.

use std::collections::BTreeSet;

use super::ipvsadm::{Rule, Rules};
use super::{Command, Configuration, Ipvs, ServiceEntry, ServiceId};
use crate::error::{Cause, Error, Operation, Result};

/// How often services are changed again that another program changes at the same time.
const ROUNDS: usize = 4;

impl Ipvs {
    /// Makes the kernel's table equal to `wanted` by [the difference](Configuration::commands_to), and
    /// returns the commands that were needed. Entries that are equal keep connections and counters.
    ///
    /// This is done completely or not at all: nothing is deleted before all additions and edits have
    /// succeeded, and if the kernel refuses a command, the changes to the same services are rolled back.
    /// A destination that was deleted and restored is at the head of its list, with its connections.
    ///
    /// ```no_run
    /// use lvs_core::ipvs::{Ipvs, ipvsadm::Rules};
    /// let wanted = Rules::parse(&std::fs::read_to_string("/etc/ipvsadm.rules")?)?.configuration()?;
    /// let commands = Ipvs::open()?.replace(&wanted)?;
    /// println!("{} changes", commands.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The first refusal; [`is_partly_done`](Error::is_partly_done) if rolling back failed too.
    pub fn replace(&mut self, wanted: &Configuration) -> Result<Vec<Command>> {
        let before = self.configuration()?;
        self.turn_into(wanted, &before)
    }

    /// Makes the given services equal to `wanted`, and returns the commands that were needed: one that
    /// `wanted` does not contain is deleted. All other services, timeouts and daemons are neither read nor
    /// changed.
    ///
    /// This is done completely or not at all, as by [`replace`](Self::replace), and verified: the services
    /// are read again, and what another program changed meanwhile is changed back.
    ///
    /// ```no_run
    /// use lvs_core::ipvs::{Destination, Forwarding, Ipvs, SchedulerName, Service, ServiceEntry};
    /// let mut web = ServiceEntry::new(Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::WRR));
    /// for server in ["192.168.1.12:80", "192.168.1.13:80"] {
    ///     web.destinations.push(Destination::new(server.parse()?, Forwarding::DirectRouting));
    /// }
    /// let retired = "tcp 172.16.5.11:8080".parse()?;
    /// Ipvs::open()?.replace_of(&[web.service.id, retired], &[web])?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`is_invalid`](Error::is_invalid) if `wanted` contains a service twice, or one that is not among the
    /// given ones; [`is_unsettled`](Error::is_unsettled) if another program kept changing the services;
    /// otherwise the first refusal, with [`is_partly_done`](Error::is_partly_done) if rolling back failed
    /// too.
    pub fn replace_of(
        &mut self,
        services: &[ServiceId],
        wanted: &[ServiceEntry],
    ) -> Result<Vec<Command>> {
        let operation = || Operation::new("replace", format!("{} services", services.len()));
        let wanted = scoped(services, wanted).map_err(|why| Error::invalid(operation(), why))?;
        let mut done = Vec::new();
        for _ in 0..ROUNDS {
            let before = self.services_of(services)?;
            if before.commands_to(&wanted).is_empty() {
                return Ok(done);
            }
            done.extend(self.turn_into(&wanted, &before)?);
        }
        Err(Error::new(operation(), Cause::Unsettled)
            .with_hint("another program keeps changing the same services"))
    }

    /// Reads the given services as a configuration without timeouts and daemons.
    fn services_of(&mut self, services: &[ServiceId]) -> Result<Configuration> {
        Ok(Configuration {
            services: self
                .snapshot_of(services)?
                .into_iter()
                .map(Into::into)
                .collect(),
            ..Configuration::default()
        })
    }

    /// Reads the whole configuration: services, destinations, timeouts and daemons.
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot).
    pub fn configuration(&mut self) -> Result<Configuration> {
        Ok(Configuration {
            services: self.entries()?,
            timeouts: Some(self.timeouts()?),
            daemons: Some(self.daemons()?),
        })
    }

    /// Executes a text on the kernel's table by the difference that it makes, and returns the commands
    /// that were needed: a text that clears the table and adds the same entries again changes nothing.
    ///
    /// This is done completely or not at all, as by [`replace`](Self::replace); counters are zeroed
    /// last.
    ///
    /// # Errors
    /// [`is_invalid`](Error::is_invalid) for a line that contradicts the table or the lines above it,
    /// before anything is sent; otherwise the first refusal of the kernel. Both name the line.
    pub fn restore(&mut self, rules: &Rules) -> Result<Vec<Command>> {
        let before = self.configuration()?;
        let mut wanted = before.clone();
        rules
            .apply_to(&mut wanted)
            .map_err(|error| Error::invalid(Operation::new("restore", ""), error.to_string()))?;
        let mut commands = self
            .turn_into(&wanted, &before)
            .map_err(|error| with_line(error, rules.rules()))?;
        let zeros = zeros(rules.rules(), &wanted);
        self.execute_all(&zeros)?;
        commands.extend(zeros);
        Ok(commands)
    }

    fn turn_into(
        &mut self,
        wanted: &Configuration,
        before: &Configuration,
    ) -> Result<Vec<Command>> {
        let commands = before.commands_to(wanted);
        // Deletions come last; they are not worth the risk while another command may fail.
        let first_deletion = commands
            .iter()
            .position(Command::is_deletion)
            .unwrap_or(commands.len());
        let (others, deletions) = commands.split_at(first_deletion);
        match self
            .execute_all(others)
            .and_then(|()| self.execute_all(deletions))
        {
            Ok(()) => Ok(commands),
            Err(error) => Err(self.roll_back(before, &commands, error)),
        }
    }

    /// Executes all commands, and returns the first refusal.
    fn execute_all(&mut self, commands: &[Command]) -> Result<()> {
        self.batch(commands)?.into_result()
    }

    /// Reads the services that commands were about; where they were about more than services, everything.
    fn touched(
        &mut self,
        before: &Configuration,
        touched: &BTreeSet<Subject>,
    ) -> Result<Configuration> {
        let services: Option<Vec<_>> = touched
            .iter()
            .map(|subject| match subject {
                Subject::Service(id) => Some(*id),
                _ => None,
            })
            .collect();
        let Some(services) = services else {
            return self.configuration();
        };
        Ok(Configuration {
            timeouts: before.timeouts,
            daemons: before.daemons.clone(),
            ..self.services_of(&services)?
        })
    }

    /// Restores what these commands may have changed; `error` is the reason.
    fn roll_back(&mut self, before: &Configuration, commands: &[Command], error: Error) -> Error {
        let touched: BTreeSet<_> = commands.iter().map(Command::subject).collect();
        let restored = self.touched(before, &touched).and_then(|now| {
            let mut commands = now.commands_to(before);
            commands.retain(|command| touched.contains(&command.subject()));
            self.execute_all(&commands)
        });
        let Err(second) = restored else { return error };
        let first = error.hint().map(|hint| format!("{hint}; "));
        let hint = format!(
            "{}not everything could be rolled back ({second}): compare the table with the one you want",
            first.unwrap_or_default()
        );
        error.with_hint(hint).partly_done()
    }
}

/// Returns what is wanted of the services in the scope.
fn scoped(scope: &[ServiceId], wanted: &[ServiceEntry]) -> Result<Configuration, String> {
    let scope: BTreeSet<_> = scope.iter().collect();
    let mut seen = BTreeSet::new();
    for ServiceEntry { service, .. } in wanted {
        let id = service.id;
        if !scope.contains(&id) {
            return Err(format!("{id} is not one of the services to replace"));
        }
        if !seen.insert(id) {
            return Err(format!("{id} is given twice"));
        }
    }
    Ok(Configuration {
        services: wanted.to_vec(),
        ..Configuration::default()
    })
}

/// Is what a command is about. Only this is rolled back: another program may change the rest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Service(ServiceId),
    Timeouts,
    Daemons,
    Everything,
}

impl Command {
    const fn is_deletion(&self) -> bool {
        matches!(self, Self::DeleteDestination(..) | Self::DeleteService(_))
    }

    const fn subject(&self) -> Subject {
        match self {
            Self::AddService(service) | Self::EditService(service) => Subject::Service(service.id),
            Self::DeleteService(id)
            | Self::AddDestination(id, _)
            | Self::EditDestination(id, _)
            | Self::DeleteDestination(id, _)
            | Self::Zero(Some(id)) => Subject::Service(*id),
            Self::SetTimeouts(_) => Subject::Timeouts,
            Self::StartDaemon(_) | Self::StopDaemon(_) => Subject::Daemons,
            Self::Zero(None) | Self::Flush => Subject::Everything,
        }
    }
}

/// Returns the commands that zero counters of services that exist at the end.
fn zeros(rules: &[Rule], wanted: &Configuration) -> Vec<Command> {
    rules
        .iter()
        .map(|rule| &rule.command)
        .filter(|command| match command {
            Command::Zero(Some(id)) => wanted.service(id).is_some(),
            command => **command == Command::Zero(None),
        })
        .cloned()
        .collect()
}

/// Adds the line that led to the refused command: the last one that is about the same object.
fn with_line(error: Error, rules: &[Rule]) -> Error {
    let operation = error.operation();
    let line = rules
        .iter()
        .rev()
        .find(|rule| rule.command.operation().object() == operation.object())
        .map(|rule| rule.line);
    match line {
        Some(line) => {
            let object = format!("{} (line {line})", operation.object());
            let operation = Operation::new(operation.verb(), object.trim_start());
            error.renamed(operation)
        }
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_line_it_came_from() {
        let text = "-A -f 1 -s rr\n# two\n-A -f 2 -s nonesuch\n--set 1 2 3";
        let rules = Rules::parse(text).unwrap();
        let refused = |place: usize| {
            let error = Error::kernel(rules.rules()[place].command.operation(), 2, None);
            with_line(error, rules.rules()).operation().to_string()
        };
        assert_eq!(refused(1), "add service fwmark 2 ipv4 (line 3)");
        assert_eq!(refused(2), "set timeouts (line 4)");
        let other = Error::kernel(Operation::new("read", "something"), 2, None);
        assert_eq!(
            with_line(other, rules.rules()).operation().to_string(),
            "read something"
        );
    }
}
