//! The whole configuration at once: read, replaced by another, changed by a text.

use std::collections::BTreeSet;

use super::ipvsadm::{Rule, Rules};
use super::{Command, Configuration, Ipvs, ServiceId};
use crate::error::{Error, Operation, Result};

impl Ipvs {
    /// The whole configuration: services, destinations, timeouts, daemons.
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot).
    pub fn configuration(&mut self) -> Result<Configuration> {
        let services = self.snapshot()?;
        Ok(Configuration {
            services: services.into_iter().map(Into::into).collect(),
            timeouts: Some(self.timeouts()?),
            daemons: Some(self.daemons()?),
        })
    }

    /// Executes one command that a person means, after [checking](Command::check) that it makes sense.
    ///
    /// # Errors
    /// [`is_invalid`](Error::is_invalid), or the kernel's refusal.
    pub fn execute(&mut self, command: &Command) -> Result<()> {
        self.all(&[command.clone().checked()?])
    }

    /// Makes the kernel's table equal to `wanted` by [the difference](Configuration::commands_to), and returns
    /// the commands that it took. What is equal keeps its connections and counters.
    ///
    /// All or nothing: nothing is deleted before everything that had to be added or edited was, and
    /// when the kernel refuses one command, what the others did to the same services is taken back.
    /// What was deleted and put back stands at the head of its list, with its connections.
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
    /// The first refusal. If taking back failed too, [`is_partly_done`](Error::is_partly_done).
    pub fn replace(&mut self, wanted: &Configuration) -> Result<Vec<Command>> {
        let before = self.configuration()?;
        self.turn(&before, wanted)
    }

    /// Executes a text on the kernel's table, by the difference that it makes: a text that clears the
    /// table and adds what stood there changes nothing. Returns the commands that it took.
    ///
    /// All or nothing, as with [`replace`](Self::replace); counters are zeroed last.
    ///
    /// # Errors
    /// [`is_invalid`](Error::is_invalid) for a line that does not fit the table or the lines above
    /// it, before anything was sent; otherwise the first refusal of the kernel. Both name the line.
    pub fn restore(&mut self, rules: &Rules) -> Result<Vec<Command>> {
        let before = self.configuration()?;
        let mut wanted = before.clone();
        rules
            .apply_to(&mut wanted)
            .map_err(|error| Error::invalid(Operation::new("restore", ""), error.to_string()))?;
        let mut commands = self
            .turn(&before, &wanted)
            .map_err(|error| name_line(error, rules.rules()))?;
        let zeros = zeros(rules.rules(), &wanted);
        self.all(&zeros)?;
        commands.extend(zeros);
        Ok(commands)
    }

    fn turn(&mut self, before: &Configuration, wanted: &Configuration) -> Result<Vec<Command>> {
        let commands = before.commands_to(wanted);
        // Deletes stand last; they are not worth the risk while something else may fail.
        let deletes = commands
            .iter()
            .position(is_delete)
            .unwrap_or(commands.len());
        let (others, deletes) = commands.split_at(deletes);
        let done = self.all(others).and_then(|()| self.all(deletes));
        match done {
            Ok(()) => Ok(commands),
            Err(error) => Err(self.back(error, before, &commands)),
        }
    }

    /// Executes all, and returns the first refusal.
    fn all(&mut self, commands: &[Command]) -> Result<()> {
        self.batch(commands)?.into_iter().collect()
    }

    /// Puts back what these commands may have changed.
    fn back(&mut self, error: Error, before: &Configuration, commands: &[Command]) -> Error {
        let touched: BTreeSet<_> = commands.iter().map(subject).collect();
        let back = self.configuration().and_then(|now| {
            let mut commands = now.commands_to(before);
            commands.retain(|command| touched.contains(&subject(command)));
            self.all(&commands)
        });
        let Err(second) = back else { return error };
        let first = error.advice().map(|advice| format!("{advice}; "));
        let advice = format!(
            "{}not everything could be taken back ({second}): compare the table with what you want",
            first.unwrap_or_default()
        );
        error.advise(advice).partly_done()
    }
}

const fn is_delete(command: &Command) -> bool {
    matches!(
        command,
        Command::DeleteDestination(..) | Command::DeleteService(_)
    )
}

/// What a command is about, so that only that is taken back: somebody else may change the rest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Service(ServiceId),
    Timeouts,
    Daemons,
    Everything,
}

const fn subject(command: &Command) -> Subject {
    match command {
        Command::AddService(service) | Command::EditService(service) => {
            Subject::Service(service.id)
        }
        Command::DeleteService(id)
        | Command::AddDestination(id, _)
        | Command::EditDestination(id, _)
        | Command::DeleteDestination(id, _)
        | Command::Zero(Some(id)) => Subject::Service(*id),
        Command::SetTimeouts(_) => Subject::Timeouts,
        Command::StartDaemon(_) | Command::StopDaemon(_) => Subject::Daemons,
        Command::Zero(None) | Command::Flush => Subject::Everything,
    }
}

/// The lines that zero counters of what is still there at the end.
fn zeros(rules: &[Rule], wanted: &Configuration) -> Vec<Command> {
    let commands = rules.iter().map(|rule| &rule.command);
    commands
        .filter(|command| match command {
            Command::Zero(Some(id)) => wanted.service(id).is_some(),
            command => **command == Command::Zero(None),
        })
        .cloned()
        .collect()
}

/// Adds the line that led to the command which was refused: the last that is about the same object.
fn name_line(error: Error, rules: &[Rule]) -> Error {
    let operation = error.operation();
    let same = |rule: &&Rule| rule.command.operation().object() == operation.object();
    match rules.iter().rev().find(same) {
        Some(Rule { line, .. }) => {
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
            name_line(error, rules.rules()).operation().to_string()
        };
        assert_eq!(refused(1), "add service fwmark 2 ipv4 (line 3)");
        assert_eq!(refused(2), "set timeouts (line 4)");
        let other = Error::kernel(Operation::new("read", "something"), 2, None);
        assert_eq!(
            name_line(other, rules.rules()).operation().to_string(),
            "read something"
        );
    }
}
