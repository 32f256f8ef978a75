//! Rules of ipvsadm, as `ipvsadm -S` prints them or as a script calls them.
//!
//! Of a script the lines that call ipvsadm are read, assignments of variables, loops over words, and addresses
//! that are added; other commands are left, and the branch of a `case` for `stop`.

mod command;

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::draft::Draft;
use super::report::{DirectiveId, Place, Tally};
use super::shell::{self, For, Stop};
use super::{ImportError, Options, Resolver, names};
use crate::ipvs::ipvsadm::{RuleError, Rules};
use crate::ipvs::{DaemonRole, ServiceId};

pub(super) use command::sync;

const MAX_LINES: usize = 500_000;
/// How often a line is read again with a name replaced by its number; a line has two addresses and ports.
const NAMES: usize = 4;

struct Walk<'a, 'r> {
    tally: &'a mut Tally,
    draft: Draft,
    resolve: &'a mut Resolver<'r>,
    variables: BTreeMap<String, (String, DirectiveId)>,
    options: &'a Options,
    /// Where a service is in the draft.
    places: BTreeMap<ServiceId, usize>,
    /// The daemon that was started last.
    daemon: Option<(DaemonRole, DirectiveId)>,
    bytes: usize,
    /// The loop whose end is not read yet.
    open: Option<Loop>,
    /// What ends the service, where the lines are of it.
    stops: Option<Stop>,
}

/// A loop over words, with the lines that are read once for each.
struct Loop {
    name: String,
    words: Vec<String>,
    directive: DirectiveId,
    body: Vec<(Place, DirectiveId, String)>,
}

/// Why the lines of a loop are carried.
const UNROLLED: &str = "once for each word of the loop";

pub(super) fn draft(
    file: &str,
    text: &str,
    options: &Options,
    resolve: &mut Resolver<'_>,
    tally: &mut Tally,
) -> Result<Draft, ImportError> {
    let mut walk = Walk {
        tally,
        draft: Draft::default(),
        resolve,
        variables: BTreeMap::new(),
        options,
        places: BTreeMap::new(),
        daemon: None,
        bytes: 0,
        open: None,
        stops: None,
    };
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        let place = Place::new(file, number);
        if number > MAX_LINES {
            return Err(ImportError::new(
                &place,
                format!("more than {MAX_LINES} lines"),
            ));
        }
        let mut line = line.to_owned();
        while let Some(continued) = line.strip_suffix('\\').filter(|_| !is_comment(&line)) {
            let next = lines.next().map_or("", |(_, next)| next.trim_start());
            line = format!("{continued}{next}");
        }
        walk.line(&place, &line)?;
    }
    for (_, id) in walk.variables.values() {
        if !walk.tally.is_settled(*id) {
            walk.tally.left(*id, "the variable is never used");
        }
    }
    Ok(walk.draft)
}

impl Walk<'_, '_> {
    fn line(&mut self, place: &Place, raw: &str) -> Result<(), ImportError> {
        let text = raw.trim();
        if text.is_empty() || is_comment(text) {
            return Ok(());
        }
        if text.starts_with("IP Virtual Server version") || text.starts_with("-> ") {
            let problem = "the table as ipvsadm -L shows it, without the options that rules have";
            let hint = "import what ipvsadm -Sn prints, or on the director: lvsctl import kernel";
            return Err(ImportError::new(place, problem).with_hint(hint));
        }
        for command in shell::commands(text) {
            self.shell_command(place, command)?;
        }
        Ok(())
    }

    fn shell_command(&mut self, place: &Place, text: &str) -> Result<(), ImportError> {
        let id = self.tally.add(place, text);
        if self.open.is_some() {
            return self.inside_loop(place, id, text);
        }
        if let Some(stop) = self.stops.or_else(|| Stop::of(text)) {
            self.stops = stop.after(text);
            self.tally
                .left(id, "only where the script is called with stop");
            return Ok(());
        }
        let Some(found) = For::of(text) else {
            return self.statement(place, id, text);
        };
        let words = shell::words(&self.substituted(found.words, id));
        let words = words.ok_or_else(|| ImportError::new(place, "the loop has too many words"))?;
        self.tally.carried(id, UNROLLED);
        self.open = Some(Loop {
            name: found.name.to_owned(),
            words,
            directive: id,
            body: Vec::new(),
        });
        Ok(())
    }

    fn inside_loop(
        &mut self,
        place: &Place,
        id: DirectiveId,
        text: &str,
    ) -> Result<(), ImportError> {
        let is_end = text.split([' ', ';']).next() == Some("done");
        if For::of(text).is_some() {
            let problem = "a loop in a loop is not followed";
            return Err(
                ImportError::new(place, problem).with_hint("import what ipvsadm -Sn prints")
            );
        }
        if is_end || text == "do" {
            self.tally.carried(id, UNROLLED);
        }
        match &mut self.open {
            Some(open) if !is_end && text != "do" => {
                open.body.push((place.clone(), id, text.to_owned()));
                Ok(())
            }
            open if is_end => open.take().map_or(Ok(()), |ended| self.unroll(ended)),
            _ => Ok(()),
        }
    }

    fn unroll(&mut self, ended: Loop) -> Result<(), ImportError> {
        for word in ended.words {
            let variable = (word, ended.directive);
            self.variables.insert(ended.name.clone(), variable);
            for (place, id, text) in &ended.body {
                self.statement(place, *id, text)?;
            }
        }
        Ok(())
    }

    fn statement(&mut self, place: &Place, id: DirectiveId, text: &str) -> Result<(), ImportError> {
        let assignment = shell::assignment(text);
        let text = self.substituted(assignment.map_or(text, |(_, value)| value), id);
        self.bytes += text.len() + 1;
        if self.bytes > 64 << 20 {
            return Err(ImportError::new(
                place,
                "variables and loops make more than 64 MiB of text",
            ));
        }
        if let Some((name, _)) = assignment {
            self.variables.insert(name.to_owned(), (text, id));
            return Ok(());
        }
        match arguments(&text) {
            Some(rule) => self.rule(place, id, rule),
            None => {
                self.shell(id, &text);
                Ok(())
            }
        }
    }

    /// Replaces `$NAME` and `${NAME}` where the script has set it.
    fn substituted(&mut self, text: &str, user: DirectiveId) -> String {
        let mut result = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('$').filter(|_| result.len() < 1 << 20) {
            let (before, from) = rest.split_at(start);
            result.push_str(before);
            let name = from.get(1..).unwrap_or_default();
            let braced = name.strip_prefix('{').and_then(|name| name.split_once('}'));
            let end = name
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(name.len());
            let (name, after) = braced.unwrap_or_else(|| name.split_at(end));
            match self.variables.get(name) {
                Some((value, id)) => {
                    if *id != user {
                        self.tally.carried(*id, "replaced where it is used");
                        self.tally.belongs(*id, &[user]);
                    }
                    result.push_str(value);
                    rest = after;
                }
                None => {
                    result.push('$');
                    rest = from.get(1..).unwrap_or_default();
                }
            }
        }
        result + rest
    }

    /// Reads a rule; a name in it is replaced by its number, and the rule read again.
    fn rule(&mut self, place: &Place, id: DirectiveId, text: &str) -> Result<(), ImportError> {
        if let Some(word) = changes_nothing(text) {
            let reason = match word {
                "-R" | "--restore" => "it reads rules from elsewhere: import those too".to_owned(),
                _ => format!("{word} changes nothing that a cluster file says"),
            };
            self.tally.left(id, reason);
            return Ok(());
        }
        let mut text = text.replace(['"', '\''], "");
        let mut attempts = 0;
        let rules = loop {
            match Rules::parse(&text) {
                Ok(rules) => break rules,
                Err(error) => {
                    let replaced = self.without_name(&text, &error);
                    attempts += 1;
                    match replaced {
                        Some(Ok(replaced)) if attempts <= NAMES => text = replaced,
                        Some(Err(unknown)) => {
                            return Err(ImportError::new(place, unknown)
                                .with_hint("write the number, or import where the name is known"));
                        }
                        _ => return Err(refused(place, &error)),
                    }
                }
            }
        };
        let notes: Vec<_> = rules.notes().iter().map(|note| note.text.clone()).collect();
        for command in rules.commands() {
            self.command(place, id, command, &notes);
        }
        Ok(())
    }

    /// Returns the rule with a number in place of the name that is refused, or why there is none.
    fn without_name(&mut self, text: &str, error: &RuleError) -> Option<Result<String, String>> {
        let name = error.word();
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if name.is_empty() || !name.chars().all(known) {
            return None;
        }
        let number = match names::port(name) {
            Some(port) if error.reason().contains("port") => port.to_string(),
            _ => {
                let Some(ip) = (self.resolve)(name) else {
                    let is_host = error.reason().contains("address");
                    return is_host.then(|| Err(format!("no address of {name:?} is known here")));
                };
                let name = || name.to_owned();
                self.draft.names.entry(ip).or_insert_with(name);
                match ip {
                    IpAddr::V4(ip) => ip.to_string(),
                    IpAddr::V6(ip) => format!("[{ip}]"),
                }
            }
        };
        replace_word(text, name, &number).map(Ok)
    }
}

fn refused(place: &Place, error: &RuleError) -> ImportError {
    let problem = format!("{:?} {}", error.word(), error.reason());
    let refused = ImportError::new(place, problem);
    if let Some((_, name)) = error.word().split_once('$') {
        let end = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '{';
        let name = name
            .split(end)
            .next()
            .unwrap_or_default()
            .trim_start_matches('{');
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return refused.with_hint("import what ipvsadm -Sn prints");
        }
        return refused.with_hint(format!(
            "no line above sets {name}: add one, as in {name}=VALUE"
        ));
    }
    match error.hint() {
        Some(hint) => refused.with_hint(hint),
        None => refused,
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// Returns what follows `ipvsadm`, however it is called; or a line that begins with its options.
fn arguments(text: &str) -> Option<&str> {
    if text.starts_with('-') {
        return Some(text);
    }
    let mut rest = text;
    loop {
        let (word, after) = rest.split_once(char::is_whitespace)?;
        let word = word
            .trim_start_matches(['"', '\''])
            .trim_end_matches(['"', '\'']);
        let program = word.rsplit('/').next().unwrap_or(word);
        match program {
            "ipvsadm" | "$IPVSADM" | "${IPVSADM}" => {
                return Some(shell::unredirected(after));
            }
            "sudo" | "exec" | "then" | "do" | "else" | "if" | "!" | "{" | "chroot" => {
                rest = after.trim_start();
            }
            // The branch of a case, or a function in one line.
            _ if word.ends_with([')', '{']) => rest = after.trim_start(),
            _ => return None,
        }
    }
}

/// Options of ipvsadm that only show the table or belong to no file; `-Lnc` is `-L -n -c`.
fn changes_nothing(text: &str) -> Option<&str> {
    const WORDS: [&str; 9] = [
        "-C",
        "--clear",
        "--list",
        "-Z",
        "--zero",
        "--save",
        "-R",
        "--restore",
        "--help",
    ];
    let shows = |word: &str| {
        ["-L", "-l", "-S"]
            .iter()
            .any(|start| word.starts_with(start))
    };
    text.split_whitespace()
        .find(|word| WORDS.contains(word) || shows(word))
}

/// Replaces a name by a number in the first word that contains it between other characters than letters.
fn replace_word(text: &str, name: &str, number: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let mut from = 0;
    while let Some(start) = text.get(from..)?.find(name).map(|place| place + from) {
        let end = start + name.len();
        let (before, after) = (text.get(..start)?, text.get(end..)?);
        let alone = !before.ends_with(is_part) && !after.starts_with(is_part);
        // The value of a short option may be joined with it: -tweb:http.
        let joined = before
            .rsplit(char::is_whitespace)
            .next()
            .is_some_and(|word| {
                word.len() == 2 && word.starts_with('-') && !after.starts_with(is_part)
            });
        if alone || joined {
            return Some(format!("{before}{number}{after}"));
        }
        from = end;
    }
    None
}
