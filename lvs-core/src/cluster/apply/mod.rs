//! Applying the desired state to a node, verifying the result, and rolling back on failure.

mod address_in_use;
mod announce;
mod error;
mod execute;
mod identity;
mod job;
mod rollback;
mod source;

pub(in crate::cluster) use address_in_use::Takeover;
pub use announce::Announcement;
pub use error::{Aftermath, ApplyError, ApplyFailure};
pub use identity::{Evidence, HostIdentity, OtherNode, host_name};
pub(in crate::cluster) use job::Job;

use std::time::Duration;

use super::change::Step;
use super::plan::{Phase, Plan, PlanOptions};
use super::{DesiredState, Observed, ReadScope};
use crate::error::{Error, Result};
use crate::host::Host;

/// Reports what happens while a plan is carried out, in order.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ApplyEvent<'a> {
    /// This plan is going to be carried out; nothing has been done yet.
    Planned(&'a Plan),
    /// The next phase begins.
    Phase(&'a Phase),
    /// A step is done.
    Done(&'a Step),
    /// A step has failed.
    Failed(&'a Step, &'a Error),
    /// Everything has been verified: nothing is left to do.
    Verified,
    /// These addresses have been announced to the neighbours: an active director's floating ones, several
    /// times; a lone director's virtual IPs that were added.
    Announced(&'a [Announcement]),
    /// Addresses could not be announced; what was done stays. Neighbours may send to another host until they
    /// ask again.
    NotAnnounced(&'a Error),
    /// Addresses that are added could not be asked for: whether another host has them is not known.
    NotAsked(&'a Error),
    /// The change is rolled back unless it is confirmed within this time.
    Confirming(Duration),
    /// The state directory could not be locked. The change goes on, because a role that does not change is worse.
    Unlocked(&'a Error),
    /// This plan of a rollback is going to be carried out.
    Reverting(&'a Plan),
    /// All is done, but the record could not be updated. It still knows all that may have to be deleted, and
    /// describes a change that was interrupted.
    Unrecorded(&'a Error),
}

impl DesiredState {
    /// Returns what would have to change on this node. Nothing is touched, and no module is loaded.
    ///
    /// # Errors
    /// Those of [`Observed::read`].
    pub fn plan(&self, host: &mut Host, options: PlanOptions) -> Result<Plan> {
        let observed = Observed::read(host, &ReadScope::of(self))?;
        Ok(Plan::new(self, &observed, options))
    }

    /// Returns what a removal would have to change on this node. Nothing is touched.
    ///
    /// # Errors
    /// Those of [`Observed::read`].
    pub fn plan_removal(&self, host: &mut Host) -> Result<Plan> {
        let observed = Observed::read(host, &ReadScope::of(self))?;
        Ok(Plan::removal(self, &observed))
    }

    /// Applies the desired state to this node: observes, plans, carries out phase by phase, verifies. What was
    /// done before a failure is rolled back. Returns what was done: an empty plan if the node was as desired
    /// already.
    ///
    /// Nothing is recorded: what the file no longer names stays, and a removal does not know the original
    /// configuration. See [`StateDir::lock`](super::StateDir::lock) for the verbs that keep a record.
    ///
    /// ```no_run
    /// use lvs_core::cluster::PlanOptions;
    /// use lvs_core::{Cluster, Host};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # #[cfg(feature = "toml")] {
    /// let cluster = Cluster::from_toml(&std::fs::read_to_string("web.toml")?)?;
    /// let node = cluster.node("director").ok_or("no such node")?;
    /// let done = node.apply(&mut Host::open()?, PlanOptions::default(), &mut |_| ())?;
    /// println!("{} changes", done.steps().count());
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What failed, and how that left the node: see [`ApplyError`].
    pub fn apply(
        &self,
        host: &mut Host,
        options: PlanOptions,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<Plan, ApplyError> {
        let plan = |observed: &Observed| Plan::new(self, observed, options);
        let job = Job {
            announced: Some(self),
            sources: Some(self),
            ..Job::plain(ReadScope::of(self), &plan)
        };
        job.run(|_, _| Ok(()), host, events)
    }

    /// Applies what the desired state adds, and neither removes nor replaces what is in use: see
    /// [`Plan::growing`].
    ///
    /// # Errors
    /// What failed, and how that left the node: see [`ApplyError`].
    pub fn grow(
        &self,
        host: &mut Host,
        options: PlanOptions,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<Plan, ApplyError> {
        let plan = |observed: &Observed| Plan::new(self, observed, options).growing();
        let job = Job {
            announced: Some(self),
            ..Job::plain(ReadScope::of(self), &plan)
        };
        job.run(|_, _| Ok(()), host, events)
    }

    /// Removes the cluster from this node: see [`Plan::removal`] for what is deleted and what stays.
    ///
    /// # Errors
    /// What failed, and how that left the node: see [`ApplyError`].
    pub fn remove(
        &self,
        host: &mut Host,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Result<Plan, ApplyError> {
        let plan = |observed: &Observed| Plan::removal(self, observed);
        Job::plain(ReadScope::of(self), &plan).run(|_, _| Ok(()), host, events)
    }
}
