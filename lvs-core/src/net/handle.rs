//! The handle of rtnetlink; its verbs are beside it, in a file for each kind of object.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_sys::protocols::NETLINK_ROUTE;

use super::message::Names;
use crate::error::{Operation, Result};
use crate::netlink::Conn;
use crate::netlink::exchange::Reply;

/// The flags that create an object, and fail where it exists already.
pub(super) const NEW: u16 = NLM_F_CREATE | NLM_F_EXCL;
/// The flags that create an object, or replace the one that exists.
pub(super) const REPLACE: u16 = NLM_F_CREATE | NLM_F_REPLACE;

/// Reads and changes interfaces, addresses and routes of the network namespace in which it was opened.
///
/// It stays with that namespace, whichever thread uses it. Changes need `CAP_NET_ADMIN` there; reading needs no
/// privilege.
///
/// ```
/// use lvs_core::net::Net;
/// let mut net = Net::open()?;
/// for link in net.links()? {
///     println!("{}: {} bytes", link.name, link.mtu);
/// }
/// # Ok::<(), lvs_core::Error>(())
/// ```
///
/// ```no_run
/// use lvs_core::net::{Address, Net};
/// let mut net = Net::open()?;
/// let vip = Address::new("eth0".parse()?, "172.16.5.11/16".parse()?);
/// net.add_address(&vip)?;
/// assert!(net.addresses()?.iter().any(|address| address.id == vip.id));
/// net.delete_address(&vip.id)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Net {
    pub(super) conn: Conn,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}

impl Net {
    /// Opens the handle of the calling thread's network namespace.
    ///
    /// # Errors
    /// The kernel has no rtnetlink, or the process has no file descriptor left.
    pub fn open() -> Result<Self> {
        let conn = Conn::open(NETLINK_ROUTE)?;
        Ok(Self { conn })
    }

    /// Sets how long one exchange waits for the kernel's answer; 5 seconds if it is never set. Signals do not
    /// prolong it.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.conn.set_timeout(timeout);
    }

    /// Sends one change.
    pub(super) fn change(
        &mut self,
        operation: &Operation,
        kind: u16,
        flags: u16,
        payload: &[u8],
    ) -> Result<()> {
        self.conn.request(operation, kind, flags, payload).map(drop)
    }

    /// Dumps, and returns the payloads of the messages of type `kind`; with an error, those that were read.
    pub(super) fn list(
        &mut self,
        verb: &'static str,
        request: u16,
        kind: u16,
        payload: &[u8],
    ) -> Result<Vec<Vec<u8>>> {
        let is_asked = |reply: &&Reply| reply.kind == kind;
        match self.conn.dump(&Operation::new(verb, ""), request, payload) {
            Ok(replies) => Ok(replies
                .into_iter()
                .filter(|reply| is_asked(&reply))
                .map(|reply| reply.payload)
                .collect()),
            Err(error) => {
                let seen = error.payload::<Vec<Reply>>().map(|seen| {
                    seen.iter()
                        .filter(is_asked)
                        .map(|reply| reply.payload.clone())
                        .collect::<Vec<_>>()
                });
                Err(match seen {
                    Some(seen) => error.with_payload(seen),
                    None => error,
                })
            }
        }
    }

    /// Decodes what was listed with the names of the interfaces.
    pub(super) fn named<T: Send + Sync + 'static>(
        &mut self,
        replies: Result<Vec<Vec<u8>>>,
        decode: fn(&[u8], &Names) -> Option<T>,
    ) -> Result<Vec<T>> {
        let is_lost = replies.as_ref().is_err_and(|error| !error.is_unsettled());
        let names = match is_lost {
            true => Names::new(),
            false => self.names()?,
        };
        decoded(replies, |payload| decode(payload, &names))
    }

    /// Returns the names of the interfaces. They are read *after* addresses or routes, so that an interface
    /// made in between is known, and the addresses of a missing one no longer exist.
    pub(crate) fn names(&mut self) -> Result<Names> {
        Ok(self
            .links()?
            .into_iter()
            .map(|link| (link.index, link.name))
            .collect())
    }
}

/// Decodes what was listed; of a list that kept changing, what the error has of it.
pub(super) fn decoded<T: Send + Sync + 'static>(
    replies: Result<Vec<Vec<u8>>>,
    decode: impl Fn(&[u8]) -> Option<T>,
) -> Result<Vec<T>> {
    let all = |replies: &[Vec<u8>]| -> Vec<T> {
        replies
            .iter()
            .filter_map(|payload| decode(payload))
            .collect()
    };
    match replies {
        Ok(replies) => Ok(all(&replies)),
        Err(error) => Err(
            match error.payload::<Vec<Vec<u8>>>().map(|seen| all(seen)) {
                Some(seen) => error
                    .with_hint("another program keeps changing it; try again")
                    .with_payload(seen),
                None => error,
            },
        ),
    }
}

impl AsFd for Net {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.conn.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Address, message};
    use super::*;
    use crate::error::{Cause, Error};
    use crate::name::IfName;

    #[test]
    fn a_list_that_kept_changing_is_in_the_error() {
        let address = Address::new(IfName::LO, "127.0.0.2/8".parse().unwrap());
        let names = Names::from([(1, IfName::LO)]);
        let error = Error::new(Operation::new("list addresses", ""), Cause::Unsettled);
        let error = error.with_payload(vec![message::address::add(&address, 1), vec![0; 3]]);
        let decode = |payload: &[u8]| message::address::decode(payload, &names);
        let error = decoded(Err(error), decode).unwrap_err();
        assert!(error.is_unsettled());
        assert_eq!(error.seen_addresses(), Some(&[address][..]));
        assert_eq!(error.seen_routes(), None);
    }
}
