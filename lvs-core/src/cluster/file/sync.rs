//! `[sync]`: the synchronisation of connections between directors.

use serde::Deserialize;

use super::value::{number, parse};
use crate::cluster::model::{DocumentError, Sync, invalid};
use crate::name::IfName;

/// Holds `[sync]` as written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SyncTable {
    /// The id by which directors that belong together recognise each other, 0 to 255.
    pub id: i64,
    /// The director's interface towards the other one.
    pub interface: String,
    /// The multicast group; 224.0.0.81 if absent.
    #[serde(default)]
    pub group: Option<String>,
    /// The first UDP port; 8848 if absent.
    #[serde(default)]
    pub port: Option<i64>,
    /// The TTL of datagrams; 1, no router, if absent.
    #[serde(default)]
    pub ttl: Option<i64>,
    /// The largest payload of a datagram in bytes; 1472 if absent (1452 for an IPv6 group).
    #[serde(default)]
    pub max_length: Option<i64>,
}

impl SyncTable {
    pub(super) fn into_sync(self) -> Result<Sync, DocumentError> {
        let group = match &self.group {
            Some(text) => parse(text, "group", "a multicast address")?,
            None => Sync::GROUP,
        };
        let length = self
            .max_length
            .unwrap_or_else(|| Sync::default_length(group).into());
        Ok(Sync {
            id: number(self.id, "id", 0..=255)?,
            interface: IfName::new(self.interface).map_err(invalid("interface"))?,
            group,
            port: number(
                self.port.unwrap_or_else(|| Sync::PORT.into()),
                "port",
                1..=65535,
            )?,
            ttl: number(self.ttl.unwrap_or(1), "ttl", 1..=255)?,
            max_length: number(length, "max-length", 1..=65000)?,
        })
    }
}
