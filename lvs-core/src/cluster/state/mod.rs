//! What is remembered between two runs: records, and the lock that keeps two runs apart.
//!
//! A directory, `/run/lvsctl` by default, gone at reboot as is what it describes:
//!
//! | file | is |
//! |---|---|
//! | `web@director.json` | the [`Record`] of the cluster `web` on the machine `director` |
//! | `lock` | locked by whoever is changing something, with its name in it |
//! | `unconfirmed`, `confirmed` | a change that is taken back unless somebody renames the one to the other |
//!
//! Nothing else in this library writes files.
//!
//! # Removing and applying again
//!
//! The kernel does not forget a deleted destination at once: it keeps it aside until nobody has used it
//! for about two minutes. Added again within that time, to a service of the same protocol, address and
//! port, it is the same destination as before, with its connections and their counts. So a removal
//! followed by an apply, as a restart of the systemd unit is, breaks no connection that can wait for
//! so long. In between, packets of living connections are dropped, unless the sysctl
//! `net.ipv4.vs.expire_nodest_conn` is 1, which ends them instead.

mod confirmation;
mod file;
mod lock;
mod place;
mod record;
mod record_update;
mod session;

use std::path::{Path, PathBuf};

pub(in crate::cluster) use confirmation::Confirmation;
pub(in crate::cluster) use record::Drained;
pub use record::Record;
pub use session::Session;

use super::plan::{Plan, PlanOptions, Refusal};
use super::{ClusterName, DesiredState, NodeName, Observed, Scope};
use crate::error::Result;
use crate::host::Host;

/// The directory in which clusters are remembered.
///
/// ```no_run
/// use lvs_core::cluster::{PlanOptions, StateDir};
/// use lvs_core::{Cluster, Host};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "toml")] {
/// let cluster = Cluster::from_toml(&std::fs::read_to_string("web.toml")?)?;
/// let node = cluster.node("director").ok_or("no such machine")?;
/// let mut session = StateDir::default().lock("apply")?;
/// session.apply(&node, &mut Host::open()?, PlanOptions::default(), &mut |_| ())?;
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir {
    directory: PathBuf,
}

impl StateDir {
    /// The directory that is used unless another is named.
    pub const DEFAULT: &'static str = "/run/lvsctl";

    /// Another directory. It is made when it is first locked.
    #[must_use]
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Keeps everybody else from changing anything, until what it returns is dropped. `verb` is what
    /// others are told that they wait for.
    ///
    /// # Errors
    /// The directory cannot be written, or somebody else has held the lock for ten seconds: the error
    /// says who.
    pub fn lock(&self, verb: &str) -> Result<Session> {
        let lock = lock::Lock::acquire(&self.directory, verb)?;
        Ok(Session::new(self.clone(), lock))
    }

    /// What is remembered of a cluster on this machine; an empty record if nothing is.
    ///
    /// A record from before the last boot, or of another network namespace, tells nothing about this
    /// kernel: of such a one only the drains are left.
    ///
    /// # Errors
    /// The record cannot be read, or is none.
    pub fn record(&self, node: &DesiredState) -> Result<Record> {
        let nothing = || Record::new(node.cluster.clone(), node.name.clone());
        Ok(file::read(&self.path(&node.cluster, &node.name))?.unwrap_or_else(nothing))
    }

    /// Every record there is.
    ///
    /// # Errors
    /// One cannot be read, or is none.
    pub fn records(&self) -> Result<Vec<Record>> {
        let paths = file::all(&self.directory)?;
        let records = paths.iter().map(|path| file::read(path));
        records.filter_map(Result::transpose).collect()
    }

    /// Says that all is well with a change that was made with [`Session::confirm_within`].
    ///
    /// # Errors
    /// Nothing waits for it: nothing was to be confirmed, or it is too late.
    pub fn confirm(&self) -> Result<()> {
        confirmation::confirm(&self.directory)
    }

    /// What would have to change on this machine, by what is remembered of it. Nothing is touched.
    ///
    /// # Errors
    /// Those of [`records`](Self::records) and [`Observed::read`].
    pub fn plan(&self, node: &DesiredState, host: &mut Host, options: PlanOptions) -> Result<Plan> {
        let record = self.record(node)?;
        let observed = Observed::read(host, &Scope::recorded(node, &record))?;
        let mut plan = Plan::with_record(node, &observed, &record, options);
        plan.refusals.extend(self.claims(node)?);
        Ok(plan)
    }

    /// What would have to be taken away here, by what is remembered. Nothing is touched.
    ///
    /// # Errors
    /// Those of [`record`](Self::record) and [`Observed::read`].
    pub fn plan_removal(&self, node: &DesiredState, host: &mut Host) -> Result<Plan> {
        let record = self.record(node)?;
        let observed = Observed::read(host, &Scope::recorded(node, &record))?;
        Ok(Plan::removal_with_record(node, &observed, &record))
    }

    /// Virtual IPs that other clusters have on this machine.
    fn claims(&self, node: &DesiredState) -> Result<Vec<Refusal>> {
        let records = self.records()?;
        Ok(records
            .iter()
            .flat_map(|record| record.claims(node))
            .collect())
    }

    fn path(&self, cluster: &ClusterName, node: &NodeName) -> PathBuf {
        file::path(&self.directory, cluster, node)
    }
}

impl Default for StateDir {
    fn default() -> Self {
        Self::at(Self::DEFAULT)
    }
}
