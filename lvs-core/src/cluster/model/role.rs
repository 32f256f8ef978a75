//! The role of a director: active or standby.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::InvalidValue;

/// Says which of two directors a director is at the moment; `lvsctl --role`.
///
/// | | active | standby |
/// |---|---|---|
/// | floating addresses, and routes that need them | present; announced when they are added | absent |
/// | own addresses, sysctls, services, sync daemons | present | present |
///
/// A takeover therefore adds two or three addresses and nothing else, and needs nothing from the other
/// director, which may be dead. Where the directors are each other's real servers too, a standby does not
/// balance again what the active director sends it: with sync daemons `backup_only` prevents that, without
/// them the standby does not have those services.
///
/// Neither the file nor this library decides which director is active: a VRRP daemon like keepalived decides
/// and has the role applied. The [`Record`](crate::cluster::Record) remembers it.
///
/// ```
/// use lvs_core::cluster::Role;
/// let role: Role = "standby".parse()?;
/// assert_eq!(role, Role::Standby);
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The director carries the floating addresses: clients and real servers reach it.
    Active,
    /// The director has everything but the floating addresses, so that it can take over by adding them.
    Standby,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "active",
            Self::Standby => "standby",
        })
    }
}

impl FromStr for Role {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "active" => Ok(Self::Active),
            "standby" => Ok(Self::Standby),
            _ => Err(InvalidValue::new("role", text, "is not active or standby")),
        }
    }
}
