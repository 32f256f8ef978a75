//! The whole configuration at once: reading it, replacing it, and restoring a text.

use std::collections::BTreeSet;

use super::ipvsadm::{Rule, Rules};
use super::{Command, Configuration, Ipvs, ServiceId};
use crate::error::{Error, Operation, Result};

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

    /// Reads the whole configuration: services, destinations, timeouts and daemons.
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot).
    pub fn configuration(&mut self) -> Result<Configuration> {
        Ok(Configuration {
            services: self.snapshot()?.into_iter().map(Into::into).collect(),
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
        self.batch(commands)?.into_iter().collect()
    }

    /// Restores what these commands may have changed; `error` is the reason.
    fn roll_back(&mut self, before: &Configuration, commands: &[Command], error: Error) -> Error {
        let touched: BTreeSet<_> = commands.iter().map(Command::subject).collect();
        let restored = self.configuration().and_then(|now| {
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
