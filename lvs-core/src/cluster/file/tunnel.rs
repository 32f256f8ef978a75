//! `tunnel = { … }`: the encapsulation that the forwarding method `tunnel` uses.

use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use super::value::{out_of_range, refuse};
use crate::cluster::model::{DocumentError, DocumentErrorKind, VirtualService};
use crate::ipvs::{Encapsulation, TunnelChecksum};

/// Holds `tunnel = { type = "gue", port = 5555, checksum = "full" }` as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TunnelTable {
    /// `ipip`, `gue` or `gre`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The UDP port on which real servers receive; required for gue, refused otherwise.
    #[serde(default)]
    pub port: Option<i64>,
    /// `none` (default), `full`, or for gue `remote`.
    #[serde(default)]
    pub checksum: Option<String>,
}

impl TunnelTable {
    pub(super) fn into_encapsulation(self) -> Result<Encapsulation, DocumentError> {
        match self.kind.to_ascii_lowercase().as_str() {
            "gue" => Ok(Encapsulation::Gue {
                port: self.gue_port()?,
                checksum: self.checksum()?,
            }),
            "gre" => {
                refuse(self.port.is_some(), "port", "gre has no port")?;
                Ok(Encapsulation::Gre {
                    checksum: self.checksum()?,
                })
            }
            "ipip" => {
                refuse(self.port.is_some(), "port", "ipip has no port")?;
                refuse(self.checksum.is_some(), "checksum", "ipip has no checksum")?;
                Ok(Encapsulation::Ipip)
            }
            _ => Err(DocumentError::new(
                DocumentErrorKind::UnknownName,
                "type",
                format!("unknown tunnel type {:?}", self.kind),
            )
            .with_hint("the types are ipip, gue and gre")),
        }
    }

    fn gue_port(&self) -> Result<NonZeroU16, DocumentError> {
        let Some(port) = self.port else {
            return Err(DocumentError::new(
                DocumentErrorKind::Missing,
                "port",
                "gue needs the UDP port on which real servers receive",
            )
            .with_hint("add port = 5555, for example"));
        };
        u16::try_from(port)
            .ok()
            .and_then(NonZeroU16::new)
            .ok_or_else(|| out_of_range(port, "port", &(1..=65535)))
    }

    fn checksum(&self) -> Result<TunnelChecksum, DocumentError> {
        let (kind, problem, hint) = match self.checksum.as_deref() {
            None | Some("none") => return Ok(TunnelChecksum::None),
            Some("full") => return Ok(TunnelChecksum::Full),
            Some("remote") if self.kind.eq_ignore_ascii_case("gue") => {
                return Ok(TunnelChecksum::Remote);
            }
            Some("remote") => (
                DocumentErrorKind::Conflict,
                "gre has no remote checksums".to_owned(),
                "the checksums of gre are none and full",
            ),
            Some(text) => (
                DocumentErrorKind::UnknownName,
                format!("unknown checksum {text:?}"),
                "the checksums are none, full, and for gue remote",
            ),
        };
        Err(DocumentError::new(kind, "checksum", problem).with_hint(hint))
    }
}

/// Refuses a tunnel that no destination uses.
pub(super) fn must_be_used<'a>(
    services: impl IntoIterator<Item = &'a VirtualService>,
) -> Result<(), DocumentError> {
    let is_used = services
        .into_iter()
        .flat_map(|service| &service.destinations)
        .any(|destination| destination.forwarding.is_tunnel());
    match is_used {
        true => Ok(()),
        false => Err(DocumentError::new(
            DocumentErrorKind::Unused,
            "tunnel",
            "no destination is reached by tunnel",
        )
        .with_hint("leave it out, or write forwarding = \"tunnel\"")),
    }
}
