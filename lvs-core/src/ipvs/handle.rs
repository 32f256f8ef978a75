//! The handle of the kernel's IPVS in one network namespace.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use netlink_sys::protocols::NETLINK_GENERIC;

use super::channel::Channel;
use super::errno;
use super::message::FAMILY_NAME;
use crate::error::{Operation, Result};
use crate::netlink::packet::Packet;
use crate::netlink::{Conn, family};

/// The room for one datagram on the second socket, in bytes. The first one's datagrams are of 32 KiB;
/// with the golden ratio between the two, the places where a dump is cut stay as far apart as possible.
const SECOND_ROOM: usize = 20_252;

/// Reads and changes the IPVS table of one network namespace: that of the thread that opened it.
///
/// [`snapshot`](Self::snapshot) reads the whole table, [`replace`](Self::replace) makes it equal to
/// another one, and the `ensure_*` methods change one entry only if it differs. Below them is one method
/// for each request of the kernel, and [`batch`](Self::batch) for thousands of changes at once.
///
/// ```no_run
/// use lvs_core::ipvs::{Destination, Forwarding, Ipvs, SchedulerName, Service};
///
/// let mut ipvs = Ipvs::open()?;
/// let service = Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::WRR);
/// let server = Destination::new("192.168.1.12:80".parse()?, Forwarding::DirectRouting);
/// ipvs.ensure_service(&service)?;
/// ipvs.ensure_destination(&service.id, &server)?;
///
/// for entry in ipvs.snapshot()? {
///     println!("{}", entry.status.service);
///     for status in entry.destinations {
///         println!("  {}: {} active connections", status.destination, status.active);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Every call is one exchange with the kernel and blocks until it is complete. The kernel executes a
/// request while it is sent, so this takes microseconds (milliseconds for a dump, and tens of them if a
/// scheduler's module is loaded). Answers are awaited for 5 seconds at most, or for the time
/// [that was set](Self::set_timeout).
///
/// The handle survives that the module is unloaded and loaded again: the next call finds it. While it is
/// unloaded every call fails with [`is_not_loaded`](crate::Error::is_not_loaded), and no call loads it but
/// [`reopen`](Self::reopen).
///
/// Keep the handle: opening it costs several times as much as a request.
///
/// Everything, reading included, needs `CAP_NET_ADMIN` in the initial user namespace.
#[doc(alias = "ipvsadm")]
pub struct Ipvs {
    pub(super) channel: Channel,
    /// For second dumps, which must be cut at other places. It is opened together with the first,
    /// because later the thread, or the handle, may be in another namespace.
    pub(super) second: Channel,
    /// Kept from batch to batch for its memory.
    pub(super) packet: Packet,
}

impl Ipvs {
    /// Opens the IPVS of the calling thread's network namespace.
    ///
    /// This may load the module `ip_vs`, which needs no privilege: the kernel loads it when it is asked
    /// for the number of the netlink family. If that is unwanted, look for
    /// `/proc/thread-self/net/ip_vs` first ([`Proc::is_ipvs_loaded`](crate::proc::Proc::is_ipvs_loaded)).
    ///
    /// # Errors
    /// [`is_not_loaded`](crate::Error::is_not_loaded) if the kernel has no ip_vs. A missing privilege
    /// shows only in the first request.
    pub fn open() -> Result<Self> {
        let mut conn = Conn::open(NETLINK_GENERIC)?;
        let operation = Operation::new("open", "ip_vs");
        let family = family::resolve(&mut conn, &operation, FAMILY_NAME).map_err(errno::open)?;
        Ok(Self {
            channel: Channel { conn, family },
            second: Channel {
                conn: Conn::with_room(NETLINK_GENERIC, SECOND_ROOM)?,
                family,
            },
            packet: Packet::default(),
        })
    }

    /// Opens the IPVS of another network namespace; the handle can be used on any thread.
    ///
    /// Keep the handle: entering a namespace for each request costs a thread and several sockets, about 16 times
    /// as much as the request itself.
    ///
    /// ```no_run
    /// use lvs_core::{Netns, ipvs::Ipvs};
    /// let mut blue = Ipvs::open_in(&Netns::open("/run/netns/blue")?)?;
    /// println!("{} services", blue.snapshot()?.len());
    /// # Ok::<(), lvs_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and entering failed: no privilege (`CAP_SYS_ADMIN`).
    #[cfg(feature = "cluster")]
    pub fn open_in(netns: &crate::Netns) -> Result<Self> {
        netns.run(|_| Self::open())?
    }

    /// Opens the IPVS of the same network namespace again, which may load the module `ip_vs` as
    /// [`open`](Self::open) does. Its table is empty if the module was unloaded.
    ///
    /// # Errors
    /// [`is_not_loaded`](crate::Error::is_not_loaded) if the kernel has no ip_vs.
    pub fn reopen(&mut self) -> Result<()> {
        let operation = Operation::new("open", "ip_vs");
        let family = family::resolve(&mut self.channel.conn, &operation, FAMILY_NAME)
            .map_err(errno::open)?;
        self.channel.family = family;
        self.second.family = family;
        Ok(())
    }

    /// Sets how long one exchange waits for the kernel's answer; 5 seconds if it is never set.
    ///
    /// Signals do not prolong it, and a long list that arrives bit by bit is not cut off by it.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.channel.conn.set_timeout(timeout);
        self.second.conn.set_timeout(timeout);
    }
}

impl AsFd for Ipvs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.conn.as_fd()
    }
}

impl fmt::Debug for Ipvs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ipvs")
            .field("family", &self.channel.family)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handle_can_move_to_another_thread() {
        const fn is_send<T: Send>() {}
        const { is_send::<Ipvs>() };
    }
}
