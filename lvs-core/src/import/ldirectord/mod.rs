//! ldirectord.cf: `key = value` lines, and indented ones that belong to the `virtual` above.

mod real;
mod virtual_service;

use super::draft::Draft;
use super::health::Health;
use super::report::{DirectiveId, Place, Tally};
use super::{ImportError, Resolver};
use virtual_service::Virtual;

const MAX_LINES: usize = 100_000;
/// The most destinations.
const MAX_DESTINATIONS: usize = 4096;

/// A line: `key = value`.
struct Line<'a> {
    id: DirectiveId,
    place: Place,
    key: &'a str,
    value: &'a str,
}

/// Checks as the lines outside any service set them for all.
#[derive(Clone, Debug, Default)]
struct Defaults {
    interval: Option<String>,
    timeout: Option<String>,
    negotiate_timeout: Option<String>,
    failures: Option<u32>,
    quiescent: Option<bool>,
}

struct Walk<'a, 'r> {
    tally: &'a mut Tally,
    draft: Draft,
    resolve: &'a mut Resolver<'r>,
    defaults: Defaults,
    destinations_left: usize,
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
        destinations_left: MAX_DESTINATIONS,
    };
    let mut open: Option<Virtual> = None;
    let mut finished = Vec::new();
    for (number, raw) in (1..).zip(text.lines()) {
        let place = Place::new(file, number);
        if number > MAX_LINES {
            return Err(ImportError::new(
                &place,
                format!("more than {MAX_LINES} lines"),
            ));
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
            _ => walk.global(&line),
        }
    }
    finished.extend(open);
    for service in finished {
        walk.end(service);
    }
    Ok(walk.draft)
}

impl Walk<'_, '_> {
    fn global(&mut self, line: &Line<'_>) {
        if self.timing(line, None) {
            return;
        }
        let reason = match line.key {
            "fallback" | "fallback6" => "fallback belongs to each service: add it there",
            "fallbackcommand" | "callback" | "execute" => "lvsctl starts no program on a change",
            "emailalert" | "emailalertfreq" | "emailalertfrom" | "emailalertstatus" | "smtp" => {
                "lvsctl sends no mail"
            }
            "autoreload" | "logfile" | "fork" | "supervised" | "cleanstop" | "readdquiescent" => {
                "how ldirectord is run"
            }
            "maintenancedir" => "lvsctl drain takes a server out of service",
            "checkcount" => "a check is repeated after its interval",
            _ => "ldirectord knows no such directive here",
        };
        self.tally.left(line.id, reason);
    }

    /// Reads a parameter of checks, for one service or for all; false if it is none.
    fn timing(&mut self, line: &Line<'_>, service: Option<&mut Defaults>) -> bool {
        let to = service.unwrap_or(&mut self.defaults);
        let seconds = || {
            line.value
                .parse::<u32>()
                .ok()
                .map(|number| format!("{number}s"))
        };
        let key = match line.key {
            "checkinterval" => {
                to.interval = seconds();
                "check.interval"
            }
            "checktimeout" | "connecttimeout" | "timeout" => {
                to.timeout = seconds();
                "check.timeout"
            }
            "negotiatetimeout" => {
                to.negotiate_timeout = seconds();
                "check.timeout"
            }
            "failurecount" => {
                to.failures = line.value.parse().ok();
                "check.fall"
            }
            "quiescent" => {
                to.quiescent = Some(line.value != "no");
                "on-failure"
            }
            _ => return false,
        };
        Health::said(self.tally, line.id, key);
        true
    }
}

/// Returns the line up to a `#`.
fn uncommented(line: &str) -> &str {
    line.split('#').next().unwrap_or_default()
}

/// Returns a value without its quotes.
fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}
