//! ldirectord.cf: `key = value` lines, and indented ones that belong to the `virtual` above.

mod ending;
mod real;
mod testing;
mod virtual_service;

use std::collections::BTreeMap;

use super::draft::Draft;
use super::limits::{DESTINATIONS, LINES};
use super::report::Place;
use super::tally::{DirectiveId, Tally};
use super::{ImportError, Resolver};
use crate::ipvs::{Family, ServiceId};
use virtual_service::{Fallback, Virtual};

/// A line: `key = value`.
struct Line<'a> {
    id: DirectiveId,
    place: Place,
    key: &'a str,
    value: &'a str,
}

/// Checks as the lines outside any service set them for all, each with its line.
#[derive(Clone, Debug, Default)]
struct Defaults {
    interval: Option<Given<String>>,
    timeout: Option<Given<String>>,
    negotiate_timeout: Option<Given<String>>,
    failures: Option<Given<u32>>,
    quiescent: Option<Given<bool>>,
}

/// A value and the line that gives it.
type Given<T> = (T, DirectiveId);

/// The fallbacks that services have which name none, by family.
type Fallbacks = BTreeMap<Family, Fallback>;

struct Walk<'a, 'r> {
    tally: &'a mut Tally,
    draft: Draft,
    resolve: &'a mut Resolver<'r>,
    defaults: Defaults,
    fallbacks: Fallbacks,
    /// Whether each service has a process of its own, and with it an interval.
    forks: bool,
    destinations_left: usize,
    /// The lines of each service that is declared, with their keys.
    declared: BTreeMap<ServiceId, Vec<(String, DirectiveId)>>,
}

pub(super) fn draft(
    file: &str,
    text: &str,
    resolve: &mut Resolver<'_>,
    tally: &mut Tally,
) -> Result<Draft, ImportError> {
    let mut walk = Walk {
        tally,
        draft: Draft::default(),
        resolve,
        defaults: Defaults::default(),
        fallbacks: Fallbacks::new(),
        forks: forks(text),
        destinations_left: DESTINATIONS,
        declared: BTreeMap::new(),
    };
    let mut open: Option<Virtual> = None;
    let mut finished = Vec::new();
    for (number, raw) in (1..).zip(text.lines()) {
        let place = Place::new(file, number);
        if number > LINES {
            return Err(ImportError::new(&place, format!("more than {LINES} lines")));
        }
        let uncommented = uncommented(raw);
        if uncommented.trim().is_empty() {
            continue;
        }
        let (key, value) = uncommented.split_once('=').unwrap_or((uncommented, ""));
        let line = Line {
            id: walk.tally.add(&place, uncommented.trim()),
            place,
            key: key.trim(),
            value: value.trim(),
        };
        let indented = uncommented.starts_with([' ', '\t']);
        match (line.key, &mut open) {
            ("virtual" | "virtual6", _) => {
                finished.extend(open.take());
                open = Some(walk.begin(&line)?);
            }
            (_, Some(open)) if indented => walk.of_virtual(&line, open)?,
            ("real" | "real6", Some(_)) => {
                let problem = format!("{} belongs to no virtual service", line.key);
                return Err(ImportError::new(&line.place, problem).with_hint(INDENT));
            }
            (key, Some(_)) if Virtual::has_key(key) => walk.tally.left(line.id, INDENT),
            _ => walk.global(&line),
        }
    }
    finished.extend(open);
    for service in finished {
        walk.end(service);
    }
    Ok(walk.draft)
}

/// How a line belongs to the service above.
const INDENT: &str = "lines of the virtual above begin with a tab or four spaces";

impl Walk<'_, '_> {
    fn global(&mut self, line: &Line<'_>) {
        if self.timing(line, None) {
            return;
        }
        let reason = match line.key {
            "fallback" | "fallback6" => return self.global_fallback(line),
            "fallbackcommand" | "callback" => "lvsctl starts no program on a change",
            "execute" => "it starts another ldirectord: import its configuration too",
            "emailalert" | "emailalertfreq" | "emailalertfrom" | "emailalertstatus" | "smtp" => {
                "lvsctl sends no mail"
            }
            "autoreload" | "logfile" | "fork" | "supervised" | "readdquiescent" => {
                "how ldirectord is run"
            }
            "cleanstop" => "the table stays as it is when lvsctl run ends",
            "maintenancedir" => "lvsctl drain takes a server out of service",
            "checkcount" => "only ping has it, and a host that answers ping may serve nothing",
            _ => "ldirectord knows no such directive here",
        };
        self.tally.left(line.id, reason);
    }

    /// Services take it at the end; until one does, it is left.
    fn global_fallback(&mut self, line: &Line<'_>) {
        match self.fallback(line) {
            Ok(fallback) => {
                let reason = "every service has a fallback of its own";
                self.tally.left(line.id, reason);
                self.fallbacks.insert(fallback.address.into(), fallback);
            }
            Err(reason) => self.tally.left(line.id, reason),
        }
    }

    /// Reads a parameter of checks, for one service or for all; false if it is none.
    fn timing(&mut self, line: &Line<'_>, service: Option<&mut Defaults>) -> bool {
        if service.is_some() && line.key == "checkinterval" && !self.forks {
            let reason = "without fork = yes ldirectord has one interval for all services";
            self.tally.left(line.id, reason);
            return true;
        }
        let to = service.unwrap_or(&mut self.defaults);
        let number = line.value.parse::<u32>().ok().filter(|number| *number > 0);
        let seconds = || number.map(|number| (format!("{number}s"), line.id));
        match line.key {
            "checkinterval" => to.interval = seconds(),
            "checktimeout" | "connecttimeout" | "timeout" => to.timeout = seconds(),
            "negotiatetimeout" => to.negotiate_timeout = seconds(),
            "failurecount" => to.failures = number.map(|number| (number, line.id)),
            "quiescent" => to.quiescent = Some((line.value != "no", line.id)),
            _ => return false,
        }
        let reason = match number.is_none() && line.key != "quiescent" {
            true => "it is not a number above 0",
            false => "no check that is imported has it",
        };
        // Services take it at the end.
        self.tally.left(line.id, reason);
        true
    }
}

/// Returns whether a line outside any service says so.
fn forks(text: &str) -> bool {
    let settings = text
        .lines()
        .filter_map(|line| uncommented(line).split_once('='));
    settings
        .filter(|(key, _)| key.trim_end() == "fork")
        .any(|(_, value)| value.trim() == "yes")
}

/// Returns the line up to a `#`.
fn uncommented(line: &str) -> &str {
    line.split('#').next().unwrap_or_default()
}

/// Returns a value without its quotes.
fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}
