//! A finding: what is wrong, its impact and the fix.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::code::Code;
use super::command;
use super::kind::FindingKind;
use super::object::FindingObject;
use super::severity::Severity;
use crate::cluster::NodeName;
use crate::text::{escape_control, escape_line};

/// A problem as it was seen, its impact and the fix.
///
/// ```
/// # #[cfg(feature = "toml")] {
/// use lvs_core::Cluster;
/// use lvs_core::check::{self, Code, Severity};
/// let cluster = Cluster::from_toml(r#"
///     name = "web"
///     forwarding = "dr"
///     [director]
///     addresses = [
///       { interface = "eth0", address = "172.16.5.11/32" },
///       { interface = "eth0", address = "192.168.1.11/24" },
///     ]
///     [[services]]
///     address = "172.16.5.11:80"
///     [[real-servers]]
///     name = "realserver1"
///     addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
///     gateway = "192.168.1.11"
/// "#)?;
/// let report = check::on_paper(&cluster);
/// let finding = &report.findings()[0];
/// assert_eq!((finding.code, finding.severity), (Code::DR_GATEWAY, Severity::Error));
/// assert_eq!(finding.seen, "its gateway is 192.168.1.11, the director");
/// assert!(finding.to_string().contains("\n  fix: ip route replace default via ROUTER  # on realserver1\n"));
/// # }
/// # Ok::<(), lvs_core::cluster::DocumentErrors>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// The kind of finding.
    pub code: Code,
    /// The severity: that of the code, unless the rule knows better.
    pub severity: Severity,
    /// The node it is about; none if it is about the cluster.
    pub node: Option<NodeName>,
    /// The service, address, route or other object it is about.
    pub object: FindingObject,
    /// The problem as it was seen.
    pub seen: String,
    /// What the problem does to clients or to the cluster.
    pub impact: String,
    /// What to do: commands, lines of the file, or advice. A command is for the examined host, unless it ends in a
    /// comment that names another one: `ip route replace default via 192.168.1.11  # on realserver1`. A line that
    /// begins with "or" is an alternative to those before it.
    pub fix: Vec<String>,
}

impl FindingKind {
    /// Returns a finding of this kind, about the cluster as long as no node is named.
    pub(super) fn finding(
        &self,
        object: impl Into<FindingObject>,
        seen: impl Into<String>,
    ) -> Finding {
        Finding {
            code: self.code,
            severity: self.severity,
            node: None,
            object: object.into(),
            seen: seen.into(),
            impact: self.impact.to_owned(),
            fix: Vec::new(),
        }
    }
}

impl Finding {
    pub(super) fn on(mut self, node: &NodeName) -> Self {
        self.node = Some(node.clone());
        self
    }

    pub(super) const fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    pub(super) fn impact(mut self, impact: impl Into<String>) -> Self {
        self.impact = impact.into();
        self
    }

    pub(super) fn fix(mut self, line: impl Into<String>) -> Self {
        self.fix.push(line.into());
        self
    }

    /// Names this host in every command that names none.
    pub(super) fn name_host(&mut self, host: &str) {
        for line in &mut self.fix {
            if command::is_command(line) && !line.contains("  # on ") {
                let separator = if line.contains("  # ") { ", " } else { "  # " };
                *line = format!("{line}{separator}on {host}");
            }
        }
    }

    /// Says `run` where its fixes say `apply`: both make the node as the file says, and only one of them probes the
    /// real servers before their weights rise.
    pub(super) fn apply_by_controller(&mut self) {
        for line in &mut self.fix {
            if !line.contains("apply FILE --") {
                *line = line.replace("lvsctl apply FILE", "lvsctl run FILE");
            }
        }
    }
}

impl fmt::Display for Finding {
    /// Writes several lines: code, severity, node, object and what was seen; the impact; each fix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.severity)?;
        self.node.iter().try_for_each(|node| write!(f, " {node}"))?;
        let object = self.object.to_string();
        writeln!(
            f,
            " {}: {}",
            escape_line(&object),
            escape_control(&self.seen)
        )?;
        write!(f, "  impact: {}", escape_control(&self.impact))?;
        self.fix
            .iter()
            .try_for_each(|line| write!(f, "\n  fix: {}", escape_control(line)))
    }
}
