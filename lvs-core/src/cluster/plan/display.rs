//! A plan as an operator reads it.

use std::fmt;

use super::Plan;
use crate::cluster::change::{Kind, Step};

/// Reasons stand in one column, unless a step is so long that they would run off the screen.
const WIDEST: usize = 76;

impl fmt::Display for Step {
    /// `+ address 172.16.5.11/16 on eth0 broadcast 172.16.255.255`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, id) = (self.change.kind(), self.change.id());
        write!(f, "{} {} {id}", kind.sign(), id.what())?;
        match self.change.detail().as_str() {
            "" => Ok(()),
            detail if kind == Kind::Edit => write!(f, ": {detail}"),
            detail => write!(f, " {detail}"),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.steps().count();
        let role = self.role.map(|role| format!("{role} "));
        let role = role.unwrap_or_default();
        write!(
            f,
            "{} ({role}{} of {}): ",
            self.node, self.kind, self.cluster
        )?;
        match count {
            0 => writeln!(f, "nothing to do")?,
            1 => writeln!(f, "1 change")?,
            _ => writeln!(f, "{count} changes")?,
        }
        self.phases(f)?;
        list(f, "refused", &self.refusals)?;
        let unmanaged: Vec<_> = self
            .unmanaged
            .iter()
            .map(|id| format!("{} {id}", id.what()))
            .collect();
        list(f, "unmanaged, left unchanged", &unmanaged)?;
        list(f, "notes", &self.notes)?;
        let rules: Vec<_> = self
            .nftables
            .iter()
            .flat_map(|rules| rules.lines())
            .collect();
        let title = "nftables rules to load with nft -f (lvsctl does not load them)";
        list(f, title, &rules)
    }
}

impl Plan {
    fn phases(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .steps()
            .map(|step| step.to_string().chars().count())
            .filter(|width| *width <= WIDEST)
            .max()
            .unwrap_or_default();
        for phase in &self.phases {
            writeln!(f, "\n{}", phase.name)?;
            for step in &phase.steps {
                writeln!(f, "  {:width$}  # {}", step.to_string(), step.why)?;
            }
        }
        Ok(())
    }
}

fn list(f: &mut fmt::Formatter<'_>, title: &str, lines: &[impl fmt::Display]) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}")?;
    lines.iter().try_for_each(|line| writeln!(f, "  {line}"))
}
