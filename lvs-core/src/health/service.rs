//! The weights of a service: what its destinations get.

use super::decision::{Decision, DesiredWeight, Posture, WeightReason};
use super::member::Member;
use super::state::Health;
use crate::cluster::Draining;
use crate::cluster::checks::{BelowMinimum, OnFailure, Policy};
use crate::ipvs::Weight;

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
        let posture = match posture {
            // One that is down is no worse than others that are: it may not be as its checks say.
            Some(Posture::Below(BelowMinimum::Fallback))
                if !members.iter().any(|member| member.can_stand_in(before))
                    && (count(Member::is_available) > 0
                        || count(Member::is_usable_fallback) == 0) =>
            {
                Some(Posture::WithoutFallback)
            }
            posture => posture,
        };
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
                Posture::Below(_) | Posture::WithoutFallback => Posture::Below(self.below_minimum),
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
            // So does what one has that no check tests.
            None if member.health == Health::Unchecked => self.by_health(&Member {
                health: Health::Unknown,
                ..*member
            }),
            Some(Posture::Below(BelowMinimum::Fallback)) if member.is_fallback => {
                some(member.weight, WeightReason::Fallback)
            }
            _ if member.is_fallback => DesiredWeight {
                weight: self.absent(),
                reason: match (posture, member.health) {
                    (Some(Posture::WithoutFallback), Health::Down | Health::Rising) => {
                        WeightReason::Down
                    }
                    (Some(Posture::WithoutFallback), _) => WeightReason::WithoutFallback,
                    _ => WeightReason::Reserve,
                },
            },
            Some(Posture::WithoutFallback) => some(member.weight, WeightReason::WithoutFallback),
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
            Health::Up | Health::Failing | Health::Unchecked => {
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
    use crate::cluster::checks::Percent;

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
    fn a_fallback_that_cannot_serve_is_none() {
        let fallback = |health| Member {
            is_fallback: true,
            ..member(health, 0)
        };
        let drained = Member {
            drain: Some(Draining::Quiet),
            ..fallback(Health::Up)
        };
        let without_weight = Member {
            weight: Weight::DRAIN,
            ..fallback(Health::Up)
        };
        let below = Posture::Below(BelowMinimum::Fallback);
        for (last, is_fallback, weight, removed) in [
            (fallback(Health::Up), true, 10, Some(10)),
            (fallback(Health::Failing), true, 10, Some(10)),
            (fallback(Health::Unchecked), true, 10, Some(10)),
            (fallback(Health::Down), false, 0, None),
            (fallback(Health::Rising), false, 0, None),
            (drained, false, 0, Some(0)),
            (without_weight, false, 0, None),
        ] {
            let members = [member(Health::Up, 10), member(Health::Down, 0), last];
            let policy = Policy {
                minimum: 2,
                below_minimum: BelowMinimum::Fallback,
                ..Policy::default()
            };
            let posture = match is_fallback {
                true => below,
                false => Posture::WithoutFallback,
            };
            let real = if is_fallback { 0 } else { 10 };
            assert_eq!(policy.decide(&members, None).posture, Some(posture));
            let all = [real, real, weight].map(Some);
            assert_eq!(numbers(&policy, &members), all, "{last:?}");
            let removes = Policy {
                on_failure: OnFailure::Remove,
                ..policy
            };
            let dead = (!is_fallback).then_some(10);
            let all = [Some(real), dead, removed];
            assert_eq!(numbers(&removes, &members), all, "{last:?}");
            // With its minimum the service needs none.
            let enough = [member(Health::Up, 10), member(Health::Up, 10), last];
            let serving = policy.decide(&enough, Some(posture));
            assert_eq!(serving.posture, Some(Posture::Serving));
        }
    }

    #[test]
    fn what_was_decided_stays_while_the_fallback_is_unknown() {
        let policy = Policy {
            minimum: 2,
            below_minimum: BelowMinimum::Fallback,
            ..Policy::default()
        };
        let below = Posture::Below(BelowMinimum::Fallback);
        for (kept, before, posture) in [
            (9, None, below),
            (0, None, Posture::WithoutFallback),
            (0, Some(below), below),
            (0, Some(Posture::Serving), below),
            (9, Some(Posture::WithoutFallback), Posture::WithoutFallback),
        ] {
            let fallback = Member {
                is_fallback: true,
                is_pending: true,
                ..member(Health::Unknown, kept)
            };
            let members = [member(Health::Up, 9), member(Health::Down, 0), fallback];
            let decision = policy.decide(&members, before);
            assert_eq!(decision.posture, Some(posture), "{kept} {before:?}");
        }
    }

    /// As by keepalived, which does not test its sorry server.
    #[test]
    fn a_fallback_that_is_down_serves_where_all_are() {
        let policy = Policy {
            below_minimum: BelowMinimum::Fallback,
            ..Policy::default()
        };
        let down = Member {
            is_fallback: true,
            weight: Weight::ONE,
            ..member(Health::Down, 0)
        };
        let drained = Member {
            drain: Some(Draining::Quiet),
            ..down
        };
        for (fallback, posture) in [
            (down, Posture::Below(BelowMinimum::Fallback)),
            (drained, Posture::WithoutFallback),
        ] {
            let decision = policy.decide(&[member(Health::Down, 0), fallback], None);
            assert_eq!(decision.posture, Some(posture), "{fallback:?}");
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
}
