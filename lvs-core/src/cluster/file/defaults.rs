//! `[defaults]`: what real servers have that do not say otherwise.

use serde::{Deserialize, Serialize};

use super::gateway::GatewayTable;
use super::node::{gateway, interface};
use crate::cluster::model::{Gateway, Mistakes};
use crate::name::IfName;

/// Holds `[defaults]` as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DefaultsTable {
    /// The interface of real servers' addresses that name none.
    #[serde(default)]
    pub interface: Option<String>,
    /// The gateway of real servers that name none.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::schema::gateway"))]
    pub gateway: Option<GatewayTable>,
}

/// Holds the defaults, once they are checked.
#[derive(Clone, Debug, Default)]
pub(super) struct Defaults {
    pub(super) interface: DefaultInterface,
    pub(super) gateway: Option<Gateway>,
}

/// The interface of addresses that name none.
#[derive(Clone, Debug, Default)]
pub(super) enum DefaultInterface {
    /// The file has none.
    #[default]
    Absent,
    /// The file has one that is wrong.
    Wrong,
    Named(IfName),
}

impl DefaultsTable {
    pub(super) fn into_defaults(self, mistakes: &mut Mistakes) -> Defaults {
        let gateway = self.gateway.map(gateway).transpose();
        let interface = self.interface.map(interface).transpose();
        Defaults {
            gateway: mistakes.keep(gateway).flatten(),
            interface: match mistakes.keep(interface) {
                Some(Some(name)) => DefaultInterface::Named(name),
                Some(None) => DefaultInterface::Absent,
                None => DefaultInterface::Wrong,
            },
        }
    }
}
