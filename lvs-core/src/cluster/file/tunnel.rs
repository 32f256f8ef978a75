//! From `tunnel = { … }` as written to an encapsulation.

use super::TunnelTable;
use super::convert::number;
use crate::cluster::{DocumentError, VirtualService};
use crate::ipvs::{Encapsulation, Forwarding, TunnelChecksum};

/// What the file says of tunnels, if it does.
pub(super) fn encapsulation(
    table: Option<TunnelTable>,
) -> Result<Option<Encapsulation>, DocumentError> {
    let convert = |table: TunnelTable| tunnel(&table).map_err(|error| error.within("tunnel"));
    table.map(convert).transpose()
}

fn tunnel(table: &TunnelTable) -> Result<Encapsulation, DocumentError> {
    let kind = table.kind.as_str();
    match kind {
        "gue" => {
            let missing = || {
                DocumentError::new("port", "gue needs the port on which real servers listen")
                    .remedy("add port = 5555, say")
            };
            let port = number::<u16>(table.port.ok_or_else(missing)?, "port", 1..=65535)?;
            Ok(Encapsulation::Gue {
                port: port.try_into().map_err(|_| missing())?,
                checksum: checksum(table)?,
            })
        }
        "gre" => {
            refuse("port", kind, table.port.is_some())?;
            Ok(Encapsulation::Gre {
                checksum: checksum(table)?,
            })
        }
        "ipip" => {
            refuse("port", kind, table.port.is_some())?;
            refuse("checksum", kind, table.checksum.is_some())?;
            Ok(Encapsulation::Ipip)
        }
        _ => Err(
            DocumentError::new("type", format!("unknown tunnel type {kind:?}"))
                .remedy("the types are ipip, gue and gre"),
        ),
    }
}

fn refuse(key: &str, kind: &str, is_there: bool) -> Result<(), DocumentError> {
    match is_there {
        true => Err(DocumentError::new(key, format!("{kind} has no {key}")).remedy("leave it out")),
        false => Ok(()),
    }
}

fn checksum(table: &TunnelTable) -> Result<TunnelChecksum, DocumentError> {
    let wrong =
        |problem: String, remedy| Err(DocumentError::new("checksum", problem).remedy(remedy));
    match table.checksum.as_deref() {
        None | Some("none") => Ok(TunnelChecksum::None),
        Some("full") => Ok(TunnelChecksum::Full),
        Some("remote") if table.kind == "gue" => Ok(TunnelChecksum::Remote),
        Some("remote") => wrong(
            "gre has no remote checksums".to_owned(),
            "it has none and full",
        ),
        Some(text) => wrong(
            format!("unknown checksum {text:?}"),
            "there are none, full, and for gue remote",
        ),
    }
}

/// A tunnel that nothing goes through is a mistake.
pub(super) fn is_used(
    tunnel: Option<Encapsulation>,
    services: &[VirtualService],
) -> Result<(), DocumentError> {
    let mut destinations = services.iter().flat_map(|service| &service.destinations);
    let used = destinations.any(|it| matches!(it.forwarding, Forwarding::Tunnel(_)));
    match tunnel {
        Some(_) if !used => Err(
            DocumentError::new("tunnel", "nothing is forwarded by tunnel")
                .remedy("leave it out, or write forwarding = \"tunnel\""),
        ),
        _ => Ok(()),
    }
}
