//! Whether the parts of a cluster fit together. One path, one problem, one remedy for each refusal.

mod address;
mod node;
mod service;

use super::{Cluster, DocumentError};

pub(super) fn cluster(cluster: &Cluster) -> Result<(), DocumentError> {
    node::names(cluster)?;
    node::each(cluster)?;
    node::addresses_once(cluster)?;
    service::each(cluster)
}
