//! Rules of ipvsadm, as `ipvsadm -S` prints them or as a script calls them.
//!
//! Of a script the lines that call ipvsadm are read, assignments of variables, and addresses that are
//! added; other commands are left.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::draft::{Draft, DraftAddress, DraftDestination, DraftService};
use super::report::{DirectiveId, Place, Tally};
use super::{ImportError, Options, Resolver, names};
use crate::cluster::Sync;
use crate::ipvs::ipvsadm::{RuleError, Rules};
use crate::ipvs::{Command, Daemon, DestinationId, ServiceId};
use crate::name::IfName;
use crate::net::Address;

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
    bytes: usize,
}

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
        bytes: 0,
    };
    for (number, line) in (1..).zip(text.lines()) {
        let place = Place::new(file, number);
        if number > MAX_LINES {
            return Err(ImportError::new(
                &place,
                format!("more than {MAX_LINES} lines"),
            ));
        }
        walk.line(&place, line)?;
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
        if text.is_empty() || text.starts_with('#') {
            return Ok(());
        }
        let id = self.tally.add(place, text);
        if let Some((name, value)) = assignment(text) {
            let value = self.substituted(value);
            self.variables.insert(name.to_owned(), (value, id));
            return Ok(());
        }
        let text = self.substituted(text);
        self.bytes += text.len();
        if self.bytes > 64 << 20 {
            return Err(ImportError::new(
                place,
                "variables make more than 64 MiB of text",
            ));
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
    fn substituted(&mut self, text: &str) -> String {
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
                    self.tally.carried(*id, "replaced where it is used");
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
            self.tally.left(
                id,
                format!("{word} changes nothing that a cluster file says"),
            );
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

    fn command(&mut self, place: &Place, id: DirectiveId, command: Command, notes: &[String]) {
        let note = || (!notes.is_empty()).then(|| notes.join("; "));
        match command {
            Command::AddService(service) => {
                if self.places.contains_key(&service.id) {
                    return self.tally.left(id, "the service is added above");
                }
                self.places.insert(service.id, self.draft.services.len());
                let mut draft = DraftService::new(service, place, id);
                draft.assumed.extend(note());
                self.draft.services.push(draft);
            }
            Command::AddDestination(service, destination) => {
                let Some(draft) = self.service(&service) else {
                    return self.tally.left(id, "no line above adds its service");
                };
                draft.destinations.push(DraftDestination {
                    destination,
                    directive: id,
                    assumed: note(),
                    is_fallback: false,
                });
            }
            Command::EditService(service) => match self.service(&service.id) {
                Some(draft) => {
                    draft.service = service;
                    self.tally.carried(id, "services");
                }
                None => self.tally.left(id, "no line above adds its service"),
            },
            Command::EditDestination(service, destination) => {
                match self.destination(&service, &destination.id) {
                    Some(draft) => {
                        draft.destination = destination;
                        self.tally.carried(id, "services.destinations");
                    }
                    None => self.tally.left(id, "no line above adds the destination"),
                }
            }
            Command::DeleteService(_) | Command::DeleteDestination(..) => {
                self.delete(id, &command);
            }
            Command::SetTimeouts(timeouts) => {
                self.draft.timeouts = timeouts;
                self.tally.carried(id, "ipvs");
            }
            Command::StartDaemon(daemon) => self.daemon(id, &daemon),
            _ => self
                .tally
                .left(id, "a cluster file says what is to be, from empty"),
        }
    }

    fn service(&mut self, id: &ServiceId) -> Option<&mut DraftService> {
        self.draft.services.get_mut(*self.places.get(id)?)
    }

    fn destination(
        &mut self,
        service: &ServiceId,
        id: &DestinationId,
    ) -> Option<&mut DraftDestination> {
        let service = self.service(service)?;
        let mut destinations = service.destinations.iter_mut();
        destinations.find(|draft| draft.destination.id == *id)
    }

    /// What a line above has added is taken out again; scripts begin with deletions of nothing.
    fn delete(&mut self, id: DirectiveId, command: &Command) {
        let gone = "a line below deletes it";
        let mut deleted = Vec::new();
        match command {
            Command::DeleteService(service) => {
                if let Some(place) = self.places.remove(service) {
                    let service = self.draft.services.remove(place);
                    self.places
                        .values_mut()
                        .filter(|other| **other > place)
                        .for_each(|other| *other -= 1);
                    deleted.push(service.directive);
                    deleted.extend(service.destinations.iter().map(|draft| draft.directive));
                }
            }
            Command::DeleteDestination(service, destination) => {
                if let Some(service) = self.service(service) {
                    service.destinations.retain(|draft| {
                        let stays = draft.destination.id != *destination;
                        if !stays {
                            deleted.push(draft.directive);
                        }
                        stays
                    });
                }
            }
            _ => {}
        }
        match deleted.is_empty() {
            true => self.tally.left(id, "it deletes what no line above adds"),
            false => self.tally.carried(id, "services"),
        }
        for deleted in deleted {
            self.tally.left(deleted, gone);
        }
    }

    /// A director runs both daemons; one line of the two is enough.
    fn daemon(&mut self, id: DirectiveId, daemon: &Daemon) {
        match sync(daemon) {
            Ok(sync) => {
                self.draft.sync = Some(sync);
                self.tally.carried(id, "sync");
            }
            Err(reason) => self.tally.left(id, reason),
        }
    }

    /// Imports a line of a script that does not call ipvsadm: `ip addr add ADDRESS/PREFIX dev INTERFACE`.
    fn shell(&mut self, id: DirectiveId, text: &str) {
        let words: Vec<_> = text
            .split_whitespace()
            .filter(|word| *word != "sudo")
            .collect();
        let after = |key: &str| {
            let mut words = words.iter().skip_while(|word| **word != key);
            words.nth(1).copied()
        };
        let adds = matches!(
            *words.as_slice(),
            [ip, "addr" | "address" | "a", "add" | "a" | "replace", ..] if ip.ends_with("ip")
        );
        let network = after("add").or_else(|| after("replace"));
        let network = network.and_then(|text| {
            text.parse::<IpNet>()
                .ok()
                .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
        });
        let interface = after("dev").and_then(|name| IfName::new(name.to_owned()).ok());
        match (adds, network) {
            (true, Some(network)) if !network.addr().is_loopback() => {
                let assumed = interface.is_none().then(|| "interface".to_owned());
                let interface = interface.unwrap_or_else(|| self.options.interface.clone());
                self.draft.addresses.push(DraftAddress {
                    address: Address::new(interface, network),
                    assumed,
                    directive: Some(id),
                });
                self.tally.carried(id, "director.addresses");
            }
            _ => self.tally.left(id, "it is not a line of ipvsadm"),
        }
    }
}

/// Returns what both daemons of a director have in common.
pub(super) fn sync(daemon: &Daemon) -> Result<Sync, String> {
    let id = u8::try_from(daemon.sync_id);
    let id = id.map_err(|_| format!("the sync id {} is not in 0..255", daemon.sync_id))?;
    let mut sync = Sync::new(id, daemon.interface.clone());
    if let Some(group) = daemon.group.filter(|group| group.is_multicast()) {
        sync.group = group;
        sync.max_length = Sync::default_length(group);
    }
    sync.port = daemon.port.filter(|port| *port > 0).unwrap_or(sync.port);
    sync.ttl = daemon.ttl.filter(|ttl| *ttl > 0).unwrap_or(sync.ttl);
    let length = daemon.max_length.unwrap_or(sync.max_length);
    sync.max_length = length.clamp(Sync::SHORTEST, 65_000);
    Ok(sync)
}

fn refused(place: &Place, error: &RuleError) -> ImportError {
    let problem = format!("{:?} {}", error.word(), error.reason());
    let refused = ImportError::new(place, problem);
    match error.hint() {
        Some(hint) => refused.with_hint(hint),
        None => refused,
    }
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
                let end = after.find([';', '&', '|', '>']).unwrap_or(after.len());
                return after.get(..end);
            }
            "sudo" | "exec" | "then" | "do" | "chroot" => rest = after.trim_start(),
            _ => return None,
        }
    }
}

/// Returns the name and the value of `NAME=value`, alone on its line.
fn assignment(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix("export ").unwrap_or(text);
    let (name, value) = text.split_once('=')?;
    let is_name = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let value = value
        .split_once(" #")
        .map_or(value, |(value, _)| value)
        .trim();
    let quotes = ['"', '\''];
    let is_one = !value.contains(char::is_whitespace) || value.starts_with(quotes);
    (is_name && is_one).then(|| (name, value.trim_matches(quotes)))
}

/// Options of ipvsadm that only show the table or belong to no file.
fn changes_nothing(text: &str) -> Option<&str> {
    const WORDS: [&str; 13] = [
        "-C", "--clear", "-L", "-l", "-Ln", "-ln", "--list", "-Z", "--zero", "-S", "-Sn", "--save",
        "-R",
    ];
    text.split_whitespace().find(|word| WORDS.contains(word))
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
