//! UDP ports whose packets the kernel decapsulates: generic UDP encapsulation (GUE).

pub(crate) mod message;

use std::fmt;
use std::num::NonZeroU16;

use netlink_sys::protocols::NETLINK_GENERIC;
use serde::{Deserialize, Serialize};

use super::errno;
use crate::error::{Operation, Result};
use crate::ipvs::Family;
use crate::netlink::{Conn, family};

/// The kernel's name of the generic netlink family, and of its module.
const NAME: &str = "fou";

/// Describes a UDP port on which the kernel receives GUE packets for any address of this host and decapsulates
/// them.
///
/// The text is `udp port 5555 ipv4`.
#[doc(alias("fou", "foo over udp", "GUE"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GueListener {
    /// The UDP port.
    pub port: NonZeroU16,
    /// The family of the outer packet.
    pub family: Family,
}

impl fmt::Display for GueListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "udp port {} {}", self.port, self.family)
    }
}

/// Lists and changes the GUE ports of one network namespace: that of the thread which opened it.
///
/// Listing never makes the kernel load its module `fou`.
///
/// ```no_run
/// use lvs_core::ipvs::Family;
/// use lvs_core::net::{Fou, GueListener};
/// let mut fou = Fou::open()?;
/// let listener = GueListener { port: 5555.try_into()?, family: Family::Ipv4 };
/// fou.add(&listener)?;
/// assert!(fou.listeners()?.contains(&listener));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Fou {
    conn: Conn,
}

impl fmt::Debug for Fou {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fou").finish_non_exhaustive()
    }
}

impl Fou {
    /// Opens the handle of the calling thread's network namespace.
    ///
    /// # Errors
    /// The kernel has no generic netlink, or the process has no file descriptor left.
    pub fn open() -> Result<Self> {
        let conn = Conn::open(NETLINK_GENERIC)?;
        Ok(Self { conn })
    }

    /// Returns all GUE ports, none where the module is not loaded. Ports with another encapsulation are left
    /// out.
    ///
    /// # Errors
    /// Lack of privilege, or answers were lost.
    pub fn listeners(&mut self) -> Result<Vec<GueListener>> {
        let operation = Operation::new("list", "GUE listeners");
        let Some(number) = family::find(&mut self.conn, &operation, NAME)? else {
            return Ok(Vec::new());
        };
        Ok(self
            .conn
            .dump(&operation, number, &message::list())
            .map_err(errno::fou)?
            .iter()
            .filter_map(|reply| message::decode(&reply.payload))
            .collect())
    }

    /// Opens a port. The kernel loads the module `fou` for that if it can.
    ///
    /// # Errors
    /// The port is in use, no such module, or no privilege.
    pub fn add(&mut self, listener: &GueListener) -> Result<()> {
        self.change("add GUE listener", listener, message::add(listener))
    }

    /// Closes a port.
    ///
    /// # Errors
    /// There is no such port, or no privilege.
    pub fn delete(&mut self, listener: &GueListener) -> Result<()> {
        self.change("delete GUE listener", listener, message::delete(listener))
    }

    fn change(
        &mut self,
        verb: &'static str,
        listener: &GueListener,
        payload: Vec<u8>,
    ) -> Result<()> {
        let operation = Operation::new(verb, listener);
        let number = family::resolve(&mut self.conn, &operation, NAME).map_err(errno::no_fou)?;
        self.conn
            .request(&operation, number, 0, &payload)
            .map(drop)
            .map_err(errno::fou)
    }
}
