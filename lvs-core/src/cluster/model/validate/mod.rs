//! Validation: whether the parts of a cluster fit together. Each refusal has one path and one problem, and
//! where possible a hint.

mod address;
mod directors;
mod ipvs_sysctls;
mod node;
mod service;
mod sync;

use super::cluster::Cluster;
use super::error::DocumentError;

impl Cluster {
    /// Validates nodes, then directors, then services, so that each step can rely on the ones before.
    pub(super) fn validate(&self) -> Result<(), DocumentError> {
        self.validate_names()?;
        self.validate_nodes()?;
        self.validate_directors()?;
        self.validate_addresses_are_unique()?;
        self.validate_services()?;
        self.validate_ways_back()
    }
}
