//! The state directory: records of the original and the applied configuration, and the lock that keeps two
//! changes apart.
//!
//! It is `/run/lvsctl` by default, which a reboot empties together with the kernel that it describes. What a
//! reboot must not forget, drains and the role that was last applied, is kept in `/var/lib/lvsctl`, or in
//! `lasting` of another state directory:
//!
//! | file | is |
//! |---|---|
//! | `web@director.json` | the [`Record`] of the cluster `web` on the node `director` |
//! | `web@director@NUMBER.json` | the same of another network namespace, where the first is applied in one |
//! | `lock` | locked by the process that is changing the node, with its name in it |
//! | `role` | locked by changes of the role that wait for it: they go first, and the newest wins |
//! | `pending` | locked by the process whose change is rolled back unless it is confirmed in time |
//! | `confirm` | the socket on which that process listens |
//! | `web.run`, `web.socket` | locked by the controller of the cluster `web`, and where it answers |
//! | `web.kept` | what that controller has removed because of health, and the weights of its file |
//! | `web@director.standby` | exists, and is empty, where the director became standby and the record could not be written |
//!
//! A record describes one network namespace between two boots. Namespaces with one state directory have one lock,
//! and each its own records; of two with the same node only the first one's drains and role outlive a reboot.
//!
//! A controller also takes the name `lvsctl/web.run` among the abstract Unix sockets of its network namespace: a second
//! one with another state directory is refused, and so is a change that the first would not learn of.
//!
//! Nothing else in this library writes files. The directory is its owner's alone (mode 0700, files 0600): it is
//! refused where another user could write to it or exchange it, and so is every file in it that is no regular
//! file of its owner.
//!
//! # Removing and applying again
//!
//! The kernel does not forget a deleted destination at once: it keeps it aside until it has been unused for
//! about two minutes. Added again within that time, to a service of the same protocol, address and
//! port, it is the same destination as before, with its connections and their counts. So a removal
//! followed by an apply, as a restart of the systemd unit is, breaks no connection that can wait that
//! long. In between, packets of living connections are dropped, unless the sysctl
//! `net.ipv4.vs.expire_nodest_conn` is 1, which ends them instead.

mod abandoned;
mod beside;
mod confirmation;
mod directory;
mod directory_walk;
mod former;
mod holder;
mod kept;
mod lasting;
mod lock;
mod namespace;
#[cfg(feature = "run")]
mod namespace_lock;
mod place;
mod queue;
mod record;
mod record_file;
mod record_update;
mod recorded_apply;
mod release;
#[cfg(feature = "run")]
mod resident;
mod session;
mod sharing;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

#[cfg(feature = "check")]
pub(crate) use abandoned::AbandonedWeight;
pub(in crate::cluster) use confirmation::Confirmation;
#[cfg(any(feature = "run", feature = "check"))]
pub(crate) use kept::Absent;
#[cfg(feature = "run")]
pub(crate) use kept::Kept;
pub(in crate::cluster) use lock::Lock;
#[cfg(feature = "run")]
pub(crate) use namespace_lock::NamespaceLock;
pub(in crate::cluster) use record::Drained;
pub use record::Record;
use record_file::RecordFile;
#[cfg(feature = "run")]
pub(crate) use resident::{RecordStamp, Resident};
use session::Purpose;
pub use session::Session;

use super::plan::{Plan, PlanOptions};
use super::probe_path::Marks;
use super::{ClusterName, DesiredState, NodeName, Observed, ReadScope, Role};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::ipvs::ServiceId;

/// How long a director that is to be standby waits for another change.
const RELEASE_PATIENCE: Duration = Duration::from_secs(3);

/// Is the directory that keeps the records of the clusters on this node.
///
/// ```no_run
/// use lvs_core::cluster::{PlanOptions, StateDir};
/// use lvs_core::{Cluster, Host};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "toml")] {
/// let cluster = Cluster::from_toml(&std::fs::read_to_string("web.toml")?)?;
/// let node = cluster.node("director").ok_or("no such node")?;
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

    /// The directory of what a reboot must not forget, beside [`DEFAULT`](Self::DEFAULT).
    pub const LASTING: &'static str = "/var/lib/lvsctl";

    /// Returns another directory, which is created when it is first locked.
    #[must_use]
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// Returns its path.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Locks the directory: no other process can change anything until the session is dropped. `verb` is
    /// what the others are told they wait for.
    ///
    /// # Errors
    /// The directory cannot be written, or another process has held the lock for ten seconds: the error names
    /// it.
    pub fn lock(&self, verb: &str) -> Result<Session> {
        self.acquire(verb, None, None)
    }

    /// Locks the directory unless another process holds it now.
    #[cfg(feature = "run")]
    pub(crate) fn lock_now(&self, verb: &str, stop: Arc<AtomicBool>) -> Result<Session> {
        let request = queue::Request {
            verb,
            is_role: false,
            stop: None,
            patience: Some(Duration::ZERO),
        };
        let lock = Lock::acquire(&self.directory, &request)?;
        Ok(Session::new(self.clone(), lock, Purpose::File).stop_by(stop))
    }

    /// Locks the directory as [`lock`](Self::lock) does, and stops waiting when the flag is raised. The session
    /// is [stopped by](Session::stop_by) the same flag.
    ///
    /// # Errors
    /// Those of [`lock`](Self::lock), and the flag was raised.
    pub fn lock_unless(&self, verb: &str, stop: Arc<AtomicBool>) -> Result<Session> {
        Ok(self.acquire(verb, None, Some(&stop))?.stop_by(stop))
    }

    /// Locks the directory for a change of a director's role, which goes before all other changes: it waits only
    /// for one that is being made, not for a confirmation that is pending. Of several the newest wins. A state
    /// directory that is full, read-only or unusable does not prevent it: the session then changes the node and
    /// reports what is not locked or not recorded. Nor does a broken record prevent a director from becoming
    /// active.
    ///
    /// # Errors
    /// A newer change of the role came, another change took longer than a minute (for a
    /// standby three seconds: see [`release`](Self::release)), the flag was raised, or the user may not use
    /// the directory.
    pub fn lock_for_role(&self, verb: &str, role: Role, stop: Arc<AtomicBool>) -> Result<Session> {
        Ok(self.acquire(verb, Some(role), Some(&stop))?.stop_by(stop))
    }

    fn acquire(
        &self,
        verb: &str,
        role: Option<Role>,
        stop: Option<&AtomicBool>,
    ) -> Result<Session> {
        let is_role = role.is_some();
        let request = queue::Request {
            verb,
            is_role,
            stop,
            // Two active directors are worse than a release beside another change.
            patience: (role == Some(Role::Standby)).then_some(RELEASE_PATIENCE),
        };
        let lock = Lock::acquire(&self.directory, &request)?;
        let purpose = role.map_or(Purpose::File, |_| Purpose::Role);
        Ok(Session::new(self.clone(), lock, purpose))
    }

    /// Returns the record of a cluster on this node; an empty one if there is none. That of a node or cluster
    /// that was renamed is the one under its former name.
    ///
    /// A record from before the last boot, or of another network namespace, says nothing about this kernel:
    /// only its drains count, and after a reboot the role.
    ///
    /// # Errors
    /// The record cannot be read, or the file is no record.
    pub fn record(&self, node: &DesiredState) -> Result<Record> {
        Ok(self.known(node)?.record)
    }

    fn own_record(&self, node: &DesiredState) -> Result<Record> {
        let nothing = || Record::new(node.cluster.clone(), node.name.clone());
        let file = self.record_file(&node.cluster, &node.name);
        Ok(file.read()?.unwrap_or_else(nothing))
    }

    /// Returns all records.
    ///
    /// # Errors
    /// One cannot be read, or a file is no record.
    pub fn records(&self) -> Result<Vec<Record>> {
        RecordFile::all(&self.directory)?
            .iter()
            .filter_map(|file| file.read().transpose())
            .collect()
    }

    /// Returns whether a service leads probes and no clients: by the records that can be read, and by its
    /// mark, where that is of the usual block.
    pub fn probe_services(&self) -> impl Fn(&ServiceId) -> bool + use<> {
        let recorded: BTreeSet<ServiceId> = self
            .readable()
            .0
            .iter()
            .flat_map(|record| record.probes.iter().copied())
            .collect();
        move |id| match id {
            ServiceId::Fwmark { mark, .. } => {
                Marks::default().contains(*mark) || recorded.contains(id)
            }
            ServiceId::Socket { .. } => false,
        }
    }

    /// Returns what is known by the records alone of the nodes of a cluster that this host is, for a removal
    /// without the file: those that are applied, or else those that were. What only outlived a reboot, or the loss of
    /// a record, does not tell what to remove.
    ///
    /// # Errors
    /// Those of [`records`](Self::records).
    pub fn nodes_of(&self, cluster: &ClusterName) -> Result<Vec<DesiredState>> {
        let mut records = self.records()?;
        let tells = |record: &Record| record.is_applied() || !record.virtual_ips.is_empty();
        records.retain(|record| record.cluster() == cluster && tells(record));
        let is_applied = records.iter().any(Record::is_applied);
        Ok(records
            .iter()
            .filter(|record| record.is_applied() == is_applied)
            .map(Record::desired_state)
            .collect())
    }

    /// Confirms a change that was made with [`Session::confirm_within`]. The process that waits decides, and
    /// answers.
    ///
    /// # Errors
    /// No change waits for it, it is too late, or the process does not answer.
    pub fn confirm(&self) -> Result<()> {
        confirmation::confirm(&self.directory)
    }

    /// Returns what would have to change on this node by its record. Nothing is touched.
    ///
    /// # Errors
    /// Those of [`records`](Self::records) and [`Observed::read`].
    pub fn plan(&self, node: &DesiredState, host: &mut Host, options: PlanOptions) -> Result<Plan> {
        let kept = self.kept(&node.cluster).unwrap_or_default();
        let present = node.without(&kept.absent);
        let (mut plan, observed, record) = self.plan_of(&present, host, options)?;
        plan.notes
            .extend(self.abandoned_note(&present, &record, &observed));
        plan.notes.extend(self.controller_note(node));
        plan.notes.extend(kept.withdrawn_notes(node));
        plan.notes.extend(kept.other_weight(node));
        if let Some(left) = self.left(&node.cluster) {
            let undone = left.undone_by(&plan);
            plan.notes.extend(undone);
        }
        Ok(plan)
    }

    /// Returns the same without regard to a controller, which is the caller, or does not run.
    #[cfg(feature = "run")]
    pub(crate) fn plan_alone(
        &self,
        node: &DesiredState,
        host: &mut Host,
        options: PlanOptions,
    ) -> Result<Plan> {
        Ok(self.plan_of(node, host, options)?.0)
    }

    fn plan_of(
        &self,
        node: &DesiredState,
        host: &mut Host,
        options: PlanOptions,
    ) -> Result<(Plan, Observed, Record)> {
        let known = self.known(node)?;
        let observed = Observed::read(host, &ReadScope::recorded(node, &known.record))?;
        let mut plan = Plan::with_records(node, &observed, &known.record, &known.others, options);
        plan.notes.extend(known.notes());
        plan.refusals.extend(known.claims);
        Ok((plan, observed, known.record))
    }

    /// Returns what a removal would have to change on this node by its record. Nothing is touched.
    ///
    /// # Errors
    /// Those of [`record`](Self::record) and [`Observed::read`].
    pub fn plan_removal(&self, node: &DesiredState, host: &mut Host) -> Result<Plan> {
        let known = self.known_for_removal(node)?;
        let observed = Observed::read(host, &ReadScope::recorded(node, &known.record))?;
        Ok(known.removal(node, &observed))
    }

    /// Returns the records that can be read, and the others: a broken one concerns its cluster only.
    pub(in crate::cluster) fn readable(&self) -> (Vec<Record>, Vec<Unread>) {
        self.readable_but(|_| false)
    }

    /// Returns the same without a node's own record, which was read already and may be long.
    fn readable_beside(&self, node: &DesiredState) -> (Vec<Record>, Vec<Unread>) {
        let own = self.record_file(&node.cluster, &node.name);
        self.readable_but(|file| *file == own)
    }

    fn readable_but(
        &self,
        is_left_out: impl Fn(&RecordFile) -> bool,
    ) -> (Vec<Record>, Vec<Unread>) {
        let (mut records, mut unread) = (Vec::new(), Vec::new());
        let files = RecordFile::all(&self.directory).unwrap_or_else(|error| {
            unread.push(Unread(error));
            Vec::new()
        });
        for file in files.iter().filter(|file| !is_left_out(file)) {
            match file.read() {
                Ok(record) => records.extend(record),
                Err(error) => unread.push(Unread(error)),
            }
        }
        (records, unread)
    }

    fn record_file(&self, cluster: &ClusterName, node: &NodeName) -> RecordFile {
        RecordFile::of(&self.directory, cluster, node)
    }
}

/// Why a record cannot be read.
pub(in crate::cluster) struct Unread(pub(in crate::cluster) Error);

impl Unread {
    /// Returns what an operator of another cluster must know of it.
    pub(in crate::cluster) fn note(&self) -> String {
        let (operation, cause) = (self.0.operation(), self.0.cause());
        format!(
            "{operation}: {cause}; what is recorded there of this node is not known, and is left out of account"
        )
    }
}

impl Default for StateDir {
    fn default() -> Self {
        Self::at(Self::DEFAULT)
    }
}
