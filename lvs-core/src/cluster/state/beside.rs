//! One writer: what other processes may change on a node that a controller keeps.

use super::former::Former;
use super::kept::Kept;
use super::session::Purpose;
use super::{Session, StateDir, lock};
use crate::cluster::change::Object;
use crate::cluster::plan::Plan;
use crate::cluster::{ClusterName, DesiredService, DesiredState, HealthPart, Record};
use crate::error::{Error, Operation, Result};
use crate::ipvs::{Command, ServiceId};

const OTHER_FILE: &str = "change the file that it keeps, which it loads again by itself; SIGHUP loads it at once, and repairs";

const OTHER_STATE: &str =
    "name the same state directory with --state, or end that controller first";

impl StateDir {
    /// Returns which controller keeps a cluster on this node: `run /etc/lvs/web.toml (process 12)`; `None` if none
    /// does. One in this network namespace that has another state directory keeps it, too.
    #[must_use]
    pub fn controller(&self, cluster: &ClusterName) -> Option<String> {
        self.own_controller(cluster)
            .or_else(|| controller_elsewhere(cluster))
    }

    /// Returns the controllers in this network namespace that have another state directory, of all clusters or of one.
    #[cfg(feature = "run")]
    pub(crate) fn controllers_elsewhere(&self, cluster: Option<&ClusterName>) -> Vec<String> {
        let mut clusters = super::NamespaceLock::clusters();
        clusters.retain(|found| {
            cluster.is_none_or(|name| name == found) && self.own_controller(found).is_none()
        });
        clusters.iter().filter_map(controller_elsewhere).collect()
    }

    /// Returns which controller with this state directory keeps a cluster.
    pub(super) fn own_controller(&self, cluster: &ClusterName) -> Option<String> {
        lock::holder_of(self.directory(), &format!("{cluster}.run"))
    }

    /// Returns whether the controller of a cluster reads other records, so that it learns of no role and no drain.
    fn is_kept_elsewhere(&self, cluster: &ClusterName) -> bool {
        self.own_controller(cluster).is_none() && controller_elsewhere(cluster).is_some()
    }

    /// Refuses the removal of a cluster that a controller keeps: it would restore it.
    ///
    /// # Errors
    /// A controller keeps the cluster.
    pub fn refuse_removal_beside_controller(&self, cluster: &ClusterName) -> Result<()> {
        self.refuse("remove", cluster, "would change that back")
            .map_err(|error| {
                error.with_hint(
                    "end that controller first; `run --remove-on-exit` removes as it ends",
                )
            })
    }

    /// Refuses an apply beside a controller that keeps another file: it would change that back. What it has removed
    /// because of health is no difference, and roles and drains are no such changes.
    ///
    /// # Errors
    /// A controller keeps the cluster, and the plan is not empty, or the file has other weights.
    pub fn refuse_apply_beside_controller(&self, node: &DesiredState, plan: &Plan) -> Result<()> {
        let kept = self.kept(&node.cluster).unwrap_or_default();
        self.refuse_other_file(node, plan, &kept)
    }

    fn refuse_other_file(&self, node: &DesiredState, plan: &Plan, kept: &Kept) -> Result<()> {
        self.refuse_beside_other_state("apply", &node.cluster)?;
        let problem = match (plan.is_empty(), kept.other_weight(node)) {
            (false, _) => "would change that back".to_owned(),
            (true, Some(weight)) => format!("sets the weights of its own file: {weight}"),
            (true, None) => return Ok(()),
        };
        self.refuse("apply", &node.cluster, &problem)
            .map_err(|error| error.with_hint(OTHER_FILE))
    }

    /// Refuses what the controller of a cluster would never learn of, because it has another state directory.
    pub(in crate::cluster) fn refuse_beside_other_state(
        &self,
        verb: &'static str,
        cluster: &ClusterName,
    ) -> Result<()> {
        match self.is_kept_elsewhere(cluster) {
            true => self
                .refuse(verb, cluster, "has another state directory")
                .map_err(|error| error.with_hint(OTHER_STATE)),
            false => Ok(()),
        }
    }

    fn refuse_renamed(&self, node: &DesiredState, former: &ClusterName) -> Result<()> {
        self.controller(former).map_or(Ok(()), |controller| {
            let problem = format!(
                "the cluster {former} on this node has the same virtual IPs, and {controller} keeps it"
            );
            let hint = format!(
                "give one of them other virtual IPs; or, if {former} is to be renamed, end its controller first"
            );
            let operation = Operation::new("apply", &node.cluster);
            Err(Error::invalid(operation, problem).with_hint(hint))
        })
    }

    fn refuse(&self, verb: &'static str, cluster: &ClusterName, problem: &str) -> Result<()> {
        self.controller(cluster).map_or(Ok(()), |controller| {
            let problem = format!("{controller} keeps this cluster, and {problem}");
            Err(Error::invalid(Operation::new(verb, cluster), problem))
        })
    }

    pub(super) fn controller_note(&self, node: &DesiredState) -> Option<String> {
        let is_checked = |desired: &DesiredService| desired.health == HealthPart::Checked;
        match self.controller(&node.cluster) {
            Some(controller) => Some(format!(
                "{controller} keeps this cluster: it changes back what differs from its own file, and sets the weights \
                 of services with a check"
            )),
            None if node.services.iter().any(is_checked) => Some(
                "no controller runs: nothing tests the real servers of services with a check until `lvsctl run` runs"
                    .to_owned(),
            ),
            None => None,
        }
    }

    /// Returns what an operator must know who changes the kernel's table by hand: which controllers keep what the
    /// commands change.
    #[must_use]
    pub fn notes_beside_controllers(&self, commands: &[Command]) -> Vec<String> {
        let (records, _) = self.readable();
        records
            .iter()
            .filter(|record| record.is_applied())
            .filter_map(|record| {
                let object = commands.iter().find_map(|command| record.kept(command))?;
                let controller = self.controller(record.cluster())?;
                Some(format!(
                    "{object}: {controller} keeps it for the cluster {}, and changes back what differs from its file, \
                     or reports it with --report-only",
                    record.cluster()
                ))
            })
            .collect()
    }
}

/// Returns which controller keeps a cluster in this network namespace, in whichever state directory.
fn controller_elsewhere(cluster: &ClusterName) -> Option<String> {
    #[cfg(feature = "run")]
    return super::NamespaceLock::holder(cluster);
    #[cfg(not(feature = "run"))]
    {
        let _ = cluster;
        None
    }
}

impl Record {
    /// Returns what a command changes that the cluster has.
    fn kept(&self, command: &Command) -> Option<String> {
        let service = match command {
            Command::AddService(service) | Command::EditService(service) => &service.id,
            Command::DeleteService(service)
            | Command::AddDestination(service, _)
            | Command::EditDestination(service, _)
            | Command::DeleteDestination(service, _) => service,
            Command::Flush => {
                return self
                    .has(|object| matches!(object, Object::Service(_)))
                    .then(|| "every service".to_owned());
            }
            Command::SetTimeouts(_) => {
                return self
                    .has(|object| matches!(object, Object::Timeouts(_)))
                    .then(|| "timeouts".to_owned());
            }
            Command::StartDaemon(_) | Command::StopDaemon(_) => {
                return self
                    .has(|object| matches!(object, Object::Daemon(_)))
                    .then(|| "synchronisation daemons".to_owned());
            }
            Command::Zero(_) => return None,
        };
        self.has_service(service).then(|| service.to_string())
    }

    fn has(&self, is_it: impl Fn(&Object) -> bool) -> bool {
        self.entries().filter_map(|entry| entry.after()).any(is_it)
    }

    /// Returns whether a service is the cluster's, or would be deleted as one that its file does not name.
    fn has_service(&self, id: &ServiceId) -> bool {
        let is_on_virtual_ip = matches!(id, ServiceId::Socket { address, .. } if self.virtual_ips.contains(&address.ip()));
        is_on_virtual_ip
            || self.has(|object| matches!(object, Object::Service(service) if service.id == *id))
    }
}

impl Session {
    /// Returns what the controller of the cluster keeps, unless it is the caller.
    pub(super) fn kept(&self, node: &DesiredState) -> Kept {
        match self.purpose {
            Purpose::Health => Kept::default(),
            Purpose::File | Purpose::Role => self.state.kept(&node.cluster).unwrap_or_default(),
        }
    }

    /// Refuses an apply of another file, other than that of a role, beside the controller of the cluster, and any
    /// beside that of the cluster's former name.
    pub(super) fn refuse_apply(
        &self,
        node: &DesiredState,
        plan: &Plan,
        kept: &Kept,
        former: Option<&Former>,
    ) -> Result<()> {
        match self.purpose {
            Purpose::Health => {}
            Purpose::Role if !self.state.is_kept_elsewhere(&node.cluster) => {}
            Purpose::File | Purpose::Role => self.state.refuse_other_file(node, plan, kept)?,
        }
        former
            .filter(|_| !plan.is_empty())
            .map_or(Ok(()), |former| {
                self.state.refuse_renamed(node, former.cluster())
            })
    }

    /// Refuses a removal by another process than the controller of the cluster.
    pub(super) fn refuse_removal(&self, node: &DesiredState) -> Result<()> {
        match self.purpose {
            Purpose::Health => Ok(()),
            Purpose::File | Purpose::Role => {
                self.state.refuse_removal_beside_controller(&node.cluster)
            }
        }
    }

    /// Returns what an operator has to know of the controller of the cluster, unless it is the caller.
    pub(super) fn controller_note(&self, node: &DesiredState) -> Option<String> {
        match self.purpose {
            Purpose::Health => None,
            Purpose::File | Purpose::Role => self.state.controller_note(node),
        }
    }
}
