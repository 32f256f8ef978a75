//! Why a destination has its weight, in one line.

use crate::health::{Failure, Health, Outcome, Percent, WeightReason};
use crate::run::DestinationView;

impl DestinationView {
    /// Returns the reason of its weight, given what a probe straight to the real server said, if there was one.
    pub(super) fn why(&self, straight: Option<&Outcome>) -> Option<String> {
        match (self.reason(), self.failed(straight)) {
            (Some(reason), Some(failed)) => Some(format!("{reason}: {failed}")),
            (reason, failed) => failed.or(reason),
        }
    }

    /// Returns what its failed probe said, given what one straight to the real server did.
    pub(super) fn failed(&self, straight: Option<&Outcome>) -> Option<String> {
        self.failure.as_ref().map(|failure| match straight {
            Some(Ok(_)) if failure.is_unconnected() => answers_straight(failure),
            _ => failure.to_string(),
        })
    }

    fn reason(&self) -> Option<String> {
        // Without the service in the kernel no weight follows from what its destinations have become.
        let is_old = |reason: WeightReason| {
            self.health == Health::Down && matches!(reason, WeightReason::Up { .. })
        };
        self.desired
            .filter(|desired| !is_old(desired.reason))
            .map(|desired| self.told(desired.reason))
    }

    fn told(&self, reason: WeightReason) -> String {
        match reason {
            WeightReason::Up { share, slow_start } if self.health == Health::Failing => {
                format!("{}{}", self.health, WeightReason::limits(share, slow_start))
            }
            WeightReason::Up { .. } => reason.to_string(),
            WeightReason::Fallback if self.health == Health::Down => {
                format!("{reason}, and is down itself")
            }
            // What it asks for is perhaps why the minimum does not hold.
            _ if self.health.is_up() => {
                format!(
                    "{reason}{}",
                    WeightReason::limits(self.share, Percent::FULL)
                )
            }
            _ => reason.to_string(),
        }
    }
}

/// Explains why no connection by the clients' path came about to a real server that answers straight.
fn answers_straight(failure: &Failure) -> String {
    format!(
        "{failure} by the clients' path; the real IP answers: its virtual IP, tunnel or gateway is probably wrong, see \
         `lvsctl check` there"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{DesiredWeight, Healthy, Stage};
    use crate::ipvs::Weight;

    fn seen(health: Health, reason: WeightReason, failure: Option<Failure>) -> DestinationView {
        DestinationView {
            id: "192.168.1.12:80".parse().unwrap(),
            server: "realserver1".parse().unwrap(),
            weight: Weight::ONE,
            health,
            share: Percent::FULL,
            since: None,
            failure,
            drain: None,
            desired: Some(DesiredWeight {
                weight: Some(Weight::DRAIN),
                reason,
            }),
            kernel: None,
        }
    }

    #[test]
    fn only_a_connection_that_fails_blames_the_clients_path() {
        let why = |failure| {
            let answers = Ok(Healthy::default());
            seen(Health::Down, WeightReason::Down, Some(failure))
                .why(Some(&answers))
                .unwrap()
        };
        for failure in [
            Failure::ConnectTimedOut,
            Failure::Refused,
            Failure::Unreachable,
        ] {
            let text = why(failure);
            assert!(text.contains("gateway is probably wrong"), "{text}");
        }
        assert_eq!(
            why(Failure::TimedOut(Stage::Answer)),
            "down: timed out before the answer"
        );
        assert_eq!(
            why(Failure::TimedOut(Stage::Exit)),
            "down: timed out before the program ended"
        );
    }

    #[test]
    fn what_a_server_asks_for_is_told_below_the_minimum_too() {
        let asks = |health, reason| DestinationView {
            share: Percent::ZERO,
            ..seen(health, reason, None)
        };
        let serve_all = "below the minimum, every destination that is not drained serves";
        for reason in [
            WeightReason::ServeAll,
            WeightReason::Refused,
            WeightReason::Fallback,
        ] {
            let why = asks(Health::Up, reason).why(None);
            assert_eq!(why, Some(format!("{reason}, the real server asks for 0 %")));
        }
        let down = asks(Health::Down, WeightReason::ServeAll);
        assert_eq!(down.why(None).as_deref(), Some(serve_all));
        let dead = DestinationView {
            failure: Some(Failure::Refused),
            ..down
        };
        let why = format!("{serve_all}: connection refused");
        assert_eq!(dead.why(None), Some(why));
    }

    #[test]
    fn a_fallback_that_is_down_says_so() {
        let reason = WeightReason::Fallback;
        let down = seen(Health::Down, reason, Some(Failure::Refused));
        let why = "below the minimum, the fallback gets all new connections, and is down itself: connection refused";
        assert_eq!(down.why(None).as_deref(), Some(why));
        let up = seen(Health::Up, reason, None);
        assert_eq!(up.why(None), Some(reason.to_string()));
    }

    #[test]
    fn a_server_that_fails_is_not_told_as_up() {
        let reason = WeightReason::Up {
            share: Percent::FULL,
            slow_start: Percent::new(10).unwrap(),
        };
        let failing = seen(Health::Failing, reason, Some(Failure::ConnectTimedOut));
        let why = "failing, slow start at 10 %: connect timed out";
        assert_eq!(failing.why(None).as_deref(), Some(why));
    }
}
