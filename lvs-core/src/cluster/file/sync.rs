//! `[sync]`: the synchronisation of connections between directors.

use serde::{Deserialize, Serialize};

use super::value::{number, parse};
use crate::cluster::model::{DocumentError, Mistakes, Sync, invalid};
use crate::name::IfName;

/// Holds `[sync]` as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SyncTable {
    /// The id by which directors that belong together recognise each other, 0 to 255.
    #[serde(default)]
    pub id: Option<i64>,
    /// The director's interface towards the other one.
    #[serde(default)]
    pub interface: Option<String>,
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
    pub(super) fn into_sync(self, mistakes: &mut Mistakes) -> Option<Sync> {
        let group = self.group.as_deref();
        let group = group.map(|text| parse(text, "group", "a multicast address"));
        let group = mistakes.keep(group.unwrap_or(Ok(Sync::GROUP)));
        let length = self
            .max_length
            .unwrap_or_else(|| Sync::default_length(group.unwrap_or(Sync::GROUP)).into());
        let port = self.port.unwrap_or_else(|| Sync::PORT.into());
        let id = self.id.ok_or_else(|| DocumentError::missing("id"));
        let id = mistakes.keep(id.and_then(|id| number(id, "id", 0..=255)));
        let interface = self
            .interface
            .ok_or_else(|| DocumentError::missing("interface"));
        let interface = interface.and_then(|name| IfName::new(name).map_err(invalid("interface")));
        let interface = mistakes.keep(interface);
        let port = mistakes.keep(number(port, "port", 1..=65535));
        let ttl = mistakes.keep(number(self.ttl.unwrap_or(1), "ttl", 1..=255));
        let max_length = mistakes.keep(number(length, "max-length", 1..=65000));
        Some(Sync {
            id: id?,
            interface: interface?,
            group: group?,
            port: port?,
            ttl: ttl?,
            max_length: max_length?,
        })
    }
}
