//! Whether the parts of a cluster fit together. One path, one problem, one remedy for each refusal.

mod address;
mod directors;
mod node;
mod service;
mod switches;
mod sync;

use super::{Cluster, DocumentError, Sync};

pub(super) fn cluster(cluster: &Cluster) -> Result<(), DocumentError> {
    node::names(cluster)?;
    node::each(cluster)?;
    directors::check(cluster)?;
    node::addresses_once(cluster)?;
    service::each(cluster)?;
    directors::services(cluster)
}

pub(super) fn sync(cluster: &Cluster, sync: &Sync) -> Result<(), DocumentError> {
    sync::check(cluster, sync)
}

pub(super) fn switches(cluster: &Cluster) -> Result<(), DocumentError> {
    switches::check(cluster)
}
