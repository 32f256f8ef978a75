//! What failed, and what stands now.

use std::fmt;

use crate::cluster::change::Step;
use crate::cluster::plan::{Plan, Refusal};
use crate::error::Error;

/// Why a plan was not carried out to its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The plan itself says why not; nothing was tried.
    Refused(Vec<Refusal>),
    /// The machine could not be looked at, or what a batch of changes did is unknown.
    Unreadable(Error),
    /// The kernel refused a step.
    Step(Box<Step>, Error),
    /// The kernel took every step, but the machine does not look right: this is left to do.
    Unverified(Box<Plan>),
    /// Somebody said stop.
    Stopped,
    /// All was well, but nobody confirmed it in time.
    Unconfirmed,
}

/// What became of the steps that were done before the failure.
#[derive(Debug)]
#[non_exhaustive]
pub enum Aftermath {
    /// There were none.
    Untouched,
    /// All were taken back.
    Reverted,
    /// All were taken back but these: the addresses that only the active one of two directors may carry
    /// were let go and stay so, or two would carry them.
    Released,
    /// Not all could be taken back: this is what is left to take back.
    Stands(Box<Plan>),
    /// What stands could not be read.
    Unknown(Error),
}

/// A failure and its aftermath: both belong in front of whoever asked for the change.
#[derive(Debug)]
pub struct ApplyError(Box<(Failure, Aftermath)>);

impl ApplyError {
    pub(super) fn new(failure: Failure, aftermath: Aftermath) -> Self {
        Self(Box::new((failure, aftermath)))
    }

    pub(in crate::cluster) fn untouched(error: Error) -> Self {
        Self::new(Failure::Unreadable(error), Aftermath::Untouched)
    }

    /// What failed.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        &self.0.0
    }

    /// What stands now.
    #[must_use]
    pub fn aftermath(&self) -> &Aftermath {
        &self.0.1
    }

    /// Whether the machine is as it was before.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        matches!(self.aftermath(), Aftermath::Untouched | Aftermath::Reverted)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusals) => {
                let said: Vec<_> = refusals.iter().map(ToString::to_string).collect();
                f.write_str(&said.join("\n"))
            }
            Self::Unreadable(error) | Self::Step(_, error) => write!(f, "{error}"),
            Self::Stopped => f.write_str("stopped before the end"),
            Self::Unconfirmed => f.write_str("not confirmed in time"),
            Self::Unverified(left) => {
                f.write_str("the kernel took every step, but when read back this is left to do:")?;
                left.steps().try_for_each(|step| write!(f, "\n  {step}"))
            }
        }
    }
}

impl fmt::Display for Aftermath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untouched => f.write_str("nothing was changed"),
            Self::Reverted => f.write_str("what had been changed was taken back"),
            Self::Released => f.write_str(
                "the floating addresses were let go all the same; everything else is as it was before",
            ),
            Self::Stands(left) => {
                f.write_str("not everything could be taken back; to be done by hand:")?;
                left.steps()
                    .try_for_each(|step| write!(f, "\n  {}", step.change.to_shell()))
            }
            Self::Unknown(error) => write!(f, "what stands now could not be read: {error}"),
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
            Failure::Unreadable(error) | Failure::Step(_, error) => Some(error),
            Failure::Refused(_)
            | Failure::Unverified(_)
            | Failure::Stopped
            | Failure::Unconfirmed => None,
        }
    }
}
