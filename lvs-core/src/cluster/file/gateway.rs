//! `gateway`: an address alone, or a table.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::value::parse;
use crate::cluster::model::{DocumentError, DocumentErrorKind, Gateway, invalid};
use crate::name::IfName;

/// Holds `gateway = { address = "fe80::1", interface = "eth0", on-link = true }`, or `gateway = "192.168.1.254"`,
/// as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(default, deny_unknown_fields, rename_all = "kebab-case")
)]
pub struct GatewayTable {
    /// The router's address.
    pub address: String,
    /// The interface of the link that router and node are on; absent: the one on whose network the address is.
    pub interface: Option<String>,
    /// Whether the router is on the link although it is on no network of the node.
    pub on_link: bool,
}

impl GatewayTable {
    pub(super) fn into_gateway(self) -> Result<Gateway, DocumentError> {
        let address = parse(&self.address, "", "an IP address")?;
        match self.interface {
            Some(interface) => Ok(Gateway::On {
                address,
                interface: IfName::new(interface).map_err(invalid("interface"))?,
                on_link: self.on_link,
            }),
            None if self.on_link => Err(DocumentError::new(
                DocumentErrorKind::Missing,
                "",
                "on-link needs an interface",
            )
            .with_hint("add interface, as in interface = \"eth0\"")),
            None => Ok(Gateway::Near(address)),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FullGateway {
    address: String,
    #[serde(default)]
    interface: Option<String>,
    #[serde(default)]
    on_link: bool,
}

/// Written by hand, because serde's untagged enums lose what was wrong and where.
impl<'de> Deserialize<'de> for GatewayTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GatewayVisitor)
    }
}

struct GatewayVisitor;

impl<'de> Visitor<'de> for GatewayVisitor {
    type Value = GatewayTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an address, or { address = \"fe80::1\", interface = \"eth0\", on-link = true }",
        )
    }

    fn visit_str<E: de::Error>(self, address: &str) -> Result<Self::Value, E> {
        Ok(GatewayTable {
            address: address.to_owned(),
            ..GatewayTable::default()
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let full = FullGateway::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(GatewayTable {
            address: full.address,
            interface: full.interface,
            on_link: full.on_link,
        })
    }
}
