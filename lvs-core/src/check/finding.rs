//! One thing that is wrong.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Code;
use crate::cluster::NodeName;

/// How bad a finding is; the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Note,
    /// It works until something happens.
    Warning,
    /// It does not work, for somebody at least.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

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
    pub object: String,
    /// What was seen.
    pub seen: String,
    /// What it does to clients or to the cluster.
    pub impact: String,
    /// What to do: commands for the node, or lines of the file. Usually one of them is enough where
    /// the first says "or".
    pub fix: Vec<String>,
}

impl Finding {
    pub(super) fn new(code: Code, object: impl fmt::Display, seen: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            node: None,
            object: object.to_string(),
            seen: seen.into(),
            impact: code.impact().to_owned(),
            fix: Vec::new(),
        }
    }

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
