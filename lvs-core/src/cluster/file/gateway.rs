//! `gateway`: an address alone, or a table.

use std::fmt;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::value::parse;
use crate::cluster::model::{DocumentError, DocumentErrorKind, Gateway, invalid};
use crate::name::IfName;

/// Holds `gateway = { address = "fe80::1", interface = "eth0", on-link = true }`, `gateway = { interface = "ppp0" }` or
/// `gateway = "192.168.1.254"`, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(default, deny_unknown_fields, rename_all = "kebab-case")
)]
pub struct GatewayTable {
    /// The router's address; absent: the other end of a point-to-point link.
    pub address: Option<String>,
    /// The interface of the link that router and node are on; absent: the one on whose network the address is.
    pub interface: Option<String>,
    /// Whether the router is on the link although it is on no network of the node.
    pub on_link: bool,
}

impl GatewayTable {
    pub(super) fn into_gateway(self) -> Result<Gateway, DocumentError> {
        let address = self
            .address
            .map(|address| parse(&address, "", "an IP address"));
        let interface = self.interface.map(IfName::new).transpose();
        let missing = |what| Err(DocumentError::new(DocumentErrorKind::Missing, "", what));
        match (
            address.transpose()?,
            interface.map_err(invalid("interface"))?,
        ) {
            (Some(address), Some(interface)) => Ok(Gateway::On {
                address,
                interface,
                on_link: self.on_link,
            }),
            (Some(_), None) if self.on_link => missing("on-link needs an interface")
                .map_err(|mistake| mistake.with_hint("add interface, as in interface = \"eth0\"")),
            (Some(address), None) => Ok(Gateway::Near(address)),
            (None, Some(_)) if self.on_link => {
                missing("on-link needs an address").map_err(|mistake| {
                    mistake.with_hint("add the router's address, or leave out on-link")
                })
            }
            (None, Some(interface)) => Ok(Gateway::Through(interface)),
            (None, None) => missing("address is missing").map_err(|mistake| {
                mistake.with_hint(
                    "add the router's address, or the interface of a point-to-point link",
                )
            }),
        }
    }
}

impl From<&Gateway> for GatewayTable {
    fn from(gateway: &Gateway) -> Self {
        Self {
            address: gateway.address().map(|address| address.to_string()),
            interface: gateway.interface().map(ToString::to_string),
            on_link: matches!(gateway, Gateway::On { on_link: true, .. }),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FullGateway {
    #[serde(default)]
    address: Option<String>,
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

/// Writes an address alone where there is no more.
impl Serialize for GatewayTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self {
                address: Some(address),
                interface: None,
                on_link: false,
            } => serializer.serialize_str(address),
            Self {
                address,
                interface,
                on_link,
            } => FullGateway {
                address: address.clone(),
                interface: interface.clone(),
                on_link: *on_link,
            }
            .serialize(serializer),
        }
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
            address: Some(address.to_owned()),
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
