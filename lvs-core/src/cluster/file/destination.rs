//! `destinations`: which nodes serve a service, and how packets reach them.

use serde::Deserialize;

use super::value::{number, weight};
use crate::cluster::model::{
    DocumentError, DocumentErrorKind, NodeName, VirtualDestination, invalid,
};
use crate::ipvs::{Encapsulation, Forwarding, Thresholds};

/// Holds an entry of `destinations` as written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DestinationTable {
    /// The name of a real server, or of the director itself.
    pub real_server: String,
    /// The destination's port, with nat only; absent: the service's.
    #[serde(default)]
    pub port: Option<i64>,
    /// The destination's weight; absent: the real server's.
    #[serde(default)]
    pub weight: Option<i64>,
    /// The forwarding method; absent: the cluster's.
    #[serde(default)]
    pub forwarding: Option<String>,
    /// The number of connections from which on it gets no new ones; 0 or absent is never.
    #[serde(default)]
    pub upper_threshold: i64,
    /// The number of connections below which it gets new ones again; 0 or absent is three quarters of the
    /// upper threshold.
    #[serde(default)]
    pub lower_threshold: i64,
}

impl DestinationTable {
    pub(super) fn into_destination(
        self,
        default: Forwarding,
        tunnel: Encapsulation,
    ) -> Result<VirtualDestination, DocumentError> {
        Ok(VirtualDestination {
            forwarding: match &self.forwarding {
                Some(text) => forwarding(text, tunnel)?,
                None => default,
            },
            thresholds: self.thresholds()?,
            real_server: NodeName::new(self.real_server).map_err(invalid("real-server"))?,
            port: self
                .port
                .map(|port| number(port, "port", 1..=65535))
                .transpose()?,
            weight: self.weight.map(weight).transpose()?,
        })
    }

    fn thresholds(&self) -> Result<Thresholds, DocumentError> {
        let range = || 0..=i64::from(i32::MAX);
        let upper = number(self.upper_threshold, "upper-threshold", range())?;
        let lower = number(self.lower_threshold, "lower-threshold", range())?;
        Thresholds::new(upper, lower).map_err(invalid("lower-threshold"))
    }
}

/// Parses the key `forwarding` of the cluster or of a destination; `tunnel` means the cluster's encapsulation.
pub(super) fn forwarding(text: &str, tunnel: Encapsulation) -> Result<Forwarding, DocumentError> {
    match (text, text.parse()) {
        ("tunnel", _) => Ok(Forwarding::Tunnel(tunnel)),
        ("ipip", Ok(method))
        | (_, Ok(method @ (Forwarding::Masquerade | Forwarding::DirectRouting))) => Ok(method),
        _ => Err(DocumentError::new(
            DocumentErrorKind::UnknownName,
            "forwarding",
            format!("unknown forwarding method {text:?}"),
        )
        .with_hint("the methods are nat, dr and tunnel")),
    }
}
