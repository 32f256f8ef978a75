//! The state machine of one probe.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Failure, Outcome, Percent, Timing};

/// The health of a destination.
///
/// ```text
/// unknown ──rise successes──▶ up ⇄ failing ──fall failures──▶ down ⇄ rising ──rise successes──▶ up
///    └───────fall failures──────────────────────────────────▶ down
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Too few results yet: after a start, the kernel's weight is kept until there are more.
    #[default]
    Unknown,
    /// It answers.
    Up,
    /// It answered until now; fewer failures in a row than `fall`. It still gets new connections.
    Failing,
    /// It does not answer.
    Down,
    /// It did not answer until now; fewer successes in a row than `rise`. It gets no new connections yet.
    Rising,
    /// No check tests it: it is taken as up.
    Unchecked,
}

impl Health {
    /// Returns whether it is known to answer, or taken to.
    #[must_use]
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Up | Self::Failing | Self::Unchecked)
    }

    /// Returns whether it is known not to answer.
    #[must_use]
    pub const fn is_down(self) -> bool {
        matches!(self, Self::Down | Self::Rising)
    }

    /// Returns whether results are being counted, so that the next one is wanted soon.
    #[must_use]
    pub const fn is_at_edge(self) -> bool {
        matches!(self, Self::Unknown | Self::Failing | Self::Rising)
    }

    /// Returns the health of a destination that several checks test, all of which must hold;
    /// unchecked where there are none.
    #[must_use]
    pub fn of_all(checks: impl IntoIterator<Item = Self>) -> Self {
        checks
            .into_iter()
            .max_by_key(|health| match health {
                Self::Unchecked | Self::Up => 0,
                Self::Failing => 1,
                Self::Unknown => 2,
                Self::Rising => 3,
                Self::Down => 4,
            })
            .unwrap_or(Self::Unchecked)
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Failing => "failing",
            Self::Down => "down",
            Self::Rising => "rising",
            Self::Unchecked => "not checked",
        })
    }
}

/// A change of health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Transition {
    /// The health before.
    pub from: Health,
    /// The health from now on.
    pub to: Health,
}

/// Counts the results of one probe and knows what health follows from them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tracker {
    health: Health,
    successes: u32,
    failures: u32,
    since: Duration,
    share: Percent,
    failure: Option<Failure>,
}

impl Tracker {
    /// Returns a probe without results.
    #[must_use]
    pub const fn new(now: Duration) -> Self {
        Self {
            health: Health::Unknown,
            successes: 0,
            failures: 0,
            since: now,
            share: Percent::FULL,
            failure: None,
        }
    }

    /// Counts a result, and returns the change of health that follows from it.
    ///
    /// A failure of the director itself ([`Failure::is_inconclusive`]) counts neither way.
    pub fn record(
        &mut self,
        outcome: &Outcome,
        timing: &Timing,
        now: Duration,
    ) -> Option<Transition> {
        let next = match outcome {
            Ok(healthy) => {
                self.share = healthy.share.unwrap_or(Percent::FULL);
                self.failures = 0;
                self.successes = self.successes.saturating_add(1);
                self.after_success(u32::from(timing.rise.get()))
            }
            Err(failure) if failure.is_inconclusive() => return None,
            Err(failure) => {
                self.failure = Some(failure.clone());
                self.successes = 0;
                self.failures = self.failures.saturating_add(1);
                self.after_failure(u32::from(timing.fall.get()))
            }
        };
        self.pass_to(next, now)
    }

    const fn after_success(&self, rise: u32) -> Health {
        match self.health {
            Health::Up | Health::Failing | Health::Unchecked => Health::Up,
            _ if self.successes >= rise => Health::Up,
            Health::Unknown => Health::Unknown,
            Health::Down | Health::Rising => Health::Rising,
        }
    }

    const fn after_failure(&self, fall: u32) -> Health {
        match self.health {
            Health::Down | Health::Rising => Health::Down,
            _ if self.failures >= fall => Health::Down,
            Health::Unknown => Health::Unknown,
            Health::Up | Health::Failing | Health::Unchecked => Health::Failing,
        }
    }

    fn pass_to(&mut self, to: Health, now: Duration) -> Option<Transition> {
        let from = std::mem::replace(&mut self.health, to);
        let is_same_side = from.is_up() == to.is_up() && from.is_down() == to.is_down();
        if !is_same_side {
            self.since = now;
        }
        if to == Health::Up {
            self.failure = None;
        }
        (from != to).then_some(Transition { from, to })
    }

    /// Returns the health.
    #[must_use]
    pub const fn health(&self) -> Health {
        self.health
    }

    /// Returns since when it has been unknown, up (failing included) or down (rising included).
    #[must_use]
    pub const fn since(&self) -> Duration {
        self.since
    }

    /// Returns the share of its weight that the real server asked for last; 100 % if it said nothing.
    #[must_use]
    pub const fn share(&self) -> Percent {
        self.share
    }

    /// Returns the last failure since it was up.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Healthy, Stage};

    fn walk(results: &str) -> String {
        let timing = Timing::default();
        let mut tracker = Tracker::new(Duration::ZERO);
        let letter = |tracker: &Tracker| match tracker.health() {
            Health::Unknown => '?',
            Health::Up => 'U',
            Health::Failing => 'f',
            Health::Down => 'D',
            Health::Rising => 'r',
            Health::Unchecked => panic!("a probe is a check"),
        };
        results
            .chars()
            .zip(1..)
            .map(|(result, second)| {
                let outcome = match result {
                    '+' => Ok(Healthy::default()),
                    '-' => Err(Failure::ConnectTimedOut),
                    _ => Err(Failure::NotProbed("no file descriptors".to_owned())),
                };
                let before = tracker.health();
                let transition = tracker.record(&outcome, &timing, Duration::from_secs(second));
                assert_eq!(transition.is_some(), before != tracker.health());
                letter(&tracker)
            })
            .collect()
    }

    #[test]
    fn rise_and_fall_count_results_in_a_row() {
        for (results, states) in [
            ("++", "?U"),
            ("+-+-++", "?????U"),
            ("---", "??D"),
            ("++-+--+---", "?UfUffUffD"),
            ("---+-++", "??DrDrU"),
            ("++-!-!-", "?UffffD"),
            ("---!!+!+", "??DDDrrU"),
        ] {
            assert_eq!(walk(results), states, "{results}");
        }
    }

    #[test]
    fn since_is_when_it_went_down_not_when_it_last_failed() {
        let timing = Timing::default();
        let mut tracker = Tracker::new(Duration::ZERO);
        let failed = Err(Failure::TimedOut(Stage::Answer));
        for second in 1..=9 {
            tracker.record(&failed, &timing, Duration::from_secs(second));
        }
        tracker.record(&Ok(Healthy::default()), &timing, Duration::from_secs(10));
        assert_eq!(tracker.health(), Health::Rising);
        assert_eq!(tracker.since(), Duration::from_secs(3));
        assert_eq!(tracker.failure(), Some(&Failure::TimedOut(Stage::Answer)));
    }

    #[test]
    fn all_checks_of_a_destination_must_hold() {
        use Health::{Down, Failing, Rising, Unchecked, Unknown, Up};
        for (checks, expected) in [
            (vec![], Unchecked),
            (vec![Up, Failing], Failing),
            (vec![Up, Unknown, Failing], Unknown),
            (vec![Rising, Unknown], Rising),
            (vec![Up, Down, Rising], Down),
        ] {
            assert_eq!(Health::of_all(checks), expected);
        }
    }
}
