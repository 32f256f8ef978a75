//! The weights of a service: what its destinations get, and why.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Health;
use crate::cluster::Draining;
use crate::cluster::checks::{BelowMinimum, OnFailure, Percent, Policy, SlowStart};
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
    fn may_be_available(&self) -> bool {
        self.is_pending && self.drain.is_none() && self.weight > Weight::DRAIN && !self.is_fallback
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

/// The weight that a destination must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DesiredWeight {
    /// The weight; `None` if the destination must not be in the kernel.
    pub weight: Option<Weight>,
    /// The reason.
    pub reason: WeightReason,
}

/// The reason for a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WeightReason {
    /// It is up: the file's weight × the share that the real server asks for × slow start.
    Up {
        /// What the real server asks for.
        share: Percent,
        /// What slow start allows.
        slow_start: Percent,
    },
    /// The operator, or the file, drains it.
    Drained,
    /// Its health is unknown: the kernel's weight is kept.
    Unknown,
    /// It is down.
    Down,
    /// Fewer than the minimum are available: every destination serves.
    ServeAll,
    /// Fewer than the minimum are available: the fallback serves.
    Fallback,
    /// It is the fallback, and not needed.
    Reserve,
    /// Fewer than the minimum are available: new connections are refused.
    Refused,
}

impl fmt::Display for WeightReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up { share, slow_start } => {
                f.write_str("up")?;
                if *share != Percent::FULL {
                    write!(f, ", the real server asks for {share}")?;
                }
                if *slow_start != Percent::FULL {
                    write!(f, ", slow start at {slow_start}")?;
                }
                Ok(())
            }
            Self::Drained => f.write_str("drained"),
            Self::Unknown => f.write_str("health is unknown, the weight is kept"),
            Self::Down => f.write_str("down"),
            Self::ServeAll => {
                f.write_str("below the minimum, every destination that is not drained serves")
            }
            Self::Fallback => f.write_str("below the minimum, the fallback serves"),
            Self::Reserve => f.write_str("the fallback is not needed"),
            Self::Refused => f.write_str("below the minimum, new connections are refused"),
        }
    }
}

/// Says whether a service has its minimum, and what happens if not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Posture {
    /// The minimum holds.
    Serving,
    /// It does not, and this happens.
    Below(BelowMinimum),
}

/// The weights of all destinations of a service, in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Decision {
    /// Whether the minimum holds; `None` until enough is known after a start.
    pub posture: Option<Posture>,
    /// So many destinations are available.
    pub available: usize,
    /// The weight of each.
    pub weights: Vec<DesiredWeight>,
}

impl Policy {
    /// Decides the weights of a service's destinations, given what was decided before.
    ///
    /// As long as destinations that are pending could change whether the minimum holds, that stays as it was; after
    /// a start, every weight that health does not decide stays as the kernel has it.
    ///
    /// ```
    /// use lvs_core::health::{Health, Member, Percent, Policy, Posture};
    /// use lvs_core::ipvs::Weight;
    /// let member = |health| Member {
    ///     weight: Weight::ONE,
    ///     health,
    ///     share: Percent::FULL,
    ///     slow_start: Percent::FULL,
    ///     drain: None,
    ///     is_fallback: false,
    ///     kept: Some(Weight::ONE),
    ///     is_pending: false,
    /// };
    /// let decision = Policy::default().decide(&[member(Health::Up), member(Health::Down)], None);
    /// assert_eq!(decision.posture, Some(Posture::Serving));
    /// assert_eq!(decision.weights[1].weight, Some(Weight::DRAIN));
    /// ```
    #[must_use]
    pub fn decide(&self, members: &[Member], before: Option<Posture>) -> Decision {
        let count = |counts: fn(&Member) -> bool| members.iter().filter(|m| counts(m)).count();
        let posture = self.posture(
            count(|member| member.is_available() && !member.is_pending),
            count(Member::may_be_available),
            before,
        );
        Decision {
            posture,
            available: count(Member::is_available),
            weights: members
                .iter()
                .map(|member| self.weight(member, posture))
                .collect(),
        }
    }

    /// Returns whether so many destinations are the minimum, if those that are pending do not matter.
    fn posture(
        &self,
        available: usize,
        pending: usize,
        before: Option<Posture>,
    ) -> Option<Posture> {
        let minimum = usize::from(self.minimum);
        match (available >= minimum, available + pending >= minimum) {
            (true, _) => Some(Posture::Serving),
            (false, false) => Some(Posture::Below(self.below_minimum)),
            // Another policy may have been in force.
            (false, true) => before.map(|before| match before {
                Posture::Serving => Posture::Serving,
                Posture::Below(_) => Posture::Below(self.below_minimum),
            }),
        }
    }

    fn weight(&self, member: &Member, posture: Option<Posture>) -> DesiredWeight {
        let some = |weight, reason| DesiredWeight {
            weight: Some(weight),
            reason,
        };
        if let Some(drain) = member.drain {
            return DesiredWeight {
                weight: (drain == Draining::Quiet).then_some(Weight::DRAIN),
                reason: WeightReason::Drained,
            };
        }
        match posture {
            // What the fallback has says what was decided before the start.
            None if member.is_fallback => DesiredWeight {
                weight: member.kept,
                reason: WeightReason::Unknown,
            },
            Some(Posture::Below(BelowMinimum::Fallback)) if member.is_fallback => {
                some(member.weight, WeightReason::Fallback)
            }
            _ if member.is_fallback => DesiredWeight {
                weight: self.absent(),
                reason: WeightReason::Reserve,
            },
            Some(Posture::Below(BelowMinimum::ServeAll)) => {
                some(member.weight, WeightReason::ServeAll)
            }
            Some(Posture::Below(BelowMinimum::Fallback)) => match member.health {
                Health::Down | Health::Rising => self.by_health(member),
                // Perhaps removed before a start, because it was down.
                Health::Unknown if member.kept.is_none() => self.by_health(member),
                _ => some(Weight::DRAIN, WeightReason::Fallback),
            },
            Some(Posture::Below(BelowMinimum::Refuse)) => {
                some(Weight::DRAIN, WeightReason::Refused)
            }
            Some(Posture::Below(BelowMinimum::Withdraw) | Posture::Serving) | None => {
                self.by_health(member)
            }
        }
    }

    /// Returns what a destination gets that is not to serve: weight 0, or none if it is deleted.
    const fn absent(&self) -> Option<Weight> {
        match self.on_failure {
            OnFailure::Drain => Some(Weight::DRAIN),
            OnFailure::Remove => None,
        }
    }

    /// Returns the weight of a member by its health alone, without regard to the minimum and drains.
    #[must_use]
    pub fn by_health(&self, member: &Member) -> DesiredWeight {
        let absent = self.absent();
        match member.health {
            Health::Up | Health::Failing => {
                let (share, slow_start) = (member.share, member.slow_start);
                DesiredWeight {
                    weight: Some(slow_start.of(share.of(member.weight))),
                    reason: WeightReason::Up { share, slow_start },
                }
            }
            Health::Unknown => DesiredWeight {
                // One that the kernel does not have is not tested yet, or was removed because it was down.
                weight: member.kept.or(absent),
                reason: WeightReason::Unknown,
            },
            Health::Down | Health::Rising => DesiredWeight {
                weight: absent,
                reason: WeightReason::Down,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(number: u32) -> Weight {
        Weight::new(number).unwrap()
    }

    fn member(health: Health, kept: u32) -> Member {
        Member {
            weight: weight(10),
            health,
            share: Percent::FULL,
            slow_start: Percent::FULL,
            drain: None,
            is_fallback: false,
            kept: Some(weight(kept)),
            is_pending: false,
        }
    }

    fn numbers(policy: &Policy, members: &[Member]) -> Vec<Option<u32>> {
        let decision = policy.decide(members, None);
        let weights = decision.weights.iter();
        weights
            .map(|desired| desired.weight.map(Weight::get))
            .collect()
    }

    #[test]
    fn every_way_below_the_minimum_is_its_own() {
        let fallback = Member {
            is_fallback: true,
            ..member(Health::Up, 0)
        };
        let members = [member(Health::Down, 0), member(Health::Down, 0), fallback];
        for (below_minimum, expected) in [
            (BelowMinimum::ServeAll, [10, 10, 0]),
            (BelowMinimum::Fallback, [0, 0, 10]),
            (BelowMinimum::Withdraw, [0, 0, 0]),
            (BelowMinimum::Refuse, [0, 0, 0]),
        ] {
            let policy = Policy {
                below_minimum,
                ..Policy::default()
            };
            assert_eq!(
                numbers(&policy, &members),
                expected.map(Some),
                "{below_minimum:?}"
            );
        }
    }

    #[test]
    fn nothing_gives_a_drained_destination_new_connections() {
        let drained = Member {
            drain: Some(Draining::Quiet),
            ..member(Health::Up, 10)
        };
        let policy = Policy::default();
        assert_eq!(
            numbers(&policy, &[drained, member(Health::Down, 0)]),
            [Some(0), Some(10)]
        );
        assert_eq!(numbers(&policy, &[drained, drained]), [Some(0), Some(0)]);
        let removed = Member {
            drain: Some(Draining::Removed),
            ..drained
        };
        assert_eq!(numbers(&policy, &[removed, drained]), [None, Some(0)]);
    }

    #[test]
    fn after_a_start_the_kernels_weight_is_kept() {
        let members = [member(Health::Unknown, 7), member(Health::Unknown, 0)];
        assert_eq!(numbers(&Policy::default(), &members), [Some(7), Some(0)]);
        let new = Member {
            kept: None,
            ..member(Health::Unknown, 0)
        };
        let remove = Policy {
            on_failure: OnFailure::Remove,
            ..Policy::default()
        };
        let members = [member(Health::Unknown, 7), new];
        assert_eq!(numbers(&Policy::default(), &members), [Some(7), Some(0)]);
        assert_eq!(numbers(&remove, &members), [Some(7), None]);
    }

    #[test]
    fn nothing_is_decided_while_what_is_pending_matters() {
        let pending = |kept| Member {
            is_pending: true,
            ..member(Health::Unknown, kept)
        };
        let fallback = Member {
            is_fallback: true,
            ..member(Health::Up, 9)
        };
        let policy = Policy {
            below_minimum: BelowMinimum::Fallback,
            ..Policy::default()
        };
        let below = Posture::Below(BelowMinimum::Fallback);
        for (members, before, posture, weights) in [
            ([pending(0), pending(0), fallback], None, None, [0, 0, 9]),
            (
                [member(Health::Down, 0), pending(3), fallback],
                None,
                None,
                [0, 3, 9],
            ),
            (
                [member(Health::Down, 0), pending(3), fallback],
                Some(Posture::Serving),
                Some(Posture::Serving),
                [0, 3, 0],
            ),
            (
                [member(Health::Up, 0), pending(0), fallback],
                None,
                Some(Posture::Serving),
                [10, 0, 0],
            ),
            (
                [member(Health::Down, 0), member(Health::Down, 3), fallback],
                None,
                Some(below),
                [0, 0, 10],
            ),
        ] {
            let decision = policy.decide(&members, before);
            assert_eq!(decision.posture, posture, "{members:?}");
            let decided = decision.weights.iter().map(|desired| desired.weight);
            assert!(
                decided.eq(weights.map(|number| Some(weight(number)))),
                "{decision:?}"
            );
        }
    }

    #[test]
    fn a_weight_is_the_files_by_share_and_slow_start() {
        let half = Member {
            share: Percent::new(50).unwrap(),
            slow_start: Percent::new(20).unwrap(),
            ..member(Health::Up, 10)
        };
        assert_eq!(numbers(&Policy::default(), &[half]), [Some(1)]);
        let none = Member {
            share: Percent::ZERO,
            ..half
        };
        assert_eq!(
            numbers(&Policy::default(), &[half, none]),
            [Some(1), Some(0)]
        );
        // A server that asks for nothing is not available; if all do, all serve.
        assert_eq!(numbers(&Policy::default(), &[none]), [Some(10)]);
    }

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
