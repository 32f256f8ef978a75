//! Whether this host is the node that it is taken for.

use lvs_core::cluster::{DesiredState, HostIdentity, NodeName, OtherNode};
use lvs_core::{Cluster, Host};

use crate::arguments::{IdentityArguments, StateArguments};
use crate::exit::Problem;

impl IdentityArguments {
    /// Refuses to change a host that is evidently another node: it would take that node's addresses and
    /// routes, and both would stop to serve.
    pub(crate) fn check(
        &self,
        cluster: &Cluster,
        node: &DesiredState,
        state: &StateArguments,
        host: &mut Host,
    ) -> Result<(), Problem> {
        match other_node(cluster, node, state, host)? {
            Some(other) if !self.force_node => {
                Err(
                    Problem::usage(format!("--node {}: {other}", node.name)).with_hint(format!(
                        "add --node {}, or --force-node if this host is to be {}",
                        other.node, node.name
                    )),
                )
            }
            _ => Ok(()),
        }
    }
}

/// Returns the node that this host evidently is, if it is not the given one.
pub(crate) fn other_node(
    cluster: &Cluster,
    node: &DesiredState,
    state: &StateArguments,
    host: &mut Host,
) -> Result<Option<OtherNode>, Problem> {
    let identity = HostIdentity::read(host, &state.directory())?;
    Ok(cluster.other_node(node.name.as_str(), &identity))
}

/// Returns the node that this host evidently is.
pub(crate) fn evident_node(
    cluster: &Cluster,
    state: &StateArguments,
    host: &mut Host,
) -> Result<Option<NodeName>, Problem> {
    // Only root may read the records; the rest is evidence enough.
    let identity = match HostIdentity::read(host, &state.directory()) {
        Ok(identity) => identity,
        Err(_) => HostIdentity::without_records(host)?,
    };
    Ok(cluster.evident_node(&identity).cloned())
}
