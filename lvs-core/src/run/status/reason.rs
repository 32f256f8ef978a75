//! Why a destination has its weight, in one line.

use crate::health::{Failure, Health, Outcome, WeightReason};
use crate::run::DestinationView;

impl DestinationView {
    /// Returns the reason of its weight, given what a probe straight to the real server said, if there was one.
    pub(super) fn why(&self, straight: Option<&Outcome>) -> Option<String> {
        let failed = self.failure.as_ref().map(|failure| match straight {
            Some(Ok(_)) if failure.is_unconnected() => answers_straight(failure),
            _ => failure.to_string(),
        });
        match (self.reason(), failed) {
            (Some(reason), Some(failed)) => Some(format!("{reason}: {failed}")),
            (reason, failed) => failed.or(reason),
        }
    }

    fn reason(&self) -> Option<String> {
        // Without the service in the kernel no weight follows from what its destinations have become.
        let is_old = |reason: WeightReason| {
            self.health == Health::Down && matches!(reason, WeightReason::Up { .. })
        };
        self.desired
            .filter(|desired| !is_old(desired.reason))
            .map(|desired| desired.reason.to_string())
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
}
