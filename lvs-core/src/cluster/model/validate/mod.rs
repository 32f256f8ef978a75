//! Whether the parts of a cluster fit together. One path, one problem, one remedy for each refusal.

mod address;
mod directors;
mod ipvs_sysctls;
mod node;
mod service;
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

pub(super) fn ipvs_sysctls(cluster: &Cluster) -> Result<(), DocumentError> {
    ipvs_sysctls::check(cluster)
}
