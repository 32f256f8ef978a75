//! One command that was typed by itself, which is read more strictly than a line of a text.

use super::error::{Parsed, Problem, RuleError, RuleErrorKind};
use super::line::Line;
use super::option::Verb;
use super::write::{Form, LineWriter};
use crate::ipvs::{Command, Configuration};

/// Returns the command that these words stand for, in the options of ipvsadm(8).
///
/// Unlike in a text, what ipvsadm would silently ignore or change is an error.
///
/// ```
/// use lvs_core::ipvs::{Command, ipvsadm};
/// let words = ["-A", "-t", "172.16.5.11:80", "-s", "wrr"];
/// assert!(matches!(ipvsadm::single(words)?, Command::AddService(_)));
/// # Ok::<(), ipvsadm::RuleError>(())
/// ```
///
/// # Errors
/// Words that cannot be read; the line of the error is 0.
pub fn single<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Command, RuleError> {
    Line::from_words(words.into_iter())
        .and_then(Line::strict)
        .map_err(|problem| RuleError::new(0, problem))
}

/// Returns the command as [`single`] does, but with `-E` and `-e` everything that is not named is kept,
/// whereas ipvsadm would reset it to its defaults.
///
/// `--no-persistent`, `--no-pe`, `--no-ops` and `--no-sched-flags` remove what a service has.
///
/// ```
/// use lvs_core::ipvs::{Command, ipvsadm::{self, Rules}};
/// let now = Rules::parse("-A -f 1 -s wrr -p 60\n-a -f 1 -r 10.0.0.1 -m -x 9")?.configuration()?;
/// let words = "-e -f 1 -r 10.0.0.1 -w 7".split(' ');
/// let Command::EditDestination(_, destination) = ipvsadm::edit(words, &now)? else { unreachable!() };
/// assert_eq!(destination.to_string(), "10.0.0.1:0 nat weight 7 thresholds 9 0");
/// # Ok::<(), ipvsadm::RuleError>(())
/// ```
///
/// # Errors
/// As [`single`], and if the object to edit is not in `current`.
pub fn edit<'a>(
    words: impl IntoIterator<Item = &'a str>,
    current: &Configuration,
) -> Result<Command, RuleError> {
    Line::from_words(words.into_iter())
        .and_then(|line| line.merged(current))
        .map_err(|problem| RuleError::new(0, problem))
}

impl Line<'_> {
    /// Parses the command, and refuses what ipvsadm would silently ignore or change.
    fn strict(mut self) -> Parsed<Command> {
        let command = self.parse()?;
        match self.notes.first() {
            Some(note) => Err(Problem::new(
                RuleErrorKind::Ignored,
                self.command.word,
                format!("is refused: {note}"),
            )),
            None => Ok(command),
        }
    }

    /// Parses the command after adding what it does not name.
    fn merged(self, current: &Configuration) -> Parsed<Command> {
        let text = self.current_line(current)?.unwrap_or_default();
        let mut line = self;
        if let Some(current) = Line::split(&text)? {
            line.keep(current);
        }
        line.strict()
    }

    /// Returns the line that would add what is to be edited; `None` if nothing is.
    fn current_line(&self, current: &Configuration) -> Parsed<Option<String>> {
        if !matches!(self.verb, Verb::EditService | Verb::EditDestination) {
            return Ok(None);
        }
        let mut line = self.clone();
        let id = line.service_id()?;
        let entry = current
            .service(&id)
            .ok_or_else(|| Problem::not_found(format!("service {id}")))?;
        if line.verb == Verb::EditService {
            let line = LineWriter::new(Form::Lossless, "-A").service(&entry.service);
            return Ok(Some(line));
        }
        let wanted = line.destination_id(&id)?;
        let destination = entry
            .destination(&wanted)
            .ok_or_else(|| Problem::not_found(format!("destination {wanted} of {id}")))?;
        let line = LineWriter::new(Form::Lossless, "-a").destination(&id, destination);
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::ipvsadm::{Rules, save};

    const NOW: &str = "\
-A -t 10.0.0.1:80 -s sh -p 60 -M 255.255.255.0 --pe sip -b sh-port
-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 3 -x 9 -y 2
-a -t 10.0.0.1:80 -r 10.1.0.2:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum
-A -f 7 -6 -s wlc
";

    fn after(words: &str) -> String {
        let mut now = Rules::parse(NOW).unwrap().configuration().unwrap();
        now.apply(&edit(words.split(' '), &now).unwrap()).unwrap();
        save(&now)
    }

    #[test]
    fn an_edit_keeps_what_it_does_not_name() {
        for (words, from, to) in [
            ("-E -t 10.0.0.1:80 -p 9", "-p 60", "-p 9"),
            ("-E -t 10.0.0.1:80 -b sh-fallback", "sh-port", "sh-fallback"),
            (
                "-E -t 10.0.0.1:80 -s wrr --no-sched-flags",
                "-s sh -p 60 -M 255.255.255.0 --pe sip -b sh-port",
                "-s wrr -p 60 -M 255.255.255.0 --pe sip",
            ),
            (
                "-E -t 10.0.0.1:80 --no-persistent --no-pe",
                " -p 60 -M 255.255.255.0 --pe sip",
                "",
            ),
            ("-E -f 7 -6 -s rr", "-s wlc", "-s rr"),
            ("-e -t 10.0.0.1:80 -r 10.1.0.1:8080 -w 0", "-w 3", "-w 0"),
            ("-e -t 10.0.0.1:80 -r 10.1.0.1:8080 -y 0", " -y 2", ""),
            (
                "-e -t 10.0.0.1:80 -r 10.1.0.2 --tun-nocsum",
                "--tun-csum",
                "--tun-nocsum",
            ),
            ("-e -t 10.0.0.1:80 -r 10.1.0.2 --tun-port 5", "6080", "5"),
            (
                "-e -t 10.0.0.1:80 -r 10.1.0.2 --tun-type gre",
                "gue --tun-port 6080 --tun-csum",
                "gre --tun-nocsum",
            ),
            (
                "-e -t 10.0.0.1:80 -r 10.1.0.2 -g",
                "-i -w 1 --tun-type gue --tun-port 6080 --tun-csum",
                "-g -w 1",
            ),
        ] {
            assert_eq!(after(words), NOW.replacen(from, to, 1), "{words}");
        }
    }

    #[test]
    fn a_typed_command_is_read_more_strictly() {
        let now = Rules::parse(NOW).unwrap().configuration().unwrap();
        for (words, expected) in [
            (
                "-e -t 10.0.0.1:80 -r 10.1.0.1 -w 1",
                "\"destination 10.1.0.1:80 of tcp 10.0.0.1:80\" does not exist; add it instead",
            ),
            (
                "-E -t 10.0.0.2:80 -s rr",
                "\"service tcp 10.0.0.2:80\" does not exist; add it instead",
            ),
            (
                "-E -t 10.0.0.1:80 -s rr",
                "\"sh-port\" is a flag of sh, but the scheduler is rr",
            ),
            (
                "-a -t 10.0.0.1:80 -r 10.1.0.3:8080",
                "\"-a\" is refused: 10.1.0.3:8080 gets the service's port 80, which only -m can change",
            ),
            (
                "-A -t 10.0.0.3:80 -M 255.0.0.0",
                "\"-A\" is refused: \"-M\" without -p has no effect",
            ),
            (
                "-A -t 10.0.0.3:80 --no-ops",
                "\"--no-ops\" does not go with \"-A\"",
            ),
            (
                "",
                "\"\" belongs to no command; begin the line with -A, -E, -D, -a, -e, -d, -C, -Z, --set or a daemon",
            ),
        ] {
            let error = edit(words.split(' '), &now).unwrap_err();
            assert_eq!(error.to_string(), expected, "{words}");
        }
    }
}
