//! Waiting for the remaining connections of a drained real server.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::DrainTarget;
use crate::cluster::StateDir;
use crate::error::Result;
use crate::ipvs::{DestinationId, Protocol, ServiceId};
use crate::proc::Proc;

/// How often the connections are counted: `/proc` tells the whole table in a few milliseconds.
const INTERVAL: Duration = Duration::from_millis(200);

/// Counts the connections that remain on a drained destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub struct Remaining {
    /// The service.
    pub service: ServiceId,
    /// The destination.
    pub destination: DestinationId,
    /// Connections in use: of TCP those being opened and open, of SCTP open ones, of UDP none ever.
    pub active: u32,
    /// All others that the kernel remembers: of TCP those being closed, of UDP every one.
    pub inactive: u32,
}

impl Remaining {
    /// Returns whether it is not used any more.
    ///
    /// With TCP and SCTP that is when no connection is active. One counts as closing from the first FIN
    /// on and for up to two minutes after the last, and the kernel's table does not tell which is which:
    /// a client that has sent everything and still receives is closing, too. Of UDP the kernel cannot tell:
    /// a client counts until it has been silent for the UDP timeout.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.active == 0 && (self.inactive == 0 || self.is_closing())
    }

    fn is_closing(&self) -> bool {
        let knows_its_end = [Protocol::TCP, Protocol::SCTP];
        matches!(self.service, ServiceId::Socket { protocol, .. } if knows_its_end.contains(&protocol))
    }
}

impl fmt::Display for Remaining {
    /// `192.168.1.12:80 of tcp 172.16.5.11:80: 3 active, 1 closing`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            service,
            destination,
            active,
            inactive,
        } = self;
        let word = if self.is_closing() {
            "closing"
        } else {
            "remembered"
        };
        write!(
            f,
            "{destination} of {service}: {active} active, {inactive} {word}"
        )
    }
}

/// Says how a wait for the last connection ended: in JSON `{outcome, connections}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "connections", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DrainOutcome {
    /// No connection remains, except closing ones.
    Over(Vec<Remaining>),
    /// The time was over; these remain.
    Late(Vec<Remaining>),
    /// The caller stopped it; these remain.
    Stopped(Vec<Remaining>),
}

impl StateDir {
    /// Returns the remaining connections on what a target means: one entry for each destination that is still
    /// in the kernel's table, busy or not.
    ///
    /// # Errors
    /// A record cannot be read, or `/proc` cannot.
    pub fn remaining_connections(
        &self,
        target: &DrainTarget,
        proc: &Proc,
    ) -> Result<Vec<Remaining>> {
        let mut drained = Vec::new();
        for record in self.readable().0 {
            let drains = record.drains_of(target);
            let meant = |id: &DestinationId| drains.iter().any(|drain| drain.matches(id));
            drained.extend(record.drained().filter(|(_, id)| meant(id)));
        }
        let listing = proc.listing()?;
        let remaining = drained.into_iter().filter_map(|(service, destination)| {
            let found = listing.destination(&service, &destination)?;
            Some(Remaining {
                service,
                destination,
                active: found.active,
                inactive: found.inactive,
            })
        });
        Ok(remaining.collect())
    }

    /// Waits until a drained target has no connection any more. The lock is not needed, and should not be held for so
    /// long.
    /// `progress` is called when a count has changed.
    ///
    /// # Errors
    /// Those of [`remaining_connections`](Self::remaining_connections).
    pub fn wait_until_drained(
        &self,
        target: &DrainTarget,
        proc: &Proc,
        time: Duration,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(&[Remaining]),
    ) -> Result<DrainOutcome> {
        let end = Instant::now() + time;
        let mut last = Vec::new();
        loop {
            let left = self.remaining_connections(target, proc)?;
            if left.iter().all(Remaining::is_over) {
                return Ok(DrainOutcome::Over(left));
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(DrainOutcome::Stopped(left));
            }
            if Instant::now() >= end {
                return Ok(DrainOutcome::Late(left));
            }
            if left != last {
                progress(&left);
                last = left;
            }
            thread::sleep(INTERVAL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(service: &str, active: u32, inactive: u32) -> Remaining {
        Remaining {
            service: service.parse().unwrap(),
            destination: "192.168.1.12:80".parse().unwrap(),
            active,
            inactive,
        }
    }

    #[test]
    fn tcp_is_over_while_it_closes_and_udp_is_not() {
        assert!(!left("tcp 172.16.5.11:80", 1, 0).is_over());
        assert!(left("tcp 172.16.5.11:80", 0, 3).is_over());
        assert!(!left("udp 172.16.5.11:53", 0, 1).is_over());
        assert!(left("udp 172.16.5.11:53", 0, 0).is_over());
        let text = left("udp 172.16.5.11:53", 0, 1).to_string();
        assert_eq!(
            text,
            "192.168.1.12:80 of udp 172.16.5.11:53: 0 active, 1 remembered"
        );
    }
}
