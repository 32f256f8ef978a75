//! What goes into the controller, and what comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{CheckedService, ServiceView};
use crate::cluster::{Drain, Draining};
use crate::health::{Failure, Health, Outcome, Posture, Target, Timeout, Transition, WeightReason};
use crate::ipvs::{DestinationId, ServiceId, Weight};

/// The weights of the kernel's destinations; a service that the kernel does not have is absent.
pub type KernelWeights = BTreeMap<ServiceId, BTreeMap<DestinationId, Weight>>;

/// Identifies the probes of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub(super) u64);

/// Identifies one probe: the result of an earlier one that comes late is not mistaken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeRun {
    /// The target's probes.
    pub probe: ProbeId,
    pub(super) number: u64,
}

/// An event that the controller decides upon.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The services to keep, at the start and after a reload. Checks that did not change keep their state.
    Load(Vec<CheckedService>),
    /// The kernel's weights were read.
    Observed(KernelWeights),
    /// The virtual IPs that the director lacks at the start, told before the first load: those that a service
    /// withdraws stay away until its minimum is decided.
    Withdrawn(BTreeSet<IpAddr>),
    /// A probe ended.
    Probed {
        /// Which one.
        run: ProbeRun,
        /// How long it took.
        took: Duration,
        /// Its result.
        outcome: Outcome,
    },
    /// The operator drains destinations.
    Drain(Drain, Draining),
    /// The operator drains them no longer.
    Undrain(Drain),
    /// Time passed.
    Tick,
}

/// An action that the runner carries out, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Probe a target, and report the result with [`Event::Probed`].
    Probe {
        /// What the result is reported with.
        run: ProbeRun,
        /// What is probed.
        target: Arc<Target>,
        /// The time after which the probe has failed.
        timeout: Timeout,
    },
    /// A target is probed no longer: what was prepared for it can be dropped.
    Forget(ProbeId),
    /// Change the kernel. A change that fails is repeated after the next [`Event::Observed`].
    Weight(WeightChange),
    /// Remove a virtual IP from the director, for a service below its minimum.
    Withdraw(IpAddr),
    /// Add it again.
    Announce(IpAddr),
    /// Tell those who listen.
    Notify(Notice),
}

/// A change of one destination in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct WeightChange {
    /// The service.
    pub service: ServiceId,
    /// The destination.
    pub destination: DestinationId,
    /// What is done.
    pub verb: WeightVerb,
    /// The reason.
    pub reason: WeightReason,
}

/// What is done to a destination in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WeightVerb {
    /// Add it with a weight.
    Add(Weight),
    /// Change its weight.
    Edit(Weight),
    /// Delete it, and its connections with it.
    Delete,
}

/// What listeners are told, in order and without a gap: the snapshot first, then every change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The services as they are after the first load.
    Snapshot(Vec<ServiceView>),
    /// A reload added a service.
    Added(ServiceId),
    /// A reload changed a service.
    Changed(ServiceId),
    /// A reload removed a service.
    Removed(ServiceId),
    /// The health of a destination changed.
    Health {
        /// The service.
        service: ServiceId,
        /// The destination.
        destination: DestinationId,
        /// The change.
        transition: Transition,
        /// The last failure, if it is not up.
        failure: Option<Failure>,
    },
    /// A service fell below its minimum, or has it again.
    Posture {
        /// The service.
        service: ServiceId,
        /// What happens from now on.
        posture: Posture,
        /// So many destinations are available.
        available: usize,
    },
    /// A virtual IP is withdrawn, because all of its services are below their minimum.
    Withdrawn(IpAddr),
    /// A virtual IP is no longer withdrawn.
    Announced(IpAddr),
    /// Another program changed a weight, which is repaired.
    Drift {
        /// The service.
        service: ServiceId,
        /// The destination.
        destination: DestinationId,
        /// The weight that was found; `None` if the destination was deleted.
        found: Option<Weight>,
    },
    /// A probe ended so late that the director was stalled; it does not count.
    Late(Arc<Target>),
    /// A probe could not be made, through no fault of the real server; told when that begins.
    NotProbed(Arc<Target>, Failure),
    /// A probe was never reported; it is made again.
    Lost(Arc<Target>),
}

/// The line of a log: the object first, then what happened to it.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot(services) => match services.len() {
                0 => f.write_str("no service has checks"),
                1 => f.write_str("1 service is checked"),
                count => write!(f, "{count} services are checked"),
            },
            Self::Added(service) => write!(f, "{service}: is checked from now on"),
            Self::Changed(service) => write!(f, "{service}: has changed"),
            Self::Removed(service) => write!(f, "{service}: is checked no longer"),
            Self::Health {
                service,
                destination,
                transition,
                failure,
            } => {
                write!(f, "{service}: {destination} is {}", transition.to)?;
                failure
                    .iter()
                    .try_for_each(|failure| write!(f, ": {failure}"))
            }
            Self::Posture {
                service,
                posture,
                available,
            } => match posture {
                Posture::Serving => {
                    write!(f, "{service}: has its minimum again, {available} available")
                }
                Posture::Below(how) => {
                    write!(
                        f,
                        "{service}: {available} available, below the minimum: {how}"
                    )
                }
                Posture::WithoutFallback => write!(
                    f,
                    "{service}: {available} available, below the minimum: serve-all, because the fallback cannot serve"
                ),
            },
            Self::Withdrawn(ip) => write!(
                f,
                "{ip}: is withdrawn, because all of its services are below their minimum"
            ),
            Self::Announced(ip) => write!(f, "{ip}: is withdrawn no longer"),
            Self::Drift {
                service,
                destination,
                found,
            } => match found {
                Some(weight) => write!(
                    f,
                    "{service}: another program gave {destination} weight {weight}, which is changed back"
                ),
                None => write!(
                    f,
                    "{service}: another program deleted {destination}, which is restored"
                ),
            },
            Self::Late(target) => write!(
                f,
                "{}: a probe of {} ended late, because this host was stalled; it does not count",
                target.subject.service, target.subject.server
            ),
            Self::NotProbed(target, failure) => write!(
                f,
                "{}: {} is not probed: {failure}",
                target.subject.service, target.subject.server
            ),
            Self::Lost(target) => write!(
                f,
                "{}: a probe of {} was lost, and is made again",
                target.subject.service, target.subject.server
            ),
        }
    }
}

impl Notice {
    /// Returns whether something is worse than it was: a real server or a service is lost, or is not probed.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        match self {
            Self::Health { transition, .. } => transition.to == Health::Down,
            Self::Posture { posture, .. } => *posture != Posture::Serving,
            Self::Withdrawn(_) | Self::NotProbed(..) => true,
            _ => false,
        }
    }

    /// Returns whether it concerns clients: all but the first failures and successes in a row.
    #[must_use]
    pub fn is_news(&self) -> bool {
        match self {
            Self::Health { transition, .. } => {
                let Transition { from, to } = *transition;
                to == Health::Down && from != Health::Rising
                    || to == Health::Up && from != Health::Failing
            }
            _ => true,
        }
    }
}
