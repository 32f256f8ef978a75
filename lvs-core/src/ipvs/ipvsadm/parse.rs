//! From a text to commands.

use std::fmt;
use std::str::FromStr;

use super::error::{Parsed, Problem, RuleError};
use super::line::Line;
use super::option::Verb;
use super::{daemon, destination, service};
use crate::ipvs::editor::Editor;
use crate::ipvs::{Command, Configuration};

/// A line as the command that it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// The line, counted from 1.
    pub line: usize,
    /// What it does.
    pub command: Command,
}

/// Something about a line that ipvsadm passes over without a word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Note {
    /// The line, counted from 1.
    pub line: usize,
    /// What it means, or what was made of it.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// A whole text, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rules {
    rules: Vec<Rule>,
    notes: Vec<Note>,
}

impl Rules {
    /// Reads a text; see the [module](super) for what it may look like.
    ///
    /// # Errors
    /// The first line that cannot be read, with the word and the reason. Whether it fits the lines
    /// above it is not looked at; see [`configuration`](Self::configuration).
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let mut rules = Self::default();
        for (number, text) in (1..).zip(text.lines()) {
            rules
                .read(number, text)
                .map_err(|problem| RuleError::new(number, problem))?;
        }
        Ok(rules)
    }

    fn read(&mut self, line: usize, text: &str) -> Parsed<()> {
        let Some(words) = Line::split(text)? else {
            return Ok(());
        };
        let mut notes = Vec::new();
        let command = command(words, &mut notes)?;
        self.rules.push(Rule { line, command });
        let notes = notes.into_iter().map(|text| Note { line, text });
        self.notes.extend(notes);
        Ok(())
    }

    /// The lines that do something, in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What a person should know about the lines, in order.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The commands alone, for [`Ipvs::batch`](crate::ipvs::Ipvs::batch).
    #[must_use]
    pub fn commands(&self) -> Vec<Command> {
        self.rules.iter().map(|rule| rule.command.clone()).collect()
    }

    /// The table that the text describes: what executing it on an empty one gives.
    ///
    /// # Errors
    /// A line that adds what a line above has added, or changes what none has.
    pub fn configuration(&self) -> Result<Configuration, RuleError> {
        let mut table = Configuration::default();
        self.apply_to(&mut table)?;
        Ok(table)
    }

    /// Executes the lines on a table that is there already.
    ///
    /// # Errors
    /// As [`configuration`](Self::configuration), for what is there and the lines above. Those are executed then.
    pub fn apply_to(&self, table: &mut Configuration) -> Result<(), RuleError> {
        let mut editor = Editor::new(table);
        for Rule { line, command } in &self.rules {
            editor
                .apply(command)
                .map_err(|invalid| RuleError::new(*line, Problem::misplaced(&invalid)))?;
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

pub(super) fn command(mut line: Line<'_>, notes: &mut Vec<String>) -> Parsed<Command> {
    let line = &mut line;
    let command = match line.verb {
        Verb::AddService => Command::AddService(service::service(line, notes)?),
        Verb::EditService => Command::EditService(service::service(line, notes)?),
        Verb::DeleteService => Command::DeleteService(service::needed_id(line)?),
        Verb::AddDestination => {
            let id = service::needed_id(line)?;
            Command::AddDestination(id, destination::destination(line, &id, notes)?)
        }
        Verb::EditDestination => {
            let id = service::needed_id(line)?;
            Command::EditDestination(id, destination::destination(line, &id, notes)?)
        }
        Verb::DeleteDestination => {
            let id = service::needed_id(line)?;
            Command::DeleteDestination(id, destination::id(line, &id)?)
        }
        Verb::Flush => Command::Flush,
        Verb::Zero => Command::Zero(service::id(line)?.map(|(id, _)| id)),
        Verb::SetTimeouts => Command::SetTimeouts(daemon::timeouts(line)?),
        Verb::StartDaemon => Command::StartDaemon(daemon::daemon(line)?),
        Verb::StopDaemon => Command::StopDaemon(daemon::role(line)?),
        Verb::NotAChange => {
            return Err(Problem::new(line.command.word, "changes nothing")
                .remedy("only lines that change the table can stand here"));
        }
    };
    line.finish()?;
    Ok(command)
}
