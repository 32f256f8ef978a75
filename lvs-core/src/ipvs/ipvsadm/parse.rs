//! Parsing a text into commands.

use std::fmt;
use std::str::FromStr;

use super::error::{Parsed, Problem, RuleError};
use super::line::Line;
use super::names::Names;
use super::option::Verb;
use crate::ipvs::{Command, Configuration};

/// Is a line of a text, as the command that it stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Rule {
    /// The number of the line, from 1.
    pub line: usize,
    /// The command.
    pub command: Command,
}

/// Describes a part of a line that ipvsadm silently ignores or changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Note {
    /// The number of the line, from 1.
    pub line: usize,
    /// What the line means, or how it was changed.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// Holds a whole text, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rules {
    rules: Vec<Rule>,
    notes: Vec<Note>,
}

impl Rules {
    /// Parses a text; the [module](super) describes the format.
    ///
    /// # Errors
    /// The first line that cannot be read, with the word and the reason. Whether a line contradicts the
    /// lines above it is not checked here; see [`configuration`](Self::configuration).
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        Self::read_all(text, None)
    }

    /// Parses a text in which hosts and services may have names, as `ipvsadm -S` without `-n` writes them.
    ///
    /// ```no_run
    /// use lvs_core::ipvs::ipvsadm::{Rules, SystemNames};
    /// let text = "-A -t 10.0.0.1:http\n-a -t 10.0.0.1:http -r web1.example.org:http -m";
    /// let rules = Rules::parse_with(text, &SystemNames::read())?;
    /// # Ok::<(), lvs_core::ipvs::ipvsadm::RuleError>(())
    /// ```
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and for a name that has no meaning.
    pub fn parse_with(text: &str, names: &dyn Names) -> Result<Self, RuleError> {
        Self::read_all(text, Some(names))
    }

    fn read_all(text: &str, names: Option<&dyn Names>) -> Result<Self, RuleError> {
        let mut rules = Self::default();
        // Editors of other systems put a byte order mark in front.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, text) in (1..).zip(text.lines()) {
            rules
                .read(number, text, names)
                .map_err(|problem| RuleError::new(number, problem))?;
        }
        Ok(rules)
    }

    fn read(&mut self, line: usize, text: &str, names: Option<&dyn Names>) -> Parsed<()> {
        let Some(mut words) = Line::split(text)? else {
            return Ok(());
        };
        words.names = names;
        let command = words.parse()?;
        self.rules.push(Rule { line, command });
        self.notes
            .extend(words.notes.into_iter().map(|text| Note { line, text }));
        Ok(())
    }

    /// Returns the lines that have a command, in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Returns notes on the lines, in order.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Returns the commands alone, for [`Ipvs::batch`](crate::ipvs::Ipvs::batch).
    #[must_use]
    pub fn commands(&self) -> Vec<Command> {
        self.rules.iter().map(|rule| rule.command.clone()).collect()
    }

    /// Returns the table that the text describes: the result of executing it on an empty one.
    ///
    /// # Errors
    /// A line that adds what a line above has added, or changes what none has.
    pub fn configuration(&self) -> Result<Configuration, RuleError> {
        let mut table = Configuration::default();
        self.apply_to(&mut table)?;
        Ok(table)
    }

    /// Applies the lines to an existing table.
    ///
    /// # Errors
    /// As [`configuration`](Self::configuration), for the table and the lines above, which are then
    /// applied.
    pub fn apply_to(&self, table: &mut Configuration) -> Result<(), RuleError> {
        let mut editor = table.editor();
        for Rule { line, command } in &self.rules {
            editor
                .apply(command)
                .map_err(|error| RuleError::new(*line, Problem::from(error)))?;
        }
        Ok(())
    }
}

impl FromStr for Rules {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        Self::parse(text)
    }
}

impl Line<'_> {
    /// Parses the command, and refuses options that do not belong to it.
    pub(super) fn parse(&mut self) -> Parsed<Command> {
        let command = match self.verb {
            Verb::AddService => Command::AddService(self.service()?),
            Verb::EditService => Command::EditService(self.service()?),
            Verb::DeleteService => Command::DeleteService(self.service_id()?),
            Verb::AddDestination => {
                let service = self.service_id()?;
                Command::AddDestination(service, self.destination(&service)?)
            }
            Verb::EditDestination => {
                let service = self.service_id()?;
                Command::EditDestination(service, self.destination(&service)?)
            }
            Verb::DeleteDestination => {
                let service = self.service_id()?;
                Command::DeleteDestination(service, self.destination_id(&service)?)
            }
            Verb::Flush => Command::Flush,
            Verb::Zero => Command::Zero(self.service_endpoint()?.map(|(id, _)| id)),
            Verb::SetTimeouts => Command::SetTimeouts(self.timeouts()?),
            Verb::StartDaemon => Command::StartDaemon(self.daemon()?),
            Verb::StopDaemon => Command::StopDaemon(self.daemon_role()?),
            Verb::NotAChange => {
                return Err(
                    Problem::command(self.command.word, "does not change the table")
                        .hint("only lines that change the table are accepted here"),
                );
            }
        };
        self.finish()?;
        Ok(command)
    }
}
