//! A destination as far as its weight depends on it.

use std::time::Duration;

use super::decision::Posture;
use super::state::Health;
use crate::cluster::Draining;
use crate::cluster::checks::{Percent, SlowStart};
use crate::ipvs::Weight;

/// Says since when a destination gets new connections, for its slow start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Admission {
    /// Not decided yet: the first decision after a start begins no slow start.
    #[default]
    Undecided,
    /// It gets none.
    Out,
    /// It gets them since this moment, and rose from nothing.
    Since(Duration),
    /// It has always got them.
    Always,
}

impl Admission {
    /// Returns the next admission, given whether the destination is admitted now.
    #[must_use]
    pub const fn next(self, is_admitted: bool, now: Duration) -> Self {
        match (self, is_admitted) {
            (_, false) => Self::Out,
            (Self::Undecided, true) => Self::Always,
            (Self::Out, true) => Self::Since(now),
            (admitted, true) => admitted,
        }
    }

    fn elapsed(self, now: Duration) -> Option<Duration> {
        match self {
            Self::Since(since) => Some(now.saturating_sub(since)),
            Self::Undecided | Self::Out | Self::Always => None,
        }
    }

    /// Returns the share of the weight that slow start allows.
    #[must_use]
    pub fn share(self, slow_start: Option<SlowStart>, now: Duration) -> Percent {
        match (slow_start, self.elapsed(now)) {
            (Some(slow_start), Some(elapsed)) => slow_start.share(elapsed),
            _ => Percent::FULL,
        }
    }

    /// Returns when that share grows next.
    #[must_use]
    pub fn next_step(self, slow_start: Option<SlowStart>, now: Duration) -> Option<Duration> {
        let next = slow_start?.next_step(self.elapsed(now)?)?;
        match self {
            Self::Since(since) => Some(since + next),
            Self::Undecided | Self::Out | Self::Always => None,
        }
    }
}

/// Describes a destination as far as its weight depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// The weight of the file.
    pub weight: Weight,
    /// Its health.
    pub health: Health,
    /// The share of its weight that the real server asks for.
    pub share: Percent,
    /// The share that slow start allows.
    pub slow_start: Percent,
    /// Whether the operator, or the file, drains it, and how far.
    pub drain: Option<Draining>,
    /// Whether it is the fallback, which gets connections only below the minimum and is not counted.
    pub is_fallback: bool,
    /// The weight that it keeps while its health is unknown: what the kernel had after a start, or what its
    /// health gave it before its checks changed. `None` if the kernel does not have the destination.
    pub kept: Option<Weight>,
    /// Whether its health is unknown and may still turn out either way: it was not probed long enough.
    pub is_pending: bool,
}

impl Member {
    /// Returns whether it counts towards the minimum: it may get new connections, and answers as far as is known.
    /// A destination of unknown health counts if the weight that it keeps is not 0.
    #[must_use]
    pub fn is_available(&self) -> bool {
        let wants = self.weight > Weight::DRAIN && self.share > Percent::ZERO;
        self.is_admitted() && wants && !self.is_fallback
    }

    /// Returns whether it may turn out to be available.
    pub(super) fn may_be_available(&self) -> bool {
        self.is_pending && self.drain.is_none() && self.weight > Weight::DRAIN && !self.is_fallback
    }

    /// Returns whether it is a fallback that can serve. While its health is unknown, what was decided before says so: after
    /// a start, the weight that the kernel has.
    pub(super) fn can_stand_in(&self, before: Option<Posture>) -> bool {
        let answers = match (self.health, before) {
            (Health::Unknown, None) => self.is_admitted(),
            (Health::Unknown, Some(before)) => before != Posture::WithoutFallback,
            (health, _) => health.is_up(),
        };
        self.is_usable_fallback() && answers
    }

    /// Returns whether it is a fallback that nothing but its health keeps from serving.
    pub(super) fn is_usable_fallback(&self) -> bool {
        self.is_fallback && self.drain.is_none() && self.weight > Weight::DRAIN
    }

    /// Returns whether neither its health nor a drain keeps new connections from it.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        let answers = match self.health {
            Health::Unknown => self.kept.is_some_and(|weight| weight > Weight::DRAIN),
            health => health.is_up(),
        };
        answers && self.drain.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_start_rises_in_ten_steps() {
        let slow_start = SlowStart("30s".parse().unwrap());
        let second = Duration::from_secs;
        let admission = Admission::default()
            .next(false, second(0))
            .next(true, second(100));
        let share = |now| admission.share(Some(slow_start), second(now)).get();
        assert_eq!(
            [100, 102, 103, 115, 127, 999].map(share),
            [10, 10, 20, 60, 100, 100]
        );
        let next = |now| admission.next_step(Some(slow_start), second(now));
        assert_eq!(next(100), Some(second(103)));
        assert_eq!(next(124), Some(second(127)));
        assert_eq!(next(127), None);
        assert_eq!(admission.share(None, second(100)), Percent::FULL);
        let always = Admission::default().next(true, second(0));
        assert_eq!(always.share(Some(slow_start), second(0)), Percent::FULL);
    }
}
