//! Checks, fallback and minimum of a service, as keys of the cluster file.
//!
//! What the file would refuse is written as a comment.

use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;

use super::report::{DirectiveId, Tally};
use crate::cluster::checks::{CheckDefaults, CheckTable};

/// Why a fallback is a comment.
pub(super) const NO_REAL_SERVER: &str =
    "it is no real server of the service; add it, and then the key that is written as a comment";

/// How a real server is tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tcp,
    Http(Page),
    Https(Page),
    Dns {
        name: Option<String>,
        record: Option<String>,
    },
    Udp,
    Program {
        command: String,
    },
}

/// The page that is asked for, and the answer that is expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) path: Option<String>,
    pub(super) host: Option<String>,
    pub(super) status: Option<String>,
    pub(super) contains: Option<String>,
}

/// A check with its parameters; seconds as text, as in `"1.5s"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) kind: Kind,
    pub(super) port: Option<u16>,
    pub(super) interval: Option<String>,
    pub(super) timeout: Option<String>,
    /// Failures in a row after which a server is down.
    pub(super) fall: Option<u32>,
}

impl Check {
    pub(super) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            port: None,
            interval: None,
            timeout: None,
            fall: None,
        }
    }

    fn value(&self) -> String {
        let mut fields = Vec::new();
        let mut text = |key: &str, value: &Option<String>| {
            let value = value.iter();
            fields.extend(value.map(|value| format!("{key} = {}", quoted(value))));
        };
        let name = match &self.kind {
            Kind::Tcp => "tcp",
            Kind::Http(_) => "http",
            Kind::Https(_) => "https",
            Kind::Dns { .. } => "dns",
            Kind::Udp => "udp",
            Kind::Program { .. } => "program",
        };
        match &self.kind {
            Kind::Http(page) | Kind::Https(page) => {
                text("path", &page.path);
                text("host", &page.host);
                text("status", &page.status);
                text("contains", &page.contains);
            }
            Kind::Dns { name, record } => {
                text("name", &name.clone().or_else(|| Some(".".to_owned())));
                text(
                    "record",
                    &record.as_ref().map(|record| record.to_uppercase()),
                );
            }
            Kind::Program { .. } | Kind::Tcp | Kind::Udp => {}
        }
        text("interval", &self.interval);
        text("timeout", &self.timeout);
        if let Kind::Program { command } = &self.kind {
            fields.push(format!("command = {}", self::command(command)));
        }
        // The sources verify no certificate.
        fields.extend(matches!(self.kind, Kind::Https(_)).then(|| "verify = false".to_owned()));
        fields.extend(self.port.map(|port| format!("port = {port}")));
        let fall = self.fall.map(|fall| fall.clamp(1, u8::MAX.into()));
        fields.extend(fall.map(|fall| format!("fall = {fall}")));
        match fields.is_empty() {
            true => quoted(name),
            false => format!("{{ type = {}, {} }}", quoted(name), fields.join(", ")),
        }
    }
}

/// What the source says about the health of a service's destinations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    pub(super) check: Option<Check>,
    pub(super) minimum: Option<u32>,
    pub(super) fallback: Option<SocketAddr>,
    /// Weight 0 on failure (true) or deletion (false).
    pub(super) inhibit: Option<bool>,
}

impl Health {
    /// Settles a directive that these keys say.
    pub(super) fn said(tally: &mut Tally, id: DirectiveId, key: &str) {
        tally.carried(id, format!("services.{key}"));
    }

    /// Returns whether a real server's check is the service's: the first one is taken, and others must
    /// agree.
    pub(super) fn offer(&mut self, check: &Check) -> bool {
        let taken = self.check.get_or_insert_with(|| check.clone());
        taken == check
    }

    /// Returns the lines for a table of `[[services]]` with destinations on these addresses: keys, and comments
    /// for what the file would refuse.
    pub(super) fn lines(&self, destinations: &[IpAddr]) -> Vec<String> {
        let check = self.check.as_ref().map(Check::value);
        let is_accepted = check.as_deref().is_some_and(is_accepted);
        let line = |text: String, is_key: bool| match is_key && is_accepted {
            true => text,
            false => format!("# {text}"),
        };
        let mut lines = Vec::new();
        lines.extend(check.map(|check| line(format!("check = {check}"), true)));
        if let Some(count) = self.minimum {
            let is_possible = usize::try_from(count).is_ok_and(|count| count <= destinations.len());
            lines.push(line(format!("minimum = {count}"), is_possible));
        }
        if let Some(fallback) = self.fallback {
            let name = super::names::node(fallback.ip());
            lines.push(format!("# fallback = \"{name}\""));
        }
        lines.extend(self.inhibit.map(|inhibit| match inhibit {
            true => line("on-failure = \"drain\"".to_owned(), true),
            false => line("on-failure = \"remove\"".to_owned(), true),
        }));
        lines
    }
}

/// Returns whether the file takes a check.
fn is_accepted(value: &str) -> bool {
    #[derive(Deserialize)]
    struct Written {
        check: CheckTable,
    }
    let written = toml::from_str::<Written>(&format!("check = {value}"));
    written.is_ok_and(|written| written.check.check(&CheckDefaults::default()).is_ok())
}

/// A command line as a list; by a shell if it needs one.
fn command(command: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b" \t_./=:,+@%-".contains(&byte);
    let words: Vec<&str> = match command.starts_with('/') && command.bytes().all(is_plain) {
        true => command.split_ascii_whitespace().collect(),
        false => vec!["/bin/sh", "-c", command],
    };
    let words: Vec<String> = words.into_iter().map(quoted).collect();
    format!("[{}]", words.join(", "))
}

/// Returns a text as TOML writes it.
fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}
