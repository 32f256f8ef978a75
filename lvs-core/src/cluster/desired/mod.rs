//! The desired state of one node of a cluster.
//!
//! What each forwarding method requires of a node is in [`nat`], [`dr`] and [`tunnel`]; [`director`] and
//! [`real_server`] combine them.

mod addresses;
mod director;
mod dr;
mod nat;
mod real_server;
mod service;
mod state;
mod tunnel;

pub use service::{DesiredService, HealthPart};
pub use state::{Desired, DesiredState};

use super::model::{Cluster, Role};

impl Cluster {
    /// Returns the desired state of the node of this name; `None` if the cluster has no such node.
    ///
    /// Of two directors the first of the file is taken as active, which is right only for a first apply: the
    /// file does not say which one is active later. [`node_as`](Self::node_as) takes the role.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<DesiredState> {
        if let Some(director) = self.director(name) {
            let role = self.first_role(director);
            return Some(DesiredState::director(self, director, role));
        }
        self.real_servers()
            .iter()
            .find(|server| server.name == *name)
            .map(|server| DesiredState::real_server(self, server))
    }

    /// Returns the desired state of one of two directors in a role; `None` for any other node, which has no
    /// role.
    #[must_use]
    pub fn node_as(&self, name: &str, role: Role) -> Option<DesiredState> {
        let director = self.director(name).filter(|_| self.is_paired())?;
        Some(DesiredState::director(self, director, Some(role)))
    }
}
