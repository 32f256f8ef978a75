//! Why an apply failed, and how it left the node.

use std::fmt;
use std::net::IpAddr;

use crate::cluster::change::Step;
use crate::cluster::plan::{Obstacle, Plan, Refusal};
use crate::error::Error;

/// Says why a plan was not carried out to its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum ApplyFailure {
    /// The plan is refused; nothing was tried.
    Refused(Vec<Refusal>),
    /// The node could not be read, or it is unknown what a batch of changes did.
    Unreadable(Error),
    /// The kernel refused a step.
    Step(Box<Step>, Error),
    /// The kernel accepted every step, but verification found this left to do.
    Unverified(Box<Plan>),
    /// The kernel chooses a virtual IP as source address of packets to a node that carries it, too.
    VirtualSource {
        /// The address of that node.
        destination: IpAddr,
        /// The virtual IP.
        source: IpAddr,
    },
    /// The caller stopped it.
    Stopped,
    /// A newer change of the role came before the addresses of an active director were added, or while they
    /// were.
    Superseded,
    /// Everything was verified, but not confirmed in time.
    Unconfirmed,
}

/// Says what became of the steps that were done before the failure.
#[derive(Debug)]
#[non_exhaustive]
pub enum Aftermath {
    /// There were none.
    Untouched,
    /// All were rolled back.
    Reverted,
    /// All were rolled back except one part: the addresses that only the active one of two directors may
    /// carry stay released, because otherwise both could carry them.
    Released,
    /// Not all could be rolled back: this is left to roll back.
    Incomplete(Box<Plan>),
    /// The node could not be read.
    Unknown(Error),
}

/// Holds a failure and its aftermath; both are for the operator who asked for the change.
#[derive(Debug)]
pub struct ApplyError(Box<(ApplyFailure, Aftermath)>);

impl ApplyError {
    pub(super) fn new(failure: ApplyFailure, aftermath: Aftermath) -> Self {
        Self(Box::new((failure, aftermath)))
    }

    pub(in crate::cluster) fn untouched(error: Error) -> Self {
        Self::new(ApplyFailure::Unreadable(error), Aftermath::Untouched)
    }

    /// Returns it with what became of the changes before it, which had to be rolled back, too.
    pub(in crate::cluster) fn followed_by(self, rollback: Option<Self>) -> Self {
        match rollback {
            None => self,
            Some(rollback) => {
                let (failure, aftermath) = *rollback.0;
                let aftermath = match (aftermath, failure) {
                    (
                        Aftermath::Untouched | Aftermath::Reverted,
                        ApplyFailure::Unreadable(error) | ApplyFailure::Step(_, error),
                    ) => Aftermath::Unknown(error),
                    (
                        Aftermath::Untouched | Aftermath::Reverted,
                        ApplyFailure::Unverified(left),
                    ) => Aftermath::Incomplete(left),
                    (aftermath, _) => aftermath,
                };
                Self::new(self.0.0, aftermath)
            }
        }
    }

    /// Returns what failed.
    #[must_use]
    pub fn failure(&self) -> &ApplyFailure {
        &self.0.0
    }

    /// Returns whether another host answers for floating addresses, and this director only remembers that it was
    /// active.
    #[must_use]
    pub fn is_active_elsewhere(&self) -> bool {
        let floats = |refusal: &Refusal| matches!(refusal.obstacle, Obstacle::Floating(_));
        matches!(self.failure(), ApplyFailure::Refused(refusals)
            if !refusals.is_empty() && refusals.iter().all(floats))
    }

    /// Returns how the failure left the node.
    #[must_use]
    pub fn aftermath(&self) -> &Aftermath {
        &self.0.1
    }

    /// Returns whether the node is as it was before.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        matches!(self.aftermath(), Aftermath::Untouched | Aftermath::Reverted)
    }
}

impl fmt::Display for ApplyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusals) => f.write_str(&Refusal::listed(refusals)),
            Self::Unreadable(error) | Self::Step(_, error) => write!(f, "{error}"),
            Self::VirtualSource {
                destination,
                source,
            } => write!(
                f,
                "the kernel sends from the virtual IP {source} to {destination}, which has that address itself and does \
                 not answer; give this node an address of its own on that network (ip route get {destination})"
            ),
            Self::Superseded => f.write_str("a newer change of the role came, which decides"),
            Self::Stopped => f.write_str("stopped before the end"),
            Self::Unconfirmed => f.write_str("not confirmed in time"),
            Self::Unverified(left) => {
                f.write_str(
                    "the kernel accepted every step, but verification found this left to do:",
                )?;
                left.steps().try_for_each(|step| write!(f, "\n  {step}"))
            }
        }
    }
}

impl fmt::Display for Aftermath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untouched => f.write_str("nothing was changed"),
            Self::Reverted => f.write_str("all changes were rolled back"),
            Self::Released => f.write_str(
                "the floating addresses stay released; all other changes were rolled back",
            ),
            Self::Incomplete(left) => {
                f.write_str("not everything could be rolled back; to be done by hand:")?;
                left.steps()
                    .try_for_each(|step| write!(f, "\n  {}", step.change.to_shell()))
            }
            Self::Unknown(error) => write!(f, "the state of the node could not be read: {error}"),
        }
    }
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.failure(), self.aftermath())
    }
}

impl std::error::Error for ApplyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.failure() {
            ApplyFailure::Unreadable(error) | ApplyFailure::Step(_, error) => Some(error),
            ApplyFailure::Refused(_)
            | ApplyFailure::Unverified(_)
            | ApplyFailure::VirtualSource { .. }
            | ApplyFailure::Stopped
            | ApplyFailure::Superseded
            | ApplyFailure::Unconfirmed => None,
        }
    }
}
