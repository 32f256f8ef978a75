//! The servers that answered a client.

use std::fmt;
use std::ops::Deref;

/// Holds the names of the servers that answered a client's requests, in order.
///
/// ```
/// let answers: lvs_lab::Answers = ["one", "two", "one"].map(String::from).into_iter().collect();
/// assert_eq!(answers.of("one"), 2);
/// assert_eq!(answers.shares(), [("one", 2), ("two", 1)]);
/// assert!(answers.to_string().starts_with("request  1: one\n"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers(Vec<String>);

impl Answers {
    /// Returns how many answers a server gave.
    #[must_use]
    pub fn of(&self, name: &str) -> usize {
        self.0.iter().filter(|answer| *answer == name).count()
    }

    /// Returns how many answers each server gave, by name.
    #[must_use]
    pub fn shares(&self) -> Vec<(&str, usize)> {
        let mut names: Vec<_> = self.0.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
            .into_iter()
            .map(|name| (name, self.of(name)))
            .collect()
    }
}

impl FromIterator<String> for Answers {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

impl Deref for Answers {
    type Target = [String];
    fn deref(&self) -> &[String] {
        &self.0
    }
}

/// Writes a line for each answer.
impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, name) in self.0.iter().enumerate() {
            writeln!(f, "request {:>2}: {name}", number + 1)?;
        }
        Ok(())
    }
}
