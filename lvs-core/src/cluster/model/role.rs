//! Which of two directors a director is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::InvalidValue;

/// The role of one of two directors, which changes; `lvsctl --role`.
///
/// | | active | standby |
/// |---|---|---|
/// | floating addresses, and routes that need them | there; neighbours are told when they come | not there |
/// | own addresses, switches, services, sync daemons | there | there |
///
/// So a takeover is two or three addresses and nothing else, and needs nothing of the other director: it
/// may be dead. Where the directors are each other's real servers too, a standby does not balance once more
/// what the active one sends it: with sync daemons by `backup_only`, without them it has no such services.
///
/// Which one is active is not the file's business and not this library's: a VRRP daemon like keepalived
/// decides, and has the role applied. The [`Record`](super::Record) remembers it.
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
    /// It carries the floating addresses: clients and real servers reach it.
    Active,
    /// It has all but those, so that it can take over by adding them.
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
