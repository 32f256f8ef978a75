//! A plan as an operator reads it.

use std::fmt;

use super::Plan;
use crate::cluster::change::{Kind, Step};

/// Reasons stand in one column, unless a step is so long that they would run off the screen.
const WIDEST: usize = 76;
/// More lines of one kind than this are not read one by one.
const LONG: usize = 40;
/// How many of them are shown before the number of the others.
const FIRST: usize = 3;

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
        self.write(f, usize::MAX)
    }
}

/// Is a plan as text, shortened where it is long: see [`Plan::brief`].
#[derive(Clone, Copy, Debug)]
pub struct Brief<'a>(&'a Plan);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, LONG)
    }
}

impl Plan {
    /// Returns the plan as text that a person can read at any size: of more than 40 steps of one kind in a phase, or
    /// lines of a list, it has the first three, how many follow, and the last one. The plan itself, as text, has all.
    #[must_use]
    pub const fn brief(&self) -> Brief<'_> {
        Brief(self)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, most: usize) -> fmt::Result {
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
        self.phases(f, most)?;
        list(f, "refused", &self.refusals, most)?;
        let unmanaged: Vec<_> = self
            .unmanaged
            .iter()
            .map(|id| format!("{} {id}", id.what()))
            .collect();
        list(f, "unmanaged, left unchanged", &unmanaged, most)?;
        list(f, "notes", &self.notes, most)?;
        let rules: Vec<_> = self
            .nftables
            .iter()
            .flat_map(|rules| rules.lines())
            .collect();
        let title = "nftables rules to load with nft -f (lvsctl does not load them)";
        // These are to be copied.
        list(f, title, &rules, usize::MAX)
    }

    fn phases(&self, f: &mut fmt::Formatter<'_>, most: usize) -> fmt::Result {
        let is_alike = |a: &Step, b: &Step| {
            a.change.kind() == b.change.kind() && a.change.id().what() == b.change.id().what()
        };
        let shown: Vec<_> = self
            .phases
            .iter()
            .map(|phase| {
                let runs = phase.steps.chunk_by(is_alike);
                let rows = runs
                    .flat_map(|run| shortened(run, most, |step| Row::Step(step, step.to_string())));
                (phase.name, rows.collect::<Vec<_>>())
            })
            .collect();
        let width = shown
            .iter()
            .flat_map(|(_, rows)| rows)
            .map(Row::width)
            .filter(|width| *width <= WIDEST)
            .max()
            .unwrap_or_default();
        for (name, rows) in &shown {
            writeln!(f, "\n{name}")?;
            for row in rows {
                match row {
                    Row::Step(step, text) => writeln!(f, "  {text:width$}  # {}", step.why)?,
                    Row::More(number) => writeln!(f, "  … {number} more")?,
                }
            }
        }
        Ok(())
    }
}

/// Is a line about steps.
enum Row<'a> {
    Step(&'a Step, String),
    /// So many like the one above.
    More(usize),
}

impl Row<'_> {
    fn width(&self) -> usize {
        match self {
            Self::Step(_, text) => text.chars().count(),
            Self::More(_) => 0,
        }
    }
}

/// Returns a row for each item; if there are more than `most`, for the first few, how many are left out, and the last
/// one.
fn shortened<'a, T>(items: &'a [T], most: usize, row: impl Fn(&'a T) -> Row<'a>) -> Vec<Row<'a>> {
    match items {
        [first @ .., last] if items.len() > most => {
            let left_out = first.len().saturating_sub(FIRST);
            let first = first.iter().take(FIRST).map(&row);
            first.chain([Row::More(left_out), row(last)]).collect()
        }
        all => all.iter().map(row).collect(),
    }
}

fn list(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    lines: &[impl fmt::Display],
    most: usize,
) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}")?;
    if lines.len() <= most {
        return lines.iter().try_for_each(|line| writeln!(f, "  {line}"));
    }
    let mut lines = lines.iter();
    let last = lines.next_back();
    let left_out = lines.len().saturating_sub(FIRST);
    lines
        .take(FIRST)
        .try_for_each(|line| writeln!(f, "  {line}"))?;
    writeln!(f, "  … {left_out} more")?;
    last.map_or(Ok(()), |line| writeln!(f, "  {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_shows_both_ends_and_how_many_are_between() {
        struct List(usize, usize);
        impl fmt::Display for List {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let lines: Vec<_> = (0..self.0).collect();
                list(f, "notes", &lines, self.1)
            }
        }
        assert_eq!(List(0, 40).to_string(), "");
        assert_eq!(List(40, 40).to_string().lines().count(), 42);
        let expected = "\nnotes\n  0\n  1\n  2\n  … 37 more\n  40\n";
        assert_eq!(List(41, 40).to_string(), expected);
        assert_eq!(List(41, usize::MAX).to_string().lines().count(), 43);
    }
}
