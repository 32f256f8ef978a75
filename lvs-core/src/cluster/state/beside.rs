//! One writer: what other processes may change on a node that a controller keeps.

use super::former::Former;
use super::{Session, StateDir, lock};
use crate::cluster::{ClusterName, DesiredState};
use crate::error::{Error, Operation, Result};

impl StateDir {
    /// Returns which controller keeps a cluster on this node: `run /etc/lvs/web.toml (process 12)`; `None` if none
    /// does.
    #[must_use]
    pub fn controller(&self, cluster: &ClusterName) -> Option<String> {
        lock::holder_of(self.directory(), &format!("{cluster}.run"))
    }

    /// Refuses a change of a node that a controller keeps: it would change it back. Roles and drains are no such
    /// changes.
    ///
    /// # Errors
    /// A controller keeps the cluster.
    pub fn refuse_beside_controller(
        &self,
        verb: &'static str,
        cluster: &ClusterName,
    ) -> Result<()> {
        let Some(controller) = self.controller(cluster) else {
            return Ok(());
        };
        let problem = format!("{controller} keeps this cluster, and would change that back");
        Err(Error::invalid(Operation::new(verb, cluster), problem).with_hint(match verb {
            "remove" => "end that controller first; `run --remove-on-exit` removes as it ends",
            _ => {
                "change the file that it keeps, which it loads again by itself; SIGHUP loads it at once, and repairs"
            }
        }))
    }

    pub(super) fn controller_note(&self, node: &DesiredState) -> Option<String> {
        let controller = self.controller(&node.cluster)?;
        Some(format!(
            "{controller} keeps this cluster: it changes back what differs from its own file, and sets the weights of \
             services with a check"
        ))
    }
}

impl Session {
    /// Refuses an apply, other than that of a role, beside the controller of the cluster, and any beside that of the
    /// cluster's former name.
    pub(super) fn refuse_apply(&self, node: &DesiredState, former: Option<&Former>) -> Result<()> {
        if !self.is_role && !self.is_by_health {
            self.state
                .refuse_beside_controller("apply", &node.cluster)?;
        }
        former.map_or(Ok(()), |former| {
            self.state
                .refuse_beside_controller("apply", former.cluster())
        })
    }

    /// Refuses a removal by another process than the controller of the cluster.
    pub(super) fn refuse_removal(&self, node: &DesiredState) -> Result<()> {
        match self.is_by_health {
            true => Ok(()),
            false => self.state.refuse_beside_controller("remove", &node.cluster),
        }
    }

    /// Returns what an operator has to know of the controller of the cluster, unless it is the caller.
    pub(super) fn controller_note(&self, node: &DesiredState) -> Option<String> {
        (!self.is_by_health)
            .then(|| self.state.controller_note(node))
            .flatten()
    }
}
