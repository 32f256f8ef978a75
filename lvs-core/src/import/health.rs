//! Checks, fallback and minimum of a service, as keys of the cluster file.
//!
//! One constant decides whether they are keys or comments.

use std::net::SocketAddr;

use super::report::{DirectiveId, Tally};

/// Whether the cluster file takes `check`, `minimum`, `fallback` and `on-failure`.
const ACCEPTED: bool = false;

/// The reason while it does not.
const NOT_YET: &str = "health checks are not supported yet; written as a comment";

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
                text("name", name);
                text("record", record);
            }
            Kind::Program { command } => text("command", &Some(command.clone())),
            Kind::Tcp | Kind::Udp => {}
        }
        text("interval", &self.interval);
        text("timeout", &self.timeout);
        fields.extend(self.port.map(|port| format!("port = {port}")));
        fields.extend(self.fall.map(|fall| format!("fall = {fall}")));
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
        match ACCEPTED {
            true => tally.carried(id, format!("services.{key}")),
            false => tally.left(id, NOT_YET),
        }
    }

    /// Returns whether a real server's check is the service's: the first one is taken, and others must
    /// agree.
    pub(super) fn offer(&mut self, check: &Check) -> bool {
        let taken = self.check.get_or_insert_with(|| check.clone());
        taken == check
    }

    /// Returns the lines for a table of `[[services]]`, comments or keys.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let check = self.check.iter();
        lines.extend(check.map(|check| format!("check = {}", check.value())));
        lines.extend(self.minimum.map(|count| format!("minimum = {count}")));
        if let Some(fallback) = self.fallback {
            lines.push("below-minimum = \"fallback\"".to_owned());
            lines.push(format!(
                "fallback = \"{}\"",
                super::names::node(fallback.ip())
            ));
        }
        lines.extend(self.inhibit.map(|inhibit| match inhibit {
            true => "on-failure = \"drain\"".to_owned(),
            false => "on-failure = \"remove\"".to_owned(),
        }));
        match ACCEPTED {
            true => lines,
            false => lines.iter().map(|line| format!("# {line}")).collect(),
        }
    }
}

/// Returns a text as TOML writes it.
fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}
