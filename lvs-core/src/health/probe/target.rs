//! What is probed.

use std::net::SocketAddr;

use crate::cluster::{ClusterName, NodeName};
use crate::health::{CheckKind, PathKey, ProbePath};
use crate::ipvs::{DestinationId, ServiceId};

/// Names the destination that is probed, for programs and files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceId,
    /// The real server's name.
    pub server: NodeName,
    /// The destination.
    pub destination: DestinationId,
}

/// A target of probes: what is tested, by which way, on which destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// What is tested.
    pub kind: CheckKind,
    /// The way.
    pub path: ProbePath,
    /// What identifies the way by the service; `None` for the way straight to the real server.
    pub via: Option<PathKey>,
    /// The destination.
    pub subject: Subject,
}

/// Identifies a target: services whose checks have the same one share its probe.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId {
    kind: CheckKind,
    destination: SocketAddr,
    via: Option<PathKey>,
    subject: Option<Subject>,
}

impl Target {
    /// Returns what identifies it. Marks and sources, which may change, do not belong to it; the
    /// destination's names belong to it only where the probe is told of them.
    #[must_use]
    pub fn id(&self) -> TargetId {
        TargetId {
            kind: self.kind.clone(),
            destination: self.path.destination,
            via: self.via,
            subject: (!self.kind.is_by_socket()).then(|| self.subject.clone()),
        }
    }
}
