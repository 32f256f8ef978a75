//! A finding: what is wrong, its impact and how to fix it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::code::Code;
use super::kind::FindingKind;
use super::object::FindingObject;
use super::severity::Severity;
use crate::cluster::NodeName;

/// What was seen, its impact, and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// Which kind of finding it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// The machine it is about; none if it is about the cluster.
    pub node: Option<NodeName>,
    /// The service, address, route or switch it is about, in the file's text form.
    pub object: FindingObject,
    /// What was seen.
    pub seen: String,
    /// What it does to clients or to the cluster.
    pub impact: String,
    /// What to do: commands for the node, or lines of the file. Usually one of them is enough where
    /// the first says "or".
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

    pub(super) fn fix(mut self, line: impl Into<String>) -> Self {
        self.fix.push(line.into());
        self
    }
}

impl fmt::Display for Finding {
    /// Several lines: code, node and object; what was seen; its impact; how to fix it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.severity)?;
        self.node.iter().try_for_each(|node| write!(f, " {node}"))?;
        writeln!(f, " {}: {}", self.object, self.seen)?;
        write!(f, "  impact: {}", self.impact)?;
        self.fix
            .iter()
            .try_for_each(|line| write!(f, "\n  fix: {line}"))
    }
}
