//! Making a machine look as it must, proving that it does, and taking it back where it failed.

mod announce;
mod error;
mod execute;
mod job;
mod rollback;

pub use error::{Aftermath, ApplyError, Failure};
pub(in crate::cluster) use job::Job;

use std::time::Duration;

use super::change::Step;
use super::plan::{Phase, Plan, PlanOptions};
use super::{DesiredState, Observed, Scope};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::net::Address;

/// What happens while a plan is carried out, in order.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// This is going to be done; nothing has been yet.
    Planned(&'a Plan),
    /// The next phase begins.
    Phase(&'a Phase),
    /// A step is done.
    Done(&'a Step),
    /// A step has failed.
    Failed(&'a Step, &'a Error),
    /// Everything has been read back, and nothing is left to do.
    Verified,
    /// Neighbours have been told that these addresses are here now: an active director's floating ones,
    /// several times; a lone director's virtual IPs that were added.
    Announced(&'a [Address]),
    /// Neighbours could not be told; what was done stays. They may look for an address at another machine
    /// until they ask again.
    NotAnnounced(&'a Error),
    /// It is taken back unless it is confirmed within this time.
    Confirming(Duration),
    /// This is going to be taken back.
    Reverting(&'a Plan),
    /// All is done, but the record could not be brought up to date. It still knows all that may have to
    /// be taken away, and takes it for a change that was cut short.
    Unrecorded(&'a Error),
}

impl DesiredState {
    /// What would have to change on this machine. Nothing is touched, not even a module loaded.
    ///
    /// # Errors
    /// Those of [`Observed::read`].
    pub fn plan(&self, host: &mut Host, options: PlanOptions) -> Result<Plan> {
        let observed = Observed::read(host, &Scope::of(self))?;
        Ok(Plan::new(self, &observed, options))
    }

    /// What would have to be taken away here. Nothing is touched.
    ///
    /// # Errors
    /// Those of [`Observed::read`].
    pub fn plan_removal(&self, host: &mut Host) -> Result<Plan> {
        let observed = Observed::read(host, &Scope::of(self))?;
        Ok(Plan::removal(self, &observed))
    }

    /// Makes this machine look as it must: observes, plans, carries out phase by phase, reads back.
    /// What was done before a failure is taken back. Returns what was done: an empty plan if the
    /// machine looked right already.
    ///
    /// Nothing is remembered: what the file no longer names stays, and a removal does not know what was
    /// there before. See [`StateDir::lock`](super::StateDir::lock) for the verbs that do.
    ///
    /// ```no_run
    /// use lvs_core::cluster::PlanOptions;
    /// use lvs_core::{Cluster, Host};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # #[cfg(feature = "toml")] {
    /// let cluster = Cluster::from_toml(&std::fs::read_to_string("web.toml")?)?;
    /// let node = cluster.node("director").ok_or("no such machine")?;
    /// let done = node.apply(&mut Host::open()?, PlanOptions::default(), &mut |_| ())?;
    /// println!("{} changes", done.steps().count());
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What failed, and what stands now: see [`ApplyError`].
    pub fn apply(
        &self,
        host: &mut Host,
        options: PlanOptions,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Plan, ApplyError> {
        let plan = |observed: &Observed| Plan::new(self, observed, options);
        let job = Job {
            announced: Some(self),
            ..Job::plain(Scope::of(self), &plan)
        };
        job.run(|_, _| Ok(()), host, events)
    }

    /// Takes the cluster off this machine: see [`Plan::removal`] for what goes and what stays.
    ///
    /// # Errors
    /// What failed, and what stands now: see [`ApplyError`].
    pub fn remove(
        &self,
        host: &mut Host,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Plan, ApplyError> {
        let plan = |observed: &Observed| Plan::removal(self, observed);
        Job::plain(Scope::of(self), &plan).run(|_, _| Ok(()), host, events)
    }
}
